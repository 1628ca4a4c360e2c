//! Lists and tables of conditions, as a configuration has them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::ValueMatch;

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

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::deserialize(deserializer)?;
        if items.is_empty() {
            return Err(crate::refused(&"an empty list is no condition: leave it out, or write what holds"));
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

impl<'de, N: Deserialize<'de> + PartialEq> Deserialize<'de> for Table<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names<N>(PhantomData<N>);

        impl<'de, N: Deserialize<'de> + PartialEq> Visitor<'de> for Names<N> {
            type Value = Table<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a condition for each name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table<N>, A::Error> {
                let mut table: Vec<(N, ValueMatch)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<N, ValueMatch>()? {
                    if table.iter().any(|(other, _)| *other == name) {
                        return Err(crate::refused(
                            &"two of these names are the same: write the second one under `all`",
                        ));
                    }
                    table.push((name, value));
                }
                if table.is_empty() {
                    return Err(crate::refused(&"an object without names is no condition: leave it out"));
                }
                Ok(Table(table))
            }
        }

        deserializer.deserialize_map(Names(PhantomData))
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
