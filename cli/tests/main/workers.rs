//! One value for all workers: `examples/shared-limiter` in a real Envoy with several, under load.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tamis_harness::envoy::{EnvoyProcess, Settings, find_or_skip};

use crate::repository::{module, skip};

const WORKERS: u32 = 4;
const PER_SECOND: usize = 40;
const SECONDS: u64 = 4;

/// A request as h2load has seen it: when it began and ended, in microseconds, and its status.
struct Seen {
    begin: u64,
    end: u64,
    status: u16,
}

#[test]
fn four_workers_let_no_more_through_than_one_bound() {
    let module = module("shared-limiter");
    let folders = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&folders).any(|folder| folder.join("h2load").is_file()) {
        return skip("compare-and-swap across workers: h2load is not installed; `tamis setup load` installs it");
    }
    let Some(binary) = find_or_skip("compare-and-swap across workers") else { return };
    let settings = Settings { workers: WORKERS, ..Settings::default() };
    let envoy = EnvoyProcess::start_with(&binary, &bootstrap(&module), settings).unwrap();
    let address = envoy.listeners().unwrap()["limited"];
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut h2load = Command::new("timeout");
    h2load.args(["60", "h2load", "--h1", "-c", "32", "-D", &SECONDS.to_string(), "--log-file"]).arg(&log);
    let status = h2load.arg(format!("http://{address}/")).stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{status}");
    let seen = seen(&std::fs::read_to_string(&log).unwrap());

    // All workers have taken part, and there were many times more requests than may pass.
    let busy = busy_workers(envoy.admin());
    assert!(busy > 1, "{busy} of {WORKERS} workers had connections");
    let admitted = seen.iter().filter(|request| request.status == 200).collect::<Vec<_>>();
    let refused = seen.iter().filter(|request| request.status == 429).count();
    assert!(refused > 10 * admitted.len(), "{refused} refused, {} let through", admitted.len());
    assert_eq!(admitted.len() + refused, seen.len(), "nothing else was answered");

    // The filter's second lies between a request's begin and its end.
    let mut certain: BTreeMap<u64, usize> = BTreeMap::new();
    for request in &admitted {
        let (begin, end) = (request.begin / 1_000_000, request.end / 1_000_000);
        if begin == end {
            *certain.entry(begin).or_default() += 1;
        }
    }
    assert!(certain.values().all(|count| *count <= PER_SECOND), "{certain:?}");
    let (first, last) = (seen.iter().map(|it| it.begin).min().unwrap(), seen.iter().map(|it| it.end).max().unwrap());
    let touched = usize::try_from(last / 1_000_000 - first / 1_000_000 + 1).unwrap();
    assert!(admitted.len() <= touched * PER_SECOND, "{} in {touched} seconds", admitted.len());
    // Nor is any lost: seconds that were under load from begin to end have had all of theirs.
    assert!(admitted.len() >= (touched - 2) * PER_SECOND, "{} in {touched} seconds", admitted.len());
}

/// h2load's log: begin in microseconds since 1970, status, microseconds until the end.
fn seen(log: &str) -> Vec<Seen> {
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        let begin = fields.next()?.parse().ok()?;
        let status = fields.next()?.parse().ok()?;
        let took: u64 = fields.next()?.parse().ok()?;
        Some(Seen { begin, end: begin + took, status })
    };
    log.lines().map(|text| line(text).unwrap_or_else(|| panic!("{text}"))).collect()
}

/// How many workers have taken connections on.
fn busy_workers(admin: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let request = "GET /stats?filter=worker_.*downstream_cx_total HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let counts = text.lines().filter(|line| line.starts_with("listener.") && !line.contains("admin"));
    counts.filter(|line| line.rsplit(' ').next().is_some_and(|count| count != "0")).count()
}

/// A listener that answers by itself what the filter lets through.
fn bootstrap(module: &Path) -> Value {
    json!({
        "static_resources": { "listeners": [{
            "name": "limited",
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": "limited",
                    "http_filters": [wasm(module), {
                        "name": "envoy.filters.http.router",
                        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
                    }],
                    "route_config": { "virtual_hosts": [{
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }],
                    }] },
                },
            }] }],
        }] },
    })
}

fn wasm(module: &Path) -> Value {
    json!({
        "name": "limiter",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "limiter",
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": json!({ "per_second": PER_SECOND }).to_string(),
                },
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": module } },
                },
            },
        },
    })
}
