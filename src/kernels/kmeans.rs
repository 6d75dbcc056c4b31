//! Clusters of vectors around their means: Lloyd's iterations from centroids that are drawn by k-means++.
//! (S. P. Lloyd, IEEE Transactions on Information Theory 28, 1982; D. Arthur and S. Vassilvitskii, SODA 2007.)
//!
//! Sums go over blocks of rows of a fixed length, in order, so that threads do not show in the result.

use super::distances::{GROUP, LANES, Panel, pack, squared};
use super::radix::reserve;
use super::random::Random;
use crate::parallel::try_map;
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Array, Cancelled, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

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
/// Elements that are worked on while an event loop waits: 1 to 2 ms.
pub(super) const TURN: usize = 16 * SLICE;
/// Elements that a row is worth besides its own, whenever it is looked at.
const ROW: usize = 8;
/// The fewest products of elements of rows and centroids that are worth a shard: some 1 ms of work.
const LEAST_SHARD: usize = 1 << 22;
/// Sending a row takes as long as comparing it with some 12 centroids; half of what others do is to be gained.
const LEAST_ELSEWHERE: usize = 24;

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
        let rows = p.rows();
        // One unit a row: for the choice of centroids, each iteration, and the labels.
        job.set_total(rows.count as u64 * (2 + u64::from(p.max_iterations)));
        rows.refuse_odd(job)?;
        let mut lloyd = Lloyd::of(rows.seeds(p.k as usize, p.seed, job)?);
        job.advance(rows.count as u64);
        job.will_return(rows.count * size_of::<u32>());
        let mut labels = reserve(rows.count)?;
        labels.resize(rows.count, 0);
        while lloyd.goes_on(&p) {
            let inertia = rows.assign(&lloyd.centroids, &mut labels, job)?;
            lloyd.emit(&p, inertia, job);
            let means = rows.means(&lloyd.centroids, &labels, job)?;
            lloyd.move_to(means, &p);
        }
        let inertia = rows.assign(&lloyd.centroids, &mut labels, job)?;
        job.set_total(job.progress().0);
        Ok(lloyd.output(&p, labels, inertia))
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

/// For workers: the first centroids in one shard, then for each iteration a round of shards that find the labels of some blocks
/// of rows; the means are summed in between. Where an event loop waits: turns of about as much work each, without shards.
impl Rounds for Kmeans {
    type Shard = KmeansShard;
    type Given = KmeansGiven;
    type State = KmeansState;

    fn begin(mut p: KmeansParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        let rows = p.rows();
        let progress = (0, p.most_units());
        if aim.short {
            return Ok(Round::Next { shards: vec![], state: KmeansState::Turns(p, Turn::Odd(0)), progress });
        }
        let pieces = worth(aim.pieces, p.data.len(), p.k as usize).min(rows.count.div_ceil(BLOCK));
        if pieces < 2 {
            return Ok(Round::Whole(p));
        }
        let data = p.data.part(0..p.data.len());
        let shard = KmeansShard::Seeds { data, dimensions: p.dimensions, k: p.k, seed: p.seed };
        Ok(Round::Next { shards: vec![shard], state: KmeansState::Rounds { p, pieces, lloyd: None }, progress })
    }

    fn run_shard(shard: KmeansShard, job: &Job<KmeansPart>) -> Result<KmeansGiven, KernelError> {
        match shard {
            KmeansShard::Seeds { data, dimensions, k, seed } => {
                let rows = Rows::of(&data, dimensions as usize);
                rows.refuse_odd(job)?;
                let seeds = rows.seeds(k as usize, seed, job)?;
                job.advance(rows.count as u64);
                Ok(KmeansGiven::Seeds(seeds.into()))
            }
            KmeansShard::Blocks { data, dimensions, centroids } => {
                let rows = Rows::of(&data, dimensions as usize);
                let mut labels = reserve(rows.count)?;
                labels.resize(rows.count, 0);
                let inertias = rows.assign_blocks(&centroids, &mut labels, job)?;
                Ok(KmeansGiven::Blocks { labels: labels.into(), inertias: inertias.into() })
            }
        }
    }

