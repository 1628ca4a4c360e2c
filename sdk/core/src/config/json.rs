//! The text of a configuration: JSON as RFC 8259 has it, with the way to what is wrong.
//!
//! `serde_json` reads the same, and says the same of what it refuses; with it a module is 40 kilobytes larger.

use super::fault::{Fault, Step};
use super::node::Node;
use crate::number;

/// How deep arrays and objects stand in one another at most.
pub(super) const MAX_DEPTH: u32 = 127;

/// Reads a whole text.
pub(super) fn read(json: &[u8]) -> Result<Node, Fault> {
    let mut reader = Reader { json, at: 0, trail: Vec::new(), depth: 0 };
    let node = reader.value().and_then(|node| match reader.token() {
        None => Ok(node),
        Some(_) => Err("trailing characters"),
    });
    node.map_err(|message| Fault::new(reader.trail, message.to_owned()))
}

struct Reader<'j> {
    json: &'j [u8],
    at: usize,
    /// The way to the value that is read; after an error, to the one that is wrong.
    trail: Vec<Step>,
    depth: u32,
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn value(&mut self) -> Read<Node> {
        match self.token() {
            Some(b'{') => self.within(Self::object),
            Some(b'[') => self.within(Self::list),
            Some(b'"') => self.string().map(Node::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Node::Truth(true)),
            Some(b'f') => self.word(b"false", Node::Truth(false)),
            Some(b'n') => self.word(b"null", Node::Null),
            Some(_) => Err("expected value"),
            None => Err("EOF while parsing a value"),
        }
    }

    fn within(&mut self, read: fn(&mut Self) -> Read<Node>) -> Read<Node> {
        if self.depth == MAX_DEPTH {
            return Err("recursion limit exceeded");
        }
        self.at += 1;
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    fn list(&mut self) -> Read<Node> {
        let mut list = Vec::new();
        loop {
            self.trail.push(Step::Item(list.len()));
            if self.ends(b']', list.is_empty(), "expected `,` or `]`", "EOF while parsing a list")? {
                self.trail.pop();
                return Ok(Node::List(list));
            }
            list.push(self.value()?);
            self.trail.pop();
        }
    }

    fn object(&mut self) -> Read<Node> {
        let mut object: Vec<(String, Node)> = Vec::new();
        loop {
            if self.ends(b'}', object.is_empty(), "expected `,` or `}`", "EOF while parsing an object")? {
                return Ok(Node::Object(object));
            }
            if self.token() != Some(b'"') {
                return Err("key must be a string");
            }
            let key = self.string()?;
            self.trail.push(Step::Field(key.clone()));
            let Err(at) = object.binary_search_by(|(other, _)| other.cmp(&key)) else {
                return Err("this key comes twice; leave one of them out");
            };
            match self.token() {
                Some(b':') => self.at += 1,
                Some(_) => return Err("expected `:`"),
                None => return Err("EOF while parsing an object"),
            }
            let value = self.value()?;
            object.insert(at, (key, value));
            self.trail.pop();
        }
    }

    /// Whether a list or an object ends here; steps over the comma where it does not.
    fn ends(&mut self, close: u8, first: bool, instead: &'static str, eof: &'static str) -> Read<bool> {
        match self.token() {
            Some(byte) if byte == close => {
                self.at += 1;
                return Ok(true);
            }
            Some(b',') if !first => self.at += 1,
            Some(_) if first => return Ok(false),
            Some(_) => return Err(instead),
            None => return Err(eof),
        }
        match self.token() {
            Some(byte) if byte == close => Err("trailing comma"),
            Some(_) => Ok(false),
            None => Err("EOF while parsing a value"),
        }
    }

    fn word(&mut self, word: &[u8], node: Node) -> Read<Node> {
        for byte in word {
            match self.peek() {
                Some(there) if there == *byte => self.at += 1,
                Some(_) => return Err("expected ident"),
                None => return Err("EOF while parsing a value"),
            }
        }
        Ok(node)
    }

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let byte = self.peek().ok_or("EOF while parsing a string")?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(text).map_err(|_| "invalid unicode code point"),
                b'\\' => {
                    let character = self.escape()?;
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return Err("control character (\\u0000-\\u001F) found while parsing a string"),
                plain => text.push(plain),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let letter = self.peek().ok_or("EOF while parsing a string")?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err("invalid escape"),
        })
    }

    fn unicode(&mut self) -> Read<char> {
        const LONE: &str = "lone leading surrogate in hex escape";
        let first = self.four()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or(LONE);
        }
        if self.json.get(self.at..self.at + 2) != Some(b"\\u") {
            return Err("unexpected end of hex escape");
        }
        self.at += 2;
        match self.four()? {
            second @ 0xdc00..0xe000 => {
                char::from_u32(0x10000 + (first - 0xd800) * 0x400 + (second - 0xdc00)).ok_or(LONE)
            }
            _ => Err(LONE),
        }
    }

    fn four(&mut self) -> Read<u32> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.peek().ok_or("EOF while parsing a string")?;
            number = number << 4 | char::from(digit).to_digit(16).ok_or("invalid escape")?;
            self.at += 1;
        }
        Ok(number)
    }

    fn number(&mut self) -> Read<Node> {
        let negative = self.take(b'-');
        let mut decimal = Decimal::default();
        if self.take(b'0') {
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return Err("invalid number");
            }
        } else {
            self.digits(|digit| decimal.push(digit, false))?;
        }
        if self.take(b'.') {
            self.digits(|digit| decimal.push(digit, true))?;
        }
        if self.take(b'e') || self.take(b'E') {
            let down = !self.take(b'+') && self.take(b'-');
            let mut exponent = 0_i32;
            self.digits(|digit| exponent = exponent.saturating_mul(10).saturating_add(i32::from(digit)))?;
            let exponent = if down { -exponent } else { exponent };
            decimal.exponent = decimal.exponent.saturating_add(exponent);
        }
        let size = number::double(decimal.significand, decimal.exponent, decimal.more).ok_or("number out of range")?;
        Ok(Node::number(if negative { -size } else { size }))
    }

    /// At least one digit.
    fn digits(&mut self, mut digit: impl FnMut(u8)) -> Read<()> {
        let start = self.at;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            digit(byte - b'0');
            self.at += 1;
        }
        match self.peek() {
            _ if self.at > start => Ok(()),
            Some(_) => Err("invalid number"),
            None => Err("EOF while parsing a value"),
        }
    }

    /// The next byte that is no white space.
    fn token(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }
}

/// A number's digits, as many as a `u64` has; the others count as "more".
#[derive(Default)]
struct Decimal {
    significand: u64,
    exponent: i32,
    more: bool,
}

impl Decimal {
    fn push(&mut self, digit: u8, behind_point: bool) {
        let next = self.significand.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(digit)));
        match next.filter(|_| !self.more) {
            Some(next) => {
                self.significand = next;
                self.exponent = self.exponent.saturating_sub(i32::from(behind_point));
            }
            None => {
                self.more |= digit != 0;
                self.exponent = self.exponent.saturating_add(i32::from(!behind_point));
            }
        }
    }
}
