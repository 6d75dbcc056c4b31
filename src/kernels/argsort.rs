//! The permutation that sorts a typed array.

use super::in_turns::{InTurns, NoShard};
use super::radix;
use super::sort::{self, Order, SortParams, Sortable, rule};
use crate::array::Array;
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Job, Kernel, KernelError, Shardable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The permutation that sorts a typed array.
pub struct Argsort;

/// The permutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArgsortOutput {
    /// `data[indices[0]]` is the first in order, and so on. Equal numbers, and NaNs, keep their order.
    pub indices: Array<u32>,
}

impl Kernel for Argsort {
    const NAME: &'static str = "argsort";
    const ABOUT: &'static str = "Gives the indices that sort a typed array, stably; NaN last.";
    type Params = SortParams;
    type Output = ArgsortOutput;
    type Part = ();

    fn validate(params: &SortParams) -> Result<(), KernelError> {
        fits(params.data.len())
    }

    fn run(SortParams { data, order }: SortParams, job: &Job) -> Result<ArgsortOutput, KernelError> {
        job.will_return(data.len() * size_of::<u32>());
        let indices = crate::array::each_kind!(data, array => argsort(array, order, job)?);
        Ok(ArgsortOutput { indices: indices.into() })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::with_turns::<Self>())
    }
}

/// Ranges of the order, as of [`Sort`](super::Sort).
impl Shardable for Argsort {
    /// The places from which each shard's elements came; `None` when there is one shard.
    type Plan = Option<Vec<Vec<u32>>>;

    fn split(
        SortParams { data, order }: SortParams,
        pieces: usize,
    ) -> Result<(Vec<SortParams>, Self::Plan), KernelError> {
        let len = data.len() as u32;
        let (shards, partition) = crate::array::each_kind!(data, array => sort::split(array, order, pieces)?);
        let places = partition.map(|partition| partition.deal(0..len)).transpose()?;
        Ok((shards, places))
    }

    fn merge(places: Self::Plan, outputs: Vec<ArgsortOutput>) -> Result<ArgsortOutput, KernelError> {
        let Some(places) = places else { return shard::only(outputs) };
        if !places.iter().map(Vec::len).eq(outputs.iter().map(|output| output.indices.len())) {
            return Err(shard::strange_outputs());
        }
        let mut indices = radix::reserve(places.iter().map(Vec::len).sum())?;
        for (places, output) in places.iter().zip(&outputs) {
            append(&mut indices, places, output)?;
        }
        Ok(ArgsortOutput { indices: indices.into() })
    }
}

/// An argsort in one instance.
pub struct ArgsortTurns(Box<dyn InTurns<Vec<u32>>>);

impl Rounds for Argsort {
    type Shard = NoShard;
    type Given = ();
    type State = ArgsortTurns;

    fn begin(p: SortParams, Aim { pieces, .. }: Aim) -> Result<Round<Self>, KernelError> {
        fn of<T: Sortable>(data: Array<T>, order: Order) -> Result<Box<dyn InTurns<Vec<u32>>>, KernelError> {
            Ok(Box::new(radix::IndexTurns::of(sort::bits_of(data), rule::<T>(order))?))
        }
        if pieces < 2 || !radix::has_turns(p.data.len()) {
            return Ok(Round::Whole(p));
        }
        let SortParams { data, order } = p;
        Ok(ArgsortTurns(crate::array::each_kind!(data, array => of(array, order)?)).round())
    }

    fn run_shard(shard: NoShard, _: &Job) -> Result<(), KernelError> {
        match shard {}
    }

    fn go_on(mut state: ArgsortTurns, _: Vec<()>, job: &Job) -> Result<Round<Self>, KernelError> {
        let Some(indices) = state.0.turn(job)? else { return Ok(state.round()) };
        Ok(Round::Done { output: ArgsortOutput { indices: indices.into() }, total: state.0.progress().1 })
    }
}

impl ArgsortTurns {
    fn round(self) -> Round<Argsort> {
        let progress = self.0.progress();
        Round::Next { shards: Vec::new(), state: self, progress }
    }
}

/// Puts the indices of a shard's elements in the whole behind those of the shards before.
fn append(indices: &mut Vec<u32>, places: &[u32], output: &ArgsortOutput) -> Result<(), KernelError> {
    for &index in output.indices.iter() {
        indices.push(*places.get(index as usize).ok_or_else(shard::strange_outputs)?);
    }
    Ok(())
}

fn argsort<T: Sortable>(data: Array<T>, order: Order, job: &Job) -> Result<Vec<u32>, KernelError> {
    radix::argsort(sort::bits_of(data), rule::<T>(order), job)
}

