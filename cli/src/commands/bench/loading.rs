//! What it costs to load each image of the filters: processor time until an Envoy that has one is ready, and its resident memory.
//!
//! A round starts one Envoy after the other, in an order that is new every time, among them one without a filter; what a module
//! costs is the difference to that one in the same round.

use std::fmt::Write as _;
use std::fs;
use std::thread::sleep;

use serde_json::{Value, json};
use tamis_harness::envoy::{EnvoyBinary, EnvoyProcess};

use super::block::{Order, SETTLE};
use super::experiment::{Variant, Which, Works, module};
use super::slice::nanoseconds;
use super::verdict::Spread;
use crate::failure::Failure;
use crate::interrupt::Interrupt;

const WHICH: Which = Which("loading");
/// The page counts kibibytes.
const KIB: f64 = 1024.0;

/// A configuration that each filter takes, with or without its engines.
fn filters() -> [(&'static str, Value); 4] {
    let header = json!({ "set": [{ "name": "x-env", "value": "production" }] });
    let minute = json!([{ "requests": 100, "per": "minute" }]);
    let to = json!({ "headers": [{ "name": "x-lane", "value": "blue" }] });
    [
        ("transformation", json!({ "rules": [{ "request": { "headers": header } }] })),
        ("header-routing", json!({ "rules": [{ "name": "all", "to": to }] })),
        ("local-rate-limit", json!({ "rules": [{ "name": "all", "limits": minute }] })),
        ("dlp-masking", json!({ "entities": [{ "find": ["card"] }] })),
    ]
}

/// A row: an Envoy with one module, or with none.
struct Row {
    name: String,
    bytes: u64,
    variant: Variant,
    /// What each round has found.
    found: Vec<Start>,
}

/// What a start has taken.
#[derive(Clone, Copy)]
struct Start {
    milliseconds: f64,
    /// Resident memory, in millions of bytes.
    megabytes: f64,
}

/// The section of the figures.
///
/// # Errors
/// When a module is not built, or an Envoy does not start.
pub fn section(envoy: &EnvoyBinary, rounds: u32, interrupt: &Interrupt) -> Result<String, Failure> {
    let mut rows = rows()?;
    let mut order = Order::new(20_261_122);
    for _ in 0..rounds {
        for at in order.shuffled(rows.len()) {
            interrupt.check()?;
            if let Some(row) = rows.get_mut(at) {
                let start = start(envoy, &row.variant)?;
                row.found.push(start);
            }
        }
    }
    let mut text = format!(
        "## What it costs to load a filter\n\n\
         `make bench-loading`, Envoy {} with one worker, {rounds} rounds: processor time of all threads from the start of the process \
         until {} ms after it was ready, and resident memory then, as the difference to an Envoy without a filter in the same \
         round; medians (least to most). The bytes are those of the module as it is shipped.\n\n\
         | module | bytes | start, ms of CPU | memory, MB |\n|---|---|---|---|\n",
        envoy.version(),
        SETTLE.as_millis(),
    );
    let base = rows.first().map(|row| row.found.clone()).unwrap_or_default();
    for row in &rows {
        let is_base = row.bytes == 0;
        let figure = |of: fn(&Start) -> f64| {
            let less = |base: &Start| if is_base { 0.0 } else { of(base) };
            let differences = row.found.iter().zip(&base).map(|(start, base)| of(start) - less(base));
            Spread::of(differences).map_or_else(
                || "-".to_owned(),
                |Spread { median, least, most }| format!("{median:.0} ({least:.0} to {most:.0})"),
            )
        };
        let bytes = if is_base { String::new() } else { row.bytes.to_string() };
        let all = if is_base { " in all" } else { "" };
        // A `String` takes everything.
        let _ = writeln!(
            text,
            "| {} | {bytes} | {}{all} | {}{all} |",
            row.name,
            figure(|start| start.milliseconds),
            figure(|start| start.megabytes)
        );
    }
    Ok(text)
}

/// Without a filter, and then each image.
fn rows() -> Result<Vec<Row>, Failure> {
    let row = |name: &str, bytes, filter| {
        let variant = Variant::new(WHICH, "a start", filter, Works::Unseen);
        Row { name: name.to_owned(), bytes, variant, found: Vec::new() }
    };
    let mut rows = vec![row("no filter", 0, None)];
    for (name, configuration) in filters() {
        for image in [name.to_owned(), format!("{name}-full")] {
            let file = format!("target/tamis/{image}.wasm");
            let filter = module(&file, &configuration.to_string())?;
            let bytes = fs::metadata(&file).map_err(Failure::environment)?.len();
            rows.push(row(&image, bytes, Some(filter)));
        }
    }
    Ok(rows)
}

fn start(envoy: &EnvoyBinary, variant: &Variant) -> Result<Start, Failure> {
    let process = EnvoyProcess::start(envoy, &variant.configuration(None)).map_err(Failure::environment)?;
    sleep(SETTLE);
    let milliseconds = nanoseconds(process.id())? as f64 / 1e6;
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).map_err(Failure::environment)?;
    let kib =
        resident(&status).ok_or_else(|| Failure::environment("/proc has another form than this command knows"))?;
    Ok(Start { milliseconds, megabytes: kib * KIB / 1e6 })
}

/// Resident memory, in kibibytes.
fn resident(status: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_found_where_the_kernel_puts_it() {
        assert_eq!(resident("Name:\tenvoy\nVmRSS:\t   65536 kB\nThreads:\t9\n"), Some(65536.0));
        assert_eq!(resident("Name:\tenvoy\n"), None);
        assert!(resident(&fs::read_to_string("/proc/self/status").unwrap()).unwrap() > 0.0);
    }
}
