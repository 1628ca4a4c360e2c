//! Batches in a real Envoy: one process, a listener for each.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};

use super::batch::End;
use super::written::Written;
use super::{Batch, ConformanceError, Exchange, Lines, connection, pool};
use crate::envoy::{EnvoyBinary, EnvoyProcess};

/// How long a stream may take from its first byte until the probe has forgotten it.
const STREAM: Duration = Duration::from_secs(5);
/// How long a connection may take until the probe has forgotten it, when both its ends have gone.
const CONNECTION: Duration = Duration::from_secs(1);
/// How long after a stream's end Envoy may still die of it; it does so within the same turn of its event loop.
const AFTERMATH: Duration = Duration::from_millis(200);
/// Between two looks at the log.
const TICK: Duration = Duration::from_millis(2);
/// How many batches share a process.
const TOGETHER: usize = 12;
/// The most bytes of a request that the upstream reads.
const MAX_REQUEST: usize = 1 << 20;

pub(super) const MANAGER: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const TCP_PROXY: &str = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
pub(super) const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
pub(super) const UPSTREAM: &str = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Which batches share a process.
pub(super) fn jobs(batches: &[Batch]) -> Vec<Vec<&Batch>> {
    pool::jobs(batches, TOGETHER, |batch| batch.alone)
}

/// Runs batches in one process, and ends it.
///
/// # Errors
///
/// [`ConformanceError`] when Envoy does not run, or a stream does not end.
pub fn run(
    binary: &EnvoyBinary,
    module: &Path,
    batches: &[&Batch],
) -> Result<BTreeMap<String, Lines>, ConformanceError> {
    let module = &std::path::absolute(module)
        .map_err(|error| ConformanceError::System { what: "cannot find the probe", error })?;
    let unstarted = |error| ConformanceError::System { what: "cannot start an upstream", error };
    let upstream = Upstream::start().map_err(unstarted)?;
    let connections = connection::listen().map_err(unstarted)?;
    let bytes = connections.local_addr().map_err(unstarted)?;
    let envoy = EnvoyProcess::start(binary, &bootstrap(batches, module, [upstream.address, bytes]))?;
    let listeners = envoy.listeners()?;
    let mut written = Written::new(&envoy);
    let (mut log, mut ends) = (String::new(), BTreeMap::<&str, Vec<End>>::new());
    for batch in batches {
        let Some(address) = listeners.get(&batch.name) else { continue };
        for (index, exchange) in batch.exchanges.iter().enumerate() {
            let end = stream(&mut written, &mut log, *address, batch, index + 1, *exchange)?;
            ends.entry(&batch.name).or_default().push(end);
        }
        for (index, closes_first) in batch.connections.iter().enumerate() {
            let got = connection::real(*address, &connections, &mut written, &mut log, *closes_first);
            let got = got.map_err(|error| ConformanceError::System { what: "cannot talk to Envoy", error })?;
            let end = wait_for_end(&mut written, &mut log, batch, index + 1, got)?;
            ends.entry(&batch.name).or_default().push(end);
        }
    }
    log.extend(written.news());
    // An Envoy that dies may write more than its log there; no probe of a batch that may end it logs several lines at once.
    let records = records(&log, batches.iter().all(|batch| !batch.alone));
    Ok(batches
        .iter()
        .map(|batch| {
            let own = records.iter().filter(|record| record.0.split(' ').next_back() == Some(&batch.name));
            let mut lines = Batch::sort(own.map(|(from, message)| (*from, message.as_str())));
            for (index, end) in ends.remove(batch.name.as_str()).unwrap_or_default().into_iter().enumerate() {
                let (line, text) = batch.end(index + 1, &end);
                lines.insert(line, text);
            }
            (batch.name.clone(), lines)
        })
        .collect())
}

/// Sends one request and waits until the probe has seen the last of it.
fn stream(
    written: &mut Written<'_>,
    log: &mut String,
    address: SocketAddr,
    batch: &Batch,
    stream: usize,
    exchange: Exchange,
) -> Result<End, ConformanceError> {
    let system = |error| ConformanceError::System { what: "cannot talk to Envoy", error };
    let mut client = TcpStream::connect(address).map_err(system)?;
    client.write_all(exchange.request().as_bytes()).map_err(system)?;
    wait_for_end(written, log, batch, stream, End::Deleted)
}

/// Waits until the probe has seen the last of a stream; that has become this then, unless Envoy died of it.
fn wait_for_end(
    written: &mut Written<'_>,
    log: &mut String,
    batch: &Batch,
    stream: usize,
    became: End,
) -> Result<End, ConformanceError> {
    let end = format!(" {}: probe|{stream}|delete|leave|", batch.name);
    let limit = Instant::now() + if batch.is_network() { CONNECTION } else { STREAM };
    let mut ended = (log.contains(&end)).then(Instant::now);
    loop {
        if let Some(news) = written.news() {
            if news.contains(&end) {
                ended.get_or_insert_with(Instant::now);
            }
            log.push_str(&news);
        }
        if batch.alone && written.crashed {
            return Ok(End::Crash);
        }
        if ended.is_some_and(|ended| !batch.alone || ended.elapsed() >= AFTERMATH) {
            return Ok(became);
        }
        if Instant::now() >= limit {
            // A connection that is closed while it begins is never told that it is over (rule TCP-3).
            if batch.is_network() {
                return Ok(became);
            }
            let lines = log.lines().rev().take(10).collect::<Vec<_>>();
            return Err(ConformanceError::NoEnd {
                batch: batch.name.clone(),
                stream,
                seconds: STREAM.as_secs(),
                version: written.envoy.version().to_owned(),
                log: lines.into_iter().rev().map(|line| format!("\n  {line}")).collect(),
            });
        }
        std::thread::sleep(TICK);
    }
}

