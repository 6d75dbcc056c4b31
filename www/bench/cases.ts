// The cases of the suite `kernels`: what is run on what. At full size they are large enough to tell; smaller ones are for pages and for tests.
import { bytes, filled, noisy, picture, prose, random, uniform } from './inputs.ts';

/** The share of the full work that a case does. */
export const SIZES = { full: 1, light: 1 / 4, tiny: 1 / 256 } as const;
export type Size = keyof typeof SIZES;

export interface Case {
  name: string;
  kernel: string;
  /** Part of the short selection that a page measures unless told otherwise. */
  headline: boolean;
  /** Whether its params are small enough to be sent to a page in a test's command. */
  chromium: boolean;
  /** Makes the params. Takes a while, needs no host: workers may do it. */
  input(photo: Uint8Array): Params;
  /** Turns what `input` made into the params, where that takes a kernel. */
  prepare?(input: Params, run: Run): Promise<Params>;
}

export type Params = Record<string, unknown>;
export type Run = (kernel: string, params: Params) => PromiseLike<unknown>;

type Made = Omit<Case, 'headline' | 'chromium'> & Partial<Pick<Case, 'headline' | 'chromium'>>;

export function cases(size: Size): Case[] {
  const share = SIZES[size];
  return [...drawn(share), ...images(share), ...sorted(share), ...texts(share), ...hashes(share), ...linear(share), ...statistics(share)].map((made) => ({
    headline: false,
    chromium: false,
    ...made,
  }));
}

function drawn(share: number): Made[] {
  const [width, height] = sides(1600, 1200, share);
  const [across, down] = sides(400, 300, share);
  return [
    {
      name: `mandelbrot ${width}×${height}, 1000 iterations`,
      kernel: 'mandelbrot',
      headline: true,
      chromium: true,
      input: () => ({ width, height, centerX: -0.5, centerY: 0, span: 3, maxIterations: 1000 }),
    },
    {
      name: `mandelbrot ${across}×${down} at 1e-29, up to 9000 iterations`,
      kernel: 'mandelbrot',
      input: () => ({
        width: across,
        height: down,
        centerX: '-0.776610592599701758140357569190843768673',
        centerY: '0.134608961675028200069809650880503159321',
        span: '1e-29',
        maxIterations: 9000,
      }),
    },
  ];
}

function images(share: number): Made[] {
  const [large, middle] = [sides(6000, 4000, share), sides(3000, 2000, share)];
  const [small, png] = [sides(1224, 816, share), sides(1500, 1000, share)];
  const of = ([width, height]: Sides) => `${width}×${height}`;
  return [
    { name: 'image.decode jpeg, 1000×872', kernel: 'image.decode', input: (photo) => ({ data: bytes(photo) }) },
    {
      name: `image.resize ${of(large)} to ${of(small)}, lanczos3`,
      kernel: 'image.resize',
      headline: true,
      input: () => ({ image: picture(...large, 7), width: small[0], height: small[1], filter: 'lanczos3' }),
    },
    { name: `image.blur ${of(large)}, sigma 2`, kernel: 'image.blur', headline: true, input: () => ({ image: picture(...large, 7), sigma: 2 }) },
    { name: `image.blur ${of(large)}, radius 10`, kernel: 'image.blur', input: () => ({ image: picture(...large, 7), radius: 10 }) },
    { name: `image.rotate ${of(middle)} by 30°`, kernel: 'image.rotate', input: () => ({ image: picture(...middle, 7), angle: 30 }) },
    { name: `image.color ${of(large)}`, kernel: 'image.color', input: () => ({ image: picture(...large, 7), saturate: 1.4, contrast: 1.2 }) },
    {
      name: `image.convolve ${of(middle)}, 3×3`,
      kernel: 'image.convolve',
      input: () => ({ image: picture(...middle, 7), kernel: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]] }),
    },
    {
      name: 'image.pipeline, photo to blurred thumbnail',
      kernel: 'image.pipeline',
      input: (photo) => ({ data: bytes(photo), steps: [{ op: 'resize', width: 400, height: 348 }, { op: 'blur', sigma: 2 }, { op: 'encode', format: 'png' }] }),
    },
    { name: `image.encode png, ${of(png)}`, kernel: 'image.encode', input: () => ({ image: picture(...png, 11), format: 'png' }) },
  ];
}

