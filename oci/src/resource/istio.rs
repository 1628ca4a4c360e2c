//! Istio's resources: `WasmPlugin` and its successor `TrafficExtension`; and the `WasmPlugin` of Higress, which is made of Istio's.
//!
//! Istio's agent fetches the image beside each proxy and hands Envoy a local file, so updates take effect under the same `vm_id`,
//! and shared data outlives them.

use serde_json::{Map, Value, json};
use tamis_module::plugin_config::FailurePolicy;

use super::Resource;
use super::deployment::{Attach, Context, Deployment, Phase, ResourceError, TargetRef};

/// A `WasmPlugin`: Istio up to 1.29, and later ones.
///
/// # Errors
/// What it cannot say: [`ResourceError`].
pub(super) fn wasm_plugin(deployment: &Deployment) -> Result<Resource, ResourceError> {
    const KIND: &str = "WasmPlugin";
    let mut spec = wasm(deployment, KIND)?;
    spec.extend(place(deployment, KIND, "UNSPECIFIED_PHASE")?);
    let mut resource = deployment.resource("extensions.istio.io/v1alpha1", KIND, &deployment.name, &spec);
    let paths = [
        "kind",
        "spec.url",
        "spec.failStrategy",
        "spec.pluginConfig",
        "spec.phase",
        "spec.priority",
        "spec.match",
        "spec.selector",
        "spec.targetRefs",
        "spec.imagePullSecret",
        "spec.vmConfig",
    ];
    explain(&mut resource, deployment, paths);
    resource.note("kind", "From Istio 1.30 on a TrafficExtension is its successor; this kind goes on working.");
    Ok(resource)
}

/// A `TrafficExtension`: Istio from 1.30.
///
/// # Errors
/// What it cannot say: [`ResourceError`].
pub(super) fn traffic_extension(deployment: &Deployment) -> Result<Resource, ResourceError> {
    const KIND: &str = "TrafficExtension";
    let mut spec = place(deployment, KIND, "UNSPECIFIED")?;
    spec.insert("wasm".to_owned(), Value::Object(wasm(deployment, KIND)?));
    let mut resource = deployment.resource("extensions.istio.io/v1alpha1", KIND, &deployment.name, &spec);
    let paths = [
        "kind",
        "spec.wasm.url",
        "spec.wasm.failStrategy",
        "spec.wasm.pluginConfig",
        "spec.phase",
        "spec.priority",
        "spec.match",
        "spec.selector",
        "spec.targetRefs",
        "spec.wasm.imagePullSecret",
        "spec.wasm.vmConfig",
    ];
    explain(&mut resource, deployment, paths);
    resource.note("kind", "Istio 1.30 or newer. An older one ignores this resource, without a word.");
    Ok(resource)
}

/// Higress' `WasmPlugin`: for its gateways, all of them.
///
/// # Errors
/// What it cannot say: [`ResourceError`].
pub(super) fn higress(deployment: &Deployment) -> Result<Resource, ResourceError> {
    const KIND: &str = "WasmPlugin of Higress";
    let no = |what| Err(ResourceError::No { kind: KIND, what });
    if deployment.attach != Attach::All {
        return no("selector and no targets: it is for every gateway");
    }
    if deployment.context.is_some_and(|context| context != Context::Gateway) || deployment.port.is_some() {
        return no("field for the traffic that it is for: it is for gateways");
    }
    if deployment.failure_policy == FailurePolicy::Reload {
        return no("failure policy `reload`");
    }
    let mut spec = wasm(deployment, KIND)?;
    if let Some(configuration) = spec.remove("pluginConfig") {
        spec.insert("defaultConfig".to_owned(), configuration);
    }
    spec.extend(place(&Deployment { context: None, ..deployment.clone() }, KIND, "UNSPECIFIED_PHASE")?);
    let mut resource = deployment.resource("extensions.higress.io/v1alpha1", "WasmPlugin", &deployment.name, &spec);
    let paths = [
        "kind",
        "spec.url",
        "spec.failStrategy",
        "spec.defaultConfig",
        "spec.phase",
        "spec.priority",
        "spec.match",
        "spec.selector",
        "spec.targetRefs",
        "spec.imagePullSecret",
        "spec.vmConfig",
    ];
    explain(&mut resource, deployment, paths);
    resource
        .note("spec.defaultConfig", "For all routes: `matchRules` are read by plugins that are written for Higress.");
    Ok(resource)
}

