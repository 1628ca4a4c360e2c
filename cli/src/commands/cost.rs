//! `tamis cost`: what every scenario of the repository costs, against `budgets.yaml`; what `make cost` runs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tamis_harness::scenario::ledger::{Change, Costs, Ledger};
use tamis_harness::scenario::{Figures, Modules, Scenario};

use super::common::write_whole;
use crate::failure::Failure;

/// The recorded costs, beside each filter and beside the examples.
const BUDGETS: &str = "budgets.yaml";

/// What helps whoever is elsewhere.
const HERE: &str = "this command is for the repository of Tamis, and runs in its root folder: `make cost`";

/// `tamis cost`
#[derive(clap::Args)]
pub struct Cost {
    /// Take what is measured now as the budgets
    #[arg(long)]
    bless: bool,
}

impl Cost {
    /// Measures, compares, prints.
    ///
    /// # Errors
    /// When a figure is not the recorded one, or a scenario cannot be run.
    pub fn run(self) -> Result<(), Failure> {
        let wasmtime = wasmtime()?;
        let mut modules = Modules::default();
        let mut changed = 0;
        for (folder, files) in folders()? {
            let scenarios = files.iter().map(|file| Scenario::read(file)).collect::<Result<Vec<_>, _>>();
            let scenarios = scenarios.map_err(Failure::user)?;
            let now = Ledger::measure(&folder, &scenarios, &mut modules, &wasmtime).map_err(Failure::user)?;
            let file = folder.join(BUDGETS);
            let recorded = recorded(&file)?;
            let changes = recorded.changes(&now);
            println!("{}", folder.display());
            print!("{}", costs(&now));
            print!("{}", table(&changes));
            if let Some(why) = recorded.not_comparable(&now) {
                println!("  {why}");
            }
            changed += changes.len();
            let blessed = recorded.clone().blessed(now);
            if self.bless && recorded != blessed {
                let text = blessed.to_yaml().map_err(Failure::environment)?;
                write_whole(&file, text.as_bytes())?;
                println!("==> {}", file.display());
            }
        }
        match (changed, self.bless) {
            (0, _) => println!("every cost is as recorded"),
            (_, true) => println!("{changed} costs are recorded anew"),
            (_, false) => {
                let message = format!("{changed} costs are not as recorded");
                return Err(Failure::user(message).hint(
                    "less is good, more needs a reason: `make cost BLESS=1` records both, and the commit says why",
                ));
            }
        }
        Ok(())
    }
}

/// The folders with budgets, each with its scenarios.
fn folders() -> Result<Vec<(PathBuf, Vec<PathBuf>)>, Failure> {
    let mut found = Vec::new();
    for filter in entries(Path::new("filters"))?.into_iter().chain([PathBuf::from("sdk/guests")]) {
        let scenarios = filter.join("scenarios");
        if scenarios.is_dir() {
            let files = entries(&scenarios)?.into_iter().filter(|file| file.extension().is_some_and(|it| it == "yaml"));
            found.push((filter, files.collect()));
        }
    }
    let examples = PathBuf::from("examples");
    let files = entries(&examples)?.into_iter().map(|example| example.join("scenario.yaml"));
    let files = files.filter(|file| file.is_file()).collect();
    found.push((examples, files));
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot =
        |error: std::io::Error| Failure::user(format_args!("cannot read {}: {error}", folder.display())).hint(HERE);
    let entries = fs::read_dir(folder).map_err(cannot)?.collect::<Result<Vec<_>, _>>().map_err(cannot)?;
    let mut paths = entries.into_iter().map(|entry| entry.path()).collect::<Vec<_>>();
    paths.sort();
    Ok(paths)
}

fn recorded(file: &Path) -> Result<Ledger, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ledger::parse(&text).map_err(|error| {
            Failure::user(format_args!("{}:{error}", file.display()))
                .hint("`make cost BLESS=1` writes it anew, once it is gone")
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ledger::default()),
        Err(error) => Err(Failure::environment(format_args!("cannot read {}: {error}", file.display()))),
    }
}

/// The version of wasmtime that this command was built with, as the lock file has it.
fn wasmtime() -> Result<String, Failure> {
    let lock = fs::read_to_string("Cargo.lock")
        .map_err(|error| Failure::user(format_args!("cannot read Cargo.lock: {error}")).hint(HERE))?;
    let version = lock.split("[[package]]").find_map(|package| {
        let package = package.trim_start().strip_prefix("name = \"wasmtime\"\nversion = \"")?;
        Some(package.split_once('"')?.0.to_owned())
    });
    version.ok_or_else(|| Failure::user("Cargo.lock has no wasmtime"))
}

/// A line per exchange.
fn costs(ledger: &Ledger) -> String {
    let mut text = String::new();
    let none = Costs::new();
    for (file, entry) in &ledger.scenarios {
        let measured = ledger.compilers.values().find_map(|recording| recording.scenarios.get(file));
        let peak = measured.map(|measured| measured.peak_memory).unwrap_or_default();
        let growth = entry.growth_over_10000_requests;
        text.push_str(&format!("  {file}: memory has {peak} bytes, and grew by {growth} over 10,000 requests\n"));
        let fuel = measured.map_or(&none, |measured| &measured.fuel);
        for (name, costs) in &entry.exchanges {
            let mut cost = Figures::from_named(|figure| costs.get(figure).copied().unwrap_or_default());
            cost.fuel = fuel.get(name).copied().unwrap_or_default();
            text.push_str(&format!(
                "    {name}: {} VM entries, {} host calls, {} bytes in, {} out, {} fuel; about {:.0} us in Envoy (an estimate)\n",
                cost.vm_entries,
                cost.host_calls,
                cost.bytes_in,
                cost.bytes_out,
                cost.fuel,
                cost.estimated_microseconds()
            ));
        }
    }
    text
}

/// The figures that are not as recorded.
fn table(changes: &[Change]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let shown = |figure: Option<u64>| figure.map_or_else(|| "none".to_owned(), |figure| figure.to_string());
    let mut text = String::from("\n  | whose | figure | recorded | now | |\n  |---|---|---|---|---|\n");
    let mut whole = None;
    for change in changes {
        // Of what is new, or gone, one row is enough.
        if change.recorded.is_none() || change.now.is_none() {
            if whole == Some(&change.whose) {
                continue;
            }
            whole = Some(&change.whose);
            let note = if change.now.is_none() { "gone" } else { "new" };
            text.push_str(&format!("  | {} | all | | | {note} |\n", change.whose));
            continue;
        }
        let note = match change.now > change.recorded {
            true => "MORE",
            false => "less",
        };
        let (recorded, now) = (shown(change.recorded), shown(change.now));
        text.push_str(&format!("  | {} | {} | {recorded} | {now} | {note} |\n", change.whose, change.figure));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_seen_at_once() {
        let change = |recorded, now| Change { whose: "s.yaml, a".to_owned(), figure: "fuel".to_owned(), recorded, now };
        let rows =
            table(&[change(Some(1), Some(2)), change(Some(2), Some(1)), change(None, Some(1)), change(None, Some(7))]);
        let notes = rows.lines().filter_map(|row| row.strip_prefix("  | s.yaml, a | ")).collect::<Vec<_>>();
        let expected = ["fuel | 1 | 2 | MORE |", "fuel | 2 | 1 | less |", "all | | | new |"];
        assert_eq!(notes, expected);
        assert_eq!(table(&[]), "");
    }
}