/// Whether so many indices can be written as `u32`.
fn fits(len: usize) -> Result<(), KernelError> {
    if len as u64 > u64::from(u32::MAX) {
        let message = format!("must have at most {} elements, got {len}", u32::MAX);
        return Err(KernelError::bad_params("data", message));
    }
    Ok(())
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::super::sort::Sort;
    use super::*;
    use crate::AnyArray;
    use crate::array::{Clamped, F16};
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;

    fn argsorted(data: impl Into<AnyArray>, order: Order) -> Vec<u32> {
        run::<Argsort>(SortParams { data: data.into(), order }, &Job::detached()).unwrap().indices.into_vec()
    }

    fn check(data: Vec<f64>) {
        for order in [Order::Ascending, Order::Descending] {
            let mut expected: Vec<u32> = (0..data.len() as u32).collect();
            // Stable, so equal elements and NaNs keep their order.
            expected.sort_by(|&a, &b| {
                let (a, b) = (data[a as usize], data[b as usize]);
                let numbers = if order == Order::Ascending { a.total_cmp(&b) } else { b.total_cmp(&a) };
                a.is_nan().cmp(&b.is_nan()).then(if a.is_nan() { std::cmp::Ordering::Equal } else { numbers })
            });
            assert!(argsorted(Array::from(data.clone()), order) == expected, "{order:?}");
        }
    }

    #[test]
    fn is_stable_with_many_equal_elements() {
        check(vec![]);
        check(vec![f64::NAN, 1.0, f64::NAN, 0.0, -0.0, 1.0]);
        for len in [1000, 1025, 60_007_usize] {
            check((0..len).map(|i| ((i * 7919) % 13) as f64 - 6.0).collect());
            check((0..len).map(|i| if i % 5 == 0 { f64::NAN } else { ((i * 31) % 101) as f64 }).collect());
        }
    }

    #[test]
    fn whole_numbers_and_bytes() {
        let data: Vec<i64> = (0..40_000_i64).map(|i| (i * 7919) % 1009 - 500).collect();
        let indices = argsorted(Array::from(data.clone()), Order::Descending);
        assert!(indices.windows(2).all(|pair| {
            let (a, b) = (data[pair[0] as usize], data[pair[1] as usize]);
            a > b || a == b && pair[0] < pair[1]
        }));
        assert_eq!(argsorted(Array::from(vec![3_u8, 1, 2, 1]), Order::Ascending), [1, 3, 2, 0]);
    }

    #[test]
    fn indices_of_every_kind_lead_to_what_sort_gives() {
        macro_rules! check {
            ($($from:expr;)*) => {$(
                for len in [0_u64, 1, 2, 997, 1025, 20_011] {
                    // Bits in disorder: there are NaNs among the floats.
                    let data: Vec<_> = (0..len).map(|i| $from(i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17))).collect();
                    for order in [Order::Ascending, Order::Descending] {
                        let led: Vec<_> =
                            argsorted(Array::from(data.clone()), order).iter().map(|&i| data[i as usize]).collect();
                        let params = SortParams { data: Array::from(data.clone()).into(), order };
                        let sorted = run::<Sort>(params, &Job::detached()).unwrap().data;
                        // As text, because a NaN is not equal to itself.
                        assert!(format!("{:?}", AnyArray::from(Array::from(led))) == format!("{sorted:?}"));
                    }
                }
            )*};
        }
        check! {
            |x| x as u8; |x| x as u16; |x| x as u32; |x| x; |x| x as i8; |x| x as i16; |x| x as i32; |x| x as i64;
            |x| Clamped(x as u8); |x| F16(x as u16); |x| f32::from_bits(x as u32); f64::from_bits;
        }
    }

    #[test]
    fn shards_make_the_whole() {
        let noise: Vec<u64> = (0..150_000_u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17)).collect();
        let noise = |make: fn(u64) -> f64| Array::from(noise.iter().map(|&x| make(x)).collect::<Vec<_>>());
        let few = |x: u64| [0.0, -0.0, 1.0, f64::NAN, -f64::NAN, f64::INFINITY, -7.5, 3.0][x as usize % 8];
        for (data, least) in [
            (Array::<f64>::from(vec![]).into(), 1),
            (Array::from(vec![1.5_f64; 100_000]).into(), 1),
            (Array::from(vec![3_u8, 1, 2, 1]).into(), 1),
            (AnyArray::from(noise(f64::from_bits)), 9),
            (noise(few).into(), 5),
            (Array::from((0..100_000_u32).map(|i| (i * 7919 % 13) as u16).collect::<Vec<_>>()).into(), 5),
            (Array::from((0..100_000_i32).rev().collect::<Vec<_>>()).into(), 6),
        ] {
            for order in [Order::Ascending, Order::Descending] {
                let shards = check_shards::<Argsort>(&SortParams { data: data.clone(), order });
                assert!(shards >= least, "{shards} shards of {} elements", data.len());
            }
        }
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let data = Array::from((0..100_000_u32).collect::<Vec<_>>());
        let params = SortParams { data: data.into(), order: Order::Ascending };
        let (shards, plan) = Argsort::split(params, 2).unwrap();
        let outputs = shards.iter().map(|shard| ArgsortOutput { indices: vec![70_000; shard.data.len()].into() });
        assert!(matches!(Argsort::merge(plan, outputs.collect()), Err(KernelError::Failed { .. })));
    }

    #[test]
    fn more_elements_than_indices_are_refused() {
        assert_eq!(fits(u32::MAX as usize), Ok(()));
        let error = fits(u32::MAX as usize + 1).unwrap_err();
        assert_eq!(error.to_string(), "data: must have at most 4294967295 elements, got 4294967296");
    }

    proptest! {
        #[test]
        fn any_floats(data in prop::collection::vec(any::<f64>(), 0..3000)) {
            check(data);
        }
    }
}
