//! A proxy of the harness while a scenario runs in it: steps, and the answers that are on their way.

mod talk;

use std::sync::Arc;
use std::time::Duration;

use super::book::{Book, GrpcBegun, GrpcDone, GrpcEntry};
use super::callout::{Failure, GrpcReply, HttpOutcome};
use super::check::{Effects, Observed};
use super::difference::Difference;
use super::fault::Fault;
use super::message;
use super::model::{Exchange, Expect, Fields, Scenario};
use super::run::Cuts;
use super::step::{Meanwhile, Reconfiguration, Step, UNWANTED};
use crate::abi::Faults;
use crate::context::{Attributes, ClusterState, GrpcTarget, GrpcWhat, HeaderMap, Process};
use crate::cost::Cost;
use crate::stream::{
    CalloutAnswer, CalloutId, Direction, FilterSpec, GrpcAnswer, GrpcEvent, GrpcId, LoadError, Options, Passed, Proxy,
    StreamKey, Whole, WireMessage,
};

/// The seed of every scenario's randomness.
const SEED: u64 = 1;

/// How long a client waits for its answer, in the proxy's time: as long as the one that talks to a real Envoy.
const PATIENCE: Duration = crate::gateway::client::TIME_LIMIT;

/// The most callouts that are answered in one step: a guest may make one for every answer that it gets.
const MAX_CALLOUTS: usize = 1000;

/// The most timers, deadlines and answers that one step waits for: a guest's timer may run every millisecond.
const MAX_EVENTS: usize = 200_000;

/// A proxy, and what is on its way to it.
#[derive(Debug)]
pub(super) struct Session {
    proxy: Proxy,
    filters: Vec<FilterSpec>,
    pending: Vec<Pending>,
    /// How many answers there have been: those of one time come in this order.
    order: u64,
    book: Book,
    /// The gRPC calls and streams of this step.
    grpc: Vec<(GrpcId, GrpcEntry)>,
    callouts: usize,
    events: usize,
}

/// What one step came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub observed: Observed,
    pub cost: Option<Cost>,
    /// What differs besides what was observed.
    pub differences: Vec<Difference>,
}

/// An answer on its way.
#[derive(Debug)]
struct Pending {
    due: Duration,
    order: u64,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Http(CalloutId, CalloutAnswer),
    Grpc(GrpcId, GrpcAnswer),
}

impl Session {
    /// Loads a scenario's chain into a new proxy.
    pub(super) fn start(scenario: &Scenario, filters: &[FilterSpec]) -> Result<Self, LoadError> {
        let process = Process::deterministic(SEED);
        for cluster in &scenario.clusters {
            // Measured: without an endpoint the call itself fails (rule HC-4).
            let state = if cluster.healthy { ClusterState::Up } else { ClusterState::Refusing };
            process.add_cluster(&cluster.name, state);
        }
        let envoy = scenario.envoy.unwrap_or_default();
        let mut options = Options { workers: scenario.workers, envoy, ..Options::default() };
        if let Some(limit) = scenario.buffer_limit {
            options.buffer_limit = usize::try_from(limit).unwrap_or(usize::MAX);
        }
        Ok(Self {
            proxy: Proxy::load_with(filters, Arc::new(process), options)?,
            filters: filters.to_vec(),
            pending: Vec::new(),
            order: 0,
            book: Book::default(),
            grpc: Vec::new(),
            callouts: 0,
            events: 0,
        })
    }

