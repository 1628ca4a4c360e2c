;; Holds every request until the cluster `auth` has answered GET /check: 200 lets it go on, any other status is a 403, no
;; response at all a 502. Logs `asked` and `answered`. It waits for 200 ms.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call"
    (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $about (param i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "auth")
  (data (i32.const 8)
    "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\06\00\00\00\0a\00\00\00\04\00\00\00"
    ":method\00GET\00:path\00/check\00:authority\00auth\00")
  (data (i32.const 96) "asked")
  (data (i32.const 104) "answered")
  (data (i32.const 112) ":status")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  ;; Streams are remembered at 4096, by the token of their callout.
  (func (export "proxy_on_request_headers") (param $stream i32) (param i32 i32) (result i32)
    (if (call $call (i32.const 0) (i32.const 4) (i32.const 8) (i32.const 69) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 200) (i32.const 128))
      (then (return (i32.const 0))))
    (i32.store (i32.add (i32.const 4096) (i32.load (i32.const 128))) (local.get $stream))
    (drop (call $log (i32.const 2) (i32.const 96) (i32.const 5)))
    (i32.const 1))
  (func (export "proxy_on_http_call_response") (param i32) (param $token i32) (param $headers i32) (param i32 i32)
    (drop (call $log (i32.const 2) (i32.const 104) (i32.const 8)))
    (if (i32.eqz (local.get $headers)) (then
      (drop (call $about (i32.load (i32.add (i32.const 4096) (local.get $token)))))
      (drop (call $reply (i32.const 502) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const -1)))
      (return)))
    (drop (call $header (i32.const 6) (i32.const 112) (i32.const 7) (i32.const 132) (i32.const 136)))
    (drop (call $about (i32.load (i32.add (i32.const 4096) (local.get $token)))))
    (if (i32.eq (i32.load8_u (i32.load (i32.const 132))) (i32.const 50))
      (then (drop (call $continue (i32.const 0))))
      (else (drop (call $reply (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const -1)))))))
