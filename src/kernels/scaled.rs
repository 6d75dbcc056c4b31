//! Complex numbers far below the least f64: a pair of f64 with an exponent of its own.

/// `(re + im·i) · 2^exponent`. The greater of the two parts is from 1 to 2, or all are [`ZERO`](Self::ZERO).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scaled {
    re: f64,
    im: f64,
    pub exponent: i32,
}

impl Scaled {
    /// Its exponent is below every other.
    pub const ZERO: Self = Self { re: 0.0, im: 0.0, exponent: -(1 << 28) };

    /// The parts, times 2 to a power. The parts are finite.
    pub fn of([re, im]: [f64; 2], exponent: i32) -> Self {
        let greater = if re.abs() > im.abs() { re.abs() } else { im.abs() };
        if greater == 0.0 {
            return Self::ZERO;
        }
        // Of a subnormal one this is a little too great, and the parts stay below 1: they have few digits anyway.
        let shift = (greater.to_bits() >> 52) as i32 - 1023;
        let scale = power(-shift);
        Self { re: re * scale, im: im * scale, exponent: exponent + shift }
    }

    /// The parts in units of 2 to a power: 0 or infinite where f64 does not reach.
    #[inline(always)]
    pub fn at(self, exponent: i32) -> [f64; 2] {
        let scale = power(self.exponent - exponent);
        [self.re * scale, self.im * scale]
    }

    pub fn plus(self, other: Self) -> Self {
        let exponent = self.exponent.max(other.exponent);
        let ([a, b], [c, d]) = (self.at(exponent), other.at(exponent));
        Self::of([a + c, b + d], exponent)
    }

    pub fn times(self, other: Self) -> Self {
        let parts = [self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re];
        if self == Self::ZERO || other == Self::ZERO {
            return Self::ZERO;
        }
        Self::of(parts, self.exponent + other.exponent)
    }

    /// The real part alone.
    pub fn real(self) -> Self {
        Self::of([self.re, 0.0], self.exponent)
    }

    /// Whether the real part is above 0.
    pub fn is_positive(self) -> bool {
        self.re > 0.0
    }

    /// It times the conjugate of another.
    pub fn times_conjugate(self, other: Self) -> Self {
        self.times(Self { im: -other.im, ..other })
    }

    /// Whether it is nearer to 0.
    pub fn is_less_than(self, other: Self) -> bool {
        let exponent = self.exponent.max(other.exponent);
        square(self.at(exponent)) < square(other.at(exponent))
    }
}

/// The square of the distance from 0.
#[inline(always)]
pub(super) fn square([re, im]: [f64; 2]) -> f64 {
    re * re + im * im
}

/// 2 to a power: 0 or infinite where f64 does not reach.
#[inline(always)]
pub(super) fn power(exponent: i32) -> f64 {
    match exponent {
        -1022..=1023 => f64::from_bits(((1023 + exponent) as u64) << 52),
        -1074..=-1023 => f64::from_bits(1 << (1074 + exponent)),
        1024.. => f64::INFINITY,
        _ => 0.0,
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_two() {
        for exponent in -1074..=1023 {
            assert_eq!(power(exponent), 2_f64.powi(exponent / 2) * 2_f64.powi(exponent - exponent / 2), "{exponent}");
        }
        assert_eq!((power(-1075), power(1024), power(-100_000)), (0.0, f64::INFINITY, 0.0));
    }

    #[test]
    fn it_computes_as_f64_does_where_both_reach() {
        let values =
            [[0.0, 0.0], [3.0, -0.5], [-1e-9, 7.25], [1e-30, 0.0], [0.0, -5e20], [1e308, 1e307], [3e-200, 0.0]];
        for a in values {
            assert_eq!(Scaled::of(a, 0).at(0), a);
            for b in values.into_iter().filter(|_| a[0] < 1e300) {
                let (x, y) = (Scaled::of(a, 0), Scaled::of(b, 0));
                assert_eq!(x.plus(y).at(0), [a[0] + b[0], a[1] + b[1]], "{a:?} + {b:?}");
                assert_eq!(x.is_less_than(y), a[0].hypot(a[1]) < b[0].hypot(b[1]), "{a:?} < {b:?}");
                if b[0] < 1e300 {
                    assert_eq!(
                        x.times(y).at(0),
                        [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]],
                        "{a:?} × {b:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn it_goes_on_where_f64_ends() {
        let tiny = Scaled::of([3.0, 4.0], -5000);
        assert_eq!(tiny.at(-5000), [3.0, 4.0]);
        assert_eq!(tiny.at(0), [0.0, 0.0]);
        assert_eq!(tiny.times(tiny).at(-10_000), [-7.0, 24.0]);
        assert_eq!(tiny.plus(Scaled::of([1.0, 0.0], -5001)).at(-5000), [3.5, 4.0]);
        assert_eq!(tiny.plus(Scaled::ZERO), tiny);
        assert_eq!(tiny.times(Scaled::ZERO), Scaled::ZERO);
        assert!(tiny.times(tiny).is_less_than(tiny) && Scaled::ZERO.is_less_than(tiny));
        assert!(!tiny.is_less_than(tiny) && !tiny.is_less_than(Scaled::ZERO));
    }
}
