//! Products of matrices.
//!
//! The method is that of K. Goto and R. van de Geijn (Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34, 2008):
//! the matrices are cut into blocks that fit the caches and copied in the order in which they are read; the innermost loop
//! keeps a tile of the product, four rows of two vectors, in registers.
//!
//! Every element of the product is summed in one order: products in the order of the inner dimension, [`DEPTH`] at a time
//! from zero, and those sums one after another. How the rest is cut changes nothing, so neither threads nor shards do.

use super::floats::{Float, Floats};
use super::in_turns::{InTurns, NoShard};
use super::radix::{reserve, zeros};
use crate::parallel::try_each_chunk;
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Array, Cancelled, Job, Kernel, KernelError, Shardable};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::Range;

/// Products of matrices.
pub struct Matmul;

/// Two matrices, row by row; `a` of m rows and k columns, `b` of k rows and n columns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MatmulParams {
    /// The left matrix.
    pub a: Floats,
    /// The right matrix, of the same kind of floats.
    pub b: Floats,
    /// Rows of `a` and of the product. Of an `a` with a shape that shape's, unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1024)]
    pub m: Option<u32>,
    /// Columns of `a`, rows of `b`. Of an `a` or `b` with a shape that shape's, unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1024)]
    pub k: Option<u32>,
    /// Columns of `b` and of the product. Of a `b` with a shape that shape's, unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1024)]
    pub n: Option<u32>,
    /// Whether `a` holds the left matrix column by column: its transpose, of k rows and m columns.
    #[serde(default)]
    pub transpose_a: bool,
    /// Whether `b` holds the right matrix column by column: its transpose, of n rows and k columns.
    #[serde(default)]
    pub transpose_b: bool,
    /// Numbers from where one row of `a` begins to where the next does, when there are others between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride_a: Option<u32>,
    /// The same of `b`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride_b: Option<u32>,
}

/// The product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatmulOutput {
    /// The product, row by row, of the kind of `a` and `b`: `[m, n]`.
    pub c: Floats,
}

/// Rows of a tile. Four rows of two vectors leave registers for what is multiplied on a machine that has 16.
const ROWS: usize = 4;
/// Vectors in a row of a tile.
const VECTORS: usize = 2;
/// Rows of a block of `a`: with [`DEPTH`] columns it takes a part of the second cache.
const BLOCK: usize = 64;
/// Products that are summed in registers: so much of a panel of `b` fits the first cache.
const DEPTH: usize = 256;
/// The most bytes of `b` in the order in which they are read, at any time.
const PACKED: usize = 64 << 20;
/// The most elements of the product.
const MAX_ELEMENTS: u64 = 1 << 30;

impl Kernel for Matmul {
    const NAME: &'static str = "matmul";
    const ABOUT: &'static str = "The product of two matrices of f32 or f64.";
    type Params = MatmulParams;
    type Output = MatmulOutput;
    type Part = ();

    fn validate(p: &MatmulParams) -> Result<(), KernelError> {
        p.sides().map(|_| ())
    }

    fn run(p: MatmulParams, job: &Job) -> Result<MatmulOutput, KernelError> {
        let sides = p.sides()?;
        Ok(MatmulOutput {
            c: match (&p.a, &p.b) {
                (Floats::F32(a), Floats::F32(b)) => product(a, b, sides, job)?.into(),
                (Floats::F64(a), Floats::F64(b)) => product(a, b, sides, job)?.into(),
                _ => return Err(other_kind(&p)),
            },
        })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::with_turns::<Self>())
    }
}

/// The sides of the matrices, and how they lie.
#[derive(Debug, Clone, Copy)]
struct Sides {
    m: usize,
    k: usize,
    n: usize,
    a: Layout,
    b: Layout,
}

impl Sides {
    /// How many products of elements there are.
    fn products(&self) -> u64 {
        self.m as u64 * self.k as u64 * self.n as u64
    }
}

/// Where an element lies: `row × rows + column × columns`.
#[derive(Debug, Clone, Copy)]
struct Layout {
    rows: usize,
    columns: usize,
}

fn other_kind(p: &MatmulParams) -> KernelError {
    let message = format!("must be a {} as `a` is, got a {}", p.a.dtype().js_name(), p.b.dtype().js_name());
    KernelError::bad_params("b", message)
}

