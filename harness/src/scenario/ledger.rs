//! What all scenarios of a folder cost, as a file: the gate of `make cost`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::budget::Figures;
use super::model::Scenario;
use super::modules::Modules;
use super::run::{RunError, memory_growth, run};
use crate::document::{DocumentError, parse_as};

/// How many requests the growth of memory is measured over.
const REQUESTS: usize = 10_000;

/// The recorded costs of a folder's scenarios, and with what they were measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The compiler of the modules, as `rustc -V` says it.
    pub compiler: String,
    /// The version of wasmtime.
    pub wasmtime: String,
    /// The sizes of the modules, in bytes.
    pub modules: BTreeMap<String, u64>,
    /// The scenarios by their file, relative to the folder.
    pub scenarios: BTreeMap<String, Entry>,
}

/// What one scenario costs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Bytes by which memory grows over 10,000 requests, after each exchange has been sent once.
    pub growth_over_10000_requests: u64,
    /// What each exchange costs, by its name.
    pub exchanges: BTreeMap<String, Figures>,
}

/// A figure that is not the recorded one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose: a module, a scenario, or an exchange of one.
    pub whose: String,
    /// Which figure.
    pub figure: &'static str,
    /// What is recorded, if it is.
    pub recorded: Option<u64>,
    /// What it is now, if it is still there.
    pub now: Option<u64>,
    /// Whether both were measured with the same tools; where not, the figures say nothing.
    pub comparable: bool,
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
    /// A module cannot be read.
    #[error("cannot read the module {file}: {error}; `make modules` builds it")]
    Module {
        /// Its file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
}

