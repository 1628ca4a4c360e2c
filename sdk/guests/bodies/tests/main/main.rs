//! Bodies in every mode, both directions and under both limits: natively with every cut, as a module, and in a real Envoy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod cases;
mod hostile;

use bodies::Bodies;
use cases::Case;
use tamis_harness::envoy::{disagreements, find_or_skip, run_all};
use tamis_harness::native::Native;
use tamis_harness::scenario::{Modules, Scenario, run};

/// The cases as scenarios; with `cut`, their bodies come in every cut.
fn scenarios(cases: &[Case], cut: bool) -> Vec<Scenario> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let scenario = |(i, case): (usize, &Case)| {
        let file = folder.path().join(format!("{i}.yaml"));
        std::fs::write(&file, case.scenario(cut).to_string()).unwrap();
        Scenario::read(&file).unwrap_or_else(|error| panic!("{}: {error}", case.name))
    };
    cases.iter().enumerate().map(scenario).collect()
}

#[test]
fn every_case_is_the_same_in_every_cut() {
    let filter = Native::linked(tamis::native::of::<Bodies>).unwrap();
    let mut natives = Modules::native([filter]);
    for scenario in scenarios(&cases::all(), true) {
        let report = run(&scenario, &mut natives).unwrap_or_else(|error| panic!("{error}"));
        assert!(report.passed(), "{report}");
    }
}

#[test]
fn every_case_passes_as_a_module() {
    let mut modules = Modules::default();
    let cases = cases::all().into_iter().filter(|case| !case.pieces).collect::<Vec<_>>();
    for scenario in scenarios(&cases, false) {
        let report = run(&scenario, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        assert!(report.passed(), "{report}");
    }
}

#[test]
fn every_case_passes_in_envoy_and_looks_as_in_the_harness() {
    let Some(envoy) = find_or_skip("bodies in a real Envoy") else { return };
    let cases = cases::all().into_iter().filter(|case| !case.trailers).collect::<Vec<_>>();
    let (scenarios, cut) = (scenarios(&cases, false), scenarios(&cases, true));
    let mut modules = Modules::default();
    let reports = run_all(&envoy, &scenarios, &mut modules).unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = String::new();
    for (((case, scenario), cut), real) in cases.iter().zip(&scenarios).zip(&cut).zip(reports) {
        let real = real.unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        if !real.passed() && !case.refused {
            wrong.push_str(&real.to_string());
        }
        let ours = run(if case.pieces { cut } else { scenario }, &mut modules);
        let ours = ours.unwrap_or_else(|error| panic!("{error}"));
        for (ours, theirs) in ours.exchanges.iter().zip(&real.exchanges) {
            let lines = disagreements(&ours.observed, &theirs.observed);
            for line in lines.iter().filter(|line| !case.refused || !line.starts_with("upstream")) {
                wrong.push_str(&format!("{}, {}: {line}\n", scenario.name, ours.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
