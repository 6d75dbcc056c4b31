//! Writes lossless WebP files (VP8L, RFC 9649), on all threads.
//!
//! Each pixel is predicted by the one above it, and what is left is written in prefix codes made for the whole picture (sections 4.1, 4.2
//! and 6.2 of the RFC); equal ones in a row become runs. Of what the format offers this is the part that is fast: choosing among
//! predictors made a photograph shorter by less than a hundredth.
//!
//! The picture is done in bands of rows that the number of threads has no say in: each band counts its symbols, then, when the codes
//! are made of all counts, writes bits of its own, and the bits are put together. So the bytes are the same on any machine.

use super::prefix::{Bits, Lengths, RoomBits, Table};
use super::radix::reserve;
use crate::image::Image;
use crate::{Job, KernelError};
use rayon::prelude::*;

/// The longest side of a picture.
pub(crate) const MAX_SIDE: u32 = 16_383;

/// Pixels in a band, roughly: enough that its share of the work outweighs what it costs to be one.
const BAND: usize = 1 << 16;

/// Literals of a byte, and of green together with the lengths of runs (section 5.2.2).
const LITERALS: usize = 256;
const GREENS: usize = LITERALS + 24;

/// The longest run that has a symbol.
const MAX_RUN: usize = 4096;

/// Encodes a picture; counts its rows twice.
pub(crate) fn encode(image: &Image, job: &Job) -> Result<Vec<u8>, KernelError> {
    job.set_total(2 * u64::from(image.height));
    let band_bytes = band_bytes(image);
    let mut residuals = reserve(image.data.len())?;
    residuals.resize(image.data.len(), 0);
    let bands: Vec<Counts> = residuals
        .par_chunks_mut(band_bytes)
        .enumerate()
        .map(|(number, band)| count(image, number * band_bytes, band, job))
        .collect::<Result<_, _>>()?;
    let mut counts = Counts::default();
    bands.iter().for_each(|band| counts.add(band));
    let codes = Codes::new(&counts);

    let row_bytes = image.width as usize * 4;
    let bands: Vec<Bits> =
        residuals.par_chunks(band_bytes).map(|band| write(band, row_bytes, &codes, job)).collect::<Result<_, _>>()?;
    drop(residuals);

    let mut file = File::new(header(image, counts.opaque, &codes), &bands)?;
    for band in bands {
        job.check()?;
        file.bits.append(&band);
    }
    Ok(file.finish())
}

/// Bytes of pixels of each band but the last.
fn band_bytes(image: &Image) -> usize {
    image.width as usize * 4 * (BAND / image.width as usize).max(1)
}

/// A picture that is encoded in turns.
pub struct Encoding {
    image: Image,
    /// Of the bands that are counted.
    residuals: Vec<u8>,
    counts: Counts,
    codes: Option<Codes>,
    bands: Vec<Bits>,
    /// The file, once all bands are made, and how many of them are in it.
    file: Option<(File, usize)>,
}

/// Bytes that are put into the file in a turn: about a millisecond.
const PUT: usize = 1 << 20;

impl Encoding {
    pub(super) fn new(image: Image) -> Result<Self, KernelError> {
        let residuals = reserve(image.data.len())?;
        Ok(Self { image, residuals, counts: Counts::default(), codes: None, bands: Vec::new(), file: None })
    }

    /// Rows that were counted or written, and twice all.
    pub(super) fn progress(&self) -> (u64, u64) {
        let row_bytes = self.image.width as usize * 4;
        let written = self.image.data.len().min(self.bands.len() * band_bytes(&self.image));
        (((self.residuals.len() + written) / row_bytes) as u64, 2 * u64::from(self.image.height))
    }

    /// Does some more; the file, when nothing is left to do.
    pub(super) fn turn(&mut self, job: &Job) -> Result<Option<Vec<u8>>, KernelError> {
        let (all, band_bytes) = (self.image.data.len(), band_bytes(&self.image));
        let at = self.residuals.len();
        if at < all {
            self.residuals.resize(all.min(at + band_bytes), 0);
            self.counts.add(&count(&self.image, at, &mut self.residuals[at..], job)?);
            return Ok(None);
        }
        let codes = self.codes.get_or_insert_with(|| Codes::new(&self.counts));
        if let Some(band) = self.residuals.chunks(band_bytes).nth(self.bands.len()) {
            self.bands.push(write(band, self.image.width as usize * 4, codes, job)?);
            return Ok(None);
        }
        let (mut file, mut number) = match self.file.take() {
            Some(begun) => begun,
            None => (File::new(header(&self.image, self.counts.opaque, codes), &self.bands)?, 0),
        };
        let mut put = 0;
        while let Some(band) = self.bands.get(number).filter(|_| put < PUT) {
            file.bits.append(band);
            put += band.bytes.len();
            number += 1;
        }
        if number == self.bands.len() {
            return Ok(Some(file.finish()));
        }
        self.file = Some((file, number));
        Ok(None)
    }
}

