//! Deflate (RFC 1951) in blocks, by `zlib-rs`, and the gzip and zlib files that it lies in (RFC 1952, RFC 1950): for
//! [`compress`](super::compress) and [`decompress`](super::decompress).
//!
//! A block is a deflate stream of its own that ends at a whole byte, by an empty stored block, as after zlib's Z_SYNC_FLUSH; the
//! last one ends the stream. Put together they are one stream, as of pigz with `--independent`. A gzip file of ours says in an
//! extra field of its header how long the blocks are. Files of bgzip (in the SAM specification, 4.1) say how long each member is.

use super::compress::CompressionFormat;
use super::decompress::{Output, Part, Step, refuse};
use crate::{Job, KernelError};
use rayon::prelude::*;
use std::mem::MaybeUninit;
use std::ops::Range;
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

/// Bytes that are compressed between two looks at the job: some 0.3 ms at level 6.
pub(super) const SLICE: usize = 16 << 10;
/// Bytes that are read or written between two looks at the job while inflating.
const STEP: usize = 128 << 10;
/// What ends a block that is not the last: an empty stored block.
const SYNC: [u8; 4] = [0, 0, 0xFF, 0xFF];
/// A stream of nothing: one empty block, the last.
const EMPTY: [u8; 2] = [3, 0];
/// The name of our field in a gzip header.
const INDEX: [u8; 2] = *b"LW";
/// The name of bgzip's.
const BGZIP: [u8; 2] = *b"BC";
/// Deflate makes at most so many bytes of one.
const MAX_RATIO: usize = 1032;

/// Compresses blocks, one after the other.
pub(super) struct Encoder {
    deflate: Deflate,
    out: Vec<u8>,
    /// How much of it is the block's.
    filled: usize,
}

impl Encoder {
    pub fn new(level: u32) -> Self {
        Self { deflate: Deflate::new(level as i32, false, 15), out: Vec::new(), filled: 0 }
    }

    /// Begins a block.
    pub fn start(&mut self) {
        self.deflate.reset();
        // Always the same: what a stored block holds depends on the room for it.
        self.out.resize(zlib_rs::compress_bound(CompressionFormat::Deflate.block()) + 64, 0);
        self.filled = 0;
    }

    /// The next slice of the block. `is_last` ends the block, and with `is_end` the stream.
    pub fn feed(&mut self, mut slice: &[u8], is_last: bool, is_end: bool) -> Result<(), KernelError> {
        let flush = match (is_last, is_end) {
            (false, _) => DeflateFlush::NoFlush,
            (true, false) => DeflateFlush::SyncFlush,
            (true, true) => DeflateFlush::Finish,
        };
        loop {
            let before = (self.deflate.total_in(), self.deflate.total_out());
            let status = self.deflate.compress(slice, &mut self.out[self.filled..], flush);
            status.map_err(|error| KernelError::failed(format!("deflate: {}", error.as_str())))?;
            slice = &slice[(self.deflate.total_in() - before.0) as usize..];
            self.filled += (self.deflate.total_out() - before.1) as usize;
            if slice.is_empty() && self.filled < self.out.len() {
                return Ok(());
            }
            self.out.resize(self.out.len() * 2, 0);
        }
    }

    /// The block, compressed.
    pub fn finish(&mut self) -> Result<Vec<u8>, KernelError> {
        let mut block = super::radix::reserve(self.filled)?;
        block.extend_from_slice(&self.out[..self.filled]);
        Ok(block)
    }
}

/// A gzip header: no name, no time, and where the blocks begin if there are several.
pub(super) fn gzip_head(level: u32, lengths: &[u32]) -> Vec<u8> {
    let effort = match level {
        9 => 2,
        1 => 4,
        _ => 0,
    };
    let mut head = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, effort, 255];
    // Ours: bytes of a block before it was compressed, then the compressed bytes of each. A field has a length of 16 bits.
    let field = 4 + 4 * lengths.len();
    if lengths.len() > 1 && field + 4 <= usize::from(u16::MAX) {
        head[3] |= Header::EXTRA;
        head.extend_from_slice(&(field as u16 + 4).to_le_bytes());
        head.extend_from_slice(&INDEX);
        head.extend_from_slice(&(field as u16).to_le_bytes());
        head.extend_from_slice(&(CompressionFormat::Gzip.block() as u32).to_le_bytes());
        lengths.iter().for_each(|length| head.extend_from_slice(&length.to_le_bytes()));
    }
    head
}

