//! What else a scenario can say: callouts, time, new configurations, workers, faults.

use super::*;

/// A folder with the guests of `tests/guests`.
pub fn guests() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    for entry in std::fs::read_dir(source).unwrap() {
        let file = entry.unwrap().path();
        let module = wat::parse_file(&file).unwrap_or_else(|error| panic!("{error}"));
        std::fs::write(folder.path().join(file.file_name().unwrap()).with_extension("wasm"), module).unwrap();
    }
    folder
}

/// Runs a scenario without its name.
fn play(text: &str) -> Report {
    let folder = guests();
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, format!("name: s\n{text}")).unwrap();
    let scenario = Scenario::read(&file).unwrap_or_else(|error| panic!("{error}"));
    run(&scenario, &mut Modules::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// What differs in each step.
fn differing(text: &str) -> Vec<Vec<String>> {
    let report = play(text);
    let lines = |found: &[Difference]| found.iter().map(ToString::to_string).collect();
    report.exchanges.iter().map(|exchange| lines(&exchange.differences)).collect()
}

const ASKS: &str = "clusters: [{ name: auth }]\nfilters: [{ module: asks.wasm }]\nexchanges:\n";

#[test]
fn every_kind_of_answer_reaches_the_filter() {
    let text = format!(
        "{ASKS}  - name: ${{name}}
    callouts:
      - cluster: auth
        expect: {{ method: GET, path: /check, authority: auth, headers: {{ x-a: {{ absent: true }} }} }}
        answer: '${{answer}}'
    expect: {{ upstream: {{ reached: '${{reached}}' }}, response: {{ status: '${{status}}' }}, log: [asked, answered] }}
    cases:
      - {{ name: yes, with: {{ name: a, answer: {{ status: 200, after: 10ms, body: fine }}, reached: true, status: 200 }} }}
      - {{ name: no, with: {{ name: b, answer: {{ status: 403 }}, reached: false, status: 403 }} }}
      - {{ name: in time, with: {{ name: c, answer: {{ after: 199ms }}, reached: true, status: 200 }} }}
      - {{ name: too late, with: {{ name: d, answer: {{ after: 300ms }}, reached: false, status: 403 }} }}
      - {{ name: never, with: {{ name: e, answer: never, reached: false, status: 403 }} }}
      - {{ name: refused, with: {{ name: f, answer: {{ failure: refused }}, reached: false, status: 403 }} }}
      - {{ name: closed, with: {{ name: g, answer: {{ failure: closed }}, reached: false, status: 403 }} }}
      - {{ name: reset, with: {{ name: h, answer: {{ failure: reset }}, reached: false, status: 502 }} }}
"
    );
    assert_eq!(differing(&text), vec![[""; 0]; 8]);
}

#[test]
fn callouts_that_are_not_as_expected_are_told() {
    let text = format!(
        "{ASKS}  - name: not expected
    expect: {{ upstream: {{ reached: false }}, response: {{ status: 403 }} }}
  - name: otherwise
    callouts: [{{ cluster: auth, expect: {{ path: /other, method: POST }} }}]
  - name: once more
    callouts: [{{ cluster: auth, times: 2 }}]
  - advance: 1s
    callouts: [{{ cluster: auth }}]
"
    );
    assert_eq!(
        differing(&text),
        [
            vec!["callout to auth: not expected: \"GET /check\""],
            vec![
                "callout 1 (auth) :method: expected \"POST\", saw \"GET\"",
                "callout 1 (auth) :path: expected \"/other\", saw \"/check\""
            ],
            vec!["callout 1 (auth): not made"],
            vec!["callout 1 (auth): not made"],
        ]
    );
}

#[test]
fn a_callout_to_an_unhealthy_or_unknown_cluster_fails_at_once() {
    // The guest lets the request go on then.
    let rest = "filters: [{ module: asks.wasm }]\nexchanges: [{ name: e, expect: { no_log: [asked, answered] } }]";
    assert_eq!(differing(&format!("clusters: [{{ name: auth, healthy: false }}]\n{rest}")), [[""; 0]]);
    assert_eq!(differing(rest), [[""; 0]]);
}

#[test]
fn time_goes_by_when_it_is_told_to_and_while_a_request_is_held() {
    let found = differing(
        "filters: [{ module: ticks.wasm, config: now }]
exchanges:
  - { name: held until the next tick, expect: { log: [tick], metrics: { ticks: 2 } } }
  - { advance: 2500ms, expect: { log: [tick], metrics: { ticks: 6 } } }
  - { name: wrong, advance: 400ms, expect: { log: [tick], no_log: [tack], metrics: { ticks: 7 } } }
",
    );
    // The main thread's timer runs too.
    let wrong = ["log: no line with \"tick\"; what was logged: nothing", "metric ticks: expected 7, saw 6"];
    assert_eq!(found, [vec![], vec![], wrong.to_vec()]);
}

#[test]
fn a_new_configuration_is_taken_or_refused_and_traffic_goes_on() {
    let found = differing(
        "filters: [{ module: ticks.wasm, name: t, config: first }]
exchanges:
  - { name: before }
  - { reload: { filter: t, config: second }, expect: { log: [second], no_log: [first] } }
  - { name: between, expect: { log: [tick] } }
  - { name: bad, reload: { filter: t, accepted: false }, expect: { log: [ticks] } }
  - { name: after }
  - { name: wrongly refused, reload: { filter: t } }
  - { name: wrongly accepted, reload: { filter: t, config: {}, accepted: false } }
",
    );
    assert!(found[..5].iter().all(Vec::is_empty), "{found:#?}");
    assert_eq!(found[5], ["reload: filter `t` rejects its configuration\n  ticks"]);
    assert_eq!(found[6], ["reload: the configuration was accepted, and should not be"]);
}

#[test]
fn workers_share_data_and_have_vms_of_their_own() {
    let found = differing(
        "workers: 2
filters: [{ module: counts.wasm, name: c }]
exchanges:
  - { name: first, worker: 0, expect: { upstream: { headers: { x-count: 1 } } } }
  - { name: second, worker: 1, expect: { upstream: { headers: { x-count: 2 } } } }
  - { name: its vm dies, worker: 1, fault: { trap_at_host_call: 1 }, expect: { upstream: { reached: false }, response: { status: 503 } } }
  - { name: it stays dead, worker: 1, expect: { upstream: { reached: false }, response: { status: 503 } } }
  - { name: the other lives, worker: 0, expect: { upstream: { headers: { x-count: 3 } } } }
",
    );
    assert_eq!(found, vec![[""; 0]; 5]);
}

#[test]
fn faults_have_the_result_that_the_failure_policy_asks_for() {
    let after = |policy: &str| {
        let text = format!(
            "filters: [{{ module: counts.wasm, name: c, failure_policy: {policy} }}]
exchanges:
  - {{ name: it counts, expect: {{ upstream: {{ headers: {{ x-count: 1 }} }} }} }}
  - name: it traps at its second call
    fault: {{ filter: c, trap_at_host_call: 2 }}
    expect: {{ upstream: {{ reached: false }}, response: {{ status: 503 }}, log: [made to trap at proxy_set_shared_data] }}
  - {{ name: at once }}
  - {{ advance: 2s }}
  - {{ name: later }}
"
        );
        let report = play(&text);
        assert!(report.exchanges[..2].iter().all(|exchange| exchange.differences.is_empty()), "{report}");
        let status = |at: usize| {
            let response = report.exchanges[at].observed.response.as_ref().unwrap();
            String::from_utf8_lossy(response.get(":status").unwrap()).into_owned()
        };
        let counted =
            |at: usize| report.exchanges[at].observed.upstream.as_ref().is_some_and(|up| up.get("x-count").is_some());
        [(status(2), counted(2)), (status(4), counted(4))].map(|(status, counted)| format!("{status} {counted}"))
    };
    assert_eq!(after("closed"), ["503 false", "503 false"]);
    assert_eq!(after("open"), ["200 false", "200 false"]);
    assert_eq!(after("reload"), ["503 false", "200 true"]);
}

#[test]
fn an_allocator_without_memory_and_a_memory_that_cannot_grow() {
    let found = differing(
        "workers: 2
filters: [{ module: counts.wasm }]
exchanges:
  - { name: first, expect: { upstream: { headers: { x-count: 1 } } } }
  - { name: it cannot read, worker: 1, fault: { allocation_fails: true }, expect: { upstream: { headers: { x-count: 1 } } } }
  - { name: it can again, worker: 1, expect: { upstream: { headers: { x-count: 2 } } } }
",
    );
    assert_eq!(found, vec![[""; 0]; 3]);
    let grows = GUEST.replace(
        "(drop (call $log",
        "(if (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)) (then (return (i32.const 1)))) (drop (call $log",
    );
    let place = Place::new(
        "  - { name: capped, fault: { memory_limit: 65536 }, expect: { log: [seen] } }\n  - { name: free, expect: { no_log: [seen], response: { status: 200 } } }\n",
    );
    std::fs::write(place.folder.path().join("guest.wasm"), wat::parse_str(grows).unwrap()).unwrap();
    let report = place.run();
    assert_eq!(report.exchanges[0].differences, [], "{report}");
    assert_eq!(report.exchanges[1].observed.response, None, "it paused: its memory grew");
}

#[test]
fn answers_come_in_the_order_of_their_delays() {
    // Asks twice: it answers in the order in which what it asked for comes.
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/asks.wat")).unwrap();
    let call = "(drop (call $call (i32.const 0) (i32.const 4) (i32.const 8) (i32.const 69) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 128)))";
    let twice = source
        .replace("(if (call $call", &format!("{call}\n(if (call $call"))
        .replace("(drop (call $log (i32.const 2) (i32.const 104) (i32.const 8)))", "(i32.store8 (i32.const 104) (i32.add (i32.const 48) (local.get $token))) (drop (call $log (i32.const 2) (i32.const 104) (i32.const 1)))");
    let place = Place::new("");
    std::fs::write(place.folder.path().join("guest.wasm"), wat::parse_str(&twice).unwrap()).unwrap();
    let text = "name: s
clusters: [{ name: auth }]
filters: [{ module: guest.wasm, name: g }]
exchanges:
  - name: the second is faster
    callouts: [{ cluster: auth, answer: { after: 20ms } }, { cluster: auth, answer: { after: 10ms } }]
    expect: { no_log: ['log: 4'] }
  - { advance: 10ms, expect: { log: ['log: 4'] } }
";
    std::fs::write(place.file(), text).unwrap();
    let report = run(&Scenario::read(&place.file()).unwrap(), &mut Modules::default()).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(report.exchanges[0].observed.effects.log.as_ref().unwrap().last().unwrap(), "[info] wasm log: 8");
}

#[test]
fn grpc_calls_and_streams_have_scripts_too() {
    let report = play(
        "clusters: [{ name: up }]
filters: [{ module: grpc.wasm }]
exchanges:
  - name: answered
    callouts:
      - { cluster: up, grpc: { service: s, method: M, expect: { messages: [a] }, answer: { messages: [yes] } } }
      - cluster: up
        grpc:
          expect: { messages: [a], closed: true, cancelled: false }
          answer: { metadata: { x-m: one }, messages: [two, three], status: 7, status_message: no }
    expect: { log: [': yes', ': one', ': two', ': three', ': 7', '7close'] }
  - name: refused, and never
    callouts:
      - { cluster: up, grpc: { answer: { status: 5 } } }
      - { cluster: up, grpc: { answer: { never: true } } }
    expect: { log: [5close], no_log: [7close] }
  - name: too late, and open
    callouts:
      - { cluster: up, grpc: { answer: { messages: [late], after: 200ms } } }
      - { cluster: up, grpc: { answer: { messages: [here], open: true } } }
    expect: { log: [here], no_log: [close] }
  - { advance: 100ms, expect: { log: ['>close'] } }
  - { advance: 100ms, expect: { no_log: [late] } }
  - name: not as expected
    callouts: [{ cluster: up, grpc: { method: N, expect: { messages: [b, c] } } }]
",
    );
    let (last, others) = report.exchanges.split_last().unwrap();
    assert!(others.iter().all(|exchange| exchange.differences.is_empty()), "{report}");
    let told = last.differences.iter().map(ToString::to_string).collect::<Vec<_>>();
    let wrong = [
        "callout 1 (up) method: expected \"N\", saw \"M\"",
        "callout to up: not expected: gRPC \"/s/M\"",
        "callout 1 (up) message 1: expected \"b\", saw \"a\"",
        "callout 1 (up) message 2: expected \"c\", saw none",
    ];
    assert_eq!(told, wrong);
}

#[test]
fn what_the_proxy_is_told_of_a_filter_reaches_it() {
    let found = differing(
        "buffer_limit: 10
filters: [{ module: counts.wasm, name: c, allowed_capabilities: [proxy_on_request_headers, proxy_get_shared_data, proxy_set_shared_data] }]
exchanges:
  - { name: it may not add a header, expect: { upstream: { headers: { x-count: { absent: true } } }, log: [restricted proxy-wasm capability] } }
",
    );
    assert_eq!(found, [[""; 0]]);
}

#[test]
fn what_is_wrong_with_a_start_is_told() {
    let found = differing(
        "clusters: [{ name: auth }]
filters: [{ module: starts.wasm }]
start:
  callouts: [{ cluster: auth, times: 3, expect: { path: /config } }, { cluster: auth, expect: { path: /tick } }]
  expect: { log: [refused], no_log: [configured] }
exchanges:
  - { name: the answers have come }
  - { advance: 50ms, callouts: [{ cluster: auth, times: 2, expect: { path: /tick } }] }
",
    );
    let told = found[0].iter().map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>();
    let said = "log: a line with \"configured\": [info] wasm log: configured";
    let not_made = ["callout 1 (auth): not made", "callout 2 (auth): not made"];
    assert_eq!(told, [["log: no line with \"refused\"", said, said, said].as_slice(), &not_made].concat());
    assert_eq!((found[1].len(), found[2].len()), (0, 0), "{found:?}");
    // Without a start its callouts are nobody's.
    let found = differing(
        "clusters: [{ name: auth }]\nfilters: [{ module: starts.wasm }]\nexchanges: [{ name: a, expect: { no_log: [configured] } }]",
    );
    assert_eq!(found[0], ["callout to auth: not expected: \"GET /config\""; 2]);
}

#[test]
fn a_reload_while_a_request_is_under_way_is_held_against_what_it_should_be() {
    let found = differing(
        "filters: [{ module: says.wasm, name: s, config: first }]
exchanges:
  - name: wrongly refused
    request: { method: POST, body: abc }
    meanwhile: { after_bytes: 1, reload: { filter: s } }
  - name: wrongly accepted
    request: { method: POST, body: abc }
    meanwhile: { after_bytes: 1, reload: { filter: s, config: second, accepted: false } }
    expect: { upstream: { headers: { x-config: second } } }
",
    );
    assert_eq!(found[0], ["reload: filter `s` rejects its configuration"]);
    assert_eq!(
        found[1],
        [
            "upstream header x-config: expected \"second\", saw \"first\"",
            "reload: the configuration was accepted, and should not be"
        ]
    );
}
