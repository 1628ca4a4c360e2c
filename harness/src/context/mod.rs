//! Layer 2: Envoy's `Context`. Which map or buffer lives in which phase, properties, shared data, queues, metrics, logs.
//!
//! A [`VmContext`] is what Envoy knows of one VM: its plugins (root contexts), its streams, which of them the current call
//! is about, and the actions that wait for the end of the call. It sees bytes and status words; the memory they come from
//! is layer 1's, the order in which filters run is layer 3's.

mod actions;
mod attributes;
mod buffers;
mod callouts;
mod clock;
mod exchange;
mod foreign;
mod grpc;
mod headers;
mod log;
mod lookup;
mod maps;
mod messages;
mod metrics;
mod process;
mod properties;
mod proto;
mod shared;
mod signatures;
mod slots;
mod value;

pub use actions::{Action, LocalReply};
pub use attributes::{Attributes, Connection, Progress, Tls, Upstream, Xds};
pub(crate) use callouts::CalloutArguments;
pub use callouts::{CalloutRequest, Incoming};
pub use clock::Clock;
pub use exchange::{Exchange, Message, Visible};
pub(crate) use grpc::GrpcArguments;
pub use grpc::{GrpcRequest, GrpcTarget, GrpcWhat};
pub use headers::HeaderMap;
pub use log::{LogLevel, LogLine};
pub use maps::{decode as decode_pairs, encode as encode_pairs};
pub use messages::{Locality, Metadata, Node};
pub(crate) use process::next_random;
pub use process::{ClusterState, Process};
pub(crate) use shared::VmIdHandle;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tamis_module::gate::EnvoyVersion;

use crate::abi::Status;

/// One plugin: a filter with its configuration, as a proxy's configuration names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plugin {
    /// `name`: shown in logs.
    pub name: String,
    /// `root_id`: shown in logs; modules may look at it.
    pub root_id: String,
    /// `vm_config.vm_id`: who shares a VM, and the store of shared data.
    pub vm_id: String,
    /// `configuration`, as the module gets it: JSON text, or nothing.
    pub configuration: Vec<u8>,
    /// `vm_config.configuration`: part of what tells VMs apart.
    pub vm_configuration: Vec<u8>,
    /// `vm_config.environment_variables`, names with values.
    pub environment: Vec<(String, String)>,
    /// `capability_restriction_config.allowed_capabilities`; empty means all (rule `CAP-1`).
    pub allowed_capabilities: Vec<String>,
    /// `allow_on_headers_stop_iteration`: pausing at the headers holds only them (rules `BODY-1`, `BODY-3`).
    pub allow_on_headers_stop_iteration: bool,
}

impl Plugin {
    /// Whether both are one plugin where they share a VM (rule `LIFE-1`).
    #[must_use]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.root_id, &self.configuration) == (&other.name, &other.root_id, &other.configuration)
    }
}

/// What Envoy knows of one VM on one thread.
#[derive(Debug)]
pub struct VmContext {
    process: Arc<Process>,
    envoy: EnvoyVersion,
    vm_id: String,
    /// What its VM id has stored stays as long as it lives.
    _holds: VmIdHandle,
    vm_configuration: Vec<u8>,
    environment: Vec<(String, String)>,
    allowed: BTreeSet<String>,
    /// Thread and VM, for whoever wants to reach it.
    place: (usize, usize),
    next_id: u32,
    roots: BTreeMap<u32, Arc<Plugin>>,
    streams: BTreeMap<u32, StreamContext>,
    declared: foreign::Declared,
    /// The guest speaks ABI 0.1.0: a missing header is empty to it (rule `HDR-4`).
    old_abi: bool,
    metrics: metrics::Handles,
    callouts: callouts::Callouts,
    wishes: Wishes,
    /// Root contexts that want to finish something before they go, and whether they have (rule `LIFE-11`).
    leaving: BTreeMap<u32, bool>,
    /// The contexts whose buffer 8 still shows the plugin's configuration (rule `BUF-8`).
    lent: RefCell<BTreeSet<u32>>,
    /// The code of the last callout that failed, by root context.
    statuses: HashMap<u32, u32>,
    call: Call,
}

