//! From a tree to a type of serde's, strictly.
//!
//! Where a type has fields only an object will do: serde's derived code would take a list of their values too, in the
//! order of the source. What serde keeps aside before it knows the type (`flatten`, `untagged`, and what is in an
//! internally tagged enum) is out of reach for that rule, and so is the path inside of it.

use std::slice;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::{Fault, Step};
use super::key::Key;
use super::node::Node;
use crate::text::{decimal, join};

/// Reads a type that only serde knows.
///
/// # Errors
///
/// What is wrong, and where.
///
/// ```
/// use std::net::IpAddr;
/// use tamis_core::config::{Fault, Node, ReadConfig, by_serde};
///
/// struct Upstream(IpAddr);
///
/// impl ReadConfig for Upstream {
///     fn read_config(node: &Node) -> Result<Self, Fault> {
///         by_serde(node).map(Self)
///     }
/// }
/// # assert!(Upstream::read_config(&Node::Text("::1".to_owned())).is_ok_and(|up| up.0.is_loopback()));
/// ```
pub fn by_serde<T: DeserializeOwned>(node: &Node) -> Result<T, Fault> {
    T::deserialize(node).map_err(|fault| fault.on(node))
}

fn mismatch(node: &Node, expected: &dyn Expected) -> Fault {
    Fault::invalid_type(node.seen(), expected)
}

/// A type that asks for one kind is given that kind or refused here: a visitor's other methods, of which there are dozens for
/// each type, are not linked then.
macro_rules! kinds {
    ($($method:ident($($extra:ty),*): $($kind:ident => $visit:ident),+;)*) => { $(
        #[cold]
        fn $method<V: Visitor<'de>>(self, $(_: $extra,)* visitor: V) -> Result<V::Value, Fault> {
            match self {
                $(Node::$kind(value) => kinds!($visit visitor value),)+
                other => Err(mismatch(other, &visitor)),
            }
        }
    )* };
    (list $visitor:ident $value:ident) => {{
        let mut items = Items::new($value);
        let read = $visitor.visit_seq(&mut *items)?;
        items.end().map(|()| read)
    }};
    (object $visitor:ident $value:ident) => {{
        let mut fields = Fields::new($value);
        let read = $visitor.visit_map(&mut *fields)?;
        fields.end().map(|()| read)
    }};
    (visit_str $visitor:ident $value:ident) => { $visitor.visit_str($value) };
    ($visit:ident $visitor:ident $value:ident) => { $visitor.$visit(*$value) };
}

