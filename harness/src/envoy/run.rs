//! Envoy as an engine.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};
use tempfile::TempDir;

use super::binary::EnvoyBinary;
use super::bootstrap::{self, Chain};
use super::process::{EnvoyError, EnvoyProcess, indented, system};
use super::upstream::Upstream;
use super::{log, wire};
use crate::document::Document;
use crate::gateway::client;
use crate::scenario::engine::Plan;
use crate::scenario::model::{FilterEntry, Scenario, Step};
use crate::scenario::modules::{FilterError, Modules};
use crate::scenario::{Engine, ExchangeReport, Observed, Report};
use crate::stream;

/// Why one scenario was not run; the others were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotRun {
    /// A filter cannot be used.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// Envoy says no to the chain.
    #[error("Envoy rejects the chain: {verdict}{}", indented(.log))]
    Rejected {
        /// Why, in Envoy's words.
        verdict: String,
        /// What the module said, when it was the module that said no.
        log: Vec<String>,
    },
    /// HTTP cannot carry what the upstream shall answer.
    #[error("exchange `{exchange}`: the upstream cannot answer with the header `{header}`: {why}")]
    Unsendable {
        /// The exchange's name.
        exchange: String,
        /// The header's name, escaped.
        header: String,
        /// Why; never with its value.
        why: &'static str,
    },
}

/// Runs scenarios in one Envoy, each with a listener and an upstream of its own, in order; the exchanges of a scenario go
/// one after the other. Filters without a `vm_id` get one per scenario, so that scenarios share no VM and no data.
///
/// The answer has one entry per scenario, in order: its report, or why Envoy did not run it.
///
/// # Errors
///
/// [`EnvoyError`] when there is no Envoy that runs; nothing has been run then, and no process is left.
pub fn run_all(
    binary: &EnvoyBinary,
    scenarios: &[Scenario],
    modules: &mut Modules,
) -> Result<Vec<Result<Report, NotRun>>, EnvoyError> {
    let mut prepared = Vec::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        let upstream = Upstream::start().map_err(system("cannot start an upstream"))?;
        prepared.push(chain(index, scenario, upstream.address(), modules).map(|chain| (chain, upstream)));
    }
    let chains = prepared.iter().flatten().map(|(chain, _)| chain.clone()).collect::<Vec<_>>();
    let envoy = Running::start(binary, &chains)?;
    let run = |(scenario, prepared): (&Scenario, Result<(Chain, Upstream), NotRun>)| {
        let (chain, upstream) = prepared?;
        let address = envoy.address(&chain)?;
        let mut plan = Plan::new(Engine::Envoy);
        let exchanges = scenario.steps.iter().map(|step| step_report(address, &upstream, &mut plan, step));
        let engine = format!("envoy {}", binary.version());
        let (name, file) = (scenario.name.clone(), scenario.file.clone());
        Ok(Report { scenario: name, file, engine, exchanges: exchanges.collect() })
    };
    Ok(scenarios.iter().zip(prepared).map(run).collect())
}

/// An Envoy with its listeners, and the folder where it found them.
struct Running {
    process: EnvoyProcess,
    _listeners: TempDir,
    accepted: BTreeMap<String, SocketAddr>,
    rejected: BTreeMap<String, String>,
}

impl Running {
    fn start(binary: &EnvoyBinary, chains: &[Chain]) -> Result<Self, EnvoyError> {
        let (folder, file) = write_listeners(&bootstrap::listeners(chains))
            .map_err(system("cannot write the configuration of Envoy's listeners"))?;
        let process = EnvoyProcess::start(binary, &bootstrap::bootstrap(chains, &file))?;
        let (accepted, rejected) = (process.listeners()?, process.rejected_listeners()?);
        Ok(Self { process, _listeners: folder, accepted, rejected })
    }

    fn address(&self, chain: &Chain) -> Result<SocketAddr, NotRun> {
        if let Some(address) = self.accepted.get(&chain.name) {
            return Ok(*address);
        }
        let vm_ids = chain.plugins.iter().map(|plugin| plugin.vm_id.clone()).collect::<Vec<_>>();
        let verdict = self.rejected.get(&chain.name).map_or("no reason is given", String::as_str);
        Err(NotRun::Rejected {
            verdict: verdict.to_owned(),
            log: log::complaints_about(&self.process.log(), &chain.name, &vm_ids),
        })
    }
}

fn write_listeners(listeners: &Value) -> io::Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("listeners.json");
    std::fs::write(&file, listeners.to_string())?;
    Ok((folder, file))
}

fn chain(index: usize, scenario: &Scenario, upstream: SocketAddr, modules: &mut Modules) -> Result<Chain, NotRun> {
    for exchange in scenario.exchanges() {
        for (name, value) in &exchange.upstream.headers.0 {
            if let Some(why) = wire::unsendable(name, value) {
                let (exchange, header) = (exchange.name.clone(), name.escape_default().to_string());
                return Err(NotRun::Unsendable { exchange, header, why });
            }
        }
    }
    let name = format!("scenario-{index}");
    let plugin = |entry| plugin(entry, &name, &scenario.file, modules);
    let plugins = scenario.filters.iter().map(plugin).collect::<Result<_, _>>()?;
    Ok(Chain { name, plugins, upstream })
}

fn plugin(entry: &FilterEntry, own: &str, file: &Path, modules: &mut Modules) -> Result<PluginConfig, FilterError> {
    let plugin = modules.filter(entry, file)?.plugin;
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

fn step_report(envoy: SocketAddr, upstream: &Upstream, plan: &mut Plan, step: &Step) -> ExchangeReport {
    if let Some(why) = plan.skips(step) {
        return ExchangeReport::not_run(step, why);
    }
    let Some(exchange) = step.exchange() else { return ExchangeReport::not_run(step, "it is no exchange") };
    upstream.expect(&exchange.upstream);
    let (response, note) = match client::send_blocking(envoy, &exchange.request) {
        Ok(response) => (Some(response), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let observed = Observed { upstream: upstream.take_seen(), response, note, ..Observed::default() };
    ExchangeReport::new(step, observed, None, 0)
}
