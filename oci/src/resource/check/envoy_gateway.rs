//! Envoy Gateway's `EnvoyExtensionPolicy`: its targets and its Wasm extensions; other extensions are not looked at.

use serde_json::{Map, Value};

use super::istio::is_sha256;
use super::shape::{ANY, BOOL, Shape, TEXT, formed, list, may, must, object};

const NO_LIMIT: usize = usize::MAX;
const ROUTES: [&str; 5] = ["HTTPRoute", "GRPCRoute", "UDPRoute", "TCPRoute", "TLSRoute"];

/// The specification.
pub(super) const EXTENSION_POLICY: Shape = object(
    &[
        may("dynamicModule", &ANY),
        may("extProc", &ANY),
        may("lua", &ANY),
        may("mergeType", &ANY),
        may("targetRef", &ANY),
        may("targetRefs", &ANY),
        may("targetSelectors", &ANY),
        may("wasm", &list(&WASM, 16)),
    ],
    &[targets, merging],
);

const WASM: Shape = object(
    &[
        must("code", &CODE),
        may("config", &ANY),
        may("env", &object(&[may("hostKeys", &list(&TEXT, NO_LIMIT))], &[])),
        may("failOpen", &BOOL),
        may("name", &TEXT),
        may("rootID", &TEXT),
    ],
    &[],
);

const CODE: Shape = object(
    &[
        may("http", &object(&[may("sha256", &SHA256), may("tls", &ANY), must("url", &WEB)], &[])),
        may(
            "image",
            &object(
                &[may("pullSecretRef", &ANY), may("sha256", &SHA256), may("tls", &ANY), must("url", &TEXT)],
                &[secret],
            ),
        ),
        may("pullPolicy", &Shape::Word(&["IfNotPresent", "Always"])),
        must("type", &Shape::Word(&["HTTP", "Image"])),
    ],
    &[|code| {
        let is = |kind: &str| code.get("type").is_some_and(|found| found == kind);
        let has = |name: &str| code.contains_key(name);
        if is("HTTP") != has("http") {
            return Some(("type", "`http` belongs to the type HTTP, and to no other".to_owned()));
        }
        (is("Image") != has("image")).then(|| ("type", "`image` belongs to the type Image, and to no other".to_owned()))
    }],
);

/// The schema has no rule for it: it is in a comment there. Envoy Gateway compares it all the same.
const SHA256: Shape =
    formed(0, NO_LIMIT, |text| (!is_sha256(text)).then(|| "expected 64 digits of 0-9 and a-f".to_owned()));

const WEB: Shape = formed(0, NO_LIMIT, |text| {
    let known = text.starts_with("http://") || text.starts_with("https://");
    (!known).then(|| "nothing is fetched but by http and https".to_owned())
});

fn secret(image: &Map<String, Value>) -> Option<(&'static str, String)> {
    let kind = image.get("pullSecretRef")?.get("kind")?;
    (kind != "Secret").then(|| ("pullSecretRef.kind", "only a Secret can be named".to_owned()))
}

fn targets(spec: &Map<String, Value>) -> Option<(&'static str, String)> {
    let (one, many) = (spec.get("targetRef"), spec.get("targetRefs"));
    let selectors = spec.get("targetSelectors").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if one.is_some() == many.is_some() && !selectors {
        return Some(("", "for what? one of targetRef, targetRefs and targetSelectors has to be set".to_owned()));
    }
    for target in one.into_iter().chain(many.and_then(Value::as_array).into_iter().flatten()) {
        let text = |name: &str| target.get(name).and_then(Value::as_str).unwrap_or_default();
        let (group, kind) = (text("group"), text("kind"));
        if group != "gateway.networking.k8s.io" {
            return Some(("targetRefs", format!("`{group}`: the group of a target is gateway.networking.k8s.io")));
        }
        if kind != "Gateway" && kind != "ListenerSet" && !ROUTES.contains(&kind) {
            return Some(("targetRefs", format!("`{kind}`: a target is a Gateway, a ListenerSet or a route")));
        }
        if text("name").is_empty() {
            return Some(("targetRefs", "a target without a name".to_owned()));
        }
    }
    None
}

fn merging(spec: &Map<String, Value>) -> Option<(&'static str, String)> {
    let merge = spec.get("mergeType")?;
    if merge == "Replace" {
        return Some(("mergeType", "Replace is not for this kind".to_owned()));
    }
    let many = ["targetRefs", "targetSelectors"].into_iter().filter_map(|name| spec.get(name)?.as_array());
    let mut all = spec.get("targetRef").into_iter().chain(many.flatten());
    let other =
        all.any(|target| !target.get("kind").and_then(Value::as_str).is_some_and(|kind| ROUTES.contains(&kind)));
    other.then(|| ("mergeType", "only policies for routes are merged".to_owned()))
}
