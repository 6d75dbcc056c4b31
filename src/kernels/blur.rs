//! The arithmetic of blurs along one axis, in 16-bit fixed point: what `image_blur.rs` does to each line of a tile.
//!
//! A line holds premultiplied RGBA, [`PIXEL_BITS`] binary places to each channel. Blurring along a row and along a column is the
//! same: a sum of lines, which for a row are one line shifted by whole pixels. All of it is exact but for one rounding an
//! axis, so neither the order of tiles nor the instruction set (`lanes.rs`) shows in the result.

use super::lanes::Lanes;
use libm::exp;

/// Binary places of a channel: the sum of two still fits 16 bits.
pub(super) const PIXEL_BITS: u32 = 6;
/// Binary places of a weight.
pub(super) const WEIGHT_BITS: u32 = 14;
/// A channel of 255.
pub(super) const FULL: i16 = 255 << PIXEL_BITS;
/// Lines are as long as a multiple of this: four pixels.
pub(super) const GROUP: usize = 16;

/// The weights of a Gaussian, in fixed point; with those of the other side they sum up to exactly 1.
pub(super) struct Gaussian {
    /// By distance from the centre: 0, 1, … [`radius`](Self::radius).
    weights: Vec<i16>,
}

impl Gaussian {
    /// Cut off at 3 `sigma`, rounded up.
    pub(super) fn new(sigma: f64) -> Self {
        let radius = Self::radius_of(sigma);
        let weight = |at: u32| exp(-f64::from(at) * f64::from(at) / (2.0 * sigma * sigma));
        let side: Vec<f64> = (1..=radius).map(weight).collect();
        let unit = f64::from(1 << WEIGHT_BITS) / (1.0 + 2.0 * side.iter().sum::<f64>());
        // Sums from the outside are rounded, not weights: of a wide Gaussian each is a few units, and errors would add up.
        let mut weights = vec![0; radius as usize + 1];
        let (mut exact, mut rounded) = (0.0, 0);
        for (place, weight) in weights[1..].iter_mut().zip(&side).rev() {
            exact += weight * unit;
            *place = (exact + 0.5) as i16 - rounded;
            rounded += *place;
        }
        weights[0] = (1 << WEIGHT_BITS) - 2 * rounded;
        Self { weights }
    }

    /// The greatest distance that has a weight.
    pub(super) fn radius_of(sigma: f64) -> u32 {
        (3.0 * sigma).ceil() as u32
    }

    /// The greatest distance that has a weight.
    pub(super) fn radius(&self) -> usize {
        self.weights.len() - 1
    }

    /// Into `out` the weighted sum of lines. `line` gives the one at a distance, which is as long as `out` or longer; `out` is as
    /// long as a multiple of [`GROUP`].
    pub(super) fn weigh<'a, L: Lanes>(&self, out: &mut [i16], mut line: impl FnMut(isize) -> &'a [i16]) {
        let length = out.len();
        let mut line = |distance: isize| {
            let line = line(distance);
            assert!(line.len() >= length, "a line of {} for one of {length}", line.len());
            line
        };
        let centre = line(0);
        // Lines as far to either side have one weight, so they are added before they are multiplied; two such sums are
        // multiplied at once. What is missing of the last two counts nothing.
        let sides: Vec<([&[i16]; 4], L::Shorts)> = (1..=self.radius())
            .step_by(2)
            .map(|at| {
                let last = self.weights.get(at + 1).copied();
                let [near, far] = [at as isize, if last.is_some() { at as isize + 1 } else { at as isize }];
                ([line(near), line(-near), line(far), line(-far)], L::pairs(self.weights[at], last.unwrap_or(0)))
            })
            .collect();
        let own = L::pairs(self.weights[0], 0);
        let (none, half) = (L::pairs(0, 0), L::splat(1 << (WEIGHT_BITS - 1)));
        let (groups, rest) = out.as_chunks_mut::<GROUP>();
        assert!(rest.is_empty(), "whole groups");
        for (number, group) in groups.iter_mut().enumerate() {
            // Two registers at a time: the lines' addresses are read once for both.
            let mut sums = [[half; 2]; 2];
            let starts = [number * GROUP, number * GROUP + 8];
            for (sums, at) in sums.iter_mut().zip(starts) {
                let centre = L::load(eight(centre, at, length));
                sums[0] = L::add_words(sums[0], L::dot(L::interleave_low(centre, none), own));
                sums[1] = L::add_words(sums[1], L::dot(L::interleave_high(centre, none), own));
            }
            for ([a, b, c, d], weights) in &sides {
                for (sums, at) in sums.iter_mut().zip(starts) {
                    let near = L::add(L::load(eight(a, at, length)), L::load(eight(b, at, length)));
                    let far = L::add(L::load(eight(c, at, length)), L::load(eight(d, at, length)));
                    sums[0] = L::add_words(sums[0], L::dot(L::interleave_low(near, far), *weights));
                    sums[1] = L::add_words(sums[1], L::dot(L::interleave_high(near, far), *weights));
                }
            }
            for (sums, out) in sums.iter().zip(group.as_chunks_mut().0) {
                L::store(L::narrow_weighted(sums[0], sums[1]), out);
            }
        }
    }
}

