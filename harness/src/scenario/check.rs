//! What was seen against what was expected.

use std::collections::BTreeMap;

use super::difference::Difference;
use super::matcher::{ExpectFields, FieldMatch, ValueMatch};
use super::model::Expect;
use super::value::shown;
use crate::testbed::connection;

/// What an engine saw of one exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The request as it came to the upstream; nothing when it did not.
    pub upstream: Option<Seen>,
    /// The response as it came to the client; nothing when the stream was closed or stayed where it was.
    pub response: Option<Seen>,
    /// Why there is no response.
    pub note: Option<String>,
    /// What both ends saw, when it was a connection.
    pub connection: Option<Box<connection::Seen>>,
    /// The requests that filters made of their own, in the order in which they came.
    pub callouts: Vec<SeenCallout>,
    /// Whether the engine can see trailers.
    pub trailers: bool,
    /// What happened besides.
    pub effects: Effects,
}

/// A request that a filter made of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenCallout {
    /// The cluster that it was for.
    pub cluster: String,
    /// The request; of gRPC its path and metadata.
    pub request: Seen,
    /// The messages that were sent, when it is gRPC.
    pub messages: Option<Vec<Vec<u8>>>,
    /// Whether its connection was refused: in a real Envoy nobody sees such a request.
    pub refused: bool,
}

/// A message as one side saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its headers in order, names in lower case, pseudo headers first.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body.
    pub body: Vec<u8>,
    /// Its trailers in order, where the engine can see them.
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// What happened besides the messages, as far as the engine can see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// The lines that were logged, as Envoy prints them.
    pub log: Option<Vec<String>>,
    /// The metrics that the expectation names; nothing for those that are not defined.
    pub metrics: Option<BTreeMap<String, Option<u64>>>,
    /// The state that the expectation names; nothing for what was not stored.
    pub state: Option<BTreeMap<String, Option<Vec<u8>>>>,
}

impl Seen {
    /// All values of a header.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        all(&self.headers, name)
    }

    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }
}

impl Observed {
    /// What differs from the expectation. What this engine cannot see is left out:
    /// [`not_applicable`](Self::not_applicable) has it.
    #[must_use]
    pub fn differences(&self, expect: &Expect) -> Vec<Difference> {
        let mut found = Vec::new();
        self.upstream_differences(expect, &mut found);
        self.response_differences(expect, &mut found);
        self.effects.collect_differences(expect, &mut found);
        found
    }

    /// What is expected and cannot be seen by this engine.
    #[must_use]
    pub fn not_applicable(&self, expect: &Expect) -> Vec<String> {
        let trailers = !expect.upstream.trailers.0.is_empty() || !expect.response.trailers.0.is_empty();
        let log = !expect.log.is_empty() || !expect.no_log.is_empty();
        let Effects { log: lines, metrics, state } = &self.effects;
        let whole = self.trailers && lines.is_some() && metrics.is_some() && state.is_some();
        let asked = [
            ("trailers", trailers && !self.trailers),
            ("log", log && lines.is_none()),
            ("metrics", !expect.metrics.0.is_empty() && metrics.is_none()),
            ("state", !expect.state.0.is_empty() && state.is_none()),
            ("snapshot", expect.snapshot && !whole),
        ];
        asked.iter().filter(|(_, asked)| *asked).map(|(what, _)| (*what).to_owned()).collect()
    }

    fn upstream_differences(&self, expect: &Expect, found: &mut Vec<Difference>) {
        let upstream = &expect.upstream;
        let seen = match (&self.upstream, upstream.reached) {
            (Some(seen), true) => seen,
            (None, true) => return found.push(Difference::told("upstream: the request did not get there")),
            (Some(_), false) => return found.push(Difference::told("upstream: the request got there, and should not")),
            (None, false) => return,
        };
        let pseudo = [(":method", &upstream.method), (":path", &upstream.path), (":authority", &upstream.authority)];
        for (name, wanted) in pseudo {
            value(found, &format!("upstream {name}"), wanted.as_ref(), seen.get(name));
        }
        headers(found, "upstream header", &upstream.headers, &seen.headers);
        value(found, "upstream body", upstream.body.as_ref(), Some(&seen.body));
        if self.trailers {
            headers(found, "upstream trailer", &upstream.trailers, &seen.trailers);
        }
    }

