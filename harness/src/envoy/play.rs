//! One scenario in a running Envoy, step by step.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::bootstrap::Chain;
use super::callouts::Clusters;
use super::running::{NotChanged, Running};
use super::talk::Peer;
use super::upstream::Upstream;
use super::{admin, log};
use crate::document::Document;
use crate::gateway::{client, in_two};
use crate::scenario::engine::Plan;
use crate::scenario::model::{Callout, Exchange, Expect, Kind, Step};
use crate::scenario::step::{Meanwhile, Reconfiguration, UNWANTED};
use crate::scenario::{Difference, Effects, Engine, ExchangeReport, Observed};

/// How long what is expected may take to show after the client has its answer: logs and metrics are not in step with it.
const LATE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(5);
/// How long a client waits for an answer that must not come.
const NO_ANSWER: Duration = Duration::from_secs(2);

/// Plays the steps of a scenario.
pub(super) struct Player<'e> {
    envoy: &'e Running,
    chain: Chain,
    address: SocketAddr,
    behind: Behind,
    clusters: Clusters,
    plan: Plan,
}

/// What is behind the proxy.
#[derive(Debug)]
pub(super) enum Behind {
    /// A server of HTTP.
    Http(Upstream),
    /// The other end of connections.
    Tcp(Peer),
}

impl Behind {
    /// What fits filters of a kind.
    pub(super) fn start(kind: Kind) -> io::Result<(Self, SocketAddr)> {
        match kind {
            Kind::Http => {
                let upstream = Upstream::start()?;
                let address = upstream.address();
                Ok((Self::Http(upstream), address))
            }
            Kind::Network => {
                let peer = Peer::start()?;
                let address = peer.address()?;
                Ok((Self::Tcp(peer), address))
            }
        }
    }
}

impl<'e> Player<'e> {
    pub(super) fn new(
        envoy: &'e Running,
        chain: Chain,
        address: SocketAddr,
        behind: Behind,
        clusters: Clusters,
    ) -> Self {
        Self { envoy, chain, address, behind, clusters, plan: Plan::new(Engine::Envoy) }
    }

    pub(super) fn play(mut self, steps: &[Step]) -> Vec<ExchangeReport> {
        steps.iter().map(|step| self.step(step)).collect()
    }

    fn step(&mut self, step: &Step) -> ExchangeReport {
        if let Some(why) = self.plan.skips(step) {
            return ExchangeReport::not_run(step, why);
        }
        if let Some(why) = self.clusters.cannot(step) {
            self.plan.break_off();
            return ExchangeReport::not_run(step, why);
        }
        // The start is over by now: what its callouts are was said before it, and all of the log is its.
        let is_start = matches!(step, Step::Start(_));
        if let Err(error) = if is_start { Ok(()) } else { self.clusters.begin(step.callouts()) } {
            return ExchangeReport::not_run(step, &format!("a cluster cannot listen: {error}"));
        }
        let logged = if is_start { 0 } else { self.envoy.process().log_size() };
        let (mut observed, mut differences) = match (step, &self.behind) {
            (Step::Start(start), _) => {
                std::thread::sleep(start.wait.0);
                (Observed::default(), Vec::new())
            }
            (Step::Exchange(exchange), Behind::Http(upstream)) => {
                let (address, mut found) = (self.address, Vec::new());
                let (envoy, chain) = (self.envoy, &mut self.chain);
                let change = |wanted: &Reconfiguration| found.extend(reload(envoy, chain, wanted));
                (send(exchange, upstream, address, change), found)
            }
            (Step::Connection(connection), Behind::Tcp(peer)) => match peer.play(self.address, connection) {
                Ok(seen) => {
                    // The next one begins when this one is over.
                    self.wait_for_the_end();
                    (Observed { connection: Some(Box::new(seen)), ..Observed::default() }, Vec::new())
                }
                Err(error) => (Observed::default(), vec![Difference::told(format!("the connection: {error}"))]),
            },
            (Step::Reload(step), _) => (Observed::default(), reload(self.envoy, &mut self.chain, &step.reload)),
            (Step::Advance(_), _) => return ExchangeReport::not_run(step, "there is no virtual time there"),
            (Step::Exchange(_), Behind::Tcp(_)) | (Step::Connection(_), Behind::Http(_)) => {
                return ExchangeReport::not_run(step, "the filters of the scenario are of another kind");
            }
        };
        let (callouts, found) = self.clusters.finish();
        differences.extend(found);
        observed.callouts = callouts;
        observed.effects = self.effects(logged, &step.expect());
        let mut report = ExchangeReport::new(step, observed, None, 0);
        report.differences.extend(differences);
        if step.callouts().iter().any(Callout::is_refused) {
            report.not_applicable.push("callouts that are refused".to_owned());
        }
        report
    }

