//! Host names, with the wildcards of the Gateway API.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::config::{Fault, Node, ReadConfig};
use crate::views::Authority;

/// A host: a name, an address, or `*.` and the end of a name.
///
/// `*.example.com` has `a.example.com` and `a.b.example.com`, and not `example.com` itself. Case, the port of a request
/// and a dot at the end of its host make no difference.
///
/// ```
/// use tamis_core::{matching::Hostname, views::Authority};
///
/// let shops = Hostname::parse("*.Shop.example").unwrap();
/// assert!(shops.has(&Authority::parse(b"EU.shop.example:8443").unwrap()));
/// assert!(!shops.has(&Authority::parse(b"shop.example").unwrap()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hostname {
    /// For a wildcard what is behind the asterisk: it begins with a dot. In lower case.
    text: String,
    wildcard: bool,
}

/// A host that is one and not several: a [`Hostname`] without a wildcard. The Gateway API's `PreciseHostname`.
///
/// ```
/// use tamis_core::matching::PreciseHostname;
///
/// assert_eq!(serde_json::from_str::<PreciseHostname>(r#""Shop.example""#)?.as_str(), "shop.example");
/// assert!(serde_json::from_str::<PreciseHostname>(r#""*.example""#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreciseHostname(Hostname);

/// The longest name that DNS has, in bytes.
const MAX_BYTES: usize = 253;

impl Hostname {
    /// Reads a host as a configuration has it.
    ///
    /// # Errors
    ///
    /// [`InvalidHostname`] when it has a port, is no name in ASCII, or has an asterisk anywhere but in front.
    pub fn parse(text: &str) -> Result<Self, InvalidHostname> {
        let (wildcard, name) = match text.strip_prefix('*') {
            Some(name) if name.starts_with('.') => (true, name),
            Some(_) => return Err(InvalidHostname::Wildcard),
            None => (false, text),
        };
        if name.contains('*') {
            return Err(InvalidHostname::Wildcard);
        }
        let authority = Authority::parse(name.as_bytes()).map_err(|_| InvalidHostname::Name)?;
        if authority.host() != name.as_bytes() {
            return Err(InvalidHostname::Port);
        }
        let named = is_name(if wildcard { name.get(1..).unwrap_or_default() } else { name });
        if !named && (wildcard || authority.address().is_none()) {
            return Err(InvalidHostname::Name);
        }
        Ok(Self { text: name.to_ascii_lowercase(), wildcard })
    }

    /// Whether a request is addressed to this host.
    #[must_use]
    pub fn has(&self, authority: &Authority<'_>) -> bool {
        let name = authority.name();
        if !self.wildcard {
            return name.eq_ignore_ascii_case(self.text.as_bytes());
        }
        // There is a label in front of the dot, however short.
        let label = name.len().saturating_sub(self.text.len());
        label > 0 && name.get(label..).is_some_and(|end| end.eq_ignore_ascii_case(self.text.as_bytes()))
    }

    /// A name goes before a wildcard, a longer wildcard before a shorter one.
    pub(super) fn rank(&self) -> (bool, usize) {
        (!self.wildcard, self.text.len())
    }
}

/// Labels of letters, digits, hyphens and underscores, between dots.
fn is_name(name: &str) -> bool {
    name.len() <= MAX_BYTES
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

/// Why a text is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHostname {
    /// It is no name and no address.
    #[error(
        "expected a host such as example.com or *.example.com, or an address (IPv6 in brackets); no dot at the end, and \
         a name with other letters in its xn-- form"
    )]
    Name,
    /// It has a port.
    #[error("leave the port out: a host is the same on every port")]
    Port,
    /// The asterisk is at a place where it means nothing.
    #[error("an asterisk stands for the first labels of a name only, with a dot behind it: *.example.com")]
    Wildcard,
}

crate::config::from_text!(Hostname);

impl JsonSchema for Hostname {
    fn schema_name() -> Cow<'static, str> {
        "Hostname".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A host: a name, an address (IPv6 in brackets), or `*.` and the end of a name. Without a port.",
            "examples": ["example.com", "*.example.com"],
        })
    }
}

impl PreciseHostname {
    /// The host, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl ReadConfig for PreciseHostname {
    fn read_config(node: &Node) -> Result<Self, Fault> {
        let host = Hostname::read_config(node)?;
        if host.wildcard {
            return Err(node.refused(&"expected one host: a wildcard stands for several"));
        }
        Ok(Self(host))
    }
}

crate::deserialize_by_node!(PreciseHostname);

impl JsonSchema for PreciseHostname {
    fn schema_name() -> Cow<'static, str> {
        "PreciseHostname".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[^*]+$" })
    }
}
