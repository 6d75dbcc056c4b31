//! Jobs that are not handed out, but done in turns where an event loop waits for them: a kernel whose pixels go out and back as fast as they
//! are made gains nothing from other instances. Such a job is [`Rounds`](crate::shard::Rounds) without shards: the pixels stay where they are.

use serde::{Deserialize, Serialize};

/// A shard of a job that has none.
#[derive(Serialize, Deserialize)]
pub enum NoShard {}
