//! Discrete Fourier transforms of any length, several at once: the machinery of `fft`.
//!
//! A vector's lanes hold numbers of as many transforms, so that no operation goes across lanes, and a transform does the same
//! operations on the same numbers whatever lies in the lanes beside. Four methods, chosen by the length alone:
//!
//! - [`Direct`]: lengths without prime factors above 13, up to [`MAX_DIRECT`], by passes of small factors that sort as they
//!   go (T. G. Stockham, AFIPS 28, 1966; decimation in frequency).
//! - Alone: rows of such lengths that the lanes divide, also longer ones. Their lanes hold parts of one row (`fourier_lone.rs`).
//! - Four steps: longer ones as a matrix whose columns and then rows are transformed directly (D. H. Bailey, FFTs in External
//!   or Hierarchical Memory, J. Supercomputing 4, 1990), on all threads.
//! - L. I. Bluestein's way (IEEE NEREM 10, 1968): any other, as a convolution of a length of the first two kinds.
//!
//! An inverse transform is a forward one of numbers whose parts have changed places, whose result's change back.

use super::floats::Float;
use super::fourier_lone::{LonePlan, lane_factors};
use super::fourier_real::Halves;
use super::radix::{reserve, zeros};
use super::turn::{Circle, Roots};
use crate::array::owned;
use crate::parallel::{chunk, try_each_chunk};
use crate::{Cancelled, Job, KernelError};
use rayon::prelude::*;
use std::array::from_fn;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::{Add, Mul, Range, Sub};

/// A complex number; or of vectors, one in each lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Complex<L> {
    pub re: L,
    pub im: L,
}

impl<L: Copy + Add<Output = L> + Sub<Output = L> + Mul<Output = L>> Complex<L> {
    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }

    /// `self + i × other`.
    #[inline(always)]
    fn plus_i(self, other: Self) -> Self {
        Self { re: self.re - other.im, im: self.im + other.re }
    }

    /// `self − i × other`.
    #[inline(always)]
    fn minus_i(self, other: Self) -> Self {
        Self { re: self.re + other.im, im: self.im - other.re }
    }

    #[inline(always)]
    pub(super) fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    #[inline(always)]
    pub(super) fn scaled(self, by: L) -> Self {
        Self { re: self.re * by, im: self.im * by }
    }

    #[inline(always)]
    pub(super) fn swapped(self) -> Self {
        Self { re: self.im, im: self.re }
    }
}

/// A number of each of the transforms that go together.
pub(super) type Point<T> = Complex<<T as Float>::Lanes>;

pub(super) fn splat<T: Float>(number: Complex<T>) -> Point<T> {
    Complex { re: number.re.splat(), im: number.im.splat() }
}

/// A result of a butterfly by the root for it. The first has none.
#[inline(always)]
fn turned<T: Float>(point: Point<T>, roots: &[Complex<T>], result: usize) -> Point<T> {
    if result == 0 { point } else { point.times(splat(roots[result - 1])) }
}

fn origin<T: Float>() -> Point<T> {
    splat(Complex { re: T::default(), im: T::default() })
}

/// A root of unity, forward: `e^(−2πi × part / order)`.
fn root<T: Float>(circle: &Circle, part: usize) -> Complex<T> {
    let [cosine, sine] = circle.get(part);
    Complex { re: T::of(cosine), im: T::of(-sine) }
}

/// The longest transform that is done directly: so many points of several transforms fit the second cache.
const MAX_DIRECT: usize = 4096;
/// The factors of lengths that are not Bluestein's, as they are split off.
const FACTORS: [usize; 7] = [8, 4, 2, 3, 5, 7, 13];
/// Groups of lanes that are copied together: of each row of a matrix 256 bytes. With half of that, more of the time goes into finding
/// pages; with twice as much, the second cache does not hold them.
const GROUPS: usize = 8;
/// The same where each group is done with before the next: there the cache holds twice as many, and longer runs are read ahead.
const GROUPS_IN_TURN: usize = 2 * GROUPS;

/// Points between groups: two lines of the cache.
const SPACE: usize = 4;

/// A transform of a length of small factors.
pub(super) struct Direct<T: Float> {
    pub len: usize,
    passes: Vec<Pass<T>>,
}

/// A pass: butterflies of `radix` points, each of which goes over `stride` points that lie together.
struct Pass<T: Float> {
    radix: usize,
    stride: usize,
    /// Butterflies with roots of their own.
    count: usize,
    /// Of each of these the roots that its results but the first are turned by. The last pass has none.
    roots: Vec<Complex<T>>,
    /// Cosines and sines of the parts of a turn, for odd factors.
    turns: Vec<Complex<T>>,
}

/// The factors of a length, unless it has others than the small ones. Eights first: the fewer passes, the better.
pub(super) fn factors(len: usize) -> Option<Vec<usize>> {
    let (mut rest, mut factors) = (len, Vec::new());
    // Two fours do better than an eight and a two.
    let twos = rest.trailing_zeros();
    if twos % 3 == 1 && twos >= 4 {
        rest /= 16;
        factors.extend([4, 4]);
    }
    for factor in FACTORS.into_iter().chain([11]) {
        while rest.is_multiple_of(factor) {
            rest /= factor;
            factors.push(factor);
        }
    }
    factors.sort_unstable_by_key(|&factor| std::cmp::Reverse((factor.is_power_of_two(), factor)));
    (rest == 1).then_some(factors)
}

impl<T: Float> Direct<T> {
    pub(super) fn of(len: usize, factors: &[usize]) -> Self {
        let (circle, mut stride, mut rest) = (&Circle::of(len), 1, len);
        let passes = factors.iter().map(|&radix| {
            let count = rest / radix;
            let roots = (0..if count == 1 { 0 } else { count })
                .flat_map(|number| (1..radix).map(move |result| root(circle, number * result * stride)))
                .collect();
            let turns = (0..radix).map(|part| root(circle, part * (len / radix))).collect();
            let pass = Pass { radix, stride, count, roots, turns };
            stride *= radix;
            rest = count;
            pass
        });
        Self { len, passes: passes.collect() }
    }
}

/// Takes points through passes, each from one place to the other; where the results are: in the first after an even number of passes.
fn through<'a, T: Float>(
    passes: &[Pass<T>],
    mut points: &'a mut [Point<T>],
    mut other: &'a mut [Point<T>],
) -> &'a mut [Point<T>] {
    for pass in passes {
        pass.run(points, other);
        std::mem::swap(&mut points, &mut other);
    }
    points
}

impl<T: Float> Pass<T> {
    fn run(&self, from: &[Point<T>], to: &mut [Point<T>]) {
        match self.radix {
            2 => self.butterflies(from, to, Two),
            3 => self.butterflies::<3>(from, to, Odd(&self.turns)),
            4 => self.butterflies(from, to, Four),
            5 => self.butterflies::<5>(from, to, Odd(&self.turns)),
            7 => self.butterflies::<7>(from, to, Odd(&self.turns)),
            8 => self.butterflies(from, to, self.eight()),
            11 => self.butterflies::<11>(from, to, Odd(&self.turns)),
            _ => self.butterflies::<13>(from, to, Odd(&self.turns)),
        }
    }

