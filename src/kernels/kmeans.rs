//! Clusters of vectors around their means: Lloyd's iterations from centroids that are drawn by k-means++.
//! (S. P. Lloyd, IEEE Transactions on Information Theory 28, 1982; D. Arthur and S. Vassilvitskii, SODA 2007.)
//!
//! Sums go over blocks of rows of a fixed length, in order, so that threads do not show in the result.

use super::distances::{GROUP, LANES, Panel, pack, squared};
use super::radix::reserve;
use super::random::Random;
use crate::{Array, Cancelled, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Clusters of vectors around their means.
pub struct Kmeans;

/// What to cluster.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KmeansParams {
    /// The vectors, one after another: finite numbers.
    pub data: Array<f32>,
    /// Elements of each vector, 1 or more.
    #[schemars(example = 16)]
    pub dimensions: u32,
    /// How many clusters: 1 to as many as there are vectors, at most 65536.
    #[schemars(example = 8)]
    pub k: u32,
    /// What the choice of the first centroids is drawn from: the same seed gives the same clusters. 0 unless told.
    #[serde(default)]
    pub seed: u64,
    /// The most iterations, 1 to 100000. 100 unless told.
    #[serde(default = "hundred")]
    pub max_iterations: u32,
    /// It ends when no centroid has moved farther than this: 0 or more. 0.0001 unless told.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
}

fn hundred() -> u32 {
    100
}

fn tolerance() -> f64 {
    1e-4
}

/// The clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KmeansOutput {
    /// The means of the clusters: `[k, dimensions]`. One that has lost all of its vectors stays where it was.
    pub centroids: Array<f32>,
    /// The cluster of each vector: that of the nearest centroid, of equally near ones the first.
    pub labels: Array<u32>,
    /// The squares of the distances of all vectors from their centroids, summed.
    pub inertia: f64,
    /// Iterations that were made.
    pub iterations: u32,
    /// Whether it ended because no centroid moved farther than the tolerance.
    pub converged: bool,
}

/// Where the centroids are when an iteration begins.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct KmeansPart {
    /// The iteration, from 0.
    pub iteration: u32,
    /// The centroids: `[k, dimensions]`.
    pub centroids: Array<f32>,
    /// As of the output, for these centroids.
    pub inertia: f64,
}

/// The most clusters.
pub(super) const MAX_K: u32 = 1 << 16;
/// The most iterations.
const MAX_ITERATIONS: u32 = 100_000;
/// Rows of a block.
const BLOCK: usize = 1 << 10;
/// Elements that are worked on between two looks at the job: some 0.1 ms.
const SLICE: usize = 1 << 16;

impl Kernel for Kmeans {
    const NAME: &'static str = "kmeans";
    const ABOUT: &'static str = "Clusters vectors around k means, from seeded k-means++ centroids.";
    type Params = KmeansParams;
    type Output = KmeansOutput;
    type Part = KmeansPart;

    fn validate(p: &KmeansParams) -> Result<(), KernelError> {
        let refused = |field: &str, message: String| Err(KernelError::bad_params(field, message));
        if p.dimensions == 0 {
            return refused("dimensions", "must be 1 or more, got 0".into());
        }
        let dimensions = p.dimensions as usize;
        if !p.data.len().is_multiple_of(dimensions) {
            return refused("data", format!("must hold whole vectors of {dimensions} elements, got {}", p.data.len()));
        }
        let rows = p.data.len() / dimensions;
        if rows as u64 > u64::from(u32::MAX) {
            return refused("data", format!("must hold at most {} vectors, got {rows}", u32::MAX));
        }
        let most = rows.min(MAX_K as usize);
        if p.k == 0 || p.k as usize > most {
            return refused("k", format!("must be 1 to {most} clusters of {rows} vectors, got {}", p.k));
        }
        if !(1..=MAX_ITERATIONS).contains(&p.max_iterations) {
            return refused("maxIterations", format!("must be 1 to {MAX_ITERATIONS}, got {}", p.max_iterations));
        }
        if !(p.tolerance >= 0.0 && p.tolerance.is_finite()) {
            return refused("tolerance", format!("must be a finite number, 0 or more, got {}", p.tolerance));
        }
        Ok(())
    }

