//! An exchange as it is written, before its variables are filled in: values that know their places, read into types.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::document::{DocumentError, Node, Place, at};

/// A value with its place.
pub(super) type Tree = Spanned<Node>;

/// Reads a tree into a type.
///
/// # Errors
///
/// With the place of the value, or of the field's name, that does not fit.
pub(super) fn read<'t, T: Deserialize<'t>>(tree: &'t Tree) -> Result<T, DocumentError> {
    T::deserialize(Reader(tree))
}

/// The value at a path of names and indices.
pub(super) fn find<'t>(tree: &'t Tree, path: &[impl AsRef<str>]) -> Option<&'t Tree> {
    path.iter().map(AsRef::as_ref).try_fold(tree, |tree, step| match &tree.value {
        Node::Map(fields) => fields.iter().find_map(|(name, value)| (name.value == step).then_some(value)),
        Node::List(items) => items.get(step.parse::<usize>().ok()?),
        Node::Scalar(_) => None,
    })
}

/// An error at a tree's place.
pub(super) fn error_at(tree: &Spanned<impl Sized>, message: impl std::fmt::Display) -> DocumentError {
    DocumentError { place: Some(at(&tree.referenced)), message: message.to_string() }
}

#[derive(Debug, Clone, Copy)]
struct Reader<'t>(&'t Tree);

impl Reader<'_> {
    fn place(self) -> Place {
        at(&self.0.referenced)
    }
}

impl<'t> Deserializer<'t> for Reader<'t> {
    type Error = DocumentError;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, DocumentError> {
        let read = match &self.0.value {
            Node::Scalar(Value::Bool(truth)) => visitor.visit_bool(*truth),
            Node::Scalar(Value::Number(number)) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (_, _, number) => visitor.visit_f64(number.unwrap_or_default()),
            },
            Node::Scalar(Value::String(text)) => visitor.visit_borrowed_str(text),
            Node::Scalar(_) => visitor.visit_unit(),
            Node::List(items) => visitor.visit_seq(Items(items.iter())),
            Node::Map(fields) => visitor.visit_map(Fields { rest: fields.iter(), value: None }),
        };
        placed(read, self.place())
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, DocumentError> {
        match &self.0.value {
            Node::Scalar(Value::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, DocumentError> {
        // A number is taken as it is written, as long as that is still known: `1.10` is 1.1 to whoever reads numbers.
        match &self.0.value {
            Node::Scalar(Value::Number(number)) if !number.is_f64() => {
                placed(visitor.visit_string(number.to_string()), self.place())
            }
            Node::Scalar(Value::Bool(truth)) => placed(visitor.visit_string(truth.to_string()), self.place()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, DocumentError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DocumentError> {
        match &self.0.value {
            Node::Scalar(Value::String(text)) => {
                let text: StrDeserializer<'_, DocumentError> = text.as_str().into_deserializer();
                placed(visitor.visit_enum(text), self.place())
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DocumentError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        <V: Visitor<'t>>
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

struct Items<'t>(std::slice::Iter<'t, Tree>);

impl<'t> SeqAccess<'t> for Items<'t> {
    type Error = DocumentError;

    fn next_element_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, DocumentError> {
        self.0.next().map(|item| seed.deserialize(Reader(item))).transpose()
    }
}

struct Fields<'t> {
    rest: std::slice::Iter<'t, (Spanned<String>, Tree)>,
    value: Option<&'t Tree>,
}

impl<'t> MapAccess<'t> for Fields<'t> {
    type Error = DocumentError;

    fn next_key_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, DocumentError> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        let key: StrDeserializer<'_, DocumentError> = name.value.as_str().into_deserializer();
        placed(seed.deserialize(key), at(&name.referenced)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<S::Value, DocumentError> {
        let value = self.value.take().ok_or_else(|| DocumentError::custom("a value is read before its name"))?;
        // What the type's own reader says is about this value.
        placed(seed.deserialize(Reader(value)), at(&value.referenced))
    }
}

fn placed<T>(read: Result<T, DocumentError>, place: Place) -> Result<T, DocumentError> {
    read.map_err(|error| DocumentError { place: error.place.or(Some(place)), ..error })
}

impl Error for DocumentError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self { place: None, message: message.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_as;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        name: String,
        #[serde(default)]
        count: Option<u8>,
        #[serde(default)]
        kind: Kind,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        #[default]
        Small,
        Large,
    }

    fn thing(text: &str) -> Result<Thing, String> {
        read(&parse_as::<Tree>(text).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_tree_becomes_a_type() {
        let expected = Thing { name: "5".to_owned(), count: Some(3), kind: Kind::Large };
        assert_eq!(thing("name: 5\ncount: 3\nkind: large\n").unwrap(), expected);
        assert_eq!(thing("{name: true, count: ~}").unwrap().name, "true");
    }

    #[test]
    fn what_does_not_fit_has_its_place() {
        for (text, error) in [
            ("name: a\ncount: 300\n", "2:8: invalid value: integer `300`, expected u8"),
            ("name: a\ncounts: 3\n", "2:1: unknown field `counts`, expected one of `name`, `count`, `kind`"),
            ("count: 3\n", "1:1: missing field `name`"),
            ("name: [a]\n", "1:7: invalid type: sequence, expected a string"),
            ("name: 1.10\n", "1:7: invalid type: floating point `1.1`, expected a string"),
            ("name: a\nkind: huge\n", "2:7: unknown variant `huge`, expected `small` or `large`"),
        ] {
            assert_eq!(thing(text).unwrap_err(), error);
        }
    }
}
