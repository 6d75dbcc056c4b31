//! Kernels: computations that a page or a Node program runs on every core.
//!
//! A kernel is one file and one word in the list below. `loomwork build` makes the npm package in `pkg/` of them.

mod primes;
mod smooth;

pub use primes::{Primes, PrimesOutput, PrimesParams, PrimesPart};
pub use smooth::{Smooth, SmoothOutput, SmoothParams};

loomwork::kernels![Primes, Smooth];
