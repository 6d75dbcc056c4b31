//! Bodies under their own gravity.
//!
//! Every pair is summed directly, and time goes on by leapfrog steps (drift, kick, drift), which keep energy and momentum in
//! the long run (L. Verlet, Physical Review 159, 1967; softening: S. J. Aarseth, MNRAS 126, 1963).
//!
//! The pull on a body is summed over the others in their order, [`BLOCK`] at a time from zero, and those sums one after
//! another. Four bodies go through that together, each in a lane of its own: who they are and which thread has them changes nothing.

use super::radix::reserve;
use crate::shard::{Aim, Round, Rounds, Sharding, strange_outputs};
use crate::{Array, Cancelled, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use wide::f64x2;

/// Bodies under their own gravity.
pub struct Nbody;

/// The bodies as they are at the beginning. Units are the caller's own, as long as they fit each other.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NbodyParams {
    /// x, y and z of each body.
    pub positions: Array<f64>,
    /// The same of its velocity. All rest unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub velocities: Option<Array<f64>>,
    /// The mass of each body.
    pub masses: Array<f64>,
    /// Steps to go.
    #[schemars(example = 10)]
    pub steps: u32,
    /// Time between two steps. Below 0 it runs backwards.
    #[schemars(example = 0.001)]
    pub time_step: f64,
    /// A length, 0 or more, that is added to each distance (as squares are), so that close bodies do not fling each other
    /// away. At 0, bodies in the same place do not pull each other.
    #[serde(default)]
    #[schemars(example = 0.01)]
    pub softening: f64,
    /// The constant of gravity, 1 unless told.
    #[serde(default = "one")]
    pub gravity: f64,
    /// Streams the positions after each so many steps, 1 or more. None unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u32>,
}

fn one() -> f64 {
    1.0
}

/// The bodies after the last step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NbodyOutput {
    /// x, y and z of each body: `[bodies, 3]`. What is not a number or infinite spreads to all bodies.
    pub positions: Array<f64>,
    /// The same of its velocity.
    pub velocities: Array<f64>,
}

/// Where the bodies are on the way.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NbodyPart {
    /// Steps so far.
    pub step: u32,
    /// x, y and z of each body: `[bodies, 3]`.
    pub positions: Array<f64>,
}

/// Bodies that go together, in two vectors of two.
const GROUP: usize = 4;
/// Bodies whose pulls are summed in registers.
const BLOCK: usize = 1024;
/// Pulls for each task of a step: some 50 µs of work.
const TASK: usize = 1 << 15;
/// Pulls between two turns of an event loop: some milliseconds of work.
const TURN: u64 = 1 << 20;
/// What a step costs at the least, in pulls: one of few bodies is not for nothing either.
const LEAST: u64 = 64;
/// Fewer pulls in a step are not worth sending the bodies to workers.
const ROUND: u64 = 1 << 22;

impl Kernel for Nbody {
    const NAME: &'static str = "nbody";
    const ABOUT: &'static str = "Moves bodies under their own gravity; every pair counts.";
    type Params = NbodyParams;
    type Output = NbodyOutput;
    type Part = NbodyPart;

    fn validate(p: &NbodyParams) -> Result<(), KernelError> {
        let len = p.positions.len();
        if !len.is_multiple_of(3) {
            return Err(KernelError::bad_params(
                "positions",
                format!("must hold x, y and z of each body, got {len} numbers"),
            ));
        }
        if let Some(velocities) = p.velocities.as_ref().filter(|velocities| velocities.len() != len) {
            let message = format!("must hold as many numbers as `positions` ({len}), got {}", velocities.len());
            return Err(KernelError::bad_params("velocities", message));
        }
        if p.masses.len() != len / 3 {
            let message = format!("must hold a number for each of the {} bodies, got {}", len / 3, p.masses.len());
            return Err(KernelError::bad_params("masses", message));
        }
        for (field, value) in [("timeStep", p.time_step), ("softening", p.softening), ("gravity", p.gravity)] {
            if !value.is_finite() {
                return Err(KernelError::bad_params(field, format!("must be a finite number, got {value}")));
            }
        }
        if p.softening < 0.0 {
            return Err(KernelError::bad_params("softening", format!("must be 0 or more, got {}", p.softening)));
        }
        if p.every == Some(0) {
            return Err(KernelError::bad_params("every", "must be 1 or more, got 0"));
        }
        Ok(())
    }

