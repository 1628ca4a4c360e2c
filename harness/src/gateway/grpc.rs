//! The filters' own gRPC calls and streams, really sent: HTTP/2 with prior knowledge.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::body::Outgoing;
use super::flow::Flows;
use super::message::{self, Protocol};
use super::pool::Pool;
use super::worker::{Event, Worker};
use crate::context::{GrpcTarget, GrpcWhat, HeaderMap, grpc_status};
use crate::grpc::{self, Messages, Unreadable};
use crate::stream::{Direction, Frame, GrpcAnswer, GrpcEvent, GrpcId};

/// How many calls and streams are open at a time. Above that one fails at once.
const OPEN: usize = 1024;

/// How many bytes of a message are taken.
const MESSAGE: usize = 32 << 20;

/// How many bytes of a filter's messages wait for a server that does not read. Above that the stream fails.
const WAITING: usize = 16 << 20;

/// How much longer than a filter a call may take here.
const AFTER: Duration = Duration::from_secs(1);

/// gRPC's numbers.
const UNKNOWN: u32 = 2;
const EXHAUSTED: u32 = 8;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;

/// A call or stream that is open.
struct Open {
    messages: mpsc::UnboundedSender<Event>,
    flows: Arc<Flows>,
    task: AbortHandle,
    call: bool,
}

/// Does what the filters ask for, and hands back what comes, for ever. Dropping the future gives all of it up.
pub(super) async fn run(
    mut asked: mpsc::UnboundedReceiver<GrpcEvent>,
    clusters: BTreeMap<String, Arc<Pool>>,
    worker: Worker,
    longest: Duration,
) -> Infallible {
    let mut open = HashMap::<GrpcId, Open>::new();
    let mut tasks = JoinSet::new();
    loop {
        let event = tokio::select! {
            Some(ended) = tasks.join_next() => {
                if let Ok(id) = ended {
                    open.remove(&id);
                }
                continue;
            }
            event = asked.recv() => event,
        };
        // The thread of the filters has died; whoever waits for it hears that.
        let Some(GrpcEvent { id, what }) = event else { return std::future::pending().await };
        let (to, call) = match what {
            GrpcWhat::Call { to, message, timeout } => (to, Some((message, timeout))),
            GrpcWhat::Stream { to } => (to, None),
            GrpcWhat::Send { message, end } => {
                let stream = open.get(&id).map(|stream| stream.send(&message, end));
                if stream == Some(false) {
                    give_up(&mut open, id);
                    worker.end_grpc(id, closed(EXHAUSTED, "the server does not read the messages"));
                }
                continue;
            }
            GrpcWhat::Close if open.get(&id).is_some_and(|open| !open.call) => {
                open.get(&id).into_iter().for_each(Open::end);
                continue;
            }
            GrpcWhat::Close | GrpcWhat::Cancel => {
                give_up(&mut open, id);
                worker.end_grpc(id, closed(UNAVAILABLE, ""));
                continue;
            }
        };
        let known = clusters.get(&to.cluster).filter(|pool| pool.protocol() == Protocol::Http2);
        let pool = match known {
            Some(pool) if open.len() < OPEN => pool.clone(),
            Some(_) => {
                worker.end_grpc(id, closed(UNAVAILABLE, "too many gRPC calls are open"));
                continue;
            }
            None => {
                let why = format!("the cluster `{}` speaks no HTTP/2: name it as h2c://HOST:PORT", to.cluster);
                worker.end_grpc(id, closed(UNAVAILABLE, &why));
                continue;
            }
        };
        let time = call.as_ref().and_then(|(_, time)| *time);
        let (messages, events) = mpsc::unbounded_channel();
        let flows = Flows::new();
        let body = (events, flows.clone(), Direction::Request);
        let Ok((head, length)) = message::request_out(&head(&to, time), false, Protocol::Http2) else {
            worker.end_grpc(id, closed(INTERNAL, "what is asked cannot be sent"));
            continue;
        };
        let request = Request::from_parts(head, Outgoing::new(body, (length, false), false));
        let (is_call, worker) = (call.is_some(), worker.clone());
        let limit = call.as_ref().map(|(_, time)| time.map_or(longest, |time| time.saturating_add(AFTER)));
        let task = tasks.spawn(async move {
            let exchange = Exchange { id, call: is_call, worker: worker.clone() };
            let answer = match limit {
                // The filter hears of the end of its own time from the proxy, not from here.
                Some(limit) => timeout(limit, exchange.run(&pool, request)).await.unwrap_or(Ok(None)),
                None => exchange.run(&pool, request).await,
            };
            // One that nobody wants any more ends too.
            let last = answer.unwrap_or_else(|why| Some(closed(why.0, &why.1)));
            worker.end_grpc(id, last.unwrap_or_else(|| closed(UNAVAILABLE, "")));
            id
        });
        let begun = Open { messages, flows, task, call: is_call };
        if let Some((message, _)) = call {
            begun.send(&message, true);
        }
        open.insert(id, begun);
    }
}

