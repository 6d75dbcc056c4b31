//! Loomwork: Rust compute kernels on every core, from a page or from Node, through WebAssembly workers.
//!
//! A *kernel* is one type that implements [`Kernel`]: typed params in, typed output out, no DOM and no I/O.
//! [`kernels!`] registers a list of them. The same code runs natively (`cargo test`, `cargo bench`) and,
//! compiled to wasm, inside the workers of the JavaScript host in `www/`.
//!
//! | room | what it is for |
//! |---|---|
//! | [`kernel`] | the trait that a kernel implements, and the registry |
//! | [`job`] | what a running kernel may do to the outside: progress, cancel, parts |
//! | [`control`] | the few words per job that the caller's thread and a lane share |
//! | [`dispatch`] | how jobs reach the lanes and how their ends come back |
//! | [`ring`], [`bell`] | the queue and the wake-up in shared memory that dispatch is made of |
//! | [`busy`] | which thread was busy with which job, for the trace |
//! | `pool`, `stack` | each lane's rayon pool, and the watch over its threads' stacks (wasm with threads only) |
//! | [`mod@array`] | typed arrays that travel as bytes, never element by element |
//! | [`image`] | RGBA pixels in the shape of the web's `ImageData` |
//! | [`error`] | how a kernel fails, and the stable codes that callers see |
//! | [`params`] | decoding params strictly: every error names its field |
//! | [`shard`] | how a job divides into smaller jobs of the same kernel |
//! | [`task`] | a job with its kernel's types erased: decoded, ready to run anywhere |
//! | `boundary` | the only module that speaks to JavaScript (wasm only) |
//! | [`describe`] | what the TypeScript side is generated from (natively, and in wasm with the feature of that name) |
#![cfg_attr(target_family = "wasm", feature(alloc_error_hook))]
#![cfg_attr(all(target_family = "wasm", feature = "threads"), feature(stdarch_wasm_atomic_wait))]

#[cfg(all(target_family = "wasm", feature = "allocator"))]
mod allocator;
pub mod array;
pub mod bell;
pub mod busy;
pub mod control;
pub mod dispatch;
pub mod error;
pub mod image;
pub mod job;
pub mod kernel;
#[cfg(all(test, loom))]
mod models;
mod parallel;
pub mod params;
pub mod place;
pub mod ring;
pub mod shard;
mod sync;
pub mod task;

#[cfg(target_family = "wasm")]
pub mod boundary;
#[cfg(any(not(target_family = "wasm"), feature = "describe"))]
pub mod describe;
#[cfg(any(all(target_family = "wasm", feature = "threads"), test))]
mod kept;
#[cfg(all(target_family = "wasm", feature = "threads"))]
mod pool;
#[cfg(all(target_family = "wasm", feature = "threads"))]
mod stack;

#[cfg(feature = "kernels")]
pub mod kernels;

pub use array::{AnyArray, Array};
pub use error::{Cancelled, KernelError};
pub use image::Image;
pub use job::Job;
pub use kernel::Kernel;
pub use shard::{Shardable, Sharding};

#[doc(hidden)]
pub mod reexport {
    pub use schemars;
    pub use serde;
}
