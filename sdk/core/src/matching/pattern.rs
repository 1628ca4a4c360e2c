//! Regular expressions over bytes.

use std::borrow::Cow;
#[cfg(feature = "regex")]
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The longest regular expression, in bytes.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// A regular expression that a whole value must match.
///
/// It matches **bytes**, whatever they are: `.` is one byte (no line feed), `\xe4` is the byte E4, `\w`, `\d`, `\s` and `(?i)`
/// know ASCII. A letter outside of ASCII stands for its bytes in UTF-8, and cannot be in a class (`[ä]`): write `(?:ä|ö)`.
/// The syntax is that of the crate [`regex-lite`](https://docs.rs/regex-lite): no look-around and no back-references, so
/// time is linear in the length of a value. It is its bytes times the states of the expression, of which some 500 are
/// allowed: expressions with several `.*` or large counts take long on long values.
///
/// It exists in a filter that is built with the feature `regex` of the SDK. In one that is not, a configuration that has
/// one is refused, and the module carries no engine.
///
/// ```
/// use tamis_core::matching::Pattern;
///
/// # #[cfg(feature = "regex")] {
/// let pattern = Pattern::parse(r"v[0-9]+(?:-(?:ä|\xff))?").unwrap();
/// assert!(pattern.is_match(b"v12"));
/// assert!(pattern.is_match("v12-ä".as_bytes()) && pattern.is_match(b"v12-\xff"));
/// assert!(!pattern.is_match(b"xv12"), "the whole value, not a part");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    #[cfg(feature = "regex")]
    regex: regex_lite::Regex,
    /// There is none in a module without the engine, and no code for one.
    #[cfg(not(feature = "regex"))]
    never: std::convert::Infallible,
}

impl Pattern {
    /// Reads a regular expression as a configuration has it.
    ///
    /// # Errors
    ///
    /// [`InvalidPattern`] when it is none, is longer than [`MAX_PATTERN_BYTES`], becomes too large, or when this module
    /// has no engine for it.
    pub fn parse(source: &str) -> Result<Self, InvalidPattern> {
        if source.len() > MAX_PATTERN_BYTES {
            return Err(InvalidPattern::TooLong);
        }
        Self::compile(source)
    }

    /// The expression as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}

#[cfg(feature = "regex")]
impl Pattern {
    /// What the compiled form may take, in bytes: some 500 states, and each byte of a value may meet all of them.
    const MAX_COMPILED_BYTES: usize = 16 * 1024;

    /// How deep groups may nest.
    const MAX_NESTING: u32 = 32;

    fn compile(source: &str) -> Result<Self, InvalidPattern> {
        let bytes = as_bytes(source)?;
        // By itself first: what is no expression must not become one by the group around it.
        Self::build(&bytes)?;
        let regex = Self::build(&format!(r"\A(?:{bytes})\z"))?;
        Ok(Self { source: source.to_owned(), regex })
    }

    fn build(pattern: &str) -> Result<regex_lite::Regex, InvalidPattern> {
        regex_lite::RegexBuilder::new(pattern)
            .size_limit(Self::MAX_COMPILED_BYTES)
            .nest_limit(Self::MAX_NESTING)
            .build()
            .map_err(|error| match error.to_string() {
                message if message.ends_with("exceeded size limit") => InvalidPattern::TooLarge,
                message => InvalidPattern::Syntax { message },
            })
    }

    /// Whether all of `value` matches.
    #[must_use]
    pub fn is_match(&self, value: &[u8]) -> bool {
        self.regex.is_match(&latin1(value))
    }
}

#[cfg(not(feature = "regex"))]
impl Pattern {
    fn compile(_: &str) -> Result<Self, InvalidPattern> {
        Err(InvalidPattern::NoEngine)
    }

    /// Whether all of `value` matches. There is no `Pattern` in a module without the engine.
    #[must_use]
    pub fn is_match(&self, _: &[u8]) -> bool {
        match self.never {}
    }
}

/// A regular expression that is looked for in a value, and whose groups are read. The syntax and the bounds are those of
/// [`Pattern`]; so is what becomes of it in a module without the engine.
///
/// ```
/// use tamis_core::matching::Search;
///
/// # #[cfg(feature = "regex")] {
/// let search = Search::parse(r"id=(?P<id>[0-9]+)").unwrap();
/// let id = search.group("id").unwrap();
/// assert_eq!(search.find(b"a; id=12", id, false), Some(&b"12"[..]));
/// assert_eq!(search.find(b"a; id=12", id, true), None, "not the whole value");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Search {
    whole: Pattern,
    #[cfg(feature = "regex")]
    part: regex_lite::Regex,
}

impl Search {
    /// Reads a regular expression as a configuration has it.
    ///
    /// # Errors
    ///
    /// As [`Pattern::parse`].
    pub fn parse(source: &str) -> Result<Self, InvalidPattern> {
        let whole = Pattern::parse(source)?;
        Ok(Self {
            #[cfg(feature = "regex")]
            part: Pattern::build(&as_bytes(source)?)?,
            whole,
        })
    }
}

