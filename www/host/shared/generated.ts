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
 * Where a piece lies in a longer input.
 */
export type Piece = 'inner' | 'last';
/**
 * A way to compress. All tools read what comes out.
 */
export type CompressionFormat = 'gzip' | 'zlib' | 'deflate' | 'lz4' | 'zstd';

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
   * Compresses bytes to gzip, zlib, deflate, LZ4 or Zstandard, on all threads.
   */
  compress: {
    params: CompressParams;
    output: CompressOutput;
    part: never;
  };
  /**
   * Decompresses gzip, zlib, deflate, LZ4 or Zstandard, on all threads where the file allows.
   */
  decompress: {
    params: DecompressParams;
    output: DecompressOutput;
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
   * SHA-256 or BLAKE3 of each of many buffers, on all threads.
   */
  'hash.many': {
    params: HashManyParams;
    output: HashManyOutput;
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
   * Finds a regular expression in text or bytes, with line numbers.
   */
  search: {
    params: SearchParams;
    output: SearchOutput;
    part: SearchOutput;
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
 * What to compress, and how.
 */
export interface CompressParams {
  /**
   * The bytes.
   */
  data: Uint8Array;
  /**
   * What they become.
   */
  format: 'gzip' | 'zlib' | 'deflate' | 'lz4' | 'zstd';
  /**
   * How hard to try: `gzip`, `zlib` and `deflate` 0 (not at all) to 9 (hardest), 6 unless told; `zstd` 1 to 9, 3 unless told.
   * `lz4` takes none.
   */
  level?: number | null;
  /**
   * For inputs that lie in several places: `data` is a piece of a longer input, and what comes out are its blocks alone,
   * without what a file has before and after them. The pieces that are not the last hold whole blocks of 1 MiB, in `zstd` of 2.
   */
  piece?: Piece | null;
}
/**
 * The compressed bytes.
 */
export interface CompressOutput {
  /**
   * The file, or of a piece its blocks.
   */
  data: Uint8Array;
  /**
   * Of a piece only: what a file says of its blocks.
   */
  piece?: PieceFacts | null;
}
/**
 * What a file says of the blocks in a piece.
 */
export interface PieceFacts {
  /**
   * The compressed bytes of each block.
   */
  lengths: Uint32Array;
  /**
   * The input's CRC-32 in `gzip`, its Adler-32 in `zlib`, else 0.
   */
  check: number;
}
/**
 * What to decompress.
 */
export interface DecompressParams {
  /**
   * The file. Several gzip members, LZ4 or Zstandard frames one after the other are read as one.
   */
  data: Uint8Array;
  /**
   * What it is; unless told, its first bytes say so. A raw `deflate` stream has nothing to be known by.
   */
  format?: CompressionFormat | null;
  /**
   * The most bytes that may come out, 1 GiB unless told: a small file can hold a great many.
   */
  maxBytes?: number | null;
}
/**
 * What the file held.
 */
export interface DecompressOutput {
  /**
   * The bytes.
   */
  data: Uint8Array;
  /**
   * A way to compress. All tools read what comes out.
   */
  format: 'gzip' | 'zlib' | 'deflate' | 'lz4' | 'zstd';
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
 * What to hash, and how.
 */
export interface HashManyParams {
  /**
   * The buffers, one after the other.
   */
  data: Uint8Array;
  /**
   * The bytes of each buffer; together all of `data`.
   */
  lengths?: Uint32Array;
  /**
   * Instead of `lengths`: the bytes of every buffer. The last has what is left.
   */
  chunk?: number | null;
  /**
   * The hash function.
   */
  algorithm: 'sha256' | 'blake3';
}
/**
 * The hashes.
 */
export interface HashManyOutput {
  /**
   * 32 bytes for each buffer, in their order; shape: buffers × 32.
   */
  digests: Uint8Array;
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
 * Where to search, and what for.
 */
export interface SearchParams {
  /**
   * The text as UTF-8, or any bytes; at most 2³² − 1. Lines end with a line feed, or with the data.
   */
  data: Uint8Array;
  /**
   * A regular expression in the syntax of Rust's `regex`: no look-around and no back-references, so that every search takes time
   * in proportion to the data. A match lies in one line, without its end; `^` and `$` are the line's.
   */
  pattern: string;
  /**
   * Takes the pattern as it is, not as an expression.
   */
  literal?: boolean;
  /**
   * Capital letters and small ones are the same.
   */
  ignoreCase?: boolean;
  /**
   * Whether `\w`, `\d`, `\b`, `.`, classes and cases are Unicode's, which is so unless told; else they are of ASCII and of bytes.
   */
  unicode?: boolean;
  /**
   * Finds the lines without a match instead, each as a whole.
   */
  invert?: boolean;
  /**
   * Stops after so many, the first ones in the data.
   */
  maxMatches?: number | null;
  /**
   * For data that lies in several places: where in the whole `data` begins.
   */
  begin?: Place | null;
}
/**
 * Where the first line of the data lies in the whole.
 */
export interface Place {
  /**
   * Bytes before it.
   */
  byte: number;
  /**
   * Lines before it.
   */
  line: number;
}
/**
 * The matches in the order of the data, four numbers of each. They do not overlap; an empty one does not follow on another.
 */
export interface SearchOutput {
  /**
   * The byte at which each begins.
   */
  starts: Uint32Array;
  /**
   * The byte after its last.
   */
  ends: Uint32Array;
  /**
   * The number of its line, from 1.
   */
  lines: Uint32Array;
  /**
   * The byte at which its line begins.
   */
  lineStarts: Uint32Array;
}
/**
 * The sorted numbers.
 */
export interface SortOutput {
  /**
   * As many as were given, of the same kind and shape. NaNs keep their order and their bits.
   */
  data: TypedArray;
}
