//! The nearest of many vectors, by looking at all of them: exact.
//!
//! A panel of vectors is packed once for a block of queries, and stays in the first cache while they go through it, four at a time.
//! Who is near is decided by distance and then by place, an order without ties: so it does not matter in which order, on which
//! thread or in which shard vectors are met.

use super::distances::{GROUP, LANES, Panel, dots, lengths, pack, squared};
use super::radix::reserve;
use crate::parallel::{try_map, try_map_chunks};
use crate::shard::{self, Sharding};
use crate::{Array, Cancelled, Job, Kernel, KernelError, Shardable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BinaryHeap;
use std::ops::Range;

/// The nearest of many vectors.
pub struct Knn;

/// What is near to what.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnnParams {
    /// The vectors to search, one after another: at most 4294967295.
    pub data: Array<f32>,
    /// The vectors whose neighbours are wanted, one after another.
    pub queries: Array<f32>,
    /// Elements of each vector, 1 or more.
    #[schemars(example = 384)]
    pub dimensions: u32,
    /// How many neighbours of each query are wanted, 1 or more. All vectors, when there are fewer.
    #[schemars(example = 10)]
    pub k: u32,
    /// What near means.
    #[serde(default)]
    pub metric: KnnMetric,
}

/// What near means. All are computed in f32, element after element; vectors with NaN among their elements come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KnnMetric {
    /// The length of the difference; the least is nearest.
    #[default]
    Euclidean,
    /// 1 less the cosine of the angle, from 0 to 2; the least is nearest. 1 when either vector has no length.
    Cosine,
    /// The dot product; the greatest is nearest.
    Dot,
}

/// The neighbours of each query, the nearest first, of equally near ones that which comes first in `data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KnnOutput {
    /// Which vectors of `data` they are: `[queries, k]`.
    pub indices: Array<u32>,
    /// How far they are, as `metric` says: `[queries, k]`.
    pub distances: Array<f32>,
}

/// Queries that share a packed panel.
const QUERIES: usize = 32;
/// The fewest vectors that are searched as a task of their own.
const LEAST_RUN: usize = 512;
/// Multiplications between two looks at the job: some 0.1 ms.
const SLICE: usize = 1 << 18;
/// The fewest elements that are worth a shard.
const LEAST_SHARD: usize = 1 << 17;
/// The most neighbours in all: a GiB of indices.
pub(super) const MAX_NEIGHBOURS: u64 = 1 << 28;

impl Kernel for Knn {
    const NAME: &'static str = "knn";
    const ABOUT: &'static str = "Finds the k nearest vectors of each query, exactly: Euclidean, cosine or dot product.";
    type Params = KnnParams;
    type Output = KnnOutput;
    type Part = ();

    fn validate(p: &KnnParams) -> Result<(), KernelError> {
        let refused = |field: &str, message: String| Err(KernelError::bad_params(field, message));
        if p.dimensions == 0 {
            return refused("dimensions", "must be 1 or more, got 0".into());
        }
        let dimensions = p.dimensions as usize;
        for (field, array) in [("data", &p.data), ("queries", &p.queries)] {
            if !array.len().is_multiple_of(dimensions) {
                return refused(
                    field,
                    format!("must hold whole vectors of {dimensions} elements, got {}", array.len()),
                );
            }
        }
        let vectors = p.data.len() / dimensions;
        if vectors as u64 > u64::from(u32::MAX) {
            return refused("data", format!("must hold at most {} vectors, got {vectors}", u32::MAX));
        }
        if p.k == 0 {
            return refused("k", "must be 1 or more, got 0".into());
        }
        let queries = p.queries.len() / dimensions;
        if queries as u64 * u64::from(p.k).min(vectors as u64) > MAX_NEIGHBOURS {
            return refused("k", format!("{queries} queries × k must be at most {MAX_NEIGHBOURS}, got a k of {}", p.k));
        }
        Ok(())
    }

