//! What the exports call: which plugin a stream belongs to, what it remembers, how an outcome is performed.
//!
//! Filters do not use this module; the code that [`#[tamis::filter]`](crate::filter) emits does.
//!
//! # Whose stream is it?
//!
//! A VM can hold several plugins (one per configuration), and a stream must see the configuration it was made with. The
//! host says which one only once, in `proxy_on_context_create`. Remembering it costs memory that must be freed, and being
//! told when to free it costs a VM entry per request. So ([`plugins`] and [`streams`]):
//!
//! * While the VM has had **one plugin**, every stream is its own; nothing is stored.
//! * A filter **with state per stream** keeps plugin and state in one map, cleaned in `proxy_on_delete`.
//! * A filter **without** has no `proxy_on_delete`. From the second plugin on it writes the plugin's id into the stream's
//!   own property store, under a name that other VMs cannot guess, and reads it back in later phases: the host frees it
//!   with the stream. In `request_headers`, which directly follows the creation, not even that is needed.
//!
//! A stream whose plugin cannot be told (the host refuses properties) is answered with 500, never served by a guess.

mod brief;
mod describe;
mod exports;
mod http;
mod perform;
mod plugin;
mod plugins;
mod streams;
mod tcp;

pub use describe::{About, describe};
pub use exports::Runtime;
pub use plugin::{Callouts, HttpBodies, Kind, Plugin};
pub(crate) use streams::IdHasher;
