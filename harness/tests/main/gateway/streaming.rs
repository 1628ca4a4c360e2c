//! Bodies go piece by piece, and no faster than the other side takes them.

use std::io::{ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use tamis_harness::context::Process;
use tamis_harness::gateway::{Gateway, Limits, send_blocking};
use tamis_harness::stream::{FilterSpec, LoadedModule, Proxy};

use super::{
    PATIENCE, Setting, connect, filter, gateway, options, post, raw, read_all, read_until, transformation, wait_for,
};

/// A module of these functions; `$log` writes the eight bytes at 0, `logged`.
fn module(functions: &str) -> FilterSpec {
    let text = format!(
        r#"(module
            (import "env" "proxy_log" (func $write (param i32 i32 i32) (result i32)))
            (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $of (param i32) (result i32)))
            (import "env" "proxy_send_local_response"
              (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "the log ")
            (data (i32.const 8) "done")
            (global $stream (mut i32) (i32.const 0))
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
            (func $say (param i32 i32) (drop (call $write (i32.const 2) (local.get 0) (local.get 1))))
            (func $teapot (drop (call $answer (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const -1))))
            {functions})"#
    );
    filter("guest", LoadedModule::new(&wat::parse_str(text).unwrap()).unwrap(), "")
}

/// An upstream whose connections the test itself accepts.
struct Upstream(TcpListener);

impl Upstream {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn gateway(&self, filters: &[FilterSpec], limits: Limits) -> (Gateway, std::sync::Arc<Process>) {
        gateway(filters, self.0.local_addr().unwrap(), limits)
    }

    fn accept(&self) -> TcpStream {
        let (connection, _) = self.0.accept().unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    }
}

const POST: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";

#[test]
fn pieces_pass_before_their_message_is_whole() {
    let upstream = Upstream::new();
    let (gateway, _) = upstream.gateway(&transformation(), Limits::default());
    let mut client = connect(gateway.address());
    client.write_all(POST).unwrap();
    let mut server = upstream.accept();
    let request = read_until(&mut server, "\r\nabc\r\n");
    assert!(request.contains("x-env: production"), "{request}");
    server.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nxyz\r\n").unwrap();
    let answer = read_until(&mut client, "\r\nxyz\r\n");
    assert!(answer.contains("x-by: tamis"), "{answer}");
    client.write_all(b"2\r\nde\r\n0\r\n\r\n").unwrap();
    read_until(&mut server, "de\r\n0\r\n\r\n");
    server.write_all(b"0\r\n\r\n").unwrap();
    read_until(&mut client, "0\r\n\r\n");
    wait_for("the stream is over", || gateway.streams() == 0);
}

/// More than sockets and the gateway take up while nobody reads at the other end.
const MUCH: usize = 256 << 20;
const BOUND: usize = 48 << 20;

/// Writes until nothing more is taken, or everything was; says how much.
fn write_much(connection: &mut TcpStream) -> usize {
    connection.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let piece = vec![b'b'; 64 << 10];
    let mut written = 0;
    while written < MUCH {
        match connection.write(&piece) {
            Ok(n) => written += n,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
    }
    written
}

#[test]
fn who_does_not_read_holds_the_other_side_back() {
    let upstream = Upstream::new();
    let (gateway, _) = upstream.gateway(&transformation(), Limits::default());
    let mut client = connect(gateway.address());
    client.write_all(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {MUCH}\r\n\r\n").as_bytes()).unwrap();
    let mut server = upstream.accept();
    let written = write_much(&mut client);
    assert!(written < BOUND, "{written} bytes were taken");
    // Once it is read, the rest comes.
    let reader = std::thread::spawn(move || std::io::copy(&mut server, &mut std::io::sink()).unwrap_or_default());
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    client.write_all(&vec![b'b'; MUCH / 8 - written.min(MUCH / 8)]).unwrap();
    drop(client);
    assert!(reader.join().unwrap() as usize >= written);

    let mut client = connect(gateway.address());
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut server = upstream.accept();
    read_until(&mut server, "\r\n\r\n");
    server.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {MUCH}\r\n\r\n").as_bytes()).unwrap();
    let written = write_much(&mut server);
    assert!(written < BOUND, "{written} bytes were taken");
    drop(client);
    wait_for("the stream is gone", || gateway.streams() == 0);
}

#[test]
fn a_client_that_never_reads_its_answer_is_cut() {
    let upstream = Upstream::new();
    let limits = Limits { client: Duration::from_millis(300), ..Limits::default() };
    let (gateway, _) = upstream.gateway(&transformation(), limits);
    let mut client = connect(gateway.address());
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut server = upstream.accept();
    read_until(&mut server, "\r\n\r\n");
    server.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {MUCH}\r\n\r\n").as_bytes()).unwrap();
    let piece = vec![b'b'; 64 << 10];
    // The gateway leaves its upstream too.
    while server.write(&piece).is_ok() {}
    wait_for("the stream is gone", || gateway.streams() == 0);
}

/// Buffers a request's body until its end.
const BUFFERS: &str =
    r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.eqz (local.get 2)))"#;

