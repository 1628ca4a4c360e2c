//! The harness as an engine.

use std::sync::Arc;

use super::check::{Observed, Seen};
use super::model::{Answer, Exchange, Fields, Request, Scenario};
use super::modules::{FilterError, Modules};
use super::report::{ExchangeReport, Report};
use crate::context::{Attributes, HeaderMap, Process};
use crate::stream::{LoadError, Passed, Proxy, WireMessage};

/// The seed of every scenario's randomness.
const SEED: u64 = 1;

/// A scenario that could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A filter cannot be used.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The chain cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Runs a scenario in the harness.
///
/// # Errors
///
/// [`RunError`] when the chain cannot be loaded; what an exchange shows is in the report.
pub fn run(scenario: &Scenario, modules: &mut Modules) -> Result<Report, RunError> {
    let filters =
        scenario.filters.iter().map(|entry| modules.filter(entry, &scenario.file)).collect::<Result<Vec<_>, _>>()?;
    let mut proxy = Proxy::load(&filters, Arc::new(Process::deterministic(SEED)))?;
    let exchanges = scenario.exchanges.iter().map(|exchange| exchange_report(&mut proxy, exchange)).collect();
    Ok(Report { scenario: scenario.name.clone(), engine: "harness".to_owned(), exchanges })
}

fn exchange_report(proxy: &mut Proxy, exchange: &Exchange) -> ExchangeReport {
    let attributes = Attributes {
        source: "127.0.0.1:50000".to_owned(),
        destination: "127.0.0.1:10000".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        start_nanoseconds: proxy.process().clock().wall_nanoseconds(),
        ..Attributes::default()
    };
    let mut stream = proxy.open(attributes);
    let mut upstream = None;
    let passed = match stream.request(request(&exchange.request)) {
        Passed::On(message) => {
            upstream = Some(seen(&message));
            stream.response(answer(&exchange.upstream))
        }
        other => other,
    };
    let cost = stream.close();
    let (response, note) = match passed {
        Passed::On(message) | Passed::Replied(message) => (Some(seen(&message)), None),
        Passed::Reset => (None, Some("the stream was closed without an answer".to_owned())),
        Passed::Stuck => (None, Some("a filter paused the message and nothing makes it go on (BODY-7)".to_owned())),
    };
    let observed = Observed { upstream, response, note };
    let differences = observed.differences(&exchange.expect);
    ExchangeReport { name: exchange.name.clone(), observed, differences, cost: Some(cost) }
}

fn request(request: &Request) -> WireMessage {
    let pseudo = [
        (":authority", request.authority.as_str()),
        (":path", &request.path),
        (":method", &request.method),
        (":scheme", "http"),
    ];
    message(&pseudo, &request.headers, &request.body, request.method != "GET" || !request.body.is_empty())
}

fn answer(answer: &Answer) -> WireMessage {
    message(&[(":status", &answer.status.to_string())], &answer.headers, &answer.body, true)
}

fn message(pseudo: &[(&str, &str)], fields: &Fields, body: &str, framed: bool) -> WireMessage {
    let mut headers = pseudo.iter().copied().collect::<HeaderMap>();
    for (name, value) in &fields.0 {
        // Blanks around a value are not part of it on any wire.
        headers.add(name.as_bytes(), value.trim_matches([' ', '\t']).as_bytes());
    }
    // What an HTTP/1.1 peer that knows its whole body says.
    if framed && headers.get(b"content-length").is_none() {
        headers.add(b"content-length", body.len().to_string().as_bytes());
    }
    WireMessage::new(headers, body.into())
}

fn seen(message: &WireMessage) -> Seen {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    Seen {
        headers: message.headers.iter().map(|(name, value)| (text(name), value.to_vec())).collect(),
        body: message.body(),
    }
}
