//! A client that says what came back, and takes one connection for as long as it is asked to.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::failure::Failure;
use crate::process;

const LIMIT: Duration = Duration::from_secs(5);
/// No answer of ours is larger.
const MOST: u64 = 1 << 20;

/// A request; the host is what routes look at.
#[derive(Clone, Debug)]
pub struct Ask {
    head: String,
    body: String,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A connection.
pub struct Connection(BufReader<TcpStream>);

impl Ask {
    /// `GET http://HOST PATH`.
    pub fn get(host: &str, path: &str) -> Self {
        Self { head: format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n"), body: String::new() }
    }

    /// `POST http://HOST PATH`, JSON.
    pub fn post(host: &str, path: &str, json: &str) -> Self {
        let length = json.len();
        Self {
            head: format!(
                "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
            ),
            body: json.to_owned(),
        }
    }

    /// The same with another header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Asks on a connection of its own.
    pub fn send(&self, to: SocketAddr) -> io::Result<Answer> {
        Connection::open(to)?.ask(self)
    }

    /// Sends it until an answer is as wanted; on failure the last answer is told.
    pub fn until(
        &self,
        to: SocketAddr,
        what: &str,
        limit: Duration,
        is_so: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, Failure> {
        let mut last = String::new();
        let answer = process::until(what, limit, || match self.send(to) {
            Ok(answer) if is_so(&answer) => Some(answer),
            Ok(answer) => {
                last = format!("{} {:?}", answer.status, answer.headers);
                None
            }
            Err(error) => {
                last = error.to_string();
                None
            }
        });
        answer.map_err(|failure| {
            if failure.is_interrupt() { failure } else { Failure::new(format_args!("{failure}; last answer: {last}")) }
        })
    }
}

impl Answer {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Connection {
    /// Connects; every wait on it ends after five seconds.
    pub fn open(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&to, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// One request, one answer.
    pub fn ask(&mut self, ask: &Ask) -> io::Result<Answer> {
        write!(self.0.get_mut(), "{}\r\n{}", ask.head, ask.body)?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("no status line"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: String::new() };
        let mut body = Vec::new();
        if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = u64::from_str_radix(self.line()?.trim(), 16).map_err(io::Error::other)?;
                self.take(size, &mut body)?;
                self.line()?;
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().map_err(io::Error::other)?;
            self.take(length, &mut body)?;
        }
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Ok(answer)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.0.by_ref().take(MOST).read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn take(&mut self, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
        if length > MOST {
            return Err(io::Error::other("an answer that is too large"));
        }
        let read = self.0.by_ref().take(length).read_to_end(body)?;
        if u64::try_from(read).is_ok_and(|read| read == length) {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}
