//! Layer 1: what proxy-wasm-cpp-host does. Exports, imports, memory, status words.
//!
//! This layer knows how a call crosses the border and nothing of what it means: it turns pointers into slices, asks
//! [`crate::context`], and turns the answer into a status word and bytes in the guest's memory.

mod env;
mod exports;
mod faults;
mod guest;
mod limits;
mod link;
mod status;
mod vm;
mod wasi;

pub use faults::Faults;
pub use guest::{HostCalls, Restriction, VmState};
pub use link::linker;
pub use status::Status;
pub use vm::{Callback, Returned, Trap, Vm};
