//! Compresses bytes: gzip, zlib and raw deflate, LZ4, Zstandard.
//!
//! The input is cut into blocks of a fixed length, which know nothing of each other: so all threads work, and what comes out
//! does not depend on how many there are. What the blocks lie in is written here and in the file of each format. The codecs
//! were chosen by measuring, and by writing the same bytes on 64 bits, on wasm's 32, and with SIMD or without: `zlib-rs` takes
//! half of miniz_oxide's time at level 6, `structured-zstd` a sixth of ruzstd's. LZ4 is our own (`lz4.rs`): `lz4_flex` writes
//! other bytes on 64 bits.

use super::in_order::in_order;
use super::in_turns::NoShard;
use super::{deflate, lz4, zstd};
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Array, Job, Kernel, KernelError, Shardable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::{ControlFlow, Range, RangeInclusive};

/// Compresses bytes.
pub struct Compress;

/// What to compress, and how.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompressParams {
    /// The bytes.
    pub data: Array<u8>,
    /// What they become.
    pub format: CompressionFormat,
    /// How hard to try: `gzip`, `zlib` and `deflate` 0 (not at all) to 9 (hardest), 6 unless told; `zstd` 1 to 9, 3 unless told.
    /// `lz4` takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// For inputs that lie in several places: `data` is a piece of a longer input, and what comes out are its blocks alone,
    /// without what a file has before and after them. The pieces that are not the last hold whole blocks of 1 MiB, in `zstd` of 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub piece: Option<Piece>,
}

/// A way to compress. All tools read what comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CompressionFormat {
    /// A gzip file (RFC 1952) of one member. Its header says where the blocks begin, so that `decompress` reads them on all
    /// threads; other readers pass that over.
    Gzip,
    /// A zlib stream (RFC 1950).
    Zlib,
    /// A deflate stream (RFC 1951) without a header or a check.
    Deflate,
    /// An LZ4 frame of independent blocks, each with its check.
    Lz4,
    /// Zstandard (RFC 8878): a frame with a check for each 2 MiB, one after the other.
    Zstd,
}

/// Where a piece lies in a longer input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Piece {
    /// Another follows.
    Inner,
    /// The input ends with it.
    Last,
}

/// The compressed bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompressOutput {
    /// The file, or of a piece its blocks.
    pub data: Array<u8>,
    /// Of a piece only: what a file says of its blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub piece: Option<PieceFacts>,
}

/// What a file says of the blocks in a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PieceFacts {
    /// The compressed bytes of each block.
    pub lengths: Array<u32>,
    /// The input's CRC-32 in `gzip`, its Adler-32 in `zlib`, else 0.
    pub check: u32,
}

impl CompressionFormat {
    /// Bytes of each block but the last. Blocks that know nothing of those before are less well compressed at their start: at this
    /// length 0.2 to 0.4% of the file. Zstandard looks back further, so its blocks are longer.
    pub(super) const fn block(self) -> usize {
        match self {
            Self::Zstd => 2 << 20,
            _ => 1 << 20,
        }
    }

    /// The levels, and the one that is taken unless told.
    const fn levels(self) -> Option<(RangeInclusive<u32>, u32)> {
        match self {
            Self::Gzip | Self::Zlib | Self::Deflate => Some((0..=9, 6)),
            Self::Zstd => Some((1..=9, 3)),
            Self::Lz4 => None,
        }
    }

    /// The name that callers use.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Deflate => "deflate",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl Kernel for Compress {
    const NAME: &'static str = "compress";
    const ABOUT: &'static str = "Compresses bytes to gzip, zlib, deflate, LZ4 or Zstandard, on all threads.";
    type Params = CompressParams;
    type Output = CompressOutput;
    type Part = ();

