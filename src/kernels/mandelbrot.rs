//! Escape-time counts of the Mandelbrot set.
//!
//! Eight pixels (four columns of two rows) go through the iteration together, in pairs of f64 lanes. Most of the time they
//! run *blocks* of iterations that test nothing: whether a pixel escaped is looked at once at the end, and a block in which one
//! did is done again with a test at each step. That is exact, because an orbit that has left the disc of radius 2 does not come
//! back (see [`ESCAPE_IS_FINAL_BELOW`]). A pixel whose orbit comes back to the very bits of an earlier point repeats itself for
//! ever, so its count is `maxIterations`, exactly too (Brent's cycle detection: R. P. Brent, BIT 20, 1980).
//!
//! All this is for pixels that f64 tells apart. Those of deeper pictures are counted by [`Perturbation`].

use super::decimal::Decimal;
use super::perturbation::Perturbation;
use crate::image::{Rows, size};
use crate::shard::{self, Sharding};
use crate::{Array, Cancelled, Job, Kernel, KernelError, Shardable};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use wide::f64x2;

/// Escape-time counts of the Mandelbrot set.
///
/// ```
/// use loomwork::{Job, kernel, kernels::{Mandelbrot, MandelbrotParams}};
/// // A small copy of the set, some 1e-31 wide.
/// let params = MandelbrotParams {
///     width: 8,
///     height: 6,
///     center_x: "-0.776610592599701758140357569190843768673".into(),
///     center_y: "0.134608961675028200069809650880503159321".into(),
///     span: "1e-29".into(),
///     max_iterations: 5000,
///     rows: None,
/// };
/// let output = kernel::run::<Mandelbrot>(params, &Job::detached())?;
/// assert_eq!(output.counts.shape(), Some(&[6, 8][..]));
/// # Ok::<(), loomwork::KernelError>(())
/// ```
pub struct Mandelbrot;

/// What to render: pixel centres at `center + (i + 0.5 − size/2) × span/width`, row 0 at the smallest imaginary part.
///
/// Numbers alone are computed with as they are, in f64: pixels closer than some 1e-16 then share their coordinates. Deeper pictures need
/// places of more digits than f64 has, which are given as text, in any of `centerX`, `centerY` and `span`, as
/// `"-0.74364388703715870475219150611477"` and `"1e-60"`. With text among them, and pixels that are closer than 2⁻⁴⁸ (3.6e-15), the counts
/// come from perturbation theory: the orbit of the middle is computed in as many digits as the span asks for, and each pixel by its
/// distance from that. The orbit is computed first, by one thread (in each shard), and takes 16 bytes of memory an iteration. Spans
/// go down to 1e-5000.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MandelbrotParams {
    /// Pixels in a row, 1 to 65535.
    #[schemars(example = 1600)]
    pub width: u32,
    /// Rows, 1 to 65535.
    #[schemars(example = 1200)]
    pub height: u32,
    /// Real part of the middle of the picture. As text it may have up to 5000 digits after the point.
    #[schemars(example = -0.5)]
    pub center_x: Decimal,
    /// Imaginary part of the middle of the picture, likewise.
    #[schemars(example = 0)]
    pub center_y: Decimal,
    /// Width of the picture in the complex plane, above 0, likewise: as text from 1e-5000.
    #[schemars(example = 3)]
    pub span: Decimal,
    /// Where counting stops, 1 or more.
    #[schemars(example = 1000)]
    pub max_iterations: u32,
    /// The rows to render: a band of the picture, all of it unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
}

/// The counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MandelbrotOutput {
    /// Iterations of `z ← z² + c` after which |z|² ≤ 4 still held, row by row: `[height, width]`, or `[rows.count, width]`.
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

/// Pixels in a row of a tile: 64 × 16 keeps every thread busy to the end, and a page draws one in well under a millisecond.
const TILE_WIDTH: usize = 64;
/// Rows of a tile.
const TILE_HEIGHT: usize = 16;

impl Kernel for Mandelbrot {
    const NAME: &'static str = "mandelbrot";
    const ABOUT: &'static str = "Escape-time counts of the Mandelbrot set.";
    type Params = MandelbrotParams;
    type Output = MandelbrotOutput;
    type Part = MandelbrotPart;

