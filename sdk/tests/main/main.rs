//! What can be seen of the SDK from outside, without a proxy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "tests")]

mod compile_fail;
mod configuration;
mod doubles;
mod fuzz;
mod matching;
mod self_reading;
