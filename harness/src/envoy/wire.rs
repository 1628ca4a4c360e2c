//! HTTP/1.1 as bytes, with the order and the spelling of what came: a library's header map would lose both.

use std::io::{self, BufRead, Read};

/// The most that is read of a message's head, in bytes. Envoy itself takes 60 KiB.
const MAX_HEAD: u64 = 256 << 10;
/// The most that is read of a body, in bytes.
const MAX_BODY: u64 = 16 << 20;

/// The first line and the headers of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// The request line or the status line.
    pub start: String,
    /// Names in lower case, values as they came.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Whose message it is: where a body ends that nothing delimits depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Response,
}

impl Head {
    /// Reads a head; nothing when the peer has closed instead.
    ///
    /// # Errors
    ///
    /// When reading fails, or what came is no head or too long.
    pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut reader = reader.take(MAX_HEAD);
        let Some(start) = line(&mut reader)? else { return Ok(None) };
        let mut headers = Vec::new();
        loop {
            let line = line(&mut reader)?.ok_or_else(|| malformed("the head ends early or is too long"))?;
            if line.is_empty() {
                return Ok(Some(Self { start: String::from_utf8_lossy(&start).into_owned(), headers }));
            }
            let mut parts = line.splitn(2, |byte| *byte == b':');
            let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
                return Err(malformed("a header has no colon"));
            };
            headers.push((String::from_utf8_lossy(name).to_ascii_lowercase(), value.trim_ascii().to_vec()));
        }
    }

    /// The first value of a header.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find_map(|(key, value)| (key == name).then_some(value.as_slice()))
    }

    /// Reads the body that follows. Of a response it is the part that came when the peer stops early; a request that stops
    /// early is none: no server would act on it.
    ///
    /// # Errors
    ///
    /// When reading fails, or the body is malformed or too long, or a request's ends early.
    pub(super) fn read_body(&self, reader: &mut impl BufRead, kind: Kind) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.get("transfer-encoding").is_some_and(|coding| coding.ends_with(b"chunked")) {
            if !chunks(reader, &mut body)? && kind == Kind::Request {
                return Err(malformed("the request ends early"));
            }
        } else if let Some(length) = self.get("content-length") {
            let length = number(length, 10).filter(|length| *length <= MAX_BODY);
            let length = length.ok_or_else(|| malformed("content-length is no number, or too large"))?;
            reader.take(length).read_to_end(&mut body)?;
            if (body.len() as u64) < length && kind == Kind::Request {
                return Err(malformed("the request ends early"));
            }
        } else if kind == Kind::Response {
            reader.take(MAX_BODY).read_to_end(&mut body)?;
        }
        Ok(body)
    }
}

/// Why a header cannot be sent: what would end its line, or never be a name, is refused here instead of changing the message.
pub(super) fn unsendable(name: &str, value: &[u8]) -> Option<&'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Some("its name is no token (letters, digits and !#$%&'*+-.^_`|~)");
    }
    value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)).then_some("its value contains CR, LF or NUL")
}

/// A line without its end; nothing at the end of the stream.
fn line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(MAX_HEAD).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let whole = line.strip_suffix(b"\n").ok_or_else(|| malformed("a line ends early or is too long"))?;
    Ok(Some(whole.strip_suffix(b"\r").unwrap_or(whole).to_vec()))
}

/// Whether the last chunk came.
fn chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let Some(size) = line(reader)? else { return Ok(false) };
        let digits = size.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = number(digits, 16).ok_or_else(|| malformed("a chunk has no size"))?;
        if size > MAX_BODY.saturating_sub(body.len() as u64) {
            return Err(malformed("the body is too long"));
        }
        reader.take(size).read_to_end(body)?;
        if size == 0 {
            while line(reader)?.is_some_and(|trailer| !trailer.is_empty()) {}
            return Ok(true);
        }
        line(reader)?;
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut wire: &[u8], kind: Kind) -> io::Result<(Head, Vec<u8>)> {
        let head = Head::read(&mut wire)?.unwrap();
        let body = head.read_body(&mut wire, kind)?;
        Ok((head, body))
    }

    #[test]
    fn a_request_that_ends_early_is_none_and_a_response_is_what_came() {
        for early in ["transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", "content-length: 9\r\n\r\nabc"] {
            assert!(read(format!("POST / HTTP/1.1\r\n{early}").as_bytes(), Kind::Request).is_err());
            assert_eq!(read(format!("HTTP/1.1 200 OK\r\n{early}").as_bytes(), Kind::Response).unwrap().1, b"abc");
        }
    }

    #[test]
    fn order_duplicates_and_bytes_are_kept() {
        let (head, body) = read(b"GET / HTTP/1.1\r\nX-B: 1\r\na:\r\nx-b: \xff 2 \r\n\r\nrest", Kind::Request).unwrap();
        assert_eq!(head.start, "GET / HTTP/1.1");
        let expected: [(&str, &[u8]); 3] = [("x-b", b"1"), ("a", b""), ("x-b", b"\xff 2")];
        assert_eq!(head.headers, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
        assert_eq!(body, b"");
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        let body = |wire: &[u8]| read(wire, Kind::Response).unwrap().1;
        assert_eq!(body(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokmore"), b"ok");
        assert_eq!(
            body(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nA;x=1\r\n0123456789\r\n0\r\nt: 1\r\n\r\n"),
            b"ok0123456789"
        );
        assert_eq!(body(b"HTTP/1.1 200 OK\r\n\r\nto the end"), b"to the end");
    }

    #[test]
    fn what_is_too_much_or_malformed_is_an_error() {
        let error = |wire: &[u8]| read(wire, Kind::Request).unwrap_err().kind();
        assert_eq!(error(b"GET / HTTP/1.1\r\nno colon\r\n\r\n"), io::ErrorKind::InvalidData);
        assert_eq!(error(b"GET / HTTP/1.1\r\na: b\r\n"), io::ErrorKind::InvalidData);
        assert_eq!(error(b"G / H\r\ncontent-length: 99999999999\r\n\r\n"), io::ErrorKind::InvalidData);
        assert_eq!(error(b"G / H\r\ntransfer-encoding: chunked\r\n\r\nfffffffff\r\n"), io::ErrorKind::InvalidData);
        let long = [b"G / H\r\na: ".as_slice(), &vec![b'x'; 300 << 10], b"\r\n\r\n"].concat();
        assert_eq!(error(&long), io::ErrorKind::InvalidData);
    }

    #[test]
    fn what_would_change_the_message_is_not_sent() {
        assert_eq!(unsendable("x-a", "caf\u{e9}, \"quoted\"".as_bytes()), None);
        for (name, value) in [("x a", "1"), ("", "1"), ("x:", "1"), ("x-a", "1\r\ny: 2"), ("x-a", "1\n"), ("x-a", "\0")]
        {
            assert!(unsendable(name, value.as_bytes()).is_some(), "{name:?}: {value:?}");
        }
    }
}
