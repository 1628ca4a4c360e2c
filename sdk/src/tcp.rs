//! Filters for TCP.

use crate::queue::Queue;
use crate::sys::{self, HostError, StreamType};
use crate::{ConfigError, Configuration, PluginContext, Shutdown};

/// A filter for TCP connections: see [`Filter`](crate::Filter), which has the same parts, for what they are.
///
/// The order for one connection is [`connection`](Self::connection), data and closes in both directions,
/// [`log`](Self::log). It stands in a listener's network filters, before the one that connects to the upstream.
pub trait TcpFilter: Sized + 'static {
    /// What the user writes.
    type Config: Configuration;

    /// What the filter remembers of one connection.
    type Stream: Default + 'static;

    /// Makes the plugin out of its configuration.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for what the types alone could not refuse.
    fn new(config: Self::Config, plugin: &PluginContext) -> Result<Self, ConfigError>;

    /// The plugin is in its place: see [`Filter::started`](crate::Filter::started).
    fn started(&self, plugin: &PluginContext) {
        let _ = plugin;
    }

    /// A client has connected.
    fn connection(&self, stream: &mut Self::Stream) -> TcpOutcome {
        let _ = stream;
        TcpOutcome::Continue
    }

    /// Bytes from the client: those that have come anew, and those that the filter has made wait.
    fn downstream_data(&self, stream: &mut Self::Stream, data: &mut TcpData) -> TcpOutcome {
        let _ = (stream, data);
        TcpOutcome::Continue
    }

    /// Bytes from the upstream: those that have come anew, and those that the filter has made wait.
    fn upstream_data(&self, stream: &mut Self::Stream, data: &mut TcpData) -> TcpOutcome {
        let _ = (stream, data);
        TcpOutcome::Continue
    }

    /// The client's side has closed.
    fn downstream_close(&self, stream: &mut Self::Stream, by: ClosedBy) {
        let _ = (stream, by);
    }

    /// The upstream's side has closed.
    fn upstream_close(&self, stream: &mut Self::Stream, by: ClosedBy) {
        let _ = (stream, by);
    }

    /// The connection is over.
    fn log(&self, stream: &mut Self::Stream) {
        let _ = stream;
    }

    /// The plugin's timer, where one was set.
    fn tick(&self, plugin: &PluginContext) {
        let _ = plugin;
    }

    /// There is something in a queue that the plugin consumes, or there was: see [`queue`](crate::queue).
    fn queue_ready(&self, plugin: &PluginContext, queue: &Queue) {
        let _ = (plugin, queue);
    }

    /// The plugin is about to go.
    fn shutdown(&self, plugin: &PluginContext) -> Shutdown {
        let _ = plugin;
        Shutdown::Now
    }

    /// How many callouts may be under way for the plugin: see [`Filter::max_callouts`](crate::Filter::max_callouts).
    fn max_callouts(&self) -> usize {
        8
    }
}

/// A phase's decision about a connection. TCP has no answer to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the phase returns it"]
pub enum TcpOutcome {
    /// Go on to the next filter.
    Continue,
    /// Wait until more has come: the next call has it all. The proxy bounds what waits by its buffer
    /// (`per_connection_buffer_limit_bytes`) and then stops reading, so a filter that waits for more than that waits for ever.
    Wait,
    /// Close the connection, after what has been sent.
    Close,
}

/// Who has closed a side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedBy {
    /// The proxy does not say.
    Unknown,
    /// The proxy itself.
    Proxy,
    /// The peer.
    Peer,
}

/// Bytes of a connection, in one direction. Nothing is copied into the module before it is asked for.
#[derive(Debug)]
pub struct TcpData {
    buffer: u32,
    length: usize,
    last: bool,
}

impl TcpData {
    /// The buffer of the client's bytes.
    pub(crate) const DOWNSTREAM: u32 = 2;
    /// The buffer of the upstream's bytes.
    pub(crate) const UPSTREAM: u32 = 3;

    pub(crate) const fn new(buffer: u32, length: usize, last: bool) -> Self {
        Self { buffer, length, last }
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether this direction ends with them.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }

    /// At most `length` bytes from `start`, fewer at the end.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand them over.
    pub fn read(&self, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
        sys::buffer(self.buffer, start, length)
    }

    /// All bytes.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand them over.
    pub fn bytes(&self) -> Result<Vec<u8>, HostError> {
        self.read(0, self.length)
    }

    /// Puts others in their place.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the buffer cannot be written.
    pub fn replace(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        sys::set_buffer(self.buffer, 0, self.length, bytes)?;
        self.length = bytes.len();
        Ok(())
    }
}

/// A host call's result as a decision: go on, or close the connection when the proxy refused what was asked.
impl From<Result<(), HostError>> for TcpOutcome {
    fn from(result: Result<(), HostError>) -> Self {
        match result {
            Ok(()) => Self::Continue,
            Err(error) => {
                crate::log::parts(sys::LogLevel::ERROR, &[&error.text(), "; closing the connection"]);
                Self::Close
            }
        }
    }
}

impl ClosedBy {
    pub(crate) const fn from_word(word: u32) -> Self {
        match word {
            1 => Self::Proxy,
            2 => Self::Peer,
            _ => Self::Unknown,
        }
    }
}

impl TcpOutcome {
    /// Performs it; what the host is told.
    pub(crate) fn perform(self) -> u32 {
        match self {
            Self::Continue => 0,
            Self::Wait => 1,
            Self::Close => {
                if let Err(error) = sys::close_stream(StreamType::DOWNSTREAM) {
                    crate::log::parts(sys::LogLevel::CRITICAL, &[&error.text(), "; the connection waits"]);
                }
                1
            }
        }
    }
}
