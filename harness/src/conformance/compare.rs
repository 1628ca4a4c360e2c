//! Differences, those that are known, and the table.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::batch::{PHASES, Place};
use super::{Batch, ConformanceError, Line, Lines, Pool, emulated, flows, normal, real};
use crate::envoy::EnvoyBinary;

/// The VM whose lines are counted: the worker's. The canary's and the main thread's are compared and not counted again.
const WORKER: usize = 2;

/// A difference that is understood. Every field that is given must fit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Calls as the program has them, with their arguments; `*` stands for anything. An empty one is the callback itself.
    #[serde(default)]
    pub calls: Vec<String>,
    /// Flows of the second set, by name; `*` stands for anything.
    #[serde(default)]
    pub flows: Vec<String>,
    /// The phases; without, all.
    #[serde(default)]
    pub phases: Vec<String>,
    /// Batches; without, all. `*` stands for anything.
    #[serde(default)]
    pub batches: Vec<String>,
    /// Envoy's versions; without, all.
    #[serde(default)]
    pub versions: Vec<String>,
    /// What Envoy said; `*` stands for anything, and nothing for nothing.
    #[serde(default = "anything")]
    pub envoy: String,
    /// What the harness said, in the same way.
    #[serde(default = "anything")]
    pub harness: String,
    /// Why the two differ, and what will become of it.
    pub why: String,
    /// The rule of docs/envoy-behaviour.md that it is about.
    pub rule: String,
}

/// One line that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The batch's name.
    pub batch: String,
    /// Where.
    pub line: Line,
    /// The call; empty for the callback itself.
    pub call: String,
    /// What the probe logged in the harness; nothing when it logged nothing there.
    pub harness: Option<String>,
    /// What it logged in Envoy.
    pub envoy: Option<String>,
    /// The place in the list of the entry that explains it.
    pub known: Option<usize>,
}

/// What came of one version.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Envoy's version.
    pub version: String,
    /// How many batches were run, of how many.
    pub batches: (usize, usize),
    /// Calls and callbacks that were compared.
    pub cases: usize,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// Runs batches in the harness and in one version of Envoy.
///
/// # Errors
///
/// [`ConformanceError`] when one of the two does not run.
pub fn run(
    binary: &EnvoyBinary,
    module: &Path,
    batches: &[Batch],
    known: &[Known],
    pool: &Pool<'_>,
) -> Result<Outcome, ConformanceError> {
    let loaded = super::probe(module)?;
    let version = binary.version().to_owned();
    let behaviour = version.parse()?;
    let ran = pool.run(&version, &real::jobs(batches), |some| {
        Ok::<_, ConformanceError>((emulated::run(&loaded, some, behaviour)?, real::run(binary, module, some)?))
    })?;
    let (harness, envoy): (Vec<_>, Vec<_>) = ran.into_iter().unzip();
    let mut harness = harness.into_iter().flatten().collect::<BTreeMap<_, _>>();
    let mut envoy = envoy.into_iter().flatten().collect::<BTreeMap<_, _>>();
    let mut outcome = Outcome { version, batches: (batches.len(), batches.len()), cases: 0, differences: Vec::new() };
    for batch in batches {
        let mut ours = harness.remove(&batch.name).unwrap_or_default();
        let mut theirs = envoy.remove(&batch.name).unwrap_or_default();
        normal::normalise(batch, &mut ours);
        normal::normalise(batch, &mut theirs);
        outcome.add(batch, &mut ours, theirs, known);
    }
    Ok(outcome)
}

impl Outcome {
    /// Differences that no entry of the list explains.
    pub fn unexplained(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| difference.known.is_none())
    }

    /// Version and place in the list of every difference that an entry explains.
    pub fn explained(&self) -> impl Iterator<Item = (&str, usize)> {
        self.differences.iter().filter_map(|difference| Some((self.version.as_str(), difference.known?)))
    }

    /// How many cases are the same, differ, and differ with an explanation. A difference where nothing is counted, as in the
    /// canary, is one all the same when nothing explains it.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let cases = self.differences.iter().filter(|difference| is_case(&difference.line));
        let explained = cases.clone().filter(|difference| difference.known.is_some()).count();
        (self.cases - cases.count(), self.unexplained().count(), explained)
    }

    fn add(&mut self, batch: &Batch, ours: &mut Lines, theirs: Lines, known: &[Known]) {
        // That Envoy has died is one difference; what it would have done after that is not known.
        if batch.has_crashed(&theirs) {
            ours.retain(|line, _| theirs.contains_key(line));
        }
        let mut different = |line: Line, harness: Option<String>, envoy: Option<String>| {
            let call = batch.call(line.call).to_owned();
            let mut difference = Difference { batch: batch.name.clone(), line, call, harness, envoy, known: None };
            difference.known = known.iter().position(|known| known.explains(&self.version, &difference));
            self.differences.push(difference);
        };
        for (line, text) in theirs {
            self.cases += usize::from(is_case(&line));
            match ours.remove(&line) {
                Some(our) if our == text => {}
                our => different(line, our, Some(text)),
            }
        }
        for (line, text) in std::mem::take(ours) {
            self.cases += usize::from(is_case(&line));
            different(line, Some(text), None);
        }
    }
}

