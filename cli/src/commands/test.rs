//! `tamis test`: runs scenario files.

mod native;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::str::FromStr;

use tamis_harness::envoy::{self, EnvoyBinary};
use tamis_harness::scenario::model::FilterEntry;
use tamis_harness::scenario::{self, Modules, Paint, Report, Scenario, ScenarioError, Verdict, machine, snapshot};
use tamis_oci::ModuleRef;

use super::common::{self, RegistryFlags};
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

    /// What runs them: wasm (the module in the harness: milliseconds, no other program), native (the filter in the harness,
    /// compiled for this machine, for debuggers), envoy (a real one, `tamis setup envoy`) or envoy=VERSION
    #[arg(long, default_value = "wasm")]
    engine: Engine,

    /// Take what is seen now as the snapshots of the scenarios that ask for one
    #[arg(long)]
    bless: bool,

    /// Write a report for machines too: junit=FILE or json=FILE
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<MachineReport>,

    /// Print the JSON Schema of scenario files and stop
    #[arg(long)]
    schema: bool,

    #[command(flatten)]
    registry: RegistryFlags,
}

/// A report for machines, and where it goes.
#[derive(Clone, Debug)]
pub struct MachineReport {
    render: fn(&[Report]) -> String,
    file: PathBuf,
}

impl FromStr for MachineReport {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let render = match text.split_once('=') {
            Some((_, "")) | None => return Err("write it as junit=FILE or json=FILE"),
            Some(("junit", _)) => machine::junit,
            Some(("json", _)) => machine::json,
            Some(_) => return Err("there are the formats junit and json"),
        };
        let file = text.split_once('=').map(|(_, file)| file.into()).unwrap_or_default();
        Ok(Self { render, file })
    }
}

/// What can run a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The module in the harness.
    Wasm,
    /// The filter in the harness, compiled for this machine.
    Native,
    /// A real Envoy, of a version or of any.
    Envoy(Option<String>),
}

impl FromStr for Engine {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            // What it was called first.
            None if text == "wasm" || text == "harness" => Ok(Self::Wasm),
            None if text == "native" => Ok(Self::Native),
            None if text == "envoy" => Ok(Self::Envoy(None)),
            Some(("envoy", version)) => Ok(Self::Envoy(Some(version.to_owned()))),
            _ => Err("there are the engines wasm, native, envoy and envoy=VERSION"),
        }
    }
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
        if self.bless {
            self.bless(&scenarios)?;
        }
        let (mut reports, mut refusals, mut for_machines) = (Vec::new(), Vec::new(), Vec::new());
        let paint = paint();
        for (scenario, outcome) in scenarios.iter().zip(self.run_all(&scenarios)?) {
            match outcome {
                Ok(report) => {
                    print!("{}", report.text(paint));
                    for_machines.push(report.clone());
                    reports.push(report);
                }
                Err(refusal) => {
                    for_machines.push(Report::refused(scenario, &self.engine.name(), &refusal.to_string()));
                    refusals.push(refusal);
                }
            }
        }
        for report in &self.reports {
            common::write_whole(&report.file, (report.render)(&for_machines).as_bytes())?;
        }
        let count = |verdict| reports.iter().map(|report| report.count(verdict)).sum::<usize>();
        let (failed, not_applicable) = (count(Verdict::Failed), count(Verdict::NotApplicable));
        if !reports.is_empty() {
            let more = if not_applicable > 0 { format!(", {not_applicable} not applicable") } else { String::new() };
            println!("{} passed, {failed} failed{more}", count(Verdict::Passed));
        }
        if let Some(last) = refusals.pop() {
            refusals.iter().for_each(|refusal| eprintln!("{}", refusal.report()));
            return Err(last);
        }
        if failed > 0 { Err(Failure::user("not everything was as expected")) } else { Ok(()) }
    }

    fn bless(&self, scenarios: &[Scenario]) -> Result<(), Failure> {
        if self.engine != Engine::Wasm {
            return Err(Failure::user("snapshots are what the harness sees").hint("leave out --engine, or --bless"));
        }
        for (scenario, report) in scenarios.iter().zip(self.run_all(scenarios)?) {
            // One that cannot be run is told of afterwards, as ever.
            let Ok(report) = report else { continue };
            let written = snapshot::bless(scenario, &report).map_err(|error| {
                let file = snapshot::Snapshots::file(&scenario.file);
                Failure::environment(format_args!("cannot write {}: {error}", file.display()))
            })?;
            if let Some(file) = written {
                println!("==> {}", file.display());
            }
        }
        Ok(())
    }
}

