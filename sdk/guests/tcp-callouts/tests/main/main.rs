//! Connections that wait for what others say: natively, as a module, and in a real Envoy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;

use tamis_harness::envoy::find_or_skip;
use tamis_harness::native::Native;
use tamis_harness::scenario::Suite;
use tcp_callouts::Asks;

fn suite() -> Suite {
    Suite::files(Path::new(env!("CARGO_MANIFEST_DIR")), &["scenario.yaml", "greet.yaml"]).unwrap()
}

#[test]
fn answers_come_natively_as_in_wasm() {
    let wrong = suite().natively_as_in_harness(Native::linked(tamis::native::of::<Asks>).unwrap());
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn answers_come_in_a_real_envoy() {
    let Some(envoy) = find_or_skip("TCP callouts in a real Envoy") else { return };
    let wrong = suite().in_envoy_as_in_harness(&envoy);
    assert!(wrong.is_empty(), "{wrong}");
}
