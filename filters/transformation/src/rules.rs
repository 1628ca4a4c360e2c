//! The rules as they are asked.

use std::convert::Infallible;

use tamis::json::Edit;
use tamis::matching::{Match, Subject};
use tamis::{ConfigError, DirectResponse, HeaderMap, Redirect};

use crate::config::{self, RequestEdits, ResponseEdits, ResponseMatch};
use crate::json::JsonEdit;
use crate::made::{Around, Made, check_template};
use crate::templates::Template;

/// How many rules there can be: as many as a [`Set`] has places.
pub const MAX_RULES: usize = 128;

/// A checked rule.
#[derive(Debug)]
pub struct Rule {
    matches: Match,
    match_response: ResponseMatch,
    /// What to change in a request.
    pub request: RequestEdits,
    /// What to change in its body.
    pub request_json: Vec<Edit>,
    /// Headers that are made when its body is there.
    pub request_late: Vec<Made>,
    /// What to change in a response.
    pub response: ResponseEdits,
    /// What to change in its body.
    pub response_json: Vec<Edit>,
    /// Headers that are made when its body is there.
    pub response_late: Vec<Made>,
    /// What to answer.
    pub answer: Option<Answer>,
    stop: bool,
}

/// An answer instead of an upstream's.
#[derive(Debug)]
pub enum Answer {
    /// To go elsewhere.
    Redirect(Redirect),
    /// Word by word.
    Direct(DirectResponse, Option<Template>),
}

impl Answer {
    /// Whether a template makes it.
    #[must_use]
    pub fn is_made(&self) -> bool {
        matches!(self, Self::Direct(_, Some(_)))
    }
}

/// Some of the rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Set(u128);

/// What a response is matched by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its status.
    pub status: u16,
    /// Whether the proxy made it; only asked for when a rule looks at it.
    pub local_reply: bool,
}

/// The rules of a configuration.
///
/// # Errors
///
/// What its types alone could not refuse.
pub fn rules(rules: Vec<config::Rule>, around: &Around<'_>) -> Result<Vec<Rule>, ConfigError> {
    if !(1..=MAX_RULES).contains(&rules.len()) {
        return Err(ConfigError::new("rules", "expected 1 to 128 rules"));
    }
    rules.into_iter().enumerate().map(|(i, rule)| Rule::new(rule, &format!("rules[{i}]"), around)).collect()
}

/// Those that are for a request, up to the first that ends the list.
///
/// # Errors
///
/// When the request cannot be read.
pub fn matching<S: Subject>(rules: &[Rule], request: &S) -> Result<Set, S::Error> {
    chosen(rules, |matches| matches.holds(request))
}

/// Those that are for any request: for a response whose request never came here.
#[must_use]
pub fn unconditional(rules: &[Rule]) -> Set {
    chosen(rules, |matches| Ok::<_, Infallible>(matches.is_unconditional())).unwrap_or_else(|never| match never {})
}

fn chosen<E>(rules: &[Rule], mut is_for: impl FnMut(&Match) -> Result<bool, E>) -> Result<Set, E> {
    let mut set = Set::default();
    for (i, rule) in rules.iter().enumerate() {
        if is_for(&rule.matches)? {
            set.insert(i);
            if rule.stop || rule.answer.is_some() {
                break;
            }
        }
    }
    Ok(set)
}

