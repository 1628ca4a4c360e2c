//! Everybody who is known, a file each.

mod cncf;
mod envoy;
mod envoy_gateway;
mod google;
mod higress;
mod istio;

use serde::Serialize;

use super::{Report, Subject};

/// Somebody who loads modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consumer {
    /// Istio's agent and proxy.
    Istio,
    /// Envoy Gateway and its proxies.
    EnvoyGateway,
    /// Higress.
    Higress,
    /// Google Cloud's Service Extensions.
    Google,
    /// An Envoy that finds the module in a file.
    Envoy,
    /// Tools for the artifact layout of the CNCF: wkg, Spin, wasmCloud, runwasi.
    Cncf,
}

impl Consumer {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 6] = [Self::Istio, Self::EnvoyGateway, Self::Higress, Self::Google, Self::Envoy, Self::Cncf];

    /// The name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Istio => "Istio",
            Self::EnvoyGateway => "Envoy Gateway",
            Self::Higress => "Higress",
            Self::Google => "Google Service Extensions",
            Self::Envoy => "Envoy",
            Self::Cncf => "CNCF tools",
        }
    }
}

/// What each of them does, in the order of [`Consumer::ALL`].
pub(super) fn reports(subject: &Subject) -> Vec<Report> {
    Consumer::ALL
        .iter()
        .flat_map(|consumer| match consumer {
            Consumer::Istio => istio::reports(subject),
            Consumer::EnvoyGateway => envoy_gateway::reports(subject),
            Consumer::Higress => higress::reports(subject),
            Consumer::Google => google::reports(subject),
            Consumer::Envoy => envoy::reports(subject),
            Consumer::Cncf => cncf::reports(subject),
        })
        .collect()
}
