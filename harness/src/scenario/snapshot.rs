//! Everything that was seen, as a text beside the scenario.
//!
//! `NAME.snap` has a section per exchange that asks for it:
//!
//! ```text
//! == what the exchange shows
//! upstream
//!   :path: "/items"
//!   x-env: "production"
//!   body "one line\n"
//!        "and the next"
//! response
//!   :status: "200"
//! log
//!   [info] wasm log hello: a line
//! ```

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::changes::changes;
use super::check::{Effects, Observed, Seen, SeenCallout};
use super::connection::closer;
use super::difference::Difference;
use super::model::Scenario;
use super::report::Report;
use super::value::shown;
use crate::stream::End;
use crate::testbed::connection;

/// The first line of the file.
const HEAD: &str = "What was seen. `tamis test --bless` writes this file.";

/// The snapshots of a scenario, by exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshots(BTreeMap<String, Vec<String>>);

impl Snapshots {
    /// The file of a scenario's snapshots: beside it, with its name.
    #[must_use]
    pub fn file(scenario: &Path) -> PathBuf {
        scenario.with_extension("snap")
    }

    /// Reads the snapshots of a scenario; none when there is no file.
    ///
    /// # Errors
    ///
    /// When there is a file that cannot be read.
    pub fn read(scenario: &Path) -> io::Result<Self> {
        match std::fs::read_to_string(Self::file(scenario)) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// What is different from the snapshot of an exchange.
    pub(super) fn differences(&self, exchange: &str, observed: &Observed) -> Vec<Difference> {
        let Some(old) = self.0.get(&one_line(exchange)) else {
            return vec![Difference::told("snapshot: there is none; look at `tamis test --bless`, which writes it")];
        };
        let changes = changes(old, &lines(observed));
        if changes.is_empty() {
            return Vec::new();
        }
        let head =
            "snapshot: `-` was seen then, `+` is seen now; `tamis test --bless` takes what is seen now".to_owned();
        [head].into_iter().chain(changes.into_iter().map(|line| format!("  {line}"))).map(Difference::told).collect()
    }

    fn parse(text: &str) -> Self {
        let mut snapshots = Self::default();
        let mut section: Option<&mut Vec<String>> = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("== ") {
                section = Some(snapshots.0.entry(name.to_owned()).or_default());
            } else if let (Some(section), false) = (&mut section, line.is_empty()) {
                section.push(line.to_owned());
            }
        }
        snapshots
    }
}

/// Writes the snapshots of a scenario as a run has seen them, if an exchange asks for one. Says which file that is.
///
/// # Errors
///
/// When it cannot be written; the file of before is then still there.
pub fn bless(scenario: &Scenario, report: &Report) -> io::Result<Option<PathBuf>> {
    let mut text = format!("{HEAD}\n");
    let steps = scenario.steps.iter().zip(&report.exchanges);
    let asked = steps.filter(|(step, _)| step.expect().snapshot);
    let mut any = false;
    for (step, report) in asked {
        any = true;
        text.push_str(&format!("\n== {}\n", one_line(&step.name())));
        lines(&report.observed).iter().for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
    }
    if !any {
        return Ok(None);
    }
    let file = Snapshots::file(&scenario.file);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".tamis-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    temporary.persist(&file).map_err(|error| error.error)?;
    Ok(Some(file))
}

/// What was seen, as lines; none is empty, and none starts with `==`.
pub(super) fn lines(observed: &Observed) -> Vec<String> {
    let mut lines = message_lines(observed);
    let Effects { log, metrics, state } = &observed.effects;
    let log = log.iter().flatten().map(|line| format!("  {}", one_line(line))).collect::<Vec<_>>();
    if !log.is_empty() {
        lines.push("log".to_owned());
        lines.extend(log);
    }
    for (name, value) in metrics.iter().flatten() {
        lines.push(format!("metric {name}: {}", value.map_or_else(|| "none".to_owned(), |value| value.to_string())));
    }
    for (name, value) in state.iter().flatten() {
        let value = value.as_ref().map_or_else(|| "none".to_owned(), |value| shown(value));
        lines.push(format!("state {}: {value}", one_line(name)));
    }
    lines
}

/// The messages alone.
pub(super) fn message_lines(observed: &Observed) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(seen) = &observed.connection {
        connection(&mut lines, seen);
    }
    let sides = [("upstream", &observed.upstream), ("response", &observed.response)];
    for (side, seen) in sides.into_iter().filter(|_| observed.connection.is_none()) {
        match seen {
            Some(seen) => {
                lines.push(side.to_owned());
                message(&mut lines, seen);
            }
            None => lines.push(format!("{side}: none")),
        }
    }
    for SeenCallout { cluster, request, messages, .. } in &observed.callouts {
        lines.push(format!("callout {}", one_line(cluster)));
        message(&mut lines, request);
        lines.extend(messages.iter().flatten().map(|message| format!("  message {}", shown(message))));
    }
    lines.extend(observed.note.iter().map(|note| format!("note: {}", one_line(note))));
    lines
}

/// What both ends of a connection have seen.
fn connection(lines: &mut Vec<String>, seen: &connection::Seen) {
    for end in [End::Upstream, End::Client] {
        let word = if end == End::Client { "client" } else { "upstream" };
        match seen.end(end) {
            Some(seen) => {
                lines.push(format!("{word}{}", if seen.ended { ", ended" } else { "" }));
                bytes(lines, "  bytes ", &seen.bytes);
            }
            None => lines.push(format!("{word}: none")),
        }
    }
    lines.push(format!("closed by {}", closer(seen)));
}

fn bytes(lines: &mut Vec<String>, name: &str, bytes: &[u8]) {
    let mut before = name.to_owned();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        lines.push(format!("{before}{}", shown(line)));
        before = " ".repeat(name.len());
    }
}

fn message(lines: &mut Vec<String>, seen: &Seen) {
    let field = |(name, value): &(String, Vec<u8>)| format!("{}: {}", one_line(name), shown(value));
    lines.extend(seen.headers.iter().map(|header| format!("  {}", field(header))));
    bytes(lines, "  body ", &seen.body);
    lines.extend(seen.trailers.iter().map(|trailer| format!("  trailer {}", field(trailer))));
}

fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    fn observed(body: &str) -> Observed {
        let headers = vec![(":status".to_owned(), b"200".to_vec()), ("x".to_owned(), b"\xff".to_vec())];
        Observed {
            upstream: None,
            response: Some(Seen { headers, body: body.into(), trailers: vec![("t".to_owned(), b"1".to_vec())] }),
            note: None,
            connection: None,
            callouts: Vec::new(),
            trailers: true,
            effects: Effects { log: Some(vec!["one\n== two".to_owned()]), ..Effects::default() },
        }
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_written() {
        let seen = lines(&observed("a\n\n== b"));
        assert_eq!(
            seen,
            [
                "upstream: none",
                "response",
                "  :status: \"200\"",
                "  x: \"\\xff\"",
                "  body \"a\\n\"",
                "       \"\\n\"",
                "       \"== b\"",
                "  trailer t: \"1\"",
                "log",
                "  one\\n== two",
            ]
        );
        let snapshots = Snapshots::parse(&format!("{HEAD}\n\n== name\n{}\n\n== other\n", seen.join("\n")));
        assert_eq!(snapshots.differences("name", &observed("a\n\n== b")), []);
        let changed = snapshots.differences("name", &observed("a\n== b"));
        let changed = changed.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(changed.last().unwrap(), "  -        \"\\n\"");
        assert_eq!(changed.len(), 2);
        assert_eq!(snapshots.differences("nobody", &observed("")).len(), 1);
    }
}
