//! What a JSON text says, whoever wrote it down.
//!
//! A protobuf Struct, which is what a `WasmPlugin` sends, knows neither integers nor an order of keys. So two texts that
//! differ in nothing else are the same tree, and a filter that is tested with one of them is tested with the other.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::fault::{Fault, Step};

/// The largest integer that is itself after it was a double, and that no other integer becomes.
pub(super) const LARGEST: i64 = (1 << 53) - 1;

/// The same for what is written with a point or an exponent: above it serde_json, as it is built here, may be wrong by
/// one (its exact way costs a module 28 kilobytes). No proxy writes such integers so.
const LARGEST_WITH_POINT: i64 = (1 << 52) - 1;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Truth(bool),
    /// Any number that a double holds as a whole one, up to [`LARGEST`] on both sides of 0, however it was written.
    Whole(i64),
    /// Any other number.
    Fraction(f64),
    Text(String),
    List(Vec<Node>),
    /// The fields by their names, sorted. Not a map type: that costs a module five kilobytes, and what a proxy or the
    /// command sends is sorted already.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Reads a text; nothing at all is the empty object.
    pub(super) fn read(json: &[u8]) -> Result<Self, Fault> {
        if json.trim_ascii().is_empty() {
            return Ok(Self::Object(Vec::new()));
        }
        let mut reader = serde_json::Deserializer::from_slice(json);
        let mut trail = Vec::new();
        let node = Reader { trail: &mut trail }.deserialize(&mut reader);
        let node = node.and_then(|node| reader.end().map(|()| node));
        node.map_err(|error| Fault::new(trail, without_position(error.to_string())))
    }

    /// A number that is whole if it is one below the bound.
    fn number(value: f64, bound: i64) -> Self {
        let bound = bound as f64;
        if value.fract() == 0.0 && (-bound..=bound).contains(&value) {
            Self::Whole(value as i64)
        } else {
            Self::Fraction(value)
        }
    }
}

/// Reads a value, and remembers the way to it for as long as it is not read.
struct Reader<'t> {
    trail: &'t mut Vec<Step>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Truth(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::number(value as f64, LARGEST))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::number(value as f64, LARGEST))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::number(value, LARGEST_WITH_POINT))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        loop {
            self.trail.push(Step::Item(list.len()));
            let item = items.next_element_seed(Reader { trail: &mut *self.trail })?;
            self.trail.pop();
            match item {
                Some(item) => list.push(item),
                None => return Ok(Node::List(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut object: Vec<(String, Node)> = Vec::new();
        while let Some(key) = fields.next_key::<String>()? {
            self.trail.push(Step::Field(key.clone()));
            let Err(at) = object.binary_search_by(|(other, _)| other.cmp(&key)) else {
                return Err(A::Error::custom("this key comes twice; leave one of them out"));
            };
            let value = fields.next_value_seed(Reader { trail: &mut *self.trail })?;
            object.insert(at, (key, value));
            self.trail.pop();
        }
        Ok(Node::Object(object))
    }
}

/// Takes serde_json's ` at line 1 column 9` off: the JSON was made by a proxy or by a command, nobody wrote its lines.
fn without_position(mut message: String) -> String {
    if let Some(at) = message.rfind(" at line ") {
        message.truncate(at);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Node {
        Node::read(json.as_bytes()).unwrap()
    }

    #[test]
    fn the_way_a_number_is_written_says_nothing() {
        for (one, other) in
            [("1", "1.0"), ("-3", "-3e0"), ("0", "-0.0"), ("0", "-0"), ("900719925474099", "900719925474099.0")]
        {
            assert_eq!(read(one), read(other), "{one} and {other}");
        }
        assert_eq!(read("9007199254740991"), Node::Whole(LARGEST));
        assert_eq!(read("9007199254740992"), Node::Fraction(9_007_199_254_740_992.0));
        assert_eq!(read("9007199254740993"), Node::Fraction(9_007_199_254_740_992.0));
        assert_eq!(read("-9007199254740992"), Node::Fraction(-9_007_199_254_740_992.0));
        assert!(matches!(read("9007199254740991.0"), Node::Fraction(_)));
        assert_eq!(read("0.5"), Node::Fraction(0.5));
    }

    #[test]
    fn the_order_of_keys_says_nothing() {
        assert_eq!(read(r#"{"a": 1, "b": {"c": 2, "d": []}}"#), read(r#"{"b": {"d": [], "c": 2}, "a": 1}"#));
    }

    #[test]
    fn what_is_not_json_has_a_place() {
        for (json, error) in [
            (r#"{"a": [1, {"b": 1, "b": 2}]}"#, "a[1].b: this key comes twice; leave one of them out"),
            (r#"{"a": [1, nul]}"#, "a[1]: expected ident"),
            (r#"{"a": 1"#, ": EOF while parsing an object"),
            ("{} {}", ": trailing characters"),
            ("\u{1}", ": expected value"),
        ] {
            let (path, message) = Node::read(json.as_bytes()).unwrap_err().into_parts();
            assert_eq!(format!("{path}: {message}"), error, "{json}");
        }
    }

    #[test]
    fn depth_has_a_bound() {
        let (_, message) = Node::read("[".repeat(100_000).as_bytes()).unwrap_err().into_parts();
        assert_eq!(message, "recursion limit exceeded");
    }
}
