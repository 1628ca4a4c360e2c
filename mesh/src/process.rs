//! Programs that run beside us: each in a process group of its own, its output in a file, ended by its id.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Failure, cannot};

const POLL: Duration = Duration::from_millis(20);
/// Between asking a program to end and ending it.
const GRACE: Duration = Duration::from_secs(6);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// A running program; it ends with this value.
pub struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts it; what it prints goes to `FOLDER/NAME.log`.
    pub fn start(name: &'static str, mut command: Command, folder: &Path) -> Result<Self, Failure> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).map_err(cannot(format_args!("create {}", log.display())))?;
        let errors = output.try_clone().map_err(cannot("share a log"))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = command.spawn().map_err(cannot(format_args!("start {name}")))?;
        Ok(Self { name, child, log })
    }

    /// All that it has printed.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until something is so, while it runs.
    pub fn ready(&mut self, what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) -> Result<(), Failure> {
        let begin = Instant::now();
        loop {
            check_interrupt()?;
            if is_so() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Failure::new(format_args!("{} ended ({status}){}", self.name, self.last_words())));
            }
            if begin.elapsed() > limit {
                let seconds = limit.as_secs();
                return Err(Failure::new(format_args!(
                    "{}: {what}, not within {seconds} s{}",
                    self.name,
                    self.last_words()
                )));
            }
            std::thread::sleep(POLL);
        }
    }

    fn last_words(&self) -> String {
        let log = self.log();
        let lines = log.lines().collect::<Vec<_>>();
        let skip = lines.len().saturating_sub(8);
        let cut = |line: &&str| format!("\n    {}", line.chars().take(300).collect::<String>());
        lines.iter().skip(skip).map(cut).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let Some(group) = group else { return };
        // An error only says that it is gone.
        let _gone = kill_process_group(group, Signal::TERM);
        let begin = Instant::now();
        while begin.elapsed() < GRACE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(POLL);
        }
        let _gone = kill_process_group(group, Signal::KILL);
        let _ended = self.child.wait();
    }
}

/// Runs a program to its end; what it has printed.
pub fn run(mut command: Command) -> Result<String, Failure> {
    check_interrupt()?;
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(cannot(format_args!("start {name}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format_args!("{name} ({}): {} {}", output.status, errors.trim(), text.trim())))
}

/// Waits until something is there.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T, Failure> {
    let begin = Instant::now();
    loop {
        check_interrupt()?;
        if let Some(found) = look() {
            return Ok(found);
        }
        if begin.elapsed() > limit {
            return Err(Failure::new(format_args!("{what}, not within {} s", limit.as_secs())));
        }
        std::thread::sleep(POLL);
    }
}

/// Takes Ctrl-C over, so that what runs is ended before we are.
pub fn listen_for_signals() -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot("wait for signals"))?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(cannot("wait for signals"))?;
        (interrupt, signal(SignalKind::terminate()).map_err(cannot("wait for signals"))?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        INTERRUPTED.store(true, Ordering::Release);
    });
    Ok(())
}

/// Goes on, unless Ctrl-C has come.
pub fn check_interrupt() -> Result<(), Failure> {
    if INTERRUPTED.load(Ordering::Acquire) { Err(Failure::interrupt()) } else { Ok(()) }
}
