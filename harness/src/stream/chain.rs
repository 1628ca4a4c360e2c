//! One stream on its way through a chain of filters.

use std::sync::{Arc, Mutex};

use super::WireMessage;
use super::proxy::{FailurePolicy, Thread};
use super::reply;
use super::side::{Direction, Hold, Side};
use crate::abi::{Callback, Returned};
use crate::context::{Action, Attributes, Exchange, HeaderMap, LocalReply, Message, Visible, lock};
use crate::cost::Cost;

/// A request and its response on their way through the filters of one worker.
#[derive(Debug)]
pub struct Stream<'p> {
    thread: &'p mut Thread,
    exchange: Arc<Mutex<Exchange>>,
    filters: Vec<Filter>,
    buffer_limit: usize,
    cost_before: Cost,
    /// What has come out at the end of the chain.
    out: Output,
    ending: Option<Ending>,
}

/// One filter of the chain, for this stream.
#[derive(Debug)]
struct Filter {
    vm: usize,
    root: u32,
    id: u32,
    /// The VM knows the stream (rule `LIFE-8`).
    created: bool,
    request: Side,
    response: Side,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// It came out at the end of the chain.
    On(WireMessage),
    /// A filter, or the proxy, answered instead; this is what the client gets.
    Replied(WireMessage),
    /// The stream was closed without an answer.
    Reset,
    /// A filter holds it, and nothing is left that could make it go on: in a proxy it would wait for a timeout (rule
    /// `BODY-7`).
    Stuck,
}

#[derive(Debug, Default)]
struct Output {
    headers: bool,
    chunks: Vec<Vec<u8>>,
    trailers: bool,
    ended: bool,
}

#[derive(Debug)]
enum Ending {
    Reply(LocalReply),
    Reset,
}

/// A piece of a message as it is handed from filter to filter.
#[derive(Debug)]
enum Frame {
    Headers,
    Data(Vec<u8>),
    Trailers,
}

impl<'p> Stream<'p> {
    pub(super) fn new(thread: &'p mut Thread, buffer_limit: usize, attributes: Attributes) -> Self {
        let exchange = Arc::new(Mutex::new(Exchange { attributes, ..Exchange::default() }));
        let cost_before = thread.cost();
        let mut filters = Vec::new();
        let mut ending = None;
        for handle in &thread.chain {
            let Some(vm) = thread.vms.get_mut(handle.vm) else { continue };
            match (vm.failed(), handle.policy) {
                (true, FailurePolicy::Open) => continue,
                (true, FailurePolicy::Closed) => ending = Some(Ending::Reply(LocalReply::failed_stream())),
                (false, _) => {}
            }
            // Ids are taken when the filter object is made, before the VM is entered (rule LIFE-7).
            let id = vm.context().add_stream(handle.root, exchange.clone());
            let (request, response) = (Side::default(), Side::default());
            filters.push(Filter { vm: handle.vm, root: handle.root, id, created: false, request, response });
        }
        Self { thread, exchange, filters, buffer_limit, cost_before, out: Output::default(), ending }
    }

    /// Takes the request through the chain.
    pub fn request(&mut self, message: WireMessage) -> Passed {
        if self.ending.is_none() {
            self.send(Direction::Request, message);
        } else {
            lock(&self.exchange).request.headers = Some(message.headers);
        }
        match self.ending.take() {
            None => self.passed(Direction::Request),
            Some(Ending::Reset) => Passed::Reset,
            Some(Ending::Reply(reply)) => self.reply(&reply),
        }
    }

    /// Takes the response back through the chain, last filter first.
    pub fn response(&mut self, message: WireMessage) -> Passed {
        let code = status_code(&message.headers);
        lock(&self.exchange).attributes.response_code = code;
        self.send(Direction::Response, message);
        match self.ending.take() {
            None => self.passed(Direction::Response),
            Some(Ending::Reset) => Passed::Reset,
            // Headers that are on their way cannot be taken back (rule LR-7).
            Some(Ending::Reply(_)) if self.out.headers => Passed::Reset,
            Some(Ending::Reply(reply)) => {
                let response = reply::response(&reply, lock(&self.exchange).request.headers.as_ref());
                self.sent(&response);
                Passed::Replied(response)
            }
        }
    }

    /// Ends the stream: log, done, delete (rule `LIFE-9`). Says what the stream has cost.
    pub fn close(self) -> Cost {
        for filter in self.filters.iter().rev() {
            let Some(vm) = self.thread.vms.get_mut(filter.vm) else { continue };
            if filter.created && !vm.failed() {
                for callback in [Callback::Log, Callback::Done, Callback::Delete] {
                    if let Some(visible) = vm.context().visible_mut(filter.id) {
                        *visible = Visible { log: callback == Callback::Log, ..Visible::default() };
                    }
                    // A trap here fails the VM; this stream has been answered.
                    if vm.call(filter.id, callback).is_err() {
                        break;
                    }
                }
            }
            vm.context().remove_stream(filter.id);
        }
        self.thread.cost() - self.cost_before
    }

