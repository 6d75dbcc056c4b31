//! Writes PNG files (W3C, Portable Network Graphics, third edition; their data by deflate, RFC 1951), on all threads.
//!
//! The picture is done in bands of rows that the number of threads has no say in, so the bytes are the same on any machine. Each row is
//! filtered, that is, predicted from its neighbours, in the one of the five ways that leaves the least, as section 12.7 of the specification
//! advises; the pixels above a band are there already. What is left is written as one block of deflate with prefix codes made for the
//! band, where the only repetitions that are looked for are those of a single byte: in filtered rows there are hardly any others. (So do
//! R. Geldreich's fpng and L. Versari's FPNGE, with codes made beforehand.) A band ends at a whole byte, by an empty stored block, and is
//! an IDAT chunk.

use super::image_resize::is_opaque;
use super::prefix::{Bits, Code, Lengths, RoomBits, Table};
use super::radix::reserve;
use crate::image::Image;
use crate::{Array, Job, KernelError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use simd_adler32::Adler32;
use wide::{u8x16, u16x8};

/// Bytes of filtered rows in a band, roughly: enough for codes of its own, few enough to stay in a core's cache.
const BAND: usize = 1 << 17;

/// Literals, the end of the block, and the lengths of repetitions (RFC 1951, section 3.2.5).
const SYMBOLS: usize = 286;
const END_OF_BLOCK: usize = 256;
const LENGTHS: usize = 257;
/// The longest repetition that has a symbol, and the shortest.
const LONGEST: usize = 258;
const SHORTEST: usize = 3;
/// No code is longer: four of them fit into one step of [`RoomBits::put`]. Deflate would allow 15.
const LIMIT: u8 = 12;

/// How many ways to predict there are: none, by the byte of the pixel to the left, above, by the mean of both, and Paeth's.
const FILTERS: usize = 5;

/// Encodes a picture, as RGB if it is opaque; advances the job by a unit for each row.
pub(crate) fn encode(image: &Image, opaque: bool, job: &Job) -> Result<Vec<u8>, KernelError> {
    job.set_total(u64::from(image.height));
    let layout = Layout::of(image, opaque);
    let whole = Part { image, above: 0, last: true };
    let bands = layout.bands(&whole, job)?;
    let mut file = File::new(&layout, bands.iter())?;
    for band in &bands {
        job.check()?;
        file.append(band);
    }
    file.finish()
}

/// A picture that is to be encoded.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    width: u32,
    pub(super) height: u32,
    opaque: bool,
    /// Rows of each band but the last.
    rows: usize,
}

/// Rows of a picture.
struct Part<'a> {
    image: &'a Image,
    /// How many rows there are only because the first band is predicted from them: 1, or 0 at the top.
    above: usize,
    /// Whether the picture ends with it.
    last: bool,
}

impl Layout {
    pub(super) fn of(image: &Image, opaque: bool) -> Self {
        let mut layout = Self { width: image.width, height: image.height, opaque, rows: 1 };
        layout.rows = (BAND / (image.width as usize * layout.channels() + 1)).max(1);
        layout
    }

    fn channels(&self) -> usize {
        if self.opaque { 3 } else { 4 }
    }

    /// How many bands there are.
    fn count(&self) -> usize {
        (self.height as usize).div_ceil(self.rows)
    }

    /// A part's bands, on all threads.
    fn bands(&self, part: &Part, job: &Job) -> Result<Vec<Band>, KernelError> {
        let rows = part.image.height as usize - part.above;
        (0..rows.div_ceil(self.rows))
            .into_par_iter()
            .map_init(Scratch::default, |scratch, number| self.band(part, number, scratch, job))
            .collect()
    }

    /// One of a part's bands.
    fn band(&self, part: &Part, number: usize, scratch: &mut Scratch, job: &Job) -> Result<Band, KernelError> {
        let height = part.image.height as usize;
        let start = part.above + number * self.rows;
        let rows = start..height.min(start + self.rows);
        scratch.filter(part.image, rows.clone(), self.channels(), job)?;
        scratch.deflate(rows.start == 0, part.last && rows.end == height, job)
    }

