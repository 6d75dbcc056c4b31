//! Sums without rounding: whole numbers wide enough for any sum of f64, or of their squares.
//!
//! Every finite f64 is a whole number of 2⁻¹⁰⁷⁴, and its square of 2⁻²¹⁴⁸; sums of such are exact in a few thousand bits, so
//! neither the order of the terms nor their division among threads can matter. What comes out is rounded once.
//! (U. Kulisch and W. Miranker, SIAM Review 28, 1986; R. M. Neal, Fast exact summation using small and large superaccumulators, 2015.)

/// A whole number of `64 × N` bits, two's complement, the least significant limb first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wide<const N: usize> {
    pub(super) limbs: [u64; N],
}

impl<const N: usize> Wide<N> {
    /// Nothing yet.
    pub(super) const ZERO: Self = Self { limbs: [0; N] };

    /// Adds `value × 2^bit`.
    pub(super) fn add(&mut self, value: i128, bit: usize) {
        let (first, shift) = (bit / 64, (bit % 64) as u32);
        let low = (value as u128) << shift;
        // What the shift drops, with the sign above it.
        let high = if shift == 0 { value >> 127 } else { value >> (128 - shift) } as u64;
        let sign = (value >> 127) as u64;
        let mut carry = false;
        for (place, limb) in self.limbs.iter_mut().enumerate().skip(first) {
            let term = match place - first {
                0 => low as u64,
                1 => (low >> 64) as u64,
                2 => high,
                // Nothing changes from here on: either a zero without, or all ones with a carry.
                _ if (sign == 0) == !carry => return,
                _ => sign,
            };
            (*limb, carry) = limb.carrying_add(term, carry);
        }
    }

    /// Adds another.
    pub(super) fn merge(&mut self, other: &Self) {
        let mut carry = false;
        for (limb, &term) in self.limbs.iter_mut().zip(&other.limbs) {
            (*limb, carry) = limb.carrying_add(term, carry);
        }
    }

    /// Whether it is below zero, and its magnitude.
    pub(super) fn magnitude(&self) -> (bool, Self) {
        let negative = self.limbs[N - 1] >> 63 == 1;
        let mut magnitude = *self;
        if negative {
            let mut carry = true;
            for limb in &mut magnitude.limbs {
                (*limb, carry) = (!*limb).overflowing_add(carry.into());
            }
        }
        (negative, magnitude)
    }
}

/// `limbs × factor`, which must fit.
pub(super) fn times(limbs: &mut [u64], factor: u64) {
    let mut carry = 0;
    for limb in limbs {
        (*limb, carry) = limb.carrying_mul(factor, carry);
    }
    debug_assert_eq!(carry, 0);
}

/// Divides in place, rounding down; whether something was left.
pub(super) fn divide(limbs: &mut [u64], divisor: u64) -> bool {
    let mut rest = 0_u128;
    for limb in limbs.iter_mut().rev() {
        let dividend = rest << 64 | u128::from(*limb);
        *limb = (dividend / u128::from(divisor)) as u64;
        rest = dividend % u128::from(divisor);
    }
    rest != 0
}

/// `minuend − a²`, when that is not below zero.
pub(super) fn subtract_square(minuend: &mut [u64], a: &[u64]) {
    let used = a.iter().rposition(|&limb| limb != 0).map_or(0, |last| last + 1);
    for (place, &x) in a[..used].iter().enumerate() {
        let (mut carry, mut borrow) = (0_u64, false);
        for (at, limb) in minuend[place..].iter_mut().enumerate() {
            let y = if at < used { a[at] } else { 0 };
            let product;
            (product, carry) = x.carrying_mul(y, carry);
            (*limb, borrow) = limb.borrowing_sub(product, borrow);
            if at >= used && carry == 0 && !borrow {
                break;
            }
        }
    }
}

/// A number as `fraction × 2^exponent`, the fraction whole, below 2⁵³, and rounded to nearest, ties to even.
pub(super) struct Rounded {
    fraction: u64,
    exponent: i32,
}

impl Rounded {
    /// `limbs × 2^unit`, and a little more if `more`, rounded to `bits` bits, or to fewer so that none is below 2^`least`.
    fn of(limbs: &[u64], unit: i32, more: bool, bits: i32, least: i32) -> Self {
        let Some(last) = limbs.iter().rposition(|&limb| limb != 0) else { return Self { fraction: 0, exponent: 0 } };
        let width = last as i32 * 64 + 64 - limbs[last].leading_zeros() as i32;
        let drop = (width - bits).max(least - unit).max(0);
        let bit = |at: i32| limbs.get((at / 64) as usize).is_some_and(|limb| limb >> (at % 64) & 1 == 1);
        let mut fraction = (drop..width.max(drop)).rev().fold(0, |fraction, at| fraction << 1 | u64::from(bit(at)));
        if drop > 0 && bit(drop - 1) {
            let half = drop - 1;
            let below = limbs[..(half / 64) as usize].iter().any(|&limb| limb != 0)
                || limbs.get((half / 64) as usize).is_some_and(|limb| limb & ((1 << (half % 64)) - 1) != 0);
            fraction += u64::from(below || more || fraction & 1 == 1);
        }
        Self { fraction, exponent: drop + unit }
    }

    /// As f64: infinite when it is too large.
    fn to_f64(&self) -> f64 {
        scale(self.fraction as f64, self.exponent)
    }
}

/// `limbs × 2^unit`, and a little more if `more`, as the nearest f64.
pub(super) fn to_f64(limbs: &[u64], unit: i32, more: bool) -> f64 {
    Rounded::of(limbs, unit, more, 53, -1074).to_f64()
}

