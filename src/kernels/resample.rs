//! One step of a resize along one axis, on any machine: filters, and their application to a tile.
//!
//! With the feature `simd` `fast_image_resize` does the arithmetic. Its code for wasm is SIMD whatever the target's features are, so the
//! `baseline` artifact, which must load where there is no SIMD, does without it and applies the same weights, in the same fixed
//! point, here. The tests compare the two bit by bit.

use fast_image_resize::images::TypedImageRef;
use fast_image_resize::pixels::U8x4;
use fast_image_resize::{ImageView, ImageViewMut};
use std::f64::consts::PI;

/// A filter: the weight of a source pixel by its distance from the new pixel's centre, in pixels of the larger grid.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    /// The weight; they are scaled to a sum of 1 afterwards.
    pub weight: fn(f64) -> f64,
    /// Beyond this distance the weight is 0.
    pub radius: f64,
}

/// The mean of what is covered.
pub(super) const BOX: Filter = Filter { weight: |x| if x > -0.5 && x <= 0.5 { 1.0 } else { 0.0 }, radius: 0.5 };
/// Linear interpolation.
pub(super) const BILINEAR: Filter = Filter { weight: |x| (1.0 - x.abs()).max(0.0), radius: 1.0 };
/// A sinc in Hamming's window (0.54, 0.46).
pub(super) const HAMMING: Filter =
    Filter { weight: |x| if x.abs() < 1.0 { sinc(x) * (0.54 + 0.46 * (PI * x).cos()) } else { 0.0 }, radius: 1.0 };
/// E. Catmull and R. Rom, 1974: the cubic with B = 0, C = ½.
pub(super) const CATMULL_ROM: Filter = Filter { weight: |x| cubic(x, 0.0, 0.5), radius: 2.0 };
/// D. Mitchell and A. Netravali, SIGGRAPH 1988: the cubic with B = C = ⅓.
pub(super) const MITCHELL: Filter = Filter { weight: |x| cubic(x, 1.0 / 3.0, 1.0 / 3.0), radius: 2.0 };
/// A Gaussian of standard deviation ½, cut at 3.
pub(super) const GAUSSIAN: Filter =
    Filter { weight: |x| if x.abs() < 3.0 { (-2.0 * x * x).exp() } else { 0.0 }, radius: 3.0 };
/// A sinc in the window of a wider sinc (C. Lanczos; K. Turkowski, Graphics Gems, 1990).
pub(super) const LANCZOS3: Filter =
    Filter { weight: |x| if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }, radius: 3.0 };

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The family of cubics of Mitchell and Netravali.
fn cubic(x: f64, b: f64, c: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((12.0 - 9.0 * b - 6.0 * c) * x * x * x + (-18.0 + 12.0 * b + 6.0 * c) * x * x + (6.0 - 2.0 * b)) / 6.0
    } else if x < 2.0 {
        ((-b - 6.0 * c) * x * x * x + (6.0 * b + 30.0 * c) * x * x + (-12.0 * b - 48.0 * c) * x + (8.0 * b + 24.0 * c))
            / 6.0
    } else {
        0.0
    }
}

/// Where a tile's stretch of the source begins, and how long it is, along both axes. Along one of them it is as long as the tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// Left edge, in source pixels.
    pub x: f64,
    /// Upper edge, in source pixels.
    pub y: f64,
    /// Width, in source pixels.
    pub width: f64,
    /// Height, in source pixels.
    pub height: f64,
}

/// Some rows of a picture, under their numbers in the whole of it: weights are computed from those, so a tile comes out the
/// same, to the bit, wherever its rows are at hand.
pub(super) struct Band<'a> {
    rows: TypedImageRef<'a, U8x4>,
    first: u32,
    height: u32,
}

impl<'a> Band<'a> {
    /// The rows from `first` on of a picture of `height` rows.
    ///
    /// # Panics
    /// When `pixels` is no whole number of rows.
    pub(super) fn new(pixels: &'a [u8], width: u32, first: u32, height: u32) -> Self {
        let rows = (pixels.len() / 4 / width as usize) as u32;
        Self { rows: TypedImageRef::from_buffer(width, rows, pixels).expect("whole rows"), first, height }
    }
}

// SAFETY: the rows are those of a `TypedImageRef` of the same width.
unsafe impl ImageView for Band<'_> {
    type Pixel = U8x4;

    fn width(&self) -> u32 {
        self.rows.width()
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn iter_rows(&self, start: u32) -> impl Iterator<Item = &[U8x4]> {
        let start = start.checked_sub(self.first).expect("a row that is at hand");
        self.rows.iter_rows(start)
    }
}

