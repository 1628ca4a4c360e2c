//! Istio 1.28 to 1.31: the agent beside each proxy fetches the image and hands Envoy a file.

use tamis_module::gate::EnvoyVersion;

use super::Consumer;
use crate::doctor::subject::What;
use crate::doctor::{Finding, Known, Report, Subject, envoys, known};
use crate::doctor::{fetch, realm};
use crate::manifest::list;

/// Each release, the Envoy in it, and its first patch whose agent looks at realms.
const RELEASES: [(&str, u8, &str); 4] =
    [("1.28", 36, "1.28.5"), ("1.29", 37, "1.29.1"), ("1.30", 38, "1.30.0"), ("1.31", 39, "1.31.0")];

const REALMS: &str = "istio.io/istio pkg/wasm/imagefetcher.go, validateRealmURL";

/// Which Envoy is in which release.
const ENVOYS: &str =
    "Istio's proxy is built from Envoy's main branch of its time; the release was taken to be that of the same months";

/// Istio's own proxy has other extensions than a stock Envoy, and the same Wasm engine.
pub(super) fn reports(subject: &Subject) -> Vec<Report> {
    let taken = fetch::mesh(subject);
    let report = |(release, envoy, since): (&str, u8, &str)| {
        let envoy = EnvoyVersion::minor(envoy);
        let (mut findings, known) = match &taken {
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
        findings.extend(realms(subject, since));
        Report::new(Consumer::Istio, release, known, findings)
    };
    RELEASES.into_iter().map(report).collect()
}

/// What its agent holds against the registry.
fn realms(subject: &Subject, since: &str) -> Vec<Finding> {
    let What::Image(parts) = &subject.what else { return Vec::new() };
    let refused = parts.realms.iter().filter_map(|realm| Some((realm, realm::refusal(realm)?)));
    let source = format!("{REALMS}, in {since} and later");
    let finding = |(realm, why): (&String, &str)| {
        let realm = list([realm.clone()]);
        let what =
            format!("the registry asks for credentials with the realm {realm}, and the agent stops there: {why}");
        Finding::refused(what, "have the registry name a realm such as https://registry.example/", &source)
    };
    refused.map(finding).collect()
}