    fn go_on(state: KmeansState, given: Vec<KmeansGiven>, job: &Job<KmeansPart>) -> Result<Round<Self>, KernelError> {
        let (p, pieces, mut lloyd) = match state {
            KmeansState::Turns(p, turn) => return turn.take(p, job),
            KmeansState::Rounds { p, pieces, lloyd: None } => {
                let Ok([KmeansGiven::Seeds(seeds)]) = <[_; 1]>::try_from(given) else {
                    return Err(shard::strange_outputs());
                };
                return blocks(p, pieces, Lloyd::of(seeds.into_vec()));
            }
            KmeansState::Rounds { p, pieces, lloyd: Some(lloyd) } => (p, pieces, lloyd),
        };
        let rows = p.rows();
        let (mut labels, mut inertias) = (Vec::new(), Vec::new());
        for given in given {
            let KmeansGiven::Blocks { labels: some, inertias: of_blocks } = given else {
                return Err(shard::strange_outputs());
            };
            labels.push(some);
            inertias.extend_from_slice(&of_blocks);
        }
        let labels = shard::concat(labels.into_iter(), rows.count)?;
        if labels.iter().any(|&label| label >= p.k) {
            return Err(shard::strange_outputs());
        }
        let inertia = inertias.iter().fold(0.0, |sum, inertia| sum + inertia);
        if !lloyd.goes_on(&p) {
            let total = p.units(lloyd.iterations);
            return Ok(Round::Done { output: lloyd.output(&p, labels, inertia), total });
        }
        lloyd.emit(&p, inertia, job);
        let means = rows.means(&lloyd.centroids, &labels, job)?;
        lloyd.move_to(means, &p);
        blocks(p, pieces, lloyd)
    }
}

/// A part of a round.
#[derive(Serialize, Deserialize)]
pub enum KmeansShard {
    /// The choice of the first centroids.
    Seeds {
        /// As of the params.
        data: Array<f32>,
        /// As of the params.
        dimensions: u32,
        /// As of the params.
        k: u32,
        /// As of the params.
        seed: u64,
    },
    /// The nearest centroids of the rows of some blocks.
    Blocks {
        /// The rows.
        data: Array<f32>,
        /// As of the params.
        dimensions: u32,
        /// The centroids.
        centroids: Array<f32>,
    },
}

/// What comes out of a shard.
#[derive(Serialize, Deserialize)]
pub enum KmeansGiven {
    /// The first centroids.
    Seeds(Array<f32>),
    /// Of some blocks.
    Blocks {
        /// The labels of their rows.
        labels: Array<u32>,
        /// The inertia of each block.
        inertias: Array<f64>,
    },
}

/// A job between two rounds.
pub enum KmeansState {
    /// It is done in turns.
    Turns(KmeansParams, Turn),
    /// It is done in shards.
    Rounds {
        /// The job.
        p: KmeansParams,
        /// At most so many shards in a round.
        pieces: usize,
        /// `None` while the first centroids are chosen.
        lloyd: Option<Lloyd>,
    },
}

/// The round that finds the nearest centroids of all rows.
fn blocks(mut p: KmeansParams, pieces: usize, lloyd: Lloyd) -> Result<Round<Kmeans>, KernelError> {
    let (len, dimensions) = (p.data.len(), p.dimensions);
    let each = p.rows().count.div_ceil(BLOCK).div_ceil(pieces) * BLOCK * dimensions as usize;
    let mut centroids = Array::from(lloyd.centroids.clone());
    let shards = (0..len).step_by(each).map(|at| KmeansShard::Blocks {
        data: p.data.part(at..len.min(at + each)),
        dimensions,
        centroids: centroids.part(0..centroids.len()),
    });
    let shards = shards.collect();
    let progress = (lloyd.done(&p), p.most_units());
    Ok(Round::Next { shards, progress, state: KmeansState::Rounds { p, pieces, lloyd: Some(lloyd) } })
}

/// How many shards, at most `pieces`, a round is worth that compares rows of so many elements with `k` centroids. 1 when the whole is no
/// slower.
pub(super) fn worth(pieces: usize, elements: usize, k: usize) -> usize {
    let pieces = pieces.min(elements.saturating_mul(k) / LEAST_SHARD).max(1);
    if k * (pieces - 1) < LEAST_ELSEWHERE * pieces { 1 } else { pieces }
}

