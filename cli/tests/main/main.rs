//! The `tamis` command as its users meet it, and the shape of the repository.
//!
//! One binary for all of it, because every test binary links wasmtime. The modules are in `target/tamis`: `make modules`
//! builds them. Envoy and the registry are real where they are installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod author;
mod bench;
mod chains;
mod coverage;
mod credentials;
mod demo;
mod examples;
mod fixtures;
mod house;
mod interrupt;
mod life;
mod load;
mod native;
mod new;
mod process;
mod reference;
mod repository;
mod sizes;
mod transcript;
mod transcripts;
mod vendors;
mod workers;
