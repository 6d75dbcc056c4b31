//! The orbit of one point under `z ← z² + c` in as many digits as it takes: what a deep picture's pixels are measured from.

use super::decimal::Decimal;
use super::scaled::{Scaled, power, square};
use crate::{Job, KernelError};
use num_bigint::BigInt;
use std::ops::Range;

/// The orbit of `c` from z₀ = 0 on, to the last point that is wanted, the first beyond radius 2, or where it repeats itself.
pub(super) struct Orbit {
    /// z₀, z₁ = c, z₂, …: the nearest f64s.
    points: Vec<[f64; 2]>,
    /// Those so near to 0 that f64 does not hold what becomes of them, by their places.
    small: Vec<(usize, Scaled)>,
    /// Of those so near to the circle of radius 2 that f64 may not tell on which side they are: |z|² − 4, by their places.
    rim: Vec<(usize, Scaled)>,
    /// The place of the point that is the same as the last, after which the orbit goes on for ever.
    pub back: Option<usize>,
}

/// The square of the distance from 0 below which a point is also kept as [`Scaled`].
pub(super) const SMALL: f64 = 1.0 / (1_u128 << 100) as f64 / (1_u128 << 100) as f64 / (1_u128 << 100) as f64;

/// The squares of the distances from 0 between which |z|² − 4 is kept too.
pub(super) const RIM: Range<f64> = 4.0 - 1e-6..4.0 + 1e-6;

/// Points of a cycle, with those before it, to which it is written out.
const WRITTEN_OUT: usize = 1 << 14;

/// Points between two changes of the job's progress.
const STRIDE: usize = 1 << 10;

impl Orbit {
    /// Computes the orbit of `c` with `bits` bits after the point, to at most `most` points after z₀.
    ///
    /// Fixed-point numbers suit: all points but the last lie within radius 2, and what counts is their absolute error.
    pub fn of<P>(c: [&Decimal; 2], bits: u64, most: u32, job: &Job<P>) -> Result<Self, KernelError> {
        job.set_total(u64::from(most));
        let [cr, ci] = c.map(|part| part.fixed(bits));
        let mut orbit = Self { points: vec![[0.0; 2]], small: vec![(0, Scaled::ZERO)], rim: Vec::new(), back: None };
        let (mut zr, mut zi) = (cr.clone(), ci.clone());
        // What a later point is compared with to see whether it has been there before (R. P. Brent, BIT 20, 1980).
        let mut seen = (1, zr.clone(), zi.clone());
        loop {
            orbit.push(&zr, &zi, bits)?;
            let last = orbit.last();
            if square(orbit.points[last]) > 4.0 || last == most as usize {
                return Ok(orbit);
            }
            job.check()?;
            if last.is_multiple_of(STRIDE) {
                job.advance(STRIDE as u64);
            }
            if last > 1 && seen.1 == zr && seen.2 == zi {
                orbit.repeat(seen.0);
                return Ok(orbit);
            }
            if last.is_power_of_two() {
                seen = (last, zr.clone(), zi.clone());
            }
            // Two products are enough: zr² − zi² is (zr + zi)(zr − zi).
            let squares: BigInt = (&zr + &zi) * (&zr - &zi);
            job.check()?;
            let product: BigInt = zr * zi;
            zr = (squares >> bits) + &cr;
            zi = (product >> (bits - 1)) + &ci;
        }
    }

    fn push(&mut self, zr: &BigInt, zi: &BigInt, bits: u64) -> Result<(), KernelError> {
        let ((re, re_exponent), (im, im_exponent)) = (float(zr, bits), float(zi, bits));
        let exponent = re_exponent.max(im_exponent);
        let z = Scaled::of([re * power(re_exponent - exponent), im * power(im_exponent - exponent)], exponent);
        let bytes = (self.points.len() + 1) as u64 * size_of::<[f64; 2]>() as u64;
        self.points.try_reserve(1).map_err(|_| KernelError::OutOfMemory { bytes: Some(bytes) })?;
        self.points.push(z.at(0));
        if square(z.at(0)) < SMALL {
            self.small.push((self.last(), z));
        }
        if RIM.contains(&square(z.at(0))) {
            let beyond: BigInt = zr * zr + zi * zi - (BigInt::from(4) << (2 * bits));
            let (beyond, exponent) = float(&beyond, 2 * bits);
            self.rim.push((self.last(), Scaled::of([beyond, 0.0], exponent)));
        }
        Ok(())
    }

    /// Says that the last point is the one at `back` again, and writes a short cycle out as often as it fits: long skips need long orbits.
    fn repeat(&mut self, back: usize) {
        let period = self.last() - back;
        while self.last() + period <= WRITTEN_OUT {
            let next = self.last() + 1;
            let again = |list: &[(usize, Scaled)]| {
                list.iter()
                    .filter(|&&(place, _)| place + period >= next)
                    .map(|&(place, z)| (place + period, z))
                    .collect::<Vec<_>>()
            };
            let (small, rim) = (again(&self.small), again(&self.rim));
            self.small.extend(small);
            self.rim.extend(rim);
            self.points.extend_from_within(next - period..);
        }
        self.back = Some(back);
    }

