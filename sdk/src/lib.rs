//! Write Proxy-Wasm filters in Rust.
