//! Requests of a guest's own, and what comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{ClusterState, HeaderMap, VmContext, maps};
use crate::abi::Status;
use crate::stream::WireMessage;

/// An HTTP callout that a guest has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalloutRequest {
    /// What the guest knows it by.
    pub token: u32,
    /// The root context that it belongs to (rule `HC-7`).
    pub root: u32,
    /// Where it goes.
    pub cluster: String,
    /// What is sent.
    pub message: WireMessage,
    /// How long the guest waits; none means for ever.
    pub timeout: Option<Duration>,
}

/// The tokens that a VM has given out (rule `HC-3`).
#[derive(Debug, Default)]
pub(super) struct Callouts {
    http: u32,
    pub(super) grpc_calls: u32,
    pub(super) grpc_streams: u32,
    /// The gRPC calls and streams that are open, with their root contexts.
    pub(super) open: BTreeMap<u32, u32>,
}

/// What comes back to a guest for a request of its own, while the callback runs that tells it.
#[derive(Debug, Default)]
pub enum Incoming {
    /// Nothing: the call is about something else.
    #[default]
    Nothing,
    /// An HTTP response, or none (rule `HC-6`).
    Http(Option<WireMessage>),
    /// A gRPC stream's initial metadata.
    GrpcInitialMetadata(HeaderMap),
    /// A gRPC message.
    GrpcMessage(Vec<u8>),
    /// A gRPC stream's trailing metadata.
    GrpcTrailingMetadata(HeaderMap),
    /// The end of a gRPC call or stream, with status and message.
    GrpcClose(u32, String),
}

/// A callout as the guest asks for it.
pub(crate) struct CalloutArguments<'a> {
    pub cluster: &'a [u8],
    pub headers: &'a [u8],
    pub body: &'a [u8],
    pub timeout_milliseconds: u32,
}

impl VmContext {
    /// `proxy_http_call`: checked in Envoy's order (rule `HC-1`).
    pub(crate) fn http_call(&mut self, arguments: &CalloutArguments<'_>) -> Result<u32, Status> {
        if arguments.timeout_milliseconds.cast_signed() < 0 {
            return Err(Status::BadArgument);
        }
        let cluster = String::from_utf8_lossy(arguments.cluster).into_owned();
        let state = self.process.cluster(&cluster).ok_or(Status::BadArgument)?;
        let mut headers = maps::decode(arguments.headers).into_iter().collect::<HeaderMap>();
        for name in [":path", ":method", ":authority"] {
            headers.get(name.as_bytes()).ok_or(Status::BadArgument)?;
        }
        // The token is used up even when the call fails.
        self.callouts.http += 1;
        let token = self.callouts.http * 4;
        if state == ClusterState::Refusing {
            return Err(Status::InternalFailure);
        }
        if !arguments.body.is_empty() {
            headers.set(b"content-length", arguments.body.len().to_string().as_bytes());
        }
        let timeout = Duration::from_millis(u64::from(arguments.timeout_milliseconds));
        let root = self.root();
        self.wishes.callouts.push(CalloutRequest {
            token,
            root,
            cluster,
            message: WireMessage::new(headers, arguments.body.to_vec()),
            timeout: (!timeout.is_zero()).then_some(timeout),
        });
        Ok(token)
    }

    /// `proxy_get_status`: the code of the last callout of the root context that failed, with its text while that is told
    /// (rules `LOG-3`, `HC-6`, `GRPC-4`).
    pub(crate) fn status(&self) -> (u32, String) {
        let code = self.statuses.get(&self.root()).copied().unwrap_or(0);
        let text = match &self.call.incoming {
            Incoming::Http(None) => "reset".to_owned(),
            Incoming::GrpcClose(_, message) => message.clone(),
            _ => String::new(),
        };
        (code, text)
    }

    /// The maps that a callout's callback can read, by their numbers (rules `HC-8`, `HDR-5`).
    pub(super) fn callout_map(&self, map: u32) -> Option<&HeaderMap> {
        match (&self.call.incoming, map) {
            (Incoming::GrpcInitialMetadata(metadata), 4) | (Incoming::GrpcTrailingMetadata(metadata), 5) => {
                Some(metadata)
            }
            (Incoming::Http(Some(response)), 6) => Some(&response.headers),
            (Incoming::Http(Some(response)), 7) => response.trailers.as_ref(),
            _ => None,
        }
    }

    /// The body of what came back.
    pub(super) fn callout_body(&self) -> Option<Vec<u8>> {
        match &self.call.incoming {
            Incoming::Http(Some(response)) => Some(response.body()),
            _ => None,
        }
    }

    /// The gRPC message that came.
    pub(super) fn grpc_message(&self) -> &[u8] {
        match &self.call.incoming {
            Incoming::GrpcMessage(message) => message,
            _ => &[],
        }
    }
}
