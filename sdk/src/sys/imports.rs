//! The host's functions as the ABI has them. Only those that something calls end up as imports of a module.
#![allow(unsafe_code, reason = "the ABI's own declarations; `calls` wraps each of them")]

#[cfg(target_arch = "wasm32")]
mod host {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
        pub fn proxy_get_property(path: *const u8, size: usize, value: *mut *mut u8, value_size: *mut usize) -> u32;
        pub fn proxy_set_property(path: *const u8, size: usize, value: *const u8, value_size: usize) -> u32;
        pub fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            max: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
        pub fn proxy_replace_header_map_value(
            map: u32,
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub fn proxy_add_header_map_value(
            map: u32,
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
        pub fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
    }

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub fn random_get(buffer: *mut u8, size: usize) -> u32;
    }
}

/// Off wasm32 there is no host to link against: every function exists and answers "unimplemented".
#[cfg(not(target_arch = "wasm32"))]
mod host {
    #![allow(clippy::too_many_arguments, clippy::missing_safety_doc, reason = "the ABI's signatures")]

    macro_rules! absent {
        ($($name:ident($($argument:ident: $type:ty),*);)*) => {
            $(pub unsafe fn $name($($argument: $type),*) -> u32 {
                $(let _ = $argument;)*
                12
            })*
        };
    }

    absent! {
        proxy_log(level: u32, message: *const u8, size: usize);
        proxy_get_property(path: *const u8, size: usize, value: *mut *mut u8, value_size: *mut usize);
        proxy_set_property(path: *const u8, size: usize, value: *const u8, value_size: usize);
        proxy_get_buffer_bytes(buffer: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize);
        proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize);
        proxy_replace_header_map_value(
            map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize
        );
        proxy_add_header_map_value(map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize);
        proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize);
        proxy_send_local_response(
            status: u32, details: *const u8, details_size: usize, body: *const u8, body_size: usize,
            headers: *const u8, headers_size: usize, grpc_status: i32
        );
        random_get(buffer: *mut u8, size: usize);
    }
}

pub(super) use host::*;
