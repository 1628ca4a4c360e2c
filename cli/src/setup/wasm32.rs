//! Which compiler builds filters here, and how to get one.
//!
//! The compiler that is first in `PATH` serves when it has the target. Else rustup is asked for it, and where rustup's server
//! does not answer, Debian's compiler stands in, for wasm32 only ([`super::debian_std`]).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::cache::Cache;
use super::component::Done;
use super::debian::Packages;
use super::debian_std::{self, Sysroot};
use super::process::{self, RunError};
use crate::failure::Failure;

/// The target of every filter.
pub const TARGET: &str = "wasm32-unknown-unknown";

const LINKER_VARIABLE: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER";

/// What cargo must be told so that it builds for wasm32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler, when it is not the default one.
    pub rustc: Option<PathBuf>,
    /// The linker, when the compiler does not bring its own.
    pub linker: Option<PathBuf>,
    /// The two above as environment variables of one `cargo build`.
    pub env: Vec<(&'static str, OsString)>,
    /// Where the compiler comes from, for a line of progress.
    pub origin: Origin,
}

impl Toolchain {
    /// The compiler as it names itself: `rustc 1.95.0 (59807616e 2026-04-14)`.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn version(&self) -> Result<String, Failure> {
        let rustc = self.rustc.clone().map_or_else(default_rustc, PathBuf::into_os_string);
        process::ask(&rustc, &["--version"])
            .ok_or_else(|| Failure::environment(format_args!("cannot run {}", rustc.display())))
    }
}

/// Where a compiler for wasm32 comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The compiler that cargo uses anyway has the target.
    Default,
    /// Debian's compiler, with std built by `tamis setup`.
    Debian,
}

/// The toolchain that is ready here; looks only at the disk, in some 50 ms.
///
/// # Errors
/// When there is none, or no cache folder to look into; the hint names `tamis setup`.
pub fn toolchain() -> Result<Toolchain, Failure> {
    present(&Cache::from_env()?).ok_or_else(|| {
        Failure::environment(format!("no compiler here builds for {TARGET}"))
            .hint("run `tamis setup` once, then try again")
    })
}

/// Makes sure that [`toolchain`] finds one.
pub(super) fn install(cache: &Cache, rustup_limit: Option<Duration>) -> Result<Done, Failure> {
    if let Some(toolchain) = present(cache) {
        return Ok(Done::Before(toolchain.origin.describe().into()));
    }
    let facts = Facts {
        rustup: match rustup_limit {
            None => Rustup::NotWanted,
            Some(_) if process::find("rustup").is_none() => Rustup::NotThere,
            Some(limit) => Rustup::Ask(limit),
        },
        packages: Packages::look(&debian_std::PACKAGES),
    };
    let mut reasons = Vec::new();
    for way in facts.ways() {
        match way.go(cache) {
            Ok(()) => {}
            Err(WayError::Stop(failure)) => return Err(failure),
            Err(WayError::Next(reason)) => {
                println!("    {reason}");
                reasons.push(reason.lines().next().unwrap_or_default().to_owned());
                continue;
            }
        }
        if let Some(toolchain) = present(cache) {
            return Ok(Done::Now(toolchain.origin.describe().into()));
        }
        reasons.push(format!("{way} ended well, but the compiler in PATH is not the one that has the target"));
    }
    Err(facts.refusal(&reasons))
}

impl Origin {
    fn describe(self) -> &'static str {
        match self {
            Self::Default => "the default compiler has the target",
            Self::Debian => "Debian's compiler has the target, for filters only",
        }
    }
}

/// What decides about the ways to a toolchain.
#[derive(Clone, Debug)]
struct Facts {
    rustup: Rustup,
    packages: Packages,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rustup {
    Ask(Duration),
    NotThere,
    NotWanted,
}

/// One way to a toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    Rustup(Duration),
    Debian(Packages),
}

enum WayError {
    /// This way is closed; the next may do.
    Next(String),
    /// The user wants to stop, or the last way failed in a manner that says itself what to do.
    Stop(Failure),
}

impl Facts {
    /// The ways that can be tried here, the best first.
    fn ways(&self) -> Vec<Way> {
        let rustup = match self.rustup {
            Rustup::Ask(limit) => Some(Way::Rustup(limit)),
            Rustup::NotThere | Rustup::NotWanted => None,
        };
        let debian = match &self.packages {
            Packages::Installed | Packages::Installable(_) => Some(Way::Debian(self.packages.clone())),
            Packages::Blocked(_) | Packages::OtherSystem(_) => None,
        };
        rustup.into_iter().chain(debian).collect()
    }

    /// What to say when no way led anywhere.
    fn refusal(&self, reasons: &[String]) -> Failure {
        let mut reasons = reasons.to_vec();
        match self.rustup {
            Rustup::Ask(_) => {}
            Rustup::NotThere => reasons.push("there is no rustup".into()),
            Rustup::NotWanted => reasons.push("rustup is not to be asked".into()),
        }
        let next = match &self.packages {
            Packages::Blocked(missing) => {
                reasons.push("Debian's compiler is not installed, and only root may install it".into());
                format!("run `{}`, then `tamis setup` again", missing.command_line())
            }
            Packages::OtherSystem(name) => {
                reasons.push(format!("{name} is not Debian, whose compiler would do"));
                format!(
                    "run `rustup target add {TARGET}`, or install your distribution's Rust with that target \
                     (Fedora: rust-std-static-{TARGET}, Arch and Alpine: rust-wasm), then `tamis setup` again"
                )
            }
            Packages::Installed | Packages::Installable(_) => {
                format!("run `rustup target add {TARGET}`, then `tamis setup` again")
            }
        };
        Failure::environment(format!("no compiler for {TARGET} can be set up: {}", reasons.join("; "))).hint(next)
    }
}