/// What a `WasmPlugin` has at its top, and a `TrafficExtension` under `wasm`.
fn wasm(deployment: &Deployment, kind: &'static str) -> Result<Map<String, Value>, ResourceError> {
    deployment.without_envoys_own(kind)?;
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
    let mode = match deployment.context {
        None | Some(Context::Any) => None,
        Some(Context::SidecarInbound) => Some("SERVER"),
        // To Istio a gateway is a client of what is behind it.
        Some(Context::SidecarOutbound | Context::Gateway) => Some("CLIENT"),
    };
    let mut traffic = Map::new();
    if let Some(mode) = mode {
        traffic.insert("mode".to_owned(), json!(mode));
    }
    if let Some(port) = deployment.port {
        traffic.insert("ports".to_owned(), json!([{ "number": port }]));
    }
    if !traffic.is_empty() {
        place.insert("match".to_owned(), json!([traffic]));
    }
    Ok(place)
}

/// Comments for the choices, at these paths, in the order of the list below; those for fields that are not there are never printed.
fn explain(resource: &mut Resource, deployment: &Deployment, paths: [&'static str; 11]) {
    let [kind, url, failure, configuration, phase, priority, traffic, selector, targets, secret, environment] = paths;
    resource.note(url, deployment.by_digest());
    let fetched = match deployment.failure_policy {
        FailurePolicy::Open => "",
        FailurePolicy::Closed | FailurePolicy::Reload => {
            " While the image cannot be fetched clients see 403, not 5xx: the agent puts a rule that denies all into the module's place."
        }
    };
    resource.note(failure, format!("{}{fetched}", deployment.on_failure()));
    resource.note(
        configuration,
        "The module has accepted it. It travels as a Struct: numbers as doubles, keys in any order.",
    );
    resource.note(
        phase,
        match deployment.phase {
            Phase::Last => {
                "After Istio's authentication, authorization and statistics, before its fault injection and CORS."
            }
            Phase::Authn => "Before Istio's authentication: who the client is, is not known here.",
            Phase::Authz => {
                "After Istio's authentication and before its authorization, which sees what this filter has changed."
            }
            Phase::Stats => "After Istio's authorization, before its statistics.",
        },
    );
    resource.note(
        priority,
        "Among filters of the phase the higher is first; one without a priority comes after all that have one.",
    );
    resource.note(
        traffic,
        "CLIENT is what a workload sends, and all that goes through a gateway; SERVER is what comes to a workload.",
    );
    resource.note(selector, "Waypoints ignore a selector: for these, name targets.");
    resource.note(targets, "Gateways, or services behind a waypoint; sidecars ignore this resource.");
    resource.note(
        secret,
        "A secret of the type kubernetes.io/dockerconfigjson in this namespace. Proxies get it over TLS alone.",
    );
    resource.note(environment, "Everybody who may read this resource sees the values.");
    if deployment.attach == Attach::All {
        resource.note(kind, "For all proxies of the namespace; in the root namespace, for all of the mesh.");
    }
    if deployment.buffer_limit.is_some() {
        resource.warn(
            "this kind of resource cannot set the buffer limit, so Envoy's own holds (1 MiB unless set elsewhere): larger bodies that are \
             held in the proxy get 413 or 500. `--for envoy-filter` can set it.",
        );
    }
    if deployment.failure_policy == FailurePolicy::Reload {
        resource.warn("FAIL_RELOAD needs Istio 1.27 or newer.");
    }
}

pub(super) fn pairs(labels: &[(String, String)]) -> Map<String, Value> {
    labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
}