    fn validate(p: &MandelbrotParams) -> Result<(), KernelError> {
        size(p.width, p.height)?;
        for (field, value) in [("centerX", &p.center_x), ("centerY", &p.center_y), ("span", &p.span)] {
            value.validate(field)?;
        }
        if !p.span.is_positive() {
            return Err(KernelError::bad_params("span", format!("must be a finite number above 0, got {}", p.span)));
        }
        if p.max_iterations == 0 {
            return Err(KernelError::bad_params("maxIterations", "must be 1 or more, got 0"));
        }
        p.rows.map_or(Ok(()), |rows| rows.validate("rows", p.height))
    }

    fn run(p: MandelbrotParams, job: &Job<MandelbrotPart>) -> Result<MandelbrotOutput, KernelError> {
        let rows = p.band();
        let (width, height) = (p.width as usize, rows.len());
        let pixels = (width * height) as u64;
        let method = if p.is_deep() {
            // The middle's orbit counts as some of the pixels.
            let orbit = pixels.div_ceil(8);
            job.set_total(orbit + pixels);
            let center = [&p.center_x, &p.center_y];
            let of = |job: &Job| Perturbation::of(center, &p.span, [p.width, p.height], p.max_iterations, job);
            Method::Perturbation(job.stage(orbit, of)?)
        } else {
            job.set_total(pixels);
            Method::Direct(Direct::of(&p))
        };
        let mut counts = Vec::new();
        let bytes = width * height * size_of::<u32>();
        job.will_return(bytes);
        counts.try_reserve_exact(width * height).map_err(|_| KernelError::OutOfMemory { bytes: Some(bytes as u64) })?;
        counts.resize(width * height, 0);
        tiles(&mut counts, width, rows.start as usize).into_par_iter().try_for_each(|tile| {
            let (x, y) = (tile.x as u32, tile.y as u32);
            let (tile_width, tile_height) = (tile.rows[0].len(), tile.rows.len());
            let rows = method.render(tile, job)?;
            job.advance((tile_width * tile_height) as u64);
            job.emit(y * p.width + x, || MandelbrotPart {
                x,
                y,
                width: tile_width as u32,
                height: tile_height as u32,
                counts: rows.concat().into(),
            });
            Ok::<(), Cancelled>(())
        })?;
        Ok(MandelbrotOutput { counts: Array::from(counts).with_shape([height, width]) })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

impl MandelbrotParams {
    /// The rows to render.
    fn band(&self) -> Range<u32> {
        self.rows.map_or(0..self.height, Rows::range)
    }

    /// Whether the caller has given more than numbers, and f64 does not tell the pixels apart.
    fn is_deep(&self) -> bool {
        let text = [&self.center_x, &self.center_y, &self.span].into_iter().any(Decimal::is_text);
        text && self.span.nearest() / f64::from(self.width) < LEAST_STEP
    }
}

/// Pixels that are closer are too close for f64, whose numbers around the set's edge and its orbits are up to 2⁻⁵² apart: with 16 of
/// them in a pixel, rounding moves what is seen by a small part of one.
const LEAST_STEP: f64 = 1.0 / (1_u64 << 48) as f64;

/// How pixels are counted.
enum Method {
    Direct(Direct),
    Perturbation(Perturbation),
}

impl Method {
    /// Counts every pixel of a tile; returns its rows.
    fn render<'a, P>(&self, mut tile: Tile<'a>, job: &Job<P>) -> Result<Vec<&'a mut [u32]>, Cancelled> {
        match self {
            Self::Direct(direct) => direct.render(tile, job),
            Self::Perturbation(perturbation) => {
                for (row, counts) in tile.rows.iter_mut().enumerate() {
                    for (column, count) in counts.iter_mut().enumerate() {
                        *count = perturbation.count(tile.x + column, tile.y + row, job)?;
                    }
                }
                Ok(tile.rows)
            }
        }
    }
}

/// Bands of rows, cut where tiles end.
impl Shardable for Mandelbrot {
    /// Width of the picture, and rows in all.
    type Plan = [usize; 2];

