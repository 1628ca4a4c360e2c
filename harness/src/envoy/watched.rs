//! An Envoy whose listeners are in a file that it watches (LDS), so that they can change while it runs.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::admin;
use super::binary::EnvoyBinary;
use super::process::{EnvoyError, EnvoyProcess, Settings, system};

/// How long Envoy may take to take over changed listeners, or to say no.
const CHANGE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(10);
/// The file that Envoy looks for listeners in.
const FILE: &str = "listeners.json";

/// A running Envoy, and the folder where it finds its listeners. Dropped, it ends as an [`EnvoyProcess`] does.
#[derive(Debug)]
pub struct WatchedEnvoy {
    process: EnvoyProcess,
    /// Goes after the process.
    folder: TempDir,
    version: Cell<u64>,
}

impl WatchedEnvoy {
    /// Starts one with so many workers. `listeners` are the first ones: `{"resources": […]}`, each with its `@type`.
    /// `bootstrap` makes the rest of the configuration, given the file that belongs into `lds_config`.
    ///
    /// # Errors
    ///
    /// [`EnvoyError`]; no process is left then.
    pub fn start(
        binary: &EnvoyBinary,
        workers: u32,
        listeners: Value,
        bootstrap: impl FnOnce(&Path) -> Value,
    ) -> Result<Self, EnvoyError> {
        let unwritten = system("cannot write the configuration of Envoy's listeners");
        let folder = tempfile::tempdir().map_err(&unwritten)?;
        write(folder.path(), 0, listeners).map_err(&unwritten)?;
        let settings = Settings { workers, ..Settings::default() };
        let process = EnvoyProcess::start_with(binary, &bootstrap(&folder.path().join(FILE)), settings)?;
        Ok(Self { process, folder, version: Cell::new(0) })
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &EnvoyProcess {
        &self.process
    }

    /// Puts other listeners in the place of all, and waits, at most 20 s, until new connections get them or Envoy has said no:
    /// [`rejected_listeners`](EnvoyProcess::rejected_listeners) has those.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, Envoy not be asked, or it takes too long ([`io::ErrorKind::TimedOut`]).
    pub fn change(&self, listeners: Value) -> io::Result<()> {
        let admin = self.process.admin();
        let before = admin::listener_updates(admin)?;
        self.version.set(self.version.get() + 1);
        write(self.folder.path(), self.version.get(), listeners)?;
        let limit = Instant::now() + CHANGE;
        while admin::listener_updates(admin)? <= before {
            if Instant::now() >= limit {
                let late = format!("Envoy has not taken over the listeners within {} s", CHANGE.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, late));
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }
}

/// Writes the file whole: Envoy looks at it when another takes its place.
fn write(folder: &Path, version: u64, mut listeners: Value) -> io::Result<()> {
    if let Value::Object(fields) = &mut listeners {
        fields.insert("version_info".to_owned(), json!(version.to_string()));
    }
    let new = folder.join("new.json");
    std::fs::write(&new, listeners.to_string())?;
    std::fs::rename(new, folder.join(FILE))
}
