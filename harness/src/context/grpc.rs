//! gRPC calls and streams of a guest's own.

use std::time::Duration;

use super::proto::{self, Field};
use super::{ClusterState, HeaderMap, VmContext, maps};
use crate::abi::Status;

/// Something that a guest wants of gRPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcRequest {
    /// What the guest knows the call or stream by.
    pub token: u32,
    /// The root context that it belongs to (rule `GRPC-5`).
    pub root: u32,
    /// What it wants.
    pub what: GrpcWhat,
}

/// What a guest wants of gRPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrpcWhat {
    /// A call with one message and one answer.
    Call {
        /// Where it goes.
        to: GrpcTarget,
        /// The message.
        message: Vec<u8>,
        /// How long the guest waits; none means for ever.
        timeout: Option<Duration>,
    },
    /// A new stream.
    Stream {
        /// Where it goes.
        to: GrpcTarget,
    },
    /// A message on a stream; with `end` the last.
    Send {
        /// The message.
        message: Vec<u8>,
        /// Nothing follows from this side.
        end: bool,
    },
    /// Nothing follows from this side.
    Close,
    /// The call or stream is given up; nothing comes back any more.
    Cancel,
}

/// Where a gRPC call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcTarget {
    /// The cluster.
    pub cluster: String,
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// Metadata that is sent first.
    pub metadata: HeaderMap,
}

/// A call or stream as the guest asks for it.
pub(crate) struct GrpcArguments<'a> {
    pub target: &'a [u8],
    pub service: String,
    pub method: String,
    pub metadata: &'a [u8],
}

impl VmContext {
    /// `proxy_grpc_call`: tokens 5, 9, 13… (rule `HC-3`).
    pub(crate) fn grpc_call(
        &mut self,
        arguments: GrpcArguments<'_>,
        message: &[u8],
        timeout_milliseconds: u32,
    ) -> Result<u32, Status> {
        let to = self.grpc_target(arguments)?;
        self.callouts.grpc_calls += 1;
        let token = self.callouts.grpc_calls * 4 + 1;
        self.refuse(&to)?;
        let timeout = Duration::from_millis(u64::from(timeout_milliseconds));
        let timeout = (!timeout.is_zero()).then_some(timeout);
        self.callouts.open.insert(token, self.root());
        self.wish_grpc(token, GrpcWhat::Call { to, message: message.to_vec(), timeout });
        Ok(token)
    }

    /// `proxy_grpc_stream`: tokens 6, 10, 14… (rule `HC-3`).
    pub(crate) fn grpc_stream(&mut self, arguments: GrpcArguments<'_>) -> Result<u32, Status> {
        let to = self.grpc_target(arguments)?;
        self.callouts.grpc_streams += 1;
        let token = self.callouts.grpc_streams * 4 + 2;
        self.refuse(&to)?;
        self.callouts.open.insert(token, self.root());
        self.wish_grpc(token, GrpcWhat::Stream { to });
        Ok(token)
    }

    /// `proxy_grpc_send`: streams only (rule `GRPC-3`).
    pub(crate) fn grpc_send(&mut self, token: u32, message: &[u8], end: bool) -> Result<(), Status> {
        if token % 4 != 2 {
            return Err(Status::BadArgument);
        }
        self.open_grpc(token)?;
        self.wish_grpc(token, GrpcWhat::Send { message: message.to_vec(), end });
        Ok(())
    }

    /// `proxy_grpc_close`
    pub(crate) fn grpc_close(&mut self, token: u32) -> Result<(), Status> {
        self.open_grpc(token)?;
        // A call has nothing to close half of: it is over.
        if token % 4 == 1 {
            self.callouts.open.remove(&token);
        }
        self.wish_grpc(token, GrpcWhat::Close);
        Ok(())
    }

    /// `proxy_grpc_cancel`: no callbacks afterwards.
    pub(crate) fn grpc_cancel(&mut self, token: u32) -> Result<(), Status> {
        self.open_grpc(token)?;
        self.callouts.open.remove(&token);
        self.wish_grpc(token, GrpcWhat::Cancel);
        Ok(())
    }

    /// Whether a call or stream is still open.
    #[must_use]
    pub fn is_grpc_open(&self, token: u32) -> bool {
        self.callouts.open.contains_key(&token)
    }

    /// A call or stream has ended.
    pub fn end_grpc(&mut self, token: u32) {
        self.callouts.open.remove(&token);
    }

    /// Gives up what a root context has open; what is to be told of it (rule `GRPC-5`).
    pub(crate) fn reset_grpc(&mut self, root: u32) -> Vec<GrpcRequest> {
        let gone = self.callouts.open.extract_if(.., |_, owner| *owner == root);
        gone.map(|(token, _)| GrpcRequest { token, root, what: GrpcWhat::Cancel }).collect()
    }

    fn wish_grpc(&mut self, token: u32, what: GrpcWhat) {
        let root = self.root();
        self.wishes.grpc.push(GrpcRequest { token, root, what });
    }

    fn open_grpc(&self, token: u32) -> Result<(), Status> {
        match token % 4 {
            1 | 2 if self.callouts.open.contains_key(&token) => Ok(()),
            1 | 2 => Err(Status::NotFound),
            _ => Err(Status::BadArgument),
        }
    }

    fn refuse(&self, to: &GrpcTarget) -> Result<(), Status> {
        match self.process.cluster(&to.cluster) {
            Some(ClusterState::Up) => Ok(()),
            Some(ClusterState::Refusing) | None => Err(Status::InternalFailure),
        }
    }

    /// The target is a `GrpcService` message if it reads as one, else a cluster's name (rule `GRPC-1`).
    fn grpc_target<'a>(&self, arguments: GrpcArguments<'a>) -> Result<GrpcTarget, Status> {
        let first = |message: &'a [u8]| {
            let found = proto::fields(message)?.into_iter().find_map(|field| match field {
                (1, Field::Bytes(bytes)) => Some(bytes),
                _ => None,
            });
            Some(found.ok_or(Status::BadArgument))
        };
        let (cluster, by_name) = match first(arguments.target) {
            Some(envoy_grpc) => (first(envoy_grpc?).ok_or(Status::BadArgument)??, false),
            None => (arguments.target, true),
        };
        let cluster = String::from_utf8_lossy(cluster).into_owned();
        if by_name && self.process.cluster(&cluster).is_none() {
            return Err(Status::ParseFailure);
        }
        let GrpcArguments { service, method, metadata, .. } = arguments;
        Ok(GrpcTarget { cluster, service, method, metadata: maps::decode(metadata).into_iter().collect() })
    }
}
