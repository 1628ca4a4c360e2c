//! Ctrl-C.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tamis_harness::envoy::find_or_skip;
use tamis_oci::LocalRegistry;

use crate::process::{Running, tamis};
use crate::repository::{self, module, started};

/// Until the registry's line, and until the end: a command ends in seconds, a machine under load in more.
const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn an_interrupted_demo_leaves_no_process() {
    if find_or_skip("Ctrl-C").is_none() || started(LocalRegistry::start()).is_none() {
        return;
    }
    module("transformation");
    let mut command = tamis(&repository::root(), &["demo", "--engine", "envoy"]);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = Running(command.spawn().unwrap());
    let (sender, lines) = channel();
    let stdout = BufReader::new(demo.0.stdout.take().unwrap());
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let mut text = Vec::new();
    let limit = Instant::now() + LIMIT;
    let registry = loop {
        let line = lines.recv_timeout(limit.saturating_duration_since(Instant::now()));
        text.push(line.unwrap_or_else(|_| panic!("no registry in {text:#?}")));
        if text.last().unwrap().starts_with("==> registry on ") {
            break process(text.last().unwrap());
        }
    };
    assert!(test_kill_process(registry).is_ok(), "the registry does not run");
    kill_process(Pid::from_child(&demo.0), Signal::INT).unwrap();

    let status = demo.wait(LIMIT).unwrap_or_else(|| panic!("still running: {text:#?}"));
    text.extend(lines.iter());
    let errors = std::io::read_to_string(demo.0.stderr.take().unwrap()).unwrap();
    assert_eq!(status.code(), Some(1), "{text:#?}{errors}");
    assert_eq!(errors, "error: interrupted; everything that was started is stopped\n");
    let envoy = text.iter().find(|line| line.starts_with("==> Envoy ")).map(|line| process(line));
    for id in [Some(registry), envoy].into_iter().flatten() {
        assert!(test_kill_process(id).is_err(), "process {id:?} is still there");
    }
}

/// The id in `... (process 42)`.
fn process(line: &str) -> Pid {
    let id = line.rsplit_once("(process ").and_then(|(_, rest)| rest.strip_suffix(')')).and_then(|id| id.parse().ok());
    id.and_then(Pid::from_raw).unwrap_or_else(|| panic!("no process in {line}"))
}
