//! `tamis cost`: what every scenario of the repository costs, against `budgets.yaml`; what `make cost` runs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use tamis_harness::scenario::ledger::{Change, Ledger};
use tamis_harness::scenario::{Modules, Scenario};

use super::common::write_whole;
use crate::failure::Failure;
use crate::setup::wasm32;

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
        let (compiler, wasmtime) = (compiler()?, wasmtime()?);
        let mut modules = Modules::default();
        let mut changed = 0;
        for (folder, files) in folders()? {
            let scenarios = files.iter().map(|file| Scenario::read(file)).collect::<Result<Vec<_>, _>>();
            let scenarios = scenarios.map_err(Failure::user)?;
            let now =
                Ledger::measure(&folder, &scenarios, &mut modules, &compiler, &wasmtime).map_err(Failure::user)?;
            let file = folder.join(BUDGETS);
            let recorded = recorded(&file)?;
            let changes = recorded.changes(&now);
            println!("{}", folder.display());
            print!("{}", costs(&now));
            print!("{}", table(&changes));
            changed += changes.iter().filter(|change| change.comparable).count();
            if self.bless && recorded != now {
                let text = now.to_yaml().map_err(Failure::environment)?;
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
    for filter in entries(Path::new("filters"))? {
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

/// The compiler that is here; `make cost` has built the modules with it.
fn compiler() -> Result<String, Failure> {
    let rustc = wasm32::toolchain()?.rustc.unwrap_or_else(|| PathBuf::from("rustc"));
    let output = Command::new(&rustc)
        .arg("--version")
        .output()
        .map_err(|error| Failure::environment(format_args!("cannot run {}: {error}", rustc.display())))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
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
    for (file, entry) in &ledger.scenarios {
        let growth = entry.growth_over_10000_requests;
        text.push_str(&format!("  {file}: memory grows by {growth} bytes over 10,000 requests\n"));
        for (name, cost) in &entry.exchanges {
            text.push_str(&format!(
                "    {name}: {} VM entries, {} host calls, {} + {} bytes, {} fuel; about {:.0} us in Envoy (an estimate)\n",
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
        let note = match change.comparable {
            false => "not comparable: other tools",
            true if change.now > change.recorded => "MORE",
            true => "less",
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
        let change = |recorded, now, comparable| Change {
            whose: "s.yaml, a".to_owned(),
            figure: "fuel",
            recorded,
            now,
            comparable,
        };
        let rows = table(&[
            change(Some(1), Some(2), true),
            change(Some(2), Some(1), true),
            change(Some(2), Some(1), false),
            change(None, Some(1), true),
            change(None, Some(7), true),
        ]);
        let notes = rows.lines().filter_map(|row| row.strip_prefix("  | s.yaml, a | ")).collect::<Vec<_>>();
        let expected = [
            "fuel | 1 | 2 | MORE |",
            "fuel | 2 | 1 | less |",
            "fuel | 2 | 1 | not comparable: other tools |",
            "all | | | new |",
        ];
        assert_eq!(notes, expected);
        assert_eq!(table(&[]), "");
    }
}
