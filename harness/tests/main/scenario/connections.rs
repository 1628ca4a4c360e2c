//! Connections in scenarios: what both ends do and get, in the harness and in a real Envoy.

use tamis_harness::envoy::disagreements;

use super::*;

const HEAD: &str = "name: connections\nkind: network\nfilters: [{ module: connections.wasm, name: c }]\nexchanges:\n";

/// What the engines are compared on. The guest does what the last byte of what it sees says.
const SAME: &str = "  - name: both ways
    connection:
      - { client: ab, upstream_gets: ab }
      - { upstream: cde, client_gets: cde }
      - { client: f, upstream_gets: f }
      - { ends: client }
      - { ends: upstream }
    expect:
      client: { bytes: cde, ended: true }
      upstream: { bytes: { prefix: ab, suffix: f }, ended: true }
      closed_by: client
      log: ['[info] wasm log c: down 2', up 3, down closes 1]
  - name: what is held comes with what follows
    connection:
      - { client: ap, upstream_gets: '' }
      - { client: b, upstream_gets: apb }
      - { upstream: xp, client_gets: '' }
      - { breaks: client }
    expect: { client: { bytes: '' }, upstream: { bytes: apb, ended: true }, closed_by: client, log: [down closes 2] }
  - name: a timer lets it go on
    connection:
      - { client: as }
      - { wait: 100ms }
    expect: { upstream: { bytes: as, ended: false }, closed_by: nobody, log: [tick] }
  - name: a filter closes
    connection: [{ client: a, upstream_gets: a }, { upstream: xc, client_gets: '' }, { client: nobody hears it }]
    expect: { client: { bytes: '', ended: true }, upstream: { bytes: a, ended: true }, closed_by: proxy }
  - name: the upstream breaks off
    connection: [{ client: a }, { breaks: upstream }]
    expect: { client: { ended: true }, closed_by: upstream, log: [down closes 1] }
  - name: bytes are written
    connection: [{ client: abw, upstream_gets: W }]
  - name: the VM dies
    connection: [{ client: t }]
    expect: { client: { ended: true }, upstream: { bytes: '' }, closed_by: proxy, no_log: [down closes] }
  - name: and lets nobody in after that
    connection: []
    expect: { client: { ended: true }, upstream: { reached: false }, closed_by: proxy, no_log: [new] }
";

/// Reads a scenario with these connections, in a folder with the guests.
fn read(folder: &TempDir, text: &str) -> Scenario {
    let file = folder.path().join("connections.yaml");
    std::fs::write(&file, text).unwrap();
    Scenario::read(&file).unwrap_or_else(|error| panic!("{error}"))
}

/// What differs in each connection, in the harness.
fn differing(connections: &str) -> Vec<Vec<String>> {
    let report = run(&read(&steps::guests(), &format!("{HEAD}{connections}")), &mut Modules::default()).unwrap();
    let lines = |found: &[Difference]| found.iter().map(ToString::to_string).collect();
    report.exchanges.iter().map(|exchange| lines(&exchange.differences)).collect()
}

#[test]
fn connections_look_the_same_in_the_harness_and_in_envoy() {
    let folder = steps::guests();
    let paused = "name: new connections wait
kind: network
filters: [{ module: connections.wasm, config: '1' }]
exchanges:
  - name: the upstream is not reached
    connection: [{ client: a }]
    expect: { upstream: { reached: false }, client: { ended: false }, closed_by: nobody }
  - reload: { filter: connections, config: '' }
  - name: with another configuration it is
    connection: [{ client: a, upstream_gets: a }]
";
    let scenarios = [read(&folder, &format!("{HEAD}{SAME}")), read(&folder, paused)];
    let mut modules = Modules::default();
    let ours = scenarios.each_ref().map(|scenario| run(scenario, &mut modules).unwrap());
    for report in &ours {
        assert!(report.passed(), "{report}");
    }
    let Some(binary) = find_or_skip("connections of a scenario in a real Envoy") else { return };
    let theirs = run_all(&binary, &scenarios, &mut modules).unwrap_or_else(|error| panic!("{error}"));
    for (ours, theirs) in ours.iter().zip(theirs) {
        let theirs = theirs.unwrap_or_else(|error| panic!("{error}"));
        assert!(theirs.passed(), "{theirs}");
        for (one, other) in ours.exchanges.iter().zip(&theirs.exchanges) {
            assert_eq!((&other.not_run, &other.not_applicable), (&None, &Vec::new()), "{}", one.name);
            assert_eq!(disagreements(&one.observed, &other.observed), [""; 0], "{}", one.name);
        }
    }
}

