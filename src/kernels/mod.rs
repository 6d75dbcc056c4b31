//! The built-in kernels, one file each, and the list that registers them.

mod argsort;
#[cfg(feature = "faults")]
mod fault;
mod fft;
mod floats;
mod fourier;
mod hash;
mod image_decode;
mod image_encode;
mod image_resize;
mod mandelbrot;
mod matmul;
mod nbody;
mod noop;
mod partition;
mod radix;
mod resample;
mod sort;
mod turn;
mod webp;

pub use argsort::{Argsort, ArgsortOutput};
pub use fft::{Fft, FftOutput, FftParams};
pub use floats::Floats;
pub use hash::{Hash, HashAlgorithm, HashOutput, HashParams};
pub use image_decode::{ImageDecode, ImageDecodeOutput, ImageDecodeParams, ImageFormat};
pub use image_encode::{ImageEncode, ImageEncodeOutput, ImageEncodeParams};
pub use image_resize::{ImageResize, ImageResizeOutput, ImageResizeParams, ResizeFilter, ResizeSource};
pub use mandelbrot::{Mandelbrot, MandelbrotOutput, MandelbrotParams, MandelbrotPart};
pub use matmul::{Matmul, MatmulOutput, MatmulParams};
pub use nbody::{Nbody, NbodyOutput, NbodyParams, NbodyPart};
pub use noop::{Noop, NoopOutput, NoopParams};
pub use sort::{Order, Sort, SortOutput, SortParams};

#[cfg(feature = "faults")]
crate::kernels![
    Argsort,
    fault::Fault,
    Fft,
    Hash,
    ImageDecode,
    ImageEncode,
    ImageResize,
    Mandelbrot,
    Matmul,
    Nbody,
    Noop,
    Sort
];
#[cfg(not(feature = "faults"))]
crate::kernels![Argsort, Fft, Hash, ImageDecode, ImageEncode, ImageResize, Mandelbrot, Matmul, Nbody, Noop, Sort];
