// What the host's tests share: the package as built, views to render, and independent references.
import { createHash } from 'node:crypto';

export * from '../../pkg/node.js';

/** A view with interior, boundary and exterior, whose sizes are primes. */
export const view = { width: 211, height: 157, centerX: -0.6, centerY: 0.05, span: 2.8, maxIterations: 300 };

/** A render that takes long enough to be stopped on any machine. */
export const endless = { width: 4000, height: 4000, centerX: -0.1, centerY: 0.65, span: 1e-3, maxIterations: 50_000_000 };

/** The Mandelbrot counts by their definition, in plain JavaScript. */
export function naiveMandelbrot({ width, height, centerX, centerY, span, maxIterations }) {
  const counts = new Uint32Array(width * height);
  const step = span / width;
  for (let row = 0; row < height; row += 1) {
    const ci = centerY + (row + 0.5 - height / 2) * step;
    for (let column = 0; column < width; column += 1) {
      const cr = centerX + (column + 0.5 - width / 2) * step;
      let zr = 0;
      let zi = 0;
      let count = 0;
      while (count < maxIterations) {
        [zr, zi] = [zr * zr - zi * zi + cr, 2 * zr * zi + ci];
        if (!(zr * zr + zi * zi <= 4)) break;
        count += 1;
      }
      counts[row * width + column] = count;
    }
  }
  return counts;
}

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
