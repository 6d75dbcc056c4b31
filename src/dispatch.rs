//! How jobs reach the lanes, how their ends come back, and how outputs are released: three rings and a few bells in shared memory.
//!
//! A *lane* runs one job at a time, with its own rayon pool: lane 0 on every core, the others, which are opened only when jobs would
//! wait behind a long one, on fewer. All lanes take from one ring. A lane takes a job only while all wider ones are busy, so that a job
//! that comes alone has every core.

use crate::bell::Bell;
use crate::control::{ControlBlock, ELSEWHERE, SLOTS};
use crate::ring::Ring;
use crate::sync::{AtomicU32, Ordering, const_fn};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Lanes that an instance can have.
pub const LANES: usize = if cfg!(loom) { 2 } else { 64 };

/// Numbers in a ring: more than there are slots, because a slot that is used again may still stand in the ring from before.
pub const RING: usize = 2 * SLOTS;

/// A lane that was never opened, or was closed.
pub const ABSENT: u32 = 0;
/// A lane that looks for work or sleeps.
pub const IDLE: u32 = 1;
/// A lane that runs a job.
pub const BUSY: u32 = 2;

/// What everybody may know of a lane.
#[repr(C, align(64))]
pub struct Lane {
    pub(crate) state: AtomicU32,
    /// The slot of its job, while it is busy.
    slot: AtomicU32,
    pub(crate) bell: Bell,
    /// Jobs that it has run.
    jobs: AtomicU32,
    /// 1 when it must end.
    pub(crate) stop: AtomicU32,
    /// Milliseconds that it has spent on jobs, as the bits of an f64.
    busy: AtomicU64,
}

/// Byte offsets of a lane's words, for the TypeScript end.
pub const LANE_FIELDS: &[(&str, usize)] = &[
    ("state", std::mem::offset_of!(Lane, state)),
    ("slot", std::mem::offset_of!(Lane, slot)),
    ("bell", std::mem::offset_of!(Lane, bell)),
    ("jobs", std::mem::offset_of!(Lane, jobs)),
    ("stop", std::mem::offset_of!(Lane, stop)),
    ("busy", std::mem::offset_of!(Lane, busy)),
];

/// Everything that the caller's thread and the lanes share but the control blocks.
#[repr(C)]
pub struct Dispatch {
    /// Slots of jobs that are ready.
    pub(crate) ready: Ring<RING>,
    /// Slots of jobs that have ended, for the caller's thread.
    pub(crate) ended: Ring<RING>,
    /// Ids of jobs whose lent outputs their callers have done with.
    pub(crate) released: Ring<RING>,
    /// Wakes the caller's thread.
    pub(crate) caller: Bell,
    /// Microseconds for which a lane without work looks for more before it sleeps; written by the caller's thread.
    spin: AtomicU32,
    pub(crate) lanes: [Lane; LANES],
}

/// Byte offsets in a [`Dispatch`], for the TypeScript end.
pub const DISPATCH_FIELDS: &[(&str, usize)] = &[
    ("ready", std::mem::offset_of!(Dispatch, ready)),
    ("ended", std::mem::offset_of!(Dispatch, ended)),
    ("released", std::mem::offset_of!(Dispatch, released)),
    ("caller", std::mem::offset_of!(Dispatch, caller)),
    ("spin", std::mem::offset_of!(Dispatch, spin)),
    ("lanes", std::mem::offset_of!(Dispatch, lanes)),
];

/// A sleep is never longer than this, so that a lost wake-up costs a delay and not a job.
const SLEEP_MS: u32 = 500;

/// After a job of at least so many milliseconds a lane that leaves others waiting wakes the next lane for them.
const WORTH_WAKING_MS: f64 = 0.02;

impl Lane {
    const_fn! {
        fn new() -> Self {
            Self {
                state: AtomicU32::new(ABSENT),
                slot: AtomicU32::new(0),
                bell: Bell::new(),
                jobs: AtomicU32::new(0),
                stop: AtomicU32::new(0),
                busy: AtomicU64::new(0),
            }
        }
    }
}

impl Dispatch {
    const_fn! {
        pub(crate) fn new() -> Self {
            Self {
                ready: Ring::new(),
                ended: Ring::new(),
                released: Ring::new(),
                caller: Bell::new(),
                spin: AtomicU32::new(0),
                #[cfg(not(loom))]
                lanes: [const { Lane::new() }; LANES],
                #[cfg(loom)]
                lanes: std::array::from_fn(|_| Lane::new()),
            }
        }
    }

    /// The one that the caller's thread sees.
    #[cfg(not(loom))]
    pub fn shared() -> &'static Self {
        static SHARED: Dispatch = Dispatch::new();
        &SHARED
    }
}

impl Dispatch {
    /// Queues a job whose turn is published, and sees that a lane takes it; `false` when the ring is full.
    pub fn submit(&self, slot: usize) -> bool {
        self.ready.push(slot as u32) && {
            self.wake(0);
            true
        }
    }

    /// Wakes the widest lane from `first` on that has nothing to do.
    fn wake(&self, first: usize) {
        let idle = self.lanes[first..].iter().find(|lane| lane.state.load(Ordering::SeqCst) != BUSY);
        if let Some(lane) = idle {
            lane.bell.ring();
        }
    }

