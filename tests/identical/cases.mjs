// Params of every kernel: small ones for the comparison of backends, and ones that take a while for the cancels.
import { readFileSync } from 'node:fs';

/** Numbers that look random and are the same each time (xorshift32). */
function random(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function filled(Type, length, next) {
  const array = new Type(new SharedArrayBuffer(length * Type.BYTES_PER_ELEMENT));
  for (let index = 0; index < length; index += 1) array[index] = next(index);
  return array;
}

function picture(width, height, seed, alpha) {
  const next = random(seed);
  const value = (index) => (index % 4 === 3 ? (alpha ? next() & 255 : 255) : ((index >> 4) & 127) + (next() & 63));
  return { width, height, data: filled(Uint8ClampedArray, width * height * 4, value) };
}

function floats(length, seed) {
  const next = random(seed);
  const odd = [NaN, -0, 0, Infinity, -Infinity, 5e-324];
  return filled(Float64Array, length, () => (next() % 50 === 0 ? odd[next() % odd.length] : (next() / 2 ** 31 - 1) * 1e6));
}

function noise(Type, length, seed) {
  const next = random(seed);
  return filled(Type, length, () => next() / 2 ** 31 - 1);
}

function bodies(count, steps) {
  const masses = noise(Float64Array, count, 5).map(Math.abs);
  return { positions: noise(Float64Array, count * 3, 1), velocities: noise(Float64Array, count * 3, 3), masses, steps, timeStep: 0.001, softening: 0.02 };
}
/** Vectors around a few centres, as embeddings are. */
function vectors(count, dimensions, seed) {
  const next = random(seed);
  return filled(Float32Array, count * dimensions, (index) => (Math.floor(index / dimensions) % 7) * ((index % dimensions) % 3) + next() / 2 ** 32);
}

const option = { spot: 100, strike: 105, years: 1.5, rate: 0.04, volatility: 0.25 };
/** Words in an order that looks random, each here and there with a number that does not come again. */
function prose(length, seed) {
  const words = ['warp ', 'weft ', 'shuttle ', 'loom\n', 'heddle ', 'a ', 'of ', 'thread\r\n', 'bobbin ', 'Jacquard '];
  const next = random(seed);
  const parts = [];
  for (let count = 0; count < length; count += parts.at(-1).length) parts.push(next() % 9 === 0 ? `${next()} ` : words[(next() >>> 8) % words.length]);
  const data = new Uint8Array(new SharedArrayBuffer(length));
  data.set(Buffer.from(parts.join(''), 'latin1').subarray(0, length));
  return data;
}

/** Buffers of all lengths, some of them long. */
function buffers(count, next) {
  const lengths = filled(Uint32Array, count, (index) => (index % 500 === 7 ? 300_000 : next() % 800));
  return { data: filled(Uint8Array, lengths.reduce((sum, length) => sum + length, 0), next), lengths };
}

/** Params of `decompress`: what the host itself has made of it. */
async function compressed(host, data, format) {
  return { data: (await host.run('compress', { data, format })).data, format };
}

/** Params of `knn.search`: an index that the host itself has built. */
async function indexed(host, params, wanted) {
  return { ...(await host.run('knn.index', params)), ...wanted };
}

const photo = new Uint8Array(readFileSync(new URL('../data/hubble_deep_field.jpg', import.meta.url)));
const pipeline = [
  { op: 'crop', x: 100, y: 60, width: 800, height: 700 },
  { op: 'resize', width: 400, height: 350 },
  { op: 'rotate', angle: 5 },
  { op: 'blur', sigma: 1.2 },
  { op: 'color', contrast: 1.2, grayscale: 0.5 },
  { op: 'encode', format: 'webp' },
];
/** Small copies of the set, of 1e-31 and 1e-300. */
const deep = {
  seahorses: { centerX: '-0.776610592599701758140357569190843768673', centerY: '0.134608961675028200069809650880503159321', span: '1e-29' },
  deepest: {
    centerX: '0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000094041029268835617600351275767550294711537255992450195890104975401907375410493620438634879682876000814840586863595902041592256393973175221982957927001942180619',
    centerY: '0.99999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999919939115257141036248905001765800060072338245761251013383358978633556980366314631756657792019674400543166577517675589849177945534982729969383091234477323334417',
    span: '1e-298',
  },
};
const views = { seahorses: { centerX: -0.745, centerY: 0.11, span: 0.02 }, whole: { centerX: -0.5, centerY: 0, span: 3 } };

/** Each kernel by its name, with params that bring out what it does. */
export const cases = [
  ['noop', () => ({})],
  ['mandelbrot', () => ({ width: 701, height: 403, ...views.seahorses, maxIterations: 700 })],
  ['mandelbrot', () => ({ width: 97, height: 1201, ...views.whole, maxIterations: 300, rows: { first: 100, count: 777 } })],
  ['mandelbrot', () => ({ width: 301, height: 203, ...deep.seahorses, maxIterations: 9000 })],
  ['mandelbrot', () => ({ width: 203, height: 301, ...deep.deepest, maxIterations: 6000 })],
  ['hash', () => ({ data: filled(Uint8Array, 5_000_011, random(3)), algorithm: 'blake3' })],
  ['hash', () => ({ data: filled(Uint8Array, 1_000_003, random(5)), algorithm: 'sha256' })],
  ...['gzip', 'zlib', 'deflate', 'lz4', 'zstd'].flatMap((format) => [
    ['compress', () => ({ data: prose(5_300_007, 27), format })],
    ['decompress', (host) => compressed(host, prose(5_300_007, 29), format)],
  ]),
  ...[0, 1, 2, 3, 4, 5, 7, 8, 9].map((level) => ['compress', () => ({ data: prose(1_500_000, 31), format: 'gzip', level })]),
  ...[1, 6, 9].map((level) => ['compress', () => ({ data: prose(2_500_000, 33), format: 'zstd', level })]),
  ['compress', () => ({ data: filled(Uint8Array, 3_000_000, random(35)), format: 'lz4' })],
  ['search', () => ({ data: prose(20_000_003, 37), pattern: '\\bwe\\w+ \\d+|(?i)jacquard$' })],
  ['search', () => ({ data: prose(3_000_001, 39), pattern: 'heddle', invert: true })],
  ['search', () => ({ data: prose(3_000_001, 41), pattern: 'a ', literal: true, maxMatches: 54_321 })],
  ['hash.many', () => ({ data: filled(Uint8Array, 4_000_003, random(43)), chunk: 1000, algorithm: 'sha256' })],
  ['hash.many', () => ({ ...buffers(3_000, random(45)), algorithm: 'sha256' })],
  ['hash.many', () => ({ ...buffers(3_000, random(47)), algorithm: 'blake3' })],
  ['sort', () => ({ data: floats(400_000, 7), order: 'ascending' })],
  ['sort', () => ({ data: filled(Uint8Array, 300_000, random(9)), order: 'descending' })],
  ['sort', () => ({ data: filled(BigInt64Array, 200_000, ((next) => () => (BigInt(next()) << 32n) - 2n ** 62n)(random(11))), order: 'ascending' })],
  ['argsort', () => ({ data: floats(400_000, 13), order: 'descending' })],
  ['argsort', () => ({ data: filled(Uint16Array, 300_000, random(15)), order: 'ascending' })],
  ['image.resize', () => ({ image: picture(1203, 801, 17, true), width: 400, height: 650, filter: 'lanczos3' })],
  ['image.resize', () => ({ image: picture(640, 480, 19, false), width: 1500, height: 900, filter: 'bilinear' })],
  ['image.blur', () => ({ image: picture(903, 401, 27, true), sigma: 2.5 })],
  ['image.blur', () => ({ image: picture(640, 480, 29, false), radius: 31 })],
  ['image.convolve', () => ({ image: picture(700, 301, 31, true), kernel: [[1.5, -2, 0.25], [0, 3, 1], [-1, 0.1, 0.7], [1, 1, 1], [0, 0, 2]], keepAlpha: false, edges: 'mirror' })],
  ['image.convolve', () => ({ image: picture(701, 203, 49, true), kernel: [[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor: 32, bias: 0.25, edges: 'transparent' })],
  ['image.crop', () => ({ image: picture(300, 200, 33, true), x: 13, y: 7, width: 201, height: 99 })],
  ['image.rotate', () => ({ image: picture(301, 200, 35, true), angle: 33.3, flip: 'horizontal', background: [9, 8, 7, 99] })],
  ['image.rotate', () => ({ image: picture(301, 200, 37, false), angle: -90 })],
  ['image.color', () => ({ image: picture(401, 200, 39, true), gamma: 2.2, brightness: 1.1, contrast: 1.3, saturate: 0.4, hueRotate: 77, sepia: 0.2 })],
  ['image.pipeline', () => ({ data: photo, steps: pipeline })],
  ['image.decode', () => ({ data: photo })],
  ['image.encode', () => ({ image: picture(500, 400, 21, true), format: 'png' })],
  ['image.encode', () => ({ image: picture(500, 400, 23, false), format: 'jpeg', quality: 85 })],
  ['image.encode', () => ({ image: picture(700, 500, 25, true), format: 'webp' })],
  ['matmul', () => ({ a: noise(Float32Array, 301 * 517, 27), b: noise(Float32Array, 517 * 403, 29), m: 301, k: 517, n: 403 })],
  ['matmul', () => ({ a: noise(Float64Array, 300 * 211, 31), b: noise(Float64Array, 150 * 305, 33), m: 200, k: 300, n: 150, transposeA: true, strideA: 211, transposeB: true, strideB: 305 })],
  ['matmul', () => ({ a: floats(64 * 512, 35), b: floats(512 * 64, 37), m: 64, k: 512, n: 64 })],
  ['fft', () => ({ data: noise(Float32Array, 2 << 16, 39) })],
  ['fft', () => ({ data: noise(Float32Array, 1 << 18, 40), real: true })],
  ['fft', () => ({ data: noise(Float32Array, 300 * 1024, 42), length: 1024, real: true })],
  ['fft', () => ({ data: noise(Float64Array, 50 * 1002, 44), length: 1000, real: true, inverse: true })],
  ['fft', () => ({ data: noise(Float64Array, 2 * 30_030, 41), inverse: true })],
  ['fft', () => ({ data: noise(Float32Array, 6 * 10_007, 43), length: 10_007, real: true })],
  ['fft', () => ({ data: noise(Float64Array, 2 * 500 * 361, 45), length: 361 })],
  ['fft', () => ({ data: noise(Float32Array, 240 * 322, 47), length: 322, dimensions: 2, real: true })],
  ['fft', () => ({ data: noise(Float64Array, 121 * 162, 49), length: 160, dimensions: 2, real: true, inverse: true })],
  ['fft', () => ({ data: floats(2 * 8192, 51), length: 1024 })],
  ['nbody', () => bodies(1003, 5)],
  ['nbody', () => ({ ...bodies(257, 9), softening: 0, gravity: 0.3 })],
  ['topk', () => ({ data: floats(400_000, 27), k: 1000 })],
  ['topk', () => ({ data: filled(Uint16Array, 300_000, random(29)), k: 77, order: 'ascending' })],
  ['groupby', () => ({ keys: filled(Int32Array, 300_000, ((next) => () => (next() % 5000) - 2500)(random(31))), values: floats(300_000, 33) })],
  ['groupby', () => ({ keys: floats(100_000, 35).map((x) => Math.round(x / 1e6)), values: filled(Uint8Array, 100_000, random(37)) })],
  ['stats.describe', () => ({ data: floats(400_000, 39).map((x) => (Number.isFinite(x) ? x : 5e-324)) })],
  ['stats.describe', () => ({ data: floats(200_000, 41) })],
  ['stats.describe', () => ({ data: filled(Float32Array, 300_000, random(43)), partial: true })],
  ['stats.describe', () => ({ data: filled(Int32Array, 300_000, random(45)) })],
  ['stats.quantiles', () => ({ data: floats(400_000, 47), q: [0, 0.001, 0.25, 1 / 3, 0.5, 0.99, 1] })],
  ['stats.histogram', () => ({ data: floats(400_000, 49), bins: 1000 })],
  ['stats.histogram', () => ({ data: filled(Uint8Array, 300_000, random(51)), edges: [0, 10, 20.5, 100, 200] })],
  ['kmeans', () => ({ data: vectors(20_001, 13, 53), dimensions: 13, k: 9, seed: 3, maxIterations: 20 })],
  ['knn', () => ({ data: vectors(20_001, 24, 55), queries: vectors(50, 24, 57), dimensions: 24, k: 11 })],
  ['knn', () => ({ data: vectors(5003, 31, 59), queries: vectors(3, 31, 61), dimensions: 31, k: 5, metric: 'cosine' })],
  ['knn', () => ({ data: vectors(5003, 31, 63), queries: vectors(70, 31, 65), dimensions: 31, k: 5, metric: 'dot' })],
  ['knn.index', () => ({ data: vectors(20_001, 24, 55), dimensions: 24, seed: 5 })],
  ['knn.index', () => ({ data: noise(Float32Array, 5003 * 31, 59), dimensions: 31, lists: 40, metric: 'cosine' })],
  ['knn.search', (host) => indexed(host, { data: vectors(50_001, 24, 55), dimensions: 24 }, { queries: vectors(50, 24, 57), k: 11 })],
  ['knn.search', (host) => indexed(host, { data: noise(Float32Array, 5003 * 31, 59), dimensions: 31, metric: 'cosine', lists: 40 }, { queries: noise(Float32Array, 2000 * 31, 61), k: 5, probes: 3 })],
  ['knn.search', (host) => indexed(host, { data: noise(Float32Array, 40_003 * 31, 63), dimensions: 31, metric: 'dot' }, { queries: noise(Float32Array, 31, 65), k: 500, probes: 2 })],
  ['montecarlo', () => ({ ...option, option: 'call', paths: 100_001 })],
  ['montecarlo', () => ({ ...option, option: 'put', style: 'asian', steps: 20, paths: 30_000, seed: 9 })],
];

/** Params of a decoder: a file that the host itself has made. */
async function fileOf(host, format, width, height) {
  return { data: (await host.run('image.encode', { image: picture(width, height, 1, false), format })).data };
}

/** Each kernel with params that keep it busy for some tens of milliseconds at least, for cancels in the middle; some need a host to make them. */
export const long = {
  mandelbrot: () => ({ width: 600, height: 450, centerX: -1.3680989, centerY: 0, span: 0.001, maxIterations: 400 }),
  'mandelbrot deep': () => ({ width: 80, height: 60, ...deep.seahorses, maxIterations: 100_000 }),
  'mandelbrot orbit': () => ({ width: 20, height: 20, ...views.seahorses, span: '1e-1000', maxIterations: 10_000_000 }),
  'hash blake3': () => ({ data: filled(Uint8Array, 256 << 20, (index) => index), algorithm: 'blake3' }),
  'hash sha256': () => ({ data: filled(Uint8Array, 32 << 20, (index) => index), algorithm: 'sha256' }),
  'compress gzip': () => ({ data: prose(3 << 20, 1), format: 'gzip' }),
  'compress gzip 9': () => ({ data: prose(2 << 20, 1), format: 'gzip', level: 9 }),
  'compress lz4': () => ({ data: prose(24 << 20, 1), format: 'lz4' }),
  'compress zstd': () => ({ data: prose(6 << 20, 1), format: 'zstd' }),
  'decompress gzip': (host) => compressed(host, prose(24 << 20, 1), 'gzip'),
  'decompress zlib': (host) => compressed(host, prose(16 << 20, 1), 'zlib'),
  'decompress lz4': (host) => compressed(host, prose(48 << 20, 1), 'lz4'),
  'decompress zstd': (host) => compressed(host, prose(32 << 20, 1), 'zstd'),
  search: () => ({ data: prose(24 << 20, 1), pattern: '[a-z]+ \\d{7}' }),
  'search many': () => ({ data: prose(1 << 20, 1), pattern: '\\w' }),
  'hash.many sha256': () => ({ data: filled(Uint8Array, 32 << 20, (index) => index), chunk: 4096, algorithm: 'sha256' }),
  'hash.many blake3': () => ({ data: filled(Uint8Array, 64 << 20, (index) => index), chunk: 4096, algorithm: 'blake3' }),
  sort: () => ({ data: filled(Float64Array, 8_000_000, random(1)), order: 'ascending' }),
  argsort: () => ({ data: filled(Float64Array, 4_000_000, random(1)), order: 'ascending' }),
  matmul: () => ({ a: noise(Float32Array, 1000 * 1000, 1), b: noise(Float32Array, 1000 * 1000, 3), m: 1000, k: 1000, n: 1000 }),
  fft: () => ({ data: noise(Float64Array, 2 << 20, 1) }),
  'fft of a prime length': () => ({ data: noise(Float64Array, 2 * 200_003, 1) }),
  nbody: () => bodies(3000, 5),
  topk: () => ({ data: filled(Float64Array, 8_000_000, random(1)), k: 1000 }),
  groupby: () => ({ keys: filled(Uint32Array, 300_000, random(1)), values: filled(Float32Array, 300_000, random(3)) }),
  'stats.describe': () => ({ data: filled(Float64Array, 16_000_000, random(1)) }),
  'stats.quantiles': () => ({ data: filled(Float64Array, 8_000_000, random(1)), q: [0.5] }),
  'stats.histogram': () => ({ data: filled(Float64Array, 8_000_000, random(1)), bins: 100 }),
  kmeans: () => ({ data: vectors(100_000, 32, 1), dimensions: 32, k: 64, maxIterations: 2, tolerance: 0 }),
  knn: () => ({ data: vectors(100_000, 64, 1), queries: vectors(100, 64, 3), dimensions: 64, k: 10 }),
  'knn.index': () => ({ data: noise(Float32Array, 10_000 * 64, 1), dimensions: 64 }),
  'knn.search': (host) => indexed(host, { data: noise(Float32Array, 100_000 * 64, 1), dimensions: 64, lists: 50 }, { queries: noise(Float32Array, 200 * 64, 3), k: 10, probes: 25 }),
  montecarlo: () => ({ ...option, option: 'call', style: 'asian', steps: 50, paths: 80_000 }),
  'image.resize': () => ({ image: picture(6000, 4000, 1, true), width: 3000, height: 2000, filter: 'lanczos3' }),
  'image.blur': () => ({ image: picture(2000, 1300, 1, true), sigma: 4 }),
  'image.convolve': () => ({ image: picture(1000, 700, 1, true), kernel: Array.from({ length: 15 }, () => Array(15).fill(1)) }),
  'image.rotate': () => ({ image: picture(2000, 1300, 1, true), angle: 30 }),
  'image.color': () => ({ image: picture(4000, 3000, 1, true), saturate: 1.5, hueRotate: 40, gamma: 1.8 }),
  'image.crop': () => ({ image: picture(6000, 4000, 1, true), x: 10, y: 10, width: 5900, height: 3900 }),
  'image.pipeline': () => ({ image: picture(2400, 1600, 1, false), steps: [{ op: 'blur', sigma: 3 }, { op: 'resize', width: 1200, height: 800 }, { op: 'encode', format: 'jpeg' }] }),
  'image.encode png': () => ({ image: picture(4000, 3000, 1, false), format: 'png' }),
  'image.encode jpeg': () => ({ image: picture(2000, 1300, 1, false), format: 'jpeg' }),
  'image.encode webp': () => ({ image: picture(3000, 2000, 1, false), format: 'webp' }),
  'image.decode png': (host) => fileOf(host, 'png', 2500, 1600),
  'image.decode jpeg': (host) => fileOf(host, 'jpeg', 2000, 1300),
  'image.decode webp': (host) => fileOf(host, 'webp', 1500, 1000),
};
