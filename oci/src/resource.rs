//! The resources that make a proxy load a module.
//!
//! Every resource is made from the same [`PluginConfig`](tamis_module::plugin_config::PluginConfig), so that what a test ran and
//! what an operator applies say the same thing. A [`Target`] exists for each kind that is really written, and for no other.
//!
//! A resource is printed with comments that say why it is as it is, and in an order that never changes, so that it can live in a
//! repository and two prints of the same thing show no difference.

pub mod check;
mod deployment;
mod discovery;
mod envoy;
mod envoy_filter;
mod envoy_gateway;
mod istio;
mod policy;
mod text;

use serde_json::Value;

pub use deployment::{Attach, Code, Context, Deployment, HttpCode, Phase, ResourceError, TargetRef, beyond_a_double};
pub use discovery::{DiscoveredEnvoy, envoy_discovered};
pub use envoy::{StaticEnvoy, Upstream, envoy_static};
pub use policy::{RegistryPolicy, SignaturePolicy};

/// For whom a resource is written, with everything that it needs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// A whole static configuration for a plain Envoy that finds the module in a local file.
    Envoy(StaticEnvoy),
    /// Istio's `WasmPlugin`.
    WasmPlugin(Deployment),
    /// Istio's `TrafficExtension`, from 1.30.
    TrafficExtension(Deployment),
    /// Istio's `EnvoyFilter`, which can say all that Envoy knows.
    EnvoyFilter(Deployment),
    /// Envoy Gateway's `EnvoyExtensionPolicy`.
    EnvoyExtensionPolicy(Deployment),
    /// Higress' own `WasmPlugin`.
    Higress(Deployment),
    /// Kyverno's `ClusterPolicy` that demands digests and a signature.
    Kyverno(SignaturePolicy),
    /// Kubernetes' own `ValidatingAdmissionPolicy` that demands digests, with its binding.
    AdmissionPolicy(RegistryPolicy),
}

/// A resource in the JSON form of its API, with what a reader should know.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// The resource itself; of a file with several, all of them in order.
    pub documents: Vec<Value>,
    /// What the kind of resource does not say as well as was asked, and what to do about it; one sentence or two each.
    pub warnings: Vec<String>,
    /// Comments, each for a path such as `spec.url`.
    notes: Vec<(&'static str, String)>,
}

impl Target {
    /// The resource with its comments.
    ///
    /// # Errors
    /// What the kind of resource cannot say of a deployment.
    pub fn resource(&self) -> Result<Resource, ResourceError> {
        match self {
            Self::Envoy(envoy) => Ok(Resource::of(envoy_static(envoy))),
            Self::WasmPlugin(deployment) => istio::wasm_plugin(deployment),
            Self::TrafficExtension(deployment) => istio::traffic_extension(deployment),
            Self::EnvoyFilter(deployment) => envoy_filter::envoy_filter(deployment),
            Self::EnvoyExtensionPolicy(deployment) => envoy_gateway::extension_policy(deployment),
            Self::Higress(deployment) => istio::higress(deployment),
            Self::Kyverno(policy) => Ok(policy.kyverno()),
            Self::AdmissionPolicy(policy) => Ok(policy.admission()),
        }
    }

    /// The resource in the JSON form of its API; the first, where there are several.
    ///
    /// # Errors
    /// What the kind of resource cannot say of a deployment.
    pub fn to_json(&self) -> Result<Value, ResourceError> {
        Ok(self.resource()?.documents.into_iter().next().unwrap_or_default())
    }

    /// The resource as YAML, to be read by people and applied as it is.
    ///
    /// # Errors
    /// What the kind of resource cannot say of a deployment.
    pub fn to_yaml(&self) -> Result<String, ResourceError> {
        Ok(self.resource()?.to_yaml())
    }
}

impl Resource {
    fn of(document: Value) -> Self {
        Self { documents: vec![document], notes: Vec::new(), warnings: Vec::new() }
    }

    fn note(&mut self, path: &'static str, text: impl Into<String>) {
        self.notes.push((path, text.into()));
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// The YAML with its comments; warnings stand at its head.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut yaml = String::new();
        for warning in &self.warnings {
            text::comment(&mut yaml, 0, &format!("Warning: {warning}"));
        }
        for (number, document) in self.documents.iter().enumerate() {
            if number > 0 {
                yaml.push_str("---\n");
            }
            text::write(&mut yaml, document, &self.notes);
        }
        yaml
    }
}
