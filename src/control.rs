//! The control block: the few atomic words through which a running job and its caller see each other.
//!
//! A fixed table of blocks lies in the instance's memory. The caller's thread owns the slots: it takes a
//! free one for a job, reads progress from it and writes `cancel` to it with `Atomics`, at any moment
//! and without a message. The kernel's threads write progress and read `cancel`. TypeScript's offsets are
//! generated from [`FIELDS`].

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Blocks in the table: how many jobs one instance can hold at once.
pub const SLOTS: usize = 64;

/// One job's words. A cache line each, so that two jobs' counters never share one.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct ControlBlock {
    /// Units done so far.
    done: AtomicU64,
    /// Units in all; 0 until the kernel has said.
    total: AtomicU64,
    /// Not 0 once the job must stop; written by the caller's thread. See [`CANCEL_REQUESTED`].
    cancel: AtomicU32,
    /// 1 from when a thread has begun the kernel.
    started: AtomicU32,
    /// 1 from when somebody wants the job's parts; written by the caller's thread. Until then none are made.
    streaming: AtomicU32,
}

/// The value of `cancel` that asks a kernel to stop.
pub const CANCEL_REQUESTED: u32 = 1;

/// Name, byte offset and width in bytes of each field, for the TypeScript view.
pub const FIELDS: &[(&str, usize, usize)] = &[
    ("done", std::mem::offset_of!(ControlBlock, done), 8),
    ("total", std::mem::offset_of!(ControlBlock, total), 8),
    ("cancel", std::mem::offset_of!(ControlBlock, cancel), 4),
    ("started", std::mem::offset_of!(ControlBlock, started), 4),
    ("streaming", std::mem::offset_of!(ControlBlock, streaming), 4),
];

// Relaxed throughout: these words carry no data with them. A part or a result reaches the caller through
// the event queue's mutex and a message, which order everything that a kernel wrote before it.
impl ControlBlock {
    /// A block of a job that has not begun.
    pub const fn new() -> Self {
        Self {
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            cancel: AtomicU32::new(0),
            started: AtomicU32::new(0),
            streaming: AtomicU32::new(0),
        }
    }

    /// The table that the caller's thread sees.
    pub fn table() -> &'static [ControlBlock; SLOTS] {
        static TABLE: [ControlBlock; SLOTS] = [const { ControlBlock::new() }; SLOTS];
        &TABLE
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

    pub(crate) fn mark_started(&self) {
        self.started.store(1, Relaxed);
    }
}

impl Default for ControlBlock {
    fn default() -> Self {
        Self::new()
    }
}
