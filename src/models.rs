//! Models of what happens between the caller's thread, the lanes and the coordinator: each protocol is run in every order that the memory
//! model allows, by [loom](https://docs.rs/loom). A wake-up that is lost is a deadlock, a word that two touch at once is a race, an
//! assertion that fails in one order fails the model.
//!
//! The Rust side is the code itself. JavaScript's side stands in [`js`], in the order of operations of the files that it names: what
//! TypeScript reads and writes without `Atomics` is relaxed here.
//!
//! ```sh
//! ./build.sh test models
//! ```

use crate::bell::Bell;
use crate::control::{CANCEL_REQUESTED, ControlBlock, ELSEWHERE, FREE, OUTCOMES, PREPARED, READY, Written};
use crate::dispatch::{Dispatch, LANES};
use crate::kept::{Kept, MOST};
use crate::ring::Ring;
use crate::sync::{AtomicU32, Ordering::Relaxed, Ordering::SeqCst};
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::collections::VecDeque;

/// Runs a model in every order with at most so many preemptions: threads of these protocols meet in a few places, and a mistake shows with
/// two or three.
fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    builder.check(model);
}

/// What JavaScript does on the caller's thread.
mod js {
    use super::*;

    /// `Ring.push` in `www/host/main/ring.ts`.
    pub(super) fn push<const N: usize>(ring: &Ring<N>, value: u32) -> bool {
        loop {
            let at = ring.tail.load(SeqCst);
            let cell = &ring.cells[at as usize % N];
            let ahead = cell.turn.load(SeqCst).wrapping_sub(at) as i32;
            if ahead < 0 {
                return false;
            }
            if ahead == 0 && ring.tail.compare_exchange(at, at.wrapping_add(1), SeqCst, SeqCst).is_ok() {
                cell.value.store(value, Relaxed);
                cell.turn.store(at.wrapping_add(1), SeqCst);
                return true;
            }
        }
    }

    /// `Ring.pop`.
    pub(super) fn pop<const N: usize>(ring: &Ring<N>) -> Option<u32> {
        loop {
            let at = ring.head.load(SeqCst);
            let cell = &ring.cells[at as usize % N];
            let ahead = cell.turn.load(SeqCst).wrapping_sub(at.wrapping_add(1)) as i32;
            if ahead < 0 {
                return None;
            }
            if ahead == 0 && ring.head.compare_exchange(at, at.wrapping_add(1), SeqCst, SeqCst).is_ok() {
                let value = cell.value.load(Relaxed);
                cell.turn.store(at.wrapping_add(N as u32), SeqCst);
                return Some(value);
            }
        }
    }

    /// `ControlTable.clear` in `www/host/shared/control.ts`.
    pub(super) fn clear(block: &ControlBlock, id: u32) {
        block.cancel.store(0, Relaxed);
        block.id.store(id, Relaxed);
        block.kernel.store(PREPARED, Relaxed);
        block.turn.0.store(FREE, SeqCst);
    }

    /// `ControlTable.publish`.
    pub(super) fn publish(block: &ControlBlock, params: u8) {
        block.kernel.store(0, Relaxed);
        block.length.store(1, Relaxed);
        // SAFETY: the model reports whoever else touches it.
        block.payload.with_mut(|payload| unsafe { (*payload)[0] = params });
        block.turn.0.store(READY, SeqCst);
    }

    /// `ControlTable.free`.
    pub(super) fn free(block: &ControlBlock) {
        block.turn.0.store(FREE, SeqCst);
    }

    /// `ControlTable.cancel`.
    pub(super) fn cancel(block: &ControlBlock) {
        block.cancel.store(CANCEL_REQUESTED, SeqCst);
    }

    /// `ThreadsEngine.submit` in `www/host/main/threads.ts`, of a small job.
    pub(super) fn submit(inside: &Inside, slot: usize, id: u32, params: u8) {
        clear(&inside.blocks[slot], id);
        publish(&inside.blocks[slot], params);
        assert!(push(&inside.dispatch.ready, slot as u32));
    }

