//! Groups in the harness.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tamis_module::gate::EnvoyVersion;

use super::events::{Event, events};
use super::real::Happened;
use super::received::Received;
use super::server::{CALLOUT, CALLOUT_BODY};
use super::transcript::{Ends, Transcript};
use super::{Exchange, Flow, Group, Wire, tail, transcript};
use crate::conformance::ConformanceError;
use crate::context::{Attributes, ClusterState, HeaderMap, Plugin, Process};
use crate::stream::{
    Callout, CalloutAnswer, Direction, FilterSpec, Frame, LoadedModule, Options, Out, Proxy, StreamKey, WireMessage,
};

/// The period of the timers that programs set.
const TICK: Duration = Duration::from_millis(40);
/// The back-off after which a VM is loaded anew, with room.
const RELOAD: Duration = Duration::from_secs(2);
/// How often what waits is looked after until it counts as waiting for ever.
const ROUNDS: usize = 8;

/// Replays what came in in Envoy; an account of each flow.
pub(super) fn run(
    module: &LoadedModule,
    group: &Group,
    happened: &[Happened],
    envoy: EnvoyVersion,
) -> Result<Vec<Transcript>, ConformanceError> {
    let mut emulated = Emulated::load(module, group, envoy)?;
    Ok(group.flows.iter().zip(happened).map(|(flow, happened)| emulated.replay(flow, &happened.records)).collect())
}

/// Which exchanges wait for ever, as far as the harness can tell: by number, from 1.
pub(super) fn waiting(
    module: &LoadedModule,
    group: &Group,
    envoy: EnvoyVersion,
) -> Result<Vec<bool>, ConformanceError> {
    let mut emulated = Emulated::load(module, group, envoy)?;
    let mut waiting = Vec::new();
    for flow in &group.flows {
        for exchange in &flow.exchanges {
            emulated.rehearse(exchange, &flow.exchanges);
        }
        for exchange in &flow.exchanges {
            waiting.push(!emulated.is_over(exchange.number));
        }
        for exchange in &flow.exchanges {
            emulated.event(flow, Event::Close(exchange.number));
        }
    }
    Ok(waiting)
}

/// A chain under way.
struct Emulated<'g> {
    group: &'g Group,
    module: LoadedModule,
    process: Arc<Process>,
    proxy: Proxy,
    streams: BTreeMap<usize, Stream>,
    callouts: Vec<Callout>,
}

/// One exchange.
struct Stream {
    key: StreamKey,
    open: bool,
    /// How much of the bodies has been sent.
    sent: [usize; 2],
    request: Vec<(Frame, bool)>,
    response: Vec<(Frame, bool)>,
    reset: bool,
    replied: bool,
    answered: bool,
}

impl<'g> Emulated<'g> {
    fn load(module: &LoadedModule, group: &'g Group, envoy: EnvoyVersion) -> Result<Self, ConformanceError> {
        let process = Arc::new(Process::deterministic(1));
        for cluster in ["upstream", "callout", "refused"] {
            process.add_cluster(cluster, ClusterState::Up);
        }
        let filters = filters(module, group, 0);
        let buffer_limit = match group.wire {
            Wire::Http1 => usize::try_from(group.limit).unwrap_or(usize::MAX),
            // The stream's window, and that is more than is sent here (rule BODY-6).
            Wire::Http2 => usize::MAX,
        };
        let options = Options { workers: 1, buffer_limit, envoy };
        let proxy = Proxy::load_with(&filters, process.clone(), options)
            .map_err(|error| ConformanceError::Harness { batch: group.name.clone(), error })?;
        Ok(Self { group, module: module.clone(), process, proxy, streams: BTreeMap::new(), callouts: Vec::new() })
    }

    fn replay(&mut self, flow: &Flow, records: &[tail::Record]) -> Transcript {
        let mark = self.process.log_written();
        // Whatever nobody waits for any more; VMs that come later count their tokens from the beginning.
        self.callouts.clear();
        for event in events(records) {
            self.event(flow, event);
        }
        let log = self.process.log_since(mark);
        let records = log.iter().filter_map(|line| tail::parse(&line.from, &line.message, self.group));
        let lines = transcript::lines(&records.collect::<Vec<_>>());
        let ends = flow.exchanges.iter().map(|exchange| self.ends(exchange)).collect();
        Transcript { lines, ends, crashed: false }
    }

