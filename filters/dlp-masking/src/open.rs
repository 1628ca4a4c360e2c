//! Tokens of any length: recognised by their beginning, followed to their end.
//!
//! A recogniser sees a bounded beginning and says so; from then on every byte belongs to the token until one comes that
//! cannot. Nothing waits meanwhile.

use crate::view::View;

/// A token that goes on, and how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    /// Letters, digits, `-` and `_`, in parts with dots between them.
    Dotted,
    /// Letters, digits, `-` and `_`.
    Plain,
    /// The lines of a PEM block, up to the one that ends it: how much of [`END`] has come.
    Pem { matched: usize },
    /// The last line of a PEM block behind [`END`]: how many dashes have come.
    PemEnd { dashes: usize },
    /// A value up to its closing quote, or to white space and punctuation when it has none.
    Value { quote: Option<u8>, escaped: bool },
    /// Everything to the end of the text.
    Whole,
}

const END: &[u8] = b"-----END ";

/// How far a token reaches in what is here.
pub(crate) struct Reached {
    pub end: usize,
    /// The token ends there; else it may go on with the next byte.
    pub ended: bool,
}

impl Open {
    /// Follows a token from `at` on; the view is starved when nobody can say yet whether the next byte belongs to it.
    pub fn follow(&mut self, view: &View<'_>, at: usize) -> Reached {
        let mut end = at;
        loop {
            let Some(byte) = view.slice(end..end + 1).first().copied() else {
                return Reached { end, ended: view.is_last() };
            };
            if matches!(self, Self::Dotted) && byte == b'.' {
                // A dot at the end of a sentence is none of the token's.
                let goes_on = view.get(end + 1).is_some_and(is_base64url);
                if view.starved() || !goes_on {
                    return Reached { end, ended: !view.starved() };
                }
            } else {
                match self.step(byte) {
                    Step::Take => {}
                    Step::TakeLast => return Reached { end: end + 1, ended: true },
                    Step::Stop => return Reached { end, ended: true },
                }
            }
            end += 1;
        }
    }

    fn step(&mut self, byte: u8) -> Step {
        match self {
            Self::Dotted | Self::Plain => take(is_base64url(byte)),
            Self::Whole => Step::Take,
            Self::Pem { matched } => {
                if END.get(*matched) == Some(&byte) {
                    *matched += 1;
                    if *matched == END.len() {
                        *self = Self::PemEnd { dashes: 0 };
                    }
                    return Step::Take;
                }
                // Of what came, only dashes can begin it anew.
                *matched = if byte == b'-' { 5.min(*matched) } else { 0 };
                take(byte.is_ascii_alphanumeric() || b"+/= \t\r\n\\-:,.".contains(&byte))
            }
            Self::PemEnd { dashes } => match byte {
                b'-' if *dashes == 4 => Step::TakeLast,
                b'-' => {
                    *dashes += 1;
                    Step::Take
                }
                b'A'..=b'Z' | b'0'..=b'9' | b' ' if *dashes == 0 => Step::Take,
                _ => Step::Stop,
            },
            Self::Value { quote: Some(quote), escaped } => {
                let ends = (byte == *quote && !*escaped) || matches!(byte, b'\r' | b'\n');
                *escaped = byte == b'\\' && !*escaped;
                take(!ends)
            }
            Self::Value { quote: None, .. } => take(!byte.is_ascii_whitespace() && !b"\"'`,;&<>()[]{}".contains(&byte)),
        }
    }
}

enum Step {
    Take,
    TakeLast,
    Stop,
}

fn take(belongs: bool) -> Step {
    if belongs { Step::Take } else { Step::Stop }
}

/// The alphabet of base64url, in which most tokens are written.
#[inline]
pub(crate) fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(mut open: Open, text: &str, last: bool) -> (usize, bool) {
        let reached = open.follow(&View::new(text.as_bytes(), b"", last), 0);
        (reached.end, reached.ended)
    }

    #[test]
    fn tokens_end_where_a_byte_cannot_belong_to_them() {
        let value = |quote| Open::Value { quote, escaped: false };
        let pem = Open::Pem { matched: 0 };
        for (open, text, end) in [
            (Open::Dotted, "ab.c-_d. The", 7),
            (Open::Dotted, "ab..c", 2),
            (Open::Plain, "ab.c", 2),
            (Open::Whole, "a b\n", 4),
            (value(Some(b'"')), r#"a\"b\\" c"#, 6),
            (value(None), "a:b/c d", 5),
            (pem, "\nMII+/=\n--\n-----END RSA PRIVATE KEY-----\nabc", 40),
            (pem, "\n------END KEY-----", 19),
            (pem, "\nMII<br>", 4),
            (pem, "\n-----END KEY--x", 15),
        ] {
            assert_eq!(reach(open, text, false), (end, open != Open::Whole), "{text}");
        }
    }

    #[test]
    fn whether_a_dot_belongs_is_decided_when_the_next_byte_is_here() {
        assert_eq!(reach(Open::Dotted, "ab.", false), (2, false));
        assert_eq!(reach(Open::Dotted, "ab.", true), (2, true));
        assert_eq!(reach(Open::Dotted, "ab", true), (2, true));
    }
}