/// Where a job stands that is done in turns.
pub enum Turn {
    /// So many elements have been looked at, and are finite.
    Odd(usize),
    /// The first centroids are being chosen.
    Seeds(Seeding),
    /// An iteration, or in the end the labels.
    Iteration {
        /// The iterations before.
        lloyd: Lloyd,
        /// The labels.
        pass: Pass,
        /// What the means will be.
        sums: Sums,
    },
}

impl Turn {
    /// Takes one turn.
    fn take(mut self, p: KmeansParams, job: &Job<KmeansPart>) -> Result<Round<Kmeans>, KernelError> {
        let (rows, k) = (p.rows(), p.k as usize);
        let mut budget = TURN;
        while budget > 0 {
            self = match self {
                Self::Odd(at) => {
                    let end = rows.data.len().min(at + budget);
                    budget -= end - at;
                    match rows.odd(at..end) {
                        Some(odd) => return Err(rows.refused(odd)),
                        None if end < rows.data.len() => Self::Odd(end),
                        None => Self::Seeds(Seeding::of(&rows, k, p.seed)?),
                    }
                }
                Self::Seeds(mut seeding) => {
                    seeding.go_on(&rows, k, &mut budget);
                    if seeding.drawn(&rows) < k {
                        Self::Seeds(seeding)
                    } else {
                        let lloyd = Lloyd::of(seeding.seeds);
                        let pass = Pass::of(&rows, &lloyd.centroids)?;
                        Self::Iteration { lloyd, pass, sums: Sums::none(k, rows.dimensions)? }
                    }
                }
                Self::Iteration { mut lloyd, mut pass, mut sums } => {
                    let found = pass.go_on(&rows, &mut budget, job)?;
                    if lloyd.goes_on(&p) {
                        found.for_each(|at| sums.add(rows.row(at), pass.labels[at] as usize));
                        if pass.at == rows.count {
                            lloyd.emit(&p, pass.inertia, job);
                            let means = sums.means(&lloyd.centroids);
                            lloyd.move_to(means, &p);
                            pass.again(&rows, &lloyd.centroids);
                        }
                    } else if pass.at == rows.count {
                        let total = p.units(lloyd.iterations);
                        return Ok(Round::Done { output: lloyd.output(&p, pass.labels, pass.inertia), total });
                    }
                    Self::Iteration { lloyd, pass, sums }
                }
            };
        }
        let done = match &self {
            Self::Odd(_) => 0,
            Self::Seeds(seeding) => (rows.count as u128 * seeding.drawn(&rows) as u128 / k as u128) as u64,
            Self::Iteration { lloyd, pass, .. } => lloyd.done(&p) + pass.at as u64,
        };
        Ok(Round::Next { shards: vec![], progress: (done, p.most_units()), state: KmeansState::Turns(p, self) })
    }
}

impl KmeansParams {
    fn rows(&self) -> Rows<'_> {
        Rows::of(&self.data, self.dimensions as usize)
    }

    /// Units of the job when so many iterations are made.
    fn units(&self, iterations: u32) -> u64 {
        self.rows().count as u64 * (2 + u64::from(iterations))
    }

    fn most_units(&self) -> u64 {
        self.units(self.max_iterations)
    }
}

/// How far the iterations have come.
pub struct Lloyd {
    centroids: Vec<f32>,
    /// Those that were made.
    iterations: u32,
    converged: bool,
}

impl Lloyd {
    fn of(centroids: Vec<f32>) -> Self {
        Self { centroids, iterations: 0, converged: false }
    }

    /// Whether there is another iteration.
    fn goes_on(&self, p: &KmeansParams) -> bool {
        self.iterations < p.max_iterations && !self.converged
    }

    /// Units of the job that are done when all iterations so far are.
    fn done(&self, p: &KmeansParams) -> u64 {
        p.rows().count as u64 * (1 + u64::from(self.iterations))
    }

    fn emit(&self, p: &KmeansParams, inertia: f64, job: &Job<KmeansPart>) {
        let iteration = self.iterations;
        job.emit(iteration, || KmeansPart { iteration, centroids: shaped(self.centroids.clone(), p), inertia });
    }

