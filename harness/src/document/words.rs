//! What the YAML parser says, in words for the person who wrote the file: what may stand there, not what its types or
//! its own interface are called. No string of the file is repeated.

use std::borrow::Cow;

use serde_saphyr::{DefaultMessageFormatter, Error, MessageFormatter};

/// The parser's messages, those that a person cannot act on replaced.
#[derive(Debug)]
pub(super) struct Words;

impl MessageFormatter for Words {
    fn format_message<'a>(&self, error: &'a Error) -> Cow<'a, str> {
        match error {
            Error::DuplicateMappingKey { key: Some(key), .. } => {
                Cow::Owned(format!("the key `{key}` comes twice; leave one of them out"))
            }
            Error::DuplicateMappingKey { key: None, .. } => Cow::Borrowed("a key comes twice; leave one of them out"),
            Error::InvalidScalar { ty, .. } => Cow::Owned(format!("expected {}", wanted(ty))),
            Error::SerdeInvalidType { unexpected, expected, .. }
            | Error::SerdeInvalidValue { unexpected, expected, .. } => {
                Cow::Owned(format!("expected {}, found {}", wanted(expected), met(unexpected)))
            }
            Error::SerdeInvalidLength { len, expected, .. } => {
                Cow::Owned(format!("expected {}, found {len}", wanted(expected)))
            }
            Error::SerdeUnknownVariant { expected, .. } => {
                Cow::Owned(format!("expected {}, found another word", one_of(expected)))
            }
            Error::SerdeUnknownField { field, expected, .. } => {
                Cow::Owned(format!("unknown field `{field}`, expected {}", one_of(expected)))
            }
            Error::Unexpected { expected, .. } => Cow::Owned(format!("expected {}", wanted(expected))),
            Error::InvalidBooleanStrict { .. } => Cow::Borrowed("expected true or false"),
            Error::Eof { .. } => Cow::Borrowed("the file ends here, but more was expected"),
            other => DefaultMessageFormatter.format_message(other),
        }
    }
}

/// What a person may write where a type asks for it in Rust's words. A type's own words stay as they are.
fn wanted(rust: &str) -> &str {
    match rust {
        "i8" => "a number from -128 to 127",
        "u8" => "a number from 0 to 255",
        "i16" => "a number from -32768 to 32767",
        "u16" => "a number from 0 to 65535",
        "i32" => "a number from -2147483648 to 2147483647",
        "u32" => "a number from 0 to 4294967295",
        "i64" | "i128" | "isize" | "an integer" => "a whole number",
        "u64" | "u128" | "usize" => "a whole number from 0",
        "f32" | "f64" | "floating point" => "a number",
        "boolean" | "a boolean" => "true or false",
        "a borrowed string" | "string" | "string scalar" => "a string",
        "unit" | "null" => "nothing",
        "a sequence" | "seq" | "sequence" | "sequence start" => "a list",
        "a map" | "map" | "mapping" | "mapping start" => "an object",
        _ if rust.starts_with("struct ") => "an object",
        _ if rust.starts_with("enum ") => "a word, or an object with one field",
        _ => rust,
    }
}

/// What was met, from serde's words for it.
fn met(serde: &str) -> Cow<'_, str> {
    let (kind, value) = serde.split_once(" `").unwrap_or((serde, ""));
    match kind {
        "integer" | "floating point" => Cow::Owned(format!("the number {}", value.trim_end_matches('`'))),
        "boolean" => Cow::Owned(value.trim_end_matches('`').to_owned()),
        "null" | "unit value" | "Option value" => Cow::Borrowed("nothing"),
        "sequence" => Cow::Borrowed("a list"),
        "map" => Cow::Borrowed("an object"),
        _ if serde.starts_with("string ") || kind == "character" || serde == "byte array" => Cow::Borrowed("a string"),
        _ => Cow::Borrowed(serde),
    }
}

fn one_of(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => format!("`{one}`"),
        [first @ .., last] => format!("`{}` or `{last}`", first.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use crate::document::parse_as;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(default)]
        _status: u16,
        #[serde(default)]
        _ratio: f32,
        #[serde(default)]
        _on: bool,
        #[serde(default)]
        _names: Vec<String>,
        #[serde(default)]
        _mode: Mode,
        #[serde(default)]
        _inner: Inner,
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        #[default]
        Open,
        Closed,
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {}

    #[derive(Debug, serde::Deserialize)]
    struct Needed {
        #[serde(rename = "a")]
        _a: u8,
    }

    #[test]
    fn people_are_told_what_to_write() {
        let told = [
            ("_status: secret", "1:10: expected a number from 0 to 65535"),
            ("_status: 70000", "1:10: expected a number from 0 to 65535"),
            ("_ratio: secret", "1:9: expected a number"),
            ("_on: secret", "1:6: expected true or false"),
            ("_names: secret", "1:9: expected a list"),
            ("_names: {a: secret}", "1:9: expected a list"),
            ("_mode: secret", "1:8: expected `open` or `closed`, found another word"),
            ("_inner: secret", "1:9: expected an object"),
            ("_inner: [secret]", "1:9: expected an object"),
            ("_inner: {a: 1}", "1:10: unknown field `a`, expected nothing"),
            ("_on: true\n_on: true", "2:1: the key `_on` comes twice; leave one of them out"),
            ("_names: [a", "1:9: unclosed bracket '['"),
        ];
        let found = told.map(|(text, _)| {
            (text, parse_as::<Config>(text).map_or_else(|error| error.to_string(), |_| "taken".to_owned()))
        });
        assert_eq!(found, told.map(|(text, error)| (text, error.to_owned())));
    }

    #[test]
    fn nothing_is_told_as_such() {
        for text in ["", "\n", "# a comment\n\n"] {
            assert_eq!(parse_as::<Needed>(text).unwrap_err().to_string(), "it is empty");
        }
        assert_eq!(parse_as::<Needed>("b: 1").unwrap_err().to_string(), "1:1: missing field `a`");
    }
}
