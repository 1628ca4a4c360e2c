//! A sample of the conformance cases, so that a drift shows before `make conformance` is run.

use std::path::{Path, PathBuf};

use tamis_harness::conformance::{self, Batch, Known, Pool, flows};
use tamis_harness::document::parse_as;
use tamis_harness::envoy::find_or_skip;

/// Batches whose cases need nothing that is still missing. They run rules LIFE-13, BUF-3, BUF-4, BUF-5, BUF-8, HDR-3, HDR-6,
/// HDR-7, MEM-1, SQ-1 and SQ-2 in every phase.
const SAMPLE: [&str; 4] = ["context", "buffer-set", "header-value", "queues"];

/// Groups of streams that take little time. They run rules BODY-1, BODY-2, BODY-4, BODY-8, BODY-9, BODY-10, BUF-6, HDR-1,
/// HDR-2, LR-6, LR-7, LR-10, LIFE-9, LIFE-11, LIFE-12 and LIFE-16.
const STREAMS: [&str; 7] = [
    "pause-request-trailers",
    "pause-response-trailers",
    "pause-request-body-1-end",
    "h2-pause-request-trailers",
    "abort-headers",
    "reload-leaving",
    "listener-leaving",
];

/// Batches of network filters: an ordinary one, one that keeps and changes bytes, one that closes while it begins. They run
/// rules BUF-7, LR-10 and TCP-3.
const CONNECTIONS: [&str; 3] = ["tcp-context", "tcp-downstream_data-each-append", "tcp-close-2-create_stream"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn probe() -> PathBuf {
    folder().join("../target/tamis/probe.wasm")
}

fn pool() -> Pool<'static> {
    Pool::new(4, &|_, _| {})
}

fn known() -> Vec<Known> {
    parse_as(&std::fs::read_to_string(folder().join("conformance/known.yaml")).unwrap()).unwrap()
}

fn sample() -> Vec<Batch> {
    conformance::batches().into_iter().filter(|batch| SAMPLE.contains(&batch.name.as_str())).collect()
}

#[test]
fn a_sample_is_the_same_in_the_harness_and_in_envoy() {
    let Some(binary) = find_or_skip("conformance cases in a real Envoy") else { return };
    let outcome = conformance::run(&binary, &probe(), &sample(), &known(), &pool()).unwrap();
    let unexplained = outcome.unexplained().take(5).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(unexplained, [""; 0]);
    assert!(outcome.cases > 5_000, "{} cases", outcome.cases);
}

#[test]
fn a_difference_is_seen() {
    let Some(binary) = find_or_skip("conformance cases in a real Envoy") else { return };
    let mut batches = sample();
    batches.retain(|batch| batch.name == "queues");
    // What Envoy calls itself is something that the harness leaves out.
    batches[0].program = vec!["* configure proxy_get_property \"xds\\x00node\\x00user_agent_name\" @data".to_owned()];
    let outcome = conformance::run(&binary, &probe(), &batches, &[], &pool()).unwrap();
    // In the canary, on the main thread, and on the worker, where it is also a case.
    assert_eq!((outcome.unexplained().count(), outcome.counts().1), (3, 3));
}

#[test]
fn streams_of_a_sample_are_the_same_in_the_harness_and_in_envoy() {
    let Some(binary) = find_or_skip("streams in a real Envoy") else { return };
    let mut groups = flows::groups();
    groups.retain(|group| STREAMS.contains(&group.name.as_str()));
    let outcome = flows::run(&binary, &probe(), &groups, &known(), &pool()).unwrap();
    let unexplained = outcome.unexplained().take(3).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(unexplained, [""; 0]);
    assert!(outcome.cases > 30, "{} cases", outcome.cases);
}

#[test]
fn network_filters_of_a_sample_are_the_same_in_the_harness_and_in_envoy() {
    let Some(binary) = find_or_skip("network filters in a real Envoy") else { return };
    let mut batches = conformance::connections();
    batches.retain(|batch| CONNECTIONS.contains(&batch.name.as_str()));
    let outcome = conformance::run(&binary, &probe(), &batches, &known(), &pool()).unwrap();
    let unexplained = outcome.unexplained().take(5).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(unexplained, [""; 0]);
    assert!(outcome.cases > 1_000, "{} cases", outcome.cases);
}