    fn run(p: KmeansParams, job: &Job<KmeansPart>) -> Result<KmeansOutput, KernelError> {
        let (dimensions, k) = (p.dimensions as usize, p.k as usize);
        let rows = Rows { data: &p.data, dimensions, count: p.data.len() / dimensions };
        // One unit a row: for the choice of centroids, each iteration, and the labels.
        job.set_total(rows.count as u64 * (2 + u64::from(p.max_iterations)));
        rows.refuse_odd(job)?;
        let mut centroids = rows.seeds(k, p.seed, job)?;
        job.advance(rows.count as u64);
        let mut labels = reserve(rows.count)?;
        labels.resize(rows.count, 0);
        let (mut iterations, mut converged) = (0, false);
        while iterations < p.max_iterations && !converged {
            let inertia = rows.assign(&centroids, &mut labels, job)?;
            let part =
                || KmeansPart { iteration: iterations, centroids: shaped(centroids.clone(), k, dimensions), inertia };
            job.emit(iterations, part);
            let means = rows.means(&centroids, &labels, job)?;
            let moved = |(a, b): (&[f32], &[f32])| {
                a.iter()
                    .zip(b)
                    .map(|(&a, &b)| (f64::from(a) - f64::from(b)) * (f64::from(a) - f64::from(b)))
                    .sum::<f64>()
            };
            let farthest = means.chunks(dimensions).zip(centroids.chunks(dimensions)).map(moved).fold(0.0, f64::max);
            converged = farthest.sqrt() <= p.tolerance;
            centroids = means;
            iterations += 1;
        }
        let inertia = rows.assign(&centroids, &mut labels, job)?;
        job.set_total(job.progress().0);
        let centroids = shaped(centroids, k, dimensions);
        Ok(KmeansOutput { centroids, labels: labels.into(), inertia, iterations, converged })
    }
}

fn shaped(centroids: Vec<f32>, k: usize, dimensions: usize) -> Array<f32> {
    Array::from(centroids).with_shape([k, dimensions])
}

/// The vectors.
pub(super) struct Rows<'a> {
    pub data: &'a [f32],
    pub dimensions: usize,
    pub count: usize,
}

