//! Values to write into a document.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Document, InvalidJson, quoted};
use crate::config::{Fault, Node, ReadConfig};
use crate::number;
use crate::text::decimal;

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

impl ReadConfig for Text {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let mut out = String::new();
        write(node, &mut out);
        Ok(Self(out.into_bytes()))
    }
}

crate::deserialize_by_node!(Text);

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "JsonValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "Any JSON value." })
    }
}

/// Writes a value down; as deep as a node is at most.
fn write(node: &Node, out: &mut String) {
    match node {
        Node::Null => out.push_str("null"),
        Node::Truth(value) => out.push_str(if *value { "true" } else { "false" }),
        Node::Whole(value) => {
            if *value < 0 {
                out.push('-');
            }
            out.push_str(&decimal(value.unsigned_abs()));
        }
        // With an exponent where the digits would be many; JSON reads it.
        Node::Fraction(value) => out.push_str(&number::decimal(*value)),
        Node::Text(text) => out.push_str(&quoted(text)),
        Node::List(items) => {
            let mut separator = '[';
            for item in items {
                out.push(separator);
                write(item, out);
                separator = ',';
            }
            if separator == '[' {
                out.push('[');
            }
            out.push(']');
        }
        Node::Object(fields) => {
            let mut separator = '{';
            for (name, value) in fields {
                out.push(separator);
                out.push_str(&quoted(name));
                out.push(':');
                write(value, out);
                separator = ',';
            }
            if separator == '{' {
                out.push('{');
            }
            out.push('}');
        }
    }
}
