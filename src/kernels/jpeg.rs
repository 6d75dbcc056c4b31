//! Decodes the usual kind of JPEG on all threads, for `image.decode`: Huffman-coded, not progressive, grey or YCbCr in one scan.
//!
//! One thread reads the bits of one row of blocks after the other (ITU-T T.81, F.2), which only one can; all others make samples
//! of the rows that are read. The arithmetic is that of `zune-jpeg`: every picture has the same bits as from there. What this room
//! does not know, or finds odd, is left to that crate: it says `None`, and the file is decoded anew.

use super::lanes::{Best, Lanes};
use super::radix::{reserve, zeros};
use crate::{Cancelled, Job, KernelError};
use rayon::prelude::*;
use std::array::from_fn;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Blocks that are handed over at a time, some 0.3 ms of reading: whoever takes them is asleep again by then, and to wake it takes a while.
const TOGETHER: usize = 1536;
/// Pixels of the largest picture that is decoded here: three bytes are held of each.
const MAX_PIXELS: usize = 1 << 26;

/// The RGBA pixels of a file, unless it is not of the usual kind.
pub(super) fn decode(data: &[u8], job: &Job) -> Result<Option<Vec<u8>>, KernelError> {
    let Some(frame) = Frame::of(data) else { return Ok(None) };
    let mut planes = Vec::new();
    for component in &frame.components {
        planes.push(zeros(frame.stride(component) * frame.rows * 8 * component.down, job)?);
    }
    if !frame.fill(data, &mut planes, job)? {
        return Ok(None);
    }
    let mut pixels = zeros(frame.width * frame.height * 4, job)?;
    frame.colour(&planes, &mut pixels, job)?;
    Ok(Some(pixels))
}

/// A file that is decoded in turns.
pub struct Decoding {
    frame: Frame,
    /// Where the bits go on.
    bits: Bits<'static>,
    predicted: [i32; 3],
    /// Rows of groups that are read. Of so many there are samples.
    rows: usize,
    planes: Vec<Vec<u8>>,
    /// The first lines of the picture.
    pixels: Vec<u8>,
    lines: [Line; 2],
}

/// What came of a turn.
pub(super) enum Turned {
    /// There is more to do.
    More,
    /// All RGBA pixels.
    Done(Vec<u8>),
    /// The bits are odd: the file is not of the usual kind.
    Odd,
}

impl Decoding {
    /// A file that begins as one of the usual kind.
    pub(super) fn of(data: &[u8]) -> Result<Option<Self>, KernelError> {
        let Some(frame) = Frame::of(data) else { return Ok(None) };
        let plane = |component: &Component| reserve(frame.stride(component) * frame.rows * 8 * component.down);
        let planes = frame.components.iter().map(plane).collect::<Result<_, _>>()?;
        let pixels = reserve(frame.width * frame.height * 4)?;
        let (bits, lines) = (Bits::of(&[]), Default::default());
        Ok(Some(Self { frame, bits, predicted: [0; 3], rows: 0, planes, pixels, lines }))
    }

    /// Does some more: so many pixels, roughly. `data` is the file.
    pub(super) fn turn(&mut self, data: &[u8], some: usize, job: &Job) -> Result<Turned, KernelError> {
        if self.rows < self.frame.rows {
            return Ok(if self.read(data, some, job)? { Turned::More } else { Turned::Odd });
        }
        let Self { frame, planes, pixels, lines, .. } = self;
        let (line, made) = (4 * frame.width, pixels.len());
        pixels.resize((made + line * (some / frame.width).max(1)).min(line * frame.height), 0);
        frame.colour_lines(planes, made / line, &mut pixels[made..], lines);
        Ok(if pixels.len() == line * frame.height { Turned::Done(std::mem::take(pixels)) } else { Turned::More })
    }

    /// Reads some rows of groups and makes samples of them; whether the bits are as they should be.
    fn read(&mut self, data: &[u8], some: usize, job: &Job) -> Result<bool, KernelError> {
        let Self { frame, bits: place, predicted, rows, planes, .. } = self;
        let mut bits = place.in_data(&data[frame.bits..]);
        let Component { across, down, .. } = frame.components[0];
        let end = frame.rows.min(*rows + (some / (64 * frame.columns * across * down)).max(1));
        for row in *rows..end {
            let Some(blocks) = frame.read(row, &mut bits, predicted, job)? else { return Ok(false) };
            let mut strips = Vec::new();
            for (component, plane) in frame.components.iter().zip(&mut *planes) {
                let made = plane.len();
                plane.resize(made + frame.stride(component) * 8 * component.down, 0);
                strips.push(&mut plane[made..]);
            }
            frame.samples(&blocks, &mut strips);
        }
        *rows = end;
        *place = bits.in_data(&[]);
        Ok(end < frame.rows || bits.pass(END))
    }
}

/// The marker of a file's end.
const END: u8 = 0xD9;

/// Coefficients, or samples, of eight by eight places.
type Block = [i16; 64];

