//! Decodes an image file: PNG, JPEG or WebP, told apart by content, to upright RGBA pixels.
//!
//! The codecs are `png`, `image-webp` and, but for the usual kind of JPEG (`jpeg.rs`), `zune-jpeg`. This room bounds what a file may ask for before memory is taken,
//! refuses files that end early, turns every failure into a sentence about `data`, and sees that all of it can be cancelled.

use super::in_turns::NoShard;
use super::jpeg::{self, Turned};
use super::radix::{reserve, zeros};
use crate::image::{Image, MAX_PIXELS, MAX_SIDE};
use crate::shard::{Aim, Round, Rounds, Sharding};
use crate::{Array, Job, Kernel, KernelError};
use image_webp::WebPDecoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZCursor, ZSeekFrom};
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Decodes an image file.
///
/// Its jobs are not handed out: each format is one stream of bits, in which a row's start is known when the rows before it are decoded.
/// Of a JPEG that is not progressive, one thread reads the bits while the others turn what was read into pixels. Where an event loop waits,
/// such a JPEG, and a PNG that is not interlaced, is decoded in turns; other files are decoded at once, for so their decoders are.
pub struct ImageDecode;

/// The file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
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
        let format = recognise(&p.data)?;
        let decoded = match format {
            ImageFormat::Jpeg => check_jpeg(&p.data).map_err(Refusal::Kernel).and_then(|()| decode_jpeg(&p.data, job)),
            ImageFormat::Png => decode_png(&p.data, job),
            ImageFormat::Webp => decode_webp(&p.data, job),
        };
        // Whatever the decoder made of a read that failed because of it.
        job.check()?;
        let (image, orientation) = decoded?;
        drop(p);
        let image = upright(image, orientation, job)?;
        job.advance(1);
        Ok(ImageDecodeOutput { image, format })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

impl Rounds for ImageDecode {
    type Shard = NoShard;
    type Given = ();
    type State = Decoding;

    fn begin(p: ImageDecodeParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        if !aim.short {
            return Ok(Round::Whole(p));
        }
        Ok(Decoding::File(p.data).round())
    }

    fn run_shard(shard: NoShard, _: &Job) -> Result<(), KernelError> {
        match shard {}
    }

    fn go_on(state: Decoding, _: Vec<()>, job: &Job) -> Result<Round<Self>, KernelError> {
        job.check()?;
        // Units that are done here are in what is returned.
        job.stage(0, |job| state.turn(job))
    }
}

/// A file that is decoded in turns.
pub enum Decoding {
    /// Nothing is known of it.
    File(Array<u8>),
    /// A JPEG of the usual kind.
    Jpeg(Box<JpegInTurns>),
    /// A PNG that is not interlaced.
    Png(Box<PngInTurns>),
    /// Its pixels are there, and are turned.
    Turning(Turning, ImageFormat),
}

/// Pixels that are made in a turn, roughly: some tenths of a millisecond.
const TURN: usize = 1 << 16;

impl Decoding {
    fn turn(self, job: &Job) -> Result<Round<ImageDecode>, KernelError> {
        Ok(match self {
            Self::File(data) => match recognise(&data)? {
                ImageFormat::Jpeg => match JpegInTurns::of(data, job)? {
                    Ok(jpeg) => Self::Jpeg(Box::new(jpeg)).round(),
                    Err(data) => whole(data, job)?,
                },
                ImageFormat::Png if data.get(PNG_INTERLACED) == Some(&0) => {
                    Self::Png(Box::new(PngInTurns::of(data)?)).round()
                }
                ImageFormat::Png | ImageFormat::Webp => whole(data, job)?,
            },
            Self::Jpeg(mut jpeg) => match jpeg.decoding.turn(&jpeg.data, TURN, job)? {
                Turned::More => Self::Jpeg(jpeg).round(),
                Turned::Done(pixels) => {
                    let JpegInTurns { width, height, orientation, .. } = *jpeg;
                    Self::decoded(Image::new(width, height, pixels), orientation, ImageFormat::Jpeg)?
                }
                Turned::Odd => whole(jpeg.data, job)?,
            },
            Self::Png(mut png) => {
                png.turn()?;
                if png.pixels.len() < png.width as usize * png.height as usize * 4 {
                    return Ok(Self::Png(png).round());
                }
                let orientation = png.finish()?;
                let PngInTurns { width, height, pixels, .. } = *png;
                Self::decoded(Image::new(width, height, pixels), orientation, ImageFormat::Png)?
            }
            Self::Turning(mut turning, format) => {
                let end = turning.height.min(turning.y + (TURN / turning.width).max(1));
                (turning.y..end).for_each(|_| turning.row());
                if end < turning.height {
                    return Ok(Self::Turning(turning, format).round());
                }
                done(turning.finish(), format)
            }
        })
    }

