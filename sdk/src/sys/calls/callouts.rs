//! Requests of the module's own.

use super::{done, returning};
use crate::Pairs;
use crate::sys::{HostError, imports};

/// The buffer that holds the body of an answer, while the host tells of it (rule `HC-8`).
pub(crate) const HTTP_CALL_BODY: u32 = 4;

/// What a request of the module's own says.
#[derive(Debug, Clone, Copy)]
pub struct HttpCallParts<'a> {
    /// The cluster that is asked.
    pub cluster: &'a [u8],
    /// Its headers, in their wire form.
    pub headers: &'a [u8],
    /// Its body.
    pub body: &'a [u8],
    /// How long the host waits, in milliseconds; 0 means for ever.
    pub timeout: u32,
}

/// Sends a request; the answer comes later, to the plugin, with this token (rule `HC-7`). Trailers would not be sent
/// (rule `HC-2`), so there are none.
///
/// # Errors
///
/// [`HostError`]: rules `HC-1` and `HC-4`.
pub fn http_call(parts: HttpCallParts<'_>) -> Result<u32, HostError> {
    let HttpCallParts { cluster, headers, body, timeout } = parts;
    let trailers = Pairs::encode([]);
    let mut token = 0;
    done("proxy_http_call", unsafe {
        imports::proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout,
            &raw mut token,
        )
    })?;
    Ok(token)
}

/// The buffer that holds a gRPC message, while the host tells of it (rule `GRPC-3`).
pub(crate) const GRPC_MESSAGE: u32 = 5;

/// Where a gRPC call or stream goes.
#[derive(Debug, Clone, Copy)]
pub struct GrpcParts<'a> {
    /// A `GrpcService` message, or a cluster's name (rule `GRPC-1`).
    pub target: &'a [u8],
    /// The service.
    pub service: &'a [u8],
    /// The method.
    pub method: &'a [u8],
    /// The metadata that is sent first, in its wire form.
    pub metadata: &'a [u8],
}

/// Makes a call with one message and one answer, which comes later, to the plugin, with this token. A timeout in
/// milliseconds; 0 means none (rule `GRPC-4`).
///
/// # Errors
///
/// [`HostError`]: rules `GRPC-1` and `GRPC-2`.
pub fn grpc_call(parts: GrpcParts<'_>, message: &[u8], timeout: u32) -> Result<u32, HostError> {
    let GrpcParts { target, service, method, metadata } = parts;
    let mut token = 0;
    done("proxy_grpc_call", unsafe {
        imports::proxy_grpc_call(
            target.as_ptr(),
            target.len(),
            service.as_ptr(),
            service.len(),
            method.as_ptr(),
            method.len(),
            metadata.as_ptr(),
            metadata.len(),
            message.as_ptr(),
            message.len(),
            timeout,
            &raw mut token,
        )
    })?;
    Ok(token)
}

/// Opens a stream; what comes is told with this token (rule `GRPC-3`).
///
/// # Errors
///
/// [`HostError`]: rule `GRPC-1`.
pub fn grpc_stream(parts: GrpcParts<'_>) -> Result<u32, HostError> {
    let GrpcParts { target, service, method, metadata } = parts;
    let mut token = 0;
    done("proxy_grpc_stream", unsafe {
        imports::proxy_grpc_stream(
            target.as_ptr(),
            target.len(),
            service.as_ptr(),
            service.len(),
            method.as_ptr(),
            method.len(),
            metadata.as_ptr(),
            metadata.len(),
            &raw mut token,
        )
    })?;
    Ok(token)
}

/// Sends a message on a stream; with `last`, nothing follows from this side.
///
/// # Errors
///
/// [`HostError`]; [`Status::NOT_FOUND`](crate::Status::NOT_FOUND) when the stream is over.
pub fn grpc_send(token: u32, message: &[u8], last: bool) -> Result<(), HostError> {
    done("proxy_grpc_send", unsafe {
        imports::proxy_grpc_send(token, message.as_ptr(), message.len(), u32::from(last))
    })
}

/// Says that nothing follows from this side of a stream.
///
/// # Errors
///
/// [`HostError`]; [`Status::NOT_FOUND`](crate::Status::NOT_FOUND) when the stream is over.
pub fn grpc_close(token: u32) -> Result<(), HostError> {
    done("proxy_grpc_close", unsafe { imports::proxy_grpc_close(token) })
}

/// Gives a call or a stream up: nothing comes back any more.
///
/// # Errors
///
/// [`HostError`]; [`Status::NOT_FOUND`](crate::Status::NOT_FOUND) when it is over.
pub fn grpc_cancel(token: u32) -> Result<(), HostError> {
    done("proxy_grpc_cancel", unsafe { imports::proxy_grpc_cancel(token) })
}

/// How the call ended whose end the host tells of: its code and its message (rule `GRPC-4`).
///
/// # Errors
///
/// [`HostError`] when the host does not say.
pub fn call_status() -> Result<(u32, Vec<u8>), HostError> {
    let mut code = 0;
    let message =
        returning("proxy_get_status", |data, size| unsafe { imports::proxy_get_status(&raw mut code, data, size) })?;
    Ok((code, message))
}
