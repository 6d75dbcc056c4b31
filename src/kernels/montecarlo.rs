//! Prices of options by simulation: paths of a geometric Brownian motion under the risk-neutral measure.
//! (P. P. Boyle, Journal of Financial Economics 4, 1977; P. Glasserman, Monte Carlo Methods in Financial Engineering, 2003.)
//!
//! Every path draws from its own place of one stream, and payoffs are added up in blocks of a fixed number of paths, in order: the
//! price is the same bits on any number of threads, shards and instruction sets. That takes an exponential and a normal
//! distribution of our own as well, because those of the platforms differ in the last bit.

use super::random::Random;
use crate::parallel::try_map;
use crate::shard::{self, Sharding};
use crate::{Array, Cancelled, Job, Kernel, KernelError, Shardable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Prices of options by simulation.
pub struct Montecarlo;

/// The option, the market, and how much to simulate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MontecarloParams {
    /// What the option gives a right to: to buy (`call`) or to sell (`put`).
    pub option: OptionKind,
    /// At which price: that at the end (`european`), or the mean over `steps` dates (`asian`).
    #[serde(default)]
    pub style: OptionStyle,
    /// The price of the underlying now, above 0.
    #[schemars(example = 100)]
    pub spot: f64,
    /// The price at which the option buys or sells, 0 or more.
    #[schemars(example = 105)]
    pub strike: f64,
    /// Years until it ends, above 0.
    #[schemars(example = 1)]
    pub years: f64,
    /// Interest a year, compounded continuously: 0.05 is 5 %.
    #[schemars(example = 0.05)]
    pub rate: f64,
    /// Dividends a year, likewise. 0 unless told.
    #[serde(default)]
    pub dividend: f64,
    /// The standard deviation of the logarithm of the price over a year, 0 or more.
    #[schemars(example = 0.2)]
    pub volatility: f64,
    /// Dates of an Asian option, equally apart, the last at the end: 1 to 100000. 12 unless told. A European one has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// How many paths to simulate, 2 to 2³⁴. Each is walked a second time as its mirror image (antithetic), and the mean of both
    /// is one sample.
    #[schemars(example = 1_000_000)]
    pub paths: u64,
    /// What the paths are drawn from: the same seed gives the same price. 0 unless told.
    #[serde(default)]
    pub seed: u64,
    /// For simulations that are made in several places: the blocks of 4096 paths to simulate here. `sums` is wanted then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<PathBlocks>,
}

/// A right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OptionKind {
    /// To buy.
    Call,
    /// To sell.
    Put,
}

/// A price that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OptionStyle {
    /// That at the end.
    #[default]
    European,
    /// The arithmetic mean over the dates.
    Asian,
}

/// A run of blocks of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathBlocks {
    /// The first, from 0.
    pub first: u32,
    /// How many, 1 or more.
    pub count: u32,
}

/// The price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MontecarloOutput {
    /// The mean of the payoffs, discounted.
    pub price: f64,
    /// Its standard error: two times out of three the true price is within so much of it.
    pub standard_error: f64,
    /// Paths that were simulated.
    pub paths: u64,
    /// With `blocks`: of each block the sum of the discounted payoffs and that of their squares, from which prices are merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<Array<f64>>,
}

/// Paths of a block.
const BLOCK: u64 = 1 << 12;
/// Paths that are walked together.
const LANES: usize = 8;
/// The most paths.
const MAX_PATHS: u64 = 1 << 34;
/// The most dates.
const MAX_STEPS: u32 = 100_000;
/// Steps of a lane between two looks at the job: some 50 µs.
const SLICE: usize = 1 << 9;

impl Kernel for Montecarlo {
    const NAME: &'static str = "montecarlo";
    const ABOUT: &'static str = "Prices European and Asian options by simulation, with reproducible streams.";
    type Params = MontecarloParams;
    type Output = MontecarloOutput;
    type Part = ();

