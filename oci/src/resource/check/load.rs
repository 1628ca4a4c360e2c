//! The modules that resources load: from where, with which configuration, for which proxies, where in their chains.

use serde_json::{Map, Value};

use super::shape::get;

/// One module in one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// In which of the documents, counted from 0.
    pub document: usize,
    /// Who fetches it.
    pub loader: Loader,
    /// The resource's namespace and name.
    pub resource: (String, String),
    /// Its address, as it is written.
    pub url: String,
    /// Where the address stands.
    pub url_path: String,
    /// The checksum beside it, if there is one.
    pub sha256: Option<String>,
    /// Where the checksum stands, or belongs.
    pub sha256_path: String,
    /// What the module is given.
    pub configuration: Option<Configured>,
    /// Whether Envoy is told that headers may be held.
    pub held_headers: bool,
    pub(super) vm_id: Option<String>,
    /// The cluster that Envoy would fetch from.
    pub(super) cluster: Option<String>,
    /// Whether it stands in the chain itself, and not in an extension that is discovered.
    pub(super) is_inline: bool,
    pub(super) stage: Stage,
    pub(super) priority: Option<i64>,
    pub(super) proxies: Proxies,
}

/// Who fetches a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loader {
    /// Istio's agent.
    Istio,
    /// Envoy itself.
    Envoy,
    /// Envoy Gateway's control plane.
    EnvoyGateway,
}

/// A configuration and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Configured {
    /// The configuration.
    pub value: Value,
    /// Its path in the document.
    pub path: String,
    /// Whether its parts are parts of the document, and not of a text in it.
    pub is_structured: bool,
    /// Whether it travels as a `Struct`, whose numbers are doubles.
    pub is_struct: bool,
}

/// Where in Istio's chain of HTTP filters something stands, first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    First,
    BeforeAuthentication,
    BeforeAuthorization,
    BeforeStatistics,
    AfterStatistics,
    BeforeRouter,
    /// The control plane puts it where it likes.
    Elsewhere,
}

/// For which proxies a resource is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Proxies {
    pub(super) namespace: String,
    labels: Option<Map<String, Value>>,
    targets: Vec<(String, String)>,
    context: Option<String>,
}

/// All modules that documents load, in their order.
#[must_use]
pub fn loads(documents: &[Value]) -> Vec<Load> {
    let mut loads = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let kind = super::kind_of(document).map(|kind| kind.name);
        let Some(spec) = document.get("spec").and_then(Value::as_object) else { continue };
        match kind {
            Some("WasmPlugin") => loads.extend(istio(number, document, spec, spec, "spec")),
            Some("TrafficExtension") => {
                let wasm = spec.get("wasm").and_then(Value::as_object);
                loads.extend(wasm.and_then(|wasm| istio(number, document, spec, wasm, "spec.wasm")));
            }
            Some("EnvoyFilter") => {
                let patches = spec.get("configPatches").and_then(Value::as_array).into_iter().flatten();
                loads.extend(patches.enumerate().filter_map(|(at, patch)| envoy_filter(number, document, patch, at)));
            }
            Some("EnvoyExtensionPolicy") => {
                let wasm = spec.get("wasm").and_then(Value::as_array).into_iter().flatten();
                loads.extend(wasm.enumerate().filter_map(|(at, wasm)| gateway(number, document, wasm, at)));
            }
            _ => {}
        }
    }
    loads
}

fn istio(
    document: usize,
    resource: &Value,
    spec: &Map<String, Value>,
    wasm: &Map<String, Value>,
    path: &str,
) -> Option<Load> {
    let text = |name: &str| wasm.get(name).and_then(Value::as_str).map(str::to_owned);
    let configuration = wasm.get("pluginConfig").map(|value| Configured {
        value: value.clone(),
        path: format!("{path}.pluginConfig"),
        is_structured: true,
        is_struct: true,
    });
    Some(Load {
        document,
        loader: Loader::Istio,
        resource: name_of(resource),
        url: text("url")?,
        url_path: format!("{path}.url"),
        sha256: text("sha256").filter(|sum| !sum.is_empty()),
        sha256_path: format!("{path}.sha256"),
        configuration,
        held_headers: false,
        vm_id: None,
        cluster: None,
        is_inline: false,
        stage: match spec.get("phase").and_then(Value::as_str) {
            Some("AUTHN") => Stage::BeforeAuthentication,
            Some("AUTHZ") => Stage::BeforeAuthorization,
            Some("STATS") => Stage::BeforeStatistics,
            _ => Stage::AfterStatistics,
        },
        priority: spec.get("priority").and_then(Value::as_i64),
        proxies: proxies(resource, None),
    })
}

