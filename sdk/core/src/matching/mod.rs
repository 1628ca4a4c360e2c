//! Which requests a rule is for: one language for all filters.
//!
//! A [`Match`] is read from a configuration, checked there, and asked once per request. Everything that is given must
//! hold; what is left out holds for all:
//!
//! ```
//! use tamis_core::matching::{Match, Request};
//!
//! let rule: Match = serde_json::from_str(
//!     r#"{
//!         "methods": ["GET", "HEAD"],
//!         "hosts": ["*.example.com"],
//!         "paths": [{"prefix": "/v1"}, {"exact": "/"}],
//!         "headers": {"x-tenant": {"exact": "gold"}},
//!         "not": {"sources": ["10.0.0.0/8"]}
//!     }"#,
//! )?;
//! let request = Request {
//!     headers: [("x-tenant", "gold")].into_iter().collect(),
//!     source: Some("203.0.113.9".parse().unwrap()),
//!     ..Request::new("GET", "shop.example.com:8080", "/v1/items?page=2")
//! };
//! assert_eq!(rule.holds(&request), Ok(true));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # Where it follows the Gateway API
//!
//! Host names, with wildcards; paths, exact or by whole segments; `precedence` ([`Precedence`]). The rest follows Envoy's
//! own route matcher (run on 1.36.4, 1.37.0, 1.38.2, 1.39.3 and 1.40.0), with two differences that close ways around a
//! rule:
//!
//! * **Who sends a thing twice.** Envoy looks at the first cookie and the first query parameter of a name; of a header at
//!   all values joined by commas up to 1.38.2, and at each of them in 1.39.3 and 1.40.0. Here `of: any`, `all` or `first`
//!   says it, for all three, and `any` is meant where nothing is said. A rule that **keeps somebody out** wants `any`: one
//!   bad value is enough. A rule that **lets somebody in** wants `all`: a good value beside a bad one is not. See [`Of`].
//! * **Query parameters** are compared decoded, because `?%76=%32` is `?v=2` to every upstream; Envoy compares raw bytes.
//!
//! # What it does not do
//!
//! Paths are not decoded, and `//`, `..` and `;` mean nothing: the router does not look behind them either. Who wants
//! `/%61dmin` to be `/admin` tells Envoy to normalise paths, and both see the result. A dot at the end of a host, its case
//! and its port make no difference.
//!
//! # Bounds
//!
//! Conditions nest at most [`MAX_DEPTH`] deep. One evaluation takes time linear in the bytes of the request, times the
//! conditions. Nothing is allocated but for a query's encoded parts and for regular expressions.
//!
//! # What it adds to a module
//!
//! The example `hello` has 76 kB when it compares `:path` with a constant (rustc 1.95), 136 kB with a [`Match`] in its
//! configuration instead, and 206 kB with the feature `regex`.

mod conditions;
mod fields;
mod host;
mod method;
mod needle;
mod path;
mod pattern;
mod precedence;
mod remembered;
mod statuses;
mod subject;
mod value;

pub use conditions::{MAX_DEPTH, Match};
pub use host::{Hostname, InvalidHostname, PreciseHostname};
pub use method::{InvalidMethod, Method};
pub use path::{InvalidPath, PathMatch, PathPattern};
#[cfg(feature = "regex")]
pub use pattern::Groups;
pub use pattern::{InvalidPattern, MAX_PATTERN_BYTES, Pattern, Search};
pub use precedence::{NotInGatewayApi, Precedence, Rank, most_specific};
pub use remembered::Remembered;
pub use statuses::Statuses;
pub use subject::{Request, Subject};
pub use value::{Of, ValueMatch};
