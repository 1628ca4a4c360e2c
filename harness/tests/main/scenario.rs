//! Scenario files from end to end: what each of their features sees, and what it says when it is not so.

use std::path::{Path, PathBuf};

use tamis_harness::envoy::{find_or_skip, run_all};
use tamis_harness::scenario::{Difference, MemoryUse, Modules, Report, Scenario, Verdict, memory_use, run, snapshot};
use tempfile::TempDir;

mod connections;
mod engines;
mod held;
mod steps;

/// Logs `seen`, counts requests in the metric `requests`, stores `yes` as the state `kept`; replaces every piece of a
/// request's body that is shorter than three bytes by `!`, and adds a trailer to a request that has some.
const GUEST: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
    (import "env" "proxy_set_property" (func $store (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_buffer_bytes" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "seen")
    (data (i32.const 16) "requests")
    (data (i32.const 32) "kept")
    (data (i32.const 48) "yes")
    (data (i32.const 64) "!")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $define (i32.const 0) (i32.const 16) (i32.const 8) (i32.const 128)))
        (i32.const 1))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $log (i32.const 2) (i32.const 0) (i32.const 4)))
        (drop (call $increment (i32.load (i32.const 128)) (i64.const 1)))
        (drop (call $store (i32.const 32) (i32.const 4) (i32.const 48) (i32.const 3)))
        (i32.const 0))
    (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param i32) (result i32)
        (if (i32.lt_u (local.get $size) (i32.const 3)) (then
            (drop (call $replace (i32.const 0) (i32.const 0) (local.get $size) (i32.const 64) (i32.const 1)))))
        (i32.const 0))
    (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
        (drop (call $add (i32.const 1) (i32.const 32) (i32.const 4) (i32.const 48) (i32.const 3)))
        (i32.const 0)))"#;

/// A folder with the guest, and a scenario on it.
struct Place {
    folder: TempDir,
    exchanges: String,
}

impl Place {
    fn new(exchanges: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("guest.wasm"), wat::parse_str(GUEST).unwrap()).unwrap();
        Self { folder, exchanges: exchanges.to_owned() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("scenario.yaml")
    }

