//! The smallest filter: says hello in a response header.

use schemars::JsonSchema;
use tamis::{
    ConfigError, Configuration, Filter, HeaderMap, HeaderName, HeaderValue, Outcome, PluginContext, ResponseHeaders,
};

const X_HELLO: HeaderName = HeaderName::from_static("x-hello");

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What every response says.
    pub greeting: HeaderValue,
}

/// The filter.
#[derive(Debug)]
pub struct Hello(Config);

#[tamis::filter]
impl Filter for Hello {
    type Config = Config;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }

    fn response_headers(&self, _: &mut (), response: &mut ResponseHeaders) -> Outcome {
        response.headers().set_value(&X_HELLO, &self.0.greeting).into()
    }
}
