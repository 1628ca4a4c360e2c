//! Guests that misbehave: each gets what Envoy gives it, or is stopped, and its host goes on.

mod hostile;

use std::sync::Arc;

use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::stream::{FailurePolicy, FilterSpec, LoadError, LoadedModule, Passed, Proxy, WireMessage};

/// A module with one page of memory, an allocator that always answers 1024, and these parts; `check` traps unless a status
/// is the expected one.
fn guest(parts: &str) -> LoadedModule {
    let text = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
            (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_set_shared_data" (func $share (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "x-a")
            (func (export "proxy_abi_version_0_2_1"))
            (func $check (param $status i32) (param $expected i32)
                (if (i32.ne (local.get $status) (local.get $expected)) (then (unreachable))))
            {parts}
        )"#
    );
    LoadedModule::new(&wat::parse_str(text).unwrap()).unwrap()
}

const ALLOCATOR: &str = r#"(func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))"#;

fn on_request(body: &str) -> String {
    format!(
        r#"{ALLOCATOR}
        (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32) {body} (i32.const 0))"#
    )
}

fn load(module: LoadedModule, failure_policy: FailurePolicy) -> Result<Proxy, LoadError> {
    let filter = FilterSpec { module, plugin: Plugin { name: "g".to_owned(), ..Plugin::default() }, failure_policy };
    Proxy::load(&[filter], Arc::new(Process::deterministic(1)))
}

fn request(proxy: &mut Proxy) -> Passed {
    let headers: HeaderMap = [(":method", "GET"), (":path", "/"), (":authority", "a")].into_iter().collect();
    let mut stream = proxy.open(Attributes::default());
    let passed = stream.request(WireMessage::new(headers, Vec::new()));
    stream.close();
    passed
}

fn status(passed: &Passed) -> String {
    match passed {
        Passed::On(_) => "on".to_owned(),
        Passed::Replied(message) => String::from_utf8_lossy(message.headers.get(b":status").unwrap()).into_owned(),
        other => format!("{other:?}"),
    }
}

/// Runs one request through a guest; what the client got, and the log.
fn run(parts: &str) -> (String, String) {
    let mut proxy = load(guest(parts), FailurePolicy::Closed).unwrap();
    let passed = status(&request(&mut proxy));
    let log = proxy.process().log_lines().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    (passed, log)
}

#[test]
fn mem_1_pointers_outside_of_memory_are_status_6() {
    let (passed, log) = run(&on_request(
        "(call $check (call $log (i32.const 2) (i32.const 65535) (i32.const 2)) (i32.const 6))
         (call $check (call $log (i32.const 2) (i32.const -1) (i32.const -1)) (i32.const 6))
         (call $check (call $add (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 65536) (i32.const 1)) (i32.const 6))
         (call $check (call $pairs (i32.const 0) (i32.const 65534) (i32.const 0)) (i32.const 6))
         (call $check (call $log (i32.const 6) (i32.const 0) (i32.const 3)) (i32.const 2))",
    ));
    assert_eq!(passed, "on", "{log}");
}

#[test]
fn mem_2_an_allocator_that_answers_null_is_status_6() {
    let parts = on_request("(call $check (call $pairs (i32.const 0) (i32.const 8) (i32.const 12)) (i32.const 6))");
    assert_eq!(run(&parts.replace("i32.const 1024", "i32.const 0")).0, "on");
}

#[test]
fn mem_3_an_allocator_may_log_and_nothing_else() {
    let parts = on_request("(call $check (call $pairs (i32.const 0) (i32.const 8) (i32.const 12)) (i32.const 0))");
    let logging = "(drop (call $log (i32.const 2) (i32.const 0) (i32.const 3))) (i32.const 1024)";
    let (passed, log) = run(&parts.replace("(i32.const 1024)", logging));
    assert_eq!((passed.as_str(), log.as_str()), ("on", "[info] wasm log g: x-a"));
    let ticking = "(drop (call $tick (i32.const 1))) (i32.const 1024)";
    let (passed, log) = run(&parts.replace("(i32.const 1024)", ticking));
    assert_eq!(passed, "503");
    assert!(log.contains("restricted_callback: proxy_set_tick_period_milliseconds"), "{log}");
}

