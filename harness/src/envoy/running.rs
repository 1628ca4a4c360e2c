//! An Envoy with the listeners of scenarios, which can change.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::binary::EnvoyBinary;
use super::bootstrap::{self, Chain, Form};
use super::process::{EnvoyError, EnvoyProcess, system};
use super::run::NotRun;
use super::{admin, log};

/// How long Envoy may take to take over a changed listener, or to say no.
const CHANGE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(10);
/// The file that Envoy looks for listeners in.
const FILE: &str = "listeners.json";

/// An Envoy with its listeners, and the folder where it found them.
pub(super) struct Running {
    process: EnvoyProcess,
    folder: TempDir,
    chains: RefCell<Vec<Chain>>,
    form: Form,
    version: Cell<u64>,
    accepted: BTreeMap<String, SocketAddr>,
    rejected: BTreeMap<String, String>,
}

/// Why a changed chain is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotChanged {
    /// Envoy says no to it.
    #[error("Envoy rejects the chain: {0}")]
    Rejected(String),
    /// The file cannot be written, or Envoy not be asked.
    #[error("the chain cannot be changed: {0}")]
    System(#[from] io::Error),
    /// It takes too long.
    #[error("Envoy has not taken over the chain within {} s", CHANGE.as_secs())]
    Late,
}

impl Running {
    /// Starts one, with a listener for each chain that it accepts.
    pub(super) fn start(binary: &EnvoyBinary, chains: &[Chain], form: Form) -> Result<Self, EnvoyError> {
        let unwritten = system("cannot write the configuration of Envoy's listeners");
        let folder = tempfile::tempdir().map_err(&unwritten)?;
        write(folder.path(), 0, chains, form).map_err(&unwritten)?;
        let process = EnvoyProcess::start(binary, &bootstrap::bootstrap(chains, &folder.path().join(FILE)))?;
        let (accepted, rejected) = (process.listeners()?, process.rejected_listeners()?);
        let (chains, version) = (RefCell::new(chains.to_vec()), Cell::new(0));
        Ok(Self { process, folder, chains, form, version, accepted, rejected })
    }

    pub(super) fn process(&self) -> &EnvoyProcess {
        &self.process
    }

    /// Where a chain's listener is.
    pub(super) fn address(&self, chain: &Chain) -> Result<SocketAddr, NotRun> {
        if let Some(address) = self.accepted.get(&chain.name) {
            return Ok(*address);
        }
        let vm_ids = chain.plugins.iter().map(|plugin| plugin.vm_id.clone()).collect::<Vec<_>>();
        let verdict = self.rejected.get(&chain.name).map_or("no reason is given", String::as_str);
        Err(NotRun::Rejected {
            verdict: verdict.to_owned(),
            log: log::complaints_about(&self.process.log(), &chain.name, &vm_ids),
        })
    }

    /// Puts a chain in the place of the one of its name, and waits until new connections get it. The old one stays when it
    /// is rejected.
    pub(super) fn change(&self, chain: &Chain) -> Result<(), NotChanged> {
        let mut chains = self.chains.borrow_mut();
        let Some(place) = chains.iter_mut().find(|other| other.name == chain.name) else { return Ok(()) };
        // Envoy leaves out what has not changed.
        if place == chain {
            return Ok(());
        }
        let before = std::mem::replace(place, chain.clone());
        let changed = self.update(&chain.name, &chains);
        if changed.is_err()
            && let Some(place) = chains.iter_mut().find(|other| other.name == chain.name)
        {
            *place = before;
        }
        changed
    }

    fn update(&self, listener: &str, chains: &[Chain]) -> Result<(), NotChanged> {
        let admin = self.process.admin();
        let before = admin::listener_updates(admin)?;
        self.version.set(self.version.get() + 1);
        write(self.folder.path(), self.version.get(), chains, self.form)?;
        let limit = Instant::now() + CHANGE;
        while admin::listener_updates(admin)? <= before {
            if Instant::now() >= limit {
                return Err(NotChanged::Late);
            }
            std::thread::sleep(TICK);
        }
        // Other listeners may have been rejected in the same update.
        match admin::rejected_listeners(admin)?.remove(listener) {
            Some(why) => Err(NotChanged::Rejected(why)),
            None => Ok(()),
        }
    }
}

/// Writes the file of the listeners whole: Envoy looks at it when another takes its place.
fn write(folder: &Path, version: u64, chains: &[Chain], form: Form) -> io::Result<()> {
    let mut listeners = bootstrap::listeners(chains);
    bootstrap::convert(&mut listeners, form);
    if let Value::Object(fields) = &mut listeners {
        fields.insert("version_info".to_owned(), json!(version.to_string()));
    }
    let new = folder.join("new.json");
    std::fs::write(&new, listeners.to_string())?;
    std::fs::rename(new, folder.join(FILE))
}
