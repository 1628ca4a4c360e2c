//! A request under way, and what comes back.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::{CallId, Current, Event, Executor, HttpRequest, Inbox, Received, Slot, Ticket, milliseconds};
use crate::Pairs;
use crate::headers::is_sendable;
use crate::sys::{self, HostError, HttpCallParts, MapType, Status};

/// What the proxy says itself when an answer took too long (rule `HC-5`).
const TIMED_OUT: &[u8] = b"upstream request timeout";
/// How what it says begins when there was no connection, or it broke before an answer (rule `HC-5`).
const NO_CONNECTION: &[u8] = b"upstream connect error or disconnect/reset before headers";

/// A request that is under way; `await` it for the answer.
///
/// Dropped, nobody waits any more: an answer that comes is passed over. The proxy cannot take the request back.
#[must_use = "the answer comes to whoever awaits it"]
pub struct HttpCall(State);

enum State {
    /// It was never on its way.
    Refused(Slot<Result<HttpResponse, HttpError>>),
    UnderWay {
        _ticket: Ticket,
        inbox: Rc<HttpInbox>,
    },
}

/// The answer to a request: any status, also one that says no.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    status: u16,
    headers: Received,
    body: Result<Vec<u8>, BodyTooLong>,
    trailers: Received,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// As many are under way as may be: [`Filter::max_callouts`](crate::Filter::max_callouts).
    #[error("as many callouts are under way as may be")]
    TooMany,
    /// A value has CR, LF or NUL, or the path or the authority a blank or a control character; or one of these is empty.
    #[error("a callout's path, authority or header cannot stand in a message")]
    Malformed,
    /// The proxy does not know the cluster (rule `HC-1`).
    #[error("the proxy does not know the callout's cluster")]
    UnknownCluster,
    /// The cluster has nobody to ask at the moment, or too many ask it already; or the proxy does not let this filter ask
    /// (rules `HC-4`, `CAP-1`).
    #[error("the callout's cluster has nobody to ask")]
    Unavailable,
    /// No connection, or it broke before the answer (rule `HC-5`). Told by the proxy's own words in a 503.
    #[error("the callout found no connection, or lost it")]
    Unreachable,
    /// The answer took longer than the timeout. Told by the proxy's own words in a 504 (rule `HC-5`).
    #[error("the callout's answer took too long")]
    TimedOut,
    /// The connection broke within the answer, or the answer is longer than the proxy takes (rule `HC-6`).
    #[error("the callout's answer broke off")]
    Reset,
    /// The answer has no status.
    #[error("the callout's answer has no status")]
    NoStatus,
    /// The request was made where no answer can come to: outside of the phases of a filter whose attribute says `callouts`.
    #[error("the filter's attribute does not say `callouts`")]
    Undeclared,
    /// The proxy refused a call.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// A body that is longer than the request takes ([`HttpRequest::max_body`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body of the callout's answer is longer than it may be")]
pub struct BodyTooLong {
    /// How many bytes it has.
    pub bytes: usize,
}

impl HttpCall {
    pub(super) fn new(request: &HttpRequest) -> Self {
        match under_way(request) {
            Ok(state) => Self(state),
            Err(error) => Self(State::Refused(Slot::with(Err(error)))),
        }
    }
}

/// Sends it.
fn under_way(request: &HttpRequest) -> Result<State, HttpError> {
    let is_visible = |part: &[u8]| !part.is_empty() && part.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    let are_sendable = request.headers.iter().all(|(_, value)| is_sendable(value));
    let parts = [request.method.as_bytes(), &request.authority, &request.path];
    if !are_sendable || !parts.into_iter().all(is_visible) {
        return Err(HttpError::Malformed);
    }
    let current = Current::get().ok_or(HttpError::Undeclared)?;
    let inbox = Rc::new(HttpInbox { max_body: request.max_body, answer: Slot::default() });
    let made = Executor::call(&current, || call(request), inbox.clone()).map_err(|_| HttpError::TooMany)?;
    let ticket = made.map_err(|error| match error.status() {
        Status::BAD_ARGUMENT => HttpError::UnknownCluster,
        Status::INTERNAL_FAILURE => HttpError::Unavailable,
        _ => HttpError::Host(error),
    })?;
    Ok(State::UnderWay { _ticket: ticket, inbox })
}

