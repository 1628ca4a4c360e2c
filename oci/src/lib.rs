//! OCI images of Proxy-Wasm modules: build, store, push, pull, and the resources that load them.
