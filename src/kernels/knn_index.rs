//! An index of many vectors for [`knn.search`](super::KnnSearch): the vectors in lists, each around a centroid (IVF-Flat).
//! (J. Sivic and A. Zisserman, Video Google, ICCV 2003; H. Jégou, M. Douze and C. Schmid, IEEE TPAMI 33, 2011.)
//!
//! The centroids are the k-means of some of the vectors. A search looks at the lists whose centroids are nearest to its query only, and
//! at each vector of them: what it finds is as far as it says, but a nearer one in another list may be missed.

use super::distances::GROUP;
use super::kmeans::{Centroids, Kmeans, KmeansGiven, KmeansParams, KmeansShard, KmeansState, MAX_K, Rows, TURN, worth};
use super::knn::KnnMetric;
use super::radix::reserve;
use super::random::Random;
use crate::parallel::{chunk, try_each_chunk};
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Array, Cancelled, Job, Kernel, KernelError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Builds an index of vectors.
pub struct KnnIndex;

/// What to index.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnnIndexParams {
    /// The vectors, one after another: finite numbers, one vector at least and 4294967295 at most.
    pub data: Array<f32>,
    /// Elements of each vector, 1 or more.
    #[schemars(example = 384)]
    pub dimensions: u32,
    /// What near means for the searches.
    #[serde(default)]
    pub metric: KnnMetric,
    /// Lists to divide the vectors into: 1 to as many as there are vectors, at most 65536. The root of their number unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists: Option<u32>,
    /// What the choice of centroids is drawn from: the same seed gives the same index. 0 unless told.
    #[serde(default)]
    pub seed: u64,
}

/// The index: what `knn.search` takes, field by field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnnIndexOutput {
    /// The middle of each list: `[lists, dimensions]`. Of directions, for `cosine`.
    pub centroids: Array<f32>,
    /// Where each list begins in `vectors`, counted in vectors, and after the last where that ends: lists + 1 numbers.
    pub offsets: Array<u32>,
    /// Which vector of `data` each of `vectors` is. Within a list they are in the order of `data`.
    pub order: Array<u32>,
    /// The vectors of `data`, list by list.
    pub vectors: Array<f32>,
    /// Elements of each vector.
    pub dimensions: u32,
    /// What near means.
    pub metric: KnnMetric,
}

/// Vectors of a list that its centroid is made of, about.
const SAMPLE: usize = 64;
/// Iterations of the k-means: more hardly change what is found.
const ITERATIONS: u32 = 10;
/// Elements that are worked on between two looks at the job.
const SLICE: usize = 1 << 16;

impl Kernel for KnnIndex {
    const NAME: &'static str = "knn.index";
    const ABOUT: &'static str =
        "Builds an index of vectors, with which knn.search finds near ones without looking at all.";
    type Params = KnnIndexParams;
    type Output = KnnIndexOutput;
    type Part = ();

    fn validate(p: &KnnIndexParams) -> Result<(), KernelError> {
        let refused = |field: &str, message: String| Err(KernelError::bad_params(field, message));
        if p.dimensions == 0 {
            return refused("dimensions", "must be 1 or more, got 0".into());
        }
        let dimensions = p.dimensions as usize;
        let (vectors, rest) = (p.data.len() / dimensions, p.data.len() % dimensions);
        if vectors == 0 || rest > 0 {
            let len = p.data.len();
            return refused("data", format!("must hold one or more whole vectors of {dimensions} elements, got {len}"));
        }
        if vectors as u64 > u64::from(u32::MAX) {
            return refused("data", format!("must hold at most {} vectors, got {vectors}", u32::MAX));
        }
        let most = vectors.min(MAX_K as usize);
        match p.lists {
            Some(lists) if lists == 0 || lists as usize > most => {
                refused("lists", format!("must be 1 to {most} for {vectors} vectors, got {lists}"))
            }
            _ => Ok(()),
        }
    }