function sorted(share: number): Made[] {
  const [many, fewer] = [whole(10_000_000, share), whole(4_000_000, share)];
  return [
    { name: `sort ${amount(many)} f64`, kernel: 'sort', headline: true, input: () => ({ data: filled(Float64Array, many, uniform(3)), order: 'ascending' }) },
    { name: `sort ${amount(many)} u32`, kernel: 'sort', input: () => ({ data: filled(Uint32Array, many, random(5)), order: 'ascending' }) },
    { name: `argsort ${amount(fewer)} f64`, kernel: 'argsort', input: () => ({ data: filled(Float64Array, fewer, uniform(9)), order: 'ascending' }) },
  ];
}

function texts(share: number): Made[] {
  const [large, small] = [whole(64 << 20, share), whole(16 << 20, share)];
  const packed = (length: number, format: string): Made => ({
    name: `decompress ${format}, ${binary(length)}`,
    kernel: 'decompress',
    input: () => ({ data: prose(length, 19), format }),
    prepare: async (input, run) => ({ data: ((await run('compress', input)) as Params).data, format }),
  });
  return [
    ...['gzip', 'lz4', 'zstd'].flatMap((format): Made[] => [
      { name: `compress ${format}, ${binary(large)}`, kernel: 'compress', headline: format === 'gzip', input: () => ({ data: prose(large, 19), format }) },
      packed(large, format),
    ]),
    packed(small, 'zlib'),
    { name: `search a word, ${binary(large)}`, kernel: 'search', input: () => ({ data: prose(large, 21), pattern: 'taleo' }) },
    { name: `search an expression, ${binary(large)}`, kernel: 'search', headline: true, input: () => ({ data: prose(large, 21), pattern: '[a-z]+eo [0-9]{9}' }) },
  ];
}

function hashes(share: number): Made[] {
  const length = whole(64 << 20, share);
  const data = (seed: number) => filled(Uint8Array, length, random(seed));
  return [
    { name: `hash.many sha256, ${binary(length)} by 4 KiB`, kernel: 'hash.many', input: () => ({ data: data(13), chunk: 4096, algorithm: 'sha256' }) },
    { name: `hash sha256, ${binary(length)}`, kernel: 'hash', input: () => ({ data: data(13), algorithm: 'sha256' }) },
    { name: `hash blake3, ${binary(length)}`, kernel: 'hash', headline: true, input: () => ({ data: data(17), algorithm: 'blake3' }) },
  ];
}

function linear(share: number): Made[] {
  const [single, double] = [whole(1024, Math.cbrt(share)), whole(768, Math.cbrt(share))];
  const exponent = 20 + Math.round(Math.log2(share));
  const [side, rows, frames] = [2 ** Math.round(11 + Math.log2(share) / 2), whole(4096, share), whole(1024, share)];
  const [bodies] = [whole(10_000, Math.sqrt(share))];
  return [
    {
      name: `matmul f32, ${single}³`,
      kernel: 'matmul',
      headline: true,
      input: () => ({ a: noisy(Float32Array, single ** 2, 19), b: noisy(Float32Array, single ** 2, 21), m: single, k: single, n: single }),
    },
    {
      name: `matmul f64, ${double}³`,
      kernel: 'matmul',
      input: () => ({ a: noisy(Float64Array, double ** 2, 19), b: noisy(Float64Array, double ** 2, 21), m: double, k: double, n: double }),
    },
    { name: `fft complex f32, 2${raised(exponent)}`, kernel: 'fft', headline: true, input: () => ({ data: noisy(Float32Array, 2 << exponent, 23) }) },
    { name: `fft complex f64, 2${raised(exponent)}`, kernel: 'fft', input: () => ({ data: noisy(Float64Array, 2 << exponent, 25) }) },
    {
      name: `fft real f32, ${side}×${side}`,
      kernel: 'fft',
      input: () => ({ data: noisy(Float32Array, side ** 2, 27), length: side, dimensions: 2, real: true }),
    },
    { name: `fft complex f32, ${frames} rows of 1024`, kernel: 'fft', input: () => ({ data: noisy(Float32Array, 2 * frames * 1024, 28), length: 1024 }) },
    { name: `fft real f32, ${frames} rows of 2048`, kernel: 'fft', input: () => ({ data: noisy(Float32Array, frames * 2048, 26), length: 2048, real: true }) },
    { name: `fft complex f32, ${rows} rows of 1000`, kernel: 'fft', input: () => ({ data: noisy(Float32Array, 2 * rows * 1000, 29), length: 1000 }) },
    {
      name: `nbody ${bodies.toLocaleString('en')} × 10`,
      kernel: 'nbody',
      headline: true,
      input: () => ({
        positions: noisy(Float64Array, bodies * 3, 31), velocities: noisy(Float64Array, bodies * 3, 33), masses: filled(Float64Array, bodies, () => 1e-4),
        steps: 10, timeStep: 0.001, softening: 0.01,
      }),
    },
  ];
}

