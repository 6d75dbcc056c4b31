//! A number that may have more digits than f64 holds: given as text, and kept as fixed-point binary of any length.

use crate::KernelError;
use num_bigint::BigInt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// A number, or its decimal digits as text where f64 has too few of them: `-0.5`, `"-0.74364388703715870475219"`, `"1.5e-60"`.
#[derive(Debug, Clone, PartialEq)]
pub enum Decimal {
    /// What f64 holds, exactly.
    Number(f64),
    /// Decimal digits with an optional sign, point and power of ten.
    Text(String),
}

/// The most digits after the point, when a power of ten is written out: 17,000 bits, whose product takes some 0.1 ms.
const MOST_PLACES: i64 = 5_000;

impl Decimal {
    /// Refuses what is no finite number, or has too many digits. `field` is its name in the params.
    ///
    /// # Errors
    /// [`KernelError::BadParams`] naming the field.
    pub(super) fn validate(&self, field: &str) -> Result<(), KernelError> {
        let refused = |message: String| Err(KernelError::bad_params(field, message));
        let Self::Text(text) = self else {
            return if self.nearest().is_finite() {
                Ok(())
            } else {
                refused(format!("must be a finite number, got {self}"))
            };
        };
        let Some(digits) = Digits::of(text) else {
            return refused(format!("must be a number, or decimal digits as in \"-0.75\" and \"1.5e-60\", got {self}"));
        };
        if digits.places > MOST_PLACES {
            let places = digits.places;
            return refused(format!("must have at most {MOST_PLACES} digits after the point, got {places} in {self}"));
        }
        if self.nearest().is_infinite() {
            return refused(format!("must be a number that f64 can hold, if only roughly, got {self}"));
        }
        Ok(())
    }

    /// Whether it is text.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// The nearest f64: NaN of text that [`validate`](Self::validate) refuses.
    pub(super) fn nearest(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Text(text) => Digits::of(text).and_then(|_| text.parse().ok()).unwrap_or(f64::NAN),
        }
    }

    /// Whether it is above 0, however little.
    pub(super) fn is_positive(&self) -> bool {
        match self {
            Self::Number(number) => *number > 0.0,
            Self::Text(text) => {
                Digits::of(text).is_some_and(|digits| !digits.negative && !digits.significant.is_empty())
            }
        }
    }

    /// The number times 2 to the power of `bits`, rounded towards 0. It must have passed [`validate`](Self::validate).
    pub(super) fn fixed(&self, bits: u64) -> BigInt {
        let (negative, magnitude) = match self {
            Self::Number(number) => {
                // An f64 is a whole number of 2⁻¹⁰⁷⁴.
                let field = number.to_bits() >> 52 & 0x7FF;
                let mantissa = number.to_bits() & ((1 << 52) - 1) | u64::from(field > 0) << 52;
                (number.is_sign_negative(), (BigInt::from(mantissa) << (field.max(1) - 1 + bits)) >> 1074)
            }
            Self::Text(text) => {
                let digits = Digits::of(text).expect("text that was validated");
                let whole = BigInt::parse_bytes(digits.significant.as_bytes(), 10).unwrap_or_default();
                let power = BigInt::from(10).pow(digits.places.unsigned_abs() as u32);
                let magnitude = if digits.places > 0 { (whole << bits) / power } else { (whole * power) << bits };
                (digits.negative, magnitude)
            }
        };
        if negative { -magnitude } else { magnitude }
    }

    /// Digits after the point.
    pub(super) fn places(&self) -> u64 {
        match self {
            Self::Number(_) => 1074,
            Self::Text(text) => Digits::of(text).map_or(0, |digits| digits.places.max(0) as u64),
        }
    }
}

/// Decimal digits, taken apart.
struct Digits {
    negative: bool,
    /// All digits without the point, from the first that is not 0.
    significant: String,
    /// How many of them come after the point; less than 0 where zeros are still to come before it.
    places: i64,
}

impl Digits {
    /// `None` of what is no decimal number.
    fn of(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, power) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(a, b)| (a, Some(b)));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let power = match power {
            None => 0,
            Some(power) => {
                let digits = power.strip_prefix(['-', '+']).unwrap_or(power);
                if digits.is_empty() || !all_digits(digits) {
                    return None;
                }
                // What does not fit is far beyond every limit.
                let size = digits.parse().unwrap_or(i64::MAX / 2);
                if power.starts_with('-') { -size } else { size }
            }
        };
        let significant = format!("{whole}{fraction}").trim_start_matches('0').to_string();
        Some(Self { negative, significant, places: (fraction.len() as i64).saturating_sub(power) })
    }
}

