//! Lists and tables of conditions, as a configuration has them.

use std::borrow::Cow;
use std::fmt::Display;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::ValueMatch;
use crate::config::{Fault, Node, ReadConfig};
use crate::{HeaderName, InvalidHeaderName};

/// A list that is left out, or has something in it: an empty one would hold for all or for none, and nobody could tell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct List<T>(Vec<T>);

impl<T> List<T> {
    pub(super) fn items(&self) -> &[T] {
        &self.0
    }

    /// Whether it is left out, or one of its items is right.
    pub(super) fn allows(&self, holds: impl FnMut(&T) -> bool) -> bool {
        self.0.is_empty() || self.0.iter().any(holds)
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: ReadConfig> ReadConfig for List<T> {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let items = Vec::read_config(node)?;
        if items.is_empty() {
            return Err(node.refused(&"an empty list is no condition: leave it out, or write what holds"));
        }
        Ok(Self(items))
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("List_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Vec::<T>::json_schema(generator);
        schema.insert("minItems".to_owned(), 1.into());
        schema
    }
}

/// Conditions by the name of what they are on. All of them must hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table<N>(Vec<(N, ValueMatch)>);

impl<N> Table<N> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(N, ValueMatch)> {
        self.0.iter()
    }
}

impl<N> Default for Table<N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<N: Name> ReadConfig for Table<N> {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let Node::Object(fields) = node else {
            return Err(node.instead_of("an object with a condition for each name"));
        };
        let mut table: Vec<(N, ValueMatch)> = Vec::with_capacity(fields.len());
        for (text, value) in fields {
            let name = N::read(text).map_err(|why| value.refused(&why))?;
            let condition = ValueMatch::read_config(value)?;
            if table.iter().any(|(other, _)| *other == name) {
                return Err(node.refused(&"two of these names are the same: write the second one under `all`"));
            }
            table.push((name, condition));
        }
        if table.is_empty() {
            return Err(node.refused(&"an object without names is no condition: leave it out"));
        }
        Ok(Self(table))
    }
}

/// What conditions are on, read from the key of a table.
pub(super) trait Name: PartialEq + Sized {
    /// Why a text is none.
    type Error: Display;

    fn read(text: &str) -> Result<Self, Self::Error>;
}

impl Name for String {
    type Error = std::convert::Infallible;

    fn read(text: &str) -> Result<Self, Self::Error> {
        Ok(text.to_owned())
    }
}

impl Name for HeaderName {
    type Error = InvalidHeaderName;

    fn read(text: &str) -> Result<Self, InvalidHeaderName> {
        Self::parse(text)
    }
}

impl<N> JsonSchema for Table<N> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Conditions_by_name".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = std::collections::BTreeMap::<String, ValueMatch>::json_schema(generator);
        schema.insert("minProperties".to_owned(), 1.into());
        schema
    }
}
