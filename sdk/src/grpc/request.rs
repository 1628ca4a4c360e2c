//! A method of a service in a cluster of the proxy.

use std::fmt;
use std::time::Duration;

use super::{DEFAULT_MAX_MESSAGE, GrpcCall, GrpcError, GrpcStream};
use crate::callouts::DEFAULT_TIMEOUT;
use crate::headers::is_sendable;
use crate::sys::GrpcParts;
use crate::{HeaderName, Pairs};

/// A method of a service, in a cluster of the proxy.
///
/// ```
/// use std::time::Duration;
/// use tamis::HeaderName;
/// use tamis::grpc::GrpcRequest;
///
/// const X_TENANT: HeaderName = HeaderName::from_static("x-tenant");
///
/// let request = GrpcRequest::new("quota", "quota.v1.Quota", "Take")
///     .metadata(X_TENANT, "blue")
///     .timeout(Duration::from_millis(200));
/// ```
#[derive(Clone)]
#[must_use = "it is made by `call` or `open`"]
pub struct GrpcRequest {
    target: Vec<u8>,
    service: Vec<u8>,
    method: Vec<u8>,
    metadata: Vec<(HeaderName, Vec<u8>)>,
    pub(super) timeout: Duration,
    pub(super) max_message: usize,
    pub(super) max_unread: usize,
}

impl GrpcRequest {
    /// The method of a service (`package.Service`), in the cluster that has this name in the proxy's configuration.
    pub fn new(cluster: impl AsRef<[u8]>, service: impl Into<Vec<u8>>, method: impl Into<Vec<u8>>) -> Self {
        let name = cluster.as_ref();
        // Of a name the host says whether it knows it. But one that may be taken for a message goes in a message (rule
        // GRPC-1): GrpcService { envoy_grpc: { cluster_name } }.
        let target = if may_be_message(name) { field(&field(name)) } else { name.to_vec() };
        Self::with_target(target, service, method)
    }

    /// The method of a service that the proxy reaches as `target` says: a message `envoy.config.core.v3.GrpcService`.
    pub fn with_target(target: impl Into<Vec<u8>>, service: impl Into<Vec<u8>>, method: impl Into<Vec<u8>>) -> Self {
        Self {
            target: target.into(),
            service: service.into(),
            method: method.into(),
            metadata: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            max_message: DEFAULT_MAX_MESSAGE,
            max_unread: 16 * DEFAULT_MAX_MESSAGE,
        }
    }

    /// Adds to the metadata that is sent first. The value of a name that ends with `-bin` is to be in base64.
    pub fn metadata(mut self, name: HeaderName, value: impl Into<Vec<u8>>) -> Self {
        self.metadata.push((name, value.into()));
        self
    }

    /// How long the answer to a call may take: [`DEFAULT_TIMEOUT`] unless said, in whole milliseconds, rounded up, at least
    /// one. A stream has no timeout.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes a message may have to be taken into the module: [`DEFAULT_MAX_MESSAGE`] unless said. A longer one ends
    /// the call or stream with [`GrpcError::TooLong`].
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// How many bytes of a stream's messages may wait to be read: 1 MiB unless said. The proxy cannot be asked to wait, so
    /// more ends the stream with [`GrpcError::TooLong`].
    pub fn max_unread(mut self, bytes: usize) -> Self {
        self.max_unread = bytes;
        self
    }

    /// Makes a call with one message and one answer. It is on its way when this returns; `await` what it returns for the
    /// answer, or drop that to cancel it.
    pub fn call(&self, message: impl AsRef<[u8]>) -> GrpcCall {
        GrpcCall::new(self, message.as_ref())
    }

    /// Opens a stream, on which both sides can send messages.
    ///
    /// # Errors
    ///
    /// [`GrpcError`] when it is not begun.
    pub fn open(&self) -> Result<GrpcStream, GrpcError> {
        GrpcStream::open(self)
    }

    /// Hands it over in the host's form.
    pub(super) fn with_parts<T>(&self, use_them: impl FnOnce(GrpcParts<'_>) -> T) -> Result<T, GrpcError> {
        if !self.metadata.iter().all(|(_, value)| is_sendable(value)) {
            return Err(GrpcError::Malformed);
        }
        let metadata = Pairs::encode(self.metadata.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())));
        let (target, service, method) = (&self.target, &self.service, &self.method);
        Ok(use_them(GrpcParts { target, service, method, metadata: &metadata }))
    }
}

/// A message of protobuf that has nothing but these bytes as its field 1.
fn field(bytes: &[u8]) -> Vec<u8> {
    const FIELD_1_BYTES: u8 = 0x0a;
    let mut message = vec![FIELD_1_BYTES];
    let mut length = bytes.len();
    while length >= 0x80 {
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(bytes);
    message
}

/// Whether a reader of protobuf may take these bytes for a message.
fn may_be_message(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let rest = match varint(bytes) {
            Some((tag, rest)) => match tag & 7 {
                0 => varint(rest).map(|(_, rest)| rest),
                1 => rest.get(8..),
                2 => varint(rest).and_then(|(size, rest)| rest.get(usize::try_from(size).ok()?..)),
                5 => rest.get(4..),
                // The borders of groups: too odd to be sure.
                3 | 4 => return true,
                _ => None,
            },
            None => None,
        };
        match rest {
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
    true
}

/// A number, and what is behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (i, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(i + 1..)?));
        }
    }
    None
}

/// What is called, and no content: that may be secret.
impl fmt::Debug for GrpcRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcRequest")
            .field("service", &String::from_utf8_lossy(&self.service))
            .field("method", &String::from_utf8_lossy(&self.method))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_goes_by_its_name_unless_that_may_be_a_message() {
        for name in ["auth", "quota", "a", "b", "outbound|80||auth.default.svc.cluster.local"] {
            assert_eq!(GrpcRequest::new(name, "s", "m").target, name.as_bytes());
        }
        // Field 12 with eight bytes; with one byte; a group; nothing.
        for name in ["a12345678", "b\u{1}x", "cluster", ""] {
            let target = GrpcRequest::new(name, "s", "m").target;
            assert_eq!(target, field(&field(name.as_bytes())), "{name}");
        }
    }

    #[test]
    fn a_message_has_the_form_of_protobuf() {
        assert_eq!(field(&field(b"auth")), b"\x0a\x06\x0a\x04auth");
        let long = field(&field(&[b'x'; 126]));
        assert_eq!(long[..5], [0x0a, 0x80, 0x01, 0x0a, 126]);
    }
}
