//! The allocator of a module that has no other: that of the standard library, with large arrays at the beginning of a line of the cache.
//!
//! By itself it puts them 8 bytes beside, where every fourth vector of 16 bytes lies in two lines, if not in two pages.

use std::alloc::{GlobalAlloc, Layout, System};

struct Lined;

#[global_allocator]
static ALLOCATOR: Lined = Lined;

/// Bytes of a line of the cache.
const LINE: usize = 64;
/// Bytes of the smallest array that is put at the beginning of one: for smaller ones what is left free before them would be too much.
const LARGE: usize = 1 << 14;

/// What the standard library is asked for.
fn lined(layout: Layout) -> Layout {
    if layout.size() < LARGE { layout } else { layout.align_to(LINE).unwrap_or(layout) }
}

// SAFETY: all is done by the standard library's allocator, which is given the same layout for a pointer every time: it depends on the
// caller's alone. A larger alignment than asked for is one that fits.
unsafe impl GlobalAlloc for Lined {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; no size becomes zero.
        unsafe { System.alloc(lined(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(lined(layout)) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: it came of the same layout.
        unsafe { System.dealloc(pointer, lined(layout)) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if (layout.size() < LARGE) == (size < LARGE) {
            // SAFETY: it came of the same layout, and the new one has the same alignment.
            return unsafe { System.realloc(pointer, lined(layout), size) };
        }
        // SAFETY: the caller's promise: the size is not zero, and fits the alignment.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both have so many bytes, and the new one is nobody else's.
            unsafe { moved.copy_from_nonoverlapping(pointer, layout.size().min(size)) };
            // SAFETY: the caller's promise: it came of this layout, and is not used any more.
            unsafe { self.dealloc(pointer, layout) };
        }
        moved
    }
}