    /// At most so many shards, each of some bands; none when dividing does not pay.
    pub(super) fn shards(&self, image: &Image, pieces: usize) -> Vec<Shard> {
        let bands = self.count();
        let pieces = pieces.min(bands / SHARD_BANDS);
        if pieces < 2 {
            return vec![];
        }
        let row = self.width as usize * 4;
        let start = |piece: usize| (piece * bands / pieces * self.rows).min(self.height as usize);
        let shard = |piece: usize| {
            let rows = start(piece).saturating_sub(1)..start(piece + 1);
            let data = image.data[rows.start * row..rows.end * row].to_vec();
            let image = Image::new(self.width, rows.len() as u32, data);
            Shard { image, opaque: self.opaque, first: piece == 0, last: piece + 1 == pieces }
        };
        (0..pieces).map(shard).collect()
    }

    /// The file, of the bands that shards have made.
    pub(super) fn file(&self, shards: &[Band]) -> Result<Vec<u8>, KernelError> {
        let mut file = File::new(self, shards.iter())?;
        shards.iter().for_each(|band| file.append(band));
        file.finish()
    }
}

/// The fewest bands of a shard: some milliseconds of work.
const SHARD_BANDS: usize = 8;

/// Some bands of a picture.
#[derive(Serialize, Deserialize)]
pub struct Shard {
    /// Their rows, after the one above them if there is one.
    image: Image,
    opaque: bool,
    /// Whether the picture begins with them.
    first: bool,
    /// Whether it ends with them.
    last: bool,
}

impl Shard {
    /// Its bands as one; advances the job by a unit for each row.
    pub(super) fn run(self, job: &Job) -> Result<Band, KernelError> {
        let part = Part { image: &self.image, above: usize::from(!self.first), last: self.last };
        let bands = Layout::of(&self.image, self.opaque).bands(&part, job)?;
        let mut chunks = reserve(bands.iter().map(|band| band.chunks.len()).sum())?;
        let mut adler = NOTHING;
        let mut length = 0;
        for band in bands {
            chunks.extend_from_slice(&band.chunks);
            adler = joined(adler, band.adler, band.length);
            length += band.length;
        }
        Ok(Band { chunks: chunks.into(), adler: adler.1 << 16 | adler.0, length })
    }
}

/// A picture that is encoded in turns.
pub struct Encoding {
    image: Image,
    /// Bytes that were looked at for whether they are opaque, until that is known.
    seen: usize,
    layout: Option<Layout>,
    scratch: Scratch,
    bands: Vec<Band>,
    /// The file, once all bands are made, and how many of them are in it.
    file: Option<(File, usize)>,
}

/// Bytes that are only looked at, or copied, in a turn: well below a millisecond.
const GLANCE: usize = 1 << 21;

impl Encoding {
    pub(super) fn new(image: Image) -> Self {
        Self { image, seen: 0, layout: None, scratch: Scratch::default(), bands: Vec::new(), file: None }
    }

    /// Rows that are done, and in all.
    pub(super) fn progress(&self) -> (u64, u64) {
        let rows = self.layout.map_or(0, |layout| self.bands.len() * layout.rows) as u64;
        let height = u64::from(self.image.height);
        (rows.min(height), height)
    }

    /// Does some more; the file, when nothing is left to do.
    pub(super) fn turn(&mut self, job: &Job) -> Result<Option<Vec<u8>>, KernelError> {
        let Some(layout) = self.layout else {
            let next = self.seen..self.image.data.len().min(self.seen + GLANCE);
            let opaque = is_opaque(&self.image.data[next.clone()], job)?;
            self.seen = next.end;
            if !opaque || self.seen == self.image.data.len() {
                self.layout = Some(Layout::of(&self.image, opaque));
            }
            return Ok(None);
        };
        if self.bands.len() < layout.count() {
            let whole = Part { image: &self.image, above: 0, last: true };
            self.bands.push(layout.band(&whole, self.bands.len(), &mut self.scratch, job)?);
            return Ok(None);
        }
        let (mut file, mut number) = match self.file.take() {
            Some(begun) => begun,
            None => (File::new(&layout, self.bands.iter())?, 0),
        };
        let mut copied = 0;
        while let Some(band) = self.bands.get(number).filter(|_| copied < GLANCE) {
            file.append(band);
            copied += band.chunks.len();
            number += 1;
        }
        if number == self.bands.len() {
            return file.finish().map(Some);
        }
        self.file = Some((file, number));
        Ok(None)
    }
}

