//! A process that starts, runs ten cases and ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::table::Spread;

/// How often the command is run.
const RUNS: usize = 40;

/// A sentence for `docs/figures.md`. The command is the one that `make` builds.
pub fn measure() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let command = root.join("target/debug/tamis");
    let cases = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/requests/ten-cases.yaml");
    let run = |arguments: &[&Path]| {
        let start = Instant::now();
        let mut command = Command::new(&command);
        let status = command.args(arguments).stdout(Stdio::null()).stdin(Stdio::null()).status();
        assert!(status.unwrap().success(), "{arguments:?}; `make modules` builds what it needs");
        start.elapsed().as_secs_f64() * 1e3
    };
    // The first run fills the cache of compiled modules.
    run(&[Path::new("test"), &cases]);
    let mut milliseconds = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        milliseconds[0].push(run(&[Path::new("test"), &cases]));
        milliseconds[1].push(run(&[Path::new("--version")]));
    }
    let [ten, nothing] = milliseconds.map(|values| Spread::of(values).text());
    let worked = |arguments: &str| processor_time(&format!("{} {arguments}", command.display()));
    let (ten_worked, nothing_worked) = (worked(&format!("test {}", cases.display())), worked("--version"));
    format!(
        "A cold process, `tamis test` of the development build, with ten cases in one file and the module's code in the \
         cache: {ten} ms from its start to its end, {ten_worked:.1} ms of them at work. `tamis --version`, which does nothing, \
         takes {nothing} ms, {nothing_worked:.1} of them at work. The rest is waiting for a processor that others have.\n"
    )
}

/// Milliseconds of processor time that a command takes, as the mean of many runs. The shell asks the system for it.
fn processor_time(command: &str) -> f64 {
    let script = format!("TIMEFORMAT='%3U %3S'; time for run in {{1..{RUNS}}}; do {command} >/dev/null; done");
    let output =
        Command::new("bash").args(["-c", &script]).env("LC_ALL", "C").stdin(Stdio::null()).output().expect("bash");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let seconds = text.split_whitespace().map(|word| word.parse::<f64>().unwrap()).sum::<f64>();
    seconds * 1e3 / RUNS as f64
}
