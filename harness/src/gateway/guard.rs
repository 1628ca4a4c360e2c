//! What a client of HTTP/1.1 says, looked at before hyper reads it: hyper mends some requests in silence that Envoy refuses
//! (rules `WIRE-1`, `WIRE-2`).
//!
//! Bytes go on as they come. Only the last one of a head waits for the verdict; in the place of a head that is refused hyper
//! gets one that it cannot read, so it answers 400 and closes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::client::HEADER_BYTES;
use super::patience::Patience;

/// How much is read at a time, in bytes.
const PIECE: usize = 16 << 10;

/// The longest line with a chunk's size that is followed, in bytes.
const CHUNK_LINE: usize = 16 << 10;

/// No head goes on so.
const REFUSED: &[u8] = b"\0\r\n\r\n";

/// A client's connection whose requests are looked at.
#[derive(Debug)]
pub(super) struct Guard {
    connection: Patience,
    scanner: Scanner,
    /// What may go on, and how much of it has.
    passed: Vec<u8>,
    taken: usize,
}

impl Guard {
    pub(super) fn new(connection: Patience) -> Self {
        Self { connection, scanner: Scanner::default(), passed: Vec::new(), taken: 0 }
    }
}

impl AsyncRead for Guard {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.taken == this.passed.len() {
            let mut piece = [0; PIECE];
            let mut buffer = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut this.connection).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            (this.taken, this.passed) = (0, Vec::with_capacity(buffer.filled().len()));
            this.scanner.scan(buffer.filled(), &mut this.passed);
        }
        let left = this.passed.get(this.taken..).unwrap_or_default();
        let next = left.get(..into.remaining()).unwrap_or(left);
        into.put_slice(next);
        this.taken += next.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guard {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

/// Where in the client's bytes it is.
#[derive(Debug)]
enum Scanner {
    /// In a head, of which this is known.
    Head(Vec<u8>),
    /// So many bytes of a body are to come, or of a chunk.
    Body { left: u64, chunk: bool },
    /// In the line with a chunk's size.
    Size(Vec<u8>),
    /// Behind a chunk: how much of the line's end has come.
    ChunkEnd(usize),
    /// In the trailers: whether anything stands in this line.
    Trailers { empty: bool },
    /// What is not understood here is not understood by hyper either, or is none of this guard's business.
    Through,
    /// Nothing more goes on.
    Refused,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

impl Scanner {
    fn scan(&mut self, mut bytes: &[u8], passed: &mut Vec<u8>) {
        while let Some((first, rest)) = bytes.split_first() {
            match self {
                Self::Through => {
                    passed.extend_from_slice(bytes);
                    return;
                }
                Self::Refused => return,
                Self::Body { left, chunk } => {
                    let size = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    let (body, behind) = bytes.split_at(size);
                    passed.extend_from_slice(body);
                    *left -= size as u64;
                    if *left == 0 {
                        *self = if *chunk { Self::ChunkEnd(0) } else { Self::default() };
                    }
                    bytes = behind;
                }
                _ => {
                    if let Some(next) = self.next(*first) {
                        *self = next;
                    }
                    if matches!(self, Self::Refused) {
                        passed.extend_from_slice(REFUSED);
                        return;
                    }
                    passed.push(*first);
                    bytes = rest;
                }
            }
        }
    }

    /// Takes one byte in; what comes after it, when that is something else.
    fn next(&mut self, byte: u8) -> Option<Self> {
        match self {
            Self::Head(head) => {
                head.push(byte);
                if byte == b'\n' && ends_head(head) {
                    return Some(verdict(head));
                }
                (head.len() > HEADER_BYTES).then_some(Self::Through)
            }
            Self::Size(line) if byte != b'\n' => {
                line.push(byte);
                (line.len() > CHUNK_LINE).then_some(Self::Through)
            }
            Self::Size(line) => Some(match chunk_size(line) {
                Some(0) => Self::Trailers { empty: true },
                Some(left) => Self::Body { left, chunk: true },
                None => Self::Through,
            }),
            Self::ChunkEnd(0) if byte == b'\r' => Some(Self::ChunkEnd(1)),
            Self::ChunkEnd(1) if byte == b'\n' => Some(Self::Size(Vec::new())),
            Self::ChunkEnd(_) => Some(Self::Through),
            Self::Trailers { empty: true } if byte == b'\n' => Some(Self::default()),
            Self::Trailers { empty } => {
                *empty = byte == b'\n' || (*empty && byte == b'\r');
                None
            }
            Self::Body { .. } | Self::Through | Self::Refused => None,
        }
    }
}

/// Whether the line that has just ended is empty, and not one of those that may stand in front of a request.
fn ends_head(head: &[u8]) -> bool {
    let line = |line: &[u8]| !matches!(line, b"" | b"\r");
    let mut lines = head.split(|byte| *byte == b'\n').rev().skip(1);
    lines.next().is_some_and(|last| !line(last)) && lines.any(line)
}

/// What a head says of what follows it; whether Envoy would refuse it where hyper does not.
fn verdict(head: &[u8]) -> Scanner {
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut lines = lines.filter(|line| !line.is_empty());
    // hyper takes a fragment away.
    if lines.next().is_some_and(|line| line.contains(&b'#')) {
        return Scanner::Refused;
    }
    let (mut lengths, mut encodings) = (Vec::new(), Vec::new());
    for line in lines {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default().trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            lengths.push(value);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            encodings.push(value);
        }
    }
    match (&lengths[..], &encodings[..]) {
        ([], []) => Scanner::default(),
        ([length], []) => match std::str::from_utf8(length).ok().and_then(|text| text.parse().ok()) {
            Some(0) => Scanner::default(),
            Some(left) => Scanner::Body { left, chunk: false },
            None => Scanner::Through,
        },
        ([], [.., last]) if last.to_ascii_lowercase().ends_with(b"chunked") => Scanner::Size(Vec::new()),
        ([], _) => Scanner::Through,
        _ => Scanner::Refused,
    }
}

/// The size in a chunk's first line.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    u64::from_str_radix(std::str::from_utf8(line.get(..digits)?).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes on of this, in pieces of every size.
    fn passed(text: &str) -> String {
        let all = (1..=text.len()).map(|size| {
            let (mut scanner, mut passed) = (Scanner::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                scanner.scan(piece, &mut passed);
            }
            String::from_utf8(passed).unwrap()
        });
        let mut all = all.collect::<Vec<_>>();
        all.dedup();
        assert_eq!(all.len(), 1, "the pieces make no difference");
        all.remove(0)
    }

    const BOTH: &str = "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";

    #[test]
    fn what_is_in_order_goes_on_as_it_is() {
        for text in [
            "GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\nhost: a\n\nGET /2 HTTP/1.1\n\n",
            "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\na#\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nt: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(passed(text), text);
            // Behind it the guard knows where the next request begins.
            let refused = passed(&format!("{text}{BOTH}"));
            let end = refused.strip_prefix(text).unwrap();
            assert!(end.starts_with("POST / HTTP/1.1\r\n") && end.ends_with("\r\n\r\0\r\n\r\n"), "{end:?}");
        }
        let inside = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{BOTH}", BOTH.len());
        assert_eq!(passed(&inside), inside);
    }

    #[test]
    fn wire_1_wire_2_what_hyper_would_mend_is_spoiled() {
        for text in [
            BOTH,
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nContent-Length:0\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\ncontent-length: 3\ncontent-length: 3\n\nabc",
            "GET /a#b HTTP/1.1\r\n\r\n",
        ] {
            let passed = passed(text);
            assert!(passed.ends_with("\0\r\n\r\n") && !passed.contains("\r\n\r\n0"), "{passed:?}");
        }
    }

    #[test]
    fn nothing_is_kept_without_a_bound() {
        let mut scanner = Scanner::default();
        let mut passed = Vec::new();
        scanner.scan(&vec![b'a'; 2 * HEADER_BYTES], &mut passed);
        assert!(matches!(scanner, Scanner::Through));
        assert_eq!(passed.len(), 2 * HEADER_BYTES);
        let mut scanner = Scanner::Size(Vec::new());
        scanner.scan(&vec![b'1'; 2 * CHUNK_LINE], &mut passed);
        assert!(matches!(scanner, Scanner::Through));
    }
}
