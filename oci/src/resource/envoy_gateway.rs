//! Envoy Gateway's resource: `EnvoyExtensionPolicy`.
//!
//! The control plane pulls the image, and Envoy fetches the module from it. The policy's name ends with a part of the digest,
//! because Envoy goes on running the old module when new code comes under the same `vm_id`, which is made of that name. Shared data,
//! such as the counters of limits, begins empty with it.

use serde_json::{Map, Value, json};
use tamis_module::plugin_config::FailurePolicy;

use super::deployment::{Attach, Deployment, Phase, ResourceError, TargetRef};

const KIND: &str = "EnvoyExtensionPolicy";

/// An `EnvoyExtensionPolicy` with one module.
///
/// # Errors
/// What it cannot say: [`ResourceError`].
pub(super) fn extension_policy(deployment: &Deployment) -> Result<Value, ResourceError> {
    deployment.without_held_headers(KIND)?;
    let no = |what| Err(ResourceError::No { kind: KIND, what });
    let Attach::Targets(targets) = &deployment.attach else {
        return Err(ResourceError::Needs { kind: KIND, what: "the Gateways or routes that it is for (`--target`)" });
    };
    if deployment.phase != Phase::Last {
        return no("phase: the order of filters is set in the EnvoyProxy resource");
    }
    if deployment.priority.is_some() {
        return no("priority");
    }
    if !deployment.environment.is_empty() {
        return no("values of environment variables, only names of the proxy's own");
    }
    let fail_open = match deployment.failure_policy {
        FailurePolicy::Closed => false,
        FailurePolicy::Open => true,
        FailurePolicy::Reload => return no("failure policy `reload`"),
    };
    // Without the scheme, as the API has it.
    let url = deployment.image.to_string();
    let mut image = json!({ "url": url.trim_start_matches("oci://"), "sha256": deployment.digest.hex() });
    if let (Some(secret), Value::Object(fields)) = (&deployment.pull_secret, &mut image) {
        fields.insert("pullSecretRef".to_owned(), json!({ "name": secret }));
    }
    let mut wasm = json!({
        "name": deployment.name,
        "code": { "type": "Image", "image": image },
        "failOpen": fail_open,
    });
    if let (Some(configuration), Value::Object(fields)) = (&deployment.configuration, &mut wasm) {
        fields.insert("config".to_owned(), configuration.clone());
    }
    let mut spec = Map::new();
    spec.insert("targetRefs".to_owned(), TargetRef::list(targets));
    spec.insert("wasm".to_owned(), json!([wasm]));
    let name = format!("{}-{}", deployment.name, deployment.digest.short());
    Ok(deployment.resource("gateway.envoyproxy.io/v1alpha1", KIND, &name, &spec))
}
