//! Tests of the module crate from its outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod description;
mod fuzz;
mod garbage;
mod gate;
mod hosts;
mod plain;
mod post_link;
mod symbols;
