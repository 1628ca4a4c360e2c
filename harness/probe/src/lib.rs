//! A guest that calls every host function as its configuration tells it, in every callback, and logs what came back.
//!
//! It is the same in the harness and in a real Envoy: what the two log is compared line by line
//! (`tamis_harness::conformance`). It stands on the raw ABI, without any SDK, so that nothing comes between the call and the
//! answer; it never judges an answer.
//!
//! | module | idea |
//! |---|---|
//! | `host` | every import, and a call of one by its name |
//! | `program` | the configuration as a list of calls, and what is logged about each |
//! | `guest` | the callbacks |
//!
//! Natively this library is empty.
//!
//! # The program
//!
//! One call in a line: for which stream (a number, from 1 in the order of their coming, or `*`), in which phases (names with
//! commas, or `*`), the function, its arguments:
//!
//! ```text
//! * request_headers,log proxy_get_header_map_value 0 "x-a" @data
//! ```
//!
//! | argument | becomes |
//! |---|---|
//! | `7`, `-1` | a number |
//! | `"text"` | pointer and size; `\xNN` is a byte |
//! | `~9` | pointer and size of that many bytes `a` |
//! | `^"a,b"` | pointer and count of WASI vectors, one for each part |
//! | `@u32`, `@u64` | a pointer that the host writes to; what it wrote is logged |
//! | `@data` | two pointers, for pointer and size; the bytes there are logged |
//! | `#9` | a pointer to that many zeros; what they became is logged |
//! | `!null`, `!end`, `!end-1`, `!max` | a pointer: 0, the end of the memory, one before it, 2^32 - 1 |
//! | `$0` | what the call marked with `>0` got in its first place |
//!
//! The phases are the callbacks' names without `proxy_on_`, and `new_connection`, `downstream_data`, `upstream_data`,
//! `upstream_close` and `downstream_close` for connections. A phase may be narrowed: `request_body@2` is a stream's second visit
//! there, `request_body@end` the one that has the end of the message, `request_body@more` one that has not. The phases `tick` and `http_call_response` belong to the plugin; they are
//! silent unless the program names them, and their calls are those of the last stream.
//!
//! A first line `number-by-path` gives a stream the number that its path ends in, at its request headers; 0 until then. The
//! plugin's own callbacks then have the number of its last stream.
//!
//! Some names are no calls: `return 1` makes the callback return that, `keep 3` puts the context's id where `$3` finds it, and
//! `trap` is the end of the VM.
#![allow(unsafe_code, reason = "the raw ABI is what this crate is about")]

#[cfg(target_arch = "wasm32")]
mod guest;
#[cfg(target_arch = "wasm32")]
mod host;
#[cfg(target_arch = "wasm32")]
mod program;
