//! Resizes an image with a choice of filters: two passes of convolution by `fast_image_resize`, cut into tiles.
//!
//! The crate's SIMD does the arithmetic: integers, so the same numbers with AVX2, SSE4.1, wasm's simd128 or none of them.
//! This room adds what a job needs: tiles that rayon spreads over the threads and between which the job can be
//! cancelled. Tiles follow from the sizes alone, never from the number of threads.

use crate::image::{Image, MAX_PIXELS, side};
use crate::{Cancelled, Job, Kernel, KernelError};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x4;
use fast_image_resize::{FilterType, ImageView, ImageViewMut, MulDiv, ResizeAlg, ResizeOptions, Resizer};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Resizes an image.
pub struct ImageResize;

/// What to resize, and to what. The whole image is fitted to the new sides; its proportions are the caller's care.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageResizeParams {
    /// The image.
    pub image: Image,
    /// Pixels in a row of the result, 1 to 65535; `width × height` is at most 2²⁸.
    pub width: u32,
    /// Rows of the result, 1 to 65535.
    pub height: u32,
    /// How pixels are weighted; `lanczos3` unless told.
    #[serde(default)]
    pub filter: ResizeFilter,
}

/// How pixels are weighted. When an image shrinks every filter but `nearest` is widened so that all pixels count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResizeFilter {
    /// Windowed sinc of radius 3: the sharpest.
    #[default]
    Lanczos3,
    /// The pixel under the new pixel's centre, unmixed: for masks and pixel art.
    Nearest,
    /// The mean of the pixels that the new pixel covers.
    Box,
    /// Linear interpolation, radius 1.
    Bilinear,
    /// As fast as `bilinear`, sharper when it shrinks; radius 1.
    Hamming,
    /// Cubic (a = −0.5), radius 2: what others call bicubic.
    CatmullRom,
    /// Mitchell and Netravali's cubic (B = C = ⅓), radius 2: softer, hardly rings.
    Mitchell,
    /// Gaussian of standard deviation ½, radius 3: blurs.
    Gaussian,
}

/// The resized image.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ImageResizeOutput {
    /// `width` by `height` pixels. Colours were weighted by their alpha; a pixel of alpha 0 comes out as 0, 0, 0, 0.
    /// At the size that it had, or with `nearest`, pixels are the source's own.
    pub image: Image,
}

impl Kernel for ImageResize {
    const NAME: &'static str = "image.resize";
    const ABOUT: &'static str = "Resizes an RGBA image: Lanczos and other filters, right for transparency.";
    type Params = ImageResizeParams;
    type Output = ImageResizeOutput;
    type Part = ();

    fn validate(p: &ImageResizeParams) -> Result<(), KernelError> {
        p.image.validate("image")?;
        side("width", p.width)?;
        side("height", p.height)?;
        let pixels = u64::from(p.width) * u64::from(p.height);
        if pixels > MAX_PIXELS {
            return Err(KernelError::bad_params(
                "width",
                format!("width × height must be at most {MAX_PIXELS} pixels, got {} × {} = {pixels}", p.width, p.height),
            ));
        }
        Ok(())
    }

    fn run(p: ImageResizeParams, job: &Job) -> Result<ImageResizeOutput, KernelError> {
        let (width, height) = (p.width, p.height);
        if (p.image.width, p.image.height) == (width, height) {
            return Ok(ImageResizeOutput { image: p.image });
        }
        let data = match p.filter.convolution() {
            None => nearest(&p.image, width, height, job)?,
            Some((filter, radius)) => convolve(p.image, width, height, filter, radius, job)?,
        };
        Ok(ImageResizeOutput { image: Image::new(width, height, data) })
    }
}

impl ResizeFilter {
    /// The crate's filter and its radius in source pixels at scale 1; `None` for [`Self::Nearest`], which has no weights.
    fn convolution(self) -> Option<(FilterType, f64)> {
        Some(match self {
            Self::Nearest => return None,
            Self::Lanczos3 => (FilterType::Lanczos3, 3.0),
            Self::Box => (FilterType::Box, 0.5),
            Self::Bilinear => (FilterType::Bilinear, 1.0),
            Self::Hamming => (FilterType::Hamming, 1.0),
            Self::CatmullRom => (FilterType::CatmullRom, 2.0),
            Self::Mitchell => (FilterType::Mitchell, 2.0),
            Self::Gaussian => (FilterType::Gaussian, 3.0),
        })
    }
}

