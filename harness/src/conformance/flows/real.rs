//! Groups in a real Envoy: some in one process, each with a listener of its own.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::received::Received;
use super::server::{Script, Server, lock};
use super::tail::{From, Record, Seen, Tail};
use super::transcript::{Ends, Transcript};
use super::{Exchange, Flow, Group, config, transcript};
use crate::conformance::{ConformanceError, pool};
use crate::envoy::{EnvoyBinary, EnvoyProcess};

/// How many groups share a process.
const TOGETHER: usize = 10;
/// How long a stream may take that is not expected to wait for ever.
const STREAM: Duration = Duration::from_secs(5);
/// How long nothing must happen until a client gives up that is expected to wait for ever.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long nothing must happen until the next exchange begins beside one that waits.
const SETTLED: Duration = Duration::from_millis(60);
/// How long a stream may take to end after its client has gone.
const END: Duration = Duration::from_secs(4);
/// How long the last bytes may take to a client whose stream has ended.
const LAST_BYTES: Duration = Duration::from_millis(300);
/// After this a VM that failed is loaded anew: more than the back-off that is configured, with what Envoy adds to it.
const RELOAD: Duration = Duration::from_millis(400);
/// Between two looks at the log.
const TICK: Duration = Duration::from_millis(4);

/// What happened in a flow.
pub(super) struct Happened {
    /// Everything that probes have logged.
    pub records: Vec<Record>,
    /// What is compared.
    pub transcript: Transcript,
}

/// Which groups share a process.
pub(super) fn jobs(groups: &[Group]) -> Vec<Vec<&Group>> {
    pool::jobs(groups, TOGETHER, |group| group.alone)
}

/// Runs groups in one process; `waiting` says of each exchange of each whether it is expected to wait for ever.
///
/// # Errors
///
/// [`ConformanceError`] when Envoy does not run.
pub(super) fn run(
    binary: &EnvoyBinary,
    module: &Path,
    groups: &[&Group],
    waiting: &[Vec<bool>],
) -> Result<Vec<Vec<Happened>>, ConformanceError> {
    let module = std::path::absolute(module)
        .map_err(|error| ConformanceError::System { what: "cannot find the probe", error })?;
    let all = groups.iter().copied().zip(waiting).collect::<Vec<_>>();
    let happened = process(binary, &module, &all)?;
    // Who has ended Envoy is only known of one that was alone.
    if all.len() > 1 && happened.iter().flatten().any(|happened| happened.transcript.crashed) {
        return all.iter().map(|pair| one_by_one(binary, &module, *pair)).collect();
    }
    Ok(happened)
}

/// Runs a group by itself; after a flow that ends Envoy the others go through a new one.
fn one_by_one(
    binary: &EnvoyBinary,
    module: &Path,
    (group, waiting): (&Group, &Vec<bool>),
) -> Result<Vec<Happened>, ConformanceError> {
    let mut left = group.clone();
    let mut happened = Vec::new();
    while !left.flows.is_empty() {
        let mut done = process(binary, module, &[(&left, waiting)])?.pop().unwrap_or_default();
        let crash = done.iter().position(|happened| happened.transcript.crashed);
        done.truncate(crash.map_or(done.len(), |crash| crash + 1));
        left.flows.drain(..done.len().max(1));
        happened.append(&mut done);
    }
    Ok(happened)
}

/// What came of a client's connection.
struct Got {
    wire: Vec<u8>,
}

/// A group's records, what each client got, by the exchange's number, and the flow in which Envoy has died.
type Ran = (Vec<Record>, BTreeMap<usize, Got>, Option<usize>);

