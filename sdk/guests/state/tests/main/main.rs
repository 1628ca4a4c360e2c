//! Timers, handles of what waits, metrics and shared values: natively, as a module, and in a real Envoy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use state::State;
use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::envoy::{disagreements, find_or_skip, run_all};
use tamis_harness::native::{self, Native};
use tamis_harness::scenario::{Modules, Scenario, run};
use tamis_harness::stream::{Direction, FailurePolicy, FilterSpec, Frame, LoadedModule, Options, Proxy, StreamKey};

fn scenario() -> Scenario {
    Scenario::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario.yaml")).unwrap()
}

#[test]
fn what_waits_goes_on_natively_as_in_wasm() {
    let native = Native::linked(tamis::native::of::<State>).unwrap();
    let native = run(&scenario(), &mut Modules::native([native])).unwrap();
    assert!(native.passed(), "{native}");
    let wasm = run(&scenario(), &mut Modules::default()).unwrap();
    assert!(wasm.passed(), "{wasm}");
    assert_eq!(native::disagreements(&wasm, &native), "");
}

#[test]
fn what_waits_goes_on_in_a_real_envoy() {
    let Some(envoy) = find_or_skip("timers in a real Envoy") else { return };
    let mut modules = Modules::default();
    let real = run_all(&envoy, &[scenario()], &mut modules).unwrap().remove(0).unwrap();
    assert!(real.passed(), "{real}");
    let ours = run(&scenario(), &mut modules).unwrap();
    for (ours, real) in ours.exchanges.iter().zip(&real.exchanges) {
        assert_eq!(disagreements(&ours.observed, &real.observed), Vec::<String>::new(), "{}", ours.name);
    }
}

/// A proxy of so many workers with the filter alone.
fn proxy(workers: usize) -> Proxy {
    let filter = FilterSpec {
        module: LoadedModule::native(Native::linked(tamis::native::of::<State>).unwrap()),
        plugin: Plugin { name: "state".to_owned(), ..Plugin::default() },
        failure_policy: FailurePolicy::Closed,
    };
    let options = Options { workers, ..Options::default() };
    Proxy::load_with(&[filter], Arc::new(Process::deterministic(1)), options).unwrap()
}

/// Sends a request without a body.
fn ask(proxy: &mut Proxy, path: &str) -> StreamKey {
    let headers = [(":authority", "example.com"), (":path", path), (":method", "GET")];
    let stream = proxy.open_on(0, Attributes::default());
    proxy.send(stream, Direction::Request, Frame::Headers(headers.into_iter().collect::<HeaderMap>()), true);
    stream
}

/// Whether anything of it has come out by now.
fn moved(proxy: &mut Proxy, stream: StreamKey) -> bool {
    !proxy.take_out(stream).is_empty()
}

#[test]
fn timers_are_due_each_at_its_own_time() {
    let mut proxy = proxy(1);
    let streams = ["/wait/50", "/wait/20", "/refuse/50"].map(|path| ask(&mut proxy, path));
    let mut now = |by: u64| {
        proxy.advance(Duration::from_millis(by));
        streams.map(|stream| moved(&mut proxy, stream))
    };
    assert_eq!(now(19), [false, false, false]);
    assert_eq!(now(1), [false, true, false]);
    assert_eq!(now(29), [false, false, false]);
    assert_eq!(now(1), [true, false, true]);
    assert_eq!(proxy.due_in(), None, "nothing ticks when nothing is to be done");
}

#[test]
fn there_are_never_more_timers_than_the_filter_allows() {
    let mut proxy = proxy(1);
    for _ in 0..3 {
        let stream = ask(&mut proxy, "/wait/10");
        assert!(!moved(&mut proxy, stream));
    }
    let fourth = ask(&mut proxy, "/wait/10");
    assert!(proxy.replied(fourth), "it is refused at once");
    proxy.advance(Duration::from_millis(10));
    let fifth = ask(&mut proxy, "/wait/10");
    assert!(!proxy.replied(fifth), "there is room again");
}

#[test]
fn a_stream_that_is_gone_harms_nobody() {
    let mut proxy = proxy(1);
    let (gone, stays) = (ask(&mut proxy, "/wait/10"), ask(&mut proxy, "/wait/10"));
    proxy.close(gone);
    proxy.advance(Duration::from_millis(10));
    assert!(moved(&mut proxy, stays));
}

#[test]
fn a_second_worker_resets_nothing() {
    let mut modules = Modules::default();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = folder.path().join("workers.yaml");
    let step = |worker: u32, count: u32| {
        serde_json::json!({
            "name": format!("{count}"), "worker": worker, "request": { "path": "/count" },
            "expect": { "upstream": { "headers": { "x-count": count } } },
        })
    };
    let scenario = serde_json::json!({
        "name": "workers", "workers": 2, "filters": [{ "module": "state" }],
        "exchanges": [step(0, 11), step(1, 12), step(0, 13)],
    });
    std::fs::write(&file, scenario.to_string()).unwrap();
    let report = run(&Scenario::read(&file).unwrap(), &mut modules).unwrap();
    assert!(report.passed(), "{report}");
}
