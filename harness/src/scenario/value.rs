//! What is sent: headers, trailers, bodies; as text, or as bytes that are no text.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::split::Split;

/// Headers with their values, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, Vec<u8>)>);

/// A body, and how it is cut into the pieces in which filters see it.
///
/// ```
/// use tamis_harness::scenario::model::Body;
///
/// let body = Body::from("hello");
/// assert_eq!(body.as_bytes(), b"hello");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    bytes: Vec<u8>,
    split: Split,
}

impl Body {
    /// All of it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How it is cut.
    #[must_use]
    pub fn split(&self) -> &Split {
        &self.split
    }
}

impl<T: Into<Vec<u8>>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self { bytes: bytes.into(), split: Split::Whole }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Vec::new();
        for (name, Given(values)) in entries::<D, Given>(deserializer)? {
            fields.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
        Ok(Self(fields))
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let body = match value {
            Value::Object(_) => {
                BodyParts::deserialize(value).map_err(|error| error.to_string()).and_then(BodyParts::body)
            }
            scalar => bytes(scalar).map(Self::from),
        };
        body.map_err(D::Error::custom)
    }
}

/// A body that is more than a text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BodyParts {
    text: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    split: Split,
}

impl BodyParts {
    fn body(self) -> Result<Body, String> {
        let bytes = match (self.text, self.base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(text)) => from_base64(&text)?,
            _ => return Err("a body is a text, or a map with either `text` or `base64`".to_owned()),
        };
        self.split.check(bytes.len())?;
        Ok(Body { bytes, split: self.split })
    }
}

/// The values of a header that is sent.
struct Given(Vec<Vec<u8>>);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = match Value::deserialize(deserializer)? {
            Value::Array(values) => values.into_iter().map(bytes).collect(),
            value => bytes(value).map(|value| vec![value]),
        };
        values.map(Self).map_err(D::Error::custom)
    }
}

/// The bytes of a value as it is written: a text, a number, a truth value, or `{base64: ...}`.
pub(super) fn bytes(value: Value) -> Result<Vec<u8>, String> {
    match value {
        Value::String(text) => Ok(text.into_bytes()),
        Value::Number(number) if number.is_f64() => {
            Err("put a number with a fraction in quotes: how it is written would be lost".to_owned())
        }
        Value::Number(number) => Ok(number.to_string().into_bytes()),
        Value::Bool(truth) => Ok(truth.to_string().into_bytes()),
        Value::Object(fields) => match (fields.len(), fields.get("base64")) {
            (1, Some(Value::String(text))) => from_base64(text),
            _ => Err("what is sent is a value, or `{base64: ...}`".to_owned()),
        },
        Value::Null | Value::Array(_) => Err("expected a text, a number, or `{base64: ...}`".to_owned()),
    }
}

/// Bytes from standard base64 with padding; blanks and line ends in it do not count.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    let text = text.split_ascii_whitespace().collect::<String>();
    STANDARD.decode(text).map_err(|error| format!("it is not base64: {}", error.to_string().to_lowercase()))
}

/// Bytes as the JSON of a report or the text of a message has them.
pub(super) fn shown(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

/// A map in the order of the file.
pub(super) fn entries<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<(String, T)>, D::Error> {
    deserializer.deserialize_map(Entries(std::marker::PhantomData))
}

struct Entries<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of names to values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl JsonSchema for Fields {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let value = json_schema!({ "anyOf": [
            { "type": ["string", "number", "boolean"] },
            {
                "type": "object",
                "properties": { "base64": { "type": "string", "contentEncoding": "base64" } },
                "required": ["base64"],
                "additionalProperties": false,
            },
        ] });
        json_schema!({
            "type": "object",
            "additionalProperties": { "anyOf": [value.clone(), { "type": "array", "items": value }] },
        })
    }
}

impl JsonSchema for Body {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Body".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let split = generator.subschema_for::<Split>();
        json_schema!({
            "anyOf": [
                { "type": ["string", "number", "boolean"] },
                {
                    "type": "object",
                    "properties": {
                        "text": { "type": "string" },
                        "base64": { "type": "string", "contentEncoding": "base64" },
                        "split": split,
                    },
                    "oneOf": [{ "required": ["text"] }, { "required": ["base64"] }],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_as;

    #[test]
    fn headers_keep_order_and_bytes() {
        let fields: Fields = parse_as("b: 1\na: [x, {base64: /w==}, true]\nB: ''\n").unwrap();
        let expected: [(&str, &[u8]); 5] = [("b", b"1"), ("a", b"x"), ("a", b"\xff"), ("a", b"true"), ("B", b"")];
        assert_eq!(fields.0, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
    }

    #[test]
    fn bodies_are_text_or_bytes() {
        let body = |text: &str| parse_as::<Body>(text).map(|body| body.bytes).map_err(|error| error.message);
        assert_eq!(body("hello").unwrap(), b"hello");
        assert_eq!(body("{text: hello, split: every-byte}").unwrap(), b"hello");
        assert_eq!(body("{base64: 'AP8\n  B'}").unwrap(), [0, 255, 1]);
        assert_eq!(body("{base64: 'AP'}").unwrap_err(), "it is not base64: invalid padding");
        for text in ["{}", "{text: a, base64: AA==}"] {
            assert_eq!(body(text).unwrap_err(), "a body is a text, or a map with either `text` or `base64`");
        }
    }

    #[test]
    fn what_would_be_sent_otherwise_than_written_is_refused() {
        let error = |text: &str| parse_as::<Fields>(text).unwrap_err().message;
        assert!(error("a: 1.10").starts_with("put a number with a fraction in quotes"));
        assert_eq!(error("a: {prefix: x}"), "what is sent is a value, or `{base64: ...}`");
        assert_eq!(error("a: ~"), "expected a text, a number, or `{base64: ...}`");
    }
}
