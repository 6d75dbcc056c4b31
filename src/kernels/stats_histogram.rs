//! Counts of numbers in bins.

use super::number::{Number, in_runs, part};
use crate::array::{AnyArray, Array};
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Cancelled, Job, Kernel, KernelError, Shardable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Counts of numbers in bins.
pub struct StatsHistogram;

/// What to count, and in which bins: `bins` of equal width, or those between `edges`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatsHistogramParams {
    /// The numbers: a typed array of any kind, at most 4294967295.
    pub data: AnyArray,
    /// How many bins of equal width, 1 to 1048576. 10 unless told, or unless there are `edges`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bins: Option<u32>,
    /// Where the first bin begins and the last one ends. From the least finite number to the greatest unless told; when those
    /// are the same number, from half below to half above; when there are none, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// The ends of bins of any width, none below the one before: two or more, in place of `bins` and `range`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edges: Option<Vec<f64>>,
}

/// The counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatsHistogramOutput {
    /// Numbers `x` of each bin: `edges[i] ≤ x < edges[i + 1]`; the last bin has its upper edge too.
    pub counts: Array<u32>,
    /// The ends of the bins: one more than there are bins.
    pub edges: Array<f64>,
    /// Numbers below the first bin.
    pub below: u32,
    /// Numbers above the last bin.
    pub above: u32,
    /// NaNs, which lie nowhere.
    pub nans: u32,
}

/// The most bins: 4 MiB of counts.
const MAX_BINS: u32 = 1 << 20;
/// Numbers between two looks at the job: some 50 µs, ten times as long where each is searched for among edges.
const SLICE: usize = 1 << 13;
/// The fewest numbers that are worth a shard: some 0.2 ms.
const LEAST_SHARD: usize = 1 << 16;

impl Kernel for StatsHistogram {
    const NAME: &'static str = "stats.histogram";
    const ABOUT: &'static str = "Counts the numbers of a typed array in bins of equal width or between given edges.";
    type Params = StatsHistogramParams;
    type Output = StatsHistogramOutput;
    type Part = ();

    fn validate(p: &StatsHistogramParams) -> Result<(), KernelError> {
        let refused = |field: &str, message: String| Err(KernelError::bad_params(field, message));
        if p.data.len() as u64 > u64::from(u32::MAX) {
            return refused("data", format!("must have at most {} elements, got {}", u32::MAX, p.data.len()));
        }
        if let Some(bins) = p.bins.filter(|bins| !(1..=MAX_BINS).contains(bins)) {
            return refused("bins", format!("must be 1 to {MAX_BINS}, got {bins}"));
        }
        if let Some([low, high]) = p.range
            && !(low < high && low.is_finite() && high.is_finite())
        {
            return refused("range", format!("must be two finite numbers, the lower first, got {low} and {high}"));
        }
        let Some(edges) = &p.edges else { return Ok(()) };
        for (field, given) in [("bins", p.bins.is_some()), ("range", p.range.is_some())] {
            if given {
                return refused(field, "cannot be given together with edges".into());
            }
        }
        if !(2..=MAX_BINS as usize + 1).contains(&edges.len()) {
            return refused("edges", format!("must be 2 to {} numbers, got {}", MAX_BINS + 1, edges.len()));
        }
        if let Some(at) = edges.iter().position(|edge| edge.is_nan()) {
            return refused(&format!("edges.{at}"), "must be a number, got NaN".into());
        }
        if let Some(at) = (1..edges.len()).find(|&at| edges[at] < edges[at - 1]) {
            let message = format!("must not be below the edge before, {}, got {}", edges[at - 1], edges[at]);
            return refused(&format!("edges.{at}"), message);
        }
        Ok(())
    }

    fn run(p: StatsHistogramParams, job: &Job) -> Result<StatsHistogramOutput, KernelError> {
        let total = p.data.len() as u64;
        let ranged = p.edges.is_some() || p.range.is_some();
        job.set_total(total * if ranged { 1 } else { 2 });
        let bins = Bins::of(&p, job)?;
        let counts = crate::array::each_kind!(&p.data, array => count(array, &bins, job)?);
        Ok(counts.output(bins))
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::with_turns::<Self>())
    }
}

