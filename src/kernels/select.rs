//! Finds items by their rank without sorting the rest: the engine of `topk` and of quantiles.
//!
//! [`first`] is for a few of many: an item that does not come before the last of those that are kept costs one comparison.
//! [`Bins`] is for any ranks: keys are counted by where they lie between the least and the greatest, in up to 65536 bins of equal width; the items of the bins
//! that matter, most often a few, are taken out in their order and sorted. Whoever asks decides which bins matter.
//! (R. W. Floyd and R. L. Rivest, Communications of the ACM 18, 1975, choose pivots; here the count is the choice.)

use super::radix::{Item, Key, Rule, reserve};
use crate::parallel::try_map_chunks;
use crate::{Cancelled, Job, KernelError};

/// The most that [`first`] finds: its candidates fit a cache.
pub(super) const FEW: usize = 1 << 14;
/// Items that are compared together.
const BLOCK: usize = 8;

/// The places of the first `k` items, 1 to [`FEW`], in order of their keys and, of equal keys, of their places.
///
/// Progress: one unit an item.
pub(super) fn first<T: Item>(items: &[T], k: usize, rule: Rule<T::Key>, job: &Job) -> Result<Vec<u32>, KernelError> {
    job.set_total(items.len() as u64);
    // Long enough that what each keeps is a small part of it.
    let run = items.len().div_ceil(2 * job.threads()).max(SLICE).max(16 * k);
    let runs = try_map_chunks(items, run, |number, items| {
        let mut kept = Kept::of(k)?;
        for (slice, place) in items.chunks(SLICE).zip((number * run..).step_by(SLICE)) {
            job.check()?;
            for (block, place) in slice.chunks(BLOCK).zip((place as u32..).step_by(BLOCK)) {
                // Without a branch for each: vectors of comparisons.
                if block.iter().fold(false, |any, item| any | kept.takes(item.key(rule))) {
                    block.iter().zip(place..).for_each(|(item, place)| kept.offer(item.key(rule), place));
                }
            }
            job.advance(slice.len() as u64);
        }
        Ok::<_, KernelError>(kept.items)
    })?;
    let mut all = reserve(runs.iter().map(Vec::len).sum())?;
    runs.into_iter().for_each(|kept| all.extend(kept));
    if all.len() > k {
        all.select_nth_unstable(k);
        all.truncate(k);
    }
    all.sort_unstable();
    Ok(all.into_iter().map(|(_, place)| place).collect())
}

/// The first `k` of the keys of a run, each with its place, and up to as many more.
struct Kept<K> {
    k: usize,
    items: Vec<(K, u32)>,
    /// What is not below this is not among the first: so many are, at earlier places.
    bound: Option<K>,
}

impl<K: Key> Kept<K> {
    fn of(k: usize) -> Result<Self, KernelError> {
        Ok(Self { k, items: reserve(2 * k)?, bound: None })
    }

    #[inline(always)]
    fn takes(&self, key: K) -> bool {
        self.bound.is_none_or(|bound| key < bound)
    }

    /// Offers a key, after those of earlier places.
    #[inline(always)]
    fn offer(&mut self, key: K, place: u32) {
        if self.takes(key) {
            self.items.push((key, place));
            if self.items.len() == 2 * self.k {
                self.cut();
            }
        }
    }

    #[cold]
    fn cut(&mut self) {
        let (_, &mut (bound, _), _) = self.items.select_nth_unstable(self.k - 1);
        self.items.truncate(self.k);
        self.bound = Some(bound);
    }
}

/// The most bits of a bin's number.
const MOST_BITS: u32 = 16;
/// Items between two looks at the job: some tens of microseconds.
const SLICE: usize = 1 << 14;

/// The least key and the greatest of some items, but for the last of all keys: NaNs have it.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    least: u64,
    most: u64,
    last: u64,
}

impl Extent {
    /// Of no items.
    pub(super) fn none<K: Key>() -> Self {
        let last = u64::MAX >> (64 - 8 * K::DIGITS);
        Self { least: last, most: 0, last }
    }