    fn split(p: MandelbrotParams, pieces: usize) -> Result<(Vec<MandelbrotParams>, Self::Plan), KernelError> {
        let rows = p.band();
        let tiles = rows.len().div_ceil(TILE_HEIGHT);
        let pieces = pieces.min(tiles);
        let start = |piece: usize| rows.end.min(rows.start + (piece * tiles / pieces * TILE_HEIGHT) as u32);
        let shard = |piece| MandelbrotParams { rows: Some((start(piece)..start(piece + 1)).into()), ..p.clone() };
        Ok(((0..pieces).map(shard).collect(), [p.width as usize, rows.len()]))
    }

    fn merge([width, height]: Self::Plan, outputs: Vec<MandelbrotOutput>) -> Result<MandelbrotOutput, KernelError> {
        let counts = shard::concat(outputs.into_iter().map(|output| output.counts), width * height)?;
        Ok(MandelbrotOutput { counts: Array::from(counts).with_shape([height, width]) })
    }
}

/// A tile of the picture, with its place in the output.
struct Tile<'a> {
    x: usize,
    y: usize,
    rows: Vec<&'a mut [u32]>,
}

/// Cuts the output, whose first row is `top` of the picture, into tiles, row of tiles by row of tiles.
fn tiles(counts: &mut [u32], width: usize, top: usize) -> Vec<Tile<'_>> {
    let mut tiles = Vec::new();
    for (band, rows) in counts.chunks_mut(width * TILE_HEIGHT).enumerate() {
        let mut rows: Vec<_> = rows.chunks_mut(width).map(|row| row.chunks_mut(TILE_WIDTH)).collect();
        for x in (0..width).step_by(TILE_WIDTH) {
            tiles.push(Tile {
                x,
                y: top + band * TILE_HEIGHT,
                rows: rows.iter_mut().filter_map(Iterator::next).collect(),
            });
        }
    }
    tiles
}

/// Columns and rows of the pixels that go together. Two rows of four fill the registers of a 128-bit machine: four pairs
/// of coordinates, their constants and the temporaries.
const COLUMNS: usize = 4;
const ROWS: usize = 2;
const PAIRS: usize = COLUMNS * ROWS / 2;

/// A picture whose pixels f64 tells apart.
struct Direct {
    width: u32,
    height: u32,
    center_x: f64,
    center_y: f64,
    step: f64,
    max: u32,
}

impl Direct {
    fn of(p: &MandelbrotParams) -> Self {
        Self {
            width: p.width,
            height: p.height,
            center_x: p.center_x.nearest(),
            center_y: p.center_y.nearest(),
            step: p.span.nearest() / f64::from(p.width),
            max: p.max_iterations,
        }
    }

    /// Counts every pixel of a tile; returns its rows.
    fn render<'a, P>(&self, mut tile: Tile<'a>, job: &Job<P>) -> Result<Vec<&'a mut [u32]>, Cancelled> {
        let real = |x: usize| self.center_x + ((x as f64 + 0.5) - f64::from(self.width) / 2.0) * self.step;
        let imaginary = |y: usize| self.center_y + ((y as f64 + 0.5) - f64::from(self.height) / 2.0) * self.step;
        let (x0, y0) = (tile.x, tile.y);
        job.check()?;
        for (band, rows) in tile.rows.chunks_mut(ROWS).enumerate() {
            let y = y0 + band * ROWS;
            for column in (0..rows[0].len()).step_by(COLUMNS) {
                // At the edges the group reaches over; the counts of pixels outside are dropped.
                let cr =
                    std::array::from_fn(|i| f64x2::new([real(x0 + column + 2 * i), real(x0 + column + 2 * i + 1)]));
                let ci = std::array::from_fn(|i| f64x2::splat(imaginary(y + i)));
                let group = Group::new(cr, ci).count(self.max, job)?;
                for (row, counts) in rows.iter_mut().zip(group.chunks(COLUMNS)) {
                    let inside = COLUMNS.min(row.len() - column);
                    row[column..column + inside].copy_from_slice(&counts[..inside]);
                }
            }
        }
        Ok(tile.rows)
    }
}

/// Iterations of a block.
const BLOCK: u32 = 8;
/// Blocks between two looks for a cycle, and between two looks at the job.
const BLOCKS_PER_CYCLE_CHECK: u32 = 4;
const BLOCKS_PER_JOB_CHECK: u32 = 512;