    fn read(&self) -> Scenario {
        let text = format!("name: s\nfilters: [{{module: guest.wasm, name: g}}]\nexchanges:\n{}", self.exchanges);
        std::fs::write(self.file(), text).unwrap();
        Scenario::read(&self.file()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn run(&self) -> Report {
        run(&self.read(), &mut Modules::default()).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// What differs in each exchange.
fn differences(exchanges: &str) -> Vec<Vec<String>> {
    let report = Place::new(exchanges).run();
    let lines = |found: &[Difference]| found.iter().map(ToString::to_string).collect();
    report.exchanges.iter().map(|exchange| lines(&exchange.differences)).collect()
}

#[test]
fn logs_metrics_and_state_are_seen_per_exchange() {
    let found = differences(
        "  - name: first
    expect: { log: ['wasm log g: seen'], no_log: [gone], metrics: { requests: 1 }, state: { kept: { prefix: 'y' } } }
  - name: second
    expect: { log: [seen], metrics: { requests: 2 }, state: { other: { absent: true } } }
  - name: wrong
    expect: { log: [gone], no_log: [seen], metrics: { requests: 2, other: 0 }, state: { kept: no, other: x } }
",
    );
    assert_eq!((found[0].len(), found[1].len()), (0, 0), "{found:?}");
    assert_eq!(
        found[2],
        [
            "log: no line with \"gone\"; what was logged:\n    [info] wasm log g: seen",
            "log: a line with \"seen\": [info] wasm log g: seen",
            "metric requests: expected 2, saw 3",
            "metric other: expected 0, saw none of this name",
            "state kept: expected \"no\", saw \"yes\"",
            "state other: expected \"x\", saw none",
        ]
    );
}

#[test]
fn bytes_that_are_no_text_go_through() {
    let found = differences(
        "  - name: bytes
    request: { method: POST, headers: { x-a: { base64: '/w==' } }, body: { base64: 'AP8BAg==' } }
    upstream: { body: { base64: 'gIGC' } }
    expect:
      upstream: { headers: { x-a: { base64: '/w==' } }, body: { base64: 'AP8BAg==' } }
      response: { body: { regex: '(?-u)^[\\x80-\\x82]{3}$' } }
  - name: wrong
    request: { method: POST, body: { base64: 'AP8BAg==' } }
    expect: { upstream: { body: { base64: 'AP8B' } } }
",
    );
    assert_eq!(found[0], [""; 0]);
    assert_eq!(found[1], [r#"upstream body: expected "\x00\xff\x01", saw "\x00\xff\x01\x02""#]);
}

#[test]
fn a_body_comes_in_the_pieces_that_are_asked_for() {
    let found = differences(
        "  - name: whole
    request: { method: POST, body: abcdef }
    expect: { upstream: { body: abcdef } }
  - name: the last piece is short
    request: { method: POST, body: { text: abcdef, split: { at: [4] } } }
    expect: { upstream: { body: abcd! } }
  - name: single bytes
    request: { method: POST, body: { text: abc, split: every-byte } }
    expect: { upstream: { body: '!!!' } }
",
    );
    assert_eq!(found, [[""; 0]; 3]);
}

#[test]
fn split_all_finds_the_first_cut_that_matters() {
    let found = differences(
        "  - name: before it
    request: { method: POST, body: xyz }
  - name: the request is changed by its pieces
    request: { method: POST, body: { text: abcdef, split: all } }
    expect: { upstream: { body: abcdef }, metrics: { requests: 2 } }
  - name: the response is not
    upstream: { body: { text: abcdef, split: all } }
    expect: { response: { body: abcdef }, metrics: { requests: 3 } }
",
    );
    assert_eq!((found[0].len(), found[2].len()), (0, 0), "{found:?}");
    assert_eq!(
        found[1],
        [
            "split: `-` is what comes of the whole, `+` of the request body in two pieces, cut before byte 1",
            "  -   body \"abcdef\"",
            "  +   body \"!bcdef\"",
        ]
    );
}

#[test]
fn trailers_are_sent_and_seen() {
    let found = differences(
        "  - name: both ways
    request: { method: POST, body: abc, trailers: { x-sum: '6' } }
    upstream: { trailers: { x-t: [a, b] } }
    expect: { upstream: { trailers: { x-sum: '6', kept: 'yes' } }, response: { trailers: { x-t: [a, b] } } }
  - name: wrong
    request: { method: POST, trailers: { x-sum: '6' } }
    expect: { upstream: { trailers: { x-sum: '7' } }, response: { trailers: { x-t: a } } }
",
    );
    assert_eq!(found[0], [""; 0]);
    let wrong = ["upstream trailer x-sum: expected \"7\", saw \"6\"", "response trailer x-t: expected \"a\", saw none"];
    assert_eq!(found[1], wrong);
}

#[test]
fn a_table_has_a_line_per_row() {
    let place = Place::new(
        "  - name: ${method} goes through
    request: { method: '${method}', body: '${body}' }
    upstream: { status: '${status}' }
    expect: { upstream: { method: '${method}' }, response: { status: 200 } }
    cases:
      - { name: made, with: { method: PUT, body: abc, status: 200 } }
      - { name: found, with: { method: POST, body: '', status: 404 } }
",
    );
    let report = place.run();
    let verdicts = report.exchanges.iter().map(|exchange| (exchange.name.as_str(), exchange.verdict()));
    let expected = [("PUT goes through: made", Verdict::Passed), ("POST goes through: found", Verdict::Failed)];
    assert_eq!(verdicts.collect::<Vec<_>>(), expected);
}

#[test]
fn a_budget_is_exact() {
    let found = differences(
        "  - name: within
    budget: { vm_entries: 1, host_calls: 3, returning: 0, writing: 2, scalar: 1, bytes_out: 11, memory_growth: 0 }
  - name: wrong
    budget: { vm_entries: 0, bytes_out: 12 }
",
    );
    assert_eq!(found[0], [""; 0]);
    assert_eq!(
        found[1],
        [
            "cost vm_entries: expected at most 0, saw 1",
            "cost bytes_out: 11 is less than the budget of 12; lower it, so that it stays so",
            "cost now: budget: { vm_entries: 1, bytes_out: 11 }",
        ]
    );
}

#[test]
fn snapshots_are_written_when_asked_and_compared_ever_after() {
    let mut place =
        Place::new("  - { name: kept, request: { path: /a }, expect: { snapshot: true } }\n  - name: not kept\n");
    let report = place.run();
    assert_eq!(report.exchanges[0].differences.len(), 1, "{report}");
    assert!(report.to_string().contains("snapshot: there is none; look at `tamis test --bless`"), "{report}");

    let file = snapshot::bless(&place.read(), &report).unwrap().unwrap();
    assert_eq!(file, place.folder.path().join("scenario.snap"));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\n== kept\nupstream\n  :authority: \"example.com\"\n  :path: \"/a\"\n"), "{text}");
    assert!(text.contains("\nlog\n  [info] wasm log g: seen\n") && !text.contains("not kept"), "{text}");
    assert!(place.run().passed());

    place.exchanges = place.exchanges.replace("/a", "/b");
    let report = place.run();
    let lines = report.exchanges[0].differences.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(lines[1..], ["  -   :path: \"/a\"", "  +   :path: \"/b\""]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "a run alone changes no snapshot");

    place.exchanges = "  - name: kept\n".to_owned();
    assert_eq!(snapshot::bless(&place.read(), &place.run()).unwrap(), None);
}

#[test]
fn memory_that_grows_with_every_request_is_seen() {
    let place = Place::new("  - name: a\n");
    let used = || memory_use(&place.read(), &mut Modules::default(), 100).unwrap();
    assert_eq!(used(), MemoryUse { peak: 1 << 16, growth: 0 });
    let leaking = GUEST.replace("(drop (call $log", "(drop (memory.grow (i32.const 1))) (drop (call $log");
    std::fs::write(place.folder.path().join("guest.wasm"), wat::parse_str(leaking).unwrap()).unwrap();
    assert_eq!(used(), MemoryUse { peak: 102 << 16, growth: 100 << 16 });
}

#[test]
fn what_a_real_envoy_cannot_do_is_said_and_the_rest_is_compared() {
    let Some(binary) = find_or_skip("what a real Envoy cannot do in scenarios") else { return };
    let place = Place::new(
        "  - name: bytes and matchers
    request: { method: POST, headers: { x-a: { base64: '/w==' } }, body: { base64: 'AP8BAg==' } }
    upstream: { headers: { x-b: { base64: '4Q==' } }, body: { base64: 'gIGC' } }
    expect:
      upstream: { headers: { x-a: { base64: '/w==' } }, body: { base64: 'AP8BAg==' } }
      response: { headers: { x-b: { regex: '(?-u)^\\xe1$' } }, body: { base64: 'gIGC' } }
  - name: partly
    budget: { vm_entries: 1 }
    expect: { log: [seen], metrics: { requests: 9 }, snapshot: true, response: { status: 404 } }
  - name: pieces
    request: { method: POST, body: { text: abc, split: every-byte } }
    expect: { upstream: { body: '!!!' } }
  - name: trailers
    upstream: { trailers: { x-t: a } }
",
    );
    let reports = run_all(&binary, &[place.read()], &mut Modules::default()).unwrap();
    let report = reports.into_iter().next().unwrap().unwrap_or_else(|error| panic!("{error}"));
    let verdicts = report.exchanges.iter().map(tamis_harness::scenario::ExchangeReport::verdict).collect::<Vec<_>>();
    let expected = [Verdict::Passed, Verdict::Failed, Verdict::NotApplicable, Verdict::NotApplicable];
    assert_eq!(verdicts, expected, "{report}");
    let partly = &report.exchanges[1];
    assert_eq!(partly.differences.len(), 2, "{report}");
    assert_eq!(partly.not_applicable, ["snapshot", "budget"]);
    let said = report.to_string();
    assert!(said.contains("not applicable here, and not looked at: snapshot, budget"), "{said}");
    assert!(said.contains("n/a  pieces  (not applicable: "), "{said}");
}

/// Every example of docs/scenarios.md can be read, and passes where its module is one of ours.
#[test]
fn the_examples_of_the_documentation_are_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/scenarios.md")).unwrap();
    let examples = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let (mut read, mut ran) = (0, 0);
    for example in examples {
        let whole = if example.starts_with("name:") {
            example.to_owned()
        } else {
            // Most examples show exchanges only.
            format!("name: an example\nfilters: [{{module: guest.wasm, name: hello}}]\nexchanges:\n{example}")
        };
        let place = Place { folder: steps::guests(), exchanges: String::new() };
        std::fs::write(place.folder.path().join("guest.wasm"), wat::parse_str(GUEST).unwrap()).unwrap();
        std::fs::write(place.file(), &whole).unwrap();
        let mut scenario = Scenario::read(&place.file()).unwrap_or_else(|error| panic!("{error}\n{whole}"));
        read += 1;
        if whole.contains("module: transformation") {
            // Where modules that were built are found.
            scenario.file = root.join("docs").join("scenario.yaml");
        }
        let report = run(&scenario, &mut Modules::default()).unwrap_or_else(|error| panic!("{error}\n{whole}"));
        if !whole.contains("snapshot: true") {
            assert!(report.passed(), "{report}\n{whole}");
            ran += 1;
        }
    }
    assert!(read == 20 && ran == 19, "{read} examples, {ran} of them ran");
}