/// Runs of numbers, all counted in the bins of the whole.
impl Shardable for StatsHistogram {
    type Plan = ();

    fn split(p: StatsHistogramParams, pieces: usize) -> Result<(Vec<StatsHistogramParams>, ()), KernelError> {
        let len = p.data.len();
        let each = len.div_ceil(pieces).max(LEAST_SHARD);
        if len <= each {
            return Ok((vec![p], ()));
        }
        let range = match &p.edges {
            Some(_) => None,
            None => Some(p.range.map_or_else(|| extent(&p.data, &Job::detached()), Ok)?),
        };
        let mut data = p.data;
        let shard = |start| StatsHistogramParams {
            data: part(&mut data, start, each.min(len - start)),
            bins: p.bins,
            range,
            edges: p.edges.clone(),
        };
        Ok(((0..len).step_by(each).map(shard).collect(), ()))
    }

    fn merge((): (), outputs: Vec<StatsHistogramOutput>) -> Result<StatsHistogramOutput, KernelError> {
        let mut outputs = outputs.into_iter();
        let mut whole = outputs.next().ok_or_else(shard::strange_outputs)?;
        for output in outputs {
            if output.counts.len() != whole.counts.len() {
                return Err(shard::strange_outputs());
            }
            let pairs = whole.counts.iter_mut().zip(output.counts.iter());
            let rest =
                [(&mut whole.below, &output.below), (&mut whole.above, &output.above), (&mut whole.nans, &output.nans)];
            for (sum, &more) in pairs.chain(rest) {
                *sum = sum.checked_add(more).ok_or_else(shard::strange_outputs)?;
            }
        }
        Ok(whole)
    }
}

/// A histogram in one instance: where the bins lie is looked for in turns.
pub enum HistogramTurns {
    /// The least and the greatest of the numbers before this one.
    Extent(StatsHistogramParams, Aim, usize, [f64; 2]),
    /// Units in all.
    Counting(u64),
}

/// Numbers of a turn: a millisecond or two.
const TURN: usize = 1 << 20;

impl Rounds for StatsHistogram {
    type Shard = StatsHistogramParams;
    type Given = StatsHistogramOutput;
    type State = HistogramTurns;

    fn begin(p: StatsHistogramParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        let total = p.data.len() as u64;
        if p.edges.is_none() && p.range.is_none() && p.data.len() > TURN {
            let state = HistogramTurns::Extent(p, aim, 0, NOTHING);
            return Ok(Round::Next { shards: Vec::new(), state, progress: (0, 2 * total) });
        }
        let (mut shards, ()) = Self::split(p, aim.pieces)?;
        if shards.len() == 1 {
            return Ok(Round::Whole(shards.remove(0)));
        }
        Ok(Round::Next { shards, state: HistogramTurns::Counting(total), progress: (0, total) })
    }

    fn run_shard(p: StatsHistogramParams, job: &Job) -> Result<StatsHistogramOutput, KernelError> {
        Self::run(p, job)
    }

    fn go_on(state: HistogramTurns, outputs: Vec<StatsHistogramOutput>, job: &Job) -> Result<Round<Self>, KernelError> {
        match state {
            HistogramTurns::Extent(mut p, aim, at, found) => {
                let len = p.data.len();
                let (end, total) = (len.min(at + TURN), 2 * len as u64);
                let found = both(found, ends(&p.data, at..end, job)?);
                if end < len {
                    let state = HistogramTurns::Extent(p, aim, end, found);
                    return Ok(Round::Next { shards: Vec::new(), state, progress: (end as u64, total) });
                }
                p.range = Some(widened(found));
                let (shards, ()) = Self::split(p, aim.pieces)?;
                Ok(Round::Next { shards, state: HistogramTurns::Counting(total), progress: (len as u64, total) })
            }
            HistogramTurns::Counting(total) => Ok(Round::Done { output: Self::merge((), outputs)?, total }),
        }
    }
}

/// Where the bins of equal width begin and end when the caller does not say.
fn extent(data: &AnyArray, job: &Job) -> Result<[f64; 2], Cancelled> {
    Ok(widened(ends(data, 0..data.len(), job)?))
}