/// Where in a block each coefficient of the file belongs (T.81, figure 5).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// What a file says of its picture, and where its bits begin.
struct Frame {
    width: usize,
    height: usize,
    /// Groups of blocks (MCU) beside each other.
    columns: usize,
    /// Groups of blocks below each other.
    rows: usize,
    components: Vec<Component>,
    /// Of each number of a table, for the first coefficient and for the others.
    codes: [[Option<Codes>; 4]; 2],
    quants: [Option<[i32; 64]>; 4],
    /// Groups between two restart markers, or 0.
    interval: usize,
    /// Where the bits begin.
    bits: usize,
}

/// Grey, or one of YCbCr.
struct Component {
    /// Blocks of a group beside each other.
    across: usize,
    /// Blocks of a group below each other.
    down: usize,
    quants: usize,
    /// The codes of the first coefficient of a block.
    first: usize,
    /// The codes of the others.
    others: usize,
}

impl Frame {
    /// What the markers say up to where the bits begin; nothing, if any of it is unusual.
    fn of(data: &[u8]) -> Option<Self> {
        let mut frame = Frame {
            width: 0,
            height: 0,
            columns: 0,
            rows: 0,
            components: Vec::new(),
            codes: Default::default(),
            quants: [None; 4],
            interval: 0,
            bits: 0,
        };
        let (mut names, mut rest) = (Vec::new(), data.strip_prefix(&[0xFF, 0xD8])?);
        loop {
            let (&[0xFF, marker, high, low], _) = rest.split_first_chunk()? else { return None };
            let end = 2 + usize::from(u16::from_be_bytes([high, low]));
            let segment = rest.get(4..end)?;
            rest = &rest[end..];
            match marker {
                // Start of frame, baseline or of eight bits besides.
                0xC0 | 0xC1 if frame.components.is_empty() => names = frame.start(segment)?,
                0xC4 => frame.huffman_tables(segment)?,
                0xDB => frame.quantisation_tables(segment)?,
                0xDD => frame.interval = u16::from_be_bytes(segment.try_into().ok()?).into(),
                // Adobe's says what the components are: 1 is YCbCr.
                0xEE if segment.starts_with(b"Adobe") && segment.get(11) != Some(&1) => return None,
                0xE0..=0xEF | 0xFE => {}
                0xDA => {
                    let (selectors, spectrum) = segment.get(1..)?.split_at_checked(2 * names.len())?;
                    if names.is_empty() || usize::from(segment[0]) != names.len() || spectrum != [0, 63, 0] {
                        return None;
                    }
                    for ((component, name), selector) in
                        frame.components.iter_mut().zip(names).zip(selectors.as_chunks::<2>().0)
                    {
                        if selector[0] != name {
                            return None;
                        }
                        (component.first, component.others) =
                            (usize::from(selector[1] >> 4), usize::from(selector[1] & 15));
                        frame.codes[0].get(component.first)?.as_ref()?;
                        frame.codes[1].get(component.others)?.as_ref()?;
                        frame.quants.get(component.quants)?.as_ref()?;
                    }
                    frame.bits = data.len() - rest.len();
                    return (frame.width * frame.height <= MAX_PIXELS).then_some(frame);
                }
                _ => return None,
            }
        }
    }

