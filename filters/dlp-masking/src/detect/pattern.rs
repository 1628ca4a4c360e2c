//! Regular expressions that a user writes.
//!
//! All expressions of a configuration become one automaton, so their number does not matter, and time is linear: at a byte
//! that can begin a match, at most 127 bytes are read. What can be written has therefore a longest match, in bytes:
//!
//! * letters, `\d` `\w` `\s` and their capitals (ASCII), `.` (no line feed), `[a-f]`, `[^a-f]`, `\t \n \r \x2f`;
//!   a class that engines understand differently (`[a--b]`, `[a&&b]`, `[[:alpha:]]`) is refused;
//! * `(...)`, `(?:...)`, `|`, `?`, `{3}`, `{2,5}`. There is no `*`, `+` or `{2,}`: say how many there can be;
//! * `(?i)` as the beginning: capital letters of ASCII or not;
//! * `\b` as the beginning or the end: not within a word.
//!
//! A character outside of ASCII is matched whole or not at all, and has no place in a class. The longest match counts; of two
//! that are as long, the one whose rule comes first.

mod automaton;
mod parse;

pub(crate) use automaton::Automaton;
pub use parse::{InvalidPattern, Pattern};

/// The longest match that an expression may have, in bytes.
pub const LONGEST: usize = super::AHEAD - 1;
