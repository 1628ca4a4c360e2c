//! Held headers where module and proxy do not agree (rule BODY-1): what is seen of either mismatch, in the harness and in a
//! real Envoy.

use tamis_harness::envoy::disagreements;
use tamis_harness::scenario::modules;

use super::*;

/// `settings.wasm` holds headers by the bare result 1, and so does `bodies.wasm`, a filter of the SDK, when it is told to.
/// `asks.wasm` pauses by the same result until a callout has answered.
const SCENARIOS: &[&str] = &[
    "name: a module holds, and the proxy does not know
filters: [{ module: settings.wasm }]
exchanges:
  - name: the body never comes, and the request waits
    request: { method: POST, body: abc }
    expect: { upstream: { reached: false }, response: { answered: false }, metrics: { seen: 1 } }
  - { name: without a body nothing is held, expect: { metrics: { seen: 2 } } }
",
    "name: both know
filters: [{ module: settings.wasm, held_headers: true }]
exchanges:
  - name: the body comes
    request: { method: POST, body: abc }
    expect: { upstream: { headers: { x-body: 'yes' }, body: abc } }
",
    "name: a filter of the SDK holds, and the proxy does not know
filters: [{ module: bodies.wasm, config: { request: { mode: guest, limit: 100, edit: wrap }, held_headers: true } }]
exchanges:
  - name: the request waits
    request: { method: POST, body: abc }
    expect: { upstream: { reached: false }, response: { answered: false } }
  - { name: without a body nothing is held }
",
    "name: a filter of the SDK holds a response, and the proxy does not know
filters: [{ module: bodies.wasm, config: { response: { mode: host, limit: 100, edit: wrap }, held_headers: true } }]
exchanges:
  - name: the response waits
    upstream: { body: abc }
    expect: { response: { answered: false } }
",
    "name: the proxy knows, and a filter of the SDK does not hold
filters:
  - { module: bodies.wasm, held_headers: true, config: { request: { mode: guest, limit: 100, edit: wrap } } }
exchanges:
  - name: nothing is lost
    request: { method: POST, body: abc }
    expect: { upstream: { headers: { x-length: { absent: true } }, body: '[abc]' } }
",
    "name: the proxy does not know, and a filter pauses for a callout
clusters: [{ name: auth }]
filters: [{ module: asks.wasm }]
exchanges:
  - name: the body waits with the headers
    request: { method: POST, body: abc }
    callouts: [{ cluster: auth, answer: { status: 403, after: 100ms } }]
    expect: { upstream: { reached: false }, response: { status: 403 } }
",
    "name: the proxy knows, and a filter pauses for a callout
clusters: [{ name: auth }]
filters: [{ module: asks.wasm, held_headers: true }]
exchanges:
  - name: a body takes the headers along, and nobody was asked
    request: { method: POST, body: abc }
    callouts: [{ cluster: auth, answer: { status: 403, after: 100ms } }]
    expect: { upstream: { reached: true, body: abc }, response: { status: 200 } }
  - name: without a body the headers wait
    callouts: [{ cluster: auth, answer: { status: 403, after: 100ms } }]
    expect: { upstream: { reached: false }, response: { status: 403 } }
",
];

#[test]
fn body_1_either_mismatch_of_held_headers_shows_the_same_in_the_harness_and_in_envoy() {
    let folder = steps::guests();
    let bodies = modules::built("bodies", Path::new(env!("CARGO_MANIFEST_DIR")));
    std::fs::copy(&bodies, folder.path().join("bodies.wasm"))
        .unwrap_or_else(|error| panic!("{}: {error}; `make` builds it", bodies.display()));
    let read = |(index, text): (usize, &&str)| {
        let file = folder.path().join(format!("{index}.yaml"));
        std::fs::write(&file, text).unwrap();
        Scenario::read(&file).unwrap_or_else(|error| panic!("{error}"))
    };
    let scenarios = SCENARIOS.iter().enumerate().map(read).collect::<Vec<_>>();
    let mut modules = Modules::default();
    let ours = scenarios.iter().map(|scenario| run(scenario, &mut modules).unwrap()).collect::<Vec<_>>();
    let failed =
        |reports: &[Report]| reports.iter().filter(|report| !report.passed()).map(ToString::to_string).collect();
    let wrong: String = failed(&ours);
    assert!(wrong.is_empty(), "{wrong}");
    let Some(binary) = find_or_skip("mismatches of held headers in a real Envoy") else { return };
    let theirs = run_all(&binary, &scenarios, &mut modules).unwrap_or_else(|error| panic!("{error}"));
    let theirs = theirs.into_iter().map(|report| report.unwrap_or_else(|error| panic!("{error}"))).collect::<Vec<_>>();
    let mut wrong: String = failed(&theirs);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        for (one, other) in ours.exchanges.iter().zip(&theirs.exchanges) {
            assert_eq!((&other.not_run, &other.not_applicable), (&None, &Vec::new()), "{}", one.name);
            for line in disagreements(&one.observed, &other.observed) {
                wrong.push_str(&format!("{}, {}: {line}\n", ours.scenario, one.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
