//! Istio: istiod, its agent and an Envoy as an ingress gateway.

mod agent;
mod attach;
mod failing;
mod filters;
mod objects;
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
    failing::checks(&stage, &mut rows)?;
    update::checks(&stage, &mut rows)?;
    rows.note(NOT_RUN);
    Ok(rows)
}

/// What is missing here, and why.
const NOT_RUN: &str = "Not run, because it needs Kubernetes itself: a sidecar that traffic is redirected into by iptables or a \
CNI plugin and that a webhook has injected; a waypoint, which is made for `targetRefs` to a Service by the Gateway API's \
controller; admission, by which the API server itself refuses a resource (the schemas' rules are held against resources by \
other tests); status written back into a resource.";
