//! The thread on which filters run.
//!
//! A call into a guest blocks, so no filter runs on the thread that serves connections. Pieces of messages come in as jobs
//! and leave through the channels of their stream. Any number of streams can be under way: one that waits for its upstream,
//! its client, a callout or a timer holds up no other.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::flow::Flows;
use super::under_way::{Sinks, UnderWay};
use crate::context::{Attributes, GrpcWhat, HeaderMap, LocalReply};
use crate::stream::{
    Callout, CalloutAnswer, CalloutId, Direction, FilterSpec, Frame, GrpcAnswer, GrpcEvent, GrpcId, LoadError, Proxy,
    StreamKey,
};

/// Hands jobs to the thread, which ends when the last of these is dropped.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    jobs: Sender<Job>,
    next: Arc<AtomicU64>,
    streams: Arc<AtomicUsize>,
}

/// A stream that the filters have.
#[derive(Debug)]
pub(super) struct Handle {
    id: u64,
    jobs: Sender<Job>,
    pub(super) flows: Arc<Flows>,
}

/// What leaves the chain in one direction of a stream. The channel ends when the stream does.
#[derive(Debug)]
pub(super) enum Event {
    /// A piece of the message; the flag says that it is the last.
    Piece(Frame, bool),
    /// The message is broken off.
    Reset,
    /// A filter holds the message, and nothing is left that could make it go on.
    Stuck,
}

/// The channel of one direction.
pub(super) type Events = mpsc::UnboundedReceiver<Event>;

/// Where the filters' own requests come out.
pub(super) type Callouts = mpsc::UnboundedReceiver<Callout>;

/// Where their gRPC calls and streams do.
pub(super) type Grpc = mpsc::UnboundedReceiver<GrpcEvent>;

#[derive(Debug)]
enum Job {
    Open {
        id: u64,
        opening: Box<Opening>,
    },
    Frame {
        id: u64,
        direction: Direction,
        frame: Frame,
        end: bool,
    },
    Reply {
        id: u64,
        reply: LocalReply,
    },
    /// The stream is broken off, and its client hears it.
    Reset {
        id: u64,
    },
    Close {
        id: u64,
    },
    Answer {
        callout: CalloutId,
        answer: CalloutAnswer,
    },
    Grpc {
        id: GrpcId,
        answer: GrpcAnswer,
        /// Nothing follows.
        last: bool,
        done: oneshot::Sender<bool>,
    },
    Reload {
        filters: Vec<FilterSpec>,
        done: Sender<Result<(), LoadError>>,
    },
}

/// A stream's beginning.
#[derive(Debug)]
pub(super) struct Opening {
    /// Which of the proxy's workers gets it.
    pub worker: usize,
    pub attributes: Attributes,
    pub headers: HeaderMap,
    /// There is no body.
    pub end: bool,
    pub sinks: Sinks,
}

/// Which streams a job may have brought to a standstill.
enum Touched {
    Nothing,
    One(u64),
    All,
}

/// The thread's side.
struct Filters {
    proxy: Proxy,
    streams: HashMap<u64, UnderWay>,
    ids: HashMap<StreamKey, u64>,
    count: Arc<AtomicUsize>,
    callouts: mpsc::UnboundedSender<Callout>,
    grpc: mpsc::UnboundedSender<GrpcEvent>,
    /// The calls and streams that something can still come for.
    open_grpc: HashSet<GrpcId>,
}

impl Worker {
    /// Starts the thread. The receivers have the filters' own requests; the last one hears when the thread has ended.
    pub(super) fn start(proxy: Proxy) -> std::io::Result<(Self, (Callouts, Grpc), oneshot::Receiver<Infallible>)> {
        let (jobs, incoming) = channel();
        let (alive, ended) = oneshot::channel();
        let (callouts, outgoing) = mpsc::unbounded_channel();
        let (grpc, outgoing_grpc) = mpsc::unbounded_channel();
        let streams = Arc::new(AtomicUsize::new(0));
        let count = streams.clone();
        std::thread::Builder::new().name("filters".to_owned()).spawn(move || {
            let _alive = alive;
            Filters {
                proxy,
                streams: HashMap::new(),
                ids: HashMap::new(),
                count,
                callouts,
                grpc,
                open_grpc: HashSet::new(),
            }
            .run(&incoming);
        })?;
        Ok((Self { jobs, next: Arc::default(), streams }, (outgoing, outgoing_grpc), ended))
    }

    /// Begins a stream; what leaves the chain goes to the opening's sinks. A thread that is gone drops them.
    pub(super) fn open(&self, opening: Opening) -> Handle {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let flows = opening.sinks.flows.clone();
        let handle = Handle { id, jobs: self.jobs.clone(), flows };
        handle.tell(Job::Open { id, opening: Box::new(opening) });
        handle
    }

    /// Hands over what came for a callout.
    pub(super) fn answer(&self, callout: CalloutId, answer: CalloutAnswer) {
        let _ = self.jobs.send(Job::Answer { callout, answer });
    }

    /// Hands over something for a gRPC stream, and waits until the filter has it. Says whether it still wants more.
    pub(super) async fn answer_grpc(&self, id: GrpcId, answer: GrpcAnswer) -> bool {
        let (done, delivered) = oneshot::channel();
        let _ = self.jobs.send(Job::Grpc { id, answer, last: false, done });
        delivered.await.unwrap_or(false)
    }

    /// Hands over the last of a gRPC call or stream.
    pub(super) fn end_grpc(&self, id: GrpcId, answer: GrpcAnswer) {
        let _ = self.jobs.send(Job::Grpc { id, answer, last: true, done: oneshot::channel().0 });
    }

