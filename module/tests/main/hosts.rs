//! What each supported Envoy would do with a module. That the answers are true is tested with real Envoys in the harness.

use tamis_module::gate::{Certainty, EnvoyVersion, HostVerdict, Reason, check, check_for, hosts};

use crate::plain::{five_phases, module, with_base};

/// The versions in which a module loads, as `1.33 1.34 …`.
fn loads_in(wasm: &[u8]) -> String {
    let verdicts = hosts(wasm);
    let loads = verdicts.iter().filter(|verdict| verdict.loads.is_ok());
    loads.map(|verdict| verdict.envoy.to_string()).collect::<Vec<_>>().join(" ")
}

fn refused_by(envoy: &str, wasm: &[u8]) -> Vec<Reason> {
    let found = |verdict: &HostVerdict| verdict.envoy.to_string() == envoy;
    hosts(wasm).into_iter().find(found).unwrap().loads.unwrap_err()
}

const ALL: &str = "1.30 1.31 1.32 1.33 1.34 1.35 1.36 1.37 1.38 1.39 1.40";

#[test]
fn a_plain_plugin_loads_everywhere() {
    assert_eq!(loads_in(&five_phases()), ALL);
}

#[test]
fn only_what_was_run_says_so() {
    let verdicts = hosts(&five_phases());
    let run =
        verdicts.iter().filter(|verdict| verdict.certainty == Certainty::Run).map(|verdict| verdict.envoy.to_string());
    assert_eq!(run.collect::<Vec<_>>(), ["1.36", "1.37", "1.38", "1.39", "1.40"]);
}

#[test]
fn one_envoy_is_asked_and_an_old_one_says_that_nobody_ran_it() {
    let import = r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func (param i32 i32 i32 i32) (result i32)))"#;
    let module = with_base(import);
    assert!(check_for(&module, EnvoyVersion::NEWEST).is_ok());
    let refusal = check_for(&module, EnvoyVersion::minor(32)).unwrap_err().to_string();
    assert!(
        refusal.starts_with("the module would not load in Envoy 1.32 (from source, not run): ABI-3: "),
        "{refusal}"
    );
    let files = with_base(&import.replace("poll_oneoff", "fd_none"));
    let refusal = check_for(&files, EnvoyVersion::minor(38)).unwrap_err().to_string();
    assert!(refusal.starts_with("the module would not load in Envoy 1.38: ABI-3: "), "{refusal}");
}

