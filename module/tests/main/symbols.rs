//! Traces as Envoy 1.40.0 logged them, turned into names and lines. `../fixtures/README.md` says how they were recorded.

use std::path::PathBuf;

use tamis_module::post_link::{PostLink, post_link};
use tamis_module::symbols::{SymbolError, Symbolizer};

use crate::plain::{five_phases, module};

/// The path of a committed file.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn panics() -> Vec<u8> {
    std::fs::read(fixture("panics.wasm")).unwrap()
}

fn log(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap()
}

fn shipped() -> Symbolizer {
    Symbolizer::new(&post_link(&panics(), &PostLink::default()).unwrap().debug).unwrap()
}

/// The part of a symbolized line after its number and offset.
fn places(text: &str) -> Vec<&str> {
    text.lines()
        .skip_while(|line| !line.starts_with("Proxy-Wasm plugin in-VM backtrace:"))
        .skip(1)
        .map(|line| line.split_once(" - ").map_or(line.trim_start(), |(_, place)| place))
        .collect()
}

const EXPECTED: [&str; 14] = [
    "abort_internal at std/src/sys/pal/unsupported/common.rs:20:5",
    "inlined into abort at std/src/process.rs:2536:5",
    "inlined into __rust_abort at std/src/rt.rs:33:5",
    "inlined into __rust_start_panic at panic_abort/src/lib.rs:50:5",
    "inlined into __rustc::rust_panic at std/src/panicking.rs:886:25",
    "std::panicking::panic_with_hook at std/src/panicking.rs:850:5",
    "std::panicking::panic_handler::{closure#0} at std/src/panicking.rs:698:13",
    "std::sys::backtrace::__rust_end_short_backtrace::<std::panicking::panic_handler::{closure#0}, !> at std/src/sys/backtrace.rs:182:18",
    "__rustc::rust_begin_unwind at std/src/panicking.rs:689:5",
    "core::panicking::panic_fmt at core/src/panicking.rs:80:14",
    "core::panicking::panic_bounds_check at core/src/panicking.rs:271:5",
    "second at tiny/src/deep.rs:12:5",
    "inlined into tiny::deep::first at tiny/src/deep.rs:6:5",
    "proxy_on_request_headers at tiny/src/lib.rs:39:5",
];

#[test]
fn the_trace_of_a_shipped_module_gets_names_and_lines() {
    let text = shipped().symbolize(&log("envoy-1.40-shipped.log"));
    assert_eq!(places(&text), EXPECTED);
    assert!(!text.contains("unknown"), "{text}");
}

#[test]
fn the_same_trace_before_post_link_tells_the_same() {
    let text = Symbolizer::new(&panics()).unwrap().symbolize(&log("envoy-1.40-named.log"));
    assert_eq!(places(&text), EXPECTED);
}

#[test]
fn all_other_lines_stay_as_they_are() {
    let before = log("envoy-1.40-shipped.log");
    let after = shipped().symbolize(&before);
    let others =
        |text: &str| text.lines().filter(|line| line.starts_with(['[', 'P'])).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(others(&before), others(&after));
    assert!(others(&before).len() > 4);
    assert_eq!(shipped().symbolize("no trace\r\nat all"), "no trace\r\nat all");
}

#[test]
fn a_trace_of_wasmtime_is_read_too() {
    let symbols = shipped();
    let line = log("envoy-1.40-shipped.log").lines().find(|line| line.starts_with("  7:")).unwrap().to_owned();
    let (head, name) = line.split_once(" - ").unwrap();
    let index = name.trim_matches(|letter: char| !letter.is_ascii_digit());
    let text = format!(
        "Error: error while executing at wasm backtrace:\n  {head} - <unknown>!<wasm function {index}>\r\n\nCaused by:\n"
    );
    let after = symbols.symbolize(&text);
    assert!(after.contains(" - second at tiny/src/deep.rs:12:5\n"), "{after}");
    assert!(after.contains("inlined into tiny::deep::first at tiny/src/deep.rs:6:5\r\n"), "{after}");
}

/// Every line that the compiler's tables give for an instruction is also given for where that instruction went.
#[test]
fn every_instruction_keeps_its_line() {
    let before = Symbolizer::new(&panics()).unwrap();
    let linked = post_link(&panics(), &PostLink::default()).unwrap();
    let after = Symbolizer::new(&linked.debug).unwrap();
    let old = instructions(&panics());
    let new = instructions(&linked.debug);
    let mut compared = 0;
    for (name, offsets) in &new {
        let original = &old[name];
        // Bodies that kept their number of instructions are the same instruction by instruction.
        if original.len() != offsets.len() {
            continue;
        }
        for (was, is) in original.iter().zip(offsets) {
            assert_eq!(before.frame(*was), after.frame(*is), "{name} at {was:#x}");
            compared += 1;
        }
    }
    let all: usize = new.values().map(Vec::len).sum();
    assert!(compared * 10 > all * 8, "only {compared} of {all} instructions could be compared");
}

/// Where each instruction of each function is, by the function's name.
fn instructions(wasm: &[u8]) -> std::collections::HashMap<String, Vec<u64>> {
    use wasmparser::{KnownCustom, Name, Parser, Payload};
    let mut bodies = Vec::new();
    let mut names = std::collections::HashMap::new();
    let mut imported = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.unwrap() {
            Payload::ImportSection(section) => imported = section.into_imports().count(),
            Payload::CodeSectionEntry(body) => {
                let mut reader = body.get_operators_reader().unwrap();
                let mut offsets = Vec::new();
                while !reader.eof() {
                    offsets.push(reader.original_position());
                    reader.read().unwrap();
                }
                // The last one ends the function and belongs to no line.
                offsets.pop();
                bodies.push(offsets);
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(subsections) = section.as_known() {
                    for subsection in subsections {
                        if let Name::Function(map) = subsection.unwrap() {
                            names.extend(map.into_iter().map(|row| {
                                let row = row.unwrap();
                                (row.index as usize, row.name.to_owned())
                            }));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    bodies.into_iter().enumerate().map(|(index, body)| (names[&(index + imported)].clone(), body)).collect()
}

#[test]
fn a_log_of_another_build_is_not_made_up() {
    let before = log("envoy-1.40-shipped.log").replace("function index:1", "function index:9");
    let after = shipped().symbolize(&before);
    assert!(after.contains("unknown(function index:9"), "{after}");
    assert!(after.trim_end().ends_with("is the log of another build?)"), "{after}");
    let outside = shipped().symbolize("  0:  0xffffff - unknown(function index:3)");
    assert!(outside.starts_with("  0:  0xffffff - unknown(function index:3)\n(1 of"), "{outside}");
}

#[test]
fn a_module_that_can_tell_nothing_is_refused() {
    let linked = post_link(&panics(), &PostLink::default()).unwrap();
    let error = Symbolizer::new(&linked.module).err().unwrap();
    assert!(matches!(error, SymbolError::Nothing));
    assert!(error.to_string().contains("the debug module"), "{error}");
    assert!(matches!(Symbolizer::new(&module("")), Err(SymbolError::Nothing)));
    assert!(matches!(Symbolizer::new(b"log"), Err(SymbolError::Module(_))));
}

#[test]
fn names_alone_are_enough() {
    let debug = post_link(&five_phases(), &PostLink::default()).unwrap().debug;
    let symbols = Symbolizer::new(&debug).unwrap();
    let names: Vec<String> =
        (0..debug.len() as u64).flat_map(|offset| symbols.frame(offset)).filter_map(|frame| frame.function).collect();
    assert!(names.iter().any(|name| name == "only_log"), "{names:?}");
}