/// The end of a gzip member.
pub(super) fn gzip_tail(crc: u32, len: u64) -> Vec<u8> {
    [crc.to_le_bytes(), (len as u32).to_le_bytes()].concat()
}

/// A zlib header: a window of 32 KiB, and how hard was tried.
pub(super) fn zlib_head(level: u32) -> Vec<u8> {
    let effort = match level {
        0 | 1 => 0,
        2..=5 => 1,
        6 => 2,
        _ => 3,
    };
    let flags = effort << 6;
    vec![0x78, flags + 31 - ((0x7800 + u16::from(flags)) % 31) as u8]
}

/// Whether `data` begins like a gzip file.
pub(super) fn is_gzip(data: &[u8]) -> bool {
    data.starts_with(&[0x1F, 0x8B])
}

/// Whether `data` begins like a zlib stream.
pub(super) fn is_zlib(data: &[u8]) -> bool {
    matches!(*data, [method, flags, ..] if method & 15 == 8 && method >> 4 <= 7 && u16::from_be_bytes([method, flags]) % 31 == 0)
}

/// Reads a gzip file: all of its members, on all threads where it says how long things are.
pub(super) fn gunzip(data: &[u8], out: &mut Output, job: &Job) -> Result<(), KernelError> {
    if let Some(members) = told(data, out) {
        let from = out.data.len();
        let parts = members.iter().flat_map(Member::parts).collect::<Vec<_>>();
        job.will_return(parts.iter().map(|part| part.len).sum());
        let crcs = read_parts(data, 0, &parts, out, job)?;
        if crcs.is_some_and(|crcs| are_right(&members, &crcs)) {
            return Ok(());
        }
        // What the file says of itself is not so: it is read as if it said nothing, and any error is found where it is.
        out.data.truncate(from);
        job.set_total(job.progress().0 + data.len() as u64);
    }
    // What a file of one member holds stands at its end.
    if let Some(&len) = data.last_chunk() {
        let len = u32::from_le_bytes(len) as usize;
        job.will_return(if len <= data.len().saturating_mul(MAX_RATIO) { len } else { 0 });
    }
    let mut reader = Gunzip::default();
    while !reader.step(data, out, job)?.ended {}
    Ok(())
}

/// A gzip file that is read step by step, as if it said nothing of how long things are.
#[derive(Default)]
pub(super) struct Gunzip {
    /// Where the next member begins.
    at: usize,
    member: Option<OpenMember>,
}

struct OpenMember {
    /// Where it begins: in the file, and in what comes out.
    begin: usize,
    from: usize,
    /// Of what has come out.
    crc: u32,
    stream: Stream,
}

impl Gunzip {
    pub fn step(&mut self, data: &[u8], out: &mut Output, job: &Job) -> Result<Step, KernelError> {
        let mut member = match self.member.take() {
            Some(member) => member,
            None => {
                let stream = Stream::new(Header::read(data, self.at)?.end, false);
                OpenMember { begin: self.at, from: out.data.len(), crc: 0, stream }
            }
        };
        let before = out.data.len();
        let step = member.stream.step(data, out, job)?;
        member.crc = zlib_rs::crc32::crc32(member.crc, &out.data[before..]);
        if !step.ended {
            self.member = Some(member);
            return Ok(step);
        }
        let OpenMember { begin, from, crc, stream: Stream { at, .. } } = member;
        let Some(&[a, b, c, d, e, f, g, h]) = data.get(at..at + 8) else {
            return Err(refuse(
                at,
                format!("the data ends in the check of the gzip member that begins at byte {begin}"),
            ));
        };
        if u32::from_le_bytes([a, b, c, d]) != crc {
            return Err(refuse(
                at,
                format!("the CRC-32 of the gzip member that begins at byte {begin} does not match"),
            ));
        }
        if u32::from_le_bytes([e, f, g, h]) != (out.data.len() - from) as u32 {
            return Err(refuse(
                at + 4,
                format!("the length of the gzip member that begins at byte {begin} does not match"),
            ));
        }
        self.at = at + 8;
        // Tapes and archives are padded with zeros.
        let ended = data[self.at..].iter().all(|&byte| byte == 0);
        if !ended && !is_gzip(&data[self.at..]) {
            return Err(refuse(self.at, "after the end of a gzip member come bytes that are not another"));
        }
        Ok(Step { ended, ..step })
    }
}