function statistics(share: number): Made[] {
  const [many, fewer, vectors] = [whole(10_000_000, share), whole(4_000_000, share), whole(100_000, share)];
  const lists = Math.floor(Math.sqrt(vectors));
  const probes = Math.max(1, Math.round(Math.sqrt(lists)));
  const floats = (seed: number) => filled(Float64Array, many, uniform(seed));
  const option = { option: 'call', spot: 100, strike: 105, years: 1, rate: 0.05, volatility: 0.2 };
  return [
    { name: `topk 1000 of ${amount(many)} f64`, kernel: 'topk', input: () => ({ data: floats(19), k: 1000 }) },
    { name: `stats.describe ${amount(many)} f64`, kernel: 'stats.describe', headline: true, input: () => ({ data: floats(21) }) },
    { name: `stats.describe ${amount(many)} f32`, kernel: 'stats.describe', input: () => ({ data: filled(Float32Array, many, uniform(23)) }) },
    { name: `stats.quantiles ${amount(many)} f64`, kernel: 'stats.quantiles', input: () => ({ data: floats(25), q: [0.01, 0.25, 0.5, 0.75, 0.99] }) },
    { name: `stats.histogram ${amount(many)} f64, 256 bins`, kernel: 'stats.histogram', input: () => ({ data: floats(27), bins: 256 }) },
    {
      name: `groupby ${amount(fewer)} f64 by 10 k keys`,
      kernel: 'groupby',
      input: () => ({ keys: filled(Int32Array, fewer, ((next) => () => next() % 10_000)(random(29))), values: filled(Float64Array, fewer, uniform(31)) }),
    },
    {
      name: `kmeans ${amount(vectors)} × 32, k 64, 10 iterations`,
      kernel: 'kmeans',
      headline: true,
      input: () => ({ data: filled(Float32Array, vectors * 32, uniform(33)), dimensions: 32, k: 64, maxIterations: 10, tolerance: 0 }),
    },
    {
      name: `knn ${amount(vectors)} × 128, 100 queries, k 10`,
      kernel: 'knn',
      input: () => ({ data: filled(Float32Array, vectors * 128, uniform(35)), queries: filled(Float32Array, 12_800, uniform(37)), dimensions: 128, k: 10, metric: 'cosine' }),
    },
    {
      name: `knn.index ${amount(vectors)} × 128, ${lists} lists`,
      kernel: 'knn.index',
      input: () => ({ data: filled(Float32Array, vectors * 128, uniform(35)), dimensions: 128, lists, metric: 'cosine' }),
    },
    {
      name: `knn.search ${amount(vectors)} × 128, 100 queries, k 10, ${probes} of ${lists} lists`,
      kernel: 'knn.search',
      // Lists of one length around any points: it takes as long as of those that an index has.
      input: () => ({
        centroids: filled(Float32Array, lists * 128, uniform(39)),
        offsets: filled(Uint32Array, lists + 1, (list) => Math.floor((list * vectors) / lists)),
        order: filled(Uint32Array, vectors, (index) => index),
        vectors: filled(Float32Array, vectors * 128, uniform(35)),
        queries: filled(Float32Array, 12_800, uniform(37)),
        dimensions: 128,
        k: 10,
        probes,
        metric: 'cosine',
      }),
    },
    { name: `montecarlo european, ${amount(fewer)} paths`, kernel: 'montecarlo', headline: true, input: () => ({ ...option, paths: fewer }) },
    { name: `montecarlo asian, ${amount(vectors)} paths of 64 dates`, kernel: 'montecarlo', input: () => ({ ...option, style: 'asian', steps: 64, paths: vectors }) },
  ];
}

type Sides = [width: number, height: number];

function sides(width: number, height: number, share: number): Sides {
  return [whole(width, Math.sqrt(share)), whole(height, Math.sqrt(share))];
}

function whole(full: number, share: number): number {
  return Math.max(1, Math.round(full * share));
}

/** `10 M`, `39 k` */
function amount(count: number): string {
  const short = (value: number) => String(Number(value.toPrecision(3)));
  if (count >= 1e6) return `${short(count / 1e6)} M`;
  return count >= 1e3 ? `${short(count / 1e3)} k` : String(count);
}

function binary(length: number): string {
  return length >= 1 << 20 ? `${length >> 20} MiB` : `${length >> 10} KiB`;
}

/** `²⁰` */
function raised(exponent: number): string {
  return String(exponent).replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!);
}
