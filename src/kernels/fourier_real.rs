//! Transforms of real numbers, by those of half as many complex ones that are made of them two by two (H. V. Sorensen et al., Real-Valued Fast
//! Fourier Transform Algorithms, IEEE ASSP 35, 1987).
//!
//! Of the transform z of such complex numbers and the transform X of the reals, the numbers k and half − k depend on each other alone, there and back
//! in the same way: `s = a + b*`, `d = w (a − b*)`, and what comes of a and b is `s + d` and `(s − d)*`.

use super::floats::Float;
use super::fourier::{Complex, Point, at, load, splat, store};
use super::radix::reserve;
use super::turn::Roots;
use crate::parallel::chunk;
use crate::{Cancelled, Job, KernelError};
use rayon::prelude::*;
use std::mem::MaybeUninit;
use std::ops::{Add, Mul, Sub};

/// Pairs of a task: some 30 µs of work.
const PIECE: usize = 1 << 13;

/// What leads from half as many complex numbers to real ones, or back.
pub(super) struct Halves<T: Float> {
    half: usize,
    inverse: bool,
    /// The factors w, as products: real and imaginary parts of the first ones,
    low: [Vec<T>; 2],
    /// and of every so manyth.
    high: Vec<Complex<T>>,
    shift: u32,
    /// What the sums are multiplied by; in w it is already.
    scale: T,
}

impl<T: Float> Halves<T> {
    pub(super) fn of(half: usize, inverse: bool) -> Result<Self, KernelError> {
        let roots = Roots::of(2 * half)?;
        let scale = if inverse { 1.0 } else { 0.5 };
        let shift = half.next_power_of_two().ilog2().div_ceil(2);
        let (mut low, mut high) =
            ([reserve((1 << shift) + T::LANES)?, reserve((1 << shift) + T::LANES)?], reserve((half >> shift) + 1)?);
        // A vector of the last of the first ones goes beyond them.
        for k in 0..(1 << shift) + T::LANES {
            let [re, im] = roots.get(k as u64 % (2 * half) as u64);
            // Of what is transformed −i times the root, the other way the conjugate of that.
            let factor = if inverse { [im, re] } else { [im, -re] };
            low.iter_mut().zip(factor).for_each(|(low, part)| low.push(T::of(scale * part)));
        }
        high.extend((0..=half >> shift).map(|part| {
            let [re, im] = roots.get((part << shift) as u64);
            Complex { re: T::of(re), im: T::of(if inverse { -im } else { im }) }
        }));
        Ok(Self { half, inverse, low, high, shift, scale: T::of(scale) })
    }

    /// Floats of a row before and after.
    fn sides(&self) -> [usize; 2] {
        let sides = [2 * self.half, 2 * (self.half + 1)];
        if self.inverse { [sides[1], sides[0]] } else { sides }
    }

    /// A row, on this thread.
    pub(super) fn row(&self, from: &[T], to: &mut [MaybeUninit<T>]) {
        let (low, high) = self.ends(from, to);
        self.pairs(from, 1, low, high);
    }

    /// All rows, on all threads.
    pub(super) fn rows(&self, data: &[T], job: &Job) -> Result<Vec<T>, KernelError> {
        let [from_len, to_len] = self.sides();
        let rows = data.len() / from_len;
        let mut results = reserve(rows * to_len)?;
        let room = &mut results.spare_capacity_mut()[..rows * to_len];
        room.par_chunks_exact_mut(to_len).enumerate().try_for_each(|(row, to)| {
            let from = chunk(data, from_len, row);
            let (low, high) = self.ends(from, to);
            let pieces = low.par_chunks_mut(2 * PIECE).zip(high.par_rchunks_mut(2 * PIECE));
            pieces.enumerate().try_for_each(|(piece, (low, high))| {
                job.check()?;
                self.pairs(from, 1 + piece * PIECE, low, high);
                Ok::<_, Cancelled>(())
            })
        })?;
        // SAFETY: no task was left early, so of each row all was written.
        unsafe { results.set_len(rows * to_len) };
        Ok(results)
    }

