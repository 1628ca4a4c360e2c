//! The trait that a filter implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{ConfigError, Log, Outcome, RequestHeaders, ResponseHeaders};

/// A filter: a configuration, what it makes of it, and the phases it takes part in.
///
/// Implement the phases you need and put [`#[tamis::filter]`](crate::filter) on the impl block. The order for one
/// request is [`request_headers`](Self::request_headers), [`response_headers`](Self::response_headers),
/// [`log`](Self::log).
pub trait Filter: Sized + 'static {
    /// What the user writes. Put `#[serde(deny_unknown_fields)]` on it, so that a misspelt field is an error; the doc
    /// comments of its fields become the configuration's reference.
    type Config: DeserializeOwned + JsonSchema;

    /// What the filter remembers of one request. `()` (what the attribute puts here when it is left out) costs nothing.
    type Stream: Default + 'static;

    /// Makes the plugin out of its configuration.
    ///
    /// Runs when the proxy loads a configuration: once in a trial VM, on the main thread, and on every worker (rule
    /// `LIFE-4`), and again when the configuration changes. Compile and check here what a request needs.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for what the types alone could not refuse. The proxy then rejects the configuration and keeps
    /// the one it had.
    fn new(config: Self::Config) -> Result<Self, ConfigError>;

    /// A request's headers are there; its body may follow ([`RequestHeaders::end_of_stream`]).
    fn request_headers(&self, stream: &mut Self::Stream, request: &mut RequestHeaders) -> Outcome {
        let _ = (stream, request);
        Outcome::Continue
    }

    /// A response's headers are there. Also runs for the proxy's own replies, this filter's among them (rule `LR-6`).
    fn response_headers(&self, stream: &mut Self::Stream, response: &mut ResponseHeaders) -> Outcome {
        let _ = (stream, response);
        Outcome::Continue
    }

    /// The request is over, well or badly; headers can still be read, nothing can be changed (rule `HDR-4`).
    fn log(&self, stream: &mut Self::Stream, log: &Log) {
        let _ = (stream, log);
    }
}
