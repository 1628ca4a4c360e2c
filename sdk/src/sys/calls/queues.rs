//! Shared queues, and the host's foreign functions.

use super::{done, returning};
use crate::sys::{HostError, Status, imports};

/// Makes the plugin, on this thread, the consumer of its VM's queue of this name; what is in it stays (rule `SQ-1`).
///
/// # Errors
///
/// [`HostError`] when the host refuses it.
pub fn register_queue(name: &[u8]) -> Result<u32, HostError> {
    let mut token = 0;
    done("proxy_register_shared_queue", unsafe {
        imports::proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut token)
    })?;
    Ok(token)
}

/// The queue of this name that a VM with this `vm_id` has registered; an empty one means one's own (rule `SQ-2`).
///
/// # Errors
///
/// [`HostError`] for any status but "ok" and "not found".
pub fn resolve_queue(vm_id: &[u8], name: &[u8]) -> Result<Option<u32>, HostError> {
    let mut token = 0;
    let result = done("proxy_resolve_shared_queue", unsafe {
        imports::proxy_resolve_shared_queue(vm_id.as_ptr(), vm_id.len(), name.as_ptr(), name.len(), &raw mut token)
    });
    match result {
        Err(error) if error.status() == Status::NOT_FOUND => Ok(None),
        result => result.map(|()| Some(token)),
    }
}

/// Puts something at the end of a queue (rule `SQ-3`).
///
/// # Errors
///
/// [`HostError`]; [`Status::NOT_FOUND`] when there is no such queue.
pub fn enqueue(token: u32, item: &[u8]) -> Result<(), HostError> {
    done("proxy_enqueue_shared_queue", unsafe { imports::proxy_enqueue_shared_queue(token, item.as_ptr(), item.len()) })
}

/// Takes what is first in a queue; nothing when it is empty (rule `SQ-2`).
///
/// # Errors
///
/// [`HostError`] for any status but "ok" and "empty".
pub fn dequeue(token: u32) -> Result<Option<Vec<u8>>, HostError> {
    let result = returning("proxy_dequeue_shared_queue", |data, size| unsafe {
        imports::proxy_dequeue_shared_queue(token, data, size)
    });
    match result {
        Err(error) if error.status() == Status::EMPTY => Ok(None),
        result => result.map(Some),
    }
}

/// Calls a function that the host has besides its ABI (rule `FF-1`).
///
/// # Errors
///
/// [`HostError`]; [`Status::NOT_FOUND`] when there is none of this name.
pub fn foreign_function(name: &[u8], argument: &[u8]) -> Result<Vec<u8>, HostError> {
    returning("proxy_call_foreign_function", |data, size| unsafe {
        imports::proxy_call_foreign_function(name.as_ptr(), name.len(), argument.as_ptr(), argument.len(), data, size)
    })
}
