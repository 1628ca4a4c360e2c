//! From the bytes that the proxy hands over to a checked type.
//!
//! The module reads JSON only; the `tamis` command turns YAML into it. Nothing at all is the empty object: that is what
//! a `WasmPlugin` without `pluginConfig` sends (rule `CFG-1`). An error names the place in the form `request.set[2].name`,
//! which `tamis check` turns back into a line and a column of the file that the user wrote, and repeats no string.
//!
//! Reading is strict, in whatever type: a list is not taken for an object, no key may come twice, and an integer whose
//! size is beyond 2^53 - 1 is refused where an integer is wanted, because a protobuf Struct on the way makes doubles of
//! all numbers. For the same reason `1` and `1.0` are the same, and the order of keys means nothing.
//!
//! Types are read by the derives [`Configuration`] and [`ReadConfig`], or by serde; the first is smaller in a module, and is
//! strict all the way down.

mod kind;

use std::fmt;

use serde::de::DeserializeOwned;

pub use serde_json::Value as Schema;
pub use tamis_core::config::{Fault, Node, ReadConfig, Variant, by_node, by_serde, serde};
use tamis_core::text::join;

pub use self::kind::{Configuration, NoConfig};
#[doc(hidden)]
pub use self::kind::{read, schema};

/// Reads a configuration of a type with serde's `Deserialize`, as the proxy calls a plugin into being; a filter's own tests may
/// call it too. A type with the derive [`Configuration`] is read by [`Configuration::read`].
///
/// Strictness ends where serde keeps values aside before it knows their type: in `flatten` and `untagged`, and in what an
/// internally tagged enum contains, a list of a struct's values passes for the struct. Untagged and internally tagged
/// enums are therefore better written with the tag outside.
///
/// # Errors
///
/// [`ConfigError`] with the place and what would be right.
///
/// ```
/// #[derive(Debug, serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     limit: u32,
/// }
///
/// let error = tamis::config::parse::<Config>(br#"{"limit": "ten"}"#).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"invalid configuration at `limit`: expected a whole number from 0 to 4294967295, found a string"#
/// );
/// ```
pub fn parse<C: DeserializeOwned>(json: &[u8]) -> Result<C, ConfigError> {
    kind::whole(json, by_serde)
}

/// Why a configuration was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    message: String,
}

impl ConfigError {
    /// An error at a place: `path` like `rules[2].from`, empty for the whole.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// What it says, for logs. `tamis check` finds the place in the proxy's log by these words.
    pub(crate) fn text(&self) -> String {
        match self.path.as_str() {
            "" => join(&["invalid configuration: ", &self.message]),
            path => join(&["invalid configuration at `", path, "`: ", &self.message]),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Config {
        limit: u32,
        names: Vec<String>,
    }

    fn error(json: &str) -> String {
        parse::<Config>(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn nothing_is_the_empty_object() {
        assert_eq!(parse(b""), Ok(Config::default()));
        assert_eq!(parse(b" \n"), Ok(Config::default()));
        assert_eq!(parse(b"{}"), Ok(Config::default()));
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(
            error(r#"{"names": ["a", 1]}"#),
            "invalid configuration at `names[1]`: expected a string, found the number 1"
        );
        assert_eq!(
            error(r#"{"limt": 1}"#),
            "invalid configuration at `limt`: unknown field `limt`, expected `limit` or `names`"
        );
        assert_eq!(error("{"), "invalid configuration: EOF while parsing an object");
    }

    #[test]
    fn twice_the_same_field_is_refused() {
        assert_eq!(
            error(r#"{"limit": 1, "limit": 2}"#),
            "invalid configuration at `limit`: this key comes twice; leave one of them out"
        );
    }

    #[test]
    fn what_follows_is_refused() {
        assert_eq!(error("{} {}"), "invalid configuration: trailing characters");
    }
}
