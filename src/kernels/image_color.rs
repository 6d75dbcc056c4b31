//! Changes the colours of an image: brightness, contrast, saturation, hue, gamma and the like, or any 4×5 matrix.
//!
//! The formulas are those of the W3C's Filter Effects (`feColorMatrix` and the CSS functions named alike). All of them but gamma are
//! matrices, which are multiplied first, so that a pixel goes through one matrix and is rounded once. That one is four tables: what
//! each channel of the source, at each of its 256 levels, adds to the four of the result, in fixed point. Gamma is inside of them.

use super::in_turns::NoShard;
use super::radix::reserve;
use crate::image::Image;
use crate::parallel::{chunk, try_each_chunk};
use crate::shard::{Aim, Round, Rounds, Sharding};
use crate::{Cancelled, Job, Kernel, KernelError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use wide::{i16x8, i32x4, i32x8, u8x16};

/// Changes the colours of an image.
///
/// Its jobs are done in turns, and not handed out: to hand the rows out takes as long as to change them.
pub struct ImageColor;

/// What to change, in the order of the fields here; what is not given changes nothing. Amounts are those of CSS's filter functions.
/// Colours are taken as they are stored, not weighted by alpha, and limited to 0 to 255 once, at the end.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageColorParams {
    /// The image.
    pub image: Image,
    /// A colour c of 0 to 1 becomes c^(1/gamma): above 1 is lighter in the middle. 0.01 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gamma: Option<f64>,
    /// Colours are multiplied by it: 1 changes nothing, 0 is black, up to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brightness: Option<f64>,
    /// The distance from middle grey is multiplied by it: 1 changes nothing, 0 is grey, up to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<f64>,
    /// 1 changes nothing, 0 is without colour, above 1 has more; up to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturate: Option<f64>,
    /// Degrees by which hues are turned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hue_rotate: Option<f64>,
    /// 0 changes nothing, 1 is grey by luminance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grayscale: Option<f64>,
    /// 0 changes nothing, 1 is as brown as an old photograph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sepia: Option<f64>,
    /// 0 changes nothing, 1 is the negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<f64>,
    /// Twenty numbers, as `feColorMatrix` has them: for each of red, green, blue and alpha of the result the factors of red, green, blue
    /// and alpha, and what is added (1 is 255). −1000 to 1000 each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Vec<f64>>,
}

/// The changed image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageColorOutput {
    /// As large as the image. But for `matrix` its alphas are the image's.
    pub image: Image,
}

impl Kernel for ImageColor {
    const NAME: &'static str = "image.color";
    const ABOUT: &'static str =
        "Changes an RGBA image's colours: brightness, contrast, saturation, hue, gamma, any matrix.";
    type Params = ImageColorParams;
    type Output = ImageColorOutput;
    type Part = ();

    fn validate(p: &ImageColorParams) -> Result<(), KernelError> {
        p.image.validate("image")?;
        for (field, value, from, to) in [
            ("gamma", p.gamma, 0.01, 100.0),
            ("brightness", p.brightness, 0.0, 100.0),
            ("contrast", p.contrast, 0.0, 100.0),
            ("saturate", p.saturate, 0.0, 100.0),
            ("grayscale", p.grayscale, 0.0, 1.0),
            ("sepia", p.sepia, 0.0, 1.0),
            ("invert", p.invert, 0.0, 1.0),
        ] {
            if value.is_some_and(|value| !(from..=to).contains(&value)) {
                let given = value.unwrap_or_default();
                return Err(KernelError::bad_params(field, format!("must be {from} to {to}, got {given}")));
            }
        }
        if let Some(degrees) = p.hue_rotate.filter(|degrees| !degrees.is_finite()) {
            let message = format!("must be a finite number of degrees, got {degrees}");
            return Err(KernelError::bad_params("hueRotate", message));
        }
        let Some(matrix) = &p.matrix else { return Ok(()) };
        if matrix.len() != 20 {
            let message = format!("must hold 20 numbers, four rows of five, got {}", matrix.len());
            return Err(KernelError::bad_params("matrix", message));
        }
        match matrix.iter().position(|value| !(-1000.0..=1000.0).contains(value)) {
            Some(at) => {
                let message = format!("must be −1000 to 1000, got {}", matrix[at]);
                Err(KernelError::bad_params(format!("matrix[{at}]"), message))
            }
            None => Ok(()),
        }
    }

