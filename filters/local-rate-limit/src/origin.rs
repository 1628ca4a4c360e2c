//! What all workers agree on before they count: the secret of the tags, and what time it is.
//!
//! The clock is the monotone one, which nobody can set back; where it stood against the clock on the wall is looked at
//! once, by the first worker that ever counts, so that windows begin with the minute. From then on, setting the machine's
//! clock moves no window: nobody gets a second one.

use tamis::hash::Key;

use crate::window::Now;

/// The agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    key: Key,
    /// What to add to the monotone clock.
    offset: u64,
}

const KEY: usize = 16;

impl Origin {
    /// The value to propose: random bytes and the two clocks, in nanoseconds.
    #[must_use]
    pub fn proposal(random: [u8; KEY], wall: u64, monotone: u64) -> Vec<u8> {
        [&random[..], &wall.wrapping_sub(monotone).to_le_bytes()].concat()
    }

    /// The value that was agreed on; nothing if it is none.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let (key, offset) = value.split_first_chunk::<KEY>()?;
        Some(Self { key: Key::new(*key), offset: u64::from_le_bytes(offset.try_into().ok()?) })
    }

    /// The secret of the tags.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// What time it is by the monotone clock.
    #[must_use]
    pub fn now(&self, monotone: u64) -> Now {
        // The highest bit marks windows; no real clock reaches it.
        Now(monotone.wrapping_add(self.offset) & (u64::MAX >> 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proposed_is_read() {
        let value = Origin::proposal([7; 16], 5_000, 2_000);
        let origin = Origin::read(&value).unwrap();
        assert_eq!(origin.now(2_500), Now(5_500));
        assert_eq!(origin.key(), &Key::new([7; 16]));
        assert_eq!(
            Origin::read(&Origin::proposal([0; 16], 1, 3)).unwrap().now(10),
            Now(8),
            "a wall clock that is behind"
        );
    }

    #[test]
    fn what_is_no_origin_is_none() {
        for value in [&[][..], &[0; 23], &[0; 25]] {
            assert_eq!(Origin::read(value), None);
        }
    }
}
