//! Zstandard (RFC 8878) in frames, by `structured-zstd`: for [`compress`](super::compress) and [`decompress`](super::decompress).

use super::decompress::{Output, Part, Step, refuse};
use crate::{Array, Job, KernelError};
use rayon::prelude::*;
use std::io::Read;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;
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

/// A frame of a file.
#[derive(Clone)]
struct Frame {
    place: Range<usize>,
    /// The bytes that it holds, if it says so.
    len: Option<u64>,
}

/// Reads a file: all of its frames, on all threads if each says how long it is.
pub(super) fn decompress(data: &[u8], out: &mut Output, job: &Job) -> Result<(), KernelError> {
    let frames = frames(data, job)?;
    match told(&frames, out) {
        Some(parts) => {
            job.will_return(parts.iter().map(|part| part.len).sum());
            read_parts(data, 0, &parts, out, job)
        }
        None => frames.iter().try_for_each(|frame| {
            let mut open = OpenFrame::of(frame, &data[frame.place.clone()], None);
            while !open.step(out, job)?.ended {}
            Ok(())
        }),
    }
}

/// The frames of a file, if there are several and each says what it holds, which may come out.
pub(super) fn parts(data: &[u8], out: &Output) -> Result<Option<Vec<Part>>, KernelError> {
    Ok(told(&frames(data, &Job::detached())?, out))
}

/// The frames of a file, but for those that are to be passed over.
fn frames(data: &[u8], job: &Job) -> Result<Vec<Frame>, KernelError> {
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
    Ok(frames)
}

/// Several frames, if each says what it holds and that may come out: then it must be so.
fn told(frames: &[Frame], out: &Output) -> Option<Vec<Part>> {
    let lens = frames.iter().map(|frame| frame.len).collect::<Option<Vec<u64>>>()?;
    let len = lens.iter().copied().try_fold(0, u64::checked_add)?;
    let part = |(frame, len): (&Frame, u64)| Part { place: frame.place.clone(), len: len as usize, is_end: true };
    (frames.len() > 1 && len <= out.left()).then(|| frames.iter().zip(lens).map(part).collect())
}

/// A file that is read step by step.
pub(super) struct Reader {
    data: Arc<Array<u8>>,
    frames: std::vec::IntoIter<Frame>,
    /// Whether each frame must hold what it says.
    told: bool,
    frame: Option<OpenFrame<Source>>,
}

impl Reader {
    pub fn of(data: &Arc<Array<u8>>, out: &mut Output, job: &Job) -> Result<Self, KernelError> {
        let frames = frames(data, job)?;
        let parts = told(&frames, out);
        out.reserve(parts.iter().flatten().map(|part| part.len).sum())?;
        Ok(Self { data: data.clone(), frames: frames.into_iter(), told: parts.is_some(), frame: None })
    }

    pub fn step(&mut self, out: &mut Output, job: &Job) -> Result<Step, KernelError> {
        let mut frame = match self.frame.take() {
            Some(frame) => frame,
            None => {
                let Some(frame) = self.frames.next() else { return Ok(Step { bytes: 0, ended: true }) };
                let source = Source { data: self.data.clone(), place: frame.place.clone() };
                OpenFrame::of(&frame, source, frame.len.filter(|_| self.told))
            }
        };
        let step = frame.step(out, job)?;
        if !step.ended {
            self.frame = Some(frame);
        }
        Ok(Step { ended: false, ..step })
    }
}

/// The bytes of a frame, for a decoder that outlives the turn in which it was made.
struct Source {
    data: Arc<Array<u8>>,
    place: Range<usize>,
}

impl Read for Source {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let count = (&self.data[self.place.clone()]).read(to)?;
        self.place.start += count;
        Ok(count)
    }
}

/// A frame that is read step by step.
struct OpenFrame<R: Read> {
    frame: Frame,
    decoder: StreamingDecoder<R, FrameDecoder>,
    /// The bytes that it must still hold, if it must hold so many.
    left: Option<u64>,
}

impl<R: Read> OpenFrame<R> {
    fn of(frame: &Frame, source: R, left: Option<u64>) -> Self {
        Self { frame: frame.clone(), decoder: decoder(source), left }
    }

    fn step(&mut self, out: &mut Output, job: &Job) -> Result<Step, KernelError> {
        job.check()?;
        let frame = &self.frame;
        let from = out.data.len();
        let count = match &mut self.left {
            Some(0) => {
                ends(&mut self.decoder, frame.place.start)?;
                0
            }
            Some(left) => {
                let room = out.room(SLICE.min(*left as usize))?;
                self.decoder.read_exact(room).map_err(|error| damaged(frame.place.start, error))?;
                *left -= room.len() as u64;
                room.len()
            }
            None => {
                let mut surplus = [0];
                let room = match out.room(SLICE)? {
                    [] => &mut surplus,
                    room => room,
                };
                let count = self.decoder.read(room).map_err(|error| damaged(frame.place.start, error))?;
                out.keep(from, count)?;
                count
            }
        };
        if count == 0 {
            job.advance(frame.place.len() as u64);
        }
        Ok(Step { bytes: count, ended: count == 0 })
    }
}

/// Sees that the frame at `at` holds no more than it said. Its own checks come at its end.
fn ends<R: Read>(decoder: &mut StreamingDecoder<R, FrameDecoder>, at: usize) -> Result<(), KernelError> {
    match decoder.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(damaged(at, "it holds more than its header says")),
        Err(error) => Err(damaged(at, error)),
    }
}

/// Reads frames, on all threads: `data` is the file from `begin` on.
pub(super) fn read_parts(
    data: &[u8],
    begin: usize,
    frames: &[Part],
    out: &mut Output,
    job: &Job,
) -> Result<(), KernelError> {
    let len = frames.iter().map(|frame| frame.len).sum();
    let mut room = out.reserve(len)?;
    let mut tasks = Vec::new();
    for frame in frames {
        let (place, rest) = room.split_at_mut(frame.len);
        tasks.push((frame, place));
        room = rest;
    }
    tasks.into_par_iter().try_for_each(|(frame, place)| {
        let at = frame.place.start;
        let mut decoder = decoder(&data[at - begin..frame.place.end - begin]);
        for slice in place.chunks_mut(SLICE) {
            job.check()?;
            slice.fill(MaybeUninit::new(0));
            // SAFETY: it was just filled.
            let slice = unsafe { slice.assume_init_mut() };
            decoder.read_exact(slice).map_err(|error| damaged(at, error))?;
        }
        ends(&mut decoder, at)?;
        job.advance(frame.place.len() as u64);
        Ok::<(), KernelError>(())
    })?;
    // SAFETY: `reserve` made room for so many bytes after the last, and the frames have filled all of it.
    unsafe { out.data.set_len(out.data.len() + len) };
    Ok(())
}

/// Reads a frame, and checks it at its end, which is not the crate's habit.
fn decoder<R: Read>(frame: R) -> StreamingDecoder<R, FrameDecoder> {
    let mut decoder = StreamingDecoder::new(frame);
    decoder.decoder_mut().set_content_checksum(ContentChecksum::Verify);
    decoder
}

fn damaged(at: usize, error: impl std::fmt::Display) -> KernelError {
    refuse(at, format!("the zstd frame that begins here is damaged: {error}"))
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
