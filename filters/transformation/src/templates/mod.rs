//! Templates in Jinja's syntax: values that are made of what a message has.
//!
//! The author of a configuration is trusted, what flows into a template is not. So a template is looked at when the
//! configuration is read ([`scan`]): what it calls must exist, and what could make a text without a bound out of short ones is
//! refused. When it runs, its steps, what its functions make and what it writes are counted ([`engine`]).
//!
//! A template without code, or with nothing but one look-up, never enters the engine.

#[cfg(feature = "full")]
mod encode;
#[cfg(feature = "full")]
mod engine;
pub mod facts;
#[cfg(feature = "full")]
mod form;
#[cfg(feature = "full")]
mod functions;
#[cfg(feature = "full")]
mod json;
#[cfg(feature = "full")]
mod members;
#[cfg(feature = "full")]
mod scan;
#[cfg(all(test, feature = "full"))]
mod tests;
#[cfg(feature = "full")]
mod touched;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tamis::config::{Fault, Node, ReadConfig};

use self::facts::Facts;

/// The longest template, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 16 * 1024;

/// A template.
///
/// `{{ … }}` writes a value, `{% if … %}`, `{% for … %}` and `{% set … %}` are statements, `{# … #}` is a comment. The fields of a
/// body of JSON are variables. Functions: `header`, `request_header`, `query`, `cookie`, `path`, `method`, `status`,
/// `extraction`, `body`, `context`, `env`, and those that change texts.
#[derive(Debug, Clone)]
pub struct Template {
    #[cfg(feature = "full")]
    source: String,
    #[cfg(feature = "full")]
    program: engine::Program,
    /// There is none in a module without the engine, and no code for one.
    #[cfg(not(feature = "full"))]
    never: std::convert::Infallible,
}

/// What the lean image says of all that needs the full one.
#[cfg(not(feature = "full"))]
pub(crate) const LEAN: &str =
    "this module was built without templates and extractors: use the full image of the filter, transformation-full";

/// What becomes of a name that has no value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Undefined {
    /// The edit fails, and `on_error` says what then.
    #[default]
    Strict,
    /// It is the empty text, which is counted for extractors.
    Empty,
}

/// Why a template gave no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// It wrote more than its place allows.
    #[error("a template wrote more than {limit} bytes")]
    TooLong {
        /// How many are allowed.
        limit: usize,
    },
    /// It took too many steps, or made too much on the way.
    #[error("a template took more steps, or made longer texts, than it may")]
    TooMuch,
    /// The body that it looks into is no JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// Something else; no text of the message is repeated.
    #[error("a template failed{place}: {message}")]
    Failed {
        /// Where: ` in line 3`, or nothing.
        place: String,
        /// What.
        message: String,
    },
}

#[cfg(feature = "full")]
impl Template {
    /// The template as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Reads a template as a configuration has it.
    ///
    /// # Errors
    ///
    /// What is wrong, with its line.
    pub fn parse(source: &str) -> Result<Self, String> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err("a template has at most 16384 bytes".to_owned());
        }
        Ok(Self { source: source.to_owned(), program: engine::Program::new(source)? })
    }

    /// The text that it makes, at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`RenderError`].
    pub fn render(&self, facts: &Facts, limit: usize) -> Result<Vec<u8>, RenderError> {
        self.program.render(facts, limit)
    }

    /// What it looks at.
    #[must_use]
    pub fn uses(&self) -> &facts::Uses {
        self.program.uses()
    }
}

#[cfg(not(feature = "full"))]
impl Template {
    /// The template as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        match self.never {}
    }

    /// Refuses: this module has no engine.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn parse(_: &str) -> Result<Self, String> {
        Err(LEAN.to_owned())
    }

    /// There is no template in a module without the engine.
    ///
    /// # Errors
    ///
    /// None.
    pub fn render(&self, _: &Facts, _: usize) -> Result<Vec<u8>, RenderError> {
        match self.never {}
    }

    /// There is no template in a module without the engine.
    #[must_use]
    pub fn uses(&self) -> &facts::Uses {
        match self.never {}
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl ReadConfig for Template {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        node.parsed(Self::parse)
    }
}

tamis::deserialize_by_node!(Template);

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A template in Jinja's syntax, for the full image of the filter.",
            "maxLength": MAX_TEMPLATE_BYTES,
            "examples": ["user-{{ header(\"x-user\") }}", "{{ user.name|upper }}"],
        })
    }
}
