//! Divides what is to be sorted into ranges of keys, each to be sorted on its own: the shards of `sort` and `argsort`.
//!
//! Equal keys share a range, and a range keeps its items in the order in which they came. So the sorted ranges, one after
//! another, are the whole sorted stably, wherever the ranges were cut. That is chosen by quantiles of a sample, and decides
//! the balance only. (W. D. Frazer and A. C. McKellar, Journal of the ACM 17, 1970.)

use super::radix::{Item, Rule, reserve};
use crate::KernelError;

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

impl Partition {
    /// Cuts into at most `pieces` ranges; `None` when they would be too short, or all keys be in one.
    pub(super) fn of<T: Item>(items: &[T], rule: Rule<T::Key>, pieces: usize) -> Result<Option<Self>, KernelError> {
        let pieces = pieces.min(items.len() / LEAST).min(MOST);
        if pieces < 2 {
            return Ok(None);
        }
        let splitters = splitters(items, rule, pieces);
        let (mut ranges, mut counts) = (reserve(items.len())?, vec![0; splitters.len() + 1]);
        ranges.extend(items.iter().map(|item| {
            let key = item.key(rule);
            let range = splitters.partition_point(|&splitter| splitter <= key);
            counts[range] += 1;
            range as u8
        }));
        let divided = counts.iter().filter(|&&count| count > 0).count() > 1;
        Ok(divided.then_some(Self { ranges, counts }))
    }

    /// What belongs to each item, dealt to its range. Ranges without items are left out.
    pub(super) fn deal<U>(&self, values: impl Iterator<Item = U>) -> Result<Vec<Vec<U>>, KernelError> {
        let mut dealt: Vec<Vec<U>> = self.counts.iter().map(|&count| reserve(count)).collect::<Result<_, _>>()?;
        for (value, &range) in values.zip(&self.ranges) {
            dealt[usize::from(range)].push(value);
        }
        dealt.retain(|range| !range.is_empty());
        Ok(dealt)
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
