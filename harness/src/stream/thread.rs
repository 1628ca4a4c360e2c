//! One thread of the proxy: its VMs, the streams on it, its timers and callouts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::callout::{CalloutAnswer, GrpcAnswer, router_reply};
use super::proxy::{FailurePolicy, FilterSpec, LoadError};
use super::run::Run;
use super::side::Direction;
use super::state::{Ending, FilterState, StreamState};
use super::whole::Collector;
use super::{Baton, Frame, Passed, WireMessage};
use crate::abi::{Callback, Returned, Trap, Vm};
use crate::context::{
    Action, Attributes, CalloutRequest, Exchange, GrpcRequest, GrpcWhat, Incoming, LocalReply, Plugin, Process,
    Visible, VmContext, lock,
};
use crate::cost::Cost;

/// A VM that failed is loaded anew at the earliest after this (rule `FAIL-7`); Envoy adds up to half of it at random, which
/// is pinned to nothing here.
const RELOAD_BACKOFF: Duration = Duration::from_millis(1000);

/// A thread of the proxy.
#[derive(Debug)]
pub(super) struct Thread {
    pub vms: Vms,
    pub chain: Vec<Handle>,
    pub streams: BTreeMap<u64, StreamState>,
    next_stream: u64,
    buffer_limit: usize,
    /// There are plugins that the chain no longer has.
    retiring: bool,
}

/// The VMs of a thread, and what their guests wait for.
#[derive(Debug)]
pub(super) struct Vms {
    process: Arc<Process>,
    slots: Vec<Slot>,
    ticks: Vec<Tick>,
    pub callouts: Vec<Waiting>,
    /// What was asked of gRPC and not yet fetched, by VM.
    pub grpc: Vec<(usize, GrpcRequest)>,
    /// gRPC calls with a deadline.
    grpc_deadlines: Vec<Deadline>,
    /// Actions about other streams than the one whose call asked for them.
    pending: VecDeque<(usize, Action)>,
    index: usize,
    /// What VMs have cost that are gone.
    cost_before: Cost,
}

#[derive(Debug)]
struct Slot {
    vm: Vm,
    /// The filter that it was started for; others of its key share it.
    filter: Arc<FilterSpec>,
    loaded: Duration,
}

/// A filter of the chain on one thread.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    pub vm: usize,
    pub root: u32,
    pub filter: Arc<FilterSpec>,
}

/// A root context's timer (rule `TICK-1`).
#[derive(Debug)]
struct Tick {
    vm: usize,
    root: u32,
    period: Duration,
    next: Duration,
}

/// When a gRPC call is given up.
#[derive(Debug)]
struct Deadline {
    at: Duration,
    vm: usize,
    root: u32,
    token: u32,
}

/// A callout that has no answer yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub vm: usize,
    pub request: CalloutRequest,
    deadline: Option<Duration>,
    /// It has been shown to whoever answers.
    pub taken: bool,
}

impl Thread {
    /// Starts the VMs and plugins of a chain.
    pub(super) fn start(
        filters: &[Arc<FilterSpec>],
        process: &Arc<Process>,
        index: usize,
        buffer_limit: usize,
    ) -> Result<Self, LoadError> {
        let mut vms = Vms {
            process: process.clone(),
            slots: Vec::new(),
            ticks: Vec::new(),
            callouts: Vec::new(),
            grpc: Vec::new(),
            grpc_deadlines: Vec::new(),
            pending: VecDeque::new(),
            index,
            cost_before: Cost::default(),
        };
        let chain = filters.iter().map(|filter| vms.load(filter)).collect::<Result<_, _>>()?;
        let mut thread = Self { vms, chain, streams: BTreeMap::new(), next_stream: 1, buffer_limit, retiring: false };
        thread.settle();
        Ok(thread)
    }

    /// Takes over a new chain; streams that are under way keep the old one. Plugins that no stream needs any more are shut
    /// down (rule `LIFE-11`).
    pub(super) fn reload(&mut self, filters: &[Arc<FilterSpec>]) -> Result<(), LoadError> {
        self.chain = filters.iter().map(|filter| self.vms.load(filter)).collect::<Result<_, _>>()?;
        self.settle();
        self.retiring = true;
        self.retire();
        Ok(())
    }

