//! 128-bit arithmetic on 16-bit numbers for `blur.rs` and `jpeg.rs`: one trait, and whoever implements it on this machine.
//!
//! `wide` has no interleaving of 16-bit lanes, without which a multiply-add of pairs cannot be fed, and compilers find neither by
//! themselves (autovectorised the blur takes twice as long). So there are three implementations: SSE2, wasm's simd128, and plain
//! Rust for machines that have neither. Every operation is exact or one IEEE operation, so all give the same bits.

/// Eight 16-bit numbers, four 32-bit ones, and what is done with them.
pub(super) trait Lanes {
    /// Eight `i16`.
    type Shorts: Copy;
    /// Four `i32`.
    type Words: Copy;

    /// Reads eight numbers.
    fn load(from: &[i16; 8]) -> Self::Shorts;
    /// Writes eight numbers.
    fn store(shorts: Self::Shorts, to: &mut [i16; 8]);
    /// `first, second, first, second, …`
    fn pairs(first: i16, second: i16) -> Self::Shorts;
    /// Sums, wrapping.
    fn add(a: Self::Shorts, b: Self::Shorts) -> Self::Shorts;
    /// Differences, wrapping.
    fn sub(a: Self::Shorts, b: Self::Shorts) -> Self::Shorts;
    /// Each number times a power of two, wrapping.
    fn left<const BITS: i32>(shorts: Self::Shorts) -> Self::Shorts;
    /// Each number divided by a power of two, rounded down.
    fn right<const BITS: i32>(shorts: Self::Shorts) -> Self::Shorts;
    /// Reads eight bytes.
    fn extend(from: &[u8; 8]) -> Self::Shorts;
    /// Writes the numbers as bytes, saturating: those of `low` and then those of `high`.
    fn saturate(low: Self::Shorts, high: Self::Shorts, to: &mut [u8; 16]);
    /// Writes red, green and blue as eight opaque pixels, saturating.
    fn pixels(red: Self::Shorts, green: Self::Shorts, blue: Self::Shorts, to: &mut [u8; 32]);
    /// The first four numbers of both, in turn: `a0, b0, a1, b1, …`
    fn interleave_low(a: Self::Shorts, b: Self::Shorts) -> Self::Shorts;
    /// The last four numbers of both, in turn.
    fn interleave_high(a: Self::Shorts, b: Self::Shorts) -> Self::Shorts;
    /// Products of the numbers, summed in pairs.
    fn dot(a: Self::Shorts, b: Self::Shorts) -> Self::Words;
    /// The numbers as 32-bit ones: the first four and the last four.
    fn widen(shorts: Self::Shorts) -> [Self::Words; 2];

    /// Reads four numbers.
    fn load_words(from: &[i32; 4]) -> Self::Words;
    /// Writes four numbers.
    fn store_words(words: Self::Words, to: &mut [i32; 4]);
    /// One number four times.
    fn splat(word: i32) -> Self::Words;
    /// Sums, wrapping.
    fn add_words(a: Self::Words, b: Self::Words) -> Self::Words;
    /// Differences, wrapping.
    fn sub_words(a: Self::Words, b: Self::Words) -> Self::Words;
    /// Each word divided by a power of two, rounded down.
    fn right_words<const BITS: i32>(words: Self::Words) -> Self::Words;
    /// Shifted to the right by [`WEIGHT_BITS`](super::blur::WEIGHT_BITS), and narrowed with saturation.
    fn narrow_weighted(low: Self::Words, high: Self::Words) -> Self::Shorts;
    /// Times a factor, rounded to nearest (even): numbers of 0 to 2²², as f32. Correct for products up to 2²².
    fn scale(words: Self::Words, factor: f32) -> Self::Words;
    /// Narrowed with saturation.
    fn narrow(low: Self::Words, high: Self::Words) -> Self::Shorts;

    /// Sixteen bytes as numbers with [`PIXEL_BITS`](super::blur::PIXEL_BITS) binary places.
    fn widen_bytes(from: &[u8; 16]) -> [Self::Shorts; 2];
    /// The reverse, rounded and saturated.
    fn narrow_bytes(low: Self::Shorts, high: Self::Shorts, to: &mut [u8; 16]);
}

