//! How expressions are written.

use super::LONGEST;

/// An expression, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pub(super) node: Node,
    pub(super) word_start: bool,
    pub(super) word_end: bool,
}

/// Why a text is no expression that can be used, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// It does not say how long a match can be.
    #[error("at byte {at}: `{sign}` has no longest match; say how many there can be, as in {{1,20}}")]
    Unbounded {
        /// Where.
        at: usize,
        /// What.
        sign: &'static str,
    },
    /// A match can be longer than what is held back of a stream.
    #[error("a match can have {bytes} bytes, and at most {LONGEST} are held back; use smaller counts")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// It matches nothing at all, everywhere.
    #[error("the expression can match no byte at all; every match must have one")]
    Empty,
    /// It is not written as expressions are.
    #[error("at byte {at}: {message}")]
    Syntax {
        /// The first byte that does not fit.
        at: usize,
        /// What is wrong.
        message: &'static str,
    },
    /// The automaton of all expressions has too many states.
    #[error("the expressions become too large together; use smaller counts")]
    TooLarge,
}

/// What a part of an expression matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// One byte of a set.
    Set(Set),
    All(Vec<Node>),
    Any(Vec<Node>),
    /// So many times, from and to.
    Times(Box<Node>, usize, usize),
}

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Set([u64; 4]);

impl Set {
    pub fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        let mut set = Self::default();
        for byte in bytes {
            if let Some(word) = set.0.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
        set
    }

    pub fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    fn bytes(self) -> impl Iterator<Item = u8> {
        (0..=255).filter(move |byte| self.has(*byte))
    }

    /// What of ASCII is not in the set.
    fn others(self) -> Self {
        Self::of((0..0x80).filter(|byte| !self.has(*byte)))
    }
}

/// How deep groups may stand in one another.
const MAX_DEPTH: usize = 32;
/// The longest expression, in bytes.
const MAX_BYTES: usize = 1024;

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// [`InvalidPattern`] with the byte that does not fit.
    pub fn parse(source: &str) -> Result<Self, InvalidPattern> {
        if source.len() > MAX_BYTES {
            return Err(InvalidPattern::Syntax { at: MAX_BYTES, message: "an expression has at most 1024 bytes" });
        }
        let any_case = source.starts_with("(?i)");
        let mut end = source.len();
        let start = if any_case { 4 } else { 0 };
        let word_start = source.get(start..).is_some_and(|rest| rest.starts_with(r"\b"));
        let body = start + if word_start { 2 } else { 0 };
        let word_end = body < end && source.ends_with(r"\b") && !source.ends_with(r"\\b");
        if word_end {
            end -= 2;
        }
        let mut reader = Reader { source: source.get(..end).unwrap_or_default(), at: body, any_case, depth: 0 };
        let node = reader.alternatives()?;
        if reader.peek().is_some() {
            return Err(reader.wrong("a bracket closes that was not opened"));
        }
        let (least, most) = node.lengths();
        if least == 0 {
            return Err(InvalidPattern::Empty);
        }
        if most > LONGEST {
            return Err(InvalidPattern::TooLong { bytes: most });
        }
        Ok(Self { node, word_start, word_end })
    }
}

impl Node {
    /// How many bytes a match has, at least and at most.
    fn lengths(&self) -> (usize, usize) {
        let lengths = |nodes: &[Self]| nodes.iter().map(Self::lengths).collect::<Vec<_>>();
        match self {
            Self::Set(_) => (1, 1),
            Self::All(nodes) => lengths(nodes).iter().fold((0, 0), |(a, b): (usize, usize), (least, most)| {
                (a.saturating_add(*least), b.saturating_add(*most))
            }),
            Self::Any(nodes) => {
                lengths(nodes).iter().fold((usize::MAX, 0), |(a, b), (least, most)| (a.min(*least), b.max(*most)))
            }
            Self::Times(node, least, most) => {
                let (a, b) = node.lengths();
                (a.saturating_mul(*least), b.saturating_mul(*most))
            }
        }
    }
}

