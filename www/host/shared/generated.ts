// Generated from the Rust types by www/build/generate.mjs. Do not edit.

/** Version of the crate and of the npm package. */
export const VERSION = "0.1.0";

/** Kinds of typed array; an array's kind crosses the boundary as its place here. */
export const DTYPES = [
  { name: 'i8', js: 'Int8Array', size: 1 },
  { name: 'u8', js: 'Uint8Array', size: 1 },
  { name: 'u8c', js: 'Uint8ClampedArray', size: 1 },
  { name: 'i16', js: 'Int16Array', size: 2 },
  { name: 'u16', js: 'Uint16Array', size: 2 },
  { name: 'i32', js: 'Int32Array', size: 4 },
  { name: 'u32', js: 'Uint32Array', size: 4 },
  { name: 'i64', js: 'BigInt64Array', size: 8 },
  { name: 'u64', js: 'BigUint64Array', size: 8 },
  { name: 'f16', js: 'Float16Array', size: 2 },
  { name: 'f32', js: 'Float32Array', size: 4 },
  { name: 'f64', js: 'Float64Array', size: 8 },
] as const;

/** `Float16Array` where the platform has it. */
type Float16 = typeof globalThis extends { Float16Array: { prototype: infer A } } ? A : never;

/** Any typed array of numbers. */
export type TypedArray = Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array | Float16 | Float32Array | Float64Array;

/** The control-block table in shared memory (src/control.rs): sizes and offsets in bytes. */
export const CONTROL = {
  slots: 1024,
  stride: 256,
  payloadBytes: 188,
  cancelRequested: 1,
  prepared: 4294967295,
  cancel: 36,
  done: 0,
  ended: 24,
  id: 48,
  kernel: 52,
  lane: 64,
  lend: 44,
  length: 60,
  outcome: 56,
  payload: 68,
  started: 16,
  streaming: 40,
  total: 8,
  turn: 32,
} as const;

/** Whose turn it is at a control block. */
export const TURNS = {
  free: 0,
  ready: 1,
  running: 2,
  ended: 3,
} as const;

/** How a job can end, by the number in its control block. */
export const OUTCOMES = [
  'done',
  'failed',
  'cancelled',
  'elsewhere',
] as const;

/** A ring (src/ring.rs): numbers that it holds, and offsets in bytes. */
export const RING = {
  capacity: 2048,
  cells: 128,
  head: 64,
  tail: 0,
} as const;

/** A bell (src/bell.rs): offsets in bytes. */
export const BELL = {
  asleep: 4,
  rung: 0,
} as const;

/** The rings, bells and lanes of an instance (src/dispatch.rs): offsets in bytes. */
export const DISPATCH = {
  caller: 33024,
  ended: 16512,
  lanes: 33088,
  ready: 0,
  spin: 33032,
} as const;

/** A lane's words: sizes and offsets in bytes. */
export const LANE = {
  most: 64,
  stride: 64,
  bell: 8,
  busy: 24,
  jobs: 16,
  slot: 4,
  state: 0,
  stop: 20,
} as const;

/** What a lane is doing. */
export const LANE_STATES = {
  absent: 0,
  idle: 1,
  busy: 2,
} as const;

/** The diary of busy threads (src/busy.rs): spans that it holds, sizes and offsets in bytes. */
export const DIARY = {
  capacity: 4096,
  stride: 32,
  spans: 8,
  written: 0,
} as const;

/** A span in the diary: offsets in bytes. */
export const SPAN = {
  from: 16,
  job: 0,
  lane: 4,
  thread: 8,
  to: 24,
} as const;

