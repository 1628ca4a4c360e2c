//! The demo, as `make demo` runs it.

use tamis_harness::envoy::find_or_skip;
use tamis_oci::LocalRegistry;

use crate::process::succeed;
use crate::repository::{module, root, started};

/// What the filter does to the first request, and to its response.
const SHOWN: [&str; 7] = [
    "GET /items?page=2",
    "    - x-user: alice",
    "    + x-tenant: alice",
    "    - x-debug: 1",
    "    + x-env: production",
    "POST /orders",
    "    + cache-control: no-store",
];

#[test]
fn it_shows_before_and_after() {
    module("transformation");
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
    module("transformation");
    let text = succeed(&root(), &["demo", "--engine", "envoy"]);
    for line in SHOWN {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in: {text}");
    }
    assert!(text.contains("bytes that came back are those that were pushed"), "{text}");
    assert!(
        text.lines().any(|line| line.starts_with("==> the embedded gateway and Envoy ") && line.ends_with(" agree"))
    );
}