    fn run(p: ImageColorParams, job: &Job) -> Result<ImageColorOutput, KernelError> {
        let tables = Tables::of(&p);
        let Image { data, width, height } = p.image;
        job.set_total(u64::from(width) * u64::from(height));
        job.will_return(data.len());
        let change = |block: &mut [u8]| {
            job.check()?;
            tables.apply(block);
            job.advance(block.len() as u64 / 4);
            Ok::<(), Cancelled>(())
        };
        let changed = match data.into_cow() {
            Cow::Owned(mut data) => {
                try_each_chunk(&mut data, BLOCK, |_, block| change(block))?;
                data
            }
            Cow::Borrowed(data) => {
                let mut out = Vec::with_capacity(data.len());
                try_each_chunk(&mut out.spare_capacity_mut()[..data.len()], BLOCK, |number, to| {
                    change(to.write_copy_of_slice(chunk(data, BLOCK, number)))
                })?;
                // SAFETY: the blocks are all of it, and each was written.
                unsafe { out.set_len(data.len()) };
                out
            }
        };
        Ok(ImageColorOutput { image: Image { data: changed.into(), width, height } })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

impl Rounds for ImageColor {
    type Shard = NoShard;
    type Given = ();
    type State = Colouring;

    fn begin(p: ImageColorParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        if !aim.short || p.image.data.len() <= TURN {
            return Ok(Round::Whole(p));
        }
        let tables = Tables::of(&p);
        let Image { data, width, height } = p.image;
        let (pixels, lent) = match data.into_cow() {
            Cow::Owned(pixels) => (pixels, None),
            Cow::Borrowed(lent) => (reserve(lent.len())?, Some(lent)),
        };
        Ok(Colouring { tables, width, height, pixels, lent, done: 0 }.round())
    }

    fn run_shard(shard: NoShard, _: &Job) -> Result<(), KernelError> {
        match shard {}
    }

    fn go_on(mut state: Colouring, _: Vec<()>, job: &Job) -> Result<Round<Self>, KernelError> {
        job.check()?;
        state.turn();
        Ok(state.round())
    }
}

/// An image that is changed in turns.
pub struct Colouring {
    tables: Tables,
    width: u32,
    height: u32,
    /// The image, whose first bytes have been changed; of one that is lent there are no others.
    pixels: Vec<u8>,
    /// The image as its caller keeps it.
    lent: Option<&'static [u8]>,
    /// Bytes that have been changed.
    done: usize,
}

/// Bytes of a turn: about a millisecond.
const TURN: usize = 16 * BLOCK;

impl Colouring {
    fn len(&self) -> usize {
        self.width as usize * self.height as usize * 4
    }

    fn turn(&mut self) {
        let next = self.done..self.len().min(self.done + TURN);
        if let Some(lent) = self.lent {
            self.pixels.extend_from_slice(&lent[next.clone()]);
        }
        self.tables.apply(&mut self.pixels[next.clone()]);
        self.done = next.end;
    }

    fn round(self) -> Round<ImageColor> {
        let [done, total] = [self.done, self.len()].map(|bytes| bytes as u64 / 4);
        if done < total {
            return Round::Next { shards: vec![], progress: (done, total), state: self };
        }
        Round::Done { output: ImageColorOutput { image: Image::new(self.width, self.height, self.pixels) }, total }
    }
}

/// Bytes that a thread changes between two checks: some hundred microseconds.
const BLOCK: usize = 1 << 16;

/// Rows of the result's red, green, blue and alpha; columns of the source's, and of what is added. Levels are 0 to 1.
type Matrix = [[f64; 5]; 4];

const IDENTITY: Matrix =
    [[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 0.0]];

/// First `first`, then `then`.
fn after(then: &Matrix, first: &Matrix) -> Matrix {
    let mut product = [[0.0; 5]; 4];
    for (out, row) in product.iter_mut().zip(then) {
        for (column, out) in out.iter_mut().enumerate() {
            *out = (0..4).map(|i| row[i] * first[i][column]).sum::<f64>();
        }
        out[4] += row[4];
    }
    product
}

/// Each colour by itself: `slope × c + intercept`.
fn linear(slope: f64, intercept: f64) -> Matrix {
    let mut matrix = IDENTITY;
    for (i, row) in matrix[..3].iter_mut().enumerate() {
        (row[i], row[4]) = (slope, intercept);
    }
    matrix
}

/// Colours among each other, alpha as it is.
fn colours(rows: [[f64; 3]; 3]) -> Matrix {
    let mut matrix = IDENTITY;
    for (row, colours) in matrix.iter_mut().zip(rows) {
        row[..3].copy_from_slice(&colours);
    }
    matrix
}

/// Part of the way from what changes nothing to `rows`.
fn towards(rows: [[f64; 3]; 3], amount: f64) -> Matrix {
    let mixed = |i: usize, j: usize| rows[i][j] * amount + IDENTITY[i][j] * (1.0 - amount);
    colours([0, 1, 2].map(|i| [0, 1, 2].map(|j| mixed(i, j))))
}

impl ImageColorParams {
    /// All but gamma.
    fn matrix(&self) -> Matrix {
        const LUMINANCE: [f64; 3] = [0.2126, 0.7152, 0.0722];
        const SEPIA: [[f64; 3]; 3] = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]];
        let steps = [
            self.brightness.map(|slope| linear(slope, 0.0)),
            self.contrast.map(|slope| linear(slope, 0.5 - 0.5 * slope)),
            self.saturate.map(|amount| towards([[0.213, 0.715, 0.072]; 3], 1.0 - amount)),
            self.hue_rotate.map(hue),
            self.grayscale.map(|amount| towards([LUMINANCE; 3], amount)),
            self.sepia.map(|amount| towards(SEPIA, amount)),
            self.invert.map(|amount| linear(1.0 - 2.0 * amount, amount)),
            self.matrix.as_ref().map(|values| std::array::from_fn(|i| std::array::from_fn(|j| values[5 * i + j]))),
        ];
        steps.into_iter().flatten().fold(IDENTITY, |all, step| after(&step, &all))
    }
}

