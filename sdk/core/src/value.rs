//! Header values.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// The longest value that a configuration can give: Envoy's default limit for all headers of a request together.
const MAX_BYTES: usize = 60 * 1024;

/// A header's value as a configuration gives it: bytes without CR, LF and NUL, at most 60 KiB, no white space around.
///
/// Those three bytes end a line in HTTP/1 or are refused by HTTP/2; Envoy checks them in debug builds only (rule
/// `HDR-17`), so a value that has one must never get as far as the proxy. White space around a value is not part of it
/// ([RFC 9110 §5.5](https://www.rfc-editor.org/rfc/rfc9110#section-5.5)).
///
/// ```
/// use tamis_core::HeaderValue;
///
/// assert_eq!(HeaderValue::parse("gold").unwrap().as_bytes(), b"gold");
/// assert!(HeaderValue::parse("gold\r\nx-admin: yes").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HeaderValue(Vec<u8>);

impl HeaderValue {
    /// Reads a value as a configuration has it.
    ///
    /// # Errors
    ///
    /// [`InvalidHeaderValue`] when a byte is forbidden, white space surrounds it, or it is too long. The error names
    /// the place, never the value: it may be a secret.
    pub fn parse(value: &str) -> Result<Self, InvalidHeaderValue> {
        let bytes = value.as_bytes();
        if bytes.len() > MAX_BYTES {
            return Err(InvalidHeaderValue::TooLong { bytes: bytes.len() });
        }
        if let Some((at, byte)) = bytes.iter().copied().enumerate().find(|(_, b)| is_forbidden(*b)) {
            return Err(InvalidHeaderValue::Forbidden { byte, at });
        }
        if bytes.first().is_some_and(|b| is_blank(*b)) || bytes.last().is_some_and(|b| is_blank(*b)) {
            return Err(InvalidHeaderValue::Blank);
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The value's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Why a text is not a header value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeaderValue {
    /// A control character: CR, LF, NUL or another one that no HTTP version carries.
    #[error("the byte 0x{byte:02x} at byte {at} cannot be in a header value: no control character but a tab can")]
    Forbidden {
        /// The first bad byte.
        byte: u8,
        /// Where it is, counted from 0.
        at: usize,
    },
    /// White space at an end, which the next hop would take away.
    #[error("a header value cannot begin or end with white space")]
    Blank,
    /// More bytes than a proxy takes.
    #[error("a header value of {bytes} bytes is too long: 61440 are allowed")]
    TooLong {
        /// How many bytes it had.
        bytes: usize,
    },
}

/// Shows the length only: a value may be a secret, and `Debug` ends up in logs.
impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderValue({} bytes)", self.0.len())
    }
}

crate::config::from_text!(HeaderValue);

impl Serialize for HeaderValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf8_lossy(&self.0))
    }
}

impl JsonSchema for HeaderValue {
    fn schema_name() -> Cow<'static, str> {
        "HeaderValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A header's value: no control character but a tab, no white space around.",
            "maxLength": MAX_BYTES,
            "pattern": "^([^\\x00-\\x20\\x7f]([^\\x00-\\x08\\x0a-\\x1f\\x7f]*[^\\x00-\\x20\\x7f])?)?$",
        })
    }
}

/// Whether a byte is a control character other than a tab: what HTTP/2 and careful HTTP/1 parsers refuse.
const fn is_forbidden(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn says_what_is_wrong() {
        for (value, error) in [
            ("a\rb", "the byte 0x0d at byte 1 cannot be in a header value: no control character but a tab can"),
            ("a\nb", "the byte 0x0a at byte 1 cannot be in a header value: no control character but a tab can"),
            ("\0", "the byte 0x00 at byte 0 cannot be in a header value: no control character but a tab can"),
            (" a", "a header value cannot begin or end with white space"),
        ] {
            assert_eq!(HeaderValue::parse(value).unwrap_err().to_string(), error);
        }
        assert!(HeaderValue::parse(&"x".repeat(MAX_BYTES + 1)).is_err());
    }

    #[test]
    fn takes_what_http_takes() {
        for value in ["", "gold", "a b\tc", "größe", "\u{80}"] {
            assert_eq!(HeaderValue::parse(value).unwrap().as_bytes(), value.as_bytes());
        }
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", HeaderValue::parse("s3cret").unwrap()), "HeaderValue(6 bytes)");
    }

    proptest! {
        #[test]
        fn what_is_taken_cannot_end_a_line(text in any::<String>()) {
            if let Ok(value) = HeaderValue::parse(&text) {
                prop_assert!(!value.as_bytes().iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
            }
        }
    }
}
