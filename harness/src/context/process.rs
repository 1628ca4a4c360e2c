//! What all VMs of a proxy share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use super::shared::QueueEvent;
use super::{Clock, LogLevel, LogLine, Node, lock, metrics, shared};

/// The newest lines are kept, older ones go: a gateway that runs for weeks must not remember them all.
const LOG_LINES: usize = 10_000;
/// And the newest bytes: a line alone may have 64 KiB.
const LOG_BYTES: usize = 16 << 20;

/// What becomes of a callout to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterState {
    /// It is answered, or not, from outside.
    Up,
    /// The proxy gives no handle: the call fails at once, and no callback follows (rule `HC-4`).
    Refusing,
}

/// The newest lines, and how many there have ever been.
#[derive(Debug, Default)]
struct Log {
    lines: VecDeque<LogLine>,
    bytes: usize,
    written: usize,
}

/// One proxy process: shared data, queues, metrics, the clock, the log.
#[derive(Debug)]
pub struct Process {
    pub(super) shared: Mutex<shared::Shared>,
    pub(super) metrics: Mutex<metrics::Values>,
    clock: Mutex<Clock>,
    random: Mutex<u64>,
    clusters: Mutex<BTreeMap<String, ClusterState>>,
    node: Mutex<Node>,
    log: Mutex<Log>,
    level: LogLevel,
    echo: bool,
}

impl Process {
    /// A process with a virtual clock and seeded randomness: what happens in it depends on nothing else.
    #[must_use]
    pub fn deterministic(seed: u64) -> Self {
        Self::new(Clock::virtual_clock(), seed, false)
    }

    /// A process that lives in the machine's time and prints its log to standard error.
    #[must_use]
    pub fn live() -> Self {
        let clock = Clock::machine();
        Self::new(clock, clock.wall_nanoseconds(), true)
    }

    fn new(clock: Clock, seed: u64, echo: bool) -> Self {
        Self {
            shared: Mutex::default(),
            metrics: Mutex::default(),
            clock: Mutex::new(clock),
            random: Mutex::new(seed),
            clusters: Mutex::default(),
            node: Mutex::default(),
            log: Mutex::default(),
            level: LogLevel::Info,
            echo,
        }
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        *lock(&self.clock)
    }

    /// Moves a virtual clock.
    pub(crate) fn move_clock_to(&self, to: Duration) {
        lock(&self.clock).move_to(to);
    }

    /// Makes a cluster known, for callouts.
    pub fn add_cluster(&self, name: &str, state: ClusterState) {
        lock(&self.clusters).insert(name.to_owned(), state);
    }

    /// A cluster's state; none when it is not known.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Option<ClusterState> {
        lock(&self.clusters).get(name).copied()
    }

    /// Says who the proxy is, for the attribute `xds.node`.
    pub fn set_node(&self, node: Node) {
        *lock(&self.node) = node;
    }

    /// Who the proxy is.
    #[must_use]
    pub fn node(&self) -> Node {
        lock(&self.node).clone()
    }

    /// The next queue whose consumer is to be told.
    pub(crate) fn next_queue_event(&self) -> Option<QueueEvent> {
        lock(&self.shared).next_event()
    }

    /// The log so far: its newest lines, at most 10,000 and 16 MiB of them.
    #[must_use]
    pub fn log_lines(&self) -> Vec<LogLine> {
        lock(&self.log).lines.iter().cloned().collect()
    }

    /// How many lines have been written.
    #[must_use]
    pub fn log_written(&self) -> usize {
        lock(&self.log).written
    }

    /// The lines after the first `written` ones, as far as they are still there.
    #[must_use]
    pub fn log_since(&self, written: usize) -> Vec<LogLine> {
        let log = lock(&self.log);
        let forgotten = log.written - log.lines.len();
        log.lines.iter().skip(written.saturating_sub(forgotten)).cloned().collect()
    }

    /// What guests of a VM id have stored under a key.
    #[must_use]
    pub fn shared_data(&self, vm_id: &str, key: &[u8]) -> Option<Vec<u8>> {
        lock(&self.shared).get(vm_id, key)
    }

    /// A metric's value.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<u64> {
        lock(&self.metrics).get(name)
    }

    /// The level of the `wasm` logger.
    #[must_use]
    pub fn log_level(&self) -> LogLevel {
        self.level
    }

    /// Writes a line, unless its level is below the logger's (rule `LOG-2`).
    pub(crate) fn log(&self, line: LogLine) {
        if line.level < self.level {
            return;
        }
        if self.echo {
            eprintln!("{line}");
        }
        let mut log = lock(&self.log);
        log.bytes += line.size();
        log.written += 1;
        log.lines.push_back(line);
        while log.lines.len() > LOG_LINES || log.bytes > LOG_BYTES {
            let Some(oldest) = log.lines.pop_front() else { break };
            log.bytes -= oldest.size();
        }
    }

    /// The next eight random bytes.
    pub(crate) fn random(&self) -> [u8; 8] {
        let mut state = lock(&self.random);
        let drawn = mixed(*state);
        *state = state.wrapping_add(STEP);
        drawn.to_le_bytes()
    }
}

/// SplitMix64's step; any seed gives a good sequence.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number after a state of SplitMix64.
fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number that looks like chance, from the one before.
pub(crate) fn next_random(last: u64) -> u64 {
    mixed(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_lines_go_and_new_ones_are_found() {
        let process = Process::deterministic(0);
        let line = |i: usize| LogLine { level: LogLevel::Info, from: String::new(), message: i.to_string() };
        (0..LOG_LINES + 5).for_each(|i| process.log(line(i)));
        assert_eq!(process.log_lines().len(), LOG_LINES);
        let mark = process.log_written();
        process.log(line(7));
        process.log(LogLine { level: LogLevel::Debug, ..line(8) });
        assert_eq!(process.log_since(mark), [line(7)]);
        assert_eq!(process.log_since(0).len(), LOG_LINES);
    }

    #[test]
    fn long_lines_leave_room_for_fewer() {
        let process = Process::deterministic(0);
        let line = |i: usize, size| LogLine { level: LogLevel::Info, from: i.to_string(), message: "x".repeat(size) };
        let size = 64 << 10;
        for i in 0..1000 {
            process.log(line(i, size));
        }
        let lines = process.log_lines();
        assert!((LOG_BYTES / size - 1..=LOG_BYTES / size).contains(&lines.len()), "{}", lines.len());
        assert_eq!((lines[lines.len() - 1].from.as_str(), process.log_written()), ("999", 1000));
        // Short lines have their room again.
        (0..LOG_LINES).for_each(|i| process.log(line(i, 1)));
        assert_eq!(process.log_lines().len(), LOG_LINES);
    }

    #[test]
    fn randomness_depends_on_the_seed_alone() {
        let draw = |seed| Process::deterministic(seed).random();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
