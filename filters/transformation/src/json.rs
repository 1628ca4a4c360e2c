//! What an edit does to a body of JSON: every other byte stays.

use schemars::JsonSchema;
use tamis::config::ReadConfig;
use tamis::json::{Document, Edit, EditError, InvalidEdit, InvalidJson, MergePatch, Path, Text};

use crate::templates::RenderError;

/// An edit of a body of JSON. Places are JSONPath (names, indices, wildcards) or, where one place is meant, a JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JsonEdit {
    /// Gives a place a value; a member that is not there is added.
    Set(PathValue),
    /// Gives a place a value where there is one.
    Replace(PathValue),
    /// Takes a place away.
    Remove(Path),
    /// Gives a member another name.
    Rename(PathName),
    /// Adds a value to the end of an array.
    Append(PathValue),
    /// Merges an object into the one at a place, as RFC 7396 says; `null` takes a member away.
    Merge(PathPatch),
}

/// A place and a value.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PathValue {
    /// The place.
    pub path: Path,
    /// The value, any JSON.
    pub value: Text,
}

/// A place and a name.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PathName {
    /// The place, which ends with a name.
    pub path: Path,
    /// The name to give.
    pub name: String,
}

/// A place and what to merge into it.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PathPatch {
    /// The place; `$` is the whole document.
    pub path: Path,
    /// The patch.
    pub patch: MergePatch,
}

/// Why a body cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is not what its type says.
    #[error("the body is not JSON")]
    Invalid(#[source] InvalidJson),
    /// The edits cannot be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A template gave no value.
    #[error(transparent)]
    Template(#[from] RenderError),
}

impl JsonEdit {
    /// The edit as it is made.
    ///
    /// # Errors
    ///
    /// [`InvalidEdit`] when it cannot be meant.
    pub fn edit(&self) -> Result<Edit, InvalidEdit> {
        Ok(match self.clone() {
            Self::Set(PathValue { path, value }) => Edit::set(path, value),
            Self::Replace(PathValue { path, value }) => Edit::replace(path, value),
            Self::Remove(path) => Edit::remove(path)?,
            Self::Rename(PathName { path, name }) => Edit::rename(path, name)?,
            Self::Append(PathValue { path, value }) => Edit::append(path, value),
            Self::Merge(PathPatch { path, patch }) => Edit::merge(path, patch),
        })
    }
}

/// A body after its edits; nothing when it stays as it is. At most `limit` bytes come out.
///
/// # Errors
///
/// [`JsonError`].
pub fn edited<'e>(
    body: &[u8],
    edits: impl IntoIterator<Item = &'e Edit>,
    limit: usize,
) -> Result<Option<Vec<u8>>, JsonError> {
    Ok(Document::parse(body).map_err(JsonError::Invalid)?.edit(edits, limit)?.changed())
}
