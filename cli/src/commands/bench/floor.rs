//! What a module costs that no SDK has a part in: written by hand, with nothing but what the host must be given.

use serde_json::Value;

use super::experiment::module;
use crate::commands::common::write_whole;
use crate::failure::Failure;

/// Where such modules go, without their ends.
const FOLDER: &str = "target/bench";

/// What every module has: a version, memory, and an allocator that hands out the same place again and again.
const EVERY: &str = r#"
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))"#;

/// The host tells of each stream's beginning, as it tells a filter of ours.
const CREATED: &str = r#"
    (func (export "proxy_on_context_create") (param i32 i32))"#;

const NOTHING: &str = r#"
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#;

const IMPORT: &str = r#"
    (import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))"#;
const SET: &str = r#"
    (data (i32.const 16) "x-requestx-responseseen")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $set (i32.const 0) (i32.const 16) (i32.const 9) (i32.const 35) (i32.const 4)))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (call $set (i32.const 2) (i32.const 25) (i32.const 10) (i32.const 35) (i32.const 4)))"#;

/// What a limiter cannot do without: it reads the headers, asks for the time, stores a shared value if it is still the one that this
/// worker has stored, else reads it first, and counts. It looks at nothing of all that.
const LIMIT: &str = r#"
    (data (i32.const 256) "tamis/bench/rule.one@5#1234")
    (data (i32.const 320) "bench.allowed")
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $define (i32.const 0) (i32.const 320) (i32.const 13) (i32.const 400)))
        (i32.const 1))
    (func $store (result i32)
        (call $set (i32.const 256) (i32.const 27) (i32.const 128) (i32.const 16) (i32.load (i32.const 64))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $pairs (i32.const 0) (i32.const 8) (i32.const 12)))
        (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 136)))
        (block $stored
            (if (i32.load (i32.const 64)) (then (br_if $stored (i32.eqz (call $store)))))
            (loop $again
                (drop (call $get (i32.const 256) (i32.const 27) (i32.const 8) (i32.const 12) (i32.const 64)))
                (br_if $again (call $store))))
        (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
        (drop (call $count (i32.load (i32.const 400)) (i64.const 1)))
        (i32.const 0))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#;
const LIMIT_IMPORTS: &str = r#"
    (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_increment_metric" (func $count (param i32 i64) (result i32)))"#;

/// One callback, and no other entry into the VM.
pub fn one_callback() -> Result<Value, Failure> {
    made("one-callback", &[EVERY, NOTHING])
}

/// A filter that does nothing, entered as often as ours.
pub fn nothing() -> Result<Value, Failure> {
    made("nothing", &[EVERY, CREATED, NOTHING])
}

/// A filter that sets 1 + 1 headers, entered as often as ours.
pub fn set() -> Result<Value, Failure> {
    made("set", &[IMPORT, EVERY, CREATED, SET])
}

/// The host's part of a limiter, entered as often as ours. It counts in `bench.allowed`.
pub fn limiter() -> Result<Value, Failure> {
    made("limiter", &[LIMIT_IMPORTS, EVERY, CREATED, LIMIT])
}

fn made(name: &str, parts: &[&str]) -> Result<Value, Failure> {
    let bytes = wat::parse_str(format!("(module {})", parts.concat())).map_err(Failure::environment)?;
    let file = format!("{FOLDER}/no-sdk-{name}.wasm");
    write_whole(file.as_ref(), &bytes)?;
    module(&file, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_modules() {
        let limiter = &[LIMIT_IMPORTS, EVERY, CREATED, LIMIT];
        for parts in [&[EVERY, NOTHING][..], &[EVERY, CREATED, NOTHING], &[IMPORT, EVERY, CREATED, SET], limiter] {
            let bytes = wat::parse_str(format!("(module {})", parts.concat())).unwrap();
            assert!(bytes.len() < 900);
        }
    }
}