/// A file in the making.
struct File {
    bytes: Vec<u8>,
    /// The halves of Adler-32 of what is in it.
    adler: (u32, u32),
}

impl File {
    /// The beginning of a file, and room for these bands.
    fn new<'a>(layout: &Layout, bands: impl Iterator<Item = &'a Band>) -> Result<Self, KernelError> {
        let mut bytes = reserve(bands.map(|band| band.chunks.len()).sum::<usize>() + 128)?;
        bytes.extend_from_slice(b"\x89PNG\r\n\x1A\n");
        let mut head = [0; 13];
        head[..4].copy_from_slice(&layout.width.to_be_bytes());
        head[4..8].copy_from_slice(&layout.height.to_be_bytes());
        // Eight bits a sample; RGB or RGBA.
        head[8..10].copy_from_slice(&[8, if layout.opaque { 2 } else { 6 }]);
        bytes.extend_from_slice(&chunk(*b"IHDR", &head)?);
        Ok(Self { bytes, adler: NOTHING })
    }

    fn append(&mut self, band: &Band) {
        self.bytes.extend_from_slice(&band.chunks);
        self.adler = joined(self.adler, band.adler, band.length);
    }

    fn finish(mut self) -> Result<Vec<u8>, KernelError> {
        let adler = self.adler.1 << 16 | self.adler.0;
        self.bytes.extend_from_slice(&chunk(*b"IDAT", &adler.to_be_bytes())?);
        self.bytes.extend_from_slice(&chunk(*b"IEND", &[])?);
        Ok(self.bytes)
    }
}

/// A chunk of the file (section 5.3).
fn chunk(kind: [u8; 4], data: &[u8]) -> Result<Vec<u8>, KernelError> {
    let mut chunk = reserve(data.len() + 12)?;
    chunk.extend_from_slice(&(data.len() as u32).to_be_bytes());
    chunk.extend_from_slice(&kind);
    chunk.extend_from_slice(data);
    let crc = crc32fast::hash(&chunk[4..]);
    chunk.extend_from_slice(&crc.to_be_bytes());
    Ok(chunk)
}

/// The halves of Adler-32 of no bytes.
const NOTHING: (u32, u32) = (1, 0);

/// The halves of Adler-32 of bytes and of `length` more of which that alone is `more` (RFC 1950, section 8.2).
fn joined((low, high): (u32, u32), more: u32, length: usize) -> (u32, u32) {
    const BASE: u64 = 65_521;
    let [low, high, length] = [u64::from(low), u64::from(high), length as u64 % BASE];
    let [more_low, more_high] = [more & 0xFFFF, more >> 16].map(u64::from);
    // The sums of `more` began at 1 and 0.
    let [joined_low, joined_high] = [low + more_low + BASE - 1, high + more_high + (low + BASE - 1) * length];
    ((joined_low % BASE) as u32, (joined_high % BASE) as u32)
}

/// A band that is written, or several in a row.
#[derive(Serialize, Deserialize)]
pub struct Band {
    chunks: Array<u8>,
    adler: u32,
    /// Of its filtered rows.
    length: usize,
}

/// What one band after the other is made in.
#[derive(Default)]
struct Scratch {
    /// Two rows of samples, each behind a pixel of zeros.
    above: Vec<u8>,
    current: Vec<u8>,
    /// Filtered rows, each behind the number of its filter.
    filtered: Vec<u8>,
    /// Where bytes repeat.
    runs: Vec<Run>,
    room: Vec<u8>,
}

/// Bytes that are the same as the one before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    start: usize,
    length: usize,
}