/** Every error code, with its meaning. */
export const ERROR_CODES = {
  /** A param is missing, unknown, of the wrong type or out of range; `field` names it. */
  BAD_PARAMS: "A param is missing, unknown, of the wrong type or out of range; `field` names it.",
  /** No kernel has that name; the message lists the near ones. */
  UNKNOWN_KERNEL: "No kernel has that name; the message lists the near ones.",
  /** The kernel gave up and said why; `data` holds its facts. */
  KERNEL_ERROR: "The kernel gave up and said why; `data` holds its facts.",
  /** The kernel panicked; `location` is the line of Rust. Other jobs are unharmed. */
  KERNEL_PANIC: "The kernel panicked; `location` is the line of Rust. Other jobs are unharmed.",
  /** The kernel trapped; its instance was replaced by a fresh one. */
  KERNEL_CRASH: "The kernel trapped; its instance was replaced by a fresh one.",
  /** The memory that the job needs could not be had. */
  OUT_OF_MEMORY: "The memory that the job needs could not be had.",
  /** `maxQueue` jobs wait already. */
  QUEUE_FULL: "`maxQueue` jobs wait already.",
  /** The host was closed before the job could finish. */
  HOST_CLOSED: "The host was closed before the job could finish.",
  /** A host could not start; the message names the file or feature at fault. */
  START_FAILED: "A host could not start; the message names the file or feature at fault.",
  /** This runtime cannot do what was asked; the message says what would. */
  UNSUPPORTED: "This runtime cannot do what was asked; the message says what would.",
  /** A child process died and its job could not be run again. */
  PROCESS_LOST: "A child process died and its job could not be run again.",
  /** The connection to the queue was lost for longer than the job could wait. */
  QUEUE_LOST: "The connection to the queue was lost for longer than the job could wait.",
} as const;

/** The stable code of a failure. */
export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * The built-in kernels: what each takes, gives and streams.
 */
export interface KernelMap {
  /**
   * Gives the indices that sort a typed array, stably; NaN last.
   */
  argsort: {
    params: SortParams;
    output: ArgsortOutput;
    part: never;
  };
  /**
   * Count, sum, mean, extremes and variance of the values of each key.
   */
  groupby: {
    params: GroupByParams;
    output: GroupByOutput;
    part: never;
  };
  /**
   * SHA-256 or BLAKE3 of bytes.
   */
  hash: {
    params: HashParams;
    output: HashOutput;
    part: never;
  };
  /**
   * Decodes a PNG, JPEG or WebP file to RGBA pixels.
   */
  'image.decode': {
    params: ImageDecodeParams;
    output: ImageDecodeOutput;
    part: never;
  };
  /**
   * Encodes RGBA pixels as a PNG, JPEG or WebP file.
   */
  'image.encode': {
    params: ImageEncodeParams;
    output: ImageEncodeOutput;
    part: never;
  };
  /**
   * Resizes an RGBA image: Lanczos and other filters, right for transparency.
   */
  'image.resize': {
    params: ImageResizeParams;
    output: ImageResizeOutput;
    part: never;
  };
  /**
   * Clusters vectors around k means, from seeded k-means++ centroids.
   */
  kmeans: {
    params: KmeansParams;
    output: KmeansOutput;
    part: KmeansPart;
  };
  /**
   * Finds the k nearest vectors of each query, exactly: Euclidean, cosine or dot product.
   */
  knn: {
    params: KnnParams;
    output: KnnOutput;
    part: never;
  };
  /**
   * Escape-time counts of the Mandelbrot set.
   */
  mandelbrot: {
    params: MandelbrotParams;
    output: MandelbrotOutput;
    part: MandelbrotPart;
  };
  /**
   * Prices European and Asian options by simulation, with reproducible streams.
   */
  montecarlo: {
    params: MontecarloParams;
    output: MontecarloOutput;
    part: never;
  };
  /**
   * Does nothing: measures what handing over a job costs.
   */
  noop: {
    params: NoopParams;
    output: NoopOutput;
    part: never;
  };
  /**
   * Sorts a typed array of any kind; NaN last.
   */
  sort: {
    params: SortParams;
    output: SortOutput;
    part: never;
  };
  /**
   * Count, extremes, and exactly rounded sum, mean and variance of a typed array.
   */
  'stats.describe': {
    params: StatsDescribeParams;
    output: StatsDescribeOutput;
    part: never;
  };
  /**
   * Counts the numbers of a typed array in bins of equal width or between given edges.
   */
  'stats.histogram': {
    params: StatsHistogramParams;
    output: StatsHistogramOutput;
    part: never;
  };
  /**
   * Exact quantiles of a typed array, interpolated linearly.
   */
  'stats.quantiles': {
    params: StatsQuantilesParams;
    output: StatsQuantilesOutput;
    part: never;
  };
  /**
   * Gives the greatest (or least) numbers of a typed array, in order, and their indices; NaN last.
   */
  topk: {
    params: TopkParams;
    output: TopkOutput;
    part: never;
  };
}
/**
 * What to sort.
 */
