//! The module gate's table of Envoys, compared with every real one that is installed.

use std::net::SocketAddr;
use std::path::Path;

use tamis_harness::envoy::bootstrap::{Chain, bootstrap, listeners};
use tamis_harness::envoy::{EnvoyBinary, EnvoyError, EnvoyProcess, find_or_skip};
use tamis_harness::scenario::model::Kind;
use tamis_module::gate;
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};

/// A module's text, and the chain that loads it.
type Named = (String, Chain);

/// What the gate says it knows from a run.
const VERSIONS: [&str; 5] = ["1.36.4", "1.37.0", "1.38.2", "1.39.3", "1.40.0"];

const BASE: &str = r#"(memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)"#;

const BARE: &str = r#"(func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)"#;

const WASI: &str = "wasi_snapshot_preview1";

/// Modules that load, or that are refused with a message.
fn quiet() -> Vec<String> {
    let wasi =
        |name: &str, params: &str| format!(r#"(import "{WASI}" "{name}" (func (param {params}) (result i32))) {BASE}"#);
    let with_base = |text: &str| format!("{text} {BASE}");
    let with_marker = |text: &str| format!("{text} {BARE}");
    let mut modules = vec![
        wasi("poll_oneoff", "i32 i32 i32 i32"),
        wasi("fd_filestat_get", "i32 i32"),
        wasi("clock_res_get", "i32 i32"),
        wasi("sock_shutdown", "i32 i32"),
        wasi("path_link", "i32 i32 i32 i32 i32 i32 i32"),
        wasi("path_link", "i32 i32 i32 i32 i32 i32"),
        wasi("path_symlink", "i32 i32 i32 i32 i32"),
        wasi("path_symlink", "i32 i32 i32 i32"),
        wasi("proc_raise", "i32"),
        format!(r#"(memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))"#),
        r#"(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0)"#.to_owned(),
    ];
    modules.extend(
        [
            "",
            r#"(import "env" "now" (func))"#,
            r#"(import "env" "proxy_log" (func (param i32) (result i32)))"#,
            r#"(import "env" "proxy_get_configuration" (func (param i32 i32) (result i32)))"#,
            r#"(import "env" "g" (global i32))"#,
            r#"(import "env" "t" (table 1 funcref))"#,
            r#"(import "env" "t" (table i64 1 funcref))"#,
            r#"(import "env" "t" (table 1 funcref)) (import "env" "u" (table 1 externref))"#,
            r#"(func (export "proxy_on_log") (param i32 i32))"#,
            r#"(func (export "proxy_on_log") (param externref))"#,
            // MEM-9: 64 bits are not what a callback is called with.
            r#"(func (export "proxy_on_tick") (param i64))"#,
            r#"(func (export "proxy_on_done") (param i32) (result i64) i64.const 0)"#,
            r#"(func (export "x") (param externref))"#,
            r#"(func (export "_start") (result i32) i32.const 0)"#,
            r#"(func (export "_initialize")) (func (export "main") (result i32) i32.const 0)"#,
            r#"(func (export "_initialize")) (func (export "__main_void"))"#,
            "(func (param v128)) (global v128 (v128.const i64x2 0 0))",
            "(func $f (return_call $f))",
            "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
            "(func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))",
            "(func (result i32) (i32.atomic.load (i32.const 0)))",
            "(tag $t) (func (block $h (try_table (catch $t $h) (throw $t))))",
            "(type $t (func)) (func (param (ref $t)) (call_ref $t (local.get 0)))",
            "(type $s (struct (field i32))) (func (drop (struct.new $s (i32.const 1))))",
            "(memory 1)",
            "(table i64 1 funcref)",
            "(func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)))",
        ]
        .map(with_base),
    );
    modules.extend(
        [
            r#"(memory (export "memory") 16384)"#,
            r#"(memory (export "memory") 16385)"#,
            r#"(memory (export "memory") i64 1)"#,
            r#"(memory (export "memory") 1 2 shared)"#,
            r#"(import "a" "b" (memory 1))"#,
            r#"(import "env" "m" (memory i64 1))"#,
            r#"(import "env" "m" (memory 1 2 shared))"#,
            r#"(import "env" "m" (memory 1)) (import "env" "n" (memory 1))"#,
        ]
        .map(with_marker),
    );
    modules
}

/// Modules that take the process down.
fn fatal() -> Vec<String> {
    let log = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
    let calls = format!(
        r#"{BARE} (func (export "proxy_on_context_create") (param i32 i32)
             (drop (call $log (i32.const 2) (i32.const 0) (i32.const 0))))"#
    );
    vec![
        format!("{log} {calls}"),
        format!("{log} (memory 1) {calls}"),
        format!(r#"(import "env" "t" (tag)) {BASE}"#),
        format!(r#"(import "env" "x" (func (param v128))) {BASE}"#),
        format!(r#"(func (export "x") (param v128)) {BASE}"#),
        format!(r#"(global (export "g") exnref (ref.null exn)) {BASE}"#),
        format!(r#"(table (export "t") 1 anyref) {BASE}"#),
        format!(r#"(tag (export "t")) {BASE}"#),
    ]
}

#[test]
fn abi_3_abi_4_abi_5_mem_8_the_gate_and_every_installed_envoy_agree() {
    if find_or_skip("the module gate's table in real Envoys").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let quiet = chains(folder.path(), "quiet", &quiet());
    let fatal = chains(folder.path(), "fatal", &fatal());
    std::thread::scope(|scope| {
        for version in VERSIONS {
            // `make test` installs one of them; the others are compared where somebody has installed them.
            let Ok(binary) = EnvoyBinary::find_version(version) else { continue };
            let (quiet, fatal, folder) = (&quiet, &fatal, folder.path());
            scope.spawn(move || agree(version, &binary, (quiet, fatal), folder));
        }
    });
}

/// A process for each module: all of them in one take Envoy down at times, which none of them does alone.
fn agree(version: &str, binary: &EnvoyBinary, (quiet, fatal): (&[Named], &[Named]), folder: &Path) {
    let file = folder.join(format!("listeners-{version}.json"));
    let start = |chain: &Chain| {
        let chain = std::slice::from_ref(chain);
        std::fs::write(&file, listeners(chain).to_string()).unwrap();
        EnvoyProcess::start(binary, &bootstrap(chain, &file))
    };
    for (text, chain) in quiet {
        let envoy = start(chain).unwrap_or_else(|error| panic!("Envoy {version}: {text}: {error}"));
        let rejected = envoy.rejected_listeners().unwrap();
        assert_eq!(loads(version, chain), !rejected.contains_key(&chain.name), "Envoy {version}: {text}");
    }
    for (text, chain) in fatal {
        assert!(!loads(version, chain), "Envoy {version}: {text}");
        assert!(matches!(start(chain), Err(EnvoyError::Ended { .. })), "Envoy {version} lives: {text}");
    }
}

/// What the gate says.
fn loads(version: &str, chain: &Chain) -> bool {
    let wasm = std::fs::read(&chain.plugins[0].module_path).unwrap();
    let minor = version.rsplit_once('.').unwrap().0;
    gate::hosts(&wasm).into_iter().find(|verdict| verdict.envoy.to_string() == minor).unwrap().loads.is_ok()
}

/// One chain per module, with the module's text.
fn chains(folder: &Path, kind: &str, modules: &[String]) -> Vec<Named> {
    let chain = |(index, text): (usize, &String)| {
        let name = format!("{kind}-{index}");
        let file = folder.join(format!("{name}.wasm"));
        std::fs::write(&file, wat::parse_str(format!("(module {text})")).unwrap()).unwrap();
        let plugin = PluginConfig {
            name: name.clone(),
            root_id: String::new(),
            vm_id: name.clone(),
            module_path: file.display().to_string(),
            configuration: None,
            failure_policy: FailurePolicy::Closed,
            allow_on_headers_stop_iteration: false,
            environment: Vec::new(),
            vm_configuration: None,
            allowed_capabilities: Vec::new(),
        };
        let upstream = SocketAddr::from(([127, 0, 0, 1], 9));
        (
            text.clone(),
            Chain { name, plugins: vec![plugin], upstream, callouts: Vec::new(), buffer_limit: None, kind: Kind::Http },
        )
    };
    modules.iter().enumerate().map(chain).collect()
}
