//! A difference between what was expected and what was seen, for people.

use std::fmt;

use serde::Serialize;

use super::paint::Paint;

/// Values up to this many characters are shown whole, on one line.
const SHORT: usize = 80;
/// Of longer ones, this much before the place where they part, and this much after it.
const BEFORE: usize = 20;
const AFTER: usize = 50;

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Difference {
    /// Something was to be one thing and was another.
    Values {
        /// What it is.
        what: String,
        /// What was expected.
        expected: String,
        /// What was seen.
        seen: String,
    },
    /// Something else, in a sentence.
    Told {
        /// The sentence.
        message: String,
    },
}

impl Difference {
    pub(crate) fn told(message: impl Into<String>) -> Self {
        Self::Told { message: message.into() }
    }

    pub(super) fn values(what: impl Into<String>, expected: impl ToString, seen: impl ToString) -> Self {
        Self::Values { what: what.into(), expected: expected.to_string(), seen: seen.to_string() }
    }

    /// The same difference, with where it showed in front.
    pub(super) fn within(self, place: &str) -> Self {
        match self {
            Self::Values { what, expected, seen } => Self::Values { what: format!("{place}: {what}"), expected, seen },
            Self::Told { message } => Self::Told { message: format!("{place}: {message}") },
        }
    }

    /// The lines that show it.
    pub(super) fn lines(&self, paint: Paint) -> Vec<String> {
        match self {
            Self::Told { message } => message.lines().map(|line| paint.change(line)).collect(),
            Self::Values { what, expected, seen } if expected.chars().count().max(seen.chars().count()) <= SHORT => {
                vec![format!("{what}: expected {}, saw {}", paint.good(expected), paint.bad(seen))]
            }
            Self::Values { what, expected, seen } => {
                let common = expected.chars().zip(seen.chars()).take_while(|(one, other)| one == other).count();
                let part = |text: &str| {
                    let length = text.chars().count();
                    let start = if length <= SHORT { 0 } else { common.saturating_sub(BEFORE) };
                    let end = if length <= SHORT { length } else { common + AFTER };
                    let shown = text.chars().skip(start).take(end - start).collect::<String>();
                    let (before, after) = (if start > 0 { "…" } else { "" }, if end < length { "…" } else { "" });
                    format!("{before}{shown}{after}")
                };
                vec![
                    format!("{what}: they part at character {}", common + 1),
                    format!("  expected {}", paint.good(&part(expected))),
                    format!("  saw      {}", paint.bad(&part(seen))),
                ]
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines(Paint::Plain).join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_values_are_one_line() {
        let difference = Difference::values("status", 200, 404);
        assert_eq!(difference.to_string(), "status: expected 200, saw 404");
        assert_eq!(
            difference.lines(Paint::Colour),
            ["status: expected \u{1b}[32m200\u{1b}[0m, saw \u{1b}[31m404\u{1b}[0m"]
        );
    }

    #[test]
    fn long_values_are_shown_where_they_part() {
        let expected = format!("{}b{}", "a".repeat(200), "é".repeat(200));
        let seen = expected.replace('b', "c");
        let (before, after) = ("a".repeat(20), "é".repeat(49));
        assert_eq!(
            Difference::values("body", expected, seen).to_string(),
            format!("body: they part at character 201\n  expected …{before}b{after}…\n  saw      …{before}c{after}…")
        );
        let short = Difference::values("body", "x".repeat(100), "").to_string();
        assert!(short.ends_with("\n  saw      "), "{short}");
    }
}
