//! What a value must be.

use std::fmt;

use regex::bytes::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::{Map, Value};

use super::json_path::JsonPath;
use super::value::{bytes, entries, from_base64, shown};

/// What headers, trailers or state must be, by name.
#[derive(Debug, Clone, Default)]
pub struct ExpectFields(pub Vec<(String, FieldMatch)>);

/// What all values of a name must be.
#[derive(Debug, Clone)]
pub enum FieldMatch {
    /// As many values as these, each in its place.
    Values(Vec<ValueMatch>),
    /// None.
    Absent,
}

/// What one value must be: all of these.
#[derive(Debug, Clone)]
pub struct ValueMatch(Vec<Condition>);

/// One thing that a value must be.
#[derive(Debug, Clone)]
enum Condition {
    Is(Vec<u8>),
    Prefix(String),
    Suffix(String),
    Contains(String),
    Regex(Regex),
    Json(Vec<(JsonPath, Value)>),
}

impl FieldMatch {
    /// Whether the values are so.
    #[must_use]
    pub fn fits(&self, values: &[&[u8]]) -> bool {
        match self {
            Self::Absent => values.is_empty(),
            Self::Values(wanted) => {
                wanted.len() == values.len() && wanted.iter().zip(values).all(|(wanted, value)| wanted.fits(value))
            }
        }
    }

    fn read(value: Value) -> Result<Self, String> {
        if let Value::Object(fields) = &value
            && let Some(absent) = fields.get("absent")
        {
            return match (fields.len(), absent) {
                (1, Value::Bool(true)) => Ok(Self::Absent),
                _ => Err("write `absent: true` and nothing beside it, or a value".to_owned()),
            };
        }
        match value {
            Value::Array(values) => {
                values.into_iter().map(ValueMatch::read).collect::<Result<_, _>>().map(Self::Values)
            }
            value => ValueMatch::read(value).map(|value| Self::Values(vec![value])),
        }
    }
}

impl ValueMatch {
    /// Whether the value is so.
    #[must_use]
    pub fn fits(&self, value: &[u8]) -> bool {
        self.0.iter().all(|condition| condition.fits(value))
    }

    fn read(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(fields) if fields.is_empty() => Err(format!("nothing is asked for; {KINDS}")),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(kind, value)| Condition::read(&kind, value))
                .collect::<Result<_, _>>()
                .map(Self),
            value => bytes(value).map(|bytes| Self(vec![Condition::Is(bytes)])),
        }
    }
}

const KINDS: &str = "a value is compared by `prefix`, `suffix`, `contains`, `regex`, `json` or `base64`";

impl Condition {
    fn read(kind: &str, value: Value) -> Result<Self, String> {
        let text = |value: Value| match bytes(value).map(String::from_utf8) {
            Ok(Ok(text)) => Ok(text),
            _ => Err(format!("`{kind}` takes a text")),
        };
        Ok(match kind {
            "prefix" => Self::Prefix(text(value)?),
            "suffix" => Self::Suffix(text(value)?),
            "contains" => Self::Contains(text(value)?),
            "regex" => {
                Self::Regex(Regex::new(&text(value)?).map_err(|error| format!("the regular expression: {error}"))?)
            }
            "base64" => Self::Is(from_base64(&text(value)?)?),
            "json" => match value {
                Value::Object(paths) => Self::Json(json_paths(paths)?),
                _ => return Err("`json` takes a map of paths to values: `{\"$.a[0].b\": 1}`".to_owned()),
            },
            other => return Err(format!("`{other}` is no way to compare; {KINDS}")),
        })
    }

    fn fits(&self, value: &[u8]) -> bool {
        match self {
            Self::Is(wanted) => wanted == value,
            Self::Prefix(prefix) => value.starts_with(prefix.as_bytes()),
            Self::Suffix(suffix) => value.ends_with(suffix.as_bytes()),
            Self::Contains(text) => text.is_empty() || value.windows(text.len()).any(|part| part == text.as_bytes()),
            Self::Regex(regex) => regex.is_match(value),
            Self::Json(paths) => {
                let Ok(document) = serde_json::from_slice::<Value>(value) else { return false };
                paths.iter().all(|(path, wanted)| path.find(&document).is_some_and(|found| same(found, wanted)))
            }
        }
    }
}

fn json_paths(paths: Map<String, Value>) -> Result<Vec<(JsonPath, Value)>, String> {
    paths.into_iter().map(|(path, value)| Ok((JsonPath::parse(&path)?, value))).collect()
}

/// Whether two values are equal, where `1` and `1.0` are one number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}

impl fmt::Display for FieldMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("none"),
            Self::Values(values) => f.write_str(&values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        }
    }
}

impl fmt::Display for ValueMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => f.write_str(&shown(value)),
            Self::Prefix(text) => write!(f, "something that starts with {}", shown(text.as_bytes())),
            Self::Suffix(text) => write!(f, "something that ends with {}", shown(text.as_bytes())),
            Self::Contains(text) => write!(f, "something that contains {}", shown(text.as_bytes())),
            Self::Regex(regex) => write!(f, "something that matches /{regex}/"),
            Self::Json(paths) => {
                let paths = paths.iter().map(|(path, value)| format!("{value} at {path}")).collect::<Vec<_>>();
                write!(f, "JSON with {}", paths.join(" and "))
            }
        }
    }
}

