//! Bytes that are looked at while more may come.

use std::cell::Cell;
use std::ops::Range;

/// What is known of a text: the bytes that are here, the last ones before them, and whether more will come.
///
/// Everything that recognises something reads through it. Whoever asks for a byte that has not come yet learns nothing, and
/// the view remembers that it was [starved](Self::starved): the decision is then taken again when there is more. So what is
/// decided never depends on how a text was cut.
#[derive(Debug)]
pub struct View<'t> {
    text: &'t [u8],
    before: &'t [u8],
    last: bool,
    starved: Cell<bool>,
}

impl<'t> View<'t> {
    /// A view of `text`, which follows `before`; after it comes nothing if it is the `last`.
    #[must_use]
    pub fn new(text: &'t [u8], before: &'t [u8], last: bool) -> Self {
        Self { text, before, last, starved: Cell::new(false) }
    }

    /// A byte; nothing behind the end.
    #[inline(always)]
    pub fn get(&self, at: usize) -> Option<u8> {
        let byte = self.text.get(at).copied();
        if byte.is_none() && !self.last {
            self.starved.set(true);
        }
        byte
    }

    /// The byte `back` bytes before `at`, which may be in what came before.
    #[must_use]
    #[inline(always)]
    pub fn before(&self, at: usize, back: usize) -> Option<u8> {
        match at.checked_sub(back) {
            Some(at) => self.text.get(at).copied(),
            None => self.before.get((self.before.len() + at).checked_sub(back)?).copied(),
        }
    }

    /// How many bytes from `at` on are of a kind; counting ends at `max`.
    #[inline(always)]
    pub fn run(&self, at: usize, max: usize, is: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let count = rest.iter().take(max).take_while(|byte| is(**byte)).count();
        if count == rest.len() && count < max && !self.last {
            self.starved.set(true);
        }
        count
    }

    /// How many bytes from `at` on are digits; counting ends at `max`. Eight at a time.
    #[inline(always)]
    pub fn digits(&self, at: usize, max: usize) -> usize {
        const EACH: u64 = 0x0101_0101_0101_0101;
        let mut count = 0;
        while count < max {
            let Some(eight) = self.text.get(at + count..).and_then(|rest| rest.first_chunk::<8>()) else {
                return count + self.run(at + count, max - count, |byte| byte.is_ascii_digit());
            };
            // A digit becomes 0 to 9, to which 118 can be added without the highest bit.
            let values = u64::from_le_bytes(*eight) ^ (EACH * 0x30);
            let others = (((values & (EACH * 0x7f)) + EACH * 118) | values) & (EACH * 0x80);
            count += others.trailing_zeros() as usize / 8;
            if others != 0 {
                break;
            }
        }
        count.min(max)
    }

    /// Whether these bytes are at `at`.
    #[inline]
    pub fn has(&self, at: usize, bytes: &[u8]) -> bool {
        let rest = self.text.get(at..).unwrap_or_default();
        if rest.len() < bytes.len() && bytes.starts_with(rest) && !self.last {
            self.starved.set(true);
        }
        rest.starts_with(bytes)
    }

    /// Whether somebody has asked for a byte that has not come yet.
    #[inline]
    #[must_use]
    pub fn starved(&self) -> bool {
        self.starved.get()
    }

    /// Bytes that are here; fewer at the end.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> &'t [u8] {
        self.text.get(range.start..range.end.min(self.text.len())).unwrap_or_default()
    }

    /// How many bytes are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether nothing follows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// What came before.
    pub(crate) fn history(&self) -> &'t [u8] {
        self.before
    }
}

/// Whether a byte before a number, a name or a token belongs to the same word.
#[inline]
#[must_use]
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_as_one_by_one() {
        for length in 0..40 {
            for other in 0..=u8::MAX {
                let text = [&b"x0123456789012345678901234567890123456789"[..=length], &[other], b"12345678"].concat();
                for last in [false, true] {
                    let (one, other) = (View::new(&text, b"", last), View::new(&text, b"", last));
                    let counts = (one.digits(1, 20), other.run(1, 20, |byte| byte.is_ascii_digit()));
                    assert_eq!((counts.0, one.starved()), (counts.1, other.starved()), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn who_looks_behind_the_end_is_starved() {
        let view = View::new(b"cd", b"ab", false);
        assert_eq!(
            [1, 2, 3, 4, 5].map(|back| view.before(2, back)),
            [b"d", b"c", b"b", b"a"].map(|b| Some(b[0])).iter().copied().chain([None]).collect::<Vec<_>>()[..]
        );
        assert!(view.has(0, b"cd") && !view.starved());
        assert_eq!(view.get(2), None);
        assert!(view.starved());
        let view = View::new(b"cd", b"", true);
        assert_eq!((view.run(0, 9, |b| b != b'x'), view.starved()), (2, false));
    }
}
