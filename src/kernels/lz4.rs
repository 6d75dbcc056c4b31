//! LZ4 frames (the LZ4 Frame Format, version 1.6.4) of independent blocks: for [`compress`](super::compress) and
//! [`decompress`](super::decompress).
//!
//! Blocks are decoded by `lz4_flex`. They are encoded here, by the one-pass method of LZ4's own `LZ4_compress_default` (Y. Collet):
//! a table remembers where each hash of five bytes was seen last; what matches there is a sequence, and where nothing matches
//! for long the steps grow.

use super::compress::CompressionFormat;
use super::decompress::{Output, Step, refuse};
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
const HASH_BITS: u32 = 14;
const MIN_MATCH: usize = 4;
/// The last match begins at least so many bytes before the end of a block, says the format.
const LAST_MATCH: usize = 12;
/// The last bytes of a block are literals.
const LAST_LITERALS: usize = 5;
const MAX_OFFSET: usize = 65_535;
/// Bytes for a block's length and check, and for what is written over of a last vector.
const BESIDE: usize = 48;
/// Steps without a match before they grow by a byte, as a power of two.
const PATIENCE: u32 = 6;
/// Bytes between two looks at the job.
const SLICE: usize = 128 << 10;

/// Compresses blocks, one after the other.
pub(super) struct Encoder {
    /// Where each hash was seen last: the last bits of the place, which are enough, as nothing matches further back.
    table: Box<[u16; 1 << HASH_BITS]>,
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
        // The longest that it can become: a length byte for each 255 literals, and no match takes more than it stands for.
        let mut out = reserve(data.len() + data.len() / 255 + BESIDE)?;
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
        job.advance(data.len() as u64);
        Ok(out)
    }

    /// Not inlined: in a function with the other formats' encoders V8 keeps less of this one's in registers, a tenth of all the time.
    #[inline(never)]
    fn compress(&mut self, data: &[u8], out: &mut Vec<u8>, job: &Job) -> Result<(), KernelError> {
        self.table.fill(0);
        // SAFETY: `block` has reserved what `sequence` asks for.
        let mut out = unsafe { Writer::new(out) };
        // Of what is behind `anchor` nothing is written yet.
        let mut anchor = 0;
        let mut next_check = 0;
        let mut at = 1;
        let last = data.len().saturating_sub(LAST_MATCH);
        'sequences: while at <= last {
            // Not in the loop below, where V8 would keep its numbers on the stack because of the call. It takes some tens of microseconds at
            // most: in a block without a match the steps grow.
            if at >= next_check {
                job.check()?;
                next_check = at + SLICE;
            }
            let mut misses = 1_usize << PATIENCE;
            let mut candidate = loop {
                // SAFETY: at the last place at which a match may begin there are LAST_MATCH bytes left, and 8 are read.
                let bytes = unsafe { load::<8>(data, at) };
                let seen = std::mem::replace(&mut self.table[hash(bytes)], at as u16);
                // How far back, but for whole steps of 65536; 0 stands for one of them, which is too far.
                let back = usize::from((at as u16).wrapping_sub(seen));
                // SAFETY: it is before `at`.
                if back.wrapping_sub(1) < at && unsafe { load::<4>(data, at - back) } == bytes[..4] {
                    break at - back;
                }
                at += misses >> PATIENCE;
                misses += 1;
                if at > last {
                    break 'sequences;
                }
            };
            let before = std::iter::zip(data[anchor..at].iter().rev(), data[..candidate].iter().rev());
            let same = before.take_while(|(x, y)| x == y).count();
            (at, candidate) = (at - same, candidate - same);
            let length = MIN_MATCH + common(data, at + MIN_MATCH, candidate + MIN_MATCH);
            out.sequence(data, anchor..at, Some((at - candidate, length)));
            at += length;
            anchor = at;
            if at <= last {
                // SAFETY: as above; a match is no shorter than MIN_MATCH.
                self.table[hash(unsafe { load::<8>(data, at - 2) })] = (at - 2) as u16;
            }
        }
        out.sequence(data, anchor..data.len(), None);
        out.finish();
        Ok(())
    }
}

/// Of the first five bytes, by the multiplier of LZ4's own.
#[inline(always)]
fn hash(bytes: [u8; 8]) -> usize {
    ((u64::from_le_bytes(bytes) << 24).wrapping_mul(889_523_592_379) >> (64 - HASH_BITS)) as usize
}