/// What comes before the bands.
fn header(image: &Image, opaque: bool, codes: &Codes) -> Bits {
    let mut bits = Bits::default();
    bits.put(0x2F, 8);
    bits.put(u64::from(image.width - 1), 14);
    bits.put(u64::from(image.height - 1), 14);
    bits.put(u64::from(!opaque), 1);
    bits.put(0, 3);
    put_transforms(&mut bits);
    // No colour cache, one set of codes.
    bits.put(0, 2);
    codes.put(&mut bits);
    bits
}

/// A RIFF file in the making (RFC 9649, section 2).
struct File {
    bits: Bits,
    /// Bytes of all.
    length: usize,
}

impl File {
    /// The beginning of a file, and room for these bands.
    fn new(header: Bits, bands: &[Bits]) -> Result<Self, KernelError> {
        let length = header.length() + bands.iter().map(Bits::length).sum::<u64>();
        let bytes = usize::try_from(length.div_ceil(8)).map_err(|_| KernelError::failed("the file is too long"))?;
        let padded = bytes + bytes % 2;
        let (Ok(riff), Ok(chunk)) = (u32::try_from(padded + 12), u32::try_from(bytes)) else {
            return Err(KernelError::failed("the file would be longer than a WebP can be; png has no such limit"));
        };
        let mut file = reserve(padded + 20)?;
        for part in [*b"RIFF", riff.to_le_bytes(), *b"WEBP", *b"VP8L", chunk.to_le_bytes()] {
            file.extend_from_slice(&part);
        }
        let mut bits = Bits { bytes: file, ..Bits::default() };
        bits.append(&header);
        Ok(Self { bits, length: padded + 20 })
    }

    fn finish(self) -> Vec<u8> {
        let mut file = self.bits.finish();
        file.resize(self.length, 0);
        file
    }
}

/// Two transforms (section 4): green subtracted from red and blue, and pixels predicted from the one above. In the first row the format
/// itself predicts from the left.
fn put_transforms(bits: &mut Bits) {
    const PREDICT: u64 = 0;
    const SUBTRACT_GREEN: u64 = 2;
    /// The number of that predictor.
    const ABOVE: usize = 2;
    bits.put(1, 1);
    bits.put(SUBTRACT_GREEN, 2);
    bits.put(1, 1);
    bits.put(PREDICT, 2);
    // Blocks of 512 pixels a side, all alike: an image whose only green is the predictor, without a cache.
    bits.put(7, 3);
    bits.put(0, 1);
    put_single(ABOVE, bits);
    for _ in 0..4 {
        put_single(0, bits);
    }
    bits.put(0, 1);
}

/// How often each symbol is written.
struct Counts {
    green: [u32; GREENS],
    red: [u32; LITERALS],
    blue: [u32; LITERALS],
    alpha: [u32; LITERALS],
    opaque: bool,
}

impl Default for Counts {
    fn default() -> Self {
        Self { green: [0; GREENS], red: [0; LITERALS], blue: [0; LITERALS], alpha: [0; LITERALS], opaque: true }
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        let sum = |all: &mut [u32], more: &[u32]| all.iter_mut().zip(more).for_each(|(all, more)| *all += more);
        sum(&mut self.green, &other.green);
        sum(&mut self.red, &other.red);
        sum(&mut self.blue, &other.blue);
        sum(&mut self.alpha, &other.alpha);
        self.opaque &= other.opaque;
    }
}

