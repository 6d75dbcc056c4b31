//! The built-in kernels, one file each, and the list that registers them.

mod argsort;
mod compress;
mod decompress;
mod deflate;
#[cfg(feature = "faults")]
mod fault;
mod hash;
mod hash_many;
mod image_decode;
mod image_encode;
mod image_resize;
mod lz4;
mod mandelbrot;
mod noop;
mod partition;
mod radix;
mod resample;
mod search;
mod sha256_lanes;
mod sort;
mod webp;
mod zstd;

pub use argsort::{Argsort, ArgsortOutput};
pub use compress::{Compress, CompressOutput, CompressParams, CompressionFormat, Piece, PieceFacts};
pub use decompress::{Decompress, DecompressOutput, DecompressParams};
pub use hash::{Hash, HashAlgorithm, HashOutput, HashParams};
pub use hash_many::{HashMany, HashManyOutput, HashManyParams};
pub use image_decode::{ImageDecode, ImageDecodeOutput, ImageDecodeParams, ImageFormat};
pub use image_encode::{ImageEncode, ImageEncodeOutput, ImageEncodeParams};
pub use image_resize::{ImageResize, ImageResizeOutput, ImageResizeParams, ResizeFilter, ResizeSource};
pub use mandelbrot::{Mandelbrot, MandelbrotOutput, MandelbrotParams, MandelbrotPart};
pub use noop::{Noop, NoopOutput, NoopParams};
pub use search::{Place, Search, SearchOutput, SearchParams};
pub use sort::{Order, Sort, SortOutput, SortParams};

#[cfg(feature = "faults")]
crate::kernels![
    Argsort,
    Compress,
    Decompress,
    fault::Fault,
    Hash,
    ImageDecode,
    ImageEncode,
    ImageResize,
    Mandelbrot,
    Noop,
    Sort
];
#[cfg(not(feature = "faults"))]
crate::kernels![
    Argsort,
    Compress,
    Decompress,
    Hash,
    HashMany,
    ImageDecode,
    ImageEncode,
    ImageResize,
    Mandelbrot,
    Noop,
    Search,
    Sort
];
