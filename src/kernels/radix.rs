//! The engine of `sort` and `argsort`: a parallel, stable radix sort, least significant digit first.
//!
//! Each pass looks at one byte of the keys. The items are cut into as many runs as there are threads; each thread counts the
//! digits of its run, prefix sums turn the counts into places, and each thread moves its run's items there in order. That is
//! stable, so the result does not depend on the number of threads. A pass in which all keys have the same digit is left out.
//! (D. E. Knuth, The Art of Computer Programming, volume 3, 5.2.5; M. Zagha and G. Blelloch, Supercomputing 1991.)

use crate::{Cancelled, Job, KernelError};
use rayon::prelude::*;

/// Something with a key whose bytes are its digits.
pub(crate) trait Item: Copy + Default + Send + Sync {
    /// Digits of the key.
    const DIGITS: usize;
    /// Digit `place` of the key, 0 the least significant.
    fn digit(&self, place: usize) -> usize;
}

macro_rules! items {
    ($($key:ident)*) => {$(
        impl Item for $key {
            const DIGITS: usize = size_of::<$key>();
            #[inline(always)]
            fn digit(&self, place: usize) -> usize {
                (self >> (place * 8)) as usize & 255
            }
        }
    )*};
}

items! { u8 u16 u32 u64 }

/// A key with the place that it came from.
impl<K: Item> Item for (K, u32) {
    const DIGITS: usize = K::DIGITS;
    #[inline(always)]
    fn digit(&self, place: usize) -> usize {
        self.0.digit(place)
    }
}

/// Up to here std's stable sort is faster than passes over the whole range of digits.
const SMALL: usize = 1024;
/// Items between two looks at the job: some tens of microseconds.
const SLICE: usize = 1 << 14;

type Histogram = [usize; 256];

/// Sorts by key, ascending and stable.
///
/// Progress: one unit an item and pass, those of the count included.
///
/// # Errors
/// [`KernelError::Cancelled`], or [`KernelError::OutOfMemory`] when there is no room for as many items again.
pub(crate) fn sort<T: Item + Ord>(items: Vec<T>, job: &Job) -> Result<Vec<T>, KernelError> {
    let mut from = items;
    let units = from.len() as u64;
    if from.len() <= SMALL {
        job.set_total(units);
        job.check()?;
        from.sort();
        job.advance(units);
        return Ok(from);
    }
    let run = from.len().div_ceil(job.threads()).max(SLICE);
    let counts = count(&from, run, job)?;
    let places: Vec<usize> = (0..T::DIGITS).filter(|&place| !is_constant(&counts, place, from.len())).collect();
    job.set_total(units * (1 + places.len() as u64));
    if places.is_empty() {
        return Ok(from);
    }
    let mut to = Vec::new();
    let bytes = (from.len() * size_of::<T>()) as u64;
    to.try_reserve_exact(from.len()).map_err(|_| KernelError::OutOfMemory { bytes: Some(bytes) })?;
    to.resize(from.len(), T::default());
    for (pass, &place) in places.iter().enumerate() {
        // The first pass finds the runs as they were counted; later ones find them moved.
        let histograms = if pass == 0 {
            counts.iter().map(|run| run[place]).collect()
        } else {
            from.par_chunks(run).map(|run| histogram(run, place, job)).collect::<Result<Vec<_>, _>>()?
        };
        scatter(&from, &mut to, run, place, histograms, job)?;
        std::mem::swap(&mut from, &mut to);
    }
    Ok(from)
}

/// The histograms of all digits of each run, in one pass over the items.
fn count<T: Item>(items: &[T], run: usize, job: &Job) -> Result<Vec<Vec<Histogram>>, Cancelled> {
    items
        .par_chunks(run)
        .map(|run| {
            let mut histograms = vec![[0; 256]; T::DIGITS];
            for slice in run.chunks(SLICE) {
                job.check()?;
                for item in slice {
                    for (place, histogram) in histograms.iter_mut().enumerate() {
                        histogram[item.digit(place)] += 1;
                    }
                }
                job.advance(slice.len() as u64);
            }
            Ok(histograms)
        })
        .collect()
}

