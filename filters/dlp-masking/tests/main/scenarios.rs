//! Every scenario, on the module in the harness and in a real Envoy. (The tests of the command run them natively too.)

use std::path::Path;

use tamis_harness::envoy::{find_or_skip, run_all};
use tamis_harness::scenario::{Modules, Scenario, run};

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

/// The pieces of a body are the network's there, so the cases that cut them are left out.
#[test]
fn every_scenario_passes_in_envoy() {
    let Some(envoy) = find_or_skip("the scenarios of dlp-masking in a real Envoy") else { return };
    let scenarios = scenarios();
    let reports = run_all(&envoy, &scenarios, &mut Modules::default()).unwrap_or_else(|error| panic!("{error}"));
    for (scenario, report) in scenarios.iter().zip(reports) {
        let report = report.unwrap_or_else(|error| panic!("{}: {error}", scenario.file.display()));
        assert!(report.passed(), "{report}");
    }
}
