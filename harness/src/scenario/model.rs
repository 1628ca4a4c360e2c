//! A scenario file.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::document::{Document, DocumentError, parse_as};
use crate::stream::FailurePolicy;

/// A scenario: a chain of filters, and what is sent through it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the scenario shows.
    pub name: String,
    /// More about it, for people.
    #[serde(default)]
    pub description: String,
    /// The chain of filters, in the order in which a request meets them.
    pub filters: Vec<FilterEntry>,
    /// What is sent, one after the other through the same proxy.
    pub exchanges: Vec<Exchange>,
    /// The file that it was read from.
    #[serde(skip)]
    pub file: PathBuf,
}

/// A filter of the chain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterEntry {
    /// The module: the name of one that was built (`transformation`), or a `.wasm` file relative to this one.
    pub module: String,
    /// The plugin's name in logs; the module's when it is left out.
    #[serde(default)]
    pub name: Option<String>,
    /// The plugin's root id.
    #[serde(default)]
    pub root_id: String,
    /// Filters with the same module and the same VM id share a VM.
    #[serde(default)]
    pub vm_id: String,
    /// The configuration. Nothing is sent when it is left out.
    #[serde(default)]
    pub config: Option<Document>,
    /// A file with the configuration instead, relative to this one.
    #[serde(default)]
    pub config_file: Option<PathBuf>,
    /// What happens to streams after the VM has died.
    #[serde(default)]
    pub failure_policy: FailurePolicy,
}

/// A request, what the upstream answers, and what must be seen on both sides.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// What the exchange shows.
    pub name: String,
    /// What the client sends.
    #[serde(default)]
    pub request: Request,
    /// What the upstream answers.
    #[serde(default)]
    pub upstream: Answer,
    /// What must be seen. What is not named is not looked at.
    #[serde(default)]
    pub expect: Expect,
}

/// What the client sends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The host that is asked.
    pub authority: String,
    /// Headers, in this order; a list of values sends the header that many times.
    pub headers: Fields,
    /// The body.
    pub body: String,
}

/// What the upstream answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers, in this order; a list of values sends the header that many times.
    pub headers: Fields,
    /// The body.
    pub body: String,
}

/// What must be seen.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// At the upstream.
    pub upstream: ExpectUpstream,
    /// At the client.
    pub response: ExpectResponse,
}

/// What the upstream must see.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectUpstream {
    /// Whether the request must get there at all.
    pub reached: bool,
    /// The method.
    pub method: Option<String>,
    /// The path with its query.
    pub path: Option<String>,
    /// The host.
    pub authority: Option<String>,
    /// Headers.
    pub headers: ExpectFields,
    /// The body.
    pub body: Option<String>,
}

/// What the client must see.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectResponse {
    /// The status.
    pub status: Option<u16>,
    /// Headers.
    pub headers: ExpectFields,
    /// The body.
    pub body: Option<String>,
}

/// Headers with their values, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, String)>);

/// What headers must be: for each name all of its values, in order, or its absence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectFields(pub Vec<(String, FieldMatch)>);

/// What a header must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldMatch {
    /// These values and no others, in this order.
    Values(Vec<String>),
    /// Not there.
    Absent,
}

/// A scenario file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// It cannot be read.
    #[error("cannot read {}: {error}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A filter has its configuration twice.
    #[error("{}: the filter `{module}` has both `config` and `config_file`; leave one of them out", .file.display())]
    TwoConfigs {
        /// The file.
        file: PathBuf,
        /// The filter's module.
        module: String,
    },
    /// It is not a scenario, or not a configuration.
    #[error("{}:{error}", .file.display())]
    Parse {
        /// The file.
        file: PathBuf,
        /// Where and why.
        error: DocumentError,
    },
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] with the line and column of what is wrong.
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let mut scenario: Self = parse(file, &read(file)?)?;
        scenario.file = file.to_owned();
        for filter in &mut scenario.filters {
            filter.read_config(file)?;
        }
        Ok(scenario)
    }

    /// The JSON Schema of scenario files, for editors.
    #[must_use]
    pub fn schema() -> String {
        format!("{:#}\n", schemars::schema_for!(Self).to_value())
    }
}

