//! How a job divides into smaller jobs of the same kernel: for hosts whose threads cannot share a memory.
//!
//! Such a host splits a job in one instance, runs the shards in several (or one after another, with pauses between), and
//! merges their outputs in the instance that split. A kernel says how by [`Shardable`], or by [`Rounds`] when its work goes on
//! from what came out of shards; the boundary sees [`Sharding`], the same with the types erased. What comes out is, bit for
//! bit, what the whole job gives.

#[cfg(feature = "kernels")]
use crate::array::Array;
use crate::control::ControlBlock;
use crate::error::KernelError;
use crate::job::Job;
use crate::kernel::Kernel;
use crate::params::{self, Tree};
use crate::task::{PartSink, Prepared, Task, Value};
use serde::{Serialize, de::DeserializeOwned};
use std::any::Any;

/// A kernel whose jobs divide into smaller jobs of the same kernel.
///
/// Its `impl Kernel` says so with `fn sharding() -> Option<Sharding> { Some(Sharding::of::<Self>()) }`.
///
/// ```
/// use loomwork::reexport::{schemars::{self, JsonSchema}, serde::{Deserialize, Serialize}};
/// use loomwork::{Array, Job, Kernel, KernelError, Shardable, shard::Sharding};
///
/// /// Squares each element.
/// struct Square;
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Numbers {
///     /// The numbers.
///     data: Array<f32>,
/// }
///
/// impl Kernel for Square {
///     const NAME: &'static str = "square";
///     const ABOUT: &'static str = "Squares each element.";
///     type Params = Numbers;
///     type Output = Numbers;
///     type Part = ();
///     fn run(params: Numbers, _: &Job) -> Result<Numbers, KernelError> {
///         Ok(Numbers { data: params.data.iter().map(|x| x * x).collect::<Vec<_>>().into() })
///     }
///     fn sharding() -> Option<Sharding> {
///         Some(Sharding::of::<Self>())
///     }
/// }
///
/// impl Shardable for Square {
///     type Plan = ();
///     fn split(params: Numbers, pieces: usize) -> Result<(Vec<Numbers>, ()), KernelError> {
///         let length = params.data.len().div_ceil(pieces).max(1 << 16);
///         let mut shards: Vec<_> = params.data.chunks(length).map(|part| Numbers { data: part.to_vec().into() }).collect();
///         if shards.is_empty() {
///             shards.push(params);
///         }
///         Ok((shards, ()))
///     }
///     fn merge(_: (), outputs: Vec<Numbers>) -> Result<Numbers, KernelError> {
///         Ok(Numbers { data: outputs.iter().flat_map(|output| output.data.iter().copied()).collect::<Vec<_>>().into() })
///     }
/// }
///
/// let params = Numbers { data: (0..200_000).map(|i| i as f32).collect::<Vec<_>>().into() };
/// let (shards, plan) = Square::split(params, 3)?;
/// assert_eq!(shards.len(), 3);
/// let outputs = shards.into_iter().map(|shard| loomwork::kernel::run::<Square>(shard, &Job::detached()));
/// let output = Square::merge(plan, outputs.collect::<Result<_, _>>()?)?;
/// assert_eq!(output.data[199_999], 199_999.0 * 199_999.0);
/// # Ok::<(), KernelError>(())
/// ```
pub trait Shardable: Kernel<Params: Serialize, Output: DeserializeOwned> {
    /// What [`merge`](Self::merge) must know of the whole job. It stays in the instance that split it.
    type Plan: Send + 'static;

    /// At most `pieces` (1 or more) jobs that together are this one, in the order in which `merge` wants their outputs.
    /// Parts of a shard must be parts of the whole job. One piece, the params themselves, when dividing does not pay.
    ///
    /// # Errors
    /// [`KernelError::OutOfMemory`] and the like. `params` have passed [`Kernel::validate`], and so must each shard's.
    fn split(params: Self::Params, pieces: usize) -> Result<(Vec<Self::Params>, Self::Plan), KernelError>;

    /// The output of the whole job from the outputs of its shards, in the order of `split`. A copy, not a computation:
    /// it runs on the coordinator.
    ///
    /// # Errors
    /// [`KernelError::OutOfMemory`], or [`KernelError::Failed`] when the outputs are not those of the shards.
    fn merge(plan: Self::Plan, outputs: Vec<Self::Output>) -> Result<Self::Output, KernelError>;
}

/// How a job is to be divided into [`Rounds`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    /// At most so many shards in a round, 1 or more: as many as can run at once, or more where they run one after another.
    pub pieces: usize,
    /// Whether an event loop waits for each shard, and for each call of [`Rounds::go_on`]: none should take longer than some
    /// milliseconds. Else a round should be worth sending its shards to workers.
    pub short: bool,
}

