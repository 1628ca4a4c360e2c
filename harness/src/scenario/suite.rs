//! All scenarios of a filter at once, on each engine: what the filter's own tests ask.

use std::fmt::Write as _;
use std::path::Path;

use super::{Modules, Report, Scenario, ScenarioError, run};
use crate::envoy::{self, EnvoyBinary};
use crate::native::{self, Native};

/// Scenarios that are run on one engine after the other.
///
/// The methods that run them say what is wrong, for people, and nothing when all is well. An empty suite is wrong.
///
/// ```no_run
/// use std::path::Path;
/// use tamis_harness::scenario::Suite;
///
/// let suite = Suite::folder(Path::new("scenarios")).unwrap();
/// let wrong = suite.in_harness();
/// assert!(wrong.is_empty(), "{wrong}");
/// ```
#[derive(Debug, Clone)]
pub struct Suite {
    scenarios: Vec<Scenario>,
}

impl Suite {
    /// The scenario files of a folder: those whose names end in `.yaml`.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] of the first file that is wrong, or when the folder cannot be read.
    pub fn folder(folder: &Path) -> Result<Self, ScenarioError> {
        Ok(Self { scenarios: Scenario::read_all(folder)? })
    }

    /// The named files of a folder.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] of the first file that is wrong.
    pub fn files(folder: &Path, names: &[&str]) -> Result<Self, ScenarioError> {
        let scenarios = names.iter().map(|name| Scenario::read(&folder.join(name))).collect::<Result<_, _>>()?;
        Ok(Self { scenarios })
    }

    /// Scenarios that a test has made.
    #[must_use]
    pub fn of(scenarios: Vec<Scenario>) -> Self {
        Self { scenarios }
    }

    /// Without those that need a full image, where what it has is not compiled in.
    #[must_use]
    pub fn lean(mut self) -> Self {
        self.scenarios.retain(|scenario| !scenario.needs_full_image());
        self
    }

    /// Runs all on modules, in the harness.
    #[must_use]
    pub fn in_harness(&self) -> String {
        self.on(&mut Modules::default())
    }

    /// Runs all on a native filter. It is one worker: what others do is left out.
    #[must_use]
    pub fn natively(&self, filter: Native) -> String {
        self.on(&mut Modules::native([filter]))
    }

    /// The same, and what it looks like and costs has to be what the module shows.
    #[must_use]
    pub fn natively_as_in_harness(&self, filter: Native) -> String {
        let mut natives = Modules::native([filter]);
        self.beside_harness(|scenario, harness| {
            let native = run(scenario, &mut natives).map_err(|error| error.to_string())?;
            Ok(format!("{}{}", failed(&native), native::disagreements(harness, &native)))
        })
    }

    /// Runs all in a real Envoy.
    #[must_use]
    pub fn in_envoy(&self, binary: &EnvoyBinary) -> String {
        match self.envoys_reports(binary) {
            Ok(reports) => self.wrong(reports.into_iter().map(|report| report.map(|report| failed(&report)))),
            Err(error) => error,
        }
    }

    /// The same, and what both ends see has to be what they see in the harness.
    #[must_use]
    pub fn in_envoy_as_in_harness(&self, binary: &EnvoyBinary) -> String {
        let mut reports = match self.envoys_reports(binary) {
            Ok(reports) => reports.into_iter(),
            Err(error) => return error,
        };
        self.beside_harness(|_, harness| {
            let envoy = reports.next().unwrap_or_else(|| Err("Envoy has not run it".to_owned()))?;
            let mut wrong = failed(&envoy);
            if harness.exchanges.len() != envoy.exchanges.len() {
                wrong.push_str("they have not run the same exchanges\n");
            }
            let both = harness.exchanges.iter().zip(&envoy.exchanges);
            for (ours, theirs) in both.filter(|(_, theirs)| theirs.not_run.is_none()) {
                for line in envoy::disagreements(&ours.observed, &theirs.observed) {
                    let _ = writeln!(wrong, "{}, {}: {line}", harness.scenario, ours.name);
                }
            }
            Ok(wrong)
        })
    }

    fn on(&self, modules: &mut Modules) -> String {
        let outcomes = self.scenarios.iter().map(|scenario| match run(scenario, modules) {
            Ok(report) => Ok(failed(&report)),
            Err(error) => Err(error.to_string()),
        });
        self.wrong(outcomes)
    }

    fn beside_harness(&self, mut other: impl FnMut(&Scenario, &Report) -> Result<String, String>) -> String {
        let mut modules = Modules::default();
        let outcomes = self.scenarios.iter().map(|scenario| {
            let harness = run(scenario, &mut modules).map_err(|error| error.to_string())?;
            Ok(format!("{}{}", failed(&harness), other(scenario, &harness)?))
        });
        self.wrong(outcomes)
    }

    fn envoys_reports(&self, binary: &EnvoyBinary) -> Result<Vec<Result<Report, String>>, String> {
        let reports = envoy::run_all(binary, &self.scenarios, &mut Modules::default());
        let reports = reports.map_err(|error| error.to_string())?;
        Ok(reports.into_iter().map(|report| report.map_err(|error| error.to_string())).collect())
    }

    /// What went wrong, with the file where it did.
    fn wrong(&self, outcomes: impl Iterator<Item = Result<String, String>>) -> String {
        if self.scenarios.is_empty() {
            return "there is no scenario".to_owned();
        }
        let mut all = String::new();
        for (scenario, outcome) in self.scenarios.iter().zip(outcomes) {
            match outcome {
                Ok(wrong) => all.push_str(&wrong),
                Err(error) => {
                    let _ = writeln!(all, "{}: {error}", scenario.file.display());
                }
            }
        }
        all
    }
}

/// The report of a scenario that has failed.
fn failed(report: &Report) -> String {
    if report.passed() { String::new() } else { format!("{report}\n") }
}
