//! The harness as an engine.

use super::changes::changes;
use super::difference::Difference;
use super::engine::Plan;
use super::model::Scenario;
use super::modules::{FilterError, Modules};
use super::report::{ExchangeReport, Report};
use super::session::Session;
use super::snapshot::{Snapshots, message_lines};
use super::step::Step;
use crate::stream::{FilterSpec, LoadError};

/// A scenario that could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A filter cannot be used.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The chain cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There are snapshots that cannot be read.
    #[error("cannot read {}: {error}; check its rights, or write it anew by `tamis test --bless`", .file.display())]
    Snapshots {
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// Runs a scenario in the harness, on modules or on native filters: what these cannot do is not run, nor what builds upon
/// it.
///
/// # Errors
///
/// [`RunError`] when the chain cannot be loaded; what a step shows is in the report.
pub fn run(scenario: &Scenario, modules: &mut Modules) -> Result<Report, RunError> {
    let engine = modules.engine();
    let (name, file) = (scenario.name.clone(), scenario.file.clone());
    let report = |exchanges| Report { scenario: name, file, engine: engine.to_string(), exchanges };
    let filters = match filters(scenario, modules) {
        Err(missing @ FilterError::NotNative { .. }) => {
            let steps = scenario.steps.iter();
            return Ok(report(steps.map(|step| ExchangeReport::not_run(step, &missing.to_string())).collect()));
        }
        filters => filters?,
    };
    let snapshots = Snapshots::read(&scenario.file)
        .map_err(|error| RunError::Snapshots { file: Snapshots::file(&scenario.file), error })?;
    let mut session = Session::start(scenario, &filters)?;
    let mut plan = Plan::new(engine);
    let (mut exchanges, mut earlier) = (Vec::new(), Vec::new());
    for step in &scenario.steps {
        if let Some(why) = plan.skips(step) {
            exchanges.push(ExchangeReport::not_run(step, why));
            continue;
        }
        let memory = session.memory_bytes();
        let outcome = session.step(step, &Cuts::first(step));
        let growth = session.memory_bytes().saturating_sub(memory) as u64;
        let mut report = ExchangeReport::on(engine, step, outcome.observed, outcome.cost, growth);
        report.differences.extend(outcome.differences);
        if step.expect().snapshot {
            report.differences.extend(snapshots.differences(&step.name(), &report.observed));
        }
        if let Some(found) = first_split(scenario, &filters, &earlier, step, &report)? {
            report.differences.extend(found);
        }
        exchanges.push(report);
        earlier.push(step);
    }
    Ok(report(exchanges))
}

/// The memory of a chain's guests, all workers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// The most bytes that it had.
    pub peak: u64,
    /// The bytes by which it grew after every step had been done once.
    pub growth: u64,
}

/// What memory a chain takes while the exchanges of a scenario are sent again and again, about `requests` of them, after
/// all of its steps have been done once.
///
/// # Errors
///
/// [`RunError`] when the chain cannot be loaded.
pub fn memory_use(scenario: &Scenario, modules: &mut Modules, requests: usize) -> Result<MemoryUse, RunError> {
    let mut session = Session::start(scenario, &filters(scenario, modules)?)?;
    for step in &scenario.steps {
        session.step(step, &Cuts::first(step));
    }
    let before = session.memory_bytes() as u64;
    // It can become less where a VM that failed is loaded anew.
    let mut peak = before;
    let exchanges = scenario.steps.iter().filter(|step| step.is_traffic()).collect::<Vec<_>>();
    for _ in 0..requests.checked_div(exchanges.len()).unwrap_or_default() {
        for step in &exchanges {
            session.step(step, &Cuts::first(step));
        }
        peak = peak.max(session.memory_bytes() as u64);
    }
    Ok(MemoryUse { peak, growth: peak - before })
}

fn filters(scenario: &Scenario, modules: &mut Modules) -> Result<Vec<FilterSpec>, FilterError> {
    scenario.filters.iter().map(|entry| modules.filter_for(entry, &scenario.file, scenario.envoy)).collect()
}

/// Where what a step sends is cut, in the order of its [bodies](Step::bodies).
#[derive(Debug, Clone, Default)]
pub(super) struct Cuts(Vec<Vec<usize>>);

impl Cuts {
    pub(super) fn first(step: &Step) -> Self {
        Self(step.bodies().iter().map(|(_, body)| body.split().cuts(body.len())).collect())
    }

    /// Those of one body.
    pub(super) fn of(&self, body: usize) -> &[usize] {
        self.0.get(body).map(Vec::as_slice).unwrap_or_default()
    }

    /// All other ways that `split: all` asks for, one body after the other, each with its name.
    fn others(step: &Step) -> Vec<(String, Self)> {
        let first = Self::first(step);
        let named = |what: &str, cuts: &[usize]| match cuts {
            [cut] => format!("{what} in two pieces, cut before byte {cut}"),
            cuts => format!("{what} in {} pieces, cut before the bytes {cuts:?}", cuts.len() + 1),
        };
        let mut others = Vec::new();
        for (at, (name, body)) in step.bodies().into_iter().enumerate() {
            for cuts in body.split().variants(body.len()) {
                let name = named(&name, &cuts);
                let mut all = first.clone();
                all.0.get_mut(at).into_iter().for_each(|place| place.clone_from(&cuts));
                others.push((name, all));
            }
        }
        others
    }
}

/// The first way to cut a body that comes to something else than the `whole` one. Each is tried in a proxy of its own that
/// has seen the steps before this one, so that they cannot change each other's outcome.
fn first_split(
    scenario: &Scenario,
    filters: &[FilterSpec],
    earlier: &[&Step],
    step: &Step,
    whole: &ExchangeReport,
) -> Result<Option<Vec<Difference>>, LoadError> {
    let expected = step.differences(&whole.observed);
    for (name, cuts) in Cuts::others(step) {
        let mut session = Session::start(scenario, filters)?;
        for step in earlier {
            session.step(step, &Cuts::first(step));
        }
        let outcome = session.step(step, &cuts);
        let changed = changes(&message_lines(&whole.observed), &message_lines(&outcome.observed));
        if !changed.is_empty() {
            let head = format!("split: `-` is what comes of the whole, `+` of the {name}");
            let lines = [head].into_iter().chain(changed.into_iter().map(|line| format!("  {line}")));
            return Ok(Some(lines.map(Difference::told).collect()));
        }
        let differences = step.differences(&outcome.observed);
        if differences != expected {
            return Ok(Some(differences.into_iter().map(|found| found.within(&format!("split: {name}"))).collect()));
        }
        // What the whole body has found is told there.
        let new = outcome.differences.into_iter().filter(|found| !whole.differences.contains(found));
        let new = new.map(|found| found.within(&format!("split: {name}"))).collect::<Vec<_>>();
        if !new.is_empty() {
            return Ok(Some(new));
        }
    }
    Ok(None)
}