/// A kernel whose jobs divide into rounds of shards: what a round gave is where the next goes on, as in the steps of a simulation.
///
/// Its `impl Kernel` says so with `fn sharding() -> Option<Sharding> { Some(Sharding::in_rounds::<Self>()) }`. A job of a kernel
/// that is [`Shardable`] is one round, and each of its shards an ordinary job; shards of rounds are what the kernel makes of them.
/// Hosts that send shards to other processes or machines run such jobs whole.
///
/// ```
/// use loomwork::reexport::{schemars::{self, JsonSchema}, serde::{Deserialize, Serialize}};
/// use loomwork::{Array, Job, Kernel, KernelError, shard::{Aim, Round, Rounds, Sharding}};
///
/// /// Each number becomes the mean of its neighbours (in a ring), again and again.
/// struct Smooth;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct SmoothParams {
///     /// The numbers.
///     data: Array<f64>,
///     /// How often.
///     times: u32,
/// }
///
/// #[derive(Serialize, JsonSchema)]
/// struct Smoothed {
///     /// The numbers.
///     data: Array<f64>,
/// }
///
/// /// Numbers with a neighbour more at each end.
/// #[derive(Serialize, Deserialize)]
/// struct Stretch {
///     data: Array<f64>,
/// }
///
/// fn smooth(stretch: &[f64]) -> Array<f64> {
///     stretch.windows(3).map(|w| (w[0] + w[2]) / 2.0).collect::<Vec<_>>().into()
/// }
///
/// /// What is left to do.
/// struct Left {
///     times: u32,
///     done: u64,
///     total: u64,
///     pieces: usize,
/// }
///
/// fn round(data: &[f64], left: Left) -> Round<Smooth> {
///     if left.times == 0 {
///         return Round::Done { output: Smoothed { data: data.to_vec().into() }, total: left.total };
///     }
///     let len = data.len();
///     let around: Vec<f64> = (0..len + 2).map(|i| data[(i + len - 1) % len]).collect();
///     let each = len.div_ceil(left.pieces);
///     let shards = (0..len).step_by(each).map(|at| Stretch { data: around[at..(at + each + 2).min(len + 2)].to_vec().into() });
///     Round::Next { shards: shards.collect(), progress: (left.done, left.total), state: left }
/// }
///
/// impl Kernel for Smooth {
///     const NAME: &'static str = "smooth";
///     const ABOUT: &'static str = "Smooths numbers.";
///     type Params = SmoothParams;
///     type Output = Smoothed;
///     type Part = ();
///     fn validate(p: &SmoothParams) -> Result<(), KernelError> {
///         if p.data.is_empty() { Err(KernelError::bad_params("data", "must not be empty")) } else { Ok(()) }
///     }
///     fn run(p: SmoothParams, job: &Job) -> Result<Smoothed, KernelError> {
///         let (mut data, len) = (p.data, p.times as u64);
///         job.set_total(data.len() as u64 * len);
///         for _ in 0..p.times {
///             job.check()?;
///             let around: Vec<f64> = (0..data.len() + 2).map(|i| data[(i + data.len() - 1) % data.len()]).collect();
///             data = smooth(&around);
///             job.advance(data.len() as u64);
///         }
///         Ok(Smoothed { data })
///     }
///     fn sharding() -> Option<Sharding> {
///         Some(Sharding::in_rounds::<Self>())
///     }
/// }
///
/// impl Rounds for Smooth {
///     type Shard = Stretch;
///     type Given = Array<f64>;
///     type State = Left;
///     fn begin(p: SmoothParams, aim: Aim) -> Result<Round<Self>, KernelError> {
///         let left = Left { times: p.times, done: 0, total: p.data.len() as u64 * u64::from(p.times), pieces: aim.pieces };
///         Ok(round(&p.data, left))
///     }
///     fn run_shard(shard: Stretch, job: &Job) -> Result<Array<f64>, KernelError> {
///         let data = smooth(&shard.data);
///         job.advance(data.len() as u64);
///         Ok(data)
///     }
///     fn go_on(left: Left, given: Vec<Array<f64>>, _: &Job) -> Result<Round<Self>, KernelError> {
///         let data: Vec<f64> = given.iter().flat_map(|part| part.iter().copied()).collect();
///         Ok(round(&data, Left { times: left.times - 1, done: left.done + data.len() as u64, ..left }))
///     }
/// }
///
/// # fn main() -> Result<(), KernelError> {
/// let params = || SmoothParams { data: vec![1.0, 2.0, 3.0, 4.0, 5.0].into(), times: 3 };
/// let mut round = Smooth::begin(params(), Aim { pieces: 2, short: false })?;
/// while let Round::Next { shards, state, .. } = round {
///     let given = shards.into_iter().map(|shard| Smooth::run_shard(shard, &Job::detached())).collect::<Result<_, _>>()?;
///     round = Smooth::go_on(state, given, &Job::detached())?;
/// }
/// let Round::Done { output, total: 15 } = round else { panic!() };
/// assert_eq!(output.data, Smooth::run(params(), &Job::detached())?.data);
/// # Ok(())
/// # }
/// ```
pub trait Rounds: Kernel {
    /// A piece of a round: what is needed to do it, in whichever instance. Its arrays travel as bytes.
    type Shard: Serialize + DeserializeOwned + Send + 'static;
    /// What comes out of a shard.
    type Given: Serialize + DeserializeOwned + Send + 'static;
    /// What stays in the instance that divides the job, from one round to the next.
    type State: 'static;

