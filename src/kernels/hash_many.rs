//! Hashes of many buffers, on all threads; where vectors are faster than what the crates have, four buffers at once.

use super::hash::HashAlgorithm;
use super::radix::reserve;
use super::sha256_lanes;
use crate::shard::{self, Sharding};
use crate::{Array, Job, Kernel, KernelError, Shardable};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// Hashes of many buffers.
pub struct HashMany;

/// What to hash, and how.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HashManyParams {
    /// The buffers, one after the other.
    pub data: Array<u8>,
    /// The bytes of each buffer; together all of `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lengths: Option<Array<u32>>,
    /// Instead of `lengths`: the bytes of every buffer. The last has what is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<u32>,
    /// The hash function.
    pub algorithm: HashAlgorithm,
}

/// The hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HashManyOutput {
    /// 32 bytes for each buffer, in their order; shape: buffers × 32.
    pub digests: Array<u8>,
}

/// Bytes of a hash.
const DIGEST: usize = 32;
/// The fewest bytes of a task: some 0.5 ms.
const TASK: usize = 256 << 10;
/// The most buffers of a task: without bytes they take time too.
const MOST: usize = 4096;
/// A buffer as long as this is a task by itself.
const LARGE: usize = 2 << 20;
/// Bytes between two looks at the job.
const SLICE: usize = 128 << 10;
/// The fewest bytes that are worth a shard.
const LEAST_SHARD: usize = 256 << 10;
/// Whether four buffers at once are faster: x86-64 and aarch64 have instructions for SHA-256, which `sha2` takes, and wasm has none.
const LANES: bool = cfg!(all(target_family = "wasm", target_feature = "simd128"));

impl Kernel for HashMany {
    const NAME: &'static str = "hash.many";
    const ABOUT: &'static str = "SHA-256 or BLAKE3 of each of many buffers, on all threads.";
    type Params = HashManyParams;
    type Output = HashManyOutput;
    type Part = ();

    fn validate(p: &HashManyParams) -> Result<(), KernelError> {
        match (&p.lengths, p.chunk) {
            (None, None) => {
                Err(KernelError::bad_params("lengths", "is missing: either it or `chunk` says where buffers end"))
            }
            (Some(_), Some(_)) => Err(KernelError::bad_params("chunk", "is given, and so is `lengths`: leave one out")),
            (None, Some(0)) => Err(KernelError::bad_params("chunk", "must be 1 or more, got 0")),
            (None, Some(_)) => Ok(()),
            (Some(lengths), None) => {
                let sum = lengths.iter().map(|&length| u64::from(length)).sum::<u64>();
                if sum == p.data.len() as u64 {
                    return Ok(());
                }
                let message = format!("must be together the {} bytes of data, got {sum}", p.data.len());
                Err(KernelError::bad_params("lengths", message))
            }
        }
    }

