// error: `request_body` needs `request_headers`, which says how it wants the body
use tamis::{ConfigError, Filter, NoConfig, Outcome, PluginContext, RequestBody};

pub struct F;

#[tamis::filter]
impl Filter for F {
    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn request_body(&self, _: &mut (), _: &mut RequestBody) -> Outcome {
        Outcome::Continue
    }
}
