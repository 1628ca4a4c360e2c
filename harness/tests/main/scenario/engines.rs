//! The same scenarios in the harness and in a real Envoy.

use tamis_harness::envoy::{EnvoyBinary, disagreements};
use tamis_harness::scenario::ExchangeReport;

use super::*;

/// What the engines are compared on: callouts of every kind, logs, metrics, and what a proxy is told of a filter.
const SCENARIOS: &[&str] = &[
    "name: callouts
clusters: [{ name: auth }]
filters: [{ module: asks.wasm, name: asks }]
exchanges:
  - name: the answer
    callouts:
      - cluster: auth
        expect: { method: GET, path: /check, authority: auth, headers: { x-other: { absent: true } }, body: '' }
        answer: '${answer}'
    expect: { upstream: { reached: '${reached}' }, response: { status: '${status}' }, log: [asked, answered] }
    cases:
      - { name: yes, with: { answer: { status: 200, headers: { x-a: [b, c] }, body: fine }, reached: true, status: 200 } }
      - { name: no, with: { answer: { status: 403, after: 20ms }, reached: false, status: 403 } }
      - { name: nothing in it, with: { answer: { status: 204 }, reached: true, status: 200 } }
      - { name: too late, with: { answer: { after: 400ms }, reached: false, status: 403 } }
      - { name: never, with: { answer: never, reached: false, status: 403 } }
      - { name: refused, with: { answer: { failure: refused }, reached: false, status: 403 } }
      - { name: closed, with: { answer: { failure: closed }, reached: false, status: 403 } }
      - { name: reset, with: { answer: { failure: reset }, reached: false, status: 502 } }
      - { name: and again, with: { answer: { status: 200 }, reached: true, status: 200 } }
",
    "name: the same cluster of another scenario, without an endpoint
clusters: [{ name: auth, healthy: false }]
filters: [{ module: asks.wasm }]
exchanges:
  - { name: the call fails (HC-4), expect: { no_log: [asked, answered] } }
",
    "name: a cluster that there is not
filters: [{ module: asks.wasm }]
exchanges:
  - { name: it goes on, expect: { no_log: [asked] } }
",
    "name: settings
filters:
  - module: settings.wasm
    name: s
    held_headers: true
    environment: { LEVEL: high }
    vm_configuration: of the VM
    config: [1, { a: b }]
exchanges:
  - name: headers wait for the body
    request: { method: POST, body: abc }
    expect: { upstream: { headers: { x-body: 'yes' }, body: abc }, log: ['[info] wasm log s: seen'], metrics: { seen: 1 } }
  - name: without a body
    expect: { upstream: { headers: { x-body: { absent: true } } }, log: [seen], no_log: [unseen], metrics: { seen: 2 } }
",
    "name: capabilities
filters:
  - module: counts.wasm
    allowed_capabilities: [proxy_on_request_headers, proxy_on_memory_allocate, proxy_get_shared_data, proxy_set_shared_data]
exchanges:
  - name: it may not add a header
    expect: { upstream: { headers: { x-count: { absent: true } } }, log: ['restricted proxy-wasm capability: proxy_add'] }
",
    "name: a small buffer
buffer_limit: 1024
filters: [{ module: settings.wasm, held_headers: true, environment: { A: b } }]
exchanges:
  - name: less fits
    request: { method: POST, body: abc }
",
    "name: new configurations
filters: [{ module: ticks.wasm, name: t, config: first }]
exchanges:
  - { name: before, expect: { log: [tick] } }
  - { reload: { filter: t, config: second }, expect: { log: [second], no_log: [first] } }
  - { name: with the second }
  - { name: refused, reload: { filter: t, accepted: false }, expect: { log: [ticks] } }
  - { name: still with the second }
  - { reload: { filter: t, config: second } }
  - { reload: { filter: t, config: third }, expect: { log: [third] } }
  - { name: with the third }
",
    "name: gRPC
clusters: [{ name: up }]
filters: [{ module: grpc.wasm, name: g }]
exchanges:
  - name: calls and streams
    callouts:
      - { cluster: up, grpc: { service: s, method: M, expect: { messages: [a], closed: true }, answer: '${call}' } }
      - { cluster: up, grpc: { expect: { messages: [a], closed: true, cancelled: false }, answer: '${stream}' } }
    expect: { log: '${log}', no_log: '${no_log}' }
    cases:
      - name: a message, and a stream of them
        with: { call: { messages: [yes] }, stream: { metadata: { x-m: meta }, messages: [one, '', two], status: 0 }, log: [yes, meta, one, two, 0close], no_log: [7] }
      - name: a status, and one after messages
        with: { call: { status: 7, status_message: no }, stream: { messages: [one], status: 5, trailers: { x-t: end } }, log: [7close, one, 5close], no_log: [0close] }
      - name: a call with a message and a status
        with: { call: { messages: [lost], status: 7 }, stream: { status: 9 }, log: [7close, 9close], no_log: [lost] }
      - name: a status alone
        with: { call: { status: 3, trailers_only: true }, stream: { status: 5, status_message: none, trailers_only: true }, log: [3close, 5close], no_log: [meta] }
      - name: a call without a message
        with: { call: {}, stream: { open: true, messages: [one] }, log: [one, 'close'], no_log: [yes, 0close] }
",
    "name: one cluster that is asked both ways
clusters: [{ name: auth }, { name: up }]
filters: [{ module: asks.wasm, name: asks }, { module: grpc.wasm }]
exchanges:
  - name: HTTP and gRPC
    callouts:
      - { cluster: auth, answer: { status: 200, headers: { x-a: b }, body: fine } }
      - { cluster: up, grpc: { answer: { messages: [yes] } } }
      - { cluster: up, grpc: {} }
    expect: { log: [answered, yes] }
",
    "name: a request is under way while its filter is configured anew
filters: [{ module: says.wasm, name: s, config: first }]
exchanges:
  - name: before
    expect: { upstream: { headers: { x-config: first } } }
  - name: the request and its response stay with what they began with
    request: { method: POST, body: abcdef }
    upstream: { body: answer }
    meanwhile: { after_bytes: 3, reload: { filter: s, config: second } }
    expect:
      upstream: { headers: { x-config: first }, body: abcdef }
      response: { headers: { x-config: first }, body: answer }
      no_log: [second]
  - name: after it
    expect: { upstream: { headers: { x-config: second } }, response: { headers: { x-config: second } } }
  - name: before the body
    request: { method: POST, body: abc }
    meanwhile: { after_bytes: 0, reload: { filter: s, config: third } }
    expect: { upstream: { headers: { x-config: second }, body: abc }, log: [second], no_log: [third] }
  - name: one that is refused changes nothing
    request: { method: POST, body: abc }
    meanwhile: { after_bytes: 1, reload: { filter: s, accepted: false } }
    expect: { upstream: { headers: { x-config: third } } }
  - name: the last
    expect: { upstream: { headers: { x-config: third } } }
",
    "name: a plugin asks when it starts
clusters: [{ name: auth }]
filters: [{ module: starts.wasm, name: s }]
start:
  wait: 500ms
  callouts:
    - { cluster: auth, times: 2, expect: { path: /config }, answer: { status: 200, body: fine } }
    - { cluster: auth, times: 2, expect: { path: /tick }, answer: { status: 404, after: 20ms } }
  expect: { log: [configured, answered, ticked], no_log: [refused] }
exchanges:
  - { name: then requests come, expect: { no_log: [answered, ticked] } }
",
    "name: a vm that dies
filters: [{ module: dies.wasm, name: d, failure_policy: open }]
exchanges:
  - { name: the first meets it, expect: { upstream: { reached: false }, response: { status: 503 }, log: [proxy_on_request_headers failed] } }
  - { name: the second goes on, expect: { no_log: [failed] } }
",
];

