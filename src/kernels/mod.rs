//! The built-in kernels, one file each, and the list that registers them.

mod argsort;
mod blur;
#[cfg(feature = "faults")]
mod fault;
mod hash;
mod image_blur;
mod image_color;
mod image_convolve;
mod image_crop;
mod image_decode;
mod image_encode;
mod image_pipeline;
mod image_resize;
mod image_rotate;
mod lanes;
mod mandelbrot;
mod neighbours;
mod noop;
mod partition;
mod radix;
mod resample;
mod sort;
mod webp;

pub use argsort::{Argsort, ArgsortOutput};
pub use hash::{Hash, HashAlgorithm, HashOutput, HashParams};
pub use image_blur::{ImageBlur, ImageBlurOutput, ImageBlurParams};
pub use image_color::{ImageColor, ImageColorOutput, ImageColorParams};
pub use image_convolve::{Edges, ImageConvolve, ImageConvolveOutput, ImageConvolveParams};
pub use image_crop::{ImageCrop, ImageCropOutput, ImageCropParams};
pub use image_decode::{ImageDecode, ImageDecodeOutput, ImageDecodeParams, ImageFormat};
pub use image_encode::{ImageEncode, ImageEncodeOutput, ImageEncodeParams};
pub use image_pipeline::{ImagePipeline, ImagePipelineOutput, ImagePipelineParams, Step as ImageStep};
pub use image_resize::{ImageResize, ImageResizeOutput, ImageResizeParams, ResizeFilter, ResizeSource};
pub use image_rotate::{Flip, ImageRotate, ImageRotateOutput, ImageRotateParams};
pub use mandelbrot::{Mandelbrot, MandelbrotOutput, MandelbrotParams, MandelbrotPart};
pub use noop::{Noop, NoopOutput, NoopParams};
pub use sort::{Order, Sort, SortOutput, SortParams};

#[cfg(feature = "faults")]
crate::kernels![
    Argsort,
    fault::Fault,
    Hash,
    ImageBlur,
    ImageColor,
    ImageConvolve,
    ImageCrop,
    ImageDecode,
    ImageEncode,
    ImagePipeline,
    ImageResize,
    ImageRotate,
    Mandelbrot,
    Noop,
    Sort
];
#[cfg(not(feature = "faults"))]
crate::kernels![
    Argsort,
    Hash,
    ImageBlur,
    ImageColor,
    ImageConvolve,
    ImageCrop,
    ImageDecode,
    ImageEncode,
    ImagePipeline,
    ImageResize,
    ImageRotate,
    Mandelbrot,
    Noop,
    Sort
];
