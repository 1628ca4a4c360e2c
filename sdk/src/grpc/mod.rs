//! gRPC calls and streams of the filter's own.
//!
//! Everything that [`callouts`](crate::callouts) says holds here too: where it can wait, what bounds it, what becomes of it
//! when a stream ends. But a gRPC call can be taken back, so what is dropped is cancelled.
//!
//! ```
//! use tamis::grpc::{GrpcError, GrpcRequest};
//! use tamis::{ConfigError, Filter, NoConfig, Outcome, PluginContext, RequestHeaders, Response};
//!
//! struct Ask;
//!
//! #[tamis::filter(callouts)]
//! impl Filter for Ask {
//!     fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
//!         Ok(Self)
//!     }
//!
//!     fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
//!         request.wait(self, async |_, _| match GrpcRequest::new("auth", "auth.v1.Auth", "Check").call(b"").await {
//!             Ok(_) => Outcome::Continue,
//!             Err(GrpcError::Status(failure)) => Response::new(403).grpc_status(failure.status).into(),
//!             Err(error) => Err(error).into(),
//!         })
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! Messages are bytes. With the feature `prost` they can be messages of that crate:
//! `GrpcRequest::call_message`, `GrpcRequest::open_messages`.

mod call;
mod error;
mod request;
mod stream;
#[cfg(feature = "prost")]
mod typed;

pub use call::GrpcCall;
pub use error::{GrpcError, GrpcFailure};
pub use request::GrpcRequest;
pub use stream::GrpcStream;
#[cfg(feature = "prost")]
pub use typed::{TypedCall, TypedStream};

/// How long a message may be that is taken, unless the request says otherwise: 64 KiB.
pub const DEFAULT_MAX_MESSAGE: usize = 64 << 10;
