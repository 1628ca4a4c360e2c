//! Modules that the tests start from.

/// What every plugin needs: marker, memory, allocator.
pub const BASE: &str = r#"
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)"#;

/// A module of this text and [`BASE`]; imports have to come first in the text.
pub fn with_base(text: &str) -> Vec<u8> {
    module(&format!("{text}{BASE}"))
}

/// A module of exactly this text.
pub fn module(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {text})")).unwrap()
}

/// A plugin as a build leaves it: five phases, a describe export, functions and data that only some of them reach.
pub fn five_phases() -> Vec<u8> {
    with_base(
        r#"
        (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
        (import "env" "proxy_get_status" (func $only_describe_imports (param i32 i32 i32) (result i32)))
        (func $shared (result i32) (call $log (i32.const 2) (i32.const 0) (i32.const 4)))
        (func $only_describe (result i64)
            (drop (call $only_describe_imports (i32.const 0) (i32.const 0) (i32.const 0)))
            (i64.const 42))
        (func $only_log (drop (call $shared)) (drop (i32.const 77)))
        (func (export "proxy_on_context_create") (param i32 i32))
        (func (export "proxy_on_configure") (param i32 i32) (result i32) i32.const 1)
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (drop (call $shared)) i32.const 0)
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 0)
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 0)
        (func (export "proxy_on_done") (param i32) (result i32) i32.const 1)
        (func (export "proxy_on_log") (param i32) (call $only_log))
        (func (export "proxy_on_delete") (param i32))
        (func (export "tamis_describe") (result i64) (call $only_describe))
        "#,
    )
}
