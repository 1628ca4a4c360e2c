//! nghttp2's load generator.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::setup::process;

/// The most that one run may take.
const LIMIT: Duration = Duration::from_secs(1200);

/// How many requests a connection of HTTP/2 has under way.
const STREAMS: &str = "10";

/// One run of it.
#[derive(Clone, Copy)]
pub struct Run {
    pub requests: u32,
    pub connections: u32,
    pub http2: bool,
}

/// What it has measured.
#[derive(Debug, PartialEq)]
pub struct Measured {
    pub seconds: f64,
}

/// Where it is.
pub fn find() -> Result<PathBuf, Failure> {
    process::find("h2load").ok_or_else(|| {
        Failure::environment("h2load is not installed").hint("`tamis setup load` installs Debian's nghttp2-client")
    })
}

impl Run {
    pub fn protocol(self) -> &'static str {
        if self.http2 { "HTTP/2, POST of 1 kB" } else { "HTTP/1.1, GET" }
    }

    /// Sends the requests; every one of them must be answered with a status of 200 to 299.
    pub fn measure(self, program: &Path, address: SocketAddr) -> Result<Measured, Failure> {
        let body = tempfile::NamedTempFile::new().map_err(Failure::environment)?;
        std::fs::write(body.path(), [b'b'; 1000]).map_err(Failure::environment)?;
        let mut command = Command::new(program);
        command.args(["-n", &self.requests.to_string(), "-c", &self.connections.to_string()]);
        if self.http2 {
            command.args(["-m", STREAMS, "-d"]).arg(body.path());
        } else {
            command.arg("--h1");
        }
        command.arg(format!("http://{address}/items?page=2"));
        finished(command, self.requests, self.protocol())
    }
}

/// Runs h2load to its end; every one of so many requests must be answered with a status of 200 to 299.
pub fn finished(command: Command, requests: u32, what: &str) -> Result<Measured, Failure> {
    let output = output(command)?;
    let parsed = parsed(&output);
    let (measured, answered) =
        parsed.ok_or_else(|| Failure::environment(format_args!("h2load printed something else:\n{output}")))?;
    if answered != requests {
        let what = format!("{what}: {answered} of {requests} requests were answered with 200");
        return Err(Failure::environment(format_args!("{what}\n{output}")));
    }
    Ok(measured)
}

/// Runs it to its end, and gives what it prints.
fn output(mut command: Command) -> Result<String, Failure> {
    let out = tempfile::tempfile().map_err(Failure::environment)?;
    let share = |file: &std::fs::File| file.try_clone().map_err(Failure::environment);
    command.stdin(Stdio::null()).stdout(share(&out)?).stderr(share(&out)?);
    let mut running = Running(command.spawn().map_err(Failure::environment)?);
    let limit = Instant::now() + LIMIT;
    while running.0.try_wait().map_err(Failure::environment)?.is_none() {
        if Instant::now() >= limit {
            return Err(Failure::environment("h2load does not come to an end: answers are lost"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(running);
    let mut text = String::new();
    let mut out = out;
    std::io::Seek::rewind(&mut out).map_err(Failure::environment)?;
    std::io::Read::read_to_string(&mut out, &mut text).map_err(Failure::environment)?;
    Ok(text)
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

/// The seconds, and how many answers had a status of 200 to 299.
fn parsed(output: &str) -> Option<(Measured, u32)> {
    let after = |beginning: &str| output.lines().find_map(|line| line.strip_prefix(beginning));
    let time = after("finished in ")?.split(',').next()?.trim();
    let seconds = if let Some(text) = time.strip_suffix("ms") {
        text.parse::<f64>().ok()? / 1000.0
    } else if let Some(text) = time.strip_suffix("us") {
        text.parse::<f64>().ok()? / 1_000_000.0
    } else {
        time.strip_suffix('s')?.parse().ok()?
    };
    let answered = after("status codes: ")?.split(" 2xx").next()?.trim().parse().ok()?;
    Some((Measured { seconds }, answered))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "starting benchmark...\n\nfinished in 1.50s, 6666.67 req/s, 1.32MB/s\n\
        requests: 10000 total, 10000 started, 10000 done, 9999 succeeded, 1 failed, 0 errored, 0 timeout\n\
        status codes: 9999 2xx, 0 3xx, 1 4xx, 0 5xx\n";

    #[test]
    fn what_it_prints_is_read() {
        assert_eq!(parsed(OUTPUT), Some((Measured { seconds: 1.5 }, 9999)));
        let short = OUTPUT.replace("1.50s", "250.00ms");
        assert_eq!(parsed(&short).unwrap().0, Measured { seconds: 0.25 });
        assert_eq!(parsed("could not connect"), None);
    }
}
