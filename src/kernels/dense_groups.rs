//! Groups whose keys lie close together, as those that people group by mostly do: each key has a place in a table.
//!
//! Counts of the keys come first. They tell which groups there are, and divide the table into ranges of about as many values, one
//! for each thread, which goes through all keys and adds up the values of its own: no two threads write to one group, and each
//! group gets its values in their order.

use super::aggregate::{BLOCK, First, Group, Second};
use super::radix::{Item, Key, Rule, reserve};
use crate::parallel::{try_map, try_map_chunks};
use crate::{Cancelled, Job, KernelError};
use std::collections::BTreeMap;
use std::ops::Range;

/// Values for each place of the table, at least: most places are to be used, and more than once.
const FULL: usize = 4;
/// The most places: sums of all of them, some 12 MB, are cleared within a few milliseconds, and lie in a large cache.
const MOST: u64 = 1 << 18;
/// Keys between two looks at the job: some tens of microseconds.
const SLICE: usize = 1 << 13;

/// A table of keys.
pub(super) struct Dense<K> {
    rule: Rule<K>,
    /// The least key, whose place is 0.
    least: u64,
    /// How often each key occurs.
    counts: Vec<u32>,
}

impl<K: Key> Dense<K> {
    /// `None` when the keys lie too far apart.
    ///
    /// Progress: three units a key, [`aggregates`](Self::aggregates) included; none when there is no table.
    pub(super) fn of<B: Item<Key = K>>(keys: &[B], rule: Rule<K>, job: &Job) -> Result<Option<Self>, KernelError> {
        let range = |_, slice: &[B]| {
            job.check()?;
            let keys = slice.iter().map(|key| key.key(rule).into());
            let both = |(least, most): (u64, u64), key: u64| (least.min(key), most.max(key));
            Ok::<_, Cancelled>(keys.fold((u64::MAX, 0), both))
        };
        let ranges = try_map_chunks(keys, SLICE, range)?.into_iter();
        let (least, most) = ranges.fold((u64::MAX, 0), |a, b| (a.0.min(b.0), a.1.max(b.1)));
        if keys.is_empty() || most - least >= MOST.min((keys.len() / FULL) as u64) {
            return Ok(None);
        }
        let places = (most - least) as usize + 1;
        job.set_total(3 * keys.len() as u64);
        let count = |_, keys: &[B]| {
            // Copies of this thread's own: what lies behind a reference would be read again after each write.
            let (mut counts, rule, least) = (reserve(places)?, rule, least);
            counts.resize(places, 0_u32);
            for slice in keys.chunks(SLICE) {
                job.check()?;
                slice.iter().for_each(|key| counts[(key.key(rule).into() - least) as usize] += 1);
                job.advance(slice.len() as u64);
            }
            Ok::<_, KernelError>(counts)
        };
        let add = |mut a: Vec<u32>, b: Vec<u32>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        // As many runs as there are threads and no more: each has counts of its own.
        let counts = try_map_chunks(keys, keys.len().div_ceil(job.threads()), count)?;
        Ok(Some(Self { rule, least, counts: counts.into_iter().reduce(add).unwrap_or_default() }))
    }

    /// The keys that there are, in order, and what their values come to.
    pub(super) fn aggregates<B>(
        self,
        keys: &[B],
        values: &[f64],
        job: &Job,
    ) -> Result<(Vec<B>, Vec<Group>), KernelError>
    where
        B: Item<Key = K>,
    {
        let ranges = self.ranges(job.threads());
        let groups = try_map(ranges.len(), |number| self.range(ranges[number].clone(), keys, values, job))?;
        let count = groups.iter().map(Vec::len).sum();
        let (mut found, mut all) = (reserve(count)?, reserve(count)?);
        for (key, group) in groups.into_iter().flatten() {
            found.push(key);
            all.push(group);
        }
        Ok((found, all))
    }

    /// Ranges of the table of about as many values, up to `pieces`.
    fn ranges(&self, pieces: usize) -> Vec<Range<usize>> {
        let values: u64 = self.counts.iter().map(|&count| u64::from(count)).sum();
        let each = values.div_ceil(pieces as u64);
        let (mut ranges, mut start, mut found) = (Vec::new(), 0, 0);
        for (place, &count) in self.counts.iter().enumerate() {
            found += u64::from(count);
            if found >= each || place + 1 == self.counts.len() {
                ranges.push(start..place + 1);
                (start, found) = (place + 1, 0);
            }
        }
        ranges
    }

