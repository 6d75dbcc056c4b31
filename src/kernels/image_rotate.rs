//! Turns and mirrors an image: by quarters exactly, by any other angle with bilinear interpolation.
//!
//! A turned pixel's place in the source is found in fixed point of 32 binary places, and mixed of four pixels in whole numbers
//! (colours weighted by alpha, nothing rounded before the end), so every machine gives the same bytes. The angle's sine and
//! cosine are `libm`'s for the same reason.

use super::in_turns::NoShard;
use super::neighbours::{Area, Tile, tiles};
use super::radix::{reserve, zeros};
use crate::image::{Image, MAX_PIXELS, MAX_SIDE};
use crate::shard::{Aim, Round, Rounds, Sharding};
use crate::{Cancelled, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Turns and mirrors an image.
///
/// Its jobs are done in turns, and not handed out: a turned row is made of pixels of all rows, and to hand those to each shard takes as
/// long as to turn them.
pub struct ImageRotate;

/// What to turn, and how far. It is mirrored first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageRotateParams {
    /// The image.
    pub image: Image,
    /// Degrees clockwise, as in CSS; 0 unless told. Multiples of 90 move pixels and change none.
    #[serde(default)]
    #[schemars(example = 90)]
    pub angle: f64,
    /// Mirrors the image before it is turned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flip: Option<Flip>,
    /// Red, green, blue and alpha of what is not covered by the turned image; transparent unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<[u8; 4]>,
}

/// Which way an image is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Flip {
    /// Left becomes right.
    Horizontal,
    /// Top becomes bottom.
    Vertical,
}

/// The turned image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageRotateOutput {
    /// As large as it takes to show all of the turned image, around the same centre. At its edges it is mixed with the background.
    pub image: Image,
}

/// Sides of a tile: its pixels and those that they come from stay in a cache, whichever way it is turned.
const TILE: usize = 64;

impl Kernel for ImageRotate {
    const NAME: &'static str = "image.rotate";
    const ABOUT: &'static str = "Turns an RGBA image by any angle, and mirrors it.";
    type Params = ImageRotateParams;
    type Output = ImageRotateOutput;
    type Part = ();

    fn validate(p: &ImageRotateParams) -> Result<(), KernelError> {
        p.image.validate("image")?;
        if !p.angle.is_finite() {
            return Err(KernelError::bad_params(
                "angle",
                format!("must be a finite number of degrees, got {}", p.angle),
            ));
        }
        let (width, height) = Turn::of(p).size();
        if width.max(height) > u64::from(MAX_SIDE) || width * height > MAX_PIXELS {
            let message = format!(
                "the turned image would have {width} × {height} pixels: at most {MAX_SIDE} a side and {MAX_PIXELS} in all are made"
            );
            return Err(KernelError::bad_params("angle", message));
        }
        Ok(())
    }

