//! Bad configurations, with their exact words. `BLESS=1 cargo test` writes them anew: read them before you commit them.

use std::fmt::Write as _;
use std::path::Path;

use tamis_harness::check::check;
use tamis_harness::document::Document;

/// What is wrong, and the configuration: the whole of it.
const CASES: &[&str] = &[
    r##"{}"##,
    r##"{"rules": []}"##,
    r##"{"rules": [{}]}"##,
    r##"{"rules": [{"name": "nothing"}]}"##,
    r##"{"rules": [{"request": {}}]}"##,
    r##"{"rules": [{"name": 1, "stop": true}]}"##,
    r##"{"rules": [{"request": {"header": {}}}]}"##,
    r##"{"rules": [{"request": {"headers": {"remove": ["host"]}}}]}"##,
    r##"{"rules": [{"request": {"headers": {"remove": [":path"]}}}]}"##,
    r##"{"rules": [{"request": {"headers": {"set": [{"name": "a"}]}}}]}"##,
    r##"{"rules": [{"request": {"headers": {"set": [{"name": "a", "value": "b\nc"}]}}}]}"##,
    r##"{"rules": [{"request": {"headers": {"remove_prefix": [""]}}}]}"##,
    r##"{"rules": [{"request": {"method": "get"}}]}"##,
    r##"{"rules": [{"request": {"authority": "a/b"}}]}"##,
    r##"{"rules": [{"request": {"path": {"full": "no"}}}]}"##,
    r##"{"rules": [{"request": {"query": {"set": [{"name": "a", "value": 1}]}}}]}"##,
    r##"{"rules": [{"request": {"cookies": {"set": [{"name": "a;b", "value": "c"}]}}}]}"##,
    r##"{"rules": [{"request": {"cookies": {"set": [{"name": "a", "value": "b;c"}]}}}]}"##,
    r##"{"rules": [{"request": {"cookies": {"remove": [""]}}}]}"##,
    r##"{"rules": [{"request": {"json": [{"remove": "$"}]}}]}"##,
    r##"{"rules": [{"request": {"json": [{"remove": "a.b"}]}}]}"##,
    r##"{"rules": [{"request": {"json": [{"remove": "$..a"}]}}]}"##,
    r##"{"rules": [{"request": {"json": [{"rename": {"path": "$.a[0]", "name": "b"}}]}}]}"##,
    r##"{"rules": [{"request": {"json": [{"set": {"path": "$.a"}}]}}]}"##,
    r##"{"rules": [{"request": {"json": [{"delete": "$.a"}]}}]}"##,
    r##"{"rules": [{"request": {"json": {"remove": "$.a"}}}]}"##,
    r##"{"rules": [{"response": {"status": 204}}]}"##,
    r##"{"rules": [{"response": {"status": 100}}]}"##,
    r##"{"rules": [{"response": {"status": "500"}}]}"##,
    r##"{"rules": [{"match_response": {"statuses": ["2x"]}, "stop": true}]}"##,
    r##"{"rules": [{"match_response": {"statuses": [600]}, "stop": true}]}"##,
    r##"{"rules": [{"match": {"path": "/a"}, "stop": true}]}"##,
    r##"{"rules": [{"redirect": {}, "direct_response": {"status": 200}}]}"##,
    r##"{"rules": [{"redirect": {}, "request": {"method": "GET"}}]}"##,
    r##"{"rules": [{"stop": "yes"}]}"##,
    r##"{"rules": [{"stop": true}], "bodies": {"max_bytes": 0}}"##,
    r##"{"rules": [{"stop": true}], "bodies": {"max_bytes": 67108865}}"##,
    r##"{"rules": [{"stop": true}], "bodies": {"over_limit": "cut"}}"##,
    r##"{"rules": [{"stop": true}], "on_error": {"respond": {"status": 200}}}"##,
    r##"{"rules": [{"stop": true}], "undefined": "null"}"##,
    r##"{"rules": [{"stop": true}], "extractors": [{"name": "a"}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "/a"}]}}]}"##,
    r##"{"rules": [{"response": {"templates": [{"body": {"template": "a"}}]}}]}"##,
    r##"{"rules": [{"direct_response": {"status": 200}, "direct_body": "a"}]}"##,
    r##"{"rules": [{"match": {"headers": {"a": {"regex": "b"}}}, "stop": true}]}"##,
    r##"{"rules": [{"request": {"path": {"regex": {"pattern": "a", "substitution": "b"}}}}]}"##,
    r##"{"rules": [{"redirect": {"path": {"regex": {}}}}]}"##,
    r##"{"rules": [{"stop": true}], "held_headers": "yes"}"##,
];

