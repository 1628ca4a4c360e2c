//! What is found is in no log line, no filter state, no answer of the filter's own and no error, whatever becomes of the message.

use std::path::Path;
use std::sync::Arc;

use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::scenario::Modules;
use tamis_harness::stream::{FailurePolicy, FilterSpec, LoadedModule, Passed, Proxy, WireMessage};

use crate::fuzz::SECRETS;

const ALL: &str = r#"["card", "iban", "us_ssn", "kr_rrn", "uk_nhs", "in_aadhaar", "br_cpf", "email", "phone", "ipv4", "ipv6",
    "jwt", "private_key", "token"]"#;
const KEY: &str = "a key of the configuration";

/// Masked and hashed, refused, only counted, and refused because nobody can read them.
fn configurations() -> [String; 4] {
    let logged = r#""access_log": {"path": true, "headers": ["x-secret", "authorization"]}"#;
    [
        format!(
            r#"{{"entities": [{{"find": {ALL}, "mask": "hmac"}}], "names": {{}}, "mask": "label",
                "hmac_key": {{"value": "{KEY}"}}, {logged}}}"#
        ),
        format!(
            r#"{{"entities": [{{"find": {ALL}}}], "names": {{}}, "mask": "block", "held_headers": true,
                "request": {{"body": "buffer"}}, "response": {{"body": "buffer"}}, {logged}}}"#
        ),
        format!(r#"{{"entities": [{{"find": {ALL}}}], "names": {{}}, "mask": "label", "shadow": true, {logged}}}"#),
        format!(
            r#"{{"entities": [{{"find": {ALL}}}], "names": {{}}, "mask": "label", "encoded": "refuse",
                "other_types": "refuse", {logged}}}"#
        ),
    ]
}

fn spec(configuration: &str) -> FilterSpec {
    let file = Modules::default().file("dlp-masking", Path::new(env!("CARGO_MANIFEST_DIR")));
    let file = file.unwrap_or_else(|error| panic!("{error}"));
    let plugin = Plugin {
        name: "masking".to_owned(),
        configuration: configuration.as_bytes().to_vec(),
        allow_on_headers_stop_iteration: true,
        ..Plugin::default()
    };
    let module = LoadedModule::new(&std::fs::read(file).unwrap()).unwrap();
    FilterSpec { module, plugin, failure_policy: FailurePolicy::Closed }
}

/// What is found by its form alone. The others are found by a word, which is sent with them.
fn secrets() -> impl Iterator<Item = &'static str> {
    SECRETS.iter().copied().filter(|secret| {
        let ends = ["4111111111111112", "order"];
        secret.is_ascii() && secret.len() >= 12 && !ends.contains(secret) && crate::support::is_masked(secret)
    })
}

#[test]
fn what_is_found_is_nowhere() {
    let mut answered = 0;
    for configuration in configurations() {
        let mut proxy = Proxy::load(&[spec(&configuration)], Arc::new(Process::deterministic(1))).unwrap();
        for secret in secrets() {
            for content_type in ["text/plain", "image/png"] {
                // In a query, `+` is a space.
                let path = format!("/{secret}?q={}", secret.replace('+', "%2B"));
                let headers = [
                    (":authority", "example.com"),
                    (":path", &path),
                    (":method", "POST"),
                    ("content-type", content_type),
                    ("x-secret", secret.trim()),
                ];
                let body = || format!("it is {secret}").into_bytes();
                let mut stream = proxy.open(Attributes::default());
                let request = WireMessage::new(headers.into_iter().collect::<HeaderMap>(), body());
                let passed = match stream.request(request) {
                    Passed::On(_) => {
                        let headers = [(":status", "200"), ("content-type", content_type)];
                        stream.response(WireMessage::new(headers.into_iter().collect::<HeaderMap>(), body()))
                    }
                    other => other,
                };
                if let Passed::Replied(answer) = passed {
                    answered += 1;
                    let fields = answer.headers.iter().flat_map(|(name, value)| [name, value].concat());
                    let text = fields.chain(answer.chunks.concat()).collect::<Vec<u8>>();
                    let text = String::from_utf8_lossy(&text);
                    assert!(!text.contains(secret), "{text}");
                }
                for name in ["dlp.path", "dlp.x-secret"] {
                    let state = stream.filter_state(name).unwrap_or_default();
                    let state = String::from_utf8_lossy(&state);
                    assert!(
                        (name != "dlp.path" || !state.is_empty()) && !state.contains(secret.trim()),
                        "{name}: {state}"
                    );
                }
                stream.close();
            }
        }
        let lines = format!("{:?}", proxy.process().log_lines());
        assert!(!lines.contains(KEY), "{lines}");
        secrets().for_each(|secret| assert!(!lines.contains(secret), "{secret} is in {lines}"));
    }
    assert!(answered > secrets().count(), "messages were refused");
}

#[test]
fn an_error_of_the_configuration_does_not_tell_the_key() {
    let short = KEY.split_at(15).0;
    let configuration =
        format!(r#"{{"entities": [{{"find": ["card"]}}], "mask": "hmac", "hmac_key": {{"value": "{short}"}}}}"#);
    let process = Arc::new(Process::deterministic(1));
    let refused = Proxy::load(&[spec(&configuration)], process.clone());
    let lines = format!("{:?} {:?}", refused.err(), process.log_lines());
    assert!(lines.contains("hmac_key.value") && !lines.contains(short), "{lines}");
}
