//! Atomics and the two waits that the shared words are built from: std's, or loom's when the interleavings are checked
//! (`RUSTFLAGS="--cfg loom" cargo test --release --lib loom`).

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU32, Ordering};

/// Sleeps while `word` is `seen`, until [`notify`] or for `timeout_ms`. May wake for no reason.
#[cfg(all(target_family = "wasm", feature = "threads"))]
pub(crate) fn wait(word: &AtomicU32, seen: u32, timeout_ms: u32) {
    // SAFETY: the address is that of a live, aligned word in shared memory, and no thread of the caller's side waits here.
    unsafe {
        core::arch::wasm32::memory_atomic_wait32(word.as_ptr().cast(), seen as i32, i64::from(timeout_ms) * 1_000_000);
    }
}

/// Wakes whoever sleeps on `word`, JavaScript's `Atomics.waitAsync` too.
#[cfg(all(target_family = "wasm", feature = "threads"))]
pub(crate) fn notify(word: &AtomicU32) {
    // SAFETY: as for `wait`; notifying reads nothing.
    unsafe {
        core::arch::wasm32::memory_atomic_notify(word.as_ptr().cast(), u32::MAX);
    }
}

// Natively these serve tests only: one lock and one condition for all words.
#[cfg(all(not(target_family = "wasm"), not(loom)))]
mod native {
    use super::{AtomicU32, Ordering};
    use std::sync::{Condvar, Mutex, PoisonError};
    use std::time::Duration;

    static LOCK: Mutex<()> = Mutex::new(());
    static CHANGED: Condvar = Condvar::new();

    pub(crate) fn wait(word: &AtomicU32, seen: u32, timeout_ms: u32) {
        let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        if word.load(Ordering::SeqCst) == seen {
            drop(CHANGED.wait_timeout(guard, Duration::from_millis(u64::from(timeout_ms))));
        }
    }

    pub(crate) fn notify(_word: &AtomicU32) {
        drop(LOCK.lock().unwrap_or_else(PoisonError::into_inner));
        CHANGED.notify_all();
    }
}
#[cfg(all(not(target_family = "wasm"), not(loom)))]
pub(crate) use native::{notify, wait};

// In the model a sleeper yields until the word changes: a wake-up that never comes is then a loop that never ends, which loom reports.
#[cfg(loom)]
pub(crate) fn wait(word: &AtomicU32, seen: u32, _timeout_ms: u32) {
    while word.load(Ordering::SeqCst) == seen {
        loom::thread::yield_now();
    }
}
#[cfg(loom)]
pub(crate) fn notify(_word: &AtomicU32) {}

/// Without shared memory nobody else could ring, and nobody may sleep.
#[cfg(all(target_family = "wasm", not(feature = "threads")))]
pub(crate) fn wait(_word: &AtomicU32, _seen: u32, _timeout_ms: u32) {}
#[cfg(all(target_family = "wasm", not(feature = "threads")))]
pub(crate) fn notify(_word: &AtomicU32) {}