    /// What comes after the pixels as they lie in the file.
    fn decoded(image: Image, orientation: Orientation, format: ImageFormat) -> Result<Round<ImageDecode>, KernelError> {
        if orientation == Orientation::NoTransforms {
            return Ok(done(image, format));
        }
        Ok(Self::Turning(Turning::of(image, orientation)?, format).round())
    }

    /// Another turn.
    fn round(self) -> Round<ImageDecode> {
        Round::Next { shards: vec![], progress: (0, 1), state: self }
    }
}

/// A file whose decoder does all of it at once.
fn whole(data: Array<u8>, job: &Job) -> Result<Round<ImageDecode>, KernelError> {
    Ok(Round::Done { output: ImageDecode::run(ImageDecodeParams { data }, job)?, total: 1 })
}

fn done(image: Image, format: ImageFormat) -> Round<ImageDecode> {
    Round::Done { output: ImageDecodeOutput { image, format }, total: 1 }
}

/// A JPEG of the usual kind that is decoded in turns.
pub struct JpegInTurns {
    data: Array<u8>,
    width: u32,
    height: u32,
    orientation: Orientation,
    decoding: jpeg::Decoding,
}

impl JpegInTurns {
    /// The file is given back when it is of another kind.
    fn of(data: Array<u8>, job: &Job) -> Result<Result<Self, Array<u8>>, KernelError> {
        check_jpeg(&data)?;
        let file = JpegFile::open(&data, job)?;
        let (width, height, orientation) = (file.width, file.height, file.orientation());
        Ok(match jpeg::Decoding::of(&data)? {
            Some(decoding) => Ok(Self { data, width, height, orientation, decoding }),
            None => Err(data),
        })
    }
}

/// A PNG that is decoded in turns: row after row.
pub struct PngInTurns {
    reader: png::Reader<Cursor<Bytes>>,
    samples: Samples,
    width: u32,
    height: u32,
    /// A row as it lies in the file.
    row: Vec<u8>,
    pixels: Vec<u8>,
}

/// A file in memory.
struct Bytes(Array<u8>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The byte of a PNG that says whether it is interlaced (W3C, Portable Network Graphics, 11.2.1).
const PNG_INTERLACED: usize = 28;

impl PngInTurns {
    fn of(data: Array<u8>) -> Result<Self, Refusal> {
        let length = data.len();
        let PngFile { reader, samples, width, height } = PngFile::open(Cursor::new(Bytes(data)), length)?;
        let row = vec![0; width as usize * samples.bytes_per_pixel()];
        Ok(Self { reader, samples, width, height, row, pixels: reserve(width as usize * height as usize * 4)? })
    }

    /// Some rows.
    fn turn(&mut self) -> Result<(), Refusal> {
        let line = self.width as usize * 4;
        let made = self.pixels.len() / line;
        for _ in made..(self.height as usize).min(made + (TURN * 4 / line).max(1)) {
            self.reader.read_row(&mut self.row)?;
            match self.samples.convert() {
                None => self.pixels.extend_from_slice(&self.row),
                Some(convert) => {
                    self.pixels.extend(self.row.chunks_exact(self.samples.bytes_per_pixel()).flat_map(convert));
                }
            }
        }
        Ok(())
    }

    /// Reads what comes after the last row; how the picture is to be turned.
    fn finish(&mut self) -> Result<Orientation, Refusal> {
        self.reader.read_row(&mut self.row)?;
        Ok(Orientation::of(self.reader.info().exif_metadata.as_deref()))
    }
}

/// The error of a file that is no good, with what is accepted.
fn refuse(sentence: impl std::fmt::Display) -> KernelError {
    KernelError::bad_params("data", format!("{sentence}; whole PNG, JPEG and WebP files are read"))
}

/// The format, by the first bytes.
pub(super) fn recognise(data: &[u8]) -> Result<ImageFormat, KernelError> {
    match data {
        [] => Err(refuse("the file is empty")),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Ok(ImageFormat::Png),
        [0xFF, 0xD8, 0xFF, ..] => Ok(ImageFormat::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(ImageFormat::Webp),
        _ => match foreign(data) {
            Some(name) => Err(refuse(format!("a file of the format {name} is not supported"))),
            None => Err(refuse(format!("the {} bytes do not begin like an image file that is known", data.len()))),
        },
    }
}

/// The name of an image format that people have and that is not read.
fn foreign(data: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: [(&[u8], usize, &str); 9] = [
        (b"GIF8", 0, "GIF"),
        (b"BM", 0, "BMP"),
        (b"II*\0", 0, "TIFF"),
        (b"MM\0*", 0, "TIFF"),
        (b"ftypavif", 4, "AVIF"),
        (b"ftypheic", 4, "HEIC"),
        (b"\xFF\x0A", 0, "JPEG XL"),
        (b"<svg", 0, "SVG"),
        (b"\0\0\x01\0", 0, "ICO"),
    ];
    let begins = |(bytes, at, _): &&(&[u8], usize, _)| data.get(*at..).is_some_and(|rest| rest.starts_with(bytes));
    BEGINNINGS.iter().find(begins).map(|&(_, _, name)| name)
}

/// Why a file was not decoded.
enum Refusal {
    Codec(String),
    Size(String),
    Kernel(KernelError),
}

impl From<Refusal> for KernelError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Codec(error) => refuse(format!("the file cannot be decoded: {error}")),
            Refusal::Size(sentence) => refuse(sentence),
            Refusal::Kernel(error) => error,
        }
    }
}