    /// The first round. Whatever takes long belongs into shards, or into [`go_on`](Self::go_on).
    ///
    /// # Errors
    /// Those of a job. `params` have passed [`Kernel::validate`].
    fn begin(params: Self::Params, aim: Aim) -> Result<Round<Self>, KernelError>;

    /// Does one shard. [`Job::advance`] counts in units of the whole job; parts are parts of it, with their numbers there.
    ///
    /// # Errors
    /// As of [`Kernel::run`].
    fn run_shard(shard: Self::Shard, job: &Job<Self::Part>) -> Result<Self::Given, KernelError>;

    /// What comes after a round, from what its shards gave, in their order. Parts may be emitted here too. Progress is in what is
    /// returned: what counts some itself is run in a [`Job::stage`] of 0 units.
    ///
    /// # Errors
    /// As of [`Kernel::run`], and [`KernelError::Failed`] when what was given is not of the shards.
    fn go_on(state: Self::State, given: Vec<Self::Given>, job: &Job<Self::Part>) -> Result<Round<Self>, KernelError>;
}

/// What is to be done next with a job that is done in [`Rounds`].
pub enum Round<K: Rounds + ?Sized> {
    /// All of it at once, for dividing it does not pay. Only of [`Rounds::begin`].
    Whole(K::Params),
    /// A round.
    Next {
        /// To be done in any order. None: [`Rounds::go_on`] is to be called again once the event loop has had its turn.
        shards: Vec<K::Shard>,
        /// For [`Rounds::go_on`].
        state: K::State,
        /// Units of the job that are done before this round, and in all.
        progress: (u64, u64),
    },
    /// Nothing.
    Done {
        /// The job's.
        output: K::Output,
        /// Units of the job, all of which are done.
        total: u64,
    },
}

/// A job that is done a piece at a time, each in the instance that divided it.
pub trait InPieces {
    /// Does the next piece; the job's output when that was the last. The control block is new for each piece, but in the end it tells of
    /// the whole job.
    ///
    /// # Errors
    /// As of [`Kernel::run`]. The job is over then.
    fn step(&mut self, control: &'static ControlBlock, parts: PartSink) -> Result<Option<Value>, KernelError>;

    /// Units of the job that are done, and in all. The pieces that are left are taken for as large as those that are done, where the
    /// kernel does not say.
    fn progress(&self) -> (u64, u64);
}

/// A job that was to be done in pieces.
pub enum Begun {
    /// It stays whole, ready to run.
    Whole(Box<dyn Task>),
    /// It is divided.
    Pieces(Box<dyn InPieces>),
    /// There is nothing to do but to give this.
    Done(Value),
}

impl Begun {
    /// What is done a piece at a time, if there are several or not.
    pub fn into_pieces(self) -> Box<dyn InPieces> {
        match self {
            Self::Pieces(job) => job,
            Self::Whole(task) => Box::new(One::Task(task)),
            Self::Done(value) => Box::new(One::Value(value)),
        }
    }
}

/// A job of one piece.
enum One {
    Task(Box<dyn Task>),
    Value(Value),
    Over,
}

impl InPieces for One {
    fn step(&mut self, control: &'static ControlBlock, parts: PartSink) -> Result<Option<Value>, KernelError> {
        match std::mem::replace(self, Self::Over) {
            Self::Task(task) => task.run(control, parts).map(Some),
            Self::Value(value) => Ok(Some(value)),
            Self::Over => Err(strange_outputs()),
        }
    }

