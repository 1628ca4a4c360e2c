//! A filter that does nothing: what the SDK itself costs.

use tamis::{ConfigError, Filter, NoConfig, Outcome, PluginContext, RequestHeaders};

/// The filter.
#[derive(Debug)]
pub struct Empty;

#[tamis::filter]
impl Filter for Empty {
    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn request_headers(&self, _: &mut (), _: &mut RequestHeaders) -> Outcome {
        Outcome::Continue
    }
}
