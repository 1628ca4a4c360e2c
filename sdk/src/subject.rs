//! A request of the proxy as something that rules are asked about.

use std::borrow::Cow;
use std::net::IpAddr;

use tamis_core::matching::Subject;
use tamis_core::views::address;

use crate::sys::{self, HostError};
use crate::{HeaderMap, HeaderName, Headers};

/// The headers of a **request**: [`RequestHeaders::headers`](crate::RequestHeaders::headers). All conditions on headers
/// together take one host call; the source and each attribute take one more, when a condition looks at them.
impl Subject for Headers {
    type Error = HostError;

    fn method(&self) -> Result<Option<&[u8]>, HostError> {
        self.pseudo(":method")
    }

    fn authority(&self) -> Result<Option<&[u8]>, HostError> {
        self.pseudo(":authority")
    }

    fn path(&self) -> Result<Option<&[u8]>, HostError> {
        self.pseudo(":path")
    }

    fn values(&self, name: &HeaderName) -> Result<impl Iterator<Item = &[u8]>, HostError> {
        self.get_all(name)
    }

    /// The attribute `source.address`: the client, as the connection manager was told to trust it.
    fn source(&self) -> Result<Option<IpAddr>, HostError> {
        Ok(self.attribute("source.address")?.and_then(|address| address::parse_with_port(&address)))
    }

    /// The bytes as the proxy hands them over: texts are text, numbers are eight bytes, little-endian.
    fn attribute(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>, HostError> {
        let path: Vec<u8> = name.bytes().map(|byte| if byte == b'.' { 0 } else { byte }).collect();
        Ok(sys::property(&path)?.map(Cow::Owned))
    }
}