/// Adding 2²³ to a smaller float leaves its nearest whole number in the mantissa: these are the bits of 2²³.
const MAGIC: i32 = 0x4B00_0000;

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
pub(super) use plain::Plain as Best;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) use simd128::Simd128 as Best;
#[cfg(target_arch = "x86_64")]
pub(super) use sse2::Sse2 as Best;

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::{Lanes, MAGIC};
    use crate::kernels::blur::{PIXEL_BITS, WEIGHT_BITS};
    use std::arch::x86_64::*;

    /// SSE2, which every x86-64 processor has.
    pub(in super::super) struct Sse2;

    // SAFETY, for all that follows: SSE2 is part of x86-64, and each pointer is that of a reference to exactly the 16 bytes that are
    // read or written; `loadu` and `storeu` ask for no alignment.
    #[allow(clippy::undocumented_unsafe_blocks)]
    impl Lanes for Sse2 {
        type Shorts = __m128i;
        type Words = __m128i;

        #[inline(always)]
        fn load(from: &[i16; 8]) -> __m128i {
            unsafe { _mm_loadu_si128(from.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store(shorts: __m128i, to: &mut [i16; 8]) {
            unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), shorts) }
        }
        #[inline(always)]
        fn pairs(first: i16, second: i16) -> __m128i {
            Self::splat((i32::from(second) << 16) | i32::from(first as u16))
        }
        #[inline(always)]
        fn add(a: __m128i, b: __m128i) -> __m128i {
            unsafe { _mm_add_epi16(a, b) }
        }
        #[inline(always)]
        fn sub(a: __m128i, b: __m128i) -> __m128i {
            unsafe { _mm_sub_epi16(a, b) }
        }
        #[inline(always)]
        fn left<const BITS: i32>(shorts: __m128i) -> __m128i {
            unsafe { _mm_slli_epi16::<BITS>(shorts) }
        }
        #[inline(always)]
        fn right<const BITS: i32>(shorts: __m128i) -> __m128i {
            unsafe { _mm_srai_epi16::<BITS>(shorts) }
        }
        #[inline(always)]
        fn extend(from: &[u8; 8]) -> __m128i {
            // `loadl` reads the eight bytes.
            unsafe { _mm_unpacklo_epi8(_mm_loadl_epi64(from.as_ptr().cast()), _mm_setzero_si128()) }
        }
        #[inline(always)]
        fn saturate(low: __m128i, high: __m128i, to: &mut [u8; 16]) {
            unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm_packus_epi16(low, high)) }
        }
        #[inline(always)]
        fn pixels(red: __m128i, green: __m128i, blue: __m128i, to: &mut [u8; 32]) {
            let (halves, _) = to.as_chunks_mut::<16>();
            unsafe {
                let red_blue = _mm_packus_epi16(red, blue);
                let green_alpha = _mm_packus_epi16(green, _mm_set1_epi16(255));
                let red_green = _mm_unpacklo_epi8(red_blue, green_alpha);
                let blue_alpha = _mm_unpackhi_epi8(red_blue, green_alpha);
                _mm_storeu_si128(halves[0].as_mut_ptr().cast(), _mm_unpacklo_epi16(red_green, blue_alpha));
                _mm_storeu_si128(halves[1].as_mut_ptr().cast(), _mm_unpackhi_epi16(red_green, blue_alpha));
            }
        }
        #[inline(always)]
        fn interleave_low(a: __m128i, b: __m128i) -> __m128i {
            unsafe { _mm_unpacklo_epi16(a, b) }
        }
        #[inline(always)]
        fn interleave_high(a: __m128i, b: __m128i) -> __m128i {
            unsafe { _mm_unpackhi_epi16(a, b) }
        }
        #[inline(always)]
        fn dot(a: __m128i, b: __m128i) -> __m128i {
            unsafe { _mm_madd_epi16(a, b) }
        }
        #[inline(always)]
        fn widen(shorts: __m128i) -> [__m128i; 2] {
            unsafe {
                let sign = _mm_srai_epi16(shorts, 15);
                [_mm_unpacklo_epi16(shorts, sign), _mm_unpackhi_epi16(shorts, sign)]
            }
        }
        #[inline(always)]
        fn load_words(from: &[i32; 4]) -> __m128i {
            unsafe { _mm_loadu_si128(from.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store_words(words: __m128i, to: &mut [i32; 4]) {
            unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), words) }
        }
        #[inline(always)]
        fn splat(word: i32) -> __m128i {
            unsafe { _mm_set1_epi32(word) }
        }
        #[inline(always)]
        fn add_words(a: __m128i, b: __m128i) -> __m128i {
            unsafe { _mm_add_epi32(a, b) }
        }
        #[inline(always)]
        fn sub_words(a: __m128i, b: __m128i) -> __m128i {
            unsafe { _mm_sub_epi32(a, b) }
        }
        #[inline(always)]
        fn right_words<const BITS: i32>(words: __m128i) -> __m128i {
            unsafe { _mm_srai_epi32::<BITS>(words) }
        }
        #[inline(always)]
        fn narrow_weighted(low: __m128i, high: __m128i) -> __m128i {
            const BITS: i32 = WEIGHT_BITS as i32;
            unsafe { _mm_packs_epi32(_mm_srai_epi32::<BITS>(low), _mm_srai_epi32::<BITS>(high)) }
        }
        #[inline(always)]
        fn scale(words: __m128i, factor: f32) -> __m128i {
            unsafe {
                let product = _mm_mul_ps(_mm_cvtepi32_ps(words), _mm_set1_ps(factor));
                let magic = _mm_set1_epi32(MAGIC);
                _mm_sub_epi32(_mm_castps_si128(_mm_add_ps(product, _mm_castsi128_ps(magic))), magic)
            }
        }
        #[inline(always)]
        fn narrow(low: __m128i, high: __m128i) -> __m128i {
            unsafe { _mm_packs_epi32(low, high) }
        }
        #[inline(always)]
        fn widen_bytes(from: &[u8; 16]) -> [__m128i; 2] {
            unsafe {
                let (bytes, zero) = (_mm_loadu_si128(from.as_ptr().cast()), _mm_setzero_si128());
                [_mm_unpacklo_epi8(bytes, zero), _mm_unpackhi_epi8(bytes, zero)]
                    .map(|half| _mm_slli_epi16::<{ PIXEL_BITS as i32 }>(half))
            }
        }
        #[inline(always)]
        fn narrow_bytes(low: __m128i, high: __m128i, to: &mut [u8; 16]) {
            unsafe {
                let half = _mm_set1_epi16(1 << (PIXEL_BITS - 1));
                let [low, high] =
                    [low, high].map(|part| _mm_srai_epi16::<{ PIXEL_BITS as i32 }>(_mm_add_epi16(part, half)));
                _mm_storeu_si128(to.as_mut_ptr().cast(), _mm_packus_epi16(low, high));
            }
        }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128 {
    use super::{Lanes, MAGIC};
    use crate::kernels::blur::{PIXEL_BITS, WEIGHT_BITS};
    use std::arch::wasm32::*;

    /// WebAssembly's fixed-width SIMD.
    pub(in super::super) struct Simd128;

    // SAFETY, for all that follows: each pointer is that of a reference to exactly the 16 bytes that are read or written; loads and
    // stores ask for no alignment.
    #[allow(clippy::undocumented_unsafe_blocks)]
    impl Lanes for Simd128 {
        type Shorts = v128;
        type Words = v128;

        #[inline(always)]
        fn load(from: &[i16; 8]) -> v128 {
            unsafe { v128_load(from.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store(shorts: v128, to: &mut [i16; 8]) {
            unsafe { v128_store(to.as_mut_ptr().cast(), shorts) }
        }
        #[inline(always)]
        fn pairs(first: i16, second: i16) -> v128 {
            i32x4_splat((i32::from(second) << 16) | i32::from(first as u16))
        }
        #[inline(always)]
        fn add(a: v128, b: v128) -> v128 {
            i16x8_add(a, b)
        }
        #[inline(always)]
        fn sub(a: v128, b: v128) -> v128 {
            i16x8_sub(a, b)
        }
        #[inline(always)]
        fn left<const BITS: i32>(shorts: v128) -> v128 {
            i16x8_shl(shorts, BITS as u32)
        }
        #[inline(always)]
        fn right<const BITS: i32>(shorts: v128) -> v128 {
            i16x8_shr(shorts, BITS as u32)
        }
        #[inline(always)]
        fn extend(from: &[u8; 8]) -> v128 {
            // This load reads the eight bytes.
            unsafe { i16x8_load_extend_u8x8(from.as_ptr()) }
        }
        #[inline(always)]
        fn saturate(low: v128, high: v128, to: &mut [u8; 16]) {
            unsafe { v128_store(to.as_mut_ptr().cast(), u8x16_narrow_i16x8(low, high)) }
        }
        #[inline(always)]
        fn pixels(red: v128, green: v128, blue: v128, to: &mut [u8; 32]) {
            let red_blue = u8x16_narrow_i16x8(red, blue);
            let green_alpha = u8x16_narrow_i16x8(green, i16x8_splat(255));
            let red_green =
                i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(red_blue, green_alpha);
            let blue_alpha =
                i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(red_blue, green_alpha);
            let (halves, _) = to.as_chunks_mut::<16>();
            unsafe {
                v128_store(halves[0].as_mut_ptr().cast(), Self::interleave_low(red_green, blue_alpha));
                v128_store(halves[1].as_mut_ptr().cast(), Self::interleave_high(red_green, blue_alpha));
            }
        }
        #[inline(always)]
        fn interleave_low(a: v128, b: v128) -> v128 {
            i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b)
        }
        #[inline(always)]
        fn interleave_high(a: v128, b: v128) -> v128 {
            i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b)
        }
        #[inline(always)]
        fn dot(a: v128, b: v128) -> v128 {
            i32x4_dot_i16x8(a, b)
        }
        #[inline(always)]
        fn widen(shorts: v128) -> [v128; 2] {
            [i32x4_extend_low_i16x8(shorts), i32x4_extend_high_i16x8(shorts)]
        }
        #[inline(always)]
        fn load_words(from: &[i32; 4]) -> v128 {
            unsafe { v128_load(from.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store_words(words: v128, to: &mut [i32; 4]) {
            unsafe { v128_store(to.as_mut_ptr().cast(), words) }
        }
        #[inline(always)]
        fn splat(word: i32) -> v128 {
            i32x4_splat(word)
        }
        #[inline(always)]
        fn add_words(a: v128, b: v128) -> v128 {
            i32x4_add(a, b)
        }
        #[inline(always)]
        fn sub_words(a: v128, b: v128) -> v128 {
            i32x4_sub(a, b)
        }
        #[inline(always)]
        fn right_words<const BITS: i32>(words: v128) -> v128 {
            i32x4_shr(words, BITS as u32)
        }
        #[inline(always)]
        fn narrow_weighted(low: v128, high: v128) -> v128 {
            i16x8_narrow_i32x4(i32x4_shr(low, WEIGHT_BITS), i32x4_shr(high, WEIGHT_BITS))
        }
        #[inline(always)]
        fn scale(words: v128, factor: f32) -> v128 {
            let product = f32x4_mul(f32x4_convert_i32x4(words), f32x4_splat(factor));
            let magic = i32x4_splat(MAGIC);
            i32x4_sub(f32x4_add(product, magic), magic)
        }
        #[inline(always)]
        fn narrow(low: v128, high: v128) -> v128 {
            i16x8_narrow_i32x4(low, high)
        }
        #[inline(always)]
        fn widen_bytes(from: &[u8; 16]) -> [v128; 2] {
            let bytes = unsafe { v128_load(from.as_ptr().cast()) };
            [u16x8_extend_low_u8x16(bytes), u16x8_extend_high_u8x16(bytes)].map(|half| i16x8_shl(half, PIXEL_BITS))
        }
        #[inline(always)]
        fn narrow_bytes(low: v128, high: v128, to: &mut [u8; 16]) {
            let half = i16x8_splat(1 << (PIXEL_BITS - 1));
            let [low, high] = [low, high].map(|part| i16x8_shr(i16x8_add(part, half), PIXEL_BITS));
            unsafe { v128_store(to.as_mut_ptr().cast(), u8x16_narrow_i16x8(low, high)) }
        }
    }
}

#[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))))]
pub(super) mod plain {
    use super::{Lanes, MAGIC};
    use crate::kernels::blur::{PIXEL_BITS, WEIGHT_BITS};
    use std::array::from_fn;

    /// No instruction set at all.
    pub(in super::super) struct Plain;

    fn narrowed(word: i32) -> i16 {
        word.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }

    impl Lanes for Plain {
        type Shorts = [i16; 8];
        type Words = [i32; 4];

        fn load(from: &[i16; 8]) -> [i16; 8] {
            *from
        }
        fn store(shorts: [i16; 8], to: &mut [i16; 8]) {
            *to = shorts;
        }
        fn pairs(first: i16, second: i16) -> [i16; 8] {
            from_fn(|i| if i % 2 == 0 { first } else { second })
        }
        fn add(a: [i16; 8], b: [i16; 8]) -> [i16; 8] {
            from_fn(|i| a[i].wrapping_add(b[i]))
        }
        fn sub(a: [i16; 8], b: [i16; 8]) -> [i16; 8] {
            from_fn(|i| a[i].wrapping_sub(b[i]))
        }
        fn left<const BITS: i32>(shorts: [i16; 8]) -> [i16; 8] {
            shorts.map(|short| short << BITS)
        }
        fn right<const BITS: i32>(shorts: [i16; 8]) -> [i16; 8] {
            shorts.map(|short| short >> BITS)
        }
        fn extend(from: &[u8; 8]) -> [i16; 8] {
            from.map(i16::from)
        }
        fn saturate(low: [i16; 8], high: [i16; 8], to: &mut [u8; 16]) {
            *to = from_fn(|i| if i < 8 { low[i] } else { high[i - 8] }.clamp(0, 255) as u8);
        }
        fn pixels(red: [i16; 8], green: [i16; 8], blue: [i16; 8], to: &mut [u8; 32]) {
            *to = from_fn(|i| [red, green, blue, [255; 8]][i % 4][i / 4].clamp(0, 255) as u8);
        }
        fn interleave_low(a: [i16; 8], b: [i16; 8]) -> [i16; 8] {
            from_fn(|i| if i % 2 == 0 { a[i / 2] } else { b[i / 2] })
        }
        fn interleave_high(a: [i16; 8], b: [i16; 8]) -> [i16; 8] {
            from_fn(|i| if i % 2 == 0 { a[4 + i / 2] } else { b[4 + i / 2] })
        }
        fn dot(a: [i16; 8], b: [i16; 8]) -> [i32; 4] {
            let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
            from_fn(|i| product(2 * i).wrapping_add(product(2 * i + 1)))
        }
        fn widen(shorts: [i16; 8]) -> [[i32; 4]; 2] {
            [from_fn(|i| shorts[i].into()), from_fn(|i| shorts[4 + i].into())]
        }
        fn load_words(from: &[i32; 4]) -> [i32; 4] {
            *from
        }
        fn store_words(words: [i32; 4], to: &mut [i32; 4]) {
            *to = words;
        }
        fn splat(word: i32) -> [i32; 4] {
            [word; 4]
        }
        fn add_words(a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
            from_fn(|i| a[i].wrapping_add(b[i]))
        }
        fn sub_words(a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
            from_fn(|i| a[i].wrapping_sub(b[i]))
        }
        fn right_words<const BITS: i32>(words: [i32; 4]) -> [i32; 4] {
            words.map(|word| word >> BITS)
        }
        fn narrow_weighted(low: [i32; 4], high: [i32; 4]) -> [i16; 8] {
            Self::narrow(low.map(|word| word >> WEIGHT_BITS), high.map(|word| word >> WEIGHT_BITS))
        }
        fn scale(words: [i32; 4], factor: f32) -> [i32; 4] {
            let magic = f32::from_bits(MAGIC as u32);
            words.map(|word| (word as f32 * factor + magic).to_bits() as i32 - MAGIC)
        }
        fn narrow(low: [i32; 4], high: [i32; 4]) -> [i16; 8] {
            from_fn(|i| narrowed(if i < 4 { low[i] } else { high[i - 4] }))
        }
        fn widen_bytes(from: &[u8; 16]) -> [[i16; 8]; 2] {
            [0, 8].map(|start| from_fn(|i| i16::from(from[start + i]) << PIXEL_BITS))
        }
        fn narrow_bytes(low: [i16; 8], high: [i16; 8], to: &mut [u8; 16]) {
            for (byte, part) in to.iter_mut().zip(low.into_iter().chain(high)) {
                *byte = (part.wrapping_add(1 << (PIXEL_BITS - 1)) >> PIXEL_BITS).clamp(0, 255) as u8;
            }
        }
    }
}