    fn validate(p: &CompressParams) -> Result<(), KernelError> {
        match (p.level, p.format.levels()) {
            (Some(_), None) => return Err(KernelError::bad_params("level", "lz4 has one level only: leave it out")),
            (Some(level), Some((levels, _))) if !levels.contains(&level) => {
                let (least, most) = levels.into_inner();
                let message = format!("of {} must be {least} to {most}, got {level}", p.format.name());
                return Err(KernelError::bad_params("level", message));
            }
            _ => {}
        }
        let block = p.format.block();
        if p.piece == Some(Piece::Inner) && (p.data.is_empty() || !p.data.len().is_multiple_of(block)) {
            let message = format!("an inner piece holds whole blocks of {block} bytes, got {} bytes", p.data.len());
            return Err(KernelError::bad_params("piece", message));
        }
        Ok(())
    }

    fn run(p: CompressParams, job: &Job) -> Result<CompressOutput, KernelError> {
        let level = level(&p);
        let CompressParams { data, format, piece, .. } = p;
        job.set_total(data.len() as u64);
        job.check()?;
        let (len, size) = (data.len(), format.block());
        // An empty input has a block too: in it the file says that it ends.
        let count = len.div_ceil(size).max(1);
        let mut file = File::new(format, level, piece.is_some(), count);
        let compress = |encoder: &mut Encoder, number: usize| {
            let block = &data[number * size..len.min((number + 1) * size)];
            let is_end = number + 1 == count && piece != Some(Piece::Inner);
            let compressed = encoder.block(block, is_end, job)?;
            let lengths = vec![compressed.len() as u32];
            Ok(Blocks { lengths, check: check(format, block), data: compressed, len: block.len() })
        };
        // In their order, so that each that is done is soon appended, while it is still in a cache.
        in_order(
            count,
            || Encoder::new(format, level),
            compress,
            |block: Blocks| {
                if file.lengths.is_empty() {
                    // Most are about as long as the first. Where that is too much, they find room for themselves.
                    let _ = file.reserve(count.saturating_mul(block.data.len() + block.data.len() / 16));
                }
                file.append(&block)?;
                Ok(ControlFlow::Continue(()))
            },
        )?;
        drop(data);
        file.finish()
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::with_turns::<Self>())
    }
}

/// Runs of whole blocks.
impl Shardable for Compress {
    /// `None` when there is one shard.
    type Plan = Option<Whole>;

    fn split(mut p: CompressParams, pieces: usize) -> Result<(Vec<CompressParams>, Self::Plan), KernelError> {
        let (len, size) = (p.data.len(), p.format.block());
        let each = len.div_ceil(size).div_ceil(pieces) * size;
        if len <= each {
            return Ok((vec![p], None));
        }
        let count = len.div_ceil(each);
        let shards = (0..count).map(|number| CompressParams {
            data: p.data.part(number * each..len.min((number + 1) * each)),
            format: p.format,
            level: p.level,
            piece: Some(if number + 1 == count { p.piece.unwrap_or(Piece::Last) } else { Piece::Inner }),
        });
        let shards = shards.collect();
        Ok((shards, Some(Whole { format: p.format, level: level(&p), is_piece: p.piece.is_some(), len, each })))
    }

    fn merge(plan: Self::Plan, outputs: Vec<CompressOutput>) -> Result<CompressOutput, KernelError> {
        let Some(whole) = plan else { return shard::only(outputs) };
        if outputs.len() != whole.len.div_ceil(whole.each) {
            return Err(shard::strange_outputs());
        }
        let blocks = outputs.into_iter().enumerate().map(|(number, output)| {
            let facts = output.piece.ok_or_else(shard::strange_outputs)?;
            let len = whole.each.min(whole.len - number * whole.each);
            let blocks = len.div_ceil(whole.format.block());
            let bytes = facts.lengths.iter().map(|&length| u64::from(length)).sum::<u64>();
            if facts.lengths.len() != blocks || bytes != output.data.len() as u64 {
                return Err(shard::strange_outputs());
            }
            Ok(Blocks { data: output.data.into_vec(), lengths: facts.lengths.into_vec(), check: facts.check, len })
        });
        assemble(whole.format, whole.level, whole.is_piece, &blocks.collect::<Result<Vec<_>, _>>()?)
    }
}

