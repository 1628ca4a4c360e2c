//! A chain of filters, loaded as Envoy loads them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tamis_module::gate::{self, EnvoyVersion};
use wasmtime::Module;

use super::callout::{Callout, CalloutAnswer, CalloutId, GrpcAnswer, GrpcEvent, GrpcId};
use super::canary::{canaries, holds};
use super::side::Direction;
use super::state::Out;
use super::thread::Thread;
use super::{Frame, Stream};
use crate::abi::{Faults, Trap, Vm};
use crate::context::{Attributes, LocalReply, LogLine, Plugin, Process, VmContext, VmIdHandle, lock};
use crate::cost::Cost;
use crate::engine;
use crate::native::Native;
use crate::symbols::Symbols;
use crate::verdict;

/// The proxy's limit on what it buffers for one message (rule `BODY-6`).
pub const DEFAULT_BUFFER_LIMIT: usize = 1 << 20;

/// A module that is ready to be instantiated.
#[derive(Clone)]
pub struct LoadedModule {
    bytes: Arc<[u8]>,
    code: Code,
    symbols: Option<Arc<Symbols>>,
}

#[derive(Clone)]
enum Code {
    Wasm(Module),
    Native(Native),
}

/// One filter of a chain.
#[derive(Debug, Clone)]
pub struct FilterSpec {
    /// Its code.
    pub module: LoadedModule,
    /// Its name and configuration.
    pub plugin: Plugin,
    /// What happens to streams after its VM has died.
    pub failure_policy: FailurePolicy,
}

/// What happens to streams that come after a VM has died (rule `FAIL-8`). The stream that met the trap gets a 503 either
/// way (rule `FAIL-5`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// They get a 503.
    #[default]
    Closed,
    /// They go on without the filter.
    Open,
    /// They get a 503, until the VM is loaded anew (rule `FAIL-7`).
    Reload,
}

/// A proxy with one chain of filters, on a main thread and workers.
#[derive(Debug)]
pub struct Proxy {
    process: Arc<Process>,
    /// The main thread first, then the workers.
    pub(super) threads: Vec<Thread>,
    options: Options,
    /// What is stored under the chain's VM ids does not go while the chain is there, though no thread runs a VM.
    holds: Vec<VmIdHandle>,
}

/// How a proxy is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many workers there are, `--concurrency` in Envoy. At least one.
    pub workers: usize,
    /// The limit on what is buffered for one message, in bytes (rule `BODY-6`).
    pub buffer_limit: usize,
    /// Which Envoy it behaves like. Those before 1.36 were read and never run.
    pub envoy: EnvoyVersion,
}

/// Names a stream that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    thread: usize,
    key: u64,
}

/// Why a filter could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No Envoy would load the module.
    #[error("{0}")]
    Refused(#[from] gate::Refusal),
    /// wasmtime could not compile it.
    #[error("the module does not compile: {0}")]
    Compile(String),
    /// It died while it was started.
    #[error("{0}")]
    Trapped(#[from] Trap),
    /// A variable of its environment is named twice (rule `CFG-4`).
    #[error("filter `{filter}` sets the environment variable `{name}` twice; name it once")]
    Environment {
        /// The filter's name.
        filter: String,
        /// The variable's.
        name: String,
    },
    /// It said no to its configuration.
    #[error("filter `{filter}` rejects its configuration{}", quoted(.log))]
    Rejected {
        /// The filter's name.
        filter: String,
        /// What it logged meanwhile.
        log: Vec<LogLine>,
    },
}

impl LoadedModule {
    /// Checks a module at the gate and compiles it; the second time the compiled code comes from the cache.
    ///
    /// # Errors
    ///
    /// [`LoadError::Refused`] and [`LoadError::Compile`].
    pub fn new(bytes: &[u8]) -> Result<Self, LoadError> {
        verdict::check(bytes, None)?;
        Self::compile(bytes)
    }

    /// The same for one Envoy alone, whatever others would say: a module may then import what only that one offers. Features
    /// of WebAssembly above those of every supported Envoy are refused all the same, because the engine has none of them.
    ///
    /// # Errors
    ///
    /// [`LoadError::Refused`] and [`LoadError::Compile`].
    pub fn for_envoy(bytes: &[u8], envoy: EnvoyVersion) -> Result<Self, LoadError> {
        verdict::check(bytes, Some(envoy))?;
        Self::compile(bytes)
    }

    fn compile(bytes: &[u8]) -> Result<Self, LoadError> {
        let compile = |error: wasmtime::Error| LoadError::Compile(format!("{error:#}"));
        let compiled = Module::new(engine::engine().map_err(compile)?, bytes).map_err(compile)?;
        Ok(Self { bytes: bytes.into(), code: Code::Wasm(compiled), symbols: None })
    }

    /// Takes the names and lines of its traces from the file that `tamis build` keeps beside a module; without a file, or
    /// with another module's, they stay offsets. The file is read when there is a trace.
    #[must_use]
    pub fn with_debug_file(self, file: PathBuf) -> Self {
        let symbols = Some(Arc::new(Symbols::new(self.bytes.clone(), file)));
        Self { symbols, ..self }
    }

    /// A filter that was compiled for this machine, in the place of a module; see [`crate::native`].
    #[must_use]
    pub fn native(native: Native) -> Self {
        Self { bytes: Arc::default(), code: Code::Native(native), symbols: None }
    }

    /// The module's bytes; a native filter has none.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A VM of it.
    pub(crate) fn start(&self, context: VmContext) -> Result<Vm, Trap> {
        match &self.code {
            Code::Wasm(module) => Vm::start(module, self.symbols.clone(), context),
            Code::Native(native) => Vm::start_native(native, context),
        }
    }

    /// Whether both are the same code.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (&self.code, &other.code) {
            (Code::Native(a), Code::Native(b)) => a.is(b),
            (Code::Wasm(_), Code::Wasm(_)) => self.bytes == other.bytes,
            _ => false,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { workers: 1, buffer_limit: DEFAULT_BUFFER_LIMIT, envoy: EnvoyVersion::NEWEST }
    }
}

