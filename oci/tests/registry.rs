//! A real registry, a client written by others, and registries that misbehave.

mod guarded;
mod misbehaving;
mod patience;
mod real;
mod referrers;

pub use guarded::service as token_service;
pub use real::{HTPASSWD, PASSWORD, USER};
