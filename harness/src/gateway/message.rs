//! Between HTTP as hyper has it and messages as filters see them.

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::http::{request, response};
use hyper::{Method, StatusCode, Uri, Version};

use super::client::HEADER_COUNT;
use super::framing::Length;
use crate::context::HeaderMap;

/// A request that no filter gets to see, and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRequest {
    #[error("the request names no host")]
    NoHost,
    #[error("the request names more than one host")]
    TwoHosts,
    #[error("CONNECT is not served here")]
    Connect,
    #[error("the protocol cannot be changed here")]
    Upgrade,
    #[error("HTTP/1.0 is not served here")]
    Http10,
    #[error("the request has too many headers")]
    TooMany,
    #[error("the request's body has an encoding besides chunked")]
    Encoding,
    #[error("the request's host has characters that no host has")]
    Host,
    #[error("the request's method is not known")]
    Method,
    #[error("the request's target is no path")]
    Target,
    #[error("the request's `connection` names a header that is not the connection's")]
    Connection,
}

/// A message that HTTP cannot carry after the filters have been at it. No text quotes a header's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    #[error("the filters left no usable {0} (HDR-14)")]
    Pseudo(&'static str),
    #[error("the header name \"{}\" is not a token", .0.escape_ascii())]
    Name(Vec<u8>),
    #[error("the header {0} has a value with bytes that HTTP cannot carry (HDR-17)")]
    Value(HeaderName),
    #[error("there are too many headers")]
    TooMany,
    #[error("content-length is not a number (HDR-16)")]
    NoLength,
    #[error("the body has more bytes than content-length says, {announced} (HDR-16); {CHANGES}")]
    TooLong { announced: u64 },
    #[error("content-length is {announced}, and the body has {body} bytes (HDR-16); {CHANGES}")]
    TooShort { announced: u64, body: u64 },
    #[error("the stream ended before the body did")]
    BrokenOff,
}

const CHANGES: &str = "a filter that changes a body removes content-length while it holds the headers";

/// The protocol of the connection that a message goes out on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

