//! What reads the counters of instrumented tests: `llvm-cov` and `llvm-profdata`, of the LLVM that the compiler has.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::component::Done;
use super::debian::Packages;
use super::process;
use crate::failure::Failure;

/// The Debian package with Rust's own LLVM.
const PACKAGES: [&str; 1] = ["rust-web-llvm"];
const COMPONENT: &str = "llvm-tools";

/// Both programs, of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Llvm {
    /// `llvm-cov`
    pub cov: PathBuf,
    /// `llvm-profdata`
    pub profdata: PathBuf,
}

/// There are none that fit the compiler.
#[derive(Debug, thiserror::Error)]
pub enum NoLlvm {
    /// The compiler does not say which LLVM it has.
    #[error("rustc does not say which LLVM it has")]
    UnknownCompiler,
    /// No program of that version was found.
    #[error("there is no llvm-cov and llvm-profdata of LLVM {version} or newer, which this compiler's counters need")]
    NotInstalled {
        /// The compiler's.
        version: u32,
    },
}

/// The programs that are installed here: those of the compiler itself, of Debian's Rust, or of Debian's LLVM.
///
/// # Errors
///
/// [`NoLlvm`]; `tamis setup coverage` installs them.
pub fn find() -> Result<Llvm, NoLlvm> {
    let about = process::ask("rustc", &["-vV"]).ok_or(NoLlvm::UnknownCompiler)?;
    let version = about.lines().find_map(|line| major(line.strip_prefix("LLVM version: ")?));
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let (Some(version), Some(host)) = (version, host) else { return Err(NoLlvm::UnknownCompiler) };
    let own = process::ask("rustc", &["--print", "sysroot"]).map(PathBuf::from);
    let folders = own.into_iter().chain([PathBuf::from("/usr")]);
    let folders = folders.map(|root| root.join("lib/rustlib").join(host).join("bin"));
    let rusts = folders.map(|folder| Llvm { cov: folder.join("llvm-cov"), profdata: folder.join("llvm-profdata") });
    let in_path = [format!("-{version}"), String::new()].into_iter().filter_map(|suffix| {
        let find = |name: &str| process::find(&format!("{name}{suffix}"));
        Some(Llvm { cov: find("llvm-cov")?, profdata: find("llvm-profdata")? })
    });
    rusts.chain(in_path).find(|llvm| llvm.reads(version)).ok_or(NoLlvm::NotInstalled { version })
}

/// Makes sure that [`find`] finds them.
pub(super) fn install(rustup_limit: Option<Duration>) -> Result<Done, Failure> {
    let there = |llvm: Llvm| format!("{} and llvm-profdata", llvm.cov.display());
    if let Ok(llvm) = find() {
        return Ok(Done::Before(there(llvm)));
    }
    if let Some(limit) = rustup_limit.filter(|_| process::find("rustup").is_some()) {
        let mut rustup = Command::new("rustup");
        rustup.args(["component", "add", COMPONENT]);
        if let Err(error) = process::run(&format!("rustup component add {COMPONENT}"), rustup, limit) {
            println!("    {error}");
        }
    }
    if find().is_err()
        && let Packages::Installable(missing) = Packages::look(&PACKAGES)
    {
        missing.install()?;
    }
    match find() {
        Ok(llvm) => Ok(Done::Now(there(llvm))),
        Err(error) => Err(Failure::environment(error).hint(format!(
            "run `rustup component add {COMPONENT}`, or install your distribution's LLVM of that version"
        ))),
    }
}

impl Llvm {
    /// Whether both start, and are new enough: LLVM reads what older ones have written.
    fn reads(&self, version: u32) -> bool {
        [&self.cov, &self.profdata].into_iter().all(|program| is_at_least(program, version))
    }
}

fn is_at_least(program: &Path, version: u32) -> bool {
    let said = process::ask(program, &["--version"]).unwrap_or_default();
    said.split_once("LLVM version ").and_then(|(_, rest)| major(rest)).is_some_and(|major| major >= version)
}

/// The first number of a version.
fn major(version: &str) -> Option<u32> {
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_begins_with_its_number() {
        assert_eq!(major("22.1.2"), Some(22));
        assert_eq!(major("22.1.2-rust-1.95.0-stable\n  Optimized build"), Some(22));
        assert_eq!(major("unknown"), None);
    }

    #[test]
    fn what_does_not_start_or_is_older_is_passed_over() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("llvm-cov");
        assert!(!is_at_least(&program, 22), "not there");
        std::fs::write(&program, "#!/bin/sh\necho 'Debian LLVM version 14.0.6'\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_at_least(&program, 14));
        assert!(!is_at_least(&program, 22));
    }
}