    fn eight(&self) -> Eight<T> {
        Eight { half: self.turns[1].re.splat() }
    }

    #[inline(always)]
    fn butterflies<const RADIX: usize>(
        &self,
        from: &[Point<T>],
        to: &mut [Point<T>],
        butterfly: impl Butterfly<T, RADIX>,
    ) {
        let (stride, count, apart) = (self.stride, self.count, self.stride * self.count);
        assert!(from.len() == RADIX * apart && to.len() == RADIX * apart, "all points of the transform");
        let (from, to) = (from.as_ptr(), to.as_mut_ptr());
        // Places are counted from two pointers: as many slices as there are inputs and results would not fit the registers.
        // SAFETY: within: `number` is below `count`, `at` below `stride`, and the input below `RADIX`, as butterflies promise.
        let load = |number: usize, at: usize, input: usize| unsafe { *from.add(stride * number + at + apart * input) };
        // SAFETY: as above, of the result.
        let store = |number: usize, at: usize, result: usize, point| unsafe {
            *to.add(stride * RADIX * number + at + stride * result) = point;
        };
        if count == 1 {
            for at in 0..stride {
                butterfly.run(|input| load(0, at, input), |result, point| store(0, at, result, point));
            }
            return;
        }
        let roots = self.roots.chunks_exact(RADIX - 1).take(count).enumerate();
        if stride == 1 {
            // Each butterfly has roots of its own: a loop over butterflies, for one within each would be of one round.
            for (number, roots) in roots {
                butterfly.run(
                    |input| load(number, 0, input),
                    |result, point| store(number, 0, result, turned(point, roots, result)),
                );
            }
            return;
        }
        for (number, roots) in roots {
            let roots: [Point<T>; RADIX] = from_fn(|result| splat(roots[result.max(1) - 1]));
            for at in 0..stride {
                let turned = |result, point: Point<T>| if result == 0 { point } else { point.times(roots[result]) };
                butterfly.run(
                    |input| load(number, at, input),
                    |result, point| store(number, at, result, turned(result, point)),
                );
            }
        }
    }
}

impl<T: Float> Direct<T> {
    /// Whether the first pass takes its points from where they are, rather than from a copy.
    fn begins_at_source(&self) -> bool {
        matches!(&self.passes[..], [first, _, ..] if matches!(first.radix, 4 | 8))
    }

    /// Whether the last pass brings its results to where they are to be.
    fn ends_at_target(&self) -> bool {
        matches!(&self.passes[..], [_, .., last] if matches!(last.radix, 4 | 8))
    }

    /// How far apart the points of a butterfly of the first pass are.
    pub(super) fn apart(&self) -> usize {
        self.passes.first().map_or(0, |first| first.count)
    }

    /// How far apart the results of a butterfly of the last pass are.
    fn results_apart(&self) -> usize {
        self.passes.last().map_or(0, |last| last.stride)
    }
}

impl<T: Float> Pass<T> {
    /// The first of several passes: each group of `to`, of points that what `load` gives by group and place gives by number. So many
    /// butterflies are done of a group before those of the next.
    #[inline(always)]
    fn begin<L: Fn(usize) -> Point<T>>(
        &self,
        to: &mut [Point<T>],
        group_len: usize,
        together: usize,
        load: impl Fn(usize, usize) -> L,
    ) {
        if self.radix == 4 {
            self.begin_with(to, group_len, together, load, Four);
        } else {
            self.begin_with(to, group_len, together, load, self.eight());
        }
    }

    #[inline(always)]
    fn begin_with<const RADIX: usize, L: Fn(usize) -> Point<T>>(
        &self,
        to: &mut [Point<T>],
        group_len: usize,
        together: usize,
        load: impl Fn(usize, usize) -> L,
        butterfly: impl Butterfly<T, RADIX>,
    ) {
        for first in (0..self.count).step_by(together) {
            let numbers = first..self.count.min(first + together);
            for (group, to) in to.chunks_exact_mut(group_len).enumerate() {
                let blocks = to[RADIX * first..RADIX * numbers.end].as_chunks_mut::<RADIX>().0;
                let roots = self.roots[(RADIX - 1) * first..(RADIX - 1) * numbers.end].chunks_exact(RADIX - 1);
                for (number, (to, roots)) in numbers.clone().zip(blocks.iter_mut().zip(roots)) {
                    butterfly.run(load(group, number), |result, point| to[result] = turned(point, roots, result));
                }
            }
        }
    }

    /// The last of several passes: each group of `from`, to where what `store` gives by group and place brings results, by number.
    #[inline(always)]
    fn end<S: Fn(usize, Point<T>)>(&self, from: &[Point<T>], group_len: usize, store: impl Fn(usize, usize) -> S) {
        if self.radix == 4 {
            self.end_with(from, group_len, store, Four);
        } else {
            self.end_with(from, group_len, store, self.eight());
        }
    }

    #[inline(always)]
    fn end_with<const RADIX: usize, S: Fn(usize, Point<T>)>(
        &self,
        from: &[Point<T>],
        group_len: usize,
        store: impl Fn(usize, usize) -> S,
        butterfly: impl Butterfly<T, RADIX>,
    ) {
        let stride = self.stride;
        for at in 0..stride {
            for (group, from) in from.chunks_exact(group_len).enumerate() {
                let from: [&Point<T>; RADIX] = from_fn(|input| &from[stride * input + at]);
                butterfly.run(|input| *from[input], store(group, at));
            }
        }
    }
}

/// A transform of a few points. It takes them as late, and gives results as early as it can: those that are on their way at a time are to
/// fit the registers.
///
/// # Safety
/// It takes inputs and gives results below `RADIX` only: where they lie is not looked at again.
pub(super) unsafe trait Butterfly<T: Float, const RADIX: usize> {
    fn run(&self, load: impl Fn(usize) -> Point<T>, store: impl FnMut(usize, Point<T>));
}

pub(super) struct Two;
pub(super) struct Four;

/// `half` is the square root of a half.
struct Eight<T: Float> {
    half: T::Lanes,
}

/// Of an odd number of points, with the cosines and sines of the parts of a turn.
struct Odd<'a, T>(&'a [Complex<T>]);

// SAFETY: 0 and 1.
unsafe impl<T: Float> Butterfly<T, 2> for Two {
    #[inline(always)]
    fn run(&self, load: impl Fn(usize) -> Point<T>, mut store: impl FnMut(usize, Point<T>)) {
        let (a, b) = (load(0), load(1));
        store(0, a.plus(b));
        store(1, a.minus(b));
    }
}

// SAFETY: 0 to 3.
unsafe impl<T: Float> Butterfly<T, 4> for Four {
    #[inline(always)]
    fn run(&self, load: impl Fn(usize) -> Point<T>, mut store: impl FnMut(usize, Point<T>)) {
        let [a, b, c, d] = four::<T>(load, [0, 1, 2, 3]);
        store(0, a);
        store(1, b);
        store(2, c);
        store(3, d);
    }
}

