//! What the user writes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tamis::config::{Fault, Node, ReadConfig};
use tamis::matching::{Match, PathPattern, Precedence, PreciseHostname};
use tamis::rewrite::PathRewrite;
use tamis::views::Prefixes;
use tamis::{Configuration, DirectResponse, HeaderName, HeaderValue, NameValue, OnError, Redirect, RuleName};

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The rules, of which one is meant. From 1 to 200.
    #[schemars(length(min = 1, max = 200))]
    pub rules: Vec<Rule>,
    /// Which of several rules that match is meant.
    #[serde(default)]
    pub precedence: Precedence,
    /// Where requests go for which no rule is.
    #[serde(default)]
    pub otherwise: Option<Target>,
    /// What happens when the proxy refuses what the filter asks. Without it: 500, so that nothing goes astray.
    #[serde(default)]
    pub on_error: OnError,
}

/// One rule: which requests, and where they go. Exactly one of `to` and `split`.
#[derive(Debug, Clone, PartialEq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, in metrics: letters, digits, `_` and `-`, at most 64.
    pub name: RuleName,
    /// The requests that it is for. All, without it.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// Where they go.
    #[serde(default)]
    pub to: Option<Target>,
    /// Where they go, by weight.
    #[serde(default)]
    pub split: Option<Split>,
    /// Only count the requests that it is for, and look at the next rule.
    #[serde(default)]
    pub shadow: bool,
}

/// Where a request goes: what the proxy's routes then match, or an answer. At least one; `redirect` and `direct_response`
/// each alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Target {
    /// Routing headers, for routes that match on them or have `cluster_header`. What a client sends under the name of any
    /// routing header of the whole configuration is always taken away.
    pub headers: Vec<NameValue>,
    /// A value in filter state, for routes that match on it (`filter_state` with the key `wasm.NAME`), and for access logs. No
    /// client can set it, and no upstream sees it. Needs Envoy 1.33.
    pub filter_state: Option<FilterState>,
    /// Another host.
    pub authority: Option<PreciseHostname>,
    /// Another path.
    pub path: Option<PathRewrite>,
    /// Sends the client elsewhere.
    pub redirect: Option<Redirect>,
    /// Answers here.
    pub direct_response: Option<DirectResponse>,
}

/// A value in filter state.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterState {
    /// Its name: letters, digits, `_` and `-`, at most 64. Envoy calls it `wasm.NAME`.
    pub name: RuleName,
    /// The value.
    pub value: HeaderValue,
}

/// Who goes where, by weight.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// What this split is mixed with: two splits with the same salt have the same people in the same places. Not empty.
    #[schemars(length(min = 1))]
    pub salt: String,
    /// What decides, for good: the first of these that a request has. Without any, each request goes where chance wants it.
    #[serde(default)]
    pub sticky: Vec<Sticky>,
    /// Where they go. From 2 to 64.
    #[schemars(length(min = 2, max = 64))]
    pub arms: Vec<Arm>,
}

/// One of several ways.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Its name, in metrics: letters, digits, `_` and `-`, at most 64.
    pub name: RuleName,
    /// Its part of the sum of all weights, in steps of a hundredth of a percent. 0 is nobody.
    pub weight: u32,
    /// Where it goes.
    pub to: Target,
}

/// What a request is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sticky {
    /// The value of a header, such as a user's name. Of several, the first.
    Header(HeaderName),
    /// A cookie. When none of the list is there, the client gets a new one.
    Cookie(StickyCookie),
    /// So many leading bits of the client's address.
    SourceAddress(Prefixes<24, 48>),
}

/// The cookie of a split.
#[derive(Debug, Clone, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StickyCookie {
    /// Its name.
    pub name: CookieName,
    /// How many seconds the client keeps it. Without it, until the browser ends.
    #[serde(default)]
    pub max_age: Option<u32>,
    /// For which paths the client sends it. `/` without it.
    #[serde(default)]
    pub path: Option<PathPattern>,
    /// Whether the client sends it over TLS only.
    #[serde(default = "yes")]
    pub secure: bool,
}

/// The name of a cookie: a token of RFC 6265, at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieName(String);

fn yes() -> bool {
    true
}

impl Target {
    /// What is wrong with it, if something is.
    ///
    /// # Errors
    ///
    /// In words.
    pub fn check(&self) -> Result<(), &'static str> {
        let rewrites = self.authority.is_some() || self.path.is_some();
        let routes = rewrites || !self.headers.is_empty() || self.filter_state.is_some();
        match (routes, &self.redirect, &self.direct_response) {
            (true, None, None) | (false, Some(_), None) | (false, None, Some(_)) => Ok(()),
            (false, None, None) => Err(
                "it goes nowhere: give it `headers`, `filter_state`, `authority`, `path`, `redirect` or `direct_response`",
            ),
            _ => Err("a `redirect` or a `direct_response` stands alone: the request goes no further"),
        }
    }
}

impl CookieName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ReadConfig for CookieName {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let name = String::read_config(node)?;
        if (1..=64).contains(&name.len()) && name.bytes().all(tamis::name::is_token) {
            return Ok(Self(name));
        }
        Err(node.refused(&"expected a cookie's name: 1 to 64 letters, digits and !#$%&'*+-.^_`|~"))
    }
}

tamis::deserialize_by_node!(CookieName);

impl JsonSchema for CookieName {
    fn schema_name() -> Cow<'static, str> {
        "CookieName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$" })
    }
}
