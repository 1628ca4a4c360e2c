//! Changes requests and responses: headers, cookies, query, path, host, method, status, and fields of JSON bodies; answers
//! and redirects.
//!
//! A configuration is a list of rules; every rule that is for a message applies, in order:
//!
//! ```yaml
//! rules:
//!   - name: say who we are, hide what we run
//!     request:
//!       headers:
//!         rename: [{ from: x-user, to: x-tenant }]
//!         remove: [x-debug]
//!         set: [{ name: x-env, value: production }]
//!         add: [{ name: via, value: tamis }]
//!     response:
//!       headers:
//!         remove: [server]
//!   - name: the old paths, and no card numbers
//!     match: { paths: [{ prefix: /v1 }] }
//!     request:
//!       path: { prefix: { from: /v1, to: / } }
//!       query: { remove: [debug] }
//!     response:
//!       json:
//!         - remove: $.customer.card
//!         - set: { path: $.version, value: 1 }
//! ```
//!
//! # What is promised
//!
//! * **Edits of JSON lose nothing.** Every byte outside of the edited places stays: numbers of any length, the order of
//!   keys, keys that come twice, white space, escapes. See [`tamis::json`].
//! * **Edits do not see each other's messages.** Which rules are for a request is decided on the request as it came, before
//!   any edit.
//! * Bodies that no rule edits are not looked at. Of those that a rule does: compressed ones and ones that are too long pass or are
//!   refused, as `bodies` says; HEAD, 204, 304, 206, gRPC, upgrades and other types than JSON are left alone.
//! * An upstream's fault never becomes a client's: a response that is no JSON is answered as `on_error` says, never by a 4xx
//!   that nobody wrote.
//!
//! # Where it is
//!
//! | file | idea |
//! |---|---|
//! | `config.rs` | what the user writes, as checked types |
//! | `rules.rs` | which rules are for a message |
//! | `edits.rs`, `cookies.rs`, `query.rs`, `json.rs` | what an edit does to headers, cookies, a query, JSON; no host |
//! | `made.rs`, `templates`, `extractors.rs` | what templates make, and of what; the engine is in the full image only |
//! | `status.rs` | statuses that a response can be given |
//! | `filter.rs`, `filter/messages.rs` | the phases; the edits of one rule, on the proxy's messages |

pub mod config;
pub mod cookies;
pub mod edits;
pub mod extractors;
pub mod json;
pub mod made;
pub mod query;
pub mod rules;
pub mod status;
pub mod templates;

mod filter;

pub use filter::Transformation;
