//! Istio 1.28 to 1.31: the agent beside each proxy fetches the image and hands Envoy a file.

use tamis_module::gate::EnvoyVersion;

use super::Consumer;
use crate::doctor::fetch;
use crate::doctor::{Finding, Known, Report, Subject, envoys, known};

/// Each release and the Envoy in it.
const RELEASES: [(&str, u8); 4] = [("1.28", 36), ("1.29", 37), ("1.30", 38), ("1.31", 39)];

/// Which Envoy is in which release.
const ENVOYS: &str =
    "Istio's proxy is built from Envoy's main branch of its time; the release was taken to be that of the same months";

/// Istio's own proxy has other extensions than a stock Envoy, and the same Wasm engine.
pub(super) fn reports(subject: &Subject) -> Vec<Report> {
    let taken = fetch::mesh(subject);
    let report = |(release, envoy): (&str, u8)| {
        let envoy = EnvoyVersion::minor(envoy);
        let (findings, known) = match &taken {
            // Its fetcher was run over such images; 1.30's, and the rules of the others are the same text.
            Err(findings) => (findings.clone(), Known::Run),
            Ok(taken) => {
                let mut findings = envoys(&taken.wasm, envoy);
                if !findings.is_empty() {
                    findings.push(Finding::remark(format!("Envoy {envoy} is in Istio {release}"), ENVOYS));
                }
                (findings, known(envoy))
            }
        };
        Report::new(Consumer::Istio, release, known, findings)
    };
    RELEASES.into_iter().map(report).collect()
}