    /// Ends an iteration.
    fn move_to(&mut self, means: Vec<f32>, p: &KmeansParams) {
        let dimensions = p.dimensions as usize;
        let moved = |(a, b): (&[f32], &[f32])| {
            a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)) * (f64::from(a) - f64::from(b))).sum::<f64>()
        };
        let farthest = means.chunks(dimensions).zip(self.centroids.chunks(dimensions)).map(moved).fold(0.0, f64::max);
        self.converged = farthest.sqrt() <= p.tolerance;
        self.centroids = means;
        self.iterations += 1;
    }

    fn output(self, p: &KmeansParams, labels: Vec<u32>, inertia: f64) -> KmeansOutput {
        KmeansOutput {
            centroids: shaped(self.centroids, p),
            labels: labels.into(),
            inertia,
            iterations: self.iterations,
            converged: self.converged,
        }
    }
}

fn shaped(centroids: Vec<f32>, p: &KmeansParams) -> Array<f32> {
    Array::from(centroids).with_shape([p.k as usize, p.dimensions as usize])
}

/// The choice of the first centroids: each a row, drawn with a chance that grows as the square of its distance from those
/// before.
pub struct Seeding {
    random: Random,
    seeds: Vec<f32>,
    /// The square of the distance of each row from the nearest of them.
    nearest: Vec<f32>,
    /// The sum of those of each block.
    weights: Vec<f64>,
    /// Rows for which the newest of them has been looked at.
    at: usize,
}

impl Seeding {
    fn of(rows: &Rows, k: usize, seed: u64) -> Result<Self, KernelError> {
        let mut random = Random::of(seed);
        let mut seeds = reserve(k * rows.dimensions)?;
        let mut nearest: Vec<f32> = reserve(rows.count)?;
        nearest.resize(rows.count, f32::INFINITY);
        seeds.extend_from_slice(rows.row(rows.draw(&mut random)));
        Ok(Self { random, seeds, nearest, weights: vec![0.0; rows.count.div_ceil(BLOCK)], at: 0 })
    }

    /// How many there are.
    fn drawn(&self, rows: &Rows) -> usize {
        self.seeds.len() / rows.dimensions
    }

    /// Looks at the newest one for all rows, on all threads.
    fn weigh<P: Send>(&mut self, rows: &Rows, job: &Job<P>) -> Result<(), Cancelled> {
        let newest = &self.seeds[self.seeds.len() - rows.dimensions..];
        let each = (SLICE / rows.dimensions).max(1);
        let blocks = self.nearest.par_chunks_mut(BLOCK).zip(&mut self.weights).enumerate();
        blocks.try_for_each(|(block, (nearest, weight))| {
            for (part, nearest) in nearest.chunks_mut(each).enumerate() {
                job.check()?;
                rows.weigh(newest, block * BLOCK + part * each, nearest, weight);
            }
            Ok(())
        })
    }

    /// Goes on until there are `k`, or the budget of elements is spent.
    fn go_on(&mut self, rows: &Rows, k: usize, budget: &mut usize) {
        while self.drawn(rows) < k {
            let newest = &self.seeds[self.seeds.len() - rows.dimensions..];
            while self.at < rows.count {
                if *budget == 0 {
                    return;
                }
                let (block, cost) = (self.at / BLOCK, rows.dimensions + ROW);
                let end = rows.count.min((block + 1) * BLOCK).min(self.at + (*budget / cost).max(1));
                rows.weigh(newest, self.at, &mut self.nearest[self.at..end], &mut self.weights[block]);
                *budget = budget.saturating_sub((end - self.at) * cost);
                self.at = end;
            }
            self.draw(rows);
        }
    }

