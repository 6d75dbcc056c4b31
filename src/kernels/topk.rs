//! The first numbers in order, without sorting the rest.

use super::number::part;
use super::radix::{self, Item, Rule, reserve};
use super::select::{Bins, FEW, first};
use super::sort::{Order, Sortable, bits, reinterpret, rule};
use crate::array::{AnyArray, Array};
use crate::shard::{self, Sharding};
use crate::{Job, Kernel, KernelError, Shardable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The greatest numbers, or the least, and where they are.
pub struct Topk;

/// How many of what.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopkParams {
    /// The numbers: a typed array of any kind, at most 4294967295.
    pub data: AnyArray,
    /// How many are wanted. All, when there are fewer.
    #[schemars(example = 10)]
    pub k: u32,
    /// Which end is wanted: `descending` gives the greatest numbers, `ascending` the least.
    #[serde(default = "greatest")]
    pub order: Order,
}

fn greatest() -> Order {
    Order::Descending
}

/// The numbers, the first in order first. −0 is below +0; NaNs are last in either order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TopkOutput {
    /// The numbers, of the kind that was given.
    pub values: AnyArray,
    /// Where they are in `data`. Of equal numbers, and of NaNs, the one that comes earlier is first.
    pub indices: Array<u32>,
}

/// The fewest numbers that are worth a shard: some 0.2 ms.
const LEAST_SHARD: usize = 1 << 16;

impl Kernel for Topk {
    const NAME: &'static str = "topk";
    const ABOUT: &'static str =
        "Gives the greatest (or least) numbers of a typed array, in order, and their indices; NaN last.";
    type Params = TopkParams;
    type Output = TopkOutput;
    type Part = ();

    fn validate(p: &TopkParams) -> Result<(), KernelError> {
        if p.data.len() as u64 > u64::from(u32::MAX) {
            let message = format!("must have at most {} elements, got {}", u32::MAX, p.data.len());
            return Err(KernelError::bad_params("data", message));
        }
        Ok(())
    }

    fn run(TopkParams { data, k, order }: TopkParams, job: &Job) -> Result<TopkOutput, KernelError> {
        crate::array::each_kind!(data, array => topk(array, k as usize, order, job))
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

/// Runs of numbers: the first `k` of all are among the first `k` of each.
impl Shardable for Topk {
    /// `None` when there is one shard.
    type Plan = Option<TopkPlan>;

    fn split(p: TopkParams, pieces: usize) -> Result<(Vec<TopkParams>, Self::Plan), KernelError> {
        let len = p.data.len();
        // What is merged is a small part of what is searched.
        let each = len.div_ceil(pieces).max(LEAST_SHARD).max((p.k as usize).saturating_mul(16));
        if len <= each {
            return Ok((vec![p], None));
        }
        let mut data = p.data;
        let shard = |start| TopkParams { data: part(&mut data, start, each.min(len - start)), k: p.k, order: p.order };
        Ok(((0..len).step_by(each).map(shard).collect(), Some(TopkPlan { each, k: p.k as usize, order: p.order })))
    }

    fn merge(plan: Self::Plan, outputs: Vec<TopkOutput>) -> Result<TopkOutput, KernelError> {
        let Some(plan) = plan else { return shard::only(outputs) };
        let mut indices = reserve(outputs.iter().map(|output| output.indices.len()).sum())?;
        let starts = (0_u64..).step_by(plan.each);
        for (output, start) in outputs.iter().zip(starts) {
            if output.values.len() != output.indices.len() {
                return Err(shard::strange_outputs());
            }
            indices.extend(output.indices.iter().map(|&index| (start + u64::from(index)) as u32));
        }
        let mut values = outputs.into_iter().map(|output| output.values);
        let first = values.next().ok_or_else(shard::strange_outputs)?;
        // What was not first among its own cannot be among all; equal numbers stand in the order of their places already.
        crate::array::each_kind!(first, first => {
            let all = super::sort::concat(first, values, indices.len())?;
            let found = topk(all, plan.k, plan.order, &Job::detached())?;
            let indices = found.indices.iter().map(|&at| indices[at as usize]).collect::<Vec<_>>();
            Ok(TopkOutput { indices: indices.into(), ..found })
        })
    }
}

/// What a merge must know.
pub struct TopkPlan {
    /// Elements of each shard but the last.
    each: usize,
    k: usize,
    order: Order,
}

fn topk<T: Sortable>(data: Array<T>, k: usize, order: Order, job: &Job) -> Result<TopkOutput, KernelError>
where
    AnyArray: From<Array<T>>,
{
    let rule = rule::<T>(order);
    let bits = bits(&data);
    let indices = if (1..=FEW).contains(&k) && k <= bits.len() / 16 {
        first(bits, k, rule, job)?
    } else {
        first_of_bins(bits, k, rule, job)?
    };
    let values: Vec<T::Bits> = indices.iter().map(|&index| bits[index as usize]).collect();
    Ok(TopkOutput { values: Array::from(reinterpret::<_, T>(values)).into(), indices: indices.into() })
}

/// As [`first`], of any number.
fn first_of_bins<T: Item>(bits: &[T], k: usize, rule: Rule<T::Key>, job: &Job) -> Result<Vec<u32>, KernelError> {
    job.set_total(2 * bits.len() as u64);
    let bins = Bins::of(bits, rule, job)?;
    // The bins up to the one that has the last wanted.
    let mut found = 0;
    let last = (0..bins.counts.len()).find(|&bin| {
        found += bins.counts[bin];
        found >= k
    });
    let last = last.unwrap_or(bins.counts.len() - 1);
    let wanted = |bin: usize| bin <= last && k > 0;
    let places: Vec<u32> = bins.take(bits, wanted, |index, _| index as u32, job)?;
    let mut candidates = reserve(places.len())?;
    candidates.extend(places.iter().map(|&place| bits[place as usize]));
    let sorted = radix::argsort(candidates.into(), rule, job)?;
    Ok(sorted.iter().take(k).map(|&at| places[at as usize]).collect())
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::array::{Clamped, F16};
    use crate::kernel::run;
    use crate::kernels::{Argsort, SortParams};
    use crate::params;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;

    const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

    fn noise(len: usize) -> impl Iterator<Item = u64> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        (0..len).map(move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        })
    }

