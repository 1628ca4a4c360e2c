//! Who would take an image, who would not, and why.
//!
//! Everybody who loads Proxy-Wasm modules has rules of their own for the image around them: which media types, how many layers, which
//! file. They agree on little, and their messages seldom say what to do. Here the rules of each are data, in a file a consumer, with
//! the place where they were read; one [`Subject`] is held against all of them, and [`examine`] says what comes of it.
//!
//! What Istio's own fetcher said of many images is recorded in this crate's tests, and compared with what is said here.

mod archive;
mod consumers;
mod fetch;
mod manifest;
mod realm;
mod subject;

use serde::Serialize;
use tamis_module::gate::{self, Certainty, EnvoyVersion};

pub use consumers::Consumer;
pub use subject::Subject;
pub(crate) use subject::{Walk, Wanted};

use crate::Digest;

/// What one consumer, in one range of versions, does with an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whom it is about.
    pub consumer: Consumer,
    /// Which versions, such as `1.28`.
    pub version: String,
    /// What they do.
    pub outcome: Outcome,
    /// How this is known.
    pub known: Known,
    /// Every reason; of an accepted image, what is worth knowing.
    pub findings: Vec<Finding>,
}

/// What comes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is loaded.
    Accepted,
    /// Its documentation does not settle it.
    Unsure,
    /// It is not loaded.
    Refused,
}

/// How a verdict is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// The consumer itself was run over such images and modules.
    Run,
    /// Its source was read, and it was not run.
    Source,
    /// Its documentation was read.
    Documentation,
}

/// One reason or remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was found.
    pub what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Where the rule stands.
    pub source: String,
    /// What it does to the outcome; `accepted` for a remark.
    #[serde(skip)]
    pub(crate) weight: Outcome,
}

/// What a consumer gets out of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The module.
    pub wasm: Vec<u8>,
    /// The manifest that was taken, which is what a checksum is compared with; none of a plain file.
    pub manifest: Option<Digest>,
}

/// What all known consumers do with it, in a fixed order. Runs no code of it; takes time in proportion to its size.
#[must_use]
pub fn examine(subject: &Subject) -> Vec<Report> {
    consumers::reports(subject)
}

/// What Istio's and Envoy Gateway's fetchers take out of it.
///
/// # Errors
/// Why they take nothing.
pub fn mesh_takes(subject: &Subject) -> Result<Taken, Vec<Finding>> {
    fetch::mesh(subject)
}

impl Finding {
    fn refused(what: impl Into<String>, advice: &str, source: &str) -> Self {
        let advice = (!advice.is_empty()).then(|| advice.to_owned());
        Self { what: what.into(), advice, source: source.to_owned(), weight: Outcome::Refused }
    }

    fn unsure(what: impl Into<String>, advice: &str, source: &str) -> Self {
        Self { weight: Outcome::Unsure, ..Self::refused(what, advice, source) }
    }

    /// Whether it is a reason for an outcome, and no remark.
    #[must_use]
    pub fn is_reason(&self) -> bool {
        self.weight != Outcome::Accepted
    }

    fn remark(what: impl Into<String>, source: &str) -> Self {
        Self { weight: Outcome::Accepted, ..Self::refused(what, "", source) }
    }
}

impl Report {
    fn new(consumer: Consumer, version: impl Into<String>, known: Known, findings: Vec<Finding>) -> Self {
        let outcome = findings.iter().map(|finding| finding.weight).max().unwrap_or(Outcome::Accepted);
        Self { consumer, version: version.into(), outcome, known, findings }
    }
}

/// What one Envoy holds against a module.
fn envoys(wasm: &[u8], envoy: EnvoyVersion) -> Vec<Finding> {
    let Err(refusal) = gate::check_for(wasm, envoy) else { return Vec::new() };
    let source = format!("docs/envoy-behaviour.md, as Envoy {envoy} does{}", envoy.certainty().remark());
    // The reason's text ends with what to do.
    refusal.reasons.iter().map(|reason| Finding::refused(reason.to_string(), "", &source)).collect()
}

fn known(envoy: EnvoyVersion) -> Known {
    match envoy.certainty() {
        Certainty::Run => Known::Run,
        Certainty::FromSource => Known::Source,
    }
}
