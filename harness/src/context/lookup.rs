//! Attributes by root and field (rule `PROP-3`).

use std::collections::HashMap;
use std::time::Duration;

use tamis_module::gate::EnvoyVersion;

use super::attributes::{Attributes, Connection, Progress, Tls};
use super::messages::Metadata;
use super::value::Value;
use super::{Exchange, HeaderMap, Visible, grpc_status};

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Found {
    /// No attribute: the path may be something else.
    Elsewhere,
    /// An attribute that has no value now, or a field that there is not.
    Missing,
    /// A root as a whole, which has no wire form.
    Root,
    /// This, and the rest of the path.
    Value(Value, usize),
}

/// A stream's attributes, as one context sees them.
pub(super) struct Stream<'e> {
    pub exchange: &'e Exchange,
    pub visible: Visible,
    pub envoy: EnvoyVersion,
}

impl Stream<'_> {
    /// Looks a path up; `node` is not the stream's, and is not found here.
    pub(super) fn find(&self, segments: &[&str]) -> Found {
        let (root, field) = match segments {
            [] => return Found::Elsewhere,
            [root @ ("request" | "response"), field @ ("headers" | "trailers"), name, ..] => {
                let map = match (*root, *field) {
                    ("request", "headers") => self.request_headers(),
                    ("response", "headers") => self.response_headers(),
                    ("response", _) => self.response_trailers(),
                    _ => None,
                };
                let value = map.and_then(|map| one(map, name));
                return value.map_or(Found::Missing, |value| Found::Value(value, 3));
            }
            [root] => (*root, None),
            [root, field, ..] => (*root, Some(*field)),
        };
        let attributes = &self.exchange.attributes;
        let field = match (root, field) {
            ("metadata", _) => return Found::Value(attributes.metadata.value(), 1),
            ("connection_id", None) => return Found::Value(Value::Uint(attributes.connection.id), 1),
            ("upstream_filter_state", _) if !self.exchange.progress.upstream_connected => return Found::Missing,
            ("upstream_filter_state", Some(_)) => return Found::Missing,
            ("request" | "response" | "connection" | "upstream" | "source" | "destination", None)
            | ("filter_state" | "upstream_filter_state" | "xds", None) => return Found::Root,
            (_, None) => return self.old(root).map_or(Found::Elsewhere, |value| Found::Value(value, 1)),
            (_, Some(field)) => field,
        };
        let value = match root {
            "request" => self.request(field),
            "response" => self.response(field),
            "connection" => connection(&attributes.connection, field, self.envoy),
            "upstream" => self.upstream(field),
            "source" => address(&attributes.source, field),
            "destination" => address(&attributes.destination, field),
            "xds" => self.xds(field),
            _ => return self.old(root).map_or(Found::Elsewhere, |value| Found::Value(value, 1)),
        };
        value.map_or(Found::Missing, |value| Found::Value(value, 2))
    }

    /// What is derived from headers is there as long as they are (rule `PROP-4`); the rest always.
    fn request(&self, field: &str) -> Option<Value> {
        let attributes = &self.exchange.attributes;
        let headers = self.request_headers();
        let header = |name: &str| Some(Value::Bytes(headers?.get(name.as_bytes())?.to_vec()));
        let path = || headers?.get(b":path");
        let header_bytes = headers.map_or(0, HeaderMap::bytes) as u64;
        match field {
            "path" => header(":path"),
            "url_path" => Some(Value::Bytes(before(path()?, b'?').to_vec())),
            "query" => Some(Value::Bytes(after(path()?, b'?').to_vec())),
            "host" => header(":authority"),
            "scheme" => header(":scheme"),
            "method" => header(":method"),
            "referer" => header("referer"),
            "useragent" => header("user-agent"),
            "id" => header("x-request-id"),
            "headers" => Some(joined(headers)),
            "protocol" if !self.exchange.is_connection => Some(Value::text(&attributes.protocol)),
            "time" => Some(Value::Int(attributes.start_nanoseconds.cast_signed())),
            "duration" if !self.exchange.is_connection => self.exchange.progress.duration.map(nanoseconds),
            "size" => Some(Value::Int(self.request_size().cast_signed())),
            "total_size" => Some(Value::Int((attributes.request_bytes + header_bytes).cast_signed())),
            "headers_bytes" if self.is_since(37) => Some(Value::Int(header_bytes.cast_signed())),
            _ => None,
        }
    }

    /// The declared size counts, where there is one (rule `PROP-8`).
    fn request_size(&self) -> u64 {
        let declared = self.exchange.request.headers.as_ref().and_then(|headers| headers.get(b"content-length"));
        let declared = declared.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        declared.unwrap_or(self.exchange.attributes.request_bytes)
    }

    fn response(&self, field: &str) -> Option<Value> {
        let (attributes, progress) = (&self.exchange.attributes, &self.exchange.progress);
        let (headers, trailers) = (self.response_headers(), self.response_trailers());
        let bytes = |map: Option<&HeaderMap>| map.map_or(0, HeaderMap::bytes) as u64;
        let int = |size: u64| Some(Value::Int(size.cast_signed()));
        match field {
            "code" => int(attributes.response_code?),
            "code_details" => Some(Value::text(attributes.response_code_details.as_ref()?)),
            "flags" => int(attributes.response_flags),
            "grpc_status" => {
                let named = [trailers, headers].into_iter().flatten().find_map(|map| map.get(b"grpc-status"));
                let named = named.map(|value| std::str::from_utf8(value).ok()?.parse::<i64>().ok());
                match named {
                    // Envoy's word for a status that is none.
                    Some(status) => Some(Value::Int(status.filter(|status| (0..=16).contains(status)).unwrap_or(-1))),
                    None => int(u64::from(grpc_status(attributes.response_code?))),
                }
            }
            "headers" => Some(joined(headers)),
            "trailers" => Some(joined(trailers)),
            "size" => int(progress.response_bytes),
            "total_size" => int(progress.response_bytes + bytes(headers) + bytes(trailers)),
            "headers_bytes" if self.is_since(37) => int(bytes(headers)),
            "backend_latency" if self.is_since(32) => progress.backend_latency.map(nanoseconds),
            _ => None,
        }
    }

    fn upstream(&self, field: &str) -> Option<Value> {
        let Exchange { progress: Progress { upstream_chosen, upstream_connected, .. }, attributes, .. } = self.exchange;
        let upstream = &attributes.upstream;
        match field {
            "num_endpoints" if self.is_since(36) => self.cluster().map(|_| Value::Uint(upstream.num_endpoints)),
            "request_attempt_count" if self.is_since(34) => Some(Value::Uint(u64::from(upstream_chosen.is_some()))),
            // A connection has an upstream before it has chosen one.
            "transport_failure_reason" if self.exchange.is_connection => {
                Some(Value::text(&upstream.transport_failure_reason))
            }
            _ if upstream_chosen.is_none() => None,
            "address" | "port" => address(&upstream.address, field),
            "transport_failure_reason" => Some(Value::text(&upstream.transport_failure_reason)),
            "locality" if self.is_since(34) => Some(upstream.locality.value()),
            "local_address" if *upstream_connected => Some(Value::text(&upstream.local_address)),
            "cx_pool_ready_duration" if *upstream_connected && self.is_since(34) => Some(Value::Int(0)),
            "server_name" if self.is_since(39) => known(&upstream.server_name),
            _ => tls(upstream.tls.as_ref()?, field),
        }
    }

    fn xds(&self, field: &str) -> Option<Value> {
        let Attributes { xds, upstream, .. } = &self.exchange.attributes;
        let name = |name: &Option<String>| name.as_deref().map(Value::text);
        let metadata = |of: &Option<String>, metadata: &Metadata| of.as_ref().map(|_| metadata.value());
        let chosen = |metadata: &Option<Metadata>| {
            self.exchange.progress.upstream_chosen?;
            // An upstream without metadata has a value that cannot be written.
            Some(metadata.as_ref().map_or(Value::Null, Metadata::value))
        };
        match field {
            "cluster_name" => self.cluster().map(Value::text),
            "cluster_metadata" => self.cluster().map(|_| xds.cluster_metadata.value()),
            "route_name" | "route_metadata" | "virtual_host_name" | "virtual_host_metadata"
                if self.exchange.is_connection =>
            {
                None
            }
            "route_name" => name(&xds.route_name),
            "route_metadata" => metadata(&xds.route_name, &xds.route_metadata),
            "virtual_host_name" if self.is_since(34) => name(&xds.virtual_host_name),
            "virtual_host_metadata" if self.is_since(34) => {
                metadata(&xds.virtual_host_name, &xds.virtual_host_metadata)
            }
            "upstream_host_metadata" => chosen(&upstream.metadata),
            "upstream_host_locality_metadata" if self.is_since(35) => chosen(&upstream.locality_metadata),
            "filter_chain_name" => Some(Value::text(&xds.filter_chain_name)),
            "listener_metadata" => Some(xds.listener_metadata.value()),
            "listener_direction" => Some(Value::Int(xds.listener_direction)),
            _ => None,
        }
    }

    /// The cluster: a request's is known with its route, a connection's when the proxy connects to it (rule `TCP-3`).
    fn cluster(&self) -> Option<&str> {
        let Exchange { attributes, progress, is_connection, .. } = self.exchange;
        let is_known = !is_connection || progress.upstream_chosen.is_some();
        attributes.xds.cluster_name.as_deref().filter(|_| is_known)
    }

    /// The names that stood at the top before 1.33.
    fn old(&self, root: &str) -> Option<Value> {
        let is_old = matches!(
            root,
            "listener_direction"
                | "listener_metadata"
                | "cluster_name"
                | "cluster_metadata"
                | "route_name"
                | "route_metadata"
                | "upstream_host_metadata"
        );
        if is_old && !self.is_since(33) { self.xds(root) } else { None }
    }

    fn is_since(&self, minor: u8) -> bool {
        self.envoy >= EnvoyVersion::minor(minor)
    }

    fn request_headers(&self) -> Option<&HeaderMap> {
        let Visible { request_headers, log, .. } = self.visible;
        self.exchange.request.headers.as_ref().filter(|_| request_headers || log)
    }

    fn response_headers(&self) -> Option<&HeaderMap> {
        let Visible { response_headers, log, .. } = self.visible;
        self.exchange.response.headers.as_ref().filter(|_| response_headers || log)
    }

    fn response_trailers(&self) -> Option<&HeaderMap> {
        let Visible { response_trailers, log, .. } = self.visible;
        self.exchange.response.trailers.as_ref().filter(|_| response_trailers || log)
    }
}

