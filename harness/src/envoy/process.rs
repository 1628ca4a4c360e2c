//! One running Envoy.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::binary::{EnvoyBinary, NoEnvoy};
use super::{admin, log};
use crate::document::{Document, DocumentError};

/// How long Envoy may take until every listener is set up.
const START: Duration = Duration::from_secs(30);
/// Between asking Envoy to end and ending it.
const GRACE: Duration = Duration::from_secs(5);
/// Between two looks at something that changes soon.
const TICK: Duration = Duration::from_millis(10);
/// The most that is read of a log, in bytes.
const MAX_LOG: u64 = 8 << 20;

/// An Envoy that accepts connections. Dropped, it is asked to end, ended if it does not within 5 s, and waited for.
///
/// It runs in a process group of its own, so a Ctrl-C at the terminal does not reach it: whoever handles that signal drops it.
#[derive(Debug)]
pub struct EnvoyProcess {
    version: String,
    child: Child,
    admin: SocketAddr,
    /// Configuration and log; goes after the process.
    folder: TempDir,
}

/// Why Envoy does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvoyError {
    /// There is none.
    #[error(transparent)]
    NoEnvoy(#[from] NoEnvoy),
    /// The configuration is neither YAML nor JSON.
    #[error("the configuration cannot be read: {0}")]
    Text(#[from] DocumentError),
    /// Its files cannot be written or read, or it cannot be started or asked.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// It says no to its configuration.
    #[error("Envoy rejects the configuration: {verdict}{}", indented(.log))]
    Rejected {
        /// Why, in Envoy's words.
        verdict: String,
        /// What the module said, when it was the module that said no.
        log: Vec<String>,
    },
    /// It ended by itself.
    #[error("Envoy has ended ({status}){}", indented(.log))]
    Ended {
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: Vec<String>,
    },
    /// It takes too long.
    #[error("Envoy was not ready within {} s{}", START.as_secs(), indented(.log))]
    NotReady {
        /// The end of its log.
        log: Vec<String>,
    },
}

/// What is said to Envoy beside its configuration.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many workers it has.
    pub workers: u32,
    /// How long a listener that is changed may drain, in whole seconds; Envoy's own is ten minutes.
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { workers: 1, drain: Duration::from_secs(600) }
    }
}

impl EnvoyProcess {
    /// Starts an Envoy with one worker; else as [`start_with`](Self::start_with).
    ///
    /// # Errors
    ///
    /// Those of [`start_with`](Self::start_with).
    pub fn start(binary: &EnvoyBinary, config: &Value) -> Result<Self, EnvoyError> {
        Self::start_with(binary, config, Settings::default())
    }

    /// Starts an Envoy with a bootstrap configuration and waits, at most 30 s, until its listeners are set up. An
    /// administration interface on a free port of 127.0.0.1 is added where the configuration has none.
    ///
    /// # Errors
    ///
    /// [`EnvoyError`]; no process is left then. [`EnvoyError::Rejected`] holds what the module itself has said.
    pub fn start_with(binary: &EnvoyBinary, config: &Value, settings: Settings) -> Result<Self, EnvoyError> {
        let folder = tempfile::tempdir().map_err(system("cannot make a folder for Envoy"))?;
        let file = folder.path().join("bootstrap.json");
        std::fs::write(&file, with_admin(config).to_string()).map_err(system("cannot write Envoy's configuration"))?;
        let log = File::create(folder.path().join("log")).map_err(system("cannot create Envoy's log"))?;
        let mut command = Command::new(binary.path());
        command.args([
            "--concurrency",
            &settings.workers.to_string(),
            "--use-dynamic-base-id",
            "--disable-hot-restart",
        ]);
        command.args(["--drain-time-s", &settings.drain.as_secs().to_string()]);
        command.args(["--log-level", "warning", "--component-log-level", "wasm:info", "--log-format", log::FORMAT]);
        command.arg("--admin-address-path").arg(folder.path().join("admin")).arg("--config-path").arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        let child = command.spawn().map_err(system("cannot start Envoy"))?;
        // From here on dropping it ends the process, whatever goes wrong.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut envoy = Self { version: binary.version().to_owned(), child, admin: unknown, folder };
        envoy.wait_until_ready()?;
        Ok(envoy)
    }

