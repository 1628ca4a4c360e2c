//! Every scenario: on the module in the harness and in a real Envoy, and on the filter as it is linked here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bad;
mod envoy;
#[cfg(feature = "full")]
mod fuzz;
mod hostile;

use std::path::{Path, PathBuf};

use tamis_harness::envoy::find_or_skip;
use tamis_harness::native::Native;
use tamis_harness::scenario::{Modules, Scenario, Suite};
use tamis_harness::stream::LoadedModule;
use transformation::Transformation;

/// The module as `make modules` has built it.
fn module(name: &str) -> LoadedModule {
    let file = Modules::default().file(name, Path::new(env!("CARGO_MANIFEST_DIR")));
    LoadedModule::new(&std::fs::read(file.unwrap_or_else(|error| panic!("{error}"))).unwrap()).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// The scenarios with bodies in one piece, and as they come in a real Envoy: what the harness has seen of all cuts must be so there,
/// too.
fn without_cuts() -> Suite {
    let whole = |scenario: Scenario| {
        let text = std::fs::read_to_string(&scenario.file).unwrap().replace(", split: all", "");
        let mut whole = Scenario::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", scenario.file.display()));
        whole.file = scenario.file;
        whole
    };
    let scenarios = Scenario::read_all(&folder()).unwrap_or_else(|error| panic!("{error}"));
    Suite::of(scenarios.into_iter().map(whole).collect())
}

#[test]
fn every_scenario_passes_in_the_harness() {
    let suite = Suite::folder(&folder()).unwrap_or_else(|error| panic!("{error}"));
    let wrong = suite.in_harness();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_scenario_looks_and_costs_the_same_natively() {
    let suite = if cfg!(feature = "full") { without_cuts() } else { without_cuts().lean() };
    let wrong = suite.natively_as_in_harness(Native::linked(tamis::native::of::<Transformation>).unwrap());
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_scenario_passes_in_envoy_and_looks_as_in_the_harness() {
    let Some(envoy) = find_or_skip("the scenarios of transformation in a real Envoy") else { return };
    let wrong = without_cuts().in_envoy_as_in_harness(&envoy);
    assert!(wrong.is_empty(), "{wrong}");
}
