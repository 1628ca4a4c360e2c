//! `tamis test --engine native`: the libraries of the workspace's filters, built and loaded; against their modules.

use serde_json::Value;

use crate::process::succeed;
use crate::repository::{files, root};

/// The scenarios of filters and examples, as the command's report for machines has them.
fn reports(engine: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut words =
        ["test", "--engine", engine, "--report", &format!("json={}", report.display())].map(str::to_owned).to_vec();
    for of in ["filters", "examples"] {
        let scenarios = files(&root().join(of), &|file| {
            let text = file.to_string_lossy();
            text.ends_with("/scenario.yaml") || text.contains("/scenarios/") && text.ends_with(".yaml")
        });
        words.extend(scenarios.iter().map(|file| file.to_string_lossy().into_owned()));
    }
    succeed(&root(), &words);
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    report["scenarios"].as_array().unwrap().clone()
}

#[test]
#[cfg(target_os = "linux")]
fn every_scenario_comes_to_the_same_as_on_the_module() {
    let (wasm, native) = (reports("wasm"), reports("native"));
    assert_eq!(wasm.len(), native.len());
    let (mut compared, mut left_out) = (0, Vec::new());
    for (wasm, native) in wasm.iter().zip(&native) {
        assert_eq!(native["engine"], "native");
        let exchanges = |report: &Value| report["exchanges"].as_array().unwrap().clone();
        for (mut wasm, mut native) in exchanges(wasm).into_iter().zip(exchanges(native)) {
            if native["verdict"] == "not_applicable" {
                left_out.push(native["not_run"].as_str().unwrap().to_owned());
                continue;
            }
            // A step between exchanges costs nothing.
            if wasm["cost"].is_null() {
                assert_eq!(wasm, native);
                continue;
            }
            for exchange in [&mut wasm, &mut native] {
                exchange.as_object_mut().unwrap().remove("estimated_microseconds_in_envoy");
                for only_wasm in ["fuel", "memory_growth"] {
                    exchange["cost"].as_object_mut().unwrap().remove(only_wasm).unwrap();
                }
            }
            assert!(native["cost"]["vm_entries"].as_u64() > Some(0), "{native}");
            assert_eq!(wasm, native);
            compared += 1;
        }
    }
    assert!(compared >= 30, "{compared}");
    let reasons = left_out.into_iter().collect::<std::collections::BTreeSet<_>>();
    let expected = [
        "`plain-crate` has no native form here",
        "a native filter has one worker",
        "a step before it was not run here, and it builds upon that",
        "faults are those of a wasm VM",
    ];
    assert!(reasons.iter().all(|reason| expected.iter().any(|known| reason.contains(known))), "{reasons:?}");
}