impl FilterEntry {
    fn read_config(&mut self, scenario: &Path) -> Result<(), ScenarioError> {
        let Some(file) = &self.config_file else { return Ok(()) };
        if self.config.is_some() {
            return Err(ScenarioError::TwoConfigs { file: scenario.to_owned(), module: self.module.clone() });
        }
        let file = scenario.parent().unwrap_or(Path::new(".")).join(file);
        let text = read(&file)?;
        self.config = Some(Document::parse(&text).map_err(|error| ScenarioError::Parse { file, error })?);
        Ok(())
    }
}

fn read(file: &Path) -> Result<String, ScenarioError> {
    std::fs::read_to_string(file).map_err(|error| ScenarioError::Read { file: file.to_owned(), error })
}

fn parse<'t, T: Deserialize<'t>>(file: &Path, text: &'t str) -> Result<T, ScenarioError> {
    parse_as(text).map_err(|error| ScenarioError::Parse { file: file.to_owned(), error })
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            authority: "example.com".to_owned(),
            headers: Fields::default(),
            body: String::new(),
        }
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self { status: 200, headers: Fields::default(), body: String::new() }
    }
}

impl Default for ExpectUpstream {
    fn default() -> Self {
        Self { reached: true, method: None, path: None, authority: None, headers: ExpectFields::default(), body: None }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = deserializer.deserialize_map(Entries)?;
        let mut fields = Vec::new();
        for (name, value) in entries {
            match FieldMatch::of(value).map_err(D::Error::custom)? {
                FieldMatch::Values(values) => fields.extend(values.into_iter().map(|value| (name.clone(), value))),
                FieldMatch::Absent => return Err(D::Error::custom("a header that is sent has a value")),
            }
        }
        Ok(Self(fields))
    }
}

impl<'de> Deserialize<'de> for ExpectFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = deserializer.deserialize_map(Entries)?;
        let fields = entries
            .into_iter()
            .map(|(name, value)| Ok((name.to_ascii_lowercase(), FieldMatch::of(value).map_err(D::Error::custom)?)));
        fields.collect::<Result<_, _>>().map(Self)
    }
}

impl FieldMatch {
    fn of(value: FieldValue) -> Result<Self, &'static str> {
        Ok(match value {
            FieldValue::One(value) => Self::Values(vec![value.text()]),
            FieldValue::Many(values) => Self::Values(values.into_iter().map(Scalar::text).collect()),
            FieldValue::Special(Special { absent: true }) => Self::Absent,
            FieldValue::Special(Special { absent: false }) => return Err("write `absent: true`, or a value"),
        })
    }
}

/// A header's value in the file.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a value, a list of values, or `{absent: true}`")]
enum FieldValue {
    One(Scalar),
    Many(Vec<Scalar>),
    Special(Special),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Special {
    absent: bool,
}

/// Numbers and truth values are taken as they are written: `content-length: 5`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Number(serde_json::Number),
    Truth(bool),
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }
}

/// A map in the order of the file.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, FieldValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of header names to values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl JsonSchema for Fields {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": { "anyOf": [
                { "type": ["string", "number", "boolean"] },
                { "type": "array", "items": { "type": ["string", "number", "boolean"] } },
            ] },
        })
    }
}

impl JsonSchema for ExpectFields {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExpectedHeaders".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": { "anyOf": [
                { "type": ["string", "number", "boolean"], "description": "This value and no other." },
                {
                    "type": "array",
                    "items": { "type": ["string", "number", "boolean"] },
                    "description": "These values, in this order, and no others.",
                },
                {
                    "type": "object",
                    "properties": { "absent": { "const": true } },
                    "required": ["absent"],
                    "additionalProperties": false,
                    "description": "The header is not there.",
                },
            ] },
        })
    }
}