/// What guests want for later; fetched after every call.
#[derive(Debug, Default)]
pub struct Wishes {
    /// Callouts that were made.
    pub callouts: Vec<CalloutRequest>,
    /// What was asked of gRPC.
    pub grpc: Vec<GrpcRequest>,
    /// Timers that were set, by root context; zero switches one off.
    pub ticks: Vec<(u32, Duration)>,
}

/// One stream in this VM.
#[derive(Debug)]
struct StreamContext {
    root: u32,
    exchange: Arc<Mutex<Exchange>>,
    visible: Visible,
}

/// The call that is going on.
#[derive(Debug, Default)]
struct Call {
    context: u32,
    effective: Option<u32>,
    configuring: bool,
    actions: Vec<Action>,
    /// What came back for a request of the guest's own.
    incoming: Incoming,
}

impl VmContext {
    /// A fresh VM's.
    #[must_use]
    pub fn new(process: Arc<Process>, plugin: &Plugin, place: (usize, usize), envoy: EnvoyVersion) -> Self {
        Self {
            _holds: VmIdHandle::new(process.clone(), &plugin.vm_id),
            process,
            envoy,
            vm_id: plugin.vm_id.clone(),
            vm_configuration: plugin.vm_configuration.clone(),
            environment: plugin.environment.clone(),
            allowed: plugin.allowed_capabilities.iter().cloned().collect(),
            place,
            next_id: 1,
            roots: BTreeMap::new(),
            streams: BTreeMap::new(),
            declared: foreign::Declared::default(),
            old_abi: false,
            metrics: metrics::Handles::default(),
            callouts: callouts::Callouts::default(),
            wishes: Wishes::default(),
            leaving: BTreeMap::new(),
            lent: RefCell::default(),
            statuses: HashMap::new(),
            call: Call::default(),
        }
    }

    /// A new root context's id (rule `LIFE-7`).
    pub fn add_root(&mut self, plugin: Arc<Plugin>) -> u32 {
        let id = self.id();
        self.roots.insert(id, plugin);
        id
    }

    /// The root context of a plugin that this VM has already.
    #[must_use]
    pub fn find_root(&self, plugin: &Plugin) -> Option<u32> {
        self.roots.iter().find_map(|(id, other)| other.is_same(plugin).then_some(*id))
    }

    /// A new stream context's id.
    pub fn add_stream(&mut self, root: u32, exchange: Arc<Mutex<Exchange>>) -> u32 {
        let id = self.id();
        self.streams.insert(id, StreamContext { root, exchange, visible: Visible::default() });
        id
    }

    /// Forgets a stream.
    pub fn remove_stream(&mut self, id: u32) {
        self.streams.remove(&id);
        self.declared.forget(id);
    }

    /// Says which maps and buffers a stream's callbacks can reach.
    pub fn visible_mut(&mut self, stream: u32) -> Option<&mut Visible> {
        self.streams.get_mut(&stream).map(|stream| &mut stream.visible)
    }

    /// Takes the request of the stream that the call is about out of reach (rule `HDR-2`).
    pub(crate) fn forget_request(&mut self) {
        let active = self.active();
        if let Some(visible) = self.visible_mut(active) {
            (visible.request_headers, visible.request_body, visible.request_trailers) = (false, false, false);
        }
    }

    /// The guest speaks ABI 0.1.0.
    pub(crate) fn set_old_abi(&mut self) {
        self.old_abi = true;
    }

    /// Which Envoy this is.
    #[must_use]
    pub fn envoy(&self) -> EnvoyVersion {
        self.envoy
    }

    /// The process that this VM is part of.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// The root contexts.
    pub fn roots(&self) -> impl Iterator<Item = u32> {
        self.roots.keys().copied()
    }

    /// Forgets a root context.
    pub fn remove_root(&mut self, root: u32) {
        self.roots.remove(&root);
        self.leaving.remove(&root);
        self.declared.forget(root);
    }

