//! The engine of `sort` and `argsort`: a parallel, stable radix sort, least significant digit first.
//!
//! Each pass looks at one byte of the keys. The items are cut into runs; each run's digits are counted, prefix sums turn the
//! counts into places, and each run's items move there in order. That is stable, so the result does not depend on how
//! many runs or threads there are. A pass in which all keys have the same digit is left out.
//! (D. E. Knuth, The Art of Computer Programming, volume 3, 5.2.5; M. Zagha and G. Blelloch, Supercomputing 1991.)

use super::in_turns::InTurns;
use crate::parallel::{chunk, try_each, try_each_chunk, try_map_chunks};
use crate::{Cancelled, Job, KernelError};
use std::borrow::Cow;
use std::mem::MaybeUninit;

/// An unsigned whole number, sorted by its bytes.
pub(crate) trait Key: Copy + Ord + Send + Sync + Into<u64> + 'static {
    /// How many bytes it has.
    const DIGITS: usize;
    /// Byte `place`, 0 the least significant.
    fn digit(self, place: usize) -> usize;
}

/// Something that is sorted by a key.
///
/// # Safety
/// `key` is a pure function: an item that is read twice has the same key twice. Places are counted in one reading and
/// written, unchecked, in another.
pub(crate) unsafe trait Item: Copy + Send + Sync + 'static {
    /// The kind of its key.
    type Key: Key;
    /// Its key.
    fn key(self, rule: Rule<Self::Key>) -> Self::Key;
}

/// How the bits of a number become a key: values of one function, so that kinds of one width share their code.
#[derive(Clone, Copy)]
pub(crate) struct Rule<K> {
    /// Bits of a greater magnitude are of no number, and get the last key.
    pub limit: K,
    /// What is turned over when the sign bit is set.
    pub flip: K,
    /// What is turned over always.
    pub base: K,
}

macro_rules! keys {
    ($($key:ident $signed:ident)*) => {$(
        impl Key for $key {
            const DIGITS: usize = size_of::<$key>();
            #[inline(always)]
            fn digit(self, place: usize) -> usize {
                (self >> (place * 8)) as usize & 255
            }
        }

        // SAFETY: arithmetic on the bits alone.
        unsafe impl Item for $key {
            type Key = $key;
            #[inline(always)]
            fn key(self, rule: Rule<$key>) -> $key {
                let sign = (self as $signed >> ($key::BITS - 1)) as $key;
                if self & ($key::MAX >> 1) > rule.limit { $key::MAX } else { self ^ (sign & rule.flip) ^ rule.base }
            }
        }
    )*};
}

keys! { u8 i8 u16 i16 u32 i32 u64 i64 }

/// A key and the place that it came from; packed, because the speed of a pass is that of memory.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Indexed<K> {
    key: K,
    index: u32,
}

// SAFETY: the key is a field.
unsafe impl<K: Key> Item for Indexed<K> {
    type Key = K;
    #[inline(always)]
    fn key(self, _: Rule<K>) -> K {
        self.key
    }
}

/// Up to here std's sort is faster than passes over the whole range of digits.
const SMALL: usize = 1024;
/// Items between two looks at the job: some tens of microseconds.
const SLICE: usize = 1 << 14;
/// Runs for each thread, so that a thread that others hold up does not hold up the pass.
const RUNS: usize = 4;

type Histogram = [usize; 256];

/// Sorts by key, stably.
///
/// Progress: one unit an item and pass, that of the count included, on top of what the job has done before.
///
/// # Errors
/// [`KernelError::Cancelled`], or [`KernelError::OutOfMemory`] when there is no room for as many items again.
pub(crate) fn sort<T: Item>(items: Cow<'_, [T]>, rule: Rule<T::Key>, job: &Job) -> Result<Vec<T>, KernelError> {
    if items.len() <= SMALL {
        let indices = small(&items, rule, job)?;
        return Ok(indices.into_iter().map(|index| items[index as usize]).collect());
    }
    let passes = Passes::of(&items, rule, job)?;
    let count = passes.places.len();
    let mut from = reserve(items.len())?;
    if count == 0 {
        return Ok(match items {
            Cow::Owned(items) => items,
            Cow::Borrowed(items) => {
                for slice in items.chunks(SLICE) {
                    job.check()?;
                    from.extend_from_slice(slice);
                }
                from
            }
        });
    }
    passes.run(0, &items, &mut from, rule, job, |_, item| item)?;
    let mut to = match items {
        Cow::Owned(items) => items,
        Cow::Borrowed(items) => reserve(if count > 1 { items.len() } else { 0 })?,
    };
    for pass in 1..count {
        passes.run(pass, &from, &mut to, rule, job, |_, item| item)?;
        std::mem::swap(&mut from, &mut to);
    }
    Ok(from)
}

