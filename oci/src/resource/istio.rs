//! Istio's resources: `WasmPlugin`, its successor `TrafficExtension`, and `EnvoyFilter` for what neither can say.
//!
//! Istio's agent fetches the image beside each proxy and hands Envoy a local file, so updates take effect under the same `vm_id`,
//! and shared data outlives them.

use serde_json::{Map, Value, json};
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};

use super::deployment::{Attach, Deployment, Phase, ResourceError, TargetRef};

const WASM_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
/// What the agent puts in the place of a filter whose module cannot be had; a proxy takes only types that it was told of.
const FALLBACK_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";

/// A `WasmPlugin`: Istio up to 1.29, and later ones.
///
/// # Errors
/// What it cannot say: [`ResourceError`].
pub(super) fn wasm_plugin(deployment: &Deployment) -> Result<Value, ResourceError> {
    const KIND: &str = "WasmPlugin";
    let mut spec = wasm(deployment, KIND)?;
    spec.extend(place(deployment, KIND, "UNSPECIFIED_PHASE")?);
    Ok(deployment.resource("extensions.istio.io/v1alpha1", KIND, &deployment.name, &spec))
}

/// A `TrafficExtension`: Istio from 1.30.
///
/// # Errors
/// What it cannot say: [`ResourceError`].
pub(super) fn traffic_extension(deployment: &Deployment) -> Result<Value, ResourceError> {
    const KIND: &str = "TrafficExtension";
    let mut spec = place(deployment, KIND, "UNSPECIFIED")?;
    spec.insert("wasm".to_owned(), Value::Object(wasm(deployment, KIND)?));
    Ok(deployment.resource("extensions.istio.io/v1alpha1", KIND, &deployment.name, &spec))
}

/// An `EnvoyFilter` with extension discovery, so that the agent fetches the image as it does for a `WasmPlugin`. It can say all that
/// Envoy knows, `held_headers` too.
///
/// # Errors
/// What it cannot say: [`ResourceError`].
pub(super) fn envoy_filter(deployment: &Deployment) -> Result<Value, ResourceError> {
    const KIND: &str = "EnvoyFilter";
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
    let plugin = PluginConfig {
        name: deployment.name.clone(),
        root_id: String::new(),
        vm_id: deployment.name.clone(),
        // Below, something else stands in its place.
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
        // The agent fetches it, and writes a file's name here. The cluster has to be there for Envoy's sake, and is not used.
        let uri = json!({ "uri": deployment.pinned().to_string(), "cluster": "unused", "timeout": "30s" });
        *code = json!({ "remote": { "http_uri": uri, "sha256": "nil" } });
    }
    let context = match deployment.attach {
        Attach::Targets(_) => "GATEWAY",
        Attach::All | Attach::Labels(_) => "ANY",
    };
    let discovered = json!({
        "name": deployment.name,
        "config_discovery": {
            "config_source": { "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" },
            "type_urls": [WASM_TYPE, FALLBACK_TYPE],
        },
    });
    let router = json!({ "filterChain": { "filter": {
        "name": "envoy.filters.network.http_connection_manager",
        "subFilter": { "name": "envoy.filters.http.router" },
    } } });
    let mut spec = Map::new();
    spec.insert(
        "configPatches".to_owned(),
        json!([
            {
                "applyTo": "EXTENSION_CONFIG",
                "match": { "context": context },
                "patch": { "operation": "ADD", "value": filter },
            },
            {
                "applyTo": "HTTP_FILTER",
                "match": { "context": context, "listener": router },
                "patch": { "operation": "INSERT_BEFORE", "value": discovered },
            },
        ]),
    );
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
    Ok(deployment.resource("networking.istio.io/v1alpha3", KIND, &deployment.name, &spec))
}

/// What a `WasmPlugin` has at its top, and a `TrafficExtension` under `wasm`.
fn wasm(deployment: &Deployment, kind: &'static str) -> Result<Map<String, Value>, ResourceError> {
    deployment.without_held_headers(kind)?;
    let mut wasm = Map::new();
    wasm.insert("url".to_owned(), json!(deployment.pinned().to_string()));
    wasm.insert("imagePullPolicy".to_owned(), json!("IfNotPresent"));
    if let Some(secret) = &deployment.pull_secret {
        wasm.insert("imagePullSecret".to_owned(), json!(secret));
    }
    if let Some(configuration) = deployment.as_struct(kind)? {
        wasm.insert("pluginConfig".to_owned(), configuration.clone());
    }
    let strategy = match deployment.failure_policy {
        FailurePolicy::Closed => "FAIL_CLOSE",
        FailurePolicy::Open => "FAIL_OPEN",
        FailurePolicy::Reload => "FAIL_RELOAD",
    };
    wasm.insert("failStrategy".to_owned(), json!(strategy));
    if !deployment.environment.is_empty() {
        let inline = |(name, value): &(String, String)| json!({ "name": name, "valueFrom": "INLINE", "value": value });
        let variables: Vec<Value> = deployment.environment.iter().map(inline).collect();
        wasm.insert("vmConfig".to_owned(), json!({ "env": variables }));
    }
    Ok(wasm)
}

/// Where it stands: for which proxies, and where in their chains.
fn place(deployment: &Deployment, kind: &'static str, last: &str) -> Result<Map<String, Value>, ResourceError> {
    let mut place = Map::new();
    let phase = match deployment.phase {
        Phase::Last => last,
        Phase::Authn => "AUTHN",
        Phase::Authz => "AUTHZ",
        Phase::Stats => "STATS",
    };
    place.insert("phase".to_owned(), json!(phase));
    if let Some(priority) = deployment.priority {
        place.insert("priority".to_owned(), json!(priority));
    }
    match &deployment.attach {
        Attach::All => {}
        Attach::Labels(labels) => {
            place.insert("selector".to_owned(), json!({ "matchLabels": pairs(labels) }));
        }
        Attach::Targets(targets) if targets.len() > 16 => {
            return Err(ResourceError::No { kind, what: "more than 16 targets" });
        }
        Attach::Targets(targets) => {
            place.insert("targetRefs".to_owned(), TargetRef::list(targets));
        }
    }
    Ok(place)
}

fn pairs(labels: &[(String, String)]) -> Map<String, Value> {
    labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
}
