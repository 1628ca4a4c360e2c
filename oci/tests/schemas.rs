//! Resources for control planes, against the schemas that the control planes themselves publish (`tamis setup schemas`). What a
//! schema does not know is refused here: an API server would drop it without a word.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tamis_module::plugin_config::FailurePolicy;
use tamis_oci::resource::{Attach, Code, Context, Deployment, HttpCode, Phase, ResourceError, Target, TargetRef};
use tamis_oci::{Digest, ModuleRef};

/// What `tamis setup` has put there.
const FOLDER: &str = "schemas/istio-1.31.1-envoy-gateway-1.9.0-kyverno-1.15.2";

fn deployment() -> Deployment {
    let ModuleRef::Registry(image) = "oci://registry.example/tamis/transformation:1.0".parse().unwrap() else {
        panic!()
    };
    Deployment {
        name: "edits".to_owned(),
        namespace: Some("shop".to_owned()),
        image,
        digest: Digest::of(b"manifest"),
        configuration: Some(json!({ "rules": [{ "stop": true }], "limit": 10 })),
        failure_policy: FailurePolicy::Closed,
        held_headers: false,
        phase: Phase::Last,
        priority: None,
        attach: Attach::Targets(vec![TargetRef { kind: "Gateway".to_owned(), name: "edge".to_owned() }]),
        context: None,
        port: None,
        buffer_limit: None,
        code: Code::Image,
        pull_secret: None,
        environment: Vec::new(),
    }
}

fn http(tls: bool, host: &str) -> HttpCode {
    HttpCode { tls, host: host.to_owned(), port: 8443, path: "/edits.wasm".to_owned(), digest: Digest::of(b"module") }
}

/// A deployment with each thing that can be said, one at a time and together.
fn variants() -> Vec<Deployment> {
    let with = |change: fn(&mut Deployment)| {
        let mut changed = deployment();
        change(&mut changed);
        changed
    };
    let all: [fn(&mut Deployment); 15] = [
        |_| {},
        |it| it.namespace = None,
        |it| it.configuration = None,
        |it| it.failure_policy = FailurePolicy::Open,
        |it| it.failure_policy = FailurePolicy::Reload,
        |it| (it.phase, it.priority) = (Phase::Authn, Some(-5)),
        |it| it.attach = Attach::Labels(vec![("app".to_owned(), "web".to_owned())]),
        |it| (it.attach, it.pull_secret) = (Attach::All, Some("registry".to_owned())),
        |it| it.environment = vec![("DLP_KEY".to_owned(), "0123456789abcdef".to_owned())],
        |it| (it.context, it.port) = (Some(Context::SidecarInbound), Some(8080)),
        |it| (it.context, it.attach) = (Some(Context::SidecarOutbound), Attach::All),
        |it| (it.context, it.attach) = (Some(Context::Any), Attach::All),
        |it| it.buffer_limit = Some(65_536),
        |it| it.code = Code::Http(http(false, "10.0.0.1")),
        |it| (it.code, it.held_headers) = (Code::Http(http(true, "files.example")), true),
    ];
    all.into_iter().map(with).collect()
}

