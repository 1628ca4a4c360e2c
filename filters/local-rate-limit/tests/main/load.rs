//! Load, by nghttp2's `h2load`: as many requests as are said, as fast as they are answered.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The most that one run may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    pub passed: u64,
    pub refused: u64,
    /// From before the first request until after the last answer.
    pub took: Duration,
}

/// Whether there is one. Without it a test says that it is skipped; with `CI=true` it fails.
pub fn is_there(what: &str) -> bool {
    let found = Command::new("h2load").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{what}: h2load is not installed");
    if !found {
        println!("skipped: {what}: h2load is not installed");
    }
    found
}

/// Sends requests for `/` on 16 connections.
pub fn send(address: SocketAddr, requests: u32) -> Answers {
    let mut command = Command::new("h2load");
    command.args(["--h1", "-t", "1", "-c", "16", "-n", &requests.to_string()]).arg(format!("http://{address}/"));
    finished(command, requests)
}

/// Sends a request for each path of a file, on one connection: every connection of `h2load` begins with the first path.
pub fn send_each(address: SocketAddr, requests: u32, paths: &Path) -> Answers {
    let mut command = Command::new("h2load");
    command.args(["--h1", "-t", "1", "-c", "1", "-n", &requests.to_string()]);
    command.arg("-i").arg(paths).arg("-B").arg(format!("http://{address}"));
    finished(command, requests)
}

fn finished(mut command: Command, requests: u32) -> Answers {
    let out = tempfile::NamedTempFile::new().unwrap();
    command.stdin(Stdio::null()).stdout(out.reopen().unwrap()).stderr(Stdio::null());
    let start = Instant::now();
    let mut running = Running(command.spawn().unwrap());
    while running.0.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < LIMIT, "h2load does not come to an end");
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = start.elapsed();
    let text = std::fs::read_to_string(out.path()).unwrap();
    let codes = text.lines().find_map(|line| line.strip_prefix("status codes: ")).unwrap_or_else(|| panic!("{text}"));
    let count = |class: &str| {
        let entry = codes.split(", ").find_map(|entry| entry.strip_suffix(class)).unwrap_or_else(|| panic!("{codes}"));
        entry.trim().parse::<u64>().unwrap()
    };
    let answers = Answers { passed: count(" 2xx"), refused: count(" 4xx"), took };
    assert_eq!(answers.passed + answers.refused, u64::from(requests), "every request has an answer\n{text}");
    answers
}

/// Stopped by its id when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
