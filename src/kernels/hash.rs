//! Cryptographic hashes of bytes.

use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Array, Job, Kernel, KernelError, Shardable};
use blake3::CHUNK_LEN;
use blake3::hazmat::{self, ChainingValue, HasherExt, Mode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Cryptographic hashes of bytes.
pub struct Hash;

/// What to hash, and how.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HashParams {
    /// The bytes.
    pub data: Array<u8>,
    /// The hash function. `blake3` uses every core, `sha256` is a chain and uses one.
    pub algorithm: HashAlgorithm,
    /// BLAKE3 only, for inputs that lie in several places: `data` is a subtree of a longer input and begins at this byte of it.
    /// What comes out is the subtree's chaining value, not a hash. A multiple of 1024; unless it is 0, `data` is at most as
    /// long as the greatest power of two that divides it, and shorter only at the end of the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtree_at: Option<u64>,
}

/// Hash functions, both of 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HashAlgorithm {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// BLAKE3 (the tree hash of the BLAKE3 paper, 2020).
    Blake3,
}

/// The hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HashOutput {
    /// 64 hexadecimal digits, lower case: the hash, or of a subtree its chaining value.
    pub hex: String,
}

/// Bytes of a slice of SHA-256: some 0.5 ms. Engines compile a function better only between two calls of it, so one call
/// for everything would stay slow to its end.
const SHA256_SLICE: usize = 128 << 10;
/// Bytes of a turn of SHA-256, where an event loop waits for it.
const SHA256_TURN: usize = 4 * SHA256_SLICE;
/// Bytes of a slice of BLAKE3 for each thread: long enough for the tree to keep all of them busy.
const BLAKE3_SLICE: usize = 1 << 20;
/// The shortest subtree that is worth a shard: some 0.2 ms of hashing.
const LEAST_SUBTREE: usize = 256 << 10;

impl Kernel for Hash {
    const NAME: &'static str = "hash";
    const ABOUT: &'static str = "SHA-256 or BLAKE3 of bytes.";
    type Params = HashParams;
    type Output = HashOutput;
    type Part = ();

    fn validate(p: &HashParams) -> Result<(), KernelError> {
        let Some(offset) = p.subtree_at else { return Ok(()) };
        let refused = |message| Err(KernelError::bad_params("subtreeAt", message));
        if p.algorithm != HashAlgorithm::Blake3 {
            return refused("only `blake3` has subtrees: sha256 is a chain".into());
        }
        if offset % CHUNK_LEN as u64 != 0 {
            return refused(format!("must be a multiple of {CHUNK_LEN}, got {offset}"));
        }
        let most = hazmat::max_subtree_len(offset).unwrap_or(u64::MAX);
        if p.data.is_empty() || p.data.len() as u64 > most {
            return refused(format!("a subtree at {offset} has 1 to {most} bytes, got {}", p.data.len()));
        }
        Ok(())
    }

    fn run(HashParams { data, algorithm, subtree_at }: HashParams, job: &Job) -> Result<HashOutput, KernelError> {
        job.set_total(data.len() as u64);
        let hash: [u8; 32] = match algorithm {
            HashAlgorithm::Sha256 => {
                let mut hasher = Sha256::new();
                in_slices(&data, SHA256_SLICE, job, |slice| hasher.update(slice))?;
                hasher.finalize().into()
            }
            HashAlgorithm::Blake3 => {
                let mut hasher = blake3::Hasher::new();
                hasher.set_input_offset(subtree_at.unwrap_or(0));
                let threads = job.threads();
                in_slices(&data, BLAKE3_SLICE * threads, job, |slice| {
                    if threads > 1 {
                        hasher.update_rayon(slice)
                    } else {
                        hasher.update(slice)
                    };
                })?;
                if subtree_at.is_some() { hasher.finalize_non_root() } else { hasher.finalize().into() }
            }
        };
        Ok(HashOutput::of(hash))
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::with_turns::<Self>())
    }
}

impl HashOutput {
    fn of(hash: [u8; 32]) -> Self {
        Self { hex: hash.iter().map(|byte| format!("{byte:02x}")).collect() }
    }

    fn bytes(&self) -> Option<[u8; 32]> {
        blake3::Hash::from_hex(&self.hex).ok().map(Into::into)
    }
}

/// BLAKE3 by subtrees, all of one length but the last. SHA-256 stays whole.
impl Shardable for Hash {
    /// `None` when there is one shard.
    type Plan = Option<Subtrees>;

    fn split(mut p: HashParams, pieces: usize) -> Result<(Vec<HashParams>, Self::Plan), KernelError> {
        let len = p.data.len();
        // A subtree that is followed by another is a power of two long.
        let each = len.div_ceil(pieces).max(LEAST_SUBTREE).checked_next_power_of_two().unwrap_or(len);
        if p.algorithm != HashAlgorithm::Blake3 || len <= each {
            return Ok((vec![p], None));
        }
        let start = p.subtree_at.unwrap_or(0);
        let shards = (0..len).step_by(each).map(|at| HashParams {
            data: p.data.part(at..len.min(at + each)),
            algorithm: p.algorithm,
            subtree_at: Some(start + at as u64),
        });
        Ok((shards.collect(), Some(Subtrees { len, each, is_root: p.subtree_at.is_none() })))
    }

