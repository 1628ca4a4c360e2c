//! What a request costs, in exact integers.

use std::ops::{AddAssign, Sub};

use serde::Serialize;

/// The class of a host call: what it costs in Envoy depends on this more than on anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostCall {
    /// The host hands a buffer back, for which it enters the guest's allocator: about 0.85 us.
    Returning,
    /// The host stores what the guest gives: about 0.3 us.
    Writing,
    /// Only numbers cross the border: about 0.1 us.
    Scalar,
}

/// Exact counters. Equal input gives equal figures, on any machine; fuel depends on the compiler and wasmtime as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Calls of the host into the guest, but for its allocator.
    pub vm_entries: u64,
    /// Host calls that hand a buffer back.
    pub calls_returning: u64,
    /// Host calls that store something.
    pub calls_writing: u64,
    /// Host calls that pass only numbers.
    pub calls_scalar: u64,
    /// Bytes that the host copied into the guest.
    pub bytes_in: u64,
    /// Bytes that the guest handed to the host.
    pub bytes_out: u64,
    /// wasmtime's fuel: instructions, roughly; blind to the host's work and to the length of bulk copies.
    pub fuel: u64,
}

impl Cost {
    /// All host calls.
    #[must_use]
    pub const fn host_calls(&self) -> u64 {
        self.calls_returning + self.calls_writing + self.calls_scalar
    }

    pub(crate) const fn count(&mut self, class: HostCall) {
        match class {
            HostCall::Returning => self.calls_returning += 1,
            HostCall::Writing => self.calls_writing += 1,
            HostCall::Scalar => self.calls_scalar += 1,
        }
    }

    pub(crate) const fn copied_in(&mut self, bytes: u64) {
        self.bytes_in += bytes;
    }

    pub(crate) const fn copied_out(&mut self, bytes: u64) {
        self.bytes_out += bytes;
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.vm_entries += other.vm_entries;
        self.calls_returning += other.calls_returning;
        self.calls_writing += other.calls_writing;
        self.calls_scalar += other.calls_scalar;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.fuel += other.fuel;
    }
}

/// What was spent since `earlier`.
impl Sub for Cost {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            vm_entries: self.vm_entries - earlier.vm_entries,
            calls_returning: self.calls_returning - earlier.calls_returning,
            calls_writing: self.calls_writing - earlier.calls_writing,
            calls_scalar: self.calls_scalar - earlier.calls_scalar,
            bytes_in: self.bytes_in - earlier.bytes_in,
            bytes_out: self.bytes_out - earlier.bytes_out,
            fuel: self.fuel - earlier.fuel,
        }
    }
}
