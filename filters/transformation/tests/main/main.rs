//! Every scenario: on the module in the harness and in a real Envoy, and on the filter as it is linked here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bad;
mod envoy;
#[cfg(feature = "full")]
mod fuzz;
mod hostile;

use std::path::Path;

use tamis_harness::envoy::{disagreements, find_or_skip, run_all};
use tamis_harness::native::{self, Native};
use tamis_harness::scenario::{Modules, Scenario, run};
use tamis_harness::stream::LoadedModule;
use transformation::Transformation;

/// The module as `make modules` has built it.
fn module(name: &str) -> LoadedModule {
    let file = Modules::default().file(name, Path::new(env!("CARGO_MANIFEST_DIR")));
    LoadedModule::new(&std::fs::read(file.unwrap_or_else(|error| panic!("{error}"))).unwrap()).unwrap()
}

fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let scenarios = Scenario::read_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    assert!(!scenarios.is_empty());
    scenarios
}

/// The same with bodies in one piece, and as they come in a real Envoy: what the harness has seen of all cuts must be so there, too.
fn without_cuts() -> Vec<Scenario> {
    let whole = |scenario: Scenario| {
        let text = std::fs::read_to_string(&scenario.file).unwrap().replace(", split: all", "");
        let mut whole = Scenario::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", scenario.file.display()));
        whole.file = scenario.file;
        whole
    };
    scenarios().into_iter().map(whole).collect()
}

#[test]
fn every_scenario_passes_in_the_harness() {
    let mut modules = Modules::default();
    for scenario in scenarios() {
        let report = run(&scenario, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        assert!(report.passed(), "{report}");
        println!("{report}");
    }
}

#[test]
fn every_scenario_looks_and_costs_the_same_natively() {
    let filter = Native::linked(tamis::native::of::<Transformation>).unwrap();
    let (mut modules, mut natives) = (Modules::default(), Modules::native([filter]));
    let here = |scenario: &Scenario| cfg!(feature = "full") || !scenario.needs_full_image();
    for scenario in without_cuts().into_iter().filter(here) {
        let wasm = run(&scenario, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        let natively = run(&scenario, &mut natives).unwrap_or_else(|error| panic!("{error}"));
        assert!(natively.passed(), "{natively}");
        assert_eq!(native::disagreements(&wasm, &natively), "");
    }
}

#[test]
fn every_scenario_passes_in_envoy_and_looks_as_in_the_harness() {
    let Some(envoy) = find_or_skip("the scenarios of transformation in a real Envoy") else { return };
    let mut modules = Modules::default();
    let scenarios = without_cuts();
    let reports = run_all(&envoy, &scenarios, &mut modules).unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = String::new();
    for (scenario, envoy) in scenarios.iter().zip(reports) {
        let harness = run(scenario, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        let envoy = envoy.unwrap_or_else(|error| panic!("{}: {error}", scenario.file.display()));
        if !envoy.passed() {
            wrong.push_str(&envoy.to_string());
        }
        assert_eq!(harness.exchanges.len(), envoy.exchanges.len());
        let pairs = harness.exchanges.iter().zip(&envoy.exchanges);
        for (ours, theirs) in pairs.filter(|(_, theirs)| theirs.not_run.is_none()) {
            for line in disagreements(&ours.observed, &theirs.observed) {
                wrong.push_str(&format!("{}, {}: {line}\n", scenario.name, ours.name));
            }
        }
        println!("{envoy}");
    }
    assert!(wrong.is_empty(), "{wrong}");
}
