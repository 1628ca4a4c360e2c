//! One thread of the proxy: its VMs, the streams on it, its timers and callouts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tamis_module::gate::EnvoyVersion;

use super::bytes::{Connection, Link, MAX_RESUMES};
use super::callout::{CalloutAnswer, GrpcAnswer, router_reply};
use super::proxy::{FailurePolicy, FilterSpec, LoadError, Options};
use super::run::Run;
use super::side::Direction;
use super::state::{FilterState, StreamState};
use super::vms::{Vms, same_vm};
use super::whole::Collector;
use super::{End, Frame, Passed};
use crate::abi::Callback;
use crate::context::{Attributes, Exchange, LocalReply, Process, Progress, lock};
use crate::cost::Cost;

/// A thread of the proxy.
#[derive(Debug)]
pub(super) struct Thread {
    pub vms: Vms,
    pub chain: Vec<Handle>,
    /// On the heap each, so that it can be taken out and put back without being copied.
    pub streams: BTreeMap<u64, Box<StreamState>>,
    pub connections: BTreeMap<u64, Connection>,
    next_stream: u64,
    options: Options,
    /// There are plugins that the chain no longer has.
    retiring: bool,
    /// Filters of chains that drain: their plugins stay, also without a stream.
    draining: Vec<Handle>,
}

/// A filter of the chain on one thread.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    pub vm: usize,
    pub root: u32,
    pub filter: Arc<FilterSpec>,
}

impl Thread {
    /// Tries a filter out in VMs of its own, which are dropped without a word (rule `LIFE-3`).
    pub(super) fn canary(filter: &Arc<FilterSpec>, process: &Arc<Process>, options: Options) -> Result<(), LoadError> {
        Vms::new(process.clone(), usize::MAX, options.envoy).load(filter).map(drop)
    }

    /// Starts the VMs and plugins of a chain. A plugin that says no here, after its canary's yes, is left out on this thread
    /// (rule `LIFE-6`).
    pub(super) fn start(filters: &[Arc<FilterSpec>], process: &Arc<Process>, index: usize, options: Options) -> Self {
        let mut vms = Vms::new(process.clone(), index, options.envoy);
        let chain = filters.iter().filter_map(|filter| vms.load(filter).ok()).collect();
        vms.drop_empty();
        let (streams, connections, draining) = Default::default();
        let mut thread = Self { vms, chain, streams, connections, next_stream: 1, options, retiring: false, draining };
        thread.settle();
        thread
    }

    /// The filters of the chain that share a filter's VM.
    pub(super) fn filters_of(&self, filter: &FilterSpec) -> impl Iterator<Item = &Arc<FilterSpec>> {
        let envoy = self.options.envoy;
        self.chain.iter().map(|handle| &handle.filter).filter(move |other| same_vm(other, filter, envoy))
    }

    /// Takes over a new chain; streams that are under way keep the old one. Plugins that no stream needs any more are shut
    /// down (rule `LIFE-11`).
    pub(super) fn reload(&mut self, filters: &[Arc<FilterSpec>]) {
        self.chain = filters.iter().filter_map(|filter| self.vms.load(filter).ok()).collect();
        self.settle();
        self.retiring = true;
        self.retire();
    }

    /// Takes over the chain of a changed listener: the old one stays until it has drained.
    pub(super) fn replace(&mut self, filters: &[Arc<FilterSpec>]) {
        self.draining.append(&mut self.chain.clone());
        self.reload(filters);
    }

    /// Chains that drain have drained.
    pub(super) fn drained(&mut self) {
        self.retiring |= !self.draining.is_empty();
        self.draining.clear();
        self.retire();
    }