/// The same for what only the full image has: templates, and one thing around them.
const FULL: &[&str] = &[
    r##"{"rules": [{"request": {"templates": [{"header": {"name": "a"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"header": {"name": "host", "template": "a"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"cookie": {"name": "a", "template": "a"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{{ path()"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{{ path( }}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "\n{% if %}a{% endif %}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{% if true %}a"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{{ 'a }}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{# a"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{{ range(9) }}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{{ path()|sort }}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{{ path() is odd }}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{{ path }}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{{ path().upper() }}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{{ 'a' * 99999999 }}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{% include 'a' %}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{% set a %}b{% endset %}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{% for a in [1] recursive %}{% endfor %}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "{% set a = path() %}{% set a = a~a~a~a %}{% set a = a~a~a~a %}{{ a~a~a }}"}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"header": {"name": "a", "template": "{{ user.name }}"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"header": {"name": "a", "template": "{{ body() }}"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"header": {"name": "a", "template": "{{ extraction('b') }}"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"header": {"name": "a", "template": "{{ extraction(b) }}"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"header": {"name": "a", "template": "{{ extraction('b') }}"}}]}}],
        "extractors": [{"name": "b", "from": {"json": "$.b"}, "regex": ".", "mode": "full"}]}"##,
    r##"{"rules": [{"response": {"templates": [{"path": "/a"}]}}]}"##,
    r##"{"rules": [{"response": {"templates": [{"query": {"name": "a", "template": "b"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"json": {"path": "a", "template": "b"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"json": {"path": "$.a", "template": "b", "as": "number"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"body": {"template": "b", "escape": "html"}}]}}]}"##,
    r##"{"rules": [{"direct_body": "a", "stop": true}]}"##,
    r##"{"rules": [{"stop": true}], "extractors": [{"name": "a", "from": {"header": "b"}, "regex": "."}]}"##,
    r##"{"rules": [{"stop": true}], "extractors": [{"name": "a", "from": {"header": "b"}, "regex": "(", "mode": "full"}]}"##,
    r##"{"rules": [{"stop": true}], "extractors": [{"name": "a", "from": {"header": "b"}, "regex": "(?=a)", "mode": "full"}]}"##,
    r##"{"rules": [{"stop": true}], "extractors": [{"name": "a", "from": {"header": "b"}, "regex": "a", "mode": "any"}]}"##,
    r##"{"rules": [{"stop": true}], "extractors": [{"name": "a", "from": {"header": "b"}, "regex": "a", "mode": "full", "group": 1}]}"##,
    r##"{"rules": [{"stop": true}], "extractors": [{"name": "a", "from": {"header": "b"}, "regex": "a", "mode": "full", "group": "c"}]}"##,
    r##"{"rules": [{"stop": true}], "extractors": [{"name": "a", "from": {"trailer": "b"}, "regex": "a", "mode": "full"}]}"##,
    r##"{"rules": [{"request": {"templates": [{"header": {"name": "a", "template": "{{ env(b) }}"}}]}}]}"##,
    r##"{"rules": [{"request": {"templates": [{"path": "/{{ a }}"}]}}], "held_headers": true}"##,
    r##"{"rules": [{"direct_response": {"status": 200}, "direct_body": "{{ a }}"}], "held_headers": true}"##,
    r##"{"rules": [{"request": {"path": {"regex": {"pattern": "a"}}}}]}"##,
    r##"{"rules": [{"request": {"path": {"regex": {"pattern": "a", "substitution": "b", "flags": "g"}}}}]}"##,
    r##"{"rules": [{"request": {"path": {"regex": {"pattern": "(a", "substitution": "b"}}}}]}"##,
    r##"{"rules": [{"request": {"path": {"regex": {"pattern": "(a)", "substitution": "\\2"}}}}]}"##,
    r##"{"rules": [{"request": {"path": {"regex": {"pattern": "a", "substitution": "$1\\n"}}}}]}"##,
    r##"{"rules": [{"request": {"path": {"regex": {"pattern": "a", "substitution": "b?c=1"}}}}]}"##,
    r##"{"rules": [{"stop": true}], "extractors": [{"name": "a", "from": "path", "regex": "a", "mode": "full"},
        {"name": "a", "from": "path", "regex": "a", "mode": "full"}]}"##,
];

#[test]
fn bad_configurations_have_their_words() {
    have_their_words("transformation", CASES, "tests/main/bad.txt");
}

#[test]
fn bad_templates_and_extractors_have_their_words() {
    have_their_words("transformation-full", FULL, "tests/main/bad-full.txt");
}

fn have_their_words(module: &str, cases: &[&str], file: &str) {
    let module = crate::module(module);
    let mut text = String::new();
    for case in cases {
        let document = Document::parse(case).unwrap();
        let rejection = check(&module, Some(&document)).unwrap().err().unwrap_or_else(|| panic!("{case} is accepted"));
        let _ = write!(text, "{case}\n    {}\n", rejection.message);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&file).unwrap(), "BLESS=1 writes the file anew");
}
