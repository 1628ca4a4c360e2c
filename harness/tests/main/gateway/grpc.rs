//! gRPC calls and streams of a filter, through a configured cluster.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use hyper::body::{Bytes, Frame};
use hyper::{HeaderMap, Response};
use tamis_harness::context::Process;
use tamis_harness::gateway::{Echo, Gateway, GatewayOptions, Upstream};
use tamis_harness::stream::{LoadedModule, Proxy};

use super::pieces::{self, Pieces, map};
use super::{filter, get, wait_for};

/// What a server does: the status of the response, its headers, pieces of the body, trailers.
type Answer =
    (u16, &'static [(&'static str, &'static str)], &'static [&'static [u8]], &'static [(&'static str, &'static str)]);

/// Calls have a timeout, and streams have none: so a server knows them apart.
fn server(call: Answer, stream: Answer) -> SocketAddr {
    pieces::upstream(move |request| async move {
        let of = |headers: &HeaderMap, name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let headers = request.headers();
        assert_eq!(of(headers, "content-type").as_deref(), Some("application/grpc"));
        assert_eq!((request.uri().path(), of(headers, "te").as_deref()), ("/s/M", Some("trailers")));
        let (status, headers, data, trailers) = if of(headers, "grpc-timeout").is_some() { call } else { stream };
        let (sender, body) = Pieces::new();
        for piece in data {
            sender.send(Frame::data(Bytes::from_static(piece))).unwrap();
        }
        if !trailers.is_empty() {
            sender.send(Frame::trailers(map(trailers))).unwrap();
        }
        drop(sender);
        let mut response = Response::new(body);
        *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
        response.headers_mut().extend(map(headers));
        response
    })
}

/// What the filter logs for one request, sorted, once it has so many lines.
fn logged(cluster: Upstream, lines: usize) -> Vec<String> {
    let module = wat::parse_str(include_str!("../../guests/grpc.wat")).unwrap();
    let filters = [filter("grpc", LoadedModule::new(&module).unwrap(), "")];
    let process = Arc::new(Process::deterministic(1));
    let echo = Echo::start().unwrap();
    let clusters = [("up".to_owned(), cluster)].into();
    let options = GatewayOptions { clusters, ..GatewayOptions::new(echo.address().into()) };
    let gateway = Gateway::start(options, Proxy::load(&filters, process.clone()).unwrap()).unwrap();
    let answer = tamis_harness::gateway::send_blocking(gateway.address(), &get("/")).unwrap();
    assert_eq!(answer.get(":status").unwrap(), b"200");
    let log = || process.log_lines().iter().map(|line| line.message.clone()).collect::<Vec<_>>();
    wait_for("everything has come", || log().len() >= lines);
    gateway.shutdown();
    let mut log = log();
    log.sort();
    log
}

fn h2c(address: SocketAddr) -> Upstream {
    format!("h2c://{address}").parse().unwrap()
}

const GOOD: Answer =
    (200, &[("content-type", "application/grpc"), ("x-m", "meta")], &[b"\0\0\0\0\x03yes"], &[("grpc-status", "0")]);

#[test]
fn calls_and_streams_are_answered() {
    let stream: Answer = (
        200,
        &[("x-m", "meta")],
        // A message in two pieces, and two in one.
        &[b"\0\0\0\0\x03o", b"ne\0\0\0\0\0\0\0\0\0\x03two"],
        &[("grpc-status", "5"), ("grpc-message", "no%20more")],
    );
    assert_eq!(logged(h2c(server(GOOD, stream)), 7), ["", "5", "5close", "meta", "one", "two", "yes"]);
}

#[test]
fn what_is_no_success_is_a_status() {
    let alone: Answer = (200, &[("grpc-status", "3")], &[], &[]);
    // The status of each as a digit, counted on after 9: `:` is 10, `;` 11, `=` 13, `>` 14.
    for (call, stream, expected) in [
        (alone, alone, ["3", "3close", "3close"].as_slice()),
        // A call without a message, and a stream without a status.
        ((200, &[], &[], &[("grpc-status", "0")]), (200, &[], &[b"\0\0\0\0\x01x"], &[]), &["2close", "=close", "x"]),
        // Servers that are not gRPC's.
        ((503, &[], &[b"down"], &[]), (404, &[], &[], &[]), &["<close", ">close"]),
        // A message that is compressed, and one that says it is 4 GiB long.
        ((200, &[], &[b"\x01\0\0\0\0"], &[]), (200, &[], &[b"\0\xff\xff\xff\xff"], &[]), &["8close", "=close"]),
    ] {
        assert_eq!(logged(h2c(server(call, stream)), expected.len()), expected);
    }
}

#[test]
fn a_server_that_is_not_there_or_speaks_no_http_2_is_unavailable() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(logged(h2c(nobody), 2), [">close", ">close"]);
    assert_eq!(logged(Upstream::from(server(GOOD, GOOD)), 2), [">close", ">close"]);
}

#[test]
fn a_call_that_takes_too_long_is_given_up() {
    let silent = pieces::upstream(|_| std::future::pending());
    // The stream waits for ever, the call for 100 ms.
    assert_eq!(logged(h2c(silent), 1), [">close"]);
}
