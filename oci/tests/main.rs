//! One binary, because linking a registry client takes longer than running these tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod check;
mod doctor;
mod envoy;
mod fake;
mod fuzz;
mod hostile;
mod hostile_cases;
mod image;
mod interop;
mod layout;
mod load;
mod recorded;
mod reference;
mod registry;
mod resource;
mod schemas;
mod signing;
mod support;
