//! Cryptographic hashes of bytes.

use crate::{Array, Job, Kernel, KernelError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Cryptographic hashes of bytes.
pub struct Hash;

/// What to hash, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HashParams {
    /// The bytes.
    pub data: Array<u8>,
    /// The hash function. `blake3` uses every core, `sha256` is a chain and uses one.
    pub algorithm: HashAlgorithm,
}

/// Hash functions, both of 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HashAlgorithm {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// BLAKE3 (the tree hash of the BLAKE3 paper, 2020).
    Blake3,
}

/// The hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HashOutput {
    /// 64 hexadecimal digits, lower case.
    pub hex: String,
}

/// Bytes of a slice of SHA-256: some 0.5 ms. Engines compile a function better only between two calls of it, so one call
/// for everything would stay slow to its end.
const SHA256_SLICE: usize = 128 << 10;
/// Bytes of a slice of BLAKE3 for each thread: long enough for the tree to keep all of them busy.
const BLAKE3_SLICE: usize = 1 << 20;

impl Kernel for Hash {
    const NAME: &'static str = "hash";
    const ABOUT: &'static str = "SHA-256 or BLAKE3 of bytes.";
    type Params = HashParams;
    type Output = HashOutput;
    type Part = ();

    fn run(HashParams { data, algorithm }: HashParams, job: &Job) -> Result<HashOutput, KernelError> {
        job.set_total(data.len() as u64);
        let hash: [u8; 32] = match algorithm {
            HashAlgorithm::Sha256 => {
                let mut hasher = Sha256::new();
                in_slices(&data, SHA256_SLICE, job, |slice| hasher.update(slice))?;
                hasher.finalize().into()
            }
            HashAlgorithm::Blake3 => {
                let mut hasher = blake3::Hasher::new();
                let threads = job.threads();
                in_slices(&data, BLAKE3_SLICE * threads, job, |slice| {
                    if threads > 1 {
                        hasher.update_rayon(slice)
                    } else {
                        hasher.update(slice)
                    };
                })?;
                hasher.finalize().into()
            }
        };
        Ok(HashOutput { hex: hash.iter().map(|byte| format!("{byte:02x}")).collect() })
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

    fn hash(data: Vec<u8>, algorithm: HashAlgorithm) -> String {
        run::<Hash>(HashParams { data: data.into(), algorithm }, &Job::detached()).unwrap().hex
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

    #[test]
    fn progress_counts_bytes_and_a_cancelled_job_hashes_none() {
        for algorithm in [HashAlgorithm::Sha256, HashAlgorithm::Blake3] {
            let params = HashParams { data: vec![1; 3_000_000].into(), algorithm };
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
