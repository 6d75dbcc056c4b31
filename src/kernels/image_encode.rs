//! Encodes an image as a file: PNG and WebP without loss, JPEG at a quality.
//!
//! The codecs were chosen by measuring: `png` with fdeflate takes a twentieth of the time of zlib's default level for 5%
//! more bytes; `jpeg-encoder` half of the time of the `image` crate's own at the same quality; `image-webp` is the
//! WebP encoder in Rust, and it knows the lossless kind only.

use super::image_decode::ImageFormat;
use super::image_resize::{is_opaque, premultiply};
use crate::image::Image;
use crate::{Array, Job, Kernel, KernelError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// Encodes an image as a file.
pub struct ImageEncode;

/// What to encode, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageEncodeParams {
    /// The image. For WebP at most 16383 pixels a side.
    pub image: Image,
    /// The kind of file. `png` and `webp` keep every pixel as it is; `jpeg` is lossy and shows transparent pixels over
    /// black, as a canvas does.
    pub format: ImageFormat,
    /// Of a JPEG: 1 (small) to 100 (near lossless), 85 unless told. Below 90 colours have half of the resolution. Other
    /// formats take none.
    #[serde(default)]
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

/// WebP's longest side.
const MAX_WEBP_SIDE: u32 = 16_383;

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
                if side > MAX_WEBP_SIDE {
                    let message = format!("a WebP has at most {MAX_WEBP_SIDE} pixels a side, got {side}; png takes more");
                    return Err(KernelError::bad_params(field, message));
                }
            }
        }
        Ok(())
    }

    fn run(p: ImageEncodeParams, job: &Job) -> Result<ImageEncodeOutput, KernelError> {
        job.check()?;
        let data = match p.format {
            ImageFormat::Png => png(&p.image, job)?,
            ImageFormat::Jpeg => jpeg(p.image, p.quality.unwrap_or(QUALITY) as u8, job)?,
            ImageFormat::Webp => webp(&p.image, job)?,
        };
        job.check()?;
        Ok(ImageEncodeOutput { data: data.into() })
    }
}

/// What an encoder says, in the job's terms.
fn failure(error: impl std::fmt::Display, job: &Job) -> KernelError {
    match job.check() {
        Err(cancelled) => cancelled.into(),
        Ok(()) => KernelError::failed(format!("the image could not be encoded: {error}")),
    }
}

fn png(image: &Image, job: &Job) -> Result<Vec<u8>, KernelError> {
    let opaque = is_opaque(&image.data, job)?;
    let fast = png_at(image, opaque, png::Compression::Fast, job)?;
    // The fast method makes noise longer than it is; then no method is better.
    let channels = if opaque { 3 } else { 4 };
    if fast.len() as u64 <= u64::from(image.height) * (u64::from(image.width) * channels + 1) {
        return Ok(fast);
    }
    png_at(image, opaque, png::Compression::NoCompression, job)
}

fn png_at(image: &Image, opaque: bool, compression: png::Compression, job: &Job) -> Result<Vec<u8>, KernelError> {
    let failed = |error: png::EncodingError| failure(error, job);
    job.set_total(u64::from(image.height));
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, image.width, image.height);
    encoder.set_color(if opaque { png::ColorType::Rgb } else { png::ColorType::Rgba });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(compression);
    let mut writer = encoder.write_header().map_err(failed)?;
    let mut rows = writer.stream_writer_with_size(1 << 16).map_err(failed)?;
    let mut rgb = Vec::with_capacity(if opaque { image.width as usize * 3 } else { 0 });
    for row in image.data.chunks_exact(image.width as usize * 4) {
        job.check()?;
        if opaque {
            rgb.clear();
            rgb.extend(row.as_chunks().0.iter().flat_map(|&[r, g, b, _]: &[u8; 4]| [r, g, b]));
            rows.write_all(&rgb)
        } else {
            rows.write_all(row)
        }
        .map_err(|error| failure(error, job))?;
        job.advance(1);
    }
    rows.finish().map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

fn jpeg(image: Image, quality: u8, job: &Job) -> Result<Vec<u8>, KernelError> {
    job.set_total(1);
    let (width, height) = (image.width as u16, image.height as u16);
    let mut pixels = image.data.into_vec();
    if !is_opaque(&pixels, job)? {
        // Scaled by alpha is drawn over black; the encoder drops the alpha itself.
        premultiply(&mut pixels, job)?;
    }
    let mut out = Interruptible { file: Vec::new(), job };
    jpeg_encoder::Encoder::new(&mut out, quality)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgba)
        .map_err(|error| failure(error, job))?;
    job.advance(1);
    Ok(out.file)
}

/// Encoded in one go: the encoder cannot be interrupted. Some 10 ns a pixel.
fn webp(image: &Image, job: &Job) -> Result<Vec<u8>, KernelError> {
    job.set_total(1);
    let mut out = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut out)
        .encode(&image.data, image.width, image.height, image::ExtendedColorType::Rgba8)
        .map_err(|error| failure(error, job))?;
    job.advance(1);
    Ok(out)
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