fn call(request: &HttpRequest) -> Result<CallId, HostError> {
    let pseudo = [
        (b":method".as_slice(), request.method.as_bytes()),
        (b":authority", &request.authority),
        (b":path", &request.path),
    ];
    let own = request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
    let headers = Pairs::encode(pseudo.into_iter().chain(own));
    let timeout = milliseconds(request.timeout);
    let token =
        sys::http_call(HttpCallParts { cluster: &request.cluster, headers: &headers, body: &request.body, timeout })?;
    Ok(CallId::http(token))
}

impl Future for HttpCall {
    type Output = Result<HttpResponse, HttpError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &self.0 {
            State::Refused(answer) => answer.poll(context),
            State::UnderWay { inbox, .. } => inbox.answer.poll(context),
        }
    }
}

impl fmt::Debug for HttpCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCall").finish_non_exhaustive()
    }
}

/// Where the answer goes until somebody looks.
struct HttpInbox {
    max_body: usize,
    answer: Slot<Result<HttpResponse, HttpError>>,
}

impl Inbox for HttpInbox {
    fn deliver(&self, event: Event) -> bool {
        let Event::Http { headers, body, trailers } = event else { return false };
        self.answer.put(HttpResponse::take(headers, body, trailers, self.max_body));
        true
    }
}

impl HttpResponse {
    /// Takes it from the host, which has it for the time of this callback only (rule `HC-8`).
    fn take(headers: u32, body: u32, trailers: u32, max_body: usize) -> Result<Self, HttpError> {
        if headers == 0 {
            return Err(HttpError::Reset);
        }
        let headers = Received::new(sys::header_map_pairs(MapType::HTTP_CALL_HEADERS)?)?;
        let digits = headers.pseudo(b":status").filter(|digits| digits.len() == 3).ok_or(HttpError::NoStatus)?;
        let status = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let status = status.filter(|status| *status >= 100).ok_or(HttpError::NoStatus)?;
        let bytes = body as usize;
        if let Some(error) = told(status, bytes)? {
            return Err(error);
        }
        let body = match bytes {
            0 => Ok(Vec::new()),
            _ if bytes > max_body => Err(BodyTooLong { bytes }),
            _ => Ok(sys::buffer(sys::HTTP_CALL_BODY, 0, bytes)?),
        };
        let trailers = match trailers {
            0 => Received::default(),
            _ => Received::new(sys::header_map_pairs(MapType::HTTP_CALL_TRAILERS)?)?,
        };
        Ok(Self { status, headers, body, trailers })
    }

    /// The status: 100 to 999.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The headers, `:status` among them.
    #[must_use]
    pub const fn headers(&self) -> &Received {
        &self.headers
    }

    /// The body.
    ///
    /// # Errors
    ///
    /// [`BodyTooLong`] when it is longer than the request takes.
    pub fn body(&self) -> Result<&[u8], BodyTooLong> {
        self.body.as_deref().map_err(|error| *error)
    }

    /// The trailers; mostly there are none.
    #[must_use]
    pub const fn trailers(&self) -> &Received {
        &self.trailers
    }
}

/// Whether an answer is the proxy's own, which says that there was none.
fn told(status: u16, bytes: usize) -> Result<Option<HttpError>, HostError> {
    let (words, error) = match status {
        504 if bytes == TIMED_OUT.len() => (TIMED_OUT, HttpError::TimedOut),
        503 if bytes >= NO_CONNECTION.len() => (NO_CONNECTION, HttpError::Unreachable),
        _ => return Ok(None),
    };
    let body = sys::buffer(sys::HTTP_CALL_BODY, 0, words.len())?;
    Ok((body == words).then_some(error))
}

/// No content: that may be secret.
impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

impl HttpError {
    /// What it says, for logs.
    pub(crate) fn text(&self) -> String {
        self.to_string()
    }
}
