//! The driver, with a real Envoy.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tamis_harness::context::{Attributes, Plugin, Process};
use tamis_harness::envoy::bootstrap::{Chain, listeners};
use tamis_harness::envoy::{EnvoyError, EnvoyProcess, NotRun, disagreements, find_or_skip, run_all};
use tamis_harness::scenario::model::{Kind, Step};
use tamis_harness::scenario::{Modules, Scenario, run};
use tamis_harness::stream::{FilterSpec, LoadedModule, Proxy, WireMessage};
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};

const HEADERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../filters/transformation/scenarios/headers.yaml");
const WRONG: &str = r#"{"rules":[{"request":{"headers":{"remvoe":["x-a"]}}}]}"#;
const WHY: &str = "invalid configuration at `rules[0].request.headers.remvoe`: unknown field `remvoe`";

/// Answers the first request itself with 418, and traps at every later one.
const TRAPS: &str = r#"(module
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $seen (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (global.get $seen) (then unreachable))
    (global.set $seen (i32.const 1))
    (drop (call $answer (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))
    i32.const 1))"#;

/// A scenario with the built module `transformation`.
fn transformation(name: &str, config: &str) -> Scenario {
    scenario(&format!(
        "{{name: {name}, filters: [{{module: transformation, config: {config}}}], exchanges: [{{name: e}}]}}"
    ))
}

fn scenario(text: &str) -> Scenario {
    let mut scenario = Scenario::parse(text).unwrap();
    // Built modules are looked for from here upwards.
    scenario.file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario.yaml");
    scenario
}

#[test]
fn scenarios_pass_agree_with_the_harness_and_fail_alone() {
    let Some(binary) = find_or_skip("scenarios in a real Envoy") else { return };
    let removes = r#"{"rules":[{"request":{"headers":{"remove":["x-a"]}}}]}"#;
    let mut no_module = transformation("no module", "{}");
    no_module.filters[0].module.value = "nothing-of-this-name".to_owned();
    let mut unsendable = transformation("unsendable", removes);
    let Step::Exchange(exchange) = &mut unsendable.steps[0] else { panic!("no exchange") };
    exchange.upstream.headers.0.push(("x-a".to_owned(), "s3cret\r\nx-b: 1".into()));
    let scenarios = [
        Scenario::read(Path::new(HEADERS)).unwrap(),
        transformation("wrong", WRONG),
        no_module,
        unsendable,
        transformation("last", removes),
    ];
    let mut modules = Modules::default();
    let mut results = run_all(&binary, &scenarios, &mut modules).unwrap().into_iter();

    let report = results.next().unwrap().unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(report.engine, format!("envoy {}", binary.version()));
    assert_eq!(report.exchanges.len(), 3);
    let harness = run(&scenarios[0], &mut modules).unwrap();
    for (ours, theirs) in harness.exchanges.iter().zip(&report.exchanges) {
        assert_eq!(disagreements(&ours.observed, &theirs.observed), [""; 0], "{}", ours.name);
    }

    // What the module says stands in the error just as the harness prints it.
    let error = results.next().unwrap().unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("Envoy rejects the chain: Unable to create Wasm plugin transformation\n  {WHY}"))
    );
    let ours = run(&scenarios[1], &mut modules).unwrap_err().to_string();
    assert_eq!(error.split_once('\n').unwrap().1, ours.split_once('\n').unwrap().1);

    assert!(matches!(results.next(), Some(Err(NotRun::Filter(_)))));
    let error = results.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("header `x-a`: its value contains CR, LF or NUL") && !error.contains("s3cret"), "{error}");
    assert!(results.next().unwrap().unwrap().passed());
}

