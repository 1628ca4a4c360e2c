//! Headers that came back.

use std::fmt;

use crate::sys::{HostError, Status};
use crate::{HeaderName, Pairs};

/// The headers or trailers of an answer: bytes, in order, repeated names kept.
///
/// ```
/// # use tamis::HeaderName;
/// # use tamis::callouts::Received;
/// # const X_USER: HeaderName = HeaderName::from_static("x-user");
/// fn user(headers: &Received) -> Option<&[u8]> {
///     headers.get(&X_USER)
/// }
/// # assert_eq!(user(&Received::default()), None);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Received(Vec<u8>);

impl Received {
    /// Takes a map in its wire form, if it is one.
    pub(crate) fn new(wire: Vec<u8>) -> Result<Self, HostError> {
        match Pairs::parse(&wire) {
            Ok(_) => Ok(Self(wire)),
            Err(_) => Err(HostError::new("proxy_get_header_map_pairs", Status::PARSE_FAILURE)),
        }
    }

    /// Every name with its value, pseudo headers among them. Names are in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        Pairs::parse(&self.0).into_iter().flatten()
    }

    /// The first value of `name`.
    #[must_use]
    pub fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// Every value of `name`.
    pub fn get_all(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        self.iter().filter_map(|(key, value)| (key == name.as_bytes()).then_some(value))
    }

    pub(crate) fn pseudo(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find_map(|(key, value)| (key == name).then_some(value))
    }
}

/// How many there are: values may be secret.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Received({} headers)", self.iter().count())
    }
}