    fn progress(&self) -> (u64, u64) {
        (0, 0)
    }
}

/// A kernel whose jobs divide, with its types erased.
#[derive(Clone, Copy)]
pub struct Sharding {
    /// Whether its jobs are done in [`Rounds`]. Else there is one round, and its shards are jobs of the kernel.
    pub rounds: bool,
    /// Decodes and validates params, then splits them.
    pub split: fn(Tree, Aim) -> Result<Split, KernelError>,
    /// Decodes and validates params, then divides them into pieces for this instance.
    pub begin: fn(Tree, Aim) -> Result<Begun, KernelError>,
    /// Decodes a shard's params into a task that is ready to run.
    pub shard: fn(Tree) -> Result<Box<dyn Task>, KernelError>,
    /// Decodes the outputs of the shards, in their order, and goes on from them. Their arrays were handed over with
    /// [`array::attach`](crate::array::attach); the indices run on from one output to the next. Progress and parts go where a
    /// task's go.
    pub merge: fn(Plan, Vec<Tree>, &'static ControlBlock, PartSink) -> Result<Merged, KernelError>,
}

/// What an instance keeps of a job until its shards are done, with its type erased.
pub type Plan = Box<dyn Any>;

/// Shards to be done, and how the job stands.
pub struct Shards {
    /// The params of each.
    pub params: Vec<Value>,
    /// For [`Sharding::merge`].
    pub plan: Plan,
    /// In [`Rounds`]: units of the job that are done before, and in all.
    pub progress: Option<(u64, u64)>,
}

/// A job that was to be split.
pub enum Split {
    /// It stays whole, ready to run.
    Whole(Box<dyn Task>),
    /// It is divided.
    Shards(Shards),
    /// There is nothing to do but to give this.
    Done(Value),
}

/// What came of shards.
pub enum Merged {
    /// The job's output.
    Done(Value),
    /// Another round.
    Shards(Shards),
}

impl Sharding {
    /// The sharding of kernel `K`.
    pub const fn of<K: Shardable>() -> Self {
        Self {
            rounds: false,
            split: |tree, aim| {
                let params: K::Params = params::decode(tree)?;
                K::validate(&params)?;
                let (mut shards, plan) = K::split(params, aim.pieces.max(1))?;
                if shards.len() == 1 {
                    return Ok(Split::Whole(Box::new(Prepared::<K>(shards.remove(0)))));
                }
                let params = shards.into_iter().map(|shard| Box::new(shard) as Value).collect();
                Ok(Split::Shards(Shards { params, plan: Box::new(plan), progress: None }))
            },
            begin: |tree, aim| {
                let params: K::Params = params::decode(tree)?;
                K::validate(&params)?;
                let (mut shards, plan) = K::split(params, aim.pieces.max(1))?;
                if shards.len() == 1 {
                    return Ok(Begun::Whole(Box::new(Prepared::<K>(shards.remove(0)))));
                }
                let outputs = Vec::with_capacity(shards.len());
                let shards = shards.into_iter();
                Ok(Begun::Pieces(Box::new(Single::<K> { shards, outputs, plan: Some(plan), counts: (0, 0) })))
            },
            shard: |tree| {
                let params: K::Params = params::decode(tree)?;
                K::validate(&params)?;
                Ok(Box::new(Prepared::<K>(params)))
            },
            merge: |plan, outputs, _, _| {
                let plan = plan.downcast().map_err(|_| strange_plan())?;
                Ok(Merged::Done(Box::new(K::merge(*plan, decode_outputs(outputs)?)?)))
            },
        }
    }

    /// The sharding of kernel `K`, whose jobs divide as those of any [`Shardable`] kernel, but in one instance are done in rounds: where
    /// what [`Shardable::split`] or [`Shardable::merge`] does would hold an event loop for long.
    pub const fn with_turns<K: Shardable + Rounds>() -> Self {
        Self { begin: Self::in_rounds::<K>().begin, ..Self::of::<K>() }
    }

    /// The sharding of kernel `K`, whose jobs are done in rounds.
    pub const fn in_rounds<K: Rounds>() -> Self {
        Self {
            rounds: true,
            split: |tree, aim| {
                let params: K::Params = params::decode(tree)?;
                K::validate(&params)?;
                Ok(match K::begin(params, Aim { pieces: aim.pieces.max(1), ..aim })? {
                    Round::Whole(params) => Split::Whole(Box::new(Prepared::<K>(params))),
                    Round::Next { shards, state, progress } => Split::Shards(Shards::of::<K>(shards, state, progress)),
                    Round::Done { output, .. } => Split::Done(Box::new(output)),
                })
            },
            begin: |tree, aim| {
                let params: K::Params = params::decode(tree)?;
                K::validate(&params)?;
                Ok(match K::begin(params, Aim { pieces: aim.pieces.max(1), ..aim })? {
                    Round::Whole(params) => Begun::Whole(Box::new(Prepared::<K>(params))),
                    Round::Next { shards, state, progress } => {
                        Begun::Pieces(Box::new(Several::<K>::of(shards, state, progress)))
                    }
                    Round::Done { output, .. } => Begun::Done(Box::new(output)),
                })
            },
            shard: |tree| Ok(Box::new(PreparedShard::<K>(params::decode(tree)?))),
            merge: |plan, outputs, control, parts| {
                let state = plan.downcast().map_err(|_| strange_plan())?;
                let job = Job::hosted(control, move |number, part: K::Part| parts(number, Box::new(part)));
                match K::go_on(*state, decode_outputs(outputs)?, &job)? {
                    Round::Whole(_) => Err(strange_whole()),
                    Round::Next { shards, state, progress } => {
                        Ok(Merged::Shards(Shards::of::<K>(shards, state, progress)))
                    }
                    Round::Done { output, total } => {
                        tell_all(control, (total, total));
                        Ok(Merged::Done(Box::new(output)))
                    }
                }
            },
        }
    }
}

impl Shards {
    fn of<K: Rounds>(shards: Vec<K::Shard>, state: K::State, progress: (u64, u64)) -> Self {
        let params = shards.into_iter().map(|shard| Box::new(shard) as Value).collect();
        Self { params, plan: Box::new(state), progress: Some(progress) }
    }
}

/// A shard of a round, as a task.
struct PreparedShard<K: Rounds>(K::Shard);

impl<K: Rounds> Task for PreparedShard<K> {
    fn run(self: Box<Self>, control: &'static ControlBlock, parts: PartSink) -> Result<Value, KernelError> {
        let job = Job::hosted(control, move |number, part: K::Part| parts(number, Box::new(part)));
        K::run_shard(self.0, &job).map(|given| Box::new(given) as Value)
    }
}

/// The pieces of a job that is [`Shardable`].
struct Single<K: Shardable> {
    shards: std::vec::IntoIter<K::Params>,
    outputs: Vec<K::Output>,
    plan: Option<K::Plan>,
    /// Of the shards that are done.
    counts: (u64, u64),
}

impl<K: Shardable> InPieces for Single<K> {
    fn step(&mut self, control: &'static ControlBlock, parts: PartSink) -> Result<Option<Value>, KernelError> {
        if let Some(shard) = self.shards.next() {
            let job = Job::hosted(control, move |number, part: K::Part| parts(number, Box::new(part)));
            self.outputs.push(K::run(shard, &job)?);
            let (done, total) = control.progress();
            self.counts = (self.counts.0 + done, self.counts.1 + total);
            return Ok(None);
        }
        let plan = self.plan.take().ok_or_else(strange_outputs)?;
        let output = K::merge(plan, std::mem::take(&mut self.outputs))?;
        tell_all(control, self.counts);
        Ok(Some(Box::new(output)))
    }

