// The cases of the `kernels` suite: inputs large enough to tell, made by a fixed rule or taken from the real photograph.
import { readFileSync } from 'node:fs';

const photo = readFileSync(new URL('../data/hubble_deep_field.jpg', import.meta.url));

/** xorshift32: the same numbers on each run. */
function random(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** A typed array in shared memory, which no thread needs to copy on its way. */
function shared(Type, length, next) {
  const array = new Type(new SharedArrayBuffer(length * Type.BYTES_PER_ELEMENT));
  for (let index = 0; index < length; index += 1) array[index] = next(index);
  return array;
}

function noise(width, height, seed) {
  const next = random(seed);
  // Smooth in large, noisy in small, as photographs are.
  return {
    width,
    height,
    data: shared(Uint8ClampedArray, width * height * 4, (index) => {
      if (index % 4 === 3) return 255;
      const pixel = index >> 2;
      return ((pixel % width) * 200) / width + ((pixel / width) * 40) / height + (next() & 15);
    }),
  };
}

/** Each case: its kernel, params, and whether it is measured in Chromium too. */
export const cases = [
  {
    name: 'mandelbrot 1600×1200, 1000 iterations',
    kernel: 'mandelbrot',
    chromium: true,
    params: () => ({ width: 1600, height: 1200, centerX: -0.5, centerY: 0, span: 3, maxIterations: 1000 }),
  },
  { name: 'image.decode jpeg, 1000×872', kernel: 'image.decode', params: () => ({ data: shared(Uint8Array, photo.length, (index) => photo[index]) }) },
  {
    name: 'image.resize 6000×4000 to 1224×816, lanczos3',
    kernel: 'image.resize',
    params: () => ({ image: noise(6000, 4000, 7), width: 1224, height: 816, filter: 'lanczos3' }),
  },
  { name: 'image.encode png, 1500×1000', kernel: 'image.encode', params: () => ({ image: noise(1500, 1000, 11), format: 'png' }) },
  { name: 'sort 10 M f64', kernel: 'sort', params: () => ({ data: shared(Float64Array, 10_000_000, uniform(3)), order: 'ascending' }) },
  { name: 'sort 10 M u32', kernel: 'sort', params: () => ({ data: shared(Uint32Array, 10_000_000, random(5)), order: 'ascending' }) },
  { name: 'argsort 4 M f64', kernel: 'argsort', params: () => ({ data: shared(Float64Array, 4_000_000, uniform(9)), order: 'ascending' }) },
  { name: 'hash sha256, 64 MiB', kernel: 'hash', params: () => ({ data: shared(Uint8Array, 64 << 20, random(13)), algorithm: 'sha256' }) },
  { name: 'hash blake3, 64 MiB', kernel: 'hash', params: () => ({ data: shared(Uint8Array, 64 << 20, random(17)), algorithm: 'blake3' }) },
];

function uniform(seed) {
  const next = random(seed);
  return () => (next() / 2 ** 32 - 0.5) * 2e6 + next() / 2 ** 32;
}
