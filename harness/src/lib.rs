//! Envoy, emulated on wasmtime.
pub mod abi;
pub mod check;
pub mod context;
pub mod cost;
pub mod describe;
pub mod document;
pub mod engine;
pub mod envoy;
pub mod gateway;
pub mod scenario;
pub mod stream;