    /// Draws the next one.
    fn draw(&mut self, rows: &Rows) {
        let (weights, nearest) = (&self.weights, &self.nearest);
        let total = weights.iter().fold(0.0, |sum, weight| sum + weight);
        let chosen = if total > 0.0 && total.is_finite() {
            let mut left = self.random.unit() * total;
            let block = weights.iter().position(|&weight| {
                let here = left < weight;
                left -= if here { 0.0 } else { weight };
                here
            });
            // Where rounding has left a little at the end: the last row that counts at all.
            let block = block.unwrap_or_else(|| weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0));
            let squares = &nearest[block * BLOCK..rows.count.min((block + 1) * BLOCK)];
            let row = squares.iter().position(|&square| {
                left -= f64::from(square);
                left < 0.0
            });
            block * BLOCK + row.or_else(|| squares.iter().rposition(|&square| square > 0.0)).unwrap_or(0)
        } else {
            // All rows are centroids already, or too far apart for f32.
            rows.draw(&mut self.random)
        };
        self.seeds.extend_from_slice(rows.row(chosen));
        self.weights.fill(0.0);
        self.at = 0;
    }
}

/// Centroids as they are compared with rows.
pub struct Centroids {
    panels: Vec<Panel>,
    count: usize,
}

impl Centroids {
    pub(super) fn of(centroids: &[f32], dimensions: usize) -> Self {
        let panel = |vectors: &[f32]| {
            let mut panel = Panel::new();
            pack(vectors, dimensions, &mut panel);
            panel
        };
        let panels = centroids.chunks(LANES * dimensions).map(panel).collect();
        Self { panels, count: centroids.len() / dimensions }
    }

    /// Elements that the label of a row is worth: a panel takes about as long as an element of something else, and so does what is
    /// made of the label.
    pub(super) fn cost(&self, rows: &Rows) -> usize {
        (self.panels.len() + 1) * (rows.dimensions + ROW)
    }
}

/// The labels of all rows, as far as they have been found.
pub struct Pass {
    centroids: Centroids,
    /// Those of the rows before [`at`](Self::at), and more.
    pub labels: Vec<u32>,
    /// The first row without one.
    pub at: usize,
    /// Of the blocks that are done.
    inertia: f64,
    /// Of the rows that are done of the block after them.
    of_block: f64,
}

impl Pass {
    pub(super) fn of(rows: &Rows, centroids: &[f32]) -> Result<Self, KernelError> {
        let mut labels = reserve(rows.count)?;
        labels.resize(rows.count, 0);
        let centroids = Centroids::of(centroids, rows.dimensions);
        Ok(Self { centroids, labels, at: 0, inertia: 0.0, of_block: 0.0 })
    }

    /// Begins again, for other centroids.
    fn again(&mut self, rows: &Rows, centroids: &[f32]) {
        self.centroids = Centroids::of(centroids, rows.dimensions);
        (self.at, self.inertia) = (0, 0.0);
    }

    /// Goes on until a block ends, or the budget of elements is spent; returns the rows that have a label now.
    pub(super) fn go_on<P>(
        &mut self,
        rows: &Rows,
        budget: &mut usize,
        job: &Job<P>,
    ) -> Result<Range<usize>, Cancelled> {
        let cost = self.centroids.cost(rows);
        let most = (*budget / cost).max(GROUP).next_multiple_of(GROUP);
        let block_end = rows.count.min((self.at / BLOCK + 1) * BLOCK);
        let found = self.at..block_end.min(self.at + most);
        rows.label(&self.centroids, found.start, &mut self.labels[found.clone()], &mut self.of_block, job)?;
        if found.end == block_end {
            self.inertia += std::mem::take(&mut self.of_block);
        }
        self.at = found.end;
        *budget = budget.saturating_sub(found.len() * cost);
        Ok(found)
    }
}

/// The sums of the rows of each label, as [`Rows::means`] makes them, from rows in their order.
pub struct Sums {
    dimensions: usize,
    /// Rows of each label.
    counts: Vec<usize>,
    /// Of each label: of as many rows as there are whole blocks of.
    whole: Vec<f64>,
    /// Of the rows after those.
    rest: Vec<f64>,
}

impl Sums {
    fn none(k: usize, dimensions: usize) -> Result<Self, KernelError> {
        let zeros = || {
            let mut zeros = reserve(k * dimensions)?;
            zeros.resize(k * dimensions, 0.0);
            Ok::<_, KernelError>(zeros)
        };
        Ok(Self { dimensions, counts: vec![0; k], whole: zeros()?, rest: zeros()? })
    }

