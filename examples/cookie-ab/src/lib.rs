//! An A/B test by cookie: who has the cookie `visitor` is always on the same side, and who has none gets one.
//!
//! The side comes from the cookie and the experiment's name alone: nothing is stored, and every proxy decides alike. A visitor
//! can change the cookie, and so the side; nothing that must be safe may depend on it.

use schemars::JsonSchema;
use tamis::{
    ConfigError, Configuration, Filter, HeaderMap, HeaderName, Headers, HostError, Outcome, PluginContext,
    RequestHeaders, ResponseHeaders, random, split::Split, views,
};

const COOKIE: HeaderName = HeaderName::from_static("cookie");
const SET_COOKIE: HeaderName = HeaderName::from_static("set-cookie");
const X_VARIANT: HeaderName = HeaderName::from_static("x-variant");

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The experiment's name; another one mixes the visitors anew.
    pub experiment: String,
    /// How many visitors are to see `a`, and how many `b`, as weights.
    pub weights: [u32; 2],
}

/// The filter.
#[derive(Debug)]
pub struct CookieAb(Split);

#[tamis::filter]
impl Filter for CookieAb {
    type Config = Config;
    /// The cookie that a new visitor gets.
    type Stream = Option<String>;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Split::new(&config.experiment, config.weights).map(Self).map_err(|e| ConfigError::new("weights", e.to_string()))
    }

    fn request_headers(&self, given: &mut Option<String>, request: &mut RequestHeaders) -> Outcome {
        self.choose(given, request.headers()).into()
    }

    fn response_headers(&self, given: &mut Option<String>, response: &mut ResponseHeaders) -> Outcome {
        given.take().map_or(Ok(()), |cookie| response.headers().add(&SET_COOKIE, cookie.as_bytes())).into()
    }
}

impl CookieAb {
    fn choose(&self, given: &mut Option<String>, headers: &mut Headers) -> Result<(), HostError> {
        let known = views::cookies(headers.get_all(&COOKIE)?, b"visitor").next().map(|visitor| self.0.arm(visitor));
        let arm = known.or_else(|| {
            let visitor = format!("{:016x}", random::number().ok()?);
            *given = Some(format!("visitor={visitor}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"));
            Some(self.0.arm(visitor.as_bytes()))
        });
        headers.set(&X_VARIANT, if arm == Some(1) { b"b" } else { b"a" })
    }
}