impl MatmulParams {
    /// What was told and what the shapes say, if it fits the arrays.
    fn sides(&self) -> Result<Sides, KernelError> {
        if self.a.dtype() != self.b.dtype() {
            return Err(other_kind(self));
        }
        let [m, k_of_a] = shape("a", &self.a, self.transpose_a)?;
        let [k_of_b, n] = shape("b", &self.b, self.transpose_b)?;
        let told = |field, told: Option<u32>, from_shape: Option<usize>, array| {
            told.map(|side| side as usize).or(from_shape).ok_or_else(|| {
                KernelError::bad_params(field, format!("is missing: {array} has no shape to take it from"))
            })
        };
        let m = told("m", self.m, m, "`a`")?;
        let k = told("k", self.k, k_of_a.or(k_of_b), "neither `a` nor `b`")?;
        let n = told("n", self.n, n, "`b`")?;
        if let (None, Some(a), Some(b)) = (self.k, k_of_a, k_of_b)
            && a != b
        {
            let message = format!("has {b} rows, but `a` has {a} columns: these must be as many");
            return Err(KernelError::bad_params("b", message));
        }
        if m as u64 * n as u64 > MAX_ELEMENTS {
            let message = format!("m × n must be at most {MAX_ELEMENTS} numbers, got {m}×{n}");
            return Err(KernelError::bad_params("n", message));
        }
        let a = Layout::of(["a", "m", "k", "strideA"], &self.a, [m, k], self.transpose_a, self.stride_a)?;
        let b = Layout::of(["b", "k", "n", "strideB"], &self.b, [k, n], self.transpose_b, self.stride_b)?;
        Ok(Sides { m, k, n, a, b })
    }
}

/// Rows and columns of the matrix that an array with a shape holds.
fn shape(field: &str, array: &Floats, transpose: bool) -> Result<[Option<usize>; 2], KernelError> {
    match array.shape() {
        None => Ok([None; 2]),
        Some(&[rows, columns]) if transpose => Ok([Some(columns), Some(rows)]),
        Some(&[rows, columns]) => Ok([Some(rows), Some(columns)]),
        // A flat array has the sides that are told.
        Some([_]) => Ok([None; 2]),
        Some(shape) => {
            let message = format!("must have two dimensions, got {}: the shape {shape:?}", shape.len());
            Err(KernelError::bad_params(field, message))
        }
    }
}

impl Layout {
    /// How a matrix of `rows` and `columns` lies in an array, if that has all of it.
    fn of(
        [field, row_name, column_name, stride_name]: [&str; 4],
        array: &Floats,
        [rows, columns]: [usize; 2],
        transpose: bool,
        stride: Option<u32>,
    ) -> Result<Self, KernelError> {
        let (count, each, what) = if transpose {
            (columns, rows, format!("{column_name} × {row_name}"))
        } else {
            (rows, columns, format!("{row_name} × {column_name}"))
        };
        let len = array.len() as u64;
        let stride = match stride {
            Some(stride) if (stride as usize) < each => {
                let message = format!("must be at least the {each} numbers of a row, got {stride}");
                return Err(KernelError::bad_params(stride_name, message));
            }
            Some(stride) => {
                let least = if count == 0 || each == 0 {
                    0
                } else {
                    (count as u64 - 1).saturating_mul(u64::from(stride)).saturating_add(each as u64)
                };
                if len < least {
                    let message = format!(
                        "must hold at least {least} numbers for {what} = {count}×{each} at a stride of {stride}, got {len}"
                    );
                    return Err(KernelError::bad_params(field, message));
                }
                stride as usize
            }
            None => {
                let exactly = (count as u64).saturating_mul(each as u64);
                if len != exactly {
                    let message = format!("must hold {what} = {count}×{each} = {exactly} numbers, got {len}");
                    return Err(KernelError::bad_params(field, message));
                }
                each
            }
        };
        Ok(if transpose { Self { rows: 1, columns: stride } } else { Self { rows: stride, columns: 1 } })
    }
}

/// The product of `a` and `b`.
fn product<T: Float>(a: &[T], b: &[T], sides: Sides, job: &Job) -> Result<Array<T>, KernelError> {
    let Sides { m, k, n, .. } = sides;
    job.set_total(sides.products());
    job.will_return(m * n * size_of::<T>());
    let mut c = zeros(m * n, job)?;
    if m * n * k.min(1) > 0 {
        // Of all of `b` that takes too much memory.
        let blocks = Block::all::<T>(sides, PACKED);
        let mut panels = reserve(blocks[0].packed::<T>())?;
        for block in &blocks {
            pack_b(b, sides.b, block, &mut panels, job)?;
            multiply(a, &panels, &mut c, 0, sides, block, job)?;
        }
    }
    Ok(Array::from(c).with_shape([m, n]))
}

/// What of `b` is multiplied at a time.
struct Block {
    /// Of the inner dimension.
    inner: Range<usize>,
    columns: Range<usize>,
}

impl Block {
    /// All of `b`, which is not empty, by blocks of at most so many bytes, the largest first. Those of the same columns follow each other.
    fn all<T: Float>(Sides { k, n, .. }: Sides, bytes: usize) -> Vec<Self> {
        let width = VECTORS * T::LANES;
        let depth = (bytes / size_of::<T>() / width / DEPTH * DEPTH).min(k);
        let columns = (bytes / size_of::<T>() / depth).next_multiple_of(width).min(n.next_multiple_of(width));
        let across = (0..n).step_by(columns).map(|left| left..n.min(left + columns));
        let down = |columns: Range<usize>| {
            let inner = (0..k).step_by(depth).map(move |top| top..k.min(top + depth));
            inner.map(move |inner| Self { inner, columns: columns.clone() })
        };
        across.flat_map(down).collect()
    }

