//! What is wrong with a value, in words for the person who wrote it, and the way to it.
//!
//! serde says which visitor met which token; people are told what they may write there. No text that stands in a
//! configuration is repeated, because it may be a secret.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use crate::text::{decimal, fraction, join as text};

/// An error, and the way to it. Boxed, because every reading function returns one in its result.
#[derive(Debug)]
pub(super) struct Fault(Box<Parts>);

#[derive(Debug)]
struct Parts {
    /// The innermost step is the first.
    outward: Vec<Step>,
    message: String,
}

/// A step from a value to one in it.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Field(String),
    Item(usize),
}

impl Fault {
    /// At the end of a way that begins at the whole.
    pub(super) fn new(mut inward: Vec<Step>, message: String) -> Self {
        inward.reverse();
        Self(Box::new(Parts { outward: inward, message }))
    }

    /// The same, seen from the value around it.
    pub(super) fn within(mut self, step: Step) -> Self {
        self.0.outward.push(step);
        self
    }

    /// The path, in the form `rules[2].name`, and what is wrong there.
    pub(super) fn into_parts(self) -> (String, String) {
        let Parts { outward, message } = *self.0;
        let mut path = String::new();
        for step in outward.iter().rev() {
            path = match step {
                Step::Item(index) => text(&[&path, "[", &decimal(*index as u64), "]"]),
                Step::Field(name) if path.is_empty() => name.clone(),
                Step::Field(name) => text(&[&path, ".", name]),
            };
        }
        (path, message)
    }

    /// Something was expected, and something else found.
    #[cold]
    pub(super) fn instead(expected: &str, found: &str) -> Self {
        Self::here(text(&["expected ", expected, ", found ", found]))
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
        Self::here(message)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::instead(&wanted(expected), &met(found, "a string"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::instead(&wanted(expected), &met(found, "another string"))
    }

    fn invalid_length(found: usize, expected: &dyn Expected) -> Self {
        Self::instead(&wanted(expected), &decimal(found as u64))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        let mut message = "expected ".to_owned();
        for (i, name) in expected.iter().enumerate() {
            let before = match i {
                0 => "`",
                i if i + 1 == expected.len() => " or `",
                _ => ", `",
            };
            message = text(&[&message, before, name, "`"]);
        }
        message.push_str(", found another word");
        Self::here(message)
    }
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
        assert_eq!(fault.into_parts(), ("rules[0][3]".to_owned(), "wrong".to_owned()));
    }
}
