//! A complete configuration file for an Envoy of one's own: one listener, our filters, one upstream.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};
use tamis_module::plugin_config::PluginConfig;

const CLUSTER: &str = "upstream";
const MANAGER_TYPE: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

/// What a static configuration consists of.
///
/// The `vm_id` of the plugins is taken over as it is, and should stay the same from version to version: shared data lives under
/// it, and a new one begins with empty limits. That is safe here, because Envoy reads a local file before it decides whether it
/// knows the VM already, so a changed file under the same `vm_id` is a new VM. It is *not* safe where Envoy itself fetches the
/// code (`code.remote`): there it goes on running the old module, and the digest belongs into the `vm_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticEnvoy {
    /// The filters, in the order in which a request meets them.
    pub plugins: Vec<PluginConfig>,
    /// Where Envoy accepts plain HTTP.
    pub listen: SocketAddr,
    /// Where every request goes.
    pub upstream: Upstream,
    /// Bytes of one message that Envoy buffers at most; its own limit, 1 MiB, when there is none.
    pub buffer_limit: Option<u32>,
    /// Where the administration interface listens; none by default, for it lets everyone who reaches it stop the proxy.
    pub admin: Option<SocketAddr>,
}

/// The one server behind the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// The bootstrap configuration that a stock Envoy runs unchanged (`envoy -c FILE`).
///
/// ```
/// use tamis_module::plugin_config::{FailurePolicy, PluginConfig};
/// use tamis_oci::resource::{StaticEnvoy, Upstream, envoy_static};
///
/// let plugin = PluginConfig {
///     name: "headers".into(),
///     root_id: String::new(),
///     vm_id: String::new(),
///     module_path: "/etc/envoy/headers.wasm".into(),
///     configuration: Some(r#"{"request":[]}"#.into()),
///     failure_policy: FailurePolicy::Closed,
///     allow_on_headers_stop_iteration: false,
///     environment: Vec::new(),
///     vm_configuration: None,
///     allowed_capabilities: Vec::new(),
/// };
/// let config = envoy_static(&StaticEnvoy {
///     plugins: vec![plugin],
///     listen: ([127, 0, 0, 1], 8080).into(),
///     upstream: Upstream { host: "app.example".into(), port: 80 },
///     buffer_limit: None,
///     admin: None,
/// });
/// assert!(config.pointer("/static_resources/listeners/0").is_some());
/// assert!(config.get("admin").is_none());
/// ```
#[must_use]
pub fn envoy_static(envoy: &StaticEnvoy) -> Value {
    let mut bootstrap = json!({
        "static_resources": {
            "listeners": [listener(envoy)],
            "clusters": [cluster(&envoy.upstream)],
        },
    });
    if let (Some(admin), Value::Object(fields)) = (envoy.admin, &mut bootstrap) {
        fields.insert("admin".to_owned(), json!({ "address": address(&admin.ip().to_string(), admin.port()) }));
    }
    bootstrap
}

fn listener(envoy: &StaticEnvoy) -> Value {
    let ours = envoy.plugins.iter().map(PluginConfig::http_filter);
    let router = json!({ "name": "envoy.filters.http.router", "typed_config": { "@type": ROUTER_TYPE } });
    let filters: Vec<Value> = ours.chain([router]).collect();
    let mut listener = json!({
        "name": "http",
        "address": address(&envoy.listen.ip().to_string(), envoy.listen.port()),
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": MANAGER_TYPE,
                    "stat_prefix": "http",
                    "http_filters": filters,
                    "route_config": {
                        "name": "all",
                        "virtual_hosts": [{
                            "name": "all",
                            "domains": ["*"],
                            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": CLUSTER } }],
                        }],
                    },
                },
            }],
        }],
    });
    if let (Some(bytes), Value::Object(fields)) = (envoy.buffer_limit, &mut listener) {
        fields.insert("per_connection_buffer_limit_bytes".to_owned(), json!(bytes));
    }
    listener
}

fn cluster(upstream: &Upstream) -> Value {
    // An address needs no resolver, and a name needs one that asks again.
    let kind = if upstream.host.parse::<IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" };
    json!({
        "name": CLUSTER,
        "type": kind,
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [{
                "lb_endpoints": [{ "endpoint": { "address": address(&upstream.host, upstream.port) } }],
            }],
        },
    })
}

fn address(host: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": host, "port_value": port } })
}
