//! A program, the exchanges it sees, and what is logged about them.

use std::collections::BTreeMap;

use crate::stream;

/// Every phase of the probe, in the order of its callbacks; behind them stands what became of the stream.
pub const PHASES: [&str; 19] = [
    "create_root",
    "vm_start",
    "configure",
    "create_stream",
    "request_headers",
    "request_body",
    "request_trailers",
    "response_headers",
    "response_body",
    "response_trailers",
    "new_connection",
    "downstream_data",
    "upstream_data",
    "upstream_close",
    "downstream_close",
    "log",
    "done",
    "delete",
    "end",
];

/// One program for the probe, in a VM of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its name; also the id of its VM, so that its log lines can be told from others'.
    pub name: String,
    /// The exchanges that go through it, one after the other; the first is stream 1.
    pub exchanges: Vec<Exchange>,
    /// In place of exchanges the connections that go through it as a network filter: which end is the first to close each.
    pub connections: Vec<stream::End>,
    /// It may end Envoy, so it gets a process of its own.
    pub alone: bool,
    /// The program's lines, as the probe reads them.
    pub program: Vec<String>,
}

/// What a request and its response look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// Both have a body and trailers.
    Trailers,
    /// Both have a body and no trailers.
    Body,
    /// Neither has a body.
    Bare,
}

/// Where in a run a line was logged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Which of the VMs that load the plugin: the canary, the main thread's, the worker's.
    pub copy: usize,
    /// The stream, from 1; 0 for the plugin itself.
    pub stream: usize,
    /// The phase's place in [`PHASES`].
    pub phase: usize,
    /// How often this stream has been in this phase before.
    pub visit: usize,
    /// The call's place in the program; before the first one is the callback itself, behind the last its result.
    pub call: Place,
}

/// A place in a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The callback began, with these arguments.
    Enter,
    /// A call of the program.
    Call(usize),
    /// The callback ended, with this result.
    Leave,
}

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The probe was told that it is over.
    Deleted,
    /// The proxy died.
    Crash,
    /// A connection is over, and this is what client and upstream got of it.
    Closed(String, String),
}

/// What was logged, by place. Lines that the calls themselves have logged stand in front of what the probe says.
pub type Lines = BTreeMap<Line, String>;

impl Batch {
    /// The program as the probe's configuration.
    #[must_use]
    pub fn configuration(&self) -> String {
        self.program.join("\n")
    }

    /// The call at a place, as the program has it.
    #[must_use]
    pub fn call(&self, place: Place) -> &str {
        let Place::Call(index) = place else { return "" };
        self.program.get(index).and_then(|line| line.splitn(3, ' ').nth(2)).unwrap_or_default()
    }

    /// Whether its probe is a network filter.
    pub(super) fn is_network(&self) -> bool {
        !self.connections.is_empty()
    }

    /// How many streams it sees.
    pub(super) const fn streams(&self) -> usize {
        self.exchanges.len() + self.connections.len()
    }

    /// What became of a stream, as a line.
    #[must_use]
    pub fn end(&self, stream: usize, end: &End) -> (Line, String) {
        let line = Line { copy: 2, stream, phase: PHASES.len() - 1, visit: 0, call: Place::Enter };
        (line, format!(" {}: {end:?}", self.name))
    }

    /// Whether the proxy died in one of the batch's streams.
    pub(super) fn has_crashed(&self, lines: &Lines) -> bool {
        (1..=self.streams()).any(|stream| {
            let (line, text) = self.end(stream, &End::Crash);
            lines.get(&line) == Some(&text)
        })
    }

    /// Sorts the batch's log by place. A record is what stood before the message, and the message.
    pub fn sort<'a>(records: impl IntoIterator<Item = (&'a str, &'a str)>) -> Lines {
        let mut lines = Lines::new();
        let (mut copies, mut before) = (0_usize, String::new());
        let mut visits = BTreeMap::<(usize, usize, usize), usize>::new();
        for (from, message) in records {
            let Some(said) = parse(message) else {
                before.push_str(&format!("<{from}: {message}> "));
                continue;
            };
            let (stream, phase, call, text) = said;
            if (phase, call) == (0, Place::Enter) {
                copies += 1;
            }
            let copy = copies.saturating_sub(1);
            let visit = visits.entry((copy, stream, phase)).or_default();
            let line = Line { copy, stream, phase, visit: *visit, call };
            if call == Place::Leave {
                *visit += 1;
            }
            lines.insert(line, format!("{}{from}: {text}", std::mem::take(&mut before)));
        }
        lines
    }
}

/// `probe|STREAM|PHASE|PLACE|TEXT`
fn parse(message: &str) -> Option<(usize, usize, Place, &str)> {
    let mut parts = message.strip_prefix("probe|")?.splitn(4, '|');
    let stream = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let phase = PHASES.iter().position(|phase| *phase == name)?;
    let call = match parts.next()? {
        "enter" => Place::Enter,
        "leave" => Place::Leave,
        index => Place::Call(index.parse().ok()?),
    };
    Some((stream, phase, call, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_by_place_and_keep_what_the_calls_logged() {
        let records =
            ["probe|0|create_root|enter|[0]", "hello", "probe|0|create_root|0|0", "probe|0|create_root|leave|0"];
        let lines = Batch::sort(records.into_iter().chain(records).map(|message| ("p", message)));
        assert_eq!(lines.len(), 6);
        let (line, text) = lines.iter().nth(4).unwrap();
        assert_eq!((line.copy, line.call, text.as_str()), (1, Place::Call(0), "<p: hello> p: 0"));
    }
}
