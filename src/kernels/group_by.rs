//! Aggregates of values by their keys.
//!
//! Keys that lie close together have places in a table (`dense_groups.rs`). Of any others a stable sort brings each group
//! together, its values in the order in which they came. Either way each group is added up in that order, in blocks of a fixed
//! length (`aggregate.rs`), and no result depends on the way, on threads or on shards.

use super::aggregate::{BLOCK, Group};
use super::dense_groups::Dense;
use super::number::Number;
use super::partition::Partition;
use super::radix::{self, Item, Rule, reserve, tabulate};
use super::sort::{Order, bits_of, reinterpret, rule};
use crate::array::{AnyArray, Array};
use crate::parallel::{try_each_chunk, try_map, try_map_chunks};
use crate::shard::{self, Sharding};
use crate::{Cancelled, Job, Kernel, KernelError, Shardable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Aggregates of values by their keys.
pub struct GroupBy;

/// What to group, and by what.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupByParams {
    /// The group of each value: numbers of any kind, at most 4294967295. −0 and 0 are one key, and so are all NaNs.
    pub keys: AnyArray,
    /// The values, as many: numbers of any kind, taken as f64. NaNs are left out.
    pub values: AnyArray,
}

/// The groups, one place in each array for each, the least key first, NaN last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupByOutput {
    /// The keys, of the kind that was given.
    pub keys: AnyArray,
    /// How many values, those that are NaN not counted. Where there are none the sum is 0 and all else is NaN.
    pub counts: Array<u32>,
    /// Sums, compensated: off by some 1e-16 of the sum of magnitudes, however many values there are.
    pub sums: Array<f64>,
    /// Means.
    pub means: Array<f64>,
    /// The least values.
    pub mins: Array<f64>,
    /// The greatest values.
    pub maxs: Array<f64>,
    /// Variances of the values themselves (÷ count), by their distances from the mean. NaN where a value is infinite.
    pub variances: Array<f64>,
}

/// Places of sorted keys that are looked through for the begins of groups at once.
const SLICE: usize = 1 << 14;

impl Kernel for GroupBy {
    const NAME: &'static str = "groupby";
    const ABOUT: &'static str = "Count, sum, mean, extremes and variance of the values of each key.";
    type Params = GroupByParams;
    type Output = GroupByOutput;
    type Part = ();

    fn validate(p: &GroupByParams) -> Result<(), KernelError> {
        if p.keys.len() as u64 > u64::from(u32::MAX) {
            let message = format!("must have at most {} elements, got {}", u32::MAX, p.keys.len());
            return Err(KernelError::bad_params("keys", message));
        }
        if p.keys.len() != p.values.len() {
            let message = format!("must be as many as the {} keys, got {}", p.keys.len(), p.values.len());
            return Err(KernelError::bad_params("values", message));
        }
        Ok(())
    }

