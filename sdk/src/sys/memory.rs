//! Memory that crosses the border between host and module.

use std::alloc::Layout;

/// The module's heap. Rust's own allocator for wasm has more code than the rest of a small filter.
#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
#[global_allocator]
static HEAP: super::heap::Heap<talc::wasm::WasmDynamicTalc> =
    super::heap::Heap::new(talc::wasm::new_wasm_dynamic_allocator());

/// Allocates `size` bytes for the host to fill: what the export `proxy_on_memory_allocate` does.
///
/// Returns null when there is no memory left or nothing is asked for; the host then gives its own call up (rule `MEM-2`).
#[must_use]
#[allow(unsafe_code, reason = "the ABI's allocator: the memory goes to the host and comes back through `from_host`")]
pub fn allocate(size: usize) -> *mut u8 {
    match Layout::from_size_align(size, 1) {
        // SAFETY: the layout's size is not zero.
        Ok(layout) if size > 0 => unsafe { std::alloc::alloc(layout) },
        _ => std::ptr::null_mut(),
    }
}

/// Takes over what the host put into memory that it got from [`allocate`].
///
/// An empty result comes with a null pointer (rule `MEM-2`).
///
/// # Safety
///
/// `data` is null, or was returned by [`allocate`] for `size` bytes, which the host has filled, and is taken over once.
#[allow(unsafe_code, reason = "the other half of `allocate`")]
pub(super) unsafe fn from_host(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: the caller's promise; `allocate` used the global allocator with this size and alignment 1.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

/// Gives bytes to the host for as long as the module lives: pointer in the high, size in the low half of the word.
///
/// Only the description that a build reads leaves a module this way; a module in a proxy has no such export.
#[must_use]
#[allow(clippy::cast_possible_wrap, reason = "a word of bits")]
pub fn leak_for_host(bytes: Vec<u8>) -> i64 {
    let bytes = bytes.leak();
    let pointer = bytes.as_ptr().expose_provenance() as u64;
    ((pointer << 32) | (bytes.len() as u64 & 0xffff_ffff)) as i64
}