/// What modules have logged: who, and what. A message may have several lines, where that is said.
fn records(log: &str, may_go_on: bool) -> Vec<(&str, String)> {
    let mut records: Vec<Option<(&str, String)>> = Vec::new();
    for line in log.lines() {
        let is_start = line.starts_with("[20") && line.contains("][");
        match records.last_mut() {
            _ if is_start => records.push(said(line)),
            Some(Some((_, message))) if may_go_on => {
                message.push('\n');
                message.push_str(line);
            }
            _ => {}
        }
    }
    records.into_iter().flatten().collect()
}

/// `[TIME][LEVEL][wasm] wasm log FROM: MESSAGE`
fn said(line: &str) -> Option<(&str, String)> {
    let (_, said) = line.split_once("][wasm] wasm log")?;
    let (from, message) = said.split_once(": ")?;
    Some((from, message.to_owned()))
}

fn bootstrap(batches: &[&Batch], module: &Path, [upstream, bytes]: [SocketAddr; 2]) -> Value {
    let listeners = batches.iter().map(|batch| listener(batch, module)).collect::<Vec<_>>();
    let cluster = |name: &str, to: SocketAddr| {
        json!({
            "name": name,
            "type": "STATIC",
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(to) } }] }],
            },
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": UPSTREAM,
                    "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
                },
            },
        })
    };
    json!({
        "node": { "id": "conformance", "cluster": "conformance" },
        "static_resources": {
            "listeners": listeners,
            "clusters": [cluster("upstream", upstream), cluster("bytes", bytes)],
        },
    })
}

fn listener(batch: &Batch, module: &Path) -> Value {
    let probe = PluginConfig {
        name: "probe".to_owned(),
        root_id: String::new(),
        vm_id: batch.name.clone(),
        module_path: module.to_string_lossy().into_owned(),
        configuration: Some(batch.configuration()),
        failure_policy: FailurePolicy::Closed,
        allow_on_headers_stop_iteration: false,
        environment: Vec::new(),
        vm_configuration: None,
        allowed_capabilities: Vec::new(),
    };
    if batch.is_network() {
        let proxy = json!({
            "name": "envoy.filters.network.tcp_proxy",
            "typed_config": { "@type": TCP_PROXY, "stat_prefix": batch.name, "cluster": "bytes" },
        });
        return json!({
            "name": batch.name,
            "address": address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            "filter_chains": [{ "filters": [probe.network_filter(), proxy] }],
        });
    }
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": ROUTER, "suppress_envoy_headers": true },
    });
    json!({
        "name": batch.name,
        "address": address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": MANAGER,
                    "stat_prefix": batch.name,
                    "generate_request_id": false,
                    "server_header_transformation": "PASS_THROUGH",
                    "skip_xff_append": true,
                    "use_remote_address": false,
                    "http_protocol_options": { "enable_trailers": true },
                    "http_filters": [probe.http_filter(), router],
                    "route_config": {
                        "name": "routes",
                        "virtual_hosts": [{
                            "name": "all",
                            "domains": ["*"],
                            "routes": [{ "name": "route", "match": { "prefix": "/" }, "route": { "cluster": "upstream" } }],
                        }],
                    },
                },
            }],
        }],
    })
}

pub(super) fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

/// A server that answers by the request's path, one request per connection.
struct Upstream {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Upstream {
    fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let closing = Arc::<AtomicBool>::default();
        let closed = closing.clone();
        let accept = move || {
            for stream in listener.incoming().flatten() {
                if closed.load(Ordering::Relaxed) {
                    return;
                }
                // A connection that fails is seen by the proxy; requests come one after the other.
                let _ = serve(stream);
            }
        };
        let acceptor = std::thread::Builder::new().name("upstream".to_owned()).spawn(accept)?;
        Ok(Self { address, closing, acceptor: Some(acceptor) })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        // Only a connection wakes the thread up.
        if TcpStream::connect(self.address).is_ok()
            && let Some(acceptor) = self.acceptor.take()
        {
            let _ = acceptor.join();
        }
    }
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(STREAM))?;
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    while !is_whole(&request) {
        let size = stream.read(&mut piece)?;
        if size == 0 || request.len() > MAX_REQUEST {
            return Ok(());
        }
        request.extend_from_slice(piece.get(..size).unwrap_or_default());
    }
    let exchange = Exchange::of_head(&String::from_utf8_lossy(&request));
    stream.write_all(exchange.response().as_bytes())
}

/// Whether head, body and trailers have come.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, rest)) = text.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    if head.contains("\r\ntransfer-encoding: chunked") {
        return (rest.starts_with("0\r\n") || rest.contains("\r\n0\r\n")) && rest.ends_with("\r\n\r\n");
    }
    let length = head.split_once("\r\ncontent-length: ").map_or("0", |(_, rest)| rest.lines().next().unwrap_or("0"));
    rest.len() >= length.parse().unwrap_or(0)
}