impl Ledger {
    /// Measures scenarios; their files are named relative to `folder`.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] of the first scenario that cannot be run, or fails.
    pub fn measure(
        folder: &Path,
        scenarios: &[Scenario],
        modules: &mut Modules,
        compiler: &str,
        wasmtime: &str,
    ) -> Result<Self, LedgerError> {
        let mut ledger = Self { compiler: compiler.to_owned(), wasmtime: wasmtime.to_owned(), ..Self::default() };
        for scenario in scenarios {
            let file = || scenario.file.display().to_string();
            let report = run(scenario, modules).map_err(|error| LedgerError::Run { file: file(), error })?;
            if !report.passed() {
                return Err(LedgerError::Failed { file: file() });
            }
            let growth =
                memory_growth(scenario, modules, REQUESTS).map_err(|error| LedgerError::Run { file: file(), error })?;
            let exchanges = report.exchanges.iter();
            let exchanges =
                exchanges.filter_map(|exchange| Some((exchange.name.clone(), exchange.figures()?))).collect();
            let name = scenario.file.strip_prefix(folder).unwrap_or(&scenario.file).to_string_lossy().into_owned();
            ledger.scenarios.insert(name, Entry { growth_over_10000_requests: growth, exchanges });
            for filter in &scenario.filters {
                let path = modules.file(&filter.module, &scenario.file);
                let path = path.map_err(|error| LedgerError::Run { file: file(), error: error.into() })?;
                let module = |error| LedgerError::Module { file: path.display().to_string(), error };
                ledger.modules.insert(filter.module.value.clone(), std::fs::metadata(&path).map_err(module)?.len());
            }
        }
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

    /// Every figure of `now` that is not as recorded here. Fuel and sizes are comparable when the tools are the same.
    #[must_use]
    pub fn changes(&self, now: &Self) -> Vec<Change> {
        let same_compiler = self.compiler == now.compiler;
        let same_tools = same_compiler && self.wasmtime == now.wasmtime;
        let (old, new) = (self.figures(), now.figures());
        let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(key)));
        let mut changes = keys
            .map(|(whose, figure)| {
                let key = (whose.clone(), *figure);
                let comparable = match *figure {
                    "fuel" => same_tools,
                    "bytes" => same_compiler,
                    _ => true,
                };
                let (recorded, now) = (old.get(&key).copied(), new.get(&key).copied());
                // What is new, or gone, is a change whatever the tools are.
                let comparable = comparable || recorded.is_none() || now.is_none();
                Change { whose: key.0, figure: key.1, recorded, now, comparable }
            })
            .filter(|change| change.recorded != change.now)
            .collect::<Vec<_>>();
        changes.sort_by(|one, other| (&one.whose, one.figure).cmp(&(&other.whose, other.figure)));
        changes
    }

    fn figures(&self) -> BTreeMap<(String, &'static str), u64> {
        let modules = self.modules.iter().map(|(name, bytes)| ((format!("module {name}"), "bytes"), *bytes));
        let mut figures = modules.collect::<BTreeMap<_, _>>();
        for (file, entry) in &self.scenarios {
            figures.insert((file.clone(), "growth_over_10000_requests"), entry.growth_over_10000_requests);
            for (exchange, cost) in &entry.exchanges {
                let whose = format!("{file}, {exchange}");
                figures.extend(cost.named().map(|(name, figure)| ((whose.clone(), name), figure)));
            }
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        let figures = Figures { vm_entries: 3, fuel: 100, ..Figures::default() };
        let exchanges = [("a: b # c".to_owned(), figures)].into();
        Ledger {
            compiler: "rustc 1".to_owned(),
            wasmtime: "48".to_owned(),
            modules: [("m".to_owned(), 1000)].into(),
            scenarios: [("s.yaml".to_owned(), Entry { growth_over_10000_requests: 0, exchanges })].into(),
        }
    }

    /// Whose, which figure, recorded, now, comparable.
    type Row = (String, &'static str, Option<u64>, Option<u64>, bool);

    fn changed(change: impl FnOnce(&mut Ledger)) -> Vec<Row> {
        let mut now = ledger();
        change(&mut now);
        let changes = ledger().changes(&now).into_iter();
        changes.map(|it| (it.whose, it.figure, it.recorded, it.now, it.comparable)).collect()
    }

    fn figures(ledger: &mut Ledger) -> &mut Figures {
        ledger.scenarios.get_mut("s.yaml").unwrap().exchanges.get_mut("a: b # c").unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(Ledger::parse(&ledger().to_yaml().unwrap()).unwrap(), ledger());
    }

    #[test]
    fn every_change_counts_up_and_down() {
        assert_eq!(changed(|_| {}), []);
        let whose = "s.yaml, a: b # c".to_owned();
        assert_eq!(changed(|now| figures(now).vm_entries = 4), [(whose.clone(), "vm_entries", Some(3), Some(4), true)]);
        assert_eq!(changed(|now| figures(now).vm_entries = 2), [(whose.clone(), "vm_entries", Some(3), Some(2), true)]);
        assert_eq!(changed(|now| figures(now).fuel = 101), [(whose, "fuel", Some(100), Some(101), true)]);
        let growth = changed(|now| now.scenarios.get_mut("s.yaml").unwrap().growth_over_10000_requests = 65536);
        assert_eq!(growth, [("s.yaml".to_owned(), "growth_over_10000_requests", Some(0), Some(65536), true)]);
        assert!(changed(|now| now.scenarios.clear()).iter().all(|(.., now, comparable)| now.is_none() && *comparable));
    }

    #[test]
    fn other_tools_make_fuel_and_sizes_say_nothing() {
        let other = |now: &mut Ledger| {
            figures(now).fuel = 90;
            figures(now).bytes_in = 1;
            *now.modules.get_mut("m").unwrap() = 900;
        };
        let comparable = |found: Vec<Row>| {
            found.into_iter().map(|(_, figure, _, _, comparable)| (figure, comparable)).collect::<Vec<_>>()
        };
        let compiler = changed(|now| {
            other(now);
            now.compiler.push('1');
        });
        assert_eq!(comparable(compiler), [("bytes", false), ("bytes_in", true), ("fuel", false)]);
        let wasmtime = changed(|now| {
            other(now);
            now.wasmtime.push('1');
        });
        assert_eq!(comparable(wasmtime), [("bytes", true), ("bytes_in", true), ("fuel", false)]);
    }
}
