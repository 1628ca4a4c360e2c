//! The callouts of a step: what came against what was expected, and what is answered.

use super::callout::{Callout, CalloutKind, ExpectCallout, Failure, GrpcCallout, GrpcReply, HttpAnswer, HttpOutcome};
use super::check::{Seen, SeenCallout, headers, value};
use super::difference::Difference;
use super::value::shown;

/// The callouts that a step expects, and those that were made.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Which step it is about.
    step: u64,
    expected: Vec<Entry>,
    seen: Vec<SeenCallout>,
    differences: Vec<Difference>,
}

/// A callout that is expected.
#[derive(Debug)]
struct Entry {
    /// How people know it: its place in the list, from 1, and its cluster.
    name: String,
    callout: Callout,
    made: bool,
    grpc: GrpcState,
}

/// How far a gRPC call or stream has come.
#[derive(Debug, Default)]
struct GrpcState {
    messages: Vec<Vec<u8>>,
    closed: bool,
    cancelled: bool,
}

/// Names a gRPC call or stream in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GrpcEntry {
    step: u64,
    expected: usize,
    seen: usize,
}

/// Something that a filter does on a gRPC call or stream.
pub(crate) enum GrpcDone {
    Sent(Vec<u8>),
    Closed,
    Cancelled,
}