impl From<png::DecodingError> for Refusal {
    fn from(error: png::DecodingError) -> Self {
        Self::Codec(error.to_string())
    }
}

impl From<image_webp::DecodingError> for Refusal {
    fn from(error: image_webp::DecodingError) -> Self {
        Self::Codec(error.to_string())
    }
}

impl From<KernelError> for Refusal {
    fn from(error: KernelError) -> Self {
        Self::Kernel(error)
    }
}

/// The most bytes of samples that a decoder may make: 8-bit RGBA of [`MAX_PIXELS`].
const MAX_BYTES: u64 = MAX_PIXELS * 4;

/// The most pixels that a byte of PNG or JPEG can stand for: deflate's 1032 bytes of 8 one-bit pixels each; JPEG spends a
/// bit at least on 64. (In lossless WebP a picture of one colour takes no bits at all.)
const MAX_PIXELS_PER_BYTE: u64 = 1032 * 8;

/// Refuses a picture that is too large for us, or too large for its file; `bytes` of samples.
fn check_size(width: u32, height: u32, bytes: u64, most_in_file: u64) -> Result<(), Refusal> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || width.max(height) > MAX_SIDE || pixels > MAX_PIXELS || bytes > MAX_BYTES {
        return Err(Refusal::Size(format!(
            "the picture must have 1 to {MAX_SIDE} pixels a side, {MAX_PIXELS} in all and at most {MAX_BYTES} bytes of samples, got {width} × {height}"
        )));
    }
    if pixels > most_in_file {
        return Err(Refusal::Size(format!("the header says {width} × {height} pixels, more than the file can hold")));
    }
    Ok(())
}

/// A PNG whose header is read.
struct PngFile<R: BufRead + Seek> {
    reader: png::Reader<R>,
    samples: Samples,
    width: u32,
    height: u32,
}

impl<R: BufRead + Seek> PngFile<R> {
    fn open(file: R, length: usize) -> Result<Self, Refusal> {
        let mut decoder = png::Decoder::new_with_limits(file, png::Limits { bytes: MAX_BYTES as usize });
        decoder.set_ignore_text_chunk(true);
        // Palettes become colours, a transparent colour becomes alpha, fewer than 8 bits become 8; 16 stay.
        decoder.set_transformations(png::Transformations::EXPAND);
        let (width, height) = decoder.read_header_info()?.size();
        // Before anything of its size is made.
        check_size(width, height, 0, (length as u64 + 1) * MAX_PIXELS_PER_BYTE)?;
        let reader = decoder.read_info()?;
        let (colour, depth) = reader.output_color_type();
        let samples = Samples { channels: colour.samples(), wide: depth == png::BitDepth::Sixteen };
        check_size(width, height, u64::from(width) * u64::from(height) * samples.bytes_per_pixel() as u64, u64::MAX)?;
        Ok(Self { reader, samples, width, height })
    }
}

