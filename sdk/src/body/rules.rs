//! What a message's headers say of its body.

use super::{BodyMode, BodyState};
use crate::{Direction, HeaderMap, HeaderName, Headers, HostError};

const CONTENT_LENGTH: HeaderName = HeaderName::from_static("content-length");

/// What is known of a stream when its bodies begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Behind the headers there is no message but bytes of another protocol.
    pub tunnel: bool,
    /// gRPC.
    pub grpc: bool,
    /// Server-sent events.
    pub events: bool,
    /// Trailers are announced.
    pub trailers: bool,
}

/// Begins a body as the filter wants it; nothing when it is one that a filter does not get.
pub(crate) fn begin(
    direction: Direction,
    mut mode: BodyMode,
    headers: &mut Headers,
    tunnel: bool,
    hold: bool,
) -> Result<Option<BodyState>, HostError> {
    if !mode.any_message {
        let told = Told::by(direction, headers.iter()?);
        if told.tunnel || tunnel || (mode.is_buffered() && (told.grpc || told.events)) {
            return Ok(None);
        }
        mode.trailers |= told.trailers || told.grpc;
    }
    let held = hold && mode.is_buffered();
    if !mode.read_only && !held {
        headers.remove(&CONTENT_LENGTH)?;
    }
    Ok(Some(BodyState::new(direction, mode, held)))
}

/// Sets the length of a body that has changed, where the headers are still here and say one.
pub(crate) fn correct_length(headers: &mut Headers, length: usize) -> Result<(), HostError> {
    if headers.get(&CONTENT_LENGTH)?.is_some() {
        headers.set(&CONTENT_LENGTH, length.to_string().as_bytes())?;
    }
    Ok(())
}

impl Told {
    pub(crate) fn by<'h>(direction: Direction, headers: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> Self {
        let mut told = Self::default();
        for (name, value) in headers {
            match (name, direction) {
                (b":method", Direction::Request) => told.tunnel |= value == b"CONNECT",
                (b"upgrade", Direction::Request) => told.tunnel = true,
                (b":status", Direction::Response) => told.tunnel |= value == b"101",
                (b"content-type", _) => {
                    let kind = media_type(value);
                    told.grpc |= kind == b"application/grpc" || kind.starts_with(b"application/grpc+");
                    told.events |= kind == b"text/event-stream";
                }
                (b"trailer", _) => told.trailers = true,
                _ => {}
            }
        }
        told
    }
}

/// The type without its parameters, in lower case.
fn media_type(value: &[u8]) -> Vec<u8> {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    value.get(..end).unwrap_or_default().trim_ascii().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_what_a_body_is() {
        let (tunnel, grpc, events, trailers) = (
            Told { tunnel: true, ..Told::default() },
            Told { grpc: true, ..Told::default() },
            Told { events: true, ..Told::default() },
            Told { trailers: true, ..Told::default() },
        );
        for (direction, name, value, told) in [
            (Direction::Request, ":method", "CONNECT", tunnel),
            (Direction::Request, ":method", "POST", Told::default()),
            (Direction::Request, "upgrade", "websocket", tunnel),
            (Direction::Response, "upgrade", "h2c", Told::default()),
            (Direction::Response, ":status", "101", tunnel),
            (Direction::Response, ":status", "200", Told::default()),
            (Direction::Request, "content-type", "application/grpc", grpc),
            (Direction::Response, "content-type", "Application/gRPC+proto; x=y", grpc),
            (Direction::Response, "content-type", "application/grpc-web", Told::default()),
            (Direction::Response, "content-type", "application/json", Told::default()),
            (Direction::Response, "content-type", "text/event-stream;charset=utf-8", events),
            (Direction::Response, "trailer", "server-timing", trailers),
        ] {
            let headers = [(name.as_bytes(), value.as_bytes())];
            assert_eq!(Told::by(direction, headers.into_iter()), told, "{name}: {value}");
        }
    }
}
