;; Logs for every request whether the host has `poll_oneoff`, which Envoy has since 1.39 (rule WASI-8).
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "before 1.39") (data (i32.const 16) "since 1.39")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (call $poll (i32.const 64) (i32.const 128) (i32.const 0) (i32.const 256))
      (then (drop (call $log (i32.const 2) (i32.const 0) (i32.const 11))))
      (else (drop (call $log (i32.const 2) (i32.const 16) (i32.const 10)))))
    (i32.const 0)))
