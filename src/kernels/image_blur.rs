//! Blurs an image: a Gaussian by its standard deviation, or the mean of a square.
//!
//! Both are separable: rows are blurred, then columns. Threads take tiles; in each, a ring of blurred rows moves down, so that what
//! is in between lies in a cache and never in a second picture. The arithmetic is next door in `blur`. A pixel depends on its
//! surroundings alone, not on its tile, so tiles are cut as memory and threads like it.

use super::blur::{GROUP, Gaussian, Window, contract, expand};
use super::lanes::Best;
use super::neighbours::{Area, Tile, columns, tiles};
use super::radix::zeros;
use crate::image::{BandOf, Image, Rows};
use crate::shard::{self, Sharding};
use crate::{Cancelled, Job, Kernel, KernelError, Shardable};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Blurs an image.
pub struct ImageBlur;

/// What to blur, and how: give one of `sigma` and `radius`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageBlurParams {
    /// The image.
    pub image: Image,
    /// A Gaussian's standard deviation in pixels, 0 (nothing) to 250, as CSS's `blur()` and a canvas's filter take it. Cut off at 3
    /// sigma, rounded up; the time grows with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 2)]
    pub sigma: Option<f64>,
    /// A box: the mean of `2 × radius + 1` pixels each way, 0 (nothing) to 500. As fast for a large one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radius: Option<u32>,
    /// The rows to make: a band of the picture, all of it unless told. They are the same as in the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    /// Says that `image` is a band of a picture, and the picture is what is blurred. It must hold what `rows` is made of; when it
    /// does not, the error says which rows that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<BandOf>,
}

/// The blurred image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageBlurOutput {
    /// As large as the image (or `rows.count` rows). Beyond an edge its pixels go on. Colours were weighted by their alpha; a pixel of
    /// alpha 0 comes out as 0, 0, 0, 0. With a `sigma` or `radius` of 0 pixels are the source's own.
    pub image: Image,
}

/// The widest Gaussian.
const MAX_SIGMA: f64 = 250.0;
/// The widest box: sums of a window stay exact in f32.
const MAX_RADIUS: u32 = 500;

impl Kernel for ImageBlur {
    const NAME: &'static str = "image.blur";
    const ABOUT: &'static str = "Blurs an RGBA image: a Gaussian or a box, right for transparency.";
    type Params = ImageBlurParams;
    type Output = ImageBlurOutput;
    type Part = ();

    fn validate(p: &ImageBlurParams) -> Result<(), KernelError> {
        p.image.validate("image")?;
        match (p.sigma, p.radius) {
            (Some(sigma), None) if !(0.0..=MAX_SIGMA).contains(&sigma) => {
                return Err(KernelError::bad_params("sigma", format!("must be 0 to {MAX_SIGMA} pixels, got {sigma}")));
            }
            (None, Some(radius)) if radius > MAX_RADIUS => {
                return Err(KernelError::bad_params(
                    "radius",
                    format!("must be 0 to {MAX_RADIUS} pixels, got {radius}"),
                ));
            }
            (None, None) => {
                return Err(KernelError::bad_params("sigma", "is missing: give a Gaussian's sigma, or a box's radius"));
            }
            (Some(_), Some(_)) => {
                let message = "is a box's, and sigma a Gaussian's: give one of the two";
                return Err(KernelError::bad_params("radius", message));
            }
            _ => {}
        }
        Area::validate(&p.image, p.rows, p.source, p.reach())
    }

