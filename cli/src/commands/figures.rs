//! `tamis figures`: writes docs/figures.md; what `make figures` runs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tamis_harness::cost::Cost;
use tamis_harness::scenario::{self, Modules, Scenario};
use tamis_module::{FULL_IMAGE, ModuleInfo};

use super::common::write_whole;
use crate::failure::Failure;
use crate::setup::wasm32;

/// The modules whose sizes are shown: name, and the flags with which the Makefile builds it.
const MODULES: [(&str, &str); 11] = [
    ("transformation", ""),
    ("transformation-full", ""),
    ("header-routing", ""),
    ("header-routing-full", ""),
    ("local-rate-limit", ""),
    ("local-rate-limit-full", ""),
    ("dlp-masking", ""),
    ("dlp-masking-full", ""),
    ("hello", ""),
    ("path-echo", ""),
    ("plain-crate", " --phases request_headers,response_headers"),
];

/// The scenario whose cost is shown: what `make demo` sends.
const DEMO: &str = "examples/s01-headers/scenario.yaml";

/// The recorded stages of `make` targets, as `scripts/measure-stages` leaves them.
const STAGES: &str = "docs/stages";

/// What other commands have measured, a section each, as `make bench BLESS=1` leaves them.
const MEASURED: &str = "docs/measured";

/// `tamis figures`
#[derive(clap::Args)]
pub struct Figures {
    /// The file to write
    #[arg(long, default_value = "docs/figures.md")]
    out: PathBuf,
}

impl Figures {
    /// Measures and writes.
    ///
    /// # Errors
    /// When a module or a scenario is missing.
    pub fn run(self) -> Result<(), Failure> {
        let mut page = String::from(
            "# Figures\n\nWritten by `make figures`; do not edit. Every figure here was measured, and says with what.\n",
        );
        for section in [modules()?, costs()?].into_iter().chain(measured()?).chain([stages()?]) {
            page.push('\n');
            page.push_str(&section);
        }
        write_whole(&self.out, page.as_bytes())?;
        println!("==> {}", self.out.display());
        Ok(())
    }
}

fn modules() -> Result<String, Failure> {
    let mut text = format!(
        "## Modules before and after the post-link step\n\n\
         Bytes, and exports, of what the compiler wrote and of what is shipped. {}.\n\n\
         | module | bytes before | bytes after | exports before | exports after | made by |\n|---|---|---|---|---|---|\n",
        versions()?
    );
    for (name, flags) in MODULES {
        let (package, folder) = match name.strip_suffix(FULL_IMAGE) {
            Some(package) => (package, format!("wasm32{FULL_IMAGE}")),
            None => (name, "wasm32".to_owned()),
        };
        let raw = format!("target/{folder}/wasm32-unknown-unknown/release/{}.wasm", package.replace('-', "_"));
        let (before, after) = (info(Path::new(&raw))?, info(Path::new(&format!("target/tamis/{name}.wasm")))?);
        line(
            &mut text,
            format_args!(
                "| {name} | {} | {} | {} | {} | `tamis build -p {package}{flags}` |",
                before.size,
                after.size,
                before.exports.len(),
                after.exports.len()
            ),
        );
    }
    text.push_str("\nWhat goes is line tables and names. What a module says of itself comes from a second build, and none of its code is shipped.\n");
    Ok(text)
}

fn costs() -> Result<String, Failure> {
    let scenario = Scenario::read(Path::new(DEMO)).map_err(Failure::user)?;
    let report = scenario::run(&scenario, &mut Modules::default()).map_err(Failure::user)?;
    let mut text = format!(
        "## What a request of the demo costs\n\n\
         Exact counters of the harness for `{DEMO}` (`tamis test {DEMO}`); fuel also depends on the compiler. A VM entry is a \
         call of the proxy into the module (its allocator not counted); returning, writing and scalar are the classes of host \
         calls.\n\n\
         | exchange | VM entries | host calls | returning | writing | scalar | bytes in | bytes out | fuel |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for exchange in report.exchanges {
        let cost = exchange.cost.unwrap_or_default();
        let Cost { vm_entries, calls_returning, calls_writing, calls_scalar, bytes_in, bytes_out, fuel } = cost;
        line(
            &mut text,
            format_args!(
                "| {} | {vm_entries} | {} | {calls_returning} | {calls_writing} | {calls_scalar} | {bytes_in} | {bytes_out} | {fuel} |",
                exchange.name,
                cost.host_calls()
            ),
        );
    }
    Ok(text)
}

fn measured() -> Result<Vec<String>, Failure> {
    let cannot = |error: std::io::Error| Failure::environment(format_args!("cannot read {MEASURED}: {error}"));
    let entries = fs::read_dir(MEASURED).map_err(cannot)?.collect::<Result<Vec<_>, _>>().map_err(cannot)?;
    let mut files = entries.into_iter().map(|entry| entry.path()).collect::<Vec<_>>();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).map_err(cannot)).collect()
}

fn stages() -> Result<String, Failure> {
    let mut text = String::from(
        "## Seconds of `make demo` and `make test`, by stage\n\n\
         Recorded by `scripts/measure-stages` in a clean clone with an empty Tamis cache (cold), and again at once (warm), on \
         a shared machine with 2 cores: read the shares, not the seconds. Crates and Debian packages were on the machine.\n",
    );
    let cannot = |error: std::io::Error| Failure::environment(format_args!("cannot read {STAGES}: {error}"));
    let entries = fs::read_dir(STAGES).map_err(cannot)?.collect::<Result<Vec<_>, _>>().map_err(cannot)?;
    let mut files = entries.into_iter().map(|entry| entry.path()).collect::<Vec<_>>();
    files.sort();
    for file in files {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().replace('-', ", ")).unwrap_or_default();
        let recorded = fs::read_to_string(&file).map_err(cannot)?;
        let rows = recorded.lines().filter_map(|row| row.split_once(' ')).collect::<Vec<_>>();
        let sum: u64 = rows.iter().filter_map(|(seconds, _)| seconds.parse::<u64>().ok()).sum();
        line(&mut text, format_args!("\n| make {name} | s |\n|---|---|"));
        for (seconds, stage) in rows {
            line(&mut text, format_args!("| {stage} | {seconds} |"));
        }
        line(&mut text, format_args!("| **all** | **{sum}** |"));
    }
    Ok(text)
}

/// The compiler of the modules.
fn versions() -> Result<String, Failure> {
    Ok(format!("Modules by {}", wasm32::toolchain()?.version()?))
}

fn info(file: &Path) -> Result<ModuleInfo, Failure> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::user(format_args!("{}: {error}", file.display())).hint("`make modules` builds it")
    };
    let wasm = fs::read(file).map_err(|error| cannot(&error))?;
    ModuleInfo::parse(&wasm).map_err(|error| cannot(&error))
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
