//! What metrics must be.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::Deserializer;

use super::value::entries;

/// Metrics by name, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectMetrics(pub Vec<(String, u64)>);

impl<'de> Deserialize<'de> for ExpectMetrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        entries(deserializer).map(Self)
    }
}

impl JsonSchema for ExpectMetrics {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExpectedMetrics".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": { "type": "integer", "minimum": 0 } })
    }
}
