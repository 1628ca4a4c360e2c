//! A set: one shared value, with the counters of up to eight keys.
//!
//! Shared data can never be deleted, so there is a number of sets that the configuration gives, and a key has a place in
//! one of them only. A slot whose numbers are all past is free for the next key. As a value, a set has its used slots one
//! after the other:
//!
//! ```text
//! tag (8 bytes) | number of window 1 (8) | … window W (8)        W from 1 to 3; all little-endian
//! ```
//!
//! so at most 8 · (8 + 3 · 8) = 256 bytes. W is part of the shared value's name, with the version of this form.

use crate::window::{Now, State};

/// How many keys one set has room for.
pub const SLOTS: usize = 8;
/// How many limits a rule can have.
pub const MAX_WINDOWS: usize = 3;
const WORD: usize = 8;

/// The counters of one key, one for each limit. Those of limits that there are not stay unused.
pub type Counters = [State; MAX_WINDOWS];

/// A set: its value, which is changed where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    windows: usize,
    value: Vec<u8>,
}

/// A slot of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

impl Place {
    /// The first slot.
    pub const FIRST: Self = Self(0);
}

impl Set {
    /// Takes a set's value; none is an empty set. What is not one of these values, which only another plugin can have
    /// written, is an empty set too.
    #[must_use]
    pub fn read(value: Option<Vec<u8>>, windows: usize) -> Self {
        let windows = windows.clamp(1, MAX_WINDOWS);
        let size = slot_size(windows);
        let is_set = |value: &Vec<u8>| value.len().is_multiple_of(size) && value.len() <= size * SLOTS;
        Self { windows, value: value.filter(is_set).unwrap_or_default() }
    }

    /// The value to store.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The same, for good.
    #[must_use]
    pub fn into_value(self) -> Vec<u8> {
        self.value
    }

    /// The place of a key that has one.
    #[must_use]
    pub fn find(&self, tag: u64) -> Option<Place> {
        self.slots().position(|slot| word(slot) == tag).map(Place)
    }

    /// The place of a key: its own, or one that is free now. None when all belong to others.
    #[must_use]
    pub fn place(&self, tag: u64, now: Now) -> Option<Place> {
        let is_free = |slot: &[u8]| states(slot).all(|state| state.is_past(now));
        self.find(tag)
            .or_else(|| self.slots().position(is_free).map(Place))
            .or_else(|| (self.used() < SLOTS).then(|| Place(self.used())))
    }

    /// The counters of a key at its place; unused ones where another key had them.
    #[must_use]
    pub fn counters(&self, place: Place, tag: u64) -> Counters {
        let mut counters = Counters::default();
        if let Some(slot) = self.slots().nth(place.0).filter(|slot| word(slot) == tag) {
            counters.iter_mut().zip(states(slot)).for_each(|(counter, state)| *counter = state);
        }
        counters
    }

    /// Gives a key's place these counters.
    pub fn put(&mut self, place: Place, tag: u64, counters: &Counters) {
        let (size, used) = (slot_size(self.windows), self.used());
        if place.0 >= used {
            if used >= SLOTS {
                return;
            }
            self.value.resize((used + 1) * size, 0);
        }
        let words = std::iter::once(tag).chain(counters.iter().map(|counter| counter.number()));
        if let Some(slot) = self.value.chunks_exact_mut(size).nth(place.0.min(used)) {
            slot.chunks_exact_mut(WORD).zip(words).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_le_bytes()));
        }
    }

    fn slots(&self) -> impl Iterator<Item = &[u8]> {
        self.value.chunks_exact(slot_size(self.windows))
    }

    fn used(&self) -> usize {
        self.value.len() / slot_size(self.windows)
    }
}

fn slot_size(windows: usize) -> usize {
    WORD + WORD * windows
}

/// The counters of a slot, which stand behind its tag.
fn states(slot: &[u8]) -> impl Iterator<Item = State> {
    slot.chunks_exact(WORD).skip(1).map(|bytes| State::from_number(word(bytes)))
}

/// The first eight bytes, which are there.
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::window::SECOND;

    const NOW: Now = Now(1_000_000 * SECOND);

    fn until(seconds: u64) -> Counters {
        [State::from_number(NOW.0 + seconds * SECOND), State::default(), State::default()]
    }

    #[test]
    fn a_full_set_has_no_place_until_a_slot_is_past() {
        let mut set = Set::read(None, 1);
        for tag in 0..8 {
            let place = set.place(tag, NOW).unwrap();
            set.put(place, tag, &until(10 + tag));
        }
        assert_eq!(set.place(8, NOW), None);
        assert_eq!(set.place(8, Now(NOW.0 + 10 * SECOND)), Some(Place(0)), "the first is past");
        assert_eq!(set.counters(Place(0), 8), Counters::default(), "and begins unused");
        assert_eq!(set.place(3, NOW), Some(Place(3)), "who has a place keeps it");
        assert_eq!(set.value().len(), 8 * 16);
    }

    #[test]
    fn values_that_nobody_here_wrote_are_empty_sets() {
        for value in [&b"x"[..], &[0; 17], &[0; 9 * 16]] {
            assert_eq!(Set::read(Some(value.to_vec()), 1), Set::read(None, 1));
        }
        assert_eq!(Set::read(Some(vec![7; 256]), 3).value(), [7; 256]);
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read(
            windows in 1..=3_usize,
            slots in prop::collection::btree_map(any::<u64>(), any::<[u64; 3]>(), 0..8),
        ) {
            let mut set = Set::read(None, windows);
            for (i, (tag, numbers)) in slots.iter().enumerate() {
                let mut counters = numbers.map(State::from_number);
                counters.iter_mut().skip(windows).for_each(|counter| *counter = State::default());
                set.put(Place(i), *tag, &counters);
                prop_assert_eq!(set.counters(Place(i), *tag), counters);
            }
            prop_assert_eq!(set.value().len(), slots.len() * 8 * (1 + windows));
            prop_assert_eq!(Set::read(Some(set.value().to_vec()), windows), set);
        }

        #[test]
        fn no_value_panics(value: Vec<u8>, windows in 0..5_usize, tag: u64) {
            let mut set = Set::read(Some(value), windows);
            if let Some(place) = set.place(tag, NOW) {
                let counters = set.counters(place, tag);
                set.put(place, tag, &counters);
                prop_assert_eq!(set.find(tag), Some(place));
            }
            prop_assert!(set.value().len() <= 256);
        }
    }
}