struct Reader<'s> {
    source: &'s str,
    at: usize,
    any_case: bool,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn take(&mut self, wanted: &str) -> bool {
        let there = self.rest().starts_with(wanted);
        self.at += if there { wanted.len() } else { 0 };
        there
    }

    fn wrong(&self, message: &'static str) -> InvalidPattern {
        InvalidPattern::Syntax { at: self.at, message }
    }

    fn alternatives(&mut self) -> Result<Node, InvalidPattern> {
        let mut alternatives = vec![self.sequence()?];
        while self.take("|") {
            alternatives.push(self.sequence()?);
        }
        Ok(Node::Any(alternatives))
    }

    fn sequence(&mut self) -> Result<Node, InvalidPattern> {
        let mut nodes = Vec::new();
        while self.peek().is_some_and(|next| next != '|' && next != ')') {
            let node = self.atom()?;
            nodes.push(self.repeated(node)?);
        }
        Ok(Node::All(nodes))
    }

    fn repeated(&mut self, node: Node) -> Result<Node, InvalidPattern> {
        let at = self.at;
        let (least, most) = match self.peek() {
            Some('?') => {
                self.at += 1;
                (0, 1)
            }
            Some('*') => return Err(InvalidPattern::Unbounded { at, sign: "*" }),
            Some('+') => return Err(InvalidPattern::Unbounded { at, sign: "+" }),
            Some('{') => {
                self.at += 1;
                let least = self.number()?;
                let most = if !self.take(",") {
                    least
                } else if self.peek() == Some('}') {
                    return Err(InvalidPattern::Unbounded { at, sign: "{n,}" });
                } else {
                    self.number()?
                };
                if !self.take("}") || most < least {
                    return Err(InvalidPattern::Syntax { at, message: "counts are written as {3} or {2,5}" });
                }
                (least, most)
            }
            _ => return Ok(node),
        };
        if matches!(self.peek(), Some('?' | '*' | '+' | '{')) {
            return Err(self.wrong("a count of a count is not supported; put a group around the first"));
        }
        Ok(Node::Times(Box::new(node), least, most))
    }

    fn number(&mut self) -> Result<usize, InvalidPattern> {
        let start = self.at;
        while self.peek().is_some_and(|digit| digit.is_ascii_digit()) {
            self.at += 1;
        }
        let number = self.source.get(start..self.at).and_then(|digits| digits.parse().ok());
        number.ok_or(InvalidPattern::Syntax { at: start, message: "counts are written as {3} or {2,5}" })
    }

    fn atom(&mut self) -> Result<Node, InvalidPattern> {
        let at = self.at;
        let Some(next) = self.next() else { return Err(self.wrong("expected an expression")) };
        Ok(match next {
            '(' => {
                if !self.take("?:") && self.peek() == Some('?') {
                    return Err(self.wrong("of groups with `?` only (?:...) is supported"));
                }
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(InvalidPattern::Syntax { at, message: "groups stand in at most 32 others" });
                }
                let node = self.alternatives()?;
                self.depth -= 1;
                if !self.take(")") {
                    return Err(InvalidPattern::Syntax { at, message: "this bracket is not closed" });
                }
                node
            }
            '[' => self.class(at)?,
            '.' => anything_but(Set::of([b'\n'])),
            '\\' => match self.escape()? {
                Escape::Set(set) => Node::Set(set),
                Escape::Not(set) => anything_but(set),
            },
            '?' | '*' | '+' | '{' => return Err(InvalidPattern::Syntax { at, message: "there is nothing to count" }),
            '^' | '$' => {
                return Err(InvalidPattern::Syntax {
                    at,
                    message: "a text that streams has no lines to begin or end; use \\b",
                });
            }
            plain => self.literal(plain),
        })
    }

    fn literal(&self, plain: char) -> Node {
        let mut bytes = [0; 4];
        let bytes = plain.encode_utf8(&mut bytes).bytes();
        Node::All(bytes.map(|byte| Node::Set(self.folded(Set::of([byte])))).collect())
    }

    fn folded(&self, set: Set) -> Set {
        if !self.any_case {
            return set;
        }
        Set::of(set.bytes().flat_map(|byte| [byte, byte.to_ascii_lowercase(), byte.to_ascii_uppercase()]))
    }

    /// Whether a `-` comes that does not end the class.
    fn begins_range(&self) -> bool {
        self.rest().starts_with('-') && !self.rest().starts_with("-]")
    }

    fn class(&mut self, start: usize) -> Result<Node, InvalidPattern> {
        let not = self.take("^");
        let mut bytes = Vec::new();
        loop {
            let at = self.at;
            let open = InvalidPattern::Syntax { at: start, message: "this class is not closed" };
            let first = match self.next().ok_or_else(|| open.clone())? {
                ']' if at > start + 1 + usize::from(not) => break,
                '\\' => match self.escape()? {
                    Escape::Set(set) if set.bytes().count() == 1 => set.bytes().next().unwrap_or(0),
                    Escape::Set(set) => {
                        if self.begins_range() {
                            let message = "a range begins with one character";
                            return Err(InvalidPattern::Syntax { at, message });
                        }
                        bytes.extend(set.bytes());
                        continue;
                    }
                    Escape::Not(_) => {
                        return Err(InvalidPattern::Syntax {
                            at,
                            message: "\\D, \\W and \\S have no place in a class",
                        });
                    }
                },
                // Other engines take these for a class in the class, or for something between two classes.
                '[' => return Err(InvalidPattern::Syntax { at, message: "write \\[ for a bracket in a class" }),
                twice @ ('-' | '&' | '~') if self.rest().starts_with(twice) => {
                    let message = "write \\-, \\& and \\~ where there are two in a row in a class";
                    return Err(InvalidPattern::Syntax { at, message });
                }
                other => ascii(other, at)?,
            };
            let range = self.begins_range();
            // Engines differ about whether these begin or end one.
            let unclear = |at: usize| self.source.get(at..).is_some_and(|rest| rest.starts_with(['-', ']', '[']));
            if range && (unclear(at) || unclear(self.at + 1)) {
                let message = "write \\-, \\] and \\[ where a range begins or ends with them";
                return Err(InvalidPattern::Syntax { at, message });
            }
            let last = if range {
                self.at += 1;
                let at = self.at;
                match self.next().ok_or(open)? {
                    '\\' => match self.escape()? {
                        Escape::Set(set) if set.bytes().count() == 1 => set.bytes().next().unwrap_or(0),
                        _ => return Err(InvalidPattern::Syntax { at, message: "a range ends with one character" }),
                    },
                    other => ascii(other, at)?,
                }
            } else {
                first
            };
            if last < first {
                return Err(InvalidPattern::Syntax { at, message: "this range ends before it begins" });
            }
            bytes.extend(first..=last);
        }
        let set = self.folded(Set::of(bytes));
        Ok(if not { anything_but(set) } else { Node::Set(set) })
    }

    fn escape(&mut self) -> Result<Escape, InvalidPattern> {
        let at = self.at.saturating_sub(1);
        let word = || (b'0'..=b'9').chain(b'a'..=b'z').chain(b'A'..=b'Z').chain([b'_']);
        let Some(next) = self.next() else {
            return Err(InvalidPattern::Syntax { at, message: "nothing is behind this backslash" });
        };
        Ok(match next {
            'd' => Escape::Set(Set::of(b'0'..=b'9')),
            'D' => Escape::Not(Set::of(b'0'..=b'9')),
            'w' => Escape::Set(Set::of(word())),
            'W' => Escape::Not(Set::of(word())),
            's' => Escape::Set(Set::of(*b" \t\n\r\x0b\x0c")),
            'S' => Escape::Not(Set::of(*b" \t\n\r\x0b\x0c")),
            't' => Escape::Set(Set::of([b'\t'])),
            'n' => Escape::Set(Set::of([b'\n'])),
            'r' => Escape::Set(Set::of([b'\r'])),
            'x' => {
                let digits = self.source.get(self.at..self.at + 2);
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|byte| *byte < 0x80);
                let byte =
                    byte.ok_or(InvalidPattern::Syntax { at, message: "\\x takes two hexadecimal digits, up to 7f" })?;
                self.at += 2;
                Escape::Set(self.folded(Set::of([byte])))
            }
            'b' => {
                return Err(InvalidPattern::Syntax {
                    at,
                    message: "\\b stands at the beginning or the end of the whole",
                });
            }
            sign if sign.is_ascii_punctuation() || sign == ' ' => Escape::Set(Set::of([sign as u8])),
            _ => return Err(InvalidPattern::Syntax { at, message: "this escape is not supported" }),
        })
    }
}

enum Escape {
    Set(Set),
    /// Everything else.
    Not(Set),
}

fn ascii(character: char, at: usize) -> Result<u8, InvalidPattern> {
    let message = "a class has ASCII only; write (?:ä|ö) for [äö]";
    u8::try_from(character).ok().filter(u8::is_ascii).ok_or(InvalidPattern::Syntax { at, message })
}

/// Every other character of ASCII, and every one of UTF-8 as a whole.
fn anything_but(set: Set) -> Node {
    let more = |first: std::ops::RangeInclusive<u8>, rest: usize| {
        let tail = std::iter::repeat_n(Node::Set(Set::of(0x80..=0xbf)), rest);
        Node::All(std::iter::once(Node::Set(Set::of(first))).chain(tail).collect())
    };
    Node::Any(vec![Node::Set(set.others()), more(0xc2..=0xdf, 1), more(0xe0..=0xef, 2), more(0xf0..=0xf4, 3)])
}
