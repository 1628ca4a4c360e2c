//! Envoy Gateway 1.5 to 1.9: the control plane fetches the image, and Envoy the module from it.

use tamis_module::gate::EnvoyVersion;

use super::Consumer;
use crate::doctor::fetch;
use crate::doctor::{Finding, Known, Report, Subject, envoys};

/// Each release and the Envoy that it starts unless told otherwise.
const RELEASES: [(&str, u8); 5] = [("1.5", 35), ("1.6", 36), ("1.7", 37), ("1.8", 38), ("1.9", 39)];

const ENVOYS: &str = "the compatibility matrix of Envoy Gateway";

/// The rules are Istio's: the same algorithm, in a copy.
pub(super) fn reports(subject: &Subject) -> Vec<Report> {
    let taken = fetch::mesh(subject);
    let report = |(release, envoy): (&str, u8)| {
        let findings = match &taken {
            Err(findings) => findings.clone(),
            Ok(taken) => {
                let envoy = EnvoyVersion::minor(envoy);
                let mut findings = envoys(&taken.wasm, envoy);
                if !findings.is_empty() {
                    findings.push(Finding::remark(
                        format!("Envoy Gateway {release} starts Envoy {envoy} unless told otherwise"),
                        ENVOYS,
                    ));
                }
                findings
            }
        };
        Report::new(Consumer::EnvoyGateway, release, Known::Source, findings)
    };
    RELEASES.into_iter().map(report).collect()
}