/// Bytes that a thread touches between two checks where it only reads or scales them: well under a millisecond.
const BLOCK: usize = 1 << 18;

/// Each new pixel is the source pixel in which its centre lies; a centre on a border belongs to the pixel after it.
fn nearest(image: &Image, width: u32, height: u32, job: &Job) -> Result<Vec<u8>, Cancelled> {
    job.set_total(u64::from(height));
    let source = |at: usize, from: u32, to: u32| ((2 * at as u64 + 1) * u64::from(from) / (2 * u64::from(to))) as usize;
    let columns: Vec<usize> = (0..width as usize).map(|x| source(x, image.width, width)).collect();
    let rows: Vec<&[[u8; 4]]> = image.data.as_chunks().0.chunks_exact(image.width as usize).collect();
    let mut out = vec![0; width as usize * height as usize * 4];
    out.par_chunks_exact_mut(width as usize * 4).enumerate().try_for_each(|(y, out)| {
        job.check()?;
        let row = rows[source(y, image.height, height)];
        for (pixel, &x) in out.as_chunks_mut().0.iter_mut().zip(&columns) {
            *pixel = row[x];
        }
        job.advance(1);
        Ok(())
    })?;
    Ok(out)
}

/// Width and height.
type Size = (u32, u32);

/// Two passes, one for each axis that changes, in the cheaper order.
fn convolve(
    image: Image,
    width: u32,
    height: u32,
    filter: FilterType,
    radius: f64,
    job: &Job,
) -> Result<Vec<u8>, Cancelled> {
    let (from, to) = ((image.width, image.height), (width, height));
    // The cost is near enough the same for either direction. A longer way round also needs more memory between.
    let routes = [(from.0, to.1), (to.0, from.1)].map(|between| [(from, between), (between, to)]);
    let cost = |route: &[(Size, Size); 2]| route.iter().map(|&(from, to)| pass_cost(from, to, radius)).sum::<u64>();
    let route = if cost(&routes[0]) <= cost(&routes[1]) { routes[0] } else { routes[1] };
    job.set_total(cost(&route));

    let mut pixels = image.data.into_vec();
    // Colours are mixed by how much they cover: without this, invisible pixels bleed into their neighbours.
    let transparent = !is_opaque(&pixels, job)?;
    if transparent {
        premultiply(&mut pixels, job)?;
    }
    for (from, to) in route.into_iter().filter(|(from, to)| from != to) {
        pixels = pass(&pixels, from, to, filter, radius, job)?;
    }
    if transparent {
        unmultiply(&mut pixels, job)?;
    }
    Ok(pixels)
}

/// How many source pixels a new one is made of, at most, along an axis that changes.
fn taps(from: u32, to: u32, radius: f64) -> u64 {
    let scale = (f64::from(from) / f64::from(to)).max(1.0);
    2 * (radius * scale).ceil() as u64 + 1
}

/// Multiplications by weights that a pass takes, in pixels.
fn pass_cost(from: Size, to: Size, radius: f64) -> u64 {
    let taps = match (from.0 != to.0, from.1 != to.1) {
        (true, _) => taps(from.0, to.0, radius),
        (_, true) => taps(from.1, to.1, radius),
        _ => 0,
    };
    u64::from(to.0) * u64::from(to.1) * taps
}

/// Pixels times taps in a tile: about half a millisecond on a thread.
const TILE_COST: u64 = 1 << 21;