/// Fills a tile.
#[cfg(feature = "simd")]
pub(super) fn fill_tile(
    source: &impl ImageView<Pixel = U8x4>,
    tile: &mut impl ImageViewMut<Pixel = U8x4>,
    filter: Filter,
    Stretch { x, y, width, height }: Stretch,
) {
    use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
    let custom = fast_image_resize::Filter::new("", filter.weight, filter.radius).expect("a radius above 0");
    let algorithm = ResizeAlg::Convolution(FilterType::Custom(custom));
    let options = ResizeOptions::new().resize_alg(algorithm).use_alpha(false).crop(x, y, width, height);
    Resizer::new().resize_typed(source, tile, &options).expect("the stretch lies inside of the source");
}

#[cfg(not(feature = "simd"))]
pub(super) use scalar::fill_tile;

/// Scales the colours of pixels by their alpha.
#[cfg(feature = "simd")]
pub(super) fn premultiply(pixels: &mut [u8]) {
    use fast_image_resize::{MulDiv, images::TypedImage};
    let length = (pixels.len() / 4) as u32;
    let mut row = TypedImage::<U8x4>::from_buffer(length, 1, pixels).expect("a row of this length");
    MulDiv::new().multiply_alpha_inplace_typed(&mut row).expect("U8x4 has an alpha");
}

#[cfg(not(feature = "simd"))]
pub(super) use scalar::premultiply;

/// The same without SIMD.
#[cfg(any(test, not(feature = "simd")))]
mod scalar {
    use super::*;

    /// Fills a tile.
    pub(in super::super) fn fill_tile(
        source: &impl ImageView<Pixel = U8x4>,
        tile: &mut impl ImageViewMut<Pixel = U8x4>,
        filter: Filter,
        Stretch { x, y, width, height }: Stretch,
    ) {
        if f64::from(tile.width()) != width {
            let weights = weights(filter, source.width(), x, x + width, tile.width());
            for (target, row) in tile.iter_rows_mut(0).zip(source.iter_rows(y as u32)) {
                for (pixel, taps) in target.iter_mut().zip(&weights.taps) {
                    pixel.0 = mix(taps.weights.iter().zip(&row[taps.first..]), weights.bits);
                }
            }
        } else {
            let weights = weights(filter, source.height(), y, y + height, tile.height());
            for (target, taps) in tile.iter_rows_mut(0).zip(&weights.taps) {
                let rows: Vec<&[U8x4]> = source.iter_rows(taps.first as u32).take(taps.weights.len()).collect();
                for (pixel, column) in target.iter_mut().zip(x as usize..) {
                    pixel.0 = mix(taps.weights.iter().zip(rows.iter().map(|row| &row[column])), weights.bits);
                }
            }
        }
    }

    /// Scales the colours of pixels by their alpha, rounded to nearest.
    pub(in super::super) fn premultiply(pixels: &mut [u8]) {
        for [r, g, b, alpha] in pixels.as_chunks_mut().0 {
            for colour in [r, g, b] {
                let product = u32::from(*colour) * u32::from(*alpha) + 128;
                *colour = ((product + (product >> 8)) >> 8) as u8;
            }
        }
    }

    /// The weights of all new pixels along an axis, in fixed point.
    struct Weights {
        taps: Vec<Taps>,
        /// Binary places.
        bits: u32,
    }

    /// The source pixels that make up a new one.
    struct Taps {
        first: usize,
        weights: Vec<i16>,
    }

    /// Weights are 16-bit numbers, and a sum of them times bytes, overshoot included, must fit 32 bits.
    const MOST_BITS: u32 = 32 - 8 - 2 - 1;

