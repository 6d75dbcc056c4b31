//! Encodes an image as a file: PNG and WebP without loss, JPEG at a quality.
//!
//! The codecs were chosen by measuring: `jpeg-encoder` takes half of the time of the `image` crate's own at the same quality. PNG
//! (`png.rs`) and WebP (`webp.rs`) are our own: the crates `png` and `image-webp` have one thread, and the latter cannot be interrupted
//! and writes other bytes on 64 bits than on wasm's 32.

use super::image_decode::ImageFormat;
use super::image_resize::{is_opaque, premultiply};
use super::{png, webp};
use crate::image::Image;
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Array, Job, Kernel, KernelError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// Encodes an image as a file.
///
/// PNG's bands are independent: they are shards. WebP's codes are made for the picture as a whole, so that one is not handed out, but done in
/// turns where an event loop waits for it. A JPEG is made at once: it is another crate's.
pub struct ImageEncode;

/// What to encode, and how.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageEncodeParams {
    /// The image. For WebP at most 16383 pixels a side.
    pub image: Image,
    /// The kind of file. `png` and `webp` keep every pixel as it is; `jpeg` is lossy and shows transparent pixels over
    /// black, as a canvas does.
    pub format: ImageFormat,
    /// Of a JPEG: 1 (small) to 100 (near lossless), 85 unless told. Below 90 colours have half of the resolution. Other
    /// formats take none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<u32>,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ImageEncodeOutput {
    /// The bytes of the file. A PNG of an opaque image has no alpha.
    pub data: Array<u8>,
}

/// A JPEG's quality unless told.
const QUALITY: u32 = 85;

impl Kernel for ImageEncode {
    const NAME: &'static str = "image.encode";
    const ABOUT: &'static str = "Encodes RGBA pixels as a PNG, JPEG or WebP file.";
    type Params = ImageEncodeParams;
    type Output = ImageEncodeOutput;
    type Part = ();

    fn validate(p: &ImageEncodeParams) -> Result<(), KernelError> {
        p.image.validate("image")?;
        match (p.format, p.quality) {
            (ImageFormat::Jpeg, Some(quality)) if !(1..=100).contains(&quality) => {
                return Err(KernelError::bad_params("quality", format!("must be 1 to 100, got {quality}")));
            }
            (ImageFormat::Png | ImageFormat::Webp, Some(_)) => {
                return Err(KernelError::bad_params("quality", "only `jpeg` has a quality: png and webp lose nothing"));
            }
            _ => {}
        }
        if p.format == ImageFormat::Webp {
            for (field, side) in [("image.width", p.image.width), ("image.height", p.image.height)] {
                if side > webp::MAX_SIDE {
                    let message =
                        format!("a WebP has at most {} pixels a side, got {side}; png takes more", webp::MAX_SIDE);
                    return Err(KernelError::bad_params(field, message));
                }
            }
        }
        Ok(())
    }

