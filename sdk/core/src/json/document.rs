//! Bytes that are JSON.

use std::ops::{ControlFlow, Range};

use super::cursor::Cursor;
use super::{Edit, EditError, Edited, InvalidJson, Leaf, Path, Trail, leaves, splice, syntax};

/// Bytes that are JSON: the only way to one is to have read all of it.
///
/// ```
/// use tamis_core::json::Document;
///
/// assert!(Document::parse(b"[1, 2.50, 1e999]").is_ok());
/// let error = Document::parse(b"[1, 02]").unwrap_err();
/// assert_eq!(error.to_string(), "no valid JSON at byte 5: expected `,` or `]`");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    bytes: &'a [u8],
    start: usize,
}

impl<'a> Document<'a> {
    /// Reads a text, once and in place.
    ///
    /// # Errors
    ///
    /// [`InvalidJson`] with the first byte that does not fit. See [the module](super) on what is JSON here.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, InvalidJson> {
        Ok(Self { bytes, start: syntax::check(bytes)? })
    }

    /// All bytes, with white space and a byte order mark.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes of the value: without what is around it.
    #[must_use]
    pub fn value(&self) -> &'a [u8] {
        self.bytes.get(self.root().value()).unwrap_or_default()
    }

    /// Where the values are that a path means, in the order of the text; a value that is in another one comes after it.
    ///
    /// ```
    /// use tamis_core::json::{Document, Path};
    ///
    /// let body = Document::parse(br#"{"a": [{"b": 1}, {"b": [2]}]}"#)?;
    /// let mut found = Vec::new();
    /// body.find(&Path::parse("$.a[*].b")?, |span| found.push(&body.bytes()[span]));
    /// assert_eq!(found, [b"1".as_slice(), b"[2]"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(&self, path: &Path, mut found: impl FnMut(Range<usize>)) {
        splice::find(&mut self.root(), path.steps(), &mut found);
    }

    /// Visits every string, number, `true`, `false` and `null`, in the order of the text, until the visitor breaks off.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tamis_core::json::Document;
    ///
    /// let body = Document::parse(br#"{"name": "Zo\u00eb", "n": [1]}"#)?;
    /// let mut seen = Vec::new();
    /// let _ = body.leaves(|trail, leaf| {
    ///     seen.push(format!("{trail} {}", leaf.text()));
    ///     ControlFlow::<()>::Continue(())
    /// });
    /// assert_eq!(seen, ["$['name'] Zoë", "$['n'][0] 1"]);
    /// # Ok::<(), tamis_core::json::InvalidJson>(())
    /// ```
    pub fn leaves<B>(&self, mut visit: impl FnMut(&Trail<'a>, Leaf<'a>) -> ControlFlow<B>) -> ControlFlow<B> {
        leaves::walk(self.root(), &mut visit)
    }

    /// Makes edits, one after the other: each sees what those before it have made. Every byte that no edit means stays.
    ///
    /// `limit` is how many bytes may come out, and about half of what is held on the way.
    ///
    /// # Errors
    ///
    /// [`EditError`] when more than `limit` bytes come out, or a new name is taken. Nothing is half done then: the body
    /// is as it was.
    pub fn edit<'e>(&self, edits: impl IntoIterator<Item = &'e Edit>, limit: usize) -> Result<Edited<'a>, EditError> {
        splice::edit(self.bytes, self.start, edits, limit)
    }

    pub(super) fn root(&self) -> Cursor<'a> {
        Cursor::new(self.bytes, self.start)
    }
}