// SAFETY: 0 to 7.
unsafe impl<T: Float> Butterfly<T, 8> for Eight<T> {
    #[inline(always)]
    fn run(&self, load: impl Fn(usize) -> Point<T>, mut store: impl FnMut(usize, Point<T>)) {
        let [a, c, e, g] = four::<T>(&load, [0, 2, 4, 6]);
        let [b, d, f, h] = four::<T>(&load, [1, 3, 5, 7]);
        store(0, a.plus(b));
        store(4, a.minus(b));
        store(2, e.minus_i(f));
        store(6, e.plus_i(f));
        // Turned by an eighth: (1 − i) / √2, and by three.
        let d = Complex { re: d.re + d.im, im: d.im - d.re }.scaled(self.half);
        store(1, c.plus(d));
        store(5, c.minus(d));
        let h = Complex { re: h.im - h.re, im: h.re + h.im }.scaled(self.half);
        store(3, Complex { re: g.re + h.re, im: g.im - h.im });
        store(7, Complex { re: g.re - h.re, im: g.im + h.im });
    }
}

/// The transform of four of the points.
#[inline(always)]
fn four<T: Float>(load: impl Fn(usize) -> Point<T>, [a, b, c, d]: [usize; 4]) -> [Point<T>; 4] {
    let (first, third) = (load(a), load(c));
    let (e, f) = (first.plus(third), first.minus(third));
    let (second, fourth) = (load(b), load(d));
    let (g, h) = (second.plus(fourth), second.minus(fourth));
    [e.plus(g), f.minus_i(h), e.minus(g), f.plus_i(h)]
}

// Points that are as far from the first as from the end share their cosines and, but for the sign, their sines.
//
// SAFETY: `from_fn` asks for 0 to `RADIX` − 1; results are 0, 1 to the half of it, and as far from its end.
unsafe impl<T: Float, const RADIX: usize> Butterfly<T, RADIX> for Odd<'_, T> {
    #[inline(always)]
    fn run(&self, load: impl Fn(usize) -> Point<T>, mut store: impl FnMut(usize, Point<T>)) {
        let (half, points): (_, [Point<T>; RADIX]) = (RADIX / 2, from_fn(load));
        let sums: [Point<T>; RADIX] = from_fn(|input| points[input].plus(points[(RADIX - input) % RADIX]));
        let differences: [Point<T>; RADIX] = from_fn(|input| points[input].minus(points[(RADIX - input) % RADIX]));
        store(0, sums[1..=half].iter().fold(points[0], |sum, &next| sum.plus(next)));
        for result in 1..=half {
            let (mut even, mut uneven) = (points[0], origin::<T>());
            for input in 1..=half {
                let turn = self.0[input * result % RADIX];
                even = even.plus(sums[input].scaled(turn.re.splat()));
                // The root's own sine is negative already.
                uneven = uneven.plus(differences[input].scaled(turn.im.splat()));
            }
            store(result, even.plus_i(uneven));
            store(RADIX - result, even.minus_i(uneven));
        }
    }
}

/// Points of a task, and as many while they are transformed.
pub(super) struct Room<T: Float> {
    points: Vec<Point<T>>,
    other: Vec<Point<T>>,
}

/// Groups that are transformed together.
pub(super) struct Carried<'a, T: Float> {
    pub direct: &'a Direct<T>,
    pub groups: usize,
    /// How many butterflies of the first pass are done of a group before those of the next: one, where the groups lie side by side.
    pub together: usize,
    /// Whether the parts of points are swapped before.
    pub swap: bool,
}

impl<T: Float> Room<T> {
    pub(super) fn new() -> Self {
        Self { points: Vec::new(), other: Vec::new() }
    }

    /// Makes room for so many groups of points.
    fn fit(&mut self, direct: &Direct<T>, groups: usize) {
        self.points.resize(direct.len * groups, origin::<T>());
        // Where results end in the first place, one group's room is enough for all: the less, the more of it a cache holds.
        let others = if direct.passes.len().is_multiple_of(2) { 1 } else { groups };
        self.other.resize(direct.len * others, origin::<T>());
    }

    /// Transforms whole groups, from where they are to where they are to be. What `load` gives by group and place gives points by
    /// their number: each number is [`Direct::apart`] places further. What `store` gives brings results away,
    /// [`Direct::results_apart`] places from each other, their parts swapped if `swap_results` says so.
    #[inline(always)]
    fn carry<L, S>(
        &mut self,
        carried: Carried<T>,
        swap_results: bool,
        job: &Job,
        load: impl Fn(usize, usize) -> L,
        store: impl Fn(usize, usize) -> S,
    ) -> Result<(), Cancelled>
    where
        L: Fn(usize) -> Point<T>,
        S: Fn(usize, Point<T>),
    {
        job.check()?;
        let Carried { direct, groups, .. } = carried;
        let group_len = direct.len + SPACE;
        let mut passes = self.begin(carried, load);
        let last = if direct.ends_at_target() { passes.split_off_last() } else { None };
        let is_other = !passes.len().is_multiple_of(2);
        self.other.resize(group_len * if is_other { groups } else { 1 }, origin::<T>());
        for (group, points) in self.points.chunks_exact_mut(group_len).enumerate() {
            job.check()?;
            let other = if is_other { group_len * group } else { 0 };
            through(passes, &mut points[..direct.len], &mut self.other[other..][..direct.len]);
        }
        job.check()?;
        let results = if is_other { &self.other } else { &self.points };
        let store_swapped = |group, at| {
            let store = store(group, at);
            move |result, point: Point<T>| store(result, point.swapped())
        };
        match last {
            Some(last) if swap_results => last.end(results, group_len, store_swapped),
            Some(last) => last.end(results, group_len, store),
            None => {
                for at in 0..direct.len {
                    for (group, results) in results.chunks_exact(group_len).enumerate() {
                        let point = results[at];
                        if swap_results { store_swapped(group, at)(0, point) } else { store(group, at)(0, point) }
                    }
                }
            }
        }
        Ok(())
    }

    /// Transforms whole groups, from where they are, as [`carry`](Self::carry) does, and hands the results of each to `finish`, while a
    /// cache holds them.
    #[inline(always)]
    pub(super) fn fetch<L>(
        &mut self,
        carried: Carried<T>,
        job: &Job,
        load: impl Fn(usize, usize) -> L,
        finish: impl Fn(usize, &[Point<T>]),
    ) -> Result<(), Cancelled>
    where
        L: Fn(usize) -> Point<T>,
    {
        job.check()?;
        let direct = carried.direct;
        let passes = self.begin(carried, load);
        self.other.resize(direct.len, origin::<T>());
        for (group, points) in self.points.chunks_exact_mut(direct.len + SPACE).enumerate() {
            job.check()?;
            finish(group, through(passes, &mut points[..direct.len], &mut self.other));
        }
        Ok(())
    }

