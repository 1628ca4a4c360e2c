//! A request that is over.

use crate::Headers;
use crate::sys::MapType;

/// A request that is over. Everything can be read and nothing changed (rule `HDR-4`).
#[derive(Debug)]
pub struct Log {
    request: Headers,
    response: Headers,
    trailers: Headers,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            request: Headers::new(MapType::REQUEST_HEADERS),
            response: Headers::new(MapType::RESPONSE_HEADERS),
            trailers: Headers::new(MapType::RESPONSE_TRAILERS),
        }
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

    /// The response's trailers, none where there were none.
    #[must_use]
    pub fn response_trailers(&self) -> &Headers {
        &self.trailers
    }
}
