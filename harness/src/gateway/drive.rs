//! What goes on behind an exchange: the request's body on its way in, the upstream, the answer's way in.

use std::error::Error as _;
use std::future::pending;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use tokio::time::{sleep, timeout};

use super::body::Outgoing;
use super::exchange::Shared;
use super::message::{self, Protocol, Unsendable};
use super::pool::{Answer, NoAnswer};
use super::worker::{Event, Events, Handle};
use crate::context::{LocalReply, LogLevel};
use crate::stream::{Direction, Frame};

/// One stream's work; stopped when its answer has been sent.
pub(super) struct Drive {
    pub shared: Arc<Shared>,
    pub handle: Arc<Handle>,
    /// The client speaks HTTP/2.
    pub http2: bool,
}

/// How far it has come.
#[derive(Debug, Default)]
struct Progress {
    /// All of the request has come.
    whole: AtomicBool,
    /// The upstream has begun to answer.
    answered: AtomicBool,
}

impl Drive {
    /// Feeds the filters from both sides until the task is stopped.
    pub(super) async fn run(self, body: Option<Incoming>, to_upstream: Events) {
        let progress = Progress::default();
        let moving = async {
            tokio::join!(self.request(body, &progress), self.upstream(to_upstream, &progress));
            pending::<()>().await;
        };
        tokio::select! {
            () = moving => {}
            () = self.idle(&progress) => {}
        }
    }

    /// Ends a stream in which nothing moves any more.
    async fn idle(&self, progress: &Progress) {
        let (flows, limit) = (&self.handle.flows, self.shared.limits.idle);
        flows.idle(limit).await;
        let status = if progress.whole.load(Ordering::Acquire) { 504 } else { 408 };
        self.reply(status, "stream_idle_timeout", "stream timeout");
        flows.touch();
        // The filters may hold that back too.
        flows.idle(limit).await;
        self.handle.reset();
    }

    /// Reads the request's body as fast as it is taken.
    async fn request(&self, body: Option<Incoming>, progress: &Progress) {
        let direction = Direction::Request;
        let Some(mut body) = body else { return progress.whole.store(true, Ordering::Release) };
        loop {
            self.handle.flows.room(direction).await;
            let next = loop {
                match timeout(self.shared.limits.client, body.frame()).await {
                    Ok(next) => break next,
                    // Both may talk for as long as they like, once the upstream has begun to answer.
                    Err(_) if progress.answered.load(Ordering::Acquire) => {}
                    Err(_) => return self.reply(408, "request_overall_timeout", "request timeout"),
                }
            };
            let end = match next {
                None => self.end(direction),
                Some(Ok(frame)) => self.frame(direction, frame, body.is_end_stream(), self.http2),
                Some(Err(error)) if is_malformed(&error) => {
                    return self.reply(400, "http1.codec_error", "Bad Request");
                }
                // The client has gone.
                Some(Err(_)) => return self.handle.reset(),
            };
            if end {
                return progress.whole.store(true, Ordering::Release);
            }
        }
    }

    /// Sends the request on, and takes the answer back.
    async fn upstream(&self, mut events: Events, progress: &Progress) {
        let Some(Event::Piece(Frame::Headers(headers), end)) = events.recv().await else { return };
        let pool = &self.shared.upstream;
        let (head, length) = match message::request_out(&headers, end, pool.protocol()) {
            Ok(request) => request,
            Err(problem) => return self.unsendable(&problem),
        };
        let trailers = pool.protocol() == Protocol::Http2 || self.shared.http1_trailers;
        let flows = self.handle.flows.clone();
        let body = Outgoing::new((events, flows, Direction::Request), (length, end), trailers);
        let outcome = body.outcome();
        let late = async {
            outcome.sent().await;
            sleep(self.shared.limits.upstream).await;
        };
        let answer = tokio::select! {
            answer = pool.send(Request::from_parts(head, body)) => answer,
            () = late => {
                self.warn("gave no answer in time");
                return self.reply(504, "upstream_response_timeout", "upstream request timeout");
            }
        };
        match (answer, outcome.problem()) {
            (Ok(answer), _) if answer.head.status.is_informational() => {
                self.no_answer(&NoAnswer::Protocol("it changed the protocol unasked".to_owned()));
            }
            (Ok(answer), _) => {
                progress.answered.store(true, Ordering::Release);
                self.response(answer).await;
            }
            // The stream was over before its request was.
            (Err(_), Some(Unsendable::BrokenOff)) => {}
            (Err(_), Some(problem)) => self.unsendable(problem),
            (Err(error), None) => self.no_answer(&error),
        }
    }

    /// Reads the answer as fast as it is taken.
    async fn response(&self, mut answer: Answer) {
        let direction = Direction::Response;
        let pool = &self.shared.upstream;
        let mut end = answer.body.is_end_stream();
        self.handle.send(direction, Frame::Headers(message::response_in(&answer.head)), end);
        while !end {
            self.handle.flows.room(direction).await;
            end = match answer.body.frame().await {
                None => self.end(direction),
                Some(Ok(frame)) => {
                    self.frame(direction, frame, answer.body.is_end_stream(), pool.protocol() == Protocol::Http2)
                }
                Some(Err(error)) => {
                    self.warn(&format!("broke its answer off: {error}"));
                    return self.handle.reset();
                }
            };
        }
        pool.give_back(answer);
    }

    fn end(&self, direction: Direction) -> bool {
        self.handle.send(direction, Frame::Data(Vec::new()), true);
        true
    }

    /// Hands a frame to the filters; says whether it was the last.
    fn frame(
        &self,
        direction: Direction,
        frame: hyper::body::Frame<hyper::body::Bytes>,
        last: bool,
        http2: bool,
    ) -> bool {
        match frame.into_data() {
            // Nothing comes of a piece without bytes but work.
            Ok(data) if data.is_empty() && !last => false,
            Ok(data) => {
                self.handle.send(direction, Frame::Data(data.into()), last);
                last
            }
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) if http2 || self.shared.http1_trailers => {
                    self.handle.send(direction, Frame::Trailers(message::trailers_in(&trailers)), true);
                    true
                }
                _ => self.end(direction),
            },
        }
    }

    fn no_answer(&self, error: &NoAnswer) {
        self.warn(&error.to_string());
        let (status, reason) = error.as_reply();
        let details = format!("upstream_reset_before_response_started{{{}}}", reason.replace(' ', "_"));
        self.reply(status, &details, &error.text());
    }

    fn unsendable(&self, problem: &Unsendable) {
        let text = format!("tamis: {}\n", self.shared.report("request", problem));
        self.reply(502, "upstream_reset_before_response_started{protocol_error}", &text);
    }

    fn reply(&self, status: u32, details: &str, text: &str) {
        let (details, body) = (details.to_owned(), text.into());
        self.handle.reply(LocalReply { status, details, headers: Vec::new(), body, grpc_status: None });
    }

    fn warn(&self, what: &str) {
        let upstream = self.shared.upstream.upstream();
        self.shared.log(LogLevel::Warn, &format!("the upstream {upstream} {what}"));
    }
}

/// Whether a body breaks the protocol; if not, its sender has gone.
fn is_malformed(error: &hyper::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData))
}
