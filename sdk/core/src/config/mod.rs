//! From a configuration's text to checked types, in few bytes.
//!
//! A text becomes a tree of [`Node`]s, and a type reads itself from a node: [`ReadConfig`], which a derive of the same name
//! writes from the attributes that serde and schemars know. What reads is not compiled anew for each type, as it is with serde:
//! in a module that is two thirds of what a configuration costs. serde comes in where a type knows nothing else:
//! [`by_serde`] reads such a type from a node, and [`by_node`] is the `Deserialize` of a type that reads itself.
//!
//! A [`Fault`] knows the node that is wrong. Where that stands is asked once, at the end, of the tree.

mod fault;
mod json;
mod key;
mod node;
mod read;
mod reader;
mod serde_node;

pub use serde;
pub use tamis_macros::ReadConfig;

pub use self::fault::Fault;
pub use self::node::{Node, Variant};
pub use self::read::ReadConfig;
pub use self::reader::by_serde;
pub use self::serde_node::by_node;

/// Reads types from strings, by their own `parse`.
macro_rules! from_text {
    ($($type:ty),+ $(,)?) => { $(
        impl $crate::config::ReadConfig for $type {
            fn read_config(node: &$crate::config::Node) -> ::core::result::Result<Self, $crate::config::Fault> {
                node.parsed(Self::parse)
            }
        }

        $crate::deserialize_by_node!($type);
    )+ };
}
pub(crate) use from_text;

/// The `Deserialize` of types that read themselves, for the types of others that they stand in.
///
/// ```
/// use tamis_core::config::{Fault, Node, ReadConfig};
///
/// struct Even(u8);
///
/// impl ReadConfig for Even {
///     fn read_config(node: &Node) -> Result<Self, Fault> {
///         match u8::read_config(node)? {
///             odd if odd % 2 == 1 => Err(node.refused(&"expected an even number")),
///             even => Ok(Self(even)),
///         }
///     }
/// }
///
/// tamis_core::deserialize_by_node!(Even);
///
/// assert_eq!(serde_json::from_str::<Even>("4").unwrap().0, 4);
/// assert!(serde_json::from_str::<Even>("5").is_err());
/// ```
#[macro_export]
macro_rules! deserialize_by_node {
    ($($type:ty),+ $(,)?) => { $(
        impl<'de> $crate::config::serde::Deserialize<'de> for $type {
            fn deserialize<D: $crate::config::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $crate::config::by_node(deserializer)
            }
        }
    )+ };
}
