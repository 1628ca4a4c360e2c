//! Envoy's configuration: a listener for each group, with the recorders around its chain.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};

use super::{Group, Plugin, real};
use crate::conformance::real::{MANAGER, ROUTER, UPSTREAM, address};
use crate::stream;

const EXTENSION: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// What the recorders do: the first call says which stream it is, the second whose response.
const RECORDER: &str = "number-by-path\n* response_headers proxy_get_property \"response\\x00code_details\" @data";

/// Between two attempts to load a VM that has failed, in seconds; Envoy's own is one.
const BACKOFF: [&str; 2] = ["0.1s", "60s"];

/// Where the plugins of groups come from that change.
pub(super) struct Discovery<'a> {
    pub folder: &'a Path,
    pub module: &'a Path,
}

impl Discovery<'_> {
    /// Writes a group's first plugin, or its listener, as it is after so many reloads. The file is written whole: Envoy looks at
    /// it when another takes its place.
    pub(super) fn write(&self, group: &Group, reloads: usize) -> io::Result<()> {
        let first = filter(group, 0, &group.plugin_after(0, reloads), self.module);
        let (mut resource, of, name) = if group.listener {
            (listener(group, self.module, first), LISTENER, group.name.clone())
        } else {
            (first, EXTENSION, group.root(0))
        };
        if let Value::Object(fields) = &mut resource {
            fields.insert("@type".to_owned(), json!(of));
            fields.insert("name".to_owned(), json!(name));
        }
        let new = self.folder.join(format!("{}.new", group.name));
        std::fs::write(&new, json!({ "version_info": reloads.to_string(), "resources": [resource] }).to_string())?;
        std::fs::rename(new, self.file(group))
    }

    fn file(&self, group: &Group) -> PathBuf {
        self.folder.join(format!("{}.json", group.name))
    }

    /// The entry of a filter chain that leads there.
    fn filter(&self, group: &Group) -> Value {
        json!({
            "name": group.root(0),
            "config_discovery": {
                "config_source": { "path_config_source": { "path": self.file(group) }, "resource_api_version": "V3" },
                "type_urls": [WASM],
            },
        })
    }
}

pub(super) fn bootstrap(groups: &[&Group], discovery: &Discovery<'_>, server: SocketAddr) -> Value {
    let cluster = |name: &str, to: SocketAddr| {
        json!({
            "name": name,
            "type": "STATIC",
            "connect_timeout": "1s",
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(to) } }] }],
            },
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": UPSTREAM,
                    "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
                },
            },
        })
    };
    let module = discovery.module;
    let listeners = groups.iter().filter(|group| !group.listener).map(|group| {
        let changes = group.reloads();
        let first = || group.plugins.first().map(|plugin| filter(group, 0, plugin, module)).unwrap_or_default();
        listener(group, module, if changes { discovery.filter(group) } else { first() })
    });
    let mut bootstrap = json!({
        "node": { "id": "conformance", "cluster": "conformance" },
        "static_resources": {
            "listeners": listeners.collect::<Vec<_>>(),
            "clusters": [cluster("upstream", server), cluster("callout", server), cluster("refused", real::nobody())],
        },
    });
    // A group whose listener changes has a process of its own.
    if let (Some(group), Value::Object(fields)) = (groups.iter().find(|group| group.listener), &mut bootstrap) {
        let path = json!({ "path_config_source": { "path": discovery.file(group) }, "resource_api_version": "V3" });
        fields.insert("dynamic_resources".to_owned(), json!({ "lds_config": path }));
    }
    bootstrap
}

/// The listener of a group, with this for its first plugin.
fn listener(group: &Group, module: &Path, first: Value) -> Value {
    let mut filters = vec![recorder(group, "front", module), first];
    let others = group.plugins.iter().enumerate().skip(1);
    filters.extend(others.map(|(index, plugin)| filter(group, index, plugin, module)));
    filters.push(recorder(group, "back", module));
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": ROUTER, "suppress_envoy_headers": true },
    }));
    json!({
        "name": group.name,
        "address": address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        "per_connection_buffer_limit_bytes": group.limit,
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": MANAGER,
                    "stat_prefix": group.name,
                    "generate_request_id": false,
                    "server_header_transformation": "PASS_THROUGH",
                    "skip_xff_append": true,
                    "use_remote_address": false,
                    "http_protocol_options": { "enable_trailers": true },
                    "http_filters": filters,
                    "route_config": {
                        "name": "routes",
                        "virtual_hosts": [{
                            "name": "all",
                            "domains": ["*"],
                            "routes": [{ "name": "route", "match": { "prefix": "/" }, "route": { "cluster": "upstream" } }],
                        }],
                    },
                },
            }],
        }],
    })
}

fn filter(group: &Group, index: usize, plugin: &Plugin, module: &Path) -> Value {
    let mut filter = PluginConfig {
        name: "probe".to_owned(),
        root_id: group.root(index),
        vm_id: format!("{}.{}", group.name, plugin.vm),
        module_path: module.to_string_lossy().into_owned(),
        configuration: Some(plugin.configuration()),
        failure_policy: match plugin.policy {
            stream::FailurePolicy::Closed => FailurePolicy::Closed,
            stream::FailurePolicy::Open => FailurePolicy::Open,
            stream::FailurePolicy::Reload => FailurePolicy::Reload,
        },
        allow_on_headers_stop_iteration: plugin.held,
        environment: Vec::new(),
        vm_configuration: None,
        allowed_capabilities: Vec::new(),
    }
    .http_filter();
    if plugin.policy == stream::FailurePolicy::Reload
        && let Some(Value::Object(config)) = filter.pointer_mut("/typed_config/config")
    {
        config.insert(
            "reload_config".to_owned(),
            json!({ "backoff": { "base_interval": BACKOFF.get(usize::from(group.patient)) } }),
        );
    }
    filter
}

/// All recorders live in one VM.
fn recorder(group: &Group, name: &str, module: &Path) -> Value {
    PluginConfig {
        name: "probe".to_owned(),
        root_id: format!("{}:{name}", group.name),
        vm_id: "recorders".to_owned(),
        module_path: module.to_string_lossy().into_owned(),
        configuration: Some(RECORDER.to_owned()),
        failure_policy: FailurePolicy::Closed,
        allow_on_headers_stop_iteration: false,
        environment: Vec::new(),
        vm_configuration: None,
        allowed_capabilities: Vec::new(),
    }
    .http_filter()
}
