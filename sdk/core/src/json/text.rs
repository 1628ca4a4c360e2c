//! Values to write into a document.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Document, InvalidJson, MAX_DEPTH, quoted};
use crate::number;

/// A JSON value as it is written into a document: to the byte what it was made from.
///
/// In a configuration it is any value. What the configuration's own numbers have lost on the way (a protobuf Struct makes
/// doubles of them) is lost; [`parse`](Self::parse) keeps every digit.
///
/// ```
/// use tamis_core::json::Text;
///
/// assert_eq!(Text::parse(b" 1.000 ")?.as_bytes(), b"1.000");
/// assert_eq!(Text::string("a\"b").as_bytes(), br#""a\"b""#);
/// # Ok::<(), tamis_core::json::InvalidJson>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Vec<u8>);

impl Text {
    /// Takes a JSON text as it stands, without the white space around it.
    ///
    /// # Errors
    ///
    /// [`InvalidJson`] when it is none.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidJson> {
        Ok(Self(Document::parse(json)?.value().to_vec()))
    }

    /// A string.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self(quoted(text).into_bytes())
    }

    /// The value's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Shows the length only: a value may be a secret, and `Debug` ends up in logs.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut out = String::new();
        Writer { out: &mut out, depth: 0 }.deserialize(deserializer)?;
        Ok(Self(out.into_bytes()))
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "JsonValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "Any JSON value." })
    }
}

/// Writes down what it reads.
struct Writer<'o> {
    out: &'o mut String,
    depth: u32,
}

impl Writer<'_> {
    fn inner<E: de::Error>(&mut self) -> Result<Writer<'_>, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("arrays and objects stand more than 128 deep in one another"));
        }
        Ok(Writer { out: self.out, depth: self.depth + 1 })
    }

    fn write(self, text: &str) {
        self.out.push_str(text);
    }
}

impl<'de> DeserializeSeed<'de> for Writer<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Writer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.write(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.write(&value.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.write(&value.to_string());
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        if !value.is_finite() {
            return Err(E::custom("JSON has no such number"));
        }
        // With an exponent where the digits would be many; JSON reads it.
        self.write(&number::decimal(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.write(&quoted(value));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.write("null");
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        self.write("null");
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let mut separator = '[';
        loop {
            // Behind the last one the separator goes again.
            self.out.push(separator);
            if items.next_element_seed(self.inner()?)?.is_none() {
                break;
            }
            separator = ',';
        }
        if separator == ',' {
            self.out.pop();
        }
        self.out.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut separator = '{';
        while let Some(key) = members.next_key::<Cow<'de, str>>()? {
            self.out.push(separator);
            self.out.push_str(&quoted(&key));
            self.out.push(':');
            members.next_value_seed(self.inner()?)?;
            separator = ',';
        }
        if separator == '{' {
            self.out.push('{');
        }
        self.out.push('}');
        Ok(())
    }
}
