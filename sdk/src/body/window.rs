//! What a filter sees of a body.

use super::HostBuffer;
use crate::sys::HostError;

/// A piece of a body, or the whole: what the filter's mode makes of it ([`BodyMode`](crate::BodyMode)).
///
/// With a stream it begins with what the filter has held back the last time. Nothing is copied into the module before a
/// filter asks for bytes, and nothing is written that was not changed.
///
/// ```no_run
/// # use tamis::{Body, BodyError};
/// # fn shout(body: &mut Body) -> Result<(), BodyError> {
/// let loud = body.bytes()?.to_ascii_uppercase();
/// body.replace(loud)
/// # }
/// ```
#[derive(Debug)]
pub struct Body {
    host: HostBuffer,
    /// What waited in the module; everything, once it was loaded.
    guest: Vec<u8>,
    /// How much of the window waited in the module when it began.
    waited: usize,
    /// Bytes of the window that are in the host's buffer.
    in_host: usize,
    loaded: bool,
    last: bool,
    read_only: bool,
    /// The most that can be held back; nothing where the whole is there.
    max_held: Option<usize>,
    before: Vec<u8>,
    middle: Option<Vec<u8>>,
    after: Vec<u8>,
    held_back: usize,
}

/// Why a body could not be read, changed or held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The proxy refused a call.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The filter has said that it only looks.
    #[error("this body is read only, as the filter has asked")]
    ReadOnly,
    /// Nothing more will come, so there is nothing to wait for.
    #[error("at the end of a body nothing can be held back")]
    AtEnd,
    /// More than the mode allows, or than there is.
    #[error("{bytes} bytes cannot be held back, at most {max} can")]
    TooMuch {
        /// What was asked for.
        bytes: usize,
        /// What is possible.
        max: usize,
    },
    /// More pieces may come, so the message cannot be paused here.
    #[error("a body can only be paused at its end")]
    NotAtEnd,
    /// The headers have left.
    #[error("the headers have left: they were not held")]
    HeadersGone,
}

impl BodyError {
    /// What it says, for logs.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Host(error) => error.text(),
            other => other.to_string(),
        }
    }
}

impl Body {
    pub(super) fn new(host: HostBuffer, guest: Vec<u8>, in_host: usize, last: bool) -> Self {
        Self {
            host,
            waited: guest.len(),
            guest,
            in_host,
            loaded: in_host == 0,
            last,
            read_only: false,
            max_held: None,
            before: Vec::new(),
            middle: None,
            after: Vec::new(),
            held_back: 0,
        }
    }

    pub(super) fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    pub(super) fn streamed(mut self, max_held: usize) -> Self {
        self.max_held = Some(max_held);
        self
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waited + self.in_host
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing follows: always so for a whole body. A stream's last piece can be empty; a stream with trailers has
    /// a last piece only when something was held back.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// All bytes, copied into the module at the first call. Changes do not show.
    ///
    /// # Errors
    ///
    /// [`BodyError::Host`] when the proxy does not hand them over.
    pub fn bytes(&mut self) -> Result<&[u8], BodyError> {
        if !self.loaded {
            let more = self.host.read(0, self.in_host)?;
            if self.guest.is_empty() {
                self.guest = more;
            } else {
                self.guest.extend_from_slice(&more);
            }
            self.loaded = true;
        }
        Ok(&self.guest)
    }

    /// At most `length` bytes from `start`, fewer at the end. Only they are copied into the module.
    ///
    /// # Errors
    ///
    /// [`BodyError::Host`] when the proxy does not hand them over.
    pub fn read(&self, start: usize, length: usize) -> Result<Vec<u8>, BodyError> {
        let end = start.saturating_add(length).min(self.len());
        let here = self.guest.get(start.min(self.guest.len())..end.min(self.guest.len())).unwrap_or_default();
        let mut bytes = here.to_vec();
        if !self.loaded && end > self.waited {
            let from = start.saturating_sub(self.waited);
            bytes.extend_from_slice(&self.host.read(from, (end - self.waited).saturating_sub(from))?);
        }
        Ok(bytes)
    }

    /// Sends these bytes instead; what is held back comes after them, the next time.
    ///
    /// # Errors
    ///
    /// [`BodyError::ReadOnly`] as the mode says.
    pub fn replace(&mut self, bytes: impl Into<Vec<u8>>) -> Result<(), BodyError> {
        self.writable()?;
        self.middle = Some(bytes.into());
        Ok(())
    }

    /// Puts bytes before those that go on, without a copy of these.
    ///
    /// # Errors
    ///
    /// [`BodyError::ReadOnly`] as the mode says.
    pub fn prepend(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        self.writable()?;
        self.before.splice(..0, bytes.iter().copied());
        Ok(())
    }

    /// Puts bytes behind those that go on, without a copy of these.
    ///
    /// # Errors
    ///
    /// [`BodyError::ReadOnly`] as the mode says.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        self.writable()?;
        self.after.extend_from_slice(bytes);
        Ok(())
    }

