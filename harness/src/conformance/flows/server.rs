//! The upstream of all groups of a process, and the server for callouts.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a connection may be silent. Envoy closes each when it has the response, or when it ends.
const IDLE: Duration = Duration::from_secs(20);
/// How long the answer to some callouts takes; as the timers of programs.
const LATER: Duration = Duration::from_millis(45);
/// How long the answer to others takes: a client has gone by then.
const AFTER: Duration = Duration::from_millis(200);
/// And to others: a configuration has changed by then.
pub(super) const HELD: Duration = Duration::from_millis(600);
/// The most bytes of one connection that are kept.
const MAX_READ: usize = 4 << 20;

/// Paths of callouts begin so.
pub(super) const CALLOUT: &str = "/callout/";
/// What an answered callout brings.
pub(super) const CALLOUT_BODY: &str = "called";

/// How one exchange is answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    /// The parts of the response.
    pub parts: Vec<Vec<u8>>,
    /// How long it waits between them.
    pub pause: Duration,
    /// Before the request's end.
    pub early: bool,
}

/// A server on a free port of 127.0.0.1 that answers by the request's path.
pub(super) struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    scripts: BTreeMap<String, Script>,
    /// What came, by path, a connection each.
    seen: Mutex<BTreeMap<String, Vec<Vec<u8>>>>,
    connections: Mutex<Vec<JoinHandle<()>>>,
    closing: AtomicBool,
}

impl Server {
    pub(super) fn start(scripts: BTreeMap<String, Script>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            scripts,
            seen: Mutex::default(),
            connections: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        let accepting = shared.clone();
        let accept = move || {
            for stream in listener.incoming().flatten() {
                if accepting.closing.load(Ordering::Relaxed) {
                    return;
                }
                let shared = accepting.clone();
                // A connection that fails is seen by the proxy: nothing is left to say here.
                let serve = std::thread::Builder::new().spawn(move || drop(shared.serve(stream)));
                lock(&accepting.connections).extend(serve);
            }
        };
        let acceptor = std::thread::Builder::new().name("upstream".to_owned()).spawn(accept)?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// What has come, by path, a connection each. Call it when the proxy has ended: it waits for all connections.
    pub(super) fn finish(mut self) -> BTreeMap<String, Vec<Vec<u8>>> {
        self.stop();
        for connection in std::mem::take(&mut *lock(&self.shared.connections)) {
            let _ = connection.join();
        }
        std::mem::take(&mut *lock(&self.shared.seen))
    }

    fn stop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        // Only a connection wakes the thread up.
        if let Some(acceptor) = self.acceptor.take()
            && TcpStream::connect(self.address).is_ok()
        {
            let _ = acceptor.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(IDLE))?;
        stream.set_nodelay(true)?;
        let mut request = Vec::new();
        while !has_head(&request) {
            if !read_more(&mut stream, &mut request)? {
                return Ok(());
            }
        }
        let path = path(&request);
        let script = self.script(&path);
        let early = script.as_ref().is_some_and(|script| script.early);
        let mine = {
            let mut seen = lock(&self.seen);
            let connections = seen.entry(path.clone()).or_default();
            connections.push(Vec::new());
            connections.len() - 1
        };
        let note = |request: &[u8]| {
            if let Some(place) = lock(&self.seen).get_mut(&path).and_then(|all| all.get_mut(mine)) {
                *place = request.to_vec();
            }
        };
        loop {
            note(&request);
            if early || is_whole(&request) {
                break;
            }
            if !read_more(&mut stream, &mut request)? {
                return Ok(());
            }
        }
        if let Some(script) = script {
            for (index, part) in script.parts.iter().enumerate() {
                if index > 0 {
                    std::thread::sleep(script.pause);
                }
                stream.write_all(part)?;
            }
        }
        if path.strip_prefix(CALLOUT) == Some("reset") {
            return Ok(());
        }
        // The proxy closes: every response says that it is the connection's last.
        while read_more(&mut stream, &mut request)? {
            note(&request);
        }
        Ok(())
    }

    /// What to answer; a path that nobody knows, and a slow callout, get nothing.
    fn script(&self, path: &str) -> Option<Script> {
        let Some(callout) = path.strip_prefix(CALLOUT) else { return self.scripts.get(path).cloned() };
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ";
        let whole = format!("{head}{}\r\n\r\n{CALLOUT_BODY}", CALLOUT_BODY.len()).into_bytes();
        let parts = match callout {
            "slow" => return None,
            "reset" => vec![format!("{head}99\r\n\r\n{CALLOUT_BODY}").into_bytes()],
            // Later than one that is answered at once.
            "later" | "after" | "held" => vec![Vec::new(), whole],
            _ => vec![whole],
        };
        let pause = match callout {
            "after" => AFTER,
            "held" => HELD,
            _ => LATER,
        };
        Some(Script { parts, pause, early: false })
    }
}

fn read_more(stream: &mut TcpStream, request: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = [0; 4096];
    let size = stream.read(&mut piece)?;
    request.extend_from_slice(piece.get(..size).unwrap_or_default());
    Ok(size > 0 && request.len() <= MAX_READ)
}

fn has_head(request: &[u8]) -> bool {
    request.windows(4).any(|four| four == b"\r\n\r\n")
}

fn path(request: &[u8]) -> String {
    String::from_utf8_lossy(request).split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Whether head, body and trailers have come.
fn is_whole(request: &[u8]) -> bool {
    super::received::Received::parse(request).is_some_and(|request| request.ended)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
