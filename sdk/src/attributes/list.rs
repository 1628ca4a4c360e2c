//! The one table of attributes: constants and list are made of it (rule `PROP-3`).

use super::kind::{Bool, Int, Kind, Map, Message, Nanoseconds, Text, Time};
use super::{Attribute, Entry};

macro_rules! attributes {
    ($($root:ident.$field:ident, $constant:ident: $kind:ident, $about:literal;)*) => {
        $(
            #[doc = concat!("`", stringify!($root), ".", stringify!($field), "`: ", $about)]
            pub const $constant: Attribute<$kind> =
                Attribute::new(concat!(stringify!($root), "\0", stringify!($field)));
        )*

        /// Every attribute that has a constant here, with its type and when it is there.
        pub const LIST: &[Entry] = &[
            $(Entry {
                name: concat!(stringify!($root), ".", stringify!($field)),
                kind: <$kind as Kind>::NAME,
                about: $about,
                fits: |bytes| <$kind as Kind>::read(bytes).is_some(),
            },)*
        ];
    };
}

attributes! {
    request.path, REQUEST_PATH: Text, "Path and query. From the request's headers, while they can be read.";
    request.url_path, REQUEST_URL_PATH: Text,
        "The path without the query. From the request's headers, while they can be read.";
    request.host, REQUEST_HOST: Text, "The host that is asked. From the request's headers, while they can be read.";
    request.scheme, REQUEST_SCHEME: Text, "The scheme. From the request's headers, while they can be read.";
    request.method, REQUEST_METHOD: Text, "The method. From the request's headers, while they can be read.";
    request.referer, REQUEST_REFERER: Text, "The header `referer`. From the request's headers, while they can be read.";
    request.useragent, REQUEST_USERAGENT: Text,
        "The header `user-agent`. From the request's headers, while they can be read.";
    request.id, REQUEST_ID: Text, "The header `x-request-id`. From the request's headers, while they can be read.";
    request.query, REQUEST_QUERY: Text, "The query, without `?`. From the request's headers, while they can be read.";
    request.headers, REQUEST_HEADERS: Map,
        "All headers; those of one name are joined by commas. From the request's headers, while they can be read.";
    request.protocol, REQUEST_PROTOCOL: Text, "The protocol, such as `HTTP/1.1`.";
    request.time, REQUEST_TIME: Time, "When its first byte came.";
    request.duration, REQUEST_DURATION: Nanoseconds, "How long it took; only when it is complete.";
    request.size, REQUEST_SIZE: Int,
        "The length of the body: what its header says, else what has come so far (rule `PROP-8`).";
    request.total_size, REQUEST_TOTAL_SIZE: Int, "The length of headers and body that have come so far.";
    request.headers_bytes, REQUEST_HEADERS_BYTES: Int, "The length of the headers. Envoy 1.37 and newer.";
    response.code, RESPONSE_CODE: Int,
        "The status, once it is known; not yet in `response_headers` of a local reply (rule `PROP-5`).";
    response.code_details, RESPONSE_CODE_DETAILS: Text, "Why it has this status.";
    response.flags, RESPONSE_FLAGS: Int, "The response flags, as bits.";
    response.grpc_status, RESPONSE_GRPC_STATUS: Int, "The gRPC status, once it is known.";
    response.headers, RESPONSE_HEADERS: Map, "All headers, while they can be read.";
    response.trailers, RESPONSE_TRAILERS: Map, "All trailers, while they can be read.";
    response.size, RESPONSE_SIZE: Int, "The length of the body so far.";
    response.total_size, RESPONSE_TOTAL_SIZE: Int, "The length of headers, body and trailers so far.";
    response.backend_latency, RESPONSE_BACKEND_LATENCY: Nanoseconds,
        "From the request's last byte to the response's first. Envoy 1.32 and newer.";
    response.headers_bytes, RESPONSE_HEADERS_BYTES: Int, "The length of the headers. Envoy 1.37 and newer.";
    connection.id, CONNECTION_ID: Int, "The number of the client's connection.";
    connection.mtls, CONNECTION_MTLS: Bool, "Whether the client has shown a certificate.";
    connection.requested_server_name, CONNECTION_REQUESTED_SERVER_NAME: Text,
        "The server name that the client asked for (SNI).";
    connection.tls_version, CONNECTION_TLS_VERSION: Text,
        "The version of TLS, on the client's connection; with TLS only.";
    connection.subject_local_certificate, CONNECTION_SUBJECT_LOCAL_CERTIFICATE: Text,
        "The subject of our certificate, on the client's connection; with TLS only.";
    connection.subject_peer_certificate, CONNECTION_SUBJECT_PEER_CERTIFICATE: Text,
        "The subject of the peer's certificate, on the client's connection; with TLS only.";
    connection.uri_san_local_certificate, CONNECTION_URI_SAN_LOCAL_CERTIFICATE: Text,
        "The first URI of our alternative names, on the client's connection; with TLS only.";
    connection.uri_san_peer_certificate, CONNECTION_URI_SAN_PEER_CERTIFICATE: Text,
        "The first URI of the peer's alternative names, on the client's connection; with TLS only.";
    connection.dns_san_local_certificate, CONNECTION_DNS_SAN_LOCAL_CERTIFICATE: Text,
        "The first DNS name of our alternative names, on the client's connection; with TLS only.";
    connection.dns_san_peer_certificate, CONNECTION_DNS_SAN_PEER_CERTIFICATE: Text,
        "The first DNS name of the peer's alternative names, on the client's connection; with TLS only.";
    connection.sha256_peer_certificate_digest, CONNECTION_SHA256_PEER_CERTIFICATE_DIGEST: Text,
        "The SHA-256 of the peer's certificate, in hexadecimal, on the client's connection; with TLS only.";
    connection.termination_details, CONNECTION_TERMINATION_DETAILS: Text, "Why the proxy ended the connection.";
    connection.transport_failure_reason, CONNECTION_TRANSPORT_FAILURE_REASON: Text, "Why TLS failed.";
    connection.peer_certificate_valid, CONNECTION_PEER_CERTIFICATE_VALID: Bool,
        "Whether the client's certificate was found valid. Envoy 1.39 and newer.";
    upstream.address, UPSTREAM_ADDRESS: Text, "The upstream's address with its port, once one is chosen.";
    upstream.port, UPSTREAM_PORT: Int, "Its port.";
    upstream.local_address, UPSTREAM_LOCAL_ADDRESS: Text, "Our address towards it.";
    upstream.transport_failure_reason, UPSTREAM_TRANSPORT_FAILURE_REASON: Text, "Why TLS failed towards it.";
    upstream.tls_version, UPSTREAM_TLS_VERSION: Text,
        "The version of TLS, on the connection to the upstream; with TLS only.";
    upstream.subject_local_certificate, UPSTREAM_SUBJECT_LOCAL_CERTIFICATE: Text,
        "The subject of our certificate, on the connection to the upstream; with TLS only.";
    upstream.subject_peer_certificate, UPSTREAM_SUBJECT_PEER_CERTIFICATE: Text,
        "The subject of the peer's certificate, on the connection to the upstream; with TLS only.";
    upstream.uri_san_local_certificate, UPSTREAM_URI_SAN_LOCAL_CERTIFICATE: Text,
        "The first URI of our alternative names, on the connection to the upstream; with TLS only.";
    upstream.uri_san_peer_certificate, UPSTREAM_URI_SAN_PEER_CERTIFICATE: Text,
        "The first URI of the peer's alternative names, on the connection to the upstream; with TLS only.";
    upstream.dns_san_local_certificate, UPSTREAM_DNS_SAN_LOCAL_CERTIFICATE: Text,
        "The first DNS name of our alternative names, on the connection to the upstream; with TLS only.";
    upstream.dns_san_peer_certificate, UPSTREAM_DNS_SAN_PEER_CERTIFICATE: Text,
        "The first DNS name of the peer's alternative names, on the connection to the upstream; with TLS only.";
    upstream.sha256_peer_certificate_digest, UPSTREAM_SHA256_PEER_CERTIFICATE_DIGEST: Text,
        "The SHA-256 of the peer's certificate, in hexadecimal, on the connection to the upstream; with TLS only.";
    upstream.locality, UPSTREAM_LOCALITY: Message,
        "Where the upstream is: `envoy.config.core.v3.Locality`. Envoy 1.34 and newer.";
    upstream.request_attempt_count, UPSTREAM_REQUEST_ATTEMPT_COUNT: Int,
        "How often the request was tried. Envoy 1.34 and newer.";
    upstream.cx_pool_ready_duration, UPSTREAM_CX_POOL_READY_DURATION: Nanoseconds,
        "How long it took to get a connection. Envoy 1.34 and newer.";
    upstream.num_endpoints, UPSTREAM_NUM_ENDPOINTS: Int, "How many endpoints the cluster has. Envoy 1.36 and newer.";
    upstream.server_name, UPSTREAM_SERVER_NAME: Text,
        "The server name that the upstream was asked for (SNI). Envoy 1.39 and newer.";
    source.address, SOURCE_ADDRESS: Text,
        "The client's address with its port, as the connection manager was told to trust it.";
    source.port, SOURCE_PORT: Int, "Its port.";
    destination.address, DESTINATION_ADDRESS: Text, "The address that the client has connected to, with its port.";
    destination.port, DESTINATION_PORT: Int, "Its port.";
    xds.node, XDS_NODE: Message, "The proxy itself: `envoy.config.core.v3.Node`. At any time.";
    xds.cluster_name, XDS_CLUSTER_NAME: Text, "The cluster, once it is chosen.";
    xds.cluster_metadata, XDS_CLUSTER_METADATA: Message, "Its metadata.";
    xds.route_name, XDS_ROUTE_NAME: Text, "The route, once it is chosen.";
    xds.route_metadata, XDS_ROUTE_METADATA: Message, "Its metadata.";
    xds.virtual_host_name, XDS_VIRTUAL_HOST_NAME: Text, "The virtual host, once it is chosen. Envoy 1.34 and newer.";
    xds.virtual_host_metadata, XDS_VIRTUAL_HOST_METADATA: Message, "Its metadata. Envoy 1.34 and newer.";
    xds.upstream_host_metadata, XDS_UPSTREAM_HOST_METADATA: Message, "The upstream's metadata, once it is chosen.";
    xds.upstream_host_locality_metadata, XDS_UPSTREAM_HOST_LOCALITY_METADATA: Message,
        "The metadata of the upstream's place. Envoy 1.35 and newer.";
    xds.filter_chain_name, XDS_FILTER_CHAIN_NAME: Text, "The listener's filter chain.";
    xds.listener_metadata, XDS_LISTENER_METADATA: Message, "The listener's metadata.";
    xds.listener_direction, XDS_LISTENER_DIRECTION: Int, "The listener's direction: 0 unsaid, 1 inbound, 2 outbound.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_a_nul_between_their_segments_and_names_a_dot() {
        assert_eq!(REQUEST_URL_PATH.path, "request\0url_path");
        assert!(LIST.iter().any(|entry| entry.name == "request.url_path" && entry.kind == "text"));
        for (i, entry) in LIST.iter().enumerate() {
            assert!(entry.about.ends_with('.'), "{}", entry.name);
            assert!(LIST.iter().skip(i + 1).all(|other| other.name != entry.name), "{} is there twice", entry.name);
        }
    }
}
