//! The VMs of a thread: which plugins live in them, and what their guests wait for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tamis_module::gate::EnvoyVersion;

use super::callout::GrpcAnswer;
use super::proxy::{FilterSpec, LoadError};
use super::thread::Handle;
use super::{Baton, WireMessage};
use crate::abi::{Callback, Faults, Returned, Trap, Vm};
use crate::context::{
    Action, CalloutRequest, Clock, Exchange, GrpcRequest, GrpcWhat, HeaderMap, Incoming, Plugin, Process, Visible,
    VmContext, Wishes,
};
use crate::cost::Cost;

/// A VM that failed is loaded anew at the earliest after this (rule `FAIL-7`); Envoy adds up to half of it at random, which
/// is pinned to nothing here.
const RELOAD_BACKOFF: Duration = Duration::from_millis(1000);
/// The VMs of a thread, and what their guests wait for.
#[derive(Debug)]
pub(super) struct Vms {
    process: Arc<Process>,
    envoy: EnvoyVersion,
    /// By number; one that is gone leaves its number to nobody.
    slots: BTreeMap<usize, Slot>,
    next_vm: usize,
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

impl Vms {
    /// No VMs yet, on the thread of this number.
    pub(super) fn new(process: Arc<Process>, index: usize, envoy: EnvoyVersion) -> Self {
        Self {
            process,
            envoy,
            slots: BTreeMap::new(),
            next_vm: 0,
            ticks: Vec::new(),
            callouts: Vec::new(),
            grpc: Vec::new(),
            grpc_deadlines: Vec::new(),
            pending: VecDeque::new(),
            index,
            cost_before: Cost::default(),
        }
    }

    /// Whether there is a VM of a filter's key.
    pub(super) fn has(&self, filter: &FilterSpec) -> bool {
        self.slots.values().any(|slot| same_vm(&slot.filter, filter, self.envoy))
    }

    /// Whether the Envoy is that of a release, or a later one.
    pub(super) fn is_since(&self, minor: u8) -> bool {
        self.envoy >= EnvoyVersion::minor(minor)
    }

    /// Which Envoy the harness behaves like.
    pub(super) const fn envoy(&self) -> EnvoyVersion {
        self.envoy
    }

    /// The process' clock.
    pub(super) fn clock(&self) -> Clock {
        self.process.clock()
    }

    /// What the VMs have cost so far.
    pub(super) fn cost(&self) -> Cost {
        let mut sum = self.cost_before;
        for slot in self.slots.values() {
            sum += slot.vm.cost();
        }
        sum
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.values().map(|slot| slot.vm.memory_bytes()).sum()
    }

