//! Nothing: what a job costs beside its kernel.

use crate::{Job, Kernel, KernelError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Does nothing.
pub struct Noop;

/// Nothing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoopParams {}

/// Nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoopOutput {}

impl Kernel for Noop {
    const NAME: &'static str = "noop";
    const ABOUT: &'static str = "Does nothing: measures what handing over a job costs.";
    type Params = NoopParams;
    type Output = NoopOutput;
    type Part = ();

    fn run(_params: NoopParams, job: &Job) -> Result<NoopOutput, KernelError> {
        job.check()?;
        Ok(NoopOutput {})
    }
}
