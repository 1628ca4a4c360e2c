//! Request or response.

use crate::sys::{MapType, StreamType};

/// Which of the two messages of a stream is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

impl Direction {
    pub(crate) const fn headers(self) -> MapType {
        match self {
            Self::Request => MapType::REQUEST_HEADERS,
            Self::Response => MapType::RESPONSE_HEADERS,
        }
    }

    pub(crate) const fn trailers(self) -> MapType {
        match self {
            Self::Request => MapType::REQUEST_TRAILERS,
            Self::Response => MapType::RESPONSE_TRAILERS,
        }
    }

    #[cfg_attr(test, allow(dead_code, reason = "unit tests have no host"))]
    /// The body's number among the host's buffers.
    pub(crate) const fn buffer(self) -> u32 {
        match self {
            Self::Request => 0,
            Self::Response => 1,
        }
    }

    pub(crate) const fn stream(self) -> StreamType {
        match self {
            Self::Request => StreamType::REQUEST,
            Self::Response => StreamType::RESPONSE,
        }
    }
}
