// Generated from the Rust types: see www/crate/types.ts. Do not edit.
import type { TypedArray } from './generated.ts';

/** The kernels: what each takes, gives and streams. */
export interface KernelMap {
  /** Gives the indices that sort a typed array, stably; NaN last. */
  argsort: {
    params: SortParams;
    output: ArgsortOutput;
    part: never;
  };
  /** SHA-256 or BLAKE3 of bytes. */
  hash: {
    params: HashParams;
    output: HashOutput;
    part: never;
  };
  /** Decodes a PNG, JPEG or WebP file to RGBA pixels. */
  'image.decode': {
    params: ImageDecodeParams;
    output: ImageDecodeOutput;
    part: never;
  };
  /** Encodes RGBA pixels as a PNG, JPEG or WebP file. */
  'image.encode': {
    params: ImageEncodeParams;
    output: ImageEncodeOutput;
    part: never;
  };
  /** Resizes an RGBA image: Lanczos and other filters, right for transparency. */
  'image.resize': {
    params: ImageResizeParams;
    output: ImageResizeOutput;
    part: never;
  };
  /** Escape-time counts of the Mandelbrot set. */
  mandelbrot: {
    params: MandelbrotParams;
    output: MandelbrotOutput;
    part: MandelbrotPart;
  };
  /** Does nothing: measures what handing over a job costs. */
  noop: {
    params: NoopParams;
    output: NoopOutput;
    part: never;
  };
  /** Sorts a typed array of any kind; NaN last. */
  sort: {
    params: SortParams;
    output: SortOutput;
    part: never;
  };
}

/** What to sort. */
export interface SortParams {
  /** The numbers: a typed array of any kind. */
  data: TypedArray;
  /** Which end comes first. */
  order?: Order;
}

/** Which end comes first. Among floats −0 is below +0, and NaN is last in either order. */
export type Order = 'ascending' | 'descending';

/** The permutation. */
export interface ArgsortOutput {
  /** `data[indices[0]]` is the first in order, and so on. Equal numbers, and NaNs, keep their order. */
  indices: Uint32Array;
}

/** What to hash, and how. */
export interface HashParams {
  /** The bytes. */
  data: Uint8Array;
  /** The hash function. `blake3` uses every core, `sha256` is a chain and uses one. */
  algorithm: HashAlgorithm;
  /**
   * BLAKE3 only, for inputs that lie in several places: `data` is a subtree of a longer input and begins at this byte of it.
   * What comes out is the subtree's chaining value, not a hash. A multiple of 1024; unless it is 0, `data` is at most as
   * long as the greatest power of two that divides it, and shorter only at the end of the input.
   */
  subtreeAt?: number | null;
}

/** Hash functions, both of 256 bits. */
export type HashAlgorithm = 'sha256' | 'blake3';

/** The hash. */
export interface HashOutput {
  /** 64 hexadecimal digits, lower case: the hash, or of a subtree its chaining value. */
  hex: string;
}

/** The file. */
export interface ImageDecodeParams {
  /** The bytes of a PNG, JPEG or WebP file; its content says which. At most 65535 pixels a side and 2²⁸ in all. */
  data: Uint8Array;
}

/** The picture. */
export interface ImageDecodeOutput {
  /**
   * The pixels, turned upright where EXIF says so. 16-bit samples are rounded to 8; colour profiles are not applied.
   * Of an animated WebP the first frame, of an animated PNG its still image.
   */
  image: Image;
  /** What the file is. */
  format: ImageFormat;
}

/** An image: rows from the top, four bytes a pixel (red, green, blue, alpha; alpha not premultiplied). */
export interface Image {
  /** Pixels in a row. */
  width: number;
  /** Rows. */
  height: number;
  /** `width × height × 4` bytes. */
  data: Uint8ClampedArray;
}

/** A file format that is read and written. */
export type ImageFormat = 'png' | 'jpeg' | 'webp';