    /// Starts an Envoy with a configuration as text, YAML or JSON; else as [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// Those of [`start`](Self::start), and [`EnvoyError::Text`] with line and column.
    pub fn start_text(binary: &EnvoyBinary, config: &str) -> Result<Self, EnvoyError> {
        Self::start(binary, Document::parse(config)?.value())
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Envoy's version, as `1.40.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where the administration interface listens.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The log so far, at most its first 8 MiB.
    #[must_use]
    pub fn log(&self) -> String {
        let mut text = Vec::new();
        // A log that cannot be read is one that has nothing to say.
        let _ = File::open(self.path("log")).and_then(|file| file.take(MAX_LOG).read_to_end(&mut text));
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What the log has after so many bytes, at most 8 MiB of it.
    #[must_use]
    pub fn log_from(&self, read: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        // As above.
        let _ = File::open(self.path("log")).and_then(|mut file| {
            file.seek(io::SeekFrom::Start(read))?;
            file.take(MAX_LOG).read_to_end(&mut bytes)
        });
        bytes
    }

    /// How long the log is by now, in bytes.
    #[must_use]
    pub fn log_size(&self) -> u64 {
        std::fs::metadata(self.path("log")).map_or(0, |data| data.len())
    }

    /// The listeners by name, and where they accept connections: the way to learn a port that was 0.
    ///
    /// # Errors
    ///
    /// [`EnvoyError::System`] when Envoy does not answer.
    pub fn listeners(&self) -> Result<BTreeMap<String, SocketAddr>, EnvoyError> {
        admin::listeners(self.admin).map_err(system("cannot ask Envoy for its listeners"))
    }

    /// The listeners by name that came with LDS and were rejected, and Envoy's reason.
    ///
    /// # Errors
    ///
    /// [`EnvoyError::System`] when Envoy does not answer.
    pub fn rejected_listeners(&self) -> Result<BTreeMap<String, String>, EnvoyError> {
        admin::rejected_listeners(self.admin).map_err(system("cannot ask Envoy for rejected listeners"))
    }

    /// The counters and gauges whose names contain a text; those of modules begin with `wasmcustom.`.
    ///
    /// # Errors
    ///
    /// [`EnvoyError::System`] when Envoy does not answer.
    pub fn stats(&self, part: &str) -> Result<BTreeMap<String, u64>, EnvoyError> {
        admin::stats(self.admin, part).map_err(system("cannot ask Envoy for its statistics"))
    }

    fn wait_until_ready(&mut self) -> Result<(), EnvoyError> {
        let limit = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait().map_err(system("cannot wait for Envoy"))? {
                return Err(ended(status, &self.log()));
            }
            // The file is written before the interface accepts connections, and not in one piece.
            let address = std::fs::read_to_string(self.path("admin")).ok().and_then(|text| text.trim().parse().ok());
            if let Some(address) = address
                && admin::is_ready(address)
            {
                self.admin = address;
                return Ok(());
            }
            if Instant::now() >= limit {
                return Err(EnvoyError::NotReady { log: log::tail(&self.log()) });
            }
            sleep(TICK);
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for EnvoyProcess {
    fn drop(&mut self) {
        // Until it has been waited for, its id belongs to nobody else.
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::TERM);
        }
        let limit = Instant::now() + GRACE;
        while Instant::now() < limit {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            sleep(TICK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn system(what: &'static str) -> impl Fn(io::Error) -> EnvoyError {
    move |error| EnvoyError::System { what, error }
}

/// Messages under a message, as the harness shows those of a module.
pub(super) fn indented(messages: &[String]) -> String {
    messages.iter().map(|message| format!("\n  {message}")).collect()
}

fn ended(status: ExitStatus, log: &str) -> EnvoyError {
    match log::verdict(log) {
        Some(verdict) => EnvoyError::Rejected { verdict, log: log::complaints(log) },
        None => EnvoyError::Ended { status, log: log::tail(log) },
    }
}

fn with_admin(config: &Value) -> Value {
    let mut config = config.clone();
    if let Value::Object(fields) = &mut config {
        let address = json!({ "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } } });
        fields.entry("admin").or_insert(address);
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_interface_is_added_where_there_is_none() {
        let added = with_admin(&json!({}));
        assert_eq!(added.pointer("/admin/address/socket_address/address"), Some(&json!("127.0.0.1")));
        let own = json!({ "admin": { "address": { "pipe": { "path": "x" } } } });
        assert_eq!(with_admin(&own), own);
    }

    #[test]
    fn messages_are_shown_below_the_message() {
        assert_eq!(indented(&["a".to_owned(), "b".to_owned()]), "\n  a\n  b");
    }
}
