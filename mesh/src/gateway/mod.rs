//! Envoy Gateway in its standalone mode.

mod attach;
mod objects;
mod split;
mod stage;
mod stale;
mod window;

use crate::failure::Failure;
use crate::report::Rows;
use crate::stage::Options;

pub use stage::ENVOY;

/// All checks, on a stage of their own.
pub fn checks(options: &Options) -> Result<Rows, Failure> {
    let stage = stage::Stage::start(options)?;
    let mut rows = Rows::default();
    attach::checks(&stage, &mut rows)?;
    split::checks(&stage, &mut rows)?;
    stale::checks(&stage, &mut rows)?;
    window::checks(&stage, &mut rows)?;
    rows.note(NOT_RUN);
    Ok(rows)
}

/// What is missing here, and why.
const NOT_RUN: &str = "Not run, because it needs Kubernetes itself: proxies as Deployments with their own rollout, and with them \
several proxies that take a change at different moments; admission, by which the API server itself refuses a resource; status \
written back into a resource. Standalone, the address and the certificates of the control plane's module server are set by an \
EnvoyPatchPolicy, because Envoy Gateway writes those of a cluster.";
