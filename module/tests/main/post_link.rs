//! Pruning, describing, stripping.

use serde_json::json;
use tamis_module::description::Description;
use tamis_module::gate;
use tamis_module::info::ModuleInfo;
use tamis_module::phase::Phase;
use tamis_module::post_link::{Linked, PostLink, PostLinkError, post_link};
use wasmparser::Parser;

use crate::plain::{five_phases, module, with_base};
use crate::symbols::fixture;

fn description() -> Description {
    Description::from_json(
        json!({"format": 1, "name": "five", "version": "1.2.3", "phases": ["request_headers"]}).to_string().as_bytes(),
    )
    .unwrap()
}

fn link(wasm: &[u8], keep_phases: Option<&[Phase]>) -> Linked {
    post_link(wasm, &PostLink { description: Some(&description()), keep_phases, ..PostLink::default() }).unwrap()
}

fn exports(wasm: &[u8]) -> Vec<String> {
    ModuleInfo::parse(wasm).unwrap().exports.into_iter().map(|export| export.name).collect()
}

fn customs(wasm: &[u8]) -> Vec<String> {
    ModuleInfo::parse(wasm).unwrap().custom_sections.into_iter().map(|section| section.name).collect()
}

/// Place and bytes of the code section.
fn code(wasm: &[u8]) -> (usize, &[u8]) {
    Parser::new(0)
        .parse_all(wasm)
        .find_map(|payload| match payload.unwrap().as_section() {
            Some((10, range)) => {
                let start = usize::try_from(range.start).unwrap();
                Some((start, &wasm[start..usize::try_from(range.end).unwrap()]))
            }
            _ => None,
        })
        .unwrap()
}

#[test]
fn what_only_the_build_needed_goes() {
    let wasm = five_phases();
    let linked = link(&wasm, None);
    let before = ModuleInfo::parse(&wasm).unwrap();
    assert_eq!(exports(&linked.module).len(), before.exports.len() - 1);
    assert!(!exports(&linked.module).contains(&Description::EXPORT.to_owned()));
    // The describe export, the function behind it and the import that only that one called.
    assert_eq!(linked.info.functions, before.functions - 2);
    assert_eq!(linked.info.imports.len(), 1);
    assert_eq!(linked.info.imports[0].name, "proxy_log");
    assert_eq!(linked.info.phases, before.phases);
    assert_eq!(Description::read(&linked.module).unwrap(), Some(description()));
    gate::check(&linked.module).unwrap();
}

#[test]
fn with_phases_named_the_others_go_but_never_deletion() {
    let wasm = five_phases();
    let linked = link(&wasm, Some(&[Phase::RequestHeaders]));
    let expected = [
        "memory",
        "proxy_abi_version_0_2_1",
        "proxy_on_memory_allocate",
        "proxy_on_context_create",
        "proxy_on_configure",
        "proxy_on_request_headers",
        "proxy_on_delete",
    ];
    let mut found = exports(&linked.module);
    found.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(found, expected);
    // Four phases and what only the log phase called.
    let all = link(&wasm, None);
    assert_eq!(all.info.functions - linked.info.functions, 5);
    let none = link(&wasm, Some(&[]));
    assert!(none.info.phases.is_empty());
    assert!(exports(&none.module).contains(&"proxy_on_delete".to_owned()));
}

#[test]
fn a_phase_that_is_not_there_is_a_mistake() {
    let options = PostLink { keep_phases: Some(&[Phase::RequestHeaders, Phase::Tick]), ..PostLink::default() };
    let error = post_link(&five_phases(), &options).unwrap_err();
    assert!(matches!(error, PostLinkError::NoSuchPhase { phase: Phase::Tick, .. }));
    assert!(error.to_string().contains("no phase `tick`: it exports request_headers, request_body,"), "{error}");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for wasm in [five_phases(), std::fs::read(fixture("panics.wasm")).unwrap()] {
        let (first, second) = (link(&wasm, None), link(&wasm, None));
        assert_eq!(first.module, second.module);
        assert_eq!(first.debug, second.debug);
    }
}

#[test]
fn doing_it_twice_changes_nothing() {
    let once = link(&std::fs::read(fixture("panics.wasm")).unwrap(), None);
    let twice = post_link(&once.module, &PostLink::default()).unwrap();
    assert_eq!(once.module, twice.module);
}

#[test]
fn code_stands_at_the_same_place_in_both_results() {
    for wasm in [five_phases(), std::fs::read(fixture("panics.wasm")).unwrap()] {
        let linked = link(&wasm, None);
        assert_eq!(code(&linked.module), code(&linked.debug));
    }
}

#[test]
fn names_and_lines_stay_behind() {
    let wasm = std::fs::read(fixture("panics.wasm")).unwrap();
    assert!(customs(&wasm).iter().any(|name| name == ".debug_line"));
    let linked = link(&wasm, None);
    assert_eq!(customs(&linked.module), ["tamis.description", "name"]);
    let kept = customs(&linked.debug);
    for name in ["name", "tamis.code_map", "tamis.description", "original.debug_line", "original.debug_info"] {
        assert!(kept.iter().any(|kept| kept == name), "{name} is not in {kept:?}");
    }
    // One placeholder name, without which Envoy prints no backtrace.
    let names = linked.info.custom_sections.iter().find(|section| section.name == "name").unwrap();
    assert!((1..16).contains(&names.size), "{}", names.size);
    let mangled = |wasm: &[u8]| wasm.windows(4).any(|bytes| bytes == b"_RNv");
    assert!(mangled(&wasm) && mangled(&linked.debug) && !mangled(&linked.module));
}

#[test]
fn other_custom_sections_stay() {
    let wasm = with_base(r#"(@custom "mine" "abc") (@custom "reloc.CODE" "x") (@custom "tamis.description" "old")"#);
    assert_eq!(customs(&link(&wasm, None).module), ["mine", "tamis.description", "name"]);
    let kept = post_link(&wasm, &PostLink::default()).unwrap();
    assert_eq!(customs(&kept.module), ["mine", "tamis.description", "name"]);
}

#[test]
fn sizes_add_up_and_print_as_a_table() {
    let wasm = std::fs::read(fixture("panics.wasm")).unwrap();
    let report = link(&wasm, None).report;
    assert_eq!(report.bytes_before, wasm.len());
    assert_eq!(report.sections.iter().map(|row| row.before).sum::<u64>() + 8, report.bytes_before as u64);
    assert_eq!(report.sections.iter().map(|row| row.after).sum::<u64>() + 8, report.bytes_after as u64);
    assert_eq!(report.exports_before, report.exports_after + 1);
    let text = report.to_string();
    let widths: Vec<usize> = text.lines().map(str::len).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    assert!(text.lines().last().unwrap().starts_with("exports "), "{text}");
}

#[test]
fn a_result_that_would_not_load_is_no_result() {
    let options = PostLink::default();
    let no_marker = module(r#"(memory (export "memory") 1)"#);
    assert!(matches!(post_link(&no_marker, &options), Err(PostLinkError::Refused(_))));
    let tail_call = with_base("(func $f (return_call $f))");
    assert!(matches!(post_link(&tail_call, &options), Err(PostLinkError::Invalid(_))));
    assert!(matches!(post_link(b"", &options), Err(PostLinkError::Parse(_))));
    // An import that only the describe export reaches is no reason: it is gone from the result.
    let only_build = with_base(
        r#"(import "env" "now" (func $now)) (func (export "tamis_describe") (result i64) (call $now) i64.const 0)"#,
    );
    assert!(post_link(&only_build, &options).unwrap().info.imports.is_empty());
}
