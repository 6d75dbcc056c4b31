//! Sorting of typed arrays of any kind, by radix on keys whose order as whole numbers is the order of the elements.

use super::in_turns::{InTurns, NoShard};
use super::partition::Partition;
use super::radix::{self, Item, Key, Rule};
use crate::array::{AnyArray, Array, Clamped, Element, F16};
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Job, Kernel, KernelError, Shardable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

/// Sorting of typed arrays.
pub struct Sort;

/// What to sort.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SortParams {
    /// The numbers: a typed array of any kind.
    pub data: AnyArray,
    /// Which end comes first.
    #[serde(default)]
    pub order: Order,
}

/// Which end comes first. Among floats −0 is below +0, and NaN is last in either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The least first.
    #[default]
    Ascending,
    /// The greatest first.
    Descending,
}

/// The sorted numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SortOutput {
    /// As many as were given, of the same kind and shape. NaNs keep their order and their bits.
    pub data: AnyArray,
}

impl Kernel for Sort {
    const NAME: &'static str = "sort";
    const ABOUT: &'static str = "Sorts a typed array of any kind; NaN last.";
    type Params = SortParams;
    type Output = SortOutput;
    type Part = ();

    fn run(SortParams { data, order }: SortParams, job: &Job) -> Result<SortOutput, KernelError> {
        job.will_return(data.len() * data.dtype().size());
        let shape = data.shape().map(<[usize]>::to_vec);
        let mut data: AnyArray = crate::array::each_kind!(data, array => sort(array, order, job)?.into());
        data.set_shape(shape);
        Ok(SortOutput { data })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::with_turns::<Self>())
    }
}

/// Ranges of the order: each shard sorts the numbers of one.
impl Shardable for Sort {
    type Plan = SortPlan;

    fn split(
        SortParams { data, order }: SortParams,
        pieces: usize,
    ) -> Result<(Vec<SortParams>, SortPlan), KernelError> {
        let plan = SortPlan { len: data.len(), shape: data.shape().map(<[usize]>::to_vec) };
        let shards = crate::array::each_kind!(data, array => split(array, order, pieces)?.0);
        Ok((shards, plan))
    }

    fn merge(SortPlan { len, shape }: SortPlan, outputs: Vec<SortOutput>) -> Result<SortOutput, KernelError> {
        let mut outputs = outputs.into_iter().map(|output| output.data);
        let first = outputs.next().ok_or_else(shard::strange_outputs)?;
        let mut data = crate::array::each_kind!(first, first => concat(first, outputs, len)?.into());
        AnyArray::set_shape(&mut data, shape);
        Ok(SortOutput { data })
    }
}

/// What the output of the whole has besides its elements.
pub struct SortPlan {
    len: usize,
    shape: Option<Vec<usize>>,
}

/// The params of shards, and the ranges that they are, unless everything is one.
pub(super) fn split<T: Sortable>(
    data: Array<T>,
    order: Order,
    pieces: usize,
) -> Result<(Vec<SortParams>, Option<Partition>), KernelError>
where
    AnyArray: From<Array<T>>,
{
    let bits = bits_of(data);
    let partition = Partition::of(&bits, rule::<T>(order), pieces)?;
    let ranges = match &partition {
        None => vec![bits.into_owned()],
        Some(partition) => partition.deal(bits.iter().copied())?,
    };
    let params = |range| SortParams { data: Array::from(reinterpret::<_, T>(range)).into(), order };
    Ok((ranges.into_iter().map(params).collect(), partition))
}

/// A sort in one instance.
pub struct SortTurns {
    sort: Box<dyn InTurns<AnyArray>>,
    shape: Option<Vec<usize>>,
}

impl<T: Sortable> InTurns<AnyArray> for (radix::Turns<T::Bits>, PhantomData<T>)
where
    AnyArray: From<Array<T>>,
{
    fn turn(&mut self, job: &Job) -> Result<Option<AnyArray>, KernelError> {
        Ok(self.0.turn(job)?.map(|sorted| Array::from(reinterpret::<_, T>(sorted)).into()))
    }

    fn progress(&self) -> (u64, u64) {
        self.0.progress()
    }
}

