//! Istio's `WasmPlugin` and `TrafficExtension`, and what all of its kinds have.

use serde_json::{Map, Value};

use super::shape::{ANY, Shape, TEXT, formed, list, may, must, object, text};

const NAME: Shape = text(1, 253);
pub(super) const NO_LIMIT: usize = usize::MAX;
const PORT: Shape = Shape::Int(1, 65_535);
pub(super) const INT32: Shape = Shape::Int(i32::MIN as i64, i32::MAX as i64);

/// Labels of workloads, by `matchLabels`.
const SELECTOR: Shape = object(&[may("matchLabels", &MATCH_LABELS)], &[labels]);
const MATCH_LABELS: Shape = Shape::Map { value: &LABEL, most: 4096 };
pub(super) const LABEL: Shape =
    formed(0, 63, |text| text.contains('*').then(|| "`*` stands for nothing in labels".to_owned()));

pub(super) const TARGET: Shape = object(
    &[
        may("group", &formed(0, 253, group)),
        must("kind", &formed(1, 63, is_kind)),
        must("name", &NAME),
        may(
            "namespace",
            &formed(0, NO_LIMIT, |text| {
                (!text.is_empty()).then(|| "a target is in the resource's own namespace".to_owned())
            }),
        ),
    ],
    &[],
);

const MATCH: Shape = object(
    &[may("mode", &Shape::Word(&["UNDEFINED", "CLIENT", "SERVER", "CLIENT_AND_SERVER"])), may("ports", &PORTS)],
    &[],
);
const PORTS: Shape = Shape::List { item: &object(&[must("number", &PORT)], &[]), most: NO_LIMIT, key: Some("number") };
const VM: Shape = object(&[may("env", &Shape::List { item: &VARIABLE, most: 256, key: Some("name") })], &[]);
const VARIABLE: Shape = object(
    &[must("name", &text(1, 256)), may("value", &text(0, 2048)), may("valueFrom", &Shape::Word(&["INLINE", "HOST"]))],
    &[|variable| {
        let from_host = variable.get("valueFrom").is_some_and(|from| from == "HOST");
        (from_host && variable.contains_key("value"))
            .then(|| ("value", "a variable of the HOST has no value here".to_owned()))
    }],
);

const SHA256: Shape = formed(0, NO_LIMIT, |text| {
    (!text.is_empty() && !is_sha256(text)).then(|| "expected 64 digits of 0-9 and a-f".to_owned())
});
const URL: Shape = formed(1, NO_LIMIT, url);
const PULL: Shape = Shape::Word(&["UNSPECIFIED_POLICY", "IfNotPresent", "Always"]);
const FAIL: Shape = Shape::Word(&["FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"]);
const TYPE: Shape = Shape::Word(&["UNSPECIFIED_PLUGIN_TYPE", "HTTP", "NETWORK"]);
/// A protobuf `Struct`.
const STRUCT: Shape = Shape::Map { value: &ANY, most: NO_LIMIT };

/// The specification of a `WasmPlugin`.
pub(super) const WASM_PLUGIN: Shape = object(
    &[
        may("failStrategy", &FAIL),
        may("imagePullPolicy", &PULL),
        may("imagePullSecret", &NAME),
        may("match", &list(&MATCH, NO_LIMIT)),
        may("phase", &Shape::Word(&["UNSPECIFIED_PHASE", "AUTHN", "AUTHZ", "STATS"])),
        may("pluginConfig", &STRUCT),
        may("pluginName", &text(1, 256)),
        may("priority", &INT32),
        may("selector", &SELECTOR),
        may("sha256", &SHA256),
        may("targetRef", &TARGET),
        may("targetRefs", &list(&TARGET, 16)),
        may("type", &TYPE),
        must("url", &URL),
        may("verificationKey", &TEXT),
        may("vmConfig", &VM),
    ],
    &[one_place],
);

/// The specification of a `TrafficExtension`.
pub(super) const TRAFFIC_EXTENSION: Shape = object(
    &[
        may("lua", &object(&[must("inlineCode", &text(1, 65_536))], &[])),
        may("match", &list(&MATCH, NO_LIMIT)),
        may("phase", &Shape::Word(&["UNSPECIFIED", "AUTHN", "AUTHZ", "STATS"])),
        may("priority", &INT32),
        may("selector", &SELECTOR),
        may("targetRefs", &list(&TARGET, 16)),
        may("wasm", &WASM),
    ],
    &[one_place, |spec| match (spec.contains_key("wasm"), spec.contains_key("lua")) {
        (true, true) => Some(("lua", "`wasm` and `lua` together: it is one or the other".to_owned())),
        (false, false) => Some(("", "neither `wasm` nor `lua`".to_owned())),
        _ => None,
    }],
);

const WASM: Shape = object(
    &[
        may("failStrategy", &FAIL),
        may("imagePullPolicy", &PULL),
        may("imagePullSecret", &NAME),
        may("pluginConfig", &STRUCT),
        may("pluginName", &text(1, 256)),
        may("sha256", &SHA256),
        may("type", &TYPE),
        must("url", &URL),
        may("verificationKey", &TEXT),
        may("vmConfig", &VM),
    ],
    &[],
);

fn labels(selector: &Map<String, Value>) -> Option<(&'static str, String)> {
    let labels = selector.get("matchLabels")?.as_object()?;
    let wrong = labels.keys().find(|label| label.is_empty() || label.contains('*'))?;
    Some((
        "matchLabels",
        if wrong.is_empty() {
            "a label without a name".to_owned()
        } else {
            format!("`*` stands for nothing in labels: `{wrong}`")
        },
    ))
}

fn one_place(spec: &Map<String, Value>) -> Option<(&'static str, String)> {
    let places = ["selector", "targetRef", "targetRefs"]
        .into_iter()
        .filter(|place| spec.contains_key(*place))
        .collect::<Vec<_>>();
    match places.as_slice() {
        [_, second, ..] => Some((second, format!("only one of {} can be set", places.join(" and ")))),
        _ => None,
    }
}

pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// `isURL`, as Kubernetes has it, as far as the rule asks: a scheme that is known, or none and something like a host.
fn url(text: &str) -> Option<String> {
    if text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
        return Some("a space is in no address".to_owned());
    }
    match text.split_once("://") {
        Some(("http" | "https" | "file" | "oci", _)) | None => None,
        Some((scheme, _)) => Some(format!("nothing is fetched by `{scheme}`: use oci, https, http or file")),
    }
}

fn group(text: &str) -> Option<String> {
    let word = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let ends = |byte: Option<u8>| byte.is_some_and(fits);
        ends(part.bytes().next()) && ends(part.bytes().last()) && part.bytes().all(|byte| fits(byte) || byte == b'-')
    };
    (!text.is_empty() && !text.split('.').all(word)).then(|| "this is the name of no group".to_owned())
}

fn is_kind(text: &str) -> Option<String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !text.ends_with('-');
    (!fits).then(|| "this is the name of no kind".to_owned())
}