    fn progress(&self) -> (u64, u64) {
        let (done, total) = self.counts;
        let done_pieces = self.outputs.len().max(1) as u128;
        (done, (u128::from(total) * (done_pieces + self.shards.len() as u128) / done_pieces) as u64)
    }
}

/// The pieces of a job in [`Rounds`].
struct Several<K: Rounds> {
    shards: std::vec::IntoIter<K::Shard>,
    given: Vec<K::Given>,
    state: Option<K::State>,
    /// Units that were done before this round, and in all.
    progress: (u64, u64),
    /// Units that are done in it.
    units: u64,
}

impl<K: Rounds> Several<K> {
    fn of(shards: Vec<K::Shard>, state: K::State, progress: (u64, u64)) -> Self {
        let given = Vec::with_capacity(shards.len());
        Self { shards: shards.into_iter(), given, state: Some(state), progress, units: 0 }
    }
}

impl<K: Rounds> InPieces for Several<K> {
    fn step(&mut self, control: &'static ControlBlock, parts: PartSink) -> Result<Option<Value>, KernelError> {
        let job = Job::hosted(control, move |number, part: K::Part| parts(number, Box::new(part)));
        if let Some(shard) = self.shards.next() {
            self.given.push(K::run_shard(shard, &job)?);
            self.units += control.progress().0;
            return Ok(None);
        }
        let state = self.state.take().ok_or_else(strange_outputs)?;
        match K::go_on(state, std::mem::take(&mut self.given), &job)? {
            Round::Whole(_) => Err(strange_whole()),
            Round::Next { shards, state, progress } => {
                *self = Self::of(shards, state, progress);
                Ok(None)
            }
            Round::Done { output, total } => {
                tell_all(control, (total, total));
                Ok(Some(Box::new(output)))
            }
        }
    }

    fn progress(&self) -> (u64, u64) {
        let (before, total) = self.progress;
        (total.min(before + self.units), total)
    }
}

/// Makes a control block tell of a whole job, whatever was counted in it.
fn tell_all(control: &ControlBlock, (done, total): (u64, u64)) {
    control.set_total(total);
    control.advance(done.saturating_sub(control.progress().0));
}

fn strange_whole() -> KernelError {
    KernelError::failed("a job is whole before its first round only")
}

fn decode_outputs<T: DeserializeOwned>(outputs: Vec<Tree>) -> Result<Vec<T>, KernelError> {
    let outputs = outputs.into_iter().enumerate().map(|(number, tree)| {
        params::decode(tree).map_err(|error| KernelError::failed(format!("output of shard {number}: {error}")))
    });
    outputs.collect()
}

fn strange_plan() -> KernelError {
    KernelError::failed("the plan is another kernel's")
}

/// The error of outputs that are not those of a job's shards.
pub(crate) fn strange_outputs() -> KernelError {
    KernelError::failed("the outputs to merge are not those of the job's shards")
}

/// The one output of a job that was not divided.
#[cfg(feature = "kernels")]
pub(crate) fn only<T>(outputs: Vec<T>) -> Result<T, KernelError> {
    let [output] = <[T; 1]>::try_from(outputs).map_err(|_| strange_outputs())?;
    Ok(output)
}

/// The outputs' arrays one after another: `len` elements.
#[cfg(feature = "kernels")]
pub(crate) fn concat<T: Copy + 'static>(
    arrays: impl Iterator<Item = Array<T>>,
    len: usize,
) -> Result<Vec<T>, KernelError> {
    let mut all = Vec::new();
    let bytes = len as u64 * size_of::<T>() as u64;
    all.try_reserve_exact(len).map_err(|_| KernelError::OutOfMemory { bytes: Some(bytes) })?;
    arrays.for_each(|array| all.extend_from_slice(&array));
    if all.len() == len { Ok(all) } else { Err(strange_outputs()) }
}

/// What a host does with shards, for the tests of kernels.
#[cfg(all(test, feature = "kernels", not(target_family = "wasm")))]
pub(crate) mod testing {
    use super::*;
    use crate::array::{self, AnyArray, DType};
    use crate::job::Job;
    use serde::Deserialize;
    use std::sync::{Arc, Mutex};