impl Rule {
    fn new(mut rule: config::Rule, path: &str, around: &Around<'_>) -> Result<Self, ConfigError> {
        if !rule.does_something() {
            return Err(ConfigError::new(path, "the rule edits nothing: give it `request` or `response`"));
        }
        rule.request
            .cookies
            .check()
            .map_err(|(place, message)| ConfigError::new(format!("{path}.request.cookies.{place}"), message))?;
        if let Some(template) = &rule.direct_body {
            let path = format!("{path}.direct_body");
            if rule.direct_response.is_none() {
                return Err(ConfigError::new(path, "it is the body of a `direct_response`, which is missing"));
            }
            check_template(template, &path, false, around.extractors)?;
        }
        for (side, made, response) in
            [("request", &rule.request.templates, false), ("response", &rule.response.templates, true)]
        {
            for (i, made) in made.iter().enumerate() {
                made.check(&format!("{path}.{side}.templates[{i}]"), response, around)?;
            }
        }
        let answer = match (rule.redirect, rule.direct_response) {
            (Some(redirect), None) => Some(Answer::Redirect(redirect)),
            (None, Some(response)) => Some(Answer::Direct(response, rule.direct_body.clone())),
            (None, None) => None,
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(path, "`redirect` and `direct_response` exclude each other"));
            }
        };
        if answer.is_some() && !rule.request.is_empty() {
            return Err(ConfigError::new(path, "the request goes no further: there is no use in editing it"));
        }
        let late = |made: &mut Vec<Made>| {
            let is_late = |made: &Made| made.is_of_headers() && made.looks_into_body(around.extractors);
            let late = made.iter().filter(|made| is_late(made)).cloned().collect::<Vec<_>>();
            made.retain(|made| !is_late(made));
            late
        };
        Ok(Self {
            request_late: late(&mut rule.request.templates),
            response_late: late(&mut rule.response.templates),
            request_json: edits(&rule.request.json, &format!("{path}.request.json"))?,
            response_json: edits(&rule.response.json, &format!("{path}.response.json"))?,
            matches: rule.matches,
            match_response: rule.match_response,
            request: rule.request,
            response: rule.response,
            answer,
            stop: rule.stop,
        })
    }

    /// Whether it has something to do with a response like this.
    ///
    /// # Errors
    ///
    /// When the response cannot be read.
    pub fn is_for<M: HeaderMap>(&self, seen: Seen, headers: &M) -> Result<bool, M::Error> {
        let ResponseMatch { statuses, headers: conditions, local_reply } = &self.match_response;
        if !(statuses.is_empty() || statuses.iter().any(|statuses| statuses.has(seen.status)))
            || local_reply.is_some_and(|local_reply| local_reply != seen.local_reply)
        {
            return Ok(false);
        }
        for condition in conditions {
            if !condition.value.holds(headers.get_all(&condition.name)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether what it does to a response depends on the response.
    #[must_use]
    pub fn asks_for_status(&self) -> bool {
        !self.match_response.is_empty() || self.response.status.is_some() || self.looks_at_response_body()
    }

    /// Whether it looks at the body of requests.
    #[must_use]
    pub fn looks_at_request_body(&self) -> bool {
        !self.request_late.is_empty() || self.edits_request_body()
    }

    /// Whether it looks at the body of responses.
    #[must_use]
    pub fn looks_at_response_body(&self) -> bool {
        !self.response_late.is_empty() || self.edits_response_body()
    }

    /// Whether it edits the body of requests.
    #[must_use]
    pub fn edits_request_body(&self) -> bool {
        !self.request_json.is_empty() || self.request.templates.iter().any(Made::is_of_body)
    }

    /// Whether it edits the body of responses.
    #[must_use]
    pub fn edits_response_body(&self) -> bool {
        !self.response_json.is_empty() || self.response.templates.iter().any(Made::is_of_body)
    }

    /// Whether a template of it needs the request when it is a response, or a body, that is edited.
    #[must_use]
    pub fn looks_back(&self) -> bool {
        !self.response.templates.is_empty()
            || !self.response_late.is_empty()
            || !self.request_late.is_empty()
            || self.request.templates.iter().any(Made::is_of_body)
    }

    /// All of its templates.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let made = [&self.request.templates, &self.request_late, &self.response.templates, &self.response_late];
        let answer = match &self.answer {
            Some(Answer::Direct(_, template)) => template.as_ref(),
            _ => None,
        };
        made.into_iter().flatten().map(Made::template).chain(answer)
    }

    /// Whether it asks who made a response.
    #[must_use]
    pub fn asks_for_local_reply(&self) -> bool {
        self.match_response.local_reply.is_some()
    }
}

fn edits(edits: &[JsonEdit], path: &str) -> Result<Vec<Edit>, ConfigError> {
    let edit = |(i, edit): (usize, &JsonEdit)| {
        edit.edit().map_err(|error| ConfigError::new(format!("{path}[{i}]"), error.to_string()))
    };
    edits.iter().enumerate().map(edit).collect()
}

impl Set {
    /// Takes in the rule at a place.
    pub fn insert(&mut self, place: usize) {
        self.0 |= u32::try_from(place).ok().and_then(|place| 1_u128.checked_shl(place)).unwrap_or_default();
    }

    /// Those of a list that are in it, with their places.
    pub fn of<T>(self, list: &[T]) -> impl Iterator<Item = (usize, &T)> {
        list.iter().take(MAX_RULES).enumerate().filter(move |(place, _)| self.0 >> place & 1 == 1)
    }

    /// Whether none is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use tamis::MemoryHeaders;
    use tamis::matching::Request;

    use super::*;

    fn checked(json: &str) -> Vec<Rule> {
        let around = Around { extractors: &[], held_headers: false };
        rules(<config::Config as tamis::Configuration>::read(json.as_bytes()).unwrap().rules, &around).unwrap()
    }

    fn places(set: Set) -> Vec<usize> {
        set.of(&[(); MAX_RULES]).map(|(place, ())| place).collect()
    }

    #[test]
    fn all_that_match_apply_until_one_stops() {
        let rules = checked(
            r#"{"rules": [
                {"request": {"headers": {"remove": ["a"]}}},
                {"match": {"methods": ["PUT"]}, "request": {"headers": {"remove": ["a"]}}},
                {"match": {"paths": [{"prefix": "/b"}]}, "stop": true},
                {"request": {"headers": {"remove": ["a"]}}}
            ]}"#,
        );
        let of = |method, path| places(matching(&rules, &Request::new(method, "h", path)).unwrap());
        assert_eq!(of("GET", "/a"), [0, 3]);
        assert_eq!(of("PUT", "/a"), [0, 1, 3]);
        assert_eq!(of("PUT", "/b"), [0, 1, 2]);
        assert_eq!(places(unconditional(&rules)), [0, 3]);
    }

    #[test]
    fn a_response_is_matched_by_status_headers_and_maker() {
        let rules = checked(
            r#"{"rules": [
                {"match_response": {"statuses": ["5xx"], "local_reply": false}, "stop": true},
                {"match_response": {"headers": [{"name": "x-a", "value": {"exact": "1"}}]}, "stop": true}
            ]}"#,
        );
        let headers: MemoryHeaders = [("x-a", "1")].into_iter().collect();
        let of = |status, local_reply| {
            let seen = Seen { status, local_reply };
            rules.iter().map(|rule| rule.is_for(seen, &headers).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of(503, false), [true, true]);
        assert_eq!(of(503, true), [false, true]);
        assert_eq!(of(404, false), [false, true]);
    }

    #[test]
    fn a_set_has_every_place() {
        let mut set = Set::default();
        set.insert(0);
        set.insert(127);
        set.insert(128);
        assert_eq!(places(set), [0, 127]);
    }
}
