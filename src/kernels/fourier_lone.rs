//! Transforms of rows one at a time, each in all lanes: a row of middling length stays in the first cache so, where as many rows as there are
//! lanes would not.
//!
//! Each lane transforms every so manyth number of the row, as `fourier.rs` does, and a last pass puts the lanes' transforms together: decimation in
//! time by the number of lanes (J. W. Cooley and J. W. Tukey, Math. Comp. 19, 1965). The numbers come to their lanes by being loaded, and no others
//! lie beside.

use super::floats::Float;
use super::fourier::{Butterfly, Carried, Direct, Finish, Four, Point, Room, Two, factors, lanes_across, load, store};
use super::fourier_real::{Halves, tidy_if_odd};
use super::radix::reserve;
use super::turn::turn;
use crate::{Cancelled, Job, KernelError};
use rayon::prelude::*;
use std::array::from_fn;
use std::borrow::Cow;
use std::cell::Cell;
use std::mem::MaybeUninit;

/// The longest row. Of one row alone, longer ones are better shared by all threads.
const LONGEST: usize = 1 << 16;
/// The shortest row: each lane has as many numbers of it as there are lanes.
const SHORTEST: usize = 16;
/// After rows of up to so many bytes, the next one is fetched while this one is done: the first pass reads in as many places as it has inputs, and each
/// run there is too short for the processor to foresee. Longer runs it does, and a longer row would be in the way of the one before.
const FORESEEN: usize = 1 << 13;
/// Bytes of a line of the cache.
const LINE: usize = 64;
/// As many roots are kept; those after are products, so that a long row has no table as long as itself to be made, and read each time.
const LOWS: usize = 64;
/// Numbers of a task: some 50 µs of work.
const TASK: usize = 1 << 13;

/// The factors of what each lane transforms, if rows of such a length are transformed here.
pub(super) fn lane_factors<T: Float>(len: usize) -> Option<Vec<usize>> {
    if (SHORTEST..=LONGEST).contains(&len) && len.is_multiple_of(T::LANES) { factors(len / T::LANES) } else { None }
}

pub(super) struct LonePlan<T: Float> {
    /// Of each lane.
    direct: Direct<T>,
    /// The roots that the results of each lane but the first are turned by, for as many results as there are lanes: of the first ones.
    low: Vec<Point<T>>,
    /// What leads from those to the ones after: of every [`LOWS`]th, of each lane but the first.
    high: Vec<Point<T>>,
    /// Of the last ones, where they do not come out even.
    last: Vec<Point<T>>,
}

/// Where a task makes transforms, and the row that lies between the two halves of one of reals.
struct Desk<T: Float> {
    room: Room<T>,
    row: Vec<T>,
}

impl<T: Float> LonePlan<T> {
    pub(super) fn of(len: usize, factors: &[usize]) -> Self {
        let direct = Direct::of(len / T::LANES, factors);
        // Of each lane but the first, for the results from `start` on, which are `apart` from each other.
        let roots = |start: usize, apart: usize| {
            (1..T::LANES).map(move |lane| {
                let roots: [_; 4] =
                    from_fn(|each| turn((lane * (start + apart * (each % T::LANES))) as u64, len as u64));
                Point::<T> {
                    re: T::load(&roots.map(|[cosine, _]| T::of(cosine))),
                    im: T::load(&roots.map(|[_, sine]| T::of(-sine))),
                }
            })
        };
        let even = direct.len / T::LANES * T::LANES;
        let low = (0..even.min(LOWS * T::LANES)).step_by(T::LANES).flat_map(|start| roots(start, 1)).collect();
        let high = (0..even).step_by(LOWS * T::LANES).flat_map(|start| roots(start, 0)).collect();
        let last = if even < direct.len { roots(direct.len - T::LANES, 1).collect() } else { Vec::new() };
        Self { direct, low, high, last }
    }

    pub(super) fn len(&self) -> usize {
        T::LANES * self.direct.len
    }

    /// Rows that a task does.
    fn together(&self) -> usize {
        (TASK / self.len()).max(1)
    }

