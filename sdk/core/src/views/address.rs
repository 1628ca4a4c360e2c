//! Addresses, and blocks of them.
//!
//! An IPv4 address that comes as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address, here as in blocks: whoever lists
//! `192.0.2.0/24` means the same machines on a socket of both kinds.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// Reads an address: IPv4 or IPv6, without port, brackets and zone.
///
/// ```
/// let mapped = tamis_core::views::address::parse(b"::ffff:192.0.2.1");
/// assert_eq!(mapped, tamis_core::views::address::parse(b"192.0.2.1"));
/// ```
#[must_use]
pub fn parse(text: &[u8]) -> Option<IpAddr> {
    let address: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// Reads an address with a port, as Envoy's attribute `source.address` has it: `192.0.2.1:80`, `[2001:db8::1]:80`.
/// An address alone will do, with or without brackets.
///
/// ```
/// use tamis_core::views::address::parse_with_port;
///
/// assert_eq!(parse_with_port(b"[2001:db8::1]:443"), Some("2001:db8::1".parse().unwrap()));
/// assert_eq!(parse_with_port(b"unknown"), None);
/// ```
#[must_use]
pub fn parse_with_port(text: &[u8]) -> Option<IpAddr> {
    if let Some(address) = parse(text) {
        return Some(address);
    }
    if let [b'[', inner @ .., b']'] = text {
        return parse(inner).filter(|_| inner.contains(&b':'));
    }
    // Not by std's parser of addresses with a port, which would be one more in a module.
    let colon = text.iter().rposition(|byte| *byte == b':')?;
    let (address, port) = (text.get(..colon)?, text.get(colon + 1..)?);
    let digits = (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    match address {
        _ if !digits => None,
        [b'[', inner @ .., b']'] => parse(inner).filter(|_| inner.contains(&b':')),
        address => parse(address).filter(|_| !address.contains(&b':')),
    }
}

/// A block of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
///
/// IPv4 and IPv6 are apart: `::/0` has every IPv6 address and no IPv4 address.
///
/// ```
/// use tamis_core::views::{Cidr, address};
///
/// let private = Cidr::parse("10.0.0.0/8").unwrap();
/// assert!(private.contains(address::parse(b"::ffff:10.1.2.3").unwrap()));
/// assert_eq!(
///     Cidr::parse("10.1.2.3/8").unwrap_err().to_string(),
///     "the address has bits behind the first 8: a block is written by its first address"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    first: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Reads a block as a configuration has it.
    ///
    /// # Errors
    ///
    /// [`InvalidCidr`] when it is no address, the number of bits is not one, or the address has bits behind them.
    pub fn parse(text: &str) -> Result<Self, InvalidCidr> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| InvalidCidr::Address)?;
        let bits = match bits {
            None => width(written),
            Some(bits) => length(bits, width(written))?,
        };
        let first = masked(written, bits);
        if first != written {
            return Err(InvalidCidr::Beyond { bits });
        }
        Ok(match (written.to_canonical(), bits.checked_sub(96)) {
            (IpAddr::V4(mapped), Some(bits)) if written.is_ipv6() => Self { first: IpAddr::V4(mapped), bits },
            _ => Self { first, bits },
        })
    }

    /// The block that an address is in: the first `v4` bits of an IPv4 address, or the first `v6` of another one. Whoever
    /// has one IPv6 address usually has its whole /64, so a limit or a split by single ones does not hold them.
    ///
    /// ```
    /// use tamis_core::views::Cidr;
    ///
    /// let block = |address: &str| Cidr::around(address.parse().unwrap(), 32, 64).to_string();
    /// assert_eq!(block("2001:db8::1:2:3:4"), "2001:db8::/64");
    /// assert_eq!(block("::ffff:192.0.2.1"), "192.0.2.1/32");
    /// ```
    #[must_use]
    pub fn around(address: IpAddr, v4: u8, v6: u8) -> Self {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() { v4 } else { v6 }.min(width(address));
        Self { first: masked(address, bits), bits }
    }

    /// Its first address.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        self.first
    }

    /// Whether an address is in the block.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.bits) == self.first
    }
}

/// Why a text is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCidr {
    /// What is in front of the slash is no address.
    #[error("expected an address such as 192.0.2.1 or 2001:db8::1, or a block of them such as 10.0.0.0/8")]
    Address,
    /// What is behind the slash is no number of bits.
    #[error("expected a number of bits from 0 to {most} behind the slash")]
    Bits {
        /// As many as the address has.
        most: u8,
    },
    /// The address is not the first one of its block.
    #[error("the address has bits behind the first {bits}: a block is written by its first address")]
    Beyond {
        /// How many bits all its addresses share.
        bits: u8,
    },
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

crate::config::from_text!(Cidr);

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Cidr {
    fn schema_name() -> Cow<'static, str> {
        "Cidr".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An IPv4 or IPv6 address, or a block of them.",
            "examples": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"],
        })
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn length(bits: &str, most: u8) -> Result<u8, InvalidCidr> {
    let number = bits.parse().ok().filter(|number| *number <= most && bits.bytes().all(|b| b.is_ascii_digit()));
    number.ok_or(InvalidCidr::Bits { most })
}

/// The first address of the block. More bits than an address has are all it has.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}