/// The bytes from `at` on. Looking whether they are there, at each of the places that are tried, takes a twentieth of all the time.
///
/// # Safety
/// They are in `data`.
#[inline(always)]
unsafe fn load<const N: usize>(data: &[u8], at: usize) -> [u8; N] {
    debug_assert!(at + N <= data.len());
    // SAFETY: the caller's promise; arrays of bytes are aligned anywhere.
    unsafe { *data.as_ptr().add(at).cast() }
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

/// Writes sequences into what a vector has reserved, without a look at it for each byte: they take a twentieth of all the time.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// The bytes that are written, with those that were there.
    len: usize,
}

impl<'a> Writer<'a> {
    /// Behind what `out` holds.
    ///
    /// # Safety
    /// `out` has room for the sequences of a block of `n` bytes: n + n / 255, and 24. A sequence takes a token, a byte for each 255 of its
    /// literals and of its match, and two for its offset: with a match, which stands for four or more, never more than one byte in 255
    /// beside what it stands for; the last, without one, two more; and 16 are copied at once.
    unsafe fn new(out: &'a mut Vec<u8>) -> Self {
        Self { len: out.len(), out }
    }

    fn finish(self) {
        debug_assert!(self.len <= self.out.capacity());
        // SAFETY: so many were written.
        unsafe { self.out.set_len(self.len) };
    }

    /// Writes literals and the match that follows them: how far back it is and how long; the last sequence of a block has none.
    #[inline(always)]
    fn sequence(&mut self, data: &[u8], literals: Range<usize>, matched: Option<(usize, usize)>) {
        let (offset, length) = matched.map_or((0, 0), |(offset, length)| (offset, length - MIN_MATCH));
        self.put([(literals.len().min(15) << 4 | length.min(15)) as u8]);
        self.long(literals.len());
        self.literals(data, literals);
        if matched.is_some() {
            self.put((offset as u16).to_le_bytes());
            self.long(length);
        }
    }

    /// What of a length does not fit the token: bytes of 255, and one that is less.
    #[inline(always)]
    fn long(&mut self, length: usize) {
        if let Some(mut rest) = length.checked_sub(15) {
            while rest >= 255 {
                self.put([255]);
                rest -= 255;
            }
            self.put([rest as u8]);
        }
    }

