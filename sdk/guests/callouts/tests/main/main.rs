//! What a filter asks others, and how it waits: natively, as a module, and in a real Envoy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod hostile;
mod life;

use std::path::Path;

use callouts::Asks;
use tamis_harness::envoy::find_or_skip;
use tamis_harness::native::Native;
use tamis_harness::scenario::Suite;

fn suite() -> Suite {
    Suite::files(Path::new(env!("CARGO_MANIFEST_DIR")), &["scenario.yaml", "grpc.yaml"]).unwrap()
}

#[test]
fn answers_come_natively_as_in_wasm() {
    let wrong = suite().natively_as_in_harness(Native::linked(tamis::native::of::<Asks>).unwrap());
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn answers_come_in_a_real_envoy() {
    let Some(envoy) = find_or_skip("callouts in a real Envoy") else { return };
    let wrong = suite().in_envoy_as_in_harness(&envoy);
    assert!(wrong.is_empty(), "{wrong}");
}