    /// `ThreadsEngine.#wakeLanes`: a lane that has been busy only for a moment sees the job itself, so behind it nobody is woken.
    pub(super) fn wake_lanes(dispatch: &Dispatch) {
        if dispatch.ready.is_empty() {
            return;
        }
        if dispatch.lanes[0].state.load(SeqCst) != crate::dispatch::BUSY {
            dispatch.lanes[0].bell.ring();
        }
    }

    /// `ThreadsEngine.#collect` and `#takeEnd`: each end that is there, as slot, outcome and answer.
    pub(super) fn collect(inside: &Inside, ends: &mut Vec<(usize, &'static str, u8)>) {
        while let Some(slot) = pop(&inside.dispatch.ended) {
            let block = &inside.blocks[slot as usize];
            let outcome = OUTCOMES[block.outcome.load(Relaxed) as usize];
            // SAFETY: as for `publish`.
            let answer = block.payload.with(|payload| unsafe { (*payload)[0] });
            ends.push((slot as usize, outcome, answer));
        }
    }

    /// `ThreadsEngine.#sleep`, until so many jobs have ended.
    pub(super) fn sleep_until(inside: &Inside, count: usize) -> Vec<(usize, &'static str, u8)> {
        let mut ends = Vec::new();
        while ends.len() < count {
            inside.dispatch.caller.sleep(500, || inside.dispatch.ended.is_empty());
            collect(inside, &mut ends);
        }
        ends.sort_unstable();
        ends
    }

    /// The way in which `ThreadsEngine.close` ends its lanes.
    pub(super) fn stop(dispatch: &Dispatch, lanes: usize) {
        for lane in &dispatch.lanes[..lanes] {
            lane.stop.store(1, SeqCst);
            lane.bell.ring();
        }
    }
}

/// What the threads of an instance share.
struct Inside {
    dispatch: Dispatch,
    blocks: [ControlBlock; 2],
    /// How often each slot's job was run.
    runs: [AtomicU32; 2],
    /// Ends that go through the coordinator, and its bell (`src/boundary.rs`).
    events: Mutex<VecDeque<usize>>,
    coordinator: Bell,
}

impl Inside {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            dispatch: Dispatch::new(),
            blocks: [ControlBlock::new(), ControlBlock::new()],
            runs: [AtomicU32::new(0), AtomicU32::new(0)],
            events: Mutex::new(VecDeque::new()),
            coordinator: Bell::new(),
        })
    }

    /// Starts a lane whose kernel adds one to its params; `outcome`: what it says of a job that was not cancelled.
    fn lane(inside: &Arc<Self>, me: usize, outcome: &'static str) -> thread::JoinHandle<()> {
        let inside = inside.clone();
        thread::spawn(move || inside.dispatch.serve(me, |slot| inside.run(slot, outcome), || 0.0))
    }

    /// `run` in `src/boundary.rs`, with a kernel that looks once whether to go on.
    fn run(&self, slot: usize, outcome: &'static str) {
        let control = &self.blocks[slot];
        if !control.turn().claim() {
            return;
        }
        self.runs[slot].fetch_add(1, Relaxed);
        // SAFETY: the job was claimed.
        let params = if control.kernel() == PREPARED { 0 } else { unsafe { control.params(|params, _, _| params[0]) } };
        let outcome = if control.cancel_requested() { "cancelled" } else { outcome };
        // SAFETY: as before.
        let answered = unsafe {
            control.answer(|out| {
                out[0] = params + 1;
                Ok::<_, ()>(Written { length: 1, arrays: 0, bytes: 0 })
            })
        };
        answered.expect("it fits");
        self.dispatch.conclude(control, slot, 0.0, outcome);
        if outcome == ELSEWHERE {
            self.events.lock().expect("nobody panics here").push_back(slot);
            self.coordinator.ring();
        }
    }
}

