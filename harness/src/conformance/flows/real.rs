//! Groups in a real Envoy: some in one process, each with a listener of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use super::client::{Client, Way};
use super::config::Discovery;
use super::received::Received;
use super::server::{HELD, Script, Server};
use super::tail::{From, Record, Seen, Tail};
use super::transcript::{Ends, Transcript};
use super::{Exchange, Flow, Group, Order, Reload, config, transcript};
use crate::conformance::{ConformanceError, pool};
use crate::envoy::{EnvoyBinary, EnvoyProcess, Settings};

/// How many groups share a process.
const TOGETHER: usize = 10;
/// A flow in which a configuration changes takes as long as so many others.
const LONG: usize = 5;
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
/// How long Envoy may take to take over a configuration.
const CHANGE: Duration = Duration::from_secs(20);
/// How many VMs configure a plugin (rule `LIFE-4`).
const CANARY_MAIN_AND_WORKER: usize = 3;
/// And on how many threads it ends.
const MAIN_AND_WORKER: usize = 2;
/// How long the old chain of a changed listener may drain: longer than most flows take.
const DRAIN: Duration = Duration::from_secs(3);
/// Between two looks at the log.
const TICK: Duration = Duration::from_millis(4);

/// What happened in a flow.
pub(super) struct Happened {
    /// Everything that probes have logged.
    pub records: Vec<Record>,
    /// What is compared.
    pub transcript: Transcript,
}