impl Rows<'_> {
    pub fn row(&self, at: usize) -> &[f32] {
        &self.data[at * self.dimensions..(at + 1) * self.dimensions]
    }

    /// Refuses vectors that are nowhere.
    pub fn refuse_odd<P: Send>(&self, job: &Job<P>) -> Result<(), KernelError> {
        let odd = self.data.par_chunks(SLICE).enumerate().map(|(slice, data)| {
            job.check()?;
            Ok(data.iter().position(|x| !x.is_finite()).map(|at| slice * SLICE + at))
        });
        let first = |a: Option<usize>, b: Option<usize>| Ok(a.into_iter().chain(b).min());
        let odd = odd.try_reduce(|| None, first).map_err(|Cancelled| KernelError::Cancelled)?;
        match odd {
            Some(at) => {
                let message = format!("must hold finite numbers, got {} at {at}", self.data[at]);
                Err(KernelError::bad_params("data", message))
            }
            None => Ok(()),
        }
    }

    /// The first centroids: each a row, drawn with a chance that grows as the square of its distance from those before.
    fn seeds<P: Send>(&self, k: usize, seed: u64, job: &Job<P>) -> Result<Vec<f32>, KernelError> {
        let mut random = Random::of(seed);
        let mut seeds = reserve(k * self.dimensions)?;
        let mut nearest: Vec<f32> = reserve(self.count)?;
        nearest.resize(self.count, f32::INFINITY);
        let mut chosen = self.draw(&mut random);
        loop {
            seeds.extend_from_slice(self.row(chosen));
            if seeds.len() == k * self.dimensions {
                return Ok(seeds);
            }
            let newest = self.row(chosen);
            let weights: Vec<f64> = nearest
                .par_chunks_mut(BLOCK)
                .enumerate()
                .map(|(block, nearest)| {
                    let each = (SLICE / self.dimensions).max(1);
                    let mut weight = 0.0;
                    for (part, nearest) in nearest.chunks_mut(each).enumerate() {
                        job.check()?;
                        for (at, nearest) in nearest.iter_mut().enumerate() {
                            let square = one_squared(self.row(block * BLOCK + part * each + at), newest);
                            *nearest = if square < *nearest { square } else { *nearest };
                            weight += f64::from(*nearest);
                        }
                    }
                    Ok(weight)
                })
                .collect::<Result<_, Cancelled>>()?;
            let total = weights.iter().fold(0.0, |sum, weight| sum + weight);
            chosen = if total > 0.0 && total.is_finite() {
                let mut left = random.unit() * total;
                let block = weights.iter().position(|&weight| {
                    let here = left < weight;
                    left -= if here { 0.0 } else { weight };
                    here
                });
                // Where rounding has left a little at the end: the last row that counts at all.
                let block = block.unwrap_or_else(|| weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0));
                let rows = &nearest[block * BLOCK..self.count.min((block + 1) * BLOCK)];
                let row = rows.iter().position(|&square| {
                    left -= f64::from(square);
                    left < 0.0
                });
                block * BLOCK + row.or_else(|| rows.iter().rposition(|&square| square > 0.0)).unwrap_or(0)
            } else {
                // All rows are centroids already, or too far apart for f32.
                self.draw(&mut random)
            };
        }
    }

    /// A row, each with the same chance.
    fn draw(&self, random: &mut Random) -> usize {
        ((random.unit() * self.count as f64) as usize).min(self.count - 1)
    }

    /// Gives each row the label of its nearest centroid; returns the inertia.
    pub fn assign<P: Send>(&self, centroids: &[f32], labels: &mut [u32], job: &Job<P>) -> Result<f64, Cancelled> {
        let panels: Vec<Panel> = centroids
            .chunks(LANES * self.dimensions)
            .map(|vectors| {
                let mut panel = Panel::new();
                pack(vectors, self.dimensions, &mut panel);
                panel
            })
            .collect();
        let k = centroids.len() / self.dimensions;
        let blocks = labels.par_chunks_mut(BLOCK).enumerate().map(|(block, labels)| {
            let mut inertia = 0.0;
            let mut worked = 0;
            job.check()?;
            for (group, labels) in labels.chunks_mut(GROUP).enumerate() {
                let first = block * BLOCK + group * GROUP;
                // At the end the last row stands in for those that are missing.
                let rows = std::array::from_fn(|at| self.row(first + at.min(labels.len() - 1)));
                let mut best = [(f32::INFINITY, 0); GROUP];
                for (panel, start) in panels.iter().zip((0..k).step_by(LANES)) {
                    worked += self.dimensions * LANES * GROUP;
                    if worked > 8 * SLICE {
                        worked = 0;
                        job.check()?;
                    }
                    for (best, squares) in best.iter_mut().zip(squared(rows, panel)) {
                        for (lane, &square) in squares.iter().enumerate().take(k - start) {
                            if square < best.0 {
                                *best = (square, (start + lane) as u32);
                            }
                        }
                    }
                }
                for (label, (square, nearest)) in labels.iter_mut().zip(best) {
                    *label = nearest;
                    inertia += f64::from(square);
                }
            }
            job.advance(labels.len() as u64);
            Ok(inertia)
        });
        let blocks: Vec<f64> = blocks.collect::<Result<_, Cancelled>>()?;
        Ok(blocks.iter().fold(0.0, |sum, inertia| sum + inertia))
    }

    /// The mean of the rows of each label, in f64 and in the order of the rows.
    fn means<P: Send>(&self, centroids: &[f32], labels: &[u32], job: &Job<P>) -> Result<Vec<f32>, KernelError> {
        let k = centroids.len() / self.dimensions;
        let mut counts = vec![0_usize; k];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        // The place of the next row of each label, and in the end where the label ends.
        let mut ends = vec![0_usize; k];
        (1..k).for_each(|label| ends[label] = ends[label - 1] + counts[label - 1]);
        let mut members: Vec<u32> = reserve(self.count)?;
        members.resize(self.count, 0);
        for (slice, labels) in labels.chunks(SLICE).enumerate() {
            job.check()?;
            for (at, &label) in labels.iter().enumerate() {
                let place = &mut ends[label as usize];
                members[*place] = (slice * SLICE + at) as u32;
                *place += 1;
            }
        }
        let tasks: Vec<(usize, &[u32])> = (0..k)
            .flat_map(|label| {
                members[ends[label] - counts[label]..ends[label]].chunks(BLOCK).map(move |rows| (label, rows))
            })
            .collect();
        let sums: Vec<Vec<f64>> = tasks
            .par_iter()
            .map(|(_, rows)| {
                let mut sums = vec![0.0; self.dimensions];
                for rows in rows.chunks((SLICE / self.dimensions).max(1)) {
                    job.check()?;
                    for &row in rows {
                        sums.iter_mut().zip(self.row(row as usize)).for_each(|(sum, &x)| *sum += f64::from(x));
                    }
                }
                Ok(sums)
            })
            .collect::<Result<_, Cancelled>>()?;
        let mut means = centroids.to_vec();
        let tasks: Vec<(usize, Vec<f64>)> = tasks.iter().map(|&(label, _)| label).zip(sums).collect();
        for of_label in tasks.chunk_by(|a, b| a.0 == b.0) {
            let label = of_label[0].0;
            let mean = &mut means[label * self.dimensions..(label + 1) * self.dimensions];
            for (dimension, mean) in mean.iter_mut().enumerate() {
                let sum = of_label.iter().fold(0.0, |sum, (_, sums)| sum + sums[dimension]);
                *mean = (sum / counts[label] as f64) as f32;
            }
        }
        Ok(means)
    }
}

