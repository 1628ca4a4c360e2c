//! What came in from outside, from what the recorders and the chain have logged.

use super::tail::{From, Record};
use crate::stream::Direction;

/// Something from outside, about the exchange of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Headers, with whether the message ends.
    Headers(usize, Direction, bool),
    /// So many more bytes of the body.
    Data(usize, Direction, usize, bool),
    /// Trailers.
    Trailers(usize, Direction),
    /// The stream is over: for its client, or because that has gone.
    Close(usize),
    /// The timer of a plugin, from 0.
    Tick(usize),
    /// An answer to the callout with this token, for this plugin.
    Answer(usize, u32),
    /// A plugin begins anew, while streams are under way.
    Reload,
    /// A plugin that has been replaced ends.
    Ended,
}

/// What the upstream's own responses have for details.
const UPSTREAM: &str = "\"via_upstream\"";

/// The events of a flow, in order.
pub(super) fn events(records: &[Record]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut closed = Vec::new();
    // Exchanges whose response came from the upstream; the proxy's own come from within.
    let mut answered = Vec::new();
    let mut headers = None;
    for record in records {
        let arguments = arguments(&record.text);
        let at = |place: usize| arguments.get(place).copied().unwrap_or(0);
        let number = record.number;
        let entered = record.place == "enter";
        // Of a plugin, which has no end of a stream to tell.
        if record.phase == "done" && !record.of_stream {
            let begins = entered && matches!(record.from, From::Plugin(_)) && !events.contains(&Event::Ended);
            events.extend(begins.then_some(Event::Ended));
            continue;
        }
        match (record.from, record.phase.as_str()) {
            (From::Front, "request_headers") if entered => {
                events.push(Event::Headers(number, Direction::Request, at(1) != 0));
            }
            (From::Front, "request_body") if entered => {
                events.push(Event::Data(number, Direction::Request, at(0), at(1) != 0));
            }
            (From::Front, "request_trailers") if entered => events.push(Event::Trailers(number, Direction::Request)),
            // The end of a stream is known to all filters in one turn.
            (_, "log" | "done") if entered && number > 0 && !closed.contains(&number) => {
                closed.push(number);
                events.push(Event::Close(number));
            }
            (From::Back, "response_headers") if entered => headers = Some(at(1) != 0),
            (From::Back, "response_headers") => {
                if let Some(end) = headers.take()
                    && record.text.contains(UPSTREAM)
                {
                    answered.push(number);
                    events.push(Event::Headers(number, Direction::Response, end));
                }
            }
            (From::Back, "response_body") if entered && answered.contains(&number) => {
                events.push(Event::Data(number, Direction::Response, at(0), at(1) != 0));
            }
            (From::Back, "response_trailers") if entered && answered.contains(&number) => {
                events.push(Event::Trailers(number, Direction::Response));
            }
            (From::Plugin(_), "create_root") if entered && !events.is_empty() && !events.contains(&Event::Reload) => {
                events.push(Event::Reload);
            }
            (From::Plugin(plugin), "tick") if entered => events.push(Event::Tick(plugin)),
            (From::Plugin(plugin), "http_call_response") if entered => {
                events.push(Event::Answer(plugin, u32::try_from(at(0)).unwrap_or_default()));
            }
            _ => {}
        }
    }
    events
}

/// `[1, 2]`
fn arguments(text: &str) -> Vec<usize> {
    let inner = text.trim_start_matches('[').trim_end_matches(']');
    inner.split(", ").filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(from: From, phase: &str, place: &str, text: &str) -> Record {
        Record { from, of_stream: true, number: 1, phase: phase.into(), place: place.into(), text: text.into() }
    }

    #[test]
    fn a_response_of_the_proxy_itself_is_no_event() {
        let response = |details: &str| {
            events(&[
                record(From::Front, "request_headers", "enter", "[7, 1]"),
                record(From::Back, "response_headers", "enter", "[4, 0]"),
                record(From::Back, "response_headers", "1", details),
                record(From::Back, "response_body", "enter", "[5, 1]"),
                record(From::Plugin(0), "log", "enter", "[]"),
                record(From::Front, "log", "enter", "[]"),
            ])
        };
        let request = Event::Headers(1, Direction::Request, true);
        let answer = [Event::Headers(1, Direction::Response, false), Event::Data(1, Direction::Response, 5, true)];
        assert_eq!(response("0|12 \"via_upstream\""), [&[request], &answer[..], &[Event::Close(1)]].concat());
        assert_eq!(response("0|16 \"wasm_fail_stream\""), [request, Event::Close(1)]);
    }
}
