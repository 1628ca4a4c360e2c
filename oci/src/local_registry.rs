//! A real registry of one's own, for a demo or a test: Debian's `docker-registry` on a free port of this machine.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = "docker-registry";
const START_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
const CALL_LIMIT: Duration = Duration::from_secs(2);
/// Between finding a free port and using it another program may take it.
const ATTEMPTS: usize = 3;

/// A registry that runs until this value is dropped; its images are gone with it.
#[derive(Debug)]
pub struct LocalRegistry {
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

/// How a registry is guarded; by default anyone may do anything.
#[derive(Debug, Clone, Default)]
pub struct LocalGuard {
    /// A line `user:hash` with a bcrypt hash: it asks for that user's password.
    pub htpasswd: Option<String>,
    /// Files of PEM, a certificate for 127.0.0.1 and its key: it speaks TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// It asks for tokens.
    pub tokens: Option<LocalTokens>,
}

/// Which tokens a registry takes.
#[derive(Debug, Clone)]
pub struct LocalTokens {
    /// Where they are given out.
    pub realm: String,
    /// What the registry is called there.
    pub service: String,
    /// Who signs them.
    pub issuer: String,
    /// A file of PEM certificates that the signer's is checked against.
    pub certificates: PathBuf,
}

/// Why no registry was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalRegistryError {
    /// The program is not on the search path.
    #[error("`{PROGRAM}` is not installed; on Debian: `apt-get install docker-registry`")]
    NotInstalled,
    /// The system refused.
    #[error("cannot {action} for the local registry: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It ended, or did not answer in time.
    #[error("the local registry did not start: {reason}; its last words: {log:?}")]
    NotStarted {
        /// What was seen.
        reason: String,
        /// The end of its log.
        log: String,
    },
}

impl LocalRegistry {
    /// Starts a registry that everyone on this machine may use, and waits until it answers.
    ///
    /// # Errors
    /// When the program is missing, or does not answer within 20 seconds.
    pub fn start() -> Result<Self, LocalRegistryError> {
        Self::start_guarded(&LocalGuard::default())
    }

    /// Starts a registry as described.
    ///
    /// # Errors
    /// When the program is missing, does not answer within 20 seconds, or does not like what it is given.
    pub fn start_with(guard: &LocalGuard) -> Result<Self, LocalRegistryError> {
        Self::start_guarded(guard)
    }

    /// Starts a registry that asks for a user and a password.
    ///
    /// `htpasswd` is a line `user:hash` with a bcrypt hash, the only kind that the program takes.
    ///
    /// # Errors
    /// When the program is missing, or does not answer within 20 seconds.
    pub fn start_with_password(htpasswd: &str) -> Result<Self, LocalRegistryError> {
        Self::start_guarded(&LocalGuard { htpasswd: Some(htpasswd.to_owned()), ..LocalGuard::default() })
    }

    /// Host and port, as they stand in a reference.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The id of the process, for messages.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.0.id()
    }

    fn start_guarded(guard: &LocalGuard) -> Result<Self, LocalRegistryError> {
        let program = find_program().ok_or(LocalRegistryError::NotInstalled)?;
        let mut attempt = 1;
        loop {
            match Self::start_once(&program, guard) {
                Err(LocalRegistryError::NotStarted { .. }) if attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn start_once(program: &Path, guard: &LocalGuard) -> Result<Self, LocalRegistryError> {
        let folder =
            tempfile::Builder::new().prefix("tamis-registry-").tempdir().map_err(io_error("create a folder"))?;
        let address = free_address().map_err(io_error("find a free port"))?;
        let config = folder.path().join("config.yml");
        let log = folder.path().join("log");
        if let Some(line) = &guard.htpasswd {
            fs::write(folder.path().join("htpasswd"), line).map_err(io_error("write the password file"))?;
        }
        fs::write(&config, configuration(folder.path(), address, guard))
            .map_err(io_error("write the configuration"))?;
        let output = File::create(&log).map_err(io_error("create the log"))?;
        let errors = output.try_clone().map_err(io_error("share the log"))?;

        let mut command = Command::new(program);
        command.arg("serve").arg(&config).stdin(Stdio::null()).stdout(output).stderr(errors);
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt as _;
            // Ctrl-C reaches the caller alone, who then drops this value.
            command.process_group(0);
        }
        let process = Process(command.spawn().map_err(io_error("start `docker-registry`"))?);
        let mut registry = Self { process, address, _folder: folder };
        match registry.wait_until_ready() {
            Ok(()) => Ok(registry),
            Err(reason) => Err(LocalRegistryError::NotStarted { reason, log: last_words(&log) }),
        }
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let limit = Instant::now() + START_LIMIT;
        while Instant::now() < limit {
            if let Ok(Some(status)) = self.process.0.try_wait() {
                return Err(format!("it ended with {status}"));
            }
            if answers(self.address).unwrap_or(false) {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        Err(format!("no answer within {} seconds", START_LIMIT.as_secs()))
    }
}

/// Stops its process by id and waits for the end.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn find_program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(PROGRAM)).find(|program| program.is_file())
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn configuration(folder: &Path, address: SocketAddr, guard: &LocalGuard) -> String {
    let path = |name: &str| serde_json::Value::from(folder.join(name).to_string_lossy()).to_string();
    let mut text = format!(
        "version: 0.1\nlog:\n  level: warn\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n  secret: local\n",
        path("data")
    );
    let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy()).to_string();
    if let Some((certificate, key)) = &guard.tls {
        text.push_str(&format!("  tls:\n    certificate: {}\n    key: {}\n", quoted(certificate), quoted(key)));
    }
    if let Some(LocalTokens { realm, service, issuer, certificates }) = &guard.tokens {
        text.push_str(&format!(
            "auth:\n  token:\n    realm: {realm}\n    service: {service}\n    issuer: {issuer}\n    rootcertbundle: {}\n",
            quoted(certificates)
        ));
    }
    if guard.htpasswd.is_some() {
        // The realm is an address because Istio's agent accepts no other.
        text.push_str(&format!("auth:\n  htpasswd:\n    realm: http://{address}/\n    path: {}\n", path("htpasswd")));
    }
    text
}

/// Whether `/v2/` answers as a registry does: with or without a demand for a password.
fn answers(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, CALL_LIMIT)?;
    stream.set_read_timeout(Some(CALL_LIMIT))?;
    stream.set_write_timeout(Some(CALL_LIMIT))?;
    write!(stream, "GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut head = Vec::new();
    stream.take(4096).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    // One that speaks TLS says so to whoever does not.
    if head.contains("http request to an https server") {
        return Ok(true);
    }
    Ok((head.starts_with("http/1.1 200") || head.starts_with("http/1.1 401"))
        && head.contains("docker-distribution-api-version"))
}

fn last_words(log: &Path) -> String {
    const KEPT: usize = 500;
    let text = fs::read(log).unwrap_or_default();
    let start = text.len().saturating_sub(KEPT);
    String::from_utf8_lossy(text.get(start..).unwrap_or_default()).trim().to_owned()
}

fn io_error(action: &'static str) -> impl FnOnce(io::Error) -> LocalRegistryError {
    move |source| LocalRegistryError::Io { action, source }
}