#[test]
fn mem_7_a_start_function_may_not_use_the_proxy() {
    let parts = format!(r#"{ALLOCATOR} (func (export "_initialize") (drop (call $tick (i32.const 1))))"#);
    let error = load(guest(&parts), FailurePolicy::Closed).unwrap_err().to_string();
    assert!(error.contains("restricted_callback: proxy_set_tick_period_milliseconds"), "{error}");
    let parts = format!(
        r#"{ALLOCATOR} (func (export "_initialize") (drop (call $log (i32.const 2) (i32.const 0) (i32.const 3))))"#
    );
    load(guest(&parts), FailurePolicy::Closed).unwrap();
}

#[test]
fn mem_8_memory_ends_at_a_gibibyte() {
    let grow = |pages: u32| format!("(call $check (memory.grow (i32.const {pages})) (i32.const 1))");
    assert_eq!(run(&on_request(&grow(16_383))).0, "on");
    assert_eq!(run(&on_request(&grow(16_384).replace("(i32.const 1))", "(i32.const -1))"))).0, "on");
}

#[test]
fn fail_1_a_trap_fails_the_vm_for_all_streams() {
    let mut proxy = load(guest(&on_request("(unreachable)")), FailurePolicy::Closed).unwrap();
    assert_eq!(status(&request(&mut proxy)), "503");
    assert_eq!(status(&request(&mut proxy)), "503");
    let log = proxy.process().log_lines();
    assert_eq!(log.len(), 1, "the second stream does not enter the VM: {log:?}");
    assert!(log[0].message.starts_with("Function: proxy_on_request_headers failed: "), "{log:?}");
}

#[test]
fn fail_5_open_is_for_new_streams_only() {
    let mut proxy = load(guest(&on_request("(unreachable)")), FailurePolicy::Open).unwrap();
    assert_eq!(status(&request(&mut proxy)), "503");
    assert_eq!(status(&request(&mut proxy)), "on");
}

#[test]
fn an_endless_loop_is_stopped_and_named() {
    let (passed, log) = run(&on_request("(loop $for_ever (br $for_ever))"));
    assert_eq!(passed, "503");
    assert!(log.contains("proxy_on_request_headers failed: it ran for more than"), "{log}");
}

#[test]
fn endless_recursion_is_a_trap() {
    let parts = format!("(func $deeper (call $deeper)) {}", on_request("(call $deeper)"));
    let (passed, log) = run(&parts);
    assert_eq!(passed, "503");
    assert!(log.contains("call stack exhausted"), "{log}");
}

#[test]
fn what_a_guest_hands_over_in_one_callback_is_bounded() {
    // A header of 64 KiB, again and again.
    let (passed, log) = run(&on_request(
        "(loop $more
            (drop (call $add (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 65536)))
            (br $more))",
    ));
    assert_eq!(passed, "503");
    assert!(log.contains("passed more than"), "{log}");
}

#[test]
fn host_calls_without_bytes_are_bounded_too() {
    let (passed, log) = run(&on_request("(loop $more (drop (call $tick (i32.const 0))) (br $more))"));
    assert_eq!(passed, "503");
    assert!(log.contains("passed more than"), "{log}");
}

#[test]
fn what_guests_keep_in_shared_data_is_bounded() {
    // Keys are the bytes at 16; the loop counts them up until the host refuses.
    let parts = on_request(
        "(local $status i32)
         (loop $more
            (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1)))
            (local.set $status
                (call $share (i32.const 16) (i32.const 4) (i32.const 0) (i32.const 65536) (i32.const 0)))
            (br_if $more (i32.eqz (local.get $status))))
         (call $check (local.get $status) (i32.const 10))",
    );
    assert_eq!(run(&parts).0, "on");
}

#[test]
fn wasi_1_naming_the_same_bytes_for_ever_is_an_error() {
    // 1,024 vectors at 2048, each all of the memory.
    let parts = on_request(
        "(local $i i32)
         (loop $more
            (i32.store (i32.add (i32.const 2052) (i32.mul (local.get $i) (i32.const 8))) (i32.const 65536))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 1024))))
         (call $check (call $write (i32.const 1) (i32.const 2048) (i32.const 1024) (i32.const 12)) (i32.const 21))",
    );
    assert_eq!(run(&parts).0, "on");
}
