//! Requests that two servers could understand differently, byte for byte: the gateway and a real Envoy say the same, and send the
//! same on, but for what stands in a list with its reason.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tamis_harness::envoy::bootstrap::{Chain, bootstrap, listeners};
use tamis_harness::envoy::{EnvoyProcess, find_or_skip};
use tamis_harness::gateway::{Echo, Limits};
use tamis_harness::scenario::model::Kind;

use super::{connect, gateway};

/// What it shows, and a request with `connection: close` where `@` stands; `%` stands for a real one.
const REQUESTS: &[(&str, &str)] = &[
    (
        "length, then encoding",
        "POST / HTTP/1.1\r\nhost: a\r\n@content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "encoding, then length",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    ("two equal lengths", "POST / HTTP/1.1\r\nhost: a\r\n@content-length: 3\r\ncontent-length: 3\r\n\r\nabc"),
    ("two lengths", "POST / HTTP/1.1\r\nhost: a\r\n@content-length: 3\r\ncontent-length: 4\r\n\r\nabcd"),
    ("a list of lengths", "POST / HTTP/1.1\r\nhost: a\r\n@content-length: 3, 3\r\n\r\nabc"),
    ("a length with a sign", "POST / HTTP/1.1\r\nhost: a\r\n@content-length: +3\r\n\r\nabc"),
    ("a length below zero", "POST / HTTP/1.1\r\nhost: a\r\n@content-length: -3\r\n\r\nabc"),
    ("a length with a zero in front", "POST / HTTP/1.1\r\nhost: a\r\n@content-length: 03\r\n\r\nabc"),
    ("a length with spaces", "POST / HTTP/1.1\r\nhost: a\r\n@content-length: \t 3 \t\r\n\r\nabc"),
    ("an empty length", "POST / HTTP/1.1\r\nhost: a\r\n@content-length:\r\n\r\nabc"),
    ("a length in hexadecimal digits", "POST / HTTP/1.1\r\nhost: a\r\n@content-length: 0x3\r\n\r\nabc"),
    ("a length that overflows", "POST / HTTP/1.1\r\nhost: a\r\n@content-length: 18446744073709551616\r\n\r\nabc"),
    ("another encoding", "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    (
        "an encoding before chunked",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "an encoding after chunked",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "chunked twice",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "two encodings",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "two different encodings",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    ("identity", "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: identity\r\ncontent-length: 3\r\n\r\nabc"),
    ("upper case", "POST / HTTP/1.1\r\nhost: a\r\n@Transfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    (
        "a parameter of an encoding",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked;q=1\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    ("an empty encoding", "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding:\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("a vertical tab", "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: \x0bchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("an underscore", "POST / HTTP/1.1\r\nhost: a\r\n@transfer_encoding: chunked\r\ncontent-length: 3\r\n\r\nabc"),
    (
        "an encoding in HTTP/1.0",
        "POST / HTTP/1.0\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "an encoding of the connection",
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: close, transfer-encoding\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "a length of the connection",
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: close, content-length\r\ncontent-length: 3\r\n\r\nabc",
    ),
    ("a header of the connection", "GET / HTTP/1.1\r\nhost: a\r\nconnection: close, y-a\r\ny-a: 1\r\n\r\n"),
    ("a cookie of the connection", "GET / HTTP/1.1\r\nhost: a\r\nconnection: close, cookie\r\ncookie: a=b\r\n\r\n"),
    (
        "a forwarded address of the connection",
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: close, x-forwarded-for\r\n\r\n",
    ),
    ("a method of the connection", "GET / HTTP/1.1\r\nhost: a\r\nconnection: close, :method\r\n\r\n"),
    ("te of the connection", "GET / HTTP/1.1\r\nhost: a\r\nconnection: close, te\r\nte: trailers\r\n\r\n"),
    ("the host of the connection", "GET / HTTP/1.1\r\nhost: a\r\nconnection: close, host\r\n\r\n"),
    ("a folded line", "GET / HTTP/1.1\r\nhost: a\r\n@y-a: 1\r\n b\r\n\r\n"),
    ("a folded line of tabs", "GET / HTTP/1.1\r\nhost: a\r\n@y-a: 1\r\n\tb\r\n\r\n"),
    ("a folded first line", "GET / HTTP/1.1\r\n host: a\r\n@\r\n"),
    ("a space before the colon", "GET / HTTP/1.1\r\nhost: a\r\n@y-a : 1\r\n\r\n"),
    ("a tab before the colon", "GET / HTTP/1.1\r\nhost: a\r\n@y-a\t: 1\r\n\r\n"),
    ("a line without a colon", "GET / HTTP/1.1\r\nhost: a\r\n@y-a\r\n\r\n"),
    ("a header without a name", "GET / HTTP/1.1\r\nhost: a\r\n@: 1\r\n\r\n"),
    ("a bare CR in a value", "GET / HTTP/1.1\r\nhost: a\r\n@y-a: 1\rb\r\n\r\n"),
    ("a bare CR in a line", "GET / \rHTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a NUL in a value", "GET / HTTP/1.1\r\nhost: a\r\n@y-a: 1\0\r\n\r\n"),
    ("a control character in a value", "GET / HTTP/1.1\r\nhost: a\r\n@y-a: 1\x01\r\n\r\n"),
    ("DEL in a value", "GET / HTTP/1.1\r\nhost: a\r\n@y-a: 1\x7f\r\n\r\n"),
    ("bare line feeds", "GET / HTTP/1.1\nhost: a\nconnection: close\ny-a: 1\n\n"),
    ("an empty line in front", "\r\nGET / HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("two empty lines in front", "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a space in front", " GET / HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("two spaces in the line", "GET  / HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a tab in the line", "GET\t/ HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a space at the line's end", "GET / HTTP/1.1 \r\nhost: a\r\n@\r\n"),
    ("a space in the path", "GET /a b HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a fragment", "GET /a#b HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("an empty path", "GET ?a HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("an asterisk", "OPTIONS * HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a method of its own", "FOO / HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a method in lower case", "get / HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a method that is no token", "G(T / HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a version in lower case", "GET / http/1.1\r\nhost: a\r\n@\r\n"),
    ("HTTP/1.2", "GET / HTTP/1.2\r\nhost: a\r\n@\r\n"),
    ("HTTP/2.0", "GET / HTTP/2.0\r\nhost: a\r\n@\r\n"),
    ("HTTP/11.1", "GET / HTTP/11.1\r\nhost: a\r\n@\r\n"),
    ("no version", "GET /\r\nhost: a\r\n@\r\n"),
    ("two hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n@\r\n"),
    ("two equal hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n@\r\n"),
    ("an empty host", "GET / HTTP/1.1\r\nhost:\r\n@\r\n"),
    ("a host with a user", "GET / HTTP/1.1\r\nhost: u%a\r\n@\r\n"),
    ("a host with a space", "GET / HTTP/1.1\r\nhost: a b\r\n@\r\n"),
    ("a host with a slash", "GET / HTTP/1.1\r\nhost: a/b\r\n@\r\n"),
    ("a target with another host", "GET http://b/ HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a target with a user", "GET http://u%b/ HTTP/1.1\r\nhost: a\r\n@\r\n"),
    ("a pseudo header", "GET / HTTP/1.1\r\nhost: a\r\n@:path: /b\r\n\r\n"),
    ("a chunk with 0x", "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"),
    ("a chunk with a sign", "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n"),
    (
        "a chunk with a space in front",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "a chunk with a space behind",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
    ),
    (
        "a chunk with an extension",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "a CR in an extension",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\n",
    ),
    ("a LF in an extension", "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3;a\nabc\r\n0\r\n\r\n"),
    (
        "a chunk with zeros",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n00000000000000000003\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "a chunk that overflows",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "a chunk that is too short",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    ),
    ("a chunk without an end", "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n"),
    ("chunks with bare line feeds", "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3\nabc\n0\n\n"),
    (
        "a length in trailers",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\ncontent-length: 9\r\n\r\n",
    ),
    (
        "an encoding in trailers",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\ntransfer-encoding: x\r\n\r\n",
    ),
    (
        "a line without a colon in trailers",
        "POST / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx\r\n\r\n",
    ),
    ("a length with GET", "GET / HTTP/1.1\r\nhost: a\r\n@content-length: 3\r\n\r\nabc"),
    ("chunks with GET", "GET / HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("a length with HEAD", "HEAD / HTTP/1.1\r\nhost: a\r\n@content-length: 3\r\n\r\nabc"),
    ("a request behind one", "GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n@\r\n"),
    (
        "both framings behind a request",
        "POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
    ),
    (
        "both framings behind chunks",
        "POST /1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\ny-t: 1\r\n\r\nPOST /2 HTTP/1.1\r\nhost: a\r\n@transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
    ),
    (
        "a body that looks like a request",
        "POST / HTTP/1.1\r\nhost: a\r\n@content-length: 72\r\n\r\nPOST /2 HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
];

/// Where the gateway refuses, and Envoy does otherwise: the statuses of both. hyper answers 400 before anything else is looked
/// at, and is stricter than Envoy's parser, which mends lines.
const KNOWN: [(&str, &str, &str); 20] = [
    ("a length with a zero in front", "502", "200"),
    ("another encoding", "400", "501"),
    ("an encoding after chunked", "400", "501"),
    ("a parameter of an encoding", "400", "501"),
    ("an empty encoding", "400", "501"),
    ("an encoding in HTTP/1.0", "400", "426"),
    ("a folded line", "400", "200"),
    ("a folded line of tabs", "400", "200"),
    ("a bare CR in a value", "400", "200"),
    ("a bare CR in a line", "400", "200"),
    ("two spaces in the line", "400", "200"),
    ("a tab in the line", "400", "200"),
    ("a space at the line's end", "400", "200"),
    ("HTTP/1.2", "400", "426"),
    ("HTTP/2.0", "400", "426"),
    ("no version", "400", "426"),
    ("two hosts", "400", "200"),
    ("two equal hosts", "400", "200"),
    ("an empty host", "400", "200"),
    ("a chunk that is too short", "400", "200"),
];

/// What the client is told, and what the upstream gets of the last request: its method, path, host, length and body.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    statuses: Vec<String>,
    upstream: Option<(BTreeMap<String, String>, String)>,
}

/// What is answered until the other side closes. After a refusal Envoy keeps the connection open for a second.
fn said(address: SocketAddr, request: &[u8]) -> String {
    let mut connection = connect(address);
    connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    // The other side may have closed before all was sent.
    let _ = connection.write_all(request);
    let (mut answer, mut piece, begin) = (String::new(), [0; 4096], Instant::now());
    loop {
        match connection.read(&mut piece) {
            Ok(0) => return answer,
            Ok(size) => answer.extend(piece[..size].iter().map(|byte| char::from(*byte))),
            Err(error) if error.kind() != ErrorKind::WouldBlock => return answer,
            Err(_) if ["HTTP/1.1 4", "HTTP/1.1 5"].iter().any(|refusal| answer.contains(refusal)) => return answer,
            Err(_) => assert!(begin.elapsed() < Duration::from_secs(20), "{answer}"),
        }
    }
}

fn outcome(address: SocketAddr, echo: &Echo, request: &str) -> Outcome {
    let request = request.replace('@', "connection: close\r\n").replace('%', "@");
    let answer = said(address, request.as_bytes());
    // The echo's body has the request's own version.
    let statuses = answer.split("HTTP/1.").skip(1).filter_map(|part| part.split(' ').nth(1).map(str::to_owned));
    let statuses = statuses.filter(|word| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit())).collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let upstream = echo.take_last().map(|seen| {
        // Envoy's codec says of a request without a body that it has none.
        let says_none = |name: &str, value: &[u8]| name == "content-length" && value == b"0";
        let named = ["content-length", "transfer-encoding", "cookie", "te"];
        let is_shown = |name: &str| name.starts_with(':') || name.starts_with("y-") || named.contains(&name);
        let headers = seen.headers.iter().filter(|(name, value)| is_shown(name) && !says_none(name, value));
        (headers.map(|(name, value)| (name.clone(), text(value))).collect(), text(&seen.body))
    });
    Outcome { statuses, upstream }
}

#[test]
fn wire_1_wire_2_every_oddity_ends_as_in_envoy() {
    let Some(binary) = find_or_skip("odd requests in a real Envoy") else { return };
    let echo = Echo::start().unwrap();
    let chain = Chain {
        name: "echo".to_owned(),
        kind: Kind::Http,
        plugins: Vec::new(),
        upstream: echo.address(),
        callouts: Vec::new(),
        buffer_limit: None,
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("listeners.json");
    let chains = [chain];
    std::fs::write(&file, listeners(&chains).to_string()).unwrap();
    let envoy = EnvoyProcess::start(&binary, &bootstrap(&chains, &file)).unwrap();
    let real = envoy.listeners().unwrap()["echo"];
    let (gateway, _) = gateway(&[], echo.address(), Limits::default());
    let mut differ = String::new();
    for (what, request) in REQUESTS {
        let theirs = outcome(real, &echo, request);
        let ours = outcome(gateway.address(), &echo, request);
        let known = KNOWN.iter().find(|(known, ..)| known == what);
        let is_known = known.is_some_and(|(_, ours_are, theirs_are)| {
            (&ours.statuses[..], &theirs.statuses[..]) == (&[(*ours_are).to_owned()], &[(*theirs_are).to_owned()])
                && ours.upstream.is_none()
        });
        if ours != theirs && !is_known {
            differ += &format!("{what}: {ours:?}\n  Envoy {theirs:?}\n");
        }
    }
    for method in ["ACL", "M-SEARCH", "PURGE", "MKCALENDAR", "TRACE", "QUERY", "BREW"] {
        let request = format!("{method} / HTTP/1.1\r\nhost: a\r\n@\r\n");
        let (theirs, ours) = (outcome(real, &echo, &request), outcome(gateway.address(), &echo, &request));
        if ours != theirs {
            differ += &format!("{method}: {ours:?}\n  Envoy {theirs:?}\n");
        }
    }
    assert!(differ.is_empty(), "{differ}");
}
