//! Filters for TCP.

mod data;

pub use data::{DownstreamData, NewConnection, TcpData};

use crate::callouts::HttpError;
use crate::grpc::GrpcError;
use crate::queue::Queue;
use crate::sys::{self, HostError, StreamType};
use crate::{ConfigError, Configuration, PluginContext, Shutdown, StreamError};

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

    /// A client has connected. It can [wait](NewConnection::wait) for a callout before the upstream is connected.
    fn connection(&self, stream: &mut Self::Stream, connection: &mut NewConnection) -> TcpOutcome {
        let _ = (stream, connection);
        TcpOutcome::Continue
    }

    /// Bytes from the client: those that have come anew, and those that the filter has made wait. They can
    /// [wait](DownstreamData::wait) for a callout; those of the upstream cannot, because a proxy lets them go on only when
    /// more of them come (rule `LR-11`).
    fn downstream_data(&self, stream: &mut Self::Stream, data: &mut DownstreamData) -> TcpOutcome {
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

    /// How many callouts may be under way for a connection, or for the plugin: see [`Filter::max_callouts`](crate::Filter::max_callouts).
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
    /// Wait until more of the same direction has come: the next call has it all. The proxy bounds what waits by its buffer
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

/// Makes decisions of the results of host calls and callouts.
macro_rules! decisions {
    ($($error:ty),*) => {$(
        /// A result as a decision: go on, or close the connection when what was asked could not be had.
        impl From<Result<(), $error>> for TcpOutcome {
            fn from(result: Result<(), $error>) -> Self {
                match result {
                    Ok(()) => Self::Continue,
                    Err(error) => {
                        crate::log::parts(sys::LogLevel::ERROR, &[&error.text(), "; closing the connection"]);
                        Self::Close
                    }
                }
            }
        }
    )*};
}

decisions!(HostError, StreamError, HttpError, GrpcError);

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
