//! Typed views of header bytes: they borrow, decode nothing unless asked, and never fail on a byte that is no UTF-8.
//!
//! A view shows what is there. What was sent twice is there twice, in order; what was sent encoded stays encoded until
//! somebody calls a method that says `decoded`. That matters wherever a decision is taken: a view that chose one of two
//! cookies, or folded `%2e`, would decide something that the upstream decides differently.
//!
//! | view | of |
//! |---|---|
//! | [`RequestPath`], [`Query`] | `:path` |
//! | [`Authority`] | `:authority`, or `host` |
//! | [`Cookies`] | every `cookie` line |
//! | [`ContentType`] | `content-type` |
//! | [`forwarded`] | `x-forwarded-for` |
//! | [`Cidr`], [`Prefixes`], [`address`] | addresses and blocks of them |

pub mod address;
mod authority;
mod content_type;
mod cookies;
pub mod forwarded;
mod path;
mod percent;
mod prefixes;
mod query;

pub use address::{Cidr, InvalidCidr};
pub use authority::{Authority, InvalidAuthority};
pub use content_type::{ContentType, InvalidContentType, Parameters};
pub use cookies::{Cookies, cookies};
pub use path::RequestPath;
pub(crate) use percent::hex;
pub use percent::percent_decoded;
pub use prefixes::Prefixes;
pub use query::{Pair, Query};

/// Cuts at the first `separator`; without one everything is in front.
fn cut(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|byte| *byte == separator) {
        Some(at) => (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..)),
        None => (bytes, None),
    }
}

/// Takes spaces and tabs off both ends: optional white space of [RFC 9110 §5.6.3](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.3).
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