    /// Size and components; the components' names.
    fn start(&mut self, segment: &[u8]) -> Option<Vec<u8>> {
        let (&[8, height_high, height_low, width_high, width_low, count], components) = segment.split_first_chunk()?
        else {
            return None;
        };
        self.height = u16::from_be_bytes([height_high, height_low]).into();
        self.width = u16::from_be_bytes([width_high, width_low]).into();
        let (components, []) = components.as_chunks::<3>() else { return None };
        if self.width == 0 || self.height == 0 || components.len() != usize::from(count) || ![1, 3].contains(&count) {
            return None;
        }
        for &[_, factors, quants] in components {
            let (across, down) = (usize::from(factors >> 4), usize::from(factors & 15));
            self.components.push(Component { across, down, quants: quants.into(), first: 0, others: 0 });
        }
        let sampling: Vec<_> = self.components.iter().map(|each| [each.across, each.down]).collect();
        let Component { across, down, .. } = self.components[0];
        let usual = match sampling[..] {
            [only] => only == [1, 1],
            // Whatever colour has fewer of, it has half as many.
            [_, blue, red] => {
                [across, down].iter().all(|factor| [1, 2].contains(factor)) && blue == [1, 1] && red == [1, 1]
            }
            _ => false,
        };
        self.columns = self.width.div_ceil(8 * across.max(1));
        self.rows = self.height.div_ceil(8 * down.max(1));
        let names: Vec<_> = components.iter().map(|&[name, ..]| name).collect();
        // Some files whose components are red, green and blue say so by their names.
        (usual && names != *b"RGB").then_some(names)
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&place, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let (symbols, rest) = rest.split_at_checked(counts.iter().map(|&count| usize::from(count)).sum())?;
            *self.codes.get_mut(usize::from(place >> 4))?.get_mut(usize::from(place & 15))? =
                Some(Codes::of(counts, symbols)?);
            segment = rest;
        }
        Some(())
    }

    fn quantisation_tables(&mut self, segment: &[u8]) -> Option<()> {
        let (tables, []) = segment.as_chunks::<65>() else { return None };
        for [place, table @ ..] in tables {
            // Its other half says whether numbers have two bytes: not with samples of eight bits.
            *self.quants.get_mut(usize::from(*place))? = Some(table.map(i32::from));
        }
        Some(())
    }

    /// Samples of a row of a component's plane: whole blocks.
    fn stride(&self, component: &Component) -> usize {
        self.columns * 8 * component.across
    }

    /// Reads all bits and makes samples of them; whether they were as they should be.
    fn fill(&self, data: &[u8], planes: &mut [Vec<u8>], job: &Job) -> Result<bool, KernelError> {
        let mut bits = Bits::of(&data[self.bits..]);
        let mut predicted = [0; 3];
        let mut strips: Vec<_> = (self.components.iter().zip(planes))
            .map(|(component, plane)| plane.chunks_exact_mut(self.stride(component) * 8 * component.down))
            .collect();
        let waiting = AtomicUsize::new(0);
        let most = 4 * (rayon::current_num_threads() - 1);
        let together =
            if most == 0 { 1 } else { (TOGETHER / (self.columns * self.blocks())).clamp(1, self.rows.div_ceil(16)) };
        let samples = |rows: Vec<(Vec<_>, Vec<_>)>| {
            rows.into_iter().for_each(|(blocks, mut strips)| self.samples(&blocks, &mut strips));
        };
        rayon::scope(|scope| {
            let mut read = Vec::new();
            for row in 0..self.rows {
                let Some(blocks) = self.read(row, &mut bits, &mut predicted, job)? else { return Ok(false) };
                let strips: Vec<_> = strips.iter_mut().filter_map(Iterator::next).collect();
                read.push((blocks, strips));
                if read.len() < together {
                    continue;
                }
                let rows = std::mem::take(&mut read);
                // Where nobody takes them, rows do not pile up: this thread makes samples of them itself.
                if waiting.load(Ordering::Relaxed) >= most {
                    samples(rows);
                } else {
                    waiting.fetch_add(1, Ordering::Relaxed);
                    let waiting = &waiting;
                    scope.spawn(move |_| {
                        waiting.fetch_sub(1, Ordering::Relaxed);
                        samples(rows);
                    });
                }
            }
            samples(read);
            Ok(bits.pass(END))
        })
    }

    /// Blocks of a group.
    fn blocks(&self) -> usize {
        self.components.iter().map(|component| component.across * component.down).sum()
    }

    /// The next row of groups, block by block as they come, and what is known of each; nothing if the bits are odd.
    fn read(
        &self,
        row: usize,
        bits: &mut Bits,
        predicted: &mut [i32; 3],
        job: &Job,
    ) -> Result<Option<Vec<(Block, Kind)>>, Cancelled> {
        let each = self.blocks();
        let mut blocks = vec![([0; 64], Kind::Flat); self.columns * each];
        for (column, blocks) in blocks.chunks_exact_mut(each).enumerate() {
            // Some 20 µs of work.
            if column % 16 == 0 {
                job.check()?;
            }
            let number = row * self.columns + column;
            if self.interval != 0 && number != 0 && number.is_multiple_of(self.interval) {
                let restarts = number / self.interval - 1;
                if !bits.pass(0xD0 + (restarts % 8) as u8) {
                    return Ok(None);
                }
                *predicted = [0; 3];
            }
            let mut blocks = blocks.iter_mut();
            for (component, predicted) in self.components.iter().zip(&mut *predicted) {
                let (Some(first), Some(others), Some(quants)) =
                    (&self.codes[0][component.first], &self.codes[1][component.others], &self.quants[component.quants])
                else {
                    return Ok(None);
                };
                for (block, kind) in blocks.by_ref().take(component.across * component.down) {
                    match bits.block(first, others, quants, predicted, block) {
                        Some(found) => *kind = found,
                        None => return Ok(None),
                    }
                }
            }
        }
        Ok((!bits.is_short()).then_some(blocks))
    }

    /// Makes samples of a row of groups: of each component its strip of the plane.
    fn samples(&self, blocks: &[(Block, Kind)], strips: &mut [&mut [u8]]) {
        let mut blocks = blocks.iter();
        for column in 0..self.columns {
            for (component, strip) in self.components.iter().zip(&mut *strips) {
                let stride = self.stride(component);
                for down in 0..component.down {
                    for across in 0..component.across {
                        let Some((block, kind)) = blocks.next() else { return };
                        let samples = kind.samples::<Best>(block);
                        let lines = strip[8 * down * stride..].chunks_exact_mut(stride);
                        for (samples, line) in samples.as_chunks::<8>().0.iter().zip(lines) {
                            line[8 * (column * component.across + across)..][..8].copy_from_slice(samples);
                        }
                    }
                }
            }
        }
    }

    /// Makes pixels of the planes.
    fn colour(&self, planes: &[Vec<u8>], pixels: &mut [u8], job: &Job) -> Result<(), Cancelled> {
        const LINES: usize = 16;
        pixels.par_chunks_mut(4 * self.width * LINES).enumerate().try_for_each_init(
            Default::default,
            |lines, (band, pixels)| {
                job.check()?;
                self.colour_lines(planes, band * LINES, pixels, lines);
                Ok(())
            },
        )
    }

    /// Makes pixels of the lines from `first` on.
    fn colour_lines(&self, planes: &[Vec<u8>], first: usize, pixels: &mut [u8], lines: &mut [Line; 2]) {
        for (y, pixels) in (first..).zip(pixels.chunks_exact_mut(4 * self.width)) {
            let stride = self.stride(&self.components[0]);
            let light = &planes[0][y * stride..][..stride];
            if let [_, blue, red] = planes {
                let [blue_line, red_line] = &mut *lines;
                convert::<Best>(light, self.line(blue, y, blue_line), self.line(red, y, red_line), pixels);
            } else {
                for (pixel, &light) in pixels.as_chunks_mut().0.iter_mut().zip(light) {
                    *pixel = [light, light, light, 255];
                }
            }
        }
    }

    /// The line of a colour's plane that belongs to line `y` of the picture, in full width.
    ///
    /// Between samples there is a quarter of the further one: the triangle filter of libjpeg's "fancy upsampling".
    fn line<'b>(&self, plane: &'b [u8], y: usize, line: &'b mut Line) -> &'b [u8] {
        let Component { across, down, .. } = self.components[0];
        let stride = self.columns * 8;
        let row = |row: usize| &plane[row * stride..][..stride];
        let near = row(y / down);
        let samples = if down == 1 {
            near
        } else {
            let further =
                if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { (y / 2 + 1).min(self.rows * 8 - 1) };
            line.samples.clear();
            line.samples.extend(near.iter().zip(row(further)).map(|(&near, &far)| mixed(near, far)));
            &line.samples
        };
        if across == 1 {
            return samples;
        }
        line.twice.resize(2 * stride, 0);
        stretch::<Best>(samples, &mut line.twice);
        &line.twice
    }
}

