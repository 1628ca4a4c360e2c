//! The query of a request.

use std::borrow::Cow;

use super::percent::form_decoded;

/// What is behind the `?`: names and values between `&`, in order, with all that come twice.
///
/// Only `&` separates; `;` is an ordinary byte, as it is for Envoy. Empty parts (`a=1&&b=2`) are left out.
///
/// ```
/// use tamis_core::views::Query;
///
/// let query = Query::new(b"v=1&%76=a+b&flag");
/// let values: Vec<_> = query.get_all(b"v").map(|pair| pair.decoded_value()).collect();
/// assert_eq!(values, [b"1".as_slice(), b"a b"]);
/// assert_eq!(query.pairs().nth(1).unwrap().name, b"%76");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a>(&'a [u8]);

/// A name with its value, as they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a> {
    /// What is in front of the first `=`, not decoded.
    pub name: &'a [u8],
    /// What is behind it, not decoded; nothing when there is no `=`.
    pub value: Option<&'a [u8]>,
}

impl<'a> Query<'a> {
    /// Takes a query apart; it is given without its `?`. Also reads a body of the type
    /// `application/x-www-form-urlencoded`. Any bytes will do.
    #[must_use]
    pub fn new(raw: &'a [u8]) -> Self {
        Self(raw)
    }

    /// All of the query.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.0
    }

    /// Every name with its value, in order.
    pub fn pairs(&self) -> impl Iterator<Item = Pair<'a>> + use<'a> {
        self.0.split(|byte| *byte == b'&').filter(|part| !part.is_empty()).map(|part| {
            let (name, value) = super::cut(part, b'=');
            Pair { name, value }
        })
    }

    /// Every pair whose decoded name is `name`, in order.
    pub fn get_all<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = Pair<'a>> + use<'a, 'n> {
        self.pairs().filter(move |pair| *pair.decoded_name() == *name)
    }
}

impl<'a> Pair<'a> {
    /// The name with `%` and `+` decoded, once.
    #[must_use]
    pub fn decoded_name(&self) -> Cow<'a, [u8]> {
        form_decoded(self.name)
    }

    /// The value with `%` and `+` decoded, once; empty when there is none.
    #[must_use]
    pub fn decoded_value(&self) -> Cow<'a, [u8]> {
        form_decoded(self.value.unwrap_or_default())
    }
}
