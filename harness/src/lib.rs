//! Envoy, emulated on wasmtime: scenarios, a driver for the real one, an embedded gateway.
