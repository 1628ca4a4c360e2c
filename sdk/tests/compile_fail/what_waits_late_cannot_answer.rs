// error[E0308]: mismatched types
use tamis::{BodyError, ConfigError, Filter, LateOutcome, NoConfig, Outcome, PluginContext, Response, ResponseBody, ResponseHeaders};

struct Asks;

#[tamis::filter(callouts)]
impl Filter for Asks {
    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn response_headers(&self, _: &mut (), _: &mut ResponseHeaders) -> Outcome {
        Outcome::Continue
    }

    fn response_body(&self, _: &mut (), body: &mut ResponseBody<'_>) -> LateOutcome {
        let waits: Result<_, BodyError> = body.wait(self, async |_, _| Outcome::Respond(Response::new(403)));
        waits.unwrap_or(LateOutcome::Close)
    }
}