    /// Elements of its panels.
    fn packed<T: Float>(&self) -> usize {
        self.columns.len().next_multiple_of(VECTORS * T::LANES) * self.inner.len()
    }
}

/// Copies a block of `b` by panels as wide as a tile, row by row, and fills the last one up with zeros.
fn pack_b<T: Float>(b: &[T], layout: Layout, block: &Block, panels: &mut Vec<T>, job: &Job) -> Result<(), Cancelled> {
    let width = VECTORS * T::LANES;
    let depth = block.inner.len();
    panels.resize(block.packed::<T>(), T::default());
    try_each_chunk(panels, width * depth, |number, panel| {
        let left = block.columns.start + number * width;
        let real = width.min(block.columns.end - left);
        for (slice, rows) in panel.chunks_mut(width * DEPTH).enumerate() {
            job.check()?;
            let top = block.inner.start + slice * DEPTH;
            for (row, to) in rows.chunks_exact_mut(width).enumerate() {
                let at = (top + row) * layout.rows + left * layout.columns;
                if layout.columns == 1 && real == width {
                    // By vectors: in wasm a copy of a length that the compiler does not know is a call.
                    let vectors = to.chunks_exact_mut(T::LANES).zip(b[at..at + real].chunks_exact(T::LANES));
                    vectors.for_each(|(to, from)| T::store(T::load(from), to));
                } else {
                    to[..real].iter_mut().enumerate().for_each(|(column, to)| *to = b[at + column * layout.columns]);
                }
                to[real..].fill(T::default());
            }
        }
        Ok(())
    })
}

/// Copies rows of a block of `a` by panels as high as a tile, column by column, and fills the last one up with zeros.
fn pack_a<T: Float>(a: &[T], layout: Layout, rows: Range<usize>, inner: Range<usize>, panels: &mut Vec<T>) {
    panels.clear();
    for top in rows.clone().step_by(ROWS) {
        if top + ROWS <= rows.end && layout.columns == 1 {
            let [first, second, third, fourth] =
                std::array::from_fn(|row| &a[(top + row) * layout.rows..][inner.clone()]);
            for (((&first, &second), &third), &fourth) in first.iter().zip(second).zip(third).zip(fourth) {
                panels.extend_from_slice(&[first, second, third, fourth]);
            }
        } else {
            for column in inner.clone() {
                for row in top..top + ROWS {
                    let at = row * layout.rows + column * layout.columns;
                    panels.push(if row < rows.end { a[at] } else { T::default() });
                }
            }
        }
    }
}

/// Adds the product of rows of `a` and a block of `b`, given by its panels, to those rows of `c`, of which the first is row `first`.
fn multiply<T: Float>(
    a: &[T],
    panels: &[T],
    c: &mut [T],
    first: usize,
    sides: Sides,
    block: &Block,
    job: &Job,
) -> Result<(), Cancelled> {
    let width = VECTORS * T::LANES;
    let depth = block.inner.len();
    let is_last = block.inner.end == sides.k;
    let panel_count = block.columns.len().div_ceil(width);
    // When there are few blocks of rows, each divides into columns too, though its part of `a` is copied again for each.
    let wanted = (job.threads() * 4).div_ceil((c.len() / sides.n).div_ceil(BLOCK)).min(panel_count.div_ceil(16));
    let panels_each = panel_count.div_ceil(wanted);
    c.par_chunks_mut(BLOCK * sides.n).enumerate().try_for_each(|(number, rows)| {
        let top = first + number * BLOCK;
        let mut rows: Vec<_> = rows
            .chunks_exact_mut(sides.n)
            .map(|row| row[block.columns.clone()].chunks_mut(panels_each * width))
            .collect();
        let pieces = panels.chunks(panels_each * width * depth).map(|panels| {
            let rows: Vec<&mut [T]> = rows.iter_mut().filter_map(Iterator::next).collect();
            (panels, rows)
        });
        pieces.collect::<Vec<_>>().into_par_iter().try_for_each_init(Vec::new, |packed, (panels, mut rows)| {
            for start in (0..depth).step_by(DEPTH) {
                let length = DEPTH.min(depth - start);
                let inner = block.inner.start + start..block.inner.start + start + length;
                pack_a(a, sides.a, top..top + rows.len(), inner, packed);
                for (number, panel) in panels.chunks_exact(width * depth).enumerate() {
                    job.check()?;
                    let panel = &panel[start * width..][..length * width];
                    for (row, tile) in rows.chunks_mut(ROWS).zip(packed.chunks_exact(ROWS * length)) {
                        add_tile::<T>(row, number * width, tile_of::<T>(tile, panel));
                    }
                }
                job.advance((rows.len() * rows[0].len() * length) as u64);
            }
            if is_last {
                rows.iter_mut().for_each(|row| row.iter_mut().for_each(|x| *x = x.tidy()));
            }
            Ok(())
        })
    })
}

