//! Checks of resources: what several of them do together, and that nothing that somebody wrote can stop a check.

use serde_json::{Value, json};
use tamis_oci::resource::check::{Role, check, hazards, loads};

fn plugin(name: &str, phase: &str, labels: Value) -> Value {
    json!({
        "apiVersion": "extensions.istio.io/v1alpha1",
        "kind": "WasmPlugin",
        "metadata": { "name": name, "namespace": "shop" },
        "spec": {
            "url": format!("oci://registry.example/filters/{name}@sha256:{}", "a".repeat(64)),
            "phase": phase,
            "selector": { "matchLabels": labels },
        },
    })
}

fn warnings(documents: &[Value], role: Option<Role>) -> Vec<String> {
    assert_eq!(check(documents), []);
    let loads = loads(documents).into_iter().map(|load| (load, role)).collect::<Vec<_>>();
    hazards(documents, &loads).into_iter().map(|fault| fault.message).collect()
}

#[test]
fn filters_that_no_proxy_has_both_of_have_no_order() {
    let one = plugin("one", "AUTHN", json!({ "app": "web" }));
    for (other, meets) in [
        (plugin("two", "AUTHN", json!({ "app": "web" })), true),
        (plugin("two", "AUTHN", json!({ "tier": "front" })), true),
        (plugin("two", "AUTHN", json!({ "app": "api" })), false),
        (plugin("two", "AUTHZ", json!({ "app": "web" })), false),
    ] {
        let found = warnings(&[one.clone(), other.clone()], None);
        assert_eq!(found.len(), usize::from(meets), "{other}: {found:?}");
    }
    let mut elsewhere = plugin("two", "AUTHN", json!({ "app": "web" }));
    elsewhere["metadata"]["namespace"] = json!("other");
    assert!(warnings(&[one.clone(), elsewhere.clone()], None).is_empty());
    // Istio's root namespace is for all.
    elsewhere["metadata"]["namespace"] = json!("istio-system");
    assert_eq!(warnings(&[one.clone(), elsewhere], None).len(), 1);
    let mut later = plugin("two", "AUTHN", json!({ "app": "web" }));
    later["spec"]["priority"] = json!(-1);
    assert!(warnings(&[one, later], None).is_empty());
}

#[test]
fn a_role_is_minded_where_it_matters() {
    let phases = ["AUTHN", "AUTHZ", "STATS", "UNSPECIFIED_PHASE"];
    for (role, bad) in [
        (Role::Routing, [false, false, true, true]),
        (Role::Limiting, [true, false, false, false]),
        (Role::Bodies, [false; 4]),
    ] {
        for (phase, bad) in phases.iter().zip(bad) {
            let found = warnings(&[plugin("it", phase, json!({}))], Some(role));
            assert_eq!(!found.is_empty(), bad, "{role:?}, {phase}: {found:?}");
        }
    }
}

#[test]
fn a_list_is_not_passed_over_in_silence() {
    let found = check(&[json!({ "apiVersion": "v1", "kind": "List", "items": [{ "kind": "WasmPlugin" }] })]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].is_error && found[0].message.contains("not looked at"));
}

/// Fields that are looked at, so that what is made at random gets beyond the first of them.
const WORDS: [&str; 30] = [
    "spec",
    "metadata",
    "name",
    "namespace",
    "url",
    "wasm",
    "code",
    "image",
    "http",
    "type",
    "configPatches",
    "patch",
    "match",
    "value",
    "typed_config",
    "config",
    "vm_config",
    "remote",
    "http_uri",
    "@type",
    "selector",
    "matchLabels",
    "targetRefs",
    "applyTo",
    "operation",
    "pluginConfig",
    "vmConfig",
    "env",
    "configuration",
    "priority",
];

fn value(source: &mut arbtest::arbitrary::Unstructured<'_>, depth: usize) -> arbtest::arbitrary::Result<Value> {
    let leaf = |source: &mut arbtest::arbitrary::Unstructured<'_>| -> arbtest::arbitrary::Result<Value> {
        Ok(match source.int_in_range(0..=6)? {
            0 => Value::Null,
            1 => json!(source.arbitrary::<bool>()?),
            2 => json!(source.arbitrary::<i64>()?),
            3 => json!(source.arbitrary::<String>()?),
            4 => json!(*source.choose(&[
                "AUTHN",
                "HTTP_FILTER",
                "EXTENSION_CONFIG",
                "INSERT_BEFORE",
                "ADD",
                "CLUSTER"
            ])?),
            5 => json!("type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"),
            _ => json!("oci://registry.example/a@sha256:b"),
        })
    };
    if depth == 0 {
        return leaf(source);
    }
    Ok(match source.int_in_range(0..=3)? {
        0 => leaf(source)?,
        1 => {
            let count = source.int_in_range(0..=3)?;
            Value::Array((0..count).map(|_| value(source, depth - 1)).collect::<arbtest::arbitrary::Result<_>>()?)
        }
        _ => {
            let count = source.int_in_range(0..=5)?;
            let field = |source: &mut arbtest::arbitrary::Unstructured<'_>| -> arbtest::arbitrary::Result<_> {
                Ok(((*source.choose(&WORDS)?).to_owned(), value(source, depth - 1)?))
            };
            Value::Object((0..count).map(|_| field(source)).collect::<arbtest::arbitrary::Result<_>>()?)
        }
    })
}

#[test]
fn nothing_that_somebody_wrote_stops_a_check() {
    let kinds = [
        ("extensions.istio.io/v1alpha1", "WasmPlugin"),
        ("extensions.istio.io/v1alpha1", "TrafficExtension"),
        ("networking.istio.io/v1alpha3", "EnvoyFilter"),
        ("gateway.envoyproxy.io/v1alpha1", "EnvoyExtensionPolicy"),
    ];
    arbtest::arbtest(|source| {
        let mut documents = Vec::new();
        for (api, kind) in kinds {
            let mut document = value(source, 9)?;
            if let Value::Object(fields) = &mut document {
                fields.insert("apiVersion".to_owned(), json!(api));
                fields.insert("kind".to_owned(), json!(kind));
            }
            documents.push(document);
        }
        let faults = check(&documents);
        assert!(faults.iter().all(|fault| fault.document < documents.len() && !fault.message.is_empty()));
        let loads = loads(&documents).into_iter().map(|load| (load, Some(Role::Bodies))).collect::<Vec<_>>();
        assert!(hazards(&documents, &loads).iter().all(|fault| fault.document < documents.len()));
        Ok(())
    })
    .budget_ms(500);
}
