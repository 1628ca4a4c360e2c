//! What Envoy's log says about a module.

/// How Envoy writes each record; what is read here.
pub(super) const FORMAT: &str = "[%Y-%m-%d %T.%e][%l][%n] %v";

/// The most lines of a log that are shown in an error.
const MAX_LINES: usize = 20;

/// One record; its message may have several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    level: String,
    component: String,
    message: String,
}

/// What made Envoy reject a configuration: what the module itself logged, without the prefix; when it logged nothing, what
/// Envoy says about it.
pub(super) fn complaints(log: &str) -> Vec<String> {
    complaints_in(&records(log))
}

/// What made Envoy reject one listener of LDS; `vm_ids` are those of its plugins.
pub(super) fn complaints_about(log: &str, listener: &str, vm_ids: &[String]) -> Vec<String> {
    let mut records = records(log);
    // Listeners are loaded one after the other, and a rejection ends what is about one.
    let is_rejection = |record: &Record| record.message.starts_with("lds: listener '");
    let own = format!("lds: listener '{listener}'");
    if let Some(end) = records.iter().position(|record| record.message.starts_with(&own)) {
        records.truncate(end);
        let start = records.iter().rposition(is_rejection).map_or(0, |before| before + 1);
        records.drain(..start);
    }
    // A listener that was accepted may have complained, too.
    records.retain(|record| record.said().is_none_or(|(from, _)| vm_ids.iter().any(|vm_id| vm_id == from)));
    complaints_in(&records)
}

fn complaints_in(records: &[Record]) -> Vec<String> {
    let bad = |record: &&Record| matches!(record.level.as_str(), "error" | "critical");
    let said = records.iter().filter(bad).filter_map(Record::said).map(|(_, message)| message.to_owned());
    let said = said.take(MAX_LINES).collect::<Vec<_>>();
    if !said.is_empty() {
        return said;
    }
    let envoys = records.iter().filter(bad).filter(|record| record.component != "main");
    envoys.map(|record| record.message.clone()).take(MAX_LINES).collect()
}

/// Why Envoy did not start at all, in its own words; it is the last thing it logs as critical.
pub(super) fn verdict(log: &str) -> Option<String> {
    let records = records(log);
    let verdict = records.iter().rev().find(|record| record.level == "critical" && record.component == "main")?;
    // "error `WHY` initializing config 'TEXT' FILE": the text is ours and says nothing.
    let why = verdict.message.strip_prefix("error `").and_then(|rest| rest.rsplit_once("` initializing config"));
    Some(why.map_or(verdict.message.as_str(), |(why, _)| why).to_owned())
}

/// What modules under these VM ids have said, and what Envoy said of any VM, as the harness has its lines. A VM id that was
/// made up is not shown.
pub(super) fn lines(log: &str, vm_ids: &[&str], made_up: &str) -> Vec<String> {
    let wasm = records(log).into_iter().filter(|record| record.component == "wasm");
    wasm.filter_map(|record| {
        let Record { level, message, .. } = &record;
        let Some((from, said)) = record.said_in_full() else { return Some(format!("[{level}] {message}")) };
        let vm_id = from.rsplit(' ').next().unwrap_or_default();
        if !vm_ids.contains(&vm_id) {
            return None;
        }
        let from = from.strip_suffix(made_up).map_or(from, str::trim_end);
        Some(format!("[{level}] wasm log{from}: {said}"))
    })
    .collect()
}

/// The last lines of a log.
pub(super) fn tail(log: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>();
    lines.iter().skip(lines.len().saturating_sub(MAX_LINES)).map(|line| (*line).to_owned()).collect()
}

impl Record {
    /// What a module said, and under which VM id.
    fn said(&self) -> Option<(&str, &str)> {
        let (from, message) = self.said_in_full()?;
        Some((from.split(' ').next_back().unwrap_or_default(), message))
    }

