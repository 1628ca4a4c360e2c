//! From the bytes that the proxy hands over to a checked type.
//!
//! The module reads JSON only; the `tamis` command turns YAML into it. Nothing at all is the empty object: that is what
//! a `WasmPlugin` without `pluginConfig` sends (rule `CFG-1`). An error names the place in the form `request.set[2].name`,
//! which `tamis check` turns back into a line and a column of the file that the user wrote.

use std::fmt;

use serde::de::DeserializeOwned;

/// Reads a configuration.
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
///     r#"invalid configuration at `limit`: invalid type: string "ten", expected u32"#
/// );
/// ```
pub fn parse<C: DeserializeOwned>(json: &[u8]) -> Result<C, ConfigError> {
    let json = if json.trim_ascii().is_empty() { b"{}" } else { json };
    let mut reader = serde_json::Deserializer::from_slice(json);
    let config = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let message = without_position(error.into_inner().to_string());
        ConfigError { path: if matches!(path.as_str(), "." | "?") { String::new() } else { path }, message }
    })?;
    reader.end().map_err(|error| ConfigError::new("", error.to_string()))?;
    Ok(config)
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
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `tamis check` finds the place in the proxy's log by these words.
        match self.path.as_str() {
            "" => write!(f, "invalid configuration: {}", self.message),
            path => write!(f, "invalid configuration at `{path}`: {}", self.message),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Takes serde_json's ` at line 1 column 9` off: the JSON was made by a proxy or by a command, nobody wrote its lines.
fn without_position(mut message: String) -> String {
    if let Some(at) = message.rfind(" at line ") {
        message.truncate(at);
    }
    message
}

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
            "invalid configuration at `names[1]`: invalid type: integer `1`, expected a string"
        );
        assert_eq!(
            error(r#"{"limt": 1}"#),
            "invalid configuration at `limt`: unknown field `limt`, expected `limit` or `names`"
        );
        assert_eq!(error("{"), "invalid configuration: EOF while parsing an object");
    }

    #[test]
    fn twice_the_same_field_is_refused() {
        assert_eq!(error(r#"{"limit": 1, "limit": 2}"#), "invalid configuration: duplicate field `limit`");
    }

    #[test]
    fn what_follows_is_refused() {
        assert_eq!(error("{} {}"), "invalid configuration: trailing characters at line 1 column 4");
    }
}
