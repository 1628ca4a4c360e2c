//! The ABI, Proxy-Wasm 0.2.1: the only module with `unsafe`, and the smallest that can be.
//!
//! * [`calls`](self) wrap the host's functions: slices in, `Result` out. A status word is a number ([`Status`]); one that
//!   nobody has heard of is a value like any other, never undefined behaviour and never a panic.
//! * What the host returns in a buffer, it put there by calling the module's `proxy_on_memory_allocate`; that memory is
//!   then ours, as a `Vec` (rule `MEM-2`).
//! * The exports themselves are emitted by [`#[tamis::filter]`](crate::filter) and call [`crate::runtime`].
//!
//! On other targets than wasm32 the host is whoever enters the filter natively; where nobody has, every call answers
//! [`Status::UNIMPLEMENTED`].

#[cfg(not(target_arch = "wasm32"))]
mod border;
mod calls;
#[cfg(any(test, all(target_arch = "wasm32", feature = "allocator")))]
mod heap;
mod imports;
mod memory;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod native;
mod status;

pub(crate) use calls::{GRPC_MESSAGE, HTTP_CALL_BODY, PLUGIN_CONFIGURATION, VM_CONFIGURATION};
pub use calls::{
    GrpcParts, HttpCallParts, LogLevel, MapType, MetricType, StreamType, add_header, buffer, call_status, close_stream,
    continue_stream, define_metric, dequeue, enqueue, environment, fill_random, finished, foreign_function, grpc_call,
    grpc_cancel, grpc_close, grpc_send, grpc_stream, header_map_pairs, http_call, increment_metric, log, metric,
    monotonic_nanoseconds, property, random_u64, record_metric, register_queue, remove_header, replace_header,
    resolve_queue, send_local_response, set_buffer, set_effective_context, set_property, set_shared_data,
    set_tick_period, shared_data, wall_nanoseconds,
};
pub use memory::{allocate, leak_for_host};
pub use status::{HostError, Status};