    fn validate(p: &MontecarloParams) -> Result<(), KernelError> {
        let refused = |field: &str, message: String| Err(KernelError::bad_params(field, message));
        for (field, value) in [("spot", p.spot), ("years", p.years)] {
            if !(value > 0.0 && value.is_finite()) {
                return refused(field, format!("must be a finite number above 0, got {value}"));
            }
        }
        for (field, value) in [("strike", p.strike), ("volatility", p.volatility)] {
            if !(value >= 0.0 && value.is_finite()) {
                return refused(field, format!("must be a finite number, 0 or more, got {value}"));
            }
        }
        for (field, value) in [("rate", p.rate), ("dividend", p.dividend)] {
            if !value.is_finite() {
                return refused(field, format!("must be a finite number, got {value}"));
            }
        }
        // What f64 holds with room for any path: e³⁰⁰ is 10¹³⁰.
        let spread = (p.rate.abs() + p.dividend.abs() + p.volatility * p.volatility) * p.years;
        if spread > 300.0 {
            let message = format!("(rate + dividend + volatility²) × years must be at most 300, got {spread}");
            return refused("years", message);
        }
        match p.steps {
            Some(steps) if !(1..=MAX_STEPS).contains(&steps) => {
                return refused("steps", format!("must be 1 to {MAX_STEPS}, got {steps}"));
            }
            Some(steps) if steps > 1 && p.style == OptionStyle::European => {
                return refused("steps", format!("a european option has one date, got {steps}"));
            }
            _ => {}
        }
        if !(2..=MAX_PATHS).contains(&p.paths) {
            return refused("paths", format!("must be 2 to {MAX_PATHS}, got {}", p.paths));
        }
        let Some(blocks) = p.blocks else { return Ok(()) };
        let all = p.all_blocks();
        if blocks.first >= all {
            return refused(
                "blocks.first",
                format!("must be below the {all} blocks of all paths, got {}", blocks.first),
            );
        }
        let most = all - blocks.first;
        if blocks.count == 0 || blocks.count > most {
            return refused("blocks.count", format!("must be 1 to {most} from {}, got {}", blocks.first, blocks.count));
        }
        Ok(())
    }

    fn run(p: MontecarloParams, job: &Job) -> Result<MontecarloOutput, KernelError> {
        let blocks = p.range();
        let paths = |block: u32| BLOCK.min(p.paths - u64::from(block) * BLOCK);
        job.set_total(blocks.clone().map(paths).sum());
        let walk = Walk::of(&p);
        let sums = try_map(blocks.len(), |number| {
            let block = blocks.start + number as u32;
            let sums = walk.block(u64::from(block) * BLOCK, paths(block) as usize, job)?;
            job.advance(paths(block));
            Ok::<_, Cancelled>(sums)
        })?;
        Ok(p.output(sums))
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::of::<Self>())
    }
}

/// Runs of blocks.
impl Shardable for Montecarlo {
    /// The whole job, and the blocks of each shard; `None` when there is one.
    type Plan = Option<(MontecarloParams, Vec<u32>)>;

    fn split(p: MontecarloParams, pieces: usize) -> Result<(Vec<MontecarloParams>, Self::Plan), KernelError> {
        let range = p.range();
        let pieces = (pieces as u64).min(range.len() as u64);
        if pieces < 2 {
            return Ok((vec![p], None));
        }
        let start = |piece: u64| range.start + (piece * range.len() as u64 / pieces) as u32;
        let blocks =
            (0..pieces).map(|piece| PathBlocks { first: start(piece), count: start(piece + 1) - start(piece) });
        let shards: Vec<_> = blocks.map(|blocks| MontecarloParams { blocks: Some(blocks), ..p.clone() }).collect();
        let counts = shards.iter().map(|shard| shard.range().len() as u32).collect();
        Ok((shards, Some((p, counts))))
    }

    fn merge(plan: Self::Plan, outputs: Vec<MontecarloOutput>) -> Result<MontecarloOutput, KernelError> {
        let Some((p, counts)) = plan else { return shard::only(outputs) };
        let mut sums = Vec::new();
        for (output, count) in outputs.iter().zip(counts) {
            let these = output.sums.as_deref().unwrap_or_default().as_chunks::<2>();
            if these.0.len() != count as usize || !these.1.is_empty() {
                return Err(shard::strange_outputs());
            }
            sums.extend_from_slice(these.0);
        }
        if sums.len() != p.range().len() {
            return Err(shard::strange_outputs());
        }
        Ok(p.output(sums))
    }
}

