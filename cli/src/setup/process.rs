//! Running other programs: in a process group of their own, with a time limit, with progress shown, and ended on Ctrl-C.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::signal::unix::{SignalKind, signal};

/// How much of a program's output is kept, and shown when it fails.
const TAIL_BYTES: usize = 4096;
const TAIL_LINES: usize = 12;
/// How often a line says that a program still runs.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Between asking a program to end and ending it; also for its last output to arrive.
const GRACE: Duration = Duration::from_secs(3);

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not be started at all.
    #[error("`{program}` cannot be started: {source}")]
    NotStarted {
        /// Its name.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended by itself, without success.
    #[error("`{program}` failed ({status}){tail}")]
    Failed {
        /// Its name.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it printed, indented.
        tail: String,
    },
    /// It was ended because it took too long.
    #[error("`{program}` took longer than {} s and was ended", limit.as_secs())]
    TimedOut {
        /// Its name.
        program: String,
        /// What it was given.
        limit: Duration,
    },
    /// It was ended because the user wants to stop.
    #[error("`{program}` was interrupted")]
    Interrupted {
        /// Its name.
        program: String,
    },
}

/// Runs a program to its end, printing `what` and the seconds from time to time. Its input is empty; its output is only shown on failure.
///
/// # Errors
/// [`RunError`]; no process of its group is left then.
pub fn run(what: &str, mut command: Command, limit: Duration) -> Result<(), RunError> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let not_started = |source| RunError::NotStarted { program: program.clone(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    // A backtrace of someone else's program would push its message out of the lines that are shown.
    command.env("RUST_BACKTRACE", "0");
    println!("==> {what}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(not_started)?;
    runtime.block_on(supervise(what, command, limit)).map_err(not_started)?.map_err(|ending| match ending {
        Ending::Status(status, tail) => RunError::Failed { program: program.clone(), status, tail },
        Ending::Limit => RunError::TimedOut { program: program.clone(), limit },
        Ending::Interrupt => RunError::Interrupted { program: program.clone() },
    })
}

/// What a program prints on its standard output, when it ends with success; for questions that are answered at once.
pub fn ask(program: impl AsRef<Path>, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program.as_ref());
    // Without it rustup's `rustc` may answer a question by downloading a toolchain.
    command.args(arguments).stdin(Stdio::null()).env("RUSTUP_AUTO_INSTALL", "0");
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where the shell would find a program.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

enum Ending {
    Status(ExitStatus, String),
    Limit,
    Interrupt,
}

async fn supervise(what: &str, command: Command, limit: Duration) -> io::Result<Result<(), Ending>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);

    let tail = Arc::new(Mutex::new(Vec::new()));
    let readers = [
        child.stdout.take().map(|pipe| tokio::spawn(keep_tail(pipe, Arc::clone(&tail)))),
        child.stderr.take().map(|pipe| tokio::spawn(keep_tail(pipe, Arc::clone(&tail)))),
    ];
    let ending = tokio::select! {
        status = child.wait() => {
            let status = status?;
            // A service that the program started may hold the pipes open for ever.
            let all = async { for reader in readers.into_iter().flatten() { let _ended = reader.await; } };
            let _complete = tokio::time::timeout(GRACE, all).await;
            if status.success() {
                return Ok(Ok(()));
            }
            let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(Err(Ending::Status(status, last_lines(&tail))));
        }
        () = tokio::time::sleep(limit) => Ending::Limit,
        () = beat(what) => Ending::Limit,
        _ = interrupt.recv() => Ending::Interrupt,
        _ = terminate.recv() => Ending::Interrupt,
        _ = hangup.recv() => Ending::Interrupt,
    };
    if let Some(group) = group {
        // An error only says that the group is gone already, or is another user's (`sudo` passes the first signal on).
        let _gone = kill_process_group(group, Signal::TERM);
        let _ended = tokio::time::timeout(GRACE, child.wait()).await;
        let _gone = kill_process_group(group, Signal::KILL);
    }
    Ok(Err(ending))
}

/// Says that the program still runs; never ends by itself.
async fn beat(what: &str) {
    let begin = Instant::now();
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        println!("    {what}: {} s", begin.elapsed().as_secs());
    }
}

async fn keep_tail(mut pipe: impl AsyncRead + Unpin, tail: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 1024];
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(chunk.iter().take(read));
        let excess = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..excess);
    }
}

/// The last lines of an output, each on a line of its own and indented, without the passwords that addresses may carry.
fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let skip = lines.len().saturating_sub(TAIL_LINES);
    lines.into_iter().skip(skip).map(|line| format!("\n    {}", without_passwords(line))).collect()
}

fn without_passwords(line: &str) -> String {
    let mut parts = line.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str("://");
        let end = part.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => clean.extend(["***@", host]),
            None => clean.push_str(authority),
        }
        clean.push_str(rest);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_that_fails_shows_its_last_lines() {
        let error = run("test", shell("seq 1 50; echo bad >&2; exit 3"), GRACE).unwrap_err().to_string();
        assert!(error.starts_with("`sh` failed (exit status: 3)"), "{error}");
        assert!(error.contains("\n    bad") && error.contains("\n    50") && !error.contains("\n    20\n"), "{error}");
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 300 & echo $! > {}; wait", file.display());
        let begin = Instant::now();
        let error = run("test", shell(&script), Duration::from_millis(500)).unwrap_err();
        assert!(matches!(error, RunError::TimedOut { .. }), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(10));
        let child: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        let runs = || {
            let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z ")
        };
        // The signal has been sent, but the system may take a moment.
        while runs() {
            assert!(begin.elapsed() < Duration::from_secs(20), "process {child} still runs");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run("test", Command::new("tamis-no-such-program"), GRACE).unwrap_err();
        assert!(error.to_string().starts_with("`tamis-no-such-program` cannot be started"), "{error}");
    }

    #[test]
    fn passwords_in_addresses_are_not_repeated() {
        let line = "get https://me:secret@host/simple and http://plain/x";
        assert_eq!(without_passwords(line), "get https://***@host/simple and http://plain/x");
        assert_eq!(without_passwords("no address"), "no address");
    }
}
