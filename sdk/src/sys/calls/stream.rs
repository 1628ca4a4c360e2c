//! What is done with a stream: its buffers, its way on, its end.

use super::{done, returning};
use crate::Pairs;
use crate::sys::{HostError, imports};

/// Which side of a stream a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamType(u32);

impl StreamType {
    /// An HTTP request.
    pub const REQUEST: Self = Self(0);
    /// An HTTP response.
    pub const RESPONSE: Self = Self(1);
    /// A TCP connection's side of the client.
    pub const DOWNSTREAM: Self = Self(2);
    /// A TCP connection's side of the upstream.
    pub const UPSTREAM: Self = Self(3);
}

/// At most `max` bytes of a buffer, from `start`.
///
/// # Errors
///
/// [`HostError`] when there is no such buffer in this phase.
pub fn buffer(buffer: u32, start: usize, max: usize) -> Result<Vec<u8>, HostError> {
    returning("proxy_get_buffer_bytes", |data, size| unsafe {
        imports::proxy_get_buffer_bytes(buffer, start, max, data, size)
    })
}

/// Replaces `length` bytes of a buffer from `start`, which is 0 or behind the end (rule `BUF-4`).
///
/// # Errors
///
/// [`HostError`] when the buffer cannot be written in this phase, or not there.
pub fn set_buffer(buffer: u32, start: usize, length: usize, bytes: &[u8]) -> Result<(), HostError> {
    done("proxy_set_buffer_bytes", unsafe {
        imports::proxy_set_buffer_bytes(buffer, start, length, bytes.as_ptr(), bytes.len())
    })
}

/// Lets a paused stream go on, once this entry into the VM has ended (rule `BODY-8`).
///
/// # Errors
///
/// [`HostError`] when the host refuses it.
pub fn continue_stream(stream: StreamType) -> Result<(), HostError> {
    done("proxy_continue_stream", unsafe { imports::proxy_continue_stream(stream.0) })
}

/// Resets a stream, once this entry into the VM has ended (rule `LR-10`).
///
/// # Errors
///
/// [`HostError`] when the host refuses it.
pub fn close_stream(stream: StreamType) -> Result<(), HostError> {
    done("proxy_close_stream", unsafe { imports::proxy_close_stream(stream.0) })
}

/// Answers the request. The host sends it once the current phase has returned (rule `LR-2`). A gRPC status of -1 is none.
///
/// # Errors
///
/// [`HostError`] when the host refuses it.
pub fn send_local_response<'a>(
    status: u16,
    details: &str,
    headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    body: &[u8],
    grpc_status: i32,
) -> Result<(), HostError> {
    let headers = Pairs::encode(headers);
    done("proxy_send_local_response", unsafe {
        imports::proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status,
        )
    })
}
