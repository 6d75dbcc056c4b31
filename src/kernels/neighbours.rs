//! Pixels that are made of those around them: what `image.blur` and `image.convolve` share. A job's rows in the picture, the rows
//! that they are made of, how they divide, and the tiles that threads take.

use super::radix::reserve;
use crate::KernelError;
use crate::image::{BandOf, Image, Rows};
use std::ops::Range;

/// What a job makes, in rows of the whole picture.
#[derive(Clone)]
pub(super) struct Area {
    /// Pixels in a row.
    pub width: u32,
    /// Rows of the whole picture.
    pub height: u32,
    /// The picture's row that is the first at hand.
    pub first: u32,
    /// The rows to make.
    pub rows: Range<u32>,
    /// How many rows above and below a row it is made of. [`u32::MAX`]: of any.
    pub reach: u32,
}

impl Area {
    /// What params ask for, once they are valid.
    pub(super) fn of(image: &Image, rows: Option<Rows>, source: Option<BandOf>, reach: u32) -> Self {
        let height = source.map_or(image.height, |source| source.height);
        Self {
            width: image.width,
            height,
            first: source.map_or(0, |source| source.first),
            rows: rows.map_or(0..height, Rows::range),
            reach,
        }
    }

    /// Refuses rows that are not in the picture, and an image that does not hold what they are made of.
    pub(super) fn validate(
        image: &Image,
        rows: Option<Rows>,
        source: Option<BandOf>,
        reach: u32,
    ) -> Result<(), KernelError> {
        let picture = source.unwrap_or(BandOf { first: 0, height: image.height });
        let needed = || Self::of(image, rows, source, reach).needed();
        rows.map_or(Ok(()), |rows| rows.validate("rows", picture.height))?;
        picture.validate("source", image.height, needed)
    }

    /// The picture's rows of which the job's are made.
    pub(super) fn needed(&self) -> Range<u32> {
        let end = self.rows.end.saturating_add(self.reach).min(self.height);
        self.rows.start.saturating_sub(self.reach)..end
    }

    /// Bytes of a row.
    pub(super) fn stride(&self) -> usize {
        self.width as usize * 4
    }

    /// A row of the picture, of an image that holds it.
    pub(super) fn row<'a>(&self, pixels: &'a [u8], y: u32) -> &'a [u8] {
        &pixels[(y - self.first) as usize * self.stride()..][..self.stride()]
    }

    /// The job's rows of an image, unchanged.
    pub(super) fn cut(&self, image: &Image) -> Result<Vec<u8>, KernelError> {
        let start = (self.rows.start - self.first) as usize * self.stride();
        let mut rows = reserve(self.rows.len() * self.stride())?;
        rows.extend_from_slice(&image.data[start..start + self.rows.len() * self.stride()]);
        Ok(rows)
    }

    /// At most so many bands of the job's rows, each with the rows that it is made of; `None` when dividing does not pay.
    pub(super) fn shards(&self, image: &mut Image, pieces: usize) -> Option<Vec<(Image, Rows, BandOf)>> {
        let pixels = u64::from(self.width) * self.rows.len() as u64;
        // Where bands meet both are handed the same rows: that shall not be more than half of what they make.
        let most = (self.rows.len() as u64 / u64::from(self.reach.saturating_mul(4)).max(1)).min(pixels / SHARD_PIXELS);
        let pieces = (pieces as u64).min(most);
        if pieces < 2 {
            return None;
        }
        let start = |piece: u64| self.rows.start + (piece * self.rows.len() as u64 / pieces) as u32;
        let shard = |piece| {
            let band = Self { rows: start(piece)..start(piece + 1), ..self.clone() };
            let needed = band.needed();
            let from = (needed.start - self.first) as usize * self.stride();
            let data = image.data.part(from..from + needed.len() * self.stride());
            let image = Image { width: self.width, height: needed.len() as u32, data };
            (image, band.rows.into(), BandOf { first: needed.start, height: self.height })
        };
        Some((0..pieces).map(shard).collect())
    }
}

/// The fewest pixels of a shard: about a millisecond of work.
const SHARD_PIXELS: u64 = 1 << 16;

/// A rectangle of the output, with its place in the picture.
pub(super) struct Tile<'a> {
    /// Column of its first pixel.
    pub x: u32,
    /// The picture's row that is its first.
    pub y: u32,
    /// Its rows.
    pub rows: Vec<&'a mut [u8]>,
}

impl Tile<'_> {
    /// Pixels in a row.
    pub(super) fn width(&self) -> usize {
        self.rows[0].len() / 4
    }
}

/// Cuts the job's rows into tiles of at most so many columns and rows.
pub(super) fn tiles<'a>(out: &'a mut [u8], area: &Area, width: usize, height: usize) -> Vec<Tile<'a>> {
    let mut tiles = Vec::new();
    for (band, rows) in out.chunks_mut(area.stride() * height).enumerate() {
        let mut rows: Vec<_> = rows.chunks_mut(area.stride()).map(|row| row.chunks_mut(width * 4)).collect();
        for x in (0..area.width).step_by(width) {
            let y = area.rows.start + (band * height) as u32;
            tiles.push(Tile { x, y, rows: rows.iter_mut().filter_map(Iterator::next).collect() });
        }
    }
    tiles
}

/// The columns from `start` on, `count` of them, of a row of `width`: how many lie before its first, which ones inside, and how many
/// after its last.
pub(super) fn columns(start: i64, count: usize, width: u32) -> (usize, Range<usize>, usize) {
    let width = i64::from(width);
    let end = start + count as i64;
    let [from, to] = [start, end].map(|at| at.clamp(0, width));
    ((from.min(end) - start).max(0) as usize, from as usize..to as usize, (end - to.max(start)).max(0) as usize)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    #[test]
    fn columns_before_inside_and_after() {
        assert_eq!(columns(2, 5, 10), (0, 2..7, 0));
        assert_eq!(columns(-2, 5, 10), (2, 0..3, 0));
        assert_eq!(columns(7, 5, 10), (0, 7..10, 2));
        assert_eq!(columns(-3, 9, 2), (3, 0..2, 4));
    }

    #[test]
    fn tiles_cover_the_rows_once() {
        for (width, rows, size) in [(1, 0..1, (4, 3)), (10, 5..12, (4, 3)), (8, 0..6, (8, 6)), (9, 2..3, (100, 100))] {
            let area = Area { width, height: 20, first: 0, rows: rows.clone(), reach: 1 };
            let mut out = vec![0; area.stride() * rows.len()];
            for tile in tiles(&mut out, &area, size.0, size.1) {
                let (x, y, columns) = (tile.x, tile.y, tile.width());
                for (row, bytes) in tile.rows.into_iter().enumerate() {
                    assert_eq!(bytes.len(), columns * 4);
                    for (column, pixel) in bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                        pixel[0] += 1;
                        pixel[1] = (x as usize + column) as u8;
                        pixel[2] = (y as usize + row) as u8;
                    }
                }
            }
            for (at, pixel) in out.as_chunks::<4>().0.iter().enumerate() {
                let (x, y) = (at as u32 % width, rows.start + at as u32 / width);
                assert_eq!(*pixel, [1, x as u8, y as u8, 0]);
            }
        }
    }
}
