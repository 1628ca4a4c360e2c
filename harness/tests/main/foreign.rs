//! Envoy's foreign functions: what they answer in the harness, and in every real Envoy that is installed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tamis_harness::context::{Attributes, LogLevel, Plugin, Process};
use tamis_harness::envoy::{EnvoyBinary, find_or_skip};
use tamis_harness::stream::{Direction, Frame, Options, Proxy};
use tamis_module::gate::EnvoyVersion;

use crate::both::guest::guest;
use crate::loading::{Setting, VERSIONS, spec};

/// A call: what it shows, the function's name, its argument.
type Call = (&'static str, &'static str, Vec<u8>);

const TEXT: &[u8] = b"the text";
const RSA: (&[u8], &[u8]) = (include_bytes!("foreign/rsa.public.der"), include_bytes!("foreign/rsa.private.der"));
const EC: (&[u8], &[u8]) = (include_bytes!("foreign/ec.public.der"), include_bytes!("foreign/ec.private.der"));

/// What the harness has not, and what it answers (rules FF-3, FF-4).
const LEFT_OUT: [(&str, &str); 11] = [
    ("rsa sha224", "status 12 "),
    ("ec sha1", "status 12 "),
    ("ec sha512", "status 12 "),
    ("sign rsa sha1", "status 12 "),
    ("sign rsa sha224", "status 12 "),
    ("create", "status 2 "),
    ("create sum", "status 2 "),
    ("create unknown name", "status 2 "),
    ("evaluate 0", "status 1 "),
    ("evaluate 1", "status 1 "),
    ("evaluate 2", "status 1 "),
];

fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (number, bytes) in fields {
        wire.push(number << 3 | 2);
        let mut size = bytes.len();
        while size > 127 {
            wire.push((size & 127 | 128) as u8);
            size >>= 7;
        }
        wire.push(size as u8);
        wire.extend_from_slice(bytes);
    }
    wire
}

fn pem(kind: &str, der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    format!("-----BEGIN {kind} KEY-----\n{}-----END {kind} KEY-----\n", lines.collect::<String>()).into_bytes()
}