    fn response_differences(&self, expect: &Expect, found: &mut Vec<Difference>) {
        let response = &expect.response;
        let seen = match (&self.response, response.answered) {
            (Some(seen), true) => seen,
            (None, true) => {
                let note = self.note.as_deref().unwrap_or("the stream was closed");
                return found.push(Difference::told(format!("response: none; {note}")));
            }
            (Some(_), false) => return found.push(Difference::told("response: there is one, and should not be")),
            (None, false) => return,
        };
        if let Some(wanted) = response.status {
            let (wanted, status) = (wanted.to_string(), seen.get(":status"));
            if status != Some(wanted.as_bytes()) {
                found.push(Difference::values("response status", shown(wanted.as_bytes()), optional(status)));
            }
        }
        headers(found, "response header", &response.headers, &seen.headers);
        value(found, "response body", response.body.as_ref(), Some(&seen.body));
        if self.trailers {
            headers(found, "response trailer", &response.trailers, &seen.trailers);
        }
    }
}

impl Effects {
    /// What differs from the expectation, for a step that is no exchange.
    #[must_use]
    pub fn differences(&self, expect: &Expect) -> Vec<Difference> {
        let mut found = Vec::new();
        self.collect_differences(expect, &mut found);
        found
    }

    fn collect_differences(&self, expect: &Expect, found: &mut Vec<Difference>) {
        if let Some(log) = &self.log {
            log_differences(log, expect, found);
        }
        for (name, wanted) in self.metrics.iter().flat_map(|_| &expect.metrics.0) {
            let seen = self.metrics.as_ref().and_then(|metrics| metrics.get(name).copied().flatten());
            if seen != Some(*wanted) {
                let seen = seen.map_or_else(|| "none of this name".to_owned(), |value| value.to_string());
                found.push(Difference::values(format!("metric {name}"), wanted, seen));
            }
        }
        for (name, wanted) in self.state.iter().flat_map(|_| &expect.state.0) {
            let value = self.state.as_ref().and_then(|state| state.get(name).and_then(Option::as_deref));
            field(found, &format!("state {name}"), wanted, &value.into_iter().collect::<Vec<_>>());
        }
    }
}

fn log_differences(log: &[String], expect: &Expect, found: &mut Vec<Difference>) {
    for text in &expect.log {
        if !log.iter().any(|line| line.contains(text)) {
            let lines = log.iter().map(|line| format!("\n    {line}")).collect::<String>();
            let lines = if lines.is_empty() { " nothing".to_owned() } else { lines };
            let text = shown(text.as_bytes());
            found.push(Difference::told(format!("log: no line with {text}; what was logged:{lines}")));
        }
    }
    for text in &expect.no_log {
        for line in log.iter().filter(|line| line.contains(text)) {
            found.push(Difference::told(format!("log: a line with {}: {line}", shown(text.as_bytes()))));
        }
    }
}

/// Compares headers, each as `what NAME`.
pub(super) fn headers(found: &mut Vec<Difference>, what: &str, expected: &ExpectFields, seen: &[(String, Vec<u8>)]) {
    for (name, wanted) in &expected.0 {
        field(found, &format!("{what} {name}"), wanted, &all(seen, name).collect::<Vec<_>>());
    }
}

fn field(found: &mut Vec<Difference>, what: &str, wanted: &FieldMatch, values: &[&[u8]]) {
    if !wanted.fits(values) {
        let seen = values.iter().map(|value| shown(value)).collect::<Vec<_>>().join(", ");
        found.push(Difference::values(what, wanted, if seen.is_empty() { "none".to_owned() } else { seen }));
    }
}

/// Compares a value.
pub(super) fn value(found: &mut Vec<Difference>, what: &str, wanted: Option<&ValueMatch>, seen: Option<&[u8]>) {
    if let Some(wanted) = wanted
        && !seen.is_some_and(|seen| wanted.fits(seen))
    {
        found.push(Difference::values(what, wanted, optional(seen)));
    }
}

