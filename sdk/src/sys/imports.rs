//! The host's functions as the ABI has them: one table.
//!
//! On wasm32 it becomes the imports, of which a module has only those that something calls. Elsewhere each function hands
//! its arguments to whoever has entered this thread ([`super::native`]), and answers "unimplemented" (12) when nobody has.
#![allow(unsafe_code, reason = "the ABI's own declarations; `calls` wraps each of them")]
#![allow(dead_code, clippy::too_many_arguments, reason = "the table is the whole ABI, as it stands there")]

/// Makes of the table the imports of a module.
#[cfg(target_arch = "wasm32")]
macro_rules! functions {
    ($($module:literal: $(fn $name:ident($($argument:ident: $type:ty),* $(,)?);)*)*) => {$(
        #[link(wasm_import_module = $module)]
        unsafe extern "C" {
            $(pub fn $name($($argument: $type),*) -> u32;)*
        }
    )*};
}

/// Makes of the table a function each, and the list by which a host links them.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! functions {
    ($($module:literal: $(fn $name:ident($($argument:ident: $type:ty),* $(,)?);)*)*) => {
        #[allow(non_camel_case_types, reason = "names of the ABI")]
        enum Number {
            $($($name,)*)*
        }

        /// What a guest imports, by number.
        pub const TABLE: &[Import] = &[
            $($(Import { module: $module, name: stringify!($name), parameters: &[$(<$type as Word>::LETTER),*] },)*)*
        ];

        $($(
            pub unsafe fn $name($($argument: $type),*) -> u32 {
                call(Number::$name as u32, &[$($argument.word()),*])
            }
        )*)*
    };
}

#[cfg(not(target_arch = "wasm32"))]
use super::native::{Import, Word, call};

functions! {
    "env":

    // The log, time, the VM.
    fn proxy_log(level: u32, message: *const u8, size: usize);
    fn proxy_get_log_level(level: *mut u32);
    fn proxy_get_current_time_nanoseconds(time: *mut u64);
    fn proxy_get_status(code: *mut u32, message: *mut *mut u8, size: *mut usize);
    fn proxy_set_effective_context(context: u32);
    fn proxy_set_tick_period_milliseconds(period: u32);
    fn proxy_done();

    // Header maps and buffers.
    fn proxy_get_header_map_value(
        map: u32, key: *const u8, key_size: usize, value: *mut *mut u8, value_size: *mut usize,
    );
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize);
    fn proxy_get_header_map_size(map: u32, size: *mut u32);
    fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize);
    fn proxy_add_header_map_value(
        map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize,
    );
    fn proxy_replace_header_map_value(
        map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize,
    );
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize);
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize);
    fn proxy_get_buffer_status(buffer: u32, length: *mut usize, flags: *mut u32);
    fn proxy_set_buffer_bytes(buffer: u32, start: usize, length: usize, data: *const u8, size: usize);

    // The stream.
    fn proxy_send_local_response(
        status: u32, details: *const u8, details_size: usize, body: *const u8, body_size: usize,
        headers: *const u8, headers_size: usize, grpc_status: i32,
    );
    fn proxy_continue_stream(stream: u32);
    fn proxy_close_stream(stream: u32);

    // Properties, shared data, queues, metrics.
    fn proxy_get_property(path: *const u8, size: usize, value: *mut *mut u8, value_size: *mut usize);
    fn proxy_set_property(path: *const u8, size: usize, value: *const u8, value_size: usize);
    fn proxy_get_shared_data(
        key: *const u8, key_size: usize, value: *mut *mut u8, value_size: *mut usize, version: *mut u32,
    );
    fn proxy_set_shared_data(
        key: *const u8, key_size: usize, value: *const u8, value_size: usize, version: u32,
    );
    fn proxy_register_shared_queue(name: *const u8, size: usize, token: *mut u32);
    fn proxy_resolve_shared_queue(
        vm: *const u8, vm_size: usize, name: *const u8, name_size: usize, token: *mut u32,
    );
    fn proxy_enqueue_shared_queue(token: u32, data: *const u8, size: usize);
    fn proxy_dequeue_shared_queue(token: u32, data: *mut *mut u8, size: *mut usize);
    fn proxy_define_metric(kind: u32, name: *const u8, size: usize, metric: *mut u32);
    fn proxy_increment_metric(metric: u32, offset: i64);
    fn proxy_record_metric(metric: u32, value: u64);
    fn proxy_get_metric(metric: u32, value: *mut u64);

    // Requests of the guest's own.
    fn proxy_http_call(
        cluster: *const u8, cluster_size: usize, headers: *const u8, headers_size: usize,
        body: *const u8, body_size: usize, trailers: *const u8, trailers_size: usize,
        timeout_milliseconds: u32, token: *mut u32,
    );
    fn proxy_grpc_call(
        target: *const u8, target_size: usize, service: *const u8, service_size: usize,
        method: *const u8, method_size: usize, metadata: *const u8, metadata_size: usize,
        message: *const u8, message_size: usize, timeout_milliseconds: u32, token: *mut u32,
    );
    fn proxy_grpc_stream(
        target: *const u8, target_size: usize, service: *const u8, service_size: usize,
        method: *const u8, method_size: usize, metadata: *const u8, metadata_size: usize, token: *mut u32,
    );
    fn proxy_grpc_send(token: u32, message: *const u8, size: usize, end: u32);
    fn proxy_grpc_close(token: u32);
    fn proxy_grpc_cancel(token: u32);
    fn proxy_call_foreign_function(
        name: *const u8, name_size: usize, argument: *const u8, argument_size: usize,
        result: *mut *mut u8, result_size: *mut usize,
    );

    // What the ABI itself does not have: these answer with an error number of WASI.
    "wasi_snapshot_preview1":
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64);
    fn environ_sizes_get(count: *mut usize, bytes: *mut usize);
    fn environ_get(variables: *mut *mut u8, bytes: *mut u8);
    fn random_get(buffer: *mut u8, size: usize);
}
