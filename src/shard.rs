//! How a job divides into smaller jobs of the same kernel: for hosts whose threads cannot share a memory.
//!
//! Such a host splits a job in one instance, runs the shards in several (or one after another, with pauses between), and
//! merges their outputs in the instance that split. A kernel says how by [`Shardable`]; the boundary sees [`Sharding`], the
//! same with the types erased. What comes out is, bit for bit, what the whole job gives.

#[cfg(feature = "kernels")]
use crate::array::Array;
use crate::error::KernelError;
use crate::kernel::Kernel;
use crate::params::{self, Tree};
use crate::task::{Prepared, Task, Value};
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

/// A [`Shardable`] kernel with its types erased.
#[derive(Clone, Copy)]
pub struct Sharding {
    /// Decodes and validates params, then splits them into at most so many shards (0 counts as 1).
    pub split: fn(Tree, usize) -> Result<Split, KernelError>,
    /// Decodes the outputs of the shards, in their order, and merges them. Their arrays were handed over with
    /// [`array::attach`](crate::array::attach); the indices run on from one output to the next.
    pub merge: fn(Plan, Vec<Tree>) -> Result<Value, KernelError>,
}

/// A [`Shardable::Plan`] with its type erased.
pub type Plan = Box<dyn Any + Send>;

/// A job that was to be split.
pub enum Split {
    /// It stays whole, ready to run.
    Whole(Box<dyn Task>),
    /// The params of each shard, two or more, and what [`Sharding::merge`] needs.
    Shards(Vec<Value>, Plan),
}

impl Sharding {
    /// The sharding of kernel `K`.
    pub const fn of<K: Shardable>() -> Self {
        Self {
            split: |tree, pieces| {
                let params: K::Params = params::decode(tree)?;
                K::validate(&params)?;
                let (mut shards, plan) = K::split(params, pieces.max(1))?;
                if shards.len() == 1 {
                    return Ok(Split::Whole(Box::new(Prepared::<K>(shards.remove(0)))));
                }
                let shards = shards.into_iter().map(|shard| Box::new(shard) as Value).collect();
                Ok(Split::Shards(shards, Box::new(plan)))
            },
            merge: |plan, outputs| {
                let plan = plan.downcast().map_err(|_| KernelError::failed("the plan is another kernel's"))?;
                let outputs = outputs.into_iter().enumerate().map(|(number, tree)| {
                    params::decode(tree)
                        .map_err(|error| KernelError::failed(format!("output of shard {number}: {error}")))
                });
                let outputs = outputs.collect::<Result<_, _>>()?;
                Ok(Box::new(K::merge(*plan, outputs)?))
            },
        }
    }
}

/// The error of outputs that are not those of a job's shards.
#[cfg(feature = "kernels")]
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

    /// Runs one job: its output and its parts, in an order of their own.
    fn run<K: Kernel>(params: Sent) -> (Sent, Vec<Sent>) {
        let params: K::Params = params::decode(params.attach()).unwrap();
        let parts = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&parts);
        let job = Job::with_parts(move |_, part: K::Part| sink.lock().unwrap().push(Sent::of(&part)));
        let output = Sent::of(&crate::kernel::run::<K>(params, &job).unwrap());
        let (done, total) = job.progress();
        assert_eq!(done, total, "progress of a shard");
        let parts = std::mem::take(&mut *parts.lock().unwrap());
        (output, parts)
    }

    /// Whether `pieces` shards give exactly what the whole gives; returns how many there were.
    pub fn check_pieces<K: Shardable>(params: &K::Params, pieces: usize) -> usize {
        let sharding = K::sharding().expect("it says that it divides");
        let params = Sent::of(params);
        let (expected, mut expected_parts) = run::<K>(params.clone());

        let (shards, plan) = match (sharding.split)(params.attach(), pieces).unwrap() {
            Split::Shards(shards, plan) => (shards, plan),
            Split::Whole(_) => return 1,
        };
        assert!((2..=pieces.max(1)).contains(&shards.len()), "{} shards for {pieces} pieces", shards.len());
        let (mut outputs, mut sent, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for shard in &shards {
            let (mut output, some) = run::<K>(Sent::of(shard));
            references(&mut output.tree, &mut |index, _| *index += sent.len() as i64);
            sent.append(&mut output.arrays);
            outputs.push(output.tree);
            parts.extend(some);
        }
        array::attach(arrays(sent));
        let output = Sent::of(&*(sharding.merge)(plan, outputs).unwrap());

        assert!(output == expected, "{} of {pieces} pieces: the output differs", shards.len());
        let text = |part: &Sent| format!("{part:?}");
        parts.sort_by_cached_key(text);
        expected_parts.sort_by_cached_key(text);
        assert!(parts == expected_parts, "{} of {pieces} pieces: the parts differ", shards.len());
        shards.len()
    }

    /// [`check_pieces`] of several numbers of pieces; returns the greatest number of shards.
    pub fn check_shards<K: Shardable>(params: &K::Params) -> usize {
        [0, 1, 2, 3, 7, 64].map(|pieces| check_pieces::<K>(params, pieces)).into_iter().max().unwrap()
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
        let divide: Vec<&str> =
            KERNELS.iter().map(|entry| entry.name).filter(|name| sharding(name).is_some()).collect();
        assert_eq!(
            divide,
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
    }

    #[test]
    fn params_are_decoded_and_validated_before_they_are_split() {
        let split = sharding("hash").unwrap().split;
        let error = split(Tree::Map(vec![]), 2).map(|_| ()).unwrap_err();
        assert_eq!(error, KernelError::bad_params("data", "is missing"));
        let sha256 = HashParams { data: vec![0].into(), algorithm: HashAlgorithm::Sha256, subtree_at: Some(0) };
        let error = split(Sent::of(&sha256).attach(), 2).map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("subtreeAt: "), "{error}");
    }

    #[test]
    fn what_cannot_be_merged_is_an_error() {
        let sharding = sharding("hash").unwrap();
        let plan = || {
            let params =
                HashParams { data: vec![0; 1 << 20].into(), algorithm: HashAlgorithm::Blake3, subtree_at: None };
            match (sharding.split)(Sent::of(&params).attach(), 4).unwrap() {
                Split::Shards(_, plan) => plan,
                Split::Whole(_) => panic!("a megabyte divides"),
            }
        };
        let failed = |plan, outputs| (sharding.merge)(plan, outputs).map(|_| ()).unwrap_err().to_string();
        assert_eq!(failed(Box::new(7), vec![]), "the plan is another kernel's");
        assert_eq!(failed(plan(), vec![Tree::Map(vec![])]), "output of shard 0: hex: is missing");
        assert_eq!(failed(plan(), vec![]), "the outputs to merge are not those of the job's shards");
    }
}