fn all<'s>(fields: &'s [(String, Vec<u8>)], name: &str) -> impl Iterator<Item = &'s [u8]> {
    fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_slice())
}

fn optional(value: Option<&[u8]>) -> String {
    value.map_or_else(|| "none".to_owned(), shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_as;

    fn seen(headers: &[(&str, &str)], body: &str) -> Seen {
        Seen {
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect(),
            body: body.into(),
            trailers: vec![("x-t".to_owned(), b"1".to_vec())],
        }
    }

    fn differences(expect: &str) -> Vec<String> {
        let observed = Observed {
            upstream: Some(seen(&[(":method", "GET"), (":path", "/"), ("x-a", "1"), ("x-a", "2")], "")),
            response: Some(seen(&[(":status", "200")], "ok")),
            note: None,
            connection: None,
            callouts: Vec::new(),
            trailers: true,
            effects: Effects {
                log: Some(vec!["[info] wasm log f: one".to_owned()]),
                metrics: Some([("n".to_owned(), Some(2))].into()),
                state: Some([("S".to_owned(), Some(b"kept".to_vec()))].into()),
            },
        };
        observed.differences(&parse_as(expect).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_not_named_is_not_looked_at() {
        assert_eq!(differences("{}"), [""; 0]);
    }

    #[test]
    fn what_is_named_must_be_so() {
        assert_eq!(
            differences(
                "upstream: {headers: {X-A: ['1', '2'], x-b: {absent: true}}}\nresponse: {status: 200, body: ok}"
            ),
            [""; 0]
        );
    }

    #[test]
    fn differences_are_told() {
        assert_eq!(
            differences(
                "upstream: {path: /x, headers: {x-a: 1, x-b: 2}}\nresponse: {status: 404, headers: {':status': {absent: true}}, body: no}"
            ),
            [
                "upstream :path: expected \"/x\", saw \"/\"",
                "upstream header x-a: expected \"1\", saw \"1\", \"2\"",
                "upstream header x-b: expected \"2\", saw none",
                "response status: expected \"404\", saw \"200\"",
                "response header :status: expected none, saw \"200\"",
                "response body: expected \"no\", saw \"ok\"",
            ]
        );
        assert_eq!(differences("response: {answered: false}"), ["response: there is one, and should not be"]);
        assert_eq!(differences("upstream: {reached: false}"), ["upstream: the request got there, and should not"]);
    }

    #[test]
    fn what_happens_besides_is_compared_too() {
        let right = "log: [one]\nno_log: [two]\nmetrics: {n: 2}\nstate: {S: {prefix: ke}, T: {absent: true}}\nresponse: {trailers: {X-T: 1}}";
        assert_eq!(differences(right), [""; 0]);
        assert_eq!(
            differences(
                "log: [two]\nno_log: [one]\nmetrics: {n: 1, m: 0}\nstate: {s: x}\nupstream: {trailers: {x-t: 2}}"
            ),
            [
                "upstream trailer x-t: expected \"2\", saw \"1\"",
                "log: no line with \"two\"; what was logged:\n    [info] wasm log f: one",
                "log: a line with \"one\": [info] wasm log f: one",
                "metric n: expected 1, saw 2",
                "metric m: expected 0, saw none of this name",
                "state s: expected \"x\", saw none",
            ]
        );
    }

    #[test]
    fn what_an_engine_cannot_see_is_named() {
        let expect: Expect = parse_as("log: [a]\nstate: {s: x}\nresponse: {trailers: {a: 1}}\nsnapshot: true").unwrap();
        let blind =
            Observed { upstream: Some(Seen::default()), response: Some(Seen::default()), ..Observed::default() };
        assert_eq!(blind.differences(&expect), []);
        assert_eq!(blind.not_applicable(&expect), ["trailers", "log", "state", "snapshot"]);
        let (log, metrics, state) = (Some(Vec::new()), Some(BTreeMap::new()), Some(BTreeMap::new()));
        let seeing = Observed { trailers: true, effects: Effects { log, metrics, state }, ..blind };
        assert_eq!(seeing.not_applicable(&expect), [""; 0]);
        assert_eq!(seeing.differences(&expect).len(), 3);
    }
}
