//! Queues, random bytes and foreign functions: natively, as a module, and in a real Envoy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod hostile;

use std::path::Path;
use std::sync::Arc;

use extras::Extras;
use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::envoy::{disagreements, find_or_skip, run_all};
use tamis_harness::native::{self, Native};
use tamis_harness::scenario::{Modules, Scenario, run};
use tamis_harness::stream::{Direction, FailurePolicy, FilterSpec, Frame, LoadedModule, Options, Proxy};

fn scenario(name: &str) -> Scenario {
    Scenario::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn linked() -> Native {
    Native::linked(tamis::native::of::<Extras>).unwrap()
}

/// A proxy of so many workers with the filter alone.
fn proxy(workers: usize) -> (Proxy, Arc<Process>) {
    let filter = FilterSpec {
        module: LoadedModule::native(linked()),
        plugin: Plugin { name: "extras".to_owned(), ..Plugin::default() },
        failure_policy: FailurePolicy::Closed,
    };
    let process = Arc::new(Process::deterministic(1));
    let options = Options { workers, ..Options::default() };
    (Proxy::load_with(&[filter], process.clone(), options).unwrap(), process)
}

#[test]
fn they_work_natively_as_in_wasm() {
    let scenario = scenario("scenario.yaml");
    let native = run(&scenario, &mut Modules::native([linked()])).unwrap();
    assert!(native.passed(), "{native}");
    let wasm = run(&scenario, &mut Modules::default()).unwrap();
    assert!(wasm.passed(), "{wasm}");
    assert_eq!(native::disagreements(&wasm, &native), "");
}

#[test]
fn signatures_natively_and_in_wasm() {
    let scenario = scenario("signatures.yaml");
    for mut modules in [Modules::native([linked()]), Modules::default()] {
        let report = run(&scenario, &mut modules).unwrap();
        assert!(report.passed(), "{report}");
    }
}

#[test]
fn they_work_in_a_real_envoy() {
    let Some(envoy) = find_or_skip("foreign functions in a real Envoy") else { return };
    let scenarios = ["scenario.yaml", "signatures.yaml", "envoy.yaml"].map(scenario);
    let mut modules = Modules::default();
    let reports = run_all(&envoy, &scenarios, &mut modules).unwrap();
    for report in &reports {
        let report = report.as_ref().unwrap();
        assert!(report.passed(), "{report}");
    }
    let ours = run(&scenarios[0], &mut modules).unwrap();
    for (ours, real) in ours.exchanges.iter().zip(&reports[0].as_ref().unwrap().exchanges) {
        assert_eq!(disagreements(&ours.observed, &real.observed), Vec::<String>::new(), "{}", ours.name);
    }
}

#[test]
fn a_queue_has_one_consumer_that_hears_of_each_item() {
    let (mut proxy, process) = proxy(2);
    let headers = [(":authority", "example.com"), (":path", "/queue"), (":method", "GET")];
    let stream = proxy.open_on(0, Attributes::default());
    proxy.send(stream, Direction::Request, Frame::Headers(headers.into_iter().collect::<HeaderMap>()), true);
    let lines = process.log_lines().into_iter().map(|line| line.message).filter(|line| !line.contains("configured"));
    assert_eq!(lines.collect::<Vec<_>>(), ["item \"\"", "item \"third\"", "nothing left"]);
}