#[test]
fn abi_3_wasi_came_in_three_sets() {
    let import = |name: &str, params: &str| {
        with_base(&format!(r#"(import "wasi_snapshot_preview1" "{name}" (func (param {params}) (result i32)))"#))
    };
    assert_eq!(loads_in(&import("fd_write", "i32 i32 i32 i32")), ALL);
    assert_eq!(loads_in(&import("poll_oneoff", "i32 i32 i32 i32")), "1.33 1.34 1.35 1.36 1.37 1.38 1.39 1.40");
    let files = import("fd_filestat_get", "i32 i32");
    assert_eq!(loads_in(&files), "1.39 1.40");
    let [reason] = refused_by("1.38", &files).try_into().unwrap();
    assert!(reason.to_string().contains("Envoy 1.39 and later have it"), "{reason}");
    assert_eq!(loads_in(&import("thread_spawn", "i32")), "");
}

#[test]
fn abi_3_two_wasi_functions_have_a_type_that_no_compiler_writes() {
    let link = |params: &str| {
        with_base(&format!(r#"(import "wasi_snapshot_preview1" "path_link" (func (param {params}) (result i32)))"#))
    };
    let wasi = link("i32 i32 i32 i32 i32 i32 i32");
    assert_eq!(loads_in(&wasi), "");
    let [reason] = refused_by("1.40", &wasi).try_into().unwrap();
    assert!(reason.to_string().contains("but host exports: i32 i32 i32 i32 i32 i32 -> i32"), "{reason}");
    assert_eq!(loads_in(&link("i32 i32 i32 i32 i32 i32")), "1.39 1.40");
}

#[test]
fn engines_grew() {
    let since = |text: &str| loads_in(&with_base(text)).split(' ').next().unwrap().to_owned();
    for (first, text) in [
        ("1.30", "(func (result i32) (i32.atomic.load (i32.const 0)))"),
        ("1.33", "(func $f (return_call $f))"),
        ("1.33", "(global i32 (i32.add (i32.const 1) (i32.const 2)))"),
        ("1.33", "(type $s (struct (field i32))) (func (drop (struct.new $s (i32.const 1))))"),
        ("1.33", "(memory 1)"),
        ("1.35", "(tag $t) (func (block $h (try_table (catch $t $h) (throw $t))))"),
        ("1.35", "(table i64 1 funcref)"),
        ("", "(func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)))"),
    ] {
        assert_eq!(since(text), first, "{text}");
    }
}

#[test]
fn the_older_form_of_exceptions_is_older() {
    // The text form is gone, so one is written over another: block, four nops, end; try, throw 0, catch 0, end.
    let mut wasm = with_base("(tag $t) (func (block (nop) (nop) (nop) (nop)))");
    let block = [0x02, 0x40, 0x01, 0x01, 0x01, 0x01, 0x0b];
    let at = wasm.windows(block.len()).position(|window| window == block).unwrap();
    wasm[at..at + block.len()].copy_from_slice(&[0x06, 0x40, 0x08, 0x00, 0x07, 0x00, 0x0b]);
    assert_eq!(loads_in(&wasm), ALL);
    let [newer, older] = check(&wasm).unwrap_err().reasons.try_into().unwrap();
    assert_eq!(newer, Reason::Feature { feature: "exception-handling" });
    assert_eq!(older, Reason::Feature { feature: "exception-handling (legacy)" });
}

#[test]
fn abi_4_a_late_start_function_is_looked_at_late() {
    let wasm = with_base(r#"(func (export "_initialize")) (func (export "__main_void"))"#);
    assert_eq!(loads_in(&wasm), "1.30 1.31 1.32 1.33 1.34 1.35 1.36 1.37 1.38");
    assert!(check(&wasm).is_err());
}

#[test]
fn abi_5_types_that_end_the_process() {
    for (name, text) in [
        ("export x has v128", r#"(func (export "x") (param v128))"#),
        ("export x has v128", r#"(func (export "x") (result v128) (v128.const i64x2 0 0))"#),
        ("export g has v128", r#"(global (export "g") v128 (v128.const i64x2 0 0))"#),
        ("export t has an exception tag", r#"(tag (export "t"))"#),
        ("export g has exnref", r#"(global (export "g") exnref (ref.null exn))"#),
        ("export x has a typed reference", r#"(type $s (struct)) (func (export "x") (param (ref null $s)))"#),
        ("export t has a reference that", r#"(table (export "t") 1 anyref)"#),
        ("import env.t has a reference that", r#"(import "env" "t" (table 1 anyref))"#),
        ("import env.proxy_log has v128", r#"(import "env" "proxy_log" (func (param v128)))"#),
    ] {
        let wasm = with_base(text);
        assert_eq!(loads_in(&wasm), "", "{text}");
        let reasons = refused_by("1.40", &wasm);
        assert!(reasons.iter().any(|reason| reason.to_string().contains(name)), "{name}: {reasons:?}");
        assert!(check(&wasm).unwrap_err().reasons.iter().any(|reason| reason.rule() == "ABI-5"), "{text}");
    }
    // Inside a module they are nobody's business, and the plain references are known.
    assert_eq!(loads_in(&with_base("(func (param v128)) (global v128 (v128.const i64x2 0 0))")), ALL);
    assert_eq!(loads_in(&with_base(r#"(func (export "x") (param externref funcref))"#)), ALL);
}

#[test]
fn abi_3_what_the_host_makes_itself_is_one_and_plain() {
    let without_memory = |import: &str| {
        module(&format!(
            r#"{import} (func (export "proxy_abi_version_0_2_1"))
               (func (export "malloc") (param i32) (result i32) local.get 0)"#
        ))
    };
    for text in [
        r#"(import "env" "m" (memory 1)) (import "env" "n" (memory 1))"#,
        r#"(import "env" "m" (memory i64 1))"#,
        r#"(import "env" "m" (memory 1 2 shared))"#,
        r#"(import "env" "m" (memory 16385))"#,
    ] {
        assert_eq!(loads_in(&without_memory(text)), "", "{text}");
    }
    assert_eq!(loads_in(&without_memory(r#"(import "a" "b" (memory 1 2))"#)), ALL);
    let table = r#"(import "env" "t" (table 1 funcref))"#;
    assert_eq!(loads_in(&with_base(table)), ALL);
    let two = with_base(&format!(r#"{table} (import "env" "u" (table 1 externref))"#));
    assert_eq!(loads_in(&two), "");
    let text = check(&two).unwrap_err().to_string();
    assert!(text.ends_with("ABI-3: imports more than one table: 2; import one at most"), "{text}");
}

#[test]
fn mem_8_no_memory_crashes_and_large_ones_do_not_load() {
    let rest = r#"(func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) local.get 0)"#;
    for (memory, expected) in [
        ("", ""),
        ("(memory 1)", ""),
        (r#"(memory (export "memory") 16385)"#, ""),
        (r#"(memory (export "m") 16384)"#, ALL),
        (r#"(memory (export "memory") i64 1)"#, "1.35 1.36 1.37 1.38 1.39 1.40"),
    ] {
        assert_eq!(loads_in(&module(&format!("{memory}{rest}"))), expected, "{memory}");
    }
}

#[test]
fn what_is_no_module_loads_nowhere() {
    for bytes in [&b""[..], b"(module)", b"\0asm\x0d\0\x01\0"] {
        assert!(hosts(bytes).iter().all(|verdict| matches!(verdict.loads.as_ref().unwrap_err()[..], [_])));
    }
    let invalid = with_base("(func (result i32) (i64.const 1))");
    assert!(matches!(refused_by("1.30", &invalid)[..], [Reason::Invalid { .. }]));
}
