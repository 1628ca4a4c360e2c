//! A request, phase by phase.

use std::ops::{Deref, DerefMut};

use crate::{Body, BodyError, BodyMode, Direction, Headers, HostError, Paused, RequestHandle};

/// A request whose headers are there.
#[derive(Debug)]
pub struct RequestHeaders {
    stream: u32,
    pub(crate) headers: Headers,
    end_of_stream: bool,
    pub(crate) mode: Option<BodyMode>,
}

impl RequestHeaders {
    pub(crate) fn new(stream: u32, end_of_stream: bool) -> Self {
        Self { stream, headers: Headers::new(Direction::Request.headers()), end_of_stream, mode: None }
    }

    /// The request's headers, pseudo headers (`:path`, `:method`, `:authority`…) among them.
    pub fn headers(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// The method, such as `GET`.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand the map over.
    pub fn method(&self) -> Result<Option<&[u8]>, HostError> {
        self.headers.pseudo(":method")
    }

    /// Path and query, as the client wrote them and as the proxy has normalised them.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand the map over.
    pub fn path(&self) -> Result<Option<&[u8]>, HostError> {
        self.headers.pseudo(":path")
    }

    /// The host that is asked, with a port where the client wrote one; `host` and `:authority` are the same (rule `HDR-10`).
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand the map over.
    pub fn authority(&self) -> Result<Option<&[u8]>, HostError> {
        self.headers.pseudo(":authority")
    }

    /// Asks for another path and query. The proxy chooses the route anew (rule `HDR-13`).
    ///
    /// # Errors
    ///
    /// [`HostError`] when the map cannot be changed; "bad argument" too for a path with a blank or a control character.
    pub fn set_path(&mut self, path: &[u8]) -> Result<(), HostError> {
        if path.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
            return Err(HostError::new("proxy_replace_header_map_value", crate::Status::BAD_ARGUMENT));
        }
        self.headers.replace(b":path", path)
    }

    /// Asks with another method.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the map cannot be changed.
    pub fn set_method(&mut self, method: &tamis_core::matching::Method) -> Result<(), HostError> {
        self.headers.replace(b":method", method.as_bytes())
    }

    /// Asks another host. The proxy chooses the route anew (rule `HDR-13`).
    ///
    /// # Errors
    ///
    /// [`HostError`] when the map cannot be changed.
    pub fn set_authority(&mut self, authority: &[u8]) -> Result<(), HostError> {
        self.headers.replace(b":authority", authority)
    }

    /// Whether the request ends here: it has no body and no trailers.
    #[must_use]
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    /// Says how [`Filter::request_body`](crate::Filter::request_body) is to see this request's body. Without it the body
    /// goes on unseen, and so it does when the outcome ends the request. The last word counts.
    pub fn body(&mut self, mode: BodyMode) {
        self.mode = Some(mode);
    }

    /// Pauses the request: return the first as the outcome, and keep the second for whoever lets it go on.
    ///
    /// Nothing of it comes to this filter meanwhile; the body waits in the proxy, and comes when the request goes on. A
    /// request that nobody resumes waits until the proxy's own timeouts (rule `BODY-7`).
    pub fn pause(&mut self) -> (Paused, RequestHandle) {
        (Paused(()), RequestHandle::new(self.stream))
    }
}

/// A piece of a request's body, or the whole: everything of [`Body`], and what belongs to requests.
#[derive(Debug)]
pub struct RequestBody<'b> {
    stream: u32,
    body: &'b mut Body,
    headers: Option<Headers>,
}

impl<'b> RequestBody<'b> {
    pub(crate) fn new(stream: u32, body: &'b mut Body, held: bool) -> Self {
        Self { stream, body, headers: held.then(|| Headers::new(Direction::Request.headers())) }
    }

    /// The request's headers, while they are held.
    ///
    /// # Errors
    ///
    /// [`BodyError::HeadersGone`] when they have left: they are held when the body is buffered and the filter holds headers
    /// ([`Filter::held_headers`](crate::Filter::held_headers)).
    pub fn headers(&mut self) -> Result<&mut Headers, BodyError> {
        self.headers.as_mut().ok_or(BodyError::HeadersGone)
    }

    /// Has the next read of the headers ask the proxy again.
    pub(crate) fn forget_headers(&mut self) {
        self.headers.iter_mut().for_each(Headers::forget);
    }

    /// Pauses the request at the end of its body: return the first as the outcome, and keep the second.
    ///
    /// # Errors
    ///
    /// [`BodyError::NotAtEnd`] while more may come.
    pub fn pause(&mut self) -> Result<(Paused, RequestHandle), BodyError> {
        if self.body.is_last() { Ok((Paused(()), RequestHandle::new(self.stream))) } else { Err(BodyError::NotAtEnd) }
    }
}

impl Deref for RequestBody<'_> {
    type Target = Body;

    fn deref(&self) -> &Body {
        self.body
    }
}

impl DerefMut for RequestBody<'_> {
    fn deref_mut(&mut self) -> &mut Body {
        self.body
    }
}

/// The trailers of a request.
#[derive(Debug)]
pub struct RequestTrailers {
    stream: u32,
    trailers: Headers,
}

impl RequestTrailers {
    pub(crate) fn new(stream: u32) -> Self {
        Self { stream, trailers: Headers::new(Direction::Request.trailers()) }
    }

    /// The trailers.
    pub fn trailers(&mut self) -> &mut Headers {
        &mut self.trailers
    }

    /// Pauses the request before its end: return the first as the outcome, and keep the second.
    pub fn pause(&mut self) -> (Paused, RequestHandle) {
        (Paused(()), RequestHandle::new(self.stream))
    }
}