impl Proxy {
    /// Loads a chain on one worker; see [`load_with`](Self::load_with).
    ///
    /// # Errors
    ///
    /// [`LoadError`] of the first filter that cannot be loaded; nothing runs then.
    pub fn load(filters: &[FilterSpec], process: Arc<Process>) -> Result<Self, LoadError> {
        Self::load_with(filters, process, Options::default())
    }

    /// Loads a chain: each filter first in a canary VM, then on the main thread and on every worker (rules `LIFE-3`,
    /// `LIFE-4`).
    ///
    /// # Errors
    ///
    /// [`LoadError`] of the first filter that cannot be loaded; nothing runs then.
    pub fn load_with(filters: &[FilterSpec], process: Arc<Process>, options: Options) -> Result<Self, LoadError> {
        let filters = filters.iter().cloned().map(Arc::new).collect::<Vec<_>>();
        let holds = holds(&filters, &process);
        canaries(&filters, &process, options, None)?;
        let threads =
            (0..=options.workers.max(1)).map(|index| Thread::start(&filters, &process, index, options)).collect();
        let mut proxy = Self { process, threads, options, holds };
        proxy.settle();
        Ok(proxy)
    }

    /// Takes over a new chain, if every filter of it accepts its configuration in a canary VM. Streams that are under way
    /// keep the chain that they began with; plugins whose configuration is the same keep their state.
    ///
    /// # Errors
    ///
    /// [`LoadError`] of the first filter that cannot be loaded; the old chain goes on then.
    pub fn reload(&mut self, filters: &[FilterSpec]) -> Result<(), LoadError> {
        self.take_over(filters, Thread::reload)
    }

    fn take_over(
        &mut self,
        filters: &[FilterSpec],
        on_thread: impl Fn(&mut Thread, &[Arc<FilterSpec>]),
    ) -> Result<(), LoadError> {
        let filters = filters.iter().cloned().map(Arc::new).collect::<Vec<_>>();
        let holds = holds(&filters, &self.process);
        canaries(&filters, &self.process, self.options, self.threads.first())?;
        for thread in &mut self.threads {
            on_thread(thread, &filters);
        }
        self.holds = holds;
        self.settle();
        Ok(())
    }

    /// Takes over the chain of a changed listener, as [`reload`](Self::reload) does. The plugins of the old one stay until
    /// [`drained`](Self::drained) is said, and their streams until then at most (rule `LIFE-16`).
    ///
    /// # Errors
    ///
    /// Those of [`reload`](Self::reload).
    pub fn replace(&mut self, filters: &[FilterSpec]) -> Result<(), LoadError> {
        self.take_over(filters, Thread::replace)
    }

    /// The time is over that the chains of earlier listeners have to drain: plugins go that no stream needs. Streams that are
    /// left over are closed by whoever says this, before.
    pub fn drained(&mut self) {
        for thread in &mut self.threads {
            thread.drained();
        }
        self.settle();
    }