/// The least and the greatest of some of the numbers.
fn ends(data: &AnyArray, which: Range<usize>, job: &Job) -> Result<[f64; 2], Cancelled> {
    crate::array::each_kind!(data, array => {
        let array = &array[which];
        let work = |run: Range<usize>| {
            job.check()?;
            let finite = array[run.clone()].iter().map(|x| x.to_f64()).filter(|x| x.is_finite());
            job.advance(run.len() as u64);
            Ok(finite.fold(NOTHING, |all, x| both(all, [x, x])))
        };
        Ok(in_runs(array.len(), SLICE, &work, both)?.unwrap_or(NOTHING))
    })
}

/// Ends between which bins have a width.
fn widened([low, high]: [f64; 2]) -> [f64; 2] {
    match low.partial_cmp(&high) {
        Some(std::cmp::Ordering::Less) => [low, high],
        Some(std::cmp::Ordering::Equal) => [low - 0.5, high + 0.5],
        _ => [0.0, 1.0],
    }
}

/// The ends of no numbers.
const NOTHING: [f64; 2] = [f64::INFINITY, f64::NEG_INFINITY];

/// The ends of what lies between either.
fn both([a, b]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    [if c < a { c } else { a }, if d > b { d } else { b }]
}

/// The bins of a job.
struct Bins {
    edges: Vec<f64>,
    /// Of bins of equal width, how many there are to one. Where a number lies by it is a guess, which the edges correct.
    density: Option<f64>,
}

impl Bins {
    fn of(p: &StatsHistogramParams, job: &Job) -> Result<Self, Cancelled> {
        if let Some(edges) = &p.edges {
            return Ok(Self { edges: edges.clone(), density: None });
        }
        let [low, high] = p.range.map_or_else(|| extent(&p.data, job), Ok)?;
        let bins = p.bins.unwrap_or(10);
        let (width, count) = (high - low, f64::from(bins));
        let step = width / count;
        let edge = |i: u32| match f64::from(i) {
            _ if i == bins => high,
            i if !width.is_finite() => low * (1.0 - i / count) + high * (i / count),
            i if step == 0.0 => i / count * width + low,
            i => i * step + low,
        };
        // Rounding must not make an edge overtake the last one.
        let edges = (0..=bins).map(|i| edge(i).min(high)).collect();
        Ok(Self { edges, density: Some(count / width).filter(|density| density.is_normal()) })
    }

    /// The bin of a number; of one below the first edge a place after the last, of one above it the next, of NaN the third.
    #[inline(always)]
    fn place(&self, x: f64) -> usize {
        let edges = &self.edges[..];
        let bins = edges.len() - 1;
        let (low, high) = (edges[0], edges[bins]);
        if !(x >= low && x < high) {
            return if x == high {
                bins - 1
            } else {
                bins + if x < low {
                    0
                } else if x > high {
                    1
                } else {
                    2
                }
            };
        }
        if let Some(density) = self.density {
            let guess = (((x - low) * density) as usize).min(bins - 1);
            let guess = guess - usize::from(x < edges[guess]);
            let guess = guess + usize::from(x >= edges[guess + 1]);
            if edges[guess] <= x && x < edges[guess + 1] {
                return guess;
            }
        }
        edges.partition_point(|&edge| edge <= x) - 1
    }
}

/// Counts of all places.
struct Counts(Vec<u32>);

impl Counts {
    fn none(bins: &Bins) -> Self {
        Self(vec![0; bins.edges.len() + 2])
    }

    fn add(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
        self
    }

    fn output(self, bins: Bins) -> StatsHistogramOutput {
        let Self(mut counts) = self;
        let rest = counts.split_off(bins.edges.len() - 1);
        let [below, above, nans] = [rest[0], rest[1], rest[2]];
        StatsHistogramOutput { counts: counts.into(), edges: bins.edges.into(), below, above, nans }
    }
}

