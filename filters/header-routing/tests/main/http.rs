//! Both ends of a proxy, over HTTP/1.1 on loopback: a client that keeps its connection, and upstreams that count.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A client with one connection, and a new one when the proxy has closed it.
pub struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Sends a GET, and waits for the answer.
    pub fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut connection = self.connection.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(self.address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_nodelay(true).unwrap();
            BufReader::new(stream)
        });
        let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
        let request = format!("GET {path} HTTP/1.1\r\nhost: shop.example.com\r\n{lines}\r\n");
        connection.get_mut().write_all(request.as_bytes()).unwrap();
        let (first, headers) = head(&mut connection).unwrap();
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, headers, body: String::new() };
        let length = answer.header("content-length").unwrap_or("0").parse().unwrap();
        let mut body = vec![0; length];
        connection.read_exact(&mut body).unwrap();
        answer.body = String::from_utf8(body).unwrap();
        if answer.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        answer
    }
}

/// An upstream that answers every request with its name, and remembers how often each path came.
pub struct Upstream {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Upstream {
    /// Its threads end with the connections that the proxy makes.
    pub fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let seen = Arc::clone(&upstream.seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || serve(stream, name, &seen));
            }
        });
        upstream
    }
}

fn serve(stream: TcpStream, name: &str, seen: &Mutex<BTreeMap<String, u32>>) {
    let mut stream = BufReader::new(stream);
    while let Some((first, headers)) = head(&mut stream) {
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        *seen.lock().unwrap().entry(path).or_default() += 1;
        let lane = headers.iter().find(|(name, _)| name == "x-cluster").map_or("", |(_, value)| value);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-lane: {lane}\r\n\r\n{name}", name.len());
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The first line and the headers of a message; nothing at the end of the connection.
fn head(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<(String, String)>)> {
    let mut line = || {
        let mut text = String::new();
        let read = stream.read_line(&mut text).unwrap_or_default();
        (read > 0).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    while let Some(text) = line().filter(|text| !text.is_empty()) {
        let (name, value) = text.split_once(": ")?;
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    Some((first, headers))
}
