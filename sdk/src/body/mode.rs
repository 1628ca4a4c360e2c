//! How a filter wants the body of a message.

use crate::Response;

/// How a filter wants the body of a message; it says so when the headers are there
/// ([`RequestHeaders::body`](crate::RequestHeaders::body)), and gets no body otherwise.
///
/// | mode | the filter sees | where the bytes wait |
/// |---|---|---|
/// | none | nothing | nowhere |
/// | [`stream`](Self::stream) | every piece as it comes | nowhere, but for what it holds back |
/// | [`in_host`](Self::in_host) | the whole, once | in the proxy, without a copy into the module |
/// | [`in_guest`](Self::in_guest) | the whole, once | in the module: the proxy's own limit does not matter |
///
/// What the SDK does so that the message stays correct:
///
/// * It removes `content-length` when the body may change (rule `HDR-16`). Not when the mode is
///   [`read_only`](Self::read_only); and while headers are held, it sets the right one at the end.
/// * A message that ends with its headers (HEAD, 204, 304, GET) has no body phase, and its `content-length` stays.
/// * A tunnel (an upgrade such as WebSocket, `CONNECT`) is no message, so its bytes are left alone. That the response to a
///   `CONNECT` is one is known when the filter has the phase of request headers.
/// * What never ends is not buffered: gRPC, and a stream of events.
/// * Responses with 1xx do not meet filters (rule `HDR-15`).
///
/// [`any_message`](Self::any_message) switches these rules off, and saves the reading of the headers.
///
/// # Trailers
///
/// A module cannot put bytes before trailers when its body callbacks are over (rule `BODY-14`). With the whole body in the
/// host nothing is lost. What is held back or stored in the module is lost if trailers come unexpectedly: the stream is
/// then answered 500 or closed, never cut silently. Trailers are expected with gRPC, when the headers have `trailer`,
/// or when the filter says [`expect_trailers`](Self::expect_trailers); then what waits must fit into the proxy's buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyMode {
    pub(crate) store: Store,
    pub(crate) refusal: Option<Response>,
    pub(crate) read_only: bool,
    pub(crate) any_message: bool,
    pub(crate) trailers: bool,
}

/// Where the body waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// Nowhere; at most so many bytes are held back.
    Stream { max_held: usize },
    /// In the proxy, up to a limit.
    Host { limit: usize },
    /// In the module, up to a limit.
    Guest { limit: usize, over: OverLimit },
}

/// What happens to a body that is longer than a filter keeps in the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverLimit {
    /// It goes on unseen.
    Pass,
    /// The message is refused: a request with 413. A response whose headers are held is replaced by a 502; one whose
    /// headers have left is cut short.
    Refuse,
}

impl BodyMode {
    /// Every piece as it comes. A filter can [hold back](crate::Body::hold_back) at most `max_held` bytes until more have
    /// come.
    #[must_use]
    pub const fn stream(max_held: usize) -> Self {
        Self::new(Store::Stream { max_held })
    }

    /// The whole body, which waits in the proxy; a longer one than `limit` bytes is refused as with [`OverLimit::Refuse`].
    ///
    /// Keep `limit` below the proxy's own (`per_connection_buffer_limit_bytes`, 1 MiB unless set): above that the proxy
    /// itself answers 413 or 500 (rule `BODY-6`).
    #[must_use]
    pub const fn in_host(limit: usize) -> Self {
        Self::new(Store::Host { limit })
    }

    /// The whole body, which waits in the module, up to `limit` bytes.
    #[must_use]
    pub const fn in_guest(limit: usize, over: OverLimit) -> Self {
        Self::new(Store::Guest { limit, over })
    }

    /// Refuses a body that is too long with this response, where there can be one.
    #[must_use]
    pub fn refuse_with(mut self, response: Response) -> Self {
        self.refusal = Some(response);
        self
    }

    /// The filter only looks: `content-length` stays, and a change is a typed error.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// The mode holds for any message with a body, whatever its headers say. They are then not read.
    #[must_use]
    pub const fn any_message(mut self) -> Self {
        self.any_message = true;
        self
    }

    /// Trailers may come unannounced.
    #[must_use]
    pub const fn expect_trailers(mut self) -> Self {
        self.trailers = true;
        self
    }

    pub(crate) const fn is_buffered(&self) -> bool {
        !matches!(self.store, Store::Stream { .. })
    }

    const fn new(store: Store) -> Self {
        Self { store, refusal: None, read_only: false, any_message: false, trailers: false }
    }
}