    /// Transforms each row of complex numbers: in place, or from where they are lent.
    pub(super) fn rows(&self, data: Cow<[T]>, finish: Finish, job: &Job) -> Result<Vec<T>, KernelError> {
        let each = 2 * self.len();
        match data {
            Cow::Owned(mut data) => {
                data.par_chunks_mut(each * self.together()).try_for_each_init(Room::new, |room, rows| {
                    for row in rows.chunks_exact_mut(each) {
                        let row = row.as_mut_ptr();
                        // SAFETY: a row of this task alone.
                        unsafe { self.row(room, (row, &[]), row, finish, job)? };
                    }
                    job.advance(rows.len() as u64 / 2);
                    Ok::<_, Cancelled>(())
                })?;
                Ok(data)
            }
            Cow::Borrowed(data) => self.each_row(data, [each, each], Room::new, job, |room, [from, next], to| {
                // SAFETY: rows, of which the second is this task's alone.
                unsafe { self.row(room, (from.as_ptr(), next), to.as_mut_ptr().cast(), finish, job) }
            }),
        }
    }

    /// Transforms rows of twice as many real numbers; or back, what [`real_rows`](Self::real_rows) made of them.
    pub(super) fn real_rows(&self, data: &[T], finish: Finish, job: &Job) -> Result<Vec<T>, KernelError> {
        let half = self.len();
        let halves = Halves::of(half, finish.inverse)?;
        let desk = || Desk { room: Room::new(), row: Vec::with_capacity(2 * half) };
        let [short, long] = [2 * half, 2 * (half + 1)];
        if finish.inverse {
            self.each_row(data, [long, short], desk, job, |Desk { room, row }, [from, next], to| {
                halves.row(from, &mut row.spare_capacity_mut()[..short]);
                // SAFETY: the row was written, and it and the results are this task's alone.
                unsafe { self.row(room, (row.as_ptr(), next), to.as_mut_ptr().cast(), finish, job) }
            })
        } else {
            self.each_row(data, [short, long], desk, job, |Desk { room, row }, [from, next], to| {
                // SAFETY: the row has room for so many, and is this task's alone; all of them are written.
                let row = unsafe {
                    self.row_to(room, (from.as_ptr(), next), row.as_mut_ptr(), false, job, |point| point)?;
                    std::slice::from_raw_parts(row.as_ptr(), short)
                };
                halves.row(row, to);
                Ok(())
            })
        }
    }

    /// Makes of each row another one, of floats as many as are told. `make` is given the row and what is to be fetched of the next one, and writes all
    /// of the other unless it fails.
    fn each_row<S>(
        &self,
        data: &[T],
        [from_len, to_len]: [usize; 2],
        start: impl Fn() -> S + Sync + Send,
        job: &Job,
        make: impl Fn(&mut S, [&[T]; 2], &mut [MaybeUninit<T>]) -> Result<(), Cancelled> + Sync + Send,
    ) -> Result<Vec<T>, KernelError> {
        let rows = data.len() / from_len;
        let together = self.together();
        let fetches = from_len * size_of::<T>() <= FORESEEN;
        let mut results = reserve(rows * to_len)?;
        let tasks = results.spare_capacity_mut()[..rows * to_len].par_chunks_mut(together * to_len);
        tasks.zip(data.par_chunks(together * from_len)).try_for_each_init(start, |state, (to, from)| {
            for (number, (to, row)) in to.chunks_exact_mut(to_len).zip(from.chunks_exact(from_len)).enumerate() {
                let next = if fetches { from.get((number + 1) * from_len..).unwrap_or_default() } else { &[] };
                make(state, [row, &next[..next.len().min(2 * self.len())]], to)?;
            }
            job.advance((from.len() / from_len * self.len()) as u64);
            Ok::<_, Cancelled>(())
        })?;
        // SAFETY: no task was left early, so each row was written.
        unsafe { results.set_len(rows * to_len) };
        Ok(results)
    }

