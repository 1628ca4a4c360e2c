//! A filter that has requests buffered in the proxy, and leaves them alone.

use tamis::{BodyMode, ConfigError, Filter, NoConfig, Outcome, PluginContext, RequestBody, RequestHeaders};

/// Below what Envoy buffers unless it is told otherwise.
const LIMIT: usize = 1_000_000;

/// The filter.
#[derive(Debug)]
pub struct BufferBody;

#[tamis::filter]
impl Filter for BufferBody {
    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        request.body(BodyMode::in_host(LIMIT).read_only().any_message());
        Outcome::Continue
    }

    fn request_body(&self, _: &mut (), _: &mut RequestBody) -> Outcome {
        Outcome::Continue
    }
}