/// A call or a callback; its result is part of it.
fn is_case(line: &Line) -> bool {
    line.copy == WORKER && line.call != Place::Leave
}

impl Known {
    /// Whether this is about a flow, and explains it.
    pub(super) fn explains_flow(&self, version: &str, name: &str) -> bool {
        self.flows.iter().any(|flow| matches(flow, name))
            && (self.versions.is_empty() || self.versions.iter().any(|other| matches(other, version)))
    }

    fn explains(&self, version: &str, difference: &Difference) -> bool {
        let phase = phase(&difference.line);
        let fits = |list: &[String], text: &str| list.is_empty() || list.iter().any(|pattern| matches(pattern, text));
        self.calls.iter().any(|call| matches(call, &difference.call))
            && fits(&self.phases, phase)
            && fits(&self.batches, &difference.batch)
            && fits(&self.versions, version)
            && matches(&self.envoy, difference.envoy.as_deref().unwrap_or_default())
            && matches(&self.harness, difference.harness.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { copy, stream, visit, call, .. } = &self.line;
        let place = match call {
            Place::Enter => "begins".to_owned(),
            Place::Leave => "returns".to_owned(),
            Place::Call(index) => format!("{index}"),
        };
        let said = |text: &Option<String>| text.as_deref().unwrap_or("nothing").to_owned();
        writeln!(
            f,
            "{} vm {copy} stream {stream} {} (visit {visit}) {place}: {}",
            self.batch,
            phase(&self.line),
            self.call
        )?;
        writeln!(f, "  harness{}", said(&self.harness))?;
        write!(f, "  envoy  {}", said(&self.envoy))
    }
}

/// The table, a row for each version.
#[must_use]
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text =
        String::from("| Envoy | batches | cases | equal | different | explained |\n|---|---|---|---|---|---|\n");
    for outcome in outcomes {
        let (equal, different, explained) = outcome.counts();
        let (run, all) = outcome.batches;
        text.push_str(&format!(
            "| {} | {run} of {all} | {} | {equal} | {different} | {explained} |\n",
            outcome.version, outcome.cases
        ));
    }
    text
}

/// The page with the table and what explains the differences.
#[must_use]
pub fn page(outcomes: &[Outcome], streams: &[flows::Outcome], connections: &[Outcome], known: &[Known]) -> String {
    let mut text = format!(
        "# Conformance\n\nWritten by `make conformance ALL=1`; do not edit. A guest that calls every host function as it is \
         told, with valid and invalid arguments, in every callback, ran in the harness and in real Envoys; a case is a call or \
         a callback whose status word, data and log lines were compared.\n\n{}\n\
         The same by a network filter, in every callback of a connection; what client and upstream got of it is compared, too.\n\n\
         {}\n\
         ## Differences that are known\n\n\
         Where the two differ, Envoy is right. From `harness/conformance/known.yaml`; the count is of all versions.\n\n\
         | call | phases | differences | rule | why |\n|---|---|---|---|---|\n",
        table(outcomes),
        table(connections)
    );
    let counts = explained(known, outcomes.iter().chain(connections).flat_map(Outcome::explained));
    for (entry, counts) in known.iter().zip(counts).filter(|(entry, _)| entry.flows.is_empty()) {
        let phases = if entry.phases.is_empty() { "all".to_owned() } else { entry.phases.join(", ") };
        let name = |call: &String| if call.is_empty() { "the callback itself".to_owned() } else { format!("`{call}`") };
        let call = entry.calls.iter().map(name).collect::<Vec<_>>().join(", ");
        let count: usize = counts.values().sum();
        text.push_str(&format!("| {call} | {phases} | {count} | {} | {} |\n", entry.rule, entry.why));
    }
    text.push_str(
        "\n## Values that are not compared as they are\n\nNo two processes share them.\n\n| call | why |\n|---|---|\n",
    );
    for (call, why) in normal::reasons() {
        text.push_str(&format!("| `{call}` | {why} |\n"));
    }
    text.push_str(&flows::table::section(streams, known));
    text
}

/// How many differences each entry of the list explains, by version. `found` has a version and an entry's place for every
/// difference that one explains: see [`Outcome::explained`] and [`flows::Outcome::explained`].
#[must_use]
pub fn explained<'o>(known: &[Known], found: impl Iterator<Item = (&'o str, usize)>) -> Vec<BTreeMap<&'o str, usize>> {
    let mut counts = vec![BTreeMap::new(); known.len()];
    for (version, place) in found {
        if let Some(count) = counts.get_mut(place) {
            *count.entry(version).or_default() += 1;
        }
    }
    counts
}

fn phase(line: &Line) -> &'static str {
    PHASES.get(line.phase).copied().unwrap_or_default()
}

fn anything() -> String {
    "*".to_owned()
}

/// Whether a text fits a pattern whose `*` stand for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_with_stars() {
        for (pattern, text) in [("a", "a"), ("*", ""), ("a*", "abc"), ("*c", "abc"), ("a*b*c", "a1b2c"), ("a*c", "ac")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("", "a"), ("a*b", "a"), ("a*a", "a"), ("*b*", "ac")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
