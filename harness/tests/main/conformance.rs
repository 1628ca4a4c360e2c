//! A sample of the conformance cases, so that a drift shows before `make conformance` is run.

use std::path::{Path, PathBuf};

use tamis_harness::conformance::{self, Batch, Known};
use tamis_harness::document::parse_as;
use tamis_harness::envoy::find_or_skip;

/// Batches whose cases need nothing that is still missing. They run rules LIFE-13, BUF-3, BUF-4, BUF-5, BUF-8, HDR-3, HDR-6,
/// HDR-7, MEM-1, SQ-1 and SQ-2 in every phase.
const SAMPLE: [&str; 4] = ["context", "buffer-set", "header-value", "queues"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn probe() -> PathBuf {
    folder().join("../target/tamis/probe.wasm")
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
    let outcome = conformance::run(&binary, &probe(), &sample(), &known()).unwrap();
    let unexplained = outcome.unexplained().take(5).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(unexplained, [""; 0]);
    assert!(outcome.cases > 5_000, "{} cases", outcome.cases);
}

#[test]
fn a_difference_is_seen() {
    let Some(binary) = find_or_skip("conformance cases in a real Envoy") else { return };
    let mut batches = sample();
    batches.retain(|batch| batch.name == "queues");
    // Who Envoy is it knows from its configuration, and the harness has none.
    batches[0].program = vec!["* configure proxy_get_property \"xds\\x00node\\x00id\" @data".to_owned()];
    let outcome = conformance::run(&binary, &probe(), &batches, &[]).unwrap();
    // In the canary, on the main thread, and on the worker, where it is also a case.
    assert_eq!((outcome.unexplained().count(), outcome.counts().1), (3, 3));
}
