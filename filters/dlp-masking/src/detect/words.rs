//! Words that a user lists.
//!
//! * Rule: the word as it is written, capital letters of ASCII or not; where it begins or ends with a letter, digit or `_`
//!   nothing of that kind is next to it. The longest word counts. Scores 100. At most 64 bytes each.
//! * Known misses: inflected forms; capital letters outside of ASCII.
//!
//! A word is looked for at its rarest byte; the words that share it, and its place, are searched by halving, one byte after
//! the other. So thousands of words cost little more than one.

use super::token::commonness;
use crate::entity::Candidate;
use crate::view::{View, is_word};

/// The longest word, in bytes.
pub const LONGEST: usize = super::BACK;

/// Why a word cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWord {
    /// It has no bytes.
    #[error("a word has at least one letter")]
    Empty,
    /// It has too many.
    #[error("a word has at most 64 bytes")]
    TooLong,
}

/// A word in small letters, and its rule.
type Word = (Box<[u8]>, usize);

/// Words with the same byte to stop at, at the same place.
#[derive(Debug)]
struct List {
    byte: u8,
    offset: usize,
    /// Sorted.
    words: Vec<Word>,
}

/// Lists of words, each with the rule it is for.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// For each byte to stop at, and for how far a word begins before it.
    lists: Vec<List>,
    /// How far a word may begin before the byte to stop at.
    back: usize,
}

impl Words {
    pub fn add(&mut self, word: &str, rule: usize) -> Result<(), InvalidWord> {
        let word = word.to_ascii_lowercase().into_bytes();
        if word.len() > LONGEST {
            return Err(InvalidWord::TooLong);
        }
        let anchor = word.iter().enumerate().min_by_key(|(_, byte)| commonness(**byte)).ok_or(InvalidWord::Empty)?;
        let (offset, byte) = (anchor.0, *anchor.1);
        self.back = self.back.max(offset);
        if !self.lists.iter().any(|list| (list.byte, list.offset) == (byte, offset)) {
            self.lists.push(List { byte, offset, words: Vec::new() });
        }
        let Some(list) = self.lists.iter_mut().find(|list| (list.byte, list.offset) == (byte, offset)) else {
            return Ok(());
        };
        if let Err(place) = list.words.binary_search_by(|(other, _)| (**other).cmp(&word)) {
            list.words.insert(place, (word.into(), rule));
        }
        Ok(())
    }

    /// The bytes to stop at.
    pub fn anchors(&self) -> impl Iterator<Item = u8> {
        self.lists.iter().flat_map(|list| [list.byte, list.byte.to_ascii_uppercase()])
    }

    /// How far a word may begin before the byte to stop at.
    pub fn back(&self) -> usize {
        self.back
    }

    /// A word around the byte at `at`, and its rule.
    #[inline(never)]
    pub fn at(&self, view: &View<'_>, at: usize, byte: u8, floor: usize) -> Option<(Candidate, usize)> {
        let byte = byte.to_ascii_lowercase();
        let found = self.lists.iter().filter(|list| list.byte == byte).filter_map(|list| {
            let start = at.checked_sub(list.offset).filter(|start| *start >= floor)?;
            longest(view, start, &list.words)
        });
        found.max_by_key(|(found, _)| found.end - found.start)
    }
}

fn longest(view: &View<'_>, start: usize, list: &[Word]) -> Option<(Candidate, usize)> {
    let before = view.before(start, 1).is_some_and(is_word);
    let mut rest = list;
    let mut found = None;
    for length in 0..=LONGEST {
        // Of those that begin so, the one that ends here is the first.
        while let Some(((word, rule), others)) = rest.split_first().filter(|((word, _), _)| word.len() == length) {
            let within = |at: Option<&u8>, next: bool| next && at.is_some_and(|byte| is_word(*byte));
            let cut =
                within(word.first(), before) || within(word.last(), view.get(start + length).is_some_and(is_word));
            if !cut {
                found = Some((Candidate::new(start, start + length, 100), *rule));
            }
            rest = others;
        }
        if rest.is_empty() {
            break;
        }
        let Some(byte) = view.get(start + length).map(|byte| byte.to_ascii_lowercase()) else { break };
        let from = rest.partition_point(|(word, _)| word.get(length).is_none_or(|other| *other < byte));
        let to = rest.partition_point(|(word, _)| word.get(length).is_none_or(|other| *other <= byte));
        rest = rest.get(from..to).unwrap_or_default();
    }
    found
}
