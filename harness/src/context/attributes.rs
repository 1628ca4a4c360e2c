//! What the proxy knows of a stream besides its messages: what is given when it begins, and how far it has come.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::{Locality, Metadata};

/// What the proxy knows of a stream besides its messages (rule `PROP-3`). The default is what an Envoy on loopback knows of
/// a plain HTTP/1.1 request, with ports that stand for those that a system would choose. What streams have in common is
/// shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Attributes {
    /// Client's address, `ip:port`.
    pub source: Cow<'static, str>,
    /// The listener's address, `ip:port`.
    pub destination: Cow<'static, str>,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: Cow<'static, str>,
    /// When the request came, in nanoseconds since 1970; 0 is the time at which the stream is opened.
    pub start_nanoseconds: u64,
    /// Bytes of the request's body that have come.
    pub request_bytes: u64,
    /// The response's status, once it is known (rule `PROP-5`).
    pub response_code: Option<u64>,
    /// Response code details, once the response is known.
    pub response_code_details: Option<Cow<'static, str>>,
    /// Response flags, as bits.
    pub response_flags: u64,
    /// The client's connection.
    pub connection: Arc<Connection>,
    /// The upstream; a stream knows it when its request has left the filters.
    pub upstream: Arc<Upstream>,
    /// Names and metadata from the proxy's configuration.
    pub xds: Arc<Xds>,
    /// Dynamic metadata of the stream.
    pub metadata: Metadata,
    /// Any other property, by its path with NUL bytes between the segments, in the bytes that a guest gets (rule `PROP-2`).
    pub more: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// The client's connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// Its number in the proxy.
    pub id: u64,
    /// The name in TLS's greeting.
    pub requested_server_name: String,
    /// Why the proxy ended it; empty is unknown.
    pub termination_details: String,
    /// Why its transport failed; empty is unknown.
    pub transport_failure_reason: String,
    /// Its TLS, if it has any.
    pub tls: Option<Tls>,
}

/// A connection's TLS. Texts that are empty are unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// As `TLSv1.3`.
    pub version: String,
    /// The other side has shown a certificate.
    pub mtls: bool,
    /// That certificate was checked.
    pub peer_certificate_valid: bool,
    /// The subject of the proxy's certificate.
    pub subject_local_certificate: String,
    /// The subject of the other side's.
    pub subject_peer_certificate: String,
    /// The first URI of the proxy's.
    pub uri_san_local_certificate: String,
    /// The first URI of the other side's.
    pub uri_san_peer_certificate: String,
    /// The first DNS name of the proxy's.
    pub dns_san_local_certificate: String,
    /// The first DNS name of the other side's.
    pub dns_san_peer_certificate: String,
    /// The SHA-256 of the other side's, in hexadecimal digits.
    pub sha256_peer_certificate_digest: String,
}

/// The upstream of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Its address, `ip:port`.
    pub address: String,
    /// The proxy's end of the connection, `ip:port`.
    pub local_address: String,
    /// Why the transport to it failed.
    pub transport_failure_reason: String,
    /// The name that the proxy asked for in TLS's greeting.
    pub server_name: String,
    /// Where it runs.
    pub locality: Locality,
    /// How many endpoints its cluster has.
    pub num_endpoints: u64,
    /// Metadata of the endpoint, if it has any.
    pub metadata: Option<Metadata>,
    /// Metadata of the endpoint's locality, if it has any.
    pub locality_metadata: Option<Metadata>,
    /// The connection's TLS, if it has any.
    pub tls: Option<Tls>,
}

/// Names and metadata from the proxy's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Xds {
    /// The cluster that the route leads to; none when there is no route.
    pub cluster_name: Option<String>,
    /// The cluster's metadata.
    pub cluster_metadata: Metadata,
    /// The route's name; none when there is no route.
    pub route_name: Option<String>,
    /// The route's metadata.
    pub route_metadata: Metadata,
    /// The virtual host's name; none when there is no route.
    pub virtual_host_name: Option<String>,
    /// The virtual host's metadata.
    pub virtual_host_metadata: Metadata,
    /// The filter chain's name.
    pub filter_chain_name: String,
    /// The listener's metadata.
    pub listener_metadata: Metadata,
    /// 0 unspecified, 1 inbound, 2 outbound.
    pub listener_direction: i64,
}

/// How far a stream has come, by the process' monotonic clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// When it began.
    pub opened: Duration,
    /// The request has come to its end.
    pub request_ended: bool,
    /// When the request's headers left the filters: the upstream was chosen then.
    pub upstream_chosen: Option<Duration>,
    /// The upstream has begun to answer: there is a connection.
    pub upstream_connected: bool,
    /// How long it was from then until the end of the upstream's response.
    pub backend_latency: Option<Duration>,
    /// Bytes of the response's body that have left the filters.
    pub response_bytes: u64,
    /// How long the stream was under way, once it is over.
    pub duration: Option<Duration>,
}

impl Progress {
    /// The upstream's response has come to its end.
    pub(crate) fn upstream_ended(&mut self, now: Duration) {
        self.backend_latency = self.upstream_chosen.map(|chosen| now.saturating_sub(chosen));
    }

    /// The stream is over.
    pub(crate) fn end(&mut self, now: Duration) {
        self.duration = Some(now.saturating_sub(self.opened));
    }
}

static CONNECTION: LazyLock<Arc<Connection>> = LazyLock::new(Arc::default);
static UPSTREAM: LazyLock<Arc<Upstream>> = LazyLock::new(Arc::default);
static XDS: LazyLock<Arc<Xds>> = LazyLock::new(Arc::default);

impl Default for Attributes {
    fn default() -> Self {
        Self {
            source: "127.0.0.1:50000".into(),
            destination: "127.0.0.1:10000".into(),
            protocol: "HTTP/1.1".into(),
            start_nanoseconds: 0,
            request_bytes: 0,
            response_code: None,
            response_code_details: None,
            response_flags: 0,
            connection: CONNECTION.clone(),
            upstream: UPSTREAM.clone(),
            xds: XDS.clone(),
            metadata: Metadata::default(),
            more: BTreeMap::new(),
        }
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:10001".to_owned(),
            local_address: "127.0.0.1:50001".to_owned(),
            transport_failure_reason: String::new(),
            server_name: String::new(),
            locality: Locality::default(),
            num_endpoints: 1,
            metadata: None,
            locality_metadata: None,
            tls: None,
        }
    }
}

impl Default for Xds {
    fn default() -> Self {
        Self {
            cluster_name: Some("upstream".to_owned()),
            cluster_metadata: Metadata::default(),
            route_name: Some(String::new()),
            route_metadata: Metadata::default(),
            virtual_host_name: Some("all".to_owned()),
            virtual_host_metadata: Metadata::default(),
            filter_chain_name: String::new(),
            listener_metadata: Metadata::default(),
            listener_direction: 0,
        }
    }
}
