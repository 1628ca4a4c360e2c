//! A filter that sets a header of the request and one of the response, without a configuration.

use tamis::{
    ConfigError, Filter, HeaderMap, HeaderName, NoConfig, Outcome, PluginContext, RequestHeaders, ResponseHeaders,
};

const X_REQUEST: HeaderName = HeaderName::from_static("x-request");
const X_RESPONSE: HeaderName = HeaderName::from_static("x-response");

/// The filter.
#[derive(Debug)]
pub struct TwoHeaders;

#[tamis::filter]
impl Filter for TwoHeaders {
    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        request.headers().set(&X_REQUEST, b"seen").into()
    }

    fn response_headers(&self, _: &mut (), response: &mut ResponseHeaders) -> Outcome {
        response.headers().set(&X_RESPONSE, b"seen").into()
    }
}
