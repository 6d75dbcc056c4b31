//! The control block: the few words of shared memory through which a job and its caller see each other.
//!
//! A fixed table of blocks lies in the instance's memory. The caller's thread owns the slots: it takes a free one for a job, writes
//! the job's params into it when they are small, reads progress from it and writes `cancel` to it, at any moment and without a
//! message. Exactly one lane claims the job ([`Turn::claim`]) and writes how it ended. TypeScript's offsets are generated from
//! [`FIELDS`].

use crate::place;
use crate::sync::{AtomicU32, Ordering::Relaxed, Ordering::SeqCst, UnsafeCell, const_fn};
use std::sync::atomic::AtomicU64;

/// Blocks in the table: how many jobs one instance can hold at once.
pub const SLOTS: usize = if cfg!(loom) { 2 } else { 1024 };

/// Bytes of params or output that fit into a block, with the places of their arrays; what is larger goes through the coordinator.
pub const PAYLOAD: usize = 440;

/// Whose turn it is at a block. The one state machine that every job inside an instance goes through.
#[repr(C)]
#[derive(Debug)]
pub struct Turn(pub(crate) AtomicU32);

/// The block is the caller's.
pub const FREE: u32 = 0;
/// The job may be claimed by a lane.
pub const READY: u32 = 1;
/// A lane runs it.
pub const RUNNING: u32 = 2;
/// It has ended, and how stands in the block or comes through the coordinator.
pub const ENDED: u32 = 3;

impl Turn {
    const_fn! {
        fn new() -> Self {
            Self(AtomicU32::new(FREE))
        }
    }

    /// Offers the job to the lanes: everything that it needs is in its place.
    pub fn publish(&self) {
        self.0.store(READY, SeqCst);
    }

    /// Takes the job; `false` when it is not there to be taken. At most one of all who try gets it.
    pub fn claim(&self) -> bool {
        self.0.compare_exchange(READY, RUNNING, SeqCst, SeqCst).is_ok()
    }

    /// Gives the block back: everything about the end is in its place.
    pub fn end(&self) {
        self.0.store(ENDED, SeqCst);
    }
}

/// One job's words, in cache lines of their own.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct ControlBlock {
    /// Units done so far.
    done: AtomicU64,
    /// Units in all; 0 until the kernel has said.
    total: AtomicU64,
    /// When the kernel began and ended: milliseconds since 1970, as the bits of an f64.
    started: AtomicU64,
    ended: AtomicU64,
    pub(crate) turn: Turn,
    /// Not 0 once the job must stop; written by the caller's thread. See [`CANCEL_REQUESTED`].
    pub(crate) cancel: AtomicU32,
    /// 1 from when somebody wants the job's parts; written by the caller's thread. Until then none are made.
    streaming: AtomicU32,
    /// 1 when the caller wants to read the output where it lies; written by the caller's thread.
    lend: AtomicU32,
    /// The job's number, by which its events are known.
    pub(crate) id: AtomicU32,
    /// Which kernel of the registry, when the params are in `payload`; [`PREPARED`] when the coordinator has decoded them.
    pub(crate) kernel: AtomicU32,
    /// How it ended: one of [`OUTCOMES`].
    pub(crate) outcome: AtomicU32,
    /// Bytes of MessagePack in `payload`.
    pub(crate) length: AtomicU32,
    /// Arrays whose places stand behind it (`src/place.rs`).
    pub(crate) arrays: AtomicU32,
    /// The lane that ran it.
    lane: AtomicU32,
    /// Params or output as MessagePack, then the places of their arrays. Whose turn it is may touch it, nobody else.
    pub(crate) payload: UnsafeCell<[u8; PAYLOAD]>,
}

// SAFETY: all but `payload` is atomic; `payload` is touched by whoever holds the turn: JavaScript before `publish`, the one lane whose
// `claim` was granted until `end`, JavaScript after it.
unsafe impl Sync for ControlBlock {}

/// The value of `cancel` that asks a kernel to stop.
pub const CANCEL_REQUESTED: u32 = 1;

/// The value of `kernel` of a job whose params the coordinator has decoded.
pub const PREPARED: u32 = u32::MAX;

/// How a job can end, by the number in `outcome`: with its output or its failure in `payload`, cancelled, or with news that the
/// coordinator passes on.
pub const OUTCOMES: &[&str] = &["done", "failed", "cancelled", ELSEWHERE];

/// The outcome of a job whose end comes through the coordinator.
pub(crate) const ELSEWHERE: &str = "elsewhere";

/// Name, byte offset and width in bytes of each field, for the TypeScript view.
pub const FIELDS: &[(&str, usize, usize)] = &[
    ("done", std::mem::offset_of!(ControlBlock, done), 8),
    ("total", std::mem::offset_of!(ControlBlock, total), 8),
    ("started", std::mem::offset_of!(ControlBlock, started), 8),
    ("ended", std::mem::offset_of!(ControlBlock, ended), 8),
    ("turn", std::mem::offset_of!(ControlBlock, turn), 4),
    ("cancel", std::mem::offset_of!(ControlBlock, cancel), 4),
    ("streaming", std::mem::offset_of!(ControlBlock, streaming), 4),
    ("lend", std::mem::offset_of!(ControlBlock, lend), 4),
    ("id", std::mem::offset_of!(ControlBlock, id), 4),
    ("kernel", std::mem::offset_of!(ControlBlock, kernel), 4),
    ("outcome", std::mem::offset_of!(ControlBlock, outcome), 4),
    ("length", std::mem::offset_of!(ControlBlock, length), 4),
    ("arrays", std::mem::offset_of!(ControlBlock, arrays), 4),
    ("lane", std::mem::offset_of!(ControlBlock, lane), 4),
    ("payload", std::mem::offset_of!(ControlBlock, payload), PAYLOAD),
];