    /// What has been stored for access logs under `wasm.<name>`.
    #[must_use]
    pub fn filter_state(&self, name: &str) -> Option<Vec<u8>> {
        lock(&self.exchange).filter_state.get(format!("wasm.{name}").as_bytes()).cloned()
    }

    /// A local reply on the request's way: it goes back through the whole chain, the filter that sent it included (rule
    /// `LR-6`). Its status is not known as an attribute before it is sent (rule `PROP-5`).
    fn reply(&mut self, reply: &LocalReply) -> Passed {
        let response = {
            let mut exchange = lock(&self.exchange);
            exchange.attributes.response_code_details.clone_from(&reply.details);
            reply::response(reply, exchange.request.headers.as_ref())
        };
        self.send(Direction::Response, response);
        match self.ending.take() {
            None => match self.passed(Direction::Response) {
                Passed::On(message) => {
                    self.sent(&message);
                    Passed::Replied(message)
                }
                other => other,
            },
            Some(Ending::Reset) => Passed::Reset,
            Some(Ending::Reply(second)) => {
                let response = reply::response(&second, lock(&self.exchange).request.headers.as_ref());
                self.sent(&response);
                Passed::Replied(response)
            }
        }
    }

    fn sent(&self, response: &WireMessage) {
        let mut exchange = lock(&self.exchange);
        exchange.attributes.response_code = status_code(&response.headers);
        exchange.response.headers = Some(response.headers.clone());
    }

    fn send(&mut self, direction: Direction, message: WireMessage) {
        self.out = Output::default();
        let WireMessage { headers, chunks, trailers } = message;
        let has_trailers = trailers.is_some();
        {
            let mut exchange = lock(&self.exchange);
            let bytes = chunks.iter().map(|chunk| chunk.len() as u64).sum();
            if direction == Direction::Request {
                exchange.attributes.request_bytes = bytes;
            }
            *message_of(&mut exchange, direction) = Message { headers: Some(headers), body: Vec::new(), trailers };
        }
        let last = chunks.len();
        self.deliver(direction, 0, Frame::Headers, last == 0 && !has_trailers);
        for (i, chunk) in chunks.into_iter().enumerate() {
            self.deliver(direction, 0, Frame::Data(chunk), i + 1 == last && !has_trailers);
        }
        if has_trailers {
            self.deliver(direction, 0, Frame::Trailers, true);
        }
    }

    fn passed(&mut self, direction: Direction) -> Passed {
        let out = std::mem::take(&mut self.out);
        if !out.ended {
            self.out = out;
            return Passed::Stuck;
        }
        let exchange = lock(&self.exchange);
        let message = match direction {
            Direction::Request => &exchange.request,
            Direction::Response => &exchange.response,
        };
        Passed::On(WireMessage {
            headers: message.headers.clone().unwrap_or_default(),
            chunks: out.chunks,
            trailers: if out.trailers { message.trailers.clone() } else { None },
        })
    }

    /// Hands a frame to the filter at `place` in this direction's order; behind the last one it is out.
    fn deliver(&mut self, direction: Direction, place: usize, frame: Frame, end: bool) {
        if self.ending.is_some() {
            return;
        }
        let Some(index) = self.index(direction, place) else {
            match frame {
                Frame::Headers => self.out.headers = true,
                Frame::Data(data) if data.is_empty() => {}
                Frame::Data(data) => self.out.chunks.push(data),
                Frame::Trailers => self.out.trailers = true,
            }
            self.out.ended |= end;
            return;
        };
        if let Some(side) = self.side(direction, index) {
            side.ended |= end;
            // A filter that holds the headers is called for nothing else (rule BODY-2).
            if side.hold == Hold::Headers {
                match frame {
                    Frame::Data(data) => side.held.extend_from_slice(&data),
                    Frame::Trailers => side.trailers_wait = true,
                    Frame::Headers => {}
                }
                self.check_limit(direction, index);
                return;
            }
        }
        match frame {
            Frame::Headers => self.headers(direction, place, index, end),
            Frame::Data(data) => self.data(direction, place, index, data, end),
            Frame::Trailers => self.trailers(direction, place, index),
        }
    }