    fn event(&mut self, flow: &Flow, event: Event) {
        let exchange = |number: usize| flow.exchanges.iter().find(|exchange| exchange.number == number);
        match event {
            Event::Headers(number, direction, end) => {
                let Some(exchange) = exchange(number) else { return };
                if exchange.later && direction == Direction::Request {
                    self.proxy.advance(RELOAD);
                }
                let headers = match direction {
                    Direction::Request => exchange.request.request_headers(&self.group.path(exchange), self.group.wire),
                    Direction::Response => exchange.response.response_headers(),
                };
                self.send(number, direction, Frame::Headers(headers), end);
            }
            Event::Data(number, direction, size, end) => {
                let Some(exchange) = exchange(number) else { return };
                let (message, side) = match direction {
                    Direction::Request => (&exchange.request, 0),
                    Direction::Response => (&exchange.response, 1),
                };
                let Some(sent) = self.streams.get_mut(&number).and_then(|stream| stream.sent.get_mut(side)) else {
                    return;
                };
                let data = message.body().into_iter().skip(*sent).take(size).collect::<Vec<_>>();
                *sent += size;
                self.send(number, direction, Frame::Data(data), end);
            }
            Event::Trailers(number, direction) => {
                let Some(exchange) = exchange(number) else { return };
                let message = match direction {
                    Direction::Request => &exchange.request,
                    Direction::Response => &exchange.response,
                };
                let trailers = message.trailers().unwrap_or_default();
                self.send(number, direction, Frame::Trailers(trailers), true);
            }
            Event::Close(number) => {
                if let Some(stream) = self.streams.get_mut(&number).filter(|stream| stream.open) {
                    stream.open = false;
                    self.proxy.close(stream.key);
                }
            }
            Event::Tick(plugin) => self.proxy.tick(0, plugin),
            Event::Answer(_, token) => self.answer(token),
            Event::Reload => self.reload(flow),
            Event::Ended if self.group.listener => self.proxy.drained(),
            Event::Ended => {}
        }
        self.collect();
    }

    fn send(&mut self, number: usize, direction: Direction, frame: Frame, end: bool) {
        let protocol = match self.group.wire {
            Wire::Http1 => "HTTP/1.1",
            Wire::Http2 => "HTTP/2",
        };
        let proxy = &mut self.proxy;
        let stream = self.streams.entry(number).or_insert_with(|| Stream {
            key: proxy.open_on(0, Attributes { protocol: protocol.into(), ..Attributes::default() }),
            open: true,
            sent: [0; 2],
            request: Vec::new(),
            response: Vec::new(),
            reset: false,
            replied: false,
            answered: false,
        });
        proxy.send(stream.key, direction, frame, end);
        self.collect();
    }

    /// Does to a callout what its path says.
    fn answer(&mut self, token: u32) {
        let Some(at) = self.callouts.iter().position(|callout| callout.id.token() == token) else { return };
        let callout = self.callouts.remove(at);
        let path = callout.request.headers.get(b":path").unwrap_or_default().to_vec();
        let answer = match path.strip_prefix(CALLOUT.as_bytes()) {
            _ if callout.cluster == "refused" => CalloutAnswer::Unreachable,
            Some(b"slow") => return self.proxy.advance(callout.timeout.unwrap_or_default()),
            Some(b"reset") => CalloutAnswer::Reset,
            _ => {
                // With what the proxy writes into each response from an upstream.
                let headers = [(":status", "200"), ("connection", "close"), ("content-length", "6"), ("x-time", "1")];
                let headers = headers.into_iter().collect::<HeaderMap>();
                CalloutAnswer::Response(WireMessage::new(headers, CALLOUT_BODY.into()))
            }
        };
        self.proxy.answer(callout.id, answer);
    }