    /// Against the first of all, sorted stably.
    fn check(data: impl Into<AnyArray>, k: u32) {
        let data = data.into();
        for order in ORDERS {
            let job = Job::detached();
            let found = run::<Topk>(TopkParams { data: data.clone(), k, order }, &job).unwrap();
            let (done, total) = job.progress();
            assert_eq!(done, total);
            let all = run::<Argsort>(SortParams { data: data.clone(), order }, &Job::detached()).unwrap().indices;
            let expected = &all[..all.len().min(k as usize)];
            assert!(found.indices[..] == *expected, "{k} of {} {}, {order:?}", data.len(), data.dtype().name());
            let led = crate::array::each_kind!(&data, array => {
                AnyArray::from(Array::from(expected.iter().map(|&at| array[at as usize]).collect::<Vec<_>>()))
            });
            // As text, because a NaN is not equal to itself.
            assert_eq!(format!("{:?}", found.values), format!("{led:?}"));
        }
    }

    #[test]
    fn every_kind_at_every_size() {
        macro_rules! check {
            ($($from:expr;)*) => {$(
                for len in [0, 1, 2, 997, 40_011] {
                    for k in [0, 1, 2, 100, 1500, u32::MAX] {
                        check(Array::from(noise(len).map($from).collect::<Vec<_>>()), k);
                    }
                }
            )*};
        }
        check! {
            |x| x as i8; |x| x as u8; |x| x as i16; |x| x as u16; |x| x as i32; |x| x as u32; |x| x as i64; |x| x;
            |x| Clamped(x as u8); |x| F16(x as u16); |x| f32::from_bits(x as u32); f64::from_bits;
            |x| (x >> 11) as f64 / 9e15;
            |x| [0.0, -0.0, f64::NAN, 1.0, f64::INFINITY][x as usize % 5];
            |x| [u64::MAX, u64::MAX - 1, 7][x as usize % 3];
        }
    }

    #[test]
    fn the_greatest_first_unless_told() {
        let tree = params::Tree::Map(vec![
            ("data".into(), params::Tree::Map(vec![("$array".into(), params::Tree::Int(0))])),
            ("k".into(), params::Tree::Int(2)),
        ]);
        crate::array::attach(vec![Array::from(vec![3.0, f64::NAN, 9.0, -1.0]).into()]);
        let p: TopkParams = params::decode(tree).unwrap();
        let found = run::<Topk>(p, &Job::detached()).unwrap();
        assert_eq!((found.values, &found.indices[..]), (Array::from(vec![9.0, 3.0]).into(), &[2, 0][..]));
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let data = Array::from(noise(200_003).map(|x| (x % 1000) as f32).collect::<Vec<_>>());
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| check(data.clone(), 777));
        }
    }

    #[test]
    fn shards_make_the_whole() {
        let odd = |x: u64| if x.is_multiple_of(3) { f64::NAN } else { (x % 1000) as f64 };
        for (data, k, shards) in [
            (AnyArray::from(Array::<u8>::default()), 5, 1),
            (Array::from(noise(200_003).map(odd).collect::<Vec<_>>()).into(), 10, 4),
            (Array::from(noise(200_003).map(|x| x as i16).collect::<Vec<_>>()).into(), 4000, 4),
            (Array::from(noise(200_003).collect::<Vec<_>>()).into(), 200_000, 1),
            (Array::from(vec![f32::NAN; 140_000]).into(), 70, 3),
        ] {
            for order in ORDERS {
                assert_eq!(check_shards::<Topk>(&TopkParams { data: data.clone(), k, order }), shards);
            }
        }
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let params = TopkParams { data: Array::from(vec![0_u8; 200_000]).into(), k: 3, order: Order::Ascending };
        let output = |values: AnyArray| TopkOutput { values, indices: vec![0, 1].into() };
        let bytes = || Array::from(vec![1_u8, 2]).into();
        for outputs in [
            vec![],
            vec![output(bytes()), output(Array::from(vec![1_i8, 2]).into())],
            vec![output(Array::from(vec![1_u8]).into())],
        ] {
            let (_, plan) = Topk::split(params.clone(), 2).unwrap();
            assert!(matches!(Topk::merge(plan, outputs), Err(KernelError::Failed { .. })));
        }
    }

    #[test]
    fn a_cancelled_job_stops() {
        let job = Job::detached();
        job.control().request_cancel();
        let params = TopkParams { data: Array::from(vec![2.0; 100_000]).into(), k: 5, order: Order::Ascending };
        assert_eq!(run::<Topk>(params, &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    proptest! {
        #[test]
        fn any_floats(data in prop::collection::vec(any::<f64>(), 0..2000), k in 0..2500_u32) {
            check(Array::from(data), k);
        }
    }
}