    /// Transforms a row.
    ///
    /// # Safety
    /// As [`row_to`](Self::row_to).
    unsafe fn row(
        &self,
        room: &mut Room<T>,
        (from, next): (*const T, &[T]),
        to: *mut T,
        finish: Finish,
        job: &Job,
    ) -> Result<(), Cancelled> {
        let nan = Cell::new(T::default().splat());
        let seen = |point: Point<T>| {
            nan.set(nan.get() + (point.re + point.im));
            point
        };
        // SAFETY: the caller's promise.
        let row = unsafe {
            if finish.inverse {
                let scale = T::of(finish.scale).splat();
                self.row_to(room, (from, next), to, true, job, |point| seen(point.scaled(scale)).swapped())?;
            } else {
                self.row_to(room, (from, next), to, false, job, seen)?;
            }
            std::slice::from_raw_parts_mut(to, 2 * self.len())
        };
        tidy_if_odd(nan.get(), row);
        Ok(())
    }

    /// Transforms a row, the parts of its numbers swapped before if told so, and makes `last` of each result.
    ///
    /// # Safety
    /// So many numbers may be read from the first place and written to the second, by nobody else meanwhile; the places may be one.
    #[inline(always)]
    unsafe fn row_to(
        &self,
        room: &mut Room<T>,
        (from, next): (*const T, &[T]),
        to: *mut T,
        swap: bool,
        job: &Job,
        last: impl Fn(Point<T>) -> Point<T>,
    ) -> Result<(), Cancelled> {
        // SAFETY: so many results are within the row.
        let put = |at: usize, point| unsafe { store(last(point), to.add(2 * at)) };
        let apart = 2 * T::LANES * self.direct.apart();
        let carried = Carried { direct: &self.direct, groups: 1, together: self.direct.len, swap };
        let load = |_, at: usize| {
            // SAFETY: within the row, as all places of a lane's numbers are.
            move |input: usize| unsafe { load(from.add(2 * T::LANES * at + apart * input)) }
        };
        room.fetch(carried, job, load, |_, points| {
            if T::LANES == 4 {
                self.put_together::<4>(points, next, Four, put);
            } else {
                self.put_together::<2>(points, next, Two, put);
            }
        })
    }

    /// The last pass: `put` is given as many results at a time as there are lanes, and the place of the first.
    #[inline(always)]
    fn put_together<const EACH: usize>(
        &self,
        points: &[Point<T>],
        next: &[T],
        butterfly: impl Butterfly<T, EACH>,
        put: impl Fn(usize, Point<T>),
    ) {
        let apart = self.direct.len;
        let block = |start: usize, points: &[Point<T>], root: [Point<T>; EACH]| {
            let lanes = lanes_across::<T, EACH>(from_fn(|each| points[each]));
            let turned = |lane: usize| if lane == 0 { lanes[0] } else { lanes[lane].times(root[lane]) };
            butterfly.run(turned, |result, point| put(start + apart * result, point));
        };
        let mut fetched = next.chunks(2 * EACH * EACH);
        let groups = points.chunks(LOWS * EACH).zip(self.high.chunks_exact(EACH - 1)).enumerate();
        for (group, (points, high)) in groups {
            let blocks = points.chunks_exact(EACH).zip(self.low.chunks_exact(EACH - 1)).enumerate();
            for (number, (points, low)) in blocks {
                // What is to be fetched of the next row, if anything, comes line by line between what there is to do.
                for number in fetched.next().into_iter().flat_map(|next| next.iter().step_by(LINE / size_of::<T>())) {
                    // SAFETY: a borrowed number. It is read for its line's sake, which the compiler would leave out.
                    unsafe { std::ptr::from_ref(number).read_volatile() };
                }
                let roots = from_fn(|lane| {
                    let lane = lane.max(1) - 1;
                    if group == 0 { low[lane] } else { low[lane].times(high[lane]) }
                });
                block(EACH * (LOWS * group + number), points, roots);
            }
        }
        if !self.last.is_empty() {
            // Partly those before once more.
            let start = apart - EACH;
            block(start, &points[start..], from_fn(|lane| self.last[lane.max(1) - 1]));
        }
    }
}