/// The square root of that, to within half a unit and a bit: also where the square itself is out of f64's range.
pub(super) fn root(limbs: &[u64], unit: i32, more: bool) -> f64 {
    let square = Rounded::of(limbs, unit, more, 53, i32::MIN / 2);
    let odd = square.exponent & 1;
    scale((square.fraction as f64 * f64::from(1 + odd)).sqrt(), (square.exponent - odd) / 2)
}

/// `x × 2^exponent` of an `x` from 0 to 2⁵³, rounded once at most.
fn scale(x: f64, exponent: i32) -> f64 {
    let power = |exponent: i32| f64::from_bits(((exponent + 1023) as u64) << 52);
    match exponent {
        1024.. if x == 0.0 => 0.0,
        1024.. => f64::INFINITY,
        -1022.. => x * power(exponent),
        // The first step is exact, the second may end below the normal numbers.
        _ => x * power(-600) * power((exponent + 600).max(-1022)),
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terms_of_any_sign_at_any_place_add_up() {
        let mut wide = Wide::<5>::ZERO;
        let mut expected = 0_i128;
        for (value, bit) in [(1, 0), (-1, 0), (-5, 3), (i128::from(u64::MAX), 40), (-(1 << 90), 5), (3, 63), (-3, 64)] {
            wide.add(value, bit);
            expected += value << bit;
            let sign = (expected >> 127) as u64;
            assert_eq!(wide.limbs, [expected as u64, (expected >> 64) as u64, sign, sign, sign]);
        }
        let (negative, magnitude) = wide.magnitude();
        assert_eq!(negative, expected < 0);
        assert_eq!(magnitude.limbs[..2], [expected.unsigned_abs() as u64, (expected.unsigned_abs() >> 64) as u64]);
        // A carry, then a borrow, through all limbs.
        let mut wide = Wide::<5> { limbs: [u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0] };
        wide.add(1, 0);
        assert_eq!(wide.limbs, [0, 0, 0, 0, 1]);
        wide.add(-1, 0);
        assert_eq!(wide.limbs, [u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0]);
    }

    #[test]
    fn a_number_is_rounded_once_and_to_even() {
        assert_eq!(to_f64(&[0, 0], 0, true), 0.0);
        assert_eq!(to_f64(&[1], -1074, false), 5e-324);
        assert_eq!(to_f64(&[(1 << 53) + 1], 0, false), 9_007_199_254_740_992.0);
        assert_eq!(to_f64(&[(1 << 53) + 1], 0, true), 9_007_199_254_740_994.0);
        assert_eq!(to_f64(&[(1 << 53) + 3], 0, false), 9_007_199_254_740_996.0);
        assert_eq!(to_f64(&[u64::MAX, u64::MAX], 0, false), 2_f64.powi(128));
        assert_eq!(to_f64(&[1, 1], 0, false), 18_446_744_073_709_551_616.0);
        // Ties and their like where the least f64 are: halves of 2⁻¹⁰⁷⁴.
        assert_eq!(to_f64(&[1], -1075, false), 0.0);
        assert_eq!(to_f64(&[1], -1075, true), 5e-324);
        assert_eq!(to_f64(&[3], -1075, false), 1e-323);
        assert_eq!(to_f64(&[1], 1024, false), f64::INFINITY);
        assert_eq!(to_f64(&[u64::MAX], 960, false), f64::INFINITY, "it rounds up to 2¹⁰²⁴");
        assert_eq!(root(&[2], 0, false), 2_f64.sqrt());
        assert_eq!(root(&[9], 2000, false), 3.0 * 2_f64.powi(1000));
        assert_eq!(root(&[1], -2148, false), 5e-324);
        assert_eq!(root(&[0], 0, false), 0.0);
    }

    proptest! {
        #[test]
        fn whole_numbers_round_as_the_language_says(value: u128, shift in 0..128_u32) {
            let value = value >> shift;
            prop_assert_eq!(to_f64(&[value as u64, (value >> 64) as u64], 0, false), value as f64);
        }

        #[test]
        fn products_and_quotients(value: u128, by in 1_u64.., small: u64) {
            let mut limbs = [value as u64, (value >> 64) as u64];
            let more = divide(&mut limbs, by);
            let quotient = u128::from(limbs[0]) | u128::from(limbs[1]) << 64;
            prop_assert_eq!(quotient, value / u128::from(by));
            prop_assert_eq!(more, value % u128::from(by) != 0);
            let mut product = [by, 0];
            times(&mut product, small);
            let expected = u128::from(by) * u128::from(small);
            prop_assert_eq!(product, [expected as u64, (expected >> 64) as u64]);
        }

        #[test]
        fn a_square_is_subtracted(a: u128, rest: u64) {
            let a = [a as u64, (a >> 64) as u64];
            // a² + rest, by school.
            let mut limbs = [rest, 0, 0, 0, 0, 0];
            for (i, &x) in a.iter().enumerate() {
                for (j, &y) in a.iter().enumerate() {
                    let mut carry = u128::from(x) * u128::from(y);
                    for limb in &mut limbs[i + j..] {
                        let sum = u128::from(*limb) + (carry & u128::from(u64::MAX));
                        *limb = sum as u64;
                        carry = (carry >> 64) + (sum >> 64);
                    }
                }
            }
            subtract_square(&mut limbs, &[a[0], a[1], 0]);
            prop_assert_eq!(limbs, [rest, 0, 0, 0, 0, 0]);
        }
    }
}
