//! Elements of any kind as f64, for the kernels that compute with whatever they are given.

use super::sort::Sortable;
use crate::Cancelled;
use crate::array::{AnyArray, Clamped, F16};
use crate::parallel::try_map;
use std::ops::Range;

/// An element that has a value.
pub(crate) trait Number: Sortable {
    /// Its value, rounded to nearest where f64 has too few bits for it (of 64-bit whole numbers above 2⁵³).
    fn to_f64(self) -> f64;
}

macro_rules! numbers {
    ($($type:ident $x:ident => $value:expr;)*) => {$(
        impl Number for $type {
            #[inline(always)]
            fn to_f64(self) -> f64 {
                let $x = self;
                $value
            }
        }
    )*};
}

numbers! {
    i8 x => x.into();
    u8 x => x.into();
    Clamped x => x.0.into();
    i16 x => x.into();
    u16 x => x.into();
    i32 x => x.into();
    u32 x => x.into();
    i64 x => x as f64;
    u64 x => x as f64;
    F16 x => half(x).into();
    f32 x => x.into();
    f64 x => x;
}

/// A half-precision number as a single: every one is (IEEE 754: 5 bits of exponent with bias 15, 10 of fraction).
pub(crate) fn half(F16(bits): F16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7FFF);
    let magnitude = match magnitude >> 10 {
        // Below the normal numbers: so many 2⁻²⁴.
        0 => (magnitude as f32 * f32::from_bits((127 - 24) << 23)).to_bits(),
        31 => 0x7F80_0000 | (magnitude & 0x3FF) << 13,
        _ => (magnitude << 13) + ((127 - 15) << 23),
    };
    f32::from_bits(sign | magnitude)
}

/// What `work` makes of each run of `0..len`, merged in order. Kinds of element share this code but for `work`.
pub(crate) fn in_runs<R: Send>(
    len: usize,
    run: usize,
    work: &(dyn Fn(Range<usize>) -> Result<R, Cancelled> + Sync),
    merge: fn(R, R) -> R,
) -> Result<Option<R>, Cancelled> {
    let runs = try_map(len.div_ceil(run), |at| work(at * run..len.min((at + 1) * run)))?;
    Ok(runs.into_iter().reduce(merge))
}

/// The elements from `start` on, `length` of them, where they lie.
pub(crate) fn part(data: &mut AnyArray, start: usize, length: usize) -> AnyArray {
    crate::array::each_kind!(data, array => array.part(start..start + length).into())
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    #[test]
    fn every_half_has_its_value() {
        for bits in 0..=u16::MAX {
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let magnitude = match exponent {
                31 if fraction > 0.0 => f64::NAN,
                31 => f64::INFINITY,
                0 => fraction * 2_f64.powi(-24),
                _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
            };
            let expected = if bits >> 15 == 1 { -magnitude } else { magnitude };
            let found = F16(bits).to_f64();
            assert!(
                found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                "{bits:04x}: {found}"
            );
        }
    }
}
