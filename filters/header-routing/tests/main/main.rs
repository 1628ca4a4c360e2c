//! Every scenario on each engine, and bad configurations.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bad;
mod fuzz;
mod http;
mod routes;
mod secrets;

use std::path::Path;

use header_routing::HeaderRouting;
use tamis_harness::envoy::{find_or_skip, run_all};
use tamis_harness::native::Native;
use tamis_harness::scenario::{Modules, Scenario, run};
use tamis_harness::stream::LoadedModule;

/// The module as `make modules` has built it.
fn module() -> LoadedModule {
    let file = Modules::default().file("header-routing", Path::new(env!("CARGO_MANIFEST_DIR")));
    let file = file.unwrap_or_else(|error| panic!("{error}"));
    LoadedModule::new(&std::fs::read(file).unwrap()).unwrap()
}

fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let scenarios = Scenario::read_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    assert!(!scenarios.is_empty());
    scenarios
}

#[test]
fn every_scenario_passes_in_the_harness() {
    let mut modules = Modules::default();
    for scenario in scenarios() {
        let report = run(&scenario, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        assert!(report.passed(), "{report}");
    }
}

/// All but the seconds, which go on while a real Envoy works.
#[test]
fn every_scenario_passes_in_envoy() {
    let Some(envoy) = find_or_skip("the scenarios of header-routing in a real Envoy") else { return };
    let mut modules = Modules::default();
    let scenarios = scenarios();
    let reports = run_all(&envoy, &scenarios, &mut modules).unwrap_or_else(|error| panic!("{error}"));
    for (scenario, report) in scenarios.iter().zip(reports) {
        let report = report.unwrap_or_else(|error| panic!("{}: {error}", scenario.file.display()));
        assert!(report.passed(), "{report}");
    }
}

/// A library has one worker; the others' steps are not applicable.
#[test]
fn every_scenario_passes_natively() {
    let filter = Native::linked(tamis::native::of::<HeaderRouting>).unwrap();
    let mut natives = Modules::native([filter]);
    let here = |scenario: &Scenario| cfg!(feature = "full") || !scenario.needs_full_image();
    for scenario in scenarios().into_iter().filter(here) {
        let report = run(&scenario, &mut natives).unwrap_or_else(|error| panic!("{error}"));
        assert!(report.passed(), "{report}");
    }
}
