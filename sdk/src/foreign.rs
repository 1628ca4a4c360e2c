//! What Envoy offers besides the ABI: its foreign functions, with types; [`call`] for others.
//!
//! | function | since Envoy |
//! |---|---|
//! | [`compress`], [`uncompress`], [`declare`], [`set_filter_state`] | 1.30 and before |
//! | [`Expression`] | where it was built so |
//! | [`verify`] | 1.30; keys in PEM: 1.37 |
//! | [`clear_route_cache`] | 1.33 |
//! | [`sign`] | 1.37 |
//!
//! Other hosts have none of them, and say so: "not found". What acts on a stream acts on that whose phase it is; before Envoy
//! 1.37 that is so in its own phases only, not where it has waited for something (rule `FF-2`).

use crate::sys::{self, HostError, Status};

mod expression;
mod message;

pub use expression::Expression;

use message::{Message, bytes_of, number_of};

/// Calls a function by its name, with the bytes that it expects.
///
/// # Errors
///
/// [`HostError`]; "not found" when the host has none of this name.
pub fn call(name: &str, argument: &[u8]) -> Result<Vec<u8>, HostError> {
    sys::foreign_function(name.as_bytes(), argument)
}

/// Has the proxy choose the route anew, by the request's headers as they are now.
///
/// ```no_run
/// # use tamis::{HeaderMap, HeaderName, HostError, RequestHeaders};
/// # const X_VERSION: HeaderName = HeaderName::from_static("x-version");
/// # fn f(request: &mut RequestHeaders) -> Result<(), HostError> {
/// request.headers().set(&X_VERSION, b"2")?;
/// tamis::foreign::clear_route_cache()
/// # }
/// ```
///
/// # Errors
///
/// [`HostError`]; "not found" in hosts that have no such function.
pub fn clear_route_cache() -> Result<(), HostError> {
    call("clear_route_cache", b"").map(drop)
}

/// Bytes as a stream of zlib (RFC 1950; not gzip).
///
/// # Errors
///
/// [`HostError`] when it fails, or where there is no such function.
pub fn compress(bytes: &[u8]) -> Result<Vec<u8>, HostError> {
    call("compress", bytes)
}

/// The bytes that a stream of zlib holds. The proxy unpacks it whole, however long it becomes: never give it what a client or
/// an upstream has sent.
///
/// # Errors
///
/// [`HostError`] for other bytes, or where there is no such function.
pub fn uncompress(zlib: &[u8]) -> Result<Vec<u8>, HostError> {
    call("uncompress", zlib)
}

/// How long something lives that a filter stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// As long as this request is in this chain of filters.
    FilterChain = 0,
    /// As long as the client's request.
    Request = 1,
    /// As long as the client's connection.
    Connection = 2,
}

/// Stores a value in the proxy's filter state under a key of its own, such as `envoy.tcp_proxy.cluster`, where its native
/// filters look. Keys of any name, for access logs, are those of [`attributes::filter_state`](crate::attributes::filter_state).
///
/// # Errors
///
/// [`HostError`]; "not found" for a key that the proxy has no use for, "bad argument" for a value that makes nothing of it (rule
/// `FF-5`).
pub fn set_filter_state(key: &str, value: &[u8], span: Span) -> Result<(), HostError> {
    let argument = Message::default().bytes(1, key.as_bytes()).bytes(2, value).number(3, span as u64);
    call("set_envoy_filter_state", &argument.done()).map(drop)
}

/// What a name of [`attributes::filter_state`](crate::attributes::filter_state) holds, if it is more than bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holds {
    /// Bytes.
    Bytes = 0,
    /// Text, which access logs and expressions show as it is.
    Text = 1,
}

/// Declares a name of [`attributes::filter_state`](crate::attributes::filter_state): what it holds, how long it lives, and
/// whether it can be set once only. Once for a plugin, when that is made.
///
/// # Errors
///
/// [`HostError`]; "bad argument" when it was declared already.
pub fn declare(name: &str, holds: Holds, span: Span, once: bool) -> Result<(), HostError> {
    let argument = Message::default().bytes(1, name.as_bytes()).number(2, u64::from(once));
    let argument = argument.number(3, holds as u64).number(5, span as u64);
    call("declare_property", &argument.done()).map(drop)
}

/// A hash function of [`sign`] and [`verify`]. SHA-1 is for what was signed long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "names of hash functions")]
pub enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Sha1 => b"sha1",
            Self::Sha224 => b"sha224",
            Self::Sha256 => b"sha256",
            Self::Sha384 => b"sha384",
            Self::Sha512 => b"sha512",
        }
    }
}

/// A key, in one of its forms.
#[derive(Clone, Copy)]
pub enum Key<'a> {
    /// DER.
    Der(&'a [u8]),
    /// PEM; since Envoy 1.37.
    Pem(&'a str),
}

/// Its form, and nothing else.
impl std::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Der(_) => "Key::Der",
            Self::Pem(_) => "Key::Pem",
        })
    }
}

/// Whether this is the signature of these bytes by the owner of this public key.
///
/// ```no_run
/// # use tamis::foreign::{Hash, Key, verify};
/// # fn f(public_key: &[u8], signature: &[u8]) -> Result<bool, tamis::HostError> {
/// verify(Hash::Sha256, Key::Der(public_key), signature, b"text")
/// # }
/// ```
///
/// # Errors
///
/// [`HostError`] where there is no such function. What is no key, or not the signature, is `false`.
pub fn verify(hash: Hash, public_key: Key<'_>, signature: &[u8], bytes: &[u8]) -> Result<bool, HostError> {
    let argument = Message::default().bytes(1, hash.name());
    let argument = match public_key {
        Key::Der(key) => argument.bytes(2, key),
        Key::Pem(key) => argument.bytes(5, key.as_bytes()),
    };
    let answer = call("verify_signature", &argument.bytes(3, signature).bytes(4, bytes).done())?;
    Ok(number_of(&answer, 1) == Some(1))
}

/// The signature of bytes by the owner of this private key.
///
/// # Errors
///
/// [`HostError`] where there is no such function; "bad argument" for what is no key.
pub fn sign(hash: Hash, private_key: Key<'_>, bytes: &[u8]) -> Result<Vec<u8>, HostError> {
    let argument = Message::default().bytes(1, hash.name());
    let argument = match private_key {
        Key::Der(key) => argument.bytes(2, key),
        Key::Pem(key) => argument.bytes(4, key.as_bytes()),
    };
    let answer = call("sign", &argument.bytes(3, bytes).done())?;
    match (number_of(&answer, 1), bytes_of(&answer, 2)) {
        (Some(1), Some(signature)) => Ok(signature.to_vec()),
        _ => Err(HostError::new("proxy_call_foreign_function", Status::BAD_ARGUMENT)),
    }
}
