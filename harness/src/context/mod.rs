//! Layer 2: Envoy's `Context`. Which map or buffer lives in which phase, properties, shared data, queues, metrics, logs.
//!
//! A [`VmContext`] is what Envoy knows of one VM: its plugins (root contexts), its streams, which of them the current call
//! is about, and the actions that wait for the end of the call. It sees bytes and status words; the memory they come from
//! is layer 1's, the order in which filters run is layer 3's.

mod actions;
mod buffers;
mod clock;
mod exchange;
mod headers;
mod log;
mod maps;
mod metrics;
mod process;
mod properties;
mod shared;
mod slots;

pub use actions::{Action, LocalReply};
pub use clock::Clock;
pub use exchange::{Attributes, Exchange, Message, Visible};
pub use headers::HeaderMap;
pub use log::{LogLevel, LogLine};
pub(crate) use maps::decode as decode_pairs;
pub use process::Process;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
}

/// What Envoy knows of one VM on one thread.
#[derive(Debug)]
pub struct VmContext {
    process: Arc<Process>,
    vm_id: String,
    next_id: u32,
    roots: BTreeMap<u32, Arc<Plugin>>,
    streams: HashMap<u32, StreamContext>,
    metrics: metrics::Handles,
    call: Call,
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
}

impl VmContext {
    /// A fresh VM's.
    #[must_use]
    pub fn new(process: Arc<Process>, vm_id: &str) -> Self {
        Self {
            process,
            vm_id: vm_id.to_owned(),
            next_id: 1,
            roots: BTreeMap::new(),
            streams: HashMap::new(),
            metrics: metrics::Handles::default(),
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
        self.roots.iter().find_map(|(id, other)| (**other == *plugin).then_some(*id))
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
    }

    /// Says which maps and buffers a stream's callbacks can reach.
    pub fn visible_mut(&mut self, stream: u32) -> Option<&mut Visible> {
        self.streams.get_mut(&stream).map(|stream| &mut stream.visible)
    }

    /// The process that this VM is part of.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// A call into the guest begins.
    pub fn begin(&mut self, context: u32, configuring: bool) {
        self.call = Call { context, configuring, ..Call::default() };
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

    /// The plugin that a call is about.
    fn plugin(&self) -> Option<&Arc<Plugin>> {
        let active = self.active();
        let root = self.streams.get(&active).map_or(active, |stream| stream.root);
        self.roots.get(&root)
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

/// Locks; a thread that died while it held the lock left nothing half-done that a test would not notice anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