    /// A root context wants to finish something before it goes.
    pub fn wait_for_done(&mut self, root: u32) {
        self.leaving.insert(root, false);
    }

    /// Whether a root context has asked to wait.
    #[must_use]
    pub fn waits_for_done(&self, root: u32) -> bool {
        self.leaving.contains_key(&root)
    }

    /// Whether a root context that waited is done.
    #[must_use]
    pub fn is_done(&self, root: u32) -> bool {
        self.leaving.get(&root).copied().unwrap_or_default()
    }

    /// Whether a host function or callback may be used (rule `CAP-1`).
    #[must_use]
    pub fn allows(&self, capability: &str) -> bool {
        self.allowed.is_empty() || self.allowed.contains(capability)
    }

    /// The VM's environment (rule `CFG-4`).
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// What guests want for later, since the last call; nothing when they want nothing.
    pub fn take_wishes(&mut self) -> Option<Wishes> {
        let Wishes { callouts, grpc, ticks } = &self.wishes;
        let wants = !(callouts.is_empty() && grpc.is_empty() && ticks.is_empty());
        wants.then(|| std::mem::take(&mut self.wishes))
    }

    /// A call into the guest begins, with what came back for a request of its own.
    pub fn begin(&mut self, context: u32, configuring: bool, incoming: Incoming) {
        // It is kept until the next failure (rule LOG-3).
        match &incoming {
            Incoming::Http(None) => drop(self.statuses.insert(context, 11)),
            Incoming::GrpcClose(status, _) => drop(self.statuses.insert(context, *status)),
            _ => {}
        }
        self.call = Call { context, configuring, incoming, ..Call::default() };
    }

    /// `proxy_set_tick_period_milliseconds`: always the root context's (rule `TICK-1`).
    pub(crate) fn set_tick(&mut self, milliseconds: u32) {
        let root = self.root();
        self.wishes.ticks.push((root, Duration::from_millis(u64::from(milliseconds))));
    }

    /// `proxy_done`: nothing is pending unless the plugin asked to stay (rule `LIFE-11`).
    pub(crate) fn done(&mut self) -> Result<(), Status> {
        let root = self.root();
        match self.leaving.get_mut(&root) {
            Some(done) if !*done => {
                *done = true;
                Ok(())
            }
            _ => Err(Status::NotFound),
        }
    }

    /// The call is over; what it asked for is done now (rule `LIFE-12`).
    pub fn end(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.call).actions
    }

    /// `proxy_set_effective_context` (rule `LIFE-13`)
    pub(crate) fn set_effective(&mut self, id: u32) -> Result<(), Status> {
        if !self.roots.contains_key(&id) && !self.streams.contains_key(&id) {
            return Err(Status::BadArgument);
        }
        self.call.effective = Some(id);
        Ok(())
    }

    /// Queues an action for the end of the call.
    pub(crate) fn defer(&mut self, action: impl FnOnce(u32) -> Action) {
        let action = action(self.active());
        self.call.actions.push(action);
    }

    /// The context that a call is about: the effective one, else the one that was called.
    fn active(&self) -> u32 {
        self.call.effective.unwrap_or(self.call.context)
    }

    fn stream(&self) -> Option<&StreamContext> {
        self.streams.get(&self.active())
    }

    /// The root context of the context that a call is about.
    fn root(&self) -> u32 {
        let active = self.active();
        self.streams.get(&active).map_or(active, |stream| stream.root)
    }

    /// The plugin that a call is about.
    fn plugin(&self) -> Option<&Arc<Plugin>> {
        self.roots.get(&self.root())
    }

    fn id(&mut self) -> u32 {
        loop {
            let id = self.next_id;
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if !self.roots.contains_key(&id) && !self.streams.contains_key(&id) {
                return id;
            }
        }
    }
}

/// The gRPC status for an HTTP status, as gRPC's own mapping has it (rule `LR-5`).
pub(crate) const fn grpc_status(http: u64) -> u32 {
    match http {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// Locks; a thread that died while it held the lock left nothing half-done that a test would not notice anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