    fn run(p: KnnIndexParams, job: &Job) -> Result<KnnIndexOutput, KernelError> {
        let rows = Rows::of(&p.data, p.dimensions as usize);
        let lists = p.count_of_lists();
        job.set_total(p.units());
        rows.refuse_odd(job)?;
        job.will_return(p.data.len() * size_of::<f32>());
        let (mut sampling, mut budget) = (Sampling::of(&p)?, usize::MAX);
        sampling.go_on(&rows, &p, &mut budget);
        let sample = sampling.params(&p);
        let centroids = job.stage(rows.count as u64, |stage| Kmeans::run(sample, stage))?.centroids;
        let mut labels = reserve(rows.count)?;
        labels.resize(rows.count, 0);
        label_all(&rows, p.metric, &centroids, &mut labels, job)?;
        let mut order = Order::of(&labels, lists)?;
        for at in (0..rows.count).step_by(SLICE) {
            job.check()?;
            order.go_on(&labels, at..rows.count.min(at + SLICE));
        }
        let vectors = gathered(&rows, &order.order, job)?;
        Ok(order.output(&p, centroids, vectors))
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

/// The rounds of the k-means, then for workers one of shards that find the lists of some vectors. The rest is copying: turns
/// without shards.
impl Rounds for KnnIndex {
    type Shard = KnnIndexShard;
    type Given = KnnIndexGiven;
    type State = KnnIndexState;

    fn begin(p: KnnIndexParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        if !aim.short && worth(aim.pieces, p.data.len(), p.count_of_lists()) < 2 {
            return Ok(Round::Whole(p));
        }
        Ok(KnnIndexState { p, aim, step: Step::Odd(0) }.next(0))
    }

    fn run_shard(shard: KnnIndexShard, job: &Job) -> Result<KnnIndexGiven, KernelError> {
        match shard {
            KnnIndexShard::Kmeans(shard) => {
                job.stage(0, |stage| Kmeans::run_shard(shard, stage)).map(KnnIndexGiven::Kmeans)
            }
            KnnIndexShard::Sample(sample) => {
                let found = job.stage(0, |stage| Kmeans::run(sample, stage))?;
                Ok(KnnIndexGiven::Centroids(found.centroids))
            }
            KnnIndexShard::Vectors { data, dimensions, metric, centroids } => {
                let rows = Rows::of(&data, dimensions as usize);
                let mut labels = reserve(rows.count)?;
                labels.resize(rows.count, 0);
                label_all(&rows, metric, &centroids, &mut labels, job)?;
                Ok(KnnIndexGiven::Labels(labels.into()))
            }
        }
    }

    fn go_on(state: KnnIndexState, given: Vec<KnnIndexGiven>, job: &Job) -> Result<Round<Self>, KernelError> {
        let KnnIndexState { p, aim, step } = state;
        match step {
            Step::Kmeans(kmeans) => {
                let of_kmeans = |given| match given {
                    KnnIndexGiven::Kmeans(given) => Ok(given),
                    _ => Err(shard::strange_outputs()),
                };
                let given = given.into_iter().map(of_kmeans).collect::<Result<_, _>>()?;
                let round = job.stage(0, |stage| Kmeans::go_on(kmeans, given, stage))?;
                clustered(p, aim, round)
            }
            Step::Sample => match <[_; 1]>::try_from(given) {
                Ok([KnnIndexGiven::Centroids(centroids)]) => label(p, aim, centroids),
                _ => Err(shard::strange_outputs()),
            },
            Step::Vectors(centroids) => {
                let of_labels = |given| match given {
                    KnnIndexGiven::Labels(labels) => Ok(labels),
                    _ => Err(shard::strange_outputs()),
                };
                let given = given.into_iter().map(of_labels).collect::<Result<Vec<_>, _>>()?;
                let labels = shard::concat(given.into_iter(), p.count())?;
                if labels.iter().any(|&label| label as usize >= p.count_of_lists()) {
                    return Err(shard::strange_outputs());
                }
                let order = Order::of(&labels, p.count_of_lists())?;
                let units = p.units();
                Ok(KnnIndexState { p, aim, step: Step::Order { centroids, labels, order, at: 0 } }.next(units))
            }
            step => KnnIndexState { p, aim, step }.turn(job),
        }
    }
}

/// A part of a round.
#[derive(Serialize, Deserialize)]
pub enum KnnIndexShard {
    /// One of the k-means.
    Kmeans(KmeansShard),
    /// All of the k-means.
    Sample(KmeansParams),
    /// The lists of some vectors.
    Vectors {
        /// The vectors.
        data: Array<f32>,
        /// As of the params.
        dimensions: u32,
        /// As of the params.
        metric: KnnMetric,
        /// The middles of the lists.
        centroids: Array<f32>,
    },
}

/// What comes out of a shard.
#[derive(Serialize, Deserialize)]
pub enum KnnIndexGiven {
    /// Of a shard of the k-means.
    Kmeans(KmeansGiven),
    /// Of all of the k-means.
    Centroids(Array<f32>),
    /// The lists of some vectors.
    Labels(Array<u32>),
}

/// A job between two rounds.
pub struct KnnIndexState {
    p: KnnIndexParams,
    aim: Aim,
    step: Step,
}

/// What is done next with a job, or what its shards are doing.
enum Step {
    /// So many elements have been looked at, and are finite.
    Odd(usize),
    Sampling(Sampling),
    /// The k-means is done in rounds.
    Kmeans(KmeansState),
    /// It is done in one shard.
    Sample,
    /// The lists of the vectors after `labels`.
    Labels {
        centroids: Array<f32>,
        packed: Centroids,
        labels: Vec<u32>,
    },
    /// They are found in shards.
    Vectors(Array<f32>),
    /// The place in the lists of the vectors from `at` on.
    Order {
        centroids: Array<f32>,
        labels: Vec<u32>,
        order: Order,
        at: usize,
    },
    /// The vectors list by list, after those that are there.
    Gather {
        centroids: Array<f32>,
        order: Order,
        vectors: Vec<f32>,
    },
}

impl KnnIndexState {
    /// Another turn, after so many units.
    fn next(self, done: u64) -> Round<KnnIndex> {
        Round::Next { shards: vec![], progress: (done, self.p.units()), state: self }
    }

    /// Takes a turn.
    fn turn(self, job: &Job) -> Result<Round<KnnIndex>, KernelError> {
        let Self { p, aim, mut step } = self;
        let rows = Rows::of(&p.data, p.dimensions as usize);
        let mut budget = TURN;
        while budget > 0 {
            step = match step {
                Step::Odd(at) => {
                    let end = rows.data.len().min(at + budget);
                    budget -= end - at;
                    match rows.odd(at..end) {
                        Some(odd) => return Err(rows.refused(odd)),
                        None if end < rows.data.len() => Step::Odd(end),
                        None => Step::Sampling(Sampling::of(&p)?),
                    }
                }
                Step::Sampling(mut sampling) => {
                    if !sampling.go_on(&rows, &p, &mut budget) {
                        Step::Sampling(sampling)
                    } else {
                        let round = Kmeans::begin(sampling.params(&p), aim)?;
                        return clustered(p, aim, round);
                    }
                }
                Step::Labels { centroids, packed, mut labels } => {
                    let cost = packed.cost(&rows);
                    let end = rows.count.min(labels.len() + (budget / cost).max(GROUP).next_multiple_of(GROUP));
                    let found = labels.len()..end;
                    budget = budget.saturating_sub(found.len() * cost);
                    labels.resize(end, 0);
                    label_some(&rows, p.metric, &packed, found.start, &mut labels[found], job)?;
                    if labels.len() < rows.count {
                        Step::Labels { centroids, packed, labels }
                    } else {
                        let order = Order::of(&labels, p.count_of_lists())?;
                        Step::Order { centroids, labels, order, at: 0 }
                    }
                }
                Step::Order { centroids, labels, mut order, at } => {
                    let end = rows.count.min(at + budget);
                    budget -= end - at;
                    order.go_on(&labels, at..end);
                    if end < rows.count {
                        Step::Order { centroids, labels, order, at: end }
                    } else {
                        Step::Gather { centroids, order, vectors: reserve(rows.data.len())? }
                    }
                }
                Step::Gather { centroids, order, mut vectors } => {
                    let at = vectors.len() / rows.dimensions;
                    let end = rows.count.min(at + (budget / rows.dimensions).max(1));
                    budget = budget.saturating_sub((end - at) * rows.dimensions);
                    order.order[at..end].iter().for_each(|&from| vectors.extend_from_slice(rows.row(from as usize)));
                    if end == rows.count {
                        return Ok(Round::Done { output: order.output(&p, centroids, vectors), total: p.units() });
                    }
                    Step::Gather { centroids, order, vectors }
                }
                Step::Kmeans(_) | Step::Sample | Step::Vectors(_) => return Err(shard::strange_outputs()),
            };
        }
        let done = match &step {
            Step::Labels { labels, .. } => (rows.count + labels.len()) as u64,
            Step::Order { .. } | Step::Gather { .. } => p.units(),
            _ => 0,
        };
        Ok(Self { p, aim, step }.next(done))
    }
}

/// Goes on from a round of the k-means.
fn clustered(p: KnnIndexParams, aim: Aim, round: Round<Kmeans>) -> Result<Round<KnnIndex>, KernelError> {
    let (shards, step, done) = match round {
        Round::Whole(sample) => (vec![KnnIndexShard::Sample(sample)], Step::Sample, 0),
        Round::Next { shards, state, progress: (done, total) } => {
            let done = (p.count() as u128 * u128::from(done) / u128::from(total)) as u64;
            (shards.into_iter().map(KnnIndexShard::Kmeans).collect(), Step::Kmeans(state), done)
        }
        Round::Done { output, .. } => return label(p, aim, output.centroids),
    };
    Ok(Round::Next { shards, progress: (done, p.units()), state: KnnIndexState { p, aim, step } })
}

/// The round that finds the list of each vector.
fn label(mut p: KnnIndexParams, aim: Aim, mut centroids: Array<f32>) -> Result<Round<KnnIndex>, KernelError> {
    let (count, dimensions) = (p.count(), p.dimensions as usize);
    if centroids.len() != p.count_of_lists() * dimensions {
        return Err(shard::strange_outputs());
    }
    if aim.short {
        let packed = Centroids::of(&centroids, dimensions);
        let step = Step::Labels { centroids, packed, labels: reserve(count)? };
        return Ok(KnnIndexState { p, aim, step }.next(count as u64));
    }
    let pieces = worth(aim.pieces, p.data.len(), p.count_of_lists());
    let (len, each) = (p.data.len(), count.div_ceil(pieces).next_multiple_of(GROUP) * dimensions);
    let shards = (0..len).step_by(each).map(|at| KnnIndexShard::Vectors {
        data: p.data.part(at..len.min(at + each)),
        dimensions: p.dimensions,
        metric: p.metric,
        centroids: centroids.part(0..centroids.len()),
    });
    let shards = shards.collect();
    let progress = (count as u64, p.units());
    Ok(Round::Next { shards, progress, state: KnnIndexState { p, aim, step: Step::Vectors(centroids) } })
}

impl KnnIndexParams {
    fn count(&self) -> usize {
        self.data.len() / self.dimensions as usize
    }

    fn count_of_lists(&self) -> usize {
        self.lists.map_or_else(|| self.count().isqrt().min(MAX_K as usize), |lists| lists as usize)
    }

    /// One unit a vector: for the centroids, and for the lists.
    fn units(&self) -> u64 {
        2 * self.count() as u64
    }
}

/// What is looked at of vectors: for `cosine` each becomes one of length 1, unless it has none.
fn look(vectors: &mut [f32], dimensions: usize, metric: KnnMetric) {
    if metric != KnnMetric::Cosine {
        return;
    }
    for vector in vectors.chunks_mut(dimensions) {
        // In f64, where no square of an f32 is too great or too little.
        let length = vector.iter().fold(0.0, |sum, &x| sum + f64::from(x) * f64::from(x)).sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
        }
    }
}

/// The sample of which the centroids are made: of as many runs of about the same length, one vector drawn from each.
struct Sampling {
    random: Random,
    /// How many vectors are drawn in all.
    count: usize,
    vectors: Vec<f32>,
}

impl Sampling {
    fn of(p: &KnnIndexParams) -> Result<Self, KernelError> {
        let count = (p.count_of_lists() * SAMPLE).min(p.count());
        Ok(Self { random: Random::of(!p.seed), count, vectors: reserve(count * p.dimensions as usize)? })
    }

