//! An HTTP/1.1 server on loopback whose every answer is decided elsewhere.

use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::wire::{Head, Kind};
use crate::scenario::Seen;
use crate::scenario::model::Answer;

/// How long a connection may be idle. The proxy keeps some for the next request, and closes them when it ends.
const IDLE: Duration = Duration::from_secs(300);

/// Decides what is answered.
pub(super) trait Responder: Send + Sync + 'static {
    /// What to answer to a request, and when.
    fn respond(&self, request: Seen) -> Reply;
}

/// What is answered, and when.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// How long after the request.
    pub after: Duration,
    /// What it is.
    pub what: What,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// A response.
    Answer(Answer),
    /// A response, and the end of the connection.
    Last(Answer),
    /// The connection is closed before anything is said.
    Close,
    /// The connection is closed within the response's body.
    Break,
    /// Nothing, until the other side gives up.
    Nothing,
}

/// A server on a free port of 127.0.0.1. Dropped, it accepts no more connections; those that are open live until the
/// proxy closes them.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    accepting: Option<Accepting>,
}

/// The thread that accepts connections.
#[derive(Debug)]
struct Accepting {
    closing: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// When there is no port or no thread to be had.
    pub(super) fn start(responder: Arc<dyn Responder>) -> io::Result<Self> {
        let mut server = Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), accepting: None };
        server.open(responder)?;
        Ok(server)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens at its address, if it does not already.
    ///
    /// # Errors
    ///
    /// When the port is taken, or there is no thread.
    pub(super) fn open(&mut self, responder: Arc<dyn Responder>) -> io::Result<()> {
        if self.accepting.is_some() {
            return Ok(());
        }
        let listener = TcpListener::bind(self.address)?;
        self.address = listener.local_addr()?;
        let closing = Arc::<AtomicBool>::default();
        let ends = closing.clone();
        let accept = move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let responder = responder.clone();
                // A connection that fails is seen by the proxy, which answers 503: nothing is left to say here.
                let connection = std::thread::Builder::new().name("upstream connection".to_owned());
                let _ = connection.spawn(move || drop(serve(&stream, &*responder)));
            }
        };
        let thread = std::thread::Builder::new().name("upstream".to_owned()).spawn(accept)?;
        self.accepting = Some(Accepting { closing, thread });
        Ok(())
    }

    /// Refuses connections from now on. Its port stays its own only as long as nobody else takes it.
    pub(super) fn close(&mut self) {
        let Some(Accepting { closing, thread }) = self.accepting.take() else { return };
        closing.store(true, Ordering::Relaxed);
        // Only a connection wakes the thread up.
        if TcpStream::connect(self.address).is_ok() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(mut stream: &TcpStream, responder: &dyn Responder) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(head) = Head::read(&mut reader)? {
        let body = head.read_body(&mut reader, Kind::Request)?;
        let to_head = head.start.starts_with("HEAD ");
        let Reply { after, what } = responder.respond(seen(head, body));
        std::thread::sleep(after);
        match what {
            What::Answer(answer) => stream.write_all(&wire(&answer, to_head, false))?,
            What::Last(answer) => {
                stream.write_all(&wire(&answer, to_head, true))?;
                return stream.shutdown(Shutdown::Write);
            }
            What::Close => return Ok(()),
            What::Break => return stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
            // The other side says nothing more, and then closes.
            What::Nothing => {}
        }
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

fn wire(answer: &Answer, to_head: bool, last: bool) -> Vec<u8> {
    let bodiless = matches!(answer.status, 100..=199 | 204 | 304);
    let mut wire = format!("HTTP/1.1 {} \r\n", answer.status).into_bytes();
    let own_length = answer.headers.0.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    for (name, value) in &answer.headers.0 {
        wire.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    if !bodiless && !own_length {
        wire.extend(format!("content-length: {}\r\n", answer.body.len()).into_bytes());
    }
    if last {
        wire.extend(b"connection: close\r\n");
    }
    wire.extend(b"\r\n");
    if !bodiless && !to_head {
        wire.extend(answer.body.as_bytes());
    }
    wire
}
