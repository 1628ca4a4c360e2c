//! Spans of time, written as Gateway API has them: `10s`, `250ms`, `1h30m`.

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// The longest span that a scenario may name.
pub const MAX_SPAN: Duration = Duration::from_secs(24 * 60 * 60);

const FORM: &str = "write a span of time as `10s`, `250ms` or `1h30m`; at most `24h`";

/// A span of time, at most [`MAX_SPAN`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// Up to four numbers of up to five digits, each with its unit: `h`, `m`, `s` or `ms`.
    fn parse(text: &str) -> Option<Self> {
        let (mut sum, mut rest, mut parts) = (Duration::ZERO, text, 0);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| (1..=5).contains(digits))?;
            let (number, after) = rest.split_at_checked(digits)?;
            let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, next) = after.split_at_checked(end)?;
            let milliseconds: u64 = match unit {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                _ => return None,
            };
            sum += Duration::from_millis(number.parse::<u64>().ok()? * milliseconds);
            (rest, parts) = (next, parts + 1);
        }
        ((1..=4).contains(&parts) && sum <= MAX_SPAN).then_some(Self(sum))
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let milliseconds = self.0.as_millis();
        if milliseconds == 0 {
            return f.write_str("0s");
        }
        let parts = [
            (milliseconds / 3_600_000, "h"),
            (milliseconds / 60_000 % 60, "m"),
            (milliseconds / 1000 % 60, "s"),
            (milliseconds % 1000, "ms"),
        ];
        parts.iter().filter(|(number, _)| *number > 0).try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(FORM))
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^([0-9]{1,5}(h|m|s|ms)){1,4}$|^\$\{[^}]+\}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_shown_as_they_are_written() {
        for text in ["0s", "1h", "1h30m", "1m1s1ms", "250ms"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Span::parse("90s").unwrap().to_string(), "1m30s");
    }

    #[test]
    fn spans_are_written_as_in_gateway_api() {
        for (text, milliseconds) in [
            ("0s", Some(0)),
            ("10s", Some(10_000)),
            ("250ms", Some(250)),
            ("1h30m", Some(5_400_000)),
            ("1m1s1ms", Some(61_001)),
            ("24h", Some(86_400_000)),
            ("24h1ms", None),
            ("", None),
            ("10", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("100000s", None),
            ("1s1s1s1s1s", None),
            ("1d", None),
            ("1s ", None),
        ] {
            let span = Span::parse(text).map(|span| span.0.as_millis());
            assert_eq!(span, milliseconds, "{text}");
        }
    }
}
