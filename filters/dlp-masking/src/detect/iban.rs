//! International bank account numbers.
//!
//! * Source: ISO 13616; the lengths of the SWIFT registry of IBAN formats.
//! * Rule: a country that is in the registry, two digits, as many capital letters and digits as that country has, together
//!   or in groups of four with one space between them; modulo 97. Scores 95.
//! * Known misses: small letters; other groups; countries that joined the registry later.

use crate::checks;
use crate::entity::Candidate;
use crate::view::{View, is_word};

/// Countries with the length of a whole number, sorted.
const LENGTHS: &[([u8; 2], usize)] = &[
    (*b"AD", 24),
    (*b"AE", 23),
    (*b"AL", 28),
    (*b"AT", 20),
    (*b"AZ", 28),
    (*b"BA", 20),
    (*b"BE", 16),
    (*b"BG", 22),
    (*b"BH", 22),
    (*b"BI", 27),
    (*b"BR", 29),
    (*b"BY", 28),
    (*b"CH", 21),
    (*b"CR", 22),
    (*b"CY", 28),
    (*b"CZ", 24),
    (*b"DE", 22),
    (*b"DJ", 27),
    (*b"DK", 18),
    (*b"DO", 28),
    (*b"EE", 20),
    (*b"EG", 29),
    (*b"ES", 24),
    (*b"FI", 18),
    (*b"FK", 18),
    (*b"FO", 18),
    (*b"FR", 27),
    (*b"GB", 22),
    (*b"GE", 22),
    (*b"GI", 23),
    (*b"GL", 18),
    (*b"GR", 27),
    (*b"GT", 28),
    (*b"HN", 28),
    (*b"HR", 21),
    (*b"HU", 28),
    (*b"IE", 22),
    (*b"IL", 23),
    (*b"IQ", 23),
    (*b"IS", 26),
    (*b"IT", 27),
    (*b"JO", 30),
    (*b"KW", 30),
    (*b"KZ", 20),
    (*b"LB", 28),
    (*b"LC", 32),
    (*b"LI", 21),
    (*b"LT", 20),
    (*b"LU", 20),
    (*b"LV", 21),
    (*b"LY", 25),
    (*b"MC", 27),
    (*b"MD", 24),
    (*b"ME", 22),
    (*b"MK", 19),
    (*b"MN", 20),
    (*b"MR", 27),
    (*b"MT", 31),
    (*b"MU", 30),
    (*b"NI", 28),
    (*b"NL", 18),
    (*b"NO", 15),
    (*b"OM", 23),
    (*b"PK", 24),
    (*b"PL", 28),
    (*b"PS", 29),
    (*b"PT", 25),
    (*b"QA", 29),
    (*b"RO", 24),
    (*b"RS", 22),
    (*b"RU", 33),
    (*b"SA", 24),
    (*b"SC", 31),
    (*b"SD", 18),
    (*b"SE", 24),
    (*b"SI", 19),
    (*b"SK", 24),
    (*b"SM", 27),
    (*b"SO", 23),
    (*b"ST", 25),
    (*b"SV", 28),
    (*b"TL", 23),
    (*b"TN", 24),
    (*b"TR", 26),
    (*b"UA", 29),
    (*b"VA", 22),
    (*b"VG", 24),
    (*b"XK", 20),
    (*b"YE", 30),
];

const SCORE: i32 = 95;
/// The longest that there is.
const LONGEST: usize = 34;

/// An account number whose two check digits begin at `at`; the country is before them, not before `floor`.
#[inline(never)]
pub(crate) fn at(view: &View<'_>, at: usize, floor: usize) -> Option<Candidate> {
    let start = at.checked_sub(2).filter(|start| *start >= floor)?;
    let country = [view.before(at, 2)?, view.before(at, 1)?];
    let place = LENGTHS.binary_search_by(|(known, _)| known.cmp(&country)).ok()?;
    let (_, length) = LENGTHS.get(place)?;
    if view.before(start, 1).is_some_and(is_word) {
        return None;
    }
    let mut letters = [0; LONGEST];
    let mut read = 0;
    let mut end = start;
    let spaced = view.get(start + 4) == Some(b' ');
    while read < *length {
        let byte = view.get(end)?;
        if spaced && read > 0 && read % 4 == 0 && byte == b' ' && view.before(end, 1) != Some(b' ') {
            end += 1;
            continue;
        }
        if !byte.is_ascii_uppercase() && !byte.is_ascii_digit() {
            return None;
        }
        if let Some(place) = letters.get_mut(read) {
            *place = byte;
        }
        read += 1;
        end += 1;
    }
    if view.get(end).is_some_and(is_word) || !checks::iban(letters.get(..read)?) {
        return None;
    }
    Some(Candidate::new(start, end, SCORE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_sorted_and_their_numbers_have_room() {
        assert!(LENGTHS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(LENGTHS.iter().all(|(_, length)| *length <= LONGEST));
    }
}
