//! Finds items by their rank without sorting the rest: the engine of `topk` and of quantiles.
//!
//! Keys are counted by where they lie between the least and the greatest, in up to 65536 bins of equal width; the items of the bins
//! that matter, most often a few, are taken out in their order and sorted. Whoever asks decides which bins matter.
//! (R. W. Floyd and R. L. Rivest, Communications of the ACM 18, 1975, choose pivots; here the count is the choice.)

use super::radix::{Item, Key, Rule, reserve};
use crate::{Cancelled, Job, KernelError};
use rayon::prelude::*;

/// The most bits of a bin's number.
const MOST_BITS: u32 = 16;
/// Items between two looks at the job: some tens of microseconds.
const SLICE: usize = 1 << 14;

/// How many items lie in each bin.
pub(super) struct Bins<K> {
    rule: Rule<K>,
    /// The least key that there is.
    least: u64,
    /// Bits of a key above the least that do not show in its bin.
    shift: u32,
    /// The last key of all, and its bin.
    last: u64,
    last_bin: usize,
    /// Items of each bin.
    pub counts: Vec<usize>,
}

impl<K: Key> Bins<K> {
    /// Progress: one unit an item, and one more for [`take`](Self::take).
    pub(super) fn of<T: Item<Key = K>>(items: &[T], rule: Rule<K>, job: &Job) -> Result<Self, Cancelled> {
        job.set_total(2 * items.len() as u64);
        let last = u64::MAX >> (64 - 8 * K::DIGITS);
        // As many as there are threads and no more: each has counts of its own.
        let run = items.len().div_ceil(job.threads()).max(SLICE);
        let range = |slice: &[T]| {
            job.check()?;
            let keys = slice.iter().map(|item| item.key(rule).into());
            Ok(keys.fold((last, 0_u64), |(least, most), key| {
                (least.min(key), if key == last { most } else { most.max(key) })
            }))
        };
        let both = |a: (u64, u64), b: (u64, u64)| Ok((a.0.min(b.0), a.1.max(b.1)));
        let (least, most) = items.par_chunks(SLICE).map(range).try_reduce(|| (last, 0), both)?;
        // No more bins than items: of a few, most would be empty.
        let bits = (usize::BITS - items.len().leading_zeros()).min(MOST_BITS);
        // And one more for the last key of all: NaNs have it, and would stretch the range.
        let count = (1 << bits) + 1;
        let shift = (u64::BITS - most.saturating_sub(least).leading_zeros()).saturating_sub(bits);
        let mut bins = Self { rule, last, least, shift, last_bin: count - 1, counts: Vec::new() };
        bins.counts = items
            .par_chunks(run)
            .map(|run| {
                let mut counts = vec![0; count];
                for slice in run.chunks(SLICE) {
                    job.check()?;
                    slice.iter().for_each(|&item| counts[bins.bin(item)] += 1);
                    job.advance(slice.len() as u64);
                }
                Ok(counts)
            })
            .try_reduce(
                || vec![0; count],
                |mut a: Vec<usize>, b| {
                    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                    Ok::<_, Cancelled>(a)
                },
            )?;
        Ok(bins)
    }

    /// The bin of an item: of greater keys never a lesser one.
    #[inline(always)]
    pub(super) fn bin<T: Item<Key = K>>(&self, item: T) -> usize {
        let key: u64 = item.key(self.rule).into();
        if key == self.last { self.last_bin } else { ((key - self.least) >> self.shift) as usize }
    }

    /// What `make` makes of the index and the item of each that lies in a wanted bin, in their order.
    pub(super) fn take<T: Item<Key = K>, U: Send + Sync + Copy>(
        &self,
        items: &[T],
        wanted: impl Fn(usize) -> bool + Sync,
        make: impl Fn(usize, T) -> U + Sync,
        job: &Job,
    ) -> Result<Vec<U>, KernelError> {
        let run = items.len().div_ceil(4 * job.threads()).max(SLICE);
        let runs: Vec<Vec<U>> = items
            .par_chunks(run)
            .enumerate()
            .map(|(number, run_items)| {
                let mut taken = Vec::new();
                for (place, slice) in run_items.chunks(SLICE).enumerate() {
                    job.check()?;
                    let start = number * run + place * SLICE;
                    for (at, &item) in slice.iter().enumerate() {
                        if wanted(self.bin(item)) {
                            taken.push(make(start + at, item));
                        }
                    }
                    job.advance(slice.len() as u64);
                }
                Ok(taken)
            })
            .collect::<Result<_, Cancelled>>()?;
        let mut all = reserve(runs.iter().map(Vec::len).sum())?;
        runs.iter().for_each(|run| all.extend_from_slice(run));
        Ok(all)
    }
}