    /// Begins a stream: every filter gets its context's id, before its VM is entered (rule `LIFE-7`).
    pub(super) fn open(&mut self, attributes: Attributes) -> u64 {
        self.revive();
        let exchange = Arc::new(std::sync::Mutex::new(Exchange { attributes, ..Exchange::default() }));
        let mut state = StreamState {
            exchange: exchange.clone(),
            filters: Vec::new(),
            cost_before: self.cost(),
            out: Vec::new(),
            ending: None,
            response_begun: false,
            response_sent: false,
            replied: false,
            over: false,
        };
        for handle in &self.chain {
            let failed = self.vms.failed(handle.vm);
            // A new stream on a failed VM: without the filter, or a 503 at its headers (rule FAIL-8).
            if failed && handle.filter.failure_policy == FailurePolicy::Open {
                continue;
            }
            let Some(id) = self.vms.add_stream(handle.vm, handle.root, &exchange) else { continue };
            let handle = handle.clone();
            let (request, response) = Default::default();
            state.filters.push(FilterState { handle, id, created: false, failed: false, request, response });
        }
        let key = self.next_stream;
        self.next_stream += 1;
        self.streams.insert(key, state);
        key
    }

    /// Hands a frame to a stream.
    pub(super) fn send(&mut self, key: u64, direction: Direction, frame: Frame, end: bool) {
        if let Some(state) = self.streams.get_mut(&key) {
            Run { vms: &mut self.vms, state, buffer_limit: self.buffer_limit }.send(direction, frame, end);
        }
        self.settle();
    }

    /// What has become of a message that was sent in this direction.
    pub(super) fn passed(&mut self, key: u64, direction: Direction) -> Passed {
        let Some(state) = self.streams.get_mut(&key) else { return Passed::Reset };
        let (out, replied) = (std::mem::take(&mut state.out), state.replied);
        Collector::default().passed(out, replied, direction)
    }

    /// Ends a stream: log, done, delete (rule `LIFE-9`). Says what the thread has spent since it began.
    pub(super) fn close(&mut self, key: u64) -> Cost {
        let Some(state) = self.streams.remove(&key) else { return Cost::default() };
        for filter in state.filters.iter().rev() {
            if filter.created {
                for callback in [Callback::Log, Callback::Done, Callback::Delete] {
                    let log = callback == Callback::Log;
                    self.vms
                        .see(filter.handle.vm, filter.id, |visible| *visible = Visible { log, ..Visible::default() });
                    // A trap here fails the VM; this stream has been answered.
                    if self.vms.call(filter.handle.vm, filter.id, callback).is_err() {
                        break;
                    }
                }
            }
            self.vms.remove_stream(filter.handle.vm, filter.id);
        }
        self.settle();
        self.retire();
        self.cost() - state.cost_before
    }

    /// Delivers what came back for a callout to the root context that made it (rule `HC-7`).
    pub(super) fn answer(&mut self, vm: usize, token: u32, answer: CalloutAnswer) -> bool {
        let Some(at) = self.vms.callouts.iter().position(|c| c.vm == vm && c.request.token == token) else {
            return false;
        };
        let waiting = self.vms.callouts.remove(at);
        let response = match answer {
            CalloutAnswer::Response(response) => Some(response),
            CalloutAnswer::Unreachable => Some(router_reply(
                "503",
                "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
            )),
            CalloutAnswer::Reset => None,
        };
        self.vms.deliver(&waiting, response);
        self.settle();
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
        let ticks = self.vms.ticks.iter().map(|tick| tick.next);
        let callouts = self.vms.callouts.iter().filter_map(|callout| callout.deadline);
        ticks.chain(callouts).chain(self.vms.grpc_deadlines.iter().map(|deadline| deadline.at)).min()
    }

    /// Runs the timers and deadlines that are due.
    pub(super) fn run_due(&mut self, now: Duration) {
        while let Some(at) = self.vms.callouts.iter().position(|c| c.deadline.is_some_and(|deadline| deadline <= now)) {
            let waiting = self.vms.callouts.remove(at);
            self.vms.deliver(&waiting, Some(router_reply("504", "upstream request timeout")));
            self.settle();
        }
        while let Some(at) = self.vms.grpc_deadlines.iter().position(|deadline| deadline.at <= now) {
            let Deadline { vm, root, token, .. } = self.vms.grpc_deadlines.remove(at);
            let answer = GrpcAnswer::Close { status: 14, message: "upstream request timeout".to_owned() };
            self.grpc(vm, root, token, answer);
        }
        let due = self.vms.ticks.iter().filter(|tick| tick.next <= now).map(|tick| (tick.vm, tick.root));
        for (vm, root) in due.collect::<Vec<_>>() {
            // A failed VM has no ticks any more (rule FAIL-4).
            let _ = self.vms.call(vm, root, Callback::Tick);
            // Armed anew after it returned: nothing is caught up on.
            if let Some(tick) = self.vms.ticks.iter_mut().find(|tick| (tick.vm, tick.root) == (vm, root)) {
                tick.next = now + tick.period;
            }
            self.settle();
        }
    }

