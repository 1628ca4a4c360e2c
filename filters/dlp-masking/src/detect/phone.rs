//! Telephone numbers in international form.
//!
//! * Source: ITU-T E.164 (country codes, at most 15 digits), E.123 (how they are printed).
//! * Rule: `+`, a country code that is assigned, 7 to 15 digits in all, single separators (space, dash, dot, brackets)
//!   between them; not more digits than the country uses, where that is known. Scores 70.
//! * Known misses: numbers without `+`, which are written like any other number; extensions stay.

use super::groups::LONGEST;
use crate::entity::Candidate;
use crate::view::{View, is_word};

/// Country codes of two digits.
const TWO: [u8; 43] = [
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62,
    63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95,
];
/// The most digits of a country's numbers, with its code.
const MOST: &[(u16, usize)] = &[
    (1, 11),
    (7, 11),
    (31, 11),
    (32, 11),
    (33, 11),
    (34, 11),
    (39, 13),
    (41, 11),
    (44, 12),
    (45, 10),
    (46, 12),
    (47, 10),
    (48, 11),
    (52, 12),
    (55, 13),
    (61, 11),
    (64, 12),
    (65, 10),
    (81, 12),
    (82, 12),
    (86, 13),
    (91, 12),
];

const SCORE: i32 = 70;

/// A number whose first digit, behind the plus, is at `at`.
#[inline(never)]
pub(crate) fn at(view: &View<'_>, at: usize, floor: usize) -> Option<Candidate> {
    let start = at.checked_sub(1).filter(|start| *start >= floor)?;
    if view.before(at, 1) != Some(b'+') || view.before(start, 1).is_some_and(|byte| is_word(byte) || byte == b'+') {
        return None;
    }
    let most = most_digits(view, at)?;
    let mut count = 0;
    let mut end = at;
    let mut next = at;
    loop {
        let length = view.run(next, LONGEST + 1, |byte| byte.is_ascii_digit());
        if length == 0 || count + length > most {
            break;
        }
        count += length;
        end = next + length;
        next = end + separator(view, end);
        if next == end {
            break;
        }
    }
    let cut = view.get(end).is_some_and(is_word);
    ((7..=15).contains(&count) && !cut).then(|| Candidate::new(start, end, SCORE))
}

/// How long what may stand between two groups is: ` `, `-`, `.`, ` (`, `) `, `)`, `-(`.
fn separator(view: &View<'_>, at: usize) -> usize {
    let first = match view.get(at) {
        Some(b')') => return 1 + usize::from(matches!(view.get(at + 1), Some(b' ' | b'-'))),
        Some(b' ' | b'-' | b'.') => 1,
        Some(b'(') => return 1,
        _ => return 0,
    };
    first + usize::from(view.get(at + 1) == Some(b'('))
}

/// How many digits a number that begins so can have; nothing when no country does.
fn most_digits(view: &View<'_>, at: usize) -> Option<usize> {
    let digit = |offset| view.get(at + offset).filter(u8::is_ascii_digit).map(|byte| u16::from(byte - b'0'));
    let first = digit(0)?;
    let code = match first {
        0 => return None,
        1 | 7 => first,
        _ => {
            let two = first * 10 + digit(1)?;
            if TWO.iter().any(|code| u16::from(*code) == two) || two == 98 {
                two
            } else if matches!(
                two,
                21..=26 | 29 | 35 | 37 | 38 | 42 | 50 | 59 | 67 | 68 | 69 | 80 | 85 | 87 | 88 | 96 | 97 | 99
            ) {
                return Some(15);
            } else {
                return None;
            }
        }
    };
    Some(MOST.iter().find(|(country, _)| *country == code).map_or(15, |(_, most)| *most))
}