/// Producers of either language and a consumer: every number comes out once, whatever else was refused.
#[test]
fn a_ring_loses_and_doubles_nothing() {
    check(3, || {
        let ring = Arc::new(Ring::<2>::new());
        let rust = {
            let ring = ring.clone();
            thread::spawn(move || ring.push(1))
        };
        let consumer = {
            let ring = ring.clone();
            thread::spawn(move || [ring.pop(), ring.pop()])
        };
        let refused = [(2, js::push(&ring, 2)), (3, js::push(&ring, 3))];
        let mut seen: Vec<u32> = consumer.join().unwrap().into_iter().flatten().collect();
        let mut given: Vec<u32> = refused.iter().filter(|(_, taken)| *taken).map(|(value, _)| *value).collect();
        if rust.join().unwrap() {
            given.push(1);
        }
        while let Some(value) = js::pop(&ring) {
            seen.push(value);
        }
        seen.sort_unstable();
        given.sort_unstable();
        assert_eq!(seen, given);
    });
}

/// Two consumers never get the same number.
#[test]
fn a_ring_gives_each_number_to_one() {
    check(3, || {
        let ring = Arc::new(Ring::<2>::new());
        assert!(js::push(&ring, 1) && js::push(&ring, 2));
        let consumers = [(); 2].map(|()| {
            let ring = ring.clone();
            thread::spawn(move || ring.pop().unwrap())
        });
        let mut seen = consumers.map(|consumer| consumer.join().unwrap());
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
    });
}

/// Whoever sleeps until there is something is woken, by whichever ringer; a missed ring would be a deadlock.
#[test]
fn a_bell_wakes_its_sleeper() {
    check(3, || {
        let shared = Arc::new((Bell::new(), AtomicU32::new(0)));
        let ringers = [(); 2].map(|()| {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.fetch_add(1, SeqCst);
                shared.0.ring();
            })
        });
        while shared.1.load(SeqCst) < 2 {
            let seen = shared.1.load(SeqCst);
            shared.0.sleep(500, || shared.1.load(SeqCst) == seen && seen < 2);
        }
        for ringer in ringers {
            ringer.join().unwrap();
        }
    });
}

/// Of all who try to claim a job, one gets it.
#[test]
fn a_job_is_claimed_once() {
    check(3, || {
        let inside = Inside::new();
        js::clear(&inside.blocks[0], 1);
        js::publish(&inside.blocks[0], 5);
        let lanes = [(); 2].map(|()| {
            let inside = inside.clone();
            thread::spawn(move || inside.run(0, "done"))
        });
        for lane in lanes {
            lane.join().unwrap();
        }
        assert_eq!(inside.runs[0].load(Relaxed), 1);
        let mut ends = Vec::new();
        js::collect(&inside, &mut ends);
        assert_eq!(ends, [(0, "done", 6)]);
    });
}

/// Two jobs and two lanes: each job is run once, its end is heard once with its own answer, and lanes that are told to stop do.
#[test]
fn every_job_ends_once_and_is_heard_once() {
    check(2, || {
        let inside = Inside::new();
        let lanes = [0, 1].map(|me| Inside::lane(&inside, me, "done"));
        js::submit(&inside, 0, 1, 10);
        js::wake_lanes(&inside.dispatch);
        js::submit(&inside, 1, 2, 20);
        js::wake_lanes(&inside.dispatch);
        assert_eq!(js::sleep_until(&inside, 2), [(0, "done", 11), (1, "done", 21)]);
        js::stop(&inside.dispatch, LANES);
        for lane in lanes {
            lane.join().unwrap();
        }
        assert_eq!([0, 1].map(|slot| inside.runs[slot].load(Relaxed)), [1, 1]);
        assert!(inside.dispatch.ended.is_empty() && inside.dispatch.ready.is_empty());
    });
}

