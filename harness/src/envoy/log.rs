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

/// What made Envoy reject a chain, as lines: what the module itself logged under the VM ids, without the prefix; when it
/// logged nothing, what Envoy says about it.
pub(super) fn complaints(log: &str, vm_ids: &[String]) -> Vec<String> {
    let records = records(log);
    let bad = |record: &&Record| matches!(record.level.as_str(), "error" | "critical");
    let modules = records.iter().filter(bad).filter_map(|record| {
        let (from, message) = record.message.strip_prefix("wasm log")?.split_once(": ")?;
        let from = from.split(' ').next_back().unwrap_or_default();
        (vm_ids.is_empty() || vm_ids.iter().any(|vm_id| vm_id == from)).then(|| message.to_owned())
    });
    let modules = modules.take(MAX_LINES).collect::<Vec<_>>();
    if !modules.is_empty() {
        return modules;
    }
    let envoys = records.iter().filter(bad).filter(|record| !record.message.starts_with("wasm log"));
    envoys.filter(|record| record.component != "main").map(|record| record.message.clone()).take(MAX_LINES).collect()
}

/// Why Envoy did not start at all, in its own words; it is the last thing it logs as critical.
pub(super) fn verdict(log: &str) -> Option<String> {
    let records = records(log);
    let verdict = records.iter().rev().find(|record| record.level == "critical" && record.component == "main")?;
    // "error `WHY` initializing config 'TEXT' FILE": the text is ours and says nothing.
    let why = verdict.message.strip_prefix("error `").and_then(|rest| rest.rsplit_once("` initializing config"));
    Some(why.map_or(verdict.message.as_str(), |(why, _)| why).to_owned())
}

/// The last lines of a log.
pub(super) fn tail(log: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>();
    lines.iter().skip(lines.len().saturating_sub(MAX_LINES)).map(|line| (*line).to_owned()).collect()
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
        assert_eq!(complaints(LOG, &["b".to_owned()]), ["wrong at `rules`: no\n  and why: because"]);
        assert_eq!(complaints(LOG, &[]), ["wrong at `rules`: no\n  and why: because"]);
    }

    #[test]
    fn without_a_word_of_the_module_envoy_speaks() {
        let expected = ["Wasm VM failed Failed to configure base Wasm plugin", "Plugin t failed to load"];
        assert_eq!(complaints(LOG, &["a".to_owned()]), expected);
    }

    #[test]
    fn the_verdict_is_without_our_own_text() {
        assert_eq!(verdict(LOG).as_deref(), Some("Unable to create Wasm plugin t"));
        assert_eq!(verdict("").as_deref(), None);
    }
}
