//! The trait that a filter implements.

use crate::queue::Queue;
use crate::{
    ConfigError, Configuration, LastOutcome, LateOutcome, Log, Outcome, PluginContext, RequestBody, RequestHeaders,
    RequestTrailers, ResponseBody, ResponseHeaders, ResponseTrailers, Shutdown,
};

/// A filter for HTTP: a configuration, what it makes of it, and the phases it takes part in.
///
/// Implement the phases you need and put [`#[tamis::filter]`](crate::filter) on the impl block. The order for one
/// request is [`request_headers`](Self::request_headers), [`request_body`](Self::request_body),
/// [`request_trailers`](Self::request_trailers), [`response_headers`](Self::response_headers),
/// [`response_body`](Self::response_body), [`response_trailers`](Self::response_trailers), [`log`](Self::log); a response
/// can begin before the request has ended.
pub trait Filter: Sized + 'static {
    /// What the user writes: a type with the derive [`Configuration`]. The doc comments of its fields become the
    /// configuration's reference. [`NoConfig`](crate::NoConfig) (what the attribute puts
    /// here when it is left out) takes none, and no parser into the module.
    type Config: Configuration;

    /// What the filter remembers of one request. `()` (what the attribute puts here when it is left out) costs nothing.
    type Stream: Default + 'static;

    /// Makes the plugin out of its configuration.
    ///
    /// Runs when the proxy loads a configuration: once in a trial VM, on the main thread, and on every worker (rule
    /// `LIFE-4`). A changed configuration makes another plugin; requests that are under way keep theirs. Compile and
    /// check here what a request needs.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for what the types alone could not refuse. The proxy then rejects the configuration and keeps
    /// the one it had.
    fn new(config: Self::Config, plugin: &PluginContext) -> Result<Self, ConfigError>;

    /// The plugin is in its place: its configuration was accepted. In a trial VM too, which goes at once, with all that was
    /// begun here (rule `LIFE-3`).
    fn started(&self, plugin: &PluginContext) {
        let _ = plugin;
    }

    /// A request's headers are there; its body may follow ([`RequestHeaders::end_of_stream`]).
    fn request_headers(&self, stream: &mut Self::Stream, request: &mut RequestHeaders) -> Outcome {
        let _ = (stream, request);
        Outcome::Continue
    }

    /// The request's body, as [`RequestHeaders::body`] has asked for it: in pieces, or once as a whole. Needs
    /// `request_headers`, where that is said.
    fn request_body(&self, stream: &mut Self::Stream, body: &mut RequestBody<'_>) -> Outcome {
        let _ = (stream, body);
        Outcome::Continue
    }

    /// The request ends with trailers.
    fn request_trailers(&self, stream: &mut Self::Stream, trailers: &mut RequestTrailers) -> Outcome {
        let _ = (stream, trailers);
        Outcome::Continue
    }

    /// A response's headers are there. Also runs for the proxy's own replies, this filter's among them (rule `LR-6`).
    fn response_headers(&self, stream: &mut Self::Stream, response: &mut ResponseHeaders) -> Outcome {
        let _ = (stream, response);
        Outcome::Continue
    }

    /// The response's body, as [`ResponseHeaders::body`] has asked for it: in pieces, or once as a whole. Needs
    /// `response_headers`, where that is said.
    fn response_body(&self, stream: &mut Self::Stream, body: &mut ResponseBody<'_>) -> LateOutcome {
        let _ = (stream, body);
        LateOutcome::Continue
    }

    /// The response ends with trailers.
    fn response_trailers(&self, stream: &mut Self::Stream, trailers: &mut ResponseTrailers) -> LastOutcome {
        let _ = (stream, trailers);
        LastOutcome::Continue
    }

    /// The request is over, well or badly; headers can still be read, nothing can be changed (rule `HDR-4`).
    fn log(&self, stream: &mut Self::Stream, log: &Log) {
        let _ = (stream, log);
    }

    /// The plugin's timer, where one was set. On every worker and on the main thread (rule `TICK-2`).
    fn tick(&self, plugin: &PluginContext) {
        let _ = plugin;
    }

    /// There is something in a queue that the plugin consumes, or there was: see [`queue`](crate::queue).
    fn queue_ready(&self, plugin: &PluginContext, queue: &Queue) {
        let _ = (plugin, queue);
    }

    /// The plugin is about to go, because its configuration has gone or the proxy ends. The proxy has one callback for
    /// this and for the end of every stream, so the phase costs each stream an entry into the VM.
    fn shutdown(&self, plugin: &PluginContext) -> Shutdown {
        let _ = plugin;
        Shutdown::Now
    }

    /// Whether headers are held until a buffered body is there, so that the filter can change them or answer by what the
    /// body says.
    ///
    /// A module cannot find out whether the proxy does its part (`allow_on_headers_stop_iteration`, Envoy 1.35 and newer).
    /// Without it a held message gets no body and waits until the proxy's timeouts (rule `BODY-1`). So this is the user's
    /// word: return the field `held_headers` of the configuration, and write `#[tamis::filter(held_headers)]`, by which
    /// `tamis manifest` knows that the field sets the proxy's flag too.
    fn held_headers(&self) -> bool {
        false
    }

    /// How many callouts may be under way for one stream, and for the plugin itself ([`callouts`](crate::callouts)). One more
    /// is an error. 8 unless said.
    fn max_callouts(&self) -> usize {
        8
    }

    /// How many bytes the bodies of all streams of a VM may occupy together, in the module and in the proxy's buffers.
    /// A body beyond that is treated as one that is too long ([`OverLimit`](crate::OverLimit)). 64 MiB unless said.
    fn max_total_bytes(&self) -> usize {
        64 << 20
    }
}
