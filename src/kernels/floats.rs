//! What the numeric kernels share: arrays of floats of either width, and 128 bits of their elements as the processor adds
//! and multiplies them.
//!
//! Only operations that IEEE 754 rounds in one way are used, and none of them fused, so every machine and artifact gives the
//! same bits. The exception is which NaN an operation gives: [`Float::tidy`] makes all of them one.

use crate::array::{AnyArray, Array, DType, Element};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};
use wide::{f32x4, f64x2};

/// An array of floats. A plain list of numbers is one of f64.
#[derive(Debug, Clone, PartialEq)]
pub enum Floats {
    /// Single precision.
    F32(Array<f32>),
    /// Double precision.
    F64(Array<f64>),
}

impl Floats {
    /// The kind of its elements.
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::F64(_) => DType::F64,
        }
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(array) => array.len(),
            Self::F64(array) => array.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shape, if one was given.
    pub fn shape(&self) -> Option<&[usize]> {
        match self {
            Self::F32(array) => array.shape(),
            Self::F64(array) => array.shape(),
        }
    }

    /// Bytes of all elements.
    pub(super) fn bytes(&self) -> u64 {
        self.len() as u64 * self.dtype().size() as u64
    }
}

impl From<Array<f32>> for Floats {
    fn from(array: Array<f32>) -> Self {
        Self::F32(array)
    }
}

impl From<Array<f64>> for Floats {
    fn from(array: Array<f64>) -> Self {
        Self::F64(array)
    }
}

impl Serialize for Floats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::F32(array) => array.serialize(serializer),
            Self::F64(array) => array.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Floats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match AnyArray::deserialize(deserializer)? {
            AnyArray::F32(array) => Ok(Self::F32(array)),
            AnyArray::F64(array) => Ok(Self::F64(array)),
            other => {
                let message = format!("expected a Float32Array or a Float64Array, got a {}", other.dtype().js_name());
                Err(de::Error::custom(message))
            }
        }
    }
}

impl JsonSchema for Floats {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "FloatArray".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": { "type": "number" }, "tsType": "Float32Array | Float64Array", "x-array": "any" })
    }
}

/// A float, and the 128 bits of several that the processor handles at once.
pub(super) trait Float:
    Element + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Neg<Output = Self> + AddAssign + PartialEq
{
    /// 128 bits of floats.
    type Lanes: Copy
        + Send
        + Sync
        + Add<Output = Self::Lanes>
        + Sub<Output = Self::Lanes>
        + Mul<Output = Self::Lanes>
        + Neg<Output = Self::Lanes>;
    /// How many those are.
    const LANES: usize;
    /// The NaN of all outputs.
    const NAN: Self;

    /// The nearest float.
    fn of(x: f64) -> Self;
    /// The same in all lanes.
    fn splat(self) -> Self::Lanes;
    /// The first of `from`, which has enough.
    fn load(from: &[Self]) -> Self::Lanes;
    /// Writes to the beginning of `to`, which has room.
    fn store(lanes: Self::Lanes, to: &mut [Self]);
    /// Of as many vectors as they have lanes, rows as columns.
    fn transpose(rows: &mut [Self::Lanes]);
    /// Pairs that lie one after another, in two vectors, as a vector of the first of each and one of the second.
    fn split(pairs: [Self::Lanes; 2]) -> [Self::Lanes; 2];
    /// The reverse of [`split`](Self::split).
    fn join(parts: [Self::Lanes; 2]) -> [Self::Lanes; 2];
    /// The last lane first.
    fn reverse(lanes: Self::Lanes) -> Self::Lanes;
    /// [`tidy`](Self::tidy) of each lane.
    fn tidy_lanes(lanes: Self::Lanes) -> Self::Lanes;

    /// NaN as the one NaN: which one an operation gives depends on the machine.
    #[inline(always)]
    #[allow(clippy::eq_op, reason = "NaN differs from itself, and `is_nan` is not of all floats")]
    fn tidy(self) -> Self {
        if self != self { Self::NAN } else { self }
    }
}

macro_rules! floats {
    ($($float:ident $lanes:ident $count:literal, [$a:ident, $b:ident] split $split:expr, join $join:expr;)*) => {$(
        impl Float for $float {
            type Lanes = $lanes;
            const LANES: usize = $count;
            const NAN: Self = $float::NAN;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $float
            }
            #[inline(always)]
            fn splat(self) -> $lanes {
                $lanes::splat(self)
            }
            #[inline(always)]
            fn load(from: &[Self]) -> $lanes {
                let mut lanes = [0.0; $count];
                lanes.copy_from_slice(&from[..$count]);
                $lanes::new(lanes)
            }
            #[inline(always)]
            fn store(lanes: $lanes, to: &mut [Self]) {
                to[..$count].copy_from_slice(&lanes.to_array());
            }
            #[inline(always)]
            fn transpose(rows: &mut [$lanes]) {
                let mut square = [$lanes::splat(0.0); $count];
                square.copy_from_slice(&rows[..$count]);
                rows[..$count].copy_from_slice(&$lanes::transpose(square));
            }
            #[inline(always)]
            fn split([$a, $b]: [$lanes; 2]) -> [$lanes; 2] {
                $split
            }
            #[inline(always)]
            fn join([$a, $b]: [$lanes; 2]) -> [$lanes; 2] {
                $join
            }
            #[inline(always)]
            fn reverse(lanes: $lanes) -> $lanes {
                let mut array = lanes.to_array();
                array.reverse();
                $lanes::new(array)
            }
            #[inline(always)]
            fn tidy_lanes(lanes: $lanes) -> $lanes {
                lanes.simd_eq(lanes).bitselect(lanes, $lanes::splat($float::NAN))
            }
        }
    )*};
}

floats! {
    f32 f32x4 4, [a, b]
        split {
            let (low, high) = (a.unpack_lo(b), a.unpack_hi(b));
            [low.unpack_lo(high), low.unpack_hi(high)]
        },
        join [a.unpack_lo(b), a.unpack_hi(b)];
    f64 f64x2 2, [a, b] split f64x2::transpose([a, b]), join f64x2::transpose([a, b]);
}