    /// What a module said, and all of the words about who it is, each after a blank.
    fn said_in_full(&self) -> Option<(&str, &str)> {
        // What is said may be nothing, and blanks at a record's end are gone.
        let rest = self.message.strip_prefix("wasm log")?;
        rest.split_once(": ").or_else(|| Some((rest.strip_suffix(':')?, "")))
    }
}

fn records(log: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for line in log.lines() {
        match (record(line), records.last_mut()) {
            (Some(record), _) => records.push(record),
            (None, Some(last)) => {
                last.message.push('\n');
                last.message.push_str(line);
            }
            (None, None) => {}
        }
    }
    for record in &mut records {
        record.message.truncate(record.message.trim_end().len());
    }
    records
}

fn record(line: &str) -> Option<Record> {
    let (time, rest) = line.strip_prefix('[')?.split_once("][")?;
    let (level, rest) = rest.split_once("][")?;
    let (component, message) = rest.split_once("] ")?;
    let timed = time.starts_with(|first: char| first.is_ascii_digit()) && time.contains(':');
    timed.then(|| Record { level: level.to_owned(), component: component.to_owned(), message: message.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[2026-11-21 09:39:38.900][info][wasm] wasm log a: fine
[2026-11-21 09:39:38.936][error][wasm] wasm log name root b: wrong at `rules`: no
  and why: because
[2026-11-21 09:39:38.936][error][wasm] Wasm VM failed Failed to configure base Wasm plugin
[2026-11-21 09:39:38.937][critical][wasm] Plugin t failed to load
[2026-11-21 09:39:38.940][critical][main] error `Unable to create Wasm plugin t` initializing config '' /x.json
Unable to create Wasm plugin t
";

    #[test]
    fn the_module_speaks_first() {
        assert_eq!(complaints(LOG), ["wrong at `rules`: no\n  and why: because"]);
        assert_eq!(complaints_about(LOG, "x", &["b".to_owned()]), complaints(LOG));
    }

    #[test]
    fn without_a_word_of_the_module_envoy_speaks() {
        let expected = ["Wasm VM failed Failed to configure base Wasm plugin", "Plugin t failed to load"];
        assert_eq!(complaints_about(LOG, "x", &["a".to_owned()]), expected);
    }

    #[test]
    fn a_listener_has_its_own_lines_only() {
        let record = |level: &str, message: &str| format!("[2026-11-21 09:39:38.900][{level}][wasm] {message}\n");
        let log = [
            record("error", "Plugin one failed to load"),
            record("warning", "lds: listener 'one' config rejected: Unable to create Wasm plugin one"),
            record("error", "wasm log other: not rejected for it"),
            record("error", "Plugin two failed to load"),
            record("warning", "lds: listener 'two' config rejected: Unable to create Wasm plugin two"),
            record("error", "Plugin three failed to load"),
        ];
        let about = |listener| complaints_about(&log.concat(), listener, &["v".to_owned()]);
        assert_eq!(about("one"), ["Plugin one failed to load"]);
        assert_eq!(about("two"), ["Plugin two failed to load"]);
    }

    #[test]
    fn lines_are_those_of_a_scenario_as_the_harness_has_them() {
        let record = |level: &str, message: &str| format!("[2026-11-21 09:39:38.900][{level}][wasm] {message}\n");
        let log = [
            record("info", "wasm log name root v: said: this\n  and that"),
            record("warning", "wasm log v: while it is configured"),
            record("info", "wasm log name w: of another"),
            record("info", "wasm log name own: its id is its own"),
            record("critical", "Function: proxy_on_log failed"),
        ];
        assert_eq!(
            lines(&log.concat(), &["v", "own"], "v"),
            [
                "[info] wasm log name root: said: this\n  and that",
                "[warning] wasm log: while it is configured",
                "[info] wasm log name own: its id is its own",
                "[critical] Function: proxy_on_log failed",
            ]
        );
    }

    #[test]
    fn the_verdict_is_without_our_own_text() {
        assert_eq!(verdict(LOG).as_deref(), Some("Unable to create Wasm plugin t"));
        assert_eq!(verdict("").as_deref(), None);
    }
}
