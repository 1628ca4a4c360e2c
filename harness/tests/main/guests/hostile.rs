//! Guests that want to take their host down.

use tamis_harness::stream::{FailurePolicy, LoadError, LoadedModule};
use tamis_module::post_link::{PostLink, post_link};

use super::{ALLOCATOR, guest, load, on_request, request, run, status};

/// A plugin around `parts`, without host functions.
fn bare(parts: &str) -> Result<LoadedModule, LoadError> {
    let text = format!(
        r#"(module {parts}
            (func (export "proxy_abi_version_0_2_1")))"#
    );
    LoadedModule::new(&wat::parse_str(text).unwrap())
}

/// Why a module is not loaded.
fn refusal(parts: &str) -> String {
    let loaded = bare(parts).and_then(|module| load(module, FailurePolicy::Closed));
    loaded.map(drop).unwrap_err().to_string()
}

#[test]
fn start_functions_that_misbehave_are_named() {
    let memory = r#"(memory (export "memory") 1)"#;
    let rows = [
        (r#"(func $f (loop $l (br $l))) (start $f)"#, "start failed: it ran for more than"),
        (r#"(func (export "_initialize") (loop $l (br $l)))"#, "_initialize failed: it ran for more than"),
        (r#"(func (export "_start") (unreachable))"#, "_start failed: "),
        (
            r#"(func (export "_initialize")) (func (export "main") (param i32 i32) (result i32) (unreachable))"#,
            "main failed: ",
        ),
        (r#"(func $f (call $f)) (start $f)"#, "call stack exhausted"),
    ];
    for (parts, expected) in rows {
        let refused = refusal(&format!("{memory} {ALLOCATOR} {parts}"));
        assert!(refused.contains(expected), "{parts}: {refused}");
    }
    // Without `_initialize`, nobody calls `main`; with it, nobody calls `_start`.
    let main = r#"(func (export "main") (param i32 i32) (result i32) (unreachable))"#;
    bare(&format!("{memory} {ALLOCATOR} {main}")).and_then(|module| load(module, FailurePolicy::Closed)).unwrap();
    let start = r#"(func (export "_initialize")) (func (export "_start") (unreachable))"#;
    bare(&format!("{memory} {ALLOCATOR} {start}")).and_then(|module| load(module, FailurePolicy::Closed)).unwrap();
}

#[test]
fn a_start_section_that_calls_the_host_before_there_is_a_memory_gets_an_error() {
    // The start section runs before the host has looked at the exports.
    let parts = format!(
        "{ALLOCATOR} (func $f (call $check (call $log (i32.const 2) (i32.const 0) (i32.const 3)) (i32.const 6))) (start $f)"
    );
    load(guest(&parts), FailurePolicy::Closed).unwrap();
}

#[test]
fn exports_of_the_wrong_kind_or_type_are_refused() {
    let memory = r#"(memory (export "memory") 1)"#;
    let rows = [
        (r#"(func (export "proxy_on_memory_allocate") (param i64) (result i32) (i32.const 0))"#, true),
        (r#"(func (export "malloc") (result i32) (i32.const 0))"#, true),
        (r#"(func (export "_initialize") (param i32))"#, true),
        (r#"(func (export "proxy_on_request_headers") (param i32) (result i32) (i32.const 0))"#, true),
        (r#"(func (export "proxy_on_log") (param f64))"#, true),
        // What is no function is not there for the host (rule ABI-4).
        (r#"(global (export "proxy_on_log") i32 (i32.const 0))"#, false),
    ];
    for (parts, refused) in rows {
        let allocator = if parts.contains("alloc") { "" } else { ALLOCATOR };
        let loaded = bare(&format!("{memory} {allocator} {parts}"));
        let loaded = loaded.and_then(|module| load(module, FailurePolicy::Closed));
        assert_eq!(loaded.is_err(), refused, "{parts}: {:?}", loaded.err().map(|error| error.to_string()));
    }
}

#[test]
fn huge_tables_and_memories_are_refused_before_they_are_made() {
    let plugin = |table: &str| format!(r#"(memory (export "memory") 1) {ALLOCATOR} {table}"#);
    for table in ["(table 4294967295 funcref)", "(table 9000000 funcref) (table 9000000 funcref)"] {
        let refused = refusal(&plugin(table));
        assert!(refused.contains("table"), "{table}: {refused}");
    }
    assert!(refusal(&format!(r#"(memory (export "memory") 65536) {ALLOCATOR}"#)).contains("memory"));
    // Growing them is answered with -1, and a table does not grow because it was asked often.
    let grow = "(local $i i32)
        (loop $more
            (drop (table.grow $t (ref.null func) (i32.const 1000)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 20000))))
        (call $check (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))";
    let (passed, log) = run(&format!("(table $t 0 funcref) {}", on_request(grow)));
    assert_eq!(passed, "on", "{log}");
}

#[test]
fn an_abort_after_memory_did_not_grow_says_so() {
    let (passed, log) =
        run(&on_request("(if (i32.eq (memory.grow (i32.const 16384)) (i32.const -1)) (then (unreachable)))"));
    assert_eq!(passed, "503");
    assert!(
        log.contains("proxy_on_request_headers failed: its memory could not grow beyond 1073741824 bytes"),
        "{log}"
    );
}

#[test]
fn thousands_of_functions_and_locals_are_only_many() {
    let functions = (0..5000).map(|i| {
        format!("(func $f{i} (param i32) (result i32) (local i64 f64) (i32.add (local.get 0) (i32.const {i})))")
    });
    let locals = format!("(func $wide (result i32) (local {}) (local.get 49998))", "i32 ".repeat(49_999));
    let parts = format!(
        "{} {locals} {}",
        functions.collect::<String>(),
        on_request(
            "(call $check (call $f4999 (i32.const 1)) (i32.const 5000)) (call $check (call $wide) (i32.const 0))"
        )
    );
    assert_eq!(run(&parts).0, "on");
}

#[test]
fn endless_recursion_with_large_frames_is_a_trap() {
    let locals = (0..500).map(|_| "i64 ").collect::<String>();
    let deeper = format!(
        "(func $deeper (param i64) (result i64) (local {locals})
            (local.set 7 (i64.add (local.get 0) (i64.const 1)))
            (i64.add (call $deeper (local.get 7)) (local.get 7)))"
    );
    let (passed, log) = run(&format!("{deeper} {}", on_request("(drop (call $deeper (i64.const 0)))")));
    assert_eq!(passed, "503");
    assert!(log.contains("call stack exhausted"), "{log}");
}

#[test]
fn an_allocator_that_calls_back_for_more_is_stopped() {
    // The allocator asks for the map again, for which it would be called again.
    let parts = r#"
        (func (export "proxy_on_memory_allocate") (param i32) (result i32)
            (drop (call $pairs (i32.const 0) (i32.const 8) (i32.const 12)))
            (i32.const 1024))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $pairs (i32.const 0) (i32.const 8) (i32.const 12)))"#;
    let (passed, log) = run(parts);
    assert_eq!(passed, "503");
    assert!(log.contains("restricted_callback: proxy_get_header_map_pairs"), "{log}");
}

#[test]
fn an_allocator_that_never_returns_or_dies_fails_the_callback_that_needed_it() {
    let asks = on_request("(drop (call $pairs (i32.const 0) (i32.const 8) (i32.const 12)))");
    for (allocator, expected) in [("(loop $l (br $l)) (i32.const 1024)", "it ran for more than"), ("(unreachable)", "")]
    {
        let (passed, log) = run(&asks.replace("(i32.const 1024)", allocator));
        assert_eq!(passed, "503");
        assert!(log.contains(&format!("proxy_on_request_headers failed: {expected}")), "{log}");
    }
    // Memory at the very end, past the end, and with a sum that leaves 32 bits.
    for (place, expected) in [("65532", "6"), ("65536", "6"), ("-1", "6"), ("-2147483648", "6")] {
        let asks = on_request(&format!(
            "(call $check (call $pairs (i32.const 0) (i32.const 8) (i32.const 12)) (i32.const {expected}))"
        ));
        let (passed, log) = run(&asks.replace("(i32.const 1024)", &format!("(i32.const {place})")));
        assert_eq!(passed, "on", "{place}: {log}");
    }
}

#[test]
fn a_trap_when_a_stream_ends_or_a_timer_runs_answers_nobody_and_fails_the_vm() {
    for (callback, shape) in [
        ("proxy_on_log", "(param i32)"),
        ("proxy_on_done", "(param i32) (result i32)"),
        ("proxy_on_delete", "(param i32)"),
    ] {
        let parts = format!(r#"{} (func (export "{callback}") {shape} (unreachable))"#, on_request(""));
        let mut proxy = load(guest(&parts), FailurePolicy::Closed).unwrap();
        // The stream had its answer before the trap; the next one meets a VM that has failed.
        assert_eq!([status(&request(&mut proxy)), status(&request(&mut proxy))], ["on", "503"], "{callback}");
        let log = proxy.process().log_lines().iter().map(ToString::to_string).collect::<String>();
        assert!(log.contains(&format!("Function: {callback} failed")), "{log}");
    }
    let ticks = format!(
        r#"{} (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
                (drop (call $tick (i32.const 10))) (i32.const 1))
            (func (export "proxy_on_tick") (param i32) (unreachable))"#,
        on_request("")
    );
    let mut proxy = load(guest(&ticks), FailurePolicy::Closed).unwrap();
    assert_eq!(status(&request(&mut proxy)), "on");
    proxy.advance(std::time::Duration::from_millis(25));
    assert_eq!(status(&request(&mut proxy)), "503");
    let died = proxy.process().log_lines().iter().filter(|line| line.message.contains("proxy_on_tick failed")).count();
    assert_eq!(died, 2, "the main thread's VM and the worker's, once each");
}

#[test]
fn a_trap_tells_functions_files_and_lines_where_the_debug_file_is_beside_the_module() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../module/tests/fixtures/panics.wasm");
    let linked = post_link(&std::fs::read(fixture).unwrap(), &PostLink::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let debug = folder.path().join("panics.debug.wasm");
    let trap = |module: &LoadedModule| {
        let mut proxy = load(module.clone(), FailurePolicy::Closed).unwrap();
        assert_eq!(status(&request(&mut proxy)), "503");
        let lines = proxy.process().log_lines();
        lines.iter().find(|line| line.message.starts_with("Function: ")).unwrap().message.clone()
    };
    let module = || LoadedModule::new(&linked.module).unwrap();
    let offsets = trap(&module());
    assert!(offsets.contains("<wasm function "), "{offsets}");
    // A file that is not there, and one of another build, change nothing.
    assert_eq!(trap(&module().with_debug_file(debug.clone())), offsets);
    std::fs::write(&debug, wat::parse_str("(module (func $other unreachable))").unwrap()).unwrap();
    assert_eq!(trap(&module().with_debug_file(debug.clone())), offsets);
    std::fs::write(&debug, &linked.debug).unwrap();
    let names = trap(&module().with_debug_file(debug));
    assert!(names.contains("deep.rs:") && names.contains("proxy_on_request_headers"), "{names}");
    assert!(!names.contains("<wasm function "), "{names}");
}
