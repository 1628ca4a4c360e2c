//! Answers that a configuration gives: a direct response, a redirect.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tamis_core::config::{Fault, Node, ReadConfig};
use tamis_core::matching::PreciseHostname;
use tamis_core::rewrite::PathRewrite;
use tamis_core::views::{Authority, RequestPath};
use tamis_core::{HeaderName, NameValue};

use crate::{Headers, HostError, Response};
use tamis_core::text::{decimal, join};

/// A response that the configuration says, word by word.
///
/// ```yaml
/// direct_response: { status: 200, headers: [{ name: content-type, value: application/json }], body: '{"ok": true}' }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DirectResponse {
    /// The status: 200 to 599.
    pub status: DirectStatus,
    /// Its headers. Without a `content-type` the proxy says `text/plain` when there is a body.
    #[schemars(default)]
    pub headers: Vec<NameValue>,
    /// The body, as text. Empty when it is left out.
    #[schemars(default)]
    pub body: String,
}

/// Sends the client elsewhere. What is left out stays as the client asked for it; so does the query.
///
/// ```yaml
/// redirect: { status: 301, scheme: https, path: { prefix: { from: /old, to: /new } } }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Redirect {
    /// The status: 301, 302, 303, 307 or 308. 302 when it is left out.
    #[schemars(default)]
    pub status: RedirectStatus,
    /// The scheme.
    #[schemars(default)]
    pub scheme: Option<Scheme>,
    /// The host, without a port.
    #[schemars(default)]
    pub host: Option<PreciseHostname>,
    /// The port. Left out, it is the scheme's own when `scheme` is given, and else the client's.
    #[schemars(default)]
    pub port: Option<u16>,
    /// The path.
    #[schemars(default)]
    pub path: Option<PathRewrite>,
}

/// The status of a direct response: 200 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectStatus(u16);

/// The status of a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedirectStatus(u16);

/// How a client gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// What the log says of a client that cannot be sent elsewhere.
const NO_HOST: &str = "tamis_redirect_without_host";
const NO_PATH: &str = "tamis_redirect_without_path";

const LOCATION: HeaderName = HeaderName::from_static("location");

impl DirectResponse {
    /// The response.
    #[must_use]
    pub fn response(&self) -> Response {
        let response = Response::new(self.status.0).body(self.body.as_str()).details("tamis_direct_response");
        self.headers
            .iter()
            .fold(response, |response, header| response.header(header.name.name().clone(), header.value.as_bytes()))
    }
}

impl Redirect {
    /// The response to a request with these headers. A request whose host cannot be read, or whose path becomes none, is
    /// answered 400: there would be nowhere to go.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand the map over.
    pub fn response(&self, request: &Headers) -> Result<Response, HostError> {
        let scheme = request.pseudo(":scheme")?.unwrap_or_default();
        let authority = request.pseudo(":authority")?.unwrap_or_default();
        let path = request.pseudo(":path")?.unwrap_or_default();
        let location = self.location(scheme, authority, path);
        Ok(match location {
            Ok(location) => Response::new(self.status.0).header(LOCATION, location).details("tamis_redirect"),
            Err(details) => Response::new(400).details(details),
        })
    }

    /// Where to go, or why that cannot be said.
    fn location(&self, scheme: &[u8], authority: &[u8], path: &[u8]) -> Result<Vec<u8>, &'static str> {
        let asked = Authority::parse(authority).ok();
        let secure = match self.scheme {
            Some(scheme) => scheme == Scheme::Https,
            None => scheme.eq_ignore_ascii_case(b"https"),
        };
        let host = match &self.host {
            Some(host) => host.as_str().as_bytes(),
            None => asked.as_ref().map(Authority::host).filter(|host| is_host(host)).ok_or(NO_HOST)?,
        };
        let port = match (self.port, self.scheme) {
            (Some(port), _) => Some(port),
            (None, Some(_)) => None,
            (None, None) => asked.as_ref().and_then(Authority::port),
        };
        let own = if secure { 443 } else { 80 };
        let port = port.filter(|port| *port != own).map(|port| join(&[":", &decimal(u64::from(port))]));
        let path = RequestPath::new(path);
        let new = self.path.as_ref().map(|rewrite| rewrite.apply(&path)).transpose().map_err(|_| NO_PATH)?;
        let path = new.flatten().unwrap_or_else(|| path.raw().to_vec());
        // `*` and what begins with something else is no place.
        let slash: &[u8] = if path.starts_with(b"/") { b"" } else { b"/" };
        let path = if path == b"*" { Vec::new() } else { path };
        let scheme: &[u8] = if secure { b"https://" } else { b"http://" };
        Ok([scheme, host, port.unwrap_or_default().as_bytes(), slash, &path].concat())
    }
}

