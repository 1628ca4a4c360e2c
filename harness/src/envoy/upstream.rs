//! A server that answers what it is told and remembers what it saw.

use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::wire::{Head, Kind};
use crate::scenario::Seen;
use crate::scenario::model::Answer;

/// How long a connection may be idle. The proxy keeps some for the next request, and closes them when it ends.
const IDLE: Duration = Duration::from_secs(300);

/// An HTTP/1.1 server on a free port of 127.0.0.1, with one script at a time. Dropped, it accepts no more connections; those
/// that are open live until the proxy closes them.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    script: Mutex<Script>,
    closing: AtomicBool,
}

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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let accepting = shared.clone();
        let accept = move || {
            for stream in listener.incoming().flatten() {
                if accepting.closing.load(Ordering::Relaxed) {
                    return;
                }
                let shared = accepting.clone();
                // A connection that fails is seen by the proxy, which answers 503: nothing is left to say here.
                let connection = std::thread::Builder::new().name("upstream connection".to_owned());
                let _ = connection.spawn(move || drop(serve(&stream, &shared)));
            }
        };
        let acceptor = std::thread::Builder::new().name("upstream".to_owned()).spawn(accept)?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        // Only a connection wakes the thread up.
        if TcpStream::connect(self.address).is_ok()
            && let Some(acceptor) = self.acceptor.take()
        {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(head) = Head::read(&mut reader)? {
        let body = head.read_body(&mut reader, Kind::Request)?;
        let is_head = head.start.starts_with("HEAD ");
        let answer = {
            let mut script = shared.script();
            script.seen = Some(seen(head, body));
            wire(&script.answer, is_head)
        };
        stream.write_all(&answer)?;
    }
    Ok(())
}

/// The request as the harness would show it; the scheme is not on the wire.
fn seen(head: Head, body: Vec<u8>) -> Seen {
    let mut line = head.start.split(' ');
    let (method, path) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
    let pseudo = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    let mut headers = vec![pseudo(":path", path.as_bytes()), pseudo(":method", method.as_bytes())];
    if let Some(host) = head.get("host") {
        headers.insert(0, pseudo(":authority", host));
    }
    headers.extend(head.headers.into_iter().filter(|(name, _)| name != "host"));
    Seen { headers, body, ..Seen::default() }
}

fn wire(answer: &Answer, to_head: bool) -> Vec<u8> {
    let bodiless = matches!(answer.status, 100..=199 | 204 | 304);
    let mut wire = format!("HTTP/1.1 {} \r\n", answer.status).into_bytes();
    let own_length = answer.headers.0.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    for (name, value) in &answer.headers.0 {
        wire.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    if !bodiless && !own_length {
        wire.extend(format!("content-length: {}\r\n", answer.body.len()).into_bytes());
    }
    wire.extend(b"\r\n");
    if !bodiless && !to_head {
        wire.extend(answer.body.as_bytes());
    }
    wire
}

#[cfg(test)]
mod tests {
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
