//! Decompresses bytes: gzip, zlib and raw deflate, LZ4, Zstandard, told apart by content.
//!
//! This room bounds what comes out and says what is wrong with the data and where; the formats are read in files of their own.
//! What a file says of itself (how long a block or a frame is) is used to read it on all threads, and never believed: it must
//! turn out so.

use super::compress::CompressionFormat;
use super::radix::reserve;
use super::{deflate, lz4, zstd};
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Array, Job, Kernel, KernelError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;

/// Decompresses bytes.
pub struct Decompress;

/// What to decompress.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecompressParams {
    /// The file. Several gzip members, LZ4 or Zstandard frames one after the other are read as one.
    pub data: Array<u8>,
    /// What it is; unless told, its first bytes say so. A raw `deflate` stream has nothing to be known by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<CompressionFormat>,
    /// The most bytes that may come out, 1 GiB unless told: a small file can hold a great many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

/// What the file held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DecompressOutput {
    /// The bytes.
    pub data: Array<u8>,
    /// What the file was.
    pub format: CompressionFormat,
}

/// The most bytes that come out unless told.
const MAX_BYTES: u64 = 1 << 30;
/// Bytes that are read and written while an event loop waits: some 1 to 2 ms.
const TURN: usize = 512 << 10;
/// What a step costs besides, in such bytes.
const STEP: usize = 4 << 10;
/// The fewest bytes that are worth a shard, when they come out: some 2 ms of work.
const LEAST_SHARD: usize = 1 << 20;

impl Kernel for Decompress {
    const NAME: &'static str = "decompress";
    const ABOUT: &'static str =
        "Decompresses gzip, zlib, deflate, LZ4 or Zstandard, on all threads where the file allows.";
    type Params = DecompressParams;
    type Output = DecompressOutput;
    type Part = ();

    fn validate(p: &DecompressParams) -> Result<(), KernelError> {
        recognise(p).map(drop)
    }

