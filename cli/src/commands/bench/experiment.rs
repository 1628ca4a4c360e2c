//! What an experiment is: ways to run Envoy that are compared, and what ours may cost.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::corpus::{BUFFER, Upstream};
use super::slice::Client;
use super::verdict::{Results, Spread};
use crate::failure::Failure;

/// Ways to run Envoy, side by side.
pub struct Experiment {
    /// The title of its section.
    pub title: &'static str,
    /// Without a filter, the same again, the native filter, then the others: the rows of the table.
    pub variants: Vec<Variant>,
    /// What the rows are multiples of, by name; the native filter first.
    pub peers: &'static [(&'static str, Which)],
    /// What ours may cost.
    pub targets: &'static [Target],
    /// Envoy's `--concurrency`.
    pub workers: u32,
    /// How the requests come.
    pub client: Client,
    /// Who answers, where Envoy does not do so itself.
    pub upstream: Option<Upstream>,
    /// How long a body is, where that is what matters.
    pub bytes: Option<u32>,
}

/// Names a variant, to find it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Which(pub &'static str);

/// No filter: what the costs are counted from.
pub const BASE: Which = Which("base");
/// No filter once more: what the costs of nothing look like.
pub const CONTROL: Which = Which("control");
/// Envoy's own filter that does the same.
pub const NATIVE: Which = Which("native");

/// A way to run Envoy.
pub struct Variant {
    pub which: Which,
    /// What it is called in the table.
    pub name: &'static str,
    /// The filter; none for the base.
    pub filter: Option<Value>,
    /// How it is known that the filter is at work.
    pub works: Works,
    /// So many requests, each for a path of its own, before anything is measured.
    pub filled: u32,
    /// What stands in the place of `/items/` where the upstream is asked.
    pub path: &'static str,
}

/// What shows that a filter does what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Works {
    /// Nothing can be seen, and the response has no header of a filter.
    Unseen,
    /// The response has this header.
    Header(&'static str),
    /// A counter of Envoy with this in its name has counted.
    Counter(&'static str),
}

/// What a filter of ours may cost.
pub struct Target {
    pub what: &'static str,
    pub most: f64,
    pub ratio: fn(&Results<'_>) -> Option<Spread>,
    /// Why it may be missed.
    pub because: &'static str,
}

impl Variant {
    /// A row.
    pub fn new(which: Which, name: &'static str, filter: Option<Value>, works: Works) -> Self {
        Self { which, name, filter, works, filled: 0, path: "/" }
    }

    /// The same for these bodies of the upstream.
    pub fn of(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// The first two rows of every table.
    pub fn without() -> [Self; 2] {
        [(BASE, "no filter"), (CONTROL, "no filter, again (the control)")]
            .map(|(which, name)| Self::new(which, name, None, Works::Unseen))
    }

    /// An Envoy that asks the upstream, or answers everything itself, behind this filter.
    pub fn configuration(&self, upstream: Option<SocketAddr>) -> Value {
        let router = json!({
            "name": "router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        });
        let filters = self.filter.iter().cloned().chain([router]).collect::<Vec<_>>();
        let route = match upstream {
            Some(_) => json!({
                "match": { "prefix": "/items/" },
                "route": { "cluster": "upstream", "prefix_rewrite": self.path, "timeout": "60s" },
            }),
            None => json!({
                "match": { "prefix": "/" },
                "direct_response": { "status": 200, "body": { "inline_string": "hello\n" } },
            }),
        };
        let clusters = upstream.map(|address| {
            json!({
                "name": "upstream",
                "per_connection_buffer_limit_bytes": BUFFER,
                "load_assignment": { "cluster_name": "upstream", "endpoints": [{ "lb_endpoints": [{ "endpoint": {
                    "address": { "socket_address": { "address": address.ip(), "port_value": address.port() } },
                } }] }] },
            })
        });
        let clusters = clusters.into_iter().collect::<Vec<_>>();
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench",
            "http_filters": filters,
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [route] }] },
        });
        let mut listener = json!({
            "name": "bench",
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
            "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager }] }],
        });
        if let (Some(_), Value::Object(fields)) = (upstream, &mut listener) {
            fields.insert("per_connection_buffer_limit_bytes".to_owned(), json!(BUFFER));
        }
        json!({ "static_resources": { "listeners": [listener], "clusters": clusters } })
    }
}

/// A module as a filter, with its configuration as text.
pub fn module(file: &str, configuration: &str) -> Result<Value, Failure> {
    let file = Path::new(file).canonicalize().map_err(|error| {
        Failure::user(format_args!("{file}: {error}")).hint("`make bench` builds it, and runs this command")
    })?;
    let text = json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration });
    Ok(json!({
        "name": "wasm",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "configuration": text,
                "vm_config": { "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": file } } },
            },
        },
    }))
}
