//! Types that read themselves from a node.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::node::Node;
use crate::text::{decimal, join};

/// A type that reads itself from a node of a configuration, in few bytes of a module.
///
/// The derive of this name writes it, and `Deserialize` beside it. It obeys the attributes of serde and schemars that mean
/// something for it: on a struct or an enum `default` and `rename_all` (`snake_case`, `kebab-case`, `lowercase`), on fields and
/// variants `default`, `default = "function"` and `rename`. Structs have named fields; variants have none, or one without a name.
/// Unknown fields are always refused. What it does not know is an error when it is compiled, as `flatten` is: the place of a
/// fault could not be told.
///
/// ```
/// # extern crate tamis_core as tamis;
/// use schemars::JsonSchema;
/// use tamis::config::{Fault, Node, ReadConfig};
///
/// #[derive(Debug, PartialEq, ReadConfig, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Limit {
///     requests: u32,
///     #[serde(default, rename = "for")]
///     who: Who,
/// }
///
/// #[derive(Debug, Default, PartialEq, ReadConfig, JsonSchema)]
/// #[serde(rename_all = "snake_case")]
/// enum Who {
///     #[default]
///     Everybody,
///     Tenant(String),
/// }
///
/// let read = |json: &str| Limit::read_config(&Node::parse(json.as_bytes())?);
/// assert_eq!(read(r#"{"requests": 3}"#)?, Limit { requests: 3, who: Who::Everybody });
/// assert_eq!(read(r#"{"requests": 3, "for": {"tenant": "a"}}"#)?.who, Who::Tenant("a".to_owned()));
/// assert!(read(r#"{"requests": 3, "who": "a"}"#).is_err());
/// # Ok::<(), Fault>(())
/// ```
pub trait ReadConfig: Sized {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// What is wrong, and with which node in this one.
    fn read_config(node: &Node) -> Result<Self, Fault>;

    /// Reads it into its place, where a value was. After an error that is some value. Types that are large do it field by field:
    /// what was read is neither moved nor dropped one by one, which is most of what reading costs a module.
    ///
    /// # Errors
    ///
    /// As [`read_config`](Self::read_config).
    fn read_into(&mut self, node: &Node) -> Result<(), Fault> {
        *self = Self::read_config(node)?;
        Ok(())
    }
}

impl ReadConfig for bool {
    #[inline(never)]
    fn read_config(node: &Node) -> Result<Self, Fault> {
        match node {
            Node::Truth(truth) => Ok(*truth),
            other => Err(other.instead_of("true or false")),
        }
    }
}

impl ReadConfig for String {
    #[inline(never)]
    fn read_config(node: &Node) -> Result<Self, Fault> {
        node.text().map(str::to_owned)
    }
}

impl ReadConfig for char {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let Node::Text(text) = node else { return Err(node.instead_of("a single character")) };
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) => Ok(character),
            _ => Err(node.refused(&"expected a single character, found another string")),
        }
    }
}

impl ReadConfig for f64 {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        match node {
            Node::Whole(number) => Ok(*number as Self),
            Node::Fraction(number) => Ok(*number),
            other => Err(other.instead_of("a number")),
        }
    }
}

macro_rules! whole_numbers {
    ($($type:ident)+) => { $(
        impl ReadConfig for $type {
            fn read_config(node: &Node) -> Result<Self, Fault> {
                // No node is beyond 2^53, so the larger types' own ends are not asked for.
                let (least, most) = (i64::try_from(Self::MIN).unwrap_or(i64::MIN), i64::try_from(Self::MAX).unwrap_or(i64::MAX));
                node.whole(least, most).map(|number| number as Self)
            }
        }
    )+ };
}

// Not `usize`: a module's is shorter than that of its tests.
whole_numbers! { u8 i8 u16 i16 u32 i32 u64 i64 }

impl<T: ReadConfig> ReadConfig for Option<T> {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        match node {
            Node::Null => Ok(None),
            some => T::read_config(some).map(Some),
        }
    }
}

impl<T: ReadConfig> ReadConfig for Box<T> {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        T::read_config(node).map(Self::new)
    }
}

impl<T: ReadConfig> ReadConfig for Vec<T> {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let mut list = Self::new();
        list.read_into(node).map(|()| list)
    }

    #[inline(never)]
    fn read_into(&mut self, node: &Node) -> Result<(), Fault> {
        self.clear();
        for item in node.items()? {
            self.push(T::read_config(item)?);
        }
        Ok(())
    }
}

impl<T: ReadConfig, const N: usize> ReadConfig for [T; N] {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let found = Vec::read_config(node)?;
        let lengths = [decimal(N as u64), decimal(found.len() as u64)];
        found
            .try_into()
            .map_err(|_| node.refused(&join(&["expected a list of ", &lengths[0], ", found ", &lengths[1]])))
    }
}

impl<T: ReadConfig> ReadConfig for BTreeMap<String, T> {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        node.fields()?.iter().map(|(name, value)| Ok((name.clone(), T::read_config(value)?))).collect()
    }
}

impl ReadConfig for Node {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        Ok(node.clone())
    }
}