    /// The points by their places.
    pub fn points(&self) -> &[[f64; 2]] {
        &self.points
    }

    /// The place of the last point.
    pub fn last(&self) -> usize {
        self.points.len() - 1
    }

    /// Whether what is at a distance from a point is beyond radius 2, though it be on the circle as far as f64 tells.
    pub fn is_beyond(&self, place: usize, distance: Scaled) -> bool {
        let z = self.at(place);
        match self.rim.binary_search_by_key(&place, |&(place, _)| place) {
            // |z + d|² is |z|² + Re((2z + d) · d̄).
            Ok(index) => {
                z.plus(z).plus(distance).times_conjugate(distance).real().plus(self.rim[index].1).is_positive()
            }
            Err(_) => square(z.plus(distance).at(0)) > 4.0,
        }
    }

    /// A point, however near to 0.
    pub fn at(&self, place: usize) -> Scaled {
        match self.small.binary_search_by_key(&place, |&(place, _)| place) {
            Ok(index) => self.small[index].1,
            Err(_) => Scaled::of(self.points[place], 0),
        }
    }
}

/// A fixed-point number with `bits` bits after the point as an f64 times 2 to a power.
pub(super) fn float(number: &BigInt, bits: u64) -> (f64, i32) {
    let mut digits = number.iter_u64_digits().rev();
    let (high, low) = (digits.next().unwrap_or(0), digits.next().unwrap_or(0));
    let float = (u128::from(high) << 64 | u128::from(low)) as f64;
    let exponent = number.bits().div_ceil(64) as i64 * 64 - 128 - bits as i64;
    (if number.sign() == num_bigint::Sign::Minus { -float } else { float }, exponent as i32)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    fn orbit(re: &str, im: &str, bits: u64, most: u32) -> Orbit {
        Orbit::of([&re.into(), &im.into()], bits, most, &Job::<()>::detached()).unwrap()
    }

    #[test]
    fn it_is_the_orbit() {
        let (cr, ci) = (-0.743_643_887, 0.131_825_904);
        let found = orbit("-0.743643887", "0.131825904", 192, 60);
        assert_eq!((found.last(), found.back), (60, None));
        let (mut zr, mut zi) = (0.0, 0.0);
        for (place, point) in found.points().iter().enumerate() {
            assert!((zr - point[0]).abs() + (zi - point[1]).abs() < 1e-12, "{place}: {point:?}");
            assert_eq!(found.at(place).at(0), *point);
            (zr, zi) = (zr * zr - zi * zi + cr, 2.0 * zr * zi + ci);
        }
    }

    #[test]
    fn it_ends_beyond_radius_2() {
        assert_eq!(orbit("0.5", "0.5", 128, 1000).last(), 5);
        assert_eq!(orbit("3", "0", 128, 1000).points(), [[0.0, 0.0], [3.0, 0.0]]);
        assert_eq!(orbit("-1e308", "1e300", 128, 1000).points()[1], [-1e308, 1e300]);
    }

    #[test]
    fn it_goes_back_where_it_has_been() {
        for (re, im, last, back) in [("-1", "0", 4, 2), ("0", "1", 4, 2), ("0", "0", 2, 1), ("-2", "0", 3, 2)] {
            let found = orbit(re, im, 128, 1_000_000);
            assert_eq!(found.back, Some(back), "{re}, {im}");
            let period = last - back;
            assert!((found.last() - back).is_multiple_of(period) && found.last() > WRITTEN_OUT - period);
            for place in last..=found.last() {
                assert_eq!(found.at(place), found.at(place - period), "{re}, {im}: {place}");
                assert!(!found.is_beyond(place, Scaled::ZERO));
            }
        }
        // It closes in on two points, until rounding brings it to a standstill.
        let found = orbit("-0.9", "0.1", 1000, 1_000_000);
        assert!(found.back.is_some() && found.last() < 20_000);
    }

    #[test]
    fn points_next_to_0_keep_their_size() {
        let found = orbit("-1", "1e-400", 2000, 2);
        // (−1 + ε i)² − 1 + ε i is −ε² − ε i.
        assert_eq!(found.points()[2], [0.0, 0.0]);
        let z = found.at(2);
        let expected = float(&Decimal::from("-1e-400").fixed(3000), 3000);
        let [re, im] = z.at(expected.1);
        assert!(re.abs() < 1e-100 && (im / expected.0 - 1.0).abs() < 1e-15, "{z:?}");
    }

    #[test]
    fn a_cancelled_job_stops() {
        let job = Job::<()>::detached();
        job.control().request_cancel();
        let stopped = Orbit::of([&"-0.75".into(), &"0.1".into()], 192, 1000, &job);
        assert!(matches!(stopped, Err(KernelError::Cancelled)));
    }
}
