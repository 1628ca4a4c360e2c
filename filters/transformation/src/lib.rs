//! Changes the headers of requests and responses.
//!
//! A configuration is a list of rules; every rule applies, in order, and edits the request, the response, or both:
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
//! ```
//!
//! | file | idea |
//! |---|---|
//! | `config.rs` | what the user writes, as checked types |
//! | `edits.rs` | what an edit does to a header map; no host |
//! | `filter.rs` | the phases |

pub mod config;
pub mod edits;

mod filter;

pub use filter::Transformation;