    /// Goes on until there are all, or the budget of elements is spent; returns whether there are.
    fn go_on(&mut self, rows: &Rows, p: &KnnIndexParams, budget: &mut usize) -> bool {
        let start = |run: usize| (run as u64 * rows.count as u64 / self.count as u64) as usize;
        let first = self.vectors.len() / rows.dimensions;
        for run in first..self.count {
            if *budget == 0 {
                return false;
            }
            let len = start(run + 1) - start(run);
            let drawn = ((self.random.unit() * len as f64) as usize).min(len - 1);
            let at = self.vectors.len();
            self.vectors.extend_from_slice(rows.row(start(run) + drawn));
            look(&mut self.vectors[at..], rows.dimensions, p.metric);
            *budget = budget.saturating_sub(rows.dimensions);
        }
        true
    }

    /// The k-means to be made.
    fn params(self, p: &KnnIndexParams) -> KmeansParams {
        KmeansParams {
            data: self.vectors.into(),
            dimensions: p.dimensions,
            k: p.count_of_lists() as u32,
            seed: p.seed,
            max_iterations: ITERATIONS,
            tolerance: 0.0,
        }
    }
}

/// Gives all vectors the labels of their nearest centroids, on all threads.
fn label_all(
    rows: &Rows,
    metric: KnnMetric,
    centroids: &[f32],
    labels: &mut [u32],
    job: &Job,
) -> Result<(), Cancelled> {
    let centroids = Centroids::of(centroids, rows.dimensions);
    // However short the vectors, runs enough for all threads.
    let each = (SLICE / rows.dimensions).clamp(1, 1 << 10).next_multiple_of(GROUP);
    try_each_chunk(labels, each, |run, labels| {
        job.check()?;
        label_some(rows, metric, &centroids, run * each, labels, job)?;
        job.advance(labels.len() as u64);
        Ok(())
    })
}

/// Gives the vectors from `first` on, as they are looked at, the labels of their nearest centroids.
fn label_some(
    rows: &Rows,
    metric: KnnMetric,
    centroids: &Centroids,
    first: usize,
    labels: &mut [u32],
    job: &Job,
) -> Result<(), Cancelled> {
    if metric != KnnMetric::Cosine {
        return rows.label(centroids, first, labels, &mut 0.0, job);
    }
    let mut vectors = rows.data[first * rows.dimensions..(first + labels.len()) * rows.dimensions].to_vec();
    look(&mut vectors, rows.dimensions, metric);
    Rows::of(&vectors, rows.dimensions).label(centroids, 0, labels, &mut 0.0, job)
}

/// Which vector is where in the lists.
struct Order {
    offsets: Vec<u32>,
    /// The place of the next vector of each list.
    next: Vec<u32>,
    order: Vec<u32>,
}

impl Order {
    /// Without any vector in its place.
    fn of(labels: &[u32], lists: usize) -> Result<Self, KernelError> {
        let mut offsets = vec![0_u32; lists + 1];
        labels.iter().for_each(|&label| offsets[label as usize + 1] += 1);
        (0..lists).for_each(|list| offsets[list + 1] += offsets[list]);
        let mut order = reserve(labels.len())?;
        order.resize(labels.len(), 0);
        Ok(Self { next: offsets.clone(), offsets, order })
    }