    fn run(p: KnnParams, job: &Job) -> Result<KnnOutput, KernelError> {
        let search = Search {
            data: &p.data,
            names: None,
            dimensions: p.dimensions as usize,
            k: (p.k as usize).min(p.data.len() / p.dimensions as usize),
            metric: p.metric,
        };
        let (queries, vectors) = (p.queries.len() / search.dimensions, p.data.len() / search.dimensions);
        job.set_total(queries as u64 * vectors as u64);
        let found = search.all(&p.queries, job)?;
        KnnOutput::of(found.iter().flatten().flatten().copied(), [queries, search.k], p.metric)
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

/// Runs of the vectors to search: the nearest of all are among the nearest of each.
impl Shardable for Knn {
    /// `None` when there is one shard.
    type Plan = Option<KnnPlan>;

    fn split(mut p: KnnParams, pieces: usize) -> Result<(Vec<KnnParams>, Self::Plan), KernelError> {
        let dimensions = p.dimensions as usize;
        let (vectors, queries) = (p.data.len() / dimensions, p.queries.len() / dimensions);
        let k = (p.k as usize).min(vectors);
        // Each shard has as many vectors as are wanted, and work enough.
        let least = (LEAST_SHARD / (dimensions * queries.max(1))).max(4 * k).max(LEAST_RUN);
        let each = vectors.div_ceil(pieces).max(least);
        if vectors <= each || queries == 0 {
            return Ok((vec![p], None));
        }
        let plan = KnnPlan { each, k, queries, metric: p.metric };
        let shard = |from| KnnParams {
            data: p.data.part(from * dimensions..vectors.min(from + each) * dimensions),
            queries: p.queries.part(0..queries * dimensions),
            dimensions: p.dimensions,
            k: p.k,
            metric: p.metric,
        };
        Ok(((0..vectors).step_by(each).map(shard).collect(), Some(plan)))
    }

    fn merge(plan: Self::Plan, outputs: Vec<KnnOutput>) -> Result<KnnOutput, KernelError> {
        let Some(KnnPlan { each, k, queries, metric }) = plan else { return shard::only(outputs) };
        let mut lists = Vec::new();
        for (output, start) in outputs.iter().zip((0_u64..).step_by(each)) {
            let wide = output.indices.len() / queries;
            if wide == 0 || output.indices.len() != wide * queries || output.distances.len() != wide * queries {
                return Err(shard::strange_outputs());
            }
            lists.push((output, wide, start));
        }
        let mut all = reserve(queries * k)?;
        for query in 0..queries {
            let keys = lists.iter().flat_map(|(output, wide, start)| {
                let range = query * wide..(query + 1) * wide;
                let pairs = output.distances[range.clone()].iter().zip(&output.indices[range]);
                pairs.map(move |(&distance, &index)| key(metric.rank(distance), (start + u64::from(index)) as u32))
            });
            all.extend(nearest(keys, k));
        }
        if all.len() != queries * k {
            return Err(shard::strange_outputs());
        }
        KnnOutput::of(all.into_iter(), [queries, k], metric)
    }
}

/// What a merge must know.
pub struct KnnPlan {
    /// Vectors of each shard but the last.
    each: usize,
    k: usize,
    queries: usize,
    metric: KnnMetric,
}

impl KnnOutput {
    /// From keys, `k` of each query.
    pub(super) fn of(
        keys: impl Iterator<Item = u64>,
        shape: [usize; 2],
        metric: KnnMetric,
    ) -> Result<Self, KernelError> {
        let count = shape[0] * shape[1];
        let (mut indices, mut distances) = (reserve(count)?, reserve(count)?);
        keys.for_each(|key| {
            indices.push(key as u32);
            distances.push(metric.distance(rank_of(key)));
        });
        Ok(Self {
            indices: Array::from(indices).with_shape(shape),
            distances: Array::from(distances).with_shape(shape),
        })
    }
}

impl KnnMetric {
    /// What is least for the nearest, of a distance.
    pub(super) fn rank(self, distance: f32) -> f32 {
        if self == Self::Dot { -distance } else { distance }
    }

    /// The distance of a rank.
    fn distance(self, rank: f32) -> f32 {
        // One NaN for all machines, whose sign a change of it must not touch; and no −0.
        if rank.is_nan() { f32::NAN } else { self.rank(rank) + 0.0 }
    }
}

/// A rank and a place as one number, whose order is that of both: NaN after all numbers, −0 with 0.
pub(super) fn key(rank: f32, index: u32) -> u64 {
    let bits = (rank + 0.0).to_bits();
    let order = bits ^ ((bits as i32 >> 31) as u32 | 1 << 31);
    u64::from(if rank.is_nan() { u32::MAX } else { order }) << 32 | u64::from(index)
}

/// The rank of a key.
fn rank_of(key: u64) -> f32 {
    let order = (key >> 32) as u32;
    f32::from_bits(order ^ (!(order as i32 >> 31) as u32 | 1 << 31))
}

/// The least `k` keys, in order.
pub(super) fn nearest(keys: impl Iterator<Item = u64>, k: usize) -> Vec<u64> {
    let mut keys: Vec<u64> = keys.collect();
    keys.sort_unstable();
    keys.truncate(k);
    keys
}

/// What is searched, and for what.
pub(super) struct Search<'a> {
    pub data: &'a [f32],
    /// What each vector is called in what is found: its place, unless told.
    pub names: Option<&'a [u32]>,
    pub dimensions: usize,
    pub k: usize,
    pub metric: KnnMetric,
}

impl Search<'_> {
    /// The nearest of all vectors to each query, in order, by blocks of queries.
    pub fn all<P>(&self, queries: &[f32], job: &Job<P>) -> Result<Vec<Vec<Vec<u64>>>, Cancelled> {
        let vectors = self.data.len() / self.dimensions;
        let blocks = (queries.len() / self.dimensions).div_ceil(QUERIES);
        // Where there are few blocks of queries, their search is divided too.
        let runs = (4 * job.threads()).div_ceil(blocks.max(1));
        let run = vectors.div_ceil(runs).max(LEAST_RUN).next_multiple_of(LANES);
        let block = |queries: &[f32]| {
            let queries: Vec<&[f32]> = queries.chunks(self.dimensions).collect();
            let runs = try_map(vectors.div_ceil(run), |number| {
                self.run(&queries, number * run..vectors.min((number + 1) * run), job)
            })?;
            let first =
                |query: usize| nearest(runs.iter().flat_map(|run: &Vec<Vec<u64>>| run[query].iter().copied()), self.k);
            Ok((0..queries.len()).map(first).collect())
        };
        try_map_chunks(queries, QUERIES * self.dimensions, |_, queries| block(queries))
    }

