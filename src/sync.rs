//! What the shared words are built from: atomics, cells and two waits; std's and wasm's, or loom's when the interleavings are checked
//! (`src/models.rs`).

#[cfg(not(loom))]
pub(crate) use native::UnsafeCell;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(loom)]
pub(crate) use loom::{cell::UnsafeCell, sync::atomic::Ordering};
#[cfg(loom)]
pub(crate) use model::{AtomicU32, notify, wait};

/// Makes a `const fn`, but in the model, whose atomics cannot be made at compile time.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis fn $name:ident() -> $made:ty $body:block) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis const fn $name() -> $made $body
        #[cfg(loom)]
        $(#[$meta])*
        $vis fn $name() -> $made $body
    };
}
pub(crate) use const_fn;

#[cfg(not(loom))]
mod native {
    /// std's, with loom's interface.
    #[repr(transparent)]
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[cfg_attr(not(all(target_family = "wasm", feature = "threads")), allow(dead_code))]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        #[cfg_attr(not(all(target_family = "wasm", feature = "threads")), allow(dead_code))]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}

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
mod waits {
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
pub(crate) use waits::{notify, wait};

#[cfg(loom)]
mod model {
    use loom::sync::atomic::{self, Ordering, fence};
    use loom::sync::{Condvar, Mutex};

    /// loom treats a sequentially consistent access as acquire and release only; with fences around it it is what wasm's and
    /// JavaScript's atomics are.
    #[derive(Debug)]
    pub(crate) struct AtomicU32(atomic::AtomicU32);

    fn ordered<R>(order: Ordering, access: impl FnOnce() -> R) -> R {
        if order != Ordering::SeqCst {
            return access();
        }
        fence(Ordering::SeqCst);
        let result = access();
        fence(Ordering::SeqCst);
        result
    }

    impl AtomicU32 {
        pub(crate) fn new(value: u32) -> Self {
            Self(atomic::AtomicU32::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> u32 {
            ordered(order, || self.0.load(order))
        }

        pub(crate) fn store(&self, value: u32, order: Ordering) {
            // loom orders a store only by what has happened before it, and so allows a swap that did not see it to come after it:
            // as swaps themselves all stores are in one order.
            if order == Ordering::SeqCst {
                self.swap(value, order);
            } else {
                self.0.store(value, order);
            }
        }

        pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
            ordered(order, || self.0.swap(value, order))
        }

        pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
            ordered(order, || self.0.fetch_add(value, order))
        }

        pub(crate) fn compare_exchange(
            &self,
            seen: u32,
            value: u32,
            order: Ordering,
            failed: Ordering,
        ) -> Result<u32, u32> {
            ordered(order, || self.0.compare_exchange(seen, value, order, failed))
        }
    }

    /// Who sleeps, by the address of the word and a number of one's own.
    #[derive(Default)]
    struct Sleepers {
        asleep: Vec<(usize, u32)>,
        numbers: u32,
    }

    loom::lazy_static! {
        static ref SLEEPERS: (Mutex<Sleepers>, Condvar) = (Mutex::new(Sleepers::default()), Condvar::new());
    }

    fn address(word: &AtomicU32) -> usize {
        std::ptr::from_ref(word) as usize
    }

    /// Only a [`notify`] of the same word wakes a sleeper, and there is no time: a wake-up that never comes is a deadlock, which loom
    /// reports.
    pub(crate) fn wait(word: &AtomicU32, seen: u32, _timeout_ms: u32) {
        let (lock, woken) = &*SLEEPERS;
        let mut sleepers = lock.lock().expect("nobody panics here");
        if word.load(Ordering::SeqCst) != seen {
            return;
        }
        sleepers.numbers += 1;
        let me = (address(word), sleepers.numbers);
        sleepers.asleep.push(me);
        while sleepers.asleep.contains(&me) {
            sleepers = woken.wait(sleepers).expect("nobody panics here");
        }
    }

    pub(crate) fn notify(word: &AtomicU32) {
        let (lock, woken) = &*SLEEPERS;
        lock.lock().expect("nobody panics here").asleep.retain(|(slept, _)| *slept != address(word));
        woken.notify_all();
    }
}

/// Without shared memory nobody else could ring, and nobody may sleep.
#[cfg(all(target_family = "wasm", not(feature = "threads")))]
pub(crate) fn wait(_word: &AtomicU32, _seen: u32, _timeout_ms: u32) {}
#[cfg(all(target_family = "wasm", not(feature = "threads")))]
pub(crate) fn notify(_word: &AtomicU32) {}