    /// Brings groups here, [`SPACE`] points between them, through the first pass if that can be; the passes that are left.
    #[inline(always)]
    fn begin<'a, L>(
        &mut self,
        Carried { direct, groups, together, swap }: Carried<'a, T>,
        load: impl Fn(usize, usize) -> L,
    ) -> &'a [Pass<T>]
    where
        L: Fn(usize) -> Point<T>,
    {
        // A power of two apart, groups would be in each other's way in a cache.
        let group_len = direct.len + SPACE;
        self.points.resize(group_len * groups, origin::<T>());
        let load_swapped = |group, at| {
            let load = load(group, at);
            move |input| load(input).swapped()
        };
        if let [first, rest @ ..] = &direct.passes[..]
            && direct.begins_at_source()
        {
            if swap {
                first.begin(&mut self.points, group_len, together, load_swapped);
            } else {
                first.begin(&mut self.points, group_len, together, &load);
            }
            return rest;
        }
        for (group, points) in self.points.chunks_exact_mut(group_len).enumerate() {
            for (at, point) in points[..direct.len].iter_mut().enumerate() {
                *point = if swap { load_swapped(group, at)(0) } else { load(group, at)(0) };
            }
        }
        &direct.passes
    }

    /// Transforms each group of points, their parts swapped before if told so; where the results are.
    fn transform(&mut self, direct: &Direct<T>, swap: bool, job: &Job) -> Result<&mut [Point<T>], Cancelled> {
        let is_other = !direct.passes.len().is_multiple_of(2);
        for (group, points) in self.points.chunks_exact_mut(direct.len).enumerate() {
            job.check()?;
            if swap {
                points.iter_mut().for_each(|point| *point = point.swapped());
            }
            let other = if is_other { group } else { 0 };
            through(&direct.passes, points, &mut self.other[direct.len * other..][..direct.len]);
        }
        Ok(if is_other { &mut self.other } else { &mut self.points })
    }
}

/// What becomes of the results of a transform.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finish {
    /// Whether it is an inverse one.
    pub inverse: bool,
    /// What each result is multiplied by.
    pub scale: f64,
}

impl Finish {
    const FORWARD: Self = Self { inverse: false, scale: 1.0 };

    /// What is done to each point in the end.
    #[inline(always)]
    fn last<T: Float>(self) -> impl Fn(Point<T>) -> Point<T> + Copy {
        let last = self.last_but_swap::<T>();
        move |point| if self.inverse { last(point).swapped() } else { last(point) }
    }

    /// The same, but that the parts of the results of an inverse one are still to be swapped.
    #[inline(always)]
    fn last_but_swap<T: Float>(self) -> impl Fn(Point<T>) -> Point<T> + Copy {
        let scale = T::of(self.scale).splat();
        move |point| {
            let result = point.scaled(scale);
            Complex { re: T::tidy_lanes(result.re), im: T::tidy_lanes(result.im) }
        }
    }
}

/// Reads up to [`Float::LANES`] rows of complex numbers into the lanes of points. Lanes without a row are like the first one.
fn load_rows<T: Float>(rows: &[T], len: usize, points: &mut [Point<T>]) {
    let count = rows.len() / (2 * len);
    let row = |lane: usize| &rows[if lane < count { lane } else { 0 } * 2 * len..][..2 * len];
    let rows: [&[T]; 4] = from_fn(|lane| row(lane % T::LANES));
    let each = T::LANES / 2;
    let whole = len / each * each;
    for (number, points) in points[..whole].chunks_exact_mut(each).enumerate() {
        let mut square = [T::default().splat(); 4];
        for (vector, row) in square[..T::LANES].iter_mut().zip(rows) {
            *vector = T::load(&row[number * T::LANES..]);
        }
        T::transpose(&mut square[..T::LANES]);
        for (point, parts) in points.iter_mut().zip(square.chunks_exact(2)) {
            *point = Complex { re: parts[0], im: parts[1] };
        }
    }
    for (at, point) in points.iter_mut().enumerate().skip(whole) {
        let part = |offset: usize| -> [T; 4] { from_fn(|lane| rows[lane][2 * at + offset]) };
        *point = Complex { re: T::load(&part(0)), im: T::load(&part(1)) };
    }
}

/// The reverse of [`load_rows`]; lanes without a row are dropped.
fn store_rows<T: Float>(points: &[Point<T>], len: usize, rows: &mut [T]) {
    let each = T::LANES / 2;
    let whole = len / each * each;
    if rows.len() == T::LANES * 2 * len {
        let (mut first, mut rest) = (0, rows.chunks_exact_mut(2 * len));
        let mut rows: [&mut [T]; 4] = from_fn(|_| rest.next().unwrap_or_default());
        for points in points[..whole].chunks_exact(each) {
            let mut square = [T::default().splat(); 4];
            for (parts, point) in square.chunks_exact_mut(2).zip(points) {
                (parts[0], parts[1]) = (point.re, point.im);
            }
            T::transpose(&mut square[..T::LANES]);
            for (row, vector) in rows.iter_mut().zip(&square[..T::LANES]) {
                T::store(*vector, &mut row[first..]);
            }
            first += T::LANES;
        }
        for (at, point) in points.iter().enumerate().skip(whole) {
            let [re, im] = lanes::<T>(*point);
            for (lane, row) in rows[..T::LANES].iter_mut().enumerate() {
                (row[2 * at], row[2 * at + 1]) = (re[lane], im[lane]);
            }
        }
        return;
    }
    for (at, point) in points.iter().enumerate() {
        let [re, im] = lanes::<T>(*point);
        for (lane, row) in rows.chunks_exact_mut(2 * len).enumerate() {
            (row[2 * at], row[2 * at + 1]) = (re[lane], im[lane]);
        }
    }
}

/// The parts of a point, lane by lane.
fn lanes<T: Float>(point: Point<T>) -> [[T; 4]; 2] {
    [point.re, point.im].map(|vector| {
        let mut lanes = [T::default(); 4];
        T::store(vector, &mut lanes);
        lanes
    })
}

/// Reads columns into points, a group after another, of what each row has of them. Lanes beyond the last column are zero.
#[inline(always)]
fn load_columns<'a, T: Float>(row: impl Fn(usize) -> &'a [T], rows: usize, points: &mut [Point<T>]) {
    for at in 0..rows {
        let mut numbers = row(at);
        for points in points.chunks_exact_mut(rows) {
            let mut last = [T::default(); 8];
            let group = if let Some((group, rest)) = numbers.split_at_checked(2 * T::LANES) {
                numbers = rest;
                group
            } else {
                last[..numbers.len()].copy_from_slice(numbers);
                &last
            };
            let [re, im] = T::split([T::load(group), T::load(&group[T::LANES..])]);
            points[at] = Complex { re, im };
        }
    }
}

/// Complex numbers that lie together, one for each lane.
///
/// # Safety
/// They may be read.
#[inline(always)]
pub(super) unsafe fn load<T: Float>(from: *const T) -> Point<T> {
    // SAFETY: two vectors, by the caller's promise.
    let pairs = unsafe { [from.cast::<T::Lanes>().read_unaligned(), from.cast::<T::Lanes>().add(1).read_unaligned()] };
    let [re, im] = T::split(pairs);
    Complex { re, im }
}

