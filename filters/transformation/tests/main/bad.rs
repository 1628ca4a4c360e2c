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
];

#[test]
fn bad_configurations_have_their_words() {
    let module = crate::module();
    let mut text = String::new();
    for case in CASES {
        let document = Document::parse(case).unwrap();
        let rejection = check(&module, Some(&document)).unwrap().err().unwrap_or_else(|| panic!("{case} is accepted"));
        let _ = write!(text, "{case}\n    {}\n", rejection.message);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/main/bad.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&file).unwrap(), "BLESS=1 writes the file anew");
}
