//! One step of a stream through the chain.

use super::reply;
use super::side::{Direction, Hold};
use super::state::{Ending, Out, StreamState};
use super::vms::Vms;
use super::{Frame, WireMessage};
use crate::abi::{Callback, Returned};
use crate::context::{Action, Exchange, HeaderMap, LocalReply, Message, Visible, lock};

/// A stream with the VMs of its thread, for the time of one step.
pub(super) struct Run<'t> {
    pub vms: &'t mut Vms,
    pub state: &'t mut StreamState,
    pub buffer_limit: usize,
}

/// A piece of a message as filters hand it on: headers and trailers are the exchange's, which all filters share.
#[derive(Debug)]
enum Piece {
    Headers,
    Data(Vec<u8>),
    Trailers,
}

impl Run<'_> {
    /// A frame comes in from outside.
    pub(super) fn send(&mut self, direction: Direction, frame: Frame, end: bool) {
        if self.state.over || (direction == Direction::Request && self.state.replied) {
            return;
        }
        let piece = {
            let mut exchange = lock(&self.state.exchange);
            match frame {
                Frame::Headers(headers) => {
                    if direction == Direction::Response {
                        self.state.response_begun = true;
                        exchange.attributes.response_code = status_code(&headers);
                    }
                    message_of(&mut exchange, direction).headers = Some(headers);
                    Piece::Headers
                }
                Frame::Data(data) => Piece::Data(data),
                Frame::Trailers(trailers) => {
                    message_of(&mut exchange, direction).trailers = Some(trailers);
                    Piece::Trailers
                }
            }
        };
        if direction == Direction::Request
            && let Piece::Data(data) = &piece
        {
            lock(&self.state.exchange).attributes.request_bytes += data.len() as u64;
        }
        self.deliver(direction, 0, piece, end);
        self.finish();
    }

    /// Does what a guest asked for about this stream from elsewhere: a callout's handler, another stream's call.
    pub(super) fn act(&mut self, index: usize, action: Action) {
        match action {
            Action::ContinueRequest(_) => self.resume(Direction::Request, index),
            Action::ContinueResponse(_) => self.resume(Direction::Response, index),
            Action::Close(_) => self.state.end_by(Ending::Reset),
            Action::Reply(_, reply) => self.state.end_by(Ending::Reply(reply)),
        }
        self.finish();
    }

    /// Ends the stream if something has asked for it.
    fn finish(&mut self) {
        match self.state.ending.take() {
            None => {}
            Some(Ending::Reset) => self.reset(),
            // Headers that are on their way cannot be taken back (rule LR-7).
            Some(Ending::Reply(_)) if self.state.response_sent => self.reset(),
            Some(Ending::Reply(reply)) if self.state.response_begun => self.reply_directly(&reply),
            Some(Ending::Reply(reply)) => self.reply_through_the_chain(&reply),
        }
    }

    fn reset(&mut self) {
        self.state.out.push(Out::Reset);
        self.state.over = true;
    }

    /// A local reply before the response goes back through the whole chain, the filter that sent it included (rule `LR-6`).
    /// Its status is not known as an attribute before it is sent (rule `PROP-5`).
    fn reply_through_the_chain(&mut self, reply: &LocalReply) {
        self.state.replied = true;
        self.state.response_begun = true;
        let WireMessage { headers, mut chunks, .. } = self.response(reply);
        lock(&self.state.exchange).response.headers = Some(headers);
        let body = chunks.pop();
        self.deliver(Direction::Response, 0, Piece::Headers, body.is_none());
        if let Some(body) = body {
            self.deliver(Direction::Response, 0, Piece::Data(body), true);
        }
        self.finish();
    }

    /// A local reply in place of a response that was under way bypasses the filters (rule `LR-7`).
    fn reply_directly(&mut self, reply: &LocalReply) {
        self.state.replied = true;
        let WireMessage { headers, mut chunks, .. } = self.response(reply);
        lock(&self.state.exchange).response.headers = Some(headers.clone());
        let body = chunks.pop();
        self.state.out.retain(|out| !matches!(out, Out::Response(..)));
        self.emit(Direction::Response, Frame::Headers(headers), body.is_none());
        if let Some(body) = body {
            self.emit(Direction::Response, Frame::Data(body), true);
        }
        self.state.over = true;
    }

    fn response(&self, reply: &LocalReply) -> WireMessage {
        let mut exchange = lock(&self.state.exchange);
        exchange.attributes.response_code_details.clone_from(&reply.details);
        // Known before the response is seen (rule PROP-5).
        exchange.attributes.response_code = Some(u64::from(reply.status & 0xffff));
        reply::response(reply, exchange.request.headers.as_ref())
    }

    fn emit(&mut self, direction: Direction, frame: Frame, end: bool) {
        if direction == Direction::Response
            && let Frame::Headers(headers) = &frame
        {
            self.state.response_sent = true;
            lock(&self.state.exchange).attributes.response_code = status_code(headers);
        }
        self.state.out.push(match direction {
            Direction::Request => Out::Request(frame, end),
            Direction::Response => Out::Response(frame, end),
        });
    }

    /// Hands a piece to the filter at `place` in this direction's order; behind the last one it is out.
    fn deliver(&mut self, direction: Direction, place: usize, piece: Piece, end: bool) {
        if self.state.ending.is_some() || self.state.over {
            return;
        }
        let Some(index) = self.state.index(direction, place) else { return self.leave(direction, piece, end) };
        let Some(side) = self.state.side(direction, index) else { return };
        side.ended |= end;
        // A filter that holds everything is called for nothing else (rule BODY-2).
        if side.hold == Hold::Headers {
            match piece {
                Piece::Data(data) => side.held.extend_from_slice(&data),
                Piece::Trailers => side.trailers_wait = true,
                Piece::Headers => {}
            }
            return;
        }
        match piece {
            Piece::Headers => self.headers(direction, index, end),
            Piece::Data(data) => self.data(direction, index, &data, end),
            Piece::Trailers => self.trailers(direction, index),
        }
    }

    fn leave(&mut self, direction: Direction, piece: Piece, end: bool) {
        let frame = {
            let mut exchange = lock(&self.state.exchange);
            let message = message_of(&mut exchange, direction);
            match piece {
                Piece::Headers => Frame::Headers(message.headers.clone().unwrap_or_default()),
                Piece::Data(data) if data.is_empty() && !end => return,
                Piece::Data(data) => Frame::Data(data),
                Piece::Trailers => Frame::Trailers(message.trailers.clone().unwrap_or_default()),
            }
        };
        self.emit(direction, frame, end);
    }

    fn headers(&mut self, direction: Direction, index: usize, end: bool) {
        if direction == Direction::Request {
            self.create(index);
        }
        let count = self.map_len(direction, false);
        let callback = match direction {
            Direction::Request => Callback::RequestHeaders { count, end_of_stream: end },
            Direction::Response => Callback::ResponseHeaders { count, end_of_stream: end },
        };
        self.see(direction, index, headers_of, true);
        let Some(returned) = self.call(direction, index, callback) else { return };
        let held_headers =
            self.state.filters.get(index).is_some_and(|f| f.handle.filter.plugin.allow_on_headers_stop_iteration);
        match returned.word {
            None | Some(0 | 2) => {
                self.see(direction, index, headers_of, false);
                self.pass_on(direction, index, Piece::Headers, end);
            }
            // Without Envoy's flag even result 1 stops everything (rule BODY-1).
            Some(word) => {
                if let Some(side) = self.state.side(direction, index) {
                    side.hold = if word == 1 && held_headers { Hold::HeadersOnly } else { Hold::Headers };
                }
            }
        }
        self.resume_if_asked(index, &returned.actions);
    }

    fn data(&mut self, direction: Direction, index: usize, data: &[u8], end: bool) {
        let Some(side) = self.state.side(direction, index) else { return };
        let (headers_held, buffering) = (side.hold == Hold::HeadersOnly, side.hold == Hold::Buffer);
        let mut seen = if buffering || headers_held { std::mem::take(&mut side.held) } else { Vec::new() };
        seen.extend_from_slice(data);
        let size = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        message_of(&mut lock(&self.state.exchange), direction).body = seen;
        let callback = match direction {
            Direction::Request => Callback::RequestBody { size, end_of_stream: end },
            Direction::Response => Callback::ResponseBody { size, end_of_stream: end },
        };
        self.see(direction, index, body_of, true);
        self.see(direction, index, end_of, end);
        let Some(returned) = self.call(direction, index, callback) else { return };
        self.see(direction, index, end_of, false);
        let (seen, made_trailers) = {
            let mut exchange = lock(&self.state.exchange);
            let message = message_of(&mut exchange, direction);
            (std::mem::take(&mut message.body), end && message.trailers.is_some())
        };
        let Some(side) = self.state.side(direction, index) else { return };
        side.buffering = returned.word == Some(1);
        match returned.word {
            None | Some(0) => {
                side.hold = Hold::No;
                let mut all = std::mem::take(&mut side.held);
                all.extend_from_slice(&seen);
                self.see(direction, index, body_of, false);
                if headers_held {
                    // Going on in the body lets the headers go too (rule BODY-3).
                    self.see(direction, index, headers_of, false);
                    self.pass_on(direction, index, Piece::Headers, end && all.is_empty() && !made_trailers);
                }
                self.pass_on(direction, index, Piece::Data(all), end && !made_trailers);
                if made_trailers {
                    // Trailers that this callback has made come to later filters (rule HDR-12).
                    self.pass_on(direction, index, Piece::Trailers, true);
                }
            }
            Some(1) => {
                side.hold = if headers_held { Hold::HeadersOnly } else { Hold::Buffer };
                side.held = seen;
                let over = side.held.len() > self.buffer_limit;
                if over {
                    self.too_large(direction);
                }
            }
            Some(2) => {
                side.hold = if headers_held { Hold::HeadersOnly } else { Hold::Watermark };
                side.held.extend_from_slice(&seen);
            }
            Some(_) => side.hold = if headers_held { Hold::HeadersOnly } else { Hold::Drop },
        }
        self.resume_if_asked(index, &returned.actions);
    }

    fn trailers(&mut self, direction: Direction, index: usize) {
        let count = self.map_len(direction, true);
        let callback = match direction {
            Direction::Request => Callback::RequestTrailers { count },
            Direction::Response => Callback::ResponseTrailers { count },
        };
        self.see(direction, index, trailers_of, true);
        let Some(side) = self.state.side(direction, index) else { return };
        let reachable = side.buffering.then(|| std::mem::take(&mut side.held));
        if let Some(body) = reachable {
            message_of(&mut lock(&self.state.exchange), direction).body = body;
        }
        let Some(returned) = self.call(direction, index, callback) else { return };
        let body = std::mem::take(&mut message_of(&mut lock(&self.state.exchange), direction).body);
        let Some(side) = self.state.side(direction, index) else { return };
        if side.buffering {
            side.held = body;
        }
        if matches!(returned.word, None | Some(0)) {
            let headers_held = side.hold == Hold::HeadersOnly;
            self.see(direction, index, trailers_of, false);
            if headers_held {
                self.see(direction, index, headers_of, false);
                self.pass_on(direction, index, Piece::Headers, false);
            }
            self.release(direction, index, true);
        } else {
            side.hold = Hold::Trailers;
            side.trailers_wait = true;
        }
        self.resume_if_asked(index, &returned.actions);
    }

    /// Continues a message that this filter holds (rules `BODY-2`, `BODY-9`).
    fn resume(&mut self, direction: Direction, index: usize) {
        self.forget_request(index);
        let Some(side) = self.state.side(direction, index) else { return };
        match std::mem::take(&mut side.hold) {
            Hold::No => {}
            Hold::Headers => {
                let (held, trailers) = (std::mem::take(&mut side.held), std::mem::take(&mut side.trailers_wait));
                let (ended, empty) = (side.ended, held.is_empty());
                self.pass_on(direction, index, Piece::Headers, ended && empty && !trailers);
                if !empty {
                    self.data(direction, index, &held, ended && !trailers);
                }
                if trailers {
                    self.trailers(direction, index);
                }
            }
            Hold::HeadersOnly => {
                let (trailers, ended, empty) = (side.trailers_wait, side.ended, side.held.is_empty());
                self.pass_on(direction, index, Piece::Headers, ended && empty && !trailers);
                if !empty || trailers {
                    self.release(direction, index, trailers);
                }
            }
            Hold::Buffer | Hold::Watermark | Hold::Drop | Hold::Trailers => {
                let trailers = std::mem::take(&mut side.trailers_wait);
                self.release(direction, index, trailers);
            }
        }
    }

    /// Continuing either direction makes the request's maps and body unreachable, and never the response's (rule `HDR-2`).
    fn forget_request(&mut self, index: usize) {
        if let Some(filter) = self.state.filters.get(index) {
            self.vms.see(filter.handle.vm, filter.id, |visible| {
                (visible.request_headers, visible.request_body, visible.request_trailers) = (false, false, false);
            });
        }
    }

    /// Lets go what is held of the body, and the trailers behind it.
    fn release(&mut self, direction: Direction, index: usize, trailers: bool) {
        let Some(side) = self.state.side(direction, index) else { return };
        let (held, ended) = (std::mem::take(&mut side.held), side.ended);
        side.hold = Hold::No;
        if !held.is_empty() || (ended && !trailers) {
            self.pass_on(direction, index, Piece::Data(held), ended && !trailers);
        }
        if trailers {
            self.pass_on(direction, index, Piece::Trailers, true);
        }
    }

    fn pass_on(&mut self, direction: Direction, index: usize, piece: Piece, end: bool) {
        let place = self.state.place(direction, index);
        self.deliver(direction, place + 1, piece, end);
    }

    fn resume_if_asked(&mut self, index: usize, actions: &[Action]) {
        for action in actions {
            match action {
                Action::ContinueRequest(_) => self.resume(Direction::Request, index),
                Action::ContinueResponse(_) => self.resume(Direction::Response, index),
                Action::Close(_) | Action::Reply(..) => {}
            }
        }
    }

    /// Buffering beyond the limit ends the stream (rule `BODY-6`).
    fn too_large(&mut self, direction: Direction) {
        let (status, body, details) = match direction {
            Direction::Request => (413, "Payload Too Large", "request_payload_too_large"),
            Direction::Response => (500, "Internal Server Error", "response_payload_too_large"),
        };
        self.state.end_by(Ending::Reply(LocalReply {
            status,
            details: details.to_owned(),
            headers: Vec::new(),
            body: body.into(),
            grpc_status: None,
        }));
    }

    /// Tells the VM of the stream (rule `LIFE-8`).
    fn create(&mut self, index: usize) {
        let Some(filter) = self.state.filters.get_mut(index) else { return };
        if self.vms.failed(filter.handle.vm) {
            return;
        }
        filter.created = true;
        let callback = Callback::ContextCreate { parent: filter.handle.root };
        self.call(Direction::Request, index, callback);
    }

    /// Calls a filter; nothing when the stream ends here. A response passes a filter that never saw the request, and one
    /// whose VM has died (rules `LIFE-8`, `FAIL-4`).
    fn call(&mut self, direction: Direction, index: usize, callback: Callback) -> Option<Returned> {
        let filter = self.state.filters.get_mut(index)?;
        let failed = self.vms.failed(filter.handle.vm);
        if direction == Direction::Response && (!filter.created || failed) {
            return Some(Returned { word: None, actions: Vec::new() });
        }
        if failed {
            self.state.end_by(Ending::Reply(LocalReply::failed_stream()));
            return None;
        }
        let Ok(returned) = self.vms.call(filter.handle.vm, filter.id, callback) else {
            self.state.end_by(Ending::Reply(LocalReply::failed_stream()));
            return None;
        };
        for action in &returned.actions {
            match action {
                Action::Reply(_, reply) => self.state.end_by(Ending::Reply(reply.clone())),
                Action::Close(_) => self.state.end_by(Ending::Reset),
                Action::ContinueRequest(_) | Action::ContinueResponse(_) => {}
            }
        }
        if self.state.ending.is_some() { None } else { Some(returned) }
    }

    fn see(
        &mut self,
        direction: Direction,
        index: usize,
        which: impl FnOnce(&mut Visible) -> (&mut bool, &mut bool),
        seen: bool,
    ) {
        let Some(filter) = self.state.filters.get(index) else { return };
        self.vms.see(filter.handle.vm, filter.id, |visible| {
            let (request, response) = which(visible);
            *(if direction == Direction::Request { request } else { response }) = seen;
        });
    }

    fn map_len(&self, direction: Direction, trailers: bool) -> u32 {
        let mut exchange = lock(&self.state.exchange);
        let message = message_of(&mut exchange, direction);
        let map = if trailers { &message.trailers } else { &message.headers };
        map.as_ref().map_or(0, |map| u32::try_from(map.len()).unwrap_or(u32::MAX))
    }
}

fn headers_of(visible: &mut Visible) -> (&mut bool, &mut bool) {
    (&mut visible.request_headers, &mut visible.response_headers)
}

fn body_of(visible: &mut Visible) -> (&mut bool, &mut bool) {
    (&mut visible.request_body, &mut visible.response_body)
}

fn end_of(visible: &mut Visible) -> (&mut bool, &mut bool) {
    (&mut visible.request_end, &mut visible.response_end)
}

fn trailers_of(visible: &mut Visible) -> (&mut bool, &mut bool) {
    (&mut visible.request_trailers, &mut visible.response_trailers)
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
