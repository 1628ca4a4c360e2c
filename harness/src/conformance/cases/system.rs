//! Logs (rules LOG-1, LOG-2), status (LOG-3), contexts (LIFE-7, LIFE-13), WASI (WASI-1 and WASI-2, WASI-3, WASI-4, WASI-5,
//! WASI-6, WASI-7, WASI-8).

use super::{BAD_BYTES, BAD_OUT, each, lines};

pub(super) fn log() -> Vec<String> {
    let mut calls = each("proxy_log {} \"text\"", &[0, 1, 2, 3, 4, 5, 6, 7, -1]);
    calls.extend(each("proxy_log 2 {}", &BAD_BYTES));
    calls.extend(each("proxy_log 9 {}", &BAD_BYTES));
    calls.extend(lines(&[
        "proxy_log 2 \"\"",
        "proxy_log 2 !end 0",
        "proxy_log 2 \"two\\x0alines\"",
        "proxy_log 2 \"a tab\\x09 and a colon: here\"",
        "proxy_log 3 ~3000",
    ]));
    calls
}

pub(super) fn basics() -> Vec<String> {
    let mut calls = lines(&[
        "proxy_get_log_level @u32",
        "proxy_get_status @u32 @data",
        "proxy_get_status @u32 !null !null",
        "proxy_get_status !end-1 @data",
        "proxy_get_current_time_nanoseconds @u64",
        "proxy_set_tick_period_milliseconds 0",
        "proxy_set_tick_period_milliseconds 1000000",
        "proxy_set_tick_period_milliseconds 2147483647",
        "proxy_set_tick_period_milliseconds 0",
        "pthread_equal 1 1",
        "pthread_equal 1 2",
        "emscripten_notify_memory_growth 0",
        "proxy_done",
    ]);
    calls.extend(each("proxy_get_log_level {}", &BAD_OUT));
    calls.extend(each("proxy_get_status {} @data", &BAD_OUT));
    calls.extend(each("proxy_get_status @u32 {} @u32", &BAD_OUT));
    calls.extend(each("proxy_get_status @u32 @u32 {}", &BAD_OUT));
    calls.extend(each("proxy_get_current_time_nanoseconds {}", &BAD_OUT));
    calls
}

/// The plugin is context 1, the first stream 2.
pub(super) fn context() -> Vec<String> {
    let mut calls = Vec::new();
    for id in [99, -1, 1, 2, 3, 1] {
        calls.push(format!("proxy_set_effective_context {id}"));
        calls.extend(lines(&[
            "proxy_get_header_map_value 0 \":path\" @data",
            "proxy_get_header_map_value 2 \":status\" @data",
            "proxy_get_header_map_pairs 1 @data",
            "proxy_get_header_map_size 0 @u32",
            "proxy_add_header_map_value 0 \"x-e\" \"1\"",
            "proxy_get_buffer_bytes 0 0 -1 @data",
            "proxy_get_buffer_status 1 @u32 @u32",
            "proxy_get_buffer_status 7 @u32 @u32",
            "proxy_get_property \"plugin_name\" @data",
            "proxy_get_property \"request\\x00protocol\" @data",
            "proxy_get_property \"request\\x00path\" @data",
            "proxy_set_property \"e\" \"1\"",
            "proxy_get_property \"e\" @data",
            "proxy_log 2 \"who\"",
            "proxy_done",
        ]));
    }
    calls
}

pub(super) fn wasi() -> Vec<String> {
    let mut calls = lines(&[
        "fd_write 1 ^\"out\" #4",
        "fd_write 2 ^\"error\" #4",
        "fd_write 0 ^\"in\" #4",
        "fd_write 3 ^\"x\" #4",
        "fd_write -1 ^\"x\" #4",
        "fd_write 1 ^\"two,parts\" #4",
        "fd_write 1 ^\"\" #4",
        "fd_write 1 ^\",,\" #4",
        "fd_write 1 ^\"newline\\x0a\" #4",
        "fd_write 1 ^\"\\x0a\" #4",
        "fd_write 1 ^\"newlines\\x0a\\x0a\" #4",
        "fd_write 1 !null 0 #4",
        "fd_write 1 !end 0 #4",
        "fd_write 1 !end-1 1 #4",
        "fd_write 1 !max 1 #4",
        "fd_write 1 #8 1 !end",
        "fd_write 1 #8 536870912 #4",
        "fd_write 9 !max 1 !max",
        "fd_read 0 ^\"x\" #4",
        "fd_read 1 !max 1 !max",
        "fd_seek 1 0 0 #8",
        "fd_seek 9 -1 9 !max",
        "fd_close 1",
        "fd_close 99",
        "fd_fdstat_get 0 #24",
        "fd_fdstat_get 1 #24",
        "fd_fdstat_get 2 #24",
        "fd_fdstat_get 3 #24",
        "fd_fdstat_get 1 !end-1",
        "fd_fdstat_set_flags 1 0",
        "fd_prestat_get 3 #8",
        "fd_prestat_get 3 !max",
        "fd_prestat_dir_name 3 #8 8",
        "path_open 3 0 \"file\" 0 0 0 0 #4",
        "path_open 3 0 !max 1 0 0 0 0 !max",
        "environ_sizes_get #4 #4",
        "environ_sizes_get !end #4",
        "environ_sizes_get #4 !max",
        "environ_get #8 #8",
        "environ_get !max !max",
        "args_sizes_get #4 #4",
        "args_sizes_get !end #4",
        "args_sizes_get #4 !end-1",
        "args_get #8 #8",
        "args_get !max !max",
        "clock_time_get 0 0 @u64",
        "clock_time_get 1 0 @u64",
        "clock_time_get 2 0 @u64",
        "clock_time_get 3 0 @u64",
        "clock_time_get -1 0 @u64",
        "clock_time_get 0 0 !end-1",
        "clock_time_get 2 0 !max",
        "random_get #0 0",
        "random_get #16 16",
        "random_get #8 65536",
        "random_get #8 65537",
        "random_get !end 0",
        "random_get !max 0",
        "random_get !end 1",
        "random_get !max 65537",
        "sched_yield",
        "poll_oneoff !null !null 0 #4",
        "poll_oneoff !null !null 1 #4",
        "poll_oneoff !null !null 1 !end",
        "proc_exit 0",
        "proc_exit 1",
    ]);
    // Envoy's own.
    calls.extend(each("envoy_resolve_dns {} @u32", &BAD_BYTES));
    calls.extend(each("envoy_resolve_dns \"localhost\" {}", &BAD_OUT));
    calls
}