fn count<T: Number>(data: &[T], bins: &Bins, job: &Job) -> Result<Counts, Cancelled> {
    // No more runs than threads where counts are many.
    let runs = job.threads() * if bins.edges.len() > 1 << 12 { 1 } else { 4 };
    let work = |run: Range<usize>| {
        let mut counts = Counts::none(bins);
        for slice in data[run].chunks(SLICE) {
            job.check()?;
            slice.iter().for_each(|x| counts.0[bins.place(x.to_f64())] += 1);
            job.advance(slice.len() as u64);
        }
        Ok(counts)
    };
    let run = data.len().div_ceil(runs).max(SLICE);
    Ok(in_runs(data.len(), run, &work, Counts::add)?.unwrap_or_else(|| Counts::none(bins)))
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::array::F16;
    use crate::kernel::run;
    use crate::shard::testing::{check_pieces, check_shards};
    use proptest::prelude::*;

    fn params(data: impl Into<AnyArray>) -> StatsHistogramParams {
        StatsHistogramParams { data: data.into(), bins: None, range: None, edges: None }
    }

    fn histogram(p: StatsHistogramParams) -> StatsHistogramOutput {
        let job = Job::detached();
        let output = run::<StatsHistogram>(p, &job).unwrap();
        let (done, total) = job.progress();
        assert_eq!(done, total);
        output
    }

    /// By the definition, with the edges that were found.
    fn check(data: &[f64], found: &StatsHistogramOutput) {
        let (edges, last) = (&found.edges, found.edges.len() - 1);
        let mut counts = vec![0; last];
        let [mut below, mut above, mut nans] = [0; 3];
        for &x in data {
            let inside = (0..last).find(|&i| edges[i] <= x && (x < edges[i + 1] || i == last - 1 && x == edges[last]));
            match inside {
                // Of equal edges at the end the last bin has the number.
                Some(_) if x == edges[last] => counts[last - 1] += 1,
                Some(i) => counts[i] += 1,
                None if x.is_nan() => nans += 1,
                None if x < edges[0] => below += 1,
                None => above += 1,
            }
        }
        assert_eq!((&counts[..], below, above, nans), (&found.counts[..], found.below, found.above, found.nans));
    }

    #[test]
    fn bins_of_equal_width() {
        let found = histogram(params(Array::from(vec![0_u8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])));
        assert_eq!(found.counts[..], [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
        assert_eq!(found.edges[..], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        let found = histogram(StatsHistogramParams { bins: Some(2), ..params(Array::from(vec![3_i32; 5])) });
        assert_eq!((&found.counts[..], &found.edges[..]), (&[0, 5][..], &[2.5, 3.0, 3.5][..]));
        let found = histogram(StatsHistogramParams { bins: Some(2), ..params(Array::<f32>::from(vec![])) });
        assert_eq!((&found.counts[..], &found.edges[..]), (&[0, 0][..], &[0.0, 0.5, 1.0][..]));
        let odd = vec![f64::NAN, f64::INFINITY, -f64::INFINITY, 1.0, 2.0];
        let found = histogram(StatsHistogramParams { bins: Some(1), ..params(Array::from(odd)) });
        assert_eq!((found.counts[0], found.below, found.above, found.nans), (2, 1, 1, 1));
        assert_eq!(found.edges[..], [1.0, 2.0]);
    }

    #[test]
    fn ranges_that_f64_can_hardly_hold() {
        for (data, bins) in [
            (vec![-f64::MAX, f64::MAX, 0.0, 1.0, -1e308], 7),
            (vec![0.0, 5e-324, 1e-323, 2e-323], 13),
            (vec![1.0, 1.0 + f64::EPSILON], 10),
            (vec![1e300, -1e-300, 0.1, 0.2, 0.7], 100),
        ] {
            let found = histogram(StatsHistogramParams { bins: Some(bins), ..params(Array::from(data.clone())) });
            assert!(found.edges.is_sorted(), "{:?}", found.edges);
            check(&data, &found);
        }
    }

    #[test]
    fn edges_of_any_width() {
        let edges = vec![f64::NEG_INFINITY, -1.0, -1.0, 0.0, 5.0, 5.0];
        let data: Vec<f32> =
            (-40..40).map(|i| i as f32 / 4.0).chain([f32::NAN, f32::INFINITY, -f32::INFINITY]).collect();
        let found = histogram(StatsHistogramParams { edges: Some(edges.clone()), ..params(Array::from(data.clone())) });
        assert_eq!(found.edges[..], edges);
        assert_eq!((found.counts[4], found.above, found.nans), (1, 20, 1));
        check(&data.iter().map(|&x| x.into()).collect::<Vec<_>>(), &found);
    }

    #[test]
    fn unusable_params_are_refused() {
        let refused = |change: fn(&mut StatsHistogramParams), expected: &str| {
            let mut p = params(Array::from(vec![1_u8]));
            change(&mut p);
            assert_eq!(StatsHistogram::validate(&p).unwrap_err().to_string(), expected);
        };
        refused(|p| p.bins = Some(0), "bins: must be 1 to 1048576, got 0");
        refused(|p| p.range = Some([1.0, 1.0]), "range: must be two finite numbers, the lower first, got 1 and 1");
        refused(
            |p| p.range = Some([0.0, f64::NAN]),
            "range: must be two finite numbers, the lower first, got 0 and NaN",
        );
        refused(|p| p.edges = Some(vec![1.0]), "edges: must be 2 to 1048577 numbers, got 1");
        refused(|p| p.edges = Some(vec![1.0, f64::NAN]), "edges.1: must be a number, got NaN");
        refused(|p| p.edges = Some(vec![1.0, 0.5]), "edges.1: must not be below the edge before, 1, got 0.5");
        let both = |p: &mut StatsHistogramParams| (p.bins, p.edges) = (Some(3), Some(vec![0.0, 1.0]));
        refused(both, "bins: cannot be given together with edges");
    }

    #[test]
    fn shards_make_the_whole_on_any_number_of_threads() {
        let data: Vec<f64> = (0..200_003_u64)
            .map(|i| match i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) {
                x if x % 50 == 0 => [f64::NAN, f64::INFINITY, -0.0, -f64::INFINITY][x as usize / 50 % 4],
                x => (x >> 40) as f64 / 1e4,
            })
            .collect();
        for p in [
            params(Array::from(data.clone())),
            StatsHistogramParams { bins: Some(5000), ..params(Array::from(data.clone())) },
            StatsHistogramParams { bins: Some(9), range: Some([-1.0, 1000.0]), ..params(Array::from(data.clone())) },
            StatsHistogramParams { edges: Some(vec![0.0, 10.0, 500.5, 1e9]), ..params(Array::from(data.clone())) },
        ] {
            let found = histogram(p.clone());
            if found.counts.len() < 100 {
                check(&data, &found);
            }
            assert_eq!(check_shards::<StatsHistogram>(&p), 4);
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(pool.install(|| histogram(p.clone())), found);
            }
        }
        let halves = Array::from((0..100_000_u32).map(|i| F16(i as u16)).collect::<Vec<_>>());
        assert_eq!(check_shards::<StatsHistogram>(&params(halves)), 2);
        // The extent of so many is looked for in several turns; the least and the greatest lie in the last.
        let many = (0..2 * TURN + 99).map(|i| (i * 7919 % 65_521) as f32 * if i > 2 * TURN { 3.5 } else { 1.0 } - 9.0);
        assert_eq!(check_pieces::<StatsHistogram>(&params(Array::from(many.collect::<Vec<_>>())), 7), 7);
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let found = |bins| histogram(StatsHistogramParams { bins: Some(bins), ..params(Array::from(vec![1_u8, 2])) });
        for outputs in [vec![], vec![found(2), found(3)]] {
            assert!(matches!(StatsHistogram::merge((), outputs), Err(KernelError::Failed { .. })));
        }
    }

    #[test]
    fn a_cancelled_job_counts_nothing() {
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(run::<StatsHistogram>(params(Array::from(vec![2.0; 100_000])), &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    proptest! {
        #[test]
        fn any_floats(data in prop::collection::vec(any::<f64>(), 0..300), bins in 1..60_u32) {
            let found = histogram(StatsHistogramParams { bins: Some(bins), ..params(Array::from(data.clone())) });
            prop_assert!(found.edges.is_sorted());
            check(&data, &found);
        }

        #[test]
        fn any_edges(data in prop::collection::vec(-9.0..9.0_f64, 0..300), mut edges in prop::collection::vec(-9.0..9.0_f64, 2..40)) {
            edges.sort_by(f64::total_cmp);
            check(&data, &histogram(StatsHistogramParams { edges: Some(edges), ..params(Array::from(data.clone())) }));
        }
    }
}
