//! Convolves an image with any small matrix of numbers: sharpening, edges, embossing, motion.
//!
//! Sums are f32, in the order of the matrix; with a matrix of whole numbers they are exact. Threads take tiles; rows of a tile are made
//! floats once and kept in a ring while they are needed, each channel for itself: an alpha that is kept costs nothing, and four pixels
//! are put together again by shifts.

use super::neighbours::{Area, Tile, columns, tiles};
use super::radix::zeros;
use crate::image::{BandOf, Image, Rows};
use crate::shard::{self, Sharding};
use crate::{Cancelled, Job, Kernel, KernelError, Shardable};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wide::{f32x4, u32x4};

/// Convolves an image with a matrix.
pub struct ImageConvolve;

/// What to convolve, and with what.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageConvolveParams {
    /// The image.
    pub image: Image,
    /// The matrix, row by row, as it is laid over the picture (it is not turned around first): 1 to 31 rows of 1 to 31 numbers, both
    /// odd. `[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]` sharpens. Numbers are −1000000 to 1000000, and taken as f32.
    #[schemars(example = sharpen())]
    pub kernel: Vec<Vec<f64>>,
    /// What sums are divided by, not 0; the sum of the matrix unless told, or 1 where that is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divisor: Option<f64>,
    /// What is added to a divided sum, in levels of 0 to 255; 0 unless told.
    #[serde(default)]
    pub bias: f64,
    /// What lies beyond the edges; `clamp` unless told.
    #[serde(default)]
    pub edges: Edges,
    /// Whether colours alone are convolved, as they are stored, and alphas stay (what edges and embossing need). Without it all four
    /// channels are, colours weighted by alpha; the bias is then added to the weighted colours and the alpha. True unless told.
    #[serde(default = "yes")]
    pub keep_alpha: bool,
    /// The rows to make: a band of the picture, all of it unless told. They are the same as in the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    /// Says that `image` is a band of a picture, and the picture is what is convolved. It must hold what `rows` is made of; when it
    /// does not, the error says which rows that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<BandOf>,
}

/// The example.
fn sharpen() -> [[i32; 3]; 3] {
    [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
}

fn yes() -> bool {
    true
}

/// What lies beyond an image's edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Edges {
    /// The edge's pixels go on.
    #[default]
    Clamp,
    /// The image is mirrored at the middle of its edge pixels.
    Mirror,
    /// The image begins anew.
    Wrap,
    /// Transparent black.
    Transparent,
}

/// The convolved image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageConvolveOutput {
    /// As large as the image (or `rows.count` rows); channels are rounded to nearest and limited to 0 to 255.
    pub image: Image,
}

/// The most rows and columns of a matrix.
const MAX_SIDE: usize = 31;
/// The greatest number in params: sums stay far below f32's infinity.
const MOST: f64 = 1e6;

impl Kernel for ImageConvolve {
    const NAME: &'static str = "image.convolve";
    const ABOUT: &'static str = "Convolves an RGBA image with any matrix of up to 31×31 numbers.";
    type Params = ImageConvolveParams;
    type Output = ImageConvolveOutput;
    type Part = ();

    fn validate(p: &ImageConvolveParams) -> Result<(), KernelError> {
        p.image.validate("image")?;
        let odd = |field: String, count: usize, what: &str| {
            if count % 2 == 1 && count <= MAX_SIDE {
                return Ok(());
            }
            Err(KernelError::bad_params(
                field,
                format!("must hold an odd number of {what}, 1 to {MAX_SIDE}, got {count}"),
            ))
        };
        odd("kernel".into(), p.kernel.len(), "rows")?;
        let columns = p.kernel[0].len();
        for (y, row) in p.kernel.iter().enumerate() {
            odd(format!("kernel[{y}]"), row.len(), "numbers")?;
            if row.len() != columns {
                let message = format!("must hold as many numbers as the first row, {columns}, got {}", row.len());
                return Err(KernelError::bad_params(format!("kernel[{y}]"), message));
            }
            for (x, value) in row.iter().enumerate() {
                limited(&format!("kernel[{y}][{x}]"), *value)?;
            }
        }
        limited("bias", p.bias)?;
        if let Some(divisor) = p.divisor {
            limited("divisor", divisor)?;
            if divisor.abs() < 1.0 / MOST {
                let message = format!("must be {} or more away from 0, got {divisor}", 1.0 / MOST);
                return Err(KernelError::bad_params("divisor", message));
            }
        }
        Area::validate(&p.image, p.rows, p.source, p.reach())
    }

