//! Quantiles of numbers: exact ones, of the numbers themselves and not of a sketch, without sorting more of them than it takes.

use super::number::Number;
use super::radix::{self, Item, reserve};
use super::select::{Bins, Extent, Layout};
use super::sort::{Order, bits, reinterpret, rule};
use crate::array::{AnyArray, Array};
use crate::parallel::try_map_chunks;
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Cancelled, Job, Kernel, KernelError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

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

/// Numbers that are looked at while an event loop waits: 1 to 2 ms.
const TURN: usize = 1 << 20;
/// So few are sorted in one go.
const FEW: usize = 1 << 14;
/// What sorting a number costs, in looks at one.
const SORT: usize = 16;

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

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

/// Where an event loop waits: turns without shards. For workers it stays whole: a number is looked at three times, in all about
/// as long as it takes to send it somewhere else once.
impl Rounds for StatsQuantiles {
    type Shard = ();
    type Given = ();
    type State = StatsQuantilesState;

    fn begin(p: StatsQuantilesParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        if !aim.short {
            return Ok(Round::Whole(p));
        }
        let progress = (0, units(p.data.len()));
        let state = StatsQuantilesState { data: Arc::new(p.data), q: p.q, at: 0, nans: 0, search: None };
        Ok(Round::Next { shards: vec![], state, progress })
    }

    fn run_shard((): (), _: &Job) -> Result<(), KernelError> {
        Err(KernelError::failed("its rounds have no shards"))
    }

    fn go_on(mut state: StatsQuantilesState, _: Vec<()>, job: &Job) -> Result<Round<Self>, KernelError> {
        let len = state.data.len();
        let mut budget = TURN;
        let output = state.go_on(&mut budget, job)?;
        Ok(match output {
            Some(quantiles) => {
                Round::Done { output: StatsQuantilesOutput { quantiles: quantiles.into() }, total: units(len) }
            }
            None => Round::Next { shards: vec![], progress: (state.done(), units(len)), state },
        })
    }
}

/// Units of a job: for each number one for the count, one for what is taken, and one for the sorting of that.
fn units(len: usize) -> u64 {
    3 * len as u64
}

/// A job between two turns.
pub struct StatsQuantilesState {
    data: Arc<AnyArray>,
    q: Vec<f64>,
    /// Among so many numbers the NaNs were counted.
    at: usize,
    nans: usize,
    /// `None` before they were in all.
    search: Option<Search>,
}

impl StatsQuantilesState {
    /// Takes a turn; returns the quantiles if they are found.
    fn go_on(&mut self, budget: &mut usize, job: &Job) -> Result<Option<Vec<f64>>, KernelError> {
        let len = self.data.len();
        let search = match &mut self.search {
            Some(search) => search,
            None => {
                let run = next(&mut self.at, len, budget);
                self.nans += crate::array::each_kind!(&*self.data, array => nans(&array[run], job)?);
                if self.at < len {
                    return Ok(None);
                }
                let ranks = ranks(&self.q, len - self.nans);
                let mut places: Vec<usize> = ranks.iter().flat_map(|rank| [rank.below, rank.above]).collect();
                places.sort_unstable();
                places.dedup();
                let wanted = places.len();
                let all = Part { data: self.data.clone(), range: 0..len, first: 0, places, step: Step::BEGIN };
                let parts = if self.nans < len && wanted > 0 { vec![all] } else { vec![] };
                self.search.insert(Search { ranks, wanted, parts, found: Vec::new() })
            }
        };
        while let Some(mut part) = search.parts.pop() {
            if *budget == 0 {
                search.parts.push(part);
                return Ok(None);
            }
            let data = part.data.clone();
            let parts = crate::array::each_kind!(&*data, array => {
                part.go_on(&array[part.range.clone()], budget, &mut search.found, job)?
            });
            match parts {
                Some(parts) => search.parts.extend(parts),
                None => search.parts.push(part),
            }
        }
        search.found.sort_unstable_by_key(|&(place, _)| place);
        let at = |place: usize| {
            let at = search.found.partition_point(|&(found, _)| found < place);
            search.found[at].1
        };
        Ok(Some(values(&search.ranks, len - self.nans, at)))
    }

    /// Units that are done.
    fn done(&self) -> u64 {
        let len = self.data.len() as u64;
        let Some(search) = &self.search else { return 0 };
        match search.parts.last() {
            // No other part has as many.
            Some(part) if part.range.len() == self.data.len() => match &part.step {
                Step::Extent { .. } => 0,
                Step::Counts { at, .. } => *at as u64,
                Step::Take { at, .. } => len + *at as u64,
            },
            _ => 2 * len + (u128::from(len) * search.found.len() as u128 / search.wanted.max(1) as u128) as u64,
        }
    }
}