fn histogram<T: Item>(run: &[T], place: usize, job: &Job) -> Result<Histogram, Cancelled> {
    let mut histogram = [0; 256];
    for slice in run.chunks(SLICE) {
        job.check()?;
        for item in slice {
            histogram[item.digit(place)] += 1;
        }
    }
    Ok(histogram)
}

fn is_constant(counts: &[Vec<Histogram>], place: usize, len: usize) -> bool {
    (0..256).any(|digit| counts.iter().map(|run| run[place][digit]).sum::<usize>() == len)
}

/// Moves every item to its place by one digit.
fn scatter<T: Item>(
    from: &[T],
    to: &mut [T],
    run: usize,
    place: usize,
    histograms: Vec<Histogram>,
    job: &Job,
) -> Result<(), Cancelled> {
    let starts = starts(&histograms);
    let to = Places { start: to.as_mut_ptr(), len: to.len() };
    from.par_chunks(run).zip(starts).try_for_each(|(run, mut next)| {
        for slice in run.chunks(SLICE) {
            job.check()?;
            for &item in slice {
                let at = &mut next[item.digit(place)];
                // SAFETY: `histograms` counted exactly these items, so the places that `starts` gave to this run and digit
                // are as many as it has such items, and belong to no other run or digit.
                unsafe { to.write(*at, item) };
                *at += 1;
            }
            job.advance(slice.len() as u64);
        }
        Ok(())
    })
}

/// Where each run's items of each digit begin: all of digit 0 run by run, then all of digit 1, …
fn starts(histograms: &[Histogram]) -> Vec<Histogram> {
    let mut starts = vec![[0; 256]; histograms.len()];
    let mut next = 0;
    for digit in 0..256 {
        for (start, histogram) in starts.iter_mut().zip(histograms) {
            start[digit] = next;
            next += histogram[digit];
        }
    }
    starts
}

/// The target of a scatter, written by many threads at once, each place by one of them.
struct Places<T> {
    start: *mut T,
    len: usize,
}

// SAFETY: threads only write, and by the promise of `write` never to the same place; `T` may move between threads.
unsafe impl<T: Send> Sync for Places<T> {}

impl<T> Places<T> {
    /// # Safety
    /// `at` is below `len`, and no other thread writes there before the scatter has ended.
    #[inline(always)]
    unsafe fn write(&self, at: usize, item: T) {
        debug_assert!(at < self.len);
        // SAFETY: the caller's promise; the memory behind `start` is initialised and outlives the scatter.
        unsafe { *self.start.add(at) = item };
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn random(len: usize, mask: u64) -> Vec<u64> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state & mask
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn sorts_like_std_at_every_size_and_digit() {
        for len in [0, 1, 2, 3, SMALL - 1, SMALL, SMALL + 1, SLICE - 1, SLICE + 1, 100_003] {
            for mask in [u64::MAX, 0, 1, 0xFF00, 0xFF_0000_0000_00FF, 0xFF00_0000_0000_0000] {
                let items = random(len, mask);
                let mut expected = items.clone();
                expected.sort();
                assert!(sort(items, &Job::detached()).unwrap() == expected, "{len} items, mask {mask:x}");
            }
        }
    }

    #[test]
    fn is_stable_on_any_number_of_threads() {
        let items: Vec<(u16, u32)> =
            random(70_001, 0x3F).iter().zip(0..).map(|(&key, index)| (key as u16, index)).collect();
        let mut expected = items.clone();
        expected.sort_by_key(|&(key, _)| key);
        for threads in [1, 2, 3, 4, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let sorted = pool.install(|| sort(items.clone(), &Job::detached())).unwrap();
            assert!(sorted == expected, "{threads} threads");
        }
    }

    #[test]
    fn progress_ends_at_its_total_and_a_cancelled_sort_does_none() {
        for len in [10, 200_000] {
            let job = Job::detached();
            sort(random(len, u64::MAX), &job).unwrap();
            let (done, total) = job.progress();
            assert_eq!(done, total);
            assert!(done >= len as u64);
            let cancelled = Arc::new(Job::<()>::detached());
            cancelled.control().request_cancel();
            assert_eq!(sort(random(len, u64::MAX), &cancelled), Err(KernelError::Cancelled));
            assert_eq!(cancelled.progress().0, 0);
        }
    }
}
