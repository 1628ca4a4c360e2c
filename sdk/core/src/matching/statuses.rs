//! Statuses of responses, as conditions.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::config::{Fault, Node, ReadConfig};

/// A status, or all of a hundred: `404` or `5xx`.
///
/// ```
/// use tamis_core::matching::Statuses;
///
/// let failed: Vec<Statuses> = serde_json::from_str(r#"[401, "5xx"]"#)?;
/// assert!(failed.iter().any(|statuses| statuses.has(503)));
/// assert!(!failed.iter().any(|statuses| statuses.has(404)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    first: u16,
    last: u16,
}

impl Statuses {
    /// Whether a status is one of these.
    #[must_use]
    pub fn has(&self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

const EXPECTED: &str = "expected a status from 200 to 599, or a hundred such as `5xx`";

impl ReadConfig for Statuses {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let (first, last) = match node {
            Node::Whole(status @ 200..=599) => (*status as u16, *status as u16),
            Node::Text(text) => match text.as_str() {
                "2xx" => (200, 299),
                "3xx" => (300, 399),
                "4xx" => (400, 499),
                "5xx" => (500, 599),
                _ => return Err(node.refused(&EXPECTED)),
            },
            Node::Whole(_) | Node::Fraction(_) => return Err(node.refused(&EXPECTED)),
            other => return Err(other.instead_of("a status from 200 to 599, or a hundred such as `5xx`")),
        };
        Ok(Self { first, last })
    }
}

crate::deserialize_by_node!(Statuses);

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 200, "maximum": 599 },
            { "enum": ["2xx", "3xx", "4xx", "5xx"] }
        ] })
    }
}