fn process(
    binary: &EnvoyBinary,
    module: &Path,
    groups: &[(&Group, &Vec<bool>)],
) -> Result<Vec<Vec<Happened>>, ConformanceError> {
    let system = |error| ConformanceError::System { what: "cannot start an upstream", error };
    let scripts = groups.iter().flat_map(|(group, _)| {
        let exchanges = group.flows.iter().flat_map(|flow| &flow.exchanges);
        exchanges.map(|exchange| {
            let (parts, pause) = (exchange.response.response(), exchange.response.pause());
            (group.path(exchange), Script { parts, pause, early: exchange.early })
        })
    });
    let server = Server::start(scripts.collect()).map_err(system)?;
    let only = groups.iter().map(|(group, _)| *group).collect::<Vec<_>>();
    let envoy = EnvoyProcess::start(binary, &config::bootstrap(&only, module, server.address))?;
    let listeners = envoy.listeners()?;
    let ran = std::thread::scope(|scope| {
        let threads = groups
            .iter()
            .map(|(group, waiting)| {
                let address = listeners.get(&group.name).copied();
                let envoy = &envoy;
                scope.spawn(move || run_group(envoy, address, group, waiting))
            })
            .collect::<Vec<_>>();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    drop(envoy);
    let seen = server.finish();
    let mut happened = Vec::new();
    for ((group, _), ran) in groups.iter().zip(ran) {
        let ran = ran.unwrap_or_else(|_| Err(io::Error::other("a thread has died")));
        let ran = ran.map_err(|error| ConformanceError::System { what: "cannot talk to Envoy", error })?;
        happened.push(sort(group, ran, &seen));
    }
    Ok(happened)
}

fn run_group(envoy: &EnvoyProcess, address: Option<SocketAddr>, group: &Group, waiting: &[bool]) -> io::Result<Ran> {
    let address = address.ok_or_else(|| io::Error::other(format!("there is no listener {}", group.name)))?;
    let mut tail = Tail::new(envoy, group);
    let mut got = BTreeMap::new();
    let mut crash = None;
    for (index, flow) in group.flows.iter().enumerate() {
        let ran = run_flow(&mut tail, address, group, flow, waiting, &mut got);
        if tail.has_crashed() {
            crash = Some(index);
            break;
        }
        ran?;
    }
    Ok((std::mem::take(&mut tail.records), got, crash))
}

fn run_flow(
    tail: &mut Tail<'_>,
    address: SocketAddr,
    group: &Group,
    flow: &Flow,
    waiting: &[bool],
    got: &mut BTreeMap<usize, Got>,
) -> io::Result<()> {
    let mut open = Vec::new();
    for exchange in &flow.exchanges {
        if exchange.later {
            std::thread::sleep(RELOAD);
        }
        open.push((exchange, Client::send(address, group, exchange)?));
        tail.touch();
        if flow.together && open.len() < flow.exchanges.len() {
            wait(tail, STREAM, |tail| is_over(tail, exchange.number) || tail.is_quiet(SETTLED));
            continue;
        }
        for (exchange, client) in open.drain(..) {
            let waits = waiting.get(exchange.number - 1).copied().unwrap_or_default();
            got.insert(exchange.number, client.finish(tail, exchange, waits));
        }
    }
    wait(tail, END, |tail| tail.callouts_under_way() == 0 || tail.is_quiet(PATIENCE));
    Ok(())
}

/// Waits until something is so, or Envoy has died; says whether it is.
fn wait(tail: &mut Tail<'_>, limit: Duration, is_so: impl Fn(&Tail<'_>) -> bool) -> bool {
    let limit = Instant::now() + limit;
    loop {
        tail.poll();
        if is_so(tail) || tail.crashed() {
            return true;
        }
        if Instant::now() >= limit {
            return false;
        }
        std::thread::sleep(TICK);
    }
}

/// Whether both recorders have forgotten a stream.
fn is_over(tail: &Tail<'_>, number: usize) -> bool {
    let begun = tail.seen(From::Back, number, Seen::Begun);
    tail.seen(From::Front, number, Seen::Deleted) > 0 && tail.seen(From::Back, number, Seen::Deleted) >= begun
}

/// A client with one request.
struct Client {
    stream: TcpStream,
    read: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Client {
    /// Connects and sends the request, part by part.
    fn send(address: SocketAddr, group: &Group, exchange: &Exchange) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut reading = stream.try_clone()?;
        let read = Arc::<Mutex<Vec<u8>>>::default();
        let keep = read.clone();
        let reader = std::thread::Builder::new().spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(size) = reading.read(&mut piece)
                && size > 0
            {
                lock(&keep).extend_from_slice(piece.get(..size).unwrap_or_default());
            }
        })?;
        for (index, part) in exchange.request.request(&group.path(exchange)).iter().enumerate() {
            if index > 0 {
                std::thread::sleep(exchange.request.pause());
            }
            // The proxy may have answered and closed before it has read everything.
            if stream.write_all(part).is_err() {
                break;
            }
        }
        Ok(Self { stream, read, reader })
    }

    /// Waits for the stream's end, or gives up.
    fn finish(self, tail: &mut Tail<'_>, exchange: &Exchange, waits: bool) -> Got {
        let over = |tail: &Tail<'_>| is_over(tail, exchange.number);
        let limit = if waits { PATIENCE * 20 } else { STREAM };
        wait(tail, limit, |tail| over(tail) || waits && tail.is_quiet(PATIENCE));
        let gave_up = !over(tail) && !tail.crashed();
        if !gave_up {
            // What has left the stream may still be on its way.
            let limit = Instant::now() + LAST_BYTES;
            let is_whole = || Received::parse(&lock(&self.read)).is_some_and(|got| got.ended);
            while !is_whole() && !self.reader.is_finished() && Instant::now() < limit {
                std::thread::sleep(TICK);
            }
        }
        // Nobody listens any more if this fails.
        let _ = self.stream.shutdown(Shutdown::Both);
        if gave_up {
            wait(tail, END, over);
        }
        let _ = self.reader.join();
        Got { wire: std::mem::take(&mut *lock(&self.read)) }
    }
}

/// Gives each flow its records, and what came out at either end.
fn sort(group: &Group, (records, mut got, crash): Ran, seen: &BTreeMap<String, Vec<Vec<u8>>>) -> Vec<Happened> {
    let mut flows = group.flows.iter().map(|_| Vec::new()).collect::<Vec<Vec<Record>>>();
    let mut current = 0;
    for record in records {
        let own = group.flow_of(record.number);
        if let (From::Front, "request_headers", Some(flow)) = (record.from, record.phase.as_str(), own) {
            current = flow;
        }
        if let Some(records) = flows.get_mut(own.unwrap_or(current)) {
            records.push(record);
        }
    }
    flows
        .into_iter()
        .zip(&group.flows)
        .enumerate()
        .map(|(index, (records, flow))| {
            let mut ends = Vec::new();
            for exchange in &flow.exchanges {
                let upstream = seen.get(&group.path(exchange)).and_then(|wires| Received::of_all(wires));
                let got = got.remove(&exchange.number);
                let client = got.and_then(|got| Received::parse(&got.wire));
                ends.push(Ends { upstream, client, cut: false });
            }
            let lines = transcript::lines(&records);
            Happened {
                records,
                transcript: Transcript { lines, ends, crashed: crash.is_some_and(|crash| crash <= index) },
            }
        })
        .collect()
}

/// An address of this machine on which nobody listens.
pub(super) fn nobody() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 1))
}
