//! A real registry to push to, and a second client to compare with: two of Debian's packages.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::component::Done;
use super::process;
use super::programs::{self, Program};
use crate::failure::Failure;

const PROGRAMS: [Program; 2] =
    [Program { name: "docker-registry", package: "docker-registry" }, Program { name: "skopeo", package: "skopeo" }];
const SERVICE_LIMIT: Duration = Duration::from_secs(30);

/// Makes sure that both programs are in `PATH`.
pub(super) fn install() -> Result<Done, Failure> {
    let without = programs::missing(&PROGRAMS).iter().any(|program| program.name == "docker-registry");
    let done = programs::install(&PROGRAMS)?;
    if without {
        stop_service();
    }
    Ok(done)
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
