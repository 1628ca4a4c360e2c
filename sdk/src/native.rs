//! The filter as an ordinary library, for debuggers, coverage and fuzzers: what a host on this machine needs to run it.
//!
//! The attribute [`#[tamis::filter]`](crate::filter) implements [`Native`] for a filter's type on every target but wasm32.
//! In a test beside the filter, [`of`] is all that is needed:
//!
//! ```ignore
//! let mut modules = Modules::native([Native::linked(tamis::native::of::<MyFilter>)?]);
//! let report = run(&scenario, &mut modules)?;
//! ```
//!
//! # What is different from a module
//!
//! * Each VM has a [runtime](crate::runtime) of its own, as in a proxy. But a `static` or `thread_local!` of the filter's
//!   exists once and not once per VM, and outlives them.
//! * Nothing stops an endless loop, and an overflow of the stack ends the process.
//! * A panic unwinds to the border, so destructors run. What they ask of the host is not done.

pub use crate::sys::native::{Call, Current, Entry, Export, Native, of};
