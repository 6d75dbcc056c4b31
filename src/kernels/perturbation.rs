//! Escape-time counts of pixels that lie closer together than f64 tells apart.
//!
//! One orbit is computed in many digits, that of the picture's middle. A pixel is followed by its distance `d` from that orbit, which
//! f64 holds well: `d ← (2z + d)·d + e`, where `e` is its distance from the middle. (K. I. Martin, SuperFractalThing, 2013.)
//! When a pixel comes nearer to 0 than it is to the orbit, its place is taken for its distance from the orbit's beginning, z₀ = 0, and it
//! goes on from there: so its bits are never lost in a difference, and one orbit does for all pixels. (Zhuoran, fractalforums.org, 2021.)
//! A distance below f64's range has an exponent of its own until it has grown.

use super::decimal::Decimal;
use super::orbit::{Orbit, RIM, SMALL, float};
use super::scaled::{Scaled, power, square};
use super::skips::Skips;
use crate::{Cancelled, Job, KernelError};

/// A picture, ready for its pixels to be counted.
pub(super) struct Perturbation {
    orbit: Orbit,
    skips: Skips,
    /// The distance of two pixels: a number times 2 to a power.
    step: (f64, i32),
    /// Pixels from the picture's left and upper edges to its middle.
    middle: [f64; 2],
    max: u32,
}

/// Distances below 2 to this power are [`Scaled`]. Above it no square is too little for f64, and what f64 cannot hold is too little to
/// matter beside it; below it a pixel cannot be nearer to 0 than to the orbit, but where the orbit's own points are [`SMALL`].
const FINE: i32 = -450;
/// Bits of the orbit beyond the pixels' distance: what rounding adds up to in 2³² steps stays below 2⁻³² of that.
const GUARD: u64 = 64;
/// Steps between two looks at the job: some 0.05 ms.
const STRIDE: u32 = 1 << 12;

/// A pixel on its way.
struct Pixel {
    /// Its distance from the middle.
    e: Scaled,
    /// Its distance from the orbit.
    d: Scaled,
    /// Where on the orbit that is.
    place: usize,
    /// Steps that it has made.
    steps: u32,
}

/// Where a pixel is after a step.
enum Next {
    Escaped,
    Inside,
}

impl Perturbation {
    /// Prepares a picture of `size` pixels around `center` that is `span` wide, to be counted up to `max`.
    pub fn of<P>(
        center: [&Decimal; 2],
        span: &Decimal,
        size: [u32; 2],
        max: u32,
        job: &Job<P>,
    ) -> Result<Self, KernelError> {
        let (wide, exponent) = magnitude(span);
        let step = (wide / f64::from(size[0]), exponent);
        let middle = size.map(|pixels| f64::from(pixels) / 2.0);
        // To a corner of the whole picture, also where a band of it is rendered: every shard goes the same ways.
        let farthest = square(Scaled::of(middle.map(|pixels| pixels * step.0), exponent).at(0)).sqrt();
        let pixel = Scaled::of([step.0, 0.0], exponent).exponent;
        let bits = (u64::from((-pixel).max(0).unsigned_abs()) + GUARD).next_multiple_of(64);
        let orbit = Orbit::of(center, bits, max, job)?;
        let skips = Skips::of(orbit.points(), farthest, job)?;
        Ok(Self { orbit, skips, step, middle, max })
    }

    /// The count of a pixel.
    pub fn count<P>(&self, x: usize, y: usize, job: &Job<P>) -> Result<u32, Cancelled> {
        let [right, down] = [x as f64 + 0.5 - self.middle[0], y as f64 + 0.5 - self.middle[1]];
        let e = Scaled::of([right * self.step.0, down * self.step.0], self.step.1);
        let mut pixel = Pixel { e, d: Scaled::ZERO, place: 0, steps: 0 };
        loop {
            let next =
                if pixel.d.exponent < FINE { self.fine(&mut pixel, job)? } else { self.coarse(&mut pixel, job)? };
            match next {
                Next::Escaped => return Ok(pixel.steps - 1),
                Next::Inside if pixel.steps == self.max => return Ok(self.max),
                Next::Inside => {}
            }
        }
    }