export interface SortParams {
  /**
   * The numbers: a typed array of any kind.
   */
  data: TypedArray;
  /**
   * Which end comes first.
   */
  order?: 'ascending' | 'descending';
}
/**
 * The permutation.
 */
export interface ArgsortOutput {
  /**
   * `data[indices[0]]` is the first in order, and so on. Equal numbers, and NaNs, keep their order.
   */
  indices: Uint32Array;
}
/**
 * What to group, and by what.
 */
export interface GroupByParams {
  /**
   * The group of each value: numbers of any kind, at most 4294967295. −0 and 0 are one key, and so are all NaNs.
   */
  keys: TypedArray;
  /**
   * The values, as many: numbers of any kind, taken as f64. NaNs are left out.
   */
  values: TypedArray;
}
/**
 * The groups, one place in each array for each, the least key first, NaN last.
 */
export interface GroupByOutput {
  /**
   * The keys, of the kind that was given.
   */
  keys: TypedArray;
  /**
   * How many values, those that are NaN not counted. Where there are none the sum is 0 and all else is NaN.
   */
  counts: Uint32Array;
  /**
   * Sums, compensated: off by some 1e-16 of the sum of magnitudes, however many values there are.
   */
  sums: Float64Array;
  /**
   * Means.
   */
  means: Float64Array;
  /**
   * The least values.
   */
  mins: Float64Array;
  /**
   * The greatest values.
   */
  maxs: Float64Array;
  /**
   * Variances of the values themselves (÷ count), by their distances from the mean. NaN where a value is infinite.
   */
  variances: Float64Array;
}
/**
 * What to hash, and how.
 */
export interface HashParams {
  /**
   * The bytes.
   */
  data: Uint8Array;
  /**
   * The hash function. `blake3` uses every core, `sha256` is a chain and uses one.
   */
  algorithm: 'sha256' | 'blake3';
  /**
   * BLAKE3 only, for inputs that lie in several places: `data` is a subtree of a longer input and begins at this byte of it.
   * What comes out is the subtree's chaining value, not a hash. A multiple of 1024; unless it is 0, `data` is at most as
   * long as the greatest power of two that divides it, and shorter only at the end of the input.
   */
  subtreeAt?: number | null;
}
/**
 * The hash.
 */
export interface HashOutput {
  /**
   * 64 hexadecimal digits, lower case: the hash, or of a subtree its chaining value.
   */
  hex: string;
}
/**
 * The file.
 */
export interface ImageDecodeParams {
  /**
   * The bytes of a PNG, JPEG or WebP file; its content says which. At most 65535 pixels a side and 2²⁸ in all.
   */
  data: Uint8Array;
}
/**
 * The picture.
 */
export interface ImageDecodeOutput {
  image: Image;
  /**
   * What the file is.
   */
  format: 'png' | 'jpeg' | 'webp';
}
/**
 * The pixels, turned upright where EXIF says so. 16-bit samples are rounded to 8; colour profiles are not applied.
 * Of an animated WebP the first frame, of an animated PNG its still image.
 */
export interface Image {
  /**
   * Pixels in a row.
   */
  width: number;
  /**
   * Rows.
   */
  height: number;
  /**
   * `width × height × 4` bytes.
   */
  data: Uint8ClampedArray;
}
/**
 * What to encode, and how.
 */
export interface ImageEncodeParams {
  image: Image1;
  /**
   * The kind of file. `png` and `webp` keep every pixel as it is; `jpeg` is lossy and shows transparent pixels over
   * black, as a canvas does.
   */
  format: 'png' | 'jpeg' | 'webp';
  /**
   * Of a JPEG: 1 (small) to 100 (near lossless), 85 unless told. Below 90 colours have half of the resolution. Other
   * formats take none.
   */
  quality?: number | null;
}
/**
 * The image. For WebP at most 16383 pixels a side.
 */
export interface Image1 {
  /**
   * Pixels in a row.
   */
  width: number;
  /**
   * Rows.
   */
  height: number;
  /**
   * `width × height × 4` bytes.
   */
  data: Uint8ClampedArray;
}
/**
 * The file.
 */
export interface ImageEncodeOutput {
  /**
   * The bytes of the file. A PNG of an opaque image has no alpha.
   */
  data: Uint8Array;
}
/**
 * What to resize, and to what. The whole image is fitted to the new sides; its proportions are the caller's care.
 */
