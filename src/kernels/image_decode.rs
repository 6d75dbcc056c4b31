//! Decodes an image file: PNG, JPEG or WebP, told apart by content, to upright RGBA pixels.
//!
//! The codecs are the `image` crate's. This room bounds what a file may ask for before memory is taken, refuses files
//! that end early, and turns every failure into a sentence about `data`.

use crate::image::{Image, MAX_PIXELS, MAX_SIDE};
use crate::{Array, Job, Kernel, KernelError};
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};

/// Decodes an image file.
pub struct ImageDecode;

/// The file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageDecodeParams {
    /// The bytes of a PNG, JPEG or WebP file; its content says which. At most 65535 pixels a side and 2²⁸ in all.
    pub data: Array<u8>,
}

/// The picture.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ImageDecodeOutput {
    /// The pixels, turned upright where EXIF says so. 16-bit samples are rounded to 8; colour profiles are not applied.
    /// Of an animated WebP the first frame, of an animated PNG its still image.
    pub image: Image,
    /// What the file is.
    pub format: ImageFormat,
}

/// A file format that is read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// Portable Network Graphics: lossless, with alpha.
    Png,
    /// JPEG: lossy, without alpha.
    Jpeg,
    /// WebP: both kinds are read, the lossless one is written; with alpha.
    Webp,
}

impl Kernel for ImageDecode {
    const NAME: &'static str = "image.decode";
    const ABOUT: &'static str = "Decodes a PNG, JPEG or WebP file to RGBA pixels.";
    type Params = ImageDecodeParams;
    type Output = ImageDecodeOutput;
    type Part = ();

    fn validate(p: &ImageDecodeParams) -> Result<(), KernelError> {
        recognise(&p.data).map(drop)
    }

    fn run(p: ImageDecodeParams, job: &Job) -> Result<ImageDecodeOutput, KernelError> {
        job.check()?;
        job.set_total(1);
        let (format, codec) = recognise(&p.data)?;
        if format == ImageFormat::Jpeg {
            check_jpeg(&p.data)?;
        }
        let picture = decode(&p.data, codec, job).map_err(|error| match (job.check(), error) {
            // Whatever the decoder makes of a read that failed because of it.
            (Err(cancelled), _) => cancelled.into(),
            (_, Refusal::Codec(error)) => refuse(format!("the file cannot be decoded: {error}")),
            (_, Refusal::Size(sentence)) => refuse(sentence),
        })?;
        job.check()?;
        let pixels = picture.into_rgba8();
        job.advance(1);
        Ok(ImageDecodeOutput { image: Image::new(pixels.width(), pixels.height(), pixels.into_raw()), format })
    }
}

/// The error of a file that is no good, with what is accepted.
fn refuse(sentence: impl std::fmt::Display) -> KernelError {
    KernelError::bad_params("data", format!("{sentence}; whole PNG, JPEG and WebP files are read"))
}

/// The format, ours and the crate's, by the first bytes.
fn recognise(data: &[u8]) -> Result<(ImageFormat, image::ImageFormat), KernelError> {
    match image::guess_format(data) {
        Ok(codec @ image::ImageFormat::Png) => Ok((ImageFormat::Png, codec)),
        Ok(codec @ image::ImageFormat::Jpeg) => Ok((ImageFormat::Jpeg, codec)),
        Ok(codec @ image::ImageFormat::WebP) => Ok((ImageFormat::Webp, codec)),
        Ok(other) => Err(refuse(format!("a file of the format {other:?} is not supported"))),
        Err(_) if data.is_empty() => Err(refuse("the file is empty")),
        Err(_) => Err(refuse(format!("the {} bytes do not begin like an image file that is known", data.len()))),
    }
}

/// Why a file was not decoded.
enum Refusal {
    Codec(ImageError),
    Size(String),
}

impl From<ImageError> for Refusal {
    fn from(error: ImageError) -> Self {
        Self::Codec(error)
    }
}