/// A tile of the product: [`ROWS`] rows of [`VECTORS`] vectors.
type Tile<T> = [[<T as Float>::Lanes; VECTORS]; ROWS];

/// The product of a panel of `a` and one of `b`, as long as each other.
#[inline(always)]
fn tile_of<T: Float>(a: &[T], b: &[T]) -> Tile<T> {
    let mut tile = [[T::default().splat(); VECTORS]; ROWS];
    for (a, b) in a.chunks_exact(ROWS).zip(b.chunks_exact(VECTORS * T::LANES)) {
        let b: [_; VECTORS] = std::array::from_fn(|vector| T::load(&b[vector * T::LANES..]));
        for (row, &a) in tile.iter_mut().zip(a) {
            let a = a.splat();
            for (sum, &b) in row.iter_mut().zip(&b) {
                *sum = *sum + a * b;
            }
        }
    }
    tile
}

/// Adds a tile to the rows, from a column on; what of it lies outside is dropped.
#[inline(always)]
fn add_tile<T: Float>(rows: &mut [&mut [T]], column: usize, tile: Tile<T>) {
    for (row, sums) in rows.iter_mut().zip(tile) {
        let row = &mut row[column..];
        for (vector, sum) in sums.into_iter().enumerate() {
            let at = vector * T::LANES;
            if let Some(to) = row.get_mut(at..at + T::LANES) {
                T::store(T::load(to) + sum, to);
            } else if let Some(to) = row.get_mut(at..) {
                let mut lanes = [T::default(); 4];
                T::store(sum, &mut lanes);
                to.iter_mut().zip(lanes).for_each(|(to, sum)| *to += sum);
            }
        }
    }
}

/// Bytes of `b` that are put in order in a turn.
const PACKED_IN_TURN: usize = if cfg!(test) { 1 << 15 } else { 4 << 20 };
/// Products in a turn: a millisecond of them.
const PRODUCTS_IN_TURN: usize = if cfg!(test) { 1 << 16 } else { 1 << 24 };

/// A product on one thread, of which a turn makes some rows of a block.
struct ProductInTurns<T: Float> {
    a: Array<T>,
    b: Array<T>,
    /// As many rows as have been begun.
    c: Vec<T>,
    sides: Sides,
    panels: Vec<T>,
    /// Those that are left, the next one first.
    blocks: VecDeque<Block>,
    /// Rows of the product that have the next block's part.
    rows: usize,
    /// Products of elements.
    done: u64,
}

impl<T: Float> ProductInTurns<T> {
    fn of(a: Array<T>, b: Array<T>, sides: Sides) -> Result<Self, KernelError> {
        let blocks = Block::all::<T>(sides, PACKED_IN_TURN);
        let panels = reserve(blocks[0].packed::<T>())?;
        Ok(Self { a, b, c: reserve(sides.m * sides.n)?, sides, panels, blocks: blocks.into(), rows: 0, done: 0 })
    }
}

impl<T: Float> InTurns<Floats> for ProductInTurns<T>
where
    Array<T>: Into<Floats>,
{
    fn turn(&mut self, job: &Job) -> Result<Option<Floats>, KernelError> {
        let Self { a, b, c, sides, panels, blocks, rows, done } = self;
        let Sides { m, n, .. } = *sides;
        let block = blocks.front().ok_or_else(shard::strange_outputs)?;
        if *rows == 0 {
            pack_b(b, sides.b, block, panels, job)?;
        }
        let each = PRODUCTS_IN_TURN / block.packed::<T>() / ROWS * ROWS;
        let end = m.min(*rows + each.clamp(ROWS, BLOCK));
        if c.len() < end * n {
            c.resize(end * n, T::default());
        }
        multiply(a, panels, &mut c[*rows * n..end * n], *rows, *sides, block, job)?;
        *done += (end - *rows) as u64 * block.columns.len() as u64 * block.inner.len() as u64;
        *rows = end;
        if end < m {
            return Ok(None);
        }
        *rows = 0;
        blocks.pop_front();
        if !blocks.is_empty() {
            return Ok(None);
        }
        Ok(Some(Array::from(std::mem::take(c)).with_shape([m, n]).into()))
    }

    fn progress(&self) -> (u64, u64) {
        (self.done, self.sides.products())
    }
}

/// A product in one instance.
pub struct MatmulTurns(Box<dyn InTurns<Floats>>);

impl Rounds for Matmul {
    type Shard = NoShard;
    type Given = ();
    type State = MatmulTurns;