export interface ImageResizeParams {
  image: Image2;
  /**
   * Pixels in a row of the result, 1 to 65535; `width × height` is at most 2²⁸.
   */
  width: number;
  /**
   * Rows of the result, 1 to 65535.
   */
  height: number;
  /**
   * How pixels are weighted; `lanczos3` unless told.
   */
  filter?: 'lanczos3' | 'nearest' | 'box' | 'bilinear' | 'hamming' | 'catmullrom' | 'mitchell' | 'gaussian';
  /**
   * The rows of the result to make: a band of it, all of it unless told. They are the same as in the whole.
   */
  rows?: Rows | null;
  /**
   * Says that `image` is a band of a picture, and the picture is what is resized. It must hold what `rows` is made of;
   * when it does not, the error says which rows that is.
   */
  source?: ResizeSource | null;
}
/**
 * The image.
 */
export interface Image2 {
  /**
   * Pixels in a row.
   */
  width: number;
  /**
   * Rows.
   */
  height: number;
  /**
   * `width × height × 4` bytes.
   */
  data: Uint8ClampedArray;
}
/**
 * A band of a picture's rows.
 */
export interface Rows {
  /**
   * Its first row, 0 at the top.
   */
  first: number;
  /**
   * How many, 1 or more; the last one lies in the picture.
   */
  count: number;
}
/**
 * The picture of which an image is a band of rows.
 */
export interface ResizeSource {
  /**
   * The picture's row that is the image's first.
   */
  first: number;
  /**
   * Rows of the picture, 1 to 65535.
   */
  height: number;
  /**
   * Whether every alpha of the picture is 255: then colours are not weighted by it.
   */
  opaque: boolean;
}
/**
 * The resized image.
 */
export interface ImageResizeOutput {
  image: Image3;
}
/**
 * `width` by `height` (or `rows.count`) pixels. Colours were weighted by their alpha; a pixel of alpha 0 comes out as 0, 0, 0, 0.
 * At the size that it had, or with `nearest`, pixels are the source's own.
 */
export interface Image3 {
  /**
   * Pixels in a row.
   */
  width: number;
  /**
   * Rows.
   */
  height: number;
  /**
   * `width × height × 4` bytes.
   */
  data: Uint8ClampedArray;
}
/**
 * What to cluster.
 */
export interface KmeansParams {
  /**
   * The vectors, one after another: finite numbers.
   */
  data: Float32Array;
  /**
   * Elements of each vector, 1 or more.
   */
  dimensions: number;
  /**
   * How many clusters: 1 to as many as there are vectors, at most 65536.
   */
  k: number;
  /**
   * What the choice of the first centroids is drawn from: the same seed gives the same clusters. 0 unless told.
   */
  seed?: number;
  /**
   * The most iterations, 1 to 100000. 100 unless told.
   */
  maxIterations?: number;
  /**
   * It ends when no centroid has moved farther than this: 0 or more. 0.0001 unless told.
   */
  tolerance?: number;
}
/**
 * The clusters.
 */
export interface KmeansOutput {
  /**
   * The means of the clusters: `[k, dimensions]`. One that has lost all of its vectors stays where it was.
   */
  centroids: Float32Array;
  /**
   * The cluster of each vector: that of the nearest centroid, of equally near ones the first.
   */
  labels: Uint32Array;
  /**
   * The squares of the distances of all vectors from their centroids, summed.
   */
  inertia: number;
  /**
   * Iterations that were made.
   */
  iterations: number;
  /**
   * Whether it ended because no centroid moved farther than the tolerance.
   */
  converged: boolean;
}
/**
 * Where the centroids are when an iteration begins.
 */
export interface KmeansPart {
  /**
   * The iteration, from 0.
   */
  iteration: number;
  /**
   * The centroids: `[k, dimensions]`.
   */
  centroids: Float32Array;
  /**
   * As of the output, for these centroids.
   */
  inertia: number;
}
/**
 * What is near to what.
 */
export interface KnnParams {
  /**
   * The vectors to search, one after another: at most 4294967295.
   */
  data: Float32Array;
  /**
   * The vectors whose neighbours are wanted, one after another.
   */
  queries: Float32Array;
  /**
   * Elements of each vector, 1 or more.
   */
  dimensions: number;
  /**
   * How many neighbours of each query are wanted, 1 or more. All vectors, when there are fewer.
   */
  k: number;
  /**
   * What near means.
   */
  metric?: 'euclidean' | 'cosine' | 'dot';
}
/**
 * The neighbours of each query, the nearest first, of equally near ones that which comes first in `data`.
 */