/// The pixels of a PNG as they lie in the file, and how they are to be turned.
fn decode_png(data: &[u8], job: &Job) -> Result<(Image, Orientation), Refusal> {
    let file = Interruptible { file: Cursor::new(data), job };
    let PngFile { mut reader, samples, width, height } = PngFile::open(file, data.len())?;
    job.will_return(width as usize * height as usize * 4);
    let mut buffer = zeros(width as usize * height as usize * samples.bytes_per_pixel(), job)?;
    reader.next_frame(&mut buffer)?;
    let orientation = Orientation::of(reader.info().exif_metadata.as_deref());
    let pixels = rgba(buffer, samples, width as usize, job)?;
    Ok((Image::new(width, height, pixels), orientation))
}

/// The pixels of a WebP as they lie in the file, and how they are to be turned.
fn decode_webp(data: &[u8], job: &Job) -> Result<(Image, Orientation), Refusal> {
    let mut decoder = WebPDecoder::new(Interruptible { file: Cursor::new(data), job })?;
    decoder.set_memory_limit(MAX_BYTES as usize);
    let (width, height) = decoder.dimensions();
    let samples = Samples { channels: if decoder.has_alpha() { 4 } else { 3 }, wide: false };
    let bytes = u64::from(width) * u64::from(height) * samples.bytes_per_pixel() as u64;
    // One colour all over takes no bits at all in a lossless file: its size bounds nothing.
    check_size(width, height, bytes, u64::MAX)?;
    job.will_return(width as usize * height as usize * 4);
    let orientation = Orientation::of(decoder.exif_metadata()?.as_deref());
    let mut buffer = zeros(bytes as usize, job)?;
    decoder.read_image(&mut buffer)?;
    let pixels = rgba(buffer, samples, width as usize, job)?;
    Ok((Image::new(width, height, pixels), orientation))
}

/// What a codec's samples are: so many of each pixel (grey, grey and alpha, RGB, RGBA), of 8 bits or, big-endian, of 16.
#[derive(Clone, Copy)]
struct Samples {
    channels: usize,
    wide: bool,
}

impl Samples {
    const RGBA: Self = Self { channels: 4, wide: false };
    const RGB: Self = Self { channels: 3, wide: false };

    fn bytes_per_pixel(self) -> usize {
        self.channels << u32::from(self.wide)
    }

    /// What makes a pixel of its samples, unless they are one.
    fn convert(self) -> Option<ToPixel> {
        Some(match (self.channels, self.wide) {
            (1, false) => |s| [s[0], s[0], s[0], 255],
            (2, false) => |s| [s[0], s[0], s[0], s[1]],
            (3, false) => |s| [s[0], s[1], s[2], 255],
            (1, true) => |s| [narrow(s, 0), narrow(s, 0), narrow(s, 0), 255],
            (2, true) => |s| [narrow(s, 0), narrow(s, 0), narrow(s, 0), narrow(s, 1)],
            (3, true) => |s| [narrow(s, 0), narrow(s, 1), narrow(s, 2), 255],
            (_, true) => |s| [narrow(s, 0), narrow(s, 1), narrow(s, 2), narrow(s, 3)],
            (_, false) => return None,
        })
    }
}

/// Makes a pixel of its samples.
type ToPixel = fn(&[u8]) -> [u8; 4];

/// Samples as RGBA of 8 bits, row by row.
fn rgba(buffer: Vec<u8>, samples: Samples, width: usize, job: &Job) -> Result<Vec<u8>, KernelError> {
    let Some(convert) = samples.convert() else { return Ok(buffer) };
    let size = samples.bytes_per_pixel();
    let mut pixels = reserve(buffer.len() / size * 4)?;
    for row in buffer.chunks_exact(width * size) {
        job.check()?;
        pixels.extend(row.chunks_exact(size).flat_map(convert));
    }
    Ok(pixels)
}

/// A 16-bit sample, rounded to 8 bits.
fn narrow(samples: &[u8], number: usize) -> u8 {
    let sample = u16::from_be_bytes([samples[number * 2], samples[number * 2 + 1]]);
    ((u32::from(sample) + 128) / 257) as u8
}

