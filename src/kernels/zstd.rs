//! Zstandard (RFC 8878) in frames, by `structured-zstd`: for [`compress`](super::compress) and [`decompress`](super::decompress).

use super::decompress::{Output, refuse};
use crate::{Job, KernelError};
use rayon::prelude::*;
use std::io::Read;
use std::mem::MaybeUninit;
use std::ops::Range;
use structured_zstd::decoding::{
    self, ContentChecksum, FrameContentSize, FrameDecoder, FrameSizeError, StreamingDecoder,
};
use structured_zstd::encoding::{CompressionContext, CompressionLevel};

/// Bytes between two looks at the job: a block of the format.
pub(super) const SLICE: usize = 128 << 10;

/// Compresses frames, one after the other.
pub(super) struct Encoder {
    context: CompressionContext,
    frame: Vec<u8>,
}

impl Encoder {
    pub fn new(level: u32) -> Self {
        let context = CompressionContext::new(CompressionLevel::from_level(level as i32));
        Self { context, frame: Vec::new() }
    }

    /// Begins a frame, with its length and a check.
    pub fn start(&mut self, len: usize) -> Result<(), KernelError> {
        self.context.set_content_checksum(true).map_err(failed)?;
        self.context.set_pledged_content_size(len as u64).map_err(failed)?;
        self.context.start_frame(&mut self.frame).map_err(failed)
    }

    /// The next slice of it.
    pub fn feed(&mut self, mut slice: &[u8]) -> Result<(), KernelError> {
        while !slice.is_empty() {
            let written = self.context.write(&mut self.frame, slice).map_err(failed)?;
            slice = &slice[written..];
        }
        Ok(())
    }

    /// The frame.
    pub fn finish(&mut self) -> Result<Vec<u8>, KernelError> {
        self.context.finish_frame(&mut self.frame).map_err(failed)?;
        Ok(std::mem::take(&mut self.frame))
    }
}

fn failed(error: std::io::Error) -> KernelError {
    KernelError::failed(format!("zstd: {error}"))
}

/// Whether `data` begins like a Zstandard file.
pub(super) fn is_zstd(data: &[u8]) -> bool {
    decoding::is_frame(data)
}

/// A frame, or what is to be passed over.
struct Frame {
    place: Range<usize>,
    /// The bytes that it holds, if it says so.
    len: Option<u64>,
}

/// Reads a file: all of its frames, on all threads if each says how long it is.
pub(super) fn decompress(data: &[u8], out: &mut Output, job: &Job) -> Result<(), KernelError> {
    let mut frames = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let size = decoding::find_frame_compressed_size(&data[at..]);
        let size = size.map_err(|error| refuse(at, why(&error)))?;
        let place = at..at + size;
        at = place.end;
        match decoding::read_frame_content_size(&data[place.clone()]) {
            Ok(FrameContentSize::Known(len)) => frames.push(Frame { place, len: Some(len) }),
            Ok(_) => frames.push(Frame { place, len: None }),
            // Skippable: nothing for us.
            Err(_) => job.advance(size as u64),
        }
    }
    let lens = frames.iter().map(|frame| frame.len).collect::<Option<Vec<u64>>>();
    let len = lens.and_then(|lens| lens.into_iter().try_fold(0, u64::checked_add));
    match len {
        Some(len) if frames.len() > 1 && len <= out.left() => on_all_threads(data, &frames, len as usize, out, job),
        _ => frames.iter().try_for_each(|frame| one_by_one(data, frame, out, job)),
    }
}

fn on_all_threads(data: &[u8], frames: &[Frame], len: usize, out: &mut Output, job: &Job) -> Result<(), KernelError> {
    let mut room = out.reserve(len)?;
    let mut tasks = Vec::new();
    for frame in frames {
        let (place, rest) = room.split_at_mut(frame.len.unwrap_or(0) as usize);
        tasks.push((frame, place));
        room = rest;
    }
    tasks.into_par_iter().try_for_each(|(frame, place)| {
        let mut decoder = decoder(&data[frame.place.clone()]);
        for slice in place.chunks_mut(SLICE) {
            job.check()?;
            slice.fill(MaybeUninit::new(0));
            // SAFETY: it was just filled.
            let slice = unsafe { slice.assume_init_mut() };
            decoder.read_exact(slice).map_err(|error| damaged(frame, error))?;
        }
        // The frame's own checks come at its end.
        match decoder.read(&mut [0]) {
            Ok(0) => {}
            Ok(_) => return Err(damaged(frame, "it holds more than its header says")),
            Err(error) => return Err(damaged(frame, error)),
        }
        job.advance(frame.place.len() as u64);
        Ok(())
    })?;
    // SAFETY: `reserve` made room for so many bytes after the last, and the frames have filled all of it.
    unsafe { out.data.set_len(out.data.len() + len) };
    Ok(())
}

fn one_by_one(data: &[u8], frame: &Frame, out: &mut Output, job: &Job) -> Result<(), KernelError> {
    let mut decoder = decoder(&data[frame.place.clone()]);
    loop {
        job.check()?;
        let from = out.data.len();
        let mut surplus = [0];
        let room = match out.room(SLICE)? {
            [] => &mut surplus,
            room => room,
        };
        let count = decoder.read(room).map_err(|error| damaged(frame, error))?;
        out.keep(from, count)?;
        if count == 0 {
            job.advance(frame.place.len() as u64);
            return Ok(());
        }
    }
}

/// Reads a frame, and checks it at its end, which is not the crate's habit.
fn decoder(frame: &[u8]) -> StreamingDecoder<&[u8], FrameDecoder> {
    let mut decoder = StreamingDecoder::new(frame);
    decoder.decoder_mut().set_content_checksum(ContentChecksum::Verify);
    decoder
}

fn damaged(frame: &Frame, error: impl std::fmt::Display) -> KernelError {
    refuse(frame.place.start, format!("the zstd frame that begins here is damaged: {error}"))
}

fn why(error: &FrameSizeError) -> String {
    match error {
        FrameSizeError::Header(error) => format!("no zstd frame begins here: {error}"),
        FrameSizeError::Truncated => "the data ends in the zstd frame that begins here".into(),
        FrameSizeError::ReservedBlock => "the zstd frame that begins here has a block of no kind that is known".into(),
        FrameSizeError::OversizedBlock => {
            "the zstd frame that begins here has a block that is longer than it may be".into()
        }
    }
}