export interface KnnOutput {
  /**
   * Which vectors of `data` they are: `[queries, k]`.
   */
  indices: Uint32Array;
  /**
   * How far they are, as `metric` says: `[queries, k]`.
   */
  distances: Float32Array;
}
/**
 * What to render: pixel centres at `center + (i + 0.5 − size/2) × span/width`, row 0 at the smallest imaginary part.
 */
export interface MandelbrotParams {
  /**
   * Pixels in a row, 1 to 65535.
   */
  width: number;
  /**
   * Rows, 1 to 65535.
   */
  height: number;
  /**
   * Real part of the middle of the picture.
   */
  centerX: number;
  /**
   * Imaginary part of the middle of the picture.
   */
  centerY: number;
  /**
   * Width of the picture in the complex plane, above 0.
   */
  span: number;
  /**
   * Where counting stops, 1 or more.
   */
  maxIterations: number;
  /**
   * The rows to render: a band of the picture, all of it unless told.
   */
  rows?: Rows | null;
}
/**
 * The counts.
 */
export interface MandelbrotOutput {
  /**
   * Iterations of `z ← z² + c` after which |z|² ≤ 4 still held, row by row: `[height, width]`, or `[rows.count, width]`.
   */
  counts: Uint32Array;
}
/**
 * A finished tile of the picture.
 */
export interface MandelbrotPart {
  /**
   * Column of the tile's first pixel.
   */
  x: number;
  /**
   * Row of the tile's first pixel.
   */
  y: number;
  /**
   * Pixels in a row of the tile.
   */
  width: number;
  /**
   * Rows of the tile.
   */
  height: number;
  /**
   * The tile's counts, row by row.
   */
  counts: Uint32Array;
}
/**
 * The option, the market, and how much to simulate.
 */
export interface MontecarloParams {
  /**
   * What the option gives a right to: to buy (`call`) or to sell (`put`).
   */
  option: 'call' | 'put';
  /**
   * At which price: that at the end (`european`), or the mean over `steps` dates (`asian`).
   */
  style?: 'european' | 'asian';
  /**
   * The price of the underlying now, above 0.
   */
  spot: number;
  /**
   * The price at which the option buys or sells, 0 or more.
   */
  strike: number;
  /**
   * Years until it ends, above 0.
   */
  years: number;
  /**
   * Interest a year, compounded continuously: 0.05 is 5 %.
   */
  rate: number;
  /**
   * Dividends a year, likewise. 0 unless told.
   */
  dividend?: number;
  /**
   * The standard deviation of the logarithm of the price over a year, 0 or more.
   */
  volatility: number;
  /**
   * Dates of an Asian option, equally apart, the last at the end: 1 to 100000. 12 unless told. A European one has one.
   */
  steps?: number | null;
  /**
   * How many paths to simulate, 2 to 2³⁴. Each is walked a second time as its mirror image (antithetic), and the mean of both
   * is one sample.
   */
  paths: number;
  /**
   * What the paths are drawn from: the same seed gives the same price. 0 unless told.
   */
  seed?: number;
  /**
   * For simulations that are made in several places: the blocks of 4096 paths to simulate here. `sums` is wanted then.
   */
  blocks?: PathBlocks | null;
}
/**
 * A run of blocks of paths.
 */
export interface PathBlocks {
  /**
   * The first, from 0.
   */
  first: number;
  /**
   * How many, 1 or more.
   */
  count: number;
}
/**
 * The price.
 */
export interface MontecarloOutput {
  /**
   * The mean of the payoffs, discounted.
   */
  price: number;
  /**
   * Its standard error: two times out of three the true price is within so much of it.
   */
  standardError: number;
  /**
   * Paths that were simulated.
   */
  paths: number;
  /**
   * With `blocks`: of each block the sum of the discounted payoffs and that of their squares, from which prices are merged.
   */
  sums?: Float64Array;
}
/**
 * Nothing.
 */
export interface NoopParams {}
/**
 * Nothing.
 */
export interface NoopOutput {}
/**
 * The sorted numbers.
 */