impl MontecarloParams {
    fn all_blocks(&self) -> u32 {
        self.paths.div_ceil(BLOCK) as u32
    }

    /// The blocks to simulate.
    fn range(&self) -> std::ops::Range<u32> {
        self.blocks.map_or(0..self.all_blocks(), |blocks| blocks.first..blocks.first + blocks.count)
    }

    /// What the sums of the blocks come to.
    fn output(&self, sums: Vec<[f64; 2]>) -> MontecarloOutput {
        let range = self.range();
        let paths = self.paths.min(u64::from(range.end) * BLOCK) - u64::from(range.start) * BLOCK;
        let [sum, squares] = sums.iter().fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d]);
        let count = paths as f64;
        let price = sum / count;
        // Rounding may leave a little less than nothing.
        let variance = ((squares - sum * price) / (count - 1.0)).max(0.0);
        let standard_error = if paths > 1 { (variance / count).sqrt() } else { 0.0 };
        let sums = self.blocks.map(|_| Array::from(sums.into_flattened()));
        MontecarloOutput { price, standard_error, paths, sums }
    }
}

/// How paths go.
struct Walk {
    stream: Random,
    steps: usize,
    /// Of the logarithm of the price, a step: what is certain, and what goes with the normal number.
    drift: f64,
    spread: f64,
    spot: f64,
    strike: f64,
    /// 1 of a call, −1 of a put.
    sign: f64,
    discount: f64,
}

impl Walk {
    fn of(p: &MontecarloParams) -> Self {
        let steps = match p.style {
            OptionStyle::European => 1,
            OptionStyle::Asian => p.steps.unwrap_or(12),
        };
        let years = p.years / f64::from(steps);
        Self {
            stream: Random::of(p.seed),
            steps: steps as usize,
            drift: (p.rate - p.dividend - p.volatility * p.volatility / 2.0) * years,
            spread: p.volatility * years.sqrt(),
            spot: p.spot,
            strike: p.strike,
            sign: if p.option == OptionKind::Call { 1.0 } else { -1.0 },
            discount: libm::exp(-p.rate * p.years),
        }
    }

    /// The sum of the samples of some paths, and that of their squares.
    fn block(&self, first: u64, count: usize, job: &Job) -> Result<[f64; 2], Cancelled> {
        let mut sums = [0.0; 2];
        let mut stepped = 0;
        job.check()?;
        for group in (0..count).step_by(LANES) {
            // Lanes behind the last path walk too, and are not counted.
            let mut streams: [Random; LANES] =
                std::array::from_fn(|lane| self.stream.at((first + (group + lane) as u64) * self.steps as u64));
            let [mut up, mut down] = [[self.spot; LANES]; 2];
            let [mut ups, mut downs] = [[0.0; LANES]; 2];
            for _ in 0..self.steps {
                stepped += 1;
                if stepped == SLICE {
                    stepped = 0;
                    job.check()?;
                }
                let z = normals(streams.each_mut().map(Random::unit));
                let more = exponentials(z.map(|z| self.drift + self.spread * z));
                let less = exponentials(z.map(|z| self.drift - self.spread * z));
                for lane in 0..LANES {
                    up[lane] *= more[lane];
                    down[lane] *= less[lane];
                    ups[lane] += up[lane];
                    downs[lane] += down[lane];
                }
            }
            let steps = self.steps as f64;
            for (up, down) in ups.into_iter().zip(downs).take(count - group) {
                let payoff = |sum: f64| (self.sign * (sum / steps - self.strike)).max(0.0);
                let sample = self.discount * (0.5 * (payoff(up) + payoff(down)));
                sums = [sums[0] + sample, sums[1] + sample * sample];
            }
        }
        Ok(sums)
    }
}

