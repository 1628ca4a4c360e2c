//! What came of a scenario, for people.

use std::fmt;
use std::path::PathBuf;

use super::budget::Figures;
use super::check::Observed;
use super::difference::Difference;
use super::engine::Engine;
use super::model::Scenario;
use super::paint::Paint;
use super::step::Step;
use crate::cost::Cost;

/// What came of a scenario on one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's file.
    pub file: PathBuf,
    /// The engine.
    pub engine: String,
    /// Its steps, exchanges and others.
    pub exchanges: Vec<ExchangeReport>,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeReport {
    /// Its name.
    pub name: String,
    /// Why this engine did not run it.
    pub not_run: Option<String>,
    /// What was seen.
    pub observed: Observed,
    /// What differs from the expectation.
    pub differences: Vec<Difference>,
    /// What was expected and cannot be seen by this engine.
    pub not_applicable: Vec<String>,
    /// What it cost, where the engine can tell.
    pub cost: Option<Cost>,
    /// Bytes by which the guests' memory grew, where the engine can tell.
    pub memory_growth: u64,
}

/// What came of an exchange, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All that this engine can see was as expected.
    Passed,
    /// Something was not.
    Failed,
    /// This engine cannot run it.
    NotApplicable,
}

impl ExchangeReport {
    /// What was seen, held against what was expected. An engine that knows no cost leaves it out.
    #[must_use]
    pub fn new(step: &Step, observed: Observed, cost: Option<Cost>, memory_growth: u64) -> Self {
        Self::on(Engine::Wasm, step, observed, cost, memory_growth)
    }

    /// The same on an engine that may not know all of the cost.
    pub(super) fn on(engine: Engine, step: &Step, observed: Observed, cost: Option<Cost>, memory_growth: u64) -> Self {
        let mut differences = step.differences(&observed);
        let mut not_applicable = observed.not_applicable(&step.expect());
        match (step.budget(), &cost) {
            (Some(budget), Some(cost)) => {
                let (budget, left_out) = budget.on(engine);
                differences.extend(budget.differences(&Figures::new(cost, memory_growth)));
                not_applicable.extend(left_out);
            }
            (Some(_), None) => not_applicable.push("budget".to_owned()),
            (None, _) => {}
        }
        let name = step.name().into_owned();
        Self { name, not_run: None, observed, differences, not_applicable, cost, memory_growth }
    }

    /// A step that this engine cannot run.
    #[must_use]
    pub fn not_run(step: &Step, why: &str) -> Self {
        Self { not_run: Some(why.to_owned()), ..Self::named(step.name().into_owned()) }
    }

    fn named(name: String) -> Self {
        Self {
            name,
            not_run: None,
            observed: Observed::default(),
            differences: Vec::new(),
            not_applicable: Vec::new(),
            cost: None,
            memory_growth: 0,
        }
    }

    /// What came of it, in a word.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (&self.not_run, self.differences.is_empty()) {
            (Some(_), _) => Verdict::NotApplicable,
            (None, true) => Verdict::Passed,
            (None, false) => Verdict::Failed,
        }
    }

    /// All that it cost, where the engine can tell.
    #[must_use]
    pub fn figures(&self) -> Option<Figures> {
        self.cost.map(|cost| Figures::new(&cost, self.memory_growth))
    }
}

impl Report {
    /// Of a scenario that could not be run at all: one exchange, which failed.
    #[must_use]
    pub fn refused(scenario: &Scenario, engine: &str, why: &str) -> Self {
        let name = "the scenario can be run".to_owned();
        let exchange = ExchangeReport { differences: vec![Difference::told(why)], ..ExchangeReport::named(name) };
        let (name, file) = (scenario.name.clone(), scenario.file.clone());
        Self { scenario: name, file, engine: engine.to_owned(), exchanges: vec![exchange] }
    }

    /// Whether everything that this engine can see was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.count(Verdict::Failed) == 0
    }

    /// How many exchanges came to this.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.exchanges.iter().filter(|exchange| exchange.verdict() == verdict).count()
    }

    /// The lines for a terminal or a log.
    #[must_use]
    pub fn text(&self, paint: Paint) -> String {
        let mut text = format!("{} ({})\n", self.scenario, self.engine);
        for exchange in &self.exchanges {
            let mark = match exchange.verdict() {
                Verdict::Passed => paint.good("ok  "),
                Verdict::Failed => paint.bad("FAIL"),
                Verdict::NotApplicable => paint.quiet("n/a "),
            };
            text.push_str(&format!("  {mark} {}", exchange.name));
            if let Some(why) = &exchange.not_run {
                text.push_str(&paint.quiet(&format!("  (not applicable: {why})")));
            }
            if let Some(cost) = &exchange.cost {
                let (entries, calls) = (cost.vm_entries, cost.host_calls());
                // Only a module burns fuel.
                let native = self.engine == Engine::Native.to_string();
                let fuel = if native { String::new() } else { format!(", {} fuel", cost.fuel) };
                text.push_str(&paint.quiet(&format!("  [{entries} VM entries, {calls} host calls{fuel}]")));
            }
            text.push('\n');
            for line in exchange.differences.iter().flat_map(|difference| difference.lines(paint)) {
                text.push_str(&format!("       {line}\n"));
            }
            if !exchange.not_applicable.is_empty() {
                let what = exchange.not_applicable.join(", ");
                text.push_str(&paint.quiet(&format!("       not applicable here, and not looked at: {what}\n")));
            }
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Paint::Plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_as;
    use crate::scenario::Seen;

    #[test]
    fn what_an_engine_cannot_do_is_said() {
        let exchange = parse_as("{name: a, budget: {fuel: 1}, expect: {log: [x]}}").unwrap();
        let exchange = Step::Exchange(Box::new(exchange));
        let observed =
            Observed { upstream: Some(Seen::default()), response: Some(Seen::default()), ..Observed::default() };
        let exchanges = vec![
            ExchangeReport::new(&exchange, observed, None, 0),
            ExchangeReport::not_run(&exchange, "it has no clock"),
        ];
        let report = Report { scenario: "s".to_owned(), file: PathBuf::new(), engine: "e".to_owned(), exchanges };
        assert_eq!(
            report.to_string(),
            "s (e)\n  ok   a\n       not applicable here, and not looked at: log, budget\n  n/a  a  (not applicable: it has no clock)\n"
        );
        assert!(report.passed());
        assert_eq!((report.count(Verdict::Passed), report.count(Verdict::NotApplicable)), (1, 1));
        assert!(report.text(Paint::Colour).contains("\u{1b}[32mok  \u{1b}[0m a"));
    }
}
