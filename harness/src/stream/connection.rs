//! Connections: bytes between a client and an upstream, with the chain as network filters in between.

use super::proxy::Proxy;
use crate::context::Attributes;
use crate::cost::Cost;

/// Names a connection that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionKey {
    thread: usize,
    key: u64,
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Whoever has connected to the proxy: downstream.
    Client,
    /// Whom the proxy has connected to.
    Upstream,
}

/// What a connection's chain has let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// All filters know of the connection, and the proxy connects to the upstream.
    Connected,
    /// Bytes for an end; with the flag nothing more is sent there.
    Bytes(End, Vec<u8>, bool),
    /// Both sides are closed; nothing follows.
    Closed,
}

impl Proxy {
    /// Begins a connection on a worker, counted from 0; one that does not exist is the last. The filters are those of the
    /// chain, as network filters in front of a TCP proxy (rule `TCP-1`).
    pub fn connect(&mut self, worker: usize, attributes: Attributes) -> ConnectionKey {
        let thread = (worker + 1).min(self.threads.len().saturating_sub(1));
        let key = self.threads.get_mut(thread).map_or(0, |thread| thread.connect(attributes));
        self.settle();
        ConnectionKey { thread, key }
    }

    /// An end says something; with `last` it says nothing after that. What a client says before the upstream is connected, or
    /// while the filters hold back [as much as may be held](super::Options::buffer_limit), is read later; an upstream that is
    /// not connected says nothing.
    pub fn send_bytes(&mut self, connection: ConnectionKey, from: End, bytes: &[u8], last: bool) {
        if let Some(thread) = self.threads.get_mut(connection.thread) {
            thread.on_connection(connection.key, |link| match from {
                End::Client => link.client_says(bytes, last),
                End::Upstream => link.upstream_says(bytes, last),
            });
        }
        self.settle();
    }

    /// An end breaks the connection off, as a TCP reset does.
    pub fn break_off(&mut self, connection: ConnectionKey, end: End) {
        if let Some(thread) = self.threads.get_mut(connection.thread) {
            thread.on_connection(connection.key, |link| link.break_off(end));
        }
        self.settle();
    }

    /// What has been let through since the last call, in order.
    pub fn take_bytes(&mut self, connection: ConnectionKey) -> Vec<Moved> {
        let thread = self.threads.get_mut(connection.thread);
        let state = thread.and_then(|thread| thread.connections.get_mut(&connection.key));
        state.map(|state| std::mem::take(&mut state.out)).unwrap_or_default()
    }

    /// Forgets a connection; one that is open is broken off by its client first. Says what its worker has spent since it
    /// began.
    pub fn forget(&mut self, connection: ConnectionKey) -> Cost {
        let thread = self.threads.get_mut(connection.thread);
        let cost = thread.map(|thread| thread.forget(connection.key)).unwrap_or_default();
        self.settle();
        cost
    }
}
