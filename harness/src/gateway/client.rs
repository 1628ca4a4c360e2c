//! A small HTTP/1.1 client: one connection, one request, one answer.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use hyper::http::response::Parts;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::task::JoinSet;

use crate::scenario::Seen;
use crate::scenario::model::Request;

/// How long [`send`] waits, from the first packet to the last byte of the answer.
pub const TIME_LIMIT: Duration = Duration::from_secs(20);

/// How many bytes of an answer's body [`send`] takes.
pub const BODY_LIMIT: usize = 16 << 20;

/// What an answer's headers may take on the wire, and how many there may be: Envoy's defaults.
pub(super) const HEADER_BYTES: usize = 60 << 10;
pub(super) const HEADER_COUNT: usize = 100;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// HTTP/1.1 cannot carry the request.
    #[error("the request cannot be sent: {0}")]
    Request(String),
    /// Nobody listens there, or the way there is closed.
    #[error("cannot connect to {address}: {error}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The connection ended before the answer did, or what came is not HTTP/1.1.
    #[error("{address} gave no whole answer: {reason}")]
    Broken {
        /// Who.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// The answer's body is above [`BODY_LIMIT`].
    #[error("the answer of {address} has more than {BODY_LIMIT} bytes")]
    TooLarge {
        /// Who.
        address: SocketAddr,
    },
    /// The answer was not complete in time.
    #[error("{address} gave no whole answer within {} s", .limit.as_secs())]
    Late {
        /// Who.
        address: SocketAddr,
        /// How long was waited.
        limit: Duration,
    },
    /// The machine gives no thread, timer or socket.
    #[error("cannot start the client: {0}")]
    Start(std::io::Error),
}

/// Sends a request and waits for the whole answer. Runs in the caller's tokio runtime.
///
/// The answer has `:status` first, then its headers, names in lower case, in the order in which each name first came; the
/// values of one name stand together. A `content-length` is added as a client does that knows its whole body: with every
/// method but GET, and with every body.
///
/// # Errors
///
/// [`ClientError`]: there is no whole answer within [`TIME_LIMIT`] and [`BODY_LIMIT`]. An answer with an error status is an
/// answer.
pub async fn send(address: SocketAddr, request: &Request) -> Result<Seen, ClientError> {
    send_within(TIME_LIMIT, address, request).await
}

/// [`send`], with a limit of its own.
async fn send_within(limit: Duration, address: SocketAddr, request: &Request) -> Result<Seen, ClientError> {
    answered(limit, address, to_http(request)?).await
}

/// Sends a request and takes its answer.
pub(super) async fn answered<B>(
    limit: Duration,
    address: SocketAddr,
    request: hyper::Request<B>,
) -> Result<Seen, ClientError>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let exchange = exchange(address, request, BODY_LIMIT);
    let answer = tokio::time::timeout(limit, exchange).await.map_err(|_| ClientError::Late { address, limit })?;
    let (head, body) = answer.map_err(|error| match error {
        ExchangeError::Connect(error) => ClientError::Connect { address, error },
        ExchangeError::Broken(reason) => ClientError::Broken { address, reason },
        ExchangeError::TooLarge => ClientError::TooLarge { address },
    })?;
    let mut headers = vec![(":status".to_owned(), head.status.as_str().into())];
    headers.extend(head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())));
    Ok(Seen { headers, body: body.to_vec(), ..Seen::default() })
}

/// [`send`] for callers without a runtime; also right inside of one, where it blocks the thread that calls it.
///
/// # Errors
///
/// Those of [`send`].
pub fn send_blocking(address: SocketAddr, request: &Request) -> Result<Seen, ClientError> {
    send_blocking_within(TIME_LIMIT, address, request)
}

/// [`send_blocking`], with a limit of its own.
pub(crate) fn send_blocking_within(
    limit: Duration,
    address: SocketAddr,
    request: &Request,
) -> Result<Seen, ClientError> {
    // A runtime must not be blocked on from within another one, so it gets its own thread.
    std::thread::scope(|scope| {
        let client = std::thread::Builder::new().name("client".to_owned()).spawn_scoped(scope, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(ClientError::Start)?.block_on(send_within(limit, address, request))
        });
        let stopped = || ClientError::Start(std::io::Error::other("its thread stopped"));
        client.map_err(ClientError::Start)?.join().map_err(|_| stopped())?
    })
}

