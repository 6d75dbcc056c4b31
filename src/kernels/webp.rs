//! Writes lossless WebP files (VP8L, RFC 9649), on all threads.
//!
//! Each pixel is predicted by the one above it, and what is left is written in prefix codes made for the whole picture (sections 4.1, 4.2
//! and 6.2 of the RFC); equal ones in a row become runs. Of what the format offers this is the part that is fast: choosing among
//! predictors made a photograph shorter by less than a hundredth.
//!
//! The picture is done in bands of rows that the number of threads has no say in: each band counts its symbols, then, when the codes
//! are made of all counts, writes bits of its own, and the bits are put together. So the bytes are the same on any machine.

use super::radix::reserve;
use crate::image::Image;
use crate::{Job, KernelError};
use rayon::prelude::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

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
    let row_bytes = image.width as usize * 4;
    let band_bytes = row_bytes * (BAND / image.width as usize).max(1);

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

    let bands: Vec<Bits> =
        residuals.par_chunks(band_bytes).map(|band| write(band, row_bytes, &codes, job)).collect::<Result<_, _>>()?;
    drop(residuals);

    let mut bits = Bits::default();
    bits.put(0x2F, 8);
    bits.put(u64::from(image.width - 1), 14);
    bits.put(u64::from(image.height - 1), 14);
    bits.put(u64::from(!counts.opaque), 1);
    bits.put(0, 3);
    put_transforms(&mut bits);
    // No colour cache, one set of codes.
    bits.put(0, 2);
    codes.put(&mut bits);
    in_a_file(bits, bands, job)
}

/// Puts the bands behind the header, and all of it into a RIFF file (RFC 9649, section 2).
fn in_a_file(header: Bits, bands: Vec<Bits>, job: &Job) -> Result<Vec<u8>, KernelError> {
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
    let mut all = Bits { bytes: file, ..Bits::default() };
    all.append(&header);
    for band in bands {
        job.check()?;
        all.append(&band);
    }
    let mut file = all.finish();
    file.resize(padded + 20, 0);
    Ok(file)
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
        let mut out = RowBits { room: &mut room, at: 0, pending: bits.pending, filled: bits.filled };
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
        let RowBits { at, pending, filled, .. } = out;
        (bits.pending, bits.filled) = (pending, filled);
        bits.bytes.try_reserve(at).map_err(|_| KernelError::OutOfMemory { bytes: Some(at as u64) })?;
        bits.bytes.extend_from_slice(&room[..at]);
        job.advance(1);
    }
    Ok(bits)
}

/// Bits of a row, written without a branch into room that is there.
struct RowBits<'a> {
    room: &'a mut [u8],
    at: usize,
    pending: u64,
    filled: u32,
}

impl RowBits<'_> {
    /// Up to 56 bits; those of `value` above them are 0.
    #[inline]
    fn put(&mut self, value: u64, length: u8) {
        self.pending |= value << self.filled;
        self.filled += u32::from(length);
        self.room[self.at..][..8].copy_from_slice(&self.pending.to_le_bytes());
        self.at += self.filled as usize / 8;
        self.pending >>= self.filled & !7;
        self.filled &= 7;
    }

    #[inline]
    fn put_two(&mut self, first: Code, second: Code) {
        self.put(u64::from(first.bits) | u64::from(second.bits) << first.length, first.length + second.length);
    }
}

/// A symbol's prefix code, its first bit lowest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Code {
    bits: u16,
    length: u8,
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
        self.green.put(bits);
        self.red.put(bits);
        self.blue.put(bits);
        self.alpha.put(bits);
        // Distance: always one pixel, to the left.
        put_single(1, bits);
    }
}

/// The codes of an alphabet.
struct Table<const N: usize> {
    codes: [Code; N],
    /// The only symbol that is used: it takes no bits.
    only: Option<usize>,
}

impl<const N: usize> Table<N> {
    /// Prefix codes of at most `limit` bits for symbols that are used so often (D. A. Huffman, Proceedings of the IRE 40, 1952).
    fn new(counts: &[u32; N], limit: u8) -> Self {
        let mut used = (0..N).filter(|&symbol| counts[symbol] > 0);
        if let (first, None) = (used.next(), used.next()) {
            return Self { codes: [Code::default(); N], only: Some(first.unwrap_or(0)) };
        }
        // When codes are too long, rare symbols count for more until they are not.
        let mut least = 1;
        loop {
            let lengths = lengths(&counts.map(|count| if count == 0 { 0 } else { count.max(least) }));
            if lengths.iter().all(|&length| length <= limit) {
                return Self { codes: canonical(&lengths), only: None };
            }
            least *= 2;
        }
    }

    /// The code of a code: its lengths, themselves in a code (section 6.2.1).
    fn put(&self, bits: &mut Bits) {
        /// The order in which the lengths of that code come.
        const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        if let Some(only) = self.only {
            return put_single(only, bits);
        }
        bits.put(0, 1);
        let tokens = tokens(&self.codes);
        let mut counts = [0; 19];
        tokens.iter().for_each(|&(symbol, _, _)| counts[symbol] += 1);
        let table = Table::new(&counts, 7);
        bits.put(ORDER.len() as u64 - 4, 4);
        for symbol in ORDER {
            let length = if table.only == Some(symbol) { 1 } else { table.codes[symbol].length };
            bits.put(u64::from(length), 3);
        }
        // Lengths of the whole alphabet.
        bits.put(0, 1);
        for (symbol, extra, length) in tokens {
            bits.put_code(table.codes[symbol]);
            bits.put(extra, length);
        }
    }
}

