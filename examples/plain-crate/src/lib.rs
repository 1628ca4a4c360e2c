//! What `hello` does, on the plain `proxy-wasm` crate: to run beside it, and to show `tamis build --phases`.
//!
//! The crate exports every callback, so a proxy enters the VM for each of them. `tamis build -p plain-crate --phases
//! response_headers` drops those that this filter left empty.

#![allow(missing_docs, reason = "the crate's macro makes a public function")]

/// The porting guide: its code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/porting.md")]
struct Porting;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

/// The plugin: its configuration is the greeting itself.
#[derive(Debug, Default)]
struct Root {
    greeting: Vec<u8>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        self.greeting = self.get_plugin_configuration().unwrap_or_default();
        true
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream { greeting: self.greeting.clone() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request.
#[derive(Debug)]
struct Stream {
    greeting: Vec<u8>,
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.set_http_response_header_bytes("x-hello", Some(&self.greeting));
        Action::Continue
    }
}