/// A cancel at any moment: the job ends once, done or cancelled; the job that has the slot next knows nothing of it.
#[test]
fn a_cancel_touches_one_job_only() {
    check(3, || {
        let inside = Inside::new();
        let lane = Inside::lane(&inside, 0, "done");
        js::submit(&inside, 0, 1, 10);
        js::wake_lanes(&inside.dispatch);
        js::cancel(&inside.blocks[0]);
        let first = js::sleep_until(&inside, 1);
        assert!(first == [(0, "done", 11)] || first == [(0, "cancelled", 11)], "{first:?}");
        js::submit(&inside, 0, 2, 20);
        js::wake_lanes(&inside.dispatch);
        assert_eq!(js::sleep_until(&inside, 1), [(0, "done", 21)]);
        js::stop(&inside.dispatch, 1);
        lane.join().unwrap();
        assert_eq!(inside.runs[0].load(Relaxed), 2);
    });
}

/// A job that the coordinator hands over, and whose end goes back through it: it is heard of once, by the coordinator alone.
#[test]
fn the_coordinator_hears_of_its_jobs() {
    check(2, || {
        let inside = Inside::new();
        let lane = Inside::lane(&inside, 0, ELSEWHERE);
        js::clear(&inside.blocks[0], 1);
        let coordinator = {
            let inside = inside.clone();
            thread::spawn(move || {
                // `hand_over` in src/boundary.rs, then `listen` in www/host/worker/coordinator.ts.
                inside.blocks[0].turn().publish();
                assert!(inside.dispatch.submit(0));
                loop {
                    if let Some(slot) = inside.events.lock().unwrap().pop_front() {
                        return slot;
                    }
                    inside.coordinator.sleep(500, || inside.events.lock().unwrap().is_empty());
                }
            })
        };
        assert_eq!(coordinator.join().unwrap(), 0);
        js::stop(&inside.dispatch, 1);
        lane.join().unwrap();
        assert_eq!(inside.runs[0].load(Relaxed), 1);
        assert!(inside.dispatch.ended.is_empty());
    });
}

/// An output whose arrays the caller's thread reads where they lie: they are there until it has freed the block, and no longer than there is
/// room.
#[test]
fn an_output_stays_until_its_caller_has_read_it() {
    /// An array: reading it while it is dropped, or after, is a race.
    struct Output(Arc<loom::cell::UnsafeCell<u8>>);
    impl Drop for Output {
        fn drop(&mut self) {
            // SAFETY: the model reports whoever else touches it.
            self.0.with_mut(|array| unsafe { *array = 0 });
        }
    }
    check(3, || {
        let inside = Inside::new();
        let kept = Arc::new(Mutex::new(Kept::new()));
        let arrays = [5, 6].map(|array| Arc::new(loom::cell::UnsafeCell::new(array)));
        (0..2).for_each(|slot| js::submit(&inside, slot, 7 + slot as u32, 0));
        let lanes = [0, 1].map(|slot| {
            let (inside, kept, array) = (inside.clone(), kept.clone(), arrays[slot].clone());
            thread::spawn(move || {
                let control = &inside.blocks[slot];
                assert!(control.turn().claim());
                let refused = kept.lock().unwrap().keep(&inside.blocks, slot, MOST, Output(array)).is_err();
                inside.dispatch.conclude(control, slot, 0.0, if refused { ELSEWHERE } else { "done" });
                refused
            })
        });
        let mut read = Vec::new();
        let mut look = || {
            while let Some(slot) = js::pop(&inside.dispatch.ended) {
                // SAFETY: as above.
                assert_eq!(arrays[slot as usize].with(|array| unsafe { *array }), 5 + slot as u8);
                js::free(&inside.blocks[slot as usize]);
                read.push(slot);
            }
        };
        look();
        let refused = lanes.map(|lane| lane.join().unwrap());
        look();
        assert!(!read.is_empty() && read.len() + refused.iter().filter(|&&refused| refused).count() == 2);
    });
}

/// A lane on its way to sleep is not missed by whoever tells it to stop.
#[test]
fn a_lane_stops_when_told() {
    check(3, || {
        let inside = Inside::new();
        let lanes = [0, 1].map(|me| Inside::lane(&inside, me, "done"));
        js::stop(&inside.dispatch, LANES);
        for lane in lanes {
            lane.join().unwrap();
        }
    });
}