impl Book {
    /// Expects these, and no others.
    pub(crate) fn new<'c>(callouts: impl IntoIterator<Item = &'c Callout>) -> Self {
        let named = callouts.into_iter().enumerate().flat_map(|(index, callout)| {
            let name = format!("callout {} ({})", index + 1, callout.cluster);
            (0..callout.times).map(move |_| Entry {
                name: name.clone(),
                callout: callout.clone(),
                made: false,
                grpc: GrpcState::default(),
            })
        });
        Self { expected: named.collect(), ..Self::default() }
    }

    /// The one of a step: what is done on a gRPC stream of another one does not count in it.
    pub(crate) fn of_step(self, step: u64) -> Self {
        Self { step, ..self }
    }

    /// An HTTP request that came to a cluster: what to answer. One that nobody expects is refused.
    pub(crate) fn http(&mut self, cluster: &str, request: Seen) -> HttpAnswer {
        let candidates = self.candidates(cluster, false);
        let differences = |at: usize| match self.expected.get(at).map(|entry| (&entry.callout.kind, &entry.name)) {
            Some((CalloutKind::Http { expect, .. }, name)) => expect.differences(name, &request),
            _ => Vec::new(),
        };
        // Callouts to one cluster may come in any order; what fits best is what was meant.
        let fitting = candidates.iter().copied().find(|at| differences(*at).is_empty());
        let chosen = fitting.or(candidates.first().copied());
        let found = chosen.map(differences);
        let told = |name: &str| String::from_utf8_lossy(request.get(name).unwrap_or_default()).into_owned();
        let unexpected = || {
            let what = format!("{} {}", told(":method"), told(":path"));
            Difference::told(format!("callout to {cluster}: not expected: {}", shown(what.as_bytes())))
        };
        self.differences.extend(found.unwrap_or_else(|| vec![unexpected()]));
        let refused = HttpAnswer { outcome: HttpOutcome::Failure(Failure::Refused), ..HttpAnswer::default() };
        let (answer, expected_refusal) = match self.make(chosen).map(|entry| (&entry.callout.kind, &entry.callout)) {
            Some((CalloutKind::Http { answer, .. }, callout)) => (answer.clone(), callout.is_refused()),
            _ => (refused, false),
        };
        self.seen.push(SeenCallout { cluster: cluster.to_owned(), request, messages: None, refused: expected_refusal });
        answer
    }

    /// A gRPC call or stream that was begun with its metadata: its name, and what to answer. One that nobody expects is
    /// unavailable.
    pub(crate) fn grpc(&mut self, cluster: &str, begun: &GrpcBegun<'_>) -> (Option<GrpcEntry>, GrpcReply) {
        let candidates = self.candidates(cluster, true);
        let differences = |at: usize| match self.expected.get(at).map(|entry| (&entry.callout.kind, &entry.name)) {
            Some((CalloutKind::Grpc(expect), name)) => expect.begun_differences(name, begun),
            _ => Vec::new(),
        };
        let fitting = candidates.iter().copied().find(|at| differences(*at).is_empty());
        let chosen = fitting.or(candidates.first().copied());
        let found = chosen.map(differences);
        let path = format!("/{}/{}", begun.service, begun.method);
        let unexpected =
            || Difference::told(format!("callout to {cluster}: not expected: gRPC {}", shown(path.as_bytes())));
        self.differences.extend(found.unwrap_or_else(|| vec![unexpected()]));
        let mut headers = vec![(":path".to_owned(), path.clone().into_bytes())];
        headers.extend(begun.metadata.iter().cloned());
        let request = Seen { headers, ..Seen::default() };
        self.seen.push(SeenCallout {
            cluster: cluster.to_owned(),
            request,
            messages: Some(Vec::new()),
            refused: false,
        });
        let (seen, step) = (self.seen.len() - 1, self.step);
        match (chosen, self.make(chosen).map(|entry| &entry.callout.kind)) {
            (Some(expected), Some(CalloutKind::Grpc(callout))) => {
                (Some(GrpcEntry { step, expected, seen }), callout.answer.clone())
            }
            _ => {
                let status_message = "not expected".to_owned();
                (None, GrpcReply { status: 14, status_message, ..GrpcReply::default() })
            }
        }
    }

    /// What a filter does on a gRPC call or stream.
    pub(crate) fn grpc_done(&mut self, name: GrpcEntry, done: GrpcDone) {
        if name.step != self.step {
            return;
        }
        let seen = self.seen.get_mut(name.seen).and_then(|seen| seen.messages.as_mut());
        let Some(entry) = self.expected.get_mut(name.expected) else { return };
        match done {
            GrpcDone::Sent(message) => {
                seen.into_iter().for_each(|messages| messages.push(message.clone()));
                entry.grpc.messages.push(message);
            }
            GrpcDone::Closed => entry.grpc.closed = true,
            GrpcDone::Cancelled => entry.grpc.cancelled = true,
        }
    }

    /// Whether every callout that is expected has been made, and everything has come that must be sent on it.
    pub(crate) fn is_complete(&self) -> bool {
        self.expected.iter().all(|entry| {
            let mut found = Vec::new();
            if let CalloutKind::Grpc(callout) = &entry.callout.kind {
                callout.end_differences(&entry.name, &entry.grpc, &mut found);
            }
            entry.made && found.is_empty()
        })
    }

    /// Notes something that is wrong with the callouts as a whole.
    pub(crate) fn note(&mut self, message: String) {
        self.differences.push(Difference::told(message));
    }

    /// The callouts that were made, and what differs from what was expected.
    pub(crate) fn finish(mut self) -> (Vec<SeenCallout>, Vec<Difference>) {
        for entry in &self.expected {
            match &entry.callout.kind {
                _ if !entry.made => self.differences.push(Difference::told(format!("{}: not made", entry.name))),
                CalloutKind::Grpc(callout) => callout.end_differences(&entry.name, &entry.grpc, &mut self.differences),
                CalloutKind::Http { .. } => {}
            }
        }
        (self.seen, self.differences)
    }

    fn candidates(&self, cluster: &str, grpc: bool) -> Vec<usize> {
        let fits = |entry: &Entry| {
            let same_kind = matches!(entry.callout.kind, CalloutKind::Grpc(_)) == grpc;
            !entry.made && same_kind && entry.callout.cluster == cluster
        };
        self.expected.iter().enumerate().filter_map(|(at, entry)| fits(entry).then_some(at)).collect()
    }

    fn make(&mut self, chosen: Option<usize>) -> Option<&Entry> {
        let entry = self.expected.get_mut(chosen?)?;
        entry.made = true;
        Some(entry)
    }
}

/// A gRPC call or stream that a filter begins.
pub(crate) struct GrpcBegun<'a> {
    pub service: &'a str,
    pub method: &'a str,
    pub metadata: Vec<(String, Vec<u8>)>,
}

impl ExpectCallout {
    fn differences(&self, name: &str, request: &Seen) -> Vec<Difference> {
        let mut found = Vec::new();
        for (pseudo, wanted) in [(":method", &self.method), (":path", &self.path), (":authority", &self.authority)] {
            value(&mut found, &format!("{name} {pseudo}"), wanted.as_ref(), request.get(pseudo));
        }
        headers(&mut found, &format!("{name} header"), &self.headers, &request.headers);
        value(&mut found, &format!("{name} body"), self.body.as_ref(), Some(&request.body));
        found
    }
}