    /// Tells a root context that its queue has something (rule `SQ-3`).
    pub(super) fn queue_ready(&mut self, vm: usize, root: u32, token: u32) {
        let _ = self.vms.call(vm, root, Callback::QueueReady { token });
        self.settle();
    }

    /// What the VMs have cost so far.
    pub(super) fn cost(&self) -> Cost {
        let mut sum = self.vms.cost_before;
        for slot in &self.vms.slots {
            sum += slot.vm.cost();
        }
        sum
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.vms.slots.iter().map(|slot| slot.vm.memory_bytes()).sum()
    }

    pub(super) fn vm_count(&self) -> usize {
        self.vms.slots.len()
    }

    /// Does what calls have asked for about other streams than their own.
    fn settle(&mut self) {
        while let Some((vm, action)) = self.vms.pending.pop_front() {
            let id = action.context();
            let found = self.streams.values_mut().find_map(|state| {
                let index = state.filters.iter().position(|filter| filter.handle.vm == vm && filter.id == id)?;
                Some((state, index))
            });
            if let Some((state, index)) = found {
                Run { vms: &mut self.vms, state, buffer_limit: self.buffer_limit }.act(index, action);
            }
        }
    }

    /// Loads VMs anew that failed long enough ago, where the policy says so (rule `FAIL-7`).
    fn revive(&mut self) {
        for index in 0..self.chain.len() {
            let Some(handle) = self.chain.get(index).cloned() else { continue };
            if handle.filter.failure_policy == FailurePolicy::Reload && self.vms.failed(handle.vm) {
                self.vms.revive(handle.vm, &mut self.chain);
            }
        }
    }

    /// Shuts plugins down that neither the chain nor a stream needs.
    fn retire(&mut self) {
        if !self.retiring {
            return;
        }
        let has =
            |handles: &[&Handle], root: (usize, u32)| handles.iter().any(|handle| (handle.vm, handle.root) == root);
        let chain = self.chain.iter().collect::<Vec<_>>();
        let streams = self.streams.values().flat_map(|state| state.filters.iter().map(|filter| &filter.handle));
        let streams = streams.collect::<Vec<_>>();
        let old = self.vms.roots().into_iter().filter(|root| !has(&chain, *root)).collect::<Vec<_>>();
        let unused = old.iter().copied().filter(|root| !has(&streams, *root)).collect::<Vec<_>>();
        for (vm, root) in unused {
            self.vms.shut_down(vm, root);
        }
        let left = self.vms.roots();
        self.retiring = old.iter().any(|root| left.contains(root));
    }
}

impl Vms {
    /// A plugin in the VM that it shares with others of its key, or in one of its own (rules `LIFE-1`, `LIFE-5`, `LIFE-15`).
    fn load(&mut self, filter: &Arc<FilterSpec>) -> Result<Handle, LoadError> {
        let found = self.slots.iter().position(|slot| same_vm(&slot.filter, filter));
        let vm = match found {
            Some(vm) => vm,
            None => {
                let vm = self.start(filter, self.slots.len())?;
                let loaded = self.process.clock().elapsed();
                self.slots.push(Slot { vm, filter: filter.clone(), loaded });
                self.slots.len() - 1
            }
        };
        let root = self.configure(vm, &filter.plugin)?;
        Ok(Handle { vm, root, filter: filter.clone() })
    }

    fn start(&self, filter: &FilterSpec, vm: usize) -> Result<Vm, LoadError> {
        let context = VmContext::new(self.process.clone(), &filter.plugin, (self.index, vm));
        Ok(Vm::start(filter.module.compiled(), context)?)
    }

    /// Creates, starts and configures a plugin. The same plugin twice has one root context.
    fn configure(&mut self, vm: usize, plugin: &Plugin) -> Result<u32, LoadError> {
        let before = self.process.log_written();
        let process = self.process.clone();
        let rejected = || LoadError::Rejected { filter: plugin.name.clone(), log: process.log_since(before) };
        let Some(slot) = self.slots.get_mut(vm) else { return Err(rejected()) };
        if let Some(root) = slot.vm.context().find_root(plugin) {
            return Ok(root);
        }
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let root = slot.vm.context().add_root(Arc::new(plugin.clone()));
        self.call(vm, root, Callback::ContextCreate { parent: 0 })?;
        // An absent callback is a yes: rule LIFE-6 is about results, and there is none.
        let started = self.call(vm, root, Callback::VmStart { size: size(&plugin.vm_configuration) })?.word != Some(0);
        if !started || self.call(vm, root, Callback::Configure { size: size(&plugin.configuration) })?.word == Some(0) {
            return Err(rejected());
        }
        Ok(root)
    }