    /// Begins a stream: every filter gets its context's id, before its VM is entered (rule `LIFE-7`).
    pub(super) fn open(&mut self, attributes: Attributes) -> u64 {
        let exchange = self.exchange(attributes);
        let mut state = Box::new(StreamState {
            exchange: exchange.clone(),
            filters: Vec::new(),
            cost_before: self.vms.cost(),
            out: Vec::new(),
            lanes: Default::default(),
            prepared: None,
            response_begun: false,
            response_sent: false,
            replied: false,
            over: false,
            told: false,
        });
        for handle in &self.chain {
            let failed = self.vms.failed(handle.vm);
            // A new stream on a failed VM: without the filter, or a 503 at its headers (rule FAIL-8).
            if failed && handle.filter.failure_policy == FailurePolicy::Open {
                continue;
            }
            let Some(id) = self.vms.add_stream(handle.vm, handle.root, &exchange) else { continue };
            let handle = handle.clone();
            let (request, response) = Default::default();
            state.filters.push(FilterState { handle, id, created: false, replied: false, request, response });
        }
        let key = self.next_key();
        self.streams.insert(key, state);
        key
    }

    /// Begins a connection: its filters hear of it, one after the other.
    pub(super) fn connect(&mut self, attributes: Attributes) -> u64 {
        let exchange = self.exchange(attributes);
        lock(&exchange).is_connection = true;
        let mut connection = Connection::new(exchange.clone(), self.vms.cost());
        for handle in &self.chain {
            // A new connection on a failed VM: without the filter, or closed (rule FAIL-8).
            if self.vms.failed(handle.vm) && handle.filter.failure_policy == FailurePolicy::Open {
                continue;
            }
            if let Some(id) = self.vms.add_stream(handle.vm, handle.root, &exchange) {
                connection.add(handle.clone(), id);
            }
        }
        let key = self.next_key();
        self.connections.insert(key, connection);
        self.on_connection(key, |link| {
            link.begin();
        });
        key
    }

