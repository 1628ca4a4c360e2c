//! Finding the lines of a backtrace in a log.
//!
//! Envoy (V8) prints below `Proxy-Wasm plugin in-VM backtrace:` lines such as
//! `  7:  0x2431 - unknown(function index:11)`; wasmtime prints `    7:   0x2431 - m.wasm!<wasm function 11>` and, where it
//! knows one, the place on a line of its own. What a log collector puts in front of a line is kept.

use std::fmt::Write as _;

use super::Symbolizer;

pub(super) fn rewrite(symbols: &Symbolizer, log: &str) -> String {
    let mut out = String::with_capacity(log.len());
    let mut strangers = 0_usize;
    for line in log.split_inclusive('\n') {
        let text = line.trim_end_matches(['\n', '\r']);
        let Some(entry) = parse(text) else {
            out.push_str(line);
            continue;
        };
        let frames = match (symbols.function_at(entry.offset), entry.index) {
            (None, _) => Vec::new(),
            (Some(ours), Some(theirs)) if ours != theirs => Vec::new(),
            (Some(_), _) => symbols.frame(entry.offset),
        };
        let Some((innermost, outer)) = frames.split_first() else {
            strangers += 1;
            out.push_str(line);
            continue;
        };
        out.push_str(entry.head);
        let _ = write!(out, "{innermost}");
        for frame in outer {
            let indent = entry.head.chars().count();
            let _ = write!(out, "\n{:>indent$}{frame}", "inlined into ");
        }
        out.push_str(line.get(text.len()..).unwrap_or_default());
    }
    if strangers > 0 {
        if !out.ends_with('\n') {
            out.push('\n');
        }
        let _ = writeln!(
            out,
            "({strangers} of the backtrace's lines do not fit this module: is the log of another build?)"
        );
    }
    out
}

/// One line of a backtrace.
struct Entry<'a> {
    /// Everything up to the function's name.
    head: &'a str,
    /// Bytes from the start of the module's file.
    offset: u64,
    /// The function's index, when the line says it instead of a name.
    index: Option<u32>,
}

/// Reads `[prefix] N: 0xOFFSET - NAME`; `None` for any other line.
fn parse(line: &str) -> Option<Entry<'_>> {
    let mut from = 0;
    // A time in front of the line has colons too, so each is tried; none looks further than the next, so that a long
    // line takes time in proportion to its length.
    while let Some(at) = line.get(from..)?.find(':').map(|at| at + from) {
        from = at + 1;
        let number = line.get(..at)?.chars().next_back()?;
        if !number.is_ascii_digit() {
            continue;
        }
        let rest = line.get(from..)?;
        let Some(hex) = rest.trim_start_matches(' ').strip_prefix("0x") else {
            continue;
        };
        let digits = hex.len() - hex.trim_start_matches(|letter: char| letter.is_ascii_hexdigit()).len();
        let (Some(digits), Some(rest)) = (hex.get(..digits), hex.get(digits..)) else {
            continue;
        };
        let Some(name) = rest.trim_start_matches(' ').strip_prefix("- ") else {
            continue;
        };
        let Ok(offset) = u64::from_str_radix(digits, 16) else {
            continue;
        };
        let head = line.get(..line.len() - name.len())?;
        return Some(Entry { head, offset, index: index(name) });
    }
    None
}

/// The index in `unknown(function index:11)` or `<unknown>!<wasm function 11>`.
fn index(name: &str) -> Option<u32> {
    let digits = name
        .strip_prefix("unknown(function index:")
        .and_then(|rest| rest.strip_suffix(')'))
        .or_else(|| name.rsplit_once("!<wasm function ").and_then(|(_, rest)| rest.strip_suffix('>')))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> Option<(&str, u64, Option<u32>)> {
        parse(line).map(|entry| (entry.head, entry.offset, entry.index))
    }

    #[test]
    fn reads_the_lines_of_both_engines() {
        assert_eq!(parts("  0:  0x4061 - unknown(function index:47)"), Some(("  0:  0x4061 - ", 0x4061, Some(47))));
        assert_eq!(parts("  8:  0x29cd - proxy_on_request_headers"), Some(("  8:  0x29cd - ", 0x29cd, None)));
        assert_eq!(parts("   10:   0x5b - <unknown>!<wasm function 3>"), Some(("   10:   0x5b - ", 0x5b, Some(3))));
    }

    #[test]
    fn keeps_what_a_collector_put_in_front() {
        let line = "2026-01-02T03:04:05Z stderr F   1:  0x10 - f - g";
        assert_eq!(parts(line), Some(("2026-01-02T03:04:05Z stderr F   1:  0x10 - ", 0x10, None)));
    }

    #[test]
    fn a_long_line_takes_no_long_time() {
        assert!(parse(&"1: 0x1".repeat(1 << 18)).is_none());
        assert!(parse(&"1: 0x 1:   ".repeat(1 << 18)).is_none());
    }

    #[test]
    fn leaves_other_lines_alone() {
        let lines = [
            "Proxy-Wasm plugin in-VM backtrace:",
            "#0: Envoy::main [0x1234]",
            "  0: 0xzz - f",
            "a: 0x12 - f",
            ":",
            "",
            "0:",
            "é: 0x1",
        ];
        assert!(lines.into_iter().all(|line| parse(line).is_none()));
    }
}