fn scenarios(folder: &Path) -> Vec<Scenario> {
    let dies = "(module (memory (export \"memory\") 1) (func (export \"proxy_abi_version_0_2_1\"))
        (func (export \"proxy_on_memory_allocate\") (param i32) (result i32) (i32.const 1024))
        (func (export \"proxy_on_request_headers\") (param i32 i32 i32) (result i32) unreachable))";
    std::fs::write(folder.join("dies.wasm"), wat::parse_str(dies).unwrap()).unwrap();
    let read = |(index, text): (usize, &&str)| {
        let file = folder.join(format!("{index}.yaml"));
        std::fs::write(&file, text).unwrap();
        Scenario::read(&file).unwrap_or_else(|error| panic!("{error}"))
    };
    SCENARIOS.iter().enumerate().map(read).collect()
}

#[test]
fn what_both_engines_can_do_looks_the_same_in_both() {
    let Some(binary) = find_or_skip("scenarios with callouts in a real Envoy") else { return };
    let folder = steps::guests();
    let scenarios = scenarios(folder.path());
    let mut modules = Modules::default();
    let reports = run_all(&binary, &scenarios, &mut modules).unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = String::new();
    for (scenario, envoy) in scenarios.iter().zip(reports) {
        let harness = run(scenario, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        let envoy = envoy.unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        for report in [&harness, &envoy] {
            if !report.passed() {
                wrong.push_str(&report.to_string());
            }
        }
        for (ours, theirs) in harness.exchanges.iter().zip(&envoy.exchanges) {
            let told = theirs.not_applicable.iter().all(|what| what == "callouts that are refused");
            assert!(theirs.not_run.is_none() && told, "{envoy}");
            for line in disagreements(&ours.observed, &theirs.observed) {
                wrong.push_str(&format!("{}, {}: {line}\n", scenario.name, ours.name));
            }
            // The answers of two streams come in any order.
            let sorted = |report: &ExchangeReport| {
                let mut log = report.observed.effects.log.clone().unwrap_or_default();
                log.sort();
                log
            };
            if scenario.name == "gRPC" && sorted(ours) != sorted(theirs) {
                wrong.push_str(&format!("{}: {:?}, not {:?}\n", ours.name, sorted(theirs), sorted(ours)));
            }
        }
        println!("{envoy}");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_cluster_that_speaks_http_2_breaks_no_connections_off() {
    let Some(binary) = find_or_skip("failures of a gRPC cluster in a real Envoy") else { return };
    let folder = steps::guests();
    let file = folder.path().join("both.yaml");
    let text = "name: both
clusters: [{ name: auth }]
filters: [{ module: asks.wasm }]
exchanges:
  - { name: an answer, callouts: [{ cluster: auth, answer: { status: 200 } }] }
  - { name: none, callouts: [{ cluster: auth, answer: { failure: closed } }] }
  - { name: after it, callouts: [{ cluster: auth, grpc: {} }] }
";
    std::fs::write(&file, text).unwrap();
    let scenario = Scenario::read(&file).unwrap();
    let report = run_all(&binary, &[scenario], &mut Modules::default()).unwrap().remove(0).unwrap();
    let verdicts = report.exchanges.iter().map(ExchangeReport::verdict).collect::<Vec<_>>();
    assert_eq!(verdicts, [Verdict::Passed, Verdict::NotApplicable, Verdict::NotApplicable], "{report}");
    let why = "a cluster that is asked by gRPC breaks no connections off there";
    assert_eq!(report.exchanges[1].not_run.as_deref(), Some(why));
}

#[test]
fn a_body_above_the_buffer_limit_is_413_in_both() {
    let folder = steps::guests();
    let read = |split: &str| {
        let body = format!("{{ text: {}{split} }}", "x".repeat(70_000));
        let text = format!(
            "name: a small buffer
buffer_limit: 1024
filters: [{{ module: settings.wasm }}]
exchanges:
  - name: too much
    request: {{ method: POST, body: {body} }}
    expect: {{ upstream: {{ reached: false }}, response: {{ status: 413 }} }}
"
        );
        let file = folder.path().join("scenario.yaml");
        std::fs::write(&file, text.replace("settings.wasm }", "settings.wasm, held_headers: true }")).unwrap();
        Scenario::read(&file).unwrap_or_else(|error| panic!("{error}"))
    };
    let mut modules = Modules::default();
    // A real one chooses the pieces itself.
    let report = run(&read(", split: { at: [16384] }"), &mut modules).unwrap();
    assert!(report.passed(), "{report}");
    let Some(binary) = find_or_skip("a small buffer in a real Envoy") else { return };
    let report = run_all(&binary, &[read("")], &mut modules).unwrap().remove(0).unwrap();
    assert!(report.passed(), "{report}");
}

#[test]
fn what_is_wrong_in_envoy_is_told_there_too() {
    let Some(binary) = find_or_skip("scenarios that fail in a real Envoy") else { return };
    let folder = steps::guests();
    let file = folder.path().join("wrong.yaml");
    let text = "name: wrong
clusters: [{ name: auth }, { name: other }]
filters: [{ module: asks.wasm }, { module: settings.wasm }]
exchanges:
  - { name: not expected, expect: { upstream: { reached: false }, response: { status: 403 } } }
  - { name: otherwise, callouts: [{ cluster: auth, expect: { path: /other } }] }
  - { name: not made, callouts: [{ cluster: auth }, { cluster: other }] }
  - { name: not logged, callouts: [{ cluster: auth }], expect: { log: [nothing], no_log: [asked], metrics: { seen: 1, none: 2 } } }
";
    std::fs::write(&file, text).unwrap();
    let scenario = Scenario::read(&file).unwrap();
    let report = run_all(&binary, &[scenario], &mut Modules::default()).unwrap().remove(0).unwrap();
    let told = |at: usize| report.exchanges[at].differences.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told(0), ["callout to auth: not expected: \"GET /check\""]);
    assert_eq!(told(1), ["callout 1 (auth) :path: expected \"/other\", saw \"/check\""]);
    assert_eq!(told(2), ["callout 2 (other): not made"]);
    let last = told(3);
    assert!(
        last[0].starts_with("log: no line with \"nothing\"; what was logged:\n    [info] wasm log asks: asked"),
        "{last:?}"
    );
    assert_eq!(
        last[1..],
        [
            "log: a line with \"asked\": [info] wasm log asks: asked",
            "metric seen: expected 1, saw 3",
            "metric none: expected 2, saw none of this name"
        ]
    );
}

#[test]
fn what_builds_upon_a_step_that_is_not_run_is_not_run_either() {
    let Some(binary) = find_or_skip("steps that a real Envoy cannot do") else { return };
    let folder = steps::guests();
    let file = folder.path().join("steps.yaml");
    let text = "name: steps
workers: 2
clusters: [{ name: up }]
filters: [{ module: counts.wasm, name: c }, { module: settings.wasm }]
exchanges:
  - { name: pieces, request: { method: POST, body: { text: abc, split: every-byte } } }
  - { name: still counted, expect: { metrics: { seen: 1 } } }
  - { name: '${n}', cases: [{ name: x, with: { n: first } }] }
  - { name: elsewhere, worker: 1 }
  - { name: after it }
  - { advance: 1s }
";
    std::fs::write(&file, text).unwrap();
    let scenario = Scenario::read(&file).unwrap();
    let report = run_all(&binary, &[scenario], &mut Modules::default()).unwrap().remove(0).unwrap();
    let said = report.to_string();
    let expected = "steps (envoy VERSION)
  n/a  pieces  (not applicable: the pieces of a body (`split`) are chosen by the network there)
  ok   still counted
       not applicable here, and not looked at: metrics
  ok   first: x
  n/a  elsewhere  (not applicable: the kernel chooses the worker there)
  n/a  after it  (not applicable: a step before it was not run here, and it builds upon that)
  n/a  1s later  (not applicable: a step before it was not run here, and it builds upon that)
";
    assert_eq!(said.replace(binary.version(), "VERSION"), expected);
}

#[test]
fn a_scenario_about_one_release_behaves_like_it() {
    let folder = steps::guests();
    let read = |envoy: &str, says: &str| {
        let file = folder.path().join("release.yaml");
        let text = format!(
            "name: {envoy}\nenvoy: \"{envoy}\"\nfilters: [{{ module: versions.wasm }}]
exchanges: [{{ name: it, expect: {{ log: [{says}] }} }}]\n"
        );
        std::fs::write(&file, text).unwrap();
        Scenario::read(&file).unwrap_or_else(|error| panic!("{error}"))
    };
    let scenarios =
        [("1.36", "before 1.39"), ("1.38.2", "before 1.39"), ("1.39", "since 1.39"), ("1.40", "since 1.39")];
    let scenarios = scenarios.map(|(envoy, says)| read(envoy, says));
    let mut modules = Modules::default();
    for scenario in &scenarios {
        let report = run(scenario, &mut modules).unwrap();
        assert!(report.passed() && report.count(Verdict::Passed) == 1, "{report}");
    }
    for version in ["1.36.4", "1.40.0"] {
        let Ok(binary) = EnvoyBinary::find_version(version) else { continue };
        let reports = run_all(&binary, &scenarios, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        for (scenario, report) in scenarios.iter().zip(reports) {
            let report = report.unwrap();
            let own = version.starts_with(&scenario.envoy.unwrap().to_string());
            let verdict = if own { Verdict::Passed } else { Verdict::NotApplicable };
            assert_eq!(report.exchanges[0].verdict(), verdict, "{report}");
            let why = format!("the scenario is about Envoy {}, and this is {version}", scenario.envoy.unwrap());
            assert_eq!(report.exchanges[0].not_run, (!own).then_some(why));
        }
    }
}
