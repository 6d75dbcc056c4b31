//! Quantiles of numbers: exact ones, of the numbers themselves and not of a sketch, without sorting more of them than it takes.

use super::number::Number;
use super::radix;
use super::select::Bins;
use super::sort::{Order, bits, reinterpret, rule};
use crate::array::{AnyArray, Array};
use crate::{Cancelled, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Quantiles of numbers.
pub struct StatsQuantiles;

/// Which quantiles of what.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatsQuantilesParams {
    /// The numbers: a typed array of any kind. NaNs are left out.
    pub data: AnyArray,
    /// The quantiles, in any order: 0 is the least number, 0.5 the median, 1 the greatest.
    pub q: Vec<f64>,
}

/// The quantiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatsQuantilesOutput {
    /// One for each of `q`: the number of rank `q × (n − 1)` of `n`, the least having rank 0; between two numbers the one on the
    /// straight line. NaN when there are no numbers, and between −∞ and ∞.
    pub quantiles: Array<f64>,
}

impl Kernel for StatsQuantiles {
    const NAME: &'static str = "stats.quantiles";
    const ABOUT: &'static str = "Exact quantiles of a typed array, interpolated linearly.";
    type Params = StatsQuantilesParams;
    type Output = StatsQuantilesOutput;
    type Part = ();

    fn validate(p: &StatsQuantilesParams) -> Result<(), KernelError> {
        match p.q.iter().position(|q| !(0.0..=1.0).contains(q)) {
            Some(at) => Err(KernelError::bad_params(format!("q.{at}"), format!("must be 0 to 1, got {}", p.q[at]))),
            None => Ok(()),
        }
    }

    fn run(
        StatsQuantilesParams { data, q }: StatsQuantilesParams,
        job: &Job,
    ) -> Result<StatsQuantilesOutput, KernelError> {
        let quantiles = crate::array::each_kind!(data, array => quantiles(array, &q, job)?);
        Ok(StatsQuantilesOutput { quantiles: quantiles.into() })
    }
}

fn quantiles<T: Number>(data: Array<T>, q: &[f64], job: &Job) -> Result<Vec<f64>, KernelError> {
    let bits = bits(&data);
    let rule = rule::<T>(Order::Ascending);
    let bins = Bins::of(bits, rule, job)?;
    // The last bin has the NaNs, and of whole numbers the greatest there is.
    let nans = if bins.counts.last() == Some(&0) { 0 } else { nans(&data, job)? };
    let numbers = bits.len() - nans;
    let ranks: Vec<Rank> = q.iter().map(|&q| Rank::of(q, numbers)).collect();

    // Where each bin begins: among all items, and among those that are taken.
    let starts = self::starts(bins.counts.iter().copied());
    let bin_of = |place: usize| starts.partition_point(|&start| start <= place) - 1;
    let mut wanted = vec![false; bins.counts.len()];
    if numbers > 0 {
        ranks.iter().flat_map(|rank| [rank.below, rank.above]).for_each(|place| wanted[bin_of(place)] = true);
    }
    let taken_starts =
        self::starts(bins.counts.iter().zip(&wanted).map(|(&count, &wanted)| if wanted { count } else { 0 }));

    let taken = bins.take(bits, |bin| wanted[bin], |_, item| item, job)?;
    let sorted: Vec<T> = reinterpret(radix::sort(taken.into(), rule, job)?);
    let at = |place: usize| {
        let bin = bin_of(place);
        sorted[taken_starts[bin] + place - starts[bin]].to_f64()
    };
    let value = |rank: &Rank| if numbers == 0 { f64::NAN } else { between(at(rank.below), at(rank.above), rank.part) };
    Ok(ranks.iter().map(value).collect())
}

/// Where each of some runs begins, by their lengths.
fn starts(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut end = 0;
    let start = |length| {
        end += length;
        end - length
    };
    lengths.map(start).collect()
}

/// NaNs among numbers.
fn nans<T: Number>(data: &[T], job: &Job) -> Result<usize, Cancelled> {
    let count = |slice: &[T]| job.check().map(|()| slice.iter().filter(|x| x.to_f64().is_nan()).count());
    data.par_chunks(1 << 14).map(count).try_reduce(|| 0, |a, b| Ok(a + b))
}

/// A place between two ranks.
struct Rank {
    below: usize,
    above: usize,
    /// How far it is from the one below.
    part: f64,
}

impl Rank {
    fn of(q: f64, numbers: usize) -> Self {
        let last = numbers.saturating_sub(1);
        let place = q * last as f64;
        let below = (place as usize).min(last);
        Self { below, above: (below + 1).min(last), part: place - below as f64 }
    }
}