/// Why there is no whole answer.
#[derive(Debug)]
enum ExchangeError {
    Connect(std::io::Error),
    Broken(String),
    TooLarge,
}

/// One request on a connection of its own. Dropping the future closes the connection. The caller sets the time limit.
async fn exchange<B>(
    address: impl ToSocketAddrs,
    request: hyper::Request<B>,
    body_limit: usize,
) -> Result<(Parts, Bytes), ExchangeError>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let connection = TcpStream::connect(address).await.map_err(ExchangeError::Connect)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_header_size(HEADER_BYTES)
        .max_buf_size(2 * HEADER_BYTES)
        .max_headers(HEADER_COUNT)
        .handshake(TokioIo::new(connection))
        .await
        .map_err(ExchangeError::broken)?;
    // Not a plain spawn: the set stops the task when this future ends or is dropped.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let (head, body) = sender.send_request(request).await.map_err(ExchangeError::broken)?.into_parts();
    let body = Limited::new(body, body_limit).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            ExchangeError::TooLarge
        } else {
            ExchangeError::Broken(error.to_string())
        }
    })?;
    Ok((head, body.to_bytes()))
}

impl ExchangeError {
    /// hyper says the reason in the source of its error. Neither quotes what was received.
    fn broken(error: hyper::Error) -> Self {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        Self::Broken(format!("{error}{}", source.unwrap_or_default()))
    }
}

pub(super) fn to_http(request: &Request) -> Result<hyper::Request<Full<Bytes>>, ClientError> {
    let body = Bytes::copy_from_slice(request.body.as_bytes());
    let mut http = hyper::Request::new(Full::new(body));
    *http.method_mut() = request.method.parse().map_err(|error| refused("its method", error))?;
    *http.uri_mut() = request.path.parse().map_err(|error| refused("its path", error))?;
    let headers = http.headers_mut();
    headers.insert(HOST, request.authority.parse().map_err(|error| refused("its authority", error))?);
    for (name, value) in &request.headers.0 {
        let of = format!("header `{}`", name.escape_default());
        let value = HeaderValue::from_bytes(value).map_err(|error| refused(&of, error))?;
        headers.append(name.parse::<HeaderName>().map_err(|error| refused(&of, error))?, value);
    }
    let length = request.body.len();
    match headers.get(CONTENT_LENGTH) {
        Some(given) if given.as_bytes() == length.to_string().as_bytes() => {}
        Some(_) => return Err(ClientError::Request(format!("its content-length is not that of its body, {length}"))),
        None if request.method == "GET" && length == 0 => {}
        None => {
            headers.insert(CONTENT_LENGTH, length.into());
        }
    }
    Ok(http)
}

fn refused(what: &str, error: impl fmt::Display) -> ClientError {
    ClientError::Request(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::Fields;

    fn request(method: &str, header: (&str, &str), body: &str) -> Request {
        let headers = Fields(vec![(header.0.to_owned(), header.1.into())]);
        Request { method: method.to_owned(), headers, body: body.into(), ..Request::default() }
    }

    #[test]
    fn a_body_brings_its_length() {
        let length = |request: &Request| to_http(request).unwrap().headers().get(CONTENT_LENGTH).cloned();
        assert_eq!(length(&request("GET", ("a", "1"), "")), None);
        assert_eq!(length(&request("GET", ("a", "1"), "ab")).unwrap(), "2");
        assert_eq!(length(&request("POST", ("a", "1"), "")).unwrap(), "0");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_its_value() {
        for (request, said) in [
            (request("G T", ("a", "1"), ""), "its method"),
            (request("GET", ("a b", "secret"), ""), "header `a b`"),
            (request("GET", ("a", "secret\r\nb: 1"), ""), "header `a`"),
            (request("GET", ("content-length", "7"), "ab"), "its content-length"),
        ] {
            let error = to_http(&request).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("secret"), "{error}");
        }
    }
}
