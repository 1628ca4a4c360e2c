//! What `make lint` runs besides cargo itself: typos and cargo-deny, at versions of ours.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::cache::{Cache, Lock, cannot, is_complete};
use super::component::Done;
use super::{process, python};
use crate::failure::Failure;

const TYPOS: &str = "1.52.0";
const CARGO_DENY: &str = "0.20.2";
/// About 100 s on two cores, without optimisation.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// Makes sure that `CACHE/tools/bin` has both, and that cargo can format and lint.
pub(super) fn install(cache: &Cache) -> Result<Done, Failure> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if process::ask("cargo", &[subcommand, "--version"]).is_none() {
            return Err(Failure::environment(format!("`cargo {subcommand}` is not installed"))
                .hint(format!("run `rustup component add {component}`, or install your distribution's package")));
        }
    }
    let links = cache.place("tools", "bin");
    let what = format!("typos {TYPOS} and cargo-deny {CARGO_DENY}, {}", links.display());
    let tools = [
        Tool {
            name: "typos",
            version: TYPOS,
            place: cache.place("tools", &format!("typos-{TYPOS}")),
            fill: fill_typos,
        },
        Tool {
            name: "cargo-deny",
            version: CARGO_DENY,
            place: cache.place("tools", &format!("cargo-deny-{CARGO_DENY}")),
            fill: fill_deny,
        },
    ];
    if tools.iter().all(|tool| tool.is_ready(&links)) {
        return Ok(Done::Before(what));
    }
    let lock = cache.lock("tools")?;
    for tool in tools.iter().filter(|tool| !tool.is_ready(&links)) {
        tool.install(cache, &lock, &links)?;
    }
    Ok(Done::Now(what))
}

struct Tool {
    name: &'static str,
    version: &'static str,
    place: PathBuf,
    fill: fn(&Path) -> Result<(), Failure>,
}

impl Tool {
    fn is_ready(&self, links: &Path) -> bool {
        is_complete(&self.place) && fs::read_link(links.join(self.name)).is_ok_and(|target| target == self.target())
    }

    /// What the link beside the folders says.
    fn target(&self) -> PathBuf {
        PathBuf::from(format!("../{}-{}/bin/{}", self.name, self.version, self.name))
    }

    fn install(&self, cache: &Cache, lock: &Lock, links: &Path) -> Result<(), Failure> {
        if !is_complete(&self.place) {
            cache.publish(lock, &self.place, self.fill)?;
        }
        fs::create_dir_all(links).map_err(|error| cannot("create", links, &error))?;
        let link = links.join(self.name);
        let new = links.join(format!(".{}", self.name));
        if new.symlink_metadata().is_ok() {
            fs::remove_file(&new).map_err(|error| cannot("remove", &new, &error))?;
        }
        symlink(self.target(), &new)
            .and_then(|()| fs::rename(&new, &link))
            .map_err(|error| cannot("create", &link, &error))
    }
}

fn fill_typos(folder: &Path) -> Result<(), Failure> {
    python::environment(&python::python()?, folder, "typos", TYPOS)
}

/// Compiled here: the one on PyPI is too old to read today's lock files.
fn fill_deny(folder: &Path) -> Result<(), Failure> {
    let build = folder.join("build");
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "cargo-deny", "--quiet", "--locked", "--debug", "--no-track", "--version", CARGO_DENY]);
    cargo.arg("--root").arg(folder).arg("--target-dir").arg(&build);
    cargo.env_remove("CARGO_BUILD_TARGET").env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run("cargo install cargo-deny, a few minutes, once", cargo, BUILD_LIMIT).map_err(|error| {
        Failure::environment(error).hint("check that crates.io, or the mirror in cargo's settings, can be reached")
    })?;
    fs::remove_dir_all(&build).map_err(|error| cannot("remove", &build, &error))
}