/// Eight numbers of a line of at least `length`, from `at` on.
#[inline(always)]
fn eight(line: &[i16], at: usize, length: usize) -> &[i16; 8] {
    debug_assert!(at + 8 <= length && length <= line.len());
    // SAFETY: `weigh` has asserted that each line is as long as `out`, whose groups `at` walks through, and an array of `i16` is
    // aligned as one is.
    unsafe { &*line.as_ptr().add(at).cast() }
}

/// Means of a window of `2 × radius + 1`, rounded to nearest.
pub(super) struct Window {
    radius: usize,
    factor: f32,
}

impl Window {
    pub(super) fn new(radius: u32) -> Self {
        Self { radius: radius as usize, factor: 1.0 / (2 * radius + 1) as f32 }
    }

    pub(super) fn radius(&self) -> usize {
        self.radius
    }

    /// Blurs along a row: `line` reaches `radius` pixels further than `out`, to both sides.
    pub(super) fn along<L: Lanes>(&self, out: &mut [i16], line: &[i16]) {
        let (pixels, entering) = (line.as_chunks::<8>().0, line[self.radius * 8..].as_chunks::<8>().0);
        // Two pixels of four channels to a register; `sum` is one pixel's. A window without its last pixel is an even number.
        let mut sum = pixels[..self.radius]
            .iter()
            .fold(L::splat(0), |sum, pair| L::widen(L::load(pair)).into_iter().fold(sum, L::add_words));
        for ((out, leaving), entering) in out.as_chunks_mut::<8>().0.iter_mut().zip(pixels).zip(entering) {
            let (leaving, entering) = (L::widen(L::load(leaving)), L::widen(L::load(entering)));
            let means = [0, 1].map(|i| {
                let whole = L::add_words(sum, entering[i]);
                sum = L::sub_words(whole, leaving[i]);
                L::scale(whole, self.factor)
            });
            L::store(L::narrow(means[0], means[1]), out);
        }
    }

    /// Blurs along columns, a row at a time: `sums` of the window's rows but for `entering`, which comes last, and without
    /// `leaving`, the first of them, afterwards.
    pub(super) fn down<L: Lanes>(&self, out: &mut [i16], sums: &mut [i32], leaving: &[i16], entering: &[i16]) {
        let lines = leaving.as_chunks::<8>().0.iter().zip(entering.as_chunks::<8>().0);
        for ((out, sums), (leaving, entering)) in
            out.as_chunks_mut::<8>().0.iter_mut().zip(sums.as_chunks_mut::<8>().0).zip(lines)
        {
            let (sums, _) = sums.as_chunks_mut::<4>();
            let (leaving, entering) = (L::widen(L::load(leaving)), L::widen(L::load(entering)));
            let means = [0, 1].map(|i| {
                let sum = L::add_words(L::load_words(&sums[i]), entering[i]);
                L::store_words(L::sub_words(sum, leaving[i]), &mut sums[i]);
                L::scale(sum, self.factor)
            });
            L::store(L::narrow(means[0], means[1]), out);
        }
    }

    /// Adds a row to the sums of columns.
    pub(super) fn enter<L: Lanes>(&self, sums: &mut [i32], entering: &[i16]) {
        for (sums, entering) in sums.as_chunks_mut::<8>().0.iter_mut().zip(entering.as_chunks::<8>().0) {
            for (sums, entering) in sums.as_chunks_mut::<4>().0.iter_mut().zip(L::widen(L::load(entering))) {
                L::store_words(L::add_words(L::load_words(sums), entering), sums);
            }
        }
    }
}

/// Pixels as a line; whether all of them are opaque.
pub(super) fn expand<L: Lanes>(line: &mut [i16], pixels: &[u8]) -> bool {
    let (groups, rest) = pixels.as_chunks::<16>();
    let (wide, line_rest) = line.as_chunks_mut::<16>();
    let mut all = u32::MAX;
    for (wide, bytes) in wide.iter_mut().zip(groups) {
        for (out, half) in wide.as_chunks_mut().0.iter_mut().zip(L::widen_bytes(bytes)) {
            L::store(half, out);
        }
        all = bytes.as_chunks().0.iter().fold(all, |all, &pixel| all & u32::from_ne_bytes(pixel));
    }
    let line_rest = wide.get_mut(groups.len()).map_or(line_rest, |group| &mut group[..]);
    for (channel, &byte) in line_rest.iter_mut().zip(rest) {
        *channel = i16::from(byte) << PIXEL_BITS;
    }
    all = rest.as_chunks().0.iter().fold(all, |all, &pixel| all & u32::from_ne_bytes(pixel));
    let opaque = all.to_ne_bytes()[3] == 255;
    if !opaque {
        for ([r, g, b, _], &[cr, cg, cb, alpha]) in line.as_chunks_mut().0.iter_mut().zip(pixels.as_chunks().0) {
            for (channel, colour) in [(r, cr), (g, cg), (b, cb)] {
                *channel = ((((u32::from(colour) * u32::from(alpha)) << PIXEL_BITS) + 127) / 255) as i16;
            }
        }
    }
    opaque
}

