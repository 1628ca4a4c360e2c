//! How a text is written where it stands.

use tamis::json;

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
    /// Whether bytes mean something else than themselves.
    pub fn has_escapes(self, raw: &[u8]) -> bool {
        match self {
            Self::Plain | Self::Number => false,
            Self::Json => raw.contains(&b'\\'),
            Self::Form => raw.iter().any(|byte| matches!(byte, b'%' | b'+')),
        }
    }

    /// Reads a text that starts at `start`, as far as it is here.
    pub fn decode(self, raw: &[u8], start: usize, last: bool) -> Decoded {
        let mut decoded = Decoded { read: start, ..Decoded::default() };
        while let Some(rest) = raw.get(decoded.read..).filter(|rest| !rest.is_empty()) {
            let mut utf8 = [0; 4];
            let (bytes, length): (&[u8], usize) = match (self, rest) {
                (Self::Json, [b'\\', ..]) => match escape(rest, last) {
                    Some((character, length)) => (character.encode_utf8(&mut utf8).as_bytes(), length),
                    None => break,
                },
                (Self::Form, [b'+', ..]) => (b" ", 1),
                (Self::Form, [b'%', high, low, ..]) => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => {
                        utf8[0] = high << 4 | low;
                        (&utf8[..1], 3)
                    }
                    _ => (b"%", 1),
                },
                (Self::Form, [b'%', ..]) if !last => break,
                _ => (rest.get(..1).unwrap_or_default(), 1),
            };
            for byte in bytes {
                decoded.text.push(*byte);
                decoded.from.push(decoded.read);
            }
            decoded.read += length;
        }
        decoded
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
    // Half a surrogate pair may have its other half behind it.
    let wanted = match rest {
        [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'A' | b'b' | b'B', ..] => match (rest.get(6), rest.get(7)) {
            (None | Some(b'\\'), None | Some(b'u')) => 12,
            _ => 6,
        },
        [b'\\', b'u', ..] => 6,
        _ => 2,
    };
    if rest.len() < wanted && !last {
        return None;
    }
    let escaped = rest.get(..wanted.min(rest.len())).unwrap_or_default();
    let length = json::decoded(escaped).chars().next().map(|first| (first, first.len_utf8()))?;
    let first = length.0;
    // Two characters came of twelve bytes when the halves do not fit together; the first one has six.
    let pair = wanted == 12 && json::decoded(escaped).chars().nth(1).is_none();
    Some((first, if wanted == 12 && !pair { 6 } else { wanted.min(rest.len()) }))
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
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