/// A JPEG whose header is read.
struct JpegFile<'a> {
    decoder: JpegDecoder<Watched<'a>>,
    samples: Samples,
    width: u32,
    height: u32,
}

/// What the decoder says.
fn failed(error: zune_jpeg::errors::DecodeErrors) -> Refusal {
    Refusal::Codec(error.to_string())
}

impl<'a> JpegFile<'a> {
    fn open(data: &'a [u8], job: &'a Job) -> Result<Self, Refusal> {
        let open = |space| {
            let options = DecoderOptions::default()
                .set_strict_mode(false)
                .set_max_width(MAX_SIDE as usize)
                .set_max_height(MAX_SIDE as usize)
                .jpeg_set_out_colorspace(space);
            let file = Watched { file: ZCursor::new(data), job, reads: 0, cancelled: false };
            let mut decoder = JpegDecoder::new_with_options(file, options);
            decoder.decode_headers().map(|()| decoder)
        };
        let (mut decoder, mut samples) = (open(ColorSpace::RGBA).map_err(failed)?, Samples::RGBA);
        if matches!(decoder.input_colorspace(), Some(ColorSpace::CMYK | ColorSpace::YCCK)) {
            // zune-jpeg 0.5.15 makes wrong RGBA of these.
            (decoder, samples) = (open(ColorSpace::RGB).map_err(failed)?, Samples::RGB);
        }
        let (width, height) = decoder.dimensions().ok_or_else(|| Refusal::Codec("it has no size".into()))?;
        let (width, height) = (width as u32, height as u32);
        let bytes = u64::from(width) * u64::from(height) * 4;
        check_size(width, height, bytes, (data.len() as u64 + 1) * MAX_PIXELS_PER_BYTE)?;
        Ok(Self { decoder, samples, width, height })
    }

    fn orientation(&self) -> Orientation {
        Orientation::of(self.decoder.exif().map(Vec::as_slice))
    }
}

/// The pixels of a JPEG as they lie in the file, and how they are to be turned.
fn decode_jpeg(data: &[u8], job: &Job) -> Result<(Image, Orientation), Refusal> {
    let mut file = JpegFile::open(data, job)?;
    let (width, height) = (file.width, file.height);
    job.will_return(width as usize * height as usize * 4);
    let pixels = match jpeg::decode(data, job)? {
        Some(pixels) => pixels,
        None => {
            let mut buffer = zeros(width as usize * height as usize * file.samples.bytes_per_pixel(), job)?;
            file.decoder.decode_into(&mut buffer).map_err(failed)?;
            rgba(buffer, file.samples, width as usize, job)?
        }
    };
    Ok((Image::new(width, height, pixels), file.orientation()))
}

/// How a camera was held: what is to be done so that its picture stands upright. Numbered as in EXIF, clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Orientation {
    NoTransforms = 1,
    FlipHorizontal,
    Rotate180,
    FlipVertical,
    Rotate90FlipH,
    Rotate90,
    Rotate270FlipH,
    Rotate270,
}

impl Orientation {
    const ALL: [Self; 8] = [
        Self::NoTransforms,
        Self::FlipHorizontal,
        Self::Rotate180,
        Self::FlipVertical,
        Self::Rotate90FlipH,
        Self::Rotate90,
        Self::Rotate270FlipH,
        Self::Rotate270,
    ];

    /// What a file's EXIF says, if it has any.
    fn of(exif: Option<&[u8]>) -> Self {
        exif.and_then(Self::from_exif).unwrap_or(Self::NoTransforms)
    }

    /// What EXIF's tag 0x0112 says: in a TIFF's first directory, twelve bytes an entry (EXIF 2.32, 4.6.2).
    fn from_exif(exif: &[u8]) -> Option<Self> {
        const ORIENTATION: u16 = 0x0112;
        const SHORT: u16 = 3;
        // Some writers leave the header of JPEG's segment before it.
        let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
        let little = match tiff.first_chunk()? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let short = |at: usize| {
            let bytes = tiff.get(at..)?.first_chunk()?;
            Some(if little { u16::from_le_bytes(*bytes) } else { u16::from_be_bytes(*bytes) })
        };
        let offset = tiff.get(4..)?.first_chunk()?;
        let directory = if little { u32::from_le_bytes(*offset) } else { u32::from_be_bytes(*offset) } as usize;
        let entries = usize::from(short(directory)?);
        let entry = (0..entries)
            .map(|number| directory.saturating_add(2 + number * 12))
            .find(|&at| short(at) == Some(ORIENTATION))?;
        if short(entry + 2)? != SHORT {
            return None;
        }
        Self::ALL.get(usize::from(short(entry + 8)?).checked_sub(1)?).copied()
    }
}