    /// Goes on in f64, at least a step, until the pixel has escaped or made all steps, or its distance is too little.
    fn coarse<P>(&self, pixel: &mut Pixel, job: &Job<P>) -> Result<Next, Cancelled> {
        let (points, last) = (self.orbit.points(), self.orbit.last());
        let (e, least) = (pixel.e.at(0), power(2 * FINE));
        let mut d = pixel.d.at(0);
        let mut size = square(d);
        let (mut place, mut steps, mut turns) = (pixel.place, pixel.steps, 0);
        loop {
            turns += 1;
            if turns % STRIDE == 0 {
                job.check()?;
            }
            if let Some((skip, made)) =
                self.skips.from(place, (self.max - steps) as usize, |radius| size < radius * radius)
            {
                d = skip.apply(d, e);
                (place, steps) = (place + made, steps + made as u32);
            } else {
                d = step(points[place], d, e);
                (place, steps) = (place + 1, steps + 1);
            }
            let point = points[place];
            let z = [point[0] + d[0], point[1] + d[1]];
            let away = square(z);
            size = square(d);
            let escaped = match away {
                _ if away < RIM.start => false,
                _ if away < RIM.end => self.orbit.is_beyond(place, Scaled::of(d, 0)),
                // NaN has escaped too.
                _ => true,
            };
            let nearer = away < size;
            if nearer || place == last {
                match self.orbit.back {
                    Some(back) if !nearer => place = back,
                    _ => (d, size, place) = (z, away, 0),
                }
            }
            if escaped || steps == self.max || size < least {
                *pixel = Pixel { e: pixel.e, d: Scaled::of(d, 0), place, steps };
                return Ok(if escaped { Next::Escaped } else { Next::Inside });
            }
        }
    }

    /// Goes on with distances of any exponent: a step from a point next to 0, or as many as the distance's exponent hardly changes.
    fn fine<P>(&self, pixel: &mut Pixel, job: &Job<P>) -> Result<Next, Cancelled> {
        job.check()?;
        let (points, last) = (self.orbit.points(), self.orbit.last());
        let is_small = |place: usize| square(points[place]) < SMALL;
        let is_on_rim = |place: usize| RIM.contains(&square(points[place]));
        if is_small(pixel.place) {
            let z = self.orbit.at(pixel.place);
            pixel.d = z.plus(z).plus(pixel.d).times(pixel.d).plus(pixel.e);
            pixel.place += 1;
            pixel.steps += 1;
        } else {
            let exponent = pixel.d.exponent;
            let (unit, per_unit) = (power(exponent), power(-exponent));
            let (mut d, e) = (pixel.d.at(exponent), pixel.e.at(exponent));
            // From 2⁻¹⁰⁰ of what it was to 2¹⁰⁰ times that, or to where f64 does.
            let bounds = power(-200)..power(2 * (FINE - exponent).min(100));
            let mut turns = 0;
            loop {
                turns += 1;
                if turns % STRIDE == 0 {
                    job.check()?;
                }
                let (size, most) = (square(d), (self.max - pixel.steps) as usize);
                let holds = |radius: f64| size < (radius * per_unit) * (radius * per_unit);
                if let Some((skip, made)) = self.skips.from(pixel.place, most, holds) {
                    d = skip.apply(d, e);
                    (pixel.place, pixel.steps) = (pixel.place + made, pixel.steps + made as u32);
                } else {
                    let [re, im] = points[pixel.place];
                    let two_z = [re + re + unit * d[0], im + im + unit * d[1]];
                    d = [two_z[0] * d[0] - two_z[1] * d[1] + e[0], two_z[0] * d[1] + two_z[1] * d[0] + e[1]];
                    (pixel.place, pixel.steps) = (pixel.place + 1, pixel.steps + 1);
                }
                // At the middle itself it stays 0.
                let in_bounds = bounds.contains(&square(d)) || d == [0.0; 2];
                if !in_bounds
                    || pixel.steps == self.max
                    || pixel.place == last
                    || is_small(pixel.place)
                    || is_on_rim(pixel.place)
                {
                    break;
                }
            }
            pixel.d = Scaled::of(d, exponent);
        }
        if self.orbit.is_beyond(pixel.place, pixel.d) {
            return Ok(Next::Escaped);
        }
        let z = self.orbit.at(pixel.place).plus(pixel.d);
        let nearer = z.is_less_than(pixel.d);
        if nearer || pixel.place == last {
            match self.orbit.back {
                Some(back) if !nearer => pixel.place = back,
                _ => (pixel.d, pixel.place) = (z, 0),
            }
        }
        Ok(Next::Inside)
    }
}

