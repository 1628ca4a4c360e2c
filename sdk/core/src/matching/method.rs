//! Methods.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A request's method: a token, with its case, because methods are told apart by it.
///
/// ```
/// use tamis_core::matching::Method;
///
/// assert!(Method::parse("GET").is_ok() && Method::parse("PURGE").is_ok());
/// assert_eq!(Method::parse("get").unwrap_err().to_string(), "methods are told apart by their case: write GET");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method(String);

impl Method {
    /// Reads a method as a configuration has it.
    ///
    /// # Errors
    ///
    /// [`InvalidMethod`] when it is no token, or one of the usual ones in the wrong case, which no request would have.
    pub fn parse(text: &str) -> Result<Self, InvalidMethod> {
        if text.is_empty() || !text.bytes().all(crate::name::is_token) {
            return Err(InvalidMethod::NotAToken);
        }
        let upper = text.to_ascii_uppercase();
        match USUAL.iter().find(|usual| upper == **usual) {
            Some(usual) if text != *usual => Err(InvalidMethod::Case { usual }),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The method's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Those of RFC 9110 and RFC 5789.
const USUAL: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// Why a text is no method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMethod {
    /// A character that no method has.
    #[error("expected a method such as GET, found a text with other characters than a method has")]
    NotAToken,
    /// One of the usual methods, in lower case.
    #[error("methods are told apart by their case: write {usual}")]
    Case {
        /// How it is written.
        usual: &'static str,
    },
}

crate::config::from_text!(Method);

impl JsonSchema for Method {
    fn schema_name() -> Cow<'static, str> {
        "Method".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A method, with its case.",
            "examples": ["GET", "POST"],
        })
    }
}
