//! Write Proxy-Wasm filters for Envoy in Rust.
//!
//! A filter is a type with a configuration and the phases it cares about. The attribute [`filter`] turns the impl block
//! into a wasm module that loads into an unmodified Envoy, Istio or Envoy Gateway:
//!
//! ```
//! use schemars::JsonSchema;
//! use tamis::{ConfigError, Configuration, Filter, HeaderMap, HeaderName, Outcome, PluginContext, ResponseHeaders};
//!
//! /// Says hello in a response header.
//! #[derive(Configuration, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// Whom to greet.
//!     greeting: tamis::HeaderValue,
//! }
//!
//! struct Hello(Config);
//!
//! const X_HELLO: HeaderName = HeaderName::from_static("x-hello");
//!
//! #[tamis::filter]
//! impl Filter for Hello {
//!     type Config = Config;
//!
//!     fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
//!         Ok(Self(config))
//!     }
//!
//!     fn response_headers(&self, _: &mut (), response: &mut ResponseHeaders) -> Outcome {
//!         response.headers().set_value(&X_HELLO, &self.0.greeting).into()
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! # From nothing to a tested filter
//!
//! The command `tamis` comes with the repository: `make tamis` builds it there, as `target/debug/tamis`. It needs Rust 1.95 by
//! rustup.
//!
//! ```console
//! $ tamis setup wasm32
//! $ tamis new tenant-header
//! $ cd tenant-header
//! $ tamis build
//! $ tamis test scenario.yaml
//! every response has the greeting (wasm)
//!   FAIL a response of the upstream  [2 VM entries, 1 host calls, …]
//!        response header x-greeting: expected "good morning", saw "nothing yet"
//! ```
//!
//! That is a project of one's own: `Cargo.toml`, a filter in `src/lib.rs`, and a scenario that it does not pass yet. The comment in
//! the filter's one phase says what to write instead:
//!
//! ```ignore
//! response.headers().set_value(&X_GREETING, &self.0.greeting).into()
//! ```
//!
//! ```console
//! $ tamis build
//! $ tamis test scenario.yaml
//! every response has the greeting (wasm)
//!   ok   a response of the upstream  [2 VM entries, 1 host calls, …]
//! $ tamis setup envoy
//! $ tamis test scenario.yaml --engine envoy
//! $ tamis manifest --for envoy target/tamis/tenant-header.wasm --config config.yaml
//! ```
//!
//! The scenario says what the client sends, what the upstream answers, and what must be seen on both sides. The first run takes
//! milliseconds and no proxy; the second is in a real Envoy. The last command prints what that Envoy is told to load the module with
//! a configuration of yours, here one line: `greeting: good morning`. Whoever has a filter on the crate `proxy-wasm` finds both side
//! by side in `docs/porting.md` of the repository.
//!
//! # What holds everywhere
//!
//! * A phase **returns an [`Outcome`]**; the SDK performs it. It does not reach for the host to resume or to answer.
//! * The plugin (`&self`) is **shared and immutable**: it was checked when the configuration was read. What belongs to one
//!   request lives in [`Filter::Stream`].
//! * A phase that is not implemented is **not exported**, so the proxy never enters the VM for it.
//! * What a phase alone forbids **does not compile**: no change in [`Filter::log`], no answer once a response has begun, no
//!   pause without a handle that ends it. What the stream or the proxy decides is a typed error.
//! * **Bodies** come as the filter asks for them ([`BodyMode`]): not at all, in pieces, or whole under a limit. Lengths,
//!   trailers, tunnels and the proxy's buffers are the SDK's care.
//! * **Nothing here panics** on what a host returns or a client sends: a status word is a [`Status`], a header value is
//!   bytes.
//!
//! On other targets than wasm32 no export is emitted, so a filter is an ordinary library for unit tests, debuggers and
//! fuzzers. Every host call answers [`Status::UNIMPLEMENTED`], unless a host runs the filter [natively](native).
//!
//! # Where things are
//!
//! | module | idea |
//! |---|---|
//! | [`Filter`] | the phases, when each runs, what it may do |
//! | [`Outcome`], [`LateOutcome`], [`LastOutcome`] | what a phase can decide, ever less towards the end of a response |
//! | [`RequestHeaders`], [`ResponseHeaders`] | what a phase sees |
//! | [`BodyMode`], [`Body`] | how a filter wants a body, and what it gets |
//! | [`RequestHandle`], [`ResponseHandle`] | messages that wait |
//! | [`OnError`] | what a filter does about its own errors, as its user chooses |
//! | [`TcpFilter`] | the same for TCP connections |
//! | [`callouts`] | requests of the filter's own, and waiting for their answers |
//! | [`grpc`] | the same over gRPC: calls and streams, of bytes and of messages |
//! | [`config`] | from JSON to a checked type, errors with a path |
//! | [`log`] | lines in the proxy's log |
//! | [`attributes`] | what the proxy knows of a request, with types; filter state |
//! | [`audit`] | what rules have done, or would have done in shadow |
//! | [`metrics`] | counters, gauges, histograms, with labels |
//! | [`shared`] | values that all threads share |
//! | [`queue`] | queues between plugins |
//! | [`timer`], [`clock`] | several timers; what time it is |
//! | [`random`] | random bytes |
//! | [`foreign`] | what Envoy offers besides the ABI, with types |
//! | [`sys`] | the ABI: the only module with `unsafe` |
//! | [`native`] | the filter on the machine's own processor |
//! | [`runtime`] | what the attribute calls; not for filters |

