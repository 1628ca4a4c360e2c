//! What a gateway is told when it starts.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use crate::context;

/// Where a gateway listens, and for whom.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// Where it listens: a loopback address. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where requests go.
    pub upstream: Upstream,
    /// Where the filters' own requests go, by the name of the cluster. A filter that calls another is told that there is
    /// no such cluster (rule `HC-1`).
    pub clusters: BTreeMap<String, Upstream>,
    /// Whether trailers of HTTP/1.1 are read and sent, as with Envoy's `enable_trailers`; without it they are dropped in
    /// both directions. HTTP/2 has them always.
    pub http1_trailers: bool,
    /// What it takes.
    pub limits: Limits,
}

impl GatewayOptions {
    /// A gateway with nothing but an upstream, on a free port of 127.0.0.1.
    #[must_use]
    pub fn new(upstream: Upstream) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            upstream,
            clusters: BTreeMap::new(),
            http1_trailers: false,
            limits: Limits::default(),
        }
    }
}

/// A server that requests are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its host. A name is looked up for every new connection.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// HTTP/2 with prior knowledge instead of HTTP/1.1.
    pub http2: bool,
}

/// Why a text names no upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not HOST:PORT, http://HOST:PORT or h2c://HOST:PORT, as in 127.0.0.1:8000")]
pub struct UpstreamError(String);

/// What a gateway takes from either side. A message's headers are bounded as in Envoy, by 60 KiB and 100 headers: a
/// request above gets a 431, a response above becomes a 502.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, 1024. Others wait to be accepted.
    pub connections: usize,
    /// Streams of one HTTP/2 connection at a time, 100, as the client is told.
    pub streams_per_connection: u32,
    /// Streams of all connections at a time, 1024. Others wait.
    pub streams: usize,
    /// How long a client may take for its headers and between requests (then the connection is closed), for the next piece
    /// of a body (then it gets a 408), and to take what is written to it (then the connection is closed): 30 s.
    pub client: Duration,
    /// How long the upstream may take from the end of the request to the headers of its answer, 15 s. Then the client gets
    /// a 504. A connection must come about within 5 s, or within this if it is less.
    pub upstream: Duration,
    /// How long nothing of a stream may move, 60 s. Then the client gets a 504, or a 408 while its request is not whole;
    /// an answer that has begun is broken off.
    pub idle: Duration,
}

/// How many bytes of a body may be on their way in one direction of one stream before no more are read: beside what
/// filters hold back, which the proxy's own limit bounds (rule `BODY-6`).
pub(super) const WINDOW: usize = 256 << 10;

impl FromStr for Upstream {
    type Err = UpstreamError;

    fn from_str(text: &str) -> Result<Self, UpstreamError> {
        let (http2, rest) = match (text.strip_prefix("http://"), text.strip_prefix("h2c://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            (None, None) => (false, text),
        };
        let wrong = || UpstreamError(text.to_owned());
        let (host, port) = rest.strip_suffix('/').unwrap_or(rest).rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
        if host.is_empty() || host.contains(odd) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port, http2 })
    }
}

impl Upstream {
    /// What filters can ask of it; of a name only what stands for any upstream.
    pub(super) fn attributes(&self) -> context::Upstream {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => context::Upstream { address: SocketAddr::new(ip, self.port).to_string(), ..Default::default() },
            Err(_) => context::Upstream::default(),
        }
    }
}

impl From<SocketAddr> for Upstream {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port(), http2: false }
    }
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.http2 { "h2c" } else { "http" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            streams_per_connection: 100,
            streams: 1024,
            client: Duration::from_secs(30),
            upstream: Duration::from_secs(15),
            idle: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_host_a_port_and_maybe_a_protocol() {
        for (text, shown) in [
            ("localhost:80", "http://localhost:80"),
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
            ("h2c://a.b:1", "h2c://a.b:1"),
            ("[::1]:9", "http://[::1]:9"),
        ] {
            assert_eq!(text.parse::<Upstream>().unwrap().to_string(), shown);
        }
        for text in ["", "localhost", "a:0", "a:70000", ":80", "https://a:1", "a b:1", "u@a:1", "http://a:1/x"] {
            assert!(text.parse::<Upstream>().is_err(), "{text}");
        }
    }
}
