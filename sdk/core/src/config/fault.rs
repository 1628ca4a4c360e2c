//! What is wrong with a value, in words for the person who wrote it, and the way to it.
//!
//! serde says which visitor met which token; people are told what they may write there. No text that stands in a
//! configuration is repeated, because it may be a secret.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use super::node::Node;
use crate::text::{decimal, fraction, join as text};

/// What is wrong, and with which node. Boxed, because every reading function returns one in its result.
#[derive(Debug)]
pub struct Fault(Box<Parts>);

#[derive(Debug)]
struct Parts {
    /// The address of the node, where one is known; 0 is none.
    node: usize,
    /// The way from there, as serde has gone it. The innermost step is the first.
    outward: Vec<Step>,
    message: String,
}

/// A step from a value to one in it.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Field(String),
    Item(usize),
}

impl Fault {
    /// At the end of a way that begins at the whole.
    pub(super) fn new(mut inward: Vec<Step>, message: String) -> Self {
        inward.reverse();
        Self(Box::new(Parts { node: 0, outward: inward, message }))
    }

    /// Of a node.
    #[cold]
    #[inline(never)]
    pub(super) fn at(node: &Node, message: String) -> Self {
        Self::here(message).on(node)
    }

    /// Seen from this node, unless it is known of one in it.
    #[cold]
    #[inline(never)]
    pub(super) fn on(mut self, node: &Node) -> Self {
        if self.0.node == 0 {
            self.0.node = std::ptr::from_ref(node).addr();
        }
        self
    }

    /// The same, seen from the value around it.
    pub(super) fn within(mut self, step: Step) -> Self {
        self.0.outward.push(step);
        self
    }

    /// The path in the tree `root`, in the form `rules[2].name`, and what is wrong there.
    #[must_use]
    pub fn into_parts(self, root: &Node) -> (String, String) {
        let Parts { node, mut outward, message } = *self.0;
        outward.extend(root.way(node).unwrap_or_default());
        let mut path = String::new();
        for step in outward.iter().rev() {
            path = match step {
                Step::Item(index) => text(&[&path, "[", &decimal(*index as u64), "]"]),
                Step::Field(name) if path.is_empty() => name.clone(),
                // What stands in a type of serde's brings its own way along.
                Step::Field(name) if name.starts_with('[') => text(&[&path, name]),
                Step::Field(name) => text(&[&path, ".", name]),
            };
        }
        (path, message)
    }

    /// Something was expected, and something else found.
    #[cold]
    #[inline(never)]
    pub(super) fn instead(expected: &str, found: Unexpected<'_>) -> Self {
        Self::here(text(&["expected ", expected, ", found ", &met(found, "a string")]))
    }

    /// A word that is none of these.
    #[cold]
    #[inline(never)]
    pub(super) fn unknown_word(expected: &'static [&'static str]) -> Self {
        Self::here(text(&["expected ", &one_of(expected), ", found another word"]))
    }

    /// A field that is none of these.
    #[cold]
    #[inline(never)]
    pub(super) fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        let known = match expected {
            [] => "there are no fields".to_owned(),
            [_] | [_, _] => text(&["expected ", &one_of(expected)]),
            _ => text(&["expected one of ", &listed(expected, "`, `")]),
        };
        Self::here(text(&["unknown field `", name, "`, ", &known]))
    }

    #[cold]
    fn here(message: String) -> Self {
        Self::new(Vec::new(), message)
    }
}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        if message.starts_with("data did not match any variant of untagged enum") {
            return Self::here("this has none of the forms that are possible here".to_owned());
        }
        // What reads itself from a node was in the midst of types of serde, and says its own way; see `placed`.
        if let Some((way, message)) = message.strip_prefix("at `").and_then(way_and_message) {
            return Self::here(message.to_owned()).within(Step::Field(way.to_owned()));
        }
        Self::here(message)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::instead(&wanted(expected), found)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = met(found, "another string");
        Self::here(text(&["expected ", &wanted(expected), ", found ", &found]))
    }

    fn invalid_length(found: usize, expected: &dyn Expected) -> Self {
        Self::here(text(&["expected ", &wanted(expected), ", found ", &decimal(found as u64)]))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown_word(expected)
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown_field(name, expected)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::here(text(&["missing field `", name, "`"]))
    }
}

/// The words for a fault in a tree of its own, with the way in it: what serde's errors can carry.
pub(super) fn placed(fault: Fault, root: &Node) -> String {
    let (path, message) = fault.into_parts(root);
    if path.is_empty() { message } else { text(&["at `", &path, WAY_END, &message]) }
}

/// By bytes: Rust's search for a text in a text is seven kilobytes.
fn way_and_message(text: &str) -> Option<(&str, &str)> {
    let end = text.as_bytes().windows(WAY_END.len()).position(|bytes| bytes == WAY_END.as_bytes())?;
    Some((text.get(..end)?, text.get(end + WAY_END.len()..)?))
}

const WAY_END: &str = "`: ";

/// Names in quotes: "`a`, `b` or `c`".
fn one_of(names: &[&str]) -> String {
    listed(names, "` or `")
}

