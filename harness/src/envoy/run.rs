//! Envoy as an engine.

use std::collections::{BTreeMap, BTreeSet};

use tamis_module::gate::EnvoyVersion;

use super::binary::EnvoyBinary;
use super::bootstrap::{Chain, Form};
use super::callouts::Clusters;
use super::chain::chain;
use super::play::{Behind, Player};
use super::process::{EnvoyError, indented, system};
use super::running::Running;
use crate::scenario::model::Step;
use crate::scenario::modules::{FilterError, Modules};
use crate::scenario::{Engine, ExchangeReport, Report, Scenario};

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

/// Runs scenarios in a real Envoy, each with a listener, an upstream and clusters of its own, in order; the exchanges of a
/// scenario go one after the other. Filters without a `vm_id` get one per scenario, so that scenarios share no VM and no
/// data. One process runs as many as can live together.
///
/// The answer has one entry per scenario, in order: its report, or why Envoy did not run it.
///
/// # Errors
///
/// [`EnvoyError`] when there is no Envoy that runs; no process is left then.
pub fn run_all(
    binary: &EnvoyBinary,
    scenarios: &[Scenario],
    modules: &mut Modules,
) -> Result<Vec<Result<Report, NotRun>>, EnvoyError> {
    run_all_as(binary, scenarios, modules, Form::Text)
}

/// The same, with configurations in the form that is asked for.
///
/// # Errors
///
/// Those of [`run_all`].
pub fn run_all_as(
    binary: &EnvoyBinary,
    scenarios: &[Scenario],
    modules: &mut Modules,
    form: Form,
) -> Result<Vec<Result<Report, NotRun>>, EnvoyError> {
    let mut reports = BTreeMap::new();
    let mut groups: Vec<Vec<Prepared<'_>>> = Vec::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        if let Some(why) = another(scenario, binary) {
            let exchanges = scenario.steps.iter().map(|step| ExchangeReport::not_run(step, &why)).collect();
            reports.insert(index, Ok(report(scenario, binary.version(), exchanges)));
            continue;
        }
        match Prepared::new(index, scenario, modules)? {
            Ok(prepared) => match groups.iter_mut().find(|group| prepared.fits(group)) {
                Some(group) => group.push(prepared),
                None => groups.push(vec![prepared]),
            },
            Err(error) => {
                reports.insert(index, Err(error));
            }
        }
    }
    for group in groups {
        let chains = group.iter().map(|prepared| prepared.chain.clone()).collect::<Vec<_>>();
        let envoy = Running::start(binary, &chains, form)?;
        for prepared in group {
            reports.insert(prepared.index, prepared.run(&envoy));
        }
    }
    Ok(reports.into_values().collect())
}

/// Why a scenario is about another Envoy than this one, if it is.
fn another(scenario: &Scenario, binary: &EnvoyBinary) -> Option<String> {
    let wanted = scenario.envoy?;
    // A build that names no release is none of them.
    let is_it = binary.version().parse::<EnvoyVersion>().is_ok_and(|version| version == wanted);
    (!is_it).then(|| format!("the scenario is about Envoy {wanted}, and this is {}", binary.version()))
}

fn report(scenario: &Scenario, version: &str, exchanges: Vec<ExchangeReport>) -> Report {
    let engine = format!("{} {version}", Engine::Envoy);
    Report { scenario: scenario.name.clone(), file: scenario.file.clone(), engine, exchanges }
}

/// A scenario with all that it needs outside of Envoy.
struct Prepared<'s> {
    index: usize,
    scenario: &'s Scenario,
    chain: Chain,
    behind: Behind,
    clusters: Clusters,
}

impl<'s> Prepared<'s> {
    fn new(index: usize, scenario: &'s Scenario, modules: &mut Modules) -> Result<Result<Self, NotRun>, EnvoyError> {
        let (behind, upstream) = Behind::start(scenario.kind).map_err(system("cannot start an upstream"))?;
        let unopened = system("cannot start a cluster");
        let mut clusters = Clusters::start(&scenario.clusters, &scenario.steps).map_err(&unopened)?;
        // Filters may call as soon as they are there.
        if let Some(start @ Step::Start(_)) = scenario.steps.first() {
            clusters.begin(start.callouts()).map_err(unopened)?;
        }
        let chain = chain(index, scenario, upstream, clusters.told(), modules);
        Ok(chain.map(|chain| Self { index, scenario, chain, behind, clusters }))
    }

    /// Whether it can share a process with others: filters can call any cluster that is there, metrics have one name for all,
    /// and log lines are told apart by VM ids.
    fn fits(&self, others: &[Self]) -> bool {
        let alone = |prepared: &Self| {
            let counts = |step: &Step| !step.expect().metrics.0.is_empty();
            !prepared.scenario.clusters.is_empty() || prepared.scenario.steps.iter().any(counts)
        };
        let vm_ids =
            |prepared: &Self| prepared.chain.plugins.iter().map(|plugin| plugin.vm_id.clone()).collect::<BTreeSet<_>>();
        let own = vm_ids(self);
        !alone(self) && others.iter().all(|other| !alone(other) && own.is_disjoint(&vm_ids(other)))
    }

    fn run(self, envoy: &Running) -> Result<Report, NotRun> {
        let address = envoy.address(&self.chain)?;
        let Self { scenario, chain, behind, clusters, .. } = self;
        let exchanges = Player::new(envoy, chain, address, behind, clusters).play(&scenario.steps);
        Ok(report(scenario, envoy.process().version(), exchanges))
    }
}