/// Below this |c|, and above its mirror image at 2, an orbit outside of radius 2 cannot come back, not even by rounding: from
/// |z| ≥ 2 − δ with δ of some 1e-15 comes |z² + c| ≥ (2 − δ)² − |c| > 2 when |c| < 2 − 1e-12; and for |c| > 2 + 1e-12 the
/// orbit starts outside and |z² + c| ≥ |z|(|z| − |c|/|z|) grows. Pixels in the ring between are tested at each step.
const ESCAPE_IS_FINAL_BELOW: f64 = 2.0 - 1e-12;
const ESCAPE_IS_FINAL_ABOVE: f64 = 2.0 + 1e-12;

/// How far inside of the cardioid or the disc a pixel is, by their equations, when it is not iterated.
const EDGE: f64 = 1e-6;

/// Eight pixels: pair `row * 2 + i` holds columns `2i` and `2i + 1` of a row.
struct Group {
    cr: [f64x2; PAIRS],
    ci: [f64x2; PAIRS],
    zr: [f64x2; PAIRS],
    zi: [f64x2; PAIRS],
    /// Bits of the lanes that have not escaped and are not known to cycle.
    alive: u32,
    counts: [u32; COLUMNS * ROWS],
}

impl Group {
    fn new(cr: [f64x2; COLUMNS / 2], ci: [f64x2; ROWS]) -> Self {
        let zero = [f64x2::splat(0.0); PAIRS];
        Self {
            cr: std::array::from_fn(|pair| cr[pair % (COLUMNS / 2)]),
            ci: std::array::from_fn(|pair| ci[pair / (COLUMNS / 2)]),
            zr: zero,
            zi: zero,
            alive: (1 << (COLUMNS * ROWS)) - 1,
            counts: [0; COLUMNS * ROWS],
        }
    }

    /// The counts of the eight pixels.
    fn count<P>(mut self, max: u32, job: &Job<P>) -> Result<[u32; COLUMNS * ROWS], Cancelled> {
        let mut n = 0;
        let mut blocks = 0_u32;
        self.end(self.in_the_great_parts(), max);
        if self.alive == 0 {
            return Ok(self.counts);
        }
        // Most pixels outside of the set escape within the first steps: no block for those.
        self.tested_steps(&mut n, BLOCK.min(max));
        let blocks_are_exact = self.escape_is_final();
        let (mut seen_r, mut seen_i) = (self.zr, self.zi);
        let mut look_again_at = BLOCKS_PER_CYCLE_CHECK;
        while self.alive != 0 && n < max {
            if !blocks_are_exact || max - n < BLOCK {
                let steps = BLOCK.min(max - n);
                self.tested_steps(&mut n, steps);
            } else {
                let (zr, zi) = untested_block(self.zr, self.zi, &self.cr, &self.ci);
                if (0..PAIRS).map(|i| (zr[i] * zr[i] + zi[i] * zi[i]).simd_le(f64x2::splat(4.0))).all(f64x2::all) {
                    (self.zr, self.zi) = (zr, zi);
                    n += BLOCK;
                } else {
                    self.tested_steps(&mut n, BLOCK);
                }
            }
            blocks += 1;
            if blocks.is_multiple_of(BLOCKS_PER_CYCLE_CHECK) {
                self.end_cycles(&seen_r, &seen_i, max);
                if blocks == look_again_at {
                    (seen_r, seen_i) = (self.zr, self.zi);
                    look_again_at = look_again_at.saturating_mul(2);
                }
                if blocks.is_multiple_of(BLOCKS_PER_JOB_CHECK) {
                    job.check()?;
                }
            }
        }
        self.end(self.alive, max);
        Ok(self.counts)
    }

    /// Bits of the lanes in the cardioid or in the disc to its left: by far the largest parts of the set, whose orbits never escape. Not those
    /// within [`EDGE`] of it: further in, orbits are drawn to their cycle more strongly than rounding can push them.
    fn in_the_great_parts(&self) -> u32 {
        let mut inside = 0;
        for i in 0..PAIRS {
            let (x, y) = (self.cr[i], self.ci[i]);
            let (from_cusp, from_disc, y2) = (x - f64x2::splat(0.25), x + f64x2::splat(1.0), y * y);
            let q = from_cusp * from_cusp + y2;
            let cardioid = (q * (q + from_cusp) - f64x2::splat(0.25) * y2).simd_lt(f64x2::splat(-EDGE));
            let disc = (from_disc * from_disc + y2).simd_lt(f64x2::splat(0.0625 - EDGE));
            inside |= (cardioid | disc).to_bitmask() << (2 * i);
        }
        inside
    }