/// Reads one zlib or raw deflate stream.
pub(super) fn inflate_whole(data: &[u8], zlib: bool, out: &mut Output, job: &Job) -> Result<(), KernelError> {
    let mut stream = Stream::new(0, zlib);
    while !stream.step_of_whole(data, out, job)?.ended {}
    Ok(())
}

/// A zlib or raw deflate stream that is read step by step.
pub(super) struct Stream {
    inflate: Inflate,
    start: usize,
    /// What follows is yet to be read.
    at: usize,
}

impl Stream {
    pub fn new(start: usize, zlib: bool) -> Self {
        Self { inflate: Inflate::new(zlib, 15), start, at: start }
    }

    /// Of a stream that is all of the data.
    pub fn step_of_whole(&mut self, data: &[u8], out: &mut Output, job: &Job) -> Result<Step, KernelError> {
        let step = self.step(data, out, job)?;
        if step.ended && self.at != data.len() {
            let more = data.len() - self.at;
            return Err(refuse(self.at, format!("the stream ends here, but {more} bytes follow")));
        }
        Ok(step)
    }

    /// Appends some of what it holds.
    fn step(&mut self, data: &[u8], out: &mut Output, job: &Job) -> Result<Step, KernelError> {
        job.check()?;
        let from = out.data.len();
        // When there is no room left, the byte that would be too much.
        let mut surplus = [0];
        let room = match out.room(STEP)? {
            [] => &mut surplus,
            room => room,
        };
        let input = &data[self.at..data.len().min(self.at + STEP)];
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, room, InflateFlush::NoFlush);
        let read = (self.inflate.total_in() - before.0) as usize;
        let written = (self.inflate.total_out() - before.1) as usize;
        self.at += read;
        job.advance(read as u64);
        out.keep(from, written)?;
        let ended = match status {
            Ok(Status::StreamEnd) => true,
            Ok(_) if read == 0 && written == 0 => {
                let start = self.start;
                return Err(refuse(
                    self.at,
                    format!("the data ends before the deflate stream that begins at byte {start}"),
                ));
            }
            Ok(_) => false,
            Err(zlib_rs::InflateError::NeedDict { .. }) => {
                return Err(refuse(
                    self.at,
                    "the stream was made with a preset dictionary, which this kernel does not take",
                ));
            }
            Err(error) => {
                let reason = self.inflate.error_message().unwrap_or(error.as_str());
                return Err(refuse(self.at, format!("the deflate stream is damaged: {reason}")));
            }
        };
        Ok(Step { bytes: read + written, ended })
    }
}

/// A gzip member's header.
struct Header {
    /// Where the deflate stream begins.
    end: usize,
    /// The extra field.
    extra: Range<usize>,
}

impl Header {
    const CHECK: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;

