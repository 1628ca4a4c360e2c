//! A tree from whatever serde reads, so that a type that reads itself can stand in types of serde's.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::fault::placed;
use super::node::Node;
use super::{ReadConfig, json};

/// Reads a type that reads itself from whatever serde reads: for its `Deserialize`, which
/// [`deserialize_by_node!`](crate::deserialize_by_node) writes.
///
/// # Errors
///
/// What is wrong, with the place.
pub fn by_node<'de, T: ReadConfig, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let root = Builder { depth: 0 }.deserialize(deserializer)?;
    T::read_config(&root).map_err(|fault| D::Error::custom(placed(fault, &root)))
}

/// Makes a node of what it meets.
struct Builder {
    depth: u32,
}

impl Builder {
    fn inner<E: Error>(&self) -> Result<Self, E> {
        if self.depth == json::MAX_DEPTH {
            return Err(E::custom("recursion limit exceeded"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Builder {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Builder {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Truth(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        if value.is_finite() { Ok(Node::number(value)) } else { Err(E::custom("JSON has no such number")) }
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut object: Vec<(String, Node)> = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            let Err(at) = object.binary_search_by(|(other, _)| other.cmp(&name)) else {
                return Err(A::Error::custom("this key comes twice; leave one of them out"));
            };
            let value = members.next_value_seed(self.inner()?)?;
            object.insert(at, (name, value));
        }
        Ok(Node::Object(object))
    }
}
