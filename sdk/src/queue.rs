//! Queues between plugins, also of different modules and on different threads.
//!
//! One plugin registers a queue and is its consumer: its phase [`queue_ready`](crate::Filter::queue_ready) runs when there
//! is something. Others find it by the consumer's `vm_id` and the queue's name, and put something in.
//!
//! ```
//! use tamis::queue::Queue;
//! use tamis::{ConfigError, Filter, NoConfig, PluginContext};
//!
//! struct Collect;
//!
//! #[tamis::filter]
//! impl Filter for Collect {
//!     fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
//!         let queue = Queue::register("events").map_err(|error| ConfigError::new("", error.to_string()))?;
//!         # let _ = queue;
//!         Ok(Self)
//!     }
//!
//!     fn queue_ready(&self, _: &PluginContext, queue: &Queue) {
//!         while let Ok(Some(event)) = queue.dequeue() {
//!             tamis::log::info(format_args!("an event of {} bytes", event.len()));
//!         }
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! The proxy has **one consumer** for a queue: the last that has registered it, on whichever thread. Every worker's VM registers
//! it, and the main thread's, so it is not known which of them it is (rule `SQ-1`); what it does must not depend on that.
//! The phase runs once for each item, also for one that was taken by then (rule `SQ-3`): take all that there is, and expect
//! nothing.
//!
//! The proxy bounds neither a queue nor an item, and keeps both until they are taken. Put in what is taken out, and nothing
//! whose number or size a client chooses.

use crate::sys::{self, HostError};

/// A queue of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Queue(u32);

impl Queue {
    /// The queue of this name of the plugin's own `vm_id`, with this plugin as its consumer. What is in it stays.
    ///
    /// Names are shared by all plugins of that `vm_id`, so begin them with what is the filter's own.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn register(name: impl AsRef<[u8]>) -> Result<Self, HostError> {
        sys::register_queue(name.as_ref()).map(Self)
    }

    /// The queue of this name that a plugin with this `vm_id` has registered; an empty `vm_id` is this plugin's own. Nothing
    /// when nobody has yet: ask again later.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn find(vm_id: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> Result<Option<Self>, HostError> {
        Ok(sys::resolve_queue(vm_id.as_ref(), name.as_ref())?.map(Self))
    }

    /// Puts an item at its end. Its consumer is told later.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it; "not found" when the queue has gone with its VMs.
    pub fn enqueue(&self, item: impl AsRef<[u8]>) -> Result<(), HostError> {
        sys::enqueue(self.0, item.as_ref())
    }

    /// Takes its first item; nothing when it is empty.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it; "not found" when the queue has gone with its VMs.
    pub fn dequeue(&self) -> Result<Option<Vec<u8>>, HostError> {
        sys::dequeue(self.0)
    }

    pub(crate) const fn from_token(token: u32) -> Self {
        Self(token)
    }
}