#[test]
fn what_is_not_as_expected_is_told_by_both_engines() {
    let text = "  - name: wrong
    connection: [{ client: ab, upstream_gets: b, client_gets: x }, { ends: client, client_gets: '' }]
    expect: { client: { bytes: x, ended: true }, upstream: { bytes: b, ended: false }, closed_by: nobody, log: [gone], no_log: [down] }
";
    let told = |found: &[String]| {
        assert_eq!(
            found[..7],
            [
                "act 1, what the client gets: expected \"x\", saw \"\"",
                "act 1, what the upstream gets: expected \"b\", saw \"ab\"",
                "upstream bytes: expected \"b\", saw \"ab\"",
                "upstream ended: expected false, saw true",
                "client bytes: expected \"x\", saw \"\"",
                "client ended: expected true, saw false",
                "closed by: expected nobody, saw client",
            ]
        );
        assert!(found[7].starts_with("log: no line with \"gone\"") && found[8].contains("down 2"), "{found:?}");
    };
    told(&differing(text)[0]);
    let Some(binary) = find_or_skip("connections that fail in a real Envoy") else { return };
    let folder = steps::guests();
    let scenario = read(&folder, &format!("{HEAD}{text}"));
    let report = run_all(&binary, &[scenario], &mut Modules::default()).unwrap().remove(0).unwrap();
    told(&report.exchanges[0].differences.iter().map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn an_upstream_that_is_not_connected_says_nothing() {
    let text = "name: n\nkind: network\nfilters: [{ module: connections.wasm, config: '1' }]\nexchanges:
  - { name: a, connection: [{ upstream: b }], expect: { upstream: { reached: false } } }\n";
    let report = run(&read(&steps::guests(), text), &mut Modules::default()).unwrap();
    let told = report.exchanges[0].differences.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told, ["act 1: the upstream is not connected, and says nothing"]);
}

#[test]
fn pieces_of_what_is_said_matter_where_they_are_asked_for() {
    let found = differing(
        "  - { name: whole, connection: [{ client: aw, upstream_gets: W }] }
  - { name: in pieces, connection: [{ client: { text: aw, split: every-byte }, upstream_gets: aW }] }
  - { name: all, connection: [{ client: x }, { client: { text: apb, split: all }, upstream_gets: apb }] }
  - name: all, and it matters
    connection: [{ client: x }, { client: { text: aw, split: all }, upstream_gets: W }]
",
    );
    assert_eq!((found[0].len(), found[1].len(), found[2].len()), (0, 0, 0), "{found:?}");
    let split = "split: `-` is what comes of the whole, `+` of the bytes of act 2 in two pieces, cut before byte 1";
    assert_eq!(found[3], [split, "  -   bytes \"xW\"", "  +   bytes \"xaW\""]);
}

#[test]
fn what_an_engine_cannot_do_with_connections_is_said() {
    let text = "name: n/a\nkind: network\nworkers: 2\nfilters: [{ module: connections.wasm, name: c }]\nexchanges:
  - name: snapshot and budget
    connection: [{ client: a }]
    budget: { vm_entries: 9 }
    expect: { snapshot: true, client: { ended: false } }
  - { name: pieces, connection: [{ client: { text: ab, split: every-byte } }] }
  - { name: a long wait, connection: [{ wait: 6s }] }
  - { name: after it, connection: [] }
";
    let folder = steps::guests();
    let scenario = read(&folder, text);
    let report = run(&scenario, &mut Modules::default()).unwrap();
    let differences = report.exchanges[0].differences.iter().map(ToString::to_string).collect::<Vec<_>>();
    let less = "cost vm_entries: 7 is less than the budget of 9; lower it, so that it stays so";
    assert_eq!(differences[0], less, "{report}");
    snapshot::bless(&scenario, &report).unwrap().unwrap();
    let text = std::fs::read_to_string(folder.path().join("connections.snap")).unwrap();
    let seen = "\n== snapshot and budget\nupstream\n  bytes \"a\"\nclient\nclosed by nobody\nlog\n  [info] wasm log c: create 2\n";
    assert!(text.contains(seen), "{text}");
    assert_eq!(run(&scenario, &mut Modules::default()).unwrap().exchanges[0].differences.len(), 2);

    let Some(binary) = find_or_skip("what a real Envoy cannot do with connections") else { return };
    let report = run_all(&binary, &[scenario], &mut Modules::default()).unwrap().remove(0).unwrap();
    let said = report.to_string().replace(binary.version(), "VERSION");
    assert_eq!(
        said,
        "n/a (envoy VERSION)
  ok   snapshot and budget
       not applicable here, and not looked at: snapshot, budget
  n/a  pieces  (not applicable: the pieces of a body (`split`) are chosen by the network there)
  n/a  a long wait  (not applicable: nobody waits there for answers that take longer than 5 s)
  n/a  after it  (not applicable: a step before it was not run here, and it builds upon that)
"
    );
}
