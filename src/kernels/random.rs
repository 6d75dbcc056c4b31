//! Random numbers that are the same everywhere, and of which any one can be had without those before.
//!
//! SplitMix64: the n-th number is a mixture of `seed + n × γ`, so a stream is a place to start from, and threads that draw from
//! places of their own draw what one thread would. It passes BigCrush.
//! (G. L. Steele, D. Lea and C. H. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.)

/// A stream of random numbers.
#[derive(Clone, Copy)]
pub(super) struct Random {
    state: u64,
}

/// γ, the odd part of 2⁶⁴ over the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// The stream of a seed. Seeds that are near to each other give streams that are not.
    pub(super) fn of(seed: u64) -> Self {
        Self { state: mix(seed.wrapping_add(STEP)) }
    }

    /// The stream from its `place`-th number on.
    pub(super) fn at(self, place: u64) -> Self {
        Self { state: self.state.wrapping_add(STEP.wrapping_mul(place)) }
    }

    /// The next number.
    #[inline(always)]
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// A number of the open interval from 0 to 1, in steps of 2⁻⁵².
    #[inline(always)]
    pub(super) fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) * f64::from_bits((1023 - 52) << 52)
    }
}

#[inline(always)]
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_published_generator() {
        // From the state 1234567, as the reference implementation prints them.
        let mut random = Random { state: 1_234_567 };
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(expected.map(|_| random.next()), expected);
    }

    #[test]
    fn a_place_is_reached_by_counting_too() {
        let mut counted = Random::of(7);
        for place in 0..100 {
            assert_eq!(Random::of(7).at(place).next(), counted.next());
        }
    }

    #[test]
    fn units_are_inside_and_even() {
        let mut random = Random::of(1);
        let units: Vec<f64> = (0..100_000).map(|_| random.unit()).collect();
        assert!(units.iter().all(|&u| u > 0.0 && u < 1.0));
        let mean = units.iter().sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 5.0 * (1.0 / 12e5_f64).sqrt(), "{mean}");
    }
}
