//! Responses that the proxy makes itself.

use crate::HeaderName;
use crate::headers::is_sendable;
use crate::sys::{self, HostError};

/// A response that the proxy makes itself, without the upstream.
///
/// A client of gRPC gets status 200 and the gRPC status, with the body as its message (rule `LR-5`); the answer to a HEAD
/// has no body.
///
/// ```
/// use tamis::{HeaderName, Outcome, Response};
///
/// const X_REASON: HeaderName = HeaderName::from_static("x-reason");
/// let refused: Outcome = Response::new(403).header(X_REASON, "no key").body("no entry\n").into();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    details: &'static str,
    headers: Vec<(HeaderName, Vec<u8>)>,
    body: Vec<u8>,
    grpc_status: Option<GrpcStatus>,
}

/// A status of gRPC, 0 to 16: what the proxy passes on (rule `LR-3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrpcStatus(u8);

impl Response {
    /// A response with this status, no headers of its own and no body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, details: "tamis", headers: Vec::new(), body: Vec::new(), grpc_status: None }
    }

    /// Adds a header. One whose value has CR, LF or NUL is left out, and the log says so.
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

    /// Sets what a client of gRPC is told; without it, the proxy makes a status of the HTTP status.
    #[must_use]
    pub fn grpc_status(mut self, status: GrpcStatus) -> Self {
        self.grpc_status = Some(status);
        self
    }

    /// Hands it to the proxy, which sends it when the phase has returned.
    pub(crate) fn send(&self) -> Result<(), HostError> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        let headers = headers.filter(|(_, value)| is_sendable(value)).collect::<Vec<_>>();
        if headers.len() < self.headers.len() {
            sys::log(sys::LogLevel::ERROR, "a header of the answer has CR, LF or NUL in its value and is left out");
        }
        let grpc_status = self.grpc_status.map_or(-1, |status| i32::from(status.0));
        sys::send_local_response(self.status, self.details, headers, &self.body, grpc_status)
    }
}

impl GrpcStatus {
    /// `OK`
    pub const OK: Self = Self(0);
    /// `CANCELLED`
    pub const CANCELLED: Self = Self(1);
    /// `UNKNOWN`
    pub const UNKNOWN: Self = Self(2);
    /// `INVALID_ARGUMENT`
    pub const INVALID_ARGUMENT: Self = Self(3);
    /// `DEADLINE_EXCEEDED`
    pub const DEADLINE_EXCEEDED: Self = Self(4);
    /// `NOT_FOUND`
    pub const NOT_FOUND: Self = Self(5);
    /// `ALREADY_EXISTS`
    pub const ALREADY_EXISTS: Self = Self(6);
    /// `PERMISSION_DENIED`
    pub const PERMISSION_DENIED: Self = Self(7);
    /// `RESOURCE_EXHAUSTED`
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    /// `FAILED_PRECONDITION`
    pub const FAILED_PRECONDITION: Self = Self(9);
    /// `ABORTED`
    pub const ABORTED: Self = Self(10);
    /// `OUT_OF_RANGE`
    pub const OUT_OF_RANGE: Self = Self(11);
    /// `UNIMPLEMENTED`
    pub const UNIMPLEMENTED: Self = Self(12);
    /// `INTERNAL`
    pub const INTERNAL: Self = Self(13);
    /// `UNAVAILABLE`
    pub const UNAVAILABLE: Self = Self(14);
    /// `DATA_LOSS`
    pub const DATA_LOSS: Self = Self(15);
    /// `UNAUTHENTICATED`
    pub const UNAUTHENTICATED: Self = Self(16);

    /// The status with this number; nothing for a number above 16.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= 16 { Some(Self(number)) } else { None }
    }

    /// The status that the proxy tells of; a number that gRPC does not have is [`UNKNOWN`](Self::UNKNOWN).
    pub(crate) fn from_word(word: u32) -> Self {
        u8::try_from(word).ok().and_then(Self::new).unwrap_or(Self::UNKNOWN)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}