#[test]
fn a_local_reply_and_a_trap_look_as_in_the_harness() {
    let Some(binary) = find_or_skip("local replies and traps in a real Envoy") else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("traps.wasm"), wat::parse_str(TRAPS).unwrap()).unwrap();
    let open = "{name: o, upstream: {reached: true}, response: {status: 200}}";
    let closed = "{upstream: {reached: false}, response: {status: 503}}";
    let text = |policy: &str, third: &str| {
        format!(
            "{{name: traps, filters: [{{module: traps.wasm, failure_policy: {policy}}}], exchanges: [
               {{name: it answers, expect: {{upstream: {{reached: false}}, response: {{status: 418}}}}}},
               {{name: it traps, expect: {closed}}},
               {{name: after that, expect: {third}}}]}}"
        )
    };
    let open = open.replace("name: o, ", "");
    let scenarios = [("closed", closed), ("open", open.as_str())].map(|(policy, third)| {
        let mut scenario = scenario(&text(policy, third));
        scenario.file = folder.path().join("scenario.yaml");
        scenario
    });
    let mut modules = Modules::default();
    let results = run_all(&binary, &scenarios, &mut modules).unwrap();
    for (scenario, result) in scenarios.iter().zip(results) {
        let (harness, envoy) = (run(scenario, &mut modules).unwrap(), result.unwrap());
        assert!(harness.passed() && envoy.passed(), "{harness}{envoy}");
        for (ours, theirs) in harness.exchanges.iter().zip(&envoy.exchanges) {
            assert_eq!(disagreements(&ours.observed, &theirs.observed), [""; 0], "{}", ours.name);
        }
    }
}

#[test]
fn scenarios_without_a_vm_id_share_no_vm() {
    let Some(binary) = find_or_skip("VMs of scenarios in a real Envoy") else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("traps.wasm"), wat::parse_str(TRAPS).unwrap()).unwrap();
    // A VM that both used would trap at the second one's request.
    let scenarios = ["one", "two"].map(|name| {
        let answers = "{name: e, expect: {upstream: {reached: false}, response: {status: 418}}}";
        let mut scenario =
            scenario(&format!("{{name: {name}, filters: [{{module: traps.wasm}}], exchanges: [{answers}]}}"));
        scenario.file = folder.path().join("scenario.yaml");
        scenario
    });
    for result in run_all(&binary, &scenarios, &mut Modules::default()).unwrap() {
        let report = result.unwrap();
        assert!(report.passed(), "{report}");
    }
}

/// Names with one slot in a request, in a response, in both, in none; not those that the filter must not touch.
const NAMES: &str = "\
    accept accept-encoding accept-language accept-ranges access-control-allow-credentials access-control-allow- \
    headers access-control-allow-methods access-control-allow-origin access-control-allow-private-network \
    access-control-expose-headers access-control-max-age access-control-request-headers access-control-request- \
    method access-control-request-private-network age allow authentication authorization cache-control cdn-loop \
    connection content-encoding content-language content-type cookie date dnt etag expect expires forwarded \
    grpc-accept-encoding grpc-encoding grpc-message grpc-status grpc-timeout if-match if-modified-since if-none- \
    match if-range if-unmodified-since keep-alive last-modified link location origin pragma priority proxy- \
    authorization proxy-connection proxy-status range referer retry-after server set-cookie te traceparent \
    upgrade user-agent vary via warning www-authenticate x-client-trace-id x-envoy-attempt-count x-envoy-auth- \
    partial-body x-envoy-decorator-operation x-envoy-degraded x-envoy-downstream-service-cluster x-envoy- \
    downstream-service-node x-envoy-expected-rq-timeout-ms x-envoy-external-address x-envoy-force-trace x-envoy- \
    hedge-on-per-try-timeout x-envoy-immediate-health-check-fail x-envoy-internal x-envoy-ip-tags x-envoy-is- \
    timeout-retry x-envoy-local-overloaded x-envoy-max-retries x-envoy-original-dst-host x-envoy-original-host \
    x-envoy-original-path x-envoy-original-url x-envoy-overloaded x-envoy-peer-metadata x-envoy-ratelimited \
    x-envoy-retriable-header-names x-envoy-retriable-status-codes x-envoy-retry-grpc-on x-envoy-retry-on \
    x-envoy-upstream-alt-stat-name x-envoy-upstream-canary x-envoy-upstream-healthchecked-cluster x-envoy- \
    upstream-rq-per-try-timeout-ms x-envoy-upstream-rq-timeout-alt-response x-envoy-upstream-rq-timeout-ms \
    x-envoy-upstream-service-time x-envoy-upstream-stream-duration-ms x-envoy-whatever x-forwarded-client-cert \
    x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-scheme x-ot-span-context x-real-ip x-request- \
    id";