/// A job that was split.
pub struct Whole {
    format: CompressionFormat,
    level: u32,
    is_piece: bool,
    /// Bytes in all.
    len: usize,
    /// Bytes of each shard but the last.
    each: usize,
}

/// Blocks that follow one another.
struct Blocks {
    /// The blocks, compressed.
    data: Vec<u8>,
    /// The compressed bytes of each.
    lengths: Vec<u32>,
    /// What [`check`] says of them.
    check: u32,
    /// The bytes that they were.
    len: usize,
}

/// What compresses a block: one for each thread, whose memory is used again for the next block.
enum Encoder {
    Deflate(deflate::Encoder),
    Lz4(lz4::Encoder),
    Zstd(Box<zstd::Encoder>),
}

impl Encoder {
    fn new(format: CompressionFormat, level: u32) -> Self {
        match format {
            CompressionFormat::Gzip | CompressionFormat::Zlib | CompressionFormat::Deflate => {
                Self::Deflate(deflate::Encoder::new(level))
            }
            CompressionFormat::Lz4 => Self::Lz4(lz4::Encoder::new()),
            CompressionFormat::Zstd => Self::Zstd(Box::new(zstd::Encoder::new(level))),
        }
    }

    /// One block. `is_end` ends the file.
    fn block(&mut self, data: &[u8], is_end: bool, job: &Job) -> Result<Vec<u8>, KernelError> {
        let mut at = 0;
        loop {
            job.check()?;
            let end = data.len().min(at + self.slice());
            let block = self.feed(data, at..end, is_end, job)?;
            if let Some(block) = block {
                return Ok(block);
            }
            at = end;
        }
    }

    /// Bytes that are compressed between two looks at the job. LZ4 looks itself.
    fn slice(&self) -> usize {
        match self {
            Self::Deflate(_) => deflate::SLICE,
            Self::Lz4(_) => usize::MAX,
            Self::Zstd(_) => zstd::SLICE,
        }
    }

    /// Compresses the next slice of a block; the last gives the block.
    fn feed(
        &mut self,
        data: &[u8],
        slice: Range<usize>,
        is_end: bool,
        job: &Job,
    ) -> Result<Option<Vec<u8>>, KernelError> {
        let (is_first, is_last) = (slice.start == 0, slice.end == data.len());
        let bytes = &data[slice];
        let block = match self {
            Self::Lz4(encoder) => return encoder.block(bytes, job).map(Some),
            Self::Deflate(encoder) => {
                if is_first {
                    encoder.start();
                }
                encoder.feed(bytes, is_last, is_end)?;
                is_last.then(|| encoder.finish())
            }
            Self::Zstd(encoder) => {
                if is_first {
                    encoder.start(data.len())?;
                }
                encoder.feed(bytes)?;
                is_last.then(|| encoder.finish())
            }
        };
        job.advance(bytes.len() as u64);
        block.transpose()
    }
}

/// A job in one instance, a slice of a block at a time.
pub struct CompressTurns {
    p: CompressParams,
    level: u32,
    encoder: Encoder,
    /// What is compressed.
    blocks: Vec<Blocks>,
    /// Bytes that are compressed of the block after them.
    at: usize,
}

/// Bytes of a turn: some milliseconds of deflate.
const TURN: usize = 64 << 10;

