//! How a text is written where it stands.

use std::ops::Range;

use tamis::json;

use crate::marks::Marks;

/// A way to write texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// As it is.
    Plain,
    /// Between the quotes of a JSON string.
    Json,
    /// A number of JSON.
    Number,
    /// In a form or a query: `%2B`, and `+` for a space.
    Form,
}

/// A text, decoded, and where each of its bytes comes from.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    pub text: Vec<u8>,
    /// For each byte the first of those that it was written with.
    from: Vec<usize>,
    /// How many bytes were read; what is behind them is the beginning of something.
    pub read: usize,
}

impl Codec {
    /// Whether bytes of a part of the window mean something else than themselves.
    #[inline(always)]
    pub fn has_escapes(self, marks: &mut Marks<'_>, part: Range<usize>) -> bool {
        match self {
            Self::Plain | Self::Number => false,
            // Its quotes are behind its end.
            Self::Json => marks.quote(part.start, part.end).is_some(),
            Self::Form => marks.text().get(part).unwrap_or_default().iter().any(|byte| matches!(byte, b'%' | b'+')),
        }
    }

    /// Reads a text that starts at `start`, as far as it is here.
    pub fn decode(self, raw: &[u8], start: usize, last: bool) -> Decoded {
        let room = raw.len().saturating_sub(start);
        let mut decoded = Decoded { read: start, text: Vec::with_capacity(room), from: Vec::with_capacity(room) };
        while let Some(rest) = raw.get(decoded.read..).filter(|rest| !rest.is_empty()) {
            let plain = rest.iter().position(|byte| self.escapes(*byte)).unwrap_or(rest.len());
            if let Some((plain, escaped)) = rest.split_at_checked(plain).filter(|(plain, _)| !plain.is_empty()) {
                decoded.text.extend_from_slice(plain);
                decoded.from.extend(decoded.read..decoded.read + plain.len());
                decoded.read += plain.len();
                if escaped.is_empty() {
                    break;
                }
                continue;
            }
            let mut utf8 = [0; 4];
            let (bytes, length): (&[u8], usize) = match (self, rest) {
                (Self::Json, _) => match escape(rest, last) {
                    Some((character, length)) => (character.encode_utf8(&mut utf8).as_bytes(), length),
                    None => break,
                },
                (_, [b'+', ..]) => (b" ", 1),
                (_, [b'%', high, low, ..]) => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => {
                        utf8[0] = high << 4 | low;
                        (&utf8[..1], 3)
                    }
                    _ => (b"%", 1),
                },
                _ if !last => break,
                _ => (b"%", 1),
            };
            for byte in bytes {
                decoded.text.push(*byte);
                decoded.from.push(decoded.read);
            }
            decoded.read += length;
        }
        decoded
    }

    /// Whether something else than itself begins with a byte.
    fn escapes(self, byte: u8) -> bool {
        match self {
            Self::Plain | Self::Number => false,
            Self::Json => byte == b'\\',
            Self::Form => matches!(byte, b'%' | b'+'),
        }
    }

    /// Writes a text.
    pub fn encode(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain | Self::Number => out.extend_from_slice(text),
            Self::Json => {
                for byte in text {
                    match byte {
                        b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
                        b'\n' => out.extend_from_slice(b"\\n"),
                        b'\r' => out.extend_from_slice(b"\\r"),
                        b'\t' => out.extend_from_slice(b"\\t"),
                        0..=0x1f => {
                            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
                        }
                        _ => out.push(*byte),
                    }
                }
            }
            Self::Form => {
                for byte in text {
                    match byte {
                        b' ' => out.push(b'+'),
                        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'*' | b'~' | b'@' => {
                            out.push(*byte);
                        }
                        _ => out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]),
                    }
                }
            }
        }
    }
}

impl Decoded {
    /// Where the byte `at` of the text begins as it is written, or where reading has ended.
    pub fn start(&self, at: usize) -> usize {
        self.from.get(at).copied().unwrap_or(self.read)
    }

    /// Where the bytes before `at` end, with all of a character that was written as one.
    pub fn end(&self, at: usize) -> usize {
        let Some(last) = at.checked_sub(1).and_then(|last| self.from.get(last)) else { return self.start(at) };
        self.from.get(at..).unwrap_or_default().iter().copied().find(|from| from > last).unwrap_or(self.read)
    }