/// `(2z + d)·d + e`.
#[inline(always)]
fn step(z: [f64; 2], d: [f64; 2], e: [f64; 2]) -> [f64; 2] {
    let [re, im] = [z[0] + z[0] + d[0], z[1] + z[1] + d[1]];
    [re * d[0] - im * d[1] + e[0], re * d[1] + im * d[0] + e[1]]
}

/// A number above 0 as an f64 times 2 to a power.
fn magnitude(number: &Decimal) -> (f64, i32) {
    let nearest = number.nearest();
    // Numbers that f64 holds with all of its bits, and a pixel's part of them.
    if nearest >= 1e-290 {
        return (nearest, 0);
    }
    // As many bits as its last digit needs, and some that it is rounded to.
    let bits = number.places() * 10 / 3 + 128;
    float(&number.fixed(bits), bits)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::kernels::{Mandelbrot, MandelbrotParams};
    use crate::shard::testing::check_shards;
    use num_bigint::BigInt;
    use proptest::prelude::*;
    use rayon::prelude::*;

    fn view(size: [u32; 2], center: [&str; 2], span: &str, max_iterations: u32) -> MandelbrotParams {
        let [center_x, center_y] = center.map(Decimal::from);
        let span = span.into();
        MandelbrotParams { width: size[0], height: size[1], center_x, center_y, span, max_iterations, rows: None }
    }

    /// The definition, in whole numbers of 2 to the power of −`bits`.
    fn naive(p: &MandelbrotParams, bits: u64) -> Vec<u32> {
        let [x, y, span] = [&p.center_x, &p.center_y, &p.span].map(|number| number.fixed(bits));
        let pixel = |index: u32| {
            let (column, row) = (index % p.width, index / p.width);
            let cr = &x + &span * (2 * i64::from(column) + 1 - i64::from(p.width)) / (2 * p.width);
            let ci = &y + &span * (2 * i64::from(row) + 1 - i64::from(p.height)) / (2 * p.width);
            let (mut zr, mut zi) = (BigInt::ZERO, BigInt::ZERO);
            let limit = BigInt::from(4) << (2 * bits);
            for count in 0..p.max_iterations {
                let re = ((&zr * &zr - &zi * &zi) >> bits) + &cr;
                zi = ((zr * zi * 2) >> bits) + &ci;
                zr = re;
                if &zr * &zr + &zi * &zi > limit {
                    return count;
                }
            }
            p.max_iterations
        };
        (0..p.width * p.height).into_par_iter().map(pixel).collect()
    }

    /// How many counts are others than those by definition, in a picture that shows something. Pixels whose orbits are chaotic for long
    /// may be among them: what f64 rounds at a step grows at each.
    fn wrong(p: &MandelbrotParams, bits: u64) -> usize {
        let expected = naive(p, bits);
        let found = run::<Mandelbrot>(p.clone(), &Job::detached()).unwrap().counts;
        let mut levels = expected.clone();
        levels.sort_unstable();
        levels.dedup();
        assert!(levels.len() > 3, "the view shows something: {levels:?}");
        found.iter().zip(&expected).filter(|(found, expected)| found != expected).count()
    }

    const SEAHORSE: [&str; 2] = ["-0.743643887037158704752191506114774", "0.131825904205311970493132056385139"];
    /// The middles of small copies of the set, with their periods and widths as powers of ten.
    const OF_535_M15: [&str; 2] = ["-0.7766105826517447027730", "0.1346089705928415879083"];
    const OF_1417_M31: [&str; 2] =
        ["-0.776610592599701758140357569190843768673", "0.134608961675028200069809650880503159321"];
    const OF_55_M40: [&str; 2] =
        ["-0.000000000000000000006077570260281744251079636032", "1.000000000000000000003032634884774170190761525073"];
    const OF_5101_M99: [&str; 2] = [
        "-0.7766105925997018565640395025529947493281703214398530972336605254037002213120276842569324212525470043388229",
        "0.1346089616750281660567372702330578095411874962204094151854838554313175190257608383626644010890836585941036",
    ];
    const OF_402_M300: [&str; 2] = [
        "0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000094041029268835617600351275767550294711537255992450195890104975401907375410493620438634879682876000814840586863595902041592256393973175221982957927001942180619",
        "0.99999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999919939115257141036248905001765800060072338245761251013383358978633556980366314631756657792019674400543166577517675589849177945534982729969383091234477323334417",
    ];

    /// The same on the real line, next to the tip at −2.
    const OF_84_M99: [&str; 2] = [
        "-1.99999999999999999999999999999999999999999999999996043130448129661325820237290262621937099838611442374270616",
        "0",
    ];
    const OF_250_M299: [&str; 2] = [
        "-1.9999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999954773479932634571461284986877262415085794574831494229364160203924745049873603983997063263243859284826599346582392275756299457938940898881380801405189335974207",
        "0",
    ];

    #[test]
    fn counts_are_those_of_the_definition() {
        for (center, span, max, bits) in [
            (SEAHORSE, "4e-14", 6000, 192),
            (OF_535_M15, "7e-15", 3000, 192),
            (SEAHORSE, "2e-17", 12_000, 192),
            (OF_1417_M31, "1e-29", 6000, 256),
            (OF_55_M40, "6e-40", 1000, 256),
            (["0", "1"], "1e-30", 800, 256),
            (["0", "1"], "1e-100", 2000, 512),
            (OF_84_M99, "6e-99", 1000, 512),
            (OF_250_M299, "2e-298", 4500, 1152),
            (OF_402_M300, "1e-298", 6000, 1152),
        ] {
            let p = view([18, 13], center, span, max);
            let wrong = wrong(&p, bits);
            assert!(wrong <= 2, "{wrong} of 234: {center:?}, {span}");
        }
    }

    #[test]
    fn counts_are_those_of_the_definition_where_f64_ends() {
        for (span, bits) in [("1e-600", 2176), ("3e-1000", 3456)] {
            assert_eq!(wrong(&view([6, 4], ["0", "1"], span, 5000), bits), 0, "{span}");
            let tip = view([6, 4], ["-2", "0"], span, 2000);
            assert_eq!(*run::<Mandelbrot>(tip.clone(), &Job::detached()).unwrap().counts, *naive(&tip, bits), "{span}");
        }
        // A copy of the set that is passed by an orbit of thousands of points.
        assert!(wrong(&view([8, 6], OF_5101_M99, "2e-96", 32_000), 448) <= 1);
    }

    #[test]
    fn it_sees_better_than_f64_where_both_see() {
        for (center, span) in [(SEAHORSE, "1e-6"), (SEAHORSE, "1e-9"), (OF_535_M15, "1e-10"), (["-0.5", "0"], "3")] {
            let p = view([40, 30], center, span, 3000);
            let job = Job::<()>::detached();
            let [x, y] = center.map(Decimal::from);
            let picture = Perturbation::of([&x, &y], &span.into(), [40, 30], 3000, &job).unwrap();
            let by_distance: Vec<u32> = (0..1200).map(|at| picture.count(at % 40, at / 40, &job).unwrap()).collect();
            let in_f64 = run::<Mandelbrot>(p.clone(), &Job::detached()).unwrap().counts;
            let expected = naive(&p, 160);
            let wrong = |counts: &[u32]| counts.iter().zip(&expected).filter(|(a, b)| a != b).count();
            let (here, there) = (wrong(&by_distance), wrong(&in_f64));
            assert!(here <= 5 && here <= there, "{here} of 1200 are wrong, in f64 {there}: {center:?}, {span}");
        }
    }

    #[test]
    fn text_of_what_f64_tells_apart_is_as_numbers() {
        let text = view([70, 50], ["-0.6", "0.05"], "2.8", 300);
        let numbers =
            MandelbrotParams { center_x: (-0.6).into(), center_y: 0.05.into(), span: 2.8.into(), ..text.clone() };
        let [a, b] = [text, numbers].map(|p| run::<Mandelbrot>(p, &Job::detached()).unwrap());
        assert_eq!(a, b);
    }

    #[test]
    fn sizes_and_places_of_all_sorts() {
        for size in [[1, 1], [1, 9], [9, 1], [2, 2], [5, 3]] {
            for (center, max) in
                [(["0", "1"], 300), (["-1", "0"], 40), (["0.3", "0.5"], 1000), (["5", "-7.5"], 9), (["-2", "0"], 999)]
            {
                for span in ["3e-15", "1e-40", "1e-200"] {
                    let p = view(size, center, span, max);
                    let found = run::<Mandelbrot>(p.clone(), &Job::detached()).unwrap().counts;
                    assert!(*found == *naive(&p, 896), "{p:?}: {found:?}");
                }
            }
        }
        // Wholly inside, at the end of what is allowed, and a number far below f64's normal ones.
        assert_eq!(
            *run::<Mandelbrot>(view([2, 1], ["-1", "0"], "1e-5000", 77), &Job::detached()).unwrap().counts,
            [77, 77]
        );
        let p = MandelbrotParams { span: 5e-324.into(), ..view([4, 3], ["0", "1"], "1", 1500) };
        assert_eq!(*run::<Mandelbrot>(p.clone(), &Job::detached()).unwrap().counts, *naive(&p, 1300));
    }

    #[test]
    fn shards_make_the_whole_on_any_number_of_threads() {
        for (center, span) in [(OF_1417_M31, "1e-29"), (OF_402_M300, "1e-298")] {
            let p = view([50, 70], center, span, 1500);
            assert_eq!(check_shards::<Mandelbrot>(&p), 5);
            let expected = run::<Mandelbrot>(p.clone(), &Job::detached()).unwrap();
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let found = pool.install(|| run::<Mandelbrot>(p.clone(), &Job::detached())).unwrap();
                assert!(found == expected, "{threads} threads");
            }
        }
    }

    #[test]
    fn a_cancelled_job_stops_at_its_orbit_and_at_its_pixels() {
        // Millions of points of the middle's orbit, and of a pixel's that never escapes.
        for center in [SEAHORSE, ["-0.75", "1e-9"], ["-1", "0"]] {
            let job = Job::detached();
            let p = view([200, 200], center, "1e-300", u32::MAX);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(std::time::Duration::from_millis(30));
                    job.control().request_cancel();
                });
                let (begun, stopped) = (std::time::Instant::now(), run::<Mandelbrot>(p, &job));
                assert_eq!(stopped, Err(KernelError::Cancelled));
                assert!(begun.elapsed().as_millis() < 1000);
            });
        }
    }

    #[test]
    fn params_that_cannot_be_are_named() {
        let refused = |center: [&str; 2], span: &str| {
            run::<Mandelbrot>(view([9, 9], center, span, 9), &Job::detached()).unwrap_err().to_string()
        };
        assert!(refused(["1..2", "0"], "1").starts_with("centerX: must be a number, or decimal digits"));
        assert!(refused(["0", "1e-5001"], "1").starts_with("centerY: must have at most 5000 digits after the point"));
        assert_eq!(refused(["0", "0"], "0.00"), "span: must be a finite number above 0, got text \"0.00\"");
        assert_eq!(refused(["0", "0"], "-1e-40"), "span: must be a finite number above 0, got text \"-1e-40\"");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn counts_are_those_of_the_definition_anywhere(
            x in -1.8_f64..0.4, y in -1.1_f64..1.1, zoom in 14..40, width in 1_u32..9, height in 1_u32..6, max in 1_u32..800,
        ) {
            let p = view([width, height], [&x.to_string(), &y.to_string()], &format!("1e-{zoom}"), max);
            let found = run::<Mandelbrot>(p.clone(), &Job::detached()).unwrap().counts;
            prop_assert_eq!(&found[..], &naive(&p, 256)[..]);
        }
    }
}