impl Test {
    /// Runs all of them: one that cannot be run does not stop the others.
    fn run_all(&self, scenarios: &[Scenario]) -> Result<Vec<Result<Report, Failure>>, Failure> {
        let mut modules = match self.engine {
            Engine::Native => native::modules(scenarios)?,
            _ => modules(&self.registry),
        };
        Ok(match &self.engine {
            Engine::Wasm | Engine::Native => scenarios
                .iter()
                .map(|scenario| {
                    scenario::run(scenario, &mut modules).map_err(|error| explained(scenario, &mut modules, &error))
                })
                .collect(),
            Engine::Envoy(version) => {
                let binary = match version {
                    Some(version) => EnvoyBinary::find_version(version),
                    None => EnvoyBinary::find(),
                };
                let binary = binary.map_err(Failure::environment)?;
                let reports = envoy::run_all(&binary, scenarios, &mut modules).map_err(Failure::environment)?;
                let named = scenarios.iter().zip(reports);
                let explain = |(scenario, report): (&Scenario, Result<Report, envoy::NotRun>)| {
                    report.map_err(|error| explained(scenario, &mut modules, &error))
                };
                named.map(explain).collect()
            }
        })
    }
}

impl Engine {
    fn name(&self) -> String {
        match self {
            Self::Wasm => scenario::Engine::Wasm.to_string(),
            Self::Native => scenario::Engine::Native.to_string(),
            Self::Envoy(None) => scenario::Engine::Envoy.to_string(),
            Self::Envoy(Some(version)) => format!("{} {version}", scenario::Engine::Envoy),
        }
    }
}

/// Colours for people who look at a terminal, and have not said no.
fn paint() -> Paint {
    let no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if std::io::stdout().is_terminal() && !no { Paint::Colour } else { Paint::Plain }
}

/// Modules of files and of images.
fn modules(registry: &RegistryFlags) -> Modules {
    let registry = registry.clone();
    Modules::with_resolver(move |reference, folder| {
        let reference = match ModuleRef::from_str(reference).map_err(|error| error.to_string())? {
            ModuleRef::Layout { dir, at } => ModuleRef::Layout { dir: folder.join(dir), at },
            other => other,
        };
        common::fetch(&reference, &registry).map(|loaded| loaded.wasm).map_err(|failure| failure.to_string())
    })
}

/// Why a scenario was not run: with line and column, when a module is missing or refuses its configuration.
fn explained(scenario: &Scenario, modules: &mut Modules, error: &dyn std::fmt::Display) -> Failure {
    let whole = Failure::user(format_args!("{}: {error}", scenario.file.display()));
    for entry in &scenario.filters {
        if let Err(error) = modules.filter(entry, &scenario.file) {
            return Failure::user(format_args!("{}:{}: {error}", scenario.file.display(), entry.module.place));
        }
        if let Err(refusal) = accepted(scenario, entry, modules) {
            return refusal;
        }
    }
    whole
}

fn accepted(scenario: &Scenario, entry: &FilterEntry, modules: &mut Modules) -> Result<(), Failure> {
    let (Some(config), Ok(filter)) = (&entry.config, modules.filter(entry, &scenario.file)) else { return Ok(()) };
    let file = match &entry.config_file {
        Some(file) => scenario.file.with_file_name(file),
        None => scenario.file.clone(),
    };
    let reference = entry.module.value.as_str();
    let origin = match modules.file(reference, &scenario.file) {
        Ok(file) if !reference.contains(':') => file.to_string_lossy().into_owned(),
        _ => reference.to_owned(),
    };
    common::accepted(&filter.module, &origin, Some((&file, config)))
}