    fn add(&mut self, row: &[f32], label: usize) {
        let place = label * self.dimensions..(label + 1) * self.dimensions;
        let rest = &mut self.rest[place.clone()];
        add(rest, row);
        self.counts[label] += 1;
        if self.counts[label].is_multiple_of(BLOCK) {
            self.whole[place].iter_mut().zip(rest).for_each(|(sum, rest)| *sum += std::mem::take(rest));
        }
    }

    /// The means; of labels without rows the centroids. All sums are zeros again.
    fn means(&mut self, centroids: &[f32]) -> Vec<f32> {
        let mut means = centroids.to_vec();
        let sums = self.whole.chunks(self.dimensions).zip(self.rest.chunks(self.dimensions));
        for ((mean, (whole, rest)), &count) in means.chunks_mut(self.dimensions).zip(sums).zip(&self.counts) {
            if count > 0 {
                let sums = whole.iter().zip(rest).map(|(whole, rest)| whole + rest);
                mean.iter_mut().zip(sums).for_each(|(mean, sum)| *mean = (sum / count as f64) as f32);
            }
        }
        self.counts.fill(0);
        self.whole.fill(0.0);
        self.rest.fill(0.0);
        means
    }
}

/// Adds a row to sums of rows.
fn add(sums: &mut [f64], row: &[f32]) {
    sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
}

/// The vectors.
pub(super) struct Rows<'a> {
    pub data: &'a [f32],
    pub dimensions: usize,
    pub count: usize,
}

impl<'a> Rows<'a> {
    pub fn of(data: &'a [f32], dimensions: usize) -> Self {
        Self { data, dimensions, count: data.len() / dimensions }
    }

    pub fn row(&self, at: usize) -> &[f32] {
        &self.data[at * self.dimensions..(at + 1) * self.dimensions]
    }

    /// Refuses vectors that are nowhere.
    pub fn refuse_odd<P: Send>(&self, job: &Job<P>) -> Result<(), KernelError> {
        let odd = try_map(self.data.len().div_ceil(SLICE), |slice| {
            job.check()?;
            Ok::<_, Cancelled>(self.odd(slice * SLICE..self.data.len().min((slice + 1) * SLICE)))
        })?;
        odd.into_iter().flatten().next().map_or(Ok(()), |at| Err(self.refused(at)))
    }

    /// The first of these elements that is not finite.
    pub fn odd(&self, elements: Range<usize>) -> Option<usize> {
        self.data[elements.clone()].iter().position(|x| !x.is_finite()).map(|at| elements.start + at)
    }

    /// The error of an element that is not finite.
    pub fn refused(&self, at: usize) -> KernelError {
        KernelError::bad_params("data", format!("must hold finite numbers, got {} at {at}", self.data[at]))
    }

    /// The first centroids.
    fn seeds<P: Send>(&self, k: usize, seed: u64, job: &Job<P>) -> Result<Vec<f32>, KernelError> {
        let mut seeding = Seeding::of(self, k, seed)?;
        while seeding.drawn(self) < k {
            seeding.weigh(self, job)?;
            seeding.draw(self);
        }
        Ok(seeding.seeds)
    }

    /// Looks at a new centroid for the rows from `first` on: the squares of their distances from the nearest, and their sum.
    fn weigh(&self, newest: &[f32], first: usize, nearest: &mut [f32], weight: &mut f64) {
        for (at, nearest) in nearest.iter_mut().enumerate() {
            let square = one_squared(self.row(first + at), newest);
            *nearest = if square < *nearest { square } else { *nearest };
            *weight += f64::from(*nearest);
        }
    }

    /// A row, each with the same chance.
    fn draw(&self, random: &mut Random) -> usize {
        ((random.unit() * self.count as f64) as usize).min(self.count - 1)
    }

    /// Gives each row the label of its nearest centroid; returns the inertia.
    pub fn assign<P: Send>(&self, centroids: &[f32], labels: &mut [u32], job: &Job<P>) -> Result<f64, Cancelled> {
        let blocks = self.assign_blocks(centroids, labels, job)?;
        Ok(blocks.iter().fold(0.0, |sum, inertia| sum + inertia))
    }