    /// The groups of a range of the table.
    fn range<B: Item<Key = K>>(
        &self,
        range: Range<usize>,
        keys: &[B],
        values: &[f64],
        job: &Job,
    ) -> Result<Vec<(B, Group)>, KernelError> {
        let count = range.len();
        let mut found = reserve(count)?;
        // The key of a group is that of its first value: those of NaNs alone may differ.
        found.resize(count, keys[0]);
        let mut firsts = Sums::of(count, First::NONE)?;
        self.each(&range, keys, job, |mine, start| {
            firsts.add(mine, First::then, |first, is_new, place, index| {
                if is_new {
                    found[place] = keys[start + index];
                }
                first.plus(values[start + index])
            });
        })?;
        let firsts = firsts.whole(First::then);
        let means = firsts.iter().map(First::mean).collect::<Vec<_>>();
        let mut seconds = Sums::of(count, Second::NONE)?;
        self.each(&range, keys, job, |mine, start| {
            let plus = |second: Second, _, place: usize, index: usize| second.plus(values[start + index], means[place]);
            seconds.add(mine, Second::then, plus);
        })?;
        let seconds = seconds.whole(Second::then);
        let mut groups = reserve(count)?;
        let all = found.into_iter().zip(firsts.into_iter().zip(seconds)).zip(&self.counts[range]);
        groups.extend(all.filter(|&(_, &count)| count > 0).map(|((key, sums), _)| (key, sums.into())));
        Ok(groups)
    }

    /// Calls `work` with the places in the range, and the indices from the second argument on, of the keys that lie there, in order.
    fn each<B: Item<Key = K>>(
        &self,
        range: &Range<usize>,
        keys: &[B],
        job: &Job,
        mut work: impl FnMut(&[(u32, u32)], usize),
    ) -> Result<(), Cancelled> {
        let first = self.least + range.start as u64;
        let mut mine = vec![(0_u32, 0_u32); SLICE];
        for (number, slice) in keys.chunks(SLICE).enumerate() {
            job.check()?;
            // Found without a branch, which in any order of keys would be wrong half of the time.
            let mut count = 0;
            for (index, key) in slice.iter().enumerate() {
                let key: u64 = key.key(self.rule).into();
                let place = key.wrapping_sub(first);
                mine[count] = (place as u32, index as u32);
                count += usize::from(place < range.len() as u64);
            }
            work(&mine[..count], number * SLICE);
            job.advance(count as u64);
        }
        Ok(())
    }
}

/// Sums of each group of a range, in blocks.
struct Sums<S> {
    none: S,
    /// Of the block that is being added up, and how many values it has; with [`LATER`] in it, of a group's blocks after the first.
    blocks: Vec<(S, u32)>,
    /// Of the blocks before, where there were some.
    totals: BTreeMap<usize, S>,
}

const LATER: u32 = 1 << 31;

impl<S: Copy> Sums<S> {
    fn of(count: usize, none: S) -> Result<Self, KernelError> {
        let mut blocks = reserve(count)?;
        blocks.resize(count, (none, 0));
        Ok(Self { none, blocks, totals: BTreeMap::new() })
    }

    /// Adds to groups, in order: `plus` is told whether it is a group's first value, its place and its index.
    #[inline(always)]
    fn add(&mut self, mut mine: &[(u32, u32)], then: fn(S, S) -> S, mut plus: impl FnMut(S, bool, usize, usize) -> S) {
        loop {
            // What is rare is not in this loop: it is a call, because of which V8 would keep the loop's numbers on the stack.
            let full = mine.iter().position(|&(place, index)| {
                let (block, had) = &mut self.blocks[place as usize];
                if *had & !LATER == BLOCK as u32 {
                    return true;
                }
                *block = plus(*block, *had == 0, place as usize, index as usize);
                *had += 1;
                false
            });
            let Some(full) = full else { return };
            mine = &mine[full..];
            let place = mine[0].0 as usize;
            let next = std::mem::replace(&mut self.blocks[place], (self.none, LATER)).0;
            self.totals.entry(place).and_modify(|total| *total = then(*total, next)).or_insert(next);
        }
    }

    fn whole(self, then: fn(S, S) -> S) -> Vec<S> {
        let whole = |(place, (block, _))| match self.totals.get(&place) {
            Some(&total) => then(total, block),
            None => block,
        };
        self.blocks.into_iter().enumerate().map(whole).collect()
    }
}
