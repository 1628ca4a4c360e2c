//! The harness as tests use it.

use std::sync::Arc;

use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::stream::{FailurePolicy, FilterSpec, Passed, Proxy, WireMessage};

use super::{Side, Subject};

pub struct Layered(Proxy);

impl Layered {
    pub fn start(subject: &Subject) -> Self {
        let plugin =
            Plugin { name: subject.name.to_owned(), configuration: subject.configuration.clone(), ..Plugin::default() };
        let filter = FilterSpec { module: subject.module.clone(), plugin, failure_policy: FailurePolicy::Closed };
        Self(Proxy::load(&[filter], Arc::new(Process::deterministic(1))).unwrap())
    }
}

impl Side for Layered {
    fn request(&mut self, request: HeaderMap, response: HeaderMap) {
        let mut stream = self.0.open(Attributes::default());
        let on = stream.request(WireMessage::new(request, Vec::new()));
        assert!(matches!(on, Passed::On(_)));
        let back = stream.response(WireMessage::new(response, Vec::new()));
        assert!(matches!(back, Passed::On(_)));
        std::hint::black_box(stream.close());
    }
}
