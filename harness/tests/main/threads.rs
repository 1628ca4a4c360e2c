//! What lies beyond one message on one worker: threads, time, callouts, queues, reload, what a plugin may do.

mod grpc;
mod together;
mod versions;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tamis_harness::context::{Attributes, ClusterState, HeaderMap, Plugin, Process};
use tamis_harness::stream::{
    CalloutAnswer, Direction, FailurePolicy, FilterSpec, Frame, LoadedModule, Options, Out, Passed, Proxy, StreamKey,
    WireMessage,
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// A guest made of these parts, with the host's functions, an allocator, and texts by name: `$say_NAME` logs `NAME`.
fn module(words: &[&str], parts: &str) -> LoadedModule {
    let mut says = String::new();
    let mut at = 4096;
    for word in words {
        let size = word.len();
        let _ = write!(
            says,
            r#"(data (i32.const {at}) "{word}")
               (func $say_{word} (drop (call $log (i32.const 2) (i32.const {at}) (i32.const {size}))))"#
        );
        at += size;
    }
    let text = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
            (import "env" "proxy_done" (func $done (result i32)))
            (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
            (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
            (import "env" "proxy_get_status" (func $status (param i32 i32 i32) (result i32)))
            (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
            (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
            (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
            (import "env" "proxy_http_call"
                (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_call"
                (func $grpc_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_stream" (func $grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_send" (func $grpc_send (param i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_grpc_close" (func $grpc_close (param i32) (result i32)))
            (import "env" "proxy_grpc_cancel" (func $grpc_cancel (param i32) (result i32)))
            (import "env" "proxy_set_buffer_bytes" (func $write (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_get_shared_data" (func $load (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_set_shared_data" (func $store (param i32 i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (global $free (mut i32) (i32.const 8192))
            (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
                (global.get $free)
                (global.set $free (i32.add (global.get $free) (local.get $size))))
            (func $check (param $status i32) (param $expected i32)
                (if (i32.ne (local.get $status) (local.get $expected)) (then (unreachable))))
            {says}
            {parts}
        )"#
    );
    LoadedModule::new(&wat::parse_str(text).unwrap()).unwrap()
}

fn spec(module: &LoadedModule, plugin: Plugin) -> FilterSpec {
    FilterSpec { module: module.clone(), plugin, failure_policy: FailurePolicy::Closed }
}

fn named(configuration: &str) -> Plugin {
    Plugin { name: "p".to_owned(), configuration: configuration.into(), ..Plugin::default() }
}

fn process() -> Arc<Process> {
    let process = Process::deterministic(1);
    process.add_cluster("up", ClusterState::Up);
    process.add_cluster("no", ClusterState::Refusing);
    Arc::new(process)
}

fn load(module: &LoadedModule, workers: usize) -> Proxy {
    let options = Options { workers, ..Options::default() };
    Proxy::load_with(&[spec(module, named("{}"))], process(), options).unwrap()
}

fn headers() -> HeaderMap {
    [(":method", "GET"), (":path", "/"), (":authority", "a")].into_iter().collect()
}

fn open(proxy: &mut Proxy) -> StreamKey {
    proxy.open_on(0, Attributes::default())
}

fn get(proxy: &mut Proxy) -> StreamKey {
    let stream = open(proxy);
    proxy.send(stream, Direction::Request, Frame::Headers(headers()), true);
    stream
}

/// What was said since the last time, joined.
fn said(proxy: &Proxy, mark: &mut usize) -> String {
    let lines = proxy.process().log_since(*mark);
    *mark = proxy.process().log_written();
    lines.iter().map(|line| line.message.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn life_4_a_plugin_starts_in_the_canary_on_the_main_thread_and_on_every_worker() {
    let module = module(
        &["start", "configure"],
        r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (call $say_start) (i32.const 1))
           (func (export "proxy_on_configure") (param i32 i32) (result i32) (call $say_configure) (i32.const 1))"#,
    );
    for workers in [1, 3] {
        let proxy = load(&module, workers);
        assert_eq!(said(&proxy, &mut 0), ["start configure"; 5][..workers + 2].join(" "));
    }
}

#[test]
fn tick_1_timers_are_armed_anew_after_they_ran_and_run_on_every_thread() {
    let module = module(
        &["tick", "stop"],
        r#"(global $count (mut i32) (i32.const 0))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
               (call $check (call $tick (i32.const 100)) (i32.const 0)) (i32.const 1))
           (func (export "proxy_on_tick") (param i32)
               (call $say_tick)
               (global.set $count (i32.add (global.get $count) (i32.const 1)))
               (if (i32.eq (global.get $count) (i32.const 3))
                   (then (call $say_stop) (drop (call $tick (i32.const 0))))))"#,
    );
    let mut proxy = load(&module, 1);
    let mut mark = 0;
    proxy.advance(99 * MILLISECOND);
    assert_eq!(said(&proxy, &mut mark), "");
    // Tick 2: the main thread and the worker.
    proxy.advance(MILLISECOND);
    assert_eq!(said(&proxy, &mut mark), "tick tick");
    proxy.advance(150 * MILLISECOND);
    assert_eq!(said(&proxy, &mut mark), "tick tick");
    proxy.advance(1000 * MILLISECOND);
    assert_eq!(said(&proxy, &mut mark), "tick stop tick stop");
}

/// A wire form at 64 for the headers of a callout; their size is [`CALL_SIZE`].
fn call_headers() -> (String, usize) {
    let pairs = [(":method", "GET"), (":path", "/auth"), (":authority", "up")];
    let mut wire = (pairs.len() as u32).to_le_bytes().to_vec();
    for (name, value) in pairs {
        wire.extend((name.len() as u32).to_le_bytes());
        wire.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in pairs {
        wire.extend(name.bytes().chain([0]).chain(value.bytes()).chain([0]));
    }
    let data = wire.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    });
    (data, wire.len())
}

/// Asks `up` about every request, holds it meanwhile, and lets it go when the answer is a 200; otherwise says which.
fn asking(timeout: u32) -> LoadedModule {
    let (data, size) = call_headers();
    module(
        &["asked", "yes", "no", "reset"],
        &format!(
            r#"(data (i32.const 0) "up") (data (i32.const 8) ":status") (data (i32.const 64) "{data}")
            (global $stream (mut i32) (i32.const 0))
            (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
                (global.set $stream (local.get $id))
                (call $check
                    (call $call (i32.const 0) (i32.const 2) (i32.const 64) (i32.const {size}) (i32.const 0) (i32.const 0)
                                (i32.const 0) (i32.const 0) (i32.const {timeout}) (i32.const 2048))
                    (i32.const 0))
                (call $check (i32.load (i32.const 2048)) (i32.const 4))
                (call $say_asked)
                (i32.const 1))
            (func (export "proxy_on_http_call_response") (param $root i32) (param $token i32) (param $headers i32) (param i32 i32)
                (call $check (local.get $token) (i32.const 4))
                (if (i32.eqz (local.get $headers)) (then
                    (call $check (call $header (i32.const 6) (i32.const 8) (i32.const 7) (i32.const 16) (i32.const 20)) (i32.const 2))
                    (call $check (call $status (i32.const 16) (i32.const 20) (i32.const 24)) (i32.const 0))
                    (call $check (i32.load (i32.const 16)) (i32.const 11))
                    (call $say_reset))
                (else
                    (call $check (call $header (i32.const 6) (i32.const 8) (i32.const 7) (i32.const 16) (i32.const 20)) (i32.const 0))
                    (if (i32.eq (i32.load8_u (i32.load (i32.const 16))) (i32.const 0x32))
                        (then (call $say_yes)) (else (call $say_no)))))
                (call $check (call $effective (global.get $stream)) (i32.const 0))
                (call $check (call $continue (i32.const 0)) (i32.const 0)))"#
        ),
    )
}

#[test]
fn hc_7_an_answer_comes_to_the_root_context_and_lets_the_stream_go() {
    let mut proxy = load(&asking(1000), 1);
    let mut mark = 0;
    let stream = get(&mut proxy);
    assert_eq!(proxy.take_out(stream), []);
    let callouts = proxy.take_callouts();
    assert_eq!(callouts.len(), 1);
    assert_eq!(callouts[0].cluster, "up");
    assert_eq!(callouts[0].request.headers.get(b":path"), Some(b"/auth".as_slice()));
    assert_eq!(proxy.take_callouts(), [], "each is shown once");
    let ok = WireMessage::new([(":status", "200")].into_iter().collect(), b"fine".to_vec());
    assert!(proxy.answer(callouts[0].id, CalloutAnswer::Response(ok.clone())));
    assert_eq!(proxy.take_out(stream), [Out::Request(Frame::Headers(headers()), true)]);
    assert_eq!(said(&proxy, &mut mark), "asked yes");
    assert!(!proxy.answer(callouts[0].id, CalloutAnswer::Response(ok)), "nobody waits any more");
}

#[test]
fn hc_5_a_timeout_is_a_504_and_no_connection_a_503() {
    let mut proxy = load(&asking(1000), 1);
    let mut mark = 0;
    let stream = get(&mut proxy);
    proxy.advance(999 * MILLISECOND);
    assert_eq!(said(&proxy, &mut mark), "asked");
    proxy.advance(MILLISECOND);
    assert_eq!(said(&proxy, &mut mark), "no");
    assert_eq!(proxy.take_out(stream).len(), 1);
    let mut proxy = load(&asking(1000), 1);
    get(&mut proxy);
    let callout = proxy.take_callouts().remove(0);
    proxy.answer(callout.id, CalloutAnswer::Unreachable);
    assert_eq!(said(&proxy, &mut 0), "asked no");
}

#[test]
fn hc_6_a_reset_is_a_callback_without_headers_and_status_11() {
    let mut proxy = load(&asking(0), 1);
    let stream = get(&mut proxy);
    // Zero is no timeout (rule HC-1).
    proxy.advance(Duration::from_secs(3600));
    let callout = proxy.take_callouts().remove(0);
    assert_eq!(callout.timeout, None);
    proxy.answer(callout.id, CalloutAnswer::Reset);
    assert_eq!(said(&proxy, &mut 0), "asked reset");
    assert_eq!(proxy.take_out(stream).len(), 1);
}

#[test]
fn hc_7_a_late_answer_after_the_stream_is_gone_finds_nobody() {
    let mut proxy = load(&asking(0), 1);
    let stream = get(&mut proxy);
    let callout = proxy.take_callouts().remove(0);
    proxy.close(stream);
    let ok = WireMessage::new([(":status", "200")].into_iter().collect(), Vec::new());
    // The handler's check of the effective context traps: there is no such stream (rules HC-7, LIFE-13).
    assert!(proxy.answer(callout.id, CalloutAnswer::Response(ok)));
    assert!(said(&proxy, &mut 0).starts_with("asked yes Function: proxy_on_http_call_response failed"));
}

#[test]
fn hc_1_bad_arguments_are_refused_in_order() {
    let (data, size) = call_headers();
    let call = |cluster: u32, cluster_size: u32, headers: usize, timeout: i32, expected: u32| {
        format!(
            "(call $check
                (call $call (i32.const {cluster}) (i32.const {cluster_size}) (i32.const 64) (i32.const {headers})
                    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const {timeout}) (i32.const 2048))
                (i32.const {expected}))"
        )
    };
    let calls = [
        call(0, 2, size, -1, 2),
        call(4, 2, size, 1, 2),
        call(0, 2, 0, 1, 2),
        call(0, 2, size - 1, 1, 2),
        call(0, 2, size, 1, 0),
        // No handle: status 10, and the token is used up (rules HC-3, HC-4).
        call(2, 2, size, 1, 10),
        call(0, 2, size, 1, 0),
        "(call $check (i32.load (i32.const 2048)) (i32.const 12))".to_owned(),
    ];
    let module = module(
        &["end"],
        &format!(
            r#"(data (i32.const 0) "upnoxx") (data (i32.const 64) "{data}")
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {} (call $say_end) (i32.const 0))"#,
            calls.join("\n")
        ),
    );
    let mut proxy = load(&module, 1);
    get(&mut proxy);
    assert_eq!(said(&proxy, &mut 0), "end");
    assert_eq!(proxy.take_callouts().len(), 2);
}

#[test]
fn sq_1_and_3_the_last_who_registers_is_told_once_for_every_value() {
    let module = module(
        &["ready"],
        r#"(data (i32.const 0) "q")
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
               (call $check (call $register (i32.const 0) (i32.const 1) (i32.const 16)) (i32.const 0)) (i32.const 1))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (call $check (call $enqueue (i32.load (i32.const 16)) (i32.const 0) (i32.const 1)) (i32.const 0))
               (call $check (call $enqueue (i32.load (i32.const 16)) (i32.const 0) (i32.const 1)) (i32.const 0))
               (call $check (call $enqueue (i32.const 99) (i32.const 0) (i32.const 1)) (i32.const 1))
               (i32.const 0))
           (func (export "proxy_on_queue_ready") (param $root i32) (param $token i32)
               (call $say_ready)
               (call $check (call $dequeue (local.get $token) (i32.const 24) (i32.const 28)) (i32.const 0)))"#,
    );
    let mut proxy = load(&module, 2);
    get(&mut proxy);
    assert_eq!(said(&proxy, &mut 0), "ready ready");
}

#[test]
fn life_11_a_plugin_that_is_replaced_is_done_and_deleted_when_its_streams_are() {
    let module = module(
        &["done", "delete", "log"],
        r#"(func (export "proxy_on_done") (param i32) (result i32) (call $say_done) (i32.const 1))
           (func (export "proxy_on_delete") (param i32) (call $say_delete))
           (func (export "proxy_on_log") (param i32) (call $say_log))"#,
    );
    let mut proxy = load(&module, 1);
    let stream = get(&mut proxy);
    let mut mark = 0;
    proxy.reload(&[spec(&module, named(r#"{"new": 1}"#))]).unwrap();
    // On the main thread nothing needs the old plugin; the worker's stream does.
    assert_eq!(said(&proxy, &mut mark), "done delete");
    proxy.close(stream);
    assert_eq!(said(&proxy, &mut mark), "log done delete done delete");
    proxy.reload(&[spec(&module, named(r#"{"new": 1}"#))]).unwrap();
    assert_eq!(said(&proxy, &mut mark), "", "the same configuration keeps its plugin");
}

#[test]
fn cap_1_what_is_not_allowed_fails_and_says_so() {
    let module = module(
        &["hi"],
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
               (call $check (call $tick (i32.const 1)) (i32.const 10))
               (call $check (call $sizes (i32.const 16) (i32.const 20)) (i32.const 76))
               (call $say_hi)
               (i32.const 1))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (unreachable))"#,
    );
    let allowed = ["proxy_log", "proxy_on_configure", "proxy_on_context_create"].map(str::to_owned).to_vec();
    let plugin = Plugin { allowed_capabilities: allowed, ..named("") };
    let mut proxy = Proxy::load(&[spec(&module, plugin)], process()).unwrap();
    let lines = said(&proxy, &mut 0);
    assert!(lines.contains("Attempted call to restricted proxy-wasm capability: environ_sizes_get"), "{lines}");
    assert!(lines.ends_with("hi"), "{lines}");
    let stream = get(&mut proxy);
    assert_eq!(proxy.take_out(stream).len(), 1, "a callback that is not allowed is not called");
}

#[test]
fn wasi_5_the_environment_is_what_was_configured() {
    let module = module(
        &["end"],
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
               (call $check (call $sizes (i32.const 16) (i32.const 20)) (i32.const 0))
               (call $check (i32.load (i32.const 16)) (i32.const 2))
               (call $check (i32.load (i32.const 20)) (i32.const 10))
               (call $check (call $environ (i32.const 32) (i32.const 64)) (i32.const 0))
               (call $check (i32.load (i32.const 36)) (i32.const 68))
               (call $check (i32.load (i32.const 68)) (i32.const 0x78353d42))
               (call $say_end)
               (i32.const 1))"#,
    );
    let environment = vec![("A".to_owned(), "1".to_owned()), ("B".to_owned(), "5xy".to_owned())];
    let plugin = Plugin { environment, ..named("") };
    let proxy = Proxy::load(&[spec(&module, plugin)], process()).unwrap();
    assert_eq!(said(&proxy, &mut 0), "end end end");
}

#[test]
fn abi_0_1_0_headers_come_without_the_end_of_the_message() {
    let text = r#"(module
        (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "headers")
        (func (export "malloc") (param i32) (result i32) (i32.const 1024))
        (func (export "proxy_abi_version_0_1_0"))
        (func (export "proxy_on_request_headers") (param i32 i32) (result i32)
            (call $log (i32.const 2) (i32.const 0) (i32.const 7))))"#;
    let mut proxy = load(&LoadedModule::new(&wat::parse_str(text).unwrap()).unwrap(), 1);
    let stream = get(&mut proxy);
    assert_eq!(said(&proxy, &mut 0), "headers");
    assert_eq!(proxy.take_out(stream).len(), 1);
}

#[test]
fn body_3_with_the_flag_a_pause_at_the_headers_holds_only_them() {
    let module = module(
        &["headers", "body"],
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $say_headers) (i32.const 1))
           (func (export "proxy_on_request_body") (param i32 i32) (param $end i32) (result i32)
               (call $say_body)
               (i32.eqz (local.get $end)))"#,
    );
    let plugin = Plugin { allow_on_headers_stop_iteration: true, ..named("") };
    let mut proxy = Proxy::load(&[spec(&module, plugin)], process()).unwrap();
    let stream = open(&mut proxy);
    let mut mark = 0;
    proxy.send(stream, Direction::Request, Frame::Headers(headers()), false);
    proxy.send(stream, Direction::Request, Frame::Data(b"one".to_vec()), false);
    assert_eq!(proxy.take_out(stream), []);
    proxy.send(stream, Direction::Request, Frame::Data(b"two".to_vec()), true);
    assert_eq!(said(&proxy, &mut mark), "headers body body");
    assert_eq!(
        proxy.take_out(stream),
        [Out::Request(Frame::Headers(headers()), false), Out::Request(Frame::Data(b"onetwo".to_vec()), true)]
    );
    // Without the flag no body comes while the headers are held (rule BODY-1).
    let mut proxy = load(&module, 1);
    let stream = open(&mut proxy);
    proxy.send(stream, Direction::Request, Frame::Headers(headers()), false);
    proxy.send(stream, Direction::Request, Frame::Data(b"one".to_vec()), true);
    assert_eq!(said(&proxy, &mut 0), "headers");
}

#[test]
fn hdr_12_a_write_at_the_end_of_a_body_makes_trailers() {
    let module = module(
        &["more"],
        r#"(data (i32.const 0) "x-t") (data (i32.const 4) "v")
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (call $check (call $add (i32.const 1) (i32.const 0) (i32.const 3) (i32.const 4) (i32.const 1)) (i32.const 2))
               (i32.const 0))
           (func (export "proxy_on_request_body") (param i32 i32) (param $end i32) (result i32)
               (if (local.get $end)
                   (then (call $check (call $add (i32.const 1) (i32.const 0) (i32.const 3) (i32.const 4) (i32.const 1)) (i32.const 0)))
                   (else (call $say_more)))
               (i32.const 0))"#,
    );
    let mut proxy = load(&module, 1);
    let stream = open(&mut proxy);
    proxy.send(stream, Direction::Request, Frame::Headers(headers()), false);
    proxy.send(stream, Direction::Request, Frame::Data(b"1".to_vec()), false);
    proxy.send(stream, Direction::Request, Frame::Data(b"2".to_vec()), true);
    let trailers = [("x-t", "v")].into_iter().collect();
    assert_eq!(
        proxy.take_out(stream),
        [
            Out::Request(Frame::Headers(headers()), false),
            Out::Request(Frame::Data(b"1".to_vec()), false),
            Out::Request(Frame::Data(b"2".to_vec()), false),
            Out::Request(Frame::Trailers(trailers), true),
        ]
    );
}

#[test]
fn fail_7_a_vm_is_loaded_anew_after_the_back_off() {
    let module = module(
        &["start"],
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) (call $say_start) (i32.const 1))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (unreachable))
           (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#,
    );
    let filter = FilterSpec { failure_policy: FailurePolicy::Reload, ..spec(&module, named("")) };
    let mut proxy = Proxy::load(&[filter], process()).unwrap();
    let mut mark = 0;
    let status = |proxy: &mut Proxy| {
        let mut stream = proxy.open(Attributes::default());
        let passed = stream.request(WireMessage::new(headers(), Vec::new()));
        stream.close();
        match passed {
            Passed::Replied(message) => String::from_utf8_lossy(message.headers.get(b":status").unwrap()).into_owned(),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(status(&mut proxy), "503");
    assert_eq!(status(&mut proxy), "503");
    assert_eq!(said(&proxy, &mut mark).matches("start").count(), 3);
    proxy.advance(1000 * MILLISECOND);
    assert_eq!(status(&mut proxy), "503");
    let lines = said(&proxy, &mut mark);
    assert!(lines.starts_with("start Function: proxy_on_request_headers failed"), "{lines}");
}

#[test]
fn streams_of_one_worker_are_under_way_together() {
    let module =
        module(&["x"], r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#);
    let mut proxy = load(&module, 2);
    let streams = [0, 1, 0].map(|worker| proxy.open_on(worker, Attributes::default()));
    for stream in streams {
        proxy.send(stream, Direction::Request, Frame::Headers(headers()), true);
    }
    for stream in streams.into_iter().rev() {
        let response = [(":status", "204")].into_iter().collect();
        proxy.send(stream, Direction::Response, Frame::Headers(response), true);
        assert_eq!(proxy.take_out(stream).len(), 2);
        assert!(proxy.close(stream).vm_entries > 0);
    }
}

/// Stores a value under a key when it starts, and says whether there was one; counts requests.
fn remembering() -> LoadedModule {
    module(
        &["new", "old", "first", "next"],
        r#"(data (i32.const 0) "k")
           (global $count (mut i32) (i32.const 0))
           (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
               (if (call $load (i32.const 0) (i32.const 1) (i32.const 16) (i32.const 20) (i32.const 24))
                   (then (call $say_new)) (else (call $say_old)))
               (call $check (call $store (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0)) (i32.const 0))
               (call $check (call $register (i32.const 0) (i32.const 1) (i32.const 32)) (i32.const 0))
               (i32.const 1))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (if (global.get $count) (then (call $say_next)) (else (call $say_first)))
               (global.set $count (i32.const 1)) (i32.const 0))"#,
    )
}

#[test]
fn sd_3_what_a_vm_id_has_stored_goes_with_its_last_vm() {
    let with = |vm_id: &str| Plugin { vm_id: vm_id.to_owned(), ..named("{}") };
    let (module, process) = (remembering(), process());
    let mut proxy = Proxy::load(&[spec(&module, with("one"))], process.clone()).unwrap();
    let mut mark = 0;
    // The canary's value is there for the threads: the configuration keeps what its VM id has stored.
    assert_eq!(said(&proxy, &mut mark), "new old old");
    assert_eq!(process.shared_data("one", b"k"), Some(b"k".to_vec()));
    // A stream keeps its VM, and the VM keeps what is stored, while the chain is another.
    let (stream, other) = (get(&mut proxy), get(&mut proxy));
    proxy.close(other);
    assert_eq!(said(&proxy, &mut mark), "first next");
    proxy.reload(&[spec(&module, with("two"))]).unwrap();
    assert_eq!(said(&proxy, &mut mark), "new old old");
    assert_eq!((proxy.vm_count(), process.shared_data("one", b"k").is_some()), (1, true));
    proxy.close(stream);
    assert_eq!(process.shared_data("one", b"k"), None);
    // Who comes back starts afresh, its globals too.
    proxy.reload(&[spec(&module, with("one"))]).unwrap();
    assert_eq!(said(&proxy, &mut mark), "new old old");
    get(&mut proxy);
    assert_eq!(said(&proxy, &mut mark), "first");
    drop(proxy);
    assert_eq!(process.shared_data("one", b"k"), None);
}
