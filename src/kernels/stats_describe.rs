//! A description of numbers by their count, extremes and moments. Sum, mean and variance are those of the numbers themselves, rounded
//! once: sums of numbers and of squares are kept exactly (see `exact.rs`), in one pass.
//!
//! Numbers are first added up by exponent, where their fractions are whole numbers of few bits: a slice of so many cannot overflow.
//! That is what makes an exact sum about as fast as a compensated one, which is no longer needed.

use super::exact::{self, Wide};
use super::number::{half, in_runs, part};
use crate::array::{AnyArray, Array, Clamped, F16};
use crate::shard::{self, Sharding};
use crate::{Cancelled, Job, Kernel, KernelError, Shardable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A description of numbers.
pub struct StatsDescribe;

/// What to describe.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatsDescribeParams {
    /// The numbers: a typed array of any kind.
    pub data: AnyArray,
    /// For inputs that lie in several places: `data` is a piece of a longer input, and `state` is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// The description. NaNs are counted and else left out; −0 counts as 0. Where no number can be given there is null: of nothing, of
/// infinities of both signs, and for variances of anything infinite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatsDescribeOutput {
    /// Numbers, infinities among them, NaNs not.
    pub count: u64,
    /// NaNs.
    pub nans: u64,
    /// The least; of 64-bit whole numbers the nearest f64.
    pub min: Option<f64>,
    /// The greatest, likewise.
    pub max: Option<f64>,
    /// The sum: the nearest f64 to the exact one. 0 of nothing.
    pub sum: Option<f64>,
    /// The mean: the nearest f64 to the exact one.
    pub mean: Option<f64>,
    /// The variance of the numbers (÷ count): the nearest f64 to the exact one.
    pub variance: Option<f64>,
    /// Its square root: also where the variance itself is out of f64's range.
    pub std: Option<f64>,
    /// The variance of what the numbers are a sample of (÷ count − 1), of two or more.
    pub sample_variance: Option<f64>,
    /// Its square root.
    pub sample_std: Option<f64>,
    /// With `partial`: what the descriptions of pieces are merged from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Array<u64>>,
}

/// Numbers between two looks at the job: some 50 µs. So many squares of 24-bit fractions fit 64 bits.
const SLICE: usize = 1 << 14;
/// So many fractions of f64, with their sign, fit 64 bits, and so do squares of their halves.
const FRACTIONS: usize = 1 << 10;
/// The fewest numbers that are worth a shard: some 0.2 ms.
const LEAST_SHARD: usize = 1 << 16;

impl Kernel for StatsDescribe {
    const NAME: &'static str = "stats.describe";
    const ABOUT: &'static str = "Count, extremes, and exactly rounded sum, mean and variance of a typed array.";
    type Params = StatsDescribeParams;
    type Output = StatsDescribeOutput;
    type Part = ();

