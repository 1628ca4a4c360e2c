//! The demo, as `make demo` runs it.

use tamis_harness::envoy::find_or_skip;
use tamis_oci::LocalRegistry;

use crate::process::succeed;
use crate::repository::{module, root, started};

/// What the filters do to requests and responses: a line of each, and more of the first.
const SHOWN: [&str; 11] = [
    "GET /items?page=2",
    "    - x-user: alice",
    "    + x-tenant: alice",
    "    - x-debug: 1",
    "    + x-env: production",
    "POST /orders",
    "    + cache-control: no-store",
    "    + x-version: new",
    "    - status: 200",
    "    + status: 429",
    r#"    + body: {"text": "my card is **** **** **** 1111, write to [email]", "order": 4111111111111112, "password": "***"}"#,
];

#[test]
fn it_shows_before_and_after() {
    for filter in ["transformation", "header-routing", "local-rate-limit", "dlp-masking"] {
        module(filter);
    }
    let text = succeed(&root(), &["demo"]);
    for line in SHOWN {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in: {text}");
    }
}

#[test]
fn a_real_envoy_with_a_real_registry_shows_the_same() {
    if find_or_skip("the demo in a real Envoy").is_none() || started(LocalRegistry::start()).is_none() {
        return;
    }
    for filter in ["transformation", "header-routing", "local-rate-limit", "dlp-masking"] {
        module(filter);
    }
    let text = succeed(&root(), &["demo", "--engine", "envoy"]);
    for line in SHOWN {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in: {text}");
    }
    assert!(text.contains("bytes that came back are those that were pushed"), "{text}");
    let agree = |line: &&str| line.starts_with("==> the embedded gateway and Envoy ") && line.ends_with(" agree");
    assert_eq!(text.lines().filter(agree).count(), 4, "{text}");
}
