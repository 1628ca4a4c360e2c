//! One short burst of requests, and what it has cost the Envoy that answered.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use tempfile::NamedTempFile;

use crate::commands::load::h2load;
use crate::failure::Failure;

/// What every request has besides the usual; with what the client and Envoy add, a filter sees about fifteen headers.
pub const HEADERS: [(&str, &str); 8] = [
    ("accept", "text/html,application/json"),
    ("accept-encoding", "gzip, br"),
    ("accept-language", "en"),
    ("cache-control", "no-cache"),
    ("x-tenant", "alice"),
    ("authorization", "Bearer 0123456789abcdef"),
    ("x-trace", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ("referer", "http://shop.example.com/items"),
];

/// Connections of the client, which sends a request on each as soon as the last one is answered.
const UNDER_WAY: u32 = 8;

/// The kernel counts the time of processes in hundredths of a second.
const TICKS: f64 = 100.0;

/// How requests come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// All alike, on several connections.
    Connections,
    /// Each for the next one of so many paths, on as many connections.
    Paths(u32),
}

impl Client {
    /// For the table.
    pub fn words(self) -> &'static str {
        match self {
            Self::Connections => "HTTP/1.1, 8 connections, h2load on the same machine",
            Self::Paths(_) => "HTTP/1.1, 8 connections, each request for another path, h2load on the same machine",
        }
    }
}

/// What a burst has cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slice {
    /// Processor time of Envoy per request, in microseconds.
    pub cost: f64,
    /// How many processors were busy with something else meanwhile.
    pub foreign: f64,
}

/// Sends the requests, the first for the path of that number, while `others` answer what Envoy asks; every one must be answered with 200.
pub fn burst(
    program: &Path,
    (envoy, address): (u32, SocketAddr),
    others: &[u32],
    client: Client,
    first: u64,
    requests: u32,
) -> Result<Slice, Failure> {
    let upstream = || others.iter().map(|process| nanoseconds(*process)).sum::<Result<u64, _>>();
    let (before, ours, behind, start) = (machine()?, nanoseconds(envoy)?, upstream()?, Instant::now());
    match client {
        Client::Connections => {
            let mut command = command(program, requests);
            command.args(["-c", &UNDER_WAY.to_string()]).arg(format!("http://{address}/items?page=2"));
            h2load::finished(command, requests, "a burst")?;
        }
        Client::Paths(count) => each_path(program, address, (first, count), requests)?,
    }
    let (seconds, ours) = (start.elapsed().as_secs_f64(), nanoseconds(envoy)?.saturating_sub(ours) as f64);
    let behind = upstream()?.saturating_sub(behind) as f64;
    let busy = machine()?.saturating_sub(before) as f64 / TICKS;
    let foreign = (busy - (ours + behind) / 1e9).max(0.0) / seconds.max(1e-3);
    Ok(Slice { cost: ours / 1e3 / f64::from(requests), foreign })
}

/// A process for each connection, because every connection of one begins with the first path of its file.
fn each_path(program: &Path, address: SocketAddr, (first, count): (u64, u32), requests: u32) -> Result<(), Failure> {
    let share = requests / UNDER_WAY;
    let client = |place: u32| {
        let mut paths = String::new();
        let from = first + u64::from(place * share);
        for number in from..from + u64::from(share) {
            // A `String` takes everything.
            let _ = writeln!(paths, "/items/{}", number % u64::from(count));
        }
        let file = NamedTempFile::new().map_err(Failure::environment)?;
        fs::write(file.path(), paths).map_err(Failure::environment)?;
        let mut command = command(program, share);
        command.args(["-c", "1", "-B"]).arg(format!("http://{address}")).arg("-i").arg(file.path());
        h2load::finished(command, share, "a burst").map(|_| ())
    };
    thread::scope(|scope| {
        let clients = (0..UNDER_WAY).map(|place| scope.spawn(move || client(place))).collect::<Vec<_>>();
        clients.into_iter().try_for_each(|client| {
            client.join().unwrap_or_else(|_| Err(Failure::environment("a thread of the client has ended")))
        })
    })
}

fn command(program: &Path, requests: u32) -> Command {
    let mut command = Command::new(program);
    command.args(["--h1", "-t", "1", "-n", &requests.to_string()]);
    for (name, value) in HEADERS {
        command.args(["-H", &format!("{name}: {value}")]);
    }
    command
}

/// The processor time of all threads of a process so far.
pub fn nanoseconds(process: u32) -> Result<u64, Failure> {
    let cannot = |error: std::io::Error| Failure::environment(format_args!("cannot look at Envoy's threads: {error}"));
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task")).map_err(cannot)? {
        // A thread may end between the two looks.
        let text = fs::read_to_string(thread.map_err(cannot)?.path().join("schedstat")).unwrap_or_default();
        sum += text.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(sum)
}

/// The time that all processors have been busy so far, but for our own children (the client), in ticks.
fn machine() -> Result<u64, Failure> {
    let read =
        |file: &str| fs::read_to_string(file).map_err(|error| Failure::environment(format_args!("{file}: {error}")));
    let other = || Failure::environment("/proc has another form than this command knows");
    let busy = busy(&read("/proc/stat")?).ok_or_else(other)?;
    Ok(busy.saturating_sub(children(&read("/proc/self/stat")?).ok_or_else(other)?))
}

/// All but idle time and waiting for disks: user, nice, system, interrupts, and what the hypervisor took.
fn busy(stat: &str) -> Option<u64> {
    let times = stat.lines().find_map(|line| line.strip_prefix("cpu "))?.split_whitespace();
    let times = times.map(|time| time.parse().ok()).collect::<Option<Vec<u64>>>()?;
    let [user, nice, system, _idle, _waiting, interrupts, soft, stolen, ..] = times[..] else { return None };
    Some(user + nice + system + interrupts + soft + stolen)
}

/// User and system time of children that have ended.
fn children(stat: &str) -> Option<u64> {
    // The second field is a name in parentheses, which may have blanks.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(13);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_where_the_kernel_puts_them() {
        assert_eq!(busy("cpu  1 2 4 8 16 32 64 128 256 512\ncpu0 9 9\n"), Some(1 + 2 + 4 + 32 + 64 + 128));
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 40 2 15 16\n";
        assert_eq!(children(stat), Some(42));
        assert_eq!((busy("cpu 1"), children("7 (a)")), (None, None));
        assert!(nanoseconds(std::process::id()).unwrap() > 0);
    }
}
