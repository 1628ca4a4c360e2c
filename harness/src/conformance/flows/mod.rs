//! The second set of cases: streams. What filters hold back, change, answer and break, and what client and upstream get.
//!
//! A [`Group`] is a chain of probes with one configuration, and the [`Flow`]s that go through it, one after the other; a flow
//! is one case. In Envoy two more probes stand around the chain and record what comes in: which frames, in which order, in
//! pieces of which size ([`events`]). The harness gets exactly that ([`emulated`]), and then both must tell the same: every
//! callback with its arguments, every call with its answer, what left for the upstream, what the client got
//! ([`transcript`]).
//!
//! | module | idea |
//! |---|---|
//! | [`cases`] | the tables from which all groups are made |
//! | [`message`] | what is sent: on the wire, and as a filter sees it |
//! | [`received`] | what came out at either end |
//! | [`real`], [`config`], [`tail`], [`server`] | a group in Envoy |
//! | [`client`], [`http2`] | a client of it, over HTTP/1.1 and over HTTP/2 |
//! | [`events`] | what came in, from what the recorders logged |
//! | [`emulated`] | a group in the harness |
//! | [`transcript`] | what both must agree on |
//! | [`table`] | the table |

pub mod cases;
mod client;
mod config;
mod emulated;
mod events;
mod http2;
mod message;
mod real;
mod received;
mod server;
pub mod table;
mod tail;
mod transcript;

use std::collections::BTreeMap;
use std::path::Path;

pub use cases::groups;
pub use message::{Framing, Message};

use tamis_module::gate::EnvoyVersion;

use super::compare::Known;
use super::{ConformanceError, Pool};
use crate::envoy::EnvoyBinary;
use crate::stream::{FailurePolicy, LoadedModule};

/// Flows through one chain.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name; part of the names of its listener, plugins and VMs.
    pub name: String,
    /// The chain, in the order in which a request meets it.
    pub plugins: Vec<Plugin>,
    /// The most bytes that the proxy buffers of a message.
    pub limit: u32,
    /// It may end Envoy, or its plugins end their VM: it gets a process of its own.
    pub alone: bool,
    /// Its plugins change because its listener does, and not by extension discovery. It has a process of its own.
    pub listener: bool,
    /// A VM that has failed is loaded anew only after a long time (rule `FAIL-7`).
    pub patient: bool,
    /// What its clients speak.
    pub wire: Wire,
    /// What goes through, in this order.
    pub flows: Vec<Flow>,
}

/// What a client speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wire {
    /// HTTP/1.1, a connection for each request.
    #[default]
    Http1,
    /// HTTP/2 without TLS, one connection for all requests of a flow.
    Http2,
}

/// A probe in the chain.
#[derive(Debug, Clone, Default)]
pub struct Plugin {
    /// Which VM it lives in: those of one number share it.
    pub vm: usize,
    /// What happens after a trap.
    pub policy: FailurePolicy,
    /// Envoy's flag for headers that are held while the body comes (rule `BODY-1`).
    pub held: bool,
    /// The program for all flows of the group.
    pub program: Vec<String>,
}

/// One case: an exchange, or several that have to do with each other.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its name; no two are the same.
    pub name: String,
    /// What is sent, in this order.
    pub exchanges: Vec<Exchange>,
    /// When the next exchange begins.
    pub order: Order,
    /// What changes when the first exchange waits.
    pub reload: Option<Reload>,
}

/// When the next exchange of a flow begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// When the one before is over.
    #[default]
    After,
    /// While the one before waits.
    Beside,
    /// With the one before: their pieces come in turn. Only over HTTP/2.
    Interleaved,
}

/// A new configuration of a plugin. Every one of a group has a line more that is called in every stream, so that it can be
/// told which one a stream has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reload {
    /// It says no to it.
    pub rejected: bool,
    /// Its VM is another one, too.
    pub new_vm: bool,
}

/// A request, and what the upstream does about it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Its number in the group, from 1; its path ends in it.
    pub number: usize,
    /// The request.
    pub request: Message,
    /// The response.
    pub response: Message,
    /// The upstream answers when it has seen the request's headers.
    pub early: bool,
    /// It begins when so much time has passed that a VM may be loaded anew (rule `FAIL-7`).
    pub later: bool,
    /// So many parts of the request are sent and no more; until the reload, where there is one.
    pub held: Option<usize>,
    /// So many parts of the response are sent and no more.
    pub stalled: Option<usize>,
    /// The client goes when nothing happens any more.
    pub aborted: bool,
}

/// One case that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The flow's name.
    pub flow: String,
    /// Both accounts, as lines; `-` is the harness', `+` is Envoy's.
    pub text: String,
    /// The place in the list of the entry that explains it.
    pub known: Option<usize>,
}

/// What came of one version.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Envoy's version.
    pub version: String,
    /// How many groups were run, of how many.
    pub groups: (usize, usize),
    /// Flows that were compared.
    pub cases: usize,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// Runs groups in the harness and in one version of Envoy.
///
/// # Errors
///
/// [`ConformanceError`] when one of the two does not run.
pub fn run(
    binary: &EnvoyBinary,
    module: &Path,
    groups: &[Group],
    known: &[Known],
    pool: &Pool<'_>,
) -> Result<Outcome, ConformanceError> {
    let loaded = super::probe(module)?;
    let version = binary.version().to_owned();
    let envoy = version.parse()?;
    let is_known = |name: &str| known.iter().position(|known| known.explains_flow(&version, name));
    let different = pool.run(&version, &real::jobs(groups), |some| {
        let compare = |groups: &[&Group]| compare(binary, module, &loaded, envoy, groups);
        repeated(some, compare, |name| is_known(name).is_some())
    })?;
    let mut different = different.into_iter().flatten().collect::<BTreeMap<_, _>>();
    let (mut cases, mut differences) = (0, Vec::new());
    for flow in groups.iter().flat_map(|group| &group.flows) {
        cases += 1;
        if let Some(text) = different.remove(&flow.name) {
            differences.push(Difference { flow: flow.name.clone(), text, known: is_known(&flow.name) });
        }
    }
    Ok(Outcome { version, groups: (groups.len(), groups.len()), cases, differences })
}

