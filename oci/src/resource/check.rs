//! Resources that somebody wrote, before somebody applies them.
//!
//! [`check()`] holds them against the rules of their kinds, as an API server does, and against what neither it nor the vendors' own
//! validators see: fields of Envoy's API inside an `EnvoyFilter`, kinds that do not exist, filters in an order that defeats them.
//! [`loads`] names the images in them, so that a caller can look at those too.

mod envoy;
mod envoy_filter;
mod envoy_gateway;
mod istio;
mod load;
mod order;
#[cfg(test)]
mod published;
mod shape;

use serde_json::Value;

pub use load::{Configured, Load, Loader, loads};
pub use order::{Role, hazards};

use self::shape::{Shape, nearest};

/// Something that is wrong, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In which of the documents, counted from 0.
    pub document: usize,
    /// Where, such as `spec.wasm[0].code.type`; empty for the whole document.
    pub path: String,
    /// Whether the path is that of a field which should not be there at all.
    pub is_unknown: bool,
    /// Whether it is refused by somebody, and not only unwise.
    pub is_error: bool,
    /// What is wrong.
    pub message: String,
}

/// Faults of one document, as they are found.
#[derive(Debug, Default)]
struct Faults {
    document: usize,
    found: Vec<Fault>,
}

/// A kind of resource that loads modules.
struct Kind {
    api: &'static str,
    name: &'static str,
    spec: &'static Shape,
}

const KINDS: [Kind; 4] = [
    Kind { api: "extensions.istio.io/v1alpha1", name: "WasmPlugin", spec: &istio::WASM_PLUGIN },
    Kind { api: "extensions.istio.io/v1alpha1", name: "TrafficExtension", spec: &istio::TRAFFIC_EXTENSION },
    Kind { api: "networking.istio.io/v1alpha3", name: "EnvoyFilter", spec: &envoy_filter::ENVOY_FILTER },
    Kind {
        api: "gateway.envoyproxy.io/v1alpha1",
        name: "EnvoyExtensionPolicy",
        spec: &envoy_gateway::EXTENSION_POLICY,
    },
];

/// Other kinds of these groups, which are not looked at; whatever else is in these groups does not exist.
const OTHERS: [(&str, &[&str]); 4] = [
    ("extensions.istio.io", &[]),
    (
        "networking.istio.io",
        &[
            "DestinationRule",
            "Gateway",
            "ProxyConfig",
            "ServiceEntry",
            "Sidecar",
            "VirtualService",
            "WorkloadEntry",
            "WorkloadGroup",
        ],
    ),
    (
        "gateway.envoyproxy.io",
        &[
            "Backend",
            "BackendTrafficPolicy",
            "ClientTrafficPolicy",
            "EnvoyGateway",
            "EnvoyPatchPolicy",
            "EnvoyProxy",
            "HTTPRouteFilter",
            "SecurityPolicy",
        ],
    ),
    ("extensions.higress.io", &["WasmPlugin"]),
];

/// Whether a document is of a kind that is looked at.
#[must_use]
pub fn is_checked(document: &Value) -> bool {
    kind_of(document).is_some()
}

/// What is wrong with each document by itself, and with several of one name.
#[must_use]
pub fn check(documents: &[Value]) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut names: Vec<(&str, &str, &str)> = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let mut faults = Faults { document: number, found: Vec::new() };
        one(document, &mut faults);
        if kind_of(document).is_some() {
            let text = |path: &str| document.pointer(path).and_then(Value::as_str).unwrap_or_default();
            let name = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
            if names.contains(&name) {
                let what = "a second resource of this kind and name: the one that is applied last stays".to_owned();
                faults.error("metadata.name", what);
            }
            names.push(name);
        }
        found.extend(faults.found);
    }
    found
}

fn one(document: &Value, faults: &mut Faults) {
    let text = |path: &str| document.pointer(path).and_then(Value::as_str).unwrap_or_default();
    if !document.is_object() {
        faults.error("", "this is no resource".to_owned());
        return;
    }
    let Some(kind) = kind_of(document) else {
        if text("/kind").ends_with("List") && document.get("items").is_some_and(Value::is_array) {
            faults
                .warning("items", "what is in a list is not looked at: write each as a document of its own".to_owned());
            return;
        }
        strange(text("/apiVersion"), text("/kind"), faults);
        return;
    };
    if text("/metadata/name").is_empty() {
        faults.error("metadata", "`name` is missing".to_owned());
    }
    for name in document.as_object().into_iter().flatten().map(|(name, _)| name) {
        if !["apiVersion", "kind", "metadata", "spec", "status"].contains(&name.as_str()) {
            faults.unknown(name, format!("there is no field `{name}` here{}", nearest(name, &["metadata", "spec"])));
        }
    }
    match document.get("spec") {
        None => faults.error("", "`spec` is missing".to_owned()),
        Some(spec) => {
            shape::hold(kind.spec, spec, "spec", faults);
            if let (Some(spec), "EnvoyFilter") = (spec.as_object(), kind.name) {
                envoy_filter::patches(spec, faults);
            }
        }
    }
}

/// A kind that is not looked at: is there one of that name at all?
fn strange(api: &str, kind: &str, faults: &mut Faults) {
    if api.is_empty() || kind.is_empty() {
        faults.error("", "this is no resource: `apiVersion` or `kind` is missing".to_owned());
        return;
    }
    let (group, version) = api.split_once('/').unwrap_or(("", api));
    if let Some(known) = KINDS.iter().find(|known| known.name == kind && known.api.split('/').next() == Some(group)) {
        faults.error("apiVersion", format!("there is no version `{version}` of {kind}: {}", known.api));
        return;
    }
    let other = OTHERS.iter().find(|(known, _)| *known == group);
    if let Some((_, kinds)) = other {
        if !kinds.contains(&kind) {
            let ours = KINDS.iter().filter(|known| known.api.starts_with(group)).map(|known| known.name);
            let known = ours.chain(kinds.iter().copied()).collect::<Vec<_>>();
            let near = home(kind).unwrap_or_else(|| nearest(kind, &known));
            faults.error("kind", format!("{group} has no kind `{kind}`{near}"));
        }
        return;
    }
    // One of our kinds, in a group that is none of theirs.
    let groups = OTHERS.map(|(group, _)| group);
    let near = nearest(group, &groups);
    if !near.is_empty() || KINDS.iter().any(|known| known.name == kind) {
        faults.error("apiVersion", format!("`{api}` is not known here{}", home(kind).unwrap_or(near)));
    }
}

/// Where one of our kinds is.
fn home(kind: &str) -> Option<String> {
    let known = KINDS.iter().find(|known| known.name == kind)?;
    Some(format!("; {kind} is in {}", known.api))
}

fn kind_of(document: &Value) -> Option<&'static Kind> {
    let (api, kind) = (document.get("apiVersion")?.as_str()?, document.get("kind")?.as_str()?);
    KINDS.iter().find(|known| known.api == api && known.name == kind)
}

impl Faults {
    fn push(&mut self, path: &str, is_unknown: bool, is_error: bool, message: String) {
        self.found.push(Fault { document: self.document, path: path.to_owned(), is_unknown, is_error, message });
    }

    fn error(&mut self, path: &str, message: String) {
        self.push(path, false, true, message);
    }

    fn unknown(&mut self, path: &str, message: String) {
        self.push(path, true, true, message);
    }

    fn warning(&mut self, path: &str, message: String) {
        self.push(path, false, false, message);
    }
}