/// As a caller wrote it, for messages.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 40;
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) if text.chars().nth(SHOWN).is_none() => write!(f, "text {text:?}"),
            Self::Text(text) => write!(f, "text {:?}…", text.chars().take(SHOWN).collect::<String>()),
        }
    }
}

impl From<f64> for Decimal {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Decimal {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecimalVisitor)
    }
}

struct DecimalVisitor;

impl de::Visitor<'_> for DecimalVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or its decimal digits as text")
    }
    fn visit_i64<E>(self, value: i64) -> Result<Decimal, E> {
        Ok(Decimal::Number(value as f64))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Decimal, E> {
        Ok(Decimal::Number(value as f64))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Decimal, E> {
        Ok(Decimal::Number(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Decimal, E> {
        Ok(Decimal::Text(value.into()))
    }
}

impl JsonSchema for Decimal {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"] })
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::params::{Tree, decode};

    fn refused(value: impl Into<Decimal>) -> String {
        value.into().validate("span").unwrap_err().to_string()
    }

    #[test]
    fn digits_become_fixed_point() {
        let fixed = |value: Decimal, bits| value.fixed(bits).to_string();
        for (text, bits, expected) in [
            ("0", 8, "0"),
            ("-0.5", 8, "-128"),
            ("+1.5", 8, "384"),
            (".25", 8, "64"),
            ("3.", 1, "6"),
            ("0.1", 70, "118059162071741130342"),
            ("-0.1", 70, "-118059162071741130342"),
            ("1e3", 2, "4000"),
            ("1250E-3", 4, "20"),
            ("0.00000000000000000000000001e27", 1, "20"),
            ("1e-40", 140, "139"),
        ] {
            Decimal::from(text).validate("x").unwrap();
            assert_eq!(fixed(text.into(), bits), expected, "{text}");
        }
        for (number, bits, expected) in [
            (0.0, 9, "0"),
            (-0.75, 2, "-3"),
            (5e-324, 1074, "1"),
            (1e300, 0, &format!("{:.0}", 1e300)),
            (0.1, 60, "115292150460684704"),
        ] {
            assert_eq!(fixed(number.into(), bits), expected, "{number}");
        }
    }

    #[test]
    fn the_nearest_number_of_a_text_is_the_number() {
        for (text, number) in [("-0.1", -0.1), ("12.5e-1", 1.25), ("1e-400", 0.0), ("-.5E+1", -5.0), ("007", 7.0)] {
            assert_eq!(Decimal::from(text).nearest().to_bits(), f64::to_bits(number), "{text}");
        }
        assert!(Decimal::from("1e-4000").is_positive());
        assert!(!Decimal::from("0.000e9").is_positive() && !Decimal::from("-1").is_positive());
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "", "-", ".", "e5", "1e", "1e+", "1.2.3", "0x1", "inf", "NaN", " 1", "1 ", "1_000", "1,5", "--1", "1e1.5",
            "½", "١",
        ] {
            let expected =
                format!("span: must be a number, or decimal digits as in \"-0.75\" and \"1.5e-60\", got text {text:?}");
            assert_eq!(refused(text), expected);
            assert!(Decimal::from(text).nearest().is_nan());
        }
        let long = "9".repeat(500);
        assert_eq!(refused(f64::NAN), "span: must be a finite number, got NaN");
        assert_eq!(
            refused(&*long),
            format!("span: must be a number that f64 can hold, if only roughly, got text \"{}\"…", &long[..40])
        );
        assert_eq!(
            refused("1.25e-4999"),
            "span: must have at most 5000 digits after the point, got 5001 in text \"1.25e-4999\""
        );
        assert!(refused("1e-99999999999999999999").contains("must have at most 5000 digits"));
        assert!(refused("1e99999999999999999999").contains("f64"));
    }

    #[test]
    fn both_kinds_come_from_params_and_go_back() {
        for (tree, expected) in [
            (Tree::Int(-3), Decimal::Number(-3.0)),
            (Tree::Uint(1 << 63), Decimal::Number(9_223_372_036_854_775_808.0)),
            (Tree::Float(0.5), Decimal::Number(0.5)),
            (Tree::Text("0.5".into()), Decimal::from("0.5")),
        ] {
            let decoded: Decimal = decode(tree).unwrap();
            assert_eq!(decoded, expected);
            let json = serde_json::to_value(&decoded).unwrap();
            assert_eq!(serde_json::from_value::<Decimal>(json).unwrap(), expected);
        }
        let error = decode::<Decimal>(Tree::Null).unwrap_err().to_string();
        assert!(error.ends_with("expected a number or its decimal digits as text, got null"), "{error}");
    }
}
