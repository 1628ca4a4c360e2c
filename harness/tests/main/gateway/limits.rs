//! What is over a bound is refused, and nobody is kept waiting for good.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use tamis_harness::gateway::{Limits, send_blocking};

use super::{PATIENCE, Setting, connect, gateway, get, raw, read_all, scripted, transformation};

const SHORT: Duration = Duration::from_millis(200);

#[test]
fn wire_4_request_headers_over_the_bounds_get_a_431() {
    let setting = Setting::transformation();
    let with = |headers: &str| format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
    let many = |n: usize| (0..n).map(|i| format!("x-{i}: 1\r\n")).collect::<String>();
    let long = |n: usize| format!("x-long: {}\r\n", "v".repeat(n));
    for (headers, expected) in
        [(many(98), "200"), (many(99), "431"), (long((60 << 10) - 200), "200"), (long(60 << 10), "431")]
    {
        let answer = raw(setting.address(), with(&headers).as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{expected}: {:.100}", answer);
        // The echo has bounds too: what it answers comes back through the filters.
        assert_eq!(answer.contains("x-by: tamis"), expected == "200");
    }
    setting.assert_works();
}

#[test]
fn response_headers_over_the_bounds_become_a_502() {
    let many = (0..101).map(|i| format!("x-{i}: 1\r\n")).collect::<String>();
    let long = format!("x-long: {}\r\n", "v".repeat(64 << 10));
    for headers in [many, long] {
        let answer = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        let (gateway, _) = gateway(&transformation(), scripted(Some(answer.as_bytes())), Limits::default());
        assert_eq!(send_blocking(gateway.address(), &get("/")).unwrap().get(":status").unwrap(), b"502");
    }
}

#[test]
fn a_client_that_is_slow_with_its_headers_is_cut() {
    let setting = Setting::with(&transformation(), Limits { client: SHORT, ..Limits::default() });
    for sent in ["", "GET / HTTP/1.1\r\nhost: a\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
        let answer = raw(setting.address(), sent.as_bytes());
        // A whole request is answered, and its connection closed when no other comes.
        assert_eq!(answer.starts_with("HTTP/1.1 200"), sent.ends_with("\r\n\r\n"), "{answer}");
    }
    setting.assert_works();
}

#[test]
fn a_client_that_is_slow_with_its_body_gets_a_408() {
    let setting = Setting::with(&transformation(), Limits { client: SHORT, ..Limits::default() });
    let answer = raw(setting.address(), b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab");
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout"), "{answer}");
    setting.assert_works();
}

#[test]
fn a_slow_upstream_gives_a_504_that_the_filters_see() {
    let limits = Limits { upstream: SHORT, ..Limits::default() };
    let (gateway, _) = gateway(&transformation(), scripted(None), limits);
    let answer = send_blocking(gateway.address(), &get("/")).unwrap();
    assert_eq!(answer.get(":status").unwrap(), b"504");
    assert_eq!(answer.get("x-by").unwrap(), b"tamis");
}

#[test]
fn a_stream_in_which_nothing_moves_gets_a_504() {
    let limits = Limits { idle: SHORT, ..Limits::default() };
    let (gateway, _) = gateway(&transformation(), scripted(None), limits);
    let answer = send_blocking(gateway.address(), &get("/")).unwrap();
    assert_eq!(answer.get(":status").unwrap(), b"504");
    assert_eq!(answer.body, b"stream timeout");
    assert_eq!(answer.get("x-by").unwrap(), b"tamis");
}

#[test]
fn an_upstream_that_is_down_gives_a_503_that_the_filters_see() {
    // The port is free again when the listener is dropped.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (gateway, process) = gateway(&transformation(), address, Limits::default());
    let answer = send_blocking(gateway.address(), &get("/")).unwrap();
    assert_eq!(answer.get(":status").unwrap(), b"503");
    assert_eq!(answer.get("x-by").unwrap(), b"tamis");
    let text = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
    assert_eq!(String::from_utf8(answer.body).unwrap(), text);
    assert!(process.log_lines().iter().any(|line| line.message.contains("cannot be reached")));
}

#[test]
fn wire_6_an_upstream_without_an_answer_gives_what_envoy_gives() {
    for (answer, status, reason) in [
        ("", "503", "connection termination"),
        ("SSH-2.0-x\r\n", "502", "protocol error"),
        ("HTTP/1.1 101 Now\r\n\r\n", "502", "protocol error"),
    ] {
        let (gateway, _) = gateway(&transformation(), scripted(Some(answer.as_bytes())), Limits::default());
        let seen = send_blocking(gateway.address(), &get("/")).unwrap();
        assert_eq!(seen.get(":status").unwrap(), status.as_bytes(), "{answer}");
        let text = format!("upstream connect error or disconnect/reset before headers. reset reason: {reason}");
        assert_eq!(String::from_utf8(seen.body.clone()).unwrap(), text, "{answer}");
        assert_eq!(seen.get("x-by").unwrap(), b"tamis");
    }
}

#[test]
fn wire_6_an_answer_that_breaks_off_is_broken_off() {
    let upstream = scripted(Some(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"));
    let (gateway, process) = gateway(&transformation(), upstream, Limits::default());
    let answer = raw(gateway.address(), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\nshort"), "{answer}");
    assert!(process.log_lines().iter().any(|line| line.message.contains("broke its answer off")));
}

#[test]
fn an_exchange_that_waits_for_its_upstream_holds_up_no_other() {
    // The first connection is never answered, the others at once.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = listener.local_addr().unwrap();
    let (first, came) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for (i, connection) in listener.incoming().enumerate() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            if i == 0 {
                first.send(connection).unwrap();
            } else {
                connection.write_all(b"HTTP/1.1 204 None\r\nconnection: close\r\n\r\n").unwrap();
            }
        }
    });
    let (gateway, _) = gateway(&transformation(), upstream, Limits::default());
    let mut slow = connect(gateway.address());
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let held = came.recv_timeout(PATIENCE).unwrap();
    for _ in 0..3 {
        assert_eq!(send_blocking(gateway.address(), &get("/")).unwrap().get(":status").unwrap(), b"204");
    }
    drop(held);
    // Its keep-alive connection stays open, so only the beginning is read.
    let mut answer = [0; 13];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503 ");
}

#[test]
fn clients_that_go_away_leave_it_working() {
    let setting = Setting::transformation();
    for _ in 0..20 {
        let mut connection = connect(setting.address());
        connection.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nabc").unwrap();
    }
    setting.assert_works();
}

#[test]
fn a_client_that_goes_away_frees_the_filters() {
    let (gateway, _) = gateway(&transformation(), scripted(None), Limits::default());
    let mut connection = connect(gateway.address());
    connection.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    drop(connection);
    // Shutdown waits for what is under way; nothing is.
    let start = std::time::Instant::now();
    gateway.shutdown();
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn connections_over_the_bound_wait() {
    let setting = Setting::with(&transformation(), Limits { connections: 2, ..Limits::default() });
    let holders = [connect(setting.address()), connect(setting.address())];
    let mut third = connect(setting.address());
    third.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    third.set_read_timeout(Some(SHORT)).unwrap();
    let error = std::io::Read::read(&mut third, &mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    drop(holders);
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(read_all(&mut third).starts_with("HTTP/1.1 200"));
}