/// Standard normal numbers from ones of the interval from 0 to 1: the inverse of the distribution, to some 1e-16.
/// (M. J. Wichura, Algorithm AS 241, Applied Statistics 37, 1988.)
#[inline(always)]
fn normals(units: [f64; LANES]) -> [f64; LANES] {
    let central = units.map(|unit| {
        let q = unit - 0.5;
        let r = 0.180_625 - q * q;
        q * ratio(&CENTRAL, r)
    });
    let mut normals = central;
    for (normal, unit) in normals.iter_mut().zip(units) {
        // One of seven.
        if (unit - 0.5).abs() > 0.425 {
            *normal = tail(unit);
        }
    }
    normals
}

/// A normal number far from the middle.
fn tail(unit: f64) -> f64 {
    let r = (-libm::log(unit.min(1.0 - unit))).sqrt();
    let normal = if r <= 5.0 { ratio(&NEAR, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    if unit < 0.5 { -normal } else { normal }
}

/// The quotient of two polynomials, the constants first; that of the second is 1.
#[inline(always)]
fn ratio([above, below]: &[[f64; 8]; 2], x: f64) -> f64 {
    let polynomial = |c: &[f64; 8]| c[..7].iter().rev().fold(c[7], |value, c| value * x + c);
    polynomial(above) / polynomial(below)
}

const CENTRAL: [[f64; 8]; 2] = [
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
];

const NEAR: [[f64; 8]; 2] = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        0.000_774_545_014_278_341_4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        0.000_547_593_808_499_534_5,
        1.050_750_071_644_416_9e-09,
    ],
];

const FAR: [[f64; 8]; 2] = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-05,
        2.010_334_399_292_288_1e-07,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        0.000_786_869_131_145_613_3,
        1.846_318_317_510_054_8e-05,
        1.421_511_758_316_446e-07,
        2.044_263_103_389_939_7e-15,
    ],
];

/// Exponentials, to some two units of the last place, of numbers that are held to ±700: by the nearest power of two, and Taylor's
/// series of what is left, at most half of ln 2. Without branches, so that lanes go together.
#[inline(always)]
fn exponentials(x: [f64; LANES]) -> [f64; LANES] {
    /// ln 2 in two parts, the first of which can be multiplied by a whole number without rounding.
    const LN2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
    /// 1.5 × 2⁵²: added, it leaves the nearest whole number in the last bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    x.map(|x| {
        let x = x.clamp(-700.0, 700.0);
        let shifted = x * std::f64::consts::LOG2_E + ROUND;
        let whole = shifted - ROUND;
        let r = (x - whole * LN2[0]) - whole * LN2[1];
        let series = TAYLOR.iter().rev().fold(1.0 / 6_227_020_800.0, |sum, c| sum * r + c);
        let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
        series * power
    })
}

