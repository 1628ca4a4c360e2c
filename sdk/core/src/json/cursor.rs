//! A place in a text.

use std::ops::Range;

use super::InvalidJson;

/// A place in a text. What skips relies on the text being JSON; on another one it stops somewhere, and no later than at
/// the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Steps over a byte if it is this one.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Steps over white space.
    pub(super) fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// That something else should be here.
    #[cold]
    pub(super) fn expected(&self, expected: &'static str) -> InvalidJson {
        InvalidJson { at: self.at, expected }
    }

    /// Steps over a string; returns what is between the quotes.
    pub(super) fn string(&mut self) -> Range<usize> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'\\') => self.at += 2,
                Some(b'"') => {
                    self.at += 1;
                    return start..self.at - 1;
                }
                Some(_) => self.at += 1,
                None => {
                    self.at = self.bytes.len();
                    return start.min(self.at)..self.at;
                }
            }
        }
    }

    /// Steps over a key, its colon, and white space; returns what is between the quotes.
    pub(super) fn key(&mut self) -> Range<usize> {
        let key = self.string();
        self.blank();
        self.take(b':');
        self.blank();
        key
    }

    /// Steps over a value, however large; returns where it was.
    pub(super) fn value(&mut self) -> Range<usize> {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => drop(self.string()),
                b'{' | b'[' => {
                    self.at += 1;
                    depth += 1;
                }
                b'}' | b']' => {
                    self.at += 1;
                    depth = depth.saturating_sub(1);
                }
                b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')) {
                        self.at += 1;
                    }
                    // Something that is in no JSON.
                    self.at += usize::from(self.peek() == Some(byte));
                }
            }
            if depth == 0 {
                break;
            }
        }
        start..self.at
    }

    /// How many values are in the array that begins here.
    pub(super) fn length(mut self) -> usize {
        let mut length = 0;
        self.at += 1;
        loop {
            self.blank();
            if matches!(self.peek(), None | Some(b']')) {
                return length;
            }
            self.value();
            length += 1;
            self.blank();
            self.take(b',');
        }
    }
}