/// A colour's line while it is stretched.
#[derive(Default)]
struct Line {
    samples: Vec<u8>,
    twice: Vec<u8>,
}

/// Three parts of one and one of the other.
fn mixed(near: u8, far: u8) -> u8 {
    ((3 * u16::from(near) + u16::from(far) + 2) >> 2) as u8
}

/// Makes a line twice as wide. It has eight samples or more.
fn stretch<V: Lanes>(from: &[u8], to: &mut [u8]) {
    let last = from.len() - 1;
    let plain = |at: usize, to: &mut [u8]| {
        to[2 * at] = if at == 0 { from[0] } else { mixed(from[at], from[at - 1]) };
        to[2 * at + 1] = if at == last { from[last] } else { mixed(from[at], from[at + 1]) };
    };
    let mut at = 1;
    while let Some(&[ref before @ .., _, _]) = from[at - 1..].first_chunk::<10>() {
        let eight = |offset: usize| V::extend(from[at - 1 + offset..].first_chunk().unwrap_or(before));
        let (far, near, further) = (V::extend(before), eight(1), eight(2));
        let thrice = V::add(V::add(near, V::left::<1>(near)), V::pairs(2, 2));
        let (even, odd) = (V::right::<2>(V::add(thrice, far)), V::right::<2>(V::add(thrice, further)));
        let mut both = [0; 8];
        V::store(V::add(even, V::left::<8>(odd)), &mut both);
        for (pair, to) in both.iter().zip(to[2 * at..].as_chunks_mut().0) {
            *to = pair.to_le_bytes();
        }
        at += 8;
    }
    plain(0, to);
    (at..=last).for_each(|at| plain(at, to));
}

/// Makes pixels of lines of YCbCr (ITU-R BT.601, full range, by numbers of 14 bits), which have a multiple of eight samples.
fn convert<V: Lanes>(light: &[u8], blue: &[u8], red: &[u8], pixels: &mut [u8]) {
    let half = V::pairs(128, 128);
    let rounding = V::splat((1 << 13) - 1);
    let eight = |light: &[u8; 8], blue: &[u8; 8], red: &[u8; 8], to: &mut [u8; 32]| {
        let [light, blue, red] = [V::extend(light), V::sub(V::extend(blue), half), V::sub(V::extend(red), half)];
        let of = |a, b, weights| {
            let part = |pairs| V::right_words::<14>(V::add_words(V::dot(pairs, weights), rounding));
            V::narrow(part(V::interleave_low(a, b)), part(V::interleave_high(a, b)))
        };
        let green = {
            let (weights, blue_weight) = (V::pairs(16384, -11700), V::pairs(-5638, (1 << 13) - 1));
            let part =
                |pairs, blue| V::right_words::<14>(V::add_words(V::dot(pairs, weights), V::dot(blue, blue_weight)));
            let one = V::pairs(1, 1);
            V::narrow(
                part(V::interleave_low(light, red), V::interleave_low(blue, one)),
                part(V::interleave_high(light, red), V::interleave_high(blue, one)),
            )
        };
        V::pixels(of(light, red, V::pairs(16384, 22970)), green, of(light, blue, V::pairs(16384, 29032)), to);
    };
    let samples = light.as_chunks().0.iter().zip(blue.as_chunks().0).zip(red.as_chunks().0);
    let (whole, rest) = pixels.as_chunks_mut::<32>();
    let mut samples = samples.map(|((light, blue), red)| (light, blue, red));
    for (to, (light, blue, red)) in whole.iter_mut().zip(&mut samples) {
        eight(light, blue, red, to);
    }
    if let Some((light, blue, red)) = samples.next().filter(|_| !rest.is_empty()) {
        let mut pixels = [0; 32];
        eight(light, blue, red, &mut pixels);
        rest.copy_from_slice(&pixels[..rest.len()]);
    }
}

