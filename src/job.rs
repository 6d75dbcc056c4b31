//! A job as its kernel sees it: the only things that a kernel may do to the outside.

use crate::control::ControlBlock;
use crate::error::Cancelled;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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

#[derive(Clone)]
enum Control {
    Slot(&'static ControlBlock),
    Own(Arc<ControlBlock>),
    Stage(Arc<Stage>),
}

/// A part of a job that is a kernel's whole job: it has a progress of its own, of which the job's is made.
struct Stage {
    job: Control,
    own: ControlBlock,
    /// Units of the job that the stage is.
    units: u64,
    /// Those of them that the job has been told of.
    told: AtomicU64,
}

impl Control {
    fn block(&self) -> &ControlBlock {
        match self {
            Self::Slot(block) => block,
            Self::Own(block) => block,
            Self::Stage(stage) => &stage.own,
        }
    }

    fn advance(&self, units: u64) {
        self.block().advance(units);
        let Self::Stage(stage) = self else {
            #[cfg(all(target_family = "wasm", not(feature = "threads")))]
            if let Self::Slot(_) = self {
                crate::boundary::look();
            }
            return;
        };
        let (done, total) = stage.own.progress();
        stage.tell((u128::from(stage.units) * u128::from(done.min(total)) / u128::from(total.max(1))) as u64);
    }

    fn check(&self) -> Result<(), Cancelled> {
        #[cfg(all(target_family = "wasm", feature = "threads"))]
        if let Self::Slot(block) = self {
            crate::busy::seen(block.id(), || crate::boundary::now());
        }
        #[cfg(all(target_family = "wasm", not(feature = "threads")))]
        if let Self::Slot(_) = self {
            crate::boundary::look();
        }
        if let Self::Stage(stage) = self {
            stage.job.check()?;
        }
        if self.block().cancel_requested() { Err(Cancelled) } else { Ok(()) }
    }
}

impl Stage {
    /// Tells the job that so many of the stage's units are done in all. Relaxed: each unit is told once, whichever thread does it.
    fn tell(&self, units: u64) {
        let before = self.told.fetch_max(units, Relaxed);
        if units > before {
            self.job.advance(units - before);
        }
    }
}

impl<P> Job<P> {
    /// A job without a host: progress can be read, parts are dropped. For tests and native callers.
    pub fn detached() -> Self {
        Self { control: Control::Own(Arc::default()), sink: Box::new(|_, _| {}) }
    }

    /// A job without a host whose parts go, each with its number, to `sink`, which any thread may call.
    pub fn with_parts(sink: impl Fn(u32, P) + Send + Sync + 'static) -> Self {
        let control = Arc::<ControlBlock>::default();
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
        self.control.advance(units);
    }

    /// Whether to go on: `Err(Cancelled)` once the job is cancelled or past its deadline.
    ///
    /// One relaxed atomic load. Call it at least once per millisecond of work on each thread.
    pub fn check(&self) -> Result<(), Cancelled> {
        self.control.check()
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

    /// Tells that the output will have an array of so many bytes, as soon as that is known: a hint, which nothing but speed depends on.
    ///
    /// Outputs are copied for JavaScript, unless their callers want them where they lie, and most of the time for that goes into the operating
    /// system finding fresh memory (0.1 to 0.6 ms a MiB). Told early, the host does that while the kernel works.
    ///
    /// ```
    /// use loomwork::{Array, Job};
    /// let job = Job::<()>::detached();
    /// job.will_return(8 << 20);
    /// let output = Array::from(vec![0_u8; 8 << 20]);
    /// assert_eq!(output.len(), 8 << 20);
    /// ```
    pub fn will_return(&self, bytes: usize) {
        #[cfg(all(target_family = "wasm", feature = "threads"))]
        if let Control::Slot(block) = self.control {
            crate::boundary::make_room(block, bytes);
        }
        let _ = bytes;
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
        self.control.block()
    }

    /// Runs a part of this job that is a whole job to what does it: another kernel. It stops when this job does, its progress fills
    /// `units` of this job's, and its parts are dropped.
    ///
    /// ```
    /// use loomwork::{Cancelled, Job};
    /// let job = Job::<()>::detached();
    /// job.set_total(100);
    /// job.stage(60, |stage: &Job| {
    ///     stage.set_total(3);
    ///     stage.advance(1);
    ///     assert_eq!(job.progress(), (20, 100));
    ///     Ok::<(), Cancelled>(())
    /// })?;
    /// assert_eq!(job.progress(), (60, 100));
    /// # Ok::<(), Cancelled>(())
    /// ```
    ///
    /// # Errors
    /// Those of `run`; the stage's progress then stays where it is.
    pub fn stage<Q, R, E>(&self, units: u64, run: impl FnOnce(&Job<Q>) -> Result<R, E>) -> Result<R, E> {
        let own = ControlBlock::default();
        let stage = Arc::new(Stage { job: self.control.clone(), own, units, told: AtomicU64::new(0) });
        let result = run(&Job { control: Control::Stage(stage.clone()), sink: Box::new(|_, _| {}) })?;
        stage.tell(units);
        Ok(result)
    }
}

#[cfg(all(test, not(target_family = "wasm"), not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_stage_stops_with_its_job_and_fills_its_share() {
        let job = Job::<()>::detached();
        job.set_total(20);
        let ended = job.stage(10, |stage: &Job<u8>| {
            stage.set_total(1000);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..125).for_each(|_| stage.advance(1)));
                }
            });
            assert_eq!((stage.progress(), job.progress()), ((500, 1000), (5, 20)));
            stage.emit(0, || unreachable!("nobody wants its parts"));
            // Stages inside of stages.
            stage.stage(500, |inner: &Job| {
                inner.set_total(2);
                inner.advance(1);
                assert_eq!(job.progress(), (7, 20));
                job.control().request_cancel();
                inner.check()
            })
        });
        assert_eq!((ended, job.progress()), (Err(Cancelled), (7, 20)));
    }

    #[test]
    fn a_stage_without_a_total_is_told_at_its_end() {
        let job = Job::<()>::detached();
        job.set_total(2);
        job.stage(1, |stage: &Job| stage.check()).unwrap();
        assert_eq!(job.progress(), (1, 2));
    }
}
