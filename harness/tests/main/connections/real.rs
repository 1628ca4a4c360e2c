//! All cases in one Envoy, one after the other.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tamis_harness::envoy::bootstrap::{Chain, bootstrap, listeners};
use tamis_harness::envoy::{EnvoyBinary, EnvoyProcess};
use tamis_harness::scenario::model::Kind;
use tamis_harness::stream::{self, End};
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};

use super::{Case, GUEST, Seen, Step};

/// How long a step may take until what is awaited is there, and how long nothing may follow the last.
const LIMIT: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(150);
const TICK: Duration = Duration::from_millis(5);

/// What is seen at the end of each case. What the harness saw after each step says only what to wait for.
pub fn run(binary: &EnvoyBinary, cases: &[Case], awaited: &[Vec<Seen>]) -> Vec<Seen> {
    let folder = tempfile::tempdir().unwrap();
    let guest = folder.path().join("connections.wasm");
    std::fs::write(&guest, wat::parse_str(GUEST).unwrap()).unwrap();
    let upstreams = cases.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect::<Vec<_>>();
    let chains = cases.iter().zip(&upstreams).map(|(case, upstream)| Chain {
        name: case.name.to_owned(),
        plugins: (0..case.filters).map(|index| plugin(case, index, guest.to_str().unwrap())).collect(),
        upstream: upstream.local_addr().unwrap(),
        callouts: Vec::new(),
        buffer_limit: None,
        kind: Kind::Network,
    });
    let chains = chains.collect::<Vec<_>>();
    let file = folder.path().join("listeners.json");
    std::fs::write(&file, listeners(&chains).to_string()).unwrap();
    let envoy = EnvoyProcess::start(binary, &bootstrap(&chains, &file)).unwrap();
    let addresses = envoy.listeners().unwrap();
    let all = cases.iter().zip(upstreams).zip(awaited);
    all.map(|((case, listener), awaited)| {
        listener.set_nonblocking(true).unwrap();
        let address = *addresses.get(case.name).unwrap_or_else(|| panic!("{} is rejected: {}", case.name, envoy.log()));
        let mut played = Played::new(&envoy, case, address, listener);
        played.wait_for(&awaited[0]);
        for (step, awaited) in case.steps.iter().zip(&awaited[1..]) {
            played.step(*step);
            played.wait_for(awaited);
        }
        std::thread::sleep(QUIET);
        played.look()
    })
    .collect()
}

fn plugin(case: &Case, index: usize, module: &str) -> PluginConfig {
    PluginConfig {
        name: "p".to_owned(),
        root_id: String::new(),
        vm_id: format!("{}-{index}", case.name),
        module_path: module.to_owned(),
        configuration: Some(case.configuration.to_owned()),
        failure_policy: match case.policy {
            stream::FailurePolicy::Closed => FailurePolicy::Closed,
            stream::FailurePolicy::Open => FailurePolicy::Open,
            stream::FailurePolicy::Reload => FailurePolicy::Reload,
        },
        allow_on_headers_stop_iteration: false,
        environment: Vec::new(),
        vm_configuration: None,
        allowed_capabilities: Vec::new(),
    }
}

/// One case, with both ends of its connection in hand.
struct Played<'e> {
    envoy: &'e EnvoyProcess,
    case: &'e Case,
    address: SocketAddr,
    listener: TcpListener,
    /// The upstream's and the client's socket.
    sockets: [Option<TcpStream>; 2],
    got: [String; 2],
}

impl<'e> Played<'e> {
    fn new(envoy: &'e EnvoyProcess, case: &'e Case, address: SocketAddr, listener: TcpListener) -> Self {
        let sockets = [None, Some(connect(address))];
        Self { envoy, case, address, listener, sockets, got: Default::default() }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Says(end, bytes) => self.socket(end).write_all(bytes.as_bytes()).unwrap(),
            Step::Ends(end) => self.socket(end).shutdown(Shutdown::Write).unwrap(),
            // A socket that is closed with unread bytes resets its connection.
            Step::Breaks(end) => self.sockets[place(end)] = None,
            Step::Wait => std::thread::sleep(Duration::from_millis(100)),
            Step::Again => {
                self.sockets = [None, Some(connect(self.address))];
                self.got = Default::default();
            }
        }
    }

    fn socket(&mut self, end: End) -> &mut TcpStream {
        self.sockets[place(end)].as_mut().unwrap()
    }

    fn wait_for(&mut self, awaited: &Seen) {
        let begin = Instant::now();
        while self.look() != *awaited && begin.elapsed() < LIMIT {
            std::thread::sleep(TICK);
        }
    }

    fn look(&mut self) -> Seen {
        if self.sockets[0].is_none()
            && let Ok((socket, _)) = self.listener.accept()
        {
            socket.set_nonblocking(true).unwrap();
            self.sockets[0] = Some(socket);
        }
        for end in [End::Upstream, End::Client] {
            let place = place(end);
            let breaks = self.case.steps.contains(&Step::Breaks(end));
            match &mut self.sockets[place] {
                Some(socket) if breaks => self.got[place] = peek(socket),
                Some(socket) => read(socket, &mut self.got[place]),
                // Nobody listens there any more, or yet; a connection that never came about is over with the client's.
                None if self.got[1].ends_with('.') || breaks => end_of(&mut self.got[place]),
                None => {}
            }
        }
        let log = self.envoy.log();
        let said = log.lines().filter_map(|line| line.split_once("[info][wasm] ")?.1.split_once("wasm log"));
        let said = said.filter_map(|(_, line)| line.split_once(": "));
        let said = said.filter_map(|(from, message)| {
            let (name, index) = from.trim().rsplit(' ').next()?.rsplit_once('-')?;
            (name == self.case.name).then(|| format!("{index} {message}"))
        });
        Seen { said: said.collect(), got: self.got.clone() }
    }
}

fn place(end: End) -> usize {
    usize::from(end == End::Client)
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn read(socket: &mut TcpStream, got: &mut String) {
    let mut piece = [0; 1024];
    loop {
        match socket.read(&mut piece) {
            Ok(size) if size > 0 => *got += str::from_utf8(&piece[..size]).unwrap(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            _ => return end_of(got),
        }
    }
}

/// What is there and stays unread.
fn peek(socket: &TcpStream) -> String {
    let mut piece = [0; 1024];
    let size = socket.peek(&mut piece).unwrap_or_default();
    String::from_utf8(piece[..size].to_vec()).unwrap()
}

fn end_of(got: &mut String) {
    if !got.ends_with('.') {
        *got += ".";
    }
}