#[test]
fn hdr_9_the_same_names_have_one_slot_in_both_engines() {
    let Some(binary) = find_or_skip("slots of headers in a real Envoy") else { return };
    let names = NAMES.split_whitespace().collect::<Vec<_>>();
    // A rule adds two values, the next one moves what a filter then sees to a name that no proxy looks at.
    let scenario_of = |names: &[&str]| {
        let add = names.iter().flat_map(|name| ["1", "2"].map(|value| json!({ "name": name, "value": value })));
        let added = json!({ "headers": { "remove": names, "add": add.collect::<Vec<_>>() } });
        let rename = names.iter().map(|name| json!({ "from": name, "to": format!("seen-{name}") }));
        let moved = json!({ "headers": { "rename": rename.collect::<Vec<_>>() } });
        let rules =
            json!({ "rules": [{ "request": added, "response": added }, { "request": moved, "response": moved }] });
        transformation("slots", &rules.to_string())
    };
    let scenarios = names.chunks(20).map(scenario_of).collect::<Vec<_>>();
    let mut modules = Modules::default();
    let mut seen = 0;
    for (scenario, envoy) in scenarios.iter().zip(run_all(&binary, &scenarios, &mut modules).unwrap()) {
        let (ours, theirs) = (run(scenario, &mut modules).unwrap(), envoy.unwrap());
        let (ours, theirs) = (&ours.exchanges[0].observed, &theirs.exchanges[0].observed);
        assert_eq!(disagreements(ours, theirs), [""; 0]);
        for side in [&theirs.upstream, &theirs.response] {
            let values = side.as_ref().unwrap().headers.iter().filter(|(name, _)| name.starts_with("seen-"));
            seen += values.map(|(_, value)| if value == b"1,2" { 2 } else { 1 }).sum::<usize>();
        }
    }
    assert_eq!(seen, names.len() * 4);
}

#[test]
fn a_module_that_dies_at_its_start_is_told() {
    let Some(binary) = find_or_skip("a module that dies in a real Envoy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let dies = TALKS.replace(r#"(call $say (i32.const 29) (i32.const 9)) i32.const 1"#, "unreachable");
    std::fs::write(folder.path().join("dies.wasm"), wat::parse_str(dies).unwrap()).unwrap();
    let mut scenario = scenario("{name: dies, filters: [{module: dies.wasm}], exchanges: [{name: e}]}");
    scenario.file = folder.path().join("scenario.yaml");
    let error = run_all(&binary, &[scenario], &mut Modules::default()).unwrap().remove(0).unwrap_err().to_string();
    println!("{error}");
    assert!(error.contains("proxy_on_configure failed"), "{error}");
}

/// Says what it is asked for.
const TALKS: &str = r#"(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "create start configure request done log delete")
  (func $say (param i32 i32) (drop (call $log (i32.const 2) (local.get 0) (local.get 1))))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_context_create") (param i32 i32) (call $say (i32.const 16) (i32.const 6)))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (call $say (i32.const 23) (i32.const 5)) i32.const 1)
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (call $say (i32.const 29) (i32.const 9)) i32.const 1)
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (call $say (i32.const 39) (i32.const 7)) i32.const 0)
  (func (export "proxy_on_done") (param i32) (result i32) (call $say (i32.const 47) (i32.const 4)) i32.const 1)
  (func (export "proxy_on_log") (param i32) (call $say (i32.const 52) (i32.const 3)))
  (func (export "proxy_on_delete") (param i32) (call $say (i32.const 56) (i32.const 6))))"#;

