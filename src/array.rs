//! Typed arrays that travel as bytes.
//!
//! In JavaScript an [`Array<T>`] is the typed array of its element (`Float32Array`, …). Bulk data never goes through
//! serde: the boundary moves the bytes into this memory first ([`attach`]), and params carry only a small *reference*
//! `{ "$array": index, "shape"?: […] }`, which this module swaps for the data while it decodes. Outputs go the same
//! way in reverse ([`collect`]). Without a boundary (native JSON) arrays are plain lists of numbers.

use crate::parallel::{chunk, try_each_chunk};
use crate::{Cancelled, Job};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::TryReserveError;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;

/// A dense array of numbers, optionally with a shape (rows first, as in NumPy's C order).
///
/// It dereferences to a slice.
///
/// ```
/// use loomwork::Array;
/// let array = Array::from(vec![1.0_f32, 2.0, 3.0, 4.0]).with_shape([2, 2]);
/// assert_eq!(array.iter().sum::<f32>(), 10.0);
/// assert_eq!(array.shape(), Some(&[2, 2][..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Array<T: 'static> {
    data: Data<T>,
    shape: Option<Vec<usize>>,
}

/// Where an array's elements lie.
#[derive(Clone)]
enum Data<T: 'static> {
    Own(Vec<T>),
    /// Some of what several arrays have together.
    Part(Arc<Vec<T>>, Range<usize>),
    /// In memory that the caller has set aside for them and keeps as it is until the job is answered.
    Lent(&'static [T]),
}

impl<T: 'static> std::ops::Deref for Data<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self {
            Self::Own(data) => data,
            Self::Part(data, range) => &data[range.clone()],
            Self::Lent(data) => data,
        }
    }
}

impl<T: Element> Data<T> {
    fn own(&mut self) -> &mut Vec<T> {
        if !matches!(self, Self::Own(_)) {
            *self = Self::Own(self.to_vec());
        }
        match self {
            Self::Own(data) => data,
            _ => unreachable!("it was made own above"),
        }
    }
}

/// Elements that a thread copies between two looks at the job: some tens of microseconds.
const PIECE: usize = 1 << 15;

/// Elements to be changed; those that are only borrowed are copied, on all threads, until the job is cancelled.
pub(crate) fn owned<T: Element, P>(data: Cow<'_, [T]>, job: &Job<P>) -> Result<Vec<T>, Cancelled> {
    let data = match data {
        Cow::Owned(data) => return Ok(data),
        Cow::Borrowed(data) => data,
    };
    let mut copy = Vec::with_capacity(data.len());
    let copy_piece = |number: usize, to: &mut [MaybeUninit<T>]| {
        job.check()?;
        to.write_copy_of_slice(chunk(data, PIECE, number));
        Ok(())
    };
    let room = &mut copy.spare_capacity_mut()[..data.len()];
    // Outside of a pool rayon would start one of its own.
    if rayon::current_thread_index().is_none() {
        room.chunks_mut(PIECE).enumerate().try_for_each(|(number, to)| copy_piece(number, to))?;
    } else {
        try_each_chunk(room, PIECE, copy_piece)?;
    }
    // SAFETY: the pieces are all of it, and each was written.
    unsafe { copy.set_len(data.len()) };
    Ok(copy)
}

impl<T: 'static> Default for Data<T> {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl<T: std::fmt::Debug + 'static> std::fmt::Debug for Data<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: PartialEq + 'static> PartialEq for Data<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq + 'static> Eq for Data<T> {}

impl<T: 'static> Array<T> {
    /// Says how the elements are laid out; the product of `shape` must be the length.
    ///
    /// # Panics
    /// When it is not.
    pub fn with_shape(mut self, shape: impl Into<Vec<usize>>) -> Self {
        let shape = shape.into();
        let elements: usize = shape.iter().product();
        assert_eq!(elements, self.data.len(), "shape {shape:?} does not fit {} elements", self.data.len());
        self.shape = Some(shape);
        self
    }

    /// The shape, if one was given.
    pub fn shape(&self) -> Option<&[usize]> {
        self.shape.as_deref()
    }
}

