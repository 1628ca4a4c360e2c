//! Filters in an order that defeats them, and other things that only several resources together do wrong.

use serde_json::Value;

use super::load::{Load, Loader, Proxies, Stage, proxies, stage_of};
use super::shape::get;
use super::{Fault, Faults};

/// What a filter is for, as far as its place in the chain matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It changes where a request goes.
    Routing,
    /// It refuses what is too much.
    Limiting,
    /// It reads bodies.
    Bodies,
}

/// A filter of Envoy's own that packs or unpacks bodies.
struct Packing {
    path: String,
    unpacks: bool,
    stage: Stage,
    proxies: Proxies,
}

/// Warnings about loads, each with its role where that is known.
#[must_use]
pub fn hazards(documents: &[Value], loads: &[(Load, Option<Role>)]) -> Vec<Fault> {
    let mut faults = Faults::default();
    let (packing, clusters) = (packing(documents), clusters(documents));
    for (number, (load, role)) in loads.iter().enumerate() {
        faults.document = load.document;
        alone(load, *role, &clusters, &mut faults);
        if *role == Some(Role::Bodies) {
            packing
                .iter()
                .filter(|packing| packing.proxies.may_meet(&load.proxies))
                .for_each(|packing| packed(load, packing, &mut faults));
        }
        for (earlier, _) in loads.get(..number).unwrap_or_default() {
            together(load, earlier, &mut faults);
        }
    }
    discovery(documents, &mut faults);
    faults.found
}

/// What is wrong with a load by itself.
fn alone(load: &Load, role: Option<Role>, clusters: &[String], faults: &mut Faults) {
    match (role, load.stage) {
        (Some(Role::Routing), Stage::BeforeStatistics | Stage::AfterStatistics | Stage::BeforeRouter) => faults.warning(
            &load.url_path,
            "it changes where requests go after Istio's authorization has decided: what was allowed for one path or host can reach \
             another. Give it the phase AUTHN or AUTHZ"
                .to_owned(),
        ),
        (Some(Role::Limiting), Stage::First | Stage::BeforeAuthentication) => faults.warning(
            &load.url_path,
            "it counts before Istio's authentication: a client that is nobody uses up the limit of others, and what authentication \
             finds out is no key yet. Give it the phase AUTHZ, or a later one"
                .to_owned(),
        ),
        _ => {}
    }
    if load.loader == Loader::Istio && load.is_inline {
        let what = "Envoy fetches no images: only an EXTENSION_CONFIG goes through Istio's agent, which does";
        faults.error(&load.url_path, what.to_owned());
    }
    if load.loader == Loader::Envoy {
        by_envoy(load, clusters, faults);
    }
}

/// What Envoy fetches itself.
fn by_envoy(load: &Load, clusters: &[String], faults: &mut Faults) {
    let part = load.sha256.as_deref().and_then(|sum| sum.get(..8));
    let vm_id = load.vm_id.as_deref().unwrap_or_default();
    if part.is_some_and(|part| !vm_id.contains(part)) {
        faults.warning(
            &load.url_path,
            "Envoy fetches this itself, and under the same `vm_id` goes on running the old module after an update: put a part of \
             the checksum into `vm_id`"
                .to_owned(),
        );
    }
    // Names with a `|` are those that Istio gives to services.
    let cluster = load.cluster.as_deref().unwrap_or_default();
    if !clusters.iter().any(|name| name == cluster) && !cluster.contains('|') {
        let what = format!("no CLUSTER patch brings `{cluster}`; if nothing else does, Envoy cannot fetch the module");
        faults.warning(&load.url_path, what);
    }
}

/// The way of a response is the other way round: what stands later in the chain sees it first.
fn packed(load: &Load, packing: &Packing, faults: &mut Faults) {
    let before = load.stage < packing.stage;
    let what = match (packing.unpacks, before, load.stage == packing.stage) {
        (_, _, true) => "which of the two comes first is not said, and one order hides bodies from it",
        (false, true, _) => {
            "responses are packed before it sees them, and it finds nothing in them: put the compressor first (INSERT_FIRST)"
        }
        (true, true, _) => {
            "it sees requests before they are unpacked, and finds nothing in them: put the decompressor first (INSERT_FIRST)"
        }
        _ => return,
    };
    let name = if packing.unpacks { "a decompressor" } else { "a compressor" };
    faults.warning(&load.url_path, format!("there is {name} for the same proxies ({}): {what}", packing.path));
}

