//! JSON as bytes: looked at in place, and edited without losing anything.
//!
//! Whoever parses a body into a tree and writes the tree down again changes what nobody asked to change: a number of
//! twenty digits, `1.0`, the order of keys, a key that comes twice, white space, `\u00e9`. Here a [`Document`] is bytes
//! that are known to be JSON. A [`Path`] points into it, an [`Edit`] replaces the bytes of what it points to, and **every
//! other byte stays**.
//!
//! ```
//! use tamis_core::json::{Document, Edit, Path, Text};
//!
//! let body = br#"{ "id": 12345678901234567890.0, "user": {"name": "Zo\u00eb", "card": "4111"} }"#;
//! let edits = [
//!     Edit::set(Path::parse("$.user.card")?, Text::string("****")),
//!     Edit::remove(Path::parse("/user/name")?)?,
//! ];
//! let edited = Document::parse(body)?.edit(&edits, 1024)?;
//! assert_eq!(&*edited.body, br#"{ "id": 12345678901234567890.0, "user": {"card": "****"} }"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is JSON
//!
//! [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259), to the letter: no comments, no commas at the end, no leading zeros,
//! no control characters in strings. The bytes are UTF-8; a byte order mark in front is allowed and stays. Numbers have any
//! length and are never computed with. A key may come twice: a name in a path means all of them, because what a reader
//! makes of two is its own affair, and an edit that missed one would be a way around it. An escape of half a surrogate
//! pair is JSON; decoded, it is U+FFFD, and it equals no name.
//!
//! # Bounds
//!
//! Values nest at most [`MAX_DEPTH`] deep. Looking and editing read the body once for each edit, and once more for each
//! step of a path that counts from an array's end; nothing is kept per value. What an edit makes has the bound that its
//! caller says.

mod cursor;
mod document;
mod edit;
mod leaves;
mod merge;
mod path;
mod path_text;
mod splice;
mod string;
mod syntax;
mod text;

pub use document::Document;
pub use edit::{Edit, EditError, Edited, InvalidEdit};
pub use leaves::{Kind, Leaf, Trail};
pub use merge::MergePatch;
pub use path::{MAX_STEPS, Path, Step};
pub use path_text::{InvalidPath, MAX_PATH_BYTES};
pub use string::{Characters, decoded, quoted};
pub use syntax::{InvalidJson, MAX_DEPTH};
pub use text::Text;