/// The reverse of [`load`].
///
/// # Safety
/// They may be written.
#[inline(always)]
pub(super) unsafe fn store<T: Float>(point: Point<T>, to: *mut T) {
    // SAFETY: two vectors, by the caller's promise.
    unsafe { to.cast::<[T::Lanes; 2]>().write_unaligned(T::join([point.re, point.im])) };
}

/// A matrix of complex numbers of which several threads have columns of their own.
struct Columns<'a, T> {
    start: *mut T,
    len: usize,
    /// Numbers in a row.
    width: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: threads get at numbers by `read` and `write` only, whose callers promise that none is another thread's.
unsafe impl<T: Send> Sync for Columns<'_, T> {}

impl<'a, T: Float> Columns<'a, T> {
    fn of(matrix: &'a mut [T], width: usize) -> Self {
        Self { start: matrix.as_mut_ptr(), len: matrix.len(), width, borrowed: PhantomData }
    }

    /// One whose columns are to be written before they are read.
    fn to_be_written(room: &'a mut [MaybeUninit<T>], width: usize) -> Self {
        Self { start: room.as_mut_ptr().cast(), len: room.len(), width, borrowed: PhantomData }
    }

    /// One that is only read.
    fn lent(matrix: &'a [T], width: usize) -> Self {
        Self { start: matrix.as_ptr().cast_mut(), len: matrix.len(), width, borrowed: PhantomData }
    }

    /// Where a complex number is.
    ///
    /// # Safety
    /// It lies within the matrix.
    #[inline(always)]
    unsafe fn pointer(&self, row: usize, column: usize) -> *mut T {
        // SAFETY: by the caller's promise.
        unsafe { self.start.add(2 * (row * self.width + column)) }
    }

    /// Where a run of complex numbers of a row begins.
    #[inline(always)]
    fn at(&self, row: usize, column: usize, count: usize) -> *mut T {
        let at = 2 * (row * self.width + column);
        assert!(at + 2 * count <= self.len && column + count <= self.width, "within the matrix");
        // SAFETY: by the assertion the run lies in the slice that this was made of.
        unsafe { self.start.add(at) }
    }

    /// Reads columns into points.
    ///
    /// # Safety
    /// No other thread writes these columns meanwhile, and they have been written.
    unsafe fn read(&self, columns: Range<usize>, rows: usize, points: &mut [Point<T>]) {
        let row = |row| {
            let start = self.at(row, columns.start, columns.len());
            // SAFETY: `at` found them inside, and by the caller's promise nobody writes there.
            unsafe { std::slice::from_raw_parts(start, 2 * columns.len()) }
        };
        load_columns(row, rows, points);
    }

    /// The reverse of [`read`](Self::read), with what becomes of each point at `last`, by its group and row.
    ///
    /// # Safety
    /// No other thread reads or writes these columns meanwhile.
    #[inline(always)]
    unsafe fn write(
        &self,
        columns: Range<usize>,
        rows: usize,
        points: &[Point<T>],
        last: impl Fn(usize, usize, Point<T>) -> Point<T>,
    ) {
        for row in 0..rows {
            let mut start = self.at(row, columns.start, columns.len());
            let mut left = 2 * columns.len();
            for (group, points) in points.chunks_exact(rows).enumerate() {
                let Complex { re, im } = last(group, row, points[row]);
                let parts = T::join([re, im]);
                let count = left.min(2 * T::LANES);
                if count == 2 * T::LANES {
                    // SAFETY: `at` found the run inside, of which so many numbers are left at least, and by the caller's
                    // promise they are nobody else's. A vector has no padding, and is written wherever it is to lie.
                    unsafe { start.cast::<[T::Lanes; 2]>().write_unaligned(parts) };
                } else {
                    let mut numbers = [T::default(); 8];
                    T::store(parts[0], &mut numbers);
                    T::store(parts[1], &mut numbers[T::LANES..]);
                    // SAFETY: as above, of all that is left.
                    unsafe { start.copy_from_nonoverlapping(numbers.as_ptr(), count) };
                }
                // SAFETY: no further than the run's end.
                start = unsafe { start.add(count) };
                left -= count;
            }
        }
    }

    /// The columns that tasks take together, so many groups each.
    fn tasks(&self, groups: usize) -> impl IndexedParallelIterator<Item = Range<usize>> {
        let (width, each) = (self.width, groups * T::LANES);
        (0..width.div_ceil(each)).into_par_iter().map(move |task| task * each..width.min((task + 1) * each))
    }
}

/// How a length is transformed.
enum Method {
    Direct(Vec<usize>),
    /// Row by row, each lane with these factors.
    Lone(Vec<usize>),
    /// As a matrix of so many rows and columns.
    Steps([usize; 2]),
    /// By a convolution of this length.
    Bluestein(usize),
}

impl Method {
    fn of<T: Float>(len: usize) -> Self {
        if let Some(factors) = lane_factors::<T>(len) {
            return Self::Lone(factors);
        }
        match factors(len) {
            Some(factors) if len <= MAX_DIRECT => Self::Direct(factors),
            Some(_) => {
                let rows = (1..=len.isqrt()).rev().find(|&rows| len.is_multiple_of(rows)).unwrap_or(1);
                Self::Steps([rows, len / rows])
            }
            None => {
                let least = 2 * len - 1;
                let longer = [1, 3, 5].map(|odd| odd * least.div_ceil(odd).next_power_of_two());
                Self::Bluestein(longer.into_iter().min().unwrap_or(least))
            }
        }
    }
}

/// Everything that transforms of one length share.
pub(super) enum Plan<T: Float> {
    Direct(DirectPlan<T>),
    Lone(LonePlan<T>),
    Steps(StepsPlan<T>),
    Bluestein(BluesteinPlan<T>),
}

pub(super) struct DirectPlan<T: Float>(Direct<T>);

pub(super) struct StepsPlan<T: Float> {
    columns: Direct<T>,
    rows: Direct<T>,
    roots: Roots,
}

pub(super) struct BluesteinPlan<T: Float> {
    len: usize,
    convolution: Box<Plan<T>>,
    convolution_len: usize,
    /// `e^(−πi k² / len)`.
    chirp: Vec<Complex<T>>,
    /// The transform of its conjugate, wrapped around.
    spectrum: Vec<T>,
}

/// Complex numbers of a task where each is handled by itself: some 50 µs of work.
const PIECE: usize = 1 << 13;
/// Numbers of all convolutions that are done at a time, at least one vector of them.
const CONVOLUTIONS: usize = 1 << 21;

impl<T: Float> Plan<T> {
    /// The units of progress of making the plan and of transforming so many rows.
    pub(super) fn units(len: usize, rows: usize) -> u64 {
        match Method::of::<T>(len) {
            Method::Direct(_) | Method::Lone(_) => len as u64 * rows as u64,
            Method::Steps(_) => 2 * len as u64 * rows as u64,
            Method::Bluestein(longer) => Self::units(longer, 1 + 2 * rows),
        }
    }

