//! Which headers have one slot (rule `HDR-9`).
//!
//! Requests and responses have different ones: `vary` has one slot in a response and any number in a request. Measured on
//! Envoy 1.40.0, by adding each of 150 names twice in both directions and looking at what a filter then sees; the list
//! differs by version.

/// Whose headers a map holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MapKind {
    Request,
    Response,
    Trailers,
}

impl MapKind {
    /// Which kind of map a pseudo header belongs to.
    pub(super) fn of_pseudo(name: &[u8]) -> Option<Self> {
        match name {
            b":authority" | b":method" | b":path" | b":scheme" | b":protocol" => Some(Self::Request),
            b":status" => Some(Self::Response),
            _ => None,
        }
    }
}

/// Whether a second value of a name, in lower case, is joined to the first. A map of no kind is taken for trailers.
pub(super) fn is_single(name: &[u8], kind: Option<MapKind>) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let own = match kind {
        Some(MapKind::Request) => REQUEST,
        Some(MapKind::Response) => RESPONSE,
        Some(MapKind::Trailers) | None => return TRAILERS.contains(&name),
    };
    name.starts_with(':') || BOTH.binary_search(&name).is_ok() || own.binary_search(&name).is_ok()
}

const BOTH: &[&str] = &[
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "keep-alive",
    "proxy-connection",
    "proxy-status",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-request-id",
];

const REQUEST: &[&str] = &[
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "authentication",
    "authorization",
    "cdn-loop",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "pragma",
    "referer",
    "te",
    "user-agent",
    "x-client-trace-id",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-is-timeout-retry",
    "x-envoy-max-retries",
    "x-envoy-original-host",
    "x-envoy-original-path",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
];

const RESPONSE: &[&str] = &[
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-allow-private-network",
    "access-control-expose-headers",
    "access-control-max-age",
    "age",
    "date",
    "etag",
    "expires",
    "grpc-message",
    "grpc-status",
    "last-modified",
    "location",
    "server",
    "vary",
    "x-envoy-degraded",
    "x-envoy-immediate-health-check-fail",
    "x-envoy-ratelimited",
    "x-envoy-upstream-canary",
    "x-envoy-upstream-healthchecked-cluster",
    "x-envoy-upstream-service-time",
];

const TRAILERS: &[&str] = &["grpc-message", "grpc-status"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!([BOTH, REQUEST, RESPONSE].iter().all(|list| list.is_sorted()));
    }

    #[test]
    fn hdr_9_requests_and_responses_have_different_slots() {
        let slots = |name: &str| {
            [Some(MapKind::Request), Some(MapKind::Response), None].map(|kind| is_single(name.as_bytes(), kind))
        };
        assert_eq!(slots("via"), [true, true, false]);
        assert_eq!(slots("authorization"), [true, false, false]);
        assert_eq!(slots("vary"), [false, true, false]);
        assert_eq!(slots("grpc-status"), [false, true, true]);
        assert_eq!(slots("cookie"), [false; 3]);
        assert_eq!(slots("set-cookie"), [false; 3]);
        assert_eq!(slots("forwarded"), [false; 3]);
        assert_eq!(slots("x-envoy-whatever"), [false; 3]);
        assert_eq!(slots(":path"), [true, true, false]);
    }
}
