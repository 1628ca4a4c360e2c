//! What is done before a chain runs: its plugins are tried out, and what its VM ids have stored is held on to.

use std::sync::Arc;

use super::proxy::{FilterSpec, LoadError, Options};
use super::thread::Thread;
use super::vms::same_vm;
use crate::context::{Process, VmContext, VmIdHandle};

/// A configuration's part in what its VM ids have stored, in Envoy the base VMs' (rules `LIFE-2`, `SD-3`).
pub(super) fn holds(filters: &[Arc<FilterSpec>], process: &Arc<Process>) -> Vec<VmIdHandle> {
    filters.iter().map(|filter| VmIdHandle::new(process.clone(), &filter.plugin.vm_id)).collect()
}

/// Tries every filter out (rule `LIFE-3`). What a canary has registered is gone with it, its timers and callouts too.
pub(super) fn canaries(
    filters: &[Arc<FilterSpec>],
    process: &Arc<Process>,
    options: Options,
    running: Option<&Thread>,
) -> Result<(), LoadError> {
    for (index, filter) in filters.iter().enumerate() {
        let environment = &filter.plugin.environment;
        let mut names = environment.iter().map(|(name, _)| name).enumerate();
        if let Some((_, twice)) = names.find(|(at, name)| environment.iter().take(*at).any(|(other, _)| other == *name))
        {
            return Err(LoadError::Environment { filter: filter.plugin.name.clone(), name: twice.clone() });
        }
        let earlier = filters.iter().take(index).filter(|other| same_vm(other, filter, options.envoy));
        let earlier = earlier.collect::<Vec<_>>();
        // The base of all VMs of its key is started and never called (rule LIFE-2).
        if earlier.is_empty() && !running.is_some_and(|thread| thread.vms.has(filter)) {
            filter.module.start(VmContext::new(process.clone(), &filter.plugin, (usize::MAX, 0), options.envoy))?;
        }
        // The verdict on a plugin is kept.
        let known = earlier.into_iter().chain(running.iter().flat_map(|thread| thread.filters_of(filter)));
        if !known.into_iter().any(|other| other.plugin.is_same(&filter.plugin)) {
            Thread::canary(filter, process, options)?;
        }
    }
    Ok(())
}