impl CompressTurns {
    /// Goes on for [`TURN`] bytes, or a slice that is longer; whether that was all.
    fn turn(&mut self, job: &Job) -> Result<bool, KernelError> {
        let (len, size) = (self.p.data.len(), self.p.format.block());
        let mut left = TURN;
        loop {
            let number = self.blocks.len();
            let block = &self.p.data[number * size..len.min((number + 1) * size)];
            let is_over = (number + 1) * size >= len;
            let is_end = is_over && self.p.piece != Some(Piece::Inner);
            let end = block.len().min(self.at.saturating_add(self.encoder.slice()));
            let compressed = self.encoder.feed(block, self.at..end, is_end, job)?;
            left = left.saturating_sub(end - self.at);
            self.at = end;
            if let Some(data) = compressed {
                let lengths = vec![data.len() as u32];
                self.blocks.push(Blocks { lengths, check: check(self.p.format, block), data, len: block.len() });
                self.at = 0;
                if is_over {
                    return Ok(true);
                }
            }
            if left == 0 {
                return Ok(false);
            }
        }
    }
}

impl Rounds for Compress {
    type Shard = NoShard;
    type Given = ();
    type State = CompressTurns;

    fn begin(p: CompressParams, _: Aim) -> Result<Round<Self>, KernelError> {
        if p.data.len() <= TURN {
            return Ok(Round::Whole(p));
        }
        let (level, total) = (level(&p), p.data.len() as u64);
        let encoder = Encoder::new(p.format, level);
        let state = CompressTurns { p, level, encoder, blocks: Vec::new(), at: 0 };
        Ok(Round::Next { shards: Vec::new(), state, progress: (0, total) })
    }

    fn run_shard(shard: NoShard, _: &Job) -> Result<(), KernelError> {
        match shard {}
    }

    fn go_on(mut state: CompressTurns, _: Vec<()>, job: &Job) -> Result<Round<Self>, KernelError> {
        let total = state.p.data.len() as u64;
        if state.turn(job)? {
            let output = assemble(state.p.format, state.level, state.p.piece.is_some(), &state.blocks)?;
            return Ok(Round::Done { output, total });
        }
        let done = (state.blocks.len() * state.p.format.block() + state.at) as u64;
        Ok(Round::Next { shards: Vec::new(), state, progress: (done, total) })
    }
}

/// The level of a job.
fn level(p: &CompressParams) -> u32 {
    p.level.or(p.format.levels().map(|(_, usual)| usual)).unwrap_or(0)
}

/// The check over all of the input that a format has, of one block.
fn check(format: CompressionFormat, data: &[u8]) -> u32 {
    match format {
        CompressionFormat::Gzip => zlib_rs::crc32::crc32(0, data),
        CompressionFormat::Zlib => zlib_rs::adler32::adler32(1, data),
        _ => 0,
    }
}

/// Blocks one after the other, with what a file has around them unless they are a piece.
fn assemble(
    format: CompressionFormat,
    level: u32,
    is_piece: bool,
    blocks: &[Blocks],
) -> Result<CompressOutput, KernelError> {
    let mut file = File::new(format, level, is_piece, blocks.iter().map(|blocks| blocks.lengths.len()).sum());
    file.reserve(blocks.iter().map(|blocks| blocks.data.len()).sum())?;
    blocks.iter().try_for_each(|blocks| file.append(blocks))?;
    file.finish()
}

/// What is written of a file, or of a piece.
struct File {
    format: CompressionFormat,
    level: u32,
    is_piece: bool,
    /// From where the head is to be: its length is known before what it says.
    data: Vec<u8>,
    lengths: Vec<u32>,
    check: Option<u32>,
    /// Bytes that were compressed.
    len: u64,
}

/// The longest that comes after the blocks.
const TAIL: usize = 8;

impl File {
    /// Of so many blocks.
    fn new(format: CompressionFormat, level: u32, is_piece: bool, blocks: usize) -> Self {
        let mut file =
            Self { format, level, is_piece, data: Vec::new(), lengths: vec![0; blocks], check: None, len: 0 };
        file.data = file.head();
        file.lengths.clear();
        file
    }

