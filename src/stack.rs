//! The watch over stacks. In wasm a thread's stack lies in the shared memory without a guard: what overflows it silently writes over
//! another's data. So the lowest part of each stack is painted when its thread starts, and looked at after every job; where the
//! paint is gone, the memory cannot be trusted any more.

use crate::dispatch::LANES;
use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

/// Bytes of a thread's stack. A multiple of 64 KiB.
pub(crate) const STACK: usize = 2 << 20;

/// The stack pointer at a thread's start is known only roughly, so this much above the lowest address is left out.
const UNSURE: usize = 4096;
/// Painted words and the bytes between two: together more than any frame of ordinary code.
const WORDS: usize = 16;
const STRIDE: usize = 512;
const PAINT: u32 = 0x100d_c0de;

/// The lowest painted address of each thread of each lane.
static WATCHED: [Mutex<Vec<usize>>; LANES] = [const { Mutex::new(Vec::new()) }; LANES];

/// Paints the end of the current thread's stack. To be called by the first function on it.
#[inline(never)]
pub(crate) fn watch(lane: usize) {
    let here = 0_u32;
    let top = black_box(&raw const here) as usize;
    let lowest = (top - STACK + UNSURE) & !3;
    for word in 0..WORDS {
        // SAFETY: the address lies in this thread's own stack, far below all that is in use.
        unsafe { ((lowest + word * STRIDE) as *mut u32).write_volatile(PAINT) };
    }
    WATCHED[lane].lock().unwrap_or_else(PoisonError::into_inner).push(lowest);
}

/// Forgets the threads of a lane that has ended: their stacks are freed.
pub(crate) fn forget(lane: usize) {
    WATCHED[lane].lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// Whether no thread of the lane has overflowed its stack.
pub(crate) fn intact(lane: usize) -> bool {
    let watched = WATCHED[lane].lock().unwrap_or_else(PoisonError::into_inner);
    watched.iter().all(|&lowest| {
        (0..WORDS).all(|word| {
            // SAFETY: the address lies in a live stack's painted part, which its thread does not use unless it overflows.
            unsafe { ((lowest + word * STRIDE) as *const u32).read_volatile() == PAINT }
        })
    })
}
