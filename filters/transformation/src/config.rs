//! What the user writes.

use schemars::JsonSchema;
use tamis::config::ReadConfig;
use tamis::matching::{Match, Method, PreciseHostname, Statuses, ValueMatch};
use tamis::rewrite::PathRewrite;
use tamis::{Configuration, DirectResponse, HeaderName, OnError, Redirect};

use crate::cookies::CookieEdits;
use crate::edits::HeaderEdits;
use crate::extractors::Extractor;
use crate::json::JsonEdit;
use crate::made::Made;
use crate::query::QueryEdits;
use crate::status::FinalStatus;
use crate::templates::{Template, Undefined};

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Configuration, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Config {
    /// The rules. Each one that is for a message applies, in this order. From 1 to 128.
    #[schemars(length(min = 1, max = 128))]
    pub rules: Vec<Rule>,
    /// What happens to bodies that are edited. Bodies that no rule edits are not looked at.
    #[schemars(default)]
    pub bodies: Bodies,
    /// What happens when an edit fails. Without it: a request whose body is not what its type says is answered 400, all else 500.
    #[schemars(default)]
    pub on_error: Option<OnError>,
    /// Parts of a message by regular expression, for templates. At most 64.
    #[schemars(default, length(max = 64))]
    pub extractors: Vec<Extractor>,
    /// What a name without a value is in a template.
    #[schemars(default)]
    pub undefined: Undefined,
    /// Whether headers wait until a body that is looked at is there: templates of headers can look into it then, and a response
    /// whose body cannot be edited is answered instead of cut short. The proxy must do its part
    /// (`allow_on_headers_stop_iteration`, Envoy 1.35 and newer).
    #[schemars(default)]
    pub held_headers: bool,
}

/// Edits that belong together, and which messages they are for.
#[derive(Debug, Clone, Default, PartialEq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct Rule {
    /// What the rule is for; shown to people, no effect.
    pub name: String,
    /// The requests that it is for, and the responses to them. All, without it. Every rule looks at the request as it came.
    #[schemars(rename = "match")]
    pub matches: Match,
    /// Which of these requests' responses it is for. All, without it.
    pub match_response: ResponseMatch,
    /// What to change in the request before it goes on.
    pub request: RequestEdits,
    /// What to change in the response before it goes back.
    pub response: ResponseEdits,
    /// Sends the client elsewhere. Later rules do not apply.
    pub redirect: Option<Redirect>,
    /// Answers here. Later rules do not apply.
    pub direct_response: Option<DirectResponse>,
    /// The body of that answer, as a template, instead of `body`.
    pub direct_body: Option<Template>,
    /// Whether later rules are left out for a request that this one is for.
    pub stop: bool,
}

/// Which responses a rule is for. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct ResponseMatch {
    /// The status is one of these: a number, or `5xx`.
    pub statuses: Vec<Statuses>,
    /// Each of these headers of the response meets its condition.
    pub headers: Vec<ResponseHeader>,
    /// Whether the proxy made the response itself, this filter's answers among them, or an upstream did.
    pub local_reply: Option<bool>,
}

/// A condition on a header of a response.
#[derive(Debug, Clone, PartialEq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ResponseHeader {
    /// The header.
    pub name: HeaderName,
    /// What it must be.
    pub value: ValueMatch,
}

/// What to change in a request.
#[derive(Debug, Clone, Default, PartialEq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct RequestEdits {
    /// Another method.
    pub method: Option<Method>,
    /// Another host. The proxy chooses the route anew.
    pub authority: Option<PreciseHostname>,
    /// Another path. The proxy chooses the route anew.
    pub path: Option<PathRewrite>,
    /// What to change in the query.
    pub query: QueryEdits,
    /// What to change in the cookies.
    pub cookies: CookieEdits,
    /// What to change in the headers.
    pub headers: HeaderEdits,
    /// What to change in a body of JSON, one after the other.
    pub json: Vec<JsonEdit>,
    /// What templates make, one after the other, after the edits above. For the full image of the filter.
    pub templates: Vec<Made>,
}

/// What to change in a response.
#[derive(Debug, Clone, Default, PartialEq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct ResponseEdits {
    /// Another status. One that never has a body (204, 304) cannot be given, and cannot be taken away.
    pub status: Option<FinalStatus>,
    /// What to change in the headers.
    pub headers: HeaderEdits,
    /// What to change in a body of JSON, one after the other.
    pub json: Vec<JsonEdit>,
    /// What templates make, one after the other, after the edits above. For the full image of the filter.
    pub templates: Vec<Made>,
}

/// What happens to bodies that are edited.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct Bodies {
    /// The longest that is edited, in bytes, and the most that comes out: 1 to 67108864. 1 MiB without it.
    #[schemars(range(min = 1, max = 67_108_864))]
    pub max_bytes: u32,
    /// What happens to a longer one.
    pub over_limit: Unedited,
    /// What happens to a compressed one.
    pub compressed: Unedited,
}

/// What happens to a body that cannot be edited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unedited {
    /// It goes on as it is.
    #[default]
    Pass,
    /// The message is refused: a request with 413 or 415, a response with 502, or cut short when its headers have left.
    Refuse,
}

impl Default for Bodies {
    fn default() -> Self {
        Self { max_bytes: 1 << 20, over_limit: Unedited::Pass, compressed: Unedited::Pass }
    }
}

impl Rule {
    /// Whether it does anything.
    #[must_use]
    pub fn does_something(&self) -> bool {
        !self.request.is_empty()
            || !self.response.is_empty()
            || self.redirect.is_some()
            || self.direct_response.is_some()
            || self.stop
    }
}

impl ResponseMatch {
    /// Whether every response is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.statuses.is_empty() && self.headers.is_empty() && self.local_reply.is_none()
    }
}

impl RequestEdits {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.method.is_none()
            && self.authority.is_none()
            && self.path.is_none()
            && self.query.is_empty()
            && self.cookies.is_empty()
            && self.headers.is_empty()
            && self.json.is_empty()
            && self.templates.is_empty()
    }
}

impl ResponseEdits {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.status.is_none() && self.headers.is_empty() && self.json.is_empty() && self.templates.is_empty()
    }
}