    fn run(p: DecompressParams, job: &Job) -> Result<DecompressOutput, KernelError> {
        let format = recognise(&p)?;
        let data = &*p.data;
        job.set_total(data.len() as u64);
        job.check()?;
        let mut out = Output::of(&p);
        match format {
            CompressionFormat::Gzip => deflate::gunzip(data, &mut out, job)?,
            CompressionFormat::Zlib => deflate::inflate_whole(data, true, &mut out, job)?,
            CompressionFormat::Deflate => deflate::inflate_whole(data, false, &mut out, job)?,
            CompressionFormat::Lz4 => lz4::decompress(data, &mut out, job)?,
            CompressionFormat::Zstd => zstd::decompress(data, &mut out, job)?,
        }
        job.check()?;
        // Headers, checks, padding.
        let (done, total) = job.progress();
        job.advance(total.saturating_sub(done));
        Ok(DecompressOutput { data: out.data.into(), format })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

/// Where an event loop waits: turns without shards. For workers: shards of what a file says lies by itself in it, segments of gzip or
/// frames of Zstandard. LZ4 stays whole, as what comes out is moved no faster than it is made; and so does one long stream.
impl Rounds for Decompress {
    type Shard = DecompressShard;
    type Given = DecompressGiven;
    type State = DecompressState;

    fn begin(p: DecompressParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        let (format, out) = (recognise(&p)?, Output::of(&p));
        let progress = (0, p.data.len() as u64);
        if aim.short {
            let state =
                DecompressState { data: Arc::new(p.data), format, out, step: Doing::Turns(None), before: 0, done: 0 };
            return Ok(Round::Next { shards: vec![], state, progress });
        }
        let members = if format == CompressionFormat::Gzip { deflate::told(&p.data, &out) } else { None };
        let members = members.unwrap_or_default();
        // Zstandard is read so fast that two would gain nothing.
        let (parts, fewest) = match format {
            CompressionFormat::Zstd => (zstd::parts(&p.data, &out)?.unwrap_or_default(), 3),
            _ => (members.iter().flat_map(deflate::Member::parts).collect(), 2),
        };
        let len = parts.iter().map(|part| part.len).sum::<usize>();
        let pieces = aim.pieces.min(len / LEAST_SHARD);
        if pieces < fewest {
            return Ok(Round::Whole(p));
        }
        let shards = runs(parts, len, pieces).into_iter().map(|parts| {
            let place = parts[0].place.start..parts[parts.len() - 1].place.end;
            let mut data = reserve(place.len())?;
            data.extend_from_slice(&p.data[place.clone()]);
            Ok(DecompressShard { format, data: data.into(), begin: place.start, parts })
        });
        let shards = shards.collect::<Result<_, KernelError>>()?;
        let (data, step) = (Arc::new(p.data), Doing::Shards { members, len });
        Ok(Round::Next { shards, state: DecompressState { data, format, out, step, before: 0, done: 0 }, progress })
    }

    fn run_shard(shard: DecompressShard, job: &Job) -> Result<DecompressGiven, KernelError> {
        let DecompressShard { format, data, begin, parts } = shard;
        let mut out = Output { data: Vec::new(), limit: usize::MAX };
        let crcs = match format {
            CompressionFormat::Gzip => deflate::read_parts(&data, begin, &parts, &mut out, job)?,
            _ => zstd::read_parts(&data, begin, &parts, &mut out, job).map(|()| Some(vec![]))?,
        };
        Ok(DecompressGiven { data: out.data.into(), crcs: crcs.map(Array::from) })
    }

    fn go_on(mut state: DecompressState, given: Vec<DecompressGiven>, job: &Job) -> Result<Round<Self>, KernelError> {
        let units = state.data.len() as u64;
        if let Doing::Shards { members, len } = &state.step {
            let crcs = given.iter().map(|given| given.crcs.as_deref()).collect::<Option<Vec<_>>>();
            if crcs.is_some_and(|crcs| deflate::are_right(members, &crcs.concat())) {
                let data = shard::concat(given.into_iter().map(|given| given.data), *len)?;
                let output = DecompressOutput { data: data.into(), format: state.format };
                return Ok(Round::Done { output, total: units });
            }
            // What the file says of itself is not so: it is read as if it said nothing, as by the whole.
            (state.before, state.step) = (units, Doing::Turns(None));
        }
        let total = state.before + units;
        let ended = job.stage(0, |stage| {
            let ended = state.turn(stage)?;
            state.done = units.min(state.done + stage.progress().0);
            Ok::<_, KernelError>(ended)
        })?;
        Ok(match ended {
            true => {
                Round::Done { output: DecompressOutput { data: state.out.data.into(), format: state.format }, total }
            }
            false => Round::Next { shards: vec![], progress: (state.before + state.done, total), state },
        })
    }
}

/// Parts of a file.
#[derive(Serialize, Deserialize)]
pub struct DecompressShard {
    format: CompressionFormat,
    /// What of the file they lie in.
    data: Array<u8>,
    /// Where that begins.
    begin: usize,
    parts: Vec<Part>,
}

/// What comes out of a shard.
#[derive(Serialize, Deserialize)]
pub struct DecompressGiven {
    data: Array<u8>,
    /// Of gzip, the CRC-32 of each part. `None` if one is not what was said.
    crcs: Option<Array<u32>>,
}

/// A part of a file that can be read by itself.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Part {
    /// Where it lies in the file.
    pub place: Range<usize>,
    /// The bytes that it holds.
    pub len: usize,
    /// Whether its stream ends with it.
    pub is_end: bool,
}

/// Runs of parts from which about as many bytes come out, of `len` in all.
fn runs(parts: Vec<Part>, len: usize, pieces: usize) -> Vec<Vec<Part>> {
    let mut runs = vec![Vec::new(); pieces];
    let mut before = 0;
    for part in parts {
        let run = before as u128 * pieces as u128 / len as u128;
        before += part.len;
        runs[(run as usize).min(pieces - 1)].push(part);
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// A job between two rounds.
pub struct DecompressState {
    data: Arc<Array<u8>>,
    format: CompressionFormat,
    out: Output,
    step: Doing,
    /// Units that were done in vain.
    before: u64,
    /// Units that are done since.
    done: u64,
}

/// How a job is being done.
enum Doing {
    /// In turns, by a reader once it has begun.
    Turns(Option<Reader>),
    /// In shards, from which so many bytes are to come.
    Shards { members: Vec<deflate::Member>, len: usize },
}

impl DecompressState {
    /// Takes a turn; returns whether it was the last.
    fn turn(&mut self, job: &Job) -> Result<bool, KernelError> {
        let Doing::Turns(reader) = &mut self.step else { return Err(shard::strange_outputs()) };
        let reader = match reader {
            Some(reader) => reader,
            None => reader.insert(Reader::of(self.format, &self.data, &mut self.out, job)?),
        };
        let mut spent = 0;
        while spent < TURN {
            let step = reader.step(&self.data, &mut self.out, job)?;
            if step.ended {
                return Ok(true);
            }
            spent += step.bytes + STEP;
        }
        Ok(false)
    }
}

/// A file that is read step by step, from its beginning to its end.
enum Reader {
    Gzip(deflate::Gunzip),
    Stream(deflate::Stream),
    Lz4(lz4::Reader),
    Zstd(Box<zstd::Reader>),
}

/// What a step was.
pub(super) struct Step {
    /// Bytes that were read and written, about.
    pub bytes: usize,
    /// Whether it was the last.
    pub ended: bool,
}

impl Reader {
    fn of(format: CompressionFormat, data: &Arc<Array<u8>>, out: &mut Output, job: &Job) -> Result<Self, KernelError> {
        Ok(match format {
            CompressionFormat::Gzip => Self::Gzip(deflate::Gunzip::default()),
            CompressionFormat::Zlib => Self::Stream(deflate::Stream::new(0, true)),
            CompressionFormat::Deflate => Self::Stream(deflate::Stream::new(0, false)),
            CompressionFormat::Lz4 => Self::Lz4(lz4::Reader::default()),
            CompressionFormat::Zstd => Self::Zstd(Box::new(zstd::Reader::of(data, out, job)?)),
        })
    }

    fn step(&mut self, data: &[u8], out: &mut Output, job: &Job) -> Result<Step, KernelError> {
        match self {
            Self::Gzip(reader) => reader.step(data, out, job),
            Self::Stream(stream) => stream.step_of_whole(data, out, job),
            Self::Lz4(reader) => reader.step(data, out, job),
            Self::Zstd(reader) => reader.step(out, job),
        }
    }
}

/// The error of data that is no good, from this byte of it on.
pub(super) fn refuse(at: usize, sentence: impl std::fmt::Display) -> KernelError {
    KernelError::bad_params("data", format!("byte {at}: {sentence}"))
}

/// What the caller says that it is, or else the first bytes.
fn recognise(p: &DecompressParams) -> Result<CompressionFormat, KernelError> {
    let data = &*p.data;
    if data.is_empty() {
        return Err(KernelError::bad_params("data", "is empty: even what holds nothing has a few bytes"));
    }
    if let Some(format) = p.format {
        return Ok(format);
    }
    // Frames that LZ4 and Zstandard both pass over say nothing of which it is.
    let mut begin = 0;
    while let Some(end) = lz4::skippable(data, begin).filter(|&end| end < data.len()) {
        begin = end;
    }
    Ok(match &data[begin..] {
        start if lz4::is_lz4(start) => CompressionFormat::Lz4,
        start if zstd::is_zstd(start) => CompressionFormat::Zstd,
        _ if deflate::is_gzip(data) => CompressionFormat::Gzip,
        _ if deflate::is_zlib(data) => CompressionFormat::Zlib,
        _ => {
            let sentence = "does not begin like gzip, zlib, lz4 or zstd; of raw deflate `format` must say so";
            return Err(KernelError::bad_params("data", sentence));
        }
    })
}

/// What comes out, up to a limit.
pub(super) struct Output {
    pub data: Vec<u8>,
    limit: usize,
}

impl Output {
    fn of(p: &DecompressParams) -> Self {
        let max_bytes = p.max_bytes.unwrap_or(MAX_BYTES);
        Self { data: Vec::new(), limit: usize::try_from(max_bytes).unwrap_or(usize::MAX) }
    }

    /// How many bytes more there may be.
    pub fn left(&self) -> u64 {
        (self.limit - self.data.len()) as u64
    }

    /// The error of more than the limit.
    pub fn surplus(&self) -> KernelError {
        let message = format!("more than {} bytes come out of the data: allow more if you trust it", self.limit);
        KernelError::bad_params("maxBytes", message)
    }

    /// `step` more bytes, to be overwritten, or fewer if the limit is nearer.
    pub fn room(&mut self, step: usize) -> Result<&mut [u8], KernelError> {
        let len = self.data.len();
        let step = step.min(self.limit - len);
        if self.data.capacity() - len < step {
            // Twice the room each time, but never more than there may be.
            let more = len.max(step).min(self.limit - len);
            self.try_reserve(more)?;
        }
        self.data.resize(len + step, 0);
        Ok(&mut self.data[len..])
    }

    /// Of the room that began at `from`, `written` bytes stay.
    ///
    /// # Errors
    /// When that is more than the limit: the room was none, and a byte was written elsewhere.
    pub fn keep(&mut self, from: usize, written: usize) -> Result<(), KernelError> {
        if written > self.limit - from {
            return Err(self.surplus());
        }
        self.data.truncate(from + written);
        Ok(())
    }

    /// Room for exactly `len` more bytes, at most what is left; whoever has written all of it sets the length.
    pub fn reserve(&mut self, len: usize) -> Result<&mut [MaybeUninit<u8>], KernelError> {
        self.try_reserve(len)?;
        Ok(&mut self.data.spare_capacity_mut()[..len])
    }

    fn try_reserve(&mut self, more: usize) -> Result<(), KernelError> {
        let bytes = (self.data.len() as u64).saturating_add(more as u64);
        self.data.try_reserve_exact(more).map_err(|_| KernelError::OutOfMemory { bytes: Some(bytes) })
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::kernels::{Compress, CompressParams};
    use crate::shard::testing::{Seen, check_aims};
    use CompressionFormat::*;
    use proptest::prelude::*;
    use std::io::Write;

    const ALL: [CompressionFormat; 5] = [Gzip, Zlib, Deflate, Lz4, Zstd];

    fn compress(data: &[u8], format: CompressionFormat) -> Vec<u8> {
        let params = CompressParams { data: data.to_vec().into(), format, level: None, piece: None };
        run::<Compress>(params, &Job::detached()).unwrap().data.into_vec()
    }

    /// By other crates, in one go.
    fn written(data: &[u8], format: CompressionFormat) -> Vec<u8> {
        let level = flate2::Compression::new(5);
        match format {
            Gzip => {
                let mut file =
                    flate2::GzBuilder::new().filename("a").comment("b").extra([1, 2, 0, 0]).write(vec![], level);
                file.write_all(data).unwrap();
                file.finish().unwrap()
            }
            Zlib => {
                let mut file = flate2::write::ZlibEncoder::new(vec![], level);
                file.write_all(data).unwrap();
                file.finish().unwrap()
            }
            Deflate => {
                let mut file = flate2::write::DeflateEncoder::new(vec![], level);
                file.write_all(data).unwrap();
                file.finish().unwrap()
            }
            Lz4 => lz4(data, |info| info),
            Zstd => ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest),
        }
    }

    fn lz4(data: &[u8], with: fn(lz4_flex::frame::FrameInfo) -> lz4_flex::frame::FrameInfo) -> Vec<u8> {
        let mut file = lz4_flex::frame::FrameEncoder::with_frame_info(with(lz4_flex::frame::FrameInfo::new()), vec![]);
        file.write_all(data).unwrap();
        file.finish().unwrap()
    }

    fn params(data: &[u8], format: Option<CompressionFormat>, max_bytes: Option<u64>) -> DecompressParams {
        DecompressParams { data: data.to_vec().into(), format, max_bytes }
    }

    /// Of the whole and, which must be the same, of turns and shards.
    fn outcome(p: DecompressParams) -> Result<DecompressOutput, KernelError> {
        let whole = run::<Decompress>(p.clone(), &Job::detached());
        assert!(whole == in_rounds(p.clone(), Aim { pieces: 1, short: true }), "turns");
        assert!(whole == in_rounds(p, Aim { pieces: 3, short: false }), "shards");
        whole
    }

    fn in_rounds(p: DecompressParams, aim: Aim) -> Result<DecompressOutput, KernelError> {
        Decompress::validate(&p)?;
        let job = Job::detached();
        let mut round = Decompress::begin(p, aim)?;
        loop {
            match round {
                Round::Next { shards, state, .. } => {
                    let given = shards.into_iter().map(|shard| Decompress::run_shard(shard, &job));
                    round = Decompress::go_on(state, given.collect::<Result<_, _>>()?, &job)?;
                }
                Round::Done { output, .. } => return Ok(output),
                Round::Whole(p) => return run::<Decompress>(p, &job),
            }
        }
    }

    fn decompress(file: &[u8], format: CompressionFormat) -> Vec<u8> {
        // All but raw deflate are known by their beginning.
        let output = outcome(params(file, (format == Deflate).then_some(format), None)).unwrap();
        assert_eq!(output.format, format);
        output.data.into_vec()
    }

    fn refused(file: &[u8], format: CompressionFormat) -> String {
        match outcome(params(file, Some(format), Some(1 << 24))) {
            Err(KernelError::BadParams { field, message }) => format!("{field}: {message}"),
            other => panic!("{other:?}"),
        }
    }

    fn text(len: usize) -> Vec<u8> {
        (0..len as u64).map(|i| b"the quick brown fox jumps over the lazy dog. "[(i * i / 977 % 45) as usize]).collect()
    }

    #[test]
    fn what_we_and_others_write_is_read() {
        for format in ALL {
            for len in [0, 1, 2, 100, 65_536, 131_072, 262_144, 1 << 20, (1 << 20) + 1, 5_000_011] {
                let data = text(len);
                assert!(decompress(&compress(&data, format), format) == data, "{format:?} of {len} bytes, ours");
                assert!(decompress(&written(&data, format), format) == data, "{format:?} of {len} bytes");
            }
        }
    }

    #[test]
    fn every_kind_of_lz4_frame() {
        use lz4_flex::frame::{BlockMode, BlockSize};
        let data = text(700_001);
        for file in [
            lz4(&data, |info| info.block_mode(BlockMode::Linked).block_size(BlockSize::Max64KB)),
            lz4(&data, |info| info.block_mode(BlockMode::Linked).content_checksum(true).block_checksums(true)),
            lz4(&data, |info| {
                info.block_mode(BlockMode::Independent).block_size(BlockSize::Max256KB).content_checksum(true)
            }),
            lz4(&data, |info| info.content_size(Some(700_001)).block_checksums(true)),
        ] {
            assert!(decompress(&file, Lz4) == data);
        }
    }

    #[test]
    fn members_and_frames_one_after_the_other_are_one() {
        let (a, b) = (text(2_500_000), text(77));
        for format in [Gzip, Lz4, Zstd] {
            for (first, second) in [(&a, &b), (&b, &a)] {
                let all = [&first[..], second].concat();
                for file in [
                    [compress(first, format), compress(second, format)].concat(),
                    [written(first, format), compress(second, format), written(&[], format)].concat(),
                ] {
                    let file = if format == Gzip {
                        file
                    } else {
                        [&file[..], &[0x53, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 9, 9]].concat()
                    };
                    assert!(decompress(&file, format) == all, "{format:?}");
                    if format != Gzip {
                        let file = [&[0x50, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, 7], &file[..]].concat();
                        assert!(decompress(&file, format) == all, "{format:?}, what is passed over first");
                    }
                }
            }
        }
        let padded = [compress(&b, Gzip), vec![0; 513]].concat();
        assert!(decompress(&padded, Gzip) == b);
    }

    /// A member as bgzip writes it.
    fn bgzip(data: &[u8]) -> Vec<u8> {
        let stream = written(data, Deflate);
        let size = (18 + stream.len() + 8 - 1) as u16;
        let mut file = vec![31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, b'B', b'C', 2, 0];
        file.extend_from_slice(&size.to_le_bytes());
        file.extend_from_slice(&stream);
        file.extend_from_slice(&zlib_rs::crc32::crc32(0, data).to_le_bytes());
        file.extend_from_slice(&(data.len() as u32).to_le_bytes());
        file
    }

    #[test]
    fn files_of_bgzip_are_read() {
        let data = text(1_000_000);
        let mut file: Vec<u8> = data.chunks(60_000).flat_map(bgzip).collect();
        file.extend(bgzip(&[]));
        assert!(decompress(&file, Gzip) == data);
        // A length that is not so is not believed.
        file[16] ^= 1;
        assert!(decompress(&file, Gzip) == data);
    }

    #[test]
    fn an_index_that_lies_changes_nothing() {
        let data = text(3_300_000);
        let file = compress(&data, Gzip);
        // The block's length, and the four compressed lengths, each byte of them.
        for at in 16..36 {
            for change in [1, 0x80, 0xFF] {
                let mut file = file.clone();
                file[at] ^= change;
                assert!(decompress(&file, Gzip) == data, "byte {at}");
            }
        }
        // One that divides a stored block, in which any bytes can stand.
        let mut lie = compress(&data, Gzip);
        lie.truncate(10);
        lie[3] = 4;
        lie.extend_from_slice(&[16, 0, b'L', b'W', 12, 0]);
        let stored = |data: &[u8], last| {
            [&[last][..], &(data.len() as u16).to_le_bytes(), &(!data.len() as u16).to_le_bytes(), data].concat()
        };
        let inside = [stored(b"hidden", 0), stored(&[], 0)].concat();
        let honest = [&inside[..], b"rest"].concat();
        let stream = stored(&honest, 1);
        for value in [6_u32, 5 + inside.len() as u32, stream.len() as u32 - 5 - inside.len() as u32] {
            lie.extend_from_slice(&value.to_le_bytes());
        }
        lie.extend_from_slice(&stream);
        lie.extend_from_slice(&zlib_rs::crc32::crc32(0, &honest).to_le_bytes());
        lie.extend_from_slice(&(honest.len() as u32).to_le_bytes());
        assert!(decompress(&lie, Gzip) == honest);
    }

    #[test]
    fn no_more_comes_out_than_is_allowed() {
        let data = vec![7; 3 << 20];
        for format in ALL {
            for file in [compress(&data, format), written(&data, format)] {
                let limited = |max| outcome(params(&file, Some(format), Some(max)));
                assert_eq!(limited(3 << 20).unwrap().data.len(), 3 << 20, "{format:?}");
                for max in [0, 1, 1000, 131_072, (3 << 20) - 1] {
                    let Err(KernelError::BadParams { field, message }) = limited(max) else {
                        panic!("{format:?} {max}")
                    };
                    assert_eq!((&*field, message.starts_with(&format!("more than {max} bytes"))), ("maxBytes", true));
                }
            }
            assert!(outcome(params(&compress(&[], format), Some(format), Some(0))).is_ok());
        }
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        let data = text(100_000);
        let file = |format| compress(&data, format);
        let changed = |format, at: usize| {
            let mut file = file(format);
            let at = if at > 1 << 20 { file.len().wrapping_add(at) } else { at };
            file[at] ^= 0x55;
            refused(&file, format)
        };
        let end = |count: usize| 0_usize.wrapping_sub(count);
        assert_eq!(changed(Gzip, 2), "data: byte 2: compression method 93 is unknown: gzip has 8 alone");
        assert!(changed(Gzip, end(5)).contains("CRC-32 of the gzip member that begins at byte 0 does not match"));
        assert!(changed(Gzip, end(1)).contains("length of the gzip member"));
        assert!(changed(Zlib, end(1)).contains("incorrect data check"), "{}", changed(Zlib, end(1)));
        assert!(changed(Zlib, 1).contains("incorrect header check"), "{}", changed(Zlib, 1));
        assert_eq!(changed(Lz4, 5), "data: byte 4: the LZ4 header's flags 0x78 0x35 are of no version that is known");
        assert_eq!(changed(Lz4, 14), "data: byte 14: the check of the LZ4 header does not match");
        assert_eq!(changed(Lz4, 30), "data: byte 19: the check of the LZ4 block that begins here does not match");
        assert!(changed(Zstd, end(1)).starts_with("data: byte 0: the zstd frame that begins here is damaged: "));
        assert!(changed(Zstd, 0).contains("no zstd frame begins here"));
        for format in ALL {
            let file = file(format);
            for len in [1, 2, 3, 9, 12, 18, file.len() / 2, file.len() - 9, file.len() - 1] {
                let message = refused(&file[..len], format);
                assert!(message.starts_with("data: byte "), "{format:?}, {len} of {} bytes: {message}", file.len());
            }
            assert!(refused(&[&file[..], b"more"].concat(), format).starts_with("data: byte "), "{format:?}");
        }
        let unknown = outcome(params(b"Hello there", None, None)).unwrap_err();
        assert!(unknown.to_string().starts_with("data: does not begin like"), "{unknown}");
        let empty = outcome(params(b"", Some(Gzip), None)).unwrap_err();
        assert!(empty.to_string().starts_with("data: is empty"), "{empty}");
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let data = text(4_000_000);
        for format in ALL {
            let file = compress(&data, format);
            for threads in [1, 2, 5] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert!(pool.install(|| decompress(&file, format)) == data, "{format:?} on {threads} threads");
            }
        }
    }

    #[test]
    fn turns_are_short() {
        for format in ALL {
            for len in [0, 1, 3_000_000] {
                for file in [compress(&text(len), format), written(&text(len), format)] {
                    let p = params(&file, Some(format), None);
                    let aims = [1, 7, 256].map(|pieces| Aim { pieces, short: true });
                    for Seen { rounds, shards } in check_aims::<Decompress>(&p, &aims) {
                        // LZ4's blocks are whole.
                        let most = (len + file.len()).div_ceil(TURN) + 1;
                        assert!(shards == 0 && (len / TURN / 3 + 1..=most).contains(&rounds), "{format:?}: {rounds}");
                    }
                }
            }
        }
    }

    #[test]
    fn shards_give_what_the_whole_gives() {
        let data = text(9_000_001);
        let none = &[][..];
        // Our gzip has blocks of 1 MiB, and our zstd of 2.
        let two = |format| [compress(&data[..4_000_000], format), compress(&data[4_000_000..], format)].concat();
        let bgzipped: Vec<u8> = data.chunks(60_000).flat_map(bgzip).collect();
        for (file, format, shards) in [
            (two(Gzip), Gzip, &[2, 3, 7, 8][..]),
            (bgzipped, Gzip, &[2, 3, 7, 8]),
            (two(Zstd), Zstd, &[0, 3, 5, 5]),
            (written(&data, Gzip), Gzip, none),
            (written(&data, Zstd), Zstd, none),
            (compress(&data[..1 << 20], Gzip), Gzip, none),
            (two(Lz4), Lz4, none),
            (compress(&data, Zlib), Zlib, none),
            (compress(&data, Deflate), Deflate, none),
        ] {
            let p = params(&file, Some(format), None);
            let aims = [2, 3, 7, 64, 1].map(|pieces| Aim { pieces, short: false });
            for (at, seen) in check_aims::<Decompress>(&p, &aims).into_iter().enumerate() {
                let shards = shards.get(at).copied().unwrap_or(0);
                assert_eq!(seen, Seen { rounds: usize::from(shards > 0), shards }, "{format:?}, {:?}", aims[at]);
            }
        }
    }

    #[test]
    fn a_damaged_frame_in_a_shard_is_told_by_its_place_in_the_file() {
        let mut file = compress(&text(9_000_001), Zstd);
        let end = file.len() - 1;
        file[end] ^= 1;
        let message = refused(&file, Zstd);
        let begin: usize = message["data: byte ".len()..].split(':').next().unwrap().parse().unwrap();
        assert!(zstd::is_zstd(&file[begin..]) && begin > file.len() / 2, "{message}");
    }

    #[test]
    fn progress_counts_to_the_end_and_a_cancelled_job_stops() {
        for format in ALL {
            for file in [compress(&text(3_000_000), format), written(&text(3_000_000), format)] {
                let job = Job::detached();
                run::<Decompress>(params(&file, Some(format), None), &job).unwrap();
                assert_eq!(job.progress(), (file.len() as u64, file.len() as u64), "{format:?}");
                let cancelled = Job::detached();
                cancelled.control().request_cancel();
                let stopped = run::<Decompress>(params(&file, Some(format), None), &cancelled);
                assert_eq!(stopped.unwrap_err(), KernelError::Cancelled);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        /// Whatever the bytes, there is an answer or an error, and no panic.
        #[test]
        fn damaged_files_end_in_an_error(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            len in 0_usize..6000,
            ours in any::<bool>(),
        ) {
            for format in ALL {
                let mut file = if ours { compress(&text(len), format) } else { written(&text(len), format) };
                for (at, byte) in &changes {
                    let at = at.index(file.len());
                    file[at] = *byte;
                }
                let outcome = outcome(params(&file, Some(format), Some(1 << 20)));
                prop_assert!(matches!(outcome, Ok(_) | Err(KernelError::BadParams { .. })), "{outcome:?}");
            }
        }

        #[test]
        fn any_bytes_at_all(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
            for format in ALL {
                let outcome = outcome(params(&bytes, Some(format), Some(1 << 20)));
                prop_assert!(matches!(outcome, Ok(_) | Err(KernelError::BadParams { .. })), "{outcome:?}");
            }
        }
    }
}
