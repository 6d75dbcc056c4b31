// What the host's tests share in Node: the package as built, and independent references.
import { createHash } from 'node:crypto';

export * from '../../pkg/node.js';
export * from './mandelbrot.mjs';

/** Bytes that look random and are the same each time. */
export function bytes(length, seed = 1) {
  const out = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let index = 0; index < length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[index] = state;
  }
  return out;
}

export function sha256(data) {
  return createHash('sha256').update(data).digest('hex');
}