impl Rounds for Sort {
    type Shard = NoShard;
    type Given = ();
    type State = SortTurns;

    fn begin(p: SortParams, Aim { pieces, .. }: Aim) -> Result<Round<Self>, KernelError> {
        fn of<T: Sortable>(data: Array<T>, order: Order) -> Box<dyn InTurns<AnyArray>>
        where
            AnyArray: From<Array<T>>,
        {
            Box::new((radix::Turns::of(bits_of(data), rule::<T>(order)), PhantomData::<T>))
        }
        if pieces < 2 || !radix::has_turns(p.data.len()) {
            return Ok(Round::Whole(p));
        }
        let SortParams { data, order } = p;
        let shape = data.shape().map(<[usize]>::to_vec);
        Ok(SortTurns { sort: crate::array::each_kind!(data, array => of(array, order)), shape }.round())
    }

    fn run_shard(shard: NoShard, _: &Job) -> Result<(), KernelError> {
        match shard {}
    }

    fn go_on(mut state: SortTurns, _: Vec<()>, job: &Job) -> Result<Round<Self>, KernelError> {
        let Some(mut data) = state.sort.turn(job)? else { return Ok(state.round()) };
        data.set_shape(state.shape);
        Ok(Round::Done { output: SortOutput { data }, total: state.sort.progress().1 })
    }
}

impl SortTurns {
    fn round(self) -> Round<Sort> {
        let progress = self.sort.progress();
        Round::Next { shards: Vec::new(), state: self, progress }
    }
}

/// Arrays of one kind, one after another: `len` elements.
pub(super) fn concat<T: Element>(
    first: Array<T>,
    others: impl Iterator<Item = AnyArray>,
    len: usize,
) -> Result<Array<T>, KernelError> {
    let others = others.map(|other| T::from_any(other).map_err(|_| shard::strange_outputs()));
    let others = others.collect::<Result<Vec<_>, _>>()?;
    Ok(shard::concat(std::iter::once(first).chain(others), len)?.into())
}

/// An element whose order is that of a [`radix::Rule`].
pub(crate) trait Sortable: Element {
    /// The unsigned whole number of its width, which holds its bits and its key.
    type Bits: Element + Key + Item<Key = Self::Bits> + std::ops::Not<Output = Self::Bits>;
    /// The rule of ascending order.
    const RULE: Rule<Self::Bits>;
}

macro_rules! sortable {
    ($($bits:ident: unsigned $unsigned:ident $($clamped:ident)?, signed $signed:ident $(, float $float:ident above $infinity:expr)?;)*) => {$(
        sortable! { @ $unsigned $bits $bits::MAX, 0, 0 }
        $(sortable! { @ $clamped $bits $bits::MAX, 0, 0 })?
        // Two's complement: negative numbers move below the others.
        sortable! { @ $signed $bits $bits::MAX, 0, 1 << ($bits::BITS - 1) }
        // IEEE 754: the bits of negative numbers are in reverse order besides. What is above infinity is NaN, and the last
        // key, which NaNs share, would in either order be a NaN's.
        $(sortable! { @ $float $bits $infinity, $bits::MAX >> 1, 1 << ($bits::BITS - 1) })?
    )*};
    (@ $type:ident $bits:ident $limit:expr, $flip:expr, $base:expr) => {
        impl Sortable for $type {
            type Bits = $bits;
            const RULE: Rule<$bits> = Rule { limit: $limit, flip: $flip, base: $base };
        }
    };
}

sortable! {
    u8: unsigned u8 Clamped, signed i8;
    u16: unsigned u16, signed i16, float F16 above 0x7C00;
    u32: unsigned u32, signed i32, float f32 above f32::INFINITY.to_bits();
    u64: unsigned u64, signed i64, float f64 above f64::INFINITY.to_bits();
}

