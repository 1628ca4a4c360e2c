//! The embedded gateway, with the real `transformation` module and with small modules that misbehave.

mod against_envoy;
mod changes;
mod faults;
mod grpc;
mod http2;
mod limits;
mod pieces;
mod raw;
mod smuggling;
mod streaming;
mod traffic;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tamis_harness::context::{Plugin, Process};
use tamis_harness::gateway::{Echo, Gateway, GatewayOptions, Limits};
use tamis_harness::scenario::model::{Fields, Request};
use tamis_harness::scenario::modules;
use tamis_harness::stream::{FailurePolicy, FilterSpec, LoadedModule, Proxy};

/// What anything in these tests may take.
const PATIENCE: Duration = Duration::from_secs(20);

const EDITS: &str = r#"{"rules": [{
    "request": {"headers": {"remove": ["x-debug"], "set": [{"name": "x-env", "value": "production"}]}},
    "response": {"headers": {"remove": ["x-powered-by"], "set": [{"name": "x-by", "value": "tamis"}]}}
}]}"#;

/// A gateway in front of an echo.
struct Setting {
    gateway: Gateway,
    echo: Echo,
    process: Arc<Process>,
}

impl Setting {
    fn transformation() -> Self {
        Self::with(&transformation(), Limits::default())
    }

    fn with(filters: &[FilterSpec], limits: Limits) -> Self {
        let echo = Echo::start().unwrap();
        let (gateway, process) = gateway(filters, echo.address(), limits);
        Self { gateway, echo, process }
    }

    fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// Whether the gateway still does what it is there for.
    fn assert_works(&self) {
        let answer = tamis_harness::gateway::send_blocking(self.address(), &get("/works")).unwrap();
        assert_eq!(answer.get(":status").unwrap(), b"200");
        assert_eq!(self.echo.last().unwrap().get(":path").unwrap(), b"/works");
    }
}

fn gateway(filters: &[FilterSpec], upstream: SocketAddr, limits: Limits) -> (Gateway, Arc<Process>) {
    let process = Arc::new(Process::deterministic(1));
    let proxy = Proxy::load(filters, process.clone()).unwrap();
    (Gateway::start(options(upstream, limits), proxy).unwrap(), process)
}

fn options(upstream: SocketAddr, limits: Limits) -> GatewayOptions {
    GatewayOptions { limits, ..GatewayOptions::new(upstream.into()) }
}

fn transformation() -> [FilterSpec; 1] {
    let file = modules::built("transformation", Path::new(env!("CARGO_MANIFEST_DIR")));
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; `make` builds it", file.display()));
    [filter("transformation", LoadedModule::new(&bytes).unwrap(), EDITS)]
}

fn filter(name: &str, module: LoadedModule, configuration: &str) -> FilterSpec {
    let plugin = Plugin { name: name.to_owned(), configuration: configuration.into(), ..Plugin::default() };
    FilterSpec { module, plugin, failure_policy: FailurePolicy::Closed }
}

fn get(path: &str) -> Request {
    Request { path: path.to_owned(), ..Request::default() }
}

fn post(body: &str) -> Request {
    Request { method: "POST".to_owned(), body: body.into(), ..Request::default() }
}

fn with_headers(request: Request, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    Request { headers: Fields(headers), ..request }
}

/// A connection that gives up after [`PATIENCE`].
fn connect(address: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// Sends bytes, and reads until the other side closes.
fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut connection = connect(address);
    // The other side may have closed before all was sent.
    let _ = connection.write_all(request);
    read_all(&mut connection)
}

/// What comes until the other side closes, or breaks the connection off.
fn read_all(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match connection.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&piece[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {}", answer.escape_ascii()),
        }
    }
    answer.iter().map(|byte| char::from(*byte)).collect()
}

/// Reads until these bytes have come.
fn read_until(connection: &mut TcpStream, wanted: &str) -> String {
    let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&seen).contains(wanted) {
        let n = connection.read(&mut piece).unwrap();
        assert!(n > 0, "no {wanted} in {}", seen.escape_ascii());
        seen.extend_from_slice(&piece[..n]);
    }
    String::from_utf8(seen).unwrap()
}

/// An upstream that answers each connection's first request with these bytes, and closes; without bytes, it says nothing
/// until the other side leaves.
fn scripted(answer: Option<&[u8]>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer.map(<[u8]>::to_vec);
    // It ends with the test's process.
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                let _ = connection.read(&mut piece);
                match answer {
                    Some(answer) => drop(connection.write_all(&answer)),
                    None => while connection.read(&mut piece).is_ok_and(|n| n > 0) {},
                }
            });
        }
    });
    address
}

/// Waits for a condition, at most [`PATIENCE`].
fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::yield_now();
    }
}
