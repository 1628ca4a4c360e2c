//! `tamis coverage`: which lines of the workspace its tests run; what `make coverage` runs.
//!
//! Only crates of the workspace are compiled with counters, by a wrapper around rustc that cargo knows from its command
//! line: dependencies are the ones of other builds, and modules that tests build are as ever. Every process that ends by
//! itself leaves its counters in a folder; filters count where they run natively. Tests at the end of a file count with it.

mod check;
mod lines;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lines::Lines;

use super::common::write_whole;
use crate::failure::Failure;
use crate::setup::llvm::{self, Llvm};

/// What stands between cargo and rustc.
const WRAPPER: &str = "scripts/coverage-rustc";
/// Where the counters go, within the target folder.
const FOLDER: &str = "coverage";
const HERE: &str = "this command is for the repository of Tamis, and runs in its root folder: `make coverage`";

/// `tamis coverage`
#[derive(clap::Args)]
pub struct Coverage {
    /// Only the tests of these packages
    #[arg(short, long, value_name = "NAME")]
    package: Vec<String>,

    /// Only tests whose names contain this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Only make sure that lines that run are counted, and others not
    #[arg(long)]
    check: bool,
}

impl Coverage {
    /// Runs the tests, and prints a table by crate.
    ///
    /// # Errors
    /// When counting does not work, or a test fails; the table is printed even then.
    pub fn run(self) -> Result<(), Failure> {
        let llvm = match llvm::find() {
            Ok(llvm) => llvm,
            Err(error) => {
                println!("skipped: coverage: {error}; `tamis setup coverage` installs them");
                return Ok(());
            }
        };
        let root = std::env::current_dir().map_err(Failure::environment)?;
        let wrapper = root.join(WRAPPER);
        if !wrapper.is_file() {
            return Err(Failure::user(format_args!("there is no {WRAPPER} here")).hint(HERE));
        }
        check::check(&llvm, &wrapper)?;
        if self.check {
            println!("a line that runs is counted, and one that does not run is not");
            return Ok(());
        }
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let folder = target.join(FOLDER);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| cannot("empty", &folder, &error))?;
        }
        std::fs::create_dir_all(&folder).map_err(|error| cannot("create", &folder, &error))?;
        let tests = Tests { wrapper: &wrapper, folder: &folder, chosen: &self };
        let programs = tests.build()?;
        let outcome = tests.run();
        let report = counted(&llvm, &folder, &programs)?;
        let lines = Lines::read(&report, &root);
        print!("{}", lines.table());
        let page = folder.join("lines.txt");
        write_whole(&page, lines.missed().as_bytes())?;
        println!("==> {}: the lines that no test runs", page.display());
        outcome
    }
}

/// The tests that are run.
struct Tests<'c> {
    wrapper: &'c Path,
    folder: &'c Path,
    chosen: &'c Coverage,
}

impl Tests<'_> {
    /// Builds them; the programs that have counters.
    fn build(&self) -> Result<Vec<PathBuf>, Failure> {
        println!("==> building with counters");
        let mut cargo = self.cargo();
        // Build scripts of the workspace, if there are any, leave nothing.
        cargo.env("LLVM_PROFILE_FILE", "/dev/null").args(["--no-run", "--message-format=json-render-diagnostics"]);
        let output = cargo.stdout(Stdio::piped()).stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| Failure::environment(format_args!("cannot run cargo: {error}")))?;
        if !output.status.success() {
            return Err(Failure::user("the tests do not compile"));
        }
        Ok(programs(&String::from_utf8_lossy(&output.stdout)))
    }

    fn run(&self) -> Result<(), Failure> {
        println!("==> running");
        let mut cargo = self.cargo();
        cargo.env("LLVM_PROFILE_FILE", self.folder.join("%2m.profraw"));
        if let Some(filter) = &self.chosen.filter {
            cargo.args(["--", filter]);
        }
        let status = cargo.status().map_err(|error| Failure::environment(format_args!("cannot run cargo: {error}")))?;
        if status.success() { Ok(()) } else { Err(Failure::user("tests fail: what is counted is not all")) }
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--quiet", "--tests", "--no-fail-fast"]).stdin(Stdio::null());
        // No variable: cargos that tests start would take it over.
        cargo.arg("--config").arg(format!("build.rustc-workspace-wrapper={:?}", self.wrapper.display().to_string()));
        match self.chosen.package.as_slice() {
            [] => cargo.arg("--workspace"),
            some => cargo.args(some.iter().flat_map(|name| ["-p", name])),
        };
        cargo
    }
}

/// The programs that cargo says it has made.
fn programs(messages: &str) -> Vec<PathBuf> {
    let executable = |line: &str| {
        let message = serde_json::from_str::<serde_json::Value>(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    };
    let mut programs = messages.lines().filter_map(executable).collect::<Vec<_>>();
    programs.sort();
    programs.dedup();
    programs
}

/// The counters of these programs, in lcov's form.
fn counted(llvm: &Llvm, folder: &Path, programs: &[PathBuf]) -> Result<String, Failure> {
    let entries = folder.read_dir().map_err(|error| cannot("read", folder, &error))?;
    let raw = entries.flatten().map(|entry| entry.path());
    let raw = raw.filter(|path| path.extension().is_some_and(|end| end == "profraw")).collect::<Vec<_>>();
    if raw.is_empty() {
        return Err(Failure::environment("no test has left counters"));
    }
    let all = folder.join("all.profdata");
    let mut merge = Command::new(&llvm.profdata);
    // What was killed while it wrote is left out.
    merge.args(["merge", "--sparse", "--failure-mode=all", "-o"]).arg(&all).args(raw);
    read(merge)?;
    let mut export = Command::new(&llvm.cov);
    export.args(["export", "--format=lcov", "--ignore-filename-regex=/(registry|rustc|rustlib)/"]);
    export.arg("--instr-profile").arg(&all);
    for program in programs {
        export.arg("--object").arg(program);
    }
    read(export)
}

/// What a program prints.
fn read(mut program: Command) -> Result<String, Failure> {
    let name = Path::new(program.get_program()).display().to_string();
    let output = program.stdin(Stdio::null()).output();
    let output = output.map_err(|error| Failure::environment(format_args!("cannot run {name}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::environment(format_args!("{name}: {}", said.trim())))
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::environment(format_args!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_what_cargo_calls_so() {
        let messages = r#"{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/t/main-2"}
{"reason":"compiler-artifact","executable":"/t/main-1"}
{"reason":"compiler-artifact","executable":"/t/main-2"}
not JSON"#;
        assert_eq!(programs(messages), ["/t/main-1", "/t/main-2"].map(PathBuf::from));
    }
}
