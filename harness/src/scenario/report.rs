//! What came of a scenario, for people.

use std::fmt;

use super::check::Observed;
use crate::cost::Cost;

/// What came of a scenario on one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The engine.
    pub engine: String,
    /// Its exchanges.
    pub exchanges: Vec<ExchangeReport>,
}

/// What came of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeReport {
    /// Its name.
    pub name: String,
    /// What was seen.
    pub observed: Observed,
    /// What differs from the expectation.
    pub differences: Vec<String>,
    /// What it cost, where the engine can tell.
    pub cost: Option<Cost>,
}

impl Report {
    /// Whether everything was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.exchanges.iter().all(|exchange| exchange.differences.is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({})", self.scenario, self.engine)?;
        for exchange in &self.exchanges {
            let mark = if exchange.differences.is_empty() { "ok  " } else { "FAIL" };
            write!(f, "  {mark} {}", exchange.name)?;
            if let Some(cost) = &exchange.cost {
                write!(f, "  [{} VM entries, {} host calls, {} fuel]", cost.vm_entries, cost.host_calls(), cost.fuel)?;
            }
            writeln!(f)?;
            for difference in &exchange.differences {
                writeln!(f, "       {difference}")?;
            }
        }
        Ok(())
    }
}