impl<T: Element> Array<T> {
    /// The elements, to be kept or changed. Copied, by this thread, if they lie in the caller's memory (`host.alloc`): of a kernel's params
    /// that may be large, [`take`](Self::take) them instead.
    pub fn into_vec(mut self) -> Vec<T> {
        std::mem::take(self.data.own())
    }

    /// The elements, to be kept or changed, by the job whose params they are. If they lie in the caller's memory (`host.alloc`), all threads
    /// copy them.
    ///
    /// ```
    /// use loomwork::{Array, Job};
    /// let mut data = Array::from(vec![3.0_f32, 1.0, 2.0]).take(&Job::<()>::detached())?;
    /// data.sort_by(f32::total_cmp);
    /// assert_eq!(data, [1.0, 2.0, 3.0]);
    /// # Ok::<(), loomwork::Cancelled>(())
    /// ```
    ///
    /// # Errors
    /// When the job is cancelled meanwhile.
    pub fn take<P>(self, job: &Job<P>) -> Result<Vec<T>, Cancelled> {
        owned(self.into_cow(), job)
    }

    /// Some of the elements, as an array that lies where they lie: nothing is copied until one of the two is changed. It has no shape.
    /// For [`Shardable::split`](crate::Shardable::split).
    ///
    /// ```
    /// use loomwork::Array;
    /// let mut array = Array::from(vec![1, 2, 3, 4_u32]);
    /// let mut part = array.part(1..3);
    /// part[0] = 7;
    /// assert_eq!((&*array, &*part), (&[1, 2, 3, 4][..], &[7, 3][..]));
    /// ```
    ///
    /// # Panics
    /// When the range is not in the array.
    pub fn part(&mut self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "{range:?} of {} elements", self.len());
        if let Data::Own(data) = &mut self.data {
            let all = 0..data.len();
            self.data = Data::Part(Arc::new(std::mem::take(data)), all);
        }
        let data = match &self.data {
            Data::Part(data, held) => Data::Part(Arc::clone(data), held.start + range.start..held.start + range.end),
            Data::Lent(data) => Data::Lent(&data[range]),
            Data::Own(_) => unreachable!("it was shared above"),
        };
        Self { data, shape: None }
    }

    /// The elements; borrowed if they lie in the caller's memory.
    pub(crate) fn into_cow(self) -> Cow<'static, [T]> {
        match self.data {
            Data::Own(data) => Cow::Owned(data),
            Data::Part(data, range) => Cow::Owned(data[range].to_vec()),
            Data::Lent(data) => Cow::Borrowed(data),
        }
    }
}

impl<T: 'static> From<Vec<T>> for Array<T> {
    fn from(data: Vec<T>) -> Self {
        Self { data: Data::Own(data), shape: None }
    }
}

impl<T: 'static> std::ops::Deref for Array<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.data
    }
}

impl<T: Element> std::ops::DerefMut for Array<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.data.own()
    }
}

/// An IEEE half-precision number as its bits: `Float16Array`'s element. Kernels convert it themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct F16(pub u16);

/// A byte of a `Uint8ClampedArray`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Clamped(pub u8);

mod sealed {
    pub trait Sealed {}
}

/// A number that a typed array can hold.
pub trait Element: sealed::Sealed + Copy + Default + Send + Sync + 'static {
    /// Its kind.
    const DTYPE: DType;
    /// Takes the elements out of an array of any kind, if it is of this one.
    ///
    /// # Errors
    /// Gives the array back when its kind is another.
    fn from_any(array: AnyArray) -> Result<Array<Self>, AnyArray>;
    /// A number read from JSON, if it fits exactly.
    fn from_number(number: Number) -> Option<Self>;
    /// As JSON number.
    fn to_number(self) -> Number;
}