/// `feColorMatrix`'s rotation of hues around grey.
fn hue(degrees: f64) -> Matrix {
    let radians = degrees % 360.0 * std::f64::consts::PI / 180.0;
    let (cos, sin) = (libm::cos(radians), libm::sin(radians));
    colours([
        [0.213 + cos * 0.787 - sin * 0.213, 0.715 - cos * 0.715 - sin * 0.715, 0.072 - cos * 0.072 + sin * 0.928],
        [0.213 - cos * 0.213 + sin * 0.143, 0.715 + cos * 0.285 + sin * 0.140, 0.072 - cos * 0.072 - sin * 0.283],
        [0.213 - cos * 0.213 - sin * 0.787, 0.715 - cos * 0.715 + sin * 0.715, 0.072 + cos * 0.928 + sin * 0.072],
    ])
}

/// What each channel of a pixel adds to the result's.
struct Tables {
    /// By channel and level.
    parts: [Vec<i32x4>; 4],
    /// Binary places.
    bits: i32,
}

/// The most binary places, and the greatest number that the parts of a sum may add up to.
const MOST_BITS: i32 = 16;
const MOST: f64 = (1 << 30) as f64;

impl Tables {
    fn of(p: &ImageColorParams) -> Self {
        let matrix = p.matrix();
        let gamma = p.gamma.unwrap_or(1.0);
        let level = |channel: usize, level: usize| {
            let level = level as f64 / 255.0;
            if channel < 3 && gamma != 1.0 { libm::pow(level, 1.0 / gamma) } else { level }
        };
        // What is added is the alpha's part, whatever the alpha.
        let part = |channel: usize, at: usize, out: usize| {
            let added = if channel == 3 { matrix[out][4] * 255.0 } else { 0.0 };
            matrix[out][channel] * level(channel, at) * 255.0 + added
        };
        let reach = |out: usize| {
            let row = matrix[out];
            (row.iter().map(|value| value.abs()).sum::<f64>() + 1.0) * 255.0
        };
        let greatest = (0..4).map(reach).fold(0.0, f64::max);
        let bits = (0..=MOST_BITS).rev().find(|&bits| greatest * scale(bits) < MOST).unwrap_or(0);
        let fixed = |value: f64| {
            // Only where factors of 100 and 1000 have been multiplied is a part limited here; it is far beyond 255 then.
            let limit = MOST / 4.0;
            libm::floor((value * scale(bits)).clamp(-limit, limit) + 0.5) as i32
        };
        let half = if bits > 0 { 1 << (bits - 1) } else { 0 };
        let entry = |channel: usize, at: usize| {
            let rounding = if channel == 3 { half } else { 0 };
            i32x4::new(std::array::from_fn(|out| fixed(part(channel, at, out)) + rounding))
        };
        Self { parts: std::array::from_fn(|channel| (0..256).map(|at| entry(channel, at)).collect()), bits }
    }