/// The search for the numbers of some places in the sorted whole.
struct Search {
    ranks: Vec<Rank>,
    /// How many there are to be found.
    wanted: usize,
    /// Where they are yet to be found.
    parts: Vec<Part>,
    /// Places and their numbers.
    found: Vec<(usize, f64)>,
}

/// Numbers that stand next to each other in the sorted whole, and among which some are wanted.
struct Part {
    data: Arc<AnyArray>,
    range: Range<usize>,
    /// The place of the first of them, once sorted, in the whole.
    first: usize,
    /// The wanted ones, from there, in order.
    places: Vec<usize>,
    step: Step,
}

/// How far a part is. As in [`Bins`], but what is taken lies bin by bin, so that each is a part of its own: where nearly all numbers
/// are in one bin, turns could not be short otherwise.
enum Step {
    Extent { at: usize, extent: Option<Extent> },
    Counts { at: usize, layout: Layout, counts: Vec<usize> },
    Take { at: usize, layout: Layout, counts: Vec<usize>, next: Vec<usize>, taken: AnyArray },
}

impl Step {
    const BEGIN: Self = Self::Extent { at: 0, extent: None };
}

/// A bin that is not wanted has no place for an item.
const NOWHERE: usize = usize::MAX;

impl Part {
    /// Goes on as far as the budget allows. At the end returns the smaller parts that take its place.
    fn go_on<T: Number>(
        &mut self,
        data: &[T],
        budget: &mut usize,
        found: &mut Vec<(usize, f64)>,
        job: &Job,
    ) -> Result<Option<Vec<Self>>, KernelError>
    where
        AnyArray: From<Array<T>>,
    {
        let rule = rule::<T>(Order::Ascending);
        let (items, len) = (bits(data), data.len());
        let first = self.first;
        if len <= FEW {
            *budget = budget.saturating_sub(SORT * len);
            let sorted = job.stage(0, |stage| radix::sort(items.into(), rule, stage))?;
            let sorted: Vec<T> = reinterpret(sorted);
            found.extend(self.places.iter().map(|&place| (first + place, sorted[place].to_f64())));
            return Ok(Some(vec![]));
        }
        while *budget > 0 {
            match &mut self.step {
                Step::Extent { at, extent } => {
                    let run = next(at, len, budget);
                    let seen = extent.unwrap_or_else(Extent::none::<T::Bits>).with(&items[run], rule);
                    *extent = Some(seen);
                    if *at == len {
                        let layout = Layout::of(seen, len);
                        self.step = Step::Counts { at: 0, layout, counts: vec![0; layout.bins()] };
                    }
                }
                Step::Counts { at, layout, counts } => {
                    let run = next(at, len, budget);
                    items[run].iter().for_each(|item| counts[layout.bin(item.key(rule).into())] += 1);
                    if *at < len {
                        continue;
                    }
                    // All keys are the same: others would lie in two bins at least.
                    if counts.contains(&len) {
                        let value = data[0].to_f64();
                        found.extend(self.places.iter().map(|&place| (first + place, value)));
                        return Ok(Some(vec![]));
                    }
                    let (mut places, mut start, mut room) = (&self.places[..], 0, 0);
                    let mut next = Vec::with_capacity(counts.len());
                    for &count in &*counts {
                        let (here, rest) = places.split_at(places.partition_point(|&place| place < start + count));
                        next.push(if here.is_empty() { NOWHERE } else { room });
                        room += if here.is_empty() { 0 } else { count };
                        (places, start) = (rest, start + count);
                    }
                    let mut taken = reserve(room)?;
                    taken.resize(room, T::default());
                    let counts = std::mem::take(counts);
                    self.step = Step::Take { at: 0, layout: *layout, counts, next, taken: Array::from(taken).into() };
                }
                Step::Take { at, layout, counts, next, taken } => {
                    let empty = Array::from(Vec::<T>::new()).into();
                    let mut array =
                        T::from_any(std::mem::replace(taken, empty)).map_err(|_| shard::strange_outputs())?;
                    let to = &mut array[..];
                    for x in &data[self::next(at, len, budget)] {
                        let key = bits(std::slice::from_ref(x))[0].key(rule).into();
                        let place = &mut next[layout.bin(key)];
                        if *place != NOWHERE {
                            to[*place] = *x;
                            *place += 1;
                        }
                    }
                    *taken = array.into();
                    if *at < len {
                        continue;
                    }
                    let empty = Array::from(Vec::<T>::new()).into();
                    let data = Arc::new(std::mem::replace(taken, empty));
                    let (mut places, mut start) = (&self.places[..], 0);
                    let mut parts = Vec::new();
                    for (&count, &end) in counts.iter().zip(&*next) {
                        let (here, rest) = places.split_at(places.partition_point(|&place| place < start + count));
                        if !here.is_empty() {
                            let places = here.iter().map(|&place| place - start).collect();
                            let (data, range) = (data.clone(), end - count..end);
                            parts.push(Self { data, range, first: first + start, places, step: Step::BEGIN });
                        }
                        (places, start) = (rest, start + count);
                    }
                    return Ok(Some(parts));
                }
            }
        }
        Ok(None)
    }
}