    fn run(p: ImageConvolveParams, job: &Job) -> Result<ImageConvolveOutput, KernelError> {
        let area = p.area();
        let rows = area.rows.len();
        job.set_total(u64::from(area.width) * rows as u64);
        job.will_return(area.stride() * rows);
        job.check()?;
        let mut data = zeros(area.stride() * rows, job)?;
        let matrix = Matrix::of(&p);
        // About half a millisecond of work.
        let height = (TILE_COST / (WIDTH * matrix.taps.len().max(4))).clamp(2 * matrix.down + 1, 256);
        tiles(&mut data, &area, WIDTH, height).into_par_iter().try_for_each(|tile| {
            let done = (tile.width() * tile.rows.len()) as u64;
            matrix.fill(tile, &area, &p.image.data, job)?;
            job.advance(done);
            Ok::<(), Cancelled>(())
        })?;
        Ok(ImageConvolveOutput { image: Image::new(area.width, rows as u32, data) })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

/// Refuses a number that is not finite, or greater than is useful.
fn limited(field: &str, value: f64) -> Result<(), KernelError> {
    if (-MOST..=MOST).contains(&value) {
        return Ok(());
    }
    Err(KernelError::bad_params(field, format!("must be −{MOST} to {MOST}, got {value}")))
}

/// Bands of rows, each with the rows around it that it is made of. What wraps around stays whole.
impl Shardable for ImageConvolve {
    /// Sides of the result.
    type Plan = (u32, u32);

    fn split(mut p: ImageConvolveParams, pieces: usize) -> Result<(Vec<ImageConvolveParams>, Self::Plan), KernelError> {
        let area = p.area();
        let plan = (area.width, area.rows.len() as u32);
        let Some(bands) = area.shards(&mut p.image, pieces) else { return Ok((vec![p], plan)) };
        let rest = ImageConvolveParams { image: Image::new(0, 0, Vec::new()), ..p };
        let shard = |(image, rows, source)| ImageConvolveParams {
            image,
            rows: Some(rows),
            source: Some(source),
            ..rest.clone()
        };
        Ok((bands.into_iter().map(shard).collect(), plan))
    }

    fn merge(
        (width, height): Self::Plan,
        outputs: Vec<ImageConvolveOutput>,
    ) -> Result<ImageConvolveOutput, KernelError> {
        let len = width as usize * height as usize * 4;
        let data = shard::concat(outputs.into_iter().map(|output| output.image.data), len)?;
        Ok(ImageConvolveOutput { image: Image::new(width, height, data) })
    }
}

impl ImageConvolveParams {
    /// How many rows above and below a row it is made of.
    fn reach(&self) -> u32 {
        if self.edges == Edges::Wrap { u32::MAX } else { self.kernel.len() as u32 / 2 }
    }

    fn area(&self) -> Area {
        Area::of(&self.image, self.rows, self.source, self.reach())
    }
}

impl Edges {
    /// The place along an axis of `length` that stands for one beyond its ends; `None` where nothing is.
    fn place(self, at: i64, length: u32) -> Option<u32> {
        let length = i64::from(length);
        let place = match self {
            Self::Clamp => at.clamp(0, length - 1),
            Self::Wrap => at.rem_euclid(length),
            Self::Mirror => {
                // There and back: both ends come once.
                let period = (2 * (length - 1)).max(1);
                let at = at.rem_euclid(period);
                at.min(period - at).min(length - 1)
            }
            Self::Transparent if (0..length).contains(&at) => at,
            Self::Transparent => return None,
        };
        Some(place as u32)
    }
}

/// Columns of a tile.
const WIDTH: usize = 256;
/// Pixels whose sums of one channel are made together: they fit the registers of 128-bit SIMD, and what a tap costs besides is shared.
const TOGETHER: usize = 16;
/// Multiplications, in pixels, of a tile.
const TILE_COST: usize = 1 << 18;

/// The matrix, ready for use.
struct Matrix {
    /// Row, column and value of what is not 0.
    taps: Vec<(usize, usize, f32)>,
    /// Rows above and below, columns before and after the middle.
    down: usize,
    along: usize,
    divisor: f32,
    bias: f32,
    edges: Edges,
    keep_alpha: bool,
}

impl Matrix {
    fn of(p: &ImageConvolveParams) -> Self {
        let values = p
            .kernel
            .iter()
            .enumerate()
            .flat_map(|(y, row)| row.iter().enumerate().map(move |(x, v)| (y, x, *v as f32)));
        let sum: f64 = p.kernel.iter().flatten().sum();
        Self {
            taps: values.filter(|&(_, _, value)| value != 0.0).collect(),
            down: p.kernel.len() / 2,
            along: p.kernel[0].len() / 2,
            divisor: p.divisor.unwrap_or(if sum.abs() < 1.0 / MOST { 1.0 } else { sum }) as f32,
            bias: p.bias as f32,
            edges: p.edges,
            keep_alpha: p.keep_alpha,
        }
    }

    /// How many channels are convolved.
    fn planes(&self) -> usize {
        if self.keep_alpha { 3 } else { 4 }
    }

    fn fill(&self, tile: Tile, area: &Area, pixels: &[u8], job: &Job) -> Result<(), Cancelled> {
        // So many pixels at a time: the last ones reach over the tile's end and are dropped.
        let width = tile.width().next_multiple_of(TOGETHER);
        let (planes, length) = (self.planes(), width + 2 * self.along);
        let count = 2 * self.down + 1;
        let mut ring = vec![0.0_f32; planes * length * count];
        let mut sums = vec![0.0_f32; 4 * width];
        let mut taps = Vec::with_capacity(self.taps.len());
        let top = i64::from(tile.y) - self.down as i64;
        let mut out = tile.rows.into_iter();
        for number in 0..2 * self.down + out.len() {
            job.check()?;
            let line = &mut ring[number % count * planes * length..][..planes * length];
            match self.edges.place(top + number as i64, area.height) {
                Some(y) => self.expand(line, area.row(pixels, y), i64::from(tile.x) - self.along as i64, area.width),
                None => line.fill(0.0),
            }
            let Some(first) = number.checked_sub(2 * self.down) else { continue };
            let row = out.next().expect("a row for each that is made");
            let centre = area.row(pixels, (top + (first + self.down) as i64) as u32);
            let kept = &centre[tile.x as usize * 4..][..row.len()];
            let place = |y: usize, x: usize| (first + y) % count * planes * length + x;
            taps.clear();
            taps.extend(self.taps.iter().map(|&(y, x, value)| (place(y, x), value)));
            for (plane, sums) in sums.chunks_exact_mut(width).take(planes).enumerate() {
                self.sum(&taps, &ring[plane * length..], sums);
            }
            self.pack(&sums, kept, row);
        }
        Ok(())
    }

    /// A row of the picture from column `start` on, as floats of 0 to 255, channel by channel.
    fn expand(&self, line: &mut [f32], row: &[u8], start: i64, width: u32) {
        let length = line.len() / self.planes();
        let (before, inside, after) = columns(start, length, width);
        let row = row.as_chunks::<4>().0;
        let mut planes = line.chunks_exact_mut(length).map(|plane| &mut plane[before..length - after]);
        let [r, g, b, alpha] = std::array::from_fn(|_| planes.next().unwrap_or_default());
        let colours = r.iter_mut().zip(g).zip(b).zip(&row[inside]);
        if self.keep_alpha {
            for (((r, g), b), pixel) in colours {
                [*r, *g, *b, _] = floats(*pixel);
            }
        } else {
            for ((((r, g), b), pixel), alpha) in colours.zip(alpha) {
                [*r, *g, *b, *alpha] = seen(*pixel);
            }
        }
        for at in (0..before).chain(length - after..length) {
            let pixel = self.edges.place(start + at as i64, width).map(|x| row[x as usize]);
            let floats = pixel.map_or([0.0; 4], if self.keep_alpha { floats } else { seen });
            for (plane, float) in line.chunks_exact_mut(length).zip(floats) {
                plane[at] = float;
            }
        }
    }

    /// A row of sums of one channel. A tap is where in the ring, from that channel on, it finds the row's first pixel, and by what it
    /// multiplies.
    fn sum(&self, taps: &[(usize, f32)], ring: &[f32], out: &mut [f32]) {
        for (group, out) in out.as_chunks_mut::<TOGETHER>().0.iter_mut().enumerate() {
            let mut sums = [f32x4::ZERO; TOGETHER / 4];
            for &(place, value) in taps {
                let pixels = &ring[place + group * TOGETHER..][..TOGETHER];
                for (sum, pixels) in sums.iter_mut().zip(pixels.as_chunks().0) {
                    *sum += f32x4::new(*pixels) * f32x4::splat(value);
                }
            }
            // Divisions take as long as a third of the taps of a small matrix, and by 1 they change nothing.
            if self.divisor != 1.0 {
                sums = sums.map(|sum| sum / f32x4::splat(self.divisor));
            }
            for (out, sum) in out.as_chunks_mut().0.iter_mut().zip(sums) {
                *out = (sum + f32x4::splat(self.bias)).to_array();
            }
        }
    }

    /// A row of pixels of its sums, channel by channel, and of the pixels whose alpha they may keep.
    fn pack(&self, sums: &[f32], kept: &[u8], row: &mut [u8]) {
        let width = sums.len() / 4;
        let [r, g, b, alpha] = std::array::from_fn(|plane| sums[plane * width..][..width].as_chunks().0);
        let mut sums = r.iter().zip(g).zip(b).zip(alpha);
        let (kept, last_kept) = kept.as_chunks::<4>().0.as_chunks::<4>();
        let (row, last) = row.as_chunks_mut::<4>().0.as_chunks_mut::<4>();
        let four = |(((r, g), b), alpha): (((&[f32; 4], _), _), _), kept: [[u8; 4]; 4]| {
            let [r, g, b, alpha] = [r, g, b, alpha].map(|sums| f32x4::new(*sums));
            let pixels = if self.keep_alpha {
                let kept = u32x4::new(kept.map(u32::from_le_bytes)) & u32x4::splat(0xff00_0000);
                bytes(r) | bytes(g) << 8_u32 | bytes(b) << 16_u32 | kept
            } else {
                weighted(r, g, b, alpha)
            };
            pixels.to_array().map(u32::to_le_bytes)
        };
        for ((out, kept), sums) in row.iter_mut().zip(kept).zip(&mut sums) {
            *out = four(sums, *kept);
        }
        if let Some(sums) = sums.next().filter(|_| !last.is_empty()) {
            let mut kept = [[0; 4]; 4];
            kept[..last.len()].copy_from_slice(last_kept);
            last.copy_from_slice(&four(sums, kept)[..last.len()]);
        }
    }
}

/// A pixel's channels as floats.
#[inline(always)]
fn floats(pixel: [u8; 4]) -> [f32; 4] {
    let pixel = u32::from_le_bytes(pixel);
    // By way of i32: x86-64 has no instruction for u32.
    [0, 8, 16, 24].map(|shift| (pixel >> shift & 255) as i32 as f32)
}

/// A pixel's colours weighted by its alpha, and that.
#[inline(always)]
fn seen(pixel: [u8; 4]) -> [f32; 4] {
    let [r, g, b, alpha] = floats(pixel);
    [r * alpha / 255.0, g * alpha / 255.0, b * alpha / 255.0, alpha]
}

/// Sums as bytes, each in a word. Limited to 0 and more first, then cut: rounds to nearest.
#[inline(always)]
fn bytes(sums: f32x4) -> u32x4 {
    let limited = sums.fast_max(f32x4::ZERO).fast_min(f32x4::splat(255.0)) + f32x4::splat(0.5);
    if cfg!(target_family = "wasm") {
        // Its conversion looks for what no i32 holds, on x86-64 in six instructions. Of a whole number and 2²³ the number is the last bits.
        let whole = limited.floor() + f32x4::splat(8_388_608.0);
        u32x4::new(whole.to_array().map(f32::to_bits)) & u32x4::splat(255)
    } else {
        u32x4::new(limited.fast_trunc_int().to_array().map(|byte| byte as u32))
    }
}

/// Sums whose colours are weighted by their alpha, as pixels.
#[inline(always)]
fn weighted(r: f32x4, g: f32x4, b: f32x4, alpha: f32x4) -> u32x4 {
    let shown = bytes(alpha);
    let alpha = alpha.fast_min(f32x4::splat(255.0));
    let colour = |sums: f32x4| bytes(sums * f32x4::splat(255.0) / alpha);
    let pixels = colour(r) | colour(g) << 8_u32 | colour(b) << 16_u32 | shown << 24_u32;
    pixels & !shown.simd_eq(u32x4::ZERO)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;

    fn noise(width: u32, height: u32, opaque: bool) -> Image {
        let byte = |i: u32| {
            let hash = (i.wrapping_add(1).wrapping_mul(2_654_435_761) ^ (i.wrapping_mul(40_503) >> 7)) >> 13;
            if i % 4 == 3 && opaque { 255 } else { hash as u8 }
        };
        Image::new(width, height, (0..width * height * 4).map(byte).collect())
    }

    fn params(image: Image, kernel: Vec<Vec<f64>>) -> ImageConvolveParams {
        ImageConvolveParams {
            image,
            kernel,
            divisor: None,
            bias: 0.0,
            edges: Edges::Clamp,
            keep_alpha: true,
            rows: None,
            source: None,
        }
    }

    fn convolved(params: ImageConvolveParams) -> Image {
        run::<ImageConvolve>(params, &Job::detached()).unwrap().image
    }

    /// By the definition, in f64, pixel by pixel: what is not limited yet.
    fn naive(p: &ImageConvolveParams) -> Vec<[f64; 4]> {
        let (width, height) = (i64::from(p.image.width), i64::from(p.image.height));
        let beyond = |at: i64, length: i64| match p.edges {
            _ if (0..length).contains(&at) => Some(at),
            Edges::Clamp => Some(at.clamp(0, length - 1)),
            Edges::Transparent => None,
            Edges::Wrap => Some((at + 100 * length) % length),
            Edges::Mirror => {
                let mut at = at;
                while !(0..length).contains(&at) {
                    at = if at < 0 { -at } else { 2 * (length - 1) - at };
                    if length == 1 {
                        at = 0;
                    }
                }
                Some(at)
            }
        };
        let (down, along) = (p.kernel.len() as i64 / 2, p.kernel[0].len() as i64 / 2);
        let sum: f64 = p.kernel.iter().flatten().sum();
        let divisor = p.divisor.unwrap_or(if sum == 0.0 { 1.0 } else { sum });
        let value = |at: i64| {
            let mut sums = [0.0; 4];
            for (y, row) in (at / width - down..).zip(&p.kernel) {
                for (x, weight) in (at % width - along..).zip(row) {
                    let (Some(x), Some(y)) = (beyond(x, width), beyond(y, height)) else { continue };
                    let pixel = p.image.data.as_chunks::<4>().0[(y * width + x) as usize].map(f64::from);
                    let weighted = if p.keep_alpha { 1.0 } else { pixel[3] / 255.0 };
                    for i in 0..3 {
                        sums[i] += weight * pixel[i] * weighted;
                    }
                    sums[3] += weight * pixel[3];
                }
            }
            sums.map(|sum| sum / divisor + p.bias)
        };
        (0..width * height).map(value).collect()
    }

    fn check(p: &ImageConvolveParams) {
        let result = convolved(p.clone());
        assert_eq!((result.width, result.height), (p.image.width, p.image.height));
        let old = p.image.data.as_chunks::<4>().0;
        for ((new, wanted), old) in result.data.as_chunks::<4>().0.iter().zip(naive(p)).zip(old) {
            if p.keep_alpha {
                assert_eq!(new[3], old[3]);
                for i in 0..3 {
                    let difference = (f64::from(new[i]) - wanted[i].clamp(0.0, 255.0)).abs();
                    assert!(difference <= 0.52, "{new:?} for {wanted:?} of {:?}", p.kernel);
                }
            } else {
                let alpha = wanted[3].clamp(0.0, 255.0);
                assert!((f64::from(new[3]) - alpha).abs() <= 0.51, "{new:?} for {wanted:?}");
                for i in 0..3 {
                    // A colour is what its alpha leaves room for.
                    let exact = if new[3] == 0 { 0.0 } else { (wanted[i] * 255.0 / alpha).clamp(0.0, 255.0) };
                    // The less alpha there is, the more of f32's rounding shows in the colour.
                    let most = 0.51 + 13.0 / alpha.max(0.5);
                    assert!((f64::from(new[i]) - exact).abs() <= most, "{new:?} for {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn known_matrices() {
        let image = noise(40, 30, true);
        assert_eq!(convolved(params(image.clone(), vec![vec![3.5]])), image, "what is divided by its sum");
        // One place to the right of the middle: the picture moves left.
        let moved = convolved(params(image.clone(), vec![vec![0.0, 0.0, 1.0]]));
        assert_eq!(moved.data[..39 * 4], image.data[4..40 * 4]);
        let flat = Image::new(9, 9, [50, 60, 70, 9].repeat(81));
        let edges = params(flat.clone(), vec![vec![-1.0; 3], vec![-1.0, 8.0, -1.0], vec![-1.0; 3]]);
        let grey = convolved(ImageConvolveParams { bias: 128.0, ..edges });
        assert!(grey.data.as_chunks::<4>().0.iter().all(|pixel| *pixel == [128, 128, 128, 9]));
        // Halves go up, whatever number of pixels is left over at a row's end.
        for width in 1..40 {
            let image = Image::new(width, 1, [3, 0, 255, 7].repeat(width as usize));
            let halves = ImageConvolveParams { divisor: Some(2.0), ..params(image, vec![vec![1.0]]) };
            assert_eq!(convolved(halves.clone()).data[..], [2, 0, 128, 7].repeat(width as usize));
            // Half of the colours with half of the alpha, 3.5.
            let all = convolved(ImageConvolveParams { keep_alpha: false, ..halves });
            assert_eq!(all.data[..], [3, 0, 255, 4].repeat(width as usize));
        }
    }

    #[test]
    fn what_is_invisible_does_not_bleed() {
        let pixel = |x: usize| if x % 64 < 32 { [0, 255, 0, 255] } else { [255, 0, 0, 0] };
        let image = Image::new(64, 8, (0..512).flat_map(pixel).collect());
        let result = convolved(ImageConvolveParams { keep_alpha: false, ..params(image, vec![vec![1.0; 9]; 5]) });
        let mut soft = 0;
        for pixel in result.data.as_chunks::<4>().0 {
            assert!(matches!(pixel, [0, 255, 0, 1..=255] | [0, 0, 0, 0]), "{pixel:?}");
            soft += usize::from((1..255).contains(&pixel[3]));
        }
        assert!(soft >= 64);
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bytes() {
        let kernel: Vec<Vec<f64>> = (0..5).map(|y| (0..7).map(|x| f64::from(y * 7 + x) / 3.0).collect()).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| convolved(params(noise(700, 400, false), kernel.clone())))
        };
        assert!(on(1) == on(6));
    }

    #[test]
    fn shards_make_the_whole() {
        let kernel = vec![vec![1.0, -2.0, 4.0]; 9];
        for (edges, least) in [(Edges::Clamp, 3), (Edges::Mirror, 3), (Edges::Transparent, 3), (Edges::Wrap, 1)] {
            let params = ImageConvolveParams { edges, ..params(noise(800, 300, false), kernel.clone()) };
            let count = check_shards::<ImageConvolve>(&params);
            assert!(count >= least && (least > 1 || count == 1), "{edges:?}: {count}");
        }
    }

    #[test]
    fn progress_ends_at_its_total_and_a_cancelled_job_stops() {
        let params = || params(noise(300, 200, true), vec![vec![1.0; 5]; 5]);
        let job = Job::detached();
        run::<ImageConvolve>(params(), &job).unwrap();
        assert_eq!(job.progress(), (60_000, 60_000));
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(run::<ImageConvolve>(params(), &job).unwrap_err(), KernelError::Cancelled);
        assert_eq!(job.progress().0, 0);
    }

    #[test]
    fn unusable_params_are_named() {
        let refused = |change: fn(&mut ImageConvolveParams)| {
            let mut params = params(noise(4, 4, true), vec![vec![1.0; 3]; 3]);
            change(&mut params);
            match run::<ImageConvolve>(params, &Job::detached()) {
                Err(KernelError::BadParams { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(|p| p.kernel = vec![]), "kernel");
        assert_eq!(refused(|p| p.kernel = vec![vec![1.0]; 2]), "kernel");
        assert_eq!(refused(|p| p.kernel = vec![vec![1.0]; 33]), "kernel");
        assert_eq!(refused(|p| p.kernel[0].clear()), "kernel[0]");
        assert_eq!(refused(|p| p.kernel[2].truncate(1)), "kernel[2]");
        assert_eq!(refused(|p| p.kernel[1][2] = f64::NAN), "kernel[1][2]");
        assert_eq!(refused(|p| p.divisor = Some(0.0)), "divisor");
        assert_eq!(refused(|p| p.divisor = Some(f64::INFINITY)), "divisor");
        assert_eq!(refused(|p| p.bias = f64::NAN), "bias");
        assert_eq!(refused(|p| p.image.height = 3), "image.data");
        assert_eq!(refused(|p| p.rows = Some(Rows { first: 4, count: 1 })), "rows.first");
        assert_eq!(refused(|p| p.source = Some(BandOf { first: 3, height: 6 })), "source.first");
        assert_eq!(
            refused(|p| (p.edges, p.source) = (Edges::Wrap, Some(BandOf { first: 1, height: 6 }))),
            "source.first"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        #[test]
        fn any_matrix_is_the_definitions(
            width in 1_u32..40, height in 1_u32..40, down in 0..5_usize, along in 0..5_usize, edges in 0..4_usize, keep_alpha: bool,
            values in prop::collection::vec(-2.0..4.0_f64, 81), divisor in prop::option::of(5.0..60.0_f64), bias in -20.0..40.0_f64,
        ) {
            let (rows, columns) = (2 * down + 1, 2 * along + 1);
            let kernel = (0..rows).map(|y| values[y * 9..y * 9 + columns].to_vec()).collect();
            let edges = [Edges::Clamp, Edges::Mirror, Edges::Wrap, Edges::Transparent][edges];
            let p = ImageConvolveParams { divisor, bias, edges, keep_alpha, ..params(noise(width, height, false), kernel) };
            let sum: f64 = p.kernel.iter().flatten().sum();
            prop_assume!(divisor.is_some() || sum.abs() > 1.0);
            check(&p);
        }

        #[test]
        fn a_band_is_those_rows_of_the_whole(
            width in 1_u32..60, height in 1_u32..60, down in 0..7_usize, edges in 0..3_usize,
            at: prop::sample::Index, count: prop::sample::Index,
        ) {
            let edges = [Edges::Clamp, Edges::Mirror, Edges::Transparent][edges];
            let kernel = vec![vec![1.0, 2.0, -0.5]; 2 * down + 1];
            let p = ImageConvolveParams { edges, ..params(noise(width, height, false), kernel) };
            let first = at.index(height as usize) as u32;
            let rows = Rows { first, count: 1 + count.index((height - first) as usize) as u32 };
            let whole = convolved(p.clone());
            let expected = &whole.data[(width * first * 4) as usize..][..(width * rows.count * 4) as usize];
            let p = ImageConvolveParams { rows: Some(rows), ..p };
            prop_assert!(*convolved(p.clone()).data == *expected);
            let needed = p.area().needed();
            let data = p.image.data[(needed.start * width * 4) as usize..(needed.end * width * 4) as usize].to_vec();
            let image = Image::new(width, needed.len() as u32, data);
            let p = ImageConvolveParams { image, source: Some(BandOf { first: needed.start, height }), ..p };
            prop_assert!(*convolved(p).data == *expected);
        }
    }
}
