//! What the doctor says, beside what Istio's own fetcher said of the same images.
//!
//! The verdicts in `doctor/istio.json` were given by `doctor/istio-fetch`, which is Istio's cache and fetcher behind standard
//! input, about images in a real registry. With the program in `TAMIS_ISTIO_FETCH` they are asked for again (`make interop`);
//! `BLESS=1` writes them anew.

mod cases;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use tamis_oci::doctor::{self, Consumer, Outcome, Report, Subject};
use tamis_oci::{Credentials, Digest, LocalRegistry, ModuleRef, Password, Registry, RegistryOptions};

use self::cases::{Case, all};
use crate::registry::{HTPASSWD, PASSWORD, USER};
use crate::support::started;

/// What a fetcher said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    accepted: bool,
    /// Which of the documents it took: 0 is what the reference names, 1 the image in it, and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    document: Option<usize>,
    /// SHA-256 of the module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    /// In its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn recorded() -> BTreeMap<String, Verdict> {
    serde_json::from_str(include_str!("doctor/istio.json")).unwrap()
}

/// What we say of a subject, in the same form.
fn ours(subject: &Subject) -> Verdict {
    match doctor::mesh_takes(subject) {
        Ok(taken) => Verdict {
            accepted: true,
            document: subject.digests().iter().position(|digest| Some(*digest) == taken.manifest.as_ref()),
            module: Some(Digest::of(&taken.wasm).hex().to_owned()),
            error: None,
        },
        Err(findings) => {
            assert!(!findings.is_empty() && findings.iter().all(|finding| !finding.what.is_empty()));
            Verdict { accepted: false, document: None, module: None, error: None }
        }
    }
}

fn from_layout(case: &Case) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let at = case.write(folder.path());
    tamis_oci::layout::examine(folder.path(), &at).unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

#[test]
fn we_say_what_istio_said() {
    let recorded = recorded();
    let cases = all();
    assert!(cases.len() >= 35 && recorded.len() == cases.len(), "{} cases, {} verdicts", cases.len(), recorded.len());
    for case in cases {
        let theirs = recorded.get(case.name).unwrap_or_else(|| panic!("no verdict of {}", case.name));
        let ours = ours(&from_layout(&case));
        assert_eq!(ours, Verdict { error: None, ..theirs.clone() }, "{}: Istio says {:?}", case.name, theirs.error);
        assert_eq!(ours.accepted, case.accepted, "{}", case.name);
    }
}

#[test]
fn istio_still_says_what_is_recorded() {
    let program = std::env::var_os("TAMIS_ISTIO_FETCH").filter(|program| !program.is_empty());
    let Some(program) = program else {
        // `make interop` has it; the default tests replay what it said.
        return;
    };
    let Some(registry) = started(LocalRegistry::start()) else { return };
    let host = registry.host();
    let cases = all();
    let references: Vec<String> = cases.iter().map(|case| case.push(&host)).collect();
    let input = references.iter().map(|reference| format!("{reference}\n")).collect::<String>();
    let lines = ask(program, &input);

    #[derive(Deserialize)]
    struct Line {
        accepted: bool,
        manifest: Option<Digest>,
        module: Option<String>,
        error: Option<String>,
    }
    let lines: Vec<Line> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), cases.len());
    let mut verdicts = BTreeMap::new();
    for ((case, reference), line) in cases.iter().zip(&references).zip(lines) {
        // The same image, from the registry.
        let subject = examined(reference);
        let document = subject.digests().iter().position(|digest| Some(*digest) == line.manifest.as_ref());
        let error =
            line.error.map(|error| error.replace(&host, "REGISTRY").split_whitespace().collect::<Vec<_>>().join(" "));
        let theirs = Verdict { accepted: line.accepted, document, module: line.module, error };
        assert_eq!(ours(&subject), Verdict { error: None, ..theirs.clone() }, "{}", case.name);
        verdicts.insert(case.name.to_owned(), theirs);
    }
    if std::env::var_os("BLESS").is_some() {
        let text = serde_json::to_string_pretty(&verdicts).unwrap() + "\n";
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doctor/istio.json"), text).unwrap();
    } else {
        assert_eq!(verdicts, recorded());
    }
}