    /// Whether no lane lies in the ring where rounding might bring an orbit back.
    fn escape_is_final(&self) -> bool {
        (0..PAIRS).all(|i| {
            let square = (self.cr[i] * self.cr[i] + self.ci[i] * self.ci[i]).to_array();
            let ring = ESCAPE_IS_FINAL_BELOW * ESCAPE_IS_FINAL_BELOW..=ESCAPE_IS_FINAL_ABOVE * ESCAPE_IS_FINAL_ABOVE;
            !square.iter().any(|c| ring.contains(c))
        })
    }

    /// Iterations with a test at each; lanes that escape get their count.
    fn tested_steps(&mut self, n: &mut u32, steps: u32) {
        for _ in 0..steps {
            let mut inside = 0;
            for i in 0..PAIRS {
                (self.zr[i], self.zi[i]) = step(self.zr[i], self.zi[i], self.cr[i], self.ci[i]);
                let square = self.zr[i] * self.zr[i] + self.zi[i] * self.zi[i];
                inside |= square.simd_le(f64x2::splat(4.0)).to_bitmask() << (2 * i);
            }
            self.end(self.alive & !inside, *n);
            *n += 1;
            if self.alive == 0 {
                return;
            }
        }
    }

    /// Ends the lanes that are back where they were: their orbit repeats itself.
    fn end_cycles(&mut self, seen_r: &[f64x2; PAIRS], seen_i: &[f64x2; PAIRS], max: u32) {
        let mut back = 0;
        for i in 0..PAIRS {
            let same = self.zr[i].simd_eq(seen_r[i]) & self.zi[i].simd_eq(seen_i[i]);
            back |= same.to_bitmask() << (2 * i);
        }
        self.end(self.alive & back, max);
    }

    /// Gives lanes their count and puts them to rest at 0, where they stay inside and disturb no block.
    fn end(&mut self, lanes: u32, count: u32) {
        if lanes == 0 {
            return;
        }
        self.alive &= !lanes;
        for lane in (0..COLUMNS * ROWS).filter(|lane| lanes >> lane & 1 == 1) {
            self.counts[lane] = count;
            for coordinate in [&mut self.cr, &mut self.ci, &mut self.zr, &mut self.zi] {
                coordinate[lane / 2].as_mut_array()[lane % 2] = 0.0;
            }
        }
    }
}

/// `z² + c`. The order of operations is part of the kernel's promise: every machine and thread count gives the same bits.
#[inline(always)]
fn step(zr: f64x2, zi: f64x2, cr: f64x2, ci: f64x2) -> (f64x2, f64x2) {
    let product = zr * zi;
    (zr * zr - zi * zi + cr, product + product + ci)
}

