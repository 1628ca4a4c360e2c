//! gRPC messages as they are on the wire: a byte that says whether it is compressed, the length in four bytes, the message.

/// The bytes before a message.
const HEAD: usize = 5;

/// Why bytes are no messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It is compressed, which nobody has asked for.
    #[error("a message is compressed")]
    Compressed,
    /// It is longer than anybody takes.
    #[error("a message is too long")]
    TooLong,
}

/// Bytes that become messages.
#[derive(Debug)]
pub(crate) struct Messages {
    bytes: Vec<u8>,
    longest: usize,
}

/// A message on the wire. One that its length does not fit is cut: there is none of 4 GiB here.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], length.to_be_bytes().as_slice(), message].concat()
}

impl Messages {
    /// Of up to so many bytes each.
    pub(crate) fn up_to(longest: usize) -> Self {
        Self { bytes: Vec::new(), longest }
    }

    /// More bytes have come: the messages that are whole now.
    ///
    /// # Errors
    ///
    /// When a message cannot be read; nothing after it can be either.
    pub(crate) fn more(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Unreadable> {
        self.bytes.extend_from_slice(bytes);
        let (mut messages, mut rest) = (Vec::new(), self.bytes.as_slice());
        while let Some(([compressed, length @ ..], after)) = rest.split_first_chunk::<HEAD>() {
            if *compressed != 0 {
                return Err(Unreadable::Compressed);
            }
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > self.longest {
                return Err(Unreadable::TooLong);
            }
            let Some((message, next)) = after.split_at_checked(length) else { break };
            messages.push(message.to_vec());
            rest = next;
        }
        let read = self.bytes.len() - rest.len();
        self.bytes.drain(..read);
        Ok(messages)
    }
}

/// The text of a `grpc-message`, in which bytes may be written as `%` and two digits.
pub(crate) fn text(value: &[u8]) -> String {
    let (mut text, mut rest) = (Vec::with_capacity(value.len()), value);
    while let Some((first, after)) = rest.split_first() {
        let digits = after.split_first_chunk::<2>().filter(|_| *first == b'%');
        let byte = digits.and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        let (byte, after) = byte.unwrap_or((*first, after));
        text.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_in_any_pieces() {
        let wire = [framed(b"one"), framed(b""), framed(b"three")].concat();
        for size in 1..=wire.len() {
            let mut messages = Messages::up_to(5);
            let read = wire.chunks(size).flat_map(|piece| messages.more(piece).unwrap()).collect::<Vec<_>>();
            assert_eq!(read, [b"one".as_slice(), b"", b"three"], "in pieces of {size}");
        }
        assert_eq!(Messages::up_to(4).more(&wire), Err(Unreadable::TooLong));
        assert_eq!(Messages::up_to(4).more(&[1, 0, 0, 0, 0]), Err(Unreadable::Compressed));
        assert_eq!(Messages::up_to(4).more(&[0, 255, 255, 255, 255]), Err(Unreadable::TooLong));
    }

    #[test]
    fn a_status_message_is_decoded_where_it_can_be() {
        assert_eq!(text(b"no %E2%82%AC, 5%"), "no €, 5%");
        assert_eq!(text(b"%+1%zz%"), "%+1%zz%");
    }
}
