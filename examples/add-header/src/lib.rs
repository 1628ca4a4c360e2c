//! Adds headers with a fixed value to requests and responses, beside the values that are there.

use schemars::JsonSchema;
use tamis::{
    ConfigError, Configuration, Filter, HeaderMap, Headers, HostError, NameValue, Outcome, PluginContext,
    RequestHeaders, ResponseHeaders,
};

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What requests get before they go on.
    #[serde(default)]
    pub request: Vec<NameValue>,
    /// What responses get before they go back.
    #[serde(default)]
    pub response: Vec<NameValue>,
}

/// The filter.
#[derive(Debug)]
pub struct AddHeader(Config);

#[tamis::filter]
impl Filter for AddHeader {
    type Config = Config;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        add(&self.0.request, request.headers()).into()
    }

    fn response_headers(&self, _: &mut (), response: &mut ResponseHeaders) -> Outcome {
        add(&self.0.response, response.headers()).into()
    }
}

fn add(headers: &[NameValue], to: &mut Headers) -> Result<(), HostError> {
    headers.iter().try_for_each(|header| to.add_value(header.name.name(), &header.value))
}