    fn begin(p: MatmulParams, Aim { pieces, .. }: Aim) -> Result<Round<Self>, KernelError> {
        let sides = p.sides()?;
        if pieces < 2 || sides.products() <= PRODUCTS_IN_TURN as u64 {
            return Ok(Round::Whole(p));
        }
        let product: Box<dyn InTurns<Floats>> = match (p.a, p.b) {
            (Floats::F32(a), Floats::F32(b)) => Box::new(ProductInTurns::of(a, b, sides)?),
            (Floats::F64(a), Floats::F64(b)) => Box::new(ProductInTurns::of(a, b, sides)?),
            (a, b) => return Err(other_kind(&MatmulParams { a, b, ..p })),
        };
        Ok(MatmulTurns(product).round())
    }

    fn run_shard(shard: NoShard, _: &Job) -> Result<(), KernelError> {
        match shard {}
    }

    fn go_on(mut state: MatmulTurns, _: Vec<()>, job: &Job) -> Result<Round<Self>, KernelError> {
        let Some(c) = job.stage(0, |turn| state.0.turn(turn))? else { return Ok(state.round()) };
        Ok(Round::Done { output: MatmulOutput { c }, total: state.0.progress().1 })
    }
}

impl MatmulTurns {
    fn round(self) -> Round<Matmul> {
        let progress = self.0.progress();
        Round::Next { shards: Vec::new(), state: self, progress }
    }
}

/// The fewest products that are worth a shard: some 0.2 ms of work.
const LEAST: u64 = 1 << 21;
/// The most shards.
const MOST: u64 = 256;
/// The most bytes of all shards' params together: each row of shards has a copy of the same rows of `a`, each column of shards
/// one of the same columns of `b`.
const COPIES: u64 = 1 << 30;

/// A grid: ranges of rows of `a` by ranges of columns of `b`.
impl Shardable for Matmul {
    type Plan = Grid;

    fn split(p: MatmulParams, pieces: usize) -> Result<(Vec<MatmulParams>, Grid), KernelError> {
        let sides = p.sides()?;
        let grid = Grid::of(sides, [p.a.bytes(), p.b.bytes()], pieces);
        if grid.down * grid.across == 1 {
            return Ok((vec![p], grid));
        }
        let mut shards = Vec::new();
        for row in 0..grid.down {
            let rows = Grid::range(sides.m, grid.down, row);
            for column in 0..grid.across {
                let columns = Grid::range(sides.n, grid.across, column);
                shards.push(MatmulParams {
                    a: cut(&p.a, sides.a, [rows.clone(), 0..sides.k])?,
                    b: cut(&p.b, sides.b, [0..sides.k, columns.clone()])?,
                    m: Some(rows.len() as u32),
                    k: Some(sides.k as u32),
                    n: Some(columns.len() as u32),
                    transpose_a: false,
                    transpose_b: false,
                    stride_a: None,
                    stride_b: None,
                });
            }
        }
        Ok((shards, grid))
    }

    fn merge(grid: Grid, outputs: Vec<MatmulOutput>) -> Result<MatmulOutput, KernelError> {
        let is_single = matches!(outputs.first(), Some(MatmulOutput { c: Floats::F32(_) }));
        let outputs = outputs.into_iter().map(|output| output.c);
        Ok(MatmulOutput {
            c: if is_single {
                grid.join(outputs, |c| if let Floats::F32(c) = c { Some(c) } else { None })?.into()
            } else {
                grid.join(outputs, |c| if let Floats::F64(c) = c { Some(c) } else { None })?.into()
            },
        })
    }
}

/// How the product is cut.
pub struct Grid {
    m: usize,
    n: usize,
    /// Ranges of rows.
    down: usize,
    /// Ranges of columns.
    across: usize,
}

impl Grid {
    /// The grid of the most shards, and among those of the fewest bytes copied; `bytes` are those of `a` and `b`.
    fn of(Sides { m, k, n, .. }: Sides, [a, b]: [u64; 2], pieces: usize) -> Self {
        let work = (m as u64 * n as u64).saturating_mul(k as u64);
        let pieces = (pieces as u64).min(work / LEAST).clamp(1, MOST) as usize;
        let copies = |&(down, across): &(usize, usize)| across as u64 * a + down as u64 * b;
        let (down, across) = (1..=pieces.min(n.max(1)))
            .flat_map(|across| (1..=(pieces / across).min(m.max(1))).map(move |down| (down, across)))
            .filter(|grid| *grid == (1, 1) || copies(grid) <= COPIES)
            .max_by_key(|grid| (grid.0 * grid.1, std::cmp::Reverse(copies(grid))))
            .unwrap_or((1, 1));
        Self { m, n, down, across }
    }

    /// The range of a side that belongs to piece `number` of `count`.
    fn range(side: usize, count: usize, number: usize) -> Range<usize> {
        let start = |number: usize| (side as u64 * number as u64 / count as u64) as usize;
        start(number)..start(number + 1)
    }

