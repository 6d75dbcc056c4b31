//! LZ4 frames (the LZ4 Frame Format, version 1.6.4) of independent blocks: for [`compress`](super::compress) and
//! [`decompress`](super::decompress).
//!
//! Blocks are decoded by `lz4_flex`. They are encoded here, by the one-pass method of LZ4's own `LZ4_compress_default` (Y. Collet):
//! a table remembers where each hash of five bytes was seen last; what matches there is a sequence, and where nothing matches
//! for long the steps grow.

use super::compress::CompressionFormat;
use super::decompress::{Output, refuse};
use super::radix::reserve;
use crate::{Job, KernelError};
use rayon::prelude::*;
use std::hash::Hasher;
use std::mem::MaybeUninit;
use std::ops::Range;
use twox_hash::XxHash32;

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
/// What ends a frame: a block of no bytes.
pub(super) const END: [u8; 4] = [0; 4];
/// In the length of a block: it is stored as it is.
const STORED: u32 = 1 << 31;
/// Our header's flags: version 1, independent blocks, a check of each block, the length of it all.
const FLAGS: u8 = 0b0111_1000;
/// Our blocks' greatest length: the code of 1 MiB.
const SIZE_CODE: u8 = 6 << 4;

/// Bits of a hash: a table of 32 KiB, which fits the first cache.
const HASH_BITS: u32 = 13;
const MIN_MATCH: usize = 4;
/// The last match begins at least so many bytes before the end of a block, says the format.
const LAST_MATCH: usize = 12;
/// The last bytes of a block are literals.
const LAST_LITERALS: usize = 5;
const MAX_OFFSET: usize = 65_535;
/// Steps without a match before they grow by a byte, as a power of two.
const PATIENCE: u32 = 6;
/// Bytes between two looks at the job.
const SLICE: usize = 128 << 10;

/// Compresses blocks, one after the other.
pub(super) struct Encoder {
    /// Where each hash was seen last.
    table: Box<[u32; 1 << HASH_BITS]>,
}

impl Encoder {
    pub fn new() -> Self {
        Self { table: Box::new([0; 1 << HASH_BITS]) }
    }

    /// One block of a frame, with its length before it and its check behind; nothing of no bytes.
    pub fn block(&mut self, data: &[u8], job: &Job) -> Result<Vec<u8>, KernelError> {
        if data.is_empty() {
            return Ok(vec![]);
        }
        // The longest that it can become, with its length and check, and what is dropped of a last vector.
        let mut out = reserve(data.len() + data.len() / 255 + 48)?;
        out.extend_from_slice(&[0; 4]);
        self.compress(data, &mut out, job)?;
        let mut length = (out.len() - 4) as u32;
        if out.len() - 4 >= data.len() {
            out.truncate(4);
            out.extend_from_slice(data);
            length = data.len() as u32 | STORED;
        }
        out[..4].copy_from_slice(&length.to_le_bytes());
        let check = XxHash32::oneshot(0, &out[4..]);
        out.extend_from_slice(&check.to_le_bytes());
        out.shrink_to_fit();
        job.advance(data.len() as u64);
        Ok(out)
    }

    fn compress(&mut self, data: &[u8], out: &mut Vec<u8>, job: &Job) -> Result<(), KernelError> {
        self.table.fill(0);
        // Of what is behind `anchor` nothing is written yet.
        let mut anchor = 0;
        let mut next_check = 0;
        let mut at = 1;
        let last = data.len().saturating_sub(LAST_MATCH);
        'sequences: while at <= last {
            let mut misses = 1_usize << PATIENCE;
            let mut candidate = loop {
                if at >= next_check {
                    job.check()?;
                    next_check = at + SLICE;
                }
                let candidate = self.swap(data, at);
                if at - candidate <= MAX_OFFSET && word(data, at) == word(data, candidate) {
                    break candidate;
                }
                at += misses >> PATIENCE;
                misses += 1;
                if at > last {
                    break 'sequences;
                }
            };
            while at > anchor && candidate > 0 && data[at - 1] == data[candidate - 1] {
                (at, candidate) = (at - 1, candidate - 1);
            }
            let length = MIN_MATCH + common(data, at + MIN_MATCH, candidate + MIN_MATCH);
            sequence(out, data, anchor..at, Some((at - candidate, length)));
            at += length;
            anchor = at;
            if at <= last {
                self.swap(data, at - 2);
            }
        }
        sequence(out, data, anchor..data.len(), None);
        Ok(())
    }

    /// Where the five bytes at `at`, or others of their hash, were seen before; from now on they were seen here.
    #[inline(always)]
    fn swap(&mut self, data: &[u8], at: usize) -> usize {
        let bytes = u64::from_le_bytes(data[at..at + 8].try_into().unwrap_or_default());
        // The multiplier of LZ4's own hash of five bytes.
        let hash = (bytes << 24).wrapping_mul(889_523_592_379) >> (64 - HASH_BITS);
        std::mem::replace(&mut self.table[hash as usize], at as u32) as usize
    }
}

