//! How much of an address is looked at.

use std::borrow::Cow;
use std::net::IpAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::Cidr;
use crate::config::{Fault, Node, ReadConfig, by_node};

/// So many leading bits of an IPv4 and of an IPv6 address: `{ ipv4: 24, ipv6: 48 }`. What is left out is `V4` and `V6`.
///
/// ```
/// use tamis_core::views::Prefixes;
///
/// let customer: Prefixes<32, 64> = serde_json::from_str(r#"{ "ipv4": 24 }"#)?;
/// assert_eq!(customer.block("192.0.2.77".parse().unwrap()).to_string(), "192.0.2.0/24");
/// assert_eq!(customer.block("2001:db8::1".parse().unwrap()).to_string(), "2001:db8::/64");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefixes<const V4: u8, const V6: u8> {
    ipv4: u8,
    ipv6: u8,
}

impl<const V4: u8, const V6: u8> Prefixes<V4, V6> {
    /// The block that an address is in.
    #[must_use]
    pub fn block(&self, address: IpAddr) -> Cidr {
        Cidr::around(address, self.ipv4, self.ipv6)
    }
}

impl<const V4: u8, const V6: u8> Default for Prefixes<V4, V6> {
    fn default() -> Self {
        Self { ipv4: V4, ipv6: V6 }
    }
}

impl<const V4: u8, const V6: u8> ReadConfig for Prefixes<V4, V6> {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        node.record(&["ipv4", "ipv6"])?;
        let (mut ipv4, mut ipv6) = (V4, V6);
        node.optional("ipv4", &mut ipv4)?;
        node.optional("ipv6", &mut ipv6)?;
        if (1..=32).contains(&ipv4) && (1..=128).contains(&ipv6) {
            return Ok(Self { ipv4, ipv6 });
        }
        Err(node.refused(&"expected 1 to 32 bits of IPv4 and 1 to 128 of IPv6"))
    }
}

impl<'de, const V4: u8, const V6: u8> Deserialize<'de> for Prefixes<V4, V6> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_node(deserializer)
    }
}

impl<const V4: u8, const V6: u8> JsonSchema for Prefixes<V4, V6> {
    fn schema_name() -> Cow<'static, str> {
        "Prefixes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let bits = |kind: &str, most: u8, default: u8| {
            let text = ["The leading bits of an ", kind, " address."].concat();
            json_schema!({ "description": text, "type": "integer", "minimum": 1, "maximum": most, "default": default })
        };
        json_schema!({
            "description": "How much of an address is looked at.",
            "type": "object",
            "properties": { "ipv4": bits("IPv4", 32, V4), "ipv6": bits("IPv6", 128, V6) },
            "additionalProperties": false
        })
    }
}
