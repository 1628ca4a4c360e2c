//! A million streams: memory stays flat, and each stream sees the configuration that it was made with.
//!
//! Besides: its scenario, natively as in wasm.
//!
//! `path-echo` has state per stream, so it is told when a stream ends; `add-header` has none, so it is not, and must not
//! need to be (the essay of `tamis::runtime` says how).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use path_echo::PathEcho;
use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::native::{Native, disagreements};
use tamis_harness::scenario::{Modules, Scenario, modules, run};
use tamis_harness::stream::{FailurePolicy, FilterSpec, LoadedModule, Passed, Proxy, WireMessage};

const STREAMS: usize = 1_000_000;

/// A chain of one module, with the same name and a configuration each.
fn proxy(module: &str, configurations: &[&str]) -> Proxy {
    let file = modules::built(module, Path::new(env!("CARGO_MANIFEST_DIR")));
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; run `make modules`", file.display()));
    chain(&LoadedModule::new(&bytes).unwrap(), configurations)
}

fn chain(module: &LoadedModule, configurations: &[&str]) -> Proxy {
    Proxy::load(&specs(module, configurations), Arc::new(Process::deterministic(1))).unwrap()
}

fn specs(module: &LoadedModule, configurations: &[&str]) -> Vec<FilterSpec> {
    let filters = configurations.iter().map(|configuration| FilterSpec {
        module: module.clone(),
        plugin: Plugin {
            name: "same".to_owned(),
            configuration: configuration.as_bytes().to_vec(),
            ..Plugin::default()
        },
        failure_policy: FailurePolicy::Closed,
    });
    filters.collect()
}

/// Sends one request through; the messages as they came out.
fn exchange(proxy: &mut Proxy) -> (WireMessage, WireMessage) {
    let headers = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<HeaderMap>();
    let request = headers(&[(":authority", "example.com"), (":path", "/items"), (":method", "GET")]);
    let mut stream = proxy.open(Attributes::default());
    let Passed::On(request) = stream.request(WireMessage::new(request, Vec::new())) else { panic!("no request") };
    let answer = WireMessage::new(headers(&[(":status", "200")]), Vec::new());
    let Passed::On(response) = stream.response(answer) else { panic!("no response") };
    stream.close();
    (request, response)
}

fn values<'m>(message: &'m WireMessage, name: &str) -> Vec<&'m [u8]> {
    message.headers.get_all(name.as_bytes()).collect()
}

/// Runs a million streams, each checked, and compares the guests' memory after the first ten thousand and at the end.
fn stays_flat(proxy: &mut Proxy, check: impl Fn(&WireMessage, &WireMessage)) {
    let mut early = 0;
    for i in 0..STREAMS {
        let (request, response) = exchange(proxy);
        check(&request, &response);
        if i == 10_000 {
            early = proxy.memory_bytes();
        }
    }
    assert!(early > 0);
    assert_eq!(proxy.memory_bytes(), early, "the guest's memory grew");
}

#[test]
fn a_filter_with_state_alone_in_its_vm() {
    let mut proxy = proxy("path-echo", &[r#"{"served_by": "one"}"#]);
    stays_flat(&mut proxy, |_, response| {
        assert_eq!(values(response, "x-served-by"), [b"one"]);
        assert_eq!(values(response, "x-path"), [b"/items"]);
    });
}

#[test]
fn a_filter_with_state_twice_in_a_vm() {
    let mut proxy = proxy("path-echo", &[r#"{"served_by": "one"}"#, r#"{"served_by": "two"}"#]);
    assert_eq!(proxy.vm_count(), 1);
    // The response meets the last filter first.
    stays_flat(&mut proxy, |_, response| assert_eq!(values(response, "x-served-by"), [b"two", b"one"]));
}

/// Adds a header to both messages.
fn adding(value: &str) -> String {
    let header = format!(r#"[{{"name": "x-seen", "value": "{value}"}}]"#);
    format!(r#"{{"request": {header}, "response": {header}}}"#)
}

#[test]
fn a_filter_without_state_alone_in_its_vm() {
    let mut proxy = proxy("add-header", &[&adding("one")]);
    stays_flat(&mut proxy, |request, response| {
        assert_eq!(values(request, "x-seen"), [b"one"]);
        assert_eq!(values(response, "x-seen"), [b"one"]);
    });
    // Create, request headers, response headers: nobody tells it that a stream ends.
    let before = proxy.cost();
    exchange(&mut proxy);
    let cost = proxy.cost() - before;
    assert_eq!((cost.vm_entries, cost.host_calls()), (3, 2));
}

#[test]
fn a_filter_without_state_twice_in_a_vm() {
    let mut proxy = proxy("add-header", &[&adding("one"), &adding("two")]);
    assert_eq!(proxy.vm_count(), 1);
    stays_flat(&mut proxy, |request, response| {
        assert_eq!(values(request, "x-seen"), [b"one".as_slice(), b"two"]);
        assert_eq!(values(response, "x-seen"), [b"two".as_slice(), b"one"]);
    });
}

#[test]
fn the_scenario_passes_natively_as_in_wasm() {
    let scenario = Scenario::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario.yaml")).unwrap();
    let native = Native::linked(tamis::native::of::<PathEcho>).unwrap();
    let native = run(&scenario, &mut Modules::native([native])).unwrap();
    assert!(native.passed(), "{native}");
    let wasm = run(&scenario, &mut Modules::default()).unwrap();
    assert_eq!(disagreements(&wasm, &native), "");
}

#[test]
fn natively_too_each_plugin_of_a_vm_has_its_streams() {
    let module = LoadedModule::native(Native::linked(tamis::native::of::<PathEcho>).unwrap());
    let mut proxy = chain(&module, &[r#"{"served_by": "one"}"#, r#"{"served_by": "two"}"#]);
    assert_eq!(proxy.vm_count(), 1);
    for _ in 0..100 {
        let (_, response) = exchange(&mut proxy);
        assert_eq!(values(&response, "x-served-by"), [b"two", b"one"]);
        assert_eq!(values(&response, "x-path"), [b"/items"]);
    }
    proxy.reload(&specs(&module, &[r#"{"served_by": "four"}"#])).unwrap();
    assert_eq!(values(&exchange(&mut proxy).1, "x-served-by"), [b"four"]);
    // A proxy beside it knows nothing of its plugins.
    let mut other = chain(&module, &[r#"{"served_by": "three"}"#]);
    assert_eq!(values(&exchange(&mut other).1, "x-served-by"), [b"three"]);
    assert_eq!(values(&exchange(&mut proxy).1, "x-served-by"), [b"four"]);
}
