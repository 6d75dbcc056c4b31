// The SHA-256 of an output: of its typed arrays' bytes in order, or of its JSON when it has none. native.rs does the same.
import { createHash } from 'node:crypto';

export function digest(output) {
  const hash = createHash('sha256');
  const arrays = arraysOf(output);
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  if (arrays.length === 0) hash.update(JSON.stringify(output));
  return hash.digest('hex');
}

function arraysOf(value) {
  if (ArrayBuffer.isView(value)) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(arraysOf) : [];
}