    fn headers(&mut self, direction: Direction, place: usize, index: usize, end: bool) {
        if direction == Direction::Request {
            self.create(index);
        }
        let count = u32::try_from(self.map_len(direction, false)).unwrap_or(u32::MAX);
        let callback = match direction {
            Direction::Request => Callback::RequestHeaders { count, end_of_stream: end },
            Direction::Response => Callback::ResponseHeaders { count, end_of_stream: end },
        };
        self.see(direction, index, |visible| (&mut visible.request_headers, &mut visible.response_headers), true);
        let Some(returned) = self.call(direction, index, callback) else { return };
        if matches!(returned.word, None | Some(0 | 2)) {
            self.see(direction, index, |visible| (&mut visible.request_headers, &mut visible.response_headers), false);
            if let Some(side) = self.side(direction, index) {
                side.headers_passed = true;
            }
            self.deliver(direction, place + 1, Frame::Headers, end);
        } else if let Some(side) = self.side(direction, index) {
            // Without Envoy's flag even result 1 stops everything (rule BODY-1).
            side.hold = Hold::Headers;
        }
        self.resume_if_asked(direction, place, index, &returned.actions);
    }

    fn data(&mut self, direction: Direction, place: usize, index: usize, data: Vec<u8>, end: bool) {
        let Some(side) = self.side(direction, index) else { return };
        let mut seen = if side.hold == Hold::Buffer { std::mem::take(&mut side.held) } else { Vec::new() };
        seen.extend_from_slice(&data);
        let size = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        message_of(&mut lock(&self.exchange), direction).body = seen;
        let callback = match direction {
            Direction::Request => Callback::RequestBody { size, end_of_stream: end },
            Direction::Response => Callback::ResponseBody { size, end_of_stream: end },
        };
        self.see(direction, index, |visible| (&mut visible.request_body, &mut visible.response_body), true);
        let Some(returned) = self.call(direction, index, callback) else { return };
        let seen = std::mem::take(&mut message_of(&mut lock(&self.exchange), direction).body);
        let Some(side) = self.side(direction, index) else { return };
        match returned.word {
            None | Some(0) => {
                side.hold = Hold::No;
                let mut all = std::mem::take(&mut side.held);
                all.extend_from_slice(&seen);
                self.see(direction, index, |visible| (&mut visible.request_body, &mut visible.response_body), false);
                self.deliver(direction, place + 1, Frame::Data(all), end);
            }
            Some(1) => {
                side.hold = Hold::Buffer;
                side.held = seen;
                self.check_limit(direction, index);
            }
            Some(2) => {
                side.hold = Hold::Watermark;
                side.held.extend_from_slice(&seen);
            }
            Some(_) => side.hold = Hold::Drop,
        }
        self.resume_if_asked(direction, place, index, &returned.actions);
    }

    fn trailers(&mut self, direction: Direction, place: usize, index: usize) {
        let count = u32::try_from(self.map_len(direction, true)).unwrap_or(u32::MAX);
        let callback = match direction {
            Direction::Request => Callback::RequestTrailers { count },
            Direction::Response => Callback::ResponseTrailers { count },
        };
        self.see(direction, index, |visible| (&mut visible.request_trailers, &mut visible.response_trailers), true);
        let Some(returned) = self.call(direction, index, callback) else { return };
        if matches!(returned.word, None | Some(0)) {
            self.see(
                direction,
                index,
                |visible| (&mut visible.request_trailers, &mut visible.response_trailers),
                false,
            );
            self.release(direction, place, index, true);
        } else if let Some(side) = self.side(direction, index) {
            side.hold = Hold::Trailers;
            side.trailers_wait = true;
        }
        self.resume_if_asked(direction, place, index, &returned.actions);
    }

    /// Continues a message that this filter holds (rules `BODY-2`, `BODY-9`).
    fn resume(&mut self, direction: Direction, place: usize, index: usize) {
        let Some(side) = self.side(direction, index) else { return };
        let hold = std::mem::take(&mut side.hold);
        match hold {
            Hold::No => {}
            Hold::Headers => {
                side.headers_passed = true;
                let (held, trailers) = (std::mem::take(&mut side.held), std::mem::take(&mut side.trailers_wait));
                let (ended, empty) = (side.ended, held.is_empty());
                self.see(
                    direction,
                    index,
                    |visible| (&mut visible.request_headers, &mut visible.response_headers),
                    false,
                );
                self.deliver(direction, place + 1, Frame::Headers, ended && empty && !trailers);
                if !empty {
                    self.data(direction, place, index, held, ended && !trailers);
                }
                if trailers {
                    self.trailers(direction, place, index);
                }
            }
            Hold::Buffer | Hold::Watermark | Hold::Drop | Hold::Trailers => {
                let trailers = std::mem::take(&mut side.trailers_wait);
                self.release(direction, place, index, trailers);
            }
        }
    }