    /// The nearest of a run of vectors to each of some queries, in no order.
    pub fn run<P>(&self, queries: &[&[f32]], run: Range<usize>, job: &Job<P>) -> Result<Vec<Vec<u64>>, Cancelled> {
        let mut found: Vec<Nearest> = queries.iter().map(|_| Nearest::none(self.k)).collect();
        // Of cosines: the lengths of the queries.
        let own: Vec<f32> =
            queries.iter().map(|query| query.iter().fold(0.0_f32, |sum, x| sum + x * x).sqrt()).collect();
        let mut panel = Panel::new();
        let mut worked = SLICE;
        for first in run.clone().step_by(LANES) {
            let count = LANES.min(run.end - first);
            let vectors = &self.data[first * self.dimensions..(first + count) * self.dimensions];
            pack(vectors, self.dimensions, &mut panel);
            let lengths = if self.metric == KnnMetric::Cosine { lengths(&panel).map(f32::sqrt) } else { [0.0; LANES] };
            let vectors = Vectors { panel: &panel, lengths, first, count };
            for (at, found) in (0..queries.len()).step_by(GROUP).zip(found.chunks_mut(GROUP)) {
                worked += GROUP * LANES * self.dimensions;
                if worked >= SLICE {
                    worked = 0;
                    job.check()?;
                }
                let (queries, own) = (&queries[at..], &own[at..]);
                match queries.len() {
                    1 => self.see::<1>(queries, own, &vectors, found),
                    2 => self.see::<2>(queries, own, &vectors, found),
                    _ => self.see::<GROUP>(queries, own, &vectors, found),
                }
            }
            job.advance((queries.len() * count) as u64);
        }
        Ok(found.into_iter().map(|found| found.keys.into_vec()).collect())
    }

