//! What can be changed in a document.

use std::borrow::Cow;

use super::{MergePatch, Path, Text};

/// A change of every value that a path means.
///
/// A value that is not there is not changed, and that is no error: [`Edited::matched`] says how many were.
///
/// ```
/// use tamis_core::json::{Document, Edit, MergePatch, Path, Text};
///
/// let edit = |body: &str, edit: Edit| -> Result<String, Box<dyn std::error::Error>> {
///     let edited = Document::parse(body.as_bytes())?.edit(&[edit], 100)?;
///     Ok(String::from_utf8(edited.body.into_owned())?)
/// };
/// let path = Path::parse;
/// let body = r#"{"a": [1, 2], "b": {"c": 3}}"#;
/// assert_eq!(edit(body, Edit::set(path("$.a[-1]")?, Text::parse(b"[]")?))?, r#"{"a": [1, []], "b": {"c": 3}}"#);
/// assert_eq!(edit(body, Edit::set(path("$.b.d")?, Text::string("x")))?, r#"{"a": [1, 2], "b": {"c": 3,"d":"x"}}"#);
/// assert_eq!(edit(body, Edit::replace(path("$.b.d")?, Text::string("x")))?, body);
/// assert_eq!(edit(body, Edit::remove(path("/a/0")?)?)?, r#"{"a": [2], "b": {"c": 3}}"#);
/// assert_eq!(edit(body, Edit::rename(path("$.*.c")?, "d")?)?, r#"{"a": [1, 2], "b": {"d": 3}}"#);
/// assert_eq!(edit(body, Edit::append(path("$.a")?, Text::parse(b"3")?))?, r#"{"a": [1, 2,3], "b": {"c": 3}}"#);
/// let patch = MergePatch::from(&Text::parse(br#"{"a": null, "b": {"c": 4}}"#)?);
/// assert_eq!(edit(body, Edit::merge(path("$")?, patch))?, r#"{"b": {"c": 4}}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub(super) path: Path,
    pub(super) change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Set { value: Text, add: bool },
    Remove,
    Rename(String),
    Append(Text),
    Merge(MergePatch),
}

impl Edit {
    /// Puts a value in the place of others. Where the last step of the path is a name that an object does not have, the
    /// object gets it, behind its last member. Objects on the way are not made: [`merge`](Self::merge) does that.
    #[must_use]
    pub fn set(path: Path, value: Text) -> Self {
        Self { path, change: Change::Set { value, add: true } }
    }

    /// Puts a value in the place of others, and adds none.
    #[must_use]
    pub fn replace(path: Path, value: Text) -> Self {
        Self { path, change: Change::Set { value, add: false } }
    }

    /// Takes values away, each with its key, one comma, and the white space between it and its neighbour: the one before
    /// it if one stays there, else the one behind it.
    ///
    /// # Errors
    ///
    /// [`InvalidEdit`] when the path means the whole document: nothing is no JSON.
    pub fn remove(path: Path) -> Result<Self, InvalidEdit> {
        if path.steps().is_empty() {
            return Err(InvalidEdit::RemoveAll);
        }
        Ok(Self { path, change: Change::Remove })
    }

    /// Gives members another name; their values and their places stay.
    ///
    /// # Errors
    ///
    /// [`InvalidEdit`] when the last step of the path is no name.
    pub fn rename(path: Path, name: impl Into<String>) -> Result<Self, InvalidEdit> {
        match path.steps().last().and_then(super::Step::name) {
            Some(_) => Ok(Self { path, change: Change::Rename(name.into()) }),
            None => Err(InvalidEdit::RenameNoMember),
        }
    }

    /// Adds a value at the end of arrays; what is no array stays as it is.
    #[must_use]
    pub fn append(path: Path, value: Text) -> Self {
        Self { path, change: Change::Append(value) }
    }

    /// Merges a patch into values; takes time for each member of an object times those of the patch.
    #[must_use]
    pub fn merge(path: Path, patch: MergePatch) -> Self {
        Self { path, change: Change::Merge(patch) }
    }
}

/// Why there is no such edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEdit {
    /// The whole document cannot be taken away.
    #[error("the whole document cannot be removed: set it to null, or name a part of it")]
    RemoveAll,
    /// Only members of objects have names.
    #[error("only a member can be renamed: the last step of the path must be a name")]
    RenameNoMember,
}

/// A document after edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited<'a> {
    /// The bytes; borrowed when nothing has changed.
    pub body: Cow<'a, [u8]>,
    /// How many values were changed, added or removed, or looked at by a merge, over all edits.
    pub matched: usize,
    /// How many values were to be appended to, and are no arrays.
    pub no_arrays: usize,
}

impl Edited<'_> {
    /// The bytes, if they are others than before.
    #[must_use]
    pub fn changed(self) -> Option<Vec<u8>> {
        match self.body {
            Cow::Borrowed(_) => None,
            Cow::Owned(body) => Some(body),
        }
    }
}

/// Why edits could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// More comes out than may.
    #[error("more than {limit} bytes would come out")]
    TooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// A member would get the name of another one, which no reader could then tell apart.
    #[error("a member has the new name already, at byte {at}")]
    NameTaken {
        /// Where the other member begins, in the document as this edit found it.
        at: usize,
    },
}
