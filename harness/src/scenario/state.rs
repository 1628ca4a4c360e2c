//! What filters must have stored for access logs.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::Deserializer;

use super::matcher::FieldMatch;
use super::value::entries;

/// State by name; case counts here, other than in the names of headers.
#[derive(Debug, Clone, Default)]
pub struct ExpectState(pub Vec<(String, FieldMatch)>);

impl<'de> Deserialize<'de> for ExpectState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        entries(deserializer).map(Self)
    }
}

impl JsonSchema for ExpectState {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExpectedState".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<FieldMatch>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}
