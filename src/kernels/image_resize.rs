//! Resizes an image with a choice of filters: two passes of convolution, cut into tiles.
//!
//! The arithmetic is next door in `resample`: integers, so the same numbers with AVX2, SSE4.1, wasm's simd128 or none of them.
//! This room adds what a job needs: tiles that rayon spreads over the threads and between which the job can be
//! cancelled. Tiles follow from the sizes alone, never from the number of threads, and a job that makes a band of the
//! picture makes the tiles that the whole would have there: what a weight is rounded to depends on its tile.

use super::radix::zeros;
use super::resample::{self, Band, Filter, Stretch};
use crate::array::owned;
use crate::image::{BandOf, Image, MAX_PIXELS, Rows, size};
use crate::parallel::try_each_chunk;
use crate::shard::{self, Sharding};
use crate::{Cancelled, Job, Kernel, KernelError, Shardable};
use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::U8x4;
use fast_image_resize::{ImageView, ImageViewMut};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::num::NonZeroU32;
use std::ops::Range;

/// Resizes an image.
pub struct ImageResize;

/// What to resize, and to what. The whole image is fitted to the new sides; its proportions are the caller's care.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageResizeParams {
    /// The image.
    pub image: Image,
    /// Pixels in a row of the result, 1 to 65535; `width × height` is at most 2²⁸.
    pub width: u32,
    /// Rows of the result, 1 to 65535.
    pub height: u32,
    /// How pixels are weighted; `lanczos3` unless told.
    #[serde(default)]
    pub filter: ResizeFilter,
    /// The rows of the result to make: a band of it, all of it unless told. They are the same as in the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    /// Says that `image` is a band of a picture, and the picture is what is resized. It must hold what `rows` is made of;
    /// when it does not, the error says which rows that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ResizeSource>,
}

/// The picture of which an image is a band of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResizeSource {
    /// The picture's row that is the image's first.
    pub first: u32,
    /// Rows of the picture, 1 to 65535.
    pub height: u32,
    /// Whether every alpha of the picture is 255: then colours are not weighted by it.
    pub opaque: bool,
}

/// How pixels are weighted. When an image shrinks every filter but `nearest` is widened so that all pixels count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResizeFilter {
    /// Windowed sinc of radius 3: the sharpest.
    #[default]
    Lanczos3,
    /// The pixel under the new pixel's centre, unmixed: for masks and pixel art.
    Nearest,
    /// The mean of the pixels that the new pixel covers.
    Box,
    /// Linear interpolation, radius 1.
    Bilinear,
    /// As fast as `bilinear`, sharper when it shrinks; radius 1.
    Hamming,
    /// Cubic (a = −0.5), radius 2: what others call bicubic.
    CatmullRom,
    /// Mitchell and Netravali's cubic (B = C = ⅓), radius 2: softer, hardly rings.
    Mitchell,
    /// Gaussian of standard deviation ½, radius 3: blurs.
    Gaussian,
}

/// The resized image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageResizeOutput {
    /// `width` by `height` (or `rows.count`) pixels. Colours were weighted by their alpha; a pixel of alpha 0 comes out as 0, 0, 0, 0.
    /// At the size that it had, or with `nearest`, pixels are the source's own.
    pub image: Image,
}

impl Kernel for ImageResize {
    const NAME: &'static str = "image.resize";
    const ABOUT: &'static str = "Resizes an RGBA image: Lanczos and other filters, right for transparency.";
    type Params = ImageResizeParams;
    type Output = ImageResizeOutput;
    type Part = ();

    fn validate(p: &ImageResizeParams) -> Result<(), KernelError> {
        p.image.validate("image")?;
        size(p.width, p.height)?;
        p.rows.map_or(Ok(()), |rows| rows.validate("rows", p.height))?;
        let Some(source) = p.source else { return Ok(()) };
        let picture = BandOf { first: source.first, height: source.height };
        picture.validate("source", p.image.height, || Work::of(p).needed())
    }

