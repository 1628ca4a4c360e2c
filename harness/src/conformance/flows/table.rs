//! The second set in the table and on its page.

use std::fmt;

use super::{Difference, Outcome};
use crate::conformance::compare::{Known, explained};

impl Outcome {
    /// How many flows are the same, differ, and differ with an explanation.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let unexplained = self.unexplained().count();
        (self.cases - self.differences.len(), unexplained, self.differences.len() - unexplained)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (- harness, + envoy)\n{}", self.flow, self.text)
    }
}

/// The table, a row for each version.
#[must_use]
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text =
        String::from("| Envoy | groups | streams | equal | different | explained |\n|---|---|---|---|---|---|\n");
    for outcome in outcomes {
        let (equal, different, explained) = outcome.counts();
        let (run, all) = outcome.groups;
        let (version, cases) = (&outcome.version, outcome.cases);
        text.push_str(&format!("| {version} | {run} of {all} | {cases} | {equal} | {different} | {explained} |\n"));
    }
    text
}

/// The second set's part of the page.
#[must_use]
pub fn section(outcomes: &[Outcome], known: &[Known]) -> String {
    let mut text = format!(
        "\n## Streams\n\nA case is a flow: one exchange, or a few, through one or two probes that pause, resume, change, answer, \
         call out or die as they are told. Recorders around them say in which frames and pieces Envoy got the messages, and \
         the harness gets the same. Compared are every callback with its arguments, every call with its answer, what the \
         upstream got and what the client got.\n\n{}",
        table(outcomes)
    );
    let mut rows = String::new();
    let counts = explained(known, outcomes.iter().flat_map(Outcome::explained));
    for (entry, counts) in known.iter().zip(counts).filter(|(entry, _)| !entry.flows.is_empty()) {
        let names = entry.flows.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let count: usize = counts.values().sum();
        rows.push_str(&format!("| {names} | {count} | {} | {} |\n", entry.rule, entry.why));
    }
    if !rows.is_empty() {
        text.push_str(
            "\nKnown differences, in all versions:\n\n| flows | differences | rule | why |\n|---|---|---|---|\n",
        );
        text.push_str(&rows);
    }
    text
}
