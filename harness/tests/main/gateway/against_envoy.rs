//! The same bytes to the gateway and to a real Envoy: what the client is told, and what the upstream gets.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use tamis_harness::envoy::bootstrap::{Chain, bootstrap, listeners};
use tamis_harness::envoy::{EnvoyProcess, find_or_skip};
use tamis_harness::gateway::{Echo, Limits};
use tamis_harness::scenario::model::Kind;

use super::{connect, gateway, read_until, scripted};

/// What a client sends, by what it shows. Each is one request in HTTP/1.1, or none.
const REQUESTS: [(&str, &str); 12] = [
    ("a plain one", "GET /a?b HTTP/1.1\r\nhost: a\r\n\r\n"),
    ("a body", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"),
    ("a body with GET", "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"),
    ("no body with POST", "POST / HTTP/1.1\r\nhost: a\r\n\r\n"),
    ("chunks", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    (
        "trailers",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n",
    ),
    ("a target with a host", "GET http://b:81/c HTTP/1.1\r\nhost: a\r\n\r\n"),
    ("te", "GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n"),
    ("an upgrade", "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    ("HTTP/1.0", "GET / HTTP/1.0\r\nhost: a\r\n\r\n"),
    ("CONNECT", "CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n"),
    ("no host", "GET / HTTP/1.1\r\n\r\n"),
];

/// What an upstream says, by what it shows.
const ANSWERS: [(&str, &str); 6] = [
    ("nothing", ""),
    ("another protocol", "SSH-2.0-x\r\n"),
    ("an early hint", "HTTP/1.1 103 Early\r\nx-a: 1\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    ("no content", "HTTP/1.1 204 No Content\r\n\r\n"),
    ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok"),
    ("until the end", "HTTP/1.1 200 OK\r\n\r\nok"),
];

/// The status that a client is told.
fn status(address: SocketAddr, request: &str) -> String {
    let mut connection = connect(address);
    std::io::Write::write_all(&mut connection, request.as_bytes()).unwrap();
    let head = read_until(&mut connection, "\r\n\r\n");
    head.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Headers, and a body.
type Arrived = (BTreeMap<String, Vec<u8>>, Vec<u8>);

/// What came to an upstream: its line, its headers but those that Envoy adds, its body.
fn seen(echo: &Echo) -> Option<Arrived> {
    let seen = echo.take_last()?;
    let kept = seen.headers.into_iter().filter(|(name, _)| !name.starts_with("x-") && name != "date");
    Some((kept.collect(), seen.body))
}

/// WIRE-3, WIRE-5, WIRE-6 and WIRE-7, and what goes through.
#[test]
fn clients_and_upstreams_are_told_what_envoy_tells_them() {
    let Some(binary) = find_or_skip("the gateway beside a real Envoy") else { return };
    let echo = Echo::start().unwrap();
    // Nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut upstreams = vec![("echo", echo.address()), ("nobody", nobody)];
    upstreams.extend(ANSWERS.iter().map(|(name, answer)| (*name, scripted(Some(answer.as_bytes())))));
    let chain = |(name, upstream): &(&str, SocketAddr)| Chain {
        name: (*name).to_owned(),
        plugins: Vec::new(),
        upstream: *upstream,
        callouts: Vec::new(),
        buffer_limit: None,
        kind: Kind::Http,
    };
    let chains = upstreams.iter().map(chain).collect::<Vec<_>>();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("listeners.json");
    std::fs::write(&file, listeners(&chains).to_string()).unwrap();
    let envoy = EnvoyProcess::start(&binary, &bootstrap(&chains, &file)).unwrap();
    let real = envoy.listeners().unwrap();
    let mut differences = Vec::new();
    for (name, upstream) in &upstreams {
        let (ours, _) = gateway(&[], *upstream, Limits::default());
        let requests = if *name == "echo" { REQUESTS.as_slice() } else { &REQUESTS[..1] };
        for (what, request) in requests {
            let (theirs, theirs_up) = (status(real[*name], request), seen(&echo));
            let (ours, ours_up) = (status(ours.address(), request), seen(&echo));
            if (&ours, &ours_up) != (&theirs, &theirs_up) {
                differences.push(format!("{name}, {what}: {ours} {ours_up:?}, Envoy {theirs} {theirs_up:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}