    fn run(p: HashManyParams, job: &Job) -> Result<HashManyOutput, KernelError> {
        job.set_total(p.data.len() as u64);
        job.check()?;
        let places = p.places()?;
        job.will_return(places.len() * DIGEST);
        let mut digests = reserve(places.len())?;
        digests.resize(places.len(), [0; DIGEST]);
        let mut tasks = Vec::new();
        let (mut places, mut rest) = (&places[..], &mut digests[..]);
        while !places.is_empty() {
            let (some, after) = places.split_at(task(places));
            let (digests, unwritten) = rest.split_at_mut(some.len());
            tasks.push((some, digests));
            (places, rest) = (after, unwritten);
        }
        tasks.into_par_iter().try_for_each(|(places, digests)| {
            if LANES && p.algorithm == HashAlgorithm::Sha256 && places.len() > 1 {
                return sha256_lanes::hash(&p.data, places, digests, job);
            }
            for (place, digest) in places.iter().zip(digests) {
                *digest = one(&p.data[place.clone()], p.algorithm, job)?;
            }
            Ok(())
        })?;
        let shape = [digests.len(), DIGEST];
        Ok(HashManyOutput { digests: Array::from(digests.into_flattened()).with_shape(shape) })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

impl HashManyParams {
    /// Where each buffer lies.
    fn places(&self) -> Result<Vec<Range<usize>>, KernelError> {
        let len = self.data.len();
        if let Some(lengths) = &self.lengths {
            let mut places = reserve(lengths.len())?;
            let mut at = 0;
            places.extend(lengths.iter().map(|&length| {
                let begin = at;
                at += length as usize;
                begin..at
            }));
            return Ok(places);
        }
        let chunk = self.chunk.map_or(usize::MAX, |chunk| chunk as usize);
        let mut places = reserve(len.div_ceil(chunk))?;
        places.extend((0..len).step_by(chunk).map(|begin| begin..len.min(begin.saturating_add(chunk))));
        Ok(places)
    }
}

/// How many of the buffers make a task: enough bytes, and four buffers for four lanes unless they are large.
fn task(places: &[Range<usize>]) -> usize {
    let begin = places[0].start;
    let enough = |(index, place): (usize, &Range<usize>)| {
        let bytes = place.end - begin;
        bytes >= LARGE || index + 1 >= MOST || (bytes >= TASK && index + 1 >= sha256_lanes::COUNT)
    };
    match places.iter().enumerate().position(enough) {
        // A large one is left to the next task.
        Some(index) if index > 0 && places[index].len() >= LARGE => index,
        Some(index) => index + 1,
        None => places.len(),
    }
}

/// The hash of one buffer.
fn one(data: &[u8], algorithm: HashAlgorithm, job: &Job) -> Result<[u8; DIGEST], KernelError> {
    let slices = |update: &mut dyn FnMut(&[u8])| -> Result<(), KernelError> {
        for slice in data.chunks(SLICE) {
            job.check()?;
            update(slice);
            job.advance(slice.len() as u64);
        }
        Ok(())
    };
    Ok(match algorithm {
        HashAlgorithm::Sha256 => {
            let mut hasher = Sha256::new();
            slices(&mut |slice| hasher.update(slice))?;
            hasher.finalize().into()
        }
        HashAlgorithm::Blake3 => {
            let mut hasher = blake3::Hasher::new();
            slices(&mut |slice| {
                hasher.update(slice);
            })?;
            hasher.finalize().into()
        }
    })
}

/// Runs of whole buffers, of like length.
impl Shardable for HashMany {
    /// How many buffers each shard has; `None` when there is one shard.
    type Plan = Option<Vec<usize>>;

    fn split(p: HashManyParams, pieces: usize) -> Result<(Vec<HashManyParams>, Self::Plan), KernelError> {
        let each = p.data.len().div_ceil(pieces).max(LEAST_SHARD);
        if p.data.len() <= each {
            return Ok((vec![p], None));
        }
        let places = p.places()?;
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut first = 0;
        for (index, place) in places.iter().enumerate() {
            if place.end - places[first].start >= each {
                runs.push(first..index + 1);
                first = index + 1;
            }
        }
        if first < places.len() {
            // As many shards as were asked for, and none without bytes.
            let joins = runs.len() == pieces || places[first].start == p.data.len();
            match runs.last_mut().filter(|_| joins) {
                Some(last) => last.end = places.len(),
                None => runs.push(first..places.len()),
            }
        }
        if runs.len() == 1 {
            return Ok((vec![p], None));
        }
        let (mut data, mut lengths) = (p.data, p.lengths);
        let shards = runs.iter().map(|run| HashManyParams {
            data: data.part(places[run.start].start..places[run.end - 1].end),
            lengths: lengths.as_mut().map(|lengths| lengths.part(run.clone())),
            ..HashManyParams { data: Array::default(), lengths: None, chunk: p.chunk, algorithm: p.algorithm }
        });
        Ok((shards.collect(), Some(runs.iter().map(Range::len).collect())))
    }

    fn merge(plan: Self::Plan, outputs: Vec<HashManyOutput>) -> Result<HashManyOutput, KernelError> {
        let Some(counts) = plan else { return shard::only(outputs) };
        if !counts.iter().map(|count| count * DIGEST).eq(outputs.iter().map(|output| output.digests.len())) {
            return Err(shard::strange_outputs());
        }
        let count = counts.iter().sum::<usize>();
        let digests = shard::concat(outputs.into_iter().map(|output| output.digests), count * DIGEST)?;
        Ok(HashManyOutput { digests: Array::from(digests).with_shape([count, DIGEST]) })
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::{check_pieces, check_shards};
    use HashAlgorithm::{Blake3, Sha256 as Sha};

    fn noise(len: usize) -> Vec<u8> {
        (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    fn many(lengths: &[u32], algorithm: HashAlgorithm) -> HashManyParams {
        let data = noise(lengths.iter().sum::<u32>() as usize);
        HashManyParams { data: data.into(), lengths: Some(lengths.to_vec().into()), chunk: None, algorithm }
    }

    fn expected(p: &HashManyParams) -> Vec<u8> {
        let hash = |data: &[u8]| match p.algorithm {
            Sha => Sha256::digest(data).into(),
            Blake3 => *blake3::hash(data).as_bytes(),
        };
        p.places().unwrap().into_iter().flat_map(|place| hash(&p.data[place])).collect()
    }

    fn check(p: &HashManyParams) {
        let output = run::<HashMany>(p.clone(), &Job::detached()).unwrap();
        let wanted = expected(p);
        assert_eq!(output.digests.shape(), Some(&[wanted.len() / 32, 32][..]));
        assert!(*output.digests == *wanted, "{:?} of {} bytes", p.algorithm, p.data.len());
    }

    #[test]
    fn each_buffer_has_the_hash_that_it_has_alone() {
        for algorithm in [Sha, Blake3] {
            check(&many(&[], algorithm));
            check(&many(&[0], algorithm));
            check(&many(&[0; 10_000], algorithm));
            check(&many(&(0..700).collect::<Vec<_>>(), algorithm));
            check(&many(&[5, 3_000_000, 0, 0, 7, 300_000, 300_001, 64, 2_097_152, 1], algorithm));
            for chunk in [1, 63, 64, 65, 1000, 100_000, u32::MAX] {
                for len in [0, 1, 50_001] {
                    check(&HashManyParams { lengths: None, chunk: Some(chunk), ..many(&[len], algorithm) });
                }
            }
        }
    }

    #[test]
    fn shards_make_the_whole() {
        for algorithm in [Sha, Blake3] {
            for (lengths, shards) in [
                (vec![], 1),
                (vec![0; 1000], 1),
                (vec![262_144], 1),
                (vec![2_000_000], 1),
                (vec![1000; 2000], 8),
                (vec![0, 0, 1_000_000, 0, 1_000_000, 0, 0], 2),
                (vec![1_000_000, 5, 1_000_000, 5], 3),
            ] {
                assert_eq!(check_shards::<HashMany>(&many(&lengths, algorithm)), shards, "{} buffers", lengths.len());
            }
            let chunks = HashManyParams { lengths: None, chunk: Some(4096), ..many(&[1_000_001], algorithm) };
            for (pieces, shards) in [(1, 1), (2, 2), (3, 3), (4, 4), (64, 4)] {
                assert_eq!(check_pieces::<HashMany>(&chunks, pieces), shards, "{pieces} pieces");
            }
        }
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let output = HashManyOutput { digests: vec![0; 32].into() };
        for outputs in [vec![], vec![output.clone(); 2], vec![output; 5]] {
            let (_, plan) = HashMany::split(many(&[1000; 2000], Sha), 2).unwrap();
            assert!(matches!(HashMany::merge(plan, outputs), Err(KernelError::Failed { .. })));
        }
    }

    #[test]
    fn unusable_params_are_named() {
        let refused = |lengths: Option<Vec<u32>>, chunk| {
            let params =
                HashManyParams { data: vec![0; 10].into(), lengths: lengths.map(Array::from), chunk, algorithm: Sha };
            run::<HashMany>(params, &Job::detached()).unwrap_err().to_string()
        };
        assert_eq!(refused(Some(vec![5, 6]), None), "lengths: must be together the 10 bytes of data, got 11");
        assert_eq!(refused(None, Some(0)), "chunk: must be 1 or more, got 0");
        assert!(refused(None, None).starts_with("lengths: is missing"));
        assert!(refused(Some(vec![10]), Some(1)).starts_with("chunk: is given"));
    }

    #[test]
    fn progress_counts_bytes_and_a_cancelled_job_hashes_none() {
        for algorithm in [Sha, Blake3] {
            let params = many(&[5000, 2_000_000, 0, 77, 3_000_000], algorithm);
            let job = Job::detached();
            run::<HashMany>(params.clone(), &job).unwrap();
            assert_eq!(job.progress(), (5_005_077, 5_005_077));
            let cancelled = Job::detached();
            cancelled.control().request_cancel();
            assert_eq!(run::<HashMany>(params, &cancelled), Err(KernelError::Cancelled));
            assert_eq!(cancelled.progress().0, 0);
        }
    }
}
