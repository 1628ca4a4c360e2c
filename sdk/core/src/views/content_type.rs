//! What a body is.

use std::borrow::Cow;

/// A media type with its parameters ([RFC 9110 §8.3.1](https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1)).
///
/// ```
/// use tamis_core::views::ContentType;
///
/// let json = ContentType::parse(b"Application/Problem+JSON; Charset=\"utf-8\"").unwrap();
/// assert!(json.is("application/problem+json") && json.is_json());
/// assert_eq!(json.parameter("charset").unwrap().as_ref(), b"utf-8");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ContentType<'a> {
    essence: &'a [u8],
    parameters: &'a [u8],
}

impl<'a> ContentType<'a> {
    /// Reads the value of a `content-type` header. Parameters are read when they are asked for, and bad ones are left
    /// out then: a body is no less JSON because its `charset` is misspelt.
    ///
    /// # Errors
    ///
    /// [`InvalidContentType`] when there is no `type/subtype` in front. Two types in one value (`a/b, c/d`) are none.
    pub fn parse(value: &'a [u8]) -> Result<Self, InvalidContentType> {
        let (front, parameters) = super::cut(value, b';');
        let essence = super::trim(front);
        match super::cut(essence, b'/') {
            (kind, Some(subtype)) if is_token(kind) && is_token(subtype) => {
                Ok(Self { essence, parameters: parameters.unwrap_or_default() })
            }
            _ => Err(InvalidContentType),
        }
    }

    /// `type/subtype`, as it was sent.
    #[must_use]
    pub fn essence(&self) -> &'a [u8] {
        self.essence
    }

    /// Whether it is this `type/subtype`, without regard to case.
    #[must_use]
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence.as_bytes())
    }

    /// Whether the body is JSON: `application/json`, `text/json`, or any type that ends in `+json`.
    #[must_use]
    pub fn is_json(&self) -> bool {
        let at = self.essence.len().saturating_sub(b"+json".len());
        self.is("application/json")
            || self.is("text/json")
            || self.essence.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(b"+json"))
    }

    /// The first value of a parameter, its name without regard to case, its value without quotes and backslashes.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        self.parameters().find_map(|(key, value)| key.eq_ignore_ascii_case(name.as_bytes()).then_some(value))
    }

    /// Every parameter, in order, with those that come twice.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        Parameters(self.parameters)
    }
}

/// The parameters of a [`ContentType`]: names as they were sent, values without quotes.
#[derive(Debug, Clone)]
pub struct Parameters<'a>(&'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a [u8], Cow<'a, [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let (part, rest) = part(self.0);
            self.0 = rest;
            if let (name, Some(value)) = super::cut(super::trim(part), b'=')
                && is_token(name)
                && let Some(value) = plain(value)
            {
                return Some((name, value));
            }
        }
        None
    }
}

/// Why a value is no media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a content type is `type/subtype`, with parameters behind a semicolon")]
pub struct InvalidContentType;

/// What is in front of the next semicolon that is not in quotes, and what is behind it.
fn part(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (mut quoted, mut escaped) = (false, false);
    let end = bytes.iter().position(|byte| {
        let end = *byte == b';' && !quoted;
        quoted ^= *byte == b'"' && !escaped;
        escaped = quoted && *byte == b'\\' && !escaped;
        end
    });
    match end {
        Some(at) => (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..).unwrap_or_default()),
        None => (bytes, &[]),
    }
}

/// A token, or what a quoted string says.
fn plain(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let [b'"', inner @ .., b'"'] = value else {
        return is_token(value).then_some(Cow::Borrowed(value));
    };
    if !inner.iter().any(|byte| matches!(byte, b'\\' | b'"')) {
        return Some(Cow::Borrowed(inner));
    }
    let mut bytes = inner.iter();
    let mut out = Vec::with_capacity(inner.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.push(*bytes.next()?),
            b'"' => return None,
            other => out.push(*other),
        }
    }
    Some(Cow::Owned(out))
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(crate::name::is_token)
}