// Relaxed but for the turn: these words carry no data with them, and the turn orders everything that was written before it.
impl ControlBlock {
    const_fn! {
        /// A block of a job that has not begun.
        pub fn new() -> Self {
            Self {
                done: AtomicU64::new(0),
                total: AtomicU64::new(0),
                started: AtomicU64::new(0),
                ended: AtomicU64::new(0),
                turn: Turn::new(),
                cancel: AtomicU32::new(0),
                streaming: AtomicU32::new(0),
                lend: AtomicU32::new(0),
                id: AtomicU32::new(0),
                // Zeros all over: a table of them takes no room in the wasm file.
                kernel: AtomicU32::new(0),
                outcome: AtomicU32::new(0),
                length: AtomicU32::new(0),
                arrays: AtomicU32::new(0),
                lane: AtomicU32::new(0),
                payload: UnsafeCell::new([0; PAYLOAD]),
            }
        }
    }

    /// The table that the caller's thread sees.
    #[cfg(not(loom))]
    pub fn table() -> &'static [ControlBlock; SLOTS] {
        static TABLE: [ControlBlock; SLOTS] = [const { ControlBlock::new() }; SLOTS];
        &TABLE
    }

    /// Whose turn it is.
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Asks the job to stop at its next check.
    pub fn request_cancel(&self) {
        self.cancel.store(CANCEL_REQUESTED, Relaxed);
    }

    /// Whether the job was asked to stop.
    pub fn cancel_requested(&self) -> bool {
        self.cancel.load(Relaxed) != 0
    }

    /// Asks for the job's parts, from now on.
    pub fn request_parts(&self) {
        self.streaming.store(1, Relaxed);
    }

    pub(crate) fn streaming(&self) -> bool {
        self.streaming.load(Relaxed) != 0
    }

    /// `(done, total)` in the kernel's units.
    pub fn progress(&self) -> (u64, u64) {
        (self.done.load(Relaxed), self.total.load(Relaxed))
    }

    pub(crate) fn set_total(&self, units: u64) {
        self.total.store(units, Relaxed);
    }

    pub(crate) fn advance(&self, units: u64) {
        self.done.fetch_add(units, Relaxed);
    }
}

/// What a lane and the coordinator do with a block of a hosted job.
#[cfg_attr(not(all(target_family = "wasm", feature = "threads")), allow(dead_code))]
impl ControlBlock {
    pub(crate) fn lends(&self) -> bool {
        self.lend.load(Relaxed) != 0
    }

    pub(crate) fn id(&self) -> u32 {
        self.id.load(Relaxed)
    }

    pub(crate) fn kernel(&self) -> u32 {
        self.kernel.load(Relaxed)
    }

    pub(crate) fn began(&self, lane: usize, now: f64) {
        self.lane.store(lane as u32, Relaxed);
        self.started.store(now.to_bits(), Relaxed);
    }

    pub(crate) fn ended(&self, now: f64, outcome: &str) {
        self.ended.store(now.to_bits(), Relaxed);
        let number = OUTCOMES.iter().position(|&known| known == outcome).expect("a known outcome");
        self.outcome.store(number as u32, Relaxed);
    }

    /// Lets `read` see the params that the caller wrote: their MessagePack, and what stands behind it: the places of so many arrays.
    ///
    /// # Safety
    /// The turn is the caller's of this function.
    pub(crate) unsafe fn params<R>(&self, read: impl FnOnce(&[u8], &[u8], usize) -> R) -> R {
        let length = (self.length.load(Relaxed) as usize).min(PAYLOAD);
        let arrays = self.arrays.load(Relaxed) as usize;
        self.payload.with(|payload| {
            // SAFETY: nobody else touches the payload while the turn is ours.
            let payload = unsafe { &*payload };
            read(&payload[..length], &payload[place::after(length).min(PAYLOAD)..], arrays)
        })
    }

    /// Lets `write` fill the payload with an answer, as [`params`](Self::params) are.
    ///
    /// # Safety
    /// The turn is the caller's of this function.
    pub(crate) unsafe fn answer<E>(&self, write: impl FnOnce(&mut [u8]) -> Result<Written, E>) -> Result<Written, E> {
        // SAFETY: nobody else touches the payload while the turn is ours.
        let written = self.payload.with_mut(|payload| write(unsafe { &mut *payload }))?;
        self.length.store(written.length as u32, Relaxed);
        self.arrays.store(written.arrays as u32, Relaxed);
        Ok(written)
    }
}

/// What was written into a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes of MessagePack.
    pub(crate) length: usize,
    /// Arrays that it refers to, whose places stand behind it.
    pub(crate) arrays: usize,
    /// Bytes of those arrays, where they lie.
    #[cfg_attr(not(all(target_family = "wasm", feature = "threads")), allow(dead_code))]
    pub(crate) bytes: usize,
}

impl Default for ControlBlock {
    fn default() -> Self {
        Self::new()
    }
}