/// What the program prints of references, a line each.
fn ask(program: std::ffi::OsString, references: &str) -> String {
    let mut command = Command::new(program);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(references.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn examined(reference: &str) -> Subject {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reference: ModuleRef = reference.parse().unwrap();
    let registry = Registry::new(RegistryOptions::default());
    runtime.block_on(tamis_oci::examine(&reference, &registry)).unwrap_or_else(|error| panic!("{error}"))
}

/// The outcome of each consumer, the versions of one together.
fn outcomes(reports: &[Report]) -> BTreeMap<&'static str, Vec<Outcome>> {
    let mut all: BTreeMap<&'static str, Vec<Outcome>> = BTreeMap::new();
    for report in reports {
        let outcomes = all.entry(report.consumer.name()).or_default();
        if outcomes.last() != Some(&report.outcome) {
            outcomes.push(report.outcome);
        }
    }
    all
}

#[test]
fn each_consumer_has_its_own_rules() {
    use Outcome::{Accepted, Refused, Unsure};
    let image = |name: &str| {
        let cases = all();
        let case = cases.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"));
        doctor::examine(&from_layout(case))
    };
    // In the order Istio, Envoy Gateway, Higress, Google, Envoy, CNCF tools.
    let rows: [(&str, [Outcome; 6]); 6] = [
        ("compat", [Accepted, Accepted, Accepted, Accepted, Accepted, Refused]),
        ("compat, runtime-config.json beside it", [Accepted, Accepted, Accepted, Refused, Accepted, Refused]),
        ("compat, a layer before it", [Accepted, Accepted, Accepted, Unsure, Accepted, Refused]),
        ("cncf artifact", [Refused, Refused, Refused, Refused, Refused, Accepted]),
        ("solo artifact", [Accepted, Accepted, Accepted, Unsure, Accepted, Refused]),
        ("a component in a compat layer", [Refused, Refused, Refused, Refused, Refused, Refused]),
    ];
    for (name, wanted) in rows {
        let reports = image(name);
        let outcomes = outcomes(&reports);
        for (consumer, wanted) in Consumer::ALL.iter().zip(wanted) {
            // Nothing is known of its Envoy.
            let wanted = if name.contains("component") && *consumer == Consumer::Higress { Unsure } else { wanted };
            assert_eq!(outcomes[consumer.name()], [wanted], "{name}, {}: {reports:#?}", consumer.name());
        }
        for report in reports.iter().filter(|report| report.outcome != Accepted) {
            assert!(!report.findings.is_empty() && report.findings.iter().all(|finding| !finding.source.is_empty()));
        }
    }
}

/// A registry on this machine names a realm on this machine, and Istio's agent does not go there.
#[test]
fn a_realm_that_istio_stops_at_is_seen() {
    let Some(registry) = started(LocalRegistry::start_with_password(HTPASSWD)) else { return };
    let host = registry.host();
    let credentials = Credentials::Host {
        host: host.clone(),
        user: USER.to_owned(),
        password: Password::new(PASSWORD.to_owned()),
        others: Box::default(),
    };
    let client = Registry::new(RegistryOptions { credentials, ..RegistryOptions::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reference = format!("oci://{host}/filters/headers:1");
    let image = tamis_oci::Image::build(&wat::parse_str(cases::MODULE).unwrap(), &crate::support::metadata());
    runtime.block_on(client.push(&reference.parse().unwrap(), &image)).unwrap();
    let subject = runtime.block_on(client.examine(&reference.parse().unwrap())).unwrap();
    let reports = doctor::examine(&subject);
    for report in &reports {
        let refuses = matches!(report.consumer, Consumer::Istio | Consumer::Cncf);
        assert_eq!(report.outcome == Outcome::Refused, refuses, "{report:#?}");
    }
    let reason = reports.iter().find(|report| report.consumer == Consumer::Istio).unwrap();
    assert!(reason.findings[0].what.contains("realm"), "{reason:#?}");
    if let Some(program) = std::env::var_os("TAMIS_ISTIO_FETCH").filter(|program| !program.is_empty()) {
        let said = ask(program, &format!("{reference}\n"));
        assert!(said.contains("rejected unsafe bearer realm"), "{said}");
    }
}

#[test]
fn a_modules_own_faults_are_told_by_version() {
    // The ABI of Proxy-Wasm and a function of WASI that is there from Envoy 1.39 on.
    let wasm = wat::parse_str(cases::MODULE.replace(
        "(memory",
        "(import \"wasi_snapshot_preview1\" \"clock_res_get\" (func (param i32 i32) (result i32))) (memory",
    ))
    .unwrap();
    let reports = doctor::examine(&Subject::file(wasm));
    let outcomes = outcomes(&reports);
    assert_eq!(outcomes["Envoy"], [Outcome::Refused, Outcome::Accepted]);
    assert_eq!(outcomes["Istio"], [Outcome::Refused, Outcome::Accepted]);
    let refused = reports.iter().find(|report| report.consumer == Consumer::Istio && report.version == "1.30").unwrap();
    assert!(refused.findings[0].what.contains("clock_res_get"), "{refused:#?}");
    assert!(refused.findings[0].source.contains("Envoy 1.38"), "{refused:#?}");
}

#[test]
fn broken_files_and_images_are_refused_and_nothing_panics() {
    for bytes in [&b""[..], b"\0asm", b"{}", b"\x1f\x8b", &[0xff; 100]] {
        let reports = doctor::examine(&Subject::file(bytes.to_vec()));
        let mut refusing = reports.iter().filter(|report| report.consumer == Consumer::Envoy);
        assert!(refusing.all(|report| report.outcome == Outcome::Refused), "{bytes:?}");
    }
    arbtest::arbtest(|source| {
        let folder = tempfile::tempdir().unwrap();
        let at = all().remove(0).with_manifest(source.arbitrary()?).write(folder.path());
        let reports = tamis_oci::layout::examine(folder.path(), &at).map(|subject| doctor::examine(&subject));
        assert!(reports.is_err() || reports.unwrap().iter().any(|report| report.outcome == Outcome::Refused));
        Ok(())
    })
    .budget_ms(300);
}