/// The lengths of codes, with runs of zeros as symbols 17 (3 to 10) and 18 (11 to 138), each with its extra bits and how many they are.
fn tokens(codes: &[Code]) -> Vec<(usize, u64, u8)> {
    let mut tokens = Vec::with_capacity(codes.len());
    let mut at = 0;
    while at < codes.len() {
        let zeros = codes[at..].iter().take(138).take_while(|code| code.length == 0).count();
        match zeros {
            0 => tokens.push((usize::from(codes[at].length), 0, 0)),
            1..3 => tokens.extend([(0, 0, 0); 2].into_iter().take(zeros)),
            3..11 => tokens.push((17, zeros as u64 - 3, 3)),
            _ => tokens.push((18, zeros as u64 - 11, 7)),
        }
        at += zeros.max(1);
    }
    tokens
}

/// A code whose only symbol takes no bits; the symbol is below 256.
fn put_single(symbol: usize, bits: &mut Bits) {
    bits.put(1, 2);
    let length = if symbol < 2 { 1 } else { 8 };
    bits.put(u64::from(length == 8), 1);
    bits.put(symbol as u64, length);
}

/// The depth of each symbol's leaf. Equals are taken in order, so that nothing is left to chance.
fn lengths<const N: usize>(counts: &[u32; N]) -> [u8; N] {
    let used = counts.iter().enumerate().filter(|&(_, &count)| count > 0);
    let mut nodes: BinaryHeap<_> = used.map(|(symbol, &count)| Reverse((u64::from(count), symbol))).collect();
    let mut inner: Vec<[usize; 2]> = Vec::with_capacity(N);
    while let (Some(Reverse((count, node))), Some(Reverse((more, other)))) = (nodes.pop(), nodes.pop()) {
        inner.push([node, other]);
        nodes.push(Reverse((count + more, N + inner.len() - 1)));
    }
    let mut lengths = [0; N];
    let mut depths = vec![0_u8; inner.len()];
    for (at, pair) in inner.iter().enumerate().rev() {
        for &node in pair {
            match node.checked_sub(N) {
                None => lengths[node] = depths[at] + 1,
                Some(below) => depths[below] = depths[at] + 1,
            }
        }
    }
    lengths
}

/// The codes that follow from their lengths: shorter ones first, then in the order of symbols.
fn canonical<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut codes = [Code::default(); N];
    let mut next = 0_u32;
    for length in 1..=15_u8 {
        for symbol in (0..N).filter(|&symbol| lengths[symbol] == length) {
            codes[symbol] = Code { bits: (next as u16).reverse_bits() >> (16 - length), length };
            next += 1;
        }
        next *= 2;
    }
    codes
}

/// Bits in the making, the first one lowest in its byte.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Up to 7 bits that are no whole byte yet.
    pending: u64,
    filled: u32,
}

impl Bits {
    fn length(&self) -> u64 {
        self.bytes.len() as u64 * 8 + u64::from(self.filled)
    }

    /// Up to 56 bits; those of `value` above them are 0.
    fn put(&mut self, value: u64, length: u8) {
        self.pending |= value << self.filled;
        self.filled += u32::from(length);
        let whole = self.filled / 8;
        self.bytes.extend_from_slice(&self.pending.to_le_bytes()[..whole as usize]);
        self.pending >>= whole * 8;
        self.filled %= 8;
    }

    fn put_code(&mut self, code: Code) {
        self.put(u64::from(code.bits), code.length);
    }

    fn append(&mut self, other: &Self) {
        if self.filled == 0 {
            self.bytes.extend_from_slice(&other.bytes);
        } else {
            let (words, rest) = other.bytes.as_chunks();
            for &word in words {
                let shifted = self.pending | u64::from(u32::from_le_bytes(word)) << self.filled;
                self.bytes.extend_from_slice(&(shifted as u32).to_le_bytes());
                self.pending = shifted >> 32;
            }
            rest.iter().for_each(|&byte| self.put(u64::from(byte), 8));
        }
        self.put(other.pending, other.filled as u8);
    }

    /// All bytes, the last one filled up with zeros.
    fn finish(mut self) -> Vec<u8> {
        self.put(0, 7);
        self.bytes
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
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

    fn photograph() -> Image {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hubble_deep_field.jpg");
        let picture = image::open(path).unwrap().into_rgba8();
        Image::new(picture.width(), picture.height(), picture.into_raw())
    }

    /// Bands of colour with soft edges, as a rendering has.
    fn rendering(width: u32, height: u32) -> Image {
        let byte = |i: u32| {
            let (x, y, channel) = (i / 4 % width, i / 4 / width, i % 4);
            if channel == 3 { 255 } else { (((x * x + y * y) / 4000) * (channel + 3) * 7) as u8 }
        };
        Image::new(width, height, (0..width * height * 4).map(byte).collect())
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
    fn codes_fit_their_limit_and_are_whole() {
        // Fibonacci's numbers make the deepest tree there is.
        let mut counts = [0_u32; 40];
        (counts[0], counts[1]) = (1, 1);
        for i in 2..40 {
            counts[i] = counts[i - 1] + counts[i - 2];
        }
        let table = Table::new(&counts, 15);
        assert!(table.codes.iter().all(|code| (1..=15).contains(&code.length)));
        let whole: u32 = table.codes.iter().map(|code| 1 << (15 - code.length)).sum();
        assert_eq!(whole, 1 << 15);
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
        for (name, image) in [("photograph", photograph()), ("rendering", rendering(3000, 2000))] {
            for (who, run) in [("ours", encoded as fn(&Image) -> Vec<u8>), ("theirs", theirs)] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
                let mut times: Vec<_> = (0..15)
                    .map(|_| {
                        let begun = std::time::Instant::now();
                        pool.install(|| run(&image));
                        begun.elapsed()
                    })
                    .collect();
                times.sort();
                println!("{name} {who}: {:?}, {} bytes", times[7], run(&image).len());
            }
        }
    }
}
