//! Chooses the upstream by what a request says, and splits traffic by weight, for good.
//!
//! ```yaml
//! rules:
//!   - name: v2
//!     match: { paths: [{ prefix: /v2 }] }
//!     to: { headers: [{ name: x-version, value: v2 }] }
//!   - name: canary
//!     match: { paths: [{ prefix: /v1 }] }
//!     split:
//!       salt: canary-2026
//!       sticky: [{ header: x-user }, { cookie: { name: canary } }]
//!       arms:
//!         - { name: stable, weight: 80, to: { headers: [{ name: x-version, value: v1 }] } }
//!         - { name: new,    weight: 20, to: { headers: [{ name: x-version, value: v2 }] } }
//! ```
//!
//! The proxy's own routes then match on `x-version`, or take the cluster's name from it (`cluster_header`).
//!
//! # What is promised
//!
//! * **A client cannot choose.** What it sends under the name of a routing header is taken away before any rule is looked at.
//! * **Sticky without a memory, and monotone.** The same key goes the same way on every machine and in every release; an
//!   arm whose weight grows loses nobody. See [`Split`](tamis::split::Split).
//! * **A redirect stays at the host that was asked**, or goes to the one that the configuration says: no path of a
//!   client's makes another one of it.
//!
//! # What it tells
//!
//! `routing.rule.RULE.action.routed` counts the requests of a rule, `shadow_routed` those of a rule in shadow, and
//! `routing.rule.RULE.arm.ARM` those of an arm. `%FILTER_STATE(wasm.routing:PLAIN)%` in an access log is `RULE=routed`.
//!
//! # Where it is
//!
//! | file | idea |
//! |---|---|
//! | `config.rs` | what the user writes, as checked types |
//! | `routes.rs` | the rules as they are asked |
//! | `split.rs` | which way of several, and how a client is recognised |
//! | `filter.rs` | the phases |

pub mod config;
pub mod routes;
pub mod split;

mod filter;

pub use filter::HeaderRouting;
