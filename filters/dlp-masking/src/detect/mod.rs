//! The detectors.
//!
//! Each looks at a place where something of its kind may be, and reads a bounded number of bytes from there
//! ([`AHEAD`]) and before it ([`BACK`]). It says how sure the form makes it, from 0 to 100; words nearby
//! ([`crate::context`]) add or take away, and the rule's threshold (50 unless set) decides.
//!
//! | file | finds |
//! |---|---|
//! | [`card`] | payment cards |
//! | [`iban`] | bank accounts |
//! | [`person`] | numbers of persons: USA, Korea, UK, India, Brazil |
//! | [`phone`] | telephone numbers in international form |
//! | [`address`] | IPv4 and IPv6 |
//! | [`email`] | mail addresses |
//! | [`token`] | tokens of clouds and services |
//! | [`jwt`], [`pem`] | signed and encrypted tokens, private keys |
//! | [`keyed`] | values behind names such as `password` |
//! | [`words`], [`pattern`] | what a user lists |
//!
//! Out of reach for all of them: names of people and places, which no form tells from other words; what is encoded once
//! more (base64, compressed); what is written in other digits than ASCII's.

pub mod address;
pub mod card;
pub mod email;
pub mod iban;
pub mod jwt;
pub mod keyed;
#[cfg(feature = "full")]
pub mod pattern;
pub mod pem;
pub mod person;
pub mod phone;
pub mod token;
pub mod words;

mod groups;

pub(crate) use card::is_none_at_a_glance;
pub(crate) use groups::Groups;

/// The most bytes that a detector reads from the place where it is asked.
pub const AHEAD: usize = 128;
/// The most bytes that what it finds may begin before that place.
pub const BACK: usize = 64;
