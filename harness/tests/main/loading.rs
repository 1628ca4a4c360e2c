//! How plugins are configured and loaded: the same chains in the harness, and in one real Envoy.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tamis_harness::context::{Attributes, ClusterState, Plugin, Process};
use tamis_harness::envoy::bootstrap::{Chain, bootstrap, listeners};
use tamis_harness::envoy::{EnvoyBinary, EnvoyProcess, find_or_skip};
use tamis_harness::scenario::model::Kind;
use tamis_harness::stream::{
    Direction, FailurePolicy, FilterSpec, Frame, LoadError, LoadedModule, Options, Out, Proxy,
};
use tamis_module::gate::EnvoyVersion;
use tamis_module::plugin_config;

use crate::both::guest::guest;

/// Where a chain's first plugin stands in its listener.
const PLUGIN: &str = "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";

pub const VERSIONS: [&str; 5] = ["1.36.4", "1.37.0", "1.38.2", "1.39.3", "1.40.0"];

/// Chains in a real Envoy: the texts of their modules, and what is changed in their first plugin.
pub struct Setting {
    envoy: EnvoyProcess,
    listeners: BTreeMap<String, SocketAddr>,
    rejected: BTreeMap<String, String>,
}

impl Setting {
    pub fn start(binary: &EnvoyBinary, chains: &[(&str, &[u8], Value)]) -> Self {
        Self::with_upstream(binary, chains, answering())
    }

    fn with_upstream(binary: &EnvoyBinary, chains: &[(&str, &[u8], Value)], upstream: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let chain = |(name, module, _): &(&str, &[u8], Value)| {
            let file = folder.path().join(format!("{name}.wasm"));
            std::fs::write(&file, module).unwrap();
            chain(name, &file.display().to_string(), upstream)
        };
        let made = chains.iter().map(chain).collect::<Vec<_>>();
        let mut text = listeners(&made);
        for (number, (_, _, changes)) in chains.iter().enumerate() {
            let plugin = text["resources"][number].pointer_mut(PLUGIN).unwrap();
            merge(plugin, changes);
        }
        let file = folder.path().join("listeners.json");
        std::fs::write(&file, text.to_string()).unwrap();
        let envoy = EnvoyProcess::start(binary, &bootstrap(&made, &file)).unwrap();
        let (listeners, rejected) = (envoy.listeners().unwrap(), envoy.rejected_listeners().unwrap());
        Self { envoy, listeners, rejected }
    }

