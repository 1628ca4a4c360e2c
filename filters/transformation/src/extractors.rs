//! Extractors: parts of a message by regular expression, in linear time.

use schemars::JsonSchema;
use tamis::config::{Fault, Node, ReadConfig};
use tamis::json::{Document, Path, decoded};
use tamis::{HeaderName, RuleName};

use crate::templates::facts::Facts;

/// The most bytes of a value that an extractor looks at: time is these times the states of the expression.
pub const MAX_SUBJECT_BYTES: usize = 64 * 1024;

/// Takes a part of a message by a regular expression. `extraction("name")` in a template is what it has found.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[cfg_attr(feature = "full", derive(ReadConfig))]
#[schemars(deny_unknown_fields)]
pub struct Extractor {
    /// What templates call it.
    pub name: RuleName,
    /// Where it looks.
    pub from: From,
    /// The expression, in the syntax of `match`. It matches bytes. Groups may have names: `(?P<year>[0-9]{4})`.
    pub regex: Regex,
    /// Whether the whole value must match, or the first place in it that does is enough.
    pub mode: Mode,
    /// The group that is the result: its number, or its name. 0, the whole match, without it.
    #[schemars(default)]
    pub group: Option<Group>,
    /// The result where nothing is found. Without it there is none, and `undefined` says what that means.
    #[schemars(default)]
    pub default: Option<String>,
}

#[cfg(not(feature = "full"))]
impl ReadConfig for Extractor {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        Err(node.refused(&crate::templates::LEAN))
    }
}

#[cfg(not(feature = "full"))]
tamis::deserialize_by_node!(Extractor);

/// Where an extractor looks. Of several values it is the first.
#[derive(Debug, Clone, PartialEq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// A header of the request.
    Header(HeaderName),
    /// A header of the response; there is none in a request.
    ResponseHeader(HeaderName),
    /// A parameter of the query, decoded.
    Query(String),
    /// A cookie of the request.
    Cookie(String),
    /// The path, without the query.
    Path,
    /// A value in the body of the message, which is JSON: what a string says, and anything else as it is written. Only for
    /// templates of bodies.
    Json(Path),
    /// The body of the message, its first 64 KiB. Only for templates of bodies.
    Body,
}

/// How a regular expression is to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The whole value.
    Full,
    /// The first place of it.
    Search,
}

/// A group of a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum Group {
    /// By its number; 0 is the whole match.
    Number(u16),
    /// By its name.
    Name(String),
}

/// A regular expression that has groups.
pub type Regex = tamis::matching::Search;

impl ReadConfig for Group {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        match node {
            Node::Text(name) => Ok(Self::Name(name.clone())),
            Node::Whole(number @ 0..=0xffff) => Ok(Self::Number(*number as u16)),
            Node::Whole(_) => Err(node.refused(&"expected a group's number or name")),
            other => Err(other.instead_of("a group's number or name")),
        }
    }
}

tamis::deserialize_by_node!(Group);

impl Extractor {
    /// What is wrong with it, if something is.
    ///
    /// # Errors
    ///
    /// A group that the expression does not have.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.has(self.group.as_ref()) { Ok(()) } else { Err("the regular expression has no such group") }
    }

    /// Whether the expression has this group.
    #[must_use]
    pub fn has(&self, group: Option<&Group>) -> bool {
        match group {
            None => true,
            Some(Group::Number(number)) => self.regex.has_group(usize::from(*number)),
            Some(Group::Name(name)) => self.regex.group(name).is_some(),
        }
    }

    /// Whether it looks into the body.
    #[must_use]
    pub fn looks_into_body(&self) -> bool {
        matches!(self.from, From::Json(_) | From::Body)
    }

    /// What it finds: in its own group, or in the one that is asked for.
    #[must_use]
    pub fn find(&self, facts: &Facts, group: Option<&str>) -> Option<Vec<u8>> {
        let number = match (group, &self.group) {
            (Some(name), _) => self.regex.group(name)?,
            (None, Some(Group::Name(name))) => self.regex.group(name)?,
            (None, Some(Group::Number(number))) => usize::from(*number),
            (None, None) => 0,
        };
        let owned;
        let subject = match &self.from {
            From::Header(name) => facts.request_header(name.as_str())?,
            From::ResponseHeader(name) => facts.response.as_ref().and_then(|_| facts.header(name.as_str()))?,
            From::Cookie(name) => facts.cookie(name)?,
            From::Path => facts.path()?,
            From::Body => facts.body.as_deref()?,
            From::Query(name) => {
                owned = facts.query(name)?;
                &owned
            }
            From::Json(path) => {
                owned = member(facts.body.as_deref()?, path)?;
                &owned
            }
        };
        let subject = subject.get(..MAX_SUBJECT_BYTES.min(subject.len()))?;
        self.regex.find(subject, number, self.mode == Mode::Full).map(<[u8]>::to_vec)
    }
}

/// The first value that a path means.
fn member(body: &[u8], path: &Path) -> Option<Vec<u8>> {
    let mut found = None;
    Document::parse(body).ok()?.find(path, |span| found = found.clone().or(Some(span)));
    let text = body.get(found?)?;
    Some(match text {
        [b'"', inner @ .., b'"'] => decoded(inner).into_owned().into_bytes(),
        other => other.to_vec(),
    })
}
