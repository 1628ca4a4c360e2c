//! Every scenario of the examples, in the harness and in one real Envoy; and what post-link leaves of a plain-crate filter.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tamis_harness::envoy::{Form, disagreements, find_or_skip, run_all, run_all_as};
use tamis_harness::scenario::model::FilterEntry;
use tamis_harness::scenario::{Modules, Report, Scenario, run};
use tamis_module::ModuleInfo;

use crate::repository::{self, module};

/// Examples that are a crate, and so must have a scenario.
const CRATES: [&str; 13] = [
    "add-header",
    "auth-callout",
    "block-by-path",
    "cookie-ab",
    "counter",
    "edit-json",
    "grpc-callout",
    "hello",
    "path-echo",
    "plain-crate",
    "replace-body",
    "shared-limiter",
    "tcp-guard",
];

#[test]
fn every_example_is_a_scenario_that_passes() {
    let mut modules = Modules::default();
    for scenario in scenarios() {
        let report =
            run(&scenario, &mut modules).unwrap_or_else(|error| panic!("{}: {error}", scenario.file.display()));
        passed(&scenario, &report);
    }
}

/// What chance or the time of day decides, two runs need not agree about; what is expected of it holds in both.
fn is_by_chance(exchange: &str) -> bool {
    ["a new visitor is on some side, and gets a cookie beside the upstream's own", "somebody's second"]
        .contains(&exchange)
}

#[test]
fn every_example_passes_in_a_real_envoy_and_both_engines_agree() {
    let Some(binary) = find_or_skip("examples in a real Envoy") else { return };
    let scenarios = scenarios();
    let mut modules = Modules::default();
    let reports = run_all(&binary, &scenarios, &mut modules).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reports.len(), scenarios.len());
    for (scenario, report) in scenarios.iter().zip(reports) {
        let file = scenario.file.display();
        let real = report.unwrap_or_else(|error| panic!("{file}: {error}"));
        passed(scenario, &real);
        let ours = run(scenario, &mut modules).unwrap();
        let run_by_both = ours.exchanges.iter().zip(&real.exchanges).filter(|(_, real)| real.not_run.is_none());
        for (ours, real) in run_by_both {
            let lines = disagreements(&ours.observed, &real.observed);
            assert!(lines.is_empty() || is_by_chance(&ours.name), "{file}: {}: {lines:#?}", ours.name);
        }
    }
}

/// An example is read at once, or not at all.
#[test]
fn every_example_has_at_most_sixty_lines_in_one_file() {
    let folders = repository::root().join("examples");
    let sources = repository::files(&folders, &|file| {
        file.extension().is_some_and(|extension| extension == "rs")
            && !file.components().any(|part| part.as_os_str() == "tests")
    });
    assert!(sources.len() >= CRATES.len(), "{sources:?}");
    for source in sources {
        let lines = std::fs::read_to_string(&source).unwrap().lines().count();
        assert!(source.ends_with("src/lib.rs") && lines <= 60, "{} has {lines} lines", source.display());
    }
}

/// A WasmPlugin holds a Struct and sends its JSON: numbers have become doubles, and the order of keys is lost. A Struct that
/// is sent itself comes as its serialized bytes (rule CFG-1), which are refused.
#[test]
fn configurations_survive_a_protobuf_struct() {
    let Some(binary) = find_or_skip("configurations from a Struct in a real Envoy") else { return };
    let filters = repository::files(&repository::root().join("filters"), &|file| {
        let text = file.to_string_lossy();
        text.contains("/scenarios/") && text.ends_with(".yaml")
    });
    let read = |file: &PathBuf| Scenario::read(file).unwrap_or_else(|error| panic!("{error}"));
    let is_object = |filter: &FilterEntry| filter.config.as_ref().is_some_and(|config| config.value().is_object());
    // To this one its configuration is a text, which it shows.
    let mut seen = BTreeSet::from(["plain-crate".to_owned()]);
    // The first scenario of each filter that has something to configure.
    let mut is_new = |scenario: &Scenario| {
        let before = seen.len();
        let configured = scenario.filters.iter().filter(|filter| is_object(filter));
        seen.extend(configured.map(|filter| filter.module.value.clone()));
        seen.len() > before
    };
    let scenarios = scenarios().into_iter().chain(filters.iter().map(read));
    let scenarios = scenarios.filter(|scenario| is_new(scenario)).collect::<Vec<_>>();
    assert!(scenarios.len() > 6, "{}", scenarios.len());
    let mut modules = Modules::default();
    let mut as_form = |scenarios: &[Scenario], form| {
        run_all_as(&binary, scenarios, &mut modules, form).unwrap_or_else(|error| panic!("{error}"))
    };
    let (texts, from_structs) = (as_form(&scenarios, Form::Text), as_form(&scenarios, Form::StructText));
    for (scenario, (text, from_struct)) in scenarios.iter().zip(texts.into_iter().zip(from_structs)) {
        let file = scenario.file.display();
        let [text, from_struct] =
            [text, from_struct].map(|report| report.unwrap_or_else(|error| panic!("{file}: {error}")));
        passed(scenario, &from_struct);
        for (text, from_struct) in text.exchanges.iter().zip(&from_struct.exchanges) {
            assert_eq!(text.verdict(), from_struct.verdict(), "{file}: {}", text.name);
            let lines = disagreements(&text.observed, &from_struct.observed);
            assert!(lines.is_empty() || is_by_chance(&text.name), "{file}: {}: {lines:#?}", text.name);
        }
    }
    let one = scenarios.iter().find(|scenario| scenario.filters.iter().any(|filter| filter.module.value == "counter"));
    let refused = as_form(std::slice::from_ref(one.unwrap()), Form::Struct).remove(0).unwrap_err().to_string();
    assert!(refused.contains("\n  invalid configuration"), "{refused}");
}

#[test]
fn a_plain_crate_filter_keeps_what_it_uses() {
    let bytes = std::fs::read(module("plain-crate")).unwrap();
    let info = ModuleInfo::parse(&bytes).unwrap();
    let exports = info.exports.iter().map(|export| export.name.as_str()).collect::<BTreeSet<_>>();
    let streams = exports.iter().filter(|name| name.starts_with("proxy_on_")).copied().collect::<Vec<_>>();
    let kept = [
        "proxy_on_configure",
        "proxy_on_context_create",
        "proxy_on_delete",
        "proxy_on_request_headers",
        "proxy_on_response_headers",
        "proxy_on_vm_start",
    ];
    assert_eq!(streams, kept);
    assert!(exports.iter().any(|name| name.starts_with("proxy_abi_version_")), "{exports:?}");

    let compiled = repository::target().join("wasm32/wasm32-unknown-unknown/release/plain_crate.wasm");
    let before = ModuleInfo::parse(&std::fs::read(compiled).unwrap()).unwrap();
    let had = before.exports.iter().filter(|export| export.name.starts_with("proxy_on_")).count();
    assert!(had > 20, "the filter never had callbacks to lose: {had}");
}

fn scenarios() -> Vec<Scenario> {
    let files = repository::files(&repository::root().join("examples"), &|file| file.ends_with("scenario.yaml"));
    for name in CRATES {
        assert!(files.iter().any(|file| file.ends_with(PathBuf::from(name).join("scenario.yaml"))), "{name} has none");
    }
    files.iter().map(|file| Scenario::read(file).unwrap_or_else(|error| panic!("{error}"))).collect()
}

fn passed(scenario: &Scenario, report: &Report) {
    assert!(!report.exchanges.is_empty(), "{} shows nothing", scenario.file.display());
    assert!(report.passed(), "{}:\n{report}", scenario.file.display());
}
