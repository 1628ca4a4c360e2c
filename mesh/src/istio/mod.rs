//! Istio: istiod, its agent and an Envoy as an ingress gateway.

mod agent;
mod attach;
mod failing;
mod filters;
mod objects;
mod sidecar;
mod stage;
mod update;

use crate::failure::Failure;
use crate::report::Rows;
use crate::stage::Options;

/// All checks, on a stage of their own.
pub fn checks(options: &Options) -> Result<Rows, Failure> {
    let stage = stage::Stage::start(options)?;
    let mut rows = Rows::default();
    attach::checks(&stage, &mut rows)?;
    filters::checks(&stage, &mut rows)?;
    sidecar::checks(&stage, &mut rows)?;
    failing::checks(&stage, &mut rows)?;
    update::checks(&stage, &mut rows)?;
    rows.note(NOT_RUN);
    Ok(rows)
}

/// What is missing here, and why.
const NOT_RUN: &str = "Not run, because it needs Kubernetes itself: redirection of traffic into a sidecar by iptables or a CNI plugin, \
and its injection by a webhook (the sidecar above listens on ports of its own); a waypoint, which the Gateway API's controller makes \
for `targetRefs` to a Service; admission, by which the API server itself refuses a resource (the kinds' rules are held against \
resources by other tests); status written back into a resource. Istio's own build of Envoy is not what runs here: its metadata \
exchange, ALPN and statistics filters are switched off.";