    /// Calls a guest and notes what it wants for later.
    pub(super) fn call(&mut self, vm: usize, context: u32, callback: Callback) -> Result<Returned, Trap> {
        self.call_with(vm, context, callback, Incoming::Nothing)
    }

    fn call_with(&mut self, vm: usize, context: u32, callback: Callback, incoming: Incoming) -> Result<Returned, Trap> {
        let Some(slot) = self.slots.get_mut(vm) else {
            return Ok(Returned { word: None, actions: Vec::new() });
        };
        let result = slot.vm.call_with(context, callback, incoming);
        let now = self.process.clock().elapsed();
        let wishes = slot.vm.context().take_wishes();
        for request in wishes.callouts {
            let deadline = request.timeout.map(|timeout| now + timeout);
            self.callouts.push(Waiting { vm, request, deadline, taken: false });
        }
        for request in wishes.grpc {
            if let GrpcWhat::Call { timeout: Some(timeout), .. } = &request.what {
                let (root, token) = (request.root, request.token);
                self.grpc_deadlines.push(Deadline { at: now + *timeout, vm, root, token });
            }
            self.grpc.push((vm, request));
        }
        for (root, period) in wishes.ticks {
            self.ticks.retain(|tick| (tick.vm, tick.root) != (vm, root));
            if !period.is_zero() {
                self.ticks.push(Tick { vm, root, period, next: now + period });
            }
        }
        if slot.vm.failed() {
            self.ticks.retain(|tick| tick.vm != vm);
            self.callouts.retain(|callout| callout.vm != vm);
        }
        let mut returned = result?;
        // What is about the called stream is its own run's business; the rest waits for `Thread::settle`.
        let (own, other) = returned.actions.into_iter().partition(|action| action.context() == context);
        returned.actions = own;
        self.pending.extend(Vec::into_iter(other).map(|action| (vm, action)));
        Ok(returned)
    }

    fn deliver(&mut self, waiting: &Waiting, response: Option<WireMessage>) {
        let count =
            |map: Option<&crate::context::HeaderMap>| map.map_or(0, |map| u32::try_from(map.len()).unwrap_or(u32::MAX));
        let callback = Callback::HttpCallResponse {
            token: waiting.request.token,
            headers: count(response.as_ref().map(|response| &response.headers)),
            body: response.as_ref().map_or(0, |response| u32::try_from(response.body().len()).unwrap_or(u32::MAX)),
            trailers: count(response.as_ref().and_then(|response| response.trailers.as_ref())),
        };
        // A trap in the handler answers no paused stream (rule HC-9).
        if let Ok(returned) = self.call_with(waiting.vm, waiting.request.root, callback, Incoming::Http(response)) {
            self.pending.extend(returned.actions.into_iter().map(|action| (waiting.vm, action)));
        }
    }

    fn grpc_answer(&mut self, vm: usize, root: u32, token: u32, answer: GrpcAnswer) -> bool {
        let Some(slot) = self.slots.get_mut(vm) else { return false };
        if !slot.vm.context().is_grpc_open(token) {
            return false;
        }
        // A call ends with its answer, a stream with its close (rules GRPC-2, GRPC-3).
        let is_call = token % 4 == 1;
        if matches!(answer, GrpcAnswer::Close { .. }) || (is_call && matches!(answer, GrpcAnswer::Message(_))) {
            slot.vm.context().end_grpc(token);
            self.grpc_deadlines.retain(|deadline| (deadline.vm, deadline.token) != (vm, token));
        }
        let count = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let (callback, incoming) = match answer {
            GrpcAnswer::InitialMetadata(metadata) => (
                Callback::GrpcInitialMetadata { token, count: count(metadata.len()) },
                Incoming::GrpcInitialMetadata(metadata),
            ),
            GrpcAnswer::Message(message) => {
                (Callback::GrpcMessage { token, size: count(message.len()) }, Incoming::GrpcMessage(message))
            }
            GrpcAnswer::TrailingMetadata(metadata) => (
                Callback::GrpcTrailingMetadata { token, count: count(metadata.len()) },
                Incoming::GrpcTrailingMetadata(metadata),
            ),
            GrpcAnswer::Close { status, message } => {
                (Callback::GrpcClose { token, status }, Incoming::GrpcClose(status, message))
            }
        };
        if let Ok(returned) = self.call_with(vm, root, callback, incoming) {
            self.pending.extend(returned.actions.into_iter().map(|action| (vm, action)));
        }
        true
    }