impl GrpcCallout {
    fn begun_differences(&self, name: &str, begun: &GrpcBegun<'_>) -> Vec<Difference> {
        let mut found = Vec::new();
        value(&mut found, &format!("{name} service"), self.service.as_ref(), Some(begun.service.as_bytes()));
        value(&mut found, &format!("{name} method"), self.method.as_ref(), Some(begun.method.as_bytes()));
        headers(&mut found, &format!("{name} metadata"), &self.expect.metadata, &begun.metadata);
        found
    }

    fn end_differences(&self, name: &str, state: &GrpcState, found: &mut Vec<Difference>) {
        if let Some(wanted) = &self.expect.messages {
            for (at, wanted) in wanted.iter().enumerate() {
                let seen = state.messages.get(at).map(Vec::as_slice);
                value(found, &format!("{name} message {}", at + 1), Some(wanted), seen);
            }
            for message in state.messages.iter().skip(wanted.len()) {
                found.push(Difference::told(format!("{name}: one message more than expected: {}", shown(message))));
            }
        }
        for (what, wanted, seen) in
            [("closed", self.expect.closed, state.closed), ("cancelled", self.expect.cancelled, state.cancelled)]
        {
            if wanted.is_some_and(|wanted| wanted != seen) {
                found.push(Difference::values(format!("{name} {what}"), !seen, seen));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_as;

    fn book(callouts: &str) -> Book {
        Book::new(&parse_as::<Vec<Callout>>(callouts).unwrap())
    }

    fn ask(book: &mut Book, cluster: &str, path: &str) -> String {
        let headers = [(":method", "GET"), (":path", path)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        match book.http(cluster, Seen { headers, ..Seen::default() }).outcome {
            HttpOutcome::Response(answer) => answer.status.to_string(),
            other => format!("{other:?}"),
        }
    }

    fn told(book: Book) -> Vec<String> {
        book.finish().1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_fits_best_is_taken_in_whatever_order_it_comes() {
        let text = "[{cluster: a, expect: {path: /1}, answer: {status: 201}}, {cluster: a, expect: {path: /2}, answer: {status: 202}}]";
        let mut in_order = book(text);
        assert_eq!([ask(&mut in_order, "a", "/1"), ask(&mut in_order, "a", "/2")], ["201", "202"]);
        assert!(in_order.is_complete());
        let mut other = book(text);
        assert_eq!([ask(&mut other, "a", "/2"), ask(&mut other, "a", "/1")], ["202", "201"]);
        assert_eq!((told(in_order), told(other)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_is_not_expected_not_made_or_different_is_told() {
        let mut book = book("[{cluster: a, expect: {path: /1}}, {cluster: b, times: 2}]");
        assert_eq!(ask(&mut book, "a", "/x"), "200");
        assert_eq!(ask(&mut book, "a", "/y"), "Failure(Refused)");
        assert_eq!(ask(&mut book, "b", "/"), "200");
        assert!(!book.is_complete());
        assert_eq!(
            told(book),
            [
                "callout 1 (a) :path: expected \"/1\", saw \"/x\"",
                "callout to a: not expected: \"GET /y\"",
                "callout 2 (b): not made",
            ]
        );
    }

    #[test]
    fn messages_and_the_end_of_a_grpc_stream_are_compared() {
        let text = "[{cluster: a, grpc: {method: M, expect: {messages: [x, {prefix: y}], closed: true}}}]";
        let begun = |method| GrpcBegun { service: "s", method, metadata: Vec::new() };
        let mut right = book(text);
        let (name, _) = right.grpc("a", &begun("M"));
        for done in [GrpcDone::Sent(b"x".to_vec()), GrpcDone::Sent(b"yz".to_vec()), GrpcDone::Closed] {
            right.grpc_done(name.unwrap(), done);
        }
        assert_eq!(told(right), [""; 0]);
        let mut wrong = book(text);
        let (name, _) = wrong.grpc("a", &begun("N"));
        for message in ["x", "z", "more"] {
            wrong.grpc_done(name.unwrap(), GrpcDone::Sent(message.into()));
        }
        assert_eq!(wrong.grpc("a", &begun("M")).1.status, 14);
        assert_eq!(
            told(wrong),
            [
                "callout 1 (a) method: expected \"M\", saw \"N\"",
                "callout to a: not expected: gRPC \"/s/M\"",
                "callout 1 (a) message 2: expected something that starts with \"y\", saw \"z\"",
                "callout 1 (a): one message more than expected: \"more\"",
                "callout 1 (a) closed: expected true, saw false",
            ]
        );
    }
}