    fn head(&self) -> Vec<u8> {
        match self.format {
            _ if self.is_piece => vec![],
            CompressionFormat::Gzip => deflate::gzip_head(self.level, &self.lengths),
            CompressionFormat::Zlib => deflate::zlib_head(self.level),
            CompressionFormat::Lz4 => lz4::head(self.len),
            CompressionFormat::Deflate | CompressionFormat::Zstd => vec![],
        }
    }

    fn tail(&self) -> Vec<u8> {
        let check = self.check.unwrap_or(0);
        match self.format {
            _ if self.is_piece => vec![],
            CompressionFormat::Gzip => deflate::gzip_tail(check, self.len),
            CompressionFormat::Zlib => check.to_be_bytes().to_vec(),
            CompressionFormat::Lz4 => lz4::END.to_vec(),
            CompressionFormat::Deflate | CompressionFormat::Zstd => vec![],
        }
    }

    /// Room for so many bytes of blocks, and for what comes after them.
    fn reserve(&mut self, bytes: usize) -> Result<(), KernelError> {
        let bytes = bytes + TAIL;
        self.data.try_reserve(bytes).map_err(|_| KernelError::OutOfMemory { bytes: Some(bytes as u64) })
    }

    /// The next blocks.
    fn append(&mut self, blocks: &Blocks) -> Result<(), KernelError> {
        self.reserve(blocks.data.len())?;
        self.data.extend_from_slice(&blocks.data);
        self.lengths.extend_from_slice(&blocks.lengths);
        let len = blocks.len as u64;
        self.len += len;
        self.check = Some(match (self.check, self.format) {
            (None, _) => blocks.check,
            (Some(before), CompressionFormat::Gzip) => zlib_rs::crc32::crc32_combine(before, blocks.check, len),
            (Some(before), CompressionFormat::Zlib) => zlib_rs::adler32::adler32_combine(before, blocks.check, len),
            (Some(_), _) => 0,
        });
        Ok(())
    }

