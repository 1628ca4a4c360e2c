//! What is matched.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::IpAddr;

use crate::views::{Authority, RequestPath, cookies};
use crate::{HeaderMap, HeaderName, MemoryHeaders};

static COOKIE: HeaderName = HeaderName::from_static("cookie");

/// A request that can be asked: the proxy's own during a phase, or [`Request`] in a test.
///
/// A condition asks only for what it needs, so what costs a host call (the source, an attribute) is fetched when a rule
/// looks at it and not before. The SDK implements it for a request's headers: `rule.holds(request.headers())`.
pub trait Subject {
    /// Why a question has no answer: the host's status for the proxy's request, never for one in memory.
    type Error;

    /// `:method`.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    fn method(&self) -> Result<Option<&[u8]>, Self::Error>;

    /// `:authority`, with its port.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    fn authority(&self) -> Result<Option<&[u8]>, Self::Error>;

    /// `:path`, with its query.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    fn path(&self) -> Result<Option<&[u8]>, Self::Error>;

    /// Every value of a header, in order.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    fn values(&self, name: &HeaderName) -> Result<impl Iterator<Item = &[u8]>, Self::Error>;

    /// The client's address, as the proxy was told to trust it; nothing when there is none (a Unix socket).
    ///
    /// # Errors
    ///
    /// When the proxy does not say it.
    fn source(&self) -> Result<Option<IpAddr>, Self::Error>;

    /// An attribute of the proxy by its dotted name, as text; nothing when it has none.
    ///
    /// # Errors
    ///
    /// When the proxy does not say it.
    fn attribute(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>, Self::Error>;

    /// `:path`, taken apart; an empty one when there is none.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    fn parsed_path(&self) -> Result<RequestPath<'_>, Self::Error> {
        Ok(RequestPath::new(self.path()?.unwrap_or_default()))
    }

    /// `:authority`, taken apart; nothing when there is none, and when it is no authority.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    fn parsed_authority(&self) -> Result<Option<Authority<'_>>, Self::Error> {
        Ok(self.authority()?.and_then(|authority| Authority::parse(authority).ok()))
    }

    /// Every value of a cookie, over all lines of cookies, in order.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    fn cookies<'s>(&'s self, name: &'s [u8]) -> Result<impl Iterator<Item = &'s [u8]>, Self::Error> {
        Ok(cookies(self.values(&COOKIE)?, name))
    }
}

/// A request in memory, for tests, fuzzing and other hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// `:method`.
    pub method: Vec<u8>,
    /// `:authority`.
    pub authority: Vec<u8>,
    /// `:path`, with the query.
    pub path: Vec<u8>,
    /// The other headers.
    pub headers: MemoryHeaders,
    /// The client's address.
    pub source: Option<IpAddr>,
    /// Attributes by their dotted names.
    pub attributes: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// A request without headers, source and attributes.
    pub fn new(method: impl AsRef<[u8]>, authority: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.as_ref().to_vec(),
            authority: authority.as_ref().to_vec(),
            path: path.as_ref().to_vec(),
            ..Self::default()
        }
    }
}

impl Subject for Request {
    type Error = Infallible;

    fn method(&self) -> Result<Option<&[u8]>, Infallible> {
        Ok(Some(&self.method))
    }

    fn authority(&self) -> Result<Option<&[u8]>, Infallible> {
        Ok(Some(&self.authority))
    }

    fn path(&self) -> Result<Option<&[u8]>, Infallible> {
        Ok(Some(&self.path))
    }

    fn values(&self, name: &HeaderName) -> Result<impl Iterator<Item = &[u8]>, Infallible> {
        self.headers.get_all(name)
    }

    fn source(&self) -> Result<Option<IpAddr>, Infallible> {
        Ok(self.source)
    }

    fn attribute(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>, Infallible> {
        Ok(self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| Cow::Borrowed(value.as_slice())))
    }
}
