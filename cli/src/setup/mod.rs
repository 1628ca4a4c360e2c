//! Getting a machine ready: the wasm32 target for authors, a real Envoy and a real registry for tests.
//!
//! Everything that is installed goes to one folder outside any `target/`, the `cache`; the user's own toolchains are only
//! ever changed by their own `rustup`. A folder of the cache appears whole or not at all, so an interrupted run is simply
//! redone, and two runs at the same time take turns.
//!
//! - [`component`] what can be asked for, and the dispatch;
//! - [`wasm32`] which compiler builds filters here: what `tamis build` asks, and the ways to get one;
//! - `debian_std` std for wasm32, built from the distribution's sources;
//! - [`llvm`] what counts the lines that tests run;
//! - `envoy`, `registry`, `tools` the rest of the components;
//! - [`go`] programs of other projects, built from pinned sources: registry clients, Istio, Envoy Gateway;
//! - `cache`, `debian`, `process`, `programs`, `python` what they stand on.

mod cache;
mod component;
mod debian;
mod debian_std;
mod envoy;
pub mod go;
pub mod llvm;
pub mod process;
mod programs;
mod python;
mod registry;
mod schemas;
mod tools;
pub mod wasm32;

pub use component::{Component, Options, Outcome, install};
pub use envoy::EnvoyVersion;