fn together(load: &Load, earlier: &Load, faults: &mut Faults) {
    if load.stage == Stage::Elsewhere || load.document == earlier.document || !load.proxies.may_meet(&earlier.proxies) {
        return;
    }
    let name = &earlier.resource.1;
    if load.url == earlier.url
        && load.configuration.as_ref().map(|it| &it.value) == earlier.configuration.as_ref().map(|it| &it.value)
    {
        faults.warning(
            &load.url_path,
            format!("`{name}` loads the same module with the same configuration for the same proxies"),
        );
    } else if load.stage == earlier.stage && load.priority == earlier.priority {
        let what = format!(
            "`{name}` has the same phase and priority: which comes first is decided by their age. Give them priorities"
        );
        faults.warning(&load.url_path, what);
    }
}

/// Extensions that are discovered and not there wait for ever, and the listener with them.
fn discovery(documents: &[Value], faults: &mut Faults) {
    let patches = || documents.iter().enumerate().flat_map(|(number, document)| patches(number, document));
    let value = |patch: &Value, name: &str| {
        patch.pointer("/patch/value")?.as_object().and_then(|value| get(value, name, true)).cloned()
    };
    let named =
        |patch: &Value| value(patch, "name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    let is = |patch: &Value, kind: &str| patch.get("applyTo").is_some_and(|found| found == kind);
    let extensions: Vec<String> =
        patches().filter(|(_, _, patch)| is(patch, "EXTENSION_CONFIG")).map(|(_, _, patch)| named(patch)).collect();
    let mut places = Vec::new();
    for (document, at, patch) in patches() {
        faults.document = document;
        if let (true, Some(discovery)) = (is(patch, "HTTP_FILTER"), value(patch, "config_discovery")) {
            let name = named(patch);
            if !extensions.contains(&name) {
                let what =
                    format!("no EXTENSION_CONFIG patch brings `{name}`: listeners wait for it and answer nothing");
                faults.error(&format!("{at}.patch.value"), what);
            }
            let types = discovery.get("type_urls").or_else(|| discovery.get("typeUrls")).and_then(Value::as_array);
            let is_rbac = |url: &Value| url.as_str().is_some_and(|url| url.ends_with("filters.http.rbac.v3.RBAC"));
            if types.is_some_and(|types| !types.iter().any(is_rbac)) {
                let what = "without the type of RBAC the agent's stand-in is refused while the image cannot be fetched";
                faults.warning(&format!("{at}.patch.value.config_discovery.type_urls"), what.to_owned());
            }
            places.push(name);
        }
    }
    for (document, at, patch) in patches().filter(|(_, _, patch)| is(patch, "EXTENSION_CONFIG")) {
        faults.document = document;
        if !places.contains(&named(patch)) {
            faults.warning(
                &format!("{at}.patch.value.name"),
                format!("no HTTP_FILTER patch asks for `{}` by config_discovery", named(patch)),
            );
        }
    }
}

/// Patches of `EnvoyFilter`s, each with its document and its path.
fn patches(number: usize, document: &Value) -> impl Iterator<Item = (usize, String, &Value)> {
    let is_filter = document.get("kind").is_some_and(|kind| kind == "EnvoyFilter");
    let patches = document.pointer("/spec/configPatches").filter(|_| is_filter).and_then(Value::as_array);
    let patches = patches.map(Vec::as_slice).unwrap_or_default();
    patches.iter().enumerate().map(move |(at, patch)| (number, format!("spec.configPatches[{at}]"), patch))
}

/// The clusters that patches bring.
fn clusters(documents: &[Value]) -> Vec<String> {
    let all = documents.iter().flat_map(|document| patches(0, document));
    let brought = all.filter(|(_, _, patch)| patch.get("applyTo").is_some_and(|kind| kind == "CLUSTER"));
    brought.filter_map(|(_, _, patch)| patch.pointer("/patch/value/name")?.as_str().map(str::to_owned)).collect()
}

fn packing(documents: &[Value]) -> Vec<Packing> {
    let one = |document: &Value, path: String, patch: &Value| {
        let value = patch.pointer("/patch/value")?.as_object()?;
        let kind = get(value, "typed_config", true)?.get("@type")?.as_str()?;
        let unpacks = kind.ends_with(".filters.http.decompressor.v3.Decompressor");
        let packs = kind.ends_with(".filters.http.compressor.v3.Compressor");
        let name = document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        (unpacks || packs).then(|| Packing {
            path: format!("EnvoyFilter {name}, {path}"),
            unpacks,
            stage: stage_of(patch),
            proxies: proxies(document, Some(patch)),
        })
    };
    let of = |document| patches(0, document).filter_map(move |(_, path, patch)| one(document, path, patch));
    documents.iter().flat_map(of).collect()
}
