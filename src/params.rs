//! Decoding params strictly: every error names its field, as the caller wrote it.
//!
//! [`Tree`] is a params object with its arrays taken out: what JavaScript's boundary and the native tests decode
//! from. It exists because `serde-wasm-bindgen` looks up a struct's fields by name and so never sees unknown ones, and
//! because JSON has no NaN; with it, both worlds take the same path and give the same errors.

use crate::error::KernelError;
use serde::de::{
    self, Deserialize, DeserializeOwned, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Visitor,
    value::{MapDeserializer, SeqDeserializer},
};

/// A plain value: what is left of params when the bulk data has been moved out.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// `null` and `undefined`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number above `i64::MAX`.
    Uint(u64),
    /// Any other number, NaN and infinities included.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// An object, in the order of its keys.
    Map(Vec<(String, Tree)>),
}

/// Decodes params.
///
/// # Errors
/// [`KernelError::BadParams`] with the path of the field at fault.
pub fn decode<T: DeserializeOwned>(tree: Tree) -> Result<T, KernelError> {
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let path = error.path().to_string();
        let parent = if path == "." { "" } else { path.as_str() };
        let message = error.into_inner().to_string();
        // For a missing or unknown field serde's path may stop at the parent, and the message names the field.
        if let Some((field, _)) = quoted_after(&message, "missing field `") {
            return KernelError::bad_params(join(parent, field), "is missing");
        }
        if let Some((field, rest)) = quoted_after(&message, "unknown field `") {
            let known = rest.trim_start_matches(", expected ").trim_start_matches("one of ").replace('`', "");
            return KernelError::bad_params(join(parent, field), format!("is not a param; known are {known}"));
        }
        if let Some((field, rest)) = quoted_after(&message, INSIDE) {
            return KernelError::bad_params(join(parent, field), rest.trim_start_matches(": "));
        }
        KernelError::bad_params(parent, in_callers_terms(&message))
    })
}

/// How the message of an error begins whose field lies deeper than serde's path.
const INSIDE: &str = "inside, field `";

/// An error of [`decode`] as one of serde's, for a type that decodes params of its own from a part of the tree. [`decode`] of the whole
/// then names the field by its whole path.
#[cfg(feature = "images")]
pub(crate) fn nested<E: de::Error>(error: &KernelError) -> E {
    match error {
        KernelError::BadParams { field, message } if !field.is_empty() => {
            E::custom(format_args!("{INSIDE}{field}`: {message}"))
        }
        other => E::custom(other),
    }
}

/// The text between `start` and the next backtick, and what follows it.
fn quoted_after<'a>(message: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    message.strip_prefix(start)?.split_once('`')
}

/// The path of `field` in `parent`, unless `parent` names it already.
fn join(parent: &str, field: &str) -> String {
    if parent.is_empty() || parent == field {
        field.to_string()
    } else if parent.ends_with(field) && parent[..parent.len() - field.len()].ends_with('.') {
        parent.to_string()
    } else {
        format!("{parent}.{field}")
    }
}

/// serde names Rust's types; callers write JavaScript.
fn in_callers_terms(message: &str) -> String {
    let Some((given, expected)) = message.rsplit_once(", expected ") else { return message.to_string() };
    let expected = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" => "text",
        other => other,
    };
    let given = given.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
    let given = if let Some((value, _)) = quoted_after(given, "unknown variant `") {
        format!("text \"{value}\"")
    } else if let Some(value) = given.strip_prefix("string ") {
        format!("text {value}")
    } else if let Some((kind, value)) = given.split_once('`') {
        let value = value.trim_end_matches('`');
        if kind == "boolean " { value.to_string() } else { format!("the number {value}") }
    } else {
        match given {
            "unit value" => "null",
            "map" => "an object",
            "sequence" => "a list",
            other => other,
        }
        .to_string()
    };
    format!("expected {}, got {given}", expected.replace('`', ""))
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a plain value")
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::Uint(value), Tree::Int))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        // JavaScript has one number type: 3.0 is a whole number wherever one is wanted.
        if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 && !(value == 0.0 && value.is_sign_negative())
        {
            Ok(Tree::Int(value as i64))
        } else {
            Ok(Tree::Float(value))
        }
    }
    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}

/// A field that was given but cannot be used. Its text is the whole message.
#[derive(Debug)]
pub struct TreeError(String);

