// Numbers with as many digits as the deepest view needs: bigints, in units of the last digit.

/** Digits after the point. */
export const DIGITS = 320;

/** A number with {@link DIGITS} digits after the point. */
export type Decimal = bigint;

const NUMBER = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i;

/** What a text says, in digits or with an exponent; undefined when it is no number, or one of thousands of digits. */
export function fromText(text: string): Decimal | undefined {
  const [, sign, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  const shift = DIGITS - fraction.length + Number(exponent);
  if (whole.length + fraction.length === 0 || text.length > 2000 || Math.abs(shift) > 2000) return undefined;
  const digits = BigInt(whole + fraction);
  const size = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
  return sign === '-' ? -size : size;
}

/** A 64-bit number, digit for digit as JavaScript writes it. */
export function fromNumber(value: number): Decimal {
  const decimal = fromText(String(value));
  if (decimal === undefined) throw new RangeError(`${value} is not a finite number`);
  return decimal;
}

/** The nearest 64-bit number. */
export function toNumber(decimal: Decimal): number {
  return Number(`${decimal}e-${DIGITS}`);
}

/** All digits, but no zeros at the end. */
export function toText(decimal: Decimal): string {
  const digits = abs(decimal).toString().padStart(DIGITS + 1, '0');
  const fraction = digits.slice(-DIGITS).replace(/0+$/, '');
  return `${decimal < 0n ? '-' : ''}${digits.slice(0, -DIGITS)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The nearest with so many digits after the point. */
export function rounded(decimal: Decimal, digits: number): Decimal {
  const unit = 10n ** BigInt(DIGITS - digits);
  const up = decimal < 0n ? -unit / 2n : unit / 2n;
  return ((decimal + up) / unit) * unit;
}

export function abs(decimal: Decimal): Decimal {
  return decimal < 0n ? -decimal : decimal;
}
