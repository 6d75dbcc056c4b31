//! Decompresses bytes: gzip, zlib and raw deflate, LZ4, Zstandard, told apart by content.
//!
//! This room bounds what comes out and says what is wrong with the data and where; the formats are read in files of their own.
//! What a file says of itself (how long a block or a frame is) is used to read it on all threads, and never believed: it must
//! turn out so.

use super::compress::CompressionFormat;
use super::{deflate, lz4, zstd};
use crate::{Array, Job, Kernel, KernelError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::mem::MaybeUninit;

/// Decompresses bytes.
///
/// Its jobs do not divide: where threads share no memory, most of the time would go into moving what comes out.
pub struct Decompress;

/// What to decompress.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecompressParams {
    /// The file. Several gzip members, LZ4 or Zstandard frames one after the other are read as one.
    pub data: Array<u8>,
    /// What it is; unless told, its first bytes say so. A raw `deflate` stream has nothing to be known by.
    #[serde(default)]
    pub format: Option<CompressionFormat>,
    /// The most bytes that may come out, 1 GiB unless told: a small file can hold a great many.
    #[serde(default)]
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
        let max_bytes = p.max_bytes.unwrap_or(MAX_BYTES);
        let mut out = Output { data: Vec::new(), limit: usize::try_from(max_bytes).unwrap_or(usize::MAX) };
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

    fn decompress(file: &[u8], format: CompressionFormat) -> Vec<u8> {
        // All but raw deflate are known by their beginning.
        let output =
            run::<Decompress>(params(file, (format == Deflate).then_some(format), None), &Job::detached()).unwrap();
        assert_eq!(output.format, format);
        output.data.into_vec()
    }

    fn refused(file: &[u8], format: CompressionFormat) -> String {
        match run::<Decompress>(params(file, Some(format), Some(1 << 24)), &Job::detached()) {
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
                let limited = |max| run::<Decompress>(params(&file, Some(format), Some(max)), &Job::detached());
                assert_eq!(limited(3 << 20).unwrap().data.len(), 3 << 20, "{format:?}");
                for max in [0, 1, 1000, 131_072, (3 << 20) - 1] {
                    let Err(KernelError::BadParams { field, message }) = limited(max) else {
                        panic!("{format:?} {max}")
                    };
                    assert_eq!((&*field, message.starts_with(&format!("more than {max} bytes"))), ("maxBytes", true));
                }
            }
            assert!(run::<Decompress>(params(&compress(&[], format), Some(format), Some(0)), &Job::detached()).is_ok());
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
        let unknown = run::<Decompress>(params(b"Hello there", None, None), &Job::detached()).unwrap_err();
        assert!(unknown.to_string().starts_with("data: does not begin like"), "{unknown}");
        let empty = run::<Decompress>(params(b"", Some(Gzip), None), &Job::detached()).unwrap_err();
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
                let outcome = run::<Decompress>(params(&file, Some(format), Some(1 << 20)), &Job::detached());
                prop_assert!(matches!(outcome, Ok(_) | Err(KernelError::BadParams { .. })), "{outcome:?}");
            }
        }

        #[test]
        fn any_bytes_at_all(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
            for format in ALL {
                let outcome = run::<Decompress>(params(&bytes, Some(format), Some(1 << 20)), &Job::detached());
                prop_assert!(matches!(outcome, Ok(_) | Err(KernelError::BadParams { .. })), "{outcome:?}");
            }
        }
    }
}
