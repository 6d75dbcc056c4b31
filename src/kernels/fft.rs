//! Discrete Fourier transforms of rows of numbers, or of a matrix in both directions.
//!
//! Definition and scaling are NumPy's: forward `X[k] = Σ x[j] e^(−2πi jk / n)`, inverse with a plus and divided by n. The
//! machinery is in `fourier.rs`; here are the params, and what becomes of an odd number of reals.

use super::floats::{Float, Floats};
use super::fourier::{Complex, Finish, Plan, at, in_pieces};
use super::fourier_real::nothing;
use super::radix::zeros;
use crate::array::owned;
use crate::parallel::{chunk, try_each_chunk};
use crate::shard::{self, Sharding};
use crate::{Array, Cancelled, Job, Kernel, KernelError, Shardable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Discrete Fourier transforms.
pub struct Fft;

/// Numbers, row by row, and how they are transformed.
///
/// Complex numbers are two floats each, the real part first. The transform of n real numbers is given by its first
/// `floor(n / 2) + 1` complex numbers; the others are their conjugates.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FftParams {
    /// The numbers.
    pub data: Floats,
    /// Numbers in a row (before an inverse transform of real ones: in a row of what comes out), 1 to 134217728. Unless told
    /// what the shape says, and all is one row when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1024)]
    pub length: Option<u32>,
    /// 1 transforms each row by itself, 2 the rows and then the columns.
    #[serde(default = "one")]
    pub dimensions: u32,
    /// Whether the numbers that are transformed (after an inverse transform: those that come out) are real.
    #[serde(default)]
    pub real: bool,
    /// Whether to transform back.
    #[serde(default)]
    pub inverse: bool,
}

fn one() -> u32 {
    1
}

/// The transformed numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FftOutput {
    /// Of the kind of floats that was given: `[rows, length, 2]`, of a forward transform of real numbers
    /// `[rows, floor(length / 2) + 1, 2]`, of an inverse one `[rows, length]`. What is not a number or infinite spreads.
    pub data: Floats,
}

/// The longest row.
const MAX_LENGTH: usize = 1 << 27;

impl Kernel for Fft {
    const NAME: &'static str = "fft";
    const ABOUT: &'static str = "Fourier transforms of rows or matrices of f32 or f64, complex or real, of any length.";
    type Params = FftParams;
    type Output = FftOutput;
    type Part = ();

    fn validate(p: &FftParams) -> Result<(), KernelError> {
        p.sides().map(|_| ())
    }