#[test]
fn log_1_lines_have_the_same_prefix_in_both_engines() {
    let Some(binary) = find_or_skip("log lines of a real Envoy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talks.wasm");
    std::fs::write(&file, wat::parse_str(TALKS).unwrap()).unwrap();

    let mut config = static_config("", None);
    let filter =
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
    let plugin = config.pointer_mut(filter).unwrap();
    (plugin["name"], plugin["root_id"], plugin["vm_config"]["vm_id"]) = (json!("name"), json!("root"), json!("vm"));
    plugin["vm_config"]["code"]["local"]["filename"] = json!(file);
    let envoy = EnvoyProcess::start(&binary, &config).unwrap();
    assert!(answer(envoy.listeners().unwrap()["c"]).starts_with("HTTP/1.1 404"));
    let limit = Instant::now() + Duration::from_secs(10);
    while !envoy.log().contains("delete") && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(10));
    }
    let theirs = envoy.log();
    let theirs = theirs.lines().filter_map(|line| line.split_once("] wasm log").map(|(_, line)| line.to_owned()));

    let plugin = Plugin { name: "name".into(), root_id: "root".into(), vm_id: "vm".into(), ..Plugin::default() };
    let module = LoadedModule::new(&std::fs::read(&file).unwrap()).unwrap();
    let process = Arc::new(Process::deterministic(1));
    let filter = FilterSpec { module, plugin, failure_policy: Default::default() };
    let mut proxy = Proxy::load(&[filter], process.clone()).unwrap();
    let mut stream = proxy.open(Attributes::default());
    stream.request(WireMessage::new([(":path", "/"), (":method", "GET")].into_iter().collect(), Vec::new()));
    stream.close();
    let ours = process.log_lines().into_iter().map(|line| format!("{}: {}", line.from, line.message));

    let ours = ours.collect::<Vec<_>>();
    assert_eq!(ours.len(), 14, "canary, main thread and worker, then the stream");
    assert_eq!(theirs.collect::<Vec<_>>(), ours);
}

/// A static configuration with one listener.
fn static_config(config: &str, listen: Option<SocketAddr>) -> Value {
    let plugin = PluginConfig {
        name: "t".to_owned(),
        root_id: String::new(),
        vm_id: String::new(),
        module_path: concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tamis/transformation.wasm").to_owned(),
        configuration: Some(config.to_owned()),
        failure_policy: FailurePolicy::Closed,
        allow_on_headers_stop_iteration: false,
        environment: Vec::new(),
        vm_configuration: None,
        allowed_capabilities: Vec::new(),
    };
    let upstream = SocketAddr::from(([127, 0, 0, 1], 9));
    let mut listener = listeners(&[Chain {
        name: "c".to_owned(),
        plugins: vec![plugin],
        upstream,
        callouts: Vec::new(),
        buffer_limit: None,
        kind: Kind::Http,
    }])["resources"][0]
        .take();
    listener.as_object_mut().unwrap().remove("@type");
    // Nothing is sent through it.
    *listener.pointer_mut("/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts").unwrap() = json!([]);
    if let Some(listen) = listen {
        listener["address"]["socket_address"]["port_value"] = json!(listen.port());
    }
    json!({ "static_resources": { "listeners": [listener] } })
}

/// What a listener answers to a plain request.
fn answer(listener: SocketAddr) -> String {
    let mut stream = TcpStream::connect(listener).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

const RIGHT: &str = r#"{"rules":[{"request":{"headers":{"remove":["x-a"]}}}]}"#;

#[test]
fn a_static_configuration_that_the_module_rejects_is_told_in_its_words() {
    let Some(binary) = find_or_skip("a rejected configuration in a real Envoy") else { return };
    let error = EnvoyProcess::start(&binary, &static_config(WRONG, None)).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, EnvoyError::Rejected { .. }), "{text}");
    let expected = "Envoy rejects the configuration: Unable to create Wasm plugin t\n  ";
    assert!(text.starts_with(&format!("{expected}{WHY}")), "{text}");
}