    /// Does something with a connection.
    pub(super) fn on_connection(&mut self, key: u64, act: impl FnOnce(&mut Link<'_>)) {
        if let Some(state) = self.connections.get_mut(&key) {
            act(&mut Link { vms: &mut self.vms, state, buffer_limit: self.options.buffer_limit });
        }
        self.settle();
    }

    /// Forgets a connection; one that is open is broken off by its client. Says what the thread has spent since it began.
    pub(super) fn forget(&mut self, key: u64) -> Cost {
        self.on_connection(key, |link| link.break_off(End::Client));
        let Some(connection) = self.connections.remove(&key) else { return Cost::default() };
        self.retire();
        self.vms.cost() - connection.cost_before
    }

    /// A new stream's, on a thread whose failed VMs had their chance.
    fn exchange(&mut self, mut attributes: Attributes) -> Arc<Mutex<Exchange>> {
        self.revive();
        let clock = self.vms.clock();
        if attributes.start_nanoseconds == 0 {
            attributes.start_nanoseconds = clock.wall_nanoseconds();
        }
        let progress = Progress { opened: clock.elapsed(), ..Progress::default() };
        Arc::new(Mutex::new(Exchange { attributes, progress, ..Exchange::default() }))
    }

    fn next_key(&mut self) -> u64 {
        let key = self.next_stream;
        self.next_stream += 1;
        key
    }

    /// Hands a frame to a stream.
    pub(super) fn send(&mut self, key: u64, direction: Direction, frame: Frame, end: bool) {
        if let Some(state) = self.streams.get_mut(&key) {
            Run { vms: &mut self.vms, state, buffer_limit: self.options.buffer_limit }.send(direction, frame, end);
        }
        self.tell_if_over(key);
        self.settle();
    }

    /// Answers a stream in place of its upstream.
    pub(super) fn reply(&mut self, key: u64, reply: LocalReply) {
        if let Some(state) = self.streams.get_mut(&key) {
            Run { vms: &mut self.vms, state, buffer_limit: self.options.buffer_limit }.local_reply(reply);
        }
        self.tell_if_over(key);
        self.settle();
    }

    /// What has become of a message that was sent in this direction.
    pub(super) fn passed(&mut self, key: u64, direction: Direction) -> Passed {
        let Some(state) = self.streams.get_mut(&key) else { return Passed::Reset };
        let (out, replied) = (std::mem::take(&mut state.out), state.replied);
        Collector::default().passed(out, replied, direction)
    }

    /// Ends a stream: the log in all filters, then done and delete in each (rule `LIFE-9`). Says what the thread has spent since
    /// it began.
    pub(super) fn close(&mut self, key: u64) -> Cost {
        let Some(mut state) = self.streams.remove(&key) else { return Cost::default() };
        if !std::mem::replace(&mut state.over, true) {
            state.client_has_gone();
        }
        self.tell(&mut state);
        for filter in &state.filters {
            self.vms.remove_stream(filter.handle.vm, filter.id);
        }
        self.settle();
        self.retire();
        self.vms.cost() - state.cost_before
    }

    /// Tells the filters of a stream's end, once.
    fn tell(&mut self, state: &mut StreamState) {
        if state.over && !std::mem::replace(&mut state.told, true) {
            Run { vms: &mut self.vms, state, buffer_limit: self.options.buffer_limit }.log();
            // What was asked for about other streams does not wait until this one is forgotten (rule LIFE-12).
            self.settle();
            Run { vms: &mut self.vms, state, buffer_limit: self.options.buffer_limit }.forget();
        }
    }

    /// With its response a stream ends, whatever is left of the request.
    fn tell_if_over(&mut self, key: u64) {
        if self.streams.get(&key).is_some_and(|state| state.over && !state.told)
            && let Some(mut state) = self.streams.remove(&key)
        {
            self.tell(&mut state);
            self.streams.insert(key, state);
        }
    }

    /// Delivers what came back for a callout to the root context that made it (rule `HC-7`).
    pub(super) fn answer(&mut self, vm: usize, token: u32, answer: CalloutAnswer) -> bool {
        let Some(waiting) = self.vms.take_callout(vm, token) else { return false };
        let response = match answer {
            CalloutAnswer::Response(response) => Some(response),
            CalloutAnswer::Unreachable => Some(router_reply("503", unreachable(self.options.envoy))),
            CalloutAnswer::Reset => None,
        };
        self.vms.deliver(&waiting, response);
        self.settle();
        self.retire();
        true
    }

    /// Hands what came for a gRPC call or stream to the root context that it belongs to (rules `GRPC-2`, `GRPC-3`). Says
    /// whether it was still open.
    pub(super) fn grpc(&mut self, vm: usize, root: u32, token: u32, answer: GrpcAnswer) -> bool {
        let delivered = self.vms.grpc_answer(vm, root, token, answer);
        self.settle();
        delivered
    }

    /// When the next timer or deadline is.
    pub(super) fn next_event(&self) -> Option<Duration> {
        self.vms.next_event()
    }

    /// Runs the timers and deadlines that are due.
    pub(super) fn run_due(&mut self, now: Duration) {
        while let Some(waiting) = self.vms.take_late_callout(now) {
            self.vms.deliver(&waiting, Some(router_reply("504", "upstream request timeout")));
            self.settle();
        }
        while let Some((vm, root, token)) = self.vms.take_late_grpc(now) {
            let answer =
                GrpcAnswer::Close { status: 14, message: "upstream request timeout{response_timeout}".to_owned() };
            self.grpc(vm, root, token, answer);
        }
        for (vm, root) in self.vms.due_ticks(now) {
            // A failed VM has no ticks any more (rule FAIL-4).
            let _ = self.vms.call(vm, root, Callback::Tick);
            self.vms.arm_again(vm, root, now);
            self.settle();
        }
        self.retire();
    }

    /// Runs the timer of a filter of the chain, if it is set; else that of the plugin whose place it has taken, as long as a
    /// stream needs that, or it has something to finish (rule `LIFE-11`).
    pub(super) fn tick(&mut self, filter: usize, now: Duration) {
        let Some(Handle { vm, root, .. }) = self.chain.get(filter).cloned() else { return };
        let earlier = self.streams.values().filter_map(|state| Some(&state.filters.get(filter)?.handle));
        let earlier = earlier.map(|handle| (handle.vm, handle.root)).collect::<Vec<_>>();
        let draining = self.draining.iter().map(|handle| (handle.vm, handle.root));
        let leaving = self.vms.leaving(vm);
        let mut candidates = std::iter::once((vm, root)).chain(earlier).chain(draining).chain(leaving);
        if let Some((vm, root)) = candidates.find(|(vm, root)| self.vms.has_tick(*vm, *root)) {
            let _ = self.vms.call(vm, root, Callback::Tick);
            self.vms.arm_again(vm, root, now);
            self.settle();
            self.retire();
        }
    }

    /// Tells a root context that its queue has something (rule `SQ-3`).
    pub(super) fn queue_ready(&mut self, vm: usize, root: u32, token: u32) {
        let _ = self.vms.call(vm, root, Callback::QueueReady { token });
        self.settle();
    }

    /// Does what calls have asked for about other streams than their own.
    fn settle(&mut self) {
        let mut resumed = 0;
        while let Some((vm, action)) = self.vms.next_pending() {
            let id = action.context();
            let found = self.streams.iter_mut().find_map(|(key, state)| {
                let index = state.filters.iter().position(|filter| filter.handle.vm == vm && filter.id == id)?;
                Some((*key, state, index))
            });
            if let Some((key, state, index)) = found {
                Run { vms: &mut self.vms, state, buffer_limit: self.options.buffer_limit }.act(index, action);
                self.tell_if_over(key);
                continue;
            }
            let found = self.connections.values_mut().find_map(|state| Some((state.find(vm, id)?, state)));
            // Guests that resume each other without end are not followed.
            resumed += 1;
            if let Some((index, state)) = found
                && resumed <= MAX_RESUMES
            {
                Link { vms: &mut self.vms, state, buffer_limit: self.options.buffer_limit }.act(index, &action);
            }
        }
    }

    /// Loads VMs anew that failed long enough ago, where the policy says so (rule `FAIL-7`).
    fn revive(&mut self) {
        let reloads = self.chain.iter().filter(|handle| handle.filter.failure_policy == FailurePolicy::Reload);
        let failed = reloads.map(|handle| handle.vm).filter(|vm| self.vms.failed(*vm)).collect::<Vec<_>>();
        for vm in failed {
            self.vms.revive(vm, &mut self.chain);
        }
    }

    /// Shuts plugins down that neither the chain nor a stream needs.
    fn retire(&mut self) {
        if !self.retiring {
            return;
        }
        let has =
            |handles: &[&Handle], root: (usize, u32)| handles.iter().any(|handle| (handle.vm, handle.root) == root);
        let chain = self.chain.iter().chain(&self.draining).collect::<Vec<_>>();
        let streams = self.streams.values().flat_map(|state| state.filters.iter().map(|filter| &filter.handle));
        let connections = self.connections.values().flat_map(Connection::handles);
        let streams = streams.chain(connections).collect::<Vec<_>>();
        let old = self.vms.roots().into_iter().filter(|root| !has(&chain, *root)).collect::<Vec<_>>();
        let unused = old.iter().copied().filter(|root| !has(&streams, *root)).collect::<Vec<_>>();
        for (vm, root) in unused {
            self.vms.shut_down(vm, root);
        }
        let left = self.vms.roots();
        self.retiring = old.iter().any(|root| left.contains(root));
        self.vms.drop_empty();
    }
}

/// The body of the router's answer where nobody listens (rule `HC-5`). Later releases keep the transport's reason from clients.
fn unreachable(envoy: EnvoyVersion) -> &'static str {
    if envoy < EnvoyVersion::minor(38) {
        "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport \
         failure reason: delayed connect error: Connection refused"
    } else {
        "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure"
    }
}
