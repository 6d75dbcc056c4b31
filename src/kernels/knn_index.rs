//! An index of many vectors for [`knn.search`](super::KnnSearch): the vectors in lists, each around a centroid (IVF-Flat).
//! (J. Sivic and A. Zisserman, Video Google, ICCV 2003; H. Jégou, M. Douze and C. Schmid, IEEE TPAMI 33, 2011.)
//!
//! The centroids are the k-means of some of the vectors. A search looks at the lists whose centroids are nearest to its query only, and
//! at each vector of them: what it finds is as far as it says, but a nearer one in another list may be missed.

use super::kmeans::{Kmeans, KmeansParams, MAX_K, Rows};
use super::knn::KnnMetric;
use super::radix::reserve;
use super::random::Random;
use crate::{Array, Cancelled, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
        let dimensions = p.dimensions as usize;
        let count = p.data.len() / dimensions;
        let lists = p.lists.map_or_else(|| count.isqrt().min(MAX_K as usize), |lists| lists as usize);
        // One unit a vector: for the centroids, and for the lists.
        job.set_total(2 * count as u64);
        let rows = Rows { data: &p.data, dimensions, count };
        rows.refuse_odd(job)?;
        let directions = if p.metric == KnnMetric::Cosine { Some(directions(&rows, job)?) } else { None };
        let places = Rows { data: directions.as_deref().unwrap_or(&p.data), dimensions, count };
        let sample = KmeansParams {
            data: sample(&places, (lists * SAMPLE).min(count), p.seed)?.into(),
            dimensions: p.dimensions,
            k: lists as u32,
            seed: p.seed,
            max_iterations: ITERATIONS,
            tolerance: 0.0,
        };
        let centroids = job.stage(count as u64, |stage| Kmeans::run(sample, stage))?.centroids;
        let mut labels = reserve(count)?;
        labels.resize(count, 0);
        places.assign(&centroids, &mut labels, job)?;
        let (offsets, order) = by_label(&labels, lists, job)?;
        let vectors = gathered(&rows, &order, job)?;
        Ok(KnnIndexOutput {
            centroids,
            offsets: offsets.into(),
            order: order.into(),
            vectors: Array::from(vectors).with_shape([count, dimensions]),
            dimensions: p.dimensions,
            metric: p.metric,
        })
    }
}

/// The vectors, each of length 1; those without a length stay as they are.
fn directions(rows: &Rows, job: &Job) -> Result<Vec<f32>, KernelError> {
    let mut directions: Vec<f32> = reserve(rows.data.len())?;
    directions.extend_from_slice(rows.data);
    let each = (SLICE / rows.dimensions).max(1) * rows.dimensions;
    directions.par_chunks_mut(each).try_for_each(|slice| {
        job.check()?;
        for vector in slice.chunks_mut(rows.dimensions) {
            // In f64, where no square of an f32 is too great or too little.
            let length = vector.iter().fold(0.0, |sum, &x| sum + f64::from(x) * f64::from(x)).sqrt();
            if length > 0.0 {
                vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
            }
        }
        Ok::<(), Cancelled>(())
    })?;
    Ok(directions)
}

/// So many of the vectors: one drawn from each of as many runs of about the same length.
fn sample(rows: &Rows, count: usize, seed: u64) -> Result<Vec<f32>, KernelError> {
    let mut random = Random::of(!seed);
    let mut sample = reserve(count * rows.dimensions)?;
    let start = |run: usize| (run as u64 * rows.count as u64 / count as u64) as usize;
    for run in 0..count {
        let len = start(run + 1) - start(run);
        let drawn = ((random.unit() * len as f64) as usize).min(len - 1);
        sample.extend_from_slice(rows.row(start(run) + drawn));
    }
    Ok(sample)
}

/// Where each list begins, and the vectors' numbers list by list.
fn by_label(labels: &[u32], lists: usize, job: &Job) -> Result<(Vec<u32>, Vec<u32>), KernelError> {
    let mut offsets = vec![0_u32; lists + 1];
    labels.iter().for_each(|&label| offsets[label as usize + 1] += 1);
    (0..lists).for_each(|list| offsets[list + 1] += offsets[list]);
    let mut next = offsets.clone();
    let mut order = reserve(labels.len())?;
    order.resize(labels.len(), 0);
    for (slice, labels) in labels.chunks(SLICE).enumerate() {
        job.check()?;
        for (at, &label) in labels.iter().enumerate() {
            let place = &mut next[label as usize];
            order[*place as usize] = (slice * SLICE + at) as u32;
            *place += 1;
        }
    }
    Ok((offsets, order))
}

/// The vectors in an order.
fn gathered(rows: &Rows, order: &[u32], job: &Job) -> Result<Vec<f32>, KernelError> {
    let mut vectors: Vec<f32> = reserve(rows.data.len())?;
    vectors.resize(rows.data.len(), 0.0);
    let each = (SLICE / rows.dimensions).max(1);
    vectors.par_chunks_mut(each * rows.dimensions).zip(order.par_chunks(each)).try_for_each(|(to, order)| {
        job.check()?;
        for (to, &from) in to.chunks_mut(rows.dimensions).zip(order) {
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
        for metric in [KnnMetric::Euclidean, KnnMetric::Cosine, KnnMetric::Dot] {
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
