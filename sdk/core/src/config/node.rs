//! What a JSON text says, whoever wrote it down.
//!
//! A protobuf Struct, which is what a `WasmPlugin` sends, knows neither integers nor an order of keys. So two texts that
//! differ in nothing else are the same tree, and a filter that is tested with one of them is tested with the other.

use std::fmt::Display;

use serde::de::Unexpected;

use super::ReadConfig;
use super::fault::{Fault, Step};
use super::json;
use crate::text::{decimal, join};

/// The largest integer that is itself after it was a double, and that no other integer becomes.
pub(crate) const LARGEST: i64 = (1 << 53) - 1;

/// A value of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `null`, or nothing.
    Null,
    /// `true` or `false`.
    Truth(bool),
    /// Any number that a double holds as a whole one, up to 2^53 - 1 on both sides of 0, however it was written.
    Whole(i64),
    /// Any other number.
    Fraction(f64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// The fields by their names, sorted, each name once. Not a map type: that costs a module five kilobytes, and what a proxy
    /// or the command sends is sorted already.
    Object(Vec<(String, Node)>),
}

/// Which of an enum's variants a node names, and what it gives it.
#[derive(Debug)]
pub struct Variant<'n> {
    /// Its place in the list of names.
    pub place: usize,
    node: &'n Node,
    content: Option<&'n Node>,
}

impl Node {
    /// Reads a text; nothing at all is the empty object.
    ///
    /// # Errors
    ///
    /// What is no JSON, as deep as 127 arrays and objects in one another, or has a key twice in an object.
    pub fn parse(json: &[u8]) -> Result<Self, Fault> {
        if json.trim_ascii().is_empty() {
            return Ok(Self::Object(Vec::new()));
        }
        json::read(json)
    }

    /// A number that is whole if it is one below the bound.
    #[must_use]
    pub fn number(value: f64) -> Self {
        let bound = LARGEST as f64;
        if value.fract() == 0.0 && (-bound..=bound).contains(&value) {
            Self::Whole(value as i64)
        } else {
            Self::Fraction(value)
        }
    }