/// A block of iterations on all lanes.
#[inline(always)]
fn untested_block(
    mut zr: [f64x2; PAIRS],
    mut zi: [f64x2; PAIRS],
    cr: &[f64x2; PAIRS],
    ci: &[f64x2; PAIRS],
) -> ([f64x2; PAIRS], [f64x2; PAIRS]) {
    for _ in 0..BLOCK {
        for i in 0..PAIRS {
            (zr[i], zi[i]) = step(zr[i], zi[i], cr[i], ci[i]);
        }
    }
    (zr, zi)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;
    use std::sync::{Arc, Mutex};

    fn view(
        width: u32,
        height: u32,
        center_x: impl Into<Decimal>,
        center_y: impl Into<Decimal>,
        span: impl Into<Decimal>,
        max_iterations: u32,
    ) -> MandelbrotParams {
        let (center_x, center_y, span) = (center_x.into(), center_y.into(), span.into());
        MandelbrotParams { width, height, center_x, center_y, span, max_iterations, rows: None }
    }

    /// The definition, word for word.
    fn naive(p: &MandelbrotParams) -> Vec<u32> {
        let [x, y, span] = [&p.center_x, &p.center_y, &p.span].map(Decimal::nearest);
        let step = span / f64::from(p.width);
        let mut counts = Vec::new();
        for row in 0..p.height {
            for column in 0..p.width {
                let cr = x + (f64::from(column) + 0.5 - f64::from(p.width) / 2.0) * step;
                let ci = y + (f64::from(row) + 0.5 - f64::from(p.height) / 2.0) * step;
                let (mut zr, mut zi, mut count) = (0.0_f64, 0.0_f64, 0);
                while count < p.max_iterations {
                    (zr, zi) = (zr * zr - zi * zi + cr, 2.0 * zr * zi + ci);
                    let inside = zr * zr + zi * zi <= 4.0;
                    if !inside {
                        break;
                    }
                    count += 1;
                }
                counts.push(count);
            }
        }
        counts
    }

    fn check(p: MandelbrotParams) {
        let expected = naive(&p);
        let output = run::<Mandelbrot>(p.clone(), &Job::detached()).unwrap();
        assert_eq!(output.counts.shape(), Some(&[p.height as usize, p.width as usize][..]));
        assert!(*output.counts == *expected, "{p:?}");
    }

    #[test]
    fn equals_the_definition() {
        check(view(211, 157, -0.6, 0.05, 2.8, 300));
        check(view(64, 48, -0.743643887037151, 0.131825904205330, 5e-5, 5000));
        check(view(65, 17, -0.7436438870371587, 0.1318259042053119, 1e-12, 3000));
        for (width, height) in [(1, 1), (1, 97), (97, 1), (3, 5), (64, 16), (65, 17), (128, 32)] {
            check(view(width, height, -0.5, 0.0, 3.0, 100));
        }
        for max in [1, 2, 7, 8, 9, 15, 16, 17, 33] {
            check(view(37, 29, -0.5, 0.0, 3.0, max));
        }
    }

    #[test]
    fn equals_the_definition_at_the_edges_of_the_great_parts() {
        // The cusp, where cardioid and disc touch, the disc's left end, and the cardioid's top.
        for (x, y) in [(0.25, 0.0), (-0.75, 0.0), (-1.25, 0.0), (-0.125, 0.649_519_052_838_329)] {
            for span in [0.5, 1e-2, 1e-4, 1e-6] {
                check(view(40, 31, x, y, span, 3000));
            }
        }
    }

    #[test]
    fn equals_the_definition_where_rounding_decides() {
        // The tip at −2, where |z|² is 4 for ever, the circle |c| = 2, and orbits that run into infinities.
        check(view(41, 33, -2.0, 0.0, 1e-13, 400));
        check(view(33, 33, -2.0, 0.0, 4e-15, 400));
        check(view(64, 64, 0.0, 0.0, 4.1, 200));
        check(view(31, 31, 2.0_f64.sqrt(), 2.0_f64.sqrt(), 1e-12, 200));
        check(view(16, 16, 0.0, 0.0, 1e300, 50));
        check(view(16, 16, 1e308, -1e308, 1e308, 50));
        check(view(16, 16, 0.25, 0.0, 1e-3, 2000));
        check(view(16, 16, -0.75, 0.0, 1e-6, 2000));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn equals_the_definition_anywhere(
            width in 1_u32..70, height in 1_u32..20, x in -2.2_f64..1.0, y in -1.3_f64..1.3, zoom in -14_f64..1.0, max in 1_u32..600,
        ) {
            check(view(width, height, x, y, 10_f64.powf(zoom), max));
        }
    }

    #[test]
    fn tiles_cover_the_picture_once_and_hold_its_counts() {
        let p = view(131, 47, -0.5, 0.0, 3.0, 60);
        let parts = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&parts);
        let job = Job::with_parts(move |_, part: MandelbrotPart| sink.lock().unwrap().push(part));
        let output = run::<Mandelbrot>(p.clone(), &job).unwrap();
        let mut seen = vec![None; 131 * 47];
        for part in parts.lock().unwrap().iter() {
            for (i, &count) in part.counts.iter().enumerate() {
                let (x, y) = (part.x as usize + i % part.width as usize, part.y as usize + i / part.width as usize);
                assert_eq!(seen[y * 131 + x].replace(count), None, "pixel {x}, {y} came twice");
            }
        }
        assert_eq!(seen.into_iter().collect::<Option<Vec<_>>>().as_deref(), Some(&output.counts[..]));
        assert_eq!(job.progress(), (131 * 47, 131 * 47));
    }

    #[test]
    fn a_cancelled_job_does_no_more_tiles() {
        let job = Arc::new(Job::<MandelbrotPart>::detached());
        job.control().request_cancel();
        let stopped = Mandelbrot::run(view(4000, 4000, -0.1, 0.65, 1e-3, 50_000_000), &job);
        assert_eq!(stopped, Err(KernelError::Cancelled));
        // At most the tile that each thread had begun.
        assert!(job.progress().0 <= (rayon::current_num_threads() * TILE_WIDTH * TILE_HEIGHT) as u64);
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let p = view(300, 200, -0.6, 0.05, 2.8, 500);
        let expected = naive(&p);
        for threads in [1, 2, 3, 4, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let output = pool.install(|| run::<Mandelbrot>(p.clone(), &Job::detached())).unwrap();
            assert!(*output.counts == *expected, "{threads} threads");
        }
    }

    #[test]
    fn a_band_is_those_rows_of_the_picture() {
        let whole = run::<Mandelbrot>(view(67, 50, -0.6, 0.05, 2.8, 200), &Job::detached()).unwrap().counts;
        for rows in [Rows { first: 0, count: 50 }, Rows { first: 7, count: 30 }, Rows { first: 49, count: 1 }] {
            let params = MandelbrotParams { rows: Some(rows), ..view(67, 50, -0.6, 0.05, 2.8, 200) };
            let band = run::<Mandelbrot>(params, &Job::detached()).unwrap().counts;
            assert_eq!(band.shape(), Some(&[rows.count as usize, 67][..]));
            assert!(*band == whole[rows.first as usize * 67..][..band.len()], "{rows:?}");
        }
    }

    #[test]
    fn shards_make_the_whole() {
        for (width, height, shards) in
            [(1, 1, 1), (200, 16, 1), (131, 17, 2), (70, 500, 32), (33, 1024, 64), (1, 2000, 64)]
        {
            let whole = view(width, height, -0.6, 0.05, 2.8, 100);
            assert_eq!(check_shards::<Mandelbrot>(&whole), shards, "{width}×{height}");
        }
        // A band divides too, and its tiles begin where it begins.
        let band = MandelbrotParams { rows: Some(Rows { first: 5, count: 90 }), ..view(97, 100, -0.6, 0.05, 2.8, 100) };
        assert_eq!(check_shards::<Mandelbrot>(&band), 6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn shards_make_the_whole_anywhere(
            width in 1_u32..150, height in 1_u32..150, x in -2.2_f64..1.0, y in -1.3_f64..1.3, zoom in -14_f64..1.0, max in 1_u32..100,
        ) {
            check_shards::<Mandelbrot>(&view(width, height, x, y, 10_f64.powf(zoom), max));
        }
    }

    #[test]
    fn unusable_params_are_named() {
        let good = view(10, 10, 0.0, 0.0, 1.0, 10);
        let cases = [
            ("width", MandelbrotParams { width: 0, ..good.clone() }),
            ("height", MandelbrotParams { height: 70_000, ..good.clone() }),
            ("width", MandelbrotParams { width: 65_535, height: 65_535, ..good.clone() }),
            ("centerX", MandelbrotParams { center_x: f64::NAN.into(), ..good.clone() }),
            ("centerY", MandelbrotParams { center_y: f64::INFINITY.into(), ..good.clone() }),
            ("span", MandelbrotParams { span: 0.0.into(), ..good.clone() }),
            ("span", MandelbrotParams { span: (-1.0).into(), ..good.clone() }),
            ("span", MandelbrotParams { span: f64::NAN.into(), ..good.clone() }),
            ("maxIterations", MandelbrotParams { max_iterations: 0, ..good.clone() }),
            ("rows.first", MandelbrotParams { rows: Some(Rows { first: 10, count: 1 }), ..good.clone() }),
            ("rows.count", MandelbrotParams { rows: Some(Rows { first: 9, count: 0 }), ..good.clone() }),
            ("rows.count", MandelbrotParams { rows: Some(Rows { first: 9, count: u32::MAX }), ..good.clone() }),
        ];
        for (name, params) in cases {
            match run::<Mandelbrot>(params, &Job::detached()) {
                Err(KernelError::BadParams { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
