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

/// A slot of a set: where it begins in the value.
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
        self.first(|slot| word(slot) == tag)
    }

    /// The place of a key: its own, or one that is free now. None when all belong to others.
    #[must_use]
    pub fn place(&self, tag: u64, now: Now) -> Option<Place> {
        self.find(tag).or_else(|| self.free(now))
    }

    #[inline(never)]
    fn free(&self, now: Now) -> Option<Place> {
        let is_free = |slot: &[u8]| states(slot).all(|state| state.is_past(now));
        let end = Place(self.value.len());
        self.first(is_free).or_else(|| (self.value.len() < SLOTS * slot_size(self.windows)).then_some(end))
    }

    /// The counters of a key at its place; unused ones where another key had them.
    #[must_use]
    pub fn counters(&self, place: Place, tag: u64) -> Counters {
        let mut counters = Counters::default();
        if let Some(slot) = self.value.get(place.0..).filter(|slot| word(slot) == tag) {
            counters.iter_mut().zip(states(slot)).take(self.windows).for_each(|(counter, state)| *counter = state);
        }
        counters
    }

    /// Gives a key's place these counters.
    pub fn put(&mut self, place: Place, tag: u64, counters: &Counters) {
        if place.0 >= self.value.len() {
            self.add();
        }
        let slot = self.value.get_mut(place.0..).unwrap_or_default();
        if let Some((first, rest)) = slot.split_first_chunk_mut() {
            *first = tag.to_le_bytes();
            for (bytes, counter) in rest.as_chunks_mut().0.iter_mut().zip(counters.iter().take(self.windows)) {
                *bytes = counter.number().to_le_bytes();
            }
        }
    }

    /// Adds a slot, if there is room for one.
    #[inline(never)]
    fn add(&mut self) {
        let size = slot_size(self.windows);
        if self.value.len() < SLOTS * size {
            self.value.resize(self.value.len() + size, 0);
        }
    }

    /// The first slot of which that holds.
    fn first(&self, holds: impl Fn(&[u8]) -> bool) -> Option<Place> {
        let size = slot_size(self.windows);
        let mut at = 0;
        while let Some(slot) = self.value.get(at..at + size) {
            if holds(slot) {
                return Some(Place(at));
            }
            at += size;
        }
        None
    }
}

fn slot_size(windows: usize) -> usize {
    WORD + WORD * windows
}

/// The counters of a slot, which stand behind its tag.
fn states(slot: &[u8]) -> impl Iterator<Item = State> {
    slot.as_chunks().0.iter().skip(1).map(|bytes| State::from_number(u64::from_le_bytes(*bytes)))
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
        assert_eq!(set.place(3, NOW), Some(Place(3 * 16)), "who has a place keeps it");
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
                let place = Place(i * slot_size(windows));
                set.put(place, *tag, &counters);
                prop_assert_eq!(set.counters(place, *tag), counters);
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