impl Scratch {
    fn filter(
        &mut self,
        image: &Image,
        rows: std::ops::Range<usize>,
        channels: usize,
        job: &Job,
    ) -> Result<(), KernelError> {
        let width = image.width as usize;
        let row_bytes = width * channels;
        let pixels = |row: usize| &image.data[row * width * 4..][..width * 4];
        fill(&mut self.above, channels + row_bytes)?;
        fill(&mut self.current, channels + row_bytes)?;
        fill(&mut self.filtered, rows.len() * (row_bytes + 1))?;
        self.above[..channels].fill(0);
        self.current[..channels].fill(0);
        match rows.start {
            0 => self.above.fill(0),
            start => samples(pixels(start - 1), channels, &mut self.above[channels..]),
        }
        for (row, out) in rows.zip(self.filtered.chunks_exact_mut(row_bytes + 1)) {
            job.check()?;
            samples(pixels(row), channels, &mut self.current[channels..]);
            let neighbours = Neighbours {
                own: &self.current[channels..],
                left: &self.current[..row_bytes],
                above: &self.above[channels..],
                corner: &self.above[..row_bytes],
            };
            let left_over = neighbours.left_over();
            let best = (0..FILTERS).min_by_key(|&filter| left_over[filter]).unwrap_or(0);
            out[0] = best as u8;
            match best {
                0 => out[1..].copy_from_slice(neighbours.own),
                1 => neighbours.residuals::<1>(&mut out[1..]),
                2 => neighbours.residuals::<2>(&mut out[1..]),
                3 => neighbours.residuals::<3>(&mut out[1..]),
                _ => neighbours.residuals::<4>(&mut out[1..]),
            }
            std::mem::swap(&mut self.above, &mut self.current);
            job.advance(1);
        }
        Ok(())
    }

    /// Writes the filtered rows.
    fn deflate(&mut self, first: bool, last: bool, job: &Job) -> Result<Band, KernelError> {
        let data = &self.filtered[..];
        let mut adler = Adler32::new();
        adler.write(data);
        job.check()?;
        find_runs(data, &mut self.runs)?;
        let table = Table::<SYMBOLS>::new(&count(data, &self.runs), LIMIT);
        job.check()?;

        let mut head = Bits::default();
        if first {
            // Of zlib: deflate with a window of 32 KiB, made fast.
            head.put(0x0178, 16);
        }
        put_head(&table, last, &mut head);

        // A byte takes at most 12 bits, and each step writes 8 bytes.
        fill(&mut self.room, data.len() + data.len() / 2 + 64)?;
        let mut out = RoomBits { room: &mut self.room, at: 0, pending: head.pending, filled: head.filled };
        let mut at = 0;
        for &Run { start, length } in &self.runs {
            put_literals(&data[at..start], &table, &mut out);
            put_run(length, &table, &mut out);
            at = start + length;
        }
        job.check()?;
        put_literals(&data[at..], &table, &mut out);
        let end = table.codes[END_OF_BLOCK];
        out.put(u64::from(end.bits), end.length);
        if last {
            out.put(0, 7);
        } else {
            // An empty stored block: no bytes, and as many again with all bits turned.
            out.put(0, 3 + 7);
            out.filled = 0;
            out.pending = 0;
            out.put(0xFFFF_0000, 32);
        }
        let length = out.at;
        let written = &self.room[..length];
        job.check()?;

        let mut payload = reserve(head.bytes.len() + written.len())?;
        payload.extend_from_slice(&head.bytes);
        payload.extend_from_slice(written);
        Ok(Band { chunks: chunk(*b"IDAT", &payload)?.into(), adler: adler.finish(), length: data.len() })
    }
}

/// Makes a vector so long; what is in it is of no meaning.
fn fill(bytes: &mut Vec<u8>, length: usize) -> Result<(), KernelError> {
    if bytes.capacity() < length {
        *bytes = reserve(length)?;
    }
    bytes.resize(length, 0);
    Ok(())
}

/// The samples of RGBA pixels that are written.
fn samples(pixels: &[u8], channels: usize, out: &mut [u8]) {
    if channels == 4 {
        return out.copy_from_slice(pixels);
    }
    for (&[red, green, blue, _], out) in pixels.as_chunks().0.iter().zip(out.as_chunks_mut().0) {
        *out = [red, green, blue];
    }
}

/// A row's samples, and those that they are predicted from, all of one length.
struct Neighbours<'a> {
    own: &'a [u8],
    left: &'a [u8],
    above: &'a [u8],
    corner: &'a [u8],
}

