//! How a job divides into smaller jobs of the same kernel, for where memory is not shared: the host runs them in several instances, or
//! one after the other on the caller's thread, and puts their outputs together.

use crate::array;
use crate::error::KernelError;
use crate::kernel::Kernel;
use crate::params::{self, Tree};
use crate::task::{Prepared, Task, Value};
use serde::{Serialize, de::DeserializeOwned};
use std::any::Any;

/// A kernel whose jobs divide.
///
/// Whatever the pieces, the output is that of the whole run, bit for bit, and so are the parts.
pub trait Shardable: Kernel
where
    Self::Params: Serialize,
    Self::Output: DeserializeOwned,
{
    /// What [`merge`](Self::merge) must know of the whole job; it stays in the instance that split it.
    type Plan: Send + 'static;

    /// At most `pieces` (1 or more) jobs that together are this one; one, the params themselves, when dividing does not pay or is
    /// impossible.
    ///
    /// # Errors
    /// What makes the job impossible, a lack of memory above all.
    fn split(params: Self::Params, pieces: usize) -> Result<(Vec<Self::Params>, Self::Plan), KernelError>;

    /// The output of the whole from those of its shards, in the order of `split`. Cheap: a copy, not a computation.
    ///
    /// # Errors
    /// A lack of memory.
    fn merge(plan: Self::Plan, outputs: Vec<Self::Output>) -> Result<Self::Output, KernelError>;
}

/// What a plan looks like to the boundary.
pub type AnyPlan = Box<dyn Any + Send>;

/// A job that was to be divided, with its kernel's types erased.
pub enum Split {
    /// It stays whole.
    Whole(Box<dyn Task>),
    /// Params of its shards, and what `merge` must know.
    Shards(Vec<Value>, AnyPlan),
}

/// [`Shardable`] with the kernel's types erased.
#[derive(Clone, Copy)]
pub struct Sharding {
    /// Decodes and validates params, then divides them.
    pub split: fn(Tree, usize) -> Result<Split, KernelError>,
    /// Decodes the shards' outputs, whose arrays were handed over with [`array::attach`], and puts them together.
    pub merge: fn(AnyPlan, Vec<Tree>) -> Result<Value, KernelError>,
}

impl Sharding {
    /// That of kernel `K`.
    pub const fn of<K: Shardable>() -> Self
    where
        K::Params: Serialize,
        K::Output: DeserializeOwned,
    {
        Self {
            split: |tree, pieces| {
                let params: K::Params = params::decode(tree)?;
                K::validate(&params)?;
                let (mut shards, plan) = K::split(params, pieces)?;
                if shards.len() == 1 {
                    return Ok(Split::Whole(Box::new(Prepared::<K>(shards.remove(0)))));
                }
                let shards = shards.into_iter().map(|shard| Box::new(shard) as Value).collect();
                Ok(Split::Shards(shards, Box::new(plan)))
            },
            merge: |plan, outputs| {
                let plan = plan.downcast::<K::Plan>().map_err(|_| KernelError::failed("a plan of another kernel"))?;
                let outputs = outputs.into_iter().map(params::decode).collect::<Result<Vec<K::Output>, _>>()?;
                array::attach(Vec::new());
                Ok(Box::new(K::merge(*plan, outputs)?))
            },
        }
    }
}
