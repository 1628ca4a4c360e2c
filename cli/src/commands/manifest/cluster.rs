//! What can be said of a plugin in a cluster.

use tamis_oci::resource::{Attach, Phase, TargetRef};

/// The flags of resources for control planes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "In a cluster")]
pub struct ClusterFlags {
    /// The resource's name; the filter's own when it is left out
    #[arg(long, value_name = "NAME", value_parser = label)]
    pub name: Option<String>,

    /// Its namespace
    #[arg(long, value_name = "NAMESPACE", value_parser = label)]
    pub namespace: Option<String>,

    /// The workloads that it is for, by a label (Istio); may come several times
    #[arg(long = "selector", value_name = "LABEL=VALUE", value_parser = pair, conflicts_with = "targets")]
    labels: Vec<(String, String)>,

    /// The Gateway, route or service that it is for; may come several times
    #[arg(long = "target", value_name = "KIND/NAME", value_parser = target)]
    targets: Vec<TargetRef>,

    /// Where it stands among Istio's own filters; after all of them when it is left out
    #[arg(long, value_enum, value_name = "PHASE")]
    phase: Option<PhaseName>,

    /// Among filters of a phase the higher is first (Istio)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub priority: Option<i32>,

    /// The secret with the registry's credentials
    #[arg(long, value_name = "SECRET", value_parser = label)]
    pub pull_secret: Option<String>,

    /// An environment variable of the VM; may come several times
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    pub environment: Vec<(String, String)>,
}

/// Istio's phases.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum PhaseName {
    /// Before authentication
    Authn,
    /// Before authorization
    Authz,
    /// Before the statistics
    Stats,
}

impl ClusterFlags {
    /// The phase that was named.
    pub fn phase(&self) -> Phase {
        match self.phase {
            None => Phase::Last,
            Some(PhaseName::Authn) => Phase::Authn,
            Some(PhaseName::Authz) => Phase::Authz,
            Some(PhaseName::Stats) => Phase::Stats,
        }
    }

    /// For which proxies.
    pub fn attach(&self) -> Attach {
        match (self.labels.as_slice(), self.targets.as_slice()) {
            ([], []) => Attach::All,
            (labels, []) => Attach::Labels(labels.to_vec()),
            (_, targets) => Attach::Targets(targets.to_vec()),
        }
    }
}

/// A name as Kubernetes takes it.
fn label(text: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let is_name = text.len() <= 63 && text.chars().all(fits) && ends(text.chars().next()) && ends(text.chars().last());
    if is_name { Ok(text.to_owned()) } else { Err("expected up to 63 lower-case letters, digits and `-`".to_owned()) }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn target(text: &str) -> Result<TargetRef, String> {
    match text.split_once('/') {
        Some((kind, name)) if kind.starts_with(|first: char| first.is_ascii_uppercase()) => {
            Ok(TargetRef { kind: kind.to_owned(), name: label(name)? })
        }
        _ => Err("expected KIND/NAME, as in Gateway/edge".to_owned()),
    }
}
