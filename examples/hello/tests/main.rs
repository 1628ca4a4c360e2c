//! The filter's scenario, as a module and natively: how a filter of your own can test itself.
//!
//! The native run needs nothing but this program: set a breakpoint in the filter, and run the test in a debugger.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use hello::Hello;
use tamis::{ConfigError, Filter, Outcome, PluginContext, RequestHeaders};
use tamis_harness::context::{Attributes, Plugin, Process};
use tamis_harness::native::{Native, disagreements};
use tamis_harness::scenario::{Modules, Scenario, run};
use tamis_harness::stream::{FailurePolicy, FilterSpec, LoadedModule, Passed, Proxy, WireMessage};

#[test]
fn the_scenario_passes_natively_as_in_wasm() {
    let scenario = Scenario::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario.yaml")).unwrap();
    let filter = Native::linked(tamis::native::of::<Hello>).unwrap();
    let native = run(&scenario, &mut Modules::native([filter])).unwrap();
    assert!(native.passed(), "{native}");
    let wasm = run(&scenario, &mut Modules::default()).unwrap();
    assert_eq!(disagreements(&wasm, &native), "");
}

/// A filter that panics, beside the other one in the same program.
struct Careless;

#[tamis::filter]
impl Filter for Careless {
    type Config = u32;

    fn new(_: u32, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn request_headers(&self, _: &mut (), _: &mut RequestHeaders) -> Outcome {
        panic!("a client's secret")
    }
}

#[test]
fn a_panic_is_a_trap_and_only_its_place_is_logged() {
    let filter = FilterSpec {
        module: LoadedModule::native(Native::linked(tamis::native::of::<Careless>).unwrap()),
        plugin: Plugin { configuration: b"1".to_vec(), ..Plugin::default() },
        failure_policy: FailurePolicy::Closed,
    };
    let mut proxy = Proxy::load(&[filter], Arc::new(Process::deterministic(1))).unwrap();
    let headers = [(":method", "GET"), (":path", "/"), (":authority", "a")].into_iter().collect();
    let passed = proxy.open(Attributes::default()).request(WireMessage::new(headers, Vec::new()));
    let Passed::Replied(reply) = passed else { panic!("{passed:?}") };
    assert_eq!(reply.headers.get(b":status"), Some(b"503".as_slice()));
    let log = proxy.process().log_since(0).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(log.contains("panic at examples/hello/tests/main.rs:"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}
