//! What all scenarios of a folder cost, as a file: the gate of `make cost`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::model::Scenario;
use super::modules::Modules;
use super::run::{RunError, memory_use, run};
use crate::document::{DocumentError, parse_as};

/// How many requests memory is watched over.
const REQUESTS: usize = 10_000;

/// The figure that depends on wasmtime as well as on the compiler.
const FUEL: &str = "fuel";

/// Figures by their names.
pub type Costs = BTreeMap<String, u64>;

/// The recorded costs of a folder's scenarios.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// What is the same whatever made the modules: the scenarios by their file, relative to the folder.
    pub scenarios: BTreeMap<String, Entry>,
    /// What depends on the tools, by the compiler of the modules as `rustc --version` names it.
    pub compilers: BTreeMap<String, Recording>,
}

/// What one scenario costs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Bytes by which memory grows over 10,000 requests, after each exchange has been sent once.
    pub growth_over_10000_requests: u64,
    /// What each exchange costs, by its name.
    pub exchanges: BTreeMap<String, Costs>,
}

/// What depends on the tools.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The version of wasmtime, on which fuel depends.
    pub wasmtime: String,
    /// The sizes of the modules, in bytes.
    pub modules: Costs,
    /// The scenarios by their file.
    pub scenarios: BTreeMap<String, Measured>,
}

/// What of one scenario depends on the tools.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// The most bytes that the memory of its guests had in 10,000 requests.
    pub peak_memory: u64,
    /// The fuel of each exchange, by its name.
    pub fuel: Costs,
}

/// A figure that is not the recorded one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose: a module, a scenario, or an exchange of one.
    pub whose: String,
    /// Which figure.
    pub figure: String,
    /// What is recorded, if it is.
    pub recorded: Option<u64>,
    /// What it is now, if it is still there.
    pub now: Option<u64>,
}

/// Why there are no costs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A scenario cannot be run.
    #[error("{file}: {error}")]
    Run {
        /// Its file.
        file: String,
        /// Why.
        error: RunError,
    },
    /// A scenario fails: what it costs says nothing.
    #[error("{file} fails; `tamis test {file}` says how")]
    Failed {
        /// Its file.
        file: String,
    },
}

impl Ledger {
    /// Measures scenarios; their files are named relative to `folder`. Which compiler made the modules they say themselves.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] of the first scenario that cannot be run, or fails.
    pub fn measure(
        folder: &Path,
        scenarios: &[Scenario],
        modules: &mut Modules,
        wasmtime: &str,
    ) -> Result<Self, LedgerError> {
        let mut ledger = Self::default();
        let mut recording = Recording { wasmtime: wasmtime.to_owned(), ..Recording::default() };
        let mut compilers = BTreeSet::new();
        for scenario in scenarios {
            let refused = |error| LedgerError::Run { file: scenario.file.display().to_string(), error };
            let report = run(scenario, modules).map_err(refused)?;
            if !report.passed() {
                return Err(LedgerError::Failed { file: scenario.file.display().to_string() });
            }
            let memory = memory_use(scenario, modules, REQUESTS).map_err(refused)?;
            let mut entry = Entry { growth_over_10000_requests: memory.growth, ..Entry::default() };
            let mut measured = Measured { peak_memory: memory.peak, ..Measured::default() };
            for exchange in &report.exchanges {
                let Some(figures) = exchange.figures() else { continue };
                let named = figures.named().into_iter().map(|(name, figure)| (name.to_owned(), figure));
                let (fuel, costs) = named.partition::<Costs, _>(|(name, _)| name == FUEL);
                entry.exchanges.insert(exchange.name.clone(), costs);
                measured.fuel.extend(fuel.into_values().map(|fuel| (exchange.name.clone(), fuel)));
            }
            let name = scenario.file.strip_prefix(folder).unwrap_or(&scenario.file).to_string_lossy().into_owned();
            ledger.scenarios.insert(name.clone(), entry);
            recording.scenarios.insert(name, measured);
            for filter in &scenario.filters {
                let spec = modules.filter(filter, &scenario.file).map_err(|error| refused(error.into()))?;
                let wasm = spec.module.bytes();
                recording.modules.insert(filter.module.value.clone(), wasm.len() as u64);
                let compiler = tamis_module::compiler::read(wasm).ok().flatten();
                compilers.insert(compiler.unwrap_or_else(|| "an unknown compiler".to_owned()));
            }
        }
        ledger.compilers.insert(compilers.into_iter().collect::<Vec<_>>().join(", "), recording);
        Ok(ledger)
    }

