//! A bounded queue of numbers in shared memory, for many producers and many consumers, that never blocks.
//!
//! The algorithm is Dmitry Vyukov's bounded MPMC queue (1024cores.net): each cell carries a sequence number that says whose turn it
//! is. JavaScript's end is `www/host/main/ring.ts`, on the same words.

use crate::sync::{AtomicU32, Ordering};

/// A cell: `turn` is the position of the producer that may fill it, or one more than that of the one that has.
#[repr(C)]
pub(crate) struct Cell {
    pub(crate) turn: AtomicU32,
    pub(crate) value: AtomicU32,
}

/// A queue of up to `N` numbers; `N` is a power of two.
#[repr(C)]
pub struct Ring<const N: usize> {
    /// Where the next number goes in, and (on a cache line of its own) where the next comes out.
    pub(crate) tail: AtomicU32,
    _apart: [u32; 15],
    pub(crate) head: AtomicU32,
    _apart_too: [u32; 15],
    pub(crate) cells: [Cell; N],
}

/// Byte offsets of a ring's words, for the TypeScript end.
pub const RING_FIELDS: &[(&str, usize)] = &[
    ("tail", std::mem::offset_of!(Ring<1>, tail)),
    ("head", std::mem::offset_of!(Ring<1>, head)),
    ("cells", std::mem::offset_of!(Ring<1>, cells)),
];

impl<const N: usize> Ring<N> {
    /// An empty one.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        assert!(N.is_power_of_two());
        let mut cells = [const { Cell { turn: AtomicU32::new(0), value: AtomicU32::new(0) } }; N];
        let mut i = 0;
        while i < N {
            cells[i].turn = AtomicU32::new(i as u32);
            i += 1;
        }
        Self { tail: AtomicU32::new(0), _apart: [0; 15], head: AtomicU32::new(0), _apart_too: [0; 15], cells }
    }

    /// An empty one, in the model.
    #[cfg(loom)]
    pub fn new() -> Self {
        let cells = std::array::from_fn(|i| Cell { turn: AtomicU32::new(i as u32), value: AtomicU32::new(0) });
        Self { tail: AtomicU32::new(0), _apart: [0; 15], head: AtomicU32::new(0), _apart_too: [0; 15], cells }
    }

    /// Puts a number in; `false` when the ring is full.
    pub fn push(&self, value: u32) -> bool {
        let mut at = self.tail.load(Ordering::SeqCst);
        loop {
            let cell = &self.cells[at as usize % N];
            let ahead = cell.turn.load(Ordering::SeqCst).wrapping_sub(at) as i32;
            if ahead < 0 {
                return false;
            }
            if ahead == 0 {
                match self.tail.compare_exchange(at, at.wrapping_add(1), Ordering::SeqCst, Ordering::SeqCst) {
                    Ok(_) => {
                        cell.value.store(value, Ordering::SeqCst);
                        cell.turn.store(at.wrapping_add(1), Ordering::SeqCst);
                        return true;
                    }
                    Err(now) => at = now,
                }
            } else {
                at = self.tail.load(Ordering::SeqCst);
            }
        }
    }

    /// Takes the oldest number out.
    pub fn pop(&self) -> Option<u32> {
        let mut at = self.head.load(Ordering::SeqCst);
        loop {
            let cell = &self.cells[at as usize % N];
            let ahead = cell.turn.load(Ordering::SeqCst).wrapping_sub(at.wrapping_add(1)) as i32;
            if ahead < 0 {
                return None;
            }
            if ahead == 0 {
                match self.head.compare_exchange(at, at.wrapping_add(1), Ordering::SeqCst, Ordering::SeqCst) {
                    Ok(_) => {
                        let value = cell.value.load(Ordering::SeqCst);
                        cell.turn.store(at.wrapping_add(N as u32), Ordering::SeqCst);
                        return Some(value);
                    }
                    Err(now) => at = now,
                }
            } else {
                at = self.head.load(Ordering::SeqCst);
            }
        }
    }

    /// Whether nothing could be taken out just now.
    pub fn is_empty(&self) -> bool {
        let at = self.head.load(Ordering::SeqCst);
        let ahead = self.cells[at as usize % N].turn.load(Ordering::SeqCst).wrapping_sub(at.wrapping_add(1)) as i32;
        ahead < 0
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom), not(target_family = "wasm")))]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn what_goes_in_comes_out_in_order_and_not_more_than_fits() {
        let ring = Ring::<4>::new();
        for round in 0..10 {
            assert!(ring.is_empty());
            assert!((0..4).all(|i| ring.push(round * 10 + i)));
            assert!(!ring.push(99));
            assert!((0..4).all(|i| ring.pop() == Some(round * 10 + i)));
            assert_eq!(ring.pop(), None);
        }
    }

    #[test]
    fn many_threads_lose_and_double_nothing() {
        let (ring, seen) = (Ring::<64>::new(), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for producer in 0..3_u32 {
                let ring = &ring;
                scope.spawn(move || {
                    for i in 0..20_000 {
                        while !ring.push(producer * 20_000 + i) {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    while mine.len() < 20_000 {
                        match ring.pop() {
                            Some(value) => mine.push(value),
                            None => std::thread::yield_now(),
                        }
                    }
                    seen.lock().unwrap().extend(mine);
                });
            }
        });
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..60_000));
    }
}
