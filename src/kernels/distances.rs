//! Distances between many vectors: the engine of `kmeans` and `knn`.
//!
//! Vectors of one side lie in panels of eight, element by element, so that a register holds one element of four of them; of the
//! other side four vectors go through a panel together. Each pair is summed element after element, from the first to the last,
//! without fused operations: a distance is the same bits in whatever place, group and instruction set it is computed.

use wide::f32x4;

/// Vectors of a panel.
pub(super) const LANES: usize = 8;
/// Vectors that go through a panel together, at most: with [`LANES`], as many sums as registers hold.
pub(super) const GROUP: usize = 4;

/// An element of eight vectors.
pub(super) type Lanes = [f32x4; LANES / 4];

/// Eight vectors, element by element.
pub(super) type Panel = Vec<Lanes>;

/// Lays up to eight vectors of `dimensions` elements out as a panel; those that are missing are zeros.
pub(super) fn pack(vectors: &[f32], dimensions: usize, panel: &mut Panel) {
    panel.resize(dimensions, Lanes::default());
    let mut rows = [&[][..]; LANES];
    vectors.chunks_exact(dimensions).zip(&mut rows).for_each(|(vector, row)| *row = vector);
    let at = |row: usize, element: usize| rows[row].get(element).copied().unwrap_or(0.0);
    let lanes = |half: usize, element: usize| f32x4::new(std::array::from_fn(|lane| at(half * 4 + lane, element)));
    // Four elements of four vectors at a time, where no vector is missing.
    let squares = if rows[LANES - 1].is_empty() { 0 } else { dimensions / 4 };
    let (inside, rest) = panel.split_at_mut(squares * 4);
    let full = rows.map(|row| row.as_chunks::<4>().0);
    for (square, out) in inside.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let half = |half: usize| f32x4::transpose(std::array::from_fn(|row| f32x4::new(full[half * 4 + row][square])));
        for (out, (low, high)) in out.iter_mut().zip(half(0).into_iter().zip(half(1))) {
            *out = [low, high];
        }
    }
    for (element, out) in (squares * 4..).zip(rest) {
        *out = [lanes(0, element), lanes(1, element)];
    }
}

/// For each of some vectors, what `term` makes of its elements and those of each vector of a panel, summed.
#[inline(always)]
fn sums<const N: usize>(
    vectors: [&[f32]; N],
    panel: &[Lanes],
    term: impl Fn(f32x4, f32x4) -> f32x4,
) -> [[f32; LANES]; N] {
    let mut sums: [Lanes; N] = [[f32x4::splat(0.0); LANES / 4]; N];
    let len = panel.len();
    let vectors = vectors.map(|vector| &vector[..len]);
    // By index: the compiler then sees that all are long enough. A check in the loop makes it bring several turns' numbers at once, more than
    // there are registers for; in wasm that takes a seventh longer, and half as long again where what is put aside lies across two cache lines.
    for i in 0..len {
        let lanes = panel[i];
        for (sums, vector) in sums.iter_mut().zip(vectors) {
            let x = f32x4::splat(vector[i]);
            sums[0] += term(x, lanes[0]);
            sums[1] += term(x, lanes[1]);
        }
    }
    sums.map(|[low, high]| {
        let mut all = [0.0; LANES];
        all[..4].copy_from_slice(&low.to_array());
        all[4..].copy_from_slice(&high.to_array());
        all
    })
}

/// Squares of the Euclidean distances.
#[inline(always)]
pub(super) fn squared<const N: usize>(vectors: [&[f32]; N], panel: &[Lanes]) -> [[f32; LANES]; N] {
    sums(vectors, panel, |a, b| {
        let difference = a - b;
        difference * difference
    })
}

/// Dot products.
#[inline(always)]
pub(super) fn dots<const N: usize>(vectors: [&[f32]; N], panel: &[Lanes]) -> [[f32; LANES]; N] {
    sums(vectors, panel, |a, b| a * b)
}

/// Squares of the lengths of a panel's vectors.
pub(super) fn lengths(panel: &[Lanes]) -> [f32; LANES] {
    let mut sums = [f32x4::splat(0.0); LANES / 4];
    for lanes in panel {
        sums[0] += lanes[0] * lanes[0];
        sums[1] += lanes[1] * lanes[1];
    }
    let [low, high] = sums.map(f32x4::to_array);
    std::array::from_fn(|lane| if lane < 4 { low[lane] } else { high[lane - 4] })
}

#[cfg(all(test, not(target_family = "wasm")))]
pub(super) mod tests {
    use super::*;

    /// Numbers from −1 to 1 without a pattern.
    pub fn noise(len: usize, seed: u64) -> Vec<f32> {
        let mut state = seed | 1;
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    #[test]
    fn every_pair_is_summed_from_its_first_element_to_its_last() {
        for dimensions in [1, 2, 3, 4, 7, 33] {
            for count in 1..=LANES {
                let (vectors, lanes) = (noise(GROUP * dimensions, 3), noise(count * dimensions, 5));
                let mut panel = Panel::new();
                pack(&lanes, dimensions, &mut panel);
                let rows: Vec<&[f32]> = vectors.chunks(dimensions).collect();
                let rows = [rows[0], rows[1], rows[2], rows[3]];
                let naive = |a: &[f32], b: &[f32], term: fn(f32, f32) -> f32| {
                    a.iter().zip(b).fold(0.0, |sum, (&a, &b)| sum + term(a, b))
                };
                for (lane, b) in lanes.chunks(dimensions).enumerate() {
                    for (row, a) in rows.iter().enumerate() {
                        let square = |a: f32, b: f32| (a - b) * (a - b);
                        assert_eq!(squared(rows, &panel)[row][lane].to_bits(), naive(a, b, square).to_bits());
                        assert_eq!(dots(rows, &panel)[row][lane].to_bits(), naive(a, b, |a, b| a * b).to_bits());
                    }
                    assert_eq!(lengths(&panel)[lane].to_bits(), naive(b, b, |a, b| a * b).to_bits());
                }
            }
        }
    }
}