    fn run(p: ImageResizeParams, job: &Job) -> Result<ImageResizeOutput, KernelError> {
        let work = Work::of(&p);
        let (width, rows) = (work.to.0, work.rows.len() as u32);
        job.will_return(width as usize * rows as usize * 4);
        let data = match work.filter.convolution() {
            _ if work.from == work.to => work.cut(p.image, job)?,
            None => nearest(&work, &p.image, job)?,
            Some(filter) => convolve(&work, p.image, p.source.map(|source| source.opaque), filter, job)?,
        };
        Ok(ImageResizeOutput { image: Image::new(width, rows, data) })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

/// Bands of the result's rows, each with the source's rows that it is made of. `nearest` stays whole: to hand the rows out takes
/// as long as to resize them.
impl Shardable for ImageResize {
    /// Sides of the result.
    type Plan = (u32, u32);

    fn split(mut p: ImageResizeParams, pieces: usize) -> Result<(Vec<ImageResizeParams>, Self::Plan), KernelError> {
        let work = Work::of(&p);
        let plan = (p.width, work.rows.len() as u32);
        let bands = work.divide(pieces);
        if bands.len() < 2 {
            return Ok((vec![p], plan));
        }
        let opaque = match p.source {
            Some(source) => source.opaque,
            None => is_opaque(&p.image.data, &Job::detached())?,
        };
        let row = p.image.width as usize * 4;
        let shard = |rows: Range<u32>| {
            let needed = Work { rows: rows.clone(), ..work.clone() }.needed();
            let start = (needed.start - work.first) as usize * row;
            let data = p.image.data.part(start..start + needed.len() * row);
            ImageResizeParams {
                image: Image { width: p.image.width, height: needed.len() as u32, data },
                width: p.width,
                height: p.height,
                filter: p.filter,
                rows: Some(rows.into()),
                source: Some(ResizeSource { first: needed.start, height: work.from.1, opaque }),
            }
        };
        Ok((bands.into_iter().map(shard).collect(), plan))
    }

    fn merge((width, height): Self::Plan, outputs: Vec<ImageResizeOutput>) -> Result<ImageResizeOutput, KernelError> {
        let len = width as usize * height as usize * 4;
        let data = shard::concat(outputs.into_iter().map(|output| output.image.data), len)?;
        Ok(ImageResizeOutput { image: Image::new(width, height, data) })
    }
}

/// Width and height.
type Size = (u32, u32);

/// What a job makes, in rows of the whole picture.
#[derive(Clone)]
struct Work {
    /// Sides of the whole source.
    from: Size,
    /// Sides of the whole result.
    to: Size,
    filter: ResizeFilter,
    /// The source's row that is the first at hand.
    first: u32,
    /// The rows of the result to make.
    rows: Range<u32>,
}

impl Work {
    fn of(p: &ImageResizeParams) -> Self {
        Self {
            from: (p.image.width, p.source.map_or(p.image.height, |source| source.height)),
            to: (p.width, p.height),
            filter: p.filter,
            first: p.source.map_or(0, |source| source.first),
            rows: p.rows.map_or(0..p.height, Rows::range),
        }
    }

    /// The source's rows of which the job's are made.
    fn needed(&self) -> Range<u32> {
        match self.filter.convolution() {
            _ if self.from.1 == self.to.1 => self.rows.clone(),
            None => {
                let [first, last] = [self.rows.start, self.rows.end - 1].map(|y| nearest_to(y, self.from.1, self.to.1));
                first..last + 1
            }
            Some(filter) => {
                let scale = f64::from(self.from.1) / f64::from(self.to.1);
                // One more, for what is rounded.
                let reach = filter.radius * scale.max(1.0) + 1.0;
                let tiles = self.tiles(filter);
                let first = (f64::from(tiles.start) * scale - reach).floor().max(0.0);
                let end = (f64::from(tiles.end) * scale + reach).ceil().min(f64::from(self.from.1));
                first as u32..end as u32
            }
        }
    }

    /// The two passes, one for each axis.
    fn route(&self, filter: Filter) -> [(Size, Size); 2] {
        let (from, to) = (self.from, self.to);
        let [rows_first, columns_first] =
            [(to.0, from.1), (from.0, to.1)].map(|between| [(from, between), (between, to)]);
        let cost = |route: &[(Size, Size); 2]| -> u64 {
            route.iter().map(|&(from, to)| pass_cost(from, to, 0..to.1, filter.radius)).sum()
        };
        // Pillow shortens rows first. Where the image rings strongly the order shows, so it is the same here, but for shapes
        // where the other way round is clearly less work (and memory).
        if cost(&columns_first) < cost(&rows_first) / 4 * 3 { columns_first } else { rows_first }
    }

    /// The rows of tiles of the pass that changes the height, if there is one.
    fn tile_rows(&self, filter: Filter) -> Option<Parts> {
        let vertical = self.route(filter).into_iter().find(|(from, to)| from.1 != to.1);
        vertical.map(|(from, to)| Parts::of(to.1, tile_size(from, to, filter.radius).1))
    }

    /// The rows of all tiles in which the job's rows lie.
    fn tiles(&self, filter: Filter) -> Range<u32> {
        self.tile_rows(filter).map_or(self.rows.clone(), |parts| {
            let touched = parts.touched(&self.rows);
            parts.start(touched.start)..parts.start(touched.end)
        })
    }

    /// The passes that there are, each with the rows that it makes.
    fn passes(&self, filter: Filter) -> Vec<(Size, Size, Range<u32>)> {
        let mut rows = self.needed();
        let mut passes = Vec::new();
        for (from, to) in self.route(filter).into_iter().filter(|(from, to)| from != to) {
            if from.1 != to.1 {
                rows = self.tiles(filter);
            }
            passes.push((from, to, rows.clone()));
        }
        passes
    }

    /// At most so many bands of the job's rows; one when dividing does not pay.
    fn divide(&self, pieces: usize) -> Vec<Range<u32>> {
        let Some(filter) = self.filter.convolution().filter(|_| self.from != self.to) else {
            return vec![self.rows.clone()];
        };
        let passes = self.passes(filter);
        let cost: u64 = passes.iter().map(|(from, to, rows)| pass_cost(*from, *to, rows.clone(), filter.radius)).sum();
        // A band that ends inside of a tile would make the rest of it in vain.
        let (parts, offset) = match self.tile_rows(filter) {
            Some(parts) => (parts, 0),
            None => {
                let rows = self.rows.len() as u64 * TILE_COST / cost.max(1);
                (Parts::of(self.rows.len() as u32, rows.clamp(1, MAX_PIXELS) as u32), self.rows.start)
            }
        };
        let tiles = parts.touched(&(self.rows.start - offset..self.rows.end - offset));
        // Where bands meet both shorten the same rows of the source: that shall not cost more than a quarter.
        let shortened_twice = match passes[..] {
            [(from, to, _), _] if from.1 == to.1 => {
                let scale = f64::from(self.from.1) / f64::from(self.to.1);
                let rows = (2.0 * (filter.radius * scale.max(1.0) + 1.0)) as u32;
                pass_cost(from, to, 0..rows, filter.radius)
            }
            _ => 0,
        };
        let most = cost / (4 * shortened_twice).max(1);
        let pieces = (pieces as u64).min(tiles.len() as u64).min(most).max(1);
        let start = |piece: u64| {
            let tile = tiles.start + (piece * tiles.len() as u64 / pieces) as u32;
            (offset + parts.start(tile)).clamp(self.rows.start, self.rows.end)
        };
        (0..pieces).map(|piece| start(piece)..start(piece + 1)).collect()
    }

    /// The job's rows of an image that is not resized.
    fn cut(&self, image: Image, job: &Job) -> Result<Vec<u8>, Cancelled> {
        owned(rows_of(image.data.into_cow(), image.width, self.first, &self.rows), job)
    }
}

/// Of pixels whose first row is `first`, the rows `rows`.
fn rows_of(pixels: Cow<'static, [u8]>, width: u32, first: u32, rows: &Range<u32>) -> Cow<'static, [u8]> {
    let row = width as usize * 4;
    let wanted = (rows.start - first) as usize * row..(rows.end - first) as usize * row;
    match pixels {
        Cow::Owned(mut pixels) => {
            pixels.truncate(wanted.end);
            pixels.drain(..wanted.start);
            Cow::Owned(pixels)
        }
        Cow::Borrowed(pixels) => Cow::Borrowed(&pixels[wanted]),
    }
}

/// A length cut into parts that differ by one at most, the longer ones first. Neighbours among them are cut the same way.
#[derive(Clone, Copy)]
struct Parts {
    all: u32,
    count: u32,
}

impl Parts {
    /// As few as are no longer than `most`.
    fn of(all: u32, most: u32) -> Self {
        Self { all, count: all.div_ceil(most).max(1) }
    }

    /// Where a part begins.
    fn start(self, part: u32) -> u32 {
        part * (self.all / self.count) + part.min(self.all % self.count)
    }

    /// The parts in which `range` lies.
    fn touched(self, range: &Range<u32>) -> Range<u32> {
        let part = |at: u32| {
            let (length, longer) = (self.all / self.count, self.all % self.count);
            let short = longer * (length + 1);
            if at < short { at / (length + 1) } else { longer + (at - short) / length }
        };
        part(range.start)..part(range.end - 1) + 1
    }
}

impl ResizeFilter {
    /// The weights; `None` for [`Self::Nearest`], which has none.
    fn convolution(self) -> Option<Filter> {
        Some(match self {
            Self::Nearest => return None,
            Self::Lanczos3 => resample::LANCZOS3,
            Self::Box => resample::BOX,
            Self::Bilinear => resample::BILINEAR,
            Self::Hamming => resample::HAMMING,
            Self::CatmullRom => resample::CATMULL_ROM,
            Self::Mitchell => resample::MITCHELL,
            Self::Gaussian => resample::GAUSSIAN,
        })
    }
}

/// Bytes that a thread touches between two checks where it only reads or scales them: well under a millisecond.
const BLOCK: usize = 1 << 18;

/// The source pixel along an axis in which the centre of a new one lies; a centre on a border belongs to the pixel after it.
fn nearest_to(at: u32, from: u32, to: u32) -> u32 {
    ((2 * u64::from(at) + 1) * u64::from(from) / (2 * u64::from(to))) as u32
}

/// Each new pixel is the source pixel in which its centre lies.
fn nearest(work: &Work, image: &Image, job: &Job) -> Result<Vec<u8>, KernelError> {
    let (width, count) = (work.to.0 as usize, work.rows.len());
    job.set_total(count as u64);
    let columns: Vec<usize> = (0..work.to.0).map(|x| nearest_to(x, work.from.0, work.to.0) as usize).collect();
    let rows: Vec<&[[u8; 4]]> = image.data.as_chunks().0.chunks_exact(image.width as usize).collect();
    let mut out = zeros(width * count * 4, job)?;
    out.par_chunks_exact_mut(width * 4).zip(work.rows.clone()).try_for_each(|(out, y)| {
        job.check()?;
        let row = rows[(nearest_to(y, work.from.1, work.to.1) - work.first) as usize];
        for (pixel, &x) in out.as_chunks_mut().0.iter_mut().zip(&columns) {
            *pixel = row[x];
        }
        job.advance(1);
        Ok::<(), Cancelled>(())
    })?;
    Ok(out)
}

/// Two passes, one for each axis that changes. `opaque` is whether the whole picture is, when `image` is not all of it.
fn convolve(
    work: &Work,
    image: Image,
    opaque: Option<bool>,
    filter: Filter,
    job: &Job,
) -> Result<Vec<u8>, KernelError> {
    let passes = work.passes(filter);
    job.set_total(passes.iter().map(|(from, to, rows)| pass_cost(*from, *to, rows.clone(), filter.radius)).sum());

    // Colours are mixed by how much they cover: without this, invisible pixels bleed into their neighbours.
    let transparent = !opaque.map_or_else(|| is_opaque(&image.data, job), Ok)?;
    let mut rows = work.needed();
    let mut pixels = rows_of(image.data.into_cow(), image.width, work.first, &rows);
    if transparent {
        let mut scaled = owned(pixels, job)?;
        premultiply(&mut scaled, job)?;
        pixels = scaled.into();
    }
    for (from, to, made) in passes {
        let source = Band::new(&pixels, from.0, rows.start, from.1);
        pixels = pass(&source, to, made.clone(), filter, job)?.into();
        rows = made;
    }
    let mut pixels = owned(rows_of(pixels, work.to.0, rows.start, &work.rows), job)?;
    if transparent {
        unmultiply(&mut pixels, job)?;
    }
    Ok(pixels)
}

/// How many source pixels a new one is made of, at most, along an axis that changes.
fn taps(from: u32, to: u32, radius: f64) -> u64 {
    let scale = (f64::from(from) / f64::from(to)).max(1.0);
    2 * (radius * scale).ceil() as u64 + 1
}

/// How many source pixels a new one is made of in a pass.
fn pass_taps(from: Size, to: Size, radius: f64) -> u64 {
    match (from.0 != to.0, from.1 != to.1) {
        (true, _) => taps(from.0, to.0, radius),
        (_, true) => taps(from.1, to.1, radius),
        _ => 0,
    }
}

/// Multiplications by weights that some rows of a pass take, in pixels.
fn pass_cost(from: Size, to: Size, rows: Range<u32>, radius: f64) -> u64 {
    u64::from(to.0) * rows.len() as u64 * pass_taps(from, to, radius)
}

/// Pixels times taps in a tile: about half a millisecond on a thread.
const TILE_COST: u64 = 1 << 21;

/// The greatest sides of a tile of a pass.
///
/// Weights are computed anew for each tile, so tiles are cut such that (nearly) each weight is computed once: a
/// tile covers a few places along the axis and, up to a bound, all that lies across it.
fn tile_size(from: Size, to: Size, radius: f64) -> Size {
    let vertical = from.1 != to.1;
    let (along, across) = if vertical { (to.1, to.0) } else { to };
    let area = (TILE_COST / pass_taps(from, to, radius)).max(1) as u32;
    // A weight costs as much as about 100 multiplications by it: computing it again every 2048 lines is in the noise. More
    // lines would make tiles so narrow that reading a row's few pixels over and over takes longer than that (measured).
    let across = across.min(area.clamp(256, 2048));
    let along = along.min((area / across).max(1));
    if vertical { (across, along) } else { (along, across) }
}

/// Makes the rows `rows` of a picture that is `source` resized along the one axis in which they differ. When it is the
/// height, the rows are those of whole tiles.
fn pass(source: &Band, to: Size, rows: Range<u32>, filter: Filter, job: &Job) -> Result<Vec<u8>, KernelError> {
    let from = (source.width(), source.height());
    let taps = pass_taps(from, to, filter.radius);
    let tile = tile_size(from, to, filter.radius);
    let tile_rows = if from.1 != to.1 {
        Parts::of(to.1, tile.1).touched(&rows).len() as u32
    } else {
        Parts::of(rows.len() as u32, tile.1).count
    };
    let parts = |parts: u32| NonZeroU32::new(parts).unwrap_or(NonZeroU32::MIN);
    let (bands, columns) = (parts(tile_rows), parts(Parts::of(to.0, tile.0).count));

    let mut out = zeros(to.0 as usize * rows.len() * 4, job)?;
    let mut target =
        TypedImage::<U8x4>::from_buffer(to.0, rows.len() as u32, &mut out).expect("allocated to this size");
    let whole = |length: u32| NonZeroU32::new(length).expect("a side of at least one pixel");
    let mut bands = target.split_by_height_mut(0, whole(rows.len() as u32), bands).expect("no more parts than rows");
    let mut tiles = Vec::new();
    let mut top = rows.start;
    for band in &mut bands {
        let (mut left, band_top) = (0, top);
        top += band.height();
        for tile in band.split_by_width_mut(0, whole(to.0), columns).expect("no more parts than columns") {
            let tile_left = left;
            left += tile.width();
            tiles.push((tile_left, band_top, tile));
        }
    }
    let scale = (f64::from(from.0) / f64::from(to.0), f64::from(from.1) / f64::from(to.1));
    // Where a stretch of the target lies in the source; rounding must not carry it over the edge.
    let stretch = |start: u32, length: u32, scale: f64, end: u32| {
        let first = f64::from(start) * scale;
        (first, (f64::from(length) * scale).min(f64::from(end) - first))
    };
    tiles.into_par_iter().try_for_each(|(left, top, mut tile)| {
        job.check()?;
        let (x, width) = stretch(left, tile.width(), scale.0, from.0);
        let (y, height) = stretch(top, tile.height(), scale.1, from.1);
        resample::fill_tile(source, &mut tile, filter, Stretch { x, y, width, height });
        job.advance(u64::from(tile.width()) * u64::from(tile.height()) * taps);
        Ok::<(), Cancelled>(())
    })?;
    drop(bands);
    Ok(out)
}

/// Whether every pixel's alpha is 255. Stops at the first block where one is not.
pub(super) fn is_opaque(pixels: &[u8], job: &Job) -> Result<bool, Cancelled> {
    let opaque = pixels.par_chunks(BLOCK).all(|block| {
        // Whole pixels are and-ed, not alphas: that is what compilers turn into wide registers.
        let all = block.as_chunks().0.iter().fold(u32::MAX, |all, &pixel| all & u32::from_ne_bytes(pixel));
        job.check().is_ok() && all.to_ne_bytes()[3] == 255
    });
    job.check()?;
    Ok(opaque)
}

/// Scales colours by their alpha.
pub(super) fn premultiply(pixels: &mut [u8], job: &Job) -> Result<(), Cancelled> {
    try_each_chunk(pixels, BLOCK, |_, block| {
        job.check()?;
        resample::premultiply(block);
        Ok(())
    })
}

/// Undoes [`premultiply`], rounding to nearest; a pixel that nothing covers has no colour.
///
/// Not the crate's own: its simd128 variant goes through floats, where compilers have differed
/// (rust-lang/rust#157456), and every artifact must give the same bytes.
pub(super) fn unmultiply(pixels: &mut [u8], job: &Job) -> Result<(), Cancelled> {
    /// 255 / alpha in 16.16 fixed point.
    const RECIPROCALS: [u32; 256] = {
        let mut table = [0; 256];
        let mut alpha = 1;
        while alpha < 256 {
            table[alpha] = ((255 << 16) + alpha as u32 / 2) / alpha as u32;
            alpha += 1;
        }
        table
    };
    try_each_chunk(pixels, BLOCK, |_, block| {
        job.check()?;
        for [r, g, b, alpha] in block.as_chunks_mut().0 {
            let reciprocal = RECIPROCALS[usize::from(*alpha)];
            for colour in [r, g, b] {
                // A filter with negative weights may leave a colour above its alpha. At most 255 × (255 << 16): fits u32.
                *colour = ((u32::from(*colour) * reciprocal + (1 << 15)) >> 16).min(255) as u8;
            }
        }
        Ok(())
    })
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::kernels::{ImageDecode, ImageDecodeParams};
    use crate::shard::testing::check_shards;
    use fast_image_resize::images::TypedImageRef;
    use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
    use proptest::prelude::*;

    const FILTERS: [ResizeFilter; 8] = [
        ResizeFilter::Lanczos3,
        ResizeFilter::Nearest,
        ResizeFilter::Box,
        ResizeFilter::Bilinear,
        ResizeFilter::Hamming,
        ResizeFilter::CatmullRom,
        ResizeFilter::Mitchell,
        ResizeFilter::Gaussian,
    ];

    /// Pixels without a pattern; every alpha 255 when `opaque`.
    fn noise(width: u32, height: u32, opaque: bool) -> Image {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut data: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .take(width as usize * height as usize * 4)
        .collect();
        if opaque {
            data.iter_mut().skip(3).step_by(4).for_each(|alpha| *alpha = 255);
        }
        Image::new(width, height, data)
    }

    fn resize(image: &Image, width: u32, height: u32, filter: ResizeFilter) -> Image {
        let params = ImageResizeParams { image: image.clone(), width, height, filter, rows: None, source: None };
        run::<ImageResize>(params, &Job::detached()).unwrap().image
    }

    fn read(name: &str) -> Image {
        let path = format!("{}/tests/data/image/{name}.png", env!("CARGO_MANIFEST_DIR"));
        let data = std::fs::read(path).unwrap().into();
        run::<ImageDecode>(ImageDecodeParams { data }, &Job::detached()).unwrap().image
    }

    /// Mean and largest difference of colours and alphas. Where nothing is seen a colour means nothing.
    fn difference(a: &Image, b: &Image) -> (f64, u8) {
        assert_eq!((a.width, a.height), (b.width, b.height));
        let visible = a.data.as_chunks::<4>().0.iter().zip(b.data.as_chunks::<4>().0).flat_map(|(a, b)| {
            let channels = if a[3] == 0 && b[3] == 0 { 3..4 } else { 0..4 };
            channels.map(|i| a[i].abs_diff(b[i]))
        });
        let all: Vec<u8> = visible.collect();
        (all.iter().map(|&d| f64::from(d)).sum::<f64>() / all.len() as f64, all.into_iter().max().unwrap())
    }

    #[test]
    fn the_result_is_pillows() {
        let source = read("source");
        let mut opaque = source.clone();
        opaque.data.iter_mut().skip(3).step_by(4).for_each(|alpha| *alpha = 255);
        for filter in FILTERS {
            let name = serde_json::to_value(filter).unwrap();
            let name = name.as_str().unwrap();
            if matches!(filter, ResizeFilter::Mitchell | ResizeFilter::Gaussian) {
                continue; // Pillow has neither.
            }
            let ups: &[_] = if matches!(name, "lanczos3" | "nearest") { &[(67, 43, "up")] } else { &[] };
            for &(width, height, way) in ups.iter().chain(&[(23, 17, "down")]) {
                let rgb = resize(&opaque, width, height, filter);
                let (mean, worst) = difference(&rgb, &read(&format!("resize-{name}-{way}-rgb")));
                // Its weights have 22 bits, the crate's 16, and its passes may come in the other order.
                assert!(mean <= 0.25 && worst <= 2, "{name} {way} rgb: mean {mean}, worst {worst}");
                let expected = read(&format!("resize-{name}-{way}-rgba"));
                let rgba = resize(&source, width, height, filter);
                // Pillow cuts where this rounds, and one level of a colour at alpha 1 is all of its range: compare what shows.
                let (mean, worst) = difference(&over_black(&rgba), &over_black(&expected));
                assert!(mean <= 0.5 && worst <= 2, "{name} {way} rgba over black: mean {mean}, worst {worst}");
                let (mean, _) = difference(&rgba, &expected);
                assert!(mean <= 1.0, "{name} {way} rgba: mean {mean}");
            }
        }
    }

    fn over_black(image: &Image) -> Image {
        let mut image = image.clone();
        premultiply(&mut image.data, &Job::detached()).unwrap();
        image
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bytes() {
        // Large enough for several tiles in both passes, and one side that grows while the other shrinks.
        for (image, width, height) in [
            (noise(1500, 1100, false), 700, 411),
            (noise(1500, 900, true), 311, 1200),
            (noise(40, 30, false), 1900, 1400),
        ] {
            for filter in [ResizeFilter::Lanczos3, ResizeFilter::Box, ResizeFilter::Nearest] {
                let on = |threads| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    pool.install(|| resize(&image, width, height, filter))
                };
                let one = on(1);
                for threads in [2, 3, 4, 8] {
                    assert!(on(threads) == one, "{filter:?} to {width}×{height} on {threads} threads");
                }
            }
        }
    }

    /// The crate's own filter of the same name.
    fn of_the_crate(filter: ResizeFilter) -> Option<FilterType> {
        Some(match filter {
            ResizeFilter::Nearest => return None,
            ResizeFilter::Lanczos3 => FilterType::Lanczos3,
            ResizeFilter::Box => FilterType::Box,
            ResizeFilter::Bilinear => FilterType::Bilinear,
            ResizeFilter::Hamming => FilterType::Hamming,
            ResizeFilter::CatmullRom => FilterType::CatmullRom,
            ResizeFilter::Mitchell => FilterType::Mitchell,
            ResizeFilter::Gaussian => FilterType::Gaussian,
        })
    }

    #[test]
    fn filters_are_the_known_ones_and_tiles_leave_no_seams() {
        // Against the crate's own run over the whole: a weight may round the other way, which is a level at most.
        let image = noise(2100, 1300, true);
        let from = (image.width, image.height);
        for name in FILTERS.into_iter().filter(|&name| name != ResizeFilter::Nearest) {
            let (filter, known) = (name.convolution().unwrap(), of_the_crate(name).unwrap());
            for to in [(900, 1300), (2100, 613), (2999, 1300), (2100, 1999)] {
                let band = Band::new(&image.data, from.0, 0, from.1);
                let tiled = pass(&band, to, 0..to.1, filter, &Job::detached()).unwrap();
                let source = TypedImageRef::<U8x4>::from_buffer(from.0, from.1, &image.data).unwrap();
                let mut whole = TypedImage::<U8x4>::new(to.0, to.1);
                let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(known)).use_alpha(false);
                Resizer::new().resize_typed(&source, &mut whole, &options).unwrap();
                let whole = whole.pixels().iter().flat_map(|pixel| pixel.0);
                let worst = tiled.iter().zip(whole).map(|(&a, b)| a.abs_diff(b)).max().unwrap();
                assert!(worst <= 1, "{name:?} to {to:?}: {worst}");
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bytes() {
        use fast_image_resize::CpuExtensions::{self, None};
        let mut sets = vec![None];
        #[cfg(target_arch = "x86_64")]
        sets.extend([CpuExtensions::Sse4_1, CpuExtensions::Avx2]);
        #[cfg(target_arch = "aarch64")]
        sets.push(CpuExtensions::Neon);
        sets.retain(CpuExtensions::is_supported);
        let image = noise(333, 217, false);
        for filter in FILTERS.into_iter().filter_map(of_the_crate) {
            for (width, height) in [(100, 50), (700, 500), (7, 3)] {
                let mut results = sets.iter().map(|&set| {
                    let source = TypedImageRef::<U8x4>::from_buffer(image.width, image.height, &image.data).unwrap();
                    let mut target = TypedImage::<U8x4>::new(width, height);
                    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
                    let mut resizer = Resizer::new();
                    // SAFETY: only sets that this processor has are left.
                    unsafe { resizer.set_cpu_extensions(set) };
                    resizer.resize_typed(&source, &mut target, &options).unwrap();
                    target.pixels().to_vec()
                });
                let first = results.next().unwrap();
                assert!(results.all(|other| other == first), "{filter:?} to {width}×{height}");
            }
        }
    }

    #[test]
    fn the_size_that_it_has_changes_nothing() {
        let image = noise(37, 23, false);
        for filter in FILTERS {
            assert_eq!(resize(&image, 37, 23, filter), image);
        }
    }

    #[test]
    fn one_axis_alone_is_resized() {
        // Columns of one colour stay so when only the height changes, and rows when only the width does.
        let rows = Image::new(5, 4, (0..20_u8).flat_map(|i| [i / 5 * 60, 7, 200, 255]).collect());
        let columns = Image::new(4, 5, (0..20_u8).flat_map(|i| [i % 4 * 60, 7, 200, 255]).collect());
        for filter in FILTERS {
            let wide = resize(&rows, 11, 4, filter);
            assert!(wide.data.chunks(44).zip(rows.data.chunks(20)).all(|(w, r)| w.chunks(4).all(|p| p == &r[..4])));
            let tall = resize(&columns, 4, 11, filter);
            assert!(tall.data.chunks(16).all(|row| *row == columns.data[..16]));
        }
    }

    #[test]
    fn what_is_invisible_does_not_bleed() {
        // Left half green and opaque, right half red and transparent: no red may show.
        let pixel = |x: usize| if x % 64 < 32 { [0, 255, 0, 255] } else { [255, 0, 0, 0] };
        let image = Image::new(64, 8, (0..512).flat_map(pixel).collect());
        for filter in FILTERS {
            for (width, height) in [(13, 3), (150, 20), (64, 5), (31, 8)] {
                for pixel in resize(&image, width, height, filter).data.as_chunks::<4>().0 {
                    let seen = pixel[3] > 0;
                    assert!(!seen || (pixel[0], pixel[2]) == (0, 0), "{filter:?} {width}×{height}: {pixel:?}");
                    assert!(!seen || pixel[1] == 255, "{filter:?} {width}×{height}: {pixel:?}");
                    assert!(seen || filter == ResizeFilter::Nearest || *pixel == [0; 4]);
                }
            }
        }
    }

    #[test]
    fn an_image_of_one_colour_stays_so() {
        let image = Image::new(301, 77, [17, 128, 255, 255].repeat(301 * 77));
        for filter in FILTERS {
            for (width, height) in [(1, 1), (13, 999), (1000, 3), (300, 76)] {
                let result = resize(&image, width, height, filter);
                assert!(result.data.chunks(4).all(|pixel| pixel == [17, 128, 255, 255]), "{filter:?} {width}×{height}");
            }
        }
    }

    #[test]
    fn the_thinnest_images() {
        for (from, to) in [
            ((1, 1), (1, 9)),
            ((1, 65_535), (1, 7)),
            ((65_535, 1), (3, 2)),
            ((1, 3), (65_535, 1)),
            ((2, 1), (1, 65_535)),
        ] {
            for filter in FILTERS {
                let result = resize(&noise(from.0, from.1, false), to.0, to.1, filter);
                assert_eq!(result.data.len(), to.0 as usize * to.1 as usize * 4);
            }
        }
    }

    #[test]
    fn progress_ends_at_its_total_and_a_cancelled_job_stops_between_tiles() {
        let image = noise(3000, 1000, true);
        for (filter, width, height) in [(ResizeFilter::Lanczos3, 1400, 700), (ResizeFilter::Nearest, 500, 4000)] {
            let params = || ImageResizeParams { image: image.clone(), width, height, filter, rows: None, source: None };
            let job = Job::detached();
            run::<ImageResize>(params(), &job).unwrap();
            let (done, total) = job.progress();
            assert!(done == total && total > 0, "{filter:?}: {done} of {total}");

            let job = Job::detached();
            let stopped = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while job.progress().0 == 0 {
                        std::thread::yield_now();
                    }
                    job.control().request_cancel();
                });
                run::<ImageResize>(params(), &job)
            });
            let (done, _) = job.progress();
            match stopped {
                Err(error) => assert_eq!(error, KernelError::Cancelled),
                // The other thread may not have been run in time; then all was done.
                Ok(_) => assert_eq!(done, total),
            }

            let job = Job::detached();
            job.control().request_cancel();
            assert_eq!(run::<ImageResize>(params(), &job).unwrap_err(), KernelError::Cancelled);
            assert_eq!(job.progress().0, 0, "{filter:?}: no tile after a cancel");
        }
    }

    #[test]
    fn unusable_params_are_named() {
        let good = || ImageResizeParams {
            image: noise(4, 4, true),
            width: 2,
            height: 2,
            filter: ResizeFilter::default(),
            rows: None,
            source: None,
        };
        let field = |change: fn(&mut ImageResizeParams)| {
            let mut params = good();
            change(&mut params);
            match run::<ImageResize>(params, &Job::detached()) {
                Err(KernelError::BadParams { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(field(|p| p.width = 0), "width");
        assert_eq!(field(|p| p.width = 70_000), "width");
        assert_eq!(field(|p| p.height = 0), "height");
        assert_eq!(field(|p| p.height = 65_536), "height");
        assert_eq!(field(|p| (p.width, p.height) = (65_535, 65_535)), "width");
        assert_eq!(field(|p| p.image.width = 0), "image.width");
        assert_eq!(field(|p| p.image.height = 3), "image.data");
        assert_eq!(field(|p| p.rows = Some(Rows { first: 2, count: 1 })), "rows.first");
        assert_eq!(field(|p| p.rows = Some(Rows { first: 1, count: 2 })), "rows.count");
        let source = |first, height| Some(ResizeSource { first, height, opaque: true });
        assert_eq!(field(|p| p.source = Some(ResizeSource { first: 0, height: 0, opaque: true })), "source.height");
        assert_eq!(field(|p| p.source = Some(ResizeSource { first: 1, height: 4, opaque: true })), "source.first");
        assert_eq!(
            field(|p| p.source = Some(ResizeSource { first: u32::MAX, height: 9, opaque: true })),
            "source.first"
        );
        let params = ImageResizeParams { height: 20, source: source(10, 40), ..good() };
        let error = run::<ImageResize>(params, &Job::detached()).unwrap_err();
        assert_eq!(error.to_string(), "source.first: `image` must hold rows 0 to 39 of the picture, got 10 to 13");
    }

    /// How many shards make the whole, of pixels that are all opaque, of none that is, and of few that are not.
    fn shards(from: Size, to: Size, filter: ResizeFilter) -> usize {
        let mut few = noise(from.0, from.1, true);
        let last = few.data.len() - 1;
        few.data[last] = 7;
        let counts = [noise(from.0, from.1, true), noise(from.0, from.1, false), few].map(|image| {
            let (width, height) = to;
            check_shards::<ImageResize>(&ImageResizeParams { image, width, height, filter, rows: None, source: None })
        });
        assert!(counts.iter().all(|&count| count == counts[0]));
        counts[0]
    }

    #[test]
    fn shards_make_the_whole() {
        for (from, to, least) in [
            ((1, 1), (1, 1), 1),
            ((1, 1), (300, 300), 1),
            ((1, 1), (2000, 1500), 6),
            ((40, 30), (1900, 1400), 6),
            ((1300, 1100), (700, 611), 2),
            ((900, 1300), (311, 1500), 2),
            ((1500, 500), (1700, 500), 2),
            ((1500, 500), (1500, 800), 2),
            ((500, 1500), (500, 700), 2),
            ((2000, 700), (3, 650), 1),
            ((1, 65_535), (1, 7), 1),
            ((2, 1), (1, 65_535), 1),
            ((300, 3000), (290, 20), 1),
        ] {
            for filter in [ResizeFilter::Lanczos3, ResizeFilter::Mitchell] {
                let shards = shards(from, to, filter);
                assert!(shards >= least, "{filter:?} {from:?} to {to:?}: {shards} shards");
            }
        }
        for filter in FILTERS {
            let shards = shards((700, 300), (1000, 1111), filter);
            assert!(shards > 1 || filter == ResizeFilter::Nearest, "{filter:?}: {shards}");
        }
        assert_eq!(shards((900, 900), (900, 900), ResizeFilter::Lanczos3), 1, "what keeps its size is not resized");
    }

    #[test]
    fn bands_of_either_route_make_the_whole() {
        let work = |from, to| Work { from, to, filter: ResizeFilter::Lanczos3, first: 0, rows: 0..to.1 };
        let first = |from, to| work(from, to).route(resample::LANCZOS3)[0].1;
        // Few columns of many rows that shrink: it is less work to shorten the columns first.
        let (from, to) = ((400, 3000), (1500, 900));
        assert_eq!(first(from, to), (400, 900));
        assert!(shards(from, to, ResizeFilter::Lanczos3) > 1);
        let (from, to) = ((1500, 900), (400, 3000));
        assert_eq!(first(from, to), (400, 900));
        assert!(shards(from, to, ResizeFilter::Lanczos3) > 1);
    }

    #[test]
    fn parts_that_are_neighbours_are_cut_as_the_whole_is() {
        for (all, most) in [(1, 1), (10, 3), (11, 4), (100, 7), (5, 9), (64, 16)] {
            let parts = Parts::of(all, most);
            let starts: Vec<u32> = (0..=parts.count).map(|part| parts.start(part)).collect();
            assert_eq!((starts[0], starts[parts.count as usize]), (0, all));
            for at in 0..all {
                for end in at + 1..=all {
                    let touched = parts.touched(&(at..end));
                    assert!(parts.start(touched.start) <= at && at < parts.start(touched.start + 1));
                    assert!(parts.start(touched.end - 1) < end && end <= parts.start(touched.end));
                    let (start, count) = (parts.start(touched.start), touched.len() as u32);
                    let some = Parts { all: parts.start(touched.end) - start, count };
                    assert!((0..=count).all(|part| start + some.start(part) == parts.start(touched.start + part)));
                }
            }
        }
    }

    #[test]
    fn filters_have_lower_case_names() {
        let params = |filter: &str| {
            let json = format!(
                r#"{{"image": {{"width": 1, "height": 1, "data": [1, 2, 3, 4]}}, "width": 1, "height": 1{filter}}}"#
            );
            crate::params::decode::<ImageResizeParams>(serde_json::from_str(&json).unwrap())
        };
        assert_eq!(params("").unwrap().filter, ResizeFilter::Lanczos3);
        assert_eq!(params(r#", "filter": "catmullrom""#).unwrap().filter, ResizeFilter::CatmullRom);
        let KernelError::BadParams { field, message } = params(r#", "filter": "cubic""#).unwrap_err() else { panic!() };
        assert_eq!(field, "filter");
        assert!(message.contains("lanczos3") && message.contains("gaussian"), "{message}");
    }

    proptest! {
        #[test]
        fn any_sizes_work(w in 1_u32..70, h in 1_u32..70, width in 1_u32..200, height in 1_u32..200, f in 0..FILTERS.len()) {
            let result = resize(&noise(w, h, false), width, height, FILTERS[f]);
            prop_assert_eq!((result.width, result.height), (width, height));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_band_is_those_rows_of_the_whole(
            w in 1_u32..900, h in 1_u32..900, width in 1_u32..900, height in 1_u32..900, f in 0..FILTERS.len(), opaque: bool,
            at: prop::sample::Index, count: prop::sample::Index, more in 0_u32..3,
        ) {
            let (image, filter) = (noise(w, h, opaque), FILTERS[f]);
            let first = at.index(height as usize) as u32;
            let rows = Rows { first, count: 1 + count.index((height - first) as usize) as u32 };
            let params = ImageResizeParams { image: image.clone(), width, height, filter, rows: Some(rows), source: None };
            let whole = resize(&image, width, height, filter);
            let expected = &whole.data[(width * first * 4) as usize..][..(width * rows.count * 4) as usize];
            let band = run::<ImageResize>(params.clone(), &Job::detached()).unwrap().image;
            prop_assert!(*band.data == *expected);

            // The same of no more of the source than it needs, or a little more.
            let needed = Work::of(&params).needed();
            let held = needed.start.saturating_sub(more)..(needed.end + more).min(h);
            let data = image.data[(held.start * w * 4) as usize..(held.end * w * 4) as usize].to_vec();
            let source = Some(ResizeSource { first: held.start, height: h, opaque });
            let params = ImageResizeParams { image: Image::new(w, held.len() as u32, data), source, ..params };
            let band = run::<ImageResize>(params.clone(), &Job::detached()).unwrap().image;
            prop_assert!(*band.data == *expected);
            check_shards::<ImageResize>(&params);
        }
    }
}