/// The indices of the items in the order of their keys, stably.
///
/// Progress and errors as of [`sort`]. There must be fewer than 2³² items.
pub(crate) fn argsort<T: Item>(items: Cow<'_, [T]>, rule: Rule<T::Key>, job: &Job) -> Result<Vec<u32>, KernelError> {
    if items.len() <= SMALL {
        return small(&items, rule, job);
    }
    let passes = Passes::of(&items, rule, job)?;
    let mut indices = reserve(items.len())?;
    match passes.places.len() {
        0 => indices.extend(0..items.len() as u32),
        1 => passes.run(0, &items, &mut indices, rule, job, |index, _| index)?,
        count => {
            let mut from = reserve(items.len())?;
            passes.run(0, &items, &mut from, rule, job, move |index, item| Indexed { key: item.key(rule), index })?;
            drop(items);
            let mut to = reserve(if count > 2 { from.len() } else { 0 })?;
            for pass in 1..count - 1 {
                passes.run(pass, &from, &mut to, rule, job, |_, item| item)?;
                std::mem::swap(&mut from, &mut to);
            }
            drop(to);
            passes.run(count - 1, &from, &mut indices, rule, job, |_, item| item.index)?;
        }
    }
    Ok(indices)
}

/// Items of a turn: less than a millisecond.
const STRETCH: usize = if cfg!(test) { 1 << 12 } else { 1 << 17 };

/// Whether so many items are sorted in several turns.
pub(super) fn has_turns(len: usize) -> bool {
    len > SMALL.max(STRETCH)
}

/// [`sort`] on one thread, a stretch of items at a time.
pub(super) struct Turns<T: Item> {
    rule: Rule<T::Key>,
    from: Cow<'static, [T]>,
    /// Empty, with room for all of them once they are counted: where this pass writes.
    to: Vec<T>,
    /// Items that this pass has done.
    at: usize,
    /// How often each digit occurs in each place.
    counts: Box<[Histogram; 8]>,
    /// The places of the passes that are left, the next one last; `None` while digits are counted.
    places: Option<Vec<usize>>,
    /// Where this pass writes the next item of each digit.
    next: Histogram,
    done: u64,
    total: u64,
}

impl<T: Item> Turns<T> {
    /// Of items that [have turns](has_turns).
    pub(super) fn of(from: Cow<'static, [T]>, rule: Rule<T::Key>) -> Self {
        let total = from.len() as u64 * (1 + T::Key::DIGITS as u64);
        let counts = Box::new([[0; 256]; 8]);
        Self { rule, from, to: Vec::new(), at: 0, counts, places: None, next: [0; 256], done: 0, total }
    }
}

impl<T: Item> InTurns<Vec<T>> for Turns<T> {
    /// As of [`sort`]; before digits are counted, for as many passes as there may be.
    fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    fn turn(&mut self, _: &Job) -> Result<Option<Vec<T>>, KernelError> {
        let Self { rule, from, to, at, counts, places, next, .. } = self;
        let len = from.len();
        let items = &from[*at..len.min(*at + STRETCH)];
        match places.as_ref().and_then(|places| places.last()) {
            None => {
                for item in items {
                    let key = item.key(*rule);
                    for (place, histogram) in counts.iter_mut().enumerate().take(T::Key::DIGITS) {
                        histogram[key.digit(place)] += 1;
                    }
                }
            }
            Some(&place) => {
                let targets = Targets::of(&mut to.spare_capacity_mut()[..len]);
                // Copies: what lies behind a reference would be read again after each write.
                let (rule, mut starts) = (*rule, *next);
                for &item in items {
                    let at = &mut starts[item.key(rule).digit(place)];
                    // SAFETY: keys are pure, and `counts` has counted exactly these items, of which every pass reads each once: so the
                    // places that a digit was given are as many as there are such items, all below `len`, and no other digit's.
                    unsafe { targets.write(*at, item) };
                    *at += 1;
                }
                *next = starts;
            }
        }
        *at += items.len();
        self.done += items.len() as u64;
        if self.at < len {
            return Ok(None);
        }
        self.at = 0;
        self.end_pass()
    }
}