#![deny(missing_docs)]

// What the derive of `ReadConfig` calls the crate that it is for.
extern crate self as tamis;

pub mod attributes;
pub mod audit;
pub mod callouts;
pub mod clock;
pub mod config;
pub mod foreign;
pub mod grpc;
pub mod log;
pub mod metrics;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
pub mod queue;
pub mod random;
pub mod runtime;
pub mod shared;
pub mod sys;
pub mod timer;

mod body;
mod direct;
mod direction;
mod filter;
mod handle;
mod headers;
mod on_error;
mod outcome;
mod phases;
mod plugin;
mod response;
mod subject;
mod tcp;

pub use body::{Body, BodyError, BodyMode, OverLimit};
pub use config::{ConfigError, Configuration, NoConfig};
pub use direct::{DirectResponse, DirectStatus, Redirect, RedirectStatus, Scheme};
pub(crate) use direction::Direction;
pub use filter::Filter;
pub use handle::{RequestHandle, ResponseHandle, StreamError};
pub use headers::Headers;
pub use on_error::{ErrorResponse, ErrorStatus, OnError};
pub use outcome::{LastOutcome, LateOutcome, Outcome, Paused, Replacement};
pub use phases::{Log, RequestBody, RequestHeaders, RequestTrailers, ResponseBody, ResponseHeaders, ResponseTrailers};
pub use plugin::{PluginContext, Shutdown};
pub use response::{GrpcStatus, Response};
pub use sys::{HostError, Status};
pub use tamis_core::*;
pub use tamis_macros::Configuration;
/// Turns `impl Filter for …` into a Proxy-Wasm module: see the [crate's first page](crate) for a whole filter.
///
/// It goes on the impl block. For every phase that the block implements it emits the export by which the proxy enters
/// it, on wasm32 only; the others do not exist in the module and cost nothing. A block without `type Stream` gets
/// `type Stream = ()`, and a filter whose stream state is `()` is not told when a stream ends, because there is nothing
/// to free. One module holds one filter.
///
/// In parentheses stands what the module has to say or to have besides: `callouts` for a filter that asks others
/// ([`callouts`]), `held_headers` for one that can hold headers ([`Filter::held_headers`]).
pub use tamis_macros::filter;
pub use tcp::{ClosedBy, DownstreamData, NewConnection, TcpData, TcpFilter, TcpOutcome};
