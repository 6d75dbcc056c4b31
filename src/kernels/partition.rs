//! Divides what is to be sorted into ranges of keys, each to be sorted on its own: the shards of `sort` and `argsort`.
//!
//! Equal keys share a range, and a range keeps its items in the order in which they came. So the sorted ranges, one after
//! another, are the whole sorted stably, wherever the ranges were cut. That is chosen by quantiles of a sample, and decides
//! the balance only. (W. D. Frazer and A. C. McKellar, Journal of the ACM 17, 1970.)

use super::radix::{Item, Key, Rule, reserve};
use crate::KernelError;
use std::ops::Range;

/// The fewest items that are worth a range, on average: some 0.2 ms of sorting.
const LEAST: usize = 1 << 14;
/// The most ranges: their numbers are bytes.
const MOST: usize = 256;
/// Sampled items for each range. With so many the longest of 64 is about a third longer than the mean.
const SAMPLES: usize = 128;

/// Items and the ranges in which they lie, of the least keys first.
pub(super) struct Partition {
    /// The range of each item.
    ranges: Vec<u8>,
    /// How many items each range has.
    counts: Vec<usize>,
}

/// A partition that is made, a stretch of items at a time.
pub(super) struct Cutting<K> {
    /// The least keys of all ranges but the first.
    splitters: Vec<K>,
    ranges: Vec<u8>,
    counts: Vec<usize>,
}

impl<K: Key> Cutting<K> {
    /// Cuts into at most `pieces` ranges; `None` when they would be too short.
    pub(super) fn of<T: Item<Key = K>>(items: &[T], rule: Rule<K>, pieces: usize) -> Result<Option<Self>, KernelError> {
        let pieces = pieces.min(items.len() / LEAST).min(MOST);
        if pieces < 2 {
            return Ok(None);
        }
        let splitters = splitters(items, rule, pieces);
        let counts = vec![0; splitters.len() + 1];
        Ok(Some(Self { splitters, ranges: reserve(items.len())?, counts }))
    }

    /// The next of the items.
    pub(super) fn cut<T: Item<Key = K>>(&mut self, stretch: &[T], rule: Rule<K>) {
        let Self { splitters, ranges, counts } = self;
        ranges.extend(stretch.iter().map(|item| {
            let key = item.key(rule);
            let range = splitters.partition_point(|&splitter| splitter <= key);
            counts[range] += 1;
            range as u8
        }));
    }

    /// When there are no more items.
    pub(super) fn end(self) -> Partition {
        Partition { ranges: self.ranges, counts: self.counts }
    }
}

impl Partition {
    /// Cuts into at most `pieces` ranges; `None` when they would be too short, or all keys be in one.
    pub(super) fn of<T: Item>(items: &[T], rule: Rule<T::Key>, pieces: usize) -> Result<Option<Self>, KernelError> {
        let Some(mut cutting) = Cutting::of(items, rule, pieces)? else { return Ok(None) };
        cutting.cut(items, rule);
        let partition = cutting.end();
        let divided = partition.counts.iter().filter(|&&count| count > 0).count() > 1;
        Ok(divided.then_some(partition))
    }

    /// What belongs to each item, dealt to its range. Ranges without items are left out.
    pub(super) fn deal<U>(&self, values: impl Iterator<Item = U>) -> Result<Vec<Vec<U>>, KernelError> {
        let mut dealing = Dealing::of(self)?;
        dealing.deal(&self.ranges, values);
        Ok(dealing.end())
    }

    /// The ranges of a stretch of items.
    pub(super) fn ranges(&self, stretch: Range<usize>) -> &[u8] {
        &self.ranges[stretch]
    }
}

/// What belongs to each item, on its way to the item's range.
pub(super) struct Dealing<U> {
    dealt: Vec<Vec<U>>,
}

impl<U> Dealing<U> {
    pub(super) fn of(partition: &Partition) -> Result<Self, KernelError> {
        let dealt = partition.counts.iter().map(|&count| reserve(count)).collect::<Result<_, _>>()?;
        Ok(Self { dealt })
    }

    /// What belongs to the next items, which have these ranges.
    pub(super) fn deal(&mut self, ranges: &[u8], values: impl Iterator<Item = U>) {
        for (value, &range) in values.zip(ranges) {
            self.dealt[usize::from(range)].push(value);
        }
    }

    /// What each range has. Ranges without items are left out.
    pub(super) fn end(mut self) -> Vec<Vec<U>> {
        self.dealt.retain(|range| !range.is_empty());
        self.dealt
    }
}

/// The least keys of all ranges but the first; fewer when keys are often the same.
fn splitters<T: Item>(items: &[T], rule: Rule<T::Key>, pieces: usize) -> Vec<T::Key> {
    // Places without a pattern: what is sorted may well have one.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut sample: Vec<T::Key> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items[(state % items.len() as u64) as usize].key(rule)
    })
    .take(pieces * SAMPLES)
    .collect();
    sample.sort_unstable();
    let quantiles: Vec<T::Key> = (1..pieces).map(|range| sample[range * SAMPLES]).collect();
    let mut splitters = Vec::new();
    for same in quantiles.chunk_by(|a, b| a == b) {
        splitters.push(same[0]);
        // A key that is several quantiles fills a range alone: the sort has little to do there, and would else drag others along.
        if same.len() > 1 {
            splitters.extend(sample.get(sample.partition_point(|&key| key <= same[0])));
        }
    }
    splitters.dedup();
    splitters
}