    fn run(p: ImageEncodeParams, job: &Job) -> Result<ImageEncodeOutput, KernelError> {
        job.check()?;
        let data = match p.format {
            ImageFormat::Png => png::encode(&p.image, is_opaque(&p.image.data, job)?, job)?,
            ImageFormat::Jpeg => jpeg(p.image, p.quality.unwrap_or(QUALITY) as u8, job)?,
            ImageFormat::Webp => webp::encode(&p.image, job)?,
        };
        job.check()?;
        Ok(ImageEncodeOutput { data: data.into() })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

impl Rounds for ImageEncode {
    type Shard = png::Shard;
    type Given = png::Band;
    type State = Encoding;

    fn begin(p: ImageEncodeParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        match p.format {
            _ if p.image.data.len() <= FEW => Ok(Round::Whole(p)),
            ImageFormat::Png if aim.short => Ok(Encoding::Png(Box::new(png::Encoding::new(p.image))).round()),
            ImageFormat::Webp if aim.short => Ok(Encoding::Webp(Box::new(webp::Encoding::new(p.image)?)).round()),
            ImageFormat::Png => {
                let layout = png::Layout::of(&p.image, is_opaque(&p.image.data, &Job::detached())?);
                let shards = layout.shards(&p.image, aim.pieces);
                if shards.is_empty() {
                    return Ok(Round::Whole(p));
                }
                let state = Encoding::PngShards(layout, shards.len());
                Ok(Round::Next { shards, progress: state.progress(), state })
            }
            ImageFormat::Jpeg | ImageFormat::Webp => Ok(Round::Whole(p)),
        }
    }

    fn run_shard(shard: png::Shard, job: &Job) -> Result<png::Band, KernelError> {
        shard.run(job)
    }

    fn go_on(mut state: Encoding, given: Vec<png::Band>, job: &Job) -> Result<Round<Self>, KernelError> {
        // Units that are done here are in what is returned.
        let file = job.stage(0, |job| match &mut state {
            Encoding::Png(encoding) => encoding.turn(job),
            Encoding::Webp(encoding) => encoding.turn(job),
            Encoding::PngShards(_, count) if *count != given.len() => Err(shard::strange_outputs()),
            Encoding::PngShards(layout, _) => layout.file(&given).map(Some),
        })?;
        let Some(file) = file else { return Ok(state.round()) };
        Ok(Round::Done { output: ImageEncodeOutput { data: file.into() }, total: state.progress().1 })
    }
}

/// Bytes of an image that is encoded at once: some milliseconds at most.
const FEW: usize = 1 << 18;

/// An image that is being encoded.
pub enum Encoding {
    /// In turns.
    Png(Box<png::Encoding>),
    /// In so many shards.
    PngShards(png::Layout, usize),
    /// In turns.
    Webp(Box<webp::Encoding>),
}

impl Encoding {
    /// Units that are done before the next round, and in all.
    fn progress(&self) -> (u64, u64) {
        match self {
            Self::Png(encoding) => encoding.progress(),
            Self::PngShards(layout, _) => (0, layout.height.into()),
            Self::Webp(encoding) => encoding.progress(),
        }
    }

    /// A turn, when the event loop had its own.
    fn round(self) -> Round<ImageEncode> {
        Round::Next { shards: vec![], progress: self.progress(), state: self }
    }
}

/// What an encoder says, in the job's terms.
fn failure(error: impl std::fmt::Display, job: &Job) -> KernelError {
    match job.check() {
        Err(cancelled) => cancelled.into(),
        Ok(()) => KernelError::failed(format!("the image could not be encoded: {error}")),
    }
}

fn jpeg(image: Image, quality: u8, job: &Job) -> Result<Vec<u8>, KernelError> {
    job.set_total(1);
    let (width, height) = (image.width as u16, image.height as u16);
    let mut pixels = image.data;
    if !is_opaque(&pixels, job)? {
        // Scaled by alpha is drawn over black; the encoder drops the alpha itself.
        let mut scaled = pixels.take(job)?;
        premultiply(&mut scaled, job)?;
        pixels = scaled.into();
    }
    let mut out = Interruptible { file: Vec::new(), job };
    jpeg_encoder::Encoder::new(&mut out, quality)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgba)
        .map_err(|error| failure(error, job))?;
    job.advance(1);
    Ok(out.file)
}

/// A file in the making: writing fails once the job is cancelled.
struct Interruptible<'a> {
    file: Vec<u8>,
    job: &'a Job,
}

