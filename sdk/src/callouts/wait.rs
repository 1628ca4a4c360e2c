//! Phases that wait, and what the plugin does beside them.

mod connection;

pub use connection::WaitingConnection;

use std::rc::Rc;
use std::task::Poll;

use super::executor::Full;
use super::task::{Aside, Boxed, Held, Perform};
use super::{Current, Executor};
use crate::runtime::Callouts;
use crate::sys::LogLevel;
use crate::{
    BodyError, Direction, Headers, HostError, LastOutcome, LateOutcome, Outcome, Paused, PluginContext, RequestBody,
    RequestHandle, RequestHeaders, RequestTrailers, Response, ResponseBody, ResponseHandle, ResponseHeaders,
    ResponseTrailers, StreamError, handle,
};

/// A request that stands still while a closure waits.
#[derive(Debug)]
pub struct WaitingRequest {
    stream: u32,
}

/// A response that stands still while a closure waits.
#[derive(Debug)]
pub struct WaitingResponse {
    stream: u32,
    headers_held: bool,
}

/// Why the plugin cannot do something on the side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// It does as much on the side as it may: [`Filter::max_callouts`](crate::Filter::max_callouts).
    #[error("the plugin does as much on the side as it may")]
    TooMany,
    /// No proxy has entered the filter.
    #[error("no proxy runs the filter")]
    NoProxy,
}

impl WaitingRequest {
    /// Reads or changes the request's headers, where it waits at them (rule `HDR-1`).
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when the stream is over, [`StreamError::Host`] with the error of `use_them`.
    pub fn headers<T>(&self, use_them: impl FnOnce(&mut Headers) -> Result<T, HostError>) -> Result<T, StreamError> {
        handle::about(self.stream, || use_them(&mut Headers::new(Direction::Request.headers())))?
            .map_err(StreamError::Host)
    }
}

impl WaitingResponse {
    /// Reads or changes the response's headers, where it waits at them (rule `HDR-1`).
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when the stream is over, [`StreamError::HeadersGone`] when they have left,
    /// [`StreamError::Host`] with the error of `use_them`.
    pub fn headers<T>(&self, use_them: impl FnOnce(&mut Headers) -> Result<T, HostError>) -> Result<T, StreamError> {
        if !self.headers_held {
            return Err(StreamError::HeadersGone);
        }
        handle::about(self.stream, || use_them(&mut Headers::new(Direction::Response.headers())))?
            .map_err(StreamError::Host)
    }
}

impl RequestHeaders {
    /// Has the request stand still until `then` has decided: return what this returns, as the outcome.
    ///
    /// `then` gets the plugin as it is now, also when another configuration comes meanwhile. It runs at once, until it waits
    /// for something; when it need not wait, its outcome is this one. Attributes and headers are those of this stream,
    /// whenever it runs. When the stream ends, it is dropped.
    ///
    /// It can wait for callouts ([`HttpRequest`](super::HttpRequest)): see the [module](super) for an example.
    pub fn wait<P: Callouts>(
        &mut self,
        plugin: &P,
        then: impl AsyncFnOnce(Rc<P>, WaitingRequest) -> Outcome + 'static,
    ) -> Outcome {
        let (_, handle) = self.pause();
        let waiting = WaitingRequest { stream: handle.stream() };
        let outcome = begin(plugin, |plugin| Box::pin(then(plugin, waiting)), handle);
        self.headers.forget();
        outcome
    }
}

impl RequestBody<'_> {
    /// Has the request stand still at the end of its body: see [`RequestHeaders::wait`].
    ///
    /// # Errors
    ///
    /// [`BodyError::NotAtEnd`] while more may come.
    pub fn wait<P: Callouts>(
        &mut self,
        plugin: &P,
        then: impl AsyncFnOnce(Rc<P>, WaitingRequest) -> Outcome + 'static,
    ) -> Result<Outcome, BodyError> {
        let (_, handle) = self.pause()?;
        let waiting = WaitingRequest { stream: handle.stream() };
        let outcome = begin(plugin, |plugin| Box::pin(then(plugin, waiting)), handle);
        self.forget_headers();
        Ok(outcome)
    }
}

impl RequestTrailers {
    /// Has the request stand still before its end: see [`RequestHeaders::wait`].
    pub fn wait<P: Callouts>(
        &mut self,
        plugin: &P,
        then: impl AsyncFnOnce(Rc<P>, WaitingRequest) -> Outcome + 'static,
    ) -> Outcome {
        let (_, handle): (Paused, RequestHandle) = self.pause();
        let waiting = WaitingRequest { stream: handle.stream() };
        begin(plugin, |plugin| Box::pin(then(plugin, waiting)), handle)
    }
}

impl ResponseHeaders {
    /// Has the response stand still until `then` has decided: see [`RequestHeaders::wait`].
    pub fn wait<P: Callouts>(
        &mut self,
        plugin: &P,
        then: impl AsyncFnOnce(Rc<P>, WaitingResponse) -> Outcome + 'static,
    ) -> Outcome {
        let (_, handle) = self.pause();
        let waiting = WaitingResponse { stream: handle.stream(), headers_held: true };
        let outcome = begin(plugin, |plugin| Box::pin(then(plugin, waiting)), handle);
        self.headers.forget();
        outcome
    }
}