impl<T: Item> Turns<T> {
    /// Makes ready for the next pass; the items if there is none.
    fn end_pass(&mut self) -> Result<Option<Vec<T>>, KernelError> {
        let len = self.from.len();
        let spare = match &mut self.places {
            None => {
                let first = self.from[0].key(self.rule);
                let differs = |&place: &usize| self.counts[place][first.digit(place)] < len;
                let places: Vec<usize> = (0..T::Key::DIGITS).rev().filter(differs).collect();
                self.total = len as u64 * (1 + places.len() as u64);
                self.places = Some(places);
                None
            }
            Some(places) => {
                places.pop();
                // SAFETY: the pass has read every item and written it to a place of its own: all places are filled.
                unsafe { self.to.set_len(len) };
                match std::mem::replace(&mut self.from, Cow::Owned(std::mem::take(&mut self.to))) {
                    Cow::Owned(items) => Some(items),
                    Cow::Borrowed(_) => None,
                }
            }
        };
        let Some(&place) = self.places.as_ref().and_then(|places| places.last()) else {
            return Ok(Some(std::mem::take(&mut self.from).into_owned()));
        };
        self.to = match spare {
            Some(mut items) => {
                items.clear();
                items
            }
            None => reserve(len)?,
        };
        self.next = starts(&[self.counts[place]])[0];
        Ok(None)
    }
}

/// [`argsort`] on one thread, a stretch of items at a time.
pub(super) struct IndexTurns<K: Item<Key = K> + Key> {
    rule: Rule<K>,
    items: Cow<'static, [K]>,
    stage: IndexStage<K>,
}

enum IndexStage<K: Key> {
    /// Each item gets its index.
    Listing(Vec<Indexed<K>>),
    Sorting(Box<Turns<Indexed<K>>>),
    /// The indices alone; how many units there are.
    Taking(Vec<Indexed<K>>, Vec<u32>, u64),
}

impl<K: Item<Key = K> + Key> IndexTurns<K> {
    /// Of items that [have turns](has_turns), fewer than 2³².
    pub(super) fn of(items: Cow<'static, [K]>, rule: Rule<K>) -> Result<Self, KernelError> {
        let listed = reserve(items.len())?;
        Ok(Self { rule, items, stage: IndexStage::Listing(listed) })
    }
}

impl<K: Item<Key = K> + Key> InTurns<Vec<u32>> for IndexTurns<K> {
    /// As of [`Turns`]: listing and taking are not counted.
    fn progress(&self) -> (u64, u64) {
        match &self.stage {
            IndexStage::Listing(_) => (0, self.items.len() as u64 * (1 + K::DIGITS as u64)),
            IndexStage::Sorting(sort) => sort.progress(),
            IndexStage::Taking(_, _, total) => (*total, *total),
        }
    }

    fn turn(&mut self, job: &Job) -> Result<Option<Vec<u32>>, KernelError> {
        match &mut self.stage {
            IndexStage::Listing(listed) => {
                let at = listed.len();
                let items = self.items[at..].iter().take(STRETCH).zip(at as u32..);
                listed.extend(items.map(|(item, index)| Indexed { key: item.key(self.rule), index }));
                if listed.len() == self.items.len() {
                    self.items = Cow::Borrowed(&[]);
                    let turns = Turns::of(Cow::Owned(std::mem::take(listed)), self.rule);
                    self.stage = IndexStage::Sorting(Box::new(turns));
                }
            }
            IndexStage::Sorting(sort) => {
                if let Some(sorted) = sort.turn(job)? {
                    let indices = reserve(sorted.len())?;
                    self.stage = IndexStage::Taking(sorted, indices, sort.progress().1);
                }
            }
            IndexStage::Taking(sorted, indices, _) => {
                let at = indices.len();
                indices.extend(sorted[at..].iter().take(STRETCH).map(|item| item.index));
                if indices.len() == sorted.len() {
                    return Ok(Some(std::mem::take(indices)));
                }
            }
        }
        Ok(None)
    }
}