/// Which groups share a process: those that take about the same time, the longest first.
pub(super) fn jobs(groups: &[Group]) -> Vec<Vec<&Group>> {
    let mut groups = groups.iter().collect::<Vec<_>>();
    groups.sort_by_key(|group| std::cmp::Reverse(group.flows.len() * if group.reloads() { LONG } else { 1 }));
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

/// A group's records, what each client got, by the exchange's number, and the flow in which Envoy has died.
type Ran = (Vec<Record>, BTreeMap<usize, Option<Received>>, Option<usize>);

fn process(
    binary: &EnvoyBinary,
    module: &Path,
    groups: &[(&Group, &Vec<bool>)],
) -> Result<Vec<Vec<Happened>>, ConformanceError> {
    let system = |error| ConformanceError::System { what: "cannot start an upstream", error };
    let scripts = groups.iter().flat_map(|(group, _)| {
        let exchanges = group.flows.iter().flat_map(|flow| &flow.exchanges);
        exchanges.map(|exchange| {
            let (mut parts, pause) = (exchange.response.response(), exchange.response.pause());
            parts.truncate(exchange.stalled.unwrap_or(usize::MAX));
            (group.path(exchange), Script { parts, pause, early: exchange.early })
        })
    });
    let server = Server::start(scripts.collect()).map_err(system)?;
    let only = groups.iter().map(|(group, _)| *group).collect::<Vec<_>>();
    let unwritten = |error| ConformanceError::System { what: "cannot write what Envoy shall discover", error };
    let folder = tempfile::tempdir().map_err(unwritten)?;
    let discovery = &Discovery { folder: folder.path(), module };
    for group in only.iter().filter(|group| group.reloads()) {
        discovery.write(group, 0).map_err(unwritten)?;
    }
    let settings = Settings { drain: DRAIN, ..Settings::default() };
    let envoy = EnvoyProcess::start_with(binary, &config::bootstrap(&only, discovery, server.address), settings)?;
    let listeners = envoy.listeners()?;
    let ran = std::thread::scope(|scope| {
        let threads = groups
            .iter()
            .map(|(group, waiting)| {
                let address = listeners.get(&group.name).copied();
                let envoy = &envoy;
                scope.spawn(move || run_group(envoy, address, group, waiting, discovery))
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

fn run_group(
    envoy: &EnvoyProcess,
    address: Option<SocketAddr>,
    group: &Group,
    waiting: &[bool],
    discovery: &Discovery<'_>,
) -> io::Result<Ran> {
    let address = address.ok_or_else(|| io::Error::other(format!("there is no listener {}", group.name)))?;
    let mut running =
        Running { tail: Tail::new(envoy, group), address, group, waiting, discovery, got: BTreeMap::new() };
    let mut crash = None;
    for index in 0..group.flows.len() {
        let ran = running.flow(index);
        if running.tail.has_crashed() {
            crash = Some(index);
            break;
        }
        ran?;
    }
    Ok((std::mem::take(&mut running.tail.records), running.got, crash))
}

/// A group whose flows go through Envoy.
struct Running<'r> {
    tail: Tail<'r>,
    address: SocketAddr,
    group: &'r Group,
    /// Of each exchange, whether it is expected to wait for ever.
    waiting: &'r [bool],
    discovery: &'r Discovery<'r>,
    got: BTreeMap<usize, Option<Received>>,
}

impl Running<'_> {
    fn flow(&mut self, index: usize) -> io::Result<()> {
        let Some(flow) = self.group.flows.get(index) else { return Ok(()) };
        let way = Way::new(self.group.wire, self.address)?;
        let ended = |tail: &Tail<'_>| tail.seen(From::Plugin(0), 0, Seen::Ended);
        let ends = ended(&self.tail) + MAIN_AND_WORKER;
        if flow.order == Order::Interleaved {
            self.interleaved(&way, flow)?;
        } else {
            self.in_order(&way, flow, index)?;
        }
        let tail = &mut self.tail;
        wait(tail, END, |tail| !tail.is_waiting() || tail.is_quiet(if tail.calls_out() { HELD * 2 } else { PATIENCE }));
        if flow.reload.is_some() {
            // The plugin ends behind its last stream, or when its listener has drained.
            if flow.exchanges.first().is_some_and(|first| self.group.drains(first)) {
                wait(tail, DRAIN + END, |tail| ended(tail) >= ends);
            }
            tail.touch();
            wait(tail, END, |tail| tail.is_quiet(SETTLED));
        }
        Ok(())
    }

    fn in_order(&mut self, way: &Way, flow: &Flow, index: usize) -> io::Result<()> {
        let mut open = Vec::new();
        for (place, exchange) in flow.exchanges.iter().enumerate() {
            if exchange.later {
                std::thread::sleep(RELOAD);
            }
            let mut client = way.open(self.group, exchange)?;
            send(&mut client, exchange, exchange.held);
            self.tail.touch();
            open.push((exchange, client));
            let begins = place == 0;
            if begins && (flow.reload.is_some() || flow.order == Order::Beside && flow.exchanges.len() > 1) {
                wait(&mut self.tail, STREAM, |tail| is_over(tail, exchange.number) || tail.is_quiet(SETTLED));
            }
            if let (true, Some(reload)) = (begins, flow.reload) {
                self.reload(index, reload)?;
            }
            if begins && flow.order == Order::Beside && flow.exchanges.len() > 1 {
                continue;
            }
            // What waits for a reload comes last.
            open.sort_by_key(|(exchange, _)| exchange.held.is_some());
            for (exchange, client) in open.drain(..) {
                self.finish(client, exchange, flow.reload.is_some());
            }
        }
        Ok(())
    }

    /// Begins all exchanges, and sends their parts in turn.
    fn interleaved(&mut self, way: &Way, flow: &Flow) -> io::Result<()> {
        let open = flow.exchanges.iter().map(|exchange| Ok((exchange, way.open(self.group, exchange)?)));
        let mut open = open.collect::<io::Result<Vec<_>>>()?;
        loop {
            let mut sent = false;
            for (exchange, client) in &mut open {
                if client.send_part() {
                    sent = true;
                    std::thread::sleep(exchange.request.pause());
                }
            }
            if !sent {
                break;
            }
        }
        self.tail.touch();
        for (exchange, client) in open {
            self.finish(client, exchange, false);
        }
        Ok(())
    }

    /// Changes the first plugin, and waits until all threads have taken it over, or it was refused.
    fn reload(&mut self, flow: usize, reload: Reload) -> io::Result<()> {
        let configured = |tail: &Tail<'_>| tail.seen(From::Plugin(0), 0, Seen::Configured);
        let threads = if reload.rejected { 1 } else { CANARY_MAIN_AND_WORKER };
        let wanted = configured(&self.tail) + threads;
        self.discovery.write(self.group, self.group.reloads_before(flow) + 1)?;
        if wait(&mut self.tail, CHANGE, |tail| configured(tail) >= wanted) {
            // What the old plugin has left to do is done by then.
            wait(&mut self.tail, CHANGE, |tail| tail.is_quiet(SETTLED));
            return Ok(());
        }
        Err(io::Error::other(format!("Envoy has not taken over a configuration of {}", self.group.name)))
    }

    /// Sends what is left, waits for the stream's end, or gives up.
    fn finish(&mut self, mut client: Client, exchange: &Exchange, after_reload: bool) {
        let tail = &mut self.tail;
        if after_reload && exchange.held.is_some() {
            send(&mut client, exchange, None);
            tail.touch();
        }
        let over = |tail: &Tail<'_>| is_over(tail, exchange.number);
        let waits = self.waiting.get(exchange.number - 1).copied().unwrap_or_default();
        // What waits for ever in a chain that drains is closed in the end.
        let waits = waits && !self.group.drains(exchange);
        if exchange.aborted {
            wait(tail, STREAM, |tail| over(tail) || tail.is_quiet(SETTLED));
        } else {
            let limit = if waits { PATIENCE * 20 } else { STREAM + DRAIN };
            wait(tail, limit, |tail| over(tail) || waits && tail.is_quiet(PATIENCE));
        }
        let gave_up = !over(tail) && !tail.crashed();
        if !gave_up {
            // What has left the stream may still be on its way.
            let limit = Instant::now() + LAST_BYTES;
            let is_whole = |client: &Client| client.received().is_some_and(|got| got.ended);
            while !is_whole(&client) && !client.is_over() && Instant::now() < limit {
                std::thread::sleep(TICK);
            }
        }
        client.leave();
        if gave_up {
            wait(tail, END, over);
        }
        self.got.insert(exchange.number, client.finish());
    }
}

/// Sends a request's parts, up to this many of them.
fn send(client: &mut Client, exchange: &Exchange, parts: Option<usize>) {
    for index in 0..parts.unwrap_or(usize::MAX) {
        if index > 0 {
            std::thread::sleep(exchange.request.pause());
        }
        if !client.send_part() {
            break;
        }
    }
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
                let client = got.remove(&exchange.number).flatten();
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
