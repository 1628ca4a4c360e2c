//! The embedded gateway: HTTP/1.1 on loopback around a chain of filters.
//!
//! It is the harness with a network on both sides: what `tamis serve` and the demo show traffic with. It is made for
//! development, and listens on loopback only.
//!
//! Messages are taken whole, headers and body, up to the [`Limits`]. All pass the filters on one thread, any number of
//! exchanges under way: one that waits for its upstream holds up no other. Filters' timers run. Trailers are dropped, as
//! Envoy does by default for HTTP/1.1. The order of headers is that in which each name first came; the values of one name
//! stand together.
//!
//! ```no_run
//! # fn start(proxy: tamis_harness::stream::Proxy) -> Result<(), Box<dyn std::error::Error>> {
//! use tamis_harness::gateway::{Echo, Gateway, GatewayOptions, Limits, client};
//!
//! let echo = Echo::start()?;
//! let upstream = (echo.address().ip().to_string(), echo.address().port());
//! let options = GatewayOptions { listen: "127.0.0.1:0".parse()?, upstream, limits: Limits::default() };
//! let gateway = Gateway::start(options, proxy)?;
//! let answer = client::send_blocking(gateway.address(), &Default::default())?;
//! println!("{}", String::from_utf8_lossy(&answer.body));
//! gateway.shutdown();
//! # Ok(())
//! # }
//! ```
//!
//! | module | idea |
//! |---|---|
//! | [`server`] | listening, connections, starting and stopping |
//! | [`exchange`] | one request's way to the upstream and back |
//! | [`message`] | HTTP/1.1 and what filters see of it |
//! | [`worker`] | the thread on which filters run |
//! | [`client`] | a small client |
//! | [`echo`] | a small upstream |

pub mod client;
mod echo;
mod exchange;
mod message;
mod server;
mod worker;

pub use client::{ClientError, send, send_blocking};
pub use echo::Echo;
pub use server::{Gateway, GatewayError, GatewayOptions, Limits, SHUTDOWN_LIMIT};