    /// Lets the guests' host calls wait for a baton, or no longer.
    pub(super) fn set_baton(&mut self, baton: Option<(Arc<Baton>, usize)>) {
        for slot in &mut self.slots {
            slot.vm.set_baton(baton.clone());
        }
    }

    pub(super) fn failed(&self, vm: usize) -> bool {
        self.slots.get(vm).is_none_or(|slot| slot.vm.failed())
    }

    pub(super) fn see(&mut self, vm: usize, stream: u32, change: impl FnOnce(&mut Visible)) {
        if let Some(visible) = self.slots.get_mut(vm).and_then(|slot| slot.vm.context().visible_mut(stream)) {
            change(visible);
        }
    }

    fn add_stream(&mut self, vm: usize, root: u32, exchange: &Arc<std::sync::Mutex<Exchange>>) -> Option<u32> {
        Some(self.slots.get_mut(vm)?.vm.context().add_stream(root, exchange.clone()))
    }

    fn remove_stream(&mut self, vm: usize, stream: u32) {
        if let Some(slot) = self.slots.get_mut(vm) {
            slot.vm.context().remove_stream(stream);
        }
    }

    /// A fresh VM in the place of a failed one, with all of its plugins that the chain has.
    fn revive(&mut self, vm: usize, chain: &mut [Handle]) {
        let now = self.process.clock().elapsed();
        let Some(slot) = self.slots.get(vm) else { return };
        if now < slot.loaded + RELOAD_BACKOFF {
            return;
        }
        let filter = slot.filter.clone();
        let Ok(fresh) = self.start(&filter, vm) else { return };
        if let Some(slot) = self.slots.get_mut(vm) {
            self.cost_before += slot.vm.cost();
            (slot.vm, slot.loaded) = (fresh, now);
        }
        for handle in chain.iter_mut().filter(|handle| handle.vm == vm) {
            if let Ok(root) = self.configure(vm, &handle.filter.plugin) {
                handle.root = root;
            }
        }
    }

    fn roots(&mut self) -> Vec<(usize, u32)> {
        let slots = self.slots.iter_mut().enumerate();
        slots.flat_map(|(vm, slot)| slot.vm.context().roots().map(move |root| (vm, root)).collect::<Vec<_>>()).collect()
    }

    /// Done, and delete unless the plugin wants to finish something first (rule `LIFE-11`).
    fn shut_down(&mut self, vm: usize, root: u32) {
        let waits = self.slots.get_mut(vm).is_some_and(|slot| slot.vm.context().waits_for_done(root));
        if !waits {
            let done = self.call(vm, root, Callback::Done);
            let stays = matches!(&done, Ok(Returned { word: Some(0), .. }));
            if let Some(slot) = self.slots.get_mut(vm).filter(|_| stays) {
                slot.vm.context().wait_for_done(root);
                return;
            }
        } else if !self.slots.get_mut(vm).is_some_and(|slot| slot.vm.context().is_done(root)) {
            return;
        }
        let _ = self.call(vm, root, Callback::Delete);
        self.ticks.retain(|tick| (tick.vm, tick.root) != (vm, root));
        self.callouts.retain(|callout| (callout.vm, callout.request.root) != (vm, root));
        if let Some(slot) = self.slots.get_mut(vm) {
            slot.vm.context().remove_root(root);
        }
    }
}

/// Whether two filters share a VM on a thread (rule `LIFE-1`; what Envoy 1.39 added is part of it).
fn same_vm(a: &FilterSpec, b: &FilterSpec) -> bool {
    let key = |filter: &FilterSpec| {
        let plugin = &filter.plugin;
        (plugin.vm_id.clone(), plugin.vm_configuration.clone(), plugin.environment.clone())
    };
    key(a) == key(b) && a.module.bytes() == b.module.bytes()
}

/// What a stream gets whose VM has died (rule `FAIL-3`).
pub(super) fn failed_stream() -> Ending {
    Ending::Reply(LocalReply::failed_stream())
}

/// The request's bytes so far, for attributes.
pub(super) fn count_bytes(state: &StreamState, direction: Direction, bytes: usize) {
    if direction == Direction::Request {
        lock(&state.exchange).attributes.request_bytes += bytes as u64;
    }
}