/// 1/n! up to n = 12; 1/13! is where it begins.
const TAYLOR: [f64; 13] = [
    1.0,
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
];

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::check_shards;
    use proptest::prelude::*;

    fn params(option: OptionKind, style: OptionStyle, paths: u64) -> MontecarloParams {
        MontecarloParams {
            option,
            style,
            spot: 100.0,
            strike: 105.0,
            years: 1.5,
            rate: 0.04,
            dividend: 0.01,
            volatility: 0.25,
            steps: None,
            paths,
            seed: 7,
            blocks: None,
        }
    }

    fn priced(p: MontecarloParams) -> MontecarloOutput {
        let job = Job::detached();
        let output = run::<Montecarlo>(p, &job).unwrap();
        let (done, total) = job.progress();
        assert_eq!((done, total), (output.paths, output.paths));
        output
    }

    /// The distribution function of the normal distribution.
    fn normal(x: f64) -> f64 {
        libm::erfc(-x / 2_f64.sqrt()) / 2.0
    }

    /// F. Black and M. Scholes, Journal of Political Economy 81, 1973; dividends as of R. C. Merton.
    fn black_scholes(p: &MontecarloParams) -> f64 {
        let deviation = p.volatility * p.years.sqrt();
        let d1 = ((p.spot / p.strike).ln() + (p.rate - p.dividend) * p.years) / deviation + deviation / 2.0;
        let sign = if p.option == OptionKind::Call { 1.0 } else { -1.0 };
        let [spot, strike] = [p.spot * (-p.dividend * p.years).exp(), p.strike * (-p.rate * p.years).exp()];
        sign * (spot * normal(sign * d1) - strike * normal(sign * (d1 - deviation)))
    }

    #[test]
    fn european_prices_are_those_of_the_formula() {
        for option in [OptionKind::Call, OptionKind::Put] {
            for (strike, volatility) in [(105.0, 0.25), (80.0, 0.1), (150.0, 0.6)] {
                let p = MontecarloParams { strike, volatility, ..params(option, OptionStyle::European, 300_000) };
                let found = priced(p.clone());
                let expected = black_scholes(&p);
                let off = (found.price - expected) / found.standard_error;
                assert!(off.abs() < 4.0, "{} for {expected}: off by {off}", found.price);
                assert!(found.standard_error < 0.01 * expected.max(1.0));
            }
        }
    }

    #[test]
    fn asian_prices_have_the_mean_and_the_parity_that_they_must() {
        let p = MontecarloParams { steps: Some(25), ..params(OptionKind::Call, OptionStyle::Asian, 200_000) };
        let call = priced(p.clone());
        let put = priced(MontecarloParams { option: OptionKind::Put, ..p.clone() });
        // Call less put is what the mean price is expected to be, less the strike, discounted; the expectation has a formula.
        let dates = (1..=25).map(|date| (f64::from(date) / 25.0 * p.years * (p.rate - p.dividend)).exp());
        let forward = p.spot * dates.sum::<f64>() / 25.0;
        let expected = (forward - p.strike) * (-p.rate * p.years).exp();
        let error = call.standard_error + put.standard_error;
        assert!((call.price - put.price - expected).abs() < 4.0 * error, "{} for {expected}", call.price - put.price);
        // A mean moves less than its last price.
        assert!(call.price < priced(params(OptionKind::Call, OptionStyle::European, 200_000)).price - 1.0);
        // Of one date it is that price.
        let one = priced(MontecarloParams { steps: Some(1), ..params(OptionKind::Call, OptionStyle::Asian, 10_000) });
        assert_eq!(one, priced(params(OptionKind::Call, OptionStyle::European, 10_000)));
    }

    #[test]
    fn what_is_certain_has_no_error() {
        let p =
            MontecarloParams { volatility: 0.0, strike: 90.0, ..params(OptionKind::Call, OptionStyle::European, 5000) };
        let found = priced(p.clone());
        let expected = p.spot * (-p.dividend * p.years).exp() - p.strike * (-p.rate * p.years).exp();
        assert!((found.price - expected.max(0.0)).abs() < 1e-9);
        assert!(found.standard_error < 1e-7);
        let worthless = priced(MontecarloParams { strike: 1e9, ..p });
        assert_eq!((worthless.price, worthless.standard_error), (0.0, 0.0));
    }

    #[test]
    fn the_error_falls_with_the_root_of_the_paths() {
        let [few, many] =
            [4000, 400_000].map(|paths| priced(params(OptionKind::Put, OptionStyle::Asian, paths)).standard_error);
        assert!((few / many - 10.0).abs() < 1.0, "{few} and {many}");
    }

    #[test]
    fn exponentials_are_right_to_the_last_places() {
        for i in -7000..=7000 {
            let x = f64::from(i) / 10.0 + 1e-3;
            let found = exponentials([x; LANES])[3];
            let expected = libm::exp(x.clamp(-700.0, 700.0));
            assert!((found - expected).abs() <= 5e-16 * expected, "e^{x}: {found} for {expected}");
        }
        assert_eq!(exponentials([0.0; LANES]), [1.0; LANES]);
    }

    #[test]
    fn normal_numbers_are_the_inverse_of_the_distribution() {
        for i in 1..2000 {
            let unit = f64::from(i) / 2000.0;
            let z = normals([unit; LANES])[5];
            assert!((normal(z) - unit).abs() < 1e-14, "{unit}: {z}");
        }
        // Far out, where the distribution is known by its logarithm's size alone: published quantiles.
        for (unit, expected) in
            [(1e-3, -3.090_232_306_167_813), (1e-10, -6.361_340_902_404_056), (1e-15, -7.941_345_326_170_998)]
        {
            let z = normals([unit; LANES])[0];
            assert!((z - expected).abs() < 1e-12, "{unit}: {z}");
        }
        assert_eq!(normals([0.5; LANES]), [0.0; LANES]);
    }

    #[test]
    fn shards_make_the_whole_on_any_number_of_threads() {
        for (style, paths, shards) in [
            (OptionStyle::European, 2, 1),
            (OptionStyle::European, BLOCK, 1),
            (OptionStyle::European, 20 * BLOCK + 1, 21),
            (OptionStyle::Asian, 3 * BLOCK - 5, 3),
        ] {
            let p = params(OptionKind::Call, style, paths);
            assert_eq!(check_shards::<Montecarlo>(&p), shards);
            let found = priced(p.clone());
            for threads in [1, 3, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(pool.install(|| priced(p.clone())), found, "{threads} threads");
            }
        }
        // A piece divides into pieces.
        let p = MontecarloParams {
            blocks: Some(PathBlocks { first: 3, count: 9 }),
            ..params(OptionKind::Put, OptionStyle::European, 20 * BLOCK + 1)
        };
        assert_eq!(check_shards::<Montecarlo>(&p), 9);
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let p = params(OptionKind::Call, OptionStyle::European, 4 * BLOCK);
        for outputs in [vec![], vec![priced(p.clone()), priced(p.clone())]] {
            let (_, plan) = Montecarlo::split(p.clone(), 2).unwrap();
            assert!(matches!(Montecarlo::merge(plan, outputs), Err(KernelError::Failed { .. })));
        }
    }

    #[test]
    fn unusable_params_are_refused() {
        let refused = |change: fn(&mut MontecarloParams), expected: &str| {
            let mut p = params(OptionKind::Call, OptionStyle::European, 100);
            change(&mut p);
            assert_eq!(Montecarlo::validate(&p).unwrap_err().to_string(), expected);
        };
        refused(|p| p.spot = 0.0, "spot: must be a finite number above 0, got 0");
        refused(|p| p.years = f64::NAN, "years: must be a finite number above 0, got NaN");
        refused(|p| p.volatility = -0.1, "volatility: must be a finite number, 0 or more, got -0.1");
        refused(|p| p.rate = f64::INFINITY, "rate: must be a finite number, got inf");
        refused(
            |p| (p.rate, p.dividend, p.years) = (1e3, 0.0, 1.0),
            "years: (rate + dividend + volatility²) × years must be at most 300, got 1000.0625",
        );
        refused(|p| p.steps = Some(2), "steps: a european option has one date, got 2");
        refused(|p| p.steps = Some(0), "steps: must be 1 to 100000, got 0");
        refused(|p| p.paths = 1, "paths: must be 2 to 17179869184, got 1");
        refused(
            |p| p.blocks = Some(PathBlocks { first: 1, count: 1 }),
            "blocks.first: must be below the 1 blocks of all paths, got 1",
        );
        refused(|p| p.blocks = Some(PathBlocks { first: 0, count: 2 }), "blocks.count: must be 1 to 1 from 0, got 2");
    }

    #[test]
    fn a_cancelled_job_stops() {
        let job = Job::detached();
        job.control().request_cancel();
        let p = params(OptionKind::Call, OptionStyle::Asian, 1_000_000);
        assert_eq!(run::<Montecarlo>(p, &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    proptest! {
        #[test]
        fn prices_are_within_bounds(spot in 1.0..500.0_f64, strike in 0.0..500.0_f64, volatility in 0.0..1.0_f64, seed: u64) {
            let p = MontecarloParams { spot, strike, volatility, seed, ..params(OptionKind::Call, OptionStyle::Asian, 200) };
            let found = priced(p);
            prop_assert!(found.price >= 0.0 && found.price.is_finite() && found.standard_error.is_finite());
        }
    }
}
