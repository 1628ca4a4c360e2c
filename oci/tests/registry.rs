//! A real registry, a client written by others, and registries that misbehave.

mod guarded;
mod misbehaving;
mod patience;
mod real;
