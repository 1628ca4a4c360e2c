//! Tests of the crate from its outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod configuration;
mod fuzz;
mod hostile;
mod json;
mod json_edits;
mod matching;
mod precedence;
mod split;
mod views;
