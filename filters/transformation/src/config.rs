//! What the user writes.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::edits::HeaderEdits;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The rules. Each one applies, in this order. At least one.
    #[schemars(length(min = 1))]
    pub rules: Vec<Rule>,
}

/// Edits that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What the rule is for; shown to people, no effect.
    #[serde(default)]
    pub name: String,
    /// What to change in the request before it goes on.
    #[serde(default)]
    pub request: Edits,
    /// What to change in the response before it goes back.
    #[serde(default)]
    pub response: Edits,
}

/// What to change in a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// What to change in its headers.
    #[serde(default)]
    pub headers: HeaderEdits,
}
