//! A filter that was compiled for this machine, in the place of a module: for debuggers, coverage and fuzzers.
//!
//! The filter is entered through a C ABI ([`border`]); this crate knows nothing of the SDK on the other side, nor the SDK of
//! this crate. There is no second implementation of the host's functions: a call's arguments are copied into a scratch
//! memory, the same function runs on it that a module's import is linked to, and its results are copied out
//! ([`call`](mod@call)). So statuses, counters and what the context and stream layers see are those of a module.
//!
//! | file | idea |
//! |---|---|
//! | [`border`] | the C ABI |
//! | `guest` | a filter's description, checked |
//! | `link` | the functions of both sides, put together for one VM |
//! | `call` | one call of the guest, and one of the host |
//! | `compare` | a module's run and a native one, side by side |
//! | `scratch` | memory that both sides of a host function understand |
//!
//! # What is different
//!
//! * Threads of the proxy have a VM each, as ever: a trial VM, the main thread's, a worker's. They are separate instances of
//!   the filter's runtime; but the filter's own statics exist once. So this engine is for one worker.
//! * Fuel is not counted, and nothing stops an endless loop. An overflow of the stack ends the process.
//! * The guest's memory is the process's: its size and its growth are not known.
//! * A native filter is **code that the harness trusts**: it runs with the rights of whoever runs the harness.

pub mod border;
mod call;
mod compare;
mod guest;
mod link;
mod scratch;

pub use compare::disagreements;
pub use guest::{Native, NativeError};
pub(crate) use link::{Linked, link};
