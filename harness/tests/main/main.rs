//! What only shows when the whole is put together: real modules, real sockets, a real Envoy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod both;
mod conformance;
mod connections;
mod envoy;
mod foreign;
mod fuzz;
mod gate;
mod gateway;
mod guests;
mod loading;
mod native;
mod scenario;
mod threads;
