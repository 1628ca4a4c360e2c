//! A stock Envoy runs what is printed, as it is.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tamis_module::plugin_config::{FailurePolicy, PluginConfig};
use tamis_oci::Digest;
use tamis_oci::resource::{
    Attach, Code, Deployment, DiscoveredEnvoy, HttpCode, Phase, StaticEnvoy, Target, Upstream, envoy_discovered,
    envoy_static,
};

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

/// Starts an Envoy and waits for its first answer.
fn started(binary: &Path, folder: &Path, config: &str, port: u16) -> (Guard, String) {
    let file = folder.join("envoy.yaml");
    std::fs::write(&file, config).unwrap();
    let log = folder.join("log");
    let output = std::fs::File::create(&log).unwrap();
    let mut command = Command::new(binary);
    command.args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "-c"]).arg(&file);
    let mut process = Guard(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).spawn().unwrap());
    let answer = answer_of(&mut process, port, &log);
    (process, answer)
}

fn plugin(module: &Path) -> PluginConfig {
    PluginConfig { name: "n".to_owned(), module_path: module.to_str().unwrap().to_owned(), ..PluginConfig::default() }
}

/// A configuration without an admin port, whose requests go nowhere.
fn config(plugin: PluginConfig, port: u16) -> StaticEnvoy {
    StaticEnvoy {
        plugins: vec![plugin],
        listen: ([127, 0, 0, 1], port).into(),
        upstream: Upstream { host: "127.0.0.1".to_owned(), port: free_port() },
        buffer_limit: None,
        admin: None,
    }
}

#[test]
fn a_filter_in_a_file_of_its_own_is_replaced_without_a_restart() {
    let Some(binary) = envoy() else {
        return skip(
            "no Envoy for a filter in a file of its own; `tamis setup` installs one, or name it in TAMIS_ENVOY",
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |status: &str| {
        let module = folder.path().join(format!("{status}.wasm"));
        let text = TEAPOT.replace("(i32.const 418)", &format!("(i32.const {status})"));
        std::fs::write(&module, wat::parse_str(text).unwrap()).unwrap();
        module
    };
    let port = free_port();
    let printed = |status: &str| {
        let envoy = StaticEnvoy { buffer_limit: Some(65_536), ..config(plugin(&write(status)), port) };
        let folder = folder.path().to_str().unwrap().to_owned();
        let (bootstrap, mut files) = envoy_discovered(&DiscoveredEnvoy { envoy, folder });
        let (name, extension) = files.remove(0);
        assert!(files.is_empty() && name == "n.yaml", "{name}");
        (bootstrap.to_yaml(), extension.to_yaml())
    };
    let (bootstrap, extension) = printed("418");
    std::fs::write(folder.path().join("n.yaml"), extension).unwrap();
    let (mut process, answer) = started(&binary, folder.path(), &bootstrap, port);
    assert!(answer.starts_with("HTTP/1.1 418"), "{answer}");

    std::fs::write(folder.path().join("next"), printed("451").1).unwrap();
    std::fs::rename(folder.path().join("next"), folder.path().join("n.yaml")).unwrap();
    let limit = Instant::now() + PATIENCE;
    loop {
        let answer = answer_of(&mut process, port, &folder.path().join("log"));
        if answer.starts_with("HTTP/1.1 451") {
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 418") && Instant::now() < limit, "{answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An `EnvoyFilter` with code that Envoy fetches: its two patches, put into a configuration as a control plane would.
#[test]
fn a_real_envoy_fetches_the_module_of_an_envoy_filter() {
    let Some(binary) = envoy() else {
        return skip("no Envoy to fetch a module; `tamis setup` installs one, or name it in TAMIS_ENVOY");
    };
    let module = wat::parse_str(TEAPOT).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = server.local_addr().unwrap().port();
    let code = HttpCode {
        tls: false,
        host: "127.0.0.1".to_owned(),
        port: source,
        path: "/n.wasm".to_owned(),
        digest: Digest::of(&module),
    };
    // It ends with the test binary.
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", module.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&module));
        }
    });
    let filter = Target::EnvoyFilter(Deployment {
        name: "n".to_owned(),
        namespace: None,
        image: "oci://registry.example/filters/n:1".parse().unwrap(),
        digest: Digest::of(b"manifest"),
        configuration: None,
        failure_policy: FailurePolicy::Closed,
        held_headers: true,
        phase: Phase::Last,
        priority: None,
        attach: Attach::All,
        context: None,
        port: None,
        buffer_limit: None,
        code: Code::Http(code),
        pull_secret: None,
        environment: Vec::new(),
    });
    let filter = filter.to_json().unwrap();
    let patch = |number: usize| filter["spec"]["configPatches"][number]["patch"]["value"].clone();
    let port = free_port();
    let mut bootstrap = envoy_static(&config(plugin(Path::new("/none.wasm")), port));
    *bootstrap
        .pointer_mut("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0")
        .unwrap() = patch(1);
    bootstrap.pointer_mut("/static_resources/clusters").unwrap().as_array_mut().unwrap().push(patch(0));
    let folder = tempfile::tempdir().unwrap();
    let (_process, answer) = started(&binary, folder.path(), &bootstrap.to_string(), port);
    assert!(
        answer.starts_with("HTTP/1.1 418"),
        "{answer}: {}",
        std::fs::read_to_string(folder.path().join("log")).unwrap()
    );
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
        buffer_limit: None,
        admin: None,
    });
    let (_process, answer) = started(&binary, folder.path(), &target.to_yaml().unwrap(), port);
    assert!(
        answer.starts_with("HTTP/1.1 418"),
        "{answer}: {}",
        std::fs::read_to_string(folder.path().join("log")).unwrap()
    );
}
