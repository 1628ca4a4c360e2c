//! What can be said of a plugin in a cluster.

use std::path::PathBuf;

use tamis_oci::Digest;
use tamis_oci::resource::{Attach, Code, Context, HttpCode, Phase, TargetRef};

use crate::failure::Failure;

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

    /// For which of their traffic (Istio); a gateway's for targets, else all
    #[arg(long, value_enum, value_name = "CONTEXT")]
    context: Option<ContextName>,

    /// For traffic to this port alone (Istio)
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// Have Envoy fetch the module itself, from a file server: http://HOST:PORT/PATH or https://... (EnvoyFilter)
    #[arg(long, value_name = "URL", value_parser = url)]
    code_url: Option<CodeUrl>,

    /// Write the resource for each cluster of this file, with the same digest, into folders of --out
    #[arg(long, value_name = "FILE", requires = "out")]
    pub clusters: Option<PathBuf>,

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

/// Where code is, but for its digest.
#[derive(Clone, Debug)]
struct CodeUrl {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

/// Istio's contexts.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ContextName {
    /// What comes to a workload
    SidecarInbound,
    /// What a workload sends
    SidecarOutbound,
    /// What goes through a gateway
    Gateway,
    /// All of it
    Any,
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

    /// The context that was named.
    pub fn context(&self) -> Option<Context> {
        Some(match self.context? {
            ContextName::SidecarInbound => Context::SidecarInbound,
            ContextName::SidecarOutbound => Context::SidecarOutbound,
            ContextName::Gateway => Context::Gateway,
            ContextName::Any => Context::Any,
        })
    }

    /// Who fetches the module, which has this digest.
    pub fn code(&self, digest: Digest) -> Result<Code, Failure> {
        Ok(match self.code_url.clone() {
            None => Code::Image,
            Some(CodeUrl { tls, host, port, path }) => Code::Http(HttpCode { tls, host, port, path, digest }),
        })
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
pub(super) fn label(text: &str) -> Result<String, String> {
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

fn url(text: &str) -> Result<CodeUrl, String> {
    let wrong = || "expected http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH".to_owned();
    let (tls, rest) = match text.split_once("://") {
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        _ => return Err(wrong()),
    };
    let (authority, path) = rest.split_once('/').ok_or_else(wrong)?;
    let is_graphic = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
        _ => (authority, if tls { 443 } else { 80 }),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if !is_graphic(host) || host.contains('@') || !is_graphic(path) {
        return Err(wrong());
    }
    Ok(CodeUrl { tls, host: host.to_owned(), port, path: format!("/{path}") })
}

pub(super) fn target(text: &str) -> Result<TargetRef, String> {
    match text.split_once('/') {
        Some((kind, name)) if kind.starts_with(|first: char| first.is_ascii_uppercase()) => {
            Ok(TargetRef { kind: kind.to_owned(), name: label(name)? })
        }
        _ => Err("expected KIND/NAME, as in Gateway/edge".to_owned()),
    }
}
