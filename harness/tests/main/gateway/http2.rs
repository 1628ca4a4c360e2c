//! HTTP/2 with prior knowledge, on the same port as HTTP/1.1, and on the upstream's side.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::{Bytes, Frame};
use tamis_harness::gateway::{Gateway, GatewayOptions, Limits, Upstream};
use tamis_harness::stream::Proxy;
use tokio::task::JoinSet;

use super::pieces::{self, Pieces, map, request, run};
use super::{PATIENCE, Setting, connect, gateway, raw, scripted, transformation, wait_for};

#[test]
fn requests_are_edited_and_answered() {
    let setting = Setting::transformation();
    run(async {
        let mut client = pieces::connect(setting.address()).await;
        let mut get = request("GET", "/a?b", Pieces::whole("", &[]));
        get.headers_mut().extend(map(&[("x-debug", "1"), ("te", "trailers")]));
        let answer = client.send_request(get).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["x-by"].as_bytes()), (200, b"tamis".as_slice()));
        assert!(answer.headers().get("connection").is_none());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(body.starts_with(b"GET /a?b HTTP/1.1\n"));
        let post = request("POST", "/post", Pieces::whole("abc", &[]));
        let answer = client.send_request(post).await.unwrap();
        assert!(answer.into_body().collect().await.unwrap().to_bytes().ends_with(b"\n\nabc"));
    });
    let upstream = setting.echo.last().unwrap();
    assert_eq!(upstream.get("transfer-encoding").unwrap(), b"chunked");
    assert_eq!(upstream.get(":authority").unwrap(), b"example.com");
    // The same port speaks HTTP/1.1.
    setting.assert_works();
}

#[test]
fn cookies_in_pieces_are_one_header() {
    let setting = Setting::transformation();
    run(async {
        let mut client = pieces::connect(setting.address()).await;
        let mut get = request("GET", "/", Pieces::whole("", &[]));
        for crumb in ["a=1", "b=2"] {
            get.headers_mut().append("cookie", crumb.parse().unwrap());
        }
        client.send_request(get).await.unwrap();
    });
    let upstream = setting.echo.last().unwrap();
    assert_eq!(upstream.get_all("cookie").collect::<Vec<_>>(), [b"a=1; b=2"]);
}

#[test]
fn two_hundred_streams_of_one_connection_are_all_answered() {
    let setting = Setting::transformation();
    run(async {
        let client = pieces::connect(setting.address()).await;
        let mut answers = JoinSet::new();
        for i in 0..200 {
            let mut client = client.clone();
            answers.spawn(async move {
                let answer =
                    client.send_request(request("GET", &format!("/{i}"), Pieces::whole("", &[]))).await.unwrap();
                let body = answer.into_body().collect().await.unwrap().to_bytes();
                assert!(body.starts_with(format!("GET /{i} HTTP/1.1\n").as_bytes()));
            });
        }
        assert_eq!(answers.join_all().await.len(), 200);
    });
    wait_for("the filters have no stream left", || setting.gateway.streams() == 0);
}

/// An upstream that answers with the trailers that it got.
fn trailing() -> std::net::SocketAddr {
    pieces::upstream(|request| async {
        let trailers = request.into_body().collect().await.unwrap().trailers().cloned().unwrap_or_default();
        let (sender, body) = Pieces::new();
        sender.send(Frame::data(Bytes::from_static(b"body"))).unwrap();
        sender.send(Frame::trailers(trailers)).unwrap();
        Response::new(body)
    })
}

#[test]
fn trailers_go_both_ways() {
    let options = GatewayOptions::new(Upstream { http2: true, ..trailing().into() });
    let process = std::sync::Arc::new(tamis_harness::context::Process::deterministic(1));
    let gateway = Gateway::start(options, Proxy::load(&transformation(), process).unwrap()).unwrap();
    run(async {
        let mut client = pieces::connect(gateway.address()).await;
        for body in ["", "abc"] {
            let trailers = [("x-trailer", "1"), ("grpc-status", "0")];
            let answer = client.send_request(request("POST", "/", Pieces::whole(body, &trailers))).await.unwrap();
            assert_eq!(answer.headers()["x-by"].as_bytes(), b"tamis");
            let collected = answer.into_body().collect().await.unwrap();
            assert_eq!(collected.trailers(), Some(&map(&trailers)));
            assert_eq!(collected.to_bytes().as_ref(), b"body");
        }
    });
}

