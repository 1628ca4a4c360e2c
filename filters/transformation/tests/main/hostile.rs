//! Messages that want a template to take memory without an end: the module stays below a stated bound.

mod secrets;

use std::sync::Arc;

use serde_json::{Value, json};
use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::stream::{FailurePolicy, FilterSpec, LoadedModule, Passed, Proxy, WireMessage};

/// The most memory that the module takes for one message at a time, with bodies of up to 1 MiB (`bodies.max_bytes`): for a template
/// that makes as much as may be, 32 times the body in one text, by joining what it has joined.
const MAX_MEMORY_BYTES: usize = 160 << 20;

/// The same for templates that join no texts with `~`.
const MAX_MEMORY_WITHOUT_JOINS: usize = 64 << 20;

const MEBIBYTE: usize = 1 << 20;

/// Templates that make much out of little, or look at much again and again. Each is a configuration of its own.
const TEMPLATES: [&str; 35] = [
    "{{ body() }}",
    "{{ body() ~ body() ~ body() ~ body() ~ body() ~ body() ~ body() ~ body() ~ body() ~ body() ~ body() ~ body() }}",
    "{% set a = body() ~ body() %}{% set a = a ~ a %}{% set a = a ~ a %}{% set a = a ~ a %}{% set a = a ~ a %}{{ a }}",
    "{{ text ~ text ~ text ~ text ~ text ~ text ~ text ~ text ~ text ~ text ~ text ~ text ~ text ~ text ~ text ~ text }}",
    "{{ body()|base64_encode|base64_encode|base64_encode }}",
    "{{ body()|urlencode|urlencode|urlencode|urlencode|length }}",
    "{{ body()|raw_string|raw_string|raw_string|raw_string|raw_string|length }}",
    "{{ body()|upper|lower|upper|lower|upper|lower|trim|upper|lower|upper|lower|length }}",
    r#"{{ body()|replace("a", body())|length }}"#,
    r#"{{ body()|replace("a", "aaaaaaaaaaaaaaaaaaaa")|replace("a", "aaaaaaaaaaaaaaaaaaaa")|length }}"#,
    r#"{{ body()|replace_with_random("a")|length }}"#,
    "{{ body()|form_decode|length }}",
    "{{ body()|form_decode|form_encode|form_decode|form_encode|length }}",
    "{{ body()|word_count }} {{ body()|substring(1)|substring(1)|length }}",
    "{{ context()|tojson|length }}",
    "{{ context()|tojson|tojson|tojson|tojson|tojson|length }}",
    "{{ context()|form_encode|length }}",
    r#"{{ list|join("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")|length }}"#,
    "{{ list|join(body())|length }}",
    "{{ [list, list, list, list, list, list, list, list]|join(',')|length }}",
    "{% set a = [list, list, list, list] %}{% set a = [a, a, a, a] %}{{ a }}",
    "{% for a in list %}{% for b in list %}{% for c in list %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in list %}{{ a }}{{ loop.index }}{% endfor %}",
    "{% for a in list %}{% set c = [list, a, list] %}{{ c|length }}{% endfor %}",
    "{% for a in list %}{{ body()|length }}{% endfor %}",
    "{% for a in list %}{% if a in list %}x{% endif %}{% endfor %}",
    "{% for a in list %}{% if list == [a] %}x{% endif %}{{ list|last }}{% endfor %}",
    r#"{% for a in list %}{% set b = loop.index ~ "a" %}{{ b|replace_with_random(b) }}{% endfor %}"#,
    "{% for name in context() %}{{ context()[name] }}{% endfor %}",
    "{% for name in context() %}{{ name|upper }}{{ context()|length }}{% endfor %}",
    "{{ text|upper }}{{ text|length }}{{ text[1:] }}{{ text[::2] }}",
    r#"{{ extraction("words")|length }}{{ extraction("member")|length }}"#,
    r#"{{ header_values("x-a")|join(body())|length }}{{ query("q")|urlencode|length }}"#,
    r#"{% if text == body() or text in body() or body() in text %}{{ text ~ body() }}{% endif %}"#,
    r#"{"a": "{{ body() }}", "b": [{% for a in list %}"{{ a }}",{% endfor %}0]}"#,
];

