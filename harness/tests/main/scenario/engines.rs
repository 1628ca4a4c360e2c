//! The same scenarios in the harness and in a real Envoy.

use tamis_harness::envoy::disagreements;

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
        }
        println!("{envoy}");
    }
    assert!(wrong.is_empty(), "{wrong}");
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