fn connection(connection: &Connection, field: &str, envoy: EnvoyVersion) -> Option<Value> {
    let of_tls = |value: fn(&Tls) -> bool| Some(Value::Bool(connection.tls.as_ref().is_some_and(value)));
    match field {
        "id" => Some(Value::Uint(connection.id)),
        "mtls" => of_tls(|tls| tls.mtls),
        "peer_certificate_valid" if envoy >= EnvoyVersion::minor(39) => of_tls(|tls| tls.peer_certificate_valid),
        "requested_server_name" => Some(Value::text(&connection.requested_server_name)),
        "termination_details" => known(&connection.termination_details),
        "transport_failure_reason" => known(&connection.transport_failure_reason),
        _ => tls(connection.tls.as_ref()?, field),
    }
}

fn tls(tls: &Tls, field: &str) -> Option<Value> {
    match field {
        "tls_version" => Some(Value::text(&tls.version)),
        "subject_local_certificate" => Some(Value::text(&tls.subject_local_certificate)),
        "subject_peer_certificate" => Some(Value::text(&tls.subject_peer_certificate)),
        "uri_san_local_certificate" => known(&tls.uri_san_local_certificate),
        "uri_san_peer_certificate" => known(&tls.uri_san_peer_certificate),
        "dns_san_local_certificate" => known(&tls.dns_san_local_certificate),
        "dns_san_peer_certificate" => known(&tls.dns_san_peer_certificate),
        "sha256_peer_certificate_digest" => known(&tls.sha256_peer_certificate_digest),
        _ => None,
    }
}

