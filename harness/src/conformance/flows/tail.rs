//! What a group's probes log, as it comes.

use std::time::{Duration, Instant};

use super::Group;
use crate::envoy::EnvoyProcess;

/// What Envoy writes to its log when it dies of a signal.
const CRASH: &str = "[critical][backtrace] Caught ";

/// A line of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub from: From,
    /// Whether the line is about a stream; else it is about the plugin.
    pub of_stream: bool,
    /// The stream's number, by its path; 0 when it has none.
    pub number: usize,
    pub phase: String,
    /// `enter`, `leave`, or the call's place.
    pub place: String,
    pub text: String,
}

/// Which probe has said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The recorder in front: it sees requests as they come.
    Front,
    /// The recorder behind: it sees responses as they come.
    Back,
    /// A plugin of the chain, from 0.
    Plugin(usize),
}

/// A reader of Envoy's log that takes a group's lines.
pub(super) struct Tail<'e> {
    envoy: &'e EnvoyProcess,
    group: &'e Group,
    read: u64,
    rest: Vec<u8>,
    pub records: Vec<Record>,
    pub crashed: bool,
    last: Instant,
}

impl<'e> Tail<'e> {
    pub(super) fn new(envoy: &'e EnvoyProcess, group: &'e Group) -> Self {
        Self { envoy, group, read: 0, rest: Vec::new(), records: Vec::new(), crashed: false, last: Instant::now() }
    }

    /// Reads what is new.
    pub(super) fn poll(&mut self) {
        let new = self.envoy.log_from(self.read);
        self.read += new.len() as u64;
        self.rest.extend(new);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return };
        let lines = self.rest.drain(..=end).collect::<Vec<_>>();
        for line in String::from_utf8_lossy(&lines).lines() {
            self.crashed |= line.contains(CRASH);
            if let Some(record) = record(line, self.group) {
                self.records.push(record);
                self.last = Instant::now();
            }
        }
    }

    /// Whether Envoy has died by now, or is about to: it writes that after it has closed its connections.
    pub(super) fn has_crashed(&mut self) -> bool {
        self.poll();
        self.crashed
    }

    /// Whether nothing has come for so long.
    pub(super) fn is_quiet(&self, time: Duration) -> bool {
        self.last.elapsed() >= time
    }

    /// Something was done that may have an effect.
    pub(super) fn touch(&mut self) {
        self.last = Instant::now();
    }

    /// How many callouts have been made that have no answer yet.
    pub(super) fn callouts_under_way(&self) -> usize {
        let made = |record: &&Record| {
            let From::Plugin(plugin) = record.from else { return false };
            let calls = |line| self.group.plugins.get(plugin).is_some_and(|plugin| plugin.calls_out(line));
            record.text.starts_with("0|") && record.place.parse().is_ok_and(calls)
        };
        let answered = |record: &&Record| record.phase == "http_call_response" && record.place == "leave";
        self.records.iter().filter(made).count().saturating_sub(self.records.iter().filter(answered).count())
    }

    /// How often a probe has been at a place with a stream.
    pub(super) fn count(&self, from: From, number: usize, phase: &str, place: &str) -> usize {
        let is = |record: &&Record| {
            record.from == from && record.number == number && record.phase == phase && record.place == place
        };
        self.records.iter().filter(is).count()
    }
}

/// `[TIME][LEVEL][wasm] wasm log NAME ROOT VM: probe|STREAM|PHASE|PLACE|TEXT`; about a plugin there is no name.
fn record(line: &str, group: &Group) -> Option<Record> {
    let (_, said) = line.split_once("][wasm] wasm log ")?;
    let (from, message) = said.split_once(": ")?;
    parse(from, message, group)
}

/// A line from who said it and what.
pub(super) fn parse(from: &str, message: &str, group: &Group) -> Option<Record> {
    let names = from.split(' ').filter(|name| !name.is_empty()).collect::<Vec<_>>();
    let root = names.iter().rev().nth(1)?;
    let which = match root.strip_prefix(&group.name)?.strip_prefix(':')? {
        "front" => From::Front,
        "back" => From::Back,
        plugin => From::Plugin(plugin.parse().ok()?),
    };
    let mut parts = message.strip_prefix("probe|")?.splitn(4, '|');
    Some(Record {
        from: which,
        of_stream: names.len() > 2,
        number: parts.next()?.parse().ok()?,
        phase: parts.next()?.to_owned(),
        place: parts.next()?.to_owned(),
        text: parts.next()?.to_owned(),
    })
}
