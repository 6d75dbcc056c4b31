// Whether two outputs of a kernel are the same, to the bit.

/** The first field in which they differ, or undefined. */
export function difference(a: unknown, b: unknown, path = 'output'): string | undefined {
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) return sameBytes(a, b) ? undefined : path;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b) ? undefined : path;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const found = difference((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a.byteLength !== b.byteLength) return false;
  // Words where both lie so; megabytes are compared.
  const words = a.byteOffset % 4 === 0 && b.byteOffset % 4 === 0 ? a.byteLength >> 2 : 0;
  const [x, y] = [new Uint32Array(words ? a.buffer : new ArrayBuffer(0), words ? a.byteOffset : 0, words), new Uint32Array(words ? b.buffer : new ArrayBuffer(0), words ? b.byteOffset : 0, words)];
  for (let index = 0; index < words; index += 1) if (x[index] !== y[index]) return false;
  const [restA, restB] = [a, b].map((view) => new Uint8Array(view.buffer, view.byteOffset + words * 4, view.byteLength - words * 4)) as [Uint8Array, Uint8Array];
  return restA.every((byte, index) => byte === restB[index]);
}
