//! The moments at which a host calls a filter, and the export each has.

use std::fmt;
use std::str::FromStr;

/// A callback that a filter may or may not implement. Creation, start, configuration and `proxy_on_delete` are no
/// phases: without them a filter's state would not come and go, so they are always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Request headers have come.
    RequestHeaders,
    /// A piece of the request's body has come.
    RequestBody,
    /// Request trailers have come.
    RequestTrailers,
    /// Response headers have come.
    ResponseHeaders,
    /// A piece of the response's body has come.
    ResponseBody,
    /// Response trailers have come.
    ResponseTrailers,
    /// An HTTP/2 METADATA frame of the request has come.
    RequestMetadata,
    /// An HTTP/2 METADATA frame of the response has come.
    ResponseMetadata,
    /// A TCP connection has been accepted.
    NewConnection,
    /// Bytes from the TCP client have come.
    DownstreamData,
    /// The TCP client's side has closed.
    DownstreamClose,
    /// Bytes from the TCP upstream have come.
    UpstreamData,
    /// The TCP upstream's side has closed.
    UpstreamClose,
    /// The stream is over and is logged.
    Log,
    /// The stream, or the plugin, is about to go.
    Done,
    /// The plugin's timer has fired.
    Tick,
    /// A shared queue has something to read.
    QueueReady,
    /// An HTTP call has been answered, or has failed.
    HttpCallResponse,
    /// A gRPC stream has sent its initial metadata.
    GrpcInitialMetadata,
    /// A gRPC message has come.
    GrpcMessage,
    /// A gRPC stream has sent its trailing metadata.
    GrpcTrailingMetadata,
    /// A gRPC call or stream is over.
    GrpcClose,
    /// The host calls a function of the guest by number.
    ForeignFunction,
}

impl Phase {
    /// Every phase, in the order in which reports list them.
    pub const ALL: [Self; 23] = [
        Self::RequestHeaders,
        Self::RequestBody,
        Self::RequestTrailers,
        Self::ResponseHeaders,
        Self::ResponseBody,
        Self::ResponseTrailers,
        Self::RequestMetadata,
        Self::ResponseMetadata,
        Self::NewConnection,
        Self::DownstreamData,
        Self::DownstreamClose,
        Self::UpstreamData,
        Self::UpstreamClose,
        Self::Log,
        Self::Done,
        Self::Tick,
        Self::QueueReady,
        Self::HttpCallResponse,
        Self::GrpcInitialMetadata,
        Self::GrpcMessage,
        Self::GrpcTrailingMetadata,
        Self::GrpcClose,
        Self::ForeignFunction,
    ];

    /// The name that users write, such as `request_headers`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The export that the host calls, such as `proxy_on_request_headers`.
    #[must_use]
    pub const fn export(self) -> &'static str {
        self.row().1
    }

    /// The phase whose export has this name.
    #[must_use]
    pub fn from_export(export: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.export() == export)
    }

    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::RequestHeaders => ("request_headers", "proxy_on_request_headers"),
            Self::RequestBody => ("request_body", "proxy_on_request_body"),
            Self::RequestTrailers => ("request_trailers", "proxy_on_request_trailers"),
            Self::ResponseHeaders => ("response_headers", "proxy_on_response_headers"),
            Self::ResponseBody => ("response_body", "proxy_on_response_body"),
            Self::ResponseTrailers => ("response_trailers", "proxy_on_response_trailers"),
            Self::RequestMetadata => ("request_metadata", "proxy_on_request_metadata"),
            Self::ResponseMetadata => ("response_metadata", "proxy_on_response_metadata"),
            Self::NewConnection => ("new_connection", "proxy_on_new_connection"),
            Self::DownstreamData => ("downstream_data", "proxy_on_downstream_data"),
            Self::DownstreamClose => ("downstream_close", "proxy_on_downstream_connection_close"),
            Self::UpstreamData => ("upstream_data", "proxy_on_upstream_data"),
            Self::UpstreamClose => ("upstream_close", "proxy_on_upstream_connection_close"),
            Self::Log => ("log", "proxy_on_log"),
            Self::Done => ("done", "proxy_on_done"),
            Self::Tick => ("tick", "proxy_on_tick"),
            Self::QueueReady => ("queue_ready", "proxy_on_queue_ready"),
            Self::HttpCallResponse => ("http_call_response", "proxy_on_http_call_response"),
            Self::GrpcInitialMetadata => ("grpc_initial_metadata", "proxy_on_grpc_receive_initial_metadata"),
            Self::GrpcMessage => ("grpc_message", "proxy_on_grpc_receive"),
            Self::GrpcTrailingMetadata => ("grpc_trailing_metadata", "proxy_on_grpc_receive_trailing_metadata"),
            Self::GrpcClose => ("grpc_close", "proxy_on_grpc_close"),
            Self::ForeignFunction => ("foreign_function", "proxy_on_foreign_function"),
        }
    }
}

/// The user's name of the phase.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads one name, as in `--phases request_headers`; blanks around it are ignored.
impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim();
        Self::ALL
            .into_iter()
            .find(|phase| phase.name() == name)
            .ok_or_else(|| UnknownPhase { name: crate::text::shown(name) })
    }
}

/// A name that is no phase's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a phase: use one of {}", names())]
pub struct UnknownPhase {
    name: String,
}

fn names() -> String {
    Phase::ALL.map(Phase::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_export_leads_back_to_its_phase() {
        for phase in Phase::ALL {
            assert_eq!(phase.name().parse(), Ok(phase));
            assert_eq!(Phase::from_export(phase.export()), Some(phase));
            assert!(phase.export().starts_with("proxy_on_"));
        }
    }

    #[test]
    fn deletion_is_no_phase() {
        assert_eq!(Phase::from_export("proxy_on_delete"), None);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "headers".parse::<Phase>().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("`headers` is not a phase: use one of request_headers, request_body"), "{error}");
    }
}
