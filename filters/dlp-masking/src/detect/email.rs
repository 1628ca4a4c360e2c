//! Mail addresses.
//!
//! * Source: RFC 5321, without what nobody uses: quoted names and addresses of hosts in brackets.
//! * Rule: a name of 1 to 64 letters, digits and `.!#$%&'*+/=?^_{|}~-` that begins with a letter or digit and has no dot
//!   at its end; `@`; a domain of two labels or more, of which the last has letters alone, at least two. Scores 85.
//! * Known misses: names and domains outside of ASCII; domains of more than 100 bytes.

use crate::entity::Candidate;
use crate::view::{View, is_word};

const SCORE: i32 = 85;
/// The longest name, in bytes.
const NAME: usize = super::BACK;
/// The longest domain, in bytes.
const DOMAIN: usize = 100;

/// What an address's name is made of; quotes, slashes and the like are left out, because they stand around addresses.
#[inline]
pub(crate) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'%' | b'!' | b'#' | b'$' | b'*' | b'^' | b'~')
}

/// An address whose `@` is at `at`, and that does not begin before `floor`.
#[inline(never)]
pub(crate) fn at(view: &View<'_>, at: usize, floor: usize) -> Option<Candidate> {
    // Most of those that are no address are told by their neighbours.
    if !view.before(at, 1).is_some_and(|byte| is_name(byte) && byte != b'.')
        || !view.get(at + 1).is_some_and(|byte| byte.is_ascii_alphanumeric())
    {
        return None;
    }
    // The domain first: what stands behind an `@` is none more often than what stands before it is no name.
    let mut end = at + 1;
    let mut labels = 0;
    let mut last = 0..0;
    loop {
        let length = view.run(end, DOMAIN, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let label = end..end + length;
        if length == 0 || view.before(label.end, 1) == Some(b'-') || view.get(label.start) == Some(b'-') {
            break;
        }
        if label.end > at + 1 + DOMAIN {
            return None;
        }
        labels += 1;
        last = label.clone();
        end = label.end;
        if view.get(end) != Some(b'.') || !view.get(end + 1).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            break;
        }
        end += 1;
    }
    let letters = last.len() >= 2 && view.slice(last.clone()).iter().all(u8::is_ascii_alphabetic);
    let cut = view.get(last.end).is_some_and(|byte| is_word(byte) || byte == b'@');
    if labels < 2 || !letters || cut {
        return None;
    }
    let mut name = (1..=NAME + 1).find(|back| !view.before(at, *back).is_some_and(is_name))? - 1;
    // What is in front of the first letter or digit is not the name's.
    while name > 0 && !view.before(at, name).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        name -= 1;
    }
    let start = at.checked_sub(name).filter(|start| name > 0 && *start >= floor)?;
    Some(Candidate::new(start, last.end, SCORE))
}