    fn merge(plan: Self::Plan, outputs: Vec<HashOutput>) -> Result<HashOutput, KernelError> {
        let Some(subtrees) = plan else { return shard::only(outputs) };
        let values: Option<Vec<ChainingValue>> = outputs.iter().map(HashOutput::bytes).collect();
        let values = values.filter(|values| values.len() == subtrees.len.div_ceil(subtrees.each));
        let values = values.ok_or_else(shard::strange_outputs)?;
        // At the top the tree divides as it does below.
        let left = subtrees.left(subtrees.len);
        let (first, second) = values.split_at(left / subtrees.each);
        let [first, second] =
            [(first, left), (second, subtrees.len - left)].map(|(values, len)| subtrees.chaining_value(values, len));
        Ok(HashOutput::of(if subtrees.is_root {
            hazmat::merge_subtrees_root(&first, &second, Mode::Hash).into()
        } else {
            hazmat::merge_subtrees_non_root(&first, &second, Mode::Hash)
        }))
    }
}

/// A hash in one instance: a chain goes on in turns.
pub struct HashTurns {
    len: u64,
    stage: HashStage,
}

enum HashStage {
    /// The bytes, how many of them are hashed, and the hash so far.
    Chain(Array<u8>, usize, Sha256),
    Tree(Option<Subtrees>),
}

impl Rounds for Hash {
    type Shard = HashParams;
    type Given = HashOutput;
    type State = HashTurns;

    fn begin(p: HashParams, Aim { pieces, .. }: Aim) -> Result<Round<Self>, KernelError> {
        let len = p.data.len() as u64;
        if p.algorithm == HashAlgorithm::Sha256 && p.data.len() > SHA256_TURN {
            let stage = HashStage::Chain(p.data, 0, Sha256::new());
            return Ok(Round::Next { shards: Vec::new(), state: HashTurns { len, stage }, progress: (0, len) });
        }
        let (mut shards, plan) = Self::split(p, pieces)?;
        if shards.len() == 1 {
            return Ok(Round::Whole(shards.remove(0)));
        }
        Ok(Round::Next { shards, state: HashTurns { len, stage: HashStage::Tree(plan) }, progress: (0, len) })
    }

    fn run_shard(p: HashParams, job: &Job) -> Result<HashOutput, KernelError> {
        Self::run(p, job)
    }

    fn go_on(
        HashTurns { len, stage }: HashTurns,
        outputs: Vec<HashOutput>,
        job: &Job,
    ) -> Result<Round<Self>, KernelError> {
        match stage {
            HashStage::Chain(data, from, mut hasher) => {
                let to = data.len().min(from + SHA256_TURN);
                in_slices(&data[from..to], SHA256_SLICE, job, |slice| hasher.update(slice))?;
                if to == data.len() {
                    return Ok(Round::Done { output: HashOutput::of(hasher.finalize().into()), total: len });
                }
                let state = HashTurns { len, stage: HashStage::Chain(data, to, hasher) };
                Ok(Round::Next { shards: Vec::new(), state, progress: (to as u64, len) })
            }
            HashStage::Tree(plan) => Ok(Round::Done { output: Self::merge(plan, outputs)?, total: len }),
        }
    }
}

/// An input of several subtrees.
pub struct Subtrees {
    /// Bytes in all.
    len: usize,
    /// Bytes of each subtree but the last.
    each: usize,
    /// Whether this is the whole input, and no subtree itself.
    is_root: bool,
}

impl Subtrees {
    /// Bytes of the left half of `len` bytes.
    fn left(&self, len: usize) -> usize {
        hazmat::left_subtree_len(len as u64) as usize
    }

    /// The chaining value of `len` bytes, from those of its subtrees.
    fn chaining_value(&self, values: &[ChainingValue], len: usize) -> ChainingValue {
        if let [value] = values {
            return *value;
        }
        let left = self.left(len);
        let (first, second) = values.split_at(left / self.each);
        hazmat::merge_subtrees_non_root(
            &self.chaining_value(first, left),
            &self.chaining_value(second, len - left),
            Mode::Hash,
        )
    }
}

