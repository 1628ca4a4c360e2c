//! What can be a filter's configuration.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{ConfigError, parse};

/// A configuration: any type with `Deserialize` and `JsonSchema`, or [`NoConfig`].
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
        schemars::schema_for!(C).into()
    }
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
