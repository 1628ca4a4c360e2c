//! Between HTTP/1.1 as hyper has it and messages as filters see them.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::uri::PathAndQuery;
use hyper::http::{request, response};
use hyper::{Method, Request, Response, StatusCode, Uri};

use crate::context::HeaderMap;
use crate::stream::WireMessage;

/// A request that no filter gets to see, and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRequest {
    #[error("the request names no host")]
    NoHost,
    #[error("the request names more than one host")]
    TwoHosts,
    #[error("CONNECT is not served here")]
    Connect,
}

/// A message that HTTP/1.1 cannot carry after the filters have been at it. No text quotes a header's value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    #[error("the filters left no usable {0} (HDR-14)")]
    Pseudo(&'static str),
    #[error("the header name \"{}\" is not a token", .0.escape_ascii())]
    Name(Vec<u8>),
    #[error("the header {0} has a value with bytes that HTTP/1.1 cannot carry (HDR-17)")]
    Value(HeaderName),
    #[error("there are too many headers")]
    TooMany,
    #[error(
        "content-length is not the length of the body, which is {body} bytes (HDR-16); a filter that changes a body \
         removes content-length while it holds the headers"
    )]
    Length { body: usize },
}

/// A request as filters see it: pseudo headers first, what only concerns one connection left out.
pub(super) fn request_in(head: &request::Parts, body: Bytes) -> Result<WireMessage, BadRequest> {
    if head.method == Method::CONNECT {
        return Err(BadRequest::Connect);
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
    let mut headers = HeaderMap::default();
    headers.add(b":authority", authority);
    headers.add(b":path", head.uri.path_and_query().map_or("/", PathAndQuery::as_str).as_bytes());
    headers.add(b":method", head.method.as_str().as_bytes());
    headers.add(b":scheme", b"http");
    // hyper itself says 100 to a client that waits for it, so there is nothing left to expect.
    let regular = head.headers.iter().filter(|(name, _)| **name != HOST && name.as_str() != "expect");
    add_regular(&mut headers, regular);
    Ok(WireMessage::new(headers, body.into()))
}

/// A response as filters see it.
pub(super) fn response_in(head: &response::Parts, body: Bytes) -> WireMessage {
    let mut headers = HeaderMap::default();
    headers.add(b":status", head.status.as_str().as_bytes());
    add_regular(&mut headers, head.headers.iter());
    WireMessage::new(headers, body.into())
}

/// The gateway's own answer.
pub(super) fn local_reply(status: StatusCode, text: &str) -> WireMessage {
    let body = format!("tamis: {text}\n");
    let length = body.len().to_string();
    let headers = [(":status", status.as_str()), ("content-length", &length), ("content-type", "text/plain")];
    WireMessage::new(headers.into_iter().collect(), body.into())
}

/// A request as it goes to the upstream.
pub(super) fn request_out(message: &WireMessage) -> Result<Request<Full<Bytes>>, Unsendable> {
    let headers = &message.headers;
    let pseudo = |name: &'static str| headers.get(name.as_bytes()).ok_or(Unsendable::Pseudo(name));
    let method = Method::from_bytes(pseudo(":method")?).map_err(|_| Unsendable::Pseudo(":method"))?;
    let path = PathAndQuery::try_from(pseudo(":path")?)
        .ok()
        .filter(|path| matches!(path.as_str().as_bytes(), [b'/', ..] | b"*"));
    let path = path.ok_or(Unsendable::Pseudo(":path"))?;
    let host = HeaderValue::from_bytes(pseudo(":authority")?).map_err(|_| Unsendable::Pseudo(":authority"))?;
    let body = message.body();
    let framing = Framing::of(headers, body.len())?;
    let mut request = Request::new(Full::new(Bytes::from(body)));
    request.headers_mut().insert(HOST, host);
    fill(request.headers_mut(), headers)?;
    match framing {
        Framing::Chunked => _ = request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
        // Methods whose requests are expected to have a body say that there is none (RFC 9110, 8.6).
        Framing::Empty if matches!(method, Method::POST | Method::PUT | Method::PATCH) => {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Framing::Empty | Framing::Length => {}
    }
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from(path);
    Ok(request)
}

/// A response as it goes to a client that used this method.
pub(super) fn response_out(message: &WireMessage, method: &Method) -> Result<Response<Full<Bytes>>, Unsendable> {
    let headers = &message.headers;
    let status = headers.get(b":status").and_then(|status| StatusCode::from_bytes(status).ok());
    let status = status.filter(|status| !status.is_informational()).ok_or(Unsendable::Pseudo(":status"))?;
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    fill(response.headers_mut(), headers)?;
    if status == StatusCode::NO_CONTENT {
        response.headers_mut().remove(CONTENT_LENGTH);
    } else if *method != Method::HEAD && status != StatusCode::NOT_MODIFIED {
        let body = message.body();
        if Framing::of(headers, body.len())? == Framing::Chunked {
            response.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        *response.body_mut() = Full::new(Bytes::from(body));
    }
    Ok(response)
}

/// How the end of a body is marked.
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Empty,
    Length,
    Chunked,
}

impl Framing {
    /// What the headers say, if it is true: nobody corrects a length that is not (rule `HDR-16`).
    fn of(headers: &HeaderMap, body: usize) -> Result<Self, Unsendable> {
        let mut lengths = headers.get_all(b"content-length");
        match (lengths.next(), lengths.next()) {
            (None, _) if body == 0 => Ok(Self::Empty),
            (None, _) => Ok(Self::Chunked),
            (Some(length), None) if length == body.to_string().as_bytes() => Ok(Self::Length),
            _ => Err(Unsendable::Length { body }),
        }
    }
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
        b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => true,
        b"te" => !value.eq_ignore_ascii_case(b"trailers"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(headers: &[(&str, &str)], body: &str) -> WireMessage {
        WireMessage::new(headers.iter().copied().collect(), body.into())
    }

    fn sent(path: &str, headers: &[(&str, &str)], body: &str) -> Result<Request<Full<Bytes>>, Unsendable> {
        let pseudo = [(":authority", "a"), (":path", path), (":method", "POST"), (":scheme", "http")];
        request_out(&message(&[&pseudo, headers].concat(), body))
    }

    #[test]
    fn only_trailers_are_left_of_te() {
        let te = |value| sent("/", &[("te", value)], "").unwrap().headers().get("te").is_some();
        assert!(te("trailers") && te("Trailers"));
        assert!(!te("gzip") && !te("trailers, gzip"));
    }

    #[test]
    fn a_filter_cannot_choose_the_framing() {
        let request =
            sent("/", &[("transfer-encoding", "gzip"), ("connection", "close"), ("upgrade", "x")], "").unwrap();
        assert_eq!(
            request.headers().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["host", "content-length"]
        );
    }

    #[test]
    fn hdr_16_a_length_is_right_or_not_there() {
        let framing = |headers: &[(&str, &str)], body| Framing::of(&headers.iter().copied().collect(), body);
        assert_eq!(framing(&[], 0), Ok(Framing::Empty));
        assert_eq!(framing(&[], 3), Ok(Framing::Chunked));
        assert_eq!(framing(&[("content-length", "3")], 3), Ok(Framing::Length));
        for wrong in ["2", "+3", "03", "3,3", "", "0x3"] {
            assert_eq!(framing(&[("content-length", wrong)], 3), Err(Unsendable::Length { body: 3 }), "{wrong}");
        }
    }

    #[test]
    fn hdr_14_a_target_is_a_path_or_a_star() {
        assert_eq!(sent("/a?b=c", &[], "").unwrap().uri(), "/a?b=c");
        assert_eq!(sent("*", &[], "").unwrap().uri(), "*");
        for wrong in ["", "a", "a b", "/a b", "//x y", "http://b/", "?a"] {
            assert_eq!(sent(wrong, &[], "").unwrap_err(), Unsendable::Pseudo(":path"), "{wrong}");
        }
    }
}
