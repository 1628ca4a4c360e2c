//! Requests of a guest's own, and what comes back.

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

    /// `proxy_get_status`: means something only after a callout that failed (rules `LOG-3`, `HC-6`).
    pub(crate) fn status(&self) -> (u32, &'static str) {
        if self.call.callout_over && self.call.callout.is_none() { (11, "reset") } else { (0, "") }
    }

    /// The headers or trailers of what came back, readable while its callback runs (rule `HC-8`).
    pub(super) fn callout_map(&self, trailers: bool) -> Option<&HeaderMap> {
        let response = self.call.callout.as_ref()?;
        if trailers { response.trailers.as_ref() } else { Some(&response.headers) }
    }

    /// The body of what came back.
    pub(super) fn callout_body(&self) -> Option<Vec<u8>> {
        Some(self.call.callout.as_ref()?.body())
    }
}
