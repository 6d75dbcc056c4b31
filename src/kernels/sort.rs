//! Sorting of typed arrays of any kind, by radix on keys whose order as whole numbers is the order of the elements.

use super::radix::{self, Item};
use crate::array::{AnyArray, Array, Clamped, Element, F16};
use crate::{Cancelled, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sorting of typed arrays.
pub struct Sort;

/// What to sort.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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
        let shape = data.shape().map(<[usize]>::to_vec);
        let mut data: AnyArray = crate::array::each_kind!(data, array => sort(array, order, job)?.into());
        data.set_shape(shape);
        Ok(SortOutput { data })
    }
}

/// An element that has a key.
pub(crate) trait Sortable: Element {
    /// An unsigned whole number as wide as the element.
    type Key: Item + Ord;
    /// Grows with the element; −0 is below +0. Of a NaN, anything.
    fn key(self) -> Self::Key;
    /// The element of a key.
    fn of_key(key: Self::Key) -> Self;
    /// The key for the opposite order.
    fn flip(key: Self::Key) -> Self::Key;
    /// Whether it has no place in the order.
    fn is_nan(self) -> bool {
        false
    }
}

macro_rules! sortable {
    // Whole numbers: signed ones move up by half of their range.
    (int $($type:ident $key:ident $offset:expr;)*) => {$(
        impl Sortable for $type {
            type Key = $key;
            #[inline(always)]
            fn key(self) -> $key {
                self as $key ^ $offset
            }
            #[inline(always)]
            fn of_key(key: $key) -> $type {
                (key ^ $offset) as $type
            }
            #[inline(always)]
            fn flip(key: $key) -> $key {
                !key
            }
        }
    )*};
    // IEEE 754: the bits of positive numbers are in order already, those of negative ones in reverse.
    (float $($type:ident $key:ident $bits:expr, $of_bits:expr, $is_nan:expr;)*) => {$(
        impl Sortable for $type {
            type Key = $key;
            #[inline(always)]
            fn key(self) -> $key {
                let bits: $key = $bits(self);
                let sign = 1 << ($key::BITS - 1);
                if bits & sign == 0 { bits | sign } else { !bits }
            }
            #[inline(always)]
            fn of_key(key: $key) -> $type {
                let sign = 1 << ($key::BITS - 1);
                $of_bits(if key & sign == 0 { !key } else { key & !sign })
            }
            #[inline(always)]
            fn flip(key: $key) -> $key {
                !key
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $is_nan(self)
            }
        }
    )*};
}

sortable! { int
    u8 u8 0; u16 u16 0; u32 u32 0; u64 u64 0;
    i8 u8 1 << 7; i16 u16 1 << 15; i32 u32 1 << 31; i64 u64 1 << 63;
}

sortable! { float
    f32 u32 f32::to_bits, f32::from_bits, f32::is_nan;
    f64 u64 f64::to_bits, f64::from_bits, f64::is_nan;
    F16 u16 |x: F16| x.0, F16, |x: F16| x.0 & 0x7FFF > 0x7C00;
}

impl Sortable for Clamped {
    type Key = u8;
    #[inline(always)]
    fn key(self) -> u8 {
        self.0
    }
    #[inline(always)]
    fn of_key(key: u8) -> Self {
        Clamped(key)
    }
    #[inline(always)]
    fn flip(key: u8) -> u8 {
        !key
    }
}

/// Items between two looks at the job.
const SLICE: usize = 1 << 15;

/// Keys of the numbers, then the NaNs as they came.
fn sort<T: Sortable>(data: Array<T>, order: Order, job: &Job) -> Result<Array<T>, KernelError> {
    let mut data = data.into_vec();
    let nans = take_nans(&mut data, job)?;
    let keys = map(&data, job, |element| match order {
        Order::Ascending => element.key(),
        Order::Descending => T::flip(element.key()),
    })?;
    let numbers = keys.len();
    let keys = radix::sort(keys, job)?;
    // The input's memory serves again for the output.
    data.par_chunks_mut(SLICE).zip(keys.par_chunks(SLICE)).try_for_each(|(elements, keys)| {
        job.check()?;
        for (element, &key) in elements.iter_mut().zip(keys) {
            *element = T::of_key(match order {
                Order::Ascending => key,
                Order::Descending => T::flip(key),
            });
        }
        Ok::<(), Cancelled>(())
    })?;
    debug_assert_eq!(data.len(), numbers);
    data.extend(nans);
    Ok(data.into())
}

/// Takes the NaNs out, in their order. Most arrays have none, and then nothing moves.
fn take_nans<T: Sortable>(data: &mut Vec<T>, job: &Job) -> Result<Vec<T>, KernelError> {
    let any = data.par_chunks(SLICE).try_for_each(|slice| {
        if job.check().is_err() {
            return Err(None);
        }
        if slice.iter().any(|element| element.is_nan()) { Err(Some(())) } else { Ok(()) }
    });
    match any {
        Ok(()) => return Ok(Vec::new()),
        Err(None) => return Err(KernelError::Cancelled),
        Err(Some(())) => {}
    }
    let nans = data.iter().copied().filter(|element| element.is_nan()).collect();
    data.retain(|element| !element.is_nan());
    Ok(nans)
}

/// A new vector, made in parallel.
pub(crate) fn map<T: Sync, U: Copy + Default + Send>(
    data: &[T],
    job: &Job,
    f: impl Fn(&T) -> U + Sync,
) -> Result<Vec<U>, KernelError> {
    let mut out = Vec::new();
    let bytes = size_of_val(data) as u64;
    out.try_reserve_exact(data.len()).map_err(|_| KernelError::OutOfMemory { bytes: Some(bytes) })?;
    out.resize(data.len(), U::default());
    out.par_chunks_mut(SLICE).zip(data.par_chunks(SLICE)).try_for_each(|(to, from)| {
        job.check()?;
        for (to, from) in to.iter_mut().zip(from) {
            *to = f(from);
        }
        Ok::<(), Cancelled>(())
    })?;
    Ok(out)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::array::DType;
    use crate::kernel::run;
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
