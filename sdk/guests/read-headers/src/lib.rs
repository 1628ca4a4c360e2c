//! A filter that reads headers of a request, as many as it is told.

use schemars::JsonSchema;
use tamis::{ConfigError, Configuration, Filter, HeaderName, Outcome, PluginContext, RequestHeaders, Response};

/// What is read.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The headers that a request must have.
    pub names: Vec<HeaderName>,
}

/// The filter.
#[derive(Debug)]
pub struct ReadHeaders(Config);

#[tamis::filter]
impl Filter for ReadHeaders {
    type Config = Config;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        for name in &self.0.names {
            match request.headers().get(name) {
                Ok(Some(_)) => {}
                Ok(None) => return Response::new(400).details("header_missing").into(),
                Err(error) => return Err(error).into(),
            }
        }
        Outcome::Continue
    }
}
