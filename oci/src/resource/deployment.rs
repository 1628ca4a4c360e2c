//! A plugin as a control plane in Kubernetes gets it: what the four kinds of resource have in common.

use serde_json::{Map, Value, json};
use tamis_module::plugin_config::FailurePolicy;

use super::Resource;
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
    /// For which of their traffic; what `attach` suggests, when there is none.
    pub context: Option<Context>,
    /// For traffic to this port alone (Istio).
    pub port: Option<u16>,
    /// Bytes of one message that the proxy buffers at most; the proxy's own, when there is none.
    pub buffer_limit: Option<u32>,
    /// Who fetches the module, and from where.
    pub code: Code,
    /// The secret with the registry's credentials, in the resource's own namespace.
    pub pull_secret: Option<String>,
    /// Environment variables of the VM.
    pub environment: Vec<(String, String)>,
}

/// Who fetches a module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Code {
    /// The control plane or its agent, out of the image.
    #[default]
    Image,
    /// Envoy itself, from a file server, because it reads no images (`EnvoyFilter`).
    Http(HttpCode),
}

/// A module that Envoy fetches itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCode {
    /// `http` or `https`.
    pub tls: bool,
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Path and query, with the first `/`.
    pub path: String,
    /// The digest of the module itself, which Envoy demands.
    pub digest: Digest,
}

/// Which traffic of a proxy is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// What comes to a workload, at its sidecar.
    SidecarInbound,
    /// What a workload sends, at its sidecar.
    SidecarOutbound,
    /// What goes through a gateway.
    Gateway,
    /// All of it.
    Any,
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
    #[error("{kind} takes a configuration that is an object")]
    NoObject {
        /// The kind of resource.
        kind: &'static str,
    },
    /// Something that the kind of resource has no field for.
    #[error("{kind} has no {what}")]
    No {
        /// The kind of resource.
        kind: &'static str,
        /// What was asked for.
        what: &'static str,
    },
    /// Something that it must have.
    #[error("{kind} needs {what}")]
    Needs {
        /// The kind of resource.
        kind: &'static str,
        /// What it needs.
        what: &'static str,
    },
}

impl Deployment {
    /// The resource around a specification.
    pub(super) fn resource(&self, api: &str, kind: &str, name: &str, spec: &Map<String, Value>) -> Resource {
        let mut metadata = json!({ "name": name });
        if let (Some(namespace), Value::Object(fields)) = (&self.namespace, &mut metadata) {
            fields.insert("namespace".to_owned(), json!(namespace));
        }
        Resource::of(json!({ "apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec }))
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

    /// Refuses what only Envoy's own API can say.
    pub(super) fn without_envoys_own(&self, kind: &'static str) -> Result<(), ResourceError> {
        if self.held_headers {
            return Err(ResourceError::HeldHeaders { kind });
        }
        match self.code {
            Code::Image => Ok(()),
            Code::Http(_) => Err(ResourceError::No { kind, what: "code that Envoy fetches itself" }),
        }
    }

    /// What the comments of all kinds say of the image.
    pub(super) fn by_digest(&self) -> String {
        let tag = self.image.tag().map(|tag| format!(", which the tag {} named when this was made", tag.as_str()));
        format!("By digest{}: what is pulled is this and nothing else.", tag.unwrap_or_default())
    }

    /// What the comments of all kinds say of a failing module.
    pub(super) fn on_failure(&self) -> &'static str {
        match self.failure_policy {
            FailurePolicy::Closed => {
                "A module that cannot be had, or that has died, answers for the upstream: no request goes past it."
            }
            FailurePolicy::Open => {
                "A module that cannot be had, or that has died, is left out: requests go past it, unchanged and unchecked. A module \
                 that Envoy cannot load at all still stops traffic."
            }
            FailurePolicy::Reload => {
                "A module that has died is started anew, with a pause in between; until then it answers 503."
            }
        }
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

/// The path of the first number that a double cannot be: what becomes another one in a protobuf `Struct`.
#[must_use]
pub fn beyond_a_double(value: &Value, path: String) -> Option<String> {
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
