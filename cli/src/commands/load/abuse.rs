//! Clients that misbehave.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

/// What any of them waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Clients on threads of their own, until they are stopped.
pub struct Abuse {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// How many there were of each.
#[derive(Clone, Copy)]
pub struct Counts {
    /// Clients that send a whole request slowly.
    pub slow: u64,
    /// Of those, who got a 200.
    pub slow_answered: u64,
    /// Clients that leave in the middle of a body, theirs or the answer's.
    pub aborted: u64,
    /// Clients whose headers are too large.
    pub oversized: u64,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    slow: AtomicU64,
    slow_answered: AtomicU64,
    aborted: AtomicU64,
    oversized: AtomicU64,
}

impl Abuse {
    pub fn start(address: SocketAddr) -> Self {
        let shared = Arc::new(Shared::default());
        let clients: [fn(&Shared, SocketAddr); 5] = [slow, slow, abort_request, abort_answer, oversized];
        let threads = clients.map(|client| {
            let shared = shared.clone();
            std::thread::spawn(move || {
                while !shared.stopped.load(Ordering::Acquire) {
                    client(&shared, address);
                }
            })
        });
        Self { shared, threads: threads.into() }
    }

    /// Lets them end what they are at.
    pub fn stop(self) -> Counts {
        self.shared.stopped.store(true, Ordering::Release);
        for thread in self.threads {
            let _ = thread.join();
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let shared = &self.shared;
        Counts {
            slow: count(&shared.slow),
            slow_answered: count(&shared.slow_answered),
            aborted: count(&shared.aborted),
            oversized: count(&shared.oversized),
        }
    }
}

/// Sends its request in small pieces, and reads the answer in small pieces.
fn slow(shared: &Shared, address: SocketAddr) {
    shared.slow.fetch_add(1, Ordering::AcqRel);
    let request = b"POST /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 40\r\n\r\n\
        0123456789012345678901234567890123456789";
    let Some(mut connection) = connect(address) else { return };
    for piece in request.chunks(6) {
        if connection.write_all(piece).is_err() {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    let (mut answer, mut piece) = (Vec::new(), [0; 16]);
    while let Ok(n) = connection.read(&mut piece)
        && n > 0
    {
        answer.extend(piece.iter().take(n));
        sleep(Duration::from_millis(1));
    }
    if answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"\n\n0123456789012345678901234567890123456789") {
        shared.slow_answered.fetch_add(1, Ordering::AcqRel);
    }
}

/// Announces more than it sends.
fn abort_request(shared: &Shared, address: SocketAddr) {
    let Some(mut connection) = connect(address) else { return };
    let _ = connection.write_all(b"POST /abort HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n");
    let _ = connection.write_all(&[b'b'; 10_000]);
    sleep(Duration::from_millis(3));
    shared.aborted.fetch_add(1, Ordering::AcqRel);
}

/// Leaves after the first byte of its answer.
fn abort_answer(shared: &Shared, address: SocketAddr) {
    let Some(mut connection) = connect(address) else { return };
    let body = [b'b'; 60_000];
    let _ = connection.write_all(b"POST /answer HTTP/1.1\r\nhost: a\r\ncontent-length: 60000\r\n\r\n");
    let _ = connection.write_all(&body);
    let _ = connection.read(&mut [0; 1]);
    shared.aborted.fetch_add(1, Ordering::AcqRel);
    sleep(Duration::from_millis(3));
}

/// Sends a header above the bound.
fn oversized(shared: &Shared, address: SocketAddr) {
    let Some(mut connection) = connect(address) else { return };
    shared.oversized.fetch_add(1, Ordering::AcqRel);
    let header = format!("GET /large HTTP/1.1\r\nhost: a\r\nx-large: {}\r\n\r\n", "v".repeat(70_000));
    // The answer may come before all is sent, and be lost with what follows it.
    let _ = connection.write_all(header.as_bytes());
    let _ = connection.read(&mut [0; 13]);
    sleep(Duration::from_millis(5));
}

fn connect(address: SocketAddr) -> Option<TcpStream> {
    let connection = TcpStream::connect(address).ok()?;
    connection.set_read_timeout(Some(PATIENCE)).ok()?;
    connection.set_write_timeout(Some(PATIENCE)).ok()?;
    Some(connection)
}
