//! Digits in groups: `4111 1111 1111 1111`, `078-05-1120`.

use crate::view::{View, is_word};

/// The most groups that are read.
const MOST: usize = 6;
/// The longest group that can be part of anything.
pub(crate) const LONGEST: usize = 19;

/// The groups of digits from a place on, and what lies between them.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Where the first one begins.
    pub start: usize,
    lengths: [usize; MOST],
    separators: [u8; MOST],
    count: usize,
}

impl Groups {
    /// Reads the first group, of which `first` digits are known, and those that follow with one separator between them.
    pub fn read(view: &View<'_>, start: usize, first: usize) -> Self {
        let mut groups = Self { start, lengths: [0; MOST], separators: [0; MOST], count: 1 };
        groups.put(0, first, 0);
        let mut at = start + first;
        while groups.count < MOST {
            let Some(separator @ (b' ' | b'-' | b'.')) = view.get(at) else { break };
            let length = view.run(at + 1, LONGEST + 1, |byte| byte.is_ascii_digit());
            if length == 0 || length > LONGEST {
                break;
            }
            groups.put(groups.count, length, separator);
            groups.count += 1;
            at += 1 + length;
        }
        groups
    }

    fn put(&mut self, group: usize, length: usize, separator: u8) {
        if let (Some(l), Some(s)) = (self.lengths.get_mut(group), self.separators.get_mut(group)) {
            (*l, *s) = (length, separator);
        }
    }

    /// Where these groups end if they are the first ones, all with one of these separators between them.
    pub fn are(&self, lengths: &[usize], separators: &[u8]) -> Option<usize> {
        let separator = *self.separators.get(1)?;
        let one = lengths.len() < 2
            || (separators.contains(&separator)
                && self.separators.get(1..lengths.len())?.iter().all(|other| *other == separator));
        let same = lengths.len() <= self.count && self.lengths.starts_with(lengths);
        (one && same).then(|| self.start + lengths.iter().sum::<usize>() + lengths.len() - 1)
    }

    /// The length of a group; 0 when there is none.
    pub fn length(&self, group: usize) -> usize {
        self.lengths.get(group).copied().unwrap_or(0)
    }

    /// What is before a group, after the first one; 0 when there is none.
    pub fn separator(&self, group: usize) -> u8 {
        self.separators.get(group).copied().unwrap_or(0)
    }
}

/// The digits of a text as numbers, as many as there is room for.
pub(crate) fn digits<const N: usize>(text: &[u8]) -> ([u8; N], usize) {
    let mut out = [0; N];
    let digits = text.iter().filter(|byte| byte.is_ascii_digit());
    let count = out.iter_mut().zip(digits).map(|(place, digit)| *place = digit - b'0').count();
    (out, count)
}

/// Whether a number stands by itself: it is not a part of a word, of a longer number, or of a name with dashes.
pub(crate) fn stands_alone(view: &View<'_>, start: usize, end: usize) -> bool {
    let before = match view.before(start, 1) {
        None => true,
        Some(b'.') => !view.before(start, 2).is_some_and(|byte| byte.is_ascii_digit()),
        Some(b'-') => !view.before(start, 2).is_some_and(is_word),
        Some(b'+') => false,
        Some(byte) => !is_word(byte),
    };
    before
        && match view.get(end) {
            None => true,
            Some(b'.') => !view.get(end + 1).is_some_and(|byte| byte.is_ascii_digit()),
            Some(b'-') => !view.get(end + 1).is_some_and(is_word),
            Some(byte) => !is_word(byte),
        }
}