impl Way {
    fn go(&self, cache: &Cache) -> Result<(), WayError> {
        match self {
            Self::Rustup(limit) => {
                let mut rustup = Command::new("rustup");
                rustup.args(["target", "add", TARGET]);
                process::run(&format!("rustup target add {TARGET}"), rustup, *limit).map_err(|error| match error {
                    RunError::Interrupted { .. } => WayError::Stop(Failure::environment(error)),
                    other => WayError::Next(other.to_string()),
                })
            }
            Self::Debian(packages) => {
                if let Packages::Installable(missing) = packages {
                    missing.install().map_err(WayError::Stop)?;
                }
                debian_std::build(cache).map(drop).map_err(WayError::Stop)
            }
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rustup(_) => "rustup",
            Self::Debian(_) => "Debian's packages",
        })
    }
}

fn present(cache: &Cache) -> Option<Toolchain> {
    default_toolchain().or_else(|| debian_std::find(cache).map(Toolchain::from))
}

/// The compiler that cargo would use, if it has the target and something to link with.
fn default_toolchain() -> Option<Toolchain> {
    let sysroot = PathBuf::from(process::ask(default_rustc(), &["--print", "sysroot"])?);
    if !has_target(&sysroot) {
        return None;
    }
    if brings_linker(&sysroot) || process::find("rust-lld").is_some() {
        return Some(Toolchain { rustc: None, linker: None, env: Vec::new(), origin: Origin::Default });
    }
    let linker = ["wasm-ld", "lld", "lld-22", "lld-21", "lld-20", "lld-19"].into_iter().find_map(process::find)?;
    let env = vec![(LINKER_VARIABLE, linker.clone().into())];
    Some(Toolchain { rustc: None, linker: Some(linker), env, origin: Origin::Default })
}

fn default_rustc() -> OsString {
    std::env::var_os("RUSTC").filter(|name| !name.is_empty()).unwrap_or_else(|| "rustc".into())
}

/// Whether std itself is there: an installation that was broken off leaves the folder.
fn has_target(sysroot: &Path) -> bool {
    let folder = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let Ok(entries) = folder.read_dir() else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

fn brings_linker(sysroot: &Path) -> bool {
    let Ok(entries) = sysroot.join("lib/rustlib").read_dir() else { return false };
    entries.flatten().any(|entry| entry.path().join("bin/rust-lld").is_file())
}

impl From<Sysroot> for Toolchain {
    fn from(Sysroot { rustc, linker }: Sysroot) -> Self {
        let env = vec![("RUSTC", rustc.clone().into()), (LINKER_VARIABLE, linker.clone().into())];
        Self { rustc: Some(rustc), linker: Some(linker), env, origin: Origin::Debian }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn other() -> Packages {
        Packages::OtherSystem("Fedora Linux 43".into())
    }

    #[test]
    fn rustup_comes_first_and_debian_stands_in() {
        let facts = Facts { rustup: Rustup::Ask(MINUTE), packages: Packages::Installed };
        assert_eq!(facts.ways(), [Way::Rustup(MINUTE), Way::Debian(Packages::Installed)]);
        let facts = Facts { rustup: Rustup::NotWanted, packages: Packages::Installed };
        assert_eq!(facts.ways(), [Way::Debian(Packages::Installed)]);
        let facts = Facts { rustup: Rustup::Ask(MINUTE), packages: other() };
        assert_eq!(facts.ways(), [Way::Rustup(MINUTE)]);
    }

    #[test]
    fn where_no_way_leads_the_error_says_what_to_install() {
        let facts = Facts { rustup: Rustup::NotThere, packages: other() };
        assert_eq!(facts.ways(), []);
        let report = facts.refusal(&[]).report();
        assert!(report.contains("there is no rustup; Fedora Linux 43 is not Debian"), "{report}");
        assert!(
            report.contains("rustup target add wasm32-unknown-unknown") && report.contains("rust-wasm"),
            "{report}"
        );

        let facts = Facts { rustup: Rustup::Ask(MINUTE), packages: other() };
        let report = facts.refusal(&["`rustup` took longer than 60 s".into()]).report();
        assert!(report.contains("set up: `rustup` took longer than 60 s; Fedora"), "{report}");
    }

    #[test]
    fn a_target_without_std_does_not_count() {
        let sysroot = tempfile::tempdir().unwrap();
        let folder = sysroot.path().join("lib/rustlib").join(TARGET).join("lib");
        assert!(!has_target(sysroot.path()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("libcore-0.rlib"), "").unwrap();
        assert!(!has_target(sysroot.path()));
        std::fs::write(folder.join("libstd-0.rlib"), "").unwrap();
        assert!(has_target(sysroot.path()));
    }

    #[test]
    fn a_compiler_of_its_own_is_passed_through_the_environment() {
        let toolchain = Toolchain::from(Sysroot { rustc: "/c/bin/rustc".into(), linker: "/usr/bin/lld-22".into() });
        assert_eq!(
            toolchain.env,
            [("RUSTC", "/c/bin/rustc".into()), (LINKER_VARIABLE, OsString::from("/usr/bin/lld-22"))]
        );
        assert_eq!(toolchain.rustc, Some("/c/bin/rustc".into()));
    }
}
