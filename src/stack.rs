//! The watch over stacks. In wasm a thread's stack lies in the shared memory without a guard: what overflows it silently writes over
//! another's data. So only the upper half of each thread's room is its stack; the lower half is a red zone, which an overflow damages
//! first. The zone is painted when the thread starts and looked at after every job; where paint is gone, the memory cannot be trusted
//! any more.

use crate::dispatch::LANES;
use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

/// Bytes of room that each thread is started with, a multiple of 64 KiB: half stack, half red zone. What is never touched costs no memory.
pub(crate) const ROOM: usize = 4 << 20;

/// Painted words from the zone's upper end down, and the bytes between two: together more than any frame of ordinary code.
const WORDS: usize = 16;
const STRIDE: usize = 512;
const PAINT: u32 = 0x100d_c0de;

/// The lowest painted address of each thread of each lane.
static WATCHED: [Mutex<Vec<usize>>; LANES] = [const { Mutex::new(Vec::new()) }; LANES];

/// Paints the red zone of the current thread. To be called by the first function on its stack.
#[inline(never)]
pub(crate) fn watch(lane: usize) {
    let here = 0_u32;
    let top = black_box(&raw const here) as usize;
    let lowest = (top - ROOM / 2 - WORDS * STRIDE) & !3;
    for word in 0..WORDS {
        // SAFETY: the address lies in this thread's own room, far below all that is in use and above its end.
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
            // SAFETY: the address lies in a live thread's red zone.
            unsafe { ((lowest + word * STRIDE) as *const u32).read_volatile() == PAINT }
        })
    })
}
