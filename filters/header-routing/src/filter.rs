//! The phases.

use tamis::attributes::filter_state;
use tamis::audit::{Audit, Trail};
use tamis::matching::Remembered;
use tamis::metrics::{Counter, Metric};
use tamis::rewrite::Unfit;
use tamis::views::RequestPath;
use tamis::{
    ConfigError, Filter, HeaderMap, HeaderName, HostError, OnError, Outcome, PluginContext, RequestHeaders, Response,
    ResponseHeaders, foreign,
};

use crate::config::{Config, Sticky, Target};
use crate::routes::{AUDIT, Chosen, Route, Routes, Way, Ways};
use crate::split::{self, Who};

const SET_COOKIE: HeaderName = HeaderName::from_static("set-cookie");

/// The filter.
#[derive(Debug)]
pub struct HeaderRouting {
    routes: Routes<Counter>,
    audit: Audit,
    on_error: OnError,
}

/// Why a request cannot be sent on its way.
#[derive(Debug, thiserror::Error)]
enum RouteError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("the split has no such arm")]
    Arm,
    #[error(transparent)]
    Path(#[from] Unfit),
}

/// What is remembered of a request.
#[derive(Debug, Default)]
pub struct Stream {
    /// The cookie that the response is to bring.
    cookie: Option<String>,
    trail: Trail,
}

#[tamis::filter]
impl Filter for HeaderRouting {
    type Config = Config;
    type Stream = Stream;

    fn new(mut config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        let on_error = std::mem::take(&mut config.on_error);
        let names = config.rules.iter().map(|rule| rule.name.as_str().to_owned()).collect::<Vec<_>>();
        let routes = Routes::new(config, |rule, arm| {
            Ok(Counter::define(&[AUDIT, ".rule.", rule.as_str(), ".arm.", arm.as_str()].concat())?)
        })?;
        let audit = Audit::define(AUDIT, names, ["routed"])?;
        if routes.uses_filter_state {
            // Routes look at filter state from the release on that has this function, and only after it was called.
            foreign::clear_route_cache().map_err(|_| {
                ConfigError::new(
                    "",
                    "`filter_state` needs Envoy 1.33 or newer, whose routes can match on it: use `headers`",
                )
            })?;
        }
        Ok(Self { routes, audit, on_error })
    }

    fn request_headers(&self, stream: &mut Stream, request: &mut RequestHeaders) -> Outcome {
        match self.route(stream, request) {
            Ok(None) => Outcome::Continue,
            Ok(Some(answer)) => answer.into(),
            Err(error) => self.on_error.over([Err(error)]),
        }
    }

    fn response_headers(&self, stream: &mut Stream, response: &mut ResponseHeaders) -> Outcome {
        match stream.cookie.take() {
            Some(cookie) => self.on_error.over([response.headers().add(&SET_COOKIE, cookie.as_bytes())]),
            None => Outcome::Continue,
        }
    }
}

impl HeaderRouting {
    /// Sends the request where it belongs, or says what to answer.
    fn route(&self, stream: &mut Stream, request: &mut RequestHeaders) -> Result<Option<Response>, RouteError> {
        // First, so that no condition can look at what a client wrote there either.
        for name in &self.routes.names {
            if request.headers().get_all(name)?.next().is_some() {
                request.headers().remove(name)?;
            }
        }
        let Chosen { shadows, route } = self.routes.choose(&Remembered::new(request.headers()))?;
        for shadow in shadows {
            // A client gets no cookie for a trial.
            let _ = self.way(shadow, &mut None, &mut stream.trail, request)?;
        }
        let target = match route {
            Some(route) => &self.way(route, &mut stream.cookie, &mut stream.trail, request)?.to,
            None => match &self.routes.otherwise {
                Some(target) => target,
                None => return Ok(None),
            },
        };
        go(target, request)
    }

    /// The way of a request by a rule, counted.
    fn way<'r>(
        &self,
        route: &'r Route<Counter>,
        cookie: &mut Option<String>,
        trail: &mut Trail,
        request: &mut RequestHeaders,
    ) -> Result<&'r Way<Counter>, RouteError> {
        let way = way(&route.ways, cookie, request)?;
        if let Some(arm) = &way.metric {
            arm.add(1)?;
        }
        // Whether a rule is in shadow was known when it was chosen.
        let _ = self.audit.acts(trail, route.name.as_str(), "routed", route.shadow);
        Ok(way)
    }
}

/// The way of a request.
fn way<'r>(
    ways: &'r Ways<Counter>,
    new_cookie: &mut Option<String>,
    request: &mut RequestHeaders,
) -> Result<&'r Way<Counter>, RouteError> {
    let (split, sticky, arms) = match ways {
        Ways::One(way) => return Ok(way),
        Ways::Split { split, sticky, arms } => (split, sticky, arms),
    };
    let mut who = split::who(sticky, request.headers())?;
    if let Who::New(place) = who
        && let Some(Sticky::Cookie(made)) = sticky.get(place)
    {
        // What the client will send from now on decides already now.
        let value = format!("{:032x}", u128::from_le_bytes(tamis::random::bytes()?));
        *new_cookie = Some(split::set_cookie(made, &value));
        who = Who::Known(value.into_bytes());
    }
    let arm = match &who {
        Who::Known(_) => split::arm(split, &who, 0),
        Who::New(_) | Who::Anybody => split::arm(split, &who, tamis::random::number()?),
    };
    arms.get(arm).ok_or(RouteError::Arm)
}

fn go(target: &Target, request: &mut RequestHeaders) -> Result<Option<Response>, RouteError> {
    if let Some(redirect) = &target.redirect {
        return Ok(Some(redirect.response(request.headers())?));
    }
    if let Some(direct_response) = &target.direct_response {
        return Ok(Some(direct_response.response()));
    }
    let path = request.path()?.unwrap_or_default();
    let path = target.path.as_ref().map(|rewrite| rewrite.apply(&RequestPath::new(path))).transpose()?.flatten();
    for header in &target.headers {
        request.headers().set_value(header.name.name(), &header.value)?;
    }
    if let Some(authority) = &target.authority {
        request.set_authority(authority.as_str().as_bytes())?;
    }
    if let Some(path) = path {
        request.set_path(&path)?;
    }
    if let Some(state) = &target.filter_state {
        filter_state::set(state.name.as_str(), state.value.as_bytes())?;
        foreign::clear_route_cache()?;
    }
    Ok(None)
}