    /// The plan of a length, which is 1 or more.
    pub(super) fn of(len: usize, job: &Job) -> Result<Self, KernelError> {
        Ok(match Method::of::<T>(len) {
            Method::Lone(factors) => Self::Lone(LonePlan::of(len, &factors)),
            Method::Direct(factors) => Self::Direct(DirectPlan(Direct::of(len, &factors))),
            Method::Steps([rows, columns]) => {
                let direct = |len: usize| Direct::of(len, &factors(len).unwrap_or_default());
                Self::Steps(StepsPlan { columns: direct(rows), rows: direct(columns), roots: Roots::of(len)? })
            }
            Method::Bluestein(longer) => Self::Bluestein(BluesteinPlan::of(len, longer, job)?),
        })
    }

    /// Transforms each row of complex numbers: in place, or from where they are lent.
    pub(super) fn rows(&self, data: Cow<[T]>, finish: Finish, job: &Job) -> Result<Vec<T>, KernelError> {
        match self {
            Self::Direct(plan) => plan.rows(data, finish, job),
            Self::Lone(plan) => plan.rows(data, finish, job),
            Self::Steps(plan) => plan.rows(data, finish, job),
            Self::Bluestein(plan) => plan.rows(data, finish, job),
        }
    }

    /// Transforms rows of twice as many real numbers; or back, what came of them: twice as large, unless the scale says so.
    pub(super) fn real_rows(&self, data: Cow<[T]>, finish: Finish, job: &Job) -> Result<Vec<T>, KernelError> {
        if let Self::Lone(plan) = self {
            return plan.real_rows(&data, finish, job);
        }
        let halves = Halves::of(self.len(), finish.inverse)?;
        if finish.inverse {
            self.rows(halves.rows(&data, job)?.into(), finish, job)
        } else {
            halves.rows(&self.rows(data, Finish::FORWARD, job)?, job)
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Direct(DirectPlan(direct)) => direct.len,
            Self::Lone(plan) => plan.len(),
            Self::Steps(plan) => plan.columns.len * plan.rows.len,
            Self::Bluestein(plan) => plan.len,
        }
    }

    /// Transforms each column of a matrix, whose rows have `width` complex numbers.
    pub(super) fn columns(mut data: Vec<T>, width: usize, finish: Finish, job: &Job) -> Result<Vec<T>, KernelError> {
        let rows = data.len() / 2 / width;
        if rows <= MAX_DIRECT
            && let Some(factors) = factors(rows)
        {
            let direct = &Direct::<T>::of(rows, &factors);
            let (matrix, last) = (Columns::of(&mut data, width), finish.last_but_swap::<T>());
            matrix.tasks(GROUPS).try_for_each_init(Room::new, |room, columns| {
                let groups = columns.len().div_ceil(T::LANES);
                if columns.len().is_multiple_of(T::LANES) {
                    let matrix = &matrix;
                    matrix.at(direct.len - 1, columns.start, columns.len());
                    let (apart, results_apart) = (direct.apart(), direct.results_apart());
                    // SAFETY: these columns are this task's alone, up to the last row they lie in the matrix, and all of it is written.
                    let from = |group, row| unsafe { matrix.pointer(row, columns.start + T::LANES * group) };
                    let load = |group, row| {
                        let from = from(group, row);
                        // SAFETY: as above.
                        move |input| unsafe { load(from.add(2 * width * apart * input)) }
                    };
                    let store = |group, row| {
                        let to = from(group, row);
                        // SAFETY: as above.
                        move |result, point| unsafe { store(last(point), to.add(2 * width * results_apart * result)) }
                    };
                    let carried = Carried { direct, groups, together: 1, swap: finish.inverse };
                    room.carry(carried, finish.inverse, job, load, store)?;
                } else {
                    room.fit(direct, groups);
                    // SAFETY: these columns are this task's alone, and all of the matrix is written.
                    unsafe { matrix.read(columns.clone(), direct.len, &mut room.points) };
                    let results = room.transform(direct, finish.inverse, job)?;
                    // SAFETY: these columns are this task's alone.
                    unsafe {
                        matrix.write(columns.clone(), direct.len, results, |_, _, point| finish.last::<T>()(point))
                    };
                }
                job.advance((columns.len() * direct.len) as u64);
                Ok::<_, Cancelled>(())
            })?;
            return Ok(data);
        }
        let turned = Self::of(rows, job)?.rows(transposed(data, width, job)?.into(), finish, job)?;
        transposed(turned, rows, job)
    }
}

/// A matrix of complex numbers with its rows as columns.
fn transposed<T: Float>(matrix: Vec<T>, width: usize, job: &Job) -> Result<Vec<T>, KernelError> {
    // Square tiles, so that lines of the cache are used in full both ways.
    const TILE: usize = 16;
    let rows = matrix.len() / 2 / width;
    let mut turned = zeros(matrix.len(), job)?;
    try_each_chunk(&mut turned, 2 * rows * TILE, |band, turned| {
        for top in (0..rows).step_by(TILE) {
            job.check()?;
            for (column, turned) in turned.chunks_exact_mut(2 * rows).enumerate() {
                for row in top..rows.min(top + TILE) {
                    let at = 2 * (row * width + band * TILE + column);
                    turned[2 * row..2 * row + 2].copy_from_slice(&matrix[at..at + 2]);
                }
            }
        }
        Ok::<_, Cancelled>(())
    })?;
    Ok(turned)
}

impl<T: Float> DirectPlan<T> {
    fn rows(&self, data: Cow<[T]>, finish: Finish, job: &Job) -> Result<Vec<T>, KernelError> {
        let len = self.0.len;
        let group = T::LANES * 2 * len;
        // Short rows by the group of groups, or there would be more rayon than work.
        let task = group * (PIECE / group).max(1);
        let last = finish.last::<T>();
        let transform = |room: &mut Room<T>, rows: &mut [T]| {
            room.fit(&self.0, 1);
            for rows in rows.chunks_mut(group) {
                load_rows(rows, len, &mut room.points);
                let results = room.transform(&self.0, finish.inverse, job)?;
                // Not as they are stored: there the compiler would make no vectors of it.
                results.iter_mut().for_each(|point| *point = last(*point));
                store_rows(results, len, rows);
            }
            job.advance(rows.len() as u64 / 2);
            Ok::<_, Cancelled>(())
        };
        match data {
            Cow::Owned(mut data) => {
                data.par_chunks_mut(task).try_for_each_init(Room::new, transform)?;
                Ok(data)
            }
            Cow::Borrowed(data) => {
                let mut results = reserve(data.len())?;
                let tasks = results.spare_capacity_mut()[..data.len()].par_chunks_mut(task).zip(data.par_chunks(task));
                // Copied by the task: a cache holds it until it is transformed.
                tasks.try_for_each_init(Room::new, |room, (to, from)| transform(room, to.write_copy_of_slice(from)))?;
                // SAFETY: no task was left early, so all of it was written.
                unsafe { results.set_len(data.len()) };
                Ok(results)
            }
        }
    }
}

