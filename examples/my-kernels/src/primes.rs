//! Prime numbers by the segmented sieve of Eratosthenes: a kernel that streams parts while it runs, and that divides where threads
//! cannot share a memory.

use loomwork::{Array, Job, Kernel, KernelError, Shardable, Sharding};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Finds the primes of a range.
pub struct Primes;

/// The range: `from` is in it, `to` is not.
// Serialize, because shards travel.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrimesParams {
    /// Where to begin.
    #[serde(default)]
    pub from: u32,
    /// Where to end: one more than the last number that is looked at.
    pub to: u32,
}

/// The primes.
// Deserialize, because the outputs of shards travel.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PrimesOutput {
    /// In ascending order.
    pub primes: Array<u32>,
}

/// The primes of one segment of the range, as soon as they are known.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PrimesPart {
    /// Where the segment begins.
    pub from: u32,
    /// In ascending order.
    pub primes: Array<u32>,
}

/// Numbers of a segment. Segments begin at its multiples, so that shards have the same ones as the whole.
const SEGMENT: u32 = 1 << 18;

impl Kernel for Primes {
    const NAME: &'static str = "primes";
    const ABOUT: &'static str = "Finds the prime numbers of a range.";
    type Params = PrimesParams;
    type Output = PrimesOutput;
    type Part = PrimesPart;

    fn validate(params: &PrimesParams) -> Result<(), KernelError> {
        if params.from > params.to {
            return Err(KernelError::bad_params(
                "to",
                format!(
                    "must be {} (`from`) or more, got {}",
                    params.from, params.to
                ),
            ));
        }
        Ok(())
    }

    fn run(
        PrimesParams { from, to }: PrimesParams,
        job: &Job<PrimesPart>,
    ) -> Result<PrimesOutput, KernelError> {
        job.set_total(u64::from(to - from));
        let small = small_primes(to.isqrt());
        let segments: Vec<u32> = (from / SEGMENT..to.div_ceil(SEGMENT)).collect();
        let found = segments.into_par_iter().map(|number| {
            job.check()?;
            let begin = from.max(number * SEGMENT);
            let end = u64::from(to).min((u64::from(number) + 1) * u64::from(SEGMENT)) as u32;
            let primes = sieve(begin, end, &small);
            job.advance(u64::from(end - begin));
            // Made only if somebody listens. The number is the part's own: the same in every run of this job.
            job.emit(number, || PrimesPart {
                from: begin,
                primes: primes.clone().into(),
            });
            Ok(primes)
        });
        let found: Vec<Vec<u32>> = found.collect::<Result<_, KernelError>>()?;
        Ok(PrimesOutput {
            primes: found.concat().into(),
        })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

impl Shardable for Primes {
    type Plan = ();

    fn split(
        PrimesParams { from, to }: PrimesParams,
        pieces: usize,
    ) -> Result<(Vec<PrimesParams>, ()), KernelError> {
        let segments = (from / SEGMENT..to.div_ceil(SEGMENT)).len();
        // A whole number of segments each; a range within one stays whole.
        let step = segments.div_ceil(pieces).max(1) as u64 * u64::from(SEGMENT);
        let (mut shards, mut begin) = (Vec::new(), from);
        while begin < to || shards.is_empty() {
            let end = u64::from(to)
                .min((u64::from(begin) / u64::from(SEGMENT)) * u64::from(SEGMENT) + step)
                as u32;
            shards.push(PrimesParams {
                from: begin,
                to: end,
            });
            begin = end;
        }
        Ok((shards, ()))
    }

    fn merge((): (), outputs: Vec<PrimesOutput>) -> Result<PrimesOutput, KernelError> {
        let all: Vec<&[u32]> = outputs.iter().map(|output| &*output.primes).collect();
        Ok(PrimesOutput {
            primes: all.concat().into(),
        })
    }
}

/// The primes from `begin` up to, and without, `end`, by those up to its square root.
fn sieve(begin: u32, end: u32, small: &[u32]) -> Vec<u32> {
    let mut composite = vec![false; (end - begin) as usize];
    for &prime in small {
        // From its square on: smaller multiples have smaller factors. In 64 bits, for it may lie beyond the last u32.
        let first =
            u64::from(begin.div_ceil(prime).max(prime)) * u64::from(prime) - u64::from(begin);
        if let Some(rest) = composite.get_mut(first as usize..) {
            rest.iter_mut()
                .step_by(prime as usize)
                .for_each(|composite| *composite = true);
        }
    }
    let numbers = (begin..end).zip(composite);
    numbers
        .filter(|&(n, composite)| n >= 2 && !composite)
        .map(|(n, _)| n)
        .collect()
}

/// The primes up to `last`, at most 65535.
fn small_primes(last: u32) -> Vec<u32> {
    let mut primes: Vec<u32> = Vec::new();
    for n in 2..=last {
        if primes
            .iter()
            .take_while(|&&prime| prime * prime <= n)
            .all(|&prime| n % prime != 0)
        {
            primes.push(n);
        }
    }
    primes
}
