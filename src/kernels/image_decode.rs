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
///
/// Its jobs do not divide: each format is one stream of bits, in which a row's start is known when the rows before it are decoded.
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

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};
    use proptest::prelude::*;

    fn file(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    fn decode(data: Vec<u8>) -> Result<ImageDecodeOutput, KernelError> {
        run::<ImageDecode>(ImageDecodeParams { data: data.into() }, &Job::detached())
    }

    /// The sentence about `data` with which a file is refused.
    fn refused(data: Vec<u8>) -> String {
        match decode(data) {
            Err(KernelError::BadParams { field, message }) if field == "data" => message,
            other => panic!("{other:?}"),
        }
    }

    fn png_of(samples: &[u8], width: u32, height: u32, colour: ExtendedColorType) -> Vec<u8> {
        let mut data = Vec::new();
        PngEncoder::new(&mut data).write_image(samples, width, height, colour).unwrap();
        data
    }

    /// The largest difference of any channel to a PNG of the references.
    fn worst(image: &Image, reference: &str) -> u8 {
        let expected = decode(file(reference)).unwrap().image;
        assert_eq!((image.width, image.height), (expected.width, expected.height));
        image.data.iter().zip(&*expected.data).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    }

    #[test]
    fn a_photograph() {
        let ImageDecodeOutput { image, format } = decode(file("hubble_deep_field.jpg")).unwrap();
        assert_eq!((image.width, image.height, format), (1000, 872, ImageFormat::Jpeg));
        assert!(image.data.iter().skip(3).step_by(4).all(|&alpha| alpha == 255));
    }

    #[test]
    fn every_orientation_comes_out_upright() {
        for orientation in 1..=8 {
            let image = decode(file(&format!("image/decode-orientation{orientation}.jpg"))).unwrap().image;
            // JPEG's loss at quality 95; a wrong turn differs by 180.
            assert!(worst(&image, "image/upright.png") <= 12, "orientation {orientation}");
        }
    }

    #[test]
    fn every_kind_of_colour() {
        for (name, reference, tolerance, format) in [
            ("cmyk.jpg", "upright", 16, ImageFormat::Jpeg),
            ("progressive.jpg", "upright", 12, ImageFormat::Jpeg),
            ("grey.jpg", "decode-grey", 5, ImageFormat::Jpeg),
            ("palette.png", "decode-palette-rgba", 0, ImageFormat::Png),
            ("lossy.webp", "decode-lossy-rgba", 2, ImageFormat::Webp),
            ("animated.webp", "upright", 0, ImageFormat::Webp),
        ] {
            let output = decode(file(&format!("image/decode-{name}"))).unwrap();
            let worst = worst(&output.image, &format!("image/{reference}.png"));
            assert!(worst <= tolerance, "{name}: {worst}");
            assert_eq!(output.format, format);
        }
    }

    #[test]
    fn png_samples_of_every_width() {
        let pixel = |data: Vec<u8>| decode(data).unwrap().image.data.to_vec();
        assert_eq!(pixel(png_of(&[200], 1, 1, ExtendedColorType::L8)), [200, 200, 200, 255]);
        assert_eq!(pixel(png_of(&[200, 3], 1, 1, ExtendedColorType::La8)), [200, 200, 200, 3]);
        assert_eq!(pixel(png_of(&[1, 2, 3], 1, 1, ExtendedColorType::Rgb8)), [1, 2, 3, 255]);
        assert_eq!(pixel(png_of(&[1, 2, 3, 0], 1, 1, ExtendedColorType::Rgba8)), [1, 2, 3, 0]);
        // 16 bits round to nearest: 0x80FF / 257 = 128.49, 0x0180 / 257 = 1.49, 0x0182 / 257 = 1.502.
        let wide: Vec<u8> = [0x80FF_u16, 0x0180, 0x0182, 0xFFFF].into_iter().flat_map(u16::to_ne_bytes).collect();
        assert_eq!(pixel(png_of(&wide, 1, 1, ExtendedColorType::Rgba16)), [128, 1, 2, 255]);
        // One bit a pixel, three pixels a row: black, white, black.
        let mut bits = Vec::new();
        let mut encoder = png::Encoder::new(&mut bits, 3, 1);
        encoder.set_depth(png::BitDepth::One);
        encoder.write_header().unwrap().write_image_data(&[0b0100_0000]).unwrap();
        assert_eq!(pixel(bits), [0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 255]);
    }

    #[test]
    fn what_is_no_image_is_refused_before_the_job_starts() {
        for (data, says) in [
            (&b""[..], "the file is empty"),
            (b"hello", "the 5 bytes do not begin"),
            (b"GIF89a_________", "a file of the format Gif"),
        ] {
            let error = ImageDecode::validate(&ImageDecodeParams { data: data.to_vec().into() }).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("data: ") && text.contains(says) && text.contains("PNG, JPEG and WebP"), "{text}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        for name in [
            "decode-progressive.jpg",
            "decode-orientation6.jpg",
            "decode-cmyk.jpg",
            "decode-palette.png",
            "upright.png",
            "decode-lossy.webp",
            "decode-animated.webp",
        ] {
            let whole = file(&format!("image/{name}"));
            let picture = decode(whole.clone()).unwrap();
            for length in 0..whole.len() {
                // What follows the pixels may be missing, but never a pixel.
                match decode(whole[..length].to_vec()) {
                    Ok(output) => assert!(!name.ends_with("jpg") && output == picture, "{name} cut to {length}"),
                    Err(KernelError::BadParams { field, .. }) => assert_eq!(field, "data"),
                    Err(other) => panic!("{name} cut to {length}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn a_header_that_lies_is_refused_before_memory_is_taken() {
        // 60000 × 60000 and 15000 × 15000 in files of a few hundred bytes.
        for side in [60_000_u32, 15_000] {
            let mut png = file("image/upright.png");
            png[16..20].copy_from_slice(&side.to_be_bytes());
            png[20..24].copy_from_slice(&side.to_be_bytes());
            let crc = crc32(&png[12..29]);
            png[29..33].copy_from_slice(&crc.to_be_bytes());
            let message = refused(png);
            assert!(message.contains(&format!("{side} × {side}")), "{message}");

            let mut jpeg = file("image/decode-progressive.jpg");
            let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC2]).unwrap();
            jpeg[frame + 5..frame + 7].copy_from_slice(&(side as u16).to_be_bytes());
            jpeg[frame + 7..frame + 9].copy_from_slice(&(side as u16).to_be_bytes());
            let message = refused(jpeg);
            assert!(message.contains(&format!("{side} × {side}")), "{message}");
        }
        let long = png_of(&vec![0; 65_536], 65_536, 1, ExtendedColorType::L8);
        assert!(refused(long).contains("imit"));
    }

    /// PNG's checksum, bit by bit.
    fn crc32(data: &[u8]) -> u32 {
        !data.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
        })
    }

    #[test]
    fn colour_in_scans_of_its_own_is_right_or_refused() {
        // jpeg-encoder writes a scan for each plane when it optimises its tables.
        let upright = decode(file("image/upright.png")).unwrap().image;
        let encode = |sampling| {
            let mut data = Vec::new();
            let mut encoder = jpeg_encoder::Encoder::new(&mut data, 95);
            encoder.set_optimized_huffman_tables(true);
            encoder.set_sampling_factor(sampling);
            encoder.encode(&upright.data, 24, 16, jpeg_encoder::ColorType::Rgba).unwrap();
            data
        };
        let even = decode(encode(jpeg_encoder::SamplingFactor::F_1_1)).unwrap().image;
        assert!(worst(&even, "image/upright.png") <= 12);
        assert!(refused(encode(jpeg_encoder::SamplingFactor::F_2_2)).contains("scans of its own"));
    }

    #[test]
    fn a_cancelled_job_stops_while_it_reads() {
        // 4 MB of noise: without the reader's look at the job the decoder would go through all of it.
        let noise: Vec<u8> = (0..1_000_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        let data = png_of(&noise, 1000, 1000, ExtendedColorType::Rgba8);
        let job = Job::detached();
        let mut reader = Interruptible { file: Cursor::new(&data), job: &job };
        assert_eq!(reader.fill_buf().unwrap().len(), BITE);
        job.control().request_cancel();
        assert!(reader.fill_buf().is_err() && reader.read(&mut [0]).is_err());
        let result = decode_with(&data, &job);
        assert_eq!(result.unwrap_err(), KernelError::Cancelled);
    }

    fn decode_with(data: &[u8], job: &Job) -> Result<ImageDecodeOutput, KernelError> {
        run::<ImageDecode>(ImageDecodeParams { data: data.to_vec().into() }, job)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn damaged_files_never_panic(
            which in 0..5_usize,
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let names =
                ["decode-progressive.jpg", "decode-orientation6.jpg", "decode-palette.png", "decode-lossy.webp", "decode-animated.webp"];
            let mut data = file(&format!("image/{}", names[which]));
            for (at, byte) in damage {
                let at = at.index(data.len());
                data[at] = byte;
            }
            if cut.index(4) == 0 {
                data.truncate(cut.index(data.len()));
            }
            match decode(data) {
                Ok(_) => {}
                Err(KernelError::BadParams { field, .. }) => prop_assert_eq!(field, "data"),
                Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
            }
        }

        #[test]
        fn random_bytes_behind_a_signature_never_panic(which in 0..3_usize, tail in prop::collection::vec(any::<u8>(), 0..300)) {
            let signatures = [&b"\x89PNG\r\n\x1a\n"[..], b"\xFF\xD8\xFF", b"RIFF\x40\0\0\0WEBPVP8 "];
            let data = [signatures[which], &tail].concat();
            match decode(data) {
                Ok(_) => {}
                Err(KernelError::BadParams { field, .. }) => prop_assert_eq!(field, "data"),
                Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
            }
        }
    }
}