/// Resizes along the one axis in which `from` and `to` differ.
///
/// The crate computes weights anew for each call, so tiles are cut such that (nearly) each weight is computed once: a
/// tile covers a few places along the axis and, up to a bound, all that lies across it.
fn pass(pixels: &[u8], from: Size, to: Size, filter: FilterType, radius: f64, job: &Job) -> Result<Vec<u8>, Cancelled> {
    let vertical = from.1 != to.1;
    let (along, across, taps) =
        if vertical { (to.1, to.0, taps(from.1, to.1, radius)) } else { (to.0, to.1, taps(from.0, to.0, radius)) };
    let area = (TILE_COST / taps).max(1) as u32;
    // A weight costs as much as about 100 multiplications by it: from 256 upwards computing it again is in the noise.
    let tile_across = across.min(area.clamp(256, 8192));
    let tile_along = along.min((area / tile_across).max(1));
    let parts = |all: u32, tile: u32| NonZeroU32::new(all.div_ceil(tile)).unwrap_or(NonZeroU32::MIN);
    let (parts_along, parts_across) = (parts(along, tile_along), parts(across, tile_across));
    let (rows, columns) = if vertical { (parts_along, parts_across) } else { (parts_across, parts_along) };

    let mut out = vec![0; to.0 as usize * to.1 as usize * 4];
    let source = TypedImageRef::<U8x4>::from_buffer(from.0, from.1, pixels).expect("pixels fit their size");
    let mut target = TypedImage::<U8x4>::from_buffer(to.0, to.1, &mut out).expect("allocated to this size");
    let whole = |length: u32| NonZeroU32::new(length).expect("a side of at least one pixel");
    let mut bands = target.split_by_height_mut(0, whole(to.1), rows).expect("no more parts than rows");
    let mut tiles = Vec::new();
    let mut top = 0;
    for band in &mut bands {
        let (mut left, band_top) = (0, top);
        top += band.height();
        for tile in band.split_by_width_mut(0, whole(to.0), columns).expect("no more parts than columns") {
            let tile_left = left;
            left += tile.width();
            tiles.push((tile_left, band_top, tile));
        }
    }
    let scale = (f64::from(from.0) / f64::from(to.0), f64::from(from.1) / f64::from(to.1));
    // Where a stretch of the target lies in the source; rounding must not carry it over the edge.
    let stretch = |start: u32, length: u32, scale: f64, end: u32| {
        let first = f64::from(start) * scale;
        (first, (f64::from(length) * scale).min(f64::from(end) - first))
    };
    tiles.into_par_iter().try_for_each(|(left, top, mut tile)| {
        job.check()?;
        let (x, width) = stretch(left, tile.width(), scale.0, from.0);
        let (y, height) = stretch(top, tile.height(), scale.1, from.1);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false).crop(x, y, width, height);
        Resizer::new().resize_typed(&source, &mut tile, &options).expect("the stretch lies inside of the source");
        job.advance(u64::from(tile.width()) * u64::from(tile.height()) * taps);
        Ok(())
    })?;
    drop(bands);
    Ok(out)
}

/// Whether every pixel's alpha is 255. Stops at the first block where one is not.
pub(super) fn is_opaque(pixels: &[u8], job: &Job) -> Result<bool, Cancelled> {
    let opaque = pixels.par_chunks(BLOCK).all(|block| {
        // Whole pixels are and-ed, not alphas: that is what compilers turn into wide registers.
        let all = block.as_chunks().0.iter().fold(u32::MAX, |all, &pixel| all & u32::from_ne_bytes(pixel));
        job.check().is_ok() && all.to_ne_bytes()[3] == 255
    });
    job.check()?;
    Ok(opaque)
}

/// Scales colours by their alpha.
pub(super) fn premultiply(pixels: &mut [u8], job: &Job) -> Result<(), Cancelled> {
    pixels.par_chunks_mut(BLOCK).try_for_each(|block| {
        job.check()?;
        let length = (block.len() / 4) as u32;
        let mut row = TypedImage::<U8x4>::from_buffer(length, 1, block).expect("a row of this length");
        MulDiv::new().multiply_alpha_inplace_typed(&mut row).expect("U8x4 has an alpha");
        Ok(())
    })
}

/// Undoes [`premultiply`], rounding to nearest; a pixel that nothing covers has no colour.
///
/// Not the crate's own: its simd128 variant goes through floats, where compilers have differed
/// (rust-lang/rust#157456), and every artifact must give the same bytes.
fn unmultiply(pixels: &mut [u8], job: &Job) -> Result<(), Cancelled> {
    /// 255 / alpha in 16.16 fixed point.
    const RECIPROCALS: [u32; 256] = {
        let mut table = [0; 256];
        let mut alpha = 1;
        while alpha < 256 {
            table[alpha] = ((255 << 16) + alpha as u32 / 2) / alpha as u32;
            alpha += 1;
        }
        table
    };
    pixels.par_chunks_mut(BLOCK).try_for_each(|block| {
        job.check()?;
        for [r, g, b, alpha] in block.as_chunks_mut().0 {
            let reciprocal = RECIPROCALS[usize::from(*alpha)];
            for colour in [r, g, b] {
                // A filter with negative weights may leave a colour above its alpha. At most 255 × (255 << 16): fits u32.
                *colour = ((u32::from(*colour) * reciprocal + (1 << 15)) >> 16).min(255) as u8;
            }
        }
        Ok(())
    })
}