#[inline(always)]
fn word(data: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(data[at..at + 4].try_into().unwrap_or_default())
}

/// How many bytes are the same from `a` and from `b` on, `b` before `a`; not those that must be literals.
#[inline(always)]
fn common(data: &[u8], a: usize, b: usize) -> usize {
    let here = &data[a..data.len() - LAST_LITERALS];
    let there = &data[b..b + here.len()];
    let (here, there) = (here.as_chunks::<8>(), there.as_chunks::<8>());
    let mut length = 0;
    for (x, y) in here.0.iter().zip(there.0) {
        let different = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if different != 0 {
            return length + different.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    length + here.1.iter().zip(there.1).take_while(|(x, y)| x == y).count()
}

/// Writes literals and the match that follows them: how far back it is and how long; the last sequence of a block has none.
#[inline(always)]
fn sequence(out: &mut Vec<u8>, data: &[u8], literals: Range<usize>, matched: Option<(usize, usize)>) {
    let (offset, length) = matched.map_or((0, 0), |(offset, length)| (offset, length - MIN_MATCH));
    out.push((literals.len().min(15) << 4 | length.min(15)) as u8);
    long(out, literals.len());
    append(out, data, literals);
    if matched.is_some() {
        out.extend_from_slice(&(offset as u16).to_le_bytes());
        long(out, length);
    }
}

/// Most literals are few: a whole vector with them is copied and the rest dropped, for in wasm a copy of a length that the
/// compiler does not know is a call.
#[inline(always)]
fn append(out: &mut Vec<u8>, data: &[u8], literals: Range<usize>) {
    let end = out.len() + literals.len();
    match data[literals.start..].first_chunk::<16>() {
        Some(vector) if literals.len() <= vector.len() => {
            out.extend_from_slice(vector);
            out.truncate(end);
        }
        _ => out.extend_from_slice(&data[literals]),
    }
}

/// What of a length does not fit the token: bytes of 255, and one that is less.
#[inline(always)]
fn long(out: &mut Vec<u8>, length: usize) {
    if let Some(mut rest) = length.checked_sub(15) {
        while rest >= 255 {
            out.push(255);
            rest -= 255;
        }
        out.push(rest as u8);
    }
}

/// The header of a frame of so many bytes.
pub(super) fn head(len: u64) -> Vec<u8> {
    const { assert!(CompressionFormat::Lz4.block() == 1 << 20) };
    let mut head = [&MAGIC[..], &[FLAGS, SIZE_CODE], &len.to_le_bytes()].concat();
    head.push(header_check(&head[4..]));
    head
}

fn header_check(descriptor: &[u8]) -> u8 {
    (XxHash32::oneshot(0, descriptor) >> 8) as u8
}

/// Whether `data` begins like an LZ4 file.
pub(super) fn is_lz4(data: &[u8]) -> bool {
    data.starts_with(&MAGIC)
}

/// Where the frame ends that begins at `at`, if it is one of those that LZ4 and Zstandard both pass over. That can be past the end
/// of the data.
pub(super) fn skippable(data: &[u8], at: usize) -> Option<usize> {
    let [0x50..=0x5F, 0x2A, 0x4D, 0x18, length @ ..] = &data[at..] else { return None };
    let length = length.first_chunk::<4>().map(|&bytes| u32::from_le_bytes(bytes) as usize);
    Some(length.map_or(usize::MAX, |length| (at + 8).saturating_add(length)))
}

/// A frame's header.
struct Header {
    independent: bool,
    block_checks: bool,
    content_check: bool,
    len: Option<u64>,
    /// The most bytes that a block holds.
    most: usize,
}

/// A block in a frame.
struct Block {
    place: Range<usize>,
    stored: bool,
}

impl Header {
    /// Reads the header at `start`; returns also where it ends.
    fn read(data: &[u8], start: usize) -> Result<(Self, usize), KernelError> {
        let cut = || refuse(data.len(), format!("the data ends in the LZ4 header that begins at byte {start}"));
        if !data[start..].starts_with(&MAGIC) {
            return Err(refuse(start, "an LZ4 frame begins with the bytes 04 22 4d 18"));
        }
        let begin = start + 4;
        let &[flags, sizes] = data.get(begin..begin + 2).ok_or_else(cut)? else { return Err(cut()) };
        if flags >> 6 != 1 || flags & 2 != 0 || sizes & 0x8F != 0 {
            return Err(refuse(
                begin,
                format!("the LZ4 header's flags {flags:#04x} {sizes:#04x} are of no version that is known"),
            ));
        }
        if flags & 1 != 0 {
            return Err(refuse(begin, "the LZ4 frame was made with a dictionary, which this kernel does not take"));
        }
        let most = match sizes >> 4 {
            code @ 4..=7 => 1 << (8 + 2 * code),
            code => return Err(refuse(begin + 1, format!("{code} is no code of a block's length: 4 to 7 are"))),
        };
        let mut end = begin + 2;
        let mut len = None;
        if flags & 8 != 0 {
            let bytes = data.get(end..end + 8).ok_or_else(cut)?;
            len = Some(u64::from_le_bytes(bytes.try_into().unwrap_or_default()));
            end += 8;
        }
        if *data.get(end).ok_or_else(cut)? != header_check(&data[begin..end]) {
            return Err(refuse(end, "the check of the LZ4 header does not match"));
        }
        let flag = |bit: u8| flags & bit != 0;
        let header = Self { independent: flag(32), block_checks: flag(16), content_check: flag(4), len, most };
        Ok((header, end + 1))
    }

    /// The blocks from `at` on, and where the frame's last one ends.
    fn blocks(&self, data: &[u8], mut at: usize) -> Result<(Vec<Block>, usize), KernelError> {
        let mut blocks = Vec::new();
        let check = if self.block_checks { 4 } else { 0 };
        loop {
            let cut = || refuse(data.len(), "the data ends in an LZ4 frame");
            let length = data.get(at..at + 4).ok_or_else(cut)?;
            let length = u32::from_le_bytes(length.try_into().unwrap_or_default());
            at += 4;
            if length == 0 {
                return Ok((blocks, at));
            }
            let size = (length & !STORED) as usize;
            if size > self.most {
                return Err(refuse(
                    at - 4,
                    format!("an LZ4 block of {size} bytes is longer than its header allows, {}", self.most),
                ));
            }
            if data.len() - at < size + check {
                return Err(cut());
            }
            blocks.push(Block { place: at..at + size, stored: length & STORED != 0 });
            at += size + check;
        }
    }
}

/// Reads a file: all of its frames, the independent blocks of each on all threads.
pub(super) fn decompress(data: &[u8], out: &mut Output, job: &Job) -> Result<(), KernelError> {
    let mut at = 0;
    while at < data.len() {
        if let Some(end) = skippable(data, at) {
            if end > data.len() {
                return Err(refuse(data.len(), "the data ends in a frame that is to be passed over"));
            }
            at = end;
            continue;
        }
        let begin = at;
        let (header, first) = Header::read(data, at)?;
        let (blocks, end) = header.blocks(data, first)?;
        at = end;
        let from = out.data.len();
        let lens = lens(data, &header, &blocks, job)?;
        let len = lens.iter().map(|&len| len as u64).sum::<u64>();
        if header.len.is_some_and(|told| told != len) {
            return Err(refuse(
                begin,
                format!("the LZ4 frame holds {len} bytes, not the {} of its header", header.len.unwrap_or(0)),
            ));
        }
        if len > out.left() {
            return Err(out.surplus());
        }
        if header.independent {
            independent(data, &blocks, &lens, out, job)?;
        } else {
            linked(data, &blocks, &lens, out, job)?;
        }
        if header.content_check {
            let cut = || refuse(data.len(), "the data ends in the check of an LZ4 frame");
            let told = data.get(at..at + 4).ok_or_else(cut)?;
            let mut hash = XxHash32::with_seed(0);
            for slice in out.data[from..].chunks(SLICE * 8) {
                job.check()?;
                hash.write(slice);
            }
            if hash.finish_32().to_le_bytes() != told {
                return Err(refuse(
                    at,
                    format!("the check of the LZ4 frame that begins at byte {begin} does not match"),
                ));
            }
            at += 4;
        }
    }
    Ok(())
}

/// The bytes that each block holds. Checks those that have one.
fn lens(data: &[u8], header: &Header, blocks: &[Block], job: &Job) -> Result<Vec<usize>, KernelError> {
    let lens = blocks.par_iter().map(|Block { place, stored }| {
        job.check()?;
        let bytes = &data[place.clone()];
        if header.block_checks && XxHash32::oneshot(0, bytes).to_le_bytes() != data[place.end..place.end + 4] {
            return Err(refuse(place.start, "the check of the LZ4 block that begins here does not match"));
        }
        let len = if *stored { Some(bytes.len()) } else { decoded_len(bytes) };
        len.filter(|&len| len <= header.most).ok_or_else(|| {
            refuse(place.start, "the LZ4 block that begins here is damaged: it holds more than it may, or less")
        })
    });
    lens.collect()
}

/// The bytes that a block holds: only its lengths are read.
fn decoded_len(block: &[u8]) -> Option<usize> {
    let (mut at, mut len) = (0, 0_usize);
    let long = |at: &mut usize, nibble: u8| {
        let mut length = usize::from(nibble);
        if nibble == 15 {
            loop {
                let byte = *block.get(*at)?;
                *at += 1;
                length += usize::from(byte);
                if byte < 255 {
                    break;
                }
            }
        }
        Some(length)
    };
    loop {
        let token = *block.get(at)?;
        at += 1;
        let literals = long(&mut at, token >> 4)?;
        at = at.checked_add(literals)?;
        len = len.checked_add(literals)?;
        if at >= block.len() {
            return (at == block.len()).then_some(len);
        }
        at += 2;
        len = len.checked_add(long(&mut at, token & 15)? + MIN_MATCH)?;
    }
}

fn independent(data: &[u8], blocks: &[Block], lens: &[usize], out: &mut Output, job: &Job) -> Result<(), KernelError> {
    let len = lens.iter().sum::<usize>();
    let mut room = out.reserve(len)?;
    let mut tasks = Vec::new();
    for (block, &len) in blocks.iter().zip(lens) {
        let (place, rest) = room.split_at_mut(len);
        tasks.push((block, place));
        room = rest;
    }
    tasks.into_par_iter().try_for_each(|(block, place)| {
        job.check()?;
        place.fill(MaybeUninit::new(0));
        // SAFETY: it was just filled.
        let place = unsafe { place.assume_init_mut() };
        decode(data, block, place, &[])?;
        job.advance(block.place.len() as u64);
        Ok::<_, KernelError>(())
    })?;
    // SAFETY: `reserve` made room for so many bytes after the last, and the blocks have filled all of it.
    unsafe { out.data.set_len(out.data.len() + len) };
    Ok(())
}

/// Blocks that look back into those before them.
fn linked(data: &[u8], blocks: &[Block], lens: &[usize], out: &mut Output, job: &Job) -> Result<(), KernelError> {
    let begin = out.data.len();
    for (block, &len) in blocks.iter().zip(lens) {
        job.check()?;
        let from = out.data.len();
        out.room(len)?;
        let (before, place) = out.data.split_at_mut(from);
        let before = &before[begin.max(from.saturating_sub(MAX_OFFSET + 1))..];
        decode(data, block, place, before)?;
        job.advance(block.place.len() as u64);
    }
    Ok(())
}

/// Fills `place` with what a block holds, which may look back into `before`.
fn decode(data: &[u8], block: &Block, place: &mut [u8], before: &[u8]) -> Result<(), KernelError> {
    let bytes = &data[block.place.clone()];
    let damaged = |reason: &dyn std::fmt::Display| {
        refuse(block.place.start, format!("the LZ4 block that begins here is damaged: {reason}"))
    };
    if block.stored {
        place.copy_from_slice(bytes);
        return Ok(());
    }
    let len = lz4_flex::block::decompress_into_with_dict(bytes, place, before).map_err(|error| damaged(&error))?;
    if len != place.len() {
        return Err(damaged(&format_args!("{len} bytes came of it, not {}", place.len())));
    }
    Ok(())
}
