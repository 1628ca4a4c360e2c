//! Headers that a configuration may set.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::config::{Fault, Node, ReadConfig};
use crate::{HeaderName, HeaderValue};

/// The name of a header that may be edited: any but those that say where a message ends or whom it is for
/// (`content-length`, `transfer-encoding`, `host`). Changing one of these under a proxy lets requests be smuggled.
///
/// ```
/// use tamis_core::EditableName;
///
/// assert!(serde_json::from_str::<EditableName>(r#""x-tenant""#).is_ok());
/// assert!(serde_json::from_str::<EditableName>(r#""Content-Length""#).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditableName(HeaderName);

/// A header with a value.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NameValue {
    /// The header's name.
    pub name: EditableName,
    /// The header's value.
    pub value: HeaderValue,
}

/// Where a message ends, and whom it is for.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "host"];

impl EditableName {
    /// The name as one that may be edited; nothing for one that may not.
    #[must_use]
    pub fn new(name: HeaderName) -> Option<Self> {
        (!FRAMING.contains(&name.as_str())).then_some(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &HeaderName {
        &self.0
    }
}

impl ReadConfig for EditableName {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let name = HeaderName::read_config(node)?;
        if FRAMING.contains(&name.as_str()) {
            return Err(node.refused(&format_args!(
                "`{name}` cannot be edited: it says where a message ends or whom it is for, and the proxy owns it"
            )));
        }
        Ok(Self(name))
    }
}

crate::deserialize_by_node!(EditableName);

impl JsonSchema for EditableName {
    fn schema_name() -> Cow<'static, str> {
        HeaderName::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        HeaderName::json_schema(generator)
    }
}