fn sort<T: Sortable>(data: Array<T>, order: Order, job: &Job) -> Result<Array<T>, KernelError> {
    Ok(reinterpret(radix::sort(bits_of(data), rule::<T>(order), job)?).into())
}

/// The rule that brings elements into an order.
pub(crate) fn rule<T: Sortable>(order: Order) -> Rule<T::Bits> {
    match order {
        Order::Ascending => T::RULE,
        Order::Descending => Rule { base: !T::RULE.base, ..T::RULE },
    }
}

/// The same memory as elements of another kind of the same width.
pub(crate) fn reinterpret<T: Element, U: Element>(data: Vec<T>) -> Vec<U> {
    const { assert!(size_of::<T>() == size_of::<U>() && align_of::<T>() == align_of::<U>()) };
    let mut data = ManuallyDrop::new(data);
    // SAFETY: elements are plain numbers: any bits are one. Their layouts are the same, so the allocation is that of a
    // `Vec<U>` of the same length and capacity; `ManuallyDrop` gives it up, so it has one owner.
    unsafe { Vec::from_raw_parts(data.as_mut_ptr().cast::<U>(), data.len(), data.capacity()) }
}

/// Elements' bits where they lie.
pub(crate) fn bits<T: Sortable>(data: &[T]) -> &[T::Bits] {
    const { assert!(size_of::<T>() == size_of::<T::Bits>() && align_of::<T>() == align_of::<T::Bits>()) };
    // SAFETY: elements are plain numbers: any bits are one. Their layouts are the same, and the slice is borrowed as long.
    unsafe { std::slice::from_raw_parts(data.as_ptr().cast(), data.len()) }
}

