//! What a filter needs besides a host: byte views, checked names and values, matching, JSON.
//!
//! Everything here is plain data and pure functions. There is no host call, no `unsafe`, no input/output, so the
//! same code runs in a wasm module, in a native test, under a fuzzer, and could run in another kind of host. The crate
//! [`tamis`](https://docs.rs/tamis) re-exports it; a filter's domain files depend on nothing else.
//!
//! Two ideas carry it:
//!
//! * **Header values are bytes.** Nothing here asks a value to be UTF-8 and nothing panics on one that is not.
//! * **Parse, don't validate.** A [`HeaderName`] or [`HeaderValue`] that exists is a good one: what was checked once,
//!   when the configuration was read, is never checked again while a request waits.
//!
//! The feature `regex` adds regular expressions to [`matching`]; without it no engine is linked.
//!
//! | module | idea |
//! |---|---|
//! | [`name`] | header names: tokens in lower case |
//! | [`value`] | header values: bytes without CR, LF and NUL |
//! | [`pairs`] | the wire form in which a proxy hands over a whole header map, read without a copy |
//! | [`map`] | what can be asked of a header map, and one that lives in memory |
//! | [`views`] | paths, queries, cookies, content types, authorities, addresses: typed, borrowed, not decoded |
//! | [`json`] | JSON as bytes: looked at in place, edited without losing any |
//! | [`number`] | decimals and doubles, exactly, in few bytes |
//! | [`config`] | from a configuration's text to checked types, in few bytes |
//! | [`rewrite`] | another path for a request |
//! | [`split`], [`hash`] | who gets which version, by weight and for good; a keyed hash for what clients send |
//! | [`matching`] | which requests a rule is for: one language for all filters |

#![deny(missing_docs)]

// What the derive of `ReadConfig` calls the crate that it is for.
extern crate self as tamis;

pub mod config;
mod editable;
pub mod hash;
pub mod json;
pub mod map;
pub mod matching;
pub mod name;
pub mod number;
pub mod pairs;
pub mod rewrite;
mod rule_name;
pub mod split;
#[doc(hidden)]
pub mod text;
pub mod value;
pub mod views;

pub use editable::{EditableName, NameValue};
pub use map::{HeaderMap, MemoryHeaders};
pub use name::{HeaderName, InvalidHeaderName};
pub use pairs::{InvalidPairs, Pairs};
pub use rule_name::RuleName;
pub use value::{HeaderValue, InvalidHeaderValue};