/// Fills a band, which begins at byte `at` of the picture, with what the predictor leaves, and counts its symbols.
fn count(image: &Image, at: usize, band: &mut [u8], job: &Job) -> Result<Counts, KernelError> {
    let row_bytes = image.width as usize * 4;
    let mut counts = Counts::default();
    let [mut above, mut current] = [reserve(row_bytes)?, reserve(row_bytes)?];
    above.resize(row_bytes, 0);
    current.resize(row_bytes, 0);
    if at > 0 {
        without_green(&image.data[at - row_bytes..at], &mut above);
    }
    for (row, residual) in band.chunks_exact_mut(row_bytes).enumerate() {
        job.check()?;
        let at = at + row * row_bytes;
        let pixels = &image.data[at..][..row_bytes];
        counts.opaque &= pixels.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255);
        without_green(pixels, &mut current);
        if at == 0 {
            // The first pixel of all is guessed to be black and opaque.
            residual[..4].copy_from_slice(&[current[0], current[1], current[2], current[3].wrapping_sub(255)]);
            for i in 4..row_bytes {
                residual[i] = current[i].wrapping_sub(current[i - 4]);
            }
        } else {
            for ((residual, &own), &above) in residual.iter_mut().zip(&current).zip(&above) {
                *residual = own.wrapping_sub(above);
            }
        }
        std::mem::swap(&mut above, &mut current);
        for (pixel, run) in Runs(residual.as_chunks().0) {
            let [red, green, blue, alpha] = pixel.map(usize::from);
            counts.green[green] += 1;
            counts.red[red] += 1;
            counts.blue[blue] += 1;
            counts.alpha[alpha] += 1;
            if run > 0 {
                counts.green[LITERALS + usize::from(length_symbol(run).0)] += 1;
            }
        }
        job.advance(1);
    }
    Ok(counts)
}

/// The transform of section 4.2: red and blue as differences to green.
fn without_green(pixels: &[u8], out: &mut [u8]) {
    for (&[red, green, blue, alpha], out) in pixels.as_chunks().0.iter().zip(out.as_chunks_mut().0) {
        *out = [red.wrapping_sub(green), green, blue.wrapping_sub(green), alpha];
    }
}

/// A row as pixels, each with how many more follow that are the same.
struct Runs<'a>(&'a [[u8; 4]]);

impl Iterator for Runs<'_> {
    type Item = ([u8; 4], usize);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&first, rest) = self.0.split_first()?;
        let mut run = 0;
        while run < MAX_RUN && rest.get(run) == Some(&first) {
            run += 1;
        }
        self.0 = &rest[run..];
        Some((first, run))
    }
}

/// The symbol of a length, how many bits follow it, and those (section 5.2.2).
fn length_symbol(length: usize) -> (u8, u8, u64) {
    let value = length as u32 - 1;
    if value < 4 {
        return (value as u8, 0, 0);
    }
    let extra = value.ilog2() - 1;
    let symbol = 2 * (extra + 1) + (value >> extra & 1);
    (symbol as u8, extra as u8, u64::from(value & ((1 << extra) - 1)))
}

/// The bits of a band, whose residuals are counted.
fn write(band: &[u8], row_bytes: usize, codes: &Codes, job: &Job) -> Result<Bits, KernelError> {
    // A pixel takes at most four codes of 15 bits; a run, for which other pixels are left out, less than one.
    let mut room = reserve(row_bytes * 2 + 16)?;
    room.resize(row_bytes * 2 + 16, 0);
    let mut bits = Bits { bytes: reserve(band.len() / 2)?, ..Bits::default() };
    for row in band.chunks_exact(row_bytes) {
        job.check()?;
        let mut out = RoomBits { room: &mut room, at: 0, pending: bits.pending, filled: bits.filled };
        for (pixel, run) in Runs(row.as_chunks().0) {
            let [red, green, blue, alpha] = pixel.map(usize::from);
            out.put_two(codes.green.codes[green], codes.red.codes[red]);
            out.put_two(codes.blue.codes[blue], codes.alpha.codes[alpha]);
            if run > 0 {
                let (symbol, extra, rest) = length_symbol(run);
                let code = codes.green.codes[LITERALS + usize::from(symbol)];
                // The distance's only symbol takes no bits.
                out.put(u64::from(code.bits) | rest << code.length, code.length + extra);
            }
        }
        let RoomBits { at, pending, filled, .. } = out;
        (bits.pending, bits.filled) = (pending, filled);
        bits.bytes.try_reserve(at).map_err(|_| KernelError::OutOfMemory { bytes: Some(at as u64) })?;
        bits.bytes.extend_from_slice(&room[..at]);
        job.advance(1);
    }
    Ok(bits)
}

/// The codes of a picture.
struct Codes {
    green: Table<GREENS>,
    red: Table<LITERALS>,
    blue: Table<LITERALS>,
    alpha: Table<LITERALS>,
}

impl Codes {
    fn new(counts: &Counts) -> Self {
        Self {
            green: Table::new(&counts.green, 15),
            red: Table::new(&counts.red, 15),
            blue: Table::new(&counts.blue, 15),
            alpha: Table::new(&counts.alpha, 15),
        }
    }

    /// All five (section 6.2.1).
    fn put(&self, bits: &mut Bits) {
        put_table(&self.green, bits);
        put_table(&self.red, bits);
        put_table(&self.blue, bits);
        put_table(&self.alpha, bits);
        // Distance: always one pixel, to the left.
        put_single(1, bits);
    }
}

