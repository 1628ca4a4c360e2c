//! A request to a cluster of the proxy.

use std::fmt;
use std::time::Duration;

use super::http_call::HttpCall;
use super::{DEFAULT_MAX_BODY, DEFAULT_TIMEOUT};
use crate::HeaderName;

/// A request to a cluster of the proxy.
///
/// The cluster is one of the proxy's configuration, by its name there. Names of headers are checked when they are made,
/// values and the path when it is sent.
///
/// ```
/// use std::time::Duration;
/// use tamis::HeaderName;
/// use tamis::callouts::HttpRequest;
///
/// const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
///
/// let request = HttpRequest::post("audit", "audit.internal", "/events", r#"{"what": "login"}"#)
///     .header(CONTENT_TYPE, "application/json")
///     .timeout(Duration::from_millis(200))
///     .max_body(0);
/// ```
#[derive(Clone)]
#[must_use = "it is sent by `send`"]
pub struct HttpRequest {
    pub(super) cluster: Vec<u8>,
    pub(super) method: &'static str,
    pub(super) authority: Vec<u8>,
    pub(super) path: Vec<u8>,
    pub(super) headers: Vec<(HeaderName, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) timeout: Duration,
    pub(super) max_body: usize,
}

impl HttpRequest {
    /// A request with this method, such as `PUT`, without headers of its own and without a body.
    pub fn new(
        method: &'static str,
        cluster: impl Into<Vec<u8>>,
        authority: impl Into<Vec<u8>>,
        path: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            cluster: cluster.into(),
            method,
            authority: authority.into(),
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            max_body: DEFAULT_MAX_BODY,
        }
    }

    /// A GET.
    pub fn get(cluster: impl Into<Vec<u8>>, authority: impl Into<Vec<u8>>, path: impl Into<Vec<u8>>) -> Self {
        Self::new("GET", cluster, authority, path)
    }

    /// A POST with a body. Its length is the proxy's care (rule `HC-2`).
    pub fn post(
        cluster: impl Into<Vec<u8>>,
        authority: impl Into<Vec<u8>>,
        path: impl Into<Vec<u8>>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self::new("POST", cluster, authority, path).body(body)
    }

    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// How long the answer may take: [`DEFAULT_TIMEOUT`] unless said. It counts in whole milliseconds, rounded up, and at
    /// least one: there is no request without a timeout.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes the answer's body may have to be taken into the module: [`DEFAULT_MAX_BODY`] unless said. With 0 no
    /// body is taken. The proxy itself takes no more than 32 MiB (rule `HC-6`).
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sends it. It is on its way when this returns; `await` what it returns for the answer, or drop that to have the answer
    /// passed over.
    pub fn send(&self) -> HttpCall {
        HttpCall::new(self)
    }
}

/// Where it goes, and no content: that may be secret.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("cluster", &String::from_utf8_lossy(&self.cluster))
            .field("method", &self.method)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