impl BadRequest {
    /// What the client gets: what Envoy gives it by default.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoHost | Self::TwoHosts | Self::Host | Self::Method | Self::Connection => StatusCode::BAD_REQUEST,
            Self::Connect | Self::Target => StatusCode::NOT_FOUND,
            Self::Upgrade => StatusCode::FORBIDDEN,
            Self::Http10 => StatusCode::UPGRADE_REQUIRED,
            Self::TooMany => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Encoding => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

/// A request's headers as filters see them: pseudo headers first, what only concerns one connection left out.
pub(super) fn request_in(head: &request::Parts) -> Result<HeaderMap, BadRequest> {
    if head.version == Version::HTTP_10 || head.version == Version::HTTP_09 {
        return Err(BadRequest::Http10);
    }
    if head.method == Method::CONNECT {
        return Err(BadRequest::Connect);
    }
    if head.headers.len() > HEADER_COUNT {
        return Err(BadRequest::TooMany);
    }
    if head.version == Version::HTTP_11 && asks_for_upgrade(&head.headers) {
        return Err(BadRequest::Upgrade);
    }
    if head.version == Version::HTTP_11 {
        is_plain(head)?;
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(BadRequest::TwoHosts);
    }
    // A target with a host of its own wins over the header (RFC 9112, 3.2.2).
    let authority = match (head.uri.authority(), host) {
        // Nothing but the host and the port: what may stand before them is a password.
        (Some(authority), _) => authority.as_str().rsplit('@').next().unwrap_or_default().as_bytes(),
        (None, Some(host)) if !host.is_empty() => host.as_bytes(),
        _ => return Err(BadRequest::NoHost),
    };
    if !authority.iter().all(is_of_a_host) {
        return Err(BadRequest::Host);
    }
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    // The gateway's one route is the prefix `/`.
    if !path.starts_with('/') {
        return Err(BadRequest::Target);
    }
    let mut headers = HeaderMap::default();
    headers.add(b":authority", authority);
    headers.add(b":path", path.as_bytes());
    headers.add(b":method", head.method.as_str().as_bytes());
    headers.add(b":scheme", b"http");
    // hyper itself says 100 to a client that waits for it, so there is nothing left to expect.
    let regular = head
        .headers
        .iter()
        .filter(|(name, _)| **name != HOST && name.as_str() != "expect" && !is_nominated(&head.headers, name));
    // HTTP/2 lets a client send its cookies in pieces; filters see one header, as they do in Envoy.
    let joined = head.version == Version::HTTP_2 && head.headers.get_all(COOKIE).iter().nth(1).is_some();
    add_regular(&mut headers, regular.filter(|(name, _)| !(joined && **name == COOKIE)));
    if joined {
        let crumbs = head.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
        headers.add(b"cookie", &crumbs.join(b"; ".as_slice()));
    }
    Ok(headers)
}

/// What Envoy refuses in HTTP/1.1 and hyper does not (rule `WIRE-2`).
fn is_plain(head: &request::Parts) -> Result<(), BadRequest> {
    if !METHODS.split(' ').any(|known| known == head.method.as_str()) {
        return Err(BadRequest::Method);
    }
    let mut encodings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    if encodings.next().is_some_and(|value| !plain(value)) || encodings.next().is_some() {
        return Err(BadRequest::Encoding);
    }
    let denied = |word: &[u8]| {
        word.starts_with(b":") || NOT_OF_A_CONNECTION.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    if connection_words(&head.headers).any(denied) {
        return Err(BadRequest::Connection);
    }
    Ok(())
}

/// The methods that Envoy's codec for HTTP/1.1 knows.
const METHODS: &str = "ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY OPTIONS \
                       PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE";

/// What `connection` must not name, besides pseudo headers.
const NOT_OF_A_CONNECTION: [&str; 4] = ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// What `connection` lists.
fn connection_words(headers: &hyper::HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(CONNECTION).iter();
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// Whether `connection` says that a header goes no further; what `te` says of trailers does all the same.
fn is_nominated(headers: &hyper::HeaderMap, name: &HeaderName) -> bool {
    *name != TE && connection_words(headers).any(|word| word.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

/// The characters that Envoy allows in a host.
fn is_of_a_host(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@[]".contains(byte)
}

/// Envoy's rule: `connection` has the word, and `upgrade` says what for. HTTP/2 is no other protocol here: who offers it
/// that way goes on with HTTP/1.1.
fn asks_for_upgrade(headers: &hyper::HeaderMap) -> bool {
    let has_word = |value: &HeaderValue| {
        value.as_bytes().split(|byte| *byte == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    };
    let wanted = headers.get(UPGRADE).map(HeaderValue::as_bytes).unwrap_or_default();
    !wanted.is_empty() && !wanted.eq_ignore_ascii_case(b"h2c") && headers.get_all(CONNECTION).iter().any(has_word)
}

/// A response's headers as filters see them.
pub(super) fn response_in(head: &response::Parts) -> HeaderMap {
    let mut headers = HeaderMap::default();
    headers.add(b":status", head.status.as_str().as_bytes());
    add_regular(&mut headers, head.headers.iter());
    headers
}

/// Trailers as filters see them.
pub(super) fn trailers_in(trailers: &hyper::HeaderMap) -> HeaderMap {
    let mut map = HeaderMap::default();
    for (name, value) in trailers {
        map.add(name.as_str().as_bytes(), value.as_bytes());
    }
    map
}

/// A request's head as it goes to the upstream, and how its body ends; with `end` it has none.
pub(super) fn request_out(
    headers: &HeaderMap,
    end: bool,
    protocol: Protocol,
) -> Result<(request::Parts, Length), Unsendable> {
    let pseudo = |name: &'static str| headers.get(name.as_bytes()).ok_or(Unsendable::Pseudo(name));
    let method = Method::from_bytes(pseudo(":method")?).map_err(|_| Unsendable::Pseudo(":method"))?;
    let method = Some(method).filter(|method| *method != Method::CONNECT).ok_or(Unsendable::Pseudo(":method"))?;
    let path = PathAndQuery::try_from(pseudo(":path")?)
        .ok()
        .filter(|path| matches!(path.as_str().as_bytes(), [b'/', ..] | b"*"));
    let path = path.ok_or(Unsendable::Pseudo(":path"))?;
    let authority = pseudo(":authority")?;
    let length = Length::of(headers, end)?;
    let (mut request, ()) = hyper::Request::new(()).into_parts();
    match protocol {
        Protocol::Http1 => {
            let host = HeaderValue::from_bytes(authority).map_err(|_| Unsendable::Pseudo(":authority"))?;
            request.headers.insert(HOST, host);
            request.uri = Uri::from(path);
        }
        Protocol::Http2 => {
            let mut uri = hyper::http::uri::Parts::default();
            let authority = Authority::try_from(authority).map_err(|_| Unsendable::Pseudo(":authority"))?;
            (uri.scheme, uri.authority, uri.path_and_query) = (Some(Scheme::HTTP), Some(authority), Some(path));
            request.uri = Uri::from_parts(uri).map_err(|_| Unsendable::Pseudo(":authority"))?;
            request.version = Version::HTTP_2;
        }
    }
    fill(&mut request.headers, headers)?;
    match (protocol, length) {
        (Protocol::Http1, Length::Marked) if !end => {
            request.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        // Methods whose requests are expected to have a body say that there is none (RFC 9110, 8.6).
        (Protocol::Http1, Length::Marked) if matches!(method, Method::POST | Method::PUT | Method::PATCH) => {
            request.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        _ => {}
    }
    request.method = method;
    Ok((request, length))
}

/// A response's head as it goes to a client that used this method, and how its body ends; with `end` it has none.
pub(super) fn response_out(
    headers: &HeaderMap,
    end: bool,
    method: &Method,
) -> Result<(response::Parts, Length), Unsendable> {
    let status = headers.get(b":status").and_then(|status| StatusCode::from_bytes(status).ok());
    let status = status.filter(|status| !status.is_informational()).ok_or(Unsendable::Pseudo(":status"))?;
    let (mut response, ()) = hyper::Response::new(()).into_parts();
    response.status = status;
    fill(&mut response.headers, headers)?;
    let length = if status == StatusCode::NO_CONTENT {
        response.headers.remove(CONTENT_LENGTH);
        Length::None
    } else if *method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
        Length::None
    } else {
        Length::of(headers, end)?
    };
    Ok((response, length))
}

/// Trailers as they go out. What cannot be a trailer is left out: a message that has begun cannot be refused any more.
pub(super) fn trailers_out(trailers: &HeaderMap) -> hyper::HeaderMap {
    let mut map = hyper::HeaderMap::new();
    for (name, value) in trailers.iter() {
        let pair = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = pair
            && !is_hop_by_hop(name.as_str().as_bytes(), value.as_bytes())
            && !matches!(name, CONTENT_LENGTH | HOST)
        {
            let _ = map.try_append(name, value);
        }
    }
    map
}

fn add_regular<'h>(headers: &mut HeaderMap, from: impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)>) {
    for (name, value) in from {
        if !is_hop_by_hop(name.as_str().as_bytes(), value.as_bytes()) {
            headers.add(name.as_str().as_bytes(), value.as_bytes());
        }
    }
}

fn fill(into: &mut hyper::HeaderMap, headers: &HeaderMap) -> Result<(), Unsendable> {
    for (name, value) in headers.iter() {
        if matches!(name, b":authority" | b":path" | b":method" | b":scheme" | b":status") || is_hop_by_hop(name, value)
        {
            continue;
        }
        let name = HeaderName::from_bytes(name).map_err(|_| Unsendable::Name(name.to_vec()))?;
        let value = HeaderValue::from_bytes(value).map_err(|_| Unsendable::Value(name.clone()))?;
        into.try_append(name, value).map_err(|_| Unsendable::TooMany)?;
    }
    Ok(())
}

/// What concerns the connection it came on, and no other.
fn is_hop_by_hop(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" | b"http2-settings" => {
            true
        }
        b"te" => !value.eq_ignore_ascii_case(b"trailers"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(path: &str, headers: &[(&str, &str)]) -> Result<request::Parts, Unsendable> {
        let pseudo = [(":authority", "a"), (":path", path), (":method", "POST"), (":scheme", "http")];
        let headers = [&pseudo, headers].concat().into_iter().collect();
        request_out(&headers, true, Protocol::Http1).map(|(head, _)| head)
    }

    #[test]
    fn only_trailers_are_left_of_te() {
        let te = |value| sent("/", &[("te", value)]).unwrap().headers.get("te").is_some();
        assert!(te("trailers") && te("Trailers"));
        assert!(!te("gzip") && !te("trailers, gzip"));
    }

    #[test]
    fn a_filter_cannot_choose_the_framing() {
        let request = sent("/", &[("transfer-encoding", "gzip"), ("connection", "close"), ("upgrade", "x")]).unwrap();
        let names = request.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>();
        assert_eq!(names, ["host", "content-length"]);
    }

    #[test]
    fn hdr_14_a_target_is_a_path_or_a_star() {
        assert_eq!(sent("/a?b=c", &[]).unwrap().uri, "/a?b=c");
        assert_eq!(sent("*", &[]).unwrap().uri, "*");
        for wrong in ["", "a", "a b", "/a b", "//x y", "http://b/", "?a"] {
            assert_eq!(sent(wrong, &[]).unwrap_err(), Unsendable::Pseudo(":path"), "{wrong}");
        }
    }

    #[test]
    fn an_upgrade_is_a_word_and_a_protocol() {
        let asks = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()));
            asks_for_upgrade(&pairs.collect())
        };
        assert!(asks(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]));
        assert!(!asks(&[("connection", "keep-alive"), ("upgrade", "websocket")]));
        assert!(!asks(&[("connection", "upgrade")]));
        assert!(!asks(&[("connection", "upgrade, http2-settings"), ("upgrade", "h2c")]));
    }
}
