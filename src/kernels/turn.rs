//! Cosines and sines of parts of a turn, the same bits on every machine: std's come from the platform's own library.

use super::radix::reserve;
use crate::KernelError;
use std::f64::consts::FRAC_PI_4;

/// Cosine and sine of `part / whole` of a turn; `whole` is 1 or more and below 2⁶⁰. Each is off by less than 2⁻⁵².
///
/// The turn is brought into its first eighth in whole numbers, exactly; there the first terms of Taylor's series do.
pub(super) fn turn(part: u64, whole: u64) -> [f64; 2] {
    let (eighth, rest) = eighth_of(part % whole, whole);
    mirrored(eighth, first_eighth(rest as f64 / whole as f64))
}

/// In which eighth of a turn `part / whole` is, and how far in: in eighths of such parts. Every other eighth is gone through backwards.
fn eighth_of(part: u64, whole: u64) -> (u64, u64) {
    let (eighth, rest) = (part * 8 / whole, part * 8 % whole);
    (eighth, if eighth % 2 == 0 { rest } else { whole - rest })
}

/// Cosine and sine within the first eighth of a turn.
fn first_eighth(part: f64) -> [f64; 2] {
    let angle = FRAC_PI_4 * part;
    let square = angle * angle;
    let series = |factors: &[f64]| factors.iter().rev().fold(1.0, |inner, factor| 1.0 - square * inner * factor);
    [series(&COSINE), angle * series(&SINE)]
}

/// What cosine and sine in the first eighth are in another one.
fn mirrored(eighth: u64, [cosine, sine]: [f64; 2]) -> [f64; 2] {
    match eighth {
        0 => [cosine, sine],
        1 => [sine, cosine],
        2 => [-sine, cosine],
        3 => [-cosine, sine],
        4 => [-cosine, -sine],
        5 => [-sine, -cosine],
        6 => [sine, -cosine],
        _ => [cosine, -sine],
    }
}

/// The factors of `1 − f₀x² × (1 − f₁x² × (1 − …))`, which is Taylor's series: below 2⁻⁵⁶ of the whole is left out.
const COSINE: [f64; 8] = factors(1);
/// The same of the sine, divided by x.
const SINE: [f64; 8] = factors(2);

const fn factors(first: usize) -> [f64; 8] {
    let mut factors = [0.0; 8];
    let mut term = 0;
    while term < 8 {
        let next = first + 2 * term;
        factors[term] = 1.0 / (next * (next + 1)) as f64;
        term += 1;
    }
    factors
}

/// All parts of a turn of one order, as [`turn`] gives them: the first eighth is made, the others are its mirror images.
pub(super) struct Circle {
    order: usize,
    /// Parts of an eighth of that, so many apart.
    eighth: Vec<[f64; 2]>,
    step: usize,
}

impl Circle {
    pub(super) fn of(order: usize) -> Self {
        // Eight times any part is a multiple of this.
        let step = 1 << order.trailing_zeros().min(3);
        Self {
            order,
            eighth: (0..=order).step_by(step).map(|rest| first_eighth(rest as f64 / order as f64)).collect(),
            step,
        }
    }

    /// Cosine and sine of `part / order` of a turn, for parts below the order.
    pub(super) fn get(&self, part: usize) -> [f64; 2] {
        let (eighth, rest) = eighth_of(part as u64, self.order as u64);
        mirrored(eighth, self.eighth[rest as usize / self.step])
    }
}

/// Roots of unity of one order, each as the product of two from short tables.
pub(super) struct Roots {
    /// The first ones.
    low: Vec<[f64; 2]>,
    /// Every so manyth.
    high: Vec<[f64; 2]>,
    shift: u32,
}

impl Roots {
    pub(super) fn of(order: usize) -> Result<Self, KernelError> {
        let shift = order.next_power_of_two().ilog2().div_ceil(2);
        let forward = |part: usize| {
            let [cosine, sine] = turn(part as u64, order as u64);
            [cosine, -sine]
        };
        let (mut low, mut high) = (reserve(1 << shift)?, reserve((order >> shift) + 1)?);
        low.extend((0..1 << shift).map(forward));
        high.extend((0..=order >> shift).map(|part| forward(part << shift)));
        Ok(Self { low, high, shift })
    }

    /// `e^(−2πi × part / order)`, for parts below the order: its real and its imaginary part.
    #[inline(always)]
    pub(super) fn get(&self, part: u64) -> [f64; 2] {
        let [a, b] = self.high[(part >> self.shift) as usize];
        let [c, d] = self.low[part as usize & (self.low.len() - 1)];
        [a * c - b * d, a * d + b * c]
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[test]
    fn eighths_are_exact_where_they_can_be() {
        for whole in [4, 8, 12, 1024, 1 << 40] {
            assert_eq!(turn(0, whole), [1.0, 0.0]);
            assert_eq!(turn(whole / 4, whole).map(f64::abs), [0.0, 1.0]);
            assert_eq!(turn(whole / 2, whole)[0], -1.0);
            assert_eq!(turn(whole + whole / 4 * 3, whole)[1], -1.0);
        }
    }

    #[test]
    fn equals_std_within_rounding() {
        for whole in [1, 2, 3, 5, 7, 8, 13, 97, 360, 4096, 999_983, 1 << 30] {
            for step in 0..500 {
                let part = step * 7_919_u64;
                let angle = TAU * ((part % whole) as f64 / whole as f64);
                let [cosine, sine] = turn(part, whole);
                // The angle itself is off by up to half a unit of its last place, which is up to 7 of these.
                assert!((cosine - angle.cos()).abs() < 1e-15, "cosine of {part}/{whole}");
                assert!((sine - angle.sin()).abs() < 1e-15, "sine of {part}/{whole}");
                assert!((cosine * cosine + sine * sine - 1.0).abs() < 5e-16);
            }
        }
    }

    #[test]
    fn roots_are_turns() {
        for order in [1, 2, 3, 6, 8192, 1_000_003] {
            let roots = Roots::of(order).unwrap();
            for part in (0..order).step_by(1 + order / 1000) {
                let [cosine, sine] = turn(part as u64, order as u64);
                let [re, im] = roots.get(part as u64);
                assert!((re - cosine).abs() < 5e-16 && (im + sine).abs() < 5e-16, "{part} of {order}");
            }
        }
    }
}
