// The SHA-256 of an output: of its typed arrays' bytes in order, or of its values when it has none. native.rs does the same.
import { createHash } from 'node:crypto';

export function digest(output) {
  const hash = createHash('sha256');
  const arrays = arraysOf(output);
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  if (arrays.length === 0) hash.update(text(output));
  return hash.digest('hex');
}

function arraysOf(value) {
  if (ArrayBuffer.isView(value)) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(arraysOf) : [];
}

/** A value as text in which numbers stand by their bits: JSON's are written in other ways by other languages. */
function text(value) {
  if (typeof value === 'number') {
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setFloat64(0, value);
    return Number.isFinite(value) ? bytes.getBigUint64(0).toString(16).padStart(16, '0') : 'null';
  }
  if (Array.isArray(value)) return `[${value.map(text).join(',')}]`;
  if (typeof value === 'object' && value !== null) return `{${Object.keys(value).sort().map((key) => `${key}:${text(value[key])}`).join(',')}}`;
  return value === undefined ? 'null' : JSON.stringify(value);
}