fn in_slices(data: &[u8], size: usize, job: &Job, mut update: impl FnMut(&[u8])) -> Result<(), KernelError> {
    for slice in data.chunks(size) {
        job.check()?;
        update(slice);
        job.advance(slice.len() as u64);
    }
    Ok(())
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::{check_pieces, check_shards};

    fn hash(data: Vec<u8>, algorithm: HashAlgorithm) -> String {
        run::<Hash>(HashParams { data: data.into(), algorithm, subtree_at: None }, &Job::detached()).unwrap().hex
    }

    #[test]
    fn sha256_gives_the_standards_own_examples() {
        // FIPS 180-4's examples, published by NIST.
        let examples = [
            (b"".to_vec(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc".to_vec(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".to_vec(),
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (vec![b'a'; 1_000_000], "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ];
        for (data, expected) in examples {
            assert_eq!(hash(data, HashAlgorithm::Sha256), expected);
        }
    }

    #[test]
    fn blake3_gives_the_official_vectors() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/blake3_vectors.json")).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 35);
        for case in cases {
            let length = case["length"].as_u64().unwrap() as usize;
            // The pattern repeats every 251 bytes: a prime, so that no two blocks or chunks are alike.
            let data = (0..length).map(|i| (i % 251) as u8).collect();
            let expected = case["hash"].as_str().unwrap();
            assert_eq!(hash(data, HashAlgorithm::Blake3), expected, "{length} bytes");
        }
    }

    #[test]
    fn the_hash_is_the_same_on_any_number_of_threads() {
        let data: Vec<u8> = (0..5_000_003_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let expected = blake3::hash(&data).to_hex().to_string();
        for threads in [1, 2, 3, 4, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| hash(data.clone(), HashAlgorithm::Blake3)), expected, "{threads} threads");
        }
    }

    fn noise(len: usize) -> Array<u8> {
        (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>().into()
    }

    #[test]
    fn shards_make_the_whole() {
        const KIB: usize = 1 << 10;
        let blake3 = |data, subtree_at| HashParams { data, algorithm: HashAlgorithm::Blake3, subtree_at };
        for (len, shards) in [
            (0, 1),
            (1, 1),
            (256 * KIB, 1),
            (256 * KIB + 1, 2),
            (512 * KIB - 1, 2),
            (512 * KIB, 2),
            (512 * KIB + 1, 3),
            (1792 * KIB + 7, 8),
            (2048 * KIB, 8),
            (4321 * KIB + 99, 17),
        ] {
            assert_eq!(check_shards::<Hash>(&blake3(noise(len), None)), shards, "{len} bytes");
        }
        // As far as powers of two go: never more than asked for, and more than half of it.
        let data = blake3(noise(8 << 20), None);
        for (pieces, shards) in [(1, 1), (2, 2), (3, 2), (4, 4), (6, 4), (8, 8), (31, 16), (32, 32), (64, 32)] {
            assert_eq!(check_pieces::<Hash>(&data, pieces), shards, "{pieces} pieces");
        }
        // A chain stays whole, but in one instance goes on in turns.
        for len in [0, SHA256_TURN, 3 * SHA256_TURN + 5] {
            let chain = HashParams { algorithm: HashAlgorithm::Sha256, ..blake3(noise(len), None) };
            assert_eq!(check_shards::<Hash>(&chain), 1);
        }
        // A subtree divides into subtrees.
        for (len, at, shards) in [(1 << 20, 0, 4), (1 << 20, 3 << 20, 4), (777_777, 5 << 20, 3), (1024, 1024, 1)] {
            assert_eq!(check_shards::<Hash>(&blake3(noise(len), Some(at))), shards, "{len} bytes at {at}");
        }
        let sha256 = HashParams { data: noise(1 << 20), algorithm: HashAlgorithm::Sha256, subtree_at: None };
        assert_eq!(check_shards::<Hash>(&sha256), 1, "a chain");
    }

    #[test]
    fn a_subtree_must_be_one() {
        let refused = |len, algorithm, at| {
            let params = HashParams { data: noise(len), algorithm, subtree_at: Some(at) };
            match run::<Hash>(params, &Job::detached()) {
                Err(KernelError::BadParams { field, message }) if field == "subtreeAt" => message,
                other => panic!("{other:?}"),
            }
        };
        let blake3 = HashAlgorithm::Blake3;
        assert!(refused(1024, HashAlgorithm::Sha256, 0).contains("chain"));
        assert_eq!(refused(1024, blake3, 1000), "must be a multiple of 1024, got 1000");
        assert_eq!(refused(0, blake3, 0), "a subtree at 0 has 1 to 18446744073709551615 bytes, got 0");
        assert_eq!(refused(4097, blake3, 12_288), "a subtree at 12288 has 1 to 4096 bytes, got 4097");
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let params = HashParams { data: noise(1 << 20), algorithm: HashAlgorithm::Blake3, subtree_at: None };
        let output = |hex: &str| HashOutput { hex: hex.into() };
        for outputs in [vec![], vec![output(&"0".repeat(64))], vec![output("no"); 4]] {
            let (_, plan) = Hash::split(params.clone(), 4).unwrap();
            assert!(matches!(Hash::merge(plan, outputs), Err(KernelError::Failed { .. })));
        }
    }

    #[test]
    fn progress_counts_bytes_and_a_cancelled_job_hashes_none() {
        for algorithm in [HashAlgorithm::Sha256, HashAlgorithm::Blake3] {
            let params = HashParams { data: vec![1; 3_000_000].into(), algorithm, subtree_at: None };
            let job = Job::detached();
            run::<Hash>(params.clone(), &job).unwrap();
            assert_eq!(job.progress(), (3_000_000, 3_000_000));
            let cancelled = Job::detached();
            cancelled.control().request_cancel();
            assert_eq!(run::<Hash>(params, &cancelled), Err(KernelError::Cancelled));
            assert_eq!(cancelled.progress().0, 0);
        }
    }
}