    fn run(GroupByParams { keys, values }: GroupByParams, job: &Job) -> Result<GroupByOutput, KernelError> {
        let values = match values {
            AnyArray::F64(values) => values,
            values => crate::array::each_kind!(values, array => to_f64(&array, job)?).into(),
        };
        crate::array::each_kind!(keys, array => group_by(array, &values, job))
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

/// Ranges of keys: each shard has all values of its keys.
impl Shardable for GroupBy {
    type Plan = ();

    fn split(p: GroupByParams, pieces: usize) -> Result<(Vec<GroupByParams>, ()), KernelError> {
        let GroupByParams { keys, values } = p;
        let (keys, partition) = crate::array::each_kind!(keys, array => deal_keys(array, pieces)?);
        let values = match partition {
            None => vec![values],
            Some(partition) => crate::array::each_kind!(values, array => {
                partition.deal(array.iter().copied())?.into_iter().map(|range| Array::from(range).into()).collect()
            }),
        };
        Ok((keys.into_iter().zip(values).map(|(keys, values)| GroupByParams { keys, values }).collect(), ()))
    }

    fn merge((): (), outputs: Vec<GroupByOutput>) -> Result<GroupByOutput, KernelError> {
        let groups = outputs.iter().map(|output| output.counts.len()).sum();
        let column = |of: fn(&GroupByOutput) -> &Array<f64>| {
            shard::concat(outputs.iter().map(|output| of(output).clone()), groups).map(Array::from)
        };
        let [sums, means] = [column(|output| &output.sums)?, column(|output| &output.means)?];
        let [mins, maxs] = [column(|output| &output.mins)?, column(|output| &output.maxs)?];
        let variances = column(|output| &output.variances)?;
        let counts = shard::concat(outputs.iter().map(|output| output.counts.clone()), groups)?.into();
        let mut keys = outputs.into_iter().map(|output| output.keys);
        let first = keys.next().ok_or_else(shard::strange_outputs)?;
        let keys = crate::array::each_kind!(first, first => super::sort::concat(first, keys, groups)?.into());
        Ok(GroupByOutput { keys, counts, sums, means, mins, maxs, variances })
    }
}

fn to_f64<T: Number>(values: &[T], job: &Job) -> Result<Vec<f64>, KernelError> {
    tabulate(values.len(), job, |index| values[index].to_f64())
}

/// The bits of keys, of which equal ones are the same but for NaNs.
fn key_bits<T: Number>(keys: Array<T>, job: &Job) -> Result<Cow<'static, [T::Bits]>, Cancelled> {
    // Of the kinds of key only floats' bits are turned over.
    if T::RULE.flip.into() == 0 {
        return Ok(bits_of(keys));
    }
    let is_negative_zero = |key: &T| key.to_f64() == 0.0 && key.to_f64().is_sign_negative();
    let has_some = |_, slice: &[T]| job.check().map(|()| slice.iter().any(is_negative_zero));
    // They are rare, and only those who have some pay for keys of their own.
    let found = try_map_chunks(&keys, SLICE, has_some)?;
    if !found.contains(&true) {
        return Ok(bits_of(keys));
    }
    let mut keys = keys.take(job)?;
    try_each_chunk(&mut keys, SLICE, |_, slice| {
        job.check()?;
        slice.iter_mut().filter(|key| is_negative_zero(key)).for_each(|key| *key = T::default());
        Ok(())
    })?;
    Ok(Cow::Owned(reinterpret(keys)))
}

/// Keys by their ranges, and the ranges, unless everything is one.
fn deal_keys<T: Number>(keys: Array<T>, pieces: usize) -> Result<(Vec<AnyArray>, Option<Partition>), KernelError>
where
    AnyArray: From<Array<T>>,
{
    let bits = key_bits(keys, &Job::detached())?;
    let partition = Partition::of(&bits, rule::<T>(Order::Ascending), pieces)?;
    let ranges = match &partition {
        None => vec![bits.into_owned()],
        Some(partition) => partition.deal(bits.iter().copied())?,
    };
    let keys = ranges.into_iter().map(|range| Array::from(reinterpret::<_, T>(range)).into());
    Ok((keys.collect(), partition))
}

fn group_by<T: Number>(keys: Array<T>, values: &[f64], job: &Job) -> Result<GroupByOutput, KernelError>
where
    AnyArray: From<Array<T>>,
{
    let (keys, rule) = (key_bits(keys, job)?, rule::<T>(Order::Ascending));
    let (keys, groups) = match Dense::of(&keys, rule, job)? {
        Some(dense) => dense.aggregates(&keys, values, job)?,
        None => aggregates(&keys, values, rule, job)?,
    };
    let column = |of: fn(&Group) -> f64| -> Result<Array<f64>, KernelError> {
        // One NaN for all machines: they differ in the sign of those that they make.
        let number = |group: usize| Some(of(&groups[group])).filter(|x| !x.is_nan()).unwrap_or(f64::NAN);
        tabulate(groups.len(), job, number).map(Array::from)
    };
    Ok(GroupByOutput {
        keys: Array::from(reinterpret::<_, T>(keys)).into(),
        counts: tabulate(groups.len(), job, |group| groups[group].count as u32)?.into(),
        sums: column(|group| group.sum)?,
        means: column(|group| group.mean)?,
        mins: column(|group| if group.count > 0 { group.min } else { f64::NAN })?,
        maxs: column(|group| if group.count > 0 { group.max } else { f64::NAN })?,
        variances: column(|group| group.variance)?,
    })
}

/// The keys that there are, in order, and what their values come to.
fn aggregates<B>(keys: &[B], values: &[f64], rule: Rule<B::Key>, job: &Job) -> Result<(Vec<B>, Vec<Group>), KernelError>
where
    B: Item,
    B::Key: PartialEq,
{
    let places = radix::argsort(keys.into(), rule, job)?;
    let total = job.progress().0 + 2 * places.len() as u64;
    job.set_total(total);
    let key = |at: usize| keys[places[at] as usize].key(rule);
    // Each group ends where the next one begins.
    let begins: Vec<Vec<usize>> = try_map(places.len().div_ceil(SLICE), |slice| {
        job.check()?;
        let range = slice * SLICE..places.len().min((slice + 1) * SLICE);
        job.advance(range.len() as u64);
        Ok::<_, Cancelled>(range.filter(|&at| at > 0 && key(at) != key(at - 1)).collect())
    })?;
    let count = begins.iter().map(Vec::len).sum::<usize>() + usize::from(!places.is_empty());
    let mut ends = reserve(count)?;
    for begins in begins {
        job.check()?;
        ends.extend(begins);
    }
    ends.extend((count > 0).then_some(places.len()));
    // Tasks of many small groups, or of one large one.
    let tasks = tasks(&ends);
    let groups = try_map(tasks.len(), |number| {
        job.check()?;
        let task = tasks[number].clone();
        let mut groups = Vec::with_capacity(task.len());
        for group in task {
            let begin = if group == 0 { 0 } else { ends[group - 1] };
            groups.push(Group::of(&places[begin..ends[group]], values, job)?);
        }
        Ok::<_, Cancelled>(groups)
    })?;
    let mut all = reserve(count)?;
    for groups in groups {
        job.check()?;
        all.extend(groups);
    }
    // The key of its first value: those of NaNs alone may differ.
    let found = tabulate(count, job, |group| keys[places[if group == 0 { 0 } else { ends[group - 1] }] as usize])?;
    Ok((found, all))
}

/// Runs of groups of about a block of values each.
fn tasks(ends: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut tasks = Vec::new();
    let (mut first, mut begin) = (0, 0);
    for (group, &end) in ends.iter().enumerate() {
        if end - begin >= BLOCK || group + 1 == ends.len() {
            tasks.push(first..group + 1);
            (first, begin) = (group + 1, end);
        }
    }
    tasks
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::array::F16;
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn params(keys: impl Into<AnyArray>, values: impl Into<AnyArray>) -> GroupByParams {
        GroupByParams { keys: keys.into(), values: values.into() }
    }

    fn grouped(p: GroupByParams) -> GroupByOutput {
        let job = Job::detached();
        let output = run::<GroupBy>(p, &job).unwrap();
        let (done, total) = job.progress();
        assert_eq!(done, total);
        output
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

    /// By a map from keys to their values, which must be finite.
    fn check(keys: &[i32], values: &[f64]) {
        let mut groups = BTreeMap::<i32, Vec<f64>>::new();
        keys.iter().zip(values).for_each(|(&key, &x)| groups.entry(key).or_default().push(x));
        let found = grouped(params(Array::from(keys.to_vec()), Array::from(values.to_vec())));
        assert_eq!(found.keys, Array::from(groups.keys().copied().collect::<Vec<_>>()).into());
        for (at, values) in groups.values().enumerate() {
            let n = values.len() as f64;
            let [sum, size]: [f64; 2] = [values.iter().sum(), values.iter().map(|x| x.abs()).sum()];
            let near = |found: f64, expected: f64, size: f64| (found - expected).abs() <= 1e-12 * size.max(1e-300);
            assert_eq!(found.counts[at] as usize, values.len());
            assert!(near(found.sums[at], sum, size) && near(found.means[at], sum / n, size / n));
            assert_eq!(found.mins[at], values.iter().copied().fold(f64::INFINITY, f64::min));
            assert_eq!(found.maxs[at], values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            let variance = values.iter().map(|x| (x - sum / n).powi(2)).sum::<f64>() / n;
            assert!(near(found.variances[at], variance, variance + (size / n).powi(2) * 1e-3), "{variance}");
        }
    }

    #[test]
    fn groups_few_and_many_small_and_large() {
        for (len, groups) in [(0, 1), (1, 1), (2, 5), (997, 1), (997, 2000), (70_001, 1), (70_001, 3), (70_001, 9000)] {
            let keys: Vec<i32> = noise(len).map(|x| (x % groups) as i32 - 2).collect();
            let values: Vec<f64> = noise(len).map(|x| (x >> 20) as f64 / 1e6 - 3e6).collect();
            check(&keys, &values);
        }
    }

    #[test]
    fn keys_close_together_and_far_apart_give_the_same() {
        let values: Vec<f64> =
            noise(90_001).map(|x| if x % 70 == 0 { f64::NAN } else { (x >> 20) as f64 / 1e6 - 3e6 }).collect();
        for (groups, least) in [(1, -7), (2, 0), (300, -150), (20_000, 5)] {
            // One key has more values than two blocks.
            let close: Vec<i64> =
                noise(90_001).map(|x| least + if x % 3 == 0 { 0 } else { (x >> 9) as i64 % groups }).collect();
            let far: Vec<i64> = close.iter().map(|key| key * 1_000_003).collect();
            let found = grouped(params(Array::from(close), Array::from(values.clone())));
            let apart = grouped(params(Array::from(far), Array::from(values.clone())));
            let AnyArray::I64(keys) = &found.keys else { panic!("{:?}", found.keys) };
            let multiplied: Vec<i64> = keys.iter().map(|key| key * 1_000_003).collect();
            assert_eq!(apart.keys, Array::from(multiplied).into());
            // As text, because a NaN is not equal to itself.
            let text = |output: GroupByOutput| {
                format!("{:?}", GroupByOutput { keys: Array::from(vec![0_u8]).into(), ..output })
            };
            assert!(text(found) == text(apart), "{groups} groups");
        }
    }

    #[test]
    fn odd_keys_and_values() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let keys = vec![0.0, nan, -0.0, 2.0, -nan, inf, -inf, 2.0, inf];
        let values = vec![1.0, 2.0, 3.0, nan, 4.0, inf, -inf, nan, 1.0];
        let found = grouped(params(Array::from(keys), Array::from(values)));
        let AnyArray::F64(keys) = &found.keys else { panic!("{:?}", found.keys) };
        assert_eq!(keys[..4], [-inf, 0.0, 2.0, inf]);
        assert!(keys[4].is_nan() && keys.len() == 5 && keys[1].is_sign_positive());
        assert_eq!(found.counts[..], [1, 2, 0, 2, 2]);
        assert_eq!(found.sums[..], [-inf, 4.0, 0.0, inf, 6.0]);
        assert_eq!(found.variances[1], 1.0);
        let missing =
            [found.means[2], found.mins[2], found.maxs[2], found.variances[2], found.variances[0], found.variances[3]];
        assert!(missing.iter().all(|x| x.to_bits() == f64::NAN.to_bits()), "{missing:?}");
        let zeros = grouped(params(Array::from(vec![1_u8, 1]), Array::from(vec![-0.0, -0.0])));
        assert_eq!([zeros.mins[0], zeros.maxs[0]].map(f64::to_bits), [0; 2]);
    }

    #[test]
    fn sums_keep_what_rounding_drops() {
        let found = grouped(params(Array::from(vec![7_u8; 4]), Array::from(vec![1e100, 1.0, -1e100, 1.0])));
        assert_eq!((found.sums[0], found.means[0]), (2.0, 0.5));
        let far: Vec<f64> = (0..30_000).map(|i| 1e9 + f64::from(i % 2)).collect();
        let found = grouped(params(Array::from(vec![7_u8; 30_000]), Array::from(far)));
        assert_eq!(found.variances[0], 0.25);
    }

    #[test]
    fn values_of_any_kind() {
        let keys = || Array::from(vec![5_i64, -5, 5]);
        let expected = grouped(params(keys(), Array::from(vec![1.0, 2.0, 6.0])));
        assert_eq!((&expected.means[..], &expected.variances[..]), (&[2.0, 3.5][..], &[0.0, 6.25][..]));
        for values in [
            AnyArray::from(Array::from(vec![1_u8, 2, 6])),
            Array::from(vec![1_i64, 2, 6]).into(),
            Array::from(vec![1_f32, 2.0, 6.0]).into(),
            Array::from(vec![F16(0x3C00), F16(0x4000), F16(0x4600)]).into(),
        ] {
            assert_eq!(grouped(params(keys(), values)), expected);
        }
    }

    #[test]
    fn unusable_params_are_refused() {
        let error = GroupBy::validate(&params(Array::from(vec![1_u8]), Array::from(vec![1_u8, 2]))).unwrap_err();
        assert_eq!(error.to_string(), "values: must be as many as the 1 keys, got 2");
    }

    #[test]
    fn shards_make_the_whole_on_any_number_of_threads() {
        let values: Vec<f64> =
            noise(100_003).map(|x| if x % 90 == 0 { f64::NAN } else { (x >> 30) as f64 / 7.0 }).collect();
        let odd = |x: u64| [0.0, -0.0, f64::NAN, -f64::NAN, 1.5, -9.0, 3.0, f64::INFINITY][x as usize % 8];
        for (keys, least) in [
            (AnyArray::from(Array::from(noise(100_003).map(|x| (x >> 50) as i32).collect::<Vec<_>>())), 5),
            (Array::from(noise(100_003).map(|x| odd(x >> 7)).collect::<Vec<_>>()).into(), 3),
            (Array::from(noise(100_003).map(|x| (x >> 9) as u8 & 1).collect::<Vec<_>>()).into(), 2),
            (Array::from(vec![1_u16; 100_003]).into(), 1),
        ] {
            let p = params(keys, Array::from(values.clone()));
            assert!(check_shards::<GroupBy>(&p) >= least);
            let text = format!("{:?}", grouped(p.clone()));
            for threads in [1, 3, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert!(format!("{:?}", pool.install(|| grouped(p.clone()))) == text, "{threads} threads");
            }
        }
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let found = |keys: AnyArray| grouped(params(keys, Array::from(vec![1.0, 2.0])));
        let bytes = found(Array::from(vec![1_u8, 2]).into());
        for outputs in [vec![], vec![bytes, found(Array::from(vec![1_i8, 2]).into())]] {
            assert!(matches!(GroupBy::merge((), outputs), Err(KernelError::Failed { .. })));
        }
    }

    #[test]
    fn a_cancelled_job_stops() {
        let job = Job::detached();
        job.control().request_cancel();
        let p = params(Array::from(vec![2_u8; 100_000]), Array::from(vec![2.0; 100_000]));
        assert_eq!(run::<GroupBy>(p, &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    proptest! {
        #[test]
        fn any_groups(pairs in prop::collection::vec((-9..9_i32, -1e6..1e6_f64), 0..2000)) {
            let (keys, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            check(&keys, &values);
        }
    }
}