    /// A control block for tests: they run beside each other.
    fn block() -> &'static ControlBlock {
        Box::leak(Box::default())
    }

    /// A value as it travels between instances: all its bits, so that NaNs can be compared.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Sent {
        tree: Tree,
        arrays: Vec<(DType, Vec<u8>)>,
    }

    impl Sent {
        pub fn of(value: &(impl Serialize + ?Sized)) -> Self {
            let (json, views) = array::collect(|| serde_json::to_value(value).unwrap());
            let tree = Tree::deserialize(json).unwrap();
            let arrays = views.iter().map(|view| {
                // SAFETY: a view's place is valid while `value` lives.
                let bytes = unsafe { std::slice::from_raw_parts(view.start, view.len * view.dtype.size()) };
                (view.dtype, bytes.to_vec())
            });
            Self { tree, arrays: arrays.collect() }
        }

        /// Hands the arrays over; returns the tree that refers to them.
        pub fn attach(self) -> Tree {
            array::attach(arrays(self.arrays));
            self.tree
        }
    }

    fn arrays(bytes: Vec<(DType, Vec<u8>)>) -> Vec<AnyArray> {
        let array = |(dtype, bytes): (DType, Vec<u8>)| {
            let len = bytes.len() / dtype.size();
            let mut array = AnyArray::with_capacity(dtype, len).unwrap();
            // SAFETY: there is room for `len` elements, which are these bytes.
            unsafe {
                array.as_mut_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                array.assume_filled(len);
            }
            array
        };
        bytes.into_iter().map(array).collect()
    }

    /// Visits every reference to an array: its index and its other entries.
    fn references(tree: &mut Tree, visit: &mut impl FnMut(&mut i64, &mut Vec<(String, Tree)>)) {
        match tree {
            Tree::Map(entries) if entries.first().is_some_and(|(key, _)| key == "$array") => {
                let mut rest = entries.split_off(1);
                if let Tree::Int(index) = &mut entries[0].1 {
                    visit(index, &mut rest);
                }
                entries.append(&mut rest);
            }
            Tree::Map(entries) => entries.iter_mut().for_each(|(_, tree)| references(tree, visit)),
            Tree::List(list) => list.iter_mut().for_each(|tree| references(tree, visit)),
            _ => {}
        }
    }

    /// Runs one job: its output, its parts in an order of their own, and its units of progress.
    fn run<K: Kernel>(params: Sent) -> (Sent, Vec<Sent>, u64) {
        let params: K::Params = params::decode(params.attach()).unwrap();
        let parts = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&parts);
        let job = Job::with_parts(move |_, part: K::Part| sink.lock().unwrap().push(Sent::of(&part)));
        let output = Sent::of(&crate::kernel::run::<K>(params, &job).unwrap());
        let (done, total) = job.progress();
        assert_eq!(done, total, "progress of a shard");
        let parts = std::mem::take(&mut *parts.lock().unwrap());
        (output, parts, total)
    }

    /// Whether `pieces` shards give exactly what the whole gives; returns how many there were.
    pub fn check_pieces<K: Shardable>(params: &K::Params, pieces: usize) -> usize {
        let params = Sent::of(params);
        let expected = whole::<K>(params.clone());
        compare::<K>(params, pieces, &expected)
    }

    /// [`check_pieces`] of several numbers of pieces; returns the greatest number of shards.
    pub fn check_shards<K: Shardable>(params: &K::Params) -> usize {
        let params = Sent::of(params);
        let expected = whole::<K>(params.clone());
        [0, 1, 2, 3, 7, 64].map(|pieces| compare::<K>(params.clone(), pieces, &expected)).into_iter().max().unwrap()
    }

    /// What a job that is not divided gives.
    struct Whole {
        output: Sent,
        /// Sorted.
        parts: Vec<Sent>,
        /// Of progress.
        units: u64,
    }

    fn whole<K: Kernel>(params: Sent) -> Whole {
        let (output, parts, units) = run::<K>(params);
        Whole { output, parts: sorted(parts), units }
    }

    /// Parts come in any order: in one that is always the same.
    fn sorted(mut parts: Vec<Sent>) -> Vec<Sent> {
        parts.sort_by_cached_key(|part| format!("{part:?}"));
        parts
    }

    fn compare<K: Shardable>(params: Sent, pieces: usize, expected: &Whole) -> usize {
        let sharding = K::sharding().expect("it says that it divides");
        let (output, parts) = in_pieces::<K>(params.clone(), Aim { pieces, short: true });
        assert!(output == expected.output, "{pieces} pieces in one instance: the output differs");
        assert!(parts == expected.parts, "{pieces} pieces in one instance: the parts differ");

        let (shards, plan) = match (sharding.split)(params.attach(), Aim { pieces, short: false }).unwrap() {
            Split::Shards(Shards { params, plan, .. }) => (params, plan),
            Split::Whole(_) => return 1,
            Split::Done(_) => unreachable!("it divides in one round"),
        };
        assert!((2..=pieces.max(1)).contains(&shards.len()), "{} shards for {pieces} pieces", shards.len());
        let (mut outputs, mut sent, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for shard in &shards {
            let (mut output, some, _) = run::<K>(Sent::of(shard));
            references(&mut output.tree, &mut |index, _| *index += sent.len() as i64);
            sent.append(&mut output.arrays);
            outputs.push(output.tree);
            parts.extend(some);
        }
        array::attach(arrays(sent));
        let block = block();
        let Merged::Done(output) = (sharding.merge)(plan, outputs, block, Box::new(|_, _| {})).unwrap() else {
            unreachable!("it divides in one round")
        };
        let output = Sent::of(&*output);

        assert!(output == expected.output, "{} of {pieces} pieces: the output differs", shards.len());
        assert!(sorted(parts) == expected.parts, "{} of {pieces} pieces: the parts differ", shards.len());
        shards.len()
    }

    /// Does a job as the host does on its caller's thread: its output and its parts, sorted.
    fn in_pieces<K: Kernel>(params: Sent, aim: Aim) -> (Sent, Vec<Sent>) {
        let parts = Arc::new(Mutex::new(Vec::new()));
        let sink = || -> PartSink {
            let parts = Arc::clone(&parts);
            Box::new(move |_, part| parts.lock().unwrap().push(Sent::of(&*part)))
        };
        let block = || {
            let block = block();
            block.request_parts();
            block
        };
        let sharding = K::sharding().expect("it says that it divides");
        let output = match (sharding.begin)(params.attach(), aim).unwrap() {
            Begun::Whole(task) => task.run(block(), sink()).unwrap(),
            Begun::Done(output) => output,
            Begun::Pieces(mut job) => loop {
                let block = block();
                let output = job.step(block, sink()).unwrap();
                let (done, total) = if output.is_some() { block.progress() } else { job.progress() };
                assert!(done <= total, "{done} of {total} units are done");
                if let Some(output) = output {
                    assert_eq!(done, total, "progress in the end");
                    break output;
                }
            },
        };
        let parts = std::mem::take(&mut *parts.lock().unwrap());
        (Sent::of(&*output), sorted(parts))
    }

    /// What the host aims at on its caller's thread, and where there are more workers than shards.
    pub const BOTH: [Aim; 2] = [Aim { pieces: 256, short: true }, Aim { pieces: 256, short: false }];

    /// What came of a job that was done in rounds.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Seen {
        /// Calls of `go_on`.
        pub rounds: usize,
        /// The most shards in a round.
        pub shards: usize,
    }

    /// Whether a job that is done in rounds gives exactly what the whole gives: output, parts, and units of progress.
    pub fn check_rounds<K: Rounds>(params: &K::Params, aim: Aim) -> Seen
    where
        K::Params: Serialize,
    {
        check_aims::<K>(params, &[aim])[0]
    }

    /// [`check_rounds`] of several aims.
    pub fn check_aims<K: Rounds>(params: &K::Params, aims: &[Aim]) -> Vec<Seen>
    where
        K::Params: Serialize,
    {
        let params = Sent::of(params);
        let expected = whole::<K>(params.clone());
        aims.iter().map(|&aim| compare_rounds::<K>(params.clone(), aim, &expected)).collect()
    }

    fn compare_rounds<K: Rounds>(params: Sent, aim: Aim, expected: &Whole) -> Seen
    where
        K::Params: Serialize,
    {
        let parts = Arc::new(Mutex::new(Vec::new()));
        let job = || {
            let sink = Arc::clone(&parts);
            Job::with_parts(move |_, part: K::Part| sink.lock().unwrap().push(Sent::of(&part)))
        };
        let mut seen = Seen { rounds: 0, shards: 0 };
        let mut round = K::begin(params::decode(params.clone().attach()).unwrap(), aim).unwrap();
        let (mut done, mut units) = (0, 0);
        let output = loop {
            match round {
                Round::Whole(params) => {
                    assert_eq!(seen.rounds, 0, "whole before the first round only");
                    assert!(run::<K>(Sent::of(&params)).0 == expected.output, "params that come back are others");
                    return seen;
                }
                Round::Next { shards, state, progress } => {
                    assert!(shards.len() <= aim.pieces, "{} shards of {} pieces", shards.len(), aim.pieces);
                    // What `go_on` does itself is told by what it returns.
                    assert!(
                        progress.0 >= done + units,
                        "{} units before a round, {done} and {units} were done",
                        progress.0
                    );
                    assert!(progress.0 <= progress.1, "{progress:?}");
                    (done, units) = (progress.0, 0);
                    seen.shards = seen.shards.max(shards.len());
                    let mut given = Vec::new();
                    for shard in &shards {
                        let shard: K::Shard = params::decode(Sent::of(shard).attach()).unwrap();
                        let job = job();
                        let one = K::run_shard(shard, &job).unwrap();
                        units += job.progress().0;
                        given.push(params::decode(Sent::of(&one).attach()).unwrap());
                    }
                    round = K::go_on(state, given, &job()).unwrap();
                    seen.rounds += 1;
                }
                Round::Done { output, total: told } => {
                    assert_eq!(told, expected.units, "units in all");
                    assert!(done + units <= told, "{done} and {units} units of {told}");
                    break Sent::of(&output);
                }
            }
        };
        assert!(output == expected.output, "{aim:?}: the output differs");
        let parts = std::mem::take(&mut *parts.lock().unwrap());
        assert!(sorted(parts) == expected.parts, "{aim:?}: the parts differ");
        let (output, parts) = in_pieces::<K>(params, aim);
        assert!(output == expected.output, "{aim:?}, in one instance: the output differs");
        assert!(parts == expected.parts, "{aim:?}, in one instance: the parts differ");
        seen
    }
}

