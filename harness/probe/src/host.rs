//! Every function that Envoy offers, and a call of one by its name.

/// Declares imports, and `call`, which looks one up by name and gives it its arguments.
macro_rules! imports {
    ($($module:literal { $($name:ident($($arg:ident: $type:ty),*);)* })*) => {
        $(#[link(wasm_import_module = $module)]
        unsafe extern "C" {
            $(fn $name($($arg: $type),*) -> u32;)*
        })*

        /// Calls a function; nothing when there is none of this name, or an argument is missing.
        pub fn call(name: &str, mut args: impl Iterator<Item = i64>) -> Option<u32> {
            let args = &mut args;
            // SAFETY: the arguments are numbers to this module; the host checks every pointer before it reads or writes, and
            // those that it may write to lie in memory that is set aside for it.
            Some(match name {
                $($(stringify!($name) => {
                    $(let $arg = args.next()? as $type;)*
                    unsafe { $name($($arg),*) }
                })*)*
                "proc_exit" => {
                    unsafe { proc_exit(args.next()? as u32) };
                    0
                }
                "emscripten_notify_memory_growth" => {
                    unsafe { emscripten_notify_memory_growth(args.next()? as u32) };
                    0
                }
                _ => return None,
            })
        }
    };
}

imports! {
    "env" {
        proxy_log(a: u32, b: u32, c: u32);
        proxy_get_log_level(a: u32);
        proxy_get_status(a: u32, b: u32, c: u32);
        proxy_get_current_time_nanoseconds(a: u32);
        proxy_set_tick_period_milliseconds(a: u32);
        proxy_get_property(a: u32, b: u32, c: u32, d: u32);
        proxy_set_property(a: u32, b: u32, c: u32, d: u32);
        proxy_get_header_map_value(a: u32, b: u32, c: u32, d: u32, e: u32);
        proxy_add_header_map_value(a: u32, b: u32, c: u32, d: u32, e: u32);
        proxy_replace_header_map_value(a: u32, b: u32, c: u32, d: u32, e: u32);
        proxy_remove_header_map_value(a: u32, b: u32, c: u32);
        proxy_get_header_map_pairs(a: u32, b: u32, c: u32);
        proxy_set_header_map_pairs(a: u32, b: u32, c: u32);
        proxy_get_header_map_size(a: u32, b: u32);
        proxy_get_buffer_status(a: u32, b: u32, c: u32);
        proxy_get_buffer_bytes(a: u32, b: u32, c: u32, d: u32, e: u32);
        proxy_set_buffer_bytes(a: u32, b: u32, c: u32, d: u32, e: u32);
        proxy_send_local_response(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32);
        proxy_continue_stream(a: u32);
        proxy_close_stream(a: u32);
        proxy_get_shared_data(a: u32, b: u32, c: u32, d: u32, e: u32);
        proxy_set_shared_data(a: u32, b: u32, c: u32, d: u32, e: u32);
        proxy_register_shared_queue(a: u32, b: u32, c: u32);
        proxy_resolve_shared_queue(a: u32, b: u32, c: u32, d: u32, e: u32);
        proxy_enqueue_shared_queue(a: u32, b: u32, c: u32);
        proxy_dequeue_shared_queue(a: u32, b: u32, c: u32);
        proxy_define_metric(a: u32, b: u32, c: u32, d: u32);
        proxy_increment_metric(a: u32, b: i64);
        proxy_record_metric(a: u32, b: u64);
        proxy_get_metric(a: u32, b: u32);
        proxy_http_call(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32, i: u32, j: u32);
        proxy_grpc_call(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32, i: u32, j: u32, k: u32, l: u32);
        proxy_grpc_stream(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32, i: u32);
        proxy_grpc_send(a: u32, b: u32, c: u32, d: u32);
        proxy_grpc_close(a: u32);
        proxy_grpc_cancel(a: u32);
        proxy_set_effective_context(a: u32);
        proxy_done();
        proxy_call_foreign_function(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32);
        pthread_equal(a: u32, b: u32);
        envoy_resolve_dns(a: u32, b: u32, c: u32);
    }
    "wasi_snapshot_preview1" {
        fd_write(a: u32, b: u32, c: u32, d: u32);
        fd_read(a: u32, b: u32, c: u32, d: u32);
        fd_seek(a: u32, b: i64, c: u32, d: u32);
        fd_close(a: u32);
        fd_fdstat_get(a: u32, b: u32);
        fd_fdstat_set_flags(a: u32, b: u32);
        fd_prestat_get(a: u32, b: u32);
        fd_prestat_dir_name(a: u32, b: u32, c: u32);
        path_open(a: u32, b: u32, c: u32, d: u32, e: u32, f: i64, g: i64, h: u32, i: u32);
        environ_get(a: u32, b: u32);
        environ_sizes_get(a: u32, b: u32);
        args_get(a: u32, b: u32);
        args_sizes_get(a: u32, b: u32);
        clock_time_get(a: u32, b: i64, c: u32);
        random_get(a: u32, b: u32);
        sched_yield();
        poll_oneoff(a: u32, b: u32, c: u32, d: u32);
    }
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn proc_exit(code: u32);
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn emscripten_notify_memory_growth(memory: u32);
}

/// Logs a line at info.
pub fn log(line: &str) {
    // SAFETY: pointer and size are those of a string.
    unsafe { proxy_log(2, line.as_ptr() as u32, line.len() as u32) };
}

/// Reads the plugin's configuration; nothing where there is none to be had.
pub fn configuration() -> Option<Vec<u8>> {
    // SAFETY: both pointers lead into memory that is set aside for them.
    given(|at, size| unsafe { proxy_get_buffer_bytes(7, 0, u32::MAX, at, size) })
}

/// The path that the current stream asks for.
pub fn path() -> Option<Vec<u8>> {
    let name = ":path";
    // SAFETY: as above; the name is a string.
    given(|at, size| unsafe { proxy_get_header_map_value(0, name.as_ptr() as u32, name.len() as u32, at, size) })
}

/// Bytes that the host gives: where it writes pointer and size is what `call` gets.
fn given(call: impl FnOnce(u32, u32) -> u32) -> Option<Vec<u8>> {
    crate::guest::reset_arena();
    let out = [0_u32; 2];
    let at = out.as_ptr() as u32;
    if call(at, at + 4) != 0 {
        return None;
    }
    // SAFETY: the host has written both words; what they lead to lies in the arena.
    unsafe {
        let [data, size] = std::ptr::read_volatile(&raw const out);
        (data != 0).then(|| std::slice::from_raw_parts(data as *const u8, size as usize).to_vec())
    }
}