/// Turns a picture as its file says that a camera was held.
fn upright(image: Image, orientation: Orientation, job: &Job) -> Result<Image, KernelError> {
    if orientation == Orientation::NoTransforms {
        return Ok(image);
    }
    let mut turning = Turning::of(image, orientation)?;
    for _ in 0..turning.height {
        job.check()?;
        turning.row();
    }
    Ok(turning.finish())
}

/// A picture that is turned row by row.
pub struct Turning {
    image: Image,
    /// Where the first pixel comes from, and how far it is from there to those of the next column and of the next row.
    first: isize,
    column: isize,
    row: isize,
    /// Sides of the result.
    width: usize,
    height: usize,
    /// The row of the result that comes next.
    y: usize,
    turned: Vec<u8>,
}

impl Turning {
    fn of(image: Image, orientation: Orientation) -> Result<Self, KernelError> {
        let (width, height) = (image.width as isize, image.height as isize);
        let last = width * height - 1;
        let (first, column, row) = match orientation {
            Orientation::NoTransforms => (0, 1, width),
            Orientation::FlipHorizontal => (width - 1, -1, width),
            Orientation::Rotate180 => (last, -1, -width),
            Orientation::FlipVertical => (last + 1 - width, 1, -width),
            Orientation::Rotate90FlipH => (0, width, 1),
            Orientation::Rotate90 => (last + 1 - width, -width, 1),
            Orientation::Rotate270FlipH => (last, -width, -1),
            Orientation::Rotate270 => (width - 1, width, -1),
        };
        let (width, height) = (image.width as usize, image.height as usize);
        let lies = orientation as u8 >= Orientation::Rotate90FlipH as u8;
        let (width, height) = if lies { (height, width) } else { (width, height) };
        let turned = reserve(image.data.len())?;
        Ok(Self { image, first, column, row, width, height, y: 0, turned })
    }

    fn row(&mut self) {
        let pixels = self.image.data.as_chunks::<4>().0;
        let from = self.first + self.y as isize * self.row;
        self.turned.extend((0..self.width as isize).flat_map(|x| pixels[(from + x * self.column) as usize]));
        self.y += 1;
    }

    fn finish(self) -> Image {
        Image::new(self.width as u32, self.height as u32, self.turned)
    }
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

/// A PNG or WebP as its decoder reads it: reading fails once the job is cancelled.
///
/// The lossy kind of WebP is read before it is decoded, without a stop then: some 20 ns a pixel.
struct Interruptible<'a> {
    file: Cursor<&'a [u8]>,
    job: &'a Job,
}

/// Bytes between two looks at the job: of the emptiest PNG a million pixels, of a photograph a row.
const BITE: usize = 1024;

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

/// A JPEG as its decoder reads it, four bytes at a time: reading fails once the job is cancelled.
///
/// A progressive file is read in full before its last pass, which turns coefficients into pixels without a stop: some 5 ns a pixel.
struct Watched<'a> {
    file: ZCursor<&'a [u8]>,
    job: &'a Job,
    reads: u32,
    cancelled: bool,
}

impl Watched<'_> {
    /// Reads between two looks at the job: about 2 KiB of the file.
    const PATIENCE: u32 = 512;

    #[inline(always)]
    fn check(&mut self) -> Result<(), ZByteIoError> {
        self.reads += 1;
        if self.reads >= Self::PATIENCE {
            self.reads = 0;
            self.cancelled |= self.job.check().is_err();
        }
        if self.cancelled { Err(ZByteIoError::Generic("the job was cancelled")) } else { Ok(()) }
    }
}