#[cfg(all(test, feature = "builtin", not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernels::{HashAlgorithm, HashParams, KERNELS};
    use testing::Sent;

    fn sharding(kernel: &str) -> Option<Sharding> {
        (KERNELS.iter().find(|entry| entry.name == kernel).unwrap().sharding)()
    }

    #[test]
    fn the_registry_knows_which_kernels_divide() {
        let names = |which: fn(Option<Sharding>) -> bool| {
            KERNELS.iter().filter(|entry| which((entry.sharding)())).map(|entry| entry.name).collect::<Vec<_>>()
        };
        assert_eq!(
            names(|sharding| sharding.is_some_and(|sharding| !sharding.rounds)),
            [
                "argsort",
                "compress",
                "fft",
                "groupby",
                "hash",
                "hash.many",
                "image.blur",
                "image.convolve",
                "image.resize",
                "knn",
                "knn.search",
                "mandelbrot",
                "matmul",
                "montecarlo",
                "search",
                "sort",
                "stats.describe",
                "stats.histogram",
                "topk"
            ]
        );
        assert_eq!(
            names(|sharding| sharding.is_some_and(|sharding| sharding.rounds)),
            [
                "decompress",
                "image.color",
                "image.crop",
                "image.decode",
                "image.encode",
                "image.pipeline",
                "image.rotate",
                "kmeans",
                "knn.index",
                "nbody",
                "stats.quantiles"
            ]
        );
        assert_eq!(names(|sharding| sharding.is_none()), ["noop"]);
    }

    #[test]
    fn params_are_decoded_and_validated_before_they_are_split() {
        let split = sharding("hash").unwrap().split;
        let aim = Aim { pieces: 2, short: false };
        let error = split(Tree::Map(vec![]), aim).map(|_| ()).unwrap_err();
        assert_eq!(error, KernelError::bad_params("data", "is missing"));
        let sha256 = HashParams { data: vec![0].into(), algorithm: HashAlgorithm::Sha256, subtree_at: Some(0) };
        let error = split(Sent::of(&sha256).attach(), aim).map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("subtreeAt: "), "{error}");
    }

    #[test]
    fn what_cannot_be_merged_is_an_error() {
        let sharding = sharding("hash").unwrap();
        let plan = || {
            let params =
                HashParams { data: vec![0; 1 << 20].into(), algorithm: HashAlgorithm::Blake3, subtree_at: None };
            match (sharding.split)(Sent::of(&params).attach(), Aim { pieces: 4, short: false }).unwrap() {
                Split::Shards(Shards { plan, .. }) => plan,
                _ => panic!("a megabyte divides"),
            }
        };
        let block = &ControlBlock::table()[15];
        let merge = |plan, outputs| (sharding.merge)(plan, outputs, block, Box::new(|_, _| {}));
        let failed = |plan, outputs| merge(plan, outputs).map(|_| ()).unwrap_err().to_string();
        assert_eq!(failed(Box::new(7), vec![]), "the plan is another kernel's");
        assert_eq!(failed(plan(), vec![Tree::Map(vec![])]), "output of shard 0: hex: is missing");
        assert_eq!(failed(plan(), vec![]), "the outputs to merge are not those of the job's shards");
    }
}
