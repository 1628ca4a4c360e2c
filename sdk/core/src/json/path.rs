//! Ways to values.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::{InvalidPath, path_text, string};

/// The most steps that a path has.
pub const MAX_STEPS: usize = 64;

/// A way to values of a document: a JSONPath or a JSON Pointer.
///
/// * [JSONPath](https://www.rfc-editor.org/rfc/rfc9535) begins with `$`. Here it has names (`.name`, `['any name']`,
///   `["any name"]`), indices (`[0]`, and `[-1]` from the end) and wildcards (`.*`, `[*]`). It may mean several values, or
///   none.
/// * [JSON Pointer](https://www.rfc-editor.org/rfc/rfc6901) is empty or begins with `/`: `/user/0/first~1last`.
///
/// A name means every key that says it, however it is escaped, and each one of those that come twice.
///
/// ```
/// use tamis_core::json::Path;
///
/// assert!(Path::parse("$.orders[*]['card number'][-1]").is_ok());
/// assert!(Path::parse("/orders/0/card number").is_ok());
/// assert_eq!(
///     Path::parse("$..card").unwrap_err().to_string(),
///     "no path that can be used, at byte 2: `..` is not supported: write every step, with `*` for any"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    source: String,
    steps: Vec<Step>,
}

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The members of an object with this name.
    Name(String),
    /// A value of an array, counted from 0.
    Index(usize),
    /// A value of an array, counted from its end: 1 is the last one.
    FromEnd(usize),
    /// Every value of an array or an object.
    Wildcard,
    /// A step of a JSON Pointer: a name in an object, and an index in an array if it is one.
    Token(String, Option<usize>),
}

impl Path {
    /// Reads a path as a configuration has it.
    ///
    /// # Errors
    ///
    /// [`InvalidPath`] with the byte that does not fit, when it is neither, when it uses of JSONPath what is not here
    /// (descendants, slices, filters, several selectors), or is too long.
    pub fn parse(source: &str) -> Result<Self, InvalidPath> {
        Ok(Self { source: source.to_owned(), steps: path_text::steps(source)? })
    }

    /// The path as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its steps, from the whole document inwards.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it means at most one value of a document whose keys come once: it has no wildcard.
    #[must_use]
    pub fn is_single(&self) -> bool {
        !self.steps.contains(&Step::Wildcard)
    }
}

impl Step {
    /// Whether the step goes to a member whose key is this, given what is between its quotes.
    pub(super) fn takes_key(&self, inner: &[u8]) -> bool {
        match self {
            Self::Name(name) | Self::Token(name, _) => string::says(inner, name),
            Self::Wildcard => true,
            Self::Index(_) | Self::FromEnd(_) => false,
        }
    }

    /// Whether the step goes to the value `index` of an array whose length is found when it is needed.
    pub(super) fn takes_index(&self, index: usize, length: impl FnOnce() -> usize) -> bool {
        match self {
            Self::Index(wanted) | Self::Token(_, Some(wanted)) => index == *wanted,
            Self::FromEnd(from_end) => index.checked_add(*from_end) == Some(length()),
            Self::Wildcard => true,
            Self::Name(_) | Self::Token(_, None) => false,
        }
    }

    /// The name that a member could have that is not there yet.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) | Self::Token(name, _) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

crate::config::from_text!(Path);

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl JsonSchema for Path {
    fn schema_name() -> Cow<'static, str> {
        "JsonPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A JSONPath of names, indices and wildcards, or a JSON Pointer.",
            "pattern": "^([$/].*)?$",
            "maxLength": super::MAX_PATH_BYTES,
            "examples": ["$.user.name", "$.orders[*]['card number']", "/user/name"],
        })
    }
}