/// A line as pixels, rounded; `opaque` says that all are. A pixel of alpha 0 comes out as 0, 0, 0, 0.
pub(super) fn contract<L: Lanes>(pixels: &mut [u8], line: &[i16], opaque: bool) {
    let (groups, rest) = pixels.as_chunks_mut::<16>();
    let (wide, _) = line.as_chunks::<16>();
    for (bytes, wide) in groups.iter_mut().zip(wide) {
        let halves = wide.as_chunks().0;
        L::narrow_bytes(L::load(&halves[0]), L::load(&halves[1]), bytes);
    }
    if let Some(wide) = wide.get(groups.len()) {
        let (halves, mut bytes) = (wide.as_chunks().0, [0; 16]);
        L::narrow_bytes(L::load(&halves[0]), L::load(&halves[1]), &mut bytes);
        rest.copy_from_slice(&bytes[..rest.len()]);
    }
    if opaque {
        return;
    }
    for (pixel, &[r, g, b, alpha]) in pixels.as_chunks_mut().0.iter_mut().zip(line.as_chunks().0) {
        if pixel[3] == 0 {
            *pixel = [0; 4];
        } else if alpha != FULL {
            let alpha = alpha as u32;
            for (out, colour) in pixel.iter_mut().zip([r, g, b]) {
                // A colour may be a rounding above its alpha.
                *out = ((colour as u32 * 255 + alpha / 2) / alpha).min(255) as u8;
            }
        }
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernels::lanes::{Best, plain::Plain};
    use proptest::prelude::*;

    #[test]
    fn a_gaussian_sums_up_to_one_and_falls() {
        for sigma in [0.01, 0.3, 0.5, 1.0, 2.0, 7.3, 40.0, 250.0] {
            let Gaussian { weights } = Gaussian::new(sigma);
            let sum: i32 =
                weights.iter().skip(1).map(|&weight| 2 * i32::from(weight)).sum::<i32>() + i32::from(weights[0]);
            assert_eq!(sum, 1 << WEIGHT_BITS, "{sigma}");
            assert!(weights.windows(2).all(|pair| pair[0] + 1 >= pair[1] && pair[1] >= 0), "{sigma}: {weights:?}");
        }
        assert_eq!(Gaussian::new(1.0).weights, [6538, 3966, 884, 73]);
    }

    proptest! {
        #[test]
        fn without_simd_every_step_gives_the_same(
            seed in prop::collection::vec(0..=FULL, 400), bytes in prop::collection::vec(any::<u8>(), 80),
            radius in 0..12_u32, pixels in 1..20_usize,
        ) {
            let line: Vec<i16> = seed.iter().cycle().take(4096).copied().collect();
            let sigma = f64::from(radius) / 3.0;
            let gaussian = Gaussian::new(sigma.max(0.001));
            let run = |weigh: &dyn Fn(&mut [i16])| { let mut out = vec![0; 64]; weigh(&mut out); out };
            let at = |distance: isize| &line[(512 + 4 * distance) as usize..];
            prop_assert_eq!(run(&|out| gaussian.weigh::<Best>(out, at)), run(&|out| gaussian.weigh::<Plain>(out, at)));

            let window = Window::new(radius);
            prop_assert_eq!(run(&|out| window.along::<Best>(out, &line)), run(&|out| window.along::<Plain>(out, &line)));
            let down = |plain: bool| {
                let (mut out, mut sums) = (vec![0; 64], vec![7; 64]);
                let (leaving, entering) = (&line[..64], &line[64..128]);
                if plain {
                    window.enter::<Plain>(&mut sums, leaving);
                    window.down::<Plain>(&mut out, &mut sums, leaving, entering);
                } else {
                    window.enter::<Best>(&mut sums, leaving);
                    window.down::<Best>(&mut out, &mut sums, leaving, entering);
                }
                (out, sums)
            };
            prop_assert_eq!(down(false), down(true));

            let bytes = &bytes[..pixels * 4];
            let mut lines = [vec![0; 80], vec![0; 80]];
            let opaque = [expand::<Best>(&mut lines[0], bytes), expand::<Plain>(&mut lines[1], bytes)];
            prop_assert_eq!(&lines[0], &lines[1]);
            prop_assert_eq!(opaque, [bytes.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255); 2]);
            let mut out = [vec![0; pixels * 4], vec![0; pixels * 4]];
            contract::<Best>(&mut out[0], &lines[0], opaque[0]);
            contract::<Plain>(&mut out[1], &lines[0], false);
            prop_assert_eq!(&out[0], &out[1]);
            // There and back: what can be seen stays to within what its alpha can tell.
            for (new, old) in out[0].as_chunks::<4>().0.iter().zip(bytes.as_chunks::<4>().0) {
                prop_assert_eq!(new[3], old[3]);
                let most = 255_u32.div_ceil(2 * 64 * u32::from(old[3]).max(1)) as u8;
                prop_assert!(old[3] == 0 || (0..3).all(|i| new[i].abs_diff(old[i]) <= most), "{new:?} {old:?}");
            }
        }
    }
}