fn calls() -> Vec<Call> {
    let verify = |what, hash: &str, key: &[u8], signature: &[u8]| -> Call {
        (what, "verify_signature", message(&[(1, hash.as_bytes()), (2, key), (3, signature), (4, TEXT)]))
    };
    let sign = |what, hash: &str, key: &[u8]| -> Call {
        (what, "sign", message(&[(1, hash.as_bytes()), (2, key), (3, TEXT)]))
    };
    let state = |what, path: &str, value: &str| -> Call {
        (what, "set_envoy_filter_state", message(&[(1, path.as_bytes()), (2, value.as_bytes())]))
    };
    macro_rules! sig {
        ($name:literal) => {
            include_bytes!(concat!("foreign/", $name, ".sig")).as_slice()
        };
    }
    let rsa = sig!("rsa.sha256");
    vec![
        verify("rsa sha1", "sha1", RSA.0, sig!("rsa.sha1")),
        verify("rsa sha224", "sha224", RSA.0, sig!("rsa.sha224")),
        verify("rsa sha256", "sha256", RSA.0, rsa),
        verify("rsa sha384", "sha384", RSA.0, sig!("rsa.sha384")),
        verify("rsa sha512", "sha512", RSA.0, sig!("rsa.sha512")),
        verify("ec sha1", "sha1", EC.0, sig!("ec.sha1")),
        verify("ec sha256", "sha256", EC.0, sig!("ec.sha256")),
        verify("ec sha384", "sha384", EC.0, sig!("ec.sha384")),
        verify("ec sha512", "sha512", EC.0, sig!("ec.sha512")),
        verify("upper case", "SHA256", RSA.0, rsa),
        verify("another hash", "sha512", RSA.0, rsa),
        verify("another key", "sha256", EC.0, rsa),
        verify("an unknown hash", "md5", RSA.0, rsa),
        verify("an unknown hash in upper case", "MD5", RSA.0, rsa),
        verify("an unknown hash and no real key", "md5", b"x", rsa),
        verify("no hash", "", RSA.0, rsa),
        verify("a cut key", "sha256", &RSA.0[..200], rsa),
        verify("a key and more", "sha256", &[RSA.0, b"x"].concat(), rsa),
        verify("no key", "sha256", b"", rsa),
        verify("no signature", "sha256", RSA.0, b""),
        verify("a private key", "sha256", RSA.1, rsa),
        verify("a text key as bytes", "sha256", &pem("PUBLIC", RSA.0), rsa),
        ("a text key", "verify_signature", message(&[(1, b"sha256"), (3, rsa), (4, TEXT), (5, &pem("PUBLIC", RSA.0))])),
        (
            "a cut text key",
            "verify_signature",
            message(&[(1, b"sha256"), (3, rsa), (4, TEXT), (5, b"-----BEGIN PUBLIC KEY-----\nx")]),
        ),
        (
            "both keys",
            "verify_signature",
            message(&[(1, b"sha256"), (2, EC.0), (3, rsa), (4, TEXT), (5, &pem("PUBLIC", RSA.0))]),
        ),
        ("another text", "verify_signature", message(&[(1, b"sha256"), (2, RSA.0), (3, rsa), (4, b"a text")])),
        ("nothing", "verify_signature", Vec::new()),
        ("no message", "verify_signature", b"\xff".to_vec()),
        sign("sign rsa sha1", "sha1", RSA.1),
        sign("sign rsa sha224", "sha224", RSA.1),
        sign("sign rsa sha256", "sha256", RSA.1),
        sign("sign rsa sha384", "sha384", RSA.1),
        sign("sign rsa sha512", "sha512", RSA.1),
        sign("sign, unknown hash", "md5", RSA.1),
        sign("sign, unknown hash and no real key", "md5", b"x"),
        sign("sign, no key", "sha256", b""),
        sign("sign, cut key", "sha256", &RSA.1[..300]),
        sign("sign, public key", "sha256", RSA.0),
        ("sign, text key", "sign", message(&[(1, b"sha256"), (3, TEXT), (4, &pem("PRIVATE", RSA.1))])),
        ("sign, cut text key", "sign", message(&[(1, b"sha256"), (3, TEXT), (4, b"-----BEGIN")])),
        ("sign, nothing", "sign", Vec::new()),
        ("sign, no message", "sign", b"\xff".to_vec()),
        state("state string", "envoy.string", "x"),
        state("state cluster", "envoy.tcp_proxy.cluster", "x"),
        state("state sni", "envoy.network.upstream_server_name", "x"),
        state("state address", "envoy.network.transport_socket.original_dst_address", "127.0.0.1:80"),
        state("state bad address", "envoy.network.transport_socket.original_dst_address", "x"),
        state("state unknown", "nope", "x"),
        state("state host", "envoy.upstream.dynamic_host", "x"),
        state("state port", "envoy.upstream.dynamic_port", "80"),
        state("state bad port", "envoy.upstream.dynamic_port", "x"),
        state("state names", "envoy.network.upstream_subject_alt_names", "a,b"),
        state("state protocols", "envoy.network.application_protocols", "h2"),
        state("state ip", "envoy.network.ip", "1.2.3.4"),
        state("state bad ip", "envoy.network.ip", "x"),
        state("state hashable", "envoy.hashable_string", "x"),
        state("state tunnel", "envoy.tcp_proxy.disable_tunneling", "true"),
        state("state bad tunnel", "envoy.tcp_proxy.disable_tunneling", "x"),
        state("state idle", "envoy.tcp_proxy.per_connection_idle_timeout_ms", "1000"),
        state("state bad idle", "envoy.tcp_proxy.per_connection_idle_timeout_ms", "x"),
        state("state hits", "envoy.ratelimit.hits_addend", "2"),
        state("state bad hits", "envoy.ratelimit.hits_addend", "x"),
        state("state empty string", "envoy.string", ""),
        state("state empty cluster", "envoy.tcp_proxy.cluster", ""),
        state("state v6 address", "envoy.network.transport_socket.original_dst_address", "[::1]:80"),
        state("state address alone", "envoy.network.transport_socket.original_dst_address", "127.0.0.1"),
        state("state no name", "", "x"),
        ("state nothing", "set_envoy_filter_state", Vec::new()),
        ("state no message", "set_envoy_filter_state", b"\xff".to_vec()),
        ("create", "expr_create", b"request.path == '/'".to_vec()),
        ("create sum", "expr_create", b"1 + 1".to_vec()),
        ("create bad", "expr_create", b"1 +".to_vec()),
        ("create nothing", "expr_create", Vec::new()),
        ("create unknown name", "expr_create", b"nobody.knows".to_vec()),
        ("create unknown function", "expr_create", b"f(1)".to_vec()),
        ("evaluate 0", "expr_evaluate", 0u32.to_le_bytes().to_vec()),
        ("evaluate 1", "expr_evaluate", 1u32.to_le_bytes().to_vec()),
        ("evaluate 2", "expr_evaluate", 2u32.to_le_bytes().to_vec()),
        ("evaluate 9", "expr_evaluate", 9u32.to_le_bytes().to_vec()),
        ("evaluate short", "expr_evaluate", b"\0".to_vec()),
        ("delete 1", "expr_delete", 1u32.to_le_bytes().to_vec()),
        ("delete 1 again", "expr_delete", 1u32.to_le_bytes().to_vec()),
        ("evaluate deleted", "expr_evaluate", 1u32.to_le_bytes().to_vec()),
        ("delete 9", "expr_delete", 9u32.to_le_bytes().to_vec()),
        ("delete short", "expr_delete", b"\0".to_vec()),
    ]
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}

