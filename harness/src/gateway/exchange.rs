//! One request's way: client, filters, upstream, filters, client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::time::timeout;

use super::Limits;
use super::client::{self, ExchangeError};
use super::message::{self, Unsendable};
use super::worker::{Gone, Sent, Worker};
use crate::context::{Attributes, LogLevel, LogLine, Process};
use crate::stream::{Passed, WireMessage};

/// What all exchanges of a gateway share.
#[derive(Debug)]
pub(super) struct Shared {
    pub address: SocketAddr,
    pub upstream: (String, u16),
    pub limits: Limits,
    pub worker: Worker,
    pub process: Arc<Process>,
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed by a filter")]
pub(super) struct Closed;

/// An exchange that ends before its time.
enum Ending {
    Reply(StatusCode, String),
    Close,
}

impl Shared {
    /// Answers a request.
    pub(super) async fn answer(
        &self,
        client: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Closed> {
        let method = request.method().clone();
        let late = || Ending::Reply(StatusCode::GATEWAY_TIMEOUT, format!("no answer {}", within(self.limits.exchange)));
        let answered = timeout(self.limits.exchange, self.exchange(client, request)).await;
        match answered.unwrap_or_else(|_| Err(late())) {
            Ok(response) => Ok(response),
            Err(Ending::Close) => Err(Closed),
            Err(Ending::Reply(status, text)) => {
                message::response_out(&message::local_reply(status, &text), &method).map_err(|_| Closed)
            }
        }
    }

    async fn exchange(&self, client: SocketAddr, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Ending> {
        let (head, body) = request.into_parts();
        let attributes = Attributes {
            source: client.to_string(),
            destination: self.address.to_string(),
            protocol: if head.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" }.to_owned(),
            start_nanoseconds: self.process.clock().wall_nanoseconds(),
            ..Attributes::default()
        };
        let body = self.body(body).await?;
        let request = message::request_in(&head, body).map_err(|error| bad_request(&error))?;
        let passed = match self.worker.request(request, attributes).await? {
            Sent::Ended(passed) => passed,
            Sent::On(request, back) => {
                let request = message::request_out(&request).map_err(|error| self.unsendable("request", &error))?;
                back.response(self.upstream(request).await).await?
            }
        };
        match passed {
            Passed::On(response) | Passed::Replied(response) => self.response(&response, &head.method),
            Passed::Reset => Err(Ending::Close),
            Passed::Stuck => {
                let text = "a filter paused the message and nothing makes it go on (BODY-7)";
                self.log(LogLevel::Warn, text);
                Err(Ending::Reply(StatusCode::GATEWAY_TIMEOUT, text.to_owned()))
            }
        }
    }

    async fn body(&self, body: Incoming) -> Result<Bytes, Ending> {
        let limit = self.limits.body_bytes;
        let too_large = || {
            let text = format!("the request's body has more than {limit} bytes");
            Ending::Reply(StatusCode::PAYLOAD_TOO_LARGE, text)
        };
        // Refused before it is sent: a client that waits for a 100 is spared the trouble.
        if usize::try_from(body.size_hint().lower()).map_or(true, |length| length > limit) {
            return Err(too_large());
        }
        let body = timeout(self.limits.client, Limited::new(body, limit).collect()).await.map_err(|_| {
            let text = format!("the request's body did not come {}", within(self.limits.client));
            Ending::Reply(StatusCode::REQUEST_TIMEOUT, text)
        })?;
        match body {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(_) => Err(Ending::Reply(StatusCode::BAD_REQUEST, "the request's body is malformed".to_owned())),
        }
    }

    /// The upstream's answer, or the one that stands for it. Both go back through the filters, as Envoy's do (rule `LR-6`).
    async fn upstream(&self, request: Request<Full<Bytes>>) -> WireMessage {
        let (host, port) = (self.upstream.0.as_str(), self.upstream.1);
        let limit = self.limits.body_bytes;
        let answer = timeout(self.limits.upstream, client::exchange((host, port), request, limit)).await;
        let (status, text) = match answer {
            Ok(Ok((head, body))) if !head.status.is_informational() => return message::response_in(&head, body),
            Ok(Ok(_)) => (StatusCode::BAD_GATEWAY, "changed the protocol unasked".to_owned()),
            Ok(Err(ExchangeError::Connect(error))) => {
                (StatusCode::SERVICE_UNAVAILABLE, format!("cannot be reached: {error}"))
            }
            Ok(Err(ExchangeError::TooLarge)) => {
                (StatusCode::BAD_GATEWAY, format!("sent a body of more than {limit} bytes"))
            }
            Ok(Err(ExchangeError::Broken(reason))) => {
                (StatusCode::BAD_GATEWAY, format!("gave no whole answer: {reason}"))
            }
            Err(_) => (StatusCode::GATEWAY_TIMEOUT, format!("gave no whole answer {}", within(self.limits.upstream))),
        };
        let text = format!("the upstream {host}:{port} {text}");
        self.log(LogLevel::Warn, &text);
        message::local_reply(status, &text)
    }

    fn response(&self, response: &WireMessage, method: &Method) -> Result<Response<Full<Bytes>>, Ending> {
        message::response_out(response, method).map_err(|error| self.unsendable("response", &error))
    }

    fn unsendable(&self, what: &str, error: &Unsendable) -> Ending {
        let text = format!("the {what} cannot be sent on: {error}");
        self.log(LogLevel::Error, &text);
        Ending::Reply(StatusCode::BAD_GATEWAY, text)
    }

    /// Into the proxy's log, beside what the filters say.
    pub(super) fn log(&self, level: LogLevel, message: &str) {
        self.process.log(LogLine { level, from: " gateway".to_owned(), message: message.to_owned() });
    }
}

impl From<Gone> for Ending {
    fn from(_: Gone) -> Self {
        Self::Reply(StatusCode::INTERNAL_SERVER_ERROR, "the thread of the filters has died".to_owned())
    }
}

fn bad_request(error: &message::BadRequest) -> Ending {
    let status = match error {
        message::BadRequest::Connect => StatusCode::METHOD_NOT_ALLOWED,
        message::BadRequest::NoHost | message::BadRequest::TwoHosts => StatusCode::BAD_REQUEST,
    };
    Ending::Reply(status, error.to_string())
}

fn within(limit: Duration) -> String {
    format!("within {} s", limit.as_secs_f32())
}
