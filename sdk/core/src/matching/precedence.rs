//! Which of several rules is meant, as the Gateway API says it.

use std::cmp::Reverse;

use schemars::JsonSchema;

use super::conditions::Conditions;
use super::{Match, Subject};
use crate::config::ReadConfig;

/// Which of the rules that hold is meant: a setting of filters whose rules exclude one another.
///
/// ```
/// use tamis_core::matching::{Match, Precedence, Request};
///
/// let rules: Vec<Match> = serde_json::from_str(r#"[{}, {"methods": ["GET"]}]"#)?;
/// let request = Request::new("GET", "h", "/");
/// assert_eq!(Precedence::Listed.choose(&rules, &request), Ok(Some(0)));
/// assert_eq!(Precedence::GatewayApi.choose(&rules, &request), Ok(Some(1)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precedence {
    /// The first one in the list.
    #[default]
    Listed,
    /// The most specific one, as the Gateway API defines it for hosts, paths, methods, headers and query parameters; the
    /// first one of equals.
    GatewayApi,
}

impl Precedence {
    /// Whether the order is defined for these rules; asked when a configuration is read.
    ///
    /// # Errors
    ///
    /// The place of the first rule that has a condition which the Gateway API does not define.
    pub fn check<'m>(self, rules: impl IntoIterator<Item = &'m Match>) -> Result<(), (usize, NotInGatewayApi)> {
        match self {
            Self::Listed => Ok(()),
            Self::GatewayApi => rules
                .into_iter()
                .enumerate()
                .try_for_each(|(at, rule)| rule.in_gateway_api().map_err(|error| (at, error))),
        }
    }

    /// The rule that a request is for, by its place in the list.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    pub fn choose<'m, S: Subject>(
        self,
        rules: impl IntoIterator<Item = &'m Match>,
        subject: &S,
    ) -> Result<Option<usize>, S::Error> {
        if self == Self::GatewayApi {
            return most_specific(rules, subject);
        }
        for (at, rule) in rules.into_iter().enumerate() {
            if rule.holds(subject)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

/// How specific a rule is for one request. A greater one goes first.
///
/// In this order: an exact host before a wildcard, a longer wildcard before a shorter one, any before none; an exact path
/// before a regular expression and that before a prefix, then the longer one; a method before none; more headers; more
/// query parameters. The Gateway API leaves the place of regular expressions open: between the two is where Envoy Gateway
/// has them. Among the hosts and paths of a rule it is the best one that the request meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    host: Option<(bool, usize)>,
    path: (u8, usize),
    method: bool,
    headers: usize,
    query: usize,
}

/// Why a rule has no place in the order of the Gateway API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`precedence: gateway-api` does not know `{condition}`: leave it out, or leave `precedence` out and order the rules"
)]
pub struct NotInGatewayApi {
    /// The condition that the Gateway API does not define.
    pub condition: &'static str,
}

impl Match {
    /// Whether the Gateway API's order is defined for this rule; asked when a configuration is read.
    ///
    /// # Errors
    ///
    /// [`NotInGatewayApi`] when the rule has a condition that the Gateway API does not define.
    pub fn in_gateway_api(&self) -> Result<(), NotInGatewayApi> {
        let Conditions { cookies, sources, attributes, all, any, not, .. } = self.conditions();
        let foreign = [
            ("cookies", cookies.len() > 0),
            ("sources", !sources.items().is_empty()),
            ("attributes", attributes.len() > 0),
            ("all", !all.items().is_empty()),
            ("any", !any.items().is_empty()),
            ("not", not.is_some()),
        ];
        match foreign.into_iter().find(|(_, given)| *given) {
            Some((condition, _)) => Err(NotInGatewayApi { condition }),
            None => Ok(()),
        }
    }

    /// How specific the rule is for a request that it holds for.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    pub fn rank<S: Subject>(&self, subject: &S) -> Result<Rank, S::Error> {
        let Conditions { methods, hosts, paths, headers, query, .. } = self.conditions();
        let mut rank = Rank {
            host: None,
            // Without a path, a rule is for all paths, as the prefix `/` is.
            path: (1, 0),
            method: !methods.items().is_empty(),
            headers: headers.len(),
            query: query.len(),
        };
        if !hosts.items().is_empty()
            && let Some(authority) = subject.parsed_authority()?
        {
            rank.host = hosts.items().iter().filter(|host| host.has(&authority)).map(super::Hostname::rank).max();
        }
        if !paths.items().is_empty() {
            let path = subject.parsed_path()?;
            let best = paths.items().iter().filter(|wanted| wanted.holds(&path)).map(super::PathMatch::rank).max();
            rank.path = best.unwrap_or(rank.path);
        }
        Ok(rank)
    }
}

/// The rule that a request is for, by its place in the list: the most specific one of those that hold, and of equals the
/// first. Looks at every rule.
///
/// ```
/// use tamis_core::matching::{Match, Request, most_specific};
///
/// let rules: Vec<Match> = serde_json::from_str(
///     r#"[{"paths": [{"prefix": "/"}]}, {"paths": [{"prefix": "/v1"}]}, {"paths": [{"exact": "/v1"}]}]"#,
/// )?;
/// assert_eq!(most_specific(&rules, &Request::new("GET", "h", "/v1")), Ok(Some(2)));
/// assert_eq!(most_specific(&rules, &Request::new("GET", "h", "/v1/a")), Ok(Some(1)));
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
///
/// When the request cannot be read.
pub fn most_specific<'m, S: Subject>(
    rules: impl IntoIterator<Item = &'m Match>,
    subject: &S,
) -> Result<Option<usize>, S::Error> {
    let mut best = None;
    for (at, rule) in rules.into_iter().enumerate() {
        if rule.holds(subject)? {
            best = best.max(Some((rule.rank(subject)?, Reverse(at))));
        }
    }
    Ok(best.map(|(_, Reverse(at))| at))
}