/// The square of the distance of two vectors, element after element.
fn one_squared(a: &[f32], b: &[f32]) -> f32 {
    // Four sums by the place modulo four, added in pairs: the compiler may use registers of four, and may not reorder.
    let mut sums = [0.0_f32; 4];
    let (fours, rest) = a.as_chunks::<4>();
    for (a, b) in fours.iter().zip(b.as_chunks::<4>().0) {
        for lane in 0..4 {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    let tail = rest.iter().zip(&b[b.len() - rest.len()..]).fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b));
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + tail
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::super::distances::tests::noise;
    use super::*;
    use crate::kernel::run;
    use proptest::prelude::*;
    use std::sync::{Arc, Mutex};

    fn params(data: Vec<f32>, dimensions: u32, k: u32) -> KmeansParams {
        KmeansParams { data: data.into(), dimensions, k, seed: 7, max_iterations: 100, tolerance: 0.0 }
    }

    fn clustered(p: KmeansParams) -> KmeansOutput {
        let job = Job::detached();
        let output = run::<Kmeans>(p, &job).unwrap();
        let (done, total) = job.progress();
        assert_eq!(done, total);
        output
    }

    /// Clouds around the corners of a cube.
    fn clouds(count: usize, dimensions: usize) -> Vec<f32> {
        let corner = |row: usize, dimension: usize| ((row % 8) >> (dimension % 3) & 1) as f32 * 10.0;
        let noise = noise(count * dimensions, 11);
        noise.iter().enumerate().map(|(i, x)| x + corner(i / dimensions, i % dimensions)).collect()
    }

    /// That the labels are those of the nearest centroids, and of a converged result that the centroids are the means.
    fn check(p: &KmeansParams, found: &KmeansOutput) {
        let (dimensions, k) = (p.dimensions as usize, p.k as usize);
        assert_eq!(found.centroids.shape(), Some(&[k, dimensions][..]));
        let square =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>();
        let (mut inertia, mut sums, mut counts) = (0.0, vec![0.0; k * dimensions], vec![0; k]);
        for (row, &label) in p.data.chunks(dimensions).zip(found.labels.iter()) {
            let label = label as usize;
            let distances: Vec<f64> =
                found.centroids.chunks(dimensions).map(|centroid| square(row, centroid)).collect();
            let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
            assert!(distances[label] <= least * (1.0 + 1e-5) + 1e-9, "label {label} of {distances:?}");
            inertia += distances[label];
            counts[label] += 1;
            sums[label * dimensions..].iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        assert!((found.inertia - inertia).abs() <= inertia * 1e-5 + 1e-9, "{} for {inertia}", found.inertia);
        for (label, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0 && found.converged) {
            for (sum, &mean) in
                sums[label * dimensions..][..dimensions].iter().zip(&found.centroids[label * dimensions..])
            {
                let expected = sum / f64::from(count);
                assert!((f64::from(mean) - expected).abs() <= 1e-5 * expected.abs() + p.tolerance + 1e-6);
            }
        }
    }

    #[test]
    fn clouds_are_found() {
        let p = params(clouds(4003, 3), 3, 8);
        let found = clustered(p.clone());
        assert!(found.converged && found.iterations < 20);
        check(&p, &found);
        // Rows whose numbers are the same modulo 8 are of one cloud.
        assert!((0..4003).all(|row| found.labels[row] == found.labels[row % 8]));
        assert!(found.inertia < 4003.0 * 3.0);
    }

    #[test]
    fn sizes_of_all_sorts() {
        for (count, dimensions, k) in
            [(1, 1, 1), (2, 1, 2), (5, 2, 5), (9, 7, 3), (100, 1, 9), (1025, 33, 17), (3000, 5, 64)]
        {
            let p = params(noise(count * dimensions, 5), dimensions as u32, k);
            check(&p, &clustered(p.clone()));
        }
        let same = params(vec![2.5; 300], 3, 4);
        let found = clustered(same);
        assert_eq!((found.inertia, found.converged, found.iterations), (0.0, true, 1));
        assert!(found.labels.iter().all(|&label| label == 0), "of equally near centroids the first");
        assert_eq!(found.centroids[..], [2.5; 12]);
    }

    #[test]
    fn it_ends_at_the_tolerance_or_the_last_iteration() {
        let p = params(noise(9000, 3), 3, 20);
        let exact = clustered(p.clone());
        let loose = clustered(KmeansParams { tolerance: 0.05, ..p.clone() });
        let short = clustered(KmeansParams { max_iterations: 2, ..p.clone() });
        assert!(exact.converged && loose.converged && loose.iterations < exact.iterations);
        assert_eq!((short.iterations, short.converged), (2, false));
        check(&p, &short);
        assert!(exact.inertia <= loose.inertia && loose.inertia <= short.inertia);
        assert_ne!(clustered(KmeansParams { seed: 8, ..p }).centroids, exact.centroids);
    }

    #[test]
    fn parts_are_the_iterations() {
        let parts = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&parts);
        let job = Job::with_parts(move |number, part: KmeansPart| sink.lock().unwrap().push((number, part)));
        let found = run::<Kmeans>(params(noise(3000, 3), 3, 5), &job).unwrap();
        let parts = parts.lock().unwrap();
        assert_eq!(parts.len(), found.iterations as usize);
        assert!(
            parts.iter().enumerate().all(|(at, (number, part))| *number as usize == at && part.iteration == *number)
        );
        assert!(parts.windows(2).all(|pair| pair[1].1.inertia <= pair[0].1.inertia * (1.0 + 1e-6)));
        assert_eq!(parts.last().unwrap().1.centroids, found.centroids, "nothing moved in the last one");
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let p = KmeansParams { max_iterations: 7, ..params(clouds(9001, 6), 6, 13) };
        let expected = clustered(p.clone());
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| clustered(p.clone())), expected, "{threads} threads");
        }
    }

    #[test]
    fn unusable_params_are_refused() {
        let refused = |change: fn(&mut KmeansParams), expected: &str| {
            let mut p = params(vec![1.0; 6], 2, 2);
            change(&mut p);
            assert_eq!(run::<Kmeans>(p, &Job::detached()).unwrap_err().to_string(), expected);
        };
        refused(|p| p.dimensions = 0, "dimensions: must be 1 or more, got 0");
        refused(|p| p.dimensions = 4, "data: must hold whole vectors of 4 elements, got 6");
        refused(|p| p.k = 0, "k: must be 1 to 3 clusters of 3 vectors, got 0");
        refused(|p| p.k = 4, "k: must be 1 to 3 clusters of 3 vectors, got 4");
        refused(|p| p.max_iterations = 0, "maxIterations: must be 1 to 100000, got 0");
        refused(|p| p.tolerance = f64::NAN, "tolerance: must be a finite number, 0 or more, got NaN");
        refused(|p| p.data[4] = f32::NAN, "data: must hold finite numbers, got NaN at 4");
        refused(|p| p.data = vec![].into(), "k: must be 1 to 0 clusters of 0 vectors, got 2");
    }

    #[test]
    fn a_cancelled_job_stops() {
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(run::<Kmeans>(params(noise(100_000, 3), 2, 5), &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    proptest! {
        #[test]
        fn any_vectors(count in 1..400_usize, dimensions in 1..9_usize, k in 1..20_u32, seed: u64) {
            let data = noise(count * dimensions, seed);
            let p = KmeansParams { seed, ..params(data, dimensions as u32, k.min(count as u32)) };
            check(&p, &clustered(p.clone()));
        }
    }
}
