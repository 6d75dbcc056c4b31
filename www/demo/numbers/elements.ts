// Types of number that bytes can be read as.

const BITS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: Uint32Array } as const;

export const elementTypes = {
  f64: Float64Array, f32: Float32Array, i32: Int32Array, u32: Uint32Array, i16: Int16Array, u16: Uint16Array, i8: Int8Array, u8: Uint8Array, i64: BigInt64Array, u64: BigUint64Array,
} as const;

export type ElementType = keyof typeof elementTypes;
export type Numbers = InstanceType<(typeof elementTypes)[ElementType]>;

export const elementNames: Record<ElementType, string> = {
  f64: '64-bit floats', f32: '32-bit floats', i32: '32-bit integers', u32: '32-bit, unsigned', i16: '16-bit integers', u16: '16-bit, unsigned', i8: '8-bit integers', u8: 'bytes',
  i64: '64-bit integers', u64: '64-bit, unsigned',
};

/** Bytes as numbers; what is left at the end of a file that is no multiple of a number's size stays out. */
export function readAs(data: Uint8Array<ArrayBuffer>, type: ElementType): Numbers {
  const Type = elementTypes[type];
  return new Type(data.buffer, data.byteOffset, Math.floor(data.byteLength / Type.BYTES_PER_ELEMENT));
}

/** Numbers as the words that they are stored in: equal numbers may differ there (0 and −0), so sums of these tell that nothing was lost. */
export function bitsOf(numbers: Numbers): Uint8Array | Uint16Array | Uint32Array {
  const size = numbers.BYTES_PER_ELEMENT as keyof typeof BITS;
  const Words = BITS[size];
  return new Words(numbers.buffer, numbers.byteOffset, numbers.byteLength / Words.BYTES_PER_ELEMENT);
}