impl Neighbours<'_> {
    /// How much each filter leaves: the sum of its residuals' magnitudes, as signed bytes.
    fn left_over(&self) -> [u64; FILTERS] {
        /// So many of twice 128 are below 2¹⁶.
        const BLOCKS: usize = 255;
        let (own, own_end) = blocks(self.own);
        let (left, left_end) = blocks(self.left);
        let (above, above_end) = blocks(self.above);
        let (corner, corner_end) = blocks(self.corner);
        let mut totals = [0; FILTERS];
        let mut add = |sums: [u16x8; FILTERS]| {
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total += sum.to_array().into_iter().map(u64::from).sum::<u64>();
            }
        };
        let pieces = own.chunks(BLOCKS).zip(left.chunks(BLOCKS)).zip(above.chunks(BLOCKS).zip(corner.chunks(BLOCKS)));
        for ((own, left), (above, corner)) in pieces {
            let mut sums = [u16x8::ZERO; FILTERS];
            for ((own, left), (above, corner)) in own.iter().zip(left).zip(above.iter().zip(corner)) {
                magnitudes([own, left, above, corner].map(|&block| u8x16::new(block)), &mut sums);
            }
            add(sums);
        }
        let mut sums = [u16x8::ZERO; FILTERS];
        magnitudes([own_end, left_end, above_end, corner_end].map(u8x16::new), &mut sums);
        add(sums);
        totals
    }

    /// What a filter leaves.
    fn residuals<const FILTER: usize>(&self, out: &mut [u8]) {
        let (own, own_end) = blocks(self.own);
        let (left, left_end) = blocks(self.left);
        let (above, above_end) = blocks(self.above);
        let (corner, corner_end) = blocks(self.corner);
        let residual = |[own, left, above, corner]: [&[u8; 16]; 4]| -> [u8; 16] {
            let [own, left, above, corner] = [own, left, above, corner].map(|&block| u8x16::new(block));
            (own - predicted::<FILTER>(left, above, corner)).to_array()
        };
        let (out, out_end) = out.as_chunks_mut();
        for ((out, own), (left, (above, corner))) in
            out.iter_mut().zip(own).zip(left.iter().zip(above.iter().zip(corner)))
        {
            *out = residual([own, left, above, corner]);
        }
        out_end.copy_from_slice(&residual([&own_end, &left_end, &above_end, &corner_end])[..out_end.len()]);
    }
}

/// Sixteen bytes at a time, and the rest with zeros behind it: there all residuals of zeros are zeros.
fn blocks(bytes: &[u8]) -> (&[[u8; 16]], [u8; 16]) {
    let (blocks, rest) = bytes.as_chunks();
    let mut end = [0; 16];
    end[..rest.len()].copy_from_slice(rest);
    (blocks, end)
}

#[inline]
fn magnitudes([own, left, above, corner]: [u8x16; 4], sums: &mut [u16x8; FILTERS]) {
    let residuals = [
        own,
        own - predicted::<1>(left, above, corner),
        own - predicted::<2>(left, above, corner),
        own - predicted::<3>(left, above, corner),
        own - predicted::<4>(left, above, corner),
    ];
    for (sum, residual) in sums.iter_mut().zip(residuals) {
        let magnitude = residual.min(u8x16::ZERO - residual);
        *sum += u16x8::from_u8x16_low(magnitude) + u16x8::from_u8x16_high(magnitude);
    }
}

/// What a filter expects (section 9.2).
#[inline]
fn predicted<const FILTER: usize>(left: u8x16, above: u8x16, corner: u8x16) -> u8x16 {
    match FILTER {
        0 => u8x16::ZERO,
        1 => left,
        2 => above,
        // The mean, rounded down, without a ninth bit.
        3 => (left & above) + ((left ^ above) >> 1_u32),
        _ => paeth(left, above, corner),
    }
}

/// Of the three the one that is nearest to left + above - corner, in bytes alone: if the corner lies between the two others, the distance to
/// it is the difference of the two other distances, else it is their sum, and another is as near at least.
#[inline]
fn paeth(left: u8x16, above: u8x16, corner: u8x16) -> u8x16 {
    let to_left = above.max(corner) - above.min(corner);
    let to_above = left.max(corner) - left.min(corner);
    let beyond = left.simd_lt(corner) ^ corner.simd_lt(above);
    let to_corner = (to_left.max(to_above) - to_left.min(to_above)) | beyond;
    let least = to_left.min(to_above).min(to_corner);
    let above_or_corner = to_above.simd_eq(least).bitselect(above, corner);
    to_left.simd_eq(least).bitselect(left, above_or_corner)
}