    /// Begins a stream of whole messages on the first worker.
    pub fn open(&mut self, attributes: Attributes) -> Stream<'_> {
        let key = self.open_on(0, attributes);
        Stream::new(self, key)
    }

    /// Begins a stream on a worker, counted from 0; one that does not exist is the last.
    pub fn open_on(&mut self, worker: usize, attributes: Attributes) -> StreamKey {
        let thread = (worker + 1).min(self.threads.len().saturating_sub(1));
        let key = self.threads.get_mut(thread).map_or(0, |thread| thread.open(attributes));
        StreamKey { thread, key }
    }

    /// Hands a piece of a message to a stream; with `end` it is the message's last.
    pub fn send(&mut self, stream: StreamKey, direction: Direction, frame: Frame, end: bool) {
        if let Some(thread) = self.threads.get_mut(stream.thread) {
            thread.send(stream.key, direction, frame, end);
        }
        self.settle();
    }

    /// What has left the chain since the last call, in order.
    pub fn take_out(&mut self, stream: StreamKey) -> Vec<Out> {
        let thread = self.threads.get_mut(stream.thread);
        let state = thread.and_then(|thread| thread.streams.get_mut(&stream.key));
        state.map(|state| std::mem::take(&mut state.out)).unwrap_or_default()
    }

    /// Whether the proxy has answered a stream itself.
    #[must_use]
    pub fn replied(&self, stream: StreamKey) -> bool {
        let thread = self.threads.get(stream.thread);
        thread.and_then(|thread| thread.streams.get(&stream.key)).is_some_and(|state| state.replied)
    }

    /// What a stream's filters have stored for access logs under `wasm.<name>`.
    #[must_use]
    pub fn filter_state(&self, stream: StreamKey, name: &str) -> Option<Vec<u8>> {
        let state = self.threads.get(stream.thread)?.streams.get(&stream.key)?;
        lock(&state.exchange).filter_state.get(format!("wasm.{name}").as_bytes()).cloned()
    }

    /// The streams from which something has left the chain that was not fetched yet.
    #[must_use]
    pub(crate) fn ready(&self) -> Vec<StreamKey> {
        let threads = self.threads.iter().enumerate();
        let streams =
            threads.flat_map(|(thread, state)| state.streams.iter().map(move |(key, state)| (thread, key, state)));
        let ready = streams.filter(|(_, _, state)| !state.out.is_empty());
        ready.map(|(thread, key, _)| StreamKey { thread, key: *key }).collect()
    }

    /// How many bytes of a body the chain holds back.
    #[must_use]
    pub(crate) fn held(&self, stream: StreamKey, direction: Direction) -> usize {
        let state = self.threads.get(stream.thread).and_then(|thread| thread.streams.get(&stream.key));
        state.map_or(0, |state| state.held(direction))
    }

    /// The limit on what is buffered for one message, in bytes (rule `BODY-6`).
    #[must_use]
    pub(crate) fn buffer_limit(&self) -> usize {
        self.options.buffer_limit
    }

    /// Answers a stream in place of its upstream, as the proxy itself does (rules `LR-6`, `LR-7`).
    pub(crate) fn reply(&mut self, stream: StreamKey, reply: LocalReply) {
        if let Some(thread) = self.threads.get_mut(stream.thread) {
            thread.reply(stream.key, reply);
        }
        self.settle();
    }

    /// Whether something can still happen by itself: a timer, or the answer to a callout.
    #[must_use]
    pub(crate) fn is_waiting(&self) -> bool {
        self.threads.iter().any(|thread| thread.next_event().is_some() || !thread.vms.callouts.is_empty())
    }

    /// Ends a stream; says what its worker has spent since it began.
    pub fn close(&mut self, stream: StreamKey) -> Cost {
        let cost = self.threads.get_mut(stream.thread).map(|thread| thread.close(stream.key)).unwrap_or_default();
        self.settle();
        cost
    }

    /// The callouts that have been made since the last call, in order.
    pub fn take_callouts(&mut self) -> Vec<Callout> {
        let mut callouts = Vec::new();
        for (index, thread) in self.threads.iter_mut().enumerate() {
            for waiting in thread.vms.callouts.iter_mut().filter(|waiting| !waiting.taken) {
                waiting.taken = true;
                callouts.push(Callout {
                    id: CalloutId { thread: index, vm: waiting.vm, token: waiting.request.token },
                    cluster: waiting.request.cluster.clone(),
                    request: waiting.request.message.clone(),
                    timeout: waiting.request.timeout,
                });
            }
        }
        callouts
    }

    /// Answers a callout. Says whether anybody was still waiting.
    pub fn answer(&mut self, callout: CalloutId, answer: CalloutAnswer) -> bool {
        let thread = self.threads.get_mut(callout.thread);
        let delivered = thread.is_some_and(|thread| thread.answer(callout.vm, callout.token, answer));
        self.settle();
        delivered
    }

    /// What filters have asked of gRPC since the last call, in order.
    pub fn take_grpc(&mut self) -> Vec<GrpcEvent> {
        let mut events = Vec::new();
        for (thread, state) in self.threads.iter_mut().enumerate() {
            for (vm, request) in state.vms.grpc.drain(..) {
                let id = GrpcId { thread, vm, root: request.root, token: request.token };
                events.push(GrpcEvent { id, what: request.what });
            }
        }
        events
    }

    /// Hands something to a gRPC call or stream. Says whether it was still open.
    pub fn answer_grpc(&mut self, id: GrpcId, answer: GrpcAnswer) -> bool {
        let thread = self.threads.get_mut(id.thread);
        let delivered = thread.is_some_and(|thread| thread.grpc(id.vm, id.root, id.token, answer));
        self.settle();
        delivered
    }

    /// Moves time on, and runs every timer and deadline on the way at its own time. Only a virtual clock can be moved; with
    /// the machine's, what is due by now runs.
    pub fn advance(&mut self, by: Duration) {
        let target = self.process.clock().elapsed() + by;
        while let Some((at, thread)) = self.next_event().filter(|(at, _)| *at <= target) {
            self.process.move_clock_to(at);
            if let Some(thread) = self.threads.get_mut(thread) {
                thread.run_due(at);
            }
            self.settle();
        }
        self.process.move_clock_to(target);
    }

    /// Lets a filter's timer on a worker fire now, if it is set; both are counted from 0. Time stands still meanwhile.
    pub(crate) fn tick(&mut self, worker: usize, filter: usize) {
        let now = self.process.clock().elapsed();
        if let Some(thread) = self.workers().get_mut(worker) {
            thread.tick(filter, now);
        }
        self.settle();
    }

    /// How long it is until the next timer or deadline; none when there is none.
    #[must_use]
    pub fn due_in(&self) -> Option<Duration> {
        Some(self.next_event()?.0.saturating_sub(self.process.clock().elapsed()))
    }

    /// Lets things go wrong in the VM of a filter on a worker, both counted from 0; [`Faults::default`] ends it. Other
    /// filters in the same VM are met too; a VM that is loaded anew has no faults.
    pub fn set_faults(&mut self, worker: usize, filter: usize, faults: Faults) {
        if let Some(thread) = self.workers().get_mut(worker)
            && let Some(handle) = thread.chain.get(filter)
        {
            thread.vms.set_faults(handle.vm, faults);
        }
    }

    /// What all VMs share.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// What all threads but the main one have cost so far.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let mut sum = Cost::default();
        for thread in self.threads.iter().skip(1) {
            sum += thread.vms.cost();
        }
        sum
    }

    /// The memory of the workers' guests, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.threads.iter().skip(1).map(|thread| thread.vms.memory_bytes()).sum()
    }

    /// How many VMs a thread has: filters with equal code and VM id share one (rule `LIFE-15`).
    #[must_use]
    pub fn vm_count(&self) -> usize {
        self.threads.first().map_or(0, |thread| thread.vms.count())
    }

    /// How many workers there are.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        self.threads.len().saturating_sub(1)
    }

    /// The workers.
    pub(super) fn workers(&mut self) -> &mut [Thread] {
        self.threads.get_mut(1..).unwrap_or_default()
    }

    fn next_event(&self) -> Option<(Duration, usize)> {
        let events = self.threads.iter().enumerate().filter_map(|(i, thread)| Some((thread.next_event()?, i)));
        events.min()
    }

    /// Tells queues' consumers what has come for them, until nothing is left to tell.
    pub(super) fn settle(&mut self) {
        while let Some(ready) = self.process.next_queue_event() {
            let (thread, vm) = ready.place;
            if let Some(thread) = self.threads.get_mut(thread) {
                thread.queue_ready(vm, ready.root, ready.token);
            }
        }
    }
}

impl fmt::Debug for LoadedModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Code::Wasm(_) => write!(f, "LoadedModule({} bytes)", self.bytes.len()),
            Code::Native(native) => write!(f, "LoadedModule({native:?})"),
        }
    }
}

fn quoted(log: &[LogLine]) -> String {
    log.iter().map(|line| format!("\n  {}", line.message)).collect()
}
