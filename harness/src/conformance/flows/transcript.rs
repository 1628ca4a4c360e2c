//! What harness and Envoy must agree on.

use super::received::Received;
use super::tail::{From, Record};

/// One account of a flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Transcript {
    /// What the probes of the chain have logged for streams, ticks and answers, in order.
    pub lines: Vec<String>,
    /// What came out, by exchange.
    pub ends: Vec<Ends>,
    /// The proxy died.
    pub crashed: bool,
}

/// What came out of one exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// What the upstream got; nothing when no request came.
    pub upstream: Option<Received>,
    /// What the client got.
    pub client: Option<Received>,
    /// The harness: the stream was answered or reset, which takes with it what the upstream would still get.
    pub cut: bool,
}

/// The phases of a plugin's life; what happens there is compared call by call elsewhere.
const LIFE: [&str; 3] = ["create_root", "vm_start", "configure"];

/// What is compared of records.
pub(super) fn lines<'r>(records: impl IntoIterator<Item = &'r Record>) -> Vec<String> {
    let line = |record: &Record| {
        let From::Plugin(plugin) = record.from else { return None };
        if LIFE.contains(&record.phase.as_str()) {
            return None;
        }
        let Record { number, phase, place, text, .. } = record;
        // The main thread's plugin ends too, at about the same time; it has never had a stream.
        if !record.of_stream && *number == 0 && matches!(phase.as_str(), "done" | "delete") {
            return None;
        }
        let of = if record.of_stream { "" } else { " (plugin)" };
        Some(format!("filter {plugin}{of} stream {number} {phase} {place}: {text}"))
    };
    records.into_iter().filter_map(line).collect()
}

/// Where two accounts differ, as lines; nothing when they do not.
pub(super) fn difference(harness: &Transcript, envoy: &Transcript) -> Option<String> {
    let mut ours = harness.lines.clone();
    let mut theirs = envoy.lines.clone();
    for (index, (our, their)) in harness.ends.iter().zip(&envoy.ends).enumerate() {
        let upstream = said(their.upstream.as_ref());
        ours.push(format!(
            "upstream {index}: {}",
            if same_upstream(our, their) { upstream.clone() } else { said(our.upstream.as_ref()) }
        ));
        theirs.push(format!("upstream {index}: {upstream}"));
        ours.push(format!("client {index}: {}", said(our.client.as_ref())));
        theirs.push(format!("client {index}: {}", said(their.client.as_ref())));
    }
    if envoy.crashed {
        theirs.push("the proxy died".to_owned());
    }
    (ours != theirs).then(|| side_by_side(&ours, &theirs))
}

/// Whether the upstream got what it should. Where the stream ended before the request had left, how much of it got through
/// is a matter of time.
fn same_upstream(ours: &Ends, theirs: &Ends) -> bool {
    if ours.upstream == theirs.upstream {
        return true;
    }
    let is_cut = ours.cut;
    match (&ours.upstream, &theirs.upstream) {
        (Some(_), None) => is_cut,
        (Some(ours), Some(theirs)) => is_cut && !theirs.ended && theirs.begins(ours),
        _ => false,
    }
}

fn said(received: Option<&Received>) -> String {
    let Some(Received { start, headers, body, trailers, ended }) = received else { return "nothing".to_owned() };
    let pairs = |pairs: &[(String, String)]| {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    let shown = body.get(..48).unwrap_or(body).escape_ascii();
    let end = if *ended { "end" } else { "no end" };
    format!("{start} [{}] {} \"{shown}\" [{}] {end}", pairs(headers), body.len(), pairs(trailers))
}

/// Equal lines in front and behind are shown only next to those that differ.
fn side_by_side(ours: &[String], theirs: &[String]) -> String {
    let front = ours.iter().zip(theirs).take_while(|(our, their)| our == their).count();
    let left = ours.len().min(theirs.len()) - front;
    let back = ours.iter().rev().zip(theirs.iter().rev()).take(left).take_while(|(our, their)| our == their).count();
    let mut text = String::new();
    for line in ours.iter().take(front).skip(front.saturating_sub(4)) {
        text.push_str(&format!("    {line}\n"));
    }
    for (mark, lines) in [('-', ours), ('+', theirs)] {
        for line in lines.iter().take(lines.len() - back).skip(front) {
            text.push_str(&format!("  {mark} {line}\n"));
        }
    }
    for line in ours.iter().skip(ours.len() - back).take(2) {
        text.push_str(&format!("    {line}\n"));
    }
    text
}
