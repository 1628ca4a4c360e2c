//! Buffers: every one at every start and length (rules BUF-1, BUF-2, BUF-3, BUF-4, BUF-5, BUF-8), in every phase, so also where
//! the configurations can be read (CFG-2).

use super::{BAD_BYTES, BAD_OUT, cross, each};

/// Every buffer, and numbers that are none.
const BUFFERS: [i64; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255, -1];

pub(super) fn buffer_status() -> Vec<String> {
    let mut calls = each("proxy_get_buffer_status {} @u32 @u32", &BUFFERS);
    calls.extend(cross("proxy_get_buffer_status {0} {1} @u32", &BUFFERS, &BAD_OUT));
    calls.extend(cross("proxy_get_buffer_status {0} @u32 {1}", &[0, 1, 4, 7, 9], &BAD_OUT));
    calls
}

pub(super) fn buffer_bytes() -> Vec<String> {
    let ranges = [
        "0 -1", "0 0", "0 5", "3 4", "0 12", "0 13", "12 1", "13 1", "14 1", "100000 1", "-1 0", "-1 1", "1 -1",
        "-1 -1",
    ];
    let mut calls = cross("proxy_get_buffer_bytes {0} {1} @data", &BUFFERS, &ranges);
    calls.extend(cross("proxy_get_buffer_bytes {0} 0 5 {1} @u32", &[0, 1, 2, 4, 6, 7, 9], &BAD_OUT));
    calls.extend(cross("proxy_get_buffer_bytes {0} 0 5 @u32 {1}", &[0, 1, 2, 4, 6, 7, 9], &BAD_OUT));
    calls
}

pub(super) fn buffer_set() -> Vec<String> {
    let ranges = ["0 0", "0 2", "1 0", "3 2", "5 -1", "10000 0", "-1 0", "-1 -1", "0 100", "0 -1", "0 0", "1 1", "4 1"];
    let mut calls = Vec::new();
    for buffer in BUFFERS {
        for range in ranges {
            calls.push(format!("proxy_set_buffer_bytes {buffer} {range} \"new\""));
            if matches!(buffer, 0 | 1) {
                calls.push(format!("proxy_get_buffer_bytes {buffer} 0 -1 @data"));
            }
        }
        calls.push(format!("proxy_set_buffer_bytes {buffer} 0 1 \"\""));
        calls.push(format!("proxy_get_buffer_status {buffer} @u32 @u32"));
    }
    calls
}

pub(super) fn buffer_set_bad() -> Vec<String> {
    let mut calls = cross("proxy_set_buffer_bytes {0} 0 0 {1}", &BUFFERS, &BAD_BYTES);
    calls.extend(cross("proxy_set_buffer_bytes {0} 0 -1 {1}", &[0, 1], &["\"\"", "~100000"]));
    calls.extend(each("proxy_get_buffer_bytes {} 0 -1 @data", &[0, 1]));
    calls
}
