//! What the values of one key come to: the arithmetic of `groupby`.
//!
//! Values are added in their order, in blocks of [`BLOCK`], which are then put together in theirs: whoever adds them up, a block
//! after another or several at once, the same operations are done on the same numbers.

use crate::parallel::try_map_chunks;
use crate::{Cancelled, Job};

/// Values of a block: some tens of microseconds.
pub(super) const BLOCK: usize = 1 << 13;

/// What the values of a key come to. The other fields than count and sum are of no use where there is no value.
pub(super) struct Group {
    pub count: usize,
    pub sum: f64,
    pub mean: f64,
    pub min: f64,
    pub max: f64,
    pub variance: f64,
}

impl Group {
    /// Of the values at `places`, in that order.
    pub(super) fn of(places: &[u32], values: &[f64], job: &Job) -> Result<Self, Cancelled> {
        let first = |block: &[u32]| block.iter().fold(First::NONE, |first, &at| first.plus(values[at as usize]));
        let first = in_blocks(places, job, first, First::then)?;
        let mean = first.mean();
        let second =
            |block: &[u32]| block.iter().fold(Second::NONE, |second, &at| second.plus(values[at as usize], mean));
        let second = in_blocks(places, job, second, Second::then)?;
        job.advance(places.len() as u64);
        Ok(Self::from((first, second)))
    }
}

impl From<(First, Second)> for Group {
    fn from((first, second): (First, Second)) -> Self {
        let count = f64::from(first.count);
        let (off, squares) = (second.off.total(), second.squares.total());
        // A square is never below zero; what rounding leaves of nothing may be.
        let variance = (squares - off * off / count) / count;
        let variance = if variance < 0.0 { 0.0 } else { variance };
        // Zeros are one number here: which of both was first must not show in the extremes.
        let (min, max) = (first.min + 0.0, first.max + 0.0);
        Self { count: first.count as usize, sum: first.sum.total(), mean: first.mean(), min, max, variance }
    }
}

/// What `work` makes of each block, merged in order; of several at once.
fn in_blocks<U: Send>(
    places: &[u32],
    job: &Job,
    work: impl Fn(&[u32]) -> U + Sync,
    merge: impl Fn(U, U) -> U,
) -> Result<U, Cancelled> {
    if places.len() > BLOCK {
        let work = |_, block: &[u32]| job.check().map(|()| work(block));
        let blocks = try_map_chunks(places, BLOCK, work)?;
        if let Some(all) = blocks.into_iter().reduce(merge) {
            return Ok(all);
        }
    }
    Ok(work(places))
}

/// What the first look at values finds. NaNs are not looked at.
#[derive(Clone, Copy)]
pub(super) struct First {
    count: u32,
    sum: Compensated,
    min: f64,
    max: f64,
}

impl First {
    pub(super) const NONE: Self = Self { count: 0, sum: Compensated::ZERO, min: f64::INFINITY, max: f64::NEG_INFINITY };

    #[inline(always)]
    pub(super) fn plus(self, x: f64) -> Self {
        if x.is_nan() {
            return self;
        }
        Self {
            count: self.count + 1,
            sum: self.sum.plus(x),
            min: if x < self.min { x } else { self.min },
            max: if x > self.max { x } else { self.max },
        }
    }

    pub(super) fn then(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum.then(other.sum),
            min: if other.min < self.min { other.min } else { self.min },
            max: if other.max > self.max { other.max } else { self.max },
        }
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum.total() / f64::from(self.count)
    }
}

/// What the second look finds: distances from a mean that is itself rounded, so that what their own mean is off from zero is
/// taken away again.
#[derive(Clone, Copy)]
pub(super) struct Second {
    off: Compensated,
    squares: Compensated,
}

impl Second {
    pub(super) const NONE: Self = Self { off: Compensated::ZERO, squares: Compensated::ZERO };

    #[inline(always)]
    pub(super) fn plus(self, x: f64, mean: f64) -> Self {
        if x.is_nan() {
            return self;
        }
        let distance = x - mean;
        Self { off: self.off.plus(distance), squares: self.squares.plus(distance * distance) }
    }

    pub(super) fn then(self, other: Self) -> Self {
        Self { off: self.off.then(other.off), squares: self.squares.then(other.squares) }
    }
}

/// A sum that keeps what rounding drops. (A. Neumaier, ZAMM 54, 1974.)
#[derive(Clone, Copy)]
struct Compensated {
    sum: f64,
    rest: f64,
}

impl Compensated {
    const ZERO: Self = Self { sum: 0.0, rest: 0.0 };

    #[inline(always)]
    fn plus(self, x: f64) -> Self {
        let sum = self.sum + x;
        let lost = if self.sum.abs() >= x.abs() { (self.sum - sum) + x } else { (x - sum) + self.sum };
        Self { sum, rest: self.rest + lost }
    }

    fn then(self, other: Self) -> Self {
        let both = self.plus(other.sum);
        Self { rest: both.rest + other.rest, ..both }
    }

    fn total(self) -> f64 {
        let total = self.sum + self.rest;
        // Of infinities nothing can be dropped: the difference that should say what was is NaN.
        if self.sum.is_finite() { total } else { self.sum }
    }
}
