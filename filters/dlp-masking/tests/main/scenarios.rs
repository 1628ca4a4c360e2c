//! Every scenario, on the module in the harness and in a real Envoy. (The tests of the command run them natively too.)

use std::path::Path;

use tamis_harness::envoy::find_or_skip;
use tamis_harness::scenario::Suite;

fn suite() -> Suite {
    Suite::folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_scenario_passes_in_the_harness() {
    let wrong = suite().in_harness();
    assert!(wrong.is_empty(), "{wrong}");
}

/// The pieces of a body are the network's there, so the cases that ask for certain ones are left out.
#[test]
fn every_scenario_passes_in_envoy() {
    let Some(envoy) = find_or_skip("the scenarios of dlp-masking in a real Envoy") else { return };
    let wrong = suite().in_envoy(&envoy);
    assert!(wrong.is_empty(), "{wrong}");
}