#[test]
fn what_envoy_itself_rejects_is_told_too() {
    let Some(binary) = find_or_skip("errors of a real Envoy") else { return };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = EnvoyProcess::start(&binary, &static_config(RIGHT, Some(address))).unwrap_err().to_string();
    assert!(error.contains(&format!("cannot bind '{address}'")), "{error}");
    let error = EnvoyProcess::start_text(&binary, "static_resources: {listners: []}").unwrap_err().to_string();
    assert!(error.starts_with("Envoy rejects the configuration: ") && error.contains("listners"), "{error}");
    let error = EnvoyProcess::start_text(&binary, "a: [").unwrap_err().to_string();
    assert!(error.starts_with("the configuration cannot be read: "), "{error}");
}

#[test]
fn the_process_is_gone_after_drop_also_after_a_panic() {
    let Some(binary) = find_or_skip("the end of a real Envoy") else { return };
    let running = |id: u32| Path::new(&format!("/proc/{id}")).exists();
    let start = || EnvoyProcess::start(&binary, &static_config(RIGHT, None)).unwrap();

    let envoy = start();
    let (id, listener) = (envoy.id(), envoy.listeners().unwrap()["c"]);
    assert!(running(id));
    assert_eq!(envoy.version(), binary.version());
    assert!(envoy.log().contains("transformation"), "{}", envoy.log());
    assert_eq!(envoy.rejected_listeners().unwrap().len(), 0);
    let answer = answer(listener);
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    drop(envoy);
    assert!(!running(id));

    let mut id = 0;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let envoy = start();
        id = envoy.id();
        assert!(!running(id), "this fails, as a test would");
    }));
    assert!(panicked.is_err() && id != 0);
    assert!(!running(id));
}

/// Runs one of these tests on its own, with other variables: whether it passes, and what it prints.
fn itself(variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "envoy::a_static_configuration_that_the_module_rejects_is_told_in_its_words"]);
    command.env_remove("CI").env_remove("TAMIS_ENVOY").envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = [output.stderr, output.stdout].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn without_an_envoy_a_test_is_skipped_with_a_line_and_fails_in_ci() {
    const LINE: &str = "skipped: a rejected configuration in a real Envoy: ";
    let (passed, output) = itself(&[("TAMIS_ENVOY", "/no/such/envoy")]);
    let said = format!("{LINE}/no/such/envoy is no Envoy that starts here: ");
    assert!(passed && output.starts_with(&said), "{output}");

    let empty = tempfile::tempdir().unwrap();
    let cache = empty.path().to_str().unwrap();
    let (passed, output) = itself(&[("TAMIS_CACHE", cache)]);
    let said = format!("{LINE}there is no Envoy: `tamis setup envoy` installs one, or name yours in TAMIS_ENVOY\n");
    assert!(passed && output.starts_with(&said), "{output}");

    let (passed, output) = itself(&[("TAMIS_CACHE", cache), ("CI", "true")]);
    assert!(!passed && output.contains("a rejected configuration in a real Envoy: there is no Envoy"), "{output}");
}

#[test]
fn an_envoy_in_the_cache_is_found() {
    let Some(binary) = find_or_skip("an Envoy in the cache") else { return };
    let cache = tempfile::tempdir().unwrap();
    for version in ["1.2.3", binary.version()] {
        let folder = cache.path().join("envoy").join(version).join("bin");
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(binary.path(), folder.join("envoy")).unwrap();
    }
    let (passed, output) = itself(&[("TAMIS_CACHE", cache.path().to_str().unwrap()), ("CI", "true")]);
    assert!(passed && !output.contains("skipped"), "{output}");
}