    /// Changes pixels.
    fn apply(&self, pixels: &mut [u8]) {
        let [red, green, blue, alpha] =
            self.parts.each_ref().map(|part| <&[i32x4; 256]>::try_from(part.as_slice()).expect("one for each level"));
        let one = |&[r, g, b, a]: &[u8; 4]| {
            let sum = red[usize::from(r)] + green[usize::from(g)] + blue[usize::from(b)] + alpha[usize::from(a)];
            sum >> self.bits
        };
        let two = |first: &[u8; 4], second: &[u8; 4]| {
            let (first, second) = (one(first).to_array(), one(second).to_array());
            i16x8::from_i32x8_saturate(i32x8::new(std::array::from_fn(
                |i| if i < 4 { first[i] } else { second[i - 4] },
            )))
        };
        let (groups, rest) = pixels.as_chunks_mut::<16>();
        for group in groups {
            let four = group.as_chunks::<4>().0;
            *group = u8x16::narrow_i16x8(two(&four[0], &four[1]), two(&four[2], &four[3])).to_array();
        }
        for pixel in rest.as_chunks_mut::<4>().0 {
            *pixel = one(pixel).to_array().map(|value| value.clamp(0, 255) as u8);
        }
    }
}

/// 2 to the power of `bits`.
fn scale(bits: i32) -> f64 {
    f64::from(1 << bits)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::array::{AnyArray, DType, Element};
    use crate::kernel::run;
    use crate::shard::testing::{BOTH, Seen, check_aims};
    use proptest::prelude::*;

    fn params(image: Image) -> ImageColorParams {
        ImageColorParams {
            image,
            gamma: None,
            brightness: None,
            contrast: None,
            saturate: None,
            hue_rotate: None,
            grayscale: None,
            sepia: None,
            invert: None,
            matrix: None,
        }
    }

    /// Every eleventh colour and four alphas; an odd number of pixels.
    fn colours() -> Image {
        let levels = || (0..=255_u8).step_by(17);
        let mut data: Vec<u8> = levels()
            .flat_map(|r| {
                levels()
                    .flat_map(move |g| levels().flat_map(move |b| [r, g, b, [255, 0, 7, 128][usize::from(r / 17) % 4]]))
            })
            .collect();
        data.extend([1, 2, 3, 4]);
        let pixels = (data.len() / 4) as u32;
        Image::new(pixels / 17, 17, data)
    }

    fn changed(change: impl FnOnce(&mut ImageColorParams)) -> Image {
        let mut params = params(colours());
        change(&mut params);
        run::<ImageColor>(params, &Job::detached()).unwrap().image
    }

    /// Whether each pixel is, to within rounding, what `wanted` makes of its colours (0 to 1).
    fn check(image: &Image, wanted: impl Fn([f64; 3]) -> [f64; 3]) {
        let before = colours();
        for (new, &[r, g, b, a]) in image.data.as_chunks::<4>().0.iter().zip(before.data.as_chunks::<4>().0) {
            let exact = wanted([r, g, b].map(|c| f64::from(c) / 255.0)).map(|c| (c * 255.0).clamp(0.0, 255.0));
            let fits = (0..3).all(|i| (f64::from(new[i]) - exact[i]).abs() <= 0.501);
            assert!(fits && new[3] == a, "{:?} became {new:?}, not {exact:?}", [r, g, b, a]);
        }
    }

    #[test]
    fn each_amount_does_what_it_says() {
        assert_eq!(changed(|_| {}), colours());
        check(&changed(|p| p.gamma = Some(2.2)), |c| c.map(|c| c.powf(1.0 / 2.2)));
        check(&changed(|p| p.brightness = Some(1.5)), |c| c.map(|c| c * 1.5));
        check(&changed(|p| p.contrast = Some(0.3)), |c| c.map(|c| (c - 0.5) * 0.3 + 0.5));
        check(&changed(|p| p.contrast = Some(100.0)), |c| c.map(|c| (c - 0.5) * 100.0 + 0.5));
        check(&changed(|p| p.invert = Some(1.0)), |c| c.map(|c| 1.0 - c));
        check(&changed(|p| p.invert = Some(0.25)), |c| c.map(|c| c * 0.5 + 0.25));
        check(&changed(|p| p.grayscale = Some(1.0)), |[r, g, b]| [0.2126 * r + 0.7152 * g + 0.0722 * b; 3]);
        check(&changed(|p| p.saturate = Some(0.0)), |[r, g, b]| [0.213 * r + 0.715 * g + 0.072 * b; 3]);
        check(&changed(|p| p.saturate = Some(1.0)), |c| c);
        check(&changed(|p| p.saturate = Some(2.0)), |c| {
            let grey = 0.213 * c[0] + 0.715 * c[1] + 0.072 * c[2];
            c.map(|c| 2.0 * c - grey)
        });
        check(&changed(|p| p.sepia = Some(1.0)), |[r, g, b]| {
            [0.393 * r + 0.769 * g + 0.189 * b, 0.349 * r + 0.686 * g + 0.168 * b, 0.272 * r + 0.534 * g + 0.131 * b]
        });
        check(&changed(|p| p.hue_rotate = Some(360.0)), |c| c);
        // A third of a turn: the published matrix at cos −½, sin √¾.
        check(&changed(|p| p.hue_rotate = Some(-240.0)), |[r, g, b]| {
            [
                -0.364_959_4 * r + 0.453_287_8 * g + 0.911_671_6 * b,
                0.443_341_6 * r + 0.693_743_6 * g - 0.137_085_2 * b,
                -0.362_062 * r + 1.691_708 * g - 0.329_646_2 * b,
            ]
        });
    }

    #[test]
    fn steps_come_in_their_order_and_are_limited_once() {
        // Brightness beyond white comes back by contrast: nothing is cut in between.
        check(
            &changed(|p| (p.invert, p.contrast, p.brightness, p.gamma) = (Some(1.0), Some(0.25), Some(3.0), Some(0.5))),
            |c| c.map(|c| 1.0 - ((c * c * 3.0 - 0.5) * 0.25 + 0.5)),
        );
    }

    #[test]
    fn a_matrix_may_change_alpha() {
        let mut matrix = vec![0.0; 20];
        // Red from alpha, green half and a quarter, alpha from blue.
        (matrix[3], matrix[6], matrix[9], matrix[17]) = (1.0, 0.5, 0.25, 1.0);
        let after = changed(|p| p.matrix = Some(matrix.clone()));
        for (new, old) in after.data.as_chunks::<4>().0.iter().zip(colours().data.as_chunks::<4>().0) {
            let green = (f64::from(old[1]) / 2.0 + 63.75).round();
            assert!(new[0] == old[3] && new[2] == 0 && new[3] == old[2] && (f64::from(new[1]) - green).abs() <= 1.0);
        }
    }

    #[test]
    fn the_largest_factors_saturate() {
        let after = changed(|p| {
            (p.brightness, p.contrast, p.saturate) = (Some(100.0), Some(100.0), Some(100.0));
            p.matrix = Some([[1000.0, 0.0, 0.0, 0.0, 0.0]; 4].concat());
        });
        let seen: std::collections::BTreeSet<u8> = after.data.iter().copied().collect();
        assert!(seen.is_subset(&[0, 255].into()) && seen.len() == 2, "{seen:?}");
    }

    #[test]
    fn turns_make_the_whole() {
        for (width, height, turns) in [(1, 1, 0), (512, 512, 0), (513, 512, 2), (1001, 701, 3), (1, 65_535, 0)] {
            let image = Image::new(
                width,
                height,
                colours().data.iter().copied().cycle().take((width * height * 4) as usize).collect(),
            );
            for change in [
                |_: &mut ImageColorParams| {},
                |p: &mut ImageColorParams| (p.gamma, p.hue_rotate, p.contrast) = (Some(1.8), Some(70.0), Some(1.2)),
                |p: &mut ImageColorParams| p.matrix = Some((0..20).map(|i| f64::from(i) / 19.0).collect()),
            ] {
                let mut params = params(image.clone());
                change(&mut params);
                let seen = check_aims::<ImageColor>(&params, &BOTH);
                assert_eq!(seen[0], Seen { rounds: turns, shards: 0 }, "{width}×{height}");
                assert_eq!(seen[1], Seen { rounds: 0, shards: 0 }, "it is not handed out");
            }
        }
    }

    #[test]
    fn turns_leave_an_image_that_is_lent_as_it_is() {
        let bytes = vec![9; 600 * 600 * 4];
        let whole = Image::new(600, 600, bytes.clone());
        // SAFETY: the bytes outlive the job and its output, and nobody writes to them.
        let lent = unsafe { AnyArray::lent(DType::U8, bytes.as_ptr(), bytes.len()) };
        let data = Element::from_any(lent).unwrap();
        let invert = |image| ImageColorParams { invert: Some(1.0), ..params(image) };
        let job = Job::detached();
        let mut round = ImageColor::begin(invert(Image { data, ..whole }), Aim { pieces: 1, short: true }).unwrap();
        while let Round::Next { state, .. } = round {
            round = ImageColor::go_on(state, vec![], &job).unwrap();
        }
        let Round::Done { output, .. } = round else { panic!("it is not whole") };
        assert!(output.image.data.as_chunks::<4>().0.iter().all(|pixel| *pixel == [246, 246, 246, 9]));
        assert!(bytes.iter().all(|&byte| byte == 9));
    }

    #[test]
    fn unusable_params_are_named() {
        let refused = |change: fn(&mut ImageColorParams)| {
            let mut params = params(Image::new(1, 1, vec![0; 4]));
            change(&mut params);
            match run::<ImageColor>(params, &Job::detached()) {
                Err(KernelError::BadParams { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(|p| p.gamma = Some(0.0)), "gamma");
        assert_eq!(refused(|p| p.brightness = Some(-0.1)), "brightness");
        assert_eq!(refused(|p| p.contrast = Some(f64::NAN)), "contrast");
        assert_eq!(refused(|p| p.saturate = Some(f64::INFINITY)), "saturate");
        assert_eq!(refused(|p| p.hue_rotate = Some(f64::INFINITY)), "hueRotate");
        assert_eq!(refused(|p| p.grayscale = Some(1.1)), "grayscale");
        assert_eq!(refused(|p| p.sepia = Some(-1.0)), "sepia");
        assert_eq!(refused(|p| p.invert = Some(2.0)), "invert");
        assert_eq!(refused(|p| p.matrix = Some(vec![0.0; 19])), "matrix");
        assert_eq!(refused(|p| p.matrix = Some([vec![0.0; 19], vec![f64::NAN]].concat())), "matrix[19]");
        assert_eq!(refused(|p| p.image.width = 2), "image.data");
    }

    #[test]
    fn progress_ends_at_its_total_and_a_cancelled_job_stops() {
        let image = Image::new(600, 400, vec![9; 960_000]);
        let job = Job::detached();
        run::<ImageColor>(ImageColorParams { invert: Some(1.0), ..params(image.clone()) }, &job).unwrap();
        assert_eq!(job.progress(), (240_000, 240_000));
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(run::<ImageColor>(params(image), &job).unwrap_err(), KernelError::Cancelled);
    }

    proptest! {
        #[test]
        fn any_matrix_is_the_definitions(values in prop::collection::vec(-3.0..3.0_f64, 20), pixels in prop::collection::vec(any::<[u8; 4]>(), 1..9)) {
            let image = Image::new(pixels.len() as u32, 1, pixels.concat());
            let params = ImageColorParams { matrix: Some(values.clone()), ..params(image) };
            let after = run::<ImageColor>(params, &Job::detached()).unwrap().image;
            for (new, old) in after.data.as_chunks::<4>().0.iter().zip(&pixels) {
                for (i, &new) in new.iter().enumerate() {
                    let row = &values[5 * i..];
                    let exact = (0..4).map(|j| row[j] * f64::from(old[j])).sum::<f64>() + row[4] * 255.0;
                    prop_assert!((f64::from(new) - exact.clamp(0.0, 255.0)).abs() <= 0.501);
                }
            }
        }
    }
}
