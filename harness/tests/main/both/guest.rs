//! How guests are written.

use std::fmt::Write as _;

/// A guest of ABI 0.2.1: `(call $say_WORD)` logs a word (an underscore in its name is a space in what is logged), and
/// `(call $tell_WORD (i32.const 7))` a word and a number.
pub fn guest(words: &[&str], parts: &str) -> String {
    with_marker("proxy_abi_version_0_2_1", words, parts)
}

pub fn with_marker(marker: &str, words: &[&str], parts: &str) -> String {
    let (imports, rest): (Vec<_>, Vec<_>) = parts.lines().partition(|line| line.trim_start().starts_with("(import"));
    let (imports, rest) = (imports.join("\n"), rest.join("\n"));
    let mut says = String::new();
    let mut at = 4096;
    for word in words {
        let (text, size) = (word.replace('_', " "), word.len());
        let _ = write!(
            says,
            r#"(data (i32.const {at}) "{text}")
               (func $say_{word} (drop (call $log (i32.const 2) (i32.const {at}) (i32.const {size}))))
               (func $tell_{word} (param $number i32)
                   (call $tell (i32.const {at}) (i32.const {size}) (local.get $number)))"#
        );
        at += size;
    }
    format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            {imports}
            (memory (export "memory") 1)
            (func (export "{marker}"))
            (global $free (mut i32) (i32.const 16384))
            (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
                (global.get $free)
                (global.set $free (i32.add (global.get $free) (local.get $size))))
            ;; A word, a space and a number, logged from 3072 on; the digits are written from 3199 down.
            (func $tell (param $at i32) (param $size i32) (param $number i32)
                (local $digit i32)
                (memory.copy (i32.const 3072) (local.get $at) (local.get $size))
                (i32.store8 (i32.add (i32.const 3072) (local.get $size)) (i32.const 32))
                (local.set $digit (i32.const 3200))
                (loop $next
                    (local.set $digit (i32.sub (local.get $digit) (i32.const 1)))
                    (i32.store8 (local.get $digit)
                        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
                    (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
                    (br_if $next (local.get $number)))
                (memory.copy (i32.add (i32.const 3073) (local.get $size)) (local.get $digit)
                    (i32.sub (i32.const 3200) (local.get $digit)))
                (drop (call $log (i32.const 2) (i32.const 3072)
                    (i32.add (i32.add (local.get $size) (i32.const 1)) (i32.sub (i32.const 3200) (local.get $digit))))))
            {says}
            {rest}
        )"#
    )
}

/// A guest that says which callbacks of a stream are called, with a letter in front.
pub fn tracer(letter: &str, on_headers: &str) -> String {
    let names = ["create", "request", "response", "log", "done", "delete"].map(|name| format!("{letter}_{name}"));
    let words = names.iter().map(String::as_str).collect::<Vec<_>>();
    let parts = format!(
        r#"(import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
           (func (export "proxy_on_context_create") (param $id i32) (param $parent i32)
               (if (local.get $parent) (then (call $tell_{letter}_create (local.get $id)))))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (call $say_{letter}_request) {on_headers})
           (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
               (call $say_{letter}_response) (i32.const 0))
           (func (export "proxy_on_log") (param i32) (call $say_{letter}_log))
           (func (export "proxy_on_done") (param i32) (result i32) (call $say_{letter}_done) (i32.const 0))
           (func (export "proxy_on_delete") (param i32) (call $say_{letter}_delete))"#
    );
    guest(&words, &parts)
}
