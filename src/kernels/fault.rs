//! A kernel that fails in every way there is: compiled only for the fault tests (feature `faults`).

use crate::{Array, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::hint::black_box;

/// Fails as it is told, or works as it is told.
pub struct Fault;

/// How to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum How {
    /// Works for `spin` and answers.
    None,
    /// Works for `spin` and gives `data` as it came.
    Same,
    /// Panics on the lane's own thread.
    Panic,
    /// Panics on another thread of the pool, where there is one.
    PanicElsewhere,
    /// Returns an error with data.
    Error,
    /// Executes `unreachable`.
    Trap,
    /// Executes it on another thread of the pool, where there is one.
    TrapElsewhere,
    /// Recurses for ever with small frames: the engine's own stack ends first.
    Recursion,
    /// Recurses with large frames beyond its stack in shared memory, and comes back.
    StackOverflow,
    /// Allocates without end.
    OutOfMemory,
    /// Never ends and never checks, on every thread.
    Never,
    /// Never ends, and checks.
    Endless,
    /// Streams a part that JavaScript cannot hold, then goes on as `Endless`.
    BadPart,
    /// Gives an output that JavaScript cannot hold.
    BadOutput,
}

/// How to fail, and when.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultParams {
    how: How,
    /// Work before that: about so many microseconds.
    #[serde(default)]
    spin: u32,
    /// Comes back, each byte plus one.
    #[serde(default)]
    data: Array<u8>,
}

/// A number; JavaScript cannot hold one above 2⁵³.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FaultPart {
    number: u64,
}

/// What was given, changed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FaultOutput {
    data: Array<u8>,
    spin: u64,
}

/// About a microsecond of work.
fn microsecond(seed: u32) -> u32 {
    (0..300).fold(seed, |state, i| black_box(state.wrapping_mul(1_664_525).wrapping_add(i)))
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    if black_box(depth) == u64::MAX { 0 } else { recurse(depth + 1).wrapping_add(black_box(1)) }
}

/// Frames of 64 KiB, written from end to end.
#[inline(never)]
fn devour(depth: usize) -> usize {
    let mut frame = [0_u8; 65_536];
    for (i, byte) in frame.iter_mut().enumerate() {
        *byte = (i + depth) as u8;
    }
    let below = if depth == 0 { 0 } else { devour(depth - 1) };
    below + usize::from(black_box(&frame)[depth])
}

/// Runs `work` on a thread that is not this one, if the pool has one.
fn elsewhere(work: impl Fn() + Sync) {
    let here = rayon::current_thread_index();
    let alone = rayon::current_num_threads() == 1;
    rayon::broadcast(|context| {
        let first_other = usize::from(here == Some(0));
        if alone || context.index() == first_other {
            work();
        }
    });
}

impl Kernel for Fault {
    const NAME: &'static str = "fault";
    const ABOUT: &'static str = "Fails in every way there is.";
    type Params = FaultParams;
    type Output = FaultOutput;
    type Part = FaultPart;

    fn run(params: FaultParams, job: &Job<FaultPart>) -> Result<FaultOutput, KernelError> {
        let FaultParams { how, spin, mut data } = params;
        (0..spin).into_par_iter().try_for_each(|i| {
            black_box(microsecond(i));
            job.check()
        })?;
        if how == How::BadPart {
            job.emit(0, || FaultPart { number: u64::MAX });
        }
        match how {
            How::None => {}
            How::Same => return Ok(FaultOutput { data, spin: spin.into() }),
            How::Panic => panic!("told to panic"),
            How::PanicElsewhere => elsewhere(|| panic!("told to panic elsewhere")),
            How::Error => {
                let data = serde_json::json!({ "spin": spin });
                return Err(KernelError::Failed { message: "told to fail".into(), data: Some(data) });
            }
            #[cfg(target_family = "wasm")]
            How::Trap => core::arch::wasm32::unreachable(),
            #[cfg(target_family = "wasm")]
            How::TrapElsewhere => elsewhere(|| core::arch::wasm32::unreachable()),
            #[cfg(not(target_family = "wasm"))]
            How::Trap | How::TrapElsewhere => std::process::abort(),
            How::Recursion => {
                black_box(recurse(0));
            }
            How::StackOverflow => {
                black_box(devour(50));
            }
            How::OutOfMemory => {
                let mut hoard: Vec<Vec<u8>> = Vec::new();
                loop {
                    hoard.push(black_box(vec![1; 64 << 20]));
                }
            }
            How::Never => {
                rayon::broadcast(|_| {
                    let mut state = 1;
                    while black_box(state) != 0 {
                        state = microsecond(state) | 1;
                    }
                });
            }
            How::BadOutput => return Ok(FaultOutput { data, spin: u64::MAX }),
            How::Endless | How::BadPart => loop {
                job.check()?;
                black_box(microsecond(1));
            },
        }
        data.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
        Ok(FaultOutput { data, spin: spin.into() })
    }
}