#[test]
fn body_6_a_filter_that_buffers_has_the_limit_of_the_proxy() {
    let setting = Setting::with(&[module(BUFFERS)], Limits::default());
    let fits = "b".repeat(1 << 20);
    assert_eq!(send_blocking(setting.address(), &post(&fits)).unwrap().get(":status").unwrap(), b"200");
    assert_eq!(setting.echo.take_last().unwrap().body.len(), 1 << 20);
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", 2 << 20);
    let mut client = connect(setting.address());
    client.write_all(head.as_bytes()).unwrap();
    // The last bytes may find nobody.
    let _ = client.write_all(&vec![b'b'; (1 << 20) + 1]);
    assert!(read_until(&mut client, "\r\n\r\n").starts_with("HTTP/1.1 413 Payload Too Large"));
    assert_eq!(setting.echo.last(), None);
    setting.assert_works();
}

/// Holds a request with its body at the headers; a timer that never comes leaves hope.
const HOLDS: &str = r#"
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $tick (i32.const 3600000))) (i32.const 1))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 4))"#;

#[test]
fn body_5_a_filter_that_keeps_a_body_holds_its_sender_back() {
    let upstream = Upstream::new();
    let limits = Limits { idle: Duration::from_secs(5), ..Limits::default() };
    let process = std::sync::Arc::new(Process::live());
    let proxy = Proxy::load(&[module(HOLDS)], process).unwrap();
    let gateway = Gateway::start(options(upstream.0.local_addr().unwrap(), limits), proxy).unwrap();
    let mut client = connect(gateway.address());
    client.write_all(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {MUCH}\r\n\r\n").as_bytes()).unwrap();
    let written = write_much(&mut client);
    assert!(written < BOUND, "{written} bytes were taken");
    // Nothing moves: the client, whose request is not whole, is told so.
    assert!(read_until(&mut client, "\r\n\r\n").starts_with("HTTP/1.1 408 Request Timeout"));
    wait_for("the stream is gone", || gateway.streams() == 0);
}

#[test]
fn a_filter_can_answer_in_the_middle_of_a_body() {
    let upstream = Upstream::new();
    let answers =
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $teapot) (i32.const 1))"#;
    let (gateway, _) = upstream.gateway(&[module(answers)], Limits::default());
    let mut client = connect(gateway.address());
    client.write_all(POST).unwrap();
    assert!(read_until(&mut client, "\r\n\r\n").starts_with("HTTP/1.1 418 "));
    // The upstream had the headers, and hears that nothing follows.
    let mut server = upstream.accept();
    assert!(!read_all(&mut server).contains("abc"));
    wait_for("the stream is over", || gateway.streams() == 0);
}

#[test]
fn lr_7_an_answer_that_has_begun_is_broken_off() {
    let answers =
        r#"(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (call $teapot) (i32.const 1))"#;
    let upstream = Upstream::new();
    let (gateway, _) = upstream.gateway(&[module(answers)], Limits::default());
    let mut client = connect(gateway.address());
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut server = upstream.accept();
    read_until(&mut server, "\r\n\r\n");
    server.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n").unwrap();
    read_until(&mut client, "\r\n\r\n");
    server.write_all(b"abc").unwrap();
    assert_eq!(read_all(&mut client), "");
}

/// Says when a stream is over.
const SAYS: &str = r#"
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
    (func (export "proxy_on_log") (param i32) (call $say (i32.const 0) (i32.const 7)))
    (func (export "proxy_on_done") (param i32) (result i32) (call $say (i32.const 8) (i32.const 4)) (i32.const 1))"#;

#[test]
fn life_9_a_client_that_leaves_ends_its_stream() {
    for (sent, answered) in [
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".as_slice(), ""),
        (POST, ""),
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"),
    ] {
        let upstream = Upstream::new();
        let (gateway, process) = upstream.gateway(&[module(SAYS)], Limits::default());
        let mut client = connect(gateway.address());
        client.write_all(sent).unwrap();
        let mut server = upstream.accept();
        read_until(&mut server, "\r\n\r\n");
        server.write_all(answered.as_bytes()).unwrap();
        if !answered.is_empty() {
            read_until(&mut client, "abc");
        }
        assert_eq!(gateway.streams(), 1);
        drop(client);
        wait_for("the stream is over", || gateway.streams() == 0);
        let said = process.log_lines().into_iter().filter(|line| line.from != " gateway");
        assert_eq!(said.map(|line| line.message).collect::<Vec<_>>(), ["the log", "done"]);
        // The upstream hears it too.
        read_all(&mut server);
    }
}

/// Holds a request until its timer comes.
const WAITS: &str = r#"
    (func (export "proxy_on_configure") (param i32 i32) (result i32) (drop (call $tick (i32.const 50))) (i32.const 1))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (global.set $stream (local.get 0)) (i32.const 1))
    (func (export "proxy_on_tick") (param i32)
        (if (global.get $stream) (then
            (drop (call $of (global.get $stream)))
            (global.set $stream (i32.const 0))
            (drop (call $continue (i32.const 0))))))"#;

#[test]
fn tick_1_timers_run_in_real_time() {
    let echo = tamis_harness::gateway::Echo::start().unwrap();
    let process = std::sync::Arc::new(Process::live());
    let proxy = Proxy::load(&[module(WAITS)], process).unwrap();
    let gateway = Gateway::start(options(echo.address(), Limits::default()), proxy).unwrap();
    let answer = raw(gateway.address(), b"GET /held HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(echo.last().unwrap().get(":path").unwrap(), b"/held");
}