impl Default for RedirectStatus {
    fn default() -> Self {
        Self(302)
    }
}

impl ReadConfig for DirectStatus {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        match u16::read_config(node)? {
            status @ 200..=599 => Ok(Self(status)),
            _ => Err(node.refused(&"expected a status from 200 to 599, found another number")),
        }
    }
}

tamis_core::deserialize_by_node!(DirectStatus);

impl ReadConfig for RedirectStatus {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        match u16::read_config(node)? {
            status @ (301 | 302 | 303 | 307 | 308) => Ok(Self(status)),
            _ => Err(node.refused(&"expected 301, 302, 303, 307 or 308, found another number")),
        }
    }
}

tamis_core::deserialize_by_node!(RedirectStatus);

impl JsonSchema for DirectStatus {
    fn schema_name() -> Cow<'static, str> {
        "DirectStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 200, "maximum": 599 })
    }
}

impl JsonSchema for RedirectStatus {
    fn schema_name() -> Cow<'static, str> {
        "RedirectStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [301, 302, 303, 307, 308] })
    }
}

/// Whether a host as a client wrote it can stand in a location, and ends where it seems to.
fn is_host(host: &[u8]) -> bool {
    !host.is_empty() && host.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'?' | b'#' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn location(redirect: &str, scheme: &str, authority: &str, path: &str) -> Option<String> {
        let redirect = parse::<Redirect>(redirect.as_bytes()).unwrap();
        let location = redirect.location(scheme.as_bytes(), authority.as_bytes(), path.as_bytes());
        location.ok().map(|location| String::from_utf8(location).unwrap())
    }

    #[test]
    fn what_is_left_out_stays() {
        let to = |redirect, authority| location(redirect, "http", authority, "/a?b=1").unwrap();
        assert_eq!(to(r#"{"host": "new.example"}"#, "old.example:8080"), "http://new.example:8080/a?b=1");
        assert_eq!(to(r#"{"scheme": "https"}"#, "old.example:8080"), "https://old.example/a?b=1");
        assert_eq!(to(r#"{"scheme": "https", "port": 8443}"#, "old.example"), "https://old.example:8443/a?b=1");
        assert_eq!(to(r#"{"port": 80}"#, "old.example:8080"), "http://old.example/a?b=1");
        assert_eq!(to(r#"{"path": {"full": "/"}}"#, "[::1]:8080"), "http://[::1]:8080/?b=1");
    }

    #[test]
    fn a_request_never_chooses_another_host() {
        let to = |authority, path| location(r#"{"scheme": "https"}"#, "http", authority, path);
        assert_eq!(to("a", "//evil.example/x").unwrap(), "https://a//evil.example/x");
        assert_eq!(to("a", "*").unwrap(), "https://a/");
        assert_eq!(to("a", "@evil.example").unwrap(), "https://a/@evil.example");
        for authority in ["", "user@evil.example", "a b", "a/b"] {
            assert_eq!(to(authority, "/"), None, "{authority}");
        }
    }

    #[test]
    fn statuses_are_checked() {
        for bad in [r#"{"status": 200}"#, r#"{"status": 304}"#] {
            assert!(parse::<Redirect>(bad.as_bytes()).is_err());
        }
        assert!(parse::<DirectResponse>(br#"{"status": 101}"#).is_err());
    }
}
