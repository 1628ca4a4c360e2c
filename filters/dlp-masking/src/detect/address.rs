//! Addresses of the internet protocol.
//!
//! * Source: RFC 791 and RFC 4291, as they are written in text (RFC 4632, RFC 5952).
//! * Rule, version 4: four numbers up to 255 without zeros in front, with dots; scores 60. A word such as "version" before it
//!   takes that away.
//! * Rule, version 6: eight groups, or fewer with `::` once; the last two may be an IPv4 address; at least two groups and one
//!   digit. Scores 75.
//! * Known misses: IPv4 in one number or in hexadecimal; `::` and `::1`, which say nothing of anybody; zones (`%eth0`) stay.

use crate::entity::Candidate;
use crate::view::{View, is_word};

const FOUR: i32 = 60;
const SIX: i32 = 75;

/// An IPv4 address that begins at `at`.
#[inline(never)]
pub(crate) fn four(view: &View<'_>, at: usize) -> Option<Candidate> {
    let alone = match view.before(at, 1) {
        None => true,
        Some(b'.' | b'-') => !view.before(at, 2).is_some_and(is_word),
        Some(b':') => !view.before(at, 2).is_some_and(|byte| byte.is_ascii_hexdigit() || byte == b':'),
        Some(byte) => !is_word(byte),
    };
    if !alone {
        return None;
    }
    let end = dotted(view, at)?;
    let cut = match view.get(end) {
        Some(b'.') => view.get(end + 1).is_some_and(|byte| byte.is_ascii_digit()),
        Some(b'-') => view.get(end + 1).is_some_and(|byte| byte.is_ascii_alphanumeric()),
        Some(byte) => is_word(byte),
        None => false,
    };
    (!cut).then(|| Candidate::new(at, end, FOUR))
}

/// The end of four numbers with dots.
fn dotted(view: &View<'_>, mut at: usize) -> Option<usize> {
    for part in 0..4 {
        if part > 0 {
            (view.get(at) == Some(b'.')).then_some(())?;
            at += 1;
        }
        let length = view.run(at, 4, |byte| byte.is_ascii_digit());
        let number = view.slice(at..at + length).iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        let zero_in_front = length > 1 && view.get(at) == Some(b'0');
        if length == 0 || length > 3 || number > 255 || zero_in_front {
            return None;
        }
        at += length;
    }
    Some(at)
}

/// An IPv6 address whose first colon is at `at`; the group before it does not begin before `floor`.
#[inline(never)]
pub(crate) fn six(view: &View<'_>, at: usize, floor: usize) -> Option<Candidate> {
    // Most colons stand behind a quote or a word.
    if !view.before(at, 1).is_some_and(|byte| byte.is_ascii_hexdigit()) && view.get(at + 1) != Some(b':') {
        return None;
    }
    let before = (1..=5).find(|back| !view.before(at, *back).is_some_and(|byte| byte.is_ascii_hexdigit()))? - 1;
    let start = at.checked_sub(before).filter(|start| before <= 4 && *start >= floor)?;
    if view.before(start, 1).is_some_and(|byte| is_word(byte) || matches!(byte, b':' | b'.' | b'-')) {
        return None;
    }
    let mut end = at;
    let (mut groups, mut short, mut digit) = (usize::from(before > 0), false, false);
    digit |= view.slice(start..at).iter().any(u8::is_ascii_digit);
    loop {
        if view.get(end) != Some(b':') {
            break;
        }
        if view.get(end + 1) == Some(b':') {
            if short {
                return None;
            }
            short = true;
            end += 2;
        } else if groups == 0 {
            return None;
        } else {
            end += 1;
        }
        let length = view.run(end, 5, |byte| byte.is_ascii_hexdigit());
        if length == 0 {
            // Nothing but `::` can be at the end.
            if view.before(end, 2) != Some(b':') {
                end -= 1;
            }
            break;
        }
        if length > 4 {
            return None;
        }
        if length <= 3
            && view.get(end + length) == Some(b'.')
            && let Some(four) = dotted(view, end)
        {
            (groups, end, digit) = (groups + 2, four, true);
            break;
        }
        digit |= view.slice(end..end + length).iter().any(u8::is_ascii_digit);
        groups += 1;
        end += length;
        if groups > 8 {
            return None;
        }
    }
    let whole = if short { (2..8).contains(&groups) } else { groups == 8 };
    let cut = view.get(end).is_some_and(|byte| is_word(byte) || byte == b':');
    (whole && digit && !cut).then(|| Candidate::new(start, end, SIX))
}