#[cfg(feature = "regex")]
impl Search {
    /// The number of the group of this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<usize> {
        self.part.capture_names().position(|group| group == Some(name))
    }

    /// Whether there is a group of this number; 0 is the whole match.
    #[must_use]
    pub fn has_group(&self, number: usize) -> bool {
        number < self.part.captures_len()
    }

    /// What a group has of the first match, or of the whole value as a match. Nothing when there is none, or when the group has
    /// no part in it.
    #[must_use]
    pub fn find<'v>(&self, value: &'v [u8], group: usize, whole: bool) -> Option<&'v [u8]> {
        let text = latin1(value);
        let regex = if whole { &self.whole.regex } else { &self.part };
        let captures = regex.captures(&text)?;
        value.get(Groups { text: &text, captures }.get(group)?)
    }

    /// Every match in a value, from left to right; none of them overlap. What comes of it may take time as the square of the
    /// value's length: whoever calls bounds both.
    ///
    /// # Errors
    ///
    /// The first error of `take`.
    pub fn for_each<E>(&self, value: &[u8], mut take: impl FnMut(&Groups<'_>) -> Result<(), E>) -> Result<(), E> {
        let text = latin1(value);
        self.part.captures_iter(&text).try_for_each(|captures| take(&Groups { text: &text, captures }))
    }
}

/// What the groups of a regular expression have of a match.
#[cfg(feature = "regex")]
#[derive(Debug)]
pub struct Groups<'t> {
    text: &'t str,
    captures: regex_lite::Captures<'t>,
}

#[cfg(feature = "regex")]
impl Groups<'_> {
    /// Where a group has matched, in bytes of the value; 0 is the whole match. Nothing when it has no part in it.
    #[must_use]
    pub fn get(&self, group: usize) -> Option<Range<usize>> {
        let found = self.captures.get(group)?;
        // A character of the text is a byte of the value; in ASCII it is also a byte of the text.
        let byte = |at: usize| self.text.get(..at).map(|before| before.chars().count());
        Some(byte(found.start())?..byte(found.end())?)
    }
}

#[cfg(not(feature = "regex"))]
impl Search {
    /// The number of a group. There is no `Search` in a module without the engine.
    #[must_use]
    pub fn group(&self, _: &str) -> Option<usize> {
        None
    }

    /// Whether there is a group of this number.
    #[must_use]
    pub fn has_group(&self, _: usize) -> bool {
        false
    }

    /// What a group has of a match.
    #[must_use]
    pub fn find<'v>(&self, _: &'v [u8], _: usize, _: bool) -> Option<&'v [u8]> {
        None
    }
}

impl PartialEq for Search {
    fn eq(&self, other: &Self) -> bool {
        self.whole == other.whole
    }
}

impl Eq for Search {}

crate::config::from_text!(Search);

impl JsonSchema for Search {
    fn schema_name() -> Cow<'static, str> {
        "RegexWithGroups".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A regular expression, without look-around and back-references. It matches bytes.",
            "maxLength": MAX_PATTERN_BYTES,
        })
    }
}

/// Every byte as the character of its number.
#[cfg(feature = "regex")]
fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// The expression with its letters outside of ASCII as groups of their bytes.
#[cfg(feature = "regex")]
fn as_bytes(source: &str) -> Result<Cow<'_, str>, InvalidPattern> {
    if source.is_ascii() {
        return Ok(Cow::Borrowed(source));
    }
    let mut out = String::with_capacity(source.len() * 4);
    let mut classes: u32 = 0;
    let mut escaped = false;
    for character in source.chars() {
        if !character.is_ascii() && classes > 0 {
            return Err(InvalidPattern::Class);
        }
        if !character.is_ascii() {
            let mut utf8 = [0; 4];
            out.push_str("(?:");
            out.extend(character.encode_utf8(&mut utf8).bytes().map(char::from));
            out.push(')');
            // An escape before it would now be one of the bracket.
            if escaped {
                return Err(InvalidPattern::Syntax { message: "unrecognized escape sequence".to_owned() });
            }
            continue;
        }
        match character {
            '[' if !escaped => classes += 1,
            ']' if !escaped => classes = classes.saturating_sub(1),
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        out.push(character);
    }
    Ok(Cow::Owned(out))
}

/// Why a text is no regular expression that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// It is too long.
    #[error("a regular expression has at most 1024 bytes")]
    TooLong,
    /// It is short, and has too many states.
    #[error("the regular expression becomes too large: use smaller counts, or + and *")]
    TooLarge,
    /// A letter outside of ASCII is in a class, where its bytes would be alternatives.
    #[error("a class in a regular expression has ASCII only: write (?:ä|ö) for [äö]")]
    Class,
    /// The engine refuses it.
    #[error("no valid regular expression: {message}")]
    Syntax {
        /// What the engine says; it repeats nothing of the expression.
        message: String,
    },
    /// The module was built without the engine.
    #[error("this module was built without regular expressions: use the full image of the filter")]
    NoEngine,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

crate::config::from_text!(Pattern);

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Regex".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A regular expression that the whole value must match, without look-around and \
                back-references. It matches bytes.",
            "maxLength": MAX_PATTERN_BYTES,
        })
    }
}
