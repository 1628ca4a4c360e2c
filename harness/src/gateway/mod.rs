//! The embedded gateway: HTTP/1.1 on loopback around a chain of filters.
//!
//! It is the harness with a network on both sides: what `tamis serve` and the demo show traffic with. It is made for
//! development, and listens on loopback only.
//!
//! HTTP/1.1 and HTTP/2 (prior knowledge) come in on the same port. Bodies go through the filters piece by piece, as they
//! come, and no faster than the other side takes them; trailers too, where the protocol and the [options](GatewayOptions)
//! have them. All streams pass the filters on one thread, any number under way: one that waits holds up no other. Filters'
//! timers run, and their own requests are sent. The order of headers is that in which each name first came; the values of
//! one name stand together.
//!
//! What it is not: it has no TLS, no routes, one upstream, and no network but loopback. gRPC calls and streams of filters need
//! a cluster that speaks HTTP/2. Where it differs from an Envoy's codecs stands in the rules `WIRE-1` to `WIRE-7`.
//!
//! ```no_run
//! # fn start(proxy: tamis_harness::stream::Proxy) -> Result<(), Box<dyn std::error::Error>> {
//! use tamis_harness::gateway::{Echo, Gateway, GatewayOptions, client};
//!
//! let echo = Echo::start()?;
//! let gateway = Gateway::start(GatewayOptions::new(echo.address().into()), proxy)?;
//! let answer = client::send_blocking(gateway.address(), &Default::default())?;
//! println!("{}", String::from_utf8_lossy(&answer.body));
//! gateway.shutdown();
//! # Ok(())
//! # }
//! ```
//!
//! | module | idea |
//! |---|---|
//! | [`server`] | listening, starting and stopping |
//! | [`options`] | what it is told, and its limits |
//! | [`connection`] | one client's connection |
//! | [`exchange`] | one request: from its head to the head of its answer |
//! | [`drive`] | what goes on behind it: bodies in, the upstream |
//! | [`body`] | a body on its way out |
//! | [`flow`] | what is on its way, so that nobody reads ahead |
//! | [`message`], [`framing`] | HTTP and what filters see of it; where a body ends |
//! | [`worker`], [`under_way`] | the thread on which filters run, and a stream on it |
//! | [`pool`] | connections to an upstream |
//! | [`callouts`] | the filters' own requests |
//! | [`guard`] | what a client says, looked at before hyper mends it |
//! | [`patience`] | writes that do not wait for ever |
//! | [`client`] | a small client |
//! | [`echo`] | a small upstream |

mod body;
mod callouts;
pub mod client;
mod connection;
mod drive;
mod echo;
mod exchange;
mod flow;
mod framing;
mod grpc;
mod guard;
pub(crate) mod in_two;
mod message;
mod options;
mod patience;
mod pool;
mod server;
mod under_way;
mod worker;

pub use client::{ClientError, send, send_blocking};
pub use echo::Echo;
pub use options::{GatewayOptions, Limits, Upstream, UpstreamError};
pub use server::{Gateway, GatewayError, ReloadError, SHUTDOWN_LIMIT};