impl Write for Interruptible<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.job.check().map_err(|_| std::io::Error::other("the job was cancelled"))?;
        self.file.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::kernels::{ImageDecode, ImageDecodeParams};
    use crate::shard::testing::{Seen, check_aims};
    use proptest::prelude::*;

    fn encode(image: &Image, format: ImageFormat, quality: Option<u32>) -> Vec<u8> {
        let params = ImageEncodeParams { image: image.clone(), format, quality };
        run::<ImageEncode>(params, &Job::detached()).unwrap().data.into_vec()
    }

    fn decode(data: Vec<u8>) -> (Image, ImageFormat) {
        let output = run::<ImageDecode>(ImageDecodeParams { data: data.into() }, &Job::detached()).unwrap();
        (output.image, output.format)
    }

    fn photograph() -> Image {
        decode(std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hubble_deep_field.jpg")).unwrap()).0
    }

    fn noise(width: u32, height: u32, alpha: Option<u8>) -> Image {
        let random = |i: u32| (i.wrapping_add(1).wrapping_mul(2_654_435_761) ^ i.wrapping_mul(40_503) >> 7) >> 13;
        let byte = |i: u32| if i % 4 == 3 { alpha.unwrap_or(random(i) as u8) } else { random(i) as u8 };
        Image::new(width, height, (0..width * height * 4).map(byte).collect())
    }

    /// Signal to noise of the colours in decibels.
    fn psnr(a: &Image, b: &Image) -> f64 {
        assert_eq!((a.width, a.height), (b.width, b.height));
        let squares = a.data.iter().zip(&*b.data).map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2)).sum::<f64>();
        10.0 * (255.0_f64.powi(2) * a.data.len() as f64 * 0.75 / squares).log10()
    }

    #[test]
    fn lossless_formats_lose_nothing() {
        for format in [ImageFormat::Png, ImageFormat::Webp] {
            for image in
                [noise(1, 1, None), noise(37, 23, None), noise(64, 3, Some(255)), noise(5, 90, Some(0)), photograph()]
            {
                let (decoded, seen) = decode(encode(&image, format, None));
                assert!(decoded == image && seen == format, "{format:?} of {}×{}", image.width, image.height);
            }
        }
    }

    #[test]
    fn rounds_make_the_whole() {
        let mut few = noise(1400, 900, Some(255));
        let last = few.data.len() - 1;
        few.data[last] = 7;
        for (image, shards) in [
            (noise(1, 1, None), 0),
            (noise(300, 200, None), 0),
            (noise(300, 300, None), 0),
            (noise(1400, 900, None), 5),
            (noise(1400, 900, Some(255)), 3),
            (few, 5),
            (noise(7, 16_383, None), 0),
            (noise(16_383, 41, None), 2),
            (photograph(), 2),
        ] {
            for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Webp] {
                let params = ImageEncodeParams { image: image.clone(), format, quality: None };
                let what = format!("{format:?} of {}×{}", image.width, image.height);
                let many: &[usize] = if format == ImageFormat::Png { &[1, 2, 3, 7, 64, 256] } else { &[7] };
                let mut aims: Vec<Aim> = many.iter().map(|&pieces| Aim { pieces, short: false }).collect();
                aims.push(Aim { pieces: 256, short: true });
                let mut long = check_aims::<ImageEncode>(&params, &aims);
                let Seen { rounds, shards: handed_out } = long.pop().unwrap();
                assert!(long.iter().all(|seen| seen.rounds <= 1));
                let most = long.iter().map(|seen| seen.shards).max();
                assert_eq!(most, Some(if format == ImageFormat::Png { shards } else { 0 }), "{what}");
                let many = image.data.len() > FEW && format != ImageFormat::Jpeg;
                assert!(handed_out == 0 && if many { rounds > 3 } else { rounds == 0 }, "{what}: {rounds} turns");
            }
        }
    }

    #[test]
    fn an_opaque_png_has_no_alpha() {
        assert_eq!(encode(&noise(9, 9, Some(255)), ImageFormat::Png, None)[25], 2, "colour type RGB");
        assert_eq!(encode(&noise(9, 9, None), ImageFormat::Png, None)[25], 6, "colour type RGBA");
    }

    #[test]
    fn a_png_of_noise_is_hardly_longer_than_the_noise() {
        for (image, channels) in [(noise(300, 200, None), 4), (noise(300, 200, Some(255)), 3)] {
            let raw = 200 * (300 * channels + 1);
            let length = encode(&image, ImageFormat::Png, None).len();
            assert!(length < raw + raw / 50 + 100, "{length} for {raw}");
        }
    }

    #[test]
    fn a_jpeg_is_like_its_image_and_quality_counts() {
        let image = photograph();
        let mut before = (0, 0.0);
        for (quality, least) in [(Some(30), 27.0), (None, 32.0), (Some(95), 42.0)] {
            let data = encode(&image, ImageFormat::Jpeg, quality);
            let length = data.len();
            let (decoded, format) = decode(data);
            assert_eq!(format, ImageFormat::Jpeg);
            let psnr = psnr(&decoded, &image);
            assert!(psnr > least && psnr > before.1 && length > before.0, "{quality:?}: {psnr} dB, {length} bytes");
            before = (length, psnr);
        }
        assert_eq!(
            encode(&noise(30, 20, Some(255)), ImageFormat::Jpeg, None),
            encode(&noise(30, 20, Some(255)), ImageFormat::Jpeg, Some(QUALITY))
        );
    }

    #[test]
    fn a_jpeg_shows_transparent_pixels_over_black() {
        let pixel = |alpha| {
            let image = Image::new(16, 16, [255, 255, 255, alpha].repeat(256));
            decode(encode(&image, ImageFormat::Jpeg, Some(100))).0.data[..4].to_vec()
        };
        assert_eq!(pixel(255), [255, 255, 255, 255]);
        assert_eq!(pixel(0), [0, 0, 0, 255]);
        assert!(pixel(128)[..3].iter().all(|&value| value.abs_diff(128) <= 1));
    }

    #[test]
    fn unusable_params_are_named() {
        let refused = |width, height, format, quality| {
            let image = Image::new(width, height, vec![255; width as usize * height as usize * 4]);
            match run::<ImageEncode>(ImageEncodeParams { image, format, quality }, &Job::detached()) {
                Err(KernelError::BadParams { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(2, 2, ImageFormat::Jpeg, Some(0)), "quality");
        assert_eq!(refused(2, 2, ImageFormat::Jpeg, Some(101)), "quality");
        assert_eq!(refused(2, 2, ImageFormat::Png, Some(90)), "quality");
        assert_eq!(refused(2, 2, ImageFormat::Webp, Some(90)), "quality");
        assert_eq!(refused(16_384, 1, ImageFormat::Webp, None), "image.width");
        assert_eq!(refused(1, 16_384, ImageFormat::Webp, None), "image.height");
        assert_eq!(refused(0, 1, ImageFormat::Png, None), "image.width");
        let image = Image { width: 2, height: 2, data: vec![0; 15].into() };
        let params = ImageEncodeParams { image, format: ImageFormat::Png, quality: None };
        let error = run::<ImageEncode>(params, &Job::detached()).unwrap_err();
        assert!(error.to_string().starts_with("image.data: must hold"), "{error}");
    }

    #[test]
    fn the_longest_sides() {
        for (width, height, format) in [
            (65_535, 1, ImageFormat::Png),
            (1, 65_535, ImageFormat::Png),
            (65_535, 1, ImageFormat::Jpeg),
            (1, 65_535, ImageFormat::Jpeg),
            (16_383, 1, ImageFormat::Webp),
            (1, 16_383, ImageFormat::Webp),
        ] {
            let (decoded, _) = decode(encode(&noise(width, height, None), format, None));
            assert_eq!((decoded.width, decoded.height), (width, height));
        }
    }

    #[test]
    fn a_cancelled_job_stops_between_rows_and_writes() {
        let image = noise(2000, 2000, None);
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Webp] {
            let job = Job::detached();
            job.control().request_cancel();
            let params = ImageEncodeParams { image: image.clone(), format, quality: None };
            assert_eq!(run::<ImageEncode>(params, &job).unwrap_err(), KernelError::Cancelled);
        }
        let job = Job::detached();
        let stopped = std::thread::scope(|scope| {
            scope.spawn(|| {
                while job.progress().0 == 0 {
                    std::thread::yield_now();
                }
                job.control().request_cancel();
            });
            let params = ImageEncodeParams { image: image.clone(), format: ImageFormat::Png, quality: None };
            run::<ImageEncode>(params, &job)
        });
        // Nothing else may come of it: after the rows there is one more look at the job.
        assert_eq!(stopped.unwrap_err(), KernelError::Cancelled);

        let job = Job::detached();
        let mut file = Interruptible { file: Vec::new(), job: &job };
        assert_eq!(file.write(b"ab").unwrap(), 2);
        job.control().request_cancel();
        assert!(file.write(b"c").is_err());
    }

    proptest! {
        #[test]
        fn any_image_comes_back(width in 1_u32..40, height in 1_u32..40, seed in any::<u32>(), coarse in 0_u8..8) {
            let byte = |i: u32| ((i ^ seed).wrapping_mul(2_654_435_761) >> 20) as u8 >> coarse << coarse;
            let image = Image::new(width, height, (0..width * height * 4).map(byte).collect());
            for format in [ImageFormat::Png, ImageFormat::Webp] {
                prop_assert!(decode(encode(&image, format, None)).0 == image);
            }
            let (jpeg, _) = decode(encode(&image, ImageFormat::Jpeg, Some(50)));
            prop_assert_eq!((jpeg.width, jpeg.height), (width, height));
        }
    }
}
