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
 * A step of a pipeline.
 */
export type ImageStep = CropStep | ResizeStep | RotateStep | BlurStep | ColorStep | ConvolveStep | EncodeStep;
/**
 * Which way an image is mirrored.
 */
export type Flip = 'horizontal' | 'vertical';

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
   * SHA-256 or BLAKE3 of bytes.
   */
  hash: {
    params: HashParams;
    output: HashOutput;
    part: never;
  };
  /**
   * Blurs an RGBA image: a Gaussian or a box, right for transparency.
   */
  'image.blur': {
    params: ImageBlurParams;
    output: ImageBlurOutput;
    part: never;
  };
  /**
   * Changes an RGBA image's colours: brightness, contrast, saturation, hue, gamma, any matrix.
   */
  'image.color': {
    params: ImageColorParams;
    output: ImageColorOutput;
    part: never;
  };
  /**
   * Convolves an RGBA image with any matrix of up to 31×31 numbers.
   */
  'image.convolve': {
    params: ImageConvolveParams;
    output: ImageConvolveOutput;
    part: never;
  };
  /**
   * Cuts a rectangle out of an RGBA image.
   */
  'image.crop': {
    params: ImageCropParams;
    output: ImageCropOutput;
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
   * Decodes, crops, resizes, rotates, blurs, colors, convolves and encodes in one job.
   */
  'image.pipeline': {
    params: ImagePipelineParams;
    output: ImagePipelineOutput;
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
   * Turns an RGBA image by any angle, and mirrors it.
   */
  'image.rotate': {
    params: ImageRotateParams;
    output: ImageRotateOutput;
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
 * What to blur, and how: give one of `sigma` and `radius`.
 */
export interface ImageBlurParams {
  image: Image;
  /**
   * A Gaussian's standard deviation in pixels, 0 (nothing) to 250, as CSS's `blur()` and a canvas's filter take it. Cut off at 3
   * sigma, rounded up; the time grows with it.
   */
  sigma?: number | null;
  /**
   * A box: the mean of `2 × radius + 1` pixels each way, 0 (nothing) to 500. As fast for a large one.
   */
  radius?: number | null;
  /**
   * The rows to make: a band of the picture, all of it unless told. They are the same as in the whole.
   */
  rows?: Rows | null;
  /**
   * Says that `image` is a band of a picture, and the picture is what is blurred. It must hold what `rows` is made of; when it
   * does not, the error says which rows that is.
   */
  source?: BandOf | null;
}
/**
 * The image.
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
 * The picture of which an image is a band of rows, for kernels that make a pixel from those around it.
 */
export interface BandOf {
  /**
   * The picture's row that is the image's first.
   */
  first: number;
  /**
   * Rows of the picture, 1 to 65535.
   */
  height: number;
}
/**
 * The blurred image.
 */
export interface ImageBlurOutput {
  image: Image1;
}
/**
 * As large as the image (or `rows.count` rows). Beyond an edge its pixels go on. Colours were weighted by their alpha; a pixel of
 * alpha 0 comes out as 0, 0, 0, 0. With a `sigma` or `radius` of 0 pixels are the source's own.
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
 * What to change, in the order of the fields here; what is not given changes nothing. Amounts are those of CSS's filter functions.
 * Colours are taken as they are stored, not weighted by alpha, and limited to 0 to 255 once, at the end.
 */
export interface ImageColorParams {
  image: Image2;
  /**
   * A colour c of 0 to 1 becomes c^(1/gamma): above 1 is lighter in the middle. 0.01 to 100.
   */
  gamma?: number | null;
  /**
   * Colours are multiplied by it: 1 changes nothing, 0 is black, up to 100.
   */
  brightness?: number | null;
  /**
   * The distance from middle grey is multiplied by it: 1 changes nothing, 0 is grey, up to 100.
   */
  contrast?: number | null;
  /**
   * 1 changes nothing, 0 is without colour, above 1 has more; up to 100.
   */
  saturate?: number | null;
  /**
   * Degrees by which hues are turned.
   */
  hueRotate?: number | null;
  /**
   * 0 changes nothing, 1 is grey by luminance.
   */
  grayscale?: number | null;
  /**
   * 0 changes nothing, 1 is as brown as an old photograph.
   */
  sepia?: number | null;
  /**
   * 0 changes nothing, 1 is the negative.
   */
  invert?: number | null;
  /**
   * Twenty numbers, as `feColorMatrix` has them: for each of red, green, blue and alpha of the result the factors of red, green, blue
   * and alpha, and what is added (1 is 255). −1000 to 1000 each.
   */
  matrix?: number[] | null;
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
 * The changed image.
 */
export interface ImageColorOutput {
  image: Image3;
}
/**
 * As large as the image. But for `matrix` its alphas are the image's.
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
 * What to convolve, and with what.
 */
export interface ImageConvolveParams {
  image: Image4;
  /**
   * The matrix, row by row, as it is laid over the picture (it is not turned around first): 1 to 31 rows of 1 to 31 numbers, both
   * odd. `[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]` sharpens. Numbers are −1000000 to 1000000, and taken as f32.
   */
  kernel: number[][];
  /**
   * What sums are divided by, not 0; the sum of the matrix unless told, or 1 where that is 0.
   */
  divisor?: number | null;
  /**
   * What is added to a divided sum, in levels of 0 to 255; 0 unless told.
   */
  bias?: number;
  /**
   * What lies beyond the edges; `clamp` unless told.
   */
  edges?: 'clamp' | 'mirror' | 'wrap' | 'transparent';
  /**
   * Whether colours alone are convolved, as they are stored, and alphas stay (what edges and embossing need). Without it all four
   * channels are, colours weighted by alpha; the bias is then added to the weighted colours and the alpha. True unless told.
   */
  keepAlpha?: boolean;
  /**
   * The rows to make: a band of the picture, all of it unless told. They are the same as in the whole.
   */
  rows?: Rows | null;
  /**
   * Says that `image` is a band of a picture, and the picture is what is convolved. It must hold what `rows` is made of; when it
   * does not, the error says which rows that is.
   */
  source?: BandOf | null;
}
/**
 * The image.
 */
export interface Image4 {
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
 * The convolved image.
 */
export interface ImageConvolveOutput {
  image: Image5;
}
/**
 * As large as the image (or `rows.count` rows); channels are rounded to nearest and limited to 0 to 255.
 */
export interface Image5 {
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
 * What to cut out, and of what.
 */
export interface ImageCropParams {
  image: Image6;
  /**
   * Column of the rectangle's first pixel, 0 at the left.
   */
  x: number;
  /**
   * Row of the rectangle's first pixel, 0 at the top.
   */
  y: number;
  /**
   * Pixels in a row of the rectangle, 1 or more; the last one lies in the image.
   */
  width: number;
  /**
   * Rows of the rectangle, 1 or more; the last one lies in the image.
   */
  height: number;
}
/**
 * The image.
 */
export interface Image6 {
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
 * The rectangle.
 */
export interface ImageCropOutput {
  image: Image7;
}
/**
 * `width` by `height` pixels, unchanged.
 */
export interface Image7 {
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
  image: Image8;
  /**
   * What the file is.
   */
  format: 'png' | 'jpeg' | 'webp';
}
/**
 * The pixels, turned upright where EXIF says so. 16-bit samples are rounded to 8; colour profiles are not applied.
 * Of an animated WebP the first frame, of an animated PNG its still image.
 */
export interface Image8 {
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
  image: Image9;
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
export interface Image9 {
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
 * What to begin with, one of `data` and `image`, and what to do.
 */
export interface ImagePipelineParams {
  /**
   * The bytes of a PNG, JPEG or WebP file, which is decoded first.
   */
  data?: Uint8Array;
  /**
   * An image.
   */
  image?: Image10 | null;
  /**
   * The steps, 1 to 64, one after another: `op` is the kernel without `image.`, the rest its params without the image. `encode` can be
   * the last only.
   */
  steps: ImageStep[];
}
/**
 * An image: rows from the top, four bytes a pixel (red, green, blue, alpha; alpha not premultiplied).
 */
export interface Image10 {
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
 * Cuts a rectangle out of an RGBA image.
 */
export interface CropStep {
  /**
   * Rows of the rectangle, 1 or more; the last one lies in the image.
   */
  height: number;
  /**
   * Column of the rectangle's first pixel, 0 at the left.
   */
  x: number;
  /**
   * Row of the rectangle's first pixel, 0 at the top.
   */
  y: number;
  /**
   * Pixels in a row of the rectangle, 1 or more; the last one lies in the image.
   */
  width: number;
  op: 'crop';
}
/**
 * Resizes an RGBA image: Lanczos and other filters, right for transparency.
 */
export interface ResizeStep {
  /**
   * How pixels are weighted; `lanczos3` unless told.
   */
  filter?: 'lanczos3' | 'nearest' | 'box' | 'bilinear' | 'hamming' | 'catmullrom' | 'mitchell' | 'gaussian';
  /**
   * Pixels in a row of the result, 1 to 65535; `width × height` is at most 2²⁸.
   */
  width: number;
  /**
   * Rows of the result, 1 to 65535.
   */
  height: number;
  op: 'resize';
}
/**
 * Turns an RGBA image by any angle, and mirrors it.
 */
export interface RotateStep {
  /**
   * Red, green, blue and alpha of what is not covered by the turned image; transparent unless told.
   *
   * @minItems 4
   * @maxItems 4
   */
  background?: [number, number, number, number] | null;
  /**
   * Degrees clockwise, as in CSS; 0 unless told. Multiples of 90 move pixels and change none.
   */
  angle?: number;
  /**
   * Mirrors the image before it is turned.
   */
  flip?: Flip | null;
  op: 'rotate';
}
/**
 * Blurs an RGBA image: a Gaussian or a box, right for transparency.
 */
export interface BlurStep {
  /**
   * A box: the mean of `2 × radius + 1` pixels each way, 0 (nothing) to 500. As fast for a large one.
   */
  radius?: number | null;
  /**
   * A Gaussian's standard deviation in pixels, 0 (nothing) to 250, as CSS's `blur()` and a canvas's filter take it. Cut off at 3
   * sigma, rounded up; the time grows with it.
   */
  sigma?: number | null;
  op: 'blur';
}
/**
 * Changes an RGBA image's colours: brightness, contrast, saturation, hue, gamma, any matrix.
 */
export interface ColorStep {
  /**
   * Twenty numbers, as `feColorMatrix` has them: for each of red, green, blue and alpha of the result the factors of red, green, blue
   * and alpha, and what is added (1 is 255). −1000 to 1000 each.
   */
  matrix?: number[] | null;
  /**
   * A colour c of 0 to 1 becomes c^(1/gamma): above 1 is lighter in the middle. 0.01 to 100.
   */
  gamma?: number | null;
  /**
   * Colours are multiplied by it: 1 changes nothing, 0 is black, up to 100.
   */
  brightness?: number | null;
  /**
   * The distance from middle grey is multiplied by it: 1 changes nothing, 0 is grey, up to 100.
   */
  contrast?: number | null;
  /**
   * 1 changes nothing, 0 is without colour, above 1 has more; up to 100.
   */
  saturate?: number | null;
  /**
   * Degrees by which hues are turned.
   */
  hueRotate?: number | null;
  /**
   * 0 changes nothing, 1 is grey by luminance.
   */
  grayscale?: number | null;
  /**
   * 0 changes nothing, 1 is as brown as an old photograph.
   */
  sepia?: number | null;
  /**
   * 0 changes nothing, 1 is the negative.
   */
  invert?: number | null;
  op: 'color';
}
/**
 * Convolves an RGBA image with any matrix of up to 31×31 numbers.
 */
export interface ConvolveStep {
  /**
   * Whether colours alone are convolved, as they are stored, and alphas stay (what edges and embossing need). Without it all four
   * channels are, colours weighted by alpha; the bias is then added to the weighted colours and the alpha. True unless told.
   */
  keepAlpha?: boolean;
  /**
   * The matrix, row by row, as it is laid over the picture (it is not turned around first): 1 to 31 rows of 1 to 31 numbers, both
   * odd. `[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]` sharpens. Numbers are −1000000 to 1000000, and taken as f32.
   */
  kernel: number[][];
  /**
   * What sums are divided by, not 0; the sum of the matrix unless told, or 1 where that is 0.
   */
  divisor?: number | null;
  /**
   * What is added to a divided sum, in levels of 0 to 255; 0 unless told.
   */
  bias?: number;
  /**
   * What lies beyond the edges; `clamp` unless told.
   */
  edges?: 'clamp' | 'mirror' | 'wrap' | 'transparent';
  op: 'convolve';
}
/**
 * Encodes RGBA pixels as a PNG, JPEG or WebP file.
 */
export interface EncodeStep {
  /**
   * Of a JPEG: 1 (small) to 100 (near lossless), 85 unless told. Below 90 colours have half of the resolution. Other
   * formats take none.
   */
  quality?: number | null;
  /**
   * The kind of file. `png` and `webp` keep every pixel as it is; `jpeg` is lossy and shows transparent pixels over
   * black, as a canvas does.
   */
  format: 'png' | 'jpeg' | 'webp';
  op: 'encode';
}
/**
 * What came of it.
 */
export interface ImagePipelineOutput {
  /**
   * The file, when the last step was `encode`.
   */
  data?: Uint8Array;
  /**
   * The image, when it was another.
   */
  image?: Image10 | null;
  /**
   * Pixels in a row of the result.
   */
  width: number;
  /**
   * Rows of the result.
   */
  height: number;
}
/**
 * What to resize, and to what. The whole image is fitted to the new sides; its proportions are the caller's care.
 */
export interface ImageResizeParams {
  image: Image11;
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
 * An image: rows from the top, four bytes a pixel (red, green, blue, alpha; alpha not premultiplied).
 */
export interface Image11 {
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
  image: Image12;
}
/**
 * An image: rows from the top, four bytes a pixel (red, green, blue, alpha; alpha not premultiplied).
 */
export interface Image12 {
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
 * What to turn, and how far. It is mirrored first.
 */
export interface ImageRotateParams {
  image: Image13;
  /**
   * Degrees clockwise, as in CSS; 0 unless told. Multiples of 90 move pixels and change none.
   */
  angle?: number;
  /**
   * Mirrors the image before it is turned.
   */
  flip?: Flip | null;
  /**
   * Red, green, blue and alpha of what is not covered by the turned image; transparent unless told.
   *
   * @minItems 4
   * @maxItems 4
   */
  background?: [number, number, number, number] | null;
}
/**
 * An image: rows from the top, four bytes a pixel (red, green, blue, alpha; alpha not premultiplied).
 */
export interface Image13 {
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
 * The turned image.
 */
export interface ImageRotateOutput {
  image: Image14;
}
/**
 * An image: rows from the top, four bytes a pixel (red, green, blue, alpha; alpha not premultiplied).
 */
export interface Image14 {
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
