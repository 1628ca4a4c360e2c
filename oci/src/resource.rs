//! The resources that make a proxy load a module.
//!
//! Every resource is made from the same [`PluginConfig`](tamis_module::plugin_config::PluginConfig), so that what a test ran and
//! what an operator applies say the same thing. A [`Target`] exists for each kind that is really written, and for no other.

mod deployment;
mod envoy;
mod envoy_gateway;
mod istio;

use serde_json::Value;

pub use deployment::{Attach, Deployment, Phase, ResourceError, TargetRef};
pub use envoy::{StaticEnvoy, Upstream, envoy_static};

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
}

/// A resource could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The kind of resource cannot say it.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// The YAML writer refuses a value.
    #[error("cannot write the resource as YAML ({reason}); print it as JSON, which is YAML too")]
    Yaml {
        /// Why.
        reason: String,
    },
}

impl Target {
    /// The resource in the JSON form of its API.
    ///
    /// # Errors
    /// What the kind of resource cannot say of a deployment.
    pub fn to_json(&self) -> Result<Value, ResourceError> {
        match self {
            Self::Envoy(envoy) => Ok(envoy_static(envoy)),
            Self::WasmPlugin(deployment) => istio::wasm_plugin(deployment),
            Self::TrafficExtension(deployment) => istio::traffic_extension(deployment),
            Self::EnvoyFilter(deployment) => istio::envoy_filter(deployment),
            Self::EnvoyExtensionPolicy(deployment) => envoy_gateway::extension_policy(deployment),
        }
    }

    /// The resource as YAML, to be read by people and applied as it is.
    ///
    /// # Errors
    /// What the kind of resource cannot say of a deployment, or a value that the YAML writer refuses, which no resource of today
    /// has.
    pub fn to_yaml(&self) -> Result<String, RenderError> {
        serde_saphyr::to_string(&self.to_json()?).map_err(|error| RenderError::Yaml { reason: error.to_string() })
    }
}