    fn read(data: &[u8], start: usize) -> Result<Self, KernelError> {
        let cut = || refuse(data.len(), format!("the data ends in the gzip header that begins at byte {start}"));
        let fixed = data.get(start..start + 10).ok_or_else(cut)?;
        if !is_gzip(fixed) {
            return Err(refuse(start, "a gzip file begins with the bytes 1f 8b"));
        }
        if fixed[2] != 8 {
            return Err(refuse(start + 2, format!("compression method {} is unknown: gzip has 8 alone", fixed[2])));
        }
        let flags = fixed[3];
        if flags & 0xE0 != 0 {
            return Err(refuse(start + 3, format!("the header's flags {flags:#04x} are reserved")));
        }
        let mut end = start + 10;
        let mut extra = end..end;
        if flags & Self::EXTRA != 0 {
            let &[low, high] = data.get(end..end + 2).ok_or_else(cut)? else { return Err(cut()) };
            extra = end + 2..end + 2 + usize::from(u16::from_le_bytes([low, high]));
            end = extra.end;
        }
        for flag in [Self::NAME, Self::COMMENT] {
            if flags & flag != 0 {
                let text = data.get(end..).ok_or_else(cut)?;
                end += memchr::memchr(0, text).ok_or_else(cut)? + 1;
            }
        }
        if flags & Self::CHECK != 0 {
            let &[low, high] = data.get(end..end + 2).ok_or_else(cut)? else { return Err(cut()) };
            if zlib_rs::crc32::crc32(0, &data[start..end]) as u16 != u16::from_le_bytes([low, high]) {
                return Err(refuse(end, "the check of the gzip header does not match"));
            }
            end += 2;
        }
        if end > data.len() {
            return Err(cut());
        }
        Ok(Self { end, extra })
    }

    /// The extra field's part of a name.
    fn field<'a>(&self, data: &'a [u8], name: [u8; 2]) -> Option<&'a [u8]> {
        let mut rest = &data[self.extra.clone()];
        while let [a, b, low, high, more @ ..] = rest {
            let (field, after) = more.split_at_checked(usize::from(u16::from_le_bytes([*low, *high])))?;
            if [*a, *b] == name {
                return Some(field);
            }
            rest = after;
        }
        None
    }
}

/// A member of a gzip file that says where its segments lie.
pub(super) struct Member {
    /// Parts of a deflate stream that can be read by themselves.
    segments: Vec<Part>,
    crc: u32,
}

/// The members of a gzip file that says where its segments lie, if there are several and what they hold may come out.
pub(super) fn told(data: &[u8], out: &Output) -> Option<Vec<Member>> {
    let members = members(data)?;
    let segments = members.iter().flat_map(|member| &member.segments);
    let len = segments.clone().map(|segment| segment.len as u64).sum::<u64>();
    (segments.count() > 1 && len <= out.left()).then_some(members)
}

/// The members of a file in which each says how long it is; `None` for any other, or if that cannot be so.
fn members(data: &[u8]) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let header = Header::read(data, at).ok()?;
        let member = if let Some(&[low, high]) = header.field(data, BGZIP) {
            let end = at + usize::from(u16::from_le_bytes([low, high])) + 1;
            Member::read(data, end, [(header.end..end.checked_sub(8)?, usize::MAX)])?
        } else {
            let (size, lengths) = header.field(data, INDEX)?.split_first_chunk::<4>()?;
            let size = u32::from_le_bytes(*size) as usize;
            let mut begin = header.end;
            let mut places = Vec::new();
            for length in lengths.as_chunks::<4>().0 {
                let end = begin.checked_add(u32::from_le_bytes(*length) as usize)?;
                places.push((begin..end, size));
                begin = end;
            }
            Member::read(data, begin.checked_add(8)?, places)?
        };
        at = member.segments.last()?.place.end + 8;
        members.push(member);
    }
    Some(members)
}

impl Member {
    /// `places` with the bytes that each holds; the last holds what is left of the member's length.
    fn read(data: &[u8], end: usize, places: impl IntoIterator<Item = (Range<usize>, usize)>) -> Option<Self> {
        let tail = data.get(end.checked_sub(8)?..end)?;
        let crc = u32::from_le_bytes(tail[..4].try_into().ok()?);
        let mut left = u32::from_le_bytes(tail[4..].try_into().ok()?) as usize;
        let mut segments: Vec<Part> = Vec::new();
        for (place, len) in places {
            let len = len.min(left);
            left -= len;
            if place.end > end - 8 || len > place.len().saturating_mul(MAX_RATIO) {
                return None;
            }
            segments.push(Part { place, len, is_end: false });
        }
        segments.last_mut()?.is_end = true;
        (left == 0).then_some(Self { segments, crc })
    }

