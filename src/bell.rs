//! A bell: how one side sleeps until the other has something for it, without a system call when it is awake.
//!
//! Whoever sleeps first says so, then looks once more, then waits, unless the bell was rung since before it said so. Whoever rings first
//! publishes what there is, then looks whether anybody sleeps. All of it is sequentially consistent, so at least one of the two sees the
//! other. JavaScript's end is `www/host/shared/bell.ts`.

use crate::sync::{AtomicU32, Ordering, const_fn, notify, wait};

/// A bell for one sleeper and any number of ringers.
#[repr(C)]
pub struct Bell {
    /// Changes when a sleeper must wake.
    rung: AtomicU32,
    /// 1 while somebody sleeps or is about to.
    asleep: AtomicU32,
}

/// Byte offsets of a bell's words, for the TypeScript end.
pub const BELL_FIELDS: &[(&str, usize)] =
    &[("rung", std::mem::offset_of!(Bell, rung)), ("asleep", std::mem::offset_of!(Bell, asleep))];

impl Bell {
    const_fn! {
        /// With nobody asleep.
        pub fn new() -> Self {
            Self { rung: AtomicU32::new(0), asleep: AtomicU32::new(0) }
        }
    }

    /// Wakes the sleeper, if there is one. Call it after publishing what the sleeper is to find.
    pub fn ring(&self) {
        if self.asleep.load(Ordering::SeqCst) != 0 && self.asleep.swap(0, Ordering::SeqCst) != 0 {
            self.rung.fetch_add(1, Ordering::SeqCst);
            notify(&self.rung);
        }
    }

    /// Sleeps until the bell is rung or the time is up, unless `nothing` sees that there is something.
    pub fn sleep(&self, timeout_ms: u32, nothing: impl Fn() -> bool) {
        // Before it says that it sleeps: a late ring for what it has found already would else count as seen, with nobody marked asleep.
        let seen = self.rung.load(Ordering::SeqCst);
        self.asleep.store(1, Ordering::SeqCst);
        if nothing() {
            wait(&self.rung, seen, timeout_ms);
        }
        self.asleep.store(0, Ordering::SeqCst);
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}