    fn run(p: FftParams, job: &Job) -> Result<FftOutput, KernelError> {
        let sides = p.sides()?;
        Ok(FftOutput {
            data: match p.data {
                Floats::F32(data) => transform(data, sides, job)?.into(),
                Floats::F64(data) => transform(data, sides, job)?.into(),
            },
        })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

/// What is to be done, in numbers.
#[derive(Debug, Clone, Copy)]
struct Sides {
    rows: usize,
    length: usize,
    is_matrix: bool,
    real: bool,
    inverse: bool,
}

impl Sides {
    /// Complex numbers that the transform of a row has.
    fn width(self) -> usize {
        if self.real { self.length / 2 + 1 } else { self.length }
    }

    /// Floats in a row before.
    fn floats_in(self) -> usize {
        if self.real && !self.inverse { self.length } else { 2 * self.width() }
    }

    /// Floats in a row after.
    fn floats_out(self) -> usize {
        if self.real && self.inverse { self.length } else { 2 * self.width() }
    }

    fn shape_out(self) -> Vec<usize> {
        if self.real && self.inverse { vec![self.rows, self.length] } else { vec![self.rows, self.width(), 2] }
    }
}

impl FftParams {
    fn sides(&self) -> Result<Sides, KernelError> {
        let is_matrix = match self.dimensions {
            1 => false,
            2 => true,
            other => return Err(KernelError::bad_params("dimensions", format!("must be 1 or 2, got {other}"))),
        };
        let given_real = self.real && !self.inverse;
        let len = self.data.len();
        // Numbers in a row, by the shape or, of one row, by the length.
        let in_row = match self.data.shape() {
            Some([.., row, 2]) if !given_real => *row,
            Some(shape) if !given_real && shape.len() > 1 => {
                let message = format!("complex numbers must have a shape that ends in 2, got {shape:?}");
                return Err(KernelError::bad_params("data", message));
            }
            Some([.., row]) if given_real => *row,
            _ if given_real => len,
            _ => len / 2,
        };
        let length = match self.length {
            Some(length) => length as usize,
            None if is_matrix && self.data.shape().is_none_or(|shape| shape.len() < 2) => {
                return Err(KernelError::bad_params("length", "is missing: `data` has no shape to take it from"));
            }
            // As NumPy has it: of two lengths that give as many, the even one.
            None if self.real && self.inverse => 2 * in_row.saturating_sub(1),
            None => in_row,
        };
        if !(1..=MAX_LENGTH).contains(&length) {
            return Err(KernelError::bad_params("length", format!("must be 1 to {MAX_LENGTH}, got {length}")));
        }
        let mut sides = Sides { rows: 0, length, is_matrix, real: self.real, inverse: self.inverse };
        let each = sides.floats_in();
        if !len.is_multiple_of(each) {
            let message = format!("must hold rows of {each} floats for a length of {length}, got {len} in all");
            return Err(KernelError::bad_params("data", message));
        }
        sides.rows = len / each;
        if is_matrix && sides.rows > MAX_LENGTH {
            let message = format!("must have at most {MAX_LENGTH} rows, got {}", sides.rows);
            return Err(KernelError::bad_params("data", message));
        }
        Ok(sides)
    }
}

fn transform<T: Float>(data: Array<T>, sides: Sides, job: &Job) -> Result<Array<T>, KernelError>
where
    Array<T>: Into<Floats>,
{
    let Sides { rows, length, is_matrix, real, inverse } = sides;
    let shape = sides.shape_out();
    job.will_return(rows * sides.floats_out() * size_of::<T>());
    if rows == 0 {
        return Ok(Array::from(Vec::new()).with_shape(shape));
    }
    let halves = real && length.is_multiple_of(2);
    let row_length = if halves { length / 2 } else { length };
    let width = sides.width();
    let columns = if is_matrix { Plan::<T>::units(rows, width) } else { 0 };
    job.set_total(Plan::<T>::units(row_length, rows) + columns);

    let plan = Plan::of(row_length, job)?;
    let by_rows = |data: Cow<[T]>, scale| plan.rows(data, Finish { inverse, scale }, job);
    let by_columns = |data: Vec<T>| -> Result<Vec<T>, KernelError> {
        if !is_matrix {
            return Ok(data);
        }
        let scale = if inverse { 1.0 / rows as f64 } else { 1.0 };
        Plan::columns(data, width, Finish { inverse, scale }, job)
    };
    // Rows that are not transformed first are not copied either.
    let columns_first = |data: Cow<'static, [T]>| -> Result<Cow<'static, [T]>, KernelError> {
        Ok(if is_matrix { by_columns(owned(data, job)?)?.into() } else { data })
    };
    let scale = if inverse { 1.0 / length as f64 } else { 1.0 };
    let data = data.into_cow();
    let data = match (real, inverse) {
        (false, _) => by_columns(by_rows(data, scale)?)?,
        (true, false) if halves => by_columns(plan.real_rows(data, Finish { inverse, scale }, job)?)?,
        (true, false) => by_columns(first_half(by_rows(with_zeros(data, job)?.into(), 1.0)?, length, job)?)?,
        (true, true) if halves => plan.real_rows(columns_first(data)?, Finish { inverse, scale }, job)?,
        (true, true) => real_parts(by_rows(whole(columns_first(data)?, length, job)?.into(), scale)?, job)?,
    };
    Ok(Array::from(data).with_shape(shape))
}

/// Reals as complex numbers.
fn with_zeros<T: Float>(data: Cow<[T]>, job: &Job) -> Result<Vec<T>, KernelError> {
    let mut out = zeros(2 * data.len(), job)?;
    try_each_chunk(&mut out, 1 << 16, |piece, to| {
        job.check()?;
        to.chunks_exact_mut(2).zip(chunk(&data, 1 << 15, piece)).for_each(|(to, &from)| to[0] = from);
        Ok::<_, Cancelled>(())
    })?;
    Ok(out)
}

/// The real parts of complex numbers.
fn real_parts<T: Float>(data: Vec<T>, job: &Job) -> Result<Vec<T>, KernelError> {
    let mut out = zeros(data.len() / 2, job)?;
    try_each_chunk(&mut out, 1 << 15, |piece, to| {
        job.check()?;
        chunk(&data, 1 << 16, piece).chunks_exact(2).zip(to).for_each(|(from, to)| *to = from[0]);
        Ok::<_, Cancelled>(())
    })?;
    Ok(out)
}

/// Of transforms of an odd number of reals, the part that is not conjugate to another.
fn first_half<T: Float>(data: Vec<T>, length: usize, job: &Job) -> Result<Vec<T>, KernelError> {
    let each = 2 * (length / 2 + 1);
    let mut out = zeros(data.len() / (2 * length) * each, job)?;
    try_each_chunk(&mut out, each, |row, to| {
        let from = chunk(&data, 2 * length, row);
        in_pieces(to, job, |k, _| {
            let Complex { re, im } = at(from, k);
            Complex { re, im: if k == 0 { nothing(im).tidy() } else { im } }
        })
    })?;
    Ok(out)
}

/// The reverse of [`first_half`].
fn whole<T: Float>(data: Cow<[T]>, length: usize, job: &Job) -> Result<Vec<T>, KernelError> {
    let each = 2 * (length / 2 + 1);
    let mut out: Vec<T> = zeros(data.len() / each * 2 * length, job)?;
    try_each_chunk(&mut out, 2 * length, |row, to| {
        let from = chunk(&data, each, row);
        in_pieces(to, job, |k, _| {
            let Complex { re, im } = at(from, k.min(length - k));
            let im = if k == 0 { T::default() } else { im };
            Complex { re, im: if k <= length / 2 { im } else { -im } }
        })
    })?;
    Ok(out)
}

/// The fewest floats that are worth a shard: some 0.2 ms of work.
const LEAST: usize = 1 << 15;

/// Ranges of rows. A matrix and a single row stay whole: each number of theirs counts for all.
impl Shardable for Fft {
    /// Floats of the output, and its shape.
    type Plan = (usize, Vec<usize>);

    fn split(p: FftParams, pieces: usize) -> Result<(Vec<FftParams>, Self::Plan), KernelError> {
        let sides = p.sides()?;
        let plan = (sides.rows * sides.floats_out(), sides.shape_out());
        let pieces = pieces.min(p.data.len() / LEAST).min(sides.rows);
        if sides.is_matrix || pieces < 2 {
            return Ok((vec![p], plan));
        }
        let shard = |data| FftParams {
            data,
            length: Some(sides.length as u32),
            dimensions: 1,
            real: sides.real,
            inverse: sides.inverse,
        };
        let start = |piece: usize| (sides.rows as u64 * piece as u64 / pieces as u64) as usize * sides.floats_in();
        let ranges = (0..pieces).map(|piece| start(piece)..start(piece + 1));
        let shards = match p.data {
            Floats::F32(mut data) => ranges.map(|range| shard(data.part(range).into())).collect(),
            Floats::F64(mut data) => ranges.map(|range| shard(data.part(range).into())).collect(),
        };
        Ok((shards, plan))
    }

    fn merge((len, shape): Self::Plan, outputs: Vec<FftOutput>) -> Result<FftOutput, KernelError> {
        fn join<T: Float>(
            arrays: Option<Vec<Array<T>>>,
            len: usize,
            shape: Vec<usize>,
        ) -> Result<FftOutput, KernelError>
        where
            Array<T>: Into<Floats>,
        {
            let arrays = arrays.ok_or_else(shard::strange_outputs)?;
            let data = shard::concat(arrays.into_iter(), len)?;
            Ok(FftOutput { data: Array::from(data).with_shape(shape).into() })
        }
        let is_single = matches!(outputs.first(), Some(FftOutput { data: Floats::F32(_) }));
        let outputs = outputs.into_iter().map(|output| output.data);
        if is_single {
            let arrays = outputs.map(|data| if let Floats::F32(data) = data { Some(data) } else { None });
            join(arrays.collect(), len, shape)
        } else {
            let arrays = outputs.map(|data| if let Floats::F64(data) = data { Some(data) } else { None });
            join(arrays.collect(), len, shape)
        }
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;
    use std::f64::consts::TAU;

    fn noise(len: usize, mut state: u64) -> Vec<f64> {
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
            })
            .collect()
    }

    fn floats(numbers: Vec<f64>, double: bool) -> Floats {
        if double {
            Floats::F64(numbers.into())
        } else {
            Floats::F32(numbers.into_iter().map(|x| x as f32).collect::<Vec<_>>().into())
        }
    }

    fn doubles(floats: &Floats) -> Vec<f64> {
        match floats {
            Floats::F32(array) => array.iter().map(|&x| f64::from(x)).collect(),
            Floats::F64(array) => array.to_vec(),
        }
    }

    fn params(data: Floats, length: usize) -> FftParams {
        FftParams { data, length: Some(length as u32), dimensions: 1, real: false, inverse: false }
    }

    fn fft(p: FftParams) -> Floats {
        let job = Job::detached();
        let sides = p.sides().unwrap();
        let output = run::<Fft>(p, &job).unwrap().data;
        assert_eq!(output.shape(), Some(&sides.shape_out()[..]));
        let (done, total) = job.progress();
        assert_eq!(done, total);
        output
    }

    /// The definition: sums of products, of complex numbers, by the angle of each.
    fn naive(row: &[f64], inverse: bool) -> Vec<f64> {
        let n = row.len() / 2;
        let sign = if inverse { 1.0 } else { -1.0 };
        let scale = if inverse { 1.0 / n as f64 } else { 1.0 };
        let mut out = Vec::new();
        for k in 0..n {
            let (mut re, mut im) = (0.0, 0.0);
            for j in 0..n {
                let (sine, cosine) = (sign * TAU * ((j * k % n) as f64 / n as f64)).sin_cos();
                let (a, b) = (row[2 * j], row[2 * j + 1]);
                re += a * cosine - b * sine;
                im += a * sine + b * cosine;
            }
            out.extend([re * scale, im * scale]);
        }
        out
    }

    /// Root of the mean square of the difference, by that of what is expected.
    fn error(got: &[f64], expected: &[f64]) -> f64 {
        assert_eq!(got.len(), expected.len());
        let square = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>();
        let whole = square(&mut expected.iter().copied());
        (square(&mut got.iter().zip(expected).map(|(a, b)| a - b)) / whole.max(f64::MIN_POSITIVE)).sqrt()
    }

    fn limit(double: bool) -> f64 {
        if double { 2e-15 } else { 8e-7 }
    }

    fn check_rows(length: usize, rows: usize, double: bool) {
        // Of so many products the definition's own sums are not better.
        let limit = if length > 2000 { 5.0 * limit(double) } else { limit(double) };
        let data = floats(noise(2 * length * rows, 7 + length as u64), double);
        let given = doubles(&data);
        for inverse in [false, true] {
            let output = doubles(&fft(FftParams { inverse, ..params(data.clone(), length) }));
            let expected: Vec<f64> = given.chunks(2 * length).flat_map(|row| naive(row, inverse)).collect();
            let error = error(&output, &expected);
            assert!(error < limit, "{rows} × {length}, inverse {inverse}: {error:e}");
        }
    }

    #[test]
    fn equals_the_definition_at_every_small_length() {
        for double in [false, true] {
            for length in 1..=70 {
                check_rows(length, 1 + length % 7, double);
            }
            for length in [77, 88, 91, 97, 121, 127, 128, 143, 169, 210, 256, 360, 384, 500, 512, 729, 1001, 1024, 1155]
            {
                check_rows(length, 2, double);
            }
        }
    }

    #[test]
    fn equals_the_definition_at_long_lengths_of_each_method() {
        // Direct, by four steps of like and unlike sides, a prime, and twice one.
        for length in [2048, 4096, 4098, 4158, 6561, 4099, 4106] {
            check_rows(length, 1, true);
        }
        check_rows(8192, 1, false);
    }

    #[test]
    fn long_rows_of_f32_are_those_of_f64() {
        // Alone; by four steps, with lanes left over of the columns, of the rows, of both and of none; there and back.
        for length in [9216, 10_500, 1 << 16, 4158, 4225, 6250, 6561, 1 << 17] {
            let data = floats(noise(2 * length * 2, 31), false);
            for inverse in [false, true] {
                let single = fft(FftParams { inverse, ..params(data.clone(), length) });
                let double = fft(FftParams { inverse, ..params(floats(doubles(&data), true), length) });
                let difference = error(&doubles(&single), &doubles(&double));
                assert!(difference < limit(false), "{length}, inverse {inverse}: {difference:e}");
            }
        }
    }

    #[test]
    fn real_numbers_are_complex_ones_without_imaginary_part() {
        for double in [false, true] {
            // Halves of each method, of which the pairs come out even in vectors or do not.
            let long = [4096, 4097, 4106, 5000, 8316, 10_007, 16_384, 1 << 18];
            for length in (1..=40).chain([64, 81, 97, 100, 127, 128, 132, 140, 255, 256]).chain(long) {
                let rows = 3;
                let data = noise(length * rows, 3 + length as u64);
                let complex = floats(data.iter().flat_map(|&x| [x, 0.0]).collect(), double);
                let expected = doubles(&fft(params(complex, length)));
                let half = length / 2 + 1;
                let expected: Vec<f64> =
                    expected.chunks(2 * length).flat_map(|row| row[..2 * half].iter().copied()).collect();
                let data = floats(data, double);
                let forward = fft(FftParams { real: true, ..params(data.clone(), length) });
                let difference = error(&doubles(&forward), &expected);
                assert!(difference < limit(double), "{length}: {difference:e}");
                for row in doubles(&forward).chunks(2 * half) {
                    assert_eq!(row[1].to_bits(), 0, "the sum of {length} is real");
                }
                let back = fft(FftParams { real: true, inverse: true, ..params(forward, length) });
                let difference = error(&doubles(&back), &doubles(&data));
                assert!(difference < limit(double), "{length} and back: {difference:e}");
            }
        }
    }

    #[test]
    fn an_inverse_to_real_numbers_does_not_look_at_what_must_be_zero() {
        for length in [7, 8] {
            let half = length / 2 + 1;
            let mut data = noise(2 * half, 5);
            data[1] = 0.0;
            if length % 2 == 0 {
                data[2 * half - 1] = 0.0;
            }
            let p = |data| FftParams { real: true, inverse: true, ..params(floats(data, true), length) };
            let expected = fft(p(data.clone()));
            data[1] = 5.0;
            if length % 2 == 0 {
                data[2 * half - 1] = -3.0;
            }
            assert_eq!(fft(p(data)), expected);
        }
    }

    #[test]
    fn a_matrix_is_transformed_in_rows_and_in_columns() {
        for double in [false, true] {
            for (rows, length) in
                [(1, 1), (1, 8), (8, 1), (4, 4), (3, 5), (16, 17), (17, 16), (30, 70), (97, 12), (4099, 3)]
            {
                let data = floats(noise(2 * rows * length, 11), double);
                for inverse in [false, true] {
                    let across = doubles(&fft(FftParams { inverse, ..params(data.clone(), length) }));
                    let mut expected = across.clone();
                    for column in 0..length {
                        let at = |row: usize| 2 * (row * length + column);
                        let numbers = (0..rows).flat_map(|row| [across[at(row)], across[at(row) + 1]]).collect();
                        let down = doubles(&fft(FftParams { inverse, ..params(floats(numbers, true), rows) }));
                        for row in 0..rows {
                            expected[at(row)..at(row) + 2].copy_from_slice(&down[2 * row..2 * row + 2]);
                        }
                    }
                    let p = FftParams { dimensions: 2, inverse, ..params(data.clone(), length) };
                    let difference = error(&doubles(&fft(p)), &expected);
                    assert!(difference < limit(double), "{rows}×{length}, {inverse}: {difference:e}");
                }
            }
        }
    }

    #[test]
    fn a_matrix_of_real_numbers_comes_back() {
        for (rows, length) in [(1, 1), (5, 8), (8, 5), (31, 64), (40, 37)] {
            let data = noise(rows * length, 13);
            let complex = floats(data.iter().flat_map(|&x| [x, 0.0]).collect(), true);
            let expected = doubles(&fft(FftParams { dimensions: 2, ..params(complex, length) }));
            let half = length / 2 + 1;
            let expected: Vec<f64> =
                expected.chunks(2 * length).flat_map(|row| row[..2 * half].iter().copied()).collect();
            let p = FftParams { dimensions: 2, real: true, ..params(floats(data.clone(), true), length) };
            let forward = fft(p);
            assert!(error(&doubles(&forward), &expected) < 2e-15, "{rows}×{length}");
            let back = fft(FftParams { dimensions: 2, real: true, inverse: true, ..params(forward, length) });
            assert!(error(&doubles(&back), &data) < 2e-15, "{rows}×{length} and back");
        }
    }

    #[test]
    fn single_frequencies_become_single_numbers() {
        for length in [12, 1000, 1 << 14, 100_003] {
            for frequency in [0, 1, length / 3] {
                let wave = |j: usize| {
                    let (sine, cosine) = (TAU * ((j * frequency % length) as f64 / length as f64)).sin_cos();
                    [cosine, sine]
                };
                let output = doubles(&fft(params(floats((0..length).flat_map(wave).collect(), true), length)));
                let mut expected = vec![0.0; 2 * length];
                expected[2 * frequency] = length as f64;
                assert!(error(&output, &expected) < 2e-15, "{frequency} of {length}");
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_those_beside() {
        for length in [1, 9, 64, 67, 132, 4097 * 2, 8192] {
            for real in [false, true] {
                let p = |data: &[f64]| FftParams { real, ..params(floats(data.to_vec(), false), length) };
                let each = if real { length } else { 2 * length };
                let data = noise(each * 6, 17);
                let together = doubles(&fft(p(&data)));
                let alone: Vec<f64> = data.chunks(each).flat_map(|row| doubles(&fft(p(row)))).collect();
                assert!(together == alone, "{length}, real {real}");
            }
        }
    }

    fn bits(floats: &Floats) -> Vec<u64> {
        doubles(floats).into_iter().map(f64::to_bits).collect()
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        for (length, rows, dimensions, real) in [
            (1 << 14, 1, 1, false),
            (1 << 17, 1, 1, false),
            (1 << 18, 1, 1, true),
            (10_007, 2, 1, false),
            (100, 77, 2, false),
            (64, 300, 1, false),
            (64, 300, 1, true),
        ] {
            let p = FftParams { dimensions, real, ..params(floats(noise(2 * length * rows, 19), false), length) };
            let expected = bits(&fft(p.clone()));
            for threads in [1, 2, 3, 4, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert!(pool.install(|| bits(&fft(p.clone()))) == expected, "{length} on {threads} threads");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_spreads_and_has_one_pattern() {
        for length in [3, 8, 12, 17, 68, 8192, 1 << 17] {
            for odd in [f64::from_bits(0xFFF8_0000_0000_0001), f64::INFINITY] {
                for real in [false, true] {
                    let mut data = noise(2 * length, 23);
                    data[3] = odd;
                    let output = doubles(&fft(FftParams { real, ..params(floats(data, true), length) }));
                    assert!(output.iter().filter(|x| !x.is_finite()).count() > 1, "{length}");
                    assert!(odd == f64::INFINITY || output.iter().any(|x| x.is_nan()), "{length}");
                    assert!(
                        output.iter().filter(|x| x.is_nan()).all(|x| x.to_bits() == f64::NAN.to_bits()),
                        "{length}"
                    );
                }
            }
        }
    }

    #[test]
    fn shards_make_the_whole() {
        assert_eq!(check_shards::<Fft>(&params(floats(noise(2000, 1), true), 10)), 1, "too little to pay");
        assert_eq!(check_shards::<Fft>(&params(floats(noise(1 << 17, 1), true), 1 << 16)), 1, "a row stays whole");
        assert_eq!(check_shards::<Fft>(&params(floats(noise(300_000, 1), true), 1000)), 9);
        assert_eq!(check_shards::<Fft>(&params(floats(noise(2 * 3 * 17_011, 1), false), 17_011)), 3);
        let real = FftParams { real: true, ..params(floats(noise(101 * 2000, 1), false), 101) };
        assert_eq!(check_shards::<Fft>(&real), 6);
        let back = FftParams { inverse: true, ..FftParams { data: fft(real.clone()), ..real } };
        assert_eq!(check_shards::<Fft>(&back), 6);
        let matrix = FftParams { dimensions: 2, ..params(floats(noise(300_000, 1), true), 500) };
        assert_eq!(check_shards::<Fft>(&matrix), 1, "a matrix stays whole");
        assert_eq!(check_shards::<Fft>(&params(floats(vec![], false), 500)), 1);
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let p = params(floats(noise(300_000, 1), true), 1000);
        let output = |len, double| FftOutput { data: floats(vec![0.0; len], double) };
        for outputs in
            [vec![], vec![output(300_000, true), output(1, true)], vec![output(150_000, true), output(150_000, false)]]
        {
            let (_, plan) = Fft::split(p.clone(), 2).unwrap();
            assert!(matches!(Fft::merge(plan, outputs), Err(KernelError::Failed { .. })));
        }
    }

    #[test]
    fn lengths_come_from_shapes() {
        let shaped = |shape: &[usize]| {
            let numbers: usize = shape.iter().product();
            Floats::F64(Array::from(noise(numbers, 1)).with_shape(shape.to_vec()))
        };
        let bare = |data| FftParams { length: None, ..params(data, 1) };
        let shape = |p| run::<Fft>(p, &Job::detached()).unwrap().data.shape().unwrap().to_vec();
        assert_eq!(shape(bare(shaped(&[3, 5, 2]))), [3, 5, 2]);
        assert_eq!(shape(bare(floats(noise(10, 1), true))), [1, 5, 2]);
        assert_eq!(shape(FftParams { real: true, ..bare(shaped(&[3, 5])) }), [3, 3, 2]);
        assert_eq!(shape(FftParams { real: true, dimensions: 2, ..bare(shaped(&[4, 6])) }), [4, 4, 2]);
        assert_eq!(shape(FftParams { real: true, inverse: true, ..bare(shaped(&[3, 5, 2])) }), [3, 8]);
        assert_eq!(shape(params(floats(vec![], true), 7)), [0, 7, 2]);
    }

    #[test]
    fn a_cancelled_job_transforms_nothing() {
        for length in [1 << 10, 1 << 15, 1 << 17, 10_007] {
            let job = Job::detached();
            job.control().request_cancel();
            let p = params(floats(noise(2 * length, 1), true), length);
            assert_eq!(run::<Fft>(p, &job), Err(KernelError::Cancelled));
            assert_eq!(job.progress().0, 0);
        }
    }

    #[test]
    fn unusable_params_are_named() {
        let good = params(floats(noise(40, 1), true), 10);
        let shaped = Floats::F64(Array::from(noise(12, 1)).with_shape([4, 3]));
        let cases = [
            ("dimensions", FftParams { dimensions: 3, ..good.clone() }),
            ("dimensions", FftParams { dimensions: 0, ..good.clone() }),
            ("length", FftParams { length: Some(0), ..good.clone() }),
            ("length", FftParams { length: Some(u32::MAX), ..good.clone() }),
            ("length", FftParams { length: None, dimensions: 2, ..good.clone() }),
            ("length", FftParams { length: None, data: floats(vec![], true), ..good.clone() }),
            ("data", FftParams { length: Some(7), ..good.clone() }),
            ("data", FftParams { data: shaped, length: None, ..good.clone() }),
        ];
        for (name, params) in cases {
            match run::<Fft>(params, &Job::detached()) {
                Err(KernelError::BadParams { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn there_and_back(length in 1_usize..3000, rows in 1_usize..6, double: bool, real: bool, dimensions in 1_u32..3) {
            let data = floats(noise(length * rows * if real { 1 } else { 2 }, 29), double);
            let forward = FftParams { real, dimensions, ..params(data.clone(), length) };
            let back = FftParams { inverse: true, data: fft(forward.clone()), ..forward };
            let difference = error(&doubles(&fft(back)), &doubles(&data));
            prop_assert!(difference < 2.0 * limit(double), "{length}: {difference:e}");
        }
    }
}
