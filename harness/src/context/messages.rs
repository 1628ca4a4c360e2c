//! Messages of a proxy's configuration that attributes show: who the proxy is, metadata, where an upstream is.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::proto::Writer;
use super::value::{Message, Value};

/// Who the proxy is, as its bootstrap says.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// `id`
    pub id: String,
    /// `cluster`
    pub cluster: String,
    /// `metadata`, an object.
    pub metadata: BTreeMap<String, Json>,
    /// `locality`
    pub locality: Option<Locality>,
}

/// Metadata by the name of the filter that it is for; each an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata(pub BTreeMap<String, BTreeMap<String, Json>>);

/// Where something runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locality {
    /// `region`
    pub region: String,
    /// `zone`
    pub zone: String,
    /// `sub_zone`
    pub sub_zone: String,
}

/// As the driver for a real Envoy starts it.
impl Default for Node {
    fn default() -> Self {
        Self { id: "tamis".to_owned(), cluster: "tamis".to_owned(), metadata: BTreeMap::new(), locality: None }
    }
}

impl Node {
    pub(super) fn value(&self) -> Value {
        let locality = self.locality.as_ref().map(Locality::message);
        let mut wire = Writer::default().bytes(1, self.id.as_bytes()).bytes(2, self.cluster.as_bytes());
        if !self.metadata.is_empty() {
            wire = wire.message(3, &object(&self.metadata));
        }
        if let Some(locality) = &locality {
            wire = wire.message(4, &locality.wire);
        }
        let fields = vec![
            ("id", Value::text(&self.id)),
            ("cluster", Value::text(&self.cluster)),
            ("metadata", map(&self.metadata)),
            ("locality", locality.map_or(Value::Null, Value::Message)),
        ];
        Value::Message(Message { wire: wire.finish(), fields })
    }
}

impl Metadata {
    pub(super) fn value(&self) -> Value {
        let mut wire = Writer::default();
        for (name, filter) in &self.0 {
            let entry = Writer::default().bytes(1, name.as_bytes()).message(2, &object(filter)).finish();
            wire = wire.message(1, &entry);
        }
        let entries = self.0.iter().map(|(name, filter)| (name.clone().into_bytes(), map(filter))).collect();
        Value::Message(Message { wire: wire.finish(), fields: vec![("filter_metadata", Value::Map(entries))] })
    }
}

impl Locality {
    pub(super) fn value(&self) -> Value {
        Value::Message(self.message())
    }

    fn message(&self) -> Message {
        let parts = [("region", &self.region), ("zone", &self.zone), ("sub_zone", &self.sub_zone)];
        let wire = parts.iter().zip(1..).fold(Writer::default(), |wire, ((_, text), n)| wire.bytes(n, text.as_bytes()));
        Message { wire: wire.finish(), fields: parts.map(|(name, text)| (name, Value::text(text))).to_vec() }
    }
}

/// A `google.protobuf.Struct`.
fn object(fields: &BTreeMap<String, Json>) -> Vec<u8> {
    fields.iter().fold(Writer::default(), |wire, (name, value)| wire.message(1, &entry(name, value))).finish()
}

fn entry(name: &str, value: &Json) -> Vec<u8> {
    Writer::default().bytes(1, name.as_bytes()).message(2, &json_wire(value)).finish()
}

/// A `google.protobuf.Value`.
fn json_wire(value: &Json) -> Vec<u8> {
    let wire = Writer::default();
    match value {
        Json::Null => wire.some_number(1, 0),
        Json::Number(number) => wire.double(2, number.as_f64().unwrap_or_default()),
        Json::String(text) => wire.message(3, text.as_bytes()),
        Json::Bool(value) => wire.some_number(4, u64::from(*value)),
        Json::Object(fields) => {
            let inner =
                fields.iter().fold(Writer::default(), |wire, (name, value)| wire.message(1, &entry(name, value)));
            wire.message(5, &inner.finish())
        }
        Json::Array(items) => {
            let inner = items.iter().fold(Writer::default(), |wire, item| wire.message(1, &json_wire(item)));
            wire.message(6, &inner.finish())
        }
    }
    .finish()
}

/// The same as expressions see it: an object is a map, every number a double.
fn map(fields: &BTreeMap<String, Json>) -> Value {
    Value::Map(fields.iter().map(|(name, value)| (name.clone().into_bytes(), json_value(value))).collect())
}

fn json_value(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Double(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::List(items.iter().map(json_value).collect()),
        Json::Object(fields) => {
            Value::Map(fields.iter().map(|(name, value)| (name.clone().into_bytes(), json_value(value))).collect())
        }
    }
}