/// A point of the straight line from `a` to `b`: never outside of them, exact at both ends, the same from either.
fn between(a: f64, b: f64, part: f64) -> f64 {
    if part == 0.0 || a == b {
        return a;
    }
    let step = b - a;
    let point = match part {
        // Of infinities, and of numbers so far apart that their difference is none.
        _ if !step.is_finite() => a * (1.0 - part) + b * part,
        0.0..0.5 => a + step * part,
        _ => b - step * (1.0 - part),
    };
    // One NaN for all machines: they differ in the sign of those that they make.
    if point.is_nan() { f64::NAN } else { point }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::array::{Clamped, F16};
    use crate::kernel::run;
    use proptest::prelude::*;

    fn quantiles_of(data: impl Into<AnyArray>, q: &[f64]) -> Vec<f64> {
        let params = StatsQuantilesParams { data: data.into(), q: q.to_vec() };
        let job = Job::detached();
        let found = run::<StatsQuantiles>(params, &job).unwrap().quantiles.into_vec();
        let (done, total) = job.progress();
        assert_eq!(done, total);
        found
    }

    /// By the definition.
    fn expected(mut data: Vec<f64>, q: &[f64]) -> Vec<f64> {
        data.retain(|x| !x.is_nan());
        data.sort_by(f64::total_cmp);
        let point = |&q: &f64| {
            let Some(last) = data.len().checked_sub(1) else { return f64::NAN };
            let place = q * last as f64;
            let (a, b) = (data[place.floor() as usize], data[place.ceil() as usize]);
            between(a, b, place.fract())
        };
        q.iter().map(point).collect()
    }

    fn same(a: &[f64], b: &[f64]) -> bool {
        a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
    }

    const Q: [f64; 9] = [0.5, 0.0, 1.0, 0.25, 0.9, 0.99, 0.001, 1.0 / 3.0, 0.5];

    fn noise(len: usize) -> impl Iterator<Item = u64> {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        (0..len).map(move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        })
    }

    #[test]
    fn every_kind_at_every_size() {
        macro_rules! check {
            ($($from:expr, $value:expr;)*) => {$(
                for len in [0, 1, 2, 3, 997, 70_001] {
                    let data: Vec<_> = noise(len).map($from).collect();
                    let values = data.iter().map($value).collect();
                    assert!(same(&quantiles_of(Array::from(data), &Q), &expected(values, &Q)), "{len} of {}", stringify!($from));
                }
            )*};
        }
        check! {
            |x| x as i8, |&x| f64::from(x);
            |x| x as u8, |&x| f64::from(x);
            |x| x as i16, |&x| f64::from(x);
            |x| x as u16, |&x| f64::from(x);
            |x| x as i32, |&x| f64::from(x);
            |x| x as u32, |&x| f64::from(x);
            |x| x as i64, |&x| x as f64;
            |x| x, |&x| x as f64;
            |x| Clamped(x as u8), |x| f64::from(x.0);
            |x| F16(x as u16), |&x| x.to_f64();
            |x| f32::from_bits(x as u32), |&x| f64::from(x);
            f64::from_bits, |&x| x;
            |x| (x >> 11) as f64 / 9e15, |&x| x;
            |x| (x % 7) as f32, |&x| f64::from(x);
            |x| if x % 3 == 0 { f64::NAN } else { (x % 1000) as f64 }, |&x| x;
            |x| [u64::MAX, 5, u64::MAX - 1][x as usize % 3], |&x| x as f64;
        }
    }

    #[test]
    fn odd_values() {
        let inf = f64::INFINITY;
        assert!(quantiles_of(Array::from(vec![f64::NAN; 10]), &[0.5])[0].is_nan());
        assert!(quantiles_of(Array::from(vec![-inf, inf]), &[0.5])[0].is_nan());
        assert_eq!(quantiles_of(Array::from(vec![-inf, inf, inf]), &[0.0, 0.5, 0.75, 1.0]), [-inf, inf, inf, inf]);
        assert_eq!(quantiles_of(Array::from(vec![1.0, inf]), &[0.0, 0.5, 1.0]), [1.0, inf, inf]);
        assert_eq!(quantiles_of(Array::from(vec![1_u8]), &[]), [0.0; 0]);
    }

    #[test]
    fn quantiles_outside_of_0_to_1_are_refused() {
        for (q, message) in [
            (-0.1, "must be 0 to 1, got -0.1"),
            (1.5, "must be 0 to 1, got 1.5"),
            (f64::NAN, "must be 0 to 1, got NaN"),
        ] {
            let params = StatsQuantilesParams { data: Array::from(vec![1_u8]).into(), q: vec![0.5, q] };
            assert_eq!(run::<StatsQuantiles>(params, &Job::detached()), Err(KernelError::bad_params("q.1", message)));
        }
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let data: Vec<f64> = noise(200_003).map(f64::from_bits).collect();
        let expected = expected(data.clone(), &Q);
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(
                same(&pool.install(|| quantiles_of(Array::from(data.clone()), &Q)), &expected),
                "{threads} threads"
            );
        }
    }

    #[test]
    fn a_cancelled_job_stops() {
        let job = Job::detached();
        job.control().request_cancel();
        let params = StatsQuantilesParams { data: Array::from(vec![2.0; 100_000]).into(), q: vec![0.5] };
        assert_eq!(run::<StatsQuantiles>(params, &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    proptest! {
        #[test]
        fn any_floats(data in prop::collection::vec(any::<f64>(), 0..500), q in prop::collection::vec(0.0..=1.0_f64, 0..20)) {
            prop_assert!(same(&quantiles_of(Array::from(data.clone()), &q), &expected(data, &q)));
        }
    }
}
