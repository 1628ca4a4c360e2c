//! A chain that is changed while it runs, connections that are used again, filters that ask others.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tamis_harness::context::Process;
use tamis_harness::gateway::{Echo, Gateway, GatewayOptions, Limits, Upstream, send_blocking};
use tamis_harness::stream::{FilterSpec, LoadedModule, Options, Proxy};

use super::{EDITS, Setting, connect, filter, gateway, get, raw, read_all, read_until, transformation};

fn named(name: &str) -> FilterSpec {
    let [mut filter] = transformation();
    filter.plugin.configuration = EDITS.replace("tamis", name).into_bytes();
    filter
}

#[test]
fn life_11_streams_end_on_the_chain_that_they_began_with() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (gateway, _) = gateway(&transformation(), listener.local_addr().unwrap(), Limits::default());
    let mut old = connect(gateway.address());
    old.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let (mut slow, _) = listener.accept().unwrap();
    read_until(&mut slow, "\r\n\r\n");
    gateway.reload(vec![named("new")]).unwrap();

    let mut new = connect(gateway.address());
    new.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let (mut quick, _) = listener.accept().unwrap();
    read_until(&mut quick, "\r\n\r\n");
    for (server, client, by) in [(&mut quick, &mut new, "x-by: new"), (&mut slow, &mut old, "x-by: tamis")] {
        server.write_all(b"HTTP/1.1 204 None\r\n\r\n").unwrap();
        let answer = read_all(client);
        assert!(answer.contains(by), "{answer}");
    }
}

#[test]
fn a_chain_that_is_refused_changes_nothing() {
    let setting = Setting::transformation();
    let [mut wrong] = transformation();
    wrong.plugin.configuration = br#"{"rules": 1}"#.to_vec();
    let error = setting.gateway.reload(vec![wrong]).unwrap_err();
    assert!(error.to_string().contains("rejects its configuration"), "{error}");
    assert_eq!(send_blocking(setting.address(), &get("/")).unwrap().get("x-by").unwrap(), b"tamis");
    setting.gateway.reload(vec![named("new")]).unwrap();
    assert_eq!(send_blocking(setting.address(), &get("/")).unwrap().get("x-by").unwrap(), b"new");
}

/// An upstream that counts its connections, and answers so many requests on each before it closes it without a word.
fn counting(requests: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let connections = count.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            connections.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                for _ in 0..requests {
                    if connection.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {
                        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                    }
                }
            });
        }
    });
    (address, count)
}

#[test]
fn connections_to_the_upstream_are_used_again() {
    for (requests, expected) in [(usize::MAX, 1), (2, 3)] {
        let (upstream, count) = counting(requests);
        let (gateway, _) = gateway(&transformation(), upstream, Limits::default());
        for _ in 0..6 {
            assert_eq!(send_blocking(gateway.address(), &get("/")).unwrap().body, b"ok");
            // The end of a connection has to arrive before the next request, or it would be the upstream's failure.
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(count.load(Ordering::SeqCst), expected);
    }
}

/// Asks the cluster `auth` for every request, and tells the upstream in `x-auth` what status came.
const ASKS: &str = r#"(module
    (import "env" "proxy_http_call"
        (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $of (param i32) (result i32)))
    (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "auth")
    (data (i32.const 16) "\03\00\00\00\05\00\00\00\06\00\00\00\07\00\00\00\04\00\00\00\0a\00\00\00\03\00\00\00")
    (data (i32.const 44) ":path\00/check\00:method\00POST\00:authority\00who\00")
    (data (i32.const 112) "body")
    (data (i32.const 128) ":status")
    (data (i32.const 144) "x-auth")
    (data (i32.const 160) "none")
    (global $stream (mut i32) (i32.const 0))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (global.set $stream (local.get 0))
        (if (result i32)
            (call $call (i32.const 0) (i32.const 4) (i32.const 16) (i32.const 69) (i32.const 112) (i32.const 4)
                (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 256))
            (then (drop (call $set (i32.const 0) (i32.const 144) (i32.const 6) (i32.const 160) (i32.const 4))) (i32.const 0))
            (else (i32.const 1))))
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
        (drop (call $get (i32.const 6) (i32.const 128) (i32.const 7) (i32.const 260) (i32.const 264)))
        (drop (call $of (global.get $stream)))
        (drop (call $set (i32.const 0) (i32.const 144) (i32.const 6) (i32.load (i32.const 260)) (i32.load (i32.const 264))))
        (drop (call $continue (i32.const 0)))))"#;