    pub(super) fn with<T: Item>(self, items: &[T], rule: Rule<T::Key>) -> Self {
        let keys = items.iter().map(|item| item.key(rule).into());
        let (least, most) = keys.fold((self.least, self.most), |(least, most), key| {
            (least.min(key), if key == self.last { most } else { most.max(key) })
        });
        Self { least, most, ..self }
    }

    fn and(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most), ..self }
    }
}

/// Which keys lie in which bin.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// The least key that there is.
    least: u64,
    /// Bits of a key above the least that do not show in its bin.
    shift: u32,
    /// The last key of all, and its bin.
    last: u64,
    last_bin: usize,
}

impl Layout {
    /// For so many items, which span `extent`.
    pub(super) fn of(Extent { least, most, last }: Extent, items: usize) -> Self {
        // No more bins than items: of a few, most would be empty.
        let bits = (usize::BITS - items.leading_zeros()).min(MOST_BITS);
        let shift = (u64::BITS - most.saturating_sub(least).leading_zeros()).saturating_sub(bits);
        // And one more for the last key of all: NaNs would stretch the range.
        Self { least, shift, last, last_bin: 1 << bits }
    }

    /// How many bins there are.
    pub(super) fn bins(&self) -> usize {
        self.last_bin + 1
    }

    /// The bin of a key: of greater keys never a lesser one.
    #[inline(always)]
    pub(super) fn bin(&self, key: u64) -> usize {
        if key == self.last { self.last_bin } else { ((key - self.least) >> self.shift) as usize }
    }
}

/// How many items lie in each bin.
pub(super) struct Bins<K> {
    rule: Rule<K>,
    layout: Layout,
    /// Items of each bin.
    pub counts: Vec<usize>,
}

impl<K: Key> Bins<K> {
    /// Progress: one unit an item, and one more for [`take`](Self::take).
    pub(super) fn of<T: Item<Key = K>>(items: &[T], rule: Rule<K>, job: &Job) -> Result<Self, Cancelled> {
        // As many as there are threads and no more: each has counts of its own.
        let run = items.len().div_ceil(job.threads()).max(SLICE);
        let extents =
            try_map_chunks(items, SLICE, |_, slice| job.check().map(|()| Extent::none::<K>().with(slice, rule)))?;
        let extent = extents.into_iter().fold(Extent::none::<K>(), Extent::and);
        let layout = Layout::of(extent, items.len());
        let count = layout.bins();
        let counts = try_map_chunks(items, run, |_, run| {
            // Copies of this thread's own: what lies behind a reference would be read again after each write.
            let (mut counts, layout, rule) = (vec![0; count], layout, rule);
            for slice in run.chunks(SLICE) {
                job.check()?;
                slice.iter().for_each(|item| counts[layout.bin(item.key(rule).into())] += 1);
                job.advance(slice.len() as u64);
            }
            Ok::<_, Cancelled>(counts)
        })?;
        let add = |mut a: Vec<usize>, b: Vec<usize>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        let counts = counts.into_iter().reduce(add).unwrap_or_else(|| vec![0; count]);
        Ok(Self { rule, layout, counts })
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
        let runs: Vec<Vec<U>> = try_map_chunks(items, run, |number, run_items| {
            let (mut taken, layout, rule) = (Vec::new(), self.layout, self.rule);
            for (place, slice) in run_items.chunks(SLICE).enumerate() {
                job.check()?;
                let start = number * run + place * SLICE;
                for (at, &item) in slice.iter().enumerate() {
                    if wanted(layout.bin(item.key(rule).into())) {
                        taken.push(make(start + at, item));
                    }
                }
                job.advance(slice.len() as u64);
            }
            Ok::<_, Cancelled>(taken)
        })?;
        let mut all = reserve(runs.iter().map(Vec::len).sum())?;
        runs.iter().for_each(|run| all.extend_from_slice(run));
        Ok(all)
    }
}
