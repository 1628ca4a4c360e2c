//! Header names.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// The longest name that is taken: Envoy refuses a longer one only by its limit on all headers together (60 KiB), which
/// is no help to whoever mistyped a configuration.
const MAX_BYTES: usize = 256;

/// A header's name: a token of [RFC 9110 §5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2), in lower case,
/// at most 256 bytes.
///
/// Upper-case letters are folded when a name is read, because Envoy folds every key that a module reads or writes
/// (rule `HDR-7`). Pseudo headers (`:path`, `:status`…) are no tokens: they have edits of their own.
///
/// ```
/// use tamis_core::HeaderName;
///
/// const TENANT: HeaderName = HeaderName::from_static("x-tenant");
/// assert_eq!(HeaderName::parse("X-Tenant").unwrap(), TENANT);
/// assert!(HeaderName::parse("x tenant").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderName(Cow<'static, str>);

impl HeaderName {
    /// Makes a name from a constant; a bad one does not compile when it is used in a `const`.
    ///
    /// # Panics
    ///
    /// When `name` is not a lower-case token of 1 to 256 bytes. Call it in a `const`, so that this happens at build time.
    #[must_use]
    #[allow(clippy::panic, clippy::indexing_slicing, reason = "runs in a const: a bad name is a build error")]
    pub const fn from_static(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty() && bytes.len() <= MAX_BYTES, "a header name has 1 to 256 bytes");
        let mut i = 0;
        while i < bytes.len() {
            assert!(is_token(bytes[i]), "a header name is a token");
            assert!(!bytes[i].is_ascii_uppercase(), "a constant header name is in lower case");
            i += 1;
        }
        Self(Cow::Borrowed(name))
    }

    /// Reads a name as a configuration has it.
    ///
    /// # Errors
    ///
    /// [`InvalidHeaderName`] when it is empty, too long, or has a byte that no header name can have.
    pub fn parse(name: &str) -> Result<Self, InvalidHeaderName> {
        if name.is_empty() {
            return Err(InvalidHeaderName::Empty);
        }
        if name.len() > MAX_BYTES {
            return Err(InvalidHeaderName::TooLong { bytes: name.len() });
        }
        if name.starts_with(':') {
            return Err(InvalidHeaderName::Pseudo { name: name.to_owned() });
        }
        match name.char_indices().find(|(_, c)| !u8::try_from(*c).is_ok_and(is_token)) {
            Some((at, character)) => Err(InvalidHeaderName::NotAToken { name: name.to_owned(), character, at }),
            None => Ok(Self(Cow::Owned(name.to_ascii_lowercase()))),
        }
    }

    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name's bytes, as the proxy wants them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Why a text is not a header name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeaderName {
    /// Nothing was given.
    #[error("a header name cannot be empty")]
    Empty,
    /// More bytes than a sane name has.
    #[error("a header name of {bytes} bytes is too long: 256 are allowed")]
    TooLong {
        /// How many bytes it had.
        bytes: usize,
    },
    /// A pseudo header such as `:path`.
    #[error("`{name}` is a pseudo header, which cannot be edited as a header")]
    Pseudo {
        /// The text that was given.
        name: String,
    },
    /// A character that no header name can have.
    #[error("'{}' at byte {at} cannot be in a header name: `{}`; letters, digits and !#$%&'*+-.^_`|~ can", Shown(character.encode_utf8(&mut [0; 4])), Shown(.name))]
    NotAToken {
        /// The text that was given.
        name: String,
        /// The first bad character.
        character: char,
        /// Where it is, counted in bytes from 0.
        at: usize,
    },
}

/// A text for people, with what no line of a log should have as escapes. Rust's own way knows which characters of Unicode can be
/// seen, and costs a module five kilobytes.
struct Shown<'t>(&'t str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\'' | '"' | '\\' | '\n' | '\r' | '\t' => write!(f, "{}", character.escape_default())?,
                // Controls, and what has no width or turns the direction of a line.
                '\0'..' '
                | '\u{7f}'..'\u{a0}'
                | '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}' => write!(f, "{}", character.escape_unicode())?,
                seen => f.write_char(seen)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::config::from_text!(HeaderName);

impl Serialize for HeaderName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl JsonSchema for HeaderName {
    fn schema_name() -> Cow<'static, str> {
        "HeaderName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A header's name: a token, read without regard to case.",
            "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$",
        })
    }
}

/// `tchar` of RFC 9110.
#[must_use]
pub const fn is_token(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    ) || byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folds_case() {
        assert_eq!(HeaderName::parse("X-Tenant").unwrap().as_str(), "x-tenant");
    }

    #[test]
    fn says_what_is_wrong() {
        for (name, error) in [
            ("", "a header name cannot be empty"),
            (":path", "`:path` is a pseudo header, which cannot be edited as a header"),
            ("x y", "' ' at byte 1 cannot be in a header name: `x y`; letters, digits and !#$%&'*+-.^_`|~ can"),
            (
                "x\r\ny",
                "'\\r' at byte 1 cannot be in a header name: `x\\r\\ny`; letters, digits and !#$%&'*+-.^_`|~ can",
            ),
            ("größe", "'ö' at byte 2 cannot be in a header name: `größe`; letters, digits and !#$%&'*+-.^_`|~ can"),
        ] {
            assert_eq!(HeaderName::parse(name).unwrap_err().to_string(), error);
        }
        assert!(HeaderName::parse(&"x".repeat(257)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_taken_is_a_lower_case_token(text in any::<String>()) {
            if let Ok(name) = HeaderName::parse(&text) {
                prop_assert!(name.as_bytes().iter().all(|b| is_token(*b) && !b.is_ascii_uppercase()));
                prop_assert_eq!(name.as_str(), text.to_ascii_lowercase());
            }
        }
    }
}