    /// Lets go what is held of the body, and the trailers behind it.
    fn release(&mut self, direction: Direction, place: usize, index: usize, trailers: bool) {
        let Some(side) = self.side(direction, index) else { return };
        let (held, ended) = (std::mem::take(&mut side.held), side.ended);
        side.hold = Hold::No;
        if !held.is_empty() || (ended && !trailers) {
            self.deliver(direction, place + 1, Frame::Data(held), ended && !trailers);
        }
        if trailers {
            self.deliver(direction, place + 1, Frame::Trailers, true);
        }
    }

    fn resume_if_asked(&mut self, direction: Direction, place: usize, index: usize, actions: &[Action]) {
        let Some(id) = self.filters.get(index).map(|filter| filter.id) else { return };
        let wanted = match direction {
            Direction::Request => Action::ContinueRequest(id),
            Direction::Response => Action::ContinueResponse(id),
        };
        if actions.contains(&wanted) {
            self.resume(direction, place, index);
        }
    }

    /// Buffering beyond the limit ends the stream (rule `BODY-6`).
    fn check_limit(&mut self, direction: Direction, index: usize) {
        let limit = self.buffer_limit;
        let over = self.side(direction, index).is_some_and(|side| side.hold == Hold::Buffer && side.held.len() > limit);
        if over {
            let (status, body, details) = match direction {
                Direction::Request => (413, "Payload Too Large", "request_payload_too_large"),
                Direction::Response => (500, "Internal Server Error", "response_payload_too_large"),
            };
            self.ending = Some(Ending::Reply(LocalReply {
                status,
                details: details.to_owned(),
                headers: Vec::new(),
                body: body.into(),
                grpc_status: None,
            }));
        }
    }

    /// Tells the VM of the stream (rule `LIFE-8`).
    fn create(&mut self, index: usize) {
        let Some(filter) = self.filters.get_mut(index) else { return };
        filter.created = true;
        let callback = Callback::ContextCreate { parent: filter.root };
        self.call(Direction::Request, index, callback);
    }

    /// Calls a filter; nothing when the stream ends here. A response passes a filter that never saw the request, and one
    /// whose VM has died (rules `LIFE-8`, `FAIL-4`).
    fn call(&mut self, direction: Direction, index: usize, callback: Callback) -> Option<Returned> {
        let filter = self.filters.get(index)?;
        let vm = self.thread.vms.get_mut(filter.vm)?;
        if direction == Direction::Response && (!filter.created || vm.failed()) {
            return Some(Returned { word: None, actions: Vec::new() });
        }
        let Ok(returned) = vm.call(filter.id, callback) else {
            self.ending = Some(Ending::Reply(LocalReply::failed_stream()));
            return None;
        };
        for action in &returned.actions {
            match action {
                // The first answer counts (rule LR-8).
                Action::Reply(id, reply) if *id == filter.id && self.ending.is_none() => {
                    self.ending = Some(Ending::Reply(reply.clone()));
                }
                Action::Close(id) if *id == filter.id && self.ending.is_none() => self.ending = Some(Ending::Reset),
                _ => {}
            }
        }
        if self.ending.is_some() { None } else { Some(returned) }
    }

    fn see(
        &mut self,
        direction: Direction,
        index: usize,
        which: impl FnOnce(&mut Visible) -> (&mut bool, &mut bool),
        visible: bool,
    ) {
        let Some(filter) = self.filters.get(index) else { return };
        let vm = self.thread.vms.get_mut(filter.vm);
        if let Some(flags) = vm.and_then(|vm| vm.context().visible_mut(filter.id)) {
            let (request, response) = which(flags);
            *(if direction == Direction::Request { request } else { response }) = visible;
        }
    }

    fn map_len(&self, direction: Direction, trailers: bool) -> usize {
        let mut exchange = lock(&self.exchange);
        let message = message_of(&mut exchange, direction);
        let map = if trailers { &message.trailers } else { &message.headers };
        map.as_ref().map_or(0, HeaderMap::len)
    }

    fn index(&self, direction: Direction, place: usize) -> Option<usize> {
        match direction {
            Direction::Request => (place < self.filters.len()).then_some(place),
            Direction::Response => self.filters.len().checked_sub(place + 1),
        }
    }

    fn side(&mut self, direction: Direction, index: usize) -> Option<&mut Side> {
        let filter = self.filters.get_mut(index)?;
        Some(match direction {
            Direction::Request => &mut filter.request,
            Direction::Response => &mut filter.response,
        })
    }
}

fn message_of(exchange: &mut Exchange, direction: Direction) -> &mut Message {
    match direction {
        Direction::Request => &mut exchange.request,
        Direction::Response => &mut exchange.response,
    }
}

fn status_code(headers: &HeaderMap) -> Option<u64> {
    std::str::from_utf8(headers.get(b":status")?).ok()?.parse().ok()
}