/// A kind of resource.
type Kind = (&'static str, fn(Deployment) -> Target);

const KINDS: [Kind; 4] = [
    ("WasmPlugin", Target::WasmPlugin),
    ("TrafficExtension", Target::TrafficExtension),
    ("EnvoyFilter", Target::EnvoyFilter),
    ("EnvoyExtensionPolicy", Target::EnvoyExtensionPolicy),
];

#[test]
fn every_resource_is_what_its_schema_says() {
    let cache = std::env::var_os("TAMIS_CACHE").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/tamis"));
    let folder = cache.or_else(home).unwrap().join(FOLDER);
    if !folder.is_dir() {
        eprintln!("skipped: resources against schemas: `tamis setup schemas` fetches them");
        return;
    }
    for (kind, target) in KINDS {
        let schema = schema(&folder, kind);
        let mut said = 0;
        for deployment in variants() {
            let Ok(resource) = target(deployment).to_json() else { continue };
            said += 1;
            let faults = faults(&schema, &resource, "");
            assert!(faults.is_empty(), "{kind}: {faults:#?}\n{resource:#}");
        }
        assert!(said >= 4, "{kind}: {said}");
        // The schemas see it: a field that is not there, a value that is none, one that is missing.
        let mut resource = target(deployment()).to_json().unwrap();
        resource["spec"]["urll"] = json!("x");
        assert_eq!(faults(&schema, &resource, ""), ["/spec/urll: there is no such field"], "{kind}");
    }
    let plugin = schema(&folder, "WasmPlugin");
    for (field, value) in [("failStrategy", json!("FAIL")), ("priority", json!("1")), ("url", Value::Null)] {
        let mut resource = Target::WasmPlugin(deployment()).to_json().unwrap();
        resource["spec"][field] = value;
        assert_eq!(faults(&plugin, &resource, "").len(), 1, "{field}");
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
    let mut schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    // Every object has them; the API server adds their schemas.
    for name in ["apiVersion", "kind", "metadata"] {
        schema["properties"][name] = json!({ "x-kubernetes-preserve-unknown-fields": true });
    }
    schema
}

/// What of a value is not as a structural schema of Kubernetes says; fields that are not named are none. A crate for JSON Schema
/// would do, but its features make the whole workspace compile its heaviest dependencies a second time.
fn faults(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut wrong = |what: String| found.push(format!("{path}: {what}"));
    let keeps = schema["x-kubernetes-preserve-unknown-fields"] == json!(true);
    let fits = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some(other) => panic!("{path}: the type {other}"),
    };
    if !fits {
        wrong(format!("{value} is no {}", schema["type"]));
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        wrong(format!("{value} is none of {values:?}"));
    }
    if let (Some(text), Some(most)) = (value.as_str(), schema["maxLength"].as_u64())
        && text.len() as u64 > most
    {
        wrong(format!("longer than {most}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.is_object() && value.get(name).is_none() {
            wrong(format!("`{name}` is missing"));
        }
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let known = [&schema["properties"][name], &schema["additionalProperties"]]
                    .into_iter()
                    .find(|it| it.is_object());
                let path = format!("{path}/{name}");
                match known {
                    Some(schema) => found.extend(faults(schema, field, &path)),
                    None if keeps => {}
                    None => found.push(format!("{path}: there is no such field")),
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                found.extend(faults(&schema["items"], item, &format!("{path}/{number}")));
            }
        }
        _ => {}
    }
    found
}

#[test]
fn what_a_kind_cannot_say_is_refused() {
    let held = Deployment { held_headers: true, ..deployment() };
    for (kind, target) in KINDS {
        let refused = matches!(target(held.clone()).to_json(), Err(ResourceError::HeldHeaders { .. }));
        assert_eq!(refused, kind != "EnvoyFilter", "{kind}");
    }
    let said = Target::EnvoyFilter(held).to_json().unwrap();
    let flag = "/spec/configPatches/0/patch/value/typed_config/config/allow_on_headers_stop_iteration";
    assert_eq!(said.pointer(flag), Some(&json!(true)));

    let large = json!({ "rules": [{ "limit": (1_u64 << 53) + 1 }] });
    let large = Deployment { configuration: Some(large), ..deployment() };
    let error = Target::WasmPlugin(large.clone()).to_json().unwrap_err().to_string();
    assert!(error.contains("`rules[0].limit`"), "{error}");
    assert!(Target::EnvoyExtensionPolicy(large).to_json().is_ok());

    let all = Deployment { attach: Attach::All, ..deployment() };
    assert!(matches!(Target::EnvoyExtensionPolicy(all).to_json(), Err(ResourceError::Needs { .. })));
}

#[test]
fn images_are_named_by_their_digest_and_a_policy_has_a_part_of_it_in_its_name() {
    let digest = deployment().digest;
    let plugin = Target::WasmPlugin(deployment()).to_json().unwrap();
    assert_eq!(plugin["spec"]["url"], format!("oci://registry.example/tamis/transformation@{digest}"));
    assert_eq!(plugin["metadata"], json!({ "name": "edits", "namespace": "shop" }));
    let policy = Target::EnvoyExtensionPolicy(deployment()).to_json().unwrap();
    let image = &policy["spec"]["wasm"][0]["code"]["image"];
    assert_eq!(image, &json!({ "url": format!("registry.example/tamis/transformation@{digest}") }));
    assert_eq!(policy["metadata"]["name"], format!("edits-{}", digest.short()));
    // Stable order, so that two prints of the same thing are the same text.
    let text = |target: &Target| target.to_yaml().unwrap();
    assert_eq!(text(&Target::WasmPlugin(deployment())), text(&Target::WasmPlugin(deployment())));
    let _: Map<String, Value> = serde_saphyr::from_str(&text(&Target::EnvoyFilter(deployment()))).unwrap();
}

#[test]
fn code_that_envoy_fetches_has_a_cluster_a_checksum_and_a_vm_of_its_own() {
    let wanted = Deployment { code: Code::Http(http(true, "files.example")), ..deployment() };
    let filter = Target::EnvoyFilter(wanted.clone()).to_json().unwrap();
    let patch = |number: usize| filter["spec"]["configPatches"][number].clone();
    assert_eq!([patch(0)["applyTo"].clone(), patch(1)["applyTo"].clone()], ["CLUSTER", "HTTP_FILTER"]);
    let vm = patch(1)["patch"]["value"]["typed_config"]["config"]["vm_config"].clone();
    let remote = &vm["code"]["remote"];
    assert_eq!(remote["http_uri"]["uri"], "https://files.example:8443/edits.wasm");
    assert_eq!(remote["http_uri"]["cluster"], patch(0)["patch"]["value"]["name"]);
    assert_eq!(remote["sha256"], Digest::of(b"module").hex());
    assert_eq!(vm["vm_id"], format!("edits-{}", Digest::of(b"module").short()));
    assert_eq!(patch(0)["patch"]["value"]["transport_socket"]["typed_config"]["sni"], "files.example");
    let plain = Deployment { code: Code::Http(http(false, "::1")), ..deployment() };
    let filter = Target::EnvoyFilter(plain).to_json().unwrap();
    let uri = "/spec/configPatches/1/patch/value/typed_config/config/vm_config/code/remote/http_uri/uri";
    assert_eq!(filter.pointer(uri), Some(&json!("http://[::1]:8443/edits.wasm")));
    assert_eq!(filter.pointer("/spec/configPatches/0/patch/value/transport_socket"), None);
    assert!(matches!(Target::WasmPlugin(wanted).to_json(), Err(ResourceError::No { .. })));
}

#[test]
fn contexts_and_ports_are_said_in_each_api() {
    let contexts = [
        (Context::SidecarInbound, "SIDECAR_INBOUND", json!([{ "mode": "SERVER", "ports": [{ "number": 8080 }] }])),
        (Context::SidecarOutbound, "SIDECAR_OUTBOUND", json!([{ "mode": "CLIENT", "ports": [{ "number": 8080 }] }])),
        (Context::Gateway, "GATEWAY", json!([{ "mode": "CLIENT", "ports": [{ "number": 8080 }] }])),
        (Context::Any, "ANY", json!([{ "ports": [{ "number": 8080 }] }])),
    ];
    for (context, word, traffic) in contexts {
        let wanted = Deployment { context: Some(context), port: Some(8080), ..deployment() };
        let filter = Target::EnvoyFilter(wanted.clone()).to_json().unwrap();
        for patch in filter["spec"]["configPatches"].as_array().unwrap() {
            assert_eq!(patch["match"]["context"], word);
        }
        assert_eq!(filter.pointer("/spec/configPatches/1/match/listener/portNumber"), Some(&json!(8080)));
        assert_eq!(Target::WasmPlugin(wanted.clone()).to_json().unwrap()["spec"]["match"], traffic);
        assert_eq!(Target::TrafficExtension(wanted.clone()).to_json().unwrap()["spec"]["match"], traffic);
        assert!(matches!(Target::EnvoyExtensionPolicy(wanted).to_json(), Err(ResourceError::No { .. })));
    }
}

#[test]
fn higress_takes_what_its_gateways_can_do() {
    let all = Deployment { attach: Attach::All, phase: Phase::Authn, ..deployment() };
    let plugin = Target::Higress(all.clone()).to_json().unwrap();
    assert_eq!(plugin["apiVersion"], "extensions.higress.io/v1alpha1");
    assert_eq!(plugin["spec"]["defaultConfig"], deployment().configuration.unwrap());
    assert_eq!(plugin["spec"].get("pluginConfig"), None);
    let refused: [fn(&mut Deployment); 4] = [
        |it| it.failure_policy = FailurePolicy::Reload,
        |it| it.context = Some(Context::SidecarInbound),
        |it| it.port = Some(80),
        |it| it.attach = Attach::Labels(vec![("app".to_owned(), "web".to_owned())]),
    ];
    for change in refused {
        let mut changed = all.clone();
        change(&mut changed);
        assert!(matches!(Target::Higress(changed).to_json(), Err(ResourceError::No { .. })));
    }
}

#[test]
fn what_an_api_says_worse_than_asked_is_a_warning_and_a_comment() {
    let limited = Deployment { buffer_limit: Some(65_536), ..deployment() };
    for (kind, target) in KINDS {
        let resource = target(limited.clone()).resource().unwrap();
        let warned = resource.warnings.iter().any(|text| text.contains("buffer limit"));
        assert_eq!(warned, kind != "EnvoyFilter", "{kind}");
        let yaml = resource.to_yaml();
        assert_eq!(yaml.contains("# Warning: "), !resource.warnings.is_empty(), "{yaml}");
        assert!(yaml.lines().filter(|line| line.trim_start().starts_with("# ")).count() >= 4, "{yaml}");
        let read: Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(read, resource.documents[0], "{yaml}");
    }
    let filter = Target::EnvoyFilter(limited).to_json().unwrap();
    let limit = "/spec/configPatches/2/patch/value/per_connection_buffer_limit_bytes";
    assert_eq!(filter.pointer(limit), Some(&json!(65_536)));
}