impl ResponseBody<'_> {
    /// Has the response stand still at the end of its body: see [`RequestHeaders::wait`].
    ///
    /// # Errors
    ///
    /// [`BodyError::NotAtEnd`] while more may come.
    pub fn wait<P: Callouts>(
        &mut self,
        plugin: &P,
        then: impl AsyncFnOnce(Rc<P>, WaitingResponse) -> LateOutcome + 'static,
    ) -> Result<LateOutcome, BodyError> {
        let headers_held = self.headers().is_ok();
        let (_, handle): (Paused, ResponseHandle) = self.pause()?;
        let waiting = WaitingResponse { stream: handle.stream(), headers_held };
        let outcome = begin(plugin, |plugin| Box::pin(then(plugin, waiting)), handle);
        self.forget_headers();
        Ok(outcome)
    }
}

impl ResponseTrailers {
    /// Has the response stand still before its end: see [`RequestHeaders::wait`].
    pub fn wait<P: Callouts>(
        &mut self,
        plugin: &P,
        then: impl AsyncFnOnce(Rc<P>, WaitingResponse) -> LastOutcome + 'static,
    ) -> LastOutcome {
        let (_, handle) = self.pause();
        let waiting = WaitingResponse { stream: handle.stream(), headers_held: false };
        begin(plugin, |plugin| Box::pin(then(plugin, waiting)), handle)
    }
}

impl PluginContext {
    /// Does something on the side, for the plugin and not for a stream: in [`Filter::started`](crate::Filter::started) or
    /// [`Filter::tick`](crate::Filter::tick).
    ///
    /// It runs at once, until it waits for something. It ends with the plugin, and goes on with this plugin when another
    /// configuration comes.
    ///
    /// ```
    /// # use tamis::callouts::HttpRequest;
    /// # use tamis::{ConfigError, Filter, NoConfig, PluginContext};
    /// # struct Keys;
    /// #[tamis::filter(callouts)]
    /// impl Filter for Keys {
    ///     # fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> { Ok(Self) }
    ///     fn started(&self, plugin: &PluginContext) {
    ///         let fetched = plugin.spawn(self, async |_keys| {
    ///             match HttpRequest::get("keys", "keys.internal", "/jwks").send().await {
    ///                 Ok(keys) => tamis::log::info(format_args!("keys: {}", keys.status())),
    ///                 Err(error) => tamis::log::warn(format_args!("no keys: {error}")),
    ///             }
    ///         });
    ///         if let Err(error) = fetched {
    ///             tamis::log::warn(format_args!("no keys: {error}"));
    ///         }
    ///     }
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`SpawnError::TooMany`] when [`Filter::max_callouts`](crate::Filter::max_callouts) are under way.
    pub fn spawn<P: Callouts>(&self, plugin: &P, then: impl AsyncFnOnce(Rc<P>) + 'static) -> Result<(), SpawnError> {
        let (current, plugin) = current(plugin).ok_or(SpawnError::NoProxy)?;
        let future: Boxed<()> = Box::pin(async move { then(plugin).await });
        match Executor::start(&current, future, |future| Box::new(Aside(future))) {
            Ok(_) => Ok(()),
            Err(Full) => Err(SpawnError::TooMany),
        }
    }
}

/// An outcome, where there is no other, because what it waits for cannot be begun.
trait Undecided {
    fn paused() -> Self;
    fn refused() -> Self;
}

impl Undecided for Outcome {
    fn paused() -> Self {
        Self::Pause(Paused(()))
    }

    fn refused() -> Self {
        Self::Respond(Response::new(500).details("tamis_callout_error"))
    }
}

impl Undecided for LateOutcome {
    fn paused() -> Self {
        Self::Pause(Paused(()))
    }

    fn refused() -> Self {
        Self::Close
    }
}

impl Undecided for LastOutcome {
    fn paused() -> Self {
        Self::Pause(Paused(()))
    }

    fn refused() -> Self {
        Self::Continue
    }
}

/// Begins to wait, or says what the phase comes to without.
fn begin<P: Callouts, T: Undecided + 'static>(
    plugin: &P,
    future: impl FnOnce(Rc<P>) -> Boxed<T>,
    handle: impl Perform<T> + 'static,
) -> T {
    let Some((current, plugin)) = current(plugin) else {
        crate::log::parts(LogLevel::ERROR, &["a phase waits without a proxy; refusing"]);
        return T::refused();
    };
    match Executor::start(&current, future(plugin), |future| Box::new(Held { future, handle })) {
        Ok(Poll::Ready(outcome)) => outcome,
        Ok(Poll::Pending) => T::paused(),
        Err(Full) => {
            crate::log::parts(LogLevel::ERROR, &["a stream waits for as much as it may; refusing"]);
            T::refused()
        }
    }
}

/// The executor, and the plugin as it can be kept.
fn current<P: Callouts>(plugin: &P) -> Option<(Current, Rc<P>)> {
    let current = Current::get()?;
    let kept = current.plugin.clone().downcast::<P>().ok()?;
    std::ptr::eq(plugin, &*kept).then_some((current, kept))
}