    /// Puts some vectors, which come after those before, into their places.
    fn go_on(&mut self, labels: &[u32], vectors: Range<usize>) {
        for at in vectors {
            let place = &mut self.next[labels[at] as usize];
            self.order[*place as usize] = at as u32;
            *place += 1;
        }
    }

    fn output(self, p: &KnnIndexParams, centroids: Array<f32>, vectors: Vec<f32>) -> KnnIndexOutput {
        KnnIndexOutput {
            centroids,
            offsets: self.offsets.into(),
            order: self.order.into(),
            vectors: Array::from(vectors).with_shape([p.count(), p.dimensions as usize]),
            dimensions: p.dimensions,
            metric: p.metric,
        }
    }
}

/// The vectors in an order.
fn gathered(rows: &Rows, order: &[u32], job: &Job) -> Result<Vec<f32>, KernelError> {
    let mut vectors: Vec<f32> = reserve(rows.data.len())?;
    vectors.resize(rows.data.len(), 0.0);
    let each = (SLICE / rows.dimensions).max(1);
    try_each_chunk(&mut vectors, each * rows.dimensions, |number, to| {
        job.check()?;
        for (to, &from) in to.chunks_mut(rows.dimensions).zip(chunk(order, each, number)) {
            to.copy_from_slice(rows.row(from as usize));
        }
        Ok::<(), Cancelled>(())
    })?;
    Ok(vectors)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::super::distances::tests::noise;
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::{Seen, check_aims, check_rounds};

    fn params(data: Vec<f32>, dimensions: u32) -> KnnIndexParams {
        KnnIndexParams { data: data.into(), dimensions, metric: KnnMetric::Euclidean, lists: None, seed: 3 }
    }

    fn index(p: KnnIndexParams) -> KnnIndexOutput {
        let job = Job::detached();
        let output = run::<KnnIndex>(p, &job).unwrap();
        let (done, total) = job.progress();
        assert_eq!(done, total);
        output
    }

    #[test]
    fn every_vector_is_in_the_list_of_its_nearest_centroid() {
        for metric in METRICS {
            for (count, dimensions, lists) in [(1, 3, Some(1)), (7, 2, Some(7)), (5000, 6, None), (300, 33, Some(5))] {
                let mut data = noise(count * dimensions, 7);
                data[..dimensions].fill(0.0);
                let p = KnnIndexParams { metric, lists, ..params(data, dimensions as u32) };
                let found = index(p.clone());
                let lists = lists.map_or(count.isqrt(), |lists| lists as usize);
                assert_eq!(found.centroids.shape(), Some(&[lists, dimensions][..]));
                assert_eq!((found.offsets.len(), found.offsets[0], found.offsets[lists]), (lists + 1, 0, count as u32));
                let mut all = found.order.to_vec();
                all.sort_unstable();
                assert!(all.iter().enumerate().all(|(at, &number)| number as usize == at));
                let square = |a: &[f32], b: &[f32]| {
                    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>()
                };
                for list in 0..lists {
                    let range = found.offsets[list] as usize..found.offsets[list + 1] as usize;
                    assert!(found.order[range.clone()].is_sorted());
                    for place in range {
                        let vector = &found.vectors[place * dimensions..(place + 1) * dimensions];
                        let number = found.order[place] as usize;
                        assert_eq!(vector, &p.data[number * dimensions..(number + 1) * dimensions]);
                        let length = square(vector, &vec![0.0; dimensions]).sqrt() as f32;
                        let at: Vec<f32> = match metric {
                            KnnMetric::Cosine if length > 0.0 => vector.iter().map(|x| x / length).collect(),
                            _ => vector.to_vec(),
                        };
                        let distances: Vec<f64> =
                            found.centroids.chunks(dimensions).map(|centroid| square(&at, centroid)).collect();
                        let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
                        assert!(distances[list] <= least * (1.0 + 1e-4) + 1e-6, "{metric:?}: {number} in list {list}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_index_is_the_same_on_any_number_of_threads() {
        let p = params(noise(9001 * 5, 3), 5);
        let expected = index(p.clone());
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| index(p.clone())), expected, "{threads} threads");
        }
        assert_ne!(index(KnnIndexParams { seed: 4, ..p }).centroids, expected.centroids);
    }

    const METRICS: [KnnMetric; 3] = [KnnMetric::Euclidean, KnnMetric::Cosine, KnnMetric::Dot];

    #[test]
    fn turns_give_what_the_whole_gives() {
        for metric in METRICS {
            for (count, dimensions, lists) in
                [(1, 3, Some(1)), (7, 2, Some(7)), (5000, 6, None), (300, 33, Some(5)), (3, 400_000, None)]
            {
                let mut data = noise(count * dimensions, 7);
                data[..dimensions].fill(0.0);
                let p = KnnIndexParams { metric, lists, ..params(data, dimensions as u32) };
                let aims = [1, 7, 256].map(|pieces| Aim { pieces, short: true });
                for Seen { rounds, shards } in check_aims::<KnnIndex>(&p, &aims) {
                    assert!(rounds > 0 && shards == 0);
                }
            }
        }
        let long = params(noise(10_000 * 30, 3), 30);
        assert!(check_rounds::<KnnIndex>(&long, Aim { pieces: 1, short: true }).rounds > 40);
    }

    #[test]
    fn shards_give_what_the_whole_gives() {
        for metric in METRICS {
            // 102 lists. Of the k-means 6528 vectors are used: that divides too.
            let p = KnnIndexParams { metric, ..params(noise(10_501 * 20, 3), 20) };
            let expected = [(1, 0), (2, 2), (3, 3), (7, 5), (64, 5), (256, 5)];
            let seen = check_aims::<KnnIndex>(&p, &expected.map(|(pieces, _)| Aim { pieces, short: false }));
            for ((pieces, shards), seen) in expected.into_iter().zip(seen) {
                assert_eq!(seen.shards, shards, "{pieces} pieces");
            }
        }
        // The k-means of 48 lists is too short to be divided.
        let p = KnnIndexParams { lists: Some(48), ..params(noise(20_001 * 9, 3), 9) };
        let seen = check_rounds::<KnnIndex>(&p, Aim { pieces: 3, short: false });
        assert_eq!(seen.shards, 2);
        for whole in [params(vec![1.0], 1), KnnIndexParams { lists: Some(15), ..p }, params(noise(5000 * 9, 3), 9)] {
            assert_eq!(check_rounds::<KnnIndex>(&whole, Aim { pieces: 16, short: false }).rounds, 0);
        }
    }

    #[test]
    fn rounds_fail_as_the_whole_does() {
        let mut p = params(noise(10_501 * 200, 3), 200);
        (p.data[2_000_000], p.data[2_050_000]) = (f32::NAN, f32::INFINITY);
        let expected = run::<KnnIndex>(p.clone(), &Job::detached()).unwrap_err();
        for short in [false, true] {
            let mut round = KnnIndex::begin(p.clone(), Aim { pieces: 3, short }).unwrap();
            let error = loop {
                let Round::Next { shards, state, .. } = round else { panic!("it did not fail") };
                assert!(shards.is_empty(), "it fails before there are any");
                match KnnIndex::go_on(state, vec![], &Job::detached()) {
                    Ok(next) => round = next,
                    Err(error) => break error,
                }
            };
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn what_is_not_of_the_shards_is_refused() {
        let p = params(noise(10_501 * 20, 3), 20);
        let aim = Aim { pieces: 2, short: false };
        let refused = |step: Step, given| {
            let state = KnnIndexState { p: p.clone(), aim, step };
            let error = KnnIndex::go_on(state, given, &Job::detached()).map(|_| ()).unwrap_err();
            assert_eq!(error, shard::strange_outputs());
        };
        let labels = |labels: Vec<u32>| vec![KnnIndexGiven::Labels(labels.into())];
        refused(Step::Sample, vec![]);
        refused(Step::Sample, labels(vec![]));
        refused(Step::Sample, vec![KnnIndexGiven::Centroids(vec![0.0].into())]);
        let vectors = || Step::Vectors(vec![0.0; 102 * 20].into());
        refused(vectors(), vec![KnnIndexGiven::Centroids(vec![0.0].into())]);
        refused(vectors(), labels(vec![0; 10_500]));
        refused(vectors(), labels(vec![102; 10_501]));
        let Round::Next { state, .. } = Kmeans::begin(
            KmeansParams { data: p.data.clone(), dimensions: 20, k: 102, seed: 0, max_iterations: 1, tolerance: 0.0 },
            aim,
        )
        .unwrap() else {
            panic!("it divides")
        };
        refused(Step::Kmeans(state), labels(vec![]));
    }

    #[test]
    fn unusable_params_are_refused() {
        let refused = |change: fn(&mut KnnIndexParams), expected: &str| {
            let mut p = params(vec![1.0; 6], 2);
            change(&mut p);
            assert_eq!(run::<KnnIndex>(p, &Job::detached()).unwrap_err().to_string(), expected);
        };
        refused(|p| p.dimensions = 0, "dimensions: must be 1 or more, got 0");
        refused(|p| p.dimensions = 4, "data: must hold one or more whole vectors of 4 elements, got 6");
        refused(|p| p.data = vec![].into(), "data: must hold one or more whole vectors of 2 elements, got 0");
        refused(|p| p.lists = Some(0), "lists: must be 1 to 3 for 3 vectors, got 0");
        refused(|p| p.lists = Some(4), "lists: must be 1 to 3 for 3 vectors, got 4");
        refused(|p| p.data[3] = f32::INFINITY, "data: must hold finite numbers, got inf at 3");
    }

    #[test]
    fn a_cancelled_job_stops() {
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(run::<KnnIndex>(params(noise(90_000, 3), 3), &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }
}
