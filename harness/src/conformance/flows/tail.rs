//! What a group's probes log, as it comes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Group;
use crate::conformance::written::Written;
use crate::envoy::EnvoyProcess;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    written: Written<'e>,
    group: &'e Group,
    pub records: Vec<Record>,
    /// How often a recorder has been at a place with a stream, where that is of interest.
    seen: BTreeMap<(From, usize, Seen), usize>,
    /// Callouts that were made, and those that were answered.
    callouts: [usize; 2],
    /// A timer is set.
    timer: bool,
    last: Instant,
}

/// A place that is of interest while a flow goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    /// A request's headers came.
    Begun,
    /// The stream is forgotten.
    Deleted,
    /// A plugin has its configuration, or has refused it.
    Configured,
    /// A plugin has ended on a thread.
    Ended,
}

impl<'e> Tail<'e> {
    pub(super) fn new(envoy: &'e EnvoyProcess, group: &'e Group) -> Self {
        let (written, last) = (Written::new(envoy), Instant::now());
        Self { written, group, records: Vec::new(), seen: BTreeMap::new(), callouts: [0; 2], timer: false, last }
    }

    /// Reads what is new.
    pub(super) fn poll(&mut self) {
        let Some(lines) = self.written.news() else { return };
        for record in lines.lines().filter_map(|line| record(line, self.group)) {
            self.count(&record);
            self.records.push(record);
            self.last = Instant::now();
        }
    }

    fn count(&mut self, record: &Record) {
        let seen = match (record.from, record.phase.as_str(), record.place.as_str()) {
            (From::Plugin(_), "http_call_response", "leave") => {
                self.callouts[1] += 1;
                return;
            }
            (From::Plugin(plugin), _, place) if record.text.starts_with("0|") => {
                self.called(plugin, place);
                return;
            }
            (From::Plugin(_), "configure", "leave") => Seen::Configured,
            (_, "request_headers", "enter") => Seen::Begun,
            (From::Plugin(_), "delete", "leave") if !record.of_stream => {
                *self.seen.entry((record.from, 0, Seen::Ended)).or_default() += 1;
                return;
            }
            (_, "delete", "leave") if record.of_stream => Seen::Deleted,
            _ => return,
        };
        *self.seen.entry((record.from, record.number, seen)).or_default() += 1;
    }

    /// Notes a call that went well.
    fn called(&mut self, plugin: usize, place: &str) {
        let line = self.group.plugins.get(plugin).and_then(|plugin| plugin.line(place.parse().ok()?));
        let Some(line) = line else { return };
        self.callouts[0] += usize::from(line.contains(" proxy_http_call "));
        if line.contains(" proxy_set_tick_period_milliseconds ") {
            self.timer = !line.ends_with(" 0");
        }
    }

    /// Whether something is still to come of what a stream has left behind.
    pub(super) const fn is_waiting(&self) -> bool {
        self.timer || self.calls_out()
    }

    /// Whether a callout has no answer yet.
    pub(super) const fn calls_out(&self) -> bool {
        let [made, answered] = self.callouts;
        made > answered
    }

    /// Whether Envoy has died.
    pub(super) const fn crashed(&self) -> bool {
        self.written.crashed
    }

    /// Whether Envoy has died by now, or is about to: it writes that after it has closed its connections.
    pub(super) fn has_crashed(&mut self) -> bool {
        self.poll();
        self.crashed()
    }

    /// Whether nothing has come for so long.
    pub(super) fn is_quiet(&self, time: Duration) -> bool {
        self.last.elapsed() >= time
    }

    /// Something was done that may have an effect.
    pub(super) fn touch(&mut self) {
        self.last = Instant::now();
    }

    /// How often a recorder has been at a place with a stream.
    pub(super) fn seen(&self, from: From, number: usize, seen: Seen) -> usize {
        self.seen.get(&(from, number, seen)).copied().unwrap_or(0)
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
