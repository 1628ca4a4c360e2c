//! What each phase sees.

use crate::Headers;
use crate::sys::MapType;

/// A request whose headers are there.
#[derive(Debug)]
pub struct RequestHeaders {
    headers: Headers,
    end_of_stream: bool,
}

impl RequestHeaders {
    pub(crate) fn new(end_of_stream: bool) -> Self {
        Self { headers: Headers::new(MapType::REQUEST_HEADERS), end_of_stream }
    }

    /// The request's headers, pseudo headers (`:path`, `:method`, `:authority`…) among them.
    pub fn headers(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// Whether the request ends here: it has no body and no trailers.
    #[must_use]
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }
}

/// A response whose headers are there.
#[derive(Debug)]
pub struct ResponseHeaders {
    headers: Headers,
    end_of_stream: bool,
}

impl ResponseHeaders {
    pub(crate) fn new(end_of_stream: bool) -> Self {
        Self { headers: Headers::new(MapType::RESPONSE_HEADERS), end_of_stream }
    }

    /// The response's headers, `:status` among them.
    pub fn headers(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// Whether the response ends here: it has no body and no trailers.
    #[must_use]
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }
}

/// A request that is over.
#[derive(Debug)]
pub struct Log {
    request: Headers,
    response: Headers,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { request: Headers::new(MapType::REQUEST_HEADERS), response: Headers::new(MapType::RESPONSE_HEADERS) }
    }

    /// The request's headers as they went to the upstream.
    #[must_use]
    pub fn request_headers(&self) -> &Headers {
        &self.request
    }

    /// The response's headers as they went to the client.
    #[must_use]
    pub fn response_headers(&self) -> &Headers {
        &self.response
    }
}
