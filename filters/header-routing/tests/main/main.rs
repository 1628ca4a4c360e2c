//! Every scenario on each engine, and bad configurations.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bad;
mod fuzz;
mod http;
mod routes;
mod secrets;

use std::path::Path;

use header_routing::HeaderRouting;
use tamis_harness::envoy::find_or_skip;
use tamis_harness::native::Native;
use tamis_harness::scenario::{Modules, Suite};
use tamis_harness::stream::LoadedModule;

/// The module as `make modules` has built it.
fn module() -> LoadedModule {
    let file = Modules::default().file("header-routing", Path::new(env!("CARGO_MANIFEST_DIR")));
    let file = file.unwrap_or_else(|error| panic!("{error}"));
    LoadedModule::new(&std::fs::read(file).unwrap()).unwrap()
}

fn suite() -> Suite {
    Suite::folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_scenario_passes_in_the_harness() {
    let wrong = suite().in_harness();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_scenario_passes_in_envoy() {
    let Some(envoy) = find_or_skip("the scenarios of header-routing in a real Envoy") else { return };
    let wrong = suite().in_envoy(&envoy);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_scenario_passes_natively() {
    let suite = if cfg!(feature = "full") { suite() } else { suite().lean() };
    let wrong = suite.natively(Native::linked(tamis::native::of::<HeaderRouting>).unwrap());
    assert!(wrong.is_empty(), "{wrong}");
}
