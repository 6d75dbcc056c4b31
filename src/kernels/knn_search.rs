//! The nearest of many vectors by an index that [`knn.index`](super::KnnIndex) has built: most of them, far sooner than `knn`.
//!
//! Each query looks at the `probes` lists whose centroids are nearest to it. Queries that look at the same list go through it together.

use super::knn::{KnnMetric, KnnOutput, MAX_NEIGHBOURS, Search, key, nearest};
use crate::parallel::try_map;
use crate::shard::{self, Sharding};
use crate::{Array, Cancelled, Job, Kernel, KernelError, Shardable};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Searches an index of vectors.
pub struct KnnSearch;

/// What is near to what: an output of `knn.index`, field by field, and what is wanted.
///
/// How many of the true neighbours are found grows with `probes`. Of 20000 vectors of 32 elements in 200 clouds, indexed as it is unless
/// told otherwise, it is more than 0.99 of the ten nearest for the default number of probes (12 of 141 lists); of as many vectors of
/// uniform random elements, where no list is far from any other, 0.6 for 12 and 0.9 for 48. With as many probes as lists the answer is that
/// of `knn`, bit for bit. Where the lists that a query looks at hold fewer than `k` vectors, the missing ones have the index 4294967295 and
/// the distance NaN.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnnSearchParams {
    /// Of the index: the middle of each list.
    pub centroids: Array<f32>,
    /// Of the index: where each list begins.
    pub offsets: Array<u32>,
    /// Of the index: which vector each is.
    pub order: Array<u32>,
    /// Of the index: the vectors.
    pub vectors: Array<f32>,
    /// Of the index: elements of each vector, 1 or more.
    #[schemars(example = 384)]
    pub dimensions: u32,
    /// Of the index: what near means.
    #[serde(default)]
    pub metric: KnnMetric,
    /// The vectors whose neighbours are wanted, one after another.
    pub queries: Array<f32>,
    /// How many neighbours of each query are wanted, 1 or more. All vectors, when there are fewer.
    #[schemars(example = 10)]
    pub k: u32,
    /// How many lists each query looks at: 1 to as many as there are. The root of their number, rounded up, unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<u32>,
    /// Of which lists `offsets`, `order` and `vectors` are: of all, unless told. Hosts tell the shards of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<KnnPart>,
}

/// Some lists of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnnPart {
    /// The first list.
    pub first: u32,
    /// The vectors of the whole index.
    pub vectors: u32,
}

/// The place of what was not found: the lists that were looked at hold fewer than `k` vectors. Its distance is NaN.
const MISSING: u32 = u32::MAX;
/// Queries that are searched for together: what they find in each list is kept until all lists are done.
const QUERIES: usize = 1 << 10;
/// The fewest elements that are worth a shard.
const LEAST_SHARD: usize = 1 << 19;

impl Kernel for KnnSearch {
    const NAME: &'static str = "knn.search";
    const ABOUT: &'static str =
        "Finds the k nearest vectors of each query by an index from knn.index: most of them, and soon.";
    type Params = KnnSearchParams;
    type Output = KnnOutput;
    type Part = ();

