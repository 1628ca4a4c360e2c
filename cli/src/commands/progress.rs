//! What an exchange with a registry is doing, on a line of the terminal that is written over.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tamis_oci::{Progress, Step};

/// Exchanges that are over by then show nothing.
const QUIET: Duration = Duration::from_millis(400);
const BETWEEN: Duration = Duration::from_millis(100);
const CLEAR_LINE: &str = "\r\x1b[K";

/// A line on standard error while it is a terminal; nothing where it is a file or a pipe, but for waits, which explain silence.
pub fn on_terminal() -> Progress {
    let is_terminal = std::io::stderr().is_terminal();
    let next = Mutex::new(Instant::now() + QUIET);
    Progress::to(move |step| {
        if let Step::Waiting { status, wait } = step {
            let clear = if is_terminal { CLEAR_LINE } else { "" };
            eprintln!("{clear}the registry answered {status}; trying again in {} s", wait.as_secs_f32());
            return;
        }
        let Ok(mut next) = next.lock() else { return };
        let is_done = matches!(step, Step::Downloading { done, total, .. } if total == Some(done))
            || matches!(step, Step::Uploading { done, total, .. } if total == done);
        if !is_terminal || (Instant::now() < *next && !is_done) {
            return;
        }
        *next = Instant::now() + BETWEEN;
        let text = if is_done { String::new() } else { line(step) };
        // A terminal that is gone is no reason to stop.
        let _ = write!(std::io::stderr(), "{CLEAR_LINE}{text}");
    })
}

fn line(step: Step) -> String {
    match step {
        Step::Uploading { what, done, total } => format!("{what}: {} of {} kB sent", done / 1000, total / 1000),
        Step::Downloading { what, done, total: Some(total) } => {
            format!("{what}: {} of {} kB received", done / 1000, total / 1000)
        }
        Step::Downloading { what, done, .. } => format!("{what}: {} kB received", done / 1000),
        _ => String::new(),
    }
}
