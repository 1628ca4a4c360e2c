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
    r##"{"rules": [{"name": "a"}]}"##,
    r##"{"rules": [{"name": "a b", "to": {}}]}"##,
    r##"{"rules": [{"name": "a", "to": {}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"headers": [{"name": "content-length", "value": "1"}]}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"headers": [{"name": ":path", "value": "1"}]}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"headers": [{"name": "x-a", "value": "a\r\nb"}]}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"headers": [{"name": "x-a", "value": "1"}, {"name": "X-A", "value": "2"}]}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"authority": "*.example"}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"authority": "a:80"}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"authority": "a b"}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"path": {"full": "a"}}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"path": {"full": "/a?b"}}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"path": {"prefix": {"from": "/a"}}}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"path": {"regex": "/a"}}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"redirect": {"status": 200}}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"redirect": {"scheme": "ftp"}}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"redirect": {"port": 65536}}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"redirect": {}, "authority": "b"}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"direct_response": {"status": 100}}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"direct_response": {"status": 200, "body": 1}}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"authority": "b"}}, {"name": "a", "to": {"authority": "b"}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"authority": "b"}, "split": {"salt": "s", "arms": []}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"arms": []}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"salt": "", "arms": []}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"salt": "s", "arms": []}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"salt": "s", "arms": [{"name": "x", "weight": 0, "to": {"authority": "b"}}, {"name": "y", "weight": 0, "to": {"authority": "b"}}]}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"salt": "s", "arms": [{"name": "x", "weight": 1, "to": {"authority": "b"}}, {"name": "x", "weight": 1, "to": {"authority": "b"}}]}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"salt": "s", "arms": [{"name": "x", "weight": -1, "to": {"authority": "b"}}, {"name": "y", "weight": 1, "to": {"authority": "b"}}]}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"salt": "s", "arms": [{"name": "x", "weight": 1, "to": {}}, {"name": "y", "weight": 1, "to": {"authority": "b"}}]}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"salt": "s", "sticky": [{"cookie": {"name": "a=b"}}], "arms": [{"name": "x", "weight": 1, "to": {"authority": "a"}}, {"name": "y", "weight": 1, "to": {"authority": "b"}}]}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"salt": "s", "sticky": [{"source_address": {"ipv6": 129}}], "arms": [{"name": "x", "weight": 1, "to": {"authority": "a"}}, {"name": "y", "weight": 1, "to": {"authority": "b"}}]}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"salt": "s", "sticky": [{"cookie": {"name": "a"}}, {"cookie": {"name": "b"}}], "arms": [{"name": "x", "weight": 1, "to": {"authority": "a"}}, {"name": "y", "weight": 1, "to": {"authority": "b"}}]}}]}"##,
    r##"{"rules": [{"name": "a", "split": {"salt": "s", "sticky": [{"cookie": {"name": "a", "path": "/a;Domain=b"}}], "arms": [{"name": "x", "weight": 1, "to": {"authority": "a"}}, {"name": "y", "weight": 1, "to": {"authority": "b"}}]}}]}"##,
    r##"{"rules": [{"name": "a", "to": {"filter_state": {"name": "routing", "value": "b"}}}]}"##,
    r##"{"rules": [{"name": "a", "match": {"cookies": {"a": {"exact": "b"}}}, "to": {"authority": "b"}}], "precedence": "gateway-api"}"##,
    r##"{"rules": [{"name": "a", "to": {"authority": "b"}}], "precedence": "longest"}"##,
    r##"{"rules": [{"name": "a", "to": {"authority": "b"}}], "otherwise": {}}"##,
    r##"{"rules": [{"name": "a", "to": {"authority": "b"}}], "on_error": "ignore"}"##,
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