/// A number on its way from or to JSON.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// A whole number.
    Int(i128),
    /// Any other.
    Float(f64),
}

macro_rules! elements {
    ($($variant:ident $type:ident $name:literal $js:literal $from:expr, $to:expr;)*) => {
        /// The kinds of typed array, by NumPy's names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DType { $(#[doc = $js] $variant),* }

        impl DType {
            /// Every kind: its code at the boundary is its place here.
            pub const ALL: &'static [DType] = &[$(DType::$variant),*];

            /// Short name (`f32`); in JSON Schemas.
            pub const fn name(self) -> &'static str {
                match self { $(DType::$variant => $name),* }
            }
            /// JavaScript's constructor (`Float32Array`).
            pub const fn js_name(self) -> &'static str {
                match self { $(DType::$variant => $js),* }
            }
            /// Bytes an element.
            pub const fn size(self) -> usize {
                match self { $(DType::$variant => size_of::<$type>()),* }
            }
        }

        /// An array of any kind: for kernels that take them all. In TypeScript, the union of typed arrays.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnyArray { $(#[doc = $js] $variant(Array<$type>)),* }

        impl AnyArray {
            /// The kind of its elements.
            pub const fn dtype(&self) -> DType {
                match self { $(AnyArray::$variant(_) => DType::$variant),* }
            }
            /// How many elements.
            pub fn len(&self) -> usize {
                match self { $(AnyArray::$variant(a) => a.len()),* }
            }
            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }
            /// The shape, if one was given.
            pub fn shape(&self) -> Option<&[usize]> {
                match self { $(AnyArray::$variant(a) => a.shape()),* }
            }
            pub(crate) fn set_shape(&mut self, shape: Option<Vec<usize>>) {
                match self { $(AnyArray::$variant(a) => a.shape = shape),* }
            }
            /// No elements yet, but room for `len` of a kind chosen at run time.
            ///
            /// # Errors
            /// When the memory cannot be had.
            pub fn with_capacity(dtype: DType, len: usize) -> Result<Self, TryReserveError> {
                Ok(match dtype { $(DType::$variant => AnyArray::$variant({
                    let mut data = Vec::<$type>::new();
                    data.try_reserve_exact(len)?;
                    data.into()
                })),* })
            }
            /// Elements that stay where they lie: reading them copies nothing.
            ///
            /// # Safety
            /// From `start`, which is aligned for the kind, lie `len` elements; nobody writes to them, or takes their memory for anything
            /// else, while the array or a part of it lives.
            pub unsafe fn lent(dtype: DType, start: *const u8, len: usize) -> Self {
                match dtype { $(DType::$variant => AnyArray::$variant(Array {
                    // SAFETY: the caller's promise; every pattern of bits is a valid number.
                    data: Data::Lent(unsafe { std::slice::from_raw_parts(start.cast::<$type>(), len) }),
                    shape: None,
                })),* }
            }
            /// Takes the first `len` elements of the room for written.
            ///
            /// # Safety
            /// `len` is at most the capacity, and whoever was given [`as_mut_ptr`](Self::as_mut_ptr) has written that many.
            pub unsafe fn assume_filled(&mut self, len: usize) {
                // SAFETY: the caller's promise is that of `set_len`.
                match self { $(AnyArray::$variant(a) => unsafe { a.data.own().set_len(len) }),* }
            }
            /// Where the elements lie.
            pub fn as_mut_ptr(&mut self) -> *mut u8 {
                match self { $(AnyArray::$variant(a) => a.data.own().as_mut_ptr().cast()),* }
            }
        }

        /// Runs `$body` with `$array` bound to the array of whichever kind it is.
        #[cfg(feature = "kernels")]
        macro_rules! each_kind {
            ($any:expr, $array:ident => $body:expr) => {
                match $any { $($crate::array::AnyArray::$variant($array) => $body),* }
            };
        }
        #[cfg(feature = "kernels")]
        pub(crate) use each_kind;

        impl Serialize for AnyArray {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(AnyArray::$variant(a) => a.serialize(serializer)),* }
            }
        }

        $(
            impl sealed::Sealed for $type {}
            impl Element for $type {
                const DTYPE: DType = DType::$variant;
                fn from_any(array: AnyArray) -> Result<Array<Self>, AnyArray> {
                    match array {
                        AnyArray::$variant(a) => Ok(a),
                        other => Err(other),
                    }
                }
                fn from_number(number: Number) -> Option<Self> {
                    $from(number)
                }
                fn to_number(self) -> Number {
                    $to(self)
                }
            }
            impl From<Array<$type>> for AnyArray {
                fn from(array: Array<$type>) -> Self {
                    AnyArray::$variant(array)
                }
            }
        )*
    };
}

