//! The same kind of filter on the plain proxy-wasm crate, to run beside ours.
