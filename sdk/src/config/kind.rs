//! What can be a filter's configuration.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{ConfigError, Fault, Node, ReadConfig, parse};

/// A configuration: a type with the derive of this name and `JsonSchema`, any type with serde's `Deserialize` and `JsonSchema`,
/// or [`NoConfig`].
///
/// The derive writes [`ReadConfig`], which says what attributes it obeys. It costs a module half of what serde's `Deserialize`
/// does, and tells the place of every fault. The types in it have `ReadConfig` too, by derive. serde's way is for what `ReadConfig`
/// does not know, such as `flatten`.
///
/// ```
/// use schemars::JsonSchema;
/// use tamis::config::ReadConfig;
/// use tamis::{Configuration, HeaderName};
///
/// #[derive(Configuration, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     /// The header that says who it is.
///     tenant: HeaderName,
///     #[serde(default)]
///     limits: Limits,
/// }
///
/// #[derive(Default, ReadConfig, JsonSchema)]
/// #[serde(deny_unknown_fields, default)]
/// struct Limits {
///     requests: u32,
/// }
///
/// assert_eq!(Config::read(br#"{"tenant": "X-Tenant"}"#).unwrap().tenant.as_str(), "x-tenant");
/// let error = Config::read(br#"{"tenant": "x", "limits": {"requests": -1}}"#).err().unwrap();
/// assert_eq!(
///     error.to_string(),
///     "invalid configuration at `limits.requests`: expected a whole number from 0 to 4294967295, found the number -1"
/// );
/// ```
pub trait Configuration: Sized {
    /// Reads it from the bytes that the proxy hands over.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the place and what would be right.
    fn read(json: &[u8]) -> Result<Self, ConfigError>;

    /// Its JSON Schema; only asked for when a module is built.
    fn schema() -> Value;
}

impl<C: DeserializeOwned + JsonSchema> Configuration for C {
    fn read(json: &[u8]) -> Result<Self, ConfigError> {
        parse(json)
    }

    fn schema() -> Value {
        schema::<C>()
    }
}

/// Reads a type that reads itself: for the derive.
#[doc(hidden)]
pub fn read<C: ReadConfig>(json: &[u8]) -> Result<C, ConfigError> {
    whole(json, C::read_config)
}

/// The schema of a type: for the derive.
#[doc(hidden)]
#[must_use]
pub fn schema<C: JsonSchema>() -> Value {
    schemars::schema_for!(C).into()
}

/// Reads a text by way of its nodes, and says of a fault where it stands.
pub(super) fn whole<C>(json: &[u8], read: impl FnOnce(&Node) -> Result<C, Fault>) -> Result<C, ConfigError> {
    let error = |fault: Fault, root: &Node| {
        let (path, message) = fault.into_parts(root);
        ConfigError::new(path, message)
    };
    let root = Node::parse(json).map_err(|fault| error(fault, &Node::Null))?;
    read(&root).map_err(|fault| error(fault, &root))
}

/// A filter without a configuration. A module with it has no parser and is smaller by some 100 kB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoConfig;

impl Configuration for NoConfig {
    fn read(json: &[u8]) -> Result<Self, ConfigError> {
        let mut bytes = json.iter().filter(|byte| !byte.is_ascii_whitespace());
        match (bytes.next(), bytes.next(), bytes.next()) {
            (None, ..) | (Some(b'{'), Some(b'}'), None) => Ok(Self),
            _ => Err(ConfigError::new("", "this filter has no configuration: expected `{}`")),
        }
    }

    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_configuration_is_nothing_or_an_empty_object() {
        for empty in ["", " ", "{}", " { } \n"] {
            assert_eq!(NoConfig::read(empty.as_bytes()), Ok(NoConfig), "{empty:?}");
        }
        for other in ["{", "}", "[]", "{\"a\":1}", "null", "{}{}"] {
            assert!(NoConfig::read(other.as_bytes()).is_err(), "{other:?}");
        }
    }
}