/// Bodies as long as they may be, and what templates look for in them.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let filled = |start: &str, piece: &str, end: &str| {
        let times = (MEBIBYTE - start.len() - end.len() - 1) / piece.len();
        [start.as_bytes(), piece.repeat(times).as_bytes(), end.as_bytes()].concat()
    };
    let members = (0..60_000).map(|i| format!("\"n{i}\":{i},")).collect::<String>();
    vec![
        ("a text", filled(r#"{"list": [1, 2], "text": ""#, "a", r#""}"#)),
        ("escapes", filled(r#"{"list": [1, 2], "text": ""#, "\\u0022\\n", r#""}"#)),
        ("letters that grow", filled(r#"{"list": ["ß"], "text": ""#, "ŉß", r#""}"#)),
        ("numbers", filled(r#"{"text": "t", "list": ["#, "1,", "1]}")),
        (
            "as many values as there may be",
            format!(r#"{{"text": "t", "list": [{}1]}}"#, "1,".repeat(65_000)).into_bytes(),
        ),
        ("objects", format!(r#"{{"text": "t", "list": [{}1]}}"#, "{},".repeat(65_000)).into_bytes()),
        (
            "objects with a member",
            format!(r#"{{"text": "t", "list": [{}1]}}"#, r#"{"a":[]},"#.repeat(21_000)).into_bytes(),
        ),
        (
            "numbers that stay as they are",
            format!(r#"{{"text": "t", "list": [{}1]}}"#, "1e400,".repeat(65_000)).into_bytes(),
        ),
        ("short texts", format!(r#"{{"text": "t", "list": [{}1]}}"#, r#""a","#.repeat(65_000)).into_bytes()),
        (
            "long texts",
            format!(r#"{{"text": "t", "list": [{}1]}}"#, format!(r#""{}","#, "a".repeat(1000)).repeat(1000))
                .into_bytes(),
        ),
        ("members", format!(r#"{{"text": "t", "list": [1], {members}"z":1}}"#).into_bytes()),
        ("depth", ["[".repeat(MEBIBYTE / 2 - 1), "]".repeat(MEBIBYTE / 2 - 1)].concat().into_bytes()),
        ("a form", filled("list=1", "&a=b", "")),
        ("a form of names", (0..60_000).map(|i| format!("&n{i}=")).collect::<String>().into_bytes()),
        ("an encoded form", filled("list=", "%26", "")),
        ("bytes", [0xff, 0].repeat(MEBIBYTE / 2 - 1)),
    ]
}

fn proxy(module: &LoadedModule, configuration: &Value) -> Proxy {
    let filter = FilterSpec {
        module: module.clone(),
        plugin: Plugin {
            name: "hostile".to_owned(),
            configuration: configuration.to_string().into_bytes(),
            ..Plugin::default()
        },
        failure_policy: FailurePolicy::Closed,
    };
    Proxy::load(&[filter], Arc::new(Process::deterministic(1))).unwrap()
}

/// Sends a request, and says whether the module is alive after it.
fn send(proxy: &mut Proxy, path: &str, kind: &str, body: Vec<u8>) -> bool {
    let path = format!("{path}?q={}", "%61b".repeat(2000));
    let header = "a,".repeat(8000);
    let headers = [
        (":authority", "example.com"),
        (":path", &path),
        (":method", "POST"),
        ("content-type", kind),
        ("x-a", &header),
        ("x-a", &header),
    ];
    let mut stream = proxy.open(Attributes::default());
    let passed = stream.request(WireMessage::new(headers.into_iter().collect::<HeaderMap>(), body));
    stream.close();
    match passed {
        Passed::On(_) => true,
        // What the filter answers itself, and not the proxy for a module that has died.
        Passed::Replied(reply) => {
            reply.headers.get(b":status").is_some_and(|status| status == b"500" || status == b"400")
        }
        Passed::Reset | Passed::Stuck => false,
    }
}

#[test]
fn no_message_takes_more_memory_than_is_said() {
    let (module, bodies) = (crate::module("transformation-full"), bodies());
    let mut most = (0, String::new());
    for template in TEMPLATES {
        let configuration = json!({
            "extractors": [
                { "name": "words", "from": "body", "regex": "(a|b)*", "mode": "search", "default": "" },
                { "name": "member", "from": { "json": "$.list[*]" }, "regex": ".*", "mode": "search", "default": "" },
            ],
            "rules": [
                { "match": { "paths": [{ "prefix": "/body" }] }, "request": { "templates": [{ "body": { "template": template, "escape": "json" } }] } },
                { "match": { "paths": [{ "prefix": "/json" }] }, "request": { "templates": [
                    { "json": { "path": "$.list[*]", "template": "{{ text }}" } }, { "json": { "path": "$.text", "template": template } },
                ] } },
            ],
        });
        let limit = if template.contains('~') { MAX_MEMORY_BYTES } else { MAX_MEMORY_WITHOUT_JOINS };
        let mut proxy = proxy(&module, &configuration);
        for (name, body) in &bodies {
            let other = if body.starts_with(b"{") { ("/json", "application/json") } else { ("/body", "text/plain") };
            for (path, kind) in [("/body", "application/json"), other] {
                assert!(send(&mut proxy, path, kind, body.clone()), "{template}, {name}, {path}: the module has died");
                let memory = proxy.memory_bytes();
                assert!(memory <= limit, "{template}, {name}, {path}: {memory} bytes");
                if memory > most.0 {
                    most = (memory, format!("{template}, {name}, {path}"));
                }
            }
        }
    }
    println!("at most {} bytes: {}", most.0, most.1);
}

/// Without templates: edits of JSON, and paths by regular expression.
#[test]
fn edits_take_no_more_either() {
    let configuration = json!({ "rules": [{ "request": {
        "path": { "regex": { "pattern": "(.*)", "substitution": r"/\1\1\1\1\1\1\1\1" } },
        "json": [
            { "set": { "path": "$.list[*]", "value": "a text that is longer than what was there before" } },
            { "append": { "path": "$.list", "value": [1, 2, 3] } },
            { "rename": { "path": "$.text", "name": "other" } },
        ],
    } }] });
    let mut proxy = proxy(&crate::module("transformation-full"), &configuration);
    for (name, body) in bodies() {
        assert!(send(&mut proxy, "/body", "application/json", body), "{name}: the module has died");
        let memory = proxy.memory_bytes();
        assert!(memory <= MAX_MEMORY_WITHOUT_JOINS, "{name}: {memory} bytes");
    }
}
