//! Istio's `EnvoyFilter`, in two forms: with extension discovery, so that the agent fetches the image as it does for a `WasmPlugin`;
//! and with code that Envoy fetches from a file server itself. Both can say all that Envoy knows, held headers too.

use serde_json::{Map, Value, json};
use tamis_module::plugin_config::PluginConfig;

use super::Resource;
use super::deployment::{Attach, Code, Context, Deployment, HttpCode, Phase, ResourceError, TargetRef};
use super::istio::pairs;

const KIND: &str = "EnvoyFilter";
const WASM_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
/// What the agent puts in the place of a filter whose module cannot be had; a proxy takes only types that it was told of.
const FALLBACK_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
const TLS_TYPE: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
/// Where the image of Istio's proxy has the certificates of public authorities.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// An `EnvoyFilter` in the form that the code asks for.
///
/// # Errors
/// What it cannot say: [`ResourceError`].
pub(super) fn envoy_filter(deployment: &Deployment) -> Result<Resource, ResourceError> {
    if deployment.phase != Phase::Last {
        return Err(ResourceError::No {
            kind: KIND,
            what: "phase: it stands before the router, after Istio's own filters",
        });
    }
    if deployment.pull_secret.is_some() {
        return Err(ResourceError::No {
            kind: KIND,
            what: "pull secret: it would stand in the resource for everybody to read",
        });
    }
    let mut patches = match &deployment.code {
        Code::Image => discovered(deployment),
        Code::Http(code) => fetched(deployment, code),
    };
    if let Some(bytes) = deployment.buffer_limit {
        patches.push(json!({
            "applyTo": "LISTENER",
            "match": traffic(deployment, None),
            "patch": { "operation": "MERGE", "value": { "per_connection_buffer_limit_bytes": bytes } },
        }));
    }
    let mut spec = Map::new();
    spec.insert("configPatches".to_owned(), Value::Array(patches));
    if let Some(priority) = deployment.priority {
        spec.insert("priority".to_owned(), json!(priority));
    }
    match &deployment.attach {
        Attach::All => {}
        Attach::Labels(labels) => {
            spec.insert("workloadSelector".to_owned(), json!({ "labels": pairs(labels) }));
        }
        Attach::Targets(targets) => {
            spec.insert("targetRefs".to_owned(), TargetRef::list(targets));
        }
    }
    let mut resource = deployment.resource("networking.istio.io/v1alpha3", KIND, &deployment.name, &spec);
    explain(&mut resource, deployment);
    Ok(resource)
}

/// The filter by extension discovery, and the extension, for which the agent fetches the image.
fn discovered(deployment: &Deployment) -> Vec<Value> {
    // The agent writes a file's name here. The cluster has to be there for Envoy's sake, and is not used.
    let uri = json!({ "uri": deployment.pinned().to_string(), "cluster": "unused", "timeout": "30s" });
    // To the agent `nil` is no checksum: the reference has the image's.
    let filter = with_code(deployment, deployment.name.clone(), json!({ "http_uri": uri, "sha256": "nil" }));
    let place = json!({
        "name": deployment.name,
        "config_discovery": {
            "config_source": { "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" },
            "type_urls": [WASM_TYPE, FALLBACK_TYPE],
        },
    });
    vec![
        json!({
            "applyTo": "EXTENSION_CONFIG",
            "match": { "context": context(deployment) },
            "patch": { "operation": "ADD", "value": filter },
        }),
        before_router(deployment, &place),
    ]
}

/// The filter with its code, and the cluster of the server that has it.
fn fetched(deployment: &Deployment, code: &HttpCode) -> Vec<Value> {
    let cluster = format!("{}-code", deployment.name);
    let scheme = if code.tls { "https" } else { "http" };
    let host = if code.host.contains(':') { format!("[{}]", code.host) } else { code.host.clone() };
    let uri = format!("{scheme}://{host}:{}{}", code.port, code.path);
    let remote = json!({
        "http_uri": { "uri": uri, "cluster": cluster, "timeout": "30s" },
        "sha256": code.digest.hex(),
        "retry_policy": { "num_retries": 10, "retry_back_off": { "base_interval": "1s", "max_interval": "30s" } },
    });
    // Envoy looks for a running VM before it has fetched the code: under a `vm_id` that stays it would keep the old code.
    let filter = with_code(deployment, format!("{}-{}", deployment.name, code.digest.short()), remote);
    vec![
        json!({
            "applyTo": "CLUSTER",
            "match": { "context": context(deployment) },
            "patch": { "operation": "ADD", "value": server(&cluster, code) },
        }),
        before_router(deployment, &filter),
    ]
}

fn server(name: &str, code: &HttpCode) -> Value {
    let address = json!({ "socket_address": { "address": code.host, "port_value": code.port } });
    let is_address = code.host.parse::<std::net::IpAddr>().is_ok();
    let mut cluster = json!({
        "name": name,
        "type": if is_address { "STATIC" } else { "STRICT_DNS" },
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
    });
    if let (true, Value::Object(fields)) = (code.tls, &mut cluster) {
        let certificates = json!({
            "trusted_ca": { "filename": AUTHORITIES },
            "match_typed_subject_alt_names": [{
                "san_type": if is_address { "IP_ADDRESS" } else { "DNS" },
                "matcher": { "exact": code.host },
            }],
        });
        let context = json!({ "@type": TLS_TYPE, "sni": code.host, "common_tls_context": { "validation_context": certificates } });
        fields.insert(
            "transport_socket".to_owned(),
            json!({ "name": "envoy.transport_sockets.tls", "typed_config": context }),
        );
    }
    cluster
}