impl<'de> Deserializer<'de> for &Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Node::Null => visitor.visit_unit(),
            Node::Truth(value) => visitor.visit_bool(*value),
            Node::Whole(value) => visitor.visit_i64(*value),
            Node::Fraction(value) => visitor.visit_f64(*value),
            Node::Text(text) => visitor.visit_str(text),
            Node::List(list) => kinds!(list visitor list),
            Node::Object(object) => kinds!(object visitor object),
        }
    }

    kinds! {
        deserialize_bool(): Truth => visit_bool;
        // Visitors for `u64` take an `i64` that is not negative, those for `i64` and `f64` take it as it is.
        deserialize_i8(): Whole => visit_i64;
        deserialize_i16(): Whole => visit_i64;
        deserialize_i32(): Whole => visit_i64;
        deserialize_i64(): Whole => visit_i64;
        deserialize_i128(): Whole => visit_i64;
        deserialize_u8(): Whole => visit_i64;
        deserialize_u16(): Whole => visit_i64;
        deserialize_u32(): Whole => visit_i64;
        deserialize_u64(): Whole => visit_i64;
        deserialize_u128(): Whole => visit_i64;
        deserialize_f32(): Whole => visit_i64, Fraction => visit_f64;
        deserialize_f64(): Whole => visit_i64, Fraction => visit_f64;
        deserialize_char(): Text => visit_str;
        deserialize_str(): Text => visit_str;
        deserialize_string(): Text => visit_str;
        deserialize_seq(): List => list;
        deserialize_tuple(usize): List => list;
        deserialize_tuple_struct(&'static str, usize): List => list;
        deserialize_map(): Object => object;
        deserialize_struct(&'static str, &'static [&'static str]): Object => object;
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Node::Null => visitor.visit_unit(),
            other => Err(mismatch(other, &visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Node::Null => visitor.visit_none(),
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
        let variant = variant(self, &visitor)?;
        visitor.visit_enum(variant)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { bytes byte_buf identifier }
}

/// The items of a list.
struct Items<'n> {
    items: slice::Iter<'n, Node>,
    next: usize,
}

impl<'n> Items<'n> {
    /// In a box, so that the code that frees it exists once.
    #[inline(never)]
    fn new(items: &'n [Node]) -> Box<Self> {
        Box::new(Self { items: items.iter(), next: 0 })
    }

    #[inline(never)]
    fn advance(&mut self) -> Option<&'n Node> {
        let item = self.items.next();
        self.next += usize::from(item.is_some());
        item
    }

    #[cold]
    #[inline(never)]
    fn within(&self, fault: Fault) -> Fault {
        fault.within(Step::Item(self.next.saturating_sub(1)))
    }

    #[inline(never)]
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

impl<'de> SeqAccess<'de> for &mut Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.advance() else { return Ok(None) };
        seed.deserialize(item).map(Some).map_err(|fault| self.within(fault))
    }
}

/// The fields of an object; `key` and `value` are the one that is read.
struct Fields<'n> {
    fields: slice::Iter<'n, (String, Node)>,
    key: &'n str,
    value: Option<&'n Node>,
}

impl<'n> Fields<'n> {
    #[inline(never)]
    fn new(fields: &'n [(String, Node)]) -> Box<Self> {
        Box::new(Self { fields: fields.iter(), key: "", value: None })
    }

    /// Comes to the next field, if there is one.
    #[inline(never)]
    fn advance(&mut self) -> bool {
        let Some((key, value)) = self.fields.next() else { return false };
        (self.key, self.value) = (key, Some(value));
        true
    }

    #[inline(never)]
    fn value(&mut self) -> Result<&'n Node, Fault> {
        self.value.take().ok_or_else(|| Fault::custom("expected a field"))
    }

    #[cold]
    #[inline(never)]
    fn within(&mut self, fault: Fault) -> Fault {
        fault.within(Step::Field(self.key.to_owned()))
    }

    #[inline(never)]
    fn end(&mut self) -> Result<(), Fault> {
        match self.fields.next() {
            None => Ok(()),
            Some((key, _)) => Err(Fault::custom("there is no place for this field").within(Step::Field(key.clone()))),
        }
    }
}

impl<'de> MapAccess<'de> for &mut Fields<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        if !self.advance() {
            return Ok(None);
        }
        seed.deserialize(Key(self.key)).map(Some).map_err(|fault| self.within(fault))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let value = self.value()?;
        seed.deserialize(value).map_err(|fault| self.within(fault))
    }
}

/// `{"variant": content}`, or the variant's name alone.
struct Variant<'n> {
    name: &'n str,
    content: Option<&'n Node>,
}

#[inline(never)]
fn variant<'n>(node: &'n Node, expected: &dyn Expected) -> Result<Variant<'n>, Fault> {
    match node {
        Node::Text(name) => Ok(Variant { name, content: None }),
        Node::Object(object) => match object.as_slice() {
            [(name, content)] => Ok(Variant { name, content: Some(content) }),
            _ => Err(Fault::invalid_value(Unexpected::Other("an object with none or several"), expected)),
        },
        other => Err(mismatch(other, expected)),
    }
}

impl<'n> Variant<'n> {
    /// What stands behind the name, which must be there.
    #[inline(never)]
    fn content(self, expected: &dyn Expected) -> Result<(String, &'n Node), Fault> {
        match self.content {
            Some(content) => Ok((self.name.to_owned(), content)),
            None => Err(Fault::invalid_type(Unexpected::UnitVariant, expected)),
        }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Fault> {
        match seed.deserialize(Key(self.name)) {
            Ok(value) => Ok((value, self)),
            // The name alone is the value itself; there is no field to go into.
            Err(fault) if self.content.is_none() => Err(fault),
            Err(fault) => Err(fault.within(Step::Field(self.name.to_owned()))),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            None | Some(Node::Null) => Ok(()),
            Some(_) => Err(Fault::custom("expected nothing here").within(Step::Field(self.name.to_owned()))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let (name, content) = self.content(&"newtype variant")?;
        seed.deserialize(content).map_err(|fault| fault.within(Step::Field(name)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        let (name, content) = self.content(&"tuple variant")?;
        content.deserialize_seq(visitor).map_err(|fault| fault.within(Step::Field(name)))
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        let (name, content) = self.content(&"struct variant")?;
        content.deserialize_struct("", names, visitor).map_err(|fault| fault.within(Step::Field(name)))
    }
}