    /// The memory of the workers' guests, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.proxy.memory_bytes()
    }

    /// Does one step.
    pub(super) fn step(&mut self, step: &Step, cuts: &Cuts) -> Outcome {
        self.book = Book::new(step.callouts());
        (self.callouts, self.events) = (0, 0);
        self.grpc.clear();
        // The start is over by now; what was said then is in the log.
        let logged = if matches!(step, Step::Start(_)) { 0 } else { self.proxy.process().log_written() };
        let (mut observed, cost, mut differences) = match step {
            Step::Start(start) => {
                self.advance(start.wait.0);
                self.answer_all();
                (Observed::default(), None, Vec::new())
            }
            Step::Exchange(exchange) => {
                let mut differences = Vec::new();
                let (observed, cost) = self.exchange(exchange, cuts, &mut differences);
                (observed, Some(cost), differences)
            }
            Step::Connection(connection) => {
                let (observed, cost) = self.connection(connection, cuts);
                (observed, Some(cost), Vec::new())
            }
            Step::Advance(step) => {
                self.advance(step.advance.0);
                (Observed::default(), None, Vec::new())
            }
            Step::Reload(step) => (Observed::default(), None, self.reload(&step.reload)),
        };
        let (callouts, found) = std::mem::take(&mut self.book).finish();
        differences.extend(found);
        observed.callouts = callouts;
        self.effects(logged, &step.expect(), &mut observed.effects);
        Outcome { observed, cost, differences }
    }

    fn exchange(&mut self, exchange: &Exchange, cuts: &Cuts, differences: &mut Vec<Difference>) -> (Observed, Cost) {
        let attributes = Attributes { protocol: "HTTP/1.1".into(), ..self.attributes() };
        let limit = self.elapsed() + PATIENCE;
        let key = self.proxy.open_on(exchange.worker, attributes);
        self.set_faults(exchange.worker, exchange.fault.as_ref(), true);
        let mut whole = Whole::new(key);
        let mut upstream = None;
        match &exchange.meanwhile {
            None => whole.send(&mut self.proxy, Direction::Request, message::request(&exchange.request, cuts.of(0))),
            Some(Meanwhile { after_bytes, reload }) => {
                let cut = Some(*after_bytes).filter(|bytes| *bytes > 0);
                let frames = message::request(&exchange.request, cut.as_slice()).into_frames();
                let mut frames = frames.collect::<Vec<_>>();
                let rest = frames.split_off(frames.len().min(1 + cut.iter().len()));
                whole.send_frames(&mut self.proxy, Direction::Request, frames);
                self.pump();
                differences.extend(self.reload(reload));
                whole.send_frames(&mut self.proxy, Direction::Request, rest);
            }
        }
        let passed = match self.wait(&mut whole, Direction::Request, limit) {
            Passed::On(request) => {
                upstream = Some(message::seen(&request));
                let answer = message::answer(&exchange.upstream, cuts.of(1));
                whole.send(&mut self.proxy, Direction::Response, answer);
                self.wait(&mut whole, Direction::Response, limit)
            }
            other => other,
        };
        let effects = Effects { state: Some(self.state(key, &exchange.expect)), ..Effects::default() };
        let cost = self.proxy.close(key);
        self.pump();
        self.set_faults(exchange.worker, exchange.fault.as_ref(), false);
        let (response, note) = match passed {
            Passed::On(response) | Passed::Replied(response) => (Some(message::seen(&response)), None),
            Passed::Reset => (None, Some("the stream was closed without an answer".to_owned())),
            Passed::Stuck => (None, Some("a filter paused the message and nothing makes it go on (BODY-7)".to_owned())),
        };
        (Observed { upstream, response, note, trailers: true, effects, ..Observed::default() }, cost)
    }

    fn attributes(&self) -> Attributes {
        Attributes {
            source: "127.0.0.1:50000".into(),
            destination: "127.0.0.1:10000".into(),
            start_nanoseconds: self.proxy.process().clock().wall_nanoseconds(),
            ..Attributes::default()
        }
    }

    /// Lets time go by, and all that is due happen at its own time.
    fn advance(&mut self, by: Duration) {
        let target = self.elapsed() + by;
        self.pump();
        while self.pass_time(target) {
            self.pump();
        }
        self.proxy.advance(target.saturating_sub(self.elapsed()));
        self.pump();
    }

    fn reload(&mut self, wanted: &Reconfiguration) -> Vec<Difference> {
        let mut filters = self.filters.clone();
        let configuration = wanted.config.as_ref().map(|config| config.to_configuration().into_bytes());
        if let Some(filter) = filters.iter_mut().find(|filter| filter.plugin.name == wanted.filter) {
            filter.plugin.configuration = configuration.unwrap_or_default();
        }
        let result = self.proxy.reload(&filters);
        self.pump();
        match result {
            Ok(()) => {
                self.filters = filters;
                if wanted.accepted { Vec::new() } else { vec![Difference::told(UNWANTED)] }
            }
            Err(error) if wanted.accepted => vec![Difference::told(format!("reload: {error}"))],
            Err(_) => Vec::new(),
        }
    }

    /// Gives filters the answers that they wait for, each at its own time.
    fn answer_all(&mut self) {
        self.pump();
        while let Some(last) = self.last_answer()
            && self.pass_time(last)
        {
            self.pump();
        }
    }

    /// When the last answer comes that is known by now.
    fn last_answer(&self) -> Option<Duration> {
        self.pending.iter().map(|pending| pending.due).max()
    }

    /// What has become of a message, once nothing that comes can change it any more.
    fn wait(&mut self, whole: &mut Whole, direction: Direction, limit: Duration) -> Passed {
        loop {
            self.pump();
            let passed = whole.passed(&mut self.proxy, direction);
            if passed != Passed::Stuck || !self.pass_time(limit) {
                return passed;
            }
        }
    }

    /// Lets time go by until something happens. Says whether something does, until `limit`.
    fn pass_time(&mut self, limit: Duration) -> bool {
        let now = self.elapsed();
        let answer = self.pending.iter().map(|pending| pending.due).min();
        let event = self.proxy.due_in().map(|left| now + left);
        let Some(next) = answer.into_iter().chain(event).min().filter(|next| *next <= limit) else { return false };
        self.events += 1;
        if self.events > MAX_EVENTS {
            let once = self.events == MAX_EVENTS + 1;
            once.then(|| self.book.note(format!("time: more than {MAX_EVENTS} timers and answers in one step")));
            return false;
        }
        self.proxy.advance(next.saturating_sub(now));
        true
    }

    /// Takes what filters ask for, and gives them what is due, until nothing is left of either.
    fn pump(&mut self) {
        loop {
            for callout in self.proxy.take_callouts() {
                self.called(callout.id, &callout.cluster, &callout.request);
            }
            for event in self.proxy.take_grpc() {
                self.grpc_event(event);
            }
            let now = self.elapsed();
            let due = self.pending.iter().enumerate().filter(|(_, pending)| pending.due <= now);
            let Some((at, _)) = due.min_by_key(|(_, pending)| (pending.due, pending.order)) else { return };
            // Whoever asked may not wait any more: an answer that comes too late is none.
            match self.pending.remove(at).answer {
                Answer::Http(id, answer) => self.proxy.answer(id, answer),
                Answer::Grpc(id, answer) => self.proxy.answer_grpc(id, answer),
            };
        }
    }

    fn called(&mut self, id: CalloutId, cluster: &str, request: &WireMessage) {
        if !self.counts() {
            return;
        }
        let answer = self.book.http(cluster, message::seen(request));
        let outcome = match answer.outcome {
            HttpOutcome::Response(answer) => CalloutAnswer::Response(message::answer(&answer, &[])),
            HttpOutcome::Failure(Failure::Refused) => CalloutAnswer::Unreachable,
            HttpOutcome::Failure(Failure::Closed) => CalloutAnswer::Response(message::answer(&closed(), &[])),
            HttpOutcome::Failure(Failure::Reset) => CalloutAnswer::Reset,
            HttpOutcome::Never => return,
        };
        self.send(answer.after.0, Answer::Http(id, outcome));
    }

    fn grpc_event(&mut self, event: GrpcEvent) {
        let known = self.grpc.iter().rev().find_map(|(id, entry)| (*id == event.id).then_some(*entry));
        match event.what {
            GrpcWhat::Call { to, message, .. } => {
                if let Some(reply) = self.grpc_begun(event.id, &to, Some(message)) {
                    self.reply_to_call(event.id, reply);
                }
            }
            GrpcWhat::Stream { to } => {
                if let Some(reply) = self.grpc_begun(event.id, &to, None) {
                    self.reply_to_stream(event.id, reply);
                }
            }
            what => {
                let Some(entry) = known else { return };
                match what {
                    GrpcWhat::Send { message, end } => {
                        self.book.grpc_done(entry, GrpcDone::Sent(message));
                        if end {
                            self.book.grpc_done(entry, GrpcDone::Closed);
                        }
                    }
                    GrpcWhat::Close => self.book.grpc_done(entry, GrpcDone::Closed),
                    _ => self.book.grpc_done(entry, GrpcDone::Cancelled),
                }
            }
        }
    }

    /// Notes a call or stream; what is to be answered, if anything is.
    fn grpc_begun(&mut self, id: GrpcId, to: &GrpcTarget, message: Option<Vec<u8>>) -> Option<GrpcReply> {
        if !self.counts() {
            return None;
        }
        let metadata = to.metadata.iter().map(|(name, value)| (String::from_utf8_lossy(name).into(), value.to_vec()));
        let begun = GrpcBegun { service: &to.service, method: &to.method, metadata: metadata.collect() };
        let (entry, reply) = self.book.grpc(&to.cluster, &begun);
        if let Some(entry) = entry {
            self.grpc.push((id, entry));
            if let Some(message) = message {
                self.book.grpc_done(entry, GrpcDone::Sent(message));
                self.book.grpc_done(entry, GrpcDone::Closed);
            }
        }
        Some(reply)
    }

    /// A call ends with its message, or with a status that says why there is none (rule `GRPC-2`).
    fn reply_to_call(&mut self, id: GrpcId, reply: GrpcReply) {
        let GrpcReply { after, messages, status, status_message, never, .. } = reply;
        let mut messages = messages.into_iter();
        let answer = match (never, status, messages.next()) {
            (true, ..) => return,
            (false, 0, Some(message)) => GrpcAnswer::Message(message.0),
            // What has no message is no success.
            (false, 0, None) => GrpcAnswer::Close { status: INTERNAL, message: String::new() },
            (false, status, _) => GrpcAnswer::Close { status, message: [&status_message, VIA_UPSTREAM].concat() },
        };
        if messages.next().is_some() {
            self.book.note("callout: a gRPC call gets one message, and several are written".to_owned());
        }
        self.send(after.0, Answer::Grpc(id, answer));
    }

    /// A stream has metadata, messages, metadata, and a close (rule `GRPC-3`).
    fn reply_to_stream(&mut self, id: GrpcId, reply: GrpcReply) {
        let GrpcReply { after, metadata, messages, trailers, status, status_message, open, never, trailers_only } =
            reply;
        if never {
            return;
        }
        let map = |first: &[(&str, &str)], fields: &Fields| {
            let mut map = first.iter().copied().collect::<HeaderMap>();
            message::add(&mut map, fields);
            map
        };
        let first = [(":status", "200"), ("content-type", "application/grpc")];
        // What comes alone is the end: there is no metadata before it.
        let head = if trailers_only { HeaderMap::default() } else { map(&first, &metadata) };
        let mut answers = vec![GrpcAnswer::InitialMetadata(head)];
        answers.extend(messages.into_iter().map(|message| GrpcAnswer::Message(message.0)));
        if !open {
            let number = status.to_string();
            let mut end = if trailers_only { first.to_vec() } else { Vec::new() };
            end.push(("grpc-status", &number));
            if !status_message.is_empty() {
                end.push(("grpc-message", &status_message));
            }
            answers.push(GrpcAnswer::TrailingMetadata(map(&end, &trailers)));
            answers.push(GrpcAnswer::Close { status, message: [&status_message, VIA_UPSTREAM].concat() });
        }
        for answer in answers {
            self.send(after.0, Answer::Grpc(id, answer));
        }
    }

    fn send(&mut self, after: Duration, answer: Answer) {
        let due = self.elapsed() + after;
        self.order += 1;
        self.pending.push(Pending { due, order: self.order, answer });
    }

    /// Counts a callout. Says whether it is answered.
    fn counts(&mut self) -> bool {
        self.callouts += 1;
        if self.callouts == MAX_CALLOUTS + 1 {
            self.book.note(format!("callouts: more than {MAX_CALLOUTS} in one step; the rest is not answered"));
        }
        self.callouts <= MAX_CALLOUTS
    }

    fn set_faults(&mut self, worker: usize, fault: Option<&Fault>, on: bool) {
        let Some(fault) = fault else { return };
        let name = fault.filter.as_deref();
        let named = |filter: &FilterSpec| name.is_none_or(|name| filter.plugin.name == name);
        let Some(index) = self.filters.iter().position(named) else { return };
        let faults = Faults {
            trap_at_host_call: fault.trap_at_host_call,
            allocation_fails: fault.allocation_fails,
            memory_limit: fault.memory_limit,
        };
        self.proxy.set_faults(worker, index, if on { faults } else { Faults::default() });
    }

    fn state(&self, key: StreamKey, expect: &Expect) -> std::collections::BTreeMap<String, Option<Vec<u8>>> {
        let names = expect.state.0.iter().map(|(name, _)| name);
        names.map(|name| (name.clone(), self.proxy.filter_state(key, name))).collect()
    }

    fn effects(&self, logged: usize, expect: &Expect, effects: &mut Effects) {
        let process = self.proxy.process();
        effects.log = Some(process.log_since(logged).iter().map(ToString::to_string).collect());
        let names = expect.metrics.0.iter().map(|(name, _)| name);
        effects.metrics = Some(names.map(|name| (name.clone(), process.metric(name))).collect());
    }

    fn elapsed(&self) -> Duration {
        self.proxy.process().clock().elapsed()
    }
}

/// What the proxy puts behind the message of a gRPC status that came from an upstream (rule `GRPC-4`).
const VIA_UPSTREAM: &str = "{via_upstream}";

/// What Envoy's router says of an upstream that hangs up (rule `HC-5`).
const CLOSED: &str = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";

/// gRPC's number for an answer that is none.
const INTERNAL: u32 = 13;

/// The router's own 503 for it.
fn closed() -> super::model::Answer {
    let headers = Fields(vec![("content-type".to_owned(), b"text/plain".to_vec())]);
    super::model::Answer { status: 503, headers, body: CLOSED.into(), trailers: Fields::default() }
}