    fn validate(p: &KnnSearchParams) -> Result<(), KernelError> {
        let refused = |field: &str, message: String| Err(KernelError::bad_params(field, message));
        if p.dimensions == 0 {
            return refused("dimensions", "must be 1 or more, got 0".into());
        }
        let dimensions = p.dimensions as usize;
        for (field, array) in [("centroids", &p.centroids), ("queries", &p.queries)] {
            if !array.len().is_multiple_of(dimensions) {
                let len = array.len();
                return refused(field, format!("must hold whole vectors of {dimensions} elements, got {len}"));
            }
        }
        let lists = p.lists();
        if lists == 0 {
            return refused("centroids", "must hold the middle of one list or more, got none".into());
        }
        let first = p.part.map_or(0, |part| part.first as usize);
        let ends = p.offsets.len();
        if ends == 0 || p.part.is_none() && ends != lists + 1 || first + ends > lists + 1 {
            return refused("offsets", format!("must be one more than the {lists} lists of `centroids`, got {ends}"));
        }
        if p.offsets[0] != 0 || !p.offsets.is_sorted() {
            return refused("offsets", "must begin with 0 and never fall".into());
        }
        let vectors = p.offsets[ends - 1] as usize;
        if p.order.len() != vectors {
            return refused(
                "order",
                format!("must hold as many numbers as `offsets` end with, {vectors}, got {}", p.order.len()),
            );
        }
        if p.vectors.len() as u64 != vectors as u64 * dimensions as u64 {
            let len = p.vectors.len();
            return refused("vectors", format!("must hold {vectors} vectors of {dimensions} elements, got {len}"));
        }
        if p.part.is_some_and(|part| (part.vectors as usize) < vectors) {
            return refused("part.vectors", format!("must be {vectors} or more, as there are so many"));
        }
        if p.k == 0 {
            return refused("k", "must be 1 or more, got 0".into());
        }
        let queries = p.queries() as u64;
        if queries * p.wanted() as u64 > MAX_NEIGHBOURS {
            return refused("k", format!("{queries} queries × k must be at most {MAX_NEIGHBOURS}, got a k of {}", p.k));
        }
        if p.probes.is_some_and(|probes| probes == 0 || probes as usize > lists) {
            return refused("probes", format!("must be 1 to the {lists} lists, got {}", p.probes()));
        }
        if queries * p.probes() as u64 > MAX_NEIGHBOURS {
            let message =
                format!("{queries} queries × probes must be at most {MAX_NEIGHBOURS}, got {} probes", p.probes());
            return refused("probes", message);
        }
        Ok(())
    }

