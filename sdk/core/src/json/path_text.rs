//! How paths are written.

use super::path::{MAX_STEPS, Step};
use crate::views::hex;

/// The longest path, in bytes.
pub const MAX_PATH_BYTES: usize = 1024;

/// Why a text is no path, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no path that can be used, at byte {at}: {message}")]
pub struct InvalidPath {
    /// The first byte that does not fit, counted from 0.
    pub at: usize,
    /// What is wrong with it, and what would be right.
    pub message: &'static str,
}

/// The steps of a JSONPath or a JSON Pointer.
#[cold]
pub(super) fn steps(source: &str) -> Result<Vec<Step>, InvalidPath> {
    if source.len() > MAX_PATH_BYTES {
        return Err(InvalidPath { at: MAX_PATH_BYTES, message: "a path has at most 1024 bytes" });
    }
    let mut reader = Reader { source, at: 0 };
    let steps = match source.as_bytes().first() {
        None => Vec::new(),
        Some(b'/') => pointer(source)?,
        Some(b'$') => reader.json_path()?,
        Some(_) => return Err(reader.wrong("a JSONPath begins with `$`, a JSON Pointer with `/`")),
    };
    if steps.len() > MAX_STEPS {
        return Err(InvalidPath { at: 0, message: "a path has at most 64 steps" });
    }
    Ok(steps)
}

#[cold]
fn pointer(source: &str) -> Result<Vec<Step>, InvalidPath> {
    let mut steps = Vec::new();
    let mut at = 0;
    for token in source.split('/').skip(1) {
        at += 1;
        let mut name = String::with_capacity(token.len());
        let mut characters = token.char_indices();
        while let Some((offset, character)) = characters.next() {
            name.push(match character {
                '~' => match characters.next() {
                    Some((_, '0')) => '~',
                    Some((_, '1')) => '/',
                    _ => {
                        let message =
                            "in a JSON Pointer `~0` is a tilde and `~1` a slash; nothing else is behind a tilde";
                        return Err(InvalidPath { at: at + offset, message });
                    }
                },
                other => other,
            });
        }
        at += token.len();
        let index = index(&name);
        steps.push(Step::Token(name, index));
    }
    Ok(steps)
}

/// A number without a sign and without zeros in front.
fn index(digits: &str) -> Option<usize> {
    let canonical = digits == "0" || digits.starts_with(|first: char| first.is_ascii_digit() && first != '0');
    digits.parse().ok().filter(|_| canonical)
}

struct Reader<'s> {
    source: &'s str,
    at: usize,
}

