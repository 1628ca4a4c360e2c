//! Every value that has none in it, with the way to it.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::ops::{ControlFlow, Range};

use super::cursor::Cursor;
use super::{Characters, Path, decoded, string};

/// A value that has none in it.
#[derive(Debug, Clone)]
pub struct Leaf<'a> {
    bytes: &'a [u8],
    span: Range<usize>,
    kind: Kind,
}

/// What a [`Leaf`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    String,
    /// A number, of any length.
    Number,
    /// `true`, `false` or `null`.
    Word,
}

impl<'a> Leaf<'a> {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it is in the document, a string with its quotes.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Its bytes, a string without its quotes and with its escapes.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.bytes.get(self.inner()).unwrap_or_default()
    }

    /// What it says: a string with its escapes read, everything else as it is written. Borrowed when it has no escape.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        match self.kind {
            Kind::String => decoded(self.raw()),
            _ => String::from_utf8_lossy(self.raw()),
        }
    }

    /// The characters of what it says, each with the bytes of the document that it takes. What is found in the text can
    /// so be replaced in the document, and no escape is broken.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tamis_core::json::Document;
    ///
    /// let body = Document::parse(br#"["a\u0034\n"]"#)?;
    /// let _ = body.leaves(|_, leaf| {
    ///     let places: Vec<_> = leaf.characters().collect();
    ///     assert_eq!(places, [(2..3, Some('a')), (3..9, Some('4')), (9..11, Some('\n'))]);
    ///     ControlFlow::<()>::Continue(())
    /// });
    /// # Ok::<(), tamis_core::json::InvalidJson>(())
    /// ```
    #[must_use]
    pub fn characters(&self) -> Characters<'a> {
        Characters::new(self.raw(), self.inner().start)
    }

    fn inner(&self) -> Range<usize> {
        match self.kind {
            Kind::String => self.span.start + 1..self.span.end.saturating_sub(1),
            _ => self.span.clone(),
        }
    }
}

/// The way to a [`Leaf`]. Printed, it is the normalised path of RFC 9535: `$['a'][0]`.
#[derive(Debug, Clone)]
pub struct Trail<'a> {
    bytes: &'a [u8],
    inside: Vec<Inside>,
}

/// An array or an object around a leaf, and where in it the leaf is.
#[derive(Debug, Clone)]
struct Inside {
    /// What is between the quotes of the key, in an object.
    key: Option<Range<usize>>,
    index: usize,
    /// Where the array begins, and its length when somebody has asked.
    start: usize,
    length: Cell<Option<usize>>,
}

impl<'a> Trail<'a> {
    /// The key that the leaf belongs to: its own in an object, in an array the one of the array.
    #[must_use]
    pub fn key(&self) -> Option<Cow<'a, str>> {
        let key = self.inside.iter().rev().find_map(|inside| inside.key.clone())?;
        Some(decoded(self.bytes.get(key).unwrap_or_default()))
    }

    /// How many arrays and objects the leaf is in.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.inside.len()
    }

    /// Whether a path means the leaf, or a value around it.
    #[must_use]
    pub fn is_below(&self, path: &Path) -> bool {
        let steps = path.steps();
        steps.len() <= self.inside.len()
            && steps.iter().zip(&self.inside).all(|(step, inside)| match &inside.key {
                Some(key) => step.takes_key(self.bytes.get(key.clone()).unwrap_or_default()),
                None => step.takes_index(inside.index, || inside.length(self.bytes)),
            })
    }

    /// Whether a path means the leaf itself.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        path.steps().len() == self.inside.len() && self.is_below(path)
    }
}

impl Inside {
    fn length(&self, bytes: &[u8]) -> usize {
        let length = self.length.get().unwrap_or_else(|| Cursor::new(bytes, self.start).length());
        self.length.set(Some(length));
        length
    }
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for inside in &self.inside {
            let Some(key) = &inside.key else {
                write!(f, "[{}]", inside.index)?;
                continue;
            };
            f.write_str("['")?;
            for (_, character) in Characters::new(self.bytes.get(key.clone()).unwrap_or_default(), 0) {
                match character.unwrap_or(char::REPLACEMENT_CHARACTER) {
                    plain @ ('\'' | '\\') => write!(f, "\\{plain}")?,
                    control @ '\0'..='\u{1f}' => {
                        let quoted = string::quoted(control.encode_utf8(&mut [0]));
                        f.write_str(quoted.trim_matches('"'))?;
                    }
                    plain => write!(f, "{plain}")?,
                }
            }
            f.write_str("']")?;
        }
        Ok(())
    }
}

/// Visits every leaf from the cursor on, in the order of the text.
pub(super) fn walk<'a, B>(
    mut cursor: Cursor<'a>,
    visit: &mut dyn FnMut(&Trail<'a>, Leaf<'a>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let mut trail = Trail { bytes: cursor.bytes, inside: Vec::new() };
    loop {
        let start = cursor.at;
        let kind = match cursor.peek() {
            Some(b'{' | b'[') => {
                let object = cursor.peek() == Some(b'{');
                cursor.at += 1;
                cursor.blank();
                if !matches!(cursor.peek(), Some(b'}' | b']')) {
                    let key = object.then(|| cursor.key());
                    trail.inside.push(Inside { key, index: 0, start, length: Cell::new(None) });
                    continue;
                }
                cursor.at += 1;
                None
            }
            Some(b'"') => Some(Kind::String),
            Some(b'-' | b'0'..=b'9') => Some(Kind::Number),
            Some(_) => Some(Kind::Word),
            None => return ControlFlow::Continue(()),
        };
        if let Some(kind) = kind {
            visit(&trail, Leaf { bytes: cursor.bytes, span: cursor.value(), kind })?;
        }
        if !next(&mut cursor, &mut trail.inside) {
            return ControlFlow::Continue(());
        }
    }
}

/// From behind a value to the next one; false when there is none.
fn next(cursor: &mut Cursor<'_>, trail: &mut Vec<Inside>) -> bool {
    while let Some(inside) = trail.last_mut() {
        cursor.blank();
        if cursor.take(b',') {
            cursor.blank();
            inside.index += 1;
            if inside.key.is_some() {
                inside.key = Some(cursor.key());
            }
            return true;
        }
        cursor.at += 1;
        trail.pop();
    }
    false
}
