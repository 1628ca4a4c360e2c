//! The thread on which filters run.
//!
//! A call into a guest blocks, so no filter runs on the thread that serves connections. Any number of exchanges can be under
//! way: one that waits for its upstream, or for a timer of a filter, holds up no other.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::context::Attributes;
use crate::stream::{Direction, Passed, Proxy, StreamKey, Whole, WireMessage};

/// Hands exchanges to the thread, which ends when the last of these is dropped. There are never more of them than requests
/// under way, and the gateway bounds those.
#[derive(Debug, Clone)]
pub(super) struct Worker(Sender<Job>);

/// How far the request came.
#[derive(Debug)]
pub(super) enum Sent {
    /// Through all filters: the upstream is next.
    On(WireMessage, Return),
    /// No further.
    Ended(Passed),
}

/// The way back through the filters. Dropping it unused gives the exchange up.
#[derive(Debug)]
pub(super) struct Return {
    stream: Option<StreamKey>,
    jobs: Sender<Job>,
}

/// The thread has died.
#[derive(Debug)]
pub(super) struct Gone;

#[derive(Debug)]
enum Job {
    /// With the way by which its response comes back.
    Request {
        message: WireMessage,
        attributes: Attributes,
        sent: oneshot::Sender<Sent>,
        back: Sender<Job>,
    },
    Response {
        stream: StreamKey,
        message: WireMessage,
        passed: oneshot::Sender<Passed>,
    },
    Abandon(StreamKey),
}

/// The thread's side.
struct Filters {
    proxy: Proxy,
    streams: HashMap<StreamKey, (Whole, Waiting)>,
}

/// Who waits for a stream.
#[derive(Debug)]
enum Waiting {
    /// The client's side, for the request to come out, and the way back.
    Request(oneshot::Sender<Sent>, Sender<Job>),
    /// The client's side, for the response to come out.
    Response(oneshot::Sender<Passed>),
    /// The upstream has the request.
    Nobody,
}

impl Worker {
    /// Starts the thread. The receiver hears when it has ended.
    pub(super) fn start(proxy: Proxy) -> std::io::Result<(Self, oneshot::Receiver<Infallible>)> {
        let (jobs, incoming) = channel();
        let (alive, ended) = oneshot::channel();
        std::thread::Builder::new().name("filters".to_owned()).spawn(move || {
            let _alive = alive;
            Filters { proxy, streams: HashMap::new() }.run(&incoming);
        })?;
        Ok((Self(jobs), ended))
    }

    /// Takes a request through the filters. Dropping the future gives the exchange up.
    pub(super) async fn request(&self, message: WireMessage, attributes: Attributes) -> Result<Sent, Gone> {
        let (sent, outcome) = oneshot::channel();
        let back = self.0.clone();
        self.0.send(Job::Request { message, attributes, sent, back }).map_err(|_| Gone)?;
        outcome.await.map_err(|_| Gone)
    }
}

impl Filters {
    fn run(&mut self, incoming: &Receiver<Job>) {
        loop {
            let job = match self.proxy.due_in() {
                Some(wait) => incoming.recv_timeout(wait),
                None => incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match job {
                Ok(job) => self.take(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.proxy.advance(Duration::ZERO);
            self.tell();
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            // The client left while the request was waiting: no filter has to see it.
            Job::Request { sent, .. } if sent.is_closed() => {}
            Job::Request { message, attributes, sent, back } => {
                let mut whole = Whole::new(self.proxy.open_on(0, attributes));
                whole.send(&mut self.proxy, Direction::Request, message);
                self.streams.insert(whole.key(), (whole, Waiting::Request(sent, back)));
            }
            Job::Response { stream, message, passed } => {
                if let Some((whole, waiting)) = self.streams.get_mut(&stream) {
                    whole.send(&mut self.proxy, Direction::Response, message);
                    *waiting = Waiting::Response(passed);
                }
            }
            Job::Abandon(stream) => self.close(stream),
        }
    }

    /// Tells everybody who waits what has become of a stream.
    fn tell(&mut self) {
        for stream in self.streams.keys().copied().collect::<Vec<_>>() {
            self.tell_of(stream);
        }
    }

    fn tell_of(&mut self, stream: StreamKey) {
        // While a timer runs, a filter may yet let go what it holds.
        let hopeless = self.proxy.due_in().is_none();
        let Some((whole, waiting)) = self.streams.get_mut(&stream) else { return };
        let direction = match waiting {
            Waiting::Nobody => return,
            Waiting::Request(..) => Direction::Request,
            Waiting::Response(_) => Direction::Response,
        };
        let gone = match waiting {
            Waiting::Request(sent, _) => sent.is_closed(),
            Waiting::Response(passed) => passed.is_closed(),
            Waiting::Nobody => false,
        };
        if gone {
            return self.close(stream);
        }
        let passed = whole.passed(&mut self.proxy, direction);
        if passed == Passed::Stuck && !hopeless {
            return;
        }
        match (std::mem::replace(waiting, Waiting::Nobody), passed) {
            (Waiting::Request(sent, jobs), Passed::On(message)) => {
                // Dropped unsent, the way back says itself that the exchange is given up.
                let _ = sent.send(Sent::On(message, Return { stream: Some(stream), jobs }));
            }
            (Waiting::Request(sent, _), ended) => {
                let _ = sent.send(Sent::Ended(ended));
                self.close(stream);
            }
            (Waiting::Response(sender), passed) => {
                let _ = sender.send(passed);
                self.close(stream);
            }
            (Waiting::Nobody, _) => {}
        }
    }

    fn close(&mut self, stream: StreamKey) {
        if self.streams.remove(&stream).is_some() {
            self.proxy.close(stream);
        }
    }
}

impl Return {
    /// Takes the response back through the filters.
    pub(super) async fn response(mut self, message: WireMessage) -> Result<Passed, Gone> {
        let stream = self.stream.take().ok_or(Gone)?;
        let (passed, outcome) = oneshot::channel();
        self.jobs.send(Job::Response { stream, message, passed }).map_err(|_| Gone)?;
        outcome.await.map_err(|_| Gone)
    }
}

impl Drop for Return {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            // A thread that is gone needs to hear nothing.
            let _ = self.jobs.send(Job::Abandon(stream));
        }
    }
}
