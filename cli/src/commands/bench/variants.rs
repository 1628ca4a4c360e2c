//! What is compared: filters of Envoy, ours, and their peers on the plain crate.

use std::path::Path;

use serde_json::{Value, json};

use crate::failure::Failure;

/// What every request has besides the usual; with what the client and Envoy add, a filter sees about fifteen headers.
pub const HEADERS: [(&str, &str); 8] = [
    ("accept", "text/html,application/json"),
    ("accept-encoding", "gzip, br"),
    ("accept-language", "en"),
    ("cache-control", "no-cache"),
    ("x-tenant", "alice"),
    ("authorization", "Bearer 0123456789abcdef"),
    ("x-trace", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ("referer", "http://shop.example.com/items"),
];

/// The headers that are read: one, or all of them.
const READ: [&str; 10] = [
    "x-tenant",
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "authorization",
    "x-trace",
    "referer",
    "user-agent",
    "x-forwarded-proto",
];

/// Which variant, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// No filter: what the costs are counted from.
    Base,
    /// No filter once more: what the costs of nothing look like.
    Control,
    Native,
    Lua,
    Empty,
    Set,
    ReadOne,
    ReadTen,
    PlainEmpty,
    PlainEmptyPruned,
    PlainSet,
    PlainSetPruned,
    PlainReadOne,
    PlainReadTen,
}

/// A way to run Envoy.
pub struct Variant {
    pub which: Which,
    /// What it is called in the table.
    pub name: &'static str,
    /// The filter; none for the base.
    pub filter: Option<Value>,
    /// Whether the two headers must be set.
    pub sets: bool,
}

/// All of them.
pub fn all() -> Result<Vec<Variant>, Failure> {
    let wasm = |which, name, file: &str, configuration: &str| {
        Ok(Variant { which, name, filter: Some(module(Path::new(file), configuration)?), sets: false })
    };
    let other = |which, name, filter| Ok(Variant { which, name, filter, sets: false });
    let (one, ten) = (&READ[..1], &READ[..]);
    let names = |names: &[&str]| json!({ "names": names }).to_string();
    let words = |names: &[&str]| format!("read {}", names.join(" "));
    let (ours, peer) = ("target/tamis", "target/bench");
    let mut all = [
        other(Which::Base, "no filter", None),
        other(Which::Control, "no filter, again (the control)", None),
        other(Which::Native, "native `header_mutation`, 1 + 1 headers", Some(native())),
        other(Which::Lua, "Lua, 1 + 1 headers", Some(lua())),
        wasm(Which::Empty, "`tamis`, nothing", &format!("{ours}/empty.wasm"), ""),
        wasm(Which::Set, "`tamis`, sets 1 + 1 headers", &format!("{ours}/two-headers.wasm"), ""),
        wasm(Which::ReadOne, "`tamis`, reads 1 header", &format!("{ours}/read-headers.wasm"), &names(one)),
        wasm(Which::ReadTen, "`tamis`, reads 10 headers", &format!("{ours}/read-headers.wasm"), &names(ten)),
        wasm(Which::PlainEmpty, "plain crate, nothing", &format!("{peer}/all/plain-peer.wasm"), "nothing"),
        wasm(
            Which::PlainEmptyPruned,
            "plain crate with `--phases`, nothing",
            &format!("{peer}/request/plain-peer.wasm"),
            "nothing",
        ),
        wasm(Which::PlainSet, "plain crate, sets 1 + 1 headers", &format!("{peer}/all/plain-peer.wasm"), "set"),
        wasm(
            Which::PlainSetPruned,
            "plain crate with `--phases`, sets 1 + 1 headers",
            &format!("{peer}/both/plain-peer.wasm"),
            "set",
        ),
        wasm(
            Which::PlainReadOne,
            "plain crate with `--phases`, reads 1 header",
            &format!("{peer}/request/plain-peer.wasm"),
            &words(one),
        ),
        wasm(
            Which::PlainReadTen,
            "plain crate with `--phases`, reads 10 headers",
            &format!("{peer}/request/plain-peer.wasm"),
            &words(ten),
        ),
    ]
    .into_iter()
    .collect::<Result<Vec<_>, Failure>>()?;
    for variant in &mut all {
        variant.sets =
            matches!(variant.which, Which::Native | Which::Lua | Which::Set | Which::PlainSet | Which::PlainSetPruned);
    }
    Ok(all)
}

impl Variant {
    /// An Envoy that answers everything itself, behind this filter.
    pub fn configuration(&self) -> Value {
        let router = json!({
            "name": "router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        });
        let filters = self.filter.iter().cloned().chain([router]).collect::<Vec<_>>();
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench",
            "http_filters": filters,
            "route_config": { "virtual_hosts": [{
                "name": "all",
                "domains": ["*"],
                "routes": [{
                    "match": { "prefix": "/" },
                    "direct_response": { "status": 200, "body": { "inline_string": "hello\n" } },
                }],
            }] },
        });
        json!({ "static_resources": { "listeners": [{
            "name": "bench",
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
            "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager }] }],
        }] } })
    }
}

fn module(file: &Path, configuration: &str) -> Result<Value, Failure> {
    let file = file.canonicalize().map_err(|error| {
        Failure::user(format_args!("{}: {error}", file.display())).hint("`make bench` builds it, and runs this command")
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

fn native() -> Value {
    let set = |name: &str| {
        json!([{ "append": {
            "header": { "key": name, "value": "seen" },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        } }])
    };
    json!({
        "name": "header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": { "request_mutations": set("x-request"), "response_mutations": set("x-response") },
        },
    })
}

fn lua() -> Value {
    let source = "function envoy_on_request(handle) handle:headers():replace(\"x-request\", \"seen\") end\n\
        function envoy_on_response(handle) handle:headers():replace(\"x-response\", \"seen\") end\n";
    json!({
        "name": "lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": { "inline_string": source },
        },
    })
}