    fn run(p: ImageRotateParams, job: &Job) -> Result<ImageRotateOutput, KernelError> {
        let turn = Turn::of(&p);
        let (width, height) = turn.size();
        let (width, height) = (width as u32, height as u32);
        job.set_total(u64::from(width) * u64::from(height));
        job.check()?;
        let area = Area { width, height, first: 0, rows: 0..height, reach: 0 };
        job.will_return(area.stride() * height as usize);
        let mut data = zeros(area.stride() * height as usize, job)?;
        let pixels = p.image.data.as_chunks().0;
        tiles(&mut data, &area, TILE, TILE).into_par_iter().try_for_each(|tile| {
            job.check()?;
            let done = (tile.width() * tile.rows.len()) as u64;
            turn.fill(tile, pixels, p.background.unwrap_or_default(), (width, height));
            job.advance(done);
            Ok::<(), Cancelled>(())
        })?;
        Ok(ImageRotateOutput { image: Image::new(width, height, data) })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

impl Rounds for ImageRotate {
    type Shard = NoShard;
    type Given = ();
    type State = Turning;

    fn begin(p: ImageRotateParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        let turn = Turn::of(&p);
        let (width, height) = turn.size();
        if !aim.short || width * height <= PIXELS as u64 {
            return Ok(Round::Whole(p));
        }
        let (width, height) = (width as u32, height as u32);
        let turned = reserve(width as usize * height as usize * 4)?;
        let background = p.background.unwrap_or_default();
        Ok(Turning { turn, image: p.image, background, width, height, turned, done: 0 }.round())
    }

    fn run_shard(shard: NoShard, _: &Job) -> Result<(), KernelError> {
        match shard {}
    }

    fn go_on(mut state: Turning, _: Vec<()>, job: &Job) -> Result<Round<Self>, KernelError> {
        job.check()?;
        state.turn();
        Ok(state.round())
    }
}

/// An image that is turned a few tiles at a time.
pub struct Turning {
    turn: Turn,
    image: Image,
    background: [u8; 4],
    /// Sides of the result.
    width: u32,
    height: u32,
    /// The rows of which any pixel has been made, the last of them in parts.
    turned: Vec<u8>,
    /// Pixels that have been made: a tile after the other, from left to right.
    done: usize,
}

/// Pixels that are made at a time, roughly: about a millisecond.
const PIXELS: usize = 1 << 17;

impl Turning {
    fn turn(&mut self) {
        let (width, total) = (self.width as usize, self.width as usize * self.height as usize);
        let end = total.min(self.done + PIXELS);
        while self.done < end {
            // The row of tiles in which the next one lies, and what has been made of it.
            let first = self.done / (width * TILE) * TILE;
            let rows = first as u32..self.height.min((first + TILE) as u32);
            let area = Area { width: self.width, height: self.height, first: 0, rows: rows.clone(), reach: 0 };
            self.turned.resize(area.stride() * rows.end as usize, 0);
            let made = (self.done - first * width) / (rows.len() * TILE);
            for tile in tiles(&mut self.turned[area.stride() * first..], &area, TILE, TILE).into_iter().skip(made) {
                if self.done >= end {
                    break;
                }
                self.done += tile.width() * tile.rows.len();
                self.turn.fill(tile, self.image.data.as_chunks().0, self.background, (self.width, self.height));
            }
        }
    }

    fn round(self) -> Round<ImageRotate> {
        let (width, height, total) = (self.width, self.height, u64::from(self.width) * u64::from(self.height));
        if (self.done as u64) < total {
            return Round::Next { shards: vec![], progress: (self.done as u64, total), state: self };
        }
        Round::Done { output: ImageRotateOutput { image: Image::new(width, height, self.turned) }, total }
    }
}

/// How an image is turned.
enum Turn {
    Quarters(Quarters),
    Any(Any),
}

impl Turn {
    fn of(p: &ImageRotateParams) -> Self {
        let (width, height) = (p.image.width, p.image.height);
        // The remainder is exact, as are quarters of it.
        let degrees = p.angle % 360.0;
        let quarters = degrees / 90.0;
        if quarters.fract() == 0.0 {
            return Self::Quarters(Quarters { width, height, quarters: quarters as i32 & 3, flip: p.flip });
        }
        let radians = degrees * std::f64::consts::PI / 180.0;
        Self::Any(Any { width, height, cos: libm::cos(radians), sin: libm::sin(radians), flip: p.flip })
    }

    /// Sides of the result.
    fn size(&self) -> (u64, u64) {
        match self {
            Self::Quarters(Quarters { width, height, quarters, .. }) => {
                let (width, height) = (u64::from(*width), u64::from(*height));
                if quarters % 2 == 0 { (width, height) } else { (height, width) }
            }
            Self::Any(Any { width, height, cos, sin, .. }) => {
                let (w, h, cos, sin) = (f64::from(*width), f64::from(*height), cos.abs(), sin.abs());
                // Rounding shall not add a row of which nothing is covered.
                let side = |length: f64| ((length - 1e-6).ceil() as u64).max(1);
                (side(w * cos + h * sin), side(w * sin + h * cos))
            }
        }
    }

    /// Makes a tile of a result of so many columns and rows.
    fn fill(&self, tile: Tile, pixels: &[[u8; 4]], background: [u8; 4], size: (u32, u32)) {
        match self {
            Self::Quarters(quarters) => quarters.fill(tile, pixels),
            Self::Any(any) => any.fill(tile, pixels, background, size),
        }
    }
}

/// A turn by quarters.
struct Quarters {
    width: u32,
    height: u32,
    /// 0 to 3.
    quarters: i32,
    flip: Option<Flip>,
}

impl Quarters {
    fn fill(&self, tile: Tile, pixels: &[[u8; 4]]) {
        let (width, height) = (self.width as isize, self.height as isize);
        // Where the first pixel comes from, and how far it is from there to those of the next column and of the next row.
        let [x, y, column_x, column_y, row_x, row_y] = match self.quarters {
            0 => [0, 0, 1, 0, 0, 1],
            1 => [0, height - 1, 0, -1, 1, 0],
            2 => [width - 1, height - 1, -1, 0, 0, -1],
            _ => [width - 1, 0, 0, 1, -1, 0],
        };
        let place = |x: isize, y: isize| match self.flip {
            None => x + y * width,
            Some(Flip::Horizontal) => width - 1 - x + y * width,
            Some(Flip::Vertical) => x + (height - 1 - y) * width,
        };
        let first = place(x, y);
        let [column, row] =
            [(column_x, column_y), (row_x, row_y)].map(|(right, down)| place(right, down) - place(0, 0));
        for (out, number) in tile.rows.into_iter().zip(tile.y as isize..) {
            let start = first + number * row + tile.x as isize * column;
            for (pixel, number) in out.as_chunks_mut().0.iter_mut().zip(0..) {
                *pixel = pixels[(start + number * column) as usize];
            }
        }
    }
}

/// A turn by an angle that is no number of quarters.
struct Any {
    width: u32,
    height: u32,
    cos: f64,
    sin: f64,
    flip: Option<Flip>,
}

/// Binary places of a coordinate.
const PLACES: u32 = 32;
/// Binary places of a pixel's share along an axis.
const SHARE: u32 = 8;

impl Any {
    fn fill(&self, tile: Tile, pixels: &[[u8; 4]], background: [u8; 4], (width, height): (u32, u32)) {
        let fixed = |value: f64| (value * f64::from(1 << (PLACES / 2)) * f64::from(1 << (PLACES / 2))) as i64;
        for (out, row) in tile.rows.into_iter().zip(tile.y..) {
            // From the centre of the result to that of the pixel, turned back, from the centre of the source.
            let x = f64::from(tile.x) + 0.5 - f64::from(width) / 2.0;
            let y = f64::from(row) + 0.5 - f64::from(height) / 2.0;
            let mut u = x * self.cos + y * self.sin + f64::from(self.width) / 2.0 - 0.5;
            let mut v = y * self.cos - x * self.sin + f64::from(self.height) / 2.0 - 0.5;
            let (mut right, mut down) = (fixed(self.cos), fixed(-self.sin));
            match self.flip {
                None => {}
                Some(Flip::Horizontal) => (u, right) = (f64::from(self.width) - 1.0 - u, -right),
                Some(Flip::Vertical) => (v, down) = (f64::from(self.height) - 1.0 - v, -down),
            }
            let half = 1_i64 << (PLACES - SHARE - 1);
            let (mut u, mut v) = (fixed(u) + half, fixed(v) + half);
            for pixel in out.as_chunks_mut().0 {
                *pixel = self.sample(pixels, background, u, v);
                u += right;
                v += down;
            }
        }
    }

    /// The mixture of the four pixels around a place; those outside of the image are the background.
    #[inline(always)]
    fn sample(&self, pixels: &[[u8; 4]], background: [u8; 4], u: i64, v: i64) -> [u8; 4] {
        let (x, y) = (u >> PLACES, v >> PLACES);
        let (width, height) = (i64::from(self.width), i64::from(self.height));
        let four = if x >= 0 && y >= 0 && x + 1 < width && y + 1 < height {
            let at = (y * width + x) as usize;
            let below = at + self.width as usize;
            [pixels[at], pixels[at + 1], pixels[below], pixels[below + 1]]
        } else if x < -1 || y < -1 || x >= width || y >= height {
            return background;
        } else {
            [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| {
                let inside = (0..width).contains(&x) && (0..height).contains(&y);
                if inside { pixels[(y * width + x) as usize] } else { background }
            })
        };
        let share = |at: i64| (at >> (PLACES - SHARE)) as u32 & ((1 << SHARE) - 1);
        let (right, low) = (share(u), share(v));
        let (left, high) = ((1 << SHARE) - right, (1 << SHARE) - low);
        mix(four, [left * high, right * high, left * low, right * low])
    }
}

#[inline(always)]
fn sum(of: impl Fn(usize) -> u32) -> u32 {
    of(0) + of(1) + of(2) + of(3)
}

/// Four pixels by their shares, which sum up to 2¹⁶; colours are weighted by alpha.
#[inline(always)]
fn mix(pixels: [[u8; 4]; 4], shares: [u32; 4]) -> [u8; 4] {
    let half = 1 << (2 * SHARE - 1);
    if pixels.iter().all(|pixel| pixel[3] == 255) {
        let colour =
            |channel: usize| ((sum(|i| shares[i] * u32::from(pixels[i][channel])) + half) >> (2 * SHARE)) as u8;
        return [colour(0), colour(1), colour(2), 255];
    }
    let weights = [0, 1, 2, 3].map(|i| shares[i] * u32::from(pixels[i][3]));
    let alpha = sum(|i| weights[i]);
    let shown = ((alpha + half) >> (2 * SHARE)) as u8;
    if shown == 0 {
        return [0; 4];
    }
    // At most 2¹⁶ × 255 × 255 and half of an alpha: fits 32 bits.
    let colour = |channel: usize| ((sum(|i| weights[i] * u32::from(pixels[i][channel])) + alpha / 2) / alpha) as u8;
    [colour(0), colour(1), colour(2), shown]
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::{BOTH, Seen, check_aims};
    use proptest::prelude::*;

    fn noise(width: u32, height: u32, opaque: bool) -> Image {
        let byte = |i: u32| {
            let hash = (i.wrapping_add(1).wrapping_mul(2_654_435_761) ^ (i.wrapping_mul(40_503) >> 7)) >> 13;
            if i % 4 == 3 && opaque { 255 } else { hash as u8 }
        };
        Image::new(width, height, (0..width * height * 4).map(byte).collect())
    }

    fn params(image: &Image, angle: f64, flip: Option<Flip>) -> ImageRotateParams {
        ImageRotateParams { image: image.clone(), angle, flip, background: None }
    }

    fn rotate(image: &Image, angle: f64, flip: Option<Flip>) -> Image {
        run::<ImageRotate>(params(image, angle, flip), &Job::detached()).unwrap().image
    }

    const FLIPS: [Option<Flip>; 3] = [None, Some(Flip::Horizontal), Some(Flip::Vertical)];

    #[test]
    fn quarters_and_mirrors_are_those_of_the_image_crate() {
        for (width, height) in [(1, 1), (5, 3), (130, 67), (1, 200), (200, 1)] {
            let image = noise(width, height, false);
            for flip in FLIPS {
                let source = image::RgbaImage::from_raw(width, height, image.data.to_vec()).unwrap();
                let source = match flip {
                    None => source,
                    Some(Flip::Horizontal) => image::imageops::flip_horizontal(&source),
                    Some(Flip::Vertical) => image::imageops::flip_vertical(&source),
                };
                for (angle, expected) in [
                    (0.0, source.clone()),
                    (90.0, image::imageops::rotate90(&source)),
                    (180.0, image::imageops::rotate180(&source)),
                    (270.0, image::imageops::rotate270(&source)),
                ] {
                    for angle in [angle, angle - 360.0, angle + 720_000.0] {
                        let turned = rotate(&image, angle, flip);
                        assert_eq!((turned.width, turned.height), expected.dimensions(), "{angle} {flip:?}");
                        assert!(*turned.data == *expected.as_raw().as_slice(), "{angle} {flip:?} of {width}×{height}");
                    }
                }
            }
        }
    }

    /// By the definition, in f64; what shows: colours weighted by alpha.
    fn naive(image: &Image, angle: f64, flip: Option<Flip>, background: [u8; 4]) -> (u32, u32, Vec<[f64; 4]>) {
        let (sin, cos) = angle.to_radians().sin_cos();
        let (w, h) = (f64::from(image.width), f64::from(image.height));
        let side = |length: f64| (length - 1e-6).ceil().max(1.0);
        let (width, height) = (side(w * cos.abs() + h * sin.abs()), side(w * sin.abs() + h * cos.abs()));
        let pixel = |x: f64, y: f64| {
            let inside = x >= 0.0 && y >= 0.0 && x < w && y < h;
            let x = if flip == Some(Flip::Horizontal) { w - 1.0 - x } else { x };
            let y = if flip == Some(Flip::Vertical) { h - 1.0 - y } else { y };
            let [r, g, b, a] =
                if inside { image.data.as_chunks::<4>().0[(y * w + x) as usize] } else { background }.map(f64::from);
            [r * a / 255.0, g * a / 255.0, b * a / 255.0, a]
        };
        let place = |at: usize| {
            let (x, y) = (at as f64 % width + 0.5 - width / 2.0, (at as f64 / width).floor() + 0.5 - height / 2.0);
            let (u, v) = (x * cos + y * sin + w / 2.0 - 0.5, y * cos - x * sin + h / 2.0 - 0.5);
            let (x, y) = (u.floor(), v.floor());
            let (fx, fy) = (u - x, v - y);
            let four = [pixel(x, y), pixel(x + 1.0, y), pixel(x, y + 1.0), pixel(x + 1.0, y + 1.0)];
            let shares = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
            [0, 1, 2, 3].map(|i| (0..4).map(|k| four[k][i] * shares[k]).sum())
        };
        (width as u32, height as u32, (0..(width * height) as usize).map(place).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_angle_is_the_definitions(
            width in 1_u32..90, height in 1_u32..90, angle in -400.0..400.0_f64, flip in 0..3_usize, opaque: bool, background: [u8; 4],
        ) {
            prop_assume!((angle / 90.0).fract() != 0.0);
            let image = noise(width, height, opaque);
            let flip = FLIPS[flip];
            let params = ImageRotateParams { background: Some(background), ..params(&image, angle, flip) };
            let turned = run::<ImageRotate>(params, &Job::detached()).unwrap().image;
            let (width, height, expected) = naive(&image, angle, flip, background);
            prop_assert_eq!((turned.width, turned.height), (width, height));
            for (&[r, g, b, a], wanted) in turned.data.as_chunks::<4>().0.iter().zip(expected) {
                let alpha = f64::from(a) / 255.0;
                let seen = [f64::from(r) * alpha, f64::from(g) * alpha, f64::from(b) * alpha, f64::from(a)];
                for i in 0..4 {
                    // A share has 8 binary places along each axis, and alpha and colour are rounded.
                    prop_assert!((seen[i] - wanted[i]).abs() <= 2.1, "{seen:?} {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn an_image_of_one_colour_stays_so_inside() {
        let image = Image::new(300, 200, [17, 128, 255, 255].repeat(300 * 200));
        let turned = rotate(&image, 33.0, None);
        let (x, y) = (turned.width / 2, turned.height / 2);
        for at in -80..=80_i32 {
            let pixel = ((y as i32 + at) as u32 * turned.width + (x as i32 + at / 2) as u32) as usize;
            assert_eq!(turned.data.as_chunks::<4>().0[pixel], [17, 128, 255, 255]);
        }
        assert_eq!(turned.data[..4], [0; 4], "a corner is the background");
    }

    #[test]
    fn what_is_invisible_does_not_bleed() {
        let pixel = |x: usize| if x % 64 < 32 { [0, 255, 0, 255] } else { [255, 0, 0, 0] };
        let image = Image::new(64, 64, (0..64 * 64).flat_map(pixel).collect());
        let turned = rotate(&image, 31.0, Some(Flip::Vertical));
        let soft = turned.data.as_chunks::<4>().0.iter().filter(|pixel| (1..255).contains(&pixel[3])).count();
        assert!(soft > 60);
        assert!(
            turned.data.as_chunks::<4>().0.iter().all(|pixel| matches!(pixel, [0, 255, 0, 1..=255] | [0, 0, 0, 0]))
        );
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bytes() {
        let image = noise(500, 300, false);
        for angle in [90.0, 12.5] {
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| rotate(&image, angle, None))
            };
            assert!(on(1) == on(5));
        }
    }

    #[test]
    fn turns_make_the_whole() {
        for (width, height) in [(1, 1), (512, 256), (700, 611), (130, 3001), (1, 65_535), (65_535, 7)] {
            let image = noise(width, height, false);
            for (angle, flip) in [
                (0.0, Some(Flip::Vertical)),
                (90.0, None),
                (180.0, None),
                (-90.0, Some(Flip::Horizontal)),
                (0.01, None),
                (33.0, Some(Flip::Horizontal)),
                (250.5, Some(Flip::Vertical)),
            ] {
                let mut params = params(&image, angle, flip);
                params.background = Some([9, 8, 7, 255]);
                if ImageRotate::validate(&params).is_err() {
                    // It would be too large.
                    continue;
                }
                let seen = check_aims::<ImageRotate>(&params, &BOTH);
                let (width, height) = Turn::of(&params).size();
                let turns = (width * height).div_ceil(PIXELS as u64) as usize;
                let (Seen { rounds, shards }, few) = (seen[0], width * height <= PIXELS as u64);
                // A turn ends with a tile.
                assert!(if few { rounds == 0 } else { (turns / 2..=turns).contains(&rounds) }, "{angle}: {rounds}");
                assert_eq!(shards, 0);
                assert_eq!(seen[1], Seen { rounds: 0, shards: 0 }, "it is not handed out");
            }
        }
    }

    #[test]
    fn unusable_params_are_named() {
        let refused = |image: Image, angle| match run::<ImageRotate>(params(&image, angle, None), &Job::detached()) {
            Err(KernelError::BadParams { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(noise(2, 2, true), f64::NAN), "angle");
        assert_eq!(refused(noise(2, 2, true), f64::NEG_INFINITY), "angle");
        assert_eq!(refused(noise(65_535, 2, true), 45.0), "angle");
        assert_eq!(refused(Image { width: 0, height: 1, data: vec![].into() }, 1.0), "image.width");
        assert_eq!(rotate(&noise(65_535, 1, true), 90.0, None).height, 65_535);
    }

    #[test]
    fn progress_ends_at_its_total_and_a_cancelled_job_stops() {
        for angle in [0.0, 45.0] {
            let job = Job::detached();
            run::<ImageRotate>(params(&noise(300, 200, true), angle, None), &job).unwrap();
            let (done, total) = job.progress();
            assert!(done == total && total >= 60_000);
            let job = Job::detached();
            job.control().request_cancel();
            let stopped = run::<ImageRotate>(params(&noise(300, 200, true), angle, None), &job);
            assert_eq!(stopped.unwrap_err(), KernelError::Cancelled);
        }
    }
}
