//! Envoy Gateway's resource: `EnvoyExtensionPolicy`.
//!
//! The control plane pulls the image, and Envoy fetches the module from it. The policy's name ends with a part of the digest,
//! because Envoy goes on running the old module when new code comes under the same `vm_id`, which is made of that name. Shared data,
//! such as the counters of limits, begins empty with it.

use serde_json::{Map, Value, json};
use tamis_module::plugin_config::FailurePolicy;

use super::Resource;
use super::deployment::{Attach, Deployment, Phase, ResourceError, TargetRef};

const KIND: &str = "EnvoyExtensionPolicy";

/// An `EnvoyExtensionPolicy` with one module.
///
/// # Errors
/// What it cannot say: [`ResourceError`].
pub(super) fn extension_policy(deployment: &Deployment) -> Result<Resource, ResourceError> {
    deployment.without_envoys_own(KIND)?;
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
    if deployment.context.is_some() || deployment.port.is_some() {
        return no("context or port: its targets say which traffic it is for");
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
    let url = deployment.pinned().to_string();
    let mut image = json!({ "url": url.trim_start_matches("oci://") });
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
    let mut resource = deployment.resource("gateway.envoyproxy.io/v1alpha1", KIND, &name, &spec);
    explain(&mut resource, deployment);
    Ok(resource)
}

fn explain(resource: &mut Resource, deployment: &Deployment) {
    resource.note(
        "metadata.name",
        "It ends with a part of the digest: under the same name Envoy would go on running the old module after an update. Two policies \
         for one target conflict, and where one replaces the other at one stroke some requests go past both: let them change places \
         beside a trial route, then delete the old one (docs/mesh.md). Shared data begins empty with a new name.",
    );
    resource.note(
        "spec.targetRefs",
        "The most specific policy wins: one for a route replaces one for its Gateway, with all that is in it.",
    );
    resource.note("spec.wasm[0].code.image.url", deployment.by_digest());
    resource.note(
        "spec.wasm[0].config",
        "The module has accepted it. It is handed over as JSON text, numbers as they are.",
    );
    resource.note("spec.wasm[0].failOpen", deployment.on_failure());
    resource.note(
        "spec.wasm[0].code.image.pullSecretRef",
        "A secret of the type kubernetes.io/dockerconfigjson in this namespace.",
    );
    resource.warn(
        "`Accepted: True` says nothing of the proxies: while a new listener waits for its module, new routes answer without the filter. \
         Before you send traffic there, ask for something that only the filter does.",
    );
    if let Some(bytes) = deployment.buffer_limit {
        resource.warn(format!(
            "an EnvoyExtensionPolicy cannot set the buffer limit: set `connection.bufferLimit: {bytes}` in a ClientTrafficPolicy for \
             the Gateway (Envoy Gateway's own default is 32768 bytes); larger bodies that are held in the proxy get 413 or 500."
        ));
    }
}