export interface SortOutput {
  /**
   * As many as were given, of the same kind and shape. NaNs keep their order and their bits.
   */
  data: TypedArray;
}
/**
 * What to describe.
 */
export interface StatsDescribeParams {
  /**
   * The numbers: a typed array of any kind.
   */
  data: TypedArray;
  /**
   * For inputs that lie in several places: `data` is a piece of a longer input, and `state` is wanted.
   */
  partial?: boolean;
}
/**
 * The description. NaNs are counted and else left out; −0 counts as 0. Where no number can be given there is null: of nothing, of
 * infinities of both signs, and for variances of anything infinite.
 */
export interface StatsDescribeOutput {
  /**
   * Numbers, infinities among them, NaNs not.
   */
  count: number;
  /**
   * NaNs.
   */
  nans: number;
  /**
   * The least; of 64-bit whole numbers the nearest f64.
   */
  min?: number | null;
  /**
   * The greatest, likewise.
   */
  max?: number | null;
  /**
   * The sum: the nearest f64 to the exact one. 0 of nothing.
   */
  sum?: number | null;
  /**
   * The mean: the nearest f64 to the exact one.
   */
  mean?: number | null;
  /**
   * The variance of the numbers (÷ count): the nearest f64 to the exact one.
   */
  variance?: number | null;
  /**
   * Its square root: also where the variance itself is out of f64's range.
   */
  std?: number | null;
  /**
   * The variance of what the numbers are a sample of (÷ count − 1), of two or more.
   */
  sampleVariance?: number | null;
  /**
   * Its square root.
   */
  sampleStd?: number | null;
  /**
   * With `partial`: what the descriptions of pieces are merged from.
   */
  state?: BigUint64Array;
}
/**
 * What to count, and in which bins: `bins` of equal width, or those between `edges`.
 */
export interface StatsHistogramParams {
  /**
   * The numbers: a typed array of any kind, at most 4294967295.
   */
  data: TypedArray;
  /**
   * How many bins of equal width, 1 to 1048576. 10 unless told, or unless there are `edges`.
   */
  bins?: number | null;
  /**
   * Where the first bin begins and the last one ends. From the least finite number to the greatest unless told; when those
   * are the same number, from half below to half above; when there are none, from 0 to 1.
   *
   * @minItems 2
   * @maxItems 2
   */
  range?: [number, number] | null;
  /**
   * The ends of bins of any width, none below the one before: two or more, in place of `bins` and `range`.
   */
  edges?: number[] | null;
}
/**
 * The counts.
 */
export interface StatsHistogramOutput {
  /**
   * Numbers `x` of each bin: `edges[i] ≤ x < edges[i + 1]`; the last bin has its upper edge too.
   */
  counts: Uint32Array;
  /**
   * The ends of the bins: one more than there are bins.
   */
  edges: Float64Array;
  /**
   * Numbers below the first bin.
   */
  below: number;
  /**
   * Numbers above the last bin.
   */
  above: number;
  /**
   * NaNs, which lie nowhere.
   */
  nans: number;
}
/**
 * Which quantiles of what.
 */
export interface StatsQuantilesParams {
  /**
   * The numbers: a typed array of any kind. NaNs are left out.
   */
  data: TypedArray;
  /**
   * The quantiles, in any order: 0 is the least number, 0.5 the median, 1 the greatest.
   */
  q: number[];
}
/**
 * The quantiles.
 */
export interface StatsQuantilesOutput {
  /**
   * One for each of `q`: the number of rank `q × (n − 1)` of `n`, the least having rank 0; between two numbers the one on the
   * straight line. NaN when there are no numbers, and between −∞ and ∞.
   */
  quantiles: Float64Array;
}
/**
 * How many of what.
 */
export interface TopkParams {
  /**
   * The numbers: a typed array of any kind, at most 4294967295.
   */
  data: TypedArray;
  /**
   * How many are wanted. All, when there are fewer.
   */
  k: number;
  /**
   * Which end is wanted: `descending` gives the greatest numbers, `ascending` the least.
   */
  order?: 'ascending' | 'descending';
}
/**
 * The numbers, the first in order first. −0 is below +0; NaNs are last in either order.
 */
export interface TopkOutput {
  /**
   * The numbers, of the kind that was given.
   */
  values: TypedArray;
  /**
   * Where they are in `data`. Of equal numbers, and of NaNs, the one that comes earlier is first.
   */
  indices: Uint32Array;
}
