//! What the smallest filters cost: the scenarios say how much, in the harness; in a real Envoy they do the same.

use std::path::Path;
use std::sync::Arc;

use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::envoy::{disagreements, find_or_skip, run_all};
use tamis_harness::scenario::{Modules, Scenario, modules, run};
use tamis_harness::stream::{FailurePolicy, FilterSpec, LoadedModule, Passed, Proxy, WireMessage};

fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("scenarios");
    let scenarios = Scenario::read_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    assert!(!scenarios.is_empty());
    scenarios
}

#[test]
fn the_smallest_filters_cost_what_they_may() {
    let mut modules = Modules::default();
    for scenario in scenarios() {
        let report = run(&scenario, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        assert!(report.passed(), "{report}");
    }
}

#[test]
fn they_do_the_same_in_envoy() {
    let Some(envoy) = find_or_skip("the smallest filters in a real Envoy") else { return };
    let (scenarios, mut modules) = (scenarios(), Modules::default());
    let reports = run_all(&envoy, &scenarios, &mut modules).unwrap_or_else(|error| panic!("{error}"));
    for (scenario, envoy) in scenarios.iter().zip(reports) {
        let envoy = envoy.unwrap_or_else(|error| panic!("{}: {error}", scenario.file.display()));
        assert!(envoy.passed(), "{envoy}");
        let harness = run(scenario, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        for (ours, theirs) in harness.exchanges.iter().zip(&envoy.exchanges) {
            assert_eq!(disagreements(&ours.observed, &theirs.observed), [] as [String; 0], "{}", scenario.name);
        }
    }
}

/// A megabyte in sixteen pieces, buffered in the proxy: nothing of it is copied into the module, and its memory does not grow.
#[test]
fn a_body_that_the_proxy_buffers_is_not_copied() {
    let file = modules::built("buffer-body", Path::new(env!("CARGO_MANIFEST_DIR")));
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; run `make modules`", file.display()));
    let filter = FilterSpec {
        module: LoadedModule::new(&bytes).unwrap(),
        plugin: Plugin::default(),
        failure_policy: FailurePolicy::Closed,
    };
    let mut proxy = Proxy::load(&[filter], Arc::new(Process::deterministic(1))).unwrap();
    let headers = [(":method", "POST"), (":path", "/"), (":authority", "a"), ("content-length", "1000000")];
    let message =
        WireMessage { headers: HeaderMap::from_iter(headers), chunks: vec![vec![b'x'; 62_500]; 16], trailers: None };
    let before = proxy.cost();
    let passed = proxy.open(Attributes::default()).request(message);
    let Passed::On(request) = passed else { panic!("{passed:?}") };
    assert_eq!(request.body().len(), 1_000_000);
    let cost = proxy.cost() - before;
    assert_eq!((cost.calls_returning, cost.bytes_in), (0, 0), "{cost:?}");
}