fn listed(names: &[&str], last: &str) -> String {
    let mut list = String::new();
    for (i, name) in names.iter().enumerate() {
        let before = match i {
            0 => "`",
            i if i + 1 == names.len() => last,
            _ => "`, `",
        };
        list = text(&[&list, before, name]);
    }
    list.push('`');
    list
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Fault {}

#[cold]
#[inline(never)]
fn number(digits: &str) -> String {
    text(&["the number ", digits])
}

/// What was met. `string` stands for any string.
fn met(found: Unexpected<'_>, string: &str) -> String {
    match found {
        Unexpected::Bool(value) => if value { "true" } else { "false" }.to_owned(),
        Unexpected::Unsigned(value) => number(&decimal(value)),
        Unexpected::Signed(value) if value < 0 => number(&text(&["-", &decimal(value.unsigned_abs())])),
        Unexpected::Signed(value) => number(&decimal(value.unsigned_abs())),
        Unexpected::Float(value) if value.fract() == 0.0 => {
            text(&[&number(&fraction(value)), ", which no proxy hands on unchanged"])
        }
        Unexpected::Float(value) => number(&fraction(value)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map | Unexpected::StructVariant => "an object".to_owned(),
        Unexpected::Other(other) => other.to_owned(),
        _ => string.to_owned(),
    }
}

/// What a person may write where a type asks for it in Rust's words. A type's own words stay as they are.
fn wanted(expected: &dyn Expected) -> String {
    let rust = expected.to_string();
    for &(begin, person) in WORDS {
        match rust.strip_prefix(begin) {
            Some("") => return person.to_owned(),
            Some(rest) if person.ends_with(' ') => return text(&[person, rest]),
            Some(_) if begin.ends_with(' ') => return person.to_owned(),
            _ => {}
        }
    }
    rust
}

/// What serde and its derived code say, and the same for people. A space at the end stands for any rest, which is kept
/// where there is one at the end of both.
const WORDS: &[(&str, &str)] = &[
    ("i8", "a whole number from -128 to 127"),
    ("u8", "a whole number from 0 to 255"),
    ("i16", "a whole number from -32768 to 32767"),
    ("u16", "a whole number from 0 to 65535"),
    ("i32", "a whole number from -2147483648 to 2147483647"),
    ("u32", "a whole number from 0 to 4294967295"),
    // What is larger does not come through a proxy as it was written: a protobuf Struct makes a double of it.
    ("i64", "a whole number from -9007199254740991 to 9007199254740991"),
    ("i128", "a whole number from -9007199254740991 to 9007199254740991"),
    ("isize", "a whole number from -9007199254740991 to 9007199254740991"),
    ("u64", "a whole number from 0 to 9007199254740991"),
    ("u128", "a whole number from 0 to 9007199254740991"),
    ("usize", "a whole number from 0 to 9007199254740991"),
    ("f32", "a number"),
    ("f64", "a number"),
    ("a boolean", "true or false"),
    ("a borrowed string", "a string"),
    ("a character", "a single character"),
    ("unit", "nothing"),
    ("a sequence", "a list"),
    ("a map", "an object"),
    ("struct ", "an object"),
    ("internally tagged enum ", "an object"),
    ("adjacently tagged enum ", "an object"),
    ("variant identifier", "a word"),
    ("field identifier", "a word"),
    ("enum ", "a word, or an object with one field"),
    ("a tuple of size ", "a list of "),
    ("tuple ", "a list"),
    ("an array of length ", "a list of "),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn said(fault: Fault) -> String {
        fault.to_string()
    }

    #[test]
    fn strings_are_not_repeated() {
        assert_eq!(
            said(Fault::invalid_type(Unexpected::Str("secret"), &"u8")),
            "expected a whole number from 0 to 255, found a string"
        );
        assert_eq!(
            said(Fault::invalid_value(Unexpected::Str("secret"), &"a colour")),
            "expected a colour, found another string"
        );
        assert_eq!(
            said(Fault::invalid_value(Unexpected::Char('s'), &"a colour")),
            "expected a colour, found another string"
        );
        assert_eq!(
            said(Fault::invalid_type(Unexpected::Bytes(b"secret"), &"a map")),
            "expected an object, found a string"
        );
        assert_eq!(said(Fault::unknown_variant("secret", &["a"])), "expected `a`, found another word");
        assert_eq!(
            said(Fault::unknown_variant("secret", &["a", "b", "c"])),
            "expected `a`, `b` or `c`, found another word"
        );
    }

    #[test]
    fn only_words_of_rust_are_replaced() {
        for (rust, person) in [
            ("a map", "an object"),
            ("a map of names to values", "a map of names to values"),
            ("struct HeaderEdits", "an object"),
            ("a tuple of size 2", "a list of 2"),
            ("tuple struct Pair with 2 elements", "a list"),
            ("an array of length 3", "a list of 3"),
            ("unit", "nothing"),
            ("units of time", "units of time"),
        ] {
            assert_eq!(wanted(&rust), person);
        }
    }

    #[test]
    fn paths_are_told_from_the_outside() {
        let fault =
            Fault::custom("wrong").within(Step::Item(3)).within(Step::Item(0)).within(Step::Field("rules".to_owned()));
        assert_eq!(fault.into_parts(&Node::Null), ("rules[0][3]".to_owned(), "wrong".to_owned()));
    }

    #[test]
    fn a_node_says_where_it_stands() {
        let root = Node::parse(br#"{"rules": [{"a": 1}, {"a": [true, false]}]}"#).unwrap();
        let item = &root.get("rules").unwrap().items().unwrap()[1].get("a").unwrap().items().unwrap()[1];
        let path = |fault: Fault| fault.into_parts(&root).0;
        assert_eq!(path(item.refused(&"wrong")), "rules[1].a[1]");
        assert_eq!(path(Fault::custom("wrong").within(Step::Field("b".to_owned())).on(item)), "rules[1].a[1].b");
        assert_eq!(path(root.refused(&"wrong")), "");
        let inner = placed(item.refused(&"wrong"), &root);
        assert_eq!(inner, "at `rules[1].a[1]`: wrong");
        assert_eq!(
            path(Fault::custom(inner).within(Step::Item(2)).within(Step::Field("x".to_owned()))),
            "x[2].rules[1].a[1]"
        );
    }
}
