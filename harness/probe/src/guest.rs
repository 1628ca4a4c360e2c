//! The callbacks.

use std::cell::{Cell, UnsafeCell};

use crate::{host, program};

/// Where the host puts what it returns: taken anew by every call, whose answer is logged before the next one.
const ARENA: usize = 256 << 10;

thread_local! {
    static MEMORY: UnsafeCell<[u8; ARENA]> = const { UnsafeCell::new([0; ARENA]) };
    static USED: Cell<usize> = const { Cell::new(0) };
}

/// Makes the arena empty again.
pub fn reset_arena() {
    USED.set(0);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Gives 0 when there is no room, which is a case of its own.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: u32) -> u32 {
    let used = USED.get();
    let Some(end) = used.checked_add(size as usize).filter(|end| *end <= ARENA) else { return 0 };
    USED.set(end);
    MEMORY.with(|memory| memory.get() as u32) + used as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, parent: u32) {
    if parent == 0 {
        program::load(id, host::configuration());
        program::run(id, "create_root", &[parent], 0);
    } else {
        program::begin_stream(id, parent);
        program::run(id, "create_stream", &[parent], 0);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(id: u32, size: u32) -> u32 {
    program::run(id, "vm_start", &[size], 1)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(id: u32, _size: u32) -> u32 {
    program::run(id, "configure", &[], 1)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, count: u32, end: u32) -> u32 {
    program::number_stream(id);
    program::run(id, "request_headers", &[count, end], 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, size: u32, end: u32) -> u32 {
    program::run(id, "request_body", &[size, end], 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, count: u32) -> u32 {
    program::run(id, "request_trailers", &[count], 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, count: u32, end: u32) -> u32 {
    program::run(id, "response_headers", &[count, end], 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, size: u32, end: u32) -> u32 {
    program::run(id, "response_body", &[size, end], 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(id: u32, count: u32) -> u32 {
    program::run(id, "response_trailers", &[count], 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_new_connection(id: u32) -> u32 {
    program::run(id, "new_connection", &[], 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_downstream_data(id: u32, size: u32, end: u32) -> u32 {
    program::run(id, "downstream_data", &[size, end], 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_upstream_data(id: u32, size: u32, end: u32) -> u32 {
    program::run(id, "upstream_data", &[size, end], 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_upstream_connection_close(id: u32, peer: u32) {
    program::run(id, "upstream_close", &[peer], 0);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_downstream_connection_close(id: u32, peer: u32) {
    program::run(id, "downstream_close", &[peer], 0);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(id: u32) {
    program::run_root(id, "tick", &[]);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(id: u32, token: u32, headers: u32, body: u32, trailers: u32) {
    program::run_root(id, "http_call_response", &[token, headers, body, trailers]);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(id: u32) {
    program::run(id, "log", &[], 0);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(id: u32) -> u32 {
    program::run(id, "done", &[], 1)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    program::run(id, "delete", &[], 0);
}
