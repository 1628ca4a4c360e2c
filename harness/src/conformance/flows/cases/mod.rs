//! The tables from which all groups are made.

mod aborts;
mod bodies;
mod build;
mod callouts;
mod chain;
mod http2;
mod pause;
mod reloads;
mod replies;
mod trailers;
mod traps;

use super::{Framing, Group, Message, Reload, Wire};
use build::Builder;

/// A direction's name, its number in the ABI, and the names of its phases.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    stream: u32,
    headers: &'static str,
    body: &'static str,
    trailers: &'static str,
    /// The body's end, where no trailers follow.
    at_end: &'static str,
}

const REQUEST: Way = Way {
    name: "request",
    stream: 0,
    headers: "request_headers",
    body: "request_body",
    trailers: "request_trailers",
    at_end: "request_body@end",
};

const RESPONSE: Way = Way {
    name: "response",
    stream: 1,
    headers: "response_headers",
    body: "response_body",
    trailers: "response_trailers",
    at_end: "response_body@end",
};

/// Messages by name: their framing and the sizes of their pieces.
const SHAPES: [(&str, Framing, &[usize]); 6] = [
    ("bare", Framing::None, &[]),
    ("empty", Framing::Chunked, &[]),
    ("one", Framing::Length, &[5]),
    ("two", Framing::Chunked, &[5, 7]),
    ("trailers", Framing::Trailers, &[5]),
    ("two-trailers", Framing::Trailers, &[5, 7]),
];

/// All groups, in a fixed order.
#[must_use]
pub fn groups() -> Vec<Group> {
    let mut all = Vec::new();
    all.extend(pause::groups());
    all.extend(bodies::groups());
    all.extend(trailers::groups());
    all.extend(replies::groups());
    all.extend(callouts::groups());
    all.extend(chain::groups());
    all.extend(traps::groups());
    all.extend(aborts::groups());
    all.extend(reloads::groups());
    // Some of these again, and what only HTTP/2 has.
    all.extend(http2::groups(&all));
    all
}

/// Request and response, where the one of the direction has this shape.
fn exchange(way: Way, message: Message) -> (Message, Message) {
    if way.stream == 0 { (message, Message::sized(Framing::Length, &[4])) } else { (Message::bare(), message) }
}

/// A request and a response with bodies and without trailers.
fn chunked() -> (Message, Message) {
    (Message::sized(Framing::Chunked, &[5, 7]), Message::sized(Framing::Chunked, &[4, 6]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_enough_cases_and_no_two_of_one_name() {
        let groups = groups();
        let flows = groups.iter().flat_map(|group| &group.flows).collect::<Vec<_>>();
        assert!(flows.len() >= 500, "{} flows", flows.len());
        assert_eq!(flows.iter().map(|flow| &flow.name).collect::<BTreeSet<_>>().len(), flows.len());
        assert_eq!(groups.iter().map(|group| &group.name).collect::<BTreeSet<_>>().len(), groups.len());
        for group in &groups {
            let numbers = group.flows.iter().flat_map(|flow| &flow.exchanges).map(|exchange| exchange.number);
            assert!(numbers.eq(1..=group.flows.iter().map(|flow| flow.exchanges.len()).sum()), "{}", group.name);
        }
    }
}