    /// Most literals are few: a whole vector with them is copied and the rest written over, for in wasm a copy of a length that the
    /// compiler does not know is a call.
    #[inline(always)]
    fn literals(&mut self, data: &[u8], literals: Range<usize>) {
        let end = self.len + literals.len();
        match data[literals.start..].first_chunk::<16>() {
            Some(vector) if literals.len() <= vector.len() => self.put(*vector),
            _ => {
                let literals = &data[literals];
                debug_assert!(end <= self.out.capacity());
                // SAFETY: the promise of `new`: there is room, and nobody else has it.
                unsafe {
                    self.out.as_mut_ptr().add(self.len).copy_from_nonoverlapping(literals.as_ptr(), literals.len())
                };
            }
        }
        self.len = end;
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        debug_assert!(self.len + N <= self.out.capacity());
        // SAFETY: the promise of `new`: there is room.
        unsafe { self.out.as_mut_ptr().add(self.len).cast::<[u8; N]>().write_unaligned(bytes) };
        self.len += N;
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

    /// Sees that what a block holds is what was written, if it says so.
    fn check(&self, data: &[u8], Block { place, .. }: &Block) -> Result<(), KernelError> {
        if self.block_checks
            && XxHash32::oneshot(0, &data[place.clone()]).to_le_bytes() != data[place.end..place.end + 4]
        {
            return Err(refuse(place.start, "the check of the LZ4 block that begins here does not match"));
        }
        Ok(())
    }

    /// The bytes that a block holds.
    fn len_of(&self, data: &[u8], Block { place, stored }: &Block) -> Result<usize, KernelError> {
        let bytes = &data[place.clone()];
        let len = if *stored { Some(bytes.len()) } else { decoded_len(bytes) };
        len.filter(|&len| len <= self.most).ok_or_else(|| {
            refuse(place.start, "the LZ4 block that begins here is damaged: it holds more than it may, or less")
        })
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
        if let Some(end) = passed_over(data, at)? {
            at = end;
            continue;
        }
        let begin = at;
        let (header, first) = Header::read(data, at)?;
        let (blocks, end) = header.blocks(data, first)?;
        let from = out.data.len();
        if from == 0 && end == data.len() {
            job.will_return(header.len.unwrap_or(0).min(out.left()) as usize);
        }
        let len = if header.independent {
            independent(data, &header, &blocks, out, job)?
        } else {
            linked(data, &header, &blocks, out, job)?
        };
        let hash = || {
            let mut hash = XxHash32::with_seed(0);
            for slice in out.data[from..].chunks(SLICE * 8) {
                job.check()?;
                hash.write(slice);
            }
            Ok(hash)
        };
        at = header.ends(data, begin..end, len, hash)?;
    }
    Ok(())
}

impl Header {
    /// Sees that a frame, whose header and blocks are in `place`, holds what it says; returns where it ends.
    fn ends(
        &self,
        data: &[u8],
        place: Range<usize>,
        len: usize,
        hash: impl FnOnce() -> Result<XxHash32, KernelError>,
    ) -> Result<usize, KernelError> {
        let begin = place.start;
        if let Some(told) = self.len.filter(|&told| told != len as u64) {
            return Err(refuse(begin, format!("the LZ4 frame holds {len} bytes, not the {told} of its header")));
        }
        if !self.content_check {
            return Ok(place.end);
        }
        let cut = || refuse(data.len(), "the data ends in the check of an LZ4 frame");
        let told = data.get(place.end..place.end + 4).ok_or_else(cut)?;
        if hash()?.finish_32().to_le_bytes() != told {
            return Err(refuse(
                place.end,
                format!("the check of the LZ4 frame that begins at byte {begin} does not match"),
            ));
        }
        Ok(place.end + 4)
    }
}

/// A file that is read step by step.
#[derive(Default)]
pub(super) struct Reader {
    /// Where the next frame begins.
    at: usize,
    frame: Option<OpenFrame>,
}

struct OpenFrame {
    header: Header,
    /// Where the header and the blocks are.
    place: Range<usize>,
    blocks: Vec<Block>,
    /// Where it begins in what comes out.
    from: usize,
    /// The room that each block needs, as far as it is known.
    rooms: Vec<usize>,
    /// The next block to be decoded.
    next: usize,
    /// Of what has come out.
    hash: XxHash32,
}

impl Reader {
    pub fn step(&mut self, data: &[u8], out: &mut Output, job: &Job) -> Result<Step, KernelError> {
        job.check()?;
        let Some(frame) = &mut self.frame else {
            return self
                .open(data, out)
                .map(|()| Step { bytes: 0, ended: self.frame.is_none() && self.at == data.len() });
        };
        let bytes = if let Some(block) = frame.blocks.get(frame.rooms.len()) {
            frame.header.check(data, block)?;
            frame.rooms.push(frame.header.len_of(data, block)?);
            if frame.rooms.len() == frame.blocks.len() {
                out.reserve(sum(&frame.rooms, out)?)?;
            }
            block.place.len()
        } else if let Some(block) = frame.blocks.get(frame.next) {
            // Of blocks that look back this was done before.
            if frame.header.independent {
                frame.header.check(data, block)?;
            }
            let from = out.data.len();
            append(data, &frame.header, block, frame.rooms[frame.next], frame.from, out)?;
            if frame.header.content_check {
                frame.hash.write(&out.data[from..]);
            }
            job.advance(block.place.len() as u64);
            frame.next += 1;
            block.place.len() + out.data.len() - from
        } else {
            let len = out.data.len() - frame.from;
            self.at = frame.header.ends(data, frame.place.clone(), len, || Ok(frame.hash.clone()))?;
            self.frame = None;
            0
        };
        Ok(Step { bytes, ended: self.frame.is_none() && self.at == data.len() })
    }