/// Runs of eight or more.
fn find_runs(data: &[u8], runs: &mut Vec<Run>) -> Result<(), KernelError> {
    let eight = |at: usize| u64::from_le_bytes(data[at..][..8].try_into().unwrap_or_default());
    runs.clear();
    let mut at = 1;
    while at + 8 <= data.len() {
        let differences = eight(at) ^ eight(at - 1);
        if differences != 0 {
            // One may begin with the bytes at the end that are the same.
            at += 8 - differences.leading_zeros() as usize / 8;
            continue;
        }
        let (start, byte) = (at, data[at]);
        at += 8;
        let all = u64::from_ne_bytes([byte; 8]);
        while at + 8 <= data.len() && eight(at) == all {
            at += 8;
        }
        at += data[at..].iter().take(8).take_while(|&&next| next == byte).count();
        runs.try_reserve(1).map_err(|_| KernelError::OutOfMemory { bytes: None })?;
        runs.push(Run { start, length: at - start });
        // Not again from the byte before.
        at += 1;
    }
    Ok(())
}

/// How often each symbol is written.
fn count(data: &[u8], runs: &[Run]) -> [u32; SYMBOLS] {
    // Four counters each: a counter that was just written is not read again at once.
    let mut literals = [[0_u32; 256]; 4];
    let mut counts = [0; SYMBOLS];
    let mut stretch = |bytes: &[u8]| {
        let (fours, rest) = bytes.as_chunks::<4>();
        for four in fours {
            for (counter, &byte) in literals.iter_mut().zip(four) {
                counter[usize::from(byte)] += 1;
            }
        }
        rest.iter().for_each(|&byte| literals[0][usize::from(byte)] += 1);
    };
    let mut at = 0;
    for &Run { start, length } in runs {
        stretch(&data[at..start]);
        for piece in pieces(length) {
            counts[length_symbol(piece).0] += 1;
        }
        at = start + length;
    }
    stretch(&data[at..]);
    for counter in &literals {
        counts.iter_mut().zip(counter).for_each(|(count, more)| *count += more);
    }
    counts[END_OF_BLOCK] = 1;
    counts
}

/// Lengths that have symbols and add up to a run of at least eight.
fn pieces(mut length: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let piece = match length {
            0 => return None,
            1..=LONGEST => length,
            // What is left must be long enough.
            _ => LONGEST.min(length - SHORTEST),
        };
        length -= piece;
        Some(piece)
    })
}

/// The symbol of a length, how many bits follow it, and those.
fn length_symbol(length: usize) -> (usize, u8, u64) {
    if length == LONGEST {
        return (SYMBOLS - 1, 0, 0);
    }
    let value = length - SHORTEST;
    let extra = (value.max(1).ilog2().max(2) - 2) as usize;
    (LENGTHS + 4 * extra + (value >> extra), extra as u8, (value & ((1 << extra) - 1)) as u64)
}

/// What a block begins with (RFC 1951, section 3.2.7).
fn put_head(table: &Table<SYMBOLS>, last: bool, bits: &mut Bits) {
    /// The order in which the lengths of the lengths' code come.
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    const PREFIX_CODES: u64 = 2;
    bits.put(u64::from(last), 1);
    bits.put(PREFIX_CODES, 2);
    bits.put(SYMBOLS as u64 - 257, 5);
    // One distance, that of a byte.
    bits.put(0, 5);
    let mut codes = [Code { bits: 0, length: 1 }; SYMBOLS + 1];
    codes[..SYMBOLS].copy_from_slice(&table.codes);
    let lengths = Lengths::of(&codes);
    lengths.put_code(&ORDER, bits);
    lengths.put(bits);
}

fn put_literals(data: &[u8], table: &Table<SYMBOLS>, out: &mut RoomBits) {
    let (fours, rest) = data.as_chunks::<4>();
    for four in fours {
        let (bits, length) = four.iter().rev().fold((0, 0), |(bits, length), &byte| {
            let code = table.codes[usize::from(byte)];
            (bits << code.length | u64::from(code.bits), length + code.length)
        });
        out.put(bits, length);
    }
    for &byte in rest {
        let code = table.codes[usize::from(byte)];
        out.put(u64::from(code.bits), code.length);
    }
}

