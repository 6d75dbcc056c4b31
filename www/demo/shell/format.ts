// Numbers as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function integer(value: number): string {
  return whole.format(value);
}

export function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return ms >= 10 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;
}

export function bytes(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(count >= 1e8 ? 0 : 1)} MB`;
  return count >= 1e3 ? `${(count / 1e3).toFixed(count >= 1e5 ? 0 : 1)} kB` : `${count} bytes`;
}

/** An amount per second, from the amount and its milliseconds: `412 MB/s`, `98 million numbers/s`. */
export function rate(amount: number, ms: number, unit: 'bytes' | 'numbers' | 'pixels'): string {
  const perSecond = (amount * 1000) / Math.max(ms, 0.001);
  const millions = perSecond / 1e6;
  const figure = millions >= 100 ? millions.toFixed(0) : millions >= 10 ? millions.toFixed(1) : millions.toFixed(2);
  return `${figure} ${{ bytes: 'MB/s', numbers: 'million numbers/s', pixels: 'Mpixel/s' }[unit]}`;
}
