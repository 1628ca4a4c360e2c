//! Paths.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::Pattern;
use crate::config::ReadConfig;
use crate::views::RequestPath;

/// A condition on the path, without the query; with its case, and not decoded: see [`RequestPath`].
///
/// ```
/// use tamis_core::{matching::PathMatch, views::RequestPath};
///
/// let v1: PathMatch = serde_json::from_str(r#"{"prefix": "/v1"}"#)?;
/// assert!(v1.holds(&RequestPath::new(b"/v1?page=2")) && v1.holds(&RequestPath::new(b"/v1/items")));
/// assert!(!v1.holds(&RequestPath::new(b"/v10")));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathMatch {
    /// The path is this one, to the byte: `/v1` is not `/v1/`.
    Exact(PathPattern),
    /// The path is below this one, by whole segments: `/v1` has `/v1`, `/v1/` and `/v1/a`, and not `/v10`. A slash at the
    /// end makes no difference; `/` has all paths.
    Prefix(PathPattern),
    /// The whole path matches this regular expression.
    Regex(Pattern),
}

impl PathMatch {
    /// Whether a path meets the condition.
    #[must_use]
    pub fn holds(&self, path: &RequestPath<'_>) -> bool {
        match self {
            Self::Exact(exact) => path.path() == exact.as_bytes(),
            Self::Prefix(prefix) => path.below(prefix.as_bytes()).is_some(),
            Self::Regex(pattern) => pattern.is_match(path.path()),
        }
    }

    /// An exact path goes before a regular expression, and that before a prefix; within a kind the longer one.
    pub(super) fn rank(&self) -> (u8, usize) {
        match self {
            Self::Exact(path) => (3, path.as_bytes().len()),
            Self::Regex(pattern) => (2, pattern.source().len()),
            Self::Prefix(path) => (1, path.as_bytes().strip_suffix(b"/").unwrap_or(path.as_bytes()).len()),
        }
    }
}

/// A path as the Gateway API lets a configuration have it: it begins with `/`, and has nothing that a proxy may have
/// rewritten before anybody compares.
///
/// ```
/// use tamis_core::matching::PathPattern;
///
/// assert!(PathPattern::parse("/v1/items").is_ok());
/// assert!(PathPattern::parse("/v1/../admin").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(String);

impl PathPattern {
    /// Reads a path as a configuration has it.
    ///
    /// # Errors
    ///
    /// [`InvalidPath`] when it does not begin with a slash, or has one of `//`, `/./`, `/../`, `%2f`, `?`, `#`, white
    /// space or a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let Some(rest) = text.as_bytes().strip_prefix(b"/") else { return Err(InvalidPath::Start) };
        for byte in rest {
            match byte {
                b'?' | b'#' => return Err(InvalidPath::Query),
                0..=b' ' | 0x7f => return Err(InvalidPath::Character),
                _ => {}
            }
        }
        // The last segment may be empty, the others not: that would be two slashes.
        let mut segments = rest.split(|byte| *byte == b'/').rev();
        let last = segments.next().unwrap_or_default();
        let dots = |segment: &[u8]| matches!(segment, b"." | b"..");
        let encoded = rest.windows(3).any(|three| three.eq_ignore_ascii_case(b"%2f"));
        if dots(last) || encoded || segments.any(|segment| segment.is_empty() || dots(segment)) {
            return Err(InvalidPath::Ambiguous);
        }
        Ok(Self(text.to_owned()))
    }

    /// The path's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Why a text is no path to compare with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPath {
    /// It does not begin with a slash.
    #[error("a path begins with a slash")]
    Start,
    /// It has a query or a fragment.
    #[error("a path has no `?` and no `#`: conditions on the query are in `query`")]
    Query,
    /// It has a character that no request line carries.
    #[error("a path has no white space and no control character: a request has them percent-encoded")]
    Character,
    /// It has what normalising takes away.
    #[error("a path cannot have `//`, `/./`, `/../` or an encoded slash; to look for one, use `regex`")]
    Ambiguous,
}

crate::config::from_text!(PathPattern);

impl JsonSchema for PathPattern {
    fn schema_name() -> Cow<'static, str> {
        "Path".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A path: begins with a slash, has no query.",
            "pattern": "^/[^?#\\s]*$",
        })
    }
}