    /// Shows the first `N` queries, of these lengths, the vectors of a panel. Where there are fewer the last stands in for those that are missing.
    #[inline(always)]
    fn see<const N: usize>(&self, queries: &[&[f32]], own: &[f32], vectors: &Vectors, found: &mut [Nearest]) {
        let group: [&[f32]; N] = std::array::from_fn(|i| queries[i.min(queries.len() - 1)]);
        let sums = match self.metric {
            KnnMetric::Euclidean => squared(group, vectors.panel),
            KnnMetric::Cosine | KnnMetric::Dot => dots(group, vectors.panel),
        };
        for ((found, sums), own) in found.iter_mut().zip(sums).zip(own) {
            for (lane, (&sum, theirs)) in sums.iter().zip(vectors.lengths).enumerate().take(vectors.count) {
                let place = vectors.first + lane;
                let index = self.names.map_or(place as u32, |names| names[place]);
                match self.metric {
                    KnnMetric::Euclidean => found.see_square(sum, index),
                    KnnMetric::Dot => found.see(-sum, index),
                    KnnMetric::Cosine => {
                        let size = own * theirs;
                        found.see(if size == 0.0 { 1.0 } else { 1.0 - sum / size }, index);
                    }
                }
            }
        }
    }
}

/// Some of the vectors that are searched.
struct Vectors<'a> {
    panel: &'a Panel,
    /// Of cosines: their lengths.
    lengths: [f32; LANES],
    /// The place of the first.
    first: usize,
    count: usize,
}

/// The nearest so far.
struct Nearest {
    k: usize,
    /// The farthest of them on top.
    keys: BinaryHeap<u64>,
    /// What is greater than this need not be looked at: a rank, or the square of one.
    limit: f32,
}

impl Nearest {
    fn none(k: usize) -> Self {
        Self { k, keys: BinaryHeap::new(), limit: f32::INFINITY }
    }

    /// Sees a vector of some rank.
    #[inline(always)]
    fn see(&mut self, rank: f32, index: u32) {
        // NaN is not greater, and looked at.
        if rank > self.limit {
            return;
        }
        self.keep(key(rank, index));
        self.limit = self.farthest().unwrap_or(f32::INFINITY);
    }

    /// Sees a vector by the square of its rank, whose root is taken only if it may matter.
    #[inline(always)]
    fn see_square(&mut self, square: f32, index: u32) {
        if square > self.limit {
            return;
        }
        self.keep(key(square.sqrt(), index));
        // A little more than the square, so that rounding leaves out none that is as near.
        self.limit = self.farthest().map_or(f32::INFINITY, |rank| rank * rank * 1.000_001 + 1e-44);
    }

    /// The rank of the farthest, once there are enough.
    fn farthest(&self) -> Option<f32> {
        self.keys.peek().filter(|_| self.keys.len() == self.k).map(|&key| rank_of(key))
    }

