//! The harness as an engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::changes::changes;
use super::check::{Effects, Observed, Seen};
use super::difference::Difference;
use super::model::{Answer, Exchange, Expect, Fields, Request, Scenario};
use super::modules::{FilterError, Modules};
use super::report::{ExchangeReport, Report};
use super::snapshot::{Snapshots, message_lines};
use super::split::pieces;
use crate::context::{Attributes, HeaderMap, Process};
use crate::cost::Cost;
use crate::stream::{FilterSpec, LoadError, Passed, Proxy, WireMessage};

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
    /// There are snapshots that cannot be read.
    #[error("cannot read {}: {error}; check its rights, or write it anew by `tamis test --bless`", .file.display())]
    Snapshots {
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// Runs a scenario in the harness.
///
/// # Errors
///
/// [`RunError`] when the chain cannot be loaded; what an exchange shows is in the report.
pub fn run(scenario: &Scenario, modules: &mut Modules) -> Result<Report, RunError> {
    let filters =
        scenario.filters.iter().map(|entry| modules.filter(entry, &scenario.file)).collect::<Result<Vec<_>, _>>()?;
    let snapshots = Snapshots::read(&scenario.file)
        .map_err(|error| RunError::Snapshots { file: Snapshots::file(&scenario.file), error })?;
    let mut proxy = load(&filters)?;
    let mut exchanges = Vec::new();
    for (index, exchange) in scenario.exchanges.iter().enumerate() {
        let memory = proxy.memory_bytes();
        let (observed, cost) = send(&mut proxy, exchange, &Cuts::first(exchange));
        let growth = proxy.memory_bytes().saturating_sub(memory) as u64;
        let mut report = ExchangeReport::new(exchange, observed, Some(cost), growth);
        if exchange.expect.snapshot {
            report.differences.extend(snapshots.differences(&exchange.name, &report.observed));
        }
        let earlier = scenario.exchanges.get(..index).unwrap_or_default();
        if let Some(found) = first_split(&filters, earlier, exchange, &report.observed)? {
            report.differences.extend(found);
        }
        exchanges.push(report);
    }
    let (name, file) = (scenario.name.clone(), scenario.file.clone());
    Ok(Report { scenario: name, file, engine: "harness".to_owned(), exchanges })
}

/// By how many bytes the memory of a chain grows while the exchanges of a scenario are sent again and again, about
/// `requests` of them, after they have been sent once.
///
/// # Errors
///
/// [`RunError`] when the chain cannot be loaded.
pub fn memory_growth(scenario: &Scenario, modules: &mut Modules, requests: usize) -> Result<u64, RunError> {
    let filters =
        scenario.filters.iter().map(|entry| modules.filter(entry, &scenario.file)).collect::<Result<Vec<_>, _>>()?;
    let mut proxy = load(&filters)?;
    let mut round = || {
        for exchange in &scenario.exchanges {
            send(&mut proxy, exchange, &Cuts::first(exchange));
        }
        proxy.memory_bytes()
    };
    let before = round();
    let rounds = requests.checked_div(scenario.exchanges.len()).unwrap_or_default();
    let after = (0..rounds).map(|_| round()).last().unwrap_or(before);
    Ok(after.saturating_sub(before) as u64)
}

/// Where the two bodies of an exchange are cut.
#[derive(Debug, Clone, Default)]
struct Cuts {
    request: Vec<usize>,
    response: Vec<usize>,
}

impl Cuts {
    fn first(exchange: &Exchange) -> Self {
        let (request, response) = (&exchange.request.body, &exchange.upstream.body);
        Self { request: request.split().cuts(request.len()), response: response.split().cuts(response.len()) }
    }

    /// All other ways that `split: all` asks for, one body after the other, each with its name.
    fn others(exchange: &Exchange) -> Vec<(String, Self)> {
        let first = Self::first(exchange);
        let (request, response) = (&exchange.request.body, &exchange.upstream.body);
        let named = |what: &str, cuts: &[usize]| match cuts {
            [cut] => format!("{what} in two pieces, cut before byte {cut}"),
            cuts => format!("{what} in {} pieces, cut before the bytes {cuts:?}", cuts.len() + 1),
        };
        let requests = request.split().variants(request.len()).into_iter();
        let requests = requests.map(|cuts| (named("request body", &cuts), Self { request: cuts, ..first.clone() }));
        let responses = response.split().variants(response.len()).into_iter();
        let responses = responses.map(|cuts| (named("upstream body", &cuts), Self { response: cuts, ..first.clone() }));
        requests.chain(responses).collect()
    }
}

fn load(filters: &[FilterSpec]) -> Result<Proxy, LoadError> {
    Proxy::load(filters, Arc::new(Process::deterministic(SEED)))
}

/// The first way to cut a body that comes to something else than `whole`. Each is tried in a proxy of its own that has
/// seen the exchanges before this one, so that they cannot change each other's outcome.
fn first_split(
    filters: &[FilterSpec],
    earlier: &[Exchange],
    exchange: &Exchange,
    whole: &Observed,
) -> Result<Option<Vec<Difference>>, LoadError> {
    let expected = whole.differences(&exchange.expect);
    for (name, cuts) in Cuts::others(exchange) {
        let mut proxy = load(filters)?;
        for exchange in earlier {
            send(&mut proxy, exchange, &Cuts::first(exchange));
        }
        let (observed, _) = send(&mut proxy, exchange, &cuts);
        let changed = changes(&message_lines(whole), &message_lines(&observed));
        if !changed.is_empty() {
            let head = format!("split: `-` is what comes of the whole body, `+` of the {name}");
            let lines = [head].into_iter().chain(changed.into_iter().map(|line| format!("  {line}")));
            return Ok(Some(lines.map(Difference::told).collect()));
        }
        let differences = observed.differences(&exchange.expect);
        if differences != expected {
            return Ok(Some(differences.into_iter().map(|found| found.within(&format!("split: {name}"))).collect()));
        }
    }
    Ok(None)
}

fn send(proxy: &mut Proxy, exchange: &Exchange, cuts: &Cuts) -> (Observed, Cost) {
    let process = proxy.process().clone();
    let logged = process.log_written();
    let attributes = Attributes {
        source: "127.0.0.1:50000".to_owned(),
        destination: "127.0.0.1:10000".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        start_nanoseconds: process.clock().wall_nanoseconds(),
        ..Attributes::default()
    };
    let mut stream = proxy.open(attributes);
    let mut upstream = None;
    let passed = match stream.request(request(&exchange.request, &cuts.request)) {
        Passed::On(message) => {
            upstream = Some(seen(&message));
            stream.response(answer(&exchange.upstream, &cuts.response))
        }
        other => other,
    };
    let names = exchange.expect.state.0.iter().map(|(name, _)| name);
    let state = names.map(|name| (name.clone(), stream.filter_state(name))).collect();
    let cost = stream.close();
    let (response, note) = match passed {
        Passed::On(message) | Passed::Replied(message) => (Some(seen(&message)), None),
        Passed::Reset => (None, Some("the stream was closed without an answer".to_owned())),
        Passed::Stuck => (None, Some("a filter paused the message and nothing makes it go on (BODY-7)".to_owned())),
    };
    let effects = Some(effects(&process, logged, &exchange.expect, state));
    (Observed { upstream, response, note, effects }, cost)
}

fn effects(process: &Process, logged: usize, expect: &Expect, state: BTreeMap<String, Option<Vec<u8>>>) -> Effects {
    Effects {
        log: process.log_since(logged).iter().map(ToString::to_string).collect(),
        metrics: expect.metrics.0.iter().map(|(name, _)| (name.clone(), process.metric(name))).collect(),
        state,
    }
}

fn request(request: &Request, cuts: &[usize]) -> WireMessage {
    let pseudo = [
        (":authority", request.authority.as_str()),
        (":path", &request.path),
        (":method", &request.method),
        (":scheme", "http"),
    ];
    let body = pieces(request.body.as_bytes(), cuts);
    let framed = request.method != "GET" || !body.is_empty();
    message(&pseudo, &request.headers, body, &request.trailers, framed)
}

fn answer(answer: &Answer, cuts: &[usize]) -> WireMessage {
    let body = pieces(answer.body.as_bytes(), cuts);
    message(&[(":status", &answer.status.to_string())], &answer.headers, body, &answer.trailers, true)
}

fn message(
    pseudo: &[(&str, &str)],
    fields: &Fields,
    chunks: Vec<Vec<u8>>,
    trailers: &Fields,
    framed: bool,
) -> WireMessage {
    let mut headers = pseudo.iter().copied().collect::<HeaderMap>();
    add(&mut headers, fields);
    let trailers = (!trailers.0.is_empty()).then(|| {
        let mut map = HeaderMap::default();
        add(&mut map, trailers);
        map
    });
    // What an HTTP/1.1 peer that knows its whole body says; before trailers it cannot.
    if framed && trailers.is_none() && headers.get(b"content-length").is_none() {
        let length = chunks.iter().map(Vec::len).sum::<usize>();
        headers.add(b"content-length", length.to_string().as_bytes());
    }
    WireMessage { headers, chunks, trailers }
}

fn add(map: &mut HeaderMap, fields: &Fields) {
    for (name, value) in &fields.0 {
        // Blanks around a value are not part of it on any wire.
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
        let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
        map.add(name.as_bytes(), value.get(start..end).unwrap_or_default());
    }
}

fn seen(message: &WireMessage) -> Seen {
    let fields = |map: &HeaderMap| {
        map.iter().map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec())).collect()
    };
    Seen {
        headers: fields(&message.headers),
        body: message.body(),
        trailers: message.trailers.as_ref().map(fields).unwrap_or_default(),
    }
}
