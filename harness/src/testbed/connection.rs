//! A connection through network filters, as both of its ends see it.

use std::time::Duration;

use crate::context::Attributes;
use crate::cost::Cost;
use crate::stream::{ConnectionKey, End, Moved, Proxy};

/// How long nothing may come until it is said that nothing more does, where nothing has to come.
pub(crate) const SILENCE: Duration = Duration::from_millis(150);

/// A connection that is under way, and what both ends have seen of it: [`Testbed::connect`](super::Testbed::connect).
#[derive(Debug)]
pub struct Connection {
    key: ConnectionKey,
    seen: Seen,
    closed: bool,
}

/// What both ends have seen of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The client.
    pub client: SeenEnd,
    /// The upstream; nothing when the proxy has not connected to it.
    pub upstream: Option<SeenEnd>,
    /// Who was the first to close its side, or to break off; nobody, while both are open.
    pub closed_by: Option<ClosedBy>,
    /// What each act of a scenario has brought.
    pub acts: Vec<Gets>,
}

/// What an end has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenEnd {
    /// All bytes that it got.
    pub bytes: Vec<u8>,
    /// It knows that nothing more comes.
    pub ended: bool,
}

/// Who closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedBy {
    /// One of its ends.
    End(End),
    /// The proxy: a filter has closed it, or its VM is dead.
    Proxy,
}

/// What one act has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gets {
    /// To the client.
    pub client: Vec<u8>,
    /// To the upstream.
    pub upstream: Vec<u8>,
    /// The upstream was to do something, and is not connected.
    pub said_to_nobody: bool,
}

impl Seen {
    /// What an end has seen; nothing, when it is an upstream that is not connected.
    #[must_use]
    pub fn end(&self, end: End) -> Option<&SeenEnd> {
        match end {
            End::Client => Some(&self.client),
            End::Upstream => self.upstream.as_ref(),
        }
    }

    /// An end closes its side, or breaks off; the first counts.
    pub(crate) fn closes(&mut self, by: ClosedBy) {
        self.closed_by.get_or_insert(by);
    }

    /// An end gets bytes; with `last` nothing comes after them. An end that is told so before any end has closed is told by
    /// the proxy.
    pub(crate) fn gets(&mut self, end: End, bytes: &[u8], last: bool) {
        if last {
            self.closes(ClosedBy::Proxy);
        }
        let seen = match end {
            End::Client => &mut self.client,
            End::Upstream => self.upstream.get_or_insert_default(),
        };
        seen.bytes.extend_from_slice(bytes);
        seen.ended |= last;
    }

    /// How many bytes have come to the client and to the upstream.
    pub(crate) fn lengths(&self) -> [usize; 2] {
        [self.client.bytes.len(), self.upstream.as_ref().map_or(0, |upstream| upstream.bytes.len())]
    }

    /// What has come since there were so many.
    pub(crate) fn since(&self, [client, upstream]: [usize; 2]) -> Gets {
        let rest = |seen: &SeenEnd, from: usize| seen.bytes.get(from..).unwrap_or_default().to_vec();
        Gets {
            client: rest(&self.client, client),
            upstream: self.upstream.as_ref().map(|seen| rest(seen, upstream)).unwrap_or_default(),
            said_to_nobody: false,
        }
    }
}

impl Connection {
    /// A client connects on a worker, counted from 0.
    pub(crate) fn begin(proxy: &mut Proxy, worker: usize, attributes: Attributes) -> Self {
        let mut connection = Self { key: proxy.connect(worker, attributes), seen: Seen::default(), closed: false };
        connection.look(proxy);
        connection
    }

    /// What both ends have seen by now, as of the last time that anything was asked of this connection.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Both sides are closed: nothing more happens.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn says(&mut self, proxy: &mut Proxy, end: End, bytes: &[u8]) {
        proxy.send_bytes(self.key, end, bytes, false);
        self.look(proxy);
    }

    pub(crate) fn ends(&mut self, proxy: &mut Proxy, end: End) {
        if self.is_there(end) && !self.closed {
            self.seen.closes(ClosedBy::End(end));
        }
        proxy.send_bytes(self.key, end, b"", true);
        self.look(proxy);
    }

    pub(crate) fn breaks(&mut self, proxy: &mut Proxy, end: End) {
        if self.is_there(end) && !self.closed {
            self.seen.closes(ClosedBy::End(end));
        }
        proxy.break_off(self.key, end);
        self.look(proxy);
    }

    /// Whether there is such an end: the upstream is none before the proxy has connected to it.
    pub(crate) fn is_there(&self, end: End) -> bool {
        self.seen.end(end).is_some()
    }

    /// Takes in what has been let through.
    pub(crate) fn look(&mut self, proxy: &mut Proxy) {
        for moved in proxy.take_bytes(self.key) {
            match moved {
                Moved::Connected => {
                    self.seen.upstream.get_or_insert_default();
                }
                Moved::Bytes(end, bytes, last) => self.seen.gets(end, &bytes, last),
                Moved::Closed => {
                    self.closed = true;
                    self.seen.closes(ClosedBy::Proxy);
                    self.seen.client.ended = true;
                    self.seen.upstream.iter_mut().for_each(|upstream| upstream.ended = true);
                }
            }
        }
    }

    /// It is over: what its worker has spent since it began.
    pub(crate) fn forget(self, proxy: &mut Proxy) -> Cost {
        proxy.forget(self.key)
    }
}
