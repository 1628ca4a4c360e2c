//! The filter as a module: every scenario, in the harness.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

use tamis_harness::scenario::{Modules, Scenario, run};

#[test]
fn every_scenario_passes_in_the_harness() {
    let mut modules = Modules::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let scenario = Scenario::read(&file.unwrap().path()).unwrap_or_else(|error| panic!("{error}"));
        let report = run(&scenario, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        assert!(report.passed(), "{report}");
        println!("{report}");
        count += 1;
    }
    assert!(count > 0);
}