#[test]
fn hc_7_a_filter_s_requests_are_sent() {
    let filter = filter("asks", LoadedModule::new(&wat::parse_str(ASKS).unwrap()).unwrap(), "");
    let asked = Echo::start().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let clusters = [
        (Some(asked.address()), "200"),
        (Some(nobody), "503"),
        // It accepts and says nothing.
        (Some(silent.local_addr().unwrap()), "504"),
        (None, "none"),
    ];
    for (cluster, expected) in clusters {
        let echo = Echo::start().unwrap();
        let clusters = cluster.map(|address| ("auth".to_owned(), Upstream::from(address))).into_iter().collect();
        let options = GatewayOptions { clusters, ..GatewayOptions::new(echo.address().into()) };
        let proxy = Proxy::load(std::slice::from_ref(&filter), Arc::new(Process::live())).unwrap();
        let gateway = Gateway::start(options, proxy).unwrap();
        assert_eq!(send_blocking(gateway.address(), &get("/items")).unwrap().get(":status").unwrap(), b"200");
        let upstream = echo.last().unwrap();
        assert_eq!(upstream.get(":path").unwrap(), b"/items");
        assert_eq!(upstream.get("x-auth").unwrap(), expected.as_bytes());
    }
    let seen = asked.last().unwrap();
    assert_eq!((seen.get(":method").unwrap(), seen.get(":path").unwrap()), (b"POST".as_slice(), b"/check".as_slice()));
    assert_eq!((seen.get(":authority").unwrap(), seen.body.as_slice()), (b"who".as_slice(), b"body".as_slice()));
}

/// Counts its streams and answers every one itself, with the count as the status.
const COUNTS: &str = r#"(module
    (import "env" "proxy_send_local_response"
        (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (global $count (mut i32) (i32.const 200))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (drop (call $answer (global.get $count) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const -1)))
        (i32.const 1)))"#;

#[test]
fn life_4_workers_have_a_vm_each_and_take_connections_in_turn() {
    let filter = filter("counts", LoadedModule::new(&wat::parse_str(COUNTS).unwrap()).unwrap(), "");
    for (workers, expected) in [(1, ["201", "202", "203", "204"]), (2, ["201", "201", "202", "202"])] {
        let options = Options { workers, ..Options::default() };
        let proxy =
            Proxy::load_with(std::slice::from_ref(&filter), Arc::new(Process::deterministic(1)), options).unwrap();
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        let gateway = Gateway::start(GatewayOptions::new(nobody.into()), proxy).unwrap();
        for expected in expected {
            let answer = raw(gateway.address(), b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{answer}");
        }
    }
}

/// Tells the client the upstream's address and the number of its connection.
const TELLS: &str = r#"(module
    (import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "upstream\00address")
    (data (i32.const 32) "x-upstream")
    (data (i32.const 64) "connection\00id")
    (data (i32.const 96) "x-number")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (drop (call $get (i32.const 0) (i32.const 16) (i32.const 256) (i32.const 260)))
        (drop (call $add (i32.const 2) (i32.const 32) (i32.const 10) (i32.load (i32.const 256)) (i32.load (i32.const 260))))
        (drop (call $get (i32.const 64) (i32.const 13) (i32.const 256) (i32.const 260)))
        ;; Eight bytes; a digit is made of the lowest.
        (i32.store8 (i32.const 264) (i32.add (i32.const 48) (i32.load8_u (i32.load (i32.const 256)))))
        (drop (call $add (i32.const 2) (i32.const 96) (i32.const 8) (i32.const 264) (i32.const 1)))
        (i32.const 0)))"#;

#[test]
fn prop_3_connections_have_numbers_and_the_upstream_an_address() {
    let filter = filter("tells", LoadedModule::new(&wat::parse_str(TELLS).unwrap()).unwrap(), "");
    let setting = Setting::with(&[filter], Limits::default());
    for number in [b"0", b"1"] {
        let answer = send_blocking(setting.address(), &get("/")).unwrap();
        assert_eq!(answer.get("x-upstream").unwrap(), setting.echo.address().to_string().as_bytes());
        assert_eq!(answer.get("x-number").unwrap(), number);
    }
}
