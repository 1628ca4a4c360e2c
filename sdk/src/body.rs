//! Bodies: what a filter sees of them, and where they wait meanwhile.
//!
//! [`mode`] is what a filter asks for, [`Body`] what it gets, and [`state`] the machine between the proxy's callbacks and
//! the filter: chunks in, windows out, the same result for every way in which a message can be cut.

mod host;
mod mode;
mod rules;
mod state;
mod window;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub(crate) use host::HostBuffer;
pub use mode::{BodyMode, OverLimit};
pub(crate) use rules::{Told, begin, correct_length};
pub(crate) use state::{BodyState, Decision, Memory, Step};
pub use window::{Body, BodyError};
