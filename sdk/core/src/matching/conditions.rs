//! All conditions of a rule, and how they are asked.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::fields::{List, Table};
use super::{Hostname, Method, PathMatch, Subject, ValueMatch};
use crate::HeaderName;
use crate::config::{Fault, Node, ReadConfig};
use crate::views::{Cidr, Query, RequestPath};

/// How deep `all`, `any` and `not` may stand in one another.
pub const MAX_DEPTH: usize = 8;

/// The conditions of a rule. All that are given must hold; without any, it holds for every request.
///
/// [The module's page](super) has an example, and says what is compared with what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Match(Conditions);

/// Conditions on a request. All that are given must hold; without any, they hold for every request.
#[derive(Debug, Clone, Default, PartialEq, ReadConfig, JsonSchema)]
#[schemars(deny_unknown_fields, default, rename = "Match")]
pub(super) struct Conditions {
    /// The method is one of these.
    pub(super) methods: List<Method>,
    /// The request is addressed to one of these hosts.
    pub(super) hosts: List<Hostname>,
    /// The path, without the query, meets one of these conditions.
    pub(super) paths: List<PathMatch>,
    /// Each of these headers meets its condition.
    pub(super) headers: Table<HeaderName>,
    /// Each of these query parameters, decoded, meets its condition.
    pub(super) query: Table<String>,
    /// Each of these cookies meets its condition.
    pub(super) cookies: Table<String>,
    /// The client's address is in one of these blocks.
    pub(super) sources: List<Cidr>,
    /// Each of these attributes of the proxy, by its dotted name, meets its condition.
    pub(super) attributes: Table<String>,
    /// All of these hold.
    pub(super) all: List<Conditions>,
    /// One of these holds.
    pub(super) any: List<Conditions>,
    /// This does not hold.
    pub(super) not: Option<Box<Conditions>>,
}

impl Match {
    /// Whether the rule is for this request. Ends at the first condition that decides.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    pub fn holds<S: Subject>(&self, subject: &S) -> Result<bool, S::Error> {
        self.0.hold(subject)
    }

    /// Whether it holds for every request, because nothing is asked.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn conditions(&self) -> &Conditions {
        &self.0
    }
}

impl Conditions {
    fn is_empty(&self) -> bool {
        self.methods.items().is_empty()
            && self.hosts.items().is_empty()
            && self.paths.items().is_empty()
            && self.headers.len() == 0
            && self.query.len() == 0
            && self.cookies.len() == 0
            && self.sources.items().is_empty()
            && self.attributes.len() == 0
            && self.all.items().is_empty()
            && self.any.items().is_empty()
            && self.not.is_none()
    }

    /// Conditions that cost nothing come first, those that may cost a host call last.
    fn hold<S: Subject>(&self, subject: &S) -> Result<bool, S::Error> {
        // Most conditions are few, and asking for those that there are not costs as much as the others: so these first.
        let has_more = self.cookies.len() > 0
            || !self.sources.items().is_empty()
            || self.attributes.len() > 0
            || !self.all.items().is_empty()
            || !self.any.items().is_empty()
            || self.not.is_some();
        Ok(self.plain(subject)? && self.headers(subject)? && (!has_more || self.more(subject)?))
    }

    fn more<S: Subject>(&self, subject: &S) -> Result<bool, S::Error> {
        Ok(self.cookies(subject)? && self.source(subject)? && self.attributes(subject)? && self.nested(subject)?)
    }

    fn plain<S: Subject>(&self, subject: &S) -> Result<bool, S::Error> {
        if !self.methods.items().is_empty() {
            let method = subject.method()?;
            if !self.methods.allows(|wanted| method == Some(wanted.as_bytes())) {
                return Ok(false);
            }
        }
        if !self.hosts.items().is_empty() {
            let authority = subject.parsed_authority()?;
            if !self.hosts.allows(|host| authority.is_some_and(|authority| host.has(&authority))) {
                return Ok(false);
            }
        }
        if self.paths.items().is_empty() && self.query.len() == 0 {
            return Ok(true);
        }
        let path = subject.parsed_path()?;
        Ok(self.paths.allows(|wanted| wanted.holds(&path)) && (self.query.len() == 0 || self.query(&path)))
    }

    fn query(&self, path: &RequestPath<'_>) -> bool {
        // Without a query there are no pairs, as in an empty one.
        let query = path.query().unwrap_or(Query::new(b""));
        let holds = |(name, value): &(String, ValueMatch)| {
            value.holds(query.get_all(name.as_bytes()).map(|pair| pair.decoded_value()))
        };
        self.query.iter().all(holds)
    }

    fn headers<S: Subject>(&self, subject: &S) -> Result<bool, S::Error> {
        for (name, value) in self.headers.iter() {
            if !value.holds(subject.values(name)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn cookies<S: Subject>(&self, subject: &S) -> Result<bool, S::Error> {
        for (name, value) in self.cookies.iter() {
            if !value.holds(subject.cookies(name.as_bytes())?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn source<S: Subject>(&self, subject: &S) -> Result<bool, S::Error> {
        if self.sources.items().is_empty() {
            return Ok(true);
        }
        let source = subject.source()?;
        Ok(self.sources.allows(|block| source.is_some_and(|source| block.contains(source))))
    }

    fn attributes<S: Subject>(&self, subject: &S) -> Result<bool, S::Error> {
        for (name, value) in self.attributes.iter() {
            if !value.holds(subject.attribute(name)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// As deep as [`MAX_DEPTH`], because deeper conditions do not come into being.
    fn nested<S: Subject>(&self, subject: &S) -> Result<bool, S::Error> {
        for conditions in self.all.items() {
            if !conditions.hold(subject)? {
                return Ok(false);
            }
        }
        let mut one = self.any.items().is_empty();
        for conditions in self.any.items() {
            one = one || conditions.hold(subject)?;
        }
        if !one {
            return Ok(false);
        }
        match &self.not {
            Some(conditions) => Ok(!conditions.hold(subject)?),
            None => Ok(true),
        }
    }

    fn depth(&self) -> usize {
        let lists = self.all.items().iter().chain(self.any.items());
        lists.chain(self.not.as_deref()).map(Self::depth).max().map_or(0, |depth| depth + 1)
    }
}

impl ReadConfig for Match {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let conditions = Conditions::read_config(node)?;
        if conditions.depth() > MAX_DEPTH {
            return Err(node.refused(&"`all`, `any` and `not` stand more than 8 deep in one another"));
        }
        Ok(Self(conditions))
    }
}

crate::deserialize_by_node!(Match);

impl JsonSchema for Match {
    fn schema_name() -> Cow<'static, str> {
        Conditions::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        Conditions::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Conditions::json_schema(generator)
    }
}
