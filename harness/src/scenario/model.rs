//! A scenario, as types.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use tamis_module::gate::EnvoyVersion;

use super::cases::Case;
use crate::document::{Document, Placed};
use crate::stream::FailurePolicy;

pub use super::budget::Budget;
pub use super::callout::{Callout, Cluster};
pub use super::connection::Connection;
pub use super::fault::Fault;
pub use super::matcher::{ExpectFields, FieldMatch, ValueMatch};
pub use super::metrics::ExpectMetrics;
pub use super::split::Split;
pub use super::state::ExpectState;
pub use super::step::{Advance, Meanwhile, Reload, Start, Step};
pub use super::value::{Body, Fields};

/// A scenario: a chain of filters, and what is sent through it.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(deny_unknown_fields, transform = with_start)]
pub struct Scenario {
    /// What the scenario shows.
    pub name: String,
    /// More about it, for people.
    #[schemars(default)]
    pub description: String,
    /// How many workers the proxy has: `--concurrency` in Envoy.
    #[schemars(default = "one", range(min = 1, max = 64))]
    pub workers: usize,
    /// The release of Envoy that it is about, such as `"1.36"`: the harness behaves like it, and a real Envoy of another
    /// release does not run it. The newest, and any, when it is left out.
    #[schemars(with = "Option<String>", default)]
    pub envoy: Option<EnvoyVersion>,
    /// The most bytes that the proxy buffers of one message: `per_connection_buffer_limit_bytes` in Envoy, and 1 MiB there
    /// when it is left out.
    #[schemars(default)]
    pub buffer_limit: Option<u32>,
    /// What the filters are: HTTP filters, or network filters in front of a TCP proxy.
    #[schemars(default)]
    pub kind: Kind,
    /// The clusters that filters can call.
    #[schemars(default)]
    pub clusters: Vec<Cluster>,
    /// The chain of filters, in the order in which a request meets them.
    pub filters: Vec<FilterEntry>,
    /// What is sent, one after the other through the same proxy; and what happens between. The `start`, when the file has
    /// one, is the first.
    #[schemars(rename = "exchanges")]
    pub steps: Vec<Step>,
    /// The file that it was read from.
    #[schemars(skip)]
    pub file: PathBuf,
}

/// What the filters of a chain are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// HTTP filters: exchanges go through them.
    #[default]
    Http,
    /// Network filters in front of a TCP proxy: connections go through them.
    Network,
}

/// A filter of the chain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterEntry {
    /// The module: the name of one that was built (`transformation`), a `.wasm` file relative to this one, or an image:
    /// `oci-layout:DIR:TAG`, with a folder relative to this file, or `oci://HOST/REPOSITORY:TAG`.
    pub module: Placed<String>,
    /// The plugin's name in logs; the module's when it is left out.
    #[serde(default)]
    pub name: Option<String>,
    /// The plugin's root id.
    #[serde(default)]
    pub root_id: String,
    /// Filters with the same module and the same VM id share a VM.
    #[serde(default)]
    pub vm_id: String,
    /// The configuration: handed over as JSON, or, when it is a text, as that text. Nothing is sent when it is left out.
    #[serde(default)]
    pub config: Option<Document>,
    /// A file with the configuration instead, relative to this one.
    #[serde(default)]
    pub config_file: Option<PathBuf>,
    /// What happens to streams after the VM has died.
    #[serde(default)]
    pub failure_policy: FailurePolicy,
    /// Whether the filter can hold headers and see the body meanwhile: `allow_on_headers_stop_iteration` in Envoy.
    #[serde(default)]
    pub held_headers: bool,
    /// Environment variables of the VM, by name.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The host functions and callbacks that the module may use, by their names; all, when it is left out.
    #[serde(default)]
    pub allowed_capabilities: Vec<String>,
    /// The VM's configuration, which tells VMs apart and which modules can read: handed over as `config` is.
    #[serde(default)]
    pub vm_configuration: Option<Document>,
}

/// A request, what the upstream answers, and what must be seen on both sides.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = with_cases)]
pub struct Exchange {
    /// What the exchange shows.
    pub name: String,
    /// The worker that takes the request, counted from 0.
    #[serde(default)]
    pub worker: usize,
    /// What the client sends.
    #[serde(default)]
    pub request: Request,
    /// What the upstream answers.
    #[serde(default)]
    pub upstream: Answer,
    /// What happens while the request is under way.
    #[serde(default)]
    pub meanwhile: Option<Meanwhile>,
    /// The requests that filters make of their own meanwhile, and what comes back.
    #[serde(default)]
    pub callouts: Vec<Callout>,
    /// What goes wrong in a filter's VM meanwhile. Only the harness can do this.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// What must be seen. What is not named is not looked at.
    #[serde(default)]
    pub expect: Expect,
    /// What it may cost, exactly: more is an error, and so is less while the budget has not been lowered.
    #[serde(default)]
    pub budget: Option<Budget>,
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
    pub body: Body,
    /// Trailers, in this order. Only the harness can send them.
    pub trailers: Fields,
}

