//! Connections to an upstream, used again.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::http::response::Parts;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::body::Outgoing;
use super::client::{HEADER_BYTES, HEADER_COUNT};
use super::message::Protocol;
use super::options::Upstream;
use crate::context::lock;

/// How many connections wait for their next request.
const IDLE_CONNECTIONS: usize = 64;

/// How long one waits. Servers close such connections by themselves, many after a minute or less.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// How long a connection may take to come about, as in Envoy.
const CONNECT: Duration = Duration::from_secs(5);

/// The connections to one upstream.
#[derive(Debug)]
pub(super) struct Pool {
    upstream: Upstream,
    connect: Duration,
    /// HTTP/1.1: those without a request, the one used last at the end.
    idle: Mutex<VecDeque<(http1::SendRequest<Outgoing>, Instant)>>,
    /// HTTP/2: the one that all requests share.
    shared: Mutex<Option<http2::SendRequest<Outgoing>>>,
}

/// An answer's head and body, and the connection to give back when the body is at its end.
pub(super) struct Answer {
    pub head: Parts,
    pub body: Incoming,
    lease: Option<http1::SendRequest<Outgoing>>,
}

/// Why there is no answer; each with the words that Envoy has for it.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("cannot be reached: {0}")]
    Connect(std::io::Error),
    #[error("has closed the connection")]
    Terminated,
    #[error("does not speak the protocol: {0}")]
    Protocol(String),
}

impl Pool {
    pub(super) fn new(upstream: Upstream, longest: Duration) -> Self {
        Self { upstream, connect: CONNECT.min(longest), idle: Mutex::default(), shared: Mutex::default() }
    }

    pub(super) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    pub(super) fn protocol(&self) -> Protocol {
        if self.upstream.http2 { Protocol::Http2 } else { Protocol::Http1 }
    }

    /// Sends a request; comes back with the head of the answer. Dropping the future gives the request up.
    ///
    /// A request that could not be sent on an old connection, because the other side has closed it, is sent on a new one.
    /// One that may have arrived is never repeated.
    pub(super) async fn send(&self, request: Request<Outgoing>) -> Result<Answer, NoAnswer> {
        if self.upstream.http2 { self.send_http2(request).await } else { self.send_http1(request).await }
    }

    /// Takes a connection back whose answer has come whole.
    pub(super) fn give_back(&self, answer: Answer) {
        let Some(connection) = answer.lease else { return };
        let mut idle = lock(&self.idle);
        idle.push_back((connection, Instant::now()));
        while idle.len() > IDLE_CONNECTIONS || idle.front().is_some_and(|(_, since)| since.elapsed() > IDLE_TIME) {
            idle.pop_front();
        }
    }

    async fn send_http1(&self, mut request: Request<Outgoing>) -> Result<Answer, NoAnswer> {
        while let Some(mut connection) = self.take_idle() {
            match connection.try_send_request(request).await {
                Ok(response) => return Ok(answer(response, Some(connection))),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let io = TokioIo::new(self.connected().await?);
        let (mut connection, driver) = http1::Builder::new()
            .max_header_size(HEADER_BYTES)
            .max_buf_size(2 * HEADER_BYTES)
            .max_headers(HEADER_COUNT)
            .handshake(io)
            .await?;
        // It ends when its last request has, or with the runtime.
        tokio::spawn(driver);
        let response = connection.send_request(request).await?;
        Ok(answer(response, Some(connection)))
    }

    async fn send_http2(&self, mut request: Request<Outgoing>) -> Result<Answer, NoAnswer> {
        let open = lock(&self.shared).clone().filter(|connection| !connection.is_closed());
        if let Some(mut connection) = open {
            match connection.try_send_request(request).await {
                Ok(response) => return Ok(answer(response, None)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let io = TokioIo::new(self.connected().await?);
        let limit = u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX);
        let (mut connection, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(limit)
            .handshake(io)
            .await?;
        tokio::spawn(driver);
        *lock(&self.shared) = Some(connection.clone());
        Ok(answer(connection.send_request(request).await?, None))
    }

    async fn connected(&self) -> Result<TcpStream, NoAnswer> {
        let connecting = TcpStream::connect((self.upstream.host.as_str(), self.upstream.port));
        let late = || std::io::Error::from(std::io::ErrorKind::TimedOut);
        let connected = timeout(self.connect, connecting).await.unwrap_or_else(|_| Err(late()));
        let connection = connected.map_err(NoAnswer::Connect)?;
        // Only about speed.
        let _ = connection.set_nodelay(true);
        Ok(connection)
    }

    /// A connection that can take a request now.
    fn take_idle(&self) -> Option<http1::SendRequest<Outgoing>> {
        let mut idle = lock(&self.idle);
        let mut unready = Vec::new();
        let mut found = None;
        while let Some((mut connection, since)) = idle.pop_back() {
            if since.elapsed() > IDLE_TIME {
                continue;
            }
            match connection.poll_ready(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => {
                    found = Some(connection);
                    break;
                }
                Poll::Ready(Err(_)) => {}
                Poll::Pending => unready.push((connection, since)),
            }
        }
        idle.extend(unready.into_iter().rev());
        found
    }
}

impl NoAnswer {
    /// The status and the reason that Envoy gives.
    pub(super) fn as_reply(&self) -> (u32, &'static str) {
        match self {
            Self::Connect(_) => (503, "remote connection failure"),
            Self::Terminated => (503, "connection termination"),
            Self::Protocol(_) => (502, "protocol error"),
        }
    }

    /// The whole text.
    pub(super) fn text(&self) -> String {
        format!("upstream connect error or disconnect/reset before headers. reset reason: {}", self.as_reply().1)
    }
}

impl From<hyper::Error> for NoAnswer {
    /// hyper says the reason in the source of its error. Neither quotes what was received.
    fn from(error: hyper::Error) -> Self {
        use std::error::Error as _;
        let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>()).is_some();
        if !error.is_parse() && (error.is_incomplete_message() || error.is_closed() || error.is_canceled() || io) {
            return Self::Terminated;
        }
        let source = error.source().map(|source| format!(": {source}"));
        Self::Protocol(format!("{error}{}", source.unwrap_or_default()))
    }
}

fn answer(response: hyper::Response<Incoming>, lease: Option<http1::SendRequest<Outgoing>>) -> Answer {
    let (head, body) = response.into_parts();
    Answer { head, body, lease }
}