    fn run(p: NbodyParams, job: &Job<NbodyPart>) -> Result<NbodyOutput, KernelError> {
        let mut journey = Journey::of(&p, 1)?;
        job.set_total(journey.total());
        while !journey.is_over() {
            journey.bodies.kick(0..journey.bodies.moving.len(), job)?;
            journey.end_step(job);
        }
        Ok(journey.output())
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

/// Bodies that are on their way.
pub struct Journey {
    bodies: Bodies,
    /// Steps that are done.
    step: u32,
    steps: u32,
    /// Bodies of the step after that are done.
    at: usize,
    every: Option<u32>,
    /// Shards of a step.
    pieces: usize,
}

impl Journey {
    fn of(p: &NbodyParams, pieces: usize) -> Result<Self, KernelError> {
        Ok(Self { bodies: Bodies::of(p)?, step: 0, steps: p.steps, at: 0, every: p.every, pieces })
    }

    fn is_over(&self) -> bool {
        self.step == self.steps
    }

    /// Units: a body in a step.
    fn total(&self) -> u64 {
        self.bodies.moving.len() as u64 * u64::from(self.steps)
    }

    fn done(&self) -> u64 {
        self.bodies.moving.len() as u64 * u64::from(self.step) + self.at as u64
    }

    /// All bodies have moved.
    fn end_step(&mut self, job: &Job<NbodyPart>) {
        std::mem::swap(&mut self.bodies.sources, &mut self.bodies.next);
        self.at = 0;
        self.step += 1;
        let step = self.step;
        if self.every.is_some_and(|every| step.is_multiple_of(every)) {
            job.emit(step, || NbodyPart { step, positions: self.bodies.positions() });
        }
    }

    /// Goes on for about [`TURN`], wherever in a step that ends.
    fn turn(&mut self, job: &Job<NbodyPart>) -> Result<(), Cancelled> {
        let count = self.bodies.moving.len();
        let mut left = TURN;
        while left > 0 && !self.is_over() {
            let bodies = (left / count.max(1) as u64).next_multiple_of(GROUP as u64).max(GROUP as u64);
            let end = count.min(self.at.saturating_add(bodies as usize));
            self.bodies.kick(self.at..end, job)?;
            left = left.saturating_sub(((end - self.at) as u64 * count as u64).max(LEAST));
            self.at = end;
            if end == count {
                self.end_step(job);
            }
        }
        Ok(())
    }

    /// The next step in shards, or all that is left in turns when there are to be none.
    fn round(self) -> Round<Nbody> {
        if self.is_over() {
            return Round::Done { total: self.total(), output: self.output() };
        }
        let progress = (self.done(), self.total());
        let Bodies { sources, moving, time_step, softening, .. } = &self.bodies;
        let shards = match self.pieces {
            0 => Vec::new(),
            pieces => {
                let each = moving.len().div_ceil(pieces).next_multiple_of(GROUP).max(GROUP);
                let sources = Array::from(sources.as_flattened().to_vec());
                let shard = |(number, moving): (usize, &[Moving])| NbodyShard {
                    sources: sources.clone(),
                    first: number * each,
                    moving: flat(moving),
                    time_step: *time_step,
                    softening: *softening,
                };
                moving.chunks(each).enumerate().map(shard).collect()
            }
        };
        Round::Next { shards, state: self, progress }
    }

    fn output(self) -> NbodyOutput {
        NbodyOutput { positions: self.bodies.positions(), velocities: self.bodies.velocities() }
    }
}

/// Some of the bodies in one step, and what pulls them.
#[derive(Serialize, Deserialize)]
pub struct NbodyShard {
    /// [`Source`]s, all of them.
    sources: Array<f64>,
    /// Which of them is the first that moves.
    first: usize,
    /// Position and velocity of each that moves.
    moving: Array<f64>,
    time_step: f64,
    /// Its square.
    softening: f64,
}

impl Rounds for Nbody {
    type Shard = NbodyShard;
    /// Position and velocity of each after the step.
    type Given = Array<f64>;
    type State = Journey;

    fn begin(p: NbodyParams, Aim { pieces, short }: Aim) -> Result<Round<Self>, KernelError> {
        let pulls = (p.masses.len() as u64).pow(2);
        let divides = match short {
            true => pulls.max(LEAST).saturating_mul(u64::from(p.steps)) > TURN,
            false => pieces > 1 && pulls >= ROUND,
        };
        if divides { Ok(Journey::of(&p, if short { 0 } else { pieces })?.round()) } else { Ok(Round::Whole(p)) }
    }

    fn run_shard(shard: NbodyShard, job: &Job<NbodyPart>) -> Result<Array<f64>, KernelError> {
        let (sources, odd) = shard.sources.as_chunks();
        let mut moving = moving(&shard.moving)?;
        if !odd.is_empty() || shard.first.checked_add(moving.len()).is_none_or(|end| end > sources.len()) {
            return Err(KernelError::failed("a shard moves bodies that it does not have"));
        }
        let mut next = sources[shard.first..shard.first + moving.len()].to_vec();
        let step = Step { sources, time_step: shard.time_step, softening: shard.softening };
        step.kick(shard.first, &mut moving, &mut next, job)?;
        Ok(flat(&moving))
    }

    fn go_on(mut journey: Journey, given: Vec<Array<f64>>, job: &Job<NbodyPart>) -> Result<Round<Self>, KernelError> {
        if journey.pieces == 0 {
            journey.turn(job)?;
            return Ok(journey.round());
        }
        let bodies = &mut journey.bodies;
        let moved: Vec<Vec<Moving>> = given.iter().map(|given| moving(given)).collect::<Result<_, _>>()?;
        bodies.moving = moved.into_iter().flatten().collect();
        if bodies.moving.len() != bodies.next.len() {
            return Err(strange_outputs());
        }
        for (next, body) in bodies.next.iter_mut().zip(&bodies.moving) {
            *next = source(body, next[3], bodies.half_step);
        }
        journey.end_step(job);
        Ok(journey.round())
    }
}

/// Position and velocity of each.
fn flat(moving: &[Moving]) -> Array<f64> {
    moving.iter().flat_map(|body| [body.position, body.velocity]).flatten().collect::<Vec<_>>().into()
}

fn moving(flat: &[f64]) -> Result<Vec<Moving>, KernelError> {
    let (bodies, odd) = flat.as_chunks();
    if !odd.is_empty() {
        return Err(strange_outputs());
    }
    let body = |&[x, y, z, u, v, w]: &[f64; 6]| Moving { position: [x, y, z], velocity: [u, v, w] };
    Ok(bodies.iter().map(body).collect())
}

/// Where a body pulls from half a step before it is there, and how much: x, y, z, and mass times gravity.
type Source = [f64; 4];

/// What a task of a step changes of a body.
struct Moving {
    position: [f64; 3],
    velocity: [f64; 3],
}

struct Bodies {
    /// In the middle of the step that is to be made.
    sources: Vec<Source>,
    /// In the middle of the one after, while a step is made.
    next: Vec<Source>,
    moving: Vec<Moving>,
    half_step: f64,
    time_step: f64,
    /// Its square.
    softening: f64,
}

impl Bodies {
    fn of(p: &NbodyParams) -> Result<Self, KernelError> {
        let half_step = p.time_step * 0.5;
        let count = p.masses.len();
        let (mut sources, mut next, mut moving) = (reserve(count)?, reserve(count)?, reserve(count)?);
        let (positions, _) = p.positions.as_chunks();
        for (body, (&position, &mass)) in positions.iter().zip(p.masses.iter()).enumerate() {
            let velocity = p.velocities.as_ref().map_or([0.0; 3], |all| all.as_chunks().0[body]);
            let [x, y, z] = drift(position, velocity, half_step);
            sources.push([x, y, z, p.gravity * mass]);
            moving.push(Moving { position, velocity });
        }
        next.extend_from_slice(&sources);
        Ok(Self { sources, next, moving, half_step, time_step: p.time_step, softening: p.softening * p.softening })
    }

    /// The step of some of the bodies: the kick in its middle, and the drifts to its end and on to the middle of the next.
    fn kick(&mut self, which: Range<usize>, job: &Job<NbodyPart>) -> Result<(), Cancelled> {
        job.check()?;
        let step = Step { sources: &self.sources, time_step: self.time_step, softening: self.softening };
        step.kick(which.start, &mut self.moving[which.clone()], &mut self.next[which], job)
    }

    fn positions(&self) -> Array<f64> {
        self.column(|body| body.position)
    }

    fn velocities(&self) -> Array<f64> {
        self.column(|body| body.velocity)
    }

    /// A vector of each body. Which NaN an operation gives depends on the machine, so all become one.
    fn column(&self, vector: impl Fn(&Moving) -> [f64; 3]) -> Array<f64> {
        let numbers = self.moving.iter().flat_map(vector).map(|x| if x.is_nan() { f64::NAN } else { x });
        Array::from(numbers.collect::<Vec<_>>()).with_shape([self.moving.len(), 3])
    }
}

/// What is the same for all bodies in a step.
struct Step<'a> {
    sources: &'a [Source],
    time_step: f64,
    /// Its square.
    softening: f64,
}

impl Step<'_> {
    /// Moves the bodies from `first` on.
    fn kick(
        &self,
        first: usize,
        moving: &mut [Moving],
        next: &mut [Source],
        job: &Job<NbodyPart>,
    ) -> Result<(), Cancelled> {
        let Self { sources, time_step, softening } = *self;
        let half_step = time_step * 0.5;
        let task = (TASK / sources.len().max(1)).max(1) * GROUP;
        let targets = &sources[first..first + moving.len()];
        let tasks = targets.par_chunks(task).zip(next.par_chunks_mut(task)).zip(moving.par_chunks_mut(task));
        tasks.try_for_each(|((targets, next), moving)| {
            let groups = targets.chunks(GROUP).zip(next.chunks_mut(GROUP)).zip(moving.chunks_mut(GROUP));
            for ((targets, next), moving) in groups {
                let pulls = pulls(targets, sources, softening, job)?;
                for (((target, next), body), pull) in targets.iter().zip(next).zip(moving).zip(pulls) {
                    body.velocity = drift(body.velocity, pull, time_step);
                    body.position = drift([target[0], target[1], target[2]], body.velocity, half_step);
                    *next = source(body, target[3], half_step);
                }
            }
            job.advance(targets.len() as u64);
            Ok(())
        })
    }
}