    /// The product from those of the shards.
    fn join<T: Float>(
        &self,
        outputs: impl Iterator<Item = Floats>,
        kind: impl Fn(Floats) -> Option<Array<T>>,
    ) -> Result<Array<T>, KernelError> {
        let outputs: Vec<Array<T>> = outputs.map(kind).collect::<Option<_>>().ok_or_else(shard::strange_outputs)?;
        if outputs.len() != self.down * self.across {
            return Err(shard::strange_outputs());
        }
        let mut c = reserve(self.m * self.n)?;
        for (row, outputs) in outputs.chunks(self.across).enumerate() {
            for row in 0..Self::range(self.m, self.down, row).len() {
                for (column, output) in outputs.iter().enumerate() {
                    let width = Self::range(self.n, self.across, column).len();
                    let part = output.get(row * width..(row + 1) * width).ok_or_else(shard::strange_outputs)?;
                    c.extend_from_slice(part);
                }
            }
        }
        Ok(Array::from(c).with_shape([self.m, self.n]))
    }
}

/// A range of rows and columns of a matrix, row by row.
fn cut(array: &Floats, layout: Layout, range: [Range<usize>; 2]) -> Result<Floats, KernelError> {
    fn of<T: Float>(from: &[T], layout: Layout, [rows, columns]: [Range<usize>; 2]) -> Result<Array<T>, KernelError> {
        let mut to = reserve(rows.len() * columns.len())?;
        for row in rows {
            let start = row * layout.rows;
            if layout.columns == 1 {
                to.extend_from_slice(&from[start..][columns.clone()]);
            } else {
                to.extend(columns.clone().map(|column| from[start + column * layout.columns]));
            }
        }
        Ok(to.into())
    }
    Ok(match array {
        Floats::F32(array) => of(array, layout, range)?.into(),
        Floats::F64(array) => of(array, layout, range)?.into(),
    })
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;

    fn noise(len: usize, mut state: u64) -> impl Iterator<Item = f64> {
        (0..len).map(move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        })
    }

    /// Params of matrices of noise without gaps.
    fn params(m: usize, k: usize, n: usize, double: bool) -> MatmulParams {
        let [a, b] = [(m * k, 0x1234_5678_9ABC_DEF1), (k * n, 0x0FED_CBA9_8765_4321)].map(|(len, seed)| {
            if double {
                Floats::F64(noise(len, seed).collect::<Vec<_>>().into())
            } else {
                Floats::F32(noise(len, seed).map(|x| x as f32).collect::<Vec<_>>().into())
            }
        });
        MatmulParams {
            a,
            b,
            m: Some(m as u32),
            k: Some(k as u32),
            n: Some(n as u32),
            transpose_a: false,
            transpose_b: false,
            stride_a: None,
            stride_b: None,
        }
    }

    /// The documented sum, element by element.
    fn naive<T: Float>(a: &[T], b: &[T], sides: Sides) -> Vec<T> {
        let mut c = Vec::new();
        for row in 0..sides.m {
            for column in 0..sides.n {
                let mut whole = T::default();
                for start in (0..sides.k).step_by(DEPTH) {
                    let mut sum = T::default();
                    for i in start..sides.k.min(start + DEPTH) {
                        let a = a[row * sides.a.rows + i * sides.a.columns];
                        let b = b[i * sides.b.rows + column * sides.b.columns];
                        sum += a * b;
                    }
                    whole += sum;
                }
                c.push(whole.tidy());
            }
        }
        c
    }

    fn bits(floats: &Floats) -> Vec<u64> {
        match floats {
            Floats::F32(array) => array.iter().map(|x| u64::from(x.to_bits())).collect(),
            Floats::F64(array) => array.iter().map(|x| x.to_bits()).collect(),
        }
    }

    fn check(p: &MatmulParams) {
        let sides = p.sides().unwrap();
        let expected: Floats = match (&p.a, &p.b) {
            (Floats::F32(a), Floats::F32(b)) => Array::from(naive(a, b, sides)).into(),
            (Floats::F64(a), Floats::F64(b)) => Array::from(naive(a, b, sides)).into(),
            _ => unreachable!(),
        };
        let job = Job::detached();
        let output = run::<Matmul>(p.clone(), &job).unwrap();
        assert_eq!(output.c.shape(), Some(&[sides.m, sides.n][..]));
        assert_eq!(output.c.dtype(), p.a.dtype());
        assert!(bits(&output.c) == bits(&expected), "{sides:?}");
        let (done, total) = job.progress();
        assert_eq!((done, total), (total, (sides.m * sides.k * sides.n) as u64));
    }

    #[test]
    fn equals_the_sum_at_every_edge_of_tiles_and_blocks() {
        for double in [false, true] {
            for (m, k, n) in [
                (0, 0, 0),
                (0, 5, 7),
                (5, 0, 7),
                (5, 7, 0),
                (1, 1, 1),
                (1, 1000, 1),
                (1, 3, 130),
                (130, 3, 1),
                (4, 256, 8),
                (3, 255, 7),
                (5, 257, 9),
                (64, 512, 16),
                (65, 513, 17),
                (129, 31, 263),
                (200, 600, 150),
            ] {
                check(&params(m, k, n, double));
            }
        }
    }

    #[test]
    fn a_known_product() {
        let list = |numbers: &[f64]| Floats::F64(numbers.to_vec().into());
        let p = MatmulParams {
            a: list(&[1., 2., 3., 4., 5., 6.]),
            b: list(&[7., 8., 9., 10., 11., 12.]),
            ..params(2, 3, 2, true)
        };
        let expected = Floats::F64(Array::from(vec![58., 64., 139., 154.]).with_shape([2, 2]));
        assert_eq!(run::<Matmul>(p, &Job::detached()).unwrap().c, expected);
    }

    /// The same matrices stored by columns and with gaps: the gaps hold NaN, which would show.
    fn stored(p: &MatmulParams, transpose: [bool; 2], gaps: [usize; 2]) -> MatmulParams {
        let sides = p.sides().unwrap();
        let store = |array: &Floats, layout: Layout, [rows, columns]: [usize; 2], transpose: bool, gap: usize| {
            let (count, each) = if transpose { (columns, rows) } else { (rows, columns) };
            let stride = each + gap;
            let mut to = vec![f64::NAN; if count == 0 { 0 } else { (count - 1) * stride + each }];
            let at = |index: usize| match array {
                Floats::F32(array) => f64::from(array[index]),
                Floats::F64(array) => array[index],
            };
            for row in 0..rows {
                for column in 0..columns {
                    let place = if transpose { column * stride + row } else { row * stride + column };
                    to[place] = at(row * layout.rows + column * layout.columns);
                }
            }
            let array = match array {
                Floats::F32(_) => Floats::F32(to.into_iter().map(|x| x as f32).collect::<Vec<_>>().into()),
                Floats::F64(_) => Floats::F64(to.into()),
            };
            (array, (gap > 0).then_some(stride as u32))
        };
        let (a, stride_a) = store(&p.a, sides.a, [sides.m, sides.k], transpose[0], gaps[0]);
        let (b, stride_b) = store(&p.b, sides.b, [sides.k, sides.n], transpose[1], gaps[1]);
        MatmulParams { a, b, stride_a, stride_b, transpose_a: transpose[0], transpose_b: transpose[1], ..p.clone() }
    }

    #[test]
    fn it_does_not_matter_how_the_matrices_are_stored() {
        for double in [false, true] {
            for (m, k, n) in [(67, 300, 45), (1, 9, 5), (8, 1, 16)] {
                let p = params(m, k, n, double);
                let expected = run::<Matmul>(p.clone(), &Job::detached()).unwrap().c;
                for transpose in [[false, true], [true, false], [true, true], [false, false]] {
                    for gaps in [[0, 0], [3, 0], [0, 1], [7, 50]] {
                        let p = stored(&p, transpose, gaps);
                        let c = run::<Matmul>(p, &Job::detached()).unwrap().c;
                        assert!(bits(&c) == bits(&expected), "{m}×{k}×{n}, {transpose:?}, {gaps:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn sides_come_from_shapes() {
        let shaped = |shape: [usize; 2]| {
            Floats::F64(Array::from(noise(shape[0] * shape[1], 7).collect::<Vec<_>>()).with_shape(shape))
        };
        let bare = MatmulParams { m: None, k: None, n: None, ..params(0, 0, 0, true) };
        let p = MatmulParams { a: shaped([3, 5]), b: shaped([5, 4]), ..bare.clone() };
        assert_eq!(run::<Matmul>(p, &Job::detached()).unwrap().c.shape(), Some(&[3, 4][..]));
        let p = MatmulParams { a: shaped([5, 3]), b: shaped([4, 5]), transpose_a: true, transpose_b: true, ..bare };
        check(&p);
    }

    #[test]
    fn nan_and_infinity_go_where_they_belong_and_nan_has_one_pattern() {
        let mut a = vec![1.0_f32; 6 * 300];
        a[0] = f32::from_bits(0xFFC1_2345);
        a[300] = f32::INFINITY;
        a[600] = f32::INFINITY;
        a[601] = f32::NEG_INFINITY;
        a[900] = f32::MAX;
        a[901] = f32::MAX;
        let p = MatmulParams {
            a: Floats::F32(a.into()),
            b: Floats::F32(vec![1.0; 300 * 9].into()),
            ..params(6, 300, 9, false)
        };
        check(&p);
        let Floats::F32(c) = run::<Matmul>(p, &Job::detached()).unwrap().c else { unreachable!() };
        for row in [0, 2] {
            assert!(c[row * 9..][..9].iter().all(|x| x.to_bits() == f32::NAN.to_bits()));
        }
        assert!(c[9..18].iter().chain(&c[27..36]).all(|&x| x == f32::INFINITY));
        assert!(c[36..].iter().all(|&x| x == 300.0));
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        for (m, k, n) in [(300, 270, 310), (3, 600, 2000), (2000, 40, 3)] {
            for threads in [1, 2, 3, 4, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| check(&params(m, k, n, false)));
            }
        }
    }

    #[test]
    fn shards_make_the_whole() {
        assert_eq!(check_shards::<Matmul>(&params(0, 3, 4, true)), 1);
        assert_eq!(check_shards::<Matmul>(&params(30, 30, 30, true)), 1, "too little to pay");
        assert_eq!(check_shards::<Matmul>(&params(300, 310, 320, true)), 14);
        assert_eq!(check_shards::<Matmul>(&params(1, 5000, 900, false)), 2);
        let p = stored(&params(311, 257, 130, false), [true, true], [5, 2]);
        assert_eq!(check_shards::<Matmul>(&p), 4);
    }

    #[test]
    fn grids_keep_copies_few() {
        let sides = |m, k, n| Sides { m, k, n, a: Layout { rows: k, columns: 1 }, b: Layout { rows: n, columns: 1 } };
        let of = |m: usize, k: usize, n: usize, pieces| {
            let grid = Grid::of(sides(m, k, n), [(m * k * 4) as u64, (k * n * 4) as u64], pieces);
            (grid.down, grid.across)
        };
        assert_eq!(of(1024, 1024, 1024, 16), (4, 4));
        assert_eq!(of(100_000, 64, 64, 16), (16, 1));
        assert_eq!(of(64, 64, 100_000, 16), (1, 16));
        assert_eq!(of(8192, 8192, 8192, 1), (1, 1));
        // A copy of a quarter of a gibibyte for each of 256 would be 64 GiB; the grid stays within its gibibyte.
        let (down, across) = of(8192, 8192, 8192, 256);
        assert!(down * across > 1 && (down + across) as u64 * (256 << 20) <= COPIES, "{down} × {across}");
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let outputs = |lens: &[usize]| -> Vec<MatmulOutput> {
            lens.iter().map(|&len| MatmulOutput { c: Floats::F64(vec![0.0; len].into()) }).collect()
        };
        for lens in [&[][..], &[60_000], &[60_000, 59_999], &[60_000, 60_000, 1]] {
            let (shards, grid) = Matmul::split(params(300, 300, 400, true), 2).unwrap();
            assert_eq!(shards.len(), 2);
            assert!(matches!(Matmul::merge(grid, outputs(lens)), Err(KernelError::Failed { .. })), "{lens:?}");
        }
    }

    #[test]
    fn a_cancelled_job_multiplies_nothing() {
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(run::<Matmul>(params(100, 100, 100, true), &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    #[test]
    fn unusable_params_are_named() {
        let good = params(3, 4, 5, false);
        let shaped =
            |shape: &[usize]| Floats::F32(Array::from(vec![0.0; shape.iter().product()]).with_shape(shape.to_vec()));
        let cases = [
            ("m", MatmulParams { m: None, ..good.clone() }),
            ("k", MatmulParams { k: None, ..good.clone() }),
            ("n", MatmulParams { n: None, ..good.clone() }),
            ("a", MatmulParams { m: Some(4), ..good.clone() }),
            ("a", MatmulParams { k: Some(u32::MAX), ..good.clone() }),
            ("b", MatmulParams { n: Some(6), ..good.clone() }),
            ("b", MatmulParams { b: Floats::F64(vec![0.0; 20].into()), ..good.clone() }),
            ("n", MatmulParams { m: Some(u32::MAX), n: Some(u32::MAX), ..good.clone() }),
            ("strideA", MatmulParams { stride_a: Some(3), ..good.clone() }),
            ("strideB", MatmulParams { stride_b: Some(2), transpose_b: true, ..good.clone() }),
            ("a", MatmulParams { stride_a: Some(5), ..good.clone() }),
            ("b", MatmulParams { stride_b: Some(u32::MAX), ..good.clone() }),
            ("a", MatmulParams { a: shaped(&[3, 2, 2]), ..good.clone() }),
            ("b", MatmulParams { a: shaped(&[3, 4]), b: shaped(&[5, 4]), k: None, ..good.clone() }),
        ];
        for (name, params) in cases {
            match run::<Matmul>(params, &Job::detached()) {
                Err(KernelError::BadParams { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn any_shape_and_storage(
            m in 0_usize..140, k in 0_usize..600, n in 0_usize..70, double: bool,
            transpose: [bool; 2], gaps in [0_usize..4, 0_usize..4],
        ) {
            check(&stored(&params(m, k, n, double), transpose, gaps));
        }
    }
}