/// [`argsort`] of a few items. All kinds of key share one copy of std's sort, which is long.
fn small<T: Item>(items: &[T], rule: Rule<T::Key>, job: &Job) -> Result<Vec<u32>, KernelError> {
    job.set_total(job.progress().0 + items.len() as u64);
    job.check()?;
    let mut keys: Vec<(u64, u32)> = items.iter().zip(0..).map(|(item, index)| (item.key(rule).into(), index)).collect();
    keys.sort_unstable();
    job.advance(items.len() as u64);
    Ok(keys.into_iter().map(|(_, index)| index).collect())
}

/// An empty vector with room for `len` items.
pub(super) fn reserve<T>(len: usize) -> Result<Vec<T>, KernelError> {
    let mut items = Vec::new();
    let bytes = len as u64 * size_of::<T>() as u64;
    items.try_reserve_exact(len).map_err(|_| KernelError::OutOfMemory { bytes: Some(bytes) })?;
    Ok(items)
}

/// What `make` makes of 0 to `len`, on all threads, until the job is cancelled.
pub(super) fn tabulate<T: Copy + Send, P>(
    len: usize,
    job: &Job<P>,
    make: impl Fn(usize) -> T + Sync,
) -> Result<Vec<T>, KernelError> {
    let mut items = reserve(len)?;
    try_each_chunk(&mut items.spare_capacity_mut()[..len], SLICE, |number, slice| {
        job.check()?;
        slice.iter_mut().zip(number * SLICE..).for_each(|(place, index)| {
            place.write(make(index));
        });
        Ok::<_, Cancelled>(())
    })?;
    // SAFETY: the slices are all of it, and no slice was left early: each place was written.
    unsafe { items.set_len(len) };
    Ok(items)
}

/// So many zeros, made on all threads.
pub(super) fn zeros<T: Copy + Default + Send, P>(len: usize, job: &Job<P>) -> Result<Vec<T>, KernelError> {
    tabulate(len, job, |_| T::default())
}

/// The passes that a sort needs.
struct Passes {
    /// Items in a run.
    run: usize,
    /// The digits that differ between keys, least significant first.
    places: Vec<usize>,
    /// Of each run as it lies before the first pass, how often each digit occurs in each place.
    counts: Vec<[Histogram; 8]>,
}

impl Passes {
    fn of<T: Item>(items: &[T], rule: Rule<T::Key>, job: &Job) -> Result<Self, Cancelled> {
        let threads = job.threads();
        let runs = if threads > 1 { threads * RUNS } else { 1 };
        let run = items.len().div_ceil(runs).max(SLICE);
        let counts: Vec<[Histogram; 8]> = try_map_chunks(items, run, |_, run| {
            let (mut histograms, rule) = ([[0; 256]; 8], rule);
            for slice in run.chunks(SLICE) {
                job.check()?;
                for item in slice {
                    let key = item.key(rule);
                    for (place, histogram) in histograms.iter_mut().enumerate().take(T::Key::DIGITS) {
                        histogram[key.digit(place)] += 1;
                    }
                }
                job.advance(slice.len() as u64);
            }
            Ok::<_, Cancelled>(histograms)
        })?;
        let is_constant = |place: usize| {
            let digit = items[0].key(rule).digit(place);
            counts.iter().map(|histograms| histograms[place][digit]).sum::<usize>() == items.len()
        };
        let places: Vec<usize> = (0..T::Key::DIGITS).filter(|&place| !is_constant(place)).collect();
        job.set_total(job.progress().0 + items.len() as u64 * places.len() as u64);
        Ok(Self { run, places, counts })
    }

