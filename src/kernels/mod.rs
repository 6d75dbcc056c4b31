//! The built-in kernels, one file each, and the list that registers them.

mod mandelbrot;

pub use mandelbrot::{Mandelbrot, MandelbrotOutput, MandelbrotParams, MandelbrotPart};

crate::kernels![Mandelbrot];