impl ZByteReaderTrait for Watched<'_> {
    #[inline(always)]
    fn read_byte_no_error(&mut self) -> u8 {
        self.file.read_byte_no_error()
    }
    #[inline(always)]
    fn read_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        self.check()?;
        self.file.read_exact_bytes(buffer)
    }
    #[inline(always)]
    fn read_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        self.file.read_bytes(buffer)
    }
    fn peek_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        self.file.peek_bytes(buffer)
    }
    fn peek_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        self.file.peek_exact_bytes(buffer)
    }
    #[inline(always)]
    fn z_seek(&mut self, from: ZSeekFrom) -> Result<u64, ZByteIoError> {
        self.file.z_seek(from)
    }
    /// What the decoder asks after a read that failed, and heeds.
    #[inline(always)]
    fn is_eof(&mut self) -> Result<bool, ZByteIoError> {
        self.check()?;
        self.file.is_eof()
    }
    fn z_position(&mut self) -> Result<u64, ZByteIoError> {
        self.file.z_position()
    }
    fn read_remaining(&mut self, sink: &mut Vec<u8>) -> Result<usize, ZByteIoError> {
        self.file.read_remaining(sink)
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::{BOTH, Seen, check_aims};
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader};
    use proptest::prelude::*;

    fn file(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    /// What comes of a file, at once and in turns.
    fn decode(data: Vec<u8>) -> Result<ImageDecodeOutput, KernelError> {
        let params = ImageDecodeParams { data: data.into() };
        let whole = run::<ImageDecode>(params.clone(), &Job::detached());
        let mut round =
            ImageDecode::validate(&params).and_then(|()| ImageDecode::begin(params, Aim { pieces: 1, short: true }));
        while let Ok(Round::Next { state, .. }) = round {
            round = ImageDecode::go_on(state, vec![], &Job::detached());
        }
        let in_turns = round.map(|round| match round {
            Round::Done { output, .. } => output,
            _ => panic!("it was whole"),
        });
        assert!(in_turns == whole, "{in_turns:?} in turns, but {whole:?}");
        whole
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
    fn pixels_are_those_of_the_image_crate() {
        for name in [
            "hubble_deep_field.jpg",
            "image/decode-cmyk.jpg",
            "image/decode-grey.jpg",
            "image/decode-progressive.jpg",
            "image/decode-orientation5.jpg",
            "image/decode-orientation8.jpg",
            "image/decode-palette.png",
            "image/decode-lossy.webp",
        ] {
            let mut decoder =
                ImageReader::new(Cursor::new(file(name))).with_guessed_format().unwrap().into_decoder().unwrap();
            let orientation = decoder.orientation().unwrap();
            let mut expected = image::DynamicImage::from_decoder(decoder).unwrap();
            expected.apply_orientation(orientation);
            let output = decode(file(name)).unwrap().image;
            assert!(*output.data == *expected.into_rgba8().into_raw(), "{name}");
        }
    }

    #[test]
    fn every_turn_is_that_of_the_image_crate() {
        for ((width, height), exif) in
            [(5, 3), (1, 4), (4, 1)].into_iter().flat_map(|size| (1..=8).map(move |exif| (size, exif)))
        {
            let pixels: Vec<u8> = (0..width * height * 4).map(|byte| byte as u8).collect();
            let orientation = Orientation::ALL[usize::from(exif) - 1];
            assert_eq!(orientation as u8, exif);
            let mut expected =
                image::DynamicImage::from(image::RgbaImage::from_raw(width, height, pixels.clone()).unwrap());
            expected.apply_orientation(image::metadata::Orientation::from_exif(exif).unwrap());
            let turned = upright(Image::new(width, height, pixels), orientation, &Job::detached()).unwrap();
            assert_eq!((turned.width, turned.height), (expected.width(), expected.height()), "{orientation:?}");
            assert_eq!(*turned.data, *expected.into_rgba8().into_raw(), "{orientation:?}");
        }
    }

    /// How many turns a file takes.
    fn turns(data: Vec<u8>) -> usize {
        let params = ImageDecodeParams { data: data.into() };
        let seen = check_aims::<ImageDecode>(&params, &BOTH);
        assert_eq!(seen[1], Seen { rounds: 0, shards: 0 }, "it is not handed out");
        assert_eq!(seen[0].shards, 0);
        seen[0].rounds
    }

    #[test]
    fn turns_make_the_whole() {
        // A turn for the headers, 14 for rows of blocks, and 14 for lines.
        let jpeg = turns(file("hubble_deep_field.jpg"));
        assert!((28..35).contains(&jpeg), "{jpeg}");
        for name in ["cmyk.jpg", "progressive.jpg", "lossy.webp", "animated.webp"] {
            assert_eq!(turns(file(&format!("image/decode-{name}"))), 1, "{name}");
        }
        let noise: Vec<u8> = (0..700_u32 * 500 * 8).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for (colour, bytes) in [
            (ExtendedColorType::L8, 1),
            (ExtendedColorType::La8, 2),
            (ExtendedColorType::Rgb8, 3),
            (ExtendedColorType::Rgba8, 4),
            (ExtendedColorType::L16, 2),
            (ExtendedColorType::La16, 4),
            (ExtendedColorType::Rgb16, 6),
            (ExtendedColorType::Rgba16, 8),
        ] {
            assert_eq!(turns(png_of(&noise[..700 * 500 * bytes], 700, 500, colour)), 7, "{colour:?}");
        }
    }

    #[test]
    fn a_large_picture_is_turned_in_turns() {
        let exif = |orientation: u8| {
            [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[orientation, 0, 0, 0, 0, 0, 0]].concat()
        };
        let samples: Vec<u8> = (0..700_u32 * 500).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for (orientation, expected) in [(1, 7), (3, 7 + 6), (6, 7 + 6)] {
            let mut info = png::Info::with_size(700, 500);
            info.exif_metadata = Some(exif(orientation).into());
            let mut data = Vec::new();
            let encoder = png::Encoder::with_info(&mut data, info).unwrap();
            encoder.write_header().unwrap().write_image_data(&samples).unwrap();
            assert_eq!(turns(data), expected, "orientation {orientation}");
        }
    }

    #[test]
    fn exif_of_both_byte_orders_and_of_neither() {
        let entry =
            |number: u8| [0, 2, 1, 0x0F, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, number, 0, 0];
        let big = |number| [&b"MM\0*\0\0\0\x08"[..], &entry(number)].concat();
        for exif in 1..=8 {
            assert_eq!(Orientation::from_exif(&big(exif)), Some(Orientation::ALL[usize::from(exif) - 1]));
            let little = [&b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[exif, 0, 0, 0]].concat();
            assert_eq!(Orientation::from_exif(&little), Some(Orientation::ALL[usize::from(exif) - 1]));
        }
        let whole = big(6);
        assert_eq!([big(0), big(9), b"XX*\0".to_vec(), vec![]].map(|exif| Orientation::from_exif(&exif)), [None; 4]);
        assert!((0..whole.len() - 2).all(|length| Orientation::from_exif(&whole[..length]).is_none()));
        // A directory that lies beyond the end of what can be counted.
        assert_eq!(Orientation::from_exif(b"MM\0*\xFF\xFF\xFF\xFF"), None);
    }

    #[test]
    fn a_jpeg_is_not_decoded_to_its_end_for_a_job_that_is_cancelled() {
        let data = file("hubble_deep_field.jpg");
        let job = Job::detached();
        job.control().request_cancel();
        let mut watched = Watched { file: ZCursor::new(&data), job: &job, reads: 0, cancelled: false };
        let reads = std::iter::from_fn(|| watched.read_exact_bytes(&mut [0; 4]).ok()).count();
        assert_eq!(reads, Watched::PATIENCE as usize - 1);
        assert!(watched.is_eof().is_err());
        assert_eq!(decode_with(&data, &job).unwrap_err(), KernelError::Cancelled);
    }

    #[test]
    #[ignore = "a measurement: cargo test --release --lib image_decode -- --ignored --nocapture"]
    fn how_long_it_takes() {
        let data = file("hubble_deep_field.jpg");
        let median = |run: &dyn Fn()| {
            let mut times: Vec<_> = (0..15)
                .map(|_| {
                    let begun = std::time::Instant::now();
                    run();
                    begun.elapsed()
                })
                .collect();
            times.sort();
            times[7]
        };
        let ours = median(&|| drop(decode(data.clone()).unwrap()));
        let theirs = median(&|| drop(image::load_from_memory(&data).unwrap().into_rgba8()));
        println!("ours {ours:?}, the image crate {theirs:?}");
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
            (b"GIF89a_________", "a file of the format GIF"),
            (b"____ftypavif____", "a file of the format AVIF"),
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
        assert!(refused(long).contains("got 65536 × 1"));
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
