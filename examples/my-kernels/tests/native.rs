//! The kernels on this machine itself, without wasm: `cargo test`.

use loomwork::kernel::run;
use loomwork::{Job, Shardable};
use my_kernels::{Primes, PrimesParams, Smooth, SmoothParams};
use std::sync::{Arc, Mutex};

fn primes(from: u32, to: u32) -> Vec<u32> {
    run::<Primes>(PrimesParams { from, to }, &Job::detached())
        .unwrap()
        .primes
        .into_vec()
}

#[test]
fn primes_are_prime() {
    assert_eq!(primes(0, 30), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
    // The prime-counting function: π(10⁶) = 78498.
    assert_eq!(primes(0, 1_000_000).len(), 78_498);
    assert_eq!(
        primes(4_294_967_200, 4_294_967_295),
        [4_294_967_231, 4_294_967_279, 4_294_967_291]
    );
    assert!(primes(24, 24).is_empty());
}

#[test]
fn a_job_in_shards_gives_what_the_whole_gives() {
    let whole = primes(5, 2_000_000);
    for pieces in [1, 2, 3, 7, 1000] {
        let (shards, plan) = Primes::split(
            PrimesParams {
                from: 5,
                to: 2_000_000,
            },
            pieces,
        )
        .unwrap();
        assert!(shards.len() <= pieces);
        let outputs = shards
            .into_iter()
            .map(|shard| run::<Primes>(shard, &Job::detached()).unwrap())
            .collect();
        assert_eq!(
            *Primes::merge(plan, outputs).unwrap().primes,
            *whole,
            "{pieces} pieces"
        );
    }
}

#[test]
fn the_parts_are_the_whole() {
    let parts = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&parts);
    let job =
        Job::with_parts(move |_, part: my_kernels::PrimesPart| sink.lock().unwrap().push(part));
    let whole = run::<Primes>(
        PrimesParams {
            from: 0,
            to: 1_000_000,
        },
        &job,
    )
    .unwrap();
    let mut parts = parts.lock().unwrap();
    parts.sort_by_key(|part| part.from);
    let joined: Vec<u32> = parts
        .iter()
        .flat_map(|part| part.primes.iter().copied())
        .collect();
    assert!(parts.len() > 1);
    assert_eq!(joined, *whole.primes);
}

#[test]
fn smoothing_takes_means_of_neighbours() {
    let smooth = |data: &[f32], radius| {
        run::<Smooth>(
            SmoothParams {
                data: data.to_vec().into(),
                radius,
            },
            &Job::detached(),
        )
        .map(|out| out.data.into_vec())
    };
    assert_eq!(
        smooth(&[0.0, 3.0, 6.0, 9.0], 1).unwrap(),
        [1.5, 3.0, 6.0, 7.5]
    );
    assert_eq!(smooth(&[1.0, 2.0], 0).unwrap(), [1.0, 2.0]);
    assert!(smooth(&[], 5).unwrap().is_empty());
    assert_eq!(
        smooth(&[1.0], 1001).unwrap_err().to_string(),
        "radius: must be at most 1000, got 1001"
    );
}