fn int<T: TryFrom<i128>>(number: Number) -> Option<T> {
    match number {
        Number::Int(n) => T::try_from(n).ok(),
        Number::Float(_) => None,
    }
}

fn float(number: Number) -> f64 {
    match number {
        Number::Int(n) => n as f64,
        Number::Float(x) => x,
    }
}

elements! {
    I8 i8 "i8" "Int8Array" int, |n| Number::Int(i128::from(n));
    U8 u8 "u8" "Uint8Array" int, |n| Number::Int(i128::from(n));
    U8Clamped Clamped "u8c" "Uint8ClampedArray" |n| int(n).map(Clamped), |n: Clamped| Number::Int(i128::from(n.0));
    I16 i16 "i16" "Int16Array" int, |n| Number::Int(i128::from(n));
    U16 u16 "u16" "Uint16Array" int, |n| Number::Int(i128::from(n));
    I32 i32 "i32" "Int32Array" int, |n| Number::Int(i128::from(n));
    U32 u32 "u32" "Uint32Array" int, |n| Number::Int(i128::from(n));
    I64 i64 "i64" "BigInt64Array" int, |n| Number::Int(i128::from(n));
    U64 u64 "u64" "BigUint64Array" int, |n| Number::Int(i128::from(n));
    F16 F16 "f16" "Float16Array" |_| None, |n: F16| Number::Int(i128::from(n.0));
    F32 f32 "f32" "Float32Array" |n| Some(float(n) as f32), |x| Number::Float(f64::from(x));
    F64 f64 "f64" "Float64Array" |n| Some(float(n)), Number::Float;
}

thread_local! {
    /// Arrays moved in for the params that are decoded next on this thread.
    static INCOMING: RefCell<Vec<Option<AnyArray>>> = const { RefCell::new(Vec::new()) };
    /// Arrays met while [`collect`] serialises on this thread.
    static OUTGOING: RefCell<Option<Vec<View>>> = const { RefCell::new(None) };
}

/// Hands over the arrays to which the next params decoded on this thread refer by index.
///
/// What was handed over before and not used is dropped.
pub fn attach(arrays: Vec<AnyArray>) {
    INCOMING.set(arrays.into_iter().map(Some).collect());
}

/// Where an output's array lies. Valid while the value that was serialised lives and is not changed.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The kind of its elements.
    pub dtype: DType,
    /// First byte.
    pub start: *const u8,
    /// How many elements.
    pub len: usize,
    /// The shape, if it has one.
    pub shape: Option<Vec<usize>>,
}

/// Runs `serialize`; arrays met meanwhile on this thread become references, and their places are returned.
pub fn collect<R>(serialize: impl FnOnce() -> R) -> (R, Vec<View>) {
    OUTGOING.set(Some(Vec::new()));
    let result = serialize();
    (result, OUTGOING.take().unwrap_or_default())
}

