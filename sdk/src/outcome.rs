//! What a phase can decide.

use crate::{HeaderName, HostError};

/// A phase's decision. The SDK performs it; the phase itself calls nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the phase returns it"]
pub enum Outcome {
    /// Go on to the next filter.
    Continue,
    /// Answer the request here; it goes no further.
    Respond(Response),
}

/// A host call's result as a decision: go on, or answer 500 when the proxy refused what was asked.
///
/// The client sees no reason; the proxy's log has the status ([`HostError`]) and response code details say
/// `tamis_host_error`.
impl From<Result<(), HostError>> for Outcome {
    fn from(result: Result<(), HostError>) -> Self {
        match result {
            Ok(()) => Self::Continue,
            Err(error) => {
                crate::log::error(format_args!("{error}; answering 500"));
                Self::Respond(Response::new(500).details("tamis_host_error"))
            }
        }
    }
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Self::Respond(response)
    }
}

/// A response that the proxy makes itself, without the upstream.
///
/// ```
/// use tamis::{HeaderName, Outcome, Response};
///
/// const X_REASON: HeaderName = HeaderName::from_static("x-reason");
/// let refused: Outcome = Response::new(403).header(X_REASON, "no key").body("no entry\n").into();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) details: &'static str,
    pub(crate) headers: Vec<(HeaderName, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A response with this status, no headers of its own and no body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, details: "tamis", headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the body. The proxy adds `content-length`, and `content-type: text/plain` unless there is one (rule `LR-4`).
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the response code details, a word for access logs (`%RESPONSE_CODE_DETAILS%`) that no client sees.
    #[must_use]
    pub fn details(mut self, details: &'static str) -> Self {
        self.details = details;
        self
    }
}
