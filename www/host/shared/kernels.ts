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
  /** Compresses bytes to gzip, zlib, deflate, LZ4 or Zstandard, on all threads. */
  compress: {
    params: CompressParams;
    output: CompressOutput;
    part: never;
  };
  /** Decompresses gzip, zlib, deflate, LZ4 or Zstandard, on all threads where the file allows. */
  decompress: {
    params: DecompressParams;
    output: DecompressOutput;
    part: never;
  };
  /** Fourier transforms of rows or matrices of f32 or f64, complex or real, of any length. */
  fft: {
    params: FftParams;
    output: FftOutput;
    part: never;
  };
  /** Count, sum, mean, extremes and variance of the values of each key. */
  groupby: {
    params: GroupByParams;
    output: GroupByOutput;
    part: never;
  };
  /** SHA-256 or BLAKE3 of bytes. */
  hash: {
    params: HashParams;
    output: HashOutput;
    part: never;
  };
  /** SHA-256 or BLAKE3 of each of many buffers, on all threads. */
  'hash.many': {
    params: HashManyParams;
    output: HashManyOutput;
    part: never;
  };
  /** Blurs an RGBA image: a Gaussian or a box, right for transparency. */
  'image.blur': {
    params: ImageBlurParams;
    output: ImageBlurOutput;
    part: never;
  };
  /** Changes an RGBA image's colours: brightness, contrast, saturation, hue, gamma, any matrix. */
  'image.color': {
    params: ImageColorParams;
    output: ImageColorOutput;
    part: never;
  };
  /** Convolves an RGBA image with any matrix of up to 31×31 numbers. */
  'image.convolve': {
    params: ImageConvolveParams;
    output: ImageConvolveOutput;
    part: never;
  };
  /** Cuts a rectangle out of an RGBA image. */
  'image.crop': {
    params: ImageCropParams;
    output: ImageCropOutput;
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
  /** Decodes, crops, resizes, rotates, blurs, colors, convolves and encodes in one job. */
  'image.pipeline': {
    params: ImagePipelineParams;
    output: ImagePipelineOutput;
    part: never;
  };
  /** Resizes an RGBA image: Lanczos and other filters, right for transparency. */
  'image.resize': {
    params: ImageResizeParams;
    output: ImageResizeOutput;
    part: never;
  };
  /** Turns an RGBA image by any angle, and mirrors it. */
  'image.rotate': {
    params: ImageRotateParams;
    output: ImageRotateOutput;
    part: never;
  };
  /** Clusters vectors around k means, from seeded k-means++ centroids. */
  kmeans: {
    params: KmeansParams;
    output: KmeansOutput;
    part: KmeansPart;
  };
  /** Finds the k nearest vectors of each query, exactly: Euclidean, cosine or dot product. */
  knn: {
    params: KnnParams;
    output: KnnOutput;
    part: never;
  };
  /** Builds an index of vectors, with which knn.search finds near ones without looking at all. */
  'knn.index': {
    params: KnnIndexParams;
    output: KnnIndexOutput;
    part: never;
  };
  /** Finds the k nearest vectors of each query by an index from knn.index: most of them, and soon. */
  'knn.search': {
    params: KnnSearchParams;
    output: KnnOutput;
    part: never;
  };
  /** Escape-time counts of the Mandelbrot set. */
  mandelbrot: {
    params: MandelbrotParams;
    output: MandelbrotOutput;
    part: MandelbrotPart;
  };
  /** The product of two matrices of f32 or f64. */
  matmul: {
    params: MatmulParams;
    output: MatmulOutput;
    part: never;
  };
  /** Prices European and Asian options by simulation, with reproducible streams. */
  montecarlo: {
    params: MontecarloParams;
    output: MontecarloOutput;
    part: never;
  };
  /** Moves bodies under their own gravity; every pair counts. */
  nbody: {
    params: NbodyParams;
    output: NbodyOutput;
    part: NbodyPart;
  };
  /** Does nothing: measures what handing over a job costs, with an array there and back if one is given. */
  noop: {
    params: NoopParams;
    output: NoopOutput;
    part: never;
  };
  /** Finds a regular expression in text or bytes, with line numbers. */
  search: {
    params: SearchParams;
    output: SearchOutput;
    part: SearchOutput;
  };
  /** Sorts a typed array of any kind; NaN last. */
  sort: {
    params: SortParams;
    output: SortOutput;
    part: never;
  };
  /** Count, extremes, and exactly rounded sum, mean and variance of a typed array. */
  'stats.describe': {
    params: StatsDescribeParams;
    output: StatsDescribeOutput;
    part: never;
  };
  /** Counts the numbers of a typed array in bins of equal width or between given edges. */
  'stats.histogram': {
    params: StatsHistogramParams;
    output: StatsHistogramOutput;
    part: never;
  };
  /** Exact quantiles of a typed array, interpolated linearly. */
  'stats.quantiles': {
    params: StatsQuantilesParams;
    output: StatsQuantilesOutput;
    part: never;
  };
  /** Gives the greatest (or least) numbers of a typed array, in order, and their indices; NaN last. */
  topk: {
    params: TopkParams;
    output: TopkOutput;
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

/** What to compress, and how. */
export interface CompressParams {
  /** The bytes. */
  data: Uint8Array;
  /** What they become. */
  format: CompressionFormat;
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

/** A way to compress. All tools read what comes out. */
export type CompressionFormat = 'gzip' | 'zlib' | 'deflate' | 'lz4' | 'zstd';

/** Where a piece lies in a longer input. */
export type Piece = 'inner' | 'last';

/** The compressed bytes. */
export interface CompressOutput {
  /** The file, or of a piece its blocks. */
  data: Uint8Array;
  /** Of a piece only: what a file says of its blocks. */
  piece?: PieceFacts | null;
}

/** What a file says of the blocks in a piece. */
export interface PieceFacts {
  /** The compressed bytes of each block. */
  lengths: Uint32Array;
  /** The input's CRC-32 in `gzip`, its Adler-32 in `zlib`, else 0. */
  check: number;
}

/** What to decompress. */
export interface DecompressParams {
  /** The file. Several gzip members, LZ4 or Zstandard frames one after the other are read as one. */
  data: Uint8Array;
  /** What it is; unless told, its first bytes say so. A raw `deflate` stream has nothing to be known by. */
  format?: CompressionFormat | null;
  /** The most bytes that may come out, 1 GiB unless told: a small file can hold a great many. */
  maxBytes?: number | null;
}

/** What the file held. */
export interface DecompressOutput {
  /** The bytes. */
  data: Uint8Array;
  /** What the file was. */
  format: CompressionFormat;
}

/**
 * Numbers, row by row, and how they are transformed.
 *
 * Complex numbers are two floats each, the real part first. The transform of n real numbers is given by its first
 * `floor(n / 2) + 1` complex numbers; the others are their conjugates.
 */
export interface FftParams {
  /** The numbers. */
  data: Float32Array | Float64Array;
  /**
   * Numbers in a row (before an inverse transform of real ones: in a row of what comes out), 1 to 134217728. Unless told
   * what the shape says, and all is one row when there is none.
   */
  length?: number | null;
  /** 1 transforms each row by itself, 2 the rows and then the columns. */
  dimensions?: number;
  /** Whether the numbers that are transformed (after an inverse transform: those that come out) are real. */
  real?: boolean;
  /** Whether to transform back. */
  inverse?: boolean;
}

/** The transformed numbers. */
export interface FftOutput {
  /**
   * Of the kind of floats that was given: `[rows, length, 2]`, of a forward transform of real numbers
   * `[rows, floor(length / 2) + 1, 2]`, of an inverse one `[rows, length]`. What is not a number or infinite spreads.
   */
  data: Float32Array | Float64Array;
}

/** What to group, and by what. */
export interface GroupByParams {
  /** The group of each value: numbers of any kind, at most 4294967295. −0 and 0 are one key, and so are all NaNs. */
  keys: TypedArray;
  /** The values, as many: numbers of any kind, taken as f64. NaNs are left out. */
  values: TypedArray;
}

/** The groups, one place in each array for each, the least key first, NaN last. */
export interface GroupByOutput {
  /** The keys, of the kind that was given. */
  keys: TypedArray;
  /** How many values, those that are NaN not counted. Where there are none the sum is 0 and all else is NaN. */
  counts: Uint32Array;
  /** Sums, compensated: off by some 1e-16 of the sum of magnitudes, however many values there are. */
  sums: Float64Array;
  /** Means. */
  means: Float64Array;
  /** The least values. */
  mins: Float64Array;
  /** The greatest values. */
  maxs: Float64Array;
  /** Variances of the values themselves (÷ count), by their distances from the mean. NaN where a value is infinite. */
  variances: Float64Array;
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

/** What to hash, and how. */
export interface HashManyParams {
  /** The buffers, one after the other. */
  data: Uint8Array;
  /** The bytes of each buffer; together all of `data`. */
  lengths?: Uint32Array;
  /** Instead of `lengths`: the bytes of every buffer. The last has what is left. */
  chunk?: number | null;
  /** The hash function. */
  algorithm: HashAlgorithm;
}

/** The hashes. */
export interface HashManyOutput {
  /** 32 bytes for each buffer, in their order; shape: buffers × 32. */
  digests: Uint8Array;
}

/** What to blur, and how: give one of `sigma` and `radius`. */
export interface ImageBlurParams {
  /** The image. */
  image: Image;
  /**
   * A Gaussian's standard deviation in pixels, 0 (nothing) to 250, as CSS's `blur()` and a canvas's filter take it. Cut off at 3
   * sigma, rounded up; the time grows with it.
   */
  sigma?: number | null;
  /** A box: the mean of `2 × radius + 1` pixels each way, 0 (nothing) to 500. As fast for a large one. */
  radius?: number | null;
  /** The rows to make: a band of the picture, all of it unless told. They are the same as in the whole. */
  rows?: Rows | null;
  /**
   * Says that `image` is a band of a picture, and the picture is what is blurred. It must hold what `rows` is made of; when it
   * does not, the error says which rows that is.
   */
  source?: BandOf | null;
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

/** A band of a picture's rows. */
export interface Rows {
  /** Its first row, 0 at the top. */
  first: number;
  /** How many, 1 or more; the last one lies in the picture. */
  count: number;
}

/** The picture of which an image is a band of rows, for kernels that make a pixel from those around it. */
export interface BandOf {
  /** The picture's row that is the image's first. */
  first: number;
  /** Rows of the picture, 1 to 65535. */
  height: number;
}

/** The blurred image. */
export interface ImageBlurOutput {
  /**
   * As large as the image (or `rows.count` rows). Beyond an edge its pixels go on. Colours were weighted by their alpha; a pixel of
   * alpha 0 comes out as 0, 0, 0, 0. With a `sigma` or `radius` of 0 pixels are the source's own.
   */
  image: Image;
}

/**
 * What to change, in the order of the fields here; what is not given changes nothing. Amounts are those of CSS's filter functions.
 * Colours are taken as they are stored, not weighted by alpha, and limited to 0 to 255 once, at the end.
 */
export interface ImageColorParams {
  /** The image. */
  image: Image;
  /** A colour c of 0 to 1 becomes c^(1/gamma): above 1 is lighter in the middle. 0.01 to 100. */
  gamma?: number | null;
  /** Colours are multiplied by it: 1 changes nothing, 0 is black, up to 100. */
  brightness?: number | null;
  /** The distance from middle grey is multiplied by it: 1 changes nothing, 0 is grey, up to 100. */
  contrast?: number | null;
  /** 1 changes nothing, 0 is without colour, above 1 has more; up to 100. */
  saturate?: number | null;
  /** Degrees by which hues are turned. */
  hueRotate?: number | null;
  /** 0 changes nothing, 1 is grey by luminance. */
  grayscale?: number | null;
  /** 0 changes nothing, 1 is as brown as an old photograph. */
  sepia?: number | null;
  /** 0 changes nothing, 1 is the negative. */
  invert?: number | null;
  /**
   * Twenty numbers, as `feColorMatrix` has them: for each of red, green, blue and alpha of the result the factors of red, green, blue
   * and alpha, and what is added (1 is 255). −1000 to 1000 each.
   */
  matrix?: number[] | null;
}

/** The changed image. */
export interface ImageColorOutput {
  /** As large as the image. But for `matrix` its alphas are the image's. */
  image: Image;
}

/** What to convolve, and with what. */
export interface ImageConvolveParams {
  /** The image. */
  image: Image;
  /**
   * The matrix, row by row, as it is laid over the picture (it is not turned around first): 1 to 31 rows of 1 to 31 numbers, both
   * odd. `[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]` sharpens. Numbers are −1000000 to 1000000, and taken as f32.
   */
  kernel: number[][];
  /** What sums are divided by, not 0; the sum of the matrix unless told, or 1 where that is 0. */
  divisor?: number | null;
  /** What is added to a divided sum, in levels of 0 to 255; 0 unless told. */
  bias?: number;
  /** What lies beyond the edges; `clamp` unless told. */
  edges?: Edges;
  /**
   * Whether colours alone are convolved, as they are stored, and alphas stay (what edges and embossing need). Without it all four
   * channels are, colours weighted by alpha; the bias is then added to the weighted colours and the alpha. True unless told.
   */
  keepAlpha?: boolean;
  /** The rows to make: a band of the picture, all of it unless told. They are the same as in the whole. */
  rows?: Rows | null;
  /**
   * Says that `image` is a band of a picture, and the picture is what is convolved. It must hold what `rows` is made of; when it
   * does not, the error says which rows that is.
   */
  source?: BandOf | null;
}

/** What lies beyond an image's edges. */
export type Edges = 'clamp' | 'mirror' | 'wrap' | 'transparent';

/** The convolved image. */
export interface ImageConvolveOutput {
  /** As large as the image (or `rows.count` rows); channels are rounded to nearest and limited to 0 to 255. */
  image: Image;
}

/** What to cut out, and of what. */
export interface ImageCropParams {
  /** The image. */
  image: Image;
  /** Column of the rectangle's first pixel, 0 at the left. */
  x: number;
  /** Row of the rectangle's first pixel, 0 at the top. */
  y: number;
  /** Pixels in a row of the rectangle, 1 or more; the last one lies in the image. */
  width: number;
  /** Rows of the rectangle, 1 or more; the last one lies in the image. */
  height: number;
}

/** The rectangle. */
export interface ImageCropOutput {
  /** `width` by `height` pixels, unchanged. */
  image: Image;
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

/** What to begin with, one of `data` and `image`, and what to do. */
export interface ImagePipelineParams {
  /** The bytes of a PNG, JPEG or WebP file, which is decoded first. */
  data?: Uint8Array;
  /** An image. */
  image?: Image | null;
  /**
   * The steps, 1 to 64, one after another: `op` is the kernel without `image.`, the rest its params without the image. `encode` can be
   * the last only.
   */
  steps: ImageStep[];
}

/** A step of a pipeline. */
export type ImageStep = {
  /** Rows of the rectangle, 1 or more; the last one lies in the image. */
  height: number;
  /** Column of the rectangle's first pixel, 0 at the left. */
  x: number;
  /** Row of the rectangle's first pixel, 0 at the top. */
  y: number;
  /** Pixels in a row of the rectangle, 1 or more; the last one lies in the image. */
  width: number;
  op: 'crop';
} | {
  /** How pixels are weighted; `lanczos3` unless told. */
  filter?: ResizeFilter;
  /** Pixels in a row of the result, 1 to 65535; `width × height` is at most 2²⁸. */
  width: number;
  /** Rows of the result, 1 to 65535. */
  height: number;
  op: 'resize';
} | {
  /** Red, green, blue and alpha of what is not covered by the turned image; transparent unless told. */
  background?: number[] | null;
  /** Degrees clockwise, as in CSS; 0 unless told. Multiples of 90 move pixels and change none. */
  angle?: number;
  /** Mirrors the image before it is turned. */
  flip?: Flip | null;
  op: 'rotate';
} | {
  /** A box: the mean of `2 × radius + 1` pixels each way, 0 (nothing) to 500. As fast for a large one. */
  radius?: number | null;
  /**
   * A Gaussian's standard deviation in pixels, 0 (nothing) to 250, as CSS's `blur()` and a canvas's filter take it. Cut off at 3
   * sigma, rounded up; the time grows with it.
   */
  sigma?: number | null;
  op: 'blur';
} | {
  /**
   * Twenty numbers, as `feColorMatrix` has them: for each of red, green, blue and alpha of the result the factors of red, green, blue
   * and alpha, and what is added (1 is 255). −1000 to 1000 each.
   */
  matrix?: number[] | null;
  /** A colour c of 0 to 1 becomes c^(1/gamma): above 1 is lighter in the middle. 0.01 to 100. */
  gamma?: number | null;
  /** Colours are multiplied by it: 1 changes nothing, 0 is black, up to 100. */
  brightness?: number | null;
  /** The distance from middle grey is multiplied by it: 1 changes nothing, 0 is grey, up to 100. */
  contrast?: number | null;
  /** 1 changes nothing, 0 is without colour, above 1 has more; up to 100. */
  saturate?: number | null;
  /** Degrees by which hues are turned. */
  hueRotate?: number | null;
  /** 0 changes nothing, 1 is grey by luminance. */
  grayscale?: number | null;
  /** 0 changes nothing, 1 is as brown as an old photograph. */
  sepia?: number | null;
  /** 0 changes nothing, 1 is the negative. */
  invert?: number | null;
  op: 'color';
} | {
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
  /** What sums are divided by, not 0; the sum of the matrix unless told, or 1 where that is 0. */
  divisor?: number | null;
  /** What is added to a divided sum, in levels of 0 to 255; 0 unless told. */
  bias?: number;
  /** What lies beyond the edges; `clamp` unless told. */
  edges?: Edges;
  op: 'convolve';
} | {
  /**
   * Of a JPEG: 1 (small) to 100 (near lossless), 85 unless told. Below 90 colours have half of the resolution. Other
   * formats take none.
   */
  quality?: number | null;
  /**
   * The kind of file. `png` and `webp` keep every pixel as it is; `jpeg` is lossy and shows transparent pixels over
   * black, as a canvas does.
   */
  format: ImageFormat;
  op: 'encode';
};

/** How pixels are weighted. When an image shrinks every filter but `nearest` is widened so that all pixels count. */
export type ResizeFilter = 'lanczos3' | 'nearest' | 'box' | 'bilinear' | 'hamming' | 'catmullrom' | 'mitchell' | 'gaussian';

/** The picture of which an image is a band of rows. */
export interface ResizeSource {
  /** The picture's row that is the image's first. */
  first: number;
  /** Rows of the picture, 1 to 65535. */
  height: number;
  /** Whether every alpha of the picture is 255: then colours are not weighted by it. */
  opaque: boolean;
}

/** Which way an image is mirrored. */
export type Flip = 'horizontal' | 'vertical';

/** What came of it. */
export interface ImagePipelineOutput {
  /** The file, when the last step was `encode`. */
  data?: Uint8Array;
  /** The image, when it was another. */
  image?: Image | null;
  /** Pixels in a row of the result. */
  width: number;
  /** Rows of the result. */
  height: number;
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

/** The resized image. */
export interface ImageResizeOutput {
  /**
   * `width` by `height` (or `rows.count`) pixels. Colours were weighted by their alpha; a pixel of alpha 0 comes out as 0, 0, 0, 0.
   * At the size that it had, or with `nearest`, pixels are the source's own.
   */
  image: Image;
}

/** What to turn, and how far. It is mirrored first. */
export interface ImageRotateParams {
  /** The image. */
  image: Image;
  /** Degrees clockwise, as in CSS; 0 unless told. Multiples of 90 move pixels and change none. */
  angle?: number;
  /** Mirrors the image before it is turned. */
  flip?: Flip | null;
  /** Red, green, blue and alpha of what is not covered by the turned image; transparent unless told. */
  background?: number[] | null;
}

/** The turned image. */
export interface ImageRotateOutput {
  /** As large as it takes to show all of the turned image, around the same centre. At its edges it is mixed with the background. */
  image: Image;
}

/** What to cluster. */
export interface KmeansParams {
  /** The vectors, one after another: finite numbers. */
  data: Float32Array;
  /** Elements of each vector, 1 or more. */
  dimensions: number;
  /** How many clusters: 1 to as many as there are vectors, at most 65536. */
  k: number;
  /** What the choice of the first centroids is drawn from: the same seed gives the same clusters. 0 unless told. */
  seed?: number;
  /** The most iterations, 1 to 100000. 100 unless told. */
  maxIterations?: number;
  /** It ends when no centroid has moved farther than this: 0 or more. 0.0001 unless told. */
  tolerance?: number;
}

/** The clusters. */
export interface KmeansOutput {
  /** The means of the clusters: `[k, dimensions]`. One that has lost all of its vectors stays where it was. */
  centroids: Float32Array;
  /** The cluster of each vector: that of the nearest centroid, of equally near ones the first. */
  labels: Uint32Array;
  /** The squares of the distances of all vectors from their centroids, summed. */
  inertia: number;
  /** Iterations that were made. */
  iterations: number;
  /** Whether it ended because no centroid moved farther than the tolerance. */
  converged: boolean;
}

/** Where the centroids are when an iteration begins. */
export interface KmeansPart {
  /** The iteration, from 0. */
  iteration: number;
  /** The centroids: `[k, dimensions]`. */
  centroids: Float32Array;
  /** As of the output, for these centroids. */
  inertia: number;
}

/** What is near to what. */
export interface KnnParams {
  /** The vectors to search, one after another: at most 4294967295. */
  data: Float32Array;
  /** The vectors whose neighbours are wanted, one after another. */
  queries: Float32Array;
  /** Elements of each vector, 1 or more. */
  dimensions: number;
  /** How many neighbours of each query are wanted, 1 or more. All vectors, when there are fewer. */
  k: number;
  /** What near means. */
  metric?: KnnMetric;
}

/** What near means. All are computed in f32, element after element; vectors with NaN among their elements come last. */
export type KnnMetric = 'euclidean' | 'cosine' | 'dot';

/** The neighbours of each query, the nearest first, of equally near ones that which comes first in `data`. */
export interface KnnOutput {
  /** Which vectors of `data` they are: `[queries, k]`. */
  indices: Uint32Array;
  /** How far they are, as `metric` says: `[queries, k]`. */
  distances: Float32Array;
}

/** What to index. */
export interface KnnIndexParams {
  /** The vectors, one after another: finite numbers, one vector at least and 4294967295 at most. */
  data: Float32Array;
  /** Elements of each vector, 1 or more. */
  dimensions: number;
  /** What near means for the searches. */
  metric?: KnnMetric;
  /** Lists to divide the vectors into: 1 to as many as there are vectors, at most 65536. The root of their number unless told. */
  lists?: number | null;
  /** What the choice of centroids is drawn from: the same seed gives the same index. 0 unless told. */
  seed?: number;
}

/** The index: what `knn.search` takes, field by field. */
export interface KnnIndexOutput {
  /** The middle of each list: `[lists, dimensions]`. Of directions, for `cosine`. */
  centroids: Float32Array;
  /** Where each list begins in `vectors`, counted in vectors, and after the last where that ends: lists + 1 numbers. */
  offsets: Uint32Array;
  /** Which vector of `data` each of `vectors` is. Within a list they are in the order of `data`. */
  order: Uint32Array;
  /** The vectors of `data`, list by list. */
  vectors: Float32Array;
  /** Elements of each vector. */
  dimensions: number;
  /** What near means. */
  metric: KnnMetric;
}

/**
 * What is near to what: an output of `knn.index`, field by field, and what is wanted.
 *
 * How many of the true neighbours are found grows with `probes`. Of 20000 vectors of 32 elements in 200 clouds, indexed as it is unless
 * told otherwise, it is more than 0.99 of the ten nearest for the default number of probes (12 of 141 lists); of as many vectors of
 * uniform random elements, where no list is far from any other, 0.6 for 12 and 0.9 for 48. With as many probes as lists the answer is that
 * of `knn`, bit for bit. Where the lists that a query looks at hold fewer than `k` vectors, the missing ones have the index 4294967295 and
 * the distance NaN.
 */
export interface KnnSearchParams {
  /** Of the index: the middle of each list. */
  centroids: Float32Array;
  /** Of the index: where each list begins. */
  offsets: Uint32Array;
  /** Of the index: which vector each is. */
  order: Uint32Array;
  /** Of the index: the vectors. */
  vectors: Float32Array;
  /** Of the index: elements of each vector, 1 or more. */
  dimensions: number;
  /** Of the index: what near means. */
  metric?: KnnMetric;
  /** The vectors whose neighbours are wanted, one after another. */
  queries: Float32Array;
  /** How many neighbours of each query are wanted, 1 or more. All vectors, when there are fewer. */
  k: number;
  /** How many lists each query looks at: 1 to as many as there are. The root of their number, rounded up, unless told. */
  probes?: number | null;
  /** Of which lists `offsets`, `order` and `vectors` are: of all, unless told. Hosts tell the shards of a job. */
  part?: KnnPart | null;
}

/** Some lists of an index. */
export interface KnnPart {
  /** The first list. */
  first: number;
  /** The vectors of the whole index. */
  vectors: number;
}

/**
 * What to render: pixel centres at `center + (i + 0.5 − size/2) × span/width`, row 0 at the smallest imaginary part.
 *
 * Numbers alone are computed with as they are, in f64: pixels closer than some 1e-16 then share their coordinates. Deeper pictures need
 * places of more digits than f64 has, which are given as text, in any of `centerX`, `centerY` and `span`, as
 * `"-0.74364388703715870475219150611477"` and `"1e-60"`. With text among them, and pixels that are closer than 2⁻⁴⁸ (3.6e-15), the counts
 * come from perturbation theory: the orbit of the middle is computed in as many digits as the span asks for, and each pixel by its
 * distance from that. The orbit is computed first, by one thread (in each shard), and takes 16 bytes of memory an iteration. Spans
 * go down to 1e-5000.
 */
export interface MandelbrotParams {
  /** Pixels in a row, 1 to 65535. */
  width: number;
  /** Rows, 1 to 65535. */
  height: number;
  /** Real part of the middle of the picture. As text it may have up to 5000 digits after the point. */
  centerX: number | string;
  /** Imaginary part of the middle of the picture, likewise. */
  centerY: number | string;
  /** Width of the picture in the complex plane, above 0, likewise: as text from 1e-5000. */
  span: number | string;
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

/** Two matrices, row by row; `a` of m rows and k columns, `b` of k rows and n columns. */
export interface MatmulParams {
  /** The left matrix. */
  a: Float32Array | Float64Array;
  /** The right matrix, of the same kind of floats. */
  b: Float32Array | Float64Array;
  /** Rows of `a` and of the product. Of an `a` with a shape that shape's, unless told. */
  m?: number | null;
  /** Columns of `a`, rows of `b`. Of an `a` or `b` with a shape that shape's, unless told. */
  k?: number | null;
  /** Columns of `b` and of the product. Of a `b` with a shape that shape's, unless told. */
  n?: number | null;
  /** Whether `a` holds the left matrix column by column: its transpose, of k rows and m columns. */
  transposeA?: boolean;
  /** Whether `b` holds the right matrix column by column: its transpose, of n rows and k columns. */
  transposeB?: boolean;
  /** Numbers from where one row of `a` begins to where the next does, when there are others between. */
  strideA?: number | null;
  /** The same of `b`. */
  strideB?: number | null;
}

/** The product. */
export interface MatmulOutput {
  /** The product, row by row, of the kind of `a` and `b`: `[m, n]`. */
  c: Float32Array | Float64Array;
}

/** The option, the market, and how much to simulate. */
export interface MontecarloParams {
  /** What the option gives a right to: to buy (`call`) or to sell (`put`). */
  option: OptionKind;
  /** At which price: that at the end (`european`), or the mean over `steps` dates (`asian`). */
  style?: OptionStyle;
  /** The price of the underlying now, above 0. */
  spot: number;
  /** The price at which the option buys or sells, 0 or more. */
  strike: number;
  /** Years until it ends, above 0. */
  years: number;
  /** Interest a year, compounded continuously: 0.05 is 5 %. */
  rate: number;
  /** Dividends a year, likewise. 0 unless told. */
  dividend?: number;
  /** The standard deviation of the logarithm of the price over a year, 0 or more. */
  volatility: number;
  /** Dates of an Asian option, equally apart, the last at the end: 1 to 100000. 12 unless told. A European one has one. */
  steps?: number | null;
  /**
   * How many paths to simulate, 2 to 2³⁴. Each is walked a second time as its mirror image (antithetic), and the mean of both
   * is one sample.
   */
  paths: number;
  /** What the paths are drawn from: the same seed gives the same price. 0 unless told. */
  seed?: number;
  /** For simulations that are made in several places: the blocks of 4096 paths to simulate here. `sums` is wanted then. */
  blocks?: PathBlocks | null;
}

/** A right. */
export type OptionKind = 'call' | 'put';

/** A price that counts. */
export type OptionStyle = 'european' | 'asian';

/** A run of blocks of paths. */
export interface PathBlocks {
  /** The first, from 0. */
  first: number;
  /** How many, 1 or more. */
  count: number;
}

/** The price. */
export interface MontecarloOutput {
  /** The mean of the payoffs, discounted. */
  price: number;
  /** Its standard error: two times out of three the true price is within so much of it. */
  standardError: number;
  /** Paths that were simulated. */
  paths: number;
  /** With `blocks`: of each block the sum of the discounted payoffs and that of their squares, from which prices are merged. */
  sums?: Float64Array;
}

/** The bodies as they are at the beginning. Units are the caller's own, as long as they fit each other. */
export interface NbodyParams {
  /** x, y and z of each body. */
  positions: Float64Array;
  /** The same of its velocity. All rest unless told. */
  velocities?: Float64Array;
  /** The mass of each body. */
  masses: Float64Array;
  /** Steps to go. */
  steps: number;
  /** Time between two steps. Below 0 it runs backwards. */
  timeStep: number;
  /**
   * A length, 0 or more, that is added to each distance (as squares are), so that close bodies do not fling each other
   * away. At 0, bodies in the same place do not pull each other.
   */
  softening?: number;
  /** The constant of gravity, 1 unless told. */
  gravity?: number;
  /** Streams the positions after each so many steps, 1 or more. None unless told. */
  every?: number | null;
}

/** The bodies after the last step. */
export interface NbodyOutput {
  /** x, y and z of each body: `[bodies, 3]`. What is not a number or infinite spreads to all bodies. */
  positions: Float64Array;
  /** The same of its velocity. */
  velocities: Float64Array;
}

/** Where the bodies are on the way. */
export interface NbodyPart {
  /** Steps so far. */
  step: number;
  /** x, y and z of each body: `[bodies, 3]`. */
  positions: Float64Array;
}

/** Nothing, or an array. */
export interface NoopParams {
  /** Comes back as it is. */
  data?: TypedArray;
}

/** Nothing, or the array. */
export interface NoopOutput {
  /** What was given. */
  data?: TypedArray;
}

/** Where to search, and what for. */
export interface SearchParams {
  /** The text as UTF-8, or any bytes; at most 2³² − 1. Lines end with a line feed, or with the data. */
  data: Uint8Array;
  /**
   * A regular expression in the syntax of Rust's `regex`: no look-around and no back-references, so that every search takes time
   * in proportion to the data. A match lies in one line, without its end; `^` and `$` are the line's.
   */
  pattern: string;
  /** Takes the pattern as it is, not as an expression. */
  literal?: boolean;
  /** Capital letters and small ones are the same. */
  ignoreCase?: boolean;
  /** Whether `\w`, `\d`, `\b`, `.`, classes and cases are Unicode's, which is so unless told; else they are of ASCII and of bytes. */
  unicode?: boolean;
  /** Finds the lines without a match instead, each as a whole. */
  invert?: boolean;
  /** Stops after so many, the first ones in the data. */
  maxMatches?: number | null;
  /** For data that lies in several places: where in the whole `data` begins. */
  begin?: Place | null;
}

/** Where the first line of the data lies in the whole. */
export interface Place {
  /** Bytes before it. */
  byte: number;
  /** Lines before it. */
  line: number;
}

/** The matches in the order of the data, four numbers of each. They do not overlap; an empty one does not follow on another. */
export interface SearchOutput {
  /** The byte at which each begins. */
  starts: Uint32Array;
  /** The byte after its last. */
  ends: Uint32Array;
  /** The number of its line, from 1. */
  lines: Uint32Array;
  /** The byte at which its line begins. */
  lineStarts: Uint32Array;
}

/** The sorted numbers. */
export interface SortOutput {
  /** As many as were given, of the same kind and shape. NaNs keep their order and their bits. */
  data: TypedArray;
}

/** What to describe. */
export interface StatsDescribeParams {
  /** The numbers: a typed array of any kind. */
  data: TypedArray;
  /** For inputs that lie in several places: `data` is a piece of a longer input, and `state` is wanted. */
  partial?: boolean;
}

/**
 * The description. NaNs are counted and else left out; −0 counts as 0. Where no number can be given there is null: of nothing, of
 * infinities of both signs, and for variances of anything infinite.
 */
export interface StatsDescribeOutput {
  /** Numbers, infinities among them, NaNs not. */
  count: number;
  /** NaNs. */
  nans: number;
  /** The least; of 64-bit whole numbers the nearest f64. */
  min?: number | null;
  /** The greatest, likewise. */
  max?: number | null;
  /** The sum: the nearest f64 to the exact one. 0 of nothing. */
  sum?: number | null;
  /** The mean: the nearest f64 to the exact one. */
  mean?: number | null;
  /** The variance of the numbers (÷ count): the nearest f64 to the exact one. */
  variance?: number | null;
  /** Its square root: also where the variance itself is out of f64's range. */
  std?: number | null;
  /** The variance of what the numbers are a sample of (÷ count − 1), of two or more. */
  sampleVariance?: number | null;
  /** Its square root. */
  sampleStd?: number | null;
  /** With `partial`: what the descriptions of pieces are merged from. */
  state?: BigUint64Array;
}

/** What to count, and in which bins: `bins` of equal width, or those between `edges`. */
export interface StatsHistogramParams {
  /** The numbers: a typed array of any kind, at most 4294967295. */
  data: TypedArray;
  /** How many bins of equal width, 1 to 1048576. 10 unless told, or unless there are `edges`. */
  bins?: number | null;
  /**
   * Where the first bin begins and the last one ends. From the least finite number to the greatest unless told; when those
   * are the same number, from half below to half above; when there are none, from 0 to 1.
   */
  range?: number[] | null;
  /** The ends of bins of any width, none below the one before: two or more, in place of `bins` and `range`. */
  edges?: number[] | null;
}

/** The counts. */
export interface StatsHistogramOutput {
  /** Numbers `x` of each bin: `edges[i] ≤ x < edges[i + 1]`; the last bin has its upper edge too. */
  counts: Uint32Array;
  /** The ends of the bins: one more than there are bins. */
  edges: Float64Array;
  /** Numbers below the first bin. */
  below: number;
  /** Numbers above the last bin. */
  above: number;
  /** NaNs, which lie nowhere. */
  nans: number;
}

/** Which quantiles of what. */
export interface StatsQuantilesParams {
  /** The numbers: a typed array of any kind. NaNs are left out. */
  data: TypedArray;
  /** The quantiles, in any order: 0 is the least number, 0.5 the median, 1 the greatest. */
  q: number[];
}

/** The quantiles. */
export interface StatsQuantilesOutput {
  /**
   * One for each of `q`: the number of rank `q × (n − 1)` of `n`, the least having rank 0; between two numbers the one on the
   * straight line. NaN when there are no numbers, and between −∞ and ∞.
   */
  quantiles: Float64Array;
}

/** How many of what. */
export interface TopkParams {
  /** The numbers: a typed array of any kind, at most 4294967295. */
  data: TypedArray;
  /** How many are wanted. All, when there are fewer. */
  k: number;
  /** Which end is wanted: `descending` gives the greatest numbers, `ascending` the least. */
  order?: Order;
}

/** The numbers, the first in order first. −0 is below +0; NaNs are last in either order. */
export interface TopkOutput {
  /** The numbers, of the kind that was given. */
  values: TypedArray;
  /** Where they are in `data`. Of equal numbers, and of NaNs, the one that comes earlier is first. */
  indices: Uint32Array;
}