    fn finish(mut self) -> Result<CompressOutput, KernelError> {
        let (head, tail) = (self.head(), self.tail());
        self.data[..head.len()].copy_from_slice(&head);
        self.data.extend_from_slice(&tail);
        // A little room is left free: to give it back, all would be copied.
        if self.data.capacity() - self.data.len() > self.data.len() / 8 {
            self.data.shrink_to_fit();
        }
        let (lengths, check) = (self.lengths.into(), self.check.unwrap_or(0));
        let piece = self.is_piece.then_some(PieceFacts { lengths, check });
        Ok(CompressOutput { data: self.data.into(), piece })
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::{check_pieces, check_shards};
    use CompressionFormat::*;
    use proptest::prelude::*;
    use std::io::Read;

    const ALL: [CompressionFormat; 5] = [Gzip, Zlib, Deflate, Lz4, Zstd];

    fn params(data: Vec<u8>, format: CompressionFormat, level: Option<u32>) -> CompressParams {
        CompressParams { data: data.into(), format, level, piece: None }
    }

    fn compress(data: &[u8], format: CompressionFormat, level: Option<u32>) -> Vec<u8> {
        run::<Compress>(params(data.to_vec(), format, level), &Job::detached()).unwrap().data.into_vec()
    }

    /// What other crates read in it.
    fn read(file: &[u8], format: CompressionFormat) -> Vec<u8> {
        let mut data = Vec::new();
        match format {
            // Not a reader of several members: there must be one.
            Gzip => drop(flate2::read::GzDecoder::new(file).read_to_end(&mut data).unwrap()),
            Zlib => drop(flate2::read::ZlibDecoder::new(file).read_to_end(&mut data).unwrap()),
            Deflate => drop(flate2::read::DeflateDecoder::new(file).read_to_end(&mut data).unwrap()),
            Lz4 => drop(lz4_flex::frame::FrameDecoder::new(file).read_to_end(&mut data).unwrap()),
            Zstd => {
                let mut rest = file;
                while !rest.is_empty() {
                    ruzstd::decoding::StreamingDecoder::new(&mut rest).unwrap().read_to_end(&mut data).unwrap();
                }
            }
        }
        data
    }

    fn noise(len: usize) -> Vec<u8> {
        (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) ^ i.wrapping_mul(40_503) >> 7) as u8).collect()
    }

    /// Words in an order that looks random.
    fn text(len: usize) -> Vec<u8> {
        let words = ["warp ", "weft ", "shuttle ", "loom\n", "heddle ", "a ", "of ", "thread\r\n", "bobbin "];
        let mut state = 7_u32;
        let mut text = Vec::new();
        while text.len() < len {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.extend_from_slice(words[(state >> 24) as usize % words.len()].as_bytes());
        }
        text.truncate(len);
        text
    }

    fn check(data: &[u8], format: CompressionFormat, level: Option<u32>) -> usize {
        let file = compress(data, format, level);
        assert!(read(&file, format) == data, "{format:?} {level:?} of {} bytes", data.len());
        file.len()
    }

    #[test]
    fn other_readers_read_every_format_at_every_level() {
        for format in ALL {
            let levels = format.levels().map_or(vec![None], |(levels, _)| levels.map(Some).collect());
            for level in levels {
                for data in [text(100_000), noise(50_000), vec![0; 70_000]] {
                    check(&data, format, level);
                }
            }
        }
    }

    #[test]
    fn lengths_around_those_of_blocks() {
        for format in ALL {
            let block = format.block();
            for len in (0..40).chain([65_535, 65_536, 65_537, block - 1, block, block + 1, 2 * block, 2 * block + 7]) {
                check(&text(len), format, None);
            }
            check(&vec![b'x'; 3 * block + 5], format, None);
            check(&noise(block + 100), format, None);
        }
    }

    #[test]
    fn text_becomes_short_and_noise_hardly_longer() {
        for format in ALL {
            assert!(check(&text(1 << 20), format, None) < 450_000, "{format:?}");
            let mut random = vec![0; 1 << 20];
            blake3::Hasher::new().finalize_xof().fill(&mut random);
            assert!(check(&random, format, None) < (1 << 20) + 500, "{format:?}");
        }
        assert!(check(&text(1 << 20), Gzip, Some(9)) < check(&text(1 << 20), Gzip, Some(1)));
        assert!(check(&text(1 << 20), Gzip, Some(0)) > 1 << 20);
    }

    #[test]
    fn headers_are_what_the_standards_say() {
        assert_eq!(compress(b"", Gzip, None), [31, 139, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for (level, head) in [(0, 0x7801), (3, 0x785E), (6, 0x789C), (9, 0x78DA)] {
            assert_eq!(compress(b"a", Zlib, Some(level))[..2], u16::to_be_bytes(head), "what zlib itself writes");
        }
        // With its length and without blocks.
        assert_eq!(compress(b"", Lz4, None), [4, 34, 77, 24, 0x78, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0xA4, 0, 0, 0, 0]);
        let file = compress(&text(3 << 20), Gzip, None);
        assert_eq!((file[3], &file[12..14]), (4, &b"LW"[..]), "an extra field that says where blocks begin");
    }

    #[test]
    fn the_file_is_the_same_on_any_number_of_threads() {
        let data = text(5_300_003);
        for format in ALL {
            let files = [1, 2, 3, 8].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| compress(&data, format, None))
            });
            assert!(files.iter().all(|file| *file == files[0]), "{format:?}");
        }
    }

    #[test]
    fn shards_make_the_whole() {
        for format in ALL {
            for (blocks, extra, shards) in [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 2), (4, 99, 5)] {
                let len = blocks * format.block() + extra;
                assert_eq!(check_shards::<Compress>(&params(text(len), format, None)), shards, "{format:?} of {len}");
            }
        }
        let data = params(text(7 << 20), Gzip, Some(1));
        for (pieces, shards) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (6, 4), (7, 7), (64, 7)] {
            assert_eq!(check_pieces::<Compress>(&data, pieces), shards, "{pieces} pieces");
        }
        // A piece divides into pieces.
        for (piece, len) in [(Piece::Inner, 4 << 20), (Piece::Last, (4 << 20) + 5)] {
            let params = CompressParams { piece: Some(piece), ..params(text(len), Zlib, None) };
            assert!(check_shards::<Compress>(&params) >= 4);
        }
    }

    #[test]
    fn pieces_from_several_places_make_a_file() {
        let data = text((3 << 20) + 1000);
        let pieces = [
            (&data[..1 << 20], Piece::Inner),
            (&data[1 << 20..3 << 20], Piece::Inner),
            (&data[3 << 20..], Piece::Last),
        ];
        let mut stream = Vec::new();
        for (data, piece) in pieces {
            let params = CompressParams { piece: Some(piece), ..params(data.to_vec(), Deflate, None) };
            let output = run::<Compress>(params, &Job::detached()).unwrap();
            assert_eq!(output.piece.unwrap().lengths.iter().sum::<u32>() as usize, output.data.len());
            stream.extend_from_slice(&output.data);
        }
        assert!(read(&stream, Deflate) == data);
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let params = params(text(3 << 20), Gzip, Some(1));
        let facts = |lengths: &[u32]| Some(PieceFacts { lengths: lengths.to_vec().into(), check: 0 });
        let output = |piece| CompressOutput { data: vec![0; 9].into(), piece };
        for outputs in [vec![], vec![output(None); 3], vec![output(facts(&[9, 9])); 3], vec![output(facts(&[8])); 3]] {
            let (_, plan) = Compress::split(params.clone(), 3).unwrap();
            assert!(matches!(Compress::merge(plan, outputs), Err(KernelError::Failed { .. })));
        }
    }

    #[test]
    fn unusable_params_are_named() {
        let refused = |format, level, piece, len| {
            let params = CompressParams { piece, ..params(vec![0; len], format, level) };
            match run::<Compress>(params, &Job::detached()) {
                Err(KernelError::BadParams { field, message }) => format!("{field}: {message}"),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(Gzip, Some(10), None, 1), "level: of gzip must be 0 to 9, got 10");
        assert_eq!(refused(Zstd, Some(0), None, 1), "level: of zstd must be 1 to 9, got 0");
        assert_eq!(refused(Lz4, Some(1), None, 1), "level: lz4 has one level only: leave it out");
        assert_eq!(
            refused(Gzip, None, Some(Piece::Inner), 1000),
            "piece: an inner piece holds whole blocks of 1048576 bytes, got 1000 bytes"
        );
        assert!(refused(Deflate, None, Some(Piece::Inner), 0).starts_with("piece: "));
    }

    #[test]
    fn progress_counts_bytes_and_a_cancelled_job_stops() {
        for format in ALL {
            let data = text(3_000_000);
            let job = Job::detached();
            run::<Compress>(params(data.clone(), format, None), &job).unwrap();
            assert_eq!(job.progress(), (3_000_000, 3_000_000));
            let cancelled = Job::detached();
            cancelled.control().request_cancel();
            assert_eq!(run::<Compress>(params(data, format, None), &cancelled), Err(KernelError::Cancelled));
            assert_eq!(cancelled.progress().0, 0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn anything_comes_back(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            repeats in 1_usize..300,
            level in 1_u32..10,
        ) {
            // Repeated, with something new in between.
            let data: Vec<u8> =
                (0..repeats).flat_map(|i| bytes.iter().map(move |byte| if i % 7 == 3 { byte ^ i as u8 } else { *byte })).collect();
            for format in ALL {
                check(&data, format, format.levels().map(|_| level));
            }
        }
    }
}