impl std::fmt::Display for TreeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for TreeError {}
impl de::Error for TreeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = TreeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(value),
            Tree::Int(value) => visitor.visit_i64(value),
            Tree::Uint(value) => visitor.visit_u64(value),
            Tree::Float(value) => visitor.visit_f64(value),
            Tree::Text(value) => visitor.visit_string(value),
            Tree::List(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter())),
            Tree::Map(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self {
            Tree::Null => visitor.visit_none(),
            other => visitor.visit_some(other),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        match self {
            Tree::Text(variant) => visitor.visit_enum(variant.into_deserializer()),
            Tree::Map(mut entries) if entries.len() == 1 => {
                let (variant, value) = entries.remove(0);
                visitor.visit_enum(Variant { variant, value })
            }
            other => Err(de::Error::custom(format!(
                "invalid type: {}, expected one of {}",
                other.kind(),
                variants.join(", ")
            ))),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl Tree {
    /// The kind of value, for messages.
    fn kind(&self) -> &'static str {
        match self {
            Tree::Null => "null",
            Tree::Bool(_) => "a boolean",
            Tree::Int(_) | Tree::Uint(_) | Tree::Float(_) => "a number",
            Tree::Text(_) => "text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "an object",
        }
    }
}

impl<'de> IntoDeserializer<'de, TreeError> for Tree {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

/// `{ variant: content }`, serde's form of an enum that carries data.
struct Variant {
    variant: String,
    value: Tree,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = TreeError;
    type Variant = Tree;
    fn variant_seed<S: de::DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Tree), TreeError> {
        let name: de::value::StringDeserializer<TreeError> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self.value))
    }
}

impl<'de> de::VariantAccess<'de> for Tree {
    type Error = TreeError;
    fn unit_variant(self) -> Result<(), TreeError> {
        Deserialize::deserialize(self)
    }
    fn newtype_variant_seed<S: de::DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, TreeError> {
        seed.deserialize(self)
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_any(visitor)
    }
    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, TreeError> {
        self.deserialize_any(visitor)
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Outer {
        max_count: u32,
        scale: f64,
        #[serde(default)]
        mode: Mode,
        inner: Option<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        width: u32,
    }

    #[derive(Debug, PartialEq, Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        #[default]
        Fast,
        Exact,
    }

    fn map<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
        Tree::Map(entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
    }

    fn refused(tree: Tree) -> (String, String) {
        match decode::<Outer>(tree).unwrap_err() {
            KernelError::BadParams { field, message } => (field, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_field_is_decoded() {
        let tree = map([
            ("maxCount", Tree::Int(3)),
            ("scale", Tree::Int(2)),
            ("mode", Tree::Text("exact".into())),
            ("inner", map([("width", Tree::Int(5))])),
        ]);
        let expected = Outer { max_count: 3, scale: 2.0, mode: Mode::Exact, inner: Some(Inner { width: 5 }) };
        assert_eq!(decode::<Outer>(tree).unwrap(), expected);
    }

    #[test]
    fn each_error_names_its_field() {
        let given = |max_count, scale| map([("maxCount", max_count), ("scale", scale)]);
        let cases = [
            (map([("scale", Tree::Int(1))]), "maxCount", "is missing"),
            (
                given(Tree::Int(-1), Tree::Int(1)),
                "maxCount",
                "expected a whole number from 0 to 4294967295, got the number -1",
            ),
            (
                given(Tree::Float(f64::NAN), Tree::Int(1)),
                "maxCount",
                "expected a whole number from 0 to 4294967295, got the number NaN",
            ),
            (
                given(Tree::Float(1.5), Tree::Int(1)),
                "maxCount",
                "expected a whole number from 0 to 4294967295, got the number 1.5",
            ),
            (given(Tree::Int(1), Tree::Text("x".into())), "scale", "expected a number, got text \"x\""),
            (given(Tree::Int(1), Tree::Null), "scale", "expected a number, got null"),
            (given(Tree::Int(1), Tree::List(vec![])), "scale", "expected a number, got a list"),
            (
                map([("maxCount", Tree::Int(1)), ("scale", Tree::Int(1)), ("scael", Tree::Int(1))]),
                "scael",
                "is not a param; known are maxCount, scale, mode, inner",
            ),
            (
                map([("maxCount", Tree::Int(1)), ("scale", Tree::Int(1)), ("inner", map([]))]),
                "inner.width",
                "is missing",
            ),
            (
                map([
                    ("maxCount", Tree::Int(1)),
                    ("scale", Tree::Int(1)),
                    ("inner", map([("width", Tree::Bool(true))])),
                ]),
                "inner.width",
                "expected a whole number from 0 to 4294967295, got true",
            ),
            (
                map([("maxCount", Tree::Int(1)), ("scale", Tree::Int(1)), ("mode", Tree::Text("slow".into()))]),
                "mode",
                "expected fast or exact, got text \"slow\"",
            ),
        ];
        for (tree, field, message) in cases {
            assert_eq!(refused(tree), (field.to_string(), message.to_string()));
        }
    }

    #[test]
    fn json_and_javascript_numbers_agree() {
        for json in ["3", "3.0", "3e0"] {
            assert_eq!(serde_json::from_str::<Tree>(json).unwrap(), Tree::Int(3), "{json}");
        }
        assert_eq!(serde_json::from_str::<Tree>("-0.0").unwrap(), Tree::Float(-0.0), "minus zero stays");
        assert_eq!(serde_json::from_str::<Tree>("18446744073709551615").unwrap(), Tree::Uint(u64::MAX));
    }
}