/// Serialises a slice as an array of a kind: as a reference under [`collect`], else as a list.
pub(crate) fn serialize_slice<T: Element, S: Serializer>(
    slice: &[T],
    dtype: DType,
    shape: Option<&[usize]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let index = OUTGOING.with_borrow_mut(|outgoing| {
        outgoing.as_mut().map(|views| {
            views.push(View { dtype, start: slice.as_ptr().cast(), len: slice.len(), shape: shape.map(<[_]>::to_vec) });
            views.len() - 1
        })
    });
    match index {
        Some(index) => {
            let mut reference = serializer.serialize_struct("Array", 1 + usize::from(shape.is_some()))?;
            reference.serialize_field("$array", &(index as u32))?;
            if let Some(shape) = shape {
                reference.serialize_field("shape", shape)?;
            }
            reference.end()
        }
        None => serializer.collect_seq(slice.iter().map(|&element| JsonNumber(element.to_number()))),
    }
}

struct JsonNumber(Number);

impl Serialize for JsonNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Number::Int(n) => match i64::try_from(n) {
                Ok(n) => serializer.serialize_i64(n),
                Err(_) => serializer.serialize_u64(n as u64),
            },
            Number::Float(x) => serializer.serialize_f64(x),
        }
    }
}

impl<T: Element> Serialize for Array<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_slice(&self.data, T::DTYPE, self.shape(), serializer)
    }
}

impl<'de, T: Element> Deserialize<'de> for Array<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArrayVisitor::<T>(PhantomData))
    }
}

struct ArrayVisitor<T>(PhantomData<T>);

impl<'de, T: Element> Visitor<'de> for ArrayVisitor<T> {
    type Value = Array<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a {}", T::DTYPE.js_name())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Array<T>, A::Error> {
        let array = resolve(map)?;
        // A clamped array holds bytes all the same: what a canvas gives is accepted where bytes are.
        let array = match array {
            AnyArray::U8Clamped(a) if T::DTYPE == DType::U8 => AnyArray::U8(unclamp(a)),
            other => other,
        };
        T::from_any(array).map_err(|other| {
            de::Error::custom(format!("expected a {}, got a {}", T::DTYPE.js_name(), other.dtype().js_name()))
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Array<T>, A::Error> {
        let mut data = Vec::new();
        while let Some(number) = seq.next_element::<ReadNumber>()? {
            let element = T::from_number(number.0).ok_or_else(|| {
                de::Error::custom(format!("element {} does not fit a {}", data.len(), T::DTYPE.js_name()))
            })?;
            data.push(element);
        }
        Ok(data.into())
    }
}

/// The bytes of a clamped array, without copying.
fn unclamp(array: Array<Clamped>) -> Array<u8> {
    let data = match array.data {
        Data::Own(data) => {
            let mut data = std::mem::ManuallyDrop::new(data);
            // SAFETY: `Clamped` is a transparent `u8`, so the allocation has the layout of a `Vec<u8>` of the same length
            // and capacity; `ManuallyDrop` gives it up, so it has one owner.
            Data::Own(unsafe { Vec::from_raw_parts(data.as_mut_ptr().cast::<u8>(), data.len(), data.capacity()) })
        }
        Data::Part(data, range) => Data::Own(data[range].iter().map(|&Clamped(byte)| byte).collect()),
        // SAFETY: `Clamped` is a transparent `u8`.
        Data::Lent(data) => Data::Lent(unsafe { std::slice::from_raw_parts(data.as_ptr().cast::<u8>(), data.len()) }),
    };
    Array { data, shape: array.shape }
}

/// Swaps a reference for the array that was attached.
fn resolve<'de, A: MapAccess<'de>>(mut map: A) -> Result<AnyArray, A::Error> {
    let mut index = None;
    let mut shape: Option<Vec<usize>> = None;
    while let Some(key) = map.next_key::<String>()? {
        match key.as_str() {
            "$array" => index = Some(map.next_value::<u32>()?),
            "shape" => shape = map.next_value()?,
            other => {
                return Err(de::Error::custom(format!("expected a typed array, got an object with the key `{other}`")));
            }
        }
    }
    let index = index.ok_or_else(|| de::Error::custom("expected a typed array, got an object"))?;
    let mut array = INCOMING
        .with_borrow_mut(|incoming| incoming.get_mut(index as usize).and_then(Option::take))
        .ok_or_else(|| de::Error::custom(format!("array {index} was not sent with the params")))?;
    if let Some(shape) = &shape {
        let elements = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        if elements != Some(array.len()) {
            return Err(de::Error::custom(format!("shape {shape:?} does not fit {} elements", array.len())));
        }
    }
    array.set_shape(shape);
    Ok(array)
}

/// A number in a JSON list.
struct ReadNumber(Number);

impl<'de> Deserialize<'de> for ReadNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
                Ok(Number::Int(i128::from(n)))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
                Ok(Number::Int(i128::from(n)))
            }
            fn visit_f64<E>(self, x: f64) -> Result<Number, E> {
                Ok(Number::Float(x))
            }
        }
        deserializer.deserialize_any(NumberVisitor).map(ReadNumber)
    }
}

