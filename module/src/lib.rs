//! What a Proxy-Wasm module file is: gate, description, post-link step, symbols.
