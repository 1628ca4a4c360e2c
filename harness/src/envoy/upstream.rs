//! A server that answers what it is told and remembers what it saw.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::server::{Reply, Responder, Server, What};
use crate::scenario::Seen;
use crate::scenario::model::Answer;

/// An HTTP/1.1 server on a free port of 127.0.0.1, with one script at a time. Dropped, it accepts no more connections; those
/// that are open live until the proxy closes them.
#[derive(Debug)]
pub struct Upstream {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<Script>);

#[derive(Debug, Default)]
struct Script {
    answer: Answer,
    seen: Option<Seen>,
}

impl Upstream {
    /// Starts one; it answers 200 with nothing until [`expect`](Self::expect) says otherwise.
    ///
    /// # Errors
    ///
    /// When there is no port or no thread to be had.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        Ok(Self { server: Server::start(shared.clone())?, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Begins an exchange: what to answer from now on. What was seen before is forgotten.
    pub fn expect(&self, answer: &Answer) {
        *self.shared.script() = Script { answer: answer.clone(), seen: None };
    }

    /// Ends an exchange: the request that came, if one did.
    pub fn take_seen(&self) -> Option<Seen> {
        self.shared.script().seen.take()
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Responder for Shared {
    fn respond(&self, request: Seen) -> Reply {
        let mut script = self.script();
        script.seen = Some(request);
        Reply { after: Duration::ZERO, what: What::Answer(script.answer.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write as _};
    use std::net::TcpStream;

    use super::super::wire::{Head, Kind};
    use super::*;
    use crate::scenario::model::Fields;

    fn talk(upstream: &Upstream, request: &str) -> (Head, Vec<u8>) {
        let mut stream = TcpStream::connect(upstream.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let head = Head::read(&mut reader).unwrap().unwrap();
        let body = head.read_body(&mut reader, Kind::Response).unwrap();
        (head, body)
    }

    #[test]
    fn it_answers_what_it_is_told_and_remembers_what_it_saw() {
        let upstream = Upstream::start().unwrap();
        let fields = [("x-a", "1"), ("b", ""), ("x-a", "2")].map(|(name, value)| (name.to_owned(), value.into()));
        upstream.expect(&Answer {
            status: 201,
            headers: Fields(fields.to_vec()),
            body: "made".into(),
            ..Answer::default()
        });
        let (head, body) =
            talk(&upstream, "POST /p?q HTTP/1.1\r\nX-Z: 1\r\nhost: h\r\na: 1\r\nx-z: 2\r\ncontent-length: 2\r\n\r\nhi");
        assert_eq!(head.start, "HTTP/1.1 201 ");
        let names = head.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        assert_eq!((names, body.as_slice()), (vec!["x-a", "b", "x-a", "content-length"], b"made".as_slice()));

        let seen = upstream.take_seen().unwrap();
        let names = seen.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, [":authority", ":path", ":method", "x-z", "a", "x-z", "content-length"]);
        assert_eq!((seen.get(":path"), seen.body.as_slice()), (Some(b"/p?q".as_slice()), b"hi".as_slice()));
        assert_eq!(upstream.take_seen(), None);
    }

    #[test]
    fn an_answer_without_a_body_has_none() {
        let upstream = Upstream::start().unwrap();
        upstream.expect(&Answer { status: 204, body: "no".into(), ..Answer::default() });
        let (head, _) = {
            let mut stream = TcpStream::connect(upstream.address()).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").unwrap();
            (Head::read(&mut BufReader::new(stream)).unwrap().unwrap(), ())
        };
        assert_eq!(head.headers, []);
    }
}
