//! A plugin as a control plane in Kubernetes gets it: what the four kinds of resource have in common.

use serde_json::{Map, Value, json};
use tamis_module::plugin_config::FailurePolicy;

use crate::{Digest, RegistryRef};

/// A module in a registry, and where it is to run with which configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// The resource's name: a DNS label.
    pub name: String,
    /// Its namespace; that of the command that applies it, when there is none.
    pub namespace: Option<String>,
    /// The image. It is always named by its digest; a tag is kept for those who read the resource.
    pub image: RegistryRef,
    /// The digest of the image's manifest: what is pulled is that and nothing else.
    pub digest: Digest,
    /// The filter's configuration; without it the module sees an empty one.
    pub configuration: Option<Value>,
    /// What happens after a trap, and when the module cannot be had.
    pub failure_policy: FailurePolicy,
    /// Whether the filter holds headers, which only Envoy's own API can say.
    pub held_headers: bool,
    /// Where in the chain of filters it stands (Istio).
    pub phase: Phase,
    /// Among filters of a phase, the higher is first (Istio).
    pub priority: Option<i32>,
    /// For which proxies.
    pub attach: Attach,
    /// The secret with the registry's credentials, in the resource's own namespace.
    pub pull_secret: Option<String>,
    /// Environment variables of the VM.
    pub environment: Vec<(String, String)>,
}

/// A phase of Istio's: before or after its own filters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// After all of Istio's authentication, authorization and statistics.
    #[default]
    Last,
    /// Before authentication.
    Authn,
    /// Before authorization.
    Authz,
    /// Before the statistics.
    Stats,
}

/// The proxies that a resource is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Attach {
    /// All in the namespace; in Istio's root namespace, all.
    #[default]
    All,
    /// The workloads with these labels.
    Labels(Vec<(String, String)>),
    /// Gateways, routes or services, by kind and name.
    Targets(Vec<TargetRef>),
}

/// A thing of the Gateway API that a policy is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRef {
    /// `Gateway`, `HTTPRoute`, `GRPCRoute`, `Service`, ...
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What a kind of resource cannot say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The flag `allow_on_headers_stop_iteration` of Envoy is in no API but Envoy's own.
    #[error("the configuration holds headers (`held_headers`), which a {kind} cannot tell Envoy")]
    HeldHeaders {
        /// The kind of resource.
        kind: &'static str,
    },
    /// A number that would arrive as another one, because the configuration goes through a protobuf `Struct`.
    #[error("the configuration's number at `{path}` is beyond 2^53, and would arrive as another one through a {kind}")]
    Number {
        /// Where it stands.
        path: String,
        /// The kind of resource.
        kind: &'static str,
    },
    /// The configuration is no object.
    #[error("a {kind} takes a configuration that is an object")]
    NoObject {
        /// The kind of resource.
        kind: &'static str,
    },
    /// Something that the kind of resource has no field for.
    #[error("a {kind} has no {what}")]
    No {
        /// The kind of resource.
        kind: &'static str,
        /// What was asked for.
        what: &'static str,
    },
    /// Something that it must have.
    #[error("a {kind} needs {what}")]
    Needs {
        /// The kind of resource.
        kind: &'static str,
        /// What it needs.
        what: &'static str,
    },
}

impl Deployment {
    /// The resource around a specification.
    pub(super) fn resource(&self, api: &str, kind: &str, name: &str, spec: &Map<String, Value>) -> Value {
        let mut metadata = json!({ "name": name });
        if let (Some(namespace), Value::Object(fields)) = (&self.namespace, &mut metadata) {
            fields.insert("namespace".to_owned(), json!(namespace));
        }
        json!({ "apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec })
    }

    /// The image without a scheme, by its digest.
    pub(super) fn pinned(&self) -> RegistryRef {
        self.image.at(self.digest.clone())
    }

    /// The configuration for an API that makes a `Struct` of it.
    pub(super) fn as_struct(&self, kind: &'static str) -> Result<Option<&Value>, ResourceError> {
        let Some(configuration) = &self.configuration else { return Ok(None) };
        if !configuration.is_object() {
            return Err(ResourceError::NoObject { kind });
        }
        match beyond_a_double(configuration, String::new()) {
            Some(path) => Err(ResourceError::Number { path, kind }),
            None => Ok(Some(configuration)),
        }
    }

    pub(super) fn without_held_headers(&self, kind: &'static str) -> Result<(), ResourceError> {
        if self.held_headers { Err(ResourceError::HeldHeaders { kind }) } else { Ok(()) }
    }
}

impl TargetRef {
    /// The value of a field `targetRefs`.
    pub(super) fn list(targets: &[Self]) -> Value {
        targets.iter().map(Self::to_json).collect()
    }

    /// The reference with the group of its kind.
    fn to_json(&self) -> Value {
        let group = match self.kind.as_str() {
            "Service" => "",
            "ServiceEntry" => "networking.istio.io",
            _ => "gateway.networking.k8s.io",
        };
        json!({ "group": group, "kind": self.kind, "name": self.name })
    }
}

/// The path of the first number that a double cannot be.
fn beyond_a_double(value: &Value, path: String) -> Option<String> {
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            size.is_some_and(|size| size > EXACT).then_some(path)
        }
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| beyond_a_double(item, format!("{path}[{index}]")))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let dot = if path.is_empty() { "" } else { "." };
            beyond_a_double(field, format!("{path}{dot}{name}"))
        }),
        _ => None,
    }
}