    fn run(p: ImageBlurParams, job: &Job) -> Result<ImageBlurOutput, KernelError> {
        let area = p.area();
        let (width, rows) = (area.width, area.rows.len());
        job.set_total(u64::from(width) * rows as u64);
        job.will_return(area.stride() * rows);
        job.check()?;
        let data = match p.kind() {
            Kind::Nothing => {
                let data = area.cut(&p.image)?;
                job.advance(u64::from(width) * rows as u64);
                data
            }
            kind => blur(&area, &p.image.data, &kind, job)?,
        };
        Ok(ImageBlurOutput { image: Image::new(width, rows as u32, data) })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

/// Bands of rows, each with the rows around it that it is made of.
impl Shardable for ImageBlur {
    /// Sides of the result.
    type Plan = (u32, u32);

    fn split(mut p: ImageBlurParams, pieces: usize) -> Result<(Vec<ImageBlurParams>, Self::Plan), KernelError> {
        let area = p.area();
        let plan = (area.width, area.rows.len() as u32);
        let bands = match p.kind() {
            Kind::Nothing => None,
            _ => area.shards(&mut p.image, pieces),
        };
        let Some(bands) = bands else { return Ok((vec![p], plan)) };
        let shard = |(image, rows, source)| ImageBlurParams {
            image,
            sigma: p.sigma,
            radius: p.radius,
            rows: Some(rows),
            source: Some(source),
        };
        Ok((bands.into_iter().map(shard).collect(), plan))
    }

    fn merge((width, height): Self::Plan, outputs: Vec<ImageBlurOutput>) -> Result<ImageBlurOutput, KernelError> {
        let len = width as usize * height as usize * 4;
        let data = shard::concat(outputs.into_iter().map(|output| output.image.data), len)?;
        Ok(ImageBlurOutput { image: Image::new(width, height, data) })
    }
}

/// What the params ask for.
enum Kind {
    Nothing,
    Gaussian(Gaussian),
    Box(Window),
}

impl ImageBlurParams {
    fn kind(&self) -> Kind {
        match (self.sigma, self.radius) {
            (Some(sigma), _) if sigma > 0.0 => Kind::Gaussian(Gaussian::new(sigma)),
            (_, Some(radius)) if radius > 0 => Kind::Box(Window::new(radius)),
            _ => Kind::Nothing,
        }
    }

    /// How far a pixel reaches.
    fn reach(&self) -> u32 {
        self.sigma.map_or(self.radius.unwrap_or(0), Gaussian::radius_of)
    }

    fn area(&self) -> Area {
        Area::of(&self.image, self.rows, self.source, self.reach())
    }
}

/// Bytes of a tile's ring that stay in a cache, for a Gaussian, which reads all of it for each row.
const RING: usize = 1 << 19;

/// Columns and rows of a tile.
fn tile_size(area: &Area, kind: &Kind) -> (usize, usize) {
    let reach = area.reach as usize;
    let (width, height) = match kind {
        // A row of a tile is made of as many pixels more as the blur reaches, so a box's tile is wide: those are half of its cost.
        Kind::Box(_) => ((2 * reach).max(512), (4 * reach).max(128)),
        _ => ((RING / 8 / (2 * reach + 1)).clamp(64, 512), (8 * reach).max(128)),
    };
    // Enough tiles for many threads, however large the picture's sides are; what is blurred twice where they meet is bounded.
    let columns = (area.width as usize).div_ceil(width);
    let rows = (area.rows.len() * columns).div_ceil(TILES).max(2 * reach).max(16);
    (width.next_multiple_of(GROUP / 4), height.min(rows))
}

/// So many tiles keep threads busy to the end.
const TILES: usize = 48;

fn blur(area: &Area, pixels: &[u8], kind: &Kind, job: &Job) -> Result<Vec<u8>, KernelError> {
    let mut out = zeros(area.stride() * area.rows.len(), job)?;
    let (width, height) = tile_size(area, kind);
    tiles(&mut out, area, width, height).into_par_iter().try_for_each(|tile| {
        let done = (tile.width() * tile.rows.len()) as u64;
        match kind {
            Kind::Gaussian(gaussian) => gaussian_tile(area, pixels, tile, gaussian, job)?,
            Kind::Box(window) => box_tile(area, pixels, tile, window, job)?,
            Kind::Nothing => unreachable!("it has no tiles"),
        }
        job.advance(done);
        Ok::<(), Cancelled>(())
    })?;
    Ok(out)
}

/// Blurred rows of a tile, of which the last few are kept: row after row from the first that the tile's first is made of.
struct Ring<'a> {
    area: &'a Area,
    pixels: &'a [u8],
    /// The picture's column of the tile's first.
    x: i64,
    /// Numbers in a row: whole groups.
    length: usize,
    reach: usize,
    /// A row of the picture, from `reach` columns before the tile's first to as many after its last.
    line: Vec<i16>,
    rows: Vec<i16>,
    /// The picture's row that was blurred last.
    last: Option<u32>,
    opaque: bool,
}

impl<'a> Ring<'a> {
    fn new(area: &'a Area, pixels: &'a [u8], tile: &Tile, reach: usize, rows: usize) -> Self {
        let length = (tile.width() * 4).next_multiple_of(GROUP);
        Self {
            area,
            pixels,
            x: i64::from(tile.x),
            length,
            reach,
            line: vec![0; length + 8 * reach],
            rows: vec![0; length * rows],
            last: None,
            opaque: true,
        }
    }

