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

/** Words in an order that looks random, and numbers between them: level 6 takes as long for it, and makes as little of it, as of a book. */
function prose(length, seed) {
  const next = random(seed);
  const words = Array.from({ length: 6000 }, () => {
    let word = '';
    for (let letters = 2 + (next() % 9); letters > 0; letters -= 1) word += 'etaoinshrdlucmfwyp'[Math.min(next() % 18, next() % 18)];
    return word;
  });
  const parts = [];
  // A few words are most of a text.
  for (let count = 0; count < length; count += parts.at(-1).length) {
    const rank = Math.floor(words.length ** (next() / 2 ** 32)) - 1;
    parts.push(next() % 40 === 0 ? `${next()}\n` : `${words[rank]}${next() % 12 === 0 ? '. ' : ' '}`);
  }
  const data = new Uint8Array(new SharedArrayBuffer(length));
  data.set(Buffer.from(parts.join(''), 'latin1').subarray(0, length));
  return data;
}

/** Each case: its kernel, params, and whether it is measured in Chromium too. */
export const cases = [
  {
    name: 'mandelbrot 1600×1200, 1000 iterations',
    kernel: 'mandelbrot',
    chromium: true,
    params: () => ({ width: 1600, height: 1200, centerX: -0.5, centerY: 0, span: 3, maxIterations: 1000 }),
  },
  {
    name: 'mandelbrot 400×300 at 1e-29, up to 9000 iterations',
    kernel: 'mandelbrot',
    params: () => ({
      width: 400,
      height: 300,
      centerX: '-0.776610592599701758140357569190843768673',
      centerY: '0.134608961675028200069809650880503159321',
      span: '1e-29',
      maxIterations: 9000,
    }),
  },
  { name: 'image.decode jpeg, 1000×872', kernel: 'image.decode', params: () => ({ data: shared(Uint8Array, photo.length, (index) => photo[index]) }) },
  {
    name: 'image.resize 6000×4000 to 1224×816, lanczos3',
    kernel: 'image.resize',
    params: () => ({ image: noise(6000, 4000, 7), width: 1224, height: 816, filter: 'lanczos3' }),
  },
  { name: 'image.blur 6000×4000, sigma 2', kernel: 'image.blur', params: () => ({ image: noise(6000, 4000, 7), sigma: 2 }) },
  { name: 'image.blur 6000×4000, radius 10', kernel: 'image.blur', params: () => ({ image: noise(6000, 4000, 7), radius: 10 }) },
  { name: 'image.rotate 3000×2000 by 30°', kernel: 'image.rotate', params: () => ({ image: noise(3000, 2000, 7), angle: 30 }) },
  { name: 'image.color 6000×4000', kernel: 'image.color', params: () => ({ image: noise(6000, 4000, 7), saturate: 1.4, contrast: 1.2 }) },
  { name: 'image.convolve 3000×2000, 3×3', kernel: 'image.convolve', params: () => ({ image: noise(3000, 2000, 7), kernel: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]] }) },
  {
    name: 'image.pipeline, photo to blurred thumbnail',
    kernel: 'image.pipeline',
    params: () => ({
      data: shared(Uint8Array, photo.length, (index) => photo[index]),
      steps: [{ op: 'resize', width: 400, height: 348 }, { op: 'blur', sigma: 2 }, { op: 'encode', format: 'png' }],
    }),
  },
  { name: 'image.encode png, 1500×1000', kernel: 'image.encode', params: () => ({ image: noise(1500, 1000, 11), format: 'png' }) },
  { name: 'sort 10 M f64', kernel: 'sort', params: () => ({ data: shared(Float64Array, 10_000_000, uniform(3)), order: 'ascending' }) },
  { name: 'sort 10 M u32', kernel: 'sort', params: () => ({ data: shared(Uint32Array, 10_000_000, random(5)), order: 'ascending' }) },
  { name: 'argsort 4 M f64', kernel: 'argsort', params: () => ({ data: shared(Float64Array, 4_000_000, uniform(9)), order: 'ascending' }) },
  ...['gzip', 'lz4', 'zstd'].flatMap((format) => [
    { name: `compress ${format}, 64 MiB`, kernel: 'compress', params: () => ({ data: prose(64 << 20, 19), format }) },
    { name: `decompress ${format}, 64 MiB`, kernel: 'decompress', params: async (host) => ({ data: (await host.run('compress', { data: prose(64 << 20, 19), format })).data, format }) },
  ]),
  { name: 'decompress zlib, 16 MiB', kernel: 'decompress', params: async (host) => ({ data: (await host.run('compress', { data: prose(16 << 20, 19), format: 'zlib' })).data, format: 'zlib' }) },
  { name: 'search a word, 64 MiB', kernel: 'search', params: () => ({ data: prose(64 << 20, 21), pattern: 'taleo' }) },
  { name: 'search an expression, 64 MiB', kernel: 'search', params: () => ({ data: prose(64 << 20, 21), pattern: '[a-z]+eo [0-9]{9}' }) },
  { name: 'hash.many sha256, 64 MiB by 4 KiB', kernel: 'hash.many', params: () => ({ data: shared(Uint8Array, 64 << 20, random(13)), chunk: 4096, algorithm: 'sha256' }) },
  { name: 'hash sha256, 64 MiB', kernel: 'hash', params: () => ({ data: shared(Uint8Array, 64 << 20, random(13)), algorithm: 'sha256' }) },
  {
    name: 'matmul f32, 1024³',
    kernel: 'matmul',
    params: () => ({ a: noisy(Float32Array, 1024 * 1024, 19), b: noisy(Float32Array, 1024 * 1024, 21), m: 1024, k: 1024, n: 1024 }),
  },
  {
    name: 'matmul f64, 768³',
    kernel: 'matmul',
    params: () => ({ a: noisy(Float64Array, 768 * 768, 19), b: noisy(Float64Array, 768 * 768, 21), m: 768, k: 768, n: 768 }),
  },
  { name: 'fft complex f32, 2²⁰', kernel: 'fft', params: () => ({ data: noisy(Float32Array, 2 << 20, 23) }) },
  { name: 'fft complex f64, 2²⁰', kernel: 'fft', params: () => ({ data: noisy(Float64Array, 2 << 20, 25) }) },
  { name: 'fft real f32, 2048×2048', kernel: 'fft', params: () => ({ data: noisy(Float32Array, 2048 * 2048, 27), length: 2048, dimensions: 2, real: true }) },
  { name: 'fft complex f32, 4096 rows of 1000', kernel: 'fft', params: () => ({ data: noisy(Float32Array, 2 * 4096 * 1000, 29), length: 1000 }) },
  {
    name: 'nbody 10,000 × 10',
    kernel: 'nbody',
    params: () => ({
      positions: noisy(Float64Array, 30_000, 31), velocities: noisy(Float64Array, 30_000, 33), masses: shared(Float64Array, 10_000, () => 1e-4),
      steps: 10, timeStep: 0.001, softening: 0.01,
    }),
  },
  { name: 'hash blake3, 64 MiB', kernel: 'hash', params: () => ({ data: shared(Uint8Array, 64 << 20, random(17)), algorithm: 'blake3' }) },
  { name: 'topk 1000 of 10 M f64', kernel: 'topk', params: () => ({ data: shared(Float64Array, 10_000_000, uniform(19)), k: 1000 }) },
  { name: 'stats.describe 10 M f64', kernel: 'stats.describe', params: () => ({ data: shared(Float64Array, 10_000_000, uniform(21)) }) },
  { name: 'stats.describe 10 M f32', kernel: 'stats.describe', params: () => ({ data: shared(Float32Array, 10_000_000, uniform(23)) }) },
  { name: 'stats.quantiles 10 M f64', kernel: 'stats.quantiles', params: () => ({ data: shared(Float64Array, 10_000_000, uniform(25)), q: [0.01, 0.25, 0.5, 0.75, 0.99] }) },
  { name: 'stats.histogram 10 M f64, 256 bins', kernel: 'stats.histogram', params: () => ({ data: shared(Float64Array, 10_000_000, uniform(27)), bins: 256 }) },
  {
    name: 'groupby 4 M f64 by 10 k keys',
    kernel: 'groupby',
    params: () => ({ keys: shared(Int32Array, 4_000_000, ((next) => () => next() % 10_000)(random(29))), values: shared(Float64Array, 4_000_000, uniform(31)) }),
  },
  {
    name: 'kmeans 100 k × 32, k 64, 10 iterations',
    kernel: 'kmeans',
    params: () => ({ data: shared(Float32Array, 3_200_000, uniform(33)), dimensions: 32, k: 64, maxIterations: 10, tolerance: 0 }),
  },
  {
    name: 'knn 100 k × 128, 100 queries, k 10',
    kernel: 'knn',
    params: () => ({ data: shared(Float32Array, 12_800_000, uniform(35)), queries: shared(Float32Array, 12_800, uniform(37)), dimensions: 128, k: 10, metric: 'cosine' }),
  },
  {
    name: 'knn.index 100 k × 128, 316 lists',
    kernel: 'knn.index',
    params: () => ({ data: shared(Float32Array, 12_800_000, uniform(35)), dimensions: 128, lists: 316, metric: 'cosine' }),
  },
  {
    name: 'knn.search 100 k × 128, 100 queries, k 10, 18 of 316 lists',
    kernel: 'knn.search',
    // Lists of one length around any points: it takes as long as of those that an index has.
    params: () => ({
      centroids: shared(Float32Array, 316 * 128, uniform(39)),
      offsets: shared(Uint32Array, 317, (list) => Math.floor((list * 100_000) / 316)),
      order: shared(Uint32Array, 100_000, (index) => index),
      vectors: shared(Float32Array, 12_800_000, uniform(35)),
      queries: shared(Float32Array, 12_800, uniform(37)),
      dimensions: 128,
      k: 10,
      probes: 18,
      metric: 'cosine',
    }),
  },
  {
    name: 'montecarlo european, 4 M paths',
    kernel: 'montecarlo',
    params: () => ({ option: 'call', spot: 100, strike: 105, years: 1, rate: 0.05, volatility: 0.2, paths: 4_000_000 }),
  },
  {
    name: 'montecarlo asian, 100 k paths of 64 dates',
    kernel: 'montecarlo',
    params: () => ({ option: 'call', style: 'asian', steps: 64, spot: 100, strike: 105, years: 1, rate: 0.05, volatility: 0.2, paths: 100_000 }),
  },
];

/** From −1 to 1. */
function noisy(Type, length, seed) {
  const next = random(seed);
  return shared(Type, length, () => next() / 2 ** 31 - 1);
}

function uniform(seed) {
  const next = random(seed);
  return () => (next() / 2 ** 32 - 0.5) * 2e6 + next() / 2 ** 32;
}
