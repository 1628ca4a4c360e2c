//! Limits how many requests pass, in one proxy: exactly, by whatever a request says of itself, in bounded memory.
//!
//! ```yaml
//! rules:
//!   - name: items
//!     match: { paths: [{ prefix: /items }] }
//!     limits: [{ requests: 1, per: minute, algorithm: fixed_window }]
//!     tiers:
//!       - { name: gold,   match: { headers: { x-loyalty: { exact: gold } } },   limits: [{ requests: 10, per: minute, algorithm: fixed_window }] }
//!       - { name: silver, match: { headers: { x-loyalty: { exact: silver } } }, limits: [{ requests: 5, per: minute, algorithm: fixed_window }] }
//!   - name: per-client
//!     key: [{ source_address: {} }]
//!     limits: [{ requests: 100, per: second }, { requests: 1000, per: hour }]
//! ```
//!
//! # What is promised
//!
//! For each key of each rule, in one Envoy process (a hot restart is two), whatever its workers do at the same time:
//!
//! * With `gcra`, in any interval `t` at most `burst + requests · t / per` are admitted; with `fixed_window`, at most `requests`
//!   in each window. With a `lease`, at most `workers · lease` more.
//! * A request that is refused is charged to no rule. One that is admitted is charged to each.
//! * When workers change the same counter at the same moment, one of them tries again, at most
//!   [`MAX_TRIES`](limiter::MAX_TRIES) times; then the request is refused and counted as `contended`. It is never let through.
//! * Memory has a bound whatever clients send: a rule has at most `max_keys / 4` shared values of at most 256 bytes and their names. A key that
//!   finds no place is limited together with all others that find none: a million new keys gain nothing.
//! * Counters outlive a new configuration and more workers, as long as the `vm_id` stays. A new `vm_id` starts with empty limits,
//!   and says so in the log.
//!
//! # What it tells
//!
//! `ratelimit.rule.RULE.action.ACTION` counts what a rule did: `allowed`, `limited`, `shadow_limited`, `overflow` (the key had no
//! place), `contended` (others were faster every time), `refunded`. `%FILTER_STATE(wasm.ratelimit:PLAIN)%` in an access log
//! is `RULE=limited` for each rule that refused the request.
//!
//! # Where it is
//!
//! | file | idea |
//! |---|---|
//! | `config.rs` | what the user writes, as checked types |
//! | `window.rs` | one limit, and the eight bytes that say how much of it is used |
//! | `set.rs` | one shared value: the counters of up to eight keys |
//! | `key.rs` | whose counter a request is counted on |
//! | `limiter.rs` | check all, then charge all, or none |
//! | `lease.rs` | what a worker takes ahead |
//! | `origin.rs` | the secret and the clock that all workers agree on |
//! | `rule.rs` | what a request asks of a rule |
//! | `fields.rs` | what clients are told |
//! | `note.rs` | what a request leaves for its response |
//! | `filter/cells.rs` | a rule's shared values at the proxy |
//! | `filter.rs` | the phases |

pub mod config;
pub mod fields;
pub mod key;
pub mod lease;
pub mod limiter;
pub mod note;
pub mod origin;
pub mod rule;
pub mod set;
pub mod window;

mod filter;

pub use filter::LocalRateLimit;