    fn row(&self, number: usize) -> &[i16] {
        let start = number * self.length % self.rows.len();
        &self.rows[start..start + self.length]
    }

    /// Blurs the picture's row `y`, or the nearest that it has, into the ring's row `number`.
    fn take(&mut self, number: usize, y: i64, along: impl FnOnce(&mut [i16], &[i16])) {
        let start = number * self.length % self.rows.len();
        let y = y.clamp(0, i64::from(self.area.height) - 1) as u32;
        if self.last == Some(y) {
            // Beyond an edge: the same again.
            let before = (number - 1) * self.length % self.rows.len();
            self.rows.copy_within(before..before + self.length, start);
            return;
        }
        self.last = Some(y);
        let row = self.area.row(self.pixels, y);
        let columns = columns(self.x - self.reach as i64, self.line.len() / 4, self.area.width);
        let (before, inside, _) = columns;
        let (from, to) = (before * 4, (before + inside.len()) * 4);
        self.opaque &= expand::<Best>(&mut self.line[from..to], &row[inside.start * 4..inside.end * 4]);
        let line = self.line.as_chunks_mut::<4>().0;
        let (first, last) = (line[before], line[before + inside.len() - 1]);
        line[..before].fill(first);
        line[before + inside.len()..].fill(last);
        along(&mut self.rows[start..start + self.length], &self.line);
    }
}

fn gaussian_tile(area: &Area, pixels: &[u8], tile: Tile, gaussian: &Gaussian, job: &Job) -> Result<(), Cancelled> {
    let reach = gaussian.radius();
    let top = i64::from(tile.y) - reach as i64;
    let mut ring = Ring::new(area, pixels, &tile, reach, 2 * reach + 1);
    let mut mixed = vec![0; ring.length];
    let mut out = tile.rows.into_iter();
    for number in 0..2 * reach + out.len() {
        job.check()?;
        ring.take(number, top + number as i64, |row, line| {
            gaussian.weigh::<Best>(row, |distance| &line[reach.wrapping_add_signed(distance) * 4..]);
        });
        if number >= 2 * reach {
            let centre = number - reach;
            gaussian.weigh::<Best>(&mut mixed, |distance| ring.row(centre.wrapping_add_signed(distance)));
            let row = out.next().expect("a row for each that is made");
            contract::<Best>(row, &mixed, ring.opaque);
        }
    }
    Ok(())
}

fn box_tile(area: &Area, pixels: &[u8], tile: Tile, window: &Window, job: &Job) -> Result<(), Cancelled> {
    let reach = window.radius();
    let top = i64::from(tile.y) - reach as i64;
    let mut ring = Ring::new(area, pixels, &tile, reach, 2 * reach + 1);
    let (mut mixed, mut sums) = (vec![0; ring.length], vec![0; ring.length]);
    let mut out = tile.rows.into_iter();
    for number in 0..2 * reach + out.len() {
        job.check()?;
        ring.take(number, top + number as i64, |row, line| window.along::<Best>(row, line));
        if number < 2 * reach {
            window.enter::<Best>(&mut sums, ring.row(number));
        } else {
            window.down::<Best>(&mut mixed, &mut sums, ring.row(number - 2 * reach), ring.row(number));
            let row = out.next().expect("a row for each that is made");
            contract::<Best>(row, &mixed, ring.opaque);
        }
    }
    Ok(())
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;

    /// Pixels without a pattern; every alpha 255 when `opaque`.
    fn noise(width: u32, height: u32, opaque: bool) -> Image {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        let mut data: Vec<u8> = (0..width as usize * height as usize * 4).map(|_| next()).collect();
        for alpha in data.iter_mut().skip(3).step_by(4) {
            // A third is invisible, a third opaque.
            *alpha = if opaque || *alpha > 170 { 255 } else { alpha.saturating_sub(85) };
        }
        Image::new(width, height, data)
    }

    #[derive(Debug, Clone, Copy)]
    enum How {
        Sigma(f64),
        Radius(u32),
    }

    fn params(image: Image, how: How) -> ImageBlurParams {
        let (sigma, radius) = match how {
            How::Sigma(sigma) => (Some(sigma), None),
            How::Radius(radius) => (None, Some(radius)),
        };
        ImageBlurParams { image, sigma, radius, rows: None, source: None }
    }

    fn blurred(image: &Image, how: How) -> Image {
        run::<ImageBlur>(params(image.clone(), how), &Job::detached()).unwrap().image
    }

    /// By the definition, in f64: premultiplied colours and alpha, 0 to 255.
    fn naive(image: &Image, how: How) -> Vec<[f64; 4]> {
        let weights: Vec<f64> = match how {
            How::Sigma(sigma) => {
                let radius = (3.0 * sigma).ceil() as i64;
                let all: Vec<f64> =
                    (-radius..=radius).map(|x| (-(x * x) as f64 / (2.0 * sigma * sigma)).exp()).collect();
                let sum: f64 = all.iter().sum();
                all.iter().map(|weight| weight / sum).collect()
            }
            How::Radius(radius) => vec![1.0 / f64::from(2 * radius + 1); 2 * radius as usize + 1],
        };
        let (width, height, radius) = (i64::from(image.width), i64::from(image.height), weights.len() as i64 / 2);
        let mut pixels: Vec<[f64; 4]> = image
            .data
            .as_chunks()
            .0
            .iter()
            .map(|&[r, g, b, a]: &[u8; 4]| {
                let alpha = f64::from(a) / 255.0;
                [f64::from(r) * alpha, f64::from(g) * alpha, f64::from(b) * alpha, f64::from(a)]
            })
            .collect();
        for (dx, dy) in [(1, 0), (0, 1)] {
            let sum = |at: i64| {
                let (x, y) = (at % width, at / width);
                let mut sum = [0.0; 4];
                for (weight, step) in weights.iter().zip(-radius..) {
                    let from = (y + dy * step).clamp(0, height - 1) * width + (x + dx * step).clamp(0, width - 1);
                    sum.iter_mut().zip(pixels[from as usize]).for_each(|(sum, value)| *sum += weight * value);
                }
                sum
            };
            pixels = (0..width * height).map(sum).collect();
        }
        pixels
    }

    /// The largest difference from the definition, of what shows: colours weighted by their alpha.
    fn worst(image: &Image, how: How) -> f64 {
        let result = blurred(image, how);
        assert_eq!((result.width, result.height), (image.width, image.height));
        let differences =
            result.data.as_chunks::<4>().0.iter().zip(naive(image, how)).flat_map(|(&[r, g, b, a], wanted)| {
                let alpha = f64::from(a) / 255.0;
                let seen = [f64::from(r) * alpha, f64::from(g) * alpha, f64::from(b) * alpha, f64::from(a)];
                [0, 1, 2, 3].map(|i| (seen[i] - wanted[i]).abs())
            });
        differences.fold(0.0, f64::max)
    }

    #[test]
    fn the_result_is_that_of_the_definition() {
        for how in [
            How::Sigma(0.2),
            How::Sigma(0.8),
            How::Sigma(2.0),
            How::Sigma(9.5),
            How::Radius(1),
            How::Radius(7),
            How::Radius(60),
        ] {
            for (width, height) in [(1, 1), (2, 3), (37, 23), (70, 1), (1, 70), (130, 41)] {
                // Half a level of rounding to bytes, and some hundredths of fixed point.
                let opaque = worst(&noise(width, height, true), how);
                assert!(opaque <= 0.56, "{how:?} {width}×{height}: {opaque}");
                // Alpha and colour are rounded both.
                let clear = worst(&noise(width, height, false), how);
                assert!(clear <= 1.1, "{how:?} {width}×{height} with alpha: {clear}");
            }
        }
    }

    #[test]
    fn a_wide_gaussian_stays_within_a_level() {
        for sigma in [40.0, 120.0] {
            let worst = worst(&noise(90, 60, true), How::Sigma(sigma));
            assert!(worst <= 0.75, "{sigma}: {worst}");
        }
    }

    #[test]
    fn an_image_of_one_colour_stays_so() {
        let image = Image::new(301, 77, [17, 128, 255, 255].repeat(301 * 77));
        for how in [How::Sigma(0.5), How::Sigma(33.3), How::Sigma(250.0), How::Radius(3), How::Radius(500)] {
            assert!(blurred(&image, how) == image, "{how:?}");
        }
    }

    #[test]
    fn what_is_invisible_does_not_bleed() {
        let pixel = |x: usize| if x % 64 < 32 { [0, 255, 0, 255] } else { [255, 0, 0, 0] };
        let image = Image::new(64, 8, (0..512).flat_map(pixel).collect());
        for how in [How::Sigma(1.5), How::Sigma(6.0), How::Radius(2), How::Radius(20)] {
            let result = blurred(&image, how);
            let mut soft = 0;
            for pixel in result.data.as_chunks::<4>().0 {
                assert!(matches!(pixel, [0, 255, 0, 1..=255] | [0, 0, 0, 0]), "{how:?}: {pixel:?}");
                soft += usize::from((1..255).contains(&pixel[3]));
            }
            assert!(soft > 16, "{how:?}");
        }
    }

    #[test]
    fn nothing_changes_nothing() {
        let image = noise(33, 21, false);
        for how in [How::Sigma(0.0), How::Sigma(-0.0), How::Radius(0)] {
            assert_eq!(blurred(&image, how), image);
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bytes() {
        let image = noise(1300, 700, false);
        for how in [How::Sigma(1.3), How::Sigma(17.0), How::Radius(2), How::Radius(90)] {
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| blurred(&image, how))
            };
            let one = on(1);
            for threads in [2, 3, 8] {
                assert!(on(threads) == one, "{how:?} on {threads} threads");
            }
        }
    }

    #[test]
    fn the_longest_sides() {
        for (width, height) in [(65_535, 1), (1, 65_535), (65_535, 2)] {
            for how in [How::Sigma(1.0), How::Radius(500)] {
                let image = noise(width, height, true);
                let result = blurred(&image, how);
                assert_eq!(result.data.len(), image.data.len());
            }
        }
    }

    #[test]
    fn shards_make_the_whole() {
        for (width, height, how, least) in [
            (700, 500, How::Sigma(2.0), 5),
            (700, 500, How::Radius(9), 5),
            (300, 500, How::Sigma(20.0), 2),
            (900, 500, How::Sigma(60.0), 1),
            (100, 100, How::Sigma(1.0), 1),
            (700, 500, How::Radius(0), 1),
        ] {
            let count = check_shards::<ImageBlur>(&params(noise(width, height, false), how));
            assert!(count >= least && (least > 1 || count == 1), "{how:?} of {width}×{height}: {count} shards");
        }
    }

    #[test]
    fn progress_ends_at_its_total_and_a_cancelled_job_stops_between_rows() {
        let image = noise(1500, 900, false);
        for how in [How::Sigma(3.0), How::Radius(10), How::Radius(0)] {
            let job = Job::detached();
            run::<ImageBlur>(params(image.clone(), how), &job).unwrap();
            assert_eq!(job.progress(), (1500 * 900, 1500 * 900));

            let job = Job::detached();
            job.control().request_cancel();
            assert_eq!(run::<ImageBlur>(params(image.clone(), how), &job).unwrap_err(), KernelError::Cancelled);
            assert_eq!(job.progress().0, 0);
        }
        let job = Job::detached();
        let stopped = std::thread::scope(|scope| {
            scope.spawn(|| {
                while job.progress().0 == 0 {
                    std::thread::yield_now();
                }
                job.control().request_cancel();
            });
            run::<ImageBlur>(params(noise(3000, 2000, true), How::Sigma(8.0)), &job)
        });
        assert_eq!(stopped.unwrap_err(), KernelError::Cancelled);
    }

    #[test]
    fn unusable_params_are_named() {
        let field = |change: fn(&mut ImageBlurParams)| {
            let mut params = params(noise(4, 4, true), How::Sigma(1.0));
            change(&mut params);
            match run::<ImageBlur>(params, &Job::detached()) {
                Err(KernelError::BadParams { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        for sigma in [-1.0, 250.1, f64::NAN, f64::INFINITY] {
            let error = run::<ImageBlur>(params(noise(4, 4, true), How::Sigma(sigma)), &Job::detached()).unwrap_err();
            assert!(error.to_string().starts_with("sigma: must be 0 to 250 pixels, got"), "{error}");
        }
        assert_eq!(field(|p| p.sigma = None), "sigma");
        assert_eq!(field(|p| p.radius = Some(2)), "radius");
        assert_eq!(field(|p| (p.sigma, p.radius) = (None, Some(501))), "radius");
        assert_eq!(field(|p| p.image.width = 0), "image.width");
        assert_eq!(field(|p| p.image.height = 3), "image.data");
        assert_eq!(field(|p| p.rows = Some(Rows { first: 4, count: 1 })), "rows.first");
        assert_eq!(field(|p| p.rows = Some(Rows { first: 3, count: 2 })), "rows.count");
        assert_eq!(field(|p| p.source = Some(BandOf { first: 0, height: 0 })), "source.height");
        assert_eq!(field(|p| p.source = Some(BandOf { first: 3, height: 6 })), "source.first");
        let mut band = params(noise(4, 4, true), How::Sigma(1.0));
        (band.rows, band.source) = (Some(Rows { first: 12, count: 3 }), Some(BandOf { first: 10, height: 40 }));
        let error = run::<ImageBlur>(band, &Job::detached()).unwrap_err();
        assert_eq!(error.to_string(), "source.first: `image` must hold rows 9 to 17 of the picture, got 10 to 13");
    }

    #[test]
    #[ignore = "a measurement: cargo test --release --lib image_blur -- --ignored --nocapture"]
    fn how_long_it_takes() {
        let image = noise(6000, 4000, true);
        for how in [How::Sigma(2.0), How::Sigma(5.0), How::Radius(5), How::Radius(100)] {
            let times = (0..5).map(|_| {
                let params = params(image.clone(), how);
                let begun = std::time::Instant::now();
                run::<ImageBlur>(params, &Job::detached()).unwrap();
                begun.elapsed()
            });
            println!("{how:?}: {:?}", times.min());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_band_is_those_rows_of_the_whole(
            width in 1_u32..300, height in 1_u32..300, opaque: bool, reach in 1_u32..30, gaussian: bool,
            at: prop::sample::Index, count: prop::sample::Index, more in 0_u32..3,
        ) {
            let how = if gaussian { How::Sigma(f64::from(reach) / 3.0) } else { How::Radius(reach) };
            let image = noise(width, height, opaque);
            let first = at.index(height as usize) as u32;
            let rows = Rows { first, count: 1 + count.index((height - first) as usize) as u32 };
            let whole = blurred(&image, how);
            let expected = &whole.data[(width * first * 4) as usize..][..(width * rows.count * 4) as usize];
            let params = ImageBlurParams { rows: Some(rows), ..params(image.clone(), how) };
            let band = run::<ImageBlur>(params.clone(), &Job::detached()).unwrap().image;
            prop_assert!(*band.data == *expected);

            // The same of no more of the source than it needs, or a little more.
            let needed = params.area().needed();
            let held = needed.start.saturating_sub(more)..(needed.end + more).min(height);
            let data = image.data[(held.start * width * 4) as usize..(held.end * width * 4) as usize].to_vec();
            let image = Image::new(width, held.len() as u32, data);
            let params = ImageBlurParams { image, source: Some(BandOf { first: held.start, height }), ..params };
            let band = run::<ImageBlur>(params.clone(), &Job::detached()).unwrap().image;
            prop_assert!(*band.data == *expected);
            check_shards::<ImageBlur>(&params);
        }
    }
}