    /// Takes over a new chain; blocks until it is in force or refused.
    pub(super) fn reload(&self, filters: Vec<FilterSpec>) -> Option<Result<(), LoadError>> {
        let (done, outcome) = channel();
        self.jobs.send(Job::Reload { filters, done }).ok()?;
        outcome.recv().ok()
    }

    /// How many streams the filters have.
    pub(super) fn streams(&self) -> usize {
        self.streams.load(Ordering::Acquire)
    }
}

impl Handle {
    /// Hands a piece of a message to the filters; with `end` it is the message's last.
    pub(super) fn send(&self, direction: Direction, frame: Frame, end: bool) {
        if let Frame::Data(data) = &frame {
            self.flows.add(direction, data.len());
        }
        self.tell(Job::Frame { id: self.id, direction, frame, end });
    }

    /// Answers in place of the upstream; the filters see it.
    pub(super) fn reply(&self, reply: LocalReply) {
        self.tell(Job::Reply { id: self.id, reply });
    }

    /// Breaks the stream off.
    pub(super) fn reset(&self) {
        self.tell(Job::Reset { id: self.id });
    }

    /// The client has gone, or has everything. A second time does nothing.
    pub(super) fn close(&self) {
        self.tell(Job::Close { id: self.id });
    }

    fn tell(&self, job: Job) {
        // A thread that is gone needs to hear nothing; the stream's channels have ended with it.
        let _ = self.jobs.send(job);
    }
}

impl Filters {
    fn run(&mut self, incoming: &Receiver<Job>) {
        loop {
            let job = match self.proxy.due_in() {
                Some(wait) => incoming.recv_timeout(wait),
                None => incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let touched = match job {
                Ok(job) => self.take(job),
                Err(RecvTimeoutError::Timeout) => Touched::All,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.proxy.advance(Duration::ZERO);
            self.requests_of_filters();
            self.pass_on();
            self.give_up(&touched);
        }
    }

    fn take(&mut self, job: Job) -> Touched {
        match job {
            // The client left while the request was waiting: no filter has to see it.
            Job::Open { opening, .. } if opening.sinks.client.is_closed() => Touched::Nothing,
            Job::Open { id, opening } => {
                let Opening { worker, attributes, headers, end, sinks } = *opening;
                let key = self.proxy.open_on(worker, attributes);
                self.ids.insert(key, id);
                let mut stream = UnderWay::new(key, sinks);
                stream.send(&mut self.proxy, Direction::Request, Frame::Headers(headers), end);
                self.streams.insert(id, stream);
                self.count.store(self.streams.len(), Ordering::Release);
                Touched::One(id)
            }
            Job::Frame { id, direction, frame, end } => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.send(&mut self.proxy, direction, frame, end);
                }
                Touched::One(id)
            }
            Job::Reply { id, reply } => {
                if let Some(stream) = self.streams.get(&id) {
                    self.proxy.reply(stream.key, reply);
                }
                Touched::One(id)
            }
            Job::Reset { id } => {
                if let Some(stream) = self.streams.get(&id) {
                    stream.reset();
                }
                self.close(id);
                Touched::Nothing
            }
            Job::Close { id } => {
                self.close(id);
                Touched::Nothing
            }
            Job::Answer { callout, answer } => {
                self.proxy.answer(callout, answer);
                Touched::All
            }
            Job::Grpc { id, answer, last, done } => {
                let delivered = self.proxy.answer_grpc(id, answer);
                if last || !delivered {
                    self.open_grpc.remove(&id);
                }
                // Whoever has sent it may not have waited.
                let _ = done.send(delivered);
                Touched::All
            }
            Job::Reload { filters, done } => {
                // Whoever asked may have left.
                let _ = done.send(self.proxy.reload(&filters));
                Touched::Nothing
            }
        }
    }

    /// Sends the filters' own requests out.
    fn requests_of_filters(&mut self) {
        for callout in self.proxy.take_callouts() {
            // The other side goes only when the gateway stops.
            let _ = self.callouts.send(callout);
        }
        for event in self.proxy.take_grpc() {
            match &event.what {
                GrpcWhat::Call { .. } | GrpcWhat::Stream { .. } => drop(self.open_grpc.insert(event.id)),
                GrpcWhat::Cancel => drop(self.open_grpc.remove(&event.id)),
                GrpcWhat::Send { .. } | GrpcWhat::Close => {}
            }
            let _ = self.grpc.send(event);
        }
    }

    /// Hands on what has left the chain, of whichever stream, and closes the streams whose answer is whole.
    fn pass_on(&mut self) {
        // Closing a stream runs guests, which may set other streams going.
        loop {
            let ready = self.proxy.ready();
            if ready.is_empty() {
                return;
            }
            for key in ready {
                let out = self.proxy.take_out(key);
                let Some(id) = self.ids.get(&key).copied() else { continue };
                let Some(stream) = self.streams.get_mut(&id) else { continue };
                if stream.pass_on(&self.proxy, out) {
                    self.close(id);
                }
            }
        }
    }

    /// Gives streams up that nothing can make go on (rule `BODY-7`).
    fn give_up(&mut self, touched: &Touched) {
        let ids = match touched {
            Touched::Nothing => return,
            Touched::One(id) => vec![*id],
            Touched::All if self.proxy.is_waiting() || !self.open_grpc.is_empty() => return,
            Touched::All => self.streams.keys().copied().collect(),
        };
        for id in ids {
            if let Some(stream) = self.streams.get(&id)
                && stream.is_stuck(&self.proxy)
            {
                stream.stuck();
                self.close(id);
            }
        }
    }

    fn close(&mut self, id: u64) {
        if let Some(stream) = self.streams.remove(&id) {
            self.ids.remove(&stream.key);
            self.proxy.close(stream.key);
            self.count.store(self.streams.len(), Ordering::Release);
        }
    }
}