    fn run(p: KnnSearchParams, job: &Job) -> Result<KnnOutput, KernelError> {
        let (dimensions, queries, k) = (p.dimensions as usize, p.queries(), p.wanted());
        let search = |data, names, k| Search { data, names, dimensions, k, metric: p.metric };
        // One unit a query: for the choice of its lists, and for the search of them.
        job.set_total(2 * queries as u64);
        let chosen = job.stage(queries as u64, |stage: &Job| {
            stage.set_total(queries as u64 * p.lists() as u64);
            search(&p.centroids, None, p.probes()).all(&p.queries, stage)
        })?;
        let chosen: Vec<Vec<u64>> = chosen.into_iter().flatten().collect();
        let lists = search(&p.vectors, Some(&p.order), k);
        let found = job.stage(queries as u64, |stage: &Job| {
            let held = |key: &u64| p.list(*key as u32).map_or(0, |range| range.len() as u64);
            stage.set_total(chosen.iter().flatten().map(held).sum());
            let blocks = p.queries.chunks(QUERIES * dimensions).zip(chosen.chunks(QUERIES));
            blocks.map(|(queries, chosen)| p.block(&lists, queries, chosen, stage)).collect::<Result<Vec<_>, _>>()
        })?;
        KnnOutput::of(found.into_iter().flatten().flatten(), [queries, k], p.metric)
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

impl KnnSearchParams {
    /// Lists of the whole index.
    fn lists(&self) -> usize {
        self.centroids.len() / self.dimensions as usize
    }

    fn queries(&self) -> usize {
        self.queries.len() / self.dimensions as usize
    }

    /// Lists that each query looks at.
    fn probes(&self) -> usize {
        self.probes.map_or_else(|| (self.lists() - 1).isqrt() + 1, |probes| probes as usize)
    }

    /// Neighbours of each query.
    fn wanted(&self) -> usize {
        (self.k as usize).min(self.part.map_or(self.order.len(), |part| part.vectors as usize))
    }

    /// Where the vectors of a list are, if it is one of those at hand.
    fn list(&self, list: u32) -> Option<Range<usize>> {
        let at = list.checked_sub(self.part.map_or(0, |part| part.first))? as usize;
        Some(*self.offsets.get(at)? as usize..*self.offsets.get(at + 1)? as usize)
    }

    /// What each of some queries finds in the lists that were chosen for it: `wanted` keys.
    fn block(
        &self,
        search: &Search,
        queries: &[f32],
        chosen: &[Vec<u64>],
        job: &Job,
    ) -> Result<Vec<Vec<u64>>, Cancelled> {
        let queries: Vec<&[f32]> = queries.chunks(search.dimensions).collect();
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (query, chosen) in (0..).zip(chosen) {
            pairs.extend(chosen.iter().map(|&key| (key as u32, query)).filter(|&(list, _)| self.list(list).is_some()));
        }
        pairs.sort_unstable();
        let of_lists: Vec<&[(u32, u32)]> = pairs.chunk_by(|a, b| a.0 == b.0).collect();
        let found = try_map(of_lists.len(), |list| {
            let pairs = of_lists[list];
            let queries: Vec<&[f32]> = pairs.iter().map(|&(_, query)| queries[query as usize]).collect();
            search.run(&queries, self.list(pairs[0].0).unwrap_or_default(), job)
        })?;
        let mut of_queries: Vec<Vec<u64>> = vec![Vec::new(); queries.len()];
        for (pairs, found) in of_lists.iter().zip(found) {
            pairs.iter().zip(found).for_each(|(&(_, query), keys)| of_queries[query as usize].extend(keys));
        }
        Ok(of_queries.into_par_iter().map(|keys| filled(keys.into_iter(), search.k)).collect())
    }
}

/// The least `k` keys, in order, and others for those that are missing.
fn filled(keys: impl Iterator<Item = u64>, k: usize) -> Vec<u64> {
    let mut keys = nearest(keys, k);
    keys.resize(k, key(f32::NAN, MISSING));
    keys
}

/// Runs of lists: each query looks at those of its lists that a shard has. The centroids are needed by all.
impl Shardable for KnnSearch {
    /// `None` when there is one shard; else queries, neighbours of each, and what near means.
    type Plan = Option<(usize, usize, KnnMetric)>;

    fn split(mut p: KnnSearchParams, pieces: usize) -> Result<(Vec<KnnSearchParams>, Self::Plan), KernelError> {
        let pieces = pieces.min(p.vectors.len() / LEAST_SHARD);
        if pieces < 2 || p.queries.is_empty() || p.part.is_some() {
            return Ok((vec![p], None));
        }
        let (dimensions, vectors) = (p.dimensions as usize, p.order.len());
        // Where the list is that holds the first vector of a piece, were all of one length.
        let start = |piece: usize| p.offsets.partition_point(|&offset| (offset as usize) < piece * vectors / pieces);
        let mut starts: Vec<usize> = (0..pieces).map(start).chain([p.lists()]).collect();
        starts.dedup();
        let plan = (p.queries(), p.wanted(), p.metric);
        let mut shard = |lists: Range<usize>| {
            let offsets = &p.offsets[lists.start..=lists.end];
            let held = offsets[0] as usize..offsets[offsets.len() - 1] as usize;
            KnnSearchParams {
                offsets: offsets.iter().map(|offset| offset - offsets[0]).collect::<Vec<_>>().into(),
                order: p.order.part(held.clone()),
                part: Some(KnnPart { first: lists.start as u32, vectors: vectors as u32 }),
                vectors: p.vectors.part(held.start * dimensions..held.end * dimensions),
                centroids: p.centroids.part(0..p.centroids.len()),
                queries: p.queries.part(0..p.queries.len()),
                ..p
            }
        };
        Ok((starts.windows(2).map(|pair| shard(pair[0]..pair[1])).collect(), Some(plan)))
    }

    fn merge(plan: Self::Plan, outputs: Vec<KnnOutput>) -> Result<KnnOutput, KernelError> {
        let Some((queries, k, metric)) = plan else { return shard::only(outputs) };
        let fits = |output: &KnnOutput| output.indices.len() == queries * k && output.distances.len() == queries * k;
        if outputs.is_empty() || !outputs.iter().all(fits) {
            return Err(shard::strange_outputs());
        }
        let of_query = |query: usize| {
            let keys = outputs.iter().flat_map(|output| {
                let range = query * k..(query + 1) * k;
                let pairs = output.distances[range.clone()].iter().zip(&output.indices[range]);
                pairs.map(|(&distance, &index)| key(metric.rank(distance), index))
            });
            filled(keys, k)
        };
        KnnOutput::of((0..queries).flat_map(of_query), [queries, k], metric)
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::super::distances::tests::noise;
    use super::*;
    use crate::kernel::run;
    use crate::kernels::{Knn, KnnIndex, KnnIndexOutput, KnnIndexParams, KnnParams};
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;

    const METRICS: [KnnMetric; 3] = [KnnMetric::Euclidean, KnnMetric::Cosine, KnnMetric::Dot];

    fn index(data: &[f32], dimensions: u32, metric: KnnMetric, lists: Option<u32>) -> KnnIndexOutput {
        let p = KnnIndexParams { data: data.to_vec().into(), dimensions, metric, lists, seed: 1 };
        run::<KnnIndex>(p, &Job::detached()).unwrap()
    }

    fn params(index: KnnIndexOutput, queries: Vec<f32>, k: u32, probes: Option<u32>) -> KnnSearchParams {
        let KnnIndexOutput { centroids, offsets, order, vectors, dimensions, metric } = index;
        let queries = queries.into();
        KnnSearchParams { centroids, offsets, order, vectors, dimensions, metric, queries, k, probes, part: None }
    }

    fn found(p: KnnSearchParams) -> KnnOutput {
        let job = Job::detached();
        let output = run::<KnnSearch>(p, &job).unwrap();
        let (done, total) = job.progress();
        assert_eq!(done, total);
        output
    }

    fn exact(data: &[f32], queries: &[f32], dimensions: u32, k: u32, metric: KnnMetric) -> KnnOutput {
        let p = KnnParams { data: data.to_vec().into(), queries: queries.to_vec().into(), dimensions, k, metric };
        run::<Knn>(p, &Job::detached()).unwrap()
    }

    /// Vectors around `centres` points.
    fn clouds(count: usize, dimensions: usize, centres: usize, seed: u64) -> Vec<f32> {
        let middle = noise(centres * dimensions, 99);
        let noise = noise(count * dimensions, seed);
        let of = |at: usize| middle[at / dimensions * 7919 % centres * dimensions + at % dimensions];
        (0..count * dimensions).map(|at| of(at) * 3.0 + noise[at] * 0.5).collect()
    }

    /// The share of the true neighbours that were found.
    fn recall(found: &KnnOutput, exact: &KnnOutput, k: usize) -> f64 {
        let hits = found.indices.chunks(k).zip(exact.indices.chunks(k));
        let hits = hits.map(|(found, exact)| exact.iter().filter(|index| found.contains(index)).count());
        hits.sum::<usize>() as f64 / exact.indices.len() as f64
    }

    #[test]
    fn with_all_probes_it_is_brute_force() {
        for metric in METRICS {
            for (vectors, queries, dimensions, k, lists) in
                [(1, 1, 1, 5, Some(1)), (9, 5, 4, 3, Some(9)), (2000, 40, 7, 12, None), (700, 3, 33, 900, Some(3))]
            {
                // Few values, so that many are equally near.
                let data: Vec<f32> = noise(vectors * dimensions, 3).iter().map(|x| (x * 4.0).round()).collect();
                let asked = noise(queries * dimensions, 5);
                let index = index(&data, dimensions as u32, metric, lists);
                let lists = index.offsets.len() as u32 - 1;
                let p = params(index, asked.clone(), k, Some(lists));
                assert_eq!(found(p), exact(&data, &asked, dimensions as u32, k, metric), "{metric:?}, {vectors}");
            }
        }
    }

    #[test]
    fn most_neighbours_are_found_where_vectors_are_in_clouds() {
        for metric in METRICS {
            let (data, queries) = (clouds(20_000, 32, 200, 3), clouds(200, 32, 200, 5));
            let p = params(index(&data, 32, metric, None), queries.clone(), 10, None);
            let recall = recall(&found(p), &exact(&data, &queries, 32, 10, metric), 10);
            assert!(recall > 0.99, "{metric:?}: {recall}");
        }
    }

    #[test]
    fn of_random_vectors_some_are_found() {
        let (data, queries) = (noise(20_000 * 32, 3), noise(200 * 32, 5));
        let index = index(&data, 32, KnnMetric::Euclidean, None);
        let exact = exact(&data, &queries, 32, 10, KnnMetric::Euclidean);
        let recalls =
            [12, 48].map(|probes| recall(&found(params(index.clone(), queries.clone(), 10, Some(probes))), &exact, 10));
        assert!(recalls[0] > 0.55 && recalls[1] > 0.9, "{recalls:?}");
    }

    #[test]
    fn what_is_missing_is_said_to_be() {
        let index = index(&[0.0, 1.0, 10.0, 11.0], 1, KnnMetric::Euclidean, Some(2));
        let output = found(params(index, vec![0.2, f32::NAN], 3, Some(1)));
        assert_eq!(output.indices[..3], [0, 1, MISSING]);
        assert!(output.distances[2].is_nan() && output.indices[5] == MISSING);
    }

    #[test]
    fn shards_make_the_whole_on_any_number_of_threads() {
        for metric in METRICS {
            let data = clouds(40_000, 48, 50, 3);
            let index = index(&data, 48, metric, Some(150));
            for (queries, k, probes) in [(40, 10, Some(9)), (1, 700, Some(1)), (1500, 3, None)] {
                let p = params(index.clone(), clouds(queries, 48, 50, 7), k, probes);
                assert_eq!(check_shards::<KnnSearch>(&p), 3);
                let text = format!("{:?}", found(p.clone()));
                for threads in [1, 3, 8] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    assert!(format!("{:?}", pool.install(|| found(p.clone()))) == text, "{threads} threads");
                }
            }
        }
    }

    #[test]
    fn arrays_that_do_not_fit_together_are_refused() {
        let refused = |change: fn(&mut KnnSearchParams), expected: &str| {
            let mut p = params(index(&noise(40, 3), 2, KnnMetric::Dot, Some(4)), noise(6, 5), 2, None);
            change(&mut p);
            assert_eq!(KnnSearch::validate(&p).unwrap_err().to_string(), expected);
        };
        refused(|p| p.dimensions = 0, "dimensions: must be 1 or more, got 0");
        refused(|p| p.dimensions = 3, "centroids: must hold whole vectors of 3 elements, got 8");
        refused(|p| p.queries = vec![1.0].into(), "queries: must hold whole vectors of 2 elements, got 1");
        refused(|p| p.centroids = vec![].into(), "centroids: must hold the middle of one list or more, got none");
        let wrong_ends = "offsets: must be one more than the 4 lists of `centroids`, got ";
        refused(|p| p.offsets = vec![].into(), &format!("{wrong_ends}0"));
        refused(|p| p.offsets = vec![0, 20].into(), &format!("{wrong_ends}2"));
        refused(|p| p.part = Some(KnnPart { first: 1, vectors: 20 }), &format!("{wrong_ends}5"));
        refused(|p| p.part = Some(KnnPart { first: u32::MAX, vectors: 20 }), &format!("{wrong_ends}5"));
        refused(|p| p.offsets[0] = 1, "offsets: must begin with 0 and never fall");
        refused(|p| p.offsets[2] = 100, "offsets: must begin with 0 and never fall");
        refused(|p| p.offsets[4] = 21, "order: must hold as many numbers as `offsets` end with, 21, got 20");
        refused(|p| p.vectors = vec![0.0; 38].into(), "vectors: must hold 20 vectors of 2 elements, got 38");
        refused(
            |p| p.part = Some(KnnPart { first: 0, vectors: 19 }),
            "part.vectors: must be 20 or more, as there are so many",
        );
        refused(|p| p.k = 0, "k: must be 1 or more, got 0");
        refused(|p| p.probes = Some(0), "probes: must be 1 to the 4 lists, got 0");
        refused(|p| p.probes = Some(5), "probes: must be 1 to the 4 lists, got 5");
    }

    #[test]
    fn a_cancelled_job_stops() {
        let job = Job::detached();
        job.control().request_cancel();
        let p = params(index(&noise(4000, 3), 2, KnnMetric::Dot, None), noise(200, 5), 2, None);
        assert_eq!(run::<KnnSearch>(p, &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    proptest! {
        #[test]
        fn what_is_found_is_as_far_as_it_says(
            vectors in 1..300_usize, queries in 0..9_usize, dimensions in 1..9_usize, k in 1..20_u32, lists in 1..20_u32, probes in 1..20_u32, seed: u64,
        ) {
            for metric in METRICS {
                let (data, asked) = (noise(vectors * dimensions, seed), noise(queries * dimensions, seed ^ 7));
                let lists = lists.min(vectors as u32);
                let index = index(&data, dimensions as u32, metric, Some(lists));
                let output = found(params(index, asked.clone(), k, Some(probes.min(lists))));
                let all = exact(&data, &asked, dimensions as u32, vectors as u32, metric);
                let width = vectors.min(k as usize);
                for (at, (&number, distance)) in output.indices.iter().zip(output.distances.iter()).enumerate() {
                    let row = at / width * vectors..(at / width + 1) * vectors;
                    let place = all.indices[row.clone()].iter().position(|&other| other == number);
                    match place {
                        Some(place) => prop_assert_eq!(all.distances[row][place].to_bits(), distance.to_bits()),
                        None => prop_assert!(number == MISSING && distance.is_nan()),
                    }
                }
            }
        }
    }
}
