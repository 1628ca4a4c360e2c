//! A client: one request, sent part by part, and what comes back.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::http2::{Http2, Stream};
use super::received::Received;
use super::server::lock;
use super::{Exchange, Group, Wire};

/// The way to the proxy, for the exchanges of a flow.
pub(super) enum Way {
    /// A connection for each.
    Http1(SocketAddr),
    /// One for all of them.
    Http2(Http2),
}

/// A request under way.
pub(super) enum Client {
    Http1(Http1),
    Http2(Stream),
}

impl Way {
    pub(super) fn new(wire: Wire, address: SocketAddr) -> io::Result<Self> {
        Ok(match wire {
            Wire::Http1 => Self::Http1(address),
            Wire::Http2 => Self::Http2(Http2::connect(address)?),
        })
    }

    /// Begins an exchange; nothing is sent yet.
    pub(super) fn open(&self, group: &Group, exchange: &Exchange) -> io::Result<Client> {
        Ok(match self {
            Self::Http1(address) => {
                Client::Http1(Http1::open(*address, exchange.request.request(&group.path(exchange)))?)
            }
            Self::Http2(connection) => Client::Http2(connection.open(&exchange.request, &group.path(exchange))),
        })
    }
}

impl Client {
    /// Sends the next part of the request. Says whether there was one: the proxy may have answered and closed before it has
    /// read everything.
    pub(super) fn send_part(&mut self) -> bool {
        match self {
            Self::Http1(client) => client.send_part(),
            Self::Http2(stream) => stream.send_part(),
        }
    }

    /// What has come so far; nothing when no headers have.
    pub(super) fn received(&self) -> Option<Received> {
        match self {
            Self::Http1(client) => Received::parse(&lock(&client.read)),
            Self::Http2(stream) => Received::of_http2(&stream.response()),
        }
    }

    /// Whether nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Http1(client) => client.reader.is_finished(),
            Self::Http2(stream) => stream.response().over,
        }
    }

    /// Goes, and leaves the proxy alone with the stream.
    pub(super) fn leave(&mut self) {
        match self {
            // Nobody listens any more if this fails.
            Self::Http1(client) => drop(client.stream.shutdown(Shutdown::Both)),
            Self::Http2(stream) => stream.reset(),
        }
    }

    /// What has come in the end.
    pub(super) fn finish(mut self) -> Option<Received> {
        self.leave();
        if let Self::Http1(client) = self {
            let _ = client.reader.join();
            return Received::parse(&lock(&client.read));
        }
        self.received()
    }
}

/// A connection with one request.
pub(super) struct Http1 {
    stream: TcpStream,
    read: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    parts: std::vec::IntoIter<Vec<u8>>,
}

impl Http1 {
    fn open(address: SocketAddr, parts: Vec<Vec<u8>>) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut reading = stream.try_clone()?;
        let read = Arc::<Mutex<Vec<u8>>>::default();
        let keep = read.clone();
        let reader = std::thread::Builder::new().spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(size) = reading.read(&mut piece)
                && size > 0
            {
                lock(&keep).extend_from_slice(piece.get(..size).unwrap_or_default());
            }
        })?;
        Ok(Self { stream, read, reader, parts: parts.into_iter() })
    }

    fn send_part(&mut self) -> bool {
        let Some(part) = self.parts.next() else { return false };
        self.stream.write_all(&part).is_ok()
    }
}
