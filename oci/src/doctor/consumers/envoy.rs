//! An Envoy of one's own, 1.30 to 1.40: it reads no images, and finds the module in a file or on a web server.

use tamis_module::gate::EnvoyVersion;

use super::Consumer;
use crate::doctor::fetch;
use crate::doctor::subject::What;
use crate::doctor::{Finding, Report, Subject, envoys, known};

const NO_IMAGES: &str = "envoyproxy/envoy #33212: fetching images is asked for, and not there";

/// The module, as every release would load it.
pub(super) fn reports(subject: &Subject) -> Vec<Report> {
    let taken = fetch::mesh(subject);
    let report = |envoy: EnvoyVersion| {
        let mut findings = match &taken {
            Err(findings) => findings.clone(),
            Ok(taken) => envoys(&taken.wasm, envoy),
        };
        if matches!(subject.what, What::Image(_)) && taken.is_ok() {
            findings.push(Finding::remark("it reads no images: `tamis pull` gets the file out of it", NO_IMAGES));
        }
        Report::new(Consumer::Envoy, envoy.to_string(), known(envoy), findings)
    };
    EnvoyVersion::all().map(report).collect()
}