    /// Takes what has come out.
    fn collect(&mut self) {
        self.callouts.extend(self.proxy.take_callouts());
        for stream in self.streams.values_mut() {
            for out in self.proxy.take_out(stream.key) {
                match out {
                    Out::Request(frame, end) => stream.request.push((frame, end)),
                    Out::Response(frame, end) => stream.response.push((frame, end)),
                    Out::Reset => stream.reset = true,
                }
            }
            stream.replied |= self.proxy.replied(stream.key);
        }
    }

    /// Gives the first plugin its next configuration. One that is refused changes nothing, as its canary has logged.
    fn reload(&mut self, flow: &Flow) {
        let place = self.group.flows.iter().position(|other| other.name == flow.name).unwrap_or_default();
        if flow.reload.is_some() {
            let filters = filters(&self.module, self.group, self.group.reloads_before(place) + 1);
            let _ = if self.group.listener { self.proxy.replace(&filters) } else { self.proxy.reload(&filters) };
        }
    }

    fn ends(&self, exchange: &Exchange) -> Ends {
        let Some(stream) = self.streams.get(&exchange.number) else { return Ends::default() };
        Ends {
            upstream: Received::collect(&stream.request, Wire::Http1),
            client: Received::collect(&stream.response, self.group.wire),
            cut: stream.reset || stream.replied || exchange.aborted,
        }
    }

    fn is_over(&self, number: usize) -> bool {
        self.streams.get(&number).is_some_and(|stream| {
            let ended = |frames: &[(Frame, bool)]| frames.iter().any(|(_, end)| *end);
            stream.reset || ended(&stream.response)
        })
    }

    /// Sends an exchange without an Envoy that says how it comes.
    fn rehearse(&mut self, exchange: &Exchange, all: &[Exchange]) {
        let path = self.group.path(exchange);
        let (request, number) = (&exchange.request, exchange.number);
        self.whole(number, Direction::Request, request.request_headers(&path, self.group.wire), request);
        for _ in 0..ROUNDS {
            for exchange in all {
                let Some(stream) = self.streams.get_mut(&exchange.number) else { continue };
                let upstream = Received::collect(&stream.request, Wire::Http1);
                let asked = upstream.is_some_and(|got| got.ended || exchange.early);
                if asked && !std::mem::replace(&mut stream.answered, true) {
                    let response = &exchange.response;
                    self.whole(exchange.number, Direction::Response, response.response_headers(), response);
                }
            }
            if self.is_over(number) {
                return;
            }
            self.proxy.advance(TICK);
            self.collect();
            for token in self.callouts.iter().map(|callout| callout.id.token()).collect::<Vec<_>>() {
                self.answer(token);
            }
            self.collect();
        }
    }

    fn whole(&mut self, number: usize, direction: Direction, headers: HeaderMap, message: &super::Message) {
        let none = message.framing == super::Framing::None;
        self.send(number, direction, Frame::Headers(headers), none);
        for piece in &message.pieces {
            self.send(number, direction, Frame::Data(piece.clone()), false);
        }
        match message.trailers() {
            Some(trailers) => self.send(number, direction, Frame::Trailers(trailers), true),
            None if !none => self.send(number, direction, Frame::Data(Vec::new()), true),
            None => {}
        }
    }
}

/// The chain of a group after so many reloads.
fn filters(module: &LoadedModule, group: &Group, reloads: usize) -> Vec<FilterSpec> {
    let filter = |index: usize| {
        let plugin = group.plugin_after(index, if index == 0 { reloads } else { 0 });
        FilterSpec {
            module: module.clone(),
            plugin: Plugin {
                name: "probe".to_owned(),
                root_id: group.root(index),
                vm_id: format!("{}.{}", group.name, plugin.vm),
                configuration: plugin.configuration().into_bytes(),
                allow_on_headers_stop_iteration: plugin.held,
                ..Plugin::default()
            },
            failure_policy: plugin.policy,
        }
    };
    (0..group.plugins.len()).map(filter).collect()
}
