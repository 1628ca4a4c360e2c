//! The filter's scenario, as a module and natively: how a filter of your own can test itself.
//!
//! The native run needs nothing but this program: set a breakpoint in the filter, and run the test in a debugger.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use hello::Hello;
use tamis_harness::native::{Native, disagreements};
use tamis_harness::scenario::{Modules, Scenario, run};

#[test]
fn the_scenario_passes_natively_as_in_wasm() {
    let scenario = Scenario::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario.yaml")).unwrap();
    let filter = Native::linked(tamis::native::of::<Hello>).unwrap();
    let native = run(&scenario, &mut Modules::native([filter])).unwrap();
    assert!(native.passed(), "{native}");
    let wasm = run(&scenario, &mut Modules::default()).unwrap();
    assert_eq!(disagreements(&wasm, &native), "");
}
