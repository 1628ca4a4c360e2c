//! A network, processes and a `/var/lib` of our own, where the system allows it.
//!
//! The control planes take fixed ports on all interfaces, and Istio's agent keeps modules in a fixed folder. In namespaces of
//! our own neither is anybody's business, nothing can leave the machine, and whatever is left is ended with the first process.

use std::process::{Command, Stdio};

use crate::failure::{Failure, cannot};
use crate::process::listen_for_signals;
use crate::stage::Options;

/// Says that the namespaces are there.
const INSIDE: &str = "TAMIS_MESH_SANDBOX";
/// Run first in there: a network that has itself, and an empty folder for the agent's modules.
const PREPARE: &str =
    "ip link set lo up && mount -t tmpfs tmpfs /var/lib && mkdir -p /var/lib/istio/data && exec \"$0\"";

/// Runs this program again in namespaces of its own, and returns whether that one succeeded; nothing when it is to run here.
pub fn enter(options: &Options) -> Result<Option<bool>, Failure> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(None);
    }
    let namespaces: &[&str] = &["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let unshare = |user: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(user).args(namespaces).args(["sh", "-c", PREPARE]);
        command
    };
    let works = |user: &[&str]| {
        let mut trial = unshare(user);
        trial.arg("true").stdout(Stdio::null()).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success())
    };
    let as_root: &[&str] = &[];
    let as_user: &[&str] = &["--map-root-user"];
    let Some(user) = [as_root, as_user].into_iter().find(|user| works(user)) else {
        println!(
            "skipped: no namespaces of our own here (`unshare`, `ip`): fixed ports of this machine are taken, and"
        );
        println!("skipped: /var/lib/istio/data has to be writable");
        return Ok(None);
    };
    listen_for_signals()?;
    let this = std::env::current_exe().map_err(cannot("find this program"))?;
    let mut command = unshare(user);
    command.arg(this).env(INSIDE, "1").current_dir(&options.repository);
    let status = command.status().map_err(cannot("run `unshare`"))?;
    Ok(Some(status.success()))
}
