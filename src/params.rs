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
        let message = error.into_inner().to_string();
        // For a missing or unknown field the path stops at its parent, and the message names the field.
        let named = message
            .strip_prefix("missing field `")
            .or_else(|| message.strip_prefix("unknown field `"))
            .and_then(|rest| rest.split('`').next());
        let parent = if path == "." { "" } else { path.as_str() };
        let field = match named {
            Some(name) if parent.is_empty() => name.to_string(),
            // serde_path_to_error already includes an unknown key in the path.
            Some(name) if parent == name || parent.ends_with(&format!(".{name}")) => parent.to_string(),
            Some(name) => format!("{parent}.{name}"),
            None => parent.to_string(),
        };
        KernelError::BadParams { field, message }
    })
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
        if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 && !(value == 0.0 && value.is_sign_negative()) {
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
            other => Err(de::Error::custom(format!("invalid type: {}, expected one of {}", other.kind(), variants.join(", ")))),
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
