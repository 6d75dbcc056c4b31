//! A job as its kernel sees it: the only things that a kernel may do to the outside.

use crate::control::ControlBlock;
use crate::error::Cancelled;

/// One run of a kernel. Shared by all threads of the run.
///
/// `P` is the kernel's [`Part`](crate::Kernel::Part). Everything but [`emit`](Self::emit) is independent of it.
///
/// ```
/// use loomwork::{Cancelled, Job};
/// let job = Job::<()>::detached();
/// job.set_total(10);
/// for _ in 0..10 {
///     job.check()?;
///     job.advance(1);
/// }
/// assert_eq!(job.progress(), (10, 10));
/// # Ok::<(), Cancelled>(())
/// ```
pub struct Job<P = ()> {
    control: Control,
    sink: Box<dyn Fn(u32, P) + Send + Sync>,
}

enum Control {
    Slot(&'static ControlBlock),
    Own(Box<ControlBlock>),
}

impl<P> Job<P> {
    /// A job without a host: progress can be read, parts are dropped. For tests and native callers.
    pub fn detached() -> Self {
        Self { control: Control::Own(Box::default()), sink: Box::new(|_, _| {}) }
    }

    /// A job without a host whose parts go, each with its number, to `sink`, which any thread may call.
    pub fn with_parts(sink: impl Fn(u32, P) + Send + Sync + 'static) -> Self {
        let control = Box::<ControlBlock>::default();
        control.request_parts();
        Self { control: Control::Own(control), sink: Box::new(sink) }
    }

    /// A hosted job: its words lie where the caller's thread sees them.
    pub(crate) fn hosted(control: &'static ControlBlock, sink: impl Fn(u32, P) + Send + Sync + 'static) -> Self {
        Self { control: Control::Slot(control), sink: Box::new(sink) }
    }

    /// How many units of work the job has in all. Units are the kernel's own (rows, bytes, …).
    pub fn set_total(&self, units: u64) {
        self.control().set_total(units);
    }

    /// So many more units are done. Cheap enough for every row or tile, not for every element.
    pub fn advance(&self, units: u64) {
        self.control().advance(units);
        #[cfg(all(target_family = "wasm", not(feature = "threads")))]
        crate::boundary::tell_listener();
    }

    /// Whether to go on: `Err(Cancelled)` once the job is cancelled or past its deadline.
    ///
    /// One relaxed atomic load. Call it at least once per millisecond of work on each thread.
    pub fn check(&self) -> Result<(), Cancelled> {
        #[cfg(all(target_family = "wasm", feature = "threads"))]
        if let Control::Slot(block) = &self.control {
            crate::busy::seen(block.id(), || crate::boundary::now());
        }
        if self.control().cancel_requested() { Err(Cancelled) } else { Ok(()) }
    }

    /// Streams a partial result to the caller while the kernel goes on.
    ///
    /// `number` says which part it is, the same in every run of the same job: a job that must run again after a crash of its neighbour
    /// so gives its caller no part twice. `part` is called only when somebody wants parts, so that a job whose parts nobody reads pays
    /// nothing.
    pub fn emit(&self, number: u32, part: impl FnOnce() -> P) {
        if self.control().streaming() {
            (self.sink)(number, part());
        }
    }

    /// `(done, total)` so far.
    pub fn progress(&self) -> (u64, u64) {
        self.control().progress()
    }

    /// Threads that this job's rayon calls run on.
    pub fn threads(&self) -> usize {
        rayon::current_num_threads()
    }

    /// The job's control block: to cancel it from another thread, or to read its progress.
    pub fn control(&self) -> &ControlBlock {
        match &self.control {
            Control::Slot(block) => block,
            Control::Own(block) => block,
        }
    }
}