    /// Does what is no pair: the first number, the last one of a transform, and the one in the middle. What is left of the row, the pairs: the first
    /// ones from the front, the others from the back.
    fn ends<'a>(
        &self,
        from: &[T],
        to: &'a mut [MaybeUninit<T>],
    ) -> (&'a mut [MaybeUninit<T>], &'a mut [MaybeUninit<T>]) {
        let half = self.half;
        assert!([from.len(), to.len()] == self.sides(), "a row");
        let mut put = |k: usize, re: T, im: T| {
            to[2 * k].write(re);
            to[2 * k + 1].write(im);
        };
        let first = at(from, 0);
        if self.inverse {
            // Of real numbers both are real; what else was given is not looked at, as in NumPy.
            let last = at(from, half);
            put(0, first.re + last.re, first.re - last.re);
        } else {
            // The sum of reals is real: +0, but where there is no number.
            let im = (nothing(first.re) + nothing(first.im)).tidy();
            put(0, (first.re + first.im).tidy(), im);
            put(half, (first.re - first.im).tidy(), im);
        }
        if half.is_multiple_of(2) {
            // The factor is −1 here.
            let (middle, twice) = (at(from, half / 2), self.scale + self.scale);
            put(half / 2, (middle.re * twice).tidy(), (-middle.im * twice).tidy());
        }
        let pairs = (half - 1) / 2;
        let (_, rest) = to.split_at_mut(2);
        let (low, rest) = rest.split_at_mut(2 * pairs);
        let high = &mut rest[2 * (half - 1 - 2 * pairs)..][..2 * pairs];
        (low, high)
    }

    /// Pairs: those from `first` on, from the front of `low` and from the back of `high`.
    fn pairs(&self, from: &[T], first: usize, low: &mut [MaybeUninit<T>], high: &mut [MaybeUninit<T>]) {
        let (count, half, mask) = (low.len() / 2, self.half, (1 << self.shift) - 1);
        assert!(
            high.len() == low.len() && first >= 1 && 2 * (first + count) <= half + 1 && from.len() >= 2 * half,
            "pairs of a row"
        );
        if count < T::LANES {
            for number in 0..count {
                let k = first + number;
                let factor =
                    Complex { re: self.low[0][k & mask], im: self.low[1][k & mask] }.times(self.high[k >> self.shift]);
                let (a, b) = pair(at(from, k), at(from, half - k), factor, self.scale);
                let put = |to: &mut [MaybeUninit<T>], point: Complex<T>| {
                    to[0].write(point.re.tidy());
                    to[1].write(point.im.tidy());
                };
                put(&mut low[2 * number..], a);
                put(&mut high[2 * (count - 1 - number)..], b);
            }
            return;
        }
        let (from, to) = (from.as_ptr(), [low.as_mut_ptr().cast::<T>(), high.as_mut_ptr().cast()]);
        let (scale, mut sum) = (self.scale.splat(), T::default().splat());
        for number in (0..count).step_by(T::LANES) {
            // The last ones are partly those before once more where they do not come out even.
            let number = number.min(count - T::LANES);
            let k = first + number;
            let part = |part: usize| T::load(&self.low[part][k & mask..]);
            let factor = Complex { re: part(0), im: part(1) }.times(splat(self.high[k >> self.shift]));
            // SAFETY: by the assertion all numbers from `k` on and from `half` − `k` back lie in the row, and as many places in the two rooms.
            unsafe {
                let (a, b) = (load(from.add(2 * k)), reversed::<T>(load(from.add(2 * (half - k - (T::LANES - 1))))));
                let (a, b) = pair(a, b, factor, scale);
                sum = sum + (a.re + a.im) + (b.re + b.im);
                store::<T>(a, to[0].add(2 * number));
                store::<T>(reversed::<T>(b), to[1].add(2 * (count - T::LANES - number)));
            }
        }
        for to in to {
            // SAFETY: all of it has been written.
            tidy_if_odd(sum, unsafe { std::slice::from_raw_parts_mut(to, 2 * count) });
        }
    }
}

/// [`tidies`](Float::tidy) all numbers if the sum of some of them is none: one that is no number makes all sums none. (So do infinite ones of both
/// signs, in vain.) To look at the sum is less than to tidy each as it comes.
pub(super) fn tidy_if_odd<T: Float>(sum: T::Lanes, numbers: &mut [T]) {
    let mut lanes = [T::default(); 4];
    T::store(sum, &mut lanes);
    #[allow(clippy::eq_op, reason = "NaN differs from itself, and `is_nan` is not of all floats")]
    if lanes.iter().any(|lane| lane != lane) {
        numbers.iter_mut().for_each(|number| *number = number.tidy());
    }
}

/// Two numbers that are as far from both ends, as the head of this file has it: of numbers, or of vectors of them.
#[inline(always)]
fn pair<L>(a: Complex<L>, b: Complex<L>, factor: Complex<L>, scale: L) -> (Complex<L>, Complex<L>)
where
    L: Copy + Add<Output = L> + Sub<Output = L> + Mul<Output = L>,
{
    let sum = Complex { re: a.re + b.re, im: a.im - b.im }.scaled(scale);
    let difference = Complex { re: a.re - b.re, im: a.im + b.im }.times(factor);
    (sum.plus(difference), Complex { re: sum.re - difference.re, im: difference.im - sum.im })
}

#[inline(always)]
fn reversed<T: Float>(point: Point<T>) -> Point<T> {
    Complex { re: T::reverse(point.re), im: T::reverse(point.im) }
}

/// +0, or NaN of what is no number or infinite.
pub(super) fn nothing<T: Float>(of: T) -> T {
    of * T::default() + T::default()
}