    /// As [`assign`](Self::assign); returns the inertia of each block.
    fn assign_blocks<P: Send>(
        &self,
        centroids: &[f32],
        labels: &mut [u32],
        job: &Job<P>,
    ) -> Result<Vec<f64>, Cancelled> {
        let centroids = Centroids::of(centroids, self.dimensions);
        let blocks = labels.par_chunks_mut(BLOCK).enumerate().map(|(block, labels)| {
            let mut inertia = 0.0;
            job.check()?;
            self.label(&centroids, block * BLOCK, labels, &mut inertia, job)?;
            job.advance(labels.len() as u64);
            Ok(inertia)
        });
        blocks.collect()
    }

    /// Gives the rows from `first` on the labels of their nearest centroids, and adds to the inertia.
    pub fn label<P>(
        &self,
        centroids: &Centroids,
        first: usize,
        labels: &mut [u32],
        inertia: &mut f64,
        job: &Job<P>,
    ) -> Result<(), Cancelled> {
        let mut worked = 0;
        for (group, labels) in labels.chunks_mut(GROUP).enumerate() {
            let first = first + group * GROUP;
            // At the end the last row stands in for those that are missing.
            let rows: [&[f32]; GROUP] = std::array::from_fn(|at| self.row(first + at.min(labels.len() - 1)));
            let mut best = [(f32::INFINITY, 0); GROUP];
            for (panel, start) in centroids.panels.iter().zip((0..centroids.count).step_by(LANES)) {
                worked += self.dimensions * LANES * GROUP;
                if worked > 8 * SLICE {
                    worked = 0;
                    job.check()?;
                }
                for (best, squares) in best.iter_mut().zip(squared(rows, panel)) {
                    for (lane, &square) in squares.iter().enumerate().take(centroids.count - start) {
                        if square < best.0 {
                            *best = (square, (start + lane) as u32);
                        }
                    }
                }
            }
            for (label, (square, nearest)) in labels.iter_mut().zip(best) {
                *label = nearest;
                *inertia += f64::from(square);
            }
        }
        Ok(())
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
        let sums = try_map(tasks.len(), |task| {
            let mut sums = vec![0.0; self.dimensions];
            for rows in tasks[task].1.chunks((SLICE / self.dimensions).max(1)) {
                job.check()?;
                rows.iter().for_each(|&row| add(&mut sums, self.row(row as usize)));
            }
            Ok::<_, Cancelled>(sums)
        })?;
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
    use crate::shard::testing::{Seen, check_aims, check_rounds};
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

    const TURNS: Aim = Aim { pieces: 4, short: true };

    #[test]
    fn turns_give_what_the_whole_gives() {
        for (count, dimensions, k) in [
            (1, 1, 1),
            (2, 1, 2),
            (9, 7, 3),
            (1024, 2, 1),
            (1025, 33, 17),
            (5000, 5, 64),
            (2051, 3000, 3),
            (5, 70_000, 2),
        ] {
            let p = KmeansParams { max_iterations: 9, ..params(clouds(count, dimensions), dimensions as u32, k) };
            for Seen { rounds, shards } in check_aims::<Kmeans>(&p, &[1, 7, 256].map(|pieces| Aim { pieces, ..TURNS }))
            {
                assert!(shards == 0 && rounds > 0, "{count} of {dimensions}: {rounds} turns");
            }
        }
        check_rounds::<Kmeans>(&params(vec![2.5; 3000], 1, 4), TURNS);
        check_rounds::<Kmeans>(&params(vec![-0.0; 3000], 2, 2), TURNS);
        check_rounds::<Kmeans>(&params(vec![f32::MAX; 5000], 1, 2), TURNS);
        // Of one label, and so great that it shows how many are summed at a time: what is added to 1e17 is lost.
        let great = |row: usize| match row % BLOCK {
            100 => 1e17,
            700 => -1e17,
            _ => 1.0,
        };
        check_rounds::<Kmeans>(&params((0..20 * BLOCK).map(great).collect(), 1, 1), TURNS);
    }

    #[test]
    fn shards_give_what_the_whole_gives() {
        let p = KmeansParams { max_iterations: 3, ..params(noise(9001 * 40, 3), 40, 50) };
        // 9 blocks of rows, and 4 shards would be worth it.
        let expected = [(1, 0), (2, 2), (3, 3), (7, 3), (64, 3), (256, 3)];
        let seen = check_aims::<Kmeans>(&p, &expected.map(|(pieces, _)| Aim { pieces, short: false }));
        for ((pieces, shards), seen) in expected.into_iter().zip(seen) {
            assert_eq!(seen, Seen { rounds: if shards > 0 { 5 } else { 0 }, shards }, "{pieces} pieces");
        }
        let converges = params(clouds(17_000, 8), 8, 64);
        assert!(
            check_rounds::<Kmeans>(&KmeansParams { tolerance: 0.1, ..converges }, Aim { pieces: 2, short: false })
                .rounds
                > 3
        );
        for whole in [params(noise(9000 * 40, 3), 40, 15), params(noise(2000 * 40, 3), 40, 50), params(vec![1.0], 1, 1)]
        {
            assert_eq!(check_rounds::<Kmeans>(&whole, Aim { pieces: 16, short: false }).rounds, 0);
        }
    }

    #[test]
    fn turns_are_short_and_many_are_taken_together() {
        // Two iterations, and what is before and after.
        let p = KmeansParams { max_iterations: 2, ..params(noise(100_000 * 16, 3), 16, 40) };
        let work = 100_000 * (16 + 39 * (16 + ROW) + 3 * 6 * (16 + ROW));
        let rounds = check_rounds::<Kmeans>(&p, TURNS).rounds;
        assert!((work / TURN * 9 / 10..=work / TURN * 11 / 10).contains(&rounds), "{rounds} turns");
    }

    /// What a job in rounds fails with.
    fn failure(p: &KmeansParams, aim: Aim) -> KernelError {
        let mut round = Kmeans::begin(p.clone(), aim).unwrap();
        loop {
            let Round::Next { shards, state, .. } = round else { panic!("it did not fail") };
            let job = Job::detached();
            let given: Result<Vec<_>, _> = shards.into_iter().map(|shard| Kmeans::run_shard(shard, &job)).collect();
            match given.and_then(|given| Kmeans::go_on(state, given, &job)) {
                Ok(next) => round = next,
                Err(error) => return error,
            }
        }
    }

    #[test]
    fn rounds_fail_as_the_whole_does() {
        let mut p = params(noise(9000 * 40, 3), 40, 50);
        (p.data[300_000], p.data[350_000]) = (f32::NEG_INFINITY, f32::NAN);
        let expected = KernelError::bad_params("data", "must hold finite numbers, got -inf at 300000");
        assert_eq!(run::<Kmeans>(p.clone(), &Job::detached()), Err(expected.clone()));
        for aim in [TURNS, Aim { pieces: 3, short: false }] {
            assert_eq!(failure(&p, aim), expected);
        }
    }

    #[test]
    fn what_is_not_of_the_shards_is_refused() {
        let p = params(noise(9000 * 40, 3), 40, 50);
        let begun = || match Kmeans::begin(p.clone(), Aim { pieces: 2, short: false }).unwrap() {
            Round::Next { state, .. } => state,
            _ => panic!("it divides"),
        };
        let refused = |state, given| {
            let error = Kmeans::go_on(state, given, &Job::detached()).map(|_| ()).unwrap_err();
            assert_eq!(error, shard::strange_outputs());
        };
        let blocks = |labels: Vec<u32>| KmeansGiven::Blocks { labels: labels.into(), inertias: vec![0.0].into() };
        refused(begun(), vec![]);
        refused(begun(), vec![blocks(vec![0; 9000])]);
        let seeded = || {
            let KmeansState::Rounds { p, pieces, .. } = begun() else { panic!("it is for workers") };
            KmeansState::Rounds { lloyd: Some(Lloyd::of(p.data[..50 * 40].to_vec())), p, pieces }
        };
        refused(seeded(), vec![KmeansGiven::Seeds(vec![].into())]);
        refused(seeded(), vec![blocks(vec![0; 8999])]);
        refused(seeded(), vec![blocks(vec![50; 9000])]);
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
            check_rounds::<Kmeans>(&p, TURNS);
        }
    }
}
