//! A filter that remembers something of each request: the response tells which path was asked for.
//!
//! A request's headers cannot be read any more when the response comes (rule `HDR-1`), so the filter keeps what it needs
//! in its stream state.

use schemars::JsonSchema;
use tamis::{
    ConfigError, Configuration, Filter, HeaderMap, HeaderName, HeaderValue, Outcome, PluginContext, RequestHeaders,
    ResponseHeaders,
};

const X_PATH: HeaderName = HeaderName::from_static("x-path");
const X_SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who answers, for the header `x-served-by`.
    pub served_by: HeaderValue,
}

/// The filter.
#[derive(Debug)]
pub struct PathEcho(Config);

/// What it remembers of a request.
#[derive(Debug, Default)]
pub struct Asked {
    path: Vec<u8>,
}

#[tamis::filter]
impl Filter for PathEcho {
    type Config = Config;
    type Stream = Asked;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }

    fn request_headers(&self, asked: &mut Asked, request: &mut RequestHeaders) -> Outcome {
        request.headers().pseudo(":path").map(|path| asked.path = path.unwrap_or_default().to_vec()).into()
    }

    fn response_headers(&self, asked: &mut Asked, response: &mut ResponseHeaders) -> Outcome {
        let headers = response.headers();
        headers.set(&X_PATH, &asked.path).and_then(|()| headers.add(&X_SERVED_BY, self.0.served_by.as_bytes())).into()
    }
}
