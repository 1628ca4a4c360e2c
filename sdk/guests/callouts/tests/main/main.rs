//! What a filter asks others, and how it waits: natively, as a module, and in a real Envoy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;

use callouts::Asks;
use tamis_harness::envoy::{disagreements, find_or_skip, run_all};
use tamis_harness::native::{self, Native};
use tamis_harness::scenario::{Modules, Scenario, run};

fn scenario() -> Scenario {
    Scenario::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario.yaml")).unwrap()
}

#[test]
fn answers_come_natively_as_in_wasm() {
    let native = Native::linked(tamis::native::of::<Asks>).unwrap();
    let native = run(&scenario(), &mut Modules::native([native])).unwrap();
    assert!(native.passed(), "{native}");
    let wasm = run(&scenario(), &mut Modules::default()).unwrap();
    assert!(wasm.passed(), "{wasm}");
    assert_eq!(native::disagreements(&wasm, &native), "");
}

#[test]
fn answers_come_in_a_real_envoy() {
    let Some(envoy) = find_or_skip("callouts in a real Envoy") else { return };
    let mut modules = Modules::default();
    let real = run_all(&envoy, &[scenario()], &mut modules).unwrap().remove(0).unwrap();
    assert!(real.passed(), "{real}");
    let ours = run(&scenario(), &mut modules).unwrap();
    for (ours, real) in ours.exchanges.iter().zip(&real.exchanges) {
        assert_eq!(disagreements(&ours.observed, &real.observed), Vec::<String>::new(), "{}", ours.name);
    }
}
