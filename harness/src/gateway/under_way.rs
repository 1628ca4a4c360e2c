//! One stream on the thread of the filters: what goes into the chain, and where what leaves it goes.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::flow::Flows;
use super::worker::{Event, Events};
use crate::stream::{Direction, Frame, Out, Proxy, StreamKey};

/// Where what leaves the chain goes.
#[derive(Debug)]
pub(super) struct Sinks {
    upstream: mpsc::UnboundedSender<Event>,
    pub(super) client: mpsc::UnboundedSender<Event>,
    pub(super) flows: Arc<Flows>,
}

/// A stream with its sinks.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) key: StreamKey,
    sinks: Sinks,
    request: Progress,
    response: Progress,
}

/// How far a message has come.
#[derive(Debug, Default)]
struct Progress {
    /// Something of it has come to the chain.
    came: bool,
    /// All of it has.
    came_whole: bool,
    /// Something of it has left the chain.
    left: bool,
    /// All of it has.
    left_whole: bool,
}

impl Sinks {
    /// With the ends for the upstream's side and the client's.
    pub(super) fn new() -> (Self, Events, Events) {
        let (upstream, to_upstream) = mpsc::unbounded_channel();
        let (client, to_client) = mpsc::unbounded_channel();
        (Self { upstream, client, flows: Flows::new() }, to_upstream, to_client)
    }

    fn send(&self, direction: Direction, event: Event) {
        if let Event::Piece(Frame::Data(data), _) = &event {
            self.flows.add(direction, data.len());
        }
        self.flows.touch();
        // Who no longer listens closes the stream next.
        let _ = match direction {
            Direction::Request => self.upstream.send(event),
            Direction::Response => self.client.send(event),
        };
    }
}

impl UnderWay {
    pub(super) fn new(key: StreamKey, sinks: Sinks) -> Self {
        let (request, response) = Default::default();
        Self { key, sinks, request, response }
    }

    /// Hands a piece to the chain.
    pub(super) fn send(&mut self, proxy: &mut Proxy, direction: Direction, frame: Frame, end: bool) {
        let bytes = if let Frame::Data(data) = &frame { data.len() } else { 0 };
        let progress = self.progress(direction);
        progress.came = true;
        progress.came_whole |= end;
        proxy.send(self.key, direction, frame, end);
        self.sinks.flows.take(direction, bytes);
    }

    /// Hands on what has left the chain; says whether the answer is whole, or broken off.
    pub(super) fn pass_on(&mut self, proxy: &Proxy, out: Vec<Out>) -> bool {
        let mut over = false;
        for out in out {
            let (direction, frame, end) = match out {
                Out::Request(frame, end) => (Direction::Request, frame, end),
                Out::Response(frame, end) => (Direction::Response, frame, end),
                Out::Reset => {
                    self.reset();
                    return true;
                }
            };
            let progress = self.progress(direction);
            progress.left = true;
            progress.left_whole |= end;
            over |= end && direction == Direction::Response;
            self.sinks.send(direction, Event::Piece(frame, end));
        }
        self.note_held(proxy);
        over
    }

    /// Whether nothing can make this stream go on (rule `BODY-7`).
    pub(super) fn is_stuck(&self, proxy: &Proxy) -> bool {
        let held = self.note_held(proxy);
        if proxy.is_waiting() {
            return false;
        }
        let replied = proxy.replied(self.key);
        let held_whole = |progress: &Progress| progress.came_whole && !progress.left_whole;
        // A request of which the upstream has something may be answered as it is.
        let request = !replied && !self.response.came && !self.request.left && (held_whole(&self.request) || held.0);
        let response = (replied && !self.response.left_whole) || held_whole(&self.response) || held.1;
        request || response
    }

    /// Tells the client that the answer is broken off.
    pub(super) fn reset(&self) {
        self.sinks.send(Direction::Response, Event::Reset);
    }

    /// Tells the client that the filters hold the message for good.
    pub(super) fn stuck(&self) {
        self.sinks.send(Direction::Response, Event::Stuck);
    }

    /// Who reads must wait while filters hold more than the proxy's limit.
    fn note_held(&self, proxy: &Proxy) -> (bool, bool) {
        let note = |direction| {
            let too_much = proxy.held(self.key, direction) > proxy.buffer_limit();
            self.sinks.flows.set_held(direction, too_much);
            too_much
        };
        (note(Direction::Request), note(Direction::Response))
    }

    fn progress(&mut self, direction: Direction) -> &mut Progress {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }
}
