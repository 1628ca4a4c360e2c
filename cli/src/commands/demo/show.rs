//! An exchange before and after a filter, readable at a glance.

use std::io::IsTerminal;

use tamis_harness::envoy::is_proxy_own;
use tamis_harness::scenario::model::Request;
use tamis_harness::scenario::{Observed, Seen};

/// Prints both messages of an exchange as differences: what the filter took away, and what it put there.
pub fn exchange(request: &Request, before: &Observed, after: &Observed) {
    println!("\n{} {}", request.method, request.path);
    message("request, from the client to the upstream", &before.upstream, &after.upstream);
    message("response, from the upstream to the client", &before.response, &after.response);
}

fn message(title: &str, before: &Option<Seen>, after: &Option<Seen>) {
    println!("  {title}:");
    let (Some(before), Some(after)) = (before, after) else {
        println!("    (there was none)");
        return;
    };
    let colour = std::io::stdout().is_terminal();
    for line in lines(before, after) {
        let paint = match line.mark {
            '-' if colour => ("\u{1b}[31m", "\u{1b}[0m"),
            '+' if colour => ("\u{1b}[32m", "\u{1b}[0m"),
            _ => ("", ""),
        };
        println!("    {}{} {}: {}{}", paint.0, line.mark, line.name, line.value, paint.1);
    }
}

struct Line {
    mark: char,
    name: String,
    value: String,
}

/// Each header once: kept, taken away or put there. What the proxy writes itself is left out.
/// Of the rest, such as the status and a body, what changes.
fn lines(before: &Seen, after: &Seen) -> Vec<Line> {
    let headers = |seen: &Seen| {
        let own = |name: &str| name.starts_with(':') || is_proxy_own(name);
        seen.headers.iter().filter(|(name, _)| !own(name)).cloned().collect::<Vec<_>>()
    };
    let mut there = headers(after);
    let line = |mark, (name, value): (String, Vec<u8>)| Line { mark, name, value: readable(&value) };
    let mut lines = Vec::new();
    for header in headers(before) {
        match there.iter().position(|other| *other == header) {
            Some(at) => lines.push(line(' ', there.remove(at))),
            None => lines.push(line('-', header)),
        }
    }
    lines.extend(there.into_iter().map(|header| line('+', header)));
    let pseudo = |seen: &Seen, wanted: &str| {
        let found = seen.headers.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone())
    };
    let of_both =
        [":method", ":path", ":authority", ":status"].map(|name| (name, pseudo(before, name), pseudo(after, name)));
    // What the echo server answers says what came there, which is shown above.
    let answered_here = pseudo(before, ":status") != pseudo(after, ":status");
    let is_request = pseudo(before, ":status").is_none();
    let bodies = (is_request || answered_here).then(|| ("body", text(before).filter(|_| is_request), text(after)));
    for (name, before, after) in of_both.into_iter().chain(bodies).filter(|(_, before, after)| before != after) {
        let line = |mark: char, value: Vec<u8>| line(mark, (name.trim_start_matches(':').to_owned(), value));
        lines.extend(before.map(|value| line('-', value)));
        lines.extend(after.map(|value| line('+', value)));
    }
    lines
}

/// Text as it is, and other bytes escaped.
fn readable(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => value.escape_ascii().to_string(),
    }
}

/// A body that people can read.
fn text(seen: &Seen) -> Option<Vec<u8>> {
    let body = seen.body.trim_ascii_end();
    (!body.is_empty() && std::str::from_utf8(body).is_ok()).then(|| body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_header_is_taken_away_and_put_there() {
        let seen = |headers: &[(&str, &str)]| Seen {
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect(),
            ..Seen::default()
        };
        let before = seen(&[(":path", "/"), ("accept", "*"), ("x-env", "test"), ("x-debug", "1")]);
        let after = seen(&[(":path", "/"), ("date", "now"), ("accept", "*"), ("x-env", "production")]);
        let text = |line: &Line| format!("{} {}: {}", line.mark, line.name, line.value);
        let lines = lines(&before, &after).iter().map(text).collect::<Vec<_>>();
        assert_eq!(lines, ["  accept: *", "- x-env: test", "- x-debug: 1", "+ x-env: production"]);
    }
}
