//! Each lane's rayon pool: the lane's own thread is its first member, the others are workers that the caller's thread has started.
//!
//! Pools are not global, so that a lane can be opened and closed while others run, and so that a thread which waits inside one job
//! never picks up another. (`wasm-bindgen-rayon`, which builds the one global pool, serves the browser tests of the crate.)

use crate::busy;
use crate::dispatch::LANES;
use rayon::{ThreadBuilder, ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Threads that pools have asked for, and that no worker has become yet.
static WANTED: [Mutex<Vec<ThreadBuilder>>; LANES] = [const { Mutex::new(Vec::new()) }; LANES];
static ASKED: Condvar = Condvar::new();
static ASKING: Mutex<()> = Mutex::new(());

/// A worker waits for its lane's pool no longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the current thread the first of a pool of `threads`.
pub(crate) fn open(lane: usize, threads: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    let built = ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .spawn_handler(|thread| {
            WANTED[lane].lock().unwrap_or_else(PoisonError::into_inner).push(thread);
            Ok(())
        })
        .build();
    drop(ASKING.lock());
    ASKED.notify_all();
    built
}

/// Makes the current thread one of the others of a lane's pool; returns when the pool is dropped, `false` when none wanted it.
pub(crate) fn join(lane: usize) -> bool {
    let find = || WANTED[lane].lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut guard = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    let thread = loop {
        if let Some(thread) = find() {
            break thread;
        }
        let (again, waited) = ASKED.wait_timeout(guard, PATIENCE).unwrap_or_else(PoisonError::into_inner);
        guard = again;
        if waited.timed_out() {
            return false;
        }
    };
    drop(guard);
    busy::enter(lane, thread.index());
    thread.run();
    busy::leave();
    true
}
