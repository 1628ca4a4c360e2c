//! The resources that make a proxy load a module.
//!
//! Every resource is made from the same [`PluginConfig`](tamis_module::plugin_config::PluginConfig), so that what a test ran and
//! what an operator applies say the same thing. A [`Target`] exists for each kind that is really written, and for no other.

mod envoy;

use serde_json::Value;

pub use envoy::{StaticEnvoy, Upstream, envoy_static};

/// For whom a resource is written, with everything that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A whole static configuration for a plain Envoy that finds the module in a local file.
    Envoy(StaticEnvoy),
}

/// A resource could not be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the resource as YAML ({reason}); print it as JSON, which is YAML too")]
pub struct RenderError {
    reason: String,
}

impl Target {
    /// The resource in the JSON form of its API.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Envoy(envoy) => envoy_static(envoy),
        }
    }

    /// The resource as YAML, to be read by people and applied as it is.
    ///
    /// # Errors
    /// When the YAML writer refuses a value, which no resource of today has.
    pub fn to_yaml(&self) -> Result<String, RenderError> {
        serde_saphyr::to_string(&self.to_json()).map_err(|error| RenderError { reason: error.to_string() })
    }
}
