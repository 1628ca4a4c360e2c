//! The configuration with which one Envoy runs many scenarios.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
pub use tamis_module::plugin_config::PluginConfig;

use crate::scenario::model::Kind;

const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const MANAGER: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const TCP_PROXY: &str = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
const HTTP_OPTIONS: &str = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const STRUCT: &str = "type.googleapis.com/google.protobuf.Struct";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

/// One chain of filters, with a listener and an upstream of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The name of its listener and of its cluster.
    pub name: String,
    /// The filters, in the order in which a request meets them.
    pub plugins: Vec<PluginConfig>,
    /// Where its requests go.
    pub upstream: SocketAddr,
    /// The clusters that its filters can call.
    pub callouts: Vec<CalloutCluster>,
    /// The most bytes that are buffered of one message; Envoy's own limit, when nothing is said.
    pub buffer_limit: Option<u32>,
    /// What the filters are.
    pub kind: Kind,
}

/// A cluster that filters can call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalloutCluster {
    /// Its name.
    pub name: String,
    /// Where it is; nowhere, when it has no endpoint.
    pub endpoint: Option<SocketAddr>,
    /// Whether it speaks HTTP/2, as gRPC needs it; else it is HTTP/1.1.
    pub http2: bool,
}

/// How Envoy is handed the filters' configurations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// As text, byte for byte: `google.protobuf.StringValue`.
    #[default]
    Text,
    /// As the text that is left of it on its way through a `google.protobuf.Struct`, which is how a WasmPlugin holds it:
    /// numbers are doubles, here written as `1.0`, and keys are in another order. What is no JSON object stays as it is.
    StructText,
    /// As a `google.protobuf.Struct` itself, of which a module gets the serialized bytes (rule `CFG-1`).
    Struct,
}

/// The bootstrap: the clusters of all chains, and the file that holds their listeners ([`listeners`]).
#[must_use]
pub fn bootstrap(chains: &[Chain], listeners: &Path) -> Value {
    json!({
        "node": { "id": "tamis", "cluster": "tamis" },
        "static_resources": { "clusters": chains.iter().flat_map(clusters).collect::<Vec<_>>() },
        "dynamic_resources": { "lds_config": { "path_config_source": { "path": listeners } } },
    })
}

/// What the file of the listeners holds. Each is on a port of 127.0.0.1 that the system chooses.
#[must_use]
pub fn listeners(chains: &[Chain]) -> Value {
    let listener = |chain: &Chain| match chain.kind {
        Kind::Http => http_listener(chain),
        Kind::Network => tcp_listener(chain),
    };
    json!({ "resources": chains.iter().map(listener).collect::<Vec<_>>() })
}

/// Puts the configurations of all filters into another form.
pub(super) fn convert(listeners: &mut Value, form: Form) {
    match listeners {
        Value::Array(items) => items.iter_mut().for_each(|item| convert(item, form)),
        Value::Object(fields) => {
            if fields.contains_key("vm_config")
                && let Some(configuration) = fields.get_mut("configuration")
                && let Some(text) = configuration.get("value").and_then(Value::as_str)
                && let Ok(object @ Value::Object(_)) = serde_json::from_str(text)
            {
                match form {
                    Form::Text => {}
                    Form::StructText => {
                        if let Some(value) = configuration.get_mut("value") {
                            *value = json!(struct_text(&object));
                        }
                    }
                    Form::Struct => *configuration = json!({ "@type": STRUCT, "value": object }),
                }
            }
            fields.values_mut().for_each(|field| convert(field, form));
        }
        _ => {}
    }
}

