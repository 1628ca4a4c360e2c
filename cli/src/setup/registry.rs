//! A real registry to push to, and a second client to compare with: two of Debian's packages.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::component::Done;
use super::debian::Packages;
use super::process;
use crate::failure::Failure;

/// The packages; each has one program of its own name.
const PACKAGES: [&str; 2] = ["docker-registry", "skopeo"];
const SERVICE_LIMIT: Duration = Duration::from_secs(30);

/// Makes sure that both programs are in `PATH`.
pub(super) fn install() -> Result<Done, Failure> {
    let missing: Vec<&str> = PACKAGES.into_iter().filter(|program| process::find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(Done::Before(format!("{} are installed", PACKAGES.join(" and "))));
    }
    let not_found = format!("{} cannot be found", missing.join(" and "));
    match Packages::look(&PACKAGES) {
        Packages::Installable(packages) => packages.install()?,
        Packages::Blocked(packages) => {
            return Err(Failure::environment(format!("{not_found}, and only root may install what is missing"))
                .hint(format!("run `{}`", packages.command_line())));
        }
        Packages::Installed => {
            return Err(Failure::environment(format!("{not_found} in PATH")).hint("add /usr/bin to PATH"));
        }
        Packages::OtherSystem(name) => {
            return Err(Failure::environment(format!("{not_found}, and {name} is not Debian"))
                .hint("put the programs docker-registry and skopeo into PATH"));
        }
    }
    if missing.contains(&"docker-registry") {
        stop_service();
    }
    match PACKAGES.into_iter().find(|program| process::find(program).is_none()) {
        None => Ok(Done::Now(format!("{} are installed", PACKAGES.join(" and ")))),
        Some(program) => {
            Err(Failure::environment(format!("{program} is installed, but not in PATH")).hint("add /usr/bin to PATH"))
        }
    }
}

/// Debian starts what it installs; tests start registries of their own, and nobody asked for this one.
fn stop_service() {
    if !Path::new("/run/systemd/system").is_dir() {
        return;
    }
    let mut systemctl =
        if rustix::process::geteuid().is_root() { Command::new("systemctl") } else { Command::new("sudo") };
    if !rustix::process::geteuid().is_root() {
        systemctl.args(["-n", "systemctl"]);
    }
    systemctl.args(["disable", "--now", "docker-registry"]);
    if let Err(error) = process::run("stopping the registry service that the package started", systemctl, SERVICE_LIMIT)
    {
        println!("    {error}; it listens on port 5000");
    }
}
