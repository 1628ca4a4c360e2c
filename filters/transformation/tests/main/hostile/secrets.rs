//! What clients, upstreams and the environment say is in no log line and in no error, whatever goes wrong.

use std::sync::Arc;

use serde_json::{Value, json};
use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::stream::{FailurePolicy, FilterSpec, Passed, Proxy, WireMessage};

const SECRET: &str = "tr0ub4dor";

/// Templates that meet the secret and fail, each in a way of its own, and some that do not.
const TEMPLATES: [&str; 18] = [
    "{{ secret + 1 }}",
    "{{ secret.part }}{{ secret.part.of }}",
    "{{ secret|int }}",
    "{{ secret|first }}{{ secret|last }}",
    "{{ missing }}",
    r#"{{ header("x-missing") }}"#,
    r#"{{ env("MISSING") }}"#,
    r#"{{ env("KEY") + 1 }}"#,
    r#"{{ env("KEY") }}{{ missing }}"#,
    r#"{{ extraction("none") }}"#,
    "{{ context()|form_encode }}",
    "{{ secret|form_encode }}",
    "{{ bytes|base64_decode + 1 }}",
    r#"{{ header("authorization")|int }}"#,
    r#"{{ query("token") - 1 }}{{ cookie("session") * 2 }}"#,
    "{% for a in list %}{% for b in list %}{{ body() }}{% endfor %}{% endfor %}",
    "{{ body() }}",
    "{{ secret }}",
];

fn proxy(rule: &Value) -> Option<Proxy> {
    let configuration = json!({
        "held_headers": true,
        "bodies": { "max_bytes": 600 },
        "extractors": [{ "name": "none", "from": { "json": "$.secret" }, "regex": "[0-9]+", "mode": "full" }],
        "rules": [rule],
    });
    let plugin = Plugin {
        name: "edits".to_owned(),
        configuration: configuration.to_string().into_bytes(),
        environment: vec![("KEY".to_owned(), SECRET.to_owned())],
        allow_on_headers_stop_iteration: true,
        ..Plugin::default()
    };
    let module = crate::module("transformation-full");
    let spec = FilterSpec { module, plugin, failure_policy: FailurePolicy::Closed };
    Proxy::load(&[spec], Arc::new(Process::deterministic(1))).ok()
}

fn bodies() -> [String; 4] {
    let good = format!(
        r#"{{"secret": "{SECRET}", "bytes": "{SECRET}", "list": [{}1], "{SECRET}": {{"a": 1}}}}"#,
        "1,".repeat(40)
    );
    [good.clone(), good.replace('}', ""), format!("{SECRET}=%ff&{SECRET}"), format!("\"{SECRET}\" {SECRET}")]
}

/// Sends a request and a response with the secret in all of their parts; says whether something has failed.
fn send(proxy: &mut Proxy, body: &str) -> bool {
    let path = format!("/{SECRET}/../a?token={SECRET}");
    let cookie = format!("session={SECRET}");
    let request = [
        (":authority", SECRET),
        (":path", &path),
        (":method", "POST"),
        ("content-type", "application/json"),
        ("authorization", SECRET),
        ("cookie", &cookie),
    ];
    let response = [(":status", "200"), ("content-type", "application/json"), ("set-cookie", &cookie)];
    let mut stream = proxy.open(Attributes::default());
    let message = |headers: &[(&str, &str)]| {
        WireMessage::new(headers.iter().copied().collect::<HeaderMap>(), body.as_bytes().to_vec())
    };
    let mut failed = true;
    if let Passed::On(_) = stream.request(message(&request)) {
        failed = !matches!(stream.response(message(&response)), Passed::On(_));
    }
    stream.close();
    failed
}

#[test]
fn what_flows_in_is_in_no_log() {
    let mut failures = 0;
    let mut rules = vec![
        json!({ "request": { "path": { "regex": { "pattern": "/a", "substitution": "/.." } } } }),
        json!({ "request": { "json": [{ "set": { "path": "$.a", "value": 1 } }, { "append": { "path": "$.secret", "value": 1 } }] } }),
        json!({ "redirect": { "path": { "regex": { "pattern": "^/", "substitution": "" } } } }),
    ];
    for template in TEMPLATES {
        for made in [
            json!({ "header": { "name": "x-made", "template": template } }),
            json!({ "json": { "path": "$.list", "template": template, "as": "json" } }),
            json!({ "body": { "template": template, "content_type": "application/json" } }),
        ] {
            rules.push(json!({ "request": { "templates": [made] } }));
            rules.push(json!({ "response": { "templates": [made] } }));
        }
        rules.push(json!({ "request": { "templates": [{ "path": template }] } }));
    }
    let mut loaded = 0;
    for rule in &rules {
        // A template that no configuration may have is tested where error texts are.
        let Some(mut proxy) = proxy(rule) else { continue };
        loaded += 1;
        for body in bodies() {
            failures += u32::from(send(&mut proxy, &body));
        }
        let lines = proxy.process().log_lines();
        assert!(!format!("{lines:?}").contains(SECRET), "{rule}: {lines:?}");
    }
    assert!(loaded > 90 && failures > 200, "{loaded} of {} rules, {failures} failures", rules.len());
}