    /// What is asked for of logs and metrics, once the stream is over and what is expected is there, or does not come.
    fn effects(&self, logged: u64, expect: &Expect) -> Effects {
        let log = (!expect.log.is_empty() || !expect.no_log.is_empty()).then(|| {
            self.wait_for_the_end();
            let whole = |log: &Vec<String>| expect.log.iter().all(|text| log.iter().any(|line| line.contains(text)));
            let vm_ids = self.chain.plugins.iter().map(|plugin| plugin.vm_id.as_str()).collect::<Vec<_>>();
            let read = || {
                let text = String::from_utf8_lossy(&self.envoy.process().log_from(logged)).into_owned();
                log::lines(&text, &vm_ids, &self.chain.name)
            };
            eventually(read, whole)
        });
        // After a step that was not run they would be others.
        let countable = !expect.metrics.0.is_empty() && self.plan.is_complete();
        let metrics = countable.then(|| {
            self.wait_for_the_end();
            let read = || self.metrics(expect).unwrap_or_default();
            eventually(read, |metrics| {
                expect.metrics.0.iter().all(|(name, value)| metrics.get(name) == Some(&Some(*value)))
            })
        });
        Effects { log, metrics, state: None }
    }

    fn metrics(&self, expect: &Expect) -> io::Result<BTreeMap<String, Option<u64>>> {
        let found = admin::stats(self.envoy.process().admin(), "wasmcustom")?;
        let value = |name: &String| found.get(&format!("wasmcustom.{name}")).copied();
        Ok(expect.metrics.0.iter().map(|(name, _)| (name.clone(), value(name))).collect())
    }

    /// Waits until no request or connection is under way any more.
    fn wait_for_the_end(&self) {
        let name = match self.chain.kind {
            Kind::Http => format!("http.{}.downstream_rq_active", self.chain.name),
            Kind::Network => format!("listener.{}.downstream_cx_active", self.chain.name),
        };
        let active =
            || admin::stats(self.envoy.process().admin(), &name).ok().and_then(|stats| stats.get(&name).copied());
        eventually(active, |active| *active == Some(0));
    }
}

/// Gives a filter a new configuration; what is wrong with how Envoy takes it.
fn reload(envoy: &Running, chain: &mut Chain, wanted: &Reconfiguration) -> Vec<Difference> {
    let mut changed = chain.clone();
    if let Some(plugin) = changed.plugins.iter_mut().find(|plugin| plugin.name == wanted.filter) {
        plugin.configuration = wanted.config.as_ref().map(Document::to_configuration);
    }
    match (envoy.change(&changed), wanted.accepted) {
        (Ok(()), accepted) => {
            *chain = changed;
            if accepted { Vec::new() } else { vec![Difference::told(UNWANTED)] }
        }
        (Err(NotChanged::Rejected(_)), false) => Vec::new(),
        (Err(error), _) => vec![Difference::told(format!("reload: {error}"))],
    }
}

/// Sends a request, and changes what is to be changed while it is under way.
fn send(
    exchange: &Exchange,
    server: &Upstream,
    address: SocketAddr,
    change: impl FnOnce(&Reconfiguration),
) -> Observed {
    server.expect(&exchange.upstream);
    let answer = match &exchange.meanwhile {
        Some(Meanwhile { after_bytes, reload }) => {
            in_two::send_in_two(address, &exchange.request, *after_bytes, || change(reload))
        }
        None => {
            let limit = if exchange.expect.response.answered { client::TIME_LIMIT } else { NO_ANSWER };
            client::send_blocking_within(limit, address, &exchange.request)
        }
    };
    let (response, note) = match answer {
        Ok(response) => (Some(response), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Observed { upstream: server.take_seen(), response, note, ..Observed::default() }
}

/// What is read in the end: as soon as it is as it should be, or when it is too late.
fn eventually<T>(read: impl Fn() -> T, good: impl Fn(&T) -> bool) -> T {
    let limit = Instant::now() + LATE;
    loop {
        let value = read();
        if good(&value) || Instant::now() >= limit {
            return value;
        }
        std::thread::sleep(TICK);
    }
}
