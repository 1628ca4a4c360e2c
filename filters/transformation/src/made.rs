//! What templates make: headers, parameters of the query, the path, fields of a body, a body.

use schemars::JsonSchema;
use tamis::config::ReadConfig;
#[cfg(not(feature = "full"))]
use tamis::config::{Fault, Node};
use tamis::json::{Edit, Path, Text};
use tamis::rewrite::{Unfit, fit};
use tamis::views::{ContentType, RequestPath};
use tamis::{ConfigError, EditableName, HeaderMap, HeaderValue};

use crate::extractors::Extractor;
use crate::query::{Parameter, QueryEdits};
use crate::templates::facts::Facts;
use crate::templates::{RenderError, Template};

/// The longest value of a header or a parameter, and the longest path, that a template makes, in bytes.
const MAX_VALUE_BYTES: usize = 16 * 1024;

/// What a template makes. Templates see the message as it came, whatever the edits before them have done.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[cfg_attr(feature = "full", derive(ReadConfig))]
#[cfg_attr(feature = "full", serde(rename_all = "snake_case"))]
#[schemars(rename_all = "snake_case")]
pub enum Made {
    /// The one value of a header. The empty text takes the header away. White space around it goes. With `held_headers` the
    /// template may look into the body. The header is then taken away when the message comes, and made when the body is there:
    /// a message without a body, or with one that is left alone, goes without.
    Header(MadeHeader),
    /// One more value of a header. The empty text adds none. With `held_headers` the template may look into the body.
    AddHeader(MadeHeader),
    /// The one value of a parameter of the query, not encoded. For requests.
    Query(MadeParameter),
    /// The path; the query stays. It begins with `/`, and has no segments `.` and `..`. What no path can have is encoded. For
    /// requests.
    Path(Template),
    /// The value at a place in a body of JSON.
    Json(MadeJson),
    /// The whole body of a message that has one, of whatever type: not of gRPC, upgrades and event streams.
    Body(MadeBody),
}

#[cfg(not(feature = "full"))]
impl ReadConfig for Made {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        Err(node.refused(&crate::templates::LEAN))
    }
}

#[cfg(not(feature = "full"))]
tamis::deserialize_by_node!(Made);

/// A header that a template makes.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[cfg_attr(feature = "full", derive(ReadConfig))]
#[schemars(deny_unknown_fields)]
pub struct MadeHeader {
    /// Its name.
    pub name: EditableName,
    /// Its value.
    pub template: Template,
}

/// A parameter that a template makes.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[cfg_attr(feature = "full", derive(ReadConfig))]
#[schemars(deny_unknown_fields)]
pub struct MadeParameter {
    /// Its name, not encoded.
    pub name: String,
    /// Its value.
    pub template: Template,
}

/// A value in a body of JSON that a template makes.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[cfg_attr(feature = "full", derive(ReadConfig))]
#[schemars(deny_unknown_fields)]
pub struct MadeJson {
    /// The place; a member that is not there is added.
    pub path: Path,
    /// Its value.
    pub template: Template,
    /// What the text is.
    #[schemars(default, rename = "as")]
    pub kind: Kind,
}

/// What a text is in a body of JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A string that says it.
    #[default]
    String,
    /// JSON itself: a number, an object. The edit fails when it is none.
    Json,
}

/// A body that a template makes.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[cfg_attr(feature = "full", derive(ReadConfig))]
#[schemars(deny_unknown_fields)]
pub struct MadeBody {
    /// The body.
    pub template: Template,
    /// Its type. As it was, without it.
    #[schemars(default)]
    pub content_type: Option<HeaderValue>,
    /// How texts are written between `{{` and `}}`.
    #[schemars(default)]
    pub escape: Escape,
}

/// How a template writes texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Escape {
    /// As they are.
    #[default]
    None,
    /// As they stand in a string of JSON, without its quotes.
    Json,
}

/// What templates of a configuration can rest on.
#[derive(Debug, Clone, Copy)]
pub struct Around<'c> {
    /// Its extractors.
    pub extractors: &'c [Extractor],
    /// Whether headers wait for the body.
    pub held_headers: bool,
}