impl<'de> Deserialize<'de> for AnyArray {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyVisitor;
        impl<'de> Visitor<'de> for AnyVisitor {
            type Value = AnyArray;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a typed array")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AnyArray, A::Error> {
                resolve(map)
            }
            /// A plain list has no kind of its own; JavaScript's numbers are f64.
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<AnyArray, A::Error> {
                ArrayVisitor::<f64>(PhantomData).visit_seq(seq).map(AnyArray::F64)
            }
        }
        deserializer.deserialize_any(AnyVisitor)
    }
}

impl<T: Element> JsonSchema for Array<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        T::DTYPE.js_name().into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": { "type": "number" }, "tsType": T::DTYPE.js_name(), "x-array": T::DTYPE.name() })
    }
}

impl JsonSchema for AnyArray {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "TypedArray".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": { "type": "number" }, "tsType": "TypedArray", "x-array": "any" })
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::params::{Tree, decode};

    fn reference(index: i64) -> Tree {
        Tree::Map(vec![("$array".into(), Tree::Int(index))])
    }

    #[test]
    fn a_reference_becomes_the_attached_array_without_copying() {
        let data = vec![1.5_f32, -2.0];
        let place = data.as_ptr();
        attach(vec![AnyArray::F32(data.into())]);
        let array: Array<f32> = decode(reference(0)).unwrap();
        assert_eq!(&*array, [1.5, -2.0]);
        assert_eq!(array.as_ptr(), place);
    }

    #[test]
    fn a_lent_array_is_read_where_it_lies_and_copied_to_be_changed() {
        let data: &'static [u32] = &[7, 8, 9];
        // SAFETY: it is a constant.
        let lent = || unsafe { AnyArray::lent(DType::U32, data.as_ptr().cast(), data.len()) };
        attach(vec![lent(), lent()]);
        let array: Array<u32> = decode(reference(0)).unwrap();
        assert_eq!((&*array, array.as_ptr()), (data, data.as_ptr()));
        let mut changed: Array<u32> = decode(reference(1)).unwrap();
        changed[0] = 1;
        assert_eq!((&*changed, data), (&[1, 8, 9][..], &[7, 8, 9][..]));
        assert_eq!(array.into_vec(), data);
        // A clamped one where bytes are expected.
        let bytes: &'static [u8] = &[3, 4];
        // SAFETY: as above.
        attach(vec![unsafe { AnyArray::lent(DType::U8Clamped, bytes.as_ptr(), 2) }]);
        let array: Array<u8> = decode(reference(0)).unwrap();
        assert_eq!((&*array, array.as_ptr()), (bytes, bytes.as_ptr()));
    }

