//! `tamis test`: runs scenario files.

use std::path::PathBuf;

use tamis_harness::envoy::{self, EnvoyBinary};
use tamis_harness::scenario::modules::path;
use tamis_harness::scenario::{self, Modules, Report, Scenario, ScenarioError};

use super::common;
use crate::failure::Failure;

/// `tamis test SCENARIO...`
#[derive(clap::Args)]
#[command(after_help = "Example:\n  tamis test filters/transformation/scenarios/headers.yaml --engine envoy\n\n\
A scenario names its filters, what is sent, what the upstream answers, and what must be seen on both sides.\n\
`tamis test --schema` prints the JSON Schema of the file, for editors.")]
pub struct Test {
    /// Scenario files
    #[arg(required_unless_present = "schema")]
    scenarios: Vec<PathBuf>,

    /// What runs them
    #[arg(long, value_enum, default_value = "harness")]
    engine: Engine,

    /// Print the JSON Schema of scenario files and stop
    #[arg(long)]
    schema: bool,
}

/// What can run a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// The emulation on wasmtime: milliseconds, no other program
    Harness,
    /// A real Envoy (`tamis setup envoy`)
    Envoy,
}

impl Test {
    /// Runs every scenario and prints what came of it.
    ///
    /// # Errors
    /// When a scenario cannot be run, or something was seen that was not expected.
    pub fn run(self) -> Result<(), Failure> {
        if self.schema {
            print!("{}", Scenario::schema());
            return Ok(());
        }
        let scenarios =
            self.scenarios.iter().map(|file| Scenario::read(file)).collect::<Result<Vec<_>, _>>().map_err(|error| {
                match error {
                    ScenarioError::Read { .. } => {
                        Failure::user(error).hint("the files that a scenario names are looked for in its own folder")
                    }
                    _ => Failure::user(error).hint("`tamis test --schema` prints what a scenario can hold"),
                }
            })?;
        let (mut reports, mut refusals) = (Vec::new(), Vec::new());
        for outcome in run(&scenarios, self.engine)? {
            match outcome {
                Ok(report) => {
                    print!("{report}");
                    reports.push(report);
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
        let exchanges = reports.iter().flat_map(|report| &report.exchanges).collect::<Vec<_>>();
        let failed = exchanges.iter().filter(|exchange| !exchange.differences.is_empty()).count();
        if !reports.is_empty() {
            println!("{} passed, {failed} failed", exchanges.len() - failed);
        }
        if let Some(last) = refusals.pop() {
            refusals.iter().for_each(|refusal| eprintln!("{}", refusal.report()));
            return Err(last);
        }
        if failed > 0 { Err(Failure::user("not everything was as expected")) } else { Ok(()) }
    }
}

/// Runs all of them: one that cannot be run does not stop the others.
fn run(scenarios: &[Scenario], engine: Engine) -> Result<Vec<Result<Report, Failure>>, Failure> {
    let mut modules = Modules::default();
    Ok(match engine {
        Engine::Harness => scenarios
            .iter()
            .map(|scenario| {
                scenario::run(scenario, &mut modules).map_err(|error| explained(scenario, &mut modules, &error))
            })
            .collect(),
        Engine::Envoy => {
            let binary = EnvoyBinary::find().map_err(Failure::environment)?;
            let reports = envoy::run_all(&binary, scenarios, &mut modules).map_err(Failure::environment)?;
            let named = scenarios.iter().zip(reports);
            named.map(|(scenario, report)| report.map_err(|error| explained(scenario, &mut modules, &error))).collect()
        }
    })
}

/// Why a scenario was not run: with line and column, when a filter refuses its configuration.
fn explained(scenario: &Scenario, modules: &mut Modules, error: &dyn std::fmt::Display) -> Failure {
    for entry in &scenario.filters {
        let Some(config) = &entry.config else { continue };
        let Ok(filter) = modules.filter(entry, &scenario.file) else { continue };
        let file = match &entry.config_file {
            Some(file) => scenario.file.with_file_name(file),
            None => scenario.file.clone(),
        };
        let module = path(&entry.module, &scenario.file);
        if let Err(refusal) = common::accepted(&filter.module, &module.to_string_lossy(), Some((&file, config))) {
            return refusal;
        }
    }
    Failure::user(format_args!("{}: {error}", scenario.file.display()))
}