    /// Keeps the last `bytes` of a stream's window until more have come; they are the first ones of the next window.
    ///
    /// # Errors
    ///
    /// [`BodyError::AtEnd`] when nothing follows, [`BodyError::TooMuch`] for more than there is or the mode allows.
    pub fn hold_back(&mut self, bytes: usize) -> Result<(), BodyError> {
        let max = self.max_held.filter(|_| !self.last).ok_or(BodyError::AtEnd)?.min(self.len());
        if bytes > max {
            return Err(BodyError::TooMuch { bytes, max });
        }
        self.held_back = bytes;
        Ok(())
    }

    fn writable(&self) -> Result<(), BodyError> {
        if self.read_only { Err(BodyError::ReadOnly) } else { Ok(()) }
    }

    /// Splits off what is held back, and gives what goes on beside it where that is less than everything.
    pub(super) fn split(&mut self) -> Result<Option<Split>, HostError> {
        if self.held_back == 0 {
            return Ok(None);
        }
        if let Err(BodyError::Host(error)) = self.bytes() {
            return Err(error);
        }
        let mut passing = std::mem::take(&mut self.guest);
        let held = passing.split_off(passing.len().saturating_sub(self.held_back));
        let mut out = std::mem::take(&mut self.before);
        out.extend_from_slice(self.middle.as_deref().unwrap_or(&passing));
        out.append(&mut self.after);
        Ok(Some(Split { passing: out, held }))
    }

    /// Writes what is to go on, with `first` before it, into the host's buffer: nothing where that is there already.
    pub(super) fn write(mut self, first: Vec<u8>) -> Result<Written, HostError> {
        let window = self.len();
        let added = self.before.len() + self.after.len();
        if let Some(middle) = self.middle.take() {
            let all = [first, self.before, middle, self.after].concat();
            let length = all.len();
            self.host.write(0, self.in_host, &all)?;
            return Ok(Written { window, length });
        }
        // The host's own part stays where it is. Of the guest's, only what has waited there is missing.
        let waited = self.guest.get(..self.waited).unwrap_or_default();
        let head = [first.as_slice(), &self.before, waited].concat();
        if !head.is_empty() {
            self.host.write(0, 0, &head)?;
        }
        if !self.after.is_empty() {
            self.host.write(head.len() + self.in_host, 0, &self.after)?;
        }
        Ok(Written { window, length: window + added })
    }

    /// Gives the bytes of a window back that only was looked at, less what was not held back.
    pub(super) fn into_overlap(mut self) -> Result<Vec<u8>, HostError> {
        Ok(self.split()?.map(|split| split.held).unwrap_or_default())
    }
}

/// What goes on, and what is held back.
#[derive(Debug)]
pub(super) struct Split {
    pub passing: Vec<u8>,
    pub held: Vec<u8>,
}

/// Lengths, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub window: usize,
    pub length: usize,
}