/// What is known of a block's coefficients.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// All but the first are zero.
    Flat,
    /// Nothing that is computed of them exceeds 16 bits, but sums.
    Usual,
    /// They are too large for that.
    Loud,
}

/// The largest sum of a block's coefficients, without their signs, that is [`Kind::Usual`]: a pass multiplies by at most
/// 4 × √2 × cos(π/16), and 5.55 × 5900 is less than 2¹⁵.
const MAX_USUAL: u32 = 5900;

impl Kind {
    /// The samples of a block's coefficients: an inverse discrete cosine transform (C. Loeffler, A. Ligtenberg, G. Moschytz, Practical
    /// Fast 1-D DCT Algorithms with 11 Multiplications, ICASSP 1989), first of columns and then of rows.
    #[inline(always)]
    fn samples<V: Lanes>(self, block: &Block) -> [u8; 64] {
        match self {
            Self::Flat => [((i32::from(block[0]) + 4 + 1024) >> 3).clamp(0, 255) as u8; 64],
            Self::Usual => usual::<V>(block),
            Self::Loud => loud(block),
        }
    }
}

/// Rotations of the transform: 4096 times cosines and their sums.
const EVEN: [[i16; 2]; 2] = [[2217, 2217 - 7567], [2217 + 3135, 2217]];
const SUMS: [[i16; 2]; 2] = [[4816 - 3685, 4816], [4816, 4816 - 10497]];
const ONE_FIVE: [[i16; 2]; 2] = [[6149 - 1597, -1597], [-1597, 8410 - 1597]];
const THREE_SEVEN: [[i16; 2]; 2] = [[12586 - 8034, -8034], [-8034, 1223 - 8034]];
/// What is added before the first and the second division: half, and in the end 128.
const FIRST: (i32, i32) = (512, 10);
const SECOND: (i32, i32) = (512 + (1 << 16) + (128 << 17), 17);

fn usual<V: Lanes>(block: &Block) -> [u8; 64] {
    let (rows, _) = block.as_chunks::<8>();
    let rows = pass::<V, { FIRST.0 }, { FIRST.1 }>(from_fn(|row| V::load(&rows[row])));
    let columns = pass::<V, { SECOND.0 }, { SECOND.1 }>(transposed::<V>(rows));
    let rows = transposed::<V>(columns);
    let mut samples = [0; 64];
    for (two, rows) in samples.as_chunks_mut().0.iter_mut().zip(rows.as_chunks::<2>().0) {
        V::saturate(rows[0], rows[1], two);
    }
    samples
}

/// Eight transforms of eight numbers, one in each lane.
#[inline(always)]
fn pass<V: Lanes, const ROUNDING: i32, const SHIFT: i32>([a, b, c, d, e, f, g, h]: [V::Shorts; 8]) -> [V::Shorts; 8] {
    let ((bh, df), rounding) = ((V::add(b, h), V::add(d, f)), V::splat(ROUNDING));
    let half = |beside: fn(V::Shorts, V::Shorts) -> V::Shorts| {
        let turned =
            |a, b, weights: [[i16; 2]; 2]| weights.map(|[first, second]| V::dot(beside(a, b), V::pairs(first, second)));
        let [sum, difference] = turned(a, e, [[4096, 4096], [4096, -4096]]).map(|word| V::add_words(word, rounding));
        let [inner, outer] = turned(c, g, EVEN);
        let [bh_part, df_part] = turned(bh, df, SUMS);
        let [b_part, f_part] = turned(b, f, ONE_FIVE);
        let [d_part, h_part] = turned(d, h, THREE_SEVEN);
        let evens = [
            V::add_words(sum, outer),
            V::add_words(difference, inner),
            V::sub_words(difference, inner),
            V::sub_words(sum, outer),
        ];
        let odds = [
            V::add_words(b_part, bh_part),
            V::add_words(d_part, df_part),
            V::add_words(f_part, df_part),
            V::add_words(h_part, bh_part),
        ];
        from_fn(|at: usize| {
            let word =
                if at < 4 { V::add_words(evens[at], odds[at]) } else { V::sub_words(evens[7 - at], odds[7 - at]) };
            V::right_words::<SHIFT>(word)
        })
    };
    let (low, high): ([V::Words; 8], [V::Words; 8]) = (half(V::interleave_low), half(V::interleave_high));
    from_fn(|at| V::narrow(low[at], high[at]))
}

/// Rows as columns: three times, the first half is shuffled with the second.
#[inline(always)]
fn transposed<V: Lanes>(mut rows: [V::Shorts; 8]) -> [V::Shorts; 8] {
    for _ in 0..3 {
        let shuffled = |at: usize| {
            let interleave = if at.is_multiple_of(2) { V::interleave_low } else { V::interleave_high };
            interleave(rows[at / 2], rows[at / 2 + 4])
        };
        rows = from_fn(shuffled);
    }
    rows
}