impl<'de> Deserialize<'de> for ExpectFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = entries::<D, FieldMatch>(deserializer)?;
        Ok(Self(fields.into_iter().map(|(name, wanted)| (name.to_ascii_lowercase(), wanted)).collect()))
    }
}

impl<'de> Deserialize<'de> for FieldMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ValueMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for ExpectFields {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExpectedHeaders".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let field = generator.subschema_for::<FieldMatch>();
        json_schema!({ "type": "object", "additionalProperties": field })
    }
}

impl JsonSchema for FieldMatch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExpectedValues".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<ValueMatch>();
        json_schema!({ "anyOf": [
            value.clone(),
            { "type": "array", "items": value, "description": "These values, in this order, and no others." },
            {
                "type": "object",
                "properties": { "absent": { "const": true } },
                "required": ["absent"],
                "additionalProperties": false,
                "description": "It is not there.",
            },
        ] })
    }
}

impl JsonSchema for ValueMatch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExpectedValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": ["string", "number", "boolean"], "description": "This value and no other." },
            {
                "type": "object",
                "properties": {
                    "prefix": { "type": "string", "description": "It starts so." },
                    "suffix": { "type": "string", "description": "It ends so." },
                    "contains": { "type": "string", "description": "This is in it." },
                    "regex": { "type": "string", "description": "It matches somewhere; ^ and $ are its ends." },
                    "json": { "type": "object", "description": "It is JSON with these values at these paths, as $.a[0].b." },
                    "base64": { "type": "string", "contentEncoding": "base64", "description": "It is these bytes." },
                },
                "minProperties": 1,
                "additionalProperties": false,
            },
        ] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_as;

    fn value(text: &str) -> Result<ValueMatch, String> {
        parse_as(text).map_err(|error| error.message)
    }

    #[test]
    fn values_are_compared_as_asked() {
        for (wanted, fits, fits_not) in [
            ("hello", "hello", "hello "),
            ("{prefix: he}", "hello", "the"),
            ("{suffix: lo}", "hello", "low"),
            ("{contains: ell}", "hello", "help"),
            ("{contains: ''}", "", "-"),
            ("{prefix: h, suffix: o}", "hello", "help"),
            ("{regex: '^h.l+o$'}", "hello", "hellos"),
            ("{regex: '(?-u)\\xff'}", "\u{ff}", "e"),
            ("{base64: aGVsbG8=}", "hello", "help"),
            ("{json: {'$.a[1]': 2, '$.b': {c: null}}}", r#"{"b":{"c":null},"a":[1,2.0]}"#, r#"{"a":[1,2]}"#),
            ("{json: {$: [1]}}", "[1]", "[1"),
        ] {
            let matcher = value(wanted).unwrap();
            let bytes = |text: &str| if text == "\u{ff}" { vec![0xff] } else { text.as_bytes().to_vec() };
            assert!(matcher.fits(&bytes(fits)), "{wanted}: {fits}");
            assert!(matcher.fits(&bytes(fits_not)) == (fits_not == "-"), "{wanted}: {fits_not}");
        }
    }

    #[test]
    fn what_is_asked_is_told() {
        let told = |text: &str| parse_as::<FieldMatch>(text).unwrap().to_string();
        assert_eq!(
            told("[a, {prefix: b, suffix: c}]"),
            r#""a", something that starts with "b" and something that ends with "c""#
        );
        assert_eq!(told("{json: {$.a: [1]}}"), "JSON with [1] at $.a");
        assert_eq!(told("{regex: a+}"), "something that matches /a+/");
        assert_eq!(told("{absent: true}"), "none");
    }

    #[test]
    fn every_value_has_its_place_in_a_list() {
        let list: FieldMatch = parse_as("[a, {prefix: b}]").unwrap();
        assert!(list.fits(&[b"a", b"bc"]));
        assert!(!list.fits(&[b"bc", b"a"]) && !list.fits(&[b"a"]) && !list.fits(&[b"a", b"b", b"c"]));
    }

    #[test]
    fn mistakes_are_told() {
        for (text, error) in [
            ("{}", "nothing is asked for; a value is compared by `prefix`"),
            ("{begins: a}", "`begins` is no way to compare; a value is compared by `prefix`"),
            ("{regex: '('}", "the regular expression: regex parse error"),
            ("{prefix: [a]}", "`prefix` takes a text"),
            ("{json: 1}", "`json` takes a map of paths to values"),
            ("{json: {a: 1}}", "the path `a`"),
            ("{base64: '?'}", "it is not base64"),
        ] {
            let said = value(text).unwrap_err();
            assert!(said.starts_with(error), "{text}: {said}");
        }
        let said = parse_as::<FieldMatch>("{absent: false}").unwrap_err().message;
        assert_eq!(said, "write `absent: true` and nothing beside it, or a value");
    }
}