/// An array's bits, borrowed if its elements are.
pub(crate) fn bits_of<T: Sortable>(data: Array<T>) -> Cow<'static, [T::Bits]> {
    match data.into_cow() {
        Cow::Owned(data) => Cow::Owned(reinterpret(data)),
        Cow::Borrowed(data) => Cow::Borrowed(bits(data)),
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::array::DType;
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    fn sorted<T: Element>(data: Vec<T>, order: Order) -> Vec<T>
    where
        AnyArray: From<Array<T>>,
    {
        let params = SortParams { data: Array::from(data).into(), order };
        let output = run::<Sort>(params, &Job::detached()).unwrap();
        T::from_any(output.data).unwrap().into_vec()
    }

    /// The rule of the documentation, by comparisons: total order, NaN last in the order that they came.
    fn rule(a: f64, b: f64, order: Order) -> Ordering {
        match (a.is_nan(), b.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if order == Order::Ascending => a.total_cmp(&b),
            (false, false) => b.total_cmp(&a),
        }
    }

    fn check_f64(data: Vec<f64>) {
        for order in [Order::Ascending, Order::Descending] {
            let mut expected = data.clone();
            expected.sort_by(|&a, &b| rule(a, b, order));
            let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
            assert!(bits(sorted(data.clone(), order)) == bits(expected), "{order:?}");
        }
    }

    const ODD: [f64; 14] = [
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        1.0,
        -1.0,
        1e-300,
        2.5,
        -2.5,
    ];

    fn noise(len: usize) -> Vec<u64> {
        let mut state = 0x1234_5678_9ABC_DEF1_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn floats_follow_the_rule_with_every_odd_value() {
        check_f64(vec![]);
        check_f64(vec![f64::NAN]);
        check_f64(vec![f64::NAN; 3000]);
        for len in [10, 1023, 1024, 1025, 50_021] {
            // Bits at random are NaNs of many payloads and signs, infinities and denormals now and then.
            let bits = noise(len).into_iter().map(f64::from_bits).collect::<Vec<_>>();
            check_f64(bits.clone());
            check_f64(bits.iter().zip(ODD.iter().cycle()).flat_map(|(&a, &b)| [a, b]).collect());
            check_f64(noise(len).iter().map(|&x| f64::from_bits(0x7FF8_0000_0000_0000 | x & 7)).collect());
            check_f64((0..len).map(|i| i as f64).collect());
            check_f64((0..len).rev().map(|i| i as f64).collect());
            check_f64(vec![1.5; len]);
        }
    }

    #[test]
    fn every_kind_of_whole_number() {
        macro_rules! check {
            ($($type:ident)*) => {$(
                for len in [0, 1, 2, 3, 997, 1025, 33_333] {
                    let data: Vec<$type> = noise(len).into_iter().map(|x| x as $type).collect();
                    let mut expected = data.clone();
                    expected.sort();
                    assert!(sorted(data.clone(), Order::Ascending) == expected, stringify!($type));
                    expected.reverse();
                    assert!(sorted(data, Order::Descending) == expected, stringify!($type));
                }
            )*};
        }
        check!(u8 u16 u32 u64 i8 i16 i32 i64);
        let clamped: Vec<Clamped> = noise(5000).into_iter().map(|x| Clamped(x as u8)).collect();
        let mut expected = clamped.clone();
        expected.sort();
        assert_eq!(sorted(clamped, Order::Ascending), expected);
    }

    #[test]
    fn every_float_of_16_and_every_high_half_of_32_bits() {
        let half = |bits: u16| -> f64 {
            let magnitude = match (bits >> 10 & 31, bits & 1023) {
                (31, 0) => f64::INFINITY,
                (31, _) => f64::NAN,
                (0, m) => f64::from(m) * 2_f64.powi(-24),
                (e, m) => f64::from(1024 + m) * 2_f64.powi(i32::from(e) - 25),
            };
            if bits >> 15 == 1 { -magnitude } else { magnitude }
        };
        let all: Vec<F16> = (0..=u16::MAX).rev().map(F16).collect();
        let mut expected = all.clone();
        expected.sort_by(|a, b| rule(half(a.0), half(b.0), Order::Ascending));
        assert!(sorted(all, Order::Ascending) == expected);

        let floats: Vec<f32> = (0..=u16::MAX).rev().map(|x| f32::from_bits(u32::from(x) << 16 | 1)).collect();
        let mut expected = floats.clone();
        expected.sort_by(|&a, &b| rule(f64::from(a), f64::from(b), Order::Ascending));
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert!(bits(sorted(floats, Order::Ascending)) == bits(expected));
    }

    #[test]
    fn kind_and_shape_stay() {
        for &dtype in DType::ALL {
            let mut data = AnyArray::with_capacity(dtype, 0).unwrap();
            data.set_shape(Some(vec![0, 5]));
            let output = run::<Sort>(SortParams { data, order: Order::Ascending }, &Job::detached()).unwrap();
            assert_eq!((output.data.dtype(), output.data.shape()), (dtype, Some(&[0, 5][..])));
        }
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let data: Vec<f64> = noise(200_003).into_iter().map(f64::from_bits).collect();
        let mut expected = data.clone();
        expected.sort_by(|&a, &b| rule(a, b, Order::Descending));
        let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        for threads in [1, 2, 3, 4, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let output = pool.install(|| sorted(data.clone(), Order::Descending));
            assert!(bits(&output) == bits(&expected), "{threads} threads");
        }
    }

    fn shards(data: impl Into<AnyArray>) -> usize {
        let data = data.into();
        let [ascending, descending] = [Order::Ascending, Order::Descending]
            .map(|order| check_shards::<Sort>(&SortParams { data: data.clone(), order }));
        assert!(ascending.abs_diff(descending) <= 1, "{ascending} and {descending} shards");
        ascending
    }

    #[test]
    fn shards_make_the_whole() {
        assert_eq!(shards(Array::<f64>::from(vec![])), 1);
        assert_eq!(shards(Array::from(vec![1_u8; 300_000])), 1, "one key has one range");
        assert_eq!(shards(Array::from(vec![f64::NAN; 100_000])), 1);
        assert_eq!(shards(Array::from(noise(30_000))), 1, "too few to pay");
        assert_eq!(shards(Array::from(noise(100_003)).with_shape([1, 100_003])), 6);
        assert_eq!(shards(Array::from(noise(1_100_000))), 64);
        // Every kind, bits in disorder; among them NaNs of many payloads.
        macro_rules! kinds {
            ($($from:expr;)*) => {$(
                let data: Vec<_> = noise(120_000).into_iter().map($from).collect();
                assert_eq!(shards(Array::from(data)), 7);
            )*};
        }
        kinds! {
            |x| x as u8; |x| x as u16; |x| x as u32; |x| x; |x| x as i8; |x| x as i16; |x| x as i32; |x| x as i64;
            |x| Clamped(x as u8); |x| F16(x as u16); |x| f32::from_bits(x as u32); f64::from_bits;
        }
    }

    #[test]
    fn shards_make_the_whole_of_few_and_odd_values() {
        let pick = |values: &[f64], len: usize| -> Vec<f64> {
            noise(len).iter().map(|&x| values[(x >> 40) as usize % values.len()]).collect()
        };
        assert_eq!(shards(Array::from(pick(&[0.0, -0.0], 100_000))), 2);
        assert!(shards(Array::from(pick(&[0.0, -0.0, f64::NAN, -f64::NAN], 100_000))) >= 2);
        assert!(shards(Array::from(pick(&ODD, 200_000))) >= 8);
        // Nine of ten are the same, whether at an end or in the middle.
        for often in [f64::NEG_INFINITY, 0.5, f64::NAN] {
            let few = |i: usize, x: u64| if i.is_multiple_of(10) { (x >> 11) as f64 / 9e15 } else { often };
            let data: Vec<f64> = noise(150_000).into_iter().enumerate().map(|(i, x)| few(i, x)).collect();
            assert!(shards(Array::from(data)) >= 2, "{often}");
        }
        // In order already, in reverse, and in teeth.
        let len = 150_000_u32;
        assert_eq!(shards(Array::from((0..len).collect::<Vec<_>>())), 9);
        assert_eq!(shards(Array::from((0..len).rev().collect::<Vec<_>>())), 9);
        assert_eq!(shards(Array::from((0..len).map(|i| i % 1024).collect::<Vec<_>>())), 9);
    }

    #[test]
    fn shards_are_of_like_length() {
        for bits in [16, 64] {
            let data = Array::from(noise(1_100_000).into_iter().map(|x| x >> (64 - bits)).collect::<Vec<_>>());
            let params = SortParams { data: data.into(), order: Order::Ascending };
            let lengths: Vec<usize> = Sort::split(params, 64).unwrap().0.iter().map(|shard| shard.data.len()).collect();
            let longest = *lengths.iter().max().unwrap();
            assert!(longest < 1_100_000 / 64 * 3 / 2, "{lengths:?}");
        }
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let params = SortParams { data: Array::from(noise(100_000)).into(), order: Order::Ascending };
        let outputs = |len: usize, odd: AnyArray| {
            vec![SortOutput { data: Array::from(vec![1_u64; len]).into() }, SortOutput { data: odd }]
        };
        for outputs in
            [vec![], outputs(10, Array::from(vec![1_u64]).into()), outputs(99_999, Array::from(vec![1_i64]).into())]
        {
            let (_, plan) = Sort::split(params.clone(), 2).unwrap();
            assert!(matches!(Sort::merge(plan, outputs), Err(KernelError::Failed { .. })));
        }
    }

    #[test]
    fn a_cancelled_job_sorts_nothing() {
        let job = Job::detached();
        job.control().request_cancel();
        let params = SortParams { data: Array::from(vec![2.0; 100_000]).into(), order: Order::Ascending };
        assert_eq!(run::<Sort>(params, &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    proptest! {
        #[test]
        fn any_floats(data in prop::collection::vec(any::<f64>(), 0..3000)) {
            check_f64(data);
        }
    }
}
