//! Host calls: slices in, `Result` out. A file per group; what they share is here.
#![allow(
    unsafe_code,
    reason = "every block passes pointers and sizes of live slices, or of locals for the results; the host checks each \
              range against the module's memory (rule MEM-1) and writes only results"
)]

mod callouts;
mod headers;
mod queues;
mod root;
mod shared;
mod stream;
mod time;

use std::ptr;

pub(crate) use callouts::{GRPC_MESSAGE, HTTP_CALL_BODY};
pub use callouts::{
    GrpcParts, HttpCallParts, call_status, grpc_call, grpc_cancel, grpc_close, grpc_send, grpc_stream, http_call,
};
pub use headers::{MapType, add_header, header_map_pairs, remove_header, replace_header};
pub use queues::{dequeue, enqueue, foreign_function, register_queue, resolve_queue};
pub use root::{
    LogLevel, environment, fill_random, finished, log, property, random_u64, set_effective_context, set_property,
};
pub(crate) use root::{PLUGIN_CONFIGURATION, VM_CONFIGURATION};
pub use shared::{MetricType, define_metric, increment_metric, metric, record_metric, set_shared_data, shared_data};
pub use stream::{StreamType, buffer, close_stream, continue_stream, send_local_response, set_buffer};
pub use time::{monotonic_nanoseconds, set_tick_period, wall_nanoseconds};

use super::memory::from_host;
use super::{HostError, Status};

/// Makes a call whose result the host puts into memory that it asks us for.
fn returning(function: &'static str, call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, HostError> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    done(function, call(&raw mut data, &raw mut size))?;
    // SAFETY: the host answered "ok", so it got `data` from `proxy_on_memory_allocate` and filled `size` bytes.
    Ok(unsafe { from_host(data, size) })
}

fn done(function: &'static str, word: u32) -> Result<(), HostError> {
    match Status::from_word(word) {
        Status::OK => Ok(()),
        status => Err(HostError::new(function, status)),
    }
}