const CHUNKED: &str = "transfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n";

#[test]
fn wire_5_http_1_trailers_are_dropped_unless_they_are_asked_for() {
    for wanted in [false, true] {
        let answer = format!("HTTP/1.1 200 OK\r\n{CHUNKED}");
        let upstream = scripted(Some(answer.as_bytes()));
        let options = GatewayOptions { http1_trailers: wanted, ..GatewayOptions::new(upstream.into()) };
        let process = std::sync::Arc::new(tamis_harness::context::Process::deterministic(1));
        let gateway = Gateway::start(options, Proxy::load(&transformation(), process).unwrap()).unwrap();
        let request = format!("POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: close\r\n{CHUNKED}");
        let seen = raw(gateway.address(), request.as_bytes());
        assert!(seen.contains("3\r\nabc\r\n0\r\n"), "{seen}");
        assert_eq!(seen.ends_with("0\r\nx-t: 1\r\n\r\n"), wanted, "{seen}");
    }
}

#[test]
fn headers_over_the_bounds_get_a_431() {
    let setting = Setting::transformation();
    run(async {
        let mut client = pieces::connect(setting.address()).await;
        for (count, size, expected) in [(95, 1, 200), (101, 1, 431), (1, 50 << 10, 200), (1, 61 << 10, 431)] {
            let mut get = request("GET", "/", Pieces::whole("", &[]));
            for i in 0..count {
                let name = format!("x-{i}").parse::<hyper::header::HeaderName>().unwrap();
                get.headers_mut().insert(name, "v".repeat(size).parse().unwrap());
            }
            let answer = client.send_request(get).await.unwrap();
            assert_eq!(answer.status().as_u16(), expected, "{count} of {size}");
        }
    });
    setting.assert_works();
}

#[test]
fn a_stream_that_is_given_up_is_gone_and_the_others_are_not() {
    let (gateway, _) = gateway(&transformation(), scripted(None), Limits::default());
    run(async {
        let mut client = pieces::connect(gateway.address()).await;
        let (sender, body) = Pieces::new();
        let given_up = tokio::spawn(client.send_request(request("POST", "/", body)));
        let other = tokio::spawn(client.send_request(request("GET", "/", Pieces::whole("", &[]))));
        sender.send(Frame::data(Bytes::from_static(b"abc"))).unwrap();
        while gateway.streams() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        given_up.abort();
        while gateway.streams() != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!other.is_finished());
    });
    wait_for("the connection is gone, and its streams", || gateway.streams() == 0);
}

#[test]
fn connections_without_requests_are_closed() {
    let setting = Setting::with(&transformation(), Limits { client: Duration::from_millis(200), ..Limits::default() });
    let mut connection = connect(setting.address());
    // The preface and an empty SETTINGS frame.
    connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let begin = std::time::Instant::now();
    let mut all = Vec::new();
    // It confirms nothing: the connection is closed all the same.
    let _ = connection.read_to_end(&mut all);
    assert!(begin.elapsed() < PATIENCE, "it was not closed");
}

#[test]
fn a_connect_is_refused_and_the_connection_goes_on() {
    let setting = Setting::transformation();
    run(async {
        let mut client = pieces::connect(setting.address()).await;
        let mut connect = request("CONNECT", "/", Pieces::whole("", &[]));
        *connect.uri_mut() = "example.com:80".parse().unwrap();
        assert_eq!(client.send_request(connect).await.unwrap().status().as_u16(), 404);
        let get = request("GET", "/", Pieces::whole("", &[]));
        assert_eq!(client.send_request(get).await.unwrap().status().as_u16(), 200);
    });
}
