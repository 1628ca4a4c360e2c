//! Statuses of responses, as conditions.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A status, or all of a hundred: `404` or `5xx`.
///
/// ```
/// use tamis_core::matching::Statuses;
///
/// let failed: Vec<Statuses> = serde_json::from_str(r#"[401, "5xx"]"#)?;
/// assert!(failed.iter().any(|statuses| statuses.has(503)));
/// assert!(!failed.iter().any(|statuses| statuses.has(404)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    first: u16,
    last: u16,
}

impl Statuses {
    /// Whether a status is one of these.
    #[must_use]
    pub fn has(&self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

const EXPECTED: &str = "expected a status from 200 to 599, or a hundred such as `5xx`";

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Statuses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status from 200 to 599, or a hundred such as `5xx`")
            }

            fn visit_u64<E: de::Error>(self, status: u64) -> Result<Statuses, E> {
                let status = u16::try_from(status).ok().filter(|status| (200..600).contains(status));
                status.map(|status| Statuses { first: status, last: status }).ok_or_else(|| E::custom(EXPECTED))
            }

            fn visit_i64<E: de::Error>(self, status: i64) -> Result<Statuses, E> {
                self.visit_u64(u64::try_from(status).unwrap_or_default())
            }

            /// A protobuf Struct on the way makes `401.0` of `401`.
            fn visit_f64<E: de::Error>(self, status: f64) -> Result<Statuses, E> {
                if status.fract() == 0.0 { self.visit_i64(status as i64) } else { Err(E::custom(EXPECTED)) }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Statuses, E> {
                let first = match text {
                    "2xx" => 200,
                    "3xx" => 300,
                    "4xx" => 400,
                    "5xx" => 500,
                    _ => return Err(E::custom(EXPECTED)),
                };
                Ok(Statuses { first, last: first + 99 })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 200, "maximum": 599 },
            { "enum": ["2xx", "3xx", "4xx", "5xx"] }
        ] })
    }
}