fn put_run(length: usize, table: &Table<SYMBOLS>, out: &mut RoomBits) {
    for piece in pieces(length) {
        let (symbol, extra, rest) = length_symbol(piece);
        let code = table.codes[symbol];
        // The only distance takes one bit, and it is 0.
        out.put(u64::from(code.bits) | rest << code.length, code.length + extra + 1);
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::image::testing::{measure, photograph, rendering};
    use proptest::prelude::*;

    fn encoded(image: &Image) -> Vec<u8> {
        let job = Job::detached();
        let opaque = is_opaque(&image.data, &job).unwrap();
        let file = encode(image, opaque, &job).unwrap();
        assert_eq!(job.progress(), (u64::from(image.height), u64::from(image.height)));
        file
    }

    /// What another decoder makes of it, which checks all sums.
    fn decoded(file: &[u8]) -> Image {
        let mut decoder = ::png::Decoder::new(std::io::Cursor::new(file));
        decoder.ignore_checksums(false);
        let mut reader = decoder.read_info().unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut data).unwrap();
        reader.finish().unwrap();
        if info.color_type == ::png::ColorType::Rgb {
            data = data.as_chunks().0.iter().flat_map(|&[r, g, b]: &[u8; 3]| [r, g, b, 255]).collect();
        }
        Image::new(info.width, info.height, data)
    }

    /// What `png` makes of it by fdeflate.
    fn theirs(image: &Image) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = ::png::Encoder::new(&mut file, image.width, image.height);
        let opaque = image.data.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255);
        encoder.set_color(if opaque { ::png::ColorType::Rgb } else { ::png::ColorType::Rgba });
        encoder.set_compression(::png::Compression::Fast);
        let mut samples = image.data.to_vec();
        if opaque {
            samples = samples.as_chunks().0.iter().flat_map(|&[r, g, b, _]: &[u8; 4]| [r, g, b]).collect();
        }
        encoder.write_header().unwrap().write_image_data(&samples).unwrap();
        file
    }

    fn noise(width: u32, height: u32) -> Image {
        let byte = |i: u32| ((i + 1).wrapping_mul(2_654_435_761) ^ i.wrapping_mul(40_503) >> 7) as u8;
        Image::new(width, height, (0..width * height * 4).map(|i| byte(i ^ i >> 3)).collect())
    }

    #[test]
    fn files_are_no_longer_than_those_of_another_encoder() {
        let plain = Image::new(900, 700, [12, 200, 7, 255].repeat(900 * 700));
        for (name, image) in [
            ("photograph", photograph()),
            ("rendering", rendering(1200, 800)),
            ("noise", noise(300, 400)),
            ("plain", plain),
        ] {
            let (ours, theirs) = (encoded(&image), theirs(&image));
            assert!(decoded(&ours) == image, "{name}");
            assert!(ours.len() <= theirs.len() + theirs.len() / 100, "{name}: {} and {}", ours.len(), theirs.len());
        }
    }

    #[test]
    fn small_pictures_and_long_ones() {
        const SIDE: u32 = 65_535;
        for (width, height) in [(1, 1), (2, 1), (1, 2), (3, 7), (5, 300), (SIDE, 1), (1, SIDE), (SIDE, 3), (700, 300)] {
            for (shade, alpha) in [(0, 0), (0, 255), (1, 255), (7, 9)] {
                let byte = |i: u32| {
                    let value = (i.wrapping_mul(2_654_435_761) >> 16).wrapping_mul(shade) as u8;
                    if i % 4 == 3 { alpha } else { value }
                };
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
    fn the_nearest_of_three_is_that_of_the_specification() {
        for left in 0..=255_u8 {
            for above in 0..=255_u8 {
                for corners in 0..16_u8 {
                    let corners: [u8; 16] = std::array::from_fn(|i| corners * 16 + i as u8);
                    let ours = paeth(u8x16::splat(left), u8x16::splat(above), u8x16::new(corners)).to_array();
                    for (ours, corner) in ours.into_iter().zip(corners) {
                        let [a, b, c] = [left, above, corner].map(i32::from);
                        let [to_a, to_b, to_c] = [a, b, c].map(|value| (a + b - c - value).abs());
                        let expected = if to_a <= to_b && to_a <= to_c {
                            a
                        } else if to_b <= to_c {
                            b
                        } else {
                            c
                        };
                        assert_eq!(i32::from(ours), expected, "{left}, {above}, {corner}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_filter_that_leaves_the_least_is_found() {
        let random = |i: usize, step: usize| (i.wrapping_mul(step) >> 7) as u8;
        for length in [1, 15, 16, 17, 4079, 4080, 4096, 9000] {
            let [own, left, above, corner] =
                [40_503, 30_011, 50_021, 60_013].map(|step| (0..length).map(|i| random(i, step)).collect::<Vec<_>>());
            let neighbours = Neighbours { own: &own, left: &left, above: &above, corner: &corner };
            let mut out = vec![0; length];
            let mut left_over = |fill: &dyn Fn(&mut [u8])| {
                fill(&mut out);
                out.iter().map(|&residual| u64::from((residual as i8).unsigned_abs())).sum::<u64>()
            };
            let expected = [
                left_over(&|out| out.copy_from_slice(&own)),
                left_over(&|out| neighbours.residuals::<1>(out)),
                left_over(&|out| neighbours.residuals::<2>(out)),
                left_over(&|out| neighbours.residuals::<3>(out)),
                left_over(&|out| neighbours.residuals::<4>(out)),
            ];
            assert_eq!(neighbours.left_over(), expected, "{length}");
        }
        // The most that there can be.
        let all = vec![128; 9000];
        let none = vec![0; 9000];
        let neighbours = Neighbours { own: &all, left: &none, above: &none, corner: &none };
        assert_eq!(neighbours.left_over(), [9000 * 128; FILTERS]);
    }

    #[test]
    fn lengths_have_the_symbols_of_the_format() {
        // RFC 1951, section 3.2.5.
        assert_eq!(
            [3, 4, 10, 11, 12, 13, 18, 19, 22, 23, 34, 35, 66, 67, 115, 130, 131, 257, 258]
                .map(|length| length_symbol(length).0),
            [257, 258, 264, 265, 265, 266, 268, 269, 269, 270, 272, 273, 276, 277, 280, 280, 281, 284, 285]
        );
        assert_eq!([10, 12, 22, 257, 258].map(|length| length_symbol(length).1), [0, 1, 2, 5, 0]);
        assert_eq!([11, 12, 22, 257].map(|length| length_symbol(length).2), [0, 1, 3, 30]);
        for length in 8..2000 {
            let all: Vec<_> = pieces(length).collect();
            assert_eq!(all.iter().sum::<usize>(), length);
            assert!(all.iter().all(|piece| (SHORTEST..=LONGEST).contains(piece)), "{length}: {all:?}");
        }
    }

    #[test]
    fn sums_of_parts_are_the_sum_of_the_whole() {
        let data: Vec<u8> = (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8 | 0xF0).collect();
        for part in [1, 2, 4096, 65_521, 70_000, 300_000] {
            let joined =
                data.chunks(part).fold((1, 0), |sum, part| joined(sum, simd_adler32::adler32(&part), part.len()));
            let whole = simd_adler32::adler32(&&data[..]);
            assert_eq!(joined, (whole & 0xFFFF, whole >> 16), "{part}");
        }
    }

    #[test]
    fn it_stops_when_cancelled() {
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(encode(&rendering(300, 300), true, &job), Err(KernelError::Cancelled));
    }

    /// Every run of eight or more is found, none that is not one, and none twice.
    fn check_runs(data: &[u8]) {
        let mut runs = Vec::new();
        find_runs(data, &mut runs).unwrap();
        let mut covered = vec![false; data.len()];
        for &Run { start, length } in &runs {
            assert!(start > 0 && length >= 8);
            for at in start..start + length {
                assert!(data[at] == data[at - 1] && !covered[at]);
                covered[at] = true;
            }
        }
        let mut at = 1;
        while at < data.len() {
            let length = data[at..].iter().take_while(|&&byte| byte == data[at - 1]).count();
            if length >= 15 {
                assert!(covered[at + 7..at + length - 7].iter().all(|&covered| covered), "at {at} of {data:?}");
            }
            at += length.max(1);
        }
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

        #[test]
        fn runs_are_found(pieces in prop::collection::vec((0_u8..3, 1_usize..40), 0..40)) {
            check_runs(&pieces.iter().flat_map(|&(byte, length)| vec![byte; length]).collect::<Vec<_>>());
        }
    }

    #[test]
    #[ignore = "a measurement: cargo test --release --lib png -- --ignored --nocapture"]
    fn how_long_it_takes() {
        measure(&[("ours", encoded), ("theirs", theirs)]);
    }
}