/// The filter, with code from elsewhere.
fn with_code(deployment: &Deployment, vm_id: String, remote: Value) -> Value {
    let plugin = PluginConfig {
        name: deployment.name.clone(),
        root_id: String::new(),
        vm_id,
        // Something else stands in its place.
        module_path: String::new(),
        configuration: deployment.configuration.as_ref().map(Value::to_string),
        failure_policy: deployment.failure_policy,
        allow_on_headers_stop_iteration: deployment.held_headers,
        environment: deployment.environment.clone(),
        vm_configuration: None,
        allowed_capabilities: Vec::new(),
    };
    let mut filter = plugin.http_filter();
    if let Some(code) = filter.pointer_mut("/typed_config/config/vm_config/code") {
        *code = json!({ "remote": remote });
    }
    filter
}

fn before_router(deployment: &Deployment, value: &Value) -> Value {
    let router = json!({
        "name": "envoy.filters.network.http_connection_manager",
        "subFilter": { "name": "envoy.filters.http.router" },
    });
    json!({
        "applyTo": "HTTP_FILTER",
        "match": traffic(deployment, Some(json!({ "filter": router }))),
        "patch": { "operation": "INSERT_BEFORE", "value": value },
    })
}

/// Which listeners are meant.
fn traffic(deployment: &Deployment, chain: Option<Value>) -> Value {
    let mut listener = Map::new();
    if let Some(chain) = chain {
        listener.insert("filterChain".to_owned(), chain);
    }
    if let Some(port) = deployment.port {
        listener.insert("portNumber".to_owned(), json!(port));
    }
    let mut traffic = json!({ "context": context(deployment) });
    if let (false, Value::Object(fields)) = (listener.is_empty(), &mut traffic) {
        fields.insert("listener".to_owned(), Value::Object(listener));
    }
    traffic
}

fn context(deployment: &Deployment) -> &'static str {
    match (deployment.context, &deployment.attach) {
        (Some(Context::SidecarInbound), _) => "SIDECAR_INBOUND",
        (Some(Context::SidecarOutbound), _) => "SIDECAR_OUTBOUND",
        (Some(Context::Gateway), _) | (None, Attach::Targets(_)) => "GATEWAY",
        (Some(Context::Any), _) | (None, Attach::All | Attach::Labels(_)) => "ANY",
    }
}

fn explain(resource: &mut Resource, deployment: &Deployment) {
    resource.note("kind", "It stands before the router, after all of Istio's own filters. Istio warns that this kind depends on its inner parts: \
        look at it again with every upgrade.");
    match &deployment.code {
        Code::Image => {
            resource.note(
                "spec.configPatches[0]",
                "The filter, by discovery: the agent beside the proxy fetches the image and hands Envoy a file.",
            );
            resource.note(
                "spec.configPatches[0].patch.value.typed_config.config.vm_config.code.remote.http_uri.uri",
                "By digest. Envoy never opens it.",
            );
            resource.note(
                "spec.configPatches[0].patch.value.typed_config.config.vm_config.vm_id",
                "The same from version to version: shared data lives under it.",
            );
            resource
                .note("spec.configPatches[0].patch.value.typed_config.config.failure_policy", deployment.on_failure());
            resource.note(
                "spec.configPatches[1].patch.value.config_discovery.type_urls",
                "The second is what the agent sends while the image cannot be had: \
                it denies all, or under the failure policy `open` lets all pass.",
            );
        }
        Code::Http(_) => {
            resource.note("spec.configPatches[0]", "The server that Envoy fetches the module from.");
            resource.note("spec.configPatches[1]", "The filter.");
            resource.note(
                "spec.configPatches[1].patch.value.typed_config.config.vm_config.code.remote.sha256",
                "Of the module itself. Other bytes are refused.",
            );
            resource.note("spec.configPatches[1].patch.value.typed_config.config.vm_config.vm_id", "It ends with a part of the module's digest: under \
                the same `vm_id` Envoy would go on running the old module after an update. Shared data begins empty with a new one.");
            resource
                .note("spec.configPatches[1].patch.value.typed_config.config.failure_policy", deployment.on_failure());
            resource.warn("Envoy opens the listener when the module is there, or all retries have failed; while a changed listener waits for its \
                module, the old one answers without the filter. Have the file on the server first.");
        }
    }
    resource.note(
        "spec.configPatches[2]",
        "A larger message that a filter holds in the proxy gets 413 (requests) or 500 (responses).",
    );
    if deployment.held_headers {
        resource.note("spec.configPatches[0].patch.value.typed_config.config.allow_on_headers_stop_iteration", HELD);
        resource.note("spec.configPatches[1].patch.value.typed_config.config.allow_on_headers_stop_iteration", HELD);
    }
}

const HELD: &str = "The configuration holds headers until the body was seen. Envoy 1.35 or newer.";