/// The code of an alphabet: its lengths, themselves in a code (section 6.2.1).
fn put_table<const N: usize>(table: &Table<N>, bits: &mut Bits) {
    /// The order in which the lengths of that code come.
    const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    if let Some(only) = table.only {
        return put_single(only, bits);
    }
    bits.put(0, 1);
    let lengths = Lengths::of(&table.codes);
    lengths.put_code(&ORDER, bits);
    // Lengths of the whole alphabet.
    bits.put(0, 1);
    lengths.put(bits);
}

/// A code whose only symbol takes no bits; the symbol is below 256.
fn put_single(symbol: usize, bits: &mut Bits) {
    bits.put(1, 2);
    let length = if symbol < 2 { 1 } else { 8 };
    bits.put(u64::from(length == 8), 1);
    bits.put(symbol as u64, length);
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::image::testing::{measure, photograph, rendering};
    use proptest::prelude::*;

    fn encoded(image: &Image) -> Vec<u8> {
        encode(image, &Job::detached()).unwrap()
    }

    /// What another decoder makes of it.
    fn decoded(file: &[u8]) -> Image {
        let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(file)).unwrap();
        let (width, height) = decoder.dimensions();
        let mut data = vec![0; decoder.output_buffer_size().unwrap()];
        decoder.read_image(&mut data).unwrap();
        if !decoder.has_alpha() {
            data = data.as_chunks().0.iter().flat_map(|&[r, g, b]: &[u8; 3]| [r, g, b, 255]).collect();
        }
        Image::new(width, height, data)
    }

    fn theirs(image: &Image) -> Vec<u8> {
        let mut file = Vec::new();
        image_webp::WebPEncoder::new(&mut file)
            .encode(&image.data, image.width, image.height, image_webp::ColorType::Rgba8)
            .unwrap();
        file
    }

    #[test]
    fn files_are_no_longer_than_those_of_another_encoder() {
        for (name, image) in [("photograph", photograph()), ("rendering", rendering(1200, 800))] {
            let (ours, theirs) = (encoded(&image), theirs(&image));
            assert!(decoded(&ours) == image, "{name}");
            assert!(ours.len() <= theirs.len() + theirs.len() / 100, "{name}: {} and {}", ours.len(), theirs.len());
        }
    }

    #[test]
    fn small_pictures_and_long_ones() {
        for (width, height) in [(1, 1), (2, 1), (1, 2), (3, 7), (MAX_SIDE, 1), (1, MAX_SIDE), (MAX_SIDE, 9), (700, 300)]
        {
            for shade in [0_u32, 1, 7] {
                let byte = |i: u32| (i.wrapping_mul(2_654_435_761) >> 16).wrapping_mul(shade) as u8;
                let image = Image::new(width, height, (0..width * height * 4).map(byte).collect());
                assert!(decoded(&encoded(&image)) == image, "{width}×{height}, {shade}");
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_show() {
        let image = photograph();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| encoded(&image))
        };
        let one = with(1);
        assert!([2, 3, 8].into_iter().all(|threads| with(threads) == one));
    }

    #[test]
    fn lengths_have_the_symbols_of_the_format() {
        // RFC 9649, section 5.2.2: prefix codes 0 to 3 are the lengths 1 to 4, 4 is 5 and 6, 5 is 7 and 8, 6 is 9 to 12.
        let symbol = |length| length_symbol(length);
        assert_eq!(
            [1, 4, 5, 6, 8, 9, 12].map(symbol),
            [(0, 0, 0), (3, 0, 0), (4, 1, 0), (4, 1, 1), (5, 1, 1), (6, 2, 0), (6, 2, 3)]
        );
        assert_eq!(symbol(MAX_RUN), (23, 10, 1023));
    }

    #[test]
    fn it_stops_when_cancelled() {
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(encode(&rendering(300, 300), &job), Err(KernelError::Cancelled));
    }

    proptest! {
        #[test]
        fn any_picture_comes_back(
            width in 1_u32..70, height in 1_u32..70, seed in any::<u32>(), coarse in 0_u8..8, opaque in any::<bool>(),
        ) {
            let byte = |i: u32| {
                if opaque && i % 4 == 3 { 255 } else { ((i ^ seed).wrapping_mul(2_654_435_761) >> 20) as u8 >> coarse << coarse }
            };
            let image = Image::new(width, height, (0..width * height * 4).map(byte).collect());
            prop_assert!(decoded(&encoded(&image)) == image);
        }
    }

    #[test]
    #[ignore = "a measurement: cargo test --release --lib webp -- --ignored --nocapture"]
    fn how_long_it_takes() {
        measure(&[("ours", encoded), ("theirs", theirs)]);
    }
}
