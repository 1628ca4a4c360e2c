//! The proxy's buffer of a body, during one callback.

use crate::Direction;
use crate::sys::HostError;

/// The proxy's buffer of one direction's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostBuffer(pub(crate) Direction);

#[cfg(not(test))]
impl HostBuffer {
    /// At most `max` bytes from `start`.
    pub(super) fn read(self, start: usize, max: usize) -> Result<Vec<u8>, HostError> {
        crate::sys::buffer(self.0.buffer(), start, max)
    }

    /// Puts `bytes` in the place of the first `length`; behind all with a `start` that is past the end.
    pub(super) fn write(self, start: usize, length: usize, bytes: &[u8]) -> Result<(), HostError> {
        crate::sys::set_buffer(self.0.buffer(), start, length, bytes)
    }
}

/// In unit tests a small proxy stands behind it.
#[cfg(test)]
impl HostBuffer {
    pub(super) fn read(self, start: usize, max: usize) -> Result<Vec<u8>, HostError> {
        super::fake::read(self.0, start, max)
    }

    pub(super) fn write(self, start: usize, length: usize, bytes: &[u8]) -> Result<(), HostError> {
        super::fake::write(self.0, start, length, bytes)
    }
}
