//! Nothing: what a job costs beside its kernel.

use crate::array::AnyArray;
use crate::{Job, Kernel, KernelError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Does nothing.
pub struct Noop;

/// Nothing, or an array.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoopParams {
    /// Comes back as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<AnyArray>,
}

/// Nothing, or the array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoopOutput {
    /// What was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<AnyArray>,
}

impl Kernel for Noop {
    const NAME: &'static str = "noop";
    const ABOUT: &'static str =
        "Does nothing: measures what handing over a job costs, with an array there and back if one is given.";
    type Params = NoopParams;
    type Output = NoopOutput;
    type Part = ();

    fn run(params: NoopParams, job: &Job) -> Result<NoopOutput, KernelError> {
        job.check()?;
        Ok(NoopOutput { data: params.data })
    }
}