fn give_up(open: &mut HashMap<GrpcId, Open>, id: GrpcId) {
    if let Some(open) = open.remove(&id) {
        open.task.abort();
    }
}

impl Open {
    /// Sends a message. Says whether there is room for it.
    fn send(&self, message: &[u8], end: bool) -> bool {
        let wire = grpc::framed(message);
        self.flows.add(Direction::Request, wire.len());
        // Whoever no longer listens has ended.
        let _ = self.messages.send(Event::Piece(Frame::Data(wire), end));
        self.flows.waiting(Direction::Request) <= WAITING
    }

    /// Nothing more is sent.
    fn end(&self) {
        let _ = self.messages.send(Event::Piece(Frame::Data(Vec::new()), true));
    }
}

/// What is sent first.
fn head(to: &GrpcTarget, time: Option<Duration>) -> HeaderMap {
    let path = format!("/{}/{}", to.service, to.method);
    let pseudo = [(":method", "POST"), (":path", &path), (":authority", &to.cluster), (":scheme", "http")];
    let mut headers = pseudo.into_iter().collect::<HeaderMap>();
    headers.add(b"te", b"trailers");
    headers.add(b"content-type", b"application/grpc");
    if let Some(time) = time {
        headers.add(b"grpc-timeout", format!("{}m", time.as_millis()).as_bytes());
    }
    for (name, value) in to.metadata.iter() {
        headers.add(name, value);
    }
    headers
}

fn closed(status: u32, message: &str) -> GrpcAnswer {
    GrpcAnswer::Close { status, message: message.to_owned() }
}

/// A call or stream while its answer comes.
struct Exchange {
    id: GrpcId,
    call: bool,
    worker: Worker,
}

/// Why there is no answer: a status, and a message.
type NoAnswer = (u32, String);

impl Exchange {
    /// Hands on what comes, and gives what is the last of it; nothing, when the filter wants no more.
    async fn run(&self, pool: &Pool, request: Request<Outgoing>) -> Result<Option<GrpcAnswer>, NoAnswer> {
        let answer = pool.send(request).await.map_err(|error| (UNAVAILABLE, error.text()))?;
        let headers = message::response_in(&answer.head);
        let (http, mut body) = (answer.head.status.as_u16(), answer.body);
        let status = status(&headers);
        // All in one: there is nothing but an end.
        let alone = status.is_some() && body.is_end_stream();
        if http != 200 && !alone {
            return Ok(Some(closed(grpc_status(u64::from(http)), "")));
        }
        let first = if alone { HeaderMap::default() } else { headers.clone() };
        if !self.tell(GrpcAnswer::InitialMetadata(first)).await {
            return Ok(None);
        }
        let (message, trailers) = if alone { (None, Some(headers)) } else { self.messages(&mut body).await? };
        // What ends without a status has not ended as it should.
        let Some(trailers) = trailers else { return Ok(Some(closed(UNKNOWN, ""))) };
        let (status, text) = (self::status(&trailers).unwrap_or(UNKNOWN), trailers.get(b"grpc-message"));
        let text = text.map(grpc::text).unwrap_or_default();
        if !self.tell(GrpcAnswer::TrailingMetadata(trailers)).await {
            return Ok(None);
        }
        Ok(Some(match (self.call, status, message) {
            (true, 0, Some(message)) => GrpcAnswer::Message(message),
            (true, 0, None) => closed(INTERNAL, ""),
            _ => closed(status, &text),
        }))
    }

    /// Hands on the messages of a stream; the one of a call, and the trailers.
    async fn messages(&self, body: &mut Incoming) -> Result<(Option<Vec<u8>>, Option<HeaderMap>), NoAnswer> {
        let (mut messages, mut last) = (Messages::up_to(MESSAGE), None);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| (UNAVAILABLE, "the server has broken off".to_owned()))?;
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(rest) => return Ok((last, rest.into_trailers().ok().as_ref().map(message::trailers_in))),
            };
            let unreadable = |error: Unreadable| {
                (if error == Unreadable::TooLong { EXHAUSTED } else { INTERNAL }, error.to_string())
            };
            for message in messages.more(&data).map_err(unreadable)? {
                if self.call {
                    last = Some(message);
                } else if !self.tell(GrpcAnswer::Message(message)).await {
                    return Ok((None, None));
                }
            }
        }
        Ok((last, None))
    }

    /// Hands something to a stream, and waits until the filter has it: it may be slower than the server. A call hears of
    /// nothing but its end.
    async fn tell(&self, answer: GrpcAnswer) -> bool {
        self.call || self.worker.answer_grpc(self.id, answer).await
    }
}

fn status(headers: &HeaderMap) -> Option<u32> {
    std::str::from_utf8(headers.get(b"grpc-status")?).ok()?.parse().ok()
}