impl<T: Float> StepsPlan<T> {
    fn rows(&self, data: Cow<[T]>, finish: Finish, job: &Job) -> Result<Vec<T>, KernelError> {
        let (len, width) = (2 * self.columns.len * self.rows.len, self.columns.len);
        let mut between = reserve(2 * self.len_between())?;
        match data {
            Cow::Owned(mut data) => {
                for row in data.chunks_exact_mut(len) {
                    self.columns(row, &mut between, finish, job)?;
                    self.transposing_rows(&between, Columns::of(row, width), finish, job)?;
                }
                Ok(data)
            }
            Cow::Borrowed(data) => {
                let mut results = reserve(data.len())?;
                let rooms = results.spare_capacity_mut()[..data.len()].chunks_exact_mut(len);
                for (row, room) in data.chunks_exact(len).zip(rooms) {
                    self.columns(row, &mut between, finish, job)?;
                    self.transposing_rows(&between, Columns::to_be_written(room, width), finish, job)?;
                }
                // SAFETY: of each row all results were written.
                unsafe { results.set_len(data.len()) };
                Ok(results)
            }
        }
    }

    /// Numbers in a row of what lies between the steps: a point of the next steps for each of theirs.
    fn width_between(&self) -> usize {
        T::LANES * self.rows.len
    }

    /// Numbers that lie between the steps.
    fn len_between(&self) -> usize {
        self.columns.len.div_ceil(T::LANES) * self.width_between()
    }

    /// The first steps: columns, and a turn of each number by a root of its row and column.
    ///
    /// What comes of them lies as points of the next steps, those of as many rows as there are lanes one after another: these read them
    /// in one go then, and need not bring rows into lanes. Lanes beyond the last row are zero.
    fn columns(&self, from: &[T], between: &mut Vec<T>, finish: Finish, job: &Job) -> Result<(), Cancelled> {
        let (matrix, len) = (Columns::lent(from, self.rows.len), 2 * self.len_between());
        between.clear();
        let to = Columns::to_be_written(&mut between.spare_capacity_mut()[..len], self.width_between());
        matrix.tasks(GROUPS_IN_TURN).try_for_each_init(
            || (Room::new(), TaskRoots::default()),
            |(room, roots), columns| {
                let count = columns.len() * self.columns.len;
                let task = ColumnsTask { from: &matrix, to: &to, columns, swap: finish.inverse };
                if T::LANES == 4 {
                    self.task_of_columns::<4>(room, roots, task, job)?;
                } else {
                    self.task_of_columns::<2>(room, roots, task, job)?;
                }
                job.advance(count as u64);
                Ok(())
            },
        )?;
        // SAFETY: no task was left early, so all of it was written.
        unsafe { between.set_len(len) };
        Ok(())
    }

    /// The columns of a task. `EACH` is the number of lanes.
    fn task_of_columns<const EACH: usize>(
        &self,
        room: &mut Room<T>,
        roots: &mut TaskRoots<T>,
        ColumnsTask { from, to, columns, swap }: ColumnsTask<T>,
        job: &Job,
    ) -> Result<(), Cancelled> {
        let (direct, start, groups) = (&self.columns, columns.start, columns.len().div_ceil(EACH));
        roots.make(&self.roots, columns.clone(), direct.len);
        to.at((direct.len - 1) / EACH, EACH * start, EACH * columns.len());
        let roots = &*roots;
        let finish = |group: usize, results: &[Point<T>]| {
            let first = start + EACH * group;
            let count = EACH.min(columns.end - first);
            let put = |row: usize, points: [Point<T>; EACH]| {
                let points = lanes_across::<T, EACH>(points);
                // SAFETY: these columns are this task's alone, and lie there up to the last row.
                let to = unsafe { to.pointer(row / EACH, EACH * first) };
                for (column, point) in points.into_iter().enumerate() {
                    if column < count {
                        // SAFETY: as above, of each column a point.
                        unsafe { to.cast::<Point<T>>().add(column).write_unaligned(point) };
                    }
                }
            };
            let (low, high) = roots.of(group);
            for ((row, results), high) in (0..).step_by(low.len()).zip(results.chunks(low.len())).zip(high) {
                let (blocks, rest) = results.as_chunks::<EACH>();
                for ((row, block), low) in (row..).step_by(EACH).zip(blocks).zip(low.as_chunks::<EACH>().0) {
                    put(row, from_fn(|each| block[each].times(high.times(low[each]))));
                }
                if !rest.is_empty() {
                    let at = results.len() - rest.len();
                    let result = |each: usize| rest.get(each).map(|result| result.times(high.times(low[at + each])));
                    put(row + at, from_fn(|each| result(each).unwrap_or(origin::<T>())));
                }
            }
        };
        if columns.len().is_multiple_of(EACH) {
            from.at(direct.len - 1, start, columns.len());
            let (width, apart) = (from.width, direct.apart());
            let load = |group, row| {
                // SAFETY: nobody writes there, and up to the last row the columns lie in the matrix.
                let from = unsafe { from.pointer(row, start + EACH * group) };
                // SAFETY: as above.
                move |input| unsafe { load(from.add(2 * width * apart * input)) }
            };
            room.fetch(Carried { direct, groups, together: 1, swap }, job, load, finish)
        } else {
            room.fit(direct, groups);
            // SAFETY: nobody writes there.
            unsafe { from.read(columns.clone(), direct.len, &mut room.points) };
            let results = room.transform(direct, swap, job)?.chunks_exact(direct.len);
            results.enumerate().for_each(|(group, results)| finish(group, results));
            Ok(())
        }
    }

    /// The last steps: rows, whose results are columns of the result.
    fn transposing_rows(&self, between: &[T], matrix: Columns<T>, finish: Finish, job: &Job) -> Result<(), Cancelled> {
        let (direct, last) = (&self.rows, finish.last_but_swap::<T>());
        let from = Columns::lent(between, self.width_between());
        matrix.tasks(GROUPS).try_for_each_init(Room::new, |room, rows| {
            let (first, groups) = (rows.start / T::LANES, rows.len().div_ceil(T::LANES));
            from.at(first + groups - 1, 0, from.width);
            let apart = direct.apart();
            let load = |group, at: usize| {
                // SAFETY: nobody writes there, and the rows lie within.
                let from = unsafe { from.pointer(first + group, T::LANES * at) }.cast::<Point<T>>();
                // SAFETY: as above, a point for each number of the rows.
                move |input| unsafe { from.add(apart * input).read_unaligned() }
            };
            if rows.len().is_multiple_of(T::LANES) {
                matrix.at(direct.len - 1, rows.start, rows.len());
                let (width, results_apart) = (matrix.width, direct.results_apart());
                let matrix = &matrix;
                let store = |group, row| {
                    // SAFETY: these columns are this task's alone, and up to the last row they lie in the matrix.
                    let to = unsafe { matrix.pointer(row, rows.start + T::LANES * group) };
                    // SAFETY: as above.
                    move |result, point| unsafe { store(last(point), to.add(2 * width * results_apart * result)) }
                };
                let carried = Carried { direct, groups, together: direct.len, swap: false };
                room.carry(carried, finish.inverse, job, load, store)?;
            } else {
                room.fit(direct, groups);
                for (group, points) in room.points.chunks_exact_mut(direct.len).enumerate() {
                    points.iter_mut().enumerate().for_each(|(at, point)| *point = load(group, at)(0));
                }
                let (last, results) = (finish.last::<T>(), room.transform(direct, false, job)?);
                // SAFETY: these columns are this task's alone.
                unsafe { matrix.write(rows.clone(), direct.len, results, |_, _, point| last(point)) };
            }
            job.advance((rows.len() * direct.len) as u64);
            Ok(())
        })
    }
}

