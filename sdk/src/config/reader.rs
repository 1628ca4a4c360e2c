//! From a tree to a type, strictly.
//!
//! Where a type has fields only an object will do: serde's derived code would take a list of their values too, in the
//! order of the source. What serde keeps aside before it knows the type (`flatten`, `untagged`, and what is in an
//! internally tagged enum) is out of reach for that rule, and so is the path inside of it.

use std::vec;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::{Fault, Step};
use super::key::Key;
use super::tree::Node;
use crate::text::{decimal, join};

impl Node {
    #[cold]
    fn instead_of<'de, V: Visitor<'de>>(&self, visitor: &V) -> Fault {
        let found = match self {
            Self::Null => Unexpected::Unit,
            Self::Truth(value) => Unexpected::Bool(*value),
            Self::Whole(value) => Unexpected::Signed(*value),
            Self::Fraction(value) => Unexpected::Float(*value),
            Self::Text(text) => Unexpected::Str(text),
            Self::List(_) => Unexpected::Seq,
            Self::Object(_) => Unexpected::Map,
        };
        Fault::invalid_type(found, visitor)
    }
}

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Truth(value) => visitor.visit_bool(value),
            // Visitors for `u64` take an `i64` that is not negative, those for `i64` and `f64` take it as it is.
            Self::Whole(value) => visitor.visit_i64(value),
            Self::Fraction(value) => visitor.visit_f64(value),
            Self::Text(text) => visitor.visit_string(text),
            Self::List(list) => {
                let mut items = Items { items: list.into_iter(), next: 0 };
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Self::Object(object) => {
                let mut fields = Fields { fields: object.into_iter(), value: None };
                let value = visitor.visit_map(&mut fields)?;
                fields.end().map(|()| value)
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Object(_) => self.deserialize_any(visitor),
            other => Err(other.instead_of(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Null => visitor.visit_none(),
            some => visitor.visit_some(some),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Text(name) => visitor.visit_enum(name.into_deserializer()),
            Self::Object(object) => match <[_; 1]>::try_from(object) {
                Ok([(name, content)]) => visitor.visit_enum(Variant { name, content }),
                Err(_) => Err(Fault::invalid_value(Unexpected::Other("an object with none or several"), &visitor)),
            },
            other => Err(other.instead_of(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

/// The items of a list.
struct Items {
    items: vec::IntoIter<Node>,
    next: usize,
}

impl Items {
    fn end(&self) -> Result<(), Fault> {
        match self.items.len() {
            0 => Ok(()),
            rest => {
                let wanted = join(&["a list of ", &decimal(self.next as u64)]);
                Err(Fault::invalid_length(self.next + rest, &wanted.as_str()))
            }
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let at = self.next;
        self.next += 1;
        seed.deserialize(item).map(Some).map_err(|fault| fault.within(Step::Item(at)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The fields of an object; `value` is the one whose key was read.
struct Fields {
    fields: vec::IntoIter<(String, Node)>,
    value: Option<(String, Node)>,
}

impl Fields {
    fn end(&mut self) -> Result<(), Fault> {
        match self.fields.next() {
            None => Ok(()),
            Some((key, _)) => Err(Fault::custom("there is no place for this field").within(Step::Field(key))),
        }
    }
}

impl<'de> MapAccess<'de> for &mut Fields {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.fields.next() else { return Ok(None) };
        let read = seed.deserialize(Key(&key));
        match read {
            Ok(read) => {
                self.value = Some((key, value));
                Ok(Some(read))
            }
            Err(fault) => Err(fault.within(Step::Field(key))),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Some((key, value)) = self.value.take() else { return Err(Fault::custom("expected a field")) };
        seed.deserialize(value).map_err(|fault| fault.within(Step::Field(key)))
    }
}

/// `{"variant": content}`.
struct Variant {
    name: String,
    content: Node,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Fault> {
        let name: StringDeserializer<Fault> = self.name.clone().into_deserializer();
        match seed.deserialize(name) {
            Ok(value) => Ok((value, self)),
            Err(fault) => Err(fault.within(Step::Field(self.name))),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            Node::Null => Ok(()),
            _ => Err(Fault::custom("expected nothing here").within(Step::Field(self.name))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.content).map_err(|fault| fault.within(Step::Field(self.name)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content.deserialize_any(visitor).map_err(|fault| fault.within(Step::Field(self.name)))
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.content.deserialize_struct("", names, visitor).map_err(|fault| fault.within(Step::Field(self.name)))
    }
}