    fn keep(&mut self, key: u64) {
        if self.keys.len() < self.k {
            self.keys.push(key);
        } else if let Some(mut farthest) = self.keys.peek_mut()
            && key < *farthest
        {
            *farthest = key;
        }
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::super::distances::tests::noise;
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;

    const METRICS: [KnnMetric; 3] = [KnnMetric::Euclidean, KnnMetric::Cosine, KnnMetric::Dot];

    fn params(data: Vec<f32>, queries: Vec<f32>, dimensions: u32, k: u32, metric: KnnMetric) -> KnnParams {
        KnnParams { data: data.into(), queries: queries.into(), dimensions, k, metric }
    }

    fn neighbours(p: KnnParams) -> KnnOutput {
        let job = Job::detached();
        let output = run::<Knn>(p, &job).unwrap();
        let (done, total) = job.progress();
        assert_eq!(done, total);
        output
    }

    /// By all distances, sorted: the definition, in f32 as the kernel documents.
    fn check(p: KnnParams) {
        let dimensions = p.dimensions as usize;
        let rows: Vec<&[f32]> = p.data.chunks(dimensions).collect();
        let k = rows.len().min(p.k as usize);
        let found = neighbours(p.clone());
        let queries: Vec<&[f32]> = p.queries.chunks(dimensions).collect();
        assert_eq!(found.indices.shape(), Some(&[queries.len(), k][..]));
        assert_eq!(found.distances.shape(), Some(&[queries.len(), k][..]));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).fold(0.0_f32, |sum, (a, b)| sum + a * b);
        for (at, query) in queries.iter().enumerate() {
            let distance = |row: &&[f32]| match p.metric {
                KnnMetric::Euclidean => {
                    query.iter().zip(*row).fold(0.0_f32, |sum, (a, b)| sum + (a - b) * (a - b)).sqrt()
                }
                KnnMetric::Dot => dot(query, row),
                KnnMetric::Cosine => match dot(query, query).sqrt() * dot(row, row).sqrt() {
                    0.0 => 1.0,
                    size => 1.0 - dot(query, row) / size,
                },
            };
            let mut all: Vec<(f32, u32)> = rows.iter().map(distance).zip(0..).collect();
            let sign = if p.metric == KnnMetric::Dot { -1.0 } else { 1.0 };
            let number = |x: f32| if x.is_nan() { f32::INFINITY } else { sign * x };
            all.sort_by(|a, b| {
                (a.0.is_nan(), number(a.0), a.1).partial_cmp(&(b.0.is_nan(), number(b.0), b.1)).unwrap()
            });
            for (i, (distance, index)) in all.into_iter().take(k).enumerate() {
                assert_eq!(found.indices[at * k + i], index, "{:?}, neighbour {i} of {at}", p.metric);
                let same = found.distances[at * k + i] == distance
                    || distance.is_nan() && found.distances[at * k + i].is_nan();
                assert!(same, "{:?}: {} for {distance}", p.metric, found.distances[at * k + i]);
            }
        }
    }

    #[test]
    fn neighbours_of_all_shapes() {
        for (vectors, queries, dimensions, k) in [
            (0, 3, 2, 1),
            (1, 1, 1, 5),
            (7, 1, 3, 2),
            (8, 4, 1, 8),
            (9, 5, 4, 3),
            (2000, 1, 16, 10),
            (1100, 70, 33, 1500),
            (5, 0, 4, 1),
        ] {
            for metric in METRICS {
                let (data, asked) = (noise(vectors * dimensions, 3), noise(queries * dimensions, 5));
                check(params(data, asked, dimensions as u32, k, metric));
            }
        }
    }

    #[test]
    fn of_equally_near_ones_the_first() {
        let data: Vec<f32> = (0..3000).map(|i| (i % 3) as f32).collect();
        for metric in METRICS {
            check(params(data.clone(), vec![0.0, 1.0, -2.0, 5.0], 1, 40, metric));
            check(params(vec![0.25; 4000], vec![1e-20, 1e20], 2, 7, metric));
        }
    }