/// The same as `usual`, in 32 bits.
fn loud(block: &Block) -> [u8; 64] {
    let turned = |a: i32, b: i32, weights: [[i16; 2]; 2]| {
        weights.map(|[first, second]| (a.wrapping_mul(first.into())).wrapping_add(b.wrapping_mul(second.into())))
    };
    let pass = |[a, b, c, d, e, f, g, h]: [i32; 8], (rounding, shift): (i32, i32)| -> [i32; 8] {
        let [sum, difference] = turned(a, e, [[4096, 4096], [4096, -4096]]).map(|word| word.wrapping_add(rounding));
        let [inner, outer] = turned(c, g, EVEN);
        let [bh, df] = turned(b.wrapping_add(h), d.wrapping_add(f), SUMS);
        let ([b, f], [d, h]) = (turned(b, f, ONE_FIVE), turned(d, h, THREE_SEVEN));
        let evens = [
            sum.wrapping_add(outer),
            difference.wrapping_add(inner),
            difference.wrapping_sub(inner),
            sum.wrapping_sub(outer),
        ];
        let odds = [b.wrapping_add(bh), d.wrapping_add(df), f.wrapping_add(df), h.wrapping_add(bh)];
        from_fn(|at| match at {
            0..4 => evens[at].wrapping_add(odds[at]) >> shift,
            _ => evens[7 - at].wrapping_sub(odds[7 - at]) >> shift,
        })
    };
    let columns: [[i32; 8]; 8] = from_fn(|column| pass(from_fn(|row| block[8 * row + column].into()), FIRST));
    let mut samples = [0; 64];
    for (row, samples) in samples.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *samples = pass(from_fn(|column| columns[column][row]), SECOND).map(|sample| sample.clamp(0, 255) as u8);
    }
    samples
}

/// A Huffman code of symbols (T.81, annex C).
struct Codes {
    /// By the next [`Self::AHEAD`] bits: see [`Self::entry`].
    short: Box<[u32; 1 << Self::AHEAD]>,
    /// Of each length: what the next 16 bits are less than, if the code is of that length or a shorter one.
    limits: [u32; 17],
    /// Of each length: what is added to a code to get its symbol's place, wrapping.
    offsets: [usize; 17],
    symbols: [u8; 256],
}

impl Codes {
    /// Bits of which all is looked up at once.
    const AHEAD: u32 = 10;

    fn of(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut codes =
            Codes { short: Box::new([0; 1 << Self::AHEAD]), limits: [0; 17], offsets: [0; 17], symbols: [0; 256] };
        codes.symbols.get_mut(..symbols.len())?.copy_from_slice(symbols);
        let (mut code, mut place) = (0_usize, 0_usize);
        for (length, &count) in (1..).zip(counts) {
            codes.offsets[length as usize] = place.wrapping_sub(code);
            for _ in 0..count {
                if length <= Self::AHEAD {
                    let rest = Self::AHEAD - length;
                    let entries = codes.short.get_mut(code << rest..(code + 1) << rest)?;
                    for (bits, entry) in (0..).zip(entries) {
                        *entry = Self::entry(symbols[place], length, rest, bits);
                    }
                }
                (code, place) = (code + 1, place + 1);
            }
            // More codes than bits for them, or one of ones only, which is not allowed.
            if code >= 1 << length {
                return None;
            }
            codes.limits[length as usize] = (code << (16 - length)) as u32;
            code *= 2;
        }
        Some(codes)
    }

    /// The symbol whose code is longer than what is looked up, and the code's length: by the next 16 bits.
    #[cold]
    fn long(&self, next: u32) -> Option<(u8, u32)> {
        let length = (Self::AHEAD as usize + 1..=16).find(|&length| next < self.limits[length])?;
        let place = self.offsets[length].wrapping_add((next >> (16 - length)) as usize);
        Some((*self.symbols.get(place)?, length as u32))
    }

    /// What is looked up: the bits that it takes, then the symbol, and if the number after the code is within sight and not zero, that.
    /// With the number there is only the symbol's upper half, which says how many zeros come before.
    fn entry(symbol: u8, length: u32, rest: u32, bits: u32) -> u32 {
        let size = u32::from(symbol & 15);
        if size == 0 || size > rest {
            return length | u32::from(symbol) << 8;
        }
        let number = extended(bits >> (rest - size), size);
        (length + size) | u32::from(symbol >> 4) << 8 | (number as u32) << 16
    }
}

/// A number of so many bits, of which those that begin with a zero are negative (T.81, F.12).
fn extended(bits: u32, size: u32) -> i32 {
    if bits >> (size - 1) == 0 { bits as i32 - (1 << size) + 1 } else { bits as i32 }
}

/// The bits of a scan.
#[derive(Clone, Copy)]
struct Bits<'a> {
    data: &'a [u8],
    /// The byte that comes next.
    at: usize,
    /// The next bits, the first one uppermost. Below those that are counted there may be more, which are then read again.
    held: u64,
    count: u32,
    /// Bits that were made up after the last ones.
    invented: u32,
}

impl<'a> Bits<'a> {
    fn of(data: &'a [u8]) -> Self {
        Self { data, at: 0, held: 0, count: 0, invented: 0 }
    }