    fn run(p: StatsDescribeParams, job: &Job) -> Result<StatsDescribeOutput, KernelError> {
        job.set_total(p.data.len() as u64);
        let moments = crate::array::each_kind!(&p.data, array => moments(array, job)?);
        Ok(StatsDescribeOutput { state: p.partial.then(|| moments.state().into()), ..moments.describe() })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

/// Runs of numbers.
impl Shardable for StatsDescribe {
    /// Whether the whole was itself a piece; `None` when there is one shard.
    type Plan = Option<bool>;

    fn split(p: StatsDescribeParams, pieces: usize) -> Result<(Vec<StatsDescribeParams>, Self::Plan), KernelError> {
        let len = p.data.len();
        let each = len.div_ceil(pieces).max(LEAST_SHARD);
        if len <= each {
            return Ok((vec![p], None));
        }
        let mut data = p.data;
        let shard = |start| StatsDescribeParams { data: part(&mut data, start, each.min(len - start)), partial: true };
        Ok(((0..len).step_by(each).map(shard).collect(), Some(p.partial)))
    }

    fn merge(plan: Self::Plan, outputs: Vec<StatsDescribeOutput>) -> Result<StatsDescribeOutput, KernelError> {
        let Some(partial) = plan else { return shard::only(outputs) };
        let mut moments = Moments::NONE;
        for output in outputs {
            let state = output.state.as_deref().and_then(Moments::of_state).ok_or_else(shard::strange_outputs)?;
            moments.merge(&state);
        }
        Ok(StatsDescribeOutput { state: partial.then(|| moments.state().into()), ..moments.describe() })
    }
}

fn moments<T: Describe>(data: &[T], job: &Job) -> Result<Moments, Cancelled> {
    // Exact, so that the runs cannot matter.
    let run = data.len().div_ceil(job.threads() * 4).max(SLICE);
    let work = |run: Range<usize>| {
        let mut moments = Moments::NONE;
        let mut room = T::Room::default();
        for slice in data[run].chunks(SLICE) {
            job.check()?;
            T::add(slice, &mut room, &mut moments);
            job.advance(slice.len() as u64);
        }
        Ok(moments)
    };
    Ok(in_runs(data.len(), run, &work, Moments::and)?.unwrap_or(Moments::NONE))
}

/// Bits of a sum: 2⁶⁴ times the largest f64, in units of the least, and a sign.
const SUM: usize = 34;
/// Bits of a sum of squares.
const SQUARES: usize = 67;
/// Powers of two of the units of both.
const SUM_UNIT: usize = 1074;
const SQUARES_UNIT: usize = 2 * SUM_UNIT;

/// Everything about numbers that a description needs.
#[derive(Clone)]
struct Moments {
    /// Finite numbers.
    finite: u64,
    nans: u64,
    /// Of +∞ and of −∞.
    infinities: [u64; 2],
    /// Of the finite numbers; infinite when there are none.
    min: f64,
    max: f64,
    sum: Wide<SUM>,
    squares: Wide<SQUARES>,
}

impl Moments {
    const NONE: Self = Self {
        finite: 0,
        nans: 0,
        infinities: [0; 2],
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        sum: Wide::ZERO,
        squares: Wide::ZERO,
    };

    fn and(mut self, other: Self) -> Self {
        self.merge(&other);
        self
    }

    fn merge(&mut self, other: &Self) {
        self.finite += other.finite;
        self.nans += other.nans;
        self.infinities[0] += other.infinities[0];
        self.infinities[1] += other.infinities[1];
        self.see(other.min, other.max);
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    fn see(&mut self, min: f64, max: f64) {
        self.min = self.min.min(min);
        self.max = self.max.max(max);
    }

    /// Counts something that is not finite.
    #[cold]
    fn odd(&mut self, is_nan: bool, is_negative: bool) {
        if is_nan {
            self.nans += 1;
        } else {
            self.infinities[usize::from(is_negative)] += 1;
        }
    }

    /// The least and the greatest. Adding +0 makes −0 a zero like any other: which of both was first must not matter.
    fn extremes(&self) -> (f64, f64) {
        (self.min + 0.0, self.max + 0.0)
    }

    fn state(&self) -> Vec<u64> {
        let (min, max) = self.extremes();
        let scalars = [self.finite, self.nans, self.infinities[0], self.infinities[1], min.to_bits(), max.to_bits()];
        [&scalars[..], &self.sum.limbs, &self.squares.limbs].concat()
    }

    fn of_state(state: &[u64]) -> Option<Self> {
        let (&[finite, nans, positive, negative, min, max], limbs) = state.split_first_chunk()?;
        let (sum, squares) = limbs.split_first_chunk()?;
        Some(Self {
            finite,
            nans,
            infinities: [positive, negative],
            min: f64::from_bits(min),
            max: f64::from_bits(max),
            sum: Wide { limbs: *sum },
            squares: Wide { limbs: squares.try_into().ok()? },
        })
    }

    fn describe(&self) -> StatsDescribeOutput {
        let [positive, negative] = self.infinities.map(|count| count > 0);
        let count = self.finite + self.infinities[0] + self.infinities[1];
        let some = |value: f64| (count > 0).then_some(value);
        // Of no finite numbers these are infinite the other way round, as they must be of infinities of one sign.
        let (min, max) = self.extremes();
        let min = if negative { f64::NEG_INFINITY } else { min };
        let max = if positive { f64::INFINITY } else { max };
        let (sum, mean) = match (positive, negative) {
            (true, true) => (None, None),
            (true, false) => (Some(f64::INFINITY), Some(f64::INFINITY)),
            (false, true) => (Some(f64::NEG_INFINITY), Some(f64::NEG_INFINITY)),
            (false, false) => (Some(self.sum_over(1)), some(self.sum_over(count.max(1)))),
        };
        let spread = |less: u64| (count > less && !positive && !negative).then(|| self.spread(count, count - less));
        let (population, sample) = (spread(0), spread(1));
        StatsDescribeOutput {
            count,
            nans: self.nans,
            min: some(min),
            max: some(max),
            sum,
            mean,
            variance: population.map(|(variance, _)| variance),
            std: population.map(|(_, std)| std),
            sample_variance: sample.map(|(variance, _)| variance),
            sample_std: sample.map(|(_, std)| std),
            state: None,
        }
    }

    /// The sum divided by a whole number.
    fn sum_over(&self, divisor: u64) -> f64 {
        let (negative, magnitude) = self.sum.magnitude();
        // A limb below the sum, for the bits of a quotient that is less than 2⁵³ units.
        let mut limbs = [0; SUM + 2];
        limbs[2..].copy_from_slice(&magnitude.limbs);
        let more = exact::divide(&mut limbs, divisor);
        let value = exact::to_f64(&limbs, -(SUM_UNIT as i32) - 128, more);
        if negative { -value } else { value }
    }

    /// (Σx² − (Σx)²/n) / m, and its root: as (n·Σx² − (Σx)²) / (n·m), whose terms are whole.
    fn spread(&self, n: u64, m: u64) -> (f64, f64) {
        let mut limbs = [0; SQUARES + 3];
        let numerator = &mut limbs[2..];
        numerator[..SQUARES].copy_from_slice(&self.squares.limbs);
        exact::times(numerator, n);
        exact::subtract_square(numerator, &self.sum.magnitude().1.limbs);
        let more = exact::divide(&mut limbs, n) | exact::divide(&mut limbs, m);
        let unit = -(SQUARES_UNIT as i32) - 128;
        (exact::to_f64(&limbs, unit, more), exact::root(&limbs, unit, more))
    }
}

/// A kind of element, and how it is added to moments.
trait Describe: Sized + Send + Sync {
    /// Sums by exponent, all zero between two slices.
    type Room: Default;

    /// Adds at most [`SLICE`] elements.
    fn add(slice: &[Self], room: &mut Self::Room, moments: &mut Moments);
}

macro_rules! whole {
    ($($type:ident)*) => {$(
        impl Describe for $type {
            type Room = ();
            fn add(slice: &[Self], _: &mut (), moments: &mut Moments) {
                // Squares by their halves, of which a slice cannot overflow a word.
                let (mut sum, mut high, mut low) = (0_i64, 0_u64, 0_u64);
                let (mut min, mut max) = ($type::MAX, $type::MIN);
                for &x in slice {
                    (min, max) = (min.min(x), max.max(x));
                    let x = i64::from(x);
                    // Of u32 a square may reach the sign bit, which is none here.
                    let square = x.wrapping_mul(x) as u64;
                    sum += x;
                    high += square >> 32;
                    low += square & 0xFFFF_FFFF;
                }
                moments.finite += slice.len() as u64;
                moments.see(f64::from(min), f64::from(max));
                moments.sum.add(sum.into(), SUM_UNIT);
                moments.squares.add((i128::from(high) << 32) + i128::from(low), SQUARES_UNIT);
            }
        }
    )*};
}

whole! { i8 u8 i16 u16 i32 u32 }

macro_rules! long {
    ($($type:ident $magnitude:expr;)*) => {$(
        impl Describe for $type {
            type Room = ();
            fn add(slice: &[Self], _: &mut (), moments: &mut Moments) {
                let mut sum = 0_i128;
                // Of the halves of each number: high², high × low, low².
                let mut squares = [0_u128; 3];
                let (mut min, mut max) = ($type::MAX, $type::MIN);
                for &x in slice {
                    (min, max) = (min.min(x), max.max(x));
                    sum += i128::from(x);
                    let magnitude: u64 = $magnitude(x);
                    let (high, low) = (magnitude >> 32, magnitude & 0xFFFF_FFFF);
                    squares[0] += u128::from(high * high);
                    squares[1] += u128::from(high * low);
                    squares[2] += u128::from(low * low);
                }
                moments.finite += slice.len() as u64;
                moments.see(min as f64, max as f64);
                moments.sum.add(sum, SUM_UNIT);
                for (square, shift) in squares.into_iter().zip([64, 33, 0]) {
                    moments.squares.add(square as i128, SQUARES_UNIT + shift);
                }
            }
        }
    )*};
}

long! { i64 i64::unsigned_abs; u64 u64::from; }

impl Describe for Clamped {
    type Room = ();
    fn add(slice: &[Self], room: &mut (), moments: &mut Moments) {
        // SAFETY: `Clamped` is a transparent `u8`.
        u8::add(unsafe { std::slice::from_raw_parts(slice.as_ptr().cast(), slice.len()) }, room, moments);
    }
}

impl Describe for F16 {
    type Room = <f32 as Describe>::Room;
    fn add(slice: &[Self], room: &mut Self::Room, moments: &mut Moments) {
        let mut singles = [0.0; 256];
        for few in slice.chunks(singles.len()) {
            few.iter().zip(&mut singles).for_each(|(&x, single)| *single = half(x));
            f32::add(&singles[..few.len()], room, moments);
        }
    }
}

/// Fractions and their squares, added up by exponent.
#[derive(Clone, Copy, Default)]
struct Single {
    sum: i64,
    squares: u64,
}

struct Singles([Single; 256]);

impl Default for Singles {
    fn default() -> Self {
        Self([Single::default(); 256])
    }
}

impl Describe for f32 {
    type Room = Singles;
    fn add(slice: &[Self], Singles(room): &mut Singles, moments: &mut Moments) {
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        let mut finite = slice.len();
        let (mut least, mut most) = (255, 0);
        for &x in slice {
            let bits = x.to_bits();
            let exponent = (bits >> 23 & 255) as usize;
            if exponent == 255 {
                finite -= 1;
                moments.odd(x.is_nan(), x < 0.0);
                continue;
            }
            (min, max) = (if x < min { x } else { min }, if x > max { x } else { max });
            (least, most) = (least.min(exponent), most.max(exponent));
            let fraction = u64::from(bits & 0x7F_FFFF | u32::from(exponent != 0) << 23);
            let sign = i64::from(bits as i32 >> 31);
            let bin = &mut room[exponent];
            bin.sum += (fraction as i64 ^ sign) - sign;
            bin.squares += fraction * fraction;
        }
        moments.finite += finite as u64;
        moments.see(min.into(), max.into());
        for (exponent, bin) in room.iter_mut().enumerate().take(most + 1).skip(least) {
            let Single { sum, squares } = std::mem::take(bin);
            let place = exponent.max(1);
            moments.sum.add(sum.into(), SUM_UNIT - 150 + place);
            moments.squares.add(squares.into(), SQUARES_UNIT - 300 + 2 * place);
        }
    }
}

/// Fractions, and the squares of what they are: `high × 2²⁷ + low`.
#[derive(Clone, Copy, Default)]
struct Double {
    sum: i64,
    high: u64,
    cross: u64,
    low: u64,
}

struct Doubles(Vec<Double>);

impl Default for Doubles {
    fn default() -> Self {
        Self(vec![Double::default(); 2048])
    }
}

impl Describe for f64 {
    type Room = Doubles;
    fn add(slice: &[Self], Doubles(room): &mut Doubles, moments: &mut Moments) {
        let room: &mut [Double; 2048] = room.as_mut_slice().try_into().expect("a bin for each exponent");
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut finite = slice.len();
        for few in slice.chunks(FRACTIONS) {
            let (mut least, mut most) = (2047, 0);
            for &x in few {
                let bits = x.to_bits();
                let exponent = (bits >> 52 & 2047) as usize;
                if exponent == 2047 {
                    finite -= 1;
                    moments.odd(x.is_nan(), x < 0.0);
                    continue;
                }
                (min, max) = (if x < min { x } else { min }, if x > max { x } else { max });
                (least, most) = (least.min(exponent), most.max(exponent));
                let fraction = bits & ((1 << 52) - 1) | u64::from(exponent != 0) << 52;
                let sign = bits as i64 >> 63;
                let (high, low) = (fraction >> 27, fraction & ((1 << 27) - 1));
                let bin = &mut room[exponent];
                bin.sum += (fraction as i64 ^ sign) - sign;
                bin.high += high * high;
                bin.cross += high * low;
                bin.low += low * low;
            }
            for (exponent, bin) in room.iter_mut().enumerate().take(most + 1).skip(least) {
                let Double { sum, high, cross, low } = std::mem::take(bin);
                let place = exponent.max(1) - 1;
                moments.sum.add(sum.into(), place);
                let squares = (u128::from(high) << 54) + (u128::from(cross) << 28) + u128::from(low);
                moments.squares.add(squares as i128, 2 * place);
            }
        }
        moments.finite += finite as u64;
        moments.see(min, max);
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;

    fn describe(data: impl Into<AnyArray>) -> StatsDescribeOutput {
        run::<StatsDescribe>(StatsDescribeParams { data: data.into(), partial: false }, &Job::detached()).unwrap()
    }

    fn of<T: crate::array::Element>(data: Vec<T>) -> StatsDescribeOutput
    where
        AnyArray: From<Array<T>>,
    {
        describe(Array::from(data))
    }

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
    fn nothing_one_and_two() {
        let none = of(Vec::<f64>::new());
        assert_eq!((none.count, none.nans, none.min, none.mean, none.sum), (0, 0, None, None, Some(0.0)));
        assert_eq!((none.variance, none.sample_std), (None, None));
        let one = of(vec![-7_i16]);
        assert_eq!(
            (one.count, one.min, one.max, one.sum, one.mean),
            (1, Some(-7.0), Some(-7.0), Some(-7.0), Some(-7.0))
        );
        assert_eq!((one.variance, one.std, one.sample_variance), (Some(0.0), Some(0.0), None));
        let two = of(vec![1_u8, 4]);
        assert_eq!((two.mean, two.variance, two.std), (Some(2.5), Some(2.25), Some(1.5)));
        assert_eq!((two.sample_variance, two.sample_std), (Some(4.5), Some(4.5_f64.sqrt())));
    }

    #[test]
    fn nans_are_counted_and_infinities_are_numbers() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let only = of(vec![nan, -nan]);
        assert_eq!((only.count, only.nans, only.min, only.sum, only.mean), (0, 2, None, Some(0.0), None));
        let up = of(vec![nan, 1.0, inf]);
        assert_eq!((up.count, up.nans, up.min, up.max), (2, 1, Some(1.0), Some(inf)));
        assert_eq!((up.sum, up.mean, up.variance, up.std), (Some(inf), Some(inf), None, None));
        let down = of(vec![-f32::INFINITY]);
        assert_eq!((down.min, down.max, down.sum), (Some(-inf), Some(-inf), Some(-inf)));
        let both = of(vec![-inf, 3.0, inf]);
        assert_eq!((both.count, both.min, both.max, both.sum, both.mean), (3, Some(-inf), Some(inf), None, None));
        let zeros = of(vec![-0.0, -0.0]);
        let bits = [zeros.min, zeros.max, zeros.sum, zeros.mean].map(|x| x.unwrap().to_bits());
        assert_eq!(bits, [0; 4], "every zero is +0");
    }

    #[test]
    fn sums_that_lose_everything_by_rounding_are_right() {
        let found = of(vec![1e300, 1.0, 5e-324, -1e300]);
        assert_eq!(found.sum, Some(1.0));
        assert_eq!(of(vec![1e308, 1e308, -1e308, -1e308, 2.5]).sum, Some(2.5));
        let high = of(vec![f64::MAX, f64::MAX]);
        assert_eq!((high.sum, high.mean, high.variance), (Some(f64::INFINITY), Some(f64::MAX), Some(0.0)));
        // The variance is out of f64's range, above and below; its root is not.
        let wide = of(vec![-1e300, 1e300]);
        assert_eq!((wide.variance, wide.std), (Some(f64::INFINITY), Some(1e300)));
        let narrow = of(vec![-1e-300, 1e-300]);
        assert_eq!((narrow.variance, narrow.std), (Some(0.0), Some(1e-300)));
        // Far from zero, where a sum of squares in f64 has no digit left.
        let far = of(vec![1e15 + 1.0, 1e15 + 2.0, 1e15 + 3.0]);
        assert_eq!((far.mean, far.sample_variance), (Some(1e15 + 2.0), Some(1.0)));
        let far = of(vec![i64::MAX, i64::MAX - 2]);
        assert_eq!((far.variance, far.sum), (Some(1.0), Some(2_f64.powi(64))));
        assert_eq!(of(vec![u64::MAX; 3]).sum, Some(3.0 * 2_f64.powi(64)));
    }

    #[test]
    fn every_kind_is_described_as_its_values() {
        macro_rules! check {
            ($($from:expr, $value:expr;)*) => {$(
                for len in [1, 2, 997, 40_001] {
                    let data: Vec<_> = noise(len).map($from).collect();
                    let values: Vec<f64> = data.iter().map($value).collect();
                    assert_eq!(of(data), of(values));
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
            |x| x as i64 >> 11, |&x| x as f64;
            |x| x >> 11, |&x| x as f64;
            |x| Clamped(x as u8), |x| f64::from(x.0);
            |x| F16(x as u16), |&x| f64::from(half(x));
            |x| f32::from_bits(x as u32), |&x| f64::from(x);
        }
        assert_eq!(of(vec![u32::MAX; 50_000]).variance, Some(0.0));
        assert_eq!(of(vec![i32::MIN; 50_000]).variance, Some(0.0));
    }

    /// Every bin as full as it can be.
    #[test]
    fn nothing_overflows() {
        for x in [f64::MAX, -f64::MAX, f64::from_bits(f64::MAX.to_bits() - (1 << 27)), 5e-324] {
            let found = of(vec![x; 20_000]);
            assert_eq!((found.mean, found.variance), (Some(x), Some(0.0)));
        }
        let found = of(vec![f32::MAX; 40_000]);
        assert_eq!((found.mean, found.variance), (Some(f32::MAX.into()), Some(0.0)));
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let data: Vec<f64> = noise(200_003).map(|x| f64::from_bits(x & !(1 << 62))).collect();
        let expected = of(data.clone());
        assert!(expected.variance.is_some_and(|variance| variance > 0.0));
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| of(data.clone())), expected, "{threads} threads");
        }
    }

    #[test]
    fn shards_make_the_whole() {
        for (data, shards) in [
            (AnyArray::from(Array::<f64>::from(vec![])), 1),
            (Array::from(vec![1_u8; LEAST_SHARD]).into(), 1),
            (Array::from(noise(200_003).map(f64::from_bits).collect::<Vec<_>>()).into(), 4),
            (Array::from(noise(200_003).map(|x| (x >> 30) as i32).collect::<Vec<_>>()).into(), 4),
            (Array::from(noise(200_003).map(|x| f32::from_bits(x as u32 >> 2)).collect::<Vec<_>>()).into(), 4),
        ] {
            for partial in [false, true] {
                let params = StatsDescribeParams { data: data.clone(), partial };
                assert_eq!(check_shards::<StatsDescribe>(&params), shards);
            }
        }
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let params = StatsDescribeParams { data: Array::from(vec![0_u8; 200_000]).into(), partial: false };
        let (_, plan) = StatsDescribe::split(params, 2).unwrap();
        let strange = StatsDescribeOutput { state: Some(vec![1, 2, 3].into()), ..of(vec![0_u8]) };
        assert!(matches!(StatsDescribe::merge(plan, vec![strange]), Err(KernelError::Failed { .. })));
        assert!(matches!(StatsDescribe::merge(plan, vec![of(vec![0_u8])]), Err(KernelError::Failed { .. })));
    }

    #[test]
    fn progress_counts_numbers_and_a_cancelled_job_counts_none() {
        let params = StatsDescribeParams { data: Array::from(vec![0.5_f32; 100_000]).into(), partial: false };
        let job = Job::detached();
        run::<StatsDescribe>(params.clone(), &job).unwrap();
        assert_eq!(job.progress(), (100_000, 100_000));
        let cancelled = Job::detached();
        cancelled.control().request_cancel();
        assert_eq!(run::<StatsDescribe>(params, &cancelled), Err(KernelError::Cancelled));
        assert_eq!(cancelled.progress().0, 0);
    }

    proptest! {
        /// Whole multiples of a power of two: their sums and squares are exact in i128.
        #[test]
        fn moments_are_those_of_exact_arithmetic(
            data in prop::collection::vec(-(1_i64 << 52)..1 << 52, 2..300), scale in -500..400_i32,
        ) {
            let unit = 2_f64.powi(scale);
            let found = of(data.iter().map(|&x| x as f64 * unit).collect::<Vec<_>>());
            let n = data.len() as i128;
            let sum: i128 = data.iter().map(|&x| i128::from(x)).sum();
            prop_assert_eq!(found.sum, Some(sum as f64 * unit));
            // Smaller, so that i128 holds n·Σx².
            let small: Vec<i64> = data.iter().map(|x| x >> 10).collect();
            let (sum, squares) = small.iter().fold((0, 0), |(sum, squares), &x| {
                (sum + i128::from(x), squares + i128::from(x) * i128::from(x))
            });
            let numerator = n * squares - sum * sum;
            let found = of(small.iter().map(|&x| x as f64 * unit).collect::<Vec<_>>());
            let near = |found: Option<f64>, divisor: i128| {
                let expected = numerator as f64 / divisor as f64 * unit * unit;
                (found.unwrap() - expected).abs() <= expected * 4e-16
            };
            prop_assert!(near(found.variance, n * n) && near(found.sample_variance, n * (n - 1)));
            prop_assert!((found.std.unwrap() - found.variance.unwrap().sqrt()).abs() <= found.std.unwrap() * 2.3e-16);
            prop_assert_eq!(found.mean, Some(exact_quotient(sum, n) * unit));
        }
    }

    /// `a / b` rounded to nearest even, from its quotient and remainder.
    fn exact_quotient(a: i128, b: i128) -> f64 {
        // 2⁶⁰ times as large, with a last bit for what was left: more than 53 bits wherever the mean is not zero.
        let scaled = a.unsigned_abs() << 60;
        let more = !scaled.is_multiple_of(b as u128);
        let quotient = (scaled / b as u128) | u128::from(more);
        let value = quotient as f64 / 2_f64.powi(60);
        if a < 0 { -value } else { value }
    }
}
