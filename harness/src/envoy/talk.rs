//! A connection through a real Envoy, with both ends in hand.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use std::{io, thread};

use socket2::SockRef;

use crate::scenario::connection::{Act, Connection, Does};
use crate::stream::End;
use crate::testbed::connection::{ClosedBy, Gets, SILENCE, Seen};

/// How long bytes that must come may take, and a connection to the upstream.
const LATE: Duration = Duration::from_secs(2);
/// How long nothing may come until it is said that nothing more does, after bytes that had to come.
const QUIET: Duration = Duration::from_millis(30);
const TICK: Duration = Duration::from_millis(2);
/// The most bytes that an end takes of one connection.
const MAX_BYTES: usize = 16 << 20;

/// An upstream that does and says what its connection's acts say. One connection at a time.
#[derive(Debug)]
pub(super) struct Peer(TcpListener);

impl Peer {
    /// One on a free port of 127.0.0.1.
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// Where it listens.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Plays a connection with a proxy that is there.
    pub(super) fn play(&self, proxy: SocketAddr, step: &Connection) -> io::Result<Seen> {
        // What came too late for an earlier one is not this one's.
        while self.0.accept().is_ok() {}
        let client = socket(TcpStream::connect_timeout(&proxy, LATE)?)?;
        let mut talk = Talk { listener: &self.0, client: Some(client), upstream: None, seen: Seen::default() };
        talk.settle([0, 0], |_| true, SILENCE);
        for act in &step.acts {
            let gets = talk.act(act);
            talk.seen.acts.push(gets);
        }
        let limit = Instant::now() + LATE;
        while !step.differences(&talk.seen).is_empty() && Instant::now() < limit {
            talk.look();
            thread::sleep(TICK);
        }
        Ok(talk.seen)
    }
}

/// A connection's two sockets, and what has been seen.
struct Talk<'l> {
    listener: &'l TcpListener,
    client: Option<TcpStream>,
    upstream: Option<TcpStream>,
    seen: Seen,
}

impl Talk<'_> {
    /// What comes of an act.
    fn act(&mut self, act: &Act) -> Gets {
        let before = self.seen.lengths();
        let end = match &act.does {
            Does::Says(end, _) | Does::Ends(end) | Does::Breaks(end) => *end,
            Does::Waits(_) => End::Client,
        };
        let said_to_nobody = !self.is_there(end);
        // A side that is closed cannot do anything any more, and in the harness nothing comes of it.
        match &act.does {
            _ if said_to_nobody => {}
            Does::Says(end, body) => self.says(*end, body.as_bytes()),
            Does::Ends(end) => {
                self.closes(*end);
                self.socket(*end).iter().for_each(|socket| drop(socket.shutdown(Shutdown::Write)));
            }
            Does::Breaks(end) => {
                self.closes(*end);
                if let Some(socket) = self.socket(*end).take() {
                    // Closed without a last word, it is a reset.
                    let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
                }
                self.seen.gets(*end, b"", true);
            }
            Does::Waits(time) => self.settle(before, |_| false, time.0),
        }
        self.settle(before, |gets| act.fits(gets), if act.awaits() { QUIET } else { SILENCE });
        Gets { said_to_nobody, ..self.seen.since(before) }
    }

    /// An end closes its side, if the connection is not over already.
    fn closes(&mut self, end: End) {
        self.look();
        if !self.is_over() {
            self.seen.closes(ClosedBy::End(end));
        }
    }

    fn says(&mut self, end: End, mut bytes: &[u8]) {
        let limit = Instant::now() + LATE;
        while !bytes.is_empty() && Instant::now() < limit {
            let Some(socket) = self.socket(end) else { return };
            match socket.write(bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.look();
                    thread::sleep(TICK);
                }
                // Nobody listens any more.
                Err(_) => return,
            }
        }
    }

    /// Waits until what has come since there were so many bytes fits and nothing more comes; or until it is too late. What does
    /// not fit at all is waited for as long as it has to be quiet.
    fn settle(&mut self, before: [usize; 2], fits: impl Fn(&Gets) -> bool, quiet: Duration) {
        let begin = Instant::now();
        let mut last = begin;
        loop {
            if self.look() {
                last = Instant::now();
            }
            let late = begin.elapsed() >= LATE.max(quiet);
            let is_quiet = last.elapsed() >= quiet;
            if late || self.is_over() || (is_quiet && fits(&self.seen.since(before))) {
                return;
            }
            thread::sleep(TICK);
        }
    }

    /// Whether the upstream has been connected to by now: that may take its time.
    fn is_there(&mut self, end: End) -> bool {
        let limit = Instant::now() + LATE;
        while self.seen.end(end).is_none() && !self.seen.client.ended && Instant::now() < limit {
            self.look();
            thread::sleep(TICK);
        }
        self.seen.end(end).is_some()
    }

    /// Both sides are closed.
    fn is_over(&self) -> bool {
        self.seen.client.ended && self.seen.upstream.as_ref().is_none_or(|upstream| upstream.ended)
    }

    /// Takes in what has come. Says whether anything has.
    fn look(&mut self) -> bool {
        let mut news = false;
        if self.seen.upstream.is_none()
            && let Ok((stream, _)) = self.listener.accept()
            && let Ok(stream) = socket(stream)
        {
            (self.upstream, news) = (Some(stream), true);
            self.seen.upstream = Some(Default::default());
        }
        for end in [End::Upstream, End::Client] {
            let heard = |seen: &Seen| seen.end(end).is_none_or(|seen| seen.ended || seen.bytes.len() > MAX_BYTES);
            let mut piece = [0; 16 << 10];
            while !heard(&self.seen)
                && let Some(socket) = self.socket(end)
            {
                match socket.read(&mut piece) {
                    Ok(size) if size > 0 => self.seen.gets(end, piece.get(..size).unwrap_or_default(), false),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => break,
                    _ => self.seen.gets(end, b"", true),
                }
                news = true;
            }
        }
        news
    }

    fn socket(&mut self, end: End) -> &mut Option<TcpStream> {
        match end {
            End::Client => &mut self.client,
            End::Upstream => &mut self.upstream,
        }
    }
}

/// What is written goes out at once, and reading never waits.
fn socket(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}