/// JSON as it comes out of a Struct: every number a double, the keys in an order of their own.
fn struct_text(value: &Value) -> String {
    match value {
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |double| format!("{double:?}")),
        Value::Array(items) => format!("[{}]", items.iter().map(struct_text).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let fields = fields.iter().rev().map(|(name, value)| format!("{}: {}", json!(name), struct_text(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        scalar => scalar.to_string(),
    }
}

/// The filters are network filters, and behind them is a TCP proxy (rule `TCP-1`).
fn tcp_listener(chain: &Chain) -> Value {
    let ours = chain.plugins.iter().map(PluginConfig::network_filter);
    let proxy = json!({
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": { "@type": TCP_PROXY, "stat_prefix": chain.name, "cluster": chain.name },
    });
    let mut listener = json!({
        "@type": LISTENER,
        "name": chain.name,
        "stat_prefix": chain.name,
        "address": address(SocketAddr::from(([127, 0, 0, 1], 0))),
        "filter_chains": [{ "filters": ours.chain([proxy]).collect::<Vec<_>>() }],
    });
    limit(&mut listener, chain.buffer_limit);
    listener
}

fn http_listener(chain: &Chain) -> Value {
    let routes = json!([{ "match": { "prefix": "/" }, "route": { "cluster": chain.name } }]);
    let mut listener = listener(&chain.name, &chain.plugins, &routes);
    limit(&mut listener, chain.buffer_limit);
    listener
}

/// A listener on a port of 127.0.0.1 that the system chooses: these filters, and these routes of one virtual host for all.
///
/// Whatever the proxy would add by itself is switched off where that is possible: it is not what a scenario shows.
#[must_use]
pub fn listener(name: &str, plugins: &[PluginConfig], routes: &Value) -> Value {
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": ROUTER, "suppress_envoy_headers": true },
    });
    let filters = plugins.iter().map(PluginConfig::http_filter).chain([router]).collect::<Vec<_>>();
    json!({
        "@type": LISTENER,
        "name": name,
        "address": address(SocketAddr::from(([127, 0, 0, 1], 0))),
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": MANAGER,
                    "stat_prefix": name,
                    "generate_request_id": false,
                    "server_header_transformation": "PASS_THROUGH",
                    "skip_xff_append": true,
                    "use_remote_address": false,
                    "http_filters": filters,
                    "route_config": {
                        "name": name,
                        "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }],
                    },
                },
            }],
        }],
    })
}

fn clusters(chain: &Chain) -> Vec<Value> {
    let own = cluster(&chain.name, Some(chain.upstream), chain.buffer_limit);
    let others = chain.callouts.iter().map(|CalloutCluster { name, endpoint, http2 }| {
        let mut cluster = cluster(name, *endpoint, None);
        if let (Value::Object(fields), true) = (&mut cluster, *http2) {
            let http2 = json!({ "@type": HTTP_OPTIONS, "explicit_http_config": { "http2_protocol_options": {} } });
            let options = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2 });
            fields.insert("typed_extension_protocol_options".to_owned(), options);
        }
        cluster
    });
    std::iter::once(own).chain(others).collect()
}

/// A cluster over HTTP/1.1 with one endpoint or none.
#[must_use]
pub fn cluster(name: &str, endpoint: Option<SocketAddr>, buffer_limit: Option<u32>) -> Value {
    let endpoints = endpoint.map(|endpoint| json!({ "endpoint": { "address": address(endpoint) } }));
    let mut cluster = json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": Vec::from_iter(endpoints) }] },
    });
    limit(&mut cluster, buffer_limit);
    cluster
}

/// Sets what listeners and clusters call the same.
fn limit(whose: &mut Value, buffer_limit: Option<u32>) {
    if let (Value::Object(fields), Some(bytes)) = (whose, buffer_limit) {
        fields.insert("per_connection_buffer_limit_bytes".to_owned(), json!(bytes));
    }
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_has_doubles_and_an_order_of_its_own() {
        let value = json!({ "b": [1, -2.5, null, "1"], "a": { "n": 10_000_000_000_000_000_000_u64 }, "é\"": true });
        assert_eq!(struct_text(&value), r#"{"é\"": true,"b": [1.0,-2.5,null,"1"],"a": {"n": 1e19}}"#);
        assert_eq!(serde_json::from_str::<Value>(&struct_text(&value)).unwrap()["b"][1], json!(-2.5));
    }
}
