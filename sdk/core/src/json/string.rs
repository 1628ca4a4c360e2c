//! Strings, and what their escapes mean.

use std::borrow::Cow;
use std::ops::Range;

use crate::views::hex;

/// What a string says, given what is between its quotes. Borrowed when it has no escape. Half a surrogate pair becomes
/// U+FFFD.
///
/// ```
/// assert_eq!(tamis_core::json::decoded(br"\u0034\ud83d\ude00\/\ud83d"), "4\u{1f600}/\u{fffd}");
/// ```
#[must_use]
pub fn decoded(inner: &[u8]) -> Cow<'_, str> {
    if !inner.contains(&b'\\') {
        return String::from_utf8_lossy(inner);
    }
    Cow::Owned(
        Characters::new(inner, 0).map(|(_, character)| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
    )
}

/// A text as a JSON string, with its quotes: only what must be escaped is.
///
/// ```
/// assert_eq!(tamis_core::json::quoted("a \"b\"\n\u{1}é"), r#""a \"b\"\n\u0001é""#);
/// ```
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        let short = match character {
            '"' | '\\' => character,
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\0'..='\u{1f}' => {
                const DIGITS: [char; 16] =
                    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
                let low = usize::try_from(u32::from(character)).unwrap_or(0);
                out.push_str("\\u00");
                out.extend([low >> 4, low & 15].iter().filter_map(|digit| DIGITS.get(*digit)));
                continue;
            }
            plain => {
                out.push(plain);
                continue;
            }
        };
        out.push('\\');
        out.push(short);
    }
    out.push('"');
    out
}

/// Whether a string, given what is between its quotes, says `name`. Half a surrogate pair equals nothing.
pub(super) fn says(inner: &[u8], name: &str) -> bool {
    if !inner.contains(&b'\\') {
        return inner == name.as_bytes();
    }
    let mut wanted = name.chars();
    Characters::new(inner, 0).all(|(_, character)| character.is_some() && character == wanted.next())
        && wanted.next().is_none()
}

/// The characters of a string with the bytes that each of them takes: `\u0041` is `A`, from six bytes. A half of a
/// surrogate pair is none.
#[derive(Debug, Clone)]
pub struct Characters<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Characters<'a> {
    /// Over what is between the quotes of a string, which begins at the byte `at` of its text.
    pub(super) fn new(inner: &'a [u8], at: usize) -> Self {
        Self { rest: inner, at }
    }
}

impl Iterator for Characters<'_> {
    type Item = (Range<usize>, Option<char>);

    fn next(&mut self) -> Option<Self::Item> {
        let (character, bytes) = match self.rest {
            [] => return None,
            [b'\\', b'u', digits @ ..] => unicode(digits),
            [b'\\', letter, ..] => (Some(unescaped(*letter)), 2),
            [first, ..] => plain(*first, self.rest),
        };
        let start = self.at;
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.at += bytes;
        Some((start..self.at, character))
    }
}

/// The character of UTF-8 that begins with `first`, and its length.
fn plain(first: u8, rest: &[u8]) -> (Option<char>, usize) {
    let length = match first {
        0..0x80 => return (Some(char::from(first)), 1),
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    let text = rest.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.and_then(|text| text.chars().next()).map_or((None, 1), |character| (Some(character), length))
}

/// What is behind `\u`, with the second half of a surrogate pair; and the length with `\u`.
fn unicode(digits: &[u8]) -> (Option<char>, usize) {
    let Some(first) = four(digits) else { return (None, 2) };
    let second = match digits.get(4..) {
        Some([b'\\', b'u', digits @ ..]) if (0xd800..0xdc00).contains(&first) => four(digits),
        _ => None,
    };
    match second {
        Some(second @ 0xdc00..0xe000) => (char::from_u32(0x10000 + (first - 0xd800) * 0x400 + (second - 0xdc00)), 12),
        _ => (char::from_u32(first), 6),
    }
}

fn four(digits: &[u8]) -> Option<u32> {
    digits.first_chunk::<4>()?.iter().try_fold(0, |number, digit| Some(number << 4 | u32::from(hex(*digit)?)))
}

/// What a letter means behind a backslash. The others mean themselves.
fn unescaped(letter: u8) -> char {
    match letter {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        other => char::from(other),
    }
}
