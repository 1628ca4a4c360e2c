//! Our tables beside the schemas that the control planes publish (`tamis setup schemas`): the same fields, bounds and words, and a rule
//! of ours wherever they have one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::KINDS;
use super::shape::{Object, Shape};

/// What `tamis setup` has put there.
const FOLDER: &str = "schemas/istio-1.31.1-envoy-gateway-1.9.0-kyverno-1.15.2";

/// Where ours says more on purpose, or in another place.
const MORE: [&str; 8] = [
    // A rule of Istio's is at the labels, ours at what holds them.
    "WasmPlugin.spec.selector",
    "TrafficExtension.spec.selector",
    "WasmPlugin.spec.selector.matchLabels",
    "TrafficExtension.spec.selector.matchLabels",
    "EnvoyFilter.spec.configPatches[].match.waypoint",
    // The pattern is in a comment there, and compared all the same; a rule is in what we do not look into.
    "EnvoyExtensionPolicy.spec.wasm[].code.http.sha256",
    "EnvoyExtensionPolicy.spec.wasm[].code.image.sha256",
    "EnvoyExtensionPolicy.spec.wasm[].code.image",
];

#[test]
fn our_tables_are_what_is_published() {
    let cache = std::env::var_os("TAMIS_CACHE").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/tamis"));
    let folder = cache.or_else(home).unwrap().join(FOLDER);
    if !folder.is_dir() {
        eprintln!("skipped: tables of resources against schemas: `tamis setup schemas` fetches them");
        return;
    }
    let mut different = Vec::new();
    let mut compared = 0;
    for kind in &KINDS {
        let schema = schema(&folder, kind.name);
        let spec = &schema["properties"]["spec"];
        assert!(spec.is_object(), "{}", kind.name);
        compare(spec, kind.spec, &format!("{}.spec", kind.name), &mut different, &mut compared);
    }
    assert!(different.is_empty(), "{different:#?}");
    assert!(compared > 150, "{compared} places");
}

fn compare(schema: &Value, shape: &Shape, path: &str, different: &mut Vec<String>, compared: &mut usize) {
    *compared += 1;
    let number = |name: &str| schema[name].as_u64().map(|number| number as usize);
    let has_rule = ["x-kubernetes-validations", "oneOf", "pattern"].iter().any(|name| !schema[*name].is_null());
    let mut check = |what: &str, theirs: Option<usize>, ours: usize, none: usize| {
        if theirs.unwrap_or(none) != ours {
            different.push(format!("{path}: {what} is {theirs:?} there and {ours} here"));
        }
    };
    let rule = match shape {
        Shape::Text(text) => {
            check("minLength", number("minLength"), text.least, 0);
            check("maxLength", number("maxLength"), text.most, usize::MAX);
            text.form.is_some()
        }
        Shape::List { most, .. } => {
            check("maxItems", number("maxItems"), *most, usize::MAX);
            has_rule
        }
        Shape::Map { most, .. } => {
            check("maxProperties", number("maxProperties"), *most, usize::MAX);
            has_rule
        }
        Shape::Object(object) => !object.rules.is_empty(),
        _ => has_rule,
    };
    if rule != has_rule && !MORE.contains(&path) {
        different.push(format!("{path}: a rule is {} there and {} here", has_rule, rule));
    }
    let kind = schema["type"].as_str().unwrap_or_default();
    match shape {
        Shape::Any => {}
        Shape::Bool => expect(kind == "boolean", path, different),
        Shape::Text(_) => expect(kind == "string", path, different),
        Shape::Int(least, most) => {
            expect(kind == "integer", path, different);
            let (low, high) = if schema["format"] == "int32" && schema["minimum"].is_null() {
                (Some(i64::from(i32::MIN)), Some(i64::from(i32::MAX)))
            } else {
                (schema["minimum"].as_i64(), schema["maximum"].as_i64())
            };
            expect((low, high) == (Some(*least), Some(*most)), path, different);
        }
        Shape::Word(words) => {
            let ours: BTreeSet<&str> = words.iter().copied().collect();
            let sets =
                schema["allOf"].as_array().into_iter().flatten().chain([schema]).filter_map(|it| it["enum"].as_array());
            let sets: Vec<BTreeSet<&str>> = sets.map(|set| set.iter().filter_map(Value::as_str).collect()).collect();
            let all = sets.into_iter().reduce(|one, two| one.intersection(&two).copied().collect());
            if all.as_ref() != Some(&ours) {
                different.push(format!("{path}: the words are {all:?} there"));
            }
        }
        Shape::List { item, key, .. } => {
            let keys = schema["x-kubernetes-list-map-keys"].get(0).and_then(Value::as_str);
            expect(keys == *key, path, different);
            compare(&schema["items"], item, &format!("{path}[]"), different, compared);
        }
        Shape::Map { value, .. } => {
            if schema["additionalProperties"].is_object() {
                compare(&schema["additionalProperties"], value, &format!("{path}{{}}"), different, compared);
            } else {
                expect(schema["x-kubernetes-preserve-unknown-fields"] == true, path, different);
            }
        }
        Shape::Object(object) => fields(schema, object, path, different, compared),
    }
}

fn fields(schema: &Value, object: &Object, path: &str, different: &mut Vec<String>, compared: &mut usize) {
    let theirs: BTreeSet<&str> =
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let ours: BTreeSet<&str> = object.fields.iter().map(|field| field.name).collect();
    if theirs != ours {
        different.push(format!("{path}: other fields: {:?}", theirs.symmetric_difference(&ours).collect::<Vec<_>>()));
    }
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let ours: BTreeSet<&str> = object.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    if required != ours {
        different.push(format!("{path}: required are {required:?} there and {ours:?} here"));
    }
    for field in object.fields {
        compare(&schema["properties"][field.name], field.shape, &format!("{path}.{}", field.name), different, compared);
    }
}

fn expect(fits: bool, path: &str, different: &mut Vec<String>) {
    if !fits {
        different.push(format!("{path}: of another kind"));
    }
}

fn schema(folder: &Path, kind: &str) -> Value {
    let name = format!("kind: {kind}\n");
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    // What surrounds it belongs to the chart that it is a part of.
    let texts = ["istio.yaml", "envoy-gateway.yaml"].map(|file| {
        read(file).lines().filter(|line| !line.starts_with("{{")).map(|line| format!("{line}\n")).collect::<String>()
    });
    let mut documents = texts.iter().flat_map(|text| text.split("\n---\n"));
    let document = documents.find(|document| document.contains(&name)).unwrap_or_else(|| panic!("no schema of {kind}"));
    let definition: Value = serde_saphyr::from_str(document).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}
