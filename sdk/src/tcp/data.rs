//! The bytes of a connection, as its phases see them.

use std::ops::{Deref, DerefMut};

use crate::sys::{self, HostError};

/// Bytes of a connection, in one direction. Nothing is copied into the module before it is asked for.
#[derive(Debug)]
pub struct TcpData {
    buffer: u32,
    length: usize,
    last: bool,
}

/// A client that has connected.
#[derive(Debug)]
pub struct NewConnection {
    pub(crate) stream: u32,
}

/// Bytes from the client: everything of [`TcpData`], and waiting.
#[derive(Debug)]
pub struct DownstreamData {
    pub(crate) stream: u32,
    pub(crate) data: TcpData,
}

impl TcpData {
    /// The buffer of the client's bytes.
    const DOWNSTREAM: u32 = 2;
    /// The buffer of the upstream's bytes.
    const UPSTREAM: u32 = 3;

    pub(crate) const fn downstream(length: usize, last: bool) -> Self {
        Self { buffer: Self::DOWNSTREAM, length, last }
    }

    pub(crate) const fn upstream(length: usize, last: bool) -> Self {
        Self { buffer: Self::UPSTREAM, length, last }
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether this direction ends with them.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }

    /// At most `length` bytes from `start`, fewer at the end.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand them over.
    pub fn read(&self, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
        sys::buffer(self.buffer, start, length)
    }

    /// All bytes.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand them over.
    pub fn bytes(&self) -> Result<Vec<u8>, HostError> {
        self.read(0, self.length)
    }

    /// Puts others in their place.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the buffer cannot be written.
    pub fn replace(&mut self, bytes: &[u8]) -> Result<(), HostError> {
        sys::set_buffer(self.buffer, 0, self.length, bytes)?;
        self.length = bytes.len();
        Ok(())
    }
}

impl Deref for DownstreamData {
    type Target = TcpData;

    fn deref(&self) -> &TcpData {
        &self.data
    }
}

impl DerefMut for DownstreamData {
    fn deref_mut(&mut self) -> &mut TcpData {
        &mut self.data
    }
}