/// Of as many points as there are lanes, the first lanes as a point, the second ones, …
#[inline(always)]
pub(super) fn lanes_across<T: Float, const EACH: usize>(points: [Point<T>; EACH]) -> [Point<T>; EACH] {
    let (mut re, mut im) = (points.map(|point| point.re), points.map(|point| point.im));
    T::transpose(&mut re);
    T::transpose(&mut im);
    from_fn(|lane| Complex { re: re[lane], im: im[lane] })
}

/// What a task of the first steps does: columns of a matrix, brought to what lies between the steps.
struct ColumnsTask<'a, T> {
    from: &'a Columns<'a, T>,
    to: &'a Columns<'a, T>,
    columns: Range<usize>,
    /// Whether the parts of numbers are swapped before.
    swap: bool,
}

/// Of the columns of a task, the roots that the results of each are turned by: that of a row is the product of two.
struct TaskRoots<T: Float> {
    /// Of the first rows, group by group.
    low: Vec<Point<T>>,
    /// Of every so manyth row, group by group.
    high: Vec<Point<T>>,
    lows: usize,
    highs: usize,
}

impl<T: Float> Default for TaskRoots<T> {
    fn default() -> Self {
        Self { low: Vec::new(), high: Vec::new(), lows: 0, highs: 0 }
    }
}

impl<T: Float> TaskRoots<T> {
    /// Makes them, for so many rows.
    fn make(&mut self, roots: &Roots, columns: Range<usize>, rows: usize) {
        self.lows = (1 << rows.next_power_of_two().ilog2().div_ceil(2)).max(T::LANES);
        self.highs = rows.div_ceil(self.lows);
        let of = |first: usize, row: usize| {
            // Lanes without a column have the last one's.
            let column = |lane: usize| (first + lane % T::LANES).min(columns.end - 1);
            let roots: [[f64; 2]; 4] = from_fn(|lane| roots.get((column(lane) * row) as u64));
            let part = |part: usize| T::load(&roots.map(|root| T::of(root[part])));
            Complex { re: part(0), im: part(1) }
        };
        self.low.clear();
        self.high.clear();
        for first in columns.clone().step_by(T::LANES) {
            self.low.extend((0..self.lows).map(|row| of(first, row.min(rows - 1))));
            self.high.extend((0..self.highs).map(|row| of(first, row * self.lows)));
        }
    }

    /// Those of a group: of the first rows, and of each row after as many.
    fn of(&self, group: usize) -> (&[Point<T>], &[Point<T>]) {
        (&self.low[self.lows * group..][..self.lows], &self.high[self.highs * group..][..self.highs])
    }
}

impl<T: Float> BluesteinPlan<T> {
    fn of(len: usize, convolution_len: usize, job: &Job) -> Result<Self, KernelError> {
        let convolution = Box::new(Plan::of(convolution_len, job)?);
        let mut chirp = reserve(len)?;
        chirp.resize(len, Complex { re: T::default(), im: T::default() });
        let (twice, roots) = (2 * len as u64, Roots::of(2 * len)?);
        try_each_chunk(&mut chirp, PIECE, |piece, chirp| {
            job.check()?;
            for (k, number) in ((piece * (PIECE)) as u64..).zip(chirp) {
                let [re, im] = roots.get(k * k % twice);
                *number = Complex { re: T::of(re), im: T::of(im) };
            }
            Ok::<_, Cancelled>(())
        })?;
        let mut wrapped = zeros(2 * convolution_len, job)?;
        for (k, root) in chirp.iter().enumerate() {
            for at in [k, (convolution_len - k) % convolution_len] {
                (wrapped[2 * at], wrapped[2 * at + 1]) = (root.re, -root.im);
            }
        }
        let spectrum = convolution.rows(wrapped.into(), Finish::FORWARD, job)?;
        Ok(Self { len, convolution, convolution_len, chirp, spectrum })
    }

    fn rows(&self, data: Cow<[T]>, finish: Finish, job: &Job) -> Result<Vec<T>, KernelError> {
        let mut data = owned(data, job)?;
        let each = (CONVOLUTIONS / self.convolution_len).next_multiple_of(T::LANES);
        for rows in data.chunks_mut(each * 2 * self.len) {
            let count = rows.len() / (2 * self.len);
            let mut convolved = zeros(count * 2 * self.convolution_len, job)?;
            try_each_chunk(&mut convolved, 2 * self.convolution_len, |row, to| {
                let from = chunk(rows, 2 * self.len, row);
                in_pieces(&mut to[..2 * self.len], job, |k, _| {
                    let number = at(from, k);
                    if finish.inverse { number.swapped() } else { number }.times(self.chirp[k])
                })
            })?;
            let mut convolved = self.convolution.rows(convolved.into(), Finish::FORWARD, job)?;
            try_each_chunk(&mut convolved, 2 * self.convolution_len, |_, to| {
                in_pieces(to, job, |k, number| number.times(at(&self.spectrum, k)))
            })?;
            let back = Finish { inverse: true, scale: 1.0 / self.convolution_len as f64 };
            let convolved = self.convolution.rows(convolved.into(), back, job)?;
            let scale = T::of(finish.scale);
            try_each_chunk(rows, 2 * self.len, |row, to| {
                let from = chunk(&convolved, 2 * self.convolution_len, row);
                in_pieces(to, job, |k, _| {
                    let result = at(from, k).times(self.chirp[k]).scaled(scale);
                    let result = Complex { re: result.re.tidy(), im: result.im.tidy() };
                    if finish.inverse { result.swapped() } else { result }
                })
            })?;
        }
        Ok(data)
    }
}

/// Makes each complex number anew, of its place and what it is.
pub(super) fn in_pieces<T: Float>(
    numbers: &mut [T],
    job: &Job,
    make: impl Fn(usize, Complex<T>) -> Complex<T> + Sync,
) -> Result<(), Cancelled> {
    try_each_chunk(numbers, 2 * PIECE, |piece, numbers| {
        job.check()?;
        let (numbers, _) = numbers.as_chunks_mut();
        for (k, number) in (piece * PIECE..).zip(numbers) {
            let [re, im] = *number;
            let result = make(k, Complex { re, im });
            *number = [result.re, result.im];
        }
        Ok(())
    })
}

/// The complex number at a place.
#[inline(always)]
pub(super) fn at<T: Float>(numbers: &[T], k: usize) -> Complex<T> {
    Complex { re: numbers[2 * k], im: numbers[2 * k + 1] }
}