    pub(super) fn count(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing waits that guests have asked for.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// The next action that a VM's guests have asked for about one of these contexts.
    pub(super) fn next_about(&mut self, vm: usize, contexts: &[u32]) -> Option<Action> {
        let is_own = |(other, action): &(usize, Action)| *other == vm && contexts.contains(&action.context());
        let at = self.pending.iter().position(is_own)?;
        self.pending.remove(at).map(|(_, action)| action)
    }

    /// The next action that waits, with its VM.
    pub(super) fn next_pending(&mut self) -> Option<(usize, Action)> {
        self.pending.pop_front()
    }

    /// When the next timer or deadline is.
    pub(super) fn next_event(&self) -> Option<Duration> {
        let ticks = self.ticks.iter().map(|tick| tick.next);
        let callouts = self.callouts.iter().filter_map(|callout| callout.deadline);
        ticks.chain(callouts).chain(self.grpc_deadlines.iter().map(|deadline| deadline.at)).min()
    }

    /// A callout that waits, which then no longer does.
    pub(super) fn take_callout(&mut self, vm: usize, token: u32) -> Option<Waiting> {
        let at = self.callouts.iter().position(|callout| (callout.vm, callout.request.token) == (vm, token))?;
        Some(self.callouts.remove(at))
    }

    /// A callout whose time is up.
    pub(super) fn take_late_callout(&mut self, now: Duration) -> Option<Waiting> {
        let late = |callout: &Waiting| callout.deadline.is_some_and(|deadline| deadline <= now);
        let at = self.callouts.iter().position(late)?;
        Some(self.callouts.remove(at))
    }

    /// A gRPC call whose time is up: its VM, root context and token.
    pub(super) fn take_late_grpc(&mut self, now: Duration) -> Option<(usize, u32, u32)> {
        let at = self.grpc_deadlines.iter().position(|deadline| deadline.at <= now)?;
        let Deadline { vm, root, token, .. } = self.grpc_deadlines.remove(at);
        Some((vm, root, token))
    }

    /// The timers that are due: their VMs and root contexts.
    pub(super) fn due_ticks(&self, now: Duration) -> Vec<(usize, u32)> {
        self.ticks.iter().filter(|tick| tick.next <= now).map(|tick| (tick.vm, tick.root)).collect()
    }

    /// Whether a root context has a timer.
    pub(super) fn has_tick(&self, vm: usize, root: u32) -> bool {
        self.ticks.iter().any(|tick| (tick.vm, tick.root) == (vm, root))
    }

    /// A timer that has run starts anew: nothing is caught up on (rule `TICK-1`).
    pub(super) fn arm_again(&mut self, vm: usize, root: u32, now: Duration) {
        if let Some(tick) = self.ticks.iter_mut().find(|tick| (tick.vm, tick.root) == (vm, root)) {
            tick.next = now + tick.period;
        }
    }

    /// A plugin in the VM that it shares with others of its key, or in one of its own (rules `LIFE-1`, `LIFE-5`, `LIFE-15`).
    pub(super) fn load(&mut self, filter: &Arc<FilterSpec>) -> Result<Handle, LoadError> {
        let found = self.slots.iter().find(|(_, slot)| same_vm(&slot.filter, filter, self.envoy));
        let vm = match found {
            Some((vm, _)) => *vm,
            None => {
                let number = self.next_vm;
                let vm = self.start(filter, number)?;
                let loaded = self.process.clock().elapsed();
                self.slots.insert(number, Slot { vm, filter: filter.clone(), loaded });
                self.next_vm += 1;
                number
            }
        };
        let root = self.configure(vm, &filter.plugin)?;
        Ok(Handle { vm, root, filter: filter.clone() })
    }

    fn start(&self, filter: &FilterSpec, vm: usize) -> Result<Vm, LoadError> {
        let context = VmContext::new(self.process.clone(), &filter.plugin, (self.index, vm), self.envoy);
        Ok(filter.module.start(context)?)
    }

    /// Creates, starts and configures a plugin. The same plugin twice has one root context.
    fn configure(&mut self, vm: usize, plugin: &Plugin) -> Result<u32, LoadError> {
        let before = self.process.log_written();
        let process = self.process.clone();
        let rejected = || LoadError::Rejected { filter: plugin.name.clone(), log: process.log_since(before) };
        let Some(slot) = self.slots.get_mut(&vm) else { return Err(rejected()) };
        if let Some(root) = slot.vm.context().find_root(plugin) {
            return Ok(root);
        }
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let root = slot.vm.context().add_root(Arc::new(plugin.clone()));
        self.call(vm, root, Callback::ContextCreate { parent: 0 })?;
        // An absent callback is a yes: rule LIFE-6 is about results, and there is none.
        let started = self.call(vm, root, Callback::VmStart { size: size(&plugin.vm_configuration) })?.word != Some(0);
        if started && self.call(vm, root, Callback::Configure { size: size(&plugin.configuration) })?.word != Some(0) {
            return Ok(root);
        }
        self.ticks.retain(|tick| (tick.vm, tick.root) != (vm, root));
        if let Some(slot) = self.slots.get_mut(&vm) {
            slot.vm.context().remove_root(root);
        }
        Err(rejected())
    }

    /// Calls a guest and notes what it wants for later.
    pub(super) fn call(&mut self, vm: usize, context: u32, callback: Callback) -> Result<Returned, Trap> {
        self.call_with(vm, context, callback, Incoming::Nothing)
    }

    fn call_with(&mut self, vm: usize, context: u32, callback: Callback, incoming: Incoming) -> Result<Returned, Trap> {
        let Some(slot) = self.slots.get_mut(&vm) else {
            return Ok(Returned { word: None, actions: Vec::new(), stops: false });
        };
        let result = slot.vm.call_with(context, callback, incoming);
        if let Some(wishes) = slot.vm.context().take_wishes() {
            self.note(vm, wishes);
        }
        if self.failed(vm) {
            self.ticks.retain(|tick| tick.vm != vm);
            self.callouts.retain(|callout| callout.vm != vm);
        }
        let mut returned = result?;
        // Whoever has called does it, as far as it is about the stream at hand; the rest waits for `Thread::settle`.
        self.pending.extend(std::mem::take(&mut returned.actions).into_iter().map(|action| (vm, action)));
        Ok(returned)
    }

    fn note(&mut self, vm: usize, wishes: Wishes) {
        let now = self.process.clock().elapsed();
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
    }

    pub(super) fn deliver(&mut self, waiting: &Waiting, response: Option<WireMessage>) {
        let count = |map: Option<&HeaderMap>| map.map_or(0, |map| u32::try_from(map.len()).unwrap_or(u32::MAX));
        let callback = Callback::HttpCallResponse {
            token: waiting.request.token,
            headers: count(response.as_ref().map(|response| &response.headers)),
            body: response.as_ref().map_or(0, |response| u32::try_from(response.body().len()).unwrap_or(u32::MAX)),
            trailers: count(response.as_ref().and_then(|response| response.trailers.as_ref())),
        };
        // A trap in the handler answers no paused stream (rule HC-9).
        let _ = self.call_with(waiting.vm, waiting.request.root, callback, Incoming::Http(response));
    }

    pub(super) fn grpc_answer(&mut self, vm: usize, root: u32, token: u32, answer: GrpcAnswer) -> bool {
        let Some(slot) = self.slots.get_mut(&vm) else { return false };
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
        let _ = self.call_with(vm, root, callback, incoming);
        true
    }

    /// Lets the guests' host calls wait for a baton, or no longer.
    pub(super) fn set_baton(&mut self, baton: Option<(Arc<Baton>, usize)>) {
        for slot in self.slots.values_mut() {
            slot.vm.set_baton(baton.clone());
        }
    }

    /// Lets things go wrong in a VM, or no longer.
    pub(super) fn set_faults(&mut self, vm: usize, faults: Faults) {
        if let Some(slot) = self.slots.get_mut(&vm) {
            slot.vm.set_faults(faults);
        }
    }

    pub(super) fn failed(&self, vm: usize) -> bool {
        self.slots.get(&vm).is_none_or(|slot| slot.vm.failed())
    }

    pub(super) fn see(&mut self, vm: usize, stream: u32, change: impl FnOnce(&mut Visible)) {
        if let Some(visible) = self.slots.get_mut(&vm).and_then(|slot| slot.vm.context().visible_mut(stream)) {
            change(visible);
        }
    }

    pub(super) fn add_stream(&mut self, vm: usize, root: u32, exchange: &Arc<Mutex<Exchange>>) -> Option<u32> {
        Some(self.slots.get_mut(&vm)?.vm.context().add_stream(root, exchange.clone()))
    }

    pub(super) fn remove_stream(&mut self, vm: usize, stream: u32) {
        if let Some(slot) = self.slots.get_mut(&vm) {
            slot.vm.context().remove_stream(stream);
        }
    }

    /// A fresh VM in the place of a failed one, with all of its plugins that the chain has.
    pub(super) fn revive(&mut self, vm: usize, chain: &mut [Handle]) {
        let now = self.process.clock().elapsed();
        let Some(slot) = self.slots.get(&vm) else { return };
        if now < slot.loaded + RELOAD_BACKOFF {
            return;
        }
        let filter = slot.filter.clone();
        let Ok(fresh) = self.start(&filter, vm) else { return };
        if let Some(slot) = self.slots.get_mut(&vm) {
            self.cost_before += slot.vm.cost();
            (slot.vm, slot.loaded) = (fresh, now);
        }
        for handle in chain.iter_mut().filter(|handle| handle.vm == vm) {
            if let Ok(root) = self.configure(vm, &handle.filter.plugin) {
                handle.root = root;
            }
        }
    }

    pub(super) fn roots(&mut self) -> Vec<(usize, u32)> {
        let slots = self.slots.iter_mut();
        slots.flat_map(|(vm, slot)| slot.vm.context().roots().map(|root| (*vm, root)).collect::<Vec<_>>()).collect()
    }

    /// Lets go of the VMs in which no plugin is left, and of all that waits for them: who comes back starts afresh (rule
    /// `SD-3`).
    pub(super) fn drop_empty(&mut self) {
        let empty = |(vm, slot): (&usize, &mut Slot)| slot.vm.context().roots().next().is_none().then_some(*vm);
        for vm in self.slots.iter_mut().filter_map(empty).collect::<Vec<_>>() {
            if let Some(slot) = self.slots.remove(&vm) {
                self.cost_before += slot.vm.cost();
            }
            self.ticks.retain(|tick| tick.vm != vm);
            self.callouts.retain(|callout| callout.vm != vm);
            self.grpc_deadlines.retain(|deadline| deadline.vm != vm);
            self.pending.retain(|(other, _)| *other != vm);
        }
    }

    /// The plugins of a VM that have something to finish.
    pub(super) fn leaving(&mut self, vm: usize) -> Vec<(usize, u32)> {
        let Some(slot) = self.slots.get_mut(&vm) else { return Vec::new() };
        let context = slot.vm.context();
        let roots = context.roots().collect::<Vec<_>>();
        roots.into_iter().filter(|root| context.waits_for_done(*root)).map(|root| (vm, root)).collect()
    }

    /// Done, and delete unless the plugin wants to finish something first (rule `LIFE-11`).
    pub(super) fn shut_down(&mut self, vm: usize, root: u32) {
        let waits = self.slots.get_mut(&vm).is_some_and(|slot| slot.vm.context().waits_for_done(root));
        if !waits {
            let done = self.call(vm, root, Callback::Done);
            let stays = matches!(&done, Ok(Returned { word: Some(0), .. }));
            if let Some(slot) = self.slots.get_mut(&vm).filter(|_| stays) {
                slot.vm.context().wait_for_done(root);
                return;
            }
        } else if !self.slots.get_mut(&vm).is_some_and(|slot| slot.vm.context().is_done(root)) {
            return;
        }
        let _ = self.call(vm, root, Callback::Delete);
        self.ticks.retain(|tick| (tick.vm, tick.root) != (vm, root));
        self.callouts.retain(|callout| (callout.vm, callout.request.root) != (vm, root));
        self.grpc_deadlines.retain(|deadline| (deadline.vm, deadline.root) != (vm, root));
        if let Some(slot) = self.slots.get_mut(&vm) {
            // Its calls and streams of gRPC are reset (rule GRPC-5).
            let reset = slot.vm.context().reset_grpc(root);
            self.grpc.extend(reset.into_iter().map(|request| (vm, request)));
            slot.vm.context().remove_root(root);
        }
    }
}

/// Whether two filters share a VM on a thread (rules `LIFE-1`, `LIFE-15`).
pub(super) fn same_vm(a: &FilterSpec, b: &FilterSpec, envoy: EnvoyVersion) -> bool {
    let (one, other) = (&a.plugin, &b.plugin);
    let environment = envoy < EnvoyVersion::minor(39) || one.environment == other.environment;
    one.vm_id == other.vm_id && one.vm_configuration == other.vm_configuration && environment && a.module.is(&b.module)
}