    /// Opens the next frame, or passes one over.
    fn open(&mut self, data: &[u8], out: &mut Output) -> Result<(), KernelError> {
        if let Some(end) = passed_over(data, self.at)? {
            self.at = end;
            return Ok(());
        }
        let (header, first) = Header::read(data, self.at)?;
        let (blocks, end) = header.blocks(data, first)?;
        let rooms = if header.independent { rooms_of_full_blocks(data, &header, &blocks, out) } else { None };
        out.reserve(rooms.iter().flatten().sum())?;
        let (place, from, hash) = (self.at..end, out.data.len(), XxHash32::with_seed(0));
        self.frame = Some(OpenFrame { header, place, blocks, from, rooms: rooms.unwrap_or_default(), next: 0, hash });
        Ok(())
    }
}

/// Where the frame ends that begins at `at`, if it is to be passed over.
fn passed_over(data: &[u8], at: usize) -> Result<Option<usize>, KernelError> {
    match skippable(data, at) {
        Some(end) if end > data.len() => Err(refuse(data.len(), "the data ends in a frame that is to be passed over")),
        end => Ok(end),
    }
}

/// The bytes that each block holds. Checks those that have one.
fn lens(data: &[u8], header: &Header, blocks: &[Block], job: &Job) -> Result<Vec<usize>, KernelError> {
    let lens = blocks.par_iter().map(|block| {
        job.check()?;
        header.check(data, block)?;
        header.len_of(data, block)
    });
    lens.collect()
}

/// Their sum, which is to fit what is left for the output.
fn sum(lens: &[usize], out: &Output) -> Result<usize, KernelError> {
    let len = lens.iter().map(|&len| len as u64).sum::<u64>();
    if len > out.left() { Err(out.surplus()) } else { Ok(len as usize) }
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

/// Blocks that stand for themselves, on all threads. Returns the bytes that they hold.
fn independent(
    data: &[u8],
    header: &Header,
    blocks: &[Block],
    out: &mut Output,
    job: &Job,
) -> Result<usize, KernelError> {
    // All but the last are full, as a rule: to read the lengths in them first would take a quarter of all the time.
    let rooms = match rooms_of_full_blocks(data, header, blocks, out) {
        Some(rooms) => rooms,
        None => lens(data, header, blocks, job)?,
    };
    let mut room = out.reserve(sum(&rooms, out)?)?;
    let mut tasks = Vec::new();
    for (block, &len) in blocks.iter().zip(&rooms) {
        let (place, rest) = room.split_at_mut(len);
        tasks.push((block, place));
        room = rest;
    }
    let decoded = tasks.into_par_iter().map(|(block, place)| {
        job.check()?;
        header.check(data, block)?;
        place.fill(MaybeUninit::new(0));
        // SAFETY: it was just filled.
        let place = unsafe { place.assume_init_mut() };
        let len = decode(data, block, place, &[])?;
        job.advance(block.place.len() as u64);
        Ok(len)
    });
    let lens = decoded.collect::<Result<Vec<usize>, KernelError>>()?;
    let room = out.reserve(rooms.iter().sum())?;
    let (mut from, mut len) = (0, 0);
    for (room_of_it, &held) in rooms.iter().zip(&lens) {
        // One that was not full: what follows it moves up.
        if from != len {
            room.copy_within(from..from + held, len);
        }
        (from, len) = (from + room_of_it, len + held);
    }
    // SAFETY: `reserve` made room for so many bytes after the last, and the blocks have filled them.
    unsafe { out.data.set_len(out.data.len() + len) };
    Ok(len)
}

/// The most that each block may hold, but exactly what the last does. `None` where that would be far from what they can, or more
/// than may come out.
fn rooms_of_full_blocks(data: &[u8], header: &Header, blocks: &[Block], out: &Output) -> Option<Vec<usize>> {
    /// Text becomes a tenth at most.
    const LIKELY: usize = 32;
    let (last, others) = blocks.split_last()?;
    let rooms = others.iter().map(|Block { place, stored }| if *stored { place.len() } else { header.most });
    let rooms = rooms.chain([header.len_of(data, last).ok()?]).collect::<Vec<_>>();
    let bytes = blocks.iter().map(|block| block.place.len()).sum::<usize>();
    (rooms.iter().sum::<usize>() <= LIKELY * bytes && sum(&rooms, out).is_ok()).then_some(rooms)
}

/// Blocks that look back into those before them. Returns the bytes that they hold.
fn linked(data: &[u8], header: &Header, blocks: &[Block], out: &mut Output, job: &Job) -> Result<usize, KernelError> {
    let begin = out.data.len();
    let lens = lens(data, header, blocks, job)?;
    let all = sum(&lens, out)?;
    for (block, &len) in blocks.iter().zip(&lens) {
        job.check()?;
        append(data, header, block, len, begin, out)?;
        job.advance(block.place.len() as u64);
    }
    Ok(all)
}

/// Appends what a block holds, for which there is room enough. Of a frame whose blocks look back, and which began at `begin`, it must
/// be so much.
fn append(
    data: &[u8],
    header: &Header,
    block: &Block,
    room: usize,
    begin: usize,
    out: &mut Output,
) -> Result<(), KernelError> {
    let from = out.data.len();
    out.room(room)?;
    let (before, place) = out.data.split_at_mut(from);
    let before = if header.independent { &[] } else { &before[begin.max(from.saturating_sub(MAX_OFFSET + 1))..] };
    let len = decode(data, block, place, before)?;
    if !header.independent && len != room {
        return Err(refuse(block.place.start, "the LZ4 block that begins here is damaged: it holds less than it says"));
    }
    out.keep(from, len)
}

/// Writes to `place` what a block holds, which may look back into `before`; returns how many bytes that are.
fn decode(data: &[u8], block: &Block, place: &mut [u8], before: &[u8]) -> Result<usize, KernelError> {
    let bytes = &data[block.place.clone()];
    if block.stored {
        place.copy_from_slice(bytes);
        return Ok(bytes.len());
    }
    lz4_flex::block::decompress_into_with_dict(bytes, place, before)
        .map_err(|error| refuse(block.place.start, format!("the LZ4 block that begins here is damaged: {error}")))
}
