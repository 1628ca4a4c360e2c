//! A chain of filters, loaded as Envoy loads them.

use std::fmt;
use std::sync::Arc;

use tamis_module::abi::AbiVersion;
use wasmtime::Module;

use super::Stream;
use crate::abi::{Callback, Trap, Vm};
use crate::context::{Attributes, LogLine, Plugin, Process, VmContext};
use crate::cost::Cost;
use crate::engine;

/// The proxy's limit on what it buffers for one message (rule `BODY-6`).
pub const DEFAULT_BUFFER_LIMIT: usize = 1 << 20;

/// A module that is ready to be instantiated.
#[derive(Clone)]
pub struct LoadedModule {
    bytes: Arc<[u8]>,
    compiled: Module,
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
}

/// A proxy with one chain of filters.
#[derive(Debug)]
pub struct Proxy {
    process: Arc<Process>,
    main: Thread,
    worker: Thread,
    buffer_limit: usize,
}

/// The VMs of one thread of the proxy, and where in them each filter of the chain lives.
#[derive(Debug)]
pub(super) struct Thread {
    pub vms: Vec<Vm>,
    pub chain: Vec<Handle>,
}

/// A filter of the chain on one thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handle {
    pub vm: usize,
    pub root: u32,
    pub policy: FailurePolicy,
}

/// Why a filter could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No Envoy would load the module.
    #[error("{0}")]
    Refused(#[from] tamis_module::gate::Refusal),
    /// Envoy would load it; this harness does not speak its version of the ABI.
    #[error(
        "the module speaks ABI 0.1.0, which proxies still load and this harness does not run; build it with a newer SDK"
    )]
    OldAbi,
    /// wasmtime could not compile it.
    #[error("the module does not compile: {0}")]
    Compile(String),
    /// It died while it was started.
    #[error("{0}")]
    Trapped(#[from] Trap),
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
        if tamis_module::gate::check(bytes)?.abi == Some(AbiVersion::V0_1_0) {
            return Err(LoadError::OldAbi);
        }
        let compile = |error: wasmtime::Error| LoadError::Compile(format!("{error:#}"));
        let compiled = Module::new(engine::engine().map_err(compile)?, bytes).map_err(compile)?;
        Ok(Self { bytes: bytes.into(), compiled })
    }

    /// The module's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn compiled(&self) -> &Module {
        &self.compiled
    }
}

impl Proxy {
    /// Loads a chain: each filter first in a canary VM, then on the main thread and the worker.
    ///
    /// # Errors
    ///
    /// [`LoadError`] of the first filter that cannot be loaded; nothing runs then.
    pub fn load(filters: &[FilterSpec], process: Arc<Process>) -> Result<Self, LoadError> {
        for filter in filters {
            Thread::start(std::slice::from_ref(filter), &process)?;
        }
        let main = Thread::start(filters, &process)?;
        let worker = Thread::start(filters, &process)?;
        Ok(Self { process, main, worker, buffer_limit: DEFAULT_BUFFER_LIMIT })
    }

    /// Begins a stream on the worker.
    pub fn open(&mut self, attributes: Attributes) -> Stream<'_> {
        Stream::new(&mut self.worker, self.buffer_limit, attributes)
    }

    /// What all VMs share.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// What the worker has cost so far.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.worker.cost()
    }

    /// The memory of the worker's guests, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.worker.vms.iter().map(Vm::memory_bytes).sum()
    }

    /// How many VMs a thread has: filters with equal code and VM id share one (rule `LIFE-15`).
    #[must_use]
    pub fn vm_count(&self) -> usize {
        self.main.vms.len()
    }
}

impl Thread {
    fn start(filters: &[FilterSpec], process: &Arc<Process>) -> Result<Self, LoadError> {
        let mut thread = Self { vms: Vec::new(), chain: Vec::new() };
        let mut keys: Vec<(&str, &[u8])> = Vec::new();
        for filter in filters {
            let key = (filter.plugin.vm_id.as_str(), filter.module.bytes());
            let vm = match keys.iter().position(|other| *other == key) {
                Some(vm) => vm,
                None => {
                    keys.push(key);
                    let context = VmContext::new(process.clone(), &filter.plugin.vm_id);
                    thread.vms.push(Vm::start(filter.module.compiled(), context)?);
                    keys.len() - 1
                }
            };
            let root = thread.configure(vm, filter, process)?;
            thread.chain.push(Handle { vm, root, policy: filter.failure_policy });
        }
        Ok(thread)
    }

    /// Creates, starts and configures a plugin in a VM (rule `LIFE-5`). The same plugin twice has one root context.
    fn configure(&mut self, vm: usize, filter: &FilterSpec, process: &Process) -> Result<u32, LoadError> {
        let before = process.log_written();
        let rejected = || LoadError::Rejected { filter: filter.plugin.name.clone(), log: process.log_since(before) };
        let Some(vm) = self.vms.get_mut(vm) else { return Err(rejected()) };
        let plugin = Arc::new(filter.plugin.clone());
        let size = u32::try_from(plugin.configuration.len()).unwrap_or(u32::MAX);
        if let Some(root) = vm.context().find_root(&plugin) {
            return Ok(root);
        }
        let root = vm.context().add_root(plugin);
        vm.call(root, Callback::ContextCreate { parent: 0 })?;
        // An absent callback is a yes (rule LIFE-6 is about results, and there is none).
        let started = vm.call(root, Callback::VmStart { size: 0 })?.word != Some(0);
        if !started || vm.call(root, Callback::Configure { size })?.word == Some(0) {
            return Err(rejected());
        }
        Ok(root)
    }

    pub(super) fn cost(&self) -> Cost {
        let mut sum = Cost::default();
        for vm in &self.vms {
            sum += vm.cost();
        }
        sum
    }
}

impl fmt::Debug for LoadedModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoadedModule({} bytes)", self.bytes.len())
    }
}

fn quoted(log: &[LogLine]) -> String {
    log.iter().map(|line| format!("\n  {}", line.message)).collect()
}
