//! A body on its way out of the filters, as hyper fetches it: piece by piece, when the other side takes more.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame as HttpFrame, SizeHint};
use tokio::sync::Notify;

use super::connection::Ongoing;
use super::exchange::Guard;
use super::flow::Flows;
use super::framing::Length;
use super::message::{self, Unsendable};
use super::worker::{Event, Events};
use crate::stream::{Direction, Frame};

/// The rest of a message whose head has been sent. Dropping it says that nobody wants more.
#[derive(Debug)]
pub(super) struct Outgoing {
    from: Source,
    length: Length,
    trailers: bool,
    ended: bool,
    /// Why the body is broken off, once what came before is on its way.
    breaks: Option<Unsendable>,
    outcome: Arc<Outcome>,
    /// Ends the exchange when the client has everything, or has gone.
    guard: Option<Guard>,
    /// Its connection is not idle.
    ongoing: Option<Ongoing>,
}

#[derive(Debug)]
enum Source {
    /// What leaves the filters in one direction of a stream.
    Filters { events: Events, flows: Arc<Flows>, direction: Direction },
    /// The gateway's own words.
    Text(Bytes),
}

/// What became of a body, for whoever sent its head.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    sent: Notify,
    problem: OnceLock<Unsendable>,
}

/// A body that is broken off: what it was about is in its [`Outcome`].
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub(super) struct Broken(#[from] Unsendable);

impl Outgoing {
    /// The body behind a head that has come out of the filters; with `end` there is none.
    pub(super) fn new(
        (events, flows, direction): (Events, Arc<Flows>, Direction),
        (length, end): (Length, bool),
        trailers: bool,
    ) -> Self {
        let outcome = Arc::new(Outcome::default());
        if end {
            outcome.sent.notify_one();
        }
        let from = Source::Filters { events, flows, direction };
        Self { from, length, trailers, ended: end, breaks: None, outcome, guard: None, ongoing: None }
    }

    /// A text of the gateway's own.
    pub(super) fn text(text: Bytes) -> Self {
        let (ended, outcome) = (text.is_empty(), Arc::default());
        Self {
            from: Source::Text(text),
            length: Length::Marked,
            trailers: false,
            ended,
            breaks: None,
            outcome,
            guard: None,
            ongoing: None,
        }
    }

    /// What must last as long as the body does.
    pub(super) fn guarded(mut self, guard: Guard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// The request of a connection that goes on until the body is gone.
    pub(super) fn lasting(mut self, ongoing: Ongoing) -> Self {
        self.ongoing = Some(ongoing);
        self
    }

    pub(super) fn outcome(&self) -> Arc<Outcome> {
        self.outcome.clone()
    }

    fn end(&mut self) -> Result<(), Unsendable> {
        self.ended = true;
        self.length.end()?;
        self.outcome.sent.notify_one();
        Ok(())
    }

    /// Takes an event up: a frame to send, or nothing yet.
    fn taken(&mut self, event: Option<Event>) -> Result<Option<HttpFrame<Bytes>>, Unsendable> {
        match event {
            Some(Event::Piece(Frame::Data(data), end)) => {
                if let Source::Filters { flows, direction, .. } = &self.from {
                    flows.take(*direction, data.len());
                }
                self.length.more(data.len())?;
                if end {
                    self.end()?;
                }
                let unwanted = data.is_empty() || self.length == Length::None;
                Ok((!unwanted).then(|| HttpFrame::data(Bytes::from(data))))
            }
            Some(Event::Piece(Frame::Trailers(trailers), _)) => {
                self.end()?;
                let trailers = message::trailers_out(&trailers);
                let wanted = self.trailers && self.length != Length::None && !trailers.is_empty();
                Ok(wanted.then(|| HttpFrame::trailers(trailers)))
            }
            Some(Event::Piece(Frame::Headers(_), _) | Event::Reset | Event::Stuck) | None => Err(Unsendable::BrokenOff),
        }
    }
}

impl Outcome {
    /// Waits until all of the body has been handed out.
    pub(super) async fn sent(&self) {
        self.sent.notified().await;
    }

    /// Why the body was broken off, if a filter has left it so that it cannot be sent.
    pub(super) fn problem(&self) -> Option<&Unsendable> {
        self.problem.get()
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<HttpFrame<Bytes>, Broken>>> {
        let this = &mut *self;
        loop {
            if let Some(problem) = this.breaks.take() {
                this.ended = true;
                return Poll::Ready(Some(Err(Broken(problem))));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            let event = match &mut this.from {
                Source::Text(text) => {
                    this.ended = true;
                    return Poll::Ready(Some(Ok(HttpFrame::data(std::mem::take(text)))));
                }
                Source::Filters { events, .. } => match events.poll_recv(context) {
                    Poll::Ready(event) => event,
                    Poll::Pending => return Poll::Pending,
                },
            };
            match this.taken(event) {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) => {}
                Err(problem) => {
                    if let Some(guard) = &this.guard {
                        guard.report(&problem);
                    }
                    let _ = this.outcome.problem.set(problem.clone());
                    // hyper writes what it has when there is nothing more, and throws it away at an error.
                    this.breaks = Some(problem);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        match &self.from {
            Source::Text(text) if !self.ended => SizeHint::with_exact(text.len() as u64),
            Source::Text(_) => SizeHint::with_exact(0),
            Source::Filters { .. } => SizeHint::default(),
        }
    }
}