    /// Gives a job's block back to the caller's thread, which hears of it now, unless its end goes `elsewhere`.
    #[cfg_attr(not(all(target_family = "wasm", feature = "threads")), allow(dead_code))]
    pub(crate) fn conclude(&self, control: &ControlBlock, slot: usize, now: f64, outcome: &str) {
        control.ended(now, outcome);
        control.turn().end();
        if outcome != ELSEWHERE {
            self.tell(slot);
        }
    }

    /// A job has ended: the caller's thread is to hear of it.
    pub fn tell(&self, slot: usize) {
        // Each slot is in this ring at most once, so it cannot be full.
        self.ended.push(slot as u32);
        self.caller.ring();
    }

    /// Whether lane `me` may take a job: there is one, and no wider lane is free for it.
    fn mine(&self, me: usize) -> bool {
        !self.ready.is_empty() && self.lanes[..me].iter().all(|wider| wider.state.load(Ordering::SeqCst) == BUSY)
    }

    /// Runs jobs on the current thread until the lane is told to stop. `run` takes a slot; `clock` gives milliseconds.
    pub fn serve(&self, me: usize, run: impl Fn(usize), clock: impl Fn() -> f64) {
        let lane = &self.lanes[me];
        lane.state.store(IDLE, Ordering::SeqCst);
        let mut last = 0.0;
        let mut idle_since = clock();
        while lane.stop.load(Ordering::SeqCst) == 0 {
            if self.mine(me)
                && let Some(slot) = self.ready.pop()
            {
                lane.slot.store(slot, Ordering::SeqCst);
                lane.state.store(BUSY, Ordering::SeqCst);
                if last >= WORTH_WAKING_MS && !self.ready.is_empty() {
                    self.wake(me + 1);
                }
                let began = clock();
                run(slot as usize);
                idle_since = clock();
                last = idle_since - began;
                lane.busy.store((f64::from_bits(lane.busy.load(Relaxed)) + last).to_bits(), Relaxed);
                lane.jobs.fetch_add(1, Relaxed);
                lane.state.store(IDLE, Ordering::SeqCst);
                continue;
            }
            // Only the widest lane waits awake: it has the next job, and one core is enough to wait with.
            if me == 0 && (clock() - idle_since) * 1000.0 < f64::from(self.spin.load(Relaxed)) {
                for _ in 0..32 {
                    std::hint::spin_loop();
                }
                continue;
            }
            lane.bell.sleep(SLEEP_MS, || !self.mine(me) && lane.stop.load(Ordering::SeqCst) == 0);
            idle_since = clock();
        }
        lane.state.store(ABSENT, Ordering::SeqCst);
    }
}

#[cfg(all(test, not(loom), not(target_family = "wasm")))]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    fn clock() -> f64 {
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        START.elapsed().as_secs_f64() * 1000.0
    }

    fn stop(dispatch: &Dispatch) {
        for lane in &dispatch.lanes {
            lane.stop.store(1, Ordering::SeqCst);
            lane.bell.ring();
        }
    }

    #[test]
    fn every_job_runs_once_and_its_end_is_told_once() {
        const JOBS: u32 = 20_000;
        let (dispatch, ran) = (Dispatch::new(), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for me in 0..3 {
                let (dispatch, ran) = (&dispatch, &ran);
                let run = move |slot| {
                    ran.lock().unwrap().push(slot as u32);
                    dispatch.tell(slot);
                };
                scope.spawn(move || dispatch.serve(me, run, clock));
            }
            let (mut told, mut next) = (0, 0);
            while told < JOBS {
                while next < JOBS && next - told < SLOTS as u32 && dispatch.submit(next as usize) {
                    next += 1;
                }
                dispatch.caller.sleep(100, || dispatch.ended.is_empty());
                while dispatch.ended.pop().is_some() {
                    told += 1;
                }
            }
            stop(&dispatch);
        });
        let mut ran = ran.into_inner().unwrap();
        ran.sort_unstable();
        assert!(ran.into_iter().eq(0..JOBS));
    }

    #[test]
    fn a_job_behind_a_long_one_is_taken_by_the_next_lane() {
        let dispatch = Dispatch::new();
        let ended = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for me in 0..2 {
                let (dispatch, ended) = (&dispatch, &ended);
                let run = move |slot| {
                    if slot == 0 {
                        std::thread::sleep(Duration::from_millis(200));
                    }
                    ended.lock().unwrap().push((me, slot));
                    dispatch.tell(slot);
                };
                scope.spawn(move || dispatch.serve(me, run, clock));
            }
            while dispatch.lanes.iter().filter(|lane| lane.state.load(Ordering::SeqCst) == IDLE).count() < 2 {
                std::thread::yield_now();
            }
            dispatch.submit(0);
            while dispatch.lanes[0].state.load(Ordering::SeqCst) != BUSY {
                std::thread::yield_now();
            }
            dispatch.submit(1);
            while ended.lock().unwrap().len() < 2 {
                std::thread::yield_now();
            }
            stop(&dispatch);
        });
        assert_eq!(*ended.lock().unwrap(), [(1, 1), (0, 0)]);
    }
}
