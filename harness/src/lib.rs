//! Envoy, emulated on wasmtime.
pub mod abi;
pub mod context;
pub mod cost;
pub mod engine;
pub mod stream;
