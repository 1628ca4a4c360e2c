//! One request's way: client, filters, upstream, filters, client.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::body::Outgoing;
use super::drive::Drive;
use super::message::{self, Unsendable};
use super::options::Limits;
use super::pool::Pool;
use super::under_way::Sinks;
use super::worker::{Event, Handle, Opening, Worker};
use crate::context::{Attributes, Connection, LogLevel, LogLine, Process, Upstream as UpstreamAttributes};
use crate::stream::{Direction, Frame};

/// What all exchanges of a gateway share.
#[derive(Debug)]
pub(super) struct Shared {
    pub address: SocketAddr,
    pub upstream: Pool,
    /// What filters can ask of it.
    pub upstream_attributes: Arc<UpstreamAttributes>,
    pub http1_trailers: bool,
    pub limits: Limits,
    pub worker: Worker,
    pub process: Arc<Process>,
    /// One permit per stream.
    pub streams: Arc<Semaphore>,
}

/// The connection that a request came on.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub client: SocketAddr,
    /// The proxy's worker that all its streams go to.
    pub worker: usize,
    /// What filters can ask of it.
    pub connection: Arc<Connection>,
}

/// The stream is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed by a filter")]
pub(super) struct Closed;

/// Ends an exchange when it is dropped: its answer has been sent, or nobody wants it any more.
#[derive(Debug)]
pub(super) struct Guard {
    shared: Arc<Shared>,
    handle: Arc<Handle>,
    task: AbortHandle,
    _permit: OwnedSemaphorePermit,
}

impl Shared {
    /// Answers a request; the body of the answer follows its head as it comes.
    pub(super) async fn answer(
        self: Arc<Self>,
        origin: Origin,
        request: Request<Incoming>,
    ) -> Result<Response<Outgoing>, Closed> {
        let Ok(permit) = self.streams.clone().acquire_owned().await else { return Err(Closed) };
        let (head, body) = request.into_parts();
        let headers = match message::request_in(&head) {
            Ok(headers) => headers,
            Err(error) => return Ok(own_answer(error.status(), &error.to_string(), head.version)),
        };
        let end = body.is_end_stream();
        let (sinks, to_upstream, mut to_client) = Sinks::new();
        let attributes = self.attributes(&origin, head.version);
        let handle = Arc::new(self.worker.open(Opening { worker: origin.worker, attributes, headers, end, sinks }));
        let drive = Drive { shared: self.clone(), handle: handle.clone(), http2: head.version == Version::HTTP_2 };
        let task = tokio::spawn(drive.run((!end).then_some(body), to_upstream)).abort_handle();
        let guard = Guard { shared: self.clone(), handle, task, _permit: permit };
        match to_client.recv().await {
            Some(Event::Piece(Frame::Headers(headers), end)) => {
                let (response, length) = match message::response_out(&headers, end, &head.method) {
                    Ok(response) => response,
                    Err(error) => return Ok(self.unsendable(&error, head.version)),
                };
                let trailers = head.version == Version::HTTP_2 || self.http1_trailers;
                let flows = guard.handle.flows.clone();
                let body = Outgoing::new((to_client, flows, Direction::Response), (length, end), trailers);
                Ok(Response::from_parts(response, body.guarded(guard)))
            }
            Some(Event::Piece(..) | Event::Reset) => Err(Closed),
            Some(Event::Stuck) => {
                let text = "a filter paused the message and nothing makes it go on (BODY-7)";
                self.log(LogLevel::Warn, text);
                Ok(own_answer(StatusCode::GATEWAY_TIMEOUT, text, head.version))
            }
            None => {
                let text = "the thread of the filters has died";
                self.log(LogLevel::Error, text);
                Ok(own_answer(StatusCode::INTERNAL_SERVER_ERROR, text, head.version))
            }
        }
    }

    fn attributes(&self, origin: &Origin, version: Version) -> Attributes {
        Attributes {
            source: origin.client.to_string().into(),
            destination: self.address.to_string().into(),
            protocol: if version == Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" }.into(),
            start_nanoseconds: self.process.clock().wall_nanoseconds(),
            connection: origin.connection.clone(),
            upstream: self.upstream_attributes.clone(),
            ..Attributes::default()
        }
    }

    fn unsendable(&self, error: &Unsendable, version: Version) -> Response<Outgoing> {
        own_answer(StatusCode::BAD_GATEWAY, &self.report("response", error), version)
    }

    /// Says in the log why a message is not sent.
    pub(super) fn report(&self, what: &str, error: &Unsendable) -> String {
        let text = format!("the {what} cannot be sent on: {error}");
        self.log(LogLevel::Error, &text);
        text
    }

    /// Into the proxy's log, beside what the filters say.
    pub(super) fn log(&self, level: LogLevel, message: &str) {
        self.process.log(LogLine { level, from: " gateway".to_owned(), message: message.to_owned() });
    }
}

impl Guard {
    /// The answer is broken off after its head has been sent.
    pub(super) fn report(&self, error: &Unsendable) {
        // Whatever else broke it off has said so.
        if *error != Unsendable::BrokenOff {
            self.shared.report("response", error);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.task.abort();
        self.handle.close();
    }
}

/// An answer that no filter sees. Over HTTP/1.1 it closes the connection.
fn own_answer(status: StatusCode, text: &str, version: Version) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::text(Bytes::from(format!("tamis: {text}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if version != Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
