//! What rules are called.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::config::{Fault, Node, ReadConfig};

/// A name that can be part of a metric's name: 1 to 64 letters, digits, `_` and `-`, and not `other`, which metrics use for
/// all that has no name.
///
/// ```
/// use tamis_core::RuleName;
///
/// assert_eq!(serde_json::from_str::<RuleName>(r#""per-client""#)?.as_str(), "per-client");
/// assert!(serde_json::from_str::<RuleName>(r#""per client""#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleName(String);

impl RuleName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ReadConfig for RuleName {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let name = String::read_config(node)?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (1..=64).contains(&name.len()) && name.bytes().all(is_allowed) && name != "other" {
            return Ok(Self(name));
        }
        Err(node.refused(&"expected a name of 1 to 64 letters, digits, `_` and `-`, and not `other`"))
    }
}

crate::deserialize_by_node!(RuleName);

impl JsonSchema for RuleName {
    fn schema_name() -> Cow<'static, str> {
        "RuleName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" })
    }
}