/// What the upstream answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// The status.
    #[schemars(schema_with = "status")]
    pub status: u16,
    /// Headers, in this order; a list of values sends the header that many times.
    pub headers: Fields,
    /// The body.
    pub body: Body,
    /// Trailers, in this order. Only the harness can send them.
    pub trailers: Fields,
}

/// What must be seen.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// At the upstream.
    pub upstream: ExpectUpstream,
    /// At the client.
    pub response: ExpectResponse,
    /// Texts, each of which must be in a line that was logged during the exchange.
    pub log: Vec<String>,
    /// Texts that must be in no line that was logged during the exchange.
    pub no_log: Vec<String>,
    /// Metrics after the exchange, with everything since the proxy started.
    pub metrics: ExpectMetrics,
    /// What filters have stored for access logs, by the name without `wasm.`. Only the harness can see it.
    pub state: ExpectState,
    /// Whether all that is seen must be as `NAME.snap` beside the scenario has it; `tamis test --bless` writes that file.
    /// Only the harness can do this.
    pub snapshot: bool,
}

/// What the upstream must see.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectUpstream {
    /// Whether the request must get there at all.
    pub reached: bool,
    /// The method.
    pub method: Option<ValueMatch>,
    /// The path with its query.
    pub path: Option<ValueMatch>,
    /// The host.
    pub authority: Option<ValueMatch>,
    /// Headers.
    pub headers: ExpectFields,
    /// The body.
    pub body: Option<ValueMatch>,
    /// Trailers. Only the harness can see them.
    pub trailers: ExpectFields,
}

/// What the client must see.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectResponse {
    /// Whether there must be a response at all: there is none when a filter holds the message for ever, or closes the
    /// stream. A real Envoy is given 2 s for it to be none.
    pub answered: bool,
    /// The status.
    #[schemars(schema_with = "status")]
    pub status: Option<u16>,
    /// Headers.
    pub headers: ExpectFields,
    /// The body.
    pub body: Option<ValueMatch>,
    /// Trailers. Only the harness can see them.
    pub trailers: ExpectFields,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            authority: "example.com".to_owned(),
            headers: Fields::default(),
            body: Body::default(),
            trailers: Fields::default(),
        }
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self { status: 200, headers: Fields::default(), body: Body::default(), trailers: Fields::default() }
    }
}

impl Default for ExpectResponse {
    fn default() -> Self {
        Self {
            answered: true,
            status: None,
            headers: ExpectFields::default(),
            body: None,
            trailers: ExpectFields::default(),
        }
    }
}

impl Default for ExpectUpstream {
    fn default() -> Self {
        Self {
            reached: true,
            method: None,
            path: None,
            authority: None,
            headers: ExpectFields::default(),
            body: None,
            trailers: ExpectFields::default(),
        }
    }
}

impl FilterEntry {
    /// The plugin's name: as written, else the module's.
    #[must_use]
    pub fn plugin_name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| stem(&self.module.value))
    }
}

impl Scenario {
    /// Whether one of its filters is named as a full image (`NAME-full`), which has features that a plain build goes without.
    #[must_use]
    pub fn needs_full_image(&self) -> bool {
        self.filters.iter().any(|filter| filter.module.value.ends_with(tamis_module::FULL_IMAGE))
    }

    /// The exchanges, without the steps between them.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.steps.iter().filter_map(Step::exchange)
    }

    /// The JSON Schema of scenario files, for editors.
    #[must_use]
    pub fn schema() -> String {
        format!("{:#}\n", schemars::schema_for!(Self).to_value())
    }
}

/// The name in a reference to a module: without folders, tag and digest.
fn stem(module: &str) -> &str {
    let last = module.rsplit('/').next().unwrap_or(module);
    let last = last.split('@').next().unwrap_or(last);
    match (module.split_once(':'), last.strip_suffix(".wasm")) {
        (_, Some(stem)) => stem,
        // A layout's image has no name but its tag.
        (Some(("oci-layout", _)), None) => last.rsplit(':').next().unwrap_or(last),
        (_, None) => last.split(':').next().unwrap_or(last),
    }
}

fn one() -> usize {
    1
}

/// A status, or the variable of a table of cases.
pub(super) fn status(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [
        { "type": ["integer", "null"], "minimum": 100, "maximum": 599 },
        { "type": "string", "pattern": r"^\$\{[^}]+\}$" },
    ] })
}

/// The start is a step when there are types: a scenario's file has one field more.
fn with_start(schema: &mut Schema) {
    let start = SchemaGenerator::default().into_root_schema_for::<Start>();
    if let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        properties.insert("start".to_owned(), start.to_value());
    }
}

/// Tables are gone when there are types: an exchange of the file has one field more.
pub(super) fn with_cases(schema: &mut Schema) {
    let case = SchemaGenerator::default().into_root_schema_for::<Case>();
    let cases = json_schema!({
        "description": "Run the exchange once per row, with the row's values for `${variable}`.",
        "type": "array",
        "minItems": 1,
        "items": case,
    });
    if let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        properties.insert("cases".to_owned(), cases.to_value());
    }
}