    pub fn parts(&self) -> impl Iterator<Item = Part> {
        self.segments.iter().cloned()
    }
}

/// Inflates segments, on all threads: `data` is the file from `begin` on. Their CRC-32s; `None`, with nothing appended, if any is not
/// what was said.
pub(super) fn read_parts(
    data: &[u8],
    begin: usize,
    segments: &[Part],
    out: &mut Output,
    job: &Job,
) -> Result<Option<Vec<u32>>, KernelError> {
    let len = segments.iter().map(|segment| segment.len).sum();
    let mut room = out.reserve(len)?;
    let mut tasks = Vec::new();
    for segment in segments {
        let (place, rest) = room.split_at_mut(segment.len);
        tasks.push((segment, place));
        room = rest;
    }
    let crcs = tasks.into_par_iter().map_init(
        || Inflate::new(false, 15),
        |inflate, (segment, place)| {
            inflate.reset(false);
            let bytes = &data[segment.place.start - begin..segment.place.end - begin];
            let crc = inflate_segment(inflate, bytes, segment.is_end, place, job)?;
            job.advance(bytes.len() as u64);
            Ok(crc)
        },
    );
    let crcs = crcs.collect::<Result<Option<Vec<u32>>, KernelError>>()?;
    if crcs.is_some() {
        // SAFETY: `reserve` made room for so many bytes after the last, the segments cover them, and each was written to its end.
        unsafe { out.data.set_len(out.data.len() + len) };
    }
    Ok(crcs)
}

/// Whether members hold what was written, by the CRC-32s of their segments.
pub(super) fn are_right(members: &[Member], crcs: &[u32]) -> bool {
    let mut crcs = crcs.iter();
    members.iter().all(|member| {
        let of_segments = member.segments.iter().zip(&mut crcs);
        let crc = of_segments
            .fold(0, |before, (segment, &crc)| zlib_rs::crc32::crc32_combine(before, crc, segment.len as u64));
        crc == member.crc
    })
}

/// Fills `place` with what a segment holds; its CRC-32. `None` if it holds anything else than so many bytes.
fn inflate_segment(
    inflate: &mut Inflate,
    data: &[u8],
    is_end: bool,
    place: &mut [MaybeUninit<u8>],
    job: &Job,
) -> Result<Option<u32>, KernelError> {
    if !is_end && !data.ends_with(&SYNC) {
        return Ok(None);
    }
    let (mut read, mut written, mut crc) = (0, 0, 0);
    // An inner segment must end between two blocks: then an empty last block ends it, and adds nothing.
    let mut inputs = [data, if is_end { &[] } else { &EMPTY }].into_iter();
    let mut input = inputs.next().unwrap_or_default();
    loop {
        job.check()?;
        let room = &mut place[written..];
        let some = room.len().min(STEP);
        let before = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress_uninit(
            &input[read..input.len().min(read + STEP)],
            &mut room[..some],
            InflateFlush::NoFlush,
        );
        let count = (inflate.total_out() - before.1) as usize;
        // SAFETY: so many bytes of the room were written just now.
        crc = zlib_rs::crc32::crc32(crc, unsafe { room[..count].assume_init_ref() });
        written += count;
        let progress = (inflate.total_in() - before.0) as usize;
        read += progress;
        match status {
            Ok(Status::StreamEnd) => {
                let whole = inputs.next().is_none_or(<[u8]>::is_empty) && read == input.len() && written == place.len();
                return Ok(whole.then_some(crc));
            }
            Ok(_) if read == input.len() && count == 0 && written == place.len() => match inputs.next() {
                Some(next) if !next.is_empty() => (input, read) = (next, 0),
                _ => return Ok(None),
            },
            Ok(_) if progress > 0 || count > 0 => {}
            _ => return Ok(None),
        }
    }
}