    /// Moves what `make` makes of each index and item of `from` to its place in `to`, by the digit of pass `pass`.
    ///
    /// What was in `to` is lost; it has room for as many.
    fn run<T: Item, U: Copy + Send>(
        &self,
        pass: usize,
        from: &[T],
        to: &mut Vec<U>,
        rule: Rule<T::Key>,
        job: &Job,
        make: impl Fn(u32, T) -> U + Sync,
    ) -> Result<(), Cancelled> {
        let place = self.places[pass];
        // Counts stay true while the items of a run stay the same ones: before the first pass, or when there is one run.
        let histograms: Vec<Histogram> = if pass == 0 || self.counts.len() == 1 {
            self.counts.iter().map(|run| run[place]).collect()
        } else {
            try_map_chunks(from, self.run, |_, run| histogram(run, place, rule, job))?
        };
        to.clear();
        let targets = Targets::of(&mut to.spare_capacity_mut()[..from.len()]);
        let starts = starts(&histograms);
        try_each(from.len().div_ceil(self.run), &|number| {
            // Copies of this thread's own: what lies behind a reference would be read again after each write.
            let (targets, rule, place, mut next) = (targets, rule, place, starts[number]);
            let run = chunk(from, self.run, number);
            let mut index = (number * self.run) as u32;
            for slice in run.chunks(SLICE) {
                job.check()?;
                for &item in slice {
                    let at = &mut next[item.key(rule).digit(place)];
                    // SAFETY: keys are pure and `histograms` counted exactly these items, so the places that `starts` gave
                    // to this run and digit are as many as it has such items, and belong to no other run or digit.
                    unsafe { targets.write(*at, make(index, item)) };
                    *at += 1;
                    index = index.wrapping_add(1);
                }
                job.advance(slice.len() as u64);
            }
            Ok(())
        })?;
        // SAFETY: no run was left early, so every item was written, each to a place of its own: all places are filled.
        unsafe { to.set_len(from.len()) };
        Ok(())
    }
}

