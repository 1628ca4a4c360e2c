//! Requests of the filter's own, and waiting for their answers.
//!
//! A filter asks a cluster of the proxy, and goes on when the answer is there. A phase that has to wait returns what
//! [`RequestHeaders::wait`](crate::RequestHeaders::wait) gives it: the message stands still, an `async` closure runs, and
//! what it returns is the phase's outcome.
//!
//! ```
//! use tamis::callouts::HttpRequest;
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
//!         request.wait(self, async |_filter, _request| {
//!             match HttpRequest::get("auth", "auth.internal", "/check").send().await {
//!                 Ok(answer) if answer.status() == 200 => Outcome::Continue,
//!                 Ok(_) => Response::new(403).into(),
//!                 Err(error) => Err(error).into(),
//!             }
//!         })
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! The attribute says `callouts`; without the word, `wait` does not compile, and nothing of this is in the module.
//!
//! * **One after the other** is `await`. **Together** is [`join`] or [`join_all`]: a request is on its way when
//!   [`send`](HttpRequest::send) returns, so `join` only waits. **Whichever is first** is [`race`], and
//!   **not for ever** is [`timeout`].
//! * **When the stream ends**, its closure is dropped where it stands. An answer that comes later is dropped unread; a
//!   request over HTTP cannot be taken back (rule `HC-7`).
//! * **Bounds.** Every request has a timeout. There are never more than
//!   [`Filter::max_callouts`](crate::Filter::max_callouts) under way for one stream, or for the plugin itself. Of a body
//!   no more is taken than [`HttpRequest::max_body`] says.
//! * **Over TCP** a [new connection](crate::NewConnection::wait) waits before the upstream is connected, and
//!   [bytes of the client](crate::DownstreamData::wait) before they go on.
//! * **From the plugin.** [`PluginContext::spawn`](crate::PluginContext::spawn), in
//!   [`Filter::started`](crate::Filter::started) or [`Filter::tick`](crate::Filter::tick).
//!
//! # How it works
//!
//! A small executor per VM keeps the closures' futures. The host enters the VM with an answer, which wakes the future that
//! waits for it; it runs there and then, with all calls about its own stream, as if in a phase of it. Wakers are those of
//! [`std::task::Wake`] and hold nothing but a number and the list of what is ready, so one that is kept for ever, or used
//! when its future is gone, does no harm. Any futures that need nothing but wakers work with it.

mod combine;
mod current;
mod executor;
mod http;
mod http_call;
mod received;
mod sleep;
mod slot;
mod task;
mod wait;

use std::time::Duration;

use crate::clock;

pub use combine::{join, join_all, race};
pub(crate) use current::Current;
pub(crate) use executor::{CallId, Event, Executor, Inbox, Ticket};
pub use http::HttpRequest;
pub use http_call::{BodyTooLong, HttpCall, HttpError, HttpResponse};
pub use received::Received;
pub use sleep::{Sleep, TimedOut, sleep, timeout};
pub(crate) use slot::Slot;
pub use wait::{SpawnError, WaitingConnection, WaitingRequest, WaitingResponse};

/// How long the answer to a request may take, unless it says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an answer's body is taken, unless the request says otherwise: 64 KiB.
pub const DEFAULT_MAX_BODY: usize = 64 << 10;

/// A time in the host's milliseconds: rounded up and never 0, which would be "none" (rule `HC-1`); at most 24 days.
pub(crate) fn milliseconds(time: Duration) -> u32 {
    u32::try_from(clock::milliseconds(time)).unwrap_or(u32::MAX).clamp(1, i32::MAX.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_rounded_up_and_never_none() {
        let cases = [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_micros(999), 1),
            (Duration::from_millis(1), 1),
            (Duration::from_micros(1001), 2),
            (Duration::MAX, 0x7fff_ffff),
        ];
        for (time, expected) in cases {
            assert_eq!(milliseconds(time), expected, "{time:?}");
        }
    }
}