    /// Reads a recorded one.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] with the line and column of what is wrong.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        parse_as(text)
    }

    /// The text of the file.
    ///
    /// # Errors
    ///
    /// When it cannot be written as YAML, which no name should bring about.
    pub fn to_yaml(&self) -> Result<String, String> {
        let text = serde_saphyr::to_string(self).map_err(|error| error.to_string())?;
        Ok(format!("# What each exchange costs, exactly. `make cost BLESS=1` writes this file.\n{text}"))
    }

    /// Every figure of `now` that is not as recorded here, as far as both were measured with the same tools: sizes and the
    /// peak of memory depend on the compiler, fuel on wasmtime too, nothing else on either.
    #[must_use]
    pub fn changes(&self, now: &Self) -> Vec<Change> {
        let mut changes = changed(&self.figures(), &now.figures());
        for (compiler, now) in &now.compilers {
            if let Some(recorded) = self.compilers.get(compiler) {
                let with_fuel = recorded.wasmtime == now.wasmtime;
                changes.extend(changed(&recorded.figures(with_fuel), &now.figures(with_fuel)));
            }
        }
        changes.sort_by(|one, other| (&one.whose, &one.figure).cmp(&(&other.whose, &other.figure)));
        changes
    }

    /// What of `now` cannot be held against what is recorded here, and why; nothing when all can.
    #[must_use]
    pub fn not_comparable(&self, now: &Self) -> Option<String> {
        now.compilers.iter().find_map(|(compiler, now)| match self.compilers.get(compiler) {
            None => {
                let recorded = self.compilers.keys().cloned().collect::<Vec<_>>().join(" and ");
                let recorded = if recorded.is_empty() { "nothing".to_owned() } else { recorded };
                Some(format!(
                    "fuel, module sizes and peak memory are not comparable: recorded with {recorded}, here it is {compiler}"
                ))
            }
            Some(recorded) if recorded.wasmtime != now.wasmtime => Some(format!(
                "fuel is not comparable: recorded with wasmtime {}, here it is {}",
                recorded.wasmtime, now.wasmtime
            )),
            Some(_) => None,
        })
    }

    /// What to record when `now` is meant. The recordings of other compilers stay, unless this change has made them old:
    /// they are of the source before it.
    #[must_use]
    pub fn blessed(mut self, now: Self) -> Self {
        let mut same_source = self.scenarios == now.scenarios;
        for (compiler, now) in &now.compilers {
            same_source &= self.compilers.get(compiler).is_none_or(|recorded| recorded.modules == now.modules);
        }
        if !same_source {
            self.compilers.clear();
        }
        self.compilers.extend(now.compilers);
        Self { scenarios: now.scenarios, compilers: self.compilers }
    }

    fn figures(&self) -> Figures {
        let mut figures = Figures::new();
        for (file, entry) in &self.scenarios {
            let growth = entry.growth_over_10000_requests;
            figures.insert((file.clone(), "growth_over_10000_requests".to_owned()), growth);
            for (exchange, costs) in &entry.exchanges {
                let whose = format!("{file}, {exchange}");
                figures.extend(costs.iter().map(|(name, figure)| ((whose.clone(), name.clone()), *figure)));
            }
        }
        figures
    }
}

impl Recording {
    fn figures(&self, with_fuel: bool) -> Figures {
        let modules = self.modules.iter();
        let mut figures =
            modules.map(|(name, bytes)| ((format!("module {name}"), "bytes".to_owned()), *bytes)).collect::<Figures>();
        for (file, measured) in &self.scenarios {
            figures.insert((file.clone(), "peak_memory".to_owned()), measured.peak_memory);
            let fuel = measured.fuel.iter().filter(|_| with_fuel);
            figures.extend(fuel.map(|(exchange, fuel)| ((format!("{file}, {exchange}"), FUEL.to_owned()), *fuel)));
        }
        figures
    }
}

/// Whose, which, how much.
type Figures = BTreeMap<(String, String), u64>;

