//! A stock Envoy runs what is printed, as it is.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tamis_module::plugin_config::{FailurePolicy, PluginConfig};
use tamis_oci::resource::{StaticEnvoy, Target, Upstream};

use crate::resource::TRAPS;
use crate::support::skip;

const PATIENCE: Duration = Duration::from_secs(60);

/// A filter that answers every request itself, so that its answer proves that it runs.
const TEAPOT: &str = r#"(module
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $answer (i32.const 418) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))
    i32.const 1))"#;

/// Ends the process with the test, also when it fails.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `TAMIS_ENVOY`, else one that `tamis setup` installed.
fn envoy() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || {
        let user = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        variable("TAMIS_CACHE").or_else(|| Some(user()?.join("tamis")))
    };
    let installed = || {
        let versions = std::fs::read_dir(cache()?.join("envoy")).ok()?;
        versions.flatten().map(|version| version.path().join("bin/envoy")).find(|binary| binary.is_file())
    };
    variable("TAMIS_ENVOY").or_else(installed)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn status_line(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// Waits for the first answer; a process that has ended will give none.
fn answer_of(process: &mut Guard, port: u16, log: &Path) -> String {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Ok(line) = status_line(port) {
            return line;
        }
        let ended = process.0.try_wait().unwrap();
        let log = || std::fs::read_to_string(log).unwrap_or_default();
        assert!(ended.is_none() && Instant::now() < limit, "no answer, {ended:?}: {}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_real_envoy_runs_the_printed_configuration() {
    let Some(binary) = envoy() else {
        return skip("no Envoy for the printed configuration; `tamis setup` installs one, or name it in TAMIS_ENVOY");
    };
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("teapot.wasm");
    std::fs::write(&module, wat::parse_str(TEAPOT).unwrap()).unwrap();
    let port = free_port();
    let plugin = PluginConfig {
        name: "n".to_owned(),
        root_id: "1".to_owned(),
        vm_id: "0x10".to_owned(),
        module_path: module.to_str().unwrap().to_owned(),
        configuration: Some("{\"a\": 1}".to_owned()),
        failure_policy: FailurePolicy::Closed,
        allow_on_headers_stop_iteration: true,
        environment: TRAPS.iter().enumerate().map(|(n, value)| (format!("K{n}"), (*value).to_owned())).collect(),
        vm_configuration: None,
        allowed_capabilities: Vec::new(),
    };
    let target = Target::Envoy(StaticEnvoy {
        plugins: vec![plugin],
        listen: ([127, 0, 0, 1], port).into(),
        upstream: Upstream { host: "127.0.0.1".to_owned(), port: free_port() },
        admin: None,
    });
    let config = folder.path().join("envoy.yaml");
    std::fs::write(&config, target.to_yaml().unwrap()).unwrap();

    let log = folder.path().join("log");
    let output = std::fs::File::create(&log).unwrap();
    let mut command = Command::new(binary);
    command.args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "-c"]).arg(&config);
    let mut process = Guard(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).spawn().unwrap());
    let answer = answer_of(&mut process, port, &log);
    assert!(answer.starts_with("HTTP/1.1 418"), "{answer}: {}", std::fs::read_to_string(&log).unwrap());
}
