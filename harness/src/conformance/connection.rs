//! What goes over a connection: the client says something and waits, the upstream answers once, the client says more, and one
//! end closes; the other one follows.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::batch::End;
use super::written::Written;
use crate::context::{Attributes, Xds};
use crate::stream::{self, End::Client, End::Upstream, Moved, Proxy};

/// What the client says first, and then.
const FIRST: &str = "request";
const MORE: &str = " and more";
/// What the upstream answers.
const ANSWER: &str = "answer";

/// How long nothing must happen until a step is over, when all has come that was sent, and when it has not.
const QUIET: Duration = Duration::from_millis(40);
const PATIENCE: Duration = Duration::from_millis(300);
/// The most time that a step may take.
const STEP: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(4);

/// A connection through a chain in the harness.
pub(super) fn emulated(proxy: &mut Proxy, closes_first: stream::End) -> End {
    let xds = Xds { cluster_name: Some("bytes".to_owned()), ..Xds::default() };
    let key = proxy.connect(0, Attributes { xds: xds.into(), ..Attributes::default() });
    let (mut client, mut upstream) = (String::new(), String::new());
    let mut asked = false;
    let mut pump = |proxy: &mut Proxy| {
        loop {
            let moved = proxy.take_bytes(key);
            if moved.is_empty() {
                return;
            }
            for moved in moved {
                match moved {
                    Moved::Bytes(to, bytes, last) => {
                        let got = if to == Client { &mut client } else { &mut upstream };
                        got.push_str(&bytes.escape_ascii().to_string());
                        if to == Upstream && !bytes.is_empty() && !std::mem::replace(&mut asked, true) {
                            proxy.send_bytes(key, Upstream, ANSWER.as_bytes(), false);
                        }
                        // Whoever hears the other end close closes, too.
                        if last && to != closes_first {
                            proxy.send_bytes(key, to, b"", true);
                        }
                    }
                    Moved::Closed | Moved::Connected => {}
                }
            }
        }
    };
    pump(proxy);
    for bytes in [FIRST, MORE] {
        proxy.send_bytes(key, Client, bytes.as_bytes(), false);
        pump(proxy);
    }
    // At last both have gone, whatever was held back.
    for end in [closes_first, Upstream, Client] {
        proxy.send_bytes(key, end, b"", true);
        pump(proxy);
    }
    proxy.forget(key);
    End::Closed(client, upstream)
}

/// The same through an Envoy. The upstream of the connection is this function, too.
pub(super) fn real(
    address: SocketAddr,
    listener: &TcpListener,
    written: &mut Written<'_>,
    log: &mut String,
    closes_first: stream::End,
) -> io::Result<End> {
    let client = Some(Socket::new(TcpStream::connect(address)?)?);
    let mut ends = Ends { upstream: None, client, closes_first, said: 0, asked: false, closing: false };
    for bytes in [FIRST, MORE] {
        if let Some(client) = &mut ends.client {
            // The proxy may have closed it.
            let _ = client.stream.write_all(bytes.as_bytes());
        }
        ends.said += bytes.len();
        ends.settle(listener, written, log)?;
    }
    ends.closing = true;
    for end in [closes_first, Upstream, Client] {
        if !ends.are_over() {
            ends.close(end);
            ends.settle(listener, written, log)?;
        }
    }
    let got = |socket: &Option<Socket>| socket.as_ref().map(|socket| socket.got.clone()).unwrap_or_default();
    Ok(End::Closed(got(&ends.client), got(&ends.upstream)))
}

/// Where the upstreams of connections listen.
pub(super) fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

struct Ends {
    upstream: Option<Socket>,
    client: Option<Socket>,
    closes_first: stream::End,
    /// What the client has sent, in bytes.
    said: usize,
    /// The upstream has answered.
    asked: bool,
    closing: bool,
}

struct Socket {
    stream: TcpStream,
    got: String,
    over: bool,
}

impl Ends {
    /// Reads and answers until nothing happens any more.
    fn settle(&mut self, listener: &TcpListener, written: &mut Written<'_>, log: &mut String) -> io::Result<()> {
        let (begin, mut last, mut follows) = (Instant::now(), Instant::now(), None);
        while (follows.is_some() || last.elapsed() < self.patience()) && begin.elapsed() < STEP {
            let mut moved = false;
            if let Some(news) = written.news() {
                log.push_str(&news);
                moved = true;
            }
            if self.upstream.is_none()
                && let Ok((stream, _)) = listener.accept()
            {
                self.upstream = Some(Socket::new(stream)?);
                moved = true;
            }
            for end in [Upstream, Client] {
                let Some(socket) = self.socket(end) else { continue };
                let was_over = socket.over;
                let read = socket.read();
                let ended = socket.over && !was_over;
                moved |= read || ended;
                if read
                    && end == Upstream
                    && !std::mem::replace(&mut self.asked, true)
                    && let Some(upstream) = &mut self.upstream
                {
                    let _ = upstream.stream.write_all(ANSWER.as_bytes());
                }
                if ended && end != self.closes_first {
                    follows = Some(end);
                }
            }
            // Not in one go with an answer, which is on its way until the client has it, or a filter keeps it.
            if !moved
                && last.elapsed() >= if self.is_answered() { QUIET / 2 } else { PATIENCE }
                && let Some(end) = follows.take()
            {
                self.close(end);
                moved = true;
            }
            if moved {
                last = Instant::now();
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        let (Some(upstream), Some(client)) = (&self.upstream, &self.client) else { return PATIENCE };
        let all = upstream.got.len() == self.said && client.got == ANSWER;
        if self.are_over() || all && !self.closing { QUIET } else { PATIENCE }
    }

    fn is_answered(&self) -> bool {
        !self.asked || self.client.as_ref().is_some_and(|client| client.got == ANSWER)
    }

    fn are_over(&self) -> bool {
        [&self.upstream, &self.client].into_iter().all(|socket| socket.as_ref().is_some_and(|socket| socket.over))
    }

    fn socket(&mut self, end: stream::End) -> Option<&mut Socket> {
        match end {
            Upstream => self.upstream.as_mut(),
            Client => self.client.as_mut(),
        }
    }

    fn close(&mut self, end: stream::End) {
        if let Some(socket) = self.socket(end) {
            // One that is gone need not be closed.
            let _ = socket.stream.shutdown(Shutdown::Write);
        }
    }
}

impl Socket {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, got: String::new(), over: false })
    }

    /// Takes what is there; says whether there was something.
    fn read(&mut self) -> bool {
        let (mut piece, before) = ([0; 1024], self.got.len());
        while !self.over {
            match self.stream.read(&mut piece) {
                Ok(size) if size > 0 => {
                    self.got.push_str(&piece.get(..size).unwrap_or_default().escape_ascii().to_string());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                _ => self.over = true,
            }
        }
        self.got.len() > before
    }
}
