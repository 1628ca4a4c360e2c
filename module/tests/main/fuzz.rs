//! Modules that nobody wrote: the gate and the post-link step hold what they promise.

use tamis_fuzz::arbitrary::Arbitrary;
use tamis_fuzz::fuzz_long;
use tamis_module::gate::{self, HostVerdict, Reason};
use tamis_module::info::ModuleInfo;
use tamis_module::post_link::{PostLink, PostLinkError, post_link};
use wasm_smith::{Config, Module};

use crate::plain::{five_phases, module, with_base};

#[test]
fn generated_modules() {
    fuzz_long(150, |u| {
        // Every feature that the generator knows, switched on and off at random.
        let mut config = Config::arbitrary(u)?;
        config.max_memories = 2;
        config.memory_max_size_required = false;
        holds(&Module::new(config, u)?.to_bytes());
        Ok(())
    });
}

#[test]
fn generated_modules_with_what_a_plugin_has() {
    // The exports of a plugin around a body that the generator chooses, so that the gate lets some through.
    let shape = with_base(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0)
           (func (export "proxy_on_log") (param i32))"#,
    );
    let mut passed = 0;
    fuzz_long(150, |u| {
        let config = Config {
            exports: Some(shape.clone()),
            allow_start_export: false,
            gc_enabled: false,
            max_imports: 0,
            simd_enabled: bool::arbitrary(u)?,
            tail_call_enabled: false,
            exceptions_enabled: false,
            relaxed_simd_enabled: false,
            reference_types_enabled: bool::arbitrary(u)?,
            extended_const_enabled: false,
            threads_enabled: false,
            memory64_enabled: false,
            wide_arithmetic_enabled: false,
            custom_page_sizes_enabled: false,
            max_memories: 1,
            ..Config::default()
        };
        let wasm = Module::new(config, u)?.to_bytes();
        holds(&wasm);
        passed += u32::from(gate::check(&wasm).is_ok());
        Ok(())
    });
    assert!(passed > 0, "none of the modules got past the gate: this target no longer reaches the post-link step");
}

#[test]
fn real_modules_with_bytes_changed() {
    let originals = [
        five_phases(),
        std::fs::read(crate::symbols::fixture("panics.wasm")).unwrap(),
        module(r#"(import "env" "t" (table 1 funcref)) (memory 1) (data "x") (elem func 0) (func) (start 0)"#),
    ];
    fuzz_long(150, |u| {
        let mut wasm = u.choose(&originals)?.clone();
        for _ in 0..u.int_in_range(1..=8)? {
            let at = u.choose_index(wasm.len().max(1))?;
            match u.int_in_range(0..=3)? {
                0 => wasm.truncate(at.max(8)),
                1 => {
                    let bytes = u.arbitrary::<[u8; 3]>()?;
                    wasm.splice(at..at, bytes);
                }
                2 => drop(wasm.drain(at..(at + 4).min(wasm.len()))),
                _ => {
                    if let Some(byte) = wasm.get_mut(at) {
                        *byte = u.arbitrary()?;
                    }
                }
            }
        }
        holds(&wasm);
        Ok(())
    });
}

/// What must be true of any bytes.
fn holds(wasm: &[u8]) {
    let parsed = ModuleInfo::parse(wasm);
    let checked = gate::check(wasm);
    let hosts = gate::hosts(wasm);
    assert!(parsed.is_ok() || checked.is_err());
    assert_eq!(hosts.len(), 11);
    if checked.is_ok() {
        // The floor: everywhere since 1.33, and before that but for WASI.
        assert!(hosts.iter().skip(3).all(|verdict| verdict.loads.is_ok()), "{hosts:?}");
        assert!(hosts.iter().flat_map(reasons).all(|reason| matches!(reason, Reason::MissingWasi { .. })), "{hosts:?}");
    }
    for pair in hosts.windows(2) {
        let lost = pair[0].loads.is_ok() && pair[1].loads.is_err();
        let main_void = |reason: &Reason| matches!(reason, Reason::ExportType { export: "__main_void", .. });
        assert!(!lost || reasons(&pair[1]).iter().all(main_void), "{pair:?}");
    }
    for reason in hosts.iter().flat_map(reasons) {
        assert_eq!(reason.to_string().lines().count(), 1, "{reason}");
    }
    let linked = post_link(wasm, &PostLink::default());
    match linked {
        // What went in is valid, so nothing else may be the matter.
        Err(PostLinkError::Rewrite { .. }) => panic!("{}", linked.unwrap_err()),
        Err(_) => assert!(checked.is_err(), "{linked:?}"),
        Ok(linked) => {
            assert!(gate::check(&linked.module).is_ok());
            let again = post_link(&linked.module, &PostLink::default()).unwrap();
            assert_eq!(again.module, linked.module, "a second run changes it again");
        }
    }
}

fn reasons(verdict: &HostVerdict) -> &[Reason] {
    verdict.loads.as_ref().err().map_or(&[], Vec::as_slice)
}