fn envoy_filter(document: usize, resource: &Value, patch: &Value, number: usize) -> Option<Load> {
    let field = |value: &Value, name: &str| value.as_object().and_then(|fields| get(fields, name, true)).cloned();
    let typed = field(patch.pointer("/patch/value")?, "typed_config")?;
    let plugin = field(&typed, "config")?;
    let vm = field(&plugin, "vm_config")?;
    let remote = field(&field(&vm, "code")?, "remote")?;
    let url = field(&remote, "http_uri")?.get("uri")?.as_str()?.to_owned();
    let base = format!("spec.configPatches[{number}].patch.value.typed_config.config");
    let configuration = field(&plugin, "configuration").and_then(|any| {
        let path = format!("{base}.configuration.value");
        match any.get("value")? {
            Value::String(text) => {
                let value = serde_json::from_str(text).ok()?;
                Some(Configured { value, path, is_structured: false, is_struct: false })
            }
            value => Some(Configured { value: value.clone(), path, is_structured: true, is_struct: true }),
        }
    });
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    Some(Load {
        document,
        loader: if url.starts_with("oci://") { Loader::Istio } else { Loader::Envoy },
        resource: name_of(resource),
        url,
        url_path: format!("{base}.vm_config.code.remote.http_uri.uri"),
        sha256: text(field(&remote, "sha256")).filter(|sum| !sum.is_empty() && sum != "nil"),
        sha256_path: format!("{base}.vm_config.code.remote.sha256"),
        configuration,
        held_headers: field(&plugin, "allow_on_headers_stop_iteration").is_some_and(|flag| flag == Value::Bool(true)),
        vm_id: text(field(&vm, "vm_id")),
        cluster: text(field(&remote, "http_uri").and_then(|uri| uri.get("cluster").cloned())),
        is_inline: patch.get("applyTo").is_some_and(|kind| kind == "HTTP_FILTER"),
        stage: stage_of(patch),
        priority: resource.pointer("/spec/priority").and_then(Value::as_i64),
        proxies: proxies(resource, Some(patch)),
    })
}

/// Where a patch puts its filter.
pub(super) fn stage_of(patch: &Value) -> Stage {
    let text = |path: &str| patch.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let beside = text("/match/listener/filterChain/filter/subFilter/name");
    match (text("/applyTo"), text("/patch/operation"), text("/patch/filterClass")) {
        (_, _, "AUTHN") => Stage::BeforeAuthentication,
        (_, _, "AUTHZ") => Stage::BeforeAuthorization,
        (_, _, "STATS") => Stage::BeforeStatistics,
        ("HTTP_FILTER", "INSERT_FIRST", _) => Stage::First,
        ("HTTP_FILTER", "INSERT_BEFORE", _) if beside == "envoy.filters.http.router" => Stage::BeforeRouter,
        // An extension stands where its discovery does, which here is before the router as a rule.
        ("EXTENSION_CONFIG", _, _) => Stage::BeforeRouter,
        _ => Stage::Elsewhere,
    }
}

fn gateway(document: usize, resource: &Value, wasm: &Value, number: usize) -> Option<Load> {
    let base = format!("spec.wasm[{number}]");
    let source = |name: &str| wasm.pointer(&format!("/code/{name}"));
    let (part, found) = source("image").map(|found| ("image", found)).or_else(|| Some(("http", source("http")?)))?;
    let url = found.get("url")?.as_str()?;
    let has_scheme = url.contains("://");
    Some(Load {
        document,
        loader: Loader::EnvoyGateway,
        resource: name_of(resource),
        url: if part == "image" && !has_scheme { format!("oci://{url}") } else { url.to_owned() },
        url_path: format!("{base}.code.{part}.url"),
        sha256: found.get("sha256").and_then(Value::as_str).map(str::to_owned),
        sha256_path: format!("{base}.code.{part}.sha256"),
        configuration: wasm.get("config").map(|value| Configured {
            value: value.clone(),
            path: format!("{base}.config"),
            is_structured: true,
            is_struct: false,
        }),
        held_headers: false,
        vm_id: None,
        cluster: None,
        is_inline: false,
        stage: Stage::Elsewhere,
        priority: None,
        proxies: proxies(resource, None),
    })
}

fn name_of(resource: &Value) -> (String, String) {
    let text = |path: &str| resource.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("/metadata/namespace"), text("/metadata/name"))
}

/// For which proxies a resource is, and which traffic of theirs.
pub(super) fn proxies(resource: &Value, patch: Option<&Value>) -> Proxies {
    let labels = ["/spec/selector/matchLabels", "/spec/workloadSelector/labels"];
    let target = |target: &Value| {
        let text = |name: &str| target.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("kind"), text("name"))
    };
    let targets = resource.pointer("/spec/targetRefs").and_then(Value::as_array).into_iter().flatten();
    Proxies {
        namespace: name_of(resource).0,
        labels: labels.iter().find_map(|path| resource.pointer(path)?.as_object().cloned()),
        targets: targets.chain(resource.pointer("/spec/targetRef")).map(target).collect(),
        context: patch
            .and_then(|patch| patch.pointer("/match/context")?.as_str().map(str::to_owned))
            .filter(|context| context != "ANY"),
    }
}

impl Proxies {
    /// Whether a proxy can have both.
    pub(super) fn may_meet(&self, other: &Self) -> bool {
        // Istio's root namespace, whose resources are for all.
        const ROOT: &str = "istio-system";
        let same =
            self.namespace == other.namespace || [&self.namespace, &other.namespace].iter().any(|name| *name == ROOT);
        let contexts = self.context.is_none() || other.context.is_none() || self.context == other.context;
        let targets = self.targets.is_empty() == other.targets.is_empty()
            && (self.targets.is_empty() || self.targets.iter().any(|target| other.targets.contains(target)));
        let labels = match (&self.labels, &other.labels) {
            (Some(one), Some(two)) => one.iter().all(|(name, value)| two.get(name).is_none_or(|other| other == value)),
            _ => true,
        };
        same && contexts && targets && labels
    }
}
