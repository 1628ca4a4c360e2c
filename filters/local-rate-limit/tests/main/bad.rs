//! Bad configurations, with their exact words. `BLESS=1 cargo test` writes them anew: read them before you commit them.

use std::fmt::Write as _;
use std::path::Path;

use tamis_harness::check::check;
use tamis_harness::document::Document;

/// What is wrong, and the configuration: one rule's fields around `name` and `limits`, or the whole.
const CASES: &[&str] = &[
    r#"{}"#,
    r#"[]"#,
    r#"{"rules": []}"#,
    r#"{"rules": {"name": "a"}}"#,
    r#"{"rule": []}"#,
    r#"{"rules": [{"limits": [{"requests": 1, "per": "hour"}]}]}"#,
    r#"{"rules": [{"name": "", "limits": [{"requests": 1, "per": "hour"}]}]}"#,
    r#"{"rules": [{"name": "a.b", "limits": [{"requests": 1, "per": "hour"}]}]}"#,
    r#"{"rules": [{"name": "other", "limits": [{"requests": 1, "per": "hour"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": []}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour"}, {"requests": 1, "per": "hour"}, {"requests": 1, "per": "hour"}, {"requests": 1, "per": "hour"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 0, "per": "hour"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": -1, "per": "hour"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 16777216, "per": "hour"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": "10", "per": "hour"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "fortnight"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "0s"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "99999999999999999999s"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 2000000, "per": "second"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour", "burst": 0}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "day", "burst": 367}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour", "burst": 2, "algorithm": "fixed_window"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour", "algorithm": "sliding"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour"}]}, {"name": "a", "limits": [{"requests": 1, "per": "hour"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour"}], "key": [{}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour"}], "key": [{"header": "a", "cookie": "b"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour"}], "key": [{"header": "a b"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour"}], "key": [{"request": "path", "repeated": "joined"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour"}], "key": [{"constant": "a", "repeated": "joined"}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour"}], "key": [{"source_address": {"ipv4": 33}}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour"}], "tiers": [{"name": "t", "match": {}, "limits": []}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 1, "per": "hour"}], "tiers": [{"name": "t", "match": {}, "limits": [{"requests": 1, "per": "hour"}]}, {"name": "t", "match": {}, "limits": [{"requests": 1, "per": "hour"}]}]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 5, "per": "hour"}], "cost": {"constant": 6}}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 5, "per": "hour"}], "cost": {"header": "x-cost"}}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 5, "per": "hour"}], "cost": {"max": 3}}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 5, "per": "hour"}], "statuses": [99]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 5, "per": "hour"}], "statuses": ["6xx"]}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 5, "per": "hour"}], "max_keys": 7}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 5, "per": "hour"}], "lease": 1}]}"#,
    r#"{"rules": [{"name": "a", "limits": [{"requests": 5, "per": "hour"}], "match": {"path": []}}]}"#,
    r#"{"refusal": {"status": 200}, "rules": [{"name": "a", "limits": [{"requests": 5, "per": "hour"}]}]}"#,
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
