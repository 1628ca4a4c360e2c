//! All cases in one Envoy.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tamis_harness::envoy::bootstrap::{Chain, bootstrap, listeners};
use tamis_harness::envoy::{EnvoyBinary, EnvoyProcess};
use tamis_harness::scenario::model::Kind;
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};

use super::{Case, Said, sorted};

/// How long the lines of a stream may take, and how long nothing may follow them.
const LIMIT: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(150);
/// After this nothing is going to come for a client.
const NOTHING: Duration = Duration::from_secs(1);

pub fn run(binary: &EnvoyBinary, cases: &[Case]) -> Vec<Said> {
    let folder = tempfile::tempdir().unwrap();
    let upstreams = cases.iter().map(upstream).collect::<Vec<_>>();
    let chains = cases.iter().zip(&upstreams).map(|(case, upstream)| {
        let plugin = |(number, (text, root_id, configuration)): (usize, &(String, &str, &str))| {
            let file = folder.path().join(format!("{}-{number}.wasm", case.name));
            std::fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
            PluginConfig {
                name: "p".to_owned(),
                root_id: (*root_id).to_owned(),
                vm_id: case.name.to_owned(),
                module_path: file.display().to_string(),
                configuration: Some((*configuration).to_owned()),
                failure_policy: FailurePolicy::Closed,
                allow_on_headers_stop_iteration: false,
                environment: Vec::new(),
                allowed_capabilities: Vec::new(),
                vm_configuration: None,
            }
        };
        Chain {
            name: case.name.to_owned(),
            plugins: case.filters.iter().enumerate().map(plugin).collect(),
            upstream: *upstream,
            callouts: Vec::new(),
            buffer_limit: None,
            kind: Kind::Http,
        }
    });
    let chains = chains.collect::<Vec<_>>();
    let file = folder.path().join("listeners.json");
    std::fs::write(&file, listeners(&chains).to_string()).unwrap();
    let envoy = EnvoyProcess::start(binary, &bootstrap(&chains, &file)).unwrap();
    let addresses = envoy.listeners().unwrap();
    let mut answers = Vec::new();
    for case in cases {
        let address = addresses.get(case.name).unwrap_or_else(|| panic!("{} is rejected: {}", case.name, envoy.log()));
        answers.push(requests(&envoy, *address, case));
        settle(&envoy, case);
        assert!(TcpStream::connect(envoy.admin()).is_ok(), "{} ends Envoy: {}", case.name, envoy.log());
    }
    let log = envoy.log();
    let mut lines = lines(&log);
    // What is logged while a VM starts belongs to no plugin.
    let started = lines.remove("").unwrap_or_default();
    let said = |(case, answers): (&Case, Vec<String>)| {
        let own = started.iter().filter(|line| case.load.contains(&line.as_str())).cloned();
        sorted(own.chain(lines.remove(case.name).unwrap_or_default()), answers)
    };
    cases.iter().zip(answers).map(said).collect()
}

/// Sends a case's requests; what the client gets.
fn requests(envoy: &EnvoyProcess, address: SocketAddr, case: &Case) -> Vec<String> {
    if !case.together {
        return (0..case.requests).map(|_| answer(send(envoy, address, case))).collect();
    }
    let clients = (1..=case.requests).map(|number| {
        let client = send(envoy, address, case);
        wait(envoy, case, number);
        client
    });
    clients.collect::<Vec<_>>().into_iter().map(answer).collect()
}

/// Sends a request.
fn send(envoy: &EnvoyProcess, address: SocketAddr, case: &Case) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    let headers = case.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
    let framing = if case.body.is_empty() { "" } else { "transfer-encoding: chunked\r\n" };
    let mut next = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}{framing}\r\n");
    for (piece, lines) in case.body {
        next.extend(piece.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())));
        client.write_all(std::mem::take(&mut next).as_bytes()).unwrap();
        wait(envoy, case, *lines);
    }
    if !case.body.is_empty() {
        next.push_str("0\r\n\r\n");
    }
    // A stream that has been answered is one that nobody reads any more.
    let _ = client.write_all(next.as_bytes());
    client
}

/// Waits until a case's filters have said so many lines.
fn wait(envoy: &EnvoyProcess, case: &Case, count: usize) {
    let begin = Instant::now();
    while lines(&envoy.log()).get(case.name).map_or(0, Vec::len) < count && begin.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Reads until the answer's end, or until nothing has come for a while; its status.
fn answer(mut client: TcpStream) -> String {
    client.set_read_timeout(Some(NOTHING)).unwrap();
    let mut answer = Vec::new();
    // A connection that the proxy resets is an answer, too.
    let ended = client.read_to_end(&mut answer);
    if answer.is_empty() && ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
        return "nothing".to_owned();
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).unwrap_or("reset").to_owned();
    let grpc = answer.lines().find_map(|line| line.strip_prefix("grpc-status: "));
    grpc.map_or(status.clone(), |grpc| format!("{status} grpc {grpc}"))
}

/// Waits until as many lines are there as must be, and a little longer for those that must not.
fn settle(envoy: &EnvoyProcess, case: &Case) {
    let wanted = case.load.len() + case.said.len();
    let (begin, mut since) = (Instant::now(), (0, Instant::now()));
    while begin.elapsed() < LIMIT {
        let log = envoy.log();
        let count = lines(&log).into_iter().filter(|(from, _)| from.is_empty() || *from == case.name);
        let count = count.map(|(_, lines)| lines.len()).sum::<usize>();
        if count != since.0 {
            since = (count, Instant::now());
        }
        if count >= wanted && since.1.elapsed() >= QUIET {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What guests have said, by the ids of their VMs.
fn lines(log: &str) -> BTreeMap<&str, Vec<String>> {
    let mut lines = BTreeMap::<&str, Vec<String>>::new();
    for said in log.lines().filter_map(|line| line.split_once("[info][wasm] wasm log").map(|(_, said)| said)) {
        let Some((from, message)) = said.split_once(": ") else { continue };
        lines.entry(from.rsplit(' ').next().unwrap_or_default()).or_default().push(message.to_owned());
    }
    lines
}

/// Answers every connection's request with what the case says, then 200.
fn upstream(case: &Case) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let before = case.before;
    // The thread ends with the test's process; it holds nothing but its socket.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut seen, mut piece) = (Vec::new(), [0; 1024]);
            while !is_whole(&seen) {
                match stream.read(&mut piece) {
                    Ok(size) if size > 0 => seen.extend_from_slice(&piece[..size]),
                    _ => break,
                }
            }
            for head in before {
                let _ = stream.write_all(format!("HTTP/1.1 {head}\r\nx-early: 1\r\n\r\n").as_bytes());
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    address
}

/// Whether a request has come to its end.
fn is_whole(seen: &[u8]) -> bool {
    let text = String::from_utf8_lossy(seen);
    text.split_once("\r\n\r\n").is_some_and(|(head, body)| !head.contains("chunked") || body.ends_with("0\r\n\r\n"))
}