    /// How many bytes of the text come from the same character as `at`, and before it.
    pub fn within(&self, at: usize) -> usize {
        let here = self.from.get(at);
        self.from.get(..at).unwrap_or_default().iter().rev().take_while(|from| Some(*from) == here).count()
    }
}

/// The character that begins with a backslash, and its length; nothing when more must come.
fn escape(rest: &[u8], last: bool) -> Option<(char, usize)> {
    let simple = match rest {
        [_, b'u', ..] => return unicode(rest, last),
        [_, b'n', ..] => '\n',
        [_, b't', ..] => '\t',
        [_, b'r', ..] => '\r',
        [_, b'b', ..] => '\u{8}',
        [_, b'f', ..] => '\u{c}',
        [_, other @ (b'"' | b'\\' | b'/'), ..] => char::from(*other),
        [_] if !last => return None,
        // No JSON: whatever the reader of the domain makes of it.
        _ => return foreign(rest, 2),
    };
    Some((simple, 2))
}

/// The same for `\u` and four digits, or twice that for a surrogate pair.
fn unicode(rest: &[u8], last: bool) -> Option<(char, usize)> {
    let four = |at: usize| {
        let digits = rest.get(at..at + 4)?;
        digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | u32::from(hex(*digit)?)))
    };
    let Some(first) = four(2) else {
        // What is no digit is no part of it: it may escape the quote that would end the string.
        return if rest.len() < 6 && !last { None } else { foreign(rest, 2) };
    };
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    // Half a pair may have its other half behind it; two characters come of two halves that do not fit together.
    let other = match (rest.get(6), rest.get(7)) {
        (None | Some(b'\\'), None | Some(b'u')) if first < 0xdc00 => four(8),
        _ => return Some((char::REPLACEMENT_CHARACTER, 6)),
    };
    match other {
        None if rest.len() < 12 && !last => None,
        Some(other @ 0xdc00..0xe000) => {
            let character = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (other - 0xdc00));
            Some((character.unwrap_or(char::REPLACEMENT_CHARACTER), 12))
        }
        _ => Some((char::REPLACEMENT_CHARACTER, 6)),
    }
}

/// What is no escape, and would have so many bytes.
fn foreign(rest: &[u8], length: usize) -> Option<(char, usize)> {
    let length = length.min(rest.len());
    let first = json::decoded(rest.get(..length).unwrap_or_default()).chars().next()?;
    Some((first, length))
}

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'A' + value - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_far_as_they_are_here() {
        for (codec, raw, last, text, read) in [
            (Codec::Json, r"a\u0034\n", false, "a4\n", 9),
            (Codec::Json, r"\ud83d\ude00x", false, "\u{1f600}x", 13),
            (Codec::Json, r"\ud83d\ude0", false, "", 0),
            (Codec::Json, r"\ud83d", false, "", 0),
            (Codec::Json, r"\ud83dx", false, "\u{fffd}x", 7),
            (Codec::Json, r"\ud83d\u0041", false, "\u{fffd}A", 12),
            (Codec::Json, r"\ud83d", true, "\u{fffd}", 6),
            (Codec::Json, r"ab\", false, "ab", 2),
            (Codec::Form, "a+b%20c%2", false, "a b c", 7),
            (Codec::Form, "%zz%2", true, "%zz%2", 5),
            (Codec::Plain, r"a\u0034", false, r"a\u0034", 7),
        ] {
            let decoded = codec.decode(raw.as_bytes(), 0, last);
            assert_eq!((String::from_utf8_lossy(&decoded.text).as_ref(), decoded.read), (text, read), "{raw}");
        }
    }

    #[test]
    fn places_are_those_of_whole_characters() {
        let decoded = Codec::Json.decode(r"x\u00e4y".as_bytes(), 0, true);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|at| (decoded.start(at), decoded.end(at))),
            [(0, 0), (1, 1), (1, 7), (7, 7), (8, 8)]
        );
        assert_eq!((decoded.within(1), decoded.within(2)), (0, 1));
    }
}