fn changed(recorded: &Figures, now: &Figures) -> Vec<Change> {
    let keys = recorded.keys().chain(now.keys().filter(|key| !recorded.contains_key(*key)));
    let changes = keys.map(|key| Change {
        whose: key.0.clone(),
        figure: key.1.clone(),
        recorded: recorded.get(key).copied(),
        now: now.get(key).copied(),
    });
    changes.filter(|change| change.recorded != change.now).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        let exchange = "a: b # c".to_owned();
        let entry = Entry {
            growth_over_10000_requests: 0,
            exchanges: [(exchange.clone(), [("vm_entries".to_owned(), 3)].into())].into(),
        };
        let measured = Measured { peak_memory: 65536, fuel: [(exchange, 100)].into() };
        let recording = Recording {
            wasmtime: "1".to_owned(),
            modules: [("m".to_owned(), 1000)].into(),
            scenarios: [("s.yaml".to_owned(), measured)].into(),
        };
        Ledger {
            scenarios: [("s.yaml".to_owned(), entry)].into(),
            compilers: [("rustc 1".to_owned(), recording)].into(),
        }
    }

    type Row = (String, String, Option<u64>, Option<u64>);

    fn rows(changes: Vec<Change>) -> Vec<Row> {
        changes.into_iter().map(|it| (it.whose, it.figure, it.recorded, it.now)).collect()
    }

    /// The changed ledger, and what differs from the first.
    fn after(change: impl FnOnce(&mut Entry, &mut Recording)) -> (Ledger, Vec<Row>) {
        let mut now = ledger();
        change(now.scenarios.get_mut("s.yaml").unwrap(), now.compilers.get_mut("rustc 1").unwrap());
        let changes = rows(ledger().changes(&now));
        (now, changes)
    }

    fn entries(entry: &mut Entry, vm_entries: u64) {
        *entry.exchanges.get_mut("a: b # c").unwrap().get_mut("vm_entries").unwrap() = vm_entries;
    }

    fn rebuilt(recording: &mut Recording) {
        *recording.modules.get_mut("m").unwrap() = 900;
        let measured = recording.scenarios.get_mut("s.yaml").unwrap();
        measured.peak_memory = 131_072;
        *measured.fuel.get_mut("a: b # c").unwrap() = 90;
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(Ledger::parse(&ledger().to_yaml().unwrap()).unwrap(), ledger());
    }

    #[test]
    fn every_change_counts_up_and_down() {
        let row =
            |whose: &str, figure: &str, recorded, now| (whose.to_owned(), figure.to_owned(), Some(recorded), Some(now));
        assert_eq!(after(|_, _| {}).1, []);
        assert_eq!(after(|entry, _| entries(entry, 4)).1, [row("s.yaml, a: b # c", "vm_entries", 3, 4)]);
        assert_eq!(after(|entry, _| entries(entry, 2)).1, [row("s.yaml, a: b # c", "vm_entries", 3, 2)]);
        let growth = after(|entry, _| entry.growth_over_10000_requests = 65536).1;
        assert_eq!(growth, [row("s.yaml", "growth_over_10000_requests", 0, 65536)]);
        assert_eq!(
            after(|_, recording| rebuilt(recording)).1,
            [
                row("module m", "bytes", 1000, 900),
                row("s.yaml", "peak_memory", 65536, 131_072),
                row("s.yaml, a: b # c", "fuel", 100, 90)
            ]
        );
        let gone = ledger().changes(&Ledger { scenarios: BTreeMap::new(), ..ledger() });
        assert!(gone.len() == 2 && gone.iter().all(|change| change.now.is_none()), "{gone:?}");
    }

    #[test]
    fn other_tools_make_some_figures_say_nothing() {
        let (mut now, _) = after(|_, recording| {
            rebuilt(recording);
            recording.wasmtime = "2".to_owned();
        });
        let figures = |changes: Vec<Change>| changes.into_iter().map(|change| change.figure).collect::<Vec<_>>();
        assert_eq!(figures(ledger().changes(&now)), ["bytes", "peak_memory"]);
        let why = "fuel is not comparable: recorded with wasmtime 1, here it is 2";
        assert_eq!(ledger().not_comparable(&now).as_deref(), Some(why));
        let recording = now.compilers.remove("rustc 1").unwrap();
        now.compilers.insert("rustc 2".to_owned(), recording);
        entries(now.scenarios.get_mut("s.yaml").unwrap(), 4);
        assert_eq!(figures(ledger().changes(&now)), ["vm_entries"]);
        let why = ledger().not_comparable(&now).unwrap();
        assert!(why.ends_with("not comparable: recorded with rustc 1, here it is rustc 2"), "{why}");
        assert_eq!(ledger().not_comparable(&ledger()), None);
    }

    #[test]
    fn recordings_of_other_compilers_stay_until_the_source_changes() {
        let compilers = |ledger: Ledger| ledger.compilers.into_keys().collect::<Vec<_>>();
        let mut second = ledger();
        let recording = second.compilers.remove("rustc 1").unwrap();
        second.compilers.insert("rustc 2".to_owned(), recording);
        let both = ledger().blessed(second.clone());
        assert_eq!(compilers(both.clone()), ["rustc 1", "rustc 2"]);
        assert_eq!(both.changes(&ledger()), []);
        let (rebuilt, _) = after(|_, recording| rebuilt(recording));
        assert_eq!(compilers(both.clone().blessed(rebuilt)), ["rustc 1"]);
        let (dearer, _) = after(|entry, _| entries(entry, 4));
        assert_eq!(compilers(both.blessed(dearer)), ["rustc 1"]);
    }
}
