//! A registry whose every answer a test chooses.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tamis_oci::{Credentials, Registry, RegistryOptions, RegistryRef, Retry};

type Answer = dyn Fn(&str, Vec<u8>, &mut TcpStream) + Send + Sync;

/// Answers every request with what `answer` writes for its head, in lower case; each connection serves one.
pub struct Fake {
    pub address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    pub fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::start_with_bodies(move |head, _, stream| answer(head, stream))
    }

    /// The same, for those who want to see what was sent.
    pub fn start_with_bodies(answer: impl Fn(&str, Vec<u8>, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let (answer, is_over): (Arc<Answer>, _) = (Arc::new(answer), stopped.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let answer = answer.clone();
                std::thread::spawn(move || serve(stream, &*answer));
            }
        });
        Self { address, stopped, thread: Some(thread) }
    }

    pub fn reference(&self, rest: &str) -> RegistryRef {
        format!("oci://{}/{rest}", self.address).parse().unwrap()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Reads one request, the body included, and answers it; the connection is closed afterwards.
fn serve(mut stream: TcpStream, answer: &Answer) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<u64>().ok()).unwrap_or(0);
    let mut body = Vec::new();
    (&stream).take(length).read_to_end(&mut body).unwrap();
    answer(&head, body, &mut stream);
}

/// Writes an answer; a client that has hung up is no fault of the test.
pub fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// The line of a request.
pub fn line(head: &str) -> &str {
    head.lines().next().unwrap_or_default()
}

/// What a test's client does unless the test says otherwise: no credentials, no long waits.
pub fn options() -> RegistryOptions {
    RegistryOptions {
        credentials: Credentials::Anonymous,
        timeout: Duration::from_secs(30),
        retry: Retry { attempts: 3, first: Duration::from_millis(5), longest: Duration::from_secs(2) },
        ..RegistryOptions::default()
    }
}

pub fn patient() -> Registry {
    Registry::new(options())
}
