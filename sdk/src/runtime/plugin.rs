//! What the attribute says of a filter.

use super::About;
use crate::queue::Queue;
use crate::{ConfigError, Configuration, PluginContext, Shutdown};

/// What every kind of filter is to the runtime. [`#[tamis::filter]`](crate::filter) implements it.
pub trait Plugin: Sized + 'static {
    /// What the user writes.
    type Config: Configuration;
    /// What is remembered of a stream.
    type State: Default + 'static;

    /// What the module says of itself.
    const ABOUT: About;
    /// Whether the module is told when a stream ends, because something is remembered of it.
    const KEEPS: bool;
    /// Whether there are phases after a stream's first.
    const LATER: bool;
    /// What it is a filter for.
    const KIND: Kind;
    /// Which bodies of HTTP it wants.
    const HTTP: HttpBodies;
    /// Whether it makes requests of its own.
    const CALLOUTS: bool;

    /// Makes the plugin.
    ///
    /// # Errors
    ///
    /// When the configuration is not accepted.
    fn make(config: Self::Config, plugin: &PluginContext) -> Result<Self, ConfigError>;

    /// The plugin is in its place.
    fn started(&self, plugin: &PluginContext);

    /// The plugin's timer.
    fn tick(&self, plugin: &PluginContext);

    /// There is something in a queue.
    fn queue_ready(&self, plugin: &PluginContext, queue: &Queue);

    /// The plugin's end.
    fn shutdown(&self, plugin: &PluginContext) -> Shutdown;

    /// How many callouts may be under way for a stream, or for the plugin.
    fn max_callouts(&self) -> usize;
}

/// A filter that makes requests of its own. [`#[tamis::filter(callouts)]`](crate::filter) implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` makes callouts, and its attribute does not say so",
    label = "this filter",
    note = "write `#[tamis::filter(callouts)]` on its impl block"
)]
pub trait Callouts: Plugin {}

/// What a filter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTTP.
    Http,
    /// TCP.
    Tcp,
}

/// Which body phases a filter for HTTP has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpBodies {
    /// `request_body`
    pub request_body: bool,
    /// `response_body`
    pub response_body: bool,
}