/// The most bytes of samples that a decoder may make: 8-bit RGBA of [`MAX_PIXELS`].
const MAX_BYTES: u64 = MAX_PIXELS * 4;

/// The most pixels that a byte of PNG or JPEG can stand for: deflate's 1032 bytes of 8 one-bit pixels each; JPEG spends a
/// bit at least on 64. (In lossless WebP a picture of one colour takes no bits at all.)
const MAX_PIXELS_PER_BYTE: u64 = 1032 * 8;

fn decode(data: &[u8], codec: image::ImageFormat, job: &Job) -> Result<DynamicImage, Refusal> {
    let mut reader = ImageReader::with_format(Interruptible { file: Cursor::new(data), job }, codec);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > MAX_PIXELS || decoder.total_bytes() > MAX_BYTES {
        return Err(Refusal::Size(format!(
            "the picture must have 1 to {MAX_PIXELS} pixels and at most {MAX_BYTES} bytes of samples, got {width} × {height}"
        )));
    }
    if codec != image::ImageFormat::WebP && pixels / MAX_PIXELS_PER_BYTE > data.len() as u64 {
        return Err(Refusal::Size(format!(
            "the header says {width} × {height} pixels, more than {} bytes can hold",
            data.len()
        )));
    }
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Follows a JPEG's markers from its start to its end.
///
/// The decoder paints what is missing grey and calls it success, so a file that ends early is found here.
fn check_jpeg(data: &[u8]) -> Result<(), KernelError> {
    const END: u8 = 0xD9;
    const SCAN: u8 = 0xDA;
    const BASELINE: [u8; 2] = [0xC0, 0xC1];
    let truncated = || refuse("the JPEG file ends before its end marker, so a part of it is missing");
    // Components of a baseline frame that has any subsampled.
    let mut subsampled = None;
    let mut at = 0;
    loop {
        // A marker is FF and a code; FF 00 is a byte of data, further FFs are padding.
        at += data.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == 0xFF)).ok_or_else(truncated)? + 1;
        let marker = *data.get(at).ok_or_else(truncated)?;
        match marker {
            END => return Ok(()),
            // Not a marker, or one without a length: start of image, restart points.
            0x00 | 0xFF | 0x01 | 0xD0..=0xD8 => continue,
            _ => {}
        }
        let length = match data.get(at + 1..at + 3) {
            Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
            _ => return Err(truncated()),
        };
        let segment = data.get(at + 3..at + 1 + length.max(2)).ok_or_else(truncated)?;
        if BASELINE.contains(&marker) && segment.len() >= 6 {
            let uneven = segment[6..].chunks_exact(3).any(|component| component[1] != 0x11);
            subsampled = uneven.then_some(segment[5]);
        }
        // zune-jpeg 0.5.15 gives wrong colours here and no error (etemesi254/zune-image#422, mended in 0.5.16).
        if marker == SCAN && segment.first().is_some_and(|&planes| subsampled.is_some_and(|all| planes < all)) {
            return Err(refuse("a baseline JPEG with subsampled colour in scans of its own is not supported"));
        }
        at += 1 + length.max(2);
    }
}

/// The file as decoders read it: reading fails once the job is cancelled.
///
/// PNG and WebP decoders read as they go; JPEG's reads all at first and decodes without a stop, some 10 ns a pixel.
struct Interruptible<'a> {
    file: Cursor<&'a [u8]>,
    job: &'a Job,
}

/// Bytes between two looks at the job: as PNG often no more than a few rows of pixels.
const BITE: usize = 4096;

impl Interruptible<'_> {
    fn check(&self) -> std::io::Result<()> {
        self.job.check().map_err(|_| std::io::Error::other("the job was cancelled"))
    }
}

impl Read for Interruptible<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.check()?;
        self.file.read(buffer)
    }
}

impl BufRead for Interruptible<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.check()?;
        let rest = self.file.fill_buf()?;
        Ok(&rest[..rest.len().min(BITE)])
    }
    fn consume(&mut self, bytes: usize) {
        self.file.consume(bytes);
    }
}

impl Seek for Interruptible<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}
