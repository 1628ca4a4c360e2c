//! A scenario's chain, as Envoy is told it.

use std::net::SocketAddr;

use tamis_module::plugin_config::{FailurePolicy, PluginConfig};

use super::bootstrap::{CalloutCluster, Chain};
use super::run::NotRun;
use super::wire;
use crate::document::Document;
use crate::scenario::callout::{CalloutKind, HttpAnswer, HttpOutcome};
use crate::scenario::model::{FilterEntry, Scenario};
use crate::scenario::modules::{FilterError, Modules};
use crate::stream;

/// The chain of a scenario, the `index`th of all. Filters without a VM id get the chain's name as one.
pub(super) fn chain(
    index: usize,
    scenario: &Scenario,
    upstream: SocketAddr,
    callouts: Vec<CalloutCluster>,
    modules: &mut Modules,
) -> Result<Chain, NotRun> {
    for step in &scenario.steps {
        let mut sent = step.exchange().map(|exchange| vec![&exchange.upstream.headers]).unwrap_or_default();
        for callout in step.callouts() {
            match &callout.kind {
                CalloutKind::Http { answer: HttpAnswer { outcome: HttpOutcome::Response(answer), .. }, .. } => {
                    sent.push(&answer.headers);
                }
                CalloutKind::Http { .. } => {}
                CalloutKind::Grpc(callout) => sent.extend([&callout.answer.metadata, &callout.answer.trailers]),
            }
        }
        for (name, value) in sent.into_iter().flat_map(|fields| &fields.0) {
            if let Some(why) = wire::unsendable(name, value) {
                let (exchange, header) = (step.name().into_owned(), name.escape_default().to_string());
                return Err(NotRun::Unsendable { exchange, header, why });
            }
        }
    }
    let name = format!("scenario-{index}");
    let plugin = |entry| plugin(entry, &name, scenario, modules);
    let plugins = scenario.filters.iter().map(plugin).collect::<Result<_, _>>()?;
    Ok(Chain { name, plugins, upstream, callouts, buffer_limit: scenario.buffer_limit, kind: scenario.kind })
}

fn plugin(
    entry: &FilterEntry,
    own: &str,
    scenario: &Scenario,
    modules: &mut Modules,
) -> Result<PluginConfig, FilterError> {
    let file = scenario.file.as_path();
    let plugin = modules.filter_for(entry, file, scenario.envoy)?.plugin;
    let module = modules.file(&entry.module, file)?;
    // Envoy runs in this folder too, but a full path can be read in its log.
    let module = std::path::absolute(&module).map_err(|error| FilterError::Read { file: module, error })?;
    Ok(PluginConfig {
        name: plugin.name,
        root_id: plugin.root_id,
        vm_id: if plugin.vm_id.is_empty() { own.to_owned() } else { plugin.vm_id },
        module_path: module.to_string_lossy().into_owned(),
        configuration: entry.config.as_ref().map(Document::to_configuration),
        vm_configuration: entry.vm_configuration.as_ref().map(Document::to_configuration),
        failure_policy: match entry.failure_policy {
            stream::FailurePolicy::Closed => FailurePolicy::Closed,
            stream::FailurePolicy::Open => FailurePolicy::Open,
            stream::FailurePolicy::Reload => FailurePolicy::Reload,
        },
        allow_on_headers_stop_iteration: entry.held_headers,
        environment: plugin.environment,
        allowed_capabilities: plugin.allowed_capabilities,
    })
}