    #[test]
    fn a_lent_array_is_taken_by_all_threads_until_its_job_is_cancelled() {
        let data: Vec<u32> = (0..PIECE as u32 * 3 + 5).collect();
        // SAFETY: nobody changes the elements; the array and what is made of it are dropped before them, at the end of this test.
        let lent = || unsafe { AnyArray::lent(DType::U32, data.as_ptr().cast(), data.len()) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let job = Job::<()>::detached();
        let take = || u32::from_any(lent()).unwrap().take(&job);
        assert!(take().unwrap() == data);
        assert!(pool.install(take).unwrap() == data);
        job.control().request_cancel();
        assert_eq!(take(), Err(Cancelled));
        assert_eq!(pool.install(take), Err(Cancelled));
        // What is one's own needs no copy, and so nothing that could stop.
        let own = Array::from(vec![1_u32; 10]);
        let place = own.as_ptr();
        let taken = own.take(&job).unwrap();
        assert_eq!(taken.as_ptr(), place);
    }

    #[test]
    fn each_array_can_be_taken_once() {
        attach(vec![AnyArray::U8(vec![1].into())]);
        let both = Tree::List(vec![reference(0), reference(0)]);
        let error = decode::<Vec<Array<u8>>>(both).unwrap_err();
        assert_eq!(error, KernelErrorText("[1]", "array 0 was not sent with the params").into());
    }

    #[test]
    fn the_wrong_kind_is_named() {
        attach(vec![AnyArray::F64(vec![1.0].into())]);
        let error = decode::<Array<f32>>(reference(0)).unwrap_err();
        assert_eq!(error.to_string(), "expected a Float32Array, got a Float64Array");
    }

    #[test]
    fn a_shape_must_fit_and_must_not_overflow() {
        for shape in [vec![Tree::Int(2), Tree::Int(2)], vec![Tree::Int(1 << 40), Tree::Int(1 << 40)]] {
            attach(vec![AnyArray::F64(vec![1.0, 2.0, 3.0].into())]);
            let tree = Tree::Map(vec![("$array".into(), Tree::Int(0)), ("shape".into(), Tree::List(shape))]);
            assert!(decode::<Array<f64>>(tree).unwrap_err().to_string().contains("does not fit 3 elements"));
        }
    }

    #[test]
    fn clamped_bytes_are_accepted_as_bytes() {
        attach(vec![AnyArray::U8Clamped(vec![Clamped(7)].into())]);
        assert_eq!(&*decode::<Array<u8>>(reference(0)).unwrap(), [7]);
    }

    #[test]
    fn lists_of_numbers_are_read_and_written_without_a_boundary() {
        let array: Array<i16> = serde_json::from_str("[1, -2]").unwrap();
        assert_eq!(&*array, [1, -2]);
        assert_eq!(serde_json::to_string(&array).unwrap(), "[1,-2]");
        assert!(serde_json::from_str::<Array<u8>>("[256]").is_err());
        assert!(serde_json::from_str::<Array<u8>>("[1.5]").is_err());
    }

    #[test]
    fn collect_finds_where_outputs_lie() {
        let array = Array::from(vec![1_u32, 2]).with_shape([2, 1]);
        let (json, views) = collect(|| serde_json::to_string(&array).unwrap());
        assert_eq!(json, r#"{"$array":0,"shape":[2,1]}"#);
        assert_eq!(views[0].start, array.as_ptr().cast());
        assert_eq!(views[0].shape.as_deref(), Some(&[2, 1][..]));
        assert_eq!(serde_json::to_string(&array).unwrap(), "[1,2]", "outside of collect, a list again");
    }

    struct KernelErrorText(&'static str, &'static str);
    impl From<KernelErrorText> for crate::KernelError {
        fn from(text: KernelErrorText) -> Self {
            Self::bad_params(text.0, text.1)
        }
    }
}
