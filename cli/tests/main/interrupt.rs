//! Commands that are cut short: Ctrl-C, and an output that nobody reads.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tamis_harness::document::parse_as;
use tamis_harness::envoy::find_or_skip;
use tamis_harness::gateway::client::send_blocking;
use tamis_oci::LocalRegistry;

use crate::process::{Running, tamis};
use crate::repository::{module, root, started};

/// Until a line is printed, and until the end: a command takes seconds, on a machine under load more.
const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn an_output_that_nobody_reads_is_no_fault() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut inspect = tamis(&root(), &["inspect", module("hello").to_str().unwrap()]);
    let ended = inspect.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(ended.status.code(), Some(141), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn an_interrupted_demo_leaves_no_process() {
    if find_or_skip("Ctrl-C").is_none() || started(LocalRegistry::start()).is_none() {
        return;
    }
    module("transformation");
    let mut demo = Watched::start(tamis(&root(), &["demo", "--engine", "envoy"]));
    let registry = process(&demo.line("==> registry on "));
    assert!(test_kill_process(registry).is_ok(), "the registry does not run");
    let (code, errors) = demo.interrupt();

    assert_eq!(code, Some(1), "{:#?}{errors}", demo.seen);
    assert_eq!(errors, "error: interrupted; everything that was started is stopped\n");
    let envoy = demo.seen.iter().find(|line| line.starts_with("==> Envoy ")).map(|line| process(line));
    for id in [Some(registry), envoy].into_iter().flatten() {
        assert!(test_kill_process(id).is_err(), "process {id:?} is still there");
    }
}

#[test]
fn a_gateway_serves_until_it_is_interrupted() {
    let config = root().join("examples/s01-headers/edits.yaml");
    let (module, config) = (module("transformation"), config.to_str().unwrap().to_owned());
    let words = ["serve", module.to_str().unwrap(), "--config", &config, "--listen", "127.0.0.1:0"];
    let mut gateway = Watched::start(tamis(&root(), &words));
    let line = gateway.line("==> http://127.0.0.1:");
    let address = line.trim_start_matches("==> http://").split(' ').next().unwrap().parse::<SocketAddr>().unwrap();
    let request = parse_as("path: /items\nheaders: { x-user: alice, x-debug: 1 }\n").unwrap();
    let answer = send_blocking(address, &request).unwrap();
    // The echo server says what it saw, after the filter.
    let body = String::from_utf8_lossy(&answer.body);
    assert!(body.contains("x-tenant") && body.contains("alice") && !body.contains("x-debug"), "{body}");
    assert_eq!(answer.get("cache-control"), Some(b"no-store".as_slice()));

    let (code, errors) = gateway.interrupt();
    assert_eq!(code, Some(0), "{errors}");
    assert!(std::net::TcpStream::connect(address).is_err(), "the port is still taken");
}

#[test]
fn a_gateway_takes_over_what_is_written_while_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("edits.yaml");
    let edits =
        |name: &str| format!("rules: [{{ response: {{ headers: {{ set: [{{ name: x-by, value: {name} }}] }} }} }}]\n");
    std::fs::write(&config, edits("one")).unwrap();
    let copy = folder.path().join("filter.wasm");
    std::fs::copy(module("transformation"), &copy).unwrap();
    let words = ["serve", copy.to_str().unwrap(), "--config", config.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let mut gateway = Watched::start(tamis(&root(), &words));
    let line = gateway.line("==> http://127.0.0.1:");
    let address = line.trim_start_matches("==> http://").split(' ').next().unwrap().parse::<SocketAddr>().unwrap();
    let by = || {
        let answer = send_blocking(address, &parse_as("path: /items\n").unwrap()).unwrap();
        String::from_utf8(answer.get("x-by").unwrap().to_vec()).unwrap()
    };
    assert_eq!(by(), "one");
    std::fs::write(&config, edits("two")).unwrap();
    assert_eq!(gateway.line("==> taken over: "), format!("==> taken over: {}", config.display()));
    assert_eq!(by(), "two");
    std::fs::write(&config, edits("three").replace("set", "sett")).unwrap();
    gateway.line("==> refused; ");
    assert_eq!(by(), "two");
    // Nothing has changed since, and it is asked all the same.
    std::fs::write(&config, edits("four")).unwrap();
    gateway.line("==> taken over: ");
    kill_process(Pid::from_child(&gateway.process.0), Signal::HUP).unwrap();
    gateway.line("==> taken over: ");
    assert_eq!(by(), "four");
    // Another module, which knows no rules.
    std::fs::copy(module("hello"), &copy).unwrap();
    gateway.line("==> refused; ");
    std::fs::write(&config, "greeting: hi\n").unwrap();
    gateway.line("==> taken over: ");
    let hello = send_blocking(address, &parse_as("path: /items\n").unwrap()).unwrap();
    assert_eq!(hello.get("x-by"), None);
    let (code, errors) = gateway.interrupt();
    assert_eq!(code, Some(0), "{errors}");
    let expected =
        format!("error: {}:1:34: invalid configuration at `rules[0].response.headers.sett`", config.display());
    let first = errors.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(first.starts_with(&expected), "{errors}");
}

/// A command whose lines are read while it runs.
struct Watched {
    process: Running,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Watched {
    /// In a process group of its own, so that the signal is for it alone.
    fn start(mut command: Command) -> Self {
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Running(command.spawn().unwrap());
        let stdout = BufReader::new(process.0.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, lines, seen: Vec::new() }
    }

    /// Waits for a line that begins so.
    fn line(&mut self, beginning: &str) -> String {
        let limit = Instant::now() + LIMIT;
        loop {
            let Ok(line) = self.lines.recv_timeout(limit.saturating_duration_since(Instant::now())) else {
                panic!("no line `{beginning}` in {:#?}", self.seen)
            };
            self.seen.push(line.clone());
            if line.starts_with(beginning) {
                return line;
            }
        }
    }

    /// Interrupts it and waits for its end: the exit code, and what it said on standard error.
    fn interrupt(&mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.process.0), Signal::INT).unwrap();
        let status = self.process.wait(LIMIT).unwrap_or_else(|| panic!("still running: {:#?}", self.seen));
        self.seen.extend(self.lines.iter());
        (status.code(), std::io::read_to_string(self.process.0.stderr.take().unwrap()).unwrap())
    }
}

/// The id in `... (process 42)`.
fn process(line: &str) -> Pid {
    let id = line.rsplit_once("(process ").and_then(|(_, rest)| rest.strip_suffix(')')).and_then(|id| id.parse().ok());
    id.and_then(Pid::from_raw).unwrap_or_else(|| panic!("no process in {line}"))
}