    /// What a chain answers to a plain request.
    pub fn status(&self, name: &str) -> String {
        get(self.listeners[name], "/").split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// So many lines that were said with a prefix.
    pub fn log_after(&self, count: usize, prefix: &str) -> Vec<String> {
        let limit = Instant::now() + Duration::from_secs(5);
        loop {
            let log = self.envoy.log();
            let lines = log.lines().filter_map(|line| Some(line.split_once(prefix)?.1.to_owned())).collect::<Vec<_>>();
            if lines.len() >= count || Instant::now() > limit {
                return lines;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The first line of its log that has all that a test waits for.
    fn line(&self, part: &str) -> String {
        let limit = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(line) = self.envoy.log().lines().find(|line| line.contains(part)) {
                return line.to_owned();
            }
            assert!(Instant::now() < limit, "{part}: {}", self.envoy.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn chain(name: &str, module: &str, upstream: SocketAddr) -> Chain {
    let plugin = plugin_config::PluginConfig {
        name: "p".to_owned(),
        root_id: String::new(),
        vm_id: name.to_owned(),
        module_path: module.to_owned(),
        configuration: None,
        failure_policy: plugin_config::FailurePolicy::Closed,
        allow_on_headers_stop_iteration: false,
        environment: Vec::new(),
        vm_configuration: None,
        allowed_capabilities: Vec::new(),
    };
    Chain {
        name: name.to_owned(),
        kind: Kind::Http,
        plugins: vec![plugin],
        upstream,
        callouts: Vec::new(),
        buffer_limit: None,
    }
}

/// Sets fields; null takes one away.
fn merge(into: &mut Value, changes: &Value) {
    match (into, changes) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                if change.is_null() {
                    fields.remove(name);
                } else {
                    merge(fields.entry(name).or_insert(json!({})), change);
                }
            }
        }
        (into, change) => *into = change.clone(),
    }
}

/// A server that answers every request without a body.
fn answering() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // The thread ends with the test's process; it holds nothing but its socket.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut seen, mut piece) = (Vec::new(), [0; 1024]);
            while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(size) if size > 0 => seen.extend_from_slice(&piece[..size]),
                    _ => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    address
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(client, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // A connection that the proxy resets is an answer, too.
    let _ = client.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn wasm(words: &[&str], parts: &str) -> Vec<u8> {
    wat::parse_str(guest(words, parts)).unwrap()
}

pub fn spec(module: &[u8], plugin: Plugin) -> FilterSpec {
    FilterSpec { module: LoadedModule::new(module).unwrap(), plugin, failure_policy: FailurePolicy::default() }
}

/// Logs its configuration.
fn reads_its_configuration() -> Vec<u8> {
    wasm(
        &[],
        r#"(import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
           (func (export "proxy_on_configure") (param i32) (param $size i32) (result i32)
               (drop (call $bytes (i32.const 7) (i32.const 0) (local.get $size) (i32.const 8) (i32.const 12)))
               (drop (call $log (i32.const 2) (i32.load (i32.const 8)) (i32.load (i32.const 12))))
               (i32.const 1))"#,
    )
}

/// CFG-1: bytes and texts as they are, any other message as its own bytes, a Struct too.
#[test]
fn cfg_1_a_configuration_is_unwrapped() {
    let module = reads_its_configuration();
    let wire = |kind: &str, value: Value| json!({ "configuration": { "@type": format!("type.googleapis.com/google.protobuf.{kind}"), "value": value } });
    let forms = [
        ("bytes", wire("BytesValue", json!("YiAgeQ==")), "b  y"),
        ("text", wire("StringValue", json!("{ \"z\" : 1 }")), "{ \"z\" : 1 }"),
        ("struct", wire("Struct", json!({ "a": "x" })), "\x0a\x08\x0a\x01a\x12\x03\x1a\x01x"),
        ("other", wire("Duration", json!("65s")), "\x08A"),
        ("nothing", json!({}), ""),
    ];
    for (_, _, configuration) in &forms {
        let process = Arc::new(Process::deterministic(1));
        let plugin = Plugin { configuration: (*configuration).into(), ..Plugin::default() };
        Proxy::load(&[spec(&module, plugin)], process.clone()).unwrap();
        assert_eq!(process.log_lines().remove(0).message, *configuration);
    }
    if find_or_skip("forms of a configuration in real Envoys").is_none() {
        return;
    }
    let chains = forms.iter().map(|(name, change, _)| (*name, module.as_slice(), change.clone())).collect::<Vec<_>>();
    for version in VERSIONS {
        let Ok(binary) = EnvoyBinary::find_version(version) else { continue };
        let setting = Setting::start(&binary, &chains);
        for (name, _, expected) in &forms {
            setting.line(&format!("wasm log {name}: "));
            let log = setting.envoy.log();
            assert!(log.contains(&format!("wasm log {name}: {expected}\n")), "{version}, {name}: {log:?}");
        }
    }
}

/// CFG-4: a variable that the proxy lacks is skipped, and one that is named twice is refused.
#[test]
fn cfg_4_a_variable_is_named_once() {
    let module = wasm(&[], "");
    let twice = vec![("A".to_owned(), "1".to_owned()), ("A".to_owned(), "1".to_owned())];
    let plugin = Plugin { name: "p".to_owned(), environment: twice, ..Plugin::default() };
    let error = Proxy::load(&[spec(&module, plugin)], Arc::new(Process::deterministic(1))).unwrap_err();
    assert!(matches!(&error, LoadError::Environment { filter, name } if filter == "p" && name == "A"), "{error}");

    let Some(binary) = find_or_skip("environments in a real Envoy") else { return };
    let counts = wasm(
        &["variables"],
        r#"(import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
               (drop (call $sizes (i32.const 8) (i32.const 12)))
               (call $tell_variables (i32.load (i32.const 8))) (i32.const 1))"#,
    );
    let with = |variables: Value| json!({ "vm_config": { "environment_variables": variables } });
    let missing = "TAMIS_NOBODY_SETS_THIS";
    let setting = Setting::start(
        &binary,
        &[
            ("missing", &counts, with(json!({ "host_env_keys": [missing], "key_values": { "A": "1" } }))),
            ("list", &counts, with(json!({ "host_env_keys": ["A", "A"] }))),
            ("both", &counts, with(json!({ "host_env_keys": ["A"], "key_values": { "A": "1" } }))),
        ],
    );
    assert!(setting.line("wasm log missing: ").ends_with(": variables 1"));
    for name in ["list", "both"] {
        let why = &setting.rejected[name];
        assert!(why.contains("Key A is duplicated") || why.contains("duplicate"), "{name}: {why}");
    }
}

const TRAPS: &str = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (unreachable))"#;

/// FAIL-6: without a policy a failed VM answers 503; the old setting beside the new one is refused.
#[test]
fn fail_6_unset_means_closed() {
    let module = wasm(&[], TRAPS);
    let mut proxy = Proxy::load(&[spec(&module, Plugin::default())], Arc::new(Process::deterministic(1))).unwrap();
    for _ in 0..2 {
        let stream = proxy.open_on(0, Attributes::default());
        let headers = [(":method", "GET"), (":path", "/"), (":authority", "a")].into_iter().collect();
        proxy.send(stream, Direction::Request, Frame::Headers(headers), true);
        let out = proxy.take_out(stream);
        assert!(matches!(&out[..], [Out::Response(Frame::Headers(h), true)] if h.get(b":status") == Some(b"503")));
        proxy.close(stream);
    }
    let Some(binary) = find_or_skip("failure policies in a real Envoy") else { return };
    let setting = Setting::start(
        &binary,
        &[
            ("unset", &module, json!({ "failure_policy": null })),
            ("old", &module, json!({ "failure_policy": null, "fail_open": true })),
            ("both", &module, json!({ "failure_policy": "FAIL_CLOSED", "fail_open": true })),
        ],
    );
    assert_eq!(["unset", "unset"].map(|name| setting.status(name)), ["503", "503"]);
    // FAIL-5: the old setting lets even the stream go on that met the trap.
    assert_eq!(["old", "old"].map(|name| setting.status(name)), ["200", "200"]);
    let why = &setting.rejected["both"];
    assert!(why.contains("failure_policy") && why.contains("fail_open"), "{why}");
}

/// FAIL-9: local code that cannot be loaded is refused, whatever the policy says.
#[test]
fn fail_9_code_that_cannot_be_loaded_is_refused() {
    let module = b"\0asm\x01\0\0\0".as_slice();
    let error = LoadedModule::new(module).unwrap_err();
    assert!(matches!(error, LoadError::Refused(_)), "{error}");
    let Some(binary) = find_or_skip("code that a real Envoy cannot load") else { return };
    let setting = Setting::start(
        &binary,
        &[
            ("closed", module, json!({})),
            ("open", module, json!({ "failure_policy": "FAIL_OPEN" })),
            ("reload", module, json!({ "failure_policy": "FAIL_RELOAD" })),
        ],
    );
    for name in ["closed", "open", "reload"] {
        let why = &setting.rejected[name];
        assert!(why.contains("Unable to create Wasm"), "{name}: {why}");
    }
    // An update by HTTP discovery would be answered 500; the file's is only counted.
    assert_eq!(setting.listeners.len(), 0);
}

/// MET-4: a metric has one value for canary, main thread and all workers.
#[test]
fn met_4_all_threads_add_to_one_counter() {
    let module = wasm(
        &[],
        r#"(import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
           (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
           (data (i32.const 0) "met_4")
           (func $count
               (drop (call $define (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 8)))
               (drop (call $increment (i32.load (i32.const 8)) (i64.const 10))))
           (func (export "proxy_on_configure") (param i32 i32) (result i32) (call $count) (i32.const 1))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $count) (i32.const 0))"#,
    );
    let process = Arc::new(Process::deterministic(1));
    let options = Options { workers: 2, ..Options::default() };
    let mut proxy = Proxy::load_with(&[spec(&module, Plugin::default())], process.clone(), options).unwrap();
    assert_eq!(process.metric("met_4"), Some(40));
    for worker in 0..2 {
        let stream = proxy.open_on(worker, Attributes::default());
        proxy.send(stream, Direction::Request, Frame::Headers([(":path", "/")].into_iter().collect()), true);
        proxy.close(stream);
    }
    assert_eq!(process.metric("met_4"), Some(60));

    let Some(binary) = find_or_skip("metrics of a real Envoy") else { return };
    let setting = Setting::start(&binary, &[("met", &module, json!({}))]);
    assert_eq!(setting.status("met"), "200");
    let stats = get(setting.envoy.admin(), "/stats?filter=wasm");
    // One worker; the canary is gone, its part stays.
    assert!(stats.contains("wasmcustom.met_4: 40"), "{stats}");
    for own in ["wasm.envoy.wasm.runtime.v8.created: ", "wasm.envoy.wasm.runtime.v8.active: "] {
        assert!(stats.contains(own), "{stats}");
    }
}

/// LIFE-1: since 1.39 the environment tells VMs apart.
#[test]
fn life_1_an_environment_of_its_own_is_a_vm_of_its_own() {
    let module = wasm(
        &["count"],
        r#"(global $count (mut i32) (i32.const 0))
           (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
               (global.set $count (i32.add (global.get $count) (i32.const 1)))
               (call $tell_count (global.get $count)) (i32.const 1))"#,
    );
    let with = |value: &str| Plugin {
        root_id: value.to_owned(),
        environment: vec![("A".to_owned(), value.to_owned())],
        ..Plugin::default()
    };
    for (minor, vms) in [(38, 1), (39, 2)] {
        let options = Options { envoy: EnvoyVersion::minor(minor), ..Options::default() };
        let filters = ["1", "2"].map(|value| spec(&module, with(value)));
        let proxy = Proxy::load_with(&filters, Arc::new(Process::deterministic(1)), options).unwrap();
        assert_eq!(proxy.vm_count(), vms, "1.{minor}");
    }
    if find_or_skip("environments of VMs in real Envoys").is_none() {
        return;
    }
    for (version, most) in [("1.38.2", 2), ("1.39.3", 1), ("1.40.0", 1)] {
        let Ok(binary) = EnvoyBinary::find_version(version) else { continue };
        let change = |value: &str| {
            let environment = json!({ "key_values": { "A": value } });
            json!({ "root_id": value, "vm_config": { "vm_id": "one", "environment_variables": environment } })
        };
        let setting = Setting::start(&binary, &[("a", &module, change("1")), ("b", &module, change("2"))]);
        assert_eq!((setting.status("a"), setting.status("b")), ("200".to_owned(), "200".to_owned()));
        let log = setting.envoy.log();
        let counts = log.lines().filter_map(|line| line.rsplit_once("count ")?.1.parse::<u32>().ok());
        assert_eq!(counts.max(), Some(most), "{version}: {log}");
    }
}

/// HC-2: what Envoy makes of a callout's headers and body.
#[test]
fn hc_2_a_callout_gets_a_length_and_loses_its_trailers() {
    let pairs = |list: &[(&str, &str)]| {
        let mut wire = (list.len() as u32).to_le_bytes().to_vec();
        for (name, value) in list {
            wire.extend((name.len() as u32).to_le_bytes());
            wire.extend((value.len() as u32).to_le_bytes());
        }
        wire.extend(list.iter().flat_map(|(name, value)| [name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat()));
        let text = wire.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        (text, wire.len())
    };
    let (headers, size) = pairs(&[(":method", "POST"), (":path", "/callout"), (":authority", "h"), ("x-a", "1")]);
    let (trailers, trailers_size) = pairs(&[("x-t", "1")]);
    let module = wasm(
        &["made"],
        &format!(
            r#"(import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
               (data (i32.const 0) "calloutbody") (data (i32.const 64) "{headers}") (data (i32.const 512) "{trailers}")
               (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                   (call $tell_made (call $call (i32.const 0) (i32.const 7) (i32.const 64) (i32.const {size})
                       (i32.const 7) (i32.const 4) (i32.const 512) (i32.const {trailers_size})
                       (i32.const 1500) (i32.const 16)))
                   (i32.const 0))"#
        ),
    );
    let process = Process::deterministic(1);
    process.add_cluster("callout", ClusterState::Up);
    let mut proxy = Proxy::load(&[spec(&module, Plugin::default())], Arc::new(process)).unwrap();
    let stream = proxy.open_on(0, Attributes::default());
    proxy.send(stream, Direction::Request, Frame::Headers([(":path", "/")].into_iter().collect()), true);
    let request = proxy.take_callouts().remove(0).request;
    assert_eq!((request.body().as_slice(), &request.trailers), (b"body".as_slice(), &None));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // On the wire of HTTP/1.1 the pseudo headers are a line and `host`.
    let ours = request.headers.iter().map(|(name, value)| (text(name), text(value)));
    let mut ours = ours.filter(|(name, _)| !name.starts_with(':')).collect::<BTreeMap<_, _>>();
    ours.insert("host".to_owned(), text(request.headers.get(b":authority").unwrap()));

    let Some(binary) = find_or_skip("callouts of a real Envoy") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        // The callout and the request itself come in any order.
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let (mut seen, mut piece) = (String::new(), [0; 4096]);
            while !seen.contains("\r\n\r\n") || seen.starts_with("POST") && !seen.ends_with("body") {
                let size = stream.read(&mut piece).unwrap();
                assert!(size > 0, "{seen}");
                seen += &String::from_utf8_lossy(&piece[..size]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if seen.starts_with("POST") {
                return seen;
            }
        }
    });
    let setting = Setting::with_upstream(&binary, &[("callout", &module, json!({}))], upstream);
    get(setting.listeners["callout"], "/");
    let seen = server.join().unwrap();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    assert_eq!((head.lines().next().unwrap(), body), ("POST /callout HTTP/1.1", "body"));
    let theirs = head.lines().skip(1).map(|line| line.split_once(": ").unwrap());
    let theirs = theirs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>();
    // What the router of the callout's own stream adds is not in what the harness shows.
    ours.insert("x-envoy-internal".to_owned(), "true".to_owned());
    ours.insert("x-envoy-expected-rq-timeout-ms".to_owned(), "1500".to_owned());
    assert_eq!(theirs, ours);
}
