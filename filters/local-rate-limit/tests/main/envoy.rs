//! The promises in a real Envoy with four workers, under load: the bound, the memory, what outlives a new configuration.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tamis_harness::document::parse_as;
use tamis_harness::envoy::bootstrap::{PluginConfig, listener};
use tamis_harness::envoy::{WatchedEnvoy, find_or_skip};
use tamis_harness::gateway::client::send_blocking;
use tamis_harness::scenario::model::Request;
use tamis_harness::scenario::modules::built;

use crate::load;

const WORKERS: u32 = 4;

/// A listener with one limiter that answers everything itself.
fn limited(name: &str, vm_id: &str, configuration: &Value) -> Value {
    let module: PathBuf = built("local-rate-limit", Path::new(env!("CARGO_MANIFEST_DIR")));
    let plugin = PluginConfig {
        name: name.to_owned(),
        vm_id: vm_id.to_owned(),
        module_path: std::path::absolute(module).unwrap().to_string_lossy().into_owned(),
        configuration: Some(configuration.to_string()),
        ..PluginConfig::default()
    };
    listener(
        name,
        &[plugin],
        &json!([{ "match": { "prefix": "/" }, "direct_response": { "status": 200, "body": { "inline_string": "hello\n" } } }]),
    )
}

fn start(listeners: &[Value]) -> Option<WatchedEnvoy> {
    let envoy = find_or_skip("the limiter in a real Envoy with four workers")?;
    let bootstrap = |file: &Path| {
        json!({
            "node": { "id": "tamis", "cluster": "tamis" },
            "dynamic_resources": { "lds_config": { "path_config_source": { "path": file } } },
        })
    };
    let envoy = WatchedEnvoy::start(&envoy, WORKERS, json!({ "resources": listeners }), bootstrap).unwrap();
    assert_eq!(envoy.process().rejected_listeners().unwrap(), Default::default());
    Some(envoy)
}

fn address(envoy: &WatchedEnvoy, name: &str) -> SocketAddr {
    envoy.process().listeners().unwrap()[name]
}

fn status(address: SocketAddr) -> Vec<u8> {
    let request = parse_as::<Request>("{}").unwrap();
    send_blocking(address, &request).unwrap().get(":status").unwrap().to_vec()
}

fn one_rule(rule: Value) -> Value {
    json!({ "rules": [rule] })
}

/// Four workers, sixteen clients that all have one key, ten times what is allowed: what passes is what is promised.
#[test]
fn under_load_four_workers_admit_the_bound_and_no_more() {
    const REQUESTS: u32 = 30_000;
    const RATE: u64 = 1000;
    const BURST: u64 = 500;
    const LEASE: u64 = 20;
    if !load::is_there("the bound under load") {
        return;
    }
    let gcra = json!({ "requests": RATE, "per": "second", "burst": BURST });
    let window = json!({ "requests": RATE, "per": "second", "algorithm": "fixed_window" });
    let listeners = [
        limited("exact", "exact", &one_rule(json!({ "name": "exact", "limits": [gcra] }))),
        limited("window", "window", &one_rule(json!({ "name": "window", "limits": [window] }))),
        limited("leased", "leased", &one_rule(json!({ "name": "leased", "limits": [gcra], "lease": LEASE }))),
    ];
    let Some(envoy) = start(&listeners) else { return };
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    for name in ["exact", "window", "leased"] {
        let before = SystemTime::now();
        let answers = load::send(address(&envoy, name), REQUESTS);
        let windows = seconds(SystemTime::now()) - seconds(before) + 1;
        let steps = u64::try_from(answers.took.as_nanos() * u128::from(RATE) / 1_000_000_000).unwrap();
        // The client's own start and end, in which nothing passes, take less than a second.
        let least = BURST + steps.saturating_sub(RATE);
        let (least, most) = match name {
            // The first and the last window may have been a moment.
            "window" => (windows.saturating_sub(2).max(1) * RATE, windows * RATE),
            "exact" => (least, BURST + steps),
            _ => (least, BURST + steps + u64::from(WORKERS) * LEASE),
        };
        let counted = envoy.process().stats(&format!("rule.{name}.action")).unwrap();
        let counted = |action: &str| counted[&format!("wasmcustom.ratelimit.rule.{name}.action.{action}")];
        println!("{name}: {answers:?}, at most {most}; contended {}", counted("contended"));
        assert!(answers.passed <= most, "{name}: {answers:?} but at most {most}");
        assert!(answers.passed >= least, "{name}: {answers:?} but what was free is used: at least {least}");
        assert_eq!((counted("allowed"), counted("limited")), (answers.passed, answers.refused), "{name}");
    }
}

/// New keys all the time: each gets what its place or the overflow has, and nothing grows.
#[test]
fn under_load_new_keys_gain_nothing_and_memory_stays() {
    const KEYS: u32 = 60_000;
    if !load::is_there("new keys all the time") {
        return;
    }
    // 64 sets of eight, each key once, and seven for all that have no place.
    let rule = json!({
        "name": "keys", "key": [{ "request": "path" }], "max_keys": 256,
        "limits": [{ "requests": 1, "per": "hour" }], "overflow": [{ "requests": 7, "per": "hour" }],
    });
    let Some(envoy) = start(&[limited("keys", "keys", &one_rule(rule))]) else { return };
    let to = address(&envoy, "keys");
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", envoy.process().id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let mut passed = 0;
    let mut after = Vec::new();
    for third in 0..3 {
        // Four clients at a time, with keys of their own.
        let clients = [0, 1, 2, 3].map(|client| {
            let first = (third * 4 + client) * KEYS / 12;
            std::thread::spawn(move || {
                let mut paths = String::new();
                (first..first + KEYS / 12).for_each(|key| writeln!(paths, "/{key}").unwrap());
                let file = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(file.path(), paths).unwrap();
                load::send_each(to, KEYS / 12, file.path()).passed
            })
        });
        passed += clients.map(|client| client.join().unwrap()).iter().sum::<u64>();
        after.push(memory());
    }
    println!("{passed} passed; resident kB after each third: {after:?}");
    assert_eq!(passed, 64 * 8 + 7);
    assert!(after[2] <= after[0] + 4096, "it grows: {after:?}");
}

/// Counters belong to the `vm_id`: they outlive a new configuration, and a new `vm_id` begins unused and says so, once.
#[test]
fn counters_outlive_a_new_configuration_and_belong_to_the_vm_id() {
    let configured = |vm_id: &str, headers: bool| {
        let rules = json!([{ "name": "all", "limits": [{ "requests": 3, "per": "hour" }] }]);
        limited("limits", vm_id, &json!({ "rules": rules, "headers": headers }))
    };
    let Some(envoy) = start(&[configured("first", false)]) else { return };
    let to = || address(&envoy, "limits");
    let starts = || envoy.process().log().matches("all limits begin unused").count();
    assert_eq!(starts(), 1, "four workers and the main thread, one beginning");
    assert_eq!([status(to()), status(to())], [b"200", b"200"]);
    envoy.change(json!({ "resources": [configured("first", true)] })).unwrap();
    assert_eq!([status(to()), status(to())], [b"200", b"429"], "one was left");
    assert_eq!(starts(), 1);
    envoy.change(json!({ "resources": [configured("second", true)] })).unwrap();
    // The old listener may answer for a moment.
    let limit = std::time::Instant::now() + Duration::from_secs(5);
    while starts() == 1 && std::time::Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(starts(), 2);
    assert_eq!([(); 4].map(|()| status(to())), [b"200", b"200", b"200", b"429"]);
}
