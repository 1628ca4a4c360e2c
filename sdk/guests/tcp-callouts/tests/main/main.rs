//! Connections that wait for what others say: natively, as a module, and in a real Envoy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;

use tamis_harness::envoy::{disagreements, find_or_skip, run_all};
use tamis_harness::native::{self, Native};
use tamis_harness::scenario::{Modules, Scenario, run};
use tcp_callouts::Asks;

fn scenarios() -> [Scenario; 2] {
    ["scenario.yaml", "greet.yaml"]
        .map(|file| Scenario::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap())
}

#[test]
fn answers_come_natively_as_in_wasm() {
    let mut natives = Modules::native([Native::linked(tamis::native::of::<Asks>).unwrap()]);
    let mut modules = Modules::default();
    for scenario in scenarios() {
        let native = run(&scenario, &mut natives).unwrap();
        assert!(native.passed(), "{native}");
        let wasm = run(&scenario, &mut modules).unwrap();
        assert!(wasm.passed(), "{wasm}");
        assert_eq!(native::disagreements(&wasm, &native), "");
    }
}

#[test]
fn answers_come_in_a_real_envoy() {
    let Some(envoy) = find_or_skip("TCP callouts in a real Envoy") else { return };
    let mut modules = Modules::default();
    let scenarios = scenarios();
    for (scenario, real) in scenarios.iter().zip(run_all(&envoy, &scenarios, &mut modules).unwrap()) {
        let real = real.unwrap();
        assert!(real.passed(), "{real}");
        let ours = run(scenario, &mut modules).unwrap();
        let run_by_both = ours.exchanges.iter().zip(&real.exchanges).filter(|(_, real)| real.not_run.is_none());
        for (ours, real) in run_by_both {
            assert_eq!(disagreements(&ours.observed, &real.observed), Vec::<String>::new(), "{}", ours.name);
        }
    }
}