    #[test]
    fn odd_numbers() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        let data = vec![nan, 1.0, 0.0, 0.0, 3.0, 4.0, inf, 1.0, 1e-30, 0.0, -1.0, -1.0, 1e30, 0.0, nan, nan];
        for metric in METRICS {
            for k in [2, 8] {
                check(params(data.clone(), vec![1.0, 2.0, 0.0, 0.0, nan, 1.0, 3e-30, 0.0], 2, k, metric));
            }
        }
    }

    #[test]
    fn keys_have_the_order_of_ranks_and_places() {
        let ranks = [f32::NEG_INFINITY, -2.0, -1e-45, 0.0, 1e-45, 1.0, f32::INFINITY, f32::NAN];
        let keys: Vec<u64> = ranks.iter().flat_map(|&rank| [key(rank, 0), key(rank, 9)]).collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
        assert!(ranks.iter().all(|&rank| {
            let back = rank_of(key(rank, 7));
            back.to_bits() == rank.to_bits() || back.is_nan() && rank.is_nan()
        }));
        assert_eq!(key(-0.0, 1), key(0.0, 1));
        assert_eq!(key(-f32::NAN, 1), key(f32::NAN, 1));
    }

    #[test]
    fn unusable_params_are_refused() {
        let refused = |change: fn(&mut KnnParams), expected: &str| {
            let mut p = params(vec![1.0; 6], vec![1.0; 2], 2, 2, KnnMetric::Dot);
            change(&mut p);
            assert_eq!(Knn::validate(&p).unwrap_err().to_string(), expected);
        };
        refused(|p| p.dimensions = 0, "dimensions: must be 1 or more, got 0");
        refused(|p| p.dimensions = 4, "data: must hold whole vectors of 4 elements, got 6");
        refused(|p| p.queries = vec![1.0; 3].into(), "queries: must hold whole vectors of 2 elements, got 3");
        refused(|p| p.k = 0, "k: must be 1 or more, got 0");
    }

    #[test]
    fn shards_make_the_whole_on_any_number_of_threads() {
        for metric in METRICS {
            let mut data = noise(5001 * 12, 3);
            data[777] = f32::NAN;
            // Few values, so that there are ties across shards.
            let ties: Vec<f32> = noise(5001 * 12, 7).iter().map(|x| x.round()).collect();
            for data in [data, ties] {
                for (queries, k, shards) in [(40, 10, 10), (1, 3, 1), (40, 3000, 1)] {
                    let p = params(data.clone(), noise(queries * 12, 5), 12, k, metric);
                    assert_eq!(check_shards::<Knn>(&p), shards);
                    let text = format!("{:?}", neighbours(p.clone()));
                    for threads in [1, 3, 8] {
                        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                        assert!(format!("{:?}", pool.install(|| neighbours(p.clone()))) == text, "{threads} threads");
                    }
                }
            }
        }
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let p = params(noise(9000 * 12, 3), noise(40 * 12, 5), 12, 3, KnnMetric::Euclidean);
        let strange = KnnOutput { indices: vec![1, 2].into(), distances: vec![0.5].into() };
        for outputs in [vec![], vec![strange]] {
            let (_, plan) = Knn::split(p.clone(), 2).unwrap();
            assert!(matches!(Knn::merge(plan, outputs), Err(KernelError::Failed { .. })));
        }
    }

    #[test]
    fn a_cancelled_job_stops() {
        let job = Job::detached();
        job.control().request_cancel();
        let p = params(noise(9000, 3), noise(40, 5), 1, 3, KnnMetric::Cosine);
        assert_eq!(run::<Knn>(p, &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    proptest! {
        #[test]
        fn any_shapes(vectors in 0..200_usize, queries in 0..10_usize, dimensions in 1..20_usize, k in 1..30_u32, seed: u64) {
            for metric in METRICS {
                check(params(noise(vectors * dimensions, seed), noise(queries * dimensions, seed ^ 77), dimensions as u32, k, metric));
            }
        }
    }
}
