// error[E0277]: `Asks` makes callouts, and its attribute does not say so
use tamis::{ConfigError, Filter, NoConfig, Outcome, PluginContext, RequestHeaders};

struct Asks;

#[tamis::filter]
impl Filter for Asks {
    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        request.wait(self, async |_, _| Outcome::Continue)
    }
}
