//! Escape-time counts of the Mandelbrot set.

use crate::{Array, Cancelled, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Escape-time counts of the Mandelbrot set.
pub struct Mandelbrot;

/// What to render: pixel centres at `center + (i + 0.5 − size/2) × span/width`, row 0 at the smallest imaginary part.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MandelbrotParams {
    /// Pixels in a row, 1 to 65535.
    pub width: u32,
    /// Rows, 1 to 65535.
    pub height: u32,
    /// Real part of the middle of the picture.
    pub center_x: f64,
    /// Imaginary part of the middle of the picture.
    pub center_y: f64,
    /// Width of the picture in the complex plane, above 0.
    pub span: f64,
    /// Where counting stops, 1 or more.
    pub max_iterations: u32,
}

/// The counts.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MandelbrotOutput {
    /// Iterations of `z ← z² + c` after which |z|² ≤ 4 still held, row by row.
    pub counts: Array<u32>,
}

/// A finished tile of the picture.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MandelbrotPart {
    /// Column of the tile's first pixel.
    pub x: u32,
    /// Row of the tile's first pixel.
    pub y: u32,
    /// Pixels in a row of the tile.
    pub width: u32,
    /// Rows of the tile.
    pub height: u32,
    /// The tile's counts, row by row.
    pub counts: Array<u32>,
}

impl Kernel for Mandelbrot {
    const NAME: &'static str = "mandelbrot";
    const ABOUT: &'static str = "Escape-time counts of the Mandelbrot set.";
    type Params = MandelbrotParams;
    type Output = MandelbrotOutput;
    type Part = MandelbrotPart;

    fn validate(params: &MandelbrotParams) -> Result<(), KernelError> {
        crate::image::side("width", params.width)?;
        crate::image::side("height", params.height)
    }

    fn run(p: MandelbrotParams, job: &Job<MandelbrotPart>) -> Result<MandelbrotOutput, KernelError> {
        job.set_total(u64::from(p.height));
        let mut counts = vec![0_u32; p.width as usize * p.height as usize];
        let step = p.span / f64::from(p.width);
        counts.par_chunks_mut(p.width as usize).enumerate().try_for_each(|(y, row)| {
            let ci = p.center_y + (y as f64 + 0.5 - f64::from(p.height) / 2.0) * step;
            for (x, count) in row.iter_mut().enumerate() {
                job.check()?;
                let cr = p.center_x + (x as f64 + 0.5 - f64::from(p.width) / 2.0) * step;
                let (mut zr, mut zi, mut n) = (0.0_f64, 0.0_f64, 0);
                while n < p.max_iterations {
                    (zr, zi) = (zr * zr - zi * zi + cr, 2.0 * zr * zi + ci);
                    if !(zr * zr + zi * zi <= 4.0) {
                        break;
                    }
                    n += 1;
                }
                *count = n;
            }
            job.advance(1);
            job.emit(|| MandelbrotPart { x: 0, y: y as u32, width: p.width, height: 1, counts: row.to_vec().into() });
            Ok::<(), Cancelled>(())
        })?;
        Ok(MandelbrotOutput { counts: Array::from(counts).with_shape([p.height as usize, p.width as usize]) })
    }
}