/// A guest that makes the calls at a request's headers, and logs status, size and the result in hexadecimal digits.
fn caller(calls: &[Call]) -> Vec<u8> {
    let (mut data, mut body, mut at) = (String::new(), String::new(), 65536);
    for (_, name, argument) in calls {
        let (name_at, argument_at) = (at, at + name.len());
        at = argument_at + argument.len();
        let _ = write!(data, r#"(data (i32.const {name_at}) "{name}{}")"#, escaped(argument));
        let _ = write!(
            body,
            "(call $one (call $foreign (i32.const {name_at}) (i32.const {}) (i32.const {argument_at}) (i32.const {})
                (i32.const 8) (i32.const 12)))",
            name.len(),
            argument.len()
        );
    }
    let text = guest(
        &["status"],
        &format!(
            r#"(import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
               (func $digit (param $at i32) (param $value i32)
                   (i32.store8 (local.get $at) (i32.add (local.get $value)
                       (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $value) (i32.const 10))))))
               (func $one (param $status i32)
                   (local $i i32)
                   (call $tell_status (local.get $status))
                   (block $end (loop $next
                       (br_if $end (i32.ge_u (local.get $i) (i32.load (i32.const 12))))
                       (call $digit (i32.add (i32.const 32768) (i32.shl (local.get $i) (i32.const 1)))
                           (i32.shr_u (i32.load8_u (i32.add (i32.load (i32.const 8)) (local.get $i))) (i32.const 4)))
                       (call $digit (i32.add (i32.const 32769) (i32.shl (local.get $i) (i32.const 1)))
                           (i32.and (i32.load8_u (i32.add (i32.load (i32.const 8)) (local.get $i))) (i32.const 15)))
                       (local.set $i (i32.add (local.get $i) (i32.const 1)))
                       (br $next)))
                   (drop (call $log (i32.const 2) (i32.const 32768) (i32.shl (local.get $i) (i32.const 1)))))
               {data}
               (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {body} (i32.const 0))"#
        ),
    );
    wat::parse_str(text.replace(r#"(memory (export "memory") 1)"#, r#"(memory (export "memory") 8)"#)).unwrap()
}

/// What was answered, call by call: status, and the result.
fn answers(lines: &[String], calls: &[Call]) -> BTreeMap<&'static str, String> {
    assert_eq!(lines.len(), calls.len() * 2, "{lines:?}");
    let pairs = lines.chunks(2).map(|pair| format!("{} {}", pair[0], readable(&pair[1])));
    calls.iter().map(|(what, ..)| *what).zip(pairs).collect()
}

fn readable(hex: &str) -> String {
    let bytes = (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[i * 2..i * 2 + 2], 16).unwrap()).collect::<Vec<_>>();
    bytes.escape_ascii().to_string()
}

fn harness(module: &[u8], calls: &[Call], envoy: EnvoyVersion) -> BTreeMap<&'static str, String> {
    let process = Arc::new(Process::deterministic(1));
    let options = Options { envoy, ..Options::default() };
    let mut proxy = Proxy::load_with(&[spec(module, Plugin::default())], process.clone(), options).unwrap();
    let stream = proxy.open_on(0, Attributes::default());
    let headers = [(":method", "GET"), (":path", "/"), (":authority", "a")].into_iter().collect();
    proxy.send(stream, Direction::Request, Frame::Headers(headers), true);
    // What the harness cannot do it says, as a warning.
    let said = process.log_lines().into_iter().filter(|line| line.level == LogLevel::Info);
    answers(&said.map(|line| line.message).collect::<Vec<_>>(), calls)
}

/// FF-3, FF-4, FF-5.
#[test]
fn ff_1_functions_answer_as_in_every_envoy() {
    let calls = calls();
    let module = caller(&calls);
    harness(&module, &calls, EnvoyVersion::NEWEST);
    if find_or_skip("foreign functions of real Envoys").is_none() {
        return;
    }
    let mut differ = String::new();
    for version in VERSIONS {
        let Ok(binary) = EnvoyBinary::find_version(version) else { continue };
        let setting = Setting::start(&binary, &[("foreign", &module, json!({}))]);
        setting.status("foreign");
        let log = setting.log_after(calls.len() * 2, "wasm log p foreign: ");
        let theirs = answers(&log, &calls);
        let ours = harness(&module, &calls, version.parse().unwrap());
        for (what, answer) in &theirs {
            match LEFT_OUT.iter().find(|(left_out, _)| left_out == what) {
                Some((_, ours_is)) if ours[what].as_str() == *ours_is => {}
                _ if ours[what] == *answer => {}
                _ => differ += &format!("{version}, {what}: {}\n  Envoy {answer}\n", ours[what]),
            }
        }
    }
    assert!(differ.is_empty(), "{differ}");
}