impl Reader<'_> {
    fn json_path(&mut self) -> Result<Vec<Step>, InvalidPath> {
        let mut steps = Vec::new();
        self.next();
        while self.at < self.source.len() {
            let end = self.at;
            self.blank();
            steps.push(match self.next() {
                Some('.') => self.behind_dot()?,
                Some('[') => self.in_brackets()?,
                None => return Err(InvalidPath { at: end, message: "a path does not end with white space" }),
                Some(other) => {
                    self.at -= other.len_utf8();
                    return Err(self.wrong("expected `.` or `[`"));
                }
            });
        }
        Ok(steps)
    }

    fn behind_dot(&mut self) -> Result<Step, InvalidPath> {
        let start = self.at;
        match self.peek() {
            Some('*') => {
                self.next();
                return Ok(Step::Wildcard);
            }
            Some('.') => return Err(self.wrong("`..` is not supported: write every step, with `*` for any")),
            Some(first) if is_name(first) && !first.is_ascii_digit() => {}
            _ => return Err(self.wrong("expected a name or `*`; other names are written in brackets: ['a-b']")),
        }
        while self.peek().is_some_and(is_name) {
            self.next();
        }
        match self.peek() {
            None | Some('.' | '[' | ' ' | '\t' | '\n' | '\r') => {
                Ok(Step::Name(self.source.get(start..self.at).unwrap_or_default().to_owned()))
            }
            Some(_) => Err(self.wrong("names of letters, digits and `_` stand behind a dot; write others as ['a-b']")),
        }
    }

    #[cold]
    fn in_brackets(&mut self) -> Result<Step, InvalidPath> {
        self.blank();
        let step = match self.peek() {
            Some(quote @ ('\'' | '"')) => Step::Name(self.string(quote)?),
            Some('*') => {
                self.next();
                Step::Wildcard
            }
            Some('-' | '0'..='9') => self.number()?,
            Some('?') => return Err(self.wrong("filters are not supported")),
            Some(':') => return Err(self.wrong("slices are not supported")),
            _ => return Err(self.wrong("expected a name in quotes, an index or `*`")),
        };
        self.blank();
        match self.peek() {
            Some(']') => {
                self.next();
                Ok(step)
            }
            Some(',') => Err(self.wrong("several selectors are not supported: write a path for each")),
            Some(':') => Err(self.wrong("slices are not supported")),
            _ => Err(self.wrong("expected `]`")),
        }
    }

    #[cold]
    fn number(&mut self) -> Result<Step, InvalidPath> {
        let start = self.at;
        let from_end = self.peek() == Some('-');
        if from_end {
            self.next();
        }
        let digits = self.at;
        while self.peek().is_some_and(|digit| digit.is_ascii_digit()) {
            self.next();
        }
        // As RFC 9535 has it: nothing that a double does not hold.
        const LARGEST: u64 = (1 << 53) - 1;
        let number = self.source.get(digits..self.at).and_then(index);
        let number = number.filter(|number| u64::try_from(*number).is_ok_and(|number| number <= LARGEST));
        match number {
            Some(number) if !from_end => Ok(Step::Index(number)),
            Some(number) if number > 0 => Ok(Step::FromEnd(number)),
            _ => Err(InvalidPath { at: start, message: "an index is a whole number without zeros in front: 0, 1, -1" }),
        }
    }

    #[cold]
    fn string(&mut self, quote: char) -> Result<String, InvalidPath> {
        self.next();
        let mut name = String::new();
        loop {
            let at = self.at;
            match self.next() {
                Some(end) if end == quote => return Ok(name),
                Some('\\') => name.push(self.escape(quote).ok_or(InvalidPath { at, message: ESCAPES })?),
                Some(control) if control < ' ' => {
                    return Err(InvalidPath { at, message: "control characters are written as escapes: \\u000a" });
                }
                Some(plain) => name.push(plain),
                None => return Err(InvalidPath { at, message: "a name in quotes does not end" }),
            }
        }
    }

    #[cold]
    fn escape(&mut self, quote: char) -> Option<char> {
        Some(match self.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.four()?;
                let low = if (0xd800..0xdc00).contains(&first) {
                    (self.next()? == '\\' && self.next()? == 'u').then_some(())?;
                    let low = self.four()?;
                    (0xdc00..0xe000).contains(&low).then_some(low)?
                } else {
                    return char::from_u32(first);
                };
                return char::from_u32(0x10000 + (first - 0xd800) * 0x400 + (low - 0xdc00));
            }
            plain @ ('/' | '\\') => plain,
            escaped if escaped == quote => quote,
            _ => return None,
        })
    }

    #[cold]
    fn four(&mut self) -> Option<u32> {
        let mut number = 0;
        for _ in 0..4 {
            number = number << 4 | u32::from(hex(u8::try_from(self.next()?).ok()?)?);
        }
        Some(number)
    }

    fn blank(&mut self) {
        while let Some(' ' | '\t' | '\n' | '\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline(never)]
    fn peek(&self) -> Option<char> {
        self.source.get(self.at..)?.chars().next()
    }

    #[inline(never)]
    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    #[cold]
    fn wrong(&self, message: &'static str) -> InvalidPath {
        InvalidPath { at: self.at, message }
    }
}

const ESCAPES: &str = "expected one of b f n r t / \\ u, or the quote itself, behind a backslash";

/// What a name may have that stands behind a dot.
fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}