/// The next ones from `at` on, as many as the budget allows and there are.
fn next(at: &mut usize, len: usize, budget: &mut usize) -> Range<usize> {
    let run = *at..len.min(*at + *budget);
    *budget -= run.len();
    *at = run.end;
    run
}

fn quantiles<T: Number>(data: Array<T>, q: &[f64], job: &Job) -> Result<Vec<f64>, KernelError> {
    let bits = bits(&data);
    let rule = rule::<T>(Order::Ascending);
    job.set_total(units(data.len()));
    let bins = Bins::of(bits, rule, job)?;
    // The last bin has the NaNs, and of whole numbers the greatest there is.
    let nans = if bins.counts.last() == Some(&0) { 0 } else { nans(&data, job)? };
    let numbers = bits.len() - nans;
    let ranks = ranks(q, numbers);

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
    let sorted = job.stage(data.len() as u64, |stage| radix::sort(taken.into(), rule, stage))?;
    let sorted: Vec<T> = reinterpret(sorted);
    let at = |place: usize| {
        let bin = bin_of(place);
        sorted[taken_starts[bin] + place - starts[bin]].to_f64()
    };
    Ok(values(&ranks, numbers, at))
}

fn ranks(q: &[f64], numbers: usize) -> Vec<Rank> {
    q.iter().map(|&q| Rank::of(q, numbers)).collect()
}

/// The quantiles, from the number of each place.
fn values(ranks: &[Rank], numbers: usize, at: impl Fn(usize) -> f64) -> Vec<f64> {
    let value = |rank: &Rank| if numbers == 0 { f64::NAN } else { between(at(rank.below), at(rank.above), rank.part) };
    ranks.iter().map(value).collect()
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
    let count = |_, slice: &[T]| job.check().map(|()| slice.iter().filter(|x| x.to_f64().is_nan()).count());
    Ok(try_map_chunks(data, 1 << 14, count)?.into_iter().sum())
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
    use crate::shard::testing::{Seen, check_aims};
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

    /// Turns it takes.
    fn in_turns(data: impl Into<AnyArray>, q: &[f64]) -> usize {
        let p = StatsQuantilesParams { data: data.into(), q: q.to_vec() };
        let aims = [(1, true), (256, true), (4, false)].map(|(pieces, short)| Aim { pieces, short });
        let seen = check_aims::<StatsQuantiles>(&p, &aims);
        assert!(seen[0] == seen[1] && seen[0].shards == 0);
        assert_eq!(seen[2], Seen { rounds: 0, shards: 0 });
        seen[0].rounds
    }

    #[test]
    fn turns_give_what_the_whole_gives() {
        macro_rules! check {
            ($($from:expr;)*) => {$(
                for len in [0, 1, 2, 3, 997, FEW, FEW + 1, 70_001] {
                    in_turns(Array::from(noise(len).map($from).collect::<Vec<_>>()), &Q);
                }
            )*};
        }
        check! {
            |x| x as i8;
            |x| Clamped(x as u8);
            |x| x as u16;
            |x| F16(x as u16);
            |x| x as i32;
            |x| x;
            |x| f32::from_bits(x as u32);
            f64::from_bits;
            |x| (x % 7) as f32;
            |x| if x % 3 == 0 { f64::NAN } else { (x % 1000) as f64 };
            |_| f64::NAN;
            |_| 2.5_f32;
            |x| [u64::MAX, 5, u64::MAX - 1][x as usize % 3];
            |x| if x % 1000 == 0 { 1e300 } else { (x >> 11) as f64 };
        }
        in_turns(Array::from(vec![1_u8]), &[]);
        in_turns(Array::from(noise(20_000).collect::<Vec<_>>()), &[]);
        let many: Vec<f64> = (0..5000).map(|i| f64::from(i) / 4999.0).collect();
        in_turns(Array::from(noise(50_000).map(|x| x as i32).collect::<Vec<_>>()), &many);
    }

    #[test]
    fn turns_are_short_even_where_nearly_all_numbers_are_in_one_bin() {
        let len = 3 * TURN;
        // NaNs, extent, counts, and what is taken: each 3 turns. The rest is next to nothing.
        let even: Vec<f32> = noise(len).map(|x| (x >> 40) as f32).collect();
        assert_eq!(in_turns(Array::from(even), &[0.1, 0.5]), 13);
        // Of the one bin the same again.
        let mut skewed: Vec<i64> = noise(len).map(|x| (x >> 20) as i64).collect();
        skewed[5] = i64::MAX / 2;
        assert!((20..26).contains(&in_turns(Array::from(skewed), &[0.5])));
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
            prop_assert!(same(&quantiles_of(Array::from(data.clone()), &q), &expected(data.clone(), &q)));
            in_turns(Array::from(data), &q);
        }
    }
}
