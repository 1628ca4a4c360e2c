//! Statuses of responses.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tamis::config::{Fault, Node, ReadConfig};

/// A status that a response can be given: 200 to 599, but 204 and 304, after which clients read no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinalStatus(u16);

impl FinalStatus {
    /// The status.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

/// Whether a response with this status has no body by its nature, which a client knows when it sees it.
#[must_use]
pub fn is_bodiless(status: u16) -> bool {
    matches!(status, 100..200 | 204 | 304)
}

impl ReadConfig for FinalStatus {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        match u16::read_config(node)? {
            status @ 200..=599 if !is_bodiless(status) => Ok(Self(status)),
            _ => Err(node.refused(&"expected a status from 200 to 599 that can have a body: not 204, not 304")),
        }
    }
}

tamis::deserialize_by_node!(FinalStatus);

impl JsonSchema for FinalStatus {
    fn schema_name() -> Cow<'static, str> {
        "FinalStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 200, "maximum": 599, "not": { "enum": [204, 304] } })
    }
}
