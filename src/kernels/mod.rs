//! The built-in kernels, one file each, and the list that registers them.

mod argsort;
#[cfg(feature = "faults")]
mod fault;
mod hash;
mod image_decode;
mod image_encode;
mod image_resize;
mod mandelbrot;
mod noop;
mod partition;
mod radix;
mod resample;
mod sort;
mod webp;

pub use argsort::{Argsort, ArgsortOutput};
pub use hash::{Hash, HashAlgorithm, HashOutput, HashParams};
pub use image_decode::{ImageDecode, ImageDecodeOutput, ImageDecodeParams, ImageFormat};
pub use image_encode::{ImageEncode, ImageEncodeOutput, ImageEncodeParams};
pub use image_resize::{ImageResize, ImageResizeOutput, ImageResizeParams, ResizeFilter, ResizeSource};
pub use mandelbrot::{Mandelbrot, MandelbrotOutput, MandelbrotParams, MandelbrotPart};
pub use noop::{Noop, NoopOutput, NoopParams};
pub use sort::{Order, Sort, SortOutput, SortParams};

#[cfg(feature = "faults")]
crate::kernels![Argsort, fault::Fault, Hash, ImageDecode, ImageEncode, ImageResize, Mandelbrot, Noop, Sort];
#[cfg(not(feature = "faults"))]
crate::kernels![Argsort, Hash, ImageDecode, ImageEncode, ImageResize, Mandelbrot, Noop, Sort];
