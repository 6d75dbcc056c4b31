//! Jobs that are not handed out, but done in turns where an event loop waits for them: a kernel whose data goes out and back as fast as it
//! is worked on gains nothing from other instances. Such a job is [`Rounds`](crate::shard::Rounds) without shards: the data stays where it is.

use serde::{Deserialize, Serialize};

/// A shard of a job that has none.
#[derive(Serialize, Deserialize)]
pub enum NoShard {}