/// How often a group is run again in which something differs.
const RETRIES: usize = 4;

/// The flows that always differ, as far as nothing explains them. On a busy machine a timer can fire while a stream ends: for
/// a moment Envoy still knows what it has told the filter to forget (rule `LIFE-13`).
fn repeated(
    groups: &[&Group],
    compare: impl Fn(&[&Group]) -> Result<BTreeMap<String, String>, ConformanceError>,
    is_known: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, String>, ConformanceError> {
    let mut different = compare(groups)?;
    for _ in 0..RETRIES {
        let odd = |flow: &Flow| different.contains_key(&flow.name) && !is_known(&flow.name);
        let again = groups.iter().copied().filter(|group| group.flows.iter().any(odd)).collect::<Vec<_>>();
        if again.is_empty() {
            break;
        }
        let still = compare(&again)?;
        different.retain(|name, _| is_known(name) || still.contains_key(name));
    }
    Ok(different)
}

/// The flows in which harness and Envoy differ, by name.
fn compare(
    binary: &EnvoyBinary,
    module: &Path,
    loaded: &LoadedModule,
    envoy: EnvoyVersion,
    groups: &[&Group],
) -> Result<BTreeMap<String, String>, ConformanceError> {
    let waiting = groups.iter().map(|group| emulated::waiting(loaded, group, envoy)).collect::<Result<Vec<_>, _>>()?;
    let theirs = real::run(binary, module, groups, &waiting)?;
    let mut different = BTreeMap::new();
    for (group, theirs) in groups.iter().zip(theirs) {
        let ours = emulated::run(loaded, group, &theirs, envoy)?;
        for ((flow, ours), theirs) in group.flows.iter().zip(ours).zip(theirs) {
            let text = transcript::difference(&ours, &theirs.transcript);
            different.extend(text.map(|text| (flow.name.clone(), text)));
        }
    }
    Ok(different)
}

impl Outcome {
    /// Differences that no entry of the list explains.
    pub fn unexplained(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| difference.known.is_none())
    }

    /// Version and place in the list of every difference that an entry explains.
    pub fn explained(&self) -> impl Iterator<Item = (&str, usize)> {
        self.differences.iter().filter_map(|difference| Some((self.version.as_str(), difference.known?)))
    }
}

impl Group {
    /// The path that an exchange asks for.
    fn path(&self, exchange: &Exchange) -> String {
        format!("/{}/{}", self.name, exchange.number)
    }

    /// The root id of a plugin, from 0.
    fn root(&self, plugin: usize) -> String {
        format!("{}:{plugin}", self.name)
    }

    /// The configurations of a plugin up to that of the last reload, in order.
    fn plugin_after(&self, plugin: usize, reloads: usize) -> Plugin {
        let mut wanted = self.plugins.get(plugin).cloned().unwrap_or_default();
        let all = self.flows.iter().filter_map(|flow| flow.reload).take(reloads);
        // What was rejected leaves no trace; but the same one again would be refused without a look (rule LIFE-3).
        for (index, reload) in all.enumerate().filter(|(index, reload)| !reload.rejected || index + 1 == reloads) {
            let lines = if reload.rejected { index + 1 } else { 1 };
            wanted.program.extend(std::iter::repeat_n(VERSION.to_owned(), lines));
            if reload.new_vm {
                wanted.vm += 100 * (index + 1);
            }
            if reload.rejected {
                wanted.program.push("* configure return 0".to_owned());
            }
        }
        wanted
    }

    /// How many reloads there are before a flow.
    fn reloads_before(&self, flow: usize) -> usize {
        self.flows.iter().take(flow).filter(|flow| flow.reload.is_some()).count()
    }

    /// Whether an exchange is under way when its listener is changed.
    fn drains(&self, exchange: &Exchange) -> bool {
        let flow = self.flow_of(exchange.number).and_then(|flow| self.flows.get(flow));
        let changes = flow.is_some_and(|flow| flow.reload.is_some_and(|reload| !reload.rejected));
        let first = flow.and_then(|flow| flow.exchanges.first()).is_some_and(|first| first.number == exchange.number);
        self.listener && changes && first
    }

    /// Whether its plugins can change.
    fn reloads(&self) -> bool {
        self.flows.iter().any(|flow| flow.reload.is_some())
    }

    /// The flow that an exchange's number belongs to.
    fn flow_of(&self, number: usize) -> Option<usize> {
        self.flows.iter().position(|flow| flow.exchanges.iter().any(|exchange| exchange.number == number))
    }
}

/// What every reload adds to a program: one call more.
const VERSION: &str = "* request_headers,request_body,request_trailers,response_headers,response_body,response_trailers,log,tick \
                       proxy_get_log_level @u32";

impl Plugin {
    /// The line of the program that has this number.
    fn line(&self, number: usize) -> Option<&str> {
        self.program.get(number.checked_sub(1)?).map(String::as_str)
    }

    /// What the probe reads.
    fn configuration(&self) -> String {
        format!("number-by-path\n{}", self.program.join("\n"))
    }
}