    /// That this value cannot be meant. The words end up in logs: they repeat nothing of it.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn refused(&self, why: &dyn Display) -> Fault {
        Fault::at(self, why.to_string())
    }

    /// That this value is of the wrong kind.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn instead_of(&self, wanted: &str) -> Fault {
        Fault::instead(wanted, self.seen()).on(self)
    }

    pub(super) fn seen(&self) -> Unexpected<'_> {
        match self {
            Self::Null => Unexpected::Unit,
            Self::Truth(value) => Unexpected::Bool(*value),
            Self::Whole(value) => Unexpected::Signed(*value),
            Self::Fraction(value) => Unexpected::Float(*value),
            Self::Text(text) => Unexpected::Str(text),
            Self::List(_) => Unexpected::Seq,
            Self::Object(_) => Unexpected::Map,
        }
    }

    /// The text of a string.
    ///
    /// # Errors
    ///
    /// When it is something else.
    #[inline(never)]
    pub fn text(&self) -> Result<&str, Fault> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(other.instead_of("a string")),
        }
    }

    /// What a string says, read by a function that says what is wrong with it.
    ///
    /// # Errors
    ///
    /// When it is something else, or the function refuses it.
    pub fn parsed<T, E: Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, Fault> {
        parse(self.text()?).map_err(|error| self.refused(&error))
    }

    /// A whole number between two.
    ///
    /// # Errors
    ///
    /// When it is another one, or something else.
    #[inline(never)]
    pub fn whole(&self, least: i64, most: i64) -> Result<i64, Fault> {
        match self {
            Self::Whole(number) if (least..=most).contains(number) => Ok(*number),
            other => Err(other.instead_of(&between(least, most))),
        }
    }

    /// The items of a list.
    ///
    /// # Errors
    ///
    /// When it is something else.
    #[inline(never)]
    pub fn items(&self) -> Result<&[Self], Fault> {
        match self {
            Self::List(items) => Ok(items),
            other => Err(other.instead_of("a list")),
        }
    }

    /// The fields of an object, in the order of their names.
    ///
    /// # Errors
    ///
    /// When it is something else.
    #[inline(never)]
    pub fn fields(&self) -> Result<&[(String, Self)], Fault> {
        match self {
            Self::Object(fields) => Ok(fields),
            other => Err(other.instead_of("an object")),
        }
    }

    /// Whether it is an object whose fields all have one of these names.
    ///
    /// # Errors
    ///
    /// When it is something else, or has another field.
    #[inline(never)]
    pub fn record(&self, names: &'static [&'static str]) -> Result<(), Fault> {
        match self.fields()?.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, value)) => Err(Fault::unknown_field(name, names).on(value)),
        }
    }

    /// A field of an object; nothing when it is not there.
    #[inline(never)]
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(other, _)| other == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A field that must be there.
    ///
    /// # Errors
    ///
    /// When it is not.
    #[inline(never)]
    pub fn need(&self, name: &str) -> Result<&Self, Fault> {
        match self.get(name) {
            Some(field) => Ok(field),
            None => Err(Fault::at(self, join(&["missing field `", name, "`"]))),
        }
    }

    /// Reads a field that must be there.
    ///
    /// # Errors
    ///
    /// When it is not there, or is wrong.
    pub fn required<T: ReadConfig>(&self, name: &str) -> Result<T, Fault> {
        T::read_config(self.need(name)?)
    }

    /// Reads a field that may be left out into its place, which stays as it is then.
    ///
    /// # Errors
    ///
    /// When it is wrong.
    #[inline(never)]
    pub fn optional<T: ReadConfig>(&self, name: &str, place: &mut T) -> Result<(), Fault> {
        self.get(name).map_or(Ok(()), |node| place.read_into(node))
    }

    /// Which variant it names: `"variant"`, or `{"variant": content}`.
    ///
    /// # Errors
    ///
    /// When it is neither, or names none of these.
    #[inline(never)]
    pub fn variant(&self, names: &'static [&'static str]) -> Result<Variant<'_>, Fault> {
        let (name, at, content) = match self {
            Self::Text(name) => (name, self, None),
            Self::Object(fields) => match fields.as_slice() {
                [(name, content)] => (name, content, Some(content)),
                _ => return Err(Fault::instead(ENUM, Unexpected::Other("an object with none or several")).on(self)),
            },
            other => return Err(other.instead_of(ENUM)),
        };
        match names.iter().position(|known| known == name) {
            Some(place) => Ok(Variant { place, node: self, content }),
            None => Err(Fault::unknown_word(names).on(at)),
        }
    }

    /// Which of these words it is.
    ///
    /// # Errors
    ///
    /// When it is none of them.
    #[inline(never)]
    pub fn word(&self, names: &'static [&'static str]) -> Result<usize, Fault> {
        self.variant(names)?.alone()
    }

    /// The way to a node that is in this one, which is known by its address.
    pub(super) fn way(&self, address: usize) -> Option<Vec<Step>> {
        if std::ptr::from_ref(self).addr() == address {
            return Some(Vec::new());
        }
        let below = |step: Step, node: &Self| {
            node.way(address).map(|mut outward| {
                outward.push(step);
                outward
            })
        };
        match self {
            Self::List(items) => items.iter().enumerate().find_map(|(i, item)| below(Step::Item(i), item)),
            Self::Object(fields) => fields.iter().find_map(|(name, value)| below(Step::Field(name.clone()), value)),
            _ => None,
        }
    }
}

const ENUM: &str = "a word, or an object with one field";

impl Variant<'_> {
    /// Its place, when the variant has no content.
    ///
    /// # Errors
    ///
    /// When something is given to it.
    #[inline(never)]
    pub fn alone(&self) -> Result<usize, Fault> {
        match self.content {
            None | Some(Node::Null) => Ok(self.place),
            Some(content) => Err(content.refused(&"expected nothing here")),
        }
    }

    /// Reads its content.
    ///
    /// # Errors
    ///
    /// When there is none, or it is wrong.
    pub fn content<T: ReadConfig>(&self) -> Result<T, Fault> {
        T::read_config(self.given()?)
    }

    #[inline(never)]
    fn given(&self) -> Result<&Node, Fault> {
        self.content.ok_or_else(|| self.node.instead_of("an object with one field"))
    }
}

/// In words: a whole number between two. What is larger than [`LARGEST`] does not come through a proxy as it was written.
fn between(least: i64, most: i64) -> String {
    let number = |number: i64| {
        let digits = decimal(number.clamp(-LARGEST, LARGEST).unsigned_abs());
        if number < 0 { join(&["-", &digits]) } else { digits }
    };
    join(&["a whole number from ", &number(least), " to ", &number(most)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Node {
        Node::parse(json.as_bytes()).unwrap()
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
        assert_eq!(read("9007199254740991.0"), Node::Whole(LARGEST));
        assert_eq!(read("90071992547409910000000e-7"), Node::Whole(LARGEST));
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
            let (path, message) = Node::parse(json.as_bytes()).unwrap_err().into_parts(&Node::Null);
            assert_eq!(format!("{path}: {message}"), error, "{json}");
        }
    }

    #[test]
    fn depth_has_a_bound() {
        let (_, message) = Node::parse("[".repeat(100_000).as_bytes()).unwrap_err().into_parts(&Node::Null);
        assert_eq!(message, "recursion limit exceeded");
    }
}
