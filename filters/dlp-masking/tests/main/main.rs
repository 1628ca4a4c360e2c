//! Tests of the domain from its outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod bad;
mod detectors;
mod documentation;
mod formats;
mod fuzz;
mod hostile;
mod scenarios;
mod secrets;
mod support;
