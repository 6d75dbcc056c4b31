//! Means of neighbours: the shortest kind of kernel. Typed arrays in, a typed array out, on all cores.

use loomwork::{Array, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Smooths a signal.
pub struct Smooth;

/// What to smooth, and how much.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SmoothParams {
    /// The signal.
    pub data: Array<f32>,
    /// Neighbours on each side that a mean is taken over; at the ends there are fewer.
    pub radius: u32,
}

/// The smoothed signal.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SmoothOutput {
    /// As many numbers as `data`.
    pub data: Array<f32>,
}

/// Numbers that a thread does between two looks at the job: well under a millisecond.
const CHUNK: usize = 4096;

impl Kernel for Smooth {
    const NAME: &'static str = "smooth";
    const ABOUT: &'static str = "Replaces each number by the mean of its neighbours.";
    type Params = SmoothParams;
    type Output = SmoothOutput;
    // It streams nothing.
    type Part = ();

    /// What has the right type and cannot be used is refused here, by the name of the field.
    fn validate(params: &SmoothParams) -> Result<(), KernelError> {
        match params.radius {
            0..=1000 => Ok(()),
            radius => Err(KernelError::bad_params(
                "radius",
                format!("must be at most 1000, got {radius}"),
            )),
        }
    }

    fn run(params: SmoothParams, job: &Job) -> Result<SmoothOutput, KernelError> {
        let (data, radius) = (&*params.data, params.radius as usize);
        job.set_total(data.len() as u64);
        // The host makes room for the copy of a large output meanwhile.
        job.will_return(size_of_val(data));
        let mut out = vec![0.0; data.len()];
        // rayon uses every thread of the host, and one where there are none. The first error ends the job.
        out.par_chunks_mut(CHUNK)
            .enumerate()
            .try_for_each(|(number, chunk)| {
                job.check()?;
                for (offset, mean) in chunk.iter_mut().enumerate() {
                    let at = number * CHUNK + offset;
                    let near = &data[at.saturating_sub(radius)..(at + radius + 1).min(data.len())];
                    *mean = (near.iter().map(|&x| f64::from(x)).sum::<f64>() / near.len() as f64)
                        as f32;
                }
                job.advance(chunk.len() as u64);
                Ok::<(), KernelError>(())
            })?;
        Ok(SmoothOutput { data: out.into() })
    }
}
