//! One module per reason for which Envoy would refuse it.

use tamis_module::abi::{ALLOCATORS, AbiVersion, ValueType, callbacks};
use tamis_module::gate::{Reason, check};
use tamis_module::info::{Item, ModuleInfo, ParseError};
use tamis_module::phase::Phase;

use crate::plain::{five_phases, module, with_base};

/// The only reason a module is refused for: its rule and its text.
fn only_reason(wasm: &[u8]) -> (&'static str, String) {
    let refusal = check(wasm).unwrap_err();
    assert_eq!(refusal.reasons.len(), 1, "{refusal}");
    (refusal.reasons[0].rule(), refusal.reasons[0].to_string())
}

#[track_caller]
fn refused(wasm: &[u8], rule: &str, texts: &[&str]) {
    let (found, text) = only_reason(wasm);
    assert_eq!(found, rule, "{text}");
    for part in texts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_plugin_passes_and_is_described() {
    let info = check(&five_phases()).unwrap();
    assert_eq!(info.abi, Some(AbiVersion::V0_2_1));
    let phases = [Phase::RequestHeaders, Phase::RequestBody, Phase::ResponseHeaders, Phase::Log, Phase::Done];
    assert_eq!(info.phases, phases);
    assert_eq!(info.imports.len(), 2);
    assert_eq!(info.imports[0].item.to_string(), "function i32 i32 i32 -> i32");
    assert_eq!(info.memories[0].initial_pages, 1);
    assert_eq!(info.exports.iter().filter(|export| export.item == Item::Memory).count(), 1);
    assert_eq!(info.size, five_phases().len());
}

#[test]
fn abi_1_the_first_marker_wins() {
    let two = with_base(r#"(func (export "proxy_abi_version_0_1_0"))"#);
    assert_eq!(ModuleInfo::parse(&two).unwrap().abi, Some(AbiVersion::V0_1_0));
}

#[test]
fn abi_1_no_marker() {
    let wasm = module(r#"(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) local.get 0)"#);
    refused(&wasm, "ABI-1", &["missing or unknown Proxy-Wasm ABI version", "proxy_abi_version_"]);
    let global = module(
        r#"(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) local.get 0)
           (global (export "proxy_abi_version_0_2_1") i32 (i32.const 0))"#,
    );
    refused(&global, "ABI-1", &[]);
}

#[test]
fn abi_2_a_function_of_another_version() {
    let old = module(
        r#"(import "env" "proxy_get_log_level" (func (param i32) (result i32)))
           (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_0"))
           (func (export "malloc") (param i32) (result i32) local.get 0)"#,
    );
    refused(&old, "ABI-2", &["missing import: env.proxy_get_log_level", "declares ABI 0.2.0", "ABI 0.2.1 only"]);
    let new = with_base(r#"(import "env" "proxy_continue_request" (func (result i32)))"#);
    refused(&new, "ABI-2", &["declares ABI 0.2.1", "ABI 0.1.0 only"]);
}

#[test]
fn abi_3_an_unknown_function() {
    refused(&with_base(r#"(import "env" "now" (func))"#), "ABI-3", &["missing import: env.now"]);
    refused(
        &with_base(r#"(import "__wbindgen_placeholder__" "__wbindgen_describe" (func (param i32)))"#),
        "ABI-3",
        &["__wbindgen_placeholder__.__wbindgen_describe", "expects a browser"],
    );
    refused(&with_base(r#"(import "other" "proxy_log" (func))"#), "ABI-3", &["missing import: other.proxy_log"]);
}

#[test]
fn abi_3_a_host_function_of_another_type() {
    let wasm = with_base(r#"(import "env" "proxy_log" (func (param i32) (result i32)))"#);
    let text = "import type mismatch: env.proxy_log, want: i32 -> i32, but host exports: i32 i32 i32 -> i32";
    refused(&wasm, "ABI-3", &[text]);
    let wasm = with_base(r#"(import "env" "proxy_increment_metric" (func (param i32 i32) (result i32)))"#);
    refused(&wasm, "ABI-3", &["host exports: i32 i64 -> i32"]);
}

#[test]
fn abi_3_a_global_or_a_tag() {
    refused(&with_base(r#"(import "env" "g" (global i32))"#), "ABI-3", &["env.g (a global)"]);
    let refusal = check(&with_base(r#"(import "env" "t" (tag))"#)).unwrap_err();
    assert!(refusal.reasons.contains(&Reason::ImportKind { import: "env.t".into(), item: Item::Tag }), "{refusal}");
}

#[test]
fn abi_3_memories_and_tables_may_be_imported() {
    let wasm = module(
        r#"(import "env" "memory" (memory 1)) (import "env" "t" (table 1 funcref))
           (func (export "proxy_abi_version_0_2_1"))
           (func (export "malloc") (param i32) (result i32) local.get 0)"#,
    );
    assert!(check(&wasm).unwrap().memories[0].imported);
}

#[test]
fn wasi_of_set_b_passes_under_both_names() {
    let wasm = with_base(
        r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func (param i32 i32 i32 i32) (result i32)))
           (import "wasi_unstable" "fd_seek" (func (param i32 i64 i32 i32) (result i32)))
           (import "wasi_unstable" "proc_exit" (func (param i32)))
           (import "wasi_snapshot_preview1" "path_open"
               (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
           (import "env" "envoy_resolve_dns" (func (param i32 i32 i32) (result i32)))
           (import "env" "pthread_equal" (func (param i32 i32) (result i32)))
           (import "env" "emscripten_notify_memory_growth" (func (param i32)))"#,
    );
    check(&wasm).unwrap();
}

#[test]
fn abi_3_wasi_that_only_new_hosts_or_no_hosts_have() {
    let newer = with_base(r#"(import "wasi_snapshot_preview1" "fd_filestat_get" (func (param i32 i32) (result i32)))"#);
    refused(&newer, "ABI-3", &["wasi_snapshot_preview1.fd_filestat_get", "Envoy 1.39 and later have it"]);
    let never = with_base(r#"(import "wasi_snapshot_preview1" "thread_spawn" (func (param i32) (result i32)))"#);
    refused(&never, "ABI-3", &["no Envoy has it"]);
    let wrong = with_base(r#"(import "wasi_unstable" "fd_close" (func (param i64) (result i32)))"#);
    refused(&wrong, "ABI-3", &["want: i64 -> i32, but host exports: i32 -> i32"]);
}

#[test]
fn abi_4_a_callback_of_another_type() {
    let wasm = with_base(r#"(func (export "proxy_on_request_headers") (param i32 i32) (result i32) i32.const 0)"#);
    let text = "bad function signature for: proxy_on_request_headers, want: i32 i32 i32 -> i32, \
                but the module exports: i32 i32 -> i32";
    refused(&wasm, "ABI-4", &[text]);
    refused(&with_base(r#"(func (export "envoy_on_resolve_dns") (param i32))"#), "ABI-4", &["-> void"]);
    refused(
        &with_base(r#"(func (export "_start") (result i32) i32.const 0)"#),
        "ABI-4",
        &["want: void -> void, but the module exports: void -> i32"],
    );
    // With `_initialize` there is no look at `_start`, but at the main functions.
    check(&with_base(r#"(func (export "_start") (result i32) i32.const 0) (func (export "_initialize"))"#)).unwrap();
    refused(
        &with_base(r#"(func (export "main") (result i32) i32.const 0) (func (export "_initialize"))"#),
        "ABI-4",
        &["main, want: i32 i32 -> i32"],
    );
}

#[test]
fn abi_4_depends_on_the_version() {
    let with = |version: &str, params: &str| {
        module(&format!(
            r#"(memory (export "memory") 1) (func (export "{version}"))
               (func (export "malloc") (param i32) (result i32) local.get 0)
               (func (export "proxy_on_response_headers") (param {params}) (result i32) i32.const 0)
               (func (export "proxy_on_foreign_function") (param i32))"#
        ))
    };
    // Version 0.1.0 has neither an end of stream nor foreign functions.
    check(&with("proxy_abi_version_0_1_0", "i32 i32")).unwrap();
    let refusal = check(&with("proxy_abi_version_0_2_0", "i32 i32")).unwrap_err();
    assert_eq!(refusal.reasons.len(), 2, "{refusal}");
}

#[test]
fn mem_2_no_allocator() {
    let wasm = module(r#"(memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))"#);
    refused(&wasm, "MEM-2", &["module is missing malloc function", "proxy_on_memory_allocate"]);
}

#[test]
fn mem_8_no_memory_or_too_large_a_one() {
    let marker = r#"(func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) local.get 0)"#;
    refused(&module(marker), "MEM-8", &["offers the host no memory"]);
    refused(&module(&format!("(memory 1) {marker}")), "MEM-8", &["offers the host no memory"]);
    let large = module(&format!(r#"(memory (export "memory") 16385) {marker}"#));
    refused(&large, "MEM-8", &["16385 pages", "1 GiB"]);
    check(&module(&format!(r#"(memory (export "m") 16384 65536) {marker}"#))).unwrap();
    let refusal = check(&with_base(r#"(memory 1)"#)).unwrap_err();
    assert!(refusal.reasons.contains(&Reason::SeveralMemories { count: 2 }), "{refusal}");
}

#[test]
fn features_up_to_the_floor_pass() {
    let wasm = with_base(
        r#"(func (result i32 i64) (i32.const 1) (i64.const 2))
           (func (param i32) (result i32) (i32.extend8_s (local.get 0)))
           (func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0)))
           (func (memory.copy (i32.const 0) (i32.const 1) (i32.const 2)))
           (func (param v128 v128) (result v128) (i8x16.add (local.get 0) (local.get 1)))
           (table 1 externref)
           (global (export "g") (mut i32) (i32.const 1))"#,
    );
    check(&wasm).unwrap();
}

#[test]
fn every_feature_above_the_floor_is_named() {
    let rows = [
        ("tail-call", "(func $f (return_call $f))"),
        ("extended-const", "(global i32 (i32.add (i32.const 1) (i32.const 2)))"),
        ("relaxed-simd", "(func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))"),
        ("atomics", "(func (result i32) (i32.atomic.load (i32.const 0)))"),
        ("exception-handling", "(tag $t) (func (throw $t))"),
        ("function-references", "(type $t (func)) (func (param (ref $t)) (call_ref $t (local.get 0)))"),
    ];
    for (feature, text) in rows {
        let refusal = check(&with_base(text)).unwrap_err();
        assert!(refusal.reasons.contains(&Reason::Feature { feature }), "{feature}: {refusal}");
        assert!(refusal.to_string().contains("FEATURE: needs the WebAssembly feature"), "{refusal}");
    }
    let both = with_base("(func $f (return_call $f)) (global i32 (i32.add (i32.const 1) (i32.const 2)))");
    assert_eq!(check(&both).unwrap_err().reasons.len(), 2);
}

#[test]
fn invalid_code_is_no_missing_feature() {
    let wasm = module(r#"(func (result i32) (i64.const 1))"#);
    let refusal = check(&wasm).unwrap_err();
    assert!(matches!(refusal.reasons[0], Reason::Invalid { .. }), "{refusal}");
}

#[test]
fn every_reason_is_told_at_once() {
    let wasm = module(
        r#"(import "env" "proxy_log" (func (param i32) (result i32)))
           (import "env" "now" (func))
           (import "wasi_unstable" "fd_tell" (func (param i32 i32) (result i32)))
           (func $f (return_call $f))
           (func (export "proxy_on_log") (param i32 i32))"#,
    );
    let refusal = check(&wasm).unwrap_err();
    let rules: Vec<&str> = refusal.reasons.iter().map(Reason::rule).collect();
    assert_eq!(rules, ["FEATURE", "ABI-1", "ABI-3", "ABI-3", "ABI-3", "MEM-2", "ABI-4", "MEM-8"]);
    let text = refusal.to_string();
    assert!(
        text.starts_with("the module would not load in every supported Envoy, for 8 reasons:\n  FEATURE: "),
        "{text}"
    );
    assert_eq!(text.lines().count(), 9);
}

#[test]
fn files_that_are_no_modules() {
    let parse = |bytes: &[u8]| ModuleInfo::parse(bytes).unwrap_err();
    assert_eq!(parse(b""), ParseError::Empty);
    assert_eq!(parse(b"(module)"), ParseError::NotWasm { start: "`(mod`".into() });
    assert_eq!(
        parse(b"\x1f\x8b\x08\x00").to_string().split(';').next(),
        Some("not a WebAssembly module: it starts with `\\x1f\\x8b\\x08\\x00`, not with `\\0asm`")
    );
    assert_eq!(parse(b"\0asm\x0d\0\x01\0"), ParseError::Component);
    assert_eq!(parse(b"\0asm\x02\0\0\0"), ParseError::Version { version: 2 });
    assert_eq!(parse(b"\0as"), ParseError::Truncated { size: 3 });
    assert_eq!(parse(b"\0asm\x01\0"), ParseError::Truncated { size: 6 });
    let whole = five_phases();
    assert_eq!(parse(&whole[..whole.len() - 5]), ParseError::Truncated { size: whole.len() - 5 });
    refused(b"", "WASM", &["the file is empty"]);
    refused(b"\0asm\x0d\0\x01\0", "WASM", &["component"]);
}

#[test]
fn names_from_the_module_cannot_drive_the_terminal() {
    let wasm = with_base(&format!(r#"(import "env" "\1b[2J{}" (func))"#, "x".repeat(10_000)));
    let (_, text) = only_reason(&wasm);
    assert!(!text.contains('\u{1b}') && text.contains("\\u{1b}[2J"), "{text}");
    assert!(text.len() < 600, "{}", text.len());
}

#[test]
fn mem_9_a_callback_takes_and_returns_32_bits() {
    for version in [AbiVersion::V0_1_0, AbiVersion::V0_2_0, AbiVersion::V0_2_1] {
        for callback in callbacks(version).filter(|callback| !ALLOCATORS.contains(&callback.name)) {
            let types = |types: &[ValueType]| types.iter().map(|_| " i64").collect::<String>();
            assert!(
                callback.params.iter().chain(callback.results).all(|it| *it == ValueType::I32),
                "{}",
                callback.name
            );
            let wasm = module(&format!(
                r#"(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) local.get 0)
                   (func (export "{}")) (func (export "{}") (param{}) (result{}) unreachable)"#,
                version.marker(),
                callback.name,
                types(callback.params),
                types(callback.results),
            ));
            // A callback without parameters or results would fit.
            assert!(!callback.params.is_empty(), "{}", callback.name);
            refused(&wasm, "ABI-4", &[callback.name]);
        }
    }
}