/** What to encode, and how. */
export interface ImageEncodeParams {
  /** The image. For WebP at most 16383 pixels a side. */
  image: Image;
  /**
   * The kind of file. `png` and `webp` keep every pixel as it is; `jpeg` is lossy and shows transparent pixels over
   * black, as a canvas does.
   */
  format: ImageFormat;
  /**
   * Of a JPEG: 1 (small) to 100 (near lossless), 85 unless told. Below 90 colours have half of the resolution. Other
   * formats take none.
   */
  quality?: number | null;
}

/** The file. */
export interface ImageEncodeOutput {
  /** The bytes of the file. A PNG of an opaque image has no alpha. */
  data: Uint8Array;
}

/** What to resize, and to what. The whole image is fitted to the new sides; its proportions are the caller's care. */
export interface ImageResizeParams {
  /** The image. */
  image: Image;
  /** Pixels in a row of the result, 1 to 65535; `width × height` is at most 2²⁸. */
  width: number;
  /** Rows of the result, 1 to 65535. */
  height: number;
  /** How pixels are weighted; `lanczos3` unless told. */
  filter?: ResizeFilter;
  /** The rows of the result to make: a band of it, all of it unless told. They are the same as in the whole. */
  rows?: Rows | null;
  /**
   * Says that `image` is a band of a picture, and the picture is what is resized. It must hold what `rows` is made of;
   * when it does not, the error says which rows that is.
   */
  source?: ResizeSource | null;
}

/** How pixels are weighted. When an image shrinks every filter but `nearest` is widened so that all pixels count. */
export type ResizeFilter = 'lanczos3' | 'nearest' | 'box' | 'bilinear' | 'hamming' | 'catmullrom' | 'mitchell' | 'gaussian';

/** A band of a picture's rows. */
export interface Rows {
  /** Its first row, 0 at the top. */
  first: number;
  /** How many, 1 or more; the last one lies in the picture. */
  count: number;
}

/** The picture of which an image is a band of rows. */
export interface ResizeSource {
  /** The picture's row that is the image's first. */
  first: number;
  /** Rows of the picture, 1 to 65535. */
  height: number;
  /** Whether every alpha of the picture is 255: then colours are not weighted by it. */
  opaque: boolean;
}

/** The resized image. */
export interface ImageResizeOutput {
  /**
   * `width` by `height` (or `rows.count`) pixels. Colours were weighted by their alpha; a pixel of alpha 0 comes out as 0, 0, 0, 0.
   * At the size that it had, or with `nearest`, pixels are the source's own.
   */
  image: Image;
}

/** What to render: pixel centres at `center + (i + 0.5 − size/2) × span/width`, row 0 at the smallest imaginary part. */
export interface MandelbrotParams {
  /** Pixels in a row, 1 to 65535. */
  width: number;
  /** Rows, 1 to 65535. */
  height: number;
  /** Real part of the middle of the picture. */
  centerX: number;
  /** Imaginary part of the middle of the picture. */
  centerY: number;
  /** Width of the picture in the complex plane, above 0. */
  span: number;
  /** Where counting stops, 1 or more. */
  maxIterations: number;
  /** The rows to render: a band of the picture, all of it unless told. */
  rows?: Rows | null;
}

/** The counts. */
export interface MandelbrotOutput {
  /** Iterations of `z ← z² + c` after which |z|² ≤ 4 still held, row by row: `[height, width]`, or `[rows.count, width]`. */
  counts: Uint32Array;
}

/** A finished tile of the picture. */
export interface MandelbrotPart {
  /** Column of the tile's first pixel. */
  x: number;
  /** Row of the tile's first pixel. */
  y: number;
  /** Pixels in a row of the tile. */
  width: number;
  /** Rows of the tile. */
  height: number;
  /** The tile's counts, row by row. */
  counts: Uint32Array;
}

/** Nothing. */
export type NoopParams = {};

/** Nothing. */
export type NoopOutput = {};

/** The sorted numbers. */
export interface SortOutput {
  /** As many as were given, of the same kind and shape. NaNs keep their order and their bits. */
  data: TypedArray;
}