    /// The same place in other data.
    fn in_data(self, data: &[u8]) -> Bits<'_> {
        let Self { at, held, count, invented, .. } = self;
        Bits { data, at, held, count, invented }
    }

    /// Sees to it that 32 bits are held: a code of 16, and the number after it.
    #[inline(always)]
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(bytes) = self.data.get(self.at..).and_then(|rest| rest.first_chunk()) {
            let next = u64::from_be_bytes(*bytes);
            // None of them is FF.
            if (!next).wrapping_sub(0x0101_0101_0101_0101) & next & 0x8080_8080_8080_8080 == 0 {
                self.held |= next >> self.count;
                let bytes = (63 - self.count) / 8;
                self.at += bytes as usize;
                self.count += 8 * bytes;
                return;
            }
        }
        *self = self.filled_by_bytes();
    }

    /// By value, or the compiler would keep no bits in registers.
    #[cold]
    fn filled_by_bytes(mut self) -> Self {
        while self.count <= 56 {
            let byte = match *self.data.get(self.at..).unwrap_or_default() {
                [0xFF, 0, ..] => {
                    self.at += 2;
                    0xFF
                }
                // A marker, or the end of the file.
                [0xFF, ..] | [] => {
                    self.invented += 8;
                    0
                }
                [byte, ..] => {
                    self.at += 1;
                    byte
                }
            };
            self.held |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    #[inline(always)]
    fn take(&mut self, bits: u32) -> u32 {
        let taken = (self.held >> 1 >> (63 - bits)) as u32;
        self.held <<= bits;
        self.count -= bits;
        taken
    }

    /// Whether bits were used that the file does not have.
    fn is_short(&self) -> bool {
        self.invented > self.count
    }

    /// Goes on behind a marker, if it comes next: at most the last bits of a byte are left before it.
    fn pass(&mut self, marker: u8) -> bool {
        let is_there =
            !self.is_short() && self.count < 8 + self.invented && self.data[self.at..].starts_with(&[0xFF, marker]);
        *self = Self { at: self.at + 2, ..Self::of(self.data) };
        is_there
    }

    /// The next symbol, and the number that comes with it: how many zeros come before it, and the number.
    #[inline(always)]
    fn symbol(&mut self, codes: &Codes) -> Option<(u8, i32)> {
        self.fill();
        let entry = codes.short[(self.held >> (64 - Codes::AHEAD)) as usize];
        let number = entry as i32 >> 16;
        if number != 0 {
            self.take(entry & 0xFF);
            return Some(((entry >> 8) as u8, number));
        }
        let symbol = if entry != 0 {
            self.take(entry & 0xFF);
            (entry >> 8) as u8
        } else {
            let (symbol, length) = codes.long((self.held >> 48) as u32)?;
            self.take(length);
            symbol
        };
        let size = u32::from(symbol & 15);
        // No number is as zeros, but for those of 16, which are four bits of size 0.
        Some((symbol >> 4, if size == 0 { 0 } else { extended(self.take(size), size) }))
    }

    /// Reads a block's coefficients, times what they were divided by, into zeros.
    fn block(
        &mut self,
        first: &Codes,
        others: &Codes,
        quants: &[i32; 64],
        predicted: &mut i32,
        block: &mut Block,
    ) -> Option<Kind> {
        let mut bits = *self;
        let (zeros, difference) = bits.symbol(first)?;
        if zeros != 0 {
            return None;
        }
        *predicted = predicted.wrapping_add(difference);
        let number = predicted.wrapping_mul(quants[0]);
        block[0] = number.try_into().ok()?;
        let (mut sum, mut at) = (number.unsigned_abs(), 1);
        while at < 64 {
            let (zeros, number) = bits.symbol(others)?;
            if number == 0 {
                if zeros != 15 {
                    break;
                }
                at += 16;
                continue;
            }
            at += usize::from(zeros);
            if at > 63 {
                return None;
            }
            let number = number * quants[at];
            block[usize::from(ZIGZAG[at] & 63)] = number as i16;
            sum += number.unsigned_abs();
            at += 1;
        }
        *self = bits;
        match sum {
            // Some coefficient may not have fitted.
            0x8000.. => None,
            _ if at == 1 => Some(Kind::Flat),
            sum if sum > MAX_USUAL => Some(Kind::Loud),
            _ => Some(Kind::Usual),
        }
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::super::lanes::plain::Plain;
    use super::*;
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    use proptest::prelude::*;
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;

    fn theirs(data: &[u8]) -> Option<Vec<u8>> {
        let options = DecoderOptions::default().set_strict_mode(false).jpeg_set_out_colorspace(ColorSpace::RGBA);
        JpegDecoder::new_with_options(ZCursor::new(data), options).decode().ok()
    }

    fn ours(data: &[u8]) -> Option<Vec<u8>> {
        let pixels = decode(data, &Job::detached()).unwrap();
        for some in [1, 3000] {
            assert!(in_turns(data, some) == pixels, "turns of {some} pixels");
        }
        pixels
    }

    fn in_turns(data: &[u8], some: usize) -> Option<Vec<u8>> {
        let mut decoding = Decoding::of(data).unwrap()?;
        loop {
            match decoding.turn(data, some, &Job::detached()).unwrap() {
                Turned::More => {}
                Turned::Done(pixels) => return Some(pixels),
                Turned::Odd => return None,
            }
        }
    }

    prop_compose! {
        /// Noise, black and white noise, or a slope.
        fn picture()(width in 1..80_u16, height in 1..80_u16, kind in 0..3)(
            noise in prop::collection::vec(any::<u8>(), usize::from(width) * usize::from(height) * 3),
            width in Just(width), height in Just(height), kind in Just(kind),
        ) -> (u16, u16, Vec<u8>) {
            let sample = |(at, noise)| match kind {
                0 => noise,
                1 => if noise < 128 { 0 } else { 255 },
                _ => (at / 7) as u8,
            };
            (width, height, noise.into_iter().enumerate().map(sample).collect())
        }
    }

    fn encoded((width, height, samples): &(u16, u16, Vec<u8>), quality: u8, sampling: usize, interval: u16) -> Vec<u8> {
        let mut data = Vec::new();
        let mut encoder = Encoder::new(&mut data, quality);
        if interval > 0 {
            encoder.set_restart_interval(interval);
        }
        if let Some(&factor) = SAMPLINGS.get(sampling) {
            encoder.set_sampling_factor(factor);
            encoder.encode(samples, *width, *height, ColorType::Rgb).unwrap();
        } else {
            encoder.set_sampling_factor(SamplingFactor::F_1_1);
            let grey: Vec<_> = samples.iter().step_by(3).copied().collect();
            encoder.encode(&grey, *width, *height, ColorType::Luma).unwrap();
        }
        data
    }

    const SAMPLINGS: [SamplingFactor; 4] =
        [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2];

    #[test]
    fn what_is_unusual_is_left_to_the_crate() {
        let file = |name: &str| std::fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        for name in ["image/decode-progressive.jpg", "image/decode-cmyk.jpg"] {
            assert_eq!(ours(&file(name)), None, "{name}");
        }
        let usual = file("hubble_deep_field.jpg");
        assert!(ours(&usual).is_some_and(|pixels| Some(pixels) == theirs(&usual)));
        let mut sampled = usual.clone();
        let frame = usual.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        sampled[frame + 11] = 0x41;
        assert_eq!(ours(&sampled), None, "four samples across");
    }

    #[test]
    fn a_cancelled_job_stops() {
        let data = encoded(&(16, 16, vec![7; 768]), 90, 0, 0);
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(decode(&data, &job), Err(KernelError::Cancelled));
    }

    #[test]
    fn codes_that_cannot_be_are_refused() {
        let counts = |of: &[(usize, u8)]| {
            let mut counts = [0; 16];
            of.iter().for_each(|&(length, count)| counts[length - 1] = count);
            counts
        };
        assert!(Codes::of(&counts(&[(1, 1), (2, 1)]), &[1, 2]).is_some());
        assert!(Codes::of(&counts(&[(1, 2)]), &[1, 2]).is_none(), "one code is of ones only");
        assert!(Codes::of(&counts(&[(1, 1), (2, 3)]), &[1, 2, 3, 4]).is_none(), "more codes than there are");
        assert!(Codes::of(&counts(&[(16, 255), (15, 2)]), &[0; 257]).is_none(), "more symbols than there are");
    }

    proptest! {
        #[test]
        fn pictures_are_those_of_the_crate(picture in picture(), quality in 1..=100_u8, sampling in 0..5_usize, interval in 0..9_u16) {
            let data = encoded(&picture, quality, sampling, interval);
            prop_assert!(ours(&data).is_some_and(|pixels| Some(pixels) == theirs(&data)));
        }

        #[test]
        fn a_damaged_file_is_left_to_the_crate_or_gives_the_same(
            picture in picture(),
            sampling in 0..5_usize,
            interval in 0..9_u16,
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut data = encoded(&picture, 80, sampling, interval);
            for (place, byte) in damage {
                *place.get_mut(&mut data) = byte;
            }
            // What it refuses by the headers does not come here.
            if let (Some(ours), Some(theirs)) = (ours(&data), theirs(&data)) {
                prop_assert!(ours == theirs);
            }
        }

        #[test]
        fn vectors_do_what_plain_rust_does(
            coefficients in prop::collection::vec(-92_i16..=92, 64),
            samples in prop::collection::vec(any::<u8>(), 3 * 40),
        ) {
            let mut block = [0; 64];
            block.copy_from_slice(&coefficients);
            prop_assert_eq!(usual::<Best>(&block), loud(&block));
            prop_assert_eq!(usual::<Plain>(&block), loud(&block));
            let stretched = |stretch: fn(&[u8], &mut [u8])| {
                let mut line = vec![0; 80];
                stretch(&samples[..40], &mut line);
                line
            };
            prop_assert_eq!(stretched(stretch::<Best>), stretched(stretch::<Plain>));
            let mut pixels = [[0; 4 * 37]; 2];
            convert::<Best>(&samples[..40], &samples[40..80], &samples[80..], &mut pixels[0]);
            convert::<Plain>(&samples[..40], &samples[40..80], &samples[80..], &mut pixels[1]);
            prop_assert_eq!(pixels[0], pixels[1]);
        }
    }
}