/// Why something was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeError<E> {
    /// The message refuses it.
    #[error(transparent)]
    Message(E),
    /// The template gave no text.
    #[error(transparent)]
    Template(#[from] RenderError),
    /// The request's path became none.
    #[error(transparent)]
    Path(#[from] Unfit),
}

impl Made {
    /// The template.
    #[must_use]
    pub fn template(&self) -> &Template {
        match self {
            Self::Header(MadeHeader { template, .. })
            | Self::AddHeader(MadeHeader { template, .. })
            | Self::Query(MadeParameter { template, .. })
            | Self::Path(template)
            | Self::Json(MadeJson { template, .. })
            | Self::Body(MadeBody { template, .. }) => template,
        }
    }

    /// Whether it makes a header.
    #[must_use]
    pub fn is_of_headers(&self) -> bool {
        matches!(self, Self::Header(_) | Self::AddHeader(_))
    }

    /// Whether its template, or an extractor of it, looks into the body.
    #[must_use]
    pub fn looks_into_body(&self, extractors: &[Extractor]) -> bool {
        let uses = self.template().uses();
        let is_named = |extractor: &&Extractor| uses.extractions.iter().any(|name| name == extractor.name.as_str());
        uses.body || extractors.iter().filter(is_named).any(Extractor::looks_into_body)
    }

    /// Whether it is a part of the body, or all of it.
    #[must_use]
    pub fn is_of_body(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Body(_))
    }

    /// Whether it can be of a body that is no JSON.
    #[must_use]
    pub fn is_whole_body(&self) -> bool {
        matches!(self, Self::Body(_))
    }

    /// Checks what its types could not.
    ///
    /// # Errors
    ///
    /// What cannot be meant, with its place.
    pub fn check(&self, path: &str, response: bool, around: &Around<'_>) -> Result<(), ConfigError> {
        if response && matches!(self, Self::Query(_) | Self::Path(_)) {
            return Err(ConfigError::new(path, "a response has no path and no query"));
        }
        let has_body = self.is_of_body() || around.held_headers && self.is_of_headers();
        check_template(self.template(), path, has_body, around.extractors)
    }

    /// Makes what is of headers; nothing is done for what is of bodies and of paths.
    ///
    /// # Errors
    ///
    /// [`MakeError`].
    pub fn header<M: HeaderMap>(&self, headers: &mut M, facts: &Facts) -> Result<(), MakeError<M::Error>> {
        if !self.is_of_headers() {
            return Ok(());
        }
        self.put(headers, &self.value(facts)?).map_err(MakeError::Message)
    }

    /// The value of a header.
    ///
    /// # Errors
    ///
    /// [`RenderError`].
    pub fn value(&self, facts: &Facts) -> Result<Vec<u8>, RenderError> {
        self.template().render(facts, MAX_VALUE_BYTES)
    }

    /// Gives its header this value; nothing is done for what is no header.
    ///
    /// # Errors
    ///
    /// When the map refuses it.
    pub fn put<M: HeaderMap>(&self, headers: &mut M, value: &[u8]) -> Result<(), M::Error> {
        let value = value.trim_ascii();
        match self {
            Self::Header(made) if value.is_empty() => headers.remove(made.name.name()),
            Self::Header(made) => headers.set(made.name.name(), value),
            Self::AddHeader(made) if !value.is_empty() => headers.add(made.name.name(), value),
            _ => Ok(()),
        }
    }

    /// Takes away what a client, or an upstream, says in a header that is made later: it must not pass where nothing is made.
    ///
    /// # Errors
    ///
    /// When the map cannot be read, or refuses it.
    pub fn clear<M: HeaderMap>(&self, headers: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Header(made) if headers.get_all(made.name.name())?.next().is_some() => {
                headers.remove(made.name.name())
            }
            _ => Ok(()),
        }
    }

    /// The path with its query after it; nothing when it stays.
    ///
    /// # Errors
    ///
    /// [`RenderError`], also for a path that cannot be one.
    pub fn path(&self, raw: &[u8], facts: &Facts) -> Result<Option<Vec<u8>>, RenderError> {
        match self {
            Self::Query(MadeParameter { name, template }) => {
                let value = template.render(facts, MAX_VALUE_BYTES)?;
                let value = String::from_utf8(value).map_err(|_| wrong("a parameter's value is not UTF-8"))?;
                let edits = QueryEdits { set: vec![Parameter { name: name.clone(), value }], ..QueryEdits::default() };
                Ok(edits.apply(raw))
            }
            Self::Path(template) => {
                let mut path = encoded(&template.render(facts, MAX_VALUE_BYTES)?);
                fit(&path).map_err(|unfit| wrong(&unfit.to_string()))?;
                path.extend_from_slice(raw.get(RequestPath::new(raw).path().len()..).unwrap_or_default());
                Ok(Some(path))
            }
            _ => Ok(None),
        }
    }
}

impl MadeJson {
    /// The edit that puts the value in its place.
    ///
    /// # Errors
    ///
    /// [`RenderError`], also for a text that is to be JSON and is none.
    pub fn edit(&self, facts: &Facts, limit: usize) -> Result<Edit, RenderError> {
        let text = self.template.render(facts, limit)?;
        let value = match self.kind {
            Kind::Json => Text::parse(&text).map_err(|_| wrong("what is to be JSON is none"))?,
            Kind::String => Text::string(std::str::from_utf8(&text).map_err(|_| wrong("a value is not UTF-8"))?),
        };
        Ok(Edit::set(self.path.clone(), value))
    }
}

impl MadeBody {
    /// Whether the new body is JSON, given whether the old one is.
    #[must_use]
    pub fn is_json(&self, before: bool) -> bool {
        let given = self.content_type.as_ref().map(|value| ContentType::parse(value.as_bytes()));
        given.map_or(before, |given| given.is_ok_and(|given| given.is_json()))
    }

    /// The body.
    ///
    /// # Errors
    ///
    /// [`RenderError`].
    pub fn body(&self, facts: &Facts, limit: usize) -> Result<Vec<u8>, RenderError> {
        let facts = Facts { escape_json: self.escape == Escape::Json, ..facts.clone() };
        self.template.render(&facts, limit)
    }
}

/// Checks what a template looks at.
///
/// # Errors
///
/// A body where there is none yet, and an extractor that does not exist.
pub fn check_template(
    template: &Template,
    path: &str,
    has_body: bool,
    extractors: &[Extractor],
) -> Result<(), ConfigError> {
    const NO_BODY: &str = "the body is not there yet when this is made: templates under `json` and `body` look into it, and those \
        of headers when `held_headers` is true";
    let uses = template.uses();
    if uses.body && !has_body {
        return Err(ConfigError::new(path, NO_BODY));
    }
    for name in &uses.extractions {
        match extractors.iter().find(|extractor| extractor.name.as_str() == name) {
            None => return Err(ConfigError::new(path, "the template names an extractor that does not exist")),
            Some(extractor) if extractor.looks_into_body() && !has_body => return Err(ConfigError::new(path, NO_BODY)),
            Some(_) => {}
        }
    }
    Ok(())
}

fn wrong(message: &str) -> RenderError {
    RenderError::Failed { place: String::new(), message: message.to_owned() }
}

/// What no path can have, encoded; what is encoded already stays.
fn encoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for byte in path {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(&crate::query::percent(*byte));
        }
    }
    out
}
