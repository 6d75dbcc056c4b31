//! Many iterations of a small distance from an orbit at once: bilinear approximation.
//!
//! A pixel at distance `d` from the orbit is next at `2z·d + d² + e`, `e` being its distance from the orbit's `c`. While `d²` is too
//! little to change a bit, so many steps after one another are `a·d + b·e`, whatever the pixel; blocks of two steps join to blocks of
//! four, and so on. (Zhuoran, fractalforums.org, 2021; C. Heiland-Allen, Deep zoom theory and practice (again), mathr.co.uk, 2022.)

use super::orbit::RIM;
use super::scaled::{power, square};
use crate::{Cancelled, Job};

/// Steps after one another, as one.
#[derive(Clone, Copy)]
pub(super) struct Skip {
    /// What a pixel's distance is multiplied with.
    a: [f64; 2],
    /// What its distance from `c` is multiplied with.
    b: [f64; 2],
    /// It holds for pixels that are nearer than this.
    radius: f64,
}

/// The skips from every place where blocks begin: at 1, and then every [`LEAST`] steps.
pub(super) struct Skips {
    /// Blocks of [`LEAST`] steps, of twice as many, and so on.
    levels: Vec<Vec<Skip>>,
}

/// Steps of the shortest blocks: shorter ones save little, and take memory.
const LEAST: usize = 8;
/// What does not change a bit of an f64.
const NOTHING: f64 = 1.0 / (1_u64 << 53) as f64;
/// Blocks between two looks at the job.
const STRIDE: usize = 1 << 10;

impl Skip {
    /// Never.
    const NONE: Self = Self { a: [0.0; 2], b: [0.0; 2], radius: 0.0 };

    /// One step from a point. Where it must be seen on which side of the circle of radius 2 a pixel is, none.
    fn step([re, im]: [f64; 2]) -> Self {
        if square([re, im]) >= RIM.start {
            return Self::NONE;
        }
        let a = [re + re, im + im];
        Self { a, b: [1.0, 0.0], radius: NOTHING * square(a).sqrt() }
    }

    /// It and then another, for pixels that are at most so far from `c`.
    fn then(self, next: Self, farthest: f64) -> Self {
        let a = product(next.a, self.a);
        let b = product(next.a, self.b);
        let b = [b[0] + next.b[0], b[1] + next.b[1]];
        // Beyond this what it is multiplied with may be too great for f64.
        let most = power(800);
        let room = next.radius - square(self.b).sqrt() * farthest;
        if !(square(a) < most && square(b) < most && room > 0.0) {
            return Self::NONE;
        }
        let radius = room / square(self.a).sqrt();
        Self { a, b, radius: if radius < self.radius { radius } else { self.radius } }
    }

    /// Where a pixel is after it.
    #[inline(always)]
    pub fn apply(&self, d: [f64; 2], e: [f64; 2]) -> [f64; 2] {
        let (a, b) = (product(self.a, d), product(self.b, e));
        [a[0] + b[0], a[1] + b[1]]
    }
}

fn product(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

impl Skips {
    /// Those of an orbit's points, for pixels that are at most so far from its `c`.
    pub fn of<P>(points: &[[f64; 2]], farthest: f64, job: &Job<P>) -> Result<Self, Cancelled> {
        let mut level = Vec::new();
        // From z₀ there is none: it is 0.
        for (number, block) in points[1..points.len() - 1].chunks_exact(LEAST).enumerate() {
            if number.is_multiple_of(STRIDE) {
                job.check()?;
            }
            let steps = block.iter().map(|&point| Skip::step(point));
            level.extend(steps.reduce(|skip, step| skip.then(step, farthest)));
        }
        let mut levels = Vec::new();
        while !level.is_empty() {
            let mut joined = Vec::with_capacity(level.len() / 2);
            for (number, [skip, next]) in level.as_chunks::<2>().0.iter().enumerate() {
                if number.is_multiple_of(STRIDE) {
                    job.check()?;
                }
                joined.push(skip.then(*next, farthest));
            }
            levels.push(std::mem::replace(&mut level, joined));
        }
        Ok(Self { levels })
    }

    /// The longest skip from a place, of at most so many steps, of which `holds` says that a pixel is near enough; and its steps.
    #[inline(always)]
    pub fn from(&self, place: usize, most: usize, holds: impl Fn(f64) -> bool) -> Option<(&Skip, usize)> {
        if place % LEAST != 1 {
            return None;
        }
        let (mut longest, mut number, mut steps) = (None, place / LEAST, LEAST);
        for level in &self.levels {
            match level.get(number) {
                Some(skip) if steps <= most && holds(skip.radius) => longest = Some((skip, steps)),
                _ => break,
            }
            if number % 2 == 1 {
                break;
            }
            (number, steps) = (number / 2, steps * 2);
        }
        longest
    }
}
