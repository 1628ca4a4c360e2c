//! Randomness of the proxy: good enough for keys and nonces. In the harness it is seeded, so that a run can be repeated.
//!
//! ```no_run
//! # fn main() -> Result<(), tamis::HostError> {
//! let id = tamis::random::bytes::<16>()?;
//! let is_chosen = tamis::random::number()? % 100 < 5;
//! # Ok(())
//! # }
//! ```

use crate::sys::{self, HostError};

/// Random bytes, as many as the array has.
///
/// # Errors
///
/// [`HostError`] when the proxy gives none, with the error number of WASI as the status.
pub fn bytes<const N: usize>() -> Result<[u8; N], HostError> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Fills a slice with random bytes.
///
/// # Errors
///
/// [`HostError`] when the proxy gives none, with the error number of WASI as the status. Some of the slice may be filled.
pub fn fill(bytes: &mut [u8]) -> Result<(), HostError> {
    // The proxy gives no more at once (rule `WASI-7`).
    bytes.chunks_mut(1 << 16).try_for_each(sys::fill_random)
}

/// A random number, of all 2^64.
///
/// # Errors
///
/// [`HostError`] when the proxy gives none, with the error number of WASI as the status.
pub fn number() -> Result<u64, HostError> {
    bytes().map(u64::from_le_bytes)
}