fn known(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::text(text))
}

fn nanoseconds(duration: Duration) -> Value {
    Value::Int(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

fn address(address: &str, field: &str) -> Option<Value> {
    match field {
        "address" => Some(Value::text(address)),
        "port" => Some(Value::Int(address.rsplit_once(':')?.1.parse().ok()?)),
        _ => None,
    }
}

/// A map of headers: each name once, its values joined by commas; one that is out of reach is empty.
fn joined(headers: Option<&HeaderMap>) -> Value {
    let mut entries: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut places = HashMap::new();
    for (name, value) in headers.into_iter().flat_map(HeaderMap::iter) {
        let place = *places.entry(name).or_insert(entries.len());
        match entries.get_mut(place) {
            Some((_, values)) => {
                values.push(b',');
                values.extend_from_slice(value);
            }
            None => entries.push((name.to_vec(), value.to_vec())),
        }
    }
    Value::Map(entries.into_iter().map(|(name, values)| (name, Value::Bytes(values))).collect())
}

/// All values of a name, joined by commas.
fn one(headers: &HeaderMap, name: &str) -> Option<Value> {
    let values = headers.get_all(name.as_bytes()).collect::<Vec<_>>();
    (!values.is_empty()).then(|| Value::Bytes(values.join(b",".as_slice())))
}

fn before(bytes: &[u8], separator: u8) -> &[u8] {
    bytes.split(|byte| *byte == separator).next().unwrap_or_default()
}

fn after(bytes: &[u8], separator: u8) -> &[u8] {
    bytes.splitn(2, |byte| *byte == separator).nth(1).unwrap_or_default()
}