fn histogram<T: Item>(run: &[T], place: usize, rule: Rule<T::Key>, job: &Job) -> Result<Histogram, Cancelled> {
    let mut histogram = [0; 256];
    for slice in run.chunks(SLICE) {
        job.check()?;
        for item in slice {
            histogram[item.key(rule).digit(place)] += 1;
        }
    }
    Ok(histogram)
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

/// Where a pass writes: many threads at once, each place by one of them.
#[derive(Clone, Copy)]
struct Targets<T> {
    start: *mut MaybeUninit<T>,
    len: usize,
}

// SAFETY: threads only write, and by the promise of `write` never to the same place; `T` may move between threads.
unsafe impl<T: Send> Sync for Targets<T> {}

impl<T> Targets<T> {
    fn of(places: &mut [MaybeUninit<T>]) -> Self {
        Self { start: places.as_mut_ptr(), len: places.len() }
    }

    /// # Safety
    /// `at` is below `len`, no other thread writes there, and the slice that this was made of is still borrowed.
    #[inline(always)]
    unsafe fn write(&self, at: usize, item: T) {
        debug_assert!(at < self.len);
        // SAFETY: the caller's promise.
        unsafe { self.start.add(at).write(MaybeUninit::new(item)) };
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Sorted by its key alone; the index tells equal ones apart.
    fn numbered<K: Key>(keys: impl IntoIterator<Item = K>) -> Vec<Indexed<K>> {
        keys.into_iter().zip(0..).map(|(key, index)| Indexed { key, index }).collect()
    }

    fn plain<K: Key>(items: &[Indexed<K>]) -> Vec<(K, u32)> {
        items.iter().map(|&item| (item.key, item.index)).collect()
    }

    /// These items have keys of their own.
    fn unused<K: Default>() -> Rule<K> {
        Rule { limit: K::default(), flip: K::default(), base: K::default() }
    }

    /// Against std's stable sort.
    fn check<K: Key + Default>(items: &[Indexed<K>]) {
        let mut expected = plain(items);
        expected.sort_by_key(|&(key, _)| key);
        for items in [Cow::Borrowed(items), Cow::Owned(items.to_vec())] {
            let sorted = sort(items, unused(), &Job::detached()).unwrap();
            assert!(plain(&sorted) == expected, "sort of {} items", expected.len());
        }
        let indices = argsort(items.into(), unused(), &Job::detached()).unwrap();
        assert!(indices.into_iter().eq(expected.iter().map(|&(_, index)| index)), "argsort of {} items", items.len());
    }

    fn noise(len: usize) -> impl Iterator<Item = u64> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        (0..len).map(move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        })
    }

    #[test]
    fn sorts_stably_at_every_size_and_number_of_passes() {
        for len in [0, 1, 2, 3, SMALL - 1, SMALL, SMALL + 1, SLICE - 1, SLICE, SLICE + 1, 100_003] {
            // From no digit that differs to all eight of them.
            for mask in [0, 3, 0xFF00, 0xFF_0000_0000_00FF, 0x0101_0000_0300_0000, u64::MAX] {
                check(&numbered(noise(len).map(|x| x & mask)));
                check(&numbered(noise(len).map(|x| (x & mask) as u32)));
                check(&numbered(noise(len).map(|x| (x & mask) as u16)));
                check(&numbered(noise(len).map(|x| (x & mask) as u8)));
            }
            check(&numbered(0..len as u64));
            check(&numbered((0..len as u64).rev()));
        }
    }

    #[test]
    fn is_the_same_on_any_number_of_threads() {
        let items = numbered(noise(300_007).map(|x| x & 0x1FF_00FF));
        for threads in [1, 2, 3, 4, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| check(&items));
        }
    }

    #[test]
    fn progress_ends_at_its_total() {
        for len in [10, 200_000] {
            for (passes, mask) in [(1, 0), (2, 0xFF00), (9, u64::MAX)] {
                let job = Job::detached();
                sort(numbered(noise(len).map(|x| x & mask)).into(), unused(), &job).unwrap();
                let (done, total) = job.progress();
                assert_eq!(done, total);
                assert_eq!(total, len as u64 * if len <= SMALL { 1 } else { passes });
            }
        }
    }

    /// An item that cancels its job the moment that its kind is read for the `LIMIT`th time.
    #[derive(Clone, Copy)]
    struct Trap<const LIMIT: usize>(u32);

    static JOBS: [OnceLock<Job>; 2] = [const { OnceLock::new() }; 2];
    static READS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
    const LEN: usize = 1_000_000;

    // SAFETY: the key is a field; that readings are counted changes nothing of it.
    unsafe impl<const LIMIT: usize> Item for Trap<LIMIT> {
        type Key = u32;
        fn key(self, _: Rule<u32>) -> u32 {
            let case = usize::from(LIMIT > LEN);
            if READS[case].fetch_add(1, Relaxed) == LIMIT {
                JOBS[case].get().unwrap().control().request_cancel();
            }
            self.0
        }
    }

    fn stops<const LIMIT: usize>() {
        let case = usize::from(LIMIT > LEN);
        let job = JOBS[case].get_or_init(Job::detached);
        let items: Vec<Trap<LIMIT>> = noise(LEN).map(|x| Trap(x as u32)).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        assert_eq!(pool.install(|| sort(items.into(), unused(), job)).map(|_| ()), Err(KernelError::Cancelled));
        let more = READS[case].load(Relaxed) - LIMIT;
        assert!(more <= 4 * SLICE, "{more} items were read after the job was cancelled");
    }

    #[test]
    fn a_cancelled_sort_stops_within_a_slice_of_each_thread() {
        stops::<{ LEN / 3 }>(); // while it counts
        stops::<{ LEN * 5 / 2 }>(); // while it moves items
    }

    #[test]
    fn memory_that_cannot_be_had_is_an_error_that_says_how_much() {
        let bytes = (usize::MAX / 8) as u64 * 8;
        assert_eq!(reserve::<u64>(usize::MAX / 8), Err(KernelError::OutOfMemory { bytes: Some(bytes) }));
    }

    proptest! {
        #[test]
        fn any_keys(keys in prop::collection::vec(any::<u32>(), 0..4000), mask: u32) {
            check(&numbered(keys.into_iter().map(|key| key & mask)));
        }
    }
}
