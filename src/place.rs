//! Places: where a job's arrays lie in the instance's memory, as words in its control block behind the MessagePack that refers to them.
//!
//! So a job whose arrays lie there already needs no message in either direction. JavaScript's end is `www/host/shared/place.ts`.

use crate::array::{AnyArray, DType, View};

/// One array. The dimensions of its shape follow, if it has one: words too.
#[repr(C)]
struct Place {
    /// Code of its dtype; [`RANK`] times one more than the number of dimensions is added, if there is a shape.
    kind: u32,
    /// Address of the first element.
    start: u32,
    /// Elements.
    len: u32,
}

/// More than there are dtypes.
pub const RANK: usize = 256;
const _: () = assert!(DType::ALL.len() <= RANK);

/// Byte offsets in a place, for the TypeScript end; `shape` is where the dimensions begin.
pub const PLACE_FIELDS: &[(&str, usize)] = &[
    ("kind", std::mem::offset_of!(Place, kind)),
    ("start", std::mem::offset_of!(Place, start)),
    ("len", std::mem::offset_of!(Place, len)),
    ("shape", size_of::<Place>()),
];

const WORD: usize = 4;

/// Where the places begin behind so many bytes of MessagePack.
pub(crate) const fn after(length: usize) -> usize {
    length.next_multiple_of(WORD)
}

/// Writes places from the beginning of `out`; `None` when they do not fit.
pub(crate) fn write(views: &[View], out: &mut [u8]) -> Option<()> {
    let mut words = out.as_chunks_mut::<WORD>().0.iter_mut();
    let mut put = |word: usize| {
        *words.next()? = u32::try_from(word).ok()?.to_le_bytes();
        Some(())
    };
    for View { dtype, start, len, shape } in views {
        put(*dtype as usize + shape.as_ref().map_or(0, |shape| (shape.len() + 1) * RANK))?;
        put(start.addr())?;
        put(*len)?;
        shape.iter().flatten().try_for_each(|&dimension| put(dimension))?;
    }
    Some(())
}

/// The arrays of so many places, which lie in a memory of `memory` bytes. `None` when one of them cannot lie there.
///
/// # Safety
/// What [`AnyArray::lent`] asks of each place that is aligned and inside of the memory. Shapes are not read: params carry their own.
#[cfg_attr(not(all(target_family = "wasm", feature = "threads")), allow(dead_code))]
pub(crate) unsafe fn arrays(places: &[u8], count: usize, memory: u64) -> Option<Vec<AnyArray>> {
    let mut words = places.as_chunks::<WORD>().0.iter().map(|&bytes| u32::from_le_bytes(bytes) as usize);
    let arrays = (0..count).map(|_| {
        let (kind, start, len) = (words.next()?, words.next()?, words.next()?);
        // SAFETY: the caller's promise.
        unsafe { lent(*DType::ALL.get(kind)?, start, len, memory) }
    });
    arrays.collect()
}

/// An array in a memory of `memory` bytes that stays where it lies. `None` when it cannot lie there.
///
/// # Safety
/// What [`AnyArray::lent`] asks, if the place is aligned and inside of the memory.
pub(crate) unsafe fn lent(dtype: DType, start: usize, len: usize, memory: u64) -> Option<AnyArray> {
    let bytes = len as u64 * dtype.size() as u64;
    let fits = start != 0 && start.is_multiple_of(dtype.size()) && start as u64 + bytes <= memory;
    // SAFETY: it is aligned and inside of the memory; the rest is the caller's promise.
    fits.then(|| unsafe { AnyArray::lent(dtype, std::ptr::with_exposed_provenance(start), len) })
}

#[cfg(all(test, not(loom), not(target_family = "wasm")))]
mod tests {
    use super::*;

    fn view(dtype: DType, start: usize, len: usize, shape: Option<Vec<usize>>) -> View {
        View { dtype, start: std::ptr::without_provenance(start), len, shape }
    }

    #[test]
    fn places_are_words_and_shapes_follow_them() {
        let mut out = [0xAA; 40];
        let views = [
            view(DType::F32, 64, 6, Some(vec![2, 3])),
            view(DType::U8, 7, 1, None),
            view(DType::U8, 9, 1, Some(vec![])),
        ];
        assert_eq!(write(&views[..2], &mut out), Some(()));
        let words = out.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect::<Vec<_>>();
        assert_eq!(words[..8], [DType::F32 as u32 + 0x300, 64, 6, 2, 3, DType::U8 as u32, 7, 1]);
        assert_eq!(words[8..], [0xAAAA_AAAA; 2]);
        assert_eq!(write(&views[2..], &mut out), Some(()));
        assert_eq!(out[..4], (DType::U8 as u32 + 0x100).to_le_bytes());
        assert_eq!(write(&views, &mut out), None, "44 bytes do not fit 40");
    }

    #[test]
    fn arrays_are_read_where_they_lie() {
        let data = [1.5_f64, 2.5, 3.5];
        // On this machine addresses are wider than the words: `lent` is what both share.
        // SAFETY: `data` lives, and nobody writes to it.
        let lent = |start: usize, len| unsafe { lent(DType::F64, start, len, u64::MAX) };
        let start = data.as_ptr().expose_provenance();
        assert_eq!(lent(start, 3), Some(AnyArray::F64(data.to_vec().into())));
        assert_eq!(lent(start + 4, 2), None, "not aligned");
        assert_eq!(lent(0, 0), None);
    }

    #[test]
    fn what_cannot_be_a_place_is_none() {
        let place = |words: [u32; 3]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
        // SAFETY: none of them is read.
        let read = |words, count| unsafe { arrays(&place(words), count, 1024) };
        assert_eq!(read([99, 64, 1], 1), None, "no such dtype");
        assert_eq!(read([DType::F64 as u32, 960, 9], 1), None, "beyond the memory");
        assert_eq!(read([DType::F64 as u32, 4, 1], 1), None, "not aligned");
        assert_eq!(read([DType::F64 as u32, 64, u32::MAX], 1), None);
        assert_eq!(read([DType::U8 as u32, 64, 0], 2), None, "there is one");
        assert_eq!(read([DType::U8 as u32, 64, 0], 1).map(|arrays| arrays.len()), Some(1));
    }
}
