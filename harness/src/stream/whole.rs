//! Whole messages: what most tests need, and the gateway.

use super::proxy::{Proxy, StreamKey};
use super::side::Direction;
use super::state::Out;
use super::{Frame, WireMessage};
use crate::cost::Cost;

/// A request and its response on their way through the filters of one worker.
#[derive(Debug)]
pub struct Stream<'p> {
    proxy: &'p mut Proxy,
    whole: Whole,
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
    /// A filter holds it. In a proxy it would wait for a callout's answer, a timer, or a timeout (rule `BODY-7`).
    Stuck,
}

/// A stream whose messages are sent and collected as wholes, without a hold on the proxy.
#[derive(Debug)]
pub(crate) struct Whole {
    key: StreamKey,
    collector: Collector,
}

/// Puts together what comes out of the chain.
#[derive(Debug, Default)]
pub(super) struct Collector {
    request: Collected,
    response: Collected,
    reset: bool,
}

#[derive(Debug, Default)]
struct Collected {
    message: WireMessage,
    ended: bool,
}

impl<'p> Stream<'p> {
    pub(super) fn new(proxy: &'p mut Proxy, key: StreamKey) -> Self {
        Self { proxy, whole: Whole::new(key) }
    }

    /// Takes the request through the chain.
    pub fn request(&mut self, message: WireMessage) -> Passed {
        self.whole.send(self.proxy, Direction::Request, message);
        self.whole.passed(self.proxy, Direction::Request)
    }

    /// Takes the response back through the chain, last filter first.
    pub fn response(&mut self, message: WireMessage) -> Passed {
        self.whole.send(self.proxy, Direction::Response, message);
        self.whole.passed(self.proxy, Direction::Response)
    }

    /// Ends the stream: log, done, delete (rule `LIFE-9`). Says what the stream has cost.
    pub fn close(self) -> Cost {
        self.proxy.close(self.whole.key)
    }

    /// What has been stored for access logs under `wasm.<name>`.
    #[must_use]
    pub fn filter_state(&self, name: &str) -> Option<Vec<u8>> {
        self.proxy.filter_state(self.whole.key, name)
    }
}

impl Whole {
    pub(crate) fn new(key: StreamKey) -> Self {
        Self { key, collector: Collector::default() }
    }

    pub(crate) fn send(&mut self, proxy: &mut Proxy, direction: Direction, message: WireMessage) {
        self.send_frames(proxy, direction, message.into_frames());
    }

    /// Sends a part of a message.
    pub(crate) fn send_frames(
        &mut self,
        proxy: &mut Proxy,
        direction: Direction,
        frames: impl IntoIterator<Item = (Frame, bool)>,
    ) {
        for (frame, end) in frames {
            proxy.send(self.key, direction, frame, end);
        }
    }

    /// What has become of the message that was sent in this direction, so far.
    pub(crate) fn passed(&mut self, proxy: &mut Proxy, direction: Direction) -> Passed {
        let (out, replied) = (proxy.take_out(self.key), proxy.replied(self.key));
        self.collector.passed(out, replied, direction)
    }
}

impl Collector {
    pub(super) fn passed(&mut self, out: Vec<Out>, replied: bool, direction: Direction) -> Passed {
        for out in out {
            match out {
                Out::Request(frame, end) => self.request.add(frame, end),
                Out::Response(frame, end) => self.response.add(frame, end),
                Out::Reset => self.reset = true,
            }
        }
        if self.reset {
            return Passed::Reset;
        }
        match (direction, replied) {
            (_, true) => self.response.take().map_or(Passed::Stuck, Passed::Replied),
            (Direction::Request, false) => self.request.take().map_or(Passed::Stuck, Passed::On),
            (Direction::Response, false) => self.response.take().map_or(Passed::Stuck, Passed::On),
        }
    }
}

impl Collected {
    fn add(&mut self, frame: Frame, end: bool) {
        match frame {
            Frame::Headers(headers) => self.message.headers = headers,
            Frame::Data(data) if data.is_empty() => {}
            Frame::Data(data) => self.message.chunks.push(data),
            Frame::Trailers(trailers) => self.message.trailers = Some(trailers),
        }
        self.ended |= end;
    }

    /// The message, when all of it is there.
    fn take(&mut self) -> Option<WireMessage> {
        self.ended.then(|| std::mem::take(&mut self.message))
    }
}
