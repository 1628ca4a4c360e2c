//! What the smallest guests do, on the plain `proxy-wasm` crate: the peer that they are measured against.
//!
//! Its configuration is one word, or `read` and the names of the headers to read.

#![allow(missing_docs, reason = "the crate's macro makes a public function")]

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { task: Rc::new(Task::Nothing) }));
}}

/// What is done with every request.
#[derive(Debug)]
enum Task {
    Nothing,
    /// A header of the request and one of the response are set.
    Set,
    /// These headers must be there.
    Read(Vec<String>),
}

#[derive(Debug)]
struct Root {
    task: Rc<Task>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        let text = String::from_utf8(self.get_plugin_configuration().unwrap_or_default()).unwrap_or_default();
        let mut words = text.split_whitespace();
        self.task = Rc::new(match words.next() {
            Some("nothing") => Task::Nothing,
            Some("set") => Task::Set,
            Some("read") => Task::Read(words.map(str::to_owned).collect()),
            _ => return false,
        });
        true
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream { task: Rc::clone(&self.task) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

#[derive(Debug)]
struct Stream {
    task: Rc<Task>,
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        match &*self.task {
            Task::Nothing => {}
            Task::Set => self.set_http_request_header_bytes("x-request", Some(b"seen")),
            Task::Read(names) => {
                if names.iter().any(|name| self.get_http_request_header_bytes(name).is_none()) {
                    self.send_http_response(400, Vec::new(), None);
                    return Action::Pause;
                }
            }
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if let Task::Set = &*self.task {
            self.set_http_response_header_bytes("x-response", Some(b"seen"));
        }
        Action::Continue
    }
}