/// From where a body, with its mass, pulls in the middle of its next step.
fn source(body: &Moving, mass: f64, half_step: f64) -> Source {
    let [x, y, z] = drift(body.position, body.velocity, half_step);
    [x, y, z, mass]
}

/// Where something is after a time, at a constant rate.
fn drift(from: [f64; 3], rate: [f64; 3], time: f64) -> [f64; 3] {
    std::array::from_fn(|axis| from[axis] + rate[axis] * time)
}

/// How much all bodies pull up to [`GROUP`] of them: accelerations.
fn pulls(
    targets: &[Source],
    sources: &[Source],
    softening: f64,
    job: &Job<NbodyPart>,
) -> Result<[[f64; 3]; GROUP], Cancelled> {
    const PAIRS: usize = GROUP / 2;
    // What there is not of the last group is taken to be the first body; its pull is dropped.
    let lane = |index: usize, axis: usize| targets.get(index).unwrap_or(&sources[0])[axis];
    let places: [[f64x2; PAIRS]; 3] = std::array::from_fn(|axis| {
        std::array::from_fn(|pair| f64x2::new([lane(2 * pair, axis), lane(2 * pair + 1, axis)]))
    });
    let zero = f64x2::splat(0.0);
    let softening = f64x2::splat(softening);
    let mut whole = [[zero; PAIRS]; 3];
    for block in sources.chunks(BLOCK) {
        job.check()?;
        let mut sums = [[zero; PAIRS]; 3];
        for source in block {
            let [x, y, z, mass] = source.map(f64x2::splat);
            for pair in 0..PAIRS {
                let (dx, dy, dz) = (x - places[0][pair], y - places[1][pair], z - places[2][pair]);
                let square = dx * dx + dy * dy + dz * dz + softening;
                let cube = square * square.sqrt();
                // A body does not pull itself, nor what is where it is.
                let weight = cube.simd_eq(zero).bitselect(zero, mass / cube);
                sums[0][pair] += dx * weight;
                sums[1][pair] += dy * weight;
                sums[2][pair] += dz * weight;
            }
        }
        for (whole, sums) in whole.iter_mut().zip(sums) {
            whole.iter_mut().zip(sums).for_each(|(whole, sum)| *whole += sum);
        }
    }
    let whole = whole.map(|axis| axis.map(f64x2::to_array));
    Ok(std::array::from_fn(|index| std::array::from_fn(|axis| whole[axis][index / 2][index % 2])))
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::{Seen, check_rounds};
    use proptest::prelude::*;
    use std::sync::{Arc, Mutex};

    fn noise(len: usize, mut state: u64) -> Vec<f64> {
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
            })
            .collect()
    }

    fn cloud(bodies: usize, steps: u32) -> NbodyParams {
        NbodyParams {
            positions: noise(bodies * 3, 0x1234_5678_9ABC_DEF1).into(),
            velocities: Some(noise(bodies * 3, 0x0FED_CBA9_8765_4321).into()),
            masses: noise(bodies, 77).into_iter().map(f64::abs).collect::<Vec<_>>().into(),
            steps,
            time_step: 0.01,
            softening: 0.05,
            gravity: 0.5,
            every: None,
        }
    }

    /// The definition, a body at a time; sums as documented.
    fn naive(p: &NbodyParams) -> [Vec<[f64; 3]>; 2] {
        let mut x = p.positions.as_chunks::<3>().0.to_vec();
        let mut v = p.velocities.as_ref().map_or(vec![[0.0; 3]; x.len()], |v| v.as_chunks::<3>().0.to_vec());
        for _ in 0..p.steps {
            let middle: Vec<[f64; 3]> = x
                .iter()
                .zip(&v)
                .map(|(x, v)| std::array::from_fn(|axis| x[axis] + v[axis] * (p.time_step * 0.5)))
                .collect();
            // From the second step on both half drifts start where the last step ended, as here.
            for (body, v) in v.iter_mut().enumerate() {
                let mut pull = [0.0; 3];
                for start in (0..x.len()).step_by(BLOCK) {
                    let mut sum = [0.0; 3];
                    for other in start..x.len().min(start + BLOCK) {
                        let d: [f64; 3] = std::array::from_fn(|axis| middle[other][axis] - middle[body][axis]);
                        let square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + p.softening * p.softening;
                        let cube = square * square.sqrt();
                        let weight = if cube == 0.0 { 0.0 } else { p.gravity * p.masses[other] / cube };
                        (0..3).for_each(|axis| sum[axis] += d[axis] * weight);
                    }
                    (0..3).for_each(|axis| pull[axis] += sum[axis]);
                }
                (0..3).for_each(|axis| v[axis] += pull[axis] * p.time_step);
            }
            for ((x, middle), v) in x.iter_mut().zip(&middle).zip(&v) {
                *x = std::array::from_fn(|axis| middle[axis] + v[axis] * (p.time_step * 0.5));
            }
        }
        [x, v]
    }

    fn check(p: &NbodyParams) {
        let [x, v] = naive(p);
        let job = Job::detached();
        let output = run::<Nbody>(p.clone(), &job).unwrap();
        let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(output.positions.shape(), Some(&[x.len(), 3][..]));
        assert!(bits(&output.positions) == bits(x.as_flattened()), "positions of {} bodies", x.len());
        assert!(bits(&output.velocities) == bits(v.as_flattened()), "velocities of {} bodies", x.len());
        let (done, total) = job.progress();
        assert_eq!((done, total), (total, x.len() as u64 * u64::from(p.steps)));
    }

    #[test]
    fn equals_the_definition() {
        for bodies in [0, 1, 2, 3, 4, 5, 7, 33, 257] {
            check(&cloud(bodies, 4));
        }
        check(&cloud(BLOCK + 3, 2));
        check(&NbodyParams { velocities: None, ..cloud(50, 3) });
        check(&NbodyParams { softening: 0.0, ..cloud(50, 3) });
        check(&NbodyParams { time_step: -0.02, gravity: -1.0, ..cloud(50, 3) });
        check(&cloud(50, 0));
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        for threads in [1, 2, 3, 4, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| check(&cloud(300, 3)));
        }
    }

    #[test]
    fn two_bodies_go_round_each_other_and_keep_their_energy() {
        // Masses of 1/2 at a distance of 1: a circle of period 2π.
        let steps = 2000;
        let p = NbodyParams {
            positions: vec![-0.5, 0.0, 0.0, 0.5, 0.0, 0.0].into(),
            velocities: Some(vec![0.0, -0.5, 0.0, 0.0, 0.5, 0.0].into()),
            masses: vec![0.5, 0.5].into(),
            steps,
            time_step: std::f64::consts::TAU / f64::from(steps),
            softening: 0.0,
            gravity: 1.0,
            every: None,
        };
        let output = run::<Nbody>(p.clone(), &Job::detached()).unwrap();
        for (end, start) in output.positions.iter().zip(p.positions.iter()) {
            assert!((end - start).abs() < 1e-4, "{:?}", output.positions);
        }
        let energy = |x: &[f64], v: &[f64]| {
            let kinetic: f64 = v.iter().map(|v| 0.25 * v * v).sum();
            kinetic - 0.25 / (0..3).map(|axis| (x[axis] - x[3 + axis]).powi(2)).sum::<f64>().sqrt()
        };
        let velocities = p.velocities.unwrap();
        let (before, after) = (energy(&p.positions, &velocities), energy(&output.positions, &output.velocities));
        assert!((before - after).abs() < 1e-9, "{before} became {after}");
    }

    #[test]
    fn bodies_in_one_place_do_not_pull_each_other() {
        for softening in [0.0, 1e-200, 0.1] {
            let p = NbodyParams { positions: vec![1.0; 15].into(), velocities: None, softening, ..cloud(5, 3) };
            let output = run::<Nbody>(p, &Job::detached()).unwrap();
            assert!(output.positions.iter().all(|&x| x == 1.0) && output.velocities.iter().all(|&v| v == 0.0));
        }
    }

    #[test]
    fn what_is_not_a_number_spreads_and_has_one_pattern() {
        for odd in [f64::from_bits(0xFFF8_0000_0000_1234), f64::INFINITY] {
            let mut p = cloud(9, 2);
            p.positions[4] = odd;
            let output = run::<Nbody>(p, &Job::detached()).unwrap();
            for x in output.velocities.iter().filter(|x| x.is_nan()) {
                assert_eq!(x.to_bits(), f64::NAN.to_bits());
            }
            assert!(output.velocities.iter().any(|x| x.is_nan()));
        }
    }

    #[test]
    fn parts_are_the_positions_on_the_way() {
        let parts = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&parts);
        let job = Job::with_parts(move |number, part: NbodyPart| sink.lock().unwrap().push((number, part)));
        run::<Nbody>(NbodyParams { every: Some(3), ..cloud(20, 7) }, &job).unwrap();
        let parts = std::mem::take(&mut *parts.lock().unwrap());
        assert_eq!(parts.len(), 2);
        for (number, part) in parts {
            assert_eq!(number, part.step);
            let stopped = run::<Nbody>(cloud(20, part.step), &Job::detached()).unwrap();
            assert_eq!(part.positions, stopped.positions);
        }
    }

    #[test]
    fn rounds_make_the_whole() {
        let turns = |pieces, p: &NbodyParams| check_rounds::<Nbody>(p, Aim { pieces, short: true });
        for (bodies, steps) in [(0, 3), (0, 100_000), (1, 0), (1, 5), (3, 200_000), (9, 40), (1030, 3), (4099, 1)] {
            let p = NbodyParams { every: Some(steps / 2 + 1), ..cloud(bodies, steps) };
            let seen = turns(256, &p);
            let pulls = (bodies * bodies) as u64 * u64::from(steps);
            assert!(seen.rounds as u64 >= pulls / TURN / 2, "{seen:?} of {bodies} bodies");
            assert_eq!(seen.shards, 0);
            assert_eq!(seen.rounds > 0, pulls.max(LEAST * u64::from(steps)) > TURN);
        }
        assert!(turns(256, &cloud(3, 200_000)).rounds > 4, "few bodies and many steps");
        assert!(turns(256, &cloud(4099, 1)).rounds > 8, "one step of many bodies");
        let p = NbodyParams { every: Some(1), ..cloud(2050, 2) };
        for pieces in [2, 3, 7] {
            let seen = check_rounds::<Nbody>(&p, Aim { pieces, short: false });
            assert_eq!(seen, Seen { rounds: 2, shards: pieces });
        }
        for (pieces, bodies) in [(1, 2050), (4, 1000)] {
            let seen = check_rounds::<Nbody>(&cloud(bodies, 2), Aim { pieces, short: false });
            assert_eq!(seen, Seen { rounds: 0, shards: 0 }, "it does not pay");
        }
    }

    #[test]
    fn what_is_not_of_the_shards_is_an_error() {
        let begin = || match Nbody::begin(cloud(2050, 1), Aim { pieces: 2, short: false }).unwrap() {
            Round::Next { shards, state, .. } => (shards, state),
            _ => panic!("it divides"),
        };
        let (_, state) = begin();
        assert!(Nbody::go_on(state, vec![vec![0.0; 6].into()], &Job::detached()).is_err());
        let (_, state) = begin();
        assert!(Nbody::go_on(state, vec![vec![0.0; 7].into()], &Job::detached()).is_err());
        let (mut shards, _) = begin();
        let mut shard = shards.remove(0);
        shard.first = 2000;
        assert!(Nbody::run_shard(shard, &Job::detached()).is_err());
    }

    #[test]
    fn a_cancelled_job_moves_nothing() {
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(run::<Nbody>(cloud(1000, 5), &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    #[test]
    fn unusable_params_are_named() {
        let good = cloud(3, 1);
        let cases = [
            ("positions", NbodyParams { positions: vec![0.0; 8].into(), ..good.clone() }),
            ("velocities", NbodyParams { velocities: Some(vec![0.0; 6].into()), ..good.clone() }),
            ("masses", NbodyParams { masses: vec![1.0; 2].into(), ..good.clone() }),
            ("timeStep", NbodyParams { time_step: f64::NAN, ..good.clone() }),
            ("softening", NbodyParams { softening: -0.1, ..good.clone() }),
            ("softening", NbodyParams { softening: f64::INFINITY, ..good.clone() }),
            ("gravity", NbodyParams { gravity: f64::INFINITY, ..good.clone() }),
            ("every", NbodyParams { every: Some(0), ..good.clone() }),
        ];
        for (name, params) in cases {
            match run::<Nbody>(params, &Job::detached()) {
                Err(KernelError::BadParams { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn any_bodies(bodies in 0_usize..60, steps in 0_u32..5, time_step in -0.1..0.1, softening in 0.0..0.2) {
            check(&NbodyParams { time_step, softening, ..cloud(bodies, steps) });
        }
    }
}
