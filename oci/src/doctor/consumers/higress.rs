//! Higress: Istio's agent, in front of an Envoy of its own.

use tamis_module::gate::EnvoyVersion;

use super::Consumer;
use crate::doctor::fetch;
use crate::doctor::{Finding, Known, Report, Subject, envoys};

const ENVOY: &str =
    "Higress keeps a fork of Envoy, whose features were not read; the oldest Envoy that is known here stands for it";

/// The image by Istio's rules, the module by those of the oldest Envoy.
pub(super) fn reports(subject: &Subject) -> Vec<Report> {
    let findings = match fetch::mesh(subject) {
        Err(findings) => findings,
        Ok(taken) => {
            let held = envoys(&taken.wasm, EnvoyVersion::OLDEST);
            held.into_iter().map(|finding| Finding::unsure(finding.what, "", ENVOY)).collect()
        }
    };
    vec![Report::new(Consumer::Higress, "2", Known::Source, findings)]
}
