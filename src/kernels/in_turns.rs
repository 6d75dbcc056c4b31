//! Jobs that are not handed out, but done in turns where an event loop waits for them: a kernel whose data goes out and back as fast as it
//! is worked on gains nothing from other instances. Such a job is [`Rounds`](crate::shard::Rounds) without shards: the data stays where it is.

use crate::{Job, KernelError};
use serde::{Deserialize, Serialize};

/// A shard of a job that has none.
#[derive(Serialize, Deserialize)]
pub enum NoShard {}

/// Such a job, whatever the kind of its numbers: each turn takes a millisecond or so.
pub(super) trait InTurns<Output> {
    /// The next turn; the output after the last. What is counted in the job is not looked at.
    fn turn(&mut self, job: &Job) -> Result<Option<Output>, KernelError>;

    /// Units of the job that are done, and in all.
    fn progress(&self) -> (u64, u64);
}
