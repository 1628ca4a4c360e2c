//! One step of a stream: something comes in, or a guest has asked for something; answers that the proxy makes itself.

use super::iterate::Piece;
use super::reply;
use super::side::Direction;
use super::state::{Out, StreamState};
use super::vms::Vms;
use super::{Frame, WireMessage};
use crate::context::{Action, Exchange, HeaderMap, LocalReply, Message, lock};

/// A stream with the VMs of its thread, for the time of one step.
pub(super) struct Run<'t> {
    pub vms: &'t mut Vms,
    pub state: &'t mut StreamState,
    pub buffer_limit: usize,
}

impl Run<'_> {
    /// A frame comes in from outside.
    pub(super) fn send(&mut self, direction: Direction, frame: Frame, end: bool) {
        // An answer that the proxy made is the only one.
        if self.state.over || self.state.replied {
            return;
        }
        // An interim response is the proxy's own business (rule HDR-15).
        if let (Direction::Response, Frame::Headers(headers)) = (direction, &frame)
            && is_interim(headers)
        {
            return;
        }
        self.state.lane(direction).ended |= end;
        {
            let mut exchange = lock(&self.state.exchange);
            match direction {
                Direction::Request => exchange.progress.request_ended |= end,
                Direction::Response if end => exchange.progress.upstream_ended(self.vms.clock().elapsed()),
                Direction::Response => {}
            }
        }
        match frame {
            Frame::Headers(headers) => {
                {
                    let mut exchange = lock(&self.state.exchange);
                    if direction == Direction::Response {
                        self.state.response_begun = true;
                        exchange.attributes.response_code = status_code(&headers);
                        exchange.attributes.response_code_details = Some("via_upstream".into());
                        exchange.progress.upstream_connected = true;
                    }
                    message_of(&mut exchange, direction).headers = Some(headers);
                }
                self.headers(direction, None, end);
            }
            Frame::Data(data) => {
                if direction == Direction::Request {
                    lock(&self.state.exchange).attributes.request_bytes += data.len() as u64;
                }
                self.data(direction, None, Piece::Fresh(data), end);
            }
            Frame::Trailers(trailers) => {
                message_of(&mut lock(&self.state.exchange), direction).trailers = Some(trailers.into_trailers());
                self.trailers(direction, None);
            }
        }
    }

    /// Does what a guest asked for about this stream from elsewhere: a callout's handler, another stream's call.
    pub(super) fn act(&mut self, index: usize, action: Action) {
        if !self.state.over {
            self.act_on(index, action);
        }
    }

    pub(super) fn reset(&mut self) {
        if !std::mem::replace(&mut self.state.over, true) {
            let mut exchange = lock(&self.state.exchange);
            exchange.attributes.response_code_details.get_or_insert("wasm_close_stream".into());
            drop(exchange);
            self.state.out.push(Out::Reset);
        }
        self.tell();
    }

    /// The stream is over: the filters hear of it at once, before the result of a callback counts that has ended it.
    pub(super) fn tell(&mut self) {
        self.state.over = true;
        if !std::mem::replace(&mut self.state.told, true) {
            self.log();
            self.forget();
        }
    }

    /// A filter answers. Of several answers the first counts (rule `LR-8`).
    pub(super) fn reply(&mut self, index: usize, reply: LocalReply) {
        let Some(filter) = self.state.filters.get_mut(index) else { return };
        if !std::mem::replace(&mut filter.replied, true) {
            self.local_reply(reply);
        }
    }

    /// The proxy answers itself. While callbacks run, their message stops; the answer waits until they have returned.
    pub(super) fn local_reply(&mut self, reply: LocalReply) {
        if self.state.over {
            return;
        }
        let calling =
            [Direction::Request, Direction::Response].into_iter().find(|way| self.state.lane(*way).calling > 0);
        if let Some(direction) = calling {
            self.state.lane(direction).aborted = true;
        }
        if self.state.response_sent {
            // Headers that are on their way cannot be taken back (rule LR-7).
            lock(&self.state.exchange).attributes.response_code_details = Some(reply.details.into());
            self.reset();
        } else if self.state.response_begun {
            self.reply_directly(&reply);
        } else if calling == Some(Direction::Request) {
            lock(&self.state.exchange).attributes.response_code = Some(u64::from(reply.status & 0xffff));
            self.state.prepared = Some(reply);
        } else {
            self.reply_through_the_chain(&reply);
        }
    }

    pub(super) fn reply_if_prepared(&mut self) {
        if let Some(reply) = self.state.prepared.take() {
            self.reply_through_the_chain(&reply);
        }
    }

    /// A local reply before the response goes back through the whole chain, the filter that sent it included (rule `LR-6`).
    fn reply_through_the_chain(&mut self, reply: &LocalReply) {
        self.state.replied = true;
        self.state.response_begun = true;
        let WireMessage { headers, mut chunks, .. } = self.response(reply);
        lock(&self.state.exchange).response.headers = Some(headers);
        let body = chunks.pop();
        self.state.lane(Direction::Response).ended |= body.is_none();
        self.headers(Direction::Response, None, body.is_none());
        if let Some(body) = body {
            self.state.lane(Direction::Response).ended = true;
            self.data(Direction::Response, None, Piece::Fresh(body), true);
        }
    }

    /// A local reply in place of a response that was under way bypasses the filters (rule `LR-7`).
    fn reply_directly(&mut self, reply: &LocalReply) {
        self.state.replied = true;
        let WireMessage { headers, mut chunks, .. } = self.response(reply);
        lock(&self.state.exchange).response.headers = Some(headers.clone());
        let body = chunks.pop();
        self.leaves(Direction::Response, Frame::Headers(headers), body.is_none());
        if let Some(body) = body {
            self.leaves(Direction::Response, Frame::Data(body), true);
        }
        self.state.lane(Direction::Response).complete = true;
        self.state.over = true;
    }

    /// Its status is known before the response is seen (rule `PROP-5`).
    fn response(&self, reply: &LocalReply) -> WireMessage {
        let mut exchange = lock(&self.state.exchange);
        exchange.attributes.response_code_details = Some(reply.details.clone().into());
        exchange.attributes.response_code = Some(u64::from(reply.status & 0xffff));
        reply::response(reply, exchange.request.headers.as_ref())
    }

    /// A frame leaves the chain; what the proxy knows of the stream changes with it.
    pub(super) fn leaves(&mut self, direction: Direction, frame: Frame, end: bool) {
        let mut exchange = lock(&self.state.exchange);
        match (direction, &frame) {
            (Direction::Response, Frame::Headers(headers)) => {
                self.state.response_sent = true;
                exchange.attributes.response_code = status_code(headers);
                exchange.response_leaves(self.vms.clock());
            }
            (Direction::Response, Frame::Data(data)) => exchange.progress.response_bytes += data.len() as u64,
            (Direction::Request, Frame::Headers(_)) => {
                exchange.progress.upstream_chosen = Some(self.vms.clock().elapsed());
            }
            _ => {}
        }
        drop(exchange);
        self.state.out.push(match direction {
            Direction::Request => Out::Request(frame, end),
            Direction::Response => Out::Response(frame, end),
        });
    }

    /// Buffering beyond the limit ends the stream (rule `BODY-6`).
    pub(super) fn too_large(&mut self, direction: Direction) {
        let (status, body, details) = match direction {
            Direction::Request => (413, "Payload Too Large", "request_payload_too_large"),
            Direction::Response => (500, "Internal Server Error", "response_payload_too_large"),
        };
        self.local_reply(LocalReply {
            status,
            details: details.to_owned(),
            headers: Vec::new(),
            body: body.into(),
            grpc_status: None,
        });
    }
}

pub(super) fn message_of(exchange: &mut Exchange, direction: Direction) -> &mut Message {
    match direction {
        Direction::Request => &mut exchange.request,
        Direction::Response => &mut exchange.response,
    }
}

fn is_interim(headers: &HeaderMap) -> bool {
    status_code(headers).is_some_and(|status| (100..200).contains(&status) && status != 101)
}

fn status_code(headers: &HeaderMap) -> Option<u64> {
    std::str::from_utf8(headers.get(b":status")?).ok()?.parse().ok()
}
