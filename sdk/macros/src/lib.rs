//! The attribute that turns an impl block into a Proxy-Wasm filter.