    fn weights(filter: Filter, length: u32, start: f64, end: f64, count: u32) -> Weights {
        let scale = (end - start) / f64::from(count);
        let widened = scale.max(1.0);
        let radius = filter.radius * widened;
        let exact: Vec<(usize, Vec<f64>)> = (0..count)
            .map(|index| {
                let centre = start + (f64::from(index) + 0.5) * scale;
                let first = (centre - radius).floor().max(0.0) as u32;
                let last = (centre + radius).ceil().min(f64::from(length)) as u32;
                let weight = |at: u32| (filter.weight)((f64::from(at) - (centre - 0.5)) * (1.0 / widened));
                let mut weights: Vec<f64> = (first..last).map(weight).collect();
                let sum: f64 = weights.iter().sum();
                if sum != 0.0 {
                    weights.iter_mut().for_each(|weight| *weight /= sum);
                }
                (first as usize, weights)
            })
            .collect();
        let greatest = exact.iter().flat_map(|(_, weights)| weights).copied().fold(0.0, f64::max);
        let fits = |bits: u32| (greatest * f64::from(1_u32 << bits)).round() < f64::from(1 << 15);
        let bits = (0..MOST_BITS).find(|&bits| !fits(bits + 1)).unwrap_or(MOST_BITS);
        let fixed = |weight: &f64| (weight * f64::from(1_u32 << bits)).round() as i16;
        let taps =
            exact.iter().map(|(first, weights)| Taps { first: *first, weights: weights.iter().map(fixed).collect() });
        Weights { taps: taps.collect(), bits }
    }

    /// The weighted sum of pixels, rounded and kept within bytes.
    fn mix<'a>(weighted: impl Iterator<Item = (&'a i16, &'a U8x4)>, bits: u32) -> [u8; 4] {
        let mut sums = [1_i32 << (bits - 1); 4];
        for (&weight, pixel) in weighted {
            for (sum, &value) in sums.iter_mut().zip(&pixel.0) {
                *sum += i32::from(value) * i32::from(weight);
            }
        }
        sums.map(|sum| (sum >> bits).clamp(0, 255) as u8)
    }
}

#[cfg(all(test, feature = "simd"))]
mod tests {
    use super::*;
    use fast_image_resize::images::TypedImage;

    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 0x2545_F491_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            // Extremes make filters overshoot.
            match state >> 29 {
                0 => 0,
                1 => 255,
                _ => (state >> 8) as u8,
            }
        };
        (0..bytes).map(|_| next()).collect()
    }

    #[test]
    fn without_simd_every_filter_gives_the_same_bytes() {
        let (width, height) = (97_u32, 61_u32);
        let pixels = noise((width * height * 4) as usize);
        let source = TypedImageRef::<U8x4>::from_buffer(width, height, &pixels).unwrap();
        for filter in [BOX, BILINEAR, HAMMING, CATMULL_ROM, MITCHELL, GAUSSIAN, LANCZOS3] {
            for to in [1, 2, 7, 40, 60, 62, 96, 98, 131, 500] {
                for vertical in [false, true] {
                    let size = if vertical { (width, to) } else { (to, height) };
                    let stretch = Stretch { x: 0.0, y: 0.0, width: f64::from(width), height: f64::from(height) };
                    if size == (width, height) {
                        continue;
                    }
                    let [fast, plain] = [true, false].map(|fast| {
                        let mut tile = TypedImage::<U8x4>::new(size.0, size.1);
                        if fast {
                            fill_tile(&source, &mut tile, filter, stretch);
                        } else {
                            scalar::fill_tile(&source, &mut tile, filter, stretch);
                        }
                        tile.pixels().to_vec()
                    });
                    assert!(fast == plain, "radius {}, {width}×{height} to {size:?}", filter.radius);
                }
            }
        }
    }

    #[test]
    fn without_simd_a_tile_in_the_middle_is_the_same_too() {
        let (width, height) = (200_u32, 90_u32);
        let pixels = noise((width * height * 4) as usize);
        let source = TypedImageRef::<U8x4>::from_buffer(width, height, &pixels).unwrap();
        let scale = f64::from(width) / 73.0;
        let stretch = Stretch { x: 20.0 * scale, y: 30.0, width: 31.0 * scale, height: 17.0 };
        let mut tiles = [TypedImage::<U8x4>::new(31, 17), TypedImage::<U8x4>::new(31, 17)];
        fill_tile(&source, &mut tiles[0], LANCZOS3, stretch);
        scalar::fill_tile(&source, &mut tiles[1], LANCZOS3, stretch);
        assert!(tiles[0].pixels() == tiles[1].pixels());
    }

    #[test]
    fn without_simd_colours_are_scaled_by_alpha_the_same() {
        let all: Vec<u8> =
            (0..=255_u8).flat_map(|alpha| (0..=255_u8).flat_map(move |c| [c, 255 - c, c / 2, alpha])).collect();
        let (mut fast, mut plain) = (all.clone(), all);
        premultiply(&mut fast);
        scalar::premultiply(&mut plain);
        assert!(fast == plain);
    }
}
