//! `tamis doctor`: who would take an image, and why not.

use std::str::FromStr;

use serde_json::json;
use tamis_oci::doctor::{self, Consumer, Finding, Known, Outcome, Report};
use tamis_oci::{LoadError, ModuleRef};

use super::common::{self, MODULE_HELP, RegistryFlags};
use crate::failure::Failure;

/// `tamis doctor MODULE`
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tamis doctor oci://registry.example/filters/transformation:1.0\n  \
tamis doctor oci-layout:images:transformation --for istio --for envoy-gateway\n  \
tamis doctor target/tamis/transformation.wasm --json\n\n\
Any image can be asked about, whoever made it. Of a file, only the module is looked at. Exit code 2: one of those asked about \
refuses; without --for these are all but the CNCF tools, which want another kind of image.")]
pub struct Doctor {
    #[arg(help = MODULE_HELP)]
    module: String,

    /// About whom alone; may come several times
    #[arg(long = "for", value_enum, value_name = "CONSUMER")]
    consumers: Vec<Asked>,

    /// Print JSON: a verdict for each version of each, with every reason and the rule's source
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    registry: RegistryFlags,
}

/// Whom one can ask about.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Asked {
    /// Istio 1.28 to 1.31
    Istio,
    /// Envoy Gateway 1.5 to 1.9
    EnvoyGateway,
    /// Higress
    Higress,
    /// Google Cloud's Service Extensions
    Google,
    /// A plain Envoy, 1.30 to 1.40
    Envoy,
    /// Tools for the CNCF's artifact layout
    Cncf,
}

impl Doctor {
    /// Prints the verdicts.
    ///
    /// # Errors
    /// When there is no such image, or one of those asked about refuses it.
    pub fn run(self) -> Result<(), Failure> {
        let reference = ModuleRef::from_str(&self.module).map_err(Failure::user)?;
        let client = self.registry.client();
        let subject = common::block_on(tamis_oci::examine(&reference, &client))?.map_err(|error| match error {
            LoadError::Registry { .. } => Failure::environment(error),
            error => Failure::user(error),
        })?;
        let mut reports = doctor::examine(&subject);
        if !self.consumers.is_empty() {
            reports.retain(|report| self.consumers.iter().any(|asked| asked.consumer() == report.consumer));
        }
        let digests = subject.digests();
        if self.json {
            let document = json!({ "reference": self.module, "digests": digests, "verdicts": reports });
            println!("{}", serde_json::to_string_pretty(&document).map_err(Failure::environment)?);
        } else {
            println!("{}", self.module);
            for (digest, what) in digests.iter().zip(std::iter::once("").chain(std::iter::repeat("leads to "))) {
                println!("  {what}{digest}");
            }
            println!();
            print(&reports);
        }
        let minded = |report: &&Report| !self.consumers.is_empty() || report.consumer != Consumer::Cncf;
        let refusing = reports.iter().filter(minded).filter(|report| report.outcome == Outcome::Refused);
        let mut names = refusing.map(|report| report.consumer.name()).collect::<Vec<_>>();
        names.dedup();
        if names.is_empty() { Ok(()) } else { Err(Failure::user(format_args!("refused by {}", names.join(", ")))) }
    }
}

/// One paragraph for the versions of a consumer that say the same.
fn print(reports: &[Report]) {
    for same in reports.chunk_by(alike) {
        let (Some(first), Some(last)) = (same.first(), same.last()) else { continue };
        let version = match (first.version.as_str(), last.version.as_str()) {
            ("", _) => String::new(),
            (first, last) if first == last => format!(" {first}"),
            (first, last) => format!(" {first} to {last}"),
        };
        let outcome = match first.outcome {
            Outcome::Accepted => "accepted",
            Outcome::Unsure => "not sure",
            Outcome::Refused => "refused",
        };
        println!("{:<30}{outcome}{}", format!("{}{version}", first.consumer.name()), known(same));
        for finding in &first.findings {
            println!("    {}", told(finding));
            println!("      rule: {}", finding.source);
        }
    }
}

/// Whether two reports are told together.
fn alike(one: &Report, next: &Report) -> bool {
    let reasons = |report: &Report| {
        let whats = report.findings.iter().filter(|finding| finding.is_reason());
        whats.map(|finding| finding.what.clone()).collect::<Vec<_>>()
    };
    one.consumer == next.consumer && one.outcome == next.outcome && reasons(one) == reasons(next)
}

/// How it is known, where nobody ran it.
fn known(same: &[Report]) -> &'static str {
    let all = |known: Known| same.iter().all(|report| report.known == known);
    if all(Known::Documentation) {
        " (by its documentation)"
    } else if all(Known::Source) {
        " (by its source, not run)"
    } else if same.iter().any(|report| report.known == Known::Source) {
        " (the older ones by their source, not run)"
    } else {
        ""
    }
}

fn told(finding: &Finding) -> String {
    match &finding.advice {
        Some(advice) => format!("{}; {advice}", finding.what),
        None => finding.what.clone(),
    }
}

impl Asked {
    const fn consumer(self) -> Consumer {
        match self {
            Self::Istio => Consumer::Istio,
            Self::EnvoyGateway => Consumer::EnvoyGateway,
            Self::Higress => Consumer::Higress,
            Self::Google => Consumer::Google,
            Self::Envoy => Consumer::Envoy,
            Self::Cncf => Consumer::Cncf,
        }
    }
}
