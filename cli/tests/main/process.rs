//! The command as a process of its own, with a clean environment and a time limit.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The most that any command of these tests takes; a build is one of them.
const LIMIT: Duration = Duration::from_secs(300);
const TICK: Duration = Duration::from_millis(5);

/// What a command printed, on both outputs in the order of printing, and its exit code.
#[derive(Debug)]
pub struct Ended {
    pub text: String,
    pub code: Option<i32>,
}

/// `tamis` in a folder, with nothing of the environment but what finds the compiler and the compiled modules.
pub fn tamis(folder: &Path, words: &[impl AsRef<OsStr>]) -> Command {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let or_below_home = |name: &str, below: &str| std::env::var_os(name).unwrap_or_else(|| home.join(below).into());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    command.args(words).current_dir(folder).env_clear();
    for name in ["PATH", "RUSTUP_DIST_SERVER", "RUSTUP_AUTO_INSTALL", "RUSTUP_TOOLCHAIN", "TAMIS_ENVOY"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.env("CARGO_HOME", or_below_home("CARGO_HOME", ".cargo"));
    command.env("RUSTUP_HOME", or_below_home("RUSTUP_HOME", ".rustup"));
    command.envs(tamis_harness::engine::cache_dir().map(|folder| ("TAMIS_CACHE", folder)));
    // What the tests build needs nothing that the repository's own build has not fetched.
    command.envs([("CARGO_NET_OFFLINE", "true"), ("CARGO_TERM_QUIET", "true"), ("COLUMNS", "100")]);
    command.env("HOME", folder).stdin(Stdio::null());
    command
}

/// Runs a command to its end, which must come within the limit.
pub fn run(mut command: Command) -> Ended {
    let mut output = tempfile::tempfile().unwrap();
    let share = |file: &File| file.try_clone().unwrap();
    let child = command.stdout(share(&output)).stderr(share(&output)).spawn().unwrap();
    let mut running = Running(child);
    let status = running.wait(LIMIT).unwrap_or_else(|| panic!("{command:?} did not end"));
    output.rewind().unwrap();
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes).unwrap();
    Ended { text: String::from_utf8_lossy(&bytes).into_owned(), code: status.code() }
}

/// Runs `tamis`, which must succeed; what it printed.
pub fn succeed(folder: &Path, words: &[impl AsRef<OsStr> + std::fmt::Debug]) -> String {
    let ended = run(tamis(folder, words));
    assert_eq!(ended.code, Some(0), "tamis {words:?}: {}", ended.text);
    ended.text
}

/// A process that is stopped by its id when this value is dropped.
pub struct Running(pub Child);

impl Running {
    /// How it ended, or nothing when it has not within the limit.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let limit = Instant::now() + limit;
        loop {
            match self.0.try_wait().unwrap() {
                Some(status) => return Some(status),
                None if Instant::now() >= limit => return None,
                None => sleep(TICK),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
